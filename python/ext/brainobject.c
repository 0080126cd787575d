/* brainobject.c - what the methods of a Brain share: messages, the names used lately, the space in
 * use, and the put.
 *
 * GIL: see module.c. Code of others runs while a value is encoded, and may close the Brain.
 */
#include "brainobject.h"

#include "convert.h"

/* ---- messages -------------------------------------------------------------------------------- */

PyObject *bp_brain_raise_closed(struct bp_brain *self)
{
    if (self->path == NULL) {
        return bp_errors_format(self->state, BP_CLOSED,
                                "this Brain was never opened: "
                                "Brain.__init__() was not called");
    }
    return bp_errors_format(self->state, BP_CLOSED,
                            "this Brain is closed; Brain(%R) opens the store again", self->path);
}

PyObject *bp_brain_raise_missing(struct bp_brain *self, PyObject *name)
{
    PyObject *space = self->current != NULL ? self->current->name : Py_None;
    PyObject *arguments = Py_BuildValue("(OOO)", name, space, self->path);
    if (arguments == NULL) return NULL;
    PyErr_SetObject(self->state->errors[BP_NAME_NOT_EXIST], arguments);
    Py_DECREF(arguments);
    return NULL;
}

const char *bp_brain_raise_name(struct bp_brain *self, PyObject *name)
{
    if (!PyUnicode_Check(name)) {
        PyErr_Clear();
        bp_errors_format(self->state, BP_NAME_TYPE, "a name has to be a str, not %R", name);
    } else if (PyErr_Occurred()) {
        bp_errors_chain(self->state, BP_VALUE,
                        "a name has to be valid text, without lone surrogates: %R", name);
    } else {
        bp_errors_format(self->state, BP_NAME_LENGTH,
                         "a name has to be at most %u bytes long in UTF-8, and this one of %zd "
                         "characters is longer",
                         BRAIN_NAME_MAX, PyUnicode_GetLength(name));
    }
    return NULL;
}

/* ---- names that were used lately ------------------------------------------------------------- */

struct bp_recent *bp_brain_remember(struct bp_brain *self, PyObject *name, const char *utf8,
                                    size_t len)
{
    if (len > BP_RECENT_NAME_MAX || Py_TYPE(name) != &PyUnicode_Type) return NULL;
    if (self->recent == NULL) {
        self->recent = PyMem_Calloc(BP_RECENT, sizeof *self->recent);
        if (self->recent == NULL) return NULL;
    }
    struct bp_recent *recent = &self->recent[bp_brain_recent_place(name)];
    PyObject *old = recent->name;
    *recent = (struct bp_recent){ .name = Py_NewRef(name), .utf8 = utf8, .len = len };
    Py_XDECREF(old);
    return recent;
}

/* Hints are of one namespace. */
static void forget_recent(struct bp_brain *self)
{
    struct bp_recent *recent = self->recent;
    self->recent = NULL;
    for (size_t i = 0; recent != NULL && i < BP_RECENT; i++) {
        Py_XDECREF(recent[i].name);
    }
    PyMem_Free(recent);
}

/* ---- the space in use ------------------------------------------------------------------------ */

void bp_brain_use(struct bp_brain *self, struct bp_space *space)
{
    forget_recent(self);
    struct bp_space *old = self->current;
    self->current = space;
    self->space = space->space;
    bp_handle_space_drop(old);
}

void bp_brain_close(struct bp_brain *self)
{
    struct bp_space *space = self->current;
    struct bp_store *store = self->store;
    forget_recent(self);
    self->space = NULL;
    self->current = NULL;
    self->store = NULL;
    if (store != NULL) store->closed = true;
    bp_handle_space_drop(space);
    bp_handle_store_drop(store);
}

/* ---- put ------------------------------------------------------------------------------------- */

/* Put what brain_try_put() did not. */
static int put_slowly(struct bp_brain *self, const char *utf8, size_t name_len,
                      const struct bp_encoded *encoded, uint64_t if_version, uint64_t *version_out)
{
    if (encoded->size_bytes < BP_LARGE_BYTES && !bp_brain_is_busy(self)) {
        return brain_put(self->space, utf8, name_len, &encoded->value, if_version, version_out);
    }
    struct bp_space *held = bp_handle_space_take(self->current);
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        brain_put(held->space, utf8, name_len, &encoded->value, if_version, version_out);
    Py_END_ALLOW_THREADS bp_handle_space_drop(held);
    return code;
}

BP_INLINE int put(struct bp_brain *self, PyObject *name, PyObject *value, uint64_t if_version,
                  uint64_t *version_out)
{
    struct bp_encoded encoded;
    brain_hint *hint;
    size_t name_len;
    if (!bp_brain_is_open(self)) return BP_RAISED;
    if (bp_convert_encode(self->state, value, self->pickle, name, &encoded) != 0) return BP_RAISED;
    /* After the value was encoded: that may run anything, which may close this Brain. */
    const char *utf8 = bp_brain_hinted_name(self, name, &name_len, &hint);
    int code = utf8 == NULL ? BP_RAISED : BRAIN_E_BUSY;
    if (code != BP_RAISED && encoded.size_bytes < BP_SMALL_BYTES) {
        code = brain_try_put(self->space, utf8, name_len, hint, &encoded.value, if_version,
                             version_out);
    }
    if (code == BRAIN_E_BUSY) {
        code = put_slowly(self, utf8, name_len, &encoded, if_version, version_out);
    }
    bp_convert_free(&encoded);
    return code;
}

int bp_brain_put(struct bp_brain *self, PyObject *name, PyObject *value, uint64_t if_version,
                 uint64_t *version_out)
{
    return put(self, name, value, if_version, version_out);
}

int bp_brain_set(struct bp_brain *self, PyObject *name, PyObject *value)
{
    int code = put(self, name, value, BRAIN_ANY_VERSION, NULL);
    if (code == 0) return 0;
    if (code != BP_RAISED) bp_errors_raise(self->state, code);
    return -1;
}
