/* test_removed.c - a store is removed at a bad moment for somebody else.
 *
 * Some calls open a file of the store by its name once more: to become a client, to make the file longer. In
 * that very moment the store is destroyed. Who is about to open it has to come to its successor, or to hear
 * that there is none; any other has to hear that it was destroyed. open() is wrapped by the linker
 * (tests/meson.build).
 */
#include "../unit/check.h"

#include <fcntl.h>
#include <stdarg.h>

static brain_store *victim;    /* to be destroyed */
static const char *armed_file; /* when this is opened */

static void before_open(const char *path)
{
    const char *name = strrchr(path, '/');
    if (armed_file != NULL && name != NULL && strcmp(name, armed_file) == 0) {
        armed_file = NULL;
        CHECK_OK(brain_destroy(victim));
    }
}

#define WRAP(name)                                                                                    \
    int __real_##name(const char *path, int flags, ...);                                              \
    int __wrap_##name(const char *path, int flags, ...);                                              \
    int __wrap_##name(const char *path, int flags, ...)                                               \
    {                                                                                                 \
        va_list args;                                                                                 \
        va_start(args, flags);                                                                        \
        int mode = flags & O_CREAT ? va_arg(args, int) : 0;                                           \
        va_end(args);                                                                                 \
        before_open(path);                                                                            \
        return __real_##name(path, flags, mode);                                                      \
    }

WRAP(open)
WRAP(open64)

static void make_victim(const char *path)
{
    victim = check_open(path, CHECK_MIB);
}

static void check_was_destroyed(void)
{
    CHECK(armed_file == NULL);
    brain_close(victim);
}

/* While it maps the files / when it has mapped them, and becomes a client. */
static const char *const MOMENTS[] = { "/data", "/clients" };

static void test_its_successor_is_opened(const char *path, const char *moment)
{
    make_victim(path);
    armed_file = moment;
    brain_store *store = check_open(path, 2 * CHECK_MIB);
    check_was_destroyed();
    uint64_t capacity, live;
    CHECK_OK(brain_usage(store, &capacity, &live));
    CHECK_U64(capacity, 2 * CHECK_MIB);
    check_destroy(store);
}

static void test_none_is_made_where_none_shall_be(const char *path, const char *moment)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    options.flags = BRAIN_OPEN_EXISTING;
    make_victim(path);
    armed_file = moment;
    CHECK_CODE(brain_open(path, &options, &store), BRAIN_E_NOT_FOUND);
    check_was_destroyed();
}

static void test_a_put_that_needs_room_says_so(const char *path)
{
    static char bytes[16 * CHECK_MIB]; /* more than the file has room for at first */
    make_victim(path);
    CHECK_OK(brain_resize(victim, 64 * CHECK_MIB));
    brain_store *store = check_open(path, 0);
    brain_space *space = check_space(store, "default");
    armed_file = "/data";
    CHECK_CODE(brain_put_bytes(space, "a", 1, bytes, sizeof bytes), BRAIN_E_DESTROYED);
    check_was_destroyed();
    brain_space_close(space);
    brain_close(store);
}

int main(void)
{
    check_begin();
    const char *path = check_path_in("/dev/shm");
    for (int i = 0; i < 2; i++) {
        test_its_successor_is_opened(path, MOMENTS[i]);
        test_none_is_made_where_none_shall_be(path, MOMENTS[i]);
    }
    test_a_put_that_needs_room_says_so(path);
    return 0;
}
