/* file.h - a file that takes the place of another when it is whole and on the disk. */
#ifndef BD_FILE_H
#define BD_FILE_H

#include <stdbool.h>

struct bd_file {
    int fd;
    int dir_fd;
    bool has_name;      /* `temporary` is in the directory */
    char *name;         /* of the file that it will be */
    char temporary[48]; /* its name until then */
};

/* Make a file that is to be `path`, of mode 0600. Links at `path` are followed. What others left who died in the middle is
 * removed. Returns 0, INVAL (`path` is a directory, a device ...), NOT_FOUND (no such directory), PERM, FULL, NOMEM, IO.
 * bd_file_end() after success. */
int bd_file_begin(struct bd_file *file, const char *path);

/* Sync it, put it in its place, and sync the directory. Returns 0, FULL, PERM, IO: then `path` is as before; but where only the
 * last sync failed (IO) the new file is there. */
int bd_file_commit(struct bd_file *file);

/* Close. What was not committed is gone. */
void bd_file_end(struct bd_file *file);

#endif
