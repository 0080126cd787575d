/* test_resize.c - a store that is made smaller, and larger, while others use it. */
#include "check.h"

#include <pthread.h>

#include "lock.h"
#include "recover.h"
#include "space.h"
#include "store.h"

static uint8_t data[4 * 1024 * 1024];

static uint64_t capacity_of(brain_store *store)
{
    uint64_t capacity, live;
    CHECK_OK(brain_usage(store, &capacity, &live));
    return capacity;
}

struct scene {
    const char *path;
    brain_store *store;
    brain_space *space;
};

static struct scene begin(uint64_t capacity_bytes)
{
    struct scene scene = { .path = check_path() };
    scene.store = check_open(scene.path, capacity_bytes);
    scene.space = check_space(scene.store, "default");
    CHECK_OK(brain_space_create(scene.space));
    return scene;
}

static void end(struct scene *scene)
{
    CHECK_SOUND(scene->store);
    brain_space_close(scene->space);
    check_destroy(scene->store);
}

/* ---- how small */

static void check_range(void)
{
    struct scene scene = begin(CHECK_MIB);
    uint64_t most = check_stat(scene.store).capacity_max_bytes;
    CHECK_CODE(brain_resize(scene.store, 4095), BRAIN_E_INVAL);
    CHECK_DETAIL("4096 at least");
    CHECK_CODE(brain_resize(scene.store, 0), BRAIN_E_INVAL);
    CHECK_CODE(brain_resize(scene.store, most + 1), BRAIN_E_INVAL);
    CHECK_U64(capacity_of(scene.store), CHECK_MIB);
    CHECK_OK(brain_resize(scene.store, most));
    CHECK_OK(brain_resize(scene.store, 4096));
    CHECK_U64(capacity_of(scene.store), 4096);
    CHECK_OK(brain_put_bytes(scene.space, "a", 1, data, 4096));
    CHECK_CODE(brain_put_bytes(scene.space, "b", 1, data, 1), BRAIN_E_FULL);
    CHECK_OK(brain_resize(scene.store, 4097));
    CHECK_OK(brain_put_bytes(scene.space, "b", 1, data, 1));
    end(&scene);
}

/* To the byte what is live, small values and large ones; and all who have the store open put against it. */
static void check_live_stays(void)
{
    struct scene scene = begin(CHECK_MIB);
    brain_store *other = check_open(scene.path, 0);
    brain_space *theirs = check_space(other, "default");
    CHECK_OK(brain_put_bytes(scene.space, "large", 5, data, 100000));
    CHECK_OK(brain_put_bytes(scene.space, "small", 5, data, 100));
    CHECK_CODE(brain_resize(scene.store, 100099), BRAIN_E_FULL);
    CHECK_DETAIL("100100 are in use");
    CHECK_DETAIL("live 100100, in limbo 0, being written 0");
    CHECK_DETAIL(scene.path);
    CHECK_U64(capacity_of(other), CHECK_MIB);
    CHECK_OK(brain_put_bytes(theirs, "b", 1, data, 1));
    CHECK_OK(brain_resize(scene.store, 100101));
    CHECK_U64(capacity_of(other), 100101);
    CHECK_CODE(brain_put_bytes(theirs, "c", 1, data, 1), BRAIN_E_FULL);
    CHECK_CODE(brain_put_bytes(theirs, "c", 1, data, 5000), BRAIN_E_FULL);
    brain_space_close(theirs);
    brain_close(other);
    end(&scene);
}

static void check_objects_count(void)
{
    struct scene scene = begin(CHECK_MIB);
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    CHECK_OK(brain_create(scene.store, 50000, &object));
    CHECK_CODE(brain_resize(scene.store, 49999), BRAIN_E_FULL);
    CHECK_DETAIL("being written 50000");
    CHECK_OK(brain_resize(scene.store, 50000));
    CHECK_OK(brain_object_seal(object, scene.space, "o", 1, &bare, BRAIN_ANY_VERSION, NULL));
    brain_object_release(object);
    CHECK_CODE(brain_resize(scene.store, 49999), BRAIN_E_FULL);
    CHECK_DETAIL("live 50000");
    end(&scene);
}

/* ---- what is in the way, and what is not */

static void check_limbo_goes_first(void)
{
    struct scene scene = begin(CHECK_MIB);
    brain_snapshot *snapshot;
    CHECK_OK(brain_put_bytes(scene.space, "a", 1, data, 100000));
    CHECK_OK(brain_snapshot_open(scene.store, &snapshot));
    CHECK_OK(brain_delete(scene.space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_CODE(brain_resize(scene.store, 99999), BRAIN_E_FULL);
    CHECK_DETAIL("a snapshot of");
    brain_snapshot_close(snapshot);
    for (uint32_t i = 0; i < 200; i++) {
        CHECK_OK(brain_put_bytes(scene.space, &i, sizeof i, data, 1000));
    }
    for (uint32_t i = 0; i < 200; i++) {
        CHECK_OK(brain_delete(scene.space, &i, sizeof i, BRAIN_ANY_VERSION));
    }
    CHECK_OK(brain_resize(scene.store, 4096));
    end(&scene);
}

static void check_names_who_holds(void)
{
    struct scene scene = begin(CHECK_MIB);
    struct check_gate ready = check_gate_new();
    char text[64];
    CHECK_OK(brain_put_bytes(scene.space, "a", 1, data, 60000));
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_view view;
        CHECK_OK(brain_get(scene.space, "a", 1, &view));
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    CHECK_OK(brain_delete(scene.space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_CODE(brain_resize(scene.store, 59999), BRAIN_E_FULL);
    CHECK_DETAIL("in limbo 60000");
    snprintf(text, sizeof text, "process %d ", (int)pid);
    CHECK_DETAIL(text);
    CHECK_U64(capacity_of(scene.store), CHECK_MIB);
    check_kill(pid);
    CHECK_OK(brain_resize(scene.store, 4096)); /* the dead hold nothing */
    CHECK_U64(check_stat(scene.store).limbo_bytes, 0);
    check_gate_free(&ready);
    end(&scene);
}

static void check_memory_goes_back(void)
{
    struct scene scene = begin(16 * CHECK_MIB);
    brain_view view;
    CHECK_OK(brain_put_bytes(scene.space, "a", 1, data, CHECK_MIB));
    CHECK_OK(brain_put_bytes(scene.space, "b", 1, data, sizeof data));
    CHECK_OK(brain_get(scene.space, "a", 1, &view));
    CHECK_OK(brain_delete(scene.space, "b", 1, BRAIN_ANY_VERSION));
    CHECK(check_stat(scene.store).value_backed_bytes >= CHECK_MIB + sizeof data);
    CHECK_OK(brain_resize(scene.store, CHECK_MIB));
    CHECK_U64(check_stat(scene.store).value_backed_bytes, CHECK_MIB);
    CHECK(memcmp(view.data, data, CHECK_MIB) == 0);
    brain_view_drop(&view);
    end(&scene);
}

/* ---- beside others */

#define N_PUTTERS 3
#define N_RESIZES 4000
#define LEAST     (100 * CHECK_KIB)
#define MOST      (400 * CHECK_KIB)

static _Atomic bool is_over;
static _Atomic uint64_t n_full;
static const char *shared_path;

/* Small values and large ones, in a store that is too small for them now and then. */
static void *put_and_delete(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    brain_store *store = check_open(shared_path, 0);
    brain_space *space = check_space(store, "default");
    while (!is_over) {
        seed = check_mix(seed);
        uint32_t name = (uint32_t)(seed % 64);
        uint64_t size = seed >> 32 & 1 ? seed >> 40 & 0xff : seed >> 40 & 0xffff;
        int err = seed >> 33 & 1 ? brain_put_bytes(space, &name, sizeof name, data, size)
                                 : brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION);
        CHECK(err == 0 || err == BRAIN_E_FULL || err == BRAIN_E_NOT_FOUND);
        n_full += err == BRAIN_E_FULL;
    }
    brain_space_close(space);
    brain_close(store);
    return NULL;
}

/* Nobody changes anything while we have the lock. */
static void look_whether_it_fits(brain_store *store)
{
    CHECK_OK(bn_recover_enter(store, true));
    const struct bn_state_rec *state = store->state;
    uint64_t live = bn_load_relaxed(&bn_tally_now(state->live)->bytes);
    uint64_t capacity = bn_load_relaxed(&state->capacity_bytes);
    CHECK(live + state->limbo_bytes + state->private_bytes <= capacity);
    bn_lock_release(store);
}

static void check_beside_puts(void)
{
    struct scene scene = begin(MOST);
    pthread_t threads[N_PUTTERS];
    uint32_t n_refused = 0, n_smaller = 0;
    shared_path = scene.path;
    for (uintptr_t i = 0; i < N_PUTTERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, put_and_delete, (void *)(i + 1)) == 0);
    }
    for (uint32_t i = 0; i < N_RESIZES || n_smaller < 100 || n_refused < 100 || n_full < 100; i++) {
        uint64_t before = capacity_of(scene.store), wanted = LEAST + check_below(MOST - LEAST);
        int err = brain_resize(scene.store, wanted);
        CHECK(err == 0 || err == BRAIN_E_FULL);
        CHECK_U64(capacity_of(scene.store), err == 0 ? wanted : before);
        n_refused += err != 0;
        n_smaller += err == 0 && wanted < before;
        look_whether_it_fits(scene.store);
    }
    is_over = true;
    for (uint32_t i = 0; i < N_PUTTERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    printf("made smaller %u times and refused %u times beside puts, of which %llu were refused\n",
           n_smaller, n_refused, (unsigned long long)n_full);
    end(&scene);
}

int main(void)
{
    check_begin();
    check_fill(data, sizeof data, 1);
    check_range();
    check_live_stays();
    check_objects_count();
    check_limbo_goes_first();
    check_names_who_holds();
    check_memory_goes_back();
    check_beside_puts();
    return 0;
}
