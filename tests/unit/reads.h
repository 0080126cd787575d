/* reads.h - operations of a random program that change no value: what they find is what the model says.
 *
 * Each takes one step, of its kind, at random.
 */
#ifndef BN_TESTS_READS_H
#define BN_TESTS_READS_H

#include <stdint.h>

#include "brain.h"
#include "model.h"

extern uint64_t reads_n_copied; /* gets that went the short way */

void reads_get(void);
void reads_get_copy(void);
void reads_get_many(void);
void reads_snapshot(void);
void reads_held(void);
void reads_wait(void);
void reads_clients(void);

/* Get the value of name `n` that should be there, by the short way where there is one. */
void reads_check_get_or_copy(brain_space *space, const struct model_value *value, uint32_t n);

/* Walk the names of all spaces and the spaces, of a snapshot or of now. */
void reads_walk(uint32_t store, brain_snapshot *snapshot, const struct model_table *table);

#endif
