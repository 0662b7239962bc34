/* SPDX-License-Identifier: MIT */
#include "backends/cpu/elements.h"

#include <string.h>

#include "tensor/convert.h"

/* Below this much of a result is still in the last cache when the next step reads it. */
enum { STREAM_BYTES = 64 << 20 };

bool mica_is_half(mica_dtype dtype)
{
    return dtype == MICA_DTYPE_F16 || dtype == MICA_DTYPE_BF16;
}

bool mica_is_float(mica_dtype dtype)
{
    return dtype == MICA_DTYPE_F32 || mica_is_half(dtype);
}

bool mica_is_signed(mica_dtype dtype)
{
    return dtype == MICA_DTYPE_I8 || dtype == MICA_DTYPE_I16 || dtype == MICA_DTYPE_I32 ||
           dtype == MICA_DTYPE_I64;
}

bool mica_cpu_streams(const mica_view *y)
{
    return (size_t)mica_view_count(y) * mica_dtype_size(y->dtype) >= STREAM_BYTES;
}

void mica_pick(unsigned char *to, const unsigned char *x, int64_t stride, size_t size, size_t n)
{
    int64_t step = stride * (int64_t)size;
    switch (size) {
    case 2:
        for (size_t i = 0; i < n; i++)
            memcpy(to + 2 * i, x + (int64_t)i * step, 2);
        break;
    case 4:
        for (size_t i = 0; i < n; i++)
            memcpy(to + 4 * i, x + (int64_t)i * step, 4);
        break;
    case 8:
        for (size_t i = 0; i < n; i++)
            memcpy(to + 8 * i, x + (int64_t)i * step, 8);
        break;
    default:
        for (size_t i = 0; i < n; i++)
            to[i] = x[(int64_t)i * step];
        break;
    }
}

void mica_load_f32(const mica_kernels *kernels, float *to, mica_dtype dtype, const void *x,
                   int64_t stride, size_t n)
{
    if (stride == 1) {
        mica_cpu_widen(kernels, to, x, dtype, n);
        return;
    }
    if (dtype == MICA_DTYPE_F32) {
        mica_pick((unsigned char *)to, x, stride, 4, n);
        return;
    }
    uint16_t halves[MICA_PIECE];
    for (size_t at = 0; at < n; at += MICA_PIECE) {
        size_t m = n - at < MICA_PIECE ? n - at : MICA_PIECE;
        mica_pick((unsigned char *)halves, (const unsigned char *)x + (int64_t)at * stride * 2,
                  stride, 2, m);
        mica_cpu_widen(kernels, to + at, halves, dtype, m);
    }
}

void mica_load_i64(int64_t *to, mica_dtype dtype, const void *data, int64_t stride, size_t n)
{
    const unsigned char *x = data;
    int64_t step = stride * (int64_t)mica_dtype_size(dtype);
    int32_t i32;
    int16_t i16;
    uint32_t u32;
    uint16_t u16;
    switch ((int)dtype) {
    case MICA_DTYPE_I64:
        mica_pick((unsigned char *)to, x, stride, 8, n);
        break;
    case MICA_DTYPE_I32:
        for (size_t i = 0; i < n; i++) {
            memcpy(&i32, x + (int64_t)i * step, 4);
            to[i] = i32;
        }
        break;
    case MICA_DTYPE_U32:
        for (size_t i = 0; i < n; i++) {
            memcpy(&u32, x + (int64_t)i * step, 4);
            to[i] = u32;
        }
        break;
    case MICA_DTYPE_I16:
        for (size_t i = 0; i < n; i++) {
            memcpy(&i16, x + (int64_t)i * step, 2);
            to[i] = i16;
        }
        break;
    case MICA_DTYPE_U16:
        for (size_t i = 0; i < n; i++) {
            memcpy(&u16, x + (int64_t)i * step, 2);
            to[i] = u16;
        }
        break;
    case MICA_DTYPE_I8:
        for (size_t i = 0; i < n; i++)
            to[i] = (int8_t)x[(int64_t)i * step];
        break;
    case MICA_DTYPE_BOOL:
        for (size_t i = 0; i < n; i++)
            to[i] = x[(int64_t)i * step] != 0;
        break;
    default:
        for (size_t i = 0; i < n; i++)
            to[i] = x[(int64_t)i * step];
        break;
    }
}

void mica_store_f32(const mica_kernels *kernels, mica_dtype dtype, void *y, const float *from,
                    size_t n)
{
    if (dtype == MICA_DTYPE_F32)
        memcpy(y, from, n * sizeof *from);
    else
        (dtype == MICA_DTYPE_F16 ? kernels->narrow_f16 : kernels->narrow_bf16)(y, from, n);
}

void mica_store_i64(mica_dtype dtype, void *y, const int64_t *from, size_t n)
{
    uint32_t *words = y;
    uint16_t *halves = y;
    unsigned char *bytes = y;
    switch (mica_dtype_size(dtype)) {
    case 8:
        memcpy(y, from, n * sizeof *from);
        break;
    case 4:
        for (size_t i = 0; i < n; i++)
            words[i] = (uint32_t)from[i];
        break;
    case 2:
        for (size_t i = 0; i < n; i++)
            halves[i] = (uint16_t)from[i];
        break;
    default:
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)from[i];
        break;
    }
}

static int64_t broadcast_stride(const mica_view *v, int axis, int rank)
{
    axis -= rank - v->rank;
    return axis < 0 || v->dim[axis] == 1 ? 0 : v->stride[axis];
}

void mica_walk_init(mica_walk *walk, const mica_view *const *inputs, int n, const mica_view *y)
{
    walk->n = n;
    walk->rank = 0;
    for (int k = 0; k < n; k++) {
        walk->data[k] = inputs[k]->data;
        walk->size[k] = mica_dtype_size(inputs[k]->dtype);
    }
    for (int i = 0; i < y->rank; i++) {
        size_t dim = (size_t)y->dim[i];
        int last = walk->rank - 1;
        bool merge = last >= 0;
        int64_t stride[3];
        if (dim == 1)
            continue;
        for (int k = 0; k < n; k++) {
            stride[k] = broadcast_stride(inputs[k], i, y->rank);
            merge = merge && walk->stride[k][last] == stride[k] * (int64_t)dim;
        }
        if (merge)
            walk->dim[last] *= dim;
        else
            walk->dim[last = walk->rank++] = dim;
        for (int k = 0; k < n; k++)
            walk->stride[k][last] = stride[k];
    }
    if (walk->rank == 0) {
        walk->rank = 1;
        walk->dim[0] = 1;
        for (int k = 0; k < n; k++)
            walk->stride[k][0] = 1;
    }
}

size_t mica_walk_at(const mica_walk *walk, size_t at, size_t most, const unsigned char *data[3])
{
    int inner = walk->rank - 1;
    size_t row = at / walk->dim[inner], column = at % walk->dim[inner];
    size_t n = walk->dim[inner] - column;
    int64_t offset[3];
    for (int k = 0; k < walk->n; k++)
        offset[k] = (int64_t)column * walk->stride[k][inner];
    for (int i = inner - 1; i >= 0 && row > 0; i--) {
        int64_t index = (int64_t)(row % walk->dim[i]);
        row /= walk->dim[i];
        for (int k = 0; k < walk->n; k++)
            offset[k] += index * walk->stride[k][i];
    }
    for (int k = 0; k < walk->n; k++)
        data[k] = walk->data[k] + offset[k] * (int64_t)walk->size[k];
    return n < most ? n : most;
}
