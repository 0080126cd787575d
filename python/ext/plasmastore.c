/* plasmastore.c - the methods of a Plasma client about the store as a whole. */
#include "away.h"
#include "disk.h"
#include "errors.h"
#include "plasma/evict.h"
#include "plasma/external.h"
#include "plasma/pins.h"
#include "plasma/queue.h"
#include "plasma/remove.h"
#include "plasmaclient.h"

#include <stdlib.h>

#define SNAPSHOT_TRIES_MAX 50000u /* some 10 s */

/* ---- list ------------------------------------------------------------------------------------ */

/* Which clients pin what. */
struct holders {
    brain_pin *pins;
    size_t n;
};

static long count_holders(const struct holders *holders, uint32_t object)
{
    size_t n_clients;
    pl_pins_count(holders->pins, holders->n, object, &n_clients);
    return (long)n_clients;
}

static int append(PyObject *list, PyObject *item)
{
    int failed = item == NULL || PyList_Append(list, item) != 0;
    Py_XDECREF(item);
    return failed ? BP_PLASMA_RAISED : 0;
}

/* (id, data bytes, metadata bytes, clients, created, seconds it took or -1, is sealed) */
static int append_object(struct bp_plasma *self, const brain_view *view,
                         const struct holders *holders, PyObject *list)
{
    struct pl_object info;
    int code = view->name_len == BRAIN_ID_BYTES ? pl_object_describe(view, &info) : BRAIN_E_CORRUPT;
    if (code != 0) return code;
    uint64_t note = brain_view_note(view);
    long n = info.is_sealed ? count_holders(holders, view->object) : !info.is_away;
    bool is_done = info.is_sealed || info.is_away;
    /* A doomed one may be waiting for us alone, who look at it. */
    bool is_doomed = info.is_sealed && pl_note_is_doomed(note);
    bool is_missing = info.is_sealed
                          ? note == PL_NOTE_EVICTED || (is_doomed && n == 0)
                          : !info.is_away && !pl_object_is_written(&self->objects, &info);
    if (is_missing || is_doomed) self->has_remains = true;
    if (is_missing) return 0;
    PyObject *id = bp_objectid_new(self->state, view->name);
    return append(list, id == NULL
                            ? NULL
                            : Py_BuildValue("NKKlKLO", id, info.data_bytes, info.meta_bytes, n,
                                            info.created_ns,
                                            is_done ? (long long)(info.sealed_ns - info.created_ns)
                                                    : -1LL,
                                            is_done ? Py_True : Py_False));
}

/* The same of a named value, with namespace and name behind it. */
static int append_named(struct bp_plasma *self, const brain_view *view, PyObject *space,
                        const struct holders *holders, PyObject *list)
{
    uint8_t bytes[BRAIN_ID_BYTES];
    uint64_t size_bytes = view->size_bytes;
    uint32_t kind;
    if (view->kind == BRAIN_KIND_AWAY && brain_spilled_size(view, &size_bytes, &kind) != 0) {
        size_bytes = 0; /* of what makes no sense: get() says so */
    }
    bp_away_id(self->state, view, bytes);
    PyObject *id = bp_objectid_new(self->state, bytes);
    return append(list, id == NULL
                            ? NULL
                            : Py_BuildValue("NKKlKLOOy#y#", id, (unsigned long long)size_bytes,
                                            0ULL, count_holders(holders, view->object),
                                            brain_view_created_ns(view), 0LL, Py_True, space,
                                            view->name, (Py_ssize_t)view->name_len,
                                            view->description, (Py_ssize_t)view->description_len));
}

/* All of one namespace; `name` is NULL: the objects'. */
static int append_space(struct bp_plasma *self, brain_snapshot *snapshot, brain_space *space,
                        PyObject *name, const struct holders *holders, PyObject *list)
{
    const void *bytes;
    size_t len;
    brain_iter *iter;
    int code = brain_iter_names(space, snapshot, &iter);
    if (code != 0) return code;
    while (code == 0 && (code = brain_iter_next(iter, &bytes, &len)) == 0) {
        brain_view view;
        code = brain_iter_get(iter, &view);
        if (code != 0) break;
        code = name == NULL ? append_object(self, &view, holders, list)
                            : append_named(self, &view, name, holders, list);
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

static int append_named_space(struct bp_plasma *self, struct bp_store *held,
                              brain_snapshot *snapshot, const char *bytes, size_t len,
                              const struct holders *holders, PyObject *list)
{
    brain_space *space;
    int code = brain_space_open(held->store, bytes, len, &space);
    if (code != 0) return code;
    PyObject *name = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
    code =
        name == NULL ? BP_PLASMA_RAISED : append_space(self, snapshot, space, name, holders, list);
    Py_XDECREF(name);
    brain_space_close(space);
    return code;
}

/* Namespaces that begin with ff are not users'. */
static int append_all(struct bp_plasma *self, struct bp_store *held, brain_snapshot *snapshot,
                      const struct holders *holders, PyObject *list)
{
    const void *bytes;
    size_t len;
    brain_iter *iter;
    int code = append_space(self, snapshot, self->objects.space, NULL, holders, list);
    if (code == 0) code = brain_iter_spaces(held->store, snapshot, &iter);
    if (code != 0) return code;
    while (code == 0 && (code = brain_iter_next(iter, &bytes, &len)) == 0) {
        if (len > 0 && *(const uint8_t *)bytes == 0xff) continue;
        code = append_named_space(self, held, snapshot, bytes, len, holders, list);
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

const char bp_plasmastore_list_doc[] =
    "_list($self, /)\n--\n\nAll objects and named values as of one moment: a list of tuples.";

/* Walks of other threads, which need no GIL, may have taken all the snapshots that a process may
 * have; they are short. */
static int open_snapshot(struct bp_store *store, brain_snapshot **snapshot_out)
{
    int code;
    for (unsigned tried = 0; tried < SNAPSHOT_TRIES_MAX; tried++) {
        code = brain_snapshot_open(store->store, snapshot_out);
        if (code != BRAIN_E_BUSY) return code;
        Py_BEGIN_ALLOW_THREADS pl_store_pause(200000);
        Py_END_ALLOW_THREADS
    }
    return code;
}

static int list_all(struct bp_plasma *self, struct bp_store *held, PyObject *list)
{
    struct holders holders = { NULL, 0 };
    brain_snapshot *snapshot;
    int code = pl_pins_list(&self->objects, &holders.pins, &holders.n);
    if (code != 0) return code;
    code = open_snapshot(held, &snapshot);
    if (code == 0) {
        code = append_all(self, held, snapshot, &holders, list);
        brain_snapshot_close(snapshot);
    }
    free(holders.pins);
    if (code == 0 && self->has_remains) { /* of the dead: by and by, and not in a read-only store */
        int swept;
        self->has_remains = false;
        Py_BEGIN_ALLOW_THREADS swept = pl_remove_dead(&self->objects);
        Py_END_ALLOW_THREADS code = swept == BRAIN_E_DESTROYED ? swept : 0;
    }
    return code;
}

PyObject *bp_plasmastore_list(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    (void)args;
    if (!bp_plasmaclient_has_arguments(n_args, 0, "_list()") || !bp_plasmaclient_is_connected(self))
        return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    PyObject *list = PyList_New(0);
    int code = list == NULL ? BP_PLASMA_RAISED : list_all(self, held, list);
    bp_handle_store_drop(held);
    if (code == 0) return list;
    Py_XDECREF(list);
    return code == BP_PLASMA_RAISED ? NULL : bp_plasmaclient_raise(self, code, NULL);
}

/* ---- room ------------------------------------------------------------------------------------ */

const char bp_plasmastore_evict_doc[] =
    "_evict($self, n_bytes, /)\n--\n\nEvict until so much is freed; how much it was.";

PyObject *bp_plasmastore_evict(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    uint64_t freed = 0;
    if (!bp_plasmaclient_has_arguments(n_args, 1, "_evict(n_bytes)")) return NULL;
    long long n_bytes = PyLong_AsLongLong(args[0]);
    if ((n_bytes == -1 && PyErr_Occurred()) || !bp_plasmaclient_may_change(self)) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        n_bytes > 0 ? pl_evict_some(&self->objects, (uint64_t)n_bytes, false, &freed) : 0;
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    return code == 0 ? PyLong_FromUnsignedLongLong(freed) : bp_plasmaclient_raise(self, code, NULL);
}

const char bp_plasmastore_sweep_doc[] =
    "_sweep($self, /)\n--\n\nRemove what dead clients left: ids, and subscriptions.";

PyObject *bp_plasmastore_sweep(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    (void)args;
    if (!bp_plasmaclient_has_arguments(n_args, 0, "_sweep()") ||
        !bp_plasmaclient_is_connected(self))
        return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = pl_remove_dead(&self->objects);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    return code == 0 ? Py_NewRef(Py_None) : bp_plasmaclient_raise(self, code, NULL);
}

const char bp_plasmastore_usage_doc[] =
    "_usage($self, /)\n--\n\nCapacity of the store, and what lives in it, in bytes.";

PyObject *bp_plasmastore_usage(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    uint64_t capacity, live;
    (void)args;
    if (!bp_plasmaclient_has_arguments(n_args, 0, "_usage()") ||
        !bp_plasmaclient_is_connected(self))
        return NULL;
    int code = brain_usage(self->store->store, &capacity, &live);
    if (code != 0) return bp_plasmaclient_raise(self, code, NULL);
    return Py_BuildValue("KK", capacity, live);
}

const char bp_plasmastore_wait_any_doc[] =
    "_wait_any($self, number, timeout_ns, /)\n--\n\n"
    "Wait until any object was sealed or deleted above commit `number`: the number seen.";

PyObject *bp_plasmastore_wait_any(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (!bp_plasmaclient_has_arguments(n_args, 2, "_wait_any(number, timeout_ns)")) return NULL;
    uint64_t number = PyLong_AsUnsignedLongLong(args[0]);
    long long timeout_ns = PyErr_Occurred() ? 0 : PyLong_AsLongLong(args[1]);
    if (PyErr_Occurred() || !bp_plasmaclient_is_connected(self)) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        brain_wait_space(self->objects.space, number, timeout_ns, &number);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    if (PyErr_CheckSignals() != 0) return NULL;
    if (code == 0 || code == BRAIN_E_TIMEOUT || code == BRAIN_E_INTR) {
        return PyLong_FromUnsignedLongLong(number);
    }
    return bp_plasmaclient_raise(self, code, NULL);
}

/* ---- notifications --------------------------------------------------------------------------- */

/* The token of a subscription, valid as long as `object`; NULL with an exception set. */
static const uint8_t *token_of(struct bp_plasma *self, PyObject *object)
{
    if (!bp_plasmaclient_is_connected(self)) return NULL;
    if (PyBytes_Check(object) && PyBytes_Size(object) == (Py_ssize_t)PL_TOKEN_BYTES) {
        return (const uint8_t *)PyBytes_AsString(object);
    }
    bp_errors_set(PyExc_TypeError, "a token is %u bytes, not %R", PL_TOKEN_BYTES, object);
    return NULL;
}

const char bp_plasmastore_subscribe_doc[] =
    "_subscribe($self, token, /)\n--\n\nBegin to collect notifications under a token of 16 bytes.";

PyObject *bp_plasmastore_subscribe(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (!bp_plasmaclient_has_arguments(n_args, 1, "_subscribe(token)")) return NULL;
    const uint8_t *token = token_of(self, args[0]);
    if (token == NULL) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = pl_queue_subscribe(&self->objects, token);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    return code == 0 ? Py_NewRef(Py_None) : bp_plasmaclient_raise(self, code, NULL);
}

/* (number, id, data bytes, metadata bytes) of the object that the walk stands at, if it is sealed. */
static int append_sealed(brain_iter *iter, PyObject *list)
{
    brain_view view;
    struct pl_object info;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code;
    code = pl_object_describe(&view, &info);
    /* Also what is evicted, as long as it is there: its end is told in any case. */
    if (code == 0 && (info.is_sealed || info.is_away)) {
        code = append(list,
                      Py_BuildValue("Ky#KK", (unsigned long long)view.version, view.name,
                                    (Py_ssize_t)view.name_len, (unsigned long long)info.data_bytes,
                                    (unsigned long long)info.meta_bytes));
    }
    brain_view_drop(&view);
    return code;
}

static int append_all_sealed(struct bp_plasma *self, brain_snapshot *snapshot, PyObject *list)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int code = brain_iter_names(self->objects.space, snapshot, &iter);
    if (code != 0) return code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0 &&
           (code = append_sealed(iter, list)) == 0) {
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

const char bp_plasmastore_sealed_doc[] =
    "_sealed($self, /)\n--\n\n"
    "The sealed objects as of a commit: its number, and a list as that of _take(), in no order.";

PyObject *bp_plasmastore_sealed(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    brain_snapshot *snapshot;
    uint64_t number = 0;
    (void)args;
    if (!bp_plasmaclient_has_arguments(n_args, 0, "_sealed()")) return NULL;
    if (!bp_plasmaclient_is_connected(self)) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    PyObject *list = PyList_New(0);
    int code = list == NULL ? BP_PLASMA_RAISED : open_snapshot(held, &snapshot);
    if (code == 0) {
        number = brain_snapshot_number(snapshot);
        code = append_all_sealed(self, snapshot, list);
        brain_snapshot_close(snapshot);
    }
    bp_handle_store_drop(held);
    if (code == 0) return Py_BuildValue("KN", (unsigned long long)number, list);
    Py_XDECREF(list);
    return code == BP_PLASMA_RAISED ? NULL : bp_plasmaclient_raise(self, code, NULL);
}

const char bp_plasmastore_unsubscribe_doc[] =
    "_unsubscribe($self, token, /)\n--\n\nEnd that, and drop what waits.";

PyObject *bp_plasmastore_unsubscribe(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (!bp_plasmaclient_has_arguments(n_args, 1, "_unsubscribe(token)")) return NULL;
    const uint8_t *token = token_of(self, args[0]);
    if (token == NULL) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = pl_queue_unsubscribe(&self->objects, token);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    return code == 0 ? Py_NewRef(Py_None) : bp_plasmaclient_raise(self, code, NULL);
}

static PyObject *list_notices(const struct pl_notice *notices, size_t n)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *item =
            Py_BuildValue("Ky#LL", (unsigned long long)notices[i].version, notices[i].id,
                          (Py_ssize_t)BRAIN_ID_BYTES, (long long)notices[i].data_bytes,
                          (long long)notices[i].meta_bytes);
        if (append(list, item) != 0) Py_CLEAR(list);
    }
    return list;
}

const char bp_plasmastore_take_doc[] =
    "_take($self, token, number, timeout_ns, /)\n--\n\n"
    "Wait for notifications above commit `number`: the number seen, and a list of (number, id, "
    "data\n"
    "bytes, metadata bytes), in order; None in its place where the subscription was dropped.";

PyObject *bp_plasmastore_take(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (!bp_plasmaclient_has_arguments(n_args, 3, "_take(token, number, timeout_ns)")) return NULL;
    const uint8_t *token = token_of(self, args[0]);
    if (token == NULL) return NULL;
    uint64_t number = PyLong_AsUnsignedLongLong(args[1]);
    long long timeout_ns = PyErr_Occurred() ? 0 : PyLong_AsLongLong(args[2]);
    if (PyErr_Occurred()) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    struct pl_notice *notices = NULL;
    size_t n = 0;
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        pl_queue_take(&self->objects, token, timeout_ns, &number, &notices, &n);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    if (code == BRAIN_E_NOT_FOUND) return Py_BuildValue("KO", number, Py_None);
    if (code != 0 && code != BRAIN_E_TIMEOUT && code != BRAIN_E_INTR) {
        return bp_plasmaclient_raise(self, code, NULL);
    }
    PyObject *list = list_notices(notices, n);
    free(notices);
    return list == NULL ? NULL : Py_BuildValue("KN", (unsigned long long)number, list);
}
