/* in.c - the items of a dump, one after the other: pieces as they come, and what is left of one in front of the next. */
#include "in.h"

#include <assert.h>
#include <string.h>

static_assert(BD_AHEAD_ROOM >= BD_ITEM_MAX, "what is left of a piece is less than an item");

int bd_in_init(struct bd_in *in, int fd)
{
    *in = (struct bd_in){ .at = NULL };
    return bd_ahead_init(&in->ahead, fd);
}

int bd_in_rewind(struct bd_in *in)
{
    int err = bd_ahead_rewind(&in->ahead);
    in->at = in->end = bd_ahead_front(&in->ahead);
    in->offset = in->seed = 0;
    in->is_at_end = false;
    return err;
}

int bd_in_seek(struct bd_in *in, uint64_t offset)
{
    int err = bd_ahead_seek(&in->ahead, offset);
    in->at = in->end = bd_ahead_front(&in->ahead);
    in->offset = offset;
    in->is_at_end = false;
    return err;
}

bool bd_in_is_packed(const struct bd_in *in)
{
    return in->ahead.source.is_packed;
}

void bd_in_deinit(struct bd_in *in)
{
    bd_ahead_deinit(&in->ahead);
}

/* The next piece, behind what is left of the one before. The two may not be one: what is left is copied before that is
 * given up, or it is not where the reader writes. */
static int go_on(struct bd_in *in)
{
    uint8_t *piece;
    size_t n, left = (size_t)(in->end - in->at);
    uint8_t *to = bd_ahead_front(&in->ahead) - left;
    if (left > 0) {
        memcpy(to, in->at, left);
    }
    int err = bd_ahead_take(&in->ahead, &piece, &n);
    in->at = to;
    in->end = to + left + (err == 0 ? n : 0);
    in->is_at_end = n == 0;
    return err;
}

int bd_in_next(struct bd_in *in, enum bd_found *found_out, struct bd_cursor *cursor_out,
               uint64_t *offset_out)
{
    size_t len = 0;
    enum bd_framing framing;
    while ((framing = bd_item_frame(in->at, (size_t)(in->end - in->at), in->seed, &len)) ==
               BD_TOO_SHORT &&
           !in->is_at_end && (size_t)(in->end - in->at) <= BD_ITEM_MAX) {
        int err = go_on(in);
        if (err != 0) {
            return err;
        }
    }
    *offset_out = in->offset;
    if (framing == BD_TOO_SHORT || framing == BD_NONSENSE) {
        /* is_cut: the reader's, until it has come to the end. */
        bool is_end = in->at == in->end && in->is_at_end && !in->ahead.source.is_cut;
        *found_out = is_end ? BD_END : BD_BAD_BYTES;
        return 0;
    }
    *cursor_out =
        (struct bd_cursor){ in->at, framing == BD_WHOLE ? in->at + len - BD_CHECK_BYTES : in->at,
                            false };
    *found_out = framing == BD_WHOLE ? BD_ITEM : BD_BAD_ITEM;
    in->at += len;
    in->offset += len;
    return 0;
}
