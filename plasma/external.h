/* external.h - the external store: files of objects that were evicted (plasma_store -e).
 *
 *   DIRECTORY/STORE-ID/      mode 0700
 *     ID-VERSION             an object, as it was of that version: both in hex
 *     .ID-VERSION.*          one that is being written
 *
 * DIRECTORY stands in the metadata of the value "external" in the control namespace, so that every client finds it.
 */
#ifndef PL_EXTERNAL_H
#define PL_EXTERNAL_H

#include "object.h"

#define PL_EXTERNAL_PATH_MAX 3900u

/* Beside the library's codes: something about the files went wrong; pl_external_detail() says what. */
#define PL_E_EXTERNAL 3

/* The folder of a store. */
struct pl_external {
    bool is_there; /* the store has one */
    char folder[PL_EXTERNAL_PATH_MAX + 64];
};

/* Look whether the store has an external one. Returns 0, or as brain_get(). */
int pl_external_find(const struct pl_store *objects, struct pl_external *out);

/* Give it one, in the directory `path`, an absolute one: 0; EXISTS where it has one elsewhere, which `*out` says;
 * PL_E_EXTERNAL; else as brain_put(). */
int pl_external_give(const struct pl_store *objects, const char *path, struct pl_external *out);

/* Write the file of an object of which we have a view. 0, or PL_E_EXTERNAL: nothing is left of it. */
int pl_external_write(const struct pl_external *external, const struct pl_store *objects,
                      const brain_view *view);

/* Remove the file of an object; where there is none, nothing happens. */
void pl_external_remove(const struct pl_external *external, const uint8_t *id, uint64_t version);

/* A file that is open for reading, and what it has. */
struct pl_external_file {
    int fd;
    uint32_t kind;
    uint32_t meta_len;
    uint64_t size_bytes;
    uint64_t sum;
    uint8_t meta[65536];
};

/* Open the file of an object: 0, NOT_FOUND or PL_E_EXTERNAL. */
int pl_external_open(const struct pl_external *external, const struct pl_store *objects,
                     const uint8_t *id, uint64_t version, struct pl_external_file *out);

/* Read its data to `to`, and close it: 0 or PL_E_EXTERNAL. */
int pl_external_read(struct pl_external_file *file, void *to);

/* Close one that is not read after all. */
void pl_external_close(struct pl_external_file *file);

/* Remove files that no id leads to: of those who died. */
int pl_external_sweep(const struct pl_store *objects);

/* Remove the folder of a store that is gone, or goes. */
void pl_external_destroy(const struct pl_external *external);

/* What went wrong last in this thread; "" where nothing did since pl_external_forget(). */
const char *pl_external_detail(void);
void pl_external_forget(void);

#endif
