/* test_evict_kills.c - processes that put into a full store in mode lru, killed at random, at full speed.
 *
 *     test_evict_kills [KILLS [SEED]]
 *
 * Each value says by its first bytes what the others are, so whoever gets one sees whether it is whole. Now and then
 * all end, and the store is looked at: every invariant; no more than the capacity; what was held by the dead is given
 * back; the library's own values are there. Who puts never finds the store full: all that is not in use may go.
 */
#include "../unit/check.h"

#define N_VICTIMS 4
#define N_NAMES   300u
#define CAPACITY  ((uint64_t)2 << 20)
#define MOST      100000u
#define ROUND     40u

static const char *path;

static void check_value(const brain_view *view)
{
    uint64_t seed;
    memcpy(&seed, view->data, sizeof seed);
    CHECK(check_is_filled((const uint8_t *)view->data + sizeof seed, view->size_bytes - sizeof seed,
                          seed));
}

static size_t make_value(uint8_t *data)
{
    uint64_t seed = check_random(), size = 8 + check_below(check_below(3) == 0 ? MOST : 3000);
    memcpy(data, &seed, sizeof seed);
    check_fill(data + sizeof seed, size - sizeof seed, seed);
    return size;
}

static void use_some(brain_space *space)
{
    for (int i = 0; i < 3; i++) {
        uint32_t name = (uint32_t)check_below(N_NAMES);
        brain_view view;
        int err = brain_get(space, &name, sizeof name, &view);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        if (err == 0) {
            check_value(&view);
            brain_view_drop(&view);
        }
    }
}

static void put_batch(brain_store *store, brain_space *space, uint8_t *data)
{
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    for (int i = 0; i < 5; i++) {
        uint32_t name = (uint32_t)check_below(N_NAMES);
        brain_part part = { .data = data, .size_bytes = make_value(data) };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        CHECK_OK(brain_batch_put(batch, space, &name, sizeof name, &value));
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

/* Until it is killed. */
__attribute__((noreturn)) static void work(uint64_t seed)
{
    static uint8_t data[MOST + 8];
    brain_store *store = check_open(path, 0);
    brain_space *space = check_space(store, "default");
    check_state = seed;
    for (;;) {
        uint32_t name = (uint32_t)check_below(N_NAMES);
        use_some(space);
        if (check_below(5) == 0) {
            put_batch(store, space, data);
        } else {
            CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, make_value(data)));
        }
    }
}

static pid_t begin(void)
{
    uint64_t seed = check_random();
    pid_t pid = check_fork();
    if (pid == 0) {
        work(seed);
    }
    return pid;
}

/* It has ended by itself only where it has found something. */
static void end(pid_t pid)
{
    int status;
    CHECK_SYS(kill(pid, SIGKILL));
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void look(uint64_t *n_gone)
{
    brain_store *store = check_open(path, 0);
    brain_space *space = check_space(store, "default"), *own = check_space(store, "\xffown");
    brain_iter *iter;
    brain_view view;
    const void *name;
    size_t len;
    uint64_t live = 7;
    CHECK_OK(brain_trim(store, NULL));
    CHECK_SOUND(store);
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK(stat.live_bytes <= CAPACITY && stat.live_bytes > CAPACITY / 3);
    CHECK_OK(brain_exists(own, "own", 3, NULL));
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    while (brain_iter_next(iter, &name, &len) == 0) {
        CHECK_OK(brain_iter_get(iter, &view));
        check_value(&view);
        live += view.size_bytes;
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    CHECK_U64(stat.live_bytes, live);
    *n_gone = stat.n_evicted;
    brain_space_close(own);
    brain_space_close(space);
    brain_close(store);
}

int main(int argc, char **argv)
{
    uint64_t n_kills = argc > 1 ? strtoull(argv[1], NULL, 0) : 120, n_gone = 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    pid_t victims[N_VICTIMS];
    check_begin();
    check_needs_fork_advice();
    check_state = seed;
    snprintf(check_note, sizeof check_note, "seed 0x%llx", (unsigned long long)seed);
    path = check_path();
    brain_store *store = check_open(path, CAPACITY);
    brain_space *own = check_space(store, "\xffown");
    CHECK_OK(brain_put_bytes(own, "own", 3, "library", 7));
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    brain_space_close(own);
    brain_close(store);
    for (uint64_t done = 0; done < n_kills;) {
        for (int i = 0; i < N_VICTIMS; i++) {
            victims[i] = begin();
        }
        for (uint64_t i = 0; i < ROUND && done < n_kills; i++, done++) {
            struct timespec pause = { .tv_nsec = (long)check_below(20000000) };
            uint64_t which = check_below(N_VICTIMS);
            nanosleep(&pause, NULL);
            end(victims[which]);
            victims[which] = begin();
        }
        for (int i = 0; i < N_VICTIMS; i++) {
            end(victims[i]);
        }
        look(&n_gone);
    }
    store = check_open(path, 0);
    printf("%llu kills, %llu recoveries, %llu values gone\n", (unsigned long long)n_kills,
           (unsigned long long)check_stat(store).n_recoveries, (unsigned long long)n_gone);
    CHECK(n_gone > n_kills);
    check_destroy(store);
    return 0;
}
