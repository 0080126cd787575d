/* hits.c - what each client has used, and when.
 *
 * Owns:     those pages of the ledger that are marked BN_CHUNK_HITS.
 * Table:    one for each client, direct-mapped: a slot has one word in it, which the next slot of that word takes
 *           over. Its pages are taken when something is first noted there. The clock is the number of the last commit:
 *           values go only where something is put.
 * Writers:  a client stores to its own pages alone, plainly, and only where the word is not the same already (F6 of
 *           docs/design/0013): no get writes a line that another process writes.
 * Bytes:    untrusted, and a matter of taste at worst: they say in which order values may go, and nothing else.
 * Crash:    the pages go with those of the client's pins (pin.c). What is noted there counts as long as it stands: it
 *           was a use.
 */
#include "hits.h"

#include "pin.h"

#define WORDS_OF_PART 504u
#define WORDS         (BN_HITS_PARTS * WORDS_OF_PART)
#define NUMBER_BITS   44u
#define NUMBER_MASK   (((uint64_t)1 << NUMBER_BITS) - 1)
static_assert(WORDS_OF_PART * 2 == BN_CHUNK_CELLS, "a word is two cells");
static_assert(((uint64_t)1 << 32) / WORDS < (uint64_t)1 << (64 - NUMBER_BITS),
              "a word's place and the low bits of the mixed slot make the slot");

struct place {
    uint32_t part, i;
    uint64_t tag; /* in its bits of the word */
};

/* An odd factor makes another number of each slot: no two slots have both place and tag in common. */
static struct place place_of(uint32_t slot)
{
    uint32_t mixed = slot * UINT32_C(2654435769);
    uint32_t word = (uint32_t)((uint64_t)mixed * WORDS >> 32);
    return (struct place){ .part = word / WORDS_OF_PART,
                           .i = word % WORDS_OF_PART,
                           .tag = (uint64_t)mixed << NUMBER_BITS };
}

static _Atomic uint64_t *word_at(struct bn_chunk_rec *chunk, uint32_t i)
{
    return bn_atomic64(&chunk->cells[2 * i]);
}

/* A page for a part of the table. NULL: there is none, or another thread is about to take it. */
static struct bn_chunk_rec *add_part(struct brain_store *store, uint32_t part)
{
    struct bn_hits *hits = &store->hits;
    struct bn_chunk_rec *chunk = NULL;
    int os;
    /* Not waited for: a fork of another thread has it throughout. */
    if (bn_load_relaxed(&hits->refused) || pthread_mutex_trylock(&store->mutex) != 0) {
        return NULL;
    }
    chunk = bn_load_relaxed(&hits->part[part]); /* relaxed: under the mutex */
    if (chunk == NULL &&
        bn_pin_claim_chunk(store, (store->row + 1) | BN_CHUNK_HITS, &chunk, &os) == 0) {
        bn_store_release(&chunk->part, part);
        bn_store_release(&hits->part[part], chunk);
    }
    if (chunk == NULL) {
        bn_store_relaxed(&hits->refused,
                         true); /* once is enough: a get is not to ask again and again */
    }
    pthread_mutex_unlock(&store->mutex);
    return chunk;
}

BN_NOINLINE void bn_hits_note(struct brain_store *store, uint32_t slot)
{
    struct place place = place_of(slot);
    struct bn_chunk_rec *chunk = bn_load_acquire(&store->hits.part[place.part]);
    if (bn_unlikely(chunk == NULL)) {
        chunk = add_part(store, place.part);
        if (chunk == NULL) {
            return;
        }
    }
    /* relaxed, all of it: a guess for who chooses */
    uint64_t word = place.tag | (bn_load_relaxed(&store->state_view->committed) & NUMBER_MASK);
    _Atomic uint64_t *at = word_at(chunk, place.i);
    if (bn_load_relaxed(at) != word) {
        bn_store_relaxed(at, word);
    }
}

/* The number that `word` has the low bits of: the last one not above `now`; 0: there is none. */
static uint64_t number_of(uint64_t word, uint64_t now)
{
    uint64_t age = (now - word) & NUMBER_MASK;
    return age <= now ? now - age : 0;
}

void bn_hits_find(struct brain_store *store, const uint32_t *slots, uint32_t n, uint64_t *last)
{
    uint64_t now = bn_load_acquire(&store->state_view->committed);
    for (uint32_t c = 0; c < bn_pin_n_chunks(store); c++) {
        struct bn_chunk_rec *chunk = bn_pin_chunk(store, c);
        if ((bn_load_acquire(&chunk->owner) & BN_CHUNK_HITS) == 0) {
            continue;
        }
        uint32_t part = bn_load_acquire(&chunk->part);
        for (uint32_t i = 0; i < n; i++) {
            struct place place = place_of(slots[i]);
            uint64_t word = place.part == part ? bn_load_relaxed(word_at(chunk, place.i)) : 0;
            if (word != 0 && (word & ~NUMBER_MASK) == place.tag) {
                uint64_t number = number_of(word, now);
                last[i] = number > last[i] ? number : last[i];
            }
        }
    }
}

void bn_hits_deinit(struct brain_store *store)
{
    for (uint32_t i = 0; i < BN_HITS_PARTS; i++) {
        struct bn_chunk_rec *chunk =
            bn_load_relaxed(&store->hits.part[i]); /* relaxed: nobody uses it any more */
        if (chunk != NULL) {
            bn_pin_release_chunk(chunk);
        }
    }
    bn_hits_forget(store);
}

void bn_hits_forget(struct brain_store *store)
{
    for (uint32_t i = 0; i < BN_HITS_PARTS; i++) {
        bn_store_relaxed(&store->hits.part[i], NULL); /* relaxed: one thread has it */
    }
    bn_store_relaxed(&store->hits.refused, false);
}
