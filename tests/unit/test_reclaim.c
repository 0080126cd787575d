/* test_reclaim.c - what is given back of removed namespaces, and when: at once, with the changes that come, or by
 * who trims or finds the store full; and tombstones. */
#include "check.h"

#include "handle.h"
#include "reclaim.h"

#define CAPACITY  (64 * CHECK_MIB)
#define NAME_SIZE 8u /* of a value; a name is counted for 256 bytes more */

static uint64_t n_entries(const brain_store *store)
{
    return store->state->n_entries;
}

static void fill(brain_space *space, uint32_t n_names, size_t size_bytes)
{
    static const char value[4096];
    for (uint32_t i = 0; i < n_names; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, value, size_bytes));
    }
}

static void fill_and_remove(brain_space *space, uint32_t n_names, size_t size_bytes)
{
    fill(space, n_names, size_bytes);
    CHECK_OK(brain_space_remove(space));
}

static void put_again(brain_space *kept, uint32_t n_puts)
{
    for (uint32_t i = 0; i < n_puts; i++) {
        CHECK_OK(brain_put_bytes(kept, "a", 1, "0", 1));
    }
}

/* Of names that there are already. */
static void put_batch(brain_store *store, brain_space *space, uint32_t n_names)
{
    const brain_part part = { .data = "1", .size_bytes = 1 };
    const brain_value value = { .parts = &part, .n_parts = 1 };
    brain_batch *batch = NULL;
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t i = 0; i < n_names; i++) {
        CHECK_OK(brain_batch_put(batch, space, &i, sizeof i, &value));
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

struct scene {
    brain_store *store;
    brain_space *kept, *gone;
    uint64_t n_kept; /* entries: the names of `kept`, and its own */
};

static struct scene begin_with(uint64_t capacity_bytes)
{
    struct scene scene = { .store = check_open(check_path(), capacity_bytes) };
    scene.kept = check_space(scene.store, "kept");
    scene.gone = check_space(scene.store, "gone");
    put_again(scene.kept, 1);
    scene.n_kept = n_entries(scene.store);
    return scene;
}

static struct scene begin(void)
{
    return begin_with(CAPACITY);
}

static void end(struct scene *scene)
{
    CHECK_OK(brain_trim(scene->store, NULL));
    CHECK_U64(n_entries(scene->store), scene->n_kept);
    CHECK_U64(check_stat(scene->store).n_limbo, 0);
    CHECK_SOUND(scene->store);
    brain_space_close(scene->kept);
    brain_space_close(scene->gone);
    check_destroy(scene->store);
}

/* Few names, values that are large in the mean, or where that is easily seen, or one of them; what is much beside the
 * capacity. */
static void check_goes_at_once(void)
{
    static const char large[5000];
    struct scene scene = begin();
    fill_and_remove(scene.gone, 64, NAME_SIZE);
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    fill_and_remove(scene.gone, 65, 257);
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    fill(scene.gone, 100, 1000);
    fill_and_remove(scene.gone, 12, NAME_SIZE); /* the first of its list */
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    CHECK_OK(brain_put_bytes(scene.gone, "large", 5, large, sizeof large));
    fill_and_remove(scene.gone, 100, NAME_SIZE);
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    fill_and_remove(scene.gone, CAPACITY / 64 / (256 + NAME_SIZE) + 1, NAME_SIZE);
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    end(&scene);
}

/* And what is much, though little beside the capacity. */
static void check_much_goes_at_once(void)
{
    const uint32_t n_names = (16 * CHECK_MIB) / (256 + NAME_SIZE);
    struct scene scene = begin_with(2048 * CHECK_MIB);
    fill_and_remove(scene.gone, n_names - 1, NAME_SIZE);
    CHECK(n_entries(scene.store) > scene.n_kept);
    CHECK_OK(brain_trim(scene.store, NULL));
    fill_and_remove(scene.gone, n_names + 1, NAME_SIZE);
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    end(&scene);
}

/* Sixteen puts take four steps: the first segments of the list have 12, 60, 252 names, then 1,020, and a step takes
 * up to 64 names of one; the last the record. */
static void check_puts_take_apart(void)
{
    const uint32_t n_names = 3900, n_steps = 1 + 1 + 4 + 16 + 16 + 16 + 9 + 1;
    struct scene scene = begin();
    fill_and_remove(scene.gone, n_names, NAME_SIZE);
    CHECK(n_entries(scene.store) >= scene.n_kept + n_names);
    put_again(scene.kept, (n_steps + 3) / 4 * 16);
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    CHECK_U64(scene.store->state->space_dead, 0);
    end(&scene);
}

/* A value with pages of its own is looked after by the put that takes it out, not only by the next. */
static void check_large_goes_with_its_name(void)
{
    static const char large[10000];
    struct scene scene = begin();
    fill(scene.gone, 70, NAME_SIZE);
    CHECK_OK(brain_put_bytes(scene.gone, "large", 5, large, sizeof large));
    CHECK_OK(brain_space_remove(scene.gone));
    CHECK(n_entries(scene.store) > scene.n_kept + 70);
    for (uint32_t n = 0; n_entries(scene.store) > scene.n_kept; n++) {
        CHECK(n < 16);
        CHECK(check_stat(scene.store).limbo_bytes >= 10000);
        put_again(scene.kept, 1);
    }
    CHECK(check_stat(scene.store).limbo_bytes < 10000);
    end(&scene);
}

static void check_batches_take_apart(void)
{
    struct scene scene = begin();
    fill(scene.kept, 350, NAME_SIZE);
    scene.n_kept = n_entries(scene.store);
    fill_and_remove(scene.gone, 3900, NAME_SIZE);
    for (uint32_t i = 0; i < 3; i++) { /* 350 / 16 + 4 steps each */
        CHECK(scene.store->state->space_dead != 0);
        put_batch(scene.store, scene.kept, 350);
    }
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    CHECK_U64(scene.store->state->space_dead, 0);
    end(&scene);
}

/* Whatever is made and removed again and again, dead names grow fewer: what is made takes out more than it makes. */
static void check_does_not_pile_up(void)
{
    static const uint32_t sizes[] = { 65, 72, 73, 95, 133, 1000 };
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct scene scene = begin();
        for (uint32_t round = 0; round < 40; round++) {
            put_batch(scene.store, scene.gone, sizes[i]);
            CHECK_OK(brain_space_remove(scene.gone));
            CHECK(n_entries(scene.store) <= scene.n_kept + sizes[i] + 2);
        }
        end(&scene);
    }
}

static void fill_several(struct scene *scene, brain_space **several, uint32_t n, uint32_t n_names)
{
    char name[8];
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "s%u", i);
        several[i] = check_space(scene->store, name);
        fill(several[i], n_names, NAME_SIZE);
    }
}

/* What several removals leave is bounded in sum: the fourth takes all. */
static void check_sum_is_bounded(void)
{
    struct scene scene = begin();
    brain_space *several[4];
    fill_several(&scene, several, 4, 1200);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK_OK(brain_space_remove(several[i]));
        CHECK((scene.store->state->space_dead != 0) == (i < 3));
        brain_space_close(several[i]);
    }
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    end(&scene);
}

/* And in number, though each is little: removals take some apart, too, but not as many as they leave. */
static void check_number_is_bounded(void)
{
    enum {
        N_SPACES = 48
    };
    struct scene scene = begin();
    brain_space *several[N_SPACES];
    uint32_t n_left = 0, n_most = 0;
    fill_several(&scene, several, N_SPACES, 65);
    for (uint32_t i = 0; i < N_SPACES; i++) {
        CHECK_OK(brain_space_remove(several[i]));
        n_left = scene.store->state->space_dead != 0 ? n_left + 1 : 0;
        n_most = n_left > n_most ? n_left : n_most;
        brain_space_close(several[i]);
    }
    CHECK(n_most >= 32 && n_most < N_SPACES);
    end(&scene);
}

/* What was left before a snapshot does not wait for it behind what is removed after it. */
static void check_is_not_behind_a_snapshot(void)
{
    struct scene scene = begin();
    brain_snapshot *snapshot;
    brain_space *after = check_space(scene.store, "after");
    fill(after, 100, NAME_SIZE);
    fill_and_remove(scene.gone, 1000, NAME_SIZE);
    uint64_t n_before = n_entries(scene.store);
    CHECK_OK(brain_snapshot_open(scene.store, &snapshot));
    CHECK_OK(brain_space_remove(after));
    CHECK(n_entries(scene.store) <= n_before - 1000);
    CHECK(n_entries(scene.store) > scene.n_kept + 100);
    brain_snapshot_close(snapshot);
    brain_space_close(after);
    end(&scene);
}

/* A large value among many small ones: a put that has no room but there gets it. */
static void check_makes_room(void)
{
    const uint64_t size = CAPACITY - 100000;
    struct scene scene = begin();
    char *large = calloc(1, size);
    CHECK(large != NULL);
    fill(scene.gone, 2500, NAME_SIZE);
    CHECK_OK(brain_put_bytes(scene.gone, "large", 5, large, 200000));
    CHECK_OK(brain_space_remove(scene.gone));
    CHECK(n_entries(scene.store) > scene.n_kept + 2500);
    CHECK_OK(brain_put_bytes(scene.kept, "large", 5, large, size));
    scene.n_kept++;
    CHECK_U64(n_entries(scene.store), scene.n_kept);
    free(large);
    end(&scene);
}

static uint64_t room_in_limbo(brain_store *store)
{
    return store->state->backed[BN_REGION_LIMBO] / sizeof(uint32_t) - check_stat(store).n_limbo;
}

/* Tombstones go on leaving where limbo is full before a step has taken out any: a step takes 64. */
static void check_tombs_go_when_limbo_is_full(void)
{
    struct scene scene = begin();
    brain_snapshot *snapshot;
    uint32_t n = 0;
    fill(scene.gone, 5000, NAME_SIZE);
    CHECK_OK(brain_snapshot_open(scene.store, &snapshot));
    do {
        CHECK_OK(brain_delete(scene.gone, &n, sizeof n, BRAIN_ANY_VERSION));
        n++;
    } while (room_in_limbo(scene.store) % 64 != 0 || room_in_limbo(scene.store) + 64 > n);
    CHECK_U64(scene.store->state->n_tombs, n);
    brain_snapshot_close(snapshot);
    CHECK_OK(brain_trim(scene.store, NULL));
    CHECK_U64(scene.store->state->n_tombs, 0);
    CHECK_OK(brain_space_remove(scene.gone));
    end(&scene);
}

int main(void)
{
    check_begin();
    check_goes_at_once();
    check_much_goes_at_once();
    check_puts_take_apart();
    check_large_goes_with_its_name();
    check_batches_take_apart();
    check_does_not_pile_up();
    check_sum_is_bounded();
    check_number_is_bounded();
    check_is_not_behind_a_snapshot();
    check_makes_room();
    check_tombs_go_when_limbo_is_full();
    return 0;
}
