/* state.c - what any file may ask of the state. */
#include "state.h"

#include <time.h>

int64_t bp_state_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

PyObject *bp_state_values_function(struct bp_state *state, const char *name)
{
    if (state->values == NULL) state->values = PyImport_ImportModule("brain_plasma.values");
    return state->values == NULL ? NULL : PyObject_GetAttrString(state->values, name);
}
