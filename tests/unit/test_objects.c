/* test_objects.c - Plasma objects (plasma/object.h): who evicts and who gets, who deletes and who
 * lets go, what the dead leave, and who is told; each in an order that the test chooses.
 */
#include "check.h"

#include "../../plasma/evict.c" /* its parts, one by one */
#include "plasma/create.h"
#include "plasma/queue.h"

static brain_store *store;
static struct pl_store objects;

static const char *path;

static void begin(uint64_t capacity)
{
    path = check_path();
    store = check_open(path, capacity);
    CHECK_OK(pl_store_open(store, &objects));
}

static void end(void)
{
    CHECK_SOUND(store);
    pl_store_close(&objects);
    check_destroy(store);
    check_n_paths--; /* nothing is left there */
}

static const uint8_t *id(unsigned number)
{
    static uint8_t ids[8][BRAIN_ID_BYTES];
    static unsigned next;
    uint8_t *bytes = ids[next++ % 8];
    memset(bytes, 0x11, BRAIN_ID_BYTES);
    memcpy(bytes, &number, sizeof number);
    return bytes;
}

static int put(unsigned number, size_t size)
{
    void *data = calloc(1, size + 1);
    const brain_part part = { .data = data, .size_bytes = size };
    const brain_value value = { .kind = BRAIN_KIND_RAW, .n_parts = 1, .parts = &part };
    int code = pl_create_put(&objects, id(number), &value, 0, true);
    free(data);
    return code;
}

static int get(unsigned number, brain_view *view)
{
    struct pl_object info;
    return pl_use_get(&objects, id(number), view, &info);
}

static int exists(unsigned number)
{
    return pl_use_is_there(&objects, id(number), NULL);
}

/* Whether anything stands under the id, whatever it counts as. */
static int stands(unsigned number)
{
    return brain_exists(objects.space, id(number), BRAIN_ID_BYTES, NULL);
}

static uint64_t n_standing(void)
{
    uint64_t n = 0;
    int code = brain_space_count(objects.space, &n);
    CHECK(code == 0);
    return n;
}

static uint64_t evict_all(void)
{
    uint64_t freed = 0;
    CHECK_OK(pl_evict_some(&objects, UINT64_MAX, false, &freed));
    return freed;
}

/* For a child: a client of its own, which it has until its end. */
static void open_anew(void)
{
    CHECK_OK(pl_store_open(check_open(path, 0), &objects));
}

/* ---- an evictor's steps, one by one */

struct evictor {
    struct list list;
    struct few few;
    uint64_t freed;
};

static void collect_one(struct evictor *evictor)
{
    memset(evictor, 0, sizeof *evictor);
    CHECK_OK(collect(&objects, &evictor->list, &evictor->freed));
    CHECK_U64(evictor->list.n, 1);
    CHECK_OK(new_mark(&objects, &evictor->few.mark));
}

static void mark_it(struct evictor *evictor)
{
    mark(&objects, &evictor->list.victims[0], &evictor->few);
    CHECK_U64(evictor->few.n, 1);
}

static void look_at_it(struct evictor *evictor, bool is_free)
{
    CHECK_OK(look_at_pins(&objects, &evictor->few));
    CHECK(evictor->few.is_free[0] == is_free);
}

static void settle_it(struct evictor *evictor)
{
    CHECK_OK(settle(&objects, &(struct pl_external){ .is_there = false }, &evictor->few, 0,
                    &evictor->freed));
    free(evictor->list.victims);
}

static void test_who_gets_it_before_the_end_keeps_it(void)
{
    struct evictor evictor;
    for (int after = 0; after < 3; after++) {
        brain_view view;
        begin(CHECK_MIB);
        CHECK_OK(put(1, 5000));
        collect_one(&evictor);
        if (after == 0) CHECK_OK(get(1, &view));
        mark_it(&evictor);
        if (after == 1) CHECK_OK(get(1, &view));
        look_at_it(&evictor, after == 2);
        if (after == 2) CHECK_OK(get(1, &view));
        settle_it(&evictor);
        CHECK_U64(evictor.freed, 0);
        CHECK_OK(exists(1));
        uint64_t note = brain_view_note(&view);
        CHECK(note < PL_NOTE_DOOMED); /* no mark is left */
        CHECK_U64(evict_all(), 0);
        pl_use_drop(&objects, &view);
        CHECK_U64(evict_all(), 5000);
        end();
    }
}

static void test_who_gets_it_after_the_end_misses_it(void)
{
    struct evictor evictor;
    brain_view view;
    begin(CHECK_MIB);
    CHECK_OK(put(1, 5000));
    collect_one(&evictor);
    mark_it(&evictor);
    look_at_it(&evictor, true);
    CHECK(brain_view_swap_note(&evictor.few.view[0], evictor.few.mark, PL_NOTE_EVICTED) != 0);
    CHECK_CODE(get(1, &view), BRAIN_E_NOT_FOUND);
    CHECK_CODE(exists(1), BRAIN_E_NOT_FOUND);
    CHECK_OK(put(1, 7)); /* in its place */
    settle_it(&evictor);
    CHECK_U64(evictor.freed, 0);
    CHECK_OK(exists(1));
    end();
}

/* The first has looked at the pins; then it is got, and a second puts a mark. */
static void test_a_second_mark_is_not_the_first(void)
{
    struct evictor first, second;
    brain_view view;
    begin(CHECK_MIB);
    CHECK_OK(put(1, 5000));
    collect_one(&first);
    mark_it(&first);
    look_at_it(&first, true);
    CHECK_OK(get(1, &view));
    collect_one(&second);
    mark_it(&second);
    settle_it(&first);
    CHECK_U64(first.freed, 0);
    CHECK_OK(exists(1));
    look_at_it(&second, false);
    settle_it(&second);
    CHECK_U64(second.freed, 0);
    CHECK_OK(exists(1));
    pl_use_drop(&objects, &view);
    end();
}

/* Two threads of one client, and one has a buffer. */
static void test_a_pin_of_the_evictor_may_be_a_buffer(void)
{
    struct evictor first, second;
    brain_view view;
    begin(CHECK_MIB);
    CHECK_OK(put(1, 5000));
    CHECK_OK(get(1, &view));
    collect_one(&first);
    mark_it(&first);
    collect_one(&second);
    mark_it(&second);
    look_at_it(&second, false);
    settle_it(&second);
    look_at_it(&first, false);
    settle_it(&first);
    CHECK_OK(exists(1));
    CHECK_U64(evict_all(), 0);
    pl_use_drop(&objects, &view);
    CHECK_U64(evict_all(), 5000);
    end();
}

static void test_two_at_once_evict_it_once(void)
{
    struct evictor first, second;
    begin(CHECK_MIB);
    CHECK_OK(put(1, 5000));
    collect_one(&first);
    mark_it(&first);
    look_at_it(&first, true);
    collect_one(&second);
    mark_it(&second); /* in place of the first's */
    look_at_it(&second, true);
    settle_it(&first);
    CHECK_U64(first.freed, 0);
    settle_it(&second);
    CHECK_U64(second.freed, 5000);
    CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
    end();
}

/* An evictor in another process that stands still, or is killed, after `n_steps` steps. */
static pid_t evictor_at(unsigned n_steps)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        struct evictor evictor;
        open_anew();
        collect_one(&evictor);
        mark_it(&evictor);
        if (n_steps > 1) look_at_it(&evictor, true);
        if (n_steps > 2) {
            CHECK(brain_view_swap_note(&evictor.few.view[0], evictor.few.mark, PL_NOTE_EVICTED));
        }
        CHECK_SYS(raise(SIGSTOP));
        if (n_steps <= 2) {
            settle_it(&evictor);
            CHECK_U64(evictor.freed, 0); /* another has evicted it meanwhile */
        }
        _exit(0);
    }
    int status;
    CHECK_SYS(waitpid(pid, &status, WUNTRACED));
    CHECK(WIFSTOPPED(status));
    return pid;
}

static void test_an_evictor_that_stands_still_keeps_nothing(void)
{
    for (unsigned n_steps = 1; n_steps <= 2; n_steps++) {
        brain_view view;
        begin(CHECK_MIB);
        CHECK_OK(put(1, 5000));
        pid_t evictor = evictor_at(n_steps);
        CHECK_OK(get(1, &view)); /* and who gets it keeps it all the same */
        CHECK_U64(evict_all(), 0);
        pl_use_drop(&objects, &view);
        check_kill(evictor);

        CHECK_U64(evict_all(), 5000);
        CHECK_OK(put(1, 5000));
        evictor = evictor_at(n_steps);
        CHECK_U64(evict_all(), 5000);
        CHECK_U64(check_live(store), 0);
        CHECK_OK(put(1, 8)); /* a new one, which is not his */
        CHECK_SYS(kill(evictor, SIGCONT));
        CHECK_CHILD(evictor);
        CHECK_OK(exists(1));
        end();
    }
}

static void test_what_a_dead_evictor_marked(void)
{
    for (unsigned n_steps = 1; n_steps <= 3; n_steps++) {
        begin(CHECK_MIB);
        CHECK_OK(put(1, CHECK_MIB));
        pid_t evictor = evictor_at(n_steps);
        check_kill(evictor);
        CHECK_CODE(exists(1), n_steps == 3 ? BRAIN_E_NOT_FOUND : 0);
        CHECK_OK(put(2, CHECK_MIB)); /* there is room */
        CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
        CHECK_OK(exists(2));
        end();
    }
}

/* The next client may have the row that stands in a dead evictor's mark. */
static void test_a_mark_of_one_who_had_the_same_row(void)
{
    brain_view view;
    begin(CHECK_MIB);
    CHECK_OK(put(1, 5000));
    CHECK_OK(get(1, &view));
    for (unsigned turn = 0; turn < 2; turn++) {
        pid_t pid = check_fork();
        if (pid == 0) {
            struct evictor evictor;
            open_anew();
            collect_one(&evictor);
            mark_it(&evictor);
            if (turn == 1) look_at_it(&evictor, false);
            _exit(0);
        }
        CHECK_CHILD(pid);
        CHECK_OK(brain_reap(store, NULL));
    }
    CHECK_OK(exists(1));
    pl_use_drop(&objects, &view);
    end();
}

/* ---- deleting */

static void test_a_deletion_waits_for_the_last(void)
{
    brain_view one, two;
    begin(CHECK_MIB);
    CHECK_OK(put(1, 5000));
    CHECK_OK(get(1, &one));
    CHECK_OK(get(1, &two));
    CHECK_OK(pl_remove_object(&objects, id(1)));
    CHECK_OK(exists(1));
    CHECK_CODE(put(1, 3), BRAIN_E_EXISTS);
    pl_use_drop(&objects, &one);
    CHECK_OK(exists(1));
    pl_use_drop(&objects, &two);
    CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
    end();
}

/* The evictor's pin is no use, but the deleter cannot know. */
static void test_a_deletion_beside_an_evictor(void)
{
    for (unsigned step = 0; step < 2; step++) {
        struct evictor evictor;
        begin(CHECK_MIB);
        CHECK_OK(put(1, 5000));
        collect_one(&evictor);
        mark_it(&evictor);
        if (step == 1) look_at_it(&evictor, true);
        CHECK_OK(pl_remove_object(&objects, id(1)));
        if (step == 0) look_at_it(&evictor, true);
        settle_it(&evictor);
        CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
        end();
    }
}

/* One who lets go has looked at the note before the deleter, and drops his pin after. */
static void test_a_doomed_one_that_nobody_has_counts_as_missing(void)
{
    for (unsigned way = 0; way < 6; way++) {
        brain_view view;
        uint64_t freed;
        begin(CHECK_MIB);
        CHECK_OK(put(1, 5000));
        CHECK_OK(get(1, &view));
        CHECK_OK(pl_remove_object(&objects, id(1)));
        brain_view_drop(&view);
        CHECK_OK(stands(1));
        switch (way) {
        case 0:
            CHECK_CODE(exists(1), BRAIN_E_NOT_FOUND);
            break;
        case 1:
            CHECK_CODE(get(1, &view), BRAIN_E_NOT_FOUND);
            break;
        case 2:
            CHECK_OK(pl_remove_dead(&objects));
            break;
        case 3:
            CHECK_OK(pl_evict_some(&objects, 1, false, &freed));
            CHECK_U64(freed, 5000);
            break;
        case 4:
            CHECK_OK(put(1, 5));
            CHECK_OK(pl_remove_object(&objects, id(1)));
            break;
        case 5:
            CHECK_OK(pl_remove_object(&objects, id(1)));
            break;
        }
        CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
        CHECK_U64(check_live(store), 0);
        end();
    }
}

/* ---- creating */

static int create(unsigned number, uint64_t size, struct pl_creation *made)
{
    return pl_create_object(&objects, id(number), size, "", 0, made);
}

static void seal_and_release(struct pl_creation *made)
{
    CHECK_OK(pl_create_seal(&objects, made));
    pl_create_release(&objects, made);
}

static void test_what_is_created_holds_room(void)
{
    static struct pl_creation made[2000];
    static const uint64_t sizes[] = { 1, 100, 1984, 1985, 50000 };
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint64_t capacity = 100000;
        unsigned n = (unsigned)(capacity / sizes[i] < 2000 ? capacity / sizes[i] : 2000);
        begin(capacity);
        brain_space *space = check_space(store, "default");
        uint64_t rest = capacity - n * sizes[i];
        void *zeros = calloc(1, rest + 1);
        if (rest > 0) CHECK_OK(brain_put_bytes(space, "named", 5, zeros, rest));
        for (unsigned at = 0; at < n; at++)
            CHECK_OK(create(at, sizes[i], &made[at]));
        struct pl_creation more;
        CHECK_CODE(create(n, 1, &more), BRAIN_E_FULL);
        CHECK_CODE(stands(n), BRAIN_E_NOT_FOUND);
        CHECK_U64(n_standing(), n);
        for (unsigned at = 0; at < n; at++)
            seal_and_release(&made[at]);
        CHECK_U64(check_live(store), capacity);
        for (unsigned at = 0; at < n; at++)
            CHECK_OK(exists(at));
        CHECK_U64(evict_all(), capacity - rest);
        CHECK_U64(check_live(store), rest);
        free(zeros);
        brain_space_close(space);
        end();
    }
}

static void test_giving_up_gives_back(void)
{
    static const uint64_t sizes[] = { 0, 100, 5000 };
    for (unsigned i = 0; i < 3; i++) {
        struct pl_creation made;
        begin(CHECK_MIB);
        CHECK_OK(create(1, sizes[i], &made));
        CHECK_CODE(put(1, 1), BRAIN_E_EXISTS);
        CHECK_CODE(pl_remove_object(&objects, id(1)), BRAIN_E_NOT_FOUND);
        pl_create_abort(&objects, &made);
        pl_create_release(&objects, &made);
        CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
        CHECK_U64(check_live(store), 0);
        CHECK_U64(check_stat(store).private_bytes, 0);
        end();
    }
}

/* What a process leaves that dies between create and seal, and who meets it. */
static void test_a_dead_creator_leaves_nothing(void)
{
    static const uint64_t sizes[] = { 100, CHECK_MIB };
    for (unsigned i = 0; i < 10; i++) {
        struct pl_creation made;
        uint64_t size = sizes[i % 2], freed;
        begin(CHECK_MIB);
        pid_t pid = check_fork();
        if (pid == 0) {
            open_anew();
            CHECK_OK(create(1, size, &made));
            _exit(0);
        }
        CHECK_CHILD(pid);
        CHECK_OK(stands(1));
        CHECK_CODE(exists(1), BRAIN_E_NOT_FOUND);
        switch (i / 2) {
        case 0:
            CHECK_OK(put(1, CHECK_MIB));
            break;
        case 1:
            CHECK_OK(create(1, CHECK_MIB, &made));
            seal_and_release(&made);
            break;
        case 2:
            CHECK_OK(pl_remove_dead(&objects));
            CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
            CHECK_OK(put(1, CHECK_MIB));
            break;
        case 3:
            CHECK_OK(put(2, CHECK_MIB)); /* also of another id: its room is free */
            CHECK_OK(put(1, CHECK_MIB));
            break;
        case 4:
            CHECK_OK(pl_evict_some(&objects, 1, false, &freed));
            CHECK_OK(put(1, CHECK_MIB));
            break;
        }
        CHECK_OK(exists(1));
        CHECK_U64(n_standing(), 1);
        CHECK_U64(check_live(store), CHECK_MIB);
        end();
    }
}

/* ---- telling */

static const uint8_t *token(uint8_t number)
{
    static uint8_t tokens[4][PL_TOKEN_BYTES];
    memset(tokens[number % 4], number + 1, PL_TOKEN_BYTES);
    return tokens[number % 4];
}

/* Namespaces of queues. */
static unsigned n_queues(void)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    unsigned n = 0;
    CHECK_OK(brain_iter_spaces(store, NULL, &iter));
    while (brain_iter_next(iter, &name, &len) == 0)
        n += len == 8 + PL_TOKEN_BYTES && memcmp(name, "\xffplasma:", 8) == 0;
    brain_iter_free(iter);
    return n;
}

static size_t take_all(const uint8_t *from, struct pl_notice *first)
{
    struct pl_notice *notices = NULL;
    size_t n = 0;
    uint64_t number = 0;
    int code = pl_queue_take(&objects, from, 0, &number, &notices, &n);
    CHECK(code == 0 || code == BRAIN_E_TIMEOUT);
    for (size_t i = 1; i < n; i++)
        CHECK(notices[i].version > notices[i - 1].version);
    if (n > 0 && first != NULL) *first = notices[0];
    free(notices);
    return n;
}

static int put_told(struct pl_telling *telling, unsigned number)
{
    uint8_t meta[PL_TRAILER_BYTES] = { [24] = 1 };
    const brain_value value = { .meta = meta, .meta_len = sizeof meta, .description = "" };
    int code =
        brain_batch_put_if(telling->batch, objects.space, id(number), BRAIN_ID_BYTES, &value, 0);
    if (code == 0) code = brain_batch_commit(telling->batch, NULL);
    pl_queue_told(telling);
    return code;
}

static void test_the_list_changes_between_telling_and_commit(void)
{
    struct pl_notice notice = { .data_bytes = 5 };
    struct pl_telling telling;
    struct pl_notice got;
    begin(CHECK_MIB);

    CHECK_OK(pl_queue_tell(&objects, &notice, &telling)); /* a first subscriber */
    CHECK_OK(pl_queue_subscribe(&objects, token(0)));
    CHECK_CODE(put_told(&telling, 1), BRAIN_E_STALE);
    CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
    CHECK_OK(pl_queue_tell(&objects, &notice, &telling));
    CHECK_OK(put_told(&telling, 1));
    CHECK_U64(take_all(token(0), &got), 1);
    CHECK_U64(got.data_bytes, 5);

    CHECK_OK(pl_queue_tell(&objects, &notice, &telling)); /* a second */
    CHECK_OK(pl_queue_subscribe(&objects, token(1)));
    CHECK_CODE(put_told(&telling, 2), BRAIN_E_STALE);
    CHECK_U64(take_all(token(0), NULL), 0);

    CHECK_OK(pl_queue_tell(&objects, &notice, &telling)); /* one goes */
    CHECK_OK(pl_queue_unsubscribe(&objects, token(0)));
    CHECK_CODE(put_told(&telling, 2), BRAIN_E_STALE);
    CHECK_U64(n_queues(), 0); /* his, which was there, is not made anew */

    CHECK_OK(pl_queue_tell(&objects, &notice, &telling)); /* the last one */
    CHECK_OK(pl_queue_unsubscribe(&objects, token(1)));
    CHECK_CODE(put_told(&telling, 2), BRAIN_E_STALE);
    CHECK_OK(put(2, 1));
    CHECK_U64(n_queues(), 0);
    end();
}

/* Also of one that an evictor had done with and did not delete, when another takes its place. */
static void test_an_end_is_told_before_the_next_beginning(void)
{
    for (unsigned way = 0; way < 2; way++) {
        struct pl_creation made;
        struct pl_notice first;
        begin(CHECK_MIB);
        CHECK_OK(put(1, 100));
        CHECK_OK(pl_queue_subscribe(&objects, token(0)));
        check_kill(evictor_at(3));
        if (way == 0) CHECK_OK(put(1, 100));
        if (way == 1) {
            CHECK_OK(create(1, 100, &made));
            seal_and_release(&made);
        }
        CHECK_U64(take_all(token(0), &first), 2);
        CHECK(first.data_bytes == -1);
        end();
    }
}

/* All ways in which an object changes, when the telling drops a subscriber that is lost. */
static void test_whoever_drops_a_lost_subscriber_goes_on(void)
{
    for (unsigned way = 0; way < 4; way++) {
        struct pl_creation made;
        uint64_t freed;
        begin(8 * CHECK_MIB);
        CHECK_OK(put(1, 100));
        CHECK_OK(create(2, 100, &made));
        pid_t pid = check_fork();
        if (pid == 0) {
            open_anew();
            CHECK_OK(pl_queue_subscribe(&objects, token(0)));
            _exit(0);
        }
        CHECK_CHILD(pid);
        for (unsigned number = 0; number < 512; number++) { /* two entries each */
            CHECK_OK(put(100, 1));
            CHECK_OK(pl_remove_object(&objects, id(100)));
        }
        CHECK_U64(n_queues(), 1);
        switch (way) {
        case 0:
            CHECK_OK(put(3, 1));
            break;
        case 1:
            CHECK_OK(pl_remove_object(&objects, id(1)));
            CHECK_CODE(stands(1), BRAIN_E_NOT_FOUND);
            break;
        case 2:
            CHECK_OK(pl_create_seal(&objects, &made));
            CHECK_OK(exists(2));
            break;
        case 3:
            CHECK_OK(pl_evict_some(&objects, 1, false, &freed));
            CHECK_U64(freed, 100);
            break;
        }
        CHECK_U64(n_queues(), 0);
        pl_create_abort(&objects, &made);
        pl_create_release(&objects, &made);
        end();
    }
}

static void test_the_sweep_removes_the_queues_of_the_dead_and_of_nobody(void)
{
    brain_space *stray;
    uint8_t name[8 + PL_TOKEN_BYTES] = "\xffplasma:";
    begin(CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        open_anew();
        CHECK_OK(pl_queue_subscribe(&objects, token(0)));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_OK(pl_queue_subscribe(&objects, token(1)));
    CHECK_OK(put(1, 1));
    memcpy(name + 8, token(2), PL_TOKEN_BYTES);
    CHECK_OK(brain_space_open(store, name, sizeof name, &stray));
    CHECK_OK(brain_put_bytes(stray, "entry", 5, "", 0));
    brain_space_close(stray);
    CHECK_U64(n_queues(), 3);
    CHECK_OK(pl_remove_dead(&objects));
    CHECK_U64(n_queues(), 1);
    CHECK_U64(take_all(token(1), NULL), 1);
    end();
}

static void test_who_is_too_far_behind_is_dropped(void)
{
    struct pl_notice notice = { .data_bytes = 5 }, *notices;
    struct pl_telling telling;
    uint64_t number = 0;
    size_t n;
    begin(CHECK_MIB);
    CHECK_OK(pl_queue_subscribe(&objects, token(0)));
    for (unsigned i = 0; i < PL_QUEUE_MAX; i++) {
        CHECK_OK(pl_queue_tell(&objects, &notice, &telling));
        CHECK_OK(brain_batch_commit(telling.batch, NULL));
        pl_queue_told(&telling);
    }
    CHECK_CODE(pl_queue_tell(&objects, &notice, &telling), BRAIN_E_STALE);
    CHECK_CODE(pl_queue_take(&objects, token(0), 0, &number, &notices, &n), BRAIN_E_NOT_FOUND);
    CHECK_U64(n_queues(), 0);
    CHECK_OK(put(1, 1));
    end();
}

/* ---- damage */

struct damage {
    const char *what;
    uint32_t kind;
    size_t size, meta_len, name_len;
    uint8_t meta[64];
};

static const struct damage damages[] = {
    { "no metadata", BRAIN_KIND_RAW, 10, 0, 20, { 0 } },
    { "short metadata", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES - 1, 20, { 0 } },
    { "another version", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES, 20, { [24] = 2 } },
    { "more metadata than bytes", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES, 20, { 11, [24] = 1 } },
    { "no kind of ours", 201, 10, PL_TRAILER_BYTES, 20, { [24] = 1 } },
    { "a tensor that is none", BRAIN_KIND_TENSOR, 10, PL_TRAILER_BYTES, 20, { [24] = 1 } },
    { "unsealed, short", BRAIN_KIND_UNSEALED, 0, 39, 20, { 0 } },
    { "unsealed, long", BRAIN_KIND_UNSEALED, 0, 41, 20, { 0 } },
    { "unsealed, another version", BRAIN_KIND_UNSEALED, 0, 40, 20, { [36] = 9 } },
    { "unsealed, a row that is none",
      BRAIN_KIND_UNSEALED,
      5,
      40,
      20,
      { [32] = 255, [33] = 255, [34] = 255, [35] = 255, [36] = 1 } },
    { "unsealed, a seat that is none", BRAIN_KIND_UNSEALED, 5, 40, 20, { [24] = 255, [36] = 1 } },
    { "a short name", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES, 3, { [24] = 1 } },
    { "no name", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES, 0, { [24] = 1 } },
    { "a long name", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES, 2000, { [24] = 1 } },
    { "a short name, evicted",
      BRAIN_KIND_RAW,
      10,
      PL_TRAILER_BYTES,
      3,
      { [24] = 1, [32] = 255, 255, 255, 255, 255, 255, 255, 255 } },
    { "a short name, doomed", BRAIN_KIND_RAW, 10, PL_TRAILER_BYTES, 3, { [24] = 1, [39] = 128 } },
};

static void test_what_is_damaged_harms_nothing_else(void)
{
    static uint8_t name[2000];
    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++) {
        const struct damage *damage = &damages[i];
        struct pl_creation made;
        brain_view view;
        snprintf(check_note, sizeof check_note, "%s", damage->what);
        begin(CHECK_MIB);
        memcpy(name, id(1), BRAIN_ID_BYTES);
        const brain_part part = { .data = "0123456789", .size_bytes = damage->size };
        const brain_value value = { .kind = damage->kind,
                                    .n_parts = 1,
                                    .parts = &part,
                                    .meta = damage->meta,
                                    .meta_len = damage->meta_len,
                                    .description = "" };
        CHECK_OK(brain_put(objects.space, name, damage->name_len, &value, 0, NULL));
        int code = get(1, &view);
        if (code == 0) pl_use_drop(&objects, &view);
        code = exists(1);
        code = put(1, 1);
        code = create(1, 1, &made);
        if (code == 0) seal_and_release(&made);
        CHECK_OK(pl_remove_dead(&objects));
        for (unsigned number = 10; number < 20; number++) /* most of them evict */
            CHECK_OK(put(number, CHECK_MIB / 2));
        CHECK_OK(exists(19));
        code = pl_remove_object(&objects, id(1));
        code = get(1, &view);
        if (code == 0) pl_use_drop(&objects, &view);
        end();
    }
    check_note[0] = '\0';
}

static void test_a_damaged_list_of_subscribers(void)
{
    static const size_t lens[] = { 1, 31, 33, 64 };
    static const uint8_t bytes[64] = { 1, 2, 3 };
    for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
        begin(CHECK_MIB);
        const brain_value value = { .meta = bytes, .meta_len = lens[i], .description = "" };
        CHECK_OK(brain_put(objects.control, "subscribers", 11, &value, 0, NULL));
        CHECK_OK(put(1, 1));
        CHECK_OK(pl_queue_subscribe(&objects, token(0)));
        CHECK_OK(put(2, 1));
        CHECK_U64(take_all(token(0), NULL), 1);
        CHECK_OK(pl_remove_dead(&objects));
        CHECK_U64(n_queues(), 1);
        end();
    }
}

int main(void)
{
    check_begin();
    test_who_gets_it_before_the_end_keeps_it();
    test_who_gets_it_after_the_end_misses_it();
    test_a_second_mark_is_not_the_first();
    test_a_pin_of_the_evictor_may_be_a_buffer();
    test_two_at_once_evict_it_once();
    test_an_evictor_that_stands_still_keeps_nothing();
    test_what_a_dead_evictor_marked();
    test_a_mark_of_one_who_had_the_same_row();
    test_a_deletion_waits_for_the_last();
    test_a_deletion_beside_an_evictor();
    test_a_doomed_one_that_nobody_has_counts_as_missing();
    test_what_is_created_holds_room();
    test_giving_up_gives_back();
    test_a_dead_creator_leaves_nothing();
    test_the_list_changes_between_telling_and_commit();
    test_an_end_is_told_before_the_next_beginning();
    test_whoever_drops_a_lost_subscriber_goes_on();
    test_the_sweep_removes_the_queues_of_the_dead_and_of_nobody();
    test_who_is_too_far_behind_is_dropped();
    test_what_is_damaged_harms_nothing_else();
    test_a_damaged_list_of_subscribers();
    return 0;
}
