/* view.c - what a view shows once more: by another view, or writable and this process's alone.
 *
 * Private:  for libraries that know no read-only memory. A page is the store's until it is written,
 *           and a copy from then on (MAP_PRIVATE), so a stray write stays in the process that made
 *           it. The caller has the view, whose pin keeps the pages from being anybody else's.
 * Another:  its pin is of a slot that may be out of the index by now, so no look there can tell that
 *           it is in time. It is, since the first pin stands until the second does; and a scan that
 *           may have missed both, the second for being too early and the first for being too late,
 *           finds that pins have moved, and frees nothing (PAIR ledger, as of a fork).
 */
#include "base/os.h"
#include "pin.h"
#include "store.h"

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
