/* recent.c - the names that a Brain used lately: what comes in, what falls out, and how many there is room for. */
#include "recent.h"

#define SMALLEST 7u  /* log2 of the pairs: 256 names, 16 KiB */
#define LARGEST  15u /* 65,536 names, 4 MiB */
#define STEP     2u

/* To find out that the largest does not help costs as many entries as it has, and all that led there. Afterwards it is
 * not tried again before a hundred times as many names fell out, and twice as many each time. */
#define LOOKS_OFF      ((uint32_t)100 << (LARGEST - SMALLEST))
#define LOOKS_OFF_MOST 6u /* doublings */

#define LINE           64u

static unsigned log2_pairs(const struct bp_recents *recents)
{
    return 64 - recents->shift;
}

/* How many names there is room for. */
static size_t n_places(const struct bp_recents *recents)
{
    return recents->pairs == NULL ? 0 : (size_t)2 << log2_pairs(recents);
}

/* Where pairs begin in it: at a multiple of two lines. */
static struct bp_recent *pairs_in(void *memory)
{
    return (struct bp_recent *)(((uintptr_t)memory + 2 * LINE - 1) & ~(uintptr_t)(2 * LINE - 1));
}

/* Put an entry into its pair, first. What falls out of that: its name is NULL where nothing does. */
static struct bp_recent put_in(struct bp_recents *recents, struct bp_recent entry)
{
    struct bp_recent *pair = bp_recent_pair(recents, entry.name);
    struct bp_recent out = { .name = NULL };
    if (pair[0].name != NULL) {
        out = pair[1];
        pair[1] = pair[0];
    }
    pair[0] = entry;
    return out;
}

/* A table of another size. In a larger one everything has room, and what was first in its pair is so again; a smaller
 * one lets go of most. Without memory for it nothing changes. */
static void resize(struct bp_recents *recents, unsigned log2_of_pairs)
{
    size_t n = (size_t)2 << log2_of_pairs;
    struct bp_recents old = *recents;
    /* Zeroed by the system where it is large, a page when it is first used. */
    void *memory = PyMem_Calloc(n + 2, sizeof(struct bp_recent)); /* two more, to align */
    if (memory == NULL) return;
    recents->memory = memory;
    recents->pairs = pairs_in(memory);
    recents->shift = 64 - log2_of_pairs;
    for (size_t i = n_places(&old); i-- > 0;) { /* the later of a pair last: it comes first again */
        if (old.pairs[i].name != NULL) {
            Py_XDECREF(put_in(recents, old.pairs[i]).name);
        }
    }
    PyMem_Free(old.memory);
}

/* Whether an eighth of what is there came again since this was asked last. */
static bool is_of_use(const struct bp_recents *recents)
{
    size_t n = n_places(recents), n_came_again = 0;
    for (size_t i = 0; i < n; i++) {
        n_came_again += recents->pairs[i].came_again;
        recents->pairs[i].came_again = 0;
    }
    return n_came_again > n / 8;
}

/* As many names fell out as there is room for: is there too little, or does it not matter? */
static void look_at_size(struct bp_recents *recents)
{
    bool kept = recents->n_fell_kept > recents->n_fell / 2;
    unsigned size = log2_pairs(recents);
    recents->n_fell = recents->n_fell_kept = 0;
    if (recents->n_looks_off > 0) {
        recents->n_looks_off--;
    } else if (size < LARGEST && kept) {
        resize(recents, size + STEP);
    } else if (size == LARGEST && !is_of_use(recents)) {
        resize(recents, SMALLEST);
        recents->n_looks_off = LOOKS_OFF << recents->n_vain;
        recents->n_vain += recents->n_vain < LOOKS_OFF_MOST;
    }
}

struct bp_recent *bp_recent_add(struct bp_recents *recents, PyObject *name, const char *utf8,
                                size_t len)
{
    if (len > BP_RECENT_NAME_MAX || Py_TYPE(name) != &PyUnicode_Type) return NULL;
    if (recents->pairs == NULL) {
        resize(recents, SMALLEST);
        if (recents->pairs == NULL) return NULL;
    }
    /* Before the name comes in: of a smaller table it might fall out again. */
    if (recents->n_fell >= n_places(recents)) look_at_size(recents);
    struct bp_recent out =
        put_in(recents,
               (struct bp_recent){ .name = Py_NewRef(name), .utf8 = utf8, .len = (uint32_t)len });
    if (out.name != NULL) {
        /* A str alone: nothing of anybody's runs when it goes. The lower half: above it later Pythons have flags. */
        recents->n_fell_kept += (uint32_t)Py_REFCNT(out.name) > 1;
        Py_DECREF(out.name);
        recents->n_fell++;
    }
    return bp_recent_pair(recents, name);
}

void bp_recent_clear(struct bp_recents *recents)
{
    struct bp_recents old = *recents;
    *recents = (struct bp_recents){ .pairs = NULL };
    for (size_t i = 0; i < n_places(&old); i++) {
        Py_XDECREF(old.pairs[i].name);
    }
    PyMem_Free(old.memory);
}
