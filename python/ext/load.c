/* load.c - the methods of Brain that load a dump or what a home keeps, and their report.
 *
 * What becomes of each name is told without the GIL, one name after the other, perhaps millions of them: so it is
 * packed into bytes here, and brain_plasma.dump_results makes objects of them when somebody looks.
 *
 * Report:   for each fate the runs of names of one namespace; of a name 8 bytes of number (the new version of one that
 *           was loaded, else its size), 2 bytes of its length, and its bytes; numbers little-endian.
 * GIL:      not held in the callbacks `wants` and `tell`, which touch no object.
 */
#include "arguments.h"
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 10u
#define N_FATES    4u /* of enum brain_load_fate */

/* ---- the report ------------------------------------------------------------------------------ */

struct run {
    uint8_t space[BRAIN_SPACE_MAX];
    size_t space_len;
    uint64_t n_names;
    uint8_t *bytes;
    size_t len, room;
};

struct report {
    struct run *runs;
    size_t n_runs, room;
};

/* Room for one more of `size` in an array; NULL: no memory, and it is as it was. */
static void *grow(void *array, size_t size, size_t n, size_t needed, size_t *room)
{
    if (n + needed <= *room) return array;
    size_t more = *room < 16 ? 16 : 2 * *room;
    if (more < n + needed) more = n + needed;
    void *grown = realloc(array, more * size);
    if (grown != NULL) *room = more;
    return grown;
}

static struct run *run_of(struct report *report, const brain_load_name *name)
{
    if (report->n_runs > 0) {
        struct run *last = &report->runs[report->n_runs - 1];
        if (last->space_len == name->space_len &&
            memcmp(last->space, name->space, name->space_len) == 0) {
            return last;
        }
    }
    struct run *runs = grow(report->runs, sizeof *runs, report->n_runs, 1, &report->room);
    if (runs == NULL) return NULL;
    report->runs = runs;
    struct run *run = &runs[report->n_runs++];
    *run = (struct run){ .space_len = name->space_len };
    memcpy(run->space, name->space, name->space_len);
    return run;
}

static void put_number(uint8_t *at, uint64_t number, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

/* False: no memory. */
static bool note(struct report *report, const brain_load_name *name, uint64_t number)
{
    struct run *run = run_of(report, name);
    if (run == NULL) return false;
    uint8_t *bytes = grow(run->bytes, 1, run->len, HEAD_BYTES + name->name_len, &run->room);
    if (bytes == NULL) return false;
    run->bytes = bytes;
    uint8_t *at = bytes + run->len;
    put_number(at, number, 8);
    put_number(at + 8, name->name_len, 2);
    memcpy(at + HEAD_BYTES, name->name, name->name_len);
    run->len += HEAD_BYTES + name->name_len;
    run->n_names++;
    return true;
}

static void free_report(struct report *report)
{
    for (size_t i = 0; i < report->n_runs; i++)
        free(report->runs[i].bytes);
    free(report->runs);
}

/* A list of (namespace, how many names, packed), or NULL with an exception set. */
static PyObject *list_runs(const struct report *report)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < report->n_runs; i++) {
        const struct run *run = &report->runs[i];
        PyObject *entry =
            Py_BuildValue("y#Ky#", run->space, (Py_ssize_t)run->space_len,
                          (unsigned long long)run->n_names, run->bytes, (Py_ssize_t)run->len);
        if (entry == NULL || PyList_Append(list, entry) != 0) Py_CLEAR(list);
        Py_XDECREF(entry);
    }
    return list;
}

/* ---- what is wanted -------------------------------------------------------------------------- */

struct wanted {
    const char *utf8;
    size_t len;
    Py_ssize_t at; /* among the names that were given */
    bool is_there; /* in the dump */
};

struct load {
    struct bp_disk_call call; /* first: disk.h */
    const void *space;        /* that names and values are wanted of; NULL: all are */
    size_t space_len;
    bool has_space; /* the dump has it */
    bool is_home;   /* and no dump */
    struct wanted *wanted;
    size_t n_wanted; /* 0: all of the space */
    struct report reports[N_FATES];
};

static int compare(const void *a_element, const void *b_element)
{
    const struct wanted *a = a_element, *b = b_element;
    if (a->len != b->len) return a->len < b->len ? -1 : 1;
    return a->len == 0 ? 0 : memcmp(a->utf8, b->utf8, a->len);
}

static int wants(void *context, const brain_load_name *name)
{
    struct load *load = context;
    if (load->space == NULL) return 1;
    if (name->space_len != load->space_len ||
        memcmp(name->space, load->space, load->space_len) != 0) {
        return 0;
    }
    load->has_space = true;
    if (load->n_wanted == 0) return 1;
    if (name->name == NULL) return 0;
    const struct wanted key = { .utf8 = name->name, .len = name->name_len };
    struct wanted *found = bsearch(&key, load->wanted, load->n_wanted, sizeof key, compare);
    if (found == NULL) return 0;
    found->is_there = true;
    return 1;
}

static void tell(void *context, const brain_load_name *name)
{
    struct load *load = context;
    uint64_t number = name->fate == BRAIN_LOADED ? name->version : name->size_bytes;
    if (!note(&load->reports[name->fate], name, number)) load->call.stops = true;
}

/* The names, a tuple of str that the caller keeps. False with an exception set. */
static bool read_wanted(struct bp_brain *self, struct bp_space *held, PyObject *names,
                        struct load *load)
{
    Py_ssize_t n = PyTuple_Size(names);
    if (n <= 0) return n == 0;
    load->wanted = PyMem_Calloc((size_t)n, sizeof *load->wanted);
    if (load->wanted == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        struct wanted *wanted = &load->wanted[i];
        brain_space *space;
        wanted->utf8 =
            bp_brain_name_in(self, held, PyTuple_GetItem(names, i), &wanted->len, &space);
        if (wanted->utf8 == NULL) return false;
        wanted->at = i;
    }
    load->n_wanted = (size_t)n;
    qsort(load->wanted, load->n_wanted, sizeof *load->wanted, compare);
    return true;
}

/* Those that the dump does not have, as a list of numbers; None: not even their namespace. */
static PyObject *list_missing(const struct load *load)
{
    if (load->space != NULL && !load->has_space) Py_RETURN_NONE;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < load->n_wanted; i++) {
        if (load->wanted[i].is_there) continue;
        PyObject *at = PyLong_FromSsize_t(load->wanted[i].at);
        if (at == NULL || PyList_Append(list, at) != 0) Py_CLEAR(list);
        Py_XDECREF(at);
    }
    return list;
}

/* ---- the method ------------------------------------------------------------------------------ */

static PyObject *raise_failed(struct bp_brain *self, int code, const char *path,
                              const brain_load_result *result, bool bears_damage)
{
    char more[160] = "";
    enum bp_error error = bp_errors_of_code(code);
    const char *detail = brain_disk_error_detail();
    if (code == BRAIN_E_NOT_FOUND) error = BP_DUMP_NOT_FOUND;
    if (code == BRAIN_E_CORRUPT && strncmp(detail, "the dump ", 9) == 0) {
        error = BP_DUMP_DAMAGED; /* and not the store */
        if (!bears_damage && result->n_loaded == 0) strcpy(more, ": damaged=\"load\"");
    } else if (result->n_loaded != 0) {
        snprintf(more, sizeof more,
                 ". %llu name%s had been loaded before that, and stay%s; the call may be made "
                 "again",
                 (unsigned long long)result->n_loaded, result->n_loaded == 1 ? "" : "s",
                 result->n_loaded == 1 ? "s" : "");
    }
    return bp_disk_raise_as(self->state, error, path, more);
}

static PyObject *make_result(const struct load *load, const brain_load_result *result)
{
    PyObject *untold = result->n_untold == UINT64_MAX
                           ? Py_NewRef(Py_None)
                           : PyLong_FromUnsignedLongLong(result->n_untold);
    return Py_BuildValue("(KKKKNNNNNNN)", (unsigned long long)result->number,
                         (unsigned long long)result->time_ns, (unsigned long long)result->n_loaded,
                         (unsigned long long)result->loaded_bytes, untold,
                         PyBool_FromLong(result->is_damaged),
                         list_runs(&load->reports[BRAIN_LOADED]),
                         list_runs(&load->reports[BRAIN_LOAD_KEPT]),
                         list_runs(&load->reports[BRAIN_LOAD_REFUSED]),
                         list_runs(&load->reports[BRAIN_LOAD_LOST]), list_missing(load));
}

static PyObject *read_dump(struct bp_brain *self, struct bp_space *held, PyObject *target,
                           uint32_t flags, struct load *load)
{
    const char *path;
    int fd = -1, code;
    brain_load_result result = { .number = 0 };
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    options.flags = flags;
    options.wants = wants;
    options.tell = tell;
    options.progress = bp_disk_progress;
    options.context = load;
    if (!bp_disk_target(target, &path, &fd)) return NULL;
    bp_disk_begin(&load->call);
    if (load->is_home) {
        code = brain_restore(held->owner->store, path, &options, &result);
    } else {
        code = path != NULL ? brain_load(held->owner->store, path, &options, &result)
                            : brain_load_from(held->owner->store, fd, &options, &result);
    }
    bp_disk_end(&load->call);
    if (load->call.raised) return NULL;
    if (load->call.stops) {
        return bp_errors_format(self->state, BP_MEMORY,
                                "no memory for the report of a load. %llu names have been loaded",
                                (unsigned long long)result.n_loaded);
    }
    /* Those are in the report, and all else has been loaded. */
    bool is_refusal = code == BRAIN_E_PERM && result.n_refused != 0;
    if (code != 0 && !is_refusal) {
        return raise_failed(self, code, path, &result, (flags & BRAIN_LOAD_DAMAGED) != 0);
    }
    return make_result(load, &result);
}

static PyObject *load_from(struct bp_brain *self, PyObject *const *args, bool is_home)
{
    struct bp_space *in;
    unsigned long flags = PyLong_AsUnsignedLong(args[3]);
    if (PyErr_Occurred() || !bp_brain_is_open(self)) return NULL;
    if (!bp_arguments_space(self, args[2], &in)) return NULL;
    struct bp_space *held = bp_brain_hold(self, in);
    struct load load = { .call = { .state = self->state, .progress = args[4] },
                         .is_home = is_home };
    if (args[2] != Py_None) load.space = brain_space_name(held->space, &load.space_len);
    PyObject *result = NULL;
    if (read_wanted(self, held, args[1], &load)) {
        result = read_dump(self, held, args[0], (uint32_t)flags, &load);
    }
    for (unsigned i = 0; i < N_FATES; i++)
        free_report(&load.reports[i]);
    PyMem_Free(load.wanted);
    bp_handle_space_drop(held);
    bp_handle_space_drop(in);
    return result;
}

const char bp_load_read_doc[] =
    "_load($self, target, names, namespace, flags, progress, /)\n--\n\n"
    "Load a dump from a path, or from a descriptor: names, a namespace where there are none, or\n"
    "everything. Returns the number of the commit that it shows, when it was made, how many names\n"
    "were loaded, and bytes, how many are lost that nobody knows the names of, or None, whether it "
    "is\n"
    "damaged; of names loaded, kept, refused and lost [(namespace, how many, packed)]; which of "
    "the\n"
    "names it does not have, None: nor their namespace.";

PyObject *bp_load_read(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    if (n_args != 5) {
        return bp_arguments_raise("_load(target, names, namespace, flags, progress)", n_args);
    }
    return load_from((struct bp_brain *)op, args, false);
}

const char bp_load_home_doc[] =
    "_restore_home($self, path, names, namespace, flags, progress, /)\n--\n\n"
    "As _load(), of the home at a path.";

PyObject *bp_load_home(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    if (n_args != 5) {
        return bp_arguments_raise("_restore_home(path, names, namespace, flags, progress)", n_args);
    }
    if (!PyBytes_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "a home has a path, as bytes");
        return NULL;
    }
    return load_from((struct bp_brain *)op, args, true);
}
