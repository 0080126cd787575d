/* test_moving_view.c - a view that moves from pin to pin while a writer looks who has it.
 *
 *     test_moving_view [--full] [--seed N] [--dir PARENT] [SCENE...]
 *     test_moving_view --list
 *
 * A process replaces or deletes a value under single-step. Another has a view of it from before;
 * between instructions of the first, at random ones, it takes a second view, by brain_view_dup() or
 * brain_view_at(), and lets go of the first. Its pin is then in another cell: in one that the writer
 * has looked at already, or in one before. The bytes must stay as they were, whatever the writer
 * does with memory that it believes to be free.
 *
 * --full     more passes over each scene
 * SCENE      only scenes whose name begins like this
 *
 * Exits with 0, 1 (something was found), 2 (the proof could not be made), 77 (not on this machine).
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pass.h"

/* A look at two cells that lie side by side takes some eight instructions. */
#define INSTRUCTIONS_A_MOVE 6u
#define PASSES              3u
#define PASSES_FULL         60u

/* In memory that the holder shares with the prover. */
struct board {
    char text[STATE_TEXT_MAX]; /* what went wrong; empty: nothing */
    uint64_t n_moves;
};

static struct board *board;

/* ---- who has the view ------------------------------------------------------------------------ */

static bool failed(const char *what, int err)
{
    snprintf(board->text, sizeof board->text, "%s: %s (%.400s)", what, brain_strerror(err),
             brain_error_detail());
    return false;
}

static bool move(brain_store *store, brain_view *view, bool by_address)
{
    brain_view next;
    int err = by_address ? brain_view_at(store, view->data, &next) : brain_view_dup(view, &next);
    if (err != 0) {
        return failed(by_address ? "brain_view_at" : "brain_view_dup", err);
    }
    brain_view_drop(view);
    *view = next;
    return true;
}

static void hold(const struct pass *pass, uint64_t seed, int in, int out)
{
    brain_store *store;
    brain_space *space;
    brain_view view;
    char byte = 0;
    backing_log_use(NULL);
    int err = brain_open(pass->path, NULL, &store);
    err = err != 0 ? err : brain_space_open(store, "a", 1, &space);
    err = err != 0 ? err : brain_get(space, "large0", 6, &view);
    if (err != 0) {
        kit_die("who has the view cannot begin: %s", brain_error_detail());
    }
    uint64_t sum = kit_sum(view.data, view.size_bytes);
    while (write(out, &byte, 1) == 1 && read(in, &byte, 1) == 1) {
        if (kit_sum(view.data, view.size_bytes) != sum) {
            snprintf(board->text, sizeof board->text, "the bytes of a view have changed");
        } else if (move(store, &view, kit_random(&seed) % 2 == 0)) {
            board->n_moves++;
        }
    }
    _exit(0);
}

struct holder {
    pid_t pid;
    int ask;
    int listen;
};

static void start_holder(struct holder *holder, const struct pass *pass, uint64_t seed)
{
    int question[2], reply[2];
    char byte;
    kit_must(pipe(question) == 0 && pipe(reply) == 0, "pipe");
    holder->pid = kit_fork();
    if (holder->pid == 0) {
        close(question[1]);
        close(reply[0]);
        hold(pass, seed, question[0], reply[1]);
    }
    close(question[0]);
    close(reply[1]);
    holder->ask = question[1];
    holder->listen = reply[0];
    kit_must(read(holder->listen, &byte, 1) == 1, "who has the view");
}

/* Let it look at the bytes, and move. */
static bool ask(struct pass *pass, struct holder *holder)
{
    char byte = 0;
    if (write(holder->ask, &byte, 1) != 1 || read(holder->listen, &byte, 1) != 1) {
        pass_problem(pass, "who has the view", "crashed");
        return false;
    }
    if (board->text[0] != '\0') {
        pass_problem(pass, "who has the view", board->text);
    }
    return board->text[0] == '\0';
}

static void end_holder(struct holder *holder)
{
    close(holder->ask);
    close(holder->listen);
    (void)kit_reap(holder->pid);
}

/* ---- the passes ------------------------------------------------------------------------------ */

static void go_through(struct pass *pass, uint64_t seed)
{
    struct holder holder;
    enum step_event event = STEP_RAN;
    bool right = true;
    memset(board->text, 0, sizeof board->text);
    pass_begin(pass, pass_perform);
    start_holder(&holder, pass, kit_random(&seed));
    while (right && event == STEP_RAN) {
        event = step_once(&pass->step);
        right = kit_random(&seed) % INSTRUCTIONS_A_MOVE != 0 || ask(pass, &holder);
    }
    if (event == STEP_DIED) {
        pass_problem(pass, "stepping", "the operation does not end");
    } else if (right) {
        (void)ask(pass, &holder);
    }
    end_holder(&holder);
    pass->n_instructions = pass->step.n;
    pass_end(pass);
}

static void prove(struct pass *pass)
{
    uint64_t seed = pass->options->seed;
    uint32_t n = pass->options->full ? PASSES_FULL : PASSES;
    board->n_moves = 0;
    for (uint32_t i = 0; i < n && pass->n_problems == 0; i++) {
        go_through(pass, kit_random(&seed));
    }
    printf("%-28s %7ju instructions %6ju moves  %s\n", pass->scene->name,
           (uintmax_t)pass->n_instructions, (uintmax_t)board->n_moves,
           pass->n_problems == 0 ? "ok" : "WRONG");
}

int main(int argc, char **argv)
{
    /* Of "large0", which the holder has. */
    static char *scenes_that_look[] = { NULL, "replace-large-twice", "replace-large-by-small",
                                        NULL };
    void *at = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(at != MAP_FAILED, "mmap");
    board = at;
    if (argc == 1) {
        scenes_that_look[0] = argv[0];
        argv = scenes_that_look;
        argc = 3;
    }
    return pass_main(argc, argv, (struct pass_options){ .n_states = 1 }, prove);
}
