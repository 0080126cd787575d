/* pinned.c - the methods of Brain about one version of a value, by its id: what a Ref is made of. */
#include "arguments.h"
#include "away.h"
#include "convert.h"
#include "errors.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

const char bp_pinned_pin_doc[] =
    "_pin($self, name, namespace, /)\n--\n\n"
    "The value of a name, kept as it is now: its id, its version, and a View of all of its data.";

PyObject *bp_pinned_pin(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in = NULL;
    brain_view view;
    brain_space *space;
    size_t name_len;
    uint8_t id[BRAIN_ID_BYTES];
    if (n_args != 2) return bp_arguments_raise("_pin(name, namespace)", n_args);
    if (!bp_brain_is_open(self)) return NULL;
    if (args[1] != Py_None && !bp_arguments_space(self, args[1], &in)) return NULL;
    const char *utf8 = bp_brain_name_in(self, in, args[0], &name_len, &space);
    PyObject *result = NULL;
    int code = utf8 == NULL ? BP_RAISED : brain_get(space, utf8, name_len, &view);
    if (code == 0) {
        unsigned long long version = view.version;
        bp_away_id(self->state, &view, id);
        if (bp_away_recall(self->state, &view) == 0) {
            result = Py_BuildValue("y#KN", id, (Py_ssize_t)sizeof id, version,
                                   bp_view_new(self->state, &view));
        }
    } else if (code == BRAIN_E_NOT_FOUND) {
        bp_brain_raise_missing(self, in, args[0]);
    } else if (code != BP_RAISED) {
        bp_errors_raise(self->state, code);
    }
    bp_handle_space_drop(in);
    return result;
}

/* ---- what is known of it --------------------------------------------------------------------- */

/* A client as (pid, command, PID namespace, start in ns, row), or NULL with an exception set. */
static PyObject *describe_client(const brain_client *client)
{
    PyObject *command =
        PyUnicode_DecodeUTF8(client->command, (Py_ssize_t)strlen(client->command), "replace");
    return command == NULL
               ? NULL
               : Py_BuildValue("iNKKI", (int)client->pid, command,
                               (unsigned long long)client->pid_namespace,
                               (unsigned long long)client->start_ns, (unsigned)client->row);
}

/* The clients of a store, and the pins of all, as of about one moment. */
struct census {
    brain_client *clients;
    size_t n_clients;
    brain_pin *pins;
    size_t n_pins;
};

/* Without the GIL: it looks at each process. Returns 0 or the library's code; what it took is to be
 * freed also where it fails. */
static int take_census(brain_store *store, struct census *census)
{
    size_t n_clients = 0, n_pins = 0;
    int code = brain_clients(store, NULL, 0, &n_clients);
    if (code == 0) code = brain_pins(store, NULL, 0, &n_pins);
    if (code != 0) return code;
    n_clients += 64; /* some may come meanwhile */
    n_pins += 1024;
    census->clients = calloc(n_clients, sizeof *census->clients);
    census->pins = calloc(n_pins, sizeof *census->pins);
    if (census->clients == NULL || census->pins == NULL) return BRAIN_E_NOMEM;
    code = brain_clients(store, census->clients, n_clients, &census->n_clients);
    if (code == 0) code = brain_pins(store, census->pins, n_pins, &census->n_pins);
    if (census->n_clients > n_clients) census->n_clients = n_clients;
    if (census->n_pins > n_pins) census->n_pins = n_pins;
    return code;
}

static int append_holder(PyObject *list, const brain_client *client, unsigned n)
{
    PyObject *described = describe_client(client);
    PyObject *holder = described == NULL ? NULL : Py_BuildValue("NI", described, n);
    int failed = holder == NULL || PyList_Append(list, holder) != 0;
    Py_XDECREF(holder);
    return failed ? -1 : 0;
}

/* Each client that has pins on `object`, with how many: a new list. */
static PyObject *list_census(const struct census *census, uint32_t object)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < census->n_clients; i++) {
        unsigned n = 0;
        for (size_t k = 0; k < census->n_pins; k++) {
            const brain_pin *pin = &census->pins[k];
            n += pin->object == object && pin->client == census->clients[i].row;
        }
        if (n > 0 && append_holder(list, &census->clients[i], n) != 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *list_holders(struct bp_brain *self, uint32_t object)
{
    struct census census = { NULL, 0, NULL, 0 };
    struct bp_space *held = bp_brain_hold(self, NULL);
    int code;
    Py_BEGIN_ALLOW_THREADS code = take_census(held->owner->store, &census);
    Py_END_ALLOW_THREADS PyObject *list =
        code == 0 ? list_census(&census, object) : bp_errors_raise(self->state, code);
    bp_handle_space_drop(held);
    free(census.clients);
    free(census.pins);
    return list;
}

const char bp_pinned_facts_doc[] =
    "_facts($self, view, /)\n--\n\n"
    "What is known of the value that a View shows: kind, metadata, description, version, when it "
    "was\n"
    "put in ns since 1970, its holders: ((pid, command, PID namespace, start, row), pins), and "
    "whether "
    "its data are in a file.";

PyObject *bp_pinned_facts(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (Py_TYPE(argument) != self->state->view_type) {
        return bp_errors_set(PyExc_TypeError, "a View, not %R", argument);
    }
    if (!bp_brain_is_open(self)) return NULL;
    const struct bp_view *shown = (struct bp_view *)argument;
    const brain_view *view = shown->owner == NULL ? &shown->pin : &shown->owner->pin;
    PyObject *holders = list_holders(self, view->object);
    if (holders == NULL) return NULL;
    return Py_BuildValue("Iy#y#KKNN", (unsigned)view->kind, view->meta != NULL ? view->meta : "",
                         (Py_ssize_t)view->meta_len,
                         view->description != NULL ? view->description : "",
                         (Py_ssize_t)view->description_len, (unsigned long long)view->version,
                         (unsigned long long)brain_view_created_ns(view), holders,
                         PyBool_FromLong(view->tag == BP_TAG_AWAY));
}

/* Pin the value that an id names. Returns 1; 0: it is gone; -1 with an exception set. */
static int get_by_id(struct bp_brain *self, PyObject *id, brain_view *view_out)
{
    char *bytes;
    Py_ssize_t length;
    if (!bp_brain_is_open(self) || PyBytes_AsStringAndSize(id, &bytes, &length) != 0) return -1;
    if (length != (Py_ssize_t)BRAIN_ID_BYTES) {
        bp_errors_format(self->state, BP_VALUE, "the id of a value has %d bytes, not %zd",
                         (int)BRAIN_ID_BYTES, length);
        return -1;
    }
    int code = bp_away_get_by_id(self->store->store, (const uint8_t *)bytes, view_out);
    if (code == 0) return 1;
    if (code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(self->state, code);
    return -1;
}

const char bp_pinned_pin_id_doc[] =
    "_pin_id($self, id, /)\n--\n\n"
    "A View of the data of the value with that id; None where it is gone.";

PyObject *bp_pinned_pin_id(PyObject *op, PyObject *id)
{
    struct bp_brain *self = (struct bp_brain *)op;
    brain_view view;
    int found = get_by_id(self, id, &view);
    if (found < 0 || (found > 0 && bp_away_recall(self->state, &view) != 0)) return NULL;
    return found ? bp_view_new(self->state, &view) : Py_NewRef(Py_None);
}

const char bp_pinned_recall_doc[] =
    "_recall_view($self, view, /)\n--\n\n"
    "The value that a View shows, or a part of, as brain[name] gave it.";

PyObject *bp_pinned_recall(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (Py_TYPE(argument) != self->state->view_type) {
        return bp_errors_set(PyExc_TypeError, "a View, not %R", argument);
    }
    struct bp_view *shown = (struct bp_view *)argument;
    const brain_view *pinned = shown->owner == NULL ? &shown->pin : &shown->owner->pin;
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    bp_away_id(self->state, pinned, id);
    /* Where the name has that value yet, that is the way that costs nobody anything. */
    int code = BRAIN_E_NOT_FOUND;
    if (self->space != NULL && pinned->tag != BP_TAG_AWAY) {
        code = brain_get_by_id(self->store->store, id, &view);
    }
    if (code != 0) code = bp_away_dup(self->state, pinned, &view);
    if (code != 0) return bp_errors_raise(self->state, code);
    return bp_convert_decode(self->state, &view, self->pickle);
}
