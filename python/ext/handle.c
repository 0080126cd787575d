/* handle.c - stores and spaces that outlive close() while a call in them runs.
 *
 * close() and set_namespace() may come from another thread while a call runs without the GIL. Such
 * a call holds a reference on the space that it works in, and the space one on its store; whoever
 * drops the last closes. A call that keeps the GIL needs none: nobody else can run.
 *
 * Guard of the counts: the GIL.
 */
#include "handle.h"

#include <brain_disk.h>

#include "errors.h"

struct bp_store *bp_handle_store(brain_store *store)
{
    struct bp_store *handle = PyMem_Calloc(1, sizeof *handle);
    if (handle == NULL) {
        brain_close(store);
        PyErr_NoMemory();
        return NULL;
    }
    handle->store = store;
    handle->n_refs = 1;
    return handle;
}

void bp_handle_enlist(struct bp_store *store, struct bp_store **list)
{
    store->next = *list;
    store->list = list;
    *list = store;
}

struct bp_store *bp_handle_find(struct bp_store *list, const brain_store *store)
{
    while (list != NULL && list->store != store)
        list = list->next;
    return list;
}

static void delist(struct bp_store *store)
{
    struct bp_store **link = store->list;
    while (link != NULL && *link != store)
        link = &(*link)->next;
    if (link != NULL) *link = store->next;
}

void bp_handle_store_drop(struct bp_store *store)
{
    if (store == NULL || --store->n_refs > 0) return;
    delist(store);
    brain_spill_close(store->spill);
    brain_close(store->store);
    PyMem_Free(store);
}

int bp_handle_may_pickle(brain_store *store, PyObject *choice)
{
    if (choice != Py_None) return PyObject_IsTrue(choice);
    uint32_t access = brain_access(store);
    return (access & BRAIN_ACCESS_OWNED) != 0 && (access & BRAIN_ACCESS_OTHERS_WRITE) == 0;
}

struct bp_space *bp_handle_space(struct bp_state *state, struct bp_store *owner, PyObject *name)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(name, &length);
    if (utf8 == NULL) {
        bp_errors_chain(state, BP_NAMESPACE_NAME, "the name of a namespace is no valid text: %R",
                        name);
        return NULL;
    }
    if (length < 1 || length > (Py_ssize_t)BRAIN_SPACE_MAX) {
        bp_errors_format(state, BP_NAMESPACE_NAME,
                         "the name of a namespace has to have 1 to %u bytes in UTF-8: %R",
                         BRAIN_SPACE_MAX, name);
        return NULL;
    }
    struct bp_space *handle = PyMem_Calloc(1, sizeof *handle);
    if (handle == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    handle->name = PyUnicode_FromObject(name); /* of a subclass a str, whose hash runs no code */
    if (handle->name == NULL) {
        PyMem_Free(handle);
        return NULL;
    }
    int code = brain_space_open(owner->store, utf8, (size_t)length, &handle->space);
    if (code != 0) {
        Py_DECREF(handle->name);
        PyMem_Free(handle);
        bp_errors_raise(state, code);
        return NULL;
    }
    handle->owner = owner;
    owner->n_refs++;
    handle->n_refs = 1;
    return handle;
}

struct bp_space *bp_handle_space_take(struct bp_space *space)
{
    space->n_refs++;
    return space;
}

void bp_handle_space_drop(struct bp_space *space)
{
    if (space == NULL || --space->n_refs > 0) return;
    brain_space_close(space->space);
    bp_handle_store_drop(space->owner);
    Py_DECREF(space->name);
    PyMem_Free(space);
}
