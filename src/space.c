/* space.c - namespace records and tallies.
 *
 * Owns:     the SPACES region; n_spaces, space_free, space_dead.
 * Life:     free (in space_free) -> live -> dead (in space_dead: its names are reclaimed bite by
 *           bite) -> free. `removed` stays set while dead and free, so whoever remembers the id
 *           sees it is gone; a new use raises `gen` before it clears `removed`.
 */
#include "space.h"

#include "journal.h"

const struct bn_space_rec *bn_space_view(struct brain_store *store, uint32_t id)
{
    uint64_t backed = bn_load_acquire(&store->state_view->backed[BN_REGION_SPACES]);
    uint64_t end = ((uint64_t)id + 1) * sizeof(struct bn_space_rec);
    if (end > backed || end > store->region_bytes[BN_REGION_SPACES]) {
        return NULL;
    }
    return (const struct bn_space_rec *)(const void *)bn_region_view(store, BN_REGION_SPACES) + id;
}

int bn_space_take(struct brain_store *store, uint64_t quota, uint32_t *id_out, uint32_t *gen_out)
{
    struct bn_state_rec *state = store->state;
    uint32_t id = state->space_free != 0 ? state->space_free : state->n_spaces;
    if (state->space_free == 0) {
        int err = bn_store_need(store, BN_REGION_SPACES,
                                ((uint64_t)id + 1) * sizeof(struct bn_space_rec));
        if (err != 0) {
            return err;
        }
    }
    struct bn_space_rec *rec = bn_space_at(store, id);
    if (rec == NULL || id == BN_ROOT_SPACE ||
        (state->space_free != 0 && bn_load_relaxed(&rec->removed) == 0)) {
        return bn_error_corrupt("%s: the list of free namespaces", store->path);
    }
    if (state->space_free != 0) {
        bn_journal_u32(store, &state->space_free, rec->next);
    } else {
        bn_journal_u32(store, &state->n_spaces, id + 1);
    }
    uint32_t gen = bn_load_relaxed(&rec->gen) + 1;
    bn_store_release(&rec->gen, gen);     /* not journalled: readers compare it */
    bn_store_release(&rec->quota, quota); /* after gen: who sees it sees whose it is */
    for (int i = 0; i < 2; i++) {         /* of a FREE record nobody reads the tally */
        bn_store_relaxed(&rec->tally[i].count, (uint64_t)0);
        bn_store_relaxed(&rec->tally[i].bytes, (uint64_t)0);
        bn_journal_u64(store, &rec->tally[i].number,
                       i == 0 ? bn_load_relaxed(&state->txn_number) : 0);
    }
    bn_journal_u64(store, &rec->first_segment, 0); /* and last_segment */
    bn_journal_u64(store, &rec->last_used, 0);     /* and hole */
    bn_journal_u64(store, &rec->next, 0);          /* and entry */
    bn_journal_u64(store, &rec->changed, 0);
    bn_journal_u64(store, &rec->moved, 0);
    bn_journal_u64(store, &rec->removed, 0);
    *id_out = id;
    *gen_out = gen;
    return 0;
}

void bn_space_bury(struct brain_store *store, uint32_t id)
{
    struct bn_space_rec *rec = bn_space_at(store, id);
    bn_journal_u32(store, &rec->next, store->state->space_dead);
    bn_journal_u32(store, &store->state->space_dead, id);
}

void bn_space_give_dead(struct brain_store *store)
{
    uint32_t id = store->state->space_dead;
    struct bn_space_rec *rec = bn_space_at(store, id);
    bn_journal_u32(store, &store->state->space_dead, rec->next);
    bn_journal_u32(store, &rec->next, store->state->space_free);
    bn_journal_u32(store, &store->state->space_free, id);
}

/* ---- tallies */

static int newest(const struct bn_tally_rec tally[2], uint64_t not_above)
{
    uint64_t a = bn_load_acquire(&tally[0].number), b = bn_load_acquire(&tally[1].number);
    a = a <= not_above ? a : 0;
    b = b <= not_above ? b : 0;
    return b > a;
}

const struct bn_tally_rec *bn_tally_now(const struct bn_tally_rec tally[2])
{
    return &tally[newest(tally, UINT64_MAX)];
}

void bn_tally_add(struct brain_store *store, struct bn_tally_rec tally[2], int64_t count,
                  int64_t bytes)
{
    uint64_t number = bn_load_relaxed(&store->state->txn_number);
    struct bn_tally_rec *now =
        &tally[bn_load_relaxed(&tally[1].number) > bn_load_relaxed(&tally[0].number)];
    if (bn_load_relaxed(&now->number) != number) {
        now = bn_tally_prepare(tally, count, bytes);
        bn_journal_u64(store, &now->number, number);
    } else { /* a second time in this transaction */
        bn_store_release(&now->count, bn_load_relaxed(&now->count) + (uint64_t)count);
        bn_store_release(&now->bytes, bn_load_relaxed(&now->bytes) + (uint64_t)bytes);
    }
}

void bn_space_note_move(struct brain_store *store, struct bn_space_rec *rec)
{
    uint64_t last =
        bn_load_relaxed(&bn_tally_now(rec->tally)->number); /* relaxed, both: under the lock */
    if (last > bn_load_relaxed(&rec->moved)) {
        bn_journal_u64(store, &rec->changed, last);
    }
    bn_journal_u64(store, &rec->moved, bn_load_relaxed(&store->state->txn_number)); /* PAIR moved */
}

uint64_t bn_space_changed(const struct bn_space_rec *rec, uint64_t number)
{
    /* A move under way is above what is committed, and so above `number`: it counts as if it had been. */
    uint64_t moved, changed;
    do {
        moved = bn_load_acquire(&rec->moved); /* PAIR moved */
        changed = bn_load_acquire(&rec->changed);
        bn_fence_acquire();
    } while (bn_load_relaxed(&rec->moved) != moved); /* it was undone, or another came */
    return number > moved ? number : changed;
}

void bn_tally_read(const struct brain_store *store, const struct bn_tally_rec tally[2],
                   uint64_t *count_out, uint64_t *bytes_out, uint64_t *number_out)
{
    for (;;) {
        uint64_t committed = bn_load_seq(&store->state_view->committed);
        const struct bn_tally_rec *rec = &tally[newest(tally, committed)];
        uint64_t number = bn_load_acquire(&rec->number);
        uint64_t count = bn_load_acquire(&rec->count), bytes = bn_load_acquire(&rec->bytes);
        if (number > committed) { /* a record that is being made: nothing of it is committed */
            number = count = bytes = 0;
        }
        bn_fence_acquire();
        /* Two commits later the other writer's record is this one: then its number has changed. */
        if ((number == 0 || bn_load_acquire(&rec->number) == number) &&
            bn_load_seq(&store->state_view->committed) == committed) {
            *count_out = count;
            *bytes_out = bytes;
            if (number_out != NULL) {
                *number_out = number;
            }
            return;
        }
    }
}
