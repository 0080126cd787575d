/* objects.c - Plasma objects: put, create, seal, get, delete. See objects.h.
 *
 * Crash: an object is its creator's until the seal, which is one commit; what a dead creator leaves
 * is an UNSEALED value, which counts for nothing: whoever meets one replaces it, if it is still that
 * version.
 */
#include "objects.h"

#include "queues.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERSION        1u     /* of trailer and UNSEALED */
#define WALK_TRIES_MAX 50000u /* some 10 s */

int bp_objects_open(brain_store *store, struct bp_objects *out)
{
    struct bp_objects objects = { .store = store };
    int code = brain_space_open(store, BP_OBJECTS_SPACE, BP_OBJECTS_SPACE_LEN, &objects.space);
    if (code == 0) {
        code = brain_space_open(store, BP_CONTROL_SPACE, BP_CONTROL_SPACE_LEN, &objects.control);
        if (code != 0) brain_space_close(objects.space);
    }
    objects.read_only = (brain_access(store) & BRAIN_ACCESS_READ_ONLY) != 0;
    if (code == 0) *out = objects;
    return code;
}

void bp_objects_close(struct bp_objects *objects)
{
    brain_space_close(objects->space);
    brain_space_close(objects->control);
    *objects = (struct bp_objects){ .store = NULL };
}

uint64_t bp_objects_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void bp_objects_pause(long duration_ns)
{
    const struct timespec duration = { .tv_nsec = duration_ns };
    nanosleep(&duration, NULL);
}

int bp_objects_walk(brain_space *space, brain_iter **iter_out)
{
    int code = brain_iter_names(space, NULL, iter_out);
    for (unsigned tried = 0; code == BRAIN_E_BUSY && tried < WALK_TRIES_MAX; tried++) {
        bp_objects_pause(200000); /* other threads' walks are short */
        code = brain_iter_names(space, NULL, iter_out);
    }
    return code;
}

/* ---- what stands in the metadata */

static int describe_unsealed(const brain_view *view, struct bp_object_info *info)
{
    const uint8_t *meta = view->meta;
    uint32_t version;
    if (view->meta_len != 40) return BRAIN_E_CORRUPT;
    memcpy(&info->data_bytes, meta, 8);
    memcpy(&info->meta_bytes, meta + 8, 8);
    memcpy(&info->created_ns, meta + 16, 8);
    memcpy(&info->seat, meta + 24, 8);
    memcpy(&info->row, meta + 32, 4);
    memcpy(&version, meta + 36, 4);
    return version == VERSION ? 0 : BRAIN_E_CORRUPT;
}

static int describe_sealed(const brain_view *view, struct bp_object_info *info)
{
    if (view->meta_len < BP_TRAILER_BYTES) return BRAIN_E_CORRUPT;
    const uint8_t *trailer = (const uint8_t *)view->meta + view->meta_len - BP_TRAILER_BYTES;
    memcpy(&info->meta_bytes, trailer, 8);
    memcpy(&info->created_ns, trailer + 8, 8);
    memcpy(&info->sealed_ns, trailer + 16, 8);
    if (trailer[24] != VERSION || info->meta_bytes > view->size_bytes) return BRAIN_E_CORRUPT;
    info->data_bytes = view->size_bytes - info->meta_bytes;
    info->is_sealed = true;
    return 0;
}

int bp_objects_describe(const brain_view *view, struct bp_object_info *info_out)
{
    struct bp_object_info info = { .version = view->version };
    int code = view->kind == BRAIN_KIND_UNSEALED ? describe_unsealed(view, &info)
                                                 : describe_sealed(view, &info);
    if (code == 0) *info_out = info;
    return code;
}

static void write_trailer(uint8_t *to, uint64_t meta_bytes, uint64_t created_ns)
{
    uint64_t sealed_ns = bp_objects_now();
    memset(to, 0, BP_TRAILER_BYTES);
    memcpy(to, &meta_bytes, 8);
    memcpy(to + 8, &created_ns, 8);
    memcpy(to + 16, &sealed_ns, 8);
    to[24] = VERSION;
}

bool bp_objects_is_written(const struct bp_objects *objects, const struct bp_object_info *info)
{
    return brain_client_lives(objects->store, info->row, info->seat) != 0;
}

/* ---- get */

/* Raise the note to now, which says that the object is in use. False: it counts as missing. */
static bool use(const struct bp_objects *objects, const brain_view *view)
{
    uint64_t now = bp_objects_now();
    for (;;) {
        uint64_t note = brain_view_note(view); /* PAIR note-pin: after the pin of the view */
        if (note == BP_NOTE_EVICTED) return false;
        uint64_t used = bp_note_used(note, now);
        if (objects->read_only || (note >= used && !bp_note_is_evicting(note))) return true;
        if (brain_view_swap_note(view, note, used) != 0) return true;
        if (note == brain_view_note(view)) return true; /* it cannot be set here */
    }
}

static struct bp_last last_of(const brain_view *view)
{
    struct bp_last last = { .version = view->version, .object = view->object };
    memcpy(last.id, view->name, BRAIN_ID_BYTES);
    return last;
}

void bp_objects_put_back(struct bp_objects *objects, brain_view *view)
{
    bool is_doomed = view->name_len == BRAIN_ID_BYTES && view->kind != BRAIN_KIND_UNSEALED &&
                     bp_note_is_doomed(brain_view_note(view));
    struct bp_last last = is_doomed ? last_of(view) : (struct bp_last){ .version = 0 };
    brain_view_drop(view);
    if (is_doomed) bp_objects_finish(objects, &last);
}

/* As brain_get(), also of what is not sealed; but not of a doomed one that nobody has any more. */
static int look(struct bp_objects *objects, const uint8_t *id, brain_view *view_out)
{
    brain_view view;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code == 0 && view.kind != BRAIN_KIND_UNSEALED &&
        bp_note_is_doomed(brain_view_note(&view))) {
        bp_objects_put_back(objects, &view);
        code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    }
    if (code == 0) *view_out = view;
    return code;
}

int bp_objects_get(struct bp_objects *objects, const uint8_t *id, brain_view *view_out,
                   struct bp_object_info *info_out)
{
    brain_view view;
    int code = look(objects, id, &view);
    if (code != 0) return code;
    code = bp_objects_describe(&view, info_out);
    if (code == 0 && (!info_out->is_sealed || !use(objects, &view))) code = BRAIN_E_NOT_FOUND;
    if (code != 0) {
        brain_view_drop(&view);
        return code;
    }
    view.meta_len = (uint16_t)(view.meta_len - BP_TRAILER_BYTES);
    view.tag = BP_TAG_OBJECT;
    *view_out = view;
    return 0;
}

bool bp_objects_let_go(brain_view *view, struct bp_last *last_out)
{
    uint64_t now = bp_objects_now();
    view->meta_len = (uint16_t)(view->meta_len + BP_TRAILER_BYTES);
    uint64_t note = brain_view_note(view);
    while (note < bp_note_used(note, now) &&
           brain_view_swap_note(view, note, bp_note_used(note, now)) == 0) {
        uint64_t again = brain_view_note(view);
        if (again == note) break; /* it cannot be set here */
        note = again;
    }
    bool is_doomed = bp_note_is_doomed(note);
    if (is_doomed) *last_out = last_of(view);
    brain_view_drop(view);
    return is_doomed;
}

#define LOOKS     2u /* at the pins: that of one who only looked is gone in a moment */
#define MOMENT_NS 20000

/* 0 also where somebody has it. Two who let go at once both see that nobody has it any more, and one
 * of them deletes it. */
static int delete_if_unused(struct bp_objects *objects, const struct bp_last *last)
{
    for (unsigned look = 0; look < LOOKS; look++) {
        brain_pin *pins;
        size_t n_pins;
        if (look > 0) bp_objects_pause(MOMENT_NS);
        int code = bp_objects_list_pins(objects, &pins, &n_pins);
        if (code != 0) return code;
        size_t n = bp_objects_count_pins(pins, n_pins, last->object, NULL);
        free(pins);
        if (n > 0) continue;
        code = bp_objects_delete_version(objects, last->id, last->version);
        return code == BRAIN_E_NOT_FOUND ? 0 : code; /* another was first */
    }
    return 0;
}

void bp_objects_finish(struct bp_objects *objects, const struct bp_last *last)
{
    /* What fails here is done by whoever meets it. */
    int code = delete_if_unused(objects, last);
    (void)code;
}

void bp_objects_drop(struct bp_objects *objects, brain_view *view)
{
    struct bp_last last;
    if (bp_objects_let_go(view, &last)) bp_objects_finish(objects, &last);
}

int bp_objects_exists(struct bp_objects *objects, const uint8_t *id, uint64_t *version_out)
{
    brain_view view;
    if (version_out != NULL) *version_out = 0;
    int code = look(objects, id, &view);
    if (code != 0) return code;
    if (view.kind == BRAIN_KIND_UNSEALED || brain_view_note(&view) == BP_NOTE_EVICTED) {
        if (version_out != NULL) *version_out = view.version;
        code = BRAIN_E_NOT_FOUND;
    }
    bp_objects_put_back(objects, &view);
    return code;
}

/* ---- put */

/* The version that a put has to replace: 0 where nothing is there, or that of what a dead creator
 * left; EXISTS. */
static int version_to_replace(struct bp_objects *objects, const uint8_t *id, uint64_t *version_out)
{
    brain_view view;
    struct bp_object_info info;
    *version_out = 0;
    int code = look(objects, id, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    code = bp_objects_describe(&view, &info);
    bool is_evicted = code == 0 && info.is_sealed && brain_view_note(&view) == BP_NOTE_EVICTED;
    bool is_there = code == 0 && (info.is_sealed ? !is_evicted
                                                 : bp_objects_is_written(objects, &info));
    uint64_t version = view.version;
    bp_objects_put_back(objects, &view);
    if (code != 0 || is_there) return code != 0 ? code : BRAIN_E_EXISTS;
    if (!is_evicted) {
        *version_out = version;
        return 0;
    }
    /* Its end has to be told before the next one's beginning. */
    code = bp_objects_delete_version(objects, id, version);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* Whether a conditional change met something else than it expected, an id or the list of
 * subscribers: look again. */
static bool is_outdated(int code)
{
    return code == BRAIN_E_EXISTS || code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND;
}

static int put_and_tell(struct bp_objects *objects, const uint8_t *id, const brain_value *value,
                        const struct bp_notice *notice, uint64_t if_version)
{
    struct bp_telling telling;
    int code = bp_queues_tell(objects, notice, &telling);
    if (code != 0) return code;
    code = brain_batch_put_if(telling.batch, objects->space, id, BRAIN_ID_BYTES, value, if_version);
    if (code == 0) code = brain_batch_commit(telling.batch, NULL);
    bp_queues_told(&telling);
    return code;
}

static uint64_t size_of(const brain_value *value)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < value->n_parts; i++)
        sum += value->parts[i].size_bytes;
    return sum;
}

static struct bp_notice notice_of(const uint8_t *id, uint64_t data_bytes, uint64_t meta_bytes)
{
    struct bp_notice notice = { .data_bytes = (int64_t)data_bytes,
                                .meta_bytes = (int64_t)meta_bytes };
    memcpy(notice.id, id, BRAIN_ID_BYTES);
    return notice;
}

/* Put `value`, whose metadata are complete. */
static int put_new(struct bp_objects *objects, const uint8_t *id, const brain_value *value,
                   uint64_t meta_bytes, bool may_evict)
{
    uint64_t size_bytes = size_of(value);
    struct bp_notice notice = notice_of(id, size_bytes - meta_bytes, meta_bytes);
    uint64_t if_version = 0;
    unsigned tried = 0;
    for (;;) {
        int code = put_and_tell(objects, id, value, &notice, if_version);
        if (code == BRAIN_E_FULL && may_evict &&
            bp_objects_make_room(objects, size_bytes, &tried)) {
            continue;
        }
        if (!is_outdated(code)) return code;
        code = version_to_replace(objects, id, &if_version);
        if (code != 0) return code;
    }
}

int bp_objects_put(struct bp_objects *objects, const uint8_t *id, const brain_value *value,
                   uint64_t meta_bytes, bool may_evict)
{
    uint8_t small[BP_TRAILER_BYTES + 256];
    size_t meta_len = value->meta_len + BP_TRAILER_BYTES;
    uint8_t *meta = meta_len <= sizeof small ? small : malloc(meta_len);
    if (meta == NULL) return BRAIN_E_NOMEM;
    if (value->meta_len > 0) memcpy(meta, value->meta, value->meta_len);
    write_trailer(meta + value->meta_len, meta_bytes, bp_objects_now());
    brain_value whole = *value;
    whole.meta = meta;
    whole.meta_len = meta_len;
    whole.description = "";
    whole.description_len = 0;
    int code = put_new(objects, id, &whole, meta_bytes, may_evict);
    if (meta != small) free(meta);
    return code;
}

/* ---- create, seal */

/* Put the UNSEALED value, which holds `held_bytes` of room. */
static int reserve(struct bp_objects *objects, struct bp_creation *creation, uint64_t held_bytes,
                   uint64_t if_version)
{
    static const uint8_t zeros[BP_PRIVATE_BYTES];
    const brain_part room = { .data = zeros, .size_bytes = held_bytes };
    uint8_t meta[40];
    const uint32_t version = VERSION;
    memcpy(meta, &creation->data_bytes, 8);
    memcpy(meta + 8, &creation->meta_bytes, 8);
    memcpy(meta + 16, &creation->created_ns, 8);
    memcpy(meta + 24, &creation->seat, 8);
    memcpy(meta + 32, &creation->row, 4);
    memcpy(meta + 36, &version, 4);
    const brain_value value = { .kind = BRAIN_KIND_UNSEALED,
                                .n_parts = 1,
                                .parts = &room,
                                .meta = meta,
                                .meta_len = sizeof meta,
                                .description = "" };
    int code = brain_put(objects->space, creation->id, BRAIN_ID_BYTES, &value, if_version,
                         &creation->version);
    if (code == 0) creation->held_bytes = held_bytes;
    return code;
}

static int take_room(struct bp_objects *objects, uint64_t size_bytes, brain_object **object_out)
{
    unsigned tried = 0;
    int code;
    do {
        code = brain_create(objects->store, size_bytes, object_out);
    } while (code == BRAIN_E_FULL && bp_objects_make_room(objects, size_bytes, &tried));
    return code;
}

/* First the bytes and then the id, so that nothing has to be undone that may fail. */
static int take_room_and_id(struct bp_objects *objects, struct bp_creation *creation)
{
    uint64_t size_bytes = creation->data_bytes + creation->meta_bytes;
    uint64_t held_bytes = size_bytes <= BP_PRIVATE_BYTES ? size_bytes : 0;
    uint64_t if_version;
    unsigned tried = 0;
    int code = version_to_replace(objects, creation->id, &if_version);
    if (code != 0) return code;
    code = take_room(objects, size_bytes, &creation->object);
    if (code != 0) return code;
    for (;;) {
        code = reserve(objects, creation, held_bytes, if_version);
        if (code == BRAIN_E_FULL && bp_objects_make_room(objects, held_bytes, &tried)) continue;
        if (!is_outdated(code)) break;
        code = version_to_replace(objects, creation->id, &if_version);
        if (code != 0) break;
    }
    if (code != 0) brain_object_release(creation->object);
    return code;
}

int bp_objects_create(struct bp_objects *objects, const uint8_t *id, uint64_t data_bytes,
                      const void *meta, uint64_t meta_bytes, struct bp_creation *out)
{
    brain_client self;
    int code = brain_self(objects->store, &self);
    if (code != 0) return code;
    struct bp_creation creation = { .data_bytes = data_bytes,
                                    .meta_bytes = meta_bytes,
                                    .created_ns = bp_objects_now(),
                                    .row = self.row,
                                    .seat = self.seat };
    memcpy(creation.id, id, BRAIN_ID_BYTES);
    code = take_room_and_id(objects, &creation);
    if (code != 0) return code;
    if (meta_bytes > 0) {
        memcpy((uint8_t *)brain_object_data(creation.object) + data_bytes, meta, meta_bytes);
    }
    *out = creation;
    return 0;
}

static int seal_and_tell(struct bp_objects *objects, struct bp_creation *creation,
                         const struct bp_notice *notice)
{
    uint8_t trailer[BP_TRAILER_BYTES];
    struct bp_telling telling;
    const brain_value value = { .kind = BRAIN_KIND_RAW,
                                .meta = trailer,
                                .meta_len = sizeof trailer,
                                .description = "" };
    int code = bp_queues_tell(objects, notice, &telling);
    if (code != 0) return code;
    write_trailer(trailer, creation->meta_bytes, creation->created_ns);
    code = brain_object_seal_in(creation->object, telling.batch, objects->space, creation->id,
                                BRAIN_ID_BYTES, &value, creation->version, NULL);
    bp_queues_told(&telling);
    return code;
}

/* Whether the id is still this creation's. */
static bool is_reserved(struct bp_objects *objects, const struct bp_creation *creation)
{
    uint64_t version = 0;
    return brain_exists(objects->space, creation->id, BRAIN_ID_BYTES, &version) == 0 &&
           version == creation->version;
}

/* What the UNSEALED value held is for the object that takes its place; but in one commit both would
 * have to fit. */
static bool has_let_go_of_room(struct bp_objects *objects, struct bp_creation *creation)
{
    return creation->held_bytes > 0 && reserve(objects, creation, 0, creation->version) == 0;
}

int bp_objects_seal(struct bp_objects *objects, struct bp_creation *creation)
{
    struct bp_notice notice = notice_of(creation->id, creation->data_bytes, creation->meta_bytes);
    uint64_t size_bytes = creation->data_bytes + creation->meta_bytes;
    struct bp_object_info info;
    unsigned tried = 0;
    int code;
    do {
        code = seal_and_tell(objects, creation, &notice);
    } while ((code == BRAIN_E_FULL && (has_let_go_of_room(objects, creation) ||
                                       bp_objects_make_room(objects, size_bytes, &tried))) ||
             (is_outdated(code) && is_reserved(objects, creation)));
    if (code != 0) return is_outdated(code) ? BRAIN_E_NOT_FOUND : code;
    creation->version = 0;
    /* Where it is gone already, there is nothing to keep. */
    if (bp_objects_get(objects, creation->id, &creation->view, &info) != 0) {
        creation->view = (brain_view){ .store = NULL };
    }
    return 0;
}

void bp_objects_abort(struct bp_objects *objects, struct bp_creation *creation)
{
    brain_client self;
    if (creation->version == 0 || brain_self(objects->store, &self) != 0 ||
        self.row != creation->row || self.seat != creation->seat) {
        return;
    }
    /* What fails here is left as by a dead creator, and goes with this process. */
    int code = brain_delete(objects->space, creation->id, BRAIN_ID_BYTES, creation->version);
    (void)code;
    creation->version = 0;
}

void bp_objects_release(struct bp_objects *objects, struct bp_creation *creation)
{
    brain_object_release(creation->object);
    creation->object = NULL;
    if (creation->view.store != NULL) bp_objects_drop(objects, &creation->view);
}

/* ---- delete */

int bp_objects_delete_version(struct bp_objects *objects, const uint8_t *id, uint64_t version)
{
    struct bp_notice notice = notice_of(id, 0, 0);
    struct bp_telling telling;
    uint64_t now = version;
    int code;
    notice.data_bytes = notice.meta_bytes = -1;
    do { /* once more where the list of subscribers has changed, also by the telling */
        code = bp_queues_tell(objects, &notice, &telling);
        if (code != 0) continue;
        code = brain_batch_delete_if(telling.batch, objects->space, id, BRAIN_ID_BYTES, version);
        if (code == 0) code = brain_batch_commit(telling.batch, NULL);
        bp_queues_told(&telling);
    } while (code == BRAIN_E_STALE &&
             brain_exists(objects->space, id, BRAIN_ID_BYTES, &now) == 0 && now == version);
    return code == BRAIN_E_STALE ? BRAIN_E_NOT_FOUND : code;
}

/* Doom an object, of which we have a view. False: it is missing already. */
static bool doom(const brain_view *view)
{
    for (;;) {
        uint64_t note = brain_view_note(view);
        if (note == BP_NOTE_EVICTED) return false;
        if (bp_note_is_doomed(note)) return true;
        uint64_t when = bp_note_is_evicting(note) ? bp_objects_now() : note;
        if (brain_view_swap_note(view, note, when | BP_NOTE_DOOMED) != 0) return true;
        if (brain_view_note(view) == note) return true; /* it cannot be set here */
    }
}

int bp_objects_delete(struct bp_objects *objects, const uint8_t *id)
{
    brain_view view;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code != 0) return code;
    const struct bp_last last = last_of(&view);
    bool is_there = view.kind != BRAIN_KIND_UNSEALED && doom(&view);
    brain_view_drop(&view);
    if (!is_there) return BRAIN_E_NOT_FOUND;
    return delete_if_unused(objects, &last);
}
