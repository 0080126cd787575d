/* state.c - all that can be seen of a store at one moment. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kit.h"

struct state_catalogue *state_catalogue_new(void)
{
    void *at = mmap(NULL, sizeof(struct state_catalogue), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(at != MAP_FAILED, "mmap");
    return at;
}

void state_catalogue_free(struct state_catalogue *catalogue)
{
    munmap(catalogue, sizeof *catalogue);
}

/* A failure of the library's, as text. Always false. */
static bool failed(char *text, const char *what, int err)
{
    snprintf(text, STATE_TEXT_MAX, "%s: %s (%s)", what, brain_strerror(err), brain_error_detail());
    return false;
}

/* ---- the catalogue --------------------------------------------------------------------------- */

static uint32_t space_number(const struct state_catalogue *catalogue, const void *name, size_t len)
{
    uint32_t i = 0;
    while (i < catalogue->n_spaces &&
           (strlen(catalogue->spaces[i]) != len || memcmp(catalogue->spaces[i], name, len) != 0)) {
        i++;
    }
    return i;
}

static uint32_t name_number(const struct state_catalogue *catalogue, uint32_t space,
                            const void *name, size_t len)
{
    uint32_t i = 0;
    for (; i < catalogue->n_names; i++) {
        const struct state_name *one = &catalogue->names[i];
        if (one->space == space && one->name_len == len &&
            memcmp(catalogue->text + one->name_at, name, len) == 0) {
            break;
        }
    }
    return i;
}

static void add_name(struct state_catalogue *catalogue, uint32_t space, const void *name,
                     size_t len)
{
    uint32_t i = name_number(catalogue, space, name, len);
    if (i < catalogue->n_names) {
        return;
    }
    if (i == STATE_NAMES_MAX || catalogue->text_len + len > sizeof catalogue->text) {
        kit_die("a scene has too many names");
    }
    memcpy(catalogue->text + catalogue->text_len, name, len);
    catalogue->names[i] = (struct state_name){ space, (uint32_t)len, catalogue->text_len };
    catalogue->text_len += len;
    catalogue->n_names++;
}

static uint32_t add_space(struct state_catalogue *catalogue, const void *name, size_t len)
{
    uint32_t i = space_number(catalogue, name, len);
    if (i == catalogue->n_spaces) {
        if (i == STATE_SPACES_MAX || len >= sizeof catalogue->spaces[i]) {
            kit_die("a scene has too many namespaces");
        }
        memcpy(catalogue->spaces[i], name, len);
        catalogue->n_spaces++;
    }
    return i;
}

static bool collect_names(struct state_catalogue *catalogue, brain_store *store, uint32_t space,
                          char *text)
{
    brain_space *handle;
    brain_iter *iter;
    const void *name;
    size_t len;
    const char *space_name = catalogue->spaces[space];
    int err = brain_space_open(store, space_name, strlen(space_name), &handle);
    if (err != 0) {
        return failed(text, "brain_space_open", err);
    }
    err = brain_iter_names(handle, NULL, &iter);
    while (err == 0 && (err = brain_iter_next(iter, &name, &len)) == 0) {
        add_name(catalogue, space, name, len);
    }
    if (err != BRAIN_E_NOT_FOUND) {
        return failed(text, "a walk over names", err);
    }
    brain_iter_free(iter);
    brain_space_close(handle);
    return true;
}

bool state_collect(struct state_catalogue *catalogue, brain_store *store, char *text)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(store, NULL, &iter);
    while (err == 0 && (err = brain_iter_next(iter, &name, &len)) == 0) {
        (void)add_space(catalogue, name, len);
    }
    if (err != BRAIN_E_NOT_FOUND) {
        return failed(text, "a walk over namespaces", err);
    }
    brain_iter_free(iter);
    for (uint32_t i = 0; i < catalogue->n_spaces; i++) {
        if (!collect_names(catalogue, store, i, text)) {
            return false;
        }
    }
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

void state_reader_open(struct state_reader *reader, const struct state_catalogue *catalogue,
                       brain_store *store)
{
    uint32_t n = catalogue->n_names;
    *reader = (struct state_reader){ .catalogue = catalogue, .store = store };
    for (uint32_t i = 0; i < catalogue->n_spaces; i++) {
        const char *name = catalogue->spaces[i];
        if (brain_space_open(store, name, strlen(name), &reader->spaces[i]) != 0) {
            kit_die("brain_space_open: %s", brain_error_detail());
        }
    }
    reader->keys = calloc(n + 1, sizeof *reader->keys);
    reader->views = calloc(n + 1, sizeof *reader->views);
    kit_must(reader->keys != NULL && reader->views != NULL, "calloc");
    for (uint32_t i = 0; i < n; i++) {
        const struct state_name *one = &catalogue->names[i];
        reader->keys[i] = (brain_key){ reader->spaces[one->space], catalogue->text + one->name_at,
                                       one->name_len };
    }
}

void state_reader_close(struct state_reader *reader)
{
    for (uint32_t i = 0; i < reader->catalogue->n_spaces; i++) {
        brain_space_close(reader->spaces[i]);
    }
    free(reader->keys);
    free(reader->views);
}

/* The sum of the metadata, but for the word that is the note: the last that lies at a multiple of 8
 * in BRAIN_NOTE_BYTES. */
static uint64_t sum_of_meta(const brain_view *view)
{
    const uint8_t *meta = view->meta;
    if (view->meta_len < BRAIN_NOTE_BYTES) {
        return kit_sum(meta, view->meta_len);
    }
    const uint8_t *end = meta + view->meta_len, *note = end - BRAIN_NOTE_BYTES;
    note += -(uintptr_t)note % sizeof(uint64_t);
    return kit_sum(meta, (size_t)(note - meta)) ^
           kit_sum(note + sizeof(uint64_t), (size_t)(end - note) - sizeof(uint64_t)) << 1;
}

static struct state_seen look_at(const struct state_reader *reader, const brain_view *view,
                                 struct state *state)
{
    uint64_t sums[] = {
        kit_sum(view->data, view->size_bytes),
        sum_of_meta(view),
        kit_sum(view->description, view->description_len),
        view->kind,
        view->size_bytes,
    };
    state->bytes +=
        view->size_bytes + (view->kind == BRAIN_KIND_AWAY ? 8 : 0); /* the version behind it */
    return (struct state_seen){ view->version, kit_sum(sums, sizeof sums),
                                reader->catalogue->leaves_notes ? 0 : brain_view_note(view) };
}

/* Whether the view is of the name that was asked for. */
static bool right_name(const struct state_reader *reader, uint32_t i, const brain_view *view,
                       char *text)
{
    const brain_key *key = &reader->keys[i];
    if (view->name_len == key->name_len && memcmp(view->name, key->name, key->name_len) == 0 &&
        view->version != 0) {
        return true;
    }
    snprintf(text, STATE_TEXT_MAX,
             "name %u: a get answered with another name, or without a version", i);
    return false;
}

static bool read_spaces(struct state_reader *reader, struct state *state, char *text)
{
    for (uint32_t i = 0; i < reader->catalogue->n_spaces; i++) {
        int err = brain_space_exists(reader->spaces[i]);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            return failed(text, "brain_space_exists", err);
        }
        state->space_there[i] = err == 0;
        err = brain_space_count(reader->spaces[i], &state->space_count[i]);
        if (err != 0) {
            return failed(text, "brain_space_count", err);
        }
    }
    return true;
}

/* Whether a get that may copy gives the same: nobody writes meanwhile. */
static bool same_copied(struct state_reader *reader, uint32_t i, const brain_view *view, char *text)
{
    const brain_key *key = &reader->keys[i];
    uint64_t copy[64];
    brain_view other;
    int err =
        brain_get_or_copy(key->space, key->name, key->name_len, NULL, copy, sizeof copy, &other);
    if (err != 0) {
        return failed(text, "brain_get_or_copy", err);
    }
    bool same = other.version == view->version && other.kind == view->kind &&
                other.size_bytes == view->size_bytes &&
                memcmp(other.data, view->data, view->size_bytes) == 0;
    brain_view_drop(&other);
    if (!same) {
        snprintf(text, STATE_TEXT_MAX, "name %u: a copy is another value than a view", i);
    }
    return same;
}

/* Whether its id leads to the same. */
static bool same_by_id(struct state_reader *reader, uint32_t i, const brain_view *view, char *text)
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view other;
    brain_view_id(view, id);
    int err = brain_get_by_id(reader->store, id, &other);
    if (err != 0) {
        return failed(text, "brain_get_by_id", err);
    }
    bool same = other.version == view->version && other.data == view->data;
    brain_view_drop(&other);
    if (!same) {
        snprintf(text, STATE_TEXT_MAX, "name %u: its id leads to another value", i);
    }
    return same;
}

bool state_by_get(struct state_reader *reader, struct state *state, char *text)
{
    memset(state, 0, sizeof *state);
    for (uint32_t i = 0; i < reader->catalogue->n_names; i++) {
        const brain_key *key = &reader->keys[i];
        brain_view view;
        int err = brain_get(key->space, key->name, key->name_len, &view);
        if (err == BRAIN_E_NOT_FOUND) {
            continue;
        }
        if (err != 0) {
            return failed(text, "brain_get", err);
        }
        if (!right_name(reader, i, &view, text) || !same_copied(reader, i, &view, text) ||
            !same_by_id(reader, i, &view, text)) {
            return false;
        }
        state->seen[i] = look_at(reader, &view, state);
        brain_view_drop(&view);
    }
    return read_spaces(reader, state, text);
}

bool state_by_many(struct state_reader *reader, struct state *state, char *text)
{
    uint32_t n = reader->catalogue->n_names;
    uint64_t number;
    memset(state, 0, sizeof *state);
    int err = brain_get_many(reader->store, reader->keys, n, reader->views, &number);
    if (err != 0) {
        return failed(text, "brain_get_many", err);
    }
    bool right = true;
    for (uint32_t i = 0; i < n; i++) {
        brain_view *view = &reader->views[i];
        if (view->store == NULL) {
            continue;
        }
        right = right && right_name(reader, i, view, text);
        state->seen[i] = look_at(reader, view, state);
        if (view->version > number) {
            snprintf(text, STATE_TEXT_MAX, "name %u: newer than the moment of brain_get_many", i);
            right = false;
        }
        brain_view_drop(view);
    }
    return right && read_spaces(reader, state, text);
}

static bool walk_names(struct state_reader *reader, brain_snapshot *snapshot, uint32_t space,
                       struct state *state, char *text)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_names(reader->spaces[space], snapshot, &iter);
    if (err != 0) {
        return failed(text, "brain_iter_names", err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        uint32_t i = name_number(reader->catalogue, space, name, len);
        brain_view view;
        if (i == reader->catalogue->n_names || state->seen[i].version != 0) {
            snprintf(text, STATE_TEXT_MAX, "a walk gave %s name (%.*s)",
                     state->seen[i].version != 0 ? "the same" : "an unknown", (int)len,
                     (const char *)name);
            return false;
        }
        err = brain_iter_get(iter, &view);
        if (err != 0) {
            return failed(text, "brain_iter_get", err);
        }
        state->seen[i] = look_at(reader, &view, state);
        state->space_count[space]++;
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND || failed(text, "brain_iter_next", err);
}

static bool walk_spaces(struct state_reader *reader, brain_snapshot *snapshot, struct state *state,
                        char *text)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(reader->store, snapshot, &iter);
    if (err != 0) {
        return failed(text, "brain_iter_spaces", err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        uint32_t i = space_number(reader->catalogue, name, len);
        if (i == reader->catalogue->n_spaces || state->space_there[i]) {
            snprintf(text, STATE_TEXT_MAX, "a walk over namespaces gave %.*s", (int)len,
                     (const char *)name);
            return false;
        }
        state->space_there[i] = true;
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND || failed(text, "brain_iter_next", err);
}

/* A snapshot must also answer for single names what its walk says. */
static bool snapshot_gets(struct state_reader *reader, brain_snapshot *snapshot,
                          const struct state *state, char *text)
{
    for (uint32_t i = 0; i < reader->catalogue->n_names; i++) {
        const brain_key *key = &reader->keys[i];
        brain_view view;
        int err = brain_snapshot_get(snapshot, key->space, key->name, key->name_len, &view);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            return failed(text, "brain_snapshot_get", err);
        }
        uint64_t version = err == 0 ? view.version : 0;
        if (err == 0) {
            brain_view_drop(&view);
        }
        if (version != state->seen[i].version) {
            snprintf(text, STATE_TEXT_MAX,
                     "name %u: brain_snapshot_get says version %ju, the walk %ju", i,
                     (uintmax_t)version, (uintmax_t)state->seen[i].version);
            return false;
        }
    }
    return true;
}

bool state_by_snapshot(struct state_reader *reader, brain_snapshot *snapshot, struct state *state,
                       char *text)
{
    memset(state, 0, sizeof *state);
    bool right = walk_spaces(reader, snapshot, state, text);
    for (uint32_t i = 0; right && i < reader->catalogue->n_spaces; i++) {
        right = walk_names(reader, snapshot, i, state, text);
    }
    return right && snapshot_gets(reader, snapshot, state, text);
}

static bool by_new_snapshot(struct state_reader *reader, struct state *state, char *text)
{
    brain_snapshot *snapshot;
    int err = brain_snapshot_open(reader->store, &snapshot);
    if (err != 0) {
        return failed(text, "brain_snapshot_open", err);
    }
    bool right = state_by_snapshot(reader, snapshot, state, text);
    brain_snapshot_close(snapshot);
    return right;
}

static bool read_quotas(struct state_reader *reader, struct state *state, char *text)
{
    for (uint32_t i = 0; i < reader->catalogue->n_spaces; i++) {
        uint64_t n;
        int err = brain_space_usage(reader->spaces[i], &n, NULL, &state->space_quota[i]);
        if (err != 0) {
            return failed(text, "brain_space_usage", err);
        }
    }
    return true;
}

/* Put in front of `text` where it comes from. Always false. */
static bool in_front(char *text, const char *what)
{
    char rest[STATE_TEXT_MAX];
    memcpy(rest, text, sizeof rest);
    rest[sizeof rest - 1] = '\0';
    snprintf(text, STATE_TEXT_MAX, "%s: %.400s", what, rest);
    return false;
}

/* One object of a walk over the object table, which says that it is live: whether a get says so, too. */
static bool is_live(struct state_reader *reader, const struct state *state, uint8_t *met,
                    const brain_object_info *info, char *text)
{
    const struct state_catalogue *catalogue = reader->catalogue;
    if (info->name_there < info->name_len) { /* that is not all of it */
        return true;
    }
    uint32_t space = space_number(catalogue, info->space, info->space_len);
    uint32_t i = name_number(catalogue, space, info->name, info->name_len);
    if (i == catalogue->n_names || state->seen[i].version != info->version || met[i]++ != 0) {
        snprintf(text, STATE_TEXT_MAX, "an object that is live, version %ju of %.40s/%.40s: %s",
                 (uintmax_t)info->version, info->space, info->name,
                 i == catalogue->n_names                   ? "no such name"
                 : state->seen[i].version != info->version ? "a get has another"
                                                           : "twice");
        return false;
    }
    return true;
}

/* By a walk over the object table: all that is live there, and nothing else. */
static bool same_objects(struct state_reader *reader, const struct state *state, char *text)
{
    static brain_object_info infos[64];
    static uint8_t met[STATE_NAMES_MAX];
    uint32_t cursor = 0;
    size_t n, n_live = 0, n_seen = 0;
    int err;
    memset(met, 0, sizeof met);
    infos[0].struct_size = sizeof infos[0];
    while ((err = brain_objects(reader->store, BRAIN_OBJECT_LIVE, &cursor, infos, 64, &n)) == 0) {
        for (size_t i = 0; i < n; i++, n_live++) {
            if (!is_live(reader, state, met, &infos[i], text)) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < reader->catalogue->n_names; i++) {
        n_seen += state->seen[i].version != 0;
    }
    if (err == BRAIN_E_NOT_FOUND && n_live != n_seen) {
        snprintf(text, STATE_TEXT_MAX, "%zu objects are live, and %zu names are there", n_live,
                 n_seen);
    }
    return err != BRAIN_E_NOT_FOUND ? failed(text, "brain_objects", err) : n_live == n_seen;
}

bool state_read(struct state_reader *reader, struct state *state, char *text)
{
    static struct state other;
    if (!state_by_get(reader, state, text)) {
        return in_front(text, "single gets");
    }
    if (!state_by_many(reader, &other, text) ||
        !state_equal(reader->catalogue, state, &other, text)) {
        return in_front(text, "brain_get_many, beside single gets");
    }
    if (!by_new_snapshot(reader, &other, text) ||
        !state_equal(reader->catalogue, state, &other, text)) {
        return in_front(text, "a snapshot, beside single gets");
    }
    if (!same_objects(reader, state, text)) {
        return in_front(text, "a walk over the objects, beside single gets");
    }
    uint64_t live_bytes;
    int err = brain_usage(reader->store, &state->capacity_bytes, &live_bytes);
    if (err != 0) {
        return failed(text, "brain_usage", err);
    }
    if (!read_quotas(reader, state, text)) {
        return false;
    }
    return reader->catalogue->look == NULL || reader->catalogue->look(reader->store, text);
}

void state_forget_passing(struct state *state)
{
    state->capacity_bytes = 0;
    memset(state->space_quota, 0, sizeof state->space_quota);
    for (uint32_t i = 0; i < STATE_NAMES_MAX; i++) {
        state->seen[i].note = 0;
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool equal_names(const struct state_catalogue *catalogue, const struct state *a,
                        const struct state *b, char *text)
{
    for (uint32_t i = 0; i < catalogue->n_names; i++) {
        if (a->seen[i].version != b->seen[i].version || a->seen[i].sum != b->seen[i].sum ||
            a->seen[i].note != b->seen[i].note) {
            const struct state_name *one = &catalogue->names[i];
            snprintf(text, STATE_TEXT_MAX, "%s/%.*s is version %ju, not %ju%s",
                     catalogue->spaces[one->space], one->name_len < 40 ? (int)one->name_len : 40,
                     catalogue->text + one->name_at, (uintmax_t)b->seen[i].version,
                     (uintmax_t)a->seen[i].version,
                     a->seen[i].version != b->seen[i].version ? ""
                     : a->seen[i].sum != b->seen[i].sum       ? ", but with other bytes"
                                                              : ", but with another note");
            return false;
        }
    }
    return true;
}

bool state_equal(const struct state_catalogue *catalogue, const struct state *a,
                 const struct state *b, char *text)
{
    if (a->capacity_bytes != b->capacity_bytes) {
        snprintf(text, STATE_TEXT_MAX, "the capacity is %ju, not %ju", (uintmax_t)b->capacity_bytes,
                 (uintmax_t)a->capacity_bytes);
        return false;
    }
    for (uint32_t i = 0; i < catalogue->n_spaces; i++) {
        if (a->space_there[i] != b->space_there[i] || a->space_count[i] != b->space_count[i]) {
            snprintf(text, STATE_TEXT_MAX, "namespace %s is %s with %ju names, not %s with %ju",
                     catalogue->spaces[i], b->space_there[i] ? "there" : "absent",
                     (uintmax_t)b->space_count[i], a->space_there[i] ? "there" : "absent",
                     (uintmax_t)a->space_count[i]);
            return false;
        }
        if (a->space_quota[i] != b->space_quota[i]) {
            snprintf(text, STATE_TEXT_MAX, "namespace %s has a quota of %ju, not %ju",
                     catalogue->spaces[i], (uintmax_t)b->space_quota[i],
                     (uintmax_t)a->space_quota[i]);
            return false;
        }
    }
    return equal_names(catalogue, a, b, text);
}
