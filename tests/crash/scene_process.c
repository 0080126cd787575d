/* scene_process.c - operations on views, and those by which processes and handles come and go. */
#include "scene_process.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

/* ---- views ----------------------------------------------------------------------------------- */

void scene_dup(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_view_dup(&stage->view, &stage->other), "brain_view_dup");
        break;
    case 1:
        stage_erase(stage->a, "large1");
        break;
    case 2:
        brain_view_drop(&stage->view);
        break;
    case 3:
        stage_reuse_memory(stage);
        break;
    default:
        brain_view_drop(&stage->other);
    }
}

/* By an address, of a value that has no name any more. */
void scene_view_at(struct stage *stage)
{
    const char *address = stage->bytes;
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "large1");
        break;
    case 1:
        stage_need(brain_view_at(stage->store, address + 5000, &stage->other), "brain_view_at");
        break;
    case 2:
        brain_view_drop(&stage->view);
        break;
    case 3:
        stage_reuse_memory(stage);
        break;
    default:
        brain_view_drop(&stage->other);
    }
}

/* An id that leads to a value, and then to none. */
void scene_get_by_id(struct stage *stage)
{
    static uint8_t id[BRAIN_ID_BYTES];
    int should = stage->next == 0 ? 0 : BRAIN_E_NOT_FOUND;
    if (stage->next == 1) {
        stage_put(stage->a, "large1", STAGE_LARGE, 5);
        return;
    }
    if (stage->next == 0) {
        stage_need(brain_get(stage->a, "large1", 6, &stage->view), "large1");
        brain_view_id(&stage->view, id);
        brain_view_drop(&stage->view);
    }
    stage_need(brain_get_by_id(stage->store, id, &stage->view) == should ? 0 : -1, "by id");
    brain_view_drop(&stage->view);
}

static void put_noted(struct stage *stage, uint64_t seed)
{
    static const char zeros[BRAIN_NOTE_BYTES + 5];
    brain_part part = { stage_window(seed), STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = zeros,
                          .meta_len = sizeof zeros };
    stage_need(brain_put(stage->a, "noted", 5, &value, BRAIN_ANY_VERSION, NULL), "noted");
}

void scene_put_noted(struct stage *stage)
{
    put_noted(stage, 1);
    stage_need(brain_get(stage->a, "noted", 5, &stage->view), "noted");
}

void scene_set_note(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        brain_view_set_note(&stage->view, UINT64_C(0x0123456789abcdef));
        break;
    case 1:
        stage_need(brain_view_swap_note(&stage->view, UINT64_C(0x0123456789abcdef), 9) == 1 ? 0
                                                                                            : -1,
                   "brain_view_swap_note");
        break;
    case 2:
        put_noted(stage, 2); /* whose note is 0 */
        break;
    default:
        brain_view_set_note(&stage->view, 10); /* of the value that was replaced */
        brain_view_drop(&stage->view);
    }
}

/* ---- forks ----------------------------------------------------------------------------------- */

/* The child does nothing, for as long as the parent lives. Where it is stepped the tracer stops it
 * before its first instruction. */
static _Noreturn void stand_by(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) {
        pause();
    }
    _exit(0);
}

/* A value that the child has a view of, as its parent had, outlives that one's view and its name. */
void scene_fork(struct stage *stage)
{
    pid_t parent = getpid();
    switch (stage->next) {
    case 0:
        stage->child = fork();
        stage_need(stage->child >= 0 ? 0 : BRAIN_E_IO, "fork");
        if (stage->child == 0) {
            stand_by(parent);
        }
        break;
    case 1:
        brain_view_drop(&stage->view);
        break;
    case 2:
        stage_erase(stage->a, "large1");
        break;
    default:
        stage_reuse_memory(stage);
    }
}

/* What a child inherits, and what stays with its parent. */
void scene_hold_much(struct stage *stage)
{
    stage_hold_view(stage);
    stage_need(brain_snapshot_open(stage->store, &stage->snapshot), "brain_snapshot_open");
    stage_need(brain_create(stage->store, STAGE_LARGE, &stage->object), "brain_create");
}

/* The parent waits in fork(), or for the child. */
void scene_fork_child(struct stage *stage)
{
    switch (stage->next) {
    case 0: {
        pid_t pid = fork();
        stage_need(pid >= 0 ? 0 : BRAIN_E_IO, "fork");
        if (pid > 0) {
            _exit(kit_reap(pid) == 0 ? 0 : 3);
        }
        break;
    }
    case 1:
        stage_put(stage->a, "small3", STAGE_SMALL, 3);
        break;
    case 2:
        brain_object_release(stage->object);
        brain_snapshot_close(stage->snapshot);
        stage->object = NULL;
        stage->snapshot = NULL;
        break;
    case 3:
        stage_erase(stage->a, "large1");
        stage_need_bytes(stage);
        break;
    case 4:
        brain_view_drop(&stage->view);
        break;
    default:
        stage_leave(stage);
    }
}

void scene_process_close(struct stage *stage)
{
    if (stage->child > 0) {
        kill(stage->child, SIGKILL);
        (void)kit_reap(stage->child);
    }
}

/* ---- handles --------------------------------------------------------------------------------- */

/* Another handle that was closed leaves its row with the process, for the next one. */
void scene_keep_row(struct stage *stage)
{
    stage_need(brain_open(stage->path, NULL, &stage->second), "brain_open");
    brain_close(stage->second);
    stage->second = NULL;
}

static void get_by_second(struct stage *stage)
{
    brain_space *space;
    stage_need(brain_space_open(stage->second, "a", 1, &space), "a");
    stage_need(brain_get(space, "large1", 6, &stage->view), "large1");
    stage->bytes = stage->view.data;
    brain_space_close(space);
}

void scene_use_kept_row(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_open(stage->path, NULL, &stage->second), "brain_open");
        break;
    case 1:
        get_by_second(stage);
        break;
    case 2:
        stage_erase(stage->a, "large1");
        break;
    case 3:
        stage_reuse_memory(stage);
        break;
    case 4:
        brain_view_drop(&stage->view);
        break;
    case 5:
        brain_close(stage->second);
        stage->second = NULL;
        break;
    default:
        stage_put(stage->a, "small3", STAGE_SMALL, 3);
    }
}

/* The last one that has the store open goes, and comes again as the first. */
void scene_detach_and_attach(struct stage *stage)
{
    if (stage->next == 0) {
        stage_leave(stage);
    } else {
        stage_open(stage);
    }
}

/* The last view of a handle that was closed ends it. */
void scene_close_with_view(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "large1");
        break;
    case 1:
        stage_reuse_memory(stage);
        break;
    case 2:
        stage_leave(stage);
        break;
    default:
        stage_need_bytes(stage);
        brain_view_drop(&stage->view);
    }
}
