/* event.h - telling whoever asked of what this process does (brain_on_event()). */
#ifndef BN_EVENT_H
#define BN_EVENT_H

#include "store.h"

/* Whether one of `kinds` is to be told. */
static inline bool bn_event_wanted(const struct brain_store *store, uint32_t kinds)
{
    return bn_unlikely((bn_load_relaxed(&store->events.kinds) & kinds) !=
                       0); /* relaxed: as of some moment */
}

/* From now on tell that one; `kinds` 0: nobody. */
void bn_event_listen(struct brain_store *store, uint32_t kinds, brain_event_fn tell, void *context);

/* Tell of an event now, if it is wanted: without the lock of the store, and where a call of somebody who uses the store
 * does no harm. Detail text and errno are as before. */
void bn_event_tell(struct brain_store *store, const brain_event *event);

/* From now on, as long as nobody is to be told, note who was recovered from and reaped, for who will be / no longer. */
void bn_event_begin_early(struct brain_store *store);
void bn_event_end_early(struct brain_store *store);

/* Note an event that is to be told later by this thread, if it is wanted: under the lock, or anywhere. Asks for no
 * memory: of many that nobody has told yet the last are not. */
__attribute__((format(printf, 4, 5))) void bn_event_note(struct brain_store *store, uint32_t kind,
                                                         uint64_t bytes, const char *format, ...);

/* Tell what this thread has noted. As bn_event_tell(). */
void bn_event_tell_noted_slow(struct brain_store *store);
static inline void bn_event_tell_noted(struct brain_store *store)
{
    /* relaxed: its own are counted */
    if (bn_event_wanted(store, BRAIN_EVENTS_ALL) && bn_load_relaxed(&store->events.n_noted) != 0) {
        bn_event_tell_noted_slow(store);
    }
}

/* In a child: what is noted its parent tells. */
void bn_event_forget(struct brain_store *store);

#endif
