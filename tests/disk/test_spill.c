/* test_spill.c - values that go to files, and come back: by every call, in dumps and syncs, with damaged and hostile
 * files, a full disk, and directories that are gone. */
#include "dumps.h"

#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>

#define LARGE 300000u

static brain_store *store;
static brain_space *space;
static brain_spiller *spill;
static const char *place;
static char *folder, *files; /* the directory of all stores; that of this one */
static char bytes[2 * LARGE];

static const char *hex_of_store(void)
{
    static char hex[2 * BRAIN_STORE_ID_BYTES + 1];
    uint8_t id[BRAIN_STORE_ID_BYTES];
    brain_store_id(store, id);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    }
    return hex;
}

/* A name that no folder has yet. */
static const char *fresh_name(void)
{
    static char name[24];
    static int n;
    snprintf(name, sizeof name, "spilled%d", n++);
    return name;
}

static void begin(void)
{
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    folder = dumps_join(place, fresh_name());
    DUMP_OK(brain_spill_open(store, folder, &spill));
    files = dumps_join(folder, hex_of_store());
}

static void end(void)
{
    CHECK_SOUND(store);
    brain_spill_close(spill);
    brain_space_close(space);
    check_destroy(store);
    free(files);
    free(folder);
}

static int n_files(void)
{
    return dumps_count_files(files) - 1; /* but for `path` */
}

static uint64_t put(const char *name, char fill, size_t size)
{
    memset(bytes, fill, size);
    brain_part part = { .data = bytes, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .parts = &part,
                          .n_parts = 1,
                          .meta = "meta",
                          .meta_len = 4,
                          .description = "described",
                          .description_len = 9,
                          .created_ns = 1111 };
    uint64_t version;
    CHECK_OK(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, &version));
    return version;
}

static brain_view get(const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    return view;
}

static bool is_away(const char *name)
{
    brain_view view = get(name);
    bool is = view.kind == BRAIN_KIND_AWAY;
    brain_view_drop(&view);
    return is;
}

static void check_filled(const void *data, size_t size, char fill)
{
    const char *at = data;
    for (size_t i = 0; i < size; i++) {
        CHECK(at[i] == fill);
    }
}

static void check_recalls(const char *name, char fill, size_t size)
{
    brain_recalled recalled;
    brain_view view = get(name);
    CHECK_U64(view.kind, BRAIN_KIND_AWAY);
    DUMP_OK(brain_recall(&view, &recalled));
    CHECK_U64(recalled.kind, BRAIN_KIND_BYTES);
    CHECK_U64(recalled.size_bytes, size);
    CHECK_U64((uintptr_t)recalled.data % 4096, 0);
    brain_view_drop(&view);
    check_filled(recalled.data, size, fill);
    brain_recalled_drop(&recalled);
}

/* The path of the file of a value that is away. */
static char *file_of(const char *name)
{
    brain_view view = get(name);
    uint8_t id[BRAIN_ID_BYTES];
    char hex[2 * BRAIN_ID_BYTES + 1];
    DUMP_OK(brain_spilled_id(&view, id));
    brain_view_drop(&view);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    }
    return dumps_join(files, hex);
}

static uint64_t tidy(void)
{
    uint64_t n;
    DUMP_OK(brain_spill_tidy(spill, &n));
    return n;
}

/* ---- there and back */

static void goes_and_comes_back(void)
{
    begin();
    uint64_t first = put("first", 'a', LARGE), second = put("second", 'b', LARGE), moved, seen;
    put("small", 's', 65535);
    uint8_t id[BRAIN_ID_BYTES], its[BRAIN_ID_BYTES];
    brain_view view = get("first");
    brain_view_id(&view, id);
    brain_view_drop(&view);
    uint64_t live = check_stat(store).live_bytes;
    DUMP_OK(brain_spill(spill, NULL, 1, &moved));
    CHECK_U64(moved, LARGE);
    CHECK(is_away("first") && !is_away("second"));
    CHECK(check_stat(store).live_bytes < live - LARGE + 100);
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    check_recalls("first", 'a', LARGE);
    view = get("first");
    CHECK_U64(view.version, first);
    CHECK_U64(brain_view_created_ns(&view), 1111);
    CHECK(view.meta_len == 4 && view.description_len == 9);
    DUMP_OK(brain_spilled_id(&view, its));
    CHECK(memcmp(id, its, sizeof id) == 0); /* who has its id of before finds it by that */
    brain_view_drop(&view);
    CHECK_CODE(brain_get_by_id(store, id, &view), BRAIN_E_NOT_FOUND);
    DUMP_OK(brain_spilled_get(store, id, &view));
    CHECK_U64(view.version, first);
    brain_view_drop(&view);
    DUMP_CODE(brain_spill(spill, NULL, 2 * LARGE, &moved), BRAIN_E_NOT_FOUND);
    DUMP_DETAIL("64 KiB");
    CHECK_U64(moved, LARGE);
    CHECK(is_away("second") && !is_away("small"));
    CHECK_OK(brain_exists(space, "second", 6, &seen));
    CHECK_U64(seen, second);
    CHECK_U64(n_files(), 2);
    CHECK_U64(tidy(), 0);
    put("first", 'c', LARGE);
    CHECK_OK(brain_delete(space, "second", 6, BRAIN_ANY_VERSION));
    DUMP_CODE(brain_spilled_get(store, id, &view), BRAIN_E_NOT_FOUND);
    CHECK_U64(tidy(), 2);
    CHECK_U64(n_files(), 0);
    DUMP_CODE(brain_spilled_get(store, id, &view), BRAIN_E_NOT_FOUND);
    view = get("first");
    brain_recalled recalled;
    DUMP_CODE(brain_recall(&view, &recalled), BRAIN_E_INVAL);
    DUMP_CODE(brain_spilled_id(&view, id), BRAIN_E_INVAL);
    brain_view_drop(&view);
    end();
}

/* A value that somebody has a view of is not moved; its namespace alone is asked. */
static void what_is_viewed_stays(void)
{
    begin();
    uint64_t moved;
    brain_space *other = check_space(store, "other");
    put("held", 'a', LARGE);
    CHECK_OK(brain_put_bytes(other, "x", 1, bytes, LARGE));
    brain_view view = get("held");
    DUMP_CODE(brain_spill(spill, space, 1, &moved), BRAIN_E_NOT_FOUND);
    CHECK_U64(moved, 0);
    DUMP_OK(brain_spill(spill, NULL, 1, &moved));
    CHECK(!is_away("held"));
    brain_view_drop(&view);
    DUMP_OK(brain_spill(spill, space, 1, &moved));
    CHECK(is_away("held"));
    brain_space *hidden = check_space(store, "\xff"
                                             "plasma"); /* the library's own are nobody's to move */
    CHECK_OK(brain_put_bytes(hidden, "x", 1, bytes, LARGE));
    DUMP_CODE(brain_spill(spill, hidden, 1, &moved), BRAIN_E_NOT_FOUND);
    DUMP_CODE(brain_spill(spill, NULL, 1, &moved), BRAIN_E_NOT_FOUND);
    brain_space_close(hidden);
    brain_space_close(other);
    end();
}

/* Names and namespaces of every length that matters; what stands for a value with a longer name would not fit a slot, so it
 * stays. */
static void long_names(void)
{
    begin();
    static char name[BRAIN_NAME_MAX];
    memset(name, 'n', sizeof name);
    char space_name[BRAIN_SPACE_MAX];
    memset(space_name, 's', sizeof space_name);
    brain_space *wide;
    CHECK_OK(brain_space_open(store, space_name, sizeof space_name, &wide));
    memset(bytes, 'l', LARGE);
    const size_t lens[] = { 0, 1, 700, 1400, 1501, BRAIN_NAME_MAX };
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        CHECK_OK(brain_put_bytes(wide, name, lens[i], bytes, LARGE));
    }
    uint64_t moved;
    DUMP_CODE(brain_spill(spill, wide, 6 * LARGE, &moved), BRAIN_E_NOT_FOUND);
    CHECK_U64(moved, 4 * LARGE);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        brain_view view;
        brain_recalled recalled;
        CHECK_OK(brain_get(wide, name, lens[i], &view));
        if (lens[i] > 1500) {
            CHECK_U64(view.kind, BRAIN_KIND_BYTES);
            brain_view_drop(&view);
            continue;
        }
        DUMP_OK(brain_recall(&view, &recalled));
        check_filled(recalled.data, LARGE, 'l');
        brain_recalled_drop(&recalled);
        brain_view_drop(&view);
    }
    CHECK_U64(tidy(), 0);
    brain_space_close(wide);
    end();
}

/* ---- who still needs a file */

static void views_and_snapshots_keep_files(void)
{
    begin();
    brain_snapshot *snapshot;
    brain_recalled recalled;
    put("viewed", 'v', LARGE);
    put("seen", 's', LARGE);
    DUMP_OK(brain_spill(spill, NULL, 2 * LARGE, NULL));
    brain_view view = get("viewed"), seen;
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_delete(space, "viewed", 6, BRAIN_ANY_VERSION));
    CHECK_OK(brain_space_remove(space));
    CHECK_U64(tidy(), 0);
    CHECK_OK(brain_snapshot_get(snapshot, space, "seen", 4, &seen));
    brain_snapshot_close(snapshot);
    CHECK_U64(tidy(), 0); /* both are in view */
    DUMP_OK(brain_recall(&seen, &recalled));
    check_filled(recalled.data, LARGE, 's');
    brain_view_drop(&seen);
    CHECK_U64(tidy(), 1);
    check_filled(recalled.data, LARGE, 's'); /* what is mapped stays */
    brain_recalled_drop(&recalled);
    DUMP_OK(brain_recall(&view, &recalled));
    check_filled(recalled.data, LARGE, 'v');
    brain_recalled_drop(&recalled);
    brain_view_drop(&view);
    CHECK_U64(tidy(), 1);
    CHECK_U64(n_files(), 0);
    end();
}

/* ---- dumps and homes */

static void dumps_and_syncs_read_files(void)
{
    begin();
    char *dump = dumps_join(place, "all.brain"), *home = dumps_join(place, "home");
    brain_sync_result synced;
    uint64_t version = put("away", 'w', LARGE), seen;
    put("there", 't', 100);
    DUMP_OK(brain_sync(store, home, NULL, NULL));
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    CHECK(is_away("away"));
    DUMP_OK(brain_sync(store, home, NULL, &synced));
    CHECK_U64(synced.n_written, 0); /* nothing has changed */
    DUMP_OK(brain_dump(store, dump, NULL, NULL));
    put("away", 'W', LARGE);
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    DUMP_OK(brain_sync(store, home, NULL, &synced));
    CHECK_U64(synced.n_written, 1);
    const char *ways[] = { dump, home };
    for (int i = 0; i < 2; i++) {
        brain_store *fresh = dumps_new();
        brain_space *there = check_space(fresh, "default");
        brain_view view;
        DUMP_OK(i == 0 ? brain_load(fresh, ways[i], NULL, NULL)
                       : brain_restore(fresh, ways[i], NULL, NULL));
        CHECK_OK(brain_get(there, "away", 4, &view));
        CHECK_U64(view.kind, BRAIN_KIND_BYTES);
        CHECK_U64(view.size_bytes, LARGE);
        check_filled(view.data, LARGE, i == 0 ? 'w' : 'W');
        CHECK_U64(brain_view_created_ns(&view), 1111);
        CHECK(view.meta_len == 4 && view.description_len == 9);
        brain_view_drop(&view);
        brain_space_close(there);
        check_destroy(fresh);
    }
    CHECK_OK(brain_exists(space, "away", 4, &seen));
    CHECK(seen > version);
    char *file = file_of("away");
    CHECK_SYS(unlink(file));
    DUMP_CODE(brain_dump(store, dump, NULL, NULL), BRAIN_E_IO); /* and no dump without it */
    DUMP_DETAIL(file);
    free(file);
    free(dump);
    free(home);
    end();
}

/* ---- damaged and hostile files */

static void check_refuses(const char *name, int want, const char *word)
{
    brain_view view = get(name);
    brain_recalled recalled = { .size_bytes = 77 };
    DUMP_CODE(brain_recall(&view, &recalled), want);
    DUMP_DETAIL(word);
    CHECK_U64(recalled.size_bytes, 77);
    brain_view_drop(&view);
}

/* The same, and of which value it is, which the name of the file does not tell. */
static void check_refuses_file(const char *name, int want, const char *word)
{
    check_refuses(name, want, word);
    CHECK(strncmp(brain_disk_error_detail(), name, strlen(name)) == 0);
    DUMP_DETAIL(" of the namespace default: ");
}

static void damaged_files(void)
{
    begin();
    put("one", '1', LARGE);
    put("two", '2', LARGE);
    DUMP_OK(brain_spill(spill, NULL, 2 * LARGE, NULL));
    char *one = file_of("one"), *two = file_of("two");
    size_t size, two_size;
    uint8_t *good = dumps_read(one, &size), *other = dumps_read(two, &two_size);
    for (size_t i = 0; i < 104;
         i++) { /* each bit of the head matters but those that are noted, and their neighbours */
        if (i >= 92) {
            continue;
        }
        good[i] ^= 1;
        dumps_write(one, good, size);
        check_refuses_file("one", BRAIN_E_CORRUPT, one);
        if (i % 20 ==
            10) { /* who tidies leaves it to be told of, or mended; of the magic it is never whole */
            CHECK_U64(tidy(), 0);
            check_refuses_file("one", BRAIN_E_CORRUPT, one);
        }
        good[i] ^= 1;
    }
    const size_t cuts[] = { 0, 1, 50, 103, 104, 4095, 4096, 5000, size - 1 };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        dumps_write(one, good, cuts[i]);
        check_refuses_file("one", BRAIN_E_CORRUPT, one);
    }
    dumps_write(one, other, two_size); /* a good file, of another value */
    check_refuses_file("one", BRAIN_E_CORRUPT, "not the file");
    uint8_t *longer = calloc(1, size + 1);
    memcpy(longer, good, size);
    dumps_write(one, longer, size + 1);
    check_refuses_file("one", BRAIN_E_CORRUPT, "length");
    free(longer);
    CHECK_SYS(unlink(one));
    check_refuses_file("one", BRAIN_E_IO, "is gone");
    CHECK_SYS(symlink(two, one));
    check_refuses_file("one", BRAIN_E_IO, one);
    CHECK_SYS(unlink(one));
    CHECK_SYS(mkdir(one, 0700));
    check_refuses_file("one", BRAIN_E_CORRUPT, "no file");
    CHECK_SYS(rmdir(one));
    CHECK_SYS(mkfifo(one, 0600));
    check_refuses_file("one", BRAIN_E_CORRUPT, "no file");
    CHECK_SYS(unlink(one));
    dumps_write(one, good, size);
    CHECK_SYS(chmod(one, 0622)); /* somebody else may have put a pickle there */
    check_refuses_file("one", BRAIN_E_PERM, "somebody else");
    CHECK_SYS(chmod(one, 0600));
    check_recalls("one", '1', LARGE);
    check_recalls("two", '2', LARGE);
    free(good);
    free(other);
    free(one);
    free(two);
    end();
}

/* What stands for a value may be of anybody who may write the store. */
static void hostile_stand_ins(void)
{
    begin();
    put("real", 'r', LARGE);
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    brain_view view = get("real");
    uint8_t good[64];
    size_t size = (size_t)view.size_bytes;
    CHECK(size <= sizeof good);
    memcpy(good, view.data, size);
    brain_view_drop(&view);
    for (size_t i = 0; i < size; i++) {
        good[i] ^= 0x81;
        put("fake", 'f', LARGE);
        view = get("fake");
        CHECK_OK(brain_move_away(&view, good, size));
        brain_view_drop(&view);
        brain_recalled recalled;
        view = get("fake");
        int err = brain_recall(&view, &recalled);
        CHECK(err == BRAIN_E_CORRUPT || err == BRAIN_E_IO);
        CHECK(brain_disk_error_detail()[0] != '\0');
        brain_view_drop(&view);
        good[i] ^= 0x81;
    }
    put("fake", 'f', LARGE);
    view = get("fake");
    CHECK_OK(brain_move_away(&view, good, size - 1));
    brain_view_drop(&view);
    check_refuses("fake", BRAIN_E_CORRUPT, "fake");
    end();
}

/* ---- directories */

static void directories(void)
{
    begin();
    brain_spiller *second;
    char *elsewhere = dumps_join(place, "else/where");
    char *above = dumps_join(place, "else");
    DUMP_CODE(brain_spill_open(store, elsewhere, &second), BRAIN_E_INVAL);
    DUMP_DETAIL(folder);
    CHECK(access(above, F_OK) != 0); /* nothing of it was made */
    CHECK_SYS(mkdir(above, 0700));
    DUMP_CODE(brain_spill_open(store, above, &second), BRAIN_E_INVAL);
    CHECK_U64(dumps_count_files(above), 0);
    DUMP_CODE(brain_spill_open(store, "", &second), BRAIN_E_INVAL);
    DUMP_OK(brain_spill_open(store, folder, &second)); /* twice is no harm */
    put("one", '1', LARGE);
    DUMP_OK(brain_spill(second, NULL, 1, NULL));
    brain_spill_close(second);
    brain_spill_close(NULL);
    check_recalls("one", '1', LARGE);
    put("two", '2', LARGE);
    dumps_remove(files);
    check_refuses("one", BRAIN_E_IO, "is gone");
    int err = brain_spill(spill, NULL, 1, NULL); /* nothing is lost that is not */
    CHECK(err != 0);
    CHECK(!is_away("two"));
    brain_spill_close(spill);
    DUMP_OK(brain_spill_open(store, folder, &spill));
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    check_recalls("two", '2', LARGE);
    dumps_remove(folder); /* so that there is nothing to compare with but its text */
    brain_spill_close(spill);
    CHECK_SYS(rmdir(above));
    DUMP_CODE(brain_spill_open(store, elsewhere, &spill), BRAIN_E_INVAL);
    CHECK(access(above, F_OK) != 0);
    CHECK_SYS(chdir(place));
    DUMP_OK(brain_spill_open(store, strrchr(folder, '/') + 1, &spill)); /* the same, made anew */
    CHECK_SYS(access(folder, F_OK));
    CHECK_SYS(chdir("/"));
    free(elsewhere);
    free(above);
    end();
}

/* A store that is destroyed takes its files along, or the next one does that spills beside it. */
static void stores_that_are_gone(void)
{
    begin();
    put("one", '1', LARGE);
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    CHECK_U64(n_files(), 1);
    brain_store *first = store;
    brain_space *first_space = space;
    brain_spiller *first_spill = spill;
    char *first_files = files;
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    DUMP_OK(brain_spill_open(store, folder, &spill));
    files = dumps_join(folder, hex_of_store());
    CHECK_SYS(access(first_files, F_OK)); /* it lives */
    brain_spill_close(first_spill);
    brain_space_close(first_space);
    check_destroy(first);
    CHECK_SYS(access(first_files, F_OK));
    brain_spill_close(spill);
    DUMP_OK(brain_spill_open(store, folder, &spill));
    CHECK(access(first_files, F_OK) != 0 && errno == ENOENT);
    put("two", '2', LARGE);
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    brain_view view = get("two");
    brain_recalled recalled;
    DUMP_OK(brain_recall(&view, &recalled));
    brain_view_drop(&view);
    brain_space_close(space);
    brain_spill_close(spill);
    DUMP_OK(brain_spill_destroy(store));
    CHECK(access(files, F_OK) != 0 && errno == ENOENT);
    check_filled(recalled.data, LARGE, '2');
    brain_recalled_drop(&recalled);
    brain_close(store);
    free(first_files);
    free(files);
    free(folder);
}

/* The sign of another machine's, container's or boot's store: what is not certainly gone stays. */
static bool is_old; /* the sign that is written next: from before this boot */

static void check_sign(const char *text, bool goes)
{
    char *dir = dumps_join(folder, "0123456789abcdef0123456789abcdef"),
         *sign = dumps_join(dir, "path");
    CHECK_SYS(mkdir(dir, 0700));
    dumps_write(sign, text, strlen(text));
    if (is_old) {
        const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
        CHECK_SYS(utimensat(AT_FDCWD, sign, long_ago, 0));
    }
    brain_spill_close(spill);
    DUMP_OK(brain_spill_open(store, folder, &spill));
    CHECK(goes == (access(dir, F_OK) != 0));
    dumps_remove(dir);
    free(sign);
    free(dir);
}

static void stores_of_others_stay(void)
{
    begin();
    char *sign = dumps_join(files, "path"), text[8192], machine[80], boot[80], path[4096];
    unsigned long long mounts, device, inode;
    size_t size;
    char *ours = (char *)dumps_read(sign, &size);
    ours = realloc(ours, size + 1);
    ours[size] = '\0';
    char *lines[4], *rest = ours;
    for (int i = 0; i < 4; i++) {
        lines[i] = rest;
        rest = strchr(rest, '\n');
        CHECK(rest != NULL);
        *rest++ = '\0';
    }
    snprintf(machine, sizeof machine, "%s", lines[0][0] != '\0' ? lines[0] : "none");
    snprintf(boot, sizeof boot, "%s", lines[1]);
    snprintf(path, sizeof path, "%s", lines[3]);
    CHECK(sscanf(lines[2], "%llu %llu %llu", &mounts, &device, &inode) == 3);
#define SIGN(machine_, boot_, mounts_, device_, inode_, path_)                                     \
    (snprintf(text, sizeof text, "%s\n%s\n%llu %llu %llu\n%s\n", machine_, boot_,                  \
              (unsigned long long)(mounts_), (unsigned long long)(device_),                        \
              (unsigned long long)(inode_), path_),                                                \
     text)
    check_sign(SIGN(machine, boot, mounts, device, inode, path), false);
    check_sign(SIGN(machine, boot, mounts, device, inode + 1, path), true);
    check_sign(SIGN(machine, boot, mounts, device, inode, "/nowhere"), true);
    check_sign(SIGN(machine, boot, mounts + 1, device, inode, "/nowhere"), false);
    check_sign(SIGN(machine, boot, mounts, device + 1, inode, "/nowhere"), false);
    check_sign(SIGN("another", "another", mounts, device, inode, "/nowhere"), false);
    check_sign(SIGN("", "another", mounts, device, inode, "/nowhere"), false);
    check_sign(SIGN(lines[0], "another", mounts, device, inode, path), false);
    check_sign(SIGN(machine, boot, mounts, device, inode, "/nowhere\nat all"), true);
    is_old = true;
    check_sign(SIGN(lines[0], "another", mounts, device, inode, path), lines[0][0] != '\0');
    check_sign(SIGN("another", "another", mounts, device, inode, path), false);
    check_sign(SIGN(machine, boot, mounts, device, inode, path), false);
    is_old = false;
    check_sign("half of a li", false);
    free(ours);
    free(sign);
    end();
}

/* ---- two at once */

/* Each spills all that there is, again and again, while the other does. */
static void two_at_once(void)
{
    begin();
    enum {
        N = 6,
        ROUNDS = 20
    };
    for (int round = 0; round < ROUNDS; round++) {
        char name[8];
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof name, "n%d", i);
            put(name, (char)('a' + i), LARGE);
        }
        pid_t pid = check_fork();
        int err = brain_spill(spill, NULL, N * LARGE, NULL);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        if (pid == 0) {
            _exit(0);
        }
        CHECK_U64(waitpid(pid, NULL, 0), pid);
        err = brain_spill(spill, NULL, N * LARGE,
                          NULL); /* what the one had in view while the other looked */
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof name, "n%d", i);
            check_recalls(name, (char)('a' + i), LARGE);
        }
        (void)tidy();
        CHECK_U64(n_files(), N);
    }
    end();
}

/* Readers, while what they read is replaced, spilled and tidied. */
static void recalled_while_tidied(void)
{
    begin();
    put("moving", 'a', LARGE);
    pid_t pid = check_fork();
    if (pid == 0) {
        for (int i = 0; i < 300; i++) {
            brain_view view = get("moving");
            brain_recalled recalled = { .data = view.data, .size_bytes = view.size_bytes };
            if (view.kind == BRAIN_KIND_AWAY) {
                DUMP_OK(brain_recall(&view, &recalled)); /* a view keeps the file */
            }
            CHECK_U64(recalled.size_bytes, LARGE);
            check_filled(recalled.data, LARGE, *(const char *)recalled.data);
            brain_recalled_drop(&recalled);
            brain_view_drop(&view);
        }
        _exit(0);
    }
    for (int i = 0; waitpid(pid, NULL, WNOHANG) == 0; i++) {
        put("moving", (char)('a' + i % 20), LARGE);
        int err = brain_spill(spill, NULL, 1, NULL);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        (void)tidy();
    }
    end();
}

/* ---- a store that is full */

/* Puts of three times the capacity, all of which is there; from two processes, too. */
static void puts_make_room(void)
{
    begin();
    enum {
        N = 48
    };
    const size_t size = (size_t)CHECK_MIB;
    char *data = malloc(size), name[8];
    CHECK_CODE(brain_set_full(store, BRAIN_FULL_SPILL), 0);
    pid_t pid = check_fork();
    for (int i = pid == 0; i < N; i += 2) {
        snprintf(name, sizeof name, "n%d", i);
        memset(data, 'a' + i, size);
        CHECK_OK(brain_put_bytes(space, name, strlen(name), data, size));
    }
    if (pid == 0) {
        _exit(0);
    }
    CHECK_CHILD(pid);
    uint64_t n_away = 0;
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "n%d", i);
        brain_view view = get(name);
        if (view.kind == BRAIN_KIND_AWAY) {
            brain_view_drop(&view);
            check_recalls(name, (char)('a' + i), size);
            n_away++;
        } else {
            check_filled(view.data, size, (char)('a' + i));
            brain_view_drop(&view);
        }
    }
    CHECK(n_away >= N - 16);
    CHECK_U64(n_files(), n_away);
    free(data);
    end();
}

/* Nothing can go: FULL, which says why. */
static void nothing_can_go(void)
{
    begin();
    const size_t size = 9 * (size_t)CHECK_MIB;
    char *data = calloc(1, size);
    CHECK_OK(brain_set_full(store, BRAIN_FULL_SPILL));
    CHECK_OK(brain_put_bytes(space, "held", 4, data, size));
    brain_view view = get("held");
    CHECK_CODE(brain_put_bytes(space, "more", 4, data, size), BRAIN_E_FULL);
    CHECK(strstr(brain_error_detail(), "64 KiB") != NULL);
    CHECK(!is_away("held"));
    CHECK_U64(n_files(), 0);
    brain_view_drop(&view);
    CHECK_OK(brain_put_bytes(space, "more", 4, data, size));
    CHECK(is_away("held"));
    char *huge = calloc(17, (size_t)CHECK_MIB);
    CHECK_CODE(brain_put_bytes(space, "too much", 8, huge, 17 * (size_t)CHECK_MIB), BRAIN_E_FULL);
    CHECK(!is_away("more"));
    free(huge);
    brain_spill_close(spill);
    CHECK_CODE(brain_put_bytes(space, "held", 4, data, size), BRAIN_E_FULL);
    DUMP_OK(brain_spill_open(store, folder, &spill));
    free(data);
    end();
}

/* ---- a full disk */

/* Files of at most so many bytes: what a disk without room says at the same calls. */
static void a_disk_without_room(void)
{
    begin();
    struct rlimit before, limit;
    put("large", 'l', LARGE);
    CHECK_SYS(getrlimit(RLIMIT_FSIZE, &before));
    limit = before;
    limit.rlim_cur = LARGE / 2;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
    uint64_t moved = 7;
    CHECK(brain_spill(spill, NULL, 1, &moved) != 0);
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &before));
    CHECK_U64(moved, 0);
    CHECK(!is_away("large"));
    CHECK_U64(n_files(), 0);
    DUMP_OK(brain_spill(spill, NULL, 1, NULL));
    check_recalls("large", 'l', LARGE);
    end();
}

/* A disk of 1 MiB: three values fit there, and garbage makes room for others. */
static void fill_small_disk(void)
{
    uint64_t moved = 0;
    char name[8];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "n%d", i);
        put(name, (char)('a' + i), LARGE);
    }
    DUMP_CODE(brain_spill(spill, NULL, 5 * LARGE, &moved), BRAIN_E_FULL);
    DUMP_DETAIL("Free some of the disk");
    CHECK(strstr(brain_disk_error_detail(), "another place") == NULL); /* there is none */
    CHECK_U64(moved, 3 * LARGE);
    CHECK_U64(n_files(), 3);
    CHECK_OK(brain_set_full(store, BRAIN_FULL_SPILL));
    char *data = calloc(1, 16 * (size_t)CHECK_MIB);
    CHECK_CODE(brain_put_bytes(space, "large", 5, data, 16 * (size_t)CHECK_MIB - 400000),
               BRAIN_E_FULL);
    CHECK(strstr(brain_error_detail(), "Free some of the disk") != NULL);
    free(data);
    int n_away = 0;
    for (int i = 0; i < 5; i++) { /* all are there still */
        snprintf(name, sizeof name, "n%d", i);
        if (is_away(name)) {
            check_recalls(name, (char)('a' + i), LARGE);
            put(name, (char)('A' + i), 1);
            n_away++;
        }
    }
    CHECK_U64(n_away, 3);
    DUMP_OK(brain_spill(spill, NULL, 2 * LARGE, &moved)); /* their files go first */
    CHECK_U64(n_files(), 2);
}

static void a_small_disk(void)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) != 0 ||
            mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", place, "tmpfs", 0, "size=1m") != 0) {
            printf("a small disk: not tested, it takes root to mount one\n");
            _exit(0);
        }
        begin();
        fill_small_disk();
        end();
        CHECK_SYS(umount(place));
        _exit(0);
    }
    CHECK_CHILD(pid);
}

int main(void)
{
    check_begin();
    check_state = check_new_seed();
    place = dumps_folder();
    goes_and_comes_back();
    what_is_viewed_stays();
    long_names();
    views_and_snapshots_keep_files();
    dumps_and_syncs_read_files();
    damaged_files();
    hostile_stand_ins();
    directories();
    stores_that_are_gone();
    stores_of_others_stay();
    two_at_once();
    recalled_while_tidied();
    puts_make_room();
    nothing_can_go();
    a_disk_without_room();
    a_small_disk();
    return 0;
}
