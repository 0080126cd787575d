/* out.h - bytes to stdout, or to a file that is there only when it is whole. */
#ifndef BC_OUT_H
#define BC_OUT_H

#include "command.h"

/* Write to stdout (`path` NULL) or to a file. Returns 0, or an exit status, and it has been said why. */
int bc_out_write(const struct bc_context *context, const char *path, const void *data,
                 uint64_t size_bytes);

#endif
