/* error.h - codes and the thread's detail text.
 *
 * Two classes. Expected answers (NOT_FOUND, EXISTS, STALE, FULL, BUSY, TIMEOUT, INTR) are for the
 * caller to handle. Faults (INVAL ... FORKED) are passed up unchanged. Whoever raises a fault, or
 * FULL, BUSY, TIMEOUT, says once what happened, where, and what to do; success costs nothing.
 */
#ifndef BN_ERROR_H
#define BN_ERROR_H

#include "brain.h"

/* Internal: a region has no backed room left. Never leaves the library: the write entry backs the
 * region and tries again. */
#define BN_AGAIN (-100)

/* Set the detail text and return `code`. */
__attribute__((format(printf, 2, 3))) int bn_error(int code, const char *format, ...);

/* The same for a failed call to the system: `error` is -errno. Chooses FULL, PERM, NOMEM or IO. */
__attribute__((format(printf, 2, 3))) int bn_error_os(int error, const char *format, ...);

/* `text` where a failed call to the system said that the file system is full, else "": what bn_error_os() says of
 * memory that was refused for another reason would send the reader the wrong way with it. */
const char *bn_error_if_full(int error, const char *text);

/* Damage: CORRUPT, naming the record. */
__attribute__((format(printf, 1, 2))) int bn_error_corrupt(const char *format, ...);

/* `err`, as a public call returns it. For NOT_FOUND, EXISTS, STALE and INTR the detail text is emptied: it is of an
 * earlier failure. Not where a text was set for them (brain_open()). */
int bn_error_expected(int err);

/* The detail text over a call of somebody else's, whose failures are none of the caller's. */
#define BN_ERROR_DETAIL_BYTES 768u
void bn_error_keep(char text[BN_ERROR_DETAIL_BYTES]);
void bn_error_bring_back(const char text[BN_ERROR_DETAIL_BYTES]);

#endif
