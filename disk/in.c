/* in.c - the items of a dump, out of a window of bytes that is filled from a file.
 *
 * Damage of what is compressed looks as the end of the file does: what was unpacked before is whole or has a wrong check, and nothing
 * comes after it.
 */
#include "in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "error.h"

#define WINDOW BD_ITEM_MAX /* whatever is longer is no item */

static const uint8_t zstd_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

static int begin_unpacking(struct bd_in *in)
{
    if (in->zstd == NULL) {
        in->packed_room = ZSTD_DStreamInSize();
        in->packed = malloc(in->packed_room);
        in->zstd = ZSTD_createDCtx();
    }
    if (in->packed == NULL || in->zstd == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to unpack a dump");
    }
    (void)ZSTD_DCtx_reset(in->zstd, ZSTD_reset_session_only);
    return 0;
}

int bd_in_rewind(struct bd_in *in)
{
    uint8_t head[sizeof zstd_magic];
    in->at = in->end = in->packed_at = in->packed_end = 0;
    in->offset = in->seed = 0;
    in->is_at_end = in->is_unpacked_wrong = in->is_in_frame = false;
    ssize_t n = pread(in->fd, head, sizeof head, (off_t)in->start);
    if (n < 0 || lseek(in->fd, (off_t)in->start, SEEK_SET) < 0) {
        return bd_error_os(errno, "cannot read a dump");
    }
    in->is_packed = n == (ssize_t)sizeof head && memcmp(head, zstd_magic, sizeof head) == 0;
    return in->is_packed ? begin_unpacking(in) : 0;
}

int bd_in_init(struct bd_in *in, int fd)
{
    *in = (struct bd_in){ .fd = fd };
    off_t start = lseek(fd, 0, SEEK_CUR);
    if (start < 0) {
        return errno == ESPIPE
                   ? bd_error(BRAIN_E_INVAL,
                              "a dump is read twice, so it cannot come from a pipe: save it "
                              "to a file first")
                   : bd_error_os(errno, "cannot read a dump");
    }
    in->start = (uint64_t)start;
    in->bytes = malloc(WINDOW);
    if (in->bytes == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to read a dump");
    }
    return bd_in_rewind(in);
}

void bd_in_deinit(struct bd_in *in)
{
    (void)ZSTD_freeDCtx(in->zstd);
    free(in->packed);
    free(in->bytes);
}

/* Read up to `room` bytes: 0, with 0 in `*n_out` at the end; IO. */
static int read_some(int fd, void *to, size_t room, size_t *n_out)
{
    ssize_t n;
    do {
        n = read(fd, to, room);
    } while (n < 0 && errno == EINTR);
    *n_out = n < 0 ? 0 : (size_t)n;
    return n < 0 ? bd_error_os(errno, "cannot read a dump") : 0;
}

static int unpack_some(struct bd_in *in, size_t *n_out)
{
    *n_out = 0;
    while (*n_out == 0) {
        if (in->packed_at == in->packed_end) {
            int err = read_some(in->fd, in->packed, in->packed_room, &in->packed_end);
            in->packed_at = 0;
            if (err != 0 || in->packed_end == 0) {
                in->is_unpacked_wrong = err == 0 && in->is_in_frame;
                return err;
            }
        }
        ZSTD_inBuffer from = { in->packed, in->packed_end, in->packed_at };
        ZSTD_outBuffer to = { in->bytes + in->end, WINDOW - in->end, 0 };
        size_t hint = ZSTD_decompressStream(in->zstd, &to, &from);
        in->packed_at = from.pos;
        *n_out = to.pos;
        if (ZSTD_isError(hint)) { /* what came out before it stays */
            in->is_unpacked_wrong = true;
            return 0;
        }
        in->is_in_frame = hint != 0;
    }
    return 0;
}

/* Move what is left to the front, and fill what is behind it. */
static int fill(struct bd_in *in)
{
    memmove(in->bytes, in->bytes + in->at, in->end - in->at);
    in->end -= in->at;
    in->at = 0;
    while (in->end < WINDOW && !in->is_at_end) {
        size_t n;
        int err = in->is_packed ? unpack_some(in, &n)
                                : read_some(in->fd, in->bytes + in->end, WINDOW - in->end, &n);
        if (err != 0) {
            return err;
        }
        in->end += n;
        in->is_at_end = n == 0 || in->is_unpacked_wrong;
    }
    return 0;
}

int bd_in_next(struct bd_in *in, enum bd_found *found_out, struct bd_cursor *cursor_out,
               uint64_t *offset_out)
{
    size_t len = 0;
    enum bd_framing framing = bd_item_frame(in->bytes + in->at, in->end - in->at, in->seed, &len);
    if (framing == BD_TOO_SHORT && !in->is_at_end) {
        int err = fill(in);
        if (err != 0) {
            return err;
        }
        framing = bd_item_frame(in->bytes + in->at, in->end - in->at, in->seed, &len);
    }
    *offset_out = in->offset;
    if (framing == BD_TOO_SHORT || framing == BD_NONSENSE) {
        *found_out = in->at == in->end && !in->is_unpacked_wrong ? BD_END : BD_BAD_BYTES;
        return 0;
    }
    const uint8_t *bytes = in->bytes + in->at;
    *cursor_out =
        (struct bd_cursor){ bytes, framing == BD_WHOLE ? bytes + len - BD_CHECK_BYTES : bytes,
                            false };
    *found_out = framing == BD_WHOLE ? BD_ITEM : BD_BAD_ITEM;
    in->at += len;
    in->offset += len;
    return 0;
}
