/* test_stopped_reader.c - a reader that is stopped, with a view, while writers replace large values.
 *
 *     test_stopped_reader [ROUNDS]
 *
 * What it has stays, what the store takes does not grow with the rounds, and where there is no room left the
 * error names it. With a snapshot it keeps everything from then on, and the error says that.
 */
#include "limits.h"

#define CAPACITY (64 * CHECK_MIB)

static uint8_t data[LIMITS_LARGEST];
static uint32_t n_rounds = 1000;

enum {
    SEED_HELD = 7,
    SIZE_HELD = 4000000
};

/* A child that takes what `take` gives it and stops itself; told to go on, it looks at it again. */
struct reader {
    pid_t pid;
    const char *path;
};

static void stop_with_a_view(const struct reader *reader, bool with_snapshot)
{
    brain_view view;
    brain_snapshot *snapshot = NULL;
    brain_store *store = check_open(reader->path, 0);
    brain_space *space = check_space(store, "default");
    if (with_snapshot) {
        CHECK_OK(brain_snapshot_open(store, &snapshot));
    } else {
        CHECK_OK(brain_get(space, "value", 5, &view));
    }
    CHECK_SYS(raise(SIGSTOP));
    if (with_snapshot) {
        CHECK_OK(brain_snapshot_get(snapshot, space, "value", 5, &view));
        brain_snapshot_close(snapshot);
    }
    CHECK(view.size_bytes == SIZE_HELD && check_is_filled(view.data, SIZE_HELD, SEED_HELD));
    brain_view_drop(&view);
    brain_space_close(space);
    brain_close(store);
}

static struct reader start(const char *path, bool with_snapshot)
{
    struct reader reader = { .path = path };
    int status;
    reader.pid = limits_fork();
    if (reader.pid == 0) {
        stop_with_a_view(&reader, with_snapshot);
        _exit(0);
    }
    CHECK(waitpid(reader.pid, &status, WUNTRACED) == reader.pid && WIFSTOPPED(status));
    return reader;
}

static void go_on(struct reader reader)
{
    CHECK_SYS(kill(reader.pid, SIGCONT));
    CHECK_CHILD(reader.pid);
}

static void check_detail_names(struct reader reader, const char *word)
{
    char text[64];
    snprintf(text, sizeof text, "process %d ", (int)reader.pid);
    CHECK_DETAIL(text);
    CHECK_DETAIL(word);
}

static void test_what_a_stopped_reader_has_stays_and_the_rest_goes_round(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, CAPACITY);
    brain_space *space = check_space(store, "default");
    check_fill(data, SIZE_HELD, SEED_HELD);
    CHECK_OK(brain_put_bytes(space, "value", 5, data, SIZE_HELD));
    struct reader reader = start(path, false);
    uint64_t most = 0;
    for (uint32_t round = 0; round < n_rounds; round++) {
        size_t size = 1000000 + check_below(LIMITS_LARGEST - 1000000);
        memcpy(data, &round, sizeof round);
        CHECK_OK(brain_put_bytes(space, "value", 5, data, size));
        CHECK_U64(check_live(store), size);
        if (round % 50 == 0) {
            brain_stat stat = check_stat(store);
            CHECK_U64(stat.limbo_bytes, SIZE_HELD);
            most = stat.value_backed_bytes > most ? stat.value_backed_bytes : most;
            /* The value, the one before, the one that is held, and blocks of a power of two for each. */
            CHECK(stat.value_backed_bytes <= 4 * (uint64_t)(8 * CHECK_MIB));
        }
    }
    printf("%u values of 1 to 5 MB beside a stopped reader took at most %llu bytes\n", n_rounds,
           (unsigned long long)most);
    CHECK_OK(brain_delete(space, "value", 5, BRAIN_ANY_VERSION));
    uint32_t n = 0;
    int err;
    while ((err = brain_put_bytes(space, &n, sizeof n, data, SIZE_HELD)) == 0) {
        n++;
    }
    CHECK_CODE(err, BRAIN_E_FULL);
    check_detail_names(reader, "in limbo 4000000");
    CHECK_U64(n, (CAPACITY - SIZE_HELD) / SIZE_HELD);
    go_on(reader);
    CHECK_OK(brain_put_bytes(space, &n, sizeof n, data, SIZE_HELD)); /* there is room again */
    CHECK_SOUND(store);
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).value_backed_bytes, 0);
    brain_space_close(space);
    check_destroy(store);
}

/* Of each name the value that the snapshot shows, and the newest: what was put in between is given back. */
static void test_what_a_stopped_snapshot_keeps_is_named(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, CAPACITY);
    brain_space *space = check_space(store, "default");
    check_fill(data, SIZE_HELD, SEED_HELD);
    CHECK_OK(brain_put_bytes(space, "value", 5, data, SIZE_HELD));
    for (uint32_t name = 0; name < 6; name++) {
        CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, SIZE_HELD));
    }
    struct reader reader = start(path, true);
    for (uint32_t round = 0; round < n_rounds; round++) {
        CHECK_OK(brain_put_bytes(space, "value", 5, data, LIMITS_LARGEST));
        if (round % 50 == 0) {
            CHECK_U64(check_stat(store).limbo_bytes, SIZE_HELD);
        }
    }
    int err = 0;
    for (uint32_t name = 0; name < 100 && err == 0; name++) {
        CHECK_OK(name < 6 ? brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION) : 0);
        uint32_t other = 1000 + name;
        err = brain_put_bytes(space, &other, sizeof other, data, LIMITS_LARGEST);
    }
    CHECK_CODE(err, BRAIN_E_FULL);
    check_detail_names(reader, "snapshot");
    go_on(reader);
    CHECK_OK(brain_put_bytes(space, "another", 7, data, LIMITS_LARGEST));
    CHECK_SOUND(store);
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).value_backed_bytes, 0);
    brain_space_close(space);
    check_destroy(store);
}

int main(int argc, char **argv)
{
    check_begin();
    n_rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : n_rounds;
    test_what_a_stopped_reader_has_stays_and_the_rest_goes_round();
    test_what_a_stopped_snapshot_keeps_is_named();
    return 0;
}
