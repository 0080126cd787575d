/* home.h - a directory in which the values of a store are kept: SQLite's file, and files beside it.
 *
 * docs/design/0012 has what is promised and why; the tables are in home.c.
 */
#ifndef BD_HOME_H
#define BD_HOME_H

#include <sqlite3.h>

#include "put.h"

#define BD_HOME_INLINE ((uint64_t)64 << 10) /* data of more bytes are a file */

/* From so many pages of 4 KiB on SQLite's log is shortened. Tests want that with each commit. */
extern int bd_home_log_pages;

struct bd_home {
    char *path;
    int dir_fd, data_fd; /* HOME, HOME/data */
    sqlite3 *db;
    int n_log_pages;    /* of SQLite's log, after the last commit */
    bool is_open;       /* a transaction */
    bool is_new;        /* nobody has synced it yet */
    bool has_new_files; /* in data/, of this transaction */

    /* As the home has them; written back by bd_home_commit(). */
    uint8_t store_id[BRAIN_STORE_ID_BYTES]; /* of the store that was synced last */
    uint64_t synced;                        /* number of the commit that the home shows */
    uint64_t
        since; /* versions of that store up to this one are in the home; 0: each is compared with its row */
    uint64_t time_ns; /* when that was */
    uint64_t next_file;
    bool is_of_marked; /* it keeps the names that are marked (mark.h), and not all */

    sqlite3_stmt *update_small, *update, *insert, *remove, *version_of, *note_version;
};

/* Open the home at `path`; `makes`: make it, if there is none. Returns 0, NOT_FOUND, FORMAT (a later version, or something
 * else), PERM, FULL, IO, NOMEM. bd_home_close() after success. */
int bd_home_open(struct bd_home *home, const char *path, bool makes);

/* Ends what is open without a trace. */
void bd_home_close(struct bd_home *home);

/* Whether nobody but the user, and who may do anything, can have written what is there. */
bool bd_home_is_ours_alone(const struct bd_home *home);

/* Begin to change it; waits for another who does. What a crash has left is removed. Returns 0, TIMEOUT (some other
 * process syncs, for a minute by now), FULL, IO ... */
int bd_home_begin(struct bd_home *home);

/* Make all changes, on the disk when it returns. Returns 0, FULL, IO. */
int bd_home_commit(struct bd_home *home);

/* A failed call of SQLite: a code of brain.h. */
int bd_home_failed(const struct bd_home *home, const char *what);

/* Prepare, for the caller to finalize. */
int bd_home_prepare(const struct bd_home *home, const char *sql, sqlite3_stmt **statement_out);

/* Do one statement without results. */
int bd_home_do(const struct bd_home *home, const char *sql);

/* ---- values */

/* Keep a value under a namespace's number, in place of another one. `*is_new_out`: there was none. Returns 0, FULL, IO, NOMEM. */
int bd_home_put(struct bd_home *home, int64_t space, const brain_view *view, bool *is_new_out);
int bd_home_delete(struct bd_home *home, int64_t space, const void *name, size_t name_len);

/* The version that is kept of a name; 0: none. */
int bd_home_version(struct bd_home *home, int64_t space, const void *name, size_t name_len,
                    uint64_t *version_out);

/* Read all of a large value's file into `object`, and compare it with `checksum`. Returns 0, CORRUPT (it is not what was
 * written), IO, or as brain_object_append(). */
int bd_home_read_file(const struct bd_home *home, uint64_t file, uint64_t size, uint64_t checksum,
                      brain_object *object);

/* The home is another store's from now on. Versions are numbers of one store: of values that have been noted before, the one
 * noted is theirs there; no other one is the store's. Noted and not set at once, since rows are being read meanwhile. */
int bd_home_note_version(struct bd_home *home, int64_t space, const void *name, size_t name_len,
                         uint64_t version);
int bd_home_move(struct bd_home *home, const uint8_t store_id[BRAIN_STORE_ID_BYTES]);

/* The checksum of a row: of all but the version, and of what is in its column of data: the data, or a checksum of their file. */
uint64_t bd_home_checksum(const struct bd_record *record, const void *data, size_t data_len);

#endif
