/* python_scene.c - scenes that a Python process performs.
 *
 * The library is a part of brain_plasma._core there. What a C scene has linked in, a fallocate() that
 * writes down its calls and repeatable chance and time, comes from libcrash_preload.so beside this
 * program. An interpreter takes hundreds of thousands of instructions, of which few are the
 * library's; those of the library, and of the C library where it was called from there, are looked
 * at. Nothing else writes records.
 */
#include "python_scene.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

#include "kit.h"

#define SCENES_MAX 32u

uint32_t python_scenes(const struct python *python, const struct scene **scenes_out)
{
    static struct scene table[SCENES_MAX];
    static char names[SCENES_MAX][64];
    char command[2 * PATH_MAX];
    uint32_t n = 0;
    unsigned n_ops, leaves_notes;
    snprintf(command, sizeof command, "'%s' -P '%s' --list", python->program, python->script);
    FILE *list = popen(command, "r");
    kit_must(list != NULL, command);
    while (n < SCENES_MAX && fscanf(list, "%63s %u %u", names[n], &n_ops, &leaves_notes) == 3) {
        if (n_ops > SCENE_OPS_MAX) {
            kit_die("%s has too many operations", names[n]);
        }
        table[n] =
            (struct scene){ .name = names[n], .n_ops = n_ops, .leaves_notes = leaves_notes != 0 };
        n++;
    }
    if (pclose(list) != 0 || n == 0) {
        kit_die("%s gives no list of scenes", command);
    }
    *scenes_out = table;
    return n;
}

static void set_number(const char *name, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%ju", (uintmax_t)number);
    setenv(name, text, 1);
}

/* So that it takes the same way each time. */
static void set_environment(uint64_t seed, const struct backing_log *log)
{
    char preload[PATH_MAX + 32], self[PATH_MAX] = "";
    kit_must(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "/proc/self/exe");
    snprintf(preload, sizeof preload, "%s/libcrash_preload.so", dirname(self));
    int fd = open(preload, O_RDONLY);
    if (fd < 0) {
        kit_die("%s is not there", preload);
    }
    /* The program inherits it. By a number, since LD_PRELOAD ends a path at its first space. */
    snprintf(preload, sizeof preload, "/proc/self/fd/%d", fd);
    setenv("LD_PRELOAD", preload, 1);
    setenv("PYTHONHASHSEED", "0", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    set_number("CRASH_SEED", seed);
    if (log != NULL) {
        set_number("CRASH_LOG_FD", (uint64_t)log->fd);
    }
}

_Noreturn void python_scene_become(const struct python *python, const struct scene *scene,
                                   const char *path, uint32_t n_ops, bool stepped, uint64_t seed,
                                   const struct backing_log *log)
{
    char n[16];
    snprintf(n, sizeof n, "%u", n_ops);
    set_environment(seed, log);
    kit_must(personality(ADDR_NO_RANDOMIZE) >= 0, "personality");
    execl(python->program, python->program, "-P", python->script, scene->name, path, n,
          stepped ? "--stepped" : (char *)NULL, (char *)NULL);
    fprintf(stderr, "cannot run %s\n", python->program);
    _exit(4);
}

/* ---- where the library is -------------------------------------------------------------------- */

static bool is_of_system(const char *file)
{
    static const char *const beginnings[] = { "/libc.so", "/ld-linux", "/libcrash_preload" };
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strncmp(file, beginnings[i], strlen(beginnings[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void note_code(const char *path, struct files_range range, struct python_code *code)
{
    const char *file = strrchr(path, '/');
    if (file == NULL) {
        return;
    }
    if (strncmp(file, "/_core.", 7) == 0 && strstr(path, "brain_plasma") != NULL) {
        code->library = range;
    } else if (is_of_system(file)) {
        kit_must(code->n_system < sizeof code->system / sizeof code->system[0], "too much code");
        code->system[code->n_system++] = range;
    }
}

void python_code_find(struct python_code *code, pid_t pid)
{
    char name[64], line[PATH_MAX + 128];
    snprintf(name, sizeof name, "/proc/%ld/maps", (long)pid);
    FILE *maps = fopen(name, "r");
    kit_must(maps != NULL, name);
    *code = (struct python_code){ .n_system = 0 };
    while (fgets(line, sizeof line, maps) != NULL) {
        uint64_t from, end;
        char rights[8], path[PATH_MAX] = "";
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4000[^\n]", &from, &end, rights, path) == 4 &&
            rights[2] == 'x') {
            note_code(path, (struct files_range){ from, end }, code);
        }
    }
    fclose(maps);
    if (code->library.end == 0 || code->n_system == 0) {
        kit_die("process %ld has not loaded brain_plasma._core", (long)pid);
    }
}

#if defined(__x86_64__)
static bool is_in(uint64_t at, struct files_range range)
{
    return at >= range.off && at < range.end;
}
#endif

void python_code_follow(struct python_code *code, pid_t pid)
{
#if defined(__x86_64__)
    long rip = ptrace(PTRACE_PEEKUSER, pid, (void *)offsetof(struct user_regs_struct, rip), NULL);
    bool is_system = false;
    for (uint32_t i = 0; i < code->n_system; i++) {
        is_system = is_system || is_in((uint64_t)rip, code->system[i]);
    }
    if (!is_system) {
        code->is_inside = is_in((uint64_t)rip, code->library);
    }
#else
    (void)pid;
    code->is_inside = true;
#endif
}
