/* kills_values.c - names and values of the random kills.
 *
 * A value begins with who it belongs to and its id, and goes on with a pattern that follows from
 * these: a value that stands under a wrong name, is mixed from two, or is cut short, is found out.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kills.h"
#include "kit.h"

bool kills_fail(struct kills_board *board, const char *format, ...)
{
    uint64_t no = 0;
    if (atomic_compare_exchange_strong(&board->failed, &no, 1)) {
        va_list args;
        va_start(args, format);
        vsnprintf(board->text, sizeof board->text, format, args);
        va_end(args);
        atomic_store(&board->failed, 2);
    }
    return false;
}

bool kills_goes_on(const struct kills_board *board)
{
    return atomic_load(&board->stop) == 0;
}

static bool open_space(struct kills_board *board, brain_store *store, brain_space **space,
                       const char *form, uint32_t number)
{
    char name[16];
    int len = snprintf(name, sizeof name, form, number);
    int err = brain_space_open(store, name, (size_t)len, space);
    return err == 0 || kills_fail(board, "brain_space_open: %s", brain_error_detail());
}

bool kills_spaces_open(struct kills_board *board, brain_store *store, struct kills_spaces *spaces)
{
    static const char *const forms[3] = { "w%u", "x%u", "t%u" };
    bool open = open_space(board, store, &spaces->shared, "shared", 0) &&
                open_space(board, store, &spaces->bystanders, "bystanders", 0);
    for (uint32_t w = 0; open && w < board->n_writers; w++) {
        for (uint32_t i = 0; open && i < 3; i++) {
            open = open_space(board, store, &spaces->own[w][i], forms[i], w);
        }
    }
    return open;
}

void kills_spaces_close(struct kills_spaces *spaces)
{
    brain_space_close(spaces->shared);
    brain_space_close(spaces->bystanders);
    for (uint32_t w = 0; w < KILLS_WRITERS_MAX; w++) {
        for (uint32_t i = 0; i < 3; i++) {
            brain_space_close(spaces->own[w][i]);
        }
    }
    memset(spaces, 0, sizeof *spaces);
}

brain_space *kills_cell_name(const struct kills_spaces *spaces, uint32_t writer, uint32_t cell,
                             char name[16])
{
    if (cell < KILLS_SINGLES) {
        snprintf(name, 16, "s%u", cell);
        return spaces->own[writer][0];
    }
    if (cell < KILLS_SINGLES + KILLS_GROUP) {
        snprintf(name, 16, "g%u", cell - KILLS_SINGLES);
        return spaces->own[writer][(cell - KILLS_SINGLES) < KILLS_GROUP / 2 ? 0 : 1];
    }
    snprintf(name, 16, "t%u", cell - KILLS_SINGLES - KILLS_GROUP);
    return spaces->own[writer][2];
}

/* ---- values ---------------------------------------------------------------------------------- */

struct head {
    uint64_t who; /* owner << 32 | number */
    kills_id id;
    uint64_t sum;
};

static struct head head_of(uint32_t owner, uint32_t number, kills_id id)
{
    struct head head = { (uint64_t)owner << 32 | number, id, 0 };
    head.sum = kit_sum(&head, sizeof head);
    return head;
}

const void *kills_value(uint32_t owner, uint32_t number, kills_id id)
{
    static char bytes[KILLS_SIZE_MAX + 1];
    struct head head = head_of(owner, number, id);
    memcpy(bytes, &head, sizeof head);
    kit_fill(bytes + sizeof head, (id & KILLS_SIZE_MAX) - sizeof head, head.sum);
    return bytes;
}

/* The pattern that Python makes: one word again and again. */
static bool is_plain(const char *bytes, size_t n, uint64_t word)
{
    for (size_t at = 0; at < n; at += 8) {
        if (memcmp(bytes + at, &word, n - at < 8 ? n - at : 8) != 0) {
            return false;
        }
    }
    return true;
}

bool kills_identify(struct kills_board *board, const brain_view *view, uint32_t owner,
                    uint32_t number, kills_id *id_out)
{
    struct head head;
    if (view->size_bytes < sizeof head) {
        return kills_fail(board, "%u/%u: a value of %ju bytes", owner, number,
                          (uintmax_t)view->size_bytes);
    }
    memcpy(&head, view->data, sizeof head);
    bool plain = (head.id & KILLS_PLAIN) != 0;
    if (head.who != ((uint64_t)owner << 32 | number) ||
        (head.id & KILLS_SIZE_MAX) != view->size_bytes ||
        (!plain && head.sum != head_of(owner, number, head.id).sum)) {
        return kills_fail(board, "%u/%u holds a value of %ju/%ju, id %jx, %ju bytes", owner, number,
                          (uintmax_t)(head.who >> 32), (uintmax_t)(head.who & UINT32_MAX),
                          (uintmax_t)head.id, (uintmax_t)view->size_bytes);
    }
    const char *rest = (const char *)view->data + sizeof head;
    size_t n = view->size_bytes - sizeof head;
    if (!(plain ? is_plain(rest, n, head.sum) : kit_filled(rest, n, head.sum))) {
        return kills_fail(board, "%u/%u: the bytes of id %jx (version %ju) are wrong", owner,
                          number, (uintmax_t)head.id, (uintmax_t)view->version);
    }
    *id_out = head.id;
    return true;
}

/* For small values without a pin; those that readers hold (kills_reader.c) are pinned. */
#define KILLS_COPY_WORDS 40

bool kills_read(struct kills_board *board, brain_space *space, const char *name, uint32_t owner,
                uint32_t number, kills_id *id_out, uint64_t *version_out)
{
    brain_view view;
    uint64_t copy[KILLS_COPY_WORDS];
    int err = brain_get_or_copy(space, name, strlen(name), NULL, copy, sizeof copy, &view);
    if (err == BRAIN_E_NOT_FOUND) {
        *id_out = 0;
        if (version_out != NULL) {
            *version_out = 0;
        }
        return true;
    }
    if (err != 0) {
        return kills_fail(board, "brain_get of %u/%u: %s: %s", owner, number, brain_strerror(err),
                          brain_error_detail());
    }
    if (version_out != NULL) {
        *version_out = view.version;
    }
    bool right = kills_identify(board, &view, owner, number, id_out);
    brain_view_drop(&view);
    return right;
}

uint64_t kills_some_size(uint64_t *seed)
{
    uint32_t dice = (uint32_t)(kit_random(seed) % 1000);
    uint32_t more = dice < 600 ? 120 : dice < 800 ? 1500 : dice < 990 ? 60000 : 1 << 20;
    return KILLS_SIZE_MIN + kit_random(seed) % more;
}

kills_id kills_new_id(_Atomic uint64_t *sequence, uint64_t size)
{
    return (atomic_fetch_add(sequence, 1) + 1) << 24 | size;
}

uint64_t kills_own_row(brain_store *store)
{
    static brain_client clients[512];
    struct stat own;
    size_t n;
    if (stat("/proc/self/ns/pid", &own) != 0 || brain_clients(store, clients, 512, &n) != 0) {
        return 0;
    }
    for (size_t i = 0; i < n && i < 512; i++) {
        if (clients[i].alive && clients[i].pid == getpid() &&
            clients[i].pid_namespace == own.st_ino) {
            return clients[i].row + 1;
        }
    }
    return 0;
}
