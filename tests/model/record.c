/* record.c - lets processes use a store one step of the protocol at a time, and tells which steps they took.
 *
 * usage: record SEED STEPS [KILLS]
 *
 * Writers put, replace, delete, change both of two names at once, advance the number and reclaim; readers get one name, and both,
 * and take snapshots. Each stops before every BN_STEP of the library (built with -Dsteps=true) until it is told to
 * go on; who is, a number of seed SEED decides. So what is printed, line by line, is the order in which
 * things happened. After STEPS steps everybody ends what it is at. KILLS writers die on the way, each before a
 * step.
 *
 *   clients WRITERS READERS       the first line
 *   client WHO ROW                of the client table
 *   name I HASH
 *   committed NUMBER              before the first step
 *   step WHO NAME A B
 *   died WHO
 */
#include <semaphore.h>
#include <sys/prctl.h>

#include "../unit/check.h"
#include "base/hash.h"
#include "base/step.h"
#include "handle.h"
#include "reclaim.h"
#include "space.h"

#define N_WRITERS 3
#define N_READERS 2
#define N_ALL     (N_WRITERS + N_READERS)

static const char *const names[] = { "one", "two" };

/* What parent and child say to each other. */
struct desk {
    sem_t parked, go;
    char step[32];
    uint64_t a, b;
    uint32_t row;
    bool is_over;
};

static struct desk *desks; /* shared; of client i, from 1 on */
static _Atomic bool *ends; /* shared: everybody ends what it is at */
static struct desk *mine;
static uint64_t random_state;

static uint64_t next_random(uint64_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

/* ---- a child */

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0) {
        CHECK(errno == EINTR);
    }
}

static void park(const char *step, uint64_t a, uint64_t b)
{
    snprintf(mine->step, sizeof mine->step, "%s", step);
    mine->a = a;
    mine->b = b;
    sem_post(&mine->parked);
    wait_for(&mine->go);
}

static void put(brain_space *space, int i)
{
    char data[8];
    memset(data, (int)('a' + next_random(26)), sizeof data);
    CHECK(brain_put_bytes(space, names[i], strlen(names[i]), data, sizeof data) == 0);
}

static void change_both(brain_store *store, brain_space *space, bool deletes)
{
    brain_batch *batch;
    brain_part part = { .data = "both", .size_bytes = 4 };
    brain_value value = { .parts = &part, .n_parts = 1 };
    CHECK(brain_batch_new(store, &batch) == 0);
    CHECK(brain_batch_put(batch, space, names[0], 3, &value) == 0);
    CHECK((deletes ? brain_batch_delete(batch, space, names[1], 3)
                   : brain_batch_put(batch, space, names[1], 3, &value)) == 0);
    CHECK(brain_batch_commit(batch, NULL) == 0);
    brain_batch_free(batch);
}

static void write_something(brain_store *store, brain_space *space)
{
    int i = (int)next_random(2), err;
    switch (next_random(9)) {
    case 0:
        err = brain_delete(space, names[i], 3, BRAIN_ANY_VERSION);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        break;
    case 1:
    case 2:
        change_both(store, space, i == 1);
        break;
    case 3:
        err = bn_reclaim_limbo(store, true, NULL);
        CHECK(err == 0);
        break;
    case 4:
        bn_reclaim_due(store, true, 16, true);
        break; /* some stay ready for puts */
    case 5:
        err = brain_advance(store, bn_load_seq(&store->state_view->committed) + 1 + next_random(2));
        CHECK(err == 0);
        break;
    default:
        put(space, 0);
        put(space, i);
    }
}

static void read_something(brain_store *store, brain_space *space, bool of_both)
{
    brain_view views[2];
    brain_key keys[2] = { { space, names[0], 3 }, { space, names[1], 3 } };
    brain_snapshot *snapshot;
    if (!of_both) {
        int err = brain_get(space, names[next_random(2)], 3, &views[0]);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        if (err == 0) {
            brain_view_drop(&views[0]);
        }
        return;
    }
    if (next_random(2) == 0) {
        CHECK(brain_get_many(store, keys, 2, views, NULL) == 0);
    } else {
        CHECK(brain_snapshot_open(store, &snapshot) == 0);
        for (int i = 0; i < 2; i++) {
            views[i].store = NULL;
            int err = brain_snapshot_get(snapshot, space, names[i], 3, &views[i]);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        }
        brain_snapshot_close(snapshot);
    }
    for (int i = 0; i < 2; i++) {
        if (views[i].store != NULL) {
            brain_view_drop(&views[i]);
        }
    }
}

static void work(int who, const char *path, uint64_t seed)
{
    brain_store *store;
    brain_space *space;
    brain_view view;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    random_state = seed * 64 + (uint64_t)who;
    mine = &desks[who];
    CHECK(brain_open(path, NULL, &store) == 0);
    CHECK(brain_space_open(store, "s", 1, &space) == 0);
    for (int i = 0; i < 2; i++) { /* so that the namespace is known */
        CHECK(brain_get(space, names[i], 3, &view) == BRAIN_E_NOT_FOUND);
    }
    mine->row = store->row;
    park("ready", 0, 0);
    bn_step_hook = park;
    while (!atomic_load(ends)) {
        if (who <= N_WRITERS) {
            write_something(store, space);
        } else {
            read_something(store, space, who == N_ALL);
        }
    }
    bn_step_hook = NULL;
    mine->is_over = true;
    sem_post(&mine->parked);
    _exit(0);
}

/* ---- the parent */

static pid_t pids[N_ALL + 1];
static uint64_t n_releases = 1, seen_releases[N_ALL + 1];

/* Who waits for the lock is asked again when it was released, or somebody died. */
static bool may_go(int who)
{
    return pids[who] != 0 &&
           (strcmp(desks[who].step, "lock_wait") != 0 || seen_releases[who] < n_releases);
}

static int choose(void)
{
    int able[N_ALL], n = 0;
    for (int i = 1; i <= N_ALL; i++) {
        if (may_go(i)) {
            able[n++] = i;
        }
    }
    return n == 0 ? 0 : able[next_random((uint64_t)n)];
}

static void bury(int who)
{
    int status;
    CHECK(waitpid(pids[who], &status, 0) == pids[who]);
    pids[who] = 0;
}

static void let_go(int who)
{
    struct desk *desk = &desks[who];
    printf("step %d %s %llu %llu\n", who, desk->step, (unsigned long long)desk->a,
           (unsigned long long)desk->b);
    if (strcmp(desk->step, "lock_release") == 0) {
        n_releases++;
    }
    seen_releases[who] = n_releases;
    sem_post(&desk->go);
    wait_for(&desk->parked);
    if (desk->is_over) {
        bury(who);
    }
}

static void schedule(uint64_t n_steps, int n_kills)
{
    uint64_t kill_at = n_steps / (uint64_t)(n_kills + 1);
    int who;
    for (uint64_t n = 0; (who = choose()) != 0; n++) {
        if (n >= n_steps) {
            atomic_store(ends, true);
        }
        if (n_kills > 0 && n >= kill_at && who <= N_WRITERS && next_random(20) == 0) {
            printf("died %d\n", who);
            kill(pids[who], SIGKILL);
            bury(who);
            n_releases++;
            n_kills--;
            kill_at += kill_at;
            continue;
        }
        let_go(who);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3);
    uint64_t seed = strtoull(argv[1], NULL, 10), n_steps = strtoull(argv[2], NULL, 10);
    int n_kills = argc > 3 ? atoi(argv[3]) : 0;
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    brain_space *space;
    const char *path = check_path();
    options.capacity_bytes = 4 * CHECK_MIB;
    CHECK(brain_open(path, &options, &store) == 0);
    CHECK(brain_space_open(store, "s", 1, &space) == 0);
    CHECK(brain_space_create(space) == 0);
    brain_view view;
    CHECK(brain_get(space, names[0], 3, &view) == BRAIN_E_NOT_FOUND); /* so that it is resolved */
    void *shared = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    ends = shared;
    desks = (struct desk *)((char *)shared + 64);
    printf("clients %d %d\n", N_WRITERS, N_READERS);
    for (int i = 1; i <= N_ALL; i++) {
        CHECK(sem_init(&desks[i].parked, 1, 0) == 0 && sem_init(&desks[i].go, 1, 0) == 0);
        fflush(stdout);
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] == 0) {
            work(i, path, seed);
        }
        wait_for(&desks[i].parked);
        printf("client %d %u\n", i, desks[i].row);
    }
    uint32_t id = bn_handle_ref(bn_load_relaxed(&space->resolved)).id;
    for (int i = 0; i < 2; i++) {
        printf("name %d %llu\n", i,
               (unsigned long long)bn_hash_name(store->hash_seed, id, names[i], 3));
    }
    printf("committed %llu\n", (unsigned long long)bn_load_seq(&store->state_view->committed));
    random_state = seed;
    for (int i = 1; i <= N_ALL; i++) {
        sem_post(&desks[i].go);
        wait_for(&desks[i].parked);
    }
    schedule(n_steps, n_kills);
    size_t n_problems;
    CHECK(brain_check(store, NULL, 0, &n_problems) == 0 && n_problems == 0);
    brain_space_close(space);
    CHECK(brain_destroy(store) == 0);
    brain_close(store);
    return 0;
}
