/* openings.h - operations on stores as a whole: they are made, opened and destroyed.
 *
 * Each may fail, and leaves nothing whether it does or not. All but the first two work with a store of their own
 * in the folder of the subject.
 */
#ifndef BN_TESTS_OPENINGS_H
#define BN_TESTS_OPENINGS_H

int openings_open_again(void);
int openings_open_read_only(void);
int openings_open(void);
int openings_make(void);
int openings_make_default(void);
int openings_make_elsewhere(void);
int openings_destroy(void);

#endif
