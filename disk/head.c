/* head.c - the first item of a dump: that it is one, and of what. */
#include "head.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "in.h"

int bd_head_read(struct bd_cursor cursor, struct bd_head *head_out)
{
    bool is_dump =
        cursor.end - cursor.at > 3 && memcmp(cursor.at, "\xd9\xd9\xf7", 3) == 0; /* BD_SELF_TAG */
    cursor.at += is_dump ? 3 : 0;
    (void)bd_cursor_array(&cursor);
    is_dump = is_dump && bd_cursor_is_text(&cursor, BD_FIRST_TEXT);
    uint64_t format = bd_cursor_uint(&cursor);
    if (!is_dump || cursor.is_bad) {
        return bd_error(BRAIN_E_FORMAT, "this is no dump of a store");
    }
    if (format != BD_FORMAT) {
        return bd_error(BRAIN_E_FORMAT,
                        "the dump has format %llu, of a later version of this library; this one "
                        "knows %u",
                        (unsigned long long)format, BD_FORMAT);
    }
    struct bd_head head = { .seed = bd_cursor_uint(&cursor) };
    head.number = bd_cursor_uint(&cursor);
    head.time_ns = bd_cursor_uint(&cursor);
    head.flags = bd_cursor_uint(&cursor);
    if (cursor.is_bad || head.number > BRAIN_NUMBER_MAX / 2) {
        return BRAIN_E_CORRUPT;
    }
    *head_out = head;
    return 0;
}

int bd_head_is_none(void)
{
    return bd_error(
        BRAIN_E_FORMAT,
        "this is no dump of a store, or its beginning is damaged, without which the rest "
        "cannot be read; of one that is compressed that is all of its first 128 KiB, as "
        "they unpack");
}

/* The first item of what stands at `in`. */
static int look(struct bd_in *in, struct bd_head *head_out)
{
    enum bd_found found;
    struct bd_cursor cursor;
    uint64_t offset;
    int err = bd_in_rewind(in);
    err = err != 0 ? err : bd_in_next(in, &found, &cursor, &offset);
    if (err != 0) {
        return err;
    }
    err = found == BD_ITEM ? bd_head_read(cursor, head_out) : bd_head_is_none();
    return err == BRAIN_E_CORRUPT
               ? bd_error(err, "the dump is damaged: its first item makes no sense")
               : err;
}

int brain_dump_look(const char *path, brain_dump_head *head_out)
{
    struct bd_in in;
    struct bd_head head;
    if (head_out->struct_size < sizeof *head_out) {
        return bd_error(BRAIN_E_INVAL, "set struct_size of the head of a dump");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return bd_error_os(errno, "cannot look at %s", path);
    }
    int err = bd_in_init(&in, fd);
    err = err != 0 ? err : look(&in, &head);
    bd_in_deinit(&in);
    close(fd);
    if (err == 0) {
        head_out->others_wrote = (head.flags & BD_OTHERS_WROTE) != 0;
        head_out->number = head.number;
        head_out->time_ns = head.time_ns;
    }
    return err;
}
