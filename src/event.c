/* event.c - telling whoever asked of what this process does.
 *
 * Owns:     `events` of a handle.
 * Places:   a call tells at its end, when it has let go of the lock. What happens in the middle of one, where nobody
 *           may be called back (a dead writer recovered from, a dead client reaped, a wait) is noted, and told at the
 *           end of that call, or of the thread's next one.
 * Off:      a get and a put ask nothing: `counting` of the handle (count.h) leads them the slow way where somebody
 *           listens.
 * Notes:    a place belongs to the thread that has stored its number there by compare-and-swap; nobody else looks at
 *           what is in it.
 */
#include "event.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/thread.h"
#include "count.h"

static _Thread_local bool is_telling;

#define EARLY ((uintptr_t)1) /* in the place of a thread: whoever listens first is told */

void bn_event_listen(struct brain_store *store, uint32_t kinds, brain_event_fn tell, void *context)
{
    struct bn_events *events = &store->events;
    pthread_mutex_lock(&store->mutex);
    events->tell = kinds != 0 ? tell : NULL;
    events->context = context;
    bn_store_release(&events->kinds, kinds);
    bn_count_go(store, (kinds & BN_EVENTS_EACH) != 0);
    for (uint32_t i = 0; i < BN_EVENT_NOTES && kinds != 0; i++) {
        uintptr_t early = EARLY;
        (void)bn_cas_seq(&events->notes[i].thread, &early, bn_thread_here());
    }
    pthread_mutex_unlock(&store->mutex);
    bn_event_tell_noted(store);
}

void bn_event_begin_early(struct brain_store *store)
{
    store->events.is_early = true;
}

void bn_event_end_early(struct brain_store *store)
{
    store->events.is_early = false;
}

void bn_event_tell(struct brain_store *store, const brain_event *event)
{
    struct bn_events *events = &store->events;
    char detail[BN_ERROR_DETAIL_BYTES];
    int error = errno;
    if (!bn_event_wanted(store, event->kind) || is_telling) {
        return;
    }
    pthread_mutex_lock(&store->mutex);
    brain_event_fn tell = events->tell;
    void *context = events->context;
    pthread_mutex_unlock(&store->mutex);
    if (tell == NULL) {
        return;
    }
    bn_error_keep(detail);
    is_telling = true;
    tell(context, event);
    is_telling = false;
    bn_error_bring_back(detail);
    errno = error;
}

/* ---- notes */

#define KEPT (BRAIN_EVENT_RECOVERED | BRAIN_EVENT_REAPED)

void bn_event_note(struct brain_store *store, uint32_t kind, uint64_t bytes, const char *format,
                   ...)
{
    struct bn_events *events = &store->events;
    bool is_early = events->is_early;
    if (is_telling || (!bn_event_wanted(store, kind) && !(is_early && (kind & KEPT) != 0))) {
        return;
    }
    for (uint32_t i = 0; i < BN_EVENT_NOTES; i++) {
        struct bn_event_note *note = &events->notes[i];
        uintptr_t nobody = 0;
        if (bn_load_relaxed(&note->thread) == 0 && /* relaxed: the swap decides */
            bn_cas_seq(&note->thread, &nobody, is_early ? EARLY : bn_thread_here())) {
            va_list args;
            note->kind = kind;
            note->bytes = bytes;
            va_start(args, format);
            (void)vsnprintf(note->text, sizeof note->text, format, args);
            va_end(args);
            (void)bn_add_seq(&events->n_noted, 1u);
            return;
        }
    }
}

void bn_event_tell_noted_slow(struct brain_store *store)
{
    struct bn_events *events = &store->events;
    uintptr_t self = bn_thread_here();
    for (uint32_t i = 0; i < BN_EVENT_NOTES; i++) {
        struct bn_event_note *note = &events->notes[i];
        if (bn_load_relaxed(&note->thread) != self) { /* relaxed: its own */
            continue;
        }
        struct bn_event_note its = { .kind = note->kind, .bytes = note->bytes };
        (void)snprintf(its.text, sizeof its.text, "%s", note->text);
        (void)bn_add_seq(&events->n_noted, UINT32_MAX);
        bn_store_release(&note->thread, (uintptr_t)0);
        bn_event_tell(store, &(brain_event){ .kind = its.kind,
                                             .bytes = its.bytes,
                                             .text = its.text[0] != '\0' ? its.text : NULL });
    }
}

void bn_event_forget(struct brain_store *store)
{
    for (uint32_t i = 0; i < BN_EVENT_NOTES; i++) {
        bn_store_relaxed(&store->events.notes[i].thread,
                         (uintptr_t)0); /* relaxed: one thread has it */
    }
    bn_store_relaxed(&store->events.n_noted, 0u);
}
