/* ahead.h - a source that is read by a thread of its own, one piece ahead of whoever takes the pieces. */
#ifndef BD_AHEAD_H
#define BD_AHEAD_H

#include <pthread.h>
#include <semaphore.h>

#include "source.h"

/* Two pieces, each with room in front of it for what was left of the one before.
 *
 * Shared by the two threads: `filled` counts pieces that are there, `free` those that may be filled. Each piece belongs to
 * the thread that counted it down, from then until it counts the other one up; so do `n`, `os` and the source, which is
 * the reader's as long as it runs. */
struct bd_ahead {
    struct bd_source source;
    uint8_t *pieces[2]; /* BD_AHEAD_ROOM bytes are in front of each */
    size_t n[2];
    int os[2];
    sem_t filled, free;
    pthread_t thread;
    bool has_thread; /* else pieces are filled when they are asked for */
    bool has_sems;
    bool is_stopping; /* `free` was counted up for the last time */
    bool has_piece;   /* the taker has one */
    int next;         /* the piece that is taken next */
};

#define BD_AHEAD_PIECE ((size_t)1 << 20)
#define BD_AHEAD_ROOM  ((size_t)1 << 20)

/* Returns as bd_source_init(), NOMEM. bd_ahead_deinit() in any case. */
int bd_ahead_init(struct bd_ahead *ahead, int fd);

/* Begin, or begin again. Returns as bd_source_rewind(). */
int bd_ahead_rewind(struct bd_ahead *ahead);

/* Begin at byte `offset` of a dump that is not compressed. Returns 0, IO. */
int bd_ahead_seek(struct bd_ahead *ahead, uint64_t offset);

/* Where the next piece will begin; BD_AHEAD_ROOM bytes in front of it are the taker's from now on. */
uint8_t *bd_ahead_front(const struct bd_ahead *ahead);

/* The next piece: the one before is given up. `*n_out` is 0 at the end. Returns 0, IO. */
int bd_ahead_take(struct bd_ahead *ahead, uint8_t **bytes_out, size_t *n_out);

void bd_ahead_deinit(struct bd_ahead *ahead);

#endif
