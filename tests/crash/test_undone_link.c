/* test_undone_link.c - a walk over names that has followed a link of a transaction under way, which is undone.
 *
 *     test_undone_link [--full] [--dir PARENT] [SCENE...]
 *
 * A transaction has appended a segment to the list of names that a process walks over. The walk goes on under
 * single-step, from the last name before that segment, and stands still after instruction i. The transaction is
 * undone, and the memory of its segment becomes whatever lists others make of it: with other boundaries, so that heads
 * lie where the walk expects names, and names where it expects a head. Then the walk goes on. It has to give each name
 * of its moment once, no other, and come to an end.
 *
 * --full     each instruction, instead of a sample
 * SCENE      only scenes whose name begins like this
 *
 * Exits with 0, 1 (something was found), 2 (the proof could not be made), 77 (not on this machine).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "brain.h"
#include "handle.h"
#include "kit.h"
#include "lock.h"
#include "recover.h"
#include "step.h"
#include "txn.h"

#define PRINTED  5u
#define SAMPLE   24u /* tries of a scene, or up to twice as many */
#define FIRST    12u /* names in the first segment of a list */
#define SECOND   60u /* and in the second */
#define CAPACITY (16u << 20)

static struct shared {
    char path[KIT_PATH_MAX];
    uint32_t n_names;         /* of the moment that is walked over */
    _Atomic uint32_t in_walk; /* 1: what is stepped; 2: it is over */
    uint32_t n_seen[FIRST + SECOND];
    uint32_t n_unknown;
    int err; /* that ended it */
    char detail[256];
} *shared;

static void must(int err, const char *what)
{
    if (err != 0) {
        kit_die("%s: %d: %s", what, err, brain_error_detail());
    }
}

static brain_store *open_store(void)
{
    brain_store *opened = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CAPACITY;
    must(brain_open(shared->path, &options, &opened), "brain_open");
    return opened;
}

static brain_space *open_space(brain_store *of, const char *name)
{
    brain_space *space = NULL;
    must(brain_space_open(of, name, strlen(name), &space), "brain_space_open");
    return space;
}

/* ---- who walks */

/* One name more; false: there is none. */
static bool walk_on(brain_iter *iter)
{
    const void *name;
    size_t len;
    uint32_t i = UINT32_MAX;
    shared->err = brain_iter_next(iter, &name, &len);
    if (shared->err != 0) {
        return false;
    }
    if (len == sizeof i) {
        memcpy(&i, name, sizeof i);
    }
    if (i < shared->n_names) {
        shared->n_seen[i]++;
    } else {
        shared->n_unknown++;
    }
    return true;
}

/* Stops when its moment is taken, and before what is to be stepped. */
static void walk(void *arg)
{
    brain_store *its = open_store();
    brain_space *space = open_space(its, "walked");
    brain_snapshot *snapshot;
    brain_iter *iter = NULL;
    (void)arg;
    must(brain_snapshot_open(its, &snapshot), "brain_snapshot_open");
    raise(SIGSTOP);
    if (shared->n_names > 0) {
        must(brain_iter_names(space, snapshot, &iter), "brain_iter_names");
    }
    for (uint32_t i = 0; i < shared->n_names && walk_on(iter); i++) {
    }
    raise(SIGSTOP);
    shared->in_walk = 1;
    shared->err = iter == NULL ? brain_iter_names(space, snapshot, &iter) : 0;
    for (uint32_t n = 0; shared->err == 0 && n < 1000 && walk_on(iter); n++) {
    }
    shared->in_walk = 2;
    snprintf(shared->detail, sizeof shared->detail, "%.200s", brain_error_detail());
    raise(SIGSTOP);
    _exit(0);
}

/* ---- who changes */

static brain_store *store;

enum space {
    WALKED,
    BESIDE, /* has no names: a transaction that changes it as well takes a segment for it first */
    LARGE,  /* has as many as its first segment holds: the next takes one of 256 bytes */
    SMALL,  /* these have none */
    LINKED,
    N_SPACES
};
static const char *const space_names[N_SPACES] = { "walked", "beside", "large", "small", "linked" };
static brain_space *spaces[N_SPACES];

static void put(enum space space, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        must(brain_put_bytes(spaces[space], &i, sizeof i, NULL, 0), "brain_put_bytes");
    }
}

static void delete(enum space space, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        must(brain_delete(spaces[space], &i, sizeof i, BRAIN_ANY_VERSION), "brain_delete");
    }
}

/* A put of a name that is not there, up to where it is to be committed. */
static int begin_put(struct bn_change *change, enum space space, const uint32_t *name)
{
    struct bn_space_ref ref;
    must(bn_handle_resolve(spaces[space], &ref), "bn_handle_resolve");
    *change =
        (struct bn_change){ .name = name,
                            .name_len = sizeof *name,
                            .hash = bn_hash_name(store->hash_seed, ref.id, name, sizeof *name),
                            .space_id = ref.id,
                            .space_gen = ref.gen,
                            .if_version = BRAIN_ANY_VERSION,
                            .has_description = true };
    return bn_txn_find(store, change);
}

/* A transaction of a put into each of two namespaces, not committed. */
static int try_link(enum space first)
{
    static const uint32_t name = 1000;
    struct bn_change changes[2];
    must(bn_recover_enter(store, true), "bn_recover_enter");
    int err = bn_txn_begin(store, 2);
    err = err != 0 ? err : begin_put(&changes[0], first, &name);
    err = err != 0 ? err : begin_put(&changes[1], WALKED, &name);
    for (int i = 0; i < 2; i++) {
        err = err != 0 ? err : bn_txn_take(store, &changes[i]);
    }
    for (int i = first == WALKED; i < 2; i++) {
        err = err != 0 ? err : bn_txn_swing(store, &changes[i]);
    }
    return err;
}

static void unlink_it(void)
{
    must(bn_txn_abort(store, 0), "bn_txn_abort");
    bn_lock_release(store);
}

static void link_it(enum space first)
{
    int err;
    while ((err = try_link(first)) == BN_AGAIN) {
        (void)bn_txn_abort(store, 0);
        bn_lock_release(store);
        must(bn_store_satisfy(store), "bn_store_satisfy");
    }
    must(err, "a transaction");
}

/* ---- scenes */

/* So many new names, each in a namespace of its own, that the next segment begins at cell `end`. */
static void take_cells_up_to(uint64_t end)
{
    char name[16];
    for (uint32_t i = 0; store->state->names_end < end; i++) {
        int len = snprintf(name, sizeof name, "filler%u", i);
        brain_space *filler = open_space(store, name);
        must(brain_put_bytes(filler, &len, sizeof len, NULL, 0), "brain_put_bytes");
        brain_space_close(filler);
    }
    if (store->state->names_end != end) {
        kit_die("a segment does not begin where it is to");
    }
}

/* A slot of a name of `walked`, with a number that a segment may begin at. */
static uint32_t slot_like_a_segment(void)
{
    for (uint32_t n = 0; n < 1000; n++) {
        uint32_t i = n % shared->n_names;
        brain_view view;
        must(brain_get(spaces[WALKED], &i, sizeof i, &view), "brain_get");
        uint32_t slot = view.object;
        brain_view_drop(&view);
        if (slot % 16 == 0) {
            return slot;
        }
        put(WALKED, i, i + 1); /* into another */
    }
    kit_die("no name gets into such a slot");
}

static void link_alone(void)
{
    link_it(WALKED);
}

static void link_behind_another(void)
{
    link_it(BESIDE);
}

/* Names that the walk does not see fill the last segment before the link. */
static void fill_and_link(void)
{
    put(WALKED, FIRST, FIRST + SECOND);
    link_it(WALKED);
}

/* The first segment of `linked` will lie 16 cells behind the link, where the walk expects a name; its head says where
 * the next is: 16 cells behind that. */
static void arrange_cells(void)
{
    take_cells_up_to(slot_like_a_segment() - 32);
}

static void empty_second(void)
{
    put(WALKED, FIRST, FIRST + SECOND);
    delete (WALKED, FIRST, FIRST + SECOND);
    arrange_cells();
}

/* Where two small segments were lie names of a larger one. */
static void take_larger(void)
{
    put(LARGE, FIRST, FIRST + SECOND);
}

/* Where a large one was lie several small ones. */
static void take_smaller(void)
{
    put(SMALL, 0, 1);
    put(LINKED, 0, FIRST + 1);
}

static void take_nothing(void)
{
}

static const struct scene {
    const char *name;
    uint32_t n_names;
    void (*prepare)(void); /* NULL: nothing more */
    void (*link)(void);
    void (*take)(void); /* the memory, when it was undone */
} scenes[] = {
    { "first-segment", 0, NULL, link_alone, take_nothing },
    { "first-segment-larger", 0, NULL, link_behind_another, take_larger },
    { "second-segment", FIRST, NULL, link_alone, take_nothing },
    { "second-segment-larger", FIRST, NULL, link_behind_another, take_larger },
    { "third-segment-smaller", FIRST + SECOND, arrange_cells, link_alone, take_smaller },
    { "behind-new-names", FIRST, empty_second, fill_and_link, take_smaller },
};

static void begin(const struct scene *scene)
{
    memset(shared->n_seen, 0, sizeof shared->n_seen);
    shared->n_unknown = 0;
    shared->n_names = scene->n_names;
    shared->in_walk = 0;
    store = open_store();
    for (int i = 0; i < N_SPACES; i++) {
        spaces[i] = open_space(store, space_names[i]);
        must(brain_space_create(spaces[i]), "brain_space_create");
    }
    put(WALKED, 0, scene->n_names);
    put(LARGE, 0, FIRST);
    if (scene->prepare != NULL) {
        scene->prepare();
    }
}

static void end(void)
{
    for (int i = 0; i < N_SPACES; i++) {
        brain_space_close(spaces[i]);
    }
    brain_close(store);
    kit_remove_tree(shared->path);
}

/* ---- the proof */

struct proof {
    const struct scene *scene;
    uint64_t n_tries;
    uint32_t n_problems;
};

static void problem(struct proof *proof, uint32_t i, const char *text)
{
    if (proof->n_problems++ < PRINTED) {
        printf("  %s, after %u instructions: %s\n", proof->scene->name, i, text);
    }
}

static void judge(struct proof *proof, uint32_t i)
{
    char text[400];
    size_t n = 0;
    if (shared->err != BRAIN_E_NOT_FOUND) {
        snprintf(text, sizeof text, "the walk ends with %s (%.200s)", brain_strerror(shared->err),
                 shared->detail);
        problem(proof, i, text);
    }
    if (shared->n_unknown != 0) {
        problem(proof, i, "the walk gave a name that was not there at its moment");
    }
    for (uint32_t k = 0; k < shared->n_names; k++) {
        if (shared->n_seen[k] != 1) {
            snprintf(text, sizeof text, "the walk gave name %u %u times", k, shared->n_seen[k]);
            problem(proof, i, text);
            break;
        }
    }
    must(brain_check(store, NULL, 0, &n), "brain_check");
    if (n != 0) {
        problem(proof, i, "brain_check() finds something");
    }
}

static void run_to_stop(struct step *walker)
{
    if (step_through(walker) != STEP_STOPPED) {
        kit_die("the walk died (wait status 0x%x)", (unsigned)walker->status);
    }
}

/* One try; false: what is stepped has fewer instructions. */
static bool try(struct proof *proof, uint32_t n)
{
    struct step walker = { .pid = 0 };
    uint32_t i = 0;
    begin(proof->scene);
    step_start(&walker, walk, NULL);
    proof->scene->link();
    run_to_stop(&walker);
    while (i < n && shared->in_walk != 2) {
        if (step_once(&walker) != STEP_RAN) {
            kit_die("the walk died (wait status 0x%x)", (unsigned)walker.status);
        }
        i += shared->in_walk == 1;
    }
    bool reached = shared->in_walk != 2;
    unlink_it();
    proof->scene->take();
    run_to_stop(&walker);
    step_kill(&walker);
    judge(proof, n);
    end();
    proof->n_tries++;
    return reached;
}

/* How many instructions are stepped, or up to twice that. */
static uint32_t measure(struct proof *proof)
{
    uint32_t n = 2 * SAMPLE;
    while (try(proof, n)) {
        n *= 2;
    }
    return n;
}

static uint32_t prove(const struct scene *scene, bool full)
{
    struct proof proof = { .scene = scene };
    kit_path(shared->path, "store");
    uint32_t n = measure(&proof), stride = n / SAMPLE, n_rounds = full ? stride : 1;
    for (uint32_t from = 0; from < n_rounds; from++) { /* a defect shows early */
        for (uint32_t i = from; proof.n_problems < PRINTED && try(&proof, i); i += stride) {
        }
    }
    printf("%-24s %6ju tries  %s\n", scene->name, (uintmax_t)proof.n_tries,
           proof.n_problems == 0 ? "ok" : "WRONG");
    fflush(stdout);
    return proof.n_problems;
}

static bool is_wanted(const struct scene *scene, int n_names, char **names)
{
    bool is_one = n_names == 0;
    for (int i = 0; i < n_names; i++) {
        is_one = is_one || strncmp(scene->name, names[i], strlen(names[i])) == 0;
    }
    return is_one;
}

int main(int argc, char **argv)
{
    bool full = false;
    const char *dir = NULL;
    int n_names = 0;
    uint32_t n_problems = 0, n_proved = 0;
    for (int i = 1; i < argc; i++) {
        bool takes_value = strcmp(argv[i], "--dir") == 0 || strcmp(argv[i], "--kills") == 0;
        if (strcmp(argv[i], "--full") == 0) {
            full = true;
        } else if (takes_value && i + 1 < argc) {
            dir = strcmp(argv[i++], "--dir") == 0 ? argv[i] : dir; /* nobody is killed here */
        } else if (argv[i][0] == '-') {
            kit_die("unknown option %s (the head of the source says which there are)", argv[i]);
        } else {
            argv[++n_names] = argv[i];
        }
    }
    if (!step_allowed()) {
        printf("skipped: one process may not step another here\n");
        return KIT_SKIPPED;
    }
    kit_workdir(dir);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(shared != MAP_FAILED, "mmap");
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        if (is_wanted(&scenes[i], n_names, argv + 1)) {
            n_problems += prove(&scenes[i], full);
            n_proved++;
        }
    }
    if (n_proved == 0) {
        kit_die("there is no such scene");
    }
    return n_problems == 0 ? 0 : 1;
}
