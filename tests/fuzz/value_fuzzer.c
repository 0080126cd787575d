/* value_fuzzer.c - a fuzzer of what value.c decodes: for libFuzzer, or with replay.c.
 *
 * An input is 8 bytes, the size of the data, then metadata of a tensor; or a number, with its kind. What is
 * decoded has to be what was checked: it encodes to the same bytes, but for flags without a meaning.
 */
#include "../unit/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_tensor(const uint8_t *meta, size_t len, uint64_t data_bytes)
{
    brain_tensor tensor;
    memset(&tensor, 0x5a, sizeof tensor);
    brain_tensor untouched = tensor;
    int err = brain_tensor_decode(meta, len, data_bytes, &tensor);
    if (err != 0) {
        CHECK(err == BRAIN_E_CORRUPT);
        CHECK(memcmp(&tensor, &untouched, sizeof tensor) == 0);
        return;
    }
    CHECK(tensor.ndim <= BRAIN_TENSOR_NDIM_MAX);
    CHECK(tensor.dtype[sizeof tensor.dtype - 1] == '\0');
    bool empty = tensor.item_bytes == 0;
    uint64_t size = tensor.item_bytes;
    for (uint32_t i = 0; i < tensor.ndim; i++) {
        empty = empty || tensor.shape[i] == 0;
    }
    for (uint32_t i = 0; i < tensor.ndim && !empty; i++) {
        CHECK(!__builtin_mul_overflow(size, tensor.shape[i], &size));
    }
    CHECK(data_bytes == (empty ? 0 : size));
    if (tensor.descr != NULL) { /* it points into the metadata */
        CHECK((const uint8_t *)tensor.descr > meta);
        CHECK((const uint8_t *)tensor.descr + tensor.descr_len == meta + len);
    }
    if (len <= BRAIN_META_MAX && memchr(meta + 16 + 8 * tensor.ndim, 0, meta[3]) == NULL) {
        static uint8_t again[BRAIN_META_MAX];
        size_t again_len;
        CHECK_OK(brain_tensor_encode(&tensor, again, sizeof again, &again_len));
        again[1] = meta[1];
        CHECK(again_len == len && memcmp(again, meta, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint64_t data_bytes;
    int64_t whole;
    double real;
    if (n < sizeof data_bytes) {
        return 0;
    }
    memcpy(&data_bytes, bytes, sizeof data_bytes);
    /* In memory of its own: a sanitizer sees who reads beyond it. */
    size_t len = n - sizeof data_bytes;
    uint8_t *meta = malloc(len + 1);
    CHECK(meta != NULL);
    memcpy(meta, bytes + sizeof data_bytes, len);
    uint8_t *exact = realloc(meta, len > 0 ? len : 1);
    CHECK(exact != NULL);
    check_tensor(exact, len, data_bytes);
    brain_view view = { .data = exact, .size_bytes = len, .kind = (uint32_t)(data_bytes & 15) };
    (void)!brain_view_int(&view, &whole);
    (void)!brain_view_float(&view, &real);
    free(exact);
    return 0;
}
