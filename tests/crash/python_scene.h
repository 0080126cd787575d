/* python_scene.h - scenes that a Python process performs: those of stepped_scenes.py. */
#ifndef CRASH_PYTHON_SCENE_H
#define CRASH_PYTHON_SCENE_H

#include <sys/types.h>

#include "backing.h"
#include "files.h"
#include "scene.h"

/* Who performs them. */
struct python {
    const char *program;
    const char *script;
};

/* Ask the script which scenes it has. The table is kept for good. Gives up where it has none. */
uint32_t python_scenes(const struct python *python, const struct scene **scenes_out);

/* Become the process that performs the first `n_ops` operations of a scene; where it is stepped it
 * raises SIGSTOP before the first and after the last. It takes its fate from `seed`, and writes its
 * fallocate calls to `log`. */
_Noreturn void python_scene_become(const struct python *python, const struct scene *scene,
                                   const char *path, uint32_t n_ops, bool stepped, uint64_t seed,
                                   const struct backing_log *log);

/* Where the library is in a Python process that is stepped. */
struct python_code {
    struct files_range library;   /* addresses of brain_plasma._core, which contains the library */
    struct files_range system[8]; /* the C library, its loader, and what is preloaded */
    uint32_t n_system;
    bool is_inside; /* the library, or what it calls of the system */
};

void python_code_find(struct python_code *code, pid_t pid);

/* Note where the process stands, before a step: in `is_inside`. */
void python_code_follow(struct python_code *code, pid_t pid);

#endif
