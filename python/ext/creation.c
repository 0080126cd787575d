/* creation.c - the type Creation: an object that is being written.
 *
 * Owns:     the brain_object, from create() on. Its client refers to it until the object is sealed
 *           or given up; every buffer on it does for as long as it lives. So what is written after
 *           the seal goes to memory that is still there, and private.
 * Release:  the last reference notes the time, as the last use of the object by its creator.
 * Fork:     the library's memory of what is not sealed is not there in a child, where buffers on it
 *           still are. So the child puts memory of its own in its place, all zero.
 * Lock:     that of the list below: a child may be forked by a thread without the GIL.
 */
#include "creation.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bp_creation_object *first;

static void enlist(struct bp_creation_object *self)
{
    pthread_mutex_lock(&lock);
    self->previous = NULL;
    self->next = first;
    if (first != NULL) first->previous = self;
    first = self;
    pthread_mutex_unlock(&lock);
}

static void delist(struct bp_creation_object *self)
{
    pthread_mutex_lock(&lock);
    if (self->next != NULL) self->next->previous = self->previous;
    if (self->previous != NULL) {
        self->previous->next = self->next;
    } else {
        first = self->next;
    }
    pthread_mutex_unlock(&lock);
}

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

/* Of what is sealed the memory is there, and stays. */
static void map_in_child(const struct pl_creation *creation)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)brain_object_data(creation->object);
    uintptr_t end = start + creation->data_bytes + creation->meta_bytes;
    uintptr_t from = start / page * page;
    if (creation->data_bytes + creation->meta_bytes <= PL_PRIVATE_BYTES) return;
    /* Where it fails there is memory already, or too little: then the buffers cannot be used. */
    (void)mmap((void *)from, end - from, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

static void in_child(void)
{
    for (struct bp_creation_object *each = first; each != NULL; each = each->next)
        map_in_child(&each->creation);
    pthread_mutex_unlock(&lock);
}

static void prepare_for_forks(void)
{
    int failed = pthread_atfork(before_fork, after_fork, in_child);
    (void)failed; /* no memory: children have no such buffers */
}

PyObject *bp_creation_new(struct bp_state *state, struct bp_store *store,
                          const struct pl_creation *creation)
{
    struct bp_creation_object *self = PyObject_New(struct bp_creation_object, state->creation_type);
    if (self == NULL) {
        brain_object_release(creation->object);
        return NULL;
    }
    self->state = state;
    self->store = store;
    store->n_refs++;
    self->creation = *creation;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_for_forks);
    enlist(self);
    return (PyObject *)self;
}

static void creation_dealloc(PyObject *op)
{
    struct bp_creation_object *self = (struct bp_creation_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    struct pl_store objects;
    delist(self);
    if (pl_store_open(self->store->store, &objects) == 0) {
        /* Nobody else refers to it any more; it may have to wait for a writer. */
        Py_BEGIN_ALLOW_THREADS pl_create_release(&objects, &self->creation);
        Py_END_ALLOW_THREADS pl_store_close(&objects);
    }
    bp_handle_store_drop(self->store);
    PyObject_Free(op);
    Py_DECREF(type);
}

static PyType_Slot creation_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)"An object that is being written." },
    { Py_tp_dealloc, creation_dealloc },
    { 0, NULL },
};

PyType_Spec bp_creation_spec = {
    .name = "brain_plasma._core.Creation",
    .basicsize = sizeof(struct bp_creation_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = creation_slots,
};
