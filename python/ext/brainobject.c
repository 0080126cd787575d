/* brainobject.c - what the methods of a Brain share: messages, the space in use, and the put.
 *
 * GIL: see module.c. Code of others runs while a value is encoded, and may close the Brain.
 */
#include "brainobject.h"

#include "arguments.h"
#include "convert.h"
#include "draft.h"
#include "parts.h"
#include "plasma/evict.h"

/* ---- messages -------------------------------------------------------------------------------- */

PyObject *bp_brain_raise_closed(struct bp_brain *self)
{
    if (self->path == NULL) {
        return bp_errors_format(self->state, BP_CLOSED,
                                "this Brain was never opened: "
                                "Brain.__init__() was not called");
    }
    if (self->sleeping_space != NULL) {
        return bp_errors_format(self->state, BP_ASLEEP,
                                "this Brain of the store %R is asleep; wake_up() connects it again",
                                self->path);
    }
    if (self->destroyed) {
        return bp_errors_format(self->state, BP_CLOSED,
                                "this Brain has destroyed its store, and is closed; Brain(%R) "
                                "makes a "
                                "new one, which is empty",
                                self->path);
    }
    return bp_errors_format(self->state, BP_CLOSED,
                            "this Brain is closed; Brain(%R) opens the store again", self->path);
}

PyObject *bp_brain_raise_missing(struct bp_brain *self, struct bp_space *in, PyObject *name)
{
    if (in == NULL) in = self->current;
    PyObject *space = in != NULL ? in->name : Py_None;
    /* Our own references: to make a tuple may collect garbage, and that run what closes this Brain. */
    PyObject *arguments = Py_BuildValue("(ONN)", name, Py_NewRef(space), Py_NewRef(self->path));
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

/* ---- the space in use ------------------------------------------------------------------------ */

void bp_brain_use(struct bp_brain *self, struct bp_space *space)
{
    bp_recent_clear(&self->recents); /* hints are of one namespace */
    struct bp_space *old = self->current;
    self->current = space;
    self->space = space->space;
    bp_handle_space_drop(old);
}

void bp_brain_close(struct bp_brain *self)
{
    struct bp_space *space = self->current;
    struct bp_store *store = self->store;
    bp_recent_clear(&self->recents);
    bp_arguments_forget_spaces(self);
    self->space = NULL;
    self->current = NULL;
    self->store = NULL;
    if (store != NULL) store->closed = true;
    bp_handle_space_drop(space);
    bp_handle_store_drop(store);
}

/* ---- a change that failed -------------------------------------------------------------------- */

/* Whether the put that failed would have replaced something. Where that cannot be told, it is as if
 * the name were new. */
static bool is_there(struct bp_brain *self, struct bp_space *in, PyObject *name)
{
    size_t name_len;
    brain_space *space;
    const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
    if (utf8 != NULL) return brain_exists(space, utf8, name_len, NULL) == 0;
    PyErr_Clear();
    return false;
}

static bool any_is_there(struct bp_brain *self, struct bp_space *in, PyObject *names)
{
    Py_ssize_t n = PyList_Size(names);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (is_there(self, in, PyList_GetItem(names, i))) return true;
    }
    return false;
}

static int failed_put(struct bp_brain *self, struct bp_space *in, PyObject *names,
                      bool (*are_there)(struct bp_brain *, struct bp_space *, PyObject *))
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    bool replaces = are_there(self, in, names);
    PyErr_Restore(type, error, traceback);
    bp_errors_refine(replaces ? "failed_update" : "failed_learn");
    return -1;
}

int bp_brain_failed_put(struct bp_brain *self, struct bp_space *in, PyObject *name)
{
    return failed_put(self, in, name, is_there);
}

int bp_brain_failed_puts(struct bp_brain *self, struct bp_space *in, PyObject *names)
{
    return failed_put(self, in, names, any_is_there);
}

int bp_brain_failed_delete(void)
{
    bp_errors_refine("failed_delete");
    return -1;
}

/* ---- put ------------------------------------------------------------------------------------- */

bool bp_brain_may_make(struct bp_brain *self, struct bp_space *in)
{
    if (in == NULL || self->long_namespaces) return true;
    Py_ssize_t length = PyUnicode_GetLength(in->name);
    if (length >= 5 && length <= 15) return true;
    PyObject *check = bp_state_function("brain_plasma.arguments", "check_namespace");
    PyObject *name =
        check == NULL ? NULL : PyObject_CallFunctionObjArgs(check, in->name, Py_False, NULL);
    Py_XDECREF(check);
    Py_XDECREF(name); /* NULL: it raises, in the words that are the same everywhere */
    return name != NULL;
}

bool bp_brain_make_room(struct bp_store *store, uint64_t n_bytes, unsigned *tried)
{
    struct pl_store objects;
    if (pl_store_open(store->store, &objects) != 0) return false;
    bool made = pl_evict_make_room_for_named(&objects, n_bytes, tried);
    pl_store_close(&objects);
    return made;
}

/* brain_put(), unless it was tried and gave `code`, and where the store is full what Plasma objects can be evicted for
 * it: without the GIL. */
static int put_or_evict(struct bp_space *held, const char *utf8, size_t name_len,
                        const struct bp_encoded *encoded, uint64_t if_version, int code,
                        uint64_t *version_out)
{
    unsigned tried = 0;
    bool is_tried = code == BRAIN_E_FULL;
    while (!is_tried ||
           (code == BRAIN_E_FULL && bp_brain_make_room(held->owner, encoded->size_bytes, &tried))) {
        code = brain_put(held->space, utf8, name_len, &encoded->value, if_version, version_out);
        is_tried = true;
    }
    return code;
}

/* Put what brain_try_put() did not. It is one call, which is refused once at most. */
static int put_slowly(struct bp_brain *self, struct bp_space *in, const char *utf8, size_t name_len,
                      const struct bp_encoded *encoded, uint64_t if_version, uint64_t *version_out)
{
    bool is_quick = encoded->size_bytes < BP_LARGE_BYTES && !bp_brain_is_busy(self);
    struct bp_space *held = bp_brain_hold(self, in);
    int code = BRAIN_E_BUSY;
    brain_tries_begin();
    if (is_quick) {
        code = brain_put(held->space, utf8, name_len, &encoded->value, if_version, version_out);
    }
    if (is_quick && code != BRAIN_E_FULL) {
        /* done, or failed for good */
    } else if (bp_parts_are_unwritten(encoded)) {
        code = bp_draft_put(self, held, utf8, name_len, encoded, if_version, version_out);
    } else {
        Py_BEGIN_ALLOW_THREADS code =
            put_or_evict(held, utf8, name_len, encoded, if_version, code, version_out);
        Py_END_ALLOW_THREADS
    }
    brain_tries_end(held->owner->store, code);
    bp_handle_space_drop(held);
    return code;
}

/* In the namespace in use, where names have hints. `is_tried`: not at once, that was in vain. */
BP_INLINE int put_here(struct bp_brain *self, PyObject *name, const struct bp_encoded *encoded,
                       bool is_tried, uint64_t if_version, uint64_t *version_out)
{
    brain_hint *hint;
    size_t name_len;
    const char *utf8 = bp_brain_hinted_name(self, name, &name_len, &hint);
    if (utf8 == NULL) return BP_RAISED;
    int code = BRAIN_E_BUSY;
    if (!is_tried && encoded->size_bytes < BP_SMALL_BYTES) {
        code = brain_try_put(self->space, utf8, name_len, hint, &encoded->value, if_version,
                             version_out);
    }
    if (code != BRAIN_E_BUSY) return code;
    return put_slowly(self, NULL, utf8, name_len, encoded, if_version, version_out);
}

static int put_in(struct bp_brain *self, const struct bp_put *what,
                  const struct bp_encoded *encoded, uint64_t *version_out)
{
    size_t name_len;
    brain_space *space;
    const char *utf8 = bp_brain_name_in(self, what->in, what->name, &name_len, &space);
    if (utf8 == NULL || !bp_brain_may_make(self, what->in)) return BP_RAISED;
    return put_slowly(self, what->in, utf8, name_len, encoded, what->if_version, version_out);
}

static int put(struct bp_brain *self, const struct bp_put *what, uint64_t *version_out)
{
    struct bp_encoded encoded;
    if (!bp_brain_is_open(self)) return BP_RAISED;
    if (bp_convert_encode(self->state, what->value, self->pickle, what->name, &encoded) != 0) {
        return BP_RAISED;
    }
    /* From here on a name is looked at: what ran until now may have closed this Brain. */
    int code;
    if (what->in == NULL && what->description == NULL) {
        code = put_here(self, what->name, &encoded, false, what->if_version, version_out);
    } else {
        encoded.value.description = what->description;
        encoded.value.description_len = what->description_len;
        code = put_in(self, what, &encoded, version_out);
    }
    bp_convert_free(&encoded);
    return code;
}

/* Two digits of CPython's ints: what versions have for a long time. */
PyObject *bp_brain_room(void)
{
    return PyLong_FromUnsignedLongLong((unsigned long long)1 << 59);
}

PyObject *bp_brain_number(PyObject *room, uint64_t number)
{
    PyObject *result = PyLong_FromUnsignedLongLong(number);
    Py_DECREF(room);
    if (result == NULL) {
        PyErr_Clear();
        result = PyLong_FromUnsignedLongLong(number);
    }
    return result;
}

int bp_brain_put(struct bp_brain *self, const struct bp_put *what, uint64_t *version_out)
{
    int code = put(self, what, version_out);
    if (code == 0) return 0;
    if (what->if_version != BRAIN_ANY_VERSION &&
        (code == BRAIN_E_EXISTS || code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND)) {
        return code;
    }
    if (code != BP_RAISED) bp_errors_raise(self->state, code);
    bp_brain_failed_put(self, what->in, what->name);
    return BP_RAISED;
}

BP_NOINLINE static int failed_set(struct bp_brain *self, PyObject *name, int code)
{
    if (code != BP_RAISED) bp_errors_raise(self->state, code);
    return bp_brain_failed_put(self, NULL, name);
}

BP_NOINLINE static int set_slowly(struct bp_brain *self, PyObject *name, PyObject *value,
                                  bool is_tried)
{
    struct bp_encoded encoded;
    int code = BP_RAISED;
    if (!bp_brain_is_open(self)) return -1;
    if (bp_convert_encode(self->state, value, self->pickle, name, &encoded) == 0) {
        /* Not before: to encode may run anything, which may close this Brain. */
        code = put_here(self, name, &encoded, is_tried, BRAIN_ANY_VERSION, NULL);
        bp_convert_free(&encoded);
    }
    return code == 0 ? 0 : failed_set(self, name, code);
}

/* What is small at once; set_slowly() has the full answer. */
int bp_brain_set(struct bp_brain *self, PyObject *name, PyObject *value)
{
    struct bp_small small;
    if (self->space == NULL || !bp_convert_encode_small(value, &small)) {
        return set_slowly(self, name, value, false);
    }
    brain_hint *hint;
    size_t name_len;
    const char *utf8 = bp_brain_hinted_name(self, name, &name_len, &hint);
    if (utf8 == NULL) return failed_set(self, name, BP_RAISED);
    int code = brain_try_put_small(self->space, utf8, name_len, hint, small.kind, small.data,
                                   small.size_bytes);
    return __builtin_expect(code == 0, 1) ? 0 : set_slowly(self, name, value, true);
}
