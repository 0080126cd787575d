/* client.c - the client table.
 *
 * Owns:     the rows of `clients` and two byte locks for each.
 * Life:     a client holds an open-file-description lock on its life byte, through a page that is
 *           mapped by the same description, whose descriptor is closed at once. So the lock
 *           outlives the closing of every descriptor, and the kernel drops it when the process
 *           ends, however it ends. The page is not inherited by children (MADV_DONTFORK), or a
 *           child would keep the parent alive.
 * Orphans:  a forked child for which there is no row has the two bytes alone: a life, and pins.
 * Claim:    locked while a row is given out or reaped, so no reaper takes a newcomer for a dead
 *           one.
 * Never:    asks by process id: they are reused, and differ between PID namespaces.
 * Crash:    between lock and USED: the row is FREE and unlocked again. USED and unlocked: to be
 *           reaped. A newcomer who finds no other row sits down on such a one, as it is, and reaps
 *           it; if that dies before it is done, the row is to be reaped as before. KEPT and unlocked:
 *           nothing is left of it, and a newcomer takes it.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

/* How many rows to ask the kernel about while looking for a free one. */
#define MAX_ASKED 32u

/* How many lives without a row to try, from a random one on. */
#define ORPHAN_TRIES 64u

/* Back the page that holds a row, before it is touched. */
static int back_row(struct brain_store *store, uint32_t row)
{
    int fd, err = bn_map_clients_fd(store->map, &fd);
    if (err != 0) {
        return err;
    }
    bn_off off = (BN_ROWS_OFF + row * sizeof(struct bn_row_rec)) & ~(bn_off)(BN_PAGE - 1);
    int os = bn_os_back(fd, off, BN_PAGE);
    return os == 0 ? 0
                   : bn_error_os(os, "%s: no memory for one more client in %s%s", store->path,
                                 store->map->directory,
                                 bn_error_if_full(os, "; the file system there is full"));
}

static bool lock_word_names(const struct brain_store *store, uint32_t row)
{
    return (bn_load_acquire(&store->state_view->lock_word) & 0x7fff) == row + 1;
}

/* Lock a life byte, through a page that is mapped by the same description. NOT_FOUND: it is
 * taken. */
static int lock_life(struct brain_store *store, int fd, uint32_t life, struct bn_seat *seat)
{
    void *map = NULL;
    if (bn_os_byte_lock(fd, BN_LIFE_OFF(life)) != 0) {
        return BRAIN_E_NOT_FOUND;
    }
    int os = bn_os_map_anywhere(BN_PAGE, fd, 0, &map);
    if (os != 0) {
        return bn_error_os(os, "cannot map a page of %s", store->map->directory);
    }
    *seat = (struct bn_seat){ .row = life, .life_map = map };
    return 0;
}

/* Try to sit down on `row`, which is FREE, or KEPT or USED by the dead, with a description of our own.
 * NOT_FOUND: it is taken. A row that the lock names is nobody's to take: its owner would seem to
 * live. */
static int try_seat(struct brain_store *store, uint32_t row, enum bn_row_state state,
                    struct bn_seat *seat)
{
    struct bn_row_rec *rec = bn_client_row(store, row);
    int fd, err = bn_map_reopen_clients(store->map, &fd);
    if (err != 0) {
        return err;
    }
    err = BRAIN_E_NOT_FOUND;
    if (bn_os_byte_lock(fd, BN_CLAIM_OFF(row)) == 0) {
        if (bn_load_acquire(&rec->state) == state && !lock_word_names(store, row)) {
            err = lock_life(store, fd, row, seat);
        }
        /* Once more, now that nobody else can be seated there: since the first look somebody who was may
         * have taken the lock and died (M_LOOKS_BEFORE in tests/model/lock.pml). */
        if (err == 0 && lock_word_names(store, row)) {
            bn_os_unmap(seat->life_map, BN_PAGE);
            err = BRAIN_E_NOT_FOUND;
        }
        if (err == 0) {
            seat->was_dead = state == BN_ROW_USED;
            /* relaxed, as all that is signed: signed later, and not before by who had it last */
            bn_store_relaxed(&rec->pid, 0);
            (void)bn_add_seq(&rec->n_seats, (uint64_t)1);
            bn_store_release(&rec->state, (uint32_t)BN_ROW_USED);
            bn_raise32(&store->clients->n_rows, row + 1);
        }
        bn_os_byte_unlock(fd, BN_CLAIM_OFF(row));
    }
    close(fd); /* the mapping keeps the description, and so the lock on the life byte */
    return err;
}

static bool is_signed_here(const struct bn_row_rec *rec, uint64_t *pid_namespace)
{
    if (bn_load_relaxed(&rec->pid) != (int32_t)getpid()) {
        return false;
    }
    *pid_namespace = *pid_namespace != 0 ? *pid_namespace : bn_os_pid_namespace();
    return bn_load_relaxed(&rec->pid_namespace) == *pid_namespace;
}

/* Whether a row in use seems to be another handle's of this process, which is not worth asking the
 * kernel about. Not one that was signed before this process had the store: process 1 of a container
 * that is started again has the id, and likely the namespace, of the one that crashed. */
static bool is_likely_ours(const struct brain_store *store, uint32_t row, uint64_t *pid_namespace)
{
    const struct bn_row_rec *rec = bn_client_row(store, row);
    return is_signed_here(rec, pid_namespace) &&
           bn_load_relaxed(&rec->start_ns) >= store->map->since_ns;
}

bool bn_client_is_here(const struct brain_store *store, uint32_t row, uint64_t *pid_namespace)
{
    const struct bn_row_rec *rec = bn_client_row(store, row);
    return bn_load_acquire(&rec->state) == BN_ROW_USED && is_signed_here(rec, pid_namespace);
}

static int seat_on_free(struct brain_store *store, struct bn_seat *seat, uint32_t *n_dead)
{
    uint32_t n_rows = bn_client_n_rows(store), n_asked = 0;
    uint64_t pid_namespace = 0;
    int err = BRAIN_E_NOT_FOUND;
    for (uint32_t row = 0; row < BN_CLIENTS_MAX && err == BRAIN_E_NOT_FOUND; row++) {
        int backed = row < n_rows ? 0 : back_row(store, row);
        if (backed != 0) {
            return backed;
        }
        uint32_t state = bn_load_acquire(&bn_client_row(store, row)->state);
        bool is_free = state == BN_ROW_FREE;
        if (!is_free && n_asked < MAX_ASKED && !is_likely_ours(store, row, &pid_namespace)) {
            n_asked++;
            bool is_dead = !bn_client_alive(store, row);
            *n_dead += is_dead && state == BN_ROW_USED;
            is_free = is_dead && state == BN_ROW_KEPT;
        }
        if (is_free) {
            err = try_seat(store, row, (enum bn_row_state)state, seat);
        }
    }
    return err;
}

/* As it is: whatever it holds is there yet. */
static int seat_over_dead(struct brain_store *store, struct bn_seat *seat)
{
    uint32_t n_rows = bn_client_n_rows(store);
    int err = BRAIN_E_NOT_FOUND;
    for (uint32_t row = 0; row < n_rows && err == BRAIN_E_NOT_FOUND; row++) {
        if (!bn_client_alive(store, row)) {
            uint32_t state = bn_load_acquire(&bn_client_row(store, row)->state);
            err = try_seat(store, row, (enum bn_row_state)state, seat);
        }
    }
    return err;
}

int bn_client_seat(struct brain_store *store, bool over_dead, struct bn_seat *seat_out,
                   uint32_t *n_dead_out)
{
    *n_dead_out = 0;
    int err = seat_on_free(store, seat_out, n_dead_out);
    if (err != 0 && over_dead && seat_over_dead(store, seat_out) == 0) {
        *n_dead_out += 1; /* and there are more, likely */
        return 0;
    }
    return err != BRAIN_E_NOT_FOUND ? err
                                    : bn_error(BRAIN_E_BUSY,
                                               "%s: %u processes have it open, and "
                                               "there is no client row for one more: close it in "
                                               "some of them, or end them",
                                               store->path, BN_CLIENTS_MAX);
}

static int no_random(const struct brain_store *store, int os)
{
    return bn_error_os(os,
                       "%s: the kernel gives no random number, by which a child without a client "
                       "row is told from others: allow getrandom() (a sandbox?), or fork with a "
                       "row free",
                       store->path);
}

int bn_client_seat_again(struct brain_store *store, struct bn_seat *seat_out)
{
    struct bn_life life;
    if (!bn_map_take_life(store->map, &life)) {
        return BRAIN_E_NOT_FOUND;
    }
    /* No claim: KEPT and locked, the row was nobody's to take, and USED and locked it is alive. */
    struct bn_row_rec *rec = bn_client_row(store, life.row);
    bn_store_relaxed(&rec->start_ns, bn_os_wall_ns()); /* relaxed: as bn_client_sign() */
    (void)bn_add_seq(&rec->n_seats, (uint64_t)1);
    bn_store_release(&rec->state, (uint32_t)BN_ROW_USED);
    *seat_out = (struct bn_seat){ .row = life.row, .life_map = life.map };
    return 0;
}

int bn_client_seat_orphan(struct brain_store *store, struct bn_seat *seat_out)
{
    uint64_t start = 0;
    int os = bn_os_random(&start, sizeof start);
    int fd, err = os != 0 ? no_random(store, os) : bn_map_reopen_clients(store->map, &fd);
    if (err != 0) {
        return err;
    }
    err = BRAIN_E_NOT_FOUND;
    for (uint32_t i = 0; i < ORPHAN_TRIES && err == BRAIN_E_NOT_FOUND; i++) {
        uint32_t life = BN_CLIENTS_MAX + (uint32_t)(start + i) % BN_CHUNKS_MAX;
        if (bn_os_byte_lock(fd, BN_CLAIM_OFF(life)) == 0) {
            err = lock_life(store, fd, life, seat_out);
            bn_os_byte_unlock(fd, BN_CLAIM_OFF(life));
        }
    }
    close(fd); /* as in try_seat() */
    return err == BRAIN_E_NOT_FOUND ? BRAIN_E_BUSY : err;
}

void bn_client_sign(struct brain_store *store, uint32_t row)
{
    struct bn_row_rec *rec = bn_client_row(store, row);
    union {
        char text[sizeof rec->command];
        uint64_t words[sizeof rec->command / sizeof(uint64_t)];
    } command = { .words = { 0 } };
    bn_os_command_line(command.text, sizeof command.text);
    /* relaxed: for messages, and for who asks whether the row is its own */
    bn_store_relaxed(&rec->pid, (int32_t)getpid());
    bn_store_relaxed(&rec->pid_namespace, bn_os_pid_namespace());
    bn_store_relaxed(&rec->start_ns, bn_os_wall_ns());
    for (size_t i = 0; i < sizeof command.words / sizeof command.words[0]; i++) {
        bn_store_relaxed(&rec->command[i], command.words[i]);
    }
}

void bn_client_command(const struct bn_row_rec *rec, char text[BN_COMMAND_BYTES])
{
    for (size_t i = 0; i < sizeof rec->command / sizeof(uint64_t); i++) {
        uint64_t word = bn_load_relaxed(&rec->command[i]); /* relaxed: for messages */
        memcpy(text + i * sizeof word, &word, sizeof word);
    }
    text[BN_COMMAND_BYTES - 1] = '\0';
}

void bn_client_leave(struct brain_store *store, bool may_keep)
{
    struct bn_life life = { .row = store->row, .map = store->life_map };
    _Atomic uint32_t *state = &bn_client_row(store, store->row)->state;
    store->life_map = NULL;
    /* One that the lock names is not kept: its owner would seem to live. */
    if (may_keep && !store->has_leftovers && !lock_word_names(store, store->row)) {
        bn_store_release(state, (uint32_t)BN_ROW_KEPT);
        if (bn_map_keep_life(store->map, life)) {
            return;
        }
    }
    /* First the state, then the lock: a row that is FREE and locked is given to nobody yet. */
    if (!store->has_leftovers) {
        bn_store_release(state, (uint32_t)BN_ROW_FREE);
    }
    bn_os_unmap(life.map, BN_PAGE);
}

bool bn_client_alive(struct brain_store *store, uint32_t life)
{
    int fd;
    bool held = true;
    if (life == store->row && store->life_map != NULL) {
        return true;
    }
    if (bn_map_clients_fd(store->map, &fd) != 0 ||
        bn_os_byte_locked(fd, BN_LIFE_OFF(life), &held) != 0) {
        return true;
    }
    return held;
}

/* Whether row `row` is that seat's as far as the row says. */
static bool is_seated(struct brain_store *store, uint32_t row, uint64_t seat)
{
    const struct bn_row_rec *rec = bn_client_row(store, row);
    return bn_load_acquire(&rec->state) == BN_ROW_USED && bn_load_acquire(&rec->n_seats) == seat;
}

bool bn_client_lives(struct brain_store *store, uint32_t row, uint64_t seat)
{
    /* Once more afterwards: who is asked for may have died, and the byte be a newcomer's, who
     * counts itself after it has locked that. */
    return row < bn_client_n_rows(store) && is_seated(store, row, seat) &&
           bn_client_alive(store, row) && is_seated(store, row, seat);
}

int bn_client_claim_dead(struct brain_store *store, uint32_t life, int *fd_out)
{
    int fd, err = bn_map_reopen_clients(store->map, &fd);
    if (err != 0) {
        return err;
    }
    if (bn_os_byte_lock(fd, BN_CLAIM_OFF(life)) != 0 ||
        (life < BN_CLIENTS_MAX &&
         bn_load_acquire(&bn_client_row(store, life)->state) != BN_ROW_USED) ||
        bn_client_alive(store, life)) {
        bn_client_unclaim(life, fd);
        return BRAIN_E_NOT_FOUND;
    }
    *fd_out = fd;
    return 0;
}

void bn_client_unclaim(uint32_t life, int fd)
{
    /* To close it is not enough: a child may have inherited it. */
    bn_os_byte_unlock(fd, BN_CLAIM_OFF(life));
    close(fd);
}

void bn_client_describe(const struct brain_store *store, uint32_t life, char *text, size_t room)
{
    if (life >= bn_client_n_rows(store)) {
        snprintf(text, room, "%s",
                 life < BN_CLIENTS_MAX ? "an unknown process"
                                       : "a forked child for which there was no client row");
        return;
    }
    const struct bn_row_rec *rec = bn_client_row(store, life);
    char command[BN_COMMAND_BYTES];
    bn_client_command(rec, command);
    for (char *c = command; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
    }
    bool elsewhere = bn_load_relaxed(&rec->pid_namespace) != bn_os_pid_namespace();
    snprintf(text, room, "process %d (%s)%s", bn_load_relaxed(&rec->pid), command,
             elsewhere ? " of another PID namespace" : "");
}
