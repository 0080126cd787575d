/* errors.h - from BRAIN_E_* to exceptions. */
#ifndef BP_ERRORS_H
#define BP_ERRORS_H

#include "state.h"

/* Find the classes of brain_plasma.exceptions. Returns 0, or -1 with an exception set. */
int bp_errors_load(struct bp_state *state);

/* Which exception a code of the library stands for. */
enum bp_error bp_errors_of_code(int code);

/* Raise what a library call that returned `code` stands for, with the library's own text about it.
 * To be called in the thread of the call, before its next one. Always returns NULL. */
PyObject *bp_errors_raise(struct bp_state *state, int code);

/* Raise `class`, or `error`, with a text of our own; %R of an object whose __repr__ raises is "<object at ...>".
 * Always return NULL. */
PyObject *bp_errors_set(PyObject *class, const char *format, ...);
PyObject *bp_errors_format(struct bp_state *state, enum bp_error error, const char *format, ...);

/* As bp_errors_format(), with the exception that is set now as its cause; but a MemoryError stays as it is.
 * Always returns NULL. */
PyObject *bp_errors_chain(struct bp_state *state, enum bp_error error, const char *format, ...);

/* Let the exception that is set be what `function` of brain_plasma.failed_changes makes of it. */
void bp_errors_refine(const char *function);

#endif
