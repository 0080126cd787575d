/* test_dump_damage.c - dumps that are damaged, cut off, put together wrongly, or made to do harm.
 *
 * Whatever the bytes are: the store stays sound, a load that is refused has changed nothing, and one that bears damage
 * gives each value whole or not at all, and tells which not.
 */
#include <zstd.h>

#include "../../disk/item.h"
#include "dumps.h"

static char *file;

/* Names of few bytes; sizes 0 to 2,000, and one that is large. */
static const int numbers[] = { 0, 1, 2, 3, 5, 7 };
#define N_NUMBERS (sizeof numbers / sizeof numbers[0])

#define SLOWLY    (CHECK_ASAN ? 23u : 1u)

static brain_store *make_store(void)
{
    brain_store *store = dumps_new();
    for (size_t i = 0; i < N_NUMBERS; i++) {
        dumps_put(store, numbers[i]);
    }
    return store;
}

static brain_store *fresh(void)
{
    brain_store *store = dumps_new();
    check_n_paths--; /* one after the other */
    return store;
}

/* Load what is at `file`, refusing damage. `must` be refused; else it may be whole, too. */
static void check_refused(bool must)
{
    brain_store *store = fresh();
    uint64_t before = check_stat(store).committed;
    int err = brain_load(store, file, NULL, NULL);
    CHECK(err == BRAIN_E_CORRUPT || err == BRAIN_E_FORMAT || (err == 0 && !must));
    if (err != 0) {
        CHECK_U64(check_stat(store).committed, before);
        CHECK(brain_disk_error_detail()[0] != '\0');
    }
    for (size_t i = 0; i < N_NUMBERS; i++) {
        CHECK(dumps_has(store, numbers[i]) == (err == 0));
    }
    check_destroy(store);
}

/* Load what is whole. Returns how many values came. */
static int check_borne(bool has_list)
{
    brain_store *store = fresh();
    struct dumps_told told = { .n = { 0 } };
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    brain_load_result result;
    options.flags = BRAIN_LOAD_DAMAGED;
    options.tell = dumps_tell;
    options.context = &told;
    int n = 0, err = brain_load(store, file, &options, &result);
    CHECK(err == 0 || err == BRAIN_E_FORMAT);
    for (size_t i = 0; i < N_NUMBERS; i++) {
        bool has = dumps_has(store, numbers[i]);
        n += has;
        CHECK(!has || told.lost[numbers[i]] == 0);
        CHECK(err != 0 || has || !has_list || told.lost[numbers[i]] == 1);
    }
    CHECK_U64(dumps_count_names(store), n);
    if (err == 0) {
        CHECK_U64(result.n_loaded, n);
        CHECK_U64(told.n[BRAIN_LOADED], n);
        CHECK_U64(told.n[BRAIN_LOAD_LOST], result.n_lost);
        CHECK(result.is_damaged || n == N_NUMBERS);
        if (result.n_untold != UINT64_MAX) {
            CHECK_U64(result.n_loaded + result.n_lost + result.n_untold, N_NUMBERS);
        }
    }
    CHECK_SOUND(store);
    check_destroy(store);
    return n;
}

/* Where the list ends, in the bytes of a dump that is not compressed. */
static size_t end_of_list(const uint8_t *bytes, size_t size)
{
    uint8_t *at = memmem(bytes, size, "\x66listed", 7);
    CHECK(at != NULL);
    return (size_t)(at - bytes) + 64;
}

static void each_byte_changes(int zstd_level, int n_steps)
{
    brain_store *store = make_store();
    brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
    size_t size;
    int n_best = 0, n_bad = 0;
    options.zstd_level = zstd_level;
    DUMP_OK(brain_dump(store, file, &options, NULL));
    uint8_t *bytes = dumps_read(file, &size);
    size_t list = zstd_level == 0 ? end_of_list(bytes, size) : size;
    for (size_t i = 0; i < size; i += i > 4000 ? (size_t)n_steps : SLOWLY) {
        uint8_t was = bytes[i];
        snprintf(check_note, sizeof check_note, "byte %zu of %zu, level %d", i, size, zstd_level);
        bytes[i] ^= (uint8_t)(1 + check_below(255));
        dumps_write(file, bytes, size);
        bytes[i] = was;
        check_refused(zstd_level == 0);
        int n = check_borne(i >= list);
        /* The blocks before it come as if the file ended here. */
        if (zstd_level != 0 && i > 4000) {
            dumps_write(file, bytes, i);
            CHECK(n >= check_borne(false));
        }
        n_best += n == (int)N_NUMBERS - 1;
        n_bad += n == 0;
    }
    check_note[0] = '\0';
    /* Most damage costs one item; little of it costs all. */
    CHECK(zstd_level != 0 || (n_best > 50 / (int)SLOWLY && n_bad < (int)list));
    free(bytes);
    check_destroy(store);
}

static void it_is_cut_off(int zstd_level, int n_steps)
{
    brain_store *store = make_store();
    brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
    size_t size;
    options.zstd_level = zstd_level;
    DUMP_OK(brain_dump(store, file, &options, NULL));
    uint8_t *bytes = dumps_read(file, &size);
    size_t list = zstd_level == 0 ? end_of_list(bytes, size) : size;
    for (size_t len = 0; len < size;
         len += len > 3000 && size - len > 200 ? (size_t)n_steps : SLOWLY) {
        snprintf(check_note, sizeof check_note, "%zu of %zu bytes, level %d", len, size,
                 zstd_level);
        dumps_write(file, bytes, len);
        check_refused(true);
        (void)check_borne(len >= list);
    }
    check_note[0] = '\0';
    free(bytes);
    check_destroy(store);
}

/* Compress a dump once more, with a checksum of all that is in it, as they were for a time. Behind what comes of the
 * first `n` bytes, `*at_out`, another block begins. */
static uint8_t *pack(const uint8_t *bytes, size_t size, size_t n, size_t *size_out, size_t *at_out)
{
    size_t room = 2 * ZSTD_compressBound(size);
    ZSTD_outBuffer out = { malloc(room), room, 0 };
    ZSTD_inBuffer in = { bytes, n, 0 };
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    CHECK(out.dst != NULL && zstd != NULL);
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)));
    CHECK(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush) == 0);
    *at_out = out.pos;
    in.size = size;
    CHECK(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end) == 0);
    *size_out = out.pos;
    (void)ZSTD_freeCCtx(zstd);
    return out.dst;
}

/* What is wrong is the head of a block: the one before it comes. */
static void a_block_that_makes_no_sense_costs_none_before_it(void)
{
    brain_store *store = make_store();
    size_t size, packed_size, at;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    uint8_t *bytes = dumps_read(file, &size);
    uint8_t *packed = pack(bytes, size, end_of_list(bytes, size) + 4000, &packed_size, &at);
    dumps_write(file, packed, at);
    int n = check_borne(true);
    packed[at] |= 6; /* a type that is none */
    dumps_write(file, packed, packed_size);
    check_refused(true);
    CHECK(n > 0);
    CHECK_U64(check_borne(true), n);
    free(packed);
    free(bytes);
    check_destroy(store);
}

/* Each value has a check of its own: where that of all is wrong nothing is lost. */
static void a_wrong_checksum_of_all_costs_nothing(brain_store *store)
{
    size_t size, packed_size, at;
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    options.flags = BRAIN_LOAD_DAMAGED;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    uint8_t *bytes = dumps_read(file, &size);
    uint8_t *packed = pack(bytes, size, size, &packed_size, &at);
    for (size_t i = packed_size - 4; i < packed_size; i++) {
        brain_store *other = fresh();
        brain_load_result result;
        packed[i] ^= 1;
        dumps_write(file, packed, packed_size);
        packed[i] ^= 1;
        DUMP_CODE(brain_load(other, file, NULL, NULL), BRAIN_E_CORRUPT);
        DUMP_DETAIL("behind the end");
        CHECK_U64(dumps_count_names(other), 0);
        DUMP_OK(brain_load(other, file, &options, &result));
        CHECK_U64(dumps_count_names(other), dumps_count_names(store));
        CHECK(result.is_damaged && result.n_lost == 0 && result.n_untold == 0);
        check_destroy(other);
    }
    free(packed);
    free(bytes);
    check_destroy(store);
}

/* The same of a store with less than a block, as it unpacks. */
static void a_wrong_checksum_of_little_costs_nothing(void)
{
    brain_store *store = dumps_new();
    dumps_put(store, 1);
    dumps_put(store, 2);
    a_wrong_checksum_of_all_costs_nothing(store);
}

/* Something behind the end; and two dumps, one behind the other. */
static void it_goes_on(void)
{
    brain_store *store = make_store();
    size_t size;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    uint8_t *bytes = dumps_read(file, &size), *twice = malloc(2 * size);
    CHECK(twice != NULL);
    memcpy(twice, bytes, size);
    memcpy(twice + size, bytes, size);
    dumps_write(file, twice, size + 1);
    check_refused(true);
    CHECK_U64(check_borne(true), N_NUMBERS);
    dumps_write(file, twice, 2 * size);
    check_refused(true);
    CHECK_U64(check_borne(true), N_NUMBERS);
    free(bytes);
    free(twice);
    check_destroy(store);
}

/* An item of another dump of the same store, at the same place: everything in it is sound, but it is of another moment. */
static void pieces_of_another_are_damage(void)
{
    brain_store *store = make_store();
    size_t size, other_size;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    uint8_t *bytes = dumps_read(file, &size);
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    uint8_t *other = dumps_read(file, &other_size);
    size_t half = size - 20000; /* in the data of the large value, which come last or nearly so */
    CHECK(size == other_size);
    uint8_t *piece = memmem(other, other_size,
                            "\x64"
                            "data",
                            5);
    CHECK(piece != NULL && half > (size_t)(piece - other));
    memcpy(bytes + (piece - other), piece, size - (size_t)(piece - other));
    dumps_write(file, bytes, size);
    check_refused(true);
    CHECK(check_borne(true) < (int)N_NUMBERS);
    free(bytes);
    free(other);
    check_destroy(store);
}

/* ---- items that are made by hand, with sound checks */

#define SEED 77u
static uint8_t made[1 << 20];
static size_t made_len;
static uint8_t item_bytes[BD_ITEM_MAX];
static struct bd_item item = { item_bytes, 0 };

static void end(uint64_t seed)
{
    bd_item_check(&item, seed);
    CHECK(made_len + item.len <= sizeof made);
    memcpy(made + made_len, item.bytes, item.len);
    made_len += item.len;
    item.len = 0;
}

static void first(uint64_t format, uint64_t committed)
{
    made_len = 0;
    bd_item_tag(&item, BD_SELF_TAG);
    bd_item_array(&item, 7);
    bd_item_text(&item, BD_FIRST_TEXT);
    bd_item_uint(&item, format);
    bd_item_uint(&item, SEED);
    bd_item_uint(&item, committed);
    bd_item_uint(&item, 1000);
    bd_item_uint(&item, 0);
    end(0);
}

static void names(uint64_t number, const char *space, size_t space_len, uint32_t n, uint64_t size)
{
    bd_item_array(&item, 5);
    bd_item_text(&item, "names");
    bd_item_uint(&item, number);
    bd_item_bytes(&item, space, space_len);
    bd_item_array(&item, 2 * n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t name = (uint8_t)(number + i);
        bd_item_bytes(&item, &name, 1);
        bd_item_uint(&item, size);
    }
    end(SEED);
}

static void listed(uint64_t n_names, uint64_t n_bytes)
{
    bd_item_array(&item, 5);
    bd_item_text(&item, "listed");
    bd_item_uint(&item, 1);
    bd_item_uint(&item, n_names);
    bd_item_uint(&item, n_bytes);
    end(SEED);
}

static void value_head(const char *text, uint64_t number, const char *space, size_t space_len,
                       uint32_t n_elements)
{
    bd_item_array(&item, 5);
    bd_item_text(&item, text);
    bd_item_uint(&item, number);
    bd_item_bytes(&item, space, space_len);
    bd_item_array(&item, n_elements);
}

static void value_body(uint64_t kind, uint64_t created_ns, const void *name, size_t name_len,
                       size_t meta_len)
{
    static const uint8_t zeros[BRAIN_META_MAX + 10];
    bd_item_uint(&item, kind);
    bd_item_uint(&item, 5);
    bd_item_uint(&item, created_ns);
    bd_item_bytes(&item, name, name_len);
    bd_item_bytes(&item, zeros, meta_len);
    bd_item_bytes(&item, zeros, 0);
}

static void small(uint64_t number, uint64_t kind)
{
    uint8_t name = (uint8_t)number;
    value_head("values", number, "s", 1, 7);
    value_body(kind, 7, &name, 1, 0);
    bd_item_bytes(&item, "data", 4);
    end(SEED);
}

static void large(uint64_t number, uint64_t size)
{
    uint8_t name = (uint8_t)number;
    value_head("large", number, "s", 1, 7);
    value_body(BRAIN_KIND_BYTES, 7, &name, 1, 0);
    bd_item_uint(&item, size);
    end(SEED);
}

static void data(uint64_t number, uint64_t offset, size_t len)
{
    static const uint8_t zeros[1000];
    bd_item_array(&item, 5);
    bd_item_text(&item, "data");
    bd_item_uint(&item, number);
    bd_item_uint(&item, offset);
    bd_item_bytes(&item, zeros, len);
    end(SEED);
}

static void the_end(uint64_t n_names, uint64_t n_bytes)
{
    bd_item_array(&item, 4);
    bd_item_text(&item, "end");
    bd_item_uint(&item, n_names);
    bd_item_uint(&item, n_bytes);
    end(SEED);
}

/* Two names of 4 bytes, as the others are but for one thing. */
static void sound_one(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, 4);
    listed(2, 8);
    small(0, BRAIN_KIND_BYTES);
    small(1, BRAIN_KIND_BYTES);
    the_end(2, 8);
}
static void with_another_item(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, 4);
    listed(2, 8);
    small(0, BRAIN_KIND_BYTES);
    bd_item_array(&item, 3);
    bd_item_text(&item, "of a later version");
    bd_item_uint(&item, 1);
    end(SEED);
    small(1, BRAIN_KIND_BYTES);
    the_end(2, 8);
}
static void of_a_large_one(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, 4);
    listed(2, 8);
    large(0, 4);
    data(0, 0, 1);
    data(0, 1, 3);
    small(1, BRAIN_KIND_BYTES);
    the_end(2, 8);
}
static void of_a_later_format(void)
{
    first(BD_FORMAT + 1, 10);
}
static void of_no_format(void)
{
    first(0, 10);
}
static void that_uses_numbers_up(void)
{
    first(BD_FORMAT, UINT64_MAX - 1);
    names(0, "s", 1, 0, 4);
    listed(0, 0);
    the_end(0, 0);
}
static void with_a_hidden_namespace(void)
{
    first(BD_FORMAT, 10);
    names(0, "\xffplasma-control", 15, 1, 4);
    listed(1, 4);
    value_head("values", 0, "\xffplasma-control", 15, 7);
    value_body(BRAIN_KIND_RAW, 7, "subscribers", 11, 32);
    bd_item_bytes(&item, "data", 4);
    end(SEED);
    the_end(1, 4);
}
static void with_a_namespace_without_name(void)
{
    first(BD_FORMAT, 10);
    names(0, "", 0, 1, 4);
    listed(1, 4);
    the_end(1, 4);
}
static void with_kind(uint64_t kind)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    small(0, kind);
    the_end(1, 4);
}
static void with_an_unsealed_one(void)
{
    with_kind(BRAIN_KIND_UNSEALED);
}
static void with_a_namespace_as_value(void)
{
    with_kind(BRAIN_KIND_SPACE);
}
static void with_a_kind_too_large(void)
{
    with_kind(256);
}
static void put_later_than_time(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    value_head("values", 0, "s", 1, 7);
    value_body(BRAIN_KIND_BYTES, UINT64_MAX, "a", 1, 0);
    bd_item_bytes(&item, "data", 4);
    end(SEED);
    the_end(1, 4);
}
static void with_metadata_too_long(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    value_head("values", 0, "s", 1, 7);
    value_body(BRAIN_KIND_BYTES, 7, "a", 1, BRAIN_META_MAX + 1);
    bd_item_bytes(&item, "data", 4);
    end(SEED);
    the_end(1, 4);
}
static void with_a_name_too_long(void)
{
    static const uint8_t zeros[BRAIN_NAME_MAX + 1];
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    value_head("values", 0, "s", 1, 7);
    value_body(BRAIN_KIND_BYTES, 7, zeros, sizeof zeros, 0);
    bd_item_bytes(&item, "data", 4);
    end(SEED);
    the_end(1, 4);
}
static void with_six_elements(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    value_head("values", 0, "s", 1, 6);
    value_body(BRAIN_KIND_BYTES, 7, "a", 1, 0);
    end(SEED);
    the_end(1, 4);
}
static void with_a_value_twice(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    small(0, BRAIN_KIND_BYTES);
    small(0, BRAIN_KIND_BYTES);
    the_end(1, 4);
}
static void with_more_values_than_names(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    small(0, BRAIN_KIND_BYTES);
    small(1, BRAIN_KIND_BYTES);
    the_end(1, 4);
}
static void with_values_before_the_list(void)
{
    first(BD_FORMAT, 10);
    small(0, BRAIN_KIND_BYTES);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    the_end(1, 4);
}
static void with_a_value_missing(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, 4);
    listed(2, 8);
    small(1, BRAIN_KIND_BYTES);
    the_end(2, 8);
}
static void with_names_missing(void)
{
    first(BD_FORMAT, 10);
    names(3, "s", 1, 2, 4);
    listed(5, 20);
    the_end(5, 20);
}
static void with_sizes_that_overflow(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, UINT64_MAX);
    listed(2, UINT64_MAX - 1);
    the_end(2, UINT64_MAX - 1);
}
static void with_a_list_that_lies(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, 4);
    listed((uint64_t)1 << 60, 8);
    small(0, BRAIN_KIND_BYTES);
    the_end(2, 8);
}
static void with_two_lists(void)
{
    sound_one();
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    listed(1, 4);
    small(0, BRAIN_KIND_BYTES);
    the_end(1, 4);
}
static void with_data_of_nobody(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    data(0, 0, 4);
    small(0, BRAIN_KIND_BYTES);
    the_end(1, 4);
}
static void with_too_much_data(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    large(0, 4);
    data(0, 0, 5);
    the_end(1, 4);
}
static void with_data_in_another_order(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    large(0, 4);
    data(0, 2, 2);
    data(0, 0, 2);
    the_end(1, 4);
}
static void with_empty_data(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 4);
    listed(1, 4);
    large(0, 4);
    data(0, 0, 0);
    data(0, 0, 4);
    the_end(1, 4);
}
static void with_a_large_one_of_nothing(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 1, 0);
    listed(1, 0);
    large(0, 0);
    the_end(1, 0);
}
static void with_a_large_one_that_stops(void)
{
    first(BD_FORMAT, 10);
    names(0, "s", 1, 2, 4);
    listed(2, 8);
    large(0, 4);
    data(0, 0, 2);
    small(1, BRAIN_KIND_BYTES);
    the_end(2, 8);
}
static void of_arrays_in_arrays(void)
{
    first(BD_FORMAT, 10);
    for (int i = 0; i < 1000; i++) {
        bd_item_array(&item, 1);
    }
    bd_item_uint(&item, 0);
    end(SEED);
    the_end(0, 0);
}
static void of_an_array_without_end(void)
{
    first(BD_FORMAT, 10);
    size_t at = bd_item_array_of_many(&item);
    bd_item_set_count(&item, at, UINT32_MAX);
    bd_item_uint(&item, 0);
    end(SEED);
    the_end(0, 0);
}
static void of_a_map(void)
{
    first(BD_FORMAT, 10);
    made[made_len++] = 0xbf; /* of indefinite length */
    made[made_len++] = 0xff;
    the_end(0, 0);
}

static const struct {
    const char *name;
    void (*make)(void);
    int err;     /* of a load that refuses damage */
    int n_borne; /* values that come where it is borne; -1: whatever */
} hostile[] = {
    { "sound", sound_one, 0, 2 },
    { "another item", with_another_item, 0, 2 },
    { "a large one", of_a_large_one, 0, 2 },
    { "later format", of_a_later_format, BRAIN_E_FORMAT, 0 },
    { "format 0", of_no_format, BRAIN_E_FORMAT, 0 },
    { "committed", that_uses_numbers_up, BRAIN_E_CORRUPT, 0 },
    { "hidden namespace", with_a_hidden_namespace, BRAIN_E_CORRUPT, 0 },
    { "namespace without name", with_a_namespace_without_name, BRAIN_E_CORRUPT, 0 },
    { "unsealed", with_an_unsealed_one, BRAIN_E_CORRUPT, 0 },
    { "kind of a namespace", with_a_namespace_as_value, BRAIN_E_CORRUPT, 0 },
    { "kind 256", with_a_kind_too_large, BRAIN_E_CORRUPT, 0 },
    { "time", put_later_than_time, BRAIN_E_CORRUPT, 0 },
    { "metadata", with_metadata_too_long, BRAIN_E_CORRUPT, 0 },
    { "name", with_a_name_too_long, BRAIN_E_CORRUPT, 0 },
    { "six elements", with_six_elements, BRAIN_E_CORRUPT, 0 },
    { "twice", with_a_value_twice, BRAIN_E_CORRUPT, 1 },
    { "more values than names", with_more_values_than_names, BRAIN_E_CORRUPT, 1 },
    { "values before the list", with_values_before_the_list, BRAIN_E_CORRUPT, 1 },
    { "a value missing", with_a_value_missing, BRAIN_E_CORRUPT, 1 },
    { "names missing", with_names_missing, BRAIN_E_CORRUPT, 0 },
    { "overflow", with_sizes_that_overflow, BRAIN_E_CORRUPT, 0 },
    { "a list that lies", with_a_list_that_lies, BRAIN_E_CORRUPT, 1 },
    { "two lists", with_two_lists, BRAIN_E_CORRUPT, 1 },
    { "data of nobody", with_data_of_nobody, BRAIN_E_CORRUPT, 1 },
    { "too much data", with_too_much_data, BRAIN_E_CORRUPT, 0 },
    { "another order", with_data_in_another_order, BRAIN_E_CORRUPT, 0 },
    { "empty data", with_empty_data, BRAIN_E_CORRUPT, 0 },
    { "large and empty", with_a_large_one_of_nothing, BRAIN_E_CORRUPT, 0 },
    { "a large one that stops", with_a_large_one_that_stops, BRAIN_E_CORRUPT, 1 },
    { "arrays in arrays", of_arrays_in_arrays, BRAIN_E_CORRUPT, 0 },
    { "array without end", of_an_array_without_end, BRAIN_E_CORRUPT, 0 },
    { "map", of_a_map, BRAIN_E_CORRUPT, 0 },
};

static void hostile_ones_do_no_harm(void)
{
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        snprintf(check_note, sizeof check_note, "%s", hostile[i].name);
        hostile[i].make();
        dumps_write(file, made, made_len);
        brain_store *store = fresh();
        brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
        DUMP_CODE(brain_load(store, file, &options, NULL), hostile[i].err);
        CHECK_U64(dumps_count_names(store), hostile[i].err == 0 ? hostile[i].n_borne : 0);
        check_destroy(store);
        store = fresh();
        options.flags = BRAIN_LOAD_DAMAGED;
        int err = brain_load(store, file, &options, NULL);
        CHECK(err == 0 || err == hostile[i].err);
        CHECK_U64(dumps_count_names(store), hostile[i].n_borne);
        brain_stat stat = check_stat(store);
        CHECK(stat.committed < BRAIN_NUMBER_MAX && stat.private_bytes == 0);
        CHECK_SOUND(store);
        check_destroy(store);
    }
    check_note[0] = '\0';
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = argc > 1 ? strtoull(argv[1], NULL, 0) : check_new_seed();
    printf("seed %llu\n", (unsigned long long)check_state);
    const char *folder = dumps_folder();
    file = dumps_join(folder, "dump");
    hostile_ones_do_no_harm();
    it_goes_on();
    pieces_of_another_are_damage();
    a_wrong_checksum_of_all_costs_nothing(make_store());
    a_wrong_checksum_of_little_costs_nothing();
    a_block_that_makes_no_sense_costs_none_before_it();
    it_is_cut_off(0, 997);
    it_is_cut_off(3, 997);
    each_byte_changes(0, 499);
    each_byte_changes(3, 499);
    free(file);
    return 0;
}
