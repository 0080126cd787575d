/* recall.c - objects that come back from the external store.
 *
 * Who gets one that is away takes room for it, reads its file, and seals it under its id if that still leads to what
 * stood for it. Of several who do so at once one seals, and the others get what he sealed. Nobody is told: the object
 * was there all the time.
 *
 * Crash: the room goes with who took it. After the seal its file is nobody's, and goes with a sweep.
 */
#include "recall.h"

#include "evict.h"
#include "external.h"
#include "use.h"

/* What the id leads to, if that is away: 0, or NOT_FOUND. */
static int find_away(struct pl_store *objects, const uint8_t *id, struct pl_object *info)
{
    brain_view view;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code != 0) return code;
    code = pl_object_describe(&view, info);
    brain_view_drop(&view);
    return code != 0 || info->is_away ? code : BRAIN_E_NOT_FOUND;
}

static int take_room(struct pl_store *objects, uint64_t size_bytes, brain_object **object_out)
{
    unsigned tried = 0;
    int code;
    do {
        code = brain_create_in_place(objects->store, size_bytes, object_out);
    } while (code == BRAIN_E_FULL && pl_evict_make_room(objects, size_bytes, &tried));
    return code;
}

static int seal(struct pl_store *objects, brain_object *object, const uint8_t *id,
                const struct pl_object *info, const struct pl_external_file *file)
{
    const brain_value value = {
        .kind = file->kind, .meta = file->meta, .meta_len = file->meta_len, .description = ""
    };
    unsigned tried = 0;
    int code;
    do { /* a small one takes its room now */
        code = brain_object_seal(object, objects->space, id, BRAIN_ID_BYTES, &value, info->version,
                                 NULL);
    } while (code == BRAIN_E_FULL && pl_evict_make_room(objects, file->size_bytes, &tried));
    return code;
}

/* Bring it back, and get it while the object that was sealed keeps it from being evicted again. STALE: it is another
 * by now. */
static int bring_back(struct pl_store *objects, const struct pl_external *external,
                      const uint8_t *id, const struct pl_object *info, brain_view *view_out,
                      struct pl_object *info_out)
{
    struct pl_external_file file;
    brain_object *object;
    int code = pl_external_open(external, objects, id, info->file_version, &file);
    if (code != 0) return code;
    code = take_room(objects, file.size_bytes, &object);
    if (code != 0) {
        pl_external_close(&file);
        return code;
    }
    code = pl_external_read(&file, brain_object_data(object));
    if (code == 0) code = seal(objects, object, id, info, &file);
    if (code == 0) {
        pl_external_remove(external, id, info->file_version);
        code = pl_use_get(objects, id, view_out, info_out);
    }
    brain_object_release(object);
    return code == BRAIN_E_EXISTS ? BRAIN_E_STALE : code;
}

/* Whether it still is away as it was. */
static bool is_as_before(struct pl_store *objects, const uint8_t *id, uint64_t version)
{
    struct pl_object info;
    return find_away(objects, id, &info) == 0 && info.version == version;
}

int pl_recall_get(struct pl_store *objects, const uint8_t *id, brain_view *view_out,
                  struct pl_object *info_out)
{
    struct pl_external external;
    int code = pl_external_find(objects, &external);
    if (code != 0) return code;
    for (;;) {
        struct pl_object info;
        code = pl_use_get(objects, id, view_out, info_out);
        if (code != PL_IS_AWAY) return code;
        code = find_away(objects, id, &info);
        if (code == BRAIN_E_NOT_FOUND) continue; /* it is back, or deleted */
        if (code != 0) return code;
        pl_external_forget();
        code = bring_back(objects, &external, id, &info, view_out, info_out);
        if (code == BRAIN_E_STALE || code == PL_IS_AWAY) continue;
        if (code != BRAIN_E_NOT_FOUND) return code;
        /* No file: somebody else has brought it back, or deleted it; or it is lost. */
        if (is_as_before(objects, id, info.version)) return PL_E_EXTERNAL;
    }
}
