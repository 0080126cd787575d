/* many.c - the methods of Brain about many names at once, and about what belongs to a name: the id
 * of its value and its description.
 */
#include "arguments.h"
#include "away.h"
#include "convert.h"
#include "parts.h"

#include <stdio.h>

/* ---- put ------------------------------------------------------------------------------------- */

/* Add one encoded change to `batch`, evicting what Plasma objects can be for it: without the GIL. `tried` is of the whole
 * batch, which is tried again as well: else it would wait the square of what one put waits for objects in use. */
static int add_or_evict(struct bp_space *held, brain_batch *batch, const char *utf8,
                        size_t name_len, const struct bp_encoded *encoded, unsigned *tried)
{
    int code;
    do {
        code = brain_batch_put(batch, held->space, utf8, name_len, &encoded->value);
    } while (code == BRAIN_E_FULL && bp_brain_make_room(held->owner, encoded->size_bytes, tried));
    return code;
}

/* Add one encoded change to `batch`. What does not fit a slot goes into the store now, so it is here
 * that the store may be full: from some 2,000 bytes on, which is far below what is worth to give up
 * the GIL for. */
static int add_encoded(struct bp_space *held, brain_batch *batch, const char *utf8, size_t name_len,
                       const struct bp_encoded *encoded, unsigned *tried)
{
    int code = BRAIN_E_FULL;
    if (encoded->size_bytes < BP_LARGE_BYTES && bp_brain_says_full(held->owner->store)) {
        code = brain_batch_put(batch, held->space, utf8, name_len, &encoded->value);
    }
    if (code == BRAIN_E_FULL) {
        Py_BEGIN_ALLOW_THREADS code = add_or_evict(held, batch, utf8, name_len, encoded, tried);
        Py_END_ALLOW_THREADS
    }
    return code;
}

/* How many bytes the first `n` values of a batch come to. */
struct sum {
    uint64_t bytes;
    Py_ssize_t n;
};

/* Add one change to `batch`, and its size to `*sum`. */
static int batch_put(struct bp_brain *self, struct bp_space *held, brain_batch *batch,
                     PyObject *name, PyObject *value, struct sum *sum, unsigned *tried)
{
    struct bp_encoded encoded;
    size_t name_len;
    const char *utf8 = bp_brain_name(self, name, &name_len);
    if (utf8 == NULL) return BP_RAISED;
    if (bp_convert_encode(self->state, value, self->pickle, name, &encoded) != 0) return BP_RAISED;
    int code = BP_RAISED;
    if (bp_parts_write(&encoded) == 0) {
        code = add_encoded(held, batch, utf8, name_len, &encoded, tried);
    }
    sum->bytes += encoded.size_bytes;
    sum->n++;
    bp_convert_free(&encoded);
    return code;
}

/* Put all of `items`, a list of pairs, in one commit. `*sum`: of those that it came to. */
static int put_batch(struct bp_brain *self, struct bp_space *held, PyObject *items, struct sum *sum,
                     unsigned *tried)
{
    brain_batch *batch;
    int code = brain_batch_new(held->owner->store, &batch);
    if (code != 0) return code;
    *sum = (struct sum){ .n = 0 };
    Py_ssize_t n = PyList_Size(items);
    for (Py_ssize_t i = 0; i < n && code == 0; i++) {
        PyObject *pair = PyList_GetItem(items, i);
        code = batch_put(self, held, batch, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1), sum,
                         tried);
    }
    if (code == 0) {
        Py_BEGIN_ALLOW_THREADS code = brain_batch_commit(batch, NULL);
        Py_END_ALLOW_THREADS
    }
    brain_batch_free(batch);
    return code;
}

/* How many bytes all of `items` come to. False with an exception set. */
static bool sum_of(struct bp_brain *self, PyObject *items, struct sum *sum_out)
{
    *sum_out = (struct sum){ .n = 0 };
    Py_ssize_t n = PyList_Size(items);
    for (Py_ssize_t i = 0; i < n; i++) {
        struct bp_encoded encoded;
        PyObject *pair = PyList_GetItem(items, i);
        if (bp_convert_encode(self->state, PyTuple_GetItem(pair, 1), self->pickle,
                              PyTuple_GetItem(pair, 0), &encoded) != 0) {
            return false;
        }
        sum_out->bytes += encoded.size_bytes;
        sum_out->n++;
        bp_convert_free(&encoded);
    }
    return true;
}

/* A large value of a batch goes into the store when it is added, and in a mode in which others give way for it they
 * would go one after the other for a batch that never fits: so all are counted first, which encodes them twice. 0, and
 * `*sum` if they were; FULL or QUOTA, with a text; BP_RAISED. */
static int foresee(struct bp_brain *self, struct bp_space *held, PyObject *items, struct sum *sum)
{
    char text[300];
    uint64_t capacity, live, quota = 0;
    if (brain_full_mode(held->owner->store) == BRAIN_FULL_ERROR) return 0;
    if (!sum_of(self, items, sum)) return BP_RAISED;
    int code = brain_usage(held->owner->store, &capacity, &live);
    if (code == 0) code = brain_space_usage(held->space, NULL, NULL, &quota);
    if (code != 0 || (sum->bytes <= capacity && (quota == 0 || sum->bytes <= quota))) return code;
    bool is_full = sum->bytes > capacity;
    snprintf(text, sizeof text,
             "%llu bytes are to be put in one step, and the %s %llu: nothing has been removed for "
             "that. Put them in several steps, or let it have more: %s",
             (unsigned long long)sum->bytes,
             is_full ? "store can hold" : "namespace has a quota of",
             (unsigned long long)(is_full ? capacity : quota),
             is_full ? "resize()" : "set_quota()");
    brain_tell_error(text);
    return is_full ? BRAIN_E_FULL : BRAIN_E_QUOTA;
}

/* The library says how large the one value was that found no room: let it say how much all are, if that is known. To
 * encode them once more, for the text of an error, would run what may be anybody's code. */
static void tell_sum(PyObject *items, const struct sum *sum, int code)
{
    char said[1024], text[1280], bytes[64] = "";
    Py_ssize_t n = PyList_Size(items);
    if ((code != BRAIN_E_FULL && code != BRAIN_E_QUOTA) || n == 1) return;
    snprintf(said, sizeof said, "%s", brain_error_detail());
    if (sum->n == n) {
        snprintf(bytes, sizeof bytes, " of %llu bytes in all", (unsigned long long)sum->bytes);
    }
    snprintf(text, sizeof text, "%zd values%s are to be put in one step: %s", n, bytes, said);
    brain_tell_error(text);
}

/* put_batch(); where the store is full of Plasma objects they make room. The code of the library, or BP_RAISED. `*sum`
 * becomes that of the last try, unless it is of more values already. */
static int put_batch_or_evict(struct bp_brain *self, struct bp_space *held, PyObject *items,
                              struct sum *sum)
{
    unsigned tried = 0;
    for (;;) {
        struct sum these = { .n = 0 };
        int code = put_batch(self, held, items, &these, &tried);
        if (these.n >= sum->n) *sum = these;
        if (code != BRAIN_E_FULL) return code;
        bool made;
        Py_BEGIN_ALLOW_THREADS made = bp_brain_make_room(held->owner, these.bytes, &tried);
        Py_END_ALLOW_THREADS if (!made) return code;
    }
}

const char bp_many_set_doc[] =
    "set_many($self, values, /, *, namespace=None)\n--\n\n"
    "Put all of `values`, a dict of name -> value, in one step.\n"
    "\n"
    "Whoever reads sees all of them or none, and where an exception is raised nothing has\n"
    "changed. At most 131,072 values at once; with more it is a BrainValueError.\n"
    "namespace: None is the current one; one that does not exist is made.\n"
    "Raises as brain[name] = value does: BrainUpdateNameError where any of the names was there, "
    "and\n"
    "else BrainLearnNameError.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: that of as many single puts, and\n"
    "up to 1 us more for each: it is for what has to be seen together, and not for speed.";

/* Put all of `values`, a dict. Returns 0, or -1 with an exception set. */
static int set_many(struct bp_brain *self, struct bp_space *in, PyObject *values)
{
    struct bp_space *held = bp_brain_hold(self, in);
    PyObject *items = PyDict_Items(values);
    struct sum sum = { .n = 0 };
    int code = BP_RAISED;
    if (items != NULL && PyList_Size(items) > (Py_ssize_t)BRAIN_BATCH_MAX) {
        bp_errors_format(self->state, BP_VALUE,
                         "set_many() takes at most %u values, not %zd: spread them over several "
                         "calls, each of which is one step",
                         BRAIN_BATCH_MAX, PyList_Size(items));
    } else if (items != NULL) {
        code = foresee(self, held, items, &sum);
        if (code == 0) {
            brain_tries_begin();
            code = put_batch_or_evict(self, held, items, &sum);
            brain_tries_end(held->owner->store, code);
            tell_sum(items, &sum, code);
        }
    }
    bp_handle_space_drop(held);
    Py_XDECREF(items);
    if (code == 0) return 0;
    if (code != BP_RAISED) bp_errors_raise(self->state, code);
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyObject *names = PyDict_Keys(values);
    if (names == NULL) PyErr_Clear();
    PyErr_Restore(type, error, traceback);
    if (names != NULL) bp_brain_failed_puts(self, in, names);
    Py_XDECREF(names);
    return -1;
}

PyObject *bp_many_set(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "set_many(values)", args, n_args, 1, 1, keywords, &in)) {
        return NULL;
    }
    int failed = -1;
    if (!PyDict_Check(args[0])) {
        PyErr_Format(PyExc_TypeError, "set_many() takes a dict of name -> value, not %R",
                     Py_TYPE(args[0]));
    } else if (bp_brain_is_open(self) && bp_brain_may_make(self, in)) {
        failed = set_many(self, in, args[0]);
    }
    bp_handle_space_drop(in);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* ---- get ------------------------------------------------------------------------------------- */

/* Decode each view that is there into `result`. Takes all of them over. */
static int decode_many(struct bp_brain *self, PyObject *names, brain_view *views, PyObject *result)
{
    Py_ssize_t n = PyList_Size(names);
    int failed = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (failed) {
            brain_view_drop(&views[i]);
        } else if (views[i].store != NULL) {
            PyObject *value = bp_convert_decode(self->state, &views[i], self->pickle);
            failed = value == NULL || PyDict_SetItem(result, PyList_GetItem(names, i), value) != 0;
            Py_XDECREF(value);
        }
    }
    return failed ? -1 : 0;
}

/* Look up `names` and put what is found into `result`. `keys` and `views` have room for all. */
static int get_all(struct bp_brain *self, struct bp_space *in, PyObject *names, brain_key *keys,
                   brain_view *views, PyObject *result)
{
    Py_ssize_t n = PyList_Size(names);
    if (!bp_brain_is_open(self)) return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        size_t name_len;
        brain_space *space;
        const char *utf8 = bp_brain_name_in(self, in, PyList_GetItem(names, i), &name_len, &space);
        if (utf8 == NULL) return -1;
        keys[i] = (brain_key){ .space = space, .name = utf8, .name_len = name_len };
    }
    int code = brain_get_many(self->store->store, keys, (size_t)n, views, NULL);
    if (code == 0) return decode_many(self, names, views, result);
    bp_errors_raise(self->state, code);
    return -1;
}

const char bp_many_get_doc[] =
    "get_many($self, names, /, *, namespace=None)\n--\n\n"
    "The values of `names` as of one moment: a dict of name -> value without those that are\n"
    "missing.\n"
    "\n"
    "namespace: None is the current one; one that does not exist has no names.\n"
    "Raises as brain[name] does, but for KeyError.\n"
    "Threads: any. Never waits for a writer. Cost: as many single ones.";

/* Of `names`, a list. */
static PyObject *get_many(struct bp_brain *self, struct bp_space *in, PyObject *names)
{
    size_t n = (size_t)PyList_Size(names);
    brain_key *keys = PyMem_Calloc(n + 1, sizeof *keys);
    brain_view *views = PyMem_Calloc(n + 1, sizeof *views);
    PyObject *result = PyDict_New();
    if (keys == NULL || views == NULL) PyErr_NoMemory();
    if (PyErr_Occurred() || get_all(self, in, names, keys, views, result) != 0) Py_CLEAR(result);
    PyMem_Free(keys);
    PyMem_Free(views);
    return result;
}

PyObject *bp_many_get(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "get_many(names)", args, n_args, 1, 1, keywords, &in)) {
        return NULL;
    }
    PyObject *names = NULL, *result = NULL;
    if (PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "get_many() takes a list of names, not one name");
    } else {
        names = PySequence_List(args[0]);
    }
    if (names != NULL) result = get_many(self, in, names);
    Py_XDECREF(names);
    bp_handle_space_drop(in);
    return result;
}

/* ---- what belongs to a name ------------------------------------------------------------------ */

static PyObject *id_of(const struct bp_state *state, const brain_view *view)
{
    uint8_t id[BRAIN_ID_BYTES];
    bp_away_id(state, view, id);
    return PyBytes_FromStringAndSize((const char *)id, sizeof id);
}

/* Whoever wrote it may have been a program in C: what is no UTF-8 is shown, not refused. */
static PyObject *description_of(const brain_view *view)
{
    return PyUnicode_DecodeUTF8(view->description, view->description_len, "backslashreplace");
}

const char bp_many_entry_doc[] = "_entry($self, name, namespace, /)\n--\n\n"
                                 "The id of the value of `name` and its description, or None.";

PyObject *bp_many_entry(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    brain_space *space;
    size_t name_len;
    brain_view view;
    if (n_args != 2) return bp_arguments_raise("_entry(name, namespace)", n_args);
    if (!bp_arguments_space(self, args[1], &in)) return NULL;
    const char *utf8 = bp_brain_name_in(self, in, args[0], &name_len, &space);
    int code = utf8 == NULL ? BP_RAISED : brain_get(space, utf8, name_len, &view);
    bp_handle_space_drop(in);
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_NONE;
    if (code != 0) return code == BP_RAISED ? NULL : bp_errors_raise(self->state, code);
    PyObject *entry = Py_BuildValue("(NN)", id_of(self->state, &view), description_of(&view));
    brain_view_drop(&view);
    return entry;
}

/* Append what belongs to the name that `iter` has come to. */
static int append_entry(const struct bp_state *state, brain_iter *iter, const char *name,
                        size_t name_len, PyObject *list)
{
    brain_view view;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code;
    PyObject *text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)name_len, "surrogateescape");
    PyObject *entry = Py_BuildValue("(NNNK)", text, id_of(state, &view), description_of(&view),
                                    (unsigned long long)view.version);
    brain_view_drop(&view);
    int failed = entry == NULL || PyList_Append(list, entry) != 0;
    Py_XDECREF(entry);
    return failed ? BP_RAISED : 0;
}

/* Append what belongs to each name of `space`. Returns 0, the library's code, or BP_RAISED. */
static int append_entries(const struct bp_state *state, brain_space *space, PyObject *list)
{
    brain_iter *iter;
    const void *name;
    size_t name_len;
    int code = brain_iter_names(space, NULL, &iter);
    if (code != 0) return code;
    while (code == 0) {
        code = brain_iter_next(iter, &name, &name_len);
        if (code == 0) code = append_entry(state, iter, name, name_len, list);
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

const char bp_many_entries_doc[] =
    "_entries($self, namespace, /)\n--\n\n"
    "The names of a namespace as of one moment, each with the id of its value, its description\n"
    "and its version.";

PyObject *bp_many_entries(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (n_args != 1) return bp_arguments_raise("_entries(namespace)", n_args);
    if (!bp_arguments_space(self, args[0], &in)) return NULL;
    struct bp_space *held = bp_brain_is_open(self) ? bp_brain_hold(self, in) : NULL;
    PyObject *list = held != NULL ? PyList_New(0) : NULL;
    if (list != NULL) {
        int code = append_entries(self->state, held->space, list);
        if (code != 0) Py_CLEAR(list);
        if (code != 0 && code != BP_RAISED) bp_errors_raise(self->state, code);
    }
    bp_handle_space_drop(held);
    bp_handle_space_drop(in);
    return list;
}
