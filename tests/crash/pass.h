/* pass.h - going through a scene instruction by instruction: what the proofs by single-step share. */
#ifndef CRASH_PASS_H
#define CRASH_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "kit.h"
#include "references.h"
#include "step.h"

struct pass_options {
    bool full;         /* every instruction that changed something */
    bool twice;        /* also go through the recovery */
    uint32_t n_states; /* else a sample of about so many */
    uint32_t n_kills;  /* real kills to compare with */
    uint64_t seed;
    const char *dir; /* where the folder of the run is made; NULL: /dev/shm */
};

struct pass {
    const struct scene *scene;
    const struct pass_options *options;
    struct references refs;
    struct backing_log *log;
    char path[KIT_PATH_MAX]; /* of the store */
    struct step step;
    struct files files;
    uint64_t n_instructions;
    uint64_t n_meta;   /* instructions that changed more than bytes of values */
    uint64_t n_values; /* those that changed only these */
    uint64_t n_seen[SCENE_OPS_MAX + 1]; /* how often each state was found */
    uint32_t state;    /* the latest one that was found: no earlier one may be seen any more */
    uint32_t n_examined;
    uint32_t n_second; /* of them in a recovery */
    uint32_t n_kills;
    uint32_t n_problems;
};

/* Start a child that prepares with `child`, and stands before the first instruction of the operation. */
void pass_begin(struct pass *pass, void (*child)(void *pass));

/* The child of a scene, for pass_begin(). */
void pass_perform(void *pass);

/* Kill the child, remove the store. */
void pass_end(struct pass *pass);

/* Go through once to count. */
void pass_count(struct pass *pass);

/* Report something that must not be. */
void pass_problem(struct pass *pass, const char *what, const char *text);

/* Note that a state was found; -1: none was. */
void pass_seen(struct pass *pass, int state);

/* Chooses, of the instructions that changed something, those to look at. */
struct pass_sample {
    uint64_t phase;
    uint64_t n_meta;
    uint64_t n_values;
};

/* Whether to look at an instruction that made the changes `changed` (a set of enum files_change). */
bool pass_sampled(const struct pass *pass, struct pass_sample *sample, uint32_t changed);

/* The main function of a proof: reads the command line and calls `prove` for each scene that is wanted.
 * `prove` finds scene, options, references, log and path filled in. Returns the exit status. */
int pass_main(int argc, char **argv, struct pass_options options, void (*prove)(struct pass *pass));

#endif
