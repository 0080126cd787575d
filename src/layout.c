/* layout.c - where the regions of a new store lie, and whether those of an old one can be. */
#include "layout.h"

#include <string.h>

#include "base/bits.h"
#include "base/hash.h"
#include "error.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* Addresses, not memory: nothing of this is backed before it is used. */
static const uint64_t fixed_room[BN_REGION_BLOCKS] = {
    [BN_REGION_UNDO] = 256 * MIB,   [BN_REGION_PUBLISH] = 8 * MIB, [BN_REGION_SLOTS] = 16 * GIB,
    [BN_REGION_BUCKETS] = 2 * GIB,  [BN_REGION_OVERFLOW] = GIB,    [BN_REGION_NAMES] = GIB,
    [BN_REGION_SPACES] = 512 * MIB, [BN_REGION_LIMBO] = GIB,       [BN_REGION_PRIVATE] = GIB,
    [BN_REGION_TOMBS] = GIB,
};

uint32_t bn_layout_signature(void)
{
    static const uint32_t sizes[] = {
        sizeof(struct bn_state_rec),
        sizeof(struct bn_undo_rec),
        sizeof(struct bn_publish_rec),
        sizeof(struct bn_slab_rec),
        sizeof(struct bn_cold_rec),
        sizeof(struct bn_slot_rec),
        sizeof(struct bn_bucket_rec),
        sizeof(struct bn_space_rec),
        sizeof(struct bn_segment_rec),
        sizeof(struct bn_block_rec),
        sizeof(struct bn_row_rec),
        sizeof(struct bn_chunk_rec),
        sizeof(struct bn_clients_rec),
        BN_INLINE_MAX,
        BN_CLIENTS_MAX,
    };
    return (uint32_t)bn_hash_bytes(sizes, sizeof sizes);
}

void bn_layout_plan(uint64_t capacity_bytes, struct bn_geometry *out)
{
    uint64_t values = bn_align_up(16 * capacity_bytes, 2 * MIB);
    values = values < 64 * GIB ? 64 * GIB : values > 16384 * GIB ? 16384 * GIB : values;
    bn_off at = 2 * BN_PAGE;
    for (int i = 0; i < BN_N_REGIONS; i++) {
        uint64_t size = 0;
        if (i < BN_REGION_BLOCKS) {
            size = fixed_room[i];
        } else if (i == BN_REGION_BLOCKS) {
            size = bn_align_up(values / BN_PAGE * sizeof(struct bn_block_rec), BN_PAGE);
        } else if (i == BN_REGION_BACKED) {
            size = bn_align_up(values / BN_PAGE / 8, BN_PAGE);
        } else {
            size = values;
            at = bn_align_up(at, 2 * MIB);
        }
        out->regions[i] = (struct bn_region_rec){ .off = at, .size_bytes = size };
        at += size;
    }
    out->capacity_max_bytes = values / 4;
}

uint64_t bn_layout_checksum(const struct bn_super_rec *super)
{
    return bn_hash_bytes(super, offsetof(struct bn_super_rec, checksum));
}

/* Regions must follow one another, be aligned, and be large enough for each other. */
static bool regions_add_up(const struct bn_super_rec *super, uint64_t file_bytes)
{
    bn_off end = 2 * BN_PAGE;
    for (int i = 0; i < BN_N_REGIONS; i++) {
        const struct bn_region_rec *r = &super->regions[i];
        if (r->off % BN_PAGE != 0 || r->size_bytes % BN_PAGE != 0 || r->off < end ||
            r->size_bytes == 0 || r->off > (bn_off)1 << 46 || r->size_bytes > (uint64_t)1 << 46) {
            return false;
        }
        end = r->off + r->size_bytes;
    }
    uint64_t pages = super->regions[BN_REGION_VALUES].size_bytes / BN_PAGE;
    return super->regions[BN_REGION_VALUES].off % (2 * MIB) == 0 &&
           file_bytes >= super->regions[BN_REGION_VALUES].off && file_bytes <= end &&
           pages <= (uint64_t)1 << 32 &&
           super->regions[BN_REGION_BLOCKS].size_bytes / sizeof(struct bn_block_rec) >= pages &&
           super->regions[BN_REGION_BACKED].size_bytes * 8 >= pages &&
           super->regions[BN_REGION_SLOTS].size_bytes <= (uint64_t)BN_LINE << 32;
}

int bn_layout_validate(const struct bn_super_rec *super, uint64_t file_bytes, const char *path)
{
    if (memcmp(super->magic, BN_MAGIC, 8) != 0) {
        return bn_error(BRAIN_E_CORRUPT, "%s is not a brain store (its first bytes say so)", path);
    }
    if (super->format > BN_FORMAT || super->features_refuse != 0) {
        return bn_error(BRAIN_E_FORMAT,
                        "%s was made by a newer version of this library (format %u, features "
                        "%llx); "
                        "this one reads format %u. Use the newer version, or another path",
                        path, super->format, (unsigned long long)super->features_refuse, BN_FORMAT);
    }
    if (super->checksum != bn_layout_checksum(super)) {
        return bn_error_corrupt("%s: the checksum of its first page is wrong", path);
    }
    if (super->record_signature != bn_layout_signature()) {
        return bn_error(BRAIN_E_FORMAT,
                        "%s was made by a build of this library with other record "
                        "sizes (another machine type?). Use that build, or another path",
                        path);
    }
    if (!regions_add_up(super, file_bytes)) {
        return bn_error_corrupt("%s is %llu bytes long, which does not fit its own description",
                                path, (unsigned long long)file_bytes);
    }
    return 0;
}
