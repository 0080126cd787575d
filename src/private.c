/* private.c - the bytes of a view once more, writable and this process's alone.
 *
 * For libraries that know no read-only memory. A page is the store's until it is written, and a copy
 * from then on (MAP_PRIVATE), so a stray write stays in the process that made it.
 * Keeps:    the caller has the view, whose pin keeps the pages from being anybody else's.
 * Fork:     the child has the mapping, with what was written; from then on each has its own.
 */
#include "base/os.h"
#include "store.h"

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
