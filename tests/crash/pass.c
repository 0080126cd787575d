/* pass.c - going through a scene instruction by instruction. */
#include "pass.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

/* Problems of one scene that are printed; the rest is counted. */
#define PRINTED 5u

/* Instructions that changed bytes of values alone are much alike: a value being copied. */
#define VALUES_SAMPLE 5u
#define VALUES_STRIDE 16u

void pass_perform(void *arg)
{
    struct pass *pass = arg;
    const struct python *python = &pass->options->python;
    struct stage stage;
    if (python->program != NULL) {
        python_scene_become(python, pass->scene, pass->path, pass->scene->n_ops, true,
                            pass->options->seed, pass->log);
    }
    backing_log_use(pass->log);
    scene_prepare(pass->scene, &stage, pass->path, pass->options->seed);
    raise(SIGSTOP);
    while (stage.next < pass->scene->n_ops) {
        scene_operate(pass->scene, &stage);
    }
    raise(SIGSTOP);
}

void pass_begin(struct pass *pass, void (*child)(void *))
{
    pass->step.goes_on_in_child = pass->scene->goes_on_in_child;
    step_start(&pass->step, child, pass);
    files_open(&pass->files, pass->path, pass->log);
    if (child == pass_perform && pass->options->python.program != NULL) {
        python_code_find(&pass->code, pass->step.pid);
    }
    pass->next_chosen = 0;
}

void pass_end(struct pass *pass)
{
    step_kill(&pass->step);
    files_close(&pass->files);
    kit_remove_tree(pass->path);
    atomic_store(&pass->log->n, 0);
}

/* ---- stepping -------------------------------------------------------------------------------- */

/* Of Python the instructions of the library alone are looked at, and what has changed meanwhile when it
 * comes back to them: nothing but bytes of values may have, of an array that is written in the store.
 * Returns what was found to have changed when it left them. */
static uint32_t follow(struct pass *pass)
{
    struct python_code *code = &pass->code;
    bool was_inside = code->is_inside;
    python_code_follow(code, pass->step.pid);
    if (code->is_inside == was_inside) {
        return FILES_SAME;
    }
    uint32_t changed = files_look(&pass->files, true);
    if (code->is_inside && (changed & FILES_META) != 0) {
        pass_problem(pass, "stepping", "records have changed, and not by the library");
    }
    return code->is_inside ? FILES_SAME : changed;
}

/* One instruction; and at each `stride`th what has changed since the last look. */
static enum step_event step_and_look(struct pass *pass, uint32_t stride, uint32_t *changed_out)
{
    bool is_python = pass->code.library.end != 0;
    *changed_out = is_python ? follow(pass) : FILES_SAME;
    enum step_event event = step_once(&pass->step);
    bool looks = (!is_python || pass->code.is_inside) && ++pass->n_unseen % stride == 0;
    if (event == STEP_RAN && looks) {
        *changed_out |= files_look(&pass->files, stride == 1);
    }
    return event;
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* Numbers of instructions. */
struct numbers {
    uint64_t *at;
    uint64_t n;
    uint64_t room;
};

static void add_number(struct numbers *numbers, uint64_t number)
{
    if (numbers->n == numbers->room) {
        numbers->room = 2 * numbers->room + 256;
        numbers->at = realloc(numbers->at, numbers->room * sizeof *numbers->at);
        kit_must(numbers->at != NULL, "realloc");
    }
    numbers->at[numbers->n++] = number;
}

/* Keep about `size` of them, spread evenly, from a random one on. */
static void thin_out(struct numbers *numbers, uint64_t size, uint64_t phase)
{
    uint64_t n = numbers->n, kept = 0;
    for (uint64_t i = 0; n > size && i < n; i++) {
        if ((i * size + phase % n) % n < size) {
            numbers->at[kept++] = numbers->at[i];
        }
    }
    numbers->n = n > size ? kept : n;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* To look takes longer than to step: for a sample the files are looked at after every few
 * instructions, and one of these stands for what they have changed. */
#define STRIDE 8u

/* Go through the operation and note where it changes something. */
static void find_changes(struct pass *pass, struct numbers *meta, struct numbers *values)
{
    pass_begin(pass, pass_perform);
    enum step_event event;
    uint32_t changed;
    uint64_t phase = pass->options->seed;
    while ((event = step_and_look(pass, STRIDE, &changed)) == STEP_RAN) {
        if (changed != FILES_SAME) {
            uint64_t back = pass->step.n > STRIDE ? kit_random(&phase) % STRIDE : 0;
            add_number((changed & FILES_META) != 0 ? meta : values, pass->step.n - back);
        }
    }
    if (event == STEP_DIED) {
        pass_problem(pass, "counting", "the operation does not end");
    }
    pass->n_instructions = pass->step.n;
    pass->n_changes = meta->n + values->n;
    pass_end(pass);
}

static void choose(struct pass *pass)
{
    struct numbers meta = { NULL, 0, 0 }, values = { NULL, 0, 0 };
    uint64_t phase = pass->options->seed;
    if (pass->options->full) {
        return;
    }
    find_changes(pass, &meta, &values);
    thin_out(&meta, pass->options->n_states, kit_random(&phase));
    thin_out(&values, VALUES_SAMPLE, kit_random(&phase));
    for (uint64_t i = 0; i < values.n; i++) {
        add_number(&meta, values.at[i]);
    }
    qsort(meta.at, meta.n, sizeof *meta.at, compare_numbers);
    free(values.at);
    pass->chosen = meta.at;
    pass->n_chosen = (uint32_t)meta.n;
}

/* ---- going through --------------------------------------------------------------------------- */

/* To the next instruction that changes something. Of those that change bytes of values alone, which
 * are much alike, only every few are looked at. */
static enum step_event next_change(struct pass *pass)
{
    enum step_event event;
    uint32_t changed;
    while ((event = step_and_look(pass, 1, &changed)) == STEP_RAN) {
        pass->n_changes += changed != FILES_SAME;
        if ((changed & FILES_META) != 0 ||
            (changed != FILES_SAME && pass->n_changes % VALUES_STRIDE == 0)) {
            break;
        }
    }
    pass->n_instructions = pass->step.n;
    return event;
}

static enum step_event next_chosen(struct pass *pass)
{
    if (pass->next_chosen == pass->n_chosen) {
        return step_through(&pass->step);
    }
    uint64_t until = pass->chosen[pass->next_chosen++];
    enum step_event event = STEP_RAN;
    while (event == STEP_RAN && pass->step.n < until) {
        event = step_once(&pass->step);
    }
    (void)files_look(&pass->files, true);
    return event;
}

enum step_event pass_next(struct pass *pass)
{
    enum step_event event = pass->options->full ? next_change(pass) : next_chosen(pass);
    if (event == STEP_STOPPED) {
        (void)files_look(&pass->files, true);
    } else if (event == STEP_DIED) {
        pass_problem(pass, "stepping", "the operation does not end");
    }
    return event;
}

/* ---- reporting ------------------------------------------------------------------------------- */

/* Where the stepped process stands, as addr2line takes it. */
static void print_place(const struct pass *pass)
{
#if defined(__x86_64__)
    struct user_regs_struct regs;
    char name[64], line[PATH_MAX + 128];
    if (pass->step.pid == 0 || ptrace(PTRACE_GETREGS, pass->step.pid, NULL, &regs) != 0) {
        return;
    }
    snprintf(name, sizeof name, "/proc/%ld/maps", (long)pass->step.pid);
    FILE *maps = fopen(name, "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        uint64_t from, end, off;
        char path[PATH_MAX] = "";
        if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4000[^\n]", &from, &end, &off, path) == 4 &&
            regs.rip >= from && regs.rip < end) {
            printf(" [%s 0x%jx]", path, (uintmax_t)(regs.rip - from + off));
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
#else
    (void)pass;
#endif
}

void pass_problem(struct pass *pass, const char *what, const char *text)
{
    pass->n_problems++;
    if (pass->n_problems <= PRINTED) {
        printf("  %s, instruction %ju, %s: %s", pass->scene->name, (uintmax_t)pass->step.n, what,
               text);
        print_place(pass);
        printf("\n");
    }
}

void pass_seen(struct pass *pass, int state)
{
    if (state >= 0) {
        pass->state = (uint32_t)state;
        pass->n_seen[state]++;
    }
}

/* ---- the command line ------------------------------------------------------------------------ */

/* The scenes that are played. */
struct table {
    const struct scene *scenes;
    uint32_t n;
};

static struct table find_scenes(const struct pass_options *options)
{
    struct table table = { scenes, n_scenes };
    if (options->python.program != NULL) {
        table.n = python_scenes(&options->python, &table.scenes);
    }
    return table;
}

static int list(const struct table *table)
{
    for (uint32_t i = 0; i < table->n; i++) {
        puts(table->scenes[i].name);
    }
    return 0;
}

static _Noreturn void usage(const char *program)
{
    printf("usage: %s [--full] [--states N] [--seed N] [--dir PARENT] [--python PROGRAM --script "
           "SCRIPT]\n"
           "           [--twice] [--kills N] [--beside PROGRAM] [SCENE...]\n"
           "       %s --list\n"
           "The second line of options is test_every_instruction's. Of scenes the beginning of a "
           "name is enough.\n",
           program, program);
    exit(0);
}

/* Whether argv[*i] is the option `name`; then its value is taken, too. */
static bool takes(char **argv, int *i, const char *name, uint64_t *value)
{
    if (strcmp(argv[*i], name) != 0) {
        return false;
    }
    if (argv[++*i] == NULL) {
        kit_die("%s needs a value", name);
    }
    *value = strtoull(argv[*i], NULL, 10);
    return true;
}

/* Moves the names of scenes to the front, from argv[1] on; returns how many there are. */
static int parse(int argc, char **argv, struct pass_options *options)
{
    int n_names = 0;
    for (int i = 1; i < argc; i++) {
        uint64_t value;
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            usage(argv[0]);
        } else if (strcmp(argv[i], "--full") == 0) {
            options->full = true;
            options->n_kills = 10;
        } else if (strcmp(argv[i], "--twice") == 0) {
            options->twice = true;
        } else if (takes(argv, &i, "--states", &value)) {
            options->n_states = (uint32_t)value;
        } else if (takes(argv, &i, "--kills", &value)) {
            options->n_kills = (uint32_t)value;
        } else if (takes(argv, &i, "--seed", &value)) {
            options->seed = value;
        } else if (takes(argv, &i, "--dir", &value)) {
            options->dir = argv[i];
        } else if (takes(argv, &i, "--beside", &value)) {
            options->beside = argv[i];
        } else if (takes(argv, &i, "--python", &value)) {
            options->python.program = argv[i];
        } else if (takes(argv, &i, "--script", &value)) {
            options->python.script = argv[i];
        } else if (strcmp(argv[i], "--list") == 0) {
            options->list = true;
        } else if (argv[i][0] == '-') {
            kit_die("unknown option %s (--help says which there are)", argv[i]);
        } else {
            argv[++n_names] = argv[i];
        }
    }
    return n_names;
}

static bool is_named(const struct scene *scene, const char *name)
{
    return strncmp(scene->name, name, strlen(name)) == 0;
}

static bool is_wanted(const struct scene *scene, int n_names, char **names)
{
    for (int i = 0; i < n_names; i++) {
        if (is_named(scene, names[i])) {
            return true;
        }
    }
    return n_names == 0;
}

/* A name that is misspelt beside one that is not must not go unnoticed. */
static void look_for_all(const struct table *table, int n_names, char **names)
{
    for (int i = 0; i < n_names; i++) {
        uint32_t k = 0;
        while (k < table->n && !is_named(&table->scenes[k], names[i])) {
            k++;
        }
        if (k == table->n) {
            kit_die("there is no scene %s (--list has them)", names[i]);
        }
    }
}

/* Returns how many problems were found. */
static uint32_t prove_scene(const struct scene *scene, const struct pass_options *options,
                            void (*prove)(struct pass *pass))
{
    static struct pass pass;
    pass = (struct pass){ .scene = scene, .options = options, .log = backing_log_new() };
    kit_path(pass.path, "store");
    references_make(scene, &options->python, options->seed, &pass.refs);
    choose(&pass);
    prove(&pass);
    free(pass.chosen);
    references_free(&pass.refs);
    backing_log_free(pass.log);
    return pass.n_problems;
}

/* With its defaults the C library copies large values by an instruction that is a step for each
 * byte. */
static void copy_in_large_steps(char **argv)
{
    const char *tunables = "glibc.cpu.x86_rep_movsb_threshold=10000000:"
                           "glibc.cpu.x86_rep_stosb_threshold=10000000";
    if (getenv("GLIBC_TUNABLES") == NULL) {
        setenv("GLIBC_TUNABLES", tunables, 1);
        execv("/proc/self/exe", argv);
    }
}

int pass_main(int argc, char **argv, struct pass_options options, void (*prove)(struct pass *pass))
{
    uint32_t n_problems = 0, n_proved = 0;
    copy_in_large_steps(argv);
    options.seed = (uint64_t)getpid();
    int n_names = parse(argc, argv, &options);
    if ((options.python.program != NULL) != (options.python.script != NULL)) {
        kit_die("--python and --script belong together");
    }
    struct table table = find_scenes(&options);
    if (options.list) {
        return list(&table);
    }
    look_for_all(&table, n_names, argv + 1);
    if (!step_allowed()) {
        printf("skipped: one process may not step another here\n");
        return KIT_SKIPPED;
    }
    kit_workdir(options.dir);
    printf("seed %ju\n", (uintmax_t)options.seed);
    for (uint32_t i = 0; i < table.n; i++) {
        const struct scene *scene = &table.scenes[i];
        bool too_long = scene->is_long && !options.full && n_names == 0;
        if (!too_long && is_wanted(scene, n_names, argv + 1)) {
            n_problems += prove_scene(scene, &options, prove);
            n_proved++;
            fflush(stdout);
        }
    }
    printf("%u scenes, %u problems\n", n_proved, n_problems);
    return n_problems == 0 && n_proved > 0 ? 0 : 1;
}
