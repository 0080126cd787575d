/* deciding.c - pictures of handshakes in which each side says something and then looks for what the
 * other said: snap, wake, looks, note-pin. */
#include "pictures.h"

typedef uint32_t outs[LM_OUTS];

/* ---- snap: what a registration needs is not freed */

enum {
    COMMITTED,
    N_SNAPS,
    SNAP,
    DATA,
    LOCK
};
enum {
    COUNT = 1,
    CLAIM,
    BEFORE,
    SAY,
    FENCE,
    AFTER,
    COMMIT,
    RELEASE,
    BARRIER,
    LOOK,
    NUMBER
};

#define REGISTERS                                                                                  \
    { COUNT,                                                                                       \
      "src/snap.c",                                                                                \
      "bn_snap_register",                                                                          \
      "bn_add_seq(&store->clients->n_snaps, (uint64_t)1)",                                         \
      LM_SEQ,                                                                                      \
      "the fence orders it too" },                                                                 \
        { CLAIM,        "src/snap.c",                                                              \
          "claim_cell", "bn_cas_seq(&row->snaps[i], &none, (uint64_t)1)",                          \
          LM_SEQ,       "the fence orders it too" },                                               \
        { BEFORE,                                                                                  \
          "src/snap.c",                                                                            \
          "bn_snap_register",                                                                      \
          "bn_load_seq(&store->state_view->committed)",                                            \
          LM_SEQ,                                                                                  \
          "the second look orders it too" },                                                       \
        { SAY,                                                                                     \
          "src/snap.c",                                                                            \
          "bn_snap_register",                                                                      \
          "bn_store_seq(cell, number)",                                                            \
          LM_SEQ,                                                                                  \
          "the fence orders it too" },                                                             \
        { FENCE,                                                                                   \
          "src/snap.c",                                                                            \
          "bn_snap_register",                                                                      \
          "bn_fence_seq()",                                                                        \
          LM_SEQ,                                                                                  \
          "the accesses around it are seq_cst" },                                                  \
        { AFTER,                                                                                   \
          "src/snap.c",                                                                            \
          "bn_snap_register",                                                                      \
          "bn_load_seq(&store->state_view->committed)",                                            \
          LM_SEQ,                                                                                  \
          "the fence orders it too" }

static const struct site replace_sites[] = {
    REGISTERS,
    { COMMIT, "src/replace.c", "transact", "bn_store_release(&store->state->committed, number)",
      LM_RELEASE, "the barrier comes after it" },
    { RELEASE, "src/lock.h", "bn_lock_release",
      "bn_cas_seq(&store->state->lock_word, &word, word & ~BN_LOCK_OWNER)", LM_SEQ,
      "the barrier comes after it" },
    { BARRIER, "src/lock.h", "bn_lock_release", "bn_fence_after_swap()", LM_SEQ, 0 },
    { BARRIER, "src/lock.c", "bn_lock_release_slow", "bn_fence_after_swap()", LM_SEQ, 0 },
    { BARRIER, "src/reclaim.c", "reclaim_limbo", "bn_fence_seq()", LM_SEQ, 0 },
    { LOOK, "src/reclaim.c", "bn_reclaim_retired", "bn_snap_look_briefly(store, &snaps)", LM_SEQ,
      "the barrier comes before it" },
    { LOOK, "src/snap.c", "bn_snap_look", "bn_load_seq(&store->clients->n_snaps)", LM_SEQ,
      "the barrier comes before it" },
    { NUMBER, "src/snap.c", "bn_snap_look", "bn_load_seq(&bn_client_row(store, row)->snaps[i])",
      LM_SEQ, "the barrier comes before it" },
    { 0 },
};

static const struct variant replace_variants[] = {
    { "no barrier after the commit", { { BARRIER, LM_NONE } } },
    { "no fence, and `committed` is loaded with acquire",
      { { FENCE, LM_NONE }, { BEFORE, LM_ACQUIRE }, { AFTER, LM_ACQUIRE } } },
    { "no fence, and the number is claimed acq_rel and said with release",
      { { FENCE, LM_NONE }, { CLAIM, LM_ACQ_REL }, { SAY, LM_RELEASE } } },
    { 0 },
};

static const struct site txn_sites[] = {
    REGISTERS,
    { COMMIT, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, 0 },
    { LOOK, "src/snap.c", "bn_snap_look", "bn_load_seq(&store->clients->n_snaps)", LM_SEQ, 0 },
    { NUMBER, "src/snap.c", "bn_snap_look", "bn_load_seq(&bn_client_row(store, row)->snaps[i])",
      LM_SEQ, 0 },
    { 0 },
};

static const struct variant txn_variants[] = {
    { "the commit is a release", { { COMMIT, LM_RELEASE } } },
    { "n_snaps is loaded with acquire", { { LOOK, LM_ACQUIRE } } },
    { "the number is loaded with acquire", { { NUMBER, LM_ACQUIRE } } },
    { "no fence, and `committed` is loaded with acquire",
      { { FENCE, LM_NONE }, { BEFORE, LM_ACQUIRE }, { AFTER, LM_ACQUIRE } } },
    { "no fence, and n_snaps is raised acq_rel", { { FENCE, LM_NONE }, { COUNT, LM_ACQ_REL } } },
    { "no fence, and the number is claimed acq_rel and said with release",
      { { FENCE, LM_NONE }, { CLAIM, LM_ACQ_REL }, { SAY, LM_RELEASE } } },
    { 0 },
};

/* Commits are 2 and, later, 3, which retires what was there as of 2. 1 keeps everything. */
static void register_and_read(struct lm_thread *t)
{
    (void)lm_add(t, N_SNAPS, 1, at(COUNT));
    lm_assume(t, lm_cas(t, SNAP, 0, 1, at(CLAIM)));
    uint32_t number = lm_load(t, COMMITTED, at(BEFORE));
    lm_store(t, SNAP, number, at(SAY));
    lm_fence(t, at(FENCE));
    lm_assume(t, lm_load(t, COMMITTED, at(AFTER)) == number);
    lm_out(t, 0, number);
    lm_out(t, 1, lm_load(t, DATA, LM_RELAXED));
}

static void free_unless_needed(struct lm_thread *t)
{
    if (lm_load(t, N_SNAPS, at(LOOK)) != 0) {
        uint32_t number = lm_load(t, SNAP, at(NUMBER));
        lm_assume(t, number == 0 || number >= 3);
    }
    lm_store(t, DATA, 2, LM_RELAXED);
    lm_out(t, 0, 1);
}

static void replace_and_free(struct lm_thread *t)
{
    lm_store(t, COMMITTED, 3, at(COMMIT));
    lm_assume(t, lm_cas(t, LOCK, 1, 0, at(RELEASE)));
    lm_fence(t, at(BARRIER));
    free_unless_needed(t);
}

static void commit_and_free(struct lm_thread *t)
{
    lm_store(t, COMMITTED, 3, at(COMMIT));
    free_unless_needed(t);
}

static bool misses_what_it_needs(outs *out)
{
    return out[0][0] == 2 && out[0][1] == 2;
}

static bool registers_later(outs *out)
{
    return out[0][0] == 3 && out[1][0] == 1;
}

/* ---- snap: of who closes a snapshot and who looks at what it kept, one has it looked at again */

enum {
    LIMBO = DATA
};
enum {
    LEAVE = 1,
    LEFT,
    LIMBO_LOOK,
    MOVED,
    RETIRE
};

static const struct site close_sites[] = {
    { LEAVE, "src/snap.c", "bn_snap_leave",
      "bn_store_seq(&bn_client_row(store, store->row)->snaps[cell], (uint64_t)0)", LM_SEQ,
      "a fence follows" },
    { LEFT, "src/snapshot.c", "brain_snapshot_close", "bn_fence_seq()", LM_SEQ, 0 },
    { LIMBO_LOOK, "src/snapshot.c", "limbo_is_large",
      "bn_load_relaxed(bn_atomic64((void *)(uintptr_t)&state->limbo_bytes))", LM_RELAXED, 0 },
    { MOVED, "src/snapshot.c", "brain_snapshot_close",
      "bn_load_acquire(&store->state_view->committed)", LM_ACQUIRE, "the fence comes before it" },
    { COMMIT, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, "the barrier comes after it" },
    { COMMIT, "src/replace.c", "transact", "bn_store_release(&store->state->committed, number)",
      LM_RELEASE,
      "the same" }, /* of small values, which change `limbo` first: all before the barrier */
    { RETIRE, "src/journal.h", "bn_journal_u64", "bn_store_release(bn_atomic64(word), value)",
      LM_RELEASE, "the same" },
    { BARRIER, "src/reclaim.c", "reclaim_limbo", "bn_fence_seq()", LM_SEQ, 0 },
    { NUMBER, "src/snap.c", "bn_snap_look", "bn_load_seq(&bn_client_row(store, row)->snaps[i])",
      LM_SEQ, "the barrier comes before it" },
    { 0 },
};

static const struct variant close_variants[] = {
    { "no fence after it has left", { { LEFT, LM_NONE } } },
    { "no barrier before the registrations", { { BARRIER, LM_NONE } } },
    { 0 },
};

static void leave_and_look(struct lm_thread *t)
{
    lm_store(t, SNAP, 0, at(LEAVE));
    lm_fence(t, at(LEFT));
    uint32_t limbo = lm_load(t, LIMBO, at(LIMBO_LOOK));
    lm_out(t, 0, limbo == 0 || lm_load(t, COMMITTED, at(MOVED)) == 2 ? 1 : 2);
}

static void retire_and_look(struct lm_thread *t)
{
    lm_store(t, COMMITTED, 3, at(COMMIT));
    lm_store(t, LIMBO, 1, at(RETIRE));
    lm_fence(t, at(BARRIER));
    lm_out(t, 0, lm_load(t, SNAP, at(NUMBER)) != 0 ? 1 : 2);
}

static bool stays(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 1;
}

static bool both_look(outs *out)
{
    return out[0][0] == 2 && out[1][0] == 2;
}

/* ---- wake: who sleeps has seen the commit, or is woken */

enum {
    ASLEEP = N_SNAPS
};
enum {
    MARK = 1,
    MARKED,
    VALUE_LOOK,
    ASK = NUMBER + 1
};

static const struct site wake_sites[] = {
    { MARK, "src/watch.c", "bn_watch_arm", "bn_or_seq(&rec->asleep, ON_THIS)", LM_SEQ,
      "the fence orders it too" },
    { MARK, "src/watch.c", "bn_watch_arm", "bn_or_seq(&space->asleep, ON_NAMES)", LM_SEQ,
      "the same" },
    { MARKED, "src/watch.c", "bn_watch_arm", "bn_fence_seq()", LM_SEQ, 0 },
    { VALUE_LOOK, "src/read.c", "search_chain", "bn_load_acquire(&line->words[i])", LM_ACQUIRE,
      "the fence comes before it" },
    { COMMIT, "src/replace.c", "transact", "bn_store_release(&store->state->committed, number)",
      LM_RELEASE, "the barrier comes after it" },
    { COMMIT, "src/txn.c", "bn_txn_commit", "bn_store_seq(&store->state->committed, number)",
      LM_SEQ, "the same" },
    { RELEASE, "src/lock.h", "bn_lock_release",
      "bn_cas_seq(&store->state->lock_word, &word, word & ~BN_LOCK_OWNER)", LM_SEQ,
      "the barrier comes after it" },
    { BARRIER, "src/lock.h", "bn_lock_release", "bn_fence_after_swap()", LM_SEQ, 0 },
    { BARRIER, "src/lock.c", "bn_lock_release_slow", "bn_fence_after_swap()", LM_SEQ, 0 },
    { ASK, "src/watch.h", "bn_watch_wake", "bn_load_seq(&bn_watch_rec(store, space_key)->asleep)",
      LM_SEQ, "the barrier comes before it" },
    { ASK, "src/watch.c", "bn_watch_wake_slow", "bn_load_seq(&space->asleep)", LM_SEQ, "the same" },
    { ASK, "src/watch.c", "wake_rec", "bn_load_seq(&rec->asleep)", LM_SEQ, "the same" },
    { 0 },
};

static const struct variant wake_variants[] = {
    { "no fence after the mark", { { MARKED, LM_NONE } } },
    { "no barrier after the commit", { { BARRIER, LM_NONE } } },
    { 0 },
};

static void mark_and_look(struct lm_thread *t)
{
    (void)lm_or(t, ASLEEP, 1, at(MARK));
    lm_fence(t, at(MARKED));
    lm_out(t, 0, lm_load(t, COMMITTED, at(VALUE_LOOK)));
}

static void commit_and_ask(struct lm_thread *t)
{
    lm_store(t, COMMITTED, 1, at(COMMIT));
    lm_assume(t, lm_cas(t, LOCK, 1, 0, at(RELEASE)));
    lm_fence(t, at(BARRIER));
    lm_out(t, 0, lm_load(t, ASLEEP, at(ASK)));
}

static bool sleeps_on(outs *out)
{
    return out[0][0] == 0 && out[1][0] == 0;
}

static bool is_woken(outs *out)
{
    return out[0][0] == 0 && out[1][0] == 1;
}

/* ---- looks: who finds the lock held is heard by who holds it */

enum {
    DUE = N_SNAPS
};
enum {
    TELL = 1,
    TOLD,
    TRY,
    IS_DUE = NUMBER + 1
};

static const struct site looks_sites[] = {
    { TELL, "src/reclaim.c", "look_or_leave", "bn_add_seq(&store->state->n_looks_due, 1)", LM_SEQ,
      "the fence orders it too" },
    { TOLD, "src/reclaim.c", "look_or_leave", "bn_fence_seq()", LM_SEQ, 0 },
    { TRY, "src/lock.h", "bn_lock_try_to", "bn_load_relaxed(&store->state->lock_word)", LM_RELAXED,
      0 },
    { RELEASE, "src/lock.h", "bn_lock_release",
      "bn_cas_seq(&store->state->lock_word, &word, word & ~BN_LOCK_OWNER)", LM_SEQ,
      "the barrier comes after it" },
    { BARRIER, "src/lock.h", "bn_lock_release", "bn_fence_after_swap()", LM_SEQ,
      "the accesses around it are seq_cst" },
    { IS_DUE, "src/reclaim.h", "bn_reclaim_look_is_due",
      "bn_load_seq(&store->own_state->n_looks_due)", LM_SEQ, "the barrier comes before it" },
    { 0 },
};

static const struct variant looks_variants[] = {
    { "no fence after it is told", { { TOLD, LM_NONE } } },
    { "no barrier, and what is due is loaded with acquire",
      { { BARRIER, LM_NONE }, { IS_DUE, LM_ACQUIRE } } },
    { "no barrier, and the lock is released acq_rel",
      { { BARRIER, LM_NONE }, { RELEASE, LM_ACQ_REL } } },
    { 0 },
};

static void tell_and_try(struct lm_thread *t)
{
    (void)lm_add(t, DUE, 1, at(TELL));
    lm_fence(t, at(TOLD));
    lm_out(t, 0, lm_load(t, LOCK, at(TRY)));
}

static void release_and_ask(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, LOCK, 1, 0, at(RELEASE)));
    lm_fence(t, at(BARRIER));
    lm_out(t, 0, lm_load(t, DUE, at(IS_DUE)));
}

static bool nobody_looks(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 0;
}

static bool holder_looks(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 1;
}

/* ---- note-pin: of who evicts an object and who gets it, one has its way */

enum {
    CELL,
    NOTE
};
enum {
    PIN = 1,
    NOTE_LOOK,
    USE,
    EVICTING,
    LIST,
    EVICT
};
enum {
    UNUSED,
    BEING_EVICTED,
    EVICTED,
    USED
};

static const struct site note_sites[] = {
    { PIN, "src/pin.h", "bn_pin_take", "bn_cas_seq(bn_pin_cell(ledger, pin), &none, slot)", LM_SEQ,
      0 },
    { NOTE_LOOK, "src/note.c", "brain_view_note",
      "bn_load_seq((const _Atomic uint64_t *)(const void *)note)", LM_SEQ, 0 },
    { USE, "src/note.c", "brain_view_swap_note", "bn_cas_seq(at, &expected, note)", LM_SEQ,
      "a swap decides by itself" },
    { NOTE_LOOK, "plasma/use.c", "use", "brain_view_note(view)", LM_SEQ, 0 },
    { EVICTING, "src/note.c", "brain_view_swap_note", "bn_cas_seq(at, &expected, note)", LM_SEQ,
      0 },
    { LIST, "src/pin.c", "list_chunk", "bn_load_seq(&chunk->cells[i])", LM_SEQ, 0 },
    { LIST, "plasma/evict.c", "look_at_pins", "pl_pins_list(objects, &pins, &n_pins)", LM_SEQ, 0 },
    { EVICT, "src/note.c", "brain_view_swap_note", "bn_cas_seq(at, &expected, note)", LM_SEQ,
      "a swap decides by itself" },
    { 0 },
};

static const struct variant note_variants[] = {
    { "the pin is acq_rel", { { PIN, LM_ACQ_REL } } },
    { "the note is loaded with acquire", { { NOTE_LOOK, LM_ACQUIRE } } },
    { "the mark is acq_rel", { { EVICTING, LM_ACQ_REL } } },
    { "the pins are listed with acquire", { { LIST, LM_ACQUIRE } } },
    { 0 },
};

/* pl_use_get(): brain_get(), then use(). */
static void pin_and_use(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, CELL, 0, 1, at(PIN)));
    uint32_t note = lm_load(t, NOTE, at(NOTE_LOOK));
    lm_out(t, 0,
           note == UNUSED ||
               (note == BEING_EVICTED && lm_cas(t, NOTE, BEING_EVICTED, USED, at(USE))));
}

/* evict_few(): mark(), look_at_pins(), settle(). */
static void mark_and_evict(struct lm_thread *t)
{
    lm_assume(t, lm_cas(t, NOTE, UNUSED, BEING_EVICTED, at(EVICTING)));
    lm_assume(t, lm_load(t, CELL, at(LIST)) == 0);
    lm_out(t, 0, lm_cas(t, NOTE, BEING_EVICTED, EVICTED, at(EVICT)));
}

static bool both_have_it(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 1;
}

static bool is_evicted(outs *out)
{
    return out[0][0] == 0 && out[1][0] == 1;
}

/* ---- */

const struct picture deciding[] = {
    { "snap",
      "what a registration needs is kept by a replacement",
      replace_sites,
      replace_variants,
      { 2,
        { register_and_read, replace_and_free },
        { [COMMITTED] = 2, [DATA] = 1, [LOCK] = 1 },
        0,
        1 << LOCK },
      misses_what_it_needs,
      registers_later,
      0,
      0 },
    { "snap",
      "and by other changes",
      txn_sites,
      txn_variants,
      { 2, { register_and_read, commit_and_free }, { [COMMITTED] = 2, [DATA] = 1 }, 0, 0 },
      misses_what_it_needs,
      registers_later,
      0,
      0 },
    { "snap",
      "who closes, or who retires, looks at what was kept",
      close_sites,
      close_variants,
      { 2, { leave_and_look, retire_and_look }, { [COMMITTED] = 2, [SNAP] = 2 }, 0, 0 },
      stays,
      both_look,
      0,
      0 },
    { "wake",
      "who sleeps is woken",
      wake_sites,
      wake_variants,
      { 2, { mark_and_look, commit_and_ask }, { [LOCK] = 1 }, 0, 1 << LOCK },
      sleeps_on,
      is_woken,
      0,
      0 },
    { "looks",
      "a look that is due is made",
      looks_sites,
      looks_variants,
      { 2, { tell_and_try, release_and_ask }, { [LOCK] = 1 }, 0, 0 },
      nobody_looks,
      holder_looks,
      0,
      0 },
    { "note-pin",
      "an object is used or evicted",
      note_sites,
      note_variants,
      { 2, { pin_and_use, mark_and_evict }, { 0 }, 0, 0 },
      both_have_it,
      is_evicted,
      0,
      0 },
    { 0 },
};
