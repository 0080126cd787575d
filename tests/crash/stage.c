/* stage.c - what scenes work with, and what most of them do.
 *
 * The common ground of all scenes: namespaces "a" and "b" with small, medium and large values, some
 * free slots and some free memory that is warm, since operations take another way where they find
 * it.
 */
#include "stage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

void stage_need(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "%s: %s: %s\n", what, brain_strerror(err), brain_error_detail());
        _exit(3);
    }
}

#define SEED_OF_LARGE1 77u

static char pattern[STAGE_LARGER + 64 * 512];

const char *stage_window(uint64_t seed)
{
    return pattern + seed % 512 * 64;
}

int stage_try_put(brain_space *space, const char *name, size_t size, uint64_t seed,
                  uint64_t if_version)
{
    brain_part part = { stage_window(seed), size, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    return brain_put(space, name, strlen(name), &value, if_version, NULL);
}

void stage_put(brain_space *space, const char *name, size_t size, uint64_t seed)
{
    stage_need(stage_try_put(space, name, size, seed, BRAIN_ANY_VERSION), name);
}

void stage_put_numbered(brain_space *space, const char *prefix, uint32_t i, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "%s%u", prefix, i);
    stage_put(space, name, size, i);
}

void stage_erase(brain_space *space, const char *name)
{
    stage_need(brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION), name);
}

void stage_add(brain_batch *batch, brain_space *space, const char *name, size_t size)
{
    brain_part part = { stage_window(size), size, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    stage_need(brain_batch_put(batch, space, name, strlen(name), &value), name);
}

void stage_trim(struct stage *stage)
{
    stage_need(brain_trim(stage->store, NULL), "brain_trim");
}

void stage_register_snapshot(struct stage *stage)
{
    stage_need(brain_snapshot_open(stage->store, &stage->snapshot), "brain_snapshot_open");
}

void stage_create(struct stage *stage)
{
    stage_need(brain_create(stage->store, STAGE_LARGE, &stage->object), "brain_create");
    uint64_t *to = brain_object_data(stage->object);
    for (size_t i = 0; i < STAGE_LARGE / 8; i += 64) {
        to[i] = i + 1;
    }
}

void stage_open(struct stage *stage)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = stage->capacity_bytes;
    stage_need(brain_open(stage->path, &options, &stage->store), stage->path);
    stage_need(brain_space_open(stage->store, "a", 1, &stage->a), "a");
    stage_need(brain_space_open(stage->store, "b", 1, &stage->b), "b");
}

static void lay_ground(struct stage *stage)
{
    for (uint32_t i = 0; i < 8; i++) {
        stage_put_numbered(stage->a, "small", i, STAGE_SMALL);
        stage_put_numbered(stage->b, "medium", i, STAGE_MEDIUM);
    }
    for (uint32_t i = 0; i < 3; i++) {
        stage_put_numbered(stage->a, "large", i, STAGE_LARGE);
        stage_put_numbered(stage->b, "larger", i, STAGE_LARGER);
    }
    stage_put(stage->a, "large1", STAGE_LARGER, SEED_OF_LARGE1); /* free memory in between, warm */
    stage_put(stage->b, "medium3", STAGE_SMALL, 78);
    stage_erase(stage->a, "small7");
    stage_erase(stage->b, "larger1");
}

void stage_leave(struct stage *stage)
{
    brain_space_close(stage->a);
    brain_space_close(stage->b);
    brain_close(stage->store);
    stage->a = stage->b = NULL;
    stage->store = NULL;
}

void stage_begin(struct stage *stage, const char *path, uint64_t capacity_bytes)
{
    memset(stage, 0, sizeof *stage);
    stage->path = path;
    stage->capacity_bytes = capacity_bytes;
    kit_fill(pattern, sizeof pattern, 1);
    stage_open(stage);
    lay_ground(stage);
}

void stage_hold_view(struct stage *stage)
{
    stage_need(brain_get(stage->a, "large1", 6, &stage->view), "large1");
    stage->bytes = stage->view.data;
}

void stage_need_bytes(const struct stage *stage)
{
    bool same = memcmp(stage->bytes, stage_window(SEED_OF_LARGE1), STAGE_LARGER) == 0;
    stage_need(same ? 0 : BRAIN_E_CORRUPT, "the bytes of a value that somebody has");
}

void stage_reuse_memory(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_LARGE,
              5); /* a block of four pages, as of large1 one would become free */
    stage_need_bytes(stage);
}
