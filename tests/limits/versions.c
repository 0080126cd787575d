/* versions.c - what a process of either version does to a store that both have open; for tests/limits/versions.
 *
 *     versions make PATH
 *     versions write PATH NUMBER    all that a store can do, until it is killed; looks at what others put
 *     versions busy PATH            whether somebody holds the lock
 *     versions counts PATH          what was ever counted
 *     versions check PATH           every value, every invariant; recovers from the dead first
 *     versions end PATH             all is given back; then the store is destroyed
 *
 * Uses nothing but brain.h, so that it can be built with the library of any version; WITH_BRAIN_REAP and so on
 * where that has calls that the first ones had not.
 */
#include <pthread.h>

#include "../unit/check.h"

#define CAPACITY  (256 * CHECK_MIB)
#define SIZE_MAX_ 400000u

enum {
    N_WRITERS = 6, /* the most there are */
    N_NAMES = 24,  /* of each; the last two always change together */
    PAIR = N_NAMES - 2
};

/* The beginning of each value. */
struct head {
    uint64_t sequence;
    uint32_t writer;
    uint32_t name;
};

static uint8_t data[SIZE_MAX_];
static uint64_t newest[N_WRITERS][N_NAMES]; /* sequence numbers that were seen */
static brain_store *store;
static brain_space *spaces[N_WRITERS];
static uint64_t sequence;

static size_t size_of(uint64_t seed)
{
    static const size_t sizes[] = { 16, 24, 120, 1000, 1900, 2100, 9000, 60000, SIZE_MAX_ };
    return sizes[check_mix(seed) % (sizeof sizes / sizeof *sizes)];
}

static uint64_t seed_of(const struct head *head)
{
    return check_mix(head->sequence ^ (uint64_t)head->writer << 40 ^ (uint64_t)head->name << 50);
}

static size_t make_value(uint32_t writer, uint32_t name)
{
    struct head head = { ++sequence, writer, name };
    size_t size = size_of(seed_of(&head));
    memcpy(data, &head, sizeof head);
    check_fill(data + sizeof head, size - sizeof head, seed_of(&head));
    return size;
}

static uint64_t look_at(const brain_view *view, uint32_t writer, uint32_t name)
{
    struct head head;
    CHECK(view->size_bytes >= sizeof head);
    memcpy(&head, view->data, sizeof head);
    CHECK_U64(head.writer, writer);
    CHECK_U64(head.name, name);
    CHECK_U64(view->size_bytes, size_of(seed_of(&head)));
    CHECK(check_is_filled((const uint8_t *)view->data + sizeof head, view->size_bytes - sizeof head,
                          seed_of(&head)));
    CHECK(head.sequence >= newest[writer][name]); /* never the old after the new */
    newest[writer][name] = head.sequence;
    return head.sequence;
}

/* 0 where it is not there. */
static uint64_t read_value(uint32_t writer, uint32_t name)
{
    brain_view view;
    int err = brain_get(spaces[writer], &name, sizeof name, &view);
    if (err == BRAIN_E_NOT_FOUND) {
        return 0;
    }
    CHECK_OK(err);
    uint64_t found = look_at(&view, writer, name);
    brain_view_drop(&view);
    return found;
}

static void read_pair(uint32_t writer)
{
    uint32_t names[2] = { PAIR, PAIR + 1 };
    brain_key keys[2];
    brain_view views[2];
    for (int i = 0; i < 2; i++) {
        keys[i] = (brain_key){ spaces[writer], &names[i], sizeof names[i] };
    }
    CHECK_OK(brain_get_many(store, keys, 2, views, NULL));
    CHECK((views[0].store == NULL) == (views[1].store == NULL));
    CHECK(views[0].store == NULL || views[0].version == views[1].version);
    for (int i = 0; i < 2; i++) {
        if (views[i].store != NULL) {
            (void)look_at(&views[i], writer, names[i]);
            brain_view_drop(&views[i]);
        }
    }
}

/* ---- changes */

static void put(uint32_t writer, uint32_t name)
{
    size_t size = make_value(writer, name);
    CHECK_OK(brain_put_bytes(spaces[writer], &name, sizeof name, data, size));
    newest[writer][name] = sequence;
}

static void put_object(uint32_t writer, uint32_t name)
{
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    size_t size = make_value(writer, name);
#ifdef WITH_BRAIN_CREATE_IN_PLACE
    CHECK_OK(check_below(2) == 0 ? brain_create(store, size, &object)
                                 : brain_create_in_place(store, size, &object));
#else
    CHECK_OK(brain_create(store, size, &object));
#endif
    memcpy(brain_object_data(object), data, size);
    CHECK_OK(brain_object_seal(object, spaces[writer], &name, sizeof name, &bare, BRAIN_ANY_VERSION,
                               NULL));
    newest[writer][name] = sequence;
    brain_object_release(object);
}

static void change_pair(uint32_t writer)
{
    brain_batch *batch;
    bool is_delete = check_below(4) == 0;
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t name = PAIR; name < N_NAMES; name++) {
        if (is_delete) {
            CHECK_OK(brain_batch_delete(batch, spaces[writer], &name, sizeof name));
        } else {
            size_t size = make_value(writer, name);
            brain_part part = { .data = data, .size_bytes = size };
            brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
            CHECK_OK(brain_batch_put(batch, spaces[writer], &name, sizeof name, &value));
        }
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

/* A namespace of many names, made in one batch and removed: the index grows, slots go round, and the lock is held
 * for long, so that some die with it. */
static void use_namespace(uint32_t writer)
{
    char text[32];
    brain_batch *batch;
    snprintf(text, sizeof text, "guests %u", (unsigned)writer);
    brain_space *space = check_space(store, text);
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t name = 0; name < 3000; name++) {
        brain_part part = { .data = &name, .size_bytes = sizeof name };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        CHECK_OK(brain_batch_put(batch, space, &name, sizeof name, &value));
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    CHECK_OK(brain_space_remove(space));
    brain_space_close(space);
}

static void look_as_of_one_moment(uint32_t writer)
{
    brain_snapshot *snapshot;
    brain_iter *iter;
    const void *name;
    size_t len;
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_iter_names(spaces[writer], snapshot, &iter));
    while (brain_iter_next(iter, &name, &len) == 0) {
        brain_view view;
        CHECK_U64(len, sizeof(uint32_t));
        CHECK_OK(brain_iter_get(iter, &view));
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    brain_snapshot_close(snapshot);
}

static void reopen(const char *path)
{
    brain_store *second = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    brain_close(second);
    pid_t pid = check_fork();
    if (pid == 0) {
        (void)read_value(0, 0);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

static void *get_one(void *name)
{
    brain_view view;
    int err = brain_get(spaces[0], name, sizeof(uint32_t), &view);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    if (err == 0) {
        brain_view_drop(&view);
    }
    return NULL;
}

/* By threads of their own: what they count has a page of the ledger. */
static void get_in_threads(void)
{
    pthread_t threads[3];
    uint32_t names[3] = { 0, 1, 2 };
    for (int i = 0; i < 3; i++) {
        CHECK_OK(pthread_create(&threads[i], NULL, get_one, &names[i]));
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(pthread_join(threads[i], NULL));
    }
}

/* A view that is kept for a while: its bytes stay, whoever else writes or reclaims, and whatever dies. */
static void hold_another(uint32_t writer, uint32_t name)
{
    static brain_view held;
    static uint32_t of[2];
    if (held.store != NULL) {
        struct head head;
        memcpy(&head, held.data, sizeof head);
        CHECK(head.writer == of[0] && head.name == of[1]);
        CHECK_U64(held.size_bytes, size_of(seed_of(&head)));
        CHECK(check_is_filled((const uint8_t *)held.data + sizeof head,
                              held.size_bytes - sizeof head, seed_of(&head)));
        brain_view_drop(&held);
        held.store = NULL;
    }
    int err = brain_get(spaces[writer], &name, sizeof name, &held);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    held.store = err == 0 ? held.store : NULL;
    of[0] = writer;
    of[1] = name;
}

/* All that there is, while others write: nothing of it is damaged. */
static void look_at_objects(void)
{
#ifdef WITH_BRAIN_OBJECTS
    static brain_object_info infos[64];
    uint32_t cursor = 0;
    size_t n;
    int err;
    infos[0].struct_size = sizeof infos[0];
    do {
        err = brain_objects(store, BRAIN_OBJECT_LIVE | BRAIN_OBJECT_LIMBO | BRAIN_OBJECT_DRAFT,
                            &cursor, infos, 64, &n);
    } while (err == 0);
    CHECK_CODE(err, BRAIN_E_NOT_FOUND);
#endif
}

static void reap(void)
{
#ifdef WITH_BRAIN_REAP
    CHECK_OK(brain_reap(store, NULL));
#endif
}

static void change(const char *path, uint32_t self)
{
    uint32_t name = (uint32_t)check_below(PAIR), other = (uint32_t)check_below(N_WRITERS);
    switch (check_below(200)) {
    case 0:
        CHECK_OK(brain_trim(store, NULL));
        break;
    case 1:
        reopen(path);
        break;
    case 2:
        reap();
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        use_namespace(self);
        break;
    case 8:
    case 9:
        get_in_threads();
        break;
    case 10:
    case 11:
    case 12:
        look_at_objects();
        break;
    case 13:
    case 14:
        hold_another(other, name);
        break;
    default:
        switch (check_below(8)) {
        case 0:
            change_pair(self);
            break;
        case 1:
            put_object(self, name);
            break;
        case 2: {
            int err = brain_delete(spaces[self], &name, sizeof name, BRAIN_ANY_VERSION);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
            break;
        }
        case 3:
            look_as_of_one_moment(other);
            break;
        case 4:
            read_pair(other);
            break;
        default:
            put(self, name);
            break;
        }
    }
    (void)read_value(other, name);
}

/* ---- what it is told to do */

static void begin(const char *path)
{
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    for (uint32_t writer = 0; writer < N_WRITERS; writer++) {
        char name[32];
        snprintf(name, sizeof name, "writer %u", (unsigned)writer);
        spaces[writer] = check_space(store, name);
    }
}

static void look_at_all(void)
{
    for (uint32_t writer = 0; writer < N_WRITERS; writer++) {
        for (uint32_t name = 0; name < N_NAMES; name++) {
            uint64_t found = read_value(writer, name);
            sequence = found > sequence ? found : sequence;
        }
        read_pair(writer);
    }
}

static void write_on(const char *path, uint32_t self)
{
    CHECK(self < N_WRITERS);
    begin(path);
    look_at_all();
    get_in_threads();
    for (;;) {
        change(path, self);
    }
}

static void print_counts(void)
{
#ifdef WITH_BRAIN_COUNTS
    uint64_t counts[BRAIN_N_COUNTS];
    CHECK_OK(brain_counts(store, counts));
    for (int i = 0; i < BRAIN_N_COUNTS; i++) {
        printf("%llu\n", (unsigned long long)counts[i]);
    }
#endif
}

static void end(void)
{
    for (uint32_t writer = 0; writer < N_WRITERS; writer++) {
        int err = brain_space_remove(spaces[writer]);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    }
    reap();
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_clients, 1);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_SOUND(store);
    printf("%llu commits, %llu of the dead were recovered from\n",
           (unsigned long long)stat.committed, (unsigned long long)stat.n_recoveries);
    CHECK_OK(brain_destroy(store));
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = check_new_seed();
    if (argc < 3) {
        fprintf(stderr, "the head of the source says what to give\n");
        return 2;
    }
    const char *what = argv[1], *path = argv[2];
    if (strcmp(what, "make") == 0) {
        brain_close(check_open_with(path, CAPACITY, BRAIN_OPEN_EXCLUSIVE));
    } else if (strcmp(what, "write") == 0 && argc > 3) {
        write_on(path, (uint32_t)strtoul(argv[3], NULL, 10));
    } else if (strcmp(what, "busy") == 0) {
        begin(path);
        printf("%d\n", brain_is_busy(store));
    } else if (strcmp(what, "counts") == 0) {
        begin(path);
        print_counts();
    } else if (strcmp(what, "check") == 0) {
        begin(path);
        look_at_all();
        CHECK_SOUND(store); /* recovers from a dead owner of the lock */
        look_at_all();
        reap();
    } else if (strcmp(what, "end") == 0) {
        begin(path);
        end();
    } else {
        return 2;
    }
    return 0;
}
