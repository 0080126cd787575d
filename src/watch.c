/* watch.c - waiting for a change.
 *
 * Owns:     the wake-up words of `clients`.
 * Ordering: PAIR wake: sleeper: read the sequence, mark the word, look at the name. Writer: commit,
 *           look at the mark. Whoever comes second sees the other.
 * Marks:    bit 0: somebody sleeps on this word. bit 1, on a namespace's word: somebody sleeps on
 *           the word of a name in it; it stays, and costs later writers there the hash of a key.
 * Crash:    a sleeper that died leaves a mark, which costs one needless wake-up. A writer that died
 *           before waking: sleepers look again after a second, and recovery wakes all.
 */
#include "watch.h"

#include <errno.h>

#include "base/hash.h"
#include "base/os.h"

#define ON_THIS    1u
#define ON_NAMES   2u
#define LONGEST_NS ((int64_t)1000 * 1000 * 1000)

uint64_t bn_watch_name_key(const struct brain_store *store, uint64_t space_key, const void *name,
                           size_t len)
{
    return bn_hash_name(store->hash_seed ^ space_key, 0, name, len) | (uint64_t)1 << 63;
}

void bn_watch_arm(struct brain_store *store, uint64_t space_key, uint64_t name_key,
                  struct bn_watch *watch_out)
{
    struct bn_wake_rec *space = bn_watch_rec(store, space_key);
    struct bn_wake_rec *rec = name_key != 0 ? bn_watch_rec(store, name_key) : space;
    watch_out->rec = rec;
    watch_out->sequence = bn_load_seq(&rec->sequence);
    (void)bn_or_seq(&rec->asleep, ON_THIS); /* PAIR wake */
    if (name_key != 0) {
        (void)bn_or_seq(&space->asleep, ON_NAMES);
    }
    /* PAIR wake: the marks stand before the caller looks again, whatever loads it looks with. */
    bn_fence_seq();
}

int bn_watch_sleep(const struct bn_watch *watch, int64_t timeout_ns)
{
    int64_t ns = timeout_ns < LONGEST_NS ? timeout_ns : LONGEST_NS;
    return bn_os_wait(&watch->rec->sequence, watch->sequence, ns) == -EINTR ? BRAIN_E_INTR : 0;
}

static void wake_rec(struct bn_wake_rec *rec)
{
    if (bn_load_seq(&rec->asleep) & ON_THIS) {
        (void)bn_and_seq(&rec->asleep, ~ON_THIS);
        (void)bn_add_seq(&rec->sequence, 1u);
        bn_os_wake(&rec->sequence, INT32_MAX);
    }
}

void bn_watch_wake_slow(struct brain_store *store, uint64_t space_key, const void *name, size_t len)
{
    struct bn_wake_rec *space = bn_watch_rec(store, space_key);
    uint32_t marks = bn_load_seq(&space->asleep);
    wake_rec(space);
    if (marks & ON_NAMES) {
        wake_rec(bn_watch_rec(store, bn_watch_name_key(store, space_key, name, len)));
    }
}

void bn_watch_wake_all(struct brain_store *store)
{
    for (uint64_t i = 0; i < BN_WAKE_WORDS; i++) {
        wake_rec(bn_watch_rec(store, i));
    }
}
