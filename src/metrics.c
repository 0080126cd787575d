/* metrics.c - the public functions of counts and events, and the one list of what is worth watching. */
#include "brain.h"

#include <string.h>

#include "client.h"
#include "count.h"
#include "event.h"
#include "stage.h"
#include "store.h"

int brain_counts(brain_store *store, uint64_t counts_out[BRAIN_N_COUNTS])
{
    int err = bn_store_check_usable(store);
    if (err == 0) {
        bn_count_sum(store, counts_out);
    }
    return err;
}

int brain_client_counts(brain_store *store, uint32_t row, uint64_t counts_out[BRAIN_N_COUNTS])
{
    int err = bn_store_check_usable(store);
    if (err == 0 && row >= bn_client_n_rows(store)) {
        err = bn_error(BRAIN_E_INVAL,
                       "%s has %u client rows, and %u is none of them: take one of "
                       "brain_clients()",
                       store->path, bn_client_n_rows(store), row);
    }
    if (err == 0) {
        bn_count_sum_of(store, row, counts_out);
    }
    return err;
}

void brain_tries_begin(void)
{
    bn_stage_tries_begin();
}

void brain_tries_end(brain_store *store, int code)
{
    bool is_refused = code == BRAIN_E_FULL || code == BRAIN_E_QUOTA;
    if (bn_stage_tries_end() && is_refused && bn_store_check_usable(store) == 0) {
        bn_count(store, BRAIN_COUNT_FULL, 1);
    }
}

/* ---- the list */

#define STAT(field, scale_, is_counter_, name_, unit_, help_)                                      \
    { .metric = { .name = name_, .help = help_, .unit = unit_, .is_counter = is_counter_ },        \
      .off = offsetof(brain_stat, field),                                                          \
      .size = sizeof(((brain_stat *)0)->field),                                                    \
      .scale = scale_ }
#define COUNT(i, scale_, name_, unit_, help_)                                                      \
    { .metric = { .name = name_, .help = help_, .unit = unit_, .is_counter = 1 },                  \
      .off = sizeof(brain_stat) + (i) * sizeof(uint64_t),                                          \
      .size = sizeof(uint64_t),                                                                    \
      .scale = scale_ }

/* One metric, and where it is: in a brain_stat, or in the counts behind it. */
static const struct {
    brain_metric metric;
    size_t off, size;
    double scale;
} list[] = {
    STAT(n_clients, 1, 0, "brain_clients", "", "Processes that have the store open and live."),
    STAT(capacity_bytes, 1, 0, "brain_capacity_bytes", "bytes", "What values may take."),
    STAT(live_bytes, 1, 0, "brain_live_bytes", "bytes", "Data of the values that names hold."),
    STAT(limbo_bytes, 1, 0, "brain_limbo_bytes", "bytes",
         "Data of values that were replaced or deleted and are still in use."),
    STAT(private_bytes, 1, 0, "brain_private_bytes", "bytes", "Data of objects being written."),
    STAT(physical_bytes, 1, 0, "brain_memory_bytes", "bytes", "Memory that the files take."),
    STAT(metadata_bytes, 1, 0, "brain_metadata_memory_bytes", "bytes",
         "Memory of records, index and journal."),
    STAT(value_backed_bytes, 1, 0, "brain_value_memory_bytes", "bytes",
         "Memory of the value area, free pages that stay included."),
    STAT(n_objects, 1, 0, "brain_objects", "", "Names, in all namespaces."),
    STAT(n_namespaces, 1, 0, "brain_namespaces", "", "Namespaces."),
    STAT(n_limbo, 1, 0, "brain_limbo_objects", "",
         "Values that were replaced or deleted and are not yet given back."),
    STAT(n_pins, 1, 0, "brain_pins", "", "Views that clients hold."),
    STAT(n_snapshots, 1, 0, "brain_snapshots", "", "Open snapshots."),
    STAT(committed, 1, 1, "brain_commits", "",
         "Number of the last commit. A load skips numbers, so it is no count of changes: "
         "brain_puts and brain_deletes are."),
    STAT(n_recoveries, 1, 1, "brain_recoveries", "", "Dead writers that were recovered from."),
    STAT(n_evicted, 1, 1, "brain_evicted", "", "Values that were removed to make room."),
    STAT(evicted_bytes, 1, 1, "brain_evicted_bytes", "bytes", "Data of those."),
    COUNT(BRAIN_COUNT_HITS, 1, "brain_hits", "", "Values that gets gave."),
    COUNT(BRAIN_COUNT_MISSES, 1, "brain_misses", "", "Gets that found nothing."),
    COUNT(BRAIN_COUNT_PUTS, 1, "brain_puts", "", "Values put."),
    COUNT(BRAIN_COUNT_PUT_BYTES, 1, "brain_put_bytes", "bytes", "Data of values put."),
    COUNT(BRAIN_COUNT_DELETES, 1, "brain_deletes", "", "Values deleted."),
    COUNT(BRAIN_COUNT_FULL, 1, "brain_refusals", "",
          "Calls that were refused for want of room or by a quota."),
    COUNT(BRAIN_COUNT_LOCK_WAITS, 1, "brain_lock_waits", "", "Waits for another writer."),
    COUNT(BRAIN_COUNT_LOCK_WAIT_NS, 1e-9, "brain_lock_wait_seconds", "seconds",
          "Time of those waits."),
};
#define N_LIST (sizeof list / sizeof list[0])

int brain_metrics(brain_store *store, brain_metric *metrics, size_t n_metrics, size_t *n_out)
{
    struct {
        brain_stat stat;
        uint64_t counts[BRAIN_N_COUNTS];
    } all = { .stat = { .struct_size = sizeof all.stat } };
    static_assert(offsetof(__typeof__(all), counts) == sizeof(brain_stat), "they are one block");
    int err = brain_stat_get(store, &all.stat);
    if (err != 0) {
        return err;
    }
    bn_count_sum(store, all.counts);
    for (size_t i = 0; i < N_LIST && i < n_metrics; i++) {
        const uint8_t *at = (const uint8_t *)&all + list[i].off;
        uint64_t value = 0;
        uint32_t half = 0;
        memcpy(list[i].size == sizeof value ? (void *)&value : (void *)&half, at, list[i].size);
        metrics[i] = list[i].metric;
        metrics[i].value = (double)(value + half) * list[i].scale;
    }
    *n_out = N_LIST;
    return 0;
}

/* ---- events */

int brain_on_event(brain_store *store, uint32_t kinds, brain_event_fn tell, void *context)
{
    int err = bn_store_check_usable(store);
    if (err == 0 && ((kinds & ~BRAIN_EVENTS_ALL) != 0 || (kinds != 0 && tell == NULL))) {
        err = bn_error(BRAIN_E_INVAL,
                       "events of the kinds %#x are to be told %s: give kinds of "
                       "enum brain_event_kind, and a function",
                       kinds, tell == NULL ? "to nobody" : "to a function");
    }
    if (err == 0) {
        bn_event_listen(store, kinds, tell, context);
    }
    return err;
}
