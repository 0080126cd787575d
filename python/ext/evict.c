/* evict.c - making room: which Plasma objects go when a store is full.
 *
 * Those go first whose last buffer was let go of longest ago, and none that somebody has a buffer
 * of: an object is marked, then the pins are listed, then it is evicted if nobody has it and the
 * mark still stands. Who gets it pins it and then looks at the mark; so one of the two sees the
 * other (PAIR note-pin). Two who evict at once do not take each other's pins for buffers: the second
 * lets go of what is marked.
 *
 * Crash: a mark means nothing without its evictor; what was marked as evicted counts as missing.
 */
#include "objects.h"

#include <stdlib.h>
#include <string.h>

struct victim {
    uint64_t when; /* of the last release, or of the seal; 0: an evictor died over it */
    uint64_t version;
    uint64_t bytes;
    uint32_t object;
    uint8_t id[BRAIN_ID_BYTES];
};

struct list {
    struct victim *victims;
    size_t n, room;
};

static int append(struct list *list, const struct victim *victim)
{
    if (list->n == list->room) {
        size_t room = list->room == 0 ? 64 : 2 * list->room;
        struct victim *victims = realloc(list->victims, room * sizeof *victims);
        if (victims == NULL) return BRAIN_E_NOMEM;
        list->victims = victims;
        list->room = room;
    }
    list->victims[list->n++] = *victim;
    return 0;
}

static bool must_go(uint64_t note)
{
    return note == BP_NOTE_EVICTED || bp_note_is_doomed(note);
}

/* Add the object that the walk stands at, if it is sealed. */
static int consider(struct bp_objects *objects, brain_iter *iter, struct list *list)
{
    brain_view view;
    struct bp_object_info info;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    code = bp_objects_describe(&view, &info);
    if (code == 0 && info.is_sealed && must_go(brain_view_note(&view))) {
        code = bp_objects_clear(objects, &view);
    } else if (code == 0 && info.is_sealed && view.name_len == BRAIN_ID_BYTES) {
        uint64_t note = brain_view_note(&view);
        struct victim victim = { .when = note == BP_NOTE_EVICTING ? 0
                                         : note > info.sealed_ns  ? note
                                                                  : info.sealed_ns,
                                 .version = view.version,
                                 .bytes = view.size_bytes,
                                 .object = view.object };
        memcpy(victim.id, view.name, BRAIN_ID_BYTES);
        code = append(list, &victim);
    }
    brain_view_drop(&view);
    return code;
}

static int collect(struct bp_objects *objects, struct list *list)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int code = bp_objects_walk(objects->space, &iter);
    if (code != 0) return code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0 &&
           (code = consider(objects, iter, list)) == 0) {
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

static int by_time(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    return x->when < y->when ? -1 : x->when > y->when;
}

/* ---- a few at once */

#define FEW       32u
#define LOOKS     3u      /* at the pins: some are gone in a moment */
#define MOMENT_NS 50000

/* Objects that are marked, with a view of each: our own pin is one of its pins. */
struct few {
    brain_view view[FEW];
    uint64_t note[FEW]; /* that it had */
    const struct victim *victim[FEW];
    bool is_free[FEW];
    unsigned n;
};

/* Mark an object as being evicted, if it is still there and nobody else is at it. */
static void mark(struct bp_objects *objects, const struct victim *victim, struct few *few)
{
    brain_view *view = &few->view[few->n];
    if (brain_get(objects->space, victim->id, BRAIN_ID_BYTES, view) != 0) return;
    uint64_t note = brain_view_note(view);
    if (view->version != victim->version || must_go(note) ||
        (note != BP_NOTE_EVICTING && brain_view_swap_note(view, note, BP_NOTE_EVICTING) == 0)) {
        brain_view_drop(view);
        return;
    }
    few->note[few->n] = note;
    few->victim[few->n] = victim;
    few->is_free[few->n] = false;
    few->n++;
}

/* Find out which of them only we have pinned. */
static int look_at_pins(struct bp_objects *objects, struct few *few)
{
    unsigned n_pinned = few->n;
    for (unsigned look = 0; look < LOOKS && n_pinned > 0; look++) {
        brain_pin *pins;
        size_t n_pins;
        if (look > 0) bp_objects_pause(MOMENT_NS);
        int code = bp_objects_list_pins(objects, &pins, &n_pins); /* PAIR note-pin: after the marks */
        if (code != 0) return code;
        n_pinned = 0;
        for (unsigned i = 0; i < few->n; i++) {
            few->is_free[i] = bp_objects_count_pins(pins, n_pins, few->view[i].object, NULL) <= 1;
            n_pinned += !few->is_free[i];
        }
        free(pins);
    }
    return 0;
}

/* Evict one of the few, or leave it as it was. Lets go of its view. */
static int settle(struct bp_objects *objects, struct few *few, unsigned i, uint64_t *freed)
{
    brain_view *view = &few->view[i];
    int code = 0;
    if (few->is_free[i] && brain_view_swap_note(view, BP_NOTE_EVICTING, BP_NOTE_EVICTED) != 0) {
        code = bp_objects_delete_version(objects, few->victim[i]->id, view->version);
        if (code == 0) *freed += few->victim[i]->bytes;
        if (code == BRAIN_E_NOT_FOUND) code = 0; /* somebody else has deleted it */
    } else {
        /* Where it fails somebody has got it, and the note says when. */
        uint64_t note = few->note[i] == BP_NOTE_EVICTING ? bp_objects_now() : few->note[i];
        int was_ours = brain_view_swap_note(view, BP_NOTE_EVICTING, note);
        (void)was_ours;
    }
    brain_view_drop(view);
    return code;
}

/* Evict up to FEW, from victim `*next` on, until enough is freed. */
static int evict_few(struct bp_objects *objects, const struct list *list, size_t *next,
                     uint64_t n_bytes, uint64_t *freed)
{
    struct few few = { .n = 0 };
    uint64_t marked = 0;
    while (*next < list->n && few.n < FEW && *freed + marked < n_bytes) {
        const struct victim *victim = &list->victims[(*next)++];
        unsigned before = few.n;
        mark(objects, victim, &few);
        marked += few.n > before ? victim->bytes : 0;
    }
    int code = few.n > 0 ? look_at_pins(objects, &few) : 0;
    for (unsigned i = 0; i < few.n; i++) {
        if (code != 0) few.is_free[i] = false;
        int settled = settle(objects, &few, i, freed);
        code = code != 0 ? code : settled;
    }
    return code;
}

/* Leave those in the list that nobody has pinned. Returns the sum of their bytes. */
static int drop_pinned(struct bp_objects *objects, struct list *list, uint64_t *sum_out)
{
    brain_pin *pins;
    size_t n_pins, kept = 0;
    uint64_t sum = 0;
    int code = bp_objects_list_pins(objects, &pins, &n_pins);
    if (code != 0) return code;
    for (size_t i = 0; i < list->n; i++) {
        if (bp_objects_count_pins(pins, n_pins, list->victims[i].object, NULL) == 0) {
            sum += list->victims[i].bytes;
            list->victims[kept++] = list->victims[i];
        }
    }
    list->n = kept;
    *sum_out = sum;
    free(pins);
    return 0;
}

int bp_objects_evict(struct bp_objects *objects, uint64_t n_bytes, bool all_or_nothing,
                     uint64_t *freed_out)
{
    struct list list = { NULL, 0, 0 };
    uint64_t freed = 0, sum = 0;
    size_t next = 0;
    int code = collect(objects, &list);
    if (code == 0) code = drop_pinned(objects, &list, &sum);
    if (list.n > 0) qsort(list.victims, list.n, sizeof *list.victims, by_time);
    while (code == 0 && next < list.n && freed < n_bytes && (sum >= n_bytes || !all_or_nothing)) {
        code = evict_few(objects, &list, &next, n_bytes, &freed);
    }
    free(list.victims);
    *freed_out = freed;
    return code;
}

/* ---- after FULL */

#define TRIES_MAX 100u /* some 100 ms in all, where nothing can be evicted */

bool bp_objects_make_room(struct bp_objects *objects, uint64_t n_bytes, unsigned *tried)
{
    brain_stat stat = { .struct_size = sizeof stat };
    if (brain_stat_get(objects->store, &stat) != 0 || n_bytes > stat.capacity_bytes ||
        ++*tried > TRIES_MAX) {
        return false;
    }
    uint64_t taken = stat.live_bytes + stat.limbo_bytes + stat.private_bytes;
    uint64_t freed = 0;
    int code;
    if (taken + n_bytes > stat.capacity_bytes) {
        code = bp_objects_evict(objects, taken + n_bytes - stat.capacity_bytes, true, &freed);
    } else if (*tried == 1) {
        return true; /* by now there is room */
    } else {
        code = bp_objects_evict(objects, n_bytes, false, &freed); /* the file system is full */
    }
    if (code != 0 || freed > 0) return code == 0;
    if (stat.limbo_bytes == 0) return false;
    bp_objects_pause(1000000); /* what is out of the store is perhaps held for a moment */
    return true;
}
