/* openings.c - operations on stores as a whole: they are made, opened and destroyed. */
#include "openings.h"

#include "../unit/check.h"
#include "calls.h"
#include "subject.h"

int openings_open_again(void)
{
    brain_store *second = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(subject.path, &options, &second);
    CHECK((err == 0) == (second != NULL));
    brain_close(second);
    return err;
}

/* At `its_path`, as `options` say. The first thing that fails is said; nothing of it is left, or it is whole:
 * the last steps come after the making. */
static int make(const char *its_path, const brain_options *given)
{
    brain_store *made = NULL;
    struct stat st;
    int err = subject_note(brain_open(its_path, given, &made));
    int fail_later = calls_pause();
    if (err != 0) {
        CHECK(made == NULL);
        if (lstat(its_path, &st) == 0) {
            made = check_open_with(its_path, 0, BRAIN_OPEN_EXISTING);
        }
    }
    if (made != NULL) {
        brain_stat stat = check_stat(made);
        CHECK_SOUND(made);
        CHECK(stat.capacity_bytes >= CHECK_MIB);
        check_destroy(made);
    }
    CHECK(lstat(its_path, &st) < 0);
    calls_resume(fail_later);
    return err;
}

int openings_make(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.has_group = 1;
    options.group = (uint32_t)getegid();
    return make(subject_made_path(), &options);
}

int openings_make_default(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    return make(subject_made_path(), &options);
}

int openings_make_elsewhere(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = subject.home;
    return make(subject.link, &options);
}

/* Where the store that is there is this process's first, and so has to be mapped. */
int openings_open(void)
{
    const char *its_path = subject_made_path();
    int fail_later = calls_pause();
    brain_close(check_open(its_path, CHECK_MIB));
    calls_resume(fail_later);
    brain_store *it = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(its_path, &options, &it);
    CHECK((err == 0) == (it != NULL));
    brain_close(it);
    fail_later = calls_pause();
    check_destroy(check_open_with(its_path, 0, BRAIN_OPEN_EXISTING));
    calls_resume(fail_later);
    return err;
}

int openings_open_read_only(void)
{
    brain_store *it = NULL;
    brain_space *its = NULL;
    brain_view view;
    uint32_t name = 1;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_READ_ONLY;
    int err = brain_open(subject.path, &options, &it);
    err = err != 0 ? err : brain_space_open(it, "default", 7, &its);
    err = err != 0 ? err : brain_get(its, &name, sizeof name, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    brain_space_close(its);
    brain_close(it);
    return err;
}

/* Whoever was refused opens it anew, or finds it gone. */
int openings_destroy(void)
{
    const char *its_path = subject_made_path();
    int fail_later = calls_pause();
    brain_store *it = check_open(its_path, CHECK_MIB);
    calls_resume(fail_later);
    int err = subject_note(brain_destroy(it));
    brain_close(it);
    fail_later = calls_pause();
    if (err == 0) {
        CHECK_U64(subject_count_made(), 0);
    } else {
        it = check_open(its_path, CHECK_MIB);
        CHECK_U64(check_stat(it).n_objects, 0);
        check_destroy(it);
    }
    calls_resume(fail_later);
    return err;
}
