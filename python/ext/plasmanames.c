/* plasmanames.c - named values as a Plasma client sees them: found by ids that are made of their
 * namespace and name.
 *
 * Such an id begins with the bytes of the namespace and goes on with a hash of the name; or, where
 * there is no room for that, with BP_LONG_MARK and a hash of both. So to find its name is to look
 * through the namespaces that it can be of, which Python does (brain_plasma.plasma): here is what
 * it asks.
 */
#include "away.h"
#include "plasmaclient.h"

#include <string.h>

#define LONG_MARK     "\xffid:"
#define LONG_MARK_LEN 4u

static int append_bytes(PyObject *list, const void *bytes, size_t len)
{
    PyObject *item = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
    int failed = item == NULL || PyList_Append(list, item) != 0;
    Py_XDECREF(item);
    return failed ? BP_PLASMA_RAISED : 0;
}

/* How many bytes of a character follow the first one; -1: there is no such first byte in UTF-8. */
static int n_following(uint8_t first)
{
    if (first < 0x80) return 0;
    if (first < 0xc2 || first > 0xf4) return -1;
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* Those namespaces whose names are the first bytes of the id. Few ids are text: of the rest most
 * are done with after a byte or two. */
static int append_prefixes(struct bp_store *held, const uint8_t *id, PyObject *list)
{
    int code = 0, left = 0; /* bytes of the character under way */
    for (size_t len = 1; len < BRAIN_ID_BYTES && code == 0; len++) {
        brain_space *space;
        bool follows = (id[len - 1] & 0xc0) == 0x80;
        left = left > 0 ? (follows ? left - 1 : -1) : n_following(id[len - 1]);
        if (left < 0) break;
        if (left > 0) continue;
        code = brain_space_open(held->store, id, len, &space);
        if (code != 0) return code;
        code = brain_space_exists(space);
        brain_space_close(space);
        code = code == 0 ? append_bytes(list, id, len) : code == BRAIN_E_NOT_FOUND ? 0 : code;
    }
    return code;
}

static int append_long(struct bp_store *held, PyObject *list)
{
    const void *bytes;
    size_t len;
    brain_iter *iter;
    int code = brain_iter_spaces(held->store, NULL, &iter);
    if (code != 0) return code;
    while (code == 0 && (code = brain_iter_next(iter, &bytes, &len)) == 0) {
        if (*(const uint8_t *)bytes != 0xff) code = append_bytes(list, bytes, len);
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

const char bp_plasmanames_spaces_doc[] =
    "_spaces($self, object_id, /)\n--\n\nThe namespaces that an id can be a name's of: bytes.";

PyObject *bp_plasmanames_spaces(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (!bp_plasmaclient_has_arguments(n_args, 1, "_spaces(object_id)")) return NULL;
    if (!bp_plasmaclient_is_connected(self)) return NULL;
    const uint8_t *id = bp_objectid_bytes(self->state, args[0]);
    if (id == NULL) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    PyObject *list = PyList_New(0);
    int code = list == NULL ? BP_PLASMA_RAISED : 0;
    if (code == 0 && memcmp(id, LONG_MARK, LONG_MARK_LEN) == 0) {
        code = append_long(held, list);
    } else if (code == 0) {
        code = append_prefixes(held, id, list);
    }
    bp_handle_store_drop(held);
    if (code == 0) return list;
    Py_XDECREF(list);
    return code == BP_PLASMA_RAISED ? NULL : bp_plasmaclient_raise(self, code, NULL);
}

/* A namespace by its bytes; NULL with an exception set. */
static brain_space *open_space(struct bp_plasma *self, PyObject *bytes)
{
    char *name;
    Py_ssize_t len;
    brain_space *space;
    if (!bp_plasmaclient_is_connected(self)) return NULL;
    if (PyBytes_AsStringAndSize(bytes, &name, &len) != 0) return NULL;
    int code = brain_space_open(self->store->store, name, (size_t)len, &space);
    if (code == 0) return space;
    bp_plasmaclient_raise(self, code, NULL);
    return NULL;
}

const char bp_plasmanames_names_doc[] =
    "_names($self, namespace, /)\n--\n\nThe names in a namespace; both are bytes.";

PyObject *bp_plasmanames_names(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    const void *bytes;
    size_t len;
    brain_iter *iter;
    if (!bp_plasmaclient_has_arguments(n_args, 1, "_names(namespace)")) return NULL;
    brain_space *space = open_space(self, args[0]);
    if (space == NULL) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    PyObject *list = PyList_New(0);
    int code = list == NULL ? BP_PLASMA_RAISED : brain_iter_names(space, NULL, &iter);
    if (code == 0) {
        while (code == 0 && (code = brain_iter_next(iter, &bytes, &len)) == 0) {
            code = append_bytes(list, bytes, len);
        }
        brain_iter_free(iter);
    }
    brain_space_close(space);
    bp_handle_store_drop(held);
    if (code == BRAIN_E_NOT_FOUND) return list;
    Py_XDECREF(list);
    return code == BP_PLASMA_RAISED ? NULL : bp_plasmaclient_raise(self, code, NULL);
}

const char bp_plasmanames_named_doc[] =
    "_named($self, namespace, name, /)\n--\n\n"
    "(value id, description) of a name, or None; all are bytes.";

PyObject *bp_plasmanames_named(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    char *name;
    Py_ssize_t len;
    if (!bp_plasmaclient_has_arguments(n_args, 2, "_named(namespace, name)")) return NULL;
    if (PyBytes_AsStringAndSize(args[1], &name, &len) != 0) return NULL;
    brain_space *space = open_space(self, args[0]);
    if (space == NULL) return NULL;
    int code = brain_get(space, name, (size_t)len, &view);
    brain_space_close(space);
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_NONE;
    if (code != 0) return bp_plasmaclient_raise(self, code, NULL);
    bp_away_id(self->state, &view, id);
    PyObject *pair = Py_BuildValue("y#y#", id, (Py_ssize_t)BRAIN_ID_BYTES, view.description,
                                   (Py_ssize_t)view.description_len);
    brain_view_drop(&view);
    return pair;
}

const char bp_plasmanames_forget_doc[] =
    "_forget($self, namespace, name, /)\n--\n\nDelete a name. Returns whether there was one.";

PyObject *bp_plasmanames_forget(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    char *name;
    Py_ssize_t len;
    if (!bp_plasmaclient_has_arguments(n_args, 2, "_forget(namespace, name)")) return NULL;
    if (PyBytes_AsStringAndSize(args[1], &name, &len) != 0) return NULL;
    brain_space *space = open_space(self, args[0]);
    if (space == NULL) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_delete(space, name, (size_t)len, BRAIN_ANY_VERSION);
    Py_END_ALLOW_THREADS brain_space_close(space);
    bp_handle_store_drop(held);
    if (code == 0) Py_RETURN_TRUE;
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_FALSE;
    return bp_plasmaclient_raise(self, code, NULL);
}
