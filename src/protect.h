/* protect.h - changes that may need room, and what must not go for it. */
#ifndef BN_PROTECT_H
#define BN_PROTECT_H

#include "prepared.h"
#include "quota.h"
#include "stage.h"

/* Bytes of the changes that are not in an extent already, which counts since it was taken. */
uint64_t bn_protect_missing(const struct bn_write *writes, uint32_t n);

/* Keep the values that they ask for until bn_protect_end(), and have those that they replace go last. 0; or (`judges`)
 * EXISTS, STALE: one of them cannot be made; or as brain_get(). On error nothing is kept. */
int bn_protect_begin(struct brain_store *store, struct bn_write *writes, uint32_t n, bool judges);
void bn_protect_end(struct brain_store *store, struct bn_write *writes, uint32_t n);

/* The rest is for who makes room for them, in the same thread. */

/* Whether the value in `slot` is one that they only replace, and is to stay so far; and bytes of all of these. */
bool bn_protect_spares(const struct brain_store *store, uint32_t slot);
uint64_t bn_protect_spared(const struct brain_store *store);

/* All else that may go is not enough: those go, too. False: there was none. */
bool bn_protect_yield(const struct brain_store *store);

/* Bytes of what they ask for. */
uint64_t bn_protect_needed(const struct brain_store *store);

/* bn_stage_overcome() for these changes. */
int bn_protect_overcome(struct brain_store *store, struct bn_write *writes, uint32_t n, int err,
                        struct bn_stage_obstacle *tried);

/* A namespace has come to its quota: in a mode in which something goes, its own values do. 0: try again; QUOTA; or as
 * bn_protect_begin(). */
int bn_protect_overcome_quota(struct brain_store *store, struct bn_write *writes, uint32_t n,
                              const struct bn_refusal *refusal, struct bn_stage_obstacle *tried);

#endif
