/* reading.c - pictures of who reads a value beside who changes it: swing, refill, commit,
 * moved; and of what its owner lets go of: abandon. */
#include "pictures.h"

typedef uint32_t outs[LM_OUTS];

/* ---- swing: what a word leads to is there */

enum {
    WORD,
    DATA
};
enum {
    SWING = 1,
    LOOK
};

static const struct site swing_sites[] = {
    { SWING, "src/replace.c", "swing", "bn_store_release(word_at(store, put->where), word)",
      LM_RELEASE, 0 },
    { SWING, "src/replace.c", "swing", "bn_store_release(changes->cell, fresh->slot)", LM_RELEASE,
      0 },
    { SWING, "src/journal.h", "bn_journal_u64", "bn_store_release(bn_atomic64(word), value)",
      LM_RELEASE, 0 },
    { SWING, "src/journal.h", "bn_journal_u32", "bn_store_release(bn_atomic32(word), value)",
      LM_RELEASE, 0 },
    { SWING, "src/txn.c", "bn_txn_swing", "bn_store_release(place, word)", LM_RELEASE, 0 },
    { LOOK, "src/read.c", "search_chain", "bn_load_acquire(&line->words[i])", LM_ACQUIRE, 0 },
    { LOOK, "src/read.c", "search_chain_as_of", "bn_load_acquire(&line->words[i])", LM_ACQUIRE, 0 },
    { LOOK, "src/copied.h", "bn_copied_by_name", "bn_load_acquire(&line->words[i])", LM_ACQUIRE,
      0 },
    { LOOK, "src/copied.h", "bn_copied_try", "bn_load_acquire(place)", LM_ACQUIRE, 0 },
    { LOOK, "src/copied.h", "bn_copied_stood_still", "bn_load_acquire(place)", LM_ACQUIRE, 0 },
    { LOOK, "src/read.c", "try_word", "bn_load_seq(place)", LM_SEQ, 0 },
    { LOOK, "src/read.c", "bn_read_pin_hinted", "bn_load_seq(place)", LM_SEQ, 0 },
    { LOOK, "src/snapshot.c", "look_on",
      "bn_load_acquire(&bn_names_cells_view(segment)[iter->i++])", LM_ACQUIRE, 0 },
    { 0 },
};

static const struct variant swing_variants[] = {
    { "the swing is relaxed", { { SWING, LM_RELAXED } } },
    { "the look is relaxed", { { LOOK, LM_RELAXED } } },
    { 0 },
};

static void swing_writer(struct lm_thread *t)
{
    lm_store(t, DATA, 1, LM_RELAXED);
    lm_store(t, WORD, 1, at(SWING));
}

static void swing_reader(struct lm_thread *t)
{
    lm_assume(t, lm_load(t, WORD, at(LOOK)) == 1);
    lm_out(t, 0, 1);
    lm_out(t, 1, lm_load(t, DATA, LM_RELAXED));
}

static bool is_empty_slot(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 0;
}

static bool is_full_slot(outs *out)
{
    return out[1][1] == 1;
}

/* ---- refill: a copy is of one use of the slot */

enum {
    PLACE,
    GEN,
    FIRST,
    SECOND
};
enum {
    UNSWING = 1,
    BEGIN,
    BEGUN,
    SWUNG,
    GEN_LOOK,
    PLACE_LOOK,
    COPIED,
    STANDS
};

static const struct site refill_sites[] = {
    { UNSWING, "src/replace.c", "swing", "bn_store_release(word_at(store, put->where), word)",
      LM_RELEASE, "BEGIN comes between and is a release too" },
    { BEGIN, "src/slot.h", "bn_slot_begin_use",
      "bn_store_release(bn_atomic32(&rec->gen), (uint32_t)n)", LM_RELEASE, 0 },
    { BEGUN, "src/slot.h", "bn_slot_begin_use", "bn_fence_release()", LM_RELEASE, 0 },
    { SWUNG, "src/replace.c", "swing", "bn_store_release(word_at(store, put->where), word)",
      LM_RELEASE, 0 },
    { GEN_LOOK, "src/copied.h", "bn_copied_try", "bn_load_acquire(bn_copied_gen_of(rec))",
      LM_ACQUIRE, 0 },
    { PLACE_LOOK, "src/copied.h", "bn_copied_try", "bn_load_acquire(place)", LM_ACQUIRE, 0 },
    { COPIED, "src/copied.h", "bn_copied_stood_still", "bn_fence_acquire()", LM_ACQUIRE, 0 },
    { STANDS, "src/copied.h", "bn_copied_stood_still", "bn_load_acquire(place)", LM_ACQUIRE,
      "gen decides; that the word stands says that it is the value still" },
    { 0 },
};

static const struct variant refill_variants[] = {
    { "gen is stored relaxed", { { BEGIN, LM_RELAXED } } },
    { "no fence after gen", { { BEGUN, LM_NONE } } },
    { "the swing is relaxed", { { SWUNG, LM_RELAXED } } },
    { "gen is loaded relaxed", { { GEN_LOOK, LM_RELAXED } } },
    { "the word is loaded relaxed", { { PLACE_LOOK, LM_RELAXED } } },
    { "no fence after the copy", { { COPIED, LM_NONE } } },
    { 0 },
};

/* Out of the index, filled again, into it at the same place: the same word. */
static void refiller(struct lm_thread *t)
{
    lm_store(t, PLACE, 2, at(UNSWING));
    lm_store(t, GEN, 2, at(BEGIN));
    lm_fence(t, at(BEGUN));
    lm_store(t, FIRST, 2, LM_RELAXED);
    lm_store(t, SECOND, 2, LM_RELAXED);
    lm_store(t, PLACE, 1, at(SWUNG));
}

static void copier(struct lm_thread *t)
{
    uint32_t gen = lm_load(t, GEN, at(GEN_LOOK));
    lm_assume(t, lm_load(t, PLACE, at(PLACE_LOOK)) == 1);
    lm_out(t, 1, lm_load(t, FIRST, LM_RELAXED));
    lm_out(t, 2, lm_load(t, SECOND, LM_RELAXED));
    lm_fence(t, at(COPIED));
    lm_assume(t, lm_load(t, PLACE, at(STANDS)) == 1);
    lm_assume(t, lm_load(t, GEN, LM_RELAXED) == gen);
    lm_out(t, 0, gen);
}

static bool is_torn(outs *out)
{
    return out[1][0] != out[1][1] || out[1][0] != out[1][2];
}

static bool is_second_use(outs *out)
{
    return out[1][0] == 2 && out[1][1] == 2 && out[1][2] == 2;
}

/* ---- refill, of who has an id: no word to look at, but the number of the commit */

enum {
    NUMBER = SECOND + 1,
    COMMITTED
};
enum {
    ID_GEN_LOOK = BEGUN + 1,
    NUMBER_LOOK,
    ID_COMMITTED,
    ID_COPIED,
    ID_COMMIT
};

static const struct site id_sites[] = {
    { BEGIN, "src/slot.h", "bn_slot_begin_use",
      "bn_store_release(bn_atomic32(&rec->gen), (uint32_t)n)", LM_RELEASE,
      "the fence after it and the commit order what is looked at here" },
    { BEGUN, "src/slot.h", "bn_slot_begin_use", "bn_fence_release()", LM_RELEASE, 0 },
    { ID_GEN_LOOK, "src/id.c", "copy_head", "bn_load_acquire(&from[BN_SLOT_WORD_SIZE_GEN])",
      LM_ACQUIRE, "`committed` is loaded with acquire before the copy" },
    { NUMBER_LOOK, "src/id.c", "copy_head", "bn_load_acquire(&from[0])", LM_ACQUIRE, "the same" },
    { ID_COMMITTED, "src/id.c", "copy_head", "bn_load_seq(&store->state_view->committed)", LM_SEQ,
      "acquire is enough here" },
    { ID_COPIED, "src/id.c", "copy_head", "bn_fence_acquire()", LM_ACQUIRE, 0 },
    { ID_COMMIT, "src/replace.c", "transact", "bn_store_release(&store->state->committed, number)",
      LM_RELEASE, 0 },
    { ID_COMMIT, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, 0 },
    { 0 },
};

static const struct variant id_variants[] = {
    { "no fence after gen", { { BEGUN, LM_NONE } } },
    { "no fence after the copy", { { ID_COPIED, LM_NONE } } },
    { "the commit is relaxed", { { ID_COMMIT, LM_RELAXED } } },
    { "`committed` is loaded relaxed", { { ID_COMMITTED, LM_RELAXED } } },
    { 0 },
};

static void id_refiller(struct lm_thread *t)
{
    lm_store(t, GEN, 2, at(BEGIN));
    lm_fence(t, at(BEGUN));
    lm_store(t, NUMBER, 2, LM_RELAXED);
    lm_store(t, FIRST, 2, LM_RELAXED);
    lm_store(t, COMMITTED, 2, at(ID_COMMIT));
}

static void id_copier(struct lm_thread *t)
{
    uint32_t gen = lm_load(t, GEN, at(ID_GEN_LOOK));
    uint32_t number = lm_load(t, NUMBER, at(NUMBER_LOOK));
    lm_assume(t, gen == number); /* ids that were given out name both */
    lm_assume(t, number <= lm_load(t, COMMITTED, at(ID_COMMITTED)));
    lm_out(t, 1, lm_load(t, FIRST, LM_RELAXED));
    lm_out(t, 2, gen);
    lm_fence(t, at(ID_COPIED));
    lm_assume(t, lm_load(t, NUMBER, LM_RELAXED) == number);
    lm_assume(t, lm_load(t, GEN, LM_RELAXED) == gen);
    lm_out(t, 0, gen);
}

/* ---- refill, of who looks at the object table: no word, but the state; or that others were filled since */

enum {
    STATE = SECOND + 1,
    N_USES
};
enum {
    RETIRED = BEGUN + 1,
    FILLED,
    LOOK_GEN,
    LOOK_STATE,
    LOOK_COPIED
};

static const struct site look_sites[] = {
    { RETIRED, "src/slot.h", "bn_slot_set_state",
      "bn_store_release(bn_atomic32(&cold->state_owner), (uint32_t)state | owner << 8)", LM_RELEASE,
      "BEGIN comes between and is a release too" },
    { RETIRED, "src/slot.h", "bn_slot_swap_limbo",
      "bn_store_release(bn_atomic64(&older_cold->state_owner), bn_pair(BN_SLOT_LIMBO, i))",
      LM_RELEASE, "the same" },
    { BEGIN, "src/slot.h", "bn_slot_begin_use",
      "bn_store_release(bn_atomic32(&rec->gen), (uint32_t)n)", LM_RELEASE, 0 },
    { BEGUN, "src/slot.h", "bn_slot_begin_use", "bn_fence_release()", LM_RELEASE, 0 },
    { FILLED, "src/slot.h", "bn_slot_set_state",
      "bn_store_release(bn_atomic32(&cold->state_owner), (uint32_t)state | owner << 8)", LM_RELEASE,
      0 },
    { LOOK_GEN, "src/look.c", "copy_use", "bn_load_acquire(&from[BN_SLOT_WORD_SIZE_GEN])",
      LM_ACQUIRE, 0 },
    { LOOK_STATE, "src/look.c", "copy_use", "bn_load_acquire(bn_atomic32(&cold->state_owner))",
      LM_ACQUIRE, 0 },
    { LOOK_COPIED, "src/look.c", "stood_still", "bn_fence_acquire()", LM_ACQUIRE, 0 },
    { 0 },
};

static const struct variant look_variants[] = {
    { "gen is stored relaxed", { { BEGIN, LM_RELAXED } } },
    { "no fence after gen", { { BEGUN, LM_NONE } } },
    { "the state is stored relaxed", { { FILLED, LM_RELAXED } } },
    { "gen is loaded relaxed", { { LOOK_GEN, LM_RELAXED } } },
    { "the state is loaded relaxed", { { LOOK_STATE, LM_RELAXED } } },
    { "no fence after the copy", { { LOOK_COPIED, LM_NONE } } },
    { 0 },
};

/* LIVE is 1, and LIMBO 2. */
static void state_refiller(struct lm_thread *t)
{
    lm_store(t, STATE, 2, at(RETIRED));
    lm_store(t, GEN, 2, at(BEGIN));
    lm_fence(t, at(BEGUN));
    lm_store(t, FIRST, 2, LM_RELAXED);
    lm_store(t, SECOND, 2, LM_RELAXED);
    lm_store(t, STATE, 1, at(FILLED));
}

static void state_looker(struct lm_thread *t)
{
    uint32_t gen = lm_load(t, GEN, at(LOOK_GEN));
    lm_assume(t, lm_load(t, STATE, at(LOOK_STATE)) == 1);
    lm_out(t, 1, lm_load(t, FIRST, LM_RELAXED));
    lm_out(t, 2, lm_load(t, SECOND, LM_RELAXED));
    lm_fence(t, at(LOOK_COPIED));
    lm_assume(t, lm_load(t, GEN, LM_RELAXED) == gen);
    lm_out(t, 0, gen);
}

enum {
    USE_COUNTED = LOOK_COPIED + 1,
    NEXT_COUNTED,
    LOOK_USES
};

static const struct site uses_sites[] = {
    { USE_COUNTED, "src/slot.h", "bn_slot_begin_use", "bn_store_release(&store->state->n_uses, n)",
      LM_RELEASE, "NEXT_COUNTED is what matters" },
    { BEGIN, "src/slot.h", "bn_slot_begin_use",
      "bn_store_release(bn_atomic32(&rec->gen), (uint32_t)n)", LM_RELEASE, 0 },
    { BEGUN, "src/slot.h", "bn_slot_begin_use", "bn_fence_release()", LM_RELEASE, 0 },
    { NEXT_COUNTED, "src/slot.h", "bn_slot_begin_use", "bn_store_release(&store->state->n_uses, n)",
      LM_RELEASE, 0 },
    { LOOK_GEN, "src/look.c", "copy_use", "bn_load_acquire(&from[BN_SLOT_WORD_SIZE_GEN])",
      LM_ACQUIRE, 0 },
    { LOOK_USES, "src/look.c", "copy_use", "bn_load_acquire(&store->state_view->n_uses)",
      LM_ACQUIRE, 0 },
    { LOOK_COPIED, "src/look.c", "stood_still", "bn_fence_acquire()", LM_ACQUIRE, 0 },
    { 0 },
};

static const struct variant uses_variants[] = {
    { "gen is stored relaxed", { { BEGIN, LM_RELAXED } } },
    { "no fence after gen", { { BEGUN, LM_NONE } } },
    { "the next use is counted relaxed", { { NEXT_COUNTED, LM_RELAXED } } },
    { "gen is loaded relaxed", { { LOOK_GEN, LM_RELAXED } } },
    { "n_uses is loaded relaxed", { { LOOK_USES, LM_RELAXED } } },
    { "no fence after the copy", { { LOOK_COPIED, LM_NONE } } },
    { 0 },
};

/* Use 2 is of this slot, and 3 of another. */
static void uses_refiller(struct lm_thread *t)
{
    lm_store(t, N_USES, 2, at(USE_COUNTED));
    lm_store(t, GEN, 2, at(BEGIN));
    lm_fence(t, at(BEGUN));
    lm_store(t, FIRST, 2, LM_RELAXED);
    lm_store(t, SECOND, 2, LM_RELAXED);
    lm_store(t, N_USES, 3, at(NEXT_COUNTED));
}

static void uses_looker(struct lm_thread *t)
{
    uint32_t gen = lm_load(t, GEN, at(LOOK_GEN));
    lm_assume(t, lm_load(t, N_USES, at(LOOK_USES)) != gen);
    lm_out(t, 1, lm_load(t, FIRST, LM_RELAXED));
    lm_out(t, 2, lm_load(t, SECOND, LM_RELAXED));
    lm_fence(t, at(LOOK_COPIED));
    lm_assume(t, lm_load(t, GEN, LM_RELAXED) == gen);
    lm_out(t, 0, gen);
}

/* ---- commit: values that were got while `committed` stood still are of one commit */

enum {
    WORD_A,
    WORD_B,
    PENDING_A,
    PENDING_B,
    NOW
};
enum {
    SWING_BOTH = 1,
    COMMIT,
    TIDY,
    BEFORE,
    WORD_LOOK,
    IS_PENDING,
    JUDGE,
    AFTER_ALL,
    AFTER
};

static const struct site commit_sites[] = {
    { SWING_BOTH, "src/replace.c", "swing", "bn_store_release(word_at(store, put->where), word)",
      LM_RELEASE, "a word that is new leads to a look at `pending` and `committed`" },
    { COMMIT, "src/replace.c", "transact", "bn_store_release(&store->state->committed, number)",
      LM_RELEASE, 0 },
    { COMMIT, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, 0 },
    { TIDY, "src/slot.h", "bn_slot_swap_limbo",
      "bn_store_release(&bn_slot_at(store, fresh)->pending, (uint8_t)0)", LM_RELEASE, 0 },
    { TIDY, "src/txn.c", "tidy_fresh", "bn_store_release(&rec->pending, (uint8_t)0)", LM_RELEASE,
      0 },
    { BEFORE, "src/snapshot.c", "try_get_many", "bn_load_seq(&store->state_view->committed)",
      LM_SEQ, "acquire is enough here" },
    { BEFORE, "src/id.c", "copy_head", "bn_load_seq(&store->state_view->committed)", LM_SEQ,
      "the same" },
    { WORD_LOOK, "src/read.c", "search_chain", "bn_load_acquire(&line->words[i])", LM_ACQUIRE,
      "it is for what the word leads to: swing" },
    { IS_PENDING, "src/read.c", "try_word", "bn_load_acquire(&rec->pending)", LM_ACQUIRE,
      "the fence at the end orders it too" },
    { JUDGE, "src/read.c", "judge_pending", "bn_load_seq(&store->state_view->committed)", LM_SEQ,
      "two loads of one word by one thread never go back" },
    { AFTER_ALL, "src/snapshot.c", "try_get_many", "bn_fence_seq()", LM_SEQ,
      "the loads before it are acquires" },
    { AFTER, "src/snapshot.c", "try_get_many", "bn_load_seq(&store->state_view->committed)", LM_SEQ,
      "two loads of one word by one thread never go back" },
    { 0 },
};

static const struct variant commit_variants[] = {
    { "the commit is relaxed", { { COMMIT, LM_RELAXED } } },
    { "`pending` is cleared relaxed", { { TIDY, LM_RELAXED } } },
    { "`committed` is loaded relaxed", { { BEFORE, LM_RELAXED } } },
    { "`pending` is loaded relaxed, and no fence at the end",
      { { IS_PENDING, LM_RELAXED }, { AFTER_ALL, LM_NONE } } },
    { 0 },
};

static void commit_both(struct lm_thread *t)
{
    lm_store(t, WORD_A, 1, at(SWING_BOTH));
    lm_store(t, WORD_B, 1, at(SWING_BOTH));
    lm_store(t, NOW, 1, at(COMMIT));
    lm_store(t, PENDING_A, 0, at(TIDY));
    lm_store(t, PENDING_B, 0, at(TIDY));
}

static uint32_t get(struct lm_thread *t, int word, int pending)
{
    if (lm_load(t, word, at(WORD_LOOK)) == 0) {
        return 0;
    }
    return lm_load(t, pending, at(IS_PENDING)) == 0 || lm_load(t, NOW, at(JUDGE)) >= 1;
}

static void get_both(struct lm_thread *t)
{
    uint32_t number = lm_load(t, NOW, at(BEFORE));
    lm_out(t, 0, get(t, WORD_A, PENDING_A));
    lm_out(t, 1, get(t, WORD_B, PENDING_B));
    lm_fence(t, at(AFTER_ALL));
    lm_assume(t, lm_load(t, NOW, at(AFTER)) == number);
    lm_out(t, 2, number);
}

static bool is_of_two_commits(outs *out)
{
    return out[1][0] != out[1][2] || out[1][1] != out[1][2];
}

static bool is_after_commit(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 1 && out[1][2] == 1;
}

/* ---- commit: what was undone is not taken for committed when its number is */

enum {
    UNDONE_WORD,
    REACHED
};
enum {
    UNDO = 1,
    PASS_NUMBER,
    FIRST_LOOK,
    NUMBER_IS_REACHED,
    LOOK_AGAIN
};

static const struct site undone_sites[] = {
    { UNDO, "src/journal.c", "bn_journal_undo",
      "bn_store_release(bn_atomic64(bn_data_at(store, rec.off_check & BN_JOURNAL_OFF_MASK)), "
      "rec.old)",
      LM_RELEASE, "the commit that comes later orders it" },
    { PASS_NUMBER, "src/brain.c", "brain_advance", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, 0 },
    { PASS_NUMBER, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, 0 },
    { PASS_NUMBER, "src/replace.c", "transact",
      "bn_store_release(&store->state->committed, number)", LM_RELEASE, 0 },
    { FIRST_LOOK, "src/read.c", "search_chain", "bn_load_acquire(&line->words[i])", LM_ACQUIRE,
      "it is for what the word leads to: swing" },
    { NUMBER_IS_REACHED, "src/read.c", "judge_pending",
      "bn_load_seq(&store->state_view->committed)", LM_SEQ, "acquire is enough here" },
    { LOOK_AGAIN, "src/read.c", "judge_pending", "bn_load_seq(place)", LM_SEQ,
      "`committed` is loaded with acquire before it" },
    { 0 },
};

static const struct variant undone_variants[] = {
    { "the commit is relaxed", { { PASS_NUMBER, LM_RELAXED } } },
    { "`committed` is loaded relaxed", { { NUMBER_IS_REACHED, LM_RELAXED } } },
    { 0 },
};

/* The word was swung by one who died. Whoever takes over undoes that, and commits, or advances the number. */
static void undo_and_commit(struct lm_thread *t)
{
    lm_store(t, UNDONE_WORD, 0, at(UNDO));
    lm_store(t, REACHED, 1, at(PASS_NUMBER));
}

static void judge_undone(struct lm_thread *t)
{
    lm_assume(t, lm_load(t, UNDONE_WORD, at(FIRST_LOOK)) == 1);
    lm_assume(t, lm_load(t, REACHED, at(NUMBER_IS_REACHED)) == 1);
    lm_out(t, 0, 1);
    lm_out(t, 1, lm_load(t, UNDONE_WORD, at(LOOK_AGAIN)));
}

static bool is_taken_for_committed(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 1;
}

static bool is_seen_undone(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 0;
}

/* ---- moved: who sees that a commit moved a value knows which was the last change before it */

enum {
    MOVED,
    CHANGED
};
enum {
    MOVE = 1,
    MOVED_LOOK
};

static const struct site moved_sites[] = {
    { MOVE, "src/space.c", "bn_space_note_move", "bn_journal_u64(store, &rec->moved,", LM_RELEASE,
      0 },
    { MOVE, "src/journal.h", "bn_journal_u64", "bn_store_release(bn_atomic64(word), value)",
      LM_RELEASE, 0 },
    { MOVED_LOOK, "src/space.c", "bn_space_changed", "bn_load_acquire(&rec->moved)", LM_ACQUIRE,
      0 },
    { 0 },
};

static const struct variant moved_variants[] = {
    { "the move is noted relaxed", { { MOVE, LM_RELAXED } } },
    { "the move is looked at relaxed", { { MOVED_LOOK, LM_RELAXED } } },
    { 0 },
};

static void mover(struct lm_thread *t)
{
    lm_store(t, CHANGED, 2, LM_RELAXED);
    lm_store(t, MOVED, 2, at(MOVE));
}

static void waiter(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, MOVED, at(MOVED_LOOK)));
    lm_out(t, 1, lm_load(t, CHANGED, LM_RELAXED));
}

static bool is_old_change(outs *out)
{
    return out[1][0] == 2 && out[1][1] == 1;
}

static bool is_new_change(outs *out)
{
    return out[1][0] == 2 && out[1][1] == 2;
}

/* ---- abandon: what its owner let go of without the lock is another's afterwards */

enum {
    OWNER,
    EXTENT
};
enum {
    ABANDON = 1,
    FIND
};

static const struct site abandon_sites[] = {
    { ABANDON, "src/slot.h", "bn_slot_abandon", "bn_store_seq(bn_atomic32(&cold->value_gone),",
      LM_SEQ, "the release in it is what counts" },
    { FIND, "src/slot.h", "bn_slot_owner",
      "bn_load_acquire(bn_atomic32((void *)(uintptr_t)&cold->value_gone))", LM_ACQUIRE, 0 },
    { 0 },
};

static const struct variant abandon_variants[] = {
    { "it is let go of relaxed", { { ABANDON, LM_RELAXED } } },
    { "its owner is looked up relaxed", { { FIND, LM_RELAXED } } },
    { 0 },
};

static void abandoner(struct lm_thread *t)
{
    lm_store(t, EXTENT, 1, LM_RELAXED);
    lm_store(t, OWNER, 2, at(ABANDON));
}

/* Whoever finds it without an owner has it. What it would store there comes after all that it could see there. */
static void finder(struct lm_thread *t)
{
    lm_assume(t, lm_load(t, OWNER, at(FIND)) == 2);
    lm_out(t, 0, lm_load(t, EXTENT, LM_RELAXED));
}

static bool is_still_to_be_stored(outs *out)
{
    return out[1][0] == 0;
}

static bool is_stored(outs *out)
{
    return out[1][0] == 1;
}

/* ---- */

const struct picture reading[] = {
    { "swing",
      "what a word leads to is there",
      swing_sites,
      swing_variants,
      { 2, { swing_writer, swing_reader }, { 0 }, 0, 0 },
      is_empty_slot,
      is_full_slot,
      0,
      0 },
    { "refill",
      "a copy is of one use of the slot",
      refill_sites,
      refill_variants,
      { 2, { refiller, copier }, { [PLACE] = 1, [GEN] = 1, [FIRST] = 1, [SECOND] = 1 }, 0, 0 },
      is_torn,
      is_second_use,
      0,
      0 },
    { "refill",
      "what an id says is of its use of the slot",
      id_sites,
      id_variants,
      { 2,
        { id_refiller, id_copier },
        { [GEN] = 1, [FIRST] = 1, [NUMBER] = 1, [COMMITTED] = 1 },
        0,
        0 },
      is_torn,
      is_second_use,
      0,
      0 },
    { "refill",
      "what is told of a slot by its state is of one use",
      look_sites,
      look_variants,
      { 2,
        { state_refiller, state_looker },
        { [STATE] = 1, [GEN] = 1, [FIRST] = 1, [SECOND] = 1 },
        0,
        0 },
      is_torn,
      is_second_use,
      0,
      0 },
    { "refill",
      "what is told of a slot since others were filled is of one use",
      uses_sites,
      uses_variants,
      { 2,
        { uses_refiller, uses_looker },
        { [N_USES] = 1, [GEN] = 1, [FIRST] = 1, [SECOND] = 1 },
        0,
        0 },
      is_torn,
      is_second_use,
      0,
      0 },
    { "commit",
      "many values are of one commit",
      commit_sites,
      commit_variants,
      { 2, { commit_both, get_both }, { [PENDING_A] = 1, [PENDING_B] = 1 }, 0, 0 },
      is_of_two_commits,
      is_after_commit,
      0,
      0 },
    { "commit",
      "what was undone does not count as committed",
      undone_sites,
      undone_variants,
      { 2, { undo_and_commit, judge_undone }, { [UNDONE_WORD] = 1 }, 0, 0 },
      is_taken_for_committed,
      is_seen_undone,
      0,
      0 },
    { "moved",
      "who sees a move sees the change before it",
      moved_sites,
      moved_variants,
      { 2, { mover, waiter }, { [MOVED] = 1, [CHANGED] = 1 }, 0, 0 },
      is_old_change,
      is_new_change,
      0,
      0 },
    { "abandon",
      "what nobody owns is the finder's alone",
      abandon_sites,
      abandon_variants,
      { 2, { abandoner, finder }, { [OWNER] = 1 }, 0, 0 },
      is_still_to_be_stored,
      is_stored,
      0,
      0 },
    { 0 },
};
