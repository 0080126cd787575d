/* search.cpp - model.h by Relacy, in the place of model.c.
 *
 * Relacy runs the threads of a program in every order, a load seeing the last store or, where that is
 * allowed, one before it. A race on data that is not atomic in C is as wrong as what `is_so` asks for.
 * With LM_FENCES in the environment, each seq_cst access is one of acquire and release behind a
 * seq_cst fence. */
#include <cstdlib>
#include <ostream>

#include <relacy/relacy.hpp>

extern "C" {
#include "model.h"
}

namespace
{

const lm_program *program;
bool (*is_asked)(uint32_t (*out)[LM_OUTS]);
bool with_fences;
uint64_t n_tried;
int user_of[LM_LOCATIONS]; /* thread + 1 */

struct left_out {
};

rl::memory_order relacy_order(lm_order order)
{
    switch (order) {
    case LM_ACQUIRE:
        return rl::mo_acquire;
    case LM_RELEASE:
        return rl::mo_release;
    case LM_ACQ_REL:
        return rl::mo_acq_rel;
    case LM_SEQ:
        return rl::mo_seq_cst;
    default:
        return rl::mo_relaxed;
    }
}

} // namespace

struct lm_thread {
    rl::atomic<uint32_t> *atomics;
    rl::var<uint32_t> *plain;
    uint32_t *out;
    int index;
    bool seq_before; /* a seq_cst access, and no such fence since */
};

namespace
{

bool is_plain(int location)
{
    return program->plain >> location & 1;
}

/* `weaker` is what there is of seq_cst without the order of all. */
rl::memory_order access_order(lm_thread *thread, int location, lm_order order, lm_order weaker)
{
    bool is_own = program->own >> location & 1;
    int user = thread->index + 1;
    if (is_own && user_of[location] != 0 && user_of[location] != user) {
        abort(); /* the picture is wrong: two threads use it */
    }
    user_of[location] = user;
    if (order != LM_SEQ || !with_fences) {
        return relacy_order(order);
    }
    if (!is_own) {
        if (thread->seq_before) {
            rl::atomic_thread_fence(rl::mo_seq_cst, $);
        }
        thread->seq_before = true;
    }
    return relacy_order(weaker);
}

template <int n> struct suite : rl::test_suite<suite<n>, n> {
    rl::atomic<uint32_t> atomics[LM_LOCATIONS];
    rl::var<uint32_t> plain[LM_LOCATIONS];
    uint32_t out[LM_THREADS][LM_OUTS];
    bool is_left_out;

    void before()
    {
        n_tried++;
        is_left_out = false;
        for (auto &of_thread : out) {
            std::fill_n(of_thread, LM_OUTS, 0);
        }
        for (int i = 0; i < LM_LOCATIONS; i++) {
            atomics[i].store(program->init[i], rl::mo_relaxed, $);
            plain[i]($).store(program->init[i]);
        }
    }

    void thread(unsigned i)
    {
        lm_thread self = { atomics, plain, out[i], static_cast<int>(i), false };
        try {
            program->threads[i](&self);
        } catch (left_out) {
            is_left_out = true;
        }
    }

    void after()
    {
        RL_ASSERT(is_left_out || !is_asked(out));
    }
};

template <int n> bool some_execution()
{
    std::ostream nowhere(nullptr);
    rl::test_params params;
    params.search_type =
        rl::sched_random; /* with the scheduler of a full search: loads of any age */
    params.progress_stream = &nowhere;
    rl::test_result_e result =
        rl::run_test<suite<n>, rl::full_search_scheduler<n>>(params, nowhere, false);
    return result != rl::test_result_success;
}

} // namespace

extern "C" {

uint32_t lm_load(lm_thread *thread, int location, lm_order order)
{
    return is_plain(location)
               ? thread->plain[location]($).load()
               : thread->atomics[location].load(access_order(thread, location, order, LM_ACQUIRE),
                                                $);
}

void lm_store(lm_thread *thread, int location, uint32_t value, lm_order order)
{
    if (is_plain(location)) {
        thread->plain[location]($).store(value);
    } else {
        thread->atomics[location].store(value, access_order(thread, location, order, LM_RELEASE),
                                        $);
    }
}

uint32_t lm_add(lm_thread *thread, int location, uint32_t value, lm_order order)
{
    return thread->atomics[location].fetch_add(value,
                                               access_order(thread, location, order, LM_ACQ_REL),
                                               $);
}

uint32_t lm_or(lm_thread *thread, int location, uint32_t value, lm_order order)
{
    return thread->atomics[location].fetch_or(value,
                                              access_order(thread, location, order, LM_ACQ_REL), $);
}

bool lm_cas(lm_thread *thread, int location, uint32_t expected, uint32_t value, lm_order order)
{
    return thread->atomics[location].compare_exchange_strong(expected, value,
                                                             access_order(thread, location, order,
                                                                          LM_ACQ_REL),
                                                             $);
}

void lm_fence(lm_thread *thread, lm_order order)
{
    if (order > LM_RELAXED) {
        thread->seq_before = thread->seq_before && order != LM_SEQ;
        rl::atomic_thread_fence(relacy_order(order), $);
    }
}

void lm_assume(lm_thread *, bool holds)
{
    if (!holds) {
        throw left_out();
    }
}

void lm_out(lm_thread *thread, int i, uint32_t value)
{
    thread->out[i] = value;
}

bool lm_allows(const lm_program *of, bool (*is_so)(uint32_t (*out)[LM_OUTS]))
{
    program = of;
    is_asked = is_so;
    with_fences = getenv("LM_FENCES") != nullptr;
    n_tried = 0;
    std::fill_n(user_of, LM_LOCATIONS, 0);
    switch (program->n_threads) {
    case 2:
        return some_execution<2>();
    case 3:
        return some_execution<3>();
    default:
        return some_execution<LM_THREADS>();
    }
}

uint64_t lm_n_tried(void)
{
    return n_tried;
}
}
