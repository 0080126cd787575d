/* crowd.c - makes a store that gets full, puts values into it, and says which are there. */
#include "crowd.h"

#include "check.h"

uint8_t crowd_data[4 * 1024 * 1024];

void crowd_begin(void)
{
    check_fill(crowd_data, sizeof crowd_data, 1);
}

brain_store *crowd_open(uint64_t capacity, uint32_t mode)
{
    brain_store *store = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = capacity;
    options.full = mode;
    CHECK_OK(brain_open(check_path(), &options, &store));
    return store;
}

bool crowd_has(brain_space *space, uint32_t name)
{
    int err = brain_exists(space, &name, sizeof name, NULL);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    return err == 0;
}

int crowd_put(brain_space *space, uint32_t name, uint64_t size)
{
    return brain_put_bytes(space, &name, sizeof name, crowd_data, size);
}

void crowd_use(brain_space *space, uint32_t name)
{
    brain_view view;
    CHECK_OK(brain_get(space, &name, sizeof name, &view));
    brain_view_drop(&view);
}

uint32_t crowd_count(brain_space *space, uint32_t from, uint32_t end)
{
    uint32_t n = 0;
    for (uint32_t name = from; name < end; name++) {
        n += crowd_has(space, name);
    }
    return n;
}
