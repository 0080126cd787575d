/* value.c - the metadata of tensors: the only kind of value whose description needs an encoding.
 *
 *   0 format (1)  1 flags: 1 = Fortran order  2 ndim  3 length of the dtype text  4 length of descr
 *   8 item_bytes  16 shape[ndim], 8 bytes each  ... dtype text  ... descr
 *
 * Little-endian, whatever the machine. Knows nothing about the store.
 */
#include <string.h>

#include "error.h"
#include "value.h"

static void put_le(uint8_t *to, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le(const uint8_t *from, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

int brain_tensor_encode(const brain_tensor *tensor, void *buf, size_t room, size_t *len_out)
{
    size_t dtype_len = strnlen(tensor->dtype, sizeof tensor->dtype);
    size_t descr_len = tensor->descr != NULL ? tensor->descr_len : 0;
    size_t len = 16 + (size_t)tensor->ndim * 8 + dtype_len + descr_len;
    if (tensor->ndim > BRAIN_TENSOR_NDIM_MAX || dtype_len == sizeof tensor->dtype ||
        len > BRAIN_META_MAX || (buf != NULL && room < len)) {
        return bn_error(BRAIN_E_INVAL, "this tensor cannot be described: %u axes, %zu bytes of "
                        "description", tensor->ndim, len);
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
static int check_size(const brain_tensor *tensor, uint64_t data_bytes)
{
    uint64_t bytes = tensor->item_bytes;
    bool empty = bytes == 0;
    for (uint32_t i = 0; i < tensor->ndim; i++) {
        empty = empty || tensor->shape[i] == 0;
    }
    for (uint32_t i = 0; i < tensor->ndim && !empty; i++) {
        if (__builtin_mul_overflow(bytes, tensor->shape[i], &bytes)) {
            return bad_tensor();
        }
    }
    return (empty ? 0 : bytes) == data_bytes ? 0 : bad_tensor();
}

int brain_tensor_decode(const void *meta, size_t meta_len, uint64_t data_bytes, brain_tensor *out)
{
    const uint8_t *from = meta;
    if (meta_len < 16 || from[0] != 1 || from[2] > BRAIN_TENSOR_NDIM_MAX ||
        from[3] >= sizeof out->dtype) {
        return bad_tensor();
    }
    size_t ndim = from[2], dtype_len = from[3], descr_len = get_le(from + 4, 4);
    if (16 + 8 * ndim + dtype_len + descr_len != meta_len) {
        return bad_tensor();
    }
    brain_tensor tensor;
    tensor.fortran = from[1] & 1;
    tensor.ndim = (uint32_t)ndim;
    tensor.item_bytes = get_le(from + 8, 8);
    for (size_t i = 0; i < ndim; i++) {
        tensor.shape[i] = get_le(from + 16 + 8 * i, 8);
    }
    memcpy(tensor.dtype, from + 16 + 8 * ndim, dtype_len);
    tensor.dtype[dtype_len] = '\0';
    tensor.descr = descr_len > 0 ? (const char *)from + 16 + 8 * ndim + dtype_len : NULL;
    tensor.descr_len = (uint32_t)descr_len;
    int err = check_size(&tensor, data_bytes);
    if (err == 0) {
        memcpy(out, &tensor, offsetof(brain_tensor, shape) + ndim * sizeof tensor.shape[0]);
    }
    return err;
}

int brain_view_int(const brain_view *view, int64_t *value_out)
{
    if (view->kind != BRAIN_KIND_INT || view->size_bytes != 8) {
        return bn_error(BRAIN_E_INVAL, "this value is not an integer of 64 bits");
    }
    *value_out = (int64_t)get_le(view->data, 8);
    return 0;
}

int brain_view_float(const brain_view *view, double *value_out)
{
    if (view->kind != BRAIN_KIND_FLOAT || view->size_bytes != 8) {
        return bn_error(BRAIN_E_INVAL, "this value is not a floating-point number");
    }
    uint64_t bits = get_le(view->data, 8);
    memcpy(value_out, &bits, sizeof bits);
    return 0;
}
