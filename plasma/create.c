/* create.c - new Plasma objects: put, or created, written and sealed.
 *
 * Crash: an object is its creator's until the seal, which is one commit; what a dead creator leaves
 * is an UNSEALED value, which counts for nothing: whoever meets one replaces it, if it is still that
 * version.
 */
#include "create.h"

#include "evict.h"
#include "queue.h"
#include "remove.h"
#include "use.h"

#include <stdlib.h>
#include <string.h>

/* The version that a put has to replace: 0 where nothing is there, or that of what a dead creator
 * left; EXISTS. */
static int version_to_replace(struct pl_store *objects, const uint8_t *id, uint64_t *version_out)
{
    brain_view view;
    struct pl_object info;
    *version_out = 0;
    int code = pl_use_look(objects, id, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    code = pl_object_describe(&view, &info);
    bool is_evicted = code == 0 && info.is_sealed && brain_view_note(&view) == PL_NOTE_EVICTED;
    bool is_there =
        code == 0 &&
        (info.is_sealed ? !is_evicted : info.is_away || pl_object_is_written(objects, &info));
    uint64_t version = view.version;
    pl_remove_put_back(objects, &view);
    if (code != 0 || is_there) return code != 0 ? code : BRAIN_E_EXISTS;
    if (!is_evicted) {
        *version_out = version;
        return 0;
    }
    /* Its end has to be told before the next one's beginning. */
    code = pl_remove_version(objects, id, version);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* Whether a conditional change met something else than it expected, an id or the list of
 * subscribers: look again. */
static bool is_outdated(int code)
{
    return code == BRAIN_E_EXISTS || code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND;
}

static int put_and_tell(struct pl_store *objects, const uint8_t *id, const brain_value *value,
                        const struct pl_notice *notice, uint64_t if_version)
{
    struct pl_telling telling;
    int code = pl_queue_tell(objects, notice, &telling);
    if (code != 0) return code;
    code = brain_batch_put_if(telling.batch, objects->space, id, BRAIN_ID_BYTES, value, if_version);
    if (code == 0) code = brain_batch_commit(telling.batch, NULL);
    pl_queue_told(&telling);
    return code;
}

static uint64_t size_of(const brain_value *value)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < value->n_parts; i++)
        sum += value->parts[i].size_bytes;
    return sum;
}

/* Put `value`, whose metadata are complete. */
static int put_new(struct pl_store *objects, const uint8_t *id, const brain_value *value,
                   uint64_t meta_bytes, bool may_evict)
{
    uint64_t size_bytes = size_of(value);
    struct pl_notice notice = pl_queue_notice(id, size_bytes - meta_bytes, meta_bytes);
    uint64_t if_version = 0;
    unsigned tried = 0;
    for (;;) {
        int code = put_and_tell(objects, id, value, &notice, if_version);
        if (code == BRAIN_E_FULL && may_evict && pl_evict_make_room(objects, size_bytes, &tried)) {
            continue;
        }
        if (!is_outdated(code)) return code;
        code = version_to_replace(objects, id, &if_version);
        if (code != 0) return code;
    }
}

int pl_create_put(struct pl_store *objects, const uint8_t *id, const brain_value *value,
                  uint64_t meta_bytes, bool may_evict)
{
    uint8_t small[PL_TRAILER_BYTES + 256];
    size_t meta_len = value->meta_len + PL_TRAILER_BYTES;
    uint8_t *meta = meta_len <= sizeof small ? small : malloc(meta_len);
    if (meta == NULL) return BRAIN_E_NOMEM;
    if (value->meta_len > 0) memcpy(meta, value->meta, value->meta_len);
    pl_object_write_trailer(meta + value->meta_len, meta_bytes, pl_store_now());
    brain_value whole = *value;
    whole.meta = meta;
    whole.meta_len = meta_len;
    whole.description = "";
    whole.description_len = 0;
    int code = put_new(objects, id, &whole, meta_bytes, may_evict);
    if (meta != small) free(meta);
    return code;
}

/* Put the UNSEALED value, which holds `held_bytes` of room. */
static int reserve(struct pl_store *objects, struct pl_creation *creation, uint64_t held_bytes,
                   uint64_t if_version)
{
    static const uint8_t zeros[PL_PRIVATE_BYTES];
    const brain_part room = { .data = zeros, .size_bytes = held_bytes };
    const struct pl_object object = { .data_bytes = creation->data_bytes,
                                      .meta_bytes = creation->meta_bytes,
                                      .created_ns = creation->created_ns,
                                      .seat = creation->seat,
                                      .row = creation->row };
    uint8_t meta[PL_UNSEALED_BYTES];
    pl_object_write_unsealed(meta, &object);
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

static int take_room(struct pl_store *objects, uint64_t size_bytes, brain_object **object_out)
{
    unsigned tried = 0;
    int code;
    do {
        code = brain_create(objects->store, size_bytes, object_out);
    } while (code == BRAIN_E_FULL && pl_evict_make_room(objects, size_bytes, &tried));
    return code;
}

/* First the bytes and then the id, so that nothing has to be undone that may fail. */
static int take_room_and_id(struct pl_store *objects, struct pl_creation *creation)
{
    uint64_t size_bytes = creation->data_bytes + creation->meta_bytes;
    uint64_t held_bytes = size_bytes <= PL_PRIVATE_BYTES ? size_bytes : 0;
    uint64_t if_version;
    unsigned tried = 0;
    int code = version_to_replace(objects, creation->id, &if_version);
    if (code != 0) return code;
    code = take_room(objects, size_bytes, &creation->object);
    if (code != 0) return code;
    for (;;) {
        code = reserve(objects, creation, held_bytes, if_version);
        if (code == BRAIN_E_FULL && pl_evict_make_room(objects, held_bytes, &tried)) continue;
        if (!is_outdated(code)) break;
        code = version_to_replace(objects, creation->id, &if_version);
        if (code != 0) break;
    }
    if (code != 0) brain_object_release(creation->object);
    return code;
}

int pl_create_object(struct pl_store *objects, const uint8_t *id, uint64_t data_bytes,
                     const void *meta, uint64_t meta_bytes, struct pl_creation *out)
{
    brain_client self;
    int code = brain_self(objects->store, &self);
    if (code != 0) return code;
    struct pl_creation creation = { .data_bytes = data_bytes,
                                    .meta_bytes = meta_bytes,
                                    .created_ns = pl_store_now(),
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

static int seal_and_tell(struct pl_store *objects, struct pl_creation *creation,
                         const struct pl_notice *notice)
{
    uint8_t trailer[PL_TRAILER_BYTES];
    struct pl_telling telling;
    const brain_value value = {
        .kind = BRAIN_KIND_RAW, .meta = trailer, .meta_len = sizeof trailer, .description = ""
    };
    int code = pl_queue_tell(objects, notice, &telling);
    if (code != 0) return code;
    pl_object_write_trailer(trailer, creation->meta_bytes, creation->created_ns);
    code = brain_object_seal_in(creation->object, telling.batch, objects->space, creation->id,
                                BRAIN_ID_BYTES, &value, creation->version, NULL);
    pl_queue_told(&telling);
    return code;
}

/* Whether the id is still this creation's. */
static bool is_reserved(struct pl_store *objects, const struct pl_creation *creation)
{
    uint64_t version = 0;
    return brain_exists(objects->space, creation->id, BRAIN_ID_BYTES, &version) == 0 &&
           version == creation->version;
}

/* What the UNSEALED value held is for the object that takes its place; but in one commit both would
 * have to fit. */
static bool has_let_go_of_room(struct pl_store *objects, struct pl_creation *creation)
{
    char said[PL_DETAIL_BYTES];
    if (creation->held_bytes == 0) return false;
    pl_store_keep_detail(said); /* of the FULL: what fails here is none of the caller's */
    bool has = reserve(objects, creation, 0, creation->version) == 0;
    brain_tell_error(said);
    return has;
}

int pl_create_seal(struct pl_store *objects, struct pl_creation *creation)
{
    struct pl_notice notice =
        pl_queue_notice(creation->id, creation->data_bytes, creation->meta_bytes);
    uint64_t size_bytes = creation->data_bytes + creation->meta_bytes;
    struct pl_object info;
    unsigned tried = 0;
    int code;
    do {
        code = seal_and_tell(objects, creation, &notice);
    } while ((code == BRAIN_E_FULL && (has_let_go_of_room(objects, creation) ||
                                       pl_evict_make_room(objects, size_bytes, &tried))) ||
             (is_outdated(code) && is_reserved(objects, creation)));
    if (code != 0) return is_outdated(code) ? BRAIN_E_NOT_FOUND : code;
    creation->version = 0;
    /* Where it is gone already, there is nothing to keep. */
    if (pl_use_get(objects, creation->id, &creation->view, &info) != 0) {
        creation->view = (brain_view){ .store = NULL };
    }
    return 0;
}

void pl_create_abort(struct pl_store *objects, struct pl_creation *creation)
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

void pl_create_release(struct pl_store *objects, struct pl_creation *creation)
{
    brain_object_release(creation->object);
    creation->object = NULL;
    if (creation->view.store != NULL) pl_use_drop(objects, &creation->view);
}
