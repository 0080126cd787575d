/* sync.c - a home is brought up to date with a store.
 *
 * One snapshot, one transaction. What has changed since the last one is told by versions; docs/design/0012.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "home.h"
#include "mark.h"
#include "walk.h"

struct sync {
    struct bd_home home;
    brain_store *store;
    const brain_sync_options *options;
    brain_snapshot *snapshot;
    brain_sync_result result;
    uint64_t since; /* versions up to this one are in the home; 0: each is compared */
    uint64_t n_spaces;

    /* The namespace that is gone through. */
    int64_t space;
    int64_t n_had;    /* its rows */
    int64_t n_now;    /* and names */
    bool is_of_marks; /* these are nobody's names: no result counts them */

    brain_space *of_mark; /* where marked names alone are kept: the namespace of the last */
    int64_t n_kept;
};

static int tell_progress(struct sync *sync)
{
    const brain_sync_options *options = sync->options;
    const brain_progress progress = { .done_bytes = sync->result.written_bytes,
                                      .done_names = sync->result.n_written };
    return options->progress == NULL || options->progress(options->context, &progress) == 0
               ? 0
               : bd_error(BRAIN_E_INTR, "the sync was stopped");
}

/* ---- namespaces */

/* All that users see, and their marks. */
static bool is_kept_space(const void *name, size_t len)
{
    return !bd_walk_is_hidden(name, len) || bd_mark_is_space(name, len);
}

/* The row of a namespace, made if there is none. */
static int find_space(struct sync *sync, const void *name, size_t len)
{
    struct bd_home *home = &sync->home;
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(home, "SELECT id, n FROM space WHERE name = ?1", &statement),
        code = SQLITE_DONE;
    sync->is_of_marks = bd_mark_is_space(name, len);
    if (err == 0) {
        (void)sqlite3_bind_blob64(statement, 1, name, len, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    if (err == 0 && code == SQLITE_ROW) {
        sync->space = sqlite3_column_int64(statement, 0);
        sync->n_had = sqlite3_column_int64(statement, 1);
    } else if (err == 0 && code != SQLITE_DONE) {
        err = bd_home_failed(home, "read");
    }
    (void)sqlite3_finalize(statement);
    if (err != 0 || code == SQLITE_ROW) {
        return err;
    }
    err = bd_home_prepare(home, "INSERT INTO space(name) VALUES(?1)", &statement);
    if (err == 0) {
        (void)sqlite3_bind_blob64(statement, 1, name, len, SQLITE_STATIC);
        err = sqlite3_step(statement) == SQLITE_DONE ? 0 : bd_home_failed(home, "change");
        sync->space = sqlite3_last_insert_rowid(home->db);
        sync->n_had = 0;
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static int set_count(struct sync *sync)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(&sync->home, "UPDATE space SET n = ?2 WHERE id = ?1", &statement);
    if (err == 0) {
        (void)sqlite3_bind_int64(statement, 1, sync->space);
        (void)sqlite3_bind_int64(statement, 2, sync->n_had);
        err = sqlite3_step(statement) == SQLITE_DONE ? 0 : bd_home_failed(&sync->home, "change");
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* ---- names */

static int write_value(void *context, const brain_view *view)
{
    struct sync *sync = context;
    bool is_new;
    int err = bd_home_put(&sync->home, sync->space, view, &is_new);
    if (err == 0) {
        sync->n_had += is_new;
        sync->result.n_written += !sync->is_of_marks;
        sync->result.written_bytes += view->size_bytes;
        err = tell_progress(sync);
    }
    return err;
}

static int keep(struct sync *sync, const brain_view *view)
{
    uint64_t kept = 0;
    int err = sync->since == 0
                  ? bd_home_version(&sync->home, sync->space, view->name, view->name_len, &kept)
                  : 0;
    return err != 0 || kept == view->version ? err : bd_walk_show(view, write_value, sync);
}

/* A name of the namespace, as of the snapshot. */
static int visit(struct sync *sync, brain_iter *iter)
{
    brain_view view;
    int err = brain_iter_get(iter, &view);
    if (err != 0) {
        return bd_error_store(err);
    }
    sync->n_now++;
    err = view.version > sync->since ? keep(sync, &view) : 0;
    brain_view_drop(&view);
    return err;
}

static int visit_all(struct sync *sync, brain_space *space)
{
    brain_iter *iter;
    const void *name;
    size_t name_len;
    int err = brain_iter_names(space, sync->snapshot, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    sync->n_now = 0;
    while ((err = brain_iter_next(iter, &name, &name_len)) == 0) {
        err = visit(sync, iter);
        if (err != 0) {
            brain_iter_free(iter);
            return err;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

/* Rows of names that are not there any more: there are more rows than names. */
static int forget_gone(struct sync *sync, brain_space *space)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(&sync->home, "SELECT name FROM value WHERE space = ?1", &statement),
        code = SQLITE_DONE;
    if (err == 0) {
        (void)sqlite3_bind_int64(statement, 1, sync->space);
    }
    while (err == 0 && sync->n_had > sync->n_now &&
           (code = sqlite3_step(statement)) == SQLITE_ROW) {
        brain_view view;
        const void *name = sqlite3_column_blob(statement, 0);
        size_t len = (size_t)sqlite3_column_bytes(statement, 0);
        int there = brain_snapshot_get(sync->snapshot, space, name, len, &view);
        if (there == 0) {
            brain_view_drop(&view);
        } else if (there == BRAIN_E_NOT_FOUND) {
            err = bd_home_delete(&sync->home, sync->space, name, len);
            sync->n_had--;
            sync->result.n_removed += !sync->is_of_marks;
        } else {
            err = bd_error_store(there);
        }
    }
    err = err == 0 && code != SQLITE_DONE && code != SQLITE_ROW
              ? bd_home_failed(&sync->home, "read")
              : err;
    (void)sqlite3_finalize(statement);
    return err;
}

/* Whether the namespace has changed since the last sync. What cannot be told has. */
static bool has_changed(const struct sync *sync, brain_space *space)
{
    return sync->since == 0 ||
           brain_wait_space(space, sync->since, 0, &(uint64_t){ 0 }) != BRAIN_E_TIMEOUT;
}

static int sync_space(struct sync *sync, const void *name, size_t len)
{
    brain_space *space;
    int err = brain_space_open(sync->store, name, len, &space);
    if (err != 0) {
        return bd_error_store(err);
    }
    if (has_changed(sync, space)) {
        err = find_space(sync, name, len);
        int64_t before = sync->n_had;
        err = err != 0 ? err : visit_all(sync, space);
        err = err != 0 || sync->n_had <= sync->n_now ? err : forget_gone(sync, space);
        err = err != 0 || sync->n_had == before ? err : set_count(sync);
    }
    brain_space_close(space);
    return err;
}

static int visit_spaces(struct sync *sync)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(sync->store, sync->snapshot, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        if (is_kept_space(name, len)) {
            sync->n_spaces++;
            err = sync_space(sync, name, len);
            err = err != 0 ? err : tell_progress(sync);
        }
        if (err != 0) {
            brain_iter_free(iter);
            return err;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

/* ---- namespaces that are gone */

static int count_spaces(struct sync *sync, int64_t *n_out)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(&sync->home, "SELECT count(*) FROM space", &statement);
    if (err == 0) {
        err = sqlite3_step(statement) == SQLITE_ROW ? 0 : bd_home_failed(&sync->home, "read");
        *n_out = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static int note_spaces(struct sync *sync, sqlite3_stmt *statement)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(sync->store, sync->snapshot, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        if (!is_kept_space(name, len)) {
            continue;
        }
        (void)sqlite3_bind_blob64(statement, 1, name, len, SQLITE_STATIC);
        if (sqlite3_step(statement) != SQLITE_DONE) {
            brain_iter_free(iter);
            return bd_home_failed(&sync->home, "change");
        }
        (void)sqlite3_reset(statement);
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

/* The home has more namespaces than the store: those of the store are noted, and the others go. */
static int forget_spaces(struct sync *sync)
{
    struct bd_home *home = &sync->home;
    sqlite3_stmt *statement = NULL;
    int err =
        bd_home_do(home,
                   "CREATE TEMP TABLE IF NOT EXISTS there(name BLOB PRIMARY KEY) WITHOUT ROWID;"
                   "DELETE FROM there;");
    err = err != 0 ? err : bd_home_prepare(home, "INSERT INTO there VALUES(?1)", &statement);
    err = err != 0 ? err : note_spaces(sync, statement);
    (void)sqlite3_finalize(statement);
    err = err != 0 ? err
                   : bd_home_do(home, "DELETE FROM value WHERE space IN (SELECT id FROM space "
                                      "WHERE name NOT IN there);");
    /* Of the names alone: not what the trigger notes of files, nor the namespaces. */
    sync->result.n_removed += err == 0 ? (uint64_t)sqlite3_changes64(home->db) : 0;
    return err != 0 ? err : bd_home_do(home, "DELETE FROM space WHERE name NOT IN there;");
}

static int sync_spaces(struct sync *sync)
{
    int64_t n_spaces = 0;
    int err = visit_spaces(sync);
    err = err != 0 ? err : count_spaces(sync, &n_spaces);
    return err == 0 && (uint64_t)n_spaces > sync->n_spaces ? forget_spaces(sync) : err;
}

/* ---- marked names alone */

/* Be in the namespace of a mark. The row of the one before has its count by now. */
static int enter_marked(struct sync *sync, const struct bd_mark *mark)
{
    size_t len;
    const void *name = sync->of_mark != NULL ? brain_space_name(sync->of_mark, &len) : NULL;
    if (name != NULL && len == mark->space_len && memcmp(name, mark->space, len) == 0) {
        return 0;
    }
    brain_space_close(sync->of_mark);
    sync->of_mark = NULL;
    int err = brain_space_open(sync->store, mark->space, mark->space_len, &sync->of_mark);
    return err != 0 ? bd_error_store(err) : find_space(sync, mark->space, mark->space_len);
}

/* What a mark is of, if it is there. `number`: of the commit that made the mark. */
static int sync_mark(struct sync *sync, const struct bd_mark *mark, uint64_t number)
{
    brain_view view;
    int err = enter_marked(sync, mark);
    if (err != 0) {
        return err;
    }
    err = brain_snapshot_get(sync->snapshot, sync->of_mark, mark->name, mark->name_len, &view);
    if (err != 0) {
        return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
    }
    int64_t before = sync->n_had;
    sync->n_kept++;
    if (view.version > sync->since || number > sync->since) {
        err = keep(sync, &view);
        err = err != 0 || sync->n_had == before ? err : set_count(sync);
    }
    brain_view_drop(&view);
    return err;
}

static int sync_marks(struct sync *sync, brain_space *marks)
{
    brain_iter *iter;
    brain_view view;
    const void *name;
    size_t len;
    int err = brain_iter_names(marks, sync->snapshot, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        struct bd_mark mark;
        err = brain_iter_get(iter, &view);
        if (err != 0) {
            break;
        }
        err = bd_mark_read(view.name, view.name_len, &mark) ? sync_mark(sync, &mark, view.version)
                                                            : 0;
        brain_view_drop(&view);
        if (err != 0) {
            brain_iter_free(iter);
            return err;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

/* Whether a row is of a name that is marked and has a value. */
static int is_kept(struct sync *sync, brain_space *marks, const struct bd_mark *row, bool *is_out)
{
    brain_space *space;
    brain_view view;
    uint8_t *mark = NULL;
    size_t len;
    int err = brain_space_open(sync->store, row->space, row->space_len, &space);
    if (err != 0) {
        return bd_error_store(err);
    }
    err = bd_mark_make(space, row->name, row->name_len, &mark, &len);
    if (err == BRAIN_E_INVAL) { /* so it has none */
        err = BRAIN_E_NOT_FOUND;
    } else if (err == 0) {
        err = brain_snapshot_get(sync->snapshot, marks, mark, len, &view);
        if (err == 0) {
            brain_view_drop(&view);
            err = brain_snapshot_get(sync->snapshot, space, row->name, row->name_len, &view);
        }
        if (err == 0) {
            brain_view_drop(&view);
        }
        err = err != 0 && err != BRAIN_E_NOT_FOUND ? bd_error_store(err) : err;
    }
    *is_out = err == 0;
    brain_space_close(space);
    free(mark);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

/* The home has more rows than names are to be kept. */
static int forget_unmarked(struct sync *sync, brain_space *marks)
{
    sqlite3_stmt *statement = NULL;
    struct bd_home *home = &sync->home;
    int err = bd_home_do(home, "CREATE TEMP TABLE IF NOT EXISTS goes(space INTEGER, name BLOB); "
                               "DELETE FROM goes;");
    sqlite3_stmt *goes = NULL;
    err = err != 0 ? err : bd_home_prepare(home, "INSERT INTO goes VALUES(?1, ?2)", &goes);
    err = err != 0 ? err
                   : bd_home_prepare(home,
                                     "SELECT space.id, space.name, value.name FROM value JOIN "
                                     "space ON space.id = value.space",
                                     &statement);
    int code = SQLITE_DONE;
    while (err == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct bd_mark row = { .space = sqlite3_column_blob(statement, 1),
                                     .space_len = (size_t)sqlite3_column_bytes(statement, 1),
                                     .name = sqlite3_column_blob(statement, 2),
                                     .name_len = (size_t)sqlite3_column_bytes(statement, 2) };
        bool is = bd_mark_is_space(row.space, row.space_len);
        err = is ? 0 : is_kept(sync, marks, &row, &is);
        if (err == 0 && !is) {
            (void)sqlite3_bind_int64(goes, 1, sqlite3_column_int64(statement, 0));
            (void)sqlite3_bind_blob64(goes, 2, row.name_len != 0 ? row.name : (const uint8_t *)"",
                                      row.name_len, SQLITE_STATIC);
            err = sqlite3_step(goes) == SQLITE_DONE ? 0 : bd_home_failed(home, "change");
            (void)sqlite3_reset(goes);
            sync->result.n_removed++;
        }
    }
    err = err == 0 && code != SQLITE_DONE ? bd_home_failed(home, "read") : err;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_finalize(goes);
    return err != 0
               ? err
               : bd_home_do(
                     home,
                     "DELETE FROM value WHERE (space, name) IN (SELECT space, name FROM goes);"
                     "UPDATE space SET n = (SELECT count(*) FROM value WHERE space = space.id);"
                     "DELETE FROM space WHERE n = 0;");
}

static int count_rows(struct sync *sync, int64_t *n_out)
{
    sqlite3_stmt *statement = NULL;
    int err = bd_home_prepare(&sync->home, "SELECT total(n) FROM space", &statement);
    if (err == 0) {
        err = sqlite3_step(statement) == SQLITE_ROW ? 0 : bd_home_failed(&sync->home, "read");
        *n_out = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static int sync_marked(struct sync *sync)
{
    brain_space *marks;
    int64_t n_rows = 0, n_marks = 0;
    int err = brain_space_open(sync->store, BD_MARK_SPACE, BD_MARK_SPACE_LEN, &marks);
    if (err != 0) {
        return bd_error_store(err);
    }
    err = sync_space(sync, BD_MARK_SPACE, BD_MARK_SPACE_LEN);
    err = err != 0 ? err : find_space(sync, BD_MARK_SPACE, BD_MARK_SPACE_LEN);
    n_marks = sync->n_had;
    err = err != 0 ? err : sync_marks(sync, marks);
    err = err != 0 ? err : count_rows(sync, &n_rows);
    if (err == 0 && n_rows > sync->n_kept + n_marks) {
        err = forget_unmarked(sync, marks);
    }
    brain_space_close(sync->of_mark);
    brain_space_close(marks);
    return err;
}

/* ---- the whole */

static int sync_all(struct sync *sync)
{
    uint8_t id[BRAIN_STORE_ID_BYTES];
    brain_store_id(sync->store, id);
    bool is_same = memcmp(id, sync->home.store_id, sizeof id) == 0;
    int err = is_same ? 0 : bd_home_move(&sync->home, id);
    bool is_of_marked = (sync->options->flags & BRAIN_SYNC_MARKED) != 0;
    sync->since = is_of_marked == sync->home.is_of_marked ? sync->home.since : 0;
    sync->home.is_of_marked = is_of_marked;
    err = err != 0 ? err : is_of_marked ? sync_marked(sync) : sync_spaces(sync);
    if (err != 0) {
        return err;
    }
    sync->home.synced = sync->home.since = sync->result.number;
    return bd_home_commit(&sync->home);
}

int brain_sync(brain_store *store, const char *path, const brain_sync_options *options,
               brain_sync_result *result_out)
{
    static const brain_sync_options defaults = BRAIN_SYNC_OPTIONS_INIT;
    struct sync sync = { .store = store, .options = options != NULL ? options : &defaults };
    if (sync.options->struct_size != sizeof *options ||
        (sync.options->flags & ~(uint32_t)BRAIN_SYNC_MARKED) != 0) {
        return bd_error(BRAIN_E_INVAL, "brain_sync_options: begin with BRAIN_SYNC_OPTIONS_INIT");
    }
    int err = bd_home_open(&sync.home, path, true);
    if (err != 0) {
        return err;
    }
    err = bd_home_begin(&sync.home);
    if (err == 0) {
        err = brain_snapshot_open(store, &sync.snapshot);
        err = err != 0 ? bd_error_store(err) : 0;
    }
    if (err == 0) {
        sync.result.number = brain_snapshot_number(sync.snapshot);
        err = sync_all(&sync);
    }
    brain_snapshot_close(sync.snapshot);
    bd_home_close(&sync.home);
    if (err == 0 && result_out != NULL) {
        *result_out = sync.result;
    }
    return err;
}
