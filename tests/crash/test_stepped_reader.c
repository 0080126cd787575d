/* test_stepped_reader.c - a reader that stands still at each instruction of a get, while a writer goes on.
 *
 *     test_stepped_reader [--full] [--tries N] [--seed N] [--dir PARENT] [SCENE...]
 *     test_stepped_reader --list
 *
 * A process gets a small value under single-step: by brain_get_or_copy() with and without a hint, by
 * brain_get(), and by the pin that a hint of a large value leads to. After instruction i of the call it stands still and a second process, the writer, changes
 * things: puts, until the slot that the reader has found is filled anew; deletes; removes the namespace;
 * gives the slot's memory to values of another size. In some scenes the writer itself then stands still in
 * the middle of filling that slot, while the reader goes on to the end of its call, or by m instructions
 * more, after which the writer ends its put first. Each i, each pair, and of the triples a part, is a try of
 * its own.
 *
 * What the reader returns must be one committed value of the name: its version is that of a commit, kind,
 * size and bytes are those that were put in it; not an older one than was committed before the call, not one
 * that was not committed when it returned; and NOT_FOUND only where the name was absent meanwhile. A value
 * that it holds a pin on must still be the same after many more puts.
 *
 * What the writer does in each scene, and what it notes of it, is in stepped_writer.h.
 *
 * --full     every instruction, instead of N tries for each scene and way of reading
 * SCENE      only scenes whose name begins like this
 *
 * Exits with 0, 1 (something was found), 2 (the proof could not be made), 77 (not on this machine).
 */
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

#include "brain.h"
#include "fate.h"
#include "handle.h"
#include "index.h"
#include "kit.h"
#include "slot.h"
#include "step.h"
#include "stepped_writer.h"

#define ROOM          384u /* of the reader's buffer */
#define PRINTED       5u
#define CALL_SECONDS  60u
#define ROUNDS        6u /* where reader and writer both stop twice */
#define M_MAX         96u
#define TRIES_DEFAULT 80u

enum way {
    COPIES,
    COPIES_HINTED,
    PINS,
    PINS_HINTED,
    N_WAYS
};

static const char *const way_names[N_WAYS] = { "copy", "hint", "pin", "hint-pin" };

/* What the reader got. */
struct answer {
    int err;
    bool pinned;
    uint64_t version, size_bytes;
    uint32_t kind;
    bool has_name;
    uint8_t data[ROOM];
};

/* What the three processes share. */
struct shared {
    enum way way;
    _Atomic uint32_t in_call; /* 1: the reader is in the call; 2: it has returned */
    _Atomic bool over;        /* the reader is to end */
    struct answer answer, later;
    struct writer_board board;
};

static struct shared *shared;

/* ---- the reader ------------------------------------------------------------------------------ */

static void note_answer(struct answer *answer, int err, const brain_view *view)
{
    answer->err = err;
    if (err == 0) {
        uint64_t n = view->size_bytes < ROOM ? view->size_bytes : ROOM;
        answer->pinned = view->store != NULL;
        answer->version = view->version;
        answer->kind = view->kind;
        answer->size_bytes = view->size_bytes;
        /* Of a copy it is what was asked for: there the bytes tell. */
        answer->has_name = view->name_len == WRITER_NAME_LEN &&
                           memcmp(view->name, shared->board.name, WRITER_NAME_LEN) == 0;
        memcpy(answer->data, view->data, n);
    }
}

/* Two stops for each try: before the call, having seen where the value is, and after it. */
static void read_on_demand(void *arg)
{
    static _Alignas(8) uint8_t buf[ROOM];
    brain_store *store = writer_open_store(&shared->board);
    brain_space *space = writer_open_space(store, "space");
    const char *name = shared->board.name;
    (void)arg;
    raise(SIGSTOP);
    for (;;) {
        brain_hint hint = { 0 };
        brain_view view;
        if (brain_get_or_copy(space, name, WRITER_NAME_LEN, &hint, buf, sizeof buf, &view) != 0) {
            kit_die("the first get: %s", brain_error_detail());
        }
        brain_view_drop(&view);
        memset(buf, 0xee, sizeof buf);
        shared->board.found = hint;
        if (shared->way == PINS_HINTED) {
            hint.size = BN_SLOT_ALIGNED_FROM; /* as of a value that is not to be copied */
        }
        shared->in_call = 0;
        alarm(CALL_SECONDS); /* who waits for a writer that stands still would wait for ever */
        raise(SIGSTOP);
        int err;
        bn_store_release(&shared->in_call, 1u);
        if (shared->way == PINS) {
            err = brain_get(space, name, WRITER_NAME_LEN, &view);
        } else {
            err = brain_get_or_copy(space, name, WRITER_NAME_LEN,
                                    shared->way == COPIES ? NULL : &hint, buf, sizeof buf, &view);
        }
        bn_store_release(&shared->in_call, 2u);
        note_answer(&shared->answer, err, &view);
        raise(SIGSTOP);
        note_answer(&shared->later, err, &view);
        if (err == 0) {
            brain_view_drop(&view);
        }
        if (shared->over) {
            _exit(0);
        }
    }
}

/* ---- tries ----------------------------------------------------------------------------------- */

struct options {
    bool full;
    uint32_t n_tries;
    uint64_t seed;
};

/* All tries of one scene and one way of reading. */
struct proof {
    const struct writer_scene *scene;
    enum way way;
    struct step reader, writer;
    brain_store *store; /* the prover's own */
    uint64_t newest;    /* committed when the reader returned; 0: it has not yet */
    uint64_t n_tries, n_back, n_old, n_new, n_absent, n_pinned;
    uint32_t n_problems;
    bool can_watch;
    bool is_dead; /* one of the two: nothing more can be tried */
};

/* Where the two stop: the reader after `i` instructions, the writer after the `j`-th that changed something
 * that the reader looks at, the reader again `m` instructions later. */
struct place {
    uint32_t i, j, m;
};

/* How far a try came. */
struct reached {
    bool i, j, m; /* the stop was in the call, or in the put */
};

static void problem(struct proof *proof, const struct place *at, const char *text)
{
    if (proof->n_problems++ < PRINTED) {
        printf("  %s, %s, reader at %u, writer at %u, reader at %u more: %s\n", proof->scene->name,
               way_names[proof->way], at->i, at->j, at->m, text);
    }
}

static bool let_run(struct proof *proof, struct step *step, const struct place *at, const char *who)
{
    if (step_through(step) == STEP_STOPPED) {
        return true;
    }
    char text[128];
    snprintf(text, sizeof text, "the %s ends (wait status 0x%x)", who, (unsigned)step->status);
    problem(proof, at, text);
    proof->is_dead = true;
    return false;
}

static bool let_act(struct proof *proof, writer_act *act, const struct place *at)
{
    shared->board.act = act;
    return let_run(proof, &proof->writer, at, "writer");
}

/* What a reader looks at. */
struct looks {
    uint8_t slot[2 * BN_LINE];
    uint64_t word, committed;
};

/* The slot in which the reader has found the value. */
static const struct bn_slot_rec *found_slot(const struct proof *proof)
{
    return bn_slot_view(proof->store, bn_index_slot(shared->board.found.word));
}

static void look(const struct proof *proof, struct looks *looks)
{
    memset(looks, 0, sizeof *looks);
    memcpy(looks->slot, found_slot(proof), sizeof looks->slot);
    memcpy(&looks->word, proof->store->view + shared->board.found.place, sizeof looks->word);
    looks->committed = bn_load_acquire(&proof->store->state_view->committed);
}

/* Let the processor stop the writer after a store to one of `n` addresses of 4 bytes; 0: no more. */
static void watch(struct proof *proof, const uint64_t *at, uint32_t n)
{
#if defined(__x86_64__)
    const uintptr_t regs = offsetof(struct user, u_debugreg);
    uint64_t control = 0;
    bool ok = proof->can_watch;
    for (uint32_t i = 0; i < n && ok; i++) {
        ok = ptrace(PTRACE_POKEUSER, proof->writer.pid, (void *)(regs + i * 8), (void *)at[i]) == 0;
        control |= UINT64_C(1) << 2 * i | UINT64_C(0xd)
                                              << (16 + 4 * i); /* enabled; stores of 4 bytes */
    }
    if (proof->can_watch) {
        ok = ptrace(PTRACE_POKEUSER, proof->writer.pid, (void *)(regs + 7 * 8), (void *)control) ==
                 0 &&
             ok;
    }
    proof->can_watch = ok;
#else
    (void)at;
    (void)n;
    proof->can_watch = false;
#endif
}

/* What a put does before it changes anything that a reader looks at is most of it. Where the processor can
 * watch addresses the writer runs that far, to the first store of the slot's number or gen, of the word or
 * of the number of the last commit. False: it came to the end of the put instead, for nobody watched. */
static bool put_to_first_change(struct proof *proof)
{
    const brain_store *store = proof->store;
    uint64_t data = shared->board.data;
    uint64_t slot = data + store->region_off[BN_REGION_SLOTS] +
                    (uint64_t)bn_index_slot(shared->board.found.word) * BN_LINE;
    const uint64_t at[] = {
        slot + offsetof(struct bn_slot_rec, number),
        slot + offsetof(struct bn_slot_rec, gen),
        data + shared->board.found.place,
        data + BN_STATE_OFF + offsetof(struct bn_state_rec, committed),
    };
    watch(proof, at, sizeof at / sizeof at[0]);
    enum step_event event = proof->can_watch ? step_through(&proof->writer) : STEP_RAN;
    proof->can_watch = proof->can_watch && event == STEP_RAN;
    watch(proof, at, 0);
    return event == STEP_RAN;
}

/* Let the writer put, up to its `j`-th change. False: it came to the end before. */
static bool put_partly(struct proof *proof, uint32_t j)
{
    struct looks before, now;
    uint32_t n = 0;
    shared->board.act = writer_put;
    look(proof, &before);
    if (!put_to_first_change(proof)) {
        return false;
    }
    look(proof, &now);
    n = memcmp(&before, &now, sizeof now) != 0;
    before = now;
    while (n < j) {
        if (step_once(&proof->writer) != STEP_RAN) {
            return false;
        }
        look(proof, &now);
        n += memcmp(&before, &now, sizeof now) != 0;
        before = now;
    }
    return true;
}

/* Let the reader go on by `n` instructions. False: it has returned before. */
static bool read_partly(struct proof *proof, uint32_t n)
{
    for (uint32_t k = 0; k < n && proof->newest == 0; k++) {
        if (step_once(&proof->reader) != STEP_RAN) {
            return false; /* it ends: let_run() says so */
        }
        if (bn_load_acquire(&shared->in_call) == 2) {
            proof->newest = bn_load_acquire(&proof->store->state_view->committed);
        }
    }
    return proof->newest == 0;
}

/* ---- judging */

/* What is wrong with it, or NULL. */
static const char *judge_value(const struct answer *answer, uint64_t oldest, uint64_t newest)
{
    const struct writer_commit *commit = writer_find_commit(&shared->board, answer->version);
    if (commit == NULL) {
        return "no commit of this name has its version";
    }
    struct writer_value value = writer_value_of(commit->serial);
    if (!answer->has_name) {
        return "it is of another name";
    }
    if (answer->kind != value.kind || answer->size_bytes != value.size_bytes) {
        return "kind and size are not those of its version";
    }
    if (!writer_is_value(&value, answer->data, value.size_bytes < ROOM ? value.size_bytes : ROOM)) {
        return "its bytes are not those of its version";
    }
    return answer->version < oldest   ? "it is older than what was committed before the call"
           : answer->version > newest ? "it was not committed when the call returned"
                                      : NULL;
}

static void judge(struct proof *proof, const struct place *at, uint64_t oldest, uint64_t n_absences)
{
    const struct answer *answer = &shared->answer;
    const char *text = NULL;
    if (answer->err == BRAIN_E_NOT_FOUND) {
        proof->n_absent++;
        text =
            shared->board.n_absences == n_absences ? "not found, and was there all the time" : NULL;
    } else if (answer->err != 0) {
        text = brain_strerror(answer->err);
    } else {
        proof->n_old += answer->version == oldest;
        proof->n_new += answer->version != oldest;
        proof->n_pinned += answer->pinned;
        text = judge_value(answer, oldest, proof->newest);
        text = text == NULL && judge_value(&shared->later, oldest, proof->newest) != NULL
                   ? "what is pinned has changed"
                   : text;
    }
    if (text != NULL) {
        problem(proof, at, text);
    }
}

/* ---- one try */

/* To the first instruction of the call. */
static bool enter_call(struct proof *proof)
{
    while (bn_load_acquire(&shared->in_call) == 0) {
        if (step_once(&proof->reader) != STEP_RAN) {
            return false;
        }
    }
    return true;
}

/* The writer's part, and where both stop, what the reader does in between. False: there was no such place,
 * or one of them died. */
static bool interfere(struct proof *proof, const struct place *at, struct reached *reached)
{
    const struct writer_scene *scene = proof->scene;
    if (scene->act != NULL && !let_act(proof, scene->act, at)) {
        return false;
    }
    if (scene->stops == WRITER_RUNS) {
        proof->n_back += shared->board.is_back;
        return true;
    }
    reached->j = put_partly(proof, at->j);
    proof->n_back += found_slot(proof)->gen != shared->board.found.gen;
    if (reached->j && scene->stops == WRITER_BOTH_STOP) {
        reached->m = read_partly(proof, at->m);
        return let_run(proof, &proof->writer, at, "writer");
    }
    return true;
}

static void try(struct proof *proof, struct place at, struct reached *reached)
{
    *reached = (struct reached){ false, false, false };
    if (!enter_call(proof)) {
        kit_die("the reader does not come to its call");
    }
    uint64_t oldest = writer_last_commit(&shared->board)->version;
    uint64_t n_absences = shared->board.n_absences;
    proof->newest = 0;
    reached->i = read_partly(proof, at.i);
    if (reached->i && !interfere(proof, &at, reached) && proof->is_dead) {
        return;
    }
    if (!let_run(proof, &proof->reader, &at, "reader")) {
        return;
    }
    if (proof->newest == 0) {
        proof->newest = bn_load_acquire(&proof->store->state_view->committed);
    }
    if (reached->j && proof->scene->stops == WRITER_STOPS_ONCE &&
        !let_run(proof, &proof->writer, &at, "writer")) {
        return;
    }
    /* The reader looks once more at what it has, after all that puts the value back. */
    if (!let_act(proof, proof->scene->restore, &at) ||
        !let_run(proof, &proof->reader, &at, "reader")) {
        return;
    }
    judge(proof, &at, oldest, n_absences);
    proof->n_tries++;
}

/* ---- which tries */

static bool goes_on(const struct proof *proof)
{
    return !proof->is_dead && proof->n_problems < PRINTED;
}

/* How many instructions a call has, and how many changes a put. */
static void measure(struct proof *proof, struct place *last)
{
    struct reached reached = { true, true, true };
    struct place at = { 1, 1, 0 };
    while (goes_on(proof) && (try(proof, at, &reached), reached.i)) {
        at.i += 8;
    }
    last->i = at.i;
    at.i = 1;
    while (proof->scene->stops != WRITER_RUNS && goes_on(proof) &&
           (try(proof, at, &reached), reached.j)) {
        at.j++;
    }
    last->j = proof->scene->stops == WRITER_RUNS ? 1 : at.j - 1;
}

static void try_sample(struct proof *proof, const struct options *options)
{
    struct place last = { 1, 1, 1 };
    struct reached reached;
    uint64_t seed = options->seed;
    measure(proof, &last);
    while (goes_on(proof) && proof->n_tries < options->n_tries) {
        struct place at = { (uint32_t)(kit_random(&seed) % last.i),
                            1 + (uint32_t)(kit_random(&seed) % last.j), 0 };
        at.m = (uint32_t)(kit_random(&seed) % (last.i - at.i));
        try(proof, at, &reached);
    }
}

/* Where both stop twice: each i, each m up to M_MAX, which is past the end of a copy. There are too many
 * triples, so neighbouring m have different j. In rounds, the first of which has the writer stop right after
 * gen, and from the end of the call, where all looks at the slot are: a defect shows early. */
static void try_all_pairs(struct proof *proof, const struct place *last)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t j = 1 + round * last->j / ROUNDS;
        for (uint32_t i = last->i; i-- > 0 && goes_on(proof);) {
            struct reached reached = { true, true, true };
            for (uint32_t m = round; m < M_MAX && reached.j && reached.m && goes_on(proof);
                 m += ROUNDS) {
                try(proof, (struct place){ i, j, m }, &reached);
            }
        }
    }
}

static void try_all(struct proof *proof)
{
    struct place at = { 0, 1, 0 }, last = { 1, 1, 1 };
    struct reached reached = { true, true, true };
    measure(proof, &last);
    if (proof->scene->stops == WRITER_BOTH_STOP) {
        try_all_pairs(proof, &last);
        return;
    }
    for (at.i = 0; reached.i && goes_on(proof); at.i++) {
        for (at.j = 1; at.j <= last.j && reached.i && goes_on(proof); at.j++) {
            try(proof, at, &reached);
        }
    }
}

/* ---- */

static void start(struct proof *proof)
{
    *shared = (struct shared){ .way = proof->way, .board.name = { 'n', 'a', 'm', 'e' } };
    kit_path(shared->board.path, "store");
    step_start(&proof->writer, writer_run, &shared->board);
    struct place none = { 0, 0, 0 };
    bool ok = (proof->scene->prepare == NULL || let_act(proof, proof->scene->prepare, &none)) &&
              let_act(proof, writer_put, &none);
    if (!ok) {
        kit_die("%s: the writer could not begin", proof->scene->name);
    }
    step_start(&proof->reader, read_on_demand, NULL);
    if (!let_run(proof, &proof->reader, &none, "reader")) {
        kit_die("%s: the reader could not begin", proof->scene->name);
    }
    proof->store = writer_open_store(&shared->board);
}

static void end(struct proof *proof)
{
    /* In good order, if it can: a process that is killed counts nothing (tests/coverage). */
    shared->over = true;
    for (int i = 0; i < 4 && proof->reader.pid != 0; i++) {
        (void)step_through(&proof->reader);
    }
    step_kill(&proof->reader);
    step_kill(&proof->writer);
    brain_close(proof->store);
    kit_remove_tree(shared->board.path);
}

/* Returns how many problems were found. */
static uint32_t prove(const struct writer_scene *scene, enum way way, const struct options *options)
{
    struct proof proof = { .scene = scene, .way = way, .can_watch = true };
    double begin = kit_seconds();
    start(&proof);
    if (options->full) {
        try_all(&proof);
    } else {
        try_sample(&proof, options);
    }
    end(&proof);
    if (scene->comes_back && proof.n_back == 0 && proof.n_problems == 0) {
        printf("  %s, %s: what it is about never came about\n", scene->name, way_names[way]);
        proof.n_problems++;
    }
    printf("%-28s %-8s %7ju tries  brought about %6ju  old %6ju new %6ju absent %6ju  pinned %6ju  "
           "%.1f s  %s\n",
           scene->name, way_names[way], (uintmax_t)proof.n_tries, (uintmax_t)proof.n_back,
           (uintmax_t)proof.n_old, (uintmax_t)proof.n_new, (uintmax_t)proof.n_absent,
           (uintmax_t)proof.n_pinned, kit_seconds() - begin,
           proof.n_problems == 0 ? "ok" : "WRONG");
    fflush(stdout);
    return proof.n_problems;
}

/* ---- the command line ------------------------------------------------------------------------ */

static bool is_named(const struct writer_scene *scene, const char *name)
{
    return strncmp(scene->name, name, strlen(name)) == 0;
}

static bool is_wanted(const struct writer_scene *scene, int n_names, char **names)
{
    for (int i = 0; i < n_names; i++) {
        if (is_named(scene, names[i])) {
            return true;
        }
    }
    return n_names == 0;
}

/* A name that is misspelt beside one that is not must not go unnoticed. */
static void look_for_all(int n_names, char **names)
{
    for (int i = 0; i < n_names; i++) {
        uint32_t k = 0;
        while (k < n_writer_scenes && !is_named(&writer_scenes[k], names[i])) {
            k++;
        }
        if (k == n_writer_scenes) {
            kit_die("there is no scene %s (--list has them)", names[i]);
        }
    }
}

static _Noreturn void usage(const char *program)
{
    printf("usage: %s [--full] [--tries N] [--seed N] [--dir PARENT] [SCENE...]\n"
           "       %s --list\n"
           "Of scenes the beginning of a name is enough.\n",
           program, program);
    exit(0);
}

/* Moves the names of scenes to the front, from argv[1] on; returns how many there are. */
static int parse(int argc, char **argv, struct options *options, const char **dir_out)
{
    int n_names = 0;
    for (int i = 1; i < argc; i++) {
        bool takes_value = strcmp(argv[i], "--tries") == 0 || strcmp(argv[i], "--seed") == 0 ||
                           strcmp(argv[i], "--dir") == 0 || strcmp(argv[i], "--kills") == 0;
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            usage(argv[0]);
        } else if (takes_value && i + 1 == argc) {
            kit_die("%s needs a value", argv[i]);
        } else if (takes_value) {
            const char *option = argv[i], *value = argv[++i];
            if (strcmp(option, "--tries") == 0) {
                options->n_tries = (uint32_t)strtoul(value, NULL, 10);
            } else if (strcmp(option, "--seed") == 0) {
                options->seed = strtoull(value, NULL, 10);
            } else if (strcmp(option, "--dir") == 0) {
                *dir_out = value;
            } /* nobody is killed here; the runner of the mutants says so to every proof */
        } else if (strcmp(argv[i], "--full") == 0) {
            options->full = true;
        } else if (argv[i][0] == '-') {
            kit_die("unknown option %s (--help says which there are)", argv[i]);
        } else {
            argv[++n_names] = argv[i];
        }
    }
    return n_names;
}

static int list(void)
{
    for (uint32_t i = 0; i < n_writer_scenes; i++) {
        puts(writer_scenes[i].name);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = { .n_tries = TRIES_DEFAULT, .seed = (uint64_t)getpid() };
    const char *dir = NULL;
    uint32_t n_problems = 0, n_proved = 0;
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    int n_names = parse(argc, argv, &options, &dir);
    look_for_all(n_names, argv + 1);
    if (!step_allowed()) {
        printf("skipped: one process may not step another here\n");
        return KIT_SKIPPED;
    }
    kit_workdir(dir);
    void *at =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(at != MAP_FAILED, "mmap");
    shared = at;
    printf("seed %ju\n", (uintmax_t)options.seed);
    fate_decide(options.seed);
    for (uint32_t i = 0; i < n_writer_scenes; i++) {
        /* A defect that shows so often needs no more minutes. */
        bool is_next = is_wanted(&writer_scenes[i], n_names, argv + 1);
        for (uint32_t way = 0; way < N_WAYS && is_next && n_problems < PRINTED; way++) {
            n_problems += prove(&writer_scenes[i], (enum way)way, &options);
            n_proved++;
        }
    }
    printf("%u proved, %u problems\n", n_proved, n_problems);
    return n_problems == 0 && n_proved > 0 ? 0 : 1;
}
