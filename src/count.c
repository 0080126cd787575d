/* count.c - what each client counts of what it does.
 *
 * Owns:     those pages of the ledger that are marked BN_CHUNK_COUNTS, `counts` of the rows, and which thread of this
 *           process counts in which line.
 * Page:     one for each row that ever counted anything, taken by the first client that did, and the row's for ever: the
 *           next client there goes on with it, so that a count never falls, and nothing is folded, and nothing is lost or
 *           doubled by a death. Where there is no memory for one, counts go into a page of this process that nobody sums
 *           up, so that the way is as short.
 * Writers:  a client stores to the page of its own row alone, a thread to its own line: plain loads and stores. Threads
 *           beyond the lines there are share one, and add atomically.
 * Bytes:    untrusted: wrong counts at worst. A page counts for the row that its `owner` says; what the row says of it is
 *           a hint.
 * Crash:    between claim and noting the page in the row: the next client finds it by its owner. A count that was about to
 *           be stored is not counted.
 */
#include "count.h"

#include <pthread.h>
#include <string.h>

#include "client.h"
#include "pin.h"

#define PLACES    (1u << BN_COUNT_PLACES_LOG2)
#define PROBES    8u
#define LINES     63u /* behind the head of a page */
#define SHARED    (LINES - 1)
#define LINE_MASK ((UINT64_C(1) << (LINES - 1)) - 1)
static_assert(sizeof(struct bn_count_rec) == BN_LINE, "a thread has a line");
static_assert(BRAIN_N_COUNTS <= BN_COUNTS_MAX, "all counts are in it");
static_assert((LINES + 1) * BN_LINE == BN_PAGE, "they fill the page");

struct bn_count_place bn_count_places[PLACES];
static _Atomic uint64_t lines_taken; /* by a thread each */
static pthread_key_t key;            /* of a thread that has a line: not NULL */
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static bool has_key;
static alignas(BN_PAGE) uint8_t nowhere[BN_PAGE];

/* ---- threads */

/* The i-th line: first those that are not beside each other, since processors fetch by two. */
static uint32_t off_of(uint32_t i)
{
    uint32_t line = i < 32 ? 2 * i + 1 : 2 * (i - 31);
    return line * BN_LINE;
}

static uint32_t index_of(uint32_t off)
{
    uint32_t line = off / BN_LINE;
    return line % 2 == 1 ? line / 2 : line / 2 + 31;
}

static void end_thread(void *place_)
{
    struct bn_count_place *place = place_;
    uint32_t i = index_of(place->off);
    bn_store_release(&place->thread, (uintptr_t)0);
    (void)bn_and_seq(&lines_taken, ~(UINT64_C(1) << i));
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, end_thread) == 0;
}

/* Before the code of end_thread() is gone (dlclose). */
__attribute__((destructor)) static void drop_key(void)
{
    if (has_key) {
        pthread_key_delete(key);
    }
}

static struct bn_count_place *find_place(uintptr_t thread, uintptr_t whose)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct bn_count_place *place = &bn_count_places[(bn_count_hash(thread) + i) % PLACES];
        if (bn_load_relaxed(&place->thread) == whose) { /* relaxed: its own, or a swap decides */
            return place;
        }
    }
    return NULL;
}

/* A line that no other thread has: its number, or SHARED. */
static uint32_t take_line(void)
{
    uint64_t taken = bn_load_relaxed(&lines_taken);
    while ((~taken & LINE_MASK) != 0) {
        uint32_t i = (uint32_t)__builtin_ctzll(~taken & LINE_MASK);
        if (bn_cas_seq(&lines_taken, &taken, taken | UINT64_C(1) << i)) {
            return i;
        }
    }
    return SHARED;
}

/* Give this thread a line. NULL: it has to share. */
static struct bn_count_place *settle(uintptr_t thread)
{
    pthread_once(&key_once, make_key);
    uint32_t i = has_key ? take_line() : SHARED;
    struct bn_count_place *place = NULL;
    while (i != SHARED && (place = find_place(thread, 0)) != NULL) {
        uintptr_t nobody = 0;
        if (bn_cas_seq(&place->thread, &nobody, thread)) {
            place->off = off_of(i);
            if (pthread_setspecific(key, place) == 0) {
                return place;
            }
            bn_store_release(&place->thread, (uintptr_t)0);
            break;
        }
    }
    if (i != SHARED) {
        (void)bn_and_seq(&lines_taken, ~(UINT64_C(1) << i));
    }
    return NULL;
}

void bn_count_forget_threads(void)
{
    uintptr_t self = bn_thread_here();
    uint64_t taken = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        struct bn_count_place *place = &bn_count_places[i];
        /* relaxed: there is no other thread */
        if (bn_load_relaxed(&place->thread) == self) {
            taken |= UINT64_C(1) << index_of(place->off);
        } else {
            bn_store_relaxed(&place->thread, (uintptr_t)0);
        }
    }
    bn_store_relaxed(&lines_taken, taken);
}

/* ---- pages */

static bool is_page_of(struct brain_store *store, uint32_t i, uint32_t row)
{
    return bn_load_acquire(&bn_pin_chunk(store, i)->owner) == ((row + 1) | BN_CHUNK_COUNTS);
}

/* The page of a row, by what the row says. */
static struct bn_chunk_rec *find_noted(struct brain_store *store, uint32_t row)
{
    uint64_t noted = bn_load_acquire(&bn_client_row(store, row)->counts);
    bool is_it = noted != 0 && noted <= bn_pin_n_chunks(store) &&
                 is_page_of(store, (uint32_t)noted - 1, row);
    return is_it ? bn_pin_chunk(store, (uint32_t)noted - 1) : NULL;
}

/* The same where the row does not say: whoever took it died, or the bytes are damaged. */
static struct bn_chunk_rec *search(struct brain_store *store, uint32_t row)
{
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        if (is_page_of(store, i, row)) {
            return bn_pin_chunk(store, i);
        }
    }
    return NULL;
}

static uint64_t number_of(struct brain_store *store, const struct bn_chunk_rec *chunk)
{
    return (uint64_t)((const uint8_t *)chunk - (const uint8_t *)bn_pin_chunk(store, 0)) / BN_PAGE;
}

/* The page of this client. Under the mutex. */
static uint8_t *take_page(struct brain_store *store)
{
    int os;
    struct bn_chunk_rec *chunk = find_noted(store, store->row);
    if (chunk == NULL) {
        chunk = search(store, store->row);
        if (chunk == NULL &&
            bn_pin_claim_chunk(store, (store->row + 1) | BN_CHUNK_COUNTS, &chunk, &os) != 0) {
            return nowhere;
        }
        bn_store_release(&bn_client_row(store, store->row)->counts, number_of(store, chunk) + 1);
    }
    return (uint8_t *)chunk;
}

/* Where this client counts. */
static uint8_t *page_of(struct brain_store *store)
{
    uint8_t *page = bn_load_acquire(&store->count_page);
    if (bn_unlikely(page == NULL)) {
        pthread_mutex_lock(&store->mutex);
        page = bn_load_relaxed(&store->count_page); /* relaxed: under the mutex, as what follows */
        if (page == NULL) {
            page = take_page(store);
            bn_store_release(&store->count_page, page);
            bn_count_go(store, bn_load_relaxed(&store->events.kinds) != 0);
        }
        pthread_mutex_unlock(&store->mutex);
    }
    return page;
}

void bn_count_prepare(struct brain_store *store)
{
    (void)page_of(store);
}

void bn_count_go(struct brain_store *store, bool slowly)
{
    uint8_t *page = slowly ? NULL : bn_load_relaxed(&store->count_page);
    bn_store_release(&store->counts, page);
}

void bn_count_forget(struct brain_store *store)
{
    /* relaxed: one thread has it */
    bn_store_relaxed(&store->count_page, NULL);
    bn_store_relaxed(&store->counts, NULL);
}

/* ---- counting */

BN_NOINLINE void bn_count_slow(struct brain_store *store, enum brain_count which, uint64_t n)
{
    uintptr_t thread = bn_thread_here();
    uint8_t *page = page_of(store);
    const struct bn_count_place *place = find_place(thread, thread);
    place = place != NULL ? place : settle(thread);
    if (bn_likely(place != NULL)) {
        bn_count_in((struct bn_count_rec *)(void *)(page + place->off), which, n);
    } else {
        struct bn_count_rec *line = (struct bn_count_rec *)(void *)(page + off_of(SHARED));
        (void)bn_add_seq(&line->of[which], n);
    }
}

/* ---- summing up */

static void add_page(const struct bn_chunk_rec *chunk, uint64_t sum[BRAIN_N_COUNTS])
{
    const struct bn_count_rec *lines = (const void *)((const uint8_t *)chunk + BN_LINE);
    for (uint32_t i = 0; i < LINES; i++) {
        for (uint32_t k = 0; k < BRAIN_N_COUNTS; k++) {
            sum[k] += bn_load_relaxed(&lines[i].of[k]); /* relaxed: each as of some moment */
        }
    }
}

void bn_count_sum(struct brain_store *store, uint64_t sum_out[BRAIN_N_COUNTS])
{
    memset(sum_out, 0, BRAIN_N_COUNTS * sizeof *sum_out);
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        const struct bn_chunk_rec *chunk = bn_pin_chunk(store, i);
        uint32_t owner = bn_load_acquire(&chunk->owner);
        if ((owner & BN_CHUNK_COUNTS) != 0 && (owner & ~BN_CHUNK_COUNTS) - 1 < BN_CLIENTS_MAX) {
            add_page(chunk, sum_out);
        }
    }
}

void bn_count_sum_of(struct brain_store *store, uint32_t row, uint64_t sum_out[BRAIN_N_COUNTS])
{
    memset(sum_out, 0, BRAIN_N_COUNTS * sizeof *sum_out);
    const struct bn_chunk_rec *chunk = find_noted(store, row);
    chunk = chunk != NULL ? chunk : search(store, row);
    if (chunk != NULL) {
        add_page(chunk, sum_out);
    }
}
