/* atomic.h - atomics with the order in the name. No other file names a memory_order.
 *
 *   relaxed   no order; the caller says why that is enough
 *   acquire   what follows sees what the matching release published
 *   release   what came before is published
 *   seq       sequentially consistent: the barrier of the two-sided handshakes (pin against retire,
 *             register against commit), where each side stores and then loads what the other stored
 */
#ifndef BN_ATOMIC_H
#define BN_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

#define bn_load_relaxed(p)     atomic_load_explicit((p), memory_order_relaxed)
#define bn_load_acquire(p)     atomic_load_explicit((p), memory_order_acquire)
#define bn_load_seq(p)         atomic_load_explicit((p), memory_order_seq_cst)
#define bn_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define bn_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define bn_store_seq(p, v)     atomic_store_explicit((p), (v), memory_order_seq_cst)
#define bn_exchange_seq(p, v)  atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define bn_add_seq(p, v)       atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define bn_and_seq(p, v)       atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)
#define bn_or_seq(p, v)        atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define bn_cas_seq(p, expected, v)                                                                 \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_seq_cst,            \
                                            memory_order_seq_cst)
#define bn_fence_seq()     atomic_thread_fence(memory_order_seq_cst)
#define bn_fence_acquire() atomic_thread_fence(memory_order_acquire)
#define bn_fence_release() atomic_thread_fence(memory_order_release)

/* A full barrier, right after a sequentially consistent read-modify-write (bn_cas_seq() and so on).
 * By itself that orders its own neighbours of the same kind, and no relaxed or release store before
 * it against a load behind. On x86 the instruction is a full barrier; elsewhere it is not. */
#if defined(__x86_64__) || defined(__i386__)
#define bn_fence_after_swap() atomic_signal_fence(memory_order_seq_cst)
#else
#define bn_fence_after_swap() bn_fence_seq()
#endif

/* A word of a record that is not declared atomic because only the lock holder reads it: stored
 * whole and in program order, so that a death between two stores leaves the first alone. */
#define bn_atomic64(p) ((_Atomic uint64_t *)(void *)(p))
#define bn_atomic32(p) ((_Atomic uint32_t *)(void *)(p))

static inline void bn_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Raise `*word` to at least `value`. Who finds that another has done it is as sure of it as if it had
 * itself: hence seq (PAIR ledger). */
static inline void bn_raise64(_Atomic uint64_t *word, uint64_t value)
{
    uint64_t seen = bn_load_seq(word);
    while (seen < value && !bn_cas_seq(word, &seen, value)) {
    }
}

static inline void bn_raise32(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t seen = bn_load_seq(word); /* PAIR ledger */
    while (seen < value && !bn_cas_seq(word, &seen, value)) {
    }
}

#endif
