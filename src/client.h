/* client.h - the client table: who has the store open, and who of them lives. */
#ifndef BN_CLIENT_H
#define BN_CLIENT_H

#include "store.h"

static inline struct bn_row_rec *bn_client_row(const struct brain_store *store, uint32_t row)
{
    return (struct bn_row_rec *)(void *)((uint8_t *)store->clients + BN_ROWS_OFF) + row;
}

/* What holds a row for a process that is to come: of itself (attach) or of a child (fork). */
struct bn_seat {
    uint32_t row;
    void *life_map; /* a page mapped by the description that locks the life byte */
    bool was_dead;  /* what the row's last client held is there yet: bn_recover_inherit() */
};

/* Take a free row and lock its life byte. Where there is none, and `over_dead`, that of a dead
 * client, which stays as it is: so the row is to be reaped by whoever sits there, or by others if
 * they die. `*n_dead_out`: rows of the dead that were seen on the way. BUSY where there is none;
 * FULL where there is no memory for one. */
int bn_client_seat(struct brain_store *store, bool over_dead, struct bn_seat *seat_out,
                   uint32_t *n_dead_out);

/* Take a row that an earlier handle of this mapping has left, whose life byte is locked still, by a
 * page that children do not inherit; it is signed. NOT_FOUND where there is none. No system
 * call. */
int bn_client_seat_again(struct brain_store *store, struct bn_seat *seat_out);

/* Lock the life byte of one that gets no row, to hold pins for: `row` of the seat is a life from
 * BN_CLIENTS_MAX on. BUSY where none was found. */
int bn_client_seat_orphan(struct brain_store *store, struct bn_seat *seat_out);

/* Fill the row of this process with pid and command line. */
void bn_client_sign(struct brain_store *store, uint32_t row);

/* Give this process's row back; its pins are gone already. Where it may be kept, it is there for the
 * next handle of this mapping, else for all. With leftovers of the dead it is left to be reaped. */
void bn_client_leave(struct brain_store *store, bool may_keep);

/* Whether the client of a row, or another life, lives. An error counts as alive: nobody is buried
 * on a guess. */
bool bn_client_alive(struct brain_store *store, uint32_t life);

/* Whether the one that was given row `row` as its `seat`th still lives; an error counts as above.
 * No system call for this process itself. */
bool bn_client_lives(struct brain_store *store, uint32_t row, uint64_t seat);

/* Hold the claim byte of a dead client's row, or of another dead life, so that nobody is seated
 * there, until bn_client_unclaim(`*fd_out`). NOT_FOUND where it is free, alive, or claimed by
 * somebody else. */
int bn_client_claim_dead(struct brain_store *store, uint32_t life, int *fd_out);
void bn_client_unclaim(uint32_t life, int fd);

/* Whether row `row` is in use and signed with the id of this process and of its namespace: another handle's of it,
 * or of one that died and had the same id. `*pid_namespace` is bn_os_pid_namespace(), or 0 and asked for where it is
 * needed: that is a look into /proc. */
bool bn_client_is_here(const struct brain_store *store, uint32_t row, uint64_t *pid_namespace);

/* How many rows may be looked at. */
static inline uint32_t bn_client_n_rows(const struct brain_store *store)
{
    uint32_t n = bn_load_acquire(&store->clients->n_rows);
    return n < BN_CLIENTS_MAX ? n : BN_CLIENTS_MAX;
}

/* The command in row `rec`, which may be being signed: then part of each. */
#define BN_COMMAND_BYTES sizeof(((struct bn_row_rec *)0)->command)
void bn_client_command(const struct bn_row_rec *rec, char text[BN_COMMAND_BYTES]);

/* Room for most of them. */
#define BN_WHO_BYTES 160u
/* "process 42 (python app.py)" of a row or another life, for messages. */
void bn_client_describe(const struct brain_store *store, uint32_t life, char *text, size_t room);

#endif
