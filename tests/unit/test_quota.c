/* test_quota.c - what a namespace may hold: whoever puts, by whatever call, never passes it; and what is refused
 * leaves nothing.
 *
 *     test_quota [STEPS [SEED]]
 */
#include "check.h"

#define ANY   BRAIN_ANY_VERSION
#define LARGE 50000u

static brain_store *store;
static brain_space *space;
static uint8_t data[4 * 1024 * 1024];

static void begin(void)
{
    store = check_open(check_path(), 64 * CHECK_MIB);
    space = check_space(store, "limited");
}

static void end(void)
{
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static int put(const char *name, size_t size)
{
    return brain_put_bytes(space, name, strlen(name), data, size);
}

static int try_put(const char *name, size_t size)
{
    brain_part part = { .data = data, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    return brain_try_put(space, name, strlen(name), NULL, &value, ANY, NULL);
}

static void erase(const char *name)
{
    CHECK_OK(brain_delete(space, name, strlen(name), ANY));
}

static void check_holds(uint64_t n, uint64_t bytes, uint64_t quota)
{
    uint64_t n_now, bytes_now, quota_now;
    CHECK_OK(brain_space_usage(space, &n_now, &bytes_now, &quota_now));
    CHECK_U64(n_now, n);
    CHECK_U64(bytes_now, bytes);
    CHECK_U64(quota_now, quota);
}

/* QUOTA, and nothing of what was tried is left. */
#define CHECK_REFUSED(call)                                                                        \
    do {                                                                                           \
        uint64_t committed_ = check_stat(store).committed, live_ = check_live(store);              \
        CHECK_CODE(call, BRAIN_E_QUOTA);                                                           \
        CHECK_U64(check_stat(store).committed, committed_);                                        \
        CHECK_U64(check_stat(store).private_bytes, 0);                                             \
        CHECK_U64(check_live(store), live_);                                                       \
    } while (0)

/* ---- setting and asking */

static void check_set(void)
{
    begin();
    check_holds(0, 0, 0);
    CHECK_OK(brain_space_set_quota(space, 0));
    CHECK_CODE(brain_space_exists(space), BRAIN_E_NOT_FOUND); /* it has none as it is */
    CHECK_OK(brain_space_set_quota(space, 1000));
    CHECK_OK(brain_space_exists(space));
    check_holds(0, 0, 1000);
    CHECK_CODE(brain_space_create(space), BRAIN_E_EXISTS);
    CHECK_OK(put("a", 600));
    check_holds(1, 600, 1000);
    CHECK_OK(brain_space_set_quota(space, UINT64_MAX));
    check_holds(1, 600, UINT64_MAX);
    CHECK_OK(put("b", 600));
    CHECK_OK(brain_space_set_quota(space, 5)); /* below what it holds: nothing goes */
    check_holds(2, 1200, 5);
    CHECK_OK(brain_space_set_quota(space, 0));
    CHECK_OK(put("c", 600));
    uint64_t quota = 7;
    CHECK_OK(brain_space_usage(space, NULL, NULL, &quota));
    CHECK_U64(quota, 0);
    CHECK_OK(brain_space_usage(space, NULL, NULL, NULL));
    /* For all who have the store open, those who may only read too. */
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    brain_space *its = check_space(reader, "limited");
    CHECK_OK(brain_space_set_quota(space, 2000));
    CHECK_OK(brain_space_usage(its, NULL, NULL, &quota));
    CHECK_U64(quota, 2000);
    CHECK_CODE(brain_space_set_quota(its, 3000), BRAIN_E_PERM);
    brain_space_close(its);
    brain_close(reader);
    end();
}

/* A quota is of the namespace that stands: not of the next of that name, nor of the next in its record. */
static void check_removed(void)
{
    begin();
    brain_space *other = check_space(store, "other");
    for (int i = 0; i < 20; i++) {
        CHECK_OK(brain_space_set_quota(space, 100));
        CHECK_REFUSED(put("a", 101));
        CHECK_OK(brain_space_remove(space));
        check_holds(0, 0, 0);
        CHECK_OK(brain_put_bytes(i % 2 == 0 ? other : space, "a", 1, data, 101));
        CHECK_OK(brain_space_remove(i % 2 == 0 ? other : space));
        CHECK_OK(put("a", LARGE));
        check_holds(1, LARGE, 0);
        CHECK_OK(brain_space_remove(space));
    }
    brain_space_close(other);
    end();
}

/* Another handle has removed the namespace that this one still has in mind: a quota goes to the one that it makes, not
 * to what has that record by then; and what is put is not held against the quota of the one that went. */
static void check_removed_by_another_handle(void)
{
    begin();
    brain_space *again = check_space(store, "limited"), *other = check_space(store, "other");
    for (int i = 0; i < 20; i++) {
        bool is_used_anew = i % 2 == 1;
        CHECK_OK(brain_space_set_quota(space, 100));
        CHECK_REFUSED(put("a", 101));
        CHECK_OK(brain_space_remove(again));
        if (is_used_anew) {
            CHECK_OK(brain_put_bytes(other, "a", 1, data, 10));
        }
        CHECK_OK(brain_space_set_quota(space, 1000));
        check_holds(0, 0, 1000);
        if (is_used_anew) {
            uint64_t quota = 7;
            CHECK_OK(brain_space_usage(other, NULL, NULL, &quota));
            CHECK_U64(quota, 0);
            CHECK_OK(brain_space_remove(other));
        }
        CHECK_OK(put("a", 600));
        CHECK_REFUSED(put("b", 401));
        CHECK_OK(brain_space_remove(again));
        CHECK_OK(put("a", LARGE));
        check_holds(1, LARGE, 0);
        CHECK_OK(brain_space_remove(again));
    }
    brain_space_close(again);
    brain_space_close(other);
    end();
}

/* ---- single changes */

static void check_puts(size_t quota)
{
    char number[32];
    begin();
    CHECK_OK(brain_space_set_quota(space, quota));
    CHECK_OK(put("a", quota)); /* exactly */
    CHECK_REFUSED(put("b", 1));
    CHECK_DETAIL("namespace limited");
    CHECK_DETAIL(brain_path(store));
    snprintf(number, sizeof number, "quota of %zu bytes", quota);
    CHECK_DETAIL(number);
    snprintf(number, sizeof number, "holds %zu", quota);
    CHECK_DETAIL(number);
    CHECK_DETAIL("1 more");
    CHECK_REFUSED(put("a", quota + 1));
    CHECK_REFUSED(put("b", LARGE + quota));
    CHECK_OK(put("b", 0));
    CHECK_OK(put("a", quota));
    CHECK_OK(put("a", quota - 1));
    CHECK_OK(put("b", 1));
    CHECK_REFUSED(put("b", 2));
    check_holds(2, quota, quota);
    /* Above it, what gets smaller or stays is allowed. */
    CHECK_OK(brain_space_set_quota(space, quota / 2));
    CHECK_REFUSED(put("c", 1));
    CHECK_REFUSED(put("a", quota));
    CHECK_OK(put("a", quota - 1));
    CHECK_OK(put("a", quota - 2));
    CHECK_REFUSED(put("b", 3));
    CHECK_OK(put("c", 0));
    erase("a");
    CHECK_OK(put("a", quota / 2 - 1));
    CHECK_REFUSED(put("a", quota / 2));
    /* Another namespace is not concerned. */
    brain_space *other = check_space(store, "other");
    CHECK_OK(brain_put_bytes(other, "a", 1, data, quota));
    brain_space_close(other);
    end();
}

/* Until slots for such values are ready in this process. */
static void get_ready(const char *name, size_t size)
{
    for (int n = 0; try_put(name, size) != 0 || n < 100; n++) {
        CHECK_OK(put(name, size));
        CHECK(n < 1000);
    }
}

/* The short way leaves to the long one what a quota refuses, and says no word of its own. */
static void check_short_puts(void)
{
    begin();
    CHECK_OK(brain_space_set_quota(space, 60));
    get_ready("b", 8);
    get_ready("a", 50);
    CHECK_CODE(try_put("a", 53), BRAIN_E_BUSY);
    CHECK_REFUSED(put("a", 53));
    CHECK_OK(try_put("a", 52));
    CHECK_OK(brain_space_set_quota(space, 10));
    CHECK_OK(try_put("a", 52));
    CHECK_OK(try_put("a", 51));
    CHECK_CODE(try_put("a", 52), BRAIN_E_BUSY);
    CHECK_REFUSED(put("a", 52));
    CHECK_OK(brain_space_set_quota(space, 0));
    CHECK_OK(try_put("a", 55));
    check_holds(2, 63, 0);
    end();
}

/* What is larger than the quota by itself is not copied into the store first, nor is anything reclaimed for it. */
static void check_foreseen(void)
{
    begin();
    brain_space *other = check_space(store, "other");
    brain_view view;
    CHECK_OK(brain_resize(store, 65 * CHECK_MIB));
    CHECK_OK(brain_space_set_quota(space, CHECK_MIB));
    CHECK_OK(put("a", 1000));
    uint64_t backed = check_stat(store).value_backed_bytes;
    CHECK_REFUSED(put("b", sizeof data));
    CHECK_REFUSED(put("a", sizeof data));
    CHECK_U64(check_stat(store).value_backed_bytes, backed);
    brain_batch *batch;
    brain_part large = { .data = data, .size_bytes = sizeof data };
    brain_value too_large = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &large };
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_REFUSED(brain_batch_put(batch, space, "b", 1, &too_large));
    CHECK_OK(brain_batch_commit(batch, NULL)); /* of nothing */
    brain_batch_free(batch);
    /* It may still replace something that is as large. */
    CHECK_OK(brain_space_set_quota(space, 0));
    CHECK_OK(put("b", sizeof data));
    CHECK_OK(brain_space_set_quota(space, CHECK_MIB));
    CHECK_OK(put("b", sizeof data - 1));
    CHECK_REFUSED(put("b", sizeof data));
    check_holds(2, 1000 + sizeof data - 1, CHECK_MIB);
    CHECK_OK(brain_delete(space, "a", 1, ANY)); /* so that it is larger than all that there is: */
    CHECK_REFUSED(put("b", sizeof data));
    CHECK_DETAIL(", and 1 more were asked for"); /* beside what it replaces, as of small values */
    /* Another FULL is not a quota's. */
    CHECK_OK(brain_space_set_quota(space, 0));
    brain_part parts[20];
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 20, .parts = parts };
    for (int i = 0; i < 20; i++) {
        parts[i] = (brain_part){ .data = data, .size_bytes = sizeof data };
    }
    CHECK_CODE(brain_put(other, "b", 1, &value, ANY, NULL), BRAIN_E_FULL);
    CHECK_OK(brain_get(space, "b", 1, &view));
    brain_view_drop(&view);
    brain_space_close(other);
    end();
}

/* ---- batches and objects */

static void add(brain_batch *batch, brain_space *in, const char *name, size_t size)
{
    brain_part part = { .data = data, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_batch_put(batch, in, name, strlen(name), &value));
}

static void check_batches(void)
{
    begin();
    brain_space *other = check_space(store, "other"), *third = check_space(store, "third");
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_space_set_quota(space, 1000));
    CHECK_OK(brain_space_set_quota(other, 500));
    add(batch, space, "a", 600); /* none of them is too much */
    add(batch, space, "b", 401);
    CHECK_REFUSED(brain_batch_commit(batch, NULL));
    add(batch, space, "a", 600);
    add(batch, other, "a", 501);
    add(batch, third, "a", LARGE);
    CHECK_REFUSED(brain_batch_commit(batch, NULL));
    CHECK_DETAIL("namespace other");
    CHECK_CODE(brain_space_exists(third), BRAIN_E_NOT_FOUND);
    add(batch, space, "a", 900); /* the last counts */
    add(batch, space, "a", 600);
    add(batch, space, "b", 400);
    add(batch, other, "a", 500);
    add(batch, third, "a", LARGE); /* what it makes has none */
    CHECK_OK(brain_batch_commit(batch, NULL));
    check_holds(2, 1000, 1000);
    add(batch, space, "c", 400); /* what it deletes makes room, whichever comes first */
    CHECK_OK(brain_batch_delete(batch, space, "b", 1));
    CHECK_OK(brain_batch_delete(batch, space, "missing", 7));
    CHECK_OK(brain_batch_require(batch, space, "missing", 7, 0));
    CHECK_OK(brain_batch_commit(batch, NULL));
    add(batch, space, "c", 401);
    add(batch, space, "a", 599);
    CHECK_OK(brain_batch_commit(batch, NULL));
    add(batch, space, "c", 402);
    add(batch, space, "a", 599);
    CHECK_REFUSED(brain_batch_commit(batch, NULL));
    CHECK_OK(brain_space_set_quota(space, 100));
    add(batch, space, "c", 402);
    add(batch, space, "a", 598);
    CHECK_OK(brain_batch_commit(batch, NULL));
    check_holds(2, 1000, 100);
    brain_batch_free(batch);
    brain_space_close(other);
    brain_space_close(third);
    end();
}

/* An object is nobody's before it is sealed; then it counts, also together with a batch. */
static void check_object(size_t size, int (*create)(brain_store *, uint64_t, brain_object **))
{
    begin();
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    brain_object *object;
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_space_set_quota(space, size + 9));
    CHECK_OK(put("a", 10));
    CHECK_OK(create(store, size, &object));
    if (brain_object_data(object) == NULL) {
        CHECK_OK(brain_object_append(object, data, size));
    }
    CHECK_CODE(brain_object_seal(object, space, "o", 1, &bare, ANY, NULL), BRAIN_E_QUOTA);
    CHECK_CODE(brain_exists(space, "o", 1, NULL), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_batch_delete(batch, space, "missing", 7));
    CHECK_CODE(brain_object_seal_in(object, batch, space, "o", 1, &bare, ANY, NULL), BRAIN_E_QUOTA);
    check_holds(1, 10, size + 9);
    add(batch, space, "a", 9);
    CHECK_OK(brain_object_seal_in(object, batch, space, "o", 1, &bare, ANY, NULL));
    check_holds(2, size + 9, size + 9);
    brain_object_release(object);
    /* Over one as large, and alone. */
    CHECK_OK(create(store, size, &object));
    if (brain_object_data(object) == NULL) {
        CHECK_OK(brain_object_append(object, data, size));
    }
    CHECK_OK(brain_object_seal(object, space, "o", 1, &bare, ANY, NULL));
    brain_object_release(object);
    brain_batch_free(batch);
    end();
}

/* A description that is kept makes a put try twice. */
static void check_description(void)
{
    begin();
    brain_value value = { .kind = BRAIN_KIND_BYTES, .description = data, .description_len = 3000 };
    CHECK_OK(brain_space_set_quota(space, 1000));
    CHECK_OK(brain_put(space, "a", 1, &value, ANY, NULL));
    check_holds(1, 0, 1000); /* data alone counts */
    CHECK_OK(put("a", 1000));
    CHECK_REFUSED(put("a", 1001));
    check_holds(1, 1000, 1000);
    end();
}

/* ---- at random, beside a table of sizes */

#define N_SPACES 3
#define N_NAMES  12

struct table {
    bool exists;
    uint64_t quota;
    bool is_there[N_NAMES];
    uint64_t size[N_NAMES];
};

static struct table now[N_SPACES];
static brain_space *spaces[N_SPACES];

static uint64_t sum(const struct table *table)
{
    uint64_t bytes = 0;
    for (int i = 0; i < N_NAMES; i++) {
        bytes += table->is_there[i] ? table->size[i] : 0;
    }
    return bytes;
}

static size_t any_size(void)
{
    uint64_t dice = check_below(10);
    return dice < 5 ? check_below(200) : dice < 8 ? check_below(3000) : check_below(20000);
}

/* Whether `after` may come of what is there now; if so, it does. */
static int want(const struct table *after)
{
    for (int s = 0; s < N_SPACES; s++) {
        uint64_t quota = now[s].exists ? now[s].quota : 0;
        if (quota != 0 && sum(&after[s]) > quota && sum(&after[s]) > sum(&now[s])) {
            return BRAIN_E_QUOTA;
        }
    }
    memcpy(now, after, sizeof now);
    for (int s = 0; s < N_SPACES; s++) {
        for (int i = 0; i < N_NAMES; i++) {
            now[s].exists = now[s].exists || now[s].is_there[i];
        }
    }
    return 0;
}

static void change(struct table *after, int s, int name, bool is_there, size_t size)
{
    after[s].is_there[name] = is_there;
    after[s].size[name] = size;
}

static void any_put(void)
{
    struct table after[N_SPACES];
    int s = (int)check_below(N_SPACES), name = (int)check_below(N_NAMES);
    size_t size = any_size();
    memcpy(after, now, sizeof after);
    change(after, s, name, true, size);
    brain_part part = { .data = data, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    int err = brain_try_put(spaces[s], &name, sizeof name, NULL, &value, ANY, NULL);
    if (err == BRAIN_E_BUSY) {
        err = brain_put(spaces[s], &name, sizeof name, &value, ANY, NULL);
    }
    CHECK_CODE(err, want(after));
}

static void any_delete(void)
{
    int s = (int)check_below(N_SPACES), name = (int)check_below(N_NAMES);
    int want_code = now[s].is_there[name] ? 0 : BRAIN_E_NOT_FOUND;
    CHECK_CODE(brain_delete(spaces[s], &name, sizeof name, ANY), want_code);
    now[s].is_there[name] = false;
}

/* Changes of all names but the last, which an object takes with some. */
static void any_batch(void)
{
    struct table after[N_SPACES];
    brain_batch *batch;
    memcpy(after, now, sizeof after);
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint64_t n = check_below(10); n > 0; n--) {
        int s = (int)check_below(N_SPACES), name = (int)check_below(N_NAMES - 1);
        size_t size = any_size();
        bool is_put = check_below(3) > 0;
        brain_part part = { .data = data, .size_bytes = size };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        int err = is_put ? brain_batch_put(batch, spaces[s], &name, sizeof name, &value)
                         : brain_batch_delete(batch, spaces[s], &name, sizeof name);
        if (err == BRAIN_E_QUOTA) { /* by itself it is too large: the batch goes on without */
            CHECK(is_put && size > now[s].quota && size > sum(&now[s]));
            continue;
        }
        CHECK_OK(err);
        change(after, s, name, is_put, size);
    }
    if (check_below(3) > 0) {
        CHECK_CODE(brain_batch_commit(batch, NULL), want(after));
    } else {
        int s = (int)check_below(N_SPACES), name = N_NAMES - 1;
        size_t size = any_size();
        brain_object *object;
        brain_value bare = { .kind = BRAIN_KIND_BYTES };
        CHECK_OK(brain_create_in_place(store, size, &object));
        change(after, s, name, true, size);
        CHECK_CODE(brain_object_seal_in(object, batch, spaces[s], &name, sizeof name, &bare, ANY,
                                        NULL),
                   want(after));
        brain_object_release(object);
    }
    brain_batch_free(batch);
}

static void any_quota(void)
{
    int s = (int)check_below(N_SPACES);
    uint64_t held = sum(&now[s]);
    const uint64_t quotas[] = { 0, held, held + check_below(3000), held / 2, check_below(60000) };
    uint64_t quota = quotas[check_below(sizeof quotas / sizeof *quotas)];
    CHECK_OK(brain_space_set_quota(spaces[s], quota));
    now[s].exists = now[s].exists || quota != 0;
    now[s].quota = quota;
}

static void any_removal(void)
{
    int s = (int)check_below(N_SPACES);
    CHECK_CODE(brain_space_remove(spaces[s]), now[s].exists ? 0 : BRAIN_E_NOT_FOUND);
    now[s] = (struct table){ .exists = false };
}

static void check_table(void)
{
    for (int s = 0; s < N_SPACES; s++) {
        uint64_t n, bytes, quota, n_names = 0;
        for (int i = 0; i < N_NAMES; i++) {
            n_names += now[s].is_there[i];
        }
        CHECK_OK(brain_space_usage(spaces[s], &n, &bytes, &quota));
        CHECK_U64(n, n_names);
        CHECK_U64(bytes, sum(&now[s]));
        CHECK_U64(quota, now[s].exists ? now[s].quota : 0);
        CHECK_CODE(brain_space_exists(spaces[s]), now[s].exists ? 0 : BRAIN_E_NOT_FOUND);
    }
}

static void check_at_random(uint64_t n_steps)
{
    static const char *const names[N_SPACES] = { "default", "second", "third" };
    uint64_t n_refused = 0;
    begin();
    for (int s = 0; s < N_SPACES; s++) {
        spaces[s] = check_space(store, names[s]);
    }
    for (uint64_t i = 0; i < n_steps; i++) {
        uint64_t dice = check_below(100), before = check_stat(store).committed;
        snprintf(check_note, sizeof check_note, "step %llu", (unsigned long long)i);
        (dice < 60   ? any_put
         : dice < 75 ? any_delete
         : dice < 90 ? any_batch
         : dice < 98 ? any_quota
                     : any_removal)();
        n_refused += dice < 60 && check_stat(store).committed == before;
        check_table();
        if (i % 50 == 0) {
            CHECK_SOUND(store);
        }
    }
    check_note[0] = '\0';
    printf("%llu steps, %llu puts refused\n", (unsigned long long)n_steps,
           (unsigned long long)n_refused);
    CHECK(n_refused > n_steps / 50);
    for (int s = 0; s < N_SPACES; s++) {
        brain_space_close(spaces[s]);
    }
    end();
}

/* ---- several writers */

#define QUOTA     20000u
#define N_WRITERS 2

static void write_much(const char *path, int writer, uint64_t seed, uint64_t n_puts)
{
    brain_store *its = check_open(path, 0);
    brain_space *limited = check_space(its, "limited");
    brain_batch *batch;
    uint64_t n_refused = 0;
    check_state = seed;
    CHECK_OK(brain_batch_new(its, &batch));
    for (uint64_t i = 0; i < n_puts; i++) {
        int name[2] = { check_below(2) == 0 ? writer : -1,
                        (int)check_below(40) }; /* its own, or both's */
        size_t size = check_below(4) > 0 ? check_below(250) : any_size();
        int err;
        if (check_below(10) == 0) {
            err = brain_delete(limited, name, sizeof name, ANY);
            err = err == BRAIN_E_NOT_FOUND ? 0 : err;
        } else if (check_below(10) == 0) {
            add(batch, limited, "one", size / 2);
            add(batch, limited, "two", size / 2);
            err = brain_batch_commit(batch, NULL);
        } else {
            err = brain_put_bytes(limited, name, sizeof name, data, size);
        }
        CHECK(err == 0 || err == BRAIN_E_QUOTA);
        n_refused += err != 0;
        uint64_t bytes;
        CHECK_OK(brain_space_usage(limited, NULL, &bytes, NULL));
        CHECK(bytes <= QUOTA);
    }
    CHECK(n_refused > 0 && n_refused < n_puts);
    brain_batch_free(batch);
    brain_space_close(limited);
    brain_close(its);
    _exit(0);
}

static void check_writers(uint64_t n_puts)
{
    pid_t pids[N_WRITERS];
    begin();
    const char *path = brain_path(store);
    CHECK_OK(brain_space_set_quota(space, QUOTA));
    for (int i = 0; i < N_WRITERS; i++) {
        uint64_t seed = check_random();
        pids[i] = check_fork();
        if (pids[i] == 0) {
            write_much(path, i, seed, n_puts);
        }
    }
    for (int i = 0; i < N_WRITERS; i++) {
        CHECK_CHILD(pids[i]);
    }
    uint64_t bytes;
    CHECK_OK(brain_space_usage(space, NULL, &bytes, NULL));
    CHECK(bytes <= QUOTA);
    end();
}

/* ---- in mode lru */

/* Values of the namespace give way, and of no other; not for what could not be put all the same. */
static void check_own_values_give_way(size_t size)
{
    enum {
        N_FIT = 5,
        N_PUTS = 40
    };
    brain_view held, view;
    begin();
    brain_space *other = check_space(store, "other");
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    CHECK_OK(brain_put_bytes(other, "stays", 5, data, size));
    CHECK_OK(brain_space_set_quota(space, N_FIT * size));
    for (int i = 0; i < N_PUTS; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%d", i);
        CHECK_OK(put(name, size));
        CHECK_OK(brain_get(space, name, strlen(name), &view)); /* the last one never went */
        brain_view_drop(&view);
    }
    uint64_t n, bytes;
    CHECK_OK(brain_space_usage(space, &n, &bytes, NULL));
    CHECK(n >= 1 && n <= N_FIT && bytes == n * size);
    CHECK_U64(check_stat(store).n_evicted, N_PUTS - n);
    CHECK_OK(brain_exists(other, "stays", 5, NULL));

    CHECK_REFUSED(put("larger than all", N_FIT * size + 1));
    CHECK_OK(brain_space_usage(space, &bytes, NULL, NULL));
    CHECK_U64(bytes, n);
    CHECK_OK(
        brain_space_set_quota(space, size)); /* what is held may not go, and nothing else can */
    CHECK_OK(put("held", size));
    CHECK_OK(brain_get(space, "held", 4, &held));
    CHECK_REFUSED(put("more", size));
    CHECK_OK(brain_exists(space, "held", 4, NULL));
    brain_view_drop(&held);
    CHECK_OK(put("more", size));
    CHECK_CODE(brain_exists(space, "held", 4, NULL), BRAIN_E_NOT_FOUND);
    brain_space_close(other);
    end();
}

int main(int argc, char **argv)
{
    uint64_t n_steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 3000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    check_begin();
    check_fill(data, sizeof data, 1);
    check_set();
    check_removed();
    check_removed_by_another_handle();
    check_puts(1000);
    check_puts(LARGE);
    check_puts(200);
    check_short_puts();
    check_foreseen();
    check_batches();
    check_object(100, brain_create);
    check_object(LARGE, brain_create);
    check_object(LARGE, brain_create_in_place);
    check_object(LARGE, brain_create_streamed);
    check_description();
    check_own_values_give_way(100);
    check_own_values_give_way(LARGE);
    check_state = seed;
    printf("seed 0x%llx\n", (unsigned long long)seed);
    check_at_random(n_steps);
    check_writers(n_steps);
    return 0;
}
