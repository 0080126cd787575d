/* test_small_shm.c - a /dev/shm of 64 MB, as a container has it: filled with all that a store can hold, and
 * filled by somebody else in the middle of puts; and large values in less and less of it.
 *
 *     test_small_shm [ROUNDS]
 */
#include <dirent.h>

#include "limits.h"

#define SIZE "64m"

static uint8_t data[LIMITS_LARGEST];
static brain_store *store;
static brain_space *space;

static void begin(void)
{
    store = check_open("/dev/shm/store", 1 << 30); /* more than there is */
    space = check_space(store, "default");
}

static void end(void)
{
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- one thing after another until nothing more fits */

static int put_value(uint32_t i)
{
    size_t size = limits_size(i);
    check_fill(data, size, i);
    return brain_put_bytes(space, &i, sizeof i, data, size);
}

/* Write every page of an object; a streamed one in pieces of `piece` bytes, each once more where there is no memory. */
static int write_all(brain_object *object, size_t size, size_t piece)
{
    int err = 0;
    if (brain_object_data(object) != NULL) {
        memcpy(brain_object_data(object), data, size);
        return 0;
    }
    for (size_t at = 0; at < size && err == 0; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        for (int tries = 0; tries < 2 && (err = brain_object_append(object, data + at, n)) != 0;
             tries++) {
            CHECK(err == BRAIN_E_FULL);
            CHECK_DETAIL("is full");
        }
    }
    return err;
}

static int seal(uint32_t i, int (*create)(brain_store *, uint64_t, brain_object **))
{
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    size_t size = limits_size(i);
    int err = create(store, size, &object);
    if (err == 0) {
        check_fill(data, size, i);
        err = write_all(object, size, 10000);
        err = err != 0 ? err : brain_object_seal(object, space, &i, sizeof i, &bare, 0, NULL);
        brain_object_release(object);
    }
    return err;
}

static int put_object(uint32_t i)
{
    return seal(i, brain_create);
}

static int put_object_in_place(uint32_t i)
{
    return seal(i, brain_create_in_place);
}

static int put_streamed(uint32_t i)
{
    return seal(i, brain_create_streamed);
}

enum {
    N_BATCH = 11 /* names in a batch; no divisor of it is one of LIMITS_N_SIZES */
};

static int put_batch(uint32_t i)
{
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    int err = 0;
    for (uint32_t name = i * N_BATCH; name < (i + 1) * N_BATCH && err == 0; name++) {
        brain_part part = { .data = data, .size_bytes = limits_size(name) };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        check_fill(data, part.size_bytes, name);
        err = brain_batch_put(batch, space, &name, sizeof name, &value);
    }
    err = err != 0 ? err : brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    return err;
}

static void check_names(uint32_t n)
{
    uint64_t count, live = 0;
    for (uint32_t i = 0; i < n; i++) {
        limits_check_value(space, &i, sizeof i, limits_size(i), i);
        live += limits_size(i);
    }
    CHECK_OK(brain_space_count(space, &count));
    CHECK_U64(count, n);
    CHECK_U64(check_live(store), live);
    CHECK_SOUND(store);
}

static void fill(const char *what, int (*put)(uint32_t), uint32_t names_each)
{
    begin();
    uint32_t n = 0;
    int err;
    while ((err = put(n)) == 0) {
        n++;
    }
    CHECK_CODE(err, BRAIN_E_FULL);
    CHECK_DETAIL("/dev/shm/store");
    printf("%u %s, then: %s\n", n, what, brain_error_detail());
    CHECK(n > 0);
    check_names(n * names_each);
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_CODE(put(n), BRAIN_E_FULL); /* once more: it changes nothing either */
    check_names(n * names_each);
    for (uint32_t i = 0; i < n * names_each; i += 2) {
        CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
    }
    CHECK_OK(put(n)); /* what did not fit */
    for (uint32_t i = n * names_each; i < (n + 1) * names_each; i++) {
        limits_check_value(space, &i, sizeof i, limits_size(i), i);
    }
    for (uint32_t i = 1; i < n * names_each; i += 2) {
        limits_check_value(space, &i, sizeof i, limits_size(i), i);
    }
    CHECK_SOUND(store);
    end();
}

static void fill_all(void)
{
    fill("values", put_value, 1);
    fill("objects", put_object, 1);
    fill("objects in place", put_object_in_place, 1);
    fill("streamed objects", put_streamed, 1);
    fill("batches", put_batch, N_BATCH);
}

/* ---- somebody else takes the memory */

/* Takes what there is, in steps, and gives it back, until it is killed. */
static void hog(void)
{
    int fd = open("/dev/shm/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    for (;;) {
        off_t end = 0;
        for (off_t step = 1 << (12 + check_below(10)); step >= 4096; step /= 2) {
            for (; fallocate(fd, 0, end, step) == 0; end += step) {
            }
            CHECK(errno == ENOSPC);
        }
        CHECK_SYS(ftruncate(fd, 0));
    }
}

enum {
    N_NAMES = 24
};

static uint32_t n_rounds = 4000;
static uint32_t round_of[N_NAMES]; /* of the value that a name has; 0: none */

static int put_somehow(uint32_t name, uint32_t round)
{
    size_t size = limits_size(name + round);
    uint64_t seed = name + (uint64_t)round * N_NAMES;
    check_fill(data, size, seed);
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err;
    switch (check_below(5)) {
    case 0:
        err = brain_create(store, size, &object);
        break;
    case 1:
        err = brain_create_in_place(store, size, &object);
        break;
    case 2:
        err = brain_create_streamed(store, size, &object);
        break;
    default:
        return brain_put_bytes(space, &name, sizeof name, data, size);
    }
    if (err == 0) {
        err = write_all(object, size, 1 + check_below(100000));
        err = err != 0 ? err
                       : brain_object_seal(object, space, &name, sizeof name, &bare,
                                           BRAIN_ANY_VERSION, NULL);
        brain_object_release(object);
    }
    return err;
}

static void check_rounds(void)
{
    for (uint32_t name = 0; name < N_NAMES; name++) {
        if (round_of[name] == 0) {
            CHECK_CODE(brain_exists(space, &name, sizeof name, NULL), BRAIN_E_NOT_FOUND);
        } else {
            limits_check_value(space, &name, sizeof name, limits_size(name + round_of[name]),
                               name + (uint64_t)round_of[name] * N_NAMES);
        }
    }
}

static void put_beside_a_hog(void)
{
    begin();
    pid_t pid = limits_fork();
    if (pid == 0) {
        hog();
    }
    uint32_t n_full = 0, n_done = 0;
    for (uint32_t round = 1; round <= n_rounds || n_full == 0 || n_done == 0; round++) {
        uint32_t name = (uint32_t)check_below(N_NAMES);
        int err = put_somehow(name, round);
        CHECK(err == 0 || err == BRAIN_E_FULL);
        if (err == 0) {
            round_of[name] = round;
            n_done++;
        } else {
            CHECK_DETAIL("/dev/shm/store");
            n_full++;
        }
        if (check_below(8) == 0) {
            name = (uint32_t)check_below(N_NAMES);
            CHECK_CODE(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION),
                       round_of[name] != 0 ? 0 : BRAIN_E_NOT_FOUND);
            round_of[name] = 0;
        }
        if (round % 500 == 0) {
            check_rounds();
        }
        if (check_below(20) == 0) { /* memory has to be had anew */
            int trimmed = brain_trim(store, NULL);
            CHECK(trimmed == 0 || trimmed == BRAIN_E_FULL);
        }
    }
    check_kill(pid);
    printf("%u puts beside one who takes the memory, %u refused\n", n_done, n_full);
    check_rounds();
    CHECK_SOUND(store);
    CHECK_SYS(unlink("/dev/shm/file"));
    uint32_t name = 0;
    CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, LIMITS_LARGEST));
    end();
}

/* ---- values that several threads bring into fresh memory, of which there is less and less */

#define LARGE (40 * CHECK_MIB)

static void put_large(const uint8_t *bytes, int *n_full)
{
    brain_view view;
    int err = brain_put_bytes(space, "large", 5, bytes, LARGE);
    CHECK(err == 0 || err == BRAIN_E_FULL);
    if (err == 0) {
        CHECK_OK(brain_get(space, "large", 5, &view));
        CHECK_U64(view.size_bytes, LARGE);
        CHECK(memcmp(view.data, bytes, LARGE) == 0);
        brain_view_drop(&view);
        CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    } else {
        CHECK_DETAIL("/dev/shm/store");
        CHECK_CODE(brain_exists(space, "large", 5, NULL), BRAIN_E_NOT_FOUND);
        ++*n_full;
    }
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_SOUND(store);
    CHECK_OK(brain_trim(store, NULL));
}

static void put_large_ones(void)
{
    begin();
    CHECK_OK(brain_space_create(space));
    uint8_t *bytes = malloc(LARGE);
    int n_full = 0, fd = open("/dev/shm/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(bytes != NULL);
    CHECK_SYS(fd);
    check_fill(bytes, LARGE, 1);
    put_large(bytes, &n_full);
    CHECK(n_full == 0);
    for (uint64_t taken = CHECK_MIB; taken < 60 * CHECK_MIB; taken += CHECK_MIB + 4096) {
        CHECK_SYS(fallocate(fd, 0, 0, (off_t)taken));
        put_large(bytes, &n_full);
    }
    CHECK(n_full > 30);
    printf("of a value of %d MiB: refused %d times\n", (int)(LARGE / CHECK_MIB), n_full);
    CHECK_SYS(unlink("/dev/shm/file"));
    CHECK_SYS(close(fd));
    put_large(bytes, &n_full);
    free(bytes);
    end();
}

/* ---- nothing is left when a store is made, and nobody says how large it may be */

static void open_in_a_full_one(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *none = NULL;
    int fd = open("/dev/shm/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    CHECK_SYS(fallocate(fd, 0, 0, 256 << 10));
    CHECK_CODE(brain_open("/dev/shm/store", &options, &none), BRAIN_E_FULL);
    CHECK_DETAIL("is full: free some of it");
    printf("none left: %s\n", brain_error_detail());
    CHECK(none == NULL);
    CHECK_SYS(unlink("/dev/shm/file"));
    CHECK_SYS(close(fd));
    struct dirent **entries;
    CHECK(scandir("/dev/shm", &entries, NULL, NULL) == 2); /* . and .. */
    free(entries[0]);
    free(entries[1]);
    free(entries);
}

int main(int argc, char **argv)
{
    check_begin();
    n_rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : n_rounds;
    check_state = check_new_seed();
    snprintf(check_note, sizeof check_note, "seed %llu", (unsigned long long)check_state);
    limits_run_in_shm(SIZE, fill_all);
    limits_run_in_shm(SIZE, put_beside_a_hog);
    limits_run_in_shm(SIZE, put_large_ones);
    limits_run_in_shm("256k", open_in_a_full_one);
    return 0;
}
