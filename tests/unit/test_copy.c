/* test_copy.c - large copies: every byte, where they are split, where threads are refused, and through a store. */
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/copy.h"

#define MIB      (UINT64_C(1) << 20)
#define LARGEST  (80 * MIB + 5)
#define PADDING  64u
#define SENTINEL 0x5a

static uint8_t *from, *to;

/* Bytes that no shift by whole pages or words maps onto themselves. */
static void fill(uint8_t *at, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(i % 251);
    }
}

static void check_shifted(uint64_t size, uint32_t to_by, uint32_t from_by)
{
    memset(to, SENTINEL, to_by + size + PADDING);
    bn_copy_large(to + to_by, from + from_by, size);
    CHECK(memcmp(to + to_by, from + from_by, size) == 0);
    for (uint32_t i = 0; i < to_by; i++) {
        CHECK_U64(to[i], SENTINEL);
    }
    for (uint32_t i = 0; i < PADDING; i++) {
        CHECK_U64(to[to_by + size + i], SENTINEL);
    }
}

static void check_copy(uint64_t size)
{
    check_shifted(size, 0, 0);
}

/* Targets and sources that begin and end within a line: past the caches go whole lines alone. */
static void check_alignments(void)
{
    static const uint32_t shifts[][2] = { { 0, 16 }, { 16, 0 }, { 1, 63 }, { 63, 3 } };
    for (uint32_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        check_shifted(32 * MIB + i, shifts[i][0], shifts[i][1]);
    }
}

static void check_sizes(void)
{
    static const uint64_t sizes[] = {
        0, 1, 4096, 32 * MIB - 1, 32 * MIB, 48 * MIB + 4097, 64 * MIB + 1, LARGEST,
    };
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_copy(sizes[i]);
    }
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* No address space for the stack of another thread; nor for what watches over memory. Before there were others: their
 * stacks are kept for the next. */
static void check_without_threads(void)
{
    struct rlimit before, none;
    pthread_t thread;
    if (CHECK_ASAN || getenv("CHECK_IN_VALGRIND") != NULL) {
        return;
    }
    CHECK_SYS(getrlimit(RLIMIT_AS, &before));
    none = before;
    none.rlim_cur = 1;
    CHECK_SYS(setrlimit(RLIMIT_AS, &none));
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool refused = pthread_create(&thread, NULL, do_nothing, NULL) != 0;
    check_copy(LARGEST);
    CHECK_SYS(setrlimit(RLIMIT_AS, &before));
    CHECK(refused == (page == MAP_FAILED));
    if (!refused) {
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_SYS(munmap(page, 4096));
        printf("SKIPPED: a limit of the address space is not heeded here (qemu-user?)\n");
    }
}

/* Into a file without memory, from any place in it on: nothing beside it is changed. */
static void check_fresh_at(int fd, uint64_t size, uint64_t off)
{
    uint64_t end = off + size + PADDING;
    CHECK_SYS(ftruncate(fd, 0));
    CHECK_SYS(ftruncate(fd, (off_t)end));
    uint8_t *mapped = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(mapped != MAP_FAILED);
    CHECK_U64(bn_copy_fresh(fd, off, mapped + off, from, size), 0);
    CHECK(memcmp(mapped + off, from, size) == 0);
    for (uint32_t i = 0; i < PADDING; i++) {
        CHECK_U64(mapped[off + size + i], 0);
    }
    for (uint64_t i = 0; i < off; i++) {
        CHECK_U64(mapped[i], 0);
    }
    CHECK_SYS(munmap(mapped, end));
}

static void check_fresh(void)
{
    static const uint64_t places[][2] = {
        { 0, 0 },
        { 1, 4095 },
        { 32 * MIB - 1, 0 },
        { 32 * MIB, 0 },
        { 32 * MIB, 4096 },
        { 48 * MIB + 4097, 2 * MIB - 1 },
        { LARGEST, 3000 },
        { LARGEST, 5 * MIB + 64 },
    };
    int fd = memfd_create("copy", MFD_CLOEXEC);
    CHECK_SYS(fd);
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        check_fresh_at(fd, places[i][0], places[i][1]);
    }
    CHECK_SYS(close(fd));
}

/* Into memory that the store has to fetch, and into what it has. */
static void check_put(void)
{
    brain_store *store = check_open(check_path(), 4 * LARGEST);
    brain_space *space = check_space(store, "default");
    for (uint32_t round = 0; round < 4; round++) {
        size_t size = 0;
        from[round * 10 * MIB] ^= 0xff;
        CHECK_OK(brain_put_bytes(space, "large", 5, from, LARGEST));
        memset(to, SENTINEL, LARGEST);
        CHECK_OK(brain_get_copy(space, "large", 5, to, LARGEST, &size, NULL, NULL));
        CHECK_U64(size, LARGEST);
        CHECK(memcmp(to, from, LARGEST) == 0);
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    from = malloc(LARGEST);
    to = malloc(LARGEST + PADDING);
    CHECK(from != NULL && to != NULL);
    fill(from, LARGEST);
    check_without_threads();
    check_sizes();
    check_alignments();
    check_fresh();
    check_put();
    free(from);
    free(to);
    return 0;
}
