/* test_many_names.c - very many names: put, got, walked, listed, and gone with their namespace.
 *
 *     test_many_names [NAMES]       100,000; for 10,000,000 it takes 2 GB of memory
 *
 * Says what a name takes.
 */
#include "limits.h"

static uint32_t n_names = 100000;

static size_t name_of(uint32_t i, char name[32])
{
    return (size_t)snprintf(name, 32, "name %u", (unsigned)i);
}

static uint64_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static void put_all(brain_space *space)
{
    char name[32];
    for (uint32_t i = 0; i < n_names; i++) {
        uint64_t value = check_mix(i);
        CHECK_OK(brain_put_bytes(space, name, name_of(i, name), &value, sizeof value));
    }
}

static void get_some(brain_space *space)
{
    char name[32];
    for (uint32_t n = 0; n < 200000; n++) {
        uint32_t i = (uint32_t)check_below(n_names);
        uint64_t value;
        size_t size;
        CHECK_OK(
            brain_get_copy(space, name, name_of(i, name), &value, sizeof value, &size, NULL, NULL));
        CHECK(size == sizeof value && value == check_mix(i));
        CHECK_CODE(brain_exists(space, name, name_of(n_names + i, name), NULL), BRAIN_E_NOT_FOUND);
    }
}

/* Each exactly once. */
static void walk(brain_space *space)
{
    uint8_t *seen = calloc(n_names, 1);
    CHECK(seen != NULL);
    brain_iter *iter;
    const void *name;
    size_t len;
    uint32_t n = 0;
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    int err;
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        char text[32];
        CHECK(len > 5 && len < sizeof text);
        memcpy(text, name, len);
        text[len] = '\0';
        uint32_t i = (uint32_t)strtoul(text + 5, NULL, 10);
        CHECK(i < n_names && !seen[i]);
        seen[i] = 1;
        n++;
        if (n % 1000 == 0) {
            brain_view view;
            uint64_t value;
            CHECK_OK(brain_iter_get(iter, &view));
            memcpy(&value, view.data, sizeof value);
            CHECK(value == check_mix(i));
            brain_view_drop(&view);
        }
    }
    CHECK_CODE(err, BRAIN_E_NOT_FOUND);
    CHECK_U64(n, n_names);
    brain_iter_free(iter);
    free(seen);
}

static void remove_all(brain_store *store, brain_space *space)
{
    uint64_t n;
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, 0);
    CHECK_U64(check_live(store), 0);
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_objects, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = check_new_seed();
    n_names = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : n_names;
    brain_store *store = check_open(check_path(), 1 << 30);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_space_create(space));
    uint64_t before = check_stat(store).physical_bytes, start = seconds();
    put_all(space);
    uint64_t bytes = check_stat(store).physical_bytes - before;
    printf("%u names with 8 bytes each: %llu bytes a name; put in %llu s\n", n_names,
           (unsigned long long)(bytes / n_names), (unsigned long long)(seconds() - start));
    fflush(stdout);
    CHECK(bytes / n_names < 200); /* README.md says 130 */
    CHECK_U64(check_live(store), n_names * (uint64_t)8);
    get_some(space);
    walk(space);
    CHECK_SOUND(store);
    start = seconds();
    remove_all(store, space);
    printf("removed in %llu s\n", (unsigned long long)(seconds() - start));
    put_all(space); /* into what the first ones left */
    uint64_t again = check_stat(store).physical_bytes - before;
    printf("put once more they take %llu bytes a name\n", (unsigned long long)(again / n_names));
    CHECK(again <= bytes + bytes / 20);
    get_some(space);
    remove_all(store, space);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
    return 0;
}
