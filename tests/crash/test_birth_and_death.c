/* test_birth_and_death.c - whoever makes or removes a store, killed at each of its system calls.
 *
 * A store comes and goes with directories, files and links, so what matters here are system calls,
 * and kills are real. After each kill another process opens the path: it must get a sound store, the
 * old one or a new, empty one; and once that is removed in good order nothing may be left, neither
 * of it nor of what the dead one had begun.
 *
 * Both kinds of place: a path on a file system in memory, and one under /tmp, which becomes a link.
 *
 * Exits with 0, 1 (something was found), 2 (the proof could not be made), 77 (not on this machine).
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "brain.h"
#include "kit.h"
#include "step.h"

struct life {
    char folder[KIT_PATH_MAX / 2]; /* of the path */
    char path[KIT_PATH_MAX];
    uint64_t n_kills;
    uint32_t n_problems;
};

/* What the process that comes after the kill found; in memory that it shares. */
struct finding {
    char problem[512]; /* empty: none */
    char directory[KIT_PATH_MAX];
};

static struct finding *finding;

static int open_store(const struct life *life, brain_store **store)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = 1 << 20;
    return brain_open(life->path, &options, store);
}

/* ---- the victims ------------------------------------------------------------------------------- */

static int put_one(brain_store *store, const char *name)
{
    brain_space *space;
    int err = brain_space_open(store, "a", 1, &space);
    if (err == 0) {
        err = brain_put_bytes(space, name, strlen(name), "value", 5);
        brain_space_close(space);
    }
    return err;
}

static void make(void *life)
{
    brain_store *store;
    raise(SIGSTOP);
    if (open_store(life, &store) != 0) {
        _exit(3);
    }
    raise(SIGSTOP);
}

static void destroy(void *life)
{
    brain_store *store;
    if (open_store(life, &store) != 0 || put_one(store, "old") != 0) {
        _exit(3);
    }
    raise(SIGSTOP);
    if (brain_destroy(store) != 0) {
        _exit(4);
    }
    brain_close(store);
    raise(SIGSTOP);
}

/* ---- who comes after ---------------------------------------------------------------------------- */

static bool failed(const char *what, int err)
{
    snprintf(finding->problem, sizeof finding->problem, "%s: %s (%.400s)", what,
             brain_strerror(err), brain_error_detail());
    return false;
}

/* The store must have the old name, or none. */
static bool is_old_or_new(brain_store *store)
{
    brain_space *space;
    brain_view view;
    uint64_t n = 0;
    int err = brain_space_open(store, "a", 1, &space);
    if (err != 0 || (err = brain_space_count(space, &n)) != 0) {
        return failed("the namespace", err);
    }
    err = brain_get(space, "old", 3, &view);
    if ((err == 0) != (n == 1) || (err != 0 && err != BRAIN_E_NOT_FOUND) || n > 1) {
        return failed("neither old nor new", err);
    }
    if (err == 0) {
        brain_view_drop(&view);
    }
    brain_space_close(space);
    return true;
}

static void come_after(const struct life *life)
{
    brain_store *store;
    size_t n_problems = 0;
    int err = open_store(life, &store);
    if (err != 0) {
        failed("brain_open", err);
        return;
    }
    snprintf(finding->directory, sizeof finding->directory, "%s", brain_directory(store));
    if (!is_old_or_new(store)) {
        return;
    }
    if ((err = put_one(store, "new")) != 0) {
        failed("brain_put", err);
    } else if ((err = brain_check(store, NULL, 0, &n_problems)) != 0 || n_problems != 0) {
        failed("brain_check", err);
    } else if ((err = brain_destroy(store)) != 0) {
        failed("brain_destroy", err);
    }
    brain_close(store);
}

/* Whether nothing is left in the folder of the path, nor where the store was. */
static void look_for_remains(const struct life *life)
{
    DIR *folder = opendir(life->folder);
    kit_must(folder != NULL, life->folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2) {
            snprintf(finding->problem, sizeof finding->problem, "%s is left", entry->d_name);
        }
    }
    closedir(folder);
    if (access(finding->directory, F_OK) == 0) {
        snprintf(finding->problem, sizeof finding->problem, "%.400s is left", finding->directory);
    }
}

static void examine(struct life *life, const char *what, uint64_t k)
{
    memset(finding, 0, sizeof *finding);
    pid_t pid = kit_fork();
    if (pid == 0) {
        alarm(60);
        come_after(life);
        _exit(0);
    }
    int status = kit_reap(pid);
    if (status != 0) {
        snprintf(finding->problem, sizeof finding->problem,
                 "whoever opens it ends with wait status 0x%x", (unsigned)status);
    }
    if (finding->problem[0] == '\0') {
        look_for_remains(life);
    }
    if (finding->problem[0] != '\0') {
        life->n_problems++;
        printf("  %s, killed at system call %ju.%u: %s\n", what, (uintmax_t)k / 2,
               (unsigned)(k % 2), finding->problem);
    }
}

/* Also what the path leads to, where something was found: it would be in the next one's way. */
static void remove_all(const struct life *life)
{
    char target[KIT_PATH_MAX];
    ssize_t n = readlink(life->path, target, sizeof target - 1);
    if (n > 0) {
        target[n] = '\0';
        kit_remove_tree(target);
    }
    kit_remove_tree(life->folder);
}

/* ---- the passes --------------------------------------------------------------------------------- */

/* Kill the victim after k entries and exits of system calls. False where it is done before. */
static bool kill_at(struct life *life, void (*victim)(void *), uint64_t k)
{
    struct step step;
    enum step_event event = STEP_RAN;
    kit_must(mkdir(life->folder, 0700) == 0, life->folder);
    step_start(&step, victim, life);
    while (event == STEP_RAN && step.n < k) {
        event = step_system_call(&step);
    }
    step_kill(&step);
    return event == STEP_RAN;
}

static void go_through(struct life *life, const char *what, void (*victim)(void *))
{
    uint64_t k = 1;
    for (bool more = true; more; k++) {
        more = kill_at(life, victim, k);
        examine(life, what, k);
        remove_all(life);
        life->n_kills++;
    }
    printf("%-40s %4ju kills  %s\n", what, (uintmax_t)life->n_kills,
           life->n_problems == 0 ? "ok" : "WRONG");
}

static uint32_t prove(const char *folder, const char *what, void (*victim)(void *))
{
    struct life life = { .n_kills = 0 };
    snprintf(life.folder, sizeof life.folder, "%s", folder);
    snprintf(life.path, sizeof life.path, "%s/store", folder);
    go_through(&life, what, victim);
    return life.n_problems;
}

int main(void)
{
    char in_memory[KIT_PATH_MAX], under_tmp[KIT_PATH_MAX];
    if (!step_allowed()) {
        printf("skipped: one process may not step another here\n");
        return KIT_SKIPPED;
    }
    finding =
        mmap(NULL, sizeof *finding, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(finding != MAP_FAILED, "mmap");
    kit_path(in_memory, "life");
    snprintf(under_tmp, sizeof under_tmp, "/tmp/brain-crash-%ld", (long)getpid());
    uint32_t n = prove(in_memory, "making a store", make) +
                 prove(in_memory, "removing it", destroy) +
                 prove(under_tmp, "making one, under /tmp", make) +
                 prove(under_tmp, "removing it, under /tmp", destroy);
    printf("%u problems\n", n);
    return n == 0 ? 0 : 1;
}
