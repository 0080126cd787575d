/* error.h - the text of the calling thread's last failure in this library. */
#ifndef BD_ERROR_H
#define BD_ERROR_H

#include "brain_disk.h"

/* Set the text and return `code`. */
__attribute__((format(printf, 2, 3))) int bd_error(int code, const char *format, ...);

/* The same for a failed call to the system: `error` is an errno. Chooses FULL, PERM, NOT_FOUND, NOMEM or IO. */
__attribute__((format(printf, 2, 3))) int bd_error_os(int error, const char *format, ...);

/* What failed may be done in another place: where there is no room left the text of `code` says so, too. */
int bd_error_elsewhere(int code);

/* A call of brain.h failed: its text is ours, and `code` is passed on. */
int bd_error_store(int code);

#endif
