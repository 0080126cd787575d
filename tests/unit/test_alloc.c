/* test_alloc.c - extents against a bitmap: none overlap, all are exact, what is free joins again. */
#include "check.h"

#include "alloc.h"
#include "journal.h"
#include "lock.h"
#include "recover.h"
#include "store.h"

#define N_EXTENTS 400
#define N_PAGES   (1u << 20)

static struct {
    uint32_t page;
    uint64_t n_pages;
} extents[N_EXTENTS];
static uint8_t used[N_PAGES / 8];
static brain_store *store;

static void mark(uint32_t page, uint64_t n_pages, bool is_used)
{
    CHECK(page + n_pages <= N_PAGES);
    for (uint64_t i = page; i < page + n_pages; i++) {
        bool was = used[i / 8] >> (i % 8) & 1;
        CHECK(was != is_used);
        used[i / 8] = (uint8_t)(used[i / 8] ^ 1u << (i % 8));
    }
}

/* One step under the lock, tried again as a writer does. */
static uint32_t take(uint64_t n_pages)
{
    uint32_t page = 0;
    for (;;) {
        CHECK_OK(bn_recover_enter(store, true));
        bn_journal_begin(store);
        int err = bn_alloc_take(store, n_pages, 1000, &page);
        if (err == 0 && check_below(20) == 0) { /* undone: as if it had not been */
            CHECK_OK(bn_journal_undo(store));
            err = BN_AGAIN;
            bn_journal_clear(store);
            bn_lock_release(store);
            continue;
        }
        if (err != 0) {
            CHECK_OK(bn_journal_undo(store));
        }
        bn_journal_clear(store);
        bn_lock_release(store);
        if (err == 0) {
            return page;
        }
        CHECK_CODE(err, BN_AGAIN);
        CHECK_OK(bn_store_satisfy(store));
    }
}

static void give(uint32_t page, uint64_t n_pages)
{
    CHECK_OK(bn_recover_enter(store, true));
    bn_journal_begin(store);
    CHECK_OK(bn_alloc_give(store, page, n_pages, check_below(2) == 0));
    bn_journal_clear(store);
    bn_lock_release(store);
}

/* What is recorded otherwise is not given back, and nothing changes. */
static void refuse(uint32_t page, uint64_t n_pages)
{
    CHECK_OK(bn_recover_enter(store, true));
    bn_journal_begin(store);
    CHECK_CODE(bn_alloc_give(store, page, n_pages, true), BRAIN_E_CORRUPT);
    CHECK_DETAIL("not recorded as one");
    CHECK(bn_journal_is_empty(store));
    bn_lock_release(store);
}

static uint32_t count_free_blocks(void)
{
    uint32_t n = 0;
    for (uint32_t page = 0; page < store->state->value_end; page++) {
        n += bn_alloc_record(store, page)->state == BN_BLOCK_FREE;
    }
    return n;
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = argc > 1 ? strtoull(argv[1], NULL, 0) : check_new_seed();
    printf("seed 0x%llx\n", (unsigned long long)check_state);
    snprintf(check_note, sizeof check_note, "seed 0x%llx", (unsigned long long)check_state);
    store = check_open(check_path(), CHECK_MIB);
    uint64_t taken = 0, most = 0, file_before = store->state->backed[BN_REGION_VALUES];
    for (int i = 0; i < 20000; i++) {
        uint32_t k = (uint32_t)check_below(N_EXTENTS);
        if (extents[k].n_pages != 0) {
            mark(extents[k].page, extents[k].n_pages, false);
            give(extents[k].page, extents[k].n_pages);
            taken -= extents[k].n_pages;
            extents[k].n_pages = 0;
        } else {
            uint64_t n = 1 + check_below((uint64_t)1 << check_below(9));
            extents[k].page = take(n);
            extents[k].n_pages = n; /* exactly so many: the next page is somebody else's */
            mark(extents[k].page, n, true);
            taken += n;
        }
        most = taken > most ? taken : most;
    }
    printf("at most %llu pages taken, the file has %u\n", (unsigned long long)most,
           store->state->value_end);
    CHECK(store->state->backed[BN_REGION_VALUES] > file_before); /* it has grown meanwhile */
    CHECK(store->state->value_end < 8 * most);
    uint32_t page = take(2), end = store->state->value_end, n_free = count_free_blocks();
    refuse(page, 0);
    refuse(page, (uint64_t)end - page + 1);
    refuse(page + 1, 1);
    refuse(end, 1);
    refuse(page, 1); /* not of its length */
    struct bn_block_rec *rec = (struct bn_block_rec *)(uintptr_t)bn_alloc_record(store, page);
    CHECK_U64(rec->next, 2);
    rec->order = 0; /* it is not counted: another must not begin in it */
    rec->next = 7;
    refuse(page, end - page);
    CHECK_U64(count_free_blocks(), n_free);
    CHECK(bn_alloc_record(store, page)->state == BN_BLOCK_USED);
    give(page, 2);
    for (uint32_t k = 0; k < N_EXTENTS; k++) {
        if (extents[k].n_pages != 0) {
            give(extents[k].page, extents[k].n_pages);
        }
    }
    CHECK(count_free_blocks() <= 32); /* at most one of each order */
    CHECK_SOUND(store);
    check_destroy(store);
    return 0;
}
