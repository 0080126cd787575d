/* recent.h - the names that a Brain used lately, in the namespace in use: where the value of each was found.
 *
 * A name is known by its address: the entry owns a reference to the str, so no other object can have that address,
 * and its bytes cannot change. A name that comes again as the same object (a constant, an interned string, a key of a
 * dict) costs neither UTF-8 nor hash, nor even a look at the str.
 *
 * Places come in pairs, of two lines of memory that processors fetch together: a name is in either place of its pair,
 * the later one in the first. The table grows where names fall out of it that others keep (a program that goes round
 * through thousands of names), and goes back to the smallest where the largest does not help either (one that goes
 * through millions). Names that nobody else keeps, made for one call, make nothing grow.
 *
 * GIL: held in all calls.
 */
#ifndef BP_RECENT_H
#define BP_RECENT_H

#include "state.h"

#define BP_RECENT_NAME_MAX 64u /* bytes; longer names are not kept */

struct bp_recent {
    PyObject *name; /* str, owned. NULL: nothing is here */
    const char *utf8;
    uint32_t len;
    uint32_t came_again;
    brain_hint hint;
};
static_assert(sizeof(struct bp_recent) == 64, "a line of memory");

/* All zero: empty. */
struct bp_recents {
    struct bp_recent *pairs;      /* two places each; NULL: none yet */
    void *memory;                 /* in which they lie, to be freed */
    unsigned shift;               /* 64 - log2 of how many pairs there are */
    uint32_t n_fell, n_fell_kept; /* since it was last looked whether the size is right */
    uint32_t n_looks_off;         /* so many more of these looks do not let it grow */
    uint32_t n_vain;              /* how often the largest did not help */
};

/* Keep `name` from now on, a str that is not there. Returns its entry, of which the hint is zero; NULL: it is not to be
 * kept (a subclass, too long, no memory). Entries move. */
struct bp_recent *bp_recent_add(struct bp_recents *recents, PyObject *name, const char *utf8,
                                size_t len);

/* Let go of all. */
void bp_recent_clear(struct bp_recents *recents);

/* The two places that `name` may be in. There is a table. */
static inline struct bp_recent *bp_recent_pair(const struct bp_recents *recents, PyObject *name)
{
    /* An odd factor, the upper bits: objects lie at equal distances, and each comes out elsewhere
     * (Knuth, TAOCP 6.4). */
    uint64_t hash = ((uint64_t)(uintptr_t)name >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return &recents->pairs[2 * (hash >> recents->shift)];
}

/* The entry of `name`, or NULL. Valid until a name is added, or the GIL is given up. */
static inline struct bp_recent *bp_recent_find(struct bp_recents *recents, PyObject *name)
{
    if (__builtin_expect(recents->pairs == NULL, 0)) return NULL;
    struct bp_recent *entry = bp_recent_pair(recents, name);
    if (entry->name != name && (++entry)->name != name) return NULL;
    if (__builtin_expect(entry->came_again == 0, 0)) entry->came_again = 1;
    return entry;
}

#endif
