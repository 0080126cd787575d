/* look.c - what is in the object table, told to whoever asks, whatever its state.
 *
 * Owns:     nothing.
 * Copy:     no lock, and no pin: a look must not keep what it looks at. The head of a slot is copied by words, and
 *           thrown away unless gen and the shape of its slab stood still (PAIR refill). Unlike a get, a look has no
 *           index word to tell it that a filling is over. Of a slot that is LIVE or PRIVATE its state does: it is
 *           stored behind the filling, and a state of an earlier use was overwritten before gen. Of others n_uses
 *           does: one slot is filled after the other, so only the last gen may be of a filling under way; and no value
 *           that was ever committed has that in limbo, since what replaced it was filled later.
 * Limbo:    what was undone is there too, and what a death left half filled. Either has a stamp that is not above its
 *           number, or the pending mark, and is nothing to be shown.
 * Tidying:  between a commit and the end of its tidying the states are those of before it: the fresh slot is FREE or
 *           in LIMBO, the older one LIVE. A writer may be stopped there. So what is pending or has that
 *           commit's number, and all that is LIVE meanwhile, is looked up by its name as an id is (id.c).
 * Extents:  a name that lies in an extent is read by a system call and not through the mapping: the extent may have
 *           been given back, and to look at a hole would ask for memory. Shown if the extent is the slot's afterwards.
 * Recut:    a slab without slots in use may be given to another class. What its cells say then are any bytes until they
 *           are taken: `free_word` tells which have been.
 * Waits:    never. What changes again and again while it is copied is something else each time: it is left out.
 */
#include "brain.h"

#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "id.h"
#include "read.h"
#include "slot.h"
#include "space.h"

#define TRIES     16
#define TEXT_MAX  (sizeof((brain_object_info *)0)->name - 1)
#define REC_WORDS (sizeof(struct bn_slot_rec) / sizeof(uint64_t))

/* ---- one use of a slot */

struct use {
    uint32_t slot;
    struct bn_slot_rec rec;
    struct bn_slot_shape shape;
    uint64_t slab_shape;
    uint32_t gen;
    struct bn_cold_rec *cold; /* NULL: never taken */
    uint32_t state_owner;
    enum bn_slot_state state;
    uint32_t owner;
    bool is_filled;
    uint64_t stamp;
    uint64_t created_ns;
    uint32_t value_gone;
};

static const _Atomic uint64_t *words_of(struct brain_store *store, uint32_t slot)
{
    return (const _Atomic uint64_t *)(const void *)bn_slot_view(store, slot);
}

static const _Atomic uint64_t *shape_of(const struct brain_store *store, uint32_t slot)
{
    return bn_atomic64(&bn_slab_at(store, slot / BN_SLAB_LINES)->shape);
}

/* relaxed: judged by stood_still() */
static void copy_head(struct brain_store *store, struct bn_cold_rec *cold, struct use *use)
{
    const _Atomic uint64_t *from = words_of(store, use->slot);
    uint64_t words[REC_WORDS];
    for (uint32_t i = 0; i < REC_WORDS; i++) {
        words[i] = bn_load_relaxed(&from[i]);
    }
    memcpy((void *)&use->rec, words, sizeof words);
    bn_slot_shape(bn_slot_size(&use->rec), bn_slot_body_len(&use->rec), use->rec.flags,
                  &use->shape);
    use->stamp = bn_load_relaxed(bn_atomic64(&cold->stamp));
    use->created_ns = bn_load_relaxed(bn_atomic64(&cold->created_ns));
    use->value_gone = bn_load_relaxed(bn_atomic32(&cold->value_gone));
}

/* Whether the cell of a slot has ever been taken since its slab was cut. */
static bool was_taken(struct brain_store *store, const struct bn_cold_rec *cold, uint32_t slot)
{
    const struct bn_slab_rec *slab = bn_slab_at(store, slot / BN_SLAB_LINES);
    const struct bn_cold_rec *first = (const struct bn_cold_rec *)(const void *)(slab + 1);
    uint64_t word = bn_load_acquire(bn_atomic64((void *)(uintptr_t)&slab->free_word));
    uint64_t n_virgin = word >> 32 & 0xffff, ordinal = (uint64_t)(cold - first);
    unsigned c = (unsigned)BN_FIELD(struct bn_slab_shape, class_idx,
                                    bn_load_relaxed(shape_of(store, slot))); /* relaxed: checked */
    return c < BN_N_CLASSES && ordinal + n_virgin < bn_slab_shapes[c].n_slots;
}

/* Begin to copy what slot `use->slot` says: 0 or NOT_FOUND. */
static int copy_use(struct brain_store *store, struct use *use)
{
    use->cold = NULL;
    if (use->slot == 0 || !bn_slot_exists(store, use->slot)) {
        return BRAIN_E_NOT_FOUND;
    }
    use->slab_shape = bn_load_acquire(shape_of(store, use->slot));
    struct bn_cold_rec *cold = bn_slot_cold(store, use->slot);
    if (cold == NULL || !was_taken(store, cold, use->slot)) {
        return BRAIN_E_NOT_FOUND;
    }
    const _Atomic uint64_t *from = words_of(store, use->slot);
    use->gen =
        (uint32_t)BN_SLOT_FIELD(gen,
                                bn_load_acquire(&from[BN_SLOT_WORD_SIZE_GEN])); /* PAIR refill */
    uint32_t state = bn_load_acquire(bn_atomic32(&cold->state_owner));          /* PAIR refill */
    uint64_t n_uses = bn_load_acquire(&store->state_view->n_uses);              /* PAIR refill */
    use->cold = cold;
    use->state_owner = state;
    use->state = (enum bn_slot_state)(state & 0xff);
    use->owner = state >> 8;
    use->is_filled =
        use->state == BN_SLOT_LIVE || use->state == BN_SLOT_PRIVATE || use->gen != (uint32_t)n_uses;
    copy_head(store, cold, use);
    if (use->state == BN_SLOT_PRIVATE && use->value_gone == (use->gen | BN_LET_GO)) {
        use->owner = BN_NOBODY;
    }
    return 0;
}

/* Whether all that was copied since copy_use() is of that use of the slot. */
static bool stood_still(struct brain_store *store, const struct use *use)
{
    bn_fence_acquire(); /* PAIR refill */
    uint64_t word = bn_load_relaxed(&words_of(store, use->slot)[BN_SLOT_WORD_SIZE_GEN]);
    return BN_SLOT_FIELD(gen, word) == use->gen &&
           bn_load_relaxed(shape_of(store, use->slot)) == use->slab_shape;
}

/* Copy `n` bytes from `off` on that lie in the slot. False: they do not. */
static bool copy_inline(struct brain_store *store, const struct use *use, uint64_t off, uint32_t n,
                        uint8_t *to)
{
    const _Atomic uint64_t *from = words_of(store, use->slot);
    uint64_t words[(TEXT_MAX + 14) / sizeof(uint64_t) + 1];
    uint64_t first = off / sizeof(uint64_t), end = (off + n + 7) / sizeof(uint64_t);
    if (off > BN_INLINE_MAX || end > BN_INLINE_MAX / sizeof(uint64_t) ||
        end - first > sizeof words / sizeof words[0] ||
        (uint64_t)use->slot * BN_LINE + end * sizeof(uint64_t) >
            bn_load_relaxed(&store->slots_backed)) { /* relaxed: rises only */
        return false;
    }
    for (uint64_t i = first; i < end; i++) {
        words[i - first] = bn_load_relaxed(&from[i]); /* relaxed: judged by stood_still() */
    }
    memcpy(to, (const uint8_t *)words + off % sizeof(uint64_t), n);
    return true;
}

/* Read `n` bytes from `off` on of its extent, if it has one there still. 0, NOT_FOUND (another has it by now), CORRUPT,
 * or what bn_map_data_fd() says. */
static int read_extent(struct brain_store *store, const struct use *use, uint64_t off, uint32_t n,
                       uint8_t *to)
{
    uint64_t start = (uint64_t)use->rec.page * BN_PAGE;
    int fd, err = bn_map_data_fd(store->map, &fd);
    if (err != 0) {
        return err;
    }
    if (start + use->shape.extent_bytes > store->region_bytes[BN_REGION_VALUES]) {
        return BRAIN_E_CORRUPT;
    }
    ssize_t n_read = pread(fd, to, n, (off_t)(store->region_off[BN_REGION_VALUES] + start + off));
    bn_fence_seq();
    if (!bn_id_owns_extent(store, use->slot, use->rec.page)) {
        return BRAIN_E_NOT_FOUND;
    }
    return n_read == (ssize_t)n ? 0 : BRAIN_E_CORRUPT;
}

/* Copy some of its body or data. As read_extent(). */
static int copy_bytes(struct brain_store *store, const struct use *use, bool of_body, uint64_t off,
                      uint32_t n, uint8_t *to)
{
    bool is_out = (use->rec.flags & BN_SLOT_EXTENT) != 0 &&
                  (!of_body || (use->rec.flags & BN_SLOT_BODY_OUT) != 0);
    off += of_body ? use->shape.body_off : use->shape.data_off;
    if (n == 0) {
        return 0;
    }
    if (is_out) {
        return read_extent(store, use, off, n, to);
    }
    return copy_inline(store, use, off, n, to) ? 0 : BRAIN_E_CORRUPT;
}

/* ---- what it is */

/* The number of a commit that is being tidied after, by whoever has the lock; 0: none is. */
static uint64_t tidied_number(const struct brain_store *store)
{
    const struct bn_state_rec *state = store->state_view;
    uint64_t number = bn_load_acquire(&state->txn_number);
    return (bn_load_acquire(&state->counts) >> 22 & 0xfffff) != 0 &&
                   number <= bn_load_acquire(&state->committed)
               ? number
               : 0;
}

/* Whether the state of a slot may not be that of after the last commit. A fresh slot is not pending any more before it is
 * LIVE. */
static bool is_in_doubt(const struct brain_store *store, const struct use *use)
{
    uint64_t number;
    if (bn_load_relaxed(&use->rec.pending) == 1) { /* relaxed: a copy */
        return true;
    }
    number = tidied_number(store);
    return number != 0 && (use->state == BN_SLOT_LIVE || use->rec.number == number);
}

/* Whether it is the value of its name: 0, NOT_FOUND, or another error. If it is it is filled, and what was copied
 * before is copied anew. */
static int look_up(struct brain_store *store, struct use *use)
{
    brain_view view;
    struct bn_use id = { .slot = use->slot, .gen = use->gen, .number = use->rec.number };
    int err = bn_id_view(store, id, &view);
    struct bn_cold_rec *cold = err == 0 ? bn_slot_cold(store, use->slot) : NULL;
    if (cold != NULL) { /* it is pinned: it has one */
        copy_head(store, cold, use);
    }
    if (err == 0) {
        bn_read_let_go(store, view.pin);
    }
    return err;
}

/* The state that is told of a slot (enum brain_object_state): 0; or NOT_FOUND: nothing that is told of; AGAIN; CORRUPT,
 * without a text; and others. */
static int judge(struct brain_store *store, struct use *use, uint32_t *state_out)
{
    int err;
    if (use->state == BN_SLOT_PRIVATE) {
        *state_out = BRAIN_OBJECT_DRAFT;
        return bn_slot_size(&use->rec) == 0 ? BRAIN_E_NOT_FOUND : 0; /* free memory on its way */
    }
    if (use->state > BN_SLOT_LIMBO) {
        return BRAIN_E_CORRUPT;
    }
    if (use->rec.space == BN_ROOT_SPACE || (use->rec.flags & BN_SLOT_TOMB) != 0) {
        return BRAIN_E_NOT_FOUND;
    }
    bool in_doubt = is_in_doubt(store, use);
    if (use->state == BN_SLOT_LIVE || in_doubt) {
        *state_out = BRAIN_OBJECT_LIVE;
        err = in_doubt ? look_up(store, use) : 0;
        if (err != BRAIN_E_NOT_FOUND || use->state != BN_SLOT_LIVE) {
            return err;
        }
    } else if (use->state == BN_SLOT_FREE || !use->is_filled || use->stamp <= use->rec.number ||
               use->value_gone != 0) {
        return BRAIN_E_NOT_FOUND;
    }
    *state_out = BRAIN_OBJECT_LIMBO;
    return 0;
}

static void show_head(const struct use *use, uint32_t state, brain_object_info *info)
{
    bool is_draft = state == BRAIN_OBJECT_DRAFT;
    info->object = use->slot;
    info->state = state;
    info->kind = use->rec.kind;
    info->client = is_draft && use->owner != BN_NOBODY ? use->owner : BRAIN_NO_CLIENT;
    info->name_len = is_draft ? 0 : use->rec.name_len;
    info->name_there = 0;
    info->gen = use->gen;
    info->version = use->rec.number;
    info->retired = state == BRAIN_OBJECT_LIMBO && use->state == BN_SLOT_LIMBO ? use->stamp : 0;
    info->size_bytes = bn_slot_size(&use->rec);
    info->created_ns = is_draft ? 0 : use->created_ns;
    info->memory_bytes =
        is_draft ? bn_alloc_pages(info->size_bytes) * BN_PAGE
                 : ((use->rec.flags & BN_SLOT_EXTENT) != 0 ? bn_alloc_pages(use->shape.extent_bytes)
                                                           : 0) *
                       BN_PAGE;
}

/* The version and size of a value that was moved away. */
static int show_away(struct brain_store *store, const struct use *use, brain_object_info *info)
{
    uint64_t size = bn_slot_size(&use->rec), version = 0;
    if (size <= BN_SLOT_VERSION_BYTES) {
        return BRAIN_E_CORRUPT;
    }
    int err = copy_bytes(store, use, false, size - BN_SLOT_VERSION_BYTES, sizeof version,
                         (uint8_t *)&version);
    if (err == 0 && (version == 0 || version >= use->rec.number)) {
        err = BRAIN_E_CORRUPT;
    }
    info->version = version;
    info->size_bytes = size - BN_SLOT_VERSION_BYTES;
    return err;
}

/* Whether what stands in the head of a slot can be true. */
static bool may_be(struct brain_store *store, const struct use *use, uint32_t state)
{
    return state == BRAIN_OBJECT_DRAFT
               ? use->owner < BN_CLIENTS_MAX || use->owner == BN_NOBODY
               : use->shape.inline_bytes <= BN_INLINE_MAX && use->rec.number != 0 &&
                     use->rec.number <= bn_load_seq(&store->state_view->committed);
}

/* All that the slot itself says. NOT_FOUND: nothing that is told of; AGAIN: it changed meanwhile. */
static int try_use(struct brain_store *store, struct use *use, brain_object_info *info)
{
    uint32_t state = 0;
    int err = copy_use(store, use);
    err = err != 0 ? err : judge(store, use, &state);
    if (err == 0) {
        show_head(use, state, info);
        if (state != BRAIN_OBJECT_DRAFT) {
            uint32_t n = info->name_len < TEXT_MAX ? info->name_len : TEXT_MAX;
            err = copy_bytes(store, use, true, 0, n, (uint8_t *)info->name);
            info->name_there = err == 0 ? n : 0;
            info->name[info->name_there] = '\0';
            err = err == BRAIN_E_NOT_FOUND ? 0 : err; /* of what has gone meanwhile */
        }
        if (err == 0 && (use->rec.flags & BN_SLOT_AWAY) != 0) {
            err = show_away(store, use, info);
        }
        err = err != 0 || may_be(store, use, state) ? err : BRAIN_E_CORRUPT;
    }
    /* What has just been tidied was neither in doubt nor LIVE. */
    if (err == BRAIN_E_NOT_FOUND && use->cold != NULL &&
        bn_load_acquire(bn_atomic32(&use->cold->state_owner)) != use->state_owner) {
        return BN_AGAIN;
    }
    return (err == 0 || err == BRAIN_E_CORRUPT) && !stood_still(store, use) ? BN_AGAIN : err;
}

/* ---- namespaces */

/* A namespace that was looked at last: most objects are in the same as the one before. */
struct space_name {
    bool is_known;
    bool is_there;
    uint32_t id;
    uint32_t gen;
    uint64_t number;  /* of the commit that made it */
    uint64_t removed; /* 0, or of that which removes it */
    uint32_t len;
    char text[sizeof((brain_object_info *)0)->space];
};

/* Copy the name that the entry of a namespace has, if it leads back to it. */
static int try_entry(struct brain_store *store, uint32_t slot, struct space_name *out)
{
    struct use use = { .slot = slot };
    struct bn_space_id_rec its = { 0 };
    int err = copy_use(store, &use);
    err = err != 0 || use.is_filled ? err : BN_AGAIN;
    if (err == 0 && (use.rec.kind != BRAIN_KIND_SPACE || use.rec.space != BN_ROOT_SPACE ||
                     bn_slot_size(&use.rec) != sizeof its || use.rec.name_len > TEXT_MAX)) {
        err = BRAIN_E_NOT_FOUND;
    }
    err = err != 0 ? err : copy_bytes(store, &use, false, 0, sizeof its, (uint8_t *)&its);
    err = err != 0 ? err : copy_bytes(store, &use, true, 0, use.rec.name_len, (uint8_t *)out->text);
    if (err == 0 && !stood_still(store, &use)) {
        err = BN_AGAIN;
    }
    if (err == 0 && (its.id != out->id || its.gen != out->gen)) {
        err = BRAIN_E_NOT_FOUND;
    }
    out->len = err == 0 ? use.rec.name_len : 0;
    out->text[out->len] = '\0';
    out->number = use.rec.number;
    return err;
}

/* The name of namespace `id`. CORRUPT: there can be none. */
static int find_space(struct brain_store *store, uint32_t id, struct space_name *known)
{
    const struct bn_space_rec *rec = bn_space_view(store, id);
    if (rec == NULL) {
        return BRAIN_E_CORRUPT;
    }
    if (known->is_known && known->id == id && known->is_there &&
        bn_space_stands(store, rec, known->gen)) {
        return 0;
    }
    int err = BN_AGAIN;
    for (int i = 0; err == BN_AGAIN && i < TRIES; i++) {
        known->is_known = true;
        known->id = id;
        known->len = 0;
        known->text[0] = '\0';
        known->gen = bn_load_acquire(&rec->gen);
        known->removed = bn_load_acquire(&rec->removed);
        known->is_there = bn_space_stands(store, rec, known->gen);
        err = known->is_there ? try_entry(store, bn_load_acquire(&rec->entry), known) : 0;
        if (err == 0 && known->is_there && !bn_space_stands(store, rec, known->gen)) {
            err = BN_AGAIN;
        }
    }
    /* The entry is no more than a hint where it is just being made, or its writer has died. */
    known->is_known = err == 0;
    return err == BRAIN_E_CORRUPT ? err : 0;
}

static int show_space(struct brain_store *store, const struct use *use, struct space_name *known,
                      brain_object_info *info)
{
    info->space_len = 0;
    info->space[0] = '\0';
    if (info->state == BRAIN_OBJECT_DRAFT) {
        return 0;
    }
    int err = find_space(store, use->rec.space, known);
    if (err != 0) {
        return err;
    }
    /* What is in limbo may be of an earlier namespace that had the same record. */
    bool is_its = known->is_there && (known->len == 0 || known->number <= use->rec.number);
    if (!is_its) {
        info->retired = info->state == BRAIN_OBJECT_LIVE ? known->removed : info->retired;
        info->state = BRAIN_OBJECT_LIMBO; /* its slot leaves the index some time */
    } else {
        info->space_len = known->len;
        memcpy(info->space, known->text, (size_t)known->len + 1);
    }
    return 0;
}

/* ---- objects */

/* 0; NOT_FOUND; CORRUPT, with a text; and others. */
static int look(struct brain_store *store, uint32_t slot, struct space_name *known,
                brain_object_info *info)
{
    struct use use = { .slot = slot };
    int err = BN_AGAIN;
    for (int i = 0; err == BN_AGAIN && i < TRIES; i++) {
        err = try_use(store, &use, info);
    }
    err = err == BN_AGAIN ? BRAIN_E_NOT_FOUND : err;
    err = err != 0 ? err : show_space(store, &use, known, info);
    return err == BRAIN_E_CORRUPT
               ? bn_error_corrupt("%s: what slot %u says of itself makes no sense", store->path,
                                  slot)
               : err;
}

static int check_room(const brain_object_info *out)
{
    return out->struct_size >= sizeof(uint64_t)
               ? 0
               : bn_error(BRAIN_E_INVAL, "set struct_size of the brain_object_info first");
}

/* Into a place of the caller's, which may be of another version of the library. */
static void hand_over(brain_object_info *info, uint32_t struct_size, void *to)
{
    info->struct_size = struct_size;
    memcpy(to, info, struct_size < sizeof *info ? struct_size : sizeof *info);
}

int brain_object_look(brain_store *store, uint32_t object, brain_object_info *out)
{
    struct space_name known = { .is_known = false };
    brain_object_info info = { .object = 0 };
    int err = bn_store_check_usable(store);
    err = err != 0 ? err : check_room(out);
    err = err != 0 ? err : look(store, object, &known, &info);
    if (err == 0) {
        hand_over(&info, out->struct_size, out);
    }
    return bn_error_expected(err);
}

/* The next slot from `*cursor` on that there may be: 0, NOT_FOUND, CORRUPT; in any case `*cursor` is behind it. */
static int next_slot(struct brain_store *store, uint32_t *cursor, uint32_t *slot_out)
{
    uint64_t n_slabs = bn_load_relaxed(&store->slots_backed) / BN_SLAB_BYTES; /* relaxed: rises */
    uint32_t n_taken = bn_load_acquire(bn_atomic32((void *)(uintptr_t)&store->state_view->n_slabs));
    /* Beyond those that were ever taken there is nothing; and where the watermark is damaged there is no memory, and to
     * look would make it. */
    n_slabs = n_slabs < n_taken ? n_slabs : n_taken;
    for (uint64_t slab = *cursor / BN_SLAB_LINES; slab < n_slabs; slab++) {
        uint64_t word = bn_load_acquire(bn_atomic64(&bn_slab_at(store, (uint32_t)slab)->shape)),
                 should_be = 0;
        uint32_t line = slab == *cursor / BN_SLAB_LINES ? *cursor % BN_SLAB_LINES : 0;
        unsigned c = (unsigned)BN_FIELD(struct bn_slab_shape, class_idx, word);
        if (word != 0 && c < BN_N_CLASSES) {
            memcpy(&should_be, &bn_slab_shapes[c], sizeof should_be);
        }
        if (word != should_be) {
            *cursor = (uint32_t)(slab + 1) * BN_SLAB_LINES;
            return bn_error_corrupt("%s: slab %u is of no class", store->path, (unsigned)slab);
        }
        const struct bn_slab_shape *shape = &bn_slab_shapes[c];
        uint32_t past = line > shape->first_line ? line - shape->first_line : 0;
        uint32_t ordinal = (past + shape->lines - 1u) / shape->lines;
        if (word != 0 && ordinal < shape->n_slots) {
            *slot_out = (uint32_t)slab * BN_SLAB_LINES + shape->first_line + ordinal * shape->lines;
            *cursor = *slot_out + 1;
            return 0;
        }
    }
    *cursor = UINT32_MAX;
    return BRAIN_E_NOT_FOUND;
}

int brain_objects(brain_store *store, uint32_t states, uint32_t *cursor, brain_object_info *out,
                  size_t n, size_t *n_out)
{
    struct space_name known = { .is_known = false };
    brain_object_info info = { .object = 0 };
    size_t n_found = 0;
    int err = bn_store_check_usable(store);
    err = err != 0 || n == 0 ? err : check_room(out);
    if (err == 0 && (n == 0 || states == 0 || (states & ~(uint32_t)BRAIN_OBJECT_ANY) != 0)) {
        err = bn_error(BRAIN_E_INVAL, "no room for an object, or no such states: %u", states);
    }
    if (err != 0) {
        return err;
    }
    uint32_t struct_size = out->struct_size, slot = 0;
    (void)bn_slot_exists_slow(store, 0); /* see how far they are backed now */
    while (n_found < n) {
        err = next_slot(store, cursor, &slot);
        if (err != 0) {
            break;
        }
        err = look(store, slot, &known, &info);
        if (err == 0 && (info.state & states) != 0) {
            hand_over(&info, struct_size, (uint8_t *)out + n_found++ * struct_size);
        } else if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            break;
        }
        err = 0;
    }
    *n_out = n_found;
    return err == BRAIN_E_NOT_FOUND && n_found > 0 ? 0 : bn_error_expected(err);
}
