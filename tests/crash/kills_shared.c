/* kills_shared.c - what several processes change: names of the namespace "shared". */
#include <stdio.h>
#include <string.h>

#include "kills.h"
#include "kit.h"

int kills_change_shared(const struct kills_hand *hand)
{
    char name[16];
    uint32_t number = 1 + (uint32_t)(kit_random(hand->seed) % (KILLS_SHARED - 1));
    snprintf(name, sizeof name, "c%u", number);
    if (kit_random(hand->seed) % 4 == 0) {
        int err = brain_delete(hand->shared, name, strlen(name), BRAIN_ANY_VERSION);
        return err == BRAIN_E_NOT_FOUND ? 0 : err;
    }
    kills_id id = kills_new_id(hand->sequence, kills_some_size(hand->seed));
    return brain_put_bytes(hand->shared, name, strlen(name),
                           kills_value(KILLS_OF_SHARED, number, id), id & KILLS_SIZE_MAX);
}

int kills_count(const struct kills_hand *hand)
{
    int err;
    do {
        uint64_t version = 0, value = 0;
        err = brain_get_copy(hand->shared, "c0", 2, &value, sizeof value, NULL, NULL, &version);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            return err;
        }
        value++;
        brain_part part = { &value, sizeof value, 0 };
        brain_value counter = { .kind = BRAIN_KIND_INT, .n_parts = 1, .parts = &part };
        err = brain_put(hand->shared, "c0", 2, &counter, version, NULL);
    } while (err == BRAIN_E_STALE || err == BRAIN_E_EXISTS);
    if (err == 0) {
        atomic_fetch_add(hand->n_counted, 1);
    }
    return err;
}
