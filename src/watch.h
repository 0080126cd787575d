/* watch.h - waiting for a change: futex words by hash, one for each namespace and one for each
 * name.
 *
 * A writer looks at the word of its namespace after its commit: one load where nobody ever
 * waited. */
#ifndef BN_WATCH_H
#define BN_WATCH_H

#include "store.h"

/* Where to sleep: `key` is the hash of the namespace's name in the root space. */
struct bn_watch {
    struct bn_wake_rec *rec;
    uint32_t sequence;
};

/* A key for a name, independent of the incarnation of its namespace. */
uint64_t bn_watch_name_key(const struct brain_store *store, uint64_t space_key, const void *name,
                           size_t len);

/* Say that somebody is about to sleep on a namespace (name_key 0) or on a name. Then look at what
 * is waited for, then bn_watch_sleep(). PAIR wake. */
void bn_watch_arm(struct brain_store *store, uint64_t space_key, uint64_t name_key,
                  struct bn_watch *watch_out);

/* Sleep at most `timeout_ns`, and at most a second: a writer may have died between commit and
 * wake-up.
 * 0 or INTR. */
int bn_watch_sleep(const struct bn_watch *watch, int64_t timeout_ns);

/* After a commit: wake who waits. */
void bn_watch_wake_slow(struct brain_store *store, uint64_t space_key, const void *name,
                        size_t len);

static inline struct bn_wake_rec *bn_watch_rec(const struct brain_store *store, uint64_t key)
{
    return (struct bn_wake_rec *)(void *)((uint8_t *)store->clients + BN_WAKE_OFF) +
           key % BN_WAKE_WORDS;
}

static inline void bn_watch_wake(struct brain_store *store, uint64_t space_key, const void *name,
                                 size_t len)
{
    /* PAIR wake: after a full barrier behind the commit: its own store (txn.c), or the release of
     * the lock (replace.c) */
    if (bn_unlikely(bn_load_seq(&bn_watch_rec(store, space_key)->asleep) != 0)) {
        bn_watch_wake_slow(store, space_key, name, len);
    }
}

void bn_watch_wake_all(struct brain_store *store);

#endif
