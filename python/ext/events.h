/* events.h - what the library tells of, kept until the call in which it happened is over. */
#ifndef BP_EVENTS_H
#define BP_EVENTS_H

#include "handle.h"

/* Once, when the module is made. 0, or -1 with an exception set. */
int bp_events_init(struct bp_state *state);
void bp_events_deinit(struct bp_state *state);

/* Let the store of a Brain tell what is asked for, from now on until it is closed. */
void bp_events_join(struct bp_state *state, struct bp_store *store);

/* _core._set_events(kinds, tell) */
PyObject *bp_events_set(PyObject *module, PyObject *args);
extern const char bp_events_set_doc[];

/* Tell what this thread has kept. Returns `result`, a new reference or NULL with an exception set, or where a signal's
 * handler has raised meanwhile NULL. With the GIL, and where any code may run. */
PyObject *bp_events_tell(struct bp_state *state, PyObject *result);

/* The end of a call that may have something to tell, with what it returns. Where there is nothing, that is known by a
 * load that nobody stores to. */
static inline PyObject *bp_events_end(struct bp_state *state, PyObject *result)
{
    bool is_quiet = __atomic_load_n(&state->events.n_kept, __ATOMIC_RELAXED) == 0;
    return __builtin_expect(is_quiet, 1) ? result : bp_events_tell(state, result);
}

/* Whether a get may have something to tell. */
static inline bool bp_events_of_values(const struct bp_state *state)
{
    return (state->events.kinds & (BRAIN_EVENT_GET | BRAIN_EVENT_MISS)) != 0;
}

/* The same of a call that returns a number, and -1 where an exception is set. */
int bp_events_tell_int(struct bp_state *state, int result);

static inline int bp_events_end_int(struct bp_state *state, int result)
{
    bool is_quiet = __atomic_load_n(&state->events.n_kept, __ATOMIC_RELAXED) == 0;
    return __builtin_expect(is_quiet, 1) ? result : bp_events_tell_int(state, result);
}

#endif
