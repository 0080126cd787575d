/* test_index.c - the index grows with its names; chains get overflow lines; all are found, no others. */
#include "check.h"

#include "base/hash.h"
#include "index.h"
#include "slot.h"

#define N_NAMES 200000u

static size_t name_of(uint32_t i, char name[32])
{
    return (size_t)snprintf(name, 32, "name %u", i);
}

/* In batches of uneven size, so that growth is met in all its states. */
static void put_all(brain_store *store, brain_space *space)
{
    brain_batch *batch;
    char name[32];
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t i = 0, next = 1, in_batch = 0; i < N_NAMES; i++) {
        brain_part part = { .data = &i, .size_bytes = sizeof i };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .parts = &part, .n_parts = 1 };
        size_t len = name_of(i, name);
        CHECK_OK(brain_batch_put(batch, space, name, len, &value));
        if (++in_batch == next) {
            CHECK_OK(brain_batch_commit(batch, NULL));
            in_batch = 0;
            next = next % 1777 + 1 + next / 3;
        }
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

static void find_all(brain_space *space, uint32_t from, uint32_t every)
{
    char name[32];
    for (uint32_t i = 0; i < N_NAMES; i++) {
        uint32_t data = 0;
        size_t len = name_of(i, name);
        bool is_there = i >= from && i % every == 0;
        CHECK_CODE(brain_get_copy(space, name, len, &data, sizeof data, NULL, NULL, NULL),
                   is_there ? 0 : BRAIN_E_NOT_FOUND);
        CHECK(!is_there || data == i);
    }
    for (uint32_t i = N_NAMES; i < N_NAMES + 20000; i++) {
        size_t len = name_of(i, name);
        CHECK_CODE(brain_exists(space, name, len, NULL), BRAIN_E_NOT_FOUND);
    }
}

static void check_growth(void)
{
    brain_store *store = check_open(check_path(), 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    uint64_t n = 0, before = store->state->index_state >> 1;
    char name[32];
    put_all(store, space);
    CHECK_SOUND(store);
    find_all(space, 0, 1);
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, N_NAMES);
    CHECK(store->state->index_state >> 1 > 20 * before);
    printf("%u names: %llu buckets, %u overflow lines\n", N_NAMES,
           (unsigned long long)store->state->index_state >> 1, store->state->n_overflow);
    for (uint32_t i = 0; i < N_NAMES; i++) {
        size_t len = name_of(i, name);
        if (i % 3 != 0) {
            CHECK_OK(brain_delete(space, name, len, BRAIN_ANY_VERSION));
        }
    }
    find_all(space, 0, 3);
    CHECK_SOUND(store);
    CHECK_OK(brain_space_remove(space));
    find_all(space, N_NAMES, 1);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(store->state->n_entries, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* Names chosen, with the store's own seed, so that they share a bucket for a long time. */
static void check_overflow(void)
{
    enum {
        N = 60
    };
    brain_store *store = check_open(check_path(), CHECK_MIB);
    brain_space *space = check_space(store, "default");
    char name[32];
    uint32_t found[N], n = 0;
    CHECK_OK(brain_space_create(space));
    CHECK_OK(brain_put_bytes(space, "x", 1, "", 0));
    brain_view view;
    CHECK_OK(brain_get(space, "x", 1, &view));
    uint32_t space_id = bn_slot_view(store, view.object)->space;
    brain_view_drop(&view);
    for (uint32_t i = 0; n < N; i++) {
        size_t len = name_of(i, name);
        if ((bn_hash_name(store->hash_seed, space_id, name, len) & 0xfff) == 5) {
            found[n++] = i;
            CHECK_OK(brain_put_bytes(space, name, len, &i, sizeof i));
        }
    }
    CHECK(store->state->n_overflow >= N / BN_BUCKET_WORDS);
    CHECK_SOUND(store);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t k = 0; k < N; k++) {
            uint32_t data = 0;
            size_t len = name_of(found[k], name);
            bool is_there = round == 0 || k % 2 == 0;
            CHECK_CODE(brain_get_copy(space, name, len, &data, sizeof data, NULL, NULL, NULL),
                       is_there ? 0 : BRAIN_E_NOT_FOUND);
            CHECK(!is_there || data == found[k]);
        }
        for (uint32_t k = 1; round == 0 && k < N; k += 2) {
            size_t len = name_of(found[k], name);
            CHECK_OK(brain_delete(space, name, len, BRAIN_ANY_VERSION));
        }
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    check_growth();
    check_overflow();
    return 0;
}
