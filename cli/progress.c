/* progress.c - how far a long operation has come, on stderr where that is a terminal. */
#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define FIRST_NS BC_SECOND_NS /* what is done sooner shows nothing */
#define EACH_NS  (BC_SECOND_NS / 10)

#define CLEAR    "\r\033[K"

static volatile sig_atomic_t
    is_shown; /* a line that is to be taken away, by a handler of signals, too */

/* In one write, so that neither a terminal nor a signal's CLEAR comes between its parts. */
static void show(const struct bc_progress *progress)
{
    char line[128], done[32], all[32];
    int64_t seconds = (bc_now_ns() - progress->begin_ns) / BC_SECOND_NS;
    bc_text_size(progress->done_bytes, done, sizeof done);
    bc_text_size(progress->all_bytes, all, sizeof all);
    if (progress->all_bytes > 0) {
        snprintf(line, sizeof line, CLEAR "%s: %s of %s, %.0f%%", progress->what, done, all,
                 100.0 * (double)progress->done_bytes / (double)progress->all_bytes);
    } else if (progress->done_bytes > 0) {
        snprintf(line, sizeof line, CLEAR "%s: %s", progress->what, done);
    } else {
        snprintf(line, sizeof line, CLEAR "%s, for %" PRId64 " s", progress->what, seconds);
    }
    is_shown = true;
    fputs(line, stderr);
}

/* Wait until it ends, or until a time of the clock of bc_now_ns(). */
static void wait_until(struct bc_progress *progress, int64_t until_ns)
{
    struct timespec until = { .tv_sec = (time_t)(until_ns / BC_SECOND_NS),
                              .tv_nsec = (long)(until_ns % BC_SECOND_NS) };
    int failed = 0;
    while (!progress->is_ended && failed == 0) {
        failed = pthread_cond_timedwait(&progress->changed, &progress->mutex, &until);
    }
}

static void *run(void *of)
{
    struct bc_progress *progress = of;
    int64_t next_ns = progress->begin_ns + FIRST_NS;
    pthread_mutex_lock(&progress->mutex);
    for (wait_until(progress, next_ns); !progress->is_ended; wait_until(progress, next_ns)) {
        show(progress);
        next_ns = bc_now_ns() + EACH_NS;
    }
    pthread_mutex_unlock(&progress->mutex);
    if (is_shown) fputs(CLEAR, stderr);
    is_shown = false;
    return NULL;
}

void bc_progress_begin(struct bc_progress *progress, const char *what)
{
    sigset_t all, before;
    pthread_condattr_t monotonic;
    *progress = (struct bc_progress){ .what = what, .begin_ns = bc_now_ns() };
    if (!isatty(STDERR_FILENO)) return;
    pthread_mutex_init(&progress->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    /* Signals are for who works: a Ctrl-C is to end what it waits for. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    progress->has_thread = pthread_create(&progress->thread, NULL, run, progress) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void bc_progress_step(struct bc_progress *progress, uint64_t done_bytes, uint64_t all_bytes)
{
    if (!progress->has_thread) return;
    pthread_mutex_lock(&progress->mutex);
    progress->done_bytes = done_bytes;
    progress->all_bytes = all_bytes;
    pthread_mutex_unlock(&progress->mutex);
}

void bc_progress_rename(struct bc_progress *progress, const char *what)
{
    if (!progress->has_thread) return;
    pthread_mutex_lock(&progress->mutex);
    progress->what = what;
    pthread_mutex_unlock(&progress->mutex);
}

void bc_progress_end(struct bc_progress *progress)
{
    if (!progress->has_thread) return;
    pthread_mutex_lock(&progress->mutex);
    progress->is_ended = true;
    pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->mutex);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->changed);
    pthread_mutex_destroy(&progress->mutex);
    progress->has_thread = false;
}

void bc_progress_abandon(void)
{
    if (is_shown) (void)!write(STDERR_FILENO, CLEAR, sizeof CLEAR - 1);
}
