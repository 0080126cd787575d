/* pictures.h - the sides of a PAIR tag, as a program of model.h.
 *
 * A picture names each access and fence that it shows: where it stands in C, and its order. A program
 * asks for the order with at(), so that a variant can weaken it; tools/check_pairs.py compares the
 * tables with the C code. Data that is not atomic in C is relaxed here: what counts is which values
 * may be seen. */
#ifndef LM_PICTURES_H
#define LM_PICTURES_H

#include "model.h"

#define SITES_MAX 16

/* One access or fence: its number in the picture, from 1 on, where it stands in C, and its order. Where one
 * of several may stand there, each has a row, and the program is run with the weakest. `spare`: why
 * nothing is found wrong where this alone is weakened by a step. */
struct site {
    int number;
    const char *file, *function, *text;
    enum lm_order order;
    const char *spare;
};

/* What has to be found wrong: with these orders in the place of those of the sites. */
struct variant {
    const char *what;
    struct {
        int site; /* 0: no more */
        enum lm_order order;
    } weaker[3];
};

struct picture {
    const char *tag, *what;
    const struct site *sites;       /* the last has number 0 */
    const struct variant *variants; /* the last has no name */
    struct lm_program program;
    bool (*is_wrong)(uint32_t (*out)[LM_OUTS]);
    bool (*is_of_use)(uint32_t (*out)[LM_OUTS]); /* happens, or nothing is shown */
    int store,
        fence; /* with LM_NO_FENCE: the store is seq_cst, in the place of the fence after it */
};

/* The order of a site of the picture at hand. */
enum lm_order at(int site);

/* Each ends with one that has no tag. */
extern const struct picture reading[], pinning[], deciding[];

#endif
