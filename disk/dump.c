/* dump.c - a dump of names, as of one moment.
 *
 * Two walks over one snapshot: the names with their sizes, then the values. Both meet the names in the same order
 * (brain.h), so a number, which counts from 0, stands for a name.
 *
 * Memory:   one item. What is in it is copied there, but for large data, which go from the store to the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "error.h"
#include "file.h"
#include "item.h"
#include "out.h"
#include "walk.h"

#define PROGRESS_EVERY ((uint64_t)1 << 20)
#define N_ELEMENTS     7u /* of a value */

struct dump {
    brain_store *store;
    const brain_dump_options *options;
    brain_snapshot *snapshot;
    struct bd_out out;
    brain_dump_result result;

    uint64_t seed; /* of the checks: a piece of another dump has a wrong one here */
    bool is_begun;
    bool is_list;              /* the first walk */
    uint64_t n_names, n_bytes; /* of this walk so far */
    uint64_t told_at;          /* how far it was when progress was told last: tell_progress() */

    /* The item that is being filled: of names, or of small values; len 0: none. */
    struct bd_item item;
    size_t count_at;
    uint32_t n_elements;
    uint8_t space[BRAIN_SPACE_MAX];
    size_t space_len;
    XXH3_state_t *hash; /* of a piece of large data */
};

static int tell_progress(struct dump *dump, bool always)
{
    const brain_dump_options *options = dump->options;
    uint64_t now = (dump->is_list ? 0 : dump->n_bytes) + 64 * dump->n_names;
    if (options->progress == NULL || (!always && now - dump->told_at < PROGRESS_EVERY)) {
        return 0;
    }
    dump->told_at = now;
    brain_progress progress = { .all_bytes = dump->result.data_bytes,
                                .all_names = dump->result.n_names };
    if (!dump->is_list) {
        progress.done_bytes = dump->n_bytes;
        progress.done_names = dump->n_names;
    }
    return options->progress(options->context, &progress) == 0
               ? 0
               : bd_error(BRAIN_E_INTR, "the dump was stopped");
}

/* ---- items */

static int write_item(struct dump *dump)
{
    bd_item_check(&dump->item, dump->is_begun ? dump->seed : 0);
    dump->is_begun = true;
    struct iovec part = { dump->item.bytes, dump->item.len };
    dump->item.len = 0;
    return bd_out_write(&dump->out, &part, 1);
}

static int write_first(struct dump *dump)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    bd_item_tag(&dump->item, BD_SELF_TAG);
    uint64_t flags =
        (brain_access(dump->store) & BRAIN_ACCESS_OTHERS_WRITE) != 0 ? BD_OTHERS_WROTE : 0;
    if (getrandom(&dump->seed, sizeof dump->seed, 0) != (ssize_t)sizeof dump->seed) {
        return bd_error_os(errno, "no random number for a dump");
    }
    bd_item_array(&dump->item, 7);
    bd_item_text(&dump->item, BD_FIRST_TEXT);
    bd_item_uint(&dump->item, BD_FORMAT);
    bd_item_uint(&dump->item, dump->seed);
    bd_item_uint(&dump->item, dump->result.number);
    bd_item_uint(&dump->item, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    bd_item_uint(&dump->item, flags);
    return write_item(dump);
}

static int write_totals(struct dump *dump, const char *text, bool with_spaces)
{
    bd_item_array(&dump->item, with_spaces ? 5 : 4);
    bd_item_text(&dump->item, text);
    if (with_spaces) {
        bd_item_uint(&dump->item, dump->result.n_spaces);
    }
    bd_item_uint(&dump->item, dump->n_names);
    bd_item_uint(&dump->item, dump->n_bytes);
    return write_item(dump);
}

static int end_item(struct dump *dump)
{
    if (dump->item.len == 0) {
        return 0;
    }
    bd_item_set_count(&dump->item, dump->count_at, dump->n_elements);
    int err = write_item(dump);
    return err != 0 ? err : tell_progress(dump, false);
}

/* An item that begins with the next name's number and its namespace. */
static void begin_item(struct dump *dump, const char *text)
{
    bd_item_array(&dump->item, 5);
    bd_item_text(&dump->item, text);
    bd_item_uint(&dump->item, dump->n_names);
    bd_item_bytes(&dump->item, dump->space, dump->space_len);
    dump->count_at = bd_item_array_of_many(&dump->item);
    dump->n_elements = 0;
}

static int enter(void *context, const void *space, size_t space_len)
{
    struct dump *dump = context;
    int err = end_item(dump);
    memcpy(dump->space, space, space_len);
    dump->space_len = space_len;
    if (dump->is_list) {
        dump->result.n_spaces++;
        begin_item(dump, "names"); /* also of none */
    }
    return err;
}

/* ---- names and values */

static int list_name(struct dump *dump, const brain_view *view)
{
    if (dump->item.len == 0) {
        begin_item(dump, "names");
    }
    bd_item_bytes(&dump->item, view->name, view->name_len);
    bd_item_uint(&dump->item, view->size_bytes);
    dump->n_elements += 2;
    return dump->item.len >= BD_ITEM_ENOUGH ? end_item(dump) : 0;
}

static void put_description_of(struct dump *dump, const brain_view *view)
{
    bd_item_uint(&dump->item, view->kind);
    bd_item_uint(&dump->item, view->version);
    bd_item_uint(&dump->item, brain_view_created_ns(view));
    bd_item_bytes(&dump->item, view->name, view->name_len);
    bd_item_bytes(&dump->item, view->meta,
                  view->meta_len); /* copied once: a note in it may change */
    bd_item_bytes(&dump->item, view->description, view->description_len);
    dump->n_elements += N_ELEMENTS;
}

static int write_small(struct dump *dump, const brain_view *view)
{
    if (dump->item.len == 0) {
        begin_item(dump, "values");
    }
    put_description_of(dump, view);
    bd_item_bytes(&dump->item, view->data, view->size_bytes);
    return dump->item.len >= BD_ITEM_ENOUGH ? end_item(dump) : 0;
}

/* A piece of large data: its head, the data where they are, and the check of both. */
static int write_piece(struct dump *dump, uint64_t offset, const uint8_t *data, size_t size)
{
    uint8_t check[BD_CHECK_BYTES];
    struct bd_item *head = &dump->item;
    XXH3_state_t *hash = dump->hash;
    bd_item_array(head, 5);
    bd_item_text(head, "data");
    bd_item_uint(head, dump->n_names);
    bd_item_uint(head, offset);
    bd_item_bytes_head(head, size);
    (void)XXH3_64bits_reset_withSeed(hash, dump->seed);
    (void)XXH3_64bits_update(hash, head->bytes, head->len);
    (void)XXH3_64bits_update(hash, data, size);
    bd_item_check_of(check, XXH3_64bits_digest(hash));
    struct iovec parts[] = { { head->bytes, head->len },
                             { (void *)(uintptr_t)data, size },
                             { check, sizeof check } };
    head->len = 0;
    return bd_out_write(&dump->out, parts, 3);
}

static int write_large(struct dump *dump, const brain_view *view)
{
    int err = end_item(dump);
    if (err != 0) {
        return err;
    }
    begin_item(dump, "large");
    put_description_of(dump, view);
    bd_item_uint(&dump->item, view->size_bytes); /* where a small one has its data */
    err = end_item(dump);
    uint64_t before = dump->n_bytes;
    for (uint64_t at = 0; at < view->size_bytes && err == 0;) {
        uint64_t left = view->size_bytes - at;
        size_t n = left < BD_DATA_MAX ? (size_t)left : BD_DATA_MAX;
        err = write_piece(dump, at, (const uint8_t *)view->data + at, n);
        at += n;
        dump->n_bytes = before + at;
        err = err != 0 ? err : tell_progress(dump, false);
    }
    dump->n_bytes = before;
    return err;
}

static int visit(void *context, const brain_view *view)
{
    struct dump *dump = context;
    int err = dump->is_list                     ? list_name(dump, view)
              : view->size_bytes > BD_SMALL_MAX ? write_large(dump, view)
                                                : write_small(dump, view);
    dump->n_names++;
    dump->n_bytes += view->size_bytes;
    return err;
}

/* ---- the whole */

static int walk(struct dump *dump, bool is_list)
{
    const struct bd_walk walk = { .store = dump->store,
                                  .snapshot = dump->snapshot,
                                  .options = dump->options,
                                  .context = dump,
                                  .enter = enter,
                                  .visit = visit };
    dump->is_list = is_list;
    dump->n_names = dump->n_bytes = dump->told_at = 0;
    int err = bd_walk(&walk);
    return err != 0 ? err : end_item(dump);
}

static int write_all(struct dump *dump)
{
    int err = write_first(dump);
    err = err != 0 ? err : walk(dump, true);
    dump->result.n_names = dump->n_names;
    dump->result.data_bytes = dump->n_bytes;
    err = err != 0 ? err : write_totals(dump, "listed", true);
    err = err != 0 ? err : walk(dump, false);
    err = err != 0 ? err : write_totals(dump, "end", false);
    err = err != 0 ? err : bd_out_finish(&dump->out);
    dump->result.file_bytes = dump->out.file_bytes;
    return err != 0 ? err : tell_progress(dump, true);
}

/* Everything but the file. The snapshot goes before the file is synced: writers need not keep what it sees for that. */
static int dump_to(brain_store *store, int fd, bool is_file, const brain_dump_options *options,
                   brain_dump_result *result_out)
{
    struct dump dump = { .store = store, .options = options };
    int err = brain_snapshot_open(store, &dump.snapshot);
    if (err != 0) {
        return bd_error_store(err);
    }
    dump.result.number = brain_snapshot_number(dump.snapshot);
    dump.item.bytes = malloc(BD_ITEM_MAX);
    dump.hash = XXH3_createState();
    err = dump.item.bytes != NULL && dump.hash != NULL
              ? 0
              : bd_error(BRAIN_E_NOMEM, "no memory for a dump");
    err = err != 0 ? err
                   : bd_out_init(&dump.out, fd, is_file, options->zstd_level, options->n_threads);
    err = err != 0 ? err : write_all(&dump);
    brain_snapshot_close(dump.snapshot);
    bd_out_deinit(&dump.out);
    (void)XXH3_freeState(dump.hash);
    free(dump.item.bytes);
    *result_out = dump.result;
    return err;
}

static const brain_dump_options defaults = BRAIN_DUMP_OPTIONS_INIT;

static int check_options(const brain_dump_options **options)
{
    *options = *options != NULL ? *options : &defaults;
    return (*options)->struct_size == sizeof **options && (*options)->reserved == 0
               ? 0
               : bd_error(BRAIN_E_INVAL, "brain_dump_options: begin with BRAIN_DUMP_OPTIONS_INIT");
}

int brain_dump_to(brain_store *store, int fd, const brain_dump_options *options,
                  brain_dump_result *result_out)
{
    brain_dump_result result;
    int err = check_options(&options);
    err = err != 0 ? err : dump_to(store, fd, false, options, &result);
    if (err == 0 && result_out != NULL) {
        *result_out = result;
    }
    return bd_error_elsewhere(err);
}

int brain_dump(brain_store *store, const char *path, const brain_dump_options *options,
               brain_dump_result *result_out)
{
    struct bd_file file;
    brain_dump_result result;
    int err = check_options(&options);
    err = err != 0 ? err : bd_file_begin(&file, path);
    if (err != 0) {
        return bd_error_elsewhere(err);
    }
    err = dump_to(store, file.fd, true, options, &result);
    err = err != 0 ? err : bd_file_commit(&file);
    bd_file_end(&file);
    if (err == 0 && result_out != NULL) {
        *result_out = result;
    }
    return bd_error_elsewhere(err);
}
