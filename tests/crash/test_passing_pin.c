/* test_passing_pin.c - a get that has pinned, for a moment, what has just been deleted.
 *
 *     test_passing_pin [--full] [--dir PARENT]
 *
 * A process gets a large value under single-step, and stands still after instruction i of the call. Another
 * deletes that value, replaces it, or removes its namespace, and drops its last view of it: the look that
 * follows finds the pin of the get, if there is one by then, and leaves the value's memory in limbo. The get
 * goes on, finds that its pin was none, and ends. After the next change, of a small value, the memory has to
 * be free: nobody else would look for it until there is another large value.
 *
 * --full     each instruction, instead of one in seven
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

#include "base/atomic.h"
#include "brain.h"
#include "kit.h"
#include "step.h"

#define LARGE   100000u
#define SMALL   100u
#define PRINTED 5u

enum way {
    GETS,
    ASKS, /* brain_exists() */
    GETS_BY_ID,
    N_WAYS
};

static const char *const way_names[N_WAYS] = { "get", "exists", "get by id" };

static struct shared {
    char path[KIT_PATH_MAX];
    enum way way;
    uint8_t id[BRAIN_ID_BYTES];
    _Atomic uint32_t in_call; /* 1: the reader is in the call; 2: it has returned */
} *shared;

static void must(int err, const char *what)
{
    if (err != 0) {
        kit_die("%s: %s: %s", what, brain_strerror(err), brain_error_detail());
    }
}

static brain_store *open_store(void)
{
    brain_store *store = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = 1 << 24;
    must(brain_open(shared->path, &options, &store), "brain_open");
    return store;
}

static brain_space *open_space(brain_store *store)
{
    brain_space *space = NULL;
    must(brain_space_open(store, "space", 5, &space), "brain_space_open");
    return space;
}

/* ---- the reader */

static void read_on_demand(void *arg)
{
    brain_store *store = open_store();
    brain_space *space = open_space(store);
    (void)arg;
    for (;;) {
        brain_view view = { .store = NULL };
        int err;
        shared->in_call = 0;
        raise(SIGSTOP);
        bn_store_release(&shared->in_call, 1u);
        if (shared->way == GETS) {
            err = brain_get(space, "large", 5, &view);
        } else if (shared->way == ASKS) {
            err = brain_exists(space, "large", 5, NULL);
        } else {
            err = brain_get_by_id(store, shared->id, &view);
        }
        bn_store_release(&shared->in_call, 2u);
        if (err != BRAIN_E_NOT_FOUND) {
            must(err, way_names[shared->way]);
        }
        raise(SIGSTOP);
        brain_view_drop(&view);
    }
}

/* ---- who changes */

static brain_store *store;
static brain_space *space, *elsewhere;

static void put(brain_space *where, const char *name, size_t size)
{
    static const uint8_t bytes[LARGE];
    must(brain_put_bytes(where, name, strlen(name), bytes, size), "brain_put_bytes");
}

static void delete_it(void)
{
    must(brain_delete(space, "large", 5, BRAIN_ANY_VERSION), "brain_delete");
}

static void replace_by_small(void)
{
    put(space, "large", SMALL);
}

static void replace_by_large(void)
{
    put(space, "large", LARGE / 2);
}

static void remove_namespace(void)
{
    must(brain_space_remove(space), "brain_space_remove");
}

/* The slot is another value's by the time that the pin goes. */
static void replace_again_and_again(void)
{
    for (int i = 0; i < 4; i++) {
        put(space, "large", LARGE - 5000);
    }
    delete_it();
}

static const struct change {
    const char *name;
    void (*make)(void);
} changes[] = {
    { "delete", delete_it },
    { "replace by a small one", replace_by_small },
    { "replace by a large one", replace_by_large },
    { "replace again and again", replace_again_and_again },
    { "remove the namespace", remove_namespace },
};

static uint64_t limbo_bytes(void)
{
    brain_stat stat = { .struct_size = sizeof stat };
    must(brain_stat_get(store, &stat), "brain_stat_get");
    return stat.limbo_bytes;
}

/* ---- the proof */

struct proof {
    const struct change *change;
    enum way way;
    struct step reader;
    uint64_t n_tries, n_kept, n_problems;
};

static void let_run(struct proof *proof)
{
    if (step_through(&proof->reader) != STEP_STOPPED) {
        kit_die("the reader ends (wait status 0x%x)", (unsigned)proof->reader.status);
    }
}

static void step(struct proof *proof)
{
    if (step_once(&proof->reader) != STEP_RAN) {
        kit_die("the reader ends (wait status 0x%x)", (unsigned)proof->reader.status);
    }
}

/* One try; false: the call has fewer instructions. */
static bool try(struct proof *proof, uint32_t n)
{
    brain_view view;
    put(space, "large", LARGE);
    must(brain_get(space, "large", 5, &view), "brain_get");
    brain_view_id(&view, shared->id);
    shared->way = proof->way;
    while (bn_load_acquire(&shared->in_call) != 1) {
        step(proof);
    }
    for (uint32_t i = 0; i < n && bn_load_acquire(&shared->in_call) == 1; i++) {
        step(proof);
    }
    bool reached = bn_load_acquire(&shared->in_call) == 1;
    proof->change->make();
    brain_view_drop(&view);
    proof->n_kept += reached && limbo_bytes() >= LARGE / 2;
    let_run(proof); /* to the end of the call */
    let_run(proof); /* it drops what it got */
    put(elsewhere, "small", SMALL);
    if (limbo_bytes() >= LARGE / 2 && proof->n_problems++ < PRINTED) {
        printf("  after %u instructions: %ju bytes stay in limbo\n", n, (uintmax_t)limbo_bytes());
    }
    proof->n_tries++;
    return reached;
}

static uint64_t prove(const struct change *change, enum way way, uint32_t step_by)
{
    struct proof proof = { .change = change, .way = way };
    kit_path(shared->path, "store %d of %td", (int)way, change - changes);
    step_start(&proof.reader, read_on_demand, NULL);
    store = open_store();
    space = open_space(store);
    must(brain_space_open(store, "elsewhere", 9, &elsewhere), "brain_space_open");
    for (uint32_t i = 0; try(&proof, i) && proof.n_problems < PRINTED; i += step_by) {
    }
    step_kill(&proof.reader);
    brain_space_close(space);
    brain_space_close(elsewhere);
    brain_close(store);
    kit_remove_tree(shared->path);
    if (proof.n_kept == 0) {
        printf("  what it is about never came about\n");
        proof.n_problems++;
    }
    printf("%-24s %-10s %5ju tries  kept by the pin %5ju  %s\n", change->name, way_names[way],
           (uintmax_t)proof.n_tries, (uintmax_t)proof.n_kept,
           proof.n_problems == 0 ? "ok" : "WRONG");
    fflush(stdout);
    return proof.n_problems;
}

int main(int argc, char **argv)
{
    uint32_t step_by = 7; /* a pin that is none stands for some ten */
    const char *dir = NULL;
    uint64_t n_problems = 0;
    for (int i = 1; i < argc; i++) {
        bool takes_value = strcmp(argv[i], "--dir") == 0 || strcmp(argv[i], "--kills") == 0;
        if (strcmp(argv[i], "--full") == 0) {
            step_by = 1;
        } else if (!takes_value || i + 1 == argc) {
            kit_die("unknown option %s (the head of the source says which there are)", argv[i]);
        } else if (strcmp(argv[i++], "--dir") == 0) {
            dir = argv[i];
        } /* nobody is killed here; the runner of the mutants says so to every proof */
    }
    if (!step_allowed()) {
        printf("skipped: one process may not step another here\n");
        return KIT_SKIPPED;
    }
    kit_workdir(dir);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(shared != MAP_FAILED, "mmap");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        for (uint32_t way = 0; way < N_WAYS; way++) {
            n_problems += prove(&changes[i], (enum way)way, step_by);
        }
    }
    return n_problems == 0 ? 0 : 1;
}
