/* ahead.c - a source that is read by a thread, one piece ahead.
 *
 * Large dumps alone: a thread costs as much as to read some hundred kilobytes. It takes no signals, so that handlers run
 * where they did before. A child of fork() does not have it: the call that it serves is not the child's.
 */
#include "ahead.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "error.h"

#define THREAD_FROM ((uint64_t)4 << 20)

int bd_ahead_init(struct bd_ahead *ahead, int fd)
{
    *ahead = (struct bd_ahead){ .has_thread = false };
    int err = bd_source_init(&ahead->source, fd);
    for (int i = 0; i < 2 && err == 0; i++) {
        uint8_t *bytes = malloc(BD_AHEAD_ROOM + BD_AHEAD_PIECE);
        ahead->pieces[i] = bytes != NULL ? bytes + BD_AHEAD_ROOM : NULL;
        err = bytes != NULL ? 0 : bd_error(BRAIN_E_NOMEM, "no memory to read a dump");
    }
    return err;
}

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0) { /* EINTR: a handler ran */
    }
}

/* The reader: fill one piece after the other, until the end, an error, or it is told to stop. */
static void *read_pieces(void *argument)
{
    struct bd_ahead *ahead = argument;
    for (int i = 0;; i = 1 - i) {
        wait_for(&ahead->free);
        if (ahead->is_stopping) {
            return NULL;
        }
        ahead->n[i] = 0;
        ahead->os[i] =
            bd_source_fill(&ahead->source, ahead->pieces[i], BD_AHEAD_PIECE, &ahead->n[i]);
        bool is_last = ahead->os[i] != 0 || ahead->n[i] == 0; /* nothing is asked for after it */
        (void)sem_post(&ahead->filled);
        if (is_last) {
            return NULL;
        }
    }
}

static void stop(struct bd_ahead *ahead)
{
    if (ahead->has_thread) {
        ahead->is_stopping = true; /* seen by who counts this down: */
        (void)sem_post(&ahead->free);
        (void)pthread_join(ahead->thread, NULL);
        ahead->has_thread = false;
    }
    if (ahead->has_sems) {
        (void)sem_destroy(&ahead->filled);
        (void)sem_destroy(&ahead->free);
        ahead->has_sems = false;
    }
}

/* Without a thread it goes as well. */
static void start(struct bd_ahead *ahead)
{
    sigset_t all, before;
    if (sem_init(&ahead->filled, 0, 0) != 0) {
        return;
    }
    if (sem_init(&ahead->free, 0, 2) != 0) {
        (void)sem_destroy(&ahead->filled);
        return;
    }
    ahead->has_sems = true;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
        ahead->has_thread = pthread_create(&ahead->thread, NULL, read_pieces, ahead) == 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

static void stop_for_now(struct bd_ahead *ahead)
{
    stop(ahead);
    ahead->is_stopping = ahead->has_piece = false;
    ahead->next = 0;
}

int bd_ahead_rewind(struct bd_ahead *ahead)
{
    stop_for_now(ahead);
    int err = bd_source_rewind(&ahead->source);
    if (err == 0 && bd_source_size(&ahead->source) >= THREAD_FROM) {
        start(ahead);
    }
    return err;
}

int bd_ahead_seek(struct bd_ahead *ahead, uint64_t offset)
{
    stop_for_now(ahead);
    int err = bd_source_seek(&ahead->source, offset);
    if (err == 0 && bd_source_size(&ahead->source) >= offset + THREAD_FROM) {
        start(ahead);
    }
    return err;
}

uint8_t *bd_ahead_front(const struct bd_ahead *ahead)
{
    return ahead->pieces[ahead->next];
}

int bd_ahead_take(struct bd_ahead *ahead, uint8_t **bytes_out, size_t *n_out)
{
    int i = ahead->next;
    if (ahead->has_thread) {
        if (ahead->has_piece) {
            (void)sem_post(&ahead->free);
        }
        wait_for(&ahead->filled);
    } else {
        ahead->n[i] = 0;
        ahead->os[i] =
            bd_source_fill(&ahead->source, ahead->pieces[i], BD_AHEAD_PIECE, &ahead->n[i]);
    }
    ahead->has_piece = true;
    ahead->next = 1 - i;
    *bytes_out = ahead->pieces[i];
    *n_out = ahead->n[i];
    return ahead->os[i] == 0 ? 0 : bd_error_os(ahead->os[i], "cannot read a dump");
}

void bd_ahead_deinit(struct bd_ahead *ahead)
{
    stop(ahead);
    bd_source_deinit(&ahead->source);
    for (int i = 0; i < 2; i++) {
        free(ahead->pieces[i] != NULL ? ahead->pieces[i] - BD_AHEAD_ROOM : NULL);
    }
}
