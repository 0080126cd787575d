/* state.c - what any file may ask of the state. */
#include "state.h"

PyObject *bp_state_values_function(struct bp_state *state, const char *name)
{
    if (state->values == NULL) state->values = PyImport_ImportModule("brain_plasma.values");
    return state->values == NULL ? NULL : PyObject_GetAttrString(state->values, name);
}
