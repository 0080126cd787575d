/* spilled.h - a value in a file of its own, and what stands for it in the store: docs/format.md. */
#ifndef BD_SPILLED_H
#define BD_SPILLED_H

#include <assert.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "brain_disk.h"

/* What stands for a value: the data of a BRAIN_KIND_AWAY. */
struct bd_stand_in {
    char magic[8];
    uint64_t size;
    uint64_t check; /* of the file's head: whatever says less than all of it is another file */
    uint32_t kind;
    uint8_t id
        [BRAIN_ID_BYTES]; /* of the value, as it was in memory: the file's name, in hexadecimal digits */
};
static_assert(sizeof(struct bd_stand_in) == 48, "what stands for a value is part of the format");

/* The beginning of a file. Behind it the names of namespace and value, zeros up to a whole page, and the data. */
struct bd_spilled_head {
    char magic[8];
    uint32_t format;
    uint32_t head_bytes; /* where the data begin: a multiple of 4096 */
    uint64_t size;
    uint64_t version;
    uint64_t created_ns;
    uint32_t kind;
    uint8_t id[BRAIN_ID_BYTES];
    uint8_t store[BRAIN_STORE_ID_BYTES];
    uint16_t name_len;
    uint8_t space_len;
    uint8_t pad;
    uint64_t check; /* XXH3 of all before it, and of the names */
    uint32_t
        object; /* of the value that stands for it, as in a brain_view; 0: not known. Written after the move */
    uint32_t pad2;
};
static_assert(sizeof(struct bd_spilled_head) == 104, "the head of a file is part of the format");

#define BD_SPILLED_FORMAT    1u
#define BD_SPILLED_NAME_ROOM (2 * BRAIN_ID_BYTES + 1)

/* A head with its names. */
struct bd_spilled {
    struct bd_spilled_head head;
    uint8_t *names; /* to be freed: namespace, then name */
};

/* Read the stand-in that a view shows: 0, INVAL (it is of another kind), CORRUPT. */
int bd_spilled_stand_in(const brain_view *away, struct bd_stand_in *stand_in_out);

/* The name of a value's file. */
void bd_spilled_name(const uint8_t id[BRAIN_ID_BYTES], char name_out[BD_SPILLED_NAME_ROOM]);

/* Read and verify the head of a file: 0, CORRUPT, IO, NOMEM. `spilled_out->names` is to be freed. */
int bd_spilled_read(int fd, const char *path, struct bd_spilled *spilled_out);

/* Of a file that cannot be read as one: whether it has been, and is damaged; else its writer died before it was. */
bool bd_spilled_was_whole(int fd);

/* Write a whole file for the value that a view shows. `stand_in_out` is what may stand for it. 0, FULL, IO, NOMEM. */
int bd_spilled_write(int fd, const char *path, const brain_view *view, const brain_space *space,
                     struct bd_stand_in *stand_in_out);

/* Note which value stands for the file. Where that fails, the next who tidies does it. */
void bd_spilled_note(int fd, uint32_t object);

/* The directory of the files of a store, to be freed. Returns 0; NOT_FOUND: it never had one; else as brain_get(). */
int bd_spilled_directory(brain_store *store, char **path_out);

/* Where the files of all stores are, as of bd_spilled_directory(); its text is put where it is not yet, if `chosen` is not
 * NULL. INVAL where another one is there. */
int bd_spilled_choose(brain_store *store, const char *chosen);

/* Whether a directory, which need not be there, can be that of a store: 0; INVAL, as bd_spilled_choose(); else as
 * brain_get(). For who would make it, and leave it behind where it cannot. */
int bd_spilled_may_choose(brain_store *store, const char *chosen);

/* The value that the head is of, as it is now: 0 where it stands for this file; NOT_FOUND where it does not. */
int bd_spilled_find(brain_store *store, const struct bd_spilled *spilled, brain_view *view_out);

#endif
