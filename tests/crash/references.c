/* references.c - the states of a scene, from stores that nobody disturbed. */
#include "references.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

static void play(const struct scene *scene, const struct python *python, const char *path,
                 uint32_t n_ops, uint64_t seed)
{
    pid_t pid = kit_fork();
    if (pid == 0 && python->program != NULL) {
        python_scene_become(python, scene, path, n_ops, false, seed, NULL);
    }
    if (pid == 0) {
        struct stage stage;
        scene_prepare(scene, &stage, path, seed);
        while (stage.next < n_ops) {
            scene_operate_undisturbed(scene, &stage);
        }
        scene_close(&stage);
        _exit(0);
    }
    int status = kit_reap(pid);
    if (status != 0) {
        kit_die("%s, undisturbed, fails (wait status 0x%x)", scene->name, (unsigned)status);
    }
}

void references_make(const struct scene *scene, const struct python *python, uint64_t seed,
                     struct references *refs)
{
    char path[KIT_PATH_MAX];
    *refs = (struct references){ .catalogue = state_catalogue_new(), .n = scene->n_ops + 1 };
    refs->catalogue->leaves_notes = scene->leaves_notes;
    refs->catalogue->look = scene->look;
    for (uint32_t k = 0; k < refs->n; k++) {
        kit_path(path, "reference-%u", k);
        play(scene, python, path, k, seed);
        examine(path, refs->catalogue, true, scene->tidy, &refs->report[k]);
        kit_remove_tree(path);
        if (refs->report[k].problem[0] != '\0') {
            kit_die("%s, undisturbed, after %u operations: %s", scene->name, k,
                    refs->report[k].problem);
        }
        if (refs->report[k].meta_bytes > refs->meta_bytes) {
            refs->meta_bytes = refs->report[k].meta_bytes;
        }
    }
}

void references_free(struct references *refs)
{
    state_catalogue_free(refs->catalogue);
}

int references_find(const struct references *refs, const struct state *state, uint32_t from,
                    char *text)
{
    for (uint32_t k = from; k < refs->n; k++) {
        if (state_equal(refs->catalogue, &refs->report[k].state, state, text)) {
            return (int)k;
        }
    }
    char why[STATE_TEXT_MAX];
    state_equal(refs->catalogue, &refs->report[from].state, state, why);
    for (uint32_t k = 0; k < from; k++) {
        if (state_equal(refs->catalogue, &refs->report[k].state, state, text)) {
            snprintf(text, STATE_TEXT_MAX, "state %u is seen after state %u: %.400s", k, from, why);
            return -1;
        }
    }
    snprintf(text, STATE_TEXT_MAX, "neither old nor new: beside state %u, %.400s", from, why);
    return -1;
}
