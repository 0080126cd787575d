/* home.c - a directory in which the values of a store are kept.
 *
 * Owns:     HOME/values.sqlite and HOME/data/. Nobody else writes there.
 * Crash:    what SQLite has committed is there. A file in data/ is written and synced before the row that names it is
 *           committed, and removed after one that no longer names it is. What a crash leaves without a row: files
 *           with numbers from next_file on, which are made one after the other; and those in the table `gone`.
 * Checks:   a checksum in each row, of all its columns and of the data: disks forget, too.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "error.h"

#define APPLICATION_ID 0x42726e48 /* "BrnH": what file(1) may know */
#define FORMAT         1
#define BUSY_MS        60000
#define PIECE          ((size_t)1 << 20)

int bd_home_log_pages = 1000;

/* meta       one row
 * space      namespaces; n: how many rows of `value` it has
 * value      names. Data, or the number of the file that has them
 * gone       files that no row names any more: removed after the commit that says so, or by whoever comes next */
static const char schema[] =
    "CREATE TABLE meta(store_id BLOB NOT NULL, synced INTEGER NOT NULL, since INTEGER NOT NULL,"
    " time_ns INTEGER NOT NULL, next_file INTEGER NOT NULL, scope INTEGER NOT NULL);"
    "INSERT INTO meta VALUES(zeroblob(16), 0, 0, 0, 1, 0);"
    "CREATE TABLE space(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, n INTEGER NOT NULL "
    "DEFAULT 0);"
    "CREATE TABLE value(space INTEGER NOT NULL, name BLOB NOT NULL, version INTEGER NOT NULL, kind "
    "INTEGER NOT NULL,"
    " created_ns INTEGER NOT NULL, size INTEGER NOT NULL, meta BLOB NOT NULL, description BLOB NOT "
    "NULL, data BLOB,"
    " file INTEGER, checksum INTEGER NOT NULL, PRIMARY KEY(space, name)) WITHOUT ROWID;"
    "CREATE TABLE gone(file INTEGER PRIMARY KEY);"
    "CREATE TRIGGER replaced AFTER UPDATE OF file ON value WHEN OLD.file IS NOT NULL"
    " BEGIN INSERT INTO gone VALUES(OLD.file); END;"
    "CREATE TRIGGER deleted AFTER DELETE ON value WHEN OLD.file IS NOT NULL"
    " BEGIN INSERT INTO gone VALUES(OLD.file); END;";

/* ---- SQLite */

int bd_home_failed(const struct bd_home *home, const char *what)
{
    int code = sqlite3_errcode(home->db);
    const char *text = sqlite3_errmsg(home->db);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return bd_error(BRAIN_E_FULL,
                        "cannot %s %s: %s. Free some of the disk; nothing is lost meanwhile", what,
                        home->path, text);
    case SQLITE_NOMEM:
        return bd_error(BRAIN_E_NOMEM, "cannot %s %s: %s", what, home->path, text);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return bd_error(BRAIN_E_PERM, "cannot %s %s: %s", what, home->path, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return bd_error(BRAIN_E_TIMEOUT,
                        "cannot %s %s: another process is at it, for a minute by now", what,
                        home->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return bd_error(BRAIN_E_CORRUPT, "cannot %s %s: %s. It is damaged", what, home->path, text);
    default:
        return bd_error(BRAIN_E_IO, "cannot %s %s: %s", what, home->path, text);
    }
}

int bd_home_prepare(const struct bd_home *home, const char *sql, sqlite3_stmt **statement_out)
{
    return sqlite3_prepare_v2(home->db, sql, -1, statement_out, NULL) == SQLITE_OK
               ? 0
               : bd_home_failed(home, "read");
}

int bd_home_do(const struct bd_home *home, const char *sql)
{
    return sqlite3_exec(home->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : bd_home_failed(home, "change");
}

/* A number that a statement gives. */
static int get_number(const struct bd_home *home, const char *sql, int64_t *number_out)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(home, sql, &statement);
    if (err == 0 && sqlite3_step(statement) == SQLITE_ROW) {
        *number_out = sqlite3_column_int64(statement, 0);
    } else if (err == 0) {
        err = bd_home_failed(home, "read");
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* ---- opening */

static int open_directories(struct bd_home *home, bool makes)
{
    if (makes && mkdir(home->path, 0700) != 0 && errno != EEXIST) {
        return bd_error_os(errno, "cannot make %s", home->path);
    }
    home->dir_fd = open(home->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (home->dir_fd < 0) {
        return bd_error_os(errno, "cannot open %s", home->path);
    }
    if (makes && mkdirat(home->dir_fd, "data", 0700) != 0 && errno != EEXIST) {
        return bd_error_os(errno, "cannot make %s/data", home->path);
    }
    home->data_fd = openat(home->dir_fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return home->data_fd >= 0 ? 0 : bd_error_os(errno, "%s is no home of values", home->path);
}

/* After each commit: how long SQLite's log is. */
static int note_log(void *home, sqlite3 *db, const char *name, int n_pages)
{
    (void)db;
    (void)name;
    ((struct bd_home *)home)->n_log_pages = n_pages;
    return SQLITE_OK;
}

static int open_database(struct bd_home *home, bool makes)
{
    char *file = NULL;
    if (asprintf(&file, "%s/values.sqlite", home->path) < 0) {
        return bd_error(BRAIN_E_NOMEM, "no memory for a path");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (makes ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite3_open_v2(file, &home->db, flags, NULL);
    free(file);
    if (home->db == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to open %s", home->path);
    }
    if (code != SQLITE_OK && faccessat(home->dir_fd, "values.sqlite", F_OK, 0) != 0 &&
        errno == ENOENT && !makes) {
        return bd_error(BRAIN_E_NOT_FOUND,
                        "%s is no home of values, or one that has never been synced", home->path);
    }
    if (code != SQLITE_OK) {
        return bd_home_failed(home, "open");
    }
    (void)sqlite3_extended_result_codes(home->db, 1);
    (void)sqlite3_busy_timeout(home->db, BUSY_MS);
    /* The log is brought into the main file by shorten_log() alone. */
    (void)sqlite3_db_config(home->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_wal_hook(home->db, note_log, home);
    (void)sqlite3_db_config(home->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return bd_home_do(home, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA "
                            "journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;");
}

static int read_meta(struct bd_home *home)
{
    sqlite3_stmt *statement = NULL;
    int err =
        bd_home_prepare(home, "SELECT store_id, synced, since, time_ns, next_file, scope FROM meta",
                        &statement);
    if (err == 0 && sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_bytes(statement, 0) == BRAIN_STORE_ID_BYTES) {
        memcpy(home->store_id, sqlite3_column_blob(statement, 0), BRAIN_STORE_ID_BYTES);
        home->synced = (uint64_t)sqlite3_column_int64(statement, 1);
        home->since = (uint64_t)sqlite3_column_int64(statement, 2);
        home->time_ns = (uint64_t)sqlite3_column_int64(statement, 3);
        home->next_file = (uint64_t)sqlite3_column_int64(statement, 4);
        home->is_of_marked = sqlite3_column_int64(statement, 5) != 0;
        home->is_new = home->synced == 0;
        if (home->synced > BRAIN_NUMBER_MAX / 2 || home->next_file == 0) {
            err = bd_error(BRAIN_E_CORRUPT, "%s is damaged: its numbers make no sense", home->path);
        }
    } else if (err == 0) {
        err =
            bd_error(BRAIN_E_CORRUPT, "%s is damaged: the row of all rows is missing", home->path);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* In a transaction that writes: two may make it at once. */
static int make_tables(struct bd_home *home)
{
    char begin[sizeof schema + 200];
    int64_t id = 0;
    int err = bd_home_do(home, "BEGIN IMMEDIATE");
    err = err != 0 ? err : get_number(home, "PRAGMA application_id", &id);
    if (err == 0 && id == 0) {
        snprintf(begin, sizeof begin, "PRAGMA application_id = %d; PRAGMA user_version = %d; %s",
                 APPLICATION_ID, FORMAT, schema);
        err = bd_home_do(home, begin);
    }
    err = err != 0 ? err : bd_home_do(home, "COMMIT");
    if (err != 0) {
        (void)sqlite3_exec(home->db, "ROLLBACK", NULL, NULL,
                           NULL); /* the text is the first error's */
    }
    return err;
}

static int check_format(struct bd_home *home, bool makes)
{
    int64_t id = 0, format = 0, n_tables = 0;
    int err = get_number(home, "PRAGMA application_id", &id);
    err = err != 0 ? err : get_number(home, "SELECT count(*) FROM sqlite_schema", &n_tables);
    if (err == 0 && id == 0 && n_tables == 0 && makes) {
        err = make_tables(home);
        id = APPLICATION_ID;
    }
    err = err != 0 ? err : get_number(home, "PRAGMA user_version", &format);
    if (err == 0 && (id != APPLICATION_ID || format != FORMAT)) {
        err = id != APPLICATION_ID ? bd_error(BRAIN_E_FORMAT, "%s is no home of values", home->path)
                                   : bd_error(BRAIN_E_FORMAT,
                                              "%s has format %lld, of a later version of this "
                                              "library; this one knows %d",
                                              home->path, (long long)format, FORMAT);
    }
    return err;
}

static int prepare_all(struct bd_home *home)
{
    static const char columns[] =
        "version = ?3, kind = ?4, created_ns = ?5, size = ?6, meta = ?7, description = ?8,"
        " data = ?9, checksum = ?11";
    static const char row[] = "space = ?1 AND name = ?2";
    char update[300];
    /* With the trigger of `file` an update takes twice as long. */
    snprintf(update, sizeof update, "UPDATE value SET %s WHERE %s AND file IS NULL", columns, row);
    int err = bd_home_prepare(home, update, &home->update_small);
    snprintf(update, sizeof update, "UPDATE value SET %s, file = ?10 WHERE %s", columns, row);
    err = err != 0 ? err : bd_home_prepare(home, update, &home->update);
    err = err != 0 ? err
                   : bd_home_prepare(home,
                                     "INSERT INTO value(space, name, version, kind, created_ns, "
                                     "size, meta, description,"
                                     " data, file, checksum) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                                     "?8, ?9, ?10, ?11)",
                                     &home->insert);
    err = err != 0 ? err
                   : bd_home_prepare(home, "DELETE FROM value WHERE space = ?1 AND name = ?2",
                                     &home->remove);
    err = err != 0
              ? err
              : bd_home_prepare(home, "SELECT version FROM value WHERE space = ?1 AND name = ?2",
                                &home->version_of);
    return err;
}

static int try_to_open(struct bd_home *home, const char *path, bool makes)
{
    *home = (struct bd_home){ .path = strdup(path), .dir_fd = -1, .data_fd = -1 };
    int err = home->path != NULL ? 0 : bd_error(BRAIN_E_NOMEM, "no memory for a path");
    err = err != 0 ? err : open_directories(home, makes);
    err = err != 0 ? err : open_database(home, makes);
    err = err != 0 ? err : check_format(home, makes);
    err = err != 0 ? err : prepare_all(home);
    err = err != 0 ? err : read_meta(home);
    if (err != 0) {
        bd_home_close(home);
    }
    return err;
}

/* SQLite waits for a lock by itself, but not for each of those that it takes while one opens what another has just
 * left: then it says BUSY at once. Whether to try again, since a `start`; a minute, all in all. */
static bool waits(int err, const struct timespec *start)
{
    struct timespec now;
    const struct timespec moment = { .tv_nsec = 5000000 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    bool is_patient = err == BRAIN_E_TIMEOUT && now.tv_sec - start->tv_sec < BUSY_MS / 1000;
    if (is_patient) {
        (void)nanosleep(&moment, NULL);
    }
    return is_patient;
}

int bd_home_open(struct bd_home *home, const char *path, bool makes)
{
    struct timespec start;
    int err;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        err = try_to_open(home, path, makes);
    } while (waits(err, &start));
    return err;
}

void bd_home_close(struct bd_home *home)
{
    sqlite3_stmt *all[] = { home->update_small, home->update,     home->insert,
                            home->remove,       home->version_of, home->note_version };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)sqlite3_finalize(all[i]);
    }
    if (home->is_open) {
        (void)sqlite3_exec(home->db, "ROLLBACK", NULL, NULL, NULL);
    }
    (void)sqlite3_close(home->db);
    if (home->data_fd >= 0) {
        close(home->data_fd);
    }
    if (home->dir_fd >= 0) {
        close(home->dir_fd);
    }
    free(home->path);
}

/* By names: to close a descriptor of SQLite's file would end the locks that another connection of this process has. */
bool bd_home_is_ours_alone(const struct bd_home *home)
{
    static const char *const names[] = { ".", "data", "values.sqlite" };
    bool is = true;
    for (int i = 0; i < 3; i++) {
        struct stat st;
        is = is && fstatat(home->dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
             (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    }
    return is;
}

/* ---- files */

static void name_file(uint64_t number, char out[24])
{
    snprintf(out, 24, "%016llx", (unsigned long long)number);
}

static bool remove_file(const struct bd_home *home, uint64_t number)
{
    char name[24];
    name_file(number, name);
    return unlinkat(home->data_fd, name, 0) == 0;
}

/* What a crash has left: files of a sync that did not commit. They were made one after the other. */
static void remove_left(const struct bd_home *home)
{
    for (uint64_t number = home->next_file; remove_file(home, number); number++) {
    }
}

/* Those that no row names any more. */
static int remove_gone(const struct bd_home *home)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(home, "SELECT file FROM gone", &statement), code = SQLITE_DONE;
    while (err == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        (void)remove_file(home, (uint64_t)sqlite3_column_int64(statement, 0));
    }
    err = err == 0 && code != SQLITE_DONE ? bd_home_failed(home, "read") : err;
    (void)sqlite3_finalize(statement);
    return err;
}

static int write_all(int fd, const uint8_t *bytes, uint64_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size < PIECE ? size : PIECE);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

static int write_file(struct bd_home *home, const brain_view *view, uint64_t number)
{
    char name[24];
    name_file(number, name);
    int fd =
        openat(home->data_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int os = fd >= 0 ? write_all(fd, view->data, view->size_bytes) : errno;
    os = os == 0 && fsync(fd) != 0 ? errno : os;
    if (fd >= 0) {
        close(fd);
    }
    home->has_new_files = true;
    return os == 0 ? 0 : bd_error_os(os, "cannot write %s/data/%s", home->path, name);
}

static int damaged_file(const struct bd_home *home, const char *name)
{
    return bd_error(BRAIN_E_CORRUPT, "%s/data/%s is not what was written there", home->path, name);
}

int bd_home_read_file(const struct bd_home *home, uint64_t file, uint64_t size, uint64_t checksum,
                      brain_object *object)
{
    char name[24];
    name_file(file, name);
    int fd = openat(home->data_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? damaged_file(home, name)
                               : bd_error_os(errno, "cannot read %s/data/%s", home->path, name);
    }
    XXH3_state_t *hash = XXH3_createState();
    uint8_t *piece = malloc(PIECE);
    int err =
        hash != NULL && piece != NULL ? 0 : bd_error(BRAIN_E_NOMEM, "no memory to read a file");
    if (err == 0) {
        (void)XXH3_64bits_reset(hash);
    }
    while (err == 0 && size > 0) {
        ssize_t n = read(fd, piece, size < PIECE ? size : PIECE);
        if (n < 0 && errno != EINTR) {
            err = bd_error_os(errno, "cannot read %s/data/%s", home->path, name);
        } else if (n == 0) {
            err = damaged_file(home, name);
        } else if (n > 0) {
            (void)XXH3_64bits_update(hash, piece, (size_t)n);
            err = brain_object_append(object, piece, (size_t)n);
            err = err != 0 ? bd_error_store(err) : 0;
            size -= (uint64_t)n;
        }
    }
    err = err == 0 && XXH3_64bits_digest(hash) != checksum ? damaged_file(home, name) : err;
    (void)XXH3_freeState(hash);
    free(piece);
    close(fd);
    return err;
}

/* ---- transactions */

int bd_home_begin(struct bd_home *home)
{
    struct timespec start;
    int err;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        err = bd_home_do(home, "BEGIN IMMEDIATE");
    } while (waits(err, &start));
    home->is_open = err == 0;
    err = err != 0 ? err : read_meta(home); /* another has synced since it was opened */
    if (err == 0) {
        remove_left(home);
        err = remove_gone(home);
        err = err != 0 ? err : bd_home_do(home, "DELETE FROM gone");
    }
    return err;
}

static int write_meta(struct bd_home *home)
{
    sqlite3_stmt *statement = NULL;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    home->time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    int err = bd_home_prepare(home,
                              "UPDATE meta SET store_id = ?1, synced = ?2, since = ?3, time_ns = "
                              "?4, next_file = ?5, scope = ?6",
                              &statement);
    if (err == 0) {
        (void)sqlite3_bind_blob(statement, 1, home->store_id, BRAIN_STORE_ID_BYTES, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, (int64_t)home->synced);
        (void)sqlite3_bind_int64(statement, 3, (int64_t)home->since);
        (void)sqlite3_bind_int64(statement, 4, (int64_t)home->time_ns);
        (void)sqlite3_bind_int64(statement, 5, (int64_t)home->next_file);
        (void)sqlite3_bind_int64(statement, 6, home->is_of_marked);
        err = sqlite3_step(statement) == SQLITE_DONE ? 0 : bd_home_failed(home, "change");
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* EINVAL: a file system that syncs no directories. */
static int sync_directory(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

/* The names of the home in the directory where it is, and of what is in it: who made them may have been killed before it
 * did this. Of its log SQLite sees to the name itself. */
static int sync_home(const struct bd_home *home)
{
    int parent_fd = openat(home->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent_fd < 0 && errno != EACCES) {
        return errno;
    }
    int os = parent_fd >= 0 ? sync_directory(parent_fd) : 0; /* else it is somebody else's care */
    if (parent_fd >= 0) {
        close(parent_fd);
    }
    return os != 0 ? os : sync_directory(home->dir_fd);
}

/* Names that have to be there before a row is: each commit sees to those of its own files, the first one to the home's. */
static int sync_names(const struct bd_home *home)
{
    int os = home->has_new_files ? sync_directory(home->data_fd) : 0;
    os = os == 0 && home->is_new ? sync_home(home) : os;
    return os == 0 ? 0
                   : bd_error_os(os, "cannot bring the directories of %s to the disk", home->path);
}

/* Bring SQLite's log into its main file, and begin it anew: not with each commit, but often enough that what is read at
 * each opening, all of the log, is little. Left to itself SQLite would go on at its end for ever: what it remembers of how
 * much of it has been brought over goes with the last connection. Where somebody reads, the next commit does it. */
static void shorten_log(struct bd_home *home)
{
    if (home->n_log_pages >= bd_home_log_pages) {
        (void)sqlite3_busy_timeout(home->db, 0);
        (void)sqlite3_wal_checkpoint_v2(home->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        (void)sqlite3_busy_timeout(home->db, BUSY_MS);
    }
}

int bd_home_commit(struct bd_home *home)
{
    int err = write_meta(home);
    err = err != 0 ? err : sync_names(home);
    err = err != 0 ? err : bd_home_do(home, "COMMIT");
    if (err == 0) {
        home->is_open = home->has_new_files = false;
        shorten_log(home);
        (void)remove_gone(
            home); /* what stays is removed by the next one, and the rows with it: a commit less */
    }
    return err;
}

/* ---- values */

uint64_t bd_home_checksum(const struct bd_record *record, const void *data, size_t data_len)
{
    uint64_t numbers[] = { record->kind,     record->created_ns, record->size,
                           record->name_len, record->meta_len,   record->description_len };
    uint64_t hash = XXH3_64bits(numbers, sizeof numbers);
    hash = XXH3_64bits_withSeed(record->name, record->name_len, hash);
    hash = XXH3_64bits_withSeed(record->meta, record->meta_len, hash);
    hash = XXH3_64bits_withSeed(record->description, record->description_len, hash);
    return XXH3_64bits_withSeed(data, data_len, hash);
}

static void bind_name(sqlite3_stmt *statement, int64_t space, const void *name, size_t name_len)
{
    (void)sqlite3_bind_int64(statement, 1, space);
    (void)sqlite3_bind_blob64(statement, 2, name_len != 0 ? name : "", name_len, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t len)
{
    (void)sqlite3_bind_blob64(statement, at, len != 0 ? bytes : "", len, SQLITE_STATIC);
}

/* Do a statement that gives nothing, and have it ready for the next. */
static int do_prepared(const struct bd_home *home, sqlite3_stmt *statement)
{
    int err = sqlite3_step(statement) == SQLITE_DONE ? 0 : bd_home_failed(home, "change");
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement); /* what they point to goes */
    return err;
}

static struct bd_record record_of(const brain_view *view)
{
    return (struct bd_record){ .kind = view->kind,
                               .version = view->version,
                               .created_ns = brain_view_created_ns(view),
                               .size = view->size_bytes,
                               .name = view->name,
                               .name_len = view->name_len,
                               .meta = view->meta,
                               .meta_len = view->meta_len,
                               .description = view->description,
                               .description_len = view->description_len };
}

int bd_home_put(struct bd_home *home, int64_t space, const brain_view *view, bool *is_new_out)
{
    uint8_t meta[BRAIN_META_MAX];
    struct bd_record record = record_of(view);
    const void *data = view->data;
    size_t data_len = (size_t)view->size_bytes;
    uint64_t file = 0, of_file;
    if (record.meta_len != 0) { /* once: a note in it may change */
        memcpy(meta, record.meta, record.meta_len);
    }
    record.meta = meta;
    if (view->size_bytes > BD_HOME_INLINE) {
        file = home->next_file;
        int err = write_file(home, view, file);
        if (err != 0) {
            return err;
        }
        home->next_file++;
        of_file = XXH3_64bits(view->data, view->size_bytes);
        data = &of_file;
        data_len = sizeof of_file;
    }
    sqlite3_stmt *ways[] = { home->update_small, home->update, home->insert };
    int err = 0;
    *is_new_out = false;
    for (int i = file == 0 ? 0 : 1; i < 3; i++) {
        sqlite3_stmt *statement = ways[i];
        bind_name(statement, space, record.name, record.name_len);
        (void)sqlite3_bind_int64(statement, 3, (int64_t)record.version);
        (void)sqlite3_bind_int64(statement, 4, (int64_t)record.kind);
        (void)sqlite3_bind_int64(statement, 5, (int64_t)record.created_ns);
        (void)sqlite3_bind_int64(statement, 6, (int64_t)record.size);
        bind_blob(statement, 7, record.meta, record.meta_len);
        bind_blob(statement, 8, record.description, record.description_len);
        bind_blob(statement, 9, data, data_len);
        if (file != 0) { /* of update_small that is no parameter */
            (void)sqlite3_bind_int64(statement, 10, (int64_t)file);
        }
        (void)sqlite3_bind_int64(statement, 11, (int64_t)bd_home_checksum(&record, data, data_len));
        err = do_prepared(home, statement);
        if (err != 0 || sqlite3_changes(home->db) != 0) {
            *is_new_out = i == 2;
            return err;
        }
    }
    return err;
}

int bd_home_delete(struct bd_home *home, int64_t space, const void *name, size_t name_len)
{
    bind_name(home->remove, space, name, name_len);
    return do_prepared(home, home->remove);
}

int bd_home_version(struct bd_home *home, int64_t space, const void *name, size_t name_len,
                    uint64_t *version_out)
{
    bind_name(home->version_of, space, name, name_len);
    int code = sqlite3_step(home->version_of);
    *version_out = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(home->version_of, 0) : 0;
    int err = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : bd_home_failed(home, "read");
    (void)sqlite3_reset(home->version_of);
    (void)sqlite3_clear_bindings(home->version_of);
    return err;
}

/* Not in `value` itself, which is being read: a row that is changed may be met once more. */
int bd_home_note_version(struct bd_home *home, int64_t space, const void *name, size_t name_len,
                         uint64_t version)
{
    int err = 0;
    if (home->note_version == NULL) {
        err = bd_home_do(home, "CREATE TEMP TABLE came(space INTEGER, name BLOB, version INTEGER)");
        err = err != 0 ? err
                       : bd_home_prepare(home, "INSERT INTO came VALUES(?1, ?2, ?3)",
                                         &home->note_version);
    }
    if (err != 0) {
        return err;
    }
    bind_name(home->note_version, space, name, name_len);
    (void)sqlite3_bind_int64(home->note_version, 3, (int64_t)version);
    return do_prepared(home, home->note_version);
}

int bd_home_move(struct bd_home *home, const uint8_t store_id[BRAIN_STORE_ID_BYTES])
{
    memcpy(home->store_id, store_id, BRAIN_STORE_ID_BYTES);
    home->since = 0;
    int err = bd_home_do(home, "UPDATE value SET version = 0");
    return err != 0 || home->note_version == NULL
               ? err
               : bd_home_do(home, "UPDATE value SET version = came.version FROM came"
                                  " WHERE value.space = came.space AND value.name = came.name");
}
