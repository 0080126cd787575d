/* source.c - the bytes of a dump as they come from a file.
 *
 * Damage of what is compressed looks as the end of the file does: what was unpacked before it is there, and nothing comes
 * after it. Of the call that meets it zstd does not say what it has unpacked. So a call has one block at most, and
 * what stands behind it, the head of the next or a checksum of all, comes with the next call.
 */
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "error.h"

static const uint8_t zstd_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

#define BLOCK_HEAD 3u /* RFC 8878, 3.1.1.2; zstd asks for a block and the head of the next */

int bd_source_init(struct bd_source *source, int fd)
{
    *source = (struct bd_source){ .fd = fd };
    off_t start = lseek(fd, 0, SEEK_CUR);
    if (start < 0 && errno == ESPIPE) {
        return bd_error(BRAIN_E_INVAL, "a dump is read twice, so it cannot come from a pipe: save "
                                       "it to a file first");
    }
    source->start = start < 0 ? 0 : (uint64_t)start;
    return start < 0 ? bd_error_os(errno, "cannot read a dump") : 0;
}

void bd_source_deinit(struct bd_source *source)
{
    (void)ZSTD_freeDCtx(source->zstd);
    free(source->packed);
}

static int begin_unpacking(struct bd_source *source)
{
    if (source->zstd == NULL) {
        source->packed_room = ZSTD_DStreamInSize();
        source->packed = malloc(source->packed_room);
        source->zstd = ZSTD_createDCtx();
    }
    if (source->packed == NULL || source->zstd == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to unpack a dump");
    }
    (void)ZSTD_DCtx_reset(source->zstd, ZSTD_reset_session_only);
    source->has_more = false;
    source->asks = sizeof zstd_magic;
    return 0;
}

int bd_source_rewind(struct bd_source *source)
{
    uint8_t head[sizeof zstd_magic];
    source->packed_at = source->packed_end = 0;
    source->is_at_end = source->is_cut = source->is_in_frame = false;
    ssize_t n = pread(source->fd, head, sizeof head, (off_t)source->start);
    if (n < 0 || lseek(source->fd, (off_t)source->start, SEEK_SET) < 0) {
        return bd_error_os(errno, "cannot read a dump");
    }
    source->is_packed = n == (ssize_t)sizeof head && memcmp(head, zstd_magic, sizeof head) == 0;
    return source->is_packed ? begin_unpacking(source) : 0;
}

int bd_source_seek(struct bd_source *source, uint64_t offset)
{
    source->is_at_end = false;
    return lseek(source->fd, (off_t)(source->start + offset), SEEK_SET) >= 0
               ? 0
               : bd_error_os(errno, "cannot read a dump");
}

uint64_t bd_source_size(const struct bd_source *source)
{
    struct stat st;
    bool is_known = fstat(source->fd, &st) == 0 && (uint64_t)st.st_size > source->start;
    return is_known ? (uint64_t)st.st_size - source->start : 0;
}

/* Read up to `room` bytes; none at the end. Returns 0, or an errno. */
static int read_some(int fd, void *to, size_t room, size_t *n_out)
{
    ssize_t n;
    do {
        n = read(fd, to, room);
    } while (n < 0 && errno == EINTR);
    *n_out = n < 0 ? 0 : (size_t)n;
    return n < 0 ? errno : 0;
}

/* What zstd is given in one call. */
static ZSTD_inBuffer next_input(const struct bd_source *source)
{
    size_t left = source->packed_end - source->packed_at, n = source->asks;
    n = n > BLOCK_HEAD ? n - BLOCK_HEAD : n;
    n = source->has_more ? 0 : n < left ? n : left;
    return (ZSTD_inBuffer){ source->packed, source->packed_at + n, source->packed_at };
}

static int unpack_some(struct bd_source *source, uint8_t *to, size_t room, size_t *n_out)
{
    ZSTD_outBuffer out = { to, room, 0 };
    while (out.pos == 0 && !source->is_cut) {
        if (!source->has_more && source->packed_at == source->packed_end) {
            int os =
                read_some(source->fd, source->packed, source->packed_room, &source->packed_end);
            source->packed_at = 0;
            if (os != 0 || source->packed_end == 0) {
                source->is_cut = os == 0 && source->is_in_frame;
                *n_out = 0;
                return os;
            }
        }
        ZSTD_inBuffer in = next_input(source);
        size_t hint = ZSTD_decompressStream(source->zstd, &out, &in);
        source->packed_at = in.pos;
        source->is_in_frame = hint != 0;
        source->is_cut = ZSTD_isError(hint);
        source->has_more = out.pos == room;
        source->asks = hint != 0 ? hint : sizeof zstd_magic; /* of another frame */
    }
    *n_out = out.pos;
    return 0;
}

int bd_source_fill(struct bd_source *source, uint8_t *to, size_t room, size_t *n_out)
{
    size_t n = 0;
    while (n < room && !source->is_at_end) {
        size_t some;
        int os = source->is_packed ? unpack_some(source, to + n, room - n, &some)
                                   : read_some(source->fd, to + n, room - n, &some);
        if (os != 0) {
            return os;
        }
        n += some;
        source->is_at_end = some == 0 || source->is_cut;
    }
    *n_out = n;
    return 0;
}
