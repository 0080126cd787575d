/* test_events.c - what is told of what a process does: each event once, after the fact, in the thread that did it,
 * outside of the lock; and nothing where nobody asked (G49). */
#include "check.h"

#include <pthread.h>

#include "client.h"
#include "event.h"
#include "lock.h"
#include "store.h"

static brain_store *store;
static brain_space *space;

struct told {
    uint32_t kind;
    char name[40], space[40], text[300];
    uint64_t version, bytes;
    pthread_t thread;
    bool has_name;
};
static struct told told[1000];
static uint32_t n_told;

static void copy_text(char *to, size_t room, const void *from, uint32_t len)
{
    CHECK(len < room);
    if (from != NULL) {
        memcpy(to, from, len);
    }
    to[len] = '\0';
}

static void note(void *context, const brain_event *event)
{
    CHECK(context == &told && n_told < 1000);
    CHECK((event->name != NULL || event->name_len == 0) &&
          (event->space != NULL || event->space_len == 0));
    struct told *one = &told[n_told++];
    *one = (struct told){ .kind = event->kind,
                          .version = event->version,
                          .bytes = event->bytes,
                          .thread = pthread_self(),
                          .has_name = event->name != NULL };
    copy_text(one->name, sizeof one->name, event->name, event->name_len);
    copy_text(one->space, sizeof one->space, event->space, event->space_len);
    if (event->text != NULL) {
        snprintf(one->text, sizeof one->text, "%s", event->text);
    }
    /* outside of the lock: of this process, at least */
    CHECK((bn_load_relaxed(&store->state->lock_word) & BN_LOCK_OWNER) != store->row + 1);
}

static void listen_to(uint32_t kinds)
{
    n_told = 0;
    CHECK_OK(brain_on_event(store, kinds, kinds != 0 ? note : NULL, &told));
}

static void begin(uint64_t capacity)
{
    store = check_open(check_path(), capacity);
    space = check_space(store, "default");
    listen_to(BRAIN_EVENTS_ALL);
}

static void end(void)
{
    listen_to(0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* The next that was told. */
#define NEXT(kind_, name_, version_, bytes_) check_next(__LINE__, kind_, name_, version_, bytes_)
static uint32_t n_seen;
static const struct told *check_next(int line, uint32_t kind, const char *name, uint64_t version,
                                     uint64_t bytes)
{
    const struct told *one = &told[n_seen];
    if (n_seen >= n_told) {
        check_fail(__FILE__, line, "nothing was told");
    }
    if (one->kind != kind || one->version != version || one->bytes != bytes ||
        one->has_name != (name != NULL) || strcmp(one->name, name != NULL ? name : "") != 0) {
        check_fail(__FILE__, line, "told: kind %u, name \"%s\", version %llu, bytes %llu, \"%s\"",
                   one->kind, one->name, (unsigned long long)one->version,
                   (unsigned long long)one->bytes, one->text);
    }
    n_seen++;
    return one;
}
static void no_more(void)
{
    if (n_seen != n_told) {
        check_fail(__FILE__, __LINE__, "also told: kind %u, name \"%s\", \"%s\"", told[n_seen].kind,
                   told[n_seen].name, told[n_seen].text);
    }
    n_seen = n_told = 0;
}

static uint64_t put(const char *name, size_t size)
{
    static uint8_t bytes[CHECK_MIB];
    uint64_t version;
    brain_part part = { .data = bytes, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, &version));
    return version;
}

/* ---- of values */

static void check_gets(void)
{
    begin(4 * CHECK_MIB);
    brain_view view, views[2];
    uint8_t id[BRAIN_ID_BYTES];
    uint64_t buf[64];
    brain_hint hint = { 0 };
    uint64_t v = put("a", 8);
    CHECK(strcmp(NEXT(BRAIN_EVENT_PUT, "a", v, 8)->space, "default") == 0);
    no_more();
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK(strcmp(NEXT(BRAIN_EVENT_GET, "a", v, 8)->space, "default") == 0);
    brain_view_id(&view, id);
    brain_view_drop(&view);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(brain_get_or_copy(space, "a", 1, &hint, buf, sizeof buf, &view));
        NEXT(BRAIN_EVENT_GET, "a", v, 8);
    }
    CHECK_OK(brain_get_by_id(store, id, &view));
    CHECK(strcmp(NEXT(BRAIN_EVENT_GET, "a", v, 8)->space, "") == 0);
    brain_view_drop(&view);
    CHECK_CODE(brain_get(space, "none", 4, &view), BRAIN_E_NOT_FOUND);
    CHECK(strcmp(NEXT(BRAIN_EVENT_MISS, "none", 0, 0)->space, "default") == 0);
    brain_key keys[] = { { space, "none", 4 }, { space, "a", 1 } };
    CHECK_OK(brain_get_many(store, keys, 2, views, NULL));
    NEXT(BRAIN_EVENT_MISS, "none", 0, 0);
    NEXT(BRAIN_EVENT_GET, "a", v, 8);
    brain_view_drop(&views[1]);
    no_more();
    CHECK_OK(brain_exists(space, "a", 1, &v));
    no_more();
    put("a", 9);
    n_seen = n_told = 0;
    CHECK_CODE(brain_get_by_id(store, id, &view), BRAIN_E_NOT_FOUND);
    NEXT(BRAIN_EVENT_MISS, NULL, 0, 0);
    no_more();
    listen_to(BRAIN_EVENT_MISS); /* of these kinds alone */
    CHECK_OK(brain_get(space, "a", 1, &view));
    brain_view_drop(&view);
    put("a", 9);
    no_more();
    CHECK_CODE(brain_get(space, "none", 4, &view), BRAIN_E_NOT_FOUND);
    NEXT(BRAIN_EVENT_MISS, "none", 0, 0);
    listen_to(0);
    n_seen = 0;
    CHECK_CODE(brain_get(space, "none", 4, &view), BRAIN_E_NOT_FOUND);
    no_more();
    end();
}

static void check_changes(void)
{
    begin(4 * CHECK_MIB);
    uint64_t version = 0, number;
    for (int i = 0; i < 300; i++) { /* both ways of a put */
        version = put("a", 8);
        NEXT(BRAIN_EVENT_PUT, "a", version, 8);
        no_more();
    }
    brain_batch *batch;
    brain_part part = { .data = "123", .size_bytes = 3 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, "b", 1, &value));
    CHECK_OK(brain_batch_put(batch, space, "c", 1, &value));
    CHECK_OK(brain_batch_delete(batch, space, "a", 1));
    CHECK_OK(brain_batch_delete(batch, space, "none", 4));
    no_more();
    CHECK_OK(brain_batch_commit(batch, &number));
    brain_batch_free(batch);
    NEXT(BRAIN_EVENT_DELETE, "a", version, 8); /* by name */
    NEXT(BRAIN_EVENT_PUT, "b", number, 3);
    NEXT(BRAIN_EVENT_PUT, "c", number, 3);
    no_more();
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    CHECK_OK(brain_create(store, 100000, &object));
    no_more();
    CHECK_OK(brain_object_seal(object, space, "o", 1, &bare, BRAIN_ANY_VERSION, &version));
    NEXT(BRAIN_EVENT_PUT, "o", version, 100000);
    brain_object_release(object);
    CHECK_OK(brain_delete(space, "o", 1, BRAIN_ANY_VERSION));
    NEXT(BRAIN_EVENT_DELETE, "o", version, 100000);
    CHECK_CODE(brain_delete(space, "o", 1, BRAIN_ANY_VERSION), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_put(space, "b", 1, &value, 0, NULL), BRAIN_E_EXISTS);
    no_more();
    CHECK_OK(brain_space_remove(space)); /* without a name: all of them */
    CHECK(strcmp(NEXT(BRAIN_EVENT_DELETE, NULL, 0, 6)->space, "default") == 0);
    CHECK_OK(brain_space_create(space));
    no_more();
    end();
}

static void check_refusals(void)
{
    begin(CHECK_MIB);
    static uint8_t bytes[2 * CHECK_MIB];
    brain_object *object;
    brain_part part = { .data = bytes, .size_bytes = sizeof bytes };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_FULL);
    CHECK(strstr(NEXT(BRAIN_EVENT_FULL, "a", 0, sizeof bytes)->text, "is full") != NULL);
    CHECK_DETAIL("is full"); /* as before, whatever was called meanwhile */
    CHECK_CODE(brain_create(store, sizeof bytes, &object), BRAIN_E_FULL);
    CHECK(strstr(NEXT(BRAIN_EVENT_FULL, NULL, 0, sizeof bytes)->text, "is full") != NULL);
    CHECK_OK(brain_space_set_quota(space, 1000));
    part.size_bytes = 1001;
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_QUOTA);
    CHECK(strstr(NEXT(BRAIN_EVENT_FULL, "a", 0, 1001)->text, "default") != NULL);
    no_more();
    end();
}

static void check_evicted(void)
{
    begin(CHECK_MIB);
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    uint64_t n_evicted = 0, n_put = 0;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "name %d", i);
        put(name, 100000);
    }
    for (uint32_t i = 0; i < n_told; i++) {
        n_evicted += told[i].kind == BRAIN_EVENT_EVICTED;
        n_put += told[i].kind == BRAIN_EVENT_PUT;
        CHECK(told[i].bytes == 100000 && told[i].version != 0);
        CHECK(strncmp(told[i].name, "name ", 5) == 0 && strcmp(told[i].space, "default") == 0);
    }
    CHECK_U64(n_evicted, check_stat(store).n_evicted);
    CHECK_U64(n_put, 20);
    CHECK_U64(n_told, n_evicted + n_put);
    n_seen = n_told;
    no_more();
    end();
}

/* ---- of others */

static void die_in_lock(void)
{
    uint32_t died;
    CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
    kill(getpid(), SIGKILL);
}

static pid_t start_child(void (*what)(void))
{
    pid_t pid = check_fork();
    if (pid == 0) {
        what();
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return pid;
}

static void hold_views(void)
{
    brain_view view;
    CHECK_OK(brain_get(space, "a", 1, &view));
    kill(getpid(), SIGKILL);
}

static bool names(const struct told *one, pid_t pid)
{
    char who[40];
    snprintf(who, sizeof who, "process %d (", (int)pid);
    return strncmp(one->text, who, strlen(who)) == 0 && strstr(one->text, "test_events") != NULL;
}

static void check_dead_writer(void)
{
    begin(4 * CHECK_MIB);
    put("a", 8);
    n_seen = n_told;
    pid_t pid = start_child(die_in_lock);
    no_more(); /* nobody knows it yet */
    uint64_t v = put("a", 8);
    NEXT(BRAIN_EVENT_PUT, "a", v, 8);
    bool recovered = false, reaped = false, waited = false;
    for (; n_seen < n_told; n_seen++) {
        const struct told *one = &told[n_seen];
        recovered = recovered || (one->kind == BRAIN_EVENT_RECOVERED && names(one, pid));
        reaped = reaped || (one->kind == BRAIN_EVENT_REAPED && names(one, pid));
        waited = waited || (one->kind == BRAIN_EVENT_WAITED && one->bytes > 0);
    }
    CHECK(recovered && reaped && waited);
    CHECK_U64(check_stat(store).n_recoveries, 1);
    no_more();
    end();
}

static void check_reaped(void)
{
    begin(4 * CHECK_MIB);
    put("a", 100000);
    n_seen = n_told;
    no_more();
    pid_t pid = start_child(hold_views);
    uint32_t n;
    no_more();
    CHECK_OK(brain_reap(store, &n));
    CHECK_U64(n, 1);
    CHECK(names(NEXT(BRAIN_EVENT_REAPED, NULL, 0, 0), pid));
    no_more();
    end();
}

/* What is met while a store is opened is told to the first who asks. */
static void check_opened(void)
{
    begin(4 * CHECK_MIB);
    listen_to(0);
    const char *path = check_paths[check_n_paths - 1];
    put("a", 100000);
    pid_t pid = start_child(hold_views);
    brain_store *first = store, *second = check_open(path, 0);
    CHECK_U64(check_stat(first).n_pins, 0); /* reaped */
    store = second;
    listen_to(BRAIN_EVENT_REAPED);
    CHECK(names(NEXT(BRAIN_EVENT_REAPED, NULL, 0, 0), pid));
    no_more();
    listen_to(0);
    listen_to(BRAIN_EVENTS_ALL);
    no_more();
    listen_to(0);
    store = first;
    brain_close(second);
    end();
}

/* ---- who is told */

struct reentering {
    uint32_t n;
};

static void use_the_store(void *context, const brain_event *event)
{
    struct reentering *its = context;
    brain_view view;
    CHECK(event->kind == BRAIN_EVENT_PUT);
    its->n++;
    CHECK_OK(brain_put_bytes(space, "log", 3, "x", 1)); /* which is not told */
    CHECK_CODE(brain_put_bytes(space, "", 70000, "x", 1), BRAIN_E_INVAL);
    CHECK_OK(brain_get(space, event->name, event->name_len, &view));
    CHECK_U64(view.version, event->version);
    brain_view_drop(&view);
    errno = 77;
}

static void check_reentry(void)
{
    begin(4 * CHECK_MIB);
    struct reentering its = { 0 };
    CHECK_OK(brain_on_event(store, BRAIN_EVENT_PUT, use_the_store, &its));
    for (int i = 0; i < 20; i++) {
        CHECK_CODE(brain_set_full(store, 7), BRAIN_E_INVAL);
        errno = 3;
        put("a", i % 2 ? 8 : 100000);
        CHECK(errno == 3);
        CHECK_DETAIL("has the mode");
    }
    CHECK_U64(its.n, 20);
    end();
}

static void *put_there(void *context)
{
    (void)context;
    put("of a thread", 8);
    return NULL;
}

static void check_threads(void)
{
    begin(4 * CHECK_MIB);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, put_there, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_U64(n_told, 1);
    CHECK(pthread_equal(told[0].thread, thread));
    n_seen = n_told;
    pid_t pid = check_fork(); /* a child tells its copy */
    if (pid == 0) {
        n_told = n_seen = 0;
        uint64_t v = put("of a child", 8);
        NEXT(BRAIN_EVENT_PUT, "of a child", v, 8);
        no_more();
        _exit(0);
    }
    CHECK_CHILD(pid);
    no_more();
    end();
}

static void check_arguments(void)
{
    begin(4 * CHECK_MIB);
    CHECK_CODE(brain_on_event(store, 0x200, note, NULL), BRAIN_E_INVAL);
    CHECK_CODE(brain_on_event(store, 1, NULL, NULL), BRAIN_E_INVAL);
    CHECK_DETAIL("nobody");
    put("a", 8); /* as before */
    CHECK_U64(n_told, 1);
    CHECK_OK(brain_on_event(store, 0, NULL, NULL));
    put("a", 8);
    CHECK_U64(n_told, 1);
    end();
}

int main(void)
{
    check_begin();
    check_gets();
    check_changes();
    check_refusals();
    check_evicted();
    check_reentry();
    check_arguments();
    check_needs_fork_advice();
    check_threads();
    check_dead_writer();
    check_reaped();
    check_opened();
    return 0;
}
