/* test_batch.c - a batch where it cannot be committed. What batches do is in test_brain.c. */
#include "check.h"

/* Of a store that is open read-only, whatever its size and wherever it is to go: PERM, and nothing else. */
static void check_read_only(void)
{
    static uint8_t large[50000];
    static const char *const names[] = { "default", "missing" };
    brain_store *store = check_open(check_path(), 16 * CHECK_MIB);
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    for (int i = 0; i < 2; i++) {
        brain_batch *batch;
        brain_space *of_reader = check_space(reader, names[i]);
        CHECK_OK(brain_batch_new(reader, &batch));
        for (uint32_t n = 0; n < 20; n++) {
            brain_part part = { .data = large, .size_bytes = n % 2 == 0 ? sizeof large : 3 };
            brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
            CHECK_CODE(brain_batch_put(batch, of_reader, &n, sizeof n, &value), BRAIN_E_PERM);
            CHECK_DETAIL("read-only");
        }
        CHECK_CODE(brain_batch_delete(batch, of_reader, "a", 1), BRAIN_E_PERM);
        CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_PERM);
        brain_batch_free(batch);
        brain_space_close(of_reader);
    }
    brain_close(reader);
    CHECK_OK(brain_exists(space, "a", 1, NULL));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    check_read_only();
    return 0;
}
