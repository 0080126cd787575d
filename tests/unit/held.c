/* held.c - opens what a random program has open, and lets it go. */
#include "held.h"

#include "check.h"

brain_store *held_stores[HELD_STORES];
brain_space *held_spaces[HELD_STORES][MODEL_SPACES];
struct held_view held_views[HELD_VIEWS];
struct held_snapshot held_snapshots[HELD_SNAPSHOTS];
struct held_object held_objects[HELD_OBJECTS];
struct held_id held_ids[HELD_IDS];
uint64_t held_n_full;

void held_begin(const char *path, uint64_t capacity)
{
    for (uint32_t i = 0; i < HELD_STORES; i++) {
        held_stores[i] = check_open(path, capacity);
        for (uint32_t s = 0; s < MODEL_SPACES; s++) {
            held_spaces[i][s] = check_space(held_stores[i], model_space_names[s]);
        }
    }
}

void held_end(void)
{
    for (uint32_t i = 0; i < HELD_STORES; i++) {
        for (uint32_t s = 0; s < MODEL_SPACES; s++) {
            brain_space_close(held_spaces[i][s]);
        }
    }
    brain_close(held_stores[1]);
    check_destroy(held_stores[0]);
}

uint32_t held_any_store(void)
{
    return (uint32_t)check_below(HELD_STORES);
}

brain_hint *held_any_hint(brain_space *space, uint32_t n)
{
    static brain_hint hints[HELD_STORES][MODEL_SPACES][MODEL_NAMES];
    for (uint32_t i = 0; i < HELD_STORES; i++) {
        for (uint32_t s = 0; s < MODEL_SPACES; s++) {
            if (held_spaces[i][s] == space && check_below(4) > 0) {
                return &hints[i][s][n];
            }
        }
    }
    return NULL;
}

uint32_t held_count_views(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < HELD_VIEWS; i++) {
        n += held_views[i].view.store != NULL;
    }
    return n;
}

void held_drop_view(uint32_t i)
{
    static uint32_t n_ids;
    struct held_view *it = &held_views[i];
    if (it->view.store != NULL) {
        struct held_id *kept = &held_ids[n_ids++ % HELD_IDS];
        brain_view_id(&it->view, kept->id);
        kept->value = it->value;
        kept->space = it->space;
        kept->name = it->name;
        model_check_view(&it->view, &it->value, it->name);
        brain_view_drop(&it->view);
        CHECK(it->view.store == NULL);
    }
}

void held_close_snapshot(uint32_t i)
{
    brain_snapshot_close(held_snapshots[i].snapshot);
    held_snapshots[i].snapshot = NULL;
}

static void release_object(uint32_t i)
{
    brain_object_release(held_objects[i].object);
    held_objects[i].object = NULL;
}

void held_let_go(void)
{
    for (uint32_t i = 0; i < HELD_VIEWS; i++) {
        held_drop_view(i);
    }
    for (uint32_t i = 0; i < HELD_SNAPSHOTS; i++) {
        held_close_snapshot(i);
    }
    for (uint32_t i = 0; i < HELD_OBJECTS; i++) {
        release_object(i);
    }
}

bool held_is_full(int err)
{
    if (err != BRAIN_E_FULL) {
        return false;
    }
    held_n_full++;
    held_let_go();
    return true;
}

bool held_is_really_full(int err, uint64_t size)
{
    uint64_t capacity, live;
    CHECK_OK(brain_usage(held_stores[0], &capacity, &live));
    if (err == BRAIN_E_FULL) {
        CHECK(live + size > capacity);
    }
    return err == BRAIN_E_FULL;
}
