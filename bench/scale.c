/* scale.c - what do calls cost in a store that has grown?
 *
 * usage: scale FOLDER names N N_ROUNDS N_CALLS      in a store of N names
 *        scale FOLDER clients N N_ROUNDS N_CALLS    that N clients more have open
 *        scale FOLDER pins N N_ROUNDS N_CALLS       beside a process that holds N views
 *        scale FOLDER replaced N N_ROUNDS N_CALLS   the same, of values that were replaced since
 *        scale FOLDER dropped N N_ROUNDS N_CALLS    the same, after it has let go of them
 *        scale FOLDER spaces N N_ROUNDS N_CALLS     in a store of N namespaces of one name each
 *        scale FOLDER churn N_OPS OPS_A_WINDOW CAPACITY_BYTES
 *
 * One point of a law, in JSON: by call its CPU time in ns, the median of N_ROUNDS rounds of the mean of some
 * N_CALLS calls, net of the loop. The mean, since what is done for many puts at once is a part of each; the
 * median of several, since an interrupt is not. Rounds of all calls take turns.
 *
 * Of churn: N_OPS puts and deletes of values of 8 bytes to 4 MB, in windows; see "churn" below.
 */
#include "bench.h"

#include <sys/stat.h>

#define N_BESIDE      1000u /* names, where their number is not what is measured */
#define ROUND_NS      400000000u
#define LOOK_EVERY    16u
#define LARGE         8192u
#define N_KEPT        40000u
#define CHURN_LEAST   8u
#define CHURN_OCTAVES 19u
#define OCCUPANCY     0.7
#define SMALL_END     1984u /* up to here brain_put_bytes() has no extent */
#define MOST_ROUNDS   64u

static const char *folder;
static brain_store *store;
static brain_space **spaces; /* one; or one for each name */
static bool has_many_spaces;
static uint32_t n_names, n_made;
static brain_hint *hints;
static uint64_t seed = 1;

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t random_below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 32) * n >> 32);
}

/* A name of 8 bytes: a word of four, and a number. */
static const char *name_of(const char word[4], uint32_t i)
{
    static char name[8];
    memcpy(name, word, 4);
    memcpy(name + 4, &i, 4);
    return name;
}

static brain_space *space_at(uint32_t i)
{
    return spaces[has_many_spaces ? i : 0];
}

static const char *name_at(uint32_t i)
{
    return name_of("name", has_many_spaces ? 0 : i);
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static int by_ns(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Each returns how many of what its figure is for it has done. */

static volatile char seen; /* or the compiler would leave the loop out */

static uint32_t nothing(void)
{
    seen = name_at(random_below(n_names))[4];
    return 1;
}

static void get_from(uint32_t i, brain_hint *hint)
{
    static uint64_t buf[16];
    brain_view view;
    bench_must(brain_get_or_copy(space_at(i), name_at(i), 8, hint, buf, sizeof buf, &view), "get");
    brain_view_drop(&view);
}

static uint32_t get_one(void)
{
    (void)nothing();
    get_from(n_names - 1, NULL);
    return 1;
}

static uint32_t get(void)
{
    get_from(random_below(n_names), NULL);
    return 1;
}

static uint32_t get_hinted(void)
{
    uint32_t i = random_below(n_names);
    get_from(i, &hints[i]);
    return 1;
}

static uint32_t get_pinned(void)
{
    brain_view view;
    uint32_t i = random_below(n_names);
    bench_must(brain_get(space_at(i), name_at(i), 8, &view), "get");
    brain_view_drop(&view);
    return 1;
}

static void put_to(uint32_t i, brain_hint *hint)
{
    static uint64_t number;
    brain_part part = { .data = &number, .size_bytes = sizeof number };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    number++;
    int rc = brain_try_put(space_at(i), name_at(i), 8, hint, &value, BRAIN_ANY_VERSION, NULL);
    if (rc == BRAIN_E_BUSY) { /* not at once: as any caller has to go on */
        rc = brain_put(space_at(i), name_at(i), 8, &value, BRAIN_ANY_VERSION, NULL);
    }
    bench_must(rc, "put");
}

static uint32_t put_one(void)
{
    (void)nothing();
    put_to(n_names - 1, NULL);
    return 1;
}

static uint32_t put(void)
{
    put_to(random_below(n_names), NULL);
    return 1;
}

static uint32_t put_hinted(void)
{
    uint32_t i = random_below(n_names);
    put_to(i, &hints[i]);
    return 1;
}

static uint32_t new_and_delete(void)
{
    uint32_t i = random_below(n_names);
    const char *name = name_of("new ", n_made++);
    bench_must(brain_put_bytes(space_at(i), name, 8, &i, sizeof i), "put");
    bench_must(brain_delete(space_at(i), name, 8, BRAIN_ANY_VERSION), "delete");
    return 1;
}

/* An extent is freed at once, so each looks at limbo, and at the pins. */
static uint32_t put_large(void)
{
    static char large[LARGE];
    (void)nothing();
    bench_must(brain_put_bytes(space_at(0), "large", 5, large, sizeof large), "put");
    return 1;
}

static uint32_t count(brain_iter *iter)
{
    const void *name;
    size_t len;
    uint32_t n = 0;
    int rc;
    while ((rc = brain_iter_next(iter, &name, &len)) == 0) {
        n++;
    }
    if (rc != BRAIN_E_NOT_FOUND) bench_fail("a walk");
    brain_iter_free(iter);
    return n;
}

static uint32_t list_names(void)
{
    brain_iter *iter;
    bench_must(brain_iter_names(spaces[0], NULL, &iter), "a walk");
    return count(iter);
}

static uint32_t list_spaces(void)
{
    brain_iter *iter;
    bench_must(brain_iter_spaces(store, NULL, &iter), "a walk");
    return count(iter);
}

static uint32_t open_and_close(void)
{
    brain_store *another;
    bench_must(brain_open(brain_path(store), NULL, &another), "open");
    brain_close(another);
    return 1;
}

static uint32_t make_and_remove(void)
{
    brain_space *space;
    bench_must(brain_space_open(store, name_of("new ", n_made++), 8, &space), "a namespace");
    bench_must(brain_space_create(space), "to make a namespace");
    bench_must(brain_space_remove(space), "to remove a namespace");
    brain_space_close(space);
    return 1;
}

static uint32_t find_space(void)
{
    brain_space *space;
    const char *name = name_of("spac", random_below(n_names));
    bench_must(brain_space_open(store, name, 8, &space), "a namespace");
    bench_must(brain_space_exists(space), "to find a namespace");
    brain_space_close(space);
    return 1;
}

/* ---- timing ---------------------------------------------------------------------------------- */

struct timed {
    const char *name;
    uint32_t (*call)(void);
    uint32_t one_in; /* done once where a cheap call is done so many times */
    bool is_bare;    /* it draws no name, so the loop is none of it */
};

/* Ends early where it takes long: then chance is the less of it. */
static double mean_ns(const struct timed *timed, uint32_t n_calls)
{
    uint64_t began = cpu_ns(), taken = 0, n = 0, end = n_calls / timed->one_in + 1;
    while (n < end && taken < ROUND_NS) {
        for (uint32_t i = 0; i < LOOK_EVERY && n < end; i++) {
            n += timed->call();
        }
        taken = cpu_ns() - began;
    }
    return (double)taken / (double)n;
}

/* Of single puts, one after the other: what is done for many falls into one of them. */
static double worst_put_ns(uint32_t n_calls)
{
    uint64_t worst = 0, spent = 0;
    for (uint32_t i = 0; i < n_calls && spent < 2 * (uint64_t)ROUND_NS; i++) {
        uint64_t began = cpu_ns();
        (void)put();
        uint64_t taken = cpu_ns() - began;
        spent += taken;
        worst = taken > worst ? taken : worst;
    }
    return (double)worst;
}

static double median(double *ns, uint32_t n)
{
    qsort(ns, n, sizeof *ns, by_size);
    return ns[n / 2];
}

static void measure(uint32_t n, const struct timed *timed, uint32_t n_timed, uint32_t n_rounds,
                    uint32_t n_calls)
{
    const struct timed loop = { "nothing", nothing, 1, true };
    static double ns[16][MOST_ROUNDS], empty[MOST_ROUNDS], worst[MOST_ROUNDS];
    for (uint32_t round = 0; round <= n_rounds; round++) { /* the first does not count */
        uint32_t at = round > 0 ? round - 1 : 0;
        empty[at] = mean_ns(&loop, n_calls);
        for (uint32_t i = 0; i < n_timed; i++) {
            ns[i][at] = mean_ns(&timed[i], n_calls);
        }
        worst[at] = worst_put_ns(n_calls);
    }
    double net = median(empty, n_rounds);
    printf("{\"n\": %u", n);
    for (uint32_t i = 0; i < n_timed; i++) {
        printf(", \"%s\": %.1f", timed[i].name,
               median(ns[i], n_rounds) - (timed[i].is_bare ? 0 : net));
    }
    (void)median(worst, n_rounds); /* sorts: what chance adds is not in each round */
    printf(", \"put, the worst\": %.0f}\n", worst[0]);
}

/* ---- who holds something --------------------------------------------------------------------- */

/* What a process does that opens the store n times, or holds n views; each answer says that it is done. */
enum task {
    OPEN_MANY,
    HOLD_MANY,
    DROP_ALL
};

struct order {
    enum task task;
    uint32_t n;
};

static struct {
    pid_t pid;
    int order[2], answer[2];
} holder;

static void open_many(uint32_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/scale", folder);
    for (uint32_t i = 0; i < n; i++) {
        brain_store *another;
        bench_must(brain_open(path, NULL, &another), "one more client");
    }
}

static brain_view *hold(uint32_t n)
{
    brain_space *space;
    brain_view *views = calloc(n + 1, sizeof *views);
    if (views == NULL) bench_fail("no memory");
    bench_open(folder, "scale", &store, &space);
    for (uint32_t i = 0; i < n; i++) {
        bench_must(brain_get(space, name_of("held", i), 8, &views[i]), "a view");
    }
    return views;
}

static void serve(void)
{
    struct order order;
    brain_view *views = NULL;
    while (read(holder.order[0], &order, sizeof order) == sizeof order) {
        if (order.task == OPEN_MANY) {
            open_many(order.n);
        } else if (order.task == HOLD_MANY) {
            views = hold(order.n);
        }
        for (uint32_t i = 0; order.task == DROP_ALL && i < order.n; i++) {
            brain_view_drop(&views[i]);
        }
        if (write(holder.answer[1], &order, sizeof order) != sizeof order) break;
    }
    _exit(0); /* as whatever ends: what it held goes with it */
}

/* Before this process has the store: the other one shall share nothing with it. */
static void hire_holder(void)
{
    if (pipe(holder.order) != 0 || pipe(holder.answer) != 0) bench_fail("pipe");
    holder.pid = fork();
    if (holder.pid < 0) bench_fail("fork");
    if (holder.pid == 0) {
        close(holder.order[1]);
        serve();
    }
    close(holder.order[0]);
    close(holder.answer[1]);
}

static void tell_holder(enum task task, uint32_t n)
{
    struct order order = { task, n };
    if (write(holder.order[1], &order, sizeof order) != sizeof order ||
        read(holder.answer[0], &order, sizeof order) != sizeof order) {
        bench_fail("the process that holds");
    }
}

static void dismiss_holder(void)
{
    int status;
    close(holder.order[1]);
    if (waitpid(holder.pid, &status, 0) < 0 || status != 0) bench_fail("the process that holds");
}

/* ---- laws ------------------------------------------------------------------------------------ */

static void begin(uint32_t n)
{
    n_names = n;
    hints = calloc(n, sizeof *hints);
    spaces = calloc(has_many_spaces ? n : 1, sizeof(brain_space *));
    if (hints == NULL || spaces == NULL) bench_fail("no memory");
    bench_open(folder, "scale", &store, &spaces[0]);
    if (has_many_spaces) brain_space_close(spaces[0]);
    for (uint32_t i = 0; i < n; i++) {
        if (has_many_spaces) {
            bench_must(brain_space_open(store, name_of("spac", i), 8, &spaces[i]), "a namespace");
        }
        bench_must(brain_put_bytes(space_at(i), name_at(i), 8, &i, sizeof i), "put");
    }
}

static void end(void)
{
    for (uint32_t i = 0; i < (has_many_spaces ? n_names : 1); i++) {
        brain_space_close(spaces[i]);
    }
    brain_close(store);
}

static void grow_names(uint32_t n, uint32_t n_rounds, uint32_t n_calls)
{
    static const struct timed timed[] = {
        { "get one name", get_one, 1, false },
        { "get", get, 1, false },
        { "get with a hint", get_hinted, 1, false },
        { "put one name", put_one, 1, false },
        { "put", put, 1, false },
        { "put with a hint", put_hinted, 1, false },
        { "put a new name and delete it", new_and_delete, 2, false },
        { "put 8 KiB", put_large, 8, false },
        { "list, for each name", list_names, 1, true },
    };
    begin(n);
    measure(n, timed, sizeof timed / sizeof *timed, n_rounds, n_calls);
    end();
}

enum held {
    CLIENTS,
    VIEWS,
    VIEWS_OF_REPLACED,
    VIEWS_DROPPED
};

static void grow_held(enum held held, uint32_t n, uint32_t n_rounds, uint32_t n_calls)
{
    static const struct timed timed[] = {
        { "get", get, 1, false },
        { "get with a hint", get_hinted, 1, false },
        { "get a view", get_pinned, 1, false },
        { "put", put, 1, false },
        { "put with a hint", put_hinted, 1, false },
        { "put a new name and delete it", new_and_delete, 2, false },
        { "put 8 KiB", put_large, 8, false },
        { "list, for each name", list_names, 1, true },
        { "open and close", open_and_close, 200, true },
    };
    hire_holder();
    begin(N_BESIDE);
    for (uint32_t i = 0; held != CLIENTS && i < n; i++) {
        bench_must(brain_put_bytes(spaces[0], name_of("held", i), 8, &i, sizeof i), "put");
    }
    tell_holder(held == CLIENTS ? OPEN_MANY : HOLD_MANY, n);
    for (uint32_t i = 0; held == VIEWS_OF_REPLACED && i < n; i++) {
        bench_must(brain_put_bytes(spaces[0], name_of("held", i), 8, &n, sizeof n), "put");
    }
    if (held == VIEWS_DROPPED) {
        tell_holder(DROP_ALL, n);
    }
    measure(n, timed, sizeof timed / sizeof *timed, n_rounds, n_calls);
    end();
    dismiss_holder();
}

static void grow_spaces(uint32_t n, uint32_t n_rounds, uint32_t n_calls)
{
    static const struct timed timed[] = {
        { "get", get, 1, false },
        { "get with a hint", get_hinted, 1, false },
        { "put", put, 1, false },
        { "put with a hint", put_hinted, 1, false },
        { "put a new name and delete it", new_and_delete, 2, false },
        { "put 8 KiB", put_large, 8, false },
        { "find a namespace", find_space, 2, false },
        { "make a namespace and remove it", make_and_remove, 4, false },
        { "list, for each namespace", list_spaces, 1, true },
    };
    has_many_spaces = true;
    begin(n);
    measure(n, timed, sizeof timed / sizeof *timed, n_rounds, n_calls);
    end();
}

/* ---- churn ----------------------------------------------------------------------------------- */

/* A day of a busy store: names are picked at random, a few often and most seldom, so that values live for
 * ten operations and for a million. Who has a value loses it, or has it replaced, half of the times each. Sizes
 * are log-uniform. Above OCCUPANCY large values go, at random, before another comes; so there are ever more
 * small ones, until each name has one.
 *
 * A large value is made in place: its put is one without the copy, which would be nearly all of its time. Its
 * first and last words tell whose it is, and are looked at before it goes. */
static struct kept {
    uint64_t size_bytes; /* 0: there is no value */
    uint32_t place;      /* in `large` */
    uint32_t stamp;
} kept[N_KEPT];
static uint32_t large[N_KEPT], n_large;
static uint64_t live_bytes, capacity;
static uint32_t *small_ns, *large_ns; /* of the puts of this window */
static uint32_t n_small_ns, n_large_ns, n_full, n_full_though_free;

static bool is_large(uint64_t size_bytes)
{
    return size_bytes > SMALL_END;
}

/* Each octave from 8 bytes to 4 MiB is as likely as another. */
static uint64_t draw_size(void)
{
    uint32_t least = CHURN_LEAST << random_below(CHURN_OCTAVES);
    return least + random_below(least);
}

static uint32_t draw_name(void)
{
    double share = (double)random_below(1u << 30) / (1u << 30);
    return (uint32_t)(share * share * share * N_KEPT);
}

static void look_at(uint32_t i)
{
    brain_view view;
    uint64_t first, last, is = (uint64_t)kept[i].stamp << 32 | i;
    bench_must(brain_get(spaces[0], name_of("kept", i), 8, &view), "a value that was put");
    memcpy(&first, view.data, 8);
    memcpy(&last, (const char *)view.data + (view.size_bytes - 8) / 8 * 8, 8);
    if (view.size_bytes != kept[i].size_bytes || first != is || last != is) {
        bench_fail("a value is not what was put");
    }
    brain_view_drop(&view);
}

static void forget(uint32_t i)
{
    if (is_large(kept[i].size_bytes)) {
        large[kept[i].place] = large[--n_large];
        kept[large[kept[i].place]].place = kept[i].place;
    }
    live_bytes -= kept[i].size_bytes;
    kept[i].size_bytes = 0;
}

static void delete(uint32_t i)
{
    look_at(i);
    bench_must(brain_delete(spaces[0], name_of("kept", i), 8, BRAIN_ANY_VERSION), "delete");
    forget(i);
}

static int put_small(uint32_t i, uint64_t size_bytes, uint64_t is, uint64_t *taken_out)
{
    static char bytes[SMALL_END];
    memcpy(bytes, &is, 8);
    memcpy(bytes + (size_bytes - 8) / 8 * 8, &is, 8);
    uint64_t began = cpu_ns();
    int rc = brain_put_bytes(spaces[0], name_of("kept", i), 8, bytes, size_bytes);
    *taken_out = cpu_ns() - began;
    return rc;
}

static int put_in_place(uint32_t i, uint64_t size_bytes, uint64_t is, uint64_t *taken_out)
{
    brain_object *object;
    brain_value value = { .kind = BRAIN_KIND_BYTES };
    uint64_t began = cpu_ns();
    int rc = brain_create_in_place(store, size_bytes, &object);
    *taken_out = cpu_ns() - began;
    if (rc != 0) return rc;
    memcpy(brain_object_data(object), &is, 8);
    memcpy((char *)brain_object_data(object) + (size_bytes - 8) / 8 * 8, &is, 8);
    began = cpu_ns();
    rc = brain_object_seal(object, spaces[0], name_of("kept", i), 8, &value, BRAIN_ANY_VERSION,
                           NULL);
    brain_object_release(object);
    *taken_out += cpu_ns() - began;
    return rc;
}

static void note_full(uint64_t size_bytes)
{
    brain_stat stat = { .struct_size = sizeof stat };
    bench_must(brain_stat_get(store, &stat), "stat");
    n_full++;
    n_full_though_free +=
        stat.live_bytes + stat.limbo_bytes + stat.private_bytes + size_bytes <= capacity;
}

static void put_kept(uint32_t i, uint64_t size_bytes)
{
    uint32_t stamp = kept[i].stamp + 1;
    uint64_t is = (uint64_t)stamp << 32 | i, taken = 0;
    if (kept[i].size_bytes != 0) look_at(i);
    int rc = is_large(size_bytes) ? put_in_place(i, size_bytes, is, &taken)
                                  : put_small(i, size_bytes, is, &taken);
    if (rc == BRAIN_E_FULL) {
        note_full(size_bytes);
        return;
    }
    bench_must(rc, "put");
    if (kept[i].size_bytes != 0) forget(i);
    if (is_large(size_bytes)) {
        kept[i].place = n_large;
        large[n_large++] = i;
        large_ns[n_large_ns++] = (uint32_t)taken;
    } else {
        small_ns[n_small_ns++] = (uint32_t)taken;
    }
    kept[i].size_bytes = size_bytes;
    kept[i].stamp = stamp;
    live_bytes += size_bytes;
}

static void do_one(void)
{
    uint32_t i = draw_name();
    uint64_t size_bytes = draw_size();
    if (kept[i].size_bytes != 0 && random_below(2) == 0) {
        delete (i);
    } else if ((double)(live_bytes + size_bytes) > OCCUPANCY * (double)capacity && n_large > 0) {
        delete (large[random_below(n_large)]);
    } else {
        put_kept(i, size_bytes);
    }
}

static void print_figures(const char *name, uint32_t *ns, uint32_t n)
{
    qsort(ns, n, sizeof *ns, by_ns);
    if (n == 0) ns[n++] = 0;
    printf(", \"%s_median\": %u, \"%s_p999\": %u, \"%s_worst\": %u", name, ns[n / 2], name,
           ns[n - 1 - n / 1000], name, ns[n - 1]);
}

static void print_memory(void)
{
    brain_stat stat = { .struct_size = sizeof stat };
    struct stat file;
    char path[4200];
    snprintf(path, sizeof path, "%s/data", brain_directory(store));
    bench_must(brain_stat_get(store, &stat), "stat");
    if (stat.live_bytes != live_bytes) bench_fail("live bytes are counted otherwise");
    bench_must(lstat(path, &file), path);
    printf(", \"names\": %llu, \"live\": %llu, \"physical\": %llu, "
           "\"length\": %llu",
           (unsigned long long)stat.n_objects, (unsigned long long)stat.live_bytes,
           (unsigned long long)stat.physical_bytes, (unsigned long long)file.st_size);
}

static void churn(uint64_t n_ops, uint64_t a_window)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    char path[4096];
    spaces = calloc(1, sizeof(brain_space *));
    small_ns = malloc((a_window + 1) * sizeof *small_ns);
    large_ns = malloc((a_window + 1) * sizeof *large_ns);
    if (spaces == NULL || small_ns == NULL || large_ns == NULL) bench_fail("no memory");
    options.capacity_bytes = capacity;
    snprintf(path, sizeof path, "%s/churn", folder);
    bench_must(brain_open(path, &options, &store), path);
    bench_must(brain_space_open(store, "default", 7, &spaces[0]), "the namespace");
    printf("[");
    for (uint64_t done = 0; done < n_ops;) {
        for (uint64_t i = 0; i < a_window; i++, done++) {
            do_one();
        }
        printf("{\"n\": %llu, \"full\": %u, \"full_though_free\": %u", (unsigned long long)done,
               n_full, n_full_though_free);
        print_figures("small", small_ns, n_small_ns);
        print_figures("large", large_ns, n_large_ns);
        print_memory();
        printf("},\n");
        n_small_ns = n_large_ns = 0;
    }
    bench_must(brain_trim(store, NULL), "trim");
    printf("{\"n\": 0");
    print_memory(); /* what is left where nothing is kept warm */
    printf("}]\n");
    brain_space_close(spaces[0]);
    brain_close(store);
}

int main(int argc, char **argv)
{
    if (argc != 6) return fprintf(stderr, "usage: scale FOLDER LAW N N_ROUNDS N_CALLS\n"), 2;
    folder = argv[1];
    const char *law = argv[2];
    uint32_t n = (uint32_t)strtoul(argv[3], NULL, 10), n_rounds = (uint32_t)atoi(argv[4]),
             n_calls = (uint32_t)strtoul(argv[5], NULL, 10);
    if (strcmp(law, "churn") == 0) {
        capacity = strtoull(argv[5], NULL, 10);
        churn(n, strtoull(argv[4], NULL, 10));
        return 0;
    }
    if (n_rounds < 1 || n_rounds > MOST_ROUNDS)
        return fprintf(stderr, "scale: too many rounds, or none\n"), 2;
    if (strcmp(law, "names") == 0) {
        grow_names(n, n_rounds, n_calls);
    } else if (strcmp(law, "clients") == 0) {
        grow_held(CLIENTS, n, n_rounds, n_calls);
    } else if (strcmp(law, "pins") == 0) {
        grow_held(VIEWS, n, n_rounds, n_calls);
    } else if (strcmp(law, "replaced") == 0) {
        grow_held(VIEWS_OF_REPLACED, n, n_rounds, n_calls);
    } else if (strcmp(law, "dropped") == 0) {
        grow_held(VIEWS_DROPPED, n, n_rounds, n_calls);
    } else if (strcmp(law, "spaces") == 0) {
        grow_spaces(n, n_rounds, n_calls);
    } else {
        return fprintf(stderr, "scale: what is %s?\n", law), 2;
    }
    return 0;
}
