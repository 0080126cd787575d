/* dump_fuzzer.c - a fuzzer of what reads dumps: for libFuzzer, or with replay.c.
 *
 * An input is a byte of flags, then items: two bytes that say how long it is, and its bytes without the check, which
 * is made here, so that what lies behind the checks is reached. With flag 4 the input is the file, as it is.
 *
 * Whatever it is: a load that is refused has changed nothing, one that is not gives a sound store, and what it says of
 * itself adds up.
 */
#include <brain_disk.h>

#include "../../disk/item.h"
#include "../unit/check.h"

#define SEED 77u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static uint8_t made[1 << 20];
static size_t n_made;

static void add(const void *bytes, size_t n)
{
    if (n <= sizeof made - n_made) {
        memcpy(made + n_made, bytes, n);
        n_made += n;
    }
}

static void add_item(const uint8_t *bytes, size_t n, uint64_t seed)
{
    static uint8_t room[BD_ITEM_MAX + BD_CHECK_BYTES];
    struct bd_item item = { room, n };
    memcpy(room, bytes, n);
    bd_item_check(&item, seed);
    add(item.bytes, item.len);
}

/* The first item is always sound: what a wrong one does is soon known. */
static void add_first(void)
{
    uint8_t room[100];
    struct bd_item item = { room, 0 };
    bd_item_tag(&item, BD_SELF_TAG);
    bd_item_array(&item, 7);
    bd_item_text(&item, BD_FIRST_TEXT);
    bd_item_uint(&item, BD_FORMAT);
    bd_item_uint(&item, SEED);
    bd_item_uint(&item, 10);
    bd_item_uint(&item, 1000);
    bd_item_uint(&item, 0);
    add_item(item.bytes, item.len, 0);
}

static void make_file(const uint8_t *bytes, size_t n)
{
    n_made = 0;
    if (n > 0 && (bytes[0] & 4) != 0) {
        add(bytes + 1, n - 1);
        return;
    }
    add_first();
    for (size_t at = 1; at + 2 <= n;) {
        size_t len = (size_t)bytes[at] | (size_t)bytes[at + 1] << 8;
        at += 2;
        len = len < n - at ? len : n - at;
        add_item(bytes + at, len, SEED);
        at += len;
    }
}

static uint64_t n_told[4];

static void tell(void *context, const brain_load_name *name)
{
    (void)context;
    CHECK(name->fate >= 0 && name->fate < 4);
    n_told[name->fate]++;
}

static void load(int fd, uint32_t flags)
{
    brain_store *store = check_open(check_path(), 4 * CHECK_MIB);
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    brain_load_result result;
    check_n_paths--;
    options.flags = flags;
    options.tell = tell;
    memset(n_told, 0, sizeof n_told);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    uint64_t before = check_stat(store).committed;
    int err = brain_load_from(store, fd, &options, &result);
    CHECK(err == 0 || err == BRAIN_E_CORRUPT || err == BRAIN_E_FORMAT || err == BRAIN_E_FULL ||
          err == BRAIN_E_PERM || err == BRAIN_E_INVAL);
    CHECK(err == 0 || brain_disk_error_detail()[0] != '\0');
    brain_stat stat = check_stat(store);
    if ((err == BRAIN_E_CORRUPT || err == BRAIN_E_FORMAT) && (flags & BRAIN_LOAD_DAMAGED) == 0) {
        CHECK_U64(stat.committed, before);
    }
    CHECK_U64(result.n_loaded, n_told[BRAIN_LOADED]);
    CHECK_U64(result.n_lost, n_told[BRAIN_LOAD_LOST]);
    CHECK(stat.n_objects <= result.n_loaded); /* a name may come twice */
    CHECK(stat.private_bytes == 0 && stat.committed < BRAIN_NUMBER_MAX);
    CHECK_SOUND(store);
    check_destroy(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static int fd = -1;
    if (fd < 0) {
        check_begin();
        fd = memfd_create("dump", MFD_CLOEXEC);
        CHECK_SYS(fd);
    }
    make_file(bytes, n);
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, made, n_made, 0) == (ssize_t)n_made);
    uint32_t more = n > 0 && (bytes[0] & 1) != 0 ? BRAIN_LOAD_KEEP : 0;
    more |= n > 0 && (bytes[0] & 2) != 0 ? BRAIN_LOAD_NO_PICKLES : 0;
    load(fd, more);
    load(fd, BRAIN_LOAD_DAMAGED | more);
    return 0;
}
