/* value.c - the metadata of tensors: the only kind of value whose description needs an encoding.
 *
 *   0 format (1)  1 flags: 1 = Fortran order  2 ndim  3 length of the dtype text  4 length of descr
 *   8 item_bytes  16 shape[ndim], 8 bytes each  ... dtype text  ... descr
 *
 * Little-endian, whatever the machine. Knows nothing about the store.
 */
#include <endian.h>
#include <string.h>

#include "error.h"
#include "value.h"

static void put_le(uint8_t *to, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

/* As one load each: a loop over bytes was a tenth of what a recall of an array costs. */
static uint32_t get_le32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return le32toh(value);
}

static uint64_t get_le64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return le64toh(value);
}

int brain_tensor_encode(const brain_tensor *tensor, void *buf, size_t room, size_t *len_out)
{
    size_t dtype_len = strnlen(tensor->dtype, sizeof tensor->dtype);
    size_t descr_len = tensor->descr != NULL ? tensor->descr_len : 0;
    size_t len = 16 + (size_t)tensor->ndim * 8 + dtype_len + descr_len;
    if (tensor->ndim > BRAIN_TENSOR_NDIM_MAX || dtype_len == sizeof tensor->dtype ||
        len > BRAIN_META_MAX || (buf != NULL && room < len)) {
        return bn_error(BRAIN_E_INVAL,
                        "this tensor cannot be described: %u axes, %zu bytes of "
                        "description",
                        tensor->ndim, len);
    }
    *len_out = len;
    uint8_t *to = buf;
    if (buf == NULL) {
        return 0;
    }
    to[0] = 1;
    to[1] = tensor->fortran ? 1 : 0;
    to[2] = (uint8_t)tensor->ndim;
    to[3] = (uint8_t)dtype_len;
    put_le(to + 4, descr_len, 4);
    put_le(to + 8, tensor->item_bytes, 8);
    for (uint32_t i = 0; i < tensor->ndim; i++) {
        put_le(to + 16 + 8 * i, tensor->shape[i], 8);
    }
    memcpy(to + 16 + 8 * tensor->ndim, tensor->dtype, dtype_len);
    if (descr_len > 0) {
        memcpy(to + 16 + 8 * tensor->ndim + dtype_len, tensor->descr, descr_len);
    }
    return 0;
}

static int bad_tensor(void)
{
    return bn_error(BRAIN_E_CORRUPT, "the description of a tensor is damaged");
}

/* The product of item size and shape must be the size of the data; an empty axis makes it 0. */
static int check_size(uint64_t item_bytes, const uint8_t *shape, size_t ndim, uint64_t data_bytes)
{
    uint64_t bytes = item_bytes;
    bool overflow = false, empty = bytes == 0;
    for (size_t i = 0; i < ndim; i++) {
        uint64_t n = get_le64(shape + 8 * i);
        empty = empty || n == 0;
        overflow = __builtin_mul_overflow(bytes, n, &bytes) || overflow;
    }
    if (empty) {
        return data_bytes == 0 ? 0 : bad_tensor();
    }
    return !overflow && bytes == data_bytes ? 0 : bad_tensor();
}

int brain_tensor_decode(const void *meta, size_t meta_len, uint64_t data_bytes, brain_tensor *out)
{
    const uint8_t *from = meta; /* NULL, perhaps, where there is none */
    if (meta_len < 16 || from[0] != 1 || from[2] > BRAIN_TENSOR_NDIM_MAX ||
        from[3] >= sizeof out->dtype) {
        return bad_tensor();
    }
    size_t ndim = from[2], dtype_len = from[3], descr_len = get_le32(from + 4);
    if (16 + 8 * ndim + dtype_len + descr_len != meta_len) {
        return bad_tensor();
    }
    const uint8_t *shape = from + 16;
    uint64_t item_bytes = get_le64(from + 8);
    int err = check_size(item_bytes, shape, ndim, data_bytes);
    if (err != 0) {
        return err;
    }
    const uint8_t *dtype = shape + 8 * ndim;
    memset(out->dtype, 0, sizeof out->dtype);
    memcpy(out->dtype, dtype, dtype_len);
    out->descr = descr_len > 0 ? (const char *)dtype + dtype_len : NULL;
    out->descr_len = (uint32_t)descr_len;
    out->ndim = (uint32_t)ndim;
    out->fortran = from[1] & 1;
    out->item_bytes = item_bytes;
    for (size_t i = 0; i < ndim; i++) {
        out->shape[i] = get_le64(shape + 8 * i);
    }
    return 0;
}

int brain_view_int(const brain_view *view, int64_t *value_out)
{
    if (view->kind != BRAIN_KIND_INT || view->size_bytes != 8) {
        return bn_error(BRAIN_E_INVAL, "this value is not an integer of 64 bits");
    }
    *value_out = (int64_t)get_le64(view->data);
    return 0;
}

int brain_view_float(const brain_view *view, double *value_out)
{
    if (view->kind != BRAIN_KIND_FLOAT || view->size_bytes != 8) {
        return bn_error(BRAIN_E_INVAL, "this value is not a floating-point number");
    }
    uint64_t bits = get_le64(view->data);
    memcpy(value_out, &bits, sizeof bits);
    return 0;
}
