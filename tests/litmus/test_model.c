/* test_model.c - the model against programs whose answers are in the literature. */
#include <stdio.h>

#include "model.h"

enum {
    X,
    Y,
    Z
};

static enum lm_order o[8]; /* of the program at hand */
static int n_failed;

typedef uint32_t outs[LM_OUTS];

/* ---- store buffering: x = 1; fence; r0 = y  ||  y = 1; fence; r0 = x */

static void sb_0(struct lm_thread *t)
{
    lm_store(t, X, 1, o[0]);
    lm_fence(t, o[1]);
    lm_out(t, 0, lm_load(t, Y, o[2]));
}

static void sb_1(struct lm_thread *t)
{
    lm_store(t, Y, 1, o[3]);
    lm_fence(t, o[4]);
    lm_out(t, 0, lm_load(t, X, o[5]));
}

static bool both_old(outs *out)
{
    return out[0][0] == 0 && out[1][0] == 0;
}

/* As sb_0, with a read-modify-write of another location in the place of the fence. */
static void sb_update(struct lm_thread *t)
{
    lm_store(t, X, 1, o[0]);
    (void)lm_cas(t, Z, 0, 1, o[1]);
    lm_out(t, 0, lm_load(t, Y, o[2]));
}

/* ---- message passing */

static void mp_0(struct lm_thread *t)
{
    lm_store(t, X, 1, LM_RELAXED);
    lm_fence(t, o[0]);
    lm_store(t, Y, 1, o[1]);
}

static void mp_1(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, Y, o[2]));
    lm_fence(t, o[3]);
    lm_out(t, 1, lm_load(t, X, LM_RELAXED));
}

static void mp_add(struct lm_thread *t)
{
    (void)lm_cas(t, Y, 1, 2, LM_RELAXED);
}

static void mp_own_later(struct lm_thread *t)
{
    mp_0(t);
    lm_store(t, Y, 2, LM_RELAXED);
}

static bool flag_without_data(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 0;
}

static bool second_flag_without_data(outs *out)
{
    return out[1][0] == 2 && out[1][1] == 0;
}

/* ---- load buffering: r = x; y = 1  ||  r = y; x = 1 */

static void lb_0(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, X, o[0]));
    lm_store(t, Y, 1, o[1]);
}

static void lb_1(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, Y, o[2]));
    lm_store(t, X, 1, o[3]);
}

static bool both_new(outs *out)
{
    return out[0][0] == 1 && out[1][0] == 1;
}

/* ---- independent reads of independent writes */

static void write_x(struct lm_thread *t)
{
    lm_store(t, X, 1, o[0]);
}

static void write_y(struct lm_thread *t)
{
    lm_store(t, Y, 1, o[0]);
}

static void read_x_y(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, X, o[1]));
    lm_fence(t, o[2]);
    lm_out(t, 1, lm_load(t, Y, o[1]));
}

static void read_y_x(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, Y, o[1]));
    lm_fence(t, o[2]);
    lm_out(t, 1, lm_load(t, X, o[1]));
}

static bool two_orders(outs *out)
{
    return out[2][0] == 1 && out[2][1] == 0 && out[3][0] == 1 && out[3][1] == 0;
}

/* ---- write to read causality: x = 1  ||  r = x; y = 1  ||  r = y; x? */

static void wrc_1(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, X, o[1]));
    lm_store(t, Y, 1, o[2]);
}

static void wrc_2(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, Y, o[3]));
    lm_out(t, 1, lm_load(t, X, LM_RELAXED));
}

static bool cause_is_lost(outs *out)
{
    return out[1][0] == 1 && out[2][0] == 1 && out[2][1] == 0;
}

/* ---- two stores each: x = 1; y = 2  ||  y = 1; x = 2, and both first ones are the last */

static void w2_0(struct lm_thread *t)
{
    lm_store(t, X, 1, o[0]);
    lm_store(t, Y, 2, o[0]);
}

static void w2_1(struct lm_thread *t)
{
    lm_store(t, Y, 1, o[0]);
    lm_store(t, X, 2, o[0]);
}

static void watch_x(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, X, LM_RELAXED));
    lm_out(t, 1, lm_load(t, X, LM_RELAXED));
}

static void watch_y(struct lm_thread *t)
{
    lm_out(t, 0, lm_load(t, Y, LM_RELAXED));
    lm_out(t, 1, lm_load(t, Y, LM_RELAXED));
}

static bool first_are_last(outs *out)
{
    return out[2][0] == 2 && out[2][1] == 1 && out[3][0] == 2 && out[3][1] == 1;
}

/* ---- one location */

static bool goes_back(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 0;
}

static void add_one(struct lm_thread *t)
{
    lm_out(t, 0, lm_add(t, X, 1, LM_RELAXED));
}

static bool lost_update(outs *out)
{
    return out[0][0] == out[1][0];
}

/* ---- the examples of the paper that RC11 comes from: Z6.U and read-to-read over a thread between */

static void z6u_0(struct lm_thread *t)
{
    lm_store(t, X, 1, LM_SEQ);
    lm_store(t, Y, 1, LM_RELEASE);
}

static void z6u_1(struct lm_thread *t)
{
    lm_out(t, 0, lm_add(t, Y, 1, LM_SEQ));
    lm_out(t, 1, lm_load(t, Y, LM_RELAXED));
}

static void z6u_2(struct lm_thread *t)
{
    lm_store(t, Y, 3, LM_SEQ);
    lm_out(t, 0, lm_load(t, X, LM_SEQ));
}

static bool z6u(outs *out)
{
    return out[1][0] == 1 && out[1][1] == 3 && out[2][0] == 0;
}

/* ---- */

static void check(const char *what, bool expected, struct lm_program program,
                  bool (*is_so)(outs *out))
{
    bool allowed = lm_allows(&program, is_so);
    if (allowed != expected) {
        printf("WRONG: %s: %s\n", what, allowed ? "allowed" : "forbidden");
        n_failed++;
    }
}

#define ORDERS(...)                                                                                \
    do {                                                                                           \
        const enum lm_order them[8] = { __VA_ARGS__ };                                             \
        for (int i = 0; i < 8; i++)                                                                \
            o[i] = them[i];                                                                        \
    } while (0)
#define PROGRAM(n, ...) ((struct lm_program){ .n_threads = (n), .threads = { __VA_ARGS__ } })

int main(void)
{
    const enum lm_order no = LM_NONE, rlx = LM_RELAXED, acq = LM_ACQUIRE, rel = LM_RELEASE,
                        both = LM_ACQ_REL, seq = LM_SEQ;

    ORDERS(rel, no, acq, rel, no, acq);
    check("SB, release and acquire", true, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(seq, no, seq, seq, no, seq);
    check("SB, seq_cst", false, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(seq, no, acq, seq, no, seq);
    check("SB, one load acquire", true, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(rel, no, seq, seq, no, seq);
    check("SB, one store release", true, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(rlx, seq, rlx, rlx, seq, rlx);
    check("SB, fences", false, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(rlx, seq, rlx, rlx, both, rlx);
    check("SB, one fence acq_rel", true, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(rlx, seq, rlx, seq, no, seq);
    check("SB, a fence against seq_cst", false, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(rlx, seq, rlx, seq, no, acq);
    check("SB, a fence against a seq_cst store", true, PROGRAM(2, sb_0, sb_1), both_old);
    ORDERS(rel, seq, seq, seq, no, seq);
    check("SB, a seq_cst update elsewhere is no fence", true, PROGRAM(2, sb_update, sb_1),
          both_old);

    ORDERS(no, rel, acq, no);
    check("MP", false, PROGRAM(2, mp_0, mp_1), flag_without_data);
    ORDERS(no, rlx, acq, no);
    check("MP, store relaxed", true, PROGRAM(2, mp_0, mp_1), flag_without_data);
    ORDERS(no, rel, rlx, no);
    check("MP, load relaxed", true, PROGRAM(2, mp_0, mp_1), flag_without_data);
    ORDERS(rel, rlx, rlx, acq);
    check("MP, fences", false, PROGRAM(2, mp_0, mp_1), flag_without_data);
    ORDERS(acq, rlx, rlx, acq);
    check("MP, acquire fence in the writer", true, PROGRAM(2, mp_0, mp_1), flag_without_data);
    ORDERS(no, rel, acq, no);
    check("MP by an update in the release sequence", false, PROGRAM(3, mp_0, mp_1, mp_add),
          second_flag_without_data);
    check("MP by a later store of the releaser", true, PROGRAM(2, mp_own_later, mp_1),
          second_flag_without_data);

    ORDERS(rlx, rlx, rlx, rlx);
    check("LB", true, PROGRAM(2, lb_0, lb_1), both_new);
    ORDERS(acq, rlx, rlx, rel);
    check("LB, acquire here and release there", false, PROGRAM(2, lb_0, lb_1), both_new);
    ORDERS(acq, rlx, acq, rlx);
    check("LB, acquires", true, PROGRAM(2, lb_0, lb_1), both_new);
    ORDERS(rlx, rel, acq, rlx);
    check("LB, release and acquire", false, PROGRAM(2, lb_0, lb_1), both_new);

    ORDERS(rel, acq, no);
    check("IRIW", true, PROGRAM(4, write_x, write_y, read_x_y, read_y_x), two_orders);
    ORDERS(seq, seq, no);
    check("IRIW, seq_cst", false, PROGRAM(4, write_x, write_y, read_x_y, read_y_x), two_orders);
    ORDERS(rlx, rlx, seq);
    check("IRIW, fences", false, PROGRAM(4, write_x, write_y, read_x_y, read_y_x), two_orders);

    ORDERS(rlx, acq, rel, acq);
    check("WRC", false, PROGRAM(3, write_x, wrc_1, wrc_2), cause_is_lost);
    ORDERS(rlx, rlx, rel, acq);
    check("WRC, first load relaxed", false, PROGRAM(3, write_x, wrc_1, wrc_2), cause_is_lost);
    ORDERS(rlx, rlx, rlx, acq);
    check("WRC, relaxed", true, PROGRAM(3, write_x, wrc_1, wrc_2), cause_is_lost);

    ORDERS(rel);
    check("2+2W", true, PROGRAM(4, w2_0, w2_1, watch_x, watch_y), first_are_last);
    ORDERS(seq);
    check("2+2W, seq_cst", false, PROGRAM(4, w2_0, w2_1, watch_x, watch_y), first_are_last);

    ORDERS(rlx);
    check("CoRR", false, PROGRAM(2, write_x, watch_x), goes_back);
    check("two additions", false, PROGRAM(2, add_one, add_one), lost_update);
    check("Z6.U", true, PROGRAM(3, z6u_0, z6u_1, z6u_2), z6u);

    printf("test_model: %d wrong\n", n_failed);
    return n_failed != 0;
}
