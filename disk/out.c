/* out.c - the bytes of a dump on their way to a descriptor. */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include "error.h"

#define SEND_EVERY ((uint64_t)8 << 20)
#define N_THREADS  4

/* What each thread of zstd works on at once: with the window of the usual levels two threads need some ten megabytes,
 * and what is smaller compresses worse. */
#define JOB_BYTES  (1 << 20)
#define WINDOW_LOG 20

static uint32_t count_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > N_THREADS ? N_THREADS : (uint32_t)n;
}

static int set(ZSTD_CCtx *zstd, ZSTD_cParameter parameter, int value)
{
    size_t code = ZSTD_CCtx_setParameter(zstd, parameter, value);
    return ZSTD_isError(code) ? bd_error(BRAIN_E_INVAL, "zstd: %s", ZSTD_getErrorName(code)) : 0;
}

static int init_zstd(struct bd_out *out, int32_t level, uint32_t n_threads)
{
    if (level < 1 || level > 19 || n_threads > 64) {
        return bd_error(BRAIN_E_INVAL,
                        "dumps are compressed with a level of 1 to 19 and 1 to 64 threads, and not "
                        "with "
                        "level %d and %u threads",
                        level, n_threads);
    }
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    out->zstd = zstd;
    out->packed_room = ZSTD_CStreamOutSize();
    out->packed = malloc(out->packed_room);
    if (zstd == NULL || out->packed == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to compress a dump");
    }
    int err = set(zstd, ZSTD_c_compressionLevel, level);
    err = err != 0 ? err : set(zstd, ZSTD_c_windowLog, WINDOW_LOG);
    /* No checksum of the frame: each item has one, and that of all would be one more thing to be damaged. */
    n_threads = n_threads == 0 ? count_processors() : n_threads;
    /* Of a libzstd without threads these two are refused: then it is one thread, ours. */
    if (err == 0 && !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_nbWorkers, (int)n_threads))) {
        (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_jobSize, JOB_BYTES);
    }
    return err;
}

int bd_out_init(struct bd_out *out, int fd, bool is_file, int32_t zstd_level, uint32_t n_threads)
{
    struct rlimit limit;
    bool is_limited =
        is_file && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    *out = (struct bd_out){ .fd = fd,
                            .is_file = is_file,
                            .limit = is_limited ? limit.rlim_cur : UINT64_MAX };
    return zstd_level != 0 ? init_zstd(out, zstd_level, n_threads) : 0;
}

void bd_out_deinit(struct bd_out *out)
{
    (void)ZSTD_freeCCtx(out->zstd);
    free(out->packed);
}

/* Ask for the pages written since to be sent to the disk, and do not wait for it. */
static void send_pages(struct bd_out *out)
{
#ifdef SYNC_FILE_RANGE_WRITE
    uint64_t n = out->file_bytes - out->sent_bytes;
    if (out->is_file && n >= SEND_EVERY) {
        /* If it cannot, the sync at the end does it all. */
        (void)sync_file_range(out->fd, (off_t)out->sent_bytes, (off_t)n, SYNC_FILE_RANGE_WRITE);
        out->sent_bytes = out->file_bytes;
    }
#else
    (void)out;
#endif
}

/* Beyond the limit on files a write is a signal that ends the process. */
static int check_limit(const struct bd_out *out, const struct iovec *parts, int n_parts)
{
    uint64_t end = out->file_bytes;
    for (int i = 0; i < n_parts; i++) {
        end += parts[i].iov_len;
    }
    return end <= out->limit ? 0
                             : bd_error_os(EFBIG, "cannot write a dump of more than %llu bytes",
                                           (unsigned long long)out->limit);
}

static int write_raw(struct bd_out *out, struct iovec *parts, int n_parts)
{
    int err = check_limit(out, parts, n_parts);
    if (err != 0) {
        return err;
    }
    while (n_parts > 0) {
        if (parts->iov_len == 0) {
            parts++;
            n_parts--;
            continue;
        }
        ssize_t n = writev(out->fd, parts, n_parts);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return bd_error_os(errno, "cannot write a dump, after %llu bytes",
                               (unsigned long long)out->file_bytes);
        }
        out->file_bytes += (uint64_t)n;
        for (size_t left = (size_t)n; left > 0;) {
            size_t of_part = left < parts->iov_len ? left : parts->iov_len;
            parts->iov_base = (uint8_t *)parts->iov_base + of_part;
            parts->iov_len -= of_part;
            left -= of_part;
            if (parts->iov_len == 0) {
                parts++;
                n_parts--;
            }
        }
    }
    send_pages(out);
    return 0;
}

/* Feed zstd until it has taken `in`; at the end until it has given everything. */
static int pack(struct bd_out *out, ZSTD_inBuffer *in, ZSTD_EndDirective how)
{
    for (;;) {
        ZSTD_outBuffer packed = { .dst = out->packed, .size = out->packed_room };
        size_t left = ZSTD_compressStream2(out->zstd, &packed, in, how);
        if (ZSTD_isError(left)) {
            return bd_error(BRAIN_E_NOMEM, "cannot compress a dump: %s", ZSTD_getErrorName(left));
        }
        struct iovec part = { packed.dst, packed.pos };
        int err = packed.pos != 0 ? write_raw(out, &part, 1) : 0;
        bool is_done = how == ZSTD_e_end ? left == 0 : in->pos == in->size;
        if (err != 0 || is_done) {
            return err;
        }
    }
}

int bd_out_write(struct bd_out *out, struct iovec *parts, int n_parts)
{
    int err = 0;
    if (out->zstd == NULL) {
        return write_raw(out, parts, n_parts);
    }
    for (int i = 0; i < n_parts && err == 0; i++) {
        ZSTD_inBuffer in = { .src = parts[i].iov_base, .size = parts[i].iov_len };
        err = pack(out, &in, ZSTD_e_continue);
    }
    return err;
}

int bd_out_finish(struct bd_out *out)
{
    ZSTD_inBuffer none = { .src = NULL };
    return out->zstd != NULL ? pack(out, &none, ZSTD_e_end) : 0;
}
