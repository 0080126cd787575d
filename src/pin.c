/* pin.c - the pin ledger.
 *
 * Owns:     the chunk pages of `clients`.
 * Promise:  while a pin on a slot stands that was checked against the index after it was stored,
 *           the slot is not reused.
 * Writers:  a client stores only to chunks that it owns; recovery clears those of dead clients.
 * Ordering: PAIR pin-retire: reader: store the pin, full barrier, load the index word again.
 *           Writer: take the slot out of the index, full barrier, scan the cells. One of the two
 *           sees the other. PAIR ledger: n_chunks and `top` rise before the first pin that lies
 *           beyond the old value; a scan loads them after its barrier. A thread that has not raised
 *           them itself knows that from a hint (release, acquire) or from a look (seq).
 * Crash:    cells of a dead client stay set and do not count, since its life byte is unlocked. The
 *           same goes for a forked child without a row: its pages name a life that is no row.
 */
#include "pin.h"

#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "client.h"

/* Burying under the lock: pages looked at / cleared in one step. */
#define LOOKS_A_STEP  4096u
#define BURIED_A_STEP 64u

/* How often to list the pins anew because a process has forked meanwhile. */
#define LIST_TRIES 100u

/* As far as `clients` has memory for them, or else as far as it had when we looked last: each page was
 * backed before it counted, so a count beyond that is damaged, and to look at pages that nobody has
 * used makes them. */
uint32_t bn_pin_n_chunks(struct brain_store *store)
{
    uint32_t n = bn_load_seq(&store->clients->n_chunks); /* PAIR ledger */
    uint32_t seen = bn_load_relaxed(&store->n_chunks_seen);
    struct stat st;
    int fd;
    if (bn_likely(n <= seen)) {
        return n;
    }
    n = n < BN_CHUNKS_MAX ? n : BN_CHUNKS_MAX;
    if (bn_map_clients_fd(store->map, &fd) != 0 || fstat(fd, &st) != 0) {
        return n; /* to miss a pin would be worse */
    }
    if (n > (uint64_t)st.st_blocks * 512 / BN_PAGE) {
        return seen;
    }
    bn_raise32(&store->n_chunks_seen, n);
    return n;
}

/* ---- chunks */

static void empty_chunk(struct bn_chunk_rec *chunk)
{
    for (uint32_t i = 0; i < BN_CHUNK_CELLS; i++) {
        if (bn_load_relaxed(&chunk->cells[i]) != 0) {
            bn_store_relaxed(&chunk->cells[i], 0u); /* relaxed: ordered by what comes behind */
        }
    }
    bn_store_release(&chunk->top, 0u);
}

/* It is empty where nobody owns it; but files may be damaged, and what is in it would be this
 * process's pins, which nobody drops: its mapping would stay. */
static bool try_claim(struct brain_store *store, uint32_t i, uint32_t owner)
{
    struct bn_chunk_rec *chunk = bn_pin_chunk(store, i);
    uint32_t nobody = 0;
    if (bn_load_relaxed(&chunk->owner) != 0 || !bn_cas_seq(&chunk->owner, &nobody, owner)) {
        return false;
    }
    empty_chunk(chunk);
    return true;
}

/* One that nobody owns, else a new one. */
int bn_pin_claim_chunk(struct brain_store *store, uint32_t owner, struct bn_chunk_rec **chunk_out,
                       int *os_out)
{
    uint32_t n = bn_pin_n_chunks(store);
    /* Hits and counts do not take what newcomers need where there is no memory for more. */
    uint32_t first = (owner & (BN_CHUNK_HITS | BN_CHUNK_COUNTS)) != 0 ? BN_CHUNKS_RESERVED : 0;
    *os_out = 0;
    for (uint32_t i = first; i < n; i++) {
        if (try_claim(store, i, owner)) {
            *chunk_out = bn_pin_chunk(store, i);
            return 0;
        }
    }
    int fd, err = bn_map_clients_fd(store->map, &fd);
    /* Those that are passed over have memory, too: whoever looks at pins looks at all that count. */
    for (uint32_t i = n; err == 0 && i < BN_CHUNKS_MAX; i++) {
        *os_out = bn_os_back(fd, BN_CHUNKS_OFF + (bn_off)i * BN_PAGE, BN_PAGE);
        if (*os_out != 0) {
            return BRAIN_E_BUSY;
        }
        bool is_ours = i >= first && try_claim(store, i, owner);
        bn_raise32(&store->clients->n_chunks, i + 1); /* PAIR ledger */
        if (is_ours) {
            *chunk_out = bn_pin_chunk(store, i);
            return 0;
        }
    }
    return err != 0 ? err : BRAIN_E_BUSY;
}

/* The same for the pins of a row or another life. */
static int claim_chunk(struct brain_store *store, uint32_t life, struct bn_chunk_rec **chunk_out)
{
    int os, err = bn_pin_claim_chunk(store, life + 1, chunk_out, &os);
    if (err == BRAIN_E_BUSY && os != 0) {
        (void)bn_error_os(os, "%s: no memory for more views in %s%s", store->path,
                          store->map->directory,
                          bn_error_if_full(os, "; the file system there is full. Delete values and "
                                               "trim in a process that has it open, or make it "
                                               "larger (Docker: --shm-size)"));
    } else if (err == BRAIN_E_BUSY) {
        (void)bn_error(BRAIN_E_BUSY,
                       "%s: all %u pages for views, of %u views each, are in "
                       "use by the processes that have it open: let go of views, or end who "
                       "holds many",
                       store->path, BN_CHUNKS_MAX, BN_CHUNK_CELLS);
    }
    return err;
}

void bn_pin_release_chunk(struct bn_chunk_rec *chunk)
{
    empty_chunk(chunk);
    bn_store_release(&chunk->owner, 0u);
}

/* Give this process one more page. Under store->mutex. */
static int grow(struct brain_store *store)
{
    struct bn_ledger *ledger = &store->ledger;
    uint32_t n = bn_load_relaxed(&ledger->n_chunks);
    if (n == BN_LEDGER_CHUNKS_MAX) {
        return bn_error(BRAIN_E_BUSY,
                        "%s: this process holds %u views, and cannot hold more: let go of "
                        "some",
                        store->path, n * BN_CHUNK_CELLS);
    }
    int err = claim_chunk(store, store->row, &ledger->chunks[n]);
    if (err == 0) {
        bn_store_release(&ledger->n_chunks, n + 1);
    }
    return err;
}

int bn_pin_init(struct brain_store *store)
{
    pthread_mutex_lock(&store->mutex);
    int err = grow(store);
    pthread_mutex_unlock(&store->mutex);
    if (err == 0) {
        bn_store_seq(&store->ledger.chunks[0]->top, 64u); /* PAIR ledger */
    }
    return err;
}

void bn_pin_deinit(struct brain_store *store)
{
    uint32_t n = bn_load_relaxed(&store->ledger.n_chunks);
    for (uint32_t i = 0; i < n; i++) {
        bn_pin_release_chunk(store->ledger.chunks[i]);
    }
    bn_store_relaxed(&store->ledger.n_chunks, 0u);
}

/* ---- taking */

/* Try the cells of chunk `c` from `from` on; beyond `top` the top is raised first. */
static bool take_in_chunk(struct brain_store *store, uint32_t c, uint32_t from, uint32_t slot,
                          uint32_t *pin_out)
{
    struct bn_chunk_rec *chunk = store->ledger.chunks[c];
    for (uint32_t i = from; i < BN_CHUNK_CELLS; i++) {
        uint32_t none = 0;
        if (bn_load_relaxed(&chunk->cells[i]) != 0) { /* relaxed: the swap decides */
            continue;
        }
        if (i >= bn_load_seq(&chunk->top)) { /* PAIR ledger: another thread may have raised it */
            bn_raise32(&chunk->top,
                       i + 64 < BN_CHUNK_CELLS ? i + 64 : BN_CHUNK_CELLS); /* PAIR ledger */
        }
        if (bn_cas_seq(&chunk->cells[i], &none, slot)) { /* PAIR pin-retire */
            *pin_out = c << 10 | i;
            return true;
        }
    }
    return false;
}

/* The place of the hint is taken: look on from there, round once, then grow. Next fit: a process
 * that only takes views finds the next cell at once; growing when a whole round fails keeps the
 * rounds rare. */
int bn_pin_take_slow(struct brain_store *store, uint32_t slot, uint32_t *pin_out)
{
    struct bn_ledger *ledger = &store->ledger;
    for (;;) {
        uint32_t hint = bn_load_acquire(&ledger->hint); /* PAIR ledger */
        uint32_t n = bn_load_acquire(&ledger->n_chunks);
        bool found = take_in_chunk(store, hint >> 10, hint & 1023, slot, pin_out);
        for (uint32_t i = 1; i <= n && !found; i++) {
            uint32_t c = (hint >> 10) + i;
            found = take_in_chunk(store, c < n ? c : c - n, 0, slot, pin_out);
        }
        if (found) {
            uint32_t next = *pin_out + 1;
            if ((next & 1023) < BN_CHUNK_CELLS &&
                (next & 1023) < bn_load_seq(&ledger->chunks[next >> 10]->top)) {
                bn_store_release(&ledger->hint, next); /* PAIR ledger */
            }
            if (bn_load_seq(&ledger->mirroring) != 0) {
                bn_pin_mirror(store, *pin_out);
            }
            return 0;
        }
        pthread_mutex_lock(&store->mutex);
        int err = bn_load_relaxed(&ledger->n_chunks) == n ? grow(store) : 0;
        pthread_mutex_unlock(&store->mutex);
        if (err != 0) {
            return err;
        }
        bn_raise32(&ledger->chunks[n]->top, 64u); /* PAIR ledger */
        bn_store_release(&ledger->hint, n << 10); /* PAIR ledger */
    }
}

/* ---- letting go */

static bool stands_in(const struct bn_chunk_rec *chunk, uint32_t from, uint32_t end, uint32_t slot)
{
    for (uint32_t i = from; i < end; i++) {
        if (bn_load_seq(&chunk->cells[i]) == slot) { /* PAIR pin-retire */
            return true;
        }
    }
    return false;
}

/* Whoever lets go of many has mostly taken them one after the other: the next are tried first. */
bool bn_pin_stands_beside(const struct brain_store *store, uint32_t pin, uint32_t slot)
{
    const struct bn_chunk_rec *chunk = store->ledger.chunks[pin >> 10];
    uint32_t i = pin & 1023, top = bn_load_acquire(&chunk->top);
    top = top < BN_CHUNK_CELLS ? top : BN_CHUNK_CELLS;
    return stands_in(chunk, i + 1, top, slot) || stands_in(chunk, 0, i < top ? i : top, slot);
}

/* ---- counting */

static uint64_t count_chunk(const struct bn_chunk_rec *chunk)
{
    uint64_t n = 0;
    uint32_t top = bn_load_acquire(&chunk->top);
    for (uint32_t i = 0; i < top && i < BN_CHUNK_CELLS; i++) {
        n += bn_load_acquire(&chunk->cells[i]) !=
             0; /* whoever finds none may unmap what they pinned */
    }
    return n;
}

uint64_t bn_pin_count_own(const struct brain_store *store)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < bn_load_acquire(&store->ledger.n_chunks); i++) {
        n += count_chunk(store->ledger.chunks[i]);
    }
    return n;
}

uint64_t bn_pin_count(struct brain_store *store, uint32_t row)
{
    uint64_t n = 0;
    uint32_t last = 0;
    bool counts = false;
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        const struct bn_chunk_rec *chunk = bn_pin_chunk(store, i);
        uint32_t owner = bn_load_acquire(&chunk->owner);
        if (owner != last) {
            last = owner;
            counts = owner != 0 && owner <= BN_LIVES_MAX &&
                     (row == UINT32_MAX || owner == row + 1) && bn_client_alive(store, owner - 1);
        }
        n += counts ? count_chunk(chunk) : 0;
    }
    return n;
}

bool bn_pin_bury_some(struct brain_store *store, uint32_t life, uint32_t *from)
{
    uint32_t n = bn_pin_n_chunks(store), n_buried = 0, i = *from;
    uint32_t end = i < n && n - i > LOOKS_A_STEP ? i + LOOKS_A_STEP : n;
    for (; i < end && n_buried < BURIED_A_STEP; i++) {
        uint32_t owner = bn_load_acquire(&bn_pin_chunk(store, i)->owner);
        if ((owner & ~BN_CHUNK_HITS) == life + 1) { /* pins, or hits */
            bn_pin_release_chunk(bn_pin_chunk(store, i));
            n_buried++;
        }
    }
    *from = i;
    return i >= n; /* a count that was damaged may have fallen meanwhile */
}

void bn_pin_bury(struct brain_store *store, uint32_t life)
{
    uint32_t from = 0;
    while (!bn_pin_bury_some(store, life, &from)) {
    }
}

uint32_t bn_pin_bury_orphans(struct brain_store *store)
{
    uint32_t n_buried = 0;
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        int claim;
        uint32_t owner = bn_load_acquire(&bn_pin_chunk(store, i)->owner);
        if (owner > BN_CLIENTS_MAX && owner <= BN_LIVES_MAX && !bn_client_alive(store, owner - 1) &&
            bn_client_claim_dead(store, owner - 1, &claim) == 0) {
            bn_pin_bury(store,
                        owner - 1); /* the claim keeps others off: of that life, and of its pages */
            bn_client_unclaim(owner - 1, claim);
            n_buried++;
            if (store->data != NULL) {
                bn_store_ask_for_look(store); /* at what its views kept */
            }
        }
    }
    return n_buried;
}

/* ---- scanning */

static uint32_t place_of(const struct bn_suspects *suspects, uint32_t slot)
{
    return (slot * UINT32_C(2654435761)) >> 20 & suspects->mask;
}
static_assert(4 * BN_SUSPECTS_MAX == 1u << 12, "place_of() has 12 bits to give");

/* Made when the first pin is met: more often than not there is none. */
static void make_by_hash(struct bn_suspects *suspects)
{
    suspects->mask = (4u << bn_log2_ceil(suspects->n)) - 1;
    memset(suspects->by_hash, 0, (suspects->mask + 1) * sizeof suspects->by_hash[0]);
    for (uint32_t i = 0; i < suspects->n; i++) {
        uint32_t p = place_of(suspects, suspects->slot[i]);
        while (suspects->by_hash[p] != 0) {
            p = (p + 1) & suspects->mask;
        }
        suspects->by_hash[p] = (uint16_t)(i + 1);
    }
}

static int find_suspect(struct bn_suspects *suspects, uint32_t slot)
{
    if (suspects->mask == 0) {
        make_by_hash(suspects);
    }
    uint32_t p = place_of(suspects, slot);
    for (; suspects->by_hash[p] != 0; p = (p + 1) & suspects->mask) {
        if (suspects->slot[suspects->by_hash[p] - 1] == slot) {
            return suspects->by_hash[p] - 1;
        }
    }
    return -1;
}

/* Mark what the cells of one chunk pin. The owner is asked for life only where it matters. */
static uint32_t mark_chunk(struct brain_store *store, const struct bn_chunk_rec *chunk,
                           struct bn_suspects *suspects)
{
    uint32_t owner = bn_load_seq(&chunk->owner), top = bn_load_seq(&chunk->top);
    int alive = -1;
    if (owner == 0 || owner > BN_LIVES_MAX) {
        return 0;
    }
    BN_STEP(look_pins, owner - 1, 0);
    top = top < BN_CHUNK_CELLS ? top : BN_CHUNK_CELLS;
    for (uint32_t i = 0; i < top; i++) {
        uint32_t slot = bn_load_seq(&chunk->cells[i]); /* PAIR pin-retire */
        int found = slot != 0 ? find_suspect(suspects, slot) : -1;
        if (found >= 0) {
            alive = alive >= 0 ? alive : bn_client_alive(store, owner - 1);
            suspects->kept[found] = suspects->kept[found] || alive != 0;
        }
    }
    return top;
}

int bn_pin_mark(struct brain_store *store, struct bn_suspects *suspects, uint64_t *n_cells_out)
{
    uint64_t moves = bn_load_seq(&store->clients->moves), n_cells = 0;
    bn_fence_seq(); /* PAIR pin-retire: the slots left the index before this */
    uint32_t n = bn_pin_n_chunks(store);
    for (uint32_t i = 0; i < n; i++) {
        n_cells += mark_chunk(store, bn_pin_chunk(store, i), suspects);
    }
    bn_fence_seq();
    *n_cells_out = n_cells;
    return bn_load_seq(&store->clients->moves) == moves && bn_pin_n_chunks(store) == n ? 0
                                                                                       : BN_AGAIN;
}

int bn_pin_collect(struct brain_store *store, uint64_t n_cells_max, struct bn_pin_set *set_out)
{
    uint64_t moves = bn_load_seq(&store->clients->moves), n_cells = 0;
    uint32_t n = bn_pin_n_chunks(store);
    set_out->n_pins = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct bn_chunk_rec *chunk = bn_pin_chunk(store, i);
        BN_STEP(look_pins, bn_load_relaxed(&chunk->owner) - 1, 0);
        uint32_t top = bn_load_seq(&chunk->top);
        uint32_t owner = bn_load_seq(&chunk->owner);
        top = owner == 0 || owner > BN_LIVES_MAX ? 0 : top < BN_CHUNK_CELLS ? top : BN_CHUNK_CELLS;
        n_cells += top;
        if (n_cells > n_cells_max) {
            return BN_AGAIN;
        }
        for (uint32_t k = 0; k < top; k++) {
            uint32_t slot = bn_load_seq(&chunk->cells[k]); /* PAIR pin-retire */
            if (slot != 0) {
                if (set_out->n_pins++ == 0) {
                    memset(set_out->bits, 0, sizeof set_out->bits);
                }
                set_out->bits[slot % BN_PIN_SET_BITS / 64] |= UINT64_C(1) << slot % 64;
            }
        }
    }
    bn_fence_seq();
    return bn_load_seq(&store->clients->moves) == moves && bn_pin_n_chunks(store) == n ? 0
                                                                                       : BN_AGAIN;
}

/* Add what the cells of one chunk pin to the `n` that are there. */
static size_t list_chunk(const struct bn_chunk_rec *chunk, uint32_t life, brain_pin *pins,
                         size_t room, size_t n)
{
    uint32_t top = bn_load_seq(&chunk->top);
    for (uint32_t i = 0; i < top && i < BN_CHUNK_CELLS; i++) {
        uint32_t slot = bn_load_seq(&chunk->cells[i]);
        if (slot != 0 && slot != BN_PIN_NOTHING) {
            if (n < room) {
                pins[n] = (brain_pin){ .object = slot, .client = life };
            }
            n++;
        }
    }
    return n;
}

static size_t list_living(struct brain_store *store, brain_pin *pins, size_t room)
{
    size_t n = 0;
    uint32_t last = 0;
    bool counts = false;
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        uint32_t owner = bn_load_seq(&bn_pin_chunk(store, i)->owner);
        if (owner != last) {
            last = owner;
            counts = owner != 0 && owner <= BN_LIVES_MAX && bn_client_alive(store, owner - 1);
        }
        n = counts ? list_chunk(bn_pin_chunk(store, i), owner - 1, pins, room, n) : n;
    }
    return n;
}

int bn_pin_list_living(struct brain_store *store, brain_pin *pins, size_t room, size_t *n_out)
{
    for (uint32_t i = 0; i < LIST_TRIES; i++) {
        uint64_t moves = bn_load_seq(&store->clients->moves);
        size_t n = list_living(store, pins, room);
        if (bn_load_seq(&store->clients->moves) == moves) {
            *n_out = n;
            return 0;
        }
    }
    return bn_error(BRAIN_E_BUSY,
                    "%s: processes that use it fork so often that its pins cannot be listed: try "
                    "again",
                    store->path);
}

uint32_t bn_pin_find_holder(struct brain_store *store, uint32_t slot)
{
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        const struct bn_chunk_rec *chunk = bn_pin_chunk(store, i);
        uint32_t owner = bn_load_acquire(&chunk->owner), top = bn_load_acquire(&chunk->top);
        top = owner > BN_LIVES_MAX ? 0 : top;
        for (uint32_t k = 0; owner != 0 && k < top && k < BN_CHUNK_CELLS; k++) {
            if (bn_load_relaxed(&chunk->cells[k]) == slot && bn_client_alive(store, owner - 1)) {
                return owner;
            }
        }
    }
    return 0;
}

static bool chunk_holds(const struct bn_chunk_rec *chunk, uint32_t slot)
{
    uint32_t top = bn_load_acquire(&chunk->top);
    for (uint32_t i = 0; i < top && i < BN_CHUNK_CELLS; i++) {
        if (bn_load_acquire(&chunk->cells[i]) == slot) {
            return true;
        }
    }
    return false;
}

/* Whether another handle of this process pins `slot`. */
static bool is_held_beside(struct brain_store *store, uint32_t slot)
{
    uint64_t pid_namespace = 0;
    uint32_t last = 0;
    bool is_ours = false;
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        uint32_t owner = bn_load_acquire(&bn_pin_chunk(store, i)->owner);
        if (owner != last) {
            last = owner;
            is_ours = owner != 0 && owner <= bn_client_n_rows(store) &&
                      bn_client_is_here(store, owner - 1, &pid_namespace);
        }
        if (is_ours && chunk_holds(bn_pin_chunk(store, i), slot)) {
            return true;
        }
    }
    return false;
}

bool bn_pin_is_held_here(struct brain_store *store, uint32_t slot)
{
    uint32_t n = bn_load_acquire(&store->ledger.n_chunks);
    for (uint32_t i = 0; i < n; i++) {
        if (chunk_holds(store->ledger.chunks[i], slot)) {
            return true;
        }
    }
    return is_held_beside(store, slot);
}

/* ---- fork */

/* Both the copier and a thread that changes the cell do this: whoever stores last has seen the last
 * value. */
static void copy_cell(const _Atomic uint32_t *from, _Atomic uint32_t *to)
{
    uint32_t slot;
    do {
        slot = bn_load_seq(from);
        bn_store_seq(to, slot);
    } while (bn_load_seq(from) != slot);
}

void bn_pin_mirror(struct brain_store *store, uint32_t pin)
{
    struct bn_chunk_rec *copy = store->ledger.mirror[pin >> 10];
    if (copy == NULL) {
        return; /* a page that came later: the child drops what it has no page for */
    }
    copy_cell(&store->ledger.chunks[pin >> 10]->cells[pin & 1023], &copy->cells[pin & 1023]);
}

static int copy_chunk(struct brain_store *store, uint32_t life, uint32_t i)
{
    struct bn_chunk_rec *copy, *from = store->ledger.chunks[i];
    int err = claim_chunk(store, life, &copy);
    if (err != 0) {
        return err;
    }
    bn_store_seq(&copy->top,
                 (uint32_t)BN_CHUNK_CELLS); /* PAIR ledger; a later pin may lie anywhere */
    store->ledger.mirror[i] = copy;
    bn_store_seq(&store->ledger.mirroring, 1u);
    for (uint32_t k = 0; k < BN_CHUNK_CELLS; k++) {
        copy_cell(&from->cells[k], &copy->cells[k]);
    }
    return 0;
}

int bn_pin_mirror_begin(struct brain_store *store, uint32_t life)
{
    int err = 0;
    pthread_mutex_lock(&store->mutex); /* no growth in between; fork.c releases it by mirror_end */
    for (uint32_t i = 0; i < bn_load_relaxed(&store->ledger.n_chunks) && err == 0; i++) {
        err = copy_chunk(store, life, i);
    }
    (void)bn_add_seq(&store->clients->moves, 1u);
    if (err != 0) {
        bn_pin_mirror_end(store, false);
        bn_pin_bury(store, life);
    }
    return err;
}

void bn_pin_mirror_end(struct brain_store *store, bool in_child)
{
    struct bn_ledger *ledger = &store->ledger;
    bn_store_seq(&ledger->mirroring, 0u);
    for (uint32_t i = 0; i < bn_load_relaxed(&ledger->n_chunks); i++) {
        if (in_child) {
            ledger->chunks[i] = ledger->mirror[i];
        }
        ledger->mirror[i] = NULL;
    }
    if (in_child) {
        bn_store_init_mutex(store); /* its owner is the parent's thread */
    } else {
        pthread_mutex_unlock(&store->mutex);
    }
}
