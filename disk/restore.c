/* restore.c - what a home keeps comes back.
 *
 * Rows in the order of their keys, small values some hundred at a time. In one transaction of the home, so that nobody
 * syncs meanwhile; at its end the home is this store's, and the rows have the versions that their values have here. The next
 * sync compares each name with its row, since others may have put some.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "home.h"
#include "mark.h"

#define N_ROWS 512u
#define ROOM                                                                                       \
    ((size_t)1                                                                                     \
     << 20) /* of the bytes of small values that are put together; the last may go beyond */
#define NS_A_NUMBER 16u /* no store commits faster */

struct row {
    int64_t space;
    struct bd_record record;
    uint64_t file, of_file;
    const uint8_t *data; /* in the row: the data, or a checksum of their file */
    size_t data_len;
};

struct restore {
    struct bd_home home;
    struct bd_put put;
    uint8_t *bytes; /* of the rows that wait: */
    size_t n_bytes, room;
    struct row rows[N_ROWS];
    uint32_t n_rows;
    int64_t space; /* that put.space is of */
    uint64_t number_max;
};

static bool bears_damage(const struct restore *restore)
{
    return (restore->put.options.flags & BRAIN_LOAD_DAMAGED) != 0;
}

static int tell_progress(const struct restore *restore)
{
    const brain_load_result *result = &restore->put.result;
    const brain_progress progress = { .done_bytes = result->loaded_bytes,
                                      .done_names = result->n_loaded + result->n_kept +
                                                    result->n_refused + result->n_lost };
    return restore->put.options.progress == NULL ||
                   restore->put.options.progress(restore->put.options.context, &progress) == 0
               ? 0
               : bd_error(BRAIN_E_INTR, "the restore was stopped");
}

/* ---- rows */

static size_t blob(sqlite3_stmt *statement, int column, const uint8_t **bytes_out)
{
    *bytes_out = sqlite3_column_blob(statement, column);
    return (size_t)sqlite3_column_bytes(statement, column);
}

static void read_row(sqlite3_stmt *statement, struct row *row_out)
{
    struct row *row = row_out;
    *row = (struct row){ .space = sqlite3_column_int64(statement, 0) };
    row->record.name_len = blob(statement, 1, &row->record.name);
    row->record.version = (uint64_t)sqlite3_column_int64(statement, 2);
    row->record.kind = (uint64_t)sqlite3_column_int64(statement, 3);
    row->record.created_ns = (uint64_t)sqlite3_column_int64(statement, 4);
    row->record.size = (uint64_t)sqlite3_column_int64(statement, 5);
    row->record.meta_len = blob(statement, 6, &row->record.meta);
    row->record.description_len = blob(statement, 7, &row->record.description);
    row->data_len = blob(statement, 8, &row->data);
    row->file = (uint64_t)sqlite3_column_int64(statement, 9);
    row->record.data = row->data;
}

static bool is_sound(const struct row *row, uint64_t checksum)
{
    bool fits =
        row->file == 0 ? row->data_len == row->record.size : row->data_len == sizeof row->of_file;
    return fits && bd_put_is_sound(&row->record) &&
           bd_home_checksum(&row->record, row->data, row->data_len) == checksum;
}

/* A row is not what was written: an error, or its value is lost. */
static int lose(struct restore *restore, struct row *row)
{
    restore->put.result.is_damaged = 1;
    row->record.fate = BRAIN_LOAD_LOST;
    row->record.version = 0;
    bd_put_tell(&restore->put, &row->record, 0);
    return 0;
}

/* ---- values */

/* The value has the version that it has now. */
static int note_version(struct restore *restore, const struct row *row, uint64_t number)
{
    if (row->record.fate != BRAIN_LOADED) {
        return 0;
    }
    restore->number_max = number > restore->number_max ? number : restore->number_max;
    return bd_home_note_version(&restore->home, row->space, row->record.name, row->record.name_len,
                                number);
}

/* Put the rows that wait: one commit. */
static int put_rows(struct restore *restore)
{
    struct bd_record records[N_ROWS];
    uint64_t number = 0;
    uint32_t n = restore->n_rows;
    restore->n_rows = 0;
    restore->n_bytes = 0;
    if (n == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        records[i] = restore->rows[i].record;
    }
    int err = bd_put_small(&restore->put, records, n, &number);
    for (uint32_t i = 0; i < n && err == 0; i++) {
        restore->rows[i].record.fate = records[i].fate;
        err = note_version(restore, &restore->rows[i], number);
    }
    return err != 0 ? err : tell_progress(restore);
}

static const uint8_t *keep_bytes(struct restore *restore, const uint8_t *bytes, size_t len)
{
    uint8_t *to = restore->bytes + restore->n_bytes;
    if (len != 0) {
        memcpy(to, bytes, len);
    }
    restore->n_bytes += len;
    return to;
}

/* A small value waits for others; its bytes are copied, since they are SQLite's. */
static int add_row(struct restore *restore, const struct row *row)
{
    const struct bd_record *record = &row->record;
    size_t len = record->name_len + record->meta_len + record->description_len + row->data_len;
    if (restore->n_rows == N_ROWS || restore->n_bytes + len > restore->room) {
        int err = put_rows(restore);
        if (err != 0) {
            return err;
        }
    }
    struct row *kept = &restore->rows[restore->n_rows++];
    *kept = *row;
    kept->record.name = keep_bytes(restore, record->name, record->name_len);
    kept->record.meta = keep_bytes(restore, record->meta, record->meta_len);
    kept->record.description = keep_bytes(restore, record->description, record->description_len);
    kept->record.data = kept->data = keep_bytes(restore, row->data, row->data_len);
    return 0;
}

static int put_large(struct restore *restore, struct row *row)
{
    brain_object *object = NULL;
    uint64_t number = 0;
    int err = put_rows(restore);
    err = err != 0 ? err : bd_put_look(&restore->put, &row->record);
    if (err == 0 && row->record.fate == BRAIN_LOADED) {
        err = brain_create_streamed(restore->put.store, row->record.size, &object);
        err = err != 0 ? bd_error_store(err)
                       : bd_home_read_file(&restore->home, row->file, row->record.size,
                                           row->of_file, object);
        if (err == BRAIN_E_CORRUPT && bears_damage(restore)) {
            brain_object_release(object);
            return lose(restore, row);
        }
    }
    err = err != 0 ? err : bd_put_large(&restore->put, &row->record, object, &number);
    brain_object_release(object);
    err = err != 0 ? err : note_version(restore, row, number);
    return err != 0 ? err : tell_progress(restore);
}

static int restore_row(struct restore *restore, sqlite3_stmt *statement)
{
    struct row row;
    read_row(statement, &row);
    if (!is_sound(&row, (uint64_t)sqlite3_column_int64(statement, 10))) {
        if (bears_damage(restore) && row.record.name_len <= BRAIN_NAME_MAX) {
            int err = put_rows(restore);
            return err != 0 ? err : lose(restore, &row);
        }
        return bd_error(BRAIN_E_CORRUPT,
                        "%s is damaged: a value is not what was written. What is whole can be "
                        "restored, if "
                        "that is asked for",
                        restore->home.path);
    }
    if (row.file == 0) {
        return add_row(restore, &row);
    }
    memcpy(&row.of_file, row.data, sizeof row.of_file);
    return put_large(restore, &row);
}

/* ---- namespaces */

static int restore_space(struct restore *restore, int64_t id, const uint8_t *name, size_t len,
                         int64_t n_rows)
{
    sqlite3_stmt *statement = NULL;
    if (!bd_put_is_space(name, len) && !bd_mark_is_space(name, len)) {
        return bd_error(BRAIN_E_CORRUPT, "%s is damaged: a namespace has a name that cannot be",
                        restore->home.path);
    }
    int err = bd_put_enter(&restore->put, name, len), code = SQLITE_DONE;
    if (err == 0 && n_rows == 0 && bd_put_is_wanted(&restore->put, NULL, 0)) {
        err = bd_put_make_space(&restore->put);
    }
    err = err != 0 ? err
                   : bd_home_prepare(&restore->home,
                                     "SELECT space, name, version, kind, created_ns, size, meta, "
                                     "description, data, file,"
                                     " checksum FROM value WHERE space = ?1",
                                     &statement);
    if (err == 0) {
        (void)sqlite3_bind_int64(statement, 1, id);
    }
    while (err == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        err = restore_row(restore, statement);
    }
    err = err == 0 && code != SQLITE_DONE ? bd_home_failed(&restore->home, "read") : err;
    err = err != 0 ? err : put_rows(restore);
    (void)sqlite3_finalize(statement);
    return err;
}

static int restore_spaces(struct restore *restore)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(&restore->home, "SELECT id, name, n FROM space", &statement),
        code = SQLITE_DONE;
    while (err == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const uint8_t *name;
        size_t len = blob(statement, 1, &name);
        err = restore_space(restore, sqlite3_column_int64(statement, 0), name, len,
                            sqlite3_column_int64(statement, 2));
    }
    err = err == 0 && code != SQLITE_DONE ? bd_home_failed(&restore->home, "read") : err;
    (void)sqlite3_finalize(statement);
    return err;
}

/* ---- room */

/* The bytes of a row that will be put. What makes no sense is told when it is put. */
static int add_coming(struct restore *restore, sqlite3_stmt *statement, uint64_t *bytes)
{
    const uint8_t *space, *name;
    size_t space_len = blob(statement, 0, &space), len = blob(statement, 1, &name);
    uint64_t size = (uint64_t)sqlite3_column_int64(statement, 2);
    bool is_kept = false;
    if (!bd_put_is_space(space, space_len) || len > BRAIN_NAME_MAX || size > BD_LARGEST) {
        return 0;
    }
    int err = bd_put_enter(&restore->put, space, space_len);
    if (err == 0 && bd_put_is_wanted(&restore->put, name, len)) {
        err = bd_put_is_kept(&restore->put, name, len, &is_kept);
        *bytes += is_kept ? 0 : size;
    }
    return err;
}

/* Of a cache alone: any other store says itself that it is full, and removes nothing; and to look at all rows takes as
 * long as to read all small values. */
static int check_room(struct restore *restore)
{
    sqlite3_stmt *statement = NULL;
    uint64_t bytes = 0;
    if (brain_full_mode(restore->put.store) != BRAIN_FULL_LRU) {
        return 0;
    }
    int code = SQLITE_DONE,
        err = bd_home_prepare(&restore->home,
                              "SELECT space.name, value.name, value.size FROM value JOIN "
                              "space ON space.id = value.space",
                              &statement);
    while (err == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        err = add_coming(restore, statement, &bytes);
    }
    err = err == 0 && code != SQLITE_DONE ? bd_home_failed(&restore->home, "read") : err;
    (void)sqlite3_finalize(statement);
    return err != 0 ? err : bd_put_check_room(&restore->put, bytes);
}

/* ---- the whole */

/* Above what anybody can have seen of the store that was synced: it may have gone on since, if not faster than it can. */
static int advance(struct restore *restore)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
             then_ns = restore->home.time_ns;
    uint64_t number =
        restore->home.synced + (now_ns > then_ns ? now_ns - then_ns : 0) / NS_A_NUMBER;
    int err = brain_advance(restore->put.store, number);
    return err != 0 ? bd_error_store(err) : 0;
}

static int restore_all(struct restore *restore)
{
    uint8_t id[BRAIN_STORE_ID_BYTES];
    brain_load_result *result = &restore->put.result;
    int err = bd_home_begin(&restore->home);
    result->number = restore->home.synced;
    result->time_ns = restore->home.time_ns;
    err = err != 0 ? err : check_room(restore);
    err = err != 0 ? err : advance(restore);
    err = err != 0 ? err : restore_spaces(restore);
    brain_store_id(restore->put.store, id);
    err = err != 0 ? err : bd_home_move(&restore->home, id);
    if (err != 0) {
        return err;
    }
    if (restore->number_max > restore->home.synced) {
        restore->home.synced = restore->number_max;
    }
    err = bd_home_commit(&restore->home);
    if (err == 0 && result->n_refused != 0) {
        err = bd_error(BRAIN_E_PERM,
                       "%llu of the values are pickles, which are code, and somebody else may have "
                       "written "
                       "them: they were not restored",
                       (unsigned long long)result->n_refused);
    }
    return err;
}

int brain_restore(brain_store *store, const char *path, const brain_load_options *options,
                  brain_load_result *result_out)
{
    struct restore *restore = calloc(1, sizeof *restore);
    if (restore == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to restore values");
    }
    int err = bd_put_init(&restore->put, store, options);
    if (err == 0) {
        restore->room = ROOM;
        restore->bytes = malloc(ROOM);
        err = restore->bytes != NULL ? 0 : bd_error(BRAIN_E_NOMEM, "no memory to restore values");
        err = err != 0 ? err : bd_home_open(&restore->home, path, false);
        if (err == 0) {
            uint32_t flags = restore->put.options.flags;
            restore->put.may_have_pickles =
                (flags & BRAIN_LOAD_PICKLES) != 0 ||
                ((flags & BRAIN_LOAD_NO_PICKLES) == 0 && bd_home_is_ours_alone(&restore->home));
            err = restore_all(restore);
            bd_home_close(&restore->home);
        }
        if (result_out != NULL) {
            *result_out = restore->put.result;
        }
        bd_put_deinit(&restore->put);
    }
    free(restore->bytes);
    free(restore);
    return err;
}
