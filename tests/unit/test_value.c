/* test_value.c - what describes a tensor, numbers in views, and what error codes are called. */
#include "check.h"

#include "error.h"

static brain_tensor tensor_of(uint32_t ndim, uint64_t n)
{
    brain_tensor tensor = { .dtype = "<f8", .ndim = ndim, .item_bytes = 8, .fortran = 1 };
    for (uint32_t i = 0; i < ndim && i < BRAIN_TENSOR_NDIM_MAX; i++) {
        tensor.shape[i] = n;
    }
    return tensor;
}

static void check_round_trip(void)
{
    static const char descr[] = "[('a', '<f8')]";
    uint8_t meta[1024];
    size_t len = 0, again = 0;
    for (uint32_t ndim = 0; ndim <= BRAIN_TENSOR_NDIM_MAX; ndim += 16) {
        brain_tensor tensor = tensor_of(ndim, 1), its;
        tensor.descr = ndim % 32 == 0 ? descr : NULL;
        tensor.descr_len = sizeof descr - 1;
        CHECK_OK(brain_tensor_encode(&tensor, NULL, 0, &len));
        CHECK_OK(brain_tensor_encode(&tensor, meta, len, &again));
        CHECK_U64(again, len);
        CHECK_CODE(brain_tensor_encode(&tensor, meta, len - 1, &again), BRAIN_E_INVAL);
        CHECK_OK(brain_tensor_decode(meta, len, 8, &its));
        CHECK(its.ndim == ndim && its.fortran == 1 && its.item_bytes == 8);
        CHECK(strcmp(its.dtype, "<f8") == 0);
        CHECK((its.descr != NULL) == (tensor.descr != NULL));
        CHECK(its.descr == NULL || memcmp(its.descr, descr, its.descr_len) == 0);
        CHECK(memcmp(its.shape, tensor.shape, ndim * sizeof its.shape[0]) == 0);
        CHECK_CODE(brain_tensor_decode(meta, len, 16, &its), BRAIN_E_CORRUPT);
        CHECK_CODE(brain_tensor_decode(meta, len - 1, 8, &its), BRAIN_E_CORRUPT);
    }
}

static void check_refused(void)
{
    static char descr[BRAIN_META_MAX];
    size_t len;
    brain_tensor tensor = tensor_of(BRAIN_TENSOR_NDIM_MAX + 1, 1);
    CHECK_CODE(brain_tensor_encode(&tensor, NULL, 0, &len), BRAIN_E_INVAL);
    tensor = tensor_of(1, 1);
    memset(tensor.dtype, 'x', sizeof tensor.dtype); /* not terminated */
    CHECK_CODE(brain_tensor_encode(&tensor, NULL, 0, &len), BRAIN_E_INVAL);
    tensor = tensor_of(1, 1);
    tensor.descr = descr;
    tensor.descr_len = sizeof descr;
    CHECK_CODE(brain_tensor_encode(&tensor, NULL, 0, &len), BRAIN_E_INVAL);
}

/* Sizes that overflow, and empty axes: the data has to be as large as they say. */
static void check_sizes(void)
{
    uint8_t meta[256];
    size_t len;
    brain_tensor its, tensor = tensor_of(3, UINT64_C(1) << 30);
    CHECK_OK(brain_tensor_encode(&tensor, meta, sizeof meta, &len));
    CHECK_CODE(brain_tensor_decode(meta, len, 0, &its), BRAIN_E_CORRUPT);
    tensor.shape[1] = 0;
    CHECK_OK(brain_tensor_encode(&tensor, meta, sizeof meta, &len));
    CHECK_OK(brain_tensor_decode(meta, len, 0, &its));
    CHECK_CODE(brain_tensor_decode(meta, len, 8, &its), BRAIN_E_CORRUPT);
}

static void check_damage(void)
{
    static const struct {
        size_t at;
        uint8_t value;
    } damages[] = { { 0, 2 }, { 2, BRAIN_TENSOR_NDIM_MAX + 1 }, { 3, 16 }, { 4, 1 }, { 8, 9 } };
    uint8_t meta[256];
    size_t len;
    brain_tensor its, tensor = tensor_of(2, 3);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        CHECK_OK(brain_tensor_encode(&tensor, meta, sizeof meta, &len));
        meta[damages[i].at] = damages[i].value;
        CHECK_CODE(brain_tensor_decode(meta, len, 72, &its), BRAIN_E_CORRUPT);
    }
    CHECK_CODE(brain_tensor_decode(meta, 15, 72, &its), BRAIN_E_CORRUPT);
}

static void check_numbers(void)
{
    int64_t number = -7, its = 0;
    double real = 2.5, its_real = 0;
    brain_view view = { .kind = BRAIN_KIND_INT, .data = &number, .size_bytes = 8 };
    CHECK_OK(brain_view_int(&view, &its));
    CHECK(its == number);
    CHECK_CODE(brain_view_float(&view, &its_real), BRAIN_E_INVAL);
    view.size_bytes = 7;
    CHECK_CODE(brain_view_int(&view, &its), BRAIN_E_INVAL);
    view = (brain_view){ .kind = BRAIN_KIND_FLOAT, .data = &real, .size_bytes = 8 };
    CHECK_OK(brain_view_float(&view, &its_real));
    CHECK(memcmp(&its_real, &real, sizeof real) == 0);
    CHECK_CODE(brain_view_int(&view, &its), BRAIN_E_INVAL);
    view.size_bytes = 4;
    CHECK_CODE(brain_view_float(&view, &its_real), BRAIN_E_INVAL);
}

/* Each code has words of its own. */
static void check_codes(void)
{
    const char *unknown = brain_strerror(-1000);
    int n = 0;
    for (int code = 0; code > -100; code--) {
        const char *text = brain_strerror(code);
        for (int other = code + 1; other <= 0 && strcmp(text, unknown) != 0; other++) {
            CHECK(strcmp(text, brain_strerror(other)) != 0);
        }
        n += strcmp(text, unknown) != 0;
    }
    CHECK_U64(n, 17);
}

static void check_codes_of_the_system(void)
{
    static const struct {
        int os, code;
    } codes[] = {
        { ENOSPC, BRAIN_E_FULL }, { EDQUOT, BRAIN_E_FULL }, { EACCES, BRAIN_E_PERM },
        { EPERM, BRAIN_E_PERM },  { EROFS, BRAIN_E_PERM },  { ENOMEM, BRAIN_E_NOMEM },
        { EMFILE, BRAIN_E_IO },   { ENOLCK, BRAIN_E_IO },
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        CHECK_CODE(bn_error_os(-codes[i].os, "it"), codes[i].code);
        CHECK_DETAIL(strerror(codes[i].os));
    }
}

int main(void)
{
    check_begin();
    check_round_trip();
    check_refused();
    check_sizes();
    check_damage();
    check_numbers();
    check_codes();
    check_codes_of_the_system();
    return 0;
}
