/* kills_family.c - a victim that forks: parent and child go on with the views that were there.
 *
 * Both read as kills_reader.c does, so that each looks again at the bytes of the views that the
 * child inherited, and both change the shared names. The child ends after a while, in order or
 * without a word, and there is another one.
 *
 * Either may be killed, or both. So that the killer finds who is left, the parent leads a process
 * group; and a child whose parent is gone belongs to the killer, which takes in orphans.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kills.h"
#include "kit.h"

#define TURNS_ALONE    64u
#define TURNS_OF_CHILD 512u

struct family {
    struct kills_board *board;
    struct kills_family_board *own;
    struct kills_reader *reader;
    uint64_t seed;
    uint32_t which; /* 0: the parent, 1: the child */
    pid_t parent;
};

static uint32_t below(struct family *f, uint32_t n)
{
    return (uint32_t)(kit_random(&f->seed) % n);
}

static bool change_something(struct family *f)
{
    struct kills_hand hand = { kills_reader_spaces(f->reader)->shared, &f->seed,
                               &f->own->sequence[f->which], &f->own->n_counted[f->which] };
    int err = below(f, 2) == 0 ? kills_count(&hand) : kills_change_shared(&hand);
    return err == 0 || err == BRAIN_E_FULL ||
           kills_fail(f->board, "%s of a family changes a name: %s: %s",
                      f->which == 0 ? "the parent" : "the child", brain_strerror(err),
                      brain_error_detail());
}

static bool turn(struct family *f)
{
    return kills_reader_turn(f->reader) && (below(f, 4) != 0 || change_something(f));
}

/* An orphan goes on, as long as somebody is there who will end it. */
static bool is_looked_after(const struct family *f)
{
    pid_t parent = getppid();
    return parent == f->parent || parent == (pid_t)f->board->killer;
}

static _Noreturn void be_child(struct family *f)
{
    bool right = true;
    f->which = 1;
    f->seed ^= (uint64_t)getpid();
    atomic_store(&f->own->child, (uint64_t)getpid());
    right = turn(f); /* the first use makes it a client of its own */
    atomic_store(&f->own->row[1], kills_own_row(kills_reader_store(f->reader)));
    uint32_t n = below(f, TURNS_OF_CHILD);
    while (right && n-- > 0 && kills_goes_on(f->board) && is_looked_after(f)) {
        right = turn(f);
    }
    atomic_store(&f->own->row[1], 0);
    if (below(f, 2) == 0) {
        kills_reader_close(f->reader);
    }
    _exit(right ? 0 : 1);
}

/* Reap the child if it has ended, or when it has (`wait`). Its number is taken off the board while
 * it is still its own. */
static bool reap_child(struct family *f, pid_t *child, bool wait)
{
    siginfo_t info = { .si_pid = 0 };
    kit_must(waitid(P_PID, (id_t)*child, &info, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG)) == 0,
             "waitid");
    if (info.si_pid == 0) {
        return true;
    }
    atomic_store(&f->own->child, 0);
    atomic_store(&f->own->row[1], 0);
    int status = kit_reap(*child);
    *child = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        atomic_fetch_add(&f->own->n_children_killed, 1);
        return true;
    }
    return status == 0 ||
           kills_fail(f->board, "a forked child ended with wait status 0x%x", (unsigned)status);
}

static pid_t fork_child(struct family *f)
{
    pid_t child = fork();
    kit_must(child >= 0, "fork");
    if (child == 0) {
        be_child(f);
    }
    atomic_fetch_add(&f->own->n_forks, 1);
    return child;
}

int kills_live_on(const struct kills_job *job)
{
    struct family f = { .board = job->board,
                        .own = &job->board->families[job->number],
                        .seed = job->seed,
                        .parent = getpid() };
    int status;
    pid_t child = 0;
    bool right = true;
    f.reader = kills_reader_open(job, &f.own->n_turns, &status);
    if (f.reader == NULL) {
        return status;
    }
    atomic_store(&f.own->row[0], kills_own_row(kills_reader_store(f.reader)));
    while (right && kills_goes_on(job->board)) {
        right = turn(&f);
        if (right && child != 0) {
            right = reap_child(&f, &child, false);
        } else if (right && below(&f, TURNS_ALONE) == 0) {
            child = fork_child(&f);
        }
    }
    right = (child == 0 || reap_child(&f, &child, true)) && right;
    atomic_store(&f.own->row[0], 0);
    kills_reader_close(f.reader);
    return right ? 0 : 1;
}
