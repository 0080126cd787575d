/* writes.h - operations of a random program that change the store, and the model with it.
 *
 * Each takes one step, of its kind, at random.
 */
#ifndef BN_TESTS_WRITES_H
#define BN_TESTS_WRITES_H

#include <stdint.h>

extern uint64_t writes_n_short; /* puts that went the short way */

void writes_put(void);
void writes_delete(void);
void writes_batch(void);
void writes_space(void);
void writes_object(void);

/* Small values in place of small ones, again and again: by the short way, as a rule, and by copy. */
void writes_short(void);

/* Later versions are above the number. */
void writes_advance(void);

/* A note is the value's, whoever looks, and gone with it. */
void writes_note(void);

/* A value is moved away: what stands for it has its version. */
void writes_move(void);

#endif
