/* handle.c - resolving a namespace's name, once, and noticing that it went.
 *
 * A lookup in a namespace is right if the namespace still stood afterwards: then what was found was
 * its state at some moment in between. If it did not, the name is resolved anew: it may have been
 * made again.
 */
#include "handle.h"

#include "pin.h"
#include "slot.h"
#include "space.h"

int bn_handle_name_too_long(size_t name_len)
{
    return bn_error(BRAIN_E_INVAL, "a name has %zu bytes; at most %u are allowed", name_len,
                    BRAIN_NAME_MAX);
}

int bn_handle_resolve_slow(struct brain_space *space, struct bn_space_ref *ref_out)
{
    int err = bn_read_space(space->store, space->name, space->name_len, space->key, &ref_out->id,
                            &ref_out->gen);
    if (err == 0 && bn_space_view(space->store, ref_out->id) == NULL) {
        return bn_error_corrupt("%s: the record of a namespace", space->store->path);
    }
    if (err == 0) {
        bn_store_relaxed(&space->resolved, bn_handle_word(*ref_out));
    }
    return err;
}

bool bn_handle_makes_no_sense(struct brain_store *store, struct bn_space_ref ref,
                              struct bn_gone *gone)
{
    struct bn_gone now = { ref, bn_load_acquire(&store->state_view->committed) };
    bool same =
        now.committed == gone->committed && ref.id == gone->ref.id && ref.gen == gone->ref.gen;
    *gone = now;
    return same;
}

BN_INLINE int get(struct brain_space *space, const void *name, size_t name_len,
                  struct bn_found *found, struct bn_copied *copied)
{
    struct brain_store *store = space->store;
    struct bn_gone gone = { .committed = 0 }; /* numbers begin with 1 */
    for (;;) {
        struct bn_space_ref ref;
        /* The second time from the root itself: what is noted another thread may have noted too
         * late. */
        int err = gone.committed == 0 ? bn_handle_resolve(space, &ref)
                                      : bn_handle_resolve_slow(space, &ref);
        if (bn_unlikely(err != 0)) {
            return err;
        }
        struct bn_key key = bn_handle_key(store, ref, name, name_len);
        err = copied == NULL ? bn_read_get(store, &key, found)
                             : bn_read_get_or_copy(store, &key, found, copied);
        if (bn_likely((err == 0 || err == BRAIN_E_NOT_FOUND) && bn_handle_stands(space, ref))) {
            if (copied != NULL) {
                copied->resolved = bn_handle_word(ref);
            }
            return err;
        }
        if (err == 0 && found->slot != 0) {
            bn_read_let_go(store, found->pin);
        } else if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            return err;
        }
        if (bn_handle_makes_no_sense(store, ref, &gone)) {
            return bn_error_corrupt("%s: the record of a namespace", store->path);
        }
    }
}

int bn_handle_get(struct brain_space *space, const void *name, size_t name_len,
                  struct bn_found *found)
{
    return get(space, name, name_len, found, NULL);
}

int bn_handle_get_or_copy(struct brain_space *space, const void *name, size_t name_len,
                          brain_hint *hint, struct bn_found *found, struct bn_copied *copied)
{
    int err = get(space, name, name_len, found, copied);
    if (hint != NULL && err == 0 && copied->gen != 0) {
        bn_handle_note(hint, copied, found->slot != 0);
    }
    return err;
}

int bn_handle_pin_hinted(struct brain_space *space, brain_hint *hint, struct bn_found *found)
{
    if (hint->size < BN_HINT_PINS || !bn_handle_is_hint(space, hint)) {
        return BN_AGAIN;
    }
    int err = bn_read_pin_hinted(space->store, hint, found);
    if (bn_likely(err == 0 && bn_handle_stands(space, bn_handle_ref(hint->space)))) {
        return 0;
    }
    if (err == 0) {
        bn_read_let_go(space->store, found->pin);
        err = BN_AGAIN;
    }
    hint->space = 0; /* of no use */
    return err;
}
