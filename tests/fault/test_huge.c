/* test_huge.c - large values in fresh memory, on a file system that says it has huge pages: they are written up to the
 * end of one huge page after the other, by the caller, and backed through the mapping by others, where the kernel knows
 * how to; one that is streamed is backed when it is made.
 *
 * Also where signals come and come, and where there is no memory. fstat(), fallocate(), pwrite() and madvise() are
 * wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "base/os.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE (2 * CHECK_MIB)
#define SIZE (33 * CHECK_MIB + 1)

/* What becomes of a call to back pages through a mapping. */
enum kernel {
    OF_TODAY,
    OF_BEFORE, /* does not know it (Linux before 5.14) */
    EMULATED,  /* says yes to whatever it does not know, and does nothing */
    IN_TROUBLE /* has no memory for a table of pages, say: that one time */
};

static enum kernel kernel;
static bool is_watched;
static _Atomic uint32_t n_written, n_mapped,
    n_interrupted; /* calls since then, by several threads */
static _Atomic uint64_t bytes_written;
static uint32_t n_backed, n_by_others;           /* `n_by_others`: over all puts */
static uint64_t run_end, run_bytes, longest_run; /* of what is backed in one go, over all calls */
static uint64_t longest;                         /* that is not interrupted; 0: any */
static uint32_t n_until_full;                    /* calls; 0: it never is */
static int refusal = ENOSPC;                     /* what they say then */

#define WRAP_FSTAT(name)                                                                           \
    int __real_##name(int fd, struct stat *st);                                                    \
    int __wrap_##name(int fd, struct stat *st);                                                    \
    int __wrap_##name(int fd, struct stat *st)                                                     \
    {                                                                                              \
        int result = __real_##name(fd, st);                                                        \
        st->st_blksize = HUGE;                                                                     \
        return result;                                                                             \
    }
WRAP_FSTAT(fstat)
WRAP_FSTAT(fstat64) /* of the same layout here: 64-bit systems alone are served */

static int before_fallocate(off_t off, off_t size)
{
    if (!is_watched) {
        return 0;
    }
    CHECK_U64((uint64_t)off / HUGE, (uint64_t)(off + size - 1) / HUGE);
    if (longest != 0 && (uint64_t)size > longest) {
        n_interrupted++;
        return EINTR;
    }
    run_bytes = (uint64_t)off == run_end ? run_bytes + (uint64_t)size : (uint64_t)size;
    run_end = (uint64_t)(off + size);
    longest_run = run_bytes > longest_run ? run_bytes : longest_run;
    n_backed++;
    return n_until_full != 0 && n_backed >= n_until_full ? refusal : 0;
}

#define WRAP_FALLOCATE(name)                                                                       \
    int __real_##name(int fd, int how, off_t off, off_t size);                                     \
    int __wrap_##name(int fd, int how, off_t off, off_t size);                                     \
    int __wrap_##name(int fd, int how, off_t off, off_t size)                                      \
    {                                                                                              \
        int error = how == 0 ? before_fallocate(off, size) : 0;                                    \
        errno = error;                                                                             \
        return error == 0 ? __real_##name(fd, how, off, size) : -1;                                \
    }
WRAP_FALLOCATE(fallocate)
WRAP_FALLOCATE(fallocate64)

static int before_pwrite(size_t size, off_t off)
{
    if (!is_watched) {
        return 0;
    }
    CHECK_U64((uint64_t)off / HUGE, ((uint64_t)off + size - 1) / HUGE);
    if (longest != 0 && atomic_fetch_add(&n_interrupted, 1) % 2 == 0) {
        return EINTR;
    }
    bytes_written += size;
    return ++n_written >= n_until_full && n_until_full != 0 ? refusal : 0;
}

#define WRAP_PWRITE(name)                                                                          \
    ssize_t __real_##name(int fd, const void *bytes, size_t size, off_t off);                      \
    ssize_t __wrap_##name(int fd, const void *bytes, size_t size, off_t off);                      \
    ssize_t __wrap_##name(int fd, const void *bytes, size_t size, off_t off)                       \
    {                                                                                              \
        int error = before_pwrite(size, off);                                                      \
        errno = error;                                                                             \
        return error == 0 ? __real_##name(fd, bytes, size, off) : -1;                              \
    }
WRAP_PWRITE(pwrite)
WRAP_PWRITE(pwrite64)

int __real_madvise(void *addr, size_t size, int advice);
int __wrap_madvise(void *addr, size_t size, int advice);
int __wrap_madvise(void *addr, size_t size, int advice)
{
    if (is_watched && kernel == EMULATED) {
        return 0;
    }
    if (is_watched && advice == MADV_POPULATE_WRITE) {
        bool refuses = kernel == OF_BEFORE || (kernel == IN_TROUBLE && n_mapped == 1);
        n_mapped++;
        if (refuses) {
            errno = kernel == OF_BEFORE ? EINVAL : ENOMEM;
            return -1;
        }
    }
    return __real_madvise(addr, size, advice);
}

static void watch(uint64_t longest_call, uint32_t until_full)
{
    longest = longest_call;
    n_until_full = until_full;
    n_backed = 0;
    n_written = 0;
    n_mapped = 0;
    n_interrupted = 0;
    bytes_written = 0;
    run_end = longest_run = 0;
    is_watched = true;
}

static void check_value(brain_space *space, const uint8_t *bytes)
{
    brain_view view;
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK_U64(view.size_bytes, SIZE);
    CHECK(memcmp(view.data, bytes, SIZE) == 0);
    brain_view_drop(&view);
}

/* One value in fresh memory, which is given back in the end. */
static void check_put(brain_store *store, brain_space *space, const uint8_t *bytes,
                      uint64_t longest_call, enum kernel of)
{
    kernel = of;
    watch(longest_call, 0);
    CHECK_OK(brain_put_bytes(space, "a", 1, bytes, SIZE));
    is_watched = false;
    /* Who has one processor has no other thread; and another thread may come too late to do anything. */
    bool alone = bn_os_n_processors() == 1 || kernel == OF_BEFORE || kernel == EMULATED;
    CHECK(bytes_written >= (alone ? SIZE : HUGE));
    CHECK((longest_call == 0) == (n_interrupted == 0));
    CHECK(longest_call != 0 ||
          n_written <= SIZE / HUGE + 4); /* a call for each, and what else the store writes */
    n_by_others += kernel == OF_TODAY ? n_mapped : 0;
    check_value(space, bytes);
    CHECK_SOUND(store);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
    CHECK_SOUND(store);
}

static const brain_value bare = { .kind = BRAIN_KIND_BYTES };

/* A streamed one has all of it from the beginning: a page of a huge one is given for each piece else. */
static void check_streamed(brain_store *store, brain_space *space, const uint8_t *bytes)
{
    brain_object *object;
    watch(0, 0);
    CHECK_OK(brain_create_streamed(store, SIZE, &object));
    CHECK(longest_run >= SIZE);
    uint32_t n = n_backed;
    for (uint64_t at = 0; at < SIZE; at += CHECK_MIB + 1) {
        uint64_t rest = SIZE - at;
        CHECK_OK(brain_object_append(object, bytes + at, rest <= CHECK_MIB ? rest : CHECK_MIB + 1));
    }
    CHECK_OK(brain_object_seal(object, space, "a", 1, &bare, 0, NULL));
    is_watched = false;
    CHECK_U64(n_backed, n);
    CHECK_U64(n_written, 0);
    brain_object_release(object);
    check_value(space, bytes);
    CHECK_SOUND(store);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));

    watch(0, 5);
    CHECK_CODE(brain_create_streamed(store, SIZE, &object), BRAIN_E_FULL);
    is_watched = false;
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_SOUND(store);
    CHECK_OK(brain_trim(store, NULL));
}

/* Whoever meets it first: the caller or another thread. */
static void check_no_memory(brain_store *store, brain_space *space, const uint8_t *bytes)
{
    for (uint32_t n = 1; n <= SIZE / HUGE; n++) {
        for (kernel = OF_TODAY; kernel <= IN_TROUBLE; kernel++) {
            watch(0, n);
            int err = brain_put_bytes(space, "a", 1, bytes, SIZE);
            is_watched = false;
            CHECK(err == BRAIN_E_FULL || (err == 0 && n_written < n)); /* others had the rest */
            CHECK(err == 0 || brain_exists(space, "a", 1, NULL) == BRAIN_E_NOT_FOUND);
            if (err == 0) {
                check_value(space, bytes);
                CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
            }
            CHECK_SOUND(store);
            CHECK_OK(brain_trim(store, NULL));
        }
    }
    CHECK_OK(brain_put_bytes(space, "a", 1, bytes, SIZE));
    check_value(space, bytes);
    CHECK_SOUND(store);
}

/* Memory that is refused for another reason is not said to be used up. */
static void check_refused(brain_store *store, brain_space *space, const uint8_t *bytes)
{
    kernel = OF_BEFORE;
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
    for (refusal = EPERM; refusal != 0; refusal = refusal == EPERM ? EDQUOT : 0) {
        watch(0, 1);
        CHECK_CODE(brain_put_bytes(space, "a", 1, bytes, SIZE),
                   refusal == EPERM ? BRAIN_E_PERM : BRAIN_E_FULL);
        is_watched = false;
        CHECK_DETAIL(strerror(refusal));
        CHECK((strstr(brain_error_detail(), "is full") != NULL) == (refusal == EDQUOT));
        CHECK_SOUND(store);
    }
}

int main(void)
{
    check_begin();
    brain_store *store = check_open(check_path(), 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    uint8_t *bytes = malloc(SIZE);
    CHECK(bytes != NULL);
    for (uint64_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    }
    CHECK_OK(brain_space_create(space));
    for (enum kernel of = OF_TODAY; of <= IN_TROUBLE; of++) {
        check_put(store, space, bytes, 0, of);
        check_put(store, space, bytes, 64 << 10, of);
    }
    while (bn_os_n_processors() > 1 && n_by_others == 0) {
        check_put(store, space, bytes, 0, OF_TODAY);
    }
    check_streamed(store, space, bytes);
    check_no_memory(store, space, bytes);
    check_refused(store, space, bytes);
    free(bytes);
    brain_space_close(space);
    check_destroy(store);
    return 0;
}
