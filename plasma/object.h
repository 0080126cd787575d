/* object.h - Plasma objects: what they are in a store.
 *
 * An object is a value in the namespace PL_OBJECTS_SPACE, under its id. Sealed, it is of any kind,
 * its data followed by its Plasma metadata; behind the metadata of its kind stands a trailer. Not
 * yet sealed, it is of kind UNSEALED, and its data are not there: they are a brain_object of its
 * creator.
 *
 *   trailer   0 meta_bytes  8 created_ns  16 sealed_ns  24 version  25 note (BRAIN_NOTE_BYTES)
 *   UNSEALED  0 data_bytes  8 meta_bytes  16 created_ns  24 seat  32 row  36 version (4)
 *   away      0 data_bytes  8 meta_bytes  16 created_ns  24 sealed_ns  32 file_version  40 version
 *
 * One that was evicted to the external store (external.h) is away: a value of kind UNSEALED as well, which nobody
 * writes. It is there, for all who ask, and comes back when it is got.
 *
 * A brain_object of up to PL_PRIVATE_BYTES takes no room in the store before it is sealed: then the
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
#ifndef PL_OBJECT_H
#define PL_OBJECT_H

#include "store.h"

#define PL_TRAILER_BYTES  40u
#define PL_UNSEALED_BYTES 40u
#define PL_AWAY_BYTES     48u
#define PL_PRIVATE_BYTES  1984u /* as brain_create() has it */

/* `tag` of a view of an object: whoever drops it notes when. */
#define PL_TAG_OBJECT 1u

/* The two upper bits of a note: a time, a time of what is doomed, or a mark. */
#define PL_NOTE_DOOMED  (UINT64_C(1) << 63)
#define PL_NOTE_MARK    (UINT64_C(3) << 62)
#define PL_NOTE_EVICTED UINT64_MAX

/* EVICTING: the row of who does it in 24 bits, and a number below that. */
#define PL_NOTE_NUMBER_BITS 38u
#define PL_NOTE_ROW_MAX     0xfffffeu /* rows above are not told apart */

static inline bool pl_note_is_evicting(uint64_t note)
{
    return note >= PL_NOTE_MARK && note != PL_NOTE_EVICTED;
}

static inline uint64_t pl_note_evicting(uint32_t row, uint64_t number)
{
    uint64_t low = number & ((UINT64_C(1) << PL_NOTE_NUMBER_BITS) - 1);
    uint64_t known = row < PL_NOTE_ROW_MAX ? row : PL_NOTE_ROW_MAX;
    return PL_NOTE_MARK | known << PL_NOTE_NUMBER_BITS | low;
}

static inline uint32_t pl_note_row(uint64_t note)
{
    return (uint32_t)(note >> PL_NOTE_NUMBER_BITS) & 0xffffffu;
}

static inline bool pl_note_is_doomed(uint64_t note)
{
    return (note & PL_NOTE_MARK) == PL_NOTE_DOOMED;
}

/* The note of an object that is used at `now_ns`. */
static inline uint64_t pl_note_used(uint64_t note, uint64_t now_ns)
{
    return pl_note_is_doomed(note) ? now_ns | PL_NOTE_DOOMED : now_ns;
}

/* What an object says of itself. */
struct pl_object {
    uint64_t data_bytes, meta_bytes;
    uint64_t created_ns, sealed_ns; /* since 1970; 0: not sealed */
    uint64_t version;
    uint64_t seat; /* of one that is not sealed: the client that writes it */
    uint32_t row;
    bool is_sealed;        /* and here */
    bool is_away;          /* sealed, and in the external store */
    uint64_t file_version; /* of one that is away: the version that its file is of */
};

/* Read that from a view: 0, or CORRUPT. */
int pl_object_describe(const brain_view *view, struct pl_object *info_out);

/* Whether the UNSEALED value that `info` is of belongs to somebody who lives. */
bool pl_object_is_written(const struct pl_store *objects, const struct pl_object *info);

/* Write the trailer of an object that is sealed now: PL_TRAILER_BYTES, to be the end of its
 * metadata. */
void pl_object_write_trailer(uint8_t *to, uint64_t meta_bytes, uint64_t created_ns);

/* Write the metadata of an UNSEALED value: PL_UNSEALED_BYTES. */
void pl_object_write_unsealed(uint8_t *to, const struct pl_object *object);

/* Write the metadata of the value that stands for a sealed object that goes away: PL_AWAY_BYTES. */
void pl_object_write_away(uint8_t *to, const struct pl_object *object);

/* One use of an object's id. */
struct pl_last {
    uint64_t version;
    uint32_t object;
    uint8_t id[BRAIN_ID_BYTES];
};

/* That of a view of an object. */
struct pl_last pl_object_last(const brain_view *view);

#endif
