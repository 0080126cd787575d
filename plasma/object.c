/* object.c - Plasma objects: what they say of themselves. See object.h. */
#include "object.h"

#include <string.h>

#define VERSION 1u /* of trailer and UNSEALED */

static int describe_away(const brain_view *view, struct pl_object *info)
{
    const uint8_t *meta = view->meta;
    uint64_t version;
    memcpy(&info->data_bytes, meta, 8);
    memcpy(&info->meta_bytes, meta + 8, 8);
    memcpy(&info->created_ns, meta + 16, 8);
    memcpy(&info->sealed_ns, meta + 24, 8);
    memcpy(&info->file_version, meta + 32, 8);
    memcpy(&version, meta + 40, 8);
    info->is_away = true;
    return version == VERSION ? 0 : BRAIN_E_CORRUPT;
}

static int describe_unsealed(const brain_view *view, struct pl_object *info)
{
    const uint8_t *meta = view->meta;
    uint32_t version;
    if (view->meta_len == PL_AWAY_BYTES) return describe_away(view, info);
    if (view->meta_len != PL_UNSEALED_BYTES) return BRAIN_E_CORRUPT;
    memcpy(&info->data_bytes, meta, 8);
    memcpy(&info->meta_bytes, meta + 8, 8);
    memcpy(&info->created_ns, meta + 16, 8);
    memcpy(&info->seat, meta + 24, 8);
    memcpy(&info->row, meta + 32, 4);
    memcpy(&version, meta + 36, 4);
    return version == VERSION ? 0 : BRAIN_E_CORRUPT;
}

static int describe_sealed(const brain_view *view, struct pl_object *info)
{
    if (view->meta_len < PL_TRAILER_BYTES) return BRAIN_E_CORRUPT;
    const uint8_t *trailer = (const uint8_t *)view->meta + view->meta_len - PL_TRAILER_BYTES;
    memcpy(&info->meta_bytes, trailer, 8);
    memcpy(&info->created_ns, trailer + 8, 8);
    memcpy(&info->sealed_ns, trailer + 16, 8);
    if (trailer[24] != VERSION || info->meta_bytes > view->size_bytes) return BRAIN_E_CORRUPT;
    info->data_bytes = view->size_bytes - info->meta_bytes;
    info->is_sealed = true;
    return 0;
}

int pl_object_describe(const brain_view *view, struct pl_object *info_out)
{
    struct pl_object info = { .version = view->version };
    int code = view->kind == BRAIN_KIND_UNSEALED ? describe_unsealed(view, &info)
                                                 : describe_sealed(view, &info);
    if (code == 0) *info_out = info;
    return code;
}

void pl_object_write_trailer(uint8_t *to, uint64_t meta_bytes, uint64_t created_ns)
{
    uint64_t sealed_ns = pl_store_now();
    memset(to, 0, PL_TRAILER_BYTES);
    memcpy(to, &meta_bytes, 8);
    memcpy(to + 8, &created_ns, 8);
    memcpy(to + 16, &sealed_ns, 8);
    to[24] = VERSION;
}

void pl_object_write_unsealed(uint8_t *to, const struct pl_object *object)
{
    const uint32_t version = VERSION;
    memcpy(to, &object->data_bytes, 8);
    memcpy(to + 8, &object->meta_bytes, 8);
    memcpy(to + 16, &object->created_ns, 8);
    memcpy(to + 24, &object->seat, 8);
    memcpy(to + 32, &object->row, 4);
    memcpy(to + 36, &version, 4);
}

void pl_object_write_away(uint8_t *to, const struct pl_object *object)
{
    const uint64_t version = VERSION;
    memcpy(to, &object->data_bytes, 8);
    memcpy(to + 8, &object->meta_bytes, 8);
    memcpy(to + 16, &object->created_ns, 8);
    memcpy(to + 24, &object->sealed_ns, 8);
    memcpy(to + 32, &object->version, 8);
    memcpy(to + 40, &version, 8);
}

bool pl_object_is_written(const struct pl_store *objects, const struct pl_object *info)
{
    return brain_client_lives(objects->store, info->row, info->seat) != 0;
}

struct pl_last pl_object_last(const brain_view *view)
{
    struct pl_last last = { .version = view->version, .object = view->object };
    memcpy(last.id, view->name, BRAIN_ID_BYTES);
    return last;
}
