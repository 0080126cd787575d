/* pass.h - going through a scene instruction by instruction: what the proofs by single-step share.
 * */
#ifndef CRASH_PASS_H
#define CRASH_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "kit.h"
#include "python_scene.h"
#include "references.h"
#include "step.h"

struct pass_options {
    bool full;         /* every instruction that changed something */
    bool list;         /* only print which scenes there are */
    bool twice;        /* also go through the recovery */
    uint32_t n_states; /* else a sample of about so many */
    uint32_t n_kills;  /* real kills to compare with */
    uint64_t seed;
    const char *dir;      /* where the folder of the run is made; NULL: /dev/shm */
    const char *beside;   /* a program that recovers each copy, too; NULL: none */
    struct python python; /* who performs the scenes; NULL: this program, those of scene.c */
};

struct pass {
    const struct scene *scene;
    const struct pass_options *options;
    struct references refs;
    struct backing_log *log;
    char path[KIT_PATH_MAX]; /* of the store */
    struct step step;
    struct python_code code; /* of the stepped process, where that is Python */
    struct files files;
    uint64_t n_instructions;
    uint64_t n_unseen; /* of them, for who does not look after each */
    uint64_t
        n_changes;    /* instructions that changed something; of a sample, runs of a few of them */
    uint64_t *chosen; /* the instructions to look at, rising; NULL: all that change something */
    uint32_t n_chosen;
    uint32_t next_chosen;
    uint64_t n_seen[SCENE_OPS_MAX + 1]; /* how often each state was found */
    uint32_t state; /* the latest one that was found: no earlier one may be seen any more */
    uint32_t n_examined;
    uint32_t n_second; /* of them in a recovery */
    uint32_t n_kills;
    uint32_t n_problems;
};

/* Start a child that prepares with `child`, and stands before the first instruction of the
 * operation. */
void pass_begin(struct pass *pass, void (*child)(void *pass));

/* The child of a scene, for pass_begin(). */
void pass_perform(void *pass);

/* Kill the child, remove the store. */
void pass_end(struct pass *pass);

/* Go on to the next instruction to look at. STEP_RAN: the child stands behind it, and pass->files
 * has been looked at; else the operation is over. */
enum step_event pass_next(struct pass *pass);

/* Report something that must not be. */
void pass_problem(struct pass *pass, const char *what, const char *text);

/* Note that a state was found; -1: none was. */
void pass_seen(struct pass *pass, int state);

/* The main function of a proof: reads the command line and calls `prove` for each scene that is
 * wanted. `prove` finds scene, options, references, log and path filled in, and the instructions
 * chosen. Returns the exit status. */
int pass_main(int argc, char **argv, struct pass_options options, void (*prove)(struct pass *pass));

#endif
