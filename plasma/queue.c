/* queue.c - notifications: a queue for each subscriber, in the store. See queue.h.
 *
 * The list of subscribers is one value, changed only if it is still the version that was looked at;
 * and an object is changed only if the list is, too. So nobody is forgotten who was in it before the
 * commit, and no queue is made anew that was removed after its subscriber was taken out.
 */
#include "queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LIST           "subscribers"
#define LIST_LEN       11u
#define RECORD_BYTES   32u
#define ENTRY_BYTES    36u
#define PREFIX         "\xffplasma:"
#define PREFIX_LEN     8u
#define LOOK_EVERY     1024u /* entries that wait: whether the subscriber lives */
#define DELETE_AT_ONCE 65536u

struct record {
    uint8_t token[PL_TOKEN_BYTES];
    uint64_t seat;
    uint32_t row;
    uint32_t zero;
};
_Static_assert(sizeof(struct record) == RECORD_BYTES, "records are part of the format");

/* ---- the list of subscribers */

struct subscribers {
    struct record *records; /* to be freed; with room for one more */
    size_t n;
    uint64_t version; /* 0: there never was one */
};

static int load(struct pl_store *objects, struct subscribers *out)
{
    brain_view view;
    *out = (struct subscribers){ NULL, 0, 0 };
    int code = brain_get(objects->control, LIST, LIST_LEN, &view);
    if (code == BRAIN_E_NOT_FOUND) return 0;
    if (code != 0) return code;
    size_t n = view.meta_len / RECORD_BYTES;
    struct record *records = malloc((n + 1) * sizeof *records);
    if (records != NULL && n > 0) memcpy(records, view.meta, n * sizeof *records);
    if (records != NULL) *out = (struct subscribers){ records, n, view.version };
    brain_view_drop(&view);
    return records != NULL ? 0 : BRAIN_E_NOMEM;
}

static int save(struct pl_store *objects, const struct subscribers *list)
{
    brain_value value = { .kind = BRAIN_KIND_RAW,
                          .meta = list->records,
                          .meta_len = list->n * RECORD_BYTES,
                          .description = "" };
    if (list->n == 0) return brain_delete(objects->control, LIST, LIST_LEN, list->version);
    return brain_put(objects->control, LIST, LIST_LEN, &value, list->version, NULL);
}

static size_t find(const struct subscribers *list, const uint8_t *token)
{
    size_t i = 0;
    while (i < list->n && memcmp(list->records[i].token, token, PL_TOKEN_BYTES) != 0)
        i++;
    return i;
}

static bool was_changed(int code)
{
    return code == BRAIN_E_STALE || code == BRAIN_E_EXISTS || code == BRAIN_E_NOT_FOUND;
}

static int open_queue(struct pl_store *objects, const uint8_t *token, brain_space **queue_out)
{
    uint8_t name[PREFIX_LEN + PL_TOKEN_BYTES];
    memcpy(name, PREFIX, PREFIX_LEN);
    memcpy(name + PREFIX_LEN, token, PL_TOKEN_BYTES);
    return brain_space_open(objects->store, name, sizeof name, queue_out);
}

static int remove_queue(struct pl_store *objects, const uint8_t *token)
{
    brain_space *queue;
    int code = open_queue(objects, token, &queue);
    if (code != 0) return code;
    code = brain_space_remove(queue);
    brain_space_close(queue);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* Take a subscriber out of the list, if it is there, and remove its queue. */
static int drop(struct pl_store *objects, const uint8_t *token)
{
    int code;
    do {
        struct subscribers list;
        code = load(objects, &list);
        if (code != 0) return code;
        size_t i = find(&list, token);
        if (i < list.n) {
            list.records[i] = list.records[--list.n];
            code = save(objects, &list);
        }
        free(list.records);
    } while (was_changed(code));
    return code != 0 ? code : remove_queue(objects, token);
}

/* ---- telling */

struct pl_notice pl_queue_notice(const uint8_t *id, uint64_t data_bytes, uint64_t meta_bytes)
{
    struct pl_notice notice = { .data_bytes = (int64_t)data_bytes,
                                .meta_bytes = (int64_t)meta_bytes };
    memcpy(notice.id, id, BRAIN_ID_BYTES);
    return notice;
}

/* A name that no other entry has. */
struct entry_name {
    uint64_t process[2];
    uint64_t count;
};

static int name_entry(struct pl_store *objects, struct entry_name *name_out)
{
    static _Atomic uint64_t count;
    brain_client self;
    int code = brain_self(objects->store, &self);
    if (code != 0) return code;
    /* Row and seat are one client, for ever; a forked child has its own. */
    *name_out = (struct entry_name){ { self.row, self.seat }, atomic_fetch_add(&count, 1) };
    return 0;
}

/* Whether the subscriber is to be dropped: dead, or too far behind. Asked now and then. */
static bool is_lost(struct pl_store *objects, const struct record *record, brain_space *queue)
{
    uint64_t n_waiting;
    if (brain_space_count(queue, &n_waiting) != 0 || n_waiting < LOOK_EVERY) return false;
    if (n_waiting >= PL_QUEUE_MAX) return true;
    return n_waiting % LOOK_EVERY == 0 &&
           brain_client_lives(objects->store, record->row, record->seat) == 0;
}

static int add_entry(struct pl_telling *telling, brain_space *queue, const struct entry_name *name,
                     const uint8_t *entry)
{
    brain_value value = {
        .kind = BRAIN_KIND_RAW, .meta = entry, .meta_len = ENTRY_BYTES, .description = ""
    };
    return brain_batch_put(telling->batch, queue, name, sizeof *name, &value);
}

static int tell_one(struct pl_store *objects, const struct record *record,
                    const struct entry_name *name, const uint8_t *entry, struct pl_telling *telling)
{
    brain_space *queue;
    int code = open_queue(objects, record->token, &queue);
    if (code != 0) return code;
    if (is_lost(objects, record, queue)) {
        brain_space_close(queue);
        code = drop(objects, record->token);
        return code != 0 ? code : BRAIN_E_STALE; /* the list is another now */
    }
    telling->queues[telling->n_queues++] = queue;
    return add_entry(telling, queue, name, entry);
}

static int tell_all(struct pl_store *objects, const struct subscribers *list,
                    const struct pl_notice *notice, struct pl_telling *telling)
{
    uint8_t entry[ENTRY_BYTES];
    struct entry_name name;
    memcpy(entry, notice->id, BRAIN_ID_BYTES);
    memcpy(entry + 20, &notice->data_bytes, 8);
    memcpy(entry + 28, &notice->meta_bytes, 8);
    telling->queues = calloc(list->n, sizeof *telling->queues);
    int code = telling->queues == NULL ? BRAIN_E_NOMEM : name_entry(objects, &name);
    for (size_t i = 0; i < list->n && code == 0; i++) {
        code = tell_one(objects, &list->records[i], &name, entry, telling);
    }
    return code;
}

int pl_queue_tell(struct pl_store *objects, const struct pl_notice *notice, struct pl_telling *out)
{
    struct subscribers list;
    *out = (struct pl_telling){ NULL, NULL, 0 };
    int code = load(objects, &list);
    if (code != 0) return code;
    code = brain_batch_new(objects->store, &out->batch);
    if (code == 0) {
        code = brain_batch_require(out->batch, objects->control, LIST, LIST_LEN, list.version);
    }
    if (code == 0 && list.n > 0) code = tell_all(objects, &list, notice, out);
    free(list.records);
    if (code != 0) pl_queue_told(out);
    return code;
}

void pl_queue_told(struct pl_telling *telling)
{
    brain_batch_free(telling->batch);
    for (size_t i = 0; i < telling->n_queues; i++)
        brain_space_close(telling->queues[i]);
    free(telling->queues);
    *telling = (struct pl_telling){ NULL, NULL, 0 };
}

/* ---- listening */

int pl_queue_subscribe(struct pl_store *objects, const uint8_t *token)
{
    brain_client self;
    int code = brain_self(objects->store, &self);
    if (code != 0) return code;
    do {
        struct subscribers list;
        code = load(objects, &list);
        if (code != 0) return code;
        if (list.records == NULL) list.records = malloc(sizeof *list.records);
        if (list.records == NULL) return BRAIN_E_NOMEM;
        struct record *record = &list.records[list.n++];
        *record = (struct record){ .seat = self.seat, .row = self.row };
        memcpy(record->token, token, PL_TOKEN_BYTES);
        code = save(objects, &list);
        free(list.records);
    } while (was_changed(code));
    return code;
}

int pl_queue_unsubscribe(struct pl_store *objects, const uint8_t *token)
{
    return drop(objects, token);
}

/* What waits, with the names that it waits under. */
struct waiting {
    struct item {
        struct pl_notice notice;
        struct entry_name name;
    } *items;
    size_t n, room;
};

static int append(struct waiting *waiting, const struct item *item)
{
    if (waiting->n == waiting->room) {
        size_t room = waiting->room == 0 ? 64 : 2 * waiting->room;
        struct item *items = realloc(waiting->items, room * sizeof *items);
        if (items == NULL) return BRAIN_E_NOMEM;
        waiting->items = items;
        waiting->room = room;
    }
    waiting->items[waiting->n++] = *item;
    return 0;
}

static int read_entry(brain_iter *iter, struct waiting *waiting)
{
    struct item item;
    brain_view view;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code;
    if (view.meta_len == ENTRY_BYTES && view.name_len == sizeof item.name) {
        const uint8_t *entry = view.meta;
        item.notice.version = view.version;
        memcpy(item.notice.id, entry, BRAIN_ID_BYTES);
        memcpy(&item.notice.data_bytes, entry + 20, 8);
        memcpy(&item.notice.meta_bytes, entry + 28, 8);
        memcpy(&item.name, view.name, sizeof item.name);
        code = append(waiting, &item);
    }
    brain_view_drop(&view);
    return code;
}

static int collect(brain_space *queue, struct waiting *waiting)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int code = pl_store_walk(queue, &iter);
    if (code != 0) return code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0 &&
           (code = read_entry(iter, waiting)) == 0) {
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* In order of commit; of one commit, which tells of one object, there is one entry. */
static int by_version(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return x->notice.version < y->notice.version ? -1 : x->notice.version > y->notice.version;
}

static int delete_entries(brain_store *store, brain_space *queue, const struct waiting *waiting)
{
    brain_batch *batch;
    int code = brain_batch_new(store, &batch);
    for (size_t i = 0; i < waiting->n && code == 0; i++) {
        code = brain_batch_delete(batch, queue, &waiting->items[i].name,
                                  sizeof waiting->items[i].name);
        if (code == 0 && (i + 1 == waiting->n || (i + 1) % DELETE_AT_ONCE == 0)) {
            code = brain_batch_commit(batch, NULL);
        }
    }
    brain_batch_free(batch);
    return code;
}

/* Take all that waits out of the queue. */
static int take(struct pl_store *objects, brain_space *queue, struct pl_notice **notices_out,
                size_t *n_out)
{
    struct waiting waiting = { NULL, 0, 0 };
    struct pl_notice *notices = NULL;
    int code = collect(queue, &waiting);
    if (code == 0 && waiting.n > 0) {
        qsort(waiting.items, waiting.n, sizeof *waiting.items, by_version);
        notices = malloc(waiting.n * sizeof *notices);
        code = notices == NULL ? BRAIN_E_NOMEM : delete_entries(objects->store, queue, &waiting);
    }
    for (size_t i = 0; i < waiting.n && code == 0; i++)
        notices[i] = waiting.items[i].notice;
    free(waiting.items);
    if (code != 0) {
        free(notices);
        return code;
    }
    *notices_out = notices;
    *n_out = waiting.n;
    return 0;
}

static int is_registered(struct pl_store *objects, const uint8_t *token)
{
    struct subscribers list;
    int code = load(objects, &list);
    if (code == 0 && find(&list, token) == list.n) code = BRAIN_E_NOT_FOUND;
    free(list.records);
    return code;
}

int pl_queue_take(struct pl_store *objects, const uint8_t *token, int64_t timeout_ns,
                  uint64_t *number, struct pl_notice **notices_out, size_t *n_out)
{
    brain_space *queue;
    int code = open_queue(objects, token, &queue);
    if (code != 0) return code;
    code = brain_wait_space(queue, *number, timeout_ns, number);
    if (code == 0) code = take(objects, queue, notices_out, n_out);
    if (code == BRAIN_E_TIMEOUT || (code == 0 && *n_out == 0)) {
        int there = is_registered(objects, token);
        code = there != 0 ? there : code;
    }
    brain_space_close(queue);
    return code;
}

/* ---- after the dead */

struct tokens {
    uint8_t (*tokens)[PL_TOKEN_BYTES];
    size_t n, room;
};

static int append_token(struct tokens *tokens, const uint8_t *token)
{
    if (tokens->n == tokens->room) {
        size_t room = tokens->room == 0 ? 8 : 2 * tokens->room;
        void *more = realloc(tokens->tokens, room * sizeof *tokens->tokens);
        if (more == NULL) return BRAIN_E_NOMEM;
        tokens->tokens = more;
        tokens->room = room;
    }
    memcpy(tokens->tokens[tokens->n++], token, PL_TOKEN_BYTES);
    return 0;
}

/* Of all queues that there are. */
static int list_queues(struct pl_store *objects, struct tokens *tokens)
{
    const void *name;
    size_t len;
    brain_iter *iter;
    int code;
    while ((code = brain_iter_spaces(objects->store, NULL, &iter)) == BRAIN_E_BUSY) {
        pl_store_pause(200000); /* as pl_store_walk() */
    }
    if (code != 0) return code;
    while (code == 0 && (code = brain_iter_next(iter, &name, &len)) == 0) {
        if (len == PREFIX_LEN + PL_TOKEN_BYTES && memcmp(name, PREFIX, PREFIX_LEN) == 0) {
            code = append_token(tokens, (const uint8_t *)name + PREFIX_LEN);
        }
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* Remove queues of which there is no subscriber: who took him out died before he removed it. A queue
 * is made while its subscriber is in the list, and no subscriber comes back; so what is there before
 * the list is looked at, and not in it, is nobody's. */
static int remove_strays(struct pl_store *objects)
{
    struct tokens tokens = { NULL, 0, 0 };
    struct subscribers list = { NULL, 0, 0 };
    int code = list_queues(objects, &tokens);
    if (code == 0 && tokens.n > 0) code = load(objects, &list);
    for (size_t i = 0; i < tokens.n && code == 0; i++) {
        if (find(&list, tokens.tokens[i]) == list.n) code = remove_queue(objects, tokens.tokens[i]);
    }
    free(list.records);
    free(tokens.tokens);
    return code;
}

int pl_queue_sweep(struct pl_store *objects)
{
    struct subscribers list;
    int code = load(objects, &list);
    if (code != 0) return code;
    for (size_t i = 0; i < list.n && code == 0; i++) {
        const struct record *record = &list.records[i];
        if (brain_client_lives(objects->store, record->row, record->seat) == 0) {
            code = drop(objects, record->token);
        }
    }
    free(list.records);
    return code == 0 ? remove_strays(objects) : code;
}
