/* bits.h - small arithmetic. */
#ifndef BN_BITS_H
#define BN_BITS_H

#include <stdint.h>

#define bn_likely(x) __builtin_expect(!!(x), 1)
#define bn_unlikely(x) __builtin_expect(!!(x), 0)

/* `x` up to the next multiple of `align`, a power of two. */
static inline uint64_t bn_align_up(uint64_t x, uint64_t align)
{
    return (x + align - 1) & ~(align - 1);
}

/* Position of the highest bit that is set; x > 0. */
static inline unsigned bn_log2_floor(uint64_t x)
{
    return 63u - (unsigned)__builtin_clzll(x);
}

/* Smallest k with 2^k >= x; x > 0. */
static inline unsigned bn_log2_ceil(uint64_t x)
{
    return x <= 1 ? 0 : bn_log2_floor(x - 1) + 1;
}

#endif
