/* pinning.c - pictures of who pins a slot beside who wants to fill it again: pin-retire, ledger.
 *
 * A slot that is filled again while somebody reads it has 2 in DATA. */
#include "pictures.h"

typedef uint32_t outs[LM_OUTS];

enum {
    WORD,
    CELL,
    DATA,
    LOCK,
    TOP,
    HINT
};

static bool reads_what_was_filled_again(outs *out)
{
    return out[0][0] == 1 && out[0][1] == 2;
}

static bool both_go_on(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 1;
}

/* ---- the two sides that most pictures have */

enum {
    PIN = 1,
    AGAIN,
    DROP,
    RETIRE,
    RELEASE,
    BARRIER,
    TAKE,
    SCAN,
    LAST
};

#define PINS                                                                                       \
    {                                                                                              \
        PIN,           "src/pin.h",                                                                \
        "bn_pin_take", "bn_cas_seq(bn_pin_cell(ledger, pin), &none, slot)",                        \
        LM_SEQ,        0                                                                           \
    },                                                                                             \
        { PIN, "src/pin.c", "take_in_chunk", "bn_cas_seq(&chunk->cells[i], &none, slot)", LM_SEQ, 0 }
#define RETIRES                                                                                    \
    { RETIRE,     "src/replace.c",                                                                 \
      "swing",    "bn_store_release(word_at(store, put->where), word)",                            \
      LM_RELEASE, "the barrier comes after it" },                                                  \
        { RETIRE,           "src/journal.h",                                                       \
          "bn_journal_u64", "bn_store_release(bn_atomic64(word), value)",                          \
          LM_RELEASE,       "the same" }
#define LOCKS                                                                                      \
    { RELEASE,                                                                                     \
      "src/lock.h",                                                                                \
      "bn_lock_release",                                                                           \
      "bn_cas_seq(&store->state->lock_word, &word, word & ~BN_LOCK_OWNER)",                        \
      LM_SEQ,                                                                                      \
      "the barrier comes after it" },                                                              \
        { TAKE,                                                                                    \
          "src/lock.h",                                                                            \
          "bn_lock_try_to",                                                                        \
          "bn_cas_seq(&store->state->lock_word, &word, bn_lock_taken(store, word, keep_waiters))", \
          LM_SEQ,                                                                                  \
          "the barrier comes before it" }
#define SCAN_BARRIERS                                                                              \
    { BARRIER, "src/reclaim.c", "reclaim_limbo", "bn_fence_seq()", LM_SEQ, 0 },                    \
        { BARRIER, "src/pin.c", "bn_pin_mark", "bn_fence_seq()", LM_SEQ, 0 }
#define BARRIERS                                                                                   \
    { BARRIER, "src/lock.h", "bn_lock_release", "bn_fence_after_swap()", LM_SEQ, 0 },              \
        { BARRIER, "src/lock.c", "bn_lock_release_slow", "bn_fence_after_swap()", LM_SEQ, 0 },     \
        SCAN_BARRIERS

/* What the process that retired the slot does: bn_replace(), and then bn_reclaim_retired(). */
static void fill_unless_pinned(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, LOCK, 1, 0, at(RELEASE)));
    lm_fence(t, at(BARRIER));
    lm_assume(t, lm_cas(t, LOCK, 0, 1, at(TAKE)));
    lm_assume(t, lm_load(t, CELL, at(SCAN)) == 0);
    lm_store(t, DATA, 2, LM_RELAXED);
    lm_out(t, 0, 1);
}

static void retire(struct lm_thread *t)
{
    lm_store(t, WORD, 2, at(RETIRE));
    fill_unless_pinned(t);
}

static void read_pinned(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, CELL, 0, 1, at(PIN)));
    lm_assume(t, lm_load(t, WORD, at(AGAIN)) == 1);
    lm_out(t, 0, 1);
    lm_out(t, 1, lm_load(t, DATA, LM_RELAXED));
    lm_store(t, CELL, 0, at(DROP));
}

/* ---- pin-retire: a get */

static const struct site take_sites[] = {
    PINS,
    { AGAIN, "src/read.c", "try_word", "bn_load_seq(place)", LM_SEQ, 0 },
    { AGAIN, "src/read.c", "bn_read_pin_hinted", "bn_load_seq(place)", LM_SEQ, 0 },
    { DROP, "src/pin.h", "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",
      LM_RELEASE, 0 },
    RETIRES,
    LOCKS,
    BARRIERS,
    { SCAN, "src/pin.c", "bn_pin_collect", "bn_load_seq(&chunk->cells[k])", LM_SEQ, 0 },
    { SCAN, "src/pin.c", "mark_chunk", "bn_load_seq(&chunk->cells[i])", LM_SEQ, 0 },
    { SCAN, "src/reclaim.c", "bn_reclaim_retired",
      "bn_pin_collect(store, (n - n_ready) * CELLS_PER_SLOT,", LM_SEQ, 0 },
    { 0 },
};

static const struct variant take_variants[] = {
    { "the pin is acq_rel", { { PIN, LM_ACQ_REL } } },
    { "the word is loaded again with acquire", { { AGAIN, LM_ACQUIRE } } },
    { "no barrier after the word has changed", { { BARRIER, LM_NONE } } },
    { "the pin is dropped relaxed", { { DROP, LM_RELAXED } } },
    { "the cell is looked at relaxed", { { SCAN, LM_RELAXED } } },
    { 0 },
};

/* ---- pin-retire: a pin that moves to the older slot of a pending one */

enum {
    COMMITTED = WORD
}; /* 1, and 2 from the commit on that retires the older slot */

static const struct site move_sites[] = {
    { PIN, "src/pin.h", "bn_pin_move", "bn_store_seq(bn_pin_cell(&store->ledger, pin), slot)",
      LM_SEQ, 0 },
    { AGAIN, "src/read.c", "judge_pending", "bn_load_seq(&store->state_view->committed)", LM_SEQ,
      0 },
    { DROP, "src/pin.h", "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",
      LM_RELEASE, 0 },
    { RETIRE, "src/replace.c", "transact", "bn_store_release(&store->state->committed, number)",
      LM_RELEASE, "the barrier comes after it" },
    { RETIRE, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, "the same" },
    LOCKS,
    BARRIERS,
    { SCAN, "src/pin.c", "bn_pin_collect", "bn_load_seq(&chunk->cells[k])", LM_SEQ, 0 },
    { SCAN, "src/pin.c", "mark_chunk", "bn_load_seq(&chunk->cells[i])", LM_SEQ, 0 },
    { 0 },
};

static const struct variant move_variants[] = {
    { "the pin is moved with release", { { PIN, LM_RELEASE } } },
    { "`committed` is loaded again with acquire", { { AGAIN, LM_ACQUIRE } } },
    { "no barrier after the commit", { { BARRIER, LM_NONE } } },
    { "the pin is dropped relaxed", { { DROP, LM_RELAXED } } },
    { "the cell is looked at relaxed", { { SCAN, LM_RELAXED } } },
    { 0 },
};

static void read_older(struct lm_thread *t)
{
    lm_store(t, CELL, 1, at(PIN));
    lm_assume(t, lm_load(t, COMMITTED, at(AGAIN)) == 1);
    lm_out(t, 0, 1);
    lm_out(t, 1, lm_load(t, DATA, LM_RELAXED));
    lm_store(t, CELL, 0, at(DROP));
}

/* ---- pin-retire: the extent of a slot that is found by its id */

enum {
    RETIRED = WORD
}; /* 1: not; 2: it is */

#define RETIRES_EXTENT                                                                             \
    { RETIRE,     "src/txn.c",                                                                     \
      "to_limbo", "bn_store_seq(&rec->retired, (uint8_t)1)",                                       \
      LM_SEQ,     "a barrier comes after it; by the words of C11 it is needed" }
#define SPARE_SCAN_BARRIERS                                                                        \
    { BARRIER,          "src/reclaim.c", "reclaim_limbo",                                          \
      "bn_fence_seq()", LM_SEQ,          "`retired` is stored seq_cst, too" },                     \
        { BARRIER, "src/pin.c", "bn_pin_mark", "bn_fence_seq()", LM_SEQ, "the same" }
#define SPARE_BARRIERS                                                                                  \
    { BARRIER,                                                                                          \
      "src/lock.h",                                                                                     \
      "bn_lock_release",                                                                                \
      "bn_fence_after_swap()",                                                                          \
      LM_SEQ,                                                                                           \
      "`retired` is stored seq_cst, too" },                                                             \
        { BARRIER, "src/lock.c", "bn_lock_release_slow", "bn_fence_after_swap()", LM_SEQ, "the same" }, \
        SPARE_SCAN_BARRIERS

static const struct site id_sites[] = {
    PINS,
    { AGAIN, "src/id.c", "find_name", "bn_load_seq(&bn_slot_view(store, id->slot)->retired)",
      LM_SEQ, 0 },
    { DROP, "src/pin.h", "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",
      LM_RELEASE, 0 },
    RETIRES_EXTENT,
    LOCKS,
    SPARE_BARRIERS,
    { SCAN, "src/pin.c", "mark_chunk", "bn_load_seq(&chunk->cells[i])", LM_SEQ, 0 },
    { 0 },
};

static const struct variant id_variants[] = {
    { "the pin is acq_rel", { { PIN, LM_ACQ_REL } } },
    { "`retired` is loaded with acquire", { { AGAIN, LM_ACQUIRE } } },
    { "no barrier after `retired`, stored with release",
      { { RETIRE, LM_RELEASE }, { BARRIER, LM_NONE } } },
    { "the pin is dropped relaxed", { { DROP, LM_RELAXED } } },
    { "the cell is looked at relaxed", { { SCAN, LM_RELAXED } } },
    { 0 },
};

/* ---- pin-retire: of who drops the last view and who retires, one looks at the extent */

enum {
    FENCE = LAST,
    RETIRED_LOOK
};

static const struct site let_go_sites[] = {
    { DROP, "src/pin.h", "bn_pin_let_go",
      "bn_store_release(bn_pin_cell(&store->ledger, pin), BN_PIN_NOTHING)", LM_RELEASE,
      "a fence follows" },
    { FENCE, "src/pin.h", "bn_pin_let_go", "bn_fence_seq()", LM_SEQ, 0 },
    { RETIRED_LOOK, "src/name.c", "drop", "bn_load_acquire(&rec->retired)", LM_ACQUIRE,
      "a fence stands before it" },
    RETIRES_EXTENT,
    SPARE_SCAN_BARRIERS,
    { SCAN, "src/pin.c", "mark_chunk", "bn_load_seq(&chunk->cells[i])", LM_SEQ,
      "a fence stands before it" },
    { 0 },
};

static const struct variant let_go_variants[] = {
    { "no fence after the pin", { { FENCE, LM_NONE } } },
    { "no fence before the scan, and `retired` is stored with release",
      { { RETIRE, LM_RELEASE }, { BARRIER, LM_NONE } } },
    { 0 },
};

static void let_go(struct lm_thread *t)
{
    lm_store(t, CELL, 2, at(DROP));
    lm_fence(t, at(FENCE));
    lm_out(t, 0, lm_load(t, RETIRED, at(RETIRED_LOOK)));
}

static void retire_and_scan(struct lm_thread *t)
{
    lm_store(t, RETIRED, 2, at(RETIRE));
    lm_fence(t, at(BARRIER));
    lm_out(t, 0, lm_load(t, CELL, at(SCAN)));
}

static bool nobody_looks(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 1;
}

static bool both_look(outs *out)
{
    return out[0][0] == 2 && out[1][0] == 2;
}

/* ---- a pin that was none, of a get: who looks sees it gone, or the get has the next change look. Who looks
 * may be who dropped the last view: what it has seen of the slot was stored by a third. */

enum {
    PASSED = RETIRED_LOOK + 1,
    SEES_RETIRED
};

#define PASSES                                                                                     \
    {                                                                                              \
        DROP,          "src/pin.h",                                                                \
        "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",                           \
        LM_RELEASE,    "a fence follows"                                                           \
    },                                                                                             \
        { DROP,          "src/pin.h",                                                              \
          "bn_pin_move", "bn_store_seq(bn_pin_cell(&store->ledger, pin), slot)",                   \
          LM_SEQ,        "the same" },                                                             \
        { PASSED, "src/read.c", "leave_look", "bn_fence_seq()", LM_SEQ, 0 },                       \
        { RETIRED_LOOK, "src/read.c",                                                              \
          "leave_look", "bn_load_acquire(&bn_slot_view(store, slot)->retired)",                    \
          LM_ACQUIRE,   "a fence stands before it" }
#define SCANS_AFTER                                                                                \
    { SCAN,         "src/pin.c",                                                                   \
      "mark_chunk", "bn_load_seq(&chunk->cells[i])",                                               \
      LM_SEQ,       "a fence stands before it" }

static const struct site passing_sites[] = {
    PASSES, RETIRES_EXTENT, SPARE_SCAN_BARRIERS, SCANS_AFTER, { 0 },
};

static const struct site meanwhile_sites[] = {
    PASSES,
    { SEES_RETIRED, "src/name.c", "drop", "bn_load_acquire(&rec->retired)", LM_ACQUIRE,
      "a fence follows" },
    RETIRES_EXTENT,
    SCAN_BARRIERS,
    SCANS_AFTER,
    { 0 },
};

static const struct variant passing_variants[] = {
    { "no fence after the pin", { { PASSED, LM_NONE } } },
    { "no fence before the scan, and `retired` is stored with release",
      { { RETIRE, LM_RELEASE }, { BARRIER, LM_NONE } } },
    { 0 },
};

static const struct variant meanwhile_variants[] = {
    { "no fence after the pin", { { PASSED, LM_NONE } } },
    { "no fence before the scan", { { BARRIER, LM_NONE } } },
    { 0 },
};

static void pass_by(struct lm_thread *t)
{
    lm_store(t, CELL, 2, at(DROP));
    lm_fence(t, at(PASSED));
    lm_out(t, 0, lm_load(t, RETIRED, at(RETIRED_LOOK)));
}

static void see_and_scan(struct lm_thread *t)
{
    lm_assume(t, lm_load(t, RETIRED, at(SEES_RETIRED)) == 2);
    lm_fence(t, at(BARRIER));
    lm_out(t, 0, lm_load(t, CELL, at(SCAN)));
}

static void retire_alone(struct lm_thread *t)
{
    lm_store(t, RETIRED, 2, at(RETIRE));
}

/* ---- two pins of one process on one value go at once: each leaves the look to the other, if it stands */

enum {
    LETS_GO = LAST,
    LETS_GO_FENCE,
    LOOK_BESIDE
};

static const struct site beside_sites[] = {
    { LETS_GO, "src/pin.h", "bn_pin_let_go",
      "bn_store_release(bn_pin_cell(&store->ledger, pin), BN_PIN_NOTHING)", LM_RELEASE,
      "a fence follows" },
    { LETS_GO_FENCE, "src/pin.h", "bn_pin_let_go", "bn_fence_seq()", LM_SEQ, 0 },
    { LOOK_BESIDE, "src/pin.c", "stands_in", "bn_load_seq(&chunk->cells[i])", LM_SEQ,
      "a fence stands before it" },
    { 0 },
};

static const struct variant beside_variants[] = {
    { "no fence after the pin", { { LETS_GO_FENCE, LM_NONE } } },
    { 0 },
};

static void let_go_beside(struct lm_thread *t, int own, int other)
{
    lm_store(t, own, 2, at(LETS_GO));
    lm_fence(t, at(LETS_GO_FENCE));
    lm_out(t, 0, lm_load(t, other, at(LOOK_BESIDE)));
}

static void let_go_first(struct lm_thread *t)
{
    let_go_beside(t, CELL, DATA);
}

static void let_go_second(struct lm_thread *t)
{
    let_go_beside(t, DATA, CELL);
}

/* ---- ledger: whoever takes a cell by the hint of another thread knows that `top` is above it */

enum {
    RAISE = LAST,
    HINT_SET,
    HINT_LOOK,
    TOP_LOOK,
    TOP_SCAN
};

#define RAISES                                                                                     \
    { RAISE, "src/base/atomic.h", "bn_raise32", "bn_cas_seq(word, &seen, value)", LM_SEQ, 0 },     \
        { RAISE,                                                                                   \
          "src/pin.c",                                                                             \
          "bn_pin_claim_chunk",                                                                    \
          "bn_raise32(&store->clients->n_chunks, i + 1)",                                          \
          LM_SEQ,                                                                                  \
          0 },                                                                                     \
        { RAISE,         "src/pin.c",                                                              \
          "bn_pin_init", "bn_store_seq(&store->ledger.chunks[0]->top, 64u)",                       \
          LM_SEQ,        0 },                                                                      \
        { RAISE,        "src/pin.c",                                                               \
          "copy_chunk", "bn_store_seq(&copy->top, (uint32_t)BN_CHUNK_CELLS)",                      \
          LM_SEQ,       0 }
#define SCANS_TOP                                                                                    \
    { TOP_SCAN,     "src/pin.c",                                                                     \
      "mark_chunk", "bn_load_seq(&chunk->top)",                                                      \
      LM_SEQ,       "the barrier comes before it" },                                                 \
        { TOP_SCAN, "src/pin.c", "bn_pin_collect", "bn_load_seq(&chunk->top)", LM_SEQ, "the same" }, \
        { TOP_SCAN, "src/pin.c", "bn_pin_n_chunks", "bn_load_seq(&store->clients->n_chunks)",        \
          LM_SEQ,   "the same" },                                                                    \
        { SCAN, "src/pin.c", "bn_pin_collect", "bn_load_seq(&chunk->cells[k])", LM_SEQ, 0 },         \
        { SCAN, "src/pin.c", "mark_chunk", "bn_load_seq(&chunk->cells[i])", LM_SEQ, 0 }

static const struct site hint_sites[] = {
    PINS,
    { AGAIN, "src/read.c", "try_word", "bn_load_seq(place)", LM_SEQ, 0 },
    { DROP, "src/pin.h", "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",
      LM_RELEASE, 0 },
    RETIRES,
    LOCKS,
    BARRIERS,
    RAISES,
    { HINT_SET, "src/pin.c", "bn_pin_take_slow", "bn_store_release(&ledger->hint, n << 10)",
      LM_RELEASE, 0 },
    { HINT_SET, "src/pin.c", "bn_pin_take_slow", "bn_store_release(&ledger->hint, next)",
      LM_RELEASE, 0 },
    { HINT_SET, "src/pin.h", "bn_pin_drop", "bn_store_release(&ledger->hint, pin)", LM_RELEASE, 0 },
    { HINT_LOOK, "src/pin.h", "bn_pin_take", "bn_load_acquire(&ledger->hint)", LM_ACQUIRE, 0 },
    SCANS_TOP,
    { 0 },
};

static const struct variant hint_variants[] = {
    { "`top` is raised acq_rel", { { RAISE, LM_ACQ_REL } } },
    { "the hint is stored relaxed", { { HINT_SET, LM_RELAXED } } },
    { "the hint is loaded relaxed", { { HINT_LOOK, LM_RELAXED } } },
    { "the pin is acq_rel", { { PIN, LM_ACQ_REL } } },
    { "the word is loaded again with acquire", { { AGAIN, LM_ACQUIRE } } },
    { "no barrier after the word has changed", { { BARRIER, LM_NONE } } },
    { "the pin is dropped relaxed", { { DROP, LM_RELAXED } } },
    { "the cell is looked at relaxed", { { SCAN, LM_RELAXED } } },
    { 0 },
};

static void retire_below_top(struct lm_thread *t)
{
    lm_store(t, WORD, 2, at(RETIRE));
    lm_fence(t, at(BARRIER));
    if (lm_load(t, TOP, at(TOP_SCAN)) == 1) {
        lm_assume(t, lm_load(t, CELL, at(SCAN)) == 0);
    }
    lm_store(t, DATA, 2, LM_RELAXED);
    lm_out(t, 0, 1);
}

static void raise_and_hint(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, TOP, 0, 1, at(RAISE)));
    lm_store(t, HINT, 1, at(HINT_SET));
}

static void pin_by_hint(struct lm_thread *t)
{
    lm_assume(t, lm_load(t, HINT, at(HINT_LOOK)) == 1);
    read_pinned(t);
}

/* ---- ledger: the same of one who finds that another thread, or process, has raised it */

static const struct site top_sites[] = {
    PINS,
    { AGAIN, "src/read.c", "try_word", "bn_load_seq(place)", LM_SEQ, 0 },
    { DROP, "src/pin.h", "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",
      LM_RELEASE, 0 },
    RETIRES,
    LOCKS,
    BARRIERS,
    RAISES,
    { TOP_LOOK, "src/pin.c", "take_in_chunk", "bn_load_seq(&chunk->top)", LM_SEQ, 0 },
    { TOP_LOOK, "src/base/atomic.h", "bn_raise32", "bn_load_seq(word)", LM_SEQ, 0 },
    { TOP_LOOK, "src/pin.c", "bn_pin_n_chunks", "bn_load_seq(&store->clients->n_chunks)", LM_SEQ,
      0 },
    SCANS_TOP,
    { 0 },
};

static const struct variant top_variants[] = {
    { "`top` is raised acq_rel", { { RAISE, LM_ACQ_REL } } },
    { "`top` is loaded with acquire", { { TOP_LOOK, LM_ACQUIRE } } },
    { "the pin is acq_rel", { { PIN, LM_ACQ_REL } } },
    { "the word is loaded again with acquire", { { AGAIN, LM_ACQUIRE } } },
    { "no barrier after the word has changed", { { BARRIER, LM_NONE } } },
    { "the pin is dropped relaxed", { { DROP, LM_RELAXED } } },
    { "the cell is looked at relaxed", { { SCAN, LM_RELAXED } } },
    { 0 },
};

static void raise_top(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, TOP, 0, 1, at(RAISE)));
}

static void pin_below_top(struct lm_thread *t)
{
    if (lm_load(t, TOP, at(TOP_LOOK)) == 0) {
        lm_assume(t, lm_cas(t, TOP, 0, 1, at(RAISE)));
    }
    read_pinned(t);
}

/* ---- ledger: and by a hint of one who found it raised */

enum {
    NEXT_LOOK = TOP_SCAN + 1
};

static const struct site next_sites[] = {
    PINS,
    { AGAIN, "src/read.c", "try_word", "bn_load_seq(place)", LM_SEQ, 0 },
    { DROP, "src/pin.h", "bn_pin_drop", "bn_store_release(bn_pin_cell(ledger, pin), 0u)",
      LM_RELEASE, 0 },
    RETIRES,
    LOCKS,
    BARRIERS,
    RAISES,
    { NEXT_LOOK, "src/pin.c", "bn_pin_take_slow", "bn_load_seq(&ledger->chunks[next >> 10]->top)",
      LM_SEQ, 0 },
    { HINT_SET, "src/pin.c", "bn_pin_take_slow", "bn_store_release(&ledger->hint, next)",
      LM_RELEASE, 0 },
    { HINT_LOOK, "src/pin.h", "bn_pin_take", "bn_load_acquire(&ledger->hint)", LM_ACQUIRE, 0 },
    { HINT_LOOK, "src/pin.c", "bn_pin_take_slow", "bn_load_acquire(&ledger->hint)", LM_ACQUIRE, 0 },
    SCANS_TOP,
    { 0 },
};

static const struct variant next_variants[] = {
    { "`top` is raised acq_rel", { { RAISE, LM_ACQ_REL } } },
    { "`top` is loaded with acquire", { { NEXT_LOOK, LM_ACQUIRE } } },
    { "the hint is stored relaxed", { { HINT_SET, LM_RELAXED } } },
    { "the hint is loaded relaxed", { { HINT_LOOK, LM_RELAXED } } },
    { "the pin is acq_rel", { { PIN, LM_ACQ_REL } } },
    { "the word is loaded again with acquire", { { AGAIN, LM_ACQUIRE } } },
    { "no barrier after the word has changed", { { BARRIER, LM_NONE } } },
    { "the pin is dropped relaxed", { { DROP, LM_RELAXED } } },
    { "the cell is looked at relaxed", { { SCAN, LM_RELAXED } } },
    { 0 },
};

static void find_and_hint(struct lm_thread *t)
{
    lm_assume(t, lm_load(t, TOP, at(NEXT_LOOK)) == 1);
    lm_store(t, HINT, 1, at(HINT_SET));
}

/* ---- */

const struct picture pinning[] = {
    { "pin-retire",
      "what a get has pinned is not filled again",
      take_sites,
      take_variants,
      { 2, { read_pinned, retire }, { [WORD] = 1, [DATA] = 1, [LOCK] = 1 }, 1 << DATA, 1 << LOCK },
      reads_what_was_filled_again,
      both_go_on,
      RETIRE,
      BARRIER },
    { "pin-retire",
      "nor what a pin has moved to",
      move_sites,
      move_variants,
      { 2, { read_older, retire }, { [WORD] = 1, [DATA] = 1, [LOCK] = 1 }, 1 << DATA, 1 << LOCK },
      reads_what_was_filled_again,
      both_go_on,
      RETIRE,
      BARRIER },
    { "pin-retire",
      "nor the extent of what an id names",
      id_sites,
      id_variants,
      { 2, { read_pinned, retire }, { [WORD] = 1, [DATA] = 1, [LOCK] = 1 }, 1 << DATA, 1 << LOCK },
      reads_what_was_filled_again,
      both_go_on,
      RETIRE,
      BARRIER },
    { "pin-retire",
      "the last pin, or who retires, looks at the extent",
      let_go_sites,
      let_go_variants,
      { 2, { let_go, retire_and_scan }, { [WORD] = 1, [CELL] = 1 }, 0, 0 },
      nobody_looks,
      both_look,
      0,
      0 },
    { "pin-retire",
      "a get that passes by, or who retires, looks at the extent",
      passing_sites,
      passing_variants,
      { 2, { pass_by, retire_and_scan }, { [WORD] = 1, [CELL] = 1 }, 0, 0 },
      nobody_looks,
      both_look,
      0,
      0 },
    { "pin-retire",
      "or who has the last pin meanwhile",
      meanwhile_sites,
      meanwhile_variants,
      { 3, { pass_by, see_and_scan, retire_alone }, { [WORD] = 1, [CELL] = 1 }, 0, 0 },
      nobody_looks,
      both_look,
      0,
      0 },
    { "pin-retire",
      "of two pins that go at once one is the last",
      beside_sites,
      beside_variants,
      { 2, { let_go_first, let_go_second }, { [CELL] = 1, [DATA] = 1 }, 0, 0 }, /* 1: it stands */
      nobody_looks,
      both_look,
      0,
      0 },
    { "ledger",
      "a pin by a hint lies below `top`",
      hint_sites,
      hint_variants,
      { 3,
        { pin_by_hint, retire_below_top, raise_and_hint },
        { [WORD] = 1, [DATA] = 1 },
        1 << DATA,
        0 },
      reads_what_was_filled_again,
      both_go_on,
      RETIRE,
      BARRIER },
    { "ledger",
      "a pin below a `top` of somebody else's",
      top_sites,
      top_variants,
      { 3,
        { pin_below_top, retire_below_top, raise_top },
        { [WORD] = 1, [DATA] = 1 },
        1 << DATA,
        0 },
      reads_what_was_filled_again,
      both_go_on,
      RETIRE,
      BARRIER },
    { "ledger",
      "a pin by a hint of one who found it raised",
      next_sites,
      next_variants,
      { 4,
        { pin_by_hint, retire_below_top, raise_top, find_and_hint },
        { [WORD] = 1, [DATA] = 1 },
        1 << DATA,
        0 },
      reads_what_was_filled_again,
      both_go_on,
      RETIRE,
      BARRIER },
    { 0 },
};
