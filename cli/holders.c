/* holders.c - who holds what of a store.
 *
 * A pin is the number of an object, which is something else as soon as nobody has a view of it. So who pins what is
 * made out in this order: pins (which objects are there to be looked at), a look at each, pins once more, a look once
 * more. What had the same gen both times was, at the moment of the second list, held by whom that says. Rows are listed
 * before and after: one that was given to another process meanwhile is left out.
 *
 * What is in limbo is kept by each process that has a view of it, and by each that has a snapshot as of a commit at
 * which it was the value still. Where that is one process, it alone keeps it.
 */
#include "holders.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/* ---- lists that may grow while they are taken */

static int list_pins(brain_store *store, brain_pin **pins_out, size_t *n_out)
{
    brain_pin *pins = NULL;
    size_t room = 0, n = 0;
    int err;
    while ((err = brain_pins(store, pins, room, &n)) == 0 && n > room) {
        room = n + n / 4 + 16;
        pins = bc_realloc(pins, room * sizeof *pins);
    }
    *pins_out = pins;
    *n_out = n;
    return err;
}

static int list_clients(brain_store *store, brain_client **clients_out, size_t *n_out)
{
    brain_client *clients = NULL;
    size_t room = 0, n = 0;
    int err;
    while ((err = brain_clients(store, clients, room, &n)) == 0 && n > room) {
        room = n + n / 4 + 16;
        clients = bc_realloc(clients, room * sizeof *clients);
    }
    *clients_out = clients;
    *n_out = n;
    return err;
}

/* ---- objects */

uint32_t bc_holders_name_len(const brain_object_info *info)
{
    return info->name_there == info->name_len
               ? info->name_there
               : (uint32_t)bc_text_whole(info->name, info->name_there);
}

static int by_object(const void *a, const void *b)
{
    const struct bc_object *one = a, *other = b;
    return one->object < other->object ? -1 : one->object > other->object;
}

static int by_pin_object(const void *a, const void *b)
{
    const brain_pin *one = a, *other = b;
    if (one->object != other->object) return one->object < other->object ? -1 : 1;
    return one->client < other->client ? -1 : one->client > other->client;
}

static struct bc_object *find_object(struct bc_holders *all, uint32_t object)
{
    struct bc_object key = { .object = object };
    return all->n_objects == 0 ? NULL
                               : bsearch(&key, all->objects, all->n_objects, sizeof key, by_object);
}

static void set_object(struct bc_object *object, const brain_object_info *info)
{
    *object = (struct bc_object){
        .object = info->object,
        .gen = info->gen,
        .state = info->state,
        .client = info->client,
        .version = info->version,
        .retired = info->retired,
        .size_bytes = info->size_bytes,
        .created_ns = info->created_ns,
        .name_len = info->name_len,
        .space_len = info->space_len,
        .shown_len = bc_holders_name_len(info),
    };
}

static void name_object(struct bc_object *object, const brain_object_info *info)
{
    object->name = bc_copy(info->name, object->shown_len);
    object->space = bc_copy(info->space, info->space_len);
}

/* Look at each object that is pinned. */
static int look_at_pinned(brain_store *store, brain_pin *pins, size_t n_pins,
                          struct bc_holders *all)
{
    if (n_pins > 0) qsort(pins, n_pins, sizeof *pins, by_pin_object); /* else there is no list */
    all->objects = bc_alloc((n_pins + 1) * sizeof *all->objects);
    for (size_t i = 0; i < n_pins; i++) {
        brain_object_info info = { .struct_size = sizeof info };
        if (i > 0 && pins[i].object == pins[i - 1].object) continue;
        int err = brain_object_look(store, pins[i].object, &info);
        all->n_damaged += err == BRAIN_E_CORRUPT;
        if (err != 0 && err != BRAIN_E_NOT_FOUND && err != BRAIN_E_CORRUPT) return err;
        if (err != 0) continue;
        set_object(&all->objects[all->n_objects], &info);
        name_object(&all->objects[all->n_objects++], &info);
    }
    return 0;
}

static int look_again(brain_store *store, struct bc_holders *all)
{
    for (size_t i = 0; i < all->n_objects; i++) {
        brain_object_info info = { .struct_size = sizeof info };
        struct bc_object *object = &all->objects[i];
        int err = brain_object_look(store, object->object, &info);
        if (err != 0 && err != BRAIN_E_NOT_FOUND && err != BRAIN_E_CORRUPT) return err;
        object->is_still_itself = err == 0 && info.gen == object->gen;
        if (object->is_still_itself) {
            object->state = info.state;
            object->retired = info.retired;
        }
    }
    return 0;
}

/* ---- holders */

static bool is_same_process(const struct bc_holder *holder, const brain_client *client)
{
    return holder->client.pid == client->pid &&
           holder->client.pid_namespace == client->pid_namespace &&
           (holder->client.alive != 0) == (client->alive != 0) &&
           (client->alive || holder->client.row == client->row);
}

/* The holder of each row; -1: none. */
struct rows {
    uint32_t n;
    int64_t *holder;
};

static int64_t holder_of(const struct rows *rows, uint32_t row)
{
    return row < rows->n ? rows->holder[row] : -1;
}

static int add_snapshots(brain_store *store, struct bc_holder *holder, uint32_t row)
{
    uint64_t numbers[BRAIN_SNAPSHOTS_MAX];
    size_t n = 0;
    int err = brain_client_snapshots(store, row, numbers, &n);
    if (err != 0 || n == 0) return err;
    holder->snapshots =
        bc_realloc(holder->snapshots, (holder->n_snapshots + n) * sizeof *holder->snapshots);
    memcpy(holder->snapshots + holder->n_snapshots, numbers, n * sizeof *numbers);
    holder->n_snapshots += n;
    return 0;
}

static int add_clients(brain_store *store, const brain_client *clients, size_t n_clients,
                       uint32_t own_row, struct rows *rows, struct bc_holders *all)
{
    for (size_t i = 0; i < n_clients; i++) {
        rows->n = rows->n > clients[i].row ? rows->n : clients[i].row + 1;
    }
    rows->holder = bc_alloc((rows->n + 1) * sizeof *rows->holder);
    memset(rows->holder, 0xff, (rows->n + 1) * sizeof *rows->holder);
    all->holders = bc_alloc((n_clients + 1) * sizeof *all->holders); /* and one without a row */
    for (size_t i = 0; i < n_clients; i++) {
        size_t j = 0;
        if (clients[i].row == own_row) continue;
        while (j < all->n_holders && !is_same_process(&all->holders[j], &clients[i])) {
            j++;
        }
        struct bc_holder *holder = &all->holders[j];
        if (j == all->n_holders) {
            *holder =
                (struct bc_holder){ .client = clients[i], .attached_ns = clients[i].start_ns };
            all->n_holders++;
        } else if (clients[i].start_ns < holder->attached_ns) {
            holder->attached_ns = clients[i].start_ns;
        }
        rows->holder[clients[i].row] = (int64_t)j;
        int err = add_snapshots(store, holder, clients[i].row);
        if (err != 0) return err;
    }
    return 0;
}

/* Rows that are another process's now than before are nobody's. */
static int drop_changed_rows(brain_store *store, const brain_client *before, size_t n_before,
                             struct rows *rows)
{
    brain_client *after;
    size_t n_after;
    int err = list_clients(store, &after, &n_after);
    for (size_t i = 0, j = 0; err == 0 && i < n_before; i++) {
        while (j < n_after &&
               after[j].row < before[i].row) { /* both are in the order of the rows */
            j++;
        }
        if (j == n_after || after[j].row != before[i].row || after[j].seat != before[i].seat) {
            rows->holder[before[i].row] = -1;
        }
    }
    free(after);
    return err;
}

static uint32_t nameless(struct bc_holders *all)
{
    if (all->n_holders == 0 || !all->holders[all->n_holders - 1].is_nameless) {
        all->holders[all->n_holders++] = (struct bc_holder){ .is_nameless = true };
    }
    return (uint32_t)all->n_holders - 1;
}

/* ---- holds */

static void add_holds(struct bc_holders *all, const struct rows *rows, brain_pin *pins,
                      size_t n_pins, uint32_t own_row)
{
    if (n_pins > 0) qsort(pins, n_pins, sizeof *pins, by_pin_object); /* else there is no list */
    all->holds = bc_alloc((n_pins + 1) * sizeof *all->holds);
    for (size_t i = 0; i < n_pins; i++) {
        if (pins[i].client == own_row) continue;
        struct bc_object *object = find_object(all, pins[i].object);
        int64_t holder = pins[i].client >= BRAIN_CLIENT_ROWS ? (int64_t)nameless(all)
                                                             : holder_of(rows, pins[i].client);
        if (object == NULL || !object->is_still_itself || holder < 0)
            continue; /* it came or went meanwhile */
        uint32_t idx = (uint32_t)(object - all->objects);
        all->holders[holder].n_views++;
        size_t j = all->n_holds;
        while (j > 0 && all->holds[j - 1].object == idx && all->holds[j - 1].holder != holder) {
            j--;
        }
        if (j > 0 && all->holds[j - 1].object == idx) {
            all->holds[j - 1].n_views++;
        } else {
            all->holds[all->n_holds++] =
                (struct bc_hold){ .holder = (uint32_t)holder, .object = idx, .n_views = 1 };
            object->n_keepers++;
            object->keeper = (uint32_t)holder;
        }
    }
}

/* The snapshots of all holders, by their numbers. */
struct reads {
    struct read {
        uint64_t number;
        uint32_t holder;
    } *all;
    size_t n;
};

static int by_number(const void *a, const void *b)
{
    const struct read *one = a, *other = b;
    return one->number < other->number ? -1 : one->number > other->number;
}

static struct reads gather_reads(const struct bc_holders *all)
{
    struct reads reads = { .n = 0 };
    for (size_t i = 0; i < all->n_holders; i++) {
        reads.n += all->holders[i].n_snapshots;
    }
    reads.all = bc_alloc((reads.n + 1) * sizeof *reads.all);
    for (size_t i = 0, n = 0; i < all->n_holders; i++) {
        for (size_t k = 0; k < all->holders[i].n_snapshots; k++) {
            reads.all[n++] = (struct read){ all->holders[i].snapshots[k], (uint32_t)i };
        }
    }
    qsort(reads.all, reads.n, sizeof *reads.all, by_number);
    return reads;
}

/* The first that reads as of `number` or later. */
static size_t first_read(const struct reads *reads, uint64_t number)
{
    size_t from = 0, to = reads->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (reads->all[middle].number < number) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* Holders that need an object for a snapshot. With the second keeper it is through: whether one alone keeps it is all
 * that is asked, and there may be a million objects and thousands of snapshots. */
static void add_snapshot_keepers(const struct reads *reads, struct bc_object *object)
{
    for (size_t i = first_read(reads, object->version); i < reads->n && object->n_keepers < 2;
         i++) {
        const struct read *read = &reads->all[i];
        if (object->retired != 0 && read->number >= object->retired) break;
        if (object->n_keepers == 0 || object->keeper != read->holder) {
            object->n_keepers++;
            object->keeper = read->holder;
        }
    }
}

static void count_limbo(struct bc_holders *all, const struct bc_object *object)
{
    if (object->n_keepers == 0) {
        all->n_idle++;
        all->idle_bytes += object->size_bytes;
    } else if (object->n_keepers == 1) {
        all->holders[object->keeper].n_alone++;
        all->holders[object->keeper].alone_bytes += object->size_bytes;
    }
}

/* What is pinned and in limbo. The holds of an object stand together. */
static void count_pinned(struct bc_holders *all, const struct reads *reads)
{
    for (size_t i = 0; i < all->n_holds;) {
        struct bc_object *object = &all->objects[all->holds[i].object];
        size_t n = 1;
        while (i + n < all->n_holds && all->holds[i + n].object == all->holds[i].object) {
            n++;
        }
        if (object->state == BRAIN_OBJECT_LIMBO) {
            add_snapshot_keepers(reads, object);
            count_limbo(all, object);
        }
        i += n;
    }
}

/* All else that is in limbo, and what is being written. */
static int count_others(brain_store *store, const struct rows *rows, const struct reads *reads,
                        struct bc_holders *all)
{
    enum {
        AT_ONCE = 256
    };
    brain_object_info *infos = bc_alloc(AT_ONCE * sizeof *infos);
    uint32_t cursor = 0;
    size_t n;
    int err;
    infos[0].struct_size = sizeof infos[0];
    do {
        err = brain_objects(store, BRAIN_OBJECT_LIMBO | BRAIN_OBJECT_DRAFT, &cursor, infos, AT_ONCE,
                            &n);
        for (size_t i = 0; (err == 0 || err == BRAIN_E_CORRUPT) && i < n; i++) {
            struct bc_object object;
            set_object(&object, &infos[i]);
            const struct bc_object *pinned = find_object(all, object.object);
            int64_t holder = holder_of(rows, object.client);
            if (object.state == BRAIN_OBJECT_DRAFT && holder >= 0) {
                all->holders[holder].n_drafts++;
                all->holders[holder].draft_bytes += object.size_bytes;
            } else if (object.state == BRAIN_OBJECT_LIMBO &&
                       (pinned == NULL || pinned->gen != object.gen || pinned->n_keepers == 0)) {
                add_snapshot_keepers(reads, &object);
                count_limbo(all, &object);
            }
        }
        all->n_damaged += err == BRAIN_E_CORRUPT;
    } while (err == 0 || err == BRAIN_E_CORRUPT);
    free(infos);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

/* ---- order */

static uint64_t kept_by(const struct bc_holder *holder)
{
    return holder->alone_bytes + holder->draft_bytes;
}

static int by_kept(const void *a, const void *b, void *all)
{
    const struct bc_holders *sorting = all;
    const struct bc_holder *one = &sorting->holders[*(const uint32_t *)a];
    const struct bc_holder *other = &sorting->holders[*(const uint32_t *)b];
    if (kept_by(one) != kept_by(other)) return kept_by(one) > kept_by(other) ? -1 : 1;
    if (one->n_views != other->n_views) return one->n_views > other->n_views ? -1 : 1;
    return one->attached_ns < other->attached_ns ? -1 : one->attached_ns > other->attached_ns;
}

static int by_holder(const void *a, const void *b, void *all)
{
    const struct bc_holders *sorting = all;
    const struct bc_hold *one = a, *other = b;
    const struct bc_object *its = &sorting->objects[one->object];
    const struct bc_object *of_other = &sorting->objects[other->object];
    if (one->holder != other->holder) return one->holder < other->holder ? -1 : 1;
    if (its->state != of_other->state) return its->state == BRAIN_OBJECT_LIMBO ? -1 : 1;
    if (its->size_bytes != of_other->size_bytes) {
        return its->size_bytes > of_other->size_bytes ? -1 : 1;
    }
    return its->version < of_other->version ? -1 : its->version > of_other->version;
}

static void sort(struct bc_holders *all)
{
    uint32_t *order = bc_alloc((all->n_holders + 1) * sizeof *order);
    uint32_t *place = bc_alloc((all->n_holders + 1) * sizeof *place);
    struct bc_holder *sorted = bc_alloc((all->n_holders + 1) * sizeof *sorted);
    for (uint32_t i = 0; i < all->n_holders; i++) {
        order[i] = i;
    }
    qsort_r(order, all->n_holders, sizeof *order, by_kept, all);
    for (uint32_t i = 0; i < all->n_holders; i++) {
        sorted[i] = all->holders[order[i]];
        place[order[i]] = i;
    }
    memcpy(all->holders, sorted, all->n_holders * sizeof *sorted);
    for (size_t i = 0; i < all->n_holds; i++) {
        all->holds[i].holder = place[all->holds[i].holder];
    }
    for (size_t i = 0; i < all->n_objects; i++) {
        if (all->objects[i].n_keepers > 0) {
            all->objects[i].keeper = place[all->objects[i].keeper];
        }
    }
    if (all->n_holds > 0) qsort_r(all->holds, all->n_holds, sizeof *all->holds, by_holder, all);
    for (size_t i = all->n_holds; i-- > 0;) {
        all->holders[all->holds[i].holder].first_hold = i;
        all->holders[all->holds[i].holder].n_holds++;
    }
    free(order);
    free(place);
    free(sorted);
}

/* ---- */

int bc_holders_look(brain_store *store, bool limbo, struct bc_holders *out)
{
    brain_client self, *clients = NULL;
    brain_pin *pins = NULL;
    struct rows rows = { .n = 0 };
    struct reads reads = { .n = 0 };
    size_t n_clients = 0, n_pins = 0;
    *out = (struct bc_holders){ .n_holders = 0 };
    int err = brain_self(store, &self);
    if (err == 0) err = list_clients(store, &clients, &n_clients);
    if (err == 0) err = add_clients(store, clients, n_clients, self.row, &rows, out);
    if (err == 0) err = list_pins(store, &pins, &n_pins);
    if (err == 0) err = look_at_pinned(store, pins, n_pins, out);
    free(pins);
    pins = NULL;
    if (err == 0) err = list_pins(store, &pins, &n_pins);
    if (err == 0) err = look_again(store, out);
    if (err == 0) err = drop_changed_rows(store, clients, n_clients, &rows);
    if (err == 0) {
        add_holds(out, &rows, pins, n_pins, self.row);
        reads = gather_reads(out);
        count_pinned(out, &reads);
    }
    if (err == 0 && limbo) err = count_others(store, &rows, &reads, out);
    for (size_t i = 0; err == 0 && i < out->n_holders; i++) {
        if (!out->holders[i].is_nameless) {
            bc_process_find(&out->holders[i].client, &out->holders[i].process);
        }
    }
    if (err == 0) sort(out);
    free(pins);
    free(clients);
    free(rows.holder);
    free(reads.all);
    if (err != 0) bc_holders_free(out);
    return err;
}

void bc_holders_free(struct bc_holders *all)
{
    for (size_t i = 0; i < all->n_holders; i++) {
        bc_process_free(&all->holders[i].process);
        free(all->holders[i].snapshots);
    }
    for (size_t i = 0; i < all->n_objects; i++) {
        free(all->objects[i].name);
        free(all->objects[i].space);
    }
    free(all->holders);
    free(all->objects);
    free(all->holds);
    *all = (struct bc_holders){ .n_holders = 0 };
}

int32_t bc_holders_pid(const struct bc_holder *holder)
{
    return holder->is_nameless || holder->process.pid < 0 ? 0 : holder->process.pid;
}

const char *bc_holders_state(uint32_t state)
{
    return state == BRAIN_OBJECT_LIVE ? "live" : state == BRAIN_OBJECT_LIMBO ? "replaced" : "draft";
}

bool bc_holders_is_stopped(const struct bc_holder *holder)
{
    return holder->process.state == 'T' || holder->process.state == 't';
}

const char *bc_holders_mark(const struct bc_holder *holder)
{
    if (holder->is_nameless) return "";
    if (!holder->client.alive) return " (dead)";
    return bc_holders_is_stopped(holder) ? " (stopped)" : "";
}
