/* use.c - the use of a Plasma object: to get it, look at it, and let go of it.
 *
 * A get pins, as any get does, and then looks at the note: so it sees the mark of one who evicts, or
 * that one sees the pin (PAIR note-pin).
 */
#include "use.h"

#include "remove.h"

/* Raise the note to now, which says that the object is in use. False: it counts as missing. */
static bool use(const struct pl_store *objects, const brain_view *view)
{
    uint64_t now = pl_store_now();
    for (;;) {
        uint64_t note = brain_view_note(view); /* PAIR note-pin: after the pin of the view */
        if (note == PL_NOTE_EVICTED) return false;
        uint64_t used = pl_note_used(note, now);
        if (objects->read_only || (note >= used && !pl_note_is_evicting(note))) return true;
        if (brain_view_swap_note(view, note, used) != 0) return true;
        if (note == brain_view_note(view)) return true; /* it cannot be set here */
    }
}

int pl_use_look(struct pl_store *objects, const uint8_t *id, brain_view *view_out)
{
    brain_view view;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code == 0 && view.kind != BRAIN_KIND_UNSEALED &&
        pl_note_is_doomed(brain_view_note(&view))) {
        pl_remove_put_back(objects, &view);
        code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    }
    if (code == 0) *view_out = view;
    return code;
}

int pl_use_get(struct pl_store *objects, const uint8_t *id, brain_view *view_out,
               struct pl_object *info_out)
{
    brain_view view;
    int code = pl_use_look(objects, id, &view);
    if (code != 0) return code;
    code = pl_object_describe(&view, info_out);
    if (code == 0 && info_out->is_away) {
        code = PL_IS_AWAY;
    } else if (code == 0 && (!info_out->is_sealed || !use(objects, &view))) {
        code = BRAIN_E_NOT_FOUND;
    }
    if (code != 0) {
        brain_view_drop(&view);
        return code;
    }
    view.meta_len = (uint16_t)(view.meta_len - PL_TRAILER_BYTES);
    view.tag = PL_TAG_OBJECT;
    *view_out = view;
    return 0;
}

bool pl_use_let_go(brain_view *view, struct pl_last *last_out)
{
    uint64_t now = pl_store_now();
    view->meta_len = (uint16_t)(view->meta_len + PL_TRAILER_BYTES);
    uint64_t note = brain_view_note(view);
    while (note < pl_note_used(note, now) &&
           brain_view_swap_note(view, note, pl_note_used(note, now)) == 0) {
        uint64_t again = brain_view_note(view);
        if (again == note) break; /* it cannot be set here */
        note = again;
    }
    bool is_doomed = pl_note_is_doomed(note);
    if (is_doomed) *last_out = pl_object_last(view);
    brain_view_drop(view);
    return is_doomed;
}

void pl_use_drop(struct pl_store *objects, brain_view *view)
{
    struct pl_last last;
    if (pl_use_let_go(view, &last)) pl_remove_unused(objects, &last);
}

int pl_use_is_there(struct pl_store *objects, const uint8_t *id, uint64_t *version_out)
{
    struct pl_object info = { .is_away = false };
    brain_view view;
    if (version_out != NULL) *version_out = 0;
    int code = pl_use_look(objects, id, &view);
    if (code != 0) return code;
    bool is_away =
        view.kind == BRAIN_KIND_UNSEALED && pl_object_describe(&view, &info) == 0 && info.is_away;
    if (!is_away &&
        (view.kind == BRAIN_KIND_UNSEALED || brain_view_note(&view) == PL_NOTE_EVICTED)) {
        if (version_out != NULL) *version_out = view.version;
        code = BRAIN_E_NOT_FOUND;
    }
    pl_remove_put_back(objects, &view);
    return code;
}
