/* load.c - a dump comes back.
 *
 * One reader of the file, in passes: CHECK changes nothing and finds every damage; PUT puts. Where damage is to be borne
 * there is no CHECK; PUT goes on behind what is wrong, as long as it can be told where the next item begins, and
 * TELL_LOST reads the list in front once more, for the names whose values did not come.
 *
 * Large data need not be read twice for that: CHECK puts them into objects that nobody sees, and PUT seals these
 * (STAGE). What a load that is refused had in such objects is given back.
 *
 * Names have numbers, which count from 0 in the list and, in the same order, in the values: so those that did not come
 * are runs of numbers.
 *
 * Memory:   the reader's window, the batch of one item, the head of one large value, and the runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "head.h"
#include "in.h"
#include "put.h"

#define NS_A_NUMBER    16u /* no store commits faster */
#define N_GAPS_MAX     (1u << 20)
#define PROGRESS_EVERY ((uint64_t)1 << 20)
#define STAGE_FROM                                                                                 \
    ((uint64_t)4 << 20) /* below, to go on behind the data takes longer than to read them again */
#define STAGED_MAX 1024u

enum pass {
    CHECK,
    PUT,
    TELL_LOST
};

/* Numbers [from, to) of names. */
struct gap {
    uint64_t from, to;
};

/* An object that CHECK has filled, of the value with this number. */
struct staged {
    uint64_t number, size;
    uint64_t end; /* where its data end in the file */
    brain_object *object;
};

/* A value whose data come in items of their own. */
struct large {
    bool is_coming;
    bool is_filled; /* `object` has its data */
    uint64_t number, size, done_bytes;
    brain_object *object;    /* NULL: it is passed over, */
    int fate;                /* for that reason */
    struct bd_record record; /* of the bytes that were its item's, */
    uint8_t *bytes;          /* and are kept here */
};

struct load {
    struct bd_put put;
    struct bd_in in;
    uint64_t coming_bytes; /* of the names that are wanted, less those that are kept */

    /* Of this pass. */
    enum pass pass;
    bool has_begun, has_ended;
    bool is_listed;  /* the list is behind us, and said so */
    bool is_counted; /* all_names is known: by the end of the list, or of the values */
    uint64_t n_listed, listed_bytes; /* as the list's items have them */
    uint64_t all_names, all_bytes;   /* as its end says */
    uint64_t next;                   /* number of the next name */
    uint64_t done_bytes, told_at;

    struct large large;

    struct staged *staged; /* in rising order of numbers */
    uint32_t n_staged, staged_at;
    uint64_t stage_bytes; /* that may still be staged */

    struct gap *gaps; /* in rising order */
    uint32_t n_gaps, gaps_room, gap_at;
    uint64_t n_named; /* names in gaps that the list has */
};

/* ---- damage */

static int damaged(const struct load *load, uint64_t offset, const char *what)
{
    const char *then =
        load->pass == CHECK
            ? "Nothing has been changed. What is whole of it can be loaded, if that is asked for"
            : "It was whole a moment ago: somebody writes to it. A part has been loaded";
    return bd_error(BRAIN_E_CORRUPT, "the dump is damaged at byte %llu%s: %s. %s",
                    (unsigned long long)offset,
                    bd_in_is_packed(&load->in) ? " of what it unpacks to" : "", what, then);
}

static bool bears_damage(const struct load *load)
{
    return (load->put.options.flags & BRAIN_LOAD_DAMAGED) != 0;
}

/* What is wrong is passed over, or is an error. */
static int pass_over(struct load *load, uint64_t offset, const char *what)
{
    load->put.result.is_damaged = 1;
    return bears_damage(load) ? 0 : damaged(load, offset, what);
}

/* The names [from, to) did not come. */
static int add_gap(struct load *load, uint64_t from, uint64_t to)
{
    if (from >= to || load->pass != PUT) {
        return 0;
    }
    if (load->n_gaps == load->gaps_room) {
        uint32_t room = load->gaps_room == 0 ? 16 : 2 * load->gaps_room;
        struct gap *gaps = room <= N_GAPS_MAX ? realloc(load->gaps, room * sizeof *gaps) : NULL;
        if (gaps == NULL) {
            return bd_error(BRAIN_E_NOMEM,
                            "no memory to remember what is damaged of a dump: it is too much");
        }
        load->gaps = gaps;
        load->gaps_room = room;
    }
    load->gaps[load->n_gaps++] = (struct gap){ from, to };
    return 0;
}

/* ---- who is told */

static int tell_progress(struct load *load, bool always)
{
    uint64_t now = load->done_bytes + 64 * (load->next + load->n_listed);
    if (load->put.options.progress == NULL || (!always && now - load->told_at < PROGRESS_EVERY)) {
        return 0;
    }
    load->told_at = now;
    const brain_progress progress = { .done_bytes = load->done_bytes,
                                      .all_bytes = load->all_bytes,
                                      .done_names = load->next,
                                      .all_names = load->all_names,
                                      .is_checking = load->pass == CHECK };
    return load->put.options.progress(load->put.options.context, &progress) == 0
               ? 0
               : bd_error(BRAIN_E_INTR, "the load was stopped");
}

/* ---- the first item */

/* Numbers of commits above all that anybody can have seen of the store that was dumped: it may have gone on since,
 * if not faster than it can. Not where the clock was set back meanwhile: then above those that were dumped. */
static uint64_t numbers_seen(const struct load *load)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    uint64_t since_ns = now_ns > load->put.result.time_ns ? now_ns - load->put.result.time_ns : 0;
    return load->put.result.number + since_ns / NS_A_NUMBER;
}

static int read_first(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    struct bd_head head;
    int err = bd_head_read(cursor, &head);
    if (err != 0) {
        return err == BRAIN_E_CORRUPT ? damaged(load, offset, "its first item") : err;
    }
    load->in.seed = head.seed;
    load->put.result.number = head.number;
    load->put.result.time_ns = head.time_ns;
    if ((head.flags & BD_OTHERS_WROTE) != 0 &&
        (load->put.options.flags & BRAIN_LOAD_PICKLES) == 0) {
        load->put.may_have_pickles = false;
    }
    err = load->pass == PUT ? brain_advance(load->put.store, numbers_seen(load)) : 0;
    return err != 0 ? bd_error_store(err) : 0;
}

/* ---- the list */

/* Asked of one number after the other. */
static bool is_in_gap(struct load *load, uint64_t number)
{
    while (load->gap_at < load->n_gaps && load->gaps[load->gap_at].to <= number) {
        load->gap_at++;
    }
    return load->gap_at < load->n_gaps && load->gaps[load->gap_at].from <= number;
}

static void list_lost(struct load *load, const uint8_t *name, size_t len, uint64_t size)
{
    bool is_lost = is_in_gap(load, load->n_listed);
    load->n_named += is_lost;
    if (is_lost && bd_put_is_wanted(&load->put, name, len)) {
        const struct bd_record lost = {
            .name = name, .name_len = len, .size = size, .fate = BRAIN_LOAD_LOST
        };
        bd_put_tell(&load->put, &lost, 0);
    }
}

/* In the first pass alone: what was to come then is what check_room is about, and to look up each name takes time. */
static int count_coming(struct load *load, const uint8_t *name, size_t len, uint64_t size)
{
    bool is_first = load->pass == (bears_damage(load) ? PUT : CHECK), is_kept = false;
    if (!is_first || !bd_put_is_wanted(&load->put, name, len)) {
        return 0;
    }
    int err = bd_put_is_kept(&load->put, name, len, &is_kept);
    load->coming_bytes += is_kept ? 0 : size;
    return err;
}

static int list_name(struct load *load, const uint8_t *name, size_t len, uint64_t size)
{
    if (load->pass == TELL_LOST) {
        list_lost(load, name, len, size);
    }
    int err = count_coming(load, name, len, size);
    load->n_listed++;
    load->listed_bytes += size;
    return err;
}

/* `["names", first, space, [name, size ...]]`, behind the text. */
static int read_names(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    const uint8_t *space, *name;
    uint64_t first = bd_cursor_uint(&cursor);
    size_t space_len = bd_cursor_bytes(&cursor, &space);
    uint64_t n = bd_cursor_array(&cursor);
    if (cursor.is_bad || load->is_listed || n % 2 != 0 || !bd_put_is_space(space, space_len) ||
        first < load->n_listed || first > BD_LARGEST) {
        return pass_over(load, offset, "a list of names that makes no sense");
    }
    if (first != load->n_listed) {
        int err = pass_over(load, offset, "a part of the list of names is missing");
        if (err != 0) {
            return err;
        }
    }
    int err = bd_put_enter(&load->put, space, space_len);
    if (err != 0) {
        return err;
    }
    load->n_listed = first;
    for (uint64_t i = 0; i < n / 2; i++) {
        size_t len = bd_cursor_bytes(&cursor, &name);
        uint64_t size = bd_cursor_uint(&cursor);
        if (cursor.is_bad || len > BRAIN_NAME_MAX || size > BD_LARGEST ||
            load->listed_bytes > UINT64_MAX / 2) {
            return pass_over(load, offset, "a list of names that makes no sense");
        }
        err = list_name(load, name, len, size);
        if (err != 0) {
            return err;
        }
    }
    bool makes = load->pass == PUT && n == 0 && bd_put_is_wanted(&load->put, NULL, 0);
    err = makes ? bd_put_make_space(&load->put) : 0;
    return err != 0 ? err : tell_progress(load, false);
}

/* `["listed", namespaces, names, bytes]`. */
static int read_listed(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    (void)bd_cursor_uint(&cursor);
    uint64_t n_names = bd_cursor_uint(&cursor), n_bytes = bd_cursor_uint(&cursor);
    if (cursor.is_bad || load->is_listed || n_names < load->n_listed || n_names > BD_LARGEST) {
        return pass_over(load, offset, "the end of the list of names makes no sense");
    }
    if (n_names != load->n_listed || n_bytes != load->listed_bytes) {
        int err = pass_over(load, offset, "a part of the list of names is missing");
        if (err != 0) {
            return err;
        }
    }
    load->is_listed = load->is_counted = true;
    load->all_names = n_names;
    load->all_bytes = n_bytes;
    return load->pass == TELL_LOST ? 0 : bd_put_check_room(&load->put, load->coming_bytes);
}

/* ---- values */

/* What comes next of a value, up to its data. */
static void read_record(struct bd_cursor *cursor, struct bd_record *record_out)
{
    struct bd_record *record = record_out;
    *record = (struct bd_record){ .kind = bd_cursor_uint(cursor) };
    record->version = bd_cursor_uint(cursor);
    record->created_ns = bd_cursor_uint(cursor);
    record->name_len = bd_cursor_bytes(cursor, &record->name);
    record->meta_len = bd_cursor_bytes(cursor, &record->meta);
    record->description_len = bd_cursor_bytes(cursor, &record->description);
}

/* A small value of an item. */
static bool read_small(struct bd_cursor *cursor, struct bd_record *record_out)
{
    read_record(cursor, record_out);
    record_out->size = bd_cursor_bytes(cursor, &record_out->data);
    return !cursor->is_bad && bd_put_is_sound(record_out);
}

/* Put the item's `n` values. */
static int put_values(struct load *load, struct bd_cursor cursor, uint64_t n)
{
    uint64_t number = 0;
    struct bd_record *records = malloc(n * sizeof *records);
    if (records == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to load a dump");
    }
    for (uint64_t i = 0; i < n; i++) {
        (void)read_small(&cursor, &records[i]); /* it could be read a moment ago */
    }
    int err = bd_put_small(&load->put, records, n, &number);
    free(records);
    return err;
}

/* The number, namespace and count of values with which an item of values begins. False: it makes no sense here. */
static bool read_values_head(struct load *load, struct bd_cursor *cursor, uint64_t *first_out,
                             uint64_t *n_out, const uint8_t **space_out, size_t *space_len_out)
{
    *first_out = bd_cursor_uint(cursor);
    *space_len_out = bd_cursor_bytes(cursor, space_out);
    uint64_t n_elements = bd_cursor_array(cursor);
    *n_out = n_elements / 7;
    return !cursor->is_bad && n_elements % 7 == 0 && n_elements != 0 &&
           bd_put_is_space(*space_out, *space_len_out) && *first_out >= load->next &&
           *first_out <= BD_LARGEST &&
           (load->is_listed
                ? *first_out <= load->all_names && *n_out <= load->all_names - *first_out
                : bears_damage(load));
}

/* Values begin with number `first`: those before it that have not come do not come any more. */
static int come_to(struct load *load, uint64_t first, uint64_t offset)
{
    if (first == load->next) {
        return 0;
    }
    int err = pass_over(load, offset, "values before it are missing");
    err = err != 0 ? err : add_gap(load, load->next, first);
    load->next = first;
    return err;
}

/* `["values", first, space, [kind, version, created, name, meta, description, data ...]]`. */
static int read_values(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    uint64_t first, n, bytes = 0;
    const uint8_t *space;
    size_t space_len;
    if (!read_values_head(load, &cursor, &first, &n, &space, &space_len)) {
        return pass_over(load, offset, "values that make no sense");
    }
    struct bd_cursor look = cursor;
    for (uint64_t i = 0; i < n; i++) {
        struct bd_record record;
        if (!read_small(&look, &record)) {
            return pass_over(load, offset, "values that make no sense");
        }
        bytes += record.size;
    }
    int err = come_to(load, first, offset);
    err = err != 0 ? err : bd_put_enter(&load->put, space, space_len);
    if (err == 0 && load->pass == PUT) {
        err = put_values(load, cursor, n);
    }
    load->next += n;
    load->done_bytes += bytes;
    return err != 0 ? err : tell_progress(load, false);
}

/* ---- large values */

static void forget_large(struct load *load)
{
    brain_object_release(load->large.object);
    free(load->large.bytes);
    load->large = (struct large){ .is_coming = false };
}

/* Something else comes where its data should. */
static int give_up_large(struct load *load, uint64_t offset)
{
    if (!load->large.is_coming) {
        return 0;
    }
    forget_large(load);
    return pass_over(load, offset, "data of a large value are missing");
}

/* The item's bytes move with the window: keep those of the value. */
static int keep_record(struct large *large, const struct bd_record *record)
{
    size_t len = record->name_len + record->meta_len + record->description_len;
    large->bytes = malloc(len + 1);
    if (large->bytes == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to load a dump");
    }
    uint8_t *at = large->bytes;
    large->record = *record;
    memcpy(at, record->name, record->name_len);
    large->record.name = at;
    at += record->name_len;
    memcpy(at, record->meta, record->meta_len);
    large->record.meta = at;
    at += record->meta_len;
    memcpy(at, record->description, record->description_len);
    large->record.description = at;
    return 0;
}

static void drop_staged(struct load *load)
{
    for (uint32_t i = load->staged_at; i < load->n_staged; i++) {
        brain_object_release(load->staged[i].object);
    }
    load->n_staged = load->staged_at = 0;
    load->stage_bytes = 0; /* and no more of them */
}

/* In CHECK: an object for the data of a value that will be wanted. Where there is no room for it beside what is there,
 * those that were staged are in the way of what is replaced one after the other: then none is. */
static int begin_to_stage(struct load *load, struct bd_record *record)
{
    struct large *large = &load->large;
    if (record->size < STAGE_FROM || record->size > load->stage_bytes ||
        load->n_staged == STAGED_MAX) {
        return 0;
    }
    int err = bd_put_look(&load->put, record);
    if (err != 0 || record->fate != BRAIN_LOADED) {
        return err;
    }
    if (load->staged == NULL) {
        load->staged = calloc(STAGED_MAX, sizeof *load->staged);
    }
    if (load->staged != NULL &&
        brain_create_streamed(load->put.store, record->size, &large->object) != 0) {
        drop_staged(load); /* PUT says what is wrong, if it still is */
    }
    return 0;
}

/* All of its data are in. */
static void end_to_stage(struct load *load)
{
    struct large *large = &load->large;
    if (large->object != NULL) {
        load->staged[load->n_staged++] = (struct staged){ .number = large->number,
                                                          .size = large->size,
                                                          .end = load->in.offset,
                                                          .object = large->object };
        load->stage_bytes -= large->size;
        large->object = NULL;
    }
}

/* In PUT: the object of this value, if it was staged. `*end_out`: where its data end. */
static brain_object *take_staged(struct load *load, uint64_t number, uint64_t size,
                                 uint64_t *end_out)
{
    while (load->staged_at < load->n_staged && load->staged[load->staged_at].number < number) {
        brain_object_release(
            load->staged[load->staged_at++].object); /* the file is another one by now */
    }
    struct staged *next = load->staged_at < load->n_staged ? &load->staged[load->staged_at] : NULL;
    if (next == NULL || next->number != number || next->size != size) {
        return NULL;
    }
    load->staged_at++;
    *end_out = next->end;
    return next->object;
}

/* In PUT: have an object for its data, or pass them over. */
static int begin_to_put(struct load *load, struct bd_record *record, uint64_t *end_out)
{
    struct large *large = &load->large;
    int err = bd_put_look(&load->put, record);
    err = err != 0 ? err : keep_record(large, record);
    brain_object *object = take_staged(load, large->number, large->size, end_out);
    if (err != 0 || record->fate != BRAIN_LOADED) {
        brain_object_release(object);
        return err;
    }
    large->is_filled = object != NULL;
    large->object = object;
    err = object == NULL ? brain_create_streamed(load->put.store, record->size, &large->object) : 0;
    return err != 0 ? bd_error_store(err) : 0;
}

static int end_large(struct load *load)
{
    struct large *large = &load->large;
    uint64_t number = 0;
    int err = 0;
    if (load->pass == CHECK) {
        end_to_stage(load);
    } else {
        err = bd_put_large(&load->put, &large->record, large->object, &number);
    }
    load->next = large->number + 1;
    forget_large(load);
    return err != 0 ? err : tell_progress(load, false);
}

/* `["large", first, space, [kind, version, created, name, meta, description, size]]`. */
static int read_large(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    uint64_t first, n, end = 0;
    const uint8_t *space;
    size_t space_len;
    struct bd_record record;
    bool is_sound = read_values_head(load, &cursor, &first, &n, &space, &space_len) && n == 1;
    read_record(&cursor, &record);
    record.size = bd_cursor_uint(&cursor);
    if (!is_sound || cursor.is_bad || !bd_put_is_sound(&record) || record.size == 0) {
        return pass_over(load, offset, "a value that makes no sense");
    }
    int err = come_to(load, first, offset);
    err = err != 0 ? err : bd_put_enter(&load->put, space, space_len);
    load->large = (struct large){ .is_coming = true, .number = first, .size = record.size };
    if (err == 0) {
        err = load->pass == PUT ? begin_to_put(load, &record, &end) : begin_to_stage(load, &record);
    }
    if (err != 0 || !load->large.is_filled || bd_in_is_packed(&load->in)) {
        return err;
    }
    load->done_bytes += record.size;
    err = bd_in_seek(&load->in, end);
    return err != 0 ? err : end_large(load);
}

/* `["data", number, offset, bytes]`. */
static int read_data(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    struct large *large = &load->large;
    const uint8_t *data;
    uint64_t number = bd_cursor_uint(&cursor), at = bd_cursor_uint(&cursor);
    size_t len = bd_cursor_bytes(&cursor, &data);
    if (!large->is_coming) { /* of one that was given up */
        return pass_over(load, offset, "data of no value");
    }
    if (cursor.is_bad || number != large->number || at != large->done_bytes || len == 0 ||
        len > large->size - at) {
        return give_up_large(load, offset);
    }
    bool appends = large->object != NULL && !large->is_filled;
    int err = appends ? brain_object_append(large->object, data, len) : 0;
    if (err != 0 && load->pass == CHECK) { /* PUT says so, if it still is so */
        brain_object_release(large->object);
        large->object = NULL;
        drop_staged(load);
    } else if (err != 0) {
        return bd_error_store(err);
    }
    large->done_bytes += len;
    load->done_bytes += len;
    return large->done_bytes == large->size ? end_large(load) : tell_progress(load, false);
}

/* ---- the end */

/* `["end", names, bytes]`. */
static int read_end(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    uint64_t n_names = bd_cursor_uint(&cursor), n_bytes = bd_cursor_uint(&cursor);
    bool is_sound = !cursor.is_bad && n_names >= load->next && n_names <= BD_LARGEST;
    if (!is_sound || !load->is_listed || n_names != load->all_names || n_bytes != load->all_bytes ||
        load->next != n_names || load->done_bytes != n_bytes) {
        int err = pass_over(load, offset, "values are missing");
        if (err != 0) {
            return err;
        }
    }
    if (is_sound && !load->is_counted) {
        load->is_counted = true;
        load->all_names = n_names;
    }
    load->has_ended = true;
    return 0;
}

/* ---- items */

static int read_item(struct load *load, struct bd_cursor cursor, uint64_t offset)
{
    if (!load->has_begun) {
        load->has_begun = true;
        return read_first(load, cursor, offset);
    }
    if (load->has_ended) {
        return pass_over(load, offset, "something stands behind the end");
    }
    uint64_t n = bd_cursor_array(&cursor);
    if (cursor.is_bad || n < 2) {
        return pass_over(load, offset, "it makes no sense");
    }
    if (bd_cursor_is_text(&cursor, "data")) {
        return load->pass == TELL_LOST ? 0 : read_data(load, cursor, offset);
    }
    int err = give_up_large(load, offset);
    if (err != 0) {
        return err;
    }
    if (bd_cursor_is_text(&cursor, "names")) {
        return read_names(load, cursor, offset);
    }
    if (bd_cursor_is_text(&cursor, "listed")) {
        return read_listed(load, cursor, offset);
    }
    if (load->pass ==
        TELL_LOST) { /* the list is over, or its end is damaged: the rest has been read */
        return 0;
    }
    if (bd_cursor_is_text(&cursor, "values")) {
        return read_values(load, cursor, offset);
    }
    if (bd_cursor_is_text(&cursor, "large")) {
        return read_large(load, cursor, offset);
    }
    if (bd_cursor_is_text(&cursor, "end")) {
        return read_end(load, cursor, offset);
    }
    return 0; /* of a later version, which says so by another format where it matters */
}

static void begin_pass(struct load *load, enum pass pass)
{
    forget_large(load);
    load->pass = pass;
    load->has_begun = load->has_ended = load->is_listed = load->is_counted = false;
    load->n_listed = load->listed_bytes = load->n_named = 0;
    load->gap_at = 0;
    load->all_names = load->all_bytes = load->next = load->done_bytes = load->told_at = 0;
}

/* Whether the list is what is left to be read. */
static bool is_done(const struct load *load)
{
    return load->pass == TELL_LOST && load->is_listed;
}

static int read_all(struct load *load, enum pass pass)
{
    begin_pass(load, pass);
    int err = bd_in_rewind(&load->in);
    while (err == 0 && !is_done(load)) {
        enum bd_found found;
        struct bd_cursor cursor;
        uint64_t offset;
        err = bd_in_next(&load->in, &found, &cursor, &offset);
        if (err != 0) {
            return err;
        }
        if (!load->has_begun && found != BD_ITEM) {
            return bd_head_is_none();
        }
        if (found == BD_ITEM) {
            err = read_item(load, cursor, offset);
        } else if (found == BD_BAD_ITEM) {
            err = give_up_large(load, offset);
            err = err != 0 ? err : pass_over(load, offset, "a wrong checksum");
        } else {
            bool is_whole = found == BD_END && load->has_ended;
            const char *behind =
                load->has_ended ? "something stands behind the end" : "it ends too early";
            err = give_up_large(load, offset);
            return err != 0 || is_whole ? err : pass_over(load, offset, behind);
        }
    }
    return err;
}

/* The names in gaps, and how many there are that the list does not have. How many there were in all, the end of the list says,
 * or the end of the values. */
static int tell_lost(struct load *load)
{
    bool is_counted = load->is_counted;
    uint64_t n_lost = 0;
    int err = add_gap(load, load->next, is_counted ? load->all_names : UINT64_MAX);
    for (uint32_t i = 0; i < load->n_gaps; i++) {
        n_lost += load->gaps[i].to - load->gaps[i].from;
    }
    err = err != 0 || load->n_gaps == 0 ? err : read_all(load, TELL_LOST);
    load->put.result.n_untold = is_counted ? n_lost - load->n_named : UINT64_MAX;
    return err;
}

/* ---- the whole */

/* What the capacity leaves may be staged. */
static int check_all(struct load *load)
{
    uint64_t capacity, live;
    int err = brain_usage(load->put.store, &capacity, &live);
    if (err != 0) {
        return bd_error_store(err);
    }
    load->stage_bytes = live < capacity ? capacity - live : 0;
    return read_all(load, CHECK);
}

static int load_all(struct load *load)
{
    int err = bears_damage(load) ? 0 : check_all(load);
    err = err != 0 ? err : read_all(load, PUT);
    err = err != 0 ? err : tell_progress(load, true);
    err = err != 0 || !load->put.result.is_damaged ? err : tell_lost(load);
    if (err == 0 && load->put.result.n_refused != 0) {
        err = bd_error(BRAIN_E_PERM,
                       "%llu of the values are pickles, which are code, and somebody else may have "
                       "written the file, or "
                       "the store that it is of: they were not loaded. Load them with pickles "
                       "allowed, if you trust it",
                       (unsigned long long)load->put.result.n_refused);
    }
    return err;
}

/* Whether nobody but the user, and who may do anything, can have written the file. */
static bool is_ours_alone(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int brain_load_from(brain_store *store, int fd, const brain_load_options *options,
                    brain_load_result *result_out)
{
    struct load load = { .pass = CHECK };
    int err = bd_put_init(&load.put, store, options);
    if (err != 0) {
        return err;
    }
    uint32_t flags = load.put.options.flags;
    load.put.may_have_pickles = (flags & BRAIN_LOAD_PICKLES) != 0 ||
                                ((flags & BRAIN_LOAD_NO_PICKLES) == 0 && is_ours_alone(fd));
    err = bd_in_init(&load.in, fd);
    err = err != 0 ? err : load_all(&load);
    forget_large(&load);
    drop_staged(&load);
    free(load.staged);
    bd_put_deinit(&load.put);
    bd_in_deinit(&load.in);
    free(load.gaps);
    if (result_out != NULL) {
        *result_out = load.put.result;
    }
    return err;
}

int brain_load(brain_store *store, const char *path, const brain_load_options *options,
               brain_load_result *result_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return bd_error_os(errno, "cannot load %s", path);
    }
    int err = brain_load_from(store, fd, options, result_out);
    close(fd);
    return err;
}
