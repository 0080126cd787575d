/* store.c - the methods of Brain about namespaces and about the store as a whole. */
#include "arguments.h"
#include "disk.h"

#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

/* Namespaces of this byte first are no text, so nobody's by a name: Plasma objects lie in them, and
 * other things of the package's own. */
static bool is_hidden(const void *space_name, size_t len)
{
    return len > 0 && *(const unsigned char *)space_name == 0xff;
}

/* Append the names that `iter` has left to `list`; where visible_only, those of namespaces that are
 * not hidden. */
static int append_names(struct bp_brain *self, brain_iter *iter, bool visible_only, PyObject *list)
{
    const void *name;
    size_t name_len;
    int code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0) {
        if (visible_only && is_hidden(name, name_len)) continue;
        /* A program in C may have put names that are no UTF-8: show them as Python shows such
         * files. */
        PyObject *text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)name_len, "surrogateescape");
        int failed = text == NULL || PyList_Append(list, text) != 0;
        Py_XDECREF(text);
        if (failed) return -1;
    }
    if (code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(self->state, code);
    return -1;
}

/* Append all names of a walk that brain_iter_*() began, or failed to begin with `code`. */
static int append_walk(struct bp_brain *self, int code, brain_iter *iter, bool visible_only,
                       PyObject *list)
{
    if (code != 0) {
        bp_errors_raise(self->state, code);
        return -1;
    }
    int result = append_names(self, iter, visible_only, list);
    brain_iter_free(iter);
    return result;
}

static int append_names_of(struct bp_brain *self, brain_space *space, brain_snapshot *snapshot,
                           PyObject *list)
{
    brain_iter *iter = NULL;
    int code = brain_iter_names(space, snapshot, &iter);
    return append_walk(self, code, iter, false, list);
}

static int append_spaces(struct bp_brain *self, struct bp_store *store, brain_snapshot *snapshot,
                         PyObject *list)
{
    brain_iter *iter = NULL;
    int code = brain_iter_spaces(store->store, snapshot, &iter);
    return append_walk(self, code, iter, true, list);
}

PyObject *bp_store_list_names(struct bp_brain *self, struct bp_space *in)
{
    struct bp_space *held = bp_brain_hold(self, in);
    PyObject *list = PyList_New(0);
    if (list != NULL && append_names_of(self, held->space, NULL, list) != 0) Py_CLEAR(list);
    bp_handle_space_drop(held);
    return list;
}

/* Append the names of the namespaces in `spaces`, a list of str. */
static int append_names_of_each(struct bp_brain *self, struct bp_store *store,
                                brain_snapshot *snapshot, PyObject *spaces, PyObject *list)
{
    Py_ssize_t n = PyList_Size(spaces);
    for (Py_ssize_t i = 0; i < n; i++) {
        struct bp_space *space = bp_handle_space(self->state, store, PyList_GetItem(spaces, i));
        if (space == NULL) return -1;
        int failed = append_names_of(self, space->space, snapshot, list);
        bp_handle_space_drop(space);
        if (failed) return -1;
    }
    return 0;
}

static PyObject *names_of_all(struct bp_brain *self, struct bp_store *store)
{
    brain_snapshot *snapshot;
    int code = brain_snapshot_open(store->store, &snapshot);
    if (code != 0) return bp_errors_raise(self->state, code);
    PyObject *spaces = PyList_New(0);
    PyObject *list = PyList_New(0);
    if (spaces == NULL || list == NULL || append_spaces(self, store, snapshot, spaces) != 0 ||
        append_names_of_each(self, store, snapshot, spaces, list) != 0) {
        Py_CLEAR(list);
    }
    Py_XDECREF(spaces);
    brain_snapshot_close(snapshot);
    return list;
}

const char bp_store_names_doc[] =
    "_names($self, namespace=<unrepresentable>, /)\n--\n\n"
    "The names of a namespace, without argument of the current one, with None of all that are not\n"
    "hidden.";

PyObject *bp_store_names(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    if (n_args == 0) return bp_store_list_names(self, NULL);
    struct bp_space *in = NULL;
    PyObject *list;
    if (args[0] == Py_None) {
        in = bp_brain_hold(self, NULL);
        list = names_of_all(self, in->owner);
    } else {
        if (!bp_arguments_space(self, args[0], &in)) return NULL;
        list = bp_store_list_names(self, in);
    }
    bp_handle_space_drop(in);
    return list;
}

const char bp_store_count_doc[] = "_count($self, /, *, namespace=None)\n--\n\n"
                                  "How many names there are.";

PyObject *bp_store_count(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    uint64_t n_names = 0;
    if (!bp_arguments_read(self, "_count()", args, n_args, 0, 0, keywords, &in)) return NULL;
    int code = BP_RAISED;
    if (bp_brain_is_open(self)) {
        code = brain_space_count(in != NULL ? in->space : self->space, &n_names);
    }
    bp_handle_space_drop(in);
    if (code == 0) return PyLong_FromUnsignedLongLong(n_names);
    return code == BP_RAISED ? NULL : bp_errors_raise(self->state, code);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static PyObject *raise_no_namespace(struct bp_brain *self, PyObject *name)
{
    return bp_errors_format(self->state, BP_NAMESPACE_NOT_EXIST,
                            "there is no namespace %R in the store %R", name, self->path);
}

/* Remove `held`, and make it anew, empty, with the quota that it had. Returns 0 or the library's code. */
static int remove_and_make(struct bp_space *held)
{
    uint64_t quota = 0;
    int code = brain_space_usage(held->space, NULL, NULL, &quota);
    if (code == 0) code = brain_space_remove(held->space);
    if (code != 0) return code;
    code = quota != 0 ? brain_space_set_quota(held->space, quota) : brain_space_create(held->space);
    return code == BRAIN_E_EXISTS ? 0 : code; /* somebody has put into it meanwhile */
}

/* Remove `held`, and where `again` make it anew. Returns 0 or the library's code. */
static int remove_space(struct bp_space *held, bool again)
{
    int code;
    Py_BEGIN_ALLOW_THREADS code = again ? remove_and_make(held) : brain_space_remove(held->space);
    Py_END_ALLOW_THREADS return code;
}

const char bp_store_clear_doc[] =
    "clear($self, /, *, namespace=None)\n--\n\n"
    "Delete all names of the current namespace, or of the one that is given, in one step.\n"
    "A quota stays.\n"
    "\n"
    "Raises BrainRemoveOldNameValueError; nothing has changed then.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: the step does not depend on how\n"
    "many names there are; giving back their memory does.";

PyObject *bp_store_clear(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "clear()", args, n_args, 0, 0, keywords, &in)) return NULL;
    int code = BP_RAISED;
    if (bp_brain_is_open(self)) {
        struct bp_space *held = bp_brain_hold(self, in);
        code = remove_space(held, true);
        bp_handle_space_drop(held);
    }
    if (code == BRAIN_E_NOT_FOUND) code = 0; /* nothing was ever put into it */
    if (code != 0 && code != BP_RAISED) {
        bp_errors_raise(self->state, code);
        bp_brain_failed_delete();
    }
    bp_handle_space_drop(in);
    return code == 0 ? Py_NewRef(Py_None) : NULL;
}

const char bp_store_namespaces_doc[] =
    "namespaces($self, /)\n--\n\n"
    "The names of all namespaces, as of one moment: a set of str, always with 'default'.\n"
    "\n"
    "Threads: any. Never waits. Cost: grows with their number.";

PyObject *bp_store_namespaces(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *held = bp_brain_hold(self, NULL);
    PyObject *list = Py_BuildValue("[s]", "default");
    PyObject *result = NULL;
    if (list != NULL && append_spaces(self, held->owner, NULL, list) == 0) result = PySet_New(list);
    bp_handle_space_drop(held);
    Py_XDECREF(list);
    return result;
}

const char bp_store_use_namespace_doc[] =
    "_use_namespace($self, name, /)\n--\n\n"
    "Make `name` the current namespace, and make it where it does not exist.";

PyObject *bp_store_use_namespace(PyObject *op, PyObject *name)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *space = bp_handle_space(self->state, self->store, name);
    if (space == NULL) return NULL;
    int code = brain_space_exists(space->space);
    if (code == BRAIN_E_NOT_FOUND) {
        Py_BEGIN_ALLOW_THREADS code = brain_space_create(space->space);
        Py_END_ALLOW_THREADS
    }
    if (code != 0 && code != BRAIN_E_EXISTS) {
        bp_errors_raise(self->state, code);
    } else if (bp_brain_is_open(
                   self)) { /* it may have been closed meanwhile, or opened elsewhere */
        if (self->store == space->owner) {
            bp_brain_use(self, space);
            Py_RETURN_NONE;
        }
        bp_errors_format(self->state, BP_CLOSED, "this Brain was opened anew meanwhile");
    }
    bp_handle_space_drop(space);
    return NULL;
}

const char bp_store_drop_namespace_doc[] = "_drop_namespace($self, name, /)\n--\n\n"
                                           "Remove the namespace `name` with everything in it.";

PyObject *bp_store_drop_namespace(PyObject *op, PyObject *name)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *space = bp_handle_space(self->state, self->store, name);
    if (space == NULL) return NULL;
    int code = remove_space(space, false);
    if (code == BRAIN_E_NOT_FOUND) {
        raise_no_namespace(self, name);
    } else if (code != 0) {
        bp_errors_raise(self->state, code);
        bp_brain_failed_delete();
    }
    bp_handle_space_drop(space);
    return code == 0 ? Py_NewRef(Py_None) : NULL;
}

const char bp_store_quota_doc[] =
    "_quota($self, /, *, namespace=None)\n--\n\n"
    "What a namespace may hold, and what it holds, in bytes; 0: no quota.";

PyObject *bp_store_quota(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    uint64_t quota = 0, held = 0;
    if (!bp_arguments_read(self, "_quota()", args, n_args, 0, 0, keywords, &in)) return NULL;
    int code = BP_RAISED;
    if (bp_brain_is_open(self)) {
        code = brain_space_usage(in != NULL ? in->space : self->space, NULL, &held, &quota);
    }
    bp_handle_space_drop(in);
    if (code == 0) {
        return Py_BuildValue("KK", (unsigned long long)quota, (unsigned long long)held);
    }
    return code == BP_RAISED ? NULL : bp_errors_raise(self->state, code);
}

const char bp_store_set_quota_doc[] =
    "_set_quota($self, n_bytes, /, *, namespace=None)\n--\n\n"
    "Let a namespace hold that many bytes of values; 0: any number.";

PyObject *bp_store_set_quota(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                             PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "_set_quota(n_bytes)", args, n_args, 1, 1, keywords, &in)) {
        return NULL;
    }
    unsigned long long n_bytes = PyLong_AsUnsignedLongLong(args[0]);
    int code = BP_RAISED;
    if (!PyErr_Occurred() && bp_brain_is_open(self) && bp_brain_may_make(self, in)) {
        struct bp_space *held = bp_brain_hold(self, in);
        Py_BEGIN_ALLOW_THREADS code = brain_space_set_quota(held->space, n_bytes);
        Py_END_ALLOW_THREADS bp_handle_space_drop(held);
    }
    bp_handle_space_drop(in);
    if (code == 0) Py_RETURN_NONE;
    return code == BP_RAISED ? NULL : bp_errors_raise(self->state, code);
}

/* ---- the store ------------------------------------------------------------------------------- */

/* Capacity and live bytes; false with an exception set. */
static bool read_usage(struct bp_brain *self, uint64_t *capacity_out, uint64_t *live_out)
{
    if (!bp_brain_is_open(self)) return false;
    int code = brain_usage(self->store->store, capacity_out, live_out);
    if (code != 0) bp_errors_raise(self->state, code);
    return code == 0;
}

const char bp_store_size_doc[] =
    "size($self, /)\n--\n\nThe capacity of the store in bytes: what values may take.";

PyObject *bp_store_size(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    uint64_t capacity, live;
    if (!read_usage((struct bp_brain *)op, &capacity, &live)) return NULL;
    return PyLong_FromUnsignedLongLong(capacity);
}

const char bp_store_used_doc[] =
    "used($self, /)\n--\n\n"
    "What the values of the store take, in bytes, in all namespaces: their data, without names,\n"
    "descriptions and records. Exact at once after every change.";

PyObject *bp_store_used(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    uint64_t capacity, live;
    if (!read_usage((struct bp_brain *)op, &capacity, &live)) return NULL;
    return PyLong_FromUnsignedLongLong(live);
}

const char bp_store_free_doc[] =
    "free($self, /)\n--\n\n"
    "size() - used(), in bytes. Replaced values that somebody still holds take some of it.";

PyObject *bp_store_free(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    uint64_t capacity, live;
    if (!read_usage((struct bp_brain *)op, &capacity, &live)) return NULL;
    return PyLong_FromUnsignedLongLong(capacity > live ? capacity - live : 0);
}

const char bp_store_stat_doc[] =
    "stat($self, /)\n--\n\n"
    "Numbers about the store: a dict of str -> int, named as in the struct brain_stat of brain.h.\n"
    "\n"
    "Among them live_bytes (what used() gives), limbo_bytes (replaced or deleted and not yet "
    "given\n"
    "back: held by somebody, kept for the next puts, or left by removals of namespaces),\n"
    "physical_bytes (memory that the files take), n_clients, n_objects, n_pins, and created_ns: "
    "when\n"
    "the store was made, in nanoseconds since 1970.\n"
    "Threads: any. Never waits. Cost: a look at every process that has the store open.";

PyObject *bp_store_stat(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    brain_stat stat = { .struct_size = sizeof stat };
    int code = brain_stat_get(self->store->store, &stat);
    if (code != 0) return bp_errors_raise(self->state, code);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "capacity_bytes", stat.capacity_bytes },
        { "capacity_max_bytes", stat.capacity_max_bytes },
        { "live_bytes", stat.live_bytes },
        { "limbo_bytes", stat.limbo_bytes },
        { "private_bytes", stat.private_bytes },
        { "physical_bytes", stat.physical_bytes },
        { "metadata_bytes", stat.metadata_bytes },
        { "value_backed_bytes", stat.value_backed_bytes },
        { "n_clients", stat.n_clients },
        { "n_objects", stat.n_objects },
        { "n_namespaces", stat.n_namespaces },
        { "n_limbo", stat.n_limbo },
        { "n_pins", stat.n_pins },
        { "n_snapshots", stat.n_snapshots },
        { "committed", stat.committed },
        { "n_recoveries", stat.n_recoveries },
        { "created_ns", stat.created_ns },
        { "n_evicted", stat.n_evicted },
        { "evicted_bytes", stat.evicted_bytes },
        { "keep_free_bytes", stat.keep_free_bytes },
    };
    PyObject *result = PyDict_New();
    for (size_t i = 0; result != NULL && i < sizeof numbers / sizeof numbers[0]; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(numbers[i].value);
        if (value == NULL || PyDict_SetItemString(result, numbers[i].name, value) != 0) {
            Py_CLEAR(result);
        }
        Py_XDECREF(value);
    }
    return result;
}

const char bp_store_full_doc[] =
    "_full($self, /)\n--\n\nWhat a put does that finds no room: enum brain_full.";

PyObject *bp_store_full(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    return PyLong_FromUnsignedLong(brain_full_mode(self->store->store));
}

const char bp_store_set_full_doc[] = "_set_full($self, mode, /)\n--\n\nSet that, for everybody.";

PyObject *bp_store_set_full(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    unsigned long mode = PyLong_AsUnsignedLong(argument);
    if (PyErr_Occurred() || !bp_brain_is_open(self)) return NULL;
    int code = brain_set_full(self->store->store, (uint32_t)mode);
    return code == 0 ? Py_NewRef(Py_None) : bp_errors_raise(self->state, code);
}

const char bp_store_resize_doc[] =
    "resize($self, capacity, /)\n--\n\n"
    "Let the store hold `capacity` bytes of values from now on, for all who have it open.\n"
    "Memory is not taken before values need it; of a smaller one what is free goes back.\n"
    "\n"
    "Raises BrainFullError where what is there is more than that, BrainValueError for less\n"
    "than 4096, or for more than the store can become.\n"
    "Threads: any. Waits for a writer, up to lock_timeout.";

PyObject *bp_store_resize(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    PyObject *index = PyNumber_Index(argument);
    if (index == NULL) return NULL;
    unsigned long long capacity = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (PyErr_Occurred()) {
        return bp_errors_chain(self->state, BP_VALUE, "no store can hold %R bytes", argument);
    }
    struct bp_space *held = bp_handle_space_take(self->current);
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_resize(held->owner->store, capacity);
    Py_END_ALLOW_THREADS if (code != 0) bp_errors_raise(self->state, code);
    bp_handle_space_drop(held);
    return code == 0 ? Py_NewRef(Py_None) : NULL;
}

const char bp_store_trim_doc[] =
    "trim($self, /)\n--\n\n"
    "Give all memory that no value uses back to the system now. Returns how many bytes it was.\n"
    "\n"
    "Threads: any. Waits for writers, and lets them in again and again. Cost: grows with what is\n"
    "free.";

static PyObject *give_back(PyObject *op, int (*call)(brain_store *, uint64_t *))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *held = bp_handle_space_take(self->current);
    uint64_t freed_bytes = 0;
    int code;
    Py_BEGIN_ALLOW_THREADS code = call(held->owner->store, &freed_bytes);
    Py_END_ALLOW_THREADS if (code != 0) bp_errors_raise(self->state, code);
    bp_handle_space_drop(held);
    return code == 0 ? PyLong_FromUnsignedLongLong(freed_bytes) : NULL;
}

PyObject *bp_store_trim(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return give_back(op, brain_trim);
}

const char bp_store_compact_doc[] =
    "compact($self, /)\n--\n\n"
    "Give all memory that nobody needs back to the system now: as trim(), after the dead were\n"
    "reaped, removed namespaces taken apart, and what was replaced and deleted freed; and again\n"
    "where others let go of something meanwhile. Returns how many bytes the files shrank by.\n"
    "\n"
    "Threads: any. Waits for writers, and lets them in again and again. Cost: grows with what is\n"
    "free, and a little with what is not.";

PyObject *bp_store_compact(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return give_back(op, brain_compact);
}

const char bp_store_set_keep_free_doc[] = "_set_keep_free($self, n_bytes, /)\n--\n\n"
                                          "Let so much free memory stay; None: the default.";

PyObject *bp_store_set_keep_free(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    uint64_t n_bytes = BRAIN_KEEP_DEFAULT;
    if (argument != Py_None) {
        n_bytes = PyLong_AsUnsignedLongLong(argument);
        if (PyErr_Occurred()) return NULL;
    }
    int code = brain_set_keep_free(self->store->store, n_bytes);
    return code == 0 ? Py_NewRef(Py_None) : bp_errors_raise(self->state, code);
}

/* Problems beyond these are counted and not told. */
#define N_PROBLEMS ((size_t)256)

static PyObject *list_problems(const brain_problem *problems, size_t n)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n && i < N_PROBLEMS; i++) {
        PyObject *text =
            PyUnicode_DecodeUTF8(problems[i].text, (Py_ssize_t)strlen(problems[i].text),
                                 "backslashreplace");
        if (text == NULL || PyList_Append(list, text) != 0) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    if (list != NULL && n > N_PROBLEMS) {
        PyObject *text = PyUnicode_FromFormat("and %zu more", n - N_PROBLEMS);
        if (text == NULL || PyList_Append(list, text) != 0) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

const char bp_store_check_doc[] =
    "check($self, /)\n--\n\n"
    "Verify everything that has to hold in the store: a list of str, one for each problem, empty\n"
    "where it is sound.\n"
    "\n"
    "Raises BrainCorruptError where the store is too damaged to be walked.\n"
    "Threads: any. Waits for a writer, up to lock_timeout, and keeps others waiting meanwhile;\n"
    "readers go on. Cost: grows with the store.";

PyObject *bp_store_check(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    brain_problem *problems = PyMem_Calloc(N_PROBLEMS, sizeof *problems);
    if (problems == NULL) return PyErr_NoMemory();
    struct bp_space *held = bp_handle_space_take(self->current);
    size_t n = 0;
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_check(held->owner->store, problems, N_PROBLEMS, &n);
    Py_END_ALLOW_THREADS PyObject *result =
        code == 0 ? list_problems(problems, n) : bp_errors_raise(self->state, code);
    bp_handle_space_drop(held);
    PyMem_Free(problems);
    return result;
}

const char bp_store_destroy_doc[] =
    "destroy($self, /)\n--\n\n"
    "Remove the store, with all its values, for everybody, and close this Brain.\n"
    "\n"
    "Whoever else has it open gets BrainDestroyedError from the next call on; what they recalled\n"
    "stays valid. Raises BrainPermissionError where it is not yours, BrainDestroyedError where\n"
    "somebody else was first; the Brain is then open as before.\n"
    "Threads: any. Never waits for a writer.";

PyObject *bp_store_destroy(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *held = bp_handle_space_take(self->current);
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_spill_destroy(held->owner->store);
    Py_END_ALLOW_THREADS if (code != 0) bp_disk_raise(self->state, code, NULL, "");
    bp_handle_space_drop(held);
    if (code != 0) return NULL;
    self->destroyed = true;
    bp_brain_close(self);
    Py_RETURN_NONE;
}
