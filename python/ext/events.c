/* events.c - what the library tells of, kept until the call in which it happened is over, and then given to Python.
 *
 * brain_on_event() calls in the middle of an operation: the thread may have the GIL and look at things that only the
 * GIL keeps as they are, or not have it. A handler of a log is code of others, which may close the Brain, or wait for
 * what another thread has. So nothing is run then: what is told is copied into a queue of the thread, and goes to
 * Python when the method of the Brain ends (bp_events_end(): each method in the table of brain.c), in that thread, with
 * nothing held. What a method without the GIL does for long is told in between, as its progress is (disk.c).
 *
 * Owns:     a queue for each thread that had something to tell.
 * GIL:      keep() runs with it or without; all else with it.
 * Recursion: what a handler does with a Brain itself, in the same thread, is not told.
 * Cost:     where `kinds` is 0 the library does not call, and the end of a method is one load.
 * Forks:    the child has the queue of the thread that forked, which is empty but in a handler that forks.
 */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KEPT ((size_t)1 << 18) /* events of one thread in one call; what is beyond is counted */
#define MAX_NAME                                                                                   \
    ((size_t)400) /* bytes of a name, and of a namespace: enough for whoever reads them */
#define MAX_TEXT ((size_t)2000)

struct kept {
    struct kept *next;
    uint32_t kind;
    bool has_name; /* else all that follows is `text` */
    bool is_over;  /* not to be told any more */
    uint64_t version, bytes;
    size_t store_len, space_len, name_len, text_len;
    char texts[]; /* one behind the other, in that order */
};

struct queue {
    struct bp_state *state; /* lives as long as the key of the queues */
    struct kept *first;
    struct kept **end;
    struct kept *last; /* NULL: nothing is kept */
    size_t n;
    uint64_t n_lost; /* for which there was no room */
    bool is_telling;
};

/* ---- in the library's call ------------------------------------------------------------------- */

static void drop_first(struct queue *queue)
{
    struct kept *first = queue->first;
    queue->first = first->next;
    if (queue->first == NULL) {
        queue->end = &queue->first;
        queue->last = NULL;
    }
    queue->n--;
    __atomic_fetch_sub(&queue->state->events.n_kept, 1, __ATOMIC_RELAXED);
    free(first);
}

/* When its thread ends. Nobody is there to be told. */
static void free_queue(void *op)
{
    struct queue *queue = op;
    while (queue->first != NULL)
        drop_first(queue);
    free(queue);
}

static struct queue *queue_of(struct bp_state *state, bool makes)
{
    struct queue *queue = pthread_getspecific(state->events.key);
    if (queue != NULL || !makes) return queue;
    queue = calloc(1, sizeof *queue);
    if (queue == NULL) return NULL;
    queue->state = state;
    queue->end = &queue->first;
    if (pthread_setspecific(state->events.key, queue) == 0) return queue;
    free(queue);
    return NULL;
}

static size_t shortened(size_t length, size_t most)
{
    return length < most ? length : most;
}

static char *append(char *at, const void *text, size_t length)
{
    if (length > 0) memcpy(at, text, length);
    return at + length;
}

static struct kept *copy_of(const brain_event *event, const char *store)
{
    const char *text = event->text != NULL ? event->text : "";
    bool has_name = event->name != NULL;
    size_t store_len = strlen(store);
    size_t space_len = event->space != NULL ? shortened(event->space_len, MAX_NAME) : 0;
    size_t name_len = has_name ? shortened(event->name_len, MAX_NAME) : 0;
    size_t text_len = shortened(strlen(text), MAX_TEXT);
    struct kept *kept = malloc(sizeof *kept + store_len + space_len + name_len + text_len);
    if (kept == NULL) return NULL;
    *kept = (struct kept){ .kind = event->kind,
                           .has_name = has_name,
                           .version = event->version,
                           .bytes = event->bytes,
                           .store_len = store_len,
                           .space_len = space_len,
                           .name_len = name_len,
                           .text_len = text_len };
    char *at = append(kept->texts, store, store_len);
    at = append(at, event->space, space_len);
    at = append(at, event->name, name_len);
    append(at, text, text_len);
    return kept;
}

/* Namespaces of this byte first are the package's own. */
static bool is_hidden(const brain_event *event)
{
    return event->space_len > 0 && *(const unsigned char *)event->space == 0xff;
}

/* A put that found the store full may have tried again, when Plasma objects were evicted: what came of that is told. */
static void take_back_full(struct queue *queue, const struct kept *next)
{
    struct kept *last = queue->last;
    if (last != NULL && last->kind == BRAIN_EVENT_FULL && last->has_name && next->has_name &&
        (next->kind == BRAIN_EVENT_FULL || next->kind == BRAIN_EVENT_PUT) &&
        last->space_len == next->space_len && last->name_len == next->name_len &&
        memcmp(last->texts + last->store_len, next->texts + next->store_len,
               last->space_len + last->name_len) == 0) {
        last->is_over = true;
    }
}

/* A brain_event_fn: of any thread, with the GIL or without. */
static void keep(void *context, const brain_event *event)
{
    const struct bp_store *store = context;
    struct bp_state *state = store->state;
    if (event->space != NULL && is_hidden(event)) return;
    struct queue *queue = queue_of(state, true);
    if (queue == NULL || queue->is_telling) return;
    struct kept *kept = queue->n < MAX_KEPT ? copy_of(event, brain_path(store->store)) : NULL;
    if (kept == NULL) {
        queue->n_lost++;
        return;
    }
    take_back_full(queue, kept);
    *queue->end = kept;
    queue->end = &kept->next;
    queue->last = kept;
    queue->n++;
    __atomic_fetch_add(&state->events.n_kept, 1, __ATOMIC_RELAXED);
}

/* ---- to Python ------------------------------------------------------------------------------- */

/* tell(kind, store, space, name, version, bytes, text), where name is None of what is about no value. False with an
 * exception set. */
static bool tell_one(PyObject *tell, const struct kept *kept)
{
    const char *store = kept->texts, *space = store + kept->store_len;
    const char *name = space + kept->space_len, *text = name + kept->name_len;
    PyObject *shown = kept->has_name ? PyBytes_FromStringAndSize(name, (Py_ssize_t)kept->name_len)
                                     : Py_NewRef(Py_None);
    PyObject *result =
        shown == NULL
            ? NULL
            : PyObject_CallFunction(tell, "Iy#y#NKKy#", (unsigned)kept->kind, store,
                                    (Py_ssize_t)kept->store_len, space, (Py_ssize_t)kept->space_len,
                                    shown, (unsigned long long)kept->version,
                                    (unsigned long long)kept->bytes, text,
                                    (Py_ssize_t)kept->text_len);
    Py_XDECREF(result);
    return result != NULL;
}

static bool tell_lost(PyObject *tell, uint64_t n_lost)
{
    PyObject *result =
        PyObject_CallFunction(tell, "Iy#y#OKKy#", 0u, "", (Py_ssize_t)0, "", (Py_ssize_t)0, Py_None,
                              0ull, (unsigned long long)n_lost, "", (Py_ssize_t)0);
    Py_XDECREF(result);
    return result != NULL;
}

/* After an error of a log: whether it ends the telling, and the call. A log does not fail the calls that it is about;
 * what is no Exception (Ctrl-C, sys.exit()) is not its own. */
static bool interrupts(PyObject *tell)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return true;
    PyErr_WriteUnraisable(tell);
    return false;
}

/* Whether all was told; else an exception is set. */
static bool tell_queue(struct queue *queue, PyObject *tell)
{
    bool interrupted = false;
    while (queue->first != NULL) {
        bool tells = tell != NULL && !interrupted && !queue->first->is_over;
        if (tells && !tell_one(tell, queue->first)) interrupted = interrupts(tell);
        drop_first(queue);
    }
    uint64_t n_lost = queue->n_lost;
    queue->n_lost = 0;
    if (n_lost != 0 && tell != NULL && !interrupted && !tell_lost(tell, n_lost))
        interrupted = interrupts(tell);
    return !interrupted;
}

/* Whether the call goes on as it would have. */
static bool tell_all(struct bp_state *state)
{
    struct queue *queue = queue_of(state, false);
    if (queue == NULL || queue->is_telling || queue->first == NULL) return true;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyObject *tell = state->events.tell;
    Py_XINCREF(tell);
    queue->is_telling = true;
    bool is_whole = tell_queue(queue, tell);
    queue->is_telling = false;
    Py_XDECREF(tell);
    if (is_whole) {
        PyErr_Restore(type, error, traceback);
    } else {
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
    }
    return is_whole;
}

PyObject *bp_events_tell(struct bp_state *state, PyObject *result)
{
    if (tell_all(state)) return result;
    Py_XDECREF(result);
    return NULL;
}

int bp_events_tell_int(struct bp_state *state, int result)
{
    return tell_all(state) ? result : -1;
}

/* ---- who wants to know ----------------------------------------------------------------------- */

/* Where the library refuses (the store was destroyed, a child that is no client) there is nothing to tell. */
static void ask(struct bp_state *state, struct bp_store *store)
{
    uint32_t kinds = state->events.kinds;
    int code = brain_on_event(store->store, kinds, kinds != 0 ? keep : NULL, store);
    (void)code;
}

void bp_events_join(struct bp_state *state, struct bp_store *store)
{
    store->state = state;
    bp_handle_enlist(store, &state->events.stores);
    if (state->events.kinds != 0) ask(state, store);
}

const char bp_events_set_doc[] =
    "_set_events(kinds, tell, /)\n--\n\n"
    "Let the stores of all Brains tell of these kinds of events, by\n"
    "tell(kind, store, namespace, name, version, bytes, text) at the end of a call; texts are "
    "bytes,\n"
    "name is None where the event is of no value. Kind 0: `bytes` is how many had no room.";

PyObject *bp_events_set(PyObject *module, PyObject *args)
{
    struct bp_state *state = PyModule_GetState(module);
    unsigned kinds;
    PyObject *tell;
    if (!PyArg_ParseTuple(args, "IO:_set_events", &kinds, &tell)) return NULL;
    PyObject *old = state->events.tell;
    state->events.tell = tell == Py_None ? NULL : Py_NewRef(tell);
    if (kinds != state->events.kinds) {
        state->events.kinds = kinds;
        for (struct bp_store *store = state->events.stores; store != NULL; store = store->next)
            ask(state, store);
    }
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

int bp_events_init(struct bp_state *state)
{
    int code = pthread_key_create(&state->events.key, free_queue);
    if (code == 0) {
        state->events.has_key = true;
        return 0;
    }
    PyErr_Format(PyExc_OSError, "no room for a value of each thread: %s", strerror(code));
    return -1;
}

void bp_events_deinit(struct bp_state *state)
{
    if (!state->events.has_key) return;
    struct queue *queue = queue_of(state, false);
    if (queue != NULL) free_queue(queue);
    pthread_key_delete(state->events.key);
    state->events.has_key = false;
}
