/* count.c - what each client counts of what it does.
 *
 * Owns:     `counts` of the rows, those pages of the ledger that are marked BN_CHUNK_COUNTS, and which thread of this
 *           process counts in which line.
 * Lines:    the first is in the row itself: a client of which one thread counts needs no memory for it. The others are
 *           in a page, taken when a second thread counts by the handle, which has one of it for ever. Both are the
 *           row's for ever: the next client there goes on with them, so that a count never falls, nothing is folded,
 *           and nothing is lost or doubled by a death but what the call under way did. Where there is no memory for a
 *           page, those threads count in one of this process, that nobody sums up: so that their way is as short.
 * Writers:  a client stores to the lines of its own row alone, a thread to its own line: plain loads and stores.
 *           Threads beyond the lines there are share one, and add atomically. What a thread that ended had goes on with
 *           another.
 * Bytes:    untrusted: wrong counts at worst. A page counts for the row that its `owner` says; what the row says of it
 *           is a hint.
 * Crash:    between the claim of a page and noting it in the row: the next client finds it by its owner.
 */
#include "count.h"

#include <pthread.h>
#include <string.h>

#include "client.h"
#include "pin.h"

#define PLACES    (1u << BN_COUNT_PLACES_LOG2)
#define PROBES    8u
#define IN_PAGE   63u           /* lines, behind the head of a page */
#define SHARED    (IN_PAGE - 1) /* the last of them */
#define SECOND    (IN_PAGE - 2) /* of the second thread of a handle */
#define LINE_MASK ((UINT64_C(1) << SECOND) - 1)
static_assert(sizeof(struct bn_count_rec) == BN_LINE, "a thread has a line");
static_assert(BRAIN_N_COUNTS <= BN_COUNTS_MAX, "all counts are in it");
static_assert((IN_PAGE + 1) * BN_LINE == BN_PAGE, "they fill the page");

struct bn_count_place bn_count_places[PLACES];
static _Atomic uint64_t lines_taken; /* by a thread each */
static pthread_key_t key;            /* of a thread that has a line: not NULL */
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static bool has_key;
static alignas(BN_PAGE) uint8_t nowhere[BN_PAGE];

/* ---- threads */

/* The i-th line of a page: first those that are not beside each other, since processors fetch by two. */
static uint32_t off_of(uint32_t i)
{
    return (i < 32 ? 2 * i + 1 : 2 * (i - 31)) * BN_LINE;
}

static void give_back_line(uint32_t line)
{
    (void)bn_and_seq(&lines_taken, ~(UINT64_C(1) << line));
}

static void end_thread(void *place_)
{
    struct bn_count_place *place = place_;
    uint32_t line = place->line;
    bn_store_release(&place->thread, (uintptr_t)0);
    give_back_line(line);
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

/* Give this thread a line of all pages. NULL: it has to share. */
static struct bn_count_place *settle(uintptr_t thread)
{
    pthread_once(&key_once, make_key);
    uint32_t line = has_key ? take_line() : SHARED;
    struct bn_count_place *place = NULL;
    uintptr_t nobody = 0;
    if (line == SHARED) {
        return NULL;
    }
    do { /* as often as another thread was first */
        place = find_place(thread, 0);
        nobody = 0;
    } while (place != NULL && !bn_cas_seq(&place->thread, &nobody, thread));
    if (place != NULL) {
        place->line = line;
        place->off = off_of(line);
        if (pthread_setspecific(key, place) == 0) {
            return place;
        }
        bn_store_release(&place->thread, (uintptr_t)0);
    }
    give_back_line(line);
    return NULL;
}

void bn_count_forget_threads(void)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        bn_store_relaxed(&bn_count_places[i].thread,
                         (uintptr_t)0); /* relaxed: there is one thread */
    }
    bn_store_relaxed(&lines_taken, (uint64_t)0);
    if (has_key) {
        (void)pthread_setspecific(key, NULL);
    }
}

/* ---- pages */

static bool is_page_of(struct brain_store *store, uint32_t i, uint32_t row)
{
    return bn_load_acquire(&bn_pin_chunk(store, i)->owner) == ((row + 1) | BN_CHUNK_COUNTS);
}

static struct bn_count_rec *row_line(const struct brain_store *store)
{
    return &bn_client_row(store, store->row)->counts;
}

/* The page of a row, by what the row says. */
static struct bn_chunk_rec *find_noted(struct brain_store *store, uint32_t row)
{
    uint64_t noted = bn_load_acquire(&bn_client_row(store, row)->counts_page);
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
        bn_store_release(&bn_client_row(store, store->row)->counts_page,
                         number_of(store, chunk) + 1);
    }
    return (uint8_t *)chunk;
}

/* Where threads but the first count. */
static uint8_t *page_of(struct brain_store *store)
{
    uint8_t *page = bn_load_acquire(&store->counting.whole_page);
    if (bn_unlikely(page == NULL)) {
        pthread_mutex_lock(&store->mutex);
        page = bn_load_relaxed(&store->counting.whole_page); /* relaxed: under the mutex */
        if (page == NULL) {
            page = take_page(store);
            bn_store_release(&store->counting.whole_page, page);
            bn_count_go(store, (bn_load_relaxed(&store->events.kinds) & BN_EVENTS_EACH) != 0);
        }
        pthread_mutex_unlock(&store->mutex);
    }
    return page;
}

/* Which of the threads with a line of their own for ever this is, the first to ask: or BN_COUNT_OWN. Or as good as one
 * of them, that ended: nothing tells it from that. */
static uint32_t which_own(struct brain_store *store, uintptr_t thread)
{
    _Atomic uintptr_t *first = store->counting.first;
    uint32_t i = 0;
    while (i < BN_COUNT_OWN && bn_load_acquire(&first[i]) != thread) {
        i++;
    }
    if (bn_unlikely(i == BN_COUNT_OWN && bn_load_acquire(&first[i - 1]) == 0)) {
        pthread_mutex_lock(&store->mutex);
        for (i = 0; i < BN_COUNT_OWN && bn_load_relaxed(&first[i]) != 0; i++) {
        }
        if (i < BN_COUNT_OWN) {
            bn_store_release(&first[i], thread);
            bn_count_go(store, (bn_load_relaxed(&store->events.kinds) & BN_EVENTS_EACH) != 0);
        }
        pthread_mutex_unlock(&store->mutex);
    }
    return i;
}

static void show_own(struct brain_store *store, uint32_t i, uint8_t *line, bool slowly)
{
    uintptr_t thread = bn_load_relaxed(&store->counting.first[i]); /* relaxed: under the mutex */
    bn_store_relaxed(&store->counting.own[i].line, (struct bn_count_rec *)(void *)line);
    bn_store_release(&store->counting.own[i].thread,
                     slowly || line == NULL ? (uintptr_t)0 : thread);
}

void bn_count_go(struct brain_store *store, bool slowly)
{
    uint8_t *page = bn_load_relaxed(&store->counting.whole_page); /* relaxed: under the mutex */
    show_own(store, 0, (uint8_t *)row_line(store), slowly);
    show_own(store, 1, page != NULL ? page + off_of(SECOND) : NULL, slowly);
    bn_store_release(&store->counting.page, slowly ? NULL : page);
}

void bn_count_forget(struct brain_store *store)
{
    memset(&store->counting, 0, sizeof store->counting); /* one thread has it */
}

/* ---- counting */

/* This thread's line, found or made. `*is_shared_out`: others add to it as well. */
static struct bn_count_rec *line_here(struct brain_store *store, bool *is_shared_out)
{
    uintptr_t thread = bn_thread_here();
    *is_shared_out = false;
    uint32_t own = which_own(store, thread);
    if (own < BN_COUNT_OWN) {
        return own == 0 ? row_line(store)
                        : (struct bn_count_rec *)(void *)(page_of(store) + off_of(SECOND));
    }
    const struct bn_count_place *place = find_place(thread, thread);
    place = place != NULL ? place : settle(thread);
    *is_shared_out = place == NULL;
    return (struct bn_count_rec *)(void *)(page_of(store) +
                                           (place != NULL ? place->off : off_of(SHARED)));
}

void bn_count_prepare(struct brain_store *store)
{
    bool is_shared;
    (void)line_here(store, &is_shared);
}

BN_NOINLINE void bn_count_slow(struct brain_store *store, enum brain_count which, uint64_t n)
{
    bool is_shared;
    struct bn_count_rec *line = line_here(store, &is_shared);
    if (is_shared) {
        (void)bn_add_seq(&line->of[which], n);
    } else {
        bn_count_in(line, which, n);
    }
}

/* ---- summing up */

static void add_line(const struct bn_count_rec *line, uint64_t sum[BRAIN_N_COUNTS])
{
    for (uint32_t k = 0; k < BRAIN_N_COUNTS; k++) {
        sum[k] += bn_load_relaxed(&line->of[k]); /* relaxed: each as of some moment */
    }
}

static void add_page(const struct bn_chunk_rec *chunk, uint64_t sum[BRAIN_N_COUNTS])
{
    const struct bn_count_rec *lines = (const void *)((const uint8_t *)chunk + BN_LINE);
    for (uint32_t i = 0; i < IN_PAGE; i++) {
        add_line(&lines[i], sum);
    }
}

void bn_count_sum(struct brain_store *store, uint64_t sum_out[BRAIN_N_COUNTS])
{
    memset(sum_out, 0, BRAIN_N_COUNTS * sizeof *sum_out);
    for (uint32_t row = 0; row < bn_client_n_rows(store); row++) {
        add_line(&bn_client_row(store, row)->counts, sum_out);
    }
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
    add_line(&bn_client_row(store, row)->counts, sum_out);
    const struct bn_chunk_rec *chunk = find_noted(store, row);
    if (chunk != NULL) {
        add_page(chunk, sum_out);
    }
}
