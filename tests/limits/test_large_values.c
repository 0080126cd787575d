/* test_large_values.c - values whose size takes more than 32 bits.
 *
 *     test_large_values [BYTES]     20,000,000; for 4,500,000,000 it takes 5 GB of memory
 *
 * One is put in many parts, so that it need not lie in this process as a whole; another one is written in place.
 */
#include "limits.h"

#define PART (64 * CHECK_MIB)

static uint64_t n_bytes = 20000000;
static uint8_t *pattern; /* what a part shows begins at its number of it, so no two are the same */

enum {
    PARTS_MAX = 1024
};

static uint8_t byte_at(uint64_t off)
{
    return pattern[off / PART + off % PART];
}

/* Beginning, end, both sides of what 31 and 32 bits can say, and places at random. */
static void check_bytes(const uint8_t *bytes)
{
    const uint64_t places[] = { 0, n_bytes / 2, (uint64_t)1 << 31, (uint64_t)1 << 32,
                                n_bytes - 65536 };
    for (size_t i = 0; i < sizeof places / sizeof *places + 200; i++) {
        uint64_t from = i < sizeof places / sizeof *places ? places[i] : check_below(n_bytes);
        from = from > 65536 ? from - 65536 : 0;
        for (uint64_t off = from; off < from + 131072 && off < n_bytes; off++) {
            if (bytes[off] != byte_at(off)) {
                check_fail(__FILE__, __LINE__, "byte %llu is another", (unsigned long long)off);
            }
        }
    }
}

static void check_value(brain_space *space, const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    CHECK_U64(view.size_bytes, n_bytes);
    check_bytes(view.data);
    brain_view_drop(&view);
}

static int put(brain_space *space, const char *name)
{
    static brain_part parts[PARTS_MAX];
    uint32_t n = 0;
    for (uint64_t off = 0; off < n_bytes; off += PART, n++) {
        CHECK(n < PARTS_MAX);
        parts[n] = (brain_part){ .data = pattern + n,
                                 .size_bytes = n_bytes - off < PART ? n_bytes - off : PART };
    }
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = n, .parts = parts };
    return brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL);
}

static void put_and_replace(brain_store *store, brain_space *space)
{
    brain_view view;
    CHECK_OK(put(space, "large"));
    check_value(space, "large");
    CHECK_U64(check_live(store), n_bytes);
    /* Old and new together are more than there may be: the old one stays. */
    CHECK_CODE(put(space, "large"), BRAIN_E_FULL);
    check_value(space, "large");
    CHECK_U64(check_live(store), n_bytes);
    /* By a small one, while somebody has the large one; and back. */
    CHECK_OK(brain_get(space, "large", 5, &view));
    CHECK_OK(brain_put_bytes(space, "large", 5, "small", 5));
    CHECK_U64(check_stat(store).limbo_bytes, n_bytes);
    CHECK_CODE(put(space, "large"), BRAIN_E_FULL);
    check_bytes(view.data);
    brain_view_drop(&view);
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_OK(put(space, "large"));
    check_value(space, "large");
    CHECK_SOUND(store);
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    CHECK_U64(check_live(store), 0);
}

static void write_in_place(brain_store *store, brain_space *space,
                           int (*create)(brain_store *, uint64_t, brain_object **))
{
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    CHECK_OK(create(store, n_bytes, &object));
    uint8_t *data = brain_object_data(object);
    for (uint64_t off = 0; off < n_bytes; off += PART) {
        memcpy(data + off, pattern + off / PART, n_bytes - off < PART ? n_bytes - off : PART);
    }
    CHECK_U64(check_stat(store).private_bytes, n_bytes);
    CHECK_OK(brain_object_seal(object, space, "object", 6, &bare, 0, NULL));
    brain_object_release(object);
    check_value(space, "object");
    CHECK_SOUND(store);
    CHECK_OK(brain_delete(space, "object", 6, BRAIN_ANY_VERSION));
    /* One that is given up. */
    CHECK_OK(create(store, n_bytes, &object));
    brain_object_release(object);
    CHECK_U64(check_stat(store).private_bytes, 0);
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = check_new_seed();
    n_bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : n_bytes;
    pattern = malloc(PART + PARTS_MAX);
    CHECK(pattern != NULL);
    check_fill(pattern, PART + PARTS_MAX, 1);
    brain_store *store = check_open(check_path(), n_bytes + n_bytes / 8);
    brain_space *space = check_space(store, "default");
    put_and_replace(store, space);
    write_in_place(store, space, brain_create);
    write_in_place(store, space, brain_create_in_place);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).value_backed_bytes, 0);
    CHECK_SOUND(store);
    printf("values of %llu bytes\n", (unsigned long long)n_bytes);
    brain_space_close(space);
    check_destroy(store);
    free(pattern);
    return 0;
}
