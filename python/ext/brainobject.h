/* brainobject.h - the struct of a Brain, and what the files that make up its methods share.
 *
 * brainobject.c  what all of them need
 * recent.c       the names used lately, and where their values were found
 * arguments.c    the namespace that a call is for
 * names.c        methods about one name
 * many.c         methods about many names, and about what belongs to them
 * pinned.c       methods about one version of a value, by its id
 * origin.c       the method that finds of which version a recalled value is
 * store.c        methods about namespaces and the store
 * glance.c       methods for people who look into a store
 * dump.c         the method that writes a dump
 * load.c         the method that loads one
 * home.c         methods that keep values on a disk
 * mark.c         methods about marks that say whether the store was restored, and where it is kept
 * brain.c        the type: its life, the slots of the mapping, and the table of the methods
 */
#ifndef BP_BRAINOBJECT_H
#define BP_BRAINOBJECT_H

#include "errors.h"
#include "handle.h"
#include "recent.h"
#include "state.h"

#define BP_OPEN_SPACES 16 /* namespaces that calls named lately */

struct bp_brain {
    PyObject_HEAD struct bp_state *state; /* valid as long as the type, which the object holds */
    brain_space *space; /* current->space, for the hot paths; NULL: closed, or not opened yet */
    struct bp_space *current;
    struct bp_store *store;
    PyObject *path;           /* str, as given; NULL: never opened */
    bool pickle;              /* pickles may be written and read */
    bool long_namespaces;     /* namespaces may have names of 1 to 255 bytes */
    bool destroyed;           /* closed, since it removed its store */
    PyObject *sleeping_space; /* str, owned: asleep, and the namespace that was in use; else NULL */
    struct bp_recents recents;                    /* of the namespace in use */
    struct bp_space *open_spaces[BP_OPEN_SPACES]; /* references, the latest first, then NULL */
};

/* A method and its docstring, by how it takes its arguments; IN: and by keyword a namespace. */
#define BP_METHOD(name)                                                                            \
    extern const char name##_doc[];                                                                \
    PyObject *name(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
#define BP_METHOD_IN(name)                                                                         \
    extern const char name##_doc[];                                                                \
    PyObject *name(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
#define BP_METHOD_NOARGS(name)                                                                     \
    extern const char name##_doc[];                                                                \
    PyObject *name(PyObject *op, PyObject *ignored)
#define BP_METHOD_O(name)                                                                          \
    extern const char name##_doc[];                                                                \
    PyObject *name(PyObject *op, PyObject *argument)

/* Raise that it is closed, or asleep. Always returns NULL. */
PyObject *bp_brain_raise_closed(struct bp_brain *self);

/* Raise that there is no `name` in the namespace `in`, NULL: the one in use. Always returns NULL. */
PyObject *bp_brain_raise_missing(struct bp_brain *self, struct bp_space *in, PyObject *name);

/* Raise why `name` is none (its type, its length, its characters). Always returns NULL. */
const char *bp_brain_raise_name(struct bp_brain *self, PyObject *name);

/* Whether the Brain is open; else raises. */
static inline bool bp_brain_is_open(struct bp_brain *self)
{
    if (self->space != NULL) return true;
    bp_brain_raise_closed(self);
    return false;
}

/* Whether a put that finds the store full says so, and makes no room, which may take long. */
static inline bool bp_brain_says_full(const brain_store *store)
{
    return brain_full_mode(store) == BRAIN_FULL_ERROR;
}

/* Whether a writer is at work now, perhaps a stopped one, or room may have to be made: then this thread may have to
 * wait, and the others shall go on. A hint; where the writer comes a moment later, the wait keeps the GIL. */
static inline bool bp_brain_is_busy(const struct bp_brain *self)
{
    return brain_is_busy(self->store->store) != 0 || !bp_brain_says_full(self->store->store);
}

/* The bytes of a name of this open Brain, valid as long as `name`; or NULL with an exception
 * set. */
static inline const char *bp_brain_name(struct bp_brain *self, PyObject *name, size_t *len_out)
{
    *len_out = 0;
    if (self->space == NULL) {
        bp_brain_raise_closed(self);
        return NULL;
    }
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(name, &length);
    if (utf8 == NULL || length > (Py_ssize_t)BRAIN_NAME_MAX) return bp_brain_raise_name(self, name);
    *len_out = (size_t)length;
    return utf8;
}

/* As bp_brain_name(), for a call in the namespace `in` (arguments.h); and where to look it up. */
static inline const char *bp_brain_name_in(struct bp_brain *self, struct bp_space *in,
                                           PyObject *name, size_t *len_out, brain_space **space_out)
{
    const char *utf8 = bp_brain_name(self, name, len_out);
    *space_out = in != NULL ? in->space : self->space;
    if (utf8 == NULL || in == NULL || !in->owner->closed) return utf8;
    bp_brain_raise_closed(self);
    return NULL;
}

/* A reference on the space that a call in `in` works in, for as long as it runs without the GIL, or
 * makes objects: that may collect garbage, and so run anything. Of an open Brain. */
static inline struct bp_space *bp_brain_hold(struct bp_brain *self, struct bp_space *in)
{
    return bp_handle_space_take(in != NULL ? in : self->current);
}

/* The bytes of a name of this open Brain, as bp_brain_name(), and its hint, NULL: it has none. Both
 * until other names are looked up, or the GIL is given up. */
static inline const char *bp_brain_hinted_name(struct bp_brain *self, PyObject *name,
                                               size_t *len_out, brain_hint **hint_out)
{
    struct bp_recent *recent = bp_recent_find(&self->recents, name);
    if (recent != NULL) { /* then it is open */
        *len_out = recent->len;
        *hint_out = &recent->hint;
        return recent->utf8;
    }
    const char *utf8 = bp_brain_name(self, name, len_out);
    recent = utf8 != NULL ? bp_recent_add(&self->recents, name, utf8, *len_out) : NULL;
    *hint_out = recent != NULL ? &recent->hint : NULL;
    return utf8;
}

/* Whether a put may make the namespace `in`, NULL: the one in use; else raises. */
bool bp_brain_may_make(struct bp_brain *self, struct bp_space *in);

/* What bp_brain_put() puts, and where. */
struct bp_put {
    struct bp_space *in; /* NULL: the namespace in use */
    PyObject *name;
    PyObject *value;
    const char *description; /* NULL: keep the one of the value that is replaced */
    size_t description_len;
    uint64_t if_version;
};

/* After FULL for `n_bytes`: whether Plasma objects that nobody uses were evicted, so that another try
 * may succeed. `*tried` is 0 at first. Without the GIL: it may wait, up to 0.1 s in all tries. */
bool bp_brain_make_room(struct bp_store *store, uint64_t n_bytes, unsigned *tried);

#define BP_RAISED 1

/* The version of a change that is made, which is not to fail for want of memory once it is: `room` is from
 * bp_brain_room(), before the change, and is given up for it. */
PyObject *bp_brain_room(void);
PyObject *bp_brain_number(PyObject *room, uint64_t number);

/* Encode the value and put it. Returns 0; or EXISTS, STALE or NOT_FOUND (nothing raised), where a
 * version was asked for; or BP_RAISED with an exception set that says that it could not be put. */
int bp_brain_put(struct bp_brain *self, const struct bp_put *what, uint64_t *version_out);

/* The same, whatever is there: brain[name] = value. 0, or -1 with an exception set. Has the put
 * inline: a call less on the way that counts most. */
int bp_brain_set(struct bp_brain *self, PyObject *name, PyObject *value);

/* Delete `name` in the namespace `in`. Returns 1; 0: there is none; -1 with an exception set. */
int bp_brain_delete(struct bp_brain *self, struct bp_space *in, PyObject *name);

/* A change failed, and an exception is set that says why: let it also say what could not be done. A
 * put of one name, whatever that is; of any of `names`, a list that nobody else has; and a delete.
 * All return -1. */
int bp_brain_failed_put(struct bp_brain *self, struct bp_space *in, PyObject *name);
int bp_brain_failed_puts(struct bp_brain *self, struct bp_space *in, PyObject *names);
int bp_brain_failed_delete(void);

/* names.c */
BP_METHOD_IN(bp_names_pop);
BP_METHOD_IN(bp_names_popitem);
BP_METHOD_IN(bp_names_setdefault);
BP_METHOD_IN(bp_names_forget);
BP_METHOD(bp_names_learn);
BP_METHOD_IN(bp_names_version);
BP_METHOD_IN(bp_names_replace_if);
BP_METHOD_IN(bp_names_wait);

/* many.c */
BP_METHOD_IN(bp_many_set);
BP_METHOD_IN(bp_many_get);
BP_METHOD(bp_many_entry);
BP_METHOD(bp_many_entries);

/* pinned.c */
BP_METHOD(bp_pinned_pin);
BP_METHOD_O(bp_pinned_pin_id);
BP_METHOD_O(bp_pinned_recall);
BP_METHOD_O(bp_pinned_facts);

/* origin.c */
BP_METHOD_O(bp_origin_pin);

/* store.c */
BP_METHOD(bp_store_names);
BP_METHOD_IN(bp_store_count);
BP_METHOD_IN(bp_store_clear);
BP_METHOD_IN(bp_store_quota);
BP_METHOD_IN(bp_store_set_quota);
BP_METHOD_NOARGS(bp_store_namespaces);
BP_METHOD_O(bp_store_use_namespace);
BP_METHOD_O(bp_store_drop_namespace);
BP_METHOD_NOARGS(bp_store_size);
BP_METHOD_NOARGS(bp_store_used);
BP_METHOD_NOARGS(bp_store_free);
BP_METHOD_NOARGS(bp_store_stat);
BP_METHOD_NOARGS(bp_store_full);
BP_METHOD_O(bp_store_set_full);
BP_METHOD_O(bp_store_resize);
BP_METHOD_NOARGS(bp_store_trim);
BP_METHOD_NOARGS(bp_store_compact);
BP_METHOD_O(bp_store_set_keep_free);
BP_METHOD_NOARGS(bp_store_check);
BP_METHOD_NOARGS(bp_store_destroy);

/* glance.c */
BP_METHOD(bp_glance_some);
BP_METHOD_NOARGS(bp_glance_metrics);

/* dump.c, load.c */
BP_METHOD(bp_dump_write);
BP_METHOD(bp_dump_time);
BP_METHOD(bp_load_read);
BP_METHOD(bp_load_home);

/* home.c */
BP_METHOD(bp_home_sync);
BP_METHOD(bp_home_persist);
BP_METHOD(bp_home_persists);

/* spill.c */
BP_METHOD(bp_spill_open);
BP_METHOD(bp_spill_some);
BP_METHOD_NOARGS(bp_spill_tidy);

/* mark.c */
BP_METHOD_O(bp_mark_get);
BP_METHOD(bp_mark_set);
BP_METHOD(bp_mark_wait);
BP_METHOD_NOARGS(bp_mark_client);
BP_METHOD(bp_mark_lives);

/* The names of the namespace `in`, NULL: the one in use, as of one moment: a new list of str, or NULL
 * with an exception set. Of an open Brain. */
PyObject *bp_store_list_names(struct bp_brain *self, struct bp_space *in);

/* Let the Brain work in `space`, whose reference it takes over. */
void bp_brain_use(struct bp_brain *self, struct bp_space *space);

/* Let go of space and store. What still runs in them goes on. */
void bp_brain_close(struct bp_brain *self);

#endif
