/* scene_store.c - operations on the store: its index, slabs and ledger grow, its file does and gets smaller, its
 * memory is given back, somebody comes and is buried. */
#include "scene_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kit.h"
#include "layout.h"
#include "state.h"
#include "store.h"
#include "trim.h"

/* ---- growth ---------------------------------------------------------------------------------- */

static struct bn_state_rec read_state(const struct stage *stage)
{
    char path[KIT_PATH_MAX + 16];
    struct bn_state_rec state = { .committed = 0 };
    snprintf(path, sizeof path, "%s/data", brain_directory(stage->store));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, &state, sizeof state, (off_t)BN_STATE_OFF);
    stage_need(n == (ssize_t)sizeof state ? 0 : BRAIN_E_IO, path);
    close(fd);
    return state;
}

/* Near the end of a doubling, when buckets that are not split yet are fullest: two in five have an overflow line. Which
 * ones depends on the store's seed. Every third or fourth new name splits one. */
void scene_fill_index(struct stage *stage)
{
    for (uint32_t i = 0; i < 400; i++) {
        stage_put_numbered(stage->a, "filler", i, 8);
    }
}

/* So that the batch makes it split some buckets. */
void scene_fill_index_nearly(struct stage *stage)
{
    for (uint32_t i = 0; i < 180; i++) {
        stage_put_numbered(stage->b, "filler", i, 8);
    }
}

void scene_grow_index(struct stage *stage)
{
    stage_put_numbered(stage->a, "grown", stage->next, 8);
}

/* Until no slab has a slot of the class that STAGE_MEDIUM values take (8 lines); or until a new slab was
 * taken although the old one has one left, in limbo: then the operation is an ordinary put. */
void scene_fill_slabs(struct stage *stage)
{
    const uint32_t class_of_medium = 5;
    uint32_t n_slabs = read_state(stage).n_slabs;
    for (uint32_t i = 0; read_state(stage).slab_partial[class_of_medium] != 0 &&
                         read_state(stage).n_slabs == n_slabs;
         i++) {
        stage_put_numbered(stage->a, "filler", i, STAGE_MEDIUM);
    }
}

void scene_put_takes_slab(struct stage *stage)
{
    stage_put_numbered(stage->a, "new", stage->next, STAGE_MEDIUM);
}

/* Many pins: the ledger needs another page. */
void scene_many_views(struct stage *stage)
{
    for (uint32_t i = 0; i < BN_CHUNK_CELLS; i++) {
        brain_view view;
        stage_need(brain_get(stage->a, "small0", 6, &view), "small0");
    }
}

/* What is pinned there outlives its name. */
void scene_one_more_view(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_hold_view(stage);
        break;
    case 1:
        stage_erase(stage->a, "large1");
        break;
    default:
        stage_reuse_memory(stage);
    }
}

/* ---- the store ------------------------------------------------------------------------------- */

void scene_resize(struct stage *stage)
{
    stage_need(brain_resize(stage->store, 20u << 20), "brain_resize");
}

/* To what is live, after all else is gone; and back. */
void scene_shrink(struct stage *stage)
{
    if (stage->next == 0) {
        brain_stat stat = { .struct_size = sizeof stat };
        stage_need(brain_stat_get(stage->store, &stat), "brain_stat_get");
        stage_need(brain_resize(stage->store, stat.live_bytes), "brain_resize");
    } else {
        stage_need(brain_resize(stage->store, 20u << 20), "brain_resize");
    }
}

/* As if time went by. */
static void wait_seconds(uint64_t seconds)
{
    bn_trim_ahead_ns += seconds * 1000 * 1000 * 1000;
}

/* Free memory that was not needed for a while: in a store that keeps none. */
void scene_let_age(struct stage *stage)
{
    static const char *const names[] = { "filler0", "filler1", "filler2",
                                         "filler3", "filler4", "filler5" };
    stage_need(brain_set_keep_free(stage->store, 0), "brain_set_keep_free");
    for (uint32_t i = 0; i < 6; i++) {
        stage_put(stage->a, names[i], STAGE_LARGER, i);
    }
    for (uint32_t i = 0; i < 6; i++) {
        stage_erase(stage->a, names[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        stage_put(stage->a, "large0", STAGE_LARGE, 10 + i);
        wait_seconds(15);
    }
}

/* Half of it is due now: some blocks, and pages of another. */
void scene_decay(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_LARGE, 20);
}

void scene_compact(struct stage *stage)
{
    stage_need(brain_compact(stage->store, NULL), "brain_compact");
}

void scene_attach_and_close(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(brain_open(stage->path, NULL, &stage->second), "brain_open");
    } else {
        brain_close(stage->second);
        stage->second = NULL;
    }
}

/* Somebody who died with a view, a snapshot and a half-written object. */
void scene_die_holding(struct stage *stage)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct stage own = { .path = stage->path };
        stage_open(&own);
        stage_register_snapshot(&own);
        stage_hold_view(&own);
        stage_create(&own);
        _exit(0);
    }
    stage_need(kit_reap(pid) == 0 ? 0 : -1, "the one who dies");
}

void scene_leave_dead(struct stage *stage)
{
    scene_die_holding(stage);
    stage_erase(stage->a, "large1"); /* which the dead one pins */
}

void scene_attach_reaps(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_open(stage->path, NULL, &stage->second), "brain_open");
        break;
    default:
        stage_trim(stage);
    }
}

void scene_reap(struct stage *stage)
{
    stage_need(brain_reap(stage->store, NULL), "brain_reap");
}

/* A value beyond the end that the file was made with. */
static int put_huge(brain_space *space)
{
    static brain_part parts[300];
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 300, .parts = parts };
    for (uint32_t i = 0; i < 300; i++) {
        parts[i] = (brain_part){ stage_window(i), STAGE_LARGER, 0 };
    }
    return brain_put(space, "huge", 4, &value, BRAIN_ANY_VERSION, NULL);
}

void scene_grow_file(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(brain_resize(stage->store, 8u << 20), "brain_resize");
    } else {
        stage_need(put_huge(stage->a), "huge");
    }
}

/* One who died while the file grew must not keep others from growing it, nor from what is there by then. */
bool scene_grow_file_again(brain_store *store, char *text)
{
    brain_space *space = NULL;
    brain_view view;
    int err = brain_resize(store, 32u << 20);
    err = err != 0 ? err : brain_space_open(store, "again", 5, &space);
    err = err != 0 ? err : put_huge(space);
    err = err != 0 ? err : brain_get(space, "huge", 4, &view);
    if (err == 0) {
        brain_view_drop(&view);
        err = brain_space_remove(space);
    }
    if (err != 0) {
        snprintf(text, STATE_TEXT_MAX, "a value beyond the end: %s (%.400s)", brain_strerror(err),
                 brain_error_detail());
    }
    brain_space_close(space);
    return err == 0;
}

void scene_snapshot_and_close(struct stage *stage)
{
    stage_register_snapshot(stage);
    brain_snapshot_close(stage->snapshot);
    stage->snapshot = NULL;
}
