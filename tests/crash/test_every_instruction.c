/* test_every_instruction.c - an operation, killed at each of its instructions.
 *
 *     test_every_instruction [--full] [--twice] [--states N] [--kills N] [--seed N] [--dir PARENT]
 *                            [--python PROGRAM --script SCRIPT] [--beside PROGRAM] [SCENE...]
 *     test_every_instruction --list
 *
 * A process performs an operation under single-step. After each instruction that changed a byte of
 * the store's files they are copied: that copy is exactly what a kill there leaves. Each is
 * examined: readers see the old state or the new one, never the old again after the new, recovery
 * does not change what they see, every invariant holds, totals are exact, and after a trim nothing
 * is left behind.
 *
 * --full     every changed instruction instead of a sample
 * --twice    also kill whoever recovers, at instructions of the recovery
 * --states   how many instructions to examine in each scene
 * --kills    how many real kills to compare with copies in each scene
 * --python   the scenes of SCRIPT, stepped_scenes.py, which that interpreter performs
 * --beside   a program that recovers a copy of each, too: recover_copy of another build
 * SCENE      only scenes whose name begins like this
 *
 * README.md lists the scenes.
 *
 * Exits with 0, 1 (something was found), 2 (the proof could not be made), 77 (not on this machine).
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pass.h"

/* ---- judging a store that was left ----------------------------------------------------------- */

static bool judge_number(struct pass *pass, const char *what, const char *which, uint64_t is,
                         uint64_t should)
{
    char text[STATE_TEXT_MAX];
    if (is == should) {
        return true;
    }
    snprintf(text, sizeof text, "%s: %ju, undisturbed %ju", which, (uintmax_t)is,
             (uintmax_t)should);
    pass_problem(pass, what, text);
    return false;
}

/* What a killed operation may have taken beside values, above the most that an undisturbed store has in
 * any of the scene's states. Regions never shrink, and grow by what an operation needs (store.c), which
 * the undisturbed one needed as well by its end: nothing of them. Whoever examines sits down while the
 * dead one's page of the ledger is still that one's, and so takes another: one page. */
#define META_SLACK BN_PAGE

static bool judge_numbers(struct pass *pass, const char *what, const struct examine_report *report,
                          const struct examine_report *undisturbed)
{
    uint64_t meta_bytes = pass->refs.meta_bytes + META_SLACK;
    return judge_number(pass, what, "live bytes", report->live_bytes, undisturbed->live_bytes) &&
           judge_number(pass, what, "bytes of values after a trim", report->value_bytes,
                        undisturbed->value_bytes) &&
           (report->meta_bytes <= meta_bytes ||
            judge_number(pass, what, "bytes beside values", report->meta_bytes, meta_bytes));
}

/* Examine a store that somebody left. The state that it is in, `from` or a later one; or -1 after a
 * report. */
static int judge(struct pass *pass, const char *path, uint32_t from, const char *what)
{
    static struct examine_report report;
    char text[STATE_TEXT_MAX];
    examine(path, pass->refs.catalogue, false, pass->scene->tidy, &report);
    kit_remove_tree(path);
    if (report.problem[0] != '\0') {
        pass_problem(pass, what, report.problem);
        return -1;
    }
    int k = references_find(&pass->refs, &report.state, from, text);
    if (k < 0) {
        pass_problem(pass, what, text);
        return -1;
    }
    return judge_numbers(pass, what, &report, &pass->refs.report[k]) ? k : -1;
}

/* ---- killing who recovers -------------------------------------------------------------------- */

/* Whoever opens the store may recover already; a change must. This one changes nothing. */
static void perform_recovery(void *arg)
{
    struct pass *pass = arg;
    brain_store *store;
    uint64_t capacity, live;
    backing_log_use(pass->log);
    raise(SIGSTOP);
    if (brain_open(pass->path, NULL, &store) != 0 || brain_usage(store, &capacity, &live) != 0 ||
        brain_resize(store, capacity) != 0) {
        _exit(3);
    }
    raise(SIGSTOP);
}

static void judge_second_kill(struct pass *pass, uint32_t state)
{
    const char *what = "killed while it recovered";
    char copy[KIT_PATH_MAX];
    kit_path(copy, "second");
    files_copy(&pass->files, copy, NULL);
    int k = judge(pass, copy, state, what);
    if (k >= 0 && k != (int)state) {
        pass_problem(pass, what, "recovery went on to a later state");
    }
    pass->n_second++;
}

/* A pass over the recovery of a copy of the store of `outer`, which is in state `state`. */
static void go_through_recovery(struct pass *outer, uint32_t state)
{
    static struct pass pass;
    uint64_t seed = outer->options->seed + outer->step.n, n_changes = 0;
    uint64_t stride = outer->options->full ? 4 : 10, next = kit_random(&seed) % stride;
    pass = (struct pass){ .scene = outer->scene,
                          .options = outer->options,
                          .refs = outer->refs,
                          .log = backing_log_new(),
                          .n_problems = outer->n_problems };
    kit_path(pass.path, "again");
    files_copy(&outer->files, pass.path, pass.log);
    pass_begin(&pass, perform_recovery);
    enum step_event event;
    while ((event = step_once(&pass.step)) == STEP_RAN) {
        if (files_look(&pass.files, true) != FILES_SAME && n_changes++ == next) {
            judge_second_kill(&pass, state);
            next += 1 + kit_random(&seed) % (2 * stride);
        }
    }
    if (event == STEP_DIED) {
        pass_problem(&pass, "recovery", "does not end");
    }
    pass_end(&pass);
    backing_log_free(pass.log);
    outer->n_problems = pass.n_problems;
    outer->n_second += pass.n_second;
}

/* ---- the passes over a scene ----------------------------------------------------------------- */

/* Another build of the library must get by with it as well. */
static void recover_beside(struct pass *pass)
{
    char copy[KIT_PATH_MAX];
    kit_path(copy, "beside");
    files_copy(&pass->files, copy, NULL);
    pid_t pid = kit_fork();
    if (pid == 0) {
        execl(pass->options->beside, pass->options->beside, copy, NULL);
        _exit(127);
    }
    if (kit_reap(pid) != 0) {
        pass_problem(pass, "killed", "the program beside finds something");
    }
    kit_remove_tree(copy);
}

static void judge_here(struct pass *pass)
{
    const struct pass_options *options = pass->options;
    char copy[KIT_PATH_MAX];
    if (options->beside != NULL) {
        recover_beside(pass);
    }
    kit_path(copy, "copy");
    files_copy(&pass->files, copy, NULL);
    int k = judge(pass, copy, pass->state, "killed");
    pass_seen(pass, k);
    if (options->twice && k >= 0 && pass->n_examined % 16 == options->seed % 16) {
        go_through_recovery(pass, (uint32_t)k);
    }
    pass->n_examined++;
}

static void examine_all(struct pass *pass)
{
    pass_begin(pass, pass_perform);
    do {
        judge_here(pass);
    } while (pass_next(pass) == STEP_RAN);
    judge_here(pass);
    pass_end(pass);
}

/* A real kill after n instructions, beside a copy of the files as they were just before it. */
static void compare_kill(struct pass *pass, uint64_t n)
{
    char copy[KIT_PATH_MAX];
    pass_begin(pass, pass_perform);
    while (pass->step.n < n && step_once(&pass->step) == STEP_RAN) {
    }
    (void)files_look(&pass->files, true);
    kit_path(copy, "copy");
    files_copy(&pass->files, copy, NULL);
    step_kill(&pass->step);
    if (!files_unchanged(&pass->files)) {
        pass_problem(pass, "a real kill", "changes the files");
    }
    int of_copy = judge(pass, copy, 0, "a copy");
    int of_killed = judge(pass, pass->path, 0, "a real kill");
    if (of_copy != of_killed) {
        pass_problem(pass, "a real kill", "leaves another state than a copy");
    }
    pass->n_kills++;
    pass_end(pass);
}

static void print_verdict(const struct pass *pass)
{
    printf("%-28s %7ju instructions %6ju changes %6u examined", pass->scene->name,
           (uintmax_t)pass->n_instructions, (uintmax_t)pass->n_changes, pass->n_examined);
    if (pass->options->twice) {
        printf(" %5u in recovery", pass->n_second);
    }
    printf(" %3u kills  states", pass->n_kills);
    for (uint32_t k = 0; k < pass->refs.n; k++) {
        printf(" %ju", (uintmax_t)pass->n_seen[k]);
    }
    printf("  %s\n", pass->n_problems == 0 ? "ok" : "WRONG");
}

static void prove(struct pass *pass)
{
    uint64_t seed = pass->options->seed;
    examine_all(pass);
    for (uint32_t i = 0; i < pass->options->n_kills && pass->n_problems == 0; i++) {
        compare_kill(pass, kit_random(&seed) % pass->n_instructions);
    }
    print_verdict(pass);
}

int main(int argc, char **argv)
{
    return pass_main(argc, argv, (struct pass_options){ .n_states = 40, .n_kills = 1 }, prove);
}
