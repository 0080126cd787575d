/* away.c - a small value in the place of one that was moved elsewhere.
 *
 * A replacement as any other (write.c), that nobody can tell from none: the slot has a number of its own, by which
 * snapshots and pins judge it, and its data end with the version that it stands for, which is what users see
 * (bn_slot_version). Nobody is woken, and the namespace counts as of the change before (bn_space_changed).
 */
#include "brain.h"
#include "handle.h"
#include "slot.h"
#include "write.h"

static int check(const brain_view *view, const void *stand_in, size_t len)
{
    if (view->store == NULL) {
        return bn_error(BRAIN_E_INVAL,
                        "a view that was dropped, or shows a copy, is of no value to move away");
    }
    int err = bn_store_check_writable(view->store);
    if (err != 0) {
        return err;
    }
    if (stand_in == NULL || len == 0 || len > BRAIN_AWAY_MAX) {
        return bn_error(BRAIN_E_INVAL, "what stands for a value has 1 to %u bytes, not %zu",
                        BRAIN_AWAY_MAX, len);
    }
    if (view->kind == BRAIN_KIND_AWAY || view->kind == BRAIN_KIND_UNSEALED ||
        view->size_bytes < len + BN_SLOT_VERSION_BYTES) {
        return bn_error(BRAIN_E_INVAL,
                        "a value of kind %u and %llu bytes is not moved away: it is away, not "
                        "sealed yet, or no "
                        "larger than the %zu bytes that would stand for it",
                        view->kind, (unsigned long long)view->size_bytes,
                        len + BN_SLOT_VERSION_BYTES);
    }
    return 0;
}

int brain_move_away(const brain_view *view, const void *stand_in, size_t len)
{
    brain_space *space;
    struct bn_write write;
    uint64_t number;
    int err = check(view, stand_in, len);
    err = err != 0 ? err : brain_view_space(view, &space, NULL, NULL);
    if (err != 0) {
        return err;
    }
    const brain_part parts[2] = { { .data = stand_in, .size_bytes = len },
                                  { .data = &view->version, .size_bytes = BN_SLOT_VERSION_BYTES } };
    err = bn_write_init_move(&write, space, view, parts);
    if (err == 0) {
        err = bn_write_commit(view->store, &write, 1, false, &number);
        bn_write_deinit(view->store, &write);
    }
    brain_space_close(space);
    return bn_error_expected(err);
}
