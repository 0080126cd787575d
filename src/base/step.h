/* step.h - the steps of the protocol, by the names that tests/model/commit.pml has for them.
 *
 * BN_STEP(name, a, b) stands before the stores or loads of a step. It is nothing at all but in a build with
 * -Dsteps=true, and in the library that tests/fault links: there each process may have a hook that is told, and
 * that may keep it where it is for as long as it likes. So tests/model/record.c can let processes go on one step
 * at a time, kill them at any, and have the model say whether what they did is possible.
 */
#ifndef BN_STEP_H
#define BN_STEP_H

#ifdef BN_STEPS
#include <stddef.h>
#include <stdint.h>

typedef void bn_step_fn(const char *name, uint64_t a, uint64_t b);

/* NULL: nobody listens. */
extern bn_step_fn *bn_step_hook;

#define BN_STEP(name, a, b)                                                                        \
    (bn_step_hook != NULL ? bn_step_hook(#name, (uint64_t)(a), (uint64_t)(b)) : (void)0)
#else
#define BN_STEP(name, a, b) ((void)0)
#endif

#endif
