/* arguments.c - the arguments of the methods that take a namespace, and the namespaces used lately.
 *
 * A server that has a namespace for each session gives one with each call. The last ones stay open,
 * so that such a call costs a look at a short list, and not memory and what is known of the space.
 */
#include "arguments.h"

/* ---- namespaces used lately ------------------------------------------------------------------ */

/* Names are mostly one and the same object, or different: the hash, which a str keeps, tells. */
static bool same_name(const struct bp_space *space, PyObject *name, Py_hash_t hash)
{
    if (space->name == name) return true;
    return PyObject_Hash(space->name) == hash && PyUnicode_Compare(space->name, name) == 0;
}

/* The open space of that name, moved to the front; NULL: it is none of these. */
static struct bp_space *find_open(struct bp_brain *self, PyObject *name, Py_hash_t hash)
{
    for (size_t i = 0; i < BP_OPEN_SPACES && self->open_spaces[i] != NULL; i++) {
        struct bp_space *space = self->open_spaces[i];
        if (!same_name(space, name, hash)) continue;
        for (; i > 0; i--)
            self->open_spaces[i] = self->open_spaces[i - 1];
        self->open_spaces[0] = space;
        return space;
    }
    return NULL;
}

/* Keep `space`, whose reference it takes over, in place of the one that was used longest ago. */
static void keep_open(struct bp_brain *self, struct bp_space *space)
{
    struct bp_space *oldest = self->open_spaces[BP_OPEN_SPACES - 1];
    for (size_t i = BP_OPEN_SPACES - 1; i > 0; i--)
        self->open_spaces[i] = self->open_spaces[i - 1];
    self->open_spaces[0] = space;
    bp_handle_space_drop(oldest);
}

void bp_arguments_forget_spaces(struct bp_brain *self)
{
    for (size_t i = 0; i < BP_OPEN_SPACES; i++) {
        struct bp_space *space = self->open_spaces[i];
        self->open_spaces[i] = NULL;
        bp_handle_space_drop(space);
    }
}

/* The namespace `name`, a str of no class of its own, in `*in_out`; NULL: the one in use. */
static bool find_space(struct bp_brain *self, PyObject *name, struct bp_space **in_out)
{
    Py_hash_t hash = PyObject_Hash(name);
    if (same_name(self->current, name, hash)) return true;
    struct bp_space *space = find_open(self, name, hash);
    if (space == NULL) {
        space = bp_handle_space(self->state, self->store, name);
        if (space == NULL) return false;
        keep_open(self, space);
    }
    *in_out = bp_handle_space_take(space);
    return true;
}

bool bp_arguments_space(struct bp_brain *self, PyObject *name, struct bp_space **in_out)
{
    *in_out = NULL;
    if (name == Py_None) return true;
    if (!bp_brain_is_open(self)) return false;
    if (!PyUnicode_Check(name)) {
        bp_errors_format(self->state, BP_NAME_TYPE,
                         "the name of a namespace has to be a str, not %R", name);
        return false;
    }
    PyObject *plain = PyUnicode_FromObject(name); /* the hash of a subclass may run anything */
    bool found = plain != NULL && find_space(self, plain, in_out);
    Py_XDECREF(plain);
    return found;
}

/* ---- arguments ------------------------------------------------------------------------------- */

PyObject *bp_arguments_raise(const char *usage, Py_ssize_t n_args)
{
    PyErr_Format(PyExc_TypeError, "%s: %zd positional arguments were given", usage, n_args);
    return NULL;
}

bool bp_arguments_read_rest(struct bp_brain *self, const char *usage, PyObject *const *args,
                            Py_ssize_t n_args, Py_ssize_t n_min, Py_ssize_t n_max,
                            PyObject *keywords, struct bp_space **in_out)
{
    if (n_args < n_min || n_args > n_max) {
        bp_arguments_raise(usage, n_args);
        return false;
    }
    Py_ssize_t n_keywords = keywords == NULL ? 0 : PyTuple_Size(keywords);
    for (Py_ssize_t i = 0; i < n_keywords; i++) {
        PyObject *keyword = PyTuple_GetItem(keywords, i);
        if (PyUnicode_CompareWithASCIIString(keyword, "namespace") != 0) {
            PyErr_Format(PyExc_TypeError, "%s: there is no keyword argument %R", usage, keyword);
            return false;
        }
    }
    return n_keywords == 0 || bp_arguments_space(self, args[n_args], in_out);
}
