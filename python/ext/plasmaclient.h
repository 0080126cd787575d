/* plasmaclient.h - the struct of a Plasma client, and what the files of its methods share.
 *
 * plasmaclient.c  errors, and what all of them need
 * plasma.c        the type, and the methods about one object
 * plasmastore.c   the methods about the store as a whole: list, evict, notifications
 * plasmanames.c   the methods about named values
 * digest.c        hash()
 */
#ifndef BP_PLASMACLIENT_H
#define BP_PLASMACLIENT_H

#include "errors.h"
#include "handle.h"
#include "objectid.h"
#include "plasma/object.h"
#include "state.h"

/* A digest that was asked for: of one version of one object. */
struct bp_digest {
    uint64_t version; /* 0: nothing is here */
    uint64_t digest;
    uint8_t id[BRAIN_ID_BYTES];
};

#define BP_N_DIGESTS 256

struct bp_plasma {
    PyObject_HEAD struct bp_state *state; /* valid as long as the type, which the object holds */
    struct bp_store *store;               /* NULL: disconnected, or never connected */
    struct pl_store objects;              /* of that store; stays until the object goes */
    PyObject *path;                       /* str, as given; NULL: never connected */
    PyObject *creations;     /* dict bytes of an id -> Creation: not sealed, nor being sealed */
    bool pickle;             /* pickles may be written and read */
    uint64_t capacity_bytes; /* when it was asked for last */
    PyObject *capacity;      /* the same as an int; NULL: not asked for yet */
    bool has_remains;        /* list() met what the dead left */
    struct bp_digest digests[BP_N_DIGESTS];
};

/* Whether the client is connected; else raises. */
bool bp_plasmaclient_is_connected(struct bp_plasma *self);

/* The same, of one that may change the store. Of what only looks for what it could change, and would
 * find nothing or let it be; what puts is told by the library. */
bool bp_plasmaclient_may_change(struct bp_plasma *self);

/* Raise for a code of the library: about object `id`, an ObjectID, where that is not NULL. Always
 * returns NULL. */
PyObject *bp_plasmaclient_raise(struct bp_plasma *self, int code, PyObject *id);

/* An exception is set: no code of the library. */
#define BP_PLASMA_RAISED 1

/* Whether there are as many arguments as wanted; else raises. */
bool bp_plasmaclient_has_arguments(Py_ssize_t n_args, Py_ssize_t wanted, const char *usage);

/* Get a sealed object by the id that it was put under, or a named value by its id: a code of the
 * library. The view is to be given to bp_plasmaclient_drop(), or to a View. */
int bp_plasmaclient_find(struct bp_plasma *self, const uint8_t *id, brain_view *view_out,
                         struct pl_object *info_out);
void bp_plasmaclient_drop(struct bp_plasma *self, brain_view *view);

/* Keeps the store open while the GIL is given up; disconnect() may come meanwhile. Also wherever
 * objects of Python are made: the garbage collector may run then, and with it anything. */
static inline struct bp_store *bp_plasmaclient_hold(struct bp_plasma *self)
{
    self->store->n_refs++;
    return self->store;
}

#define BP_PLASMA_METHOD(name)                                                                     \
    extern const char name##_doc[];                                                                \
    PyObject *name(PyObject *op, PyObject *const *args, Py_ssize_t n_args)

BP_PLASMA_METHOD(bp_plasmastore_list);
BP_PLASMA_METHOD(bp_plasmastore_evict);
BP_PLASMA_METHOD(bp_plasmastore_sweep);
BP_PLASMA_METHOD(bp_plasmastore_usage);
BP_PLASMA_METHOD(bp_plasmastore_wait_any);
BP_PLASMA_METHOD(bp_plasmanames_spaces);
BP_PLASMA_METHOD(bp_plasmanames_names);
BP_PLASMA_METHOD(bp_plasmanames_named);
BP_PLASMA_METHOD(bp_plasmanames_forget);
BP_PLASMA_METHOD(bp_digest_hash);
BP_PLASMA_METHOD(bp_plasmastore_subscribe);
BP_PLASMA_METHOD(bp_plasmastore_sealed);
BP_PLASMA_METHOD(bp_plasmastore_unsubscribe);
BP_PLASMA_METHOD(bp_plasmastore_take);

#endif
