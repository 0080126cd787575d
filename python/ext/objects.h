/* objects.h - Plasma objects: what they are in a store. Over brain.h alone; nothing of Python, so it
 * runs with or without the GIL.
 *
 * An object is a value in the namespace BP_OBJECTS_SPACE, under its id. Sealed, it is of any kind,
 * its data followed by its Plasma metadata; behind the metadata of its kind stands a trailer. Not
 * yet sealed, it is of kind UNSEALED, and its data are not there: they are a brain_object of its
 * creator.
 *
 *   trailer   0 meta_bytes  8 created_ns  16 sealed_ns  24 version  25 note (BRAIN_NOTE_BYTES)
 *   UNSEALED  0 data_bytes  8 meta_bytes  16 created_ns  24 seat  32 row  36 version (4)
 *
 * A brain_object of up to BP_PRIVATE_BYTES takes no room in the store before it is sealed: then the
 * UNSEALED value has as many bytes of data, all zero, which hold the room for it.
 *
 * The note is when a buffer was got or let go of last, ns since 1970; 0: never. Or one of two marks,
 * by which those who evict and those who get agree (PAIR note-pin):
 *
 *   EVICTING  somebody means to evict it, and looks whether it is pinned: whose client row stands in
 *             it, and a number that no other such mark of his has. Who gets it takes the mark away,
 *             and it stays; another evictor may put his in its place. Of one that died it means
 *             nothing.
 *   EVICTED   it counts as missing; whoever meets it may delete it.
 *
 * With the bit DOOMED it was deleted while somebody had a buffer of it: it stays, for everybody, until
 * the last of them lets go and deletes it; or whoever meets it when nobody has one.
 *
 * docs/design/0005 has the reasons.
 */
#ifndef BP_OBJECTS_H
#define BP_OBJECTS_H

#include <brain.h>
#include <stdbool.h>

#define BP_OBJECTS_SPACE     "\xffplasma"
#define BP_OBJECTS_SPACE_LEN 7u
#define BP_CONTROL_SPACE     "\xffplasma-control"
#define BP_CONTROL_SPACE_LEN 15u

#define BP_TRAILER_BYTES 40u
#define BP_PRIVATE_BYTES 1984u /* as brain_create() has it */

/* `tag` of a view of an object: whoever drops it notes when. */
#define BP_TAG_OBJECT 1u

/* The two upper bits of a note: a time, a time of what is doomed, or a mark. */
#define BP_NOTE_DOOMED  (UINT64_C(1) << 63)
#define BP_NOTE_MARK    (UINT64_C(3) << 62)
#define BP_NOTE_EVICTED UINT64_MAX

/* EVICTING: the row of who does it in 24 bits, and a number below that. */
#define BP_NOTE_NUMBER_BITS 38u
#define BP_NOTE_ROW_MAX     0xfffffeu /* rows above are not told apart */

static inline bool bp_note_is_evicting(uint64_t note)
{
    return note >= BP_NOTE_MARK && note != BP_NOTE_EVICTED;
}

static inline uint64_t bp_note_evicting(uint32_t row, uint64_t number)
{
    uint64_t low = number & ((UINT64_C(1) << BP_NOTE_NUMBER_BITS) - 1);
    uint64_t known = row < BP_NOTE_ROW_MAX ? row : BP_NOTE_ROW_MAX;
    return BP_NOTE_MARK | known << BP_NOTE_NUMBER_BITS | low;
}

static inline uint32_t bp_note_row(uint64_t note)
{
    return (uint32_t)(note >> BP_NOTE_NUMBER_BITS) & 0xffffffu;
}

static inline bool bp_note_is_doomed(uint64_t note)
{
    return (note & BP_NOTE_MARK) == BP_NOTE_DOOMED;
}

/* The note of an object that is used at `now_ns`. */
static inline uint64_t bp_note_used(uint64_t note, uint64_t now_ns)
{
    return bp_note_is_doomed(note) ? now_ns | BP_NOTE_DOOMED : now_ns;
}

/* The Plasma objects of a store. */
struct bp_objects {
    brain_store *store; /* not owned */
    brain_space *space;
    brain_space *control;
    bool read_only;
};

/* Of a store that stays open until bp_objects_close(). Returns 0, or NOMEM. Looks at nothing. */
int bp_objects_open(brain_store *store, struct bp_objects *out);
void bp_objects_close(struct bp_objects *objects);

/* What an object says of itself. */
struct bp_object_info {
    uint64_t data_bytes, meta_bytes;
    uint64_t created_ns, sealed_ns; /* since 1970; 0: not sealed */
    uint64_t version;
    uint64_t seat; /* of one that is not sealed: the client that writes it */
    uint32_t row;
    bool is_sealed;
};

/* Read that from a view: 0, or CORRUPT. */
int bp_objects_describe(const brain_view *view, struct bp_object_info *info_out);

/* Nanoseconds since 1970. */
uint64_t bp_objects_now(void);

/* Get a sealed object. The view's data is data and Plasma metadata; its meta is that of its kind;
 * give it to bp_objects_drop(), or to what does as that. NOT_FOUND also where it is not sealed. */
int bp_objects_get(struct bp_objects *objects, const uint8_t *id, brain_view *view_out,
                   struct bp_object_info *info_out);

/* One use of an object's id. */
struct bp_last {
    uint64_t version;
    uint32_t object;
    uint8_t id[BRAIN_ID_BYTES];
};

/* Note the time, and drop a view that bp_objects_get() gave. True: the object is doomed, and
 * bp_objects_finish() is to be called. */
bool bp_objects_let_go(brain_view *view, struct bp_last *last_out);

/* Delete a doomed object that nobody has any more. */
void bp_objects_finish(struct bp_objects *objects, const struct bp_last *last);

/* Both. */
void bp_objects_drop(struct bp_objects *objects, brain_view *view);

/* Whether a sealed object is there: 0, or NOT_FOUND; else as brain_get(). `*version_out`, if not
 * NULL: above which to wait for it. */
int bp_objects_exists(struct bp_objects *objects, const uint8_t *id, uint64_t *version_out);

/* Put an object that was not there: `value` with `meta_bytes` of Plasma metadata at its end. EXISTS
 * where it was, sealed or not. Evicts where it has to, if it may: that takes its time. Else as
 * brain_put(). */
int bp_objects_put(struct bp_objects *objects, const uint8_t *id, const brain_value *value,
                   uint64_t meta_bytes, bool may_evict);

/* An object that is being written by this process. Its bytes stay until bp_objects_release(). */
struct bp_creation {
    brain_object *object;
    brain_view view; /* once it is sealed: keeps it from being evicted while its creator writes */
    uint64_t data_bytes, meta_bytes;
    uint64_t created_ns;
    uint64_t version; /* of the UNSEALED value; 0: it is sealed, or given up */
    uint64_t held_bytes; /* data of the UNSEALED value */
    uint64_t seat;    /* the client that it belongs to: a forked child is another */
    uint32_t row;
    uint8_t id[BRAIN_ID_BYTES];
};

/* Take an id and room for its object. EXISTS, FULL (the id stays free); else as brain_put(). The
 * data is at brain_object_data(), its Plasma metadata behind it and already there. */
int bp_objects_create(struct bp_objects *objects, const uint8_t *id, uint64_t data_bytes,
                      const void *meta, uint64_t meta_bytes, struct bp_creation *out);

/* Make it visible. NOT_FOUND where it was deleted meanwhile; else as brain_object_seal(). */
int bp_objects_seal(struct bp_objects *objects, struct bp_creation *creation);

/* Give up one that is not sealed: its id is free again. Does nothing in a forked child. */
void bp_objects_abort(struct bp_objects *objects, struct bp_creation *creation);

/* Let go of the bytes, once nobody can touch them any more. */
void bp_objects_release(struct bp_objects *objects, struct bp_creation *creation);

/* Delete a sealed object; where somebody has a buffer of it, as soon as nobody has. 0, NOT_FOUND
 * (nothing is there, or it is not sealed); else as brain_delete(). */
int bp_objects_delete(struct bp_objects *objects, const uint8_t *id);

/* Make room: delete sealed objects that nobody has a buffer of, those first whose last buffer was
 * let go of longest ago, until `n_bytes` are freed or there are none. `all_or_nothing`: none at all
 * where there are not enough. `*freed_out`: of data and metadata. Returns 0, or as
 * brain_delete(). */
int bp_objects_evict(struct bp_objects *objects, uint64_t n_bytes, bool all_or_nothing,
                     uint64_t *freed_out);

/* After FULL for a value of `n_bytes`: whether another try may succeed, since something was
 * evicted, or may come free in a moment. `*tried` is 0 at first. */
bool bp_objects_make_room(struct bp_objects *objects, uint64_t n_bytes, unsigned *tried);

/* Remove what dead processes left: ids of objects that they did not seal, and queues. Returns 0, or
 * as brain_delete(). */
int bp_objects_sweep(struct bp_objects *objects);

/* ---- for the files that make this up */

/* Delete an object of which we have a view, if it counts as missing: evicted; doomed, and nobody but
 * we has a view of it; not sealed, and its creator is dead. `*freed` grows by its bytes. 0, or as
 * brain_delete(). */
int bp_objects_clear(struct bp_objects *objects, const brain_view *view,
                     const struct bp_object_info *info, uint64_t *freed);

/* Drop a view that was taken to look at an object, and not as a use of it. As a doomed one stays as
 * long as somebody has a view of it, whoever looks has to see it off. */
void bp_objects_put_back(struct bp_objects *objects, brain_view *view);

/* A walk over names; waits a moment where this process has too many snapshots. */
int bp_objects_walk(brain_space *space, brain_iter **iter_out);

/* Wait that long, in nanoseconds. */
void bp_objects_pause(long duration_ns);

/* Delete that version of an object: 0, NOT_FOUND where it is no more; else as brain_delete(). */
int bp_objects_delete_version(struct bp_objects *objects, const uint8_t *id, uint64_t version);

/* All pins of a store, sorted by object and client. `*pins_out` is to be freed. */
int bp_objects_list_pins(struct bp_objects *objects, brain_pin **pins_out, size_t *n_out);

/* How many of them are of an object, and at which index they begin. */
size_t bp_objects_find_pins(const brain_pin *pins, size_t n_pins, uint32_t object,
                            size_t *first_out);

/* How many of them are of an object; `*n_clients_out`, if not NULL: of how many clients. */
size_t bp_objects_count_pins(const brain_pin *pins, size_t n_pins, uint32_t object,
                             size_t *n_clients_out);

/* Whether the UNSEALED value that `info` is of belongs to somebody who lives. */
bool bp_objects_is_written(const struct bp_objects *objects, const struct bp_object_info *info);

#endif
