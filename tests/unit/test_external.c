/* test_external.c - Plasma objects that are evicted to files (plasma/external.h): who evicts, who gets, who deletes and
 * who dies, each in an order that the test chooses.
 */
#include "check.h"

#include <dirent.h>

/* Their parts, one by one; each has some of the same name. */
#define append    evict_append
#define take_room recall_take_room
#include "../../plasma/evict.c"
#include "../../plasma/recall.c"
#include "plasma/create.h"
#undef LOOKS
#undef MOMENT_NS
#include "../../plasma/remove.c"

#define SIZE 30000u

static brain_store *store;
static struct pl_store objects;
static struct pl_external external;
static char directory[] = "/tmp/brain-test-external-XXXXXX";
static const char *path;
static uint8_t data[SIZE];
static const uint8_t id[BRAIN_ID_BYTES] = "object number one";

static void begin(void)
{
    path = check_path();
    store = check_open(path, CHECK_MIB);
    CHECK_OK(pl_store_open(store, &objects));
    CHECK_OK(pl_external_give(&objects, directory, &external));
}

static void end(void)
{
    CHECK_SOUND(store);
    pl_external_destroy(&external);
    CHECK(access(external.folder, F_OK) != 0);
    pl_store_close(&objects);
    check_destroy(store);
    check_n_paths--; /* nothing is left there */
}

static void put(void)
{
    const brain_part part = { .data = data, .size_bytes = SIZE };
    const brain_value value = {
        .kind = 7, .n_parts = 1, .parts = &part, .meta = "meta", .meta_len = 4
    };
    CHECK_OK(pl_create_put(&objects, id, &value, 100, true));
}

static unsigned n_files(void)
{
    unsigned n = 0;
    DIR *folder = opendir(external.folder);
    CHECK(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(folder);
    return n;
}

static bool is_away(void)
{
    struct pl_object info;
    return find_away(&objects, id, &info) == 0;
}

static void check_is_there(void)
{
    brain_view view;
    struct pl_object info;
    CHECK_OK(pl_use_is_there(&objects, id, NULL));
    CHECK_OK(pl_recall_get(&objects, id, &view, &info));
    CHECK(view.size_bytes == SIZE && memcmp(view.data, data, SIZE) == 0);
    CHECK(view.kind == 7 && view.meta_len == 4 && memcmp(view.meta, "meta", 4) == 0);
    CHECK(info.is_sealed && info.meta_bytes == 100);
    pl_use_drop(&objects, &view);
    CHECK(!is_away());
}

static void check_is_gone(void)
{
    brain_view view;
    struct pl_object info;
    CHECK_CODE(pl_use_is_there(&objects, id, NULL), BRAIN_E_NOT_FOUND);
    CHECK_CODE(pl_recall_get(&objects, id, &view, &info), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_exists(objects.space, id, BRAIN_ID_BYTES, NULL), BRAIN_E_NOT_FOUND);
}

static void evict_it(void)
{
    uint64_t freed = 0;
    CHECK_OK(pl_evict_some(&objects, UINT64_MAX, false, &freed));
    CHECK_U64(freed, SIZE);
    CHECK(is_away());
}

/* ---- an evictor's steps */

struct evictor {
    struct list list;
    struct few few;
    uint64_t freed;
};

static void begin_evicting(struct evictor *evictor)
{
    memset(evictor, 0, sizeof *evictor);
    CHECK_OK(collect(&objects, &evictor->list, &evictor->freed));
    CHECK_U64(evictor->list.n, 1);
    CHECK_OK(new_mark(&objects, &evictor->few.mark));
    mark(&objects, &evictor->list.victims[0], &evictor->few);
    CHECK_U64(evictor->few.n, 1);
    CHECK_OK(look_at_pins(&objects, &evictor->few));
    CHECK(evictor->few.is_free[0]);
}

static void settle_it(struct evictor *evictor, uint64_t freed)
{
    CHECK_OK(settle(&objects, &external, &evictor->few, 0, &evictor->freed));
    CHECK_U64(evictor->freed, freed);
    free(evictor->list.victims);
}

/* ---- */

static void check_there_and_back(void)
{
    begin();
    put();
    for (int i = 0; i < 3; i++) {
        evict_it();
        CHECK_U64(check_live(store), 0);
        CHECK_U64(n_files(), 1);
        check_is_there();
        CHECK_U64(n_files(), 0);
    }
    evict_it();
    CHECK_OK(pl_remove_object(&objects, id));
    check_is_gone();
    CHECK_U64(n_files(), 0);
    end();
}

static void check_who_gets_it_before_keeps_it(void)
{
    struct evictor evictor;
    brain_view view;
    struct pl_object info;
    begin();
    put();
    begin_evicting(&evictor);
    CHECK_OK(pl_use_get(&objects, id, &view, &info));
    settle_it(&evictor, 0);
    CHECK(!is_away());
    CHECK(brain_view_note(&view) < PL_NOTE_DOOMED); /* no mark is left */
    pl_use_drop(&objects, &view);
    CHECK_OK(pl_external_sweep(&objects));
    check_is_there();
    end();
}

/* The one who is late leaves the file, which is what stands for the object by then. */
static void check_two_at_once(void)
{
    struct evictor first, second;
    for (int order = 0; order < 2; order++) {
        begin();
        put();
        begin_evicting(&first);
        begin_evicting(&second); /* a mark in place of the first's */
        if (order == 0) CHECK_OK(pl_external_write(&external, &objects, &first.few.view[0]));
        settle_it(&second, SIZE);
        settle_it(&first, 0);
        CHECK(is_away());
        CHECK_OK(pl_external_sweep(&objects));
        check_is_there();
        end();
    }
}

/* Whoever deletes it while it is on its way: before, in, and after the moment in which it goes. */
static void check_deletions(void)
{
    for (int moment = 0; moment < 4; moment++) {
        struct evictor evictor;
        brain_view view;
        begin();
        put();
        begin_evicting(&evictor);
        CHECK_OK(brain_get(objects.space, id, BRAIN_ID_BYTES, &view));
        const struct pl_last last = pl_object_last(&view);
        CHECK_OK(pl_external_write(&external, &objects, &evictor.few.view[0]));
        if (moment == 0) {
            CHECK(doom(&view));
            brain_view_drop(&view);
            CHECK_OK(delete_if_unused(&objects, &last)); /* the evictor has a view */
            CHECK_CODE(put_stand_in(&objects, &evictor.few, 0), BRAIN_E_STALE);
        } else {
            CHECK_OK(put_stand_in(&objects, &evictor.few, 0));
            if (moment == 1) CHECK(doom(&view));
            brain_view_drop(&view);
            if (moment == 2) CHECK_OK(pl_remove_object(&objects, id));
        }
        pl_remove_put_back(&objects, &evictor.few.view[0]);
        if (moment == 3) CHECK_OK(pl_remove_object(&objects, id));
        free(evictor.list.victims);
        check_is_gone();
        CHECK_OK(pl_external_sweep(&objects));
        CHECK_U64(n_files(), 0);
        end();
    }
}

/* Who has brought it back removes its file when it was evicted again: that has another name. */
static void check_evicted_again(void)
{
    struct pl_object info;
    struct pl_external none = { .is_there = true, .folder = "/nonexistent" };
    struct pl_external_file file;
    brain_object *object;
    begin();
    put();
    evict_it();
    CHECK_OK(find_away(&objects, id, &info));
    CHECK_OK(pl_external_open(&external, &objects, id, info.file_version, &file));
    CHECK_OK(recall_take_room(&objects, SIZE, &object));
    CHECK_OK(pl_external_read(&file, brain_object_data(object)));
    CHECK_OK(seal(&objects, object, id, &info, &file));
    brain_object_release(object);
    evict_it();
    CHECK_U64(n_files(), 2);
    CHECK_OK(pl_external_sweep(&objects));
    CHECK_U64(n_files(), 1);
    pl_external_remove(&external, id, info.file_version);
    pl_external_remove(&none, id, info.file_version);
    check_is_there();
    end();
}

/* Two get it: the second finds what he wants to replace gone, or the file. */
static void check_two_get_it(void)
{
    struct pl_object info, info_out;
    brain_view view;
    for (int is_late = 0; is_late < 2; is_late++) {
        struct pl_external_file file;
        brain_object *object;
        begin();
        put();
        evict_it();
        CHECK_OK(find_away(&objects, id, &info));
        if (is_late) {
            check_is_there();
            CHECK_CODE(bring_back(&objects, &external, id, &info, &view, &info_out),
                       BRAIN_E_NOT_FOUND);
            CHECK(!is_as_before(&objects, id, info.version));
        } else {
            CHECK_OK(pl_external_open(&external, &objects, id, info.file_version, &file));
            check_is_there();
            CHECK_OK(recall_take_room(&objects, SIZE, &object));
            CHECK_OK(pl_external_read(&file, brain_object_data(object)));
            CHECK_CODE(seal(&objects, object, id, &info, &file), BRAIN_E_STALE);
            brain_object_release(object);
        }
        check_is_there();
        end();
    }
}

/* Killed before its stand-in is put: the object is there, and the file goes once it is another. */
static void check_dead_evictor(void)
{
    begin();
    put();
    pid_t pid = check_fork();
    if (pid == 0) {
        struct evictor evictor;
        CHECK_OK(pl_store_open(check_open(path, 0), &objects));
        begin_evicting(&evictor);
        CHECK_OK(pl_external_write(&external, &objects, &evictor.few.view[0]));
        CHECK_SYS(raise(SIGKILL));
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    CHECK_OK(pl_external_sweep(&objects));
    CHECK_U64(n_files(), 1); /* nobody can tell that he is dead */
    CHECK_OK(pl_use_is_there(&objects, id, NULL));
    evict_it();
    check_is_there();
    CHECK_OK(pl_remove_object(&objects, id));
    CHECK_OK(pl_external_sweep(&objects));
    CHECK_U64(n_files(), 0);
    end();
}

/* Nothing but what is ours is swept, and nothing that is of use. */
static void check_sweep(void)
{
    char name[sizeof external.folder + 100];
    begin();
    put();
    evict_it();
    snprintf(name, sizeof name, "%s/notes.txt", external.folder);
    CHECK_SYS(close(open(name, O_CREAT | O_WRONLY, 0600)));
    CHECK_OK(pl_external_sweep(&objects));
    CHECK_U64(n_files(), 2);
    CHECK_SYS(unlink(name));
    snprintf(name, sizeof name, "%s/.%040d-%016d.17.0", external.folder, 0, 1);
    CHECK_SYS(close(open(name, O_CREAT | O_WRONLY, 0600)));
    CHECK_U64(n_files(), 2);
    CHECK_OK(pl_external_sweep(&objects));
    CHECK_U64(n_files(), 1);
    check_is_there();
    end();
}

/* A file that cannot be as large, as on a disk that is full: the object stays, and nothing is left of the file. */
static void check_no_room_for_the_file(void)
{
    begin();
    put();
    pid_t pid = check_fork();
    if (pid == 0) {
        const struct rlimit limit = { SIZE / 2, SIZE / 2 };
        uint64_t freed = 0;
        unsigned tried = 0;
        CHECK_OK(pl_store_open(check_open(path, 0), &objects));
        CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
        CHECK_CODE(pl_evict_some(&objects, 1, false, &freed), PL_E_EXTERNAL);
        CHECK_U64(freed, 0);
        CHECK(strstr(pl_external_detail(), "cannot write the 30000 bytes") != NULL);
        CHECK(!pl_evict_make_room(&objects, CHECK_MIB - 100, &tried));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_U64(n_files(), 0);
    CHECK(!is_away());
    check_is_there();
    evict_it();
    check_is_there();
    end();
}

static void check_given_once(void)
{
    struct pl_external again;
    begin();
    CHECK_OK(pl_external_give(&objects, directory, &again));
    CHECK_CODE(pl_external_give(&objects, "/tmp", &again), BRAIN_E_EXISTS);
    CHECK(strcmp(again.folder, external.folder) == 0);
    char other[sizeof external.folder];
    snprintf(other, sizeof other, "/tmp%s", strrchr(external.folder, '/'));
    CHECK_SYS(rmdir(other));
    end();
}

/* A folder that is there already has to be ours alone. */
static void check_whose_folder(void)
{
    struct pl_external again;
    begin();
    CHECK_SYS(chmod(external.folder, 0770));
    CHECK_CODE(pl_external_give(&objects, directory, &again), PL_E_EXTERNAL);
    CHECK(strstr(pl_external_detail(), "no folder of this user's alone") != NULL);
    CHECK_SYS(chmod(external.folder, 0700));
    if (geteuid() == 0) {
        CHECK_SYS(chown(external.folder, 12345, 12345));
        CHECK_CODE(pl_external_give(&objects, directory, &again), PL_E_EXTERNAL);
        CHECK_SYS(chown(external.folder, 0, 0));
    }
    CHECK_OK(pl_external_give(&objects, directory, &again));
    end();
}

static void remove_directory(void)
{
    if (getpid() == check_main) {
        pl_external_destroy(&external);
        (void)rmdir(directory);
    }
}

int main(void)
{
    check_begin();
    CHECK(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    check_fill(data, sizeof data, 1);
    check_there_and_back();
    check_who_gets_it_before_keeps_it();
    check_two_at_once();
    check_deletions();
    check_evicted_again();
    check_two_get_it();
    check_dead_evictor();
    check_sweep();
    check_no_room_for_the_file();
    check_given_once();
    check_whose_folder();
    return 0;
}
