/* array.h - the elements of an array as text, and as JSON. */
#ifndef BC_ARRAY_H
#define BC_ARRAY_H

#include <brain.h>
#include <jansson.h>

#include "command.h"

/* "float64" for "<f8", "datetime64[ns]" for "<M8[ns]"; others as they are. */
const char *bc_array_type(const brain_tensor *tensor, char *buf, size_t room);

/* "(3, 4)". `room` at least 32; what does not fit ends with dots. */
const char *bc_array_shape(const brain_tensor *tensor, char *buf, size_t room);

/* Print the first and last rows to stdout, a row being what lies along the last axis; of an array with one axis an
 * element. `data` has the elements; `n_edge` rows at each end. */
void bc_array_print(const struct bc_context *context, const brain_tensor *tensor, const void *data,
                    uint64_t n_edge);

/* Nested lists. NULL: elements of that type have no JSON. */
json_t *bc_array_json(const brain_tensor *tensor, const void *data);

#endif
