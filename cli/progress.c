/* progress.c - how far a long operation has come, on stderr where that is a terminal. */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "text.h"

#define FIRST_NS BC_SECOND_NS /* what is done sooner shows nothing */
#define EACH_NS  (BC_SECOND_NS / 10)

void bc_progress_begin(struct bc_progress *progress, const char *what)
{
    *progress = (struct bc_progress){ .what = what, .begin_ns = bc_now_ns() };
}

void bc_progress_step(struct bc_progress *progress, uint64_t done_bytes, uint64_t all_bytes)
{
    int64_t now = bc_now_ns();
    char done[32], all[32];
    if (now - progress->begin_ns < FIRST_NS || now - progress->shown_ns < EACH_NS ||
        !isatty(STDERR_FILENO)) {
        return;
    }
    progress->shown_ns = now;
    progress->is_shown = true;
    bc_text_size(done_bytes, done, sizeof done);
    if (all_bytes > 0) {
        fprintf(stderr, "\r\033[K%s: %s of %s, %.0f%%", progress->what, done,
                bc_text_size(all_bytes, all, sizeof all),
                100.0 * (double)done_bytes / (double)all_bytes);
    } else {
        fprintf(stderr, "\r\033[K%s: %s", progress->what, done);
    }
    fflush(stderr);
}

void bc_progress_end(struct bc_progress *progress)
{
    if (progress->is_shown) fputs("\r\033[K", stderr);
    progress->is_shown = false;
}
