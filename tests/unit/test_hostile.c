/* test_hostile.c - what the fuzzers found, and what hostile files must not do (tests/fuzz/README.md). */
#include "../fuzz/images.h"

#include "slot.h"
#include "store.h"

static const char *path;

/* Of the image, damaged in one word. */
static void write_damaged(enum images_kind kind, enum images_file file, uint64_t off, uint64_t word)
{
    int fds[IMAGES_N_FILES];
    images_write(kind, path, fds);
    CHECK(pwrite(fds[file], &word, 8, (off_t)off) == 8);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

static uint64_t word_of(enum images_kind kind, enum images_file file, uint64_t off)
{
    uint64_t word;
    memcpy(&word, images_byte(kind, file, off), sizeof word);
    return word;
}

/* Whether the bytes of a region are those of the image. */
static bool is_as_it_was(enum images_kind kind, enum bn_region region)
{
    uint64_t n, off = images_region(kind, region, &n);
    char name[200];
    snprintf(name, sizeof name, "%s/data", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = malloc(n);
    CHECK(fd >= 0 && bytes != NULL && pread(fd, bytes, n, (off_t)off) == (ssize_t)n);
    bool same = true;
    for (uint64_t i = 0; i < n && same; i += BN_PAGE) {
        same = memcmp(bytes + i, images_byte(kind, IMAGES_DATA, off + i), BN_PAGE) == 0;
    }
    free(bytes);
    CHECK_SYS(close(fd));
    return same;
}

/* A writer died before its commit, and one of its notes was damaged since, the oldest: the younger ones are not
 * undone either, or half of its change would stay. */
static void check_a_journal_with_a_wrong_note_is_left_alone(void)
{
    static const enum images_kind kinds[] = { IMAGES_BATCH, IMAGES_SWAP };
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        uint64_t backed, undo = images_region(kinds[k], BN_REGION_UNDO, &backed);
        uint64_t counts_off = BN_STATE_OFF + offsetof(struct bn_state_rec, counts);
        uint64_t counts = word_of(kinds[k], IMAGES_DATA, counts_off);
        CHECK((counts & 0x3fffff) > 1);
        write_damaged(kinds[k], IMAGES_DATA, undo + 8,
                      word_of(kinds[k], IMAGES_DATA, undo + 8) ^ 1);
        brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
        size_t n;
        CHECK_CODE(brain_check(store, NULL, 0, &n), BRAIN_E_CORRUPT);
        CHECK_DETAIL("checksum");
        CHECK_U64(bn_load_relaxed(&store->state->counts), counts);
        for (int region = BN_REGION_SLOTS; region < BN_REGION_BACKED; region++) {
            CHECK(is_as_it_was(kinds[k], (enum bn_region)region));
        }
        brain_close(store);
    }
}

static uint32_t count_mappings(void)
{
    static char line[5000];
    uint32_t n = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        n += strstr(line, path) != NULL;
    }
    fclose(maps);
    return n;
}

/* A page of the ledger that nobody owns, by a wrong word, has pins in it. Who takes it does not take them for
 * its own, which nobody would drop: its mapping would stay for ever. */
static void check_pins_in_a_page_of_nobody_are_nobodys(void)
{
    uint64_t owner = BN_CHUNKS_OFF, word = word_of(IMAGES_REST, IMAGES_CLIENTS, owner);
    CHECK((uint32_t)word == 1 && word_of(IMAGES_REST, IMAGES_CLIENTS, owner + 64) != 0);
    write_damaged(IMAGES_REST, IMAGES_CLIENTS, owner, word & ~(uint64_t)UINT32_MAX);
    brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    brain_client self;
    CHECK_OK(brain_self(store, &self));
    CHECK_U64(self.n_pins, 0);
    CHECK(count_mappings() > 0);
    brain_close(store);
    CHECK_U64(count_mappings(), 0);
}

static uint64_t backed_clients(void)
{
    char name[200];
    struct stat st;
    snprintf(name, sizeof name, "%s/clients", path);
    CHECK_SYS(stat(name, &st));
    return (uint64_t)st.st_blocks * 512;
}

/* The count of pages of pins is overwritten while the store is open: who looks at all of them does not go
 * beyond those that there are, each of which would take memory from then on, 4 GiB together. */
static void check_a_wrong_count_of_pages_takes_no_memory(void)
{
    int fds[IMAGES_N_FILES];
    images_write(IMAGES_REST, path, fds);
    brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    uint64_t before = backed_clients();
    bn_store_release(&store->clients->n_chunks, BN_CHUNKS_MAX);
    CHECK_OK(brain_trim(store, NULL));
    (void)check_stat(store);
    CHECK(backed_clients() <= 2 * before);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

/* The commit of a seal is made, and what comes after it meets damage: the set that its
 * holder is taken out of.
 * The object is sealed then, and lets go of what it holds: else its pin would stay, and the mapping with it, and
 * its memory would be the value's, writable. */
static void check_an_object_whose_commit_met_damage_is_sealed(void)
{
    static const uint8_t byte = 7;
    int fds[IMAGES_N_FILES];
    brain_object *object;
    brain_view view;
    brain_client self;
    brain_value value = { .kind = BRAIN_KIND_BYTES, .description = "", .description_len = 0 };
    images_write(IMAGES_REST, path, fds);
    brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    brain_space *space = check_space(store, "two");
    CHECK_OK(brain_create(store, 10000, &object));
    memset(brain_object_data(object), byte, 10000);
    store->state->n_private = 0; /* of which the object is one */
    CHECK_CODE(brain_object_seal(object, space, "t5", 2, &value, BRAIN_ANY_VERSION, NULL),
               BRAIN_E_CORRUPT);
    CHECK_OK(brain_get(space, "t5", 2, &view));
    CHECK_U64(view.size_bytes, 10000);
    memset(brain_object_data(object), 9, 10000);
    CHECK(((const uint8_t *)view.data)[0] == byte && ((const uint8_t *)view.data)[9999] == byte);
    brain_view_drop(&view);
    brain_object_release(object);
    CHECK_OK(brain_self(store, &self));
    CHECK_U64(self.n_pins, 0);
    brain_space_close(space);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

/* As brain.h says of CORRUPT: the change is made, whole, and no other can be. */
static void check_a_change_whose_tidying_met_damage_is_made(void)
{
    brain_snapshot *snapshot;
    brain_view view;
    uint64_t before, number = 0;
    brain_store *store = check_open(check_path(), CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    CHECK_OK(brain_put_bytes(space, "b", 1, "old", 3));
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION)); /* its tombstone has to stay */
    CHECK_U64(bn_set_count(store, BN_SET_TOMBS), 1);
    bn_slot_cold(store, bn_set_get(store, BN_SET_TOMBS, 0))->set_idx = 999;
    before = check_stat(store).committed;
    CHECK_CODE(brain_put_bytes(space, "a", 1, "new", 3), BRAIN_E_CORRUPT);
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK(view.size_bytes == 3 && memcmp(view.data, "new", 3) == 0);
    CHECK_U64(view.version, before + 1);
    brain_view_drop(&view);
    CHECK_OK(brain_space_count(space, &number));
    CHECK_U64(number, 2);
    CHECK_CODE(brain_put_bytes(space, "b", 1, "new", 3), BRAIN_E_CORRUPT);
    CHECK_U64(check_stat(store).committed, before + 1);
    CHECK_OK(brain_get(space, "b", 1, &view));
    CHECK(memcmp(view.data, "old", 3) == 0);
    brain_view_drop(&view);
    CHECK_OK(brain_snapshot_get(snapshot, space, "a", 1, &view));
    CHECK(memcmp(view.data, "old", 3) == 0);
    brain_view_drop(&view);
    brain_snapshot_close(snapshot);
    brain_space_close(space);
    check_destroy(store);
}

/* Each slot is in a set once at most: whatever is counted, nobody goes through more than there are. */
static void check_a_set_is_no_longer_than_slots(void)
{
    brain_store *store = check_open(check_path(), CHECK_MIB);
    struct bn_state_rec *state = store->state;
    uint64_t backed = bn_load_relaxed(&state->backed[BN_REGION_LIMBO]);
    uint32_t n = state->n_limbo;
    bn_store_relaxed(&state->backed[BN_REGION_LIMBO], UINT64_C(1) << 36);
    state->n_limbo = UINT32_MAX;
    CHECK(bn_set_count(store, BN_SET_LIMBO) <=
          bn_load_relaxed(&state->backed[BN_REGION_SLOTS]) / BN_LINE);
    bn_store_relaxed(&state->backed[BN_REGION_LIMBO], backed);
    state->n_limbo = n;
    check_destroy(store);
}

/* A value that says it is a tensor, and has no metadata at all: the view's are NULL. */
static void check_a_tensor_without_metadata(void)
{
    brain_tensor tensor;
    CHECK_CODE(brain_tensor_decode(NULL, 0, 0, &tensor), BRAIN_E_CORRUPT);
}

int main(void)
{
    check_begin();
    path = check_path();
    images_build(path);
    check_a_journal_with_a_wrong_note_is_left_alone();
    check_pins_in_a_page_of_nobody_are_nobodys();
    check_a_wrong_count_of_pages_takes_no_memory();
    check_an_object_whose_commit_met_damage_is_sealed();
    check_a_change_whose_tidying_met_damage_is_made();
    check_a_set_is_no_longer_than_slots();
    check_a_tensor_without_metadata();
    return 0;
}
