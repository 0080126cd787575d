/* process.h - processes of clients, as they are seen from here. */
#ifndef BC_PROCESS_H
#define BC_PROCESS_H

#include <brain.h>
#include <stdint.h>

/* The process of a client. A client says its pid in its own PID namespace; which process that is here the kernel says
 * of those that may be looked at. */
struct bc_process {
    int32_t pid;   /* here; 0: it is not visible, or may not be looked at */
    char state;    /* of /proc/PID/stat: 'T' stopped, 'D' waits for a disk ...; 0: not known */
    char *command; /* the whole command line, blanks between words; else what the client said */
};

/* Look for it; what is found is to be freed by bc_process_free(). The first call goes through /proc where the client
 * is in another PID namespace, and later ones remember that. */
void bc_process_find(const brain_client *client, struct bc_process *out);
void bc_process_free(struct bc_process *process);

/* State of a process that is visible here; 0: not known. 't' means traced, 'T' stopped. */
char bc_process_state(int32_t pid);

/* A whole file of /proc or of the system's settings, terminated: to be freed. NULL: it cannot be read. `size_out` may
 * be NULL. */
char *bc_read_file(const char *path, size_t *size_out);

#endif
