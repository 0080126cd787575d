/* read.c - how a value is found without a lock.
 *
 * Owns:     nothing; stores to this client's pins alone; and, where a pin was of no use, says that
 *           somebody has to look after what it may have kept.
 * Get:      load the index word; pin its slot; load the word again (PAIR pin-retire). Unchanged:
 *           the slot cannot be reused while the pin stands, and what it says does not change (PAIR
 *           swing). A slot that is not pending is the value. A pending one with a number above
 *           `committed` is not there yet: pin the older one, and load `committed` again (PAIR
 *           commit): if it has not passed, the older one was the value at that moment. A pending
 *           one that is judged visible needs one more look at the word: a later commit passes the
 *           number of an aborted one.
 * Copy:     of a small value no pin is needed: copied.h.
 * Hint:     what is not to be copied is pinned at once, and the word and gen looked at behind that: the hint is of a
 *           committed use of the slot, and a use never changes.
 * Miss:     believed if index_state stood still. In the middle of a split a hash of the new bucket
 *           is looked for in the old one first, then in the new: words move only that way.
 * As of:    a registered reader judges by number alone, and follows `older` as far as it must.
 * Waits:    never. A retry means that a writer changed a word or committed in between.
 * Bytes:    untrusted: each number is checked before it leads anywhere, chains have an end.
 */
#include "read.h"

#include <string.h>

#include "base/hash.h"
#include "pin.h"
#include "space.h"

/* Internal: look again from the start / the chain goes on and on. */
#define RETRY   (-110)
#define ENDLESS (-111)

/* ---- names */

/* Whether a slot that is safe to look at is a version of the name: 1, 0 or CORRUPT. */
BN_INLINE int is_named(struct brain_store *store, uint32_t slot, const struct bn_key *key)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    const uint8_t *data, *body;
    if (rec->space != key->space_id || rec->name_len != key->name_len) {
        return 0;
    }
    body = bn_slot_small_body(rec);
    if (bn_unlikely(body == NULL)) {
        int err = bn_slot_locate(store, slot, &data, &body);
        if (err != 0) {
            return err;
        }
    }
    return bn_slot_same(body, key->name, key->name_len);
}

static int no_such_slot(const struct brain_store *store, uint32_t slot)
{
    return bn_error_corrupt("%s: the index names slot %u, which is none", store->path, slot);
}

/* ---- trying again */

#define TRIES_MAX 1000000u

/* What stood when a search had to be begun anew. */
struct progress {
    uint64_t committed, index_state;
    uint32_t n_tries;
};

/* Whether to try again: each time it is because a writer has swung a word, or taken it back, or
 * committed, or moved words. Where that happens so often without a single commit or move, it is
 * damage. */
static int try_again(struct brain_store *store, struct progress *progress)
{
    struct progress now = { bn_load_acquire(&store->state_view->committed),
                            bn_load_acquire(&store->state_view->index_state),
                            progress->n_tries + 1 };
    if (now.committed != progress->committed || now.index_state != progress->index_state) {
        now.n_tries = 0;
    }
    *progress = now;
    return now.n_tries < TRIES_MAX
               ? 0
               : bn_error_corrupt("%s: a name cannot be read: its slot changes, and nothing is "
                                  "committed",
                                  store->path);
}

/* ---- pins that were of no use */

/* A slot is retired until it is filled again. One that has been given back meanwhile keeps nothing: who asks
 * for its id again and again (an old one of a large value) is not to have each change look. */
static bool is_in_limbo(struct brain_store *store, uint32_t slot)
{
    const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    return cold != NULL && bn_slot_state(cold) == BN_SLOT_LIMBO;
}

/* A pin of ours has left `slot`, which is any number if the ledger is damaged. Who looked after a value there,
 * that left the index meanwhile, may have seen the pin and kept the value; and no view of ours will be dropped
 * that has it looked after again. A reader takes no lock (G1): so the next change is told to look. */
BN_NOINLINE static void leave_look(struct brain_store *store, uint32_t slot)
{
    bn_fence_seq(); /* PAIR pin-retire: who looks sees the pin gone, or we see the slot retired */
    if (store->data != NULL && bn_slot_exists(store, slot) &&
        bn_load_acquire(&bn_slot_view(store, slot)->retired) != 0 && is_in_limbo(store, slot)) {
        bn_store_ask_for_look(store);
    }
}

/* Let the pin of a search go on to another slot. */
BN_NOINLINE static void move_on(struct brain_store *store, uint32_t pin, uint32_t slot)
{
    uint32_t before = bn_load_relaxed(bn_pin_cell(&store->ledger, pin)); /* relaxed: our own */
    bn_pin_move(store, pin, slot);
    leave_look(store, before);
}

void bn_read_let_go(struct brain_store *store, uint32_t pin)
{
    uint32_t slot = bn_load_relaxed(bn_pin_cell(&store->ledger, pin)); /* relaxed: our own */
    bn_pin_drop(store, pin);
    leave_look(store, slot);
}

/* ---- get */

/* The value behind a pending slot that is pinned. 0, NOT_FOUND, RETRY, CORRUPT. */
static int judge_pending(struct brain_store *store, const _Atomic uint64_t *place, uint64_t word,
                         struct bn_found *found)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, found->slot);
    const uint64_t number = rec->number;
    BN_STEP(look_committed, found->slot, 0);
    if (bn_load_seq(&store->state_view->committed) >= number) { /* PAIR commit */
        BN_STEP(look_at_word, found->slot, 0);
        if (bn_load_seq(place) != word) {
            return RETRY;
        }
        return rec->flags & BN_SLOT_TOMB ? BRAIN_E_NOT_FOUND : 0;
    }
    uint32_t older = rec->older;
    if (older == 0 || (rec->flags & BN_SLOT_OLDER_ABSENT)) {
        return BRAIN_E_NOT_FOUND;
    }
    if (!bn_slot_exists(store, older)) {
        return no_such_slot(store, older);
    }
    BN_STEP(pin_older, older, 0);
    move_on(store, found->pin, older);
    BN_STEP(look_committed_again, older, 0);
    if (bn_load_seq(&store->state_view->committed) >= number) { /* PAIR commit, PAIR pin-retire */
        return RETRY;
    }
    found->slot = older;
    return bn_slot_view(store, older)->flags & BN_SLOT_TOMB ? BRAIN_E_NOT_FOUND : 0;
}

/* Look at one index word that matches. Pins go to found->pin (`*has_pin`). 0: found; NOT_FOUND: the
 * name is absent; RETRY; BN_AGAIN: another name, look on; else an error. */
BN_INLINE int try_word(struct brain_store *store, const struct bn_key *key,
                       const _Atomic uint64_t *place, uint64_t word, bool *has_pin,
                       struct bn_found *found, struct bn_copied *copied)
{
    uint32_t slot = bn_index_slot(word);
    if (bn_unlikely(!bn_slot_exists(store, slot))) {
        return no_such_slot(store, slot);
    }
    if (copied != NULL && bn_copied_try(store, key, place, word, copied)) {
        found->slot = 0;
        return 0;
    }
    if (copied != NULL) {
        copied->gen = 0; /* of a copy that came to nothing */
    }
    BN_STEP(pin, slot, 0);
    if (bn_likely(!*has_pin)) {
        int err = bn_pin_take(store, slot, &found->pin);
        if (bn_unlikely(err != 0)) {
            return err;
        }
        *has_pin = true;
    } else {
        move_on(store, found->pin, slot);
    }
    BN_STEP(look_again, slot, 0);
    if (bn_unlikely(bn_load_seq(place) != word)) { /* PAIR pin-retire, PAIR swing */
        return RETRY;
    }
    int named = is_named(store, slot, key);
    if (bn_unlikely(named <= 0)) {
        return named == 0 ? BN_AGAIN : named;
    }
    found->slot = slot;
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    BN_STEP(look_pending, slot, 0);
    if (bn_unlikely(bn_load_acquire(&rec->pending) != 0)) {
        return judge_pending(store, place, word, found);
    }
    if (bn_unlikely(rec->flags & BN_SLOT_TOMB)) {
        return BRAIN_E_NOT_FOUND;
    }
    if (copied != NULL && !bn_copied_is_allowed(rec)) {
        copied->place = (bn_off)((const uint8_t *)place - store->view);
        copied->word = word;
        copied->gen = rec->gen;
    }
    return 0;
}

/* Look through the chain of a bucket. BN_AGAIN: it is not there. */
BN_INLINE int search_chain(struct brain_store *store, const struct bn_key *key, uint64_t bucket,
                           bool *has_pin, struct bn_found *found, struct bn_copied *copied)
{
    const struct bn_bucket_rec *line = bn_index_bucket_view(store, bucket);
    BN_STEP(load_word, key->hash, 0);
    for (uint32_t n = 0; n < BN_CHAIN_MAX; n++) {
        if (bn_unlikely(line == NULL)) {
            return bn_error_corrupt("%s: the chains of the index", store->path);
        }
        for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
            uint64_t word = bn_load_acquire(&line->words[i]); /* PAIR swing */
            if (bn_index_matches(word, key->hash)) {
                int err = try_word(store, key, &line->words[i], word, has_pin, found, copied);
                if (bn_likely(err != BN_AGAIN)) {
                    return err;
                }
            }
        }
        uint64_t next = bn_load_acquire(&line->next);
        if (next == 0) {
            return BN_AGAIN;
        }
        line = bn_index_overflow_view(store, next - 1);
    }
    return ENDLESS;
}

/* Whether a search that led to no word may be believed: 0; else RETRY. `word` is index_state before
 * it. A chain without end may be the list of free lines, that a reader strayed into from a line
 * that was freed under it; then the state has moved. */
static int judge_miss(struct brain_store *store, uint64_t word, int err)
{
    bn_fence_acquire();
    BN_STEP(miss, 0, 0);
    if (bn_load_seq(&store->state_view->index_state) != word) {
        return RETRY;
    }
    return err == ENDLESS ? bn_error_corrupt("%s: a chain of the index has no end", store->path)
                          : BRAIN_E_NOT_FOUND;
}

BN_INLINE int get(struct brain_store *store, const struct bn_key *key, struct bn_found *found,
                  struct bn_copied *copied)
{
    struct progress progress = { .n_tries = 0 };
    bool has_pin = false;
    uint64_t bucket[2];
    int err;
    for (;;) {
        uint64_t state = bn_load_seq(&store->state_view->index_state);
        uint32_t n = bn_index_buckets_of(state, key->hash, bucket);
        err = search_chain(store, key, bucket[0], &has_pin, found, copied);
        if (bn_unlikely(err == BN_AGAIN && n == 2)) {
            err = search_chain(store, key, bucket[1], &has_pin, found, copied);
        }
        if (bn_likely(err == 0)) {
            break;
        }
        if (err == BN_AGAIN || err == ENDLESS) {
            err = judge_miss(store, state, err);
        }
        err = err == RETRY ? try_again(store, &progress) : err;
        if (err != 0) {
            break;
        }
    }
    BN_STEP(got, err == 0 ? found->slot : 0, 0);
    if (bn_unlikely(has_pin && (err != 0 || found->slot == 0))) {
        bn_read_let_go(store, found->pin);
    }
    return err;
}

int bn_read_get(struct brain_store *store, const struct bn_key *key, struct bn_found *found)
{
    return get(store, key, found, NULL);
}

int bn_read_get_or_copy(struct brain_store *store, const struct bn_key *key, struct bn_found *found,
                        struct bn_copied *copied)
{
    return get(store, key, found, copied);
}

int bn_read_pin_hinted(struct brain_store *store, const brain_hint *hint, struct bn_found *found)
{
    const _Atomic uint64_t *place =
        (const _Atomic uint64_t *)(const void *)(store->view + hint->place);
    found->slot = bn_index_slot(hint->word);
    /* relaxed: a guess. A pin on what has left the index would have others look after it. */
    if (bn_unlikely(bn_load_relaxed(place) != hint->word)) {
        return BN_AGAIN;
    }
    BN_STEP(pin, found->slot, 0);
    int err = bn_pin_take(store, found->slot, &found->pin);
    if (bn_unlikely(err != 0)) {
        return err;
    }
    BN_STEP(look_again, found->slot, 0);
    /* gen behind the word: in a slot that is pinned and stands in the index it stands still. */
    const _Atomic uint32_t *gen = bn_copied_gen_of(bn_slot_view(store, found->slot));
    if (bn_likely(bn_load_seq(place) == hint->word && /* PAIR pin-retire, PAIR swing */
                  bn_load_relaxed(gen) == hint->gen)) {
        return 0;
    }
    bn_read_let_go(store, found->pin);
    return BN_AGAIN;
}

/* ---- as of a commit */

int bn_read_version(struct brain_store *store, uint32_t slot, uint64_t number, uint32_t *slot_out)
{
    uint64_t last = UINT64_MAX;
    while (slot != 0) {
        if (!bn_slot_exists(store, slot)) {
            return no_such_slot(store, slot);
        }
        const struct bn_slot_rec *rec = bn_slot_view(store, slot);
        BN_STEP(look_version, slot, 0);
        uint64_t its = rec->number;
        if (its <= number) {
            *slot_out = rec->flags & BN_SLOT_TOMB ? 0 : slot;
            return 0;
        }
        if (its >= last) { /* numbers fall, so there is an end, however many there are */
            return bn_error_corrupt("%s: the versions behind slot %u", store->path, slot);
        }
        last = its;
        slot = rec->older;
    }
    *slot_out = 0;
    return 0;
}

/* As search_chain() and try_word(), without pins: the registration keeps what is looked at. */
static int search_chain_as_of(struct brain_store *store, const struct bn_key *key, uint64_t bucket,
                              uint64_t number, uint32_t *slot_out)
{
    const struct bn_bucket_rec *line = bn_index_bucket_view(store, bucket);
    BN_STEP(load_word, key->hash, 0);
    for (uint32_t n = 0; n < BN_CHAIN_MAX; n++) {
        if (line == NULL) {
            return bn_error_corrupt("%s: the chains of the index", store->path);
        }
        for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
            uint64_t word = bn_load_acquire(&line->words[i]); /* PAIR swing */
            uint32_t slot = bn_index_slot(word);
            if (!bn_index_matches(word, key->hash)) {
                continue;
            }
            int named = bn_slot_exists(store, slot) ? is_named(store, slot, key)
                                                    : no_such_slot(store, slot);
            if (named < 0) {
                return named;
            }
            if (named) {
                int err = bn_read_version(store, slot, number, slot_out);
                return err != 0 ? err : *slot_out != 0 ? 0 : BRAIN_E_NOT_FOUND;
            }
        }
        uint64_t next = bn_load_acquire(&line->next);
        if (next == 0) {
            return BN_AGAIN;
        }
        line = bn_index_overflow_view(store, next - 1);
    }
    return ENDLESS;
}

int bn_read_as_of(struct brain_store *store, const struct bn_key *key, uint64_t number,
                  uint32_t *slot_out)
{
    struct progress progress = { .n_tries = 0 };
    uint64_t bucket[2];
    for (;;) {
        uint64_t state = bn_load_seq(&store->state_view->index_state);
        uint32_t n = bn_index_buckets_of(state, key->hash, bucket);
        int err = search_chain_as_of(store, key, bucket[0], number, slot_out);
        if (err == BN_AGAIN && n == 2) {
            err = search_chain_as_of(store, key, bucket[1], number, slot_out);
        }
        if (err == BN_AGAIN || err == ENDLESS) {
            err = judge_miss(store, state, err);
        }
        if (err != RETRY) {
            return err;
        }
        err = try_again(store, &progress);
        if (err != 0) {
            return err;
        }
    }
}

/* ---- namespaces */

int bn_read_space_id(struct brain_store *store, uint32_t slot, uint32_t *id_out, uint32_t *gen_out)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    const uint8_t *data, *body;
    struct bn_space_id_rec id;
    int err = bn_slot_locate(store, slot, &data, &body);
    if (err != 0) {
        return err;
    }
    if (rec->kind != BRAIN_KIND_SPACE || bn_slot_size(rec) != sizeof id) {
        return bn_error_corrupt("%s: the record of a namespace", store->path);
    }
    memcpy(&id, data, sizeof id);
    if (id.id == BN_ROOT_SPACE || id.gen == 0) {
        return bn_error_corrupt("%s: the record of a namespace", store->path);
    }
    *id_out = id.id;
    *gen_out = id.gen;
    return 0;
}

int bn_read_space(struct brain_store *store, const void *name, uint32_t name_len, uint64_t hash,
                  uint32_t *id_out, uint32_t *gen_out)
{
    struct bn_key key = {
        .name = name, .name_len = name_len, .space_id = BN_ROOT_SPACE, .hash = hash
    };
    struct bn_found found;
    int err = bn_read_get(store, &key, &found);
    if (err == 0) {
        err = bn_read_space_id(store, found.slot, id_out, gen_out);
        bn_pin_drop(store, found.pin); /* it is small: nobody looks after it */
    }
    return err;
}

int bn_read_space_as_of(struct brain_store *store, const void *name, uint32_t name_len,
                        uint64_t hash, uint64_t number, uint32_t *id_out)
{
    struct bn_key key = {
        .name = name, .name_len = name_len, .space_id = BN_ROOT_SPACE, .hash = hash
    };
    uint32_t slot, gen;
    int err = bn_read_as_of(store, &key, number, &slot);
    return err != 0 ? err : bn_read_space_id(store, slot, id_out, &gen);
}

/* ---- views */

/* What bn_read_view() shows of a slot whose body is not where it commonly is. */
BN_NOINLINE static int locate(struct brain_store *store, uint32_t slot, const uint8_t **data_out,
                              const uint8_t **body_out, uint64_t *size_out, uint64_t *version_out)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    int err = bn_slot_locate(store, slot, data_out, body_out);
    err = err != 0 ? err : bn_slot_version(store, slot, version_out);
    *size_out = bn_slot_size(rec) - (rec->flags & BN_SLOT_AWAY ? BN_SLOT_VERSION_BYTES : 0);
    return err;
}

int bn_read_view(struct brain_store *store, uint32_t slot, uint32_t pin, brain_view *view)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    const uint8_t *body = bn_slot_small_body(rec), *data = (const uint8_t *)rec + BN_SLOT_HEAD;
    uint64_t size = rec->size_low, version = rec->number;
    if (bn_unlikely(body == NULL)) {
        int err = locate(store, slot, &data, &body, &size, &version);
        if (err != 0) {
            return err;
        }
    }
    view->data = data;
    view->size_bytes = size;
    view->name = body;
    view->meta = body + rec->name_len;
    view->description = body + rec->name_len + rec->meta_len;
    view->version = version;
    view->kind = rec->kind;
    view->name_len = rec->name_len;
    view->meta_len = rec->meta_len;
    view->description_len = rec->description_len;
    view->tag = 0;
    view->object = slot;
    view->pin = pin;
    view->store = store;
    return 0;
}

int bn_read_pin_view(struct brain_store *store, uint32_t slot, brain_view *view)
{
    uint32_t pin;
    BN_STEP(pin_view, slot, 0);
    int err = bn_pin_take(store, slot, &pin);
    if (err != 0) {
        return err;
    }
    err = bn_read_view(store, slot, pin, view);
    if (err != 0) {
        bn_pin_drop(store, pin);
    }
    return err;
}
