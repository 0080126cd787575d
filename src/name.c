/* name.c - the public functions of one name: put, get, copy, delete, and letting go of a view.
 * Those that put at once or not at all are in replace.c. */
#include "name.h"

#include <string.h>

#include "attach.h"
#include "base/copy.h"
#include "base/probe.h"
#include "count.h"
#include "event.h"
#include "handle.h"
#include "hits.h"
#include "index.h"
#include "lock.h"
#include "pin.h"
#include "read.h"
#include "reclaim.h"
#include "replace.h"
#include "slot.h"
#include "write.h"

#define SMALL_WORDS 51u /* for brain_exists() */
static_assert(BRAIN_SMALL_BYTES == BN_SLOT_ALIGNED_FROM,
              "what brain.h calls small is what slot.h does");

int brain_put(brain_space *space, const void *name, size_t name_len, const brain_value *value,
              uint64_t if_version, uint64_t *version_out)
{
    struct bn_write write;
    uint64_t number;
    struct brain_store *store = space->store;
    int err = bn_store_check_writable(store);
    if (bn_unlikely(err != 0)) {
        return err;
    }
    number = bn_replace(space, name, name_len, NULL, value, if_version);
    if (bn_likely(number != 0)) {
        if (version_out != NULL) {
            *version_out = number;
        }
        return 0;
    }
    err = bn_write_init(&write, space, name, name_len, value, if_version);
    if (bn_unlikely(err != 0)) {
        return err;
    }
    err = bn_write_commit(store, &write, 1, false, &number);
    if (bn_unlikely(write.change.holder != 0 || write.kept_description != NULL)) {
        bn_write_deinit(store, &write);
    }
    if (err == 0 && version_out != NULL) {
        *version_out = number;
    }
    return bn_error_expected(err);
}

int brain_put_bytes(brain_space *space, const void *name, size_t name_len, const void *data,
                    size_t size_bytes)
{
    brain_part part = { .data = data, .size_bytes = size_bytes };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    return brain_put(space, name, name_len, &value, BRAIN_ANY_VERSION, NULL);
}

int brain_delete(brain_space *space, const void *name, size_t name_len, uint64_t if_version)
{
    struct bn_write write;
    uint64_t number;
    int err = bn_store_check_writable(space->store);
    err = err != 0 ? err : bn_write_init_delete(&write, space, name, name_len, if_version);
    if (err == 0) {
        err = bn_write_commit(space->store, &write, 1, false, &number);
        bn_write_deinit(space->store, &write);
    }
    return bn_error_expected(err);
}

/* ---- gets */

/* The slow way of bn_name_got(): somebody is to be told, or this thread counts for the first time. */
BN_NOINLINE static void tell_got(struct brain_store *store, const struct brain_space *space,
                                 const void *name, size_t name_len, const brain_view *view)
{
    bn_count_slow(store, view != NULL ? BRAIN_COUNT_HITS : BRAIN_COUNT_MISSES, 1);
    if (bn_event_wanted(store, BRAIN_EVENT_GET | BRAIN_EVENT_MISS)) {
        brain_event event = { .kind = view != NULL ? BRAIN_EVENT_GET : BRAIN_EVENT_MISS };
        if (name != NULL) {
            event.name = name;
            event.name_len = (uint32_t)name_len;
        }
        if (space != NULL) {
            event.space = space->name;
            event.space_len = space->name_len;
        }
        if (view != NULL) {
            event.version = view->version;
            event.bytes = view->size_bytes;
        }
        bn_event_tell(store, &event);
    }
    bn_event_tell_noted(store);
}

BN_INLINE void got(struct brain_store *store, const struct brain_space *space, const void *name,
                   size_t name_len, const brain_view *view)
{
    struct bn_count_rec *line = bn_count_line(store);
    if (bn_unlikely(line == NULL)) {
        tell_got(store, space, name, name_len, view);
        return;
    }
    bn_count_in(line, view != NULL ? BRAIN_COUNT_HITS : BRAIN_COUNT_MISSES, 1);
}

void bn_name_got(struct brain_store *store, const struct brain_space *space, const void *name,
                 size_t name_len, const brain_view *view)
{
    if (view == NULL) {
        BN_PROBE2(get_miss, name, name_len);
    }
    got(store, space, name, name_len, view);
}

/* What all kinds of gets ask first. */
static inline int check_get(brain_space *space, size_t name_len)
{
    if (bn_unlikely(bn_store_usable(space->store) != 0)) {
        return bn_store_check_usable(space->store);
    }
    return bn_likely(name_len <= BRAIN_NAME_MAX) ? 0 : bn_handle_name_too_long(name_len);
}

/* A view of what was found. */
static inline int show(brain_store *store, const struct bn_found *found, brain_view *view_out)
{
    int err = bn_read_view(store, found->slot, found->pin, view_out);
    if (bn_unlikely(err != 0)) {
        bn_read_let_go(store, found->pin);
    } else {
        bn_hits_note_if_wanted(store, found->slot);
    }
    return err;
}

/* Of a get that gave no view: a miss counts. Returns `err`. */
BN_NOINLINE static int miss(brain_space *space, const void *name, size_t name_len, int err)
{
    if (err == BRAIN_E_NOT_FOUND) {
        bn_name_got(space->store, space, name, name_len, NULL);
    }
    return bn_error_expected(err);
}

BN_INLINE int view_of(brain_space *space, const void *name, size_t name_len, brain_view *view_out)
{
    struct bn_found found;
    int err = check_get(space, name_len);
    err = bn_unlikely(err != 0) ? err : bn_handle_get(space, name, name_len, &found);
    return bn_likely(err == 0) ? show(space->store, &found, view_out) : err;
}

int brain_get_again(brain_space *space, const void *name, size_t name_len, brain_view *view_out)
{
    return view_of(space, name, name_len, view_out);
}

int brain_get(brain_space *space, const void *name, size_t name_len, brain_view *view_out)
{
    int err = view_of(space, name, name_len, view_out);
    if (bn_unlikely(err != 0)) {
        return miss(space, name, name_len, err);
    }
    got(space->store, space, name, name_len, view_out);
    return 0;
}

/* A view of a copy. */
static inline void show_copied(const struct bn_copied *copied, const void *name, size_t name_len,
                               brain_view *view_out)
{
    view_out->data = copied->to;
    view_out->size_bytes = copied->size;
    view_out->meta = NULL;
    view_out->description = NULL;
    view_out->name = name;
    view_out->version = copied->version;
    view_out->kind = copied->kind;
    view_out->meta_len = 0;
    view_out->description_len = 0;
    view_out->name_len = (uint16_t)name_len;
    view_out->tag = 0;
    view_out->object = view_out->pin = 0;
    view_out->store = NULL;
}

/* brain_get_or_copy() where there is no hint, or nothing can be copied by it. A function of its own: it needs
 * many registers, and the short way none. */
BN_NOINLINE static int look_up(brain_space *space, const void *name, size_t name_len,
                               brain_hint *hint, void *buf, size_t room, brain_view *view_out)
{
    struct bn_found found;
    struct bn_copied copied = { .to = buf, .room = room };
    int err = check_get(space, name_len);
    if (err == 0) {
        err = hint != NULL ? bn_handle_pin_hinted(space, hint, &found) : BN_AGAIN;
    }
    if (err == BN_AGAIN) {
        err = bn_handle_get_or_copy(space, name, name_len, hint, &found, &copied);
    }
    if (err == 0 && found.slot != 0) {
        err = show(space->store, &found, view_out);
    } else if (err == 0) {
        bn_hits_note_if_wanted(space->store, bn_index_slot(copied.word));
        show_copied(&copied, name, name_len, view_out);
    }
    if (bn_unlikely(err != 0)) {
        return miss(space, name, name_len, err);
    }
    got(space->store, space, name, name_len, view_out);
    return 0;
}

/* Hand out what was copied of the slot that `word` stands for, and note the use. */
BN_INLINE void give_copied(brain_space *space, uint64_t word, const struct bn_copied *copied,
                           const void *name, size_t name_len, brain_view *view_out)
{
    bn_hits_note_if_wanted(space->store, bn_index_slot(word));
    show_copied(copied, name, name_len, view_out);
    got(space->store, space, name, name_len, view_out);
}

/* By name: copied where a short look finds it small and committed. */
BN_NOINLINE static int copy_or_look_up(brain_space *space, const void *name, size_t name_len,
                                       brain_hint *hint, void *buf, size_t room,
                                       brain_view *view_out)
{
    struct bn_copied copied = { .to = buf, .room = room };
    if (bn_unlikely(bn_store_usable(space->store) != 0 ||
                    !bn_handle_copy(space, name, name_len, &copied))) {
        return look_up(space, name, name_len, hint, buf, room, view_out);
    }
    if (hint != NULL && copied.gen != 0) {
        bn_handle_note(hint, &copied, false);
    }
    give_copied(space, copied.word, &copied, name, name_len, view_out);
    return 0;
}

/* By the hint, where that leads to it. */
BN_NOINLINE static int copy_hinted(brain_space *space, const void *name, size_t name_len,
                                   brain_hint *hint, void *buf, size_t room, brain_view *view_out)
{
    struct bn_copied copied = { .to = buf, .room = room };
    if (bn_unlikely(bn_store_usable(space->store) != 0 ||
                    !bn_handle_copy_hinted(space, hint, &copied))) {
        return copy_or_look_up(space, name, name_len, hint, buf, room, view_out);
    }
    give_copied(space, hint->word, &copied, name, name_len, view_out);
    return 0;
}

int brain_get_or_copy(brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                      void *buf, size_t room, brain_view *view_out)
{
    if (bn_unlikely(((uintptr_t)buf & 7) != 0)) {
        return bn_error(BRAIN_E_INVAL, "the buffer has to be aligned to 8 bytes");
    }
    if (hint == NULL) {
        return copy_or_look_up(space, name, name_len, NULL, buf, room, view_out);
    }
    if (hint->size >= BN_HINT_PINS && hint->space != 0) {
        return look_up(space, name, name_len, hint, buf, room, view_out);
    }
    return copy_hinted(space, name, name_len, hint, buf, room, view_out);
}

/* relaxed, this and the flags below: who looks by id, or looks after its pin is gone, may see a slot that is
 * being filled. It is asked for a hint alone. */
static inline uint64_t number_of(const struct bn_slot_rec *rec)
{
    return bn_load_relaxed((const _Atomic uint64_t *)(const void *)&rec->number);
}

static inline uint8_t flags_of(const struct bn_slot_rec *rec)
{
    return bn_load_relaxed((const _Atomic uint8_t *)(const void *)&rec->flags);
}

/* The pin on `slot`, of commit `number`, may have been the last on a value that has left the index.
 * A look goes through the pins of all: who drops thousands of views of one value is spared it. */
static void look_after(struct brain_store *store, uint32_t slot, uint32_t pin, uint64_t number)
{
    const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold != NULL && bn_slot_state(cold) == BN_SLOT_LIMBO &&
        number_of(bn_slot_view(store, slot)) == number && bn_store_usable(store) == 0 &&
        !bn_pin_stands_beside(store, pin, slot)) {
        bn_reclaim_last(store);
        bn_event_tell_noted(store);
    }
}

/* Drop a pin on a slot. A value with pages of its own is looked at afterwards, if it is retired;
 * until that is over the pin stands for nothing, or a close in another thread would unmap what is
 * looked at. */
static inline void drop(struct brain_store *store, uint32_t slot, uint32_t pin)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    bool has_extent = (flags_of(rec) & BN_SLOT_EXTENT) != 0;
    if (has_extent && store->data != NULL) {
        uint64_t number = number_of(rec);
        bn_pin_let_go(store, pin);
        if (bn_unlikely(bn_load_acquire(&rec->retired) != 0)) { /* PAIR pin-retire */
            look_after(store, slot, pin, number);
        }
    }
    bn_pin_drop(store, pin);
}

void brain_view_drop(brain_view *view)
{
    struct brain_store *store = view->store;
    if (store == NULL) {
        return;
    }
    view->store = NULL;
    if (bn_unlikely(bn_load_relaxed(store->mark) != 1)) {
        return; /* a clone's copy of a view: the pin is its parent's */
    }
    drop(store, view->object, view->pin);
    /* Closed and this was the last view; or somebody else's was, and the store is in the pool
     * (store.c). */
    if (bn_unlikely(bn_load_relaxed(&store->closed))) {
        (void)bn_attach_end_if_unused(store);
    }
}

uint64_t brain_view_created_ns(const brain_view *view)
{
    const struct bn_cold_rec *cold =
        view->store != NULL ? bn_slot_cold(view->store, view->object) : NULL;
    return cold != NULL ? cold->created_ns : 0;
}

int brain_get_copy(brain_space *space, const void *name, size_t name_len, void *buf, size_t room,
                   size_t *size_out, uint32_t *kind_out, uint64_t *version_out)
{
    brain_view view;
    int err = brain_get(space, name, name_len, &view);
    if (err != 0) {
        return err;
    }
    if (size_out != NULL) {
        *size_out = (size_t)view.size_bytes;
    }
    if (view.size_bytes > room) {
        err = bn_error(BRAIN_E_FULL, "the value has %llu bytes, the buffer %zu",
                       (unsigned long long)view.size_bytes, room);
    } else {
        bn_copy_large(buf, view.data, view.size_bytes);
        if (kind_out != NULL) {
            *kind_out = view.kind;
        }
        if (version_out != NULL) {
            *version_out = view.version;
        }
    }
    brain_view_drop(&view);
    return err;
}

int brain_exists(brain_space *space, const void *name, size_t name_len, uint64_t *version_out)
{
    struct bn_found found;
    uint64_t buf[SMALL_WORDS];
    struct bn_copied copied = { .to = buf, .room = sizeof buf };
    int err = check_get(space, name_len);
    err = err != 0 ? err : bn_handle_get_or_copy(space, name, name_len, NULL, &found, &copied);
    if (bn_unlikely(err != 0)) {
        return bn_error_expected(err);
    }
    uint64_t version = copied.version;
    if (found.slot != 0) {
        err = bn_slot_version(space->store, found.slot, &version);
        bn_read_let_go(space->store, found.pin);
    }
    if (err == 0 && version_out != NULL) {
        *version_out = version;
    }
    return err;
}
