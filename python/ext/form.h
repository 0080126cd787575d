/* form.h - in which form a value is stored, without storing it, or making it: functions of the
 * module. */
#ifndef BP_FORM_H
#define BP_FORM_H

#include "state.h"

extern const char bp_form_of_doc[];
PyObject *bp_form_of(PyObject *module, PyObject *args);

extern const char bp_form_needs_pickle_doc[];
PyObject *bp_form_needs_pickle(PyObject *module, PyObject *value);

extern const char bp_form_read_parts_doc[];
PyObject *bp_form_read_parts(PyObject *module, PyObject *data);

extern const char bp_form_read_tree_doc[];
PyObject *bp_form_read_tree(PyObject *module, PyObject *args);

#endif
