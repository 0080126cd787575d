/* cmd_dump.c - dump and load. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "commands.h"
#include "json.h"
#include "progress.h"
#include "table.h"
#include "text.h"
#include "value.h"

/* Whether the command line names a namespace; the one of the environment does not make a dump smaller. */
static bool has_space(const struct bc_context *context)
{
    return bc_option(context, "namespace") != NULL;
}

static int read_level(const struct bc_context *context, int32_t *level_out)
{
    uint64_t level = 0;
    int status = bc_option_number(context, "level", &level);
    if (status == 0 && level > 19) {
        status = bc_usage(context, "--level takes 0 to 19, not %" PRIu64, level);
    }
    *level_out = (int32_t)level;
    return status;
}

static int show_progress(void *progress, const brain_progress *is)
{
    bc_progress_step(progress, is->done_bytes, is->all_bytes);
    return bc_interrupted();
}

/* ---- dump */

static int print_dumped(const struct bc_context *context, const brain_dump_result *result)
{
    if (context->json) {
        json_t *object = json_object();
        bc_json_number(object, "number", result->number);
        bc_json_number(object, "namespaces", result->n_spaces);
        bc_json_number(object, "names", result->n_names);
        bc_json_number(object, "bytes", result->data_bytes);
        bc_json_number(object, "file_bytes", result->file_bytes);
        bc_json_print(object);
        return 0;
    }
    bc_line_number(context, "namespaces", result->n_spaces);
    bc_line_number(context, "names", result->n_names);
    bc_line_size(context, "size", result->data_bytes);
    bc_line_size(context, "file_size", result->file_bytes);
    return 0;
}

static int dump(struct bc_context *context, brain_dump_options *options)
{
    const char *path = context->arguments[0];
    bool is_stdout = strcmp(path, "-") == 0;
    struct bc_progress progress;
    brain_dump_result result = { 0 };
    if (is_stdout && context->is_terminal) {
        return bc_usage(context, "a dump is nothing for a terminal: name a file, or use a pipe");
    }
    options->progress = show_progress;
    options->context = &progress;
    bc_progress_begin(&progress, "dumping");
    bc_hold_interrupts(true);
    int err = is_stdout ? brain_dump_to(context->store, STDOUT_FILENO, options, &result)
                        : brain_dump(context->store, path, options, &result);
    bc_hold_interrupts(false);
    bc_progress_end(&progress);
    if (err == BRAIN_E_INTR) return BC_INTERRUPTED;
    if (err != 0) {
        int status = bc_fail_disk(context, err, NULL);
        return err == BRAIN_E_NOT_FOUND ? BC_SYSTEM
                                        : status; /* the file's folder: the names were there */
    }
    return is_stdout ? 0 : print_dumped(context, &result);
}

/* The names of the command line, as keys. */
static int read_keys(struct bc_context *context, brain_space *space, brain_key *keys)
{
    int status = 0;
    for (int i = 1; status == 0 && i < context->n_arguments; i++) {
        const char *name;
        keys[i - 1].space = space;
        status = bc_name(context, context->arguments[i], &name, &keys[i - 1].name_len);
        keys[i - 1].name = name;
        if (status != 0) break;
        int err = brain_exists(space, name, keys[i - 1].name_len, NULL);
        if (err == BRAIN_E_NOT_FOUND) {
            status = bc_say_no_name(context, name, keys[i - 1].name_len);
        } else if (err != 0) {
            status = bc_fail(context, err, NULL);
        }
    }
    return status;
}

static int check_space(const struct bc_context *context, brain_space *space)
{
    int err = brain_space_exists(space);
    if (err == BRAIN_E_NOT_FOUND) return bc_say_no_space(context);
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}

int bc_dump(struct bc_context *context)
{
    brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
    uint64_t n_threads = 0;
    brain_space *space;
    int status = read_level(context, &options.zstd_level);
    if (status == 0) status = bc_option_number(context, "threads", &n_threads);
    if (status == 0 && n_threads > 64) status = bc_usage(context, "--threads takes 1 to 64");
    if (status == 0) status = bc_open(context, BC_LOOK);
    if (status == 0) status = bc_open_space(context, &space);
    if (status != 0) return status;
    options.n_threads = (uint32_t)n_threads;
    brain_space *const spaces[] = { space };
    size_t n_names = (size_t)context->n_arguments - 1;
    brain_key *keys = bc_alloc(n_names * sizeof *keys);
    if (n_names > 0) {
        options.keys = keys;
        options.n_keys = n_names;
        status = read_keys(context, space, keys);
    } else if (has_space(context)) {
        options.spaces = spaces;
        options.n_spaces = 1;
        status = check_space(context, space);
    }
    if (status == 0) status = dump(context, &options);
    free(keys);
    brain_space_close(space);
    return status;
}

/* ---- load */

struct loading {
    struct bc_context *context;
    brain_space *space; /* NULL: of all namespaces */
    struct bc_name {
        const char *name;
        size_t len;
    } *names;
    size_t n_names; /* 0: all of them */
    bool has_found; /* a name, or the namespace */
    struct bc_progress progress;
    bool is_listing;
    struct bc_table *table;
    struct bc_json_array array;
    /* While it only looks: */
    bool is_looking;
    uint64_t n_there;
    char *first;
};

static bool is_named(const struct loading *loading, const brain_load_name *name)
{
    if (loading->space != NULL) {
        size_t len;
        const void *space = brain_space_name(loading->space, &len);
        if (len != name->space_len || memcmp(space, name->space, len) != 0) return false;
    }
    if (name->name == NULL) return loading->n_names == 0;
    for (size_t i = 0; i < loading->n_names; i++) {
        if (loading->names[i].len == name->name_len &&
            memcmp(loading->names[i].name, name->name, name->name_len) == 0) {
            return true;
        }
    }
    return loading->n_names == 0;
}

/* A look through the file: whether a name would be replaced. */
static void note_there(struct loading *loading, const brain_load_name *name)
{
    brain_space *space;
    if (name->name == NULL ||
        brain_space_open(loading->context->store, name->space, name->space_len, &space) != 0) {
        return;
    }
    if (brain_exists(space, name->name, name->name_len, NULL) == 0) {
        loading->n_there++;
        if (loading->first == NULL) loading->first = bc_text_name(name->name, name->name_len, 60);
    }
    brain_space_close(space);
}

static int wants(void *context, const brain_load_name *name)
{
    struct loading *loading = context;
    bool is = is_named(loading, name);
    if (is && loading->is_looking && loading->n_there == 0) note_there(loading, name);
    loading->has_found |= is;
    return is && !loading->is_looking;
}

static void tell(void *context, const brain_load_name *name)
{
    static const char *const fates[] = {
        [BRAIN_LOADED] = "loaded",
        [BRAIN_LOAD_KEPT] = "kept",
        [BRAIN_LOAD_REFUSED] = "refused",
        [BRAIN_LOAD_LOST] = "lost",
    };
    struct loading *loading = context;
    const char *fate =
        (size_t)name->fate < sizeof fates / sizeof fates[0] ? fates[name->fate] : "unknown";
    if (!loading->is_listing) return;
    if (loading->context->json) {
        json_t *object = json_object();
        bc_json_name(object, "name", name->name, name->name_len);
        bc_json_name(object, "namespace", name->space, name->space_len);
        bc_json_number(object, "size", name->size_bytes);
        bc_json_number(object, "version", name->version);
        bc_json_text(object, "fate", fate);
        bc_json_item(&loading->array, object);
        return;
    }
    bc_table_name(loading->table, name->space, name->space_len);
    bc_table_name(loading->table, name->name, name->name_len);
    bc_table_size(loading->table, name->size_bytes);
    bc_table_text(loading->table, fate);
}

static int step(void *context, const brain_progress *is)
{
    struct loading *loading = context;
    bc_progress_rename(&loading->progress, is->is_checking ? "verifying" : "loading");
    return show_progress(&loading->progress, is);
}

static int load_once(struct loading *loading, int fd, brain_load_result *result)
{
    const struct bc_context *context = loading->context;
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    if (bc_option(context, "damaged") != NULL) options.flags |= BRAIN_LOAD_DAMAGED;
    if (bc_option(context, "keep") != NULL) options.flags |= BRAIN_LOAD_KEEP;
    if (bc_option(context, "pickles") != NULL) options.flags |= BRAIN_LOAD_PICKLES;
    options.wants = wants;
    options.tell = loading->is_looking ? NULL : tell;
    options.progress = step;
    options.context = loading;
    bc_progress_begin(&loading->progress, "verifying");
    bc_hold_interrupts(true);
    off_t at = fd >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
    int err = fd >= 0 ? brain_load_from(context->store, fd, &options, result)
                      : brain_load(context->store, context->arguments[0], &options, result);
    if (fd >= 0 && at >= 0) lseek(fd, at, SEEK_SET);
    bc_hold_interrupts(false);
    bc_progress_end(&loading->progress);
    return err;
}

static int fail_load(const struct bc_context *context, int err)
{
    int status = bc_fail_disk(context, err, err == BRAIN_E_FORMAT ? context->arguments[0] : NULL);
    return err == BRAIN_E_NOT_FOUND ? BC_SYSTEM : status; /* the file: no answer about the store */
}

/* Where a load would replace names: whether that is meant. */
static int confirm(struct loading *loading, int fd)
{
    struct bc_context *context = loading->context;
    brain_stat stat = { .struct_size = sizeof stat };
    brain_load_result result;
    if (context->yes || bc_option(context, "keep") != NULL) return 0;
    int err = brain_stat_get(context->store, &stat);
    if (err != 0) return bc_fail(context, err, NULL);
    if (stat.n_objects == 0) return 0;
    loading->is_looking = true;
    err = load_once(loading, fd, &result);
    loading->is_looking = false;
    if (err == BRAIN_E_INTR) return BC_INTERRUPTED;
    if (err != 0) return fail_load(context, err);
    if (loading->n_there == 0) return 0;
    return bc_ask(context, "Replace names that are there, '%s' and maybe more, by those of %s?",
                  loading->first, context->arguments[0]);
}

static void print_loaded(const struct bc_context *context, const brain_load_result *result)
{
    if (context->json) {
        json_t *object = json_object();
        bc_json_number(object, "number", result->number);
        bc_json_time(object, "dumped", result->time_ns);
        bc_json_number(object, "loaded", result->n_loaded);
        bc_json_number(object, "bytes", result->loaded_bytes);
        bc_json_number(object, "kept", result->n_kept);
        bc_json_number(object, "refused", result->n_refused);
        bc_json_number(object, "lost", result->n_lost);
        bc_json_bool(object, "damaged", result->is_damaged);
        bc_json_print(object);
        return;
    }
    bc_line_time(context, "dumped", result->time_ns);
    bc_line_number(context, "loaded", result->n_loaded);
    bc_line_size(context, "size", result->loaded_bytes);
    if (result->n_kept > 0) bc_line_number(context, "kept", result->n_kept);
    if (result->n_refused > 0) bc_line_number(context, "refused", result->n_refused);
    if (result->n_lost > 0) bc_line_number(context, "lost", result->n_lost);
    if (result->is_damaged) bc_line_text(context, "damaged", "yes");
}

static int load_and_list(struct loading *loading, int fd)
{
    static const struct bc_column columns[] = {
        { "NAMESPACE", BC_LEFT },
        { "NAME", BC_ELASTIC },
        { "SIZE", BC_RIGHT },
        { "BECAME", BC_LEFT },
    };
    struct bc_context *context = loading->context;
    brain_load_result result = { 0 };
    int status = confirm(loading, fd);
    if (status != 0) return status;
    loading->is_listing = bc_option(context, "list") != NULL;
    if (loading->is_listing && context->json) {
        bc_json_begin(&loading->array);
    } else if (loading->is_listing) {
        loading->table = bc_table_new(context, columns, 4);
    }
    int err = load_once(loading, fd, &result);
    if (loading->table != NULL) bc_table_end(loading->table);
    if (loading->is_listing && context->json) bc_json_end(&loading->array);
    if (!loading->is_listing && (err == 0 || result.n_loaded > 0)) print_loaded(context, &result);
    if (err == BRAIN_E_INTR) return BC_INTERRUPTED;
    if (err != 0) return fail_load(context, err);
    if (result.is_damaged) {
        bc_say(context, "the file is damaged: %" PRIu64 " names are lost", result.n_lost);
        return BC_DAMAGED;
    }
    if (loading->n_names > 0 && result.n_loaded + result.n_kept < loading->n_names) {
        bc_say(context, "the dump has not all of these names");
        return BC_NO;
    }
    if (loading->space != NULL && !loading->has_found) {
        char *space = bc_text_name(context->space, strlen(context->space), 0);
        bc_say(context, "the dump has nothing of namespace %s: -n says of which names are loaded",
               space);
        free(space);
        return BC_NO;
    }
    return 0;
}

int bc_load(struct bc_context *context)
{
    struct loading loading = { .context = context };
    int fd = strcmp(context->arguments[0], "-") == 0 ? STDIN_FILENO : -1;
    int status = bc_open(context, BC_CHANGE);
    loading.n_names = (size_t)context->n_arguments - 1;
    if (status == 0 && (loading.n_names > 0 || has_space(context))) {
        status = bc_open_space(context, &loading.space);
    }
    loading.names = bc_alloc(loading.n_names * sizeof *loading.names);
    for (size_t i = 0; status == 0 && i < loading.n_names; i++) {
        status = bc_name(context, context->arguments[i + 1], &loading.names[i].name,
                         &loading.names[i].len);
    }
    if (status == 0) status = load_and_list(&loading, fd);
    brain_space_close(loading.space);
    free(loading.names);
    free(loading.first);
    return status;
}
