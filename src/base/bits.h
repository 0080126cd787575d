/* bits.h - small arithmetic. */
#ifndef BN_BITS_H
#define BN_BITS_H

#include <stddef.h>
#include <stdint.h>

#define bn_likely(x)   __builtin_expect(!!(x), 1)
#define bn_unlikely(x) __builtin_expect(!!(x), 0)

/* For the few functions on the way of a get and of a small put, where each call counts. */
#ifdef __OPTIMIZE__
#define BN_INLINE static inline __attribute__((always_inline))
#else /* once, so that what is measured of it is of one place (tests/coverage) */
#define BN_INLINE static inline
#endif
/* For what would take registers and stack from them. */
#define BN_NOINLINE __attribute__((noinline))

/* Fetch the line at `p`, which will be stored to. Any address will do. */
#define bn_prefetch_to_store(p) __builtin_prefetch((p), 1)

/* `x` up to the next multiple of `align`, a power of two. */
static inline uint64_t bn_align_up(uint64_t x, uint64_t align)
{
    return (x + align - 1) & ~(align - 1);
}

/* The 8 bytes that two 32-bit fields make up, one behind the other. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static inline uint64_t bn_pair(uint32_t first, uint32_t second)
{
    return (uint64_t)first << 32 | second;
}
#else
static inline uint64_t bn_pair(uint32_t first, uint32_t second)
{
    return (uint64_t)second << 32 | first;
}
#endif

/* A field among the others that share eight aligned bytes of a record with it, where these are
 * loaded or stored at once: how far up it is, its bits, and what it says in `word`. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BN_SHIFT(type, field) (64 - 8 * (offsetof(type, field) % 8 + sizeof(((type *)0)->field)))
#else
#define BN_SHIFT(type, field) (8 * (offsetof(type, field) % 8))
#endif
#define BN_ONES(type, field)        (UINT64_MAX >> (64 - 8 * sizeof(((type *)0)->field)))
#define BN_BITS(type, field)        (BN_ONES(type, field) << BN_SHIFT(type, field))
#define BN_FIELD(type, field, word) ((word) >> BN_SHIFT(type, field) & BN_ONES(type, field))

/* The low 32 bits of a 64-bit word in memory: what a futex, which has no more, looks at. */
static inline const uint32_t *bn_low_half(const void *word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (const uint32_t *)word + 1;
#else
    return (const uint32_t *)word;
#endif
}

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define BN_THREAD_SANITIZER
#endif
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define BN_ADDRESS_SANITIZER
#endif
#else
#ifdef __SANITIZE_THREAD__
#define BN_THREAD_SANITIZER
#endif
#ifdef __SANITIZE_ADDRESS__
#define BN_ADDRESS_SANITIZER
#endif
#endif

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

/* memcpy() of what is short more often than not; NULL is allowed where there is nothing to copy.
 *
 * What is written may be read at the same time by one who looks afterwards whether it was still what it had been
 * (PAIR refill in read.c). Such bytes would be atomic by the words of C11; as they are here they are as fast as
 * the processor can, and what is torn is thrown away. ThreadSanitizer is told what is meant. */
#ifdef BN_THREAD_SANITIZER
BN_INLINE void bn_copy(void *to, const void *from, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        __atomic_store_n((uint8_t *)to + i, ((const uint8_t *)from)[i], __ATOMIC_RELAXED);
    }
}
#else
BN_INLINE void bn_copy(void *to, const void *from, uint64_t n)
{
    if (n > 256) {
        __builtin_memcpy(to, from, n);
    } else if (n > 16) {
        /* Written out, since a compiler that knows a bound of `n` takes `rep movs`, which needs 12 ns
         * to begin. The last 16 bytes may overlap those before. */
        for (uint64_t i = 0; i < n - 16; i += 16) {
            __builtin_memcpy((uint8_t *)to + i, (const uint8_t *)from + i, 16);
        }
        __builtin_memcpy((uint8_t *)to + n - 16, (const uint8_t *)from + n - 16, 16);
    } else if (n >= 8) { /* two words that may overlap */
        uint64_t first, last;
        __builtin_memcpy(&first, from, 8);
        __builtin_memcpy(&last, (const uint8_t *)from + n - 8, 8);
        __builtin_memcpy(to, &first, 8);
        __builtin_memcpy((uint8_t *)to + n - 8, &last, 8);
    } else if (n >= 4) {
        uint32_t first, last;
        __builtin_memcpy(&first, from, 4);
        __builtin_memcpy(&last, (const uint8_t *)from + n - 4, 4);
        __builtin_memcpy(to, &first, 4);
        __builtin_memcpy((uint8_t *)to + n - 4, &last, 4);
    } else {
        for (uint64_t i = 0; i < n; i++) {
            ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
        }
    }
}
#endif

#endif
