/* SPDX-License-Identifier: MIT
 *
 * Steps that find where: argmax, argmin, along one axis or in all of x; inputs with any strides.
 *
 * Rows without gaps are a kernel's. Other rows: the extreme is found first, then its first place.
 * Across rows, a block of columns takes in one row after another.
 */
#include <math.h>

#include "backends/cpu/elements.h"

enum { COLUMNS = 2048 };

typedef struct arg {
    const mica_kernels *kernels;
    bool least;
    const mica_view *x;
    int axis;
    size_t n;
    int32_t *y;
} arg;

/* Offset of element `at` of x without the axis that is looked along. */
static int64_t offset_of(const mica_view *x, int axis, size_t at)
{
    int64_t offset = 0;
    for (int i = x->rank - 1; i >= 0; i--) {
        if (i == axis)
            continue;
        offset += (int64_t)(at % (size_t)x->dim[i]) * x->stride[i];
        at /= (size_t)x->dim[i];
    }
    return offset;
}

/* The first place of `value` (or of a NaN, if it is one) among n elements in a row. */
static size_t find(const float *x, size_t n, float value)
{
    size_t i = 0;
    if (value != value) {
        while (i < n && x[i] == x[i])
            i++;
        return i;
    }
    for (; i + 16 <= n; i += 16) {
        unsigned hit = 0;
        for (size_t j = 0; j < 16; j++)
            hit |= x[i + j] == value;
        if (hit)
            break;
    }
    while (i < n && x[i] != value)
        i++;
    return i;
}

static int32_t find_f32(const arg *a, const unsigned char *x, mica_dtype dtype, int64_t stride)
{
    mica_k_max extreme = a->least ? a->kernels->min : a->kernels->max;
    float buffer[MICA_PIECE], best = 0;
    size_t at = 0, size = mica_dtype_size(dtype);
    if (dtype == MICA_DTYPE_F32 && stride == 1) {
        const float *row = (const float *)(const void *)x;
        return (int32_t)find(row, a->n, extreme(row, a->n));
    }
    for (size_t i = 0; i < a->n; i += MICA_PIECE) {
        size_t m = a->n - i < MICA_PIECE ? a->n - i : MICA_PIECE;
        mica_load_f32(a->kernels, buffer, dtype, x + (int64_t)i * stride * (int64_t)size, stride,
                      m);
        float value = extreme(buffer, m);
        bool better = a->least ? value < best : value > best;
        if (i == 0 || better || value != value) {
            best = value;
            at = i + find(buffer, m, value);
        }
        if (best != best)
            break;
    }
    return (int32_t)at;
}

static int32_t find_i64(const arg *a, const unsigned char *x, mica_dtype dtype, int64_t stride)
{
    int64_t buffer[MICA_PIECE], best = 0;
    size_t at = 0, size = mica_dtype_size(dtype);
    for (size_t i = 0; i < a->n; i += MICA_PIECE) {
        size_t m = a->n - i < MICA_PIECE ? a->n - i : MICA_PIECE;
        mica_load_i64(buffer, dtype, x + (int64_t)i * stride * (int64_t)size, stride, m);
        for (size_t j = 0; j < m; j++) {
            bool better = a->least ? buffer[j] < best : buffer[j] > best;
            if (i + j == 0 || better) {
                best = buffer[j];
                at = i + j;
            }
        }
    }
    return (int32_t)at;
}

static void along(void *argument, size_t begin, size_t end, size_t worker)
{
    const arg *a = argument;
    const mica_view *x = a->x;
    size_t size = mica_dtype_size(x->dtype);
    int64_t stride = x->rank > 0 ? x->stride[a->axis] : 1;
    for (size_t i = begin; i < end; i++) {
        const unsigned char *from =
            (const unsigned char *)x->data + offset_of(x, a->axis, i) * (int64_t)size;
        a->y[i] = mica_is_float(x->dtype) ? find_f32(a, from, x->dtype, stride)
                                          : find_i64(a, from, x->dtype, stride);
    }
}

/* Of x whose last axis stays and lies in a row: the elements that lie in a row, across axes. */
static size_t width_of(const arg *a)
{
    const mica_view *x = a->x;
    int64_t width = x->dim[x->rank - 1];
    for (int i = x->rank - 2; i > a->axis && x->stride[i] == width; i--)
        width *= x->dim[i];
    return (size_t)width;
}

/* float32 whose last axis stays and lies in a row. */
static void across(void *argument, size_t begin, size_t end, size_t worker)
{
    const arg *a = argument;
    const mica_view *x = a->x;
    size_t width = width_of(a), stride = (size_t)x->stride[a->axis];
    _Alignas(64) float best[COLUMNS]; /* what crosses lines takes twice as long */
    while (begin < end) {
        size_t n = width - begin % width;
        n = n < end - begin ? n : end - begin;
        n = n < COLUMNS ? n : COLUMNS;
        const float *from = (const float *)x->data + offset_of(x, a->axis, begin);
        for (size_t j = 0; j < n; j++) {
            best[j] = from[j];
            a->y[begin + j] = 0;
        }
        a->kernels->arg_down(best, a->y + begin, from + stride, stride, a->n - 1, n, 1, a->least);
        begin += n;
    }
}

/* Whole rows of the output, or whole blocks of them. */
static size_t grain_across(const arg *a)
{
    size_t width = width_of(a), block = width < COLUMNS ? width : COLUMNS;
    return (mica_cpu_grain(a->n / 4) * 4 + block - 1) / block * block;
}

/* float32 in rows without gaps. */
static void by_rows(void *argument, size_t begin, size_t end, size_t worker)
{
    const arg *a = argument;
    (a->least ? a->kernels->argmin_rows : a->kernels->argmax_rows)(
        a->y + begin, (const float *)a->x->data + begin * a->n, end - begin, a->n);
}

/* In all of x: element by element of its C order. */
static int32_t in_all(const arg *a)
{
    const mica_view *x = a->x;
    bool real = mica_is_float(x->dtype), first = true;
    size_t width = (size_t)x->dim[x->rank - 1], rows = a->n / width;
    size_t size = mica_dtype_size(x->dtype), at = 0;
    double best = 0;
    int64_t best_i = 0;
    arg row = *a;
    row.n = width;
    for (size_t i = 0; i < rows; i++) {
        const unsigned char *from =
            (const unsigned char *)x->data + offset_of(x, x->rank - 1, i) * (int64_t)size;
        int64_t stride = x->stride[x->rank - 1];
        size_t j = (size_t)(real ? find_f32(&row, from, x->dtype, stride)
                                 : find_i64(&row, from, x->dtype, stride));
        float value = 0;
        int64_t value_i = 0;
        from += (int64_t)j * stride * (int64_t)size;
        if (real)
            mica_load_f32(a->kernels, &value, x->dtype, from, 1, 1);
        else
            mica_load_i64(&value_i, x->dtype, from, 1, 1);
        double v = (double)value;
        bool better = real ? (a->least ? v < best : v > best) || v != v
                           : (a->least ? value_i < best_i : value_i > best_i);
        if (first || better) {
            best = v;
            best_i = value_i;
            at = i * width + j;
        }
        first = false;
        if (best != best)
            break;
    }
    return (int32_t)at;
}

mica_status mica_cpu_run_arg(const mica_call *call)
{
    const mica_reduce_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    arg a = {.kernels = &call->cpu->kernels, .least = call->step->op == MICA_OP_ARGMIN, .x = x};
    a.axis = params->all || x->rank == 0 ? x->rank - 1 : params->axis;
    a.y = y->data;
    size_t count = (size_t)mica_view_count(y);
    a.n = params->all || x->rank == 0 ? (size_t)mica_view_count(x) : (size_t)x->dim[a.axis];
    if (count == 0)
        return MICA_OK;
    if (a.n == 0 || a.n > INT32_MAX)
        return mica_fail(call->err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: %zu elements to look through, it must be from 1 to %d",
                         mica_op_name(call->step->op), a.n, INT32_MAX);
    if (x->rank == 0)
        *a.y = 0;
    else if (params->all)
        *a.y = in_all(&a);
    else if (x->dtype == MICA_DTYPE_F32 && a.axis == x->rank - 1 && mica_view_contiguous(x))
        mica_cpu_ranges(call->cpu, count, mica_cpu_grain(a.n), by_rows, &a);
    else if (x->dtype == MICA_DTYPE_F32 && a.axis != x->rank - 1 && x->stride[x->rank - 1] == 1)
        mica_cpu_ranges(call->cpu, count, grain_across(&a), across, &a);
    else
        mica_cpu_ranges(call->cpu, count, mica_cpu_grain(a.n), along, &a);
    return MICA_OK;
}
