/* turn.h - whose turn it is to make room: one client's at a time, one thread's of it. */
#ifndef BN_TURN_H
#define BN_TURN_H

#include "store.h"

/* Take the turn: 0, to be given back; BN_AGAIN: somebody else had it, and has given it back now, so there may be room;
 * TIMEOUT: somebody has had it for that long. Not under the lock. */
int bn_turn_take(struct brain_store *store);
void bn_turn_give(struct brain_store *store);

#endif
