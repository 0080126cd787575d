/* test_id.c - values by id: the same version, wherever it is and whoever asks, and nothing else; and the
 * namespace of a value. */
#include "check.h"

#include <pthread.h>

#include "base/atomic.h"
#include "slot.h"

static brain_store *store;

static void put(brain_space *space, const void *name, size_t name_len, size_t size, size_t meta_len,
                uint64_t seed)
{
    static uint8_t data[100000], meta[BRAIN_META_MAX];
    brain_part part = { .data = data, .size_bytes = size };
    brain_value value = {
        .kind = 200, .n_parts = 1, .parts = &part, .meta = meta, .meta_len = meta_len
    };
    check_fill(data, size, seed);
    CHECK_OK(brain_put(space, name, name_len, &value, BRAIN_ANY_VERSION, NULL));
}

/* The id of what has the name now. */
static void id_of(brain_space *space, const void *name, size_t name_len, uint8_t id[BRAIN_ID_BYTES])
{
    brain_view view;
    CHECK_OK(brain_get(space, name, name_len, &view));
    brain_view_id(&view, id);
    brain_view_drop(&view);
}

static void check_found(brain_store *by, const uint8_t id[BRAIN_ID_BYTES], const void *name,
                        size_t name_len, size_t size, uint64_t seed)
{
    brain_view view;
    uint8_t again[BRAIN_ID_BYTES];
    uint64_t n_pins = check_stat(by).n_pins;
    CHECK_OK(brain_get_by_id(by, id, &view));
    CHECK(view.size_bytes == size && check_is_filled(view.data, size, seed));
    CHECK(view.name_len == name_len && memcmp(view.name, name, name_len) == 0);
    brain_view_id(&view, again);
    CHECK(memcmp(id, again, sizeof again) == 0);
    CHECK_U64(check_stat(by).n_pins, n_pins + 1);
    brain_view_drop(&view);
    CHECK_U64(check_stat(by).n_pins, n_pins);
}

static void check_missing(brain_store *by, const uint8_t id[BRAIN_ID_BYTES])
{
    brain_view view;
    uint64_t n_pins = check_stat(by).n_pins;
    CHECK_CODE(brain_get_by_id(by, id, &view), BRAIN_E_NOT_FOUND);
    CHECK_U64(check_stat(by).n_pins, n_pins);
}

/* What has been given back is kept by nobody: an id of it, asked for ever so often, has no change look for it. */
static void check_old_id_wants_no_look(void)
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    brain_space *space = check_space(store, "old");
    put(space, "a", 1, 100000, 0, 1);
    id_of(space, "a", 1, id);
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    uint64_t n = bn_load_seq(&store->state->n_looks_due);
    check_missing(store, id);
    CHECK_U64(bn_load_seq(&store->state->n_looks_due), n + 1); /* the view keeps it in limbo */
    brain_view_drop(&view);
    n = bn_load_seq(&store->state->n_looks_due);
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    check_missing(store, id);
    CHECK_U64(bn_load_seq(&store->state->n_looks_due), n);
    brain_space_close(space);
}

/* Values of all shapes: small, aligned, in an extent, with the name there too. */
static void check_shapes(void)
{
    static const size_t sizes[] = { 0, 8, 200, 300, 1500, 3000, 100000 };
    static const size_t name_lens[] = { 0, 1, 20, 1000, 3000 };
    static const size_t meta_lens[] = { 0, 32, 1900 };
    static uint8_t name[3000];
    uint8_t old[BRAIN_ID_BYTES], id[BRAIN_ID_BYTES];
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    brain_space *space = check_space(store, "default"), *other = check_space(store, "other");
    for (uint32_t i = 0; i < 7 * 5 * 3; i++) {
        size_t size = sizes[i % 7], len = name_lens[i / 7 % 5], meta_len = meta_lens[i / 35];
        check_fill(name, len, 77);
        put(other, name, len, 5, 0, 1); /* the same name elsewhere is another value */
        put(space, name, len, size, meta_len, i);
        id_of(space, name, len, id);
        check_found(store, id, name, len, size, i);
        check_found(reader, id, name, len, size, i);
        memcpy(old, id, sizeof id);
        put(space, name, len, size, meta_len, i + 1); /* a new version */
        check_missing(store, old);
        check_missing(reader, old);
        id_of(space, name, len, id);
        CHECK(memcmp(old, id, sizeof id) != 0);
        check_found(store, id, name, len, size, i + 1);
        CHECK_OK(brain_delete(space, name, len, BRAIN_ANY_VERSION));
        check_missing(store, id);
        put(space, name, len, size, meta_len,
            i + 2); /* the same bytes in the same place, perhaps */
        check_missing(store, id);
        check_missing(store, old);
    }
    brain_space_close(space);
    brain_space_close(other);
    brain_close(reader);
}

/* While a view of an old version keeps its slot, its id finds nothing; a dropped one has none. */
static void check_views(void)
{
    static const uint8_t zeros[BRAIN_ID_BYTES];
    uint8_t id[BRAIN_ID_BYTES], of_snapshot[BRAIN_ID_BYTES];
    uint64_t buf[64];
    brain_view view;
    brain_snapshot *snapshot;
    brain_space *space = check_space(store, "default");
    put(space, "v", 1, 5000, 0, 1);
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_get(space, "v", 1, &view));
    brain_view_id(&view, id);
    check_found(store, id, "v", 1, 5000, 1);
    put(space, "v", 1, 5000, 0, 2);
    check_missing(store, id);
    CHECK(check_is_filled(view.data, 5000, 1));
    brain_view_drop(&view);
    CHECK_OK(brain_snapshot_get(snapshot, space, "v", 1, &view));
    brain_view_id(&view, of_snapshot);
    CHECK(memcmp(id, of_snapshot, sizeof id) == 0);
    check_missing(store, id);
    brain_view_drop(&view);
    brain_snapshot_close(snapshot);
    brain_view_id(&view, id);
    CHECK(memcmp(id, zeros, sizeof id) == 0);
    put(space, "v", 1, 8, 0, 3);
    CHECK_OK(brain_get_or_copy(space, "v", 1, NULL, buf, sizeof buf, &view));
    memset(id, 1, sizeof id);
    brain_view_id(&view, id);
    CHECK(memcmp(id, zeros, sizeof id) == 0);
    check_missing(store, zeros);
    brain_space_close(space);
}

static uint64_t physical_bytes(void)
{
    struct stat st;
    char path[400];
    snprintf(path, sizeof path, "%s/data", brain_directory(store));
    CHECK_SYS(stat(path, &st));
    return (uint64_t)st.st_blocks * 512;
}

/* A value that looks like a slot, of a name that lies in pages which were given back: an id that leads
 * there finds nothing, and does not look at those pages, which would ask the system for memory. */
static void check_forged(void)
{
    static uint8_t data[512];
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    brain_part part = { .data = data, .size_bytes = sizeof data };
    brain_value value = { .kind = 1, .n_parts = 1, .parts = &part };
    struct bn_slot_rec forged = { .number = 1,
                                  .flags = BN_SLOT_EXTENT | BN_SLOT_BODY_OUT,
                                  .space = 1,
                                  .name_len = 60000,
                                  .gen = 77 };
    brain_space *space = check_space(store, "default");
    put(space, "large", 5, 100000, 0, 1);
    CHECK_OK(brain_get(space, "large", 5, &view));
    forged.page = bn_slot_view(store, view.object)->page;
    brain_view_drop(&view);
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    memcpy(data, &forged, sizeof forged);
    CHECK_OK(brain_put(space, "forged", 6, &value, BRAIN_ANY_VERSION, NULL));
    id_of(space, "forged", 6, id);
    CHECK_OK(brain_get(space, "forged", 6, &view));
    uint32_t slot = (uint32_t)(((const uint8_t *)view.data - store->slots_view) / BN_LINE);
    brain_view_drop(&view);
    uint32_t number = (uint32_t)forged.number;
    memcpy(id + 8, &slot, 4);
    memcpy(id + 12, &forged.gen, 4);
    memcpy(id + 16, &number, 4);
    CHECK_OK(brain_trim(store, NULL));
    uint64_t before = physical_bytes();
    check_missing(store, id);
    CHECK_U64(physical_bytes(), before);
    CHECK_OK(brain_delete(space, "forged", 6, BRAIN_ANY_VERSION));
    put(space, "a", 1, 10, 0, 1);
    id_of(space, "a", 1, id);
    for (int byte = 0; byte < (int)BRAIN_ID_BYTES; byte++) { /* each of them counts */
        id[byte] ^= 0x40;
        check_missing(store, id);
        id[byte] ^= 0x40;
    }
    CHECK_OK(brain_get_by_id(store, id, &view));
    brain_view_drop(&view);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    brain_space_close(space);
}

/* A namespace that is removed takes its values along, also where a new one has its record and name. */
static void check_spaces(void)
{
    uint8_t id[BRAIN_ID_BYTES], kept[BRAIN_ID_BYTES];
    brain_space *space = check_space(store, "goes"), *stays = check_space(store, "stays");
    for (uint32_t i = 0; i < 20; i++) {
        put(space, "a", 1, i % 2 == 0 ? 10 : 5000, 0, i);
        put(stays, "a", 1, 10, 0, i);
        id_of(space, "a", 1, id);
        id_of(stays, "a", 1, kept);
        check_found(store, id, "a", 1, i % 2 == 0 ? 10 : 5000, i);
        brain_snapshot *snapshot = NULL;
        if (i % 4 == 3) { /* keeps the removed names in the index */
            CHECK_OK(brain_snapshot_open(store, &snapshot));
        }
        CHECK_OK(brain_space_remove(space));
        check_missing(store, id);
        put(space, "a", 1, 10, 0, i);
        check_missing(store, id);
        check_found(store, kept, "a", 1, 10, i);
        brain_snapshot_close(snapshot);
    }
    brain_space_close(space);
    brain_space_close(stays);
}

/* ---- the namespace of a value */

static void check_space_of(const brain_view *view, const char *want)
{
    brain_space *space = NULL;
    const void *name = NULL;
    size_t name_len = 0;
    int err = brain_view_space(view, &space, &name, &name_len);
    CHECK_CODE(err, want == NULL ? BRAIN_E_NOT_FOUND : 0);
    if (want != NULL) {
        uint64_t version = 0;
        CHECK(name_len == strlen(want) && memcmp(name, want, name_len) == 0);
        CHECK_OK(brain_exists(space, view->name, view->name_len, &version));
        CHECK_U64(version, view->version);
        brain_space_close(space);
    }
}

static void get(brain_space *space, brain_view *view)
{
    CHECK_OK(brain_get(space, "a", 1, view));
}

/* Namespaces with any name, to whoever has the store open. */
static void check_space_of_any_name(void)
{
    static const char longest[] = "namespace-of-255-bytes";
    char name[256];
    brain_view view;
    brain_space *space;
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    memset(name, 'n', 255);
    memcpy(name, longest, sizeof longest - 1);
    name[255] = '\0';
    const char *const names[] = { "x",
                                  "\xff"
                                  "plasma",
                                  name };
    for (uint32_t i = 0; i < 3; i++) {
        space = check_space(store, names[i]);
        put(space, "a", 1, i == 1 ? 5000 : 5, 0, i);
        get(space, &view);
        check_space_of(&view, names[i]);
        brain_view_drop(&view);
        brain_space_close(space);
        space = check_space(reader, names[i]);
        get(space, &view);
        check_space_of(&view, names[i]);
        brain_view_drop(&view);
        brain_space_close(space);
    }
    CHECK_CODE(brain_view_space(&view, &space, NULL, NULL), BRAIN_E_INVAL);
    brain_close(reader);
}

/* What the record says is a hint: of `live`, which is in "first", and of `dead`, whose namespace is
 * gone. */
static void check_space_of_hint(uint32_t id, const brain_view *live, const brain_view *dead)
{
    struct bn_space_rec *rec =
        (struct bn_space_rec *)(void *)bn_region_at(store, BN_REGION_SPACES) + id;
    uint32_t entry = bn_load_relaxed(&rec->entry),
             bad[] = { 0, 1, entry + 1, UINT32_MAX, dead->object };
    for (uint32_t i = 0; i < 5; i++) {
        brain_problem problem;
        size_t n = 0;
        bn_store_relaxed(&rec->entry, bad[i]);
        check_space_of(live, "first");
        check_space_of(dead, NULL);
        CHECK_OK(brain_check(store, &problem, 1, &n));
        CHECK(n == 1 && strstr(problem.text, "entry") != NULL);
    }
    bn_store_relaxed(&rec->entry, entry);
}

/* The record goes from one namespace to another, and back to the same name. */
static void check_space_of_record(void)
{
    brain_view view, other;
    brain_space *first = check_space(store, "first"), *second = check_space(store, "second");
    CHECK_OK(brain_trim(store, NULL)); /* no other that was removed has its record still */
    put(first, "a", 1, 5, 0, 1);
    get(first, &view);
    uint32_t id = bn_slot_view(store, view.object)->space;
    CHECK_OK(brain_space_remove(first));
    check_space_of(&view, NULL);
    CHECK_OK(brain_trim(store, NULL));
    put(second, "a", 1, 5, 0, 2);
    check_space_of(&view, NULL);
    get(second, &other);
    CHECK_U64(bn_slot_view(store, other.object)->space, id); /* the same record */
    check_space_of(&other, "second");
    CHECK_OK(brain_space_remove(second));
    CHECK_OK(brain_trim(store, NULL));
    put(first, "a", 1, 5, 0, 3);
    check_space_of(&view, NULL);
    check_space_of(&other, NULL);
    brain_view_drop(&other);
    get(first, &other);
    CHECK_U64(bn_slot_view(store, other.object)->space, id);
    check_space_of(&other, "first");
    check_space_of_hint(id, &other, &view);
    brain_view_drop(&other);
    brain_view_drop(&view);
    brain_space_close(first);
    brain_space_close(second);
}

/* Ids that nobody gave: of another store, and any bytes. */
static void check_foreign(void)
{
    uint8_t id[BRAIN_ID_BYTES], bad[BRAIN_ID_BYTES];
    uint32_t name = 0, slot, gen, number;
    brain_view view;
    brain_space *space = check_space(store, "default");
    brain_store *second = check_open(check_path(), CHECK_MIB);
    put(space, "a", 1, 10, 0, 1);
    id_of(space, "a", 1, id);
    check_missing(second, id);
    check_destroy(second);
    for (uint32_t i = 0; i < BRAIN_ID_BYTES * 8; i++) {
        memcpy(bad, id, sizeof id);
        bad[i / 8] ^= (uint8_t)(1 << i % 8);
        check_missing(store, bad);
    }
    for (; name < 200; name++) {
        put(space, &name, sizeof name, name * 40 % 3000, name, name);
    }
    /* Every line of the slots as a slot, with what it says of itself. */
    const uint32_t n_lines = store->state->n_slabs * BN_SLAB_LINES;
    uint32_t n_found = 0;
    for (slot = 0; slot < n_lines; slot++) {
        const struct bn_slot_rec *rec =
            (const void *)(store->slots_view + (uint64_t)slot * BN_LINE);
        gen = rec->gen;
        number = (uint32_t)rec->number;
        memcpy(bad, id, 8);
        memcpy(bad + 8, &slot, 4);
        memcpy(bad + 12, &gen, 4);
        memcpy(bad + 16, &number, 4);
        int err = brain_get_by_id(store, bad, &view);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        if (err == 0) {
            n_found++;
            brain_view_drop(&view);
        }
    }
    CHECK_U64(n_found, check_stat(store).n_objects);
    for (uint32_t i = 0; i < 100000; i++) {
        check_fill(bad + 8, 12, check_random());
        slot = (uint32_t)check_below(i % 3 == 0 ? UINT32_MAX : n_lines);
        memcpy(bad + 8, &slot, 4);
        CHECK_CODE(brain_get_by_id(store, bad, &view), BRAIN_E_NOT_FOUND);
    }
    brain_space_close(space);
}

/* One puts and deletes; another asks by ids that it has just learnt. */
struct race {
    _Atomic uint32_t done;
    uint32_t n_found, n_missing;
};

static void *change_all_the_time(void *arg)
{
    struct race *race = arg;
    brain_space *space = check_space(store, "race");
    for (uint32_t i = 0; i < 30000; i++) {
        uint32_t name = i % 3;
        if (i % 7 == 0) {
            int err = brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        } else {
            put(space, &name, sizeof name, name == 2 ? 4000 : 30, i % 5 == 0 ? 1950 : 0, i);
        }
    }
    brain_space_close(space);
    bn_store_seq(&race->done, 1u);
    return NULL;
}

static void check_beside_a_writer(void)
{
    struct race race = { .n_found = 0 };
    pthread_t thread;
    brain_space *space = check_space(store, "race");
    CHECK(pthread_create(&thread, NULL, change_all_the_time, &race) == 0);
    /* Where the writer has the processor to itself it is over before a look; its last values stay. */
    for (uint32_t i = 0; bn_load_seq(&race.done) == 0 || race.n_found == 0; i++) {
        uint32_t name = i % 3;
        brain_view view, by_id;
        uint8_t id[BRAIN_ID_BYTES];
        if (brain_get(space, &name, sizeof name, &view) != 0) {
            continue;
        }
        brain_view_id(&view, id);
        if (i % 2 == 0) {
            brain_view_drop(&view);
        }
        int err = brain_get_by_id(store, id, &by_id);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        if (err == 0) {
            CHECK(by_id.version == view.version && by_id.object == view.object);
            CHECK(by_id.name_len == sizeof name && memcmp(by_id.name, &name, sizeof name) == 0);
            brain_view_drop(&by_id);
        } else if (i % 2 == 1) { /* not the value any more, while its slot is kept */
            uint64_t version = 0;
            int now = brain_exists(space, &name, sizeof name, &version);
            CHECK(now == 0 || now == BRAIN_E_NOT_FOUND);
            CHECK(version != view.version);
        }
        brain_view_drop(&view);
        race.n_found += err == 0;
        race.n_missing += err != 0;
    }
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(race.n_found > 0);
    brain_space_close(space);
}

int main(void)
{
    check_begin();
    store = check_open(check_path(), 64 * CHECK_MIB);
    check_shapes();
    check_views();
    check_spaces();
    check_space_of_any_name();
    check_space_of_record();
    check_foreign();
    check_forged();
    check_old_id_wants_no_look();
    check_beside_a_writer();
    CHECK_U64(check_stat(store).n_pins, 0);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_SOUND(store);
    check_destroy(store);
    return 0;
}
