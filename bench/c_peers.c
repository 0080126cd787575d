/* c_peers.c - what do a get and a put of 8 bytes cost here, and what in LMDB?
 *
 * usage: c_peers FOLDER N_NAMES N_ASKED     of N_NAMES names one, or all
 *
 * For each line of stdin, the name of a call, one line of JSON: the ns of a call in each block of a turn. So
 * c_peers.py has the calls take turns, with those of bench/iceoryx2, too. Each turn goes through all that is
 * asked for twice, and only the second time counts: what it finds in the caches is its own, whatever ran before.
 */
#include "bench.h"

#include <lmdb.h>
#include <stdalign.h>

#define BLOCK     2000u
#define N_MAX     10000u
#define CACHELINE 64
#define MAP_BYTES ((size_t)1 << 30)

/* What a caller has of a name. */
static struct entry {
    alignas(CACHELINE) char name[16];
    size_t name_len;
    brain_hint hint;
} entries[N_MAX];

static uint32_t order[N_MAX];
static uint32_t n_calls; /* of a turn */
static uint64_t number, found;

/* ---- ours ------------------------------------------------------------------------------------ */

static brain_space *space;

static inline void get_with(const struct entry *entry, brain_hint *hint)
{
    static uint64_t buf[16];
    brain_view view;
    int rc = brain_get_or_copy(space, entry->name, entry->name_len, hint, buf, sizeof buf, &view);
    bench_must(rc, "get");
    memcpy(&found, view.data, sizeof found);
    brain_view_drop(&view);
}

static inline void get_hinted(struct entry *entry)
{
    get_with(entry, &entry->hint);
}

static inline void get_unhinted(struct entry *entry)
{
    get_with(entry, NULL);
}

static inline void put_hinted(struct entry *entry)
{
    number++;
    int rc = brain_try_put_small(space, entry->name, entry->name_len, &entry->hint,
                                 BRAIN_KIND_BYTES, &number, sizeof number);
    if (rc == BRAIN_E_BUSY) { /* not at once: as any caller has to go on */
        rc = brain_put_bytes(space, entry->name, entry->name_len, &number, sizeof number);
    }
    bench_must(rc, "put");
}

/* ---- LMDB ------------------------------------------------------------------------------------ */

static MDB_env *env;
static MDB_dbi database;
static MDB_txn *reading; /* is reset between two turns: while it reads, no page is used again */

static inline void lmdb_must(int rc, const char *what)
{
    if (rc == 0) return;
    fprintf(stderr, "c_peers: LMDB: %s: %s\n", what, mdb_strerror(rc));
    _exit(1);
}

static inline void lmdb_get_held(struct entry *entry)
{
    MDB_val name = { entry->name_len, entry->name }, value;
    lmdb_must(mdb_get(reading, database, &name, &value), "get");
    memcpy(&found, value.mv_data, sizeof found);
}

static inline void lmdb_get(struct entry *entry)
{
    lmdb_must(mdb_txn_renew(reading), "renew");
    lmdb_get_held(entry);
    mdb_txn_reset(reading);
}

static inline void lmdb_put(struct entry *entry)
{
    MDB_txn *writing;
    number++;
    MDB_val name = { entry->name_len, entry->name }, value = { sizeof number, &number };
    lmdb_must(mdb_txn_begin(env, NULL, 0, &writing), "begin");
    lmdb_must(mdb_put(writing, database, &name, &value, 0), "put");
    lmdb_must(mdb_txn_commit(writing), "commit");
}

/* The fastest way that several processes can share: nothing is synced. */
static void open_lmdb(const char *folder)
{
    const unsigned flags = MDB_WRITEMAP | MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC |
                           MDB_NORDAHEAD | MDB_NOTLS | MDB_NOSUBDIR;
    char path[4096];
    MDB_txn *writing;
    snprintf(path, sizeof path, "%s/lmdb", folder);
    lmdb_must(mdb_env_create(&env), "create");
    lmdb_must(mdb_env_set_mapsize(env, MAP_BYTES), "mapsize");
    lmdb_must(mdb_env_open(env, path, flags, 0600), "open");
    lmdb_must(mdb_txn_begin(env, NULL, 0, &writing), "begin");
    lmdb_must(mdb_dbi_open(writing, NULL, 0, &database), "database");
    lmdb_must(mdb_txn_commit(writing), "commit");
    lmdb_must(mdb_txn_begin(env, NULL, MDB_RDONLY, &reading), "begin to read");
    mdb_txn_reset(reading);
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* Compiled for each call, as Rust does it: none goes through a pointer. */
static inline __attribute__((always_inline)) void turn_of(void (*call)(struct entry *),
                                                          double *ns_out)
{
    for (int timed = 0; timed < 2; timed++) {
        for (uint32_t begin = 0; begin < n_calls; begin += BLOCK) {
            uint64_t began = bench_now_ns();
            for (uint32_t k = begin; k < begin + BLOCK; k++) {
                call(&entries[order[k]]);
            }
            ns_out[begin / BLOCK] = (double)(bench_now_ns() - began) / BLOCK;
        }
    }
}

static void turn_get_hinted(double *ns_out)
{
    turn_of(get_hinted, ns_out);
}

static void turn_get_unhinted(double *ns_out)
{
    turn_of(get_unhinted, ns_out);
}

static void turn_put_hinted(double *ns_out)
{
    turn_of(put_hinted, ns_out);
}

static void turn_lmdb_get(double *ns_out)
{
    turn_of(lmdb_get, ns_out);
}

static void turn_lmdb_get_held(double *ns_out)
{
    lmdb_must(mdb_txn_renew(reading), "renew");
    turn_of(lmdb_get_held, ns_out);
    mdb_txn_reset(reading);
}

static void turn_lmdb_put(double *ns_out)
{
    turn_of(lmdb_put, ns_out);
}

static const struct {
    const char *call;
    void (*turn)(double *ns_out);
} turns[] = {
    { "get_hinted", turn_get_hinted }, { "get_unhinted", turn_get_unhinted },
    { "put_hinted", turn_put_hinted }, { "lmdb_get", turn_lmdb_get },
    { "lmdb_put", turn_lmdb_put },     { "lmdb_get_held", turn_lmdb_get_held },
};

static void take_turn(const char *call)
{
    double ns[N_MAX / BLOCK];
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        if (strcmp(turns[i].call, call) != 0) continue;
        turns[i].turn(ns);
        for (uint32_t block = 0; block < n_calls / BLOCK; block++) {
            printf("%s%.2f", block > 0 ? ", " : "[", ns[block]);
        }
        printf("]\n");
        fflush(stdout);
        return;
    }
    fprintf(stderr, "c_peers: what is %s?\n", call);
    _exit(2);
}

/* All names at random; or one again and again, for a block. */
static void make_order(uint32_t n_names, uint32_t n_asked)
{
    uint64_t seed = 1;
    n_calls = n_asked == 1 ? BLOCK : n_names;
    for (uint32_t k = 0; k < n_calls; k++) {
        order[k] = n_asked == 1 ? n_names / 2 : k;
    }
    for (uint32_t k = n_calls - 1; k > 0; k--) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t other = (uint32_t)((seed >> 32) * (k + 1) >> 32), kept = order[k];
        order[k] = order[other];
        order[other] = kept;
    }
}

/* Each finds what it put, or all of it means nothing. */
static void put_all(uint32_t n_names)
{
    for (uint32_t i = 0; i < n_names; i++) {
        struct entry *entry = &entries[i];
        entry->name_len = (size_t)snprintf(entry->name, sizeof entry->name, "name %u", i);
        put_hinted(entry);
        get_hinted(entry);
        if (found != number) bench_fail("another value");
        lmdb_put(entry);
        lmdb_get(entry);
        if (found != number) bench_fail("another value in LMDB");
    }
}

int main(int argc, char **argv)
{
    char line[64];
    brain_store *store;
    uint32_t n_names = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    uint32_t n_asked = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    bool asks_all = n_asked == n_names && n_names % BLOCK == 0;
    if (n_names == 0 || n_names > N_MAX || (n_asked != 1 && !asks_all)) {
        fprintf(stderr, "usage: c_peers FOLDER N_NAMES N_ASKED: 1, or all of some thousands\n");
        return 2;
    }
    bench_open(argv[1], "store", &store, &space);
    open_lmdb(argv[1]);
    make_order(n_names, n_asked);
    put_all(n_names);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        take_turn(line);
    }
    mdb_txn_abort(reading);
    mdb_env_close(env);
    brain_space_close(space);
    brain_close(store);
    return 0;
}
