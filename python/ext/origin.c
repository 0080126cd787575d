/* origin.c - which stored value a recalled one is: for a Ref to it.
 *
 * A recalled value does not say where it came from: it is an array, a frame, an object of somebody's
 * class. But where it shares memory of the store, that leads to the stored value (brain_view_at()).
 * Whether it is the whole of that, and as it was, is found by recalling it once more, and encoding both
 * (bp_convert_encode_to_compare()): the same bytes, or buffers at the same addresses, are the same value.
 * What is stored is not compared with, since an encoder may write a value otherwise than it was put: a
 * set in another order, a pickle with other references.
 *
 * Code of others runs while a value is encoded or recalled. It may close the Brain, so the store is
 * held.
 */
#include "away.h"
#include "brainobject.h"
#include "convert.h"
#include "plasma/store.h"
#include "view.h"

#include <string.h>

/* ---- comparing ------------------------------------------------------------------------------- */

static bool is_same_run(const void *one, const void *other, size_t n_bytes)
{
    int order;
    if (one == other || n_bytes == 0) return true;
    if (n_bytes < BP_LARGE_BYTES) return memcmp(one, other, n_bytes) == 0;
    Py_BEGIN_ALLOW_THREADS order = memcmp(one, other, n_bytes);
    Py_END_ALLOW_THREADS return order == 0;
}

/* All but the bytes of the parts. */
static bool is_same_shape(const brain_value *one, const brain_value *other)
{
    if (one->kind != other->kind || one->n_parts != other->n_parts ||
        one->meta_len != other->meta_len || !is_same_run(one->meta, other->meta, one->meta_len)) {
        return false;
    }
    for (uint32_t i = 0; i < one->n_parts; i++) {
        if (one->parts[i].size_bytes != other->parts[i].size_bytes) return false;
    }
    return true;
}

static bool is_same(const brain_value *one, const brain_value *other)
{
    bool same = is_same_shape(one, other);
    for (uint32_t i = 0; same && i < one->n_parts; i++) {
        same = is_same_run(one->parts[i].data, other->parts[i].data, one->parts[i].size_bytes);
    }
    return same;
}

/* Whether `value`, which `encoded` is of, is what `whole` is recalled as: 1 or 0, -1 with an exception
 * set. */
static int is_recalled(struct bp_brain *self, PyObject *value, const struct bp_encoded *encoded,
                       PyObject *whole, PyObject *name)
{
    struct bp_encoded again;
    PyObject *recalled = bp_pinned_recall((PyObject *)self, whole);
    if (recalled == NULL) return -1;
    int same = Py_TYPE(recalled) == Py_TYPE(value);
    if (same) {
        same = bp_convert_encode_to_compare(self->state, recalled, self->pickle, name, &again) == 0
                   ? is_same(&encoded->value, &again.value)
                   : -1;
        if (same >= 0) bp_convert_free(&again);
    }
    Py_DECREF(recalled);
    return same;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* A view of the first value that a part of `encoded` lies in. 1; 0: none does; -1 with an exception
 * set. */
static int find(struct bp_state *state, brain_store *store, const struct bp_encoded *encoded,
                brain_view *view_out)
{
    int code = BRAIN_E_NOT_FOUND;
    for (uint32_t i = 0; i < encoded->value.n_parts && code == BRAIN_E_NOT_FOUND; i++) {
        const brain_part *part = &encoded->value.parts[i];
        if (part->size_bytes == 0) continue;
        const void *origin = bp_private_origin(state, part->data);
        code = bp_away_at(state, store, origin != NULL ? origin : part->data, view_out);
    }
    if (code == 0) return 1;
    if (code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(state, code);
    return -1;
}

/* Whether it is the value of a Plasma object, which has no form of ours, and goes by other rules. */
static bool is_plasma(const brain_view *view)
{
    brain_space *space;
    const void *name;
    size_t name_len;
    if (brain_view_space(view, &space, &name, &name_len) != 0) return false; /* it was removed */
    bool is_it = name_len == PL_OBJECTS_SPACE_LEN &&
                 memcmp(name, PL_OBJECTS_SPACE, PL_OBJECTS_SPACE_LEN) == 0;
    brain_space_close(space);
    return is_it;
}

static PyObject *refuse_plasma(struct bp_state *state, PyObject *value)
{
    return bp_errors_format(state, BP_VALUE,
                            "that %R is of a Plasma object, and a Ref is to the value of a name: "
                            "send "
                            "the ObjectID, and get() it there",
                            (PyObject *)Py_TYPE(value));
}

static PyObject *refuse_part(struct bp_state *state, PyObject *value, const brain_view *view)
{
    PyObject *name = bp_convert_name_of(state, view);
    if (name == NULL) return NULL;
    bp_errors_format(state, BP_VALUE,
                     "that %R shares memory with the value of %R, and is not that value as it is "
                     "recalled: it is a part of it, or was changed since, or put together anew. A "
                     "Ref is to a whole value: give the name, brain.ref(name)",
                     (PyObject *)Py_TYPE(value), name);
    Py_DECREF(name);
    return NULL;
}

/* (id, version, name, View) of what `view` shows, which it takes over, if that is `value`. */
static PyObject *pin(struct bp_brain *self, PyObject *value, const struct bp_encoded *encoded,
                     const brain_view *view, PyObject *name)
{
    uint8_t id[BRAIN_ID_BYTES];
    PyObject *whole = bp_view_new(self->state, view);
    if (whole == NULL) return NULL;
    bool plasma = is_plasma(view);
    int same = plasma ? -1 : is_recalled(self, value, encoded, whole, name);
    PyObject *result = NULL;
    if (plasma) {
        refuse_plasma(self->state, value);
    } else if (same > 0) {
        bp_away_id(self->state, view, id); /* `whole` keeps it */
        result =
            Py_BuildValue("y#KNO", id, (Py_ssize_t)sizeof id, (unsigned long long)view->version,
                          bp_convert_name_of(self->state, view), whole);
    } else if (same == 0) {
        refuse_part(self->state, value, view);
    }
    Py_DECREF(whole);
    return result;
}

const char bp_origin_pin_doc[] = "_pin_value($self, value, /)\n--\n\n"
                                 "The stored value that a recalled one is, kept: its id, its "
                                 "version, its name, and a View of all\n"
                                 "of its data. BrainValueError where it is none.";

PyObject *bp_origin_pin(PyObject *op, PyObject *value)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_encoded encoded;
    brain_view view;
    PyObject *result = NULL;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *held = bp_brain_hold(self, NULL);
    PyObject *name = PyUnicode_FromString("value");
    if (name != NULL &&
        bp_convert_encode_to_compare(self->state, value, self->pickle, name, &encoded) == 0) {
        int found = find(self->state, held->owner->store, &encoded, &view);
        if (found > 0) {
            result = pin(self, value, &encoded, &view, name);
        } else if (found == 0) {
            bp_errors_format(self->state, BP_VALUE,
                             "nothing of that %R lies in the store %R: it is of another store, or "
                             "a copy, or a "
                             "part that is not in one piece, or its bytes were copied when it was "
                             "recalled (brain.explain(name) tells). Give the name, brain.ref(name)",
                             (PyObject *)Py_TYPE(value), self->path);
        }
        bp_convert_free(&encoded);
    }
    Py_XDECREF(name);
    bp_handle_space_drop(held);
    return result;
}
