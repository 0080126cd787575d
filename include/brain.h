/* brain.h - libbrain: named, namespaced objects in shared memory, without a server.
 *
 * A store is a directory with two files that every process maps. One process puts a value under a
 * name; any other process that opened the same path gets it, without a copy.
 *
 *     brain_store *store;
 *     brain_space *space;
 *     brain_view view;
 *     brain_open("/tmp/plasma", NULL, &store);
 *     brain_space_open(store, "default", 7, &space);
 *     brain_put_bytes(space, "greeting", 8, "hello", 5);
 *     if (brain_get(space, "greeting", 8, &view) == 0) {
 *         fwrite(view.data, 1, view.size_bytes, stdout);
 *         brain_view_drop(&view);
 *     }
 *     brain_space_close(space);
 *     brain_close(store);
 *
 * What is promised (docs/protocol.md numbers and proves each):
 *   - A reader never waits: a get takes no lock and makes no system call.
 *   - A change is visible at once and entirely, or not at all, whoever is killed at whatever
 *     instruction; a process that has seen the new state never sees the old one again.
 *   - A value's bytes never change. A view keeps them, after the name is replaced or deleted, after
 *     brain_close(), until brain_view_drop().
 *   - What a process that dies held is given back.
 *
 * Conventions
 *   Results    Every function that can fail returns 0 or a negative BRAIN_E_* code. Out parameters
 *              come last and are untouched on error. brain_error_detail() tells more about the last
 *              failure in the calling thread.
 *   Names      0 to BRAIN_NAME_MAX bytes, any bytes, no terminator. Namespaces: 1 to
 *              BRAIN_SPACE_MAX.
 *   Threads    A store, a space and a view may be used from any thread, and a store and a space
 *              from many at once. A batch, an object, a snapshot and an iterator belong to one
 *              thread at a time.
 *   Fork       After fork() the child goes on with the stores, spaces and views that it inherited;
 *              it is a client of its own from the first moment. Objects, batches, snapshots and
 *              iterators stay with the parent: in the child they can only be freed, without effect
 *              on the store.
 *   Signals    No function is async-signal-safe. brain_wait* return BRAIN_E_INTR when a handler
 *              ran.
 *   Blocks     "for the writer lock": up to the store's lock timeout (brain_options), then TIMEOUT.
 *              A call that takes the lock several times may wait as often. Who takes it over from a
 *              process that died finishes or undoes that one's change first, which costs as much as
 *              the change. "never": not for another process, though the call may enter the kernel.
 *   Damage     CORRUPT of a change (a put, a batch, a seal ...) means, nearly always, that nothing has
 *              changed. But what is put in order after a commit may be what is damaged: then the
 *              change is made, whole, and is what everybody sees; brain_exists() gives its version.
 *              Changes after that say CORRUPT, too, and change nothing; reading goes on.
 *   Full       Where a store is full a change says FULL; in another mode than that (enum brain_full) it
 *              makes room first. "On error nothing has changed" is said but for values that went for that.
 *              Whoever finds another at it waits, as for the writer lock, and may get TIMEOUT.
 *   Time       Durations are nanoseconds; BRAIN_FOREVER waits without end.
 *   Version    The version of an object is the number of the commit that made it: it grows with
 *              every change of a name; 0 means "no such name".
 */
#ifndef BRAIN_H
#define BRAIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BRAIN_API      __attribute__((visibility("default"), warn_unused_result))
#define BRAIN_API_FREE __attribute__((visibility("default")))
#else
#define BRAIN_API
#define BRAIN_API_FREE
#endif

#define BRAIN_VERSION_STRING  "1.0.0.dev0"

#define BRAIN_NAME_MAX        65535u  /* bytes in a name */
#define BRAIN_SPACE_MAX       255u    /* bytes in the name of a namespace */
#define BRAIN_META_MAX        65535u  /* bytes of metadata beside a value */
#define BRAIN_DESCRIPTION_MAX 65535u  /* bytes in a description */
#define BRAIN_BATCH_MAX       131072u /* changes in one batch */
#define BRAIN_SNAPSHOTS_MAX   8u      /* snapshots that one process may hold at once */
#define BRAIN_SMALL_BYTES     256u /* of data; below: brain_try_put(), its like, brain_get_or_copy() */
#define BRAIN_FOREVER         INT64_MAX
#define BRAIN_NUMBER_MAX      (UINT64_C(1) << 62) /* of brain_advance() */

/* ---- errors ---------------------------------------------------------------------------------- */

enum brain_error {
    BRAIN_OK = 0,
    /* Answers that a caller is expected to handle. */
    BRAIN_E_NOT_FOUND = -1, /* no such name, namespace or store */
    BRAIN_E_EXISTS = -2,    /* the name (or the store) is there already */
    BRAIN_E_STALE = -3,     /* the version is not the one that was asked for */
    BRAIN_E_FULL = -4,      /* capacity reached, or the file system has no room */
    BRAIN_E_BUSY = -5,      /* a limit is reached (clients, snapshots, views); or: not at once */
    BRAIN_E_TIMEOUT = -6,   /* a writer held the lock, or nothing changed, for that long */
    BRAIN_E_INTR = -7,      /* a signal handler ran during a wait */
    BRAIN_E_QUOTA = -8,     /* the namespace may not grow (brain_space_set_quota()) */
    /* Faults. */
    BRAIN_E_INVAL = -16,     /* an argument is out of its range */
    BRAIN_E_PERM = -17,      /* not allowed: mode, owner, read-only store */
    BRAIN_E_IO = -18,        /* the operating system refused something */
    BRAIN_E_NOMEM = -19,     /* private memory or address space is exhausted */
    BRAIN_E_CORRUPT = -20,   /* the store's bytes make no sense */
    BRAIN_E_FORMAT = -21,    /* made by a version of the library that this one cannot read */
    BRAIN_E_DESTROYED = -22, /* somebody removed the store while it was open */
    BRAIN_E_FORKED = -23,    /* a child that came about without fork(), or for which there was no
                                client row: open anew */
};

/* A short, constant English text for a code. Never NULL. */
BRAIN_API const char *brain_strerror(int code);

/* What went wrong in the calling thread's last failed call: what, where, and what to do. A full
 * store's text says what was asked, what is live, in limbo and free, and who pins; a timeout's
 * names the process that holds the lock. Empty after an answer that its code says all of: NOT_FOUND and EXISTS, but
 * for those of brain_open(), STALE and INTR. Valid until the thread's next failing call. Never NULL. */
BRAIN_API const char *brain_error_detail(void);

/* Say what brain_error_detail() is to say, for who was asked to make room (brain_on_full()) and failed: it ends up in
 * the text of the call that asked. Call it last: an answer such as NOT_FOUND to a later call empties the text. Longer
 * texts are cut. */
BRAIN_API_FREE void brain_tell_error(const char *text);

/* ---- stores ---------------------------------------------------------------------------------- */

typedef struct brain_store brain_store;
typedef struct brain_space brain_space; /* below, under "namespaces" */
typedef struct brain_batch brain_batch; /* below, under "many names at once" */

enum brain_open_flags {
    BRAIN_OPEN_EXISTING = 1u << 0,  /* fail with NOT_FOUND where there is no store */
    BRAIN_OPEN_EXCLUSIVE = 1u << 1, /* fail with EXISTS where there is one */
    BRAIN_OPEN_READ_ONLY = 1u << 2, /* map the data read-only: gets and waits only */
    BRAIN_OPEN_SHARED = 1u << 3,    /* accept a store of another user (its mode must allow it) */
};

/* What a put does that finds no room: the mode of a store, which holds for every process that has it open.
 *
 * In mode lru the value that a put replaces goes last, where all else that may go is not enough: then a get in between
 * finds nothing, and a process that is killed in between leaves the name without a value. One whose version the put
 * asks for, or whose description it keeps, does not go at all for it: that is FULL. */
enum brain_full {
    BRAIN_FULL_ERROR = 0, /* FULL. Nothing goes that nobody has removed */
    BRAIN_FULL_LRU = 1,   /* values that were not used for longest are removed, and it goes on */
    BRAIN_FULL_SPILL =
        2, /* whoever has registered with brain_on_full() moves values, and it goes on */
};

/* Options of brain_open(). Start from BRAIN_OPTIONS_INIT; a zero means the default. */
typedef struct brain_options {
    uint32_t struct_size;    /* sizeof(struct brain_options) */
    uint32_t flags;          /* enum brain_open_flags */
    uint64_t capacity_bytes; /* of a store that is made: what values may take, 4096 to 2^42.
                                  Default: half of what the file system has free, at most half of
                                  what the process's memory cgroup has left */
    uint32_t mode;           /* of a store that is made: 0600 (default), 0640 or 0660 */
    uint32_t has_group;      /* non-zero: `group` is given */
    uint32_t group;          /* of a store that is made: id of the group that mode 0640 or 0660
                                  opens it to */
    uint32_t full;           /* of a store that is made: enum brain_full */
    int64_t lock_timeout_ns; /* how long a change waits for a writer: default 10 s; or
                                  BRAIN_FOREVER */
    const char *directory;   /* of a store that is made: NULL, or a directory on a tmpfs in which
                                  its own is made; `path` is a link to it then. Where that tmpfs
                                  gives huge pages the store has them */
} brain_options;

#define BRAIN_OPTIONS_INIT { .struct_size = sizeof(brain_options) }

/* Open the store at `path`, and make it where there is none.
 *
 * Where `path` is not on a memory-backed file system, and always under /tmp and /var/tmp, the store
 * itself is made under /dev/shm and `path` becomes a symbolic link to it. With options->directory
 * it is made there instead (INVAL unless that lies on a tmpfs); where there is a store already that
 * is not looked at.
 *
 * On success `*store_out` is the caller's, to be given to brain_close().
 *
 * path      terminated; as an absolute one, and with its links resolved, at most 4,031 bytes, of which 1 to 215 are
 *           the last part. Relative paths are taken from the current directory.
 * options   NULL for the defaults.
 *
 * Returns 0, or: NOT_FOUND; EXISTS; PERM (owner, mode); IO; NOMEM; CORRUPT (damaged, cut short, or
 * not a store); FORMAT; FULL (no room to make it); BUSY (no free client row); INVAL.
 * Threads: any.  Blocks: never waits for a writer.  Cost: some 20 system calls. */
BRAIN_API int brain_open(const char *path, const brain_options *options, brain_store **store_out);

/* End this process's use of `store`. NULL is allowed.
 *
 * Views stay valid: the last one that is dropped unmaps the store. Spaces, batches, objects,
 * snapshots and iterators of the store must have been closed before; their memory is not freed
 * here, and a call on one of them after brain_close() is an error of the caller's. In a child, a
 * pin that another thread of the parent held at the moment of the fork counts as a view that nobody
 * drops.
 * Threads: any, while no other is in a call on the store but brain_view_drop().  Blocks: never; a millisecond
 * where views stay and the system has no membarrier.  Cost: some system calls. */
BRAIN_API_FREE void brain_close(brain_store *store);

/* Let `store` hold `capacity_bytes` of values from now on, in every process that has it open: more than now, or less.
 * No value goes and none moves, so readers do not notice. Of a store that was made smaller all memory that no value
 * uses goes back to the system, as by brain_trim().
 *
 * capacity_bytes   4096 to brain_stat.capacity_max_bytes.
 * Returns 0, or: INVAL; FULL (what is live, in limbo and being written is more than that, after the dead were reaped
 * and limbo was emptied; the detail tells how much of each, and who holds it: nothing has changed); PERM; TIMEOUT;
 * NOMEM; IO; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock.  Cost: O(1), no system call where the lock is free; to make it smaller
 * also as brain_trim(). */
BRAIN_API int brain_resize(brain_store *store, uint64_t capacity_bytes);

/* Let all commits from now on have numbers above `number`: for who brings values back into a new store, and knows
 * which versions others may have seen. A store whose numbers are above it already stays as it is. Nobody who waits is
 * woken, since nothing changes.
 *
 * number   at most BRAIN_NUMBER_MAX.
 * Returns 0, or: INVAL; PERM; TIMEOUT; IO; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock.  Cost: O(1), no system call where the lock is free. */
BRAIN_API int brain_advance(brain_store *store, uint64_t number);

/* Give all memory that no value uses back to the system now.
 *
 * freed_bytes_out   NULL, or receives how much the files shrank by.
 * Returns 0, or: PERM; TIMEOUT; FULL (no room for the record that a step needs); NOMEM; IO;
 * CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock, in short steps; others go on in between.
 * Cost: O(free memory + what is in limbo + names that removals have left + pins of all clients). */
BRAIN_API int brain_trim(brain_store *store, uint64_t *freed_bytes_out);

/* Give back all memory that nobody needs, and wait for what can be waited for: as brain_trim(), after the dead were
 * reaped, removed namespaces taken apart and limbo emptied, and again where others let go of something meanwhile. What
 * small values, names and index had is used again and does not go back.
 *
 * freed_bytes_out   NULL, or receives how much the files shrank by, records and lists included.
 * Returns, threads, blocks, cost: as brain_trim(). */
BRAIN_API int brain_compact(brain_store *store, uint64_t *freed_bytes_out);

/* Say how much free memory of values stays with the store, in all processes. What they did not need for a while beyond
 * that goes back by itself: half of it in ten seconds, with changes that anybody makes, after large ones above all.
 *
 * bytes   0: nothing stays for long; BRAIN_KEEP_DEFAULT: a quarter of the capacity, as long as nobody says anything;
 *         the capacity or more: all of it stays, until one and a half times the capacity are exceeded.
 * Returns 0, or: PERM; DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: O(1), no system call. */
#define BRAIN_KEEP_DEFAULT UINT64_MAX
BRAIN_API int brain_set_keep_free(brain_store *store, uint64_t bytes);

/* Remove the store: its files, its directory and its link.
 *
 * Whoever has it open gets DESTROYED from the next call on; views stay valid. The handle must still
 * be closed.
 * Returns 0, or: PERM (opened read-only; the effective user, as it is now, is not the owner, or may not remove the
 * files: nothing has changed); IO (something of it is left, and goes when the path is opened for the next time);
 * DESTROYED (somebody else was first); FORKED.
 * Threads: any.  Blocks: never.  Cost: some system calls; the memory goes back to the system when
 * the last process that has it open closes it or ends. */
BRAIN_API int brain_destroy(brain_store *store);

/* Numbers about a store; each as of one commit, together not necessarily of the same one. */
typedef struct brain_stat {
    uint32_t struct_size;        /* in: sizeof(struct brain_stat) */
    uint32_t n_clients;          /* processes that have the store open and live */
    uint64_t capacity_bytes;     /* what values may take */
    uint64_t capacity_max_bytes; /* what brain_resize() can make of it */
    uint64_t live_bytes;         /* data of values that names hold: "used" */
    uint64_t limbo_bytes;        /* replaced or removed, still pinned or not yet given back */
    uint64_t private_bytes;      /* created and not yet sealed */
    uint64_t physical_bytes;     /* memory that the files take, everything included */
    uint64_t metadata_bytes;     /* of it: records, index, journal */
    uint64_t value_backed_bytes; /* of it: pages of the value area */
    uint64_t n_objects;          /* names, in all namespaces */
    uint64_t n_namespaces;
    uint64_t n_limbo; /* objects in limbo, but for those that removals of namespaces have left */
    uint64_t n_pins;  /* pins of all clients */
    uint64_t n_snapshots;     /* registered snapshots of all clients */
    uint64_t committed;       /* number of the last commit */
    uint64_t n_recoveries;    /* how often a dead writer was recovered from */
    uint64_t created_ns;      /* when the store was made, nanoseconds since 1970, exactly */
    uint64_t n_evicted;       /* values that mode BRAIN_FULL_LRU has removed, ever */
    uint64_t evicted_bytes;   /* and their data */
    uint64_t keep_free_bytes; /* free memory that stays: brain_set_keep_free() */
} brain_stat;

/* Fill `*stat_out` (set its struct_size first).
 * Returns 0, or: INVAL; IO; DESTROYED; FORKED.  Threads: any.  Blocks: never.
 * Cost: a scan of the client table and of the pin ledgers, some system calls. */
BRAIN_API int brain_stat_get(brain_store *store, brain_stat *stat_out);

/* Capacity and live bytes alone, for hot paths. Returns 0, or: DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: a few loads. */
BRAIN_API int brain_usage(brain_store *store, uint64_t *capacity_bytes_out,
                          uint64_t *live_bytes_out);

/* Whether some writer holds the store's lock at this moment: 1 or 0. A hint: a change made now may
 * have to wait, so whoever must not block (a thread that holds an interpreter's lock) can prepare
 * for it. Also 1 where a writer died with the lock, until somebody takes it over.
 *
 * Cannot fail: of a store that was destroyed it says what stands there; not after brain_close().
 * Threads: any.  Blocks: never.  Cost: one load. */
BRAIN_API int brain_is_busy(const brain_store *store);

/* A number of this store's own, at random: two stores have different ones, also one at the path of another. Cannot
 * fail. */
#define BRAIN_STORE_ID_BYTES 16u
BRAIN_API_FREE void brain_store_id(const brain_store *store, uint8_t id_out[BRAIN_STORE_ID_BYTES]);

/* The path that the store was opened by, and the directory that it really lies in. Owned by
 * store. */
BRAIN_API const char *brain_path(const brain_store *store);
BRAIN_API const char *brain_directory(const brain_store *store);

enum brain_access {
    BRAIN_ACCESS_OWNED = 1u << 0,        /* the effective user owns it */
    BRAIN_ACCESS_OTHERS_WRITE = 1u << 1, /* somebody else may write it */
    BRAIN_ACCESS_READ_ONLY = 1u << 2,    /* opened without the right to write */
};

/* Who may do what, as it was when this handle was opened: a set of enum brain_access. A process that has changed its
 * user since then opens the store anew to be told. Cannot fail. */
BRAIN_API uint32_t brain_access(const brain_store *store);

/* A problem that brain_check() found. */
typedef struct brain_problem {
    char text[256]; /* terminated; what is wrong and where */
} brain_problem;

/* Verify every invariant of the store.
 *
 * Recovers from a dead writer first, as any change does, then holds the writer lock throughout.
 *
 * problems   room for `n_problems` of them; may be NULL where that is 0.
 * n_out      how many problems there are, also beyond n_problems; 0 means sound.
 * Returns 0 (also with problems), or: PERM; TIMEOUT; NOMEM; IO; CORRUPT (what a dead writer left
 * cannot be put in order); DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock, and keeps it until it is done.
 * Cost: O(everything in the store). */
BRAIN_API int brain_check(brain_store *store, brain_problem *problems, size_t n_problems,
                          size_t *n_out);

/* A process that has the store open. */
typedef struct brain_client {
    uint32_t row;   /* its row in the client table */
    uint32_t alive; /* 0: dead and not yet reaped */
    int32_t pid;    /* as seen in its own PID namespace */
    uint32_t n_snapshots;
    uint64_t pid_namespace; /* inode number of that namespace */
    uint64_t start_ns;      /* when it attached, nanoseconds since 1970 */
    uint64_t n_pins;
    char command[64]; /* the start of its command line, terminated */
    uint64_t seat;    /* how often the row has been given out: row and seat together are one
                              client, for ever */
} brain_client;

/* List the clients of a store. `*n_out` is how many there are, also beyond `n_clients`.
 * Returns 0, or: DESTROYED; FORKED.  Threads: any.  Blocks: never.
 * Cost: O(clients * pages of pins), and system calls for each client. */
BRAIN_API int brain_clients(brain_store *store, brain_client *clients, size_t n_clients,
                            size_t *n_out);

/* This process as a client of `store`.
 * Returns 0, or: DESTROYED; FORKED.  Threads: any.  Blocks: never.  Cost: a few loads and, for
 * n_pins, a scan of its own pins. */
BRAIN_API int brain_self(brain_store *store, brain_client *client_out);

/* Whether the client that brain_self() described by `row` and `seat` still lives: 1 or 0. What
 * cannot be found out counts as alive.
 * Threads: any.  Blocks: never.  Cost: some system calls; none for this process itself. */
BRAIN_API int brain_client_lives(brain_store *store, uint32_t row, uint64_t seat);

/* Give back what processes held that died: unsealed objects, pins, snapshots; and memory that one which lives could not
 * give back, since it did not get the lock in time. Whoever needs room does it as well; this is for one that keeps a
 * store tidy.
 *
 * n_out   NULL, or receives how many had died.
 * Returns 0, or: PERM; TIMEOUT; IO; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock, where one has died, or something is to be given back.
 * Cost: some system calls for each client. */
BRAIN_API int brain_reap(brain_store *store, uint32_t *n_out);

/* How many rows the client table has. */
#define BRAIN_CLIENT_ROWS 16384u

/* A pin: some client holds a view of an object, or is about to. */
typedef struct brain_pin {
    uint32_t object; /* as `object` of a brain_view */
    uint32_t client; /* its row; from BRAIN_CLIENT_ROWS on: a forked child without a row */
} brain_pin;

/* List the pins of all living clients. `*n_out` is how many there are, also beyond `n_pins`. A
 * client may stand several times with one object. Not as of one moment: a pin that is taken or
 * dropped meanwhile may be there or not; one that stands throughout is.
 * Returns 0, or: BUSY (forks came in between again and again); DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: O(pages of pins), and system calls for each client. */
BRAIN_API int brain_pins(brain_store *store, brain_pin *pins, size_t n_pins, size_t *n_out);

/* ---- looking inside -------------------------------------------------------------------------- */

/* What becomes of what is in a store. */
enum brain_object_state {
    BRAIN_OBJECT_LIVE = 1u << 0,  /* the value of its name */
    BRAIN_OBJECT_LIMBO = 1u << 1, /* replaced or removed: still pinned or not yet given back */
    BRAIN_OBJECT_DRAFT = 1u << 2, /* created, or large and being put: not sealed yet */
    BRAIN_OBJECT_ANY = 7u,
};

#define BRAIN_NO_CLIENT UINT32_MAX

/* One version of a value, or one that is to come. */
typedef struct brain_object_info {
    uint32_t struct_size; /* in: sizeof(struct brain_object_info) */
    uint32_t object;      /* as in brain_view and brain_pin */
    uint32_t state;       /* one of enum brain_object_state */
    uint32_t kind;        /* enum brain_kind */
    /* DRAFT: the row of who writes it; BRAIN_NO_CLIENT: nobody does any more. Else BRAIN_NO_CLIENT. */
    uint32_t client;
    uint32_t name_len;  /* of the whole name; DRAFT: 0, it has none yet */
    uint32_t space_len; /* of its namespace; 0: that was removed; DRAFT: 0 */
    /* Of this use of `object`: another as soon as it is used for something else. */
    uint32_t gen;
    /* How many bytes of the name are in `name`: all, or its first 255. 0 though name_len is not: it lay in memory that
     * was given back meanwhile, and nobody can tell it any more. */
    uint32_t name_there;
    uint32_t reserved; /* 0 */
    uint64_t version;  /* DRAFT: 0 */
    /* LIMBO: number of the commit that replaced or removed it; 0: not known, or not LIMBO. A snapshot needs it whose
     * number is not below `version` and below this. */
    uint64_t retired;
    uint64_t size_bytes;   /* of data */
    uint64_t memory_bytes; /* of values that it takes: whole pages; 0: it lies in its record */
    uint64_t created_ns;   /* as brain_view_created_ns(); DRAFT: 0 */
    /* Terminated; any of its bytes may be zero, and it may end within a character. */
    char name[256];
    char space[256]; /* terminated */
} brain_object_info;

/* Say what `object` is: for the number of a pin. It is not kept by that, and may be another as soon as this returns:
 * its gen tells.
 *
 * info_out   set its struct_size first.
 * Returns 0, or: NOT_FOUND (no such object, or one of the library's own: a namespace, what marks a deleted name);
 * INVAL; NOMEM, IO (as brain_get()); CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: never, takes no lock.  Cost: O(1), no system call but for a name of more than about 1,900
 * bytes, its metadata and description included; and a look-up by name where a writer is just at work. */
BRAIN_API int brain_object_look(brain_store *store, uint32_t object, brain_object_info *info_out);

/* Go through all objects that are in one of `states`, in no particular order.
 *
 * As of no one moment: what stands throughout is met once; what comes or goes meanwhile may be met or not, and a name
 * that gets a new value meanwhile may be met with both.
 *
 * states     a set of enum brain_object_state.
 * cursor     in: 0 to begin, then what the call before left there.
 * infos_out  room for `n` of them, at least one; set struct_size of the first, which is that of all.
 * n_out      how many there are in this call, also where it says CORRUPT.
 * Returns 0; or NOT_FOUND: that was all, and this call gives none; INVAL; CORRUPT: what stands between `infos_out` and
 * `*cursor` makes no sense, and a call goes on behind it; else as brain_object_look().
 * Threads: any.  Blocks: never, takes no lock.  Cost: that of n looks, and a look at what lies in between; of a whole
 * walk O(the most objects that the store ever had). */
BRAIN_API int brain_objects(brain_store *store, uint32_t states, uint32_t *cursor,
                            brain_object_info *infos_out, size_t n, size_t *n_out);

/* The numbers of the commits that the client of row `row` reads as of, one for each of its snapshots and walks.
 *
 * Returns 0 (also where there is no such client: none), or: DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: a few loads. */
BRAIN_API int brain_client_snapshots(brain_store *store, uint32_t row,
                                     uint64_t numbers_out[BRAIN_SNAPSHOTS_MAX], size_t *n_out);

/* Say who has the writer lock.
 *
 * epoch_out   NULL, or receives a number that rises with each acquisition: the same one twice is one holding that goes
 *             on. A holding takes microseconds, so that one which lasts is of a process that is stopped, that cannot
 *             run, or (client_out->alive 0) that died: whoever makes the next change goes on for it.
 * Returns 0, or: NOT_FOUND (nobody; or others again and again); CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: never, takes no lock.  Cost: as brain_clients() for one of them. */
BRAIN_API int brain_writer(brain_store *store, brain_client *client_out, uint64_t *epoch_out);

/* ---- values ---------------------------------------------------------------------------------- */

/* What a value is: a numbered registry, part of the format. 0 to 255 are the library's. Integers
 * are little-endian. The layout of metadata and data of each kind is in docs/format.md. */
enum brain_kind {
    BRAIN_KIND_RAW = 0,       /* bytes without a meaning */
    BRAIN_KIND_NONE = 1,      /* no data */
    BRAIN_KIND_FALSE = 2,     /* no data */
    BRAIN_KIND_TRUE = 3,      /* no data */
    BRAIN_KIND_INT = 4,       /* data: two's complement, 8 bytes, or more for larger ones */
    BRAIN_KIND_FLOAT = 5,     /* data: IEEE 754 binary64 */
    BRAIN_KIND_STR = 6,       /* data: UTF-8 */
    BRAIN_KIND_BYTES = 7,     /* data: the bytes */
    BRAIN_KIND_TENSOR = 8,    /* metadata: struct of brain_tensor, encoded; data: the elements */
    BRAIN_KIND_ARROW = 9,     /* data: an Arrow IPC stream */
    BRAIN_KIND_PICKLE = 10,   /* data: pickle protocol 5 and its out-of-band buffers */
    BRAIN_KIND_TREE = 11,     /* data: an item of CBOR and its buffers: docs/format.md */
    BRAIN_KIND_AWAY = 13,     /* what stands for a value that is elsewhere: brain_move_away() */
    BRAIN_KIND_UNSEALED = 14, /* an id that is taken, its object not sealed yet: docs/format.md */
    BRAIN_KIND_SPACE = 15,    /* the library's own: a namespace */
};

/* A run of bytes to be put. They have to be readable throughout the call, and to stay as they are. Where they cannot be
 * read the process ends, as by memcpy(), or the call is an IO error; nothing has changed. */
typedef struct brain_part {
    const void *data;
    size_t size_bytes;
    size_t align; /* offset of this part within the value, 0 or 1: none, else a power of two up to
                       64; the gap before it is filled with zeros */
} brain_part;

/* A value to be put. The library copies everything before the call returns. */
typedef struct brain_value {
    uint32_t kind; /* enum brain_kind, but for BRAIN_KIND_AWAY */
    uint32_t n_parts;
    const brain_part *parts; /* the data, in order */
    const void *meta;        /* metadata, describes the data; not counted as used */
    size_t meta_len;         /* 0 to BRAIN_META_MAX */
    const void *description; /* NULL: keep the description of the value that is replaced */
    size_t description_len;  /* 0 to BRAIN_DESCRIPTION_MAX */
    uint64_t created_ns;     /* when it was put first, ns since 1970, below 2^63; 0: now */
} brain_value;

/* A value in the store, pinned. Its bytes do not change and stay until brain_view_drop(). The views
 * are read-only memory: writing through one is a fault of the writing process. */
typedef struct brain_view {
    const void *data; /* 64-byte aligned from 256 bytes up, else 8-byte aligned */
    uint64_t size_bytes;
    const void *meta; /* may be NULL where meta_len is 0 */
    const void *description;
    const void *name;
    uint64_t version;
    uint32_t kind;
    uint16_t meta_len;
    uint16_t description_len;
    uint16_t name_len;
    uint16_t tag;       /* the caller's; 0 when the view is filled */
    uint32_t object;    /* the same number in all views of one version of a value; of another
                                 one later, when nobody has a view of this one any more */
    uint32_t pin;       /* the library's */
    brain_store *store; /* the library's; NULL once dropped */
} brain_view;

/* When the value was put, nanoseconds since 1970: coarse (some milliseconds), or what brain_value.created_ns had. 0: it
 * is not known, as of a view that was dropped, or that brain_get_or_copy() filled with a copy. */
BRAIN_API uint64_t brain_view_created_ns(const brain_view *view);

/* Let go of a view. The memory that it shows may be reused at once. A dropped or zeroed view is
 * allowed.  Threads: any, not two on one view.  Blocks: never.  Cost: a store; a system call or two
 * where it was the last view of a large value that is no longer in the store. */
BRAIN_API_FREE void brain_view_drop(brain_view *view);

/* ---- identity -------------------------------------------------------------------------------- */

#define BRAIN_ID_BYTES 20u

/* The id of the value that a pinned view shows: of this one version, in this one store, for ever.
 * Zeros for a view that was dropped or that shows a copy (brain_get_or_copy()).
 * Threads: any.  Cost: a few loads. */
BRAIN_API_FREE void brain_view_id(const brain_view *view, uint8_t id_out[BRAIN_ID_BYTES]);

/* As brain_get(), by the id that brain_view_id() gave, in whatever namespace it is. An id finds
 * nothing once its name has another value, or none.
 * Returns as brain_get().  Threads: any.  Blocks: never.  Cost: O(1), as brain_get(). */
BRAIN_API int brain_get_by_id(brain_store *store, const uint8_t id[BRAIN_ID_BYTES],
                              brain_view *view_out);

/* Name the namespace that a pinned view's value is in, as brain_space_open().
 * name_out, name_len_out   NULL, or receive its name, which is the space's.
 * Returns 0, or: NOT_FOUND (it was removed); INVAL (no pinned view); else as brain_get().
 * Threads: any.  Blocks: never.  Cost: O(1). */
BRAIN_API int brain_view_space(const brain_view *view, brain_space **space_out,
                               const void **name_out, size_t *name_len_out);

/* A second view of the same version of a value, whatever has become of its name: `*copy_out` is the
 * caller's, to be dropped, and each keeps the value. Its tag is that of the first.
 * Returns 0, or: INVAL (no pinned view); BUSY (no room for a view); FORKED.
 * Threads: any.  Blocks: never.  Cost: as brain_get(); but while many are made all the time, nobody
 * gets memory back that others have freed. */
BRAIN_API int brain_view_dup(const brain_view *view, brain_view *copy_out);

/* A second view of the value whose data an address lies in, where this process has a view of that value
 * already, by whatever handle that shares the mapping of `store` (opened with the same access, by the
 * same user): for who was handed a pointer out of a view, and not the view. `*view_out` is the caller's,
 * to be dropped, and each keeps the value, whatever has become of its name. Its tag is 0.
 *
 * address   any: it is looked at, and nothing is read there. Name, metadata and description of a value
 *           are none of its data, nor is what an object that is being written has.
 * Returns 0, or: NOT_FOUND (it lies in no value of the store that this process has a view of); BUSY (no
 * room for a view); CORRUPT; FORKED.
 * Threads: any; but where it succeeds the view that was there has to stay until it returns: nobody else
 * keeps the value meanwhile. One in another thread that is only about to be taken, or to fail, does not
 * count. Fork: a child finds what it inherited views of, by a handle that it inherited or a new one.
 * Blocks: never.  Cost: O(pages of pins), and O(size of the value / 256) for an address far behind its
 * start; as of brain_view_dup(), many of them keep others from getting memory back. */
BRAIN_API int brain_view_at(brain_store *store, const void *address, brain_view *view_out);

/* The bytes of a pinned view once more, writable, for libraries that know no read-only memory. A page
 * is the store's until it is written, and takes no memory; what is written reaches no other process,
 * and no other view. `*data_out` is aligned as the view's data, and is the caller's, to be given to
 * brain_private_free() with the view's size_bytes; the view has to stay until then.
 * Returns 0, or: INVAL (no pinned view); IO; NOMEM; DESTROYED.
 * Threads: any.  Fork: the child has what was written, and each its own from then on.
 * Blocks: never.  Cost: three system calls, and a page fault for each page that is touched. */
BRAIN_API int brain_view_private(const brain_view *view, void **data_out);
BRAIN_API_FREE void brain_private_free(void *data, uint64_t size_bytes);

/* A note: a number beside a value that whoever has a view of it may change. The last
 * BRAIN_NOTE_BYTES of its metadata are room for one (put as zeros, which is the note 0). Nothing
 * else of a value ever changes; the note of a value is not kept when it is replaced.
 *
 * brain_view_note() is 0 where the metadata are shorter. brain_view_set_note() does nothing there,
 * in a store that is open read-only, and with a view that is not pinned.
 * Threads: any.  Blocks: never.  Cost: a load / a store into shared memory. */
#define BRAIN_NOTE_BYTES 15u
BRAIN_API_FREE uint64_t brain_view_note(const brain_view *view);
BRAIN_API_FREE void brain_view_set_note(const brain_view *view, uint64_t note);

/* Set the note where it still is `expected`: 1, or 0 where it is not, or cannot be set. This, the
 * look of brain_view_note(), the taking of a view and brain_pins() are in one order for everybody:
 * so of one who marks a note and then lists the pins, and one who gets a view and then looks at its
 * note, one sees the other. */
BRAIN_API int brain_view_swap_note(const brain_view *view, uint64_t expected, uint64_t note);

#define BRAIN_AWAY_MAX 1024u /* bytes that stand for a value that is elsewhere */

/* Put `stand_in` in the place of the value that a pinned view shows, which its caller has brought elsewhere, if
 * the name still has it. Its kind is BRAIN_KIND_AWAY then, and its data are the `len` bytes; version, time,
 * metadata and description stay as they were, and nobody can tell by any of them that it was moved: a condition
 * on the version holds, nobody who waits is woken, brain_wait_space() goes on waiting. Views of the value, and
 * snapshots from before, keep showing it, and its memory is given back when the last of them, this one included,
 * has gone. An id of before the move finds nothing any more. What this puts, `len` bytes and 8, counts as live, and is
 * put where there is no room, too.
 *
 * len   1 to BRAIN_AWAY_MAX, and at least 8 less than the value has.
 * Returns 0, or: STALE (the name has another value, or none, or it has been moved already); NOT_FOUND (its
 * namespace was removed); INVAL; else as brain_put(); FULL where name, metadata and description are more than
 * about 1,000 bytes, and there is no room, or the file system has none.
 * Threads: any.  Blocks: for the writer lock.  Cost: that of a small put. */
BRAIN_API int brain_move_away(const brain_view *view, const void *stand_in, size_t len);

/* ---- tensors and numbers --------------------------------------------------------------------- */

#define BRAIN_TENSOR_NDIM_MAX 64

/* The description of an n-dimensional array, as NumPy and DLPack have it. */
typedef struct brain_tensor {
    char dtype[16];    /* NumPy type string, terminated: "<f8", "|u1", "<M8[ns]" ...; decoded:
                            zeros to the end */
    const char *descr; /* NULL, or of a structured type NumPy's `descr` as text, not terminated */
    uint32_t descr_len;
    uint32_t ndim;                         /* 0 to BRAIN_TENSOR_NDIM_MAX */
    uint32_t fortran;                      /* non-zero: the first index varies fastest */
    uint64_t item_bytes;                   /* bytes of one element */
    uint64_t shape[BRAIN_TENSOR_NDIM_MAX]; /* elements along each axis */
} brain_tensor;

/* Encode `tensor` as the metadata of a BRAIN_KIND_TENSOR value into `buf` (room: `room` bytes; NULL
 * and 0 ask for the length alone). Returns 0, or INVAL. `*len_out` is the length. */
BRAIN_API int brain_tensor_encode(const brain_tensor *tensor, void *buf, size_t room,
                                  size_t *len_out);

/* Decode the metadata of a BRAIN_KIND_TENSOR value. Checks that `data_bytes` is what shape and
 * element size make. `descr` points into `meta`. Returns 0, or CORRUPT. */
BRAIN_API int brain_tensor_decode(const void *meta, size_t meta_len, uint64_t data_bytes,
                                  brain_tensor *tensor_out);

/* Decode a BRAIN_KIND_INT of 8 bytes / a BRAIN_KIND_FLOAT. Returns 0, or INVAL: it is none. */
BRAIN_API int brain_view_int(const brain_view *view, int64_t *value_out);
BRAIN_API int brain_view_float(const brain_view *view, double *value_out);

/* ---- namespaces ------------------------------------------------------------------------------ */

/* A brain_space is a name of a namespace, with what is known of it. Not a handle on its contents:
 * where somebody removes the namespace, gets miss, and a put makes it again. */

/* Name a namespace. It need not exist, and is not made. `*space_out` is the caller's, to be given
 * to brain_space_close().
 * name_len   1 to BRAIN_SPACE_MAX.
 * Returns 0, or: INVAL; NOMEM.  Threads: any.  Blocks: never.  Cost: looks at nothing in the
 * store. */
BRAIN_API int brain_space_open(brain_store *store, const void *name, size_t name_len,
                               brain_space **space_out);

/* Free a space. NULL is allowed. Allowed after brain_close(). */
BRAIN_API_FREE void brain_space_close(brain_space *space);

/* Its name, and how long that is. Owned by space. Cannot fail. */
BRAIN_API const void *brain_space_name(const brain_space *space, size_t *name_len_out);

/* Make the namespace, empty.
 * Returns 0, or: EXISTS; FULL; BUSY; TIMEOUT; PERM; IO; NOMEM; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock.  Cost: that of a small put. */
BRAIN_API int brain_space_create(brain_space *space);

/* Whether it exists: 0 or NOT_FOUND; BUSY; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: O(1), as brain_get(). */
BRAIN_API int brain_space_exists(brain_space *space);

/* How many names it holds (0 where it does not exist). Returns 0, or: BUSY; CORRUPT; DESTROYED;
 * FORKED.  Threads: any.  Blocks: never.  Cost: O(1). */
BRAIN_API int brain_space_count(brain_space *space, uint64_t *n_out);

/* Let the values of the namespace come to `bytes`, and no more, whoever puts: their data alone, as brain_usage()
 * counts. A change that makes it larger, and larger than that, is QUOTA, with a text that names the namespace: of any
 * call that commits one. In modes BRAIN_FULL_LRU and BRAIN_FULL_SPILL values of the namespace give way first. What
 * makes it smaller, or leaves it as large, is never refused: so a quota may be below what is there, and nothing goes
 * for that.
 *
 * The namespace is made where it does not exist, in one step with its quota. When it is removed its quota goes, too.
 *
 * bytes   0: no quota; nothing is made for that.
 * Returns 0, or: FULL; BUSY; TIMEOUT; PERM; IO; NOMEM; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock.  Cost: O(1). */
BRAIN_API int brain_space_set_quota(brain_space *space, uint64_t bytes);

/* How many names it holds, how many bytes their values come to, both as of one commit, and its quota, as of now.
 * All 0 where it does not exist.
 *
 * n_out, bytes_out, quota_out   NULL, or receive them. quota 0: none.
 * Returns 0, or: BUSY; CORRUPT; DESTROYED; FORKED.  Threads: any.  Blocks: never.  Cost: O(1). */
BRAIN_API int brain_space_usage(brain_space *space, uint64_t *n_out, uint64_t *bytes_out,
                                uint64_t *quota_out);

/* Remove the namespace with all its names in one atomic step.
 * Returns 0, or: NOT_FOUND; FULL; TIMEOUT; PERM; IO; NOMEM; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock.
 * Cost: the step is O(1). To give the memory back takes O(names), in short holdings of the lock. This call does it,
 * unless there are more than 64 names, with at most 256 bytes of data each on average, and all that removals have left
 * comes to less than 16 MiB and a 64th of the capacity. Then later changes do it, of any process, a few names each; so
 * does brain_trim(), and whoever finds the store full. */
BRAIN_API int brain_space_remove(brain_space *space);

/* ---- one name -------------------------------------------------------------------------------- */

#define BRAIN_ANY_VERSION UINT64_MAX

/* Put `value` under `name`, new or in place of what is there.
 *
 * if_version    BRAIN_ANY_VERSION; or the version that the name must have now, 0: must be absent.
 * version_out   NULL, or receives the new version.
 *
 * The space is made where it does not exist. Memory: large data goes from `value` straight into
 * shared memory. On any error nothing has changed.
 *
 * Returns 0, or: EXISTS (if_version is 0 and the name is there); STALE (another version, or
 * absent); FULL; QUOTA; BUSY (no memory for a pin, as brain_get()); TIMEOUT; INVAL; PERM; IO; NOMEM;
 * CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock.
 * Cost: O(bytes); no system call where the memory is warm, the lock free and the data below 32 MiB. Of more up
 * to three other threads copy pieces, and end with the call: a fault that the caller's memory raises (SIGBUS of a file
 * that was cut short) may be theirs then, and a seccomp filter has to let them begin. */
BRAIN_API int brain_put(brain_space *space, const void *name, size_t name_len,
                        const brain_value *value, uint64_t if_version, uint64_t *version_out);

/* Where a value was found. For callers who use a name again and again: keep one for each pair of a
 * space and a name, zeroed at first; calls with it find the value without looking for it, as long
 * as it is where it was. Else they look for it, and note where it is now. Owns and refers to
 * nothing: it may be copied, zeroed and forgotten at any time, and is useless, not wrong, once the
 * value has changed. But the hint of one name, or space, used with another gives the value of the
 * one, and a put with it damages the store. Belongs to one thread at a time, and to one open space. */
typedef struct brain_hint {
    uint64_t space, place, word; /* the library's, all of them */
    uint32_t gen, record, size, kind;
} brain_hint;

/* As brain_put(), where that is short and can be done at once: a value below BRAIN_SMALL_BYTES
 * under a name that has such a value already, while no other writer is at work. Else BUSY, whatever
 * the reason, nothing has happened, and brain_put() is to be called: it has the full answer. This
 * BUSY leaves no detail text: brain_error_detail() is still that of an earlier call.
 *
 * hint  NULL, or the hint of this name in this space.
 * Returns 0, or: BUSY; PERM; DESTROYED; FORKED.
 * Threads: any.  Blocks: never.
 * Cost: O(1), no system call but where it is this put's turn to give back what others left in
 * limbo. */
BRAIN_API int brain_try_put(brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                            const brain_value *value, uint64_t if_version, uint64_t *version_out);

/* As brain_try_put() with BRAIN_ANY_VERSION, for a value of one part without metadata, which need not
 * be described in a struct. It does not tell the new version.
 *
 * name, name_len    not NULL, also where it is empty.
 * hint              NULL, or the hint of this name in this space.
 * kind              0 to 255, but for BRAIN_KIND_AWAY.
 * data, size_bytes  not NULL, also where it is empty; below BRAIN_SMALL_BYTES.
 *
 * Returns 0, or: BUSY (also where an argument is none of these: brain_put() says why); PERM; DESTROYED;
 * FORKED.
 * Threads, blocking, cost: as brain_try_put(). */
BRAIN_API int brain_try_put_small(brain_space *space, const void *name, size_t name_len,
                                  brain_hint *hint, uint32_t kind, const void *data,
                                  size_t size_bytes);

/* Put bytes as BRAIN_KIND_BYTES; else as brain_put() with BRAIN_ANY_VERSION, in all respects. */
BRAIN_API int brain_put_bytes(brain_space *space, const void *name, size_t name_len,
                              const void *data, size_t size_bytes);

/* Look up `name` and pin its value.
 *
 * On success `*view_out` points into shared memory: no copy is made.
 *
 * Returns 0, or: NOT_FOUND; INVAL (the name is too long); BUSY (no memory for another pin); NOMEM,
 * IO (the file has grown, and what was added cannot be mapped); CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: never; takes no lock of the store.
 * Cost: O(1), no system call, but for one in about a thousand views that are held at once, and
 * where the file has grown since the process last looked. */
BRAIN_API int brain_get(brain_space *space, const void *name, size_t name_len,
                        brain_view *view_out);

/* As brain_get(); but a small value without metadata may be copied into `buf` instead of being
 * pinned, which costs less. Then view->data is `buf`, view->name is `name`, meta and description
 * are not there (brain_get() has the description), brain_view_created_ns() is 0, and
 * brain_view_drop() has nothing to do.
 *
 * hint       NULL, or the hint of this name in this space.
 * buf, room  aligned to 8 bytes; a value below BRAIN_SMALL_BYTES may be copied if there is room for
 *            it, its name and 24 bytes more. What is in `buf` is lost in any case.
 *
 * Returns as brain_get(); INVAL also for a `buf` that is not aligned.
 * Threads: any.  Blocks: never.  Cost: as brain_get(); where it copies it writes to no shared
 * memory but what it counts (brain_counts()).
 * Source: the value is read as under a seqlock (Hans Boehm, Can Seqlocks Get Along With Programming
 * Language Memory Models?, MSPC 2012). */
BRAIN_API int brain_get_or_copy(brain_space *space, const void *name, size_t name_len,
                                brain_hint *hint, void *buf, size_t room, brain_view *view_out);

/* As brain_get(), for who has just got a copy by brain_get_or_copy(), and sees by that that a view is wanted: it is no
 * get of its own that counts (brain_counts()) or is told of. */
BRAIN_API int brain_get_again(brain_space *space, const void *name, size_t name_len,
                              brain_view *view_out);

/* Copy the data of `name` into `buf`.
 *
 * room       bytes in `buf`.
 * size_out   NULL, or receives the data's size, also where FULL says that it is above `room`.
 * kind_out, version_out   NULL, or receive kind and version.
 * Returns 0, or: NOT_FOUND; FULL (`buf` is too small: nothing was copied); else as brain_get().
 * Threads: any.  Blocks: never.  Cost: O(bytes); by several threads as brain_put(). */
BRAIN_API int brain_get_copy(brain_space *space, const void *name, size_t name_len, void *buf,
                             size_t room, size_t *size_out, uint32_t *kind_out,
                             uint64_t *version_out);

/* Whether `name` exists, and its version.
 * Returns 0 (`*version_out`, if not NULL, is above 0), or: NOT_FOUND; else as brain_get().
 * Threads: any.  Blocks: never.  Cost: O(1), no system call but as brain_get() and
 * brain_view_drop(); of a small value no pin is taken. */
BRAIN_API int brain_exists(brain_space *space, const void *name, size_t name_len,
                           uint64_t *version_out);

/* Delete `name`.
 * if_version   BRAIN_ANY_VERSION, or the version that it must have now.
 * Returns 0, or: NOT_FOUND; STALE; else as brain_put().
 * Threads: any.  Blocks: for the writer lock.
 * Cost: O(1), no system call where the lock is free; where the value was large, also a look at what
 * is in limbo and at the pins of all clients, since its memory is given back at once. */
BRAIN_API int brain_delete(brain_space *space, const void *name, size_t name_len,
                           uint64_t if_version);

/* ---- writing in place ------------------------------------------------------------------------ */

/* An object that is being written: private to this process until it is sealed. */
typedef struct brain_object brain_object;

/* Reserve an object of `size_bytes`, to be written through brain_object_data().
 *
 * meta may be set again at the seal. `*object_out` is the caller's, to be given to
 * brain_object_release(), sealed or not. If the process dies before the seal, it is freed.
 * Returns 0, or: FULL; TIMEOUT; INVAL; PERM; IO; NOMEM; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: for the writer lock; up to 1,984 bytes never.
 * Cost: up to 1,984 bytes an allocation; else some system calls, and O(bytes) of memory that the
 * store does not have yet. */
BRAIN_API int brain_create(brain_store *store, uint64_t size_bytes, brain_object **object_out);

/* The same, in the memory of the store itself rather than in a mapping of its own: quicker by a page
 * fault for each 4 KiB, for who sees to it that nothing writes there any more from the seal on, since
 * it would reach the store. A child has the memory too, and must not write there.
 * Returns, Threads, Blocks, Cost: as brain_create(). */
BRAIN_API int brain_create_in_place(brain_store *store, uint64_t size_bytes,
                                    brain_object **object_out);

/* The same, to be filled by brain_object_append() alone: for what comes piece by piece, from a file or a socket. Its
 * memory is taken as it is filled, which costs half of what it does to take it first and to write through it then.
 * brain_object_data() is NULL.
 * Returns, Threads, Blocks: as brain_create().  Cost: up to 1,984 bytes an allocation; else O(1), with some system
 * calls; and all of the memory where the file system has huge pages. */
BRAIN_API int brain_create_streamed(brain_store *store, uint64_t size_bytes,
                                    brain_object **object_out);

/* Write `size_bytes` of `data` into an object of brain_create_streamed(), behind what is there. It can be sealed when
 * it is full.
 * Returns 0, or: INVAL (another object, a sealed one, beyond its end, `data` NULL); FULL (the file system has no
 * memory); NOMEM; IO; CORRUPT; DESTROYED; FORKED (in a child of the process that made it). On error nothing was
 * appended, and the call may be made again.
 * Blocks: never; for the writer lock where memory is short.  Cost: O(bytes), by several threads as brain_put(); no
 * system call where the memory is warm. */
BRAIN_API int brain_object_append(brain_object *object, const void *data, size_t size_bytes);

/* Where to write: size_bytes of writable memory, 64-byte aligned, undefined at first: zeros, or what
 * was in the store before. After the seal the memory stays
 * readable and writable until brain_object_release(), but is private: what is written then does not
 * reach the store; unless it was made by brain_create_in_place(). */
BRAIN_API void *brain_object_data(brain_object *object);

/* Publish the object under a name, as brain_put() would (`value` gives kind, metadata and
 * description; its parts must be none). On success the object is sealed; on error it is as before,
 * and may be sealed again or released.
 * Returns as brain_put(); INVAL also where it is sealed already, is streamed and not full, or `value`
 * has parts; FORKED also in a child of the process that made it.
 * Blocks: for the writer lock.  Cost: as a put of the same size where the object has at most 1,984
 * bytes, or its name, metadata and description together about 2,000; else O(1), with some system
 * calls. */
BRAIN_API int brain_object_seal(brain_object *object, brain_space *space, const void *name,
                                size_t name_len, const brain_value *value, uint64_t if_version,
                                uint64_t *version_out);

/* As brain_object_seal(), in one commit with all that is in `batch`, which is empty afterwards, as
 * after brain_batch_commit(). A change of the same name in the batch, and a batch of another store,
 * are errors: INVAL.
 * Returns as brain_object_seal(); of a condition in the batch that does not hold also STALE,
 * EXISTS, NOT_FOUND. On error nothing has changed, but the batch is empty.
 * Blocks: for the writer lock.  Cost: that of both. */
BRAIN_API int brain_object_seal_in(brain_object *object, brain_batch *batch, brain_space *space,
                                   const void *name, size_t name_len, const brain_value *value,
                                   uint64_t if_version, uint64_t *version_out);

/* Let go of the object: aborts it where it is not sealed, and unmaps its memory. NULL is allowed.
 * Blocks: for the writer lock, where it aborts; after a timeout its memory goes with the next change, of whichever
 * process. */
BRAIN_API_FREE void brain_object_release(brain_object *object);

/* ---- many names at once ---------------------------------------------------------------------- */

/* Begin a batch: a set of changes that become visible all at once. `*batch_out` is the caller's, to
 * be given to brain_batch_free(). Returns 0, NOMEM. */
BRAIN_API int brain_batch_new(brain_store *store, brain_batch **batch_out);

/* Add a put / a delete. What `value` points to is copied now. The last change of a name in a batch
 * wins. A delete of a name that is missing changes nothing.
 * Returns 0, or: INVAL (also: more than BRAIN_BATCH_MAX changes); PERM; NOMEM; DESTROYED; FORKED
 * (also in a child of the process that made the batch); where a large value is stored at once also
 * FULL; QUOTA (by itself it is too large); TIMEOUT; IO; CORRUPT. On error the batch is as before.
 * Blocks: for the writer lock where the value is large (with its name more than about 2,000 bytes),
 * else never.  Cost: O(bytes). */
BRAIN_API int brain_batch_put(brain_batch *batch, brain_space *space, const void *name,
                              size_t name_len, const brain_value *value);
BRAIN_API int brain_batch_delete(brain_batch *batch, brain_space *space, const void *name,
                                 size_t name_len);

/* The same, under a condition: `if_version` as in brain_put() / brain_delete(); looked at in the
 * commit, against what stood before it. Where one does not hold, brain_batch_commit() says EXISTS,
 * STALE or (of a delete) NOT_FOUND, and changes nothing. Of several changes of a name the last
 * wins, with its condition; those of the others are forgotten. */
BRAIN_API int brain_batch_put_if(brain_batch *batch, brain_space *space, const void *name,
                                 size_t name_len, const brain_value *value, uint64_t if_version);
BRAIN_API int brain_batch_delete_if(brain_batch *batch, brain_space *space, const void *name,
                                    size_t name_len, uint64_t if_version);

/* A condition without a change: at the commit `name` has to have the version `if_version`; 0: has to
 * be absent; BRAIN_ANY_VERSION: has to be there. Where it does not hold, brain_batch_commit() says
 * STALE and changes nothing. As a change it counts for the last of a name. Returns and blocks as
 * brain_batch_delete(). */
BRAIN_API int brain_batch_require(brain_batch *batch, brain_space *space, const void *name,
                                  size_t name_len, uint64_t if_version);

/* Make all changes in one commit. The batch is empty afterwards, also on error (nothing has
 * changed); but with PERM, DESTROYED and FORKED it may be as before.
 * number_out   NULL, or receives the commit number: the version of everything that was put.
 * Returns 0, or as brain_put(); EXISTS, STALE and NOT_FOUND only where a condition was given.
 * Blocks: for the writer lock, and then has it for as long as the changes take: other writers wait.
 * Cost: O(n log n) for n changes, and O(bytes) of the small values. */
BRAIN_API int brain_batch_commit(brain_batch *batch, uint64_t *number_out);

/* Drop a batch and what was not committed. NULL is allowed.
 * Blocks: for the writer lock, where it holds large values. */
BRAIN_API_FREE void brain_batch_free(brain_batch *batch);

/* A name to be looked up. */
typedef struct brain_key {
    brain_space *space;
    const void *name;
    size_t name_len;
} brain_key;

/* Get many names as of one moment.
 *
 * keys, n_keys   any number; a name may stand more than once.
 * views_out      n_keys of them; for a missing name a view whose `store` is NULL.
 * number_out     NULL, or receives the number of a commit that this is the state of.
 * Returns 0, or: NOMEM; BUSY; else as brain_get(), but not NOT_FOUND. On error no view is held.
 * Threads: any.  Blocks: never.  Cost: O(n_keys); up to four times that where writers are at
 * work. */
BRAIN_API int brain_get_many(brain_store *store, const brain_key *keys, size_t n_keys,
                             brain_view *views_out, uint64_t *number_out);

/* The whole store as of one moment, while writers go on. Keeps what it may still show: memory of
 * values that are replaced or deleted meanwhile is not given back before brain_snapshot_close(). */
typedef struct brain_snapshot brain_snapshot;

/* Take a snapshot. `*snapshot_out` is the caller's, to be given to brain_snapshot_close(), for
 * which NULL is allowed.
 * Returns 0, or: BUSY (this process holds BRAIN_SNAPSHOTS_MAX); NOMEM; DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: O(1), no system call, to take and to close it. While one is
 * open, writers of all processes look for what it keeps. */
BRAIN_API int brain_snapshot_open(brain_store *store, brain_snapshot **snapshot_out);
BRAIN_API_FREE void brain_snapshot_close(brain_snapshot *snapshot);

/* The number of the commit that the snapshot shows the state of. */
BRAIN_API uint64_t brain_snapshot_number(const brain_snapshot *snapshot);

/* As brain_get(), in the state of the snapshot. The view may outlive the snapshot.
 * Returns as brain_get(); FORKED also in a child of the process that took it.
 * Blocks: never.  Cost: O(1), and O(versions of the name since the snapshot). */
BRAIN_API int brain_snapshot_get(brain_snapshot *snapshot, brain_space *space, const void *name,
                                 size_t name_len, brain_view *view_out);

/* A walk over the names of a namespace, or over the namespaces of a store, as of one moment: it
 * gives each name exactly once that was there then. */
typedef struct brain_iter brain_iter;

/* Begin a walk over the names of `space` / over the namespaces, in no particular order, but in the same
 * each time that the snapshot is the same. With `snapshot` NULL the walk takes one of its own.
 * Returns 0, or: BUSY; NOMEM; CORRUPT; DESTROYED; FORKED.
 * Threads: any.  Blocks: never.  Cost: O(1), no system call. */
BRAIN_API int brain_iter_names(brain_space *space, brain_snapshot *snapshot, brain_iter **iter_out);
BRAIN_API int brain_iter_spaces(brain_store *store, brain_snapshot *snapshot,
                                brain_iter **iter_out);

/* The next name. `*name_out` stays valid until the next call on the iterator.
 * Returns 0, or: NOT_FOUND (at the end); NOMEM, IO (as brain_get()); CORRUPT; DESTROYED; FORKED.
 * Blocks: never.
 * Cost: of a whole walk O(the most names that the namespace ever had); for each as
 * brain_snapshot_get(). */
BRAIN_API int brain_iter_next(brain_iter *iter, const void **name_out, size_t *name_len_out);

/* Pin the value of the name that brain_iter_next() gave last. Returns as brain_get(); NOT_FOUND
 * where it gave none.  Blocks: never.  Cost: O(1), as brain_get(). */
BRAIN_API int brain_iter_get(brain_iter *iter, brain_view *view_out);
BRAIN_API_FREE void brain_iter_free(brain_iter *iter);

/* ---- when it is full ------------------------------------------------------------------------- */

/* Let the mode of `store` be `mode` from now on (enum brain_full), for every process, also for those that have it open.
 *
 * How recently a value was used is noted only in a mode other than BRAIN_FULL_ERROR: where the mode has just become
 * another, the time of its put is what is known of a value.
 *
 * Returns 0, or: INVAL; PERM; DESTROYED; FORKED.  Threads: any.  Blocks: never.  Cost: a store. */
BRAIN_API int brain_set_full(brain_store *store, uint32_t mode);

/* The mode of the store. Cannot fail.  Threads: any.  Blocks: never.  Cost: a load. */
BRAIN_API uint32_t brain_full_mode(const brain_store *store);

/* Views of values that were not used for longest, the coldest first: of a random sample, in which a value is likely to
 * be as it is large, and which has all of them where they are few. A use is a get by name or id, of any process, the
 * put, and nothing else: no walk, no get of a snapshot, no brain_exists(), and not this call. Of what many processes
 * use often each remembers the last some thousand values.
 *
 * Left out are values that anybody has a view of when this is called, and those that an open snapshot needs, since to
 * remove them would free nothing; and those that are away.
 *
 * space       NULL: of all namespaces but the library's own, whose names begin with a byte ff.
 * min_bytes   only values with at least so much data.
 * views_out   room for `n_views`; the first `*n_out` of them are the caller's, to be dropped. At most BRAIN_COLDEST_MAX
 *             are given in one call; none: there are none.
 *
 * Returns 0, or: PERM (open read-only); TIMEOUT; BUSY (no memory for a pin, or forks came in between again and
 * again); NOMEM; IO; CORRUPT; DESTROYED; FORKED. On error no view is held.
 * Threads: any.  Blocks: for the writer lock, in short steps; others go on in between.
 * Cost: some hundred looks, and the pins and clients of all; where hardly any value is found so, O(what the store
 * has). */
#define BRAIN_COLDEST_MAX 128u
BRAIN_API int brain_coldest(brain_store *store, brain_space *space, uint64_t min_bytes,
                            brain_view *views_out, size_t n_views, size_t *n_out);

/* Who makes room: asked by a call that found the store full, or (`space` not NULL) a namespace, after all that the dead
 * and the replaced had is given back, and without a lock. `bytes`: so many are to go, at least; 0: there is no memory
 * for records.
 *
 * Returns 0: room was made, the call tries again; FULL: there is none to be made, which the call says then; or another
 * code, which the call returns as it is, with the text of brain_error_detail(). It may use the store as anybody does;
 * where it finds it full itself, that is FULL. A view of a value of its own, or a transaction, must not wait for the
 * call that asks. Among the values that may go is the one that the call replaces, whose version it may ask for, or
 * whose description it may keep: brain_move_away() keeps both, and a delete does not. */
typedef int (*brain_room_fn)(void *context, brain_store *store, brain_space *space, uint64_t bytes);

/* Let `make_room` be asked, with `context`, by calls of this process on this handle, where the store is full and its
 * mode is BRAIN_FULL_SPILL. NULL: nobody is asked, and calls say FULL. There is one at a time, the last that was
 * given; a call of another thread that is under way may still ask the one before.
 *
 * Returns 0, or: PERM; DESTROYED; FORKED.  Threads: any.  Fork: the child asks its copy.  Blocks: never.
 * Cost: a few stores. */
BRAIN_API int brain_on_full(brain_store *store, brain_room_fn make_room, void *context);

/* ---- counts and events ----------------------------------------------------------------------- */

/* What a client counts of what it does. Counts only rise. */
enum brain_count {
    BRAIN_COUNT_HITS,         /* values that a get gave: by name, by id, of many, of a snapshot */
    BRAIN_COUNT_MISSES,       /* gets of those kinds that found nothing */
    BRAIN_COUNT_PUTS,         /* values put, those of batches and seals included */
    BRAIN_COUNT_PUT_BYTES,    /* and their data */
    BRAIN_COUNT_DELETES,      /* values deleted, those of a removed namespace included */
    BRAIN_COUNT_FULL,         /* calls that were refused with FULL or QUOTA */
    BRAIN_COUNT_LOCK_WAITS,   /* how often another writer had to be waited for */
    BRAIN_COUNT_LOCK_WAIT_NS, /* and how long */
    BRAIN_N_COUNTS
};

/* What all clients that the store ever had have counted: the dead and the gone included.
 *
 * No value counts as got that brain_exists(), brain_wait() or a walk looked at, none as put or deleted that
 * brain_move_away() moved, and none as deleted that mode BRAIN_FULL_LRU removed: brain_stat has those. A client for
 * which there was no memory to count in (a page of 4 KiB, once) counts nothing.
 *
 * Returns 0, or: DESTROYED; FORKED.  Threads: any.  Blocks: never.
 * Cost: a look at each page of pins and counts. What counting costs: a store or two for each get and put. */
BRAIN_API int brain_counts(brain_store *store, uint64_t counts_out[BRAIN_N_COUNTS]);

/* The same of all clients that ever had the row `row` (brain_client.row); zeros where none has counted anything. What
 * one has done meanwhile is the difference of two looks.
 * Returns 0, or: INVAL (there is no such row); DESTROYED; FORKED.  Threads: any.  Blocks: never.
 * Cost: some dozen loads. */
BRAIN_API int brain_client_counts(brain_store *store, uint32_t row,
                                  uint64_t counts_out[BRAIN_N_COUNTS]);

/* For who makes room himself where a call says FULL, and calls again (mode BRAIN_FULL_ERROR): between the two, what is
 * refused in this thread is not counted in BRAIN_COUNT_FULL; the end counts one where `code`, what came of all tries, is
 * FULL or QUOTA. There may be such pairs within one: the outermost counts.
 * Detail texts stay as they are.  Threads: each for itself.  Blocks: never.  Cost: a store or two. */
BRAIN_API_FREE void brain_tries_begin(void);
BRAIN_API_FREE void brain_tries_end(brain_store *store, int code);

/* A number that is worth watching, in the terms of OpenMetrics. The texts are constants. */
typedef struct brain_metric {
    const char *name; /* "brain_puts": without the "_total" of a counter */
    const char *help; /* "Values put." */
    const char *unit; /* "bytes", "seconds", or "": the name ends with it */
    int is_counter;   /* non-zero: it only rises, else a gauge */
    double value;
} brain_metric;

/* List all that is worth watching of a store, by brain_stat_get() and brain_counts(): `*n_out` is how many there are,
 * also beyond `n_metrics`; always the same, in the same order.
 * Returns 0, or: IO; DESTROYED; FORKED.  Threads: any.  Blocks: never.  Cost: as those two. */
BRAIN_API int brain_metrics(brain_store *store, brain_metric *metrics, size_t n_metrics,
                            size_t *n_out);

enum brain_event_kind {
    BRAIN_EVENT_GET = 1u << 0,  /* a get gave a value */
    BRAIN_EVENT_MISS = 1u << 1, /* a get found nothing */
    BRAIN_EVENT_PUT = 1u << 2,  /* a value was put */
    /* A value was deleted; without a name: a whole namespace was removed. */
    BRAIN_EVENT_DELETE = 1u << 3,
    BRAIN_EVENT_FULL = 1u << 4,    /* a call was refused with FULL or QUOTA */
    BRAIN_EVENT_EVICTED = 1u << 5, /* a value was removed to make room (BRAIN_FULL_LRU) */
    /* The lock was taken over from a dead writer, and its change undone or finished. */
    BRAIN_EVENT_RECOVERED = 1u << 6,
    BRAIN_EVENT_REAPED = 1u << 7, /* what a dead client held was given back */
    BRAIN_EVENT_WAITED = 1u << 8, /* another writer had to be waited for */
};

#define BRAIN_EVENTS_ALL 0x1ffu

typedef struct brain_event {
    uint32_t kind;     /* one of enum brain_event_kind */
    uint32_t name_len; /* of `name`; 0 with NULL */
    uint32_t space_len;
    /* Of one value; NULL where it is of none, or not known (a get by id that missed). */
    const void *name, *space;
    /* Of the value that was got, put, or (0: not known) deleted or evicted; else 0. */
    uint64_t version;
    /* Of the value's data; FULL: how much was asked for; WAITED: nanoseconds; else 0. */
    uint64_t bytes;
    const char *text; /* FULL, RECOVERED, REAPED: what happened, and to or by whom; else NULL */
} brain_event;

/* Told of one event. All that `event` points to is valid until it returns. It may use the store, of which nothing is
 * told meanwhile to the same thread; it must not close it: the call that tells goes on with it. */
typedef void (*brain_event_fn)(void *context, const brain_event *event);

/* Let `tell` be called, with `context`, of each event of `kinds` (a set of enum brain_event_kind): of what this process
 * does through this handle, after it is done, in the thread that did it, before the call that did it returns, and
 * outside of the lock. A batch tells of each of its changes. There is one at a time, the last that was given; a call of
 * another thread that is under way may still tell the one before. Of what is told by nobody's call (a fork reaps, too)
 * the next call of that thread tells.
 *
 * kinds   0: nothing is told, which costs a get and a put nothing.
 * Returns 0, or: INVAL (an unknown kind; `tell` is NULL and `kinds` is not 0); DESTROYED; FORKED.
 * Threads: any.  Fork: the child tells its copy.  Blocks: never.  Cost: a few stores. */
BRAIN_API int brain_on_event(brain_store *store, uint32_t kinds, brain_event_fn tell,
                             void *context);

/* ---- waiting --------------------------------------------------------------------------------- */

/* Wait until the version of `name` is above `version`.
 *
 * timeout_ns    0 looks once; BRAIN_FOREVER.
 * version_out   receives the version that is above.
 * Returns 0, or: TIMEOUT; INTR (a signal handler ran: call again with what is left of the time);
 * else as brain_get(), but not NOT_FOUND.
 * Threads: any.  Blocks: as asked; takes no lock.
 * Cost: a system call only where it has to sleep. A writer pays nothing where nobody waits. */
BRAIN_API int brain_wait(brain_space *space, const void *name, size_t name_len, uint64_t version,
                         int64_t timeout_ns, uint64_t *version_out);

/* Wait until the namespace has changed (a put, a delete, or its removal) in a commit above
 * `number`. Begin with the number of a snapshot or a version, or 0. number_out receives the
 * commit's number.
 * Returns as brain_wait(). */
BRAIN_API int brain_wait_space(brain_space *space, uint64_t number, int64_t timeout_ns,
                               uint64_t *number_out);

#ifdef __cplusplus
}
#endif

#endif /* BRAIN_H */
