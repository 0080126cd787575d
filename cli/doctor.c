/* doctor.c - brain doctor: what is wrong with a store, or will be, what shows it, and what to do.
 *
 * It looks without the lock. With --fix it does what harms nobody: it gives back what the dead held, and memory that
 * nobody needs; and, if that is confirmed, lets a stopped writer go on. All else it says. A writer that is stopped in
 * the lock comes first: whatever else is done has to wait for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ask.h"
#include "commands.h"
#include "finds.h"
#include "holders.h"
#include "progress.h"
#include "system.h"
#include "text.h"
#include "value.h"

#define WRITER_LOOKS    3
#define WRITER_PAUSE_NS (BC_SECOND_NS / 10) /* a change has the lock for microseconds */
#define PROBLEMS_MAX    20
#define SAVE            "save what can be read (brain dump), then brain destroy and brain load"
#define SHARE           64u /* of the capacity: more than that in limbo is worth a word */

static char *describe(const brain_client *client, const struct bc_process *process)
{
    char *command = bc_text_name(process->command, strlen(process->command), 0);
    char *text =
        process->pid != 0 && process->pid != client->pid
            ? bc_format("process %d (in its own namespace %d), %s", (int)process->pid,
                        (int)client->pid, command)
            : bc_format("process %d%s, %s", (int)client->pid,
                        process->pid == 0 && client->alive ? " of another PID namespace" : "",
                        command);
    free(command);
    return text;
}

/* ---- the writer */

static int fix_stopped(struct bc_context *context, const struct bc_find *find)
{
    brain_client client;
    uint64_t epoch;
    /* Before it is looked at once more: who is found then is who has the pid now, and nobody who gets it later. */
    int fd = (int)syscall(SYS_pidfd_open, find->pid, 0);
    if (fd < 0 && errno == ESRCH) return 0;
    bool is_it = brain_writer(context->store, &client, &epoch) == 0 && epoch == find->epoch &&
                 client.alive && bc_process_state(find->pid) == 'T'; /* else somebody was first */
    int failed = !is_it    ? 0
                 : fd >= 0 ? (int)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0)
                           : kill(find->pid, SIGCONT); /* a kernel before 5.3 */
    int error = errno;
    if (fd >= 0) close(fd);
    if (failed == 0) return 0;
    errno = error;
    bc_say(context, "cannot signal process %d: %s", (int)find->pid, strerror(errno));
    return errno == EPERM ? BC_DENIED : BC_SYSTEM;
}

static int reap(struct bc_context *context, const struct bc_find *find)
{
    (void)find;
    int err = brain_reap(context->store, NULL);
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}

static int fix_died(struct bc_context *context, const struct bc_find *find)
{
    uint64_t freed;
    (void)find;
    int err = brain_trim(context->store, &freed); /* takes the lock, and so goes on for the dead */
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}

static void say_writer(struct bc_finds *finds, const brain_client *client, uint64_t epoch)
{
    struct bc_process process;
    bc_process_find(client, &process);
    char *who = describe(client, &process);
    struct bc_find *find;
    if (!client->alive) {
        find = bc_find_add(finds, BC_WARNING, "writer-died",
                           bc_strdup("a process died in the middle of a change"), bc_strdup(who),
                           bc_strdup("the next change, of anybody, undoes or completes it; --fix "
                                     "makes one"));
        find->fix = fix_died;
        find->question = bc_strdup("Recover from it now?");
    } else if (process.state == 'T') {
        find = bc_find_add(finds, BC_PROBLEM, "writer-stopped",
                           bc_strdup("a process was stopped in the middle of a change, and all "
                                     "writers wait for it"),
                           bc_format("%s is stopped (Ctrl-Z, SIGSTOP, a frozen container)", who),
                           bc_format("let it go on (--fix, or kill -CONT %d), or end it (kill "
                                     "-KILL %d): its change is then "
                                     "undone or completed",
                                     (int)process.pid, (int)process.pid));
        find->fix = fix_stopped;
        find->pid = process.pid;
        find->epoch = epoch;
        find->question = bc_format("Let process %d go on (SIGCONT)?", (int)process.pid);
    } else if (process.state == 't') {
        bc_find_add(finds, BC_PROBLEM, "writer-traced",
                    bc_strdup("a process is held by a debugger in the middle of a change, and all "
                              "writers wait for it"),
                    bc_strdup(who), bc_strdup("continue it in the debugger"));
    } else if (process.state == 'D') {
        bc_find_add(finds, BC_WARNING, "writer-waits",
                    bc_strdup("a process waits for the kernel in the middle of a change"),
                    bc_strdup(who),
                    bc_strdup("is the machine out of memory, or swapping? (free, dmesg)"));
    } else {
        bc_find_add(finds, BC_WARNING, "writer-long",
                    bc_strdup("a process has had the lock for long, and all writers wait for it"),
                    bc_format("%s, state %c", who, process.state != '\0' ? process.state : '?'),
                    bc_strdup("a check takes long in a large store, and so does a large batch. "
                              "Else: has it been given a "
                              "processor (a frozen or starved container)?"));
    }
    free(who);
    bc_process_free(&process);
}

/* Whether one holding of the lock goes on for as long as this looks. */
static int look_at_writer(struct bc_context *context, struct bc_finds *finds)
{
    brain_client first, client;
    uint64_t epoch, again;
    int err = brain_writer(context->store, &first, &epoch);
    for (int i = 0; err == 0 && i < WRITER_LOOKS; i++) {
        bc_pause(WRITER_PAUSE_NS);
        err = brain_writer(context->store, &client, &again);
        if (err == 0 && again != epoch) return 0;
    }
    if (err == 0) say_writer(finds, &client, epoch);
    if (err == BRAIN_E_CORRUPT) {
        bc_find_add(finds, BC_PROBLEM, "damage", bc_strdup("the lock of the store is damaged"),
                    bc_strdup(brain_error_detail()),
                    bc_strdup("no change can be made: brain dump, brain destroy, brain load"));
        return 0;
    }
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

/* ---- the dead, and what is in limbo */

static void say_dead(struct bc_finds *finds, const struct bc_holders *all)
{
    for (size_t i = 0; i < all->n_holders; i++) {
        const struct bc_holder *holder = &all->holders[i];
        if (holder->is_nameless || holder->client.alive) continue;
        char *who = describe(&holder->client, &holder->process), drafts[32], snapshots[64] = "";
        if (holder->n_snapshots > 0) {
            snprintf(snapshots, sizeof snapshots, ", %zu snapshots", holder->n_snapshots);
        }
        bool holds = holder->client.n_pins > 0 || holder->n_snapshots > 0 || holder->n_drafts > 0;
        struct bc_find *find =
            bc_find_add(finds, holds ? BC_WARNING : BC_NOTE, "dead-client",
                        bc_strdup(
                            holds ? "a process died, and what it held has not been given back yet"
                                  : "a process died, and has a row of the client table yet"),
                        bc_format("%s: %" PRIu64 " views%s, %" PRIu64 " unsealed objects of %s",
                                  who, holder->client.n_pins, snapshots, holder->n_drafts,
                                  bc_text_size(holder->draft_bytes, drafts, sizeof drafts)),
                        bc_strdup("--fix gives it back; so does whoever needs room"));
        find->fix = reap;
        find->question = bc_strdup("Give back what the dead held?");
        free(who);
    }
}

static int fix_idle(struct bc_context *context, const struct bc_find *find)
{
    uint64_t freed;
    (void)find;
    int err = brain_compact(context->store, &freed);
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}

/* Where the store makes room by itself, to be full is what it is for: unless what fills it is kept, and cannot go. */
static void say_full(struct bc_context *context, struct bc_finds *finds, const brain_stat *stat)
{
    char size[32], other[32];
    uint64_t taken = bc_taken_bytes(stat);
    bool is_full = taken >= stat->capacity_bytes;
    bool is_kept = stat->limbo_bytes > stat->live_bytes;
    bool makes_room = !is_kept && brain_full_mode(context->store) != BRAIN_FULL_ERROR;
    if (stat->capacity_bytes - stat->capacity_bytes / 10 >= taken) return;
    const char *advice =
        is_kept ? "most of it was replaced or removed, and somebody has it in use: brain who says "
                  "who. Else brain resize"
        : makes_room ? "nothing need be done: in its mode (when_full of brain stat) what was not "
                       "used for longest makes room. brain resize lets more stay"
                     : "brain resize, brain rm, or create it with --when-full lru or spill";
    bc_find_add(finds,
                makes_room ? BC_NOTE
                : is_full  ? BC_PROBLEM
                           : BC_WARNING,
                "nearly-full",
                bc_strdup(is_full ? "the store is full" : "the store is nearly full"),
                bc_format("%s of %s", bc_text_size(taken, size, sizeof size),
                          bc_text_size(stat->capacity_bytes, other, sizeof other)),
                bc_strdup(advice));
}

static void say_limbo(struct bc_finds *finds, const struct bc_holders *all, const brain_stat *stat)
{
    char size[32];
    uint64_t much = stat->capacity_bytes / SHARE;
    if (all->idle_bytes > much) {
        struct bc_find *find = bc_find_add(
            finds, BC_WARNING, "limbo",
            bc_format("%s that was replaced or removed is held by nobody, and not given back yet",
                      bc_text_size(all->idle_bytes, size, sizeof size)),
            bc_format("%" PRIu64 " objects in limbo", all->n_idle),
            bc_strdup("--fix gives it back (brain compact); so does whoever needs room"));
        find->fix = fix_idle;
        find->question = bc_strdup("Give back memory that nobody needs (compact)?");
    }
    for (size_t i = 0; i < all->n_holders; i++) {
        const struct bc_holder *holder = &all->holders[i];
        if (holder->alone_bytes <= much || (!holder->is_nameless && !holder->client.alive))
            continue;
        char *who = holder->is_nameless ? bc_strdup("forked children without a row")
                                        : describe(&holder->client, &holder->process);
        bc_find_add(finds, holder->alone_bytes > stat->capacity_bytes / 4 ? BC_WARNING : BC_NOTE,
                    "kept-alone",
                    bc_format("a process alone keeps %s that was replaced or removed",
                              bc_text_size(holder->alone_bytes, size, sizeof size)),
                    bc_format("%s: %" PRIu64 " objects%s", who, holder->n_alone,
                              holder->n_snapshots > 0 ? ", by a snapshot or views" : ""),
                    bc_strdup("brain who shows which; it goes when the process lets go of them, or "
                              "ends"));
        free(who);
    }
}

/* ---- damage */

static int look_for_damage(struct bc_context *context, struct bc_finds *finds,
                           const struct bc_holders *all)
{
    enum {
        AT_ONCE = 64
    };
    brain_object_info *infos = bc_alloc(AT_ONCE * sizeof *infos);
    uint32_t cursor = 0;
    size_t n, n_damaged = 0;
    char detail[300] = "";
    int err;
    infos[0].struct_size = sizeof infos[0];
    do {
        err = brain_objects(context->store, BRAIN_OBJECT_ANY, &cursor, infos, AT_ONCE, &n);
        if (err == BRAIN_E_CORRUPT && n_damaged++ == 0) {
            snprintf(detail, sizeof detail, "%s", brain_error_detail());
        }
    } while (err == 0 || err == BRAIN_E_CORRUPT);
    free(infos);
    if (n_damaged > 0 || all->n_damaged > 0) {
        bc_find_add(finds, BC_PROBLEM, "damage",
                    bc_format("%zu records of objects make no sense",
                              n_damaged > all->n_damaged ? n_damaged : all->n_damaged),
                    bc_strdup(detail), bc_strdup(SAVE));
    }
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int check(struct bc_context *context, struct bc_finds *finds)
{
    brain_problem problems[PROBLEMS_MAX];
    size_t n = 0;
    if (!context->json) {
        bc_say(context,
               "--check has the lock until it is done: nobody can change the store meanwhile");
    }
    struct bc_progress progress;
    bc_progress_begin(&progress, "checking");
    int err = brain_check(context->store, problems, PROBLEMS_MAX, &n);
    bc_progress_end(&progress);
    if (err != 0) return err;
    for (size_t i = 0; i < n && i < PROBLEMS_MAX; i++) {
        bc_find_add(finds, BC_PROBLEM, "damage",
                    bc_strdup("an invariant of the store does not hold"),
                    bc_strdup(problems[i].text), bc_strdup(SAVE));
    }
    return 0;
}

/* ---- */

/* Fix what can be, each asked for by itself, but the same question once. Returns an exit status. */
static int fix(struct bc_context *context, struct bc_finds *finds)
{
    int status = 0;
    for (size_t i = 0; i < finds->n && status == 0; i++) {
        struct bc_find *find = &finds->all[i];
        if (find->fix == NULL) continue;
        size_t j = 0; /* one that the same fix was made for */
        while (j < i && (finds->all[j].fix != find->fix || finds->all[j].pid != find->pid)) {
            j++;
        }
        if (j < i) {
            find->is_fixed = finds->all[j].is_fixed;
            continue;
        }
        status = bc_ask(context, "%s: %s. %s", bc_find_severity(find->severity), find->what,
                        find->question);
        if (status == 0) status = find->fix(context, find);
        find->is_fixed = status == 0;
        if (status == BC_REFUSED && context->is_terminal) status = 0; /* the next may be wanted */
    }
    return status;
}

static int look(struct bc_context *context, struct bc_finds *finds)
{
    brain_stat stat = { .struct_size = sizeof stat };
    struct bc_holders all;
    int err = look_at_writer(context, finds);
    if (err == 0) err = brain_stat_get(context->store, &stat);
    if (err == 0) err = bc_holders_look(context->store, true, &all);
    if (err != 0) return bc_fail(context, err, NULL);
    say_dead(finds, &all);
    say_limbo(finds, &all, &stat);
    say_full(context, finds, &stat);
    err = look_for_damage(context, finds, &all);
    bc_holders_free(&all);
    bc_system_look(finds, brain_directory(context->store), &stat);
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}

/* ---- a store that cannot be opened */

/* The directory that the path is or leads to, or else would be in. To be freed. */
static char *directory_of(const char *path)
{
    struct stat status;
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len > 0) target[len] = '\0';
    char *at = len > 0 && target[0] == '/' ? bc_strdup(target) : bc_strdup(path);
    if (stat(at, &status) == 0 && S_ISDIR(status.st_mode)) return at;
    char *slash = strrchr(at, '/');
    if (slash == NULL) {
        free(at);
        return bc_strdup(".");
    }
    slash[slash == at] = '\0';
    return at;
}

/* What bc_open() has just said is a find as well: who reads the finds alone sees no other. */
static void say_not_opened(struct bc_context *context, struct bc_finds *finds, int status)
{
    const char *detail = brain_error_detail(), *advice = "see what is found below, if anything";
    if (status == BC_DENIED) {
        advice = "ask its owner, or make one for a group: brain create --mode 0660 --group GROUP";
    } else if (status == BC_DAMAGED) {
        advice =
            "is it a store, and of this release (brain --version)? No other program may "
            "write to its files. A store that cannot be opened cannot be saved: brain destroy, "
            "or remove its directory, and brain load";
    } else if (status == BC_TIMEOUT) {
        advice = "without --fix and --check nothing waits for the writer: brain doctor says who";
    } else if (status == BC_FULL) {
        advice = "make room in its file system, or more memory for the machine";
    }
    bc_find_add(finds, BC_PROBLEM, "cannot-open",
                bc_format("the store %s cannot be opened", context->path),
                bc_strdup(detail[0] != '\0' ? detail : "no reason is known"), bc_strdup(advice));
    char *directory = directory_of(context->path);
    bc_system_look(finds, directory, NULL);
    free(directory);
}

/* ---- */

/* The exit status of what is found and not fixed. */
static int judge(const struct bc_finds *finds)
{
    for (size_t i = 0; i < finds->n; i++) {
        if (finds->all[i].severity != BC_NOTE && !finds->all[i].is_fixed) return BC_NO;
    }
    return BC_DONE;
}

int bc_doctor(struct bc_context *context)
{
    struct bc_finds finds = { .n = 0 };
    bool fixes = bc_option(context, "fix") != NULL, checks = bc_option(context, "check") != NULL;
    int status = bc_open(context, fixes || checks ? BC_CHANGE : BC_LOOK);
    int opened = status;
    if (status == BC_NO_STORE || status == BC_USAGE) return status;
    if (status != 0) { /* what is in the way may be seen all the same */
        say_not_opened(context, &finds, status);
    } else {
        status = look(context, &finds);
    }
    if (status == 0 && fixes) status = fix(context, &finds);
    if (status == 0 && checks) {
        int err = check(context, &finds);
        status = err == 0 ? 0 : bc_fail(context, err, NULL);
    }
    bc_finds_print(context, &finds);
    if (finds.n == 0 && opened == 0 && context->is_terminal && !context->json)
        puts("nothing found");
    status = status != 0 ? status : judge(&finds);
    bc_finds_free(&finds);
    return status;
}
