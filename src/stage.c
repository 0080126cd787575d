/* stage.c - large data on its way into an extent, outside the lock; and what to do when there is no
 * room.
 *
 * Owns:     nothing. An extent that is being filled belongs to a private slot of this client.
 * Writes:   where pages are backed through the mapping, else by pwrite, which backs them on the way and says ENOSPC
 *           where a store would die of SIGBUS; much data by other threads besides (base/copy.c).
 * Room:     before FULL is said, the dead are reaped, limbo is emptied, and where it is the file
 *           system that is full, free pages are given back. Then, in a mode other than `error`, whoever makes room
 *           is asked, as long as that makes some; never within itself.
 * Crash:    the private slot is recorded with this client, and freed with its extent when it is
 *           reaped (or is nobody's by then: recover.c).
 */
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "base/copy.h"
#include "base/os.h"
#include "base/probe.h"
#include "client.h"
#include "count.h"
#include "event.h"
#include "handle.h"
#include "lock.h"
#include "pin.h"
#include "reclaim.h"
#include "recover.h"
#include "slot.h"
#include "snap.h"
#include "space.h"
#include "trim.h"
#include "turn.h"

/* ---- room */

static uint64_t now_live(const struct brain_store *store)
{
    return bn_load_relaxed(&bn_tally_now(store->state->live)->bytes);
}

void bn_stage_describe_holder(struct brain_store *store, char *text, size_t room)
{
    uint32_t largest = 0;
    uint64_t most = 0;
    char who[160] = "";
    if (bn_recover_enter(store, false) == 0) {
        uint32_t n = bn_set_count(store, BN_SET_LIMBO);
        for (uint32_t i = 0; i < n && i < 10000; i++) {
            uint32_t slot = bn_set_get(store, BN_SET_LIMBO, i);
            uint64_t size = bn_slot_cold(store, slot) != NULL ? bn_txn_limbo_size(store, slot) : 0;
            if (size > most) {
                most = size;
                largest = slot;
            }
        }
        bn_lock_release(store);
    }
    uint32_t holder = largest != 0 ? bn_pin_find_holder(store, largest) : 0;
    if (holder != 0) {
        bn_client_describe(store, holder - 1, who, sizeof who);
        snprintf(text, room, "; the largest value in limbo (%llu bytes) is held by %s",
                 (unsigned long long)most, who);
    } else if (bn_snap_oldest(store) != UINT64_MAX) {
        for (uint32_t row = 0; row < bn_client_n_rows(store) && who[0] == '\0'; row++) {
            for (uint32_t i = 0; i < BN_SNAPS; i++) {
                if (bn_load_relaxed(&bn_client_row(store, row)->snaps[i]) != 0) {
                    bn_client_describe(store, row, who, sizeof who);
                }
            }
        }
        snprintf(text, room, "; a snapshot of %s keeps old values", who);
    }
}

/* What the capacity is used for. Without the lock: as of some moment. */
struct used {
    uint64_t capacity, live, limbo, private_bytes, sum;
};

static struct used look_at_use(const struct brain_store *store)
{
    struct bn_state_rec *state = store->state;
    struct used used = {
        .capacity = bn_load_relaxed(&state->capacity_bytes),
        .live = now_live(store),
        .limbo = bn_load_relaxed(bn_atomic64(&state->limbo_bytes)),
        .private_bytes = bn_load_relaxed(bn_atomic64(&state->private_bytes)),
    };
    used.sum = used.live + used.limbo + used.private_bytes;
    return used;
}

/* `why` there was no more room to be made. */
static int full(struct brain_store *store, uint64_t asked, const char *why)
{
    char holder[BN_STAGE_HOLDER_TEXT] = "";
    struct used used = look_at_use(store);
    if (used.limbo > 0 || why[0] != '\0') {
        bn_stage_describe_holder(store, holder, sizeof holder);
    }
    return bn_error(BRAIN_E_FULL,
                    "%s is full: %llu bytes were asked for, %llu of %llu are free (live "
                    "%llu, in limbo %llu, being written %llu)%s%s. %s",
                    store->path, (unsigned long long)asked,
                    (unsigned long long)(used.sum < used.capacity ? used.capacity - used.sum : 0),
                    (unsigned long long)used.capacity, (unsigned long long)used.live,
                    (unsigned long long)used.limbo, (unsigned long long)used.private_bytes, holder,
                    why,
                    asked > used.capacity ? "Empty it would not hold that: resize it to more"
                                          : "Delete values, let go of views, or resize");
}

/* ---- who makes room */

static _Thread_local bool is_making_room;

/* Who is asked in the mode that the store has. */
static struct bn_room who_makes_room(struct brain_store *store, uint32_t mode)
{
    struct bn_room room = { NULL, NULL };
    if (mode != BRAIN_FULL_ERROR && mode < BN_N_FULL_MODES) {
        pthread_mutex_lock(&store->mutex);
        room = store->rooms[mode];
        pthread_mutex_unlock(&store->mutex);
    }
    return room;
}

int bn_stage_make_room(struct brain_store *store, struct brain_space *space, uint64_t bytes)
{
    uint32_t mode = bn_load_relaxed(&store->state->full_mode); /* relaxed: as of some moment */
    struct bn_room room = who_makes_room(store, mode);
    if (room.make == NULL) {
        return bn_error(BRAIN_E_FULL, "%s",
                        mode == BRAIN_FULL_SPILL
                            ? "its mode is to spill, and this process has opened "
                              "no directory for that: open the store anew (from C: "
                              "brain_spill_open())"
                            : "its mode is to remove nothing");
    }
    if (is_making_room) {
        return bn_error(BRAIN_E_FULL, "it is full for who is making room in it, too");
    }
    int err = bn_turn_take(store);
    if (err != 0) {
        return err == BN_AGAIN ? 0 : err;
    }
    brain_tell_error(""); /* so that what stands there afterwards is of who makes room */
    is_making_room = true;
    err = room.make(room.context, store, space, bytes);
    is_making_room = false;
    bn_turn_give(store);
    if (err == BRAIN_E_FULL && brain_error_detail()[0] == '\0') {
        return bn_error(err, "there is nothing more that could go");
    }
    return err;
}

/* How often for one change. Who says each time that it has made some has made none; and what a file system gets back
 * somebody else may take each time. */
#define ROOMS_MAX        1000u
#define MEMORY_ROOMS_MAX 8u
#define KEPT_MAX         3u

static bool makes_room(const struct brain_store *store)
{
    return bn_load_relaxed(&store->state->full_mode) !=
           BRAIN_FULL_ERROR; /* relaxed: as of some moment */
}

int bn_stage_make_room_in(struct brain_space *space, uint64_t bytes,
                          struct bn_stage_obstacle *tried)
{
    bool may_ask = makes_room(space->store) && tried->n_rooms++ < ROOMS_MAX;
    return may_ask ? bn_stage_make_room(space->store, space, bytes) : BRAIN_E_FULL;
}

/* Have `missing` bytes made room for. What has gone for this change and is in limbo still counts as coming, or more
 * would go, and more, as long as somebody keeps it there. But a reader may just be passing: a few times as much goes
 * instead. 0: try again; FULL, with a text that says why. */
static int ask_for_room(struct brain_store *store, uint64_t missing, uint64_t limbo,
                        struct bn_stage_obstacle *tried)
{
    tried->limbo = tried->n_rooms++ == 0 ? limbo : tried->limbo;
    uint64_t coming = limbo > tried->limbo ? limbo - tried->limbo : 0;
    coming = coming < tried->asked_for ? coming : tried->asked_for;
    if (missing <= coming) {
        if (tried->n_kept++ == KEPT_MAX) {
            return bn_error(BRAIN_E_FULL, "what has gone for it is in use yet");
        }
        coming = 0;
    }
    tried->asked_for += missing - coming;
    int err = bn_stage_make_room(store, NULL, missing - coming);
    tried->reclaimed = tried->reclaimed && err != 0; /* what has gone may be in limbo */
    tried->trimmed = tried->trimmed && err != 0;
    return err;
}

/* All that is nobody's was given back, and `asked` bytes do not fit: 0: try again; else the error for the caller. */
static int make_room(struct brain_store *store, uint64_t asked, struct bn_stage_obstacle *tried)
{
    char why[400] = "";
    struct used used = look_at_use(store);
    bool may_help = asked <= used.capacity && used.private_bytes <= used.capacity - asked;
    if (may_help && used.sum <= used.capacity - asked) {
        return 0; /* somebody has made it meanwhile */
    }
    if (may_help && makes_room(store) && tried->n_rooms < ROOMS_MAX) {
        int err = ask_for_room(store, used.sum - (used.capacity - asked), used.limbo, tried);
        if (err != BRAIN_E_FULL) {
            return err;
        }
        snprintf(why, sizeof why, "; %s", brain_error_detail());
    }
    return full(store, asked, why);
}

/* It is the file system that has no memory: as above; `err`, with its text, where nobody makes room. */
static int make_memory(struct brain_store *store, int err, uint64_t asked, uint32_t *n_rooms)
{
    char text[512];
    snprintf(text, sizeof text, "%s", brain_error_detail());
    if (makes_room(store) && (*n_rooms)++ < MEMORY_ROOMS_MAX) {
        int made = bn_stage_make_room(store, NULL, asked);
        if (made != BRAIN_E_FULL) {
            return made != 0 ? made : bn_trim(store, BN_TRIM_ALL);
        }
        return bn_error(err, "%s", text);
    }
    return err;
}

#define TRIES_MAX 1000u

bool bn_stage_may_try_again(const struct brain_store *store, struct bn_stage_obstacle *tried)
{
    uint64_t committed = bn_load_acquire(&store->state_view->committed);
    tried->n_tries = committed == tried->committed ? tried->n_tries + 1 : 0;
    tried->committed = committed;
    return tried->n_tries < TRIES_MAX;
}

/* The file system, or a region of the store, has no more memory. */
static int overcome_no_memory(struct brain_store *store, int err, uint64_t asked,
                              struct bn_stage_obstacle *tried)
{
    if (tried->trimmed) {
        return make_memory(store, err, asked, &tried->n_memory_rooms);
    }
    tried->trimmed = true;
    err = bn_reclaim_all(store);
    return err != 0 ? err : bn_trim(store, BN_TRIM_ALL);
}

int bn_stage_overcome(struct brain_store *store, int err, uint64_t asked,
                      struct bn_stage_obstacle *tried)
{
    if (err == BN_AGAIN) {
        err = bn_store_satisfy(store);
        return err != BRAIN_E_FULL ? err : overcome_no_memory(store, err, asked, tried);
    }
    if (err != BRAIN_E_FULL) {
        return err;
    }
    bool fits = bn_txn_has_room(store, asked); /* then it is the file system that is full */
    if (!tried->reclaimed) {
        tried->reclaimed = true;
        err = bn_reclaim_all(store);
        return err != 0 || !fits ? err : bn_trim(store, BN_TRIM_ALL);
    }
    return fits ? make_memory(store, err, asked, &tried->n_memory_rooms)
                : make_room(store, asked, tried);
}

static _Thread_local uint32_t n_tries_begun;

void bn_stage_tries_begin(void)
{
    n_tries_begun++;
}

bool bn_stage_tries_end(void)
{
    return n_tries_begun > 0 && --n_tries_begun == 0;
}

void bn_stage_refused(struct brain_store *store, const struct brain_space *space, const void *name,
                      uint32_t name_len, uint64_t asked, int err)
{
    const char *detail = brain_error_detail();
    BN_PROBE3(full, detail, asked, err);
    if (n_tries_begun == 0) {
        bn_count(store, BRAIN_COUNT_FULL, 1);
    }
    if (bn_event_wanted(store, BRAIN_EVENT_FULL)) {
        char text[BN_ERROR_DETAIL_BYTES];
        bn_error_keep(text); /* what is told may fail in something, and change it */
        bn_event_tell(store, &(brain_event){ .kind = BRAIN_EVENT_FULL,
                                             .name = name,
                                             .name_len = name != NULL ? name_len : 0,
                                             .space = space != NULL ? space->name : NULL,
                                             .space_len = space != NULL ? space->name_len : 0,
                                             .bytes = asked,
                                             .text = text });
    }
}

/* ---- extents */

static int try_take_extent(struct brain_store *store, uint64_t extent_bytes, uint64_t size,
                           uint32_t *holder_out)
{
    int err = bn_recover_enter(store, true);
    if (err != 0) {
        return err;
    }
    err = bn_txn_has_room(store, size) ? bn_txn_take_private(store, extent_bytes, size, holder_out)
                                       : BRAIN_E_FULL;
    bn_lock_release(store);
    return err;
}

int bn_stage_take(struct brain_store *store, uint64_t extent_bytes, uint64_t size,
                  uint32_t *holder_out)
{
    struct bn_stage_obstacle tried = { 0 };
    for (;;) {
        int err = try_take_extent(store, extent_bytes, size, holder_out);
        if (err == 0) {
            return 0;
        }
        err = bn_stage_overcome(store, err, size, &tried);
        if (err != 0) {
            return err;
        }
    }
}

/* What the kernel said when it was asked for memory for `bytes`: 0 where somebody has made room: try again. */
static int no_memory(struct brain_store *store, int os, uint64_t bytes, uint32_t *n_rooms)
{
    int err =
        bn_error_os(os, "%s: no memory for %llu bytes in %s%s", store->path,
                    (unsigned long long)bytes, store->map->directory,
                    bn_error_if_full(os, "; the file system there is full. Delete values and trim, "
                                         "or make it larger (Docker: --shm-size)"));
    return err == BRAIN_E_FULL ? make_memory(store, err, bytes, n_rooms) : err;
}

/* Before values take `more` bytes from the system. What was given back keeps its memory, and where values are of
 * many sizes the next one does not always fit there; so memory would grow to twice the capacity and more, and a cgroup
 * kills who takes more than it has, without an error that a trim could answer. Who takes memory beyond one and a half
 * times the capacity gives back some of what is free: as much as it takes, or twice that; whole pieces, the smallest
 * first. */
static void trim_if_much(struct brain_store *store, int fd, uint64_t more)
{
    uint64_t capacity = bn_load_relaxed(&store->own_state->capacity_bytes);
    uint64_t bound = capacity + capacity / 2, has = bn_trim_backed(store, fd) + more;
    if (bn_unlikely(has > bound)) {
        uint64_t over = has - bound;
        /* If it cannot, the next one does, or whoever needs the memory says so. */
        (void)bn_trim(store, over < 2 * more ? over : 2 * more);
    }
}

int bn_stage_back(struct brain_store *store, uint32_t page, uint64_t n_pages)
{
    int fd, err = bn_map_data_fd(store->map, &fd);
    uint32_t n_rooms = 0;
    bool backed, trimmed = false;
    for (uint64_t at = 0; at < n_pages && err == 0;) {
        uint64_t n = bn_alloc_run(store, page + (uint32_t)at, n_pages - at, &backed);
        bn_off off = bn_alloc_off(store, page + (uint32_t)at);
        if (!backed) {
            trim_if_much(store, fd, n * BN_PAGE);
        }
        int os = backed ? 0 : bn_os_back(fd, off, n * BN_PAGE);
        if (os != 0 && !trimmed && bn_reclaim_all(store) == 0 && bn_trim(store, BN_TRIM_ALL) == 0) {
            trimmed = true;
            continue;
        }
        if (os != 0) {
            err = no_memory(store, os, (n_pages - at) * BN_PAGE, &n_rooms);
            continue;
        }
        bn_alloc_set_backed(store, page + (uint32_t)at, backed ? 0 : n, true);
        at += n;
    }
    return err;
}

/* Have the pages backed, then copy through the mapping. Returns as base/os.h. */
static int back_and_copy(struct brain_store *store, int fd, const uint8_t *bytes, uint64_t size,
                         bn_off at)
{
    bn_off start = at & ~(bn_off)(BN_PAGE - 1);
    int os = bn_os_back(fd, start, bn_align_up(at + size, BN_PAGE) - start);
    if (os == 0) {
        bn_copy_large(bn_data_at(store, at), bytes, size);
    }
    return os;
}

/* Into pages without memory. Who may not write that far into a file (ulimit -f) can still have them backed. Returns as
 * base/os.h. */
static int write_fresh(struct brain_store *store, int fd, const uint8_t *bytes, uint64_t size,
                       bn_off at)
{
    int os = bn_copy_fresh(fd, at, bn_data_at(store, at), bytes, size);
    return os == -EFBIG ? back_and_copy(store, fd, bytes, size, at) : os;
}

int bn_stage_write(struct brain_store *store, uint32_t page, uint64_t off, const void *from,
                   uint64_t size)
{
    const uint8_t *bytes = from;
    uint32_t n_rooms = 0;
    bool trimmed = false;
    while (size > 0) {
        uint64_t first = off / BN_PAGE, last = (off + size - 1) / BN_PAGE;
        bool backed;
        uint64_t n = bn_alloc_run(store, page + (uint32_t)first, last - first + 1, &backed);
        uint64_t step = (first + n) * BN_PAGE - off;
        step = step < size ? step : size;
        bn_off at = bn_alloc_off(store, page) + off;
        if (backed) {
            bn_copy_large(bn_data_at(store, at), bytes, step);
        } else {
            int fd, err = bn_map_data_fd(store->map, &fd);
            if (err == 0) {
                trim_if_much(store, fd, step);
            }
            int os = err == 0 ? write_fresh(store, fd, bytes, step, at) : 0;
            if (os != 0 && !trimmed && bn_reclaim_all(store) == 0 &&
                bn_trim(store, BN_TRIM_ALL) == 0) {
                trimmed = true;
                continue;
            }
            err = err == 0 && os != 0 ? no_memory(store, os, size, &n_rooms) : err;
            if (err != 0) {
                return err;
            }
            if (os != 0) {
                continue;
            }
            bn_alloc_set_backed(store, page + (uint32_t)first, n, true);
        }
        off += step;
        bytes += step;
        size -= step;
    }
    return 0;
}

static int write_parts(struct brain_store *store, uint32_t page, const struct bn_part_list *data,
                       uint64_t *end_out)
{
    static const uint8_t zeros[64];
    uint64_t at = 0;
    int err = 0;
    for (uint32_t i = 0; i < data->n_parts && err == 0; i++) {
        const brain_part *part = &data->parts[i];
        uint64_t start = part->align > 1 ? bn_align_up(at, part->align) : at;
        err = bn_stage_write(store, page, at, zeros, start - at);
        err = err != 0 ? err : bn_stage_write(store, page, start, part->data, part->size_bytes);
        at = start + part->size_bytes;
    }
    *end_out = at;
    return err;
}

static int write_body(struct brain_store *store, uint32_t page, uint64_t off,
                      const struct bn_change *change)
{
    int err = bn_stage_write(store, page, off, change->name, change->name_len);
    off += change->name_len;
    err = err != 0 ? err : bn_stage_write(store, page, off, change->meta, change->meta_len);
    off += change->meta_len;
    return err != 0
               ? err
               : bn_stage_write(store, page, off, change->description, change->description_len);
}

int bn_stage_data(struct brain_store *store, struct bn_change *change)
{
    struct bn_slot_shape shape;
    if (!(change->flags & BN_SLOT_EXTENT) || change->holder != 0) {
        return 0;
    }
    bn_slot_shape(change->size,
                  (uint64_t)change->name_len + change->meta_len + change->description_len,
                  change->flags, &shape);
    uint32_t holder = 0;
    int err = bn_stage_take(store, shape.extent_bytes, change->size, &holder);
    if (err != 0) {
        return err;
    }
    uint32_t page = bn_slot_at(store, holder)->page;
    uint64_t end = 0;
    err = bn_store_map_values(store, (uint64_t)page * BN_PAGE + shape.extent_bytes);
    err = err != 0 ? err : write_parts(store, page, &change->data, &end);
    if (err == 0 && (change->flags & BN_SLOT_BODY_OUT)) {
        err = write_body(store, page, shape.body_off, change);
    }
    if (err != 0) {
        bn_recover_let_go(store, holder);
        return err;
    }
    change->holder = holder;
    return 0;
}
