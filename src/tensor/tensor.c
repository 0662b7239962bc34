/* SPDX-License-Identifier: MIT
 *
 * A tensor is a header, and data that is either its own or somebody else's, who is told by
 * `release` when the last reference is gone.
 */
#include "mica/tensor.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/tensor.h"

struct mica_tensor {
    atomic_size_t references;
    mica_dtype dtype;
    int rank;
    int64_t dims[MICA_MAX_RANK];
    int64_t count;
    const void *data;
    void *own; /* from mica_alloc_data, or NULL: then data belongs to release's user */
    void (*release)(void *user);
    mica_tell_pages tell; /* NULL: its pages stay what they are */
    void *user;
};

static const struct {
    const char *name;
    size_t size;
} dtypes[MICA_DTYPES] = {
    [MICA_DTYPE_F32] = {"float32", 4},   [MICA_DTYPE_F16] = {"float16", 2},
    [MICA_DTYPE_BF16] = {"bfloat16", 2}, [MICA_DTYPE_F64] = {"float64", 8},
    [MICA_DTYPE_I8] = {"int8", 1},       [MICA_DTYPE_I16] = {"int16", 2},
    [MICA_DTYPE_I32] = {"int32", 4},     [MICA_DTYPE_I64] = {"int64", 8},
    [MICA_DTYPE_U8] = {"uint8", 1},      [MICA_DTYPE_U16] = {"uint16", 2},
    [MICA_DTYPE_U32] = {"uint32", 4},    [MICA_DTYPE_U64] = {"uint64", 8},
    [MICA_DTYPE_BOOL] = {"bool", 1},
};

const char *mica_dtype_name(mica_dtype dtype)
{
    return (unsigned)dtype < MICA_DTYPES ? dtypes[dtype].name : "unknown";
}

size_t mica_dtype_size(mica_dtype dtype)
{
    return (unsigned)dtype < MICA_DTYPES ? dtypes[dtype].size : 0;
}

/* A tensor without data; *bytes gets what its data needs. */
static mica_status make(mica_dtype dtype, int rank, const int64_t *dims, mica_tensor **out,
                        size_t *bytes, mica_error *err)
{
    int64_t count = 1, size = 0;
    *out = NULL;
    if ((unsigned)dtype >= MICA_DTYPES)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "a tensor of unknown dtype %d",
                         (int)dtype);
    if (rank < 0 || rank > MICA_MAX_RANK)
        return mica_fail(err, MICA_STATUS_SHAPE, "a tensor of rank %d; 0 to %d are possible", rank,
                         MICA_MAX_RANK);
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return mica_fail(err, MICA_STATUS_SHAPE, "dimension %d of a tensor is %lld", i,
                             (long long)dims[i]);
    }
    for (int i = 0; i < rank; i++) {
        if (!mica_mul_i64(count, dims[i], &count))
            return mica_fail(err, MICA_STATUS_SHAPE, "a tensor with too many elements to count");
    }
    if (!mica_mul_i64(count, (int64_t)dtypes[dtype].size, &size) || (uint64_t)size > SIZE_MAX)
        return mica_fail(err, MICA_STATUS_SHAPE, "a tensor of %lld elements is too large",
                         (long long)count);
    mica_tensor *tensor = mica_calloc(1, sizeof *tensor);
    if (!tensor)
        return mica_fail_memory(err, sizeof *tensor, "a tensor");
    atomic_init(&tensor->references, 1);
    tensor->dtype = dtype;
    tensor->rank = rank;
    if (rank)
        memcpy(tensor->dims, dims, (size_t)rank * sizeof *dims);
    tensor->count = count;
    *bytes = (size_t)size;
    *out = tensor;
    return MICA_OK;
}

mica_status mica_tensor_create(mica_dtype dtype, int rank, const int64_t *dims, mica_tensor **out,
                               mica_error *err)
{
    size_t bytes = 0;
    mica_status status = make(dtype, rank, dims, out, &bytes, err);
    if (status)
        return status;
    (*out)->own = mica_alloc_data(bytes);
    if (!(*out)->own) {
        mica_tensor_release(out);
        return mica_fail_memory(err, bytes, "a tensor");
    }
    memset((*out)->own, 0, bytes);
    (*out)->data = (*out)->own;
    return MICA_OK;
}

mica_status mica_tensor_wrap(mica_dtype dtype, int rank, const int64_t *dims, const void *data,
                             void (*release)(void *user), void *user, mica_tensor **out,
                             mica_error *err)
{
    size_t bytes = 0;
    mica_status status = make(dtype, rank, dims, out, &bytes, err);
    if (status)
        return status;
    if (bytes && !data) {
        mica_tensor_release(out);
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "a tensor of %zu bytes without data",
                         bytes);
    }
    if ((uintptr_t)data % dtypes[dtype].size != 0) {
        mica_tensor_release(out);
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "the data of a %s tensor is at %p, which is not aligned to %zu bytes",
                         dtypes[dtype].name, data, dtypes[dtype].size);
    }
    (*out)->data = data;
    (*out)->release = release;
    (*out)->user = user;
    return MICA_OK;
}

mica_tensor *mica_tensor_retain(mica_tensor *tensor)
{
    atomic_fetch_add_explicit(&tensor->references, 1, memory_order_relaxed);
    return tensor;
}

void mica_tensor_release(mica_tensor **pointer)
{
    mica_tensor *tensor = *pointer;
    *pointer = NULL;
    if (!tensor || atomic_fetch_sub_explicit(&tensor->references, 1, memory_order_acq_rel) != 1)
        return;
    if (tensor->release)
        tensor->release(tensor->user);
    mica_free_data(tensor->own);
    mica_free(tensor);
}

mica_dtype mica_tensor_dtype(const mica_tensor *tensor)
{
    return tensor->dtype;
}

int mica_tensor_rank(const mica_tensor *tensor)
{
    return tensor->rank;
}

int64_t mica_tensor_dim(const mica_tensor *tensor, int axis)
{
    if (axis < 0)
        axis += tensor->rank;
    return axis >= 0 && axis < tensor->rank ? tensor->dims[axis] : 0;
}

const int64_t *mica_tensor_dims(const mica_tensor *tensor)
{
    return tensor->dims;
}

int64_t mica_tensor_count(const mica_tensor *tensor)
{
    return tensor->count;
}

size_t mica_tensor_bytes(const mica_tensor *tensor)
{
    return (size_t)tensor->count * dtypes[tensor->dtype].size;
}

const void *mica_tensor_data(const mica_tensor *tensor)
{
    return tensor->data;
}

void *mica_tensor_data_mut(mica_tensor *tensor)
{
    return tensor->own;
}

void mica_tensor_set_pages(mica_tensor *tensor, mica_tell_pages tell)
{
    tensor->tell = tell;
}

void mica_tensor_expect(const mica_tensor *tensor)
{
    if (tensor->tell)
        tensor->tell(tensor->user, tensor->data, mica_tensor_bytes(tensor), MICA_PAGES_EXPECT);
}

void mica_tensor_drop_rows(const mica_tensor *tensor, int64_t begin, int64_t end)
{
    if (!tensor->tell || begin >= end)
        return;
    size_t row = mica_tensor_bytes(tensor) / (size_t)tensor->dims[0];
    tensor->tell(tensor->user, (const char *)tensor->data + (size_t)begin * row,
                 (size_t)(end - begin) * row, MICA_PAGES_DROP);
}
