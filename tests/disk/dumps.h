/* dumps.h - what the tests of disk/ share: stores with known values, folders for files, and calls with checks. */
#ifndef BN_TESTS_DUMPS_H
#define BN_TESTS_DUMPS_H

#include <brain_disk.h>

#include "../unit/check.h"

#define DUMP_OK(call) DUMP_CODE(call, 0)
#define DUMP_CODE(call, code)                                                                      \
    do {                                                                                           \
        int got_ = (call), want_ = (code);                                                         \
        if (got_ != want_) {                                                                       \
            check_fail(__FILE__, __LINE__, "%s: %d (%s: %s), not %d (%s)", #call, got_,            \
                       brain_strerror(got_), got_ != 0 ? brain_disk_error_detail() : "", want_,    \
                       brain_strerror(want_));                                                     \
        }                                                                                          \
    } while (0)
#define DUMP_DETAIL(word)                                                                          \
    do {                                                                                           \
        if (strstr(brain_disk_error_detail(), (word)) == NULL) {                                   \
            check_fail(__FILE__, __LINE__, "the text \"%s\" lacks \"%s\"",                         \
                       brain_disk_error_detail(), (word));                                         \
        }                                                                                          \
    } while (0)

/* ---- folders and files */

/* A new folder, which is removed at the end with all that is in it. */
const char *dumps_folder(void);

/* `folder`/`name`, of the caller's. */
char *dumps_join(const char *folder, const char *name);

/* Remove what is there, and all that is in it. */
void dumps_remove(const char *path);

/* How many files are in it, hidden ones included. */
int dumps_count_files(const char *folder);

/* All bytes of a file, to be freed; and a file of these bytes, mode 0600. */
uint8_t *dumps_read(const char *path, size_t *size_out);
void dumps_write(const char *path, const void *bytes, size_t size);

/* ---- values */

/* A value that follows from its number: namespace, name, kind, size, metadata, description and time. 24 of them have
 * every kind, sizes on both sides of each bound, and names of every length that matters. */
#define DUMPS_N_VALUES 24

struct dumps_value {
    char space[8];
    uint8_t *name, *data;
    size_t name_len, size, meta_len, description_len;
    uint8_t meta[40];
    char description[24];
    uint32_t kind;
    uint64_t created_ns;
};

void dumps_make(int number, struct dumps_value *value_out);
void dumps_free(struct dumps_value *value);
void dumps_put(brain_store *store, int number);

/* Whether the store has the value, as it was put. A failure where there is one of that name that differs in anything. */
bool dumps_has(brain_store *store, int number);

/* A store with all of them, and an empty namespace, "empty". */
brain_store *dumps_store(void);
brain_store *dumps_new(void);

uint64_t dumps_count_names(brain_store *store);

/* ---- reports */

/* What a load told. */
struct dumps_told {
    int n[4];
    int lost[DUMPS_N_VALUES]; /* by number */
    uint64_t version_max;
};

void dumps_tell(void *told, const brain_load_name *name);

#endif
