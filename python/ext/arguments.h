/* arguments.h - the arguments of the methods that take a namespace, and the namespaces used lately.
 *
 * A call names its namespace by `in`: NULL is the one in use, whichever that is at the moment; else
 * it is a reference of the call's own, since what runs meanwhile may push it out of the cache.
 */
#ifndef BP_ARGUMENTS_H
#define BP_ARGUMENTS_H

#include "brainobject.h"

/* The namespace `name`, None: the one in use, as a reference for the caller in `*in_out`. Returns
 * false with an exception set. */
bool bp_arguments_space(struct bp_brain *self, PyObject *name, struct bp_space **in_out);

/* Raise that so many arguments are not what `usage` shows. Always returns NULL. */
PyObject *bp_arguments_raise(const char *usage, Py_ssize_t n_args);

/* The slow half of bp_arguments_read(). */
bool bp_arguments_read_rest(struct bp_brain *self, const char *usage, PyObject *const *args,
                            Py_ssize_t n_args, Py_ssize_t n_min, Py_ssize_t n_max,
                            PyObject *keywords, struct bp_space **in_out);

/* Check that there are n_min to n_max positional arguments, and by keyword `namespace` or nothing.
 * `*in_out` is for bp_handle_space_drop(). Returns false with an exception set. */
static inline bool bp_arguments_read(struct bp_brain *self, const char *usage,
                                     PyObject *const *args, Py_ssize_t n_args, Py_ssize_t n_min,
                                     Py_ssize_t n_max, PyObject *keywords, struct bp_space **in_out)
{
    *in_out = NULL;
    if (keywords == NULL && n_args >= n_min && n_args <= n_max) return true;
    return bp_arguments_read_rest(self, usage, args, n_args, n_min, n_max, keywords, in_out);
}

/* Forget the namespaces used lately: they hold the store. */
void bp_arguments_forget_spaces(struct bp_brain *self);

#endif
