/* stepped_writer.c - what the writer does to the store while a reader stands still.
 *
 * It looks inside (slot numbers, gen, the list of ready slots), to bring about what chance would
 * in years: the very slot that the reader has found, filled anew, back under the same word;
 * bytes of another value that look like the slot's head, gen included; two names with the same
 * word.
 */
#include "stepped_writer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "handle.h"
#include "index.h"
#include "slot.h"

#define NAME_LEN     WRITER_NAME_LEN
#define PUTS_MAX     600u /* until a slot must have come round */
#define N_PADS       420u /* more than a slab has slots of two lines */
#define N_FILLERS    82u  /* twice as many as a slab has slots of 24 lines: their class keeps one */
#define FILLER_BYTES 1472u
#define LARGE_BYTES  600u /* of a value that needs another class of slots */

/* In a serial number: the value is one of LARGE_BYTES. */
#define LARGE (UINT64_C(1) << 63)
/* The same: it consists of the letter that the name does, and its size is another each time. */
#define ALIKE  (UINT64_C(1) << 62)
#define LETTER 'a'

struct writer {
    struct writer_board *board;
    brain_store *store;
    brain_space *space, *others;
};

/* ---- values ---------------------------------------------------------------------------------- */

/* All but the large ones in slots of two lines. The same size for many puts, as a mixture of two
 * values is one that no look at the size or at the name behind the data would notice. */
struct writer_value writer_value_of(uint64_t serial)
{
    uint64_t varied = serial & ALIKE ? serial & ~ALIKE : serial >> 6;
    return (struct writer_value){
        .kind = (uint32_t)(serial % 8),
        .size_bytes = serial & LARGE ? LARGE_BYTES : 40 + (uint32_t)(varied % 37),
        .seed = serial & ~LARGE,
    };
}

static void fill(void *to, const struct writer_value *value, uint32_t size_bytes)
{
    if (value->seed & ALIKE) {
        memset(to, LETTER, size_bytes);
    } else {
        kit_fill(to, size_bytes, value->seed);
    }
}

bool writer_is_value(const struct writer_value *value, const void *data, uint32_t n_bytes)
{
    uint8_t bytes[LARGE_BYTES];
    fill(bytes, value, n_bytes);
    return memcmp(bytes, data, n_bytes) == 0;
}

static void must(int err, const char *what)
{
    if (err != 0) {
        kit_die("%s: %s", what, brain_error_detail());
    }
}

static uint64_t put_as(brain_space *space, const char *name, uint64_t serial)
{
    uint8_t bytes[LARGE_BYTES];
    uint64_t version = 0;
    struct writer_value of = writer_value_of(serial);
    brain_part part = { .data = bytes, .size_bytes = of.size_bytes };
    brain_value value = { .kind = of.kind, .n_parts = 1, .parts = &part };
    fill(bytes, &of, of.size_bytes);
    must(brain_put(space, name, NAME_LEN, &value, BRAIN_ANY_VERSION, &version), "brain_put");
    return version;
}

/* Put under the name, and note it. */
static void put_noted(struct writer *writer, uint64_t serial)
{
    struct writer_board *board = writer->board;
    uint64_t version = put_as(writer->space, board->name, serial);
    board->history[board->n_commits++ % WRITER_HISTORY] = (struct writer_commit){ version, serial };
}

static void delete_if_there(brain_space *space, const char *name)
{
    int err = brain_delete(space, name, NAME_LEN, BRAIN_ANY_VERSION);
    must(err == BRAIN_E_NOT_FOUND ? 0 : err, "brain_delete");
}

const struct writer_commit *writer_last_commit(const struct writer_board *board)
{
    return &board->history[(board->n_commits - 1) % WRITER_HISTORY];
}

const struct writer_commit *writer_find_commit(const struct writer_board *board, uint64_t version)
{
    for (uint64_t i = board->n_commits; i > 0 && i + WRITER_HISTORY > board->n_commits; i--) {
        const struct writer_commit *commit = &board->history[(i - 1) % WRITER_HISTORY];
        if (commit->version == version) {
            return commit;
        }
    }
    return NULL;
}

/* ---- what it can do -------------------------------------------------------------------------- */

void writer_put(struct writer *writer)
{
    put_noted(writer, ++writer->board->serial);
}

static void put_twice(struct writer *writer)
{
    writer_put(writer);
    writer_put(writer);
}

static void delete_name(struct writer *writer)
{
    writer->board->n_absences++;
    must(brain_delete(writer->space, writer->board->name, NAME_LEN, BRAIN_ANY_VERSION),
         "brain_delete");
}

static void delete_and_put(struct writer *writer)
{
    delete_name(writer);
    writer_put(writer);
}

static bool word_is_back(const struct writer *writer)
{
    const brain_hint *found = &writer->board->found;
    return bn_load_acquire(bn_atomic64(writer->store->data + found->place)) == found->word;
}

/* Until the slot that the reader has found is what it was to the index: another use of it, in
 * its place. */
static void put_until_back(struct writer *writer)
{
    writer->board->is_back = false;
    for (uint32_t i = 0; i < PUTS_MAX && !writer->board->is_back; i++) {
        writer_put(writer);
        writer->board->is_back = word_is_back(writer);
    }
}

static void put_until_back_and_once_more(struct writer *writer)
{
    put_until_back(writer);
    writer_put(writer);
}

/* And have its slot freed: where few puts find nothing ready, they take slots from the list it
 * is in. */
static void delete_and_free(struct writer *writer)
{
    delete_name(writer);
    must(brain_trim(writer->store, NULL), "brain_trim");
}

static void delete_and_put_until_back(struct writer *writer)
{
    delete_and_free(writer);
    put_until_back(writer);
}

/* The slot that the next put of a value of this size fills; 0: it has to look for one. */
static uint32_t next_fresh(const struct writer *writer)
{
    uint32_t size_bytes = writer_value_of(writer->board->serial + 1).size_bytes;
    unsigned c = bn_slot_class(BN_SLOT_HEAD + size_bytes + NAME_LEN);
    const struct bn_spares *spares = &writer->store->spares[c];
    uint32_t n = bn_load_relaxed(&spares->n_ready);
    return n != 0 ? spares->of[n - 1].slot : 0;
}

/* Until the next put will fill the slot that the reader has found. */
static void put_until_next(struct writer *writer)
{
    uint32_t slot = bn_index_slot(writer->board->found.word), i = 0;
    do {
        writer_put(writer);
        writer->board->is_back = next_fresh(writer) == slot && !word_is_back(writer);
    } while (!writer->board->is_back && ++i < PUTS_MAX);
}

static void remake_space(struct writer *writer)
{
    writer->board->n_absences++;
    must(brain_space_remove(writer->space), "brain_space_remove");
    must(brain_space_create(writer->space), "brain_space_create");
    put_until_back(writer);
}

/* ---- another name in the same word */

struct hashed {
    uint64_t hash, i;
};

static int compare_hashed(const void *a, const void *b)
{
    uint64_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;
    return (x > y) - (x < y);
}

/* Two names of one bucket whose words in the index differ in the slot alone. Of 300,000 names in
 * a bucket about ten pairs have the high half of the hash in common. */
static void choose_twins(struct writer *writer)
{
    enum {
        N = 300000
    };
    struct hashed *all = calloc(N, sizeof *all);
    struct bn_space_ref ref;
    uint64_t n_buckets = bn_load_acquire(&writer->store->state_view->index_state) >> 1;
    kit_must(all != NULL, "calloc");
    must(bn_handle_resolve_slow(writer->space, &ref), "the namespace");
    for (uint64_t i = 0, n = 0; n < N; i++) {
        uint64_t hash = bn_hash_name(writer->store->hash_seed, ref.id, &i, NAME_LEN);
        if (bn_index_bucket(hash, n_buckets) == 0) {
            all[n++] = (struct hashed){ hash, i };
        }
    }
    qsort(all, N, sizeof *all, compare_hashed);
    uint32_t k = 1;
    while (k < N && all[k].hash >> 32 != all[k - 1].hash >> 32) {
        k++;
    }
    if (k == N) {
        kit_die("no two names have the same word");
    }
    memcpy(writer->board->name, &all[k].i, NAME_LEN);
    memcpy(writer->board->twin, &all[k - 1].i, NAME_LEN);
    free(all);
}

/* The name goes; another one, whose hash has the same high half, comes to stand in its word and
 * its slot. */
static void let_twin_in(struct writer *writer)
{
    writer->board->is_back = false;
    delete_and_free(writer);
    for (uint32_t i = 0; i < PUTS_MAX && !writer->board->is_back; i++) {
        (void)put_as(writer->space, writer->board->twin, ++writer->board->serial);
        writer->board->is_back = word_is_back(writer);
    }
}

static void restore_from_twin(struct writer *writer)
{
    delete_if_there(writer->space, writer->board->twin);
    writer_put(writer);
}

/* ---- the slot's memory becomes another value's */

static void pad_name(char name[NAME_LEN + 1], char letter, uint32_t i)
{
    snprintf(name, NAME_LEN + 1, "%c%07u", letter, i % 10000000u);
}

/* Fill a slab, so that the value lies in another one. */
static void prepare_slabs(struct writer *writer)
{
    char name[NAME_LEN + 1];
    for (uint32_t i = 0; i < N_PADS; i++) {
        pad_name(name, 'p', i);
        (void)put_as(writer->others, name, i + 1);
    }
}

/* Delete pads from the last one on, until the value's slab has none and another slab of its
 * class has room; then the slab is any class's. A large value keeps the name in the meantime: it
 * needs other slots. */
static void move_away(struct writer *writer, uint32_t slab)
{
    char name[NAME_LEN + 1];
    put_noted(writer, ++writer->board->serial | LARGE);
    for (uint32_t i = 0; i < N_PADS; i++) {
        brain_view view;
        pad_name(name, 'p', i);
        if (brain_get(writer->others, name, NAME_LEN, &view) == 0) {
            bool is_there = view.object / BN_SLAB_LINES == slab;
            brain_view_drop(&view);
            if (is_there || i == 0) {
                must(brain_delete(writer->others, name, NAME_LEN, BRAIN_ANY_VERSION),
                     "brain_delete");
            }
        }
    }
    must(brain_trim(writer->store, NULL), "brain_trim");
}

/* Bytes for a large value: where the slot was lies what looks like the slot, but for the data. */
static void make_image(uint32_t slot, uint8_t *bytes, const uint8_t *image)
{
    const struct bn_slab_shape *shape = &bn_slab_shapes[bn_slot_class(BN_LINE + FILLER_BYTES)];
    uint32_t line = (slot % BN_SLAB_LINES - shape->first_line) % shape->lines;
    memset(bytes, 0xa5, FILLER_BYTES);
    if (line > 0 && line + 2 <= shape->lines) {
        memcpy(bytes + (line - 1) * BN_LINE, image, 2 * BN_LINE);
    }
}

static void give_memory_away(struct writer *writer)
{
    uint32_t slot = bn_index_slot(writer->board->found.word);
    uint8_t image[2 * BN_LINE], bytes[FILLER_BYTES];
    char name[NAME_LEN + 1];
    memcpy(image, bn_slot_view(writer->store, slot), sizeof image);
    uint32_t size = bn_slot_view(writer->store, slot)->size_low;
    for (uint32_t i = 0; i < size; i++) {
        image[BN_SLOT_HEAD + i] ^= 0x5a;
    }
    make_image(slot, bytes, image);
    move_away(writer, slot / BN_SLAB_LINES);
    for (uint32_t i = 0; i < N_FILLERS; i++) {
        pad_name(name, 'f', i);
        brain_part part = { .data = bytes, .size_bytes = sizeof bytes };
        brain_value value = { .n_parts = 1, .parts = &part };
        must(brain_put(writer->others, name, NAME_LEN, &value, BRAIN_ANY_VERSION, NULL),
             "brain_put");
    }
    writer->board->is_back = memcmp(image, bn_slot_view(writer->store, slot), sizeof image) == 0;
}

static void take_memory_back(struct writer *writer)
{
    char name[NAME_LEN + 1];
    for (uint32_t i = 0; i < N_FILLERS; i++) {
        pad_name(name, 'f', i);
        delete_if_there(writer->others, name);
    }
    must(brain_trim(writer->store, NULL), "brain_trim");
}

static void give_memory_away_and_back(struct writer *writer)
{
    give_memory_away(writer);
    bool was_given = writer->board->is_back;
    take_memory_back(writer);
    put_until_back(writer);
    writer->board->is_back = writer->board->is_back && was_given;
}

/* The value, with few pads, in a slab that can be emptied. */
static void restore_slabs(struct writer *writer)
{
    char name[NAME_LEN + 1];
    take_memory_back(writer);
    for (uint32_t i = 0; i < N_PADS; i++) {
        pad_name(name, 'p', i);
        if (brain_exists(writer->others, name, NAME_LEN, NULL) != 0) {
            (void)put_as(writer->others, name, i + 1);
        }
    }
    writer_put(writer);
}

/* A name that stands behind the data whatever size the data is taken to have. */
static void choose_alike(struct writer *writer)
{
    memset(writer->board->name, LETTER, NAME_LEN);
    writer->board->serial |= ALIKE;
}

/* ---- scenes ---------------------------------------------------------------------------------- */

const struct writer_scene writer_scenes[] = {
    { "put", WRITER_RUNS, writer_put, NULL, writer_put, false },
    { "put-twice", WRITER_RUNS, put_twice, NULL, writer_put, false },
    { "put-until-back", WRITER_RUNS, put_until_back, NULL, writer_put, true },
    { "put-until-back-and-once-more", WRITER_RUNS, put_until_back_and_once_more, NULL, writer_put,
      true },
    { "put-partly", WRITER_STOPS_ONCE, NULL, NULL, writer_put, false },
    { "refill-partly", WRITER_STOPS_ONCE, put_until_next, NULL, writer_put, true },
    { "refill-partly-and-end", WRITER_BOTH_STOP, put_until_next, NULL, writer_put, true },
    { "refill-alike", WRITER_BOTH_STOP, put_until_next, choose_alike, writer_put, true },
    { "delete", WRITER_RUNS, delete_name, NULL, writer_put, false },
    { "delete-and-put", WRITER_RUNS, delete_and_put, NULL, writer_put, false },
    { "delete-and-put-until-back", WRITER_RUNS, delete_and_put_until_back, NULL, writer_put, true },
    { "remake-space", WRITER_RUNS, remake_space, NULL, writer_put, true },
    { "twin", WRITER_RUNS, let_twin_in, choose_twins, restore_from_twin, true },
    { "other-sizes", WRITER_RUNS, give_memory_away, prepare_slabs, restore_slabs, true },
    { "other-sizes-and-back", WRITER_RUNS, give_memory_away_and_back, prepare_slabs, restore_slabs,
      true },
};

const uint32_t n_writer_scenes = sizeof writer_scenes / sizeof writer_scenes[0];

/* ---- the process ----------------------------------------------------------------------------- */

brain_store *writer_open_store(const struct writer_board *board)
{
    brain_store *store;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = 16u << 20;
    must(brain_open(board->path, &options, &store), "brain_open");
    return store;
}

brain_space *writer_open_space(brain_store *store, const char *name)
{
    brain_space *space;
    must(brain_space_open(store, name, strlen(name), &space), "brain_space_open");
    return space;
}

void writer_run(void *board)
{
    struct writer writer = { .board = board };
    writer.store = writer_open_store(board);
    writer.space = writer_open_space(writer.store, "space");
    writer.board->data = (uint64_t)(uintptr_t)writer.store->data;
    writer.others = writer_open_space(writer.store, "others");
    must(brain_space_create(writer.space), "brain_space_create");
    for (;;) {
        raise(SIGSTOP);
        writer.board->act(&writer);
    }
}
