/* mark.c - marks of the names that are to outlive a reboot. */
#include "mark.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static_assert(sizeof BD_MARK_SPACE - 1 == BD_MARK_SPACE_LEN, "the length of its name");

bool bd_mark_is_space(const void *space, size_t space_len)
{
    return space_len == BD_MARK_SPACE_LEN && memcmp(space, BD_MARK_SPACE, space_len) == 0;
}

bool bd_mark_read(const uint8_t *mark, size_t len, struct bd_mark *mark_out)
{
    if (len < 2 || mark[0] == 0 || (size_t)mark[0] + 1 > len) {
        return false;
    }
    mark_out->space = mark + 1;
    mark_out->space_len = mark[0];
    mark_out->name = mark + 1 + mark[0];
    mark_out->name_len = len - 1 - mark[0];
    return true;
}

int bd_mark_make(const brain_space *space, const void *name, size_t name_len, uint8_t **mark_out,
                 size_t *len_out)
{
    size_t space_len;
    const void *space_name = brain_space_name(space, &space_len);
    size_t len = 1 + space_len + name_len;
    if (name_len > BRAIN_NAME_MAX || len > BRAIN_NAME_MAX) {
        return bd_error(BRAIN_E_INVAL,
                        "a name of %zu bytes is too long to outlive a reboot: at most %zu",
                        name_len, BRAIN_NAME_MAX - 1 - space_len);
    }
    uint8_t *mark = malloc(len);
    if (mark == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory for a mark");
    }
    mark[0] = (uint8_t)space_len;
    memcpy(mark + 1, space_name, space_len);
    if (name_len != 0) {
        memcpy(mark + 1 + space_len, name, name_len);
    }
    *mark_out = mark;
    *len_out = len;
    return 0;
}

/* ---- calls */

static int put_mark(brain_space *marks, const uint8_t *mark, size_t len)
{
    const brain_value value = { .kind = BRAIN_KIND_RAW };
    int err = brain_put(marks, mark, len, &value, 0, NULL);
    return err == BRAIN_E_EXISTS ? 0 : err;
}

static int take_mark(brain_space *marks, const uint8_t *mark, size_t len)
{
    int err = brain_delete(marks, mark, len, BRAIN_ANY_VERSION);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int look_at_mark(brain_space *marks, const uint8_t *mark, size_t len)
{
    return brain_exists(marks, mark, len, NULL);
}

static int do_with_mark(brain_store *store, brain_space *space, const void *name, size_t name_len,
                        int (*act)(brain_space *, const uint8_t *, size_t))
{
    brain_space *marks = NULL;
    uint8_t *mark = NULL;
    size_t len;
    int err = bd_mark_make(space, name, name_len, &mark, &len);
    if (err == 0) {
        err = brain_space_open(store, BD_MARK_SPACE, BD_MARK_SPACE_LEN, &marks);
        err = err != 0 ? err : act(marks, mark, len);
        err = err != 0 && err != BRAIN_E_NOT_FOUND ? bd_error_store(err) : err;
    }
    brain_space_close(marks);
    free(mark);
    return err;
}

int brain_persist(brain_store *store, brain_space *space, const void *name, size_t name_len,
                  int is_to)
{
    return do_with_mark(store, space, name, name_len, is_to != 0 ? put_mark : take_mark);
}

int brain_persists(brain_store *store, brain_space *space, const void *name, size_t name_len)
{
    return do_with_mark(store, space, name, name_len, look_at_mark);
}
