/* test_frozen_writer.c - readers beside a writer that stands still, at each of its instructions.
 *
 *     test_frozen_writer [--full] [--states N] [--seed N] [--dir PARENT]
 *                        [--python PROGRAM --script SCRIPT] [SCENE...]
 *     test_frozen_writer --list
 *
 * A process performs an operation under single-step. After each instruction that changed a byte of
 * the store's files it stands still, and another process, a client since before the operation,
 * reads everything: name by name, all names at once, and through a snapshot. It must see the old
 * state or the new one, at once, and never the old again after the new. The kernel ends it if it
 * makes any system call that can wait, so an answer proves that it did not wait.
 *
 * In a second pass the reader holds views of all values from before the operation: their bytes must
 * not change. In a third it holds a snapshot from before the operation, which must go on showing
 * state 0. Of these two a sample has one, by its seed; a scene in which the writer needs the room that
 * others would keep has none. When both processes are gone all their memory must be given back.
 *
 * --full     every changed instruction instead of a sample
 * --python   the scenes of SCRIPT, stepped_scenes.py, which that interpreter performs
 * SCENE      only scenes whose name begins like this
 *
 * Exits with 0, 1 (something was found), 2 (the proof could not be made), 77 (not on this machine).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pass.h"

#define ANSWER_TIMEOUT_MS 20000

/* What the reader found, in memory that it shares with the prover. */
struct answer {
    bool right;
    char text[STATE_TEXT_MAX];
    struct state state;
};

struct frozen_reader {
    pid_t pid;
    int ask;    /* a byte: read everything now */
    int listen; /* a byte: done */
};

static struct answer *answer;

/* ---- the reader ------------------------------------------------------------------------------ */

#define LOAD(field)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (n))
#define ALLOW            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define DENY(call)       UNLESS(call, 1), KILL

/* From here on any system call that can wait for somebody is the end; but for read(), which takes
 * the prover's questions. Nor may it ask about file locks, with one exception (`may_ask`): whoever
 * drops the last view of a large value that was replaced tries to take the lock, and looks whether
 * its owner lives. */
static void forbid_waiting(bool may_ask)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        UNLESS(__NR_fcntl, 6),
        LOAD(args[1]),
        DENY(F_SETLKW),
        DENY(F_OFD_SETLKW),
        BPF_STMT(BPF_RET | BPF_K, may_ask ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS),
#if defined(__x86_64__)
        DENY(__NR_poll),
        DENY(__NR_select),
        DENY(__NR_epoll_wait),
        DENY(__NR_pause),
#endif
        DENY(__NR_futex),
        DENY(__NR_flock),
        DENY(__NR_nanosleep),
        DENY(__NR_clock_nanosleep),
        DENY(__NR_ppoll),
        DENY(__NR_pselect6),
        DENY(__NR_epoll_pwait),
        DENY(__NR_sched_yield),
        DENY(__NR_rt_sigsuspend),
        DENY(__NR_rt_sigtimedwait),
        DENY(__NR_wait4),
        DENY(__NR_waitid),
        DENY(449), /* futex_waitv */
        DENY(455), /* futex_wait */
        ALLOW,
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    kit_must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
    kit_must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "PR_SET_SECCOMP");
}

/* What the reader has from before the operation. */
enum keeping {
    KEEPS_NOTHING,
    KEEPS_VIEWS,
    KEEPS_SNAPSHOT,
    N_KEEPINGS
};

struct kept {
    brain_view views[STATE_NAMES_MAX];
    uint64_t sums[STATE_NAMES_MAX];
    uint32_t n_views;
    brain_snapshot *snapshot;
    struct state state; /* at that time */
};

static void keep_views(struct kept *kept, struct state_reader *reader)
{
    kept->n_views = reader->catalogue->n_names;
    for (uint32_t i = 0; i < kept->n_views; i++) {
        const brain_key *key = &reader->keys[i];
        brain_view *view = &kept->views[i];
        if (brain_get(key->space, key->name, key->name_len, view) == 0) {
            kept->sums[i] = kit_sum(view->data, view->size_bytes);
        } else {
            *view = (brain_view){ .store = NULL };
        }
    }
}

static void keep(struct kept *kept, enum keeping keeping, struct state_reader *reader)
{
    if (keeping == KEEPS_VIEWS) {
        keep_views(kept, reader);
    } else if (keeping == KEEPS_SNAPSHOT &&
               brain_snapshot_open(reader->store, &kept->snapshot) != 0) {
        kit_die("brain_snapshot_open: %s", brain_error_detail());
    }
    kept->state = answer->state;
    state_forget_passing(&kept->state);
}

static bool is_kept(struct kept *kept, struct state_reader *reader, char *text)
{
    static struct state state;
    for (uint32_t i = 0; i < kept->n_views; i++) {
        const brain_view *view = &kept->views[i];
        if (view->store != NULL && kit_sum(view->data, view->size_bytes) != kept->sums[i]) {
            snprintf(text, STATE_TEXT_MAX, "the bytes of a view of name %u have changed", i);
            return false;
        }
    }
    if (kept->snapshot == NULL) {
        return true;
    }
    bool right = state_by_snapshot(reader, kept->snapshot, &state, text);
    state_forget_passing(&state);
    return right && state_equal(reader->catalogue, &kept->state, &state, text);
}

static void read_on_demand(const struct pass *pass, enum keeping keeping, int in, int out)
{
    static struct kept kept;
    struct state_reader reader;
    brain_store *store;
    char byte = 0;
    backing_log_use(NULL);
    if (brain_open(pass->path, NULL, &store) != 0) {
        kit_die("the reader cannot open the store: %s", brain_error_detail());
    }
    state_reader_open(&reader, pass->refs.catalogue, store);
    answer->right = state_read(&reader, &answer->state, answer->text); /* maps what it will need */
    keep(&kept, keeping, &reader);
    forbid_waiting(keeping == KEEPS_SNAPSHOT);
    while (write(out, &byte, 1) == 1 && read(in, &byte, 1) == 1) {
        answer->right = state_read(&reader, &answer->state, answer->text) &&
                        is_kept(&kept, &reader, answer->text);
    }
    _exit(0);
}

/* ---- the prover's side of it ----------------------------------------------------------------- */

static bool is_answered(const struct frozen_reader *reader)
{
    struct pollfd waiting = { .fd = reader->listen, .events = POLLIN };
    char byte;
    int n;
    do {
        n = poll(&waiting, 1, ANSWER_TIMEOUT_MS);
    } while (n < 0 && errno == EINTR);
    return n == 1 && read(reader->listen, &byte, 1) == 1;
}

static void start_reader(struct frozen_reader *reader, const struct pass *pass,
                         enum keeping keeping)
{
    int question[2], reply[2];
    kit_must(pipe(question) == 0 && pipe(reply) == 0, "pipe");
    reader->pid = kit_fork();
    if (reader->pid == 0) {
        close(question[1]);
        close(reply[0]);
        read_on_demand(pass, keeping, question[0], reply[1]);
    }
    close(question[0]);
    close(reply[1]);
    reader->ask = question[1];
    reader->listen = reply[0];
    if (!is_answered(reader) || !answer->right) {
        kit_die("%s: the reader could not begin: %s", pass->scene->name, answer->text);
    }
}

static void end_reader(struct frozen_reader *reader)
{
    close(reader->ask);
    close(reader->listen);
    kill(reader->pid, SIGKILL);
    (void)kit_reap(reader->pid);
}

/* Let the reader read, and judge what it saw. False where there is no reader any more. */
static bool ask(struct pass *pass, struct frozen_reader *reader)
{
    char byte = 0, text[STATE_TEXT_MAX];
    pass->n_examined++;
    if (write(reader->ask, &byte, 1) != 1 || !is_answered(reader)) {
        pass_problem(pass, "a reader", "did not answer: it waited, or crashed");
        return false;
    }
    if (!answer->right) {
        pass_problem(pass, "a reader", answer->text);
        return true;
    }
    int k = references_find(&pass->refs, &answer->state, pass->state, text);
    if (k < 0) {
        pass_problem(pass, "a reader", text);
    }
    pass_seen(pass, k);
    return true;
}

/* When both are gone. */
static void examine_remains(struct pass *pass)
{
    static struct examine_report report;
    char text[STATE_TEXT_MAX];
    examine(pass->path, pass->refs.catalogue, false, pass->scene->tidy, &report);
    if (report.problem[0] != '\0') {
        pass_problem(pass, "what both left", report.problem);
        return;
    }
    int k = references_find(&pass->refs, &report.state, pass->state, text);
    if (k < 0) {
        pass_problem(pass, "what both left", text);
    } else if (report.value_bytes != pass->refs.report[k].value_bytes) {
        snprintf(text, sizeof text, "%ju bytes of values, undisturbed %ju",
                 (uintmax_t)report.value_bytes, (uintmax_t)pass->refs.report[k].value_bytes);
        pass_problem(pass, "what both left", text);
    }
}

static void read_along(struct pass *pass, enum keeping keeping)
{
    struct frozen_reader reader;
    pass->state = 0;
    pass_begin(pass, pass_perform);
    start_reader(&reader, pass, keeping);
    bool answers = true;
    do {
        answers = ask(pass, &reader);
        (void)files_look(&pass->files,
                         true); /* pins that came and went are no work of the writer's */
    } while (answers && pass_next(pass) == STEP_RAN);
    if (answers) {
        (void)ask(pass, &reader);
    }
    end_reader(&reader);
    step_kill(&pass->step);
    examine_remains(pass);
    pass_end(pass);
}

static void prove(struct pass *pass)
{
    enum keeping other = pass->options->seed % 2 == 0 ? KEEPS_VIEWS : KEEPS_SNAPSHOT;
    for (uint32_t keeping = 0; keeping < N_KEEPINGS; keeping++) {
        bool too_much = keeping != KEEPS_NOTHING && keeping != other && !pass->options->full;
        if (too_much || (keeping != KEEPS_NOTHING && pass->scene->fills_store)) {
            continue;
        }
        read_along(pass, keeping);
    }
    printf("%-28s %7ju instructions %6ju changes %6u readings  states", pass->scene->name,
           (uintmax_t)pass->n_instructions, (uintmax_t)pass->n_changes, pass->n_examined);
    for (uint32_t k = 0; k < pass->refs.n; k++) {
        printf(" %ju", (uintmax_t)pass->n_seen[k]);
    }
    printf("  %s\n", pass->n_problems == 0 ? "ok" : "WRONG");
}

int main(int argc, char **argv)
{
    void *at =
        mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(at != MAP_FAILED, "mmap");
    answer = at;
    return pass_main(argc, argv, (struct pass_options){ .n_states = 40 }, prove);
}
