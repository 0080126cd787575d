/* test_brain.c - random operations on a store, against a plain table in memory.
 *
 * After each step the bytes in use must be what the table says, to the byte; after each of the first 2,000
 * (later: now and then) brain_check() must be clean. Views and snapshots are held across replacements and
 * compared byte for byte when they go.
 *
 *     test_brain [STEPS [SEED [CHECKED_STEPS]]]
 */
#include "check.h"
#include "held.h"
#include "model.h"
#include "reads.h"
#include "writes.h"

/* Up, or down as far as that goes: what is held is in the way, and nothing else. */
static void resize(brain_store *store)
{
    uint64_t capacity, live;
    CHECK_OK(brain_usage(store, &capacity, &live));
    if (check_below(2) == 0) {
        CHECK_OK(brain_resize(store, capacity + check_below(20000)));
        return;
    }
    uint64_t wanted = capacity - check_below(20000);
    int err = brain_resize(store, wanted);
    CHECK(err == 0 || err == BRAIN_E_FULL);
    if (err == BRAIN_E_FULL) {
        brain_stat stat = check_stat(store);
        CHECK(stat.live_bytes + stat.limbo_bytes + stat.private_bytes > wanted);
        CHECK_U64(stat.capacity_bytes, capacity);
    }
}

static void do_other(void)
{
    uint64_t freed = 0;
    uint32_t store = held_any_store();
    switch (check_below(13)) {
    case 11:
    case 12:
        writes_move();
        break;
    case 10:
        writes_advance();
        break;
    case 4:
        writes_note();
        break;
    case 5:
        reads_wait();
        break;
    case 6:
        reads_clients();
        break;
    case 7:
    case 8:
        writes_short();
        break;
    case 0:
        CHECK_OK(brain_trim(held_stores[store], &freed));
        break;
    case 1:
        resize(held_stores[store]);
        break;
    case 2:
        reads_walk(store, NULL, &model_now);
        break;
    default:
        held_drop_view((uint32_t)check_below(HELD_VIEWS));
    }
}

static void step(void)
{
    uint64_t dice = check_below(100);
    if (dice < 30) {
        writes_put();
    } else if (dice < 45) {
        reads_get();
    } else if (dice < 55) {
        writes_delete();
    } else if (dice < 63) {
        writes_batch();
    } else if (dice < 70) {
        writes_object();
    } else if (dice < 77) {
        reads_snapshot();
    } else if (dice < 84) {
        reads_get_copy();
    } else if (dice < 90) {
        reads_get_many();
    } else if (dice < 93) {
        writes_space();
    } else if (dice < 95) {
        reads_held();
    } else {
        do_other();
    }
}

static void check_all(bool whole)
{
    uint64_t want = model_live(&model_now);
    CHECK_U64(check_live(held_stores[0]), want);
    CHECK_U64(check_live(held_stores[1]), want);
    if (whole) {
        brain_stat stat = check_stat(held_stores[0]);
        CHECK_U64(stat.n_pins, held_count_views());
        CHECK(stat.live_bytes + stat.limbo_bytes + stat.private_bytes <= stat.capacity_bytes);
        CHECK_SOUND(held_stores[0]);
    }
}

/* Nothing is left of anything. */
static void check_empty(void)
{
    held_let_go();
    for (uint32_t s = 0; s < MODEL_SPACES; s++) {
        if (model_now.exists[s]) {
            CHECK_OK(brain_space_remove(held_spaces[0][s]));
        }
    }
    CHECK_OK(brain_trim(held_stores[0], NULL));
    brain_stat stat = check_stat(held_stores[0]);
    CHECK_U64(stat.live_bytes, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_objects, 0);
    CHECK_U64(stat.n_namespaces, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(held_stores[0]);
}

int main(int argc, char **argv)
{
    uint64_t n_steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 5000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    uint64_t n_checked = argc > 3 ? strtoull(argv[3], NULL, 0) : 2000;
    check_begin();
    check_state = seed;
    printf("seed 0x%llx\n", (unsigned long long)seed);
    const char *path = check_path();
    model_begin();
    held_begin(path, (seed % 2 == 0 ? 96 : 12) * CHECK_MIB);
    for (uint64_t i = 0; i < n_steps; i++) {
        snprintf(check_note, sizeof check_note, "seed 0x%llx, step %llu", (unsigned long long)seed,
                 (unsigned long long)i);
        step();
        check_all(i < n_checked || i % 40 == 0);
    }
    check_empty();
    printf("%llu steps, %llu commits, %llu times full, %llu short puts, %llu copies\n",
           (unsigned long long)n_steps, (unsigned long long)check_stat(held_stores[0]).committed,
           (unsigned long long)held_n_full, (unsigned long long)writes_n_short,
           (unsigned long long)reads_n_copied);
    held_end();
    model_end();
    return 0;
}
