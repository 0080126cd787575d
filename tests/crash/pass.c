/* pass.c - going through a scene instruction by instruction. */
#define _GNU_SOURCE
#include "pass.h"

#include <dlfcn.h>
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
#define VALUES_SAMPLE_FULL 200u

void pass_perform(void *arg)
{
    struct pass *pass = arg;
    struct stage stage;
    backing_log_use(pass->log);
    scene_prepare(pass->scene, &stage, pass->path);
    raise(SIGSTOP);
    while (stage.next < pass->scene->n_ops) {
        scene_operate(pass->scene, &stage);
    }
    raise(SIGSTOP);
}

void pass_begin(struct pass *pass, void (*child)(void *))
{
    step_start(&pass->step, child, pass);
    files_open(&pass->files, pass->path, pass->log);
}

void pass_end(struct pass *pass)
{
    step_kill(&pass->step);
    files_close(&pass->files);
    kit_remove_tree(pass->path);
    atomic_store(&pass->log->n, 0);
}

void pass_count(struct pass *pass)
{
    pass_begin(pass, pass_perform);
    enum step_event event;
    while ((event = step_once(&pass->step)) == STEP_RAN) {
        uint32_t changed = files_look(&pass->files);
        pass->n_meta += (changed & FILES_META) != 0;
        pass->n_values += changed == FILES_VALUES;
    }
    pass->n_instructions = pass->step.n;
    if (event == STEP_DIED) {
        pass_problem(pass, "counting", "the operation does not end");
    }
    pass_end(pass);
}

/* Where the stepped process stands, as addr2line takes it. It has the same addresses as this one. */
static void print_place(const struct pass *pass)
{
#if defined(__x86_64__)
    struct user_regs_struct regs;
    Dl_info info;
    if (pass->step.pid != 0 && ptrace(PTRACE_GETREGS, pass->step.pid, NULL, &regs) == 0 &&
        dladdr((void *)(uintptr_t)regs.rip, &info) != 0) {
        printf(" [%s 0x%llx]", info.dli_fname, regs.rip - (uintptr_t)info.dli_fbase);
    }
#else
    (void)pass;
#endif
}

void pass_problem(struct pass *pass, const char *what, const char *text)
{
    pass->n_problems++;
    if (pass->n_problems <= PRINTED) {
        printf("  %s, instruction %ju, %s: %s", pass->scene->name, (uintmax_t)pass->step.n, what, text);
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

/* Whether the i-th of n is in a sample of about `size`. */
static bool is_in_sample(uint64_t i, uint64_t n, uint64_t size, uint64_t phase)
{
    return n <= size || (i * size + phase % n) % n < size;
}

bool pass_sampled(const struct pass *pass, struct pass_sample *sample, uint32_t changed)
{
    bool full = pass->options->full;
    if ((changed & FILES_META) != 0) {
        return full ||
               is_in_sample(sample->n_meta++, pass->n_meta, pass->options->n_states, sample->phase);
    }
    return changed != FILES_SAME &&
           is_in_sample(sample->n_values++, pass->n_values, full ? VALUES_SAMPLE_FULL : VALUES_SAMPLE,
                        sample->phase);
}

/* ---- the command line -------------------------------------------------------------------------- */

static int list(void)
{
    for (uint32_t i = 0; i < n_scenes; i++) {
        puts(scenes[i].name);
    }
    return 0;
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

/* Moves the names of scenes to the front of argv; how many there are. */
static int parse(int argc, char **argv, struct pass_options *options)
{
    int n_names = 0;
    for (int i = 1; i < argc; i++) {
        uint64_t value;
        if (strcmp(argv[i], "--full") == 0) {
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
        } else if (argv[i][0] == '-') {
            kit_die("unknown option %s (the head of the source says which there are)", argv[i]);
        } else {
            argv[n_names++] = argv[i];
        }
    }
    return n_names;
}

static bool is_wanted(const struct scene *scene, int n_names, char **names)
{
    for (int i = 0; i < n_names; i++) {
        if (strncmp(scene->name, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return n_names == 0;
}

/* Returns how many problems were found. */
static uint32_t prove_scene(const struct scene *scene, const struct pass_options *options,
                            void (*prove)(struct pass *pass))
{
    static struct pass pass;
    pass = (struct pass){ .scene = scene, .options = options, .log = backing_log_new() };
    kit_path(pass.path, "store");
    references_make(scene, &pass.refs);
    prove(&pass);
    references_free(&pass.refs);
    backing_log_free(pass.log);
    return pass.n_problems;
}

int pass_main(int argc, char **argv, struct pass_options options, void (*prove)(struct pass *pass))
{
    uint32_t n_problems = 0, n_proved = 0;
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    options.seed = (uint64_t)getpid();
    int n_names = parse(argc, argv, &options);
    if (!step_allowed()) {
        printf("skipped: one process may not step another here\n");
        return KIT_SKIPPED;
    }
    kit_workdir(options.dir);
    printf("seed %ju\n", (uintmax_t)options.seed);
    for (uint32_t i = 0; i < n_scenes; i++) {
        if (is_wanted(&scenes[i], n_names, argv)) {
            n_problems += prove_scene(&scenes[i], &options, prove);
            n_proved++;
            fflush(stdout);
        }
    }
    printf("%u scenes, %u problems\n", n_proved, n_problems);
    return n_problems == 0 && n_proved > 0 ? 0 : 1;
}
