/* model.h - every execution that the C11 memory model allows a small program.
 *
 * The program is a few functions, one for each thread, over a few locations with values from 0 to 7. They
 * have to do the same whenever they read the same: a thread is run again for every value that each
 * of its loads might give. Loops need an end of their own. */
#ifndef LM_MODEL_H
#define LM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define LM_LOCATIONS 8
#define LM_THREADS   4
#define LM_OUTS      8
#define LM_VALUE_MAX 7u

/* By strength, where two can be compared. NONE: of a fence that is not there. */
enum lm_order {
    LM_NONE,
    LM_RELAXED,
    LM_ACQUIRE,
    LM_RELEASE,
    LM_ACQ_REL,
    LM_SEQ
};

struct lm_thread;

uint32_t lm_load(struct lm_thread *thread, int location, enum lm_order order);
void lm_store(struct lm_thread *thread, int location, uint32_t value, enum lm_order order);

/* Read-modify-writes; what was there before. */
uint32_t lm_add(struct lm_thread *thread, int location, uint32_t value, enum lm_order order);
uint32_t lm_or(struct lm_thread *thread, int location, uint32_t value, enum lm_order order);

/* One that fails is a load of the same order (RELEASE: relaxed, ACQ_REL: acquire). */
bool lm_cas(struct lm_thread *thread, int location, uint32_t expected, uint32_t value,
            enum lm_order order);

void lm_fence(struct lm_thread *thread, enum lm_order order);

/* Leave out executions in which this is false. Does not return then. */
void lm_assume(struct lm_thread *thread, bool holds);

/* What the thread has found, for the judgement. 0 until it is said. */
void lm_out(struct lm_thread *thread, int i, uint32_t value);

struct lm_program {
    int n_threads;
    void (*threads[LM_THREADS])(struct lm_thread *thread);
    uint32_t init[LM_LOCATIONS];
    /* For other checkers than model.c; bit l is for location l. */
    uint32_t plain; /* is not atomic in C, and no race on it is meant */
    uint32_t own;   /* is used by one thread alone: seq_cst says nothing there */
};

/* Whether some execution is allowed in which `is_so` holds of what the threads have said. */
bool lm_allows(const struct lm_program *program, bool (*is_so)(uint32_t (*out)[LM_OUTS]));

/* How many ways of the threads, each by itself, were put together in the last lm_allows(). */
uint64_t lm_n_tried(void);

#endif
