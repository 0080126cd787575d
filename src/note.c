/* note.c - a number beside a value, that whoever has a view of it may change.
 *
 * Where:    the one word at a multiple of 8 that lies within the last BRAIN_NOTE_BYTES of the
 *           value's metadata. Nothing else reads or writes it once the value is published: gets
 *           that copy without a pin leave values with metadata alone (read.c).
 * Writers:  any client, while its pin stands: so the word is not another value's yet. A plain set is
 *           relaxed: it says nothing of other memory. A swap and a look are sequentially
 *           consistent, as pins and lists of them are: callers let notes and pins decide together
 *           (who marks a note and then lists the pins, against who pins and then looks at the
 *           note).
 * Crash:    one store; it has been made or not.
 */
#include "store.h"

static_assert(BRAIN_NOTE_BYTES == sizeof(uint64_t) + 7, "room for one word, wherever it ends");

/* Where the note of a view is, by the mapping of readers; NULL where there is none. */
static const uint8_t *find_note(const brain_view *view)
{
    if (view->store == NULL || view->meta_len < BRAIN_NOTE_BYTES) {
        return NULL;
    }
    uintptr_t from = (uintptr_t)view->meta + view->meta_len - BRAIN_NOTE_BYTES;
    return (const uint8_t *)bn_align_up(from, sizeof(uint64_t));
}

uint64_t brain_view_note(const brain_view *view)
{
    const uint8_t *note = find_note(view);
    /* The pin of the view came before it, with a full barrier. */
    return note == NULL ? 0 : bn_load_seq((const _Atomic uint64_t *)(const void *)note);
}

/* Where to write it; NULL where that is not to be done. In a child that came about without fork()
 * the view is a copy, its pin the parent's. */
static _Atomic uint64_t *writable_note(const brain_view *view)
{
    const uint8_t *at = find_note(view);
    struct brain_store *store = view->store;
    if (at == NULL || store->data == NULL || bn_load_relaxed(store->mark) != 1) {
        return NULL;
    }
    return bn_atomic64(store->data + (at - store->view));
}

void brain_view_set_note(const brain_view *view, uint64_t note)
{
    _Atomic uint64_t *at = writable_note(view);
    if (at != NULL) {
        bn_store_relaxed(at, note);
    }
}

int brain_view_swap_note(const brain_view *view, uint64_t expected, uint64_t note)
{
    _Atomic uint64_t *at = writable_note(view);
    return at != NULL && bn_cas_seq(at, &expected, note);
}
