/* dump.c - the method of Brain that writes a dump. */
#include "arguments.h"
#include "disk.h"

/* What is asked for; all of it but `call` is read without the GIL. */
struct dump {
    struct bp_disk_call call;
    brain_dump_options options;
    brain_key *keys;    /* of the names; NULL: none were given */
    brain_space *space; /* of which all is to be dumped */
};

/* The names, a tuple of str that the caller keeps, as keys. False with an exception set. */
static bool read_names(struct bp_brain *self, struct bp_space *in, PyObject *names,
                       struct dump *dump)
{
    Py_ssize_t n = PyTuple_Size(names);
    if (n <= 0) return n == 0;
    dump->keys = PyMem_Calloc((size_t)n, sizeof *dump->keys);
    if (dump->keys == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        size_t name_len;
        brain_space *space;
        const char *utf8 = bp_brain_name_in(self, in, PyTuple_GetItem(names, i), &name_len, &space);
        if (utf8 == NULL) return false;
        dump->keys[i] = (brain_key){ .space = space, .name = utf8, .name_len = name_len };
    }
    dump->options.keys = dump->keys;
    dump->options.n_keys = (size_t)n;
    return true;
}

/* NOT_FOUND: one of the names, the namespace, or the folder. */
static PyObject *raise_not_found(struct bp_brain *self, struct bp_space *held, PyObject *names,
                                 const struct dump *dump, const char *path)
{
    for (size_t i = 0; i < dump->options.n_keys; i++) {
        const brain_key *key = &dump->keys[i];
        if (brain_exists(key->space, key->name, key->name_len, NULL) == BRAIN_E_NOT_FOUND) {
            return bp_brain_raise_missing(self, held, PyTuple_GetItem(names, (Py_ssize_t)i));
        }
    }
    if (dump->options.n_spaces != 0 && brain_space_exists(held->space) == BRAIN_E_NOT_FOUND) {
        return bp_disk_raise_as(self->state, BP_NAMESPACE_NOT_EXIST, NULL, "");
    }
    return bp_disk_raise_as(self->state, BP_DUMP_NOT_FOUND, path, "");
}

static PyObject *write_dump(struct bp_brain *self, struct bp_space *held, PyObject *target,
                            PyObject *names, struct dump *dump)
{
    const char *path;
    int fd = -1, code;
    brain_dump_result result;
    if (!bp_disk_target(target, &path, &fd)) return NULL;
    brain_store *store = held->owner->store;
    bp_disk_begin(&dump->call);
    code = path != NULL ? brain_dump(store, path, &dump->options, &result)
                        : brain_dump_to(store, fd, &dump->options, &result);
    bp_disk_end(&dump->call);
    if (dump->call.raised) return NULL;
    if (code == BRAIN_E_NOT_FOUND) return raise_not_found(self, held, names, dump, path);
    if (code != 0) return bp_disk_raise(self->state, code, path, "");
    return Py_BuildValue("(KKKKK)", (unsigned long long)result.number,
                         (unsigned long long)result.n_spaces, (unsigned long long)result.n_names,
                         (unsigned long long)result.data_bytes,
                         (unsigned long long)result.file_bytes);
}

const char bp_dump_write_doc[] =
    "_dump($self, target, names, namespace, level, progress, /)\n--\n\n"
    "Dump names, a namespace where there are none, or the store, to a path or to a descriptor. "
    "Returns\n"
    "the number of the commit, how many namespaces and names, bytes of data, bytes of the file.";

PyObject *bp_dump_write(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (n_args != 5) {
        return bp_arguments_raise("_dump(target, names, namespace, level, progress)", n_args);
    }
    long level = PyLong_AsLong(args[3]);
    if (level == -1 && PyErr_Occurred()) return NULL;
    if (!bp_brain_is_open(self) || !bp_arguments_space(self, args[2], &in)) return NULL;
    struct bp_space *held = bp_brain_hold(self, in);
    struct dump dump = { .call = { .state = self->state, .progress = args[4] },
                         .options = BRAIN_DUMP_OPTIONS_INIT,
                         .space = held->space };
    dump.options.zstd_level = (int32_t)level;
    dump.options.progress = bp_disk_progress;
    dump.options.context = &dump.call;
    PyObject *result = NULL;
    if (read_names(self, held, args[1], &dump)) {
        if (dump.keys == NULL && args[2] != Py_None) {
            dump.options.spaces = &dump.space;
            dump.options.n_spaces = 1;
        }
        result = write_dump(self, held, args[0], args[1], &dump);
    }
    PyMem_Free(dump.keys);
    bp_handle_space_drop(held);
    bp_handle_space_drop(in);
    return result;
}

const char bp_dump_time_doc[] =
    "_dumped_ns($self, path, /)\n--\n\n"
    "When the dump at a path was made, nanoseconds since 1970, as it says itself.";

PyObject *bp_dump_time(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    brain_dump_head head = { .struct_size = sizeof head };
    if (n_args != 1 || !PyBytes_Check(args[0])) {
        return bp_arguments_raise("_dumped_ns(path)", n_args);
    }
    const char *path = PyBytes_AsString(args[0]);
    PyThreadState *thread = PyEval_SaveThread();
    int code = brain_dump_look(path, &head);
    PyEval_RestoreThread(thread);
    if (code == BRAIN_E_NOT_FOUND)
        return bp_disk_raise_as(self->state, BP_DUMP_NOT_FOUND, path, "");
    if (code != 0) return bp_disk_raise(self->state, code, path, "");
    return PyLong_FromUnsignedLongLong(head.time_ns);
}
