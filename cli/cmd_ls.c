/* cmd_ls.c - brain ls: the names of a namespace, or of all, or the namespaces, as of one moment.
 *
 * What is damaged is left out, said, and ends with 7; all else is listed.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "value.h"

#define DAMAGED_IN_A_ROW 10000u

struct entry {
    char *name, *space, *description;
    size_t name_len, space_len, description_len;
    uint64_t version, created_ns;
    uint64_t n_names, quota; /* of a namespace */
    struct bc_facts facts;
};

/* A listing: entries are gathered, so that they can be sorted. */
struct listing {
    struct bc_context *context;
    brain_snapshot *snapshot;
    struct entry *entries;
    size_t n, room;
    bool has_descriptions;
    uint64_t n_damaged; /* names that cannot be read, or their values */
    int status;         /* what went wrong last */
};

/* ---- gathering */

static bool is_wanted(const struct bc_context *context, const char *name, size_t len)
{
    if (context->n_arguments == 0) return true;
    /* A pattern is text; what has a NUL in it is matched as it is shown. */
    char *text = memchr(name, '\0', len) != NULL ? bc_text_name(name, len, 0) : bc_copy(name, len);
    bool is = false;
    for (int i = 0; i < context->n_arguments && !is; i++) {
        is = fnmatch(context->arguments[i], text, 0) == 0;
    }
    free(text);
    return is;
}

static void note_failure(struct listing *listing, int err, const void *name, size_t len)
{
    char *shown = bc_text_name(name, len, 200);
    listing->status = bc_fail(listing->context, err, shown);
    listing->n_damaged++;
    free(shown);
}

static void append(struct listing *listing, const struct entry *entry)
{
    if (listing->n == listing->room) {
        listing->room = listing->room > 0 ? 2 * listing->room : 256;
        listing->entries = bc_realloc(listing->entries, listing->room * sizeof *entry);
    }
    listing->entries[listing->n++] = *entry;
}

static void add_entry(struct listing *listing, brain_iter *names, const void *space,
                      size_t space_len, const void *name, size_t name_len)
{
    brain_view view;
    struct entry entry = { .name_len = name_len, .space_len = space_len };
    int err = brain_iter_get(names, &view);
    if (err == 0) {
        err = bc_value_facts(&view, &entry.facts);
        if (err == 0) {
            entry.version = view.version;
            entry.created_ns = brain_view_created_ns(&view);
            if (listing->has_descriptions) {
                entry.description = bc_copy(view.description, view.description_len);
                entry.description_len = view.description_len;
            }
        }
        brain_view_drop(&view);
    }
    if (err != 0) {
        note_failure(listing, err, name, name_len);
        return;
    }
    entry.name = bc_copy(name, name_len);
    entry.space = bc_copy(space, space_len);
    append(listing, &entry);
}

/* The next name that can be read. A walk goes on behind a damaged record; where it does not get on, the list of names
 * itself is what is damaged. Returns as brain_iter_next(). */
static int next_sound(struct listing *listing, brain_iter *iter, const void **name_out,
                      size_t *name_len_out)
{
    int err = brain_iter_next(iter, name_out, name_len_out);
    for (unsigned i = 0; err == BRAIN_E_CORRUPT && i < DAMAGED_IN_A_ROW; i++) {
        if (listing->n_damaged++ == 0) listing->status = bc_fail(listing->context, err, NULL);
        err = brain_iter_next(iter, name_out, name_len_out);
    }
    return err;
}

/* Whether the snapshot is still what everybody sees. */
static bool is_newest(const struct listing *listing)
{
    brain_snapshot *now;
    if (brain_snapshot_open(listing->context->store, &now) != 0) return false;
    bool is = brain_snapshot_number(now) == brain_snapshot_number(listing->snapshot);
    brain_snapshot_close(now);
    return is;
}

/* A record may be damaged so that it seems to be nothing at all: then there are fewer names than the namespace says.
 * That can be told where nobody changes anything meanwhile. */
static void check_count(struct listing *listing, brain_space *space, uint64_t n_found)
{
    uint64_t n;
    size_t len;
    if (brain_space_count(space, &n) != 0 || !is_newest(listing) || n <= n_found) return;
    const void *name = brain_space_name(space, &len);
    char *shown = bc_text_name(name, len, 0);
    bc_say(listing->context,
           "%s: the namespace %s has %" PRIu64 " names, and %" PRIu64 " are found",
           listing->context->path, shown, n, n_found);
    free(shown);
    listing->n_damaged += n - n_found;
    listing->status = BC_DAMAGED;
}

static void gather(struct listing *listing, brain_space *space)
{
    brain_iter *names;
    const void *name;
    size_t name_len, space_len;
    uint64_t n_damaged = listing->n_damaged, n_found = 0;
    const void *space_name = brain_space_name(space, &space_len);
    int err = brain_iter_names(space, listing->snapshot, &names);
    if (err != 0) {
        note_failure(listing, err, space_name, space_len);
        return;
    }
    while ((err = next_sound(listing, names, &name, &name_len)) == 0) {
        n_found++;
        if (is_wanted(listing->context, name, name_len)) {
            add_entry(listing, names, space_name, space_len, name, name_len);
        }
    }
    if (err != BRAIN_E_NOT_FOUND) note_failure(listing, err, space_name, space_len);
    brain_iter_free(names);
    if (listing->n_damaged == n_damaged) check_count(listing, space, n_found);
}

/* Call `each` for all namespaces. */
static void for_spaces(struct listing *listing, void (*each)(struct listing *, brain_space *))
{
    struct bc_context *context = listing->context;
    brain_iter *spaces;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(context->store, listing->snapshot, &spaces);
    if (err != 0) {
        listing->status = bc_fail(context, err, NULL);
        return;
    }
    while ((err = next_sound(listing, spaces, &name, &len)) == 0) {
        brain_space *space;
        if (bc_is_own_space(name, len) && bc_option(context, "all") == NULL) continue;
        if (brain_space_open(context->store, name, len, &space) != 0) continue;
        each(listing, space);
        brain_space_close(space);
    }
    if (err != BRAIN_E_NOT_FOUND) listing->status = bc_fail(context, err, NULL);
    brain_iter_free(spaces);
}

/* ---- sorting */

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = compare_bytes(x->space, x->space_len, y->space, y->space_len);
    return order != 0 ? order : compare_bytes(x->name, x->name_len, y->name, y->name_len);
}

static int largest_first(uint64_t x, uint64_t y, const void *a, const void *b)
{
    return x != y ? (x < y) - (x > y) : by_name(a, b);
}

static int by_size(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return largest_first(x->facts.size_bytes, y->facts.size_bytes, a, b);
}

static int by_created(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return largest_first(x->created_ns, y->created_ns, a, b);
}

static int by_version(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return largest_first(x->version, y->version, a, b);
}

static int unsorted(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

/* The order that is asked for; NULL where there is none such. */
static int (*order_of(const struct bc_context *context))(const void *, const void *)
{
    static const struct {
        const char *key;
        int (*compare)(const void *, const void *);
    } orders[] = {
        { "name", by_name },       { "size", by_size },  { "created", by_created },
        { "version", by_version }, { "none", unsorted },
    };
    const char *key = bc_option(context, "sort");
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (strcmp(key != NULL ? key : "name", orders[i].key) == 0) return orders[i].compare;
    }
    return NULL;
}

static void sort(struct listing *listing, int (*compare)(const void *, const void *))
{
    if (compare != unsorted && listing->n > 1) {
        qsort(listing->entries, listing->n, sizeof *listing->entries, compare);
    }
    if (bc_option(listing->context, "reverse") == NULL) return;
    for (size_t i = 0, j = listing->n; i + 1 < j; i++) {
        struct entry entry = listing->entries[i];
        listing->entries[i] = listing->entries[--j];
        listing->entries[j] = entry;
    }
}

/* ---- printing */

static void print_json(const struct listing *listing)
{
    struct bc_json_array array;
    char buf[32];
    bc_json_begin(&array);
    for (size_t i = 0; i < listing->n; i++) {
        const struct entry *entry = &listing->entries[i];
        json_t *object = json_object();
        bc_json_name(object, "name", entry->name, entry->name_len);
        bc_json_name(object, "namespace", entry->space, entry->space_len);
        bc_json_text(object, "kind", bc_text_kind(entry->facts.kind, buf, sizeof buf));
        bc_json_number(object, "size", entry->facts.size_bytes);
        bc_json_number(object, "version", entry->version);
        bc_json_time(object, "created", entry->created_ns);
        if (listing->has_descriptions) {
            bc_json_name(object, "description", entry->description, entry->description_len);
            bc_json_bool(object, "away", entry->facts.is_away);
        }
        bc_json_item(&array, object);
    }
    bc_json_end(&array);
}

static void print_names(const struct listing *listing)
{
    for (size_t i = 0; i < listing->n; i++) {
        char *name = bc_text_name(listing->entries[i].name, listing->entries[i].name_len, 0);
        puts(name);
        free(name);
    }
}

static void print_table(const struct listing *listing, bool has_spaces)
{
    struct bc_column columns[8];
    size_t n = 0;
    char buf[32];
    if (has_spaces) columns[n++] = (struct bc_column){ "NAMESPACE", BC_LEFT };
    columns[n++] = (struct bc_column){ "NAME", BC_ELASTIC };
    columns[n++] = (struct bc_column){ "KIND", BC_LEFT };
    columns[n++] = (struct bc_column){ "SIZE", BC_RIGHT };
    columns[n++] = (struct bc_column){ "VERSION", BC_RIGHT };
    columns[n++] = (struct bc_column){ "CREATED", BC_LEFT };
    if (listing->has_descriptions) {
        columns[n++] = (struct bc_column){ "DESCRIPTION", BC_ELASTIC };
        columns[n++] = (struct bc_column){ "AWAY", BC_LEFT };
    }
    struct bc_table *table = bc_table_new(listing->context, columns, n);
    for (size_t i = 0; i < listing->n; i++) {
        const struct entry *entry = &listing->entries[i];
        if (has_spaces) bc_table_name(table, entry->space, entry->space_len);
        bc_table_name(table, entry->name, entry->name_len);
        bc_table_text(table, bc_text_kind(entry->facts.kind, buf, sizeof buf));
        bc_table_size(table, entry->facts.size_bytes);
        bc_table_number(table, entry->version);
        bc_table_time(table, entry->created_ns);
        if (listing->has_descriptions) {
            bc_table_name(table, entry->description, entry->description_len);
            bc_table_text(table, entry->facts.is_away ? "away" : "-");
        }
    }
    bc_table_end(table);
}

/* ---- namespaces: entries whose name is that of a namespace */

static void gather_space(struct listing *listing, brain_space *space)
{
    struct entry entry = { .space = bc_copy("", 0) };
    const void *name = brain_space_name(space, &entry.name_len);
    int err = brain_space_usage(space, &entry.n_names, &entry.facts.size_bytes, &entry.quota);
    if (err != 0) {
        free(entry.space);
        note_failure(listing, err, name, entry.name_len);
        return;
    }
    entry.name = bc_copy(name, entry.name_len);
    append(listing, &entry);
}

static void print_spaces_json(const struct listing *listing)
{
    struct bc_json_array array;
    bc_json_begin(&array);
    for (size_t i = 0; i < listing->n; i++) {
        const struct entry *entry = &listing->entries[i];
        json_t *object = json_object();
        bc_json_name(object, "namespace", entry->name, entry->name_len);
        bc_json_number(object, "names", entry->n_names);
        bc_json_number(object, "bytes", entry->facts.size_bytes);
        bc_json_known(object, "quota", entry->quota);
        bc_json_item(&array, object);
    }
    bc_json_end(&array);
}

static void print_spaces(const struct listing *listing)
{
    static const struct bc_column columns[] = {
        { "NAMESPACE", BC_ELASTIC },
        { "NAMES", BC_RIGHT },
        { "SIZE", BC_RIGHT },
        { "QUOTA", BC_RIGHT },
    };
    struct bc_table *table = bc_table_new(listing->context, columns, 4);
    for (size_t i = 0; i < listing->n; i++) {
        const struct entry *entry = &listing->entries[i];
        bc_table_name(table, entry->name, entry->name_len);
        bc_table_number(table, entry->n_names);
        bc_table_size(table, entry->facts.size_bytes);
        if (entry->quota > 0) {
            bc_table_size(table, entry->quota);
        } else {
            bc_table_text(table, "-");
        }
    }
    bc_table_end(table);
}

static int list_spaces(struct listing *listing, int (*order)(const void *, const void *))
{
    if (order == by_created || order == by_version) {
        return bc_usage(listing->context, "namespaces are sorted by name or size");
    }
    for_spaces(listing, gather_space);
    sort(listing, order);
    if (listing->context->json) {
        print_spaces_json(listing);
    } else if (bc_option(listing->context, "names") != NULL) {
        print_names(listing);
    } else {
        print_spaces(listing);
    }
    return listing->status;
}

/* ---- the command */

static int gather_one(struct listing *listing)
{
    struct bc_context *context = listing->context;
    brain_space *space;
    int status = bc_open_space(context, &space);
    if (status != 0) return status;
    int err = brain_space_exists(space);
    if (err == BRAIN_E_NOT_FOUND && strcmp(context->space, "default") != 0) {
        status = bc_say_no_space(context);
    } else if (err != BRAIN_E_NOT_FOUND) {
        gather(listing, space);
    }
    brain_space_close(space);
    return status;
}

static int list(struct listing *listing, int (*order)(const void *, const void *))
{
    struct bc_context *context = listing->context;
    bool is_all = bc_option(context, "all") != NULL;
    if (bc_option(context, "namespaces") != NULL) return list_spaces(listing, order);
    listing->has_descriptions = bc_option(context, "long") != NULL;
    int status = 0;
    if (is_all) {
        for_spaces(listing, gather);
    } else {
        status = gather_one(listing);
    }
    if (status != 0) return status;
    sort(listing, order);
    if (context->json) {
        print_json(listing);
    } else if (bc_option(context, "names") != NULL) {
        print_names(listing);
    } else {
        print_table(listing, is_all);
    }
    if (listing->status == 0 && context->n_arguments > 0 && listing->n == 0) return BC_NO;
    return listing->status;
}

int bc_ls(struct bc_context *context)
{
    struct listing listing = { .context = context };
    int (*order)(const void *, const void *) = order_of(context);
    if (order == NULL) {
        return bc_usage(context, "--sort takes name, size, created, version or none, not '%s'",
                        bc_option(context, "sort"));
    }
    int status = bc_open(context, BC_LOOK);
    if (status != 0) return status;
    int err = brain_snapshot_open(context->store, &listing.snapshot);
    if (err != 0) return bc_fail(context, err, NULL);
    status = list(&listing, order);
    if (listing.n_damaged > 0) {
        bc_say(context,
               "what is listed is not all: %" PRIu64
               " names or more could not be read. brain check says what is damaged",
               listing.n_damaged);
    }
    brain_snapshot_close(listing.snapshot);
    for (size_t i = 0; listing.entries != NULL && i < listing.n; i++) {
        free(listing.entries[i].name);
        free(listing.entries[i].space);
        free(listing.entries[i].description);
    }
    free(listing.entries);
    return status;
}
