/* evict.c - making room: which Plasma objects go when a store is full.
 *
 * Those go first whose last buffer was let go of longest ago, and none that somebody has a buffer
 * of: an object is marked, then the pins are listed, then it is evicted if nobody has it and the
 * mark still stands. Who gets it pins it and then looks at the mark; so one of the two sees the
 * other (PAIR note-pin). No two marks are the same: a mark that still stands has stood all the time.
 *
 * Two who evict at once do not take each other's pins for buffers, even if one of them stands still:
 * the second puts his mark in place of the first's, and then one pin of the first's is no buffer.
 * For as long as a mark of his had stood nobody had got the object, himself included; and now that it
 * is gone he leaves the object alone.
 *
 * Crash: a mark means nothing without its evictor; what was marked as evicted counts as missing.
 */
#include "evict.h"

#include "external.h"
#include "pins.h"
#include "remove.h"
#include "use.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct victim {
    uint64_t when; /* of the last release, or of the seal; 0: it is marked */
    uint64_t note;
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
    return note == PL_NOTE_EVICTED || pl_note_is_doomed(note);
}

static struct victim victim_of(const brain_view *view, const struct pl_object *info, uint64_t note)
{
    struct victim victim = { .when = pl_note_is_evicting(note) ? 0
                                     : note > info->sealed_ns  ? note
                                                               : info->sealed_ns,
                             .note = note,
                             .version = view->version,
                             .bytes = view->size_bytes,
                             .object = view->object };
    memcpy(victim.id, view->name, BRAIN_ID_BYTES);
    return victim;
}

/* Add the object that the walk stands at, if it is sealed; delete it, if it counts as missing. What
 * is damaged stays. */
static int consider(struct pl_store *objects, brain_iter *iter, struct list *list, uint64_t *freed)
{
    brain_view view;
    struct pl_object info;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    if (view.name_len == BRAIN_ID_BYTES && pl_object_describe(&view, &info) == 0) {
        uint64_t note = brain_view_note(&view);
        if (info.is_away) {
            code = 0; /* it takes no room */
        } else if (!info.is_sealed || must_go(note)) {
            code = pl_remove_missing(objects, &view, &info, freed);
        } else {
            const struct victim victim = victim_of(&view, &info, note);
            code = append(list, &victim);
        }
    }
    pl_remove_put_back(objects, &view);
    return code;
}

static int collect(struct pl_store *objects, struct list *list, uint64_t *freed)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int code = pl_store_walk(objects->space, &iter);
    if (code != 0) return code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0 &&
           (code = consider(objects, iter, list, freed)) == 0) {
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
#define LOOKS     3u /* at the pins: some are gone in a moment */
#define MOMENT_NS 50000

/* Objects that are marked, with a view of each: our own pin is one of its pins. */
struct few {
    brain_view view[FEW];
    uint64_t mark;      /* ours */
    uint64_t note[FEW]; /* that it had */
    const struct victim *victim[FEW];
    bool is_free[FEW];
    unsigned n;
};

/* A mark that nobody has made before. */
static int new_mark(struct pl_store *objects, uint64_t *mark_out)
{
    static _Atomic uint64_t count;
    brain_client self;
    int code = brain_self(objects->store, &self);
    if (code != 0) return code;
    *mark_out = pl_note_evicting(self.row, atomic_fetch_add(&count, 1));
    return 0;
}

/* Whether somebody has an object. Of who had marked it, as `note` says, one pin is no buffer; and one
 * of us neither, if we have put `own_mark` in its place (else 0). */
static bool is_held(const brain_pin *pins, size_t n_pins, uint32_t object, uint64_t note,
                    uint64_t own_mark)
{
    size_t n_own = own_mark != 0, first, n = pl_pins_find(pins, n_pins, object, &first);
    if (n <= n_own) return false;
    if (n > n_own + 1 || !pl_note_is_evicting(note)) return true;
    size_t n_evictor = 0, n_needed = 1;
    for (size_t i = first; i < first + n; i++)
        n_evictor += pins[i].client == pl_note_row(note);
    /* Another thread of this process: then one of his pins is ours. */
    n_needed += own_mark != 0 && pl_note_row(own_mark) == pl_note_row(note);
    return n_evictor < n_needed;
}

/* Mark an object as being evicted, if it is still there. */
static void mark(struct pl_store *objects, const struct victim *victim, struct few *few)
{
    brain_view *view = &few->view[few->n];
    if (brain_get(objects->space, victim->id, BRAIN_ID_BYTES, view) != 0) return;
    uint64_t note = brain_view_note(view);
    if (view->version != victim->version || must_go(note) ||
        brain_view_swap_note(view, note, few->mark) == 0) {
        pl_remove_put_back(objects, view);
        return;
    }
    few->note[few->n] = note;
    few->victim[few->n] = victim;
    few->is_free[few->n] = false;
    few->n++;
}

/* Find out which of them only we have pinned. */
static int look_at_pins(struct pl_store *objects, struct few *few)
{
    unsigned n_pinned = few->n;
    for (unsigned look = 0; look < LOOKS && n_pinned > 0; look++) {
        brain_pin *pins;
        size_t n_pins;
        if (look > 0) pl_store_pause(MOMENT_NS);
        int code = pl_pins_list(objects, &pins, &n_pins); /* PAIR note-pin: after the marks */
        if (code != 0) return code;
        n_pinned = 0;
        for (unsigned i = 0; i < few->n; i++) {
            few->is_free[i] = !is_held(pins, n_pins, few->view[i].object, few->note[i], few->mark);
            n_pinned += !few->is_free[i];
        }
        free(pins);
    }
    return 0;
}

/* Put in the place of an object what says that it is away, if nobody has got it since it was marked: else STALE. */
static int put_stand_in(struct pl_store *objects, const struct few *few, unsigned i)
{
    const brain_view *view = &few->view[i];
    struct pl_object info;
    uint8_t meta[PL_AWAY_BYTES];
    const brain_value value = {
        .kind = BRAIN_KIND_UNSEALED, .meta = meta, .meta_len = sizeof meta, .description = ""
    };
    int code = pl_object_describe(view, &info);
    if (code != 0) return code;
    if (brain_view_note(view) != few->mark) return BRAIN_E_STALE;
    pl_object_write_away(meta, &info);
    return brain_put(objects->space, few->victim[i]->id, BRAIN_ID_BYTES, &value, view->version,
                     NULL);
}

/* Evict to the external store. The file is there first, and nobody ever sees the object missing: who gets it in this
 * moment has it, or its file. */
static int move_away(struct pl_store *objects, const struct pl_external *external,
                     const struct few *few, unsigned i, uint64_t *freed)
{
    int code = pl_external_write(external, objects, &few->view[i]);
    if (code == 0) code = put_stand_in(objects, few, i);
    if (code == 0) *freed += few->victim[i]->bytes;
    /* Somebody has got it, deleted it, or evicted it: then the same file may be what stands for it, so it is left to a
     * sweep. */
    return code == BRAIN_E_STALE ? 0 : code;
}

/* Evict one of the few, or leave it as it was. Lets go of its view. */
static int settle(struct pl_store *objects, const struct pl_external *external, struct few *few,
                  unsigned i, uint64_t *freed)
{
    brain_view *view = &few->view[i];
    int code = 0;
    if (few->is_free[i] && external->is_there) {
        code = move_away(objects, external, few, i, freed);
        int was_ours = brain_view_swap_note(view, few->mark, few->note[i]);
        (void)was_ours; /* as below */
    } else if (few->is_free[i] && brain_view_swap_note(view, few->mark, PL_NOTE_EVICTED) != 0) {
        code = pl_remove_version(objects, few->victim[i]->id, view->version);
        if (code == 0) *freed += few->victim[i]->bytes;
        if (code == BRAIN_E_NOT_FOUND) code = 0; /* somebody else has deleted it */
    } else {
        /* Where it fails somebody has got it, and the note says when; or marked it. */
        int was_ours = brain_view_swap_note(view, few->mark, few->note[i]);
        (void)was_ours;
    }
    pl_remove_put_back(objects, view);
    return code;
}

/* Evict up to FEW, from victim `*next` on, until enough is freed. */
static int evict_few(struct pl_store *objects, const struct pl_external *external,
                     const struct list *list, size_t *next, uint64_t n_bytes, uint64_t *freed)
{
    struct few few = { .n = 0 };
    uint64_t marked = 0;
    int code = new_mark(objects, &few.mark);
    while (code == 0 && *next < list->n && few.n < FEW && *freed + marked < n_bytes) {
        const struct victim *victim = &list->victims[(*next)++];
        unsigned before = few.n;
        mark(objects, victim, &few);
        marked += few.n > before ? victim->bytes : 0;
    }
    if (few.n > 0) code = look_at_pins(objects, &few);
    for (unsigned i = 0; i < few.n; i++) {
        if (code != 0) few.is_free[i] = false;
        int settled = settle(objects, external, &few, i, freed);
        code = code != 0 ? code : settled;
    }
    return code;
}

/* What the objects in a list come to. */
struct sums {
    uint64_t free; /* of those that nobody has */
    uint64_t all;
};

/* Leave those in the list that nobody has. */
static int drop_held(struct pl_store *objects, struct list *list, struct sums *sums)
{
    brain_pin *pins;
    size_t n_pins, kept = 0;
    int code = pl_pins_list(objects, &pins, &n_pins);
    if (code != 0) return code;
    for (size_t i = 0; i < list->n; i++) {
        const struct victim *victim = &list->victims[i];
        sums->all += victim->bytes;
        if (is_held(pins, n_pins, victim->object, victim->note, 0)) continue;
        sums->free += victim->bytes;
        list->victims[kept++] = *victim;
    }
    list->n = kept;
    free(pins);
    return 0;
}

/* Evict until `n_bytes` are freed; nothing where `least` cannot be. */
static int evict(struct pl_store *objects, uint64_t n_bytes, uint64_t least, uint64_t *freed_out,
                 struct sums *sums_out)
{
    struct list list = { NULL, 0, 0 };
    struct sums sums = { 0, 0 };
    struct pl_external external;
    uint64_t freed = 0;
    size_t next = 0;
    int code = pl_external_find(objects, &external);
    pl_external_forget();
    if (code == 0) code = collect(objects, &list, &freed);
    if (code == 0) code = drop_held(objects, &list, &sums);
    if (list.n > 0) qsort(list.victims, list.n, sizeof *list.victims, by_time);
    bool is_enough = freed + sums.free >= least;
    while (code == 0 && is_enough && next < list.n && freed < n_bytes) {
        code = evict_few(objects, &external, &list, &next, n_bytes, &freed);
    }
    free(list.victims);
    *freed_out = freed;
    *sums_out = sums;
    return code;
}

int pl_evict_some(struct pl_store *objects, uint64_t n_bytes, bool all_or_nothing,
                  uint64_t *freed_out)
{
    struct sums sums;
    return evict(objects, n_bytes, all_or_nothing ? n_bytes : 0, freed_out, &sums);
}

/* ---- after FULL */

/* How many milliseconds it waits at least for what others have: while a snapshot (somebody lists, or
 * evicts) keeps what is gone, which ends soon, but on a busy machine not very soon; while views do,
 * or others are writing, as every large put does for a moment; while others may only be about to let
 * go. */
#define TRIES_SNAPSHOT 1000u
#define TRIES_OTHERS   300u
#define TRIES_LIVE     200u
#define TRIES_NAMED    10u      /* where it is for good, as far as can be seen */
#define EVICTED_UNIT   0x10000u /* above that bit `tried` counts what evicted something */
#define SHARE          64u      /* of the capacity is freed at least: not each put walks over all */
#define EVICTED_MAX    10000u   /* times, and others were quicker to take the room */

/* Whether room may come without us, since there is more than what lives for long. `are_used`: Plasma
 * objects, in this store. */
static bool may_come_free(const brain_stat *stat, uint64_t n_bytes, const struct sums *sums,
                          bool are_used, unsigned n_failed)
{
    uint64_t lasting =
        stat->live_bytes - (sums->all < stat->live_bytes ? sums->all : stat->live_bytes);
    /* Named values; or objects that came or went between the one look and the other. */
    if (lasting + n_bytes > stat->capacity_bytes) return n_failed < TRIES_NAMED;
    bool is_gone = stat->limbo_bytes > 0;
    return n_failed < (is_gone && stat->n_snapshots > 0     ? TRIES_SNAPSHOT
                       : !are_used                          ? TRIES_NAMED
                       : is_gone || stat->private_bytes > 0 ? TRIES_OTHERS
                                                            : TRIES_LIVE);
}

static bool evict_or_wait(struct pl_store *objects, uint64_t n_bytes, bool are_used,
                          unsigned *tried)
{
    brain_stat stat = { .struct_size = sizeof stat };
    if (brain_stat_get(objects->store, &stat) != 0 || n_bytes > stat.capacity_bytes ||
        *tried / EVICTED_UNIT >= EVICTED_MAX) {
        return false;
    }
    uint64_t taken = stat.live_bytes + stat.limbo_bytes + stat.private_bytes;
    uint64_t freed = 0;
    struct sums sums;
    int code;
    if (taken + n_bytes > stat.capacity_bytes) {
        uint64_t least = taken + n_bytes - stat.capacity_bytes;
        uint64_t more = stat.capacity_bytes / SHARE;
        code = evict(objects, more > least ? more : least, least, &freed, &sums);
    } else if (*tried == 0) {
        ++*tried;
        return true; /* by now there is room */
    } else {
        code = evict(objects, n_bytes, 0, &freed, &sums); /* the file system is full */
    }
    if (code != 0) return false;
    if (freed > 0) {
        *tried += EVICTED_UNIT;
        return true;
    }
    if (!may_come_free(&stat, n_bytes, &sums, are_used, *tried % EVICTED_UNIT)) return false;
    ++*tried;
    pl_store_pause(1000000);
    return true;
}

/* evict_or_wait(), which leaves brain_error_detail() as it was: the text of the FULL, which the caller shows where no
 * room is made. `is_named`: the objects are in use only if their namespace exists. */
static bool make_room(struct pl_store *objects, uint64_t n_bytes, bool is_named, unsigned *tried)
{
    char said[PL_DETAIL_BYTES];
    pl_store_keep_detail(said);
    bool are_used = !is_named || brain_space_exists(objects->space) != BRAIN_E_NOT_FOUND;
    bool made = evict_or_wait(objects, n_bytes, are_used, tried);
    brain_tell_error(said);
    return made;
}

bool pl_evict_make_room(struct pl_store *objects, uint64_t n_bytes, unsigned *tried)
{
    return make_room(objects, n_bytes, false, tried);
}

/* An object that is put has no name before its commit: that none is there does not mean that none is
 * being written. That there never was one does, but for the first ones; those wait for each other by
 * pl_evict_make_room(). */
bool pl_evict_make_room_for_named(struct pl_store *objects, uint64_t n_bytes, unsigned *tried)
{
    return make_room(objects, n_bytes, true, tried);
}
