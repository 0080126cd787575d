/* test_make_room.c - how room is made in a store that is full: who is asked, one at a time, and for which changes. F1
 * and F6 of docs/design/0013. */
#include "check.h"

#include <sched.h>
#include <sys/mount.h>

#include "../../src/write.h"
#include "crowd.h"

/* ---- who makes room */

struct maker {
    brain_space *space;
    uint32_t n_calls, next;
    uint64_t bytes;
    int answer;
    bool nests;
};

static int make_room(void *context, brain_store *store, brain_space *space, uint64_t bytes)
{
    struct maker *maker = context;
    CHECK(store != NULL && space == NULL && !brain_is_busy(store));
    maker->n_calls++;
    maker->bytes = bytes;
    if (maker->nests) {
        CHECK_CODE(crowd_put(maker->space, 1000, 50000), BRAIN_E_FULL); /* and asks nobody */
        CHECK_DETAIL("who is making room");
    }
    if (maker->answer == 0) {
        int err = brain_delete(maker->space, &maker->next, sizeof maker->next, BRAIN_ANY_VERSION);
        maker->next++;
        return err == BRAIN_E_NOT_FOUND ? BRAIN_E_FULL : err;
    }
    return maker->answer == 1 ? 0 : maker->answer; /* 1: says that it has, and has not */
}

static void check_hook(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_SPILL);
    brain_space *space = check_space(store, "default");
    struct maker maker = { .space = space };
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_CODE(crowd_put(space, 10, 15000), BRAIN_E_FULL);
    CHECK_DETAIL("no directory for that");
    CHECK_OK(brain_on_full(store, make_room, &maker));
    CHECK_OK(crowd_put(space, 10, 15000));
    CHECK_U64(maker.n_calls, 2); /* as long as it makes some */
    CHECK_U64(maker.bytes, 5000);
    CHECK_U64(crowd_count(space, 2, 11), 9);
    CHECK_U64(check_stat(store).n_evicted, 0);
    maker.nests = true;
    CHECK_OK(crowd_put(space, 11, 10000));
    CHECK_U64(maker.n_calls, 3);
    CHECK_CODE(crowd_put(space, 12, 100001), BRAIN_E_FULL);
    CHECK_U64(maker.n_calls, 3); /* it cannot help */
    maker.nests = false;
    maker.answer = BRAIN_E_IO;
    CHECK_CODE(crowd_put(space, 12, 20000), BRAIN_E_IO);
    maker.answer = BRAIN_E_FULL;
    CHECK_CODE(crowd_put(space, 12, 20000), BRAIN_E_FULL);
    CHECK_DETAIL("20000 bytes were asked for");
    CHECK_DETAIL("nothing more that could go");
    maker.answer = 1;
    CHECK_CODE(crowd_put(space, 12, 20000), BRAIN_E_FULL); /* that has an end */
    CHECK_OK(brain_on_full(store, NULL, NULL));
    CHECK_CODE(crowd_put(space, 12, 20000), BRAIN_E_FULL);
    CHECK_U64(crowd_count(space, 3, 12), 9);
    CHECK_OK(brain_set_full(store, BRAIN_FULL_ERROR));
    CHECK_OK(brain_on_full(store, make_room, &maker));
    maker.n_calls = 0;
    CHECK_CODE(crowd_put(space, 12, 20000), BRAIN_E_FULL);
    CHECK_U64(maker.n_calls, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* What has gone for a put, and stays in limbo since somebody has it, counts as coming: a few times as much goes
 * instead, and no more. */
static void check_in_use_yet(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_SPILL);
    brain_space *space = check_space(store, "default");
    struct maker maker = { .space = space };
    brain_view views[10];
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
        CHECK_OK(brain_get(space, &i, sizeof i, &views[i]));
    }
    CHECK_OK(brain_on_full(store, make_room, &maker));
    CHECK_CODE(crowd_put(space, 10, 5000), BRAIN_E_FULL);
    CHECK_DETAIL("in use yet");
    CHECK_U64(maker.n_calls, 4);
    CHECK_U64(crowd_count(space, 0, 10), 6);
    for (uint32_t i = 0; i < 10; i++) {
        brain_view_drop(&views[i]);
    }
    CHECK_OK(crowd_put(space, 10, 5000));
    CHECK_U64(maker.n_calls, 4);
    brain_space_close(space);
    check_destroy(store);
}

/* A view that is taken after the choice keeps the value, too. */
static void check_spared(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    struct bn_write write;
    brain_view view;
    uint64_t number;
    for (int held = 1; held >= 0; held--) {
        uint32_t name = 5;
        CHECK_OK(crowd_put(space, name, 10000));
        CHECK_OK(brain_get(space, &name, sizeof name, &view));
        CHECK_OK(bn_write_init_delete(&write, space, &name, sizeof name, view.version));
        write.spares_used = true;
        if (!held) {
            brain_view_drop(&view);
        }
        CHECK_CODE(bn_write_commit(store, &write, 1, false, &number), held ? BRAIN_E_BUSY : 0);
        CHECK(crowd_has(space, name) == held);
        bn_write_deinit(store, &write);
        brain_view_drop(&view);
    }
    brain_space_close(space);
    check_destroy(store);
}

/* ---- one at a time */

struct slow_maker {
    brain_space *space;
    struct check_gate begun, may_end;
    bool dies;
};

static int make_room_slowly(void *context, brain_store *store, brain_space *space, uint64_t bytes)
{
    struct slow_maker *maker = context;
    uint32_t first = 0;
    (void)store;
    (void)space;
    (void)bytes;
    check_gate_open(&maker->begun);
    check_gate_pass(&maker->may_end);
    return brain_delete(maker->space, &first, sizeof first, BRAIN_ANY_VERSION);
}

/* Who finds it full while another process makes room waits for that, and finds the room; takes over from a dead one;
 * and waits no longer than for a writer. */
static void check_turns(bool dies)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_SPILL);
    brain_space *space = check_space(store, "default");
    struct slow_maker maker = { space, check_gate_new(), check_gate_new(), dies };
    struct maker quick = { .space = space, .next = 1 };
    CHECK_OK(crowd_put(space, 0, 50000));
    CHECK_OK(crowd_put(space, 1, 50000));
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_on_full(store, make_room_slowly, &maker));
        CHECK_OK(crowd_put(space, 2, 10000)); /* of 50,000 that it gets */
        _exit(0);
    }
    check_gate_pass(&maker.begun);
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *hasty;
    options.lock_timeout_ns = 1;
    CHECK_OK(brain_open(brain_path(store), &options, &hasty));
    brain_space *its = check_space(hasty, "default");
    CHECK_OK(brain_on_full(hasty, make_room, &quick));
    CHECK_CODE(crowd_put(its, 3, 10000), BRAIN_E_TIMEOUT);
    CHECK_DETAIL("making room");
    brain_space_close(its);
    brain_close(hasty);
    CHECK_OK(brain_on_full(store, make_room, &quick));
    CHECK_U64(quick.n_calls, 0);
    if (dies) {
        check_kill(pid);
        CHECK_OK(crowd_put(space, 3, 10000));
        CHECK_U64(quick.n_calls, 1);
        CHECK(crowd_has(space, 0) && !crowd_has(space, 1));
    } else {
        pid_t other = check_fork();
        if (other == 0) {
            CHECK_OK(crowd_put(space, 3, 10000));
            CHECK_U64(quick.n_calls, 0);
            _exit(0);
        }
        check_gate_open(&maker.may_end);
        CHECK_CHILD(pid);
        CHECK_CHILD(other);
        CHECK(!crowd_has(space, 0) && crowd_count(space, 1, 4) == 3);
    }
    check_gate_free(&maker.begun);
    check_gate_free(&maker.may_end);
    brain_space_close(space);
    check_destroy(store);
}

/* Who had the turn died, and its row is another's by now, who lives and makes no room: it is not waited for. */
static void check_turn_in_the_row_of_another(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_SPILL), *heir;
    brain_space *space = check_space(store, "default");
    struct slow_maker maker = { space, check_gate_new(), check_gate_new(), true };
    struct maker quick = { .space = space, .next = 1 };
    brain_client its;
    CHECK_OK(crowd_put(space, 0, 50000));
    CHECK_OK(crowd_put(space, 1, 50000));
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_on_full(store, make_room_slowly, &maker));
        CHECK_OK(crowd_put(space, 2, 10000));
        _exit(0);
    }
    check_gate_pass(&maker.begun);
    check_kill(pid);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_OK(brain_open(brain_path(store), NULL, &heir));
    CHECK_OK(brain_self(heir, &its));
    CHECK_U64(bn_load_seq(&store->state->turn) & 0xffff, its.row + 1);
    CHECK_OK(brain_on_full(store, make_room, &quick));
    CHECK_OK(crowd_put(space, 3, 10000));
    CHECK_U64(quick.n_calls, 1);
    CHECK(crowd_has(space, 0) && !crowd_has(space, 1));
    brain_close(heir);
    check_gate_free(&maker.begun);
    check_gate_free(&maker.may_end);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- conditions */

/* Nothing goes for a change that is not made; and what a change asks for is not what goes. */
static void check_conditions(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_part part = { .data = crowd_data, .size_bytes = 60000 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    brain_batch *batch;
    uint64_t version;
    uint32_t x = 100, y = 101;
    part.size_bytes = 100;
    CHECK_OK(brain_put(space, &x, sizeof x, &value, 0, &version));
    part.size_bytes = 60000;
    for (uint32_t i = 0; i < 9; i++) {
        CHECK_OK(crowd_put(space, i, 11000));
    }
    CHECK_CODE(brain_put(space, &x, sizeof x, &value, version + 1, NULL), BRAIN_E_STALE);
    CHECK_CODE(brain_put(space, &x, sizeof x, &value, 0, NULL), BRAIN_E_EXISTS);
    CHECK_CODE(brain_put(space, &y, sizeof y, &value, 5, NULL), BRAIN_E_STALE);
    part.size_bytes = 1500; /* inline: with others in a batch, by its conditions */
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, &y, sizeof y, &value));
    CHECK_OK(brain_batch_put_if(batch, space, &x, sizeof x, &value, version + 1));
    CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_STALE);
    CHECK_U64(check_stat(store).n_evicted, 0);
    CHECK_OK(brain_batch_require(batch, space, &x, sizeof x, version)); /* the coldest of all */
    CHECK_OK(brain_batch_put(batch, space, &y, sizeof y, &value));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    CHECK(crowd_has(space, x) && check_stat(store).n_evicted > 0);
    part.size_bytes = 98000;
    CHECK_OK(brain_put(space, &x, sizeof x, &value, version, &version)); /* all others went */
    CHECK_U64(crowd_count(space, 0, 9), 0);
    CHECK_CODE(brain_put(space, &x, sizeof x, &value, version, NULL), BRAIN_E_FULL);
    CHECK(crowd_has(space, x));
    CHECK_OK(brain_put(space, &x, sizeof x, &value, BRAIN_ANY_VERSION,
                       NULL)); /* who asks for nothing may */
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void check_is_described(brain_space *space, uint32_t name, const char *description)
{
    brain_view view;
    CHECK_OK(brain_get(space, &name, sizeof name, &view));
    CHECK_U64(view.description_len, strlen(description));
    CHECK(memcmp(view.description, description, view.description_len) == 0);
    brain_view_drop(&view);
}

/* What has to be there, in whatever version, does not go for the change that asks for it, though it is the coldest of
 * all; nor does a value whose description a put keeps: where nothing else may go, that is FULL. */
static void check_any_version_stays(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_part part = { .data = crowd_data, .size_bytes = 10000 };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .description = "what it is",
                          .description_len = 10 };
    brain_view held[10];
    brain_batch *batch;
    uint32_t x = 100, y = 101, n_held = 0;
    CHECK_OK(brain_put(space, &x, sizeof x, &value, 0, NULL));
    for (uint32_t i = 0; i < 9; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    value.description = NULL;
    part.size_bytes = 1500; /* inline: it looks for room at the commit */
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_require(batch, space, &x, sizeof x, BRAIN_ANY_VERSION));
    CHECK_OK(brain_batch_put(batch, space, &y, sizeof y, &value));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    CHECK(crowd_has(space, x) && crowd_has(space, y) && check_stat(store).n_evicted > 0);
    part.size_bytes = 10000;
    CHECK_OK(brain_put(space, &x, sizeof x, &value, BRAIN_ANY_VERSION, NULL));
    check_is_described(space, x, "what it is");
    for (uint32_t i = 0; i < 9; i++) {
        if (crowd_has(space, i)) {
            CHECK_OK(brain_get(space, &i, sizeof i, &held[n_held++]));
        }
    }
    CHECK_OK(brain_get(space, &y, sizeof y, &held[n_held++]));
    part.size_bytes = 100000 - check_live(store) + 5000; /* as much as would fit if it went */
    CHECK_CODE(brain_put(space, &x, sizeof x, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_FULL);
    CHECK_DETAIL("bytes are of what this put itself needs");
    CHECK_DETAIL("put it with another");
    check_is_described(space, x, "what it is");
    value.description = "new";
    value.description_len = 3;
    CHECK_OK(brain_put(space, &x, sizeof x, &value, BRAIN_ANY_VERSION, NULL)); /* keeps nothing */
    check_is_described(space, x, "new");
    for (uint32_t i = 0; i < n_held; i++) {
        brain_view_drop(&held[i]);
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* Nor where the description was fetched before it turned out that there is no room. */
static void check_fetched_description_stays(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_part part = { .data = crowd_data, .size_bytes = 1500 }; /* inline: nothing is staged */
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .description = "what it is",
                          .description_len = 10 };
    brain_view held;
    uint32_t x = 100, other = 0;
    CHECK_OK(brain_put(space, &x, sizeof x, &value, 0, NULL));
    CHECK_OK(crowd_put(space, other, 98000));
    CHECK_OK(brain_get(space, &other, sizeof other, &held));
    value.description = NULL;
    CHECK_CODE(brain_put(space, &x, sizeof x, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_FULL);
    check_is_described(space, x, "what it is");
    brain_view_drop(&held);
    CHECK_OK(brain_put(space, &x, sizeof x, &value, BRAIN_ANY_VERSION, NULL));
    check_is_described(space, x, "what it is");
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* What stands for a value that is elsewhere does not go once more, and what could not be moved is not offered. */
static void check_not_offered(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_part part = { .data = crowd_data, .size_bytes = 10000 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    brain_view views[5];
    size_t n;
    for (uint32_t i = 0; i < 3; i++) {
        value.meta = crowd_data;
        value.meta_len = i == 1 ? 1501 : 0;
        CHECK_OK(brain_put(space, &i, sizeof i, &value, 0, NULL));
    }
    CHECK_OK(brain_get(space, &(uint32_t){ 0 }, sizeof(uint32_t), &views[0]));
    CHECK_OK(brain_move_away(&views[0], crowd_data, 1000));
    brain_view_drop(&views[0]);
    CHECK_OK(brain_coldest(store, NULL, 1, views, 5, &n));
    CHECK_U64(n, 1);
    CHECK(memcmp(views[0].name, &(uint32_t){ 2 }, sizeof(uint32_t)) == 0);
    brain_view_drop(&views[0]);
    CHECK_OK(crowd_put(space, 3, 90000));
    CHECK(crowd_has(space, 0) && !crowd_has(space, 1));
    brain_space_close(space);
    check_destroy(store);
}

/* What stands for values that are elsewhere looks as if it might go, and cannot: then what is replaced goes. */
static void check_what_is_away_is_not_enough(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_view view;
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
        CHECK_OK(brain_get(space, &i, sizeof i, &view));
        CHECK_OK(brain_move_away(&view, crowd_data, 1000));
        brain_view_drop(&view);
    }
    CHECK_OK(crowd_put(space, 3, 60000));
    CHECK_OK(crowd_put(space, 3, 100000 - check_live(store) + 2000));
    CHECK_U64(crowd_count(space, 0, 4), 4);
    CHECK_U64(check_stat(store).n_evicted, 1);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- a full file system */

/* Where all that is there is in use nothing goes, and what the kernel refused is what is said. */
static void check_no_memory_and_all_held(brain_store *store, brain_space *space)
{
    static brain_view held[400];
    uint32_t n_held = 0;
    uint64_t n_evicted = check_stat(store).n_evicted;
    int err = 0;
    for (uint32_t name = 0; name < 1300; name++) {
        if (crowd_has(space, name)) {
            CHECK(n_held < 300);
            CHECK_OK(brain_get(space, &name, sizeof name, &held[n_held++]));
        }
    }
    for (uint32_t name = 2000; err == 0; name++) {
        err = crowd_put(space, name, CHECK_MIB);
        if (err == 0) {
            CHECK(n_held < 400);
            CHECK_OK(brain_get(space, &name, sizeof name, &held[n_held++]));
        }
    }
    CHECK_CODE(err, BRAIN_E_FULL);
    CHECK_DETAIL("file system");
    CHECK_U64(check_stat(store).n_evicted, n_evicted);
    for (uint32_t i = 0; i < n_held; i++) {
        brain_view_drop(&held[i]);
    }
    CHECK_OK(crowd_put(space, 3000, CHECK_MIB));
}

static void check_small_file_system(void)
{
    char dir[] = "/dev/shm/brain-test-mount-XXXXXX", path[200];
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
        printf("a small file system: not tested, it takes root to mount one\n");
        return;
    }
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_SYS(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL));
        CHECK(mkdtemp(dir) != NULL);
        CHECK_SYS(mount("none", dir, "tmpfs", 0, "size=12m"));
        snprintf(path, sizeof path, "%s/store", dir);
        brain_store *store = check_open(path, 1 << 30);
        brain_space *space = check_space(store, "default");
        CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
        for (uint32_t i = 0; i < 300; i++) {
            CHECK_OK(crowd_put(space, i, 100000 + check_below(200000)));
            brain_object *object;
            brain_value bare = { .kind = BRAIN_KIND_BYTES };
            uint32_t name = 1000 + i;
            CHECK_OK(brain_create(store, 300000, &object));
            CHECK_OK(brain_object_seal(object, space, &name, sizeof name, &bare, 0, NULL));
            brain_object_release(object);
        }
        CHECK(crowd_has(space, 299) && check_stat(store).n_evicted > 200);
        CHECK(check_live(store) > 4 * CHECK_MIB); /* of what there is room for */
        check_no_memory_and_all_held(store, space);
        CHECK_SOUND(store);
        brain_space_close(space);
        check_destroy(store);
        CHECK_SYS(umount(dir));
        CHECK_SYS(rmdir(dir));
        fflush(NULL);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

int main(void)
{
    check_begin();
    check_needs_fork_advice();
    crowd_begin();
    check_hook();
    check_in_use_yet();
    check_spared();
    check_turns(false);
    check_turns(true);
    check_turn_in_the_row_of_another();
    check_conditions();
    check_any_version_stays();
    check_fetched_description_stays();
    check_not_offered();
    check_what_is_away_is_not_enough();
    check_small_file_system();
    return 0;
}
