/* brain_disk.h - libbrain_disk: what of a store goes to files, and comes back.
 *
 * A dump is a file from which the names of a store, or some of them, come back: after a reboot, on another machine, in
 * a newer version. docs/dumps.md has its format, a CBOR sequence that other programs can read.
 *
 *     brain_dump(store, "all.brain", NULL, NULL);
 *     brain_load(store, "all.brain", NULL, NULL);
 *
 * Conventions are those of brain.h, over which this library is written; but the text of an error is that of
 * brain_disk_error_detail(). FULL, IO and PERM may be of the store or of the file: the text says which.
 */
#ifndef BRAIN_DISK_H
#define BRAIN_DISK_H

#include "brain.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong in the calling thread's last failed call of this library: what, where, and what to do. Valid until
 * the thread's next failing call. Never NULL. */
BRAIN_API const char *brain_disk_error_detail(void);

/* How far a call has come. */
typedef struct brain_progress {
    uint64_t done_bytes, all_bytes; /* of data; `all` is 0 until it is known */
    uint64_t done_names, all_names;
    int is_checking; /* a load: this is the pass that changes nothing */
} brain_progress;

/* Called now and then during a long call, in its thread: at least once for each 4 MiB, not more often than for each
 * 64 KiB. Not 0: the call is to end with INTR. It must not use the store's snapshots, batches and objects of the
 * caller's, nor end the process's use of the store. */
typedef int brain_progress_fn(void *context, const brain_progress *progress);

/* ---- dump ------------------------------------------------------------------------------------ */

/* Options of a dump. Start from BRAIN_DUMP_OPTIONS_INIT; a zero means the default. */
typedef struct brain_dump_options {
    uint32_t struct_size; /* sizeof(struct brain_dump_options) */
    int32_t zstd_level;   /* 0: not compressed; 1 (fast) to 19 (small), 3 is usual */
    uint32_t
        n_threads; /* that compress, 1 to 64; 0: as many as there are processors, at most 4. Each takes some
                              megabytes */
    uint32_t reserved;     /* 0 */
    const brain_key *keys; /* these names; */
    size_t n_keys;
    brain_space *const *spaces; /* and these namespaces; neither: all of the store */
    size_t n_spaces;
    brain_progress_fn *progress; /* or NULL */
    void *context;               /* its first argument */
} brain_dump_options;

#define BRAIN_DUMP_OPTIONS_INIT { .struct_size = sizeof(brain_dump_options) }

/* What was dumped. */
typedef struct brain_dump_result {
    uint64_t number; /* of the commit that the dump shows */
    uint64_t n_spaces, n_names;
    uint64_t data_bytes; /* of the values */
    uint64_t file_bytes;
} brain_dump_result;

/* Write a dump to the file `path`: all that is asked for as of one moment, while writers go on.
 *
 * The file is there when it is whole and on the disk: until then, and if the call fails or its process dies, `path` is
 * what it was before. A link there is followed. Its mode is 0600. Two dumps to one path at once: the last one stays.
 * While the call runs, memory of values that are replaced or deleted meanwhile is not given back, as under a snapshot.
 *
 * options      NULL for the defaults.
 * result_out   NULL, or receives what was written.
 *
 * All of a store is each namespace but the library's own, and the objects of Plasma; not objects that are being
 * written. What is asked for twice is dumped twice. Notes, ids and subscriptions are not dumped.
 *
 * Returns 0, or: NOT_FOUND (one of the keys or spaces: its name is in the text); INVAL; FULL (no room for the file); PERM; IO;
 * INTR (by `progress`); BUSY, NOMEM, CORRUPT, DESTROYED, FORKED (as brain_snapshot_open() and brain_get()).
 * Threads: any.  Fork: a child that comes about meanwhile has no part in it.  Blocks: never for a writer; for the disk.
 * Cost: O(names + bytes), and 1 MiB of memory; with zstd some more for each thread. */
BRAIN_API int brain_dump(brain_store *store, const char *path, const brain_dump_options *options,
                         brain_dump_result *result_out);

/* The same, to a descriptor that is open for writing: a pipe, a socket, a file. It stays open, and nothing is synced;
 * what was written before an error stays there, and is a dump that is cut off. SIGPIPE is the caller's to ignore. */
BRAIN_API int brain_dump_to(brain_store *store, int fd, const brain_dump_options *options,
                            brain_dump_result *result_out);

/* What a dump says of itself in front. */
typedef struct brain_dump_head {
    uint32_t struct_size;  /* in: sizeof(struct brain_dump_head) */
    uint32_t others_wrote; /* not 0: somebody else than its owner could write the store */
    uint64_t number;       /* of the commit that it shows */
    uint64_t time_ns;      /* when it was made, nanoseconds since 1970 */
} brain_dump_head;

/* Read what stands in front of a dump (set struct_size first). The rest is not looked at, and may be damaged.
 * Returns 0, or: NOT_FOUND; FORMAT (no dump, or of a later version); CORRUPT; PERM; IO; NOMEM; INVAL.
 * Threads: any.  Cost: a megabyte or two are read. */
BRAIN_API int brain_dump_look(const char *path, brain_dump_head *head_out);

/* ---- load ------------------------------------------------------------------------------------ */

enum brain_load_flags {
    BRAIN_LOAD_DAMAGED = 1u << 0, /* of a damaged file load what is whole */
    BRAIN_LOAD_KEEP = 1u << 1,    /* leave names that are there as they are */
    BRAIN_LOAD_PICKLES = 1u << 2, /* pickles, whoever may have written the file: see brain_load() */
    BRAIN_LOAD_NO_PICKLES =
        1u << 3, /* none, as if somebody else may have written it: for who has fetched it */
};

/* What becomes of a name. */
enum brain_load_fate {
    BRAIN_LOADED = 0,
    BRAIN_LOAD_KEPT = 1,    /* BRAIN_LOAD_KEEP, and it is there */
    BRAIN_LOAD_REFUSED = 2, /* a pickle, and the file is not to be trusted */
    BRAIN_LOAD_LOST = 3,    /* its value is damaged, or behind the end */
};

/* A name of a dump. The pointers are valid during the call that it is given to. */
typedef struct brain_load_name {
    const void *space, *name;
    size_t space_len, name_len;
    uint64_t size_bytes;
    uint64_t dumped_version; /* the version that it had in the store of the dump; 0: it is lost */
    uint64_t version;        /* the version that it has now; 0 but for BRAIN_LOADED */
    int fate;                /* enum brain_load_fate */
} brain_load_name;

/* Options of a load. Start from BRAIN_LOAD_OPTIONS_INIT; a zero means the default. */
typedef struct brain_load_options {
    uint32_t struct_size; /* sizeof(struct brain_load_options) */
    uint32_t flags;       /* enum brain_load_flags */
    /* Whether a name is wanted: 0, no. Of `name` it has space and name alone; `name->name` NULL asks whether the
     * namespace is wanted if it is empty. Asked several times of each, and has to say the same. NULL: all are. */
    int (*wants)(void *context, const brain_load_name *name);
    /* Told of each name that is wanted what has become of it, when that is so for good. NULL: nobody. */
    void (*tell)(void *context, const brain_load_name *name);
    brain_progress_fn *progress; /* or NULL */
    void *context;               /* the first argument of all three */
} brain_load_options;

#define BRAIN_LOAD_OPTIONS_INIT { .struct_size = sizeof(brain_load_options) }

/* What was loaded. Filled on any error, too, but INVAL. */
typedef struct brain_load_result {
    uint64_t number;  /* of the commit that the dump shows; 0: the file has not even that */
    uint64_t time_ns; /* when it was made, nanoseconds since 1970 */
    uint64_t n_loaded, loaded_bytes;
    uint64_t n_kept, n_refused;
    uint64_t n_lost; /* that were wanted; where n_untold is not 0 there may be more */
    uint64_t
        n_untold; /* names that the dump had, and that the damage leaves no name of; UINT64_MAX: nobody knows */
    int is_damaged; /* BRAIN_LOAD_DAMAGED, and it was */
} brain_load_result;

/* Load a dump into `store`: every name that it has, or those that are wanted, into the namespace that it was in, with
 * its description and the time at which it was put. Names that are there are replaced, unless BRAIN_LOAD_KEEP.
 *
 * First all of the file is verified, and a damaged one is refused (CORRUPT, the text says where) before anything has
 * changed. With BRAIN_LOAD_DAMAGED all of it is loaded that is whole, and each name that is lost is told, as far as the
 * list in front of the file is whole. FULL is said before anything has changed, too, where the values that are wanted,
 * less those that are there and kept, come to more than the capacity: also of a store that is a cache
 * (BRAIN_FULL_LRU), not of one that spills. Pickles that will be refused count as coming: the list in front does not
 * say of what kind a value is.
 *
 * Each value is loaded whole; some hundred small ones, or one large one, are a commit. Not all of a load is one commit:
 * who needs that loads into a store that nobody else has yet. If the call fails or its process dies, what was loaded stays,
 * and the call may be made again.
 *
 * The new versions are above the old ones, above all of the store, and above those of any store that was at this path
 * before: the store's numbers are advanced to the time in units of 16 ns, which no store that counts its commits has
 * reached. (If the clock was set back by more than the store before was old, the number of the dump is what they are
 * above.)
 *
 * Pickles are code, which runs in whoever recalls them. They are loaded from a file that the effective user (or root) owns and nobody
 * else may write; of others with BRAIN_LOAD_PICKLES alone. Else they are told as refused, all other names are loaded,
 * and the call returns PERM.
 *
 * Returns 0, or: NOT_FOUND (no such file); CORRUPT; FORMAT (a later version; no dump at all); FULL; QUOTA; PERM; INVAL; IO;
 * INTR; TIMEOUT, BUSY, NOMEM, DESTROYED, FORKED (as brain_put()).
 * Threads: any.  Blocks: for the writer lock, in short holdings; for the disk.
 * Cost: O(bytes of the file) twice, and 2 MiB of memory. */
BRAIN_API int brain_load(brain_store *store, const char *path, const brain_load_options *options,
                         brain_load_result *result_out);

/* The same, from the place at which a descriptor stands that is open for reading: of a file, since it is read twice (INVAL:
 * a pipe; save it to a file). It stays open, its place is anywhere afterwards. */
BRAIN_API int brain_load_from(brain_store *store, int fd, const brain_load_options *options,
                              brain_load_result *result_out);

/* ---- homes ----------------------------------------------------------------------------------- */

/* A home is a directory in which the values of a store are kept, so that they outlive a reboot. It is brought up to date
 * by brain_sync(), and a new store up to it by brain_restore(). docs/design/0012 has what is in it. It belongs on a disk
 * of this machine: not on a tmpfs, nor on a network file system. */

enum brain_sync_flags {
    BRAIN_SYNC_MARKED =
        1u << 0, /* those names alone that brain_persist() has marked; else all of the store */
};

typedef struct brain_sync_options {
    uint32_t struct_size; /* sizeof(struct brain_sync_options) */
    uint32_t
        flags; /* enum brain_sync_flags: the same each time, or the home is gone through from the start */
    brain_progress_fn
        *progress; /* or NULL: told of what has been written; how much there is, is not known */
    void *context;
} brain_sync_options;

#define BRAIN_SYNC_OPTIONS_INIT { .struct_size = sizeof(brain_sync_options) }

typedef struct brain_sync_result {
    uint64_t number;               /* of the commit that the home shows now */
    uint64_t n_written, n_removed; /* names; marks and namespaces are none */
    uint64_t written_bytes;        /* of data */
} brain_sync_result;

/* Mark a name, for BRAIN_SYNC_MARKED: what it has is to outlive a reboot, from the next sync on, whether it has a value now or
 * not; or not any more (`is_to` 0). A mark is of the name, stays when its value is replaced or deleted, and comes back
 * with what it marks.
 * name_len   at most BRAIN_NAME_MAX less the name of the namespace and one.
 * Returns 0, or: INVAL; else as brain_put(). Threads: any.  Blocks: for the writer lock.  Cost: that of a small put. */
BRAIN_API int brain_persist(brain_store *store, brain_space *space, const void *name,
                            size_t name_len, int is_to);

/* Whether it is marked: 0, or NOT_FOUND; else as brain_exists(). */
BRAIN_API int brain_persists(brain_store *store, brain_space *space, const void *name,
                             size_t name_len);

/* Bring the home at `path` up to date: when this returns, all that `store` had at a moment after the call began is on the
 * disk, as of one commit, whoever put it. The home is made where there is none (mode 0700).
 *
 * A kill or a loss of power at any moment leaves it as of the last sync that returned, or as of this one. So does an error.
 * While the call runs, memory of values that are replaced or deleted meanwhile is not given back, as under a snapshot.
 *
 * Returns 0, or: FULL (the disk); PERM; IO; FORMAT (of a later version, or something else is there); TIMEOUT (another
 * process has been syncing for a minute); CORRUPT (home or store); INTR (by `progress`); INVAL; BUSY, NOMEM, DESTROYED, FORKED
 * (as brain_snapshot_open() and brain_get()).
 * Threads: any; of several calls on one home one waits for the other, and finds less to do.  Fork: a child that comes about
 * meanwhile has no part in it.  Blocks: for the disk; never for a writer of the store.
 * Cost: O(1) for each namespace that has not changed since the last sync, O(names) for one that has, and O(bytes) of the values that
 * have; one or two fsync, and one for each value of more than 64 KiB. */
BRAIN_API int brain_sync(brain_store *store, const char *path, const brain_sync_options *options,
                         brain_sync_result *result_out);

/* Put all that the home at `path` keeps into `store`, as brain_load() does with a dump: options, result, pickles (of the
 * directory and its files), versions and commits are as there, but that nothing is verified beforehand: what is damaged ends the call with
 * CORRUPT when it comes to it, or is told as lost with BRAIN_LOAD_DAMAGED. Only where the store is a cache
 * (BRAIN_FULL_LRU) is FULL said before anything has changed; in any other the call may end with it half-way.
 *
 * Returns as brain_load(), and TIMEOUT, as brain_sync(); NOT_FOUND where there is no home.
 * Threads: any.  Blocks: for the writer lock, in short holdings; for the disk, and for who syncs.
 * Cost: O(bytes). */
BRAIN_API int brain_restore(brain_store *store, const char *path, const brain_load_options *options,
                            brain_load_result *result_out);

/* ---- spilling -------------------------------------------------------------------------------- */

/* Values that nobody has used for long go to files in a directory, so that there is room for others, and are recalled
 * from there: design/0013. What is in the files lives as long as the store, and no longer.
 *
 * In the store such a value is a small one of kind BRAIN_KIND_AWAY, with the version, time, metadata and description
 * that it had; brain_recall() has its data. Dumps and syncs take the data from the file by themselves. */

typedef struct brain_spiller brain_spiller;

/* Let values of `store` go to files in `directory`, which is made where it is not. All who spill values of one store
 * have to name the same one: INVAL, the text says which it has; NULL is the one that the store has (NOT_FOUND: none),
 * and then nothing is tidied up. The store's own are in a directory of its own there, of
 * the mode and group of the store, so that whoever may read the store can recall. Not a network file system, nor one that
 * others who may write this store cannot see.
 *
 * From then on calls of this process on this handle that find the store full in mode BRAIN_FULL_SPILL make room so: as
 * brain_on_full(), which this uses. One process spills at a time; who finds another at it waits up to ten
 * seconds, and then is TIMEOUT.
 *
 * What earlier spilling has left there is tidied up, also of stores that are certainly gone. `*spill_out` is the
 * caller's, to be given to brain_spill_close() before the store is closed; what was spilled stays as it is then.
 * Returns 0, or: INVAL; PERM; FULL; IO; NOMEM; else as brain_put().
 * Threads: any.  Fork: a child may use it, too.  Blocks: for the writer lock; for the disk.
 * Cost: O(files that are there). */
BRAIN_API int brain_spill_open(brain_store *store, const char *directory,
                               brain_spiller **spill_out);
BRAIN_API_FREE void brain_spill_close(brain_spiller *spill);

/* Move the values that were not used for longest, of at least 64 KiB, until that is `bytes` or more. Those that
 * anybody has a view of are passed over. A value is whole in its file before the name leads there.
 *
 * space       NULL: of all namespaces but the library's own.
 * moved_out   NULL, or receives how many bytes were moved, also on error.
 * Returns 0, or: NOT_FOUND (there are not so many that could be moved; those that could have been); FULL (the disk, or
 * no memory for what stands for them); PERM; IO; NOMEM; else as brain_put(). What is in the store and on the disk stays
 * as it was but for what was moved.
 * Threads: any.  Blocks: for the writer lock, in short holdings; for the disk.
 * Cost: O(bytes), to be written, and a look at all names. */
BRAIN_API int brain_spill(brain_spiller *spill, brain_space *space, uint64_t bytes,
                          uint64_t *moved_out);

/* Remove the files that no name leads to any more, and that nobody who has a view or a snapshot could come to.
 * brain_spill() does so now and then.
 * n_gone_out   NULL, or receives how many went.
 * Returns 0, or: IO; NOMEM; else as brain_get().  Threads: any.  Blocks: for the disk.
 * Cost: O(files that are there). */
BRAIN_API int brain_spill_tidy(brain_spiller *spill, uint64_t *n_gone_out);

/* The data of a value that is away. They stay until brain_recalled_drop(), whatever becomes of name, file and store. */
typedef struct brain_recalled {
    const void *data; /* 4096-byte aligned, read-only */
    uint64_t size_bytes;
    uint32_t kind;      /* enum brain_kind */
    uint32_t is_mapped; /* the library's */
} brain_recalled;

/* Recall the value that a pinned view of kind BRAIN_KIND_AWAY stands for: its file is mapped, not read. While the view is
 * held the file stays; afterwards the mapping alone keeps it.
 *
 * The file is verified as far as its head goes, and its length. Who cuts a file short that is mapped makes readers fail with
 * SIGBUS, and so does a disk that cannot be read any more: no such value is in the store's memory. A file that others may
 * have written than who may write the store is refused.
 *
 * Returns 0, or: INVAL (the view is of another kind); CORRUPT (the file is not what it was); IO (it is gone, or cannot be
 * read); PERM; NOMEM; else as brain_get().
 * Threads: any.  Fork: a child has the memory, too.  Blocks: for the disk.  Cost: some system calls, a page fault for
 * each 4 KiB that are looked at, and what the disk takes for those that the system does not have in memory. */
BRAIN_API int brain_recall(const brain_view *away, brain_recalled *recalled_out);
BRAIN_API_FREE void brain_recalled_drop(brain_recalled *recalled);

/* The same, of `size_bytes` from `offset` on, writable: as brain_view_private(), for brain_private_free(). INVAL also where
 * there are not so many. */
BRAIN_API int brain_recall_private(const brain_view *away, uint64_t offset, uint64_t size_bytes,
                                   void **data_out);

/* How many bytes of data a value has that is away, and its kind: as what stands for it says. Returns 0, or: INVAL,
 * CORRUPT, as brain_recall(). Cost: a few loads. */
BRAIN_API int brain_spilled_size(const brain_view *away, uint64_t *size_out, uint32_t *kind_out);

/* The id that the value had in memory, of which brain_get_by_id() finds nothing once it was moved: it is the same for all who
 * had it. Returns 0, or: INVAL, CORRUPT, as brain_recall(). */
BRAIN_API int brain_spilled_id(const brain_view *away, uint8_t id_out[BRAIN_ID_BYTES]);

/* A view of what stands for the value that had this id in memory: for brain_recall().
 * Returns 0, or: NOT_FOUND (it was not spilled; or its name has another value, or none); else as brain_recall(). */
BRAIN_API int brain_spilled_get(brain_store *store, const uint8_t id[BRAIN_ID_BYTES],
                                brain_view *view_out);

/* brain_destroy(), and its spilled files go, too. Returns as that. */
BRAIN_API int brain_spill_destroy(brain_store *store);

#ifdef __cplusplus
}
#endif

#endif /* BRAIN_DISK_H */
