/* test_view.c - what a view shows once more: by another view, or writable and private. */
#include "check.h"

#include "store.h"

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
    /* Nor what lies outside the store, before it or behind it. */
    const uint8_t *map = view.store->view;
    brain_view odd = view;
    odd.size_bytes = 16;
    odd.data = map - 16;
    data = NULL;
    CHECK_CODE(brain_view_private(&odd, &data), BRAIN_E_INVAL);
    odd.data = map + bn_load_acquire(&view.store->map->mapped_bytes) - 8;
    CHECK_CODE(brain_view_private(&odd, &data), BRAIN_E_INVAL);
    CHECK_DETAIL("not pinned");
    CHECK(data == NULL);
    brain_view_drop(&view);
}

/* ---- a copy instead */

/* Where the buffer has no room for value, name and 24 bytes it is a view; nothing behind the room is written. */
static void test_a_copy_stays_in_its_buffer(brain_space *space)
{
    static const size_t sizes[] = { 0, 1, 8, 100, 255 };
    static char bytes[255];
    _Alignas(8) char buf[400];
    memset(bytes, 'a', sizeof bytes);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t size = sizes[s], need = (size + 6 + 7) / 8 * 8 + 24;
        put(space, "copied", bytes, size);
        for (size_t room = 0; room <= need; room += 8) {
            brain_hint hint = { 0 };
            for (int i = 0; i < 3; i++) { /* by its name; and by a hint, which the first notes */
                brain_view view;
                memset(buf, 'z', sizeof buf);
                CHECK_OK(
                    brain_get_or_copy(space, "copied", 6, i == 0 ? NULL : &hint, buf, room, &view));
                CHECK_U64(view.size_bytes, size);
                CHECK(memcmp(view.data, bytes, size) == 0);
                CHECK(i > 0 || (view.data == buf) == (room >= need));
                for (size_t at = room; at < sizeof buf; at++) {
                    CHECK(buf[at] == 'z');
                }
                brain_view_drop(&view);
            }
        }
    }
    CHECK_OK(brain_delete(space, "copied", 6, BRAIN_ANY_VERSION));
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

/* ---- by an address */

static const uint8_t *byte_of(const brain_view *view, uint64_t i)
{
    return (const uint8_t *)view->data + i;
}

static void check_at(brain_store *store, const brain_view *view, uint64_t i)
{
    brain_view at;
    CHECK_OK(brain_view_at(store, byte_of(view, i), &at));
    CHECK(at.data == view->data && at.size_bytes == view->size_bytes &&
          (at.store != view->store || at.pin != view->pin));
    CHECK(at.version == view->version && at.object == view->object && at.kind == view->kind);
    CHECK(at.name_len == 1 && memcmp(at.name, view->name, 1) == 0 && at.tag == 0);
    brain_view_drop(&at);
}

static void check_not_at(brain_store *store, const void *address)
{
    brain_view at = { .tag = 77 };
    CHECK_CODE(brain_view_at(store, address, &at), BRAIN_E_NOT_FOUND);
    CHECK(at.tag == 77);
}

/* All around are other values, so that what lies next to it is none of its. */
static void test_each_byte_leads_to_its_value(brain_store *store, brain_space *space, size_t size)
{
    static char bytes[300000];
    put(space, "a", bytes, size);
    put(space, "x", bytes, size);
    put(space, "z", bytes, size);
    brain_view view = get(space, "x");
    for (uint64_t i = 0; i < size; i += size < 5000 ? 1 : 4095) {
        check_at(store, &view, i);
    }
    check_at(store, &view, size - 1);
    check_not_at(store, byte_of(&view, size));
    check_not_at(store, byte_of(&view, (uint64_t)-1));
    check_not_at(store, view.name);
    brain_view_drop(&view);
    check_not_at(store, byte_of(&view, 0)); /* nobody has a view of it any more */
}

static void test_an_address_that_is_none_of_the_store(brain_store *store)
{
    int here = 0;
    check_not_at(store, NULL);
    check_not_at(store, &here);
    check_not_at(store, (const void *)UINTPTR_MAX);
    check_not_at(store, brain_path(store));
    /* In the store, and of no value: records, heads of slabs, lines of no class, pages of nobody. */
    check_not_at(store, store->view);
    for (int region = 0; region < BN_N_REGIONS; region++) {
        check_not_at(store, bn_region_view(store, (enum bn_region)region));
        check_not_at(store, bn_region_view(store, (enum bn_region)region) +
                                bn_load_acquire(&store->state_view->backed[region]));
    }
    check_not_at(store, store->view + bn_load_acquire(&store->map->mapped_bytes) - 1);
    check_not_at(store, store->view + bn_load_acquire(&store->map->mapped_bytes));
}

static void test_what_has_left_the_index_is_found(brain_store *store, brain_space *space,
                                                  size_t size)
{
    static char old[300000], new[300000];
    brain_view at, again;
    memset(old, 'a', size);
    memset(new, 'b', size);
    put(space, "x", old, size);
    brain_view view = get(space, "x");
    put(space, "x", new, size);
    check_at(store, &view, size / 2);
    brain_view other = get(space, "x");
    check_at(store, &other, size / 2);
    brain_view_drop(&other);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_view_at(store, byte_of(&view, size / 2), &at));
    brain_view_drop(&view);
    CHECK_OK(brain_view_at(store, byte_of(&at, size - 1), &again));
    brain_view_drop(&at);
    for (int i = 0; i < 2000; i++) { /* would take its place */
        put(space, "y", new, size);
    }
    CHECK_OK(brain_trim(store, NULL));
    CHECK(memcmp(again.data, old, size) == 0);
    brain_view_drop(&again);
}

static void test_its_namespace_may_be_gone(brain_store *store, size_t size)
{
    static char bytes[300000];
    brain_space *gone = check_space(store, "gone");
    put(gone, "x", bytes, size);
    brain_view view = get(gone, "x");
    CHECK_OK(brain_space_remove(gone));
    CHECK_OK(brain_trim(store, NULL));
    check_at(store, &view, size / 2);
    brain_view_drop(&view);
    brain_space_close(gone);
}

static void test_another_handle_of_the_process(brain_store *store, brain_space *space,
                                               const char *path, size_t size)
{
    static char bytes[300000];
    brain_store *second = check_open(path, 0),
                *reader = check_open_with(path, 0, BRAIN_OPEN_READ_ONLY);
    brain_space *by_second = check_space(second, "default");
    put(space, "x", bytes, size);
    brain_view view = get(space, "x"), at;
    check_at(second, &view, size / 2);
    check_not_at(reader, byte_of(&view, 0)); /* has a mapping of its own */
    brain_view_drop(&view);
    view = get(by_second, "x");
    check_at(store, &view, size / 2);
    CHECK_OK(brain_view_at(store, byte_of(&view, 0), &at));
    brain_space_close(by_second);
    brain_close(second); /* its view keeps it */
    check_at(store, &view, size / 2);
    brain_view_drop(&view);
    check_at(store, &at, size / 2);
    brain_view_drop(&at);
    brain_close(reader);
}

static void test_an_object_that_is_being_written(brain_store *store, brain_space *space)
{
    brain_object *first, *second;
    CHECK_OK(brain_create_in_place(store, 100000, &first));
    CHECK_OK(brain_create_in_place(store, 100000, &second));
    check_not_at(store, brain_object_data(first));
    brain_value value = { .kind = BRAIN_KIND_RAW };
    CHECK_OK(brain_object_seal(first, space, "x", 1, &value, BRAIN_ANY_VERSION, NULL));
    check_not_at(store, brain_object_data(first)); /* as they wrote it, and not as it is read */
    brain_view view = get(space, "x");
    check_at(store, &view, 99999);
    /* Both are as far apart in the one mapping as in the other. */
    check_not_at(store, byte_of(&view, (uintptr_t)brain_object_data(second) -
                                           (uintptr_t)brain_object_data(first)));
    brain_view_drop(&view);
    brain_object_release(first);
    brain_object_release(second);
}

static void test_in_a_child(brain_store *store, brain_space *space, const char *path, size_t size)
{
    static char bytes[300000];
    put(space, "x", bytes, size);
    brain_view view = get(space, "x");
    pid_t pid = check_fork();
    if (pid == 0) {
        check_at(store, &view, size / 2);
        brain_store *own = check_open(path, 0);
        check_at(own, &view, size / 2);
        brain_close(own);
        CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
        check_at(store, &view, size / 2);
        brain_view_drop(&view);
        check_not_at(store, byte_of(&view, size / 2)); /* its parent's view is not its own */
        _exit(0);
    }
    CHECK_CHILD(pid);
    check_at(store, &view, size / 2);
    brain_view_drop(&view);
}

/* Another process replaces the value all the time: what is found is what this one has, whole. */
static void test_while_another_process_replaces_it(brain_store *store, brain_space *space,
                                                   const char *path)
{
    static char bytes[20000];
    put(space, "x", bytes, 1);
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *own = check_open(path, 0);
        brain_space *of_own = check_space(own, "default");
        for (uint64_t i = 0;; i++) {
            memset(bytes, (int)(i & 0xff), sizeof bytes);
            put(of_own, "x", bytes,
                1 + (size_t)(check_mix(i) % (i % 3 == 0 ? sizeof bytes : 2000)));
        }
    }
    for (uint64_t i = 0; i < 20000; i++) {
        brain_view view = get(space, "x"), at;
        CHECK_OK(brain_view_at(store, byte_of(&view, check_mix(i) % view.size_bytes), &at));
        CHECK(at.version == view.version && at.data == view.data);
        uint64_t size = view.size_bytes;
        brain_view_drop(&view);
        CHECK(at.size_bytes == size);
        CHECK(memcmp(at.data, byte_of(&at, 1), (size_t)size - 1) ==
              0); /* all bytes are the first */
        brain_view_drop(&at);
    }
    check_kill(pid);
}

static void test_by_an_address(brain_store *store, brain_space *space, const char *path)
{
    static const size_t sizes[] = { 1, 100, 255, 256, 1900, 4096, 4097, 300000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        test_each_byte_leads_to_its_value(store, space, sizes[i]);
    }
    for (size_t size = 100; size <= 100000; size *= 1000) {
        test_what_has_left_the_index_is_found(store, space, size);
        test_its_namespace_may_be_gone(store, size);
        test_another_handle_of_the_process(store, space, path, size);
        test_in_a_child(store, space, path, size);
    }
    test_an_address_that_is_none_of_the_store(store);
    test_an_object_that_is_being_written(store, space);
    test_while_another_process_replaces_it(store, space, path);
    CHECK_SOUND(store);
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
    test_a_copy_stays_in_its_buffer(space);
    test_each_view_keeps_the_value(store, space, 100);
    test_each_view_keeps_the_value(store, space, 300000);
    test_there_is_no_second_of_none();
    test_by_an_address(store, space, path);
    brain_space_close(space);
    check_destroy(store);
    test_it_outlives_the_name_and_the_store(path);
    return 0;
}
