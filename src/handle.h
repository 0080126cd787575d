/* handle.h - the private side of brain_space: a name of a namespace, and what it was resolved
 * to. */
#ifndef BN_HANDLE_H
#define BN_HANDLE_H

#include "base/hash.h"
#include "read.h"
#include "space.h"
#include "store.h"

struct brain_space {
    struct brain_store *store;
    _Atomic uint64_t resolved; /* gen << 32 | id; 0: not yet */
    uint64_t key;              /* hash of the name in the root space */
    uint32_t name_len;
    uint8_t name[];
};

struct bn_space_ref {
    uint32_t id;
    uint32_t gen;
};

static inline struct bn_space_ref bn_handle_ref(uint64_t word)
{
    return (struct bn_space_ref){ (uint32_t)word, (uint32_t)(word >> 32) };
}

static inline uint64_t bn_handle_word(struct bn_space_ref ref)
{
    return (uint64_t)ref.gen << 32 | ref.id;
}

/* Whether a hint is of what the space stands for now. */
static inline bool bn_handle_is_hint(struct brain_space *space, const brain_hint *hint)
{
    return hint->space != 0 &&
           hint->space == bn_load_relaxed(&space->resolved); /* relaxed: as below */
}

/* Look the namespace up anew: 0, NOT_FOUND, ... */
int bn_handle_resolve_slow(struct brain_space *space, struct bn_space_ref *ref_out);

/* What the name stands for now. A hint until bn_handle_stands() says that it stood. */
static inline int bn_handle_resolve(struct brain_space *space, struct bn_space_ref *ref_out)
{
    uint64_t word = bn_load_relaxed(&space->resolved); /* relaxed: verified after use */
    if (bn_likely(word != 0)) {
        *ref_out = bn_handle_ref(word);
        return 0;
    }
    return bn_handle_resolve_slow(space, ref_out);
}

/* A namespace that went, and the last commit then. Numbers begin with 1: start from 0. */
struct bn_gone {
    struct bn_space_ref ref;
    uint64_t committed;
};

/* Whether the root led to the same record a second time that says it went, and nobody changed
 * anything meanwhile: damage. The second time it is to be resolved from the root itself
 * (bn_handle_resolve_slow()): what is noted another thread may have noted too late. */
bool bn_handle_makes_no_sense(struct brain_store *store, struct bn_space_ref ref,
                              struct bn_gone *gone);

static inline void bn_handle_forget(struct brain_space *space)
{
    bn_store_relaxed(&space->resolved, (uint64_t)0);
}

/* Whether the reference still held after the lookup that used it; if not, it is forgotten. Its
 * record was seen to exist when it was resolved. */
static inline bool bn_handle_stands(struct brain_space *space, struct bn_space_ref ref)
{
    const struct bn_space_rec *spaces =
        (const void *)bn_region_view(space->store, BN_REGION_SPACES);
    if (bn_likely(bn_space_stands(space->store, &spaces[ref.id], ref.gen))) {
        return true;
    }
    bn_handle_forget(space);
    return false;
}

/* INVAL, for a name that is too long, with its text. */
int bn_handle_name_too_long(size_t name_len);

/* Find and pin a value by a handle: as bn_read_get(). */
int bn_handle_get(struct brain_space *space, const void *name, size_t name_len,
                  struct bn_found *found_out);

/* The same, as bn_read_get_or_copy(); notes in `hint`, if there is one, where it was found. */
int bn_handle_get_or_copy(struct brain_space *space, const void *name, size_t name_len,
                          brain_hint *hint, struct bn_found *found_out, struct bn_copied *copied);

/* Copy the value that a hint leads to. False: look the name up. */
BN_INLINE bool bn_handle_copy_hinted(struct brain_space *space, const brain_hint *hint,
                                     struct bn_copied *copied)
{
    return bn_handle_is_hint(space, hint) && bn_copied_by_hint(space->store, hint, copied) &&
           bn_handle_stands(space, bn_handle_ref(hint->space));
}

/* A name in what the space stands for. At most BRAIN_NAME_MAX bytes. */
static inline struct bn_key bn_handle_key(const struct brain_store *store, struct bn_space_ref ref,
                                          const void *name, size_t name_len)
{
    return (struct bn_key){ .name = name,
                            .name_len = (uint32_t)name_len,
                            .space_id = ref.id,
                            .hash = bn_hash_name(store->hash_seed, ref.id, name, name_len) };
}

/* Copy a small, committed value by its name. False: bn_handle_get_or_copy(). */
BN_INLINE bool bn_handle_copy(struct brain_space *space, const void *name, size_t name_len,
                              struct bn_copied *copied)
{
    struct brain_store *store = space->store;
    uint64_t word = bn_load_relaxed(&space->resolved); /* relaxed: verified after use */
    struct bn_space_ref ref = bn_handle_ref(word);
    if (bn_unlikely(word == 0 || name_len > BRAIN_NAME_MAX)) {
        return false;
    }
    struct bn_key key = bn_handle_key(store, ref, name, name_len);
    copied->resolved = word;
    return bn_copied_by_name(store, &key, copied) && bn_handle_stands(space, ref);
}

/* Note where a value was found: one that was copied, or (`pins`) one that has to be pinned. */
static inline void bn_handle_note(brain_hint *hint, const struct bn_copied *copied, bool pins)
{
    *hint = (brain_hint){ .space = copied->resolved,
                          .place = copied->place,
                          .word = copied->word,
                          .gen = copied->gen,
                          .record = 0, /* a put will look for it */
                          .size = pins ? BN_HINT_PINS : copied->size,
                          .kind = pins ? 0 : copied->kind };
}

/* Pin it, if it is not to be copied. 0; BN_AGAIN: look the name up; BUSY. */
int bn_handle_pin_hinted(struct brain_space *space, brain_hint *hint, struct bn_found *found_out);

#endif
