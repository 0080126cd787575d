/* test_view.c - what a view shows once more: by another view, or writable and private. */
#include "check.h"

#include <sys/wait.h>

static void put(brain_space *space, const char *name, const char *bytes, size_t size)
{
    CHECK_OK(brain_put_bytes(space, name, strlen(name), bytes, size));
}

static brain_view get(brain_space *space, const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    return view;
}

/* Small values lie in a slot beside others, large ones in pages of their own. */
static void test_what_is_written_stays_here(brain_space *space, size_t size)
{
    static char bytes[300000];
    void *data;
    memset(bytes, 'a', sizeof bytes);
    put(space, "x", bytes, size);
    put(space, "y", bytes, size);
    brain_view view = get(space, "x"), other = get(space, "y"), again;
    CHECK_OK(brain_view_private(&view, &data));
    CHECK(data != view.data && (uintptr_t)data % 8 == (uintptr_t)view.data % 8);
    CHECK(memcmp(data, bytes, size) == 0);
    memset(data, 'b', size);
    again = get(space, "x");
    CHECK(memcmp(view.data, bytes, size) == 0 && memcmp(again.data, bytes, size) == 0);
    CHECK(memcmp(other.data, bytes, size) == 0);
    brain_view_drop(&again);
    brain_private_free(data, size);
    brain_view_drop(&other);
    brain_view_drop(&view);
}

static void test_it_outlives_the_name_and_the_store(const char *path)
{
    static char bytes[100000];
    brain_store *store = check_open(path, 4 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    void *data;
    put(space, "x", bytes, sizeof bytes);
    brain_view view = get(space, "x");
    CHECK_OK(brain_view_private(&view, &data));
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
    brain_space_close(space);
    check_destroy(store);
    CHECK(memcmp(data, bytes, sizeof bytes) == 0);
    memset(data, 1, sizeof bytes);
    brain_private_free(data, view.size_bytes);
    brain_view_drop(&view);
}

static void test_a_child_has_its_own(brain_space *space)
{
    static char bytes[100000];
    int status;
    char *data;
    put(space, "x", bytes, sizeof bytes);
    brain_view view = get(space, "x");
    CHECK_OK(brain_view_private(&view, (void **)&data));
    data[0] = 1;
    pid_t pid = fork();
    CHECK_SYS(pid);
    if (pid == 0) {
        CHECK(data[0] == 1 && data[1] == 0);
        data[1] = 2;
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(data[1] == 0);
    brain_private_free(data, view.size_bytes);
    brain_view_drop(&view);
}

static void test_what_cannot_be_mapped(brain_space *space)
{
    brain_view view = { .size_bytes = 5 };
    void *data;
    CHECK_CODE(brain_view_private(&view, &data), BRAIN_E_INVAL);
    put(space, "x", "", 0);
    view = get(space, "x");
    CHECK_OK(brain_view_private(&view, &data));
    CHECK(data != NULL);
    brain_private_free(data, 0);
    brain_private_free(NULL, 0);
    brain_view_drop(&view);
}

/* ---- a second view */

static void test_each_view_keeps_the_value(brain_store *store, brain_space *space, size_t size)
{
    static char old[300000], new[300000];
    memset(old, 'a', size);
    memset(new, 'b', size);
    put(space, "x", old, size);
    brain_view view = get(space, "x"), copy, third;
    CHECK_OK(brain_view_dup(&view, &copy));
    CHECK(copy.data == view.data && copy.pin != view.pin && copy.version == view.version);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
    brain_view_drop(&view);
    CHECK_OK(brain_view_dup(&copy, &third)); /* of what is out of the index */
    brain_view_drop(&copy);
    for (int i = 0; i < 2000; i++) { /* would take its place */
        put(space, "y", new, size);
    }
    CHECK_OK(brain_trim(store, NULL));
    CHECK(memcmp(third.data, old, size) == 0);
    brain_view_drop(&third);
}

static void test_there_is_no_second_of_none(void)
{
    brain_view view = { .size_bytes = 5 }, copy;
    CHECK_CODE(brain_view_dup(&view, &copy), BRAIN_E_INVAL);
}

int main(void)
{
    check_begin();
    const char *path = check_path();
    brain_store *store = check_open(path, 4 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    test_what_is_written_stays_here(space, 5);
    test_what_is_written_stays_here(space, 300000);
    test_a_child_has_its_own(space);
    test_what_cannot_be_mapped(space);
    test_each_view_keeps_the_value(store, space, 100);
    test_each_view_keeps_the_value(store, space, 300000);
    test_there_is_no_second_of_none();
    brain_space_close(space);
    check_destroy(store);
    test_it_outlives_the_name_and_the_store(path);
    return 0;
}
