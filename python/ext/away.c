/* away.c - values that are in files.
 *
 * What stands for a value is recalled where a view of it is about to become an object, and nowhere else: from then on the
 * view shows the mapping, with the kind that the value has; version, time, metadata and description are its own anyway.
 * Its pin stays the stand-in's, which keeps the file.
 *
 * Owns:     the mappings of this process, in a list, each with the view that it belongs to: found by its pin, of which
 *           there is one at a time. Two views of one value share a mapping.
 * GIL:      is kept: some system calls on a file that was opened before, as a rule.
 */
#include "away.h"

#include <brain_disk.h>

#include "disk.h"

struct mapping {
    brain_recalled recalled;
    size_t n_refs;
};

struct bp_away {
    struct mapping *mapping;
    brain_view stand_in;
    struct bp_away *next;
};

static bool is_of(const struct bp_away *away, const brain_view *view)
{
    return away->stand_in.pin == view->pin && away->stand_in.store == view->store;
}

static struct bp_away *find(const struct bp_state *state, const brain_view *view)
{
    struct bp_away *at = state->aways;
    while (at != NULL && !is_of(at, view))
        at = at->next;
    return at;
}

static void let_go(struct mapping *mapping)
{
    if (--mapping->n_refs == 0) {
        brain_recalled_drop(&mapping->recalled);
        PyMem_Free(mapping);
    }
}

/* Let `view`, of a stand-in, show the mapping, of which it takes a reference over. NOMEM. */
static int enlist(struct bp_state *state, struct mapping *mapping, brain_view *view)
{
    struct bp_away *away = PyMem_Malloc(sizeof *away);
    if (away == NULL) return BRAIN_E_NOMEM;
    *away = (struct bp_away){ mapping, *view, state->aways };
    state->aways = away;
    view->data = mapping->recalled.data;
    view->size_bytes = mapping->recalled.size_bytes;
    view->kind = mapping->recalled.kind;
    view->tag = BP_TAG_AWAY;
    return 0;
}

int bp_away_recall_slowly(struct bp_state *state, brain_view *view)
{
    struct mapping *mapping = PyMem_Malloc(sizeof *mapping);
    int code = mapping != NULL ? brain_recall(view, &mapping->recalled) : BRAIN_E_NOMEM;
    if (code == 0) {
        mapping->n_refs = 1;
        code = enlist(state, mapping, view);
        if (code == 0) return 0;
        let_go(mapping);
    } else {
        PyMem_Free(mapping);
    }
    brain_view_drop(view);
    if (code == BRAIN_E_NOMEM) {
        PyErr_NoMemory();
    } else {
        bp_disk_raise(state, code, NULL, "");
    }
    return -1;
}

void bp_away_drop_slowly(struct bp_state *state, brain_view *view)
{
    struct bp_away **at = &state->aways;
    while (*at != NULL && !is_of(*at, view))
        at = &(*at)->next;
    struct bp_away *away = *at;
    if (away != NULL) {
        *at = away->next;
        let_go(away->mapping);
        PyMem_Free(away);
    }
    brain_view_drop(view);
}

int bp_away_dup(struct bp_state *state, const brain_view *view, brain_view *copy_out)
{
    struct bp_away *away = view->tag == BP_TAG_AWAY ? find(state, view) : NULL;
    if (away == NULL) return brain_view_dup(view, copy_out);
    int code = brain_view_dup(&away->stand_in, copy_out);
    if (code != 0) return code;
    away->mapping->n_refs++;
    code = enlist(state, away->mapping, copy_out);
    if (code != 0) {
        let_go(away->mapping);
        brain_view_drop(copy_out);
    }
    return code;
}

int bp_away_at(struct bp_state *state, brain_store *store, const void *address,
               brain_view *view_out)
{
    for (const struct bp_away *at = state->aways; at != NULL; at = at->next) {
        const brain_recalled *recalled = &at->mapping->recalled;
        uintptr_t past = (uintptr_t)address - (uintptr_t)recalled->data;
        if (past < recalled->size_bytes && at->stand_in.store == store) {
            brain_view shown = at->stand_in;
            shown.tag = BP_TAG_AWAY;
            return bp_away_dup(state, &shown, view_out);
        }
    }
    return brain_view_at(store, address, view_out);
}

int bp_away_private(struct bp_state *state, const brain_view *view, void **data_out)
{
    const struct bp_away *away = view->tag == BP_TAG_AWAY ? find(state, view) : NULL;
    if (away == NULL) return brain_view_private(view, data_out);
    uint64_t offset =
        (uint64_t)((const char *)view->data - (const char *)away->mapping->recalled.data);
    return brain_recall_private(&away->stand_in, offset, view->size_bytes, data_out);
}

void bp_away_id(const struct bp_state *state, const brain_view *view,
                uint8_t id_out[BRAIN_ID_BYTES])
{
    const struct bp_away *away = view->tag == BP_TAG_AWAY ? find(state, view) : NULL;
    const brain_view *shown = away != NULL ? &away->stand_in : view;
    if (shown->kind != BRAIN_KIND_AWAY || brain_spilled_id(shown, id_out) != 0) {
        brain_view_id(shown, id_out);
    }
}

int bp_away_get_by_id(brain_store *store, const uint8_t id[BRAIN_ID_BYTES], brain_view *view_out)
{
    int code = brain_get_by_id(store, id, view_out);
    if (code != BRAIN_E_NOT_FOUND) return code;
    code = brain_spilled_get(store, id, view_out);
    if (code != 0 && code != BRAIN_E_NOT_FOUND) brain_tell_error(brain_disk_error_detail());
    return code;
}
