/* test_trim.c - free memory goes back to the system: on request, and by itself after a time. The clock is the test's. */
#include "check.h"

#include "alloc.h"
#include "lock.h"
#include "recover.h"
#include "trim.h"

#define CAPACITY  (64 * CHECK_MIB)
#define LARGE     (8 * CHECK_MIB)
#define HALF_LIFE UINT64_C(10) /* seconds */
#define PAGES     (6 * 4096)   /* of what is put to look, and where a bite ends within a page */

static uint8_t data[16 * 1024 * 1024];

struct scene {
    brain_store *store;
    brain_space *space;
};

static struct scene begin(uint64_t keep_free)
{
    struct scene scene = { .store = check_open(check_path(), CAPACITY) };
    scene.space = check_space(scene.store, "default");
    CHECK_OK(brain_space_create(scene.space));
    CHECK_OK(brain_set_keep_free(scene.store, keep_free));
    return scene;
}

/* What was counted on the way is what a count of all gives. */
static void check_counts(brain_store *store)
{
    CHECK_OK(bn_recover_enter(store, true));
    CHECK_U64(store->state->used_pages, bn_alloc_count_used(store));
    bn_lock_release(store);
}

static void end(struct scene *scene)
{
    check_counts(scene->store);
    CHECK_SOUND(scene->store);
    brain_space_close(scene->space);
    check_destroy(scene->store);
}

static uint64_t backed(struct scene *scene)
{
    return check_stat(scene->store).value_backed_bytes;
}

static void put(struct scene *scene, const char *name, uint64_t size_bytes)
{
    CHECK_OK(brain_put_bytes(scene->space, name, strlen(name), data, size_bytes));
}

static void erase(struct scene *scene, const char *name)
{
    CHECK_OK(brain_delete(scene->space, name, strlen(name), BRAIN_ANY_VERSION));
}

static void wait_seconds(uint64_t seconds)
{
    bn_trim_ahead_ns += seconds * 1000 * 1000 * 1000;
}

/* A page that is replaced: the least change that looks. It needs two. */
static void touch(struct scene *scene)
{
    put(scene, "page", 4096);
}

/* As often as it takes until nothing is due. */
static void touch_all(struct scene *scene)
{
    do {
        touch(scene);
    } while (scene->store->state->decay_bytes >= 4096);
}

/* Into a period in which nothing but that was needed; of what was free as much is now. */
static void settle(struct scene *scene)
{
    touch(scene);
    for (int i = 0; i < 2; i++) {
        wait_seconds(HALF_LIFE);
        touch(scene);
    }
}

/* ---- by itself */

static void check_halves(void)
{
    struct scene scene = begin(0);
    put(&scene, "large", LARGE);
    touch(&scene);
    wait_seconds(HALF_LIFE);
    touch(&scene); /* the period in which it was needed ends */
    erase(&scene, "large");
    CHECK(backed(&scene) >= LARGE);
    wait_seconds(HALF_LIFE - 1);
    touch(&scene);
    CHECK(backed(&scene) >= LARGE);
    wait_seconds(1);
    touch(&scene); /* it was there at the beginning of this one */
    CHECK(backed(&scene) >= LARGE);
    wait_seconds(HALF_LIFE);
    touch_all(&scene);
    uint64_t half = backed(&scene);
    CHECK(half <= LARGE / 2 + PAGES && half >= LARGE / 2 - PAGES);
    wait_seconds(2 * HALF_LIFE);
    touch_all(&scene);
    CHECK(backed(&scene) <= LARGE / 8 + PAGES && backed(&scene) >= LARGE / 8 - PAGES);
    wait_seconds(100 * HALF_LIFE);
    touch_all(&scene);
    CHECK(backed(&scene) <= PAGES);
    end(&scene);
}

static void check_keeps(uint64_t said, uint64_t keeps)
{
    struct scene scene = begin(said);
    CHECK_U64(check_stat(scene.store).keep_free_bytes, keeps);
    for (char name[] = "a"; name[0] < 'a' + 6; name[0]++) {
        put(&scene, name, LARGE);
    }
    for (char name[] = "a"; name[0] < 'a' + 6; name[0]++) {
        erase(&scene, name);
    }
    settle(&scene);
    for (int i = 0; i < 2;
         i++) { /* each look in the first has made a page warm that it did not find so */
        wait_seconds(1000 * HALF_LIFE);
        touch_all(&scene);
    }
    uint64_t most = 6 * LARGE, stay = keeps < most ? keeps : most;
    CHECK(backed(&scene) + PAGES >= stay && backed(&scene) <= stay + PAGES);
    end(&scene);
}

/* A loop that takes much and gives it back keeps its memory, however long it stops in between. */
static void check_loops_stay_warm(void)
{
    struct scene scene = begin(0);
    touch(&scene);
    touch(&scene);
    put(&scene, "large", LARGE);
    put(&scene, "large", LARGE);
    uint64_t before = backed(&scene);
    for (uint32_t i = 0; i < 100; i++) {
        wait_seconds(i % 3 == 0 ? HALF_LIFE / 3 : i * HALF_LIFE);
        put(&scene, "large", LARGE);
        touch(&scene);
        CHECK(backed(&scene) >= before && backed(&scene) <= before + PAGES);
    }
    end(&scene);
}

/* What is due is needed again: it stays. */
static void check_needed_again(void)
{
    struct scene scene = begin(0);
    put(&scene, "a", LARGE);
    put(&scene, "b", LARGE);
    erase(&scene, "a");
    settle(&scene);
    uint64_t now = backed(&scene);
    CHECK(now < 2 * LARGE);
    bn_store_relaxed(&scene.store->state->decay_bytes, LARGE); /* more than goes at once */
    put(&scene, "a", LARGE - 8192);
    CHECK(backed(&scene) >= 2 * LARGE - 8192);
    touch(&scene);
    CHECK(backed(&scene) >= 2 * LARGE - 8192);
    CHECK_U64(scene.store->state->decay_bytes, 0);
    end(&scene);
}

/* Where nothing large is put any more small changes do it, in smaller bites; but for those on the shortest way. */
static void check_small_changes(void)
{
    struct scene scene = begin(0);
    put(&scene, "large", LARGE);
    erase(&scene, "large");
    settle(&scene);
    wait_seconds(1000 * HALF_LIFE);
    uint64_t before = backed(&scene), n_bites = 0;
    CHECK(before > CHECK_MIB);
    for (uint32_t i = 0; i < 64 * 10; i++) {
        CHECK_OK(brain_put_bytes(scene.space, &i, sizeof i, data, 8));
        uint64_t now = backed(&scene);
        CHECK(before - now <= 2 * CHECK_MIB);
        n_bites += now < before;
        before = now;
    }
    CHECK(n_bites > 1 && before <= PAGES);
    end(&scene);
}

/* The clock is set back: nothing goes for that, and what is not needed goes later. */
static void check_clock_set_back(void)
{
    struct scene scene = begin(0);
    wait_seconds(1000 * HALF_LIFE);
    put(&scene, "large", LARGE);
    erase(&scene, "large");
    touch(&scene);
    bn_trim_ahead_ns = 0;
    for (int i = 0; i < 3; i++) {
        touch(&scene);
        CHECK(backed(&scene) >= LARGE);
    }
    settle(&scene);
    CHECK(backed(&scene) <= LARGE / 2 + PAGES);
    end(&scene);
}

/* ---- bites */

static void check_bites_are_exact(void)
{
    struct scene scene = begin(CAPACITY);
    uint64_t given, all = backed(&scene);
    put(&scene, "large", LARGE);
    erase(&scene, "large");
    for (uint64_t left = LARGE; left > 0; left -= CHECK_MIB) {
        CHECK_U64(backed(&scene) - all, left);
        CHECK_OK(bn_trim_bite(scene.store, CHECK_MIB, &given));
        CHECK_U64(given, CHECK_MIB);
        check_counts(scene.store);
    }
    CHECK_U64(backed(&scene), all);
    CHECK_CODE(bn_trim_bite(scene.store, CHECK_MIB, &given), BRAIN_E_NOT_FOUND);
    CHECK_U64(given, 0);
    end(&scene);
}

/* What was bitten into is used as any other: what is left of it is warm, what went is backed anew. */
static void check_bitten_is_used(void)
{
    struct scene scene = begin(CAPACITY);
    uint64_t given;
    brain_view view;
    check_fill(data, sizeof data, 7);
    put(&scene, "large", LARGE);
    erase(&scene, "large");
    CHECK_OK(bn_trim_bite(scene.store, LARGE / 2, &given));
    put(&scene, "large", LARGE);
    CHECK_OK(brain_get(scene.space, "large", 5, &view));
    CHECK(check_is_filled(view.data, LARGE, 7));
    CHECK_U64(backed(&scene), LARGE);
    brain_view_drop(&view);
    end(&scene);
}

/* ---- all of it */

static void check_compact(void)
{
    struct scene scene = begin(CAPACITY);
    brain_space *gone = check_space(scene.store, "gone");
    uint64_t freed = 0;
    put(&scene, "a", 3 * CHECK_MIB);
    put(&scene, "b", LARGE);
    erase(&scene, "b");
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_OK(brain_put_bytes(gone, &i, sizeof i, data, 16));
    }
    CHECK_OK(brain_space_remove(gone));
    CHECK(scene.store->state->space_dead != 0);
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_view view;
        CHECK_OK(brain_get(scene.space, "a", 1, &view));
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
    erase(&scene, "a");
    CHECK_OK(brain_compact(scene.store, &freed));
    CHECK(freed >= LARGE + 3 * CHECK_MIB);
    brain_stat stat = check_stat(scene.store);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(scene.store->state->space_dead, 0);
    CHECK_OK(brain_compact(scene.store, &freed));
    CHECK_U64(freed, 0);
    CHECK_OK(brain_compact(scene.store, NULL));
    brain_space_close(gone);
    end(&scene);
}

/* As after an older library, which does not count: what is in use is counted anew. */
static void check_compact_counts(void)
{
    struct scene scene = begin(CAPACITY);
    put(&scene, "a", LARGE);
    put(&scene, "b", 10000);
    scene.store->state->used_pages = 1;
    erase(&scene, "a");
    CHECK_U64(scene.store->state->used_pages, 0);
    CHECK_OK(brain_compact(scene.store, NULL));
    CHECK_U64(scene.store->state->used_pages, 3);
    end(&scene);
}

int main(void)
{
    check_begin();
    check_needs_fork_advice();
    check_halves();
    check_keeps(BRAIN_KEEP_DEFAULT, CAPACITY / 4);
    check_keeps(3 * CHECK_MIB, 3 * CHECK_MIB);
    check_keeps(CAPACITY, CAPACITY);
    check_keeps(UINT64_MAX - 1, UINT64_MAX - 1);
    check_loops_stay_warm();
    check_needed_again();
    check_small_changes();
    check_clock_set_back();
    check_bites_are_exact();
    check_bitten_is_used();
    check_compact();
    check_compact_counts();
    return 0;
}
