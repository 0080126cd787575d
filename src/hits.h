/* hits.h - what each client has used, and when: for who has to choose what goes from a full store. */
#ifndef BN_HITS_H
#define BN_HITS_H

#include "store.h"

/* Note that this client has used `slot`, now. Waits for nothing; what finds no memory is not noted. */
void bn_hits_note(struct brain_store *store, uint32_t slot);

/* The same, where somebody may want to know. The word lies beside the one that every get looks at. */
BN_INLINE void bn_hits_note_if_wanted(struct brain_store *store, uint32_t slot)
{
    /* relaxed: a mode that is a moment old is as good */
    if (bn_unlikely(bn_load_relaxed(&store->state_view->full_mode) != BRAIN_FULL_ERROR)) {
        bn_hits_note(store, slot);
    }
}

/* Raise each `last[i]` to the number of the commit at which some client has noted `slots[i]` last, if one has. */
void bn_hits_find(struct brain_store *store, const uint32_t *slots, uint32_t n, uint64_t *last);

/* Give this client's pages back / in a child: they are the parent's. */
void bn_hits_deinit(struct brain_store *store);
void bn_hits_forget(struct brain_store *store);

#endif
