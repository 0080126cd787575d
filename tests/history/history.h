/* history.h - what is written down of each call: the form of a recorded history.
 *
 * A history is a head and its records, all of 64-bit words, as tests/history/check/history.go reads
 * them. A record is one call on the names of one group. It stands in memory that all processes of
 * the recorder share, so it outlives the process that wrote it: one that is killed in a call leaves
 * a record without a return.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTORY_MAGIC UINT64_C(0x3154534948)

/* Calls span the names of a group, never two groups: so each group is a history of its own, which
 * is what keeps them small enough to be checked. */
#define HISTORY_GROUPS 16u
#define HISTORY_NAMES  4u /* of a group; the even ones in one namespace, the odd ones in another */
#define HISTORY_SPACES 2u

/* The value of a name that is not there, and of one whose bytes are no value that anybody put. */
#define HISTORY_ABSENT UINT64_C(0)
#define HISTORY_TORN   UINT64_MAX

struct history_head {
    uint64_t magic;
    uint64_t round;
    uint64_t n_records;
    uint64_t committed; /* the number of the last commit before the first call; no name is there */
    uint64_t n_kills;   /* of processes */
};

enum history_kind {
    HISTORY_GET,      /* brain_get */
    HISTORY_COPY,     /* brain_get_or_copy, with a hint */
    HISTORY_EXISTS,   /* brain_exists: the version alone */
    HISTORY_PUT,      /* brain_put */
    HISTORY_TRY_PUT,  /* brain_try_put, with a hint, and brain_put where that is BUSY */
    HISTORY_DELETE,   /* brain_delete */
    HISTORY_BATCH,    /* brain_batch_commit */
    HISTORY_MANY,     /* brain_get_many */
    HISTORY_SNAPSHOT, /* brain_snapshot_open; what it shows is looked at later */
};

/* What a call does with a name of its group. */
enum history_action {
    HISTORY_NOTHING,
    HISTORY_READS,
    HISTORY_PUTS,
    HISTORY_DELETES,
    HISTORY_REQUIRES, /* brain_batch_require */
};

struct history_record {
    uint64_t call_ns;
    _Atomic uint64_t return_ns; /* 0: it has not returned; then, of a process that was killed, when
                                   its end was known */
    uint64_t is_open;           /* it was killed in the call: there is no result */
    uint64_t client;
    uint64_t kind;
    uint64_t group;
    int64_t result;  /* 0 or BRAIN_E_* */
    uint64_t number; /* of the commit that was made or read; 0: the call tells none */
    uint64_t action[HISTORY_NAMES];
    uint64_t value[HISTORY_NAMES];   /* put, or read */
    uint64_t version[HISTORY_NAMES]; /* read, or of a change the condition (`if_version`) */
};

#endif
