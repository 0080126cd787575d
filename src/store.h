/* store.h - a handle: what one process knows of a store that it has open, as one client of it.
 *
 * Nothing here is shared with other processes; layout.h has what is. Files and mappings are map.h's,
 * which other handles of the process may share.
 *
 * Fork safety: all fields are as in the parent; fork.c changes `row`, `n_forks`, `life_map` and the
 * ledger in the child. `mark` is wiped to zero in a child that came about without fork().
 */
#ifndef BN_STORE_H
#define BN_STORE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "error.h"
#include "layout.h"
#include "map.h"

#define BN_LEDGER_CHUNKS_MAX 4096u /* 4 million views in one process */

/* This process's pages of the pin ledger. Guarded by `store->mutex`, but for `hint` and the
 * cells. */
struct bn_ledger {
    _Atomic uint32_t n_chunks;
    _Atomic uint32_t hint; /* chunk << 10 | cell: where the next pin is likely to find room */
    _Atomic uint32_t mirroring;
    struct bn_chunk_rec *chunks[BN_LEDGER_CHUNKS_MAX];
    struct bn_chunk_rec *mirror[BN_LEDGER_CHUNKS_MAX]; /* of a child, while it is being forked */
};

#define BN_HITS_PARTS 16u /* pages: 64 KiB, 8,064 values */

/* This process's pages of what it has used (hits.c). */
struct bn_hits {
    _Atomic(struct bn_chunk_rec *) part[BN_HITS_PARTS]; /* written under `store->mutex` */
    _Atomic bool refused;                               /* there was no memory for one */
};

/* What a get or a put of a small value may have to tell by itself: where nobody listens to these, it asks nothing. */
#define BN_EVENTS_EACH (BRAIN_EVENT_GET | BRAIN_EVENT_MISS | BRAIN_EVENT_PUT | BRAIN_EVENT_DELETE)

/* Where this client counts (count.h): two threads of it, which were the first, and the others. */
#define BN_COUNT_OWN 2u
struct bn_counting {
    /* what a get touches; 0 and NULL: not known yet, or events are told as well */
    struct {
        _Atomic uintptr_t thread;
        _Atomic(struct bn_count_rec *) line;
    } own[BN_COUNT_OWN];
    _Atomic(uint8_t *) page;
    /* the same whether events are told or not; written under `mutex` */
    _Atomic uintptr_t first[BN_COUNT_OWN];
    _Atomic(uint8_t *) whole_page;
};

/* Who is told of what this process does (event.c). */
#define BN_EVENT_NOTES 32u
struct bn_event_note {
    _Atomic uintptr_t thread; /* whose it is (base/thread.h); 0: nobody's */
    uint32_t kind;
    uint64_t bytes;
    char text[232];
};
struct bn_events {
    /* 0: nobody is told. Written under `mutex`, as the next two, which are read under it. */
    _Atomic uint32_t kinds;
    brain_event_fn tell;
    void *context;
    /* The store is being opened: nobody can be told yet, and this thread alone has it. */
    bool is_early;
    _Atomic uint32_t n_noted;
    struct bn_event_note notes[BN_EVENT_NOTES];
};

/* Who makes room where the store is full. */
struct bn_room {
    brain_room_fn make; /* NULL: nobody */
    void *context;
};
#define BN_N_FULL_MODES 3u

#define BN_READY_MAX    256u

/* A slot of limbo that this process knows of. Whether it is still what it was then, its gen
 * tells. */
struct bn_spare {
    uint32_t slot;
    uint32_t gen;
    struct bn_cold_rec *cold;
};

/* The small slots of limbo, of one class, that this process knows of. First the ready ones: nobody can need them, and
 * nobody will. Then those retired since, which were not looked at yet. Guarded by the writer lock; but others may look
 * at how many there are. */
struct bn_spares {
    _Atomic uint32_t n_ready;
    _Atomic uint32_t n; /* ready and retired */
    struct bn_spare of[BN_READY_MAX];
};

struct brain_store {
    /* what a get touches */
    _Atomic uint32_t *mark; /* 1; 0 in a child that came about without fork() */
    const struct bn_state_rec *state_view;
    const uint8_t *view;
    const uint8_t *slots_view;
    const uint8_t *buckets_view;
    uint64_t hash_seed;
    _Atomic uint64_t slots_backed; /* last seen state.backed[]: what may be looked at */
    _Atomic uint64_t buckets_backed;
    _Atomic uint64_t overflow_backed;
    _Atomic uint64_t values_seen; /* bytes of values that are in use and mapped: the same */

    /* what a writer needs besides. It never looks through `view` on its way: two addresses of one
     * line are two lines to AMD's way predictor, and each change from one to the other costs a
     * miss. */
    uint8_t *data; /* NULL: read-only */
    struct bn_state_rec *state;
    const struct bn_state_rec *own_state; /* by `data`, or by `view` where there is no other */
    uint8_t *own_slots;
    bn_off region_off[BN_N_REGIONS];
    uint64_t region_bytes[BN_N_REGIONS];
    int64_t lock_timeout_ns;
    _Atomic uint64_t
        lock_stuck; /* the lock word, without BN_LOCK_WAITERS, that was waited for in vain last */

    /* reclaiming: guesses of this process (reclaim.c) */
    _Atomic uint64_t n_cells_seen;
    _Atomic uint32_t n_kept;
    _Atomic uint32_t n_since_removed_look;
    _Atomic uint32_t n_since_trim_look; /* trim.h */

    struct bn_map *map; /* owned: one handle of it */
    struct bn_clients_rec *clients;
    _Atomic uint32_t n_chunks_seen; /* of all clients: as many have memory (pin.c) */

    /* this client */
    uint32_t row;
    uint32_t n_forks;   /* since the store was opened: a thing with another number is an ancestor's,
                           though that had the same row */
    void *life_map;     /* keeps the description that locks the life byte */
    bool has_leftovers; /* the row was a dead client's, whose unpublished slots are there yet */

    /* the rest */
    const char *path; /* as the user gave it, absolute; lies in path_room */
    uint32_t access;
    uint64_t capacity_max_bytes;
    bool read_only;
    _Atomic bool closed;    /* views alone keep it */
    bool finished;          /* nobody keeps it */
    bool has_child_seat;    /* this and the next three are fork.c's */
    char no_child_row[200]; /* why there was none, if so */
    uint32_t child_row;
    void *child_life_map;
    struct bn_hits hits;
    struct bn_room rooms[BN_N_FULL_MODES]; /* by mode; guarded by `mutex` */
    pthread_mutex_t mutex; /* growth of the ledger, close; never held across a wait */
    struct brain_store
        *next; /* all open stores of the process (fork.c), or all closed ones (store.c) */

    /* large, and of what is in use alone it matters what it says */
    struct bn_ledger ledger;               /* what a get touches: its head */
    struct bn_spares spares[BN_N_CLASSES]; /* the next small puts take those that are ready */
    /* Behind all that a put touches: where that lies was chosen by measuring, and 24 bytes more before it cost 6 ns. */
    struct bn_counting counting;
    struct bn_events events;
    char path_room[PATH_MAX]; /* last: nothing that is in use lies behind it */
};

static inline uint8_t *bn_data_at(const struct brain_store *store, bn_off off)
{
    return store->data + off;
}

static inline uint8_t *bn_region_at(const struct brain_store *store, enum bn_region region)
{
    return store->data + store->region_off[region];
}

static inline const uint8_t *bn_region_view(const struct brain_store *store, enum bn_region region)
{
    return store->view + store->region_off[region];
}

/* Whether a call may go on: 0, DESTROYED or FORKED. */
static inline int bn_store_usable(const struct brain_store *store)
{
    if (bn_likely(bn_load_relaxed(store->mark) == 1 &&
                  bn_load_relaxed(&store->state_view->destroyed) == 0)) {
        return 0; /* relaxed: an answer that is a moment old is as good */
    }
    return bn_load_relaxed(store->mark) == 1 ? BRAIN_E_DESTROYED : BRAIN_E_FORKED;
}

/* The same for a change. */
static inline bool bn_store_writable(const struct brain_store *store)
{
    return bn_likely(store->data != NULL && bn_load_relaxed(store->mark) == 1 &&
                     bn_load_relaxed(&store->state->destroyed) == 0); /* relaxed: as above */
}

/* The same two, with a detail text on failure. For a change also PERM: the store is open
 * read-only. */
int bn_store_check_usable(const struct brain_store *store);
int bn_store_check_writable_slow(const struct brain_store *store);

static inline int bn_store_check_writable(const struct brain_store *store)
{
    return bn_likely(bn_store_writable(store)) ? 0 : bn_store_check_writable_slow(store);
}

/* PERM, with its text. */
int bn_store_say_read_only(const struct brain_store *store);

/* A handle of the store in the directory `dir_fd` (which stays the caller's), with its mapping, which
 * other handles of this process may have too. It is no client yet. */
int bn_store_open(int dir_fd, const char *directory, const char *path, const brain_options *options,
                  struct brain_store **store_out);

/* A fresh mutex. Recursive: who has it may have to look at the handle once more. */
void bn_store_init_mutex(struct brain_store *store);

/* Give its mapping back, and free it, whatever state it is in; NULL is none. */
void bn_store_free(struct brain_store *store);

/* Over a fork: nobody takes a handle from the pool of closed ones, or gives one, or maps, from before it /
 * until after it in the parent / in the child. */
void bn_store_pool_hold(void);
void bn_store_pool_let_go(void);
void bn_store_pool_renew(void);

/* More than a watermark says, to be backed behind it: what a damaged slot near the end says to be
 * inline of it is there. */
static inline uint64_t bn_store_slack(enum bn_region region)
{
    return region == BN_REGION_SLOTS ? BN_PAGE : 0;
}

/* Back `region` at least up to `bytes` (relative to its start), and say so to everybody. Not under
 * the lock. FULL where the file system has no room, or the region has none. */
int bn_store_back(struct brain_store *store, enum bn_region region, uint64_t bytes);

/* Whether `bytes` of a region are backed: 0, or BN_AGAIN with the need noted, or FULL at the
 * region's end. */
int bn_store_need(struct brain_store *store, enum bn_region region, uint64_t bytes);

/* As bn_store_need(), for what one can do without: where bn_store_satisfy() cannot get it, that
 * succeeds all the same, and bn_store_want() says FULL for a while to this thread. */
int bn_store_want(struct brain_store *store, enum bn_region region, uint64_t bytes);

/* Do what this thread's last BN_AGAIN asked for. Not under the lock. FULL as bn_store_back(). */
int bn_store_satisfy(struct brain_store *store);

/* See that the first `want` bytes of the VALUES region are mapped. CORRUPT where no value has ever
 * been that far, or the file is shorter. */
int bn_store_map_values(struct brain_store *store, uint64_t want);

/* Say that limbo is to be looked through, and what is nobody's given back, for one who does not take the lock for
 * that: whoever makes the next change looks (bn_reclaim_due()). Of a writable store. */
static inline void bn_store_ask_for_look(struct brain_store *store)
{
    (void)bn_add_seq(&store->state->n_looks_due, (uint64_t)1);
}

/* Make the file long enough for `bytes` of values. Address space alone: nothing is backed. */
int bn_store_extend(struct brain_store *store, uint64_t bytes);

#endif
