/* kills_audit.c - what must be true of the store of the random kills while nobody uses it. */
#include <stdio.h>
#include <string.h>

#include "kills.h"
#include "kit.h"

/* What an audit adds up. */
struct tally {
    uint64_t bytes;
    uint64_t n_names;
};

struct audit {
    struct kills_board *board;
    brain_store *store;
    struct kills_spaces spaces;
    struct tally tally;
};

static bool refused(struct kills_board *board, const char *what, int err)
{
    return kills_fail(board, "audit, %s: %s: %s", what, brain_strerror(err), brain_error_detail());
}

static bool expect(struct kills_board *board, const char *what, uint64_t is, uint64_t should)
{
    return is == should ||
           kills_fail(board, "audit: %s: %ju, not %ju", what, (uintmax_t)is, (uintmax_t)should);
}

static bool open_audit(struct audit *audit, struct kills_board *board, const char *path,
                       const brain_options *options)
{
    *audit = (struct audit){ .board = board };
    int err = brain_open(path, options, &audit->store);
    return err == 0 ? kills_spaces_open(board, audit->store, &audit->spaces)
                    : refused(board, "brain_open", err);
}

static void close_audit(struct audit *audit)
{
    kills_spaces_close(&audit->spaces);
    brain_close(audit->store);
}

static bool is_sound(struct audit *audit)
{
    brain_problem problems[3];
    size_t n = 0;
    int err = brain_check(audit->store, problems, 3, &n);
    if (err != 0) {
        return refused(audit->board, "brain_check", err);
    }
    return n == 0 || kills_fail(audit->board, "brain_check finds %zu problems: %s; %s", n,
                                problems[0].text, n > 1 ? problems[1].text : "");
}

/* ---- bystanders ------------------------------------------------------------------------------ */

static kills_id bystander_id(uint32_t number)
{
    uint64_t size = KILLS_SIZE_MIN + (number % 10 == 9 ? 3000 * (uint64_t)number : number);
    return (uint64_t)(number + 1) << 24 | size;
}

bool kills_audit_found(struct kills_board *board, const char *path, uint64_t capacity_bytes)
{
    struct audit audit;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = capacity_bytes;
    if (!open_audit(&audit, board, path, &options)) {
        return false;
    }
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < KILLS_BYSTANDERS; i++) {
        char name[16];
        kills_id id = bystander_id(i);
        snprintf(name, sizeof name, "b%u", i);
        err = brain_put_bytes(audit.spaces.bystanders, name, strlen(name),
                              kills_value(KILLS_OF_BYSTANDERS, i, id), id & KILLS_SIZE_MAX);
    }
    close_audit(&audit);
    return err == 0 || refused(board, "bystanders", err);
}

static bool add_bystanders(struct audit *audit)
{
    for (uint32_t i = 0; i < KILLS_BYSTANDERS; i++) {
        char name[16];
        kills_id id;
        snprintf(name, sizeof name, "b%u", i);
        if (!kills_read(audit->board, audit->spaces.bystanders, name, KILLS_OF_BYSTANDERS, i, &id,
                        NULL) ||
            !expect(audit->board, "id of a bystander", id, bystander_id(i))) {
            return false;
        }
        audit->tally.bytes += id & KILLS_SIZE_MAX;
        audit->tally.n_names++;
    }
    return true;
}

/* ---- everything else ------------------------------------------------------------------------- */

static bool add_cells(struct audit *audit)
{
    for (uint32_t w = 0; w < audit->board->n_writers; w++) {
        if (!kills_settle(audit->board, &audit->spaces, w)) {
            return false;
        }
        for (uint32_t cell = 0; cell < KILLS_CELLS; cell++) {
            kills_id id = atomic_load(&audit->board->writers[w].done[cell]);
            audit->tally.bytes += id & KILLS_SIZE_MAX;
            audit->tally.n_names += id != 0;
        }
    }
    return true;
}

static bool add_shared(struct audit *audit)
{
    for (uint32_t i = 1; i < KILLS_SHARED; i++) {
        char name[16];
        kills_id id;
        snprintf(name, sizeof name, "c%u", i);
        if (!kills_read(audit->board, audit->spaces.shared, name, KILLS_OF_SHARED, i, &id, NULL)) {
            return false;
        }
        audit->tally.bytes += id & KILLS_SIZE_MAX;
        audit->tally.n_names += id != 0;
    }
    return true;
}

/* Raised once by each raise that returned, and at most once more by each kill since the last audit.
 * */
static bool add_counter(struct audit *audit, uint64_t n_kills)
{
    struct kills_writer_board *first = &audit->board->writers[0];
    uint64_t value = 0, n_counted = 0;
    int err = brain_get_copy(audit->spaces.shared, "c0", 2, &value, sizeof value, NULL, NULL, NULL);
    for (uint32_t w = 0; w < audit->board->n_writers; w++) {
        n_counted += atomic_load(&audit->board->writers[w].n_counted);
    }
    for (uint32_t i = 0; i < KILLS_FAMILIES_MAX; i++) {
        n_counted += atomic_load(&audit->board->families[i].n_counted[0]) +
                     atomic_load(&audit->board->families[i].n_counted[1]);
    }
    if (err != 0 && err != BRAIN_E_NOT_FOUND) {
        return refused(audit->board, "the counter", err);
    }
    audit->tally.bytes += err == 0 ? sizeof value : 0;
    audit->tally.n_names += err == 0;
    if (value < n_counted || value > n_counted + n_kills) {
        return kills_fail(audit->board, "audit: the counter is %ju after %ju raises and %ju kills",
                          (uintmax_t)value, (uintmax_t)n_counted, (uintmax_t)n_kills);
    }
    atomic_fetch_add(&first->n_counted, value - n_counted); /* the next audit counts from here */
    return true;
}

static bool compare_totals(struct audit *audit)
{
    brain_stat stat = { .struct_size = sizeof stat };
    int err = brain_stat_get(audit->store, &stat);
    if (err != 0) {
        return refused(audit->board, "brain_stat_get", err);
    }
    return expect(audit->board, "live bytes", stat.live_bytes, audit->tally.bytes) &&
           expect(audit->board, "names", stat.n_objects, audit->tally.n_names);
}

/* Nobody pins anything, so nothing may be left over. */
static bool give_back(struct audit *audit, brain_stat *stat)
{
    int err = brain_trim(audit->store, NULL);
    if (err != 0) {
        return refused(audit->board, "brain_trim", err);
    }
    *stat = (brain_stat){ .struct_size = sizeof *stat };
    err = brain_stat_get(audit->store, stat);
    if (err != 0) {
        return refused(audit->board, "brain_stat_get", err);
    }
    return expect(audit->board, "objects in limbo", stat->n_limbo, 0) &&
           expect(audit->board, "bytes in limbo", stat->limbo_bytes, 0) &&
           expect(audit->board, "private bytes", stat->private_bytes, 0) &&
           expect(audit->board, "pins", stat->n_pins, 0) &&
           expect(audit->board, "snapshots", stat->n_snapshots, 0) &&
           expect(audit->board, "clients", stat->n_clients, 1);
}

bool kills_audit(struct kills_board *board, const char *path, uint64_t n_kills)
{
    struct audit audit;
    brain_stat stat;
    bool right = open_audit(&audit, board, path, NULL) && is_sound(&audit) &&
                 add_bystanders(&audit) && add_cells(&audit) && add_shared(&audit) &&
                 add_counter(&audit, n_kills) && compare_totals(&audit) &&
                 give_back(&audit, &stat) && is_sound(&audit);
    if (right) {
        close_audit(&audit);
    }
    return right;
}

/* ---- clearing -------------------------------------------------------------------------------- */

static bool remove_space(struct kills_board *board, brain_space *space)
{
    int err = brain_space_remove(space);
    return err == 0 || err == BRAIN_E_NOT_FOUND || refused(board, "brain_space_remove", err);
}

bool kills_audit_clear(struct kills_board *board, const char *path, brain_stat *stat_out)
{
    struct audit audit;
    bool right = open_audit(&audit, board, path, NULL) && remove_space(board, audit.spaces.shared);
    for (uint32_t w = 0; right && w < board->n_writers; w++) {
        for (uint32_t i = 0; right && i < 3; i++) {
            right = remove_space(board, audit.spaces.own[w][i]);
        }
        for (uint32_t cell = 0; cell < KILLS_CELLS; cell++) {
            atomic_store(&board->writers[w].done[cell], 0);
        }
        atomic_store(&board->writers[w].n_counted, 0);
    }
    for (uint32_t i = 0; i < KILLS_FAMILIES_MAX; i++) {
        atomic_store(&board->families[i].n_counted[0], 0);
        atomic_store(&board->families[i].n_counted[1], 0);
    }
    right = right && add_bystanders(&audit) && compare_totals(&audit) &&
            give_back(&audit, stat_out) && is_sound(&audit);
    if (right) {
        close_audit(&audit);
    }
    return right;
}

bool kills_audit_empty(struct kills_board *board, const char *path, brain_stat *stat_out)
{
    struct audit audit;
    bool right = open_audit(&audit, board, path, NULL) &&
                 remove_space(board, audit.spaces.bystanders) && compare_totals(&audit) &&
                 give_back(&audit, stat_out) && is_sound(&audit);
    if (right) {
        close_audit(&audit);
    }
    return right;
}
