/* subject.c - the store under test, and the folder where others are made. */
#include "subject.h"

#include <dirent.h>

#include "../unit/check.h"

struct subject subject;

void subject_begin(void)
{
    kit_path(subject.path, "a store");
    kit_path(subject.home, "made here");
    kit_path(subject.link, "a link");
    CHECK_SYS(mkdir(subject.home, 0700));
}

int subject_note(int err)
{
    if (err != 0) {
        snprintf(subject.said, sizeof subject.said, "%s", brain_error_detail());
    }
    return err;
}

size_t subject_size(uint32_t i)
{
    static const size_t sizes[] = { 0, 10, 300, 2000, 5000, 100000 };
    return sizes[i % 6];
}

int subject_put(brain_space *where, const void *name, size_t len, size_t size, uint64_t seed)
{
    check_fill(subject.data, size, seed);
    return brain_put_bytes(where, name, len, subject.data, size);
}

void subject_check_value(brain_space *where, const void *name, size_t len, size_t size,
                         uint64_t seed)
{
    brain_view view;
    CHECK_OK(brain_get(where, name, len, &view));
    CHECK(view.size_bytes == size && check_is_filled(view.data, size, seed));
    brain_view_drop(&view);
}

void subject_set_up(void)
{
    subject.store = check_open(subject.path, 16 * CHECK_MIB);
    subject.space = check_space(subject.store, "default");
    subject.other = check_space(subject.store, "other");
    for (uint32_t i = 0; i < SUBJECT_VALUES; i++) {
        CHECK_OK(subject_put(subject.space, &i, sizeof i, subject_size(i), i));
    }
}

void subject_tear_down(void)
{
    brain_space_close(subject.space);
    brain_space_close(subject.other);
    check_destroy(subject.store);
}

int subject_count_made(void)
{
    int n = -2;
    DIR *dir = opendir(subject.home);
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

const char *subject_made_path(void)
{
    static char text[260];
    snprintf(text, sizeof text, "%.250s/made", subject.home);
    return text;
}
