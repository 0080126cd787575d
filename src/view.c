/* view.c - what a view shows once more: by another view, or writable and this process's alone.
 *
 * Private:  for libraries that know no read-only memory. A page is the store's until it is written,
 *           and a copy from then on (MAP_PRIVATE), so a stray write stays in the process that made
 *           it. The caller has the view, whose pin keeps the pages from being anybody else's.
 * Another:  its pin is of a slot that may be out of the index by now, so no look there can tell that
 *           it is in time. It is, since the first pin stands until the second does; and a scan that
 *           may have missed both, the second for being too early and the first for being too late,
 *           finds that pins have moved, and frees nothing (PAIR ledger, as of a fork).
 * At:       the same, of a view of which a byte's address alone is known. The records lead from that
 *           to the slot, and nothing has to be searched: the line to the slot of its slab, the page to
 *           the extent that it lies in and its owner. Pins could be searched for one whose slot covers
 *           the address; but some stand for a moment on slots that were freed, are being filled, or
 *           name pages that were theirs once, and nothing tells those from others. What is read here
 *           belongs to the value that the caller's view keeps (slab, record, slot: none is used for
 *           anything else while its pin stands), so it stands still, however much changes around it.
 *           Where the caller has no such view, it may be of any use; so it is bounds-checked, and a
 *           slot that nobody pins here is none.
 */
#include "alloc.h"
#include "base/os.h"
#include "pin.h"
#include "read.h"
#include "slot.h"

int brain_view_dup(const brain_view *view, brain_view *copy_out)
{
    struct brain_store *store = view->store;
    uint32_t pin;
    if (store == NULL) {
        return bn_error(BRAIN_E_INVAL, "there is no second view of one that is not pinned");
    }
    if (bn_load_relaxed(store->mark) != 1) {
        return bn_store_check_usable(store); /* a clone's copy of a view: its pin is its parent's */
    }
    int err = bn_pin_take(store, view->object, &pin);
    if (err == 0) {
        (void)bn_add_seq(&store->clients->moves, 1u);
        *copy_out = *view;
        copy_out->pin = pin;
    }
    return err;
}

/* Whether `off`, of the file, lies in a region; and how far behind its start. */
static bool is_in_region(const struct brain_store *store, bn_off off, enum bn_region region,
                         uint64_t *past_out)
{
    *past_out = off - store->region_off[region]; /* of what lies before: too large by far */
    return *past_out < store->region_bytes[region];
}

/* The slot that an address in the read-only mapping belongs to, 0: none. */
static uint32_t slot_over(struct brain_store *store, const void *address)
{
    bn_off off = (uintptr_t)address - (uintptr_t)store->view;
    uint64_t past;
    uint32_t slot = 0;
    if (off >= bn_load_acquire(&store->map->mapped_bytes)) {
        return 0;
    }
    if (is_in_region(store, off, BN_REGION_VALUES, &past)) {
        slot = bn_alloc_owner(store, past / BN_PAGE);
    } else if (is_in_region(store, off, BN_REGION_SLOTS, &past)) {
        slot = bn_slot_of_line(store, past / BN_LINE);
    }
    return slot != 0 && bn_slot_exists(store, slot) ? slot : 0;
}

static bool shows(const brain_view *view, const void *address)
{
    return (uintptr_t)address - (uintptr_t)view->data < view->size_bytes;
}

int brain_view_at(brain_store *store, const void *address, brain_view *view_out)
{
    brain_view view;
    if (bn_load_relaxed(store->mark) != 1) {
        return bn_store_check_usable(store); /* a clone's copy: its pins are its parent's */
    }
    uint32_t slot = slot_over(store, address);
    if (slot == 0 || !bn_pin_is_held_here(store, slot)) {
        return bn_error_expected(BRAIN_E_NOT_FOUND);
    }
    int err = bn_read_pin_view(store, slot, &view);
    if (err != 0) {
        return err;
    }
    (void)bn_add_seq(&store->clients->moves, 1u); /* as in brain_view_dup() */
    if (!shows(&view, address)) {
        brain_view_drop(&view);
        return bn_error_expected(BRAIN_E_NOT_FOUND);
    }
    *view_out = view;
    return 0;
}

/* Of no bytes there is nothing to map, and yet an address. */
static uint64_t nothing[8];

static bool is_in_store(const brain_view *view)
{
    const struct brain_store *store = view->store;
    const uint8_t *data = view->data;
    return store != NULL && data >= store->view &&
           data + view->size_bytes <= store->view + bn_load_acquire(&store->map->mapped_bytes);
}

int brain_view_private(const brain_view *view, void **data_out)
{
    int fd;
    void *addr = NULL;
    if (!is_in_store(view)) {
        return bn_error(BRAIN_E_INVAL, "a view that is not pinned cannot be mapped again");
    }
    if (view->size_bytes == 0) {
        *data_out = nothing;
        return 0;
    }
    bn_off off = (bn_off)((const uint8_t *)view->data - view->store->view);
    bn_off from = off & ~(bn_off)(BN_PAGE - 1), end = bn_align_up(off + view->size_bytes, BN_PAGE);
    int err = bn_map_data_fd(view->store->map, &fd);
    if (err != 0) {
        return err;
    }
    int os = bn_os_reserve(end - from, &addr);
    if (os == 0 && (os = bn_os_map_private(addr, end - from, fd, from)) != 0) {
        bn_os_unmap(addr, end - from);
    }
    if (os != 0) {
        return bn_error_os(os, "%s: cannot map %llu bytes of a value again", view->store->path,
                           (unsigned long long)view->size_bytes);
    }
    *data_out = (uint8_t *)addr + (off - from);
    return 0;
}

void brain_private_free(void *data, uint64_t size_bytes)
{
    uintptr_t from = (uintptr_t)data & ~(uintptr_t)(BN_PAGE - 1);
    if (data != NULL && size_bytes > 0) {
        bn_os_unmap((void *)from, bn_align_up((uintptr_t)data + size_bytes, BN_PAGE) - from);
    }
}
