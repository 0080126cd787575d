/* digest.c - hash(): the digest of an object's bytes.
 *
 * Made when it is asked for, and remembered by id and version in the client, since the bytes of a
 * version never change. XXH3 (Yann Collet), 64 bits, over the data; its seed is made of the metadata
 * and both lengths, so that a byte that moves from one to the other makes another digest.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plasmaclient.h"

#include <string.h>

static uint64_t digest(const uint8_t *data, const struct pl_object *info)
{
    const uint64_t lengths[] = { info->data_bytes, info->meta_bytes };
    uint64_t seed = XXH3_64bits_withSeed(data + info->data_bytes, info->meta_bytes,
                                         XXH3_64bits(lengths, sizeof lengths));
    return XXH3_64bits_withSeed(data, info->data_bytes, seed);
}

static struct bp_digest *place_of(struct bp_plasma *self, const uint8_t *id)
{
    uint64_t word;
    memcpy(&word, id, sizeof word);
    return &self->digests[(word ^ word >> 32) % BP_N_DIGESTS];
}

const char bp_digest_hash_doc[] =
    "_hash($self, object_id, /)\n--\n\nThe digest of an object, 8 bytes, or None.";

PyObject *bp_digest_hash(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    struct pl_object info;
    brain_view view;
    if (!bp_plasmaclient_has_arguments(n_args, 1, "_hash(object_id)")) return NULL;
    if (!bp_plasmaclient_is_connected(self)) return NULL;
    const uint8_t *id = bp_objectid_bytes(self->state, args[0]);
    if (id == NULL) return NULL;
    int code = bp_plasmaclient_find(self, id, &view, &info);
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_NONE;
    if (code != 0) return bp_plasmaclient_raise(self, code, args[0]);
    struct bp_digest *place = place_of(self, id);
    uint64_t result = place->digest, version = view.version;
    bool is_known = place->version == version && memcmp(place->id, id, BRAIN_ID_BYTES) == 0;
    struct bp_store *held = bp_plasmaclient_hold(self);
    if (!is_known) {
        Py_BEGIN_ALLOW_THREADS result = digest(view.data, &info);
        Py_END_ALLOW_THREADS *place = (struct bp_digest){ .version = version, .digest = result };
        memcpy(place->id, id, BRAIN_ID_BYTES);
    }
    bp_plasmaclient_drop(self, &view);
    bp_handle_store_drop(held);
    return PyBytes_FromStringAndSize((char *)&result, sizeof result);
}
