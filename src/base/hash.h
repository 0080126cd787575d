/* hash.h - the hash of names and the checksum of records: XXH3, by Yann Collet (libxxhash). */
#ifndef BN_HASH_H
#define BN_HASH_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Warray-bounds" /* false, where a length is known when compiling */
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

/* The seed differs from space to space, so that equal names of many spaces do not share a
 * bucket. */
static inline uint64_t bn_hash_name(uint64_t seed, uint32_t space_id, const void *name, size_t len)
{
    return XXH3_64bits_withSeed(name, len, seed ^ (space_id * UINT64_C(0x9E3779B97F4A7C15)));
}

static inline uint64_t bn_hash_bytes(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

#endif
