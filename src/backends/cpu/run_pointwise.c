/* SPDX-License-Identifier: MIT
 *
 * Steps on elements: one input, two that are broadcast, comparisons of two, and where.
 *
 * float32 in a row goes straight through a kernel. Everything else goes piece by piece: halves and
 * elements in steps are brought to float32 in a buffer, whole numbers and bool to int64, computed
 * with, and stored.
 */
#include <string.h>

#include "backends/cpu/elements.h"

typedef struct elements {
    const mica_kernels *kernels;
    mica_op op;
    const void *params;
    mica_walk walk;
    mica_dtype dtype; /* of the inputs that are computed with */
    mica_dtype to;    /* of the output */
    unsigned char *y;
    size_t size; /* bytes of an element of y */
    bool stream;
} elements;

static elements elements_of(const mica_call *call, int inputs)
{
    const mica_view *y = mica_call_output(call);
    const mica_view *in[3];
    elements e = {.kernels = &call->cpu->kernels, .op = call->step->op, .y = y->data};
    e.params = call->step->params;
    e.to = y->dtype;
    e.size = mica_dtype_size(y->dtype);
    e.stream = mica_cpu_streams(y);
    for (int i = 0; i < inputs; i++) {
        in[i] = mica_call_input(call, (uint32_t)i);
        e.stream = e.stream && in[i]->data != y->data;
    }
    e.dtype = in[inputs - 1]->dtype;
    mica_walk_init(&e.walk, in, inputs, y);
    return e;
}

/* Where a piece is computed: in y itself, or beside it to be streamed there. */
static void *begin_piece(const elements *e, size_t at, void *buffer)
{
    return e->stream ? buffer : e->y + at * e->size;
}

static void end_piece(const elements *e, size_t at, const void *piece, size_t n)
{
    if (e->stream)
        e->kernels->stream(e->y + at * e->size, piece, n * e->size);
}

/* ---- one input ---- */

static void unary_i64(mica_op op, int64_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = (uint64_t)x[i];
        switch ((int)op) {
        case MICA_OP_NEG:
            x[i] = (int64_t)(0 - v);
            break;
        case MICA_OP_ABS:
            x[i] = (int64_t)(x[i] < 0 ? 0 - v : v);
            break;
        case MICA_OP_SQUARE:
            x[i] = (int64_t)(v * v);
            break;
        case MICA_OP_SIGN:
            x[i] = (x[i] > 0) - (x[i] < 0);
            break;
        default: /* relu */
            x[i] = x[i] < 0 ? 0 : x[i];
            break;
        }
    }
}

static void unary_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const elements *e = arg;
    mica_k_pointwise kernel = e->kernels->pointwise[e->op];
    const unsigned char *x = e->walk.data[0];
    union {
        _Alignas(64) float f[MICA_PIECE];
        int64_t i[MICA_PIECE];
    } buffer;
    if (e->dtype == MICA_DTYPE_F32 && !e->stream) {
        kernel((float *)(void *)e->y + begin, (const float *)(const void *)x + begin, end - begin,
               e->params);
        return;
    }
    for (size_t at = begin; at < end; at += MICA_PIECE) {
        size_t n = end - at < MICA_PIECE ? end - at : MICA_PIECE;
        const void *from = x + at * e->size;
        if (e->dtype == MICA_DTYPE_F32) {
            kernel(buffer.f, from, n, e->params);
            e->kernels->stream(e->y + at * e->size, buffer.f, n * sizeof(float));
        } else if (mica_is_half(e->dtype)) {
            mica_cpu_widen(e->kernels, buffer.f, from, e->dtype, n);
            kernel(buffer.f, buffer.f, n, e->params);
            mica_store_f32(e->kernels, e->to, e->y + at * e->size, buffer.f, n);
        } else {
            mica_load_i64(buffer.i, e->dtype, from, 1, n);
            unary_i64(e->op, buffer.i, n);
            mica_store_i64(e->to, e->y + at * e->size, buffer.i, n);
        }
    }
}

mica_status mica_cpu_run_pointwise(const mica_call *call)
{
    elements e = elements_of(call, 1);
    mica_cpu_ranges(call->cpu, (size_t)mica_view_count(mica_call_output(call)), mica_cpu_grain(0),
                    unary_range, &e);
    return MICA_OK;
}

static void not_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const elements *e = arg;
    for (size_t i = begin; i < end; i++)
        e->y[i] = e->walk.data[0][i] == 0;
}

mica_status mica_cpu_run_logical_not(const mica_call *call)
{
    elements e = elements_of(call, 1);
    mica_cpu_ranges(call->cpu, (size_t)mica_view_count(mica_call_output(call)), mica_cpu_grain(0),
                    not_range, &e);
    return MICA_OK;
}

/* ---- two inputs ---- */

static int64_t remainder_i64(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return 0;
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Whole numbers wrap around: they are added as natural ones. */
static void binary_i64(mica_op op, int64_t *a, const int64_t *b, size_t n)
{
    switch ((int)op) {
    case MICA_OP_ADD:
        for (size_t i = 0; i < n; i++)
            a[i] = (int64_t)((uint64_t)a[i] + (uint64_t)b[i]);
        break;
    case MICA_OP_SUB:
        for (size_t i = 0; i < n; i++)
            a[i] = (int64_t)((uint64_t)a[i] - (uint64_t)b[i]);
        break;
    case MICA_OP_MUL:
        for (size_t i = 0; i < n; i++)
            a[i] = (int64_t)((uint64_t)a[i] * (uint64_t)b[i]);
        break;
    case MICA_OP_MAXIMUM:
        for (size_t i = 0; i < n; i++)
            a[i] = a[i] > b[i] ? a[i] : b[i];
        break;
    case MICA_OP_MINIMUM:
        for (size_t i = 0; i < n; i++)
            a[i] = a[i] < b[i] ? a[i] : b[i];
        break;
    default:
        for (size_t i = 0; i < n; i++)
            a[i] = remainder_i64(a[i], b[i]);
        break;
    }
}

/* Loops over the elements of a and b, whatever these are, with the operation outside. */
#define EACH(expression)                                                                           \
    for (size_t i = 0; i < n; i++)                                                                 \
        y[i] = (unsigned char)(expression);                                                        \
    break;
#define COMPARISONS                                                                                \
    case MICA_OP_EQUAL:                                                                            \
        EACH(a[i] == b[i])                                                                         \
    case MICA_OP_NOT_EQUAL:                                                                        \
        EACH(a[i] != b[i])                                                                         \
    case MICA_OP_LESS:                                                                             \
        EACH(a[i] < b[i])                                                                          \
    case MICA_OP_LESS_EQUAL:                                                                       \
        EACH(a[i] <= b[i])                                                                         \
    case MICA_OP_GREATER:                                                                          \
        EACH(a[i] > b[i])                                                                          \
    case MICA_OP_GREATER_EQUAL:                                                                    \
        EACH(a[i] >= b[i])

static void compare_f32(mica_op op, unsigned char *y, const float *a, const float *b, size_t n)
{
    switch ((int)op) {
        COMPARISONS
    default:
        break;
    }
}

static void compare_i64(mica_op op, unsigned char *y, const int64_t *a, const int64_t *b, size_t n)
{
    switch ((int)op) {
        COMPARISONS
    case MICA_OP_LOGICAL_AND: /* of bool: 0 or 1 */
        EACH(a[i] & b[i])
    default:
        EACH(a[i] | b[i])
    }
}

/* float32: a form of the kernel where the strides have one, else gathered. */
static void binary_f32(const elements *e, float *y, const float *a, int64_t sa, const float *b,
                       int64_t sb, size_t n)
{
    const mica_k_binary *kernels = e->kernels->binary[e->op - MICA_OP_ADD];
    _Alignas(64) float gathered_a[MICA_PIECE], gathered_b[MICA_PIECE];
    if (sa == 1 && sb <= 1) {
        kernels[sb == 1 ? MICA_FORM_VV : MICA_FORM_VS](y, a, b, n);
        return;
    }
    if (sa == 0 && sb == 1) {
        kernels[MICA_FORM_SV](y, a, b, n);
        return;
    }
    for (size_t at = 0; at < n; at += MICA_PIECE) {
        size_t m = n - at < MICA_PIECE ? n - at : MICA_PIECE;
        mica_load_f32(e->kernels, gathered_a, MICA_DTYPE_F32, a + (int64_t)at * sa, sa, m);
        mica_load_f32(e->kernels, gathered_b, MICA_DTYPE_F32, b + (int64_t)at * sb, sb, m);
        kernels[MICA_FORM_VV](y + at, gathered_a, gathered_b, m);
    }
}

/* n elements of a row, at most MICA_PIECE but for float32 that is not streamed. */
static void binary_row(const elements *e, size_t at, const unsigned char *const data[3], size_t n)
{
    int inner = e->walk.rank - 1;
    int64_t sa = e->walk.stride[0][inner], sb = e->walk.stride[1][inner];
    union {
        _Alignas(64) float f[MICA_PIECE];
        int64_t i[MICA_PIECE];
        unsigned char bytes[MICA_PIECE];
    } a, b;
    if (e->dtype == MICA_DTYPE_F32 && e->to == MICA_DTYPE_F32) {
        float *y = begin_piece(e, at, a.f);
        binary_f32(e, y, (const float *)(const void *)data[0], sa,
                   (const float *)(const void *)data[1], sb, n);
        end_piece(e, at, y, n);
    } else if (mica_is_float(e->dtype)) {
        mica_load_f32(e->kernels, a.f, e->dtype, data[0], sa, n);
        mica_load_f32(e->kernels, b.f, e->dtype, data[1], sb, n);
        if (e->to == MICA_DTYPE_BOOL) {
            compare_f32(e->op, e->y + at, a.f, b.f, n);
        } else {
            e->kernels->binary[e->op - MICA_OP_ADD][MICA_FORM_VV](a.f, a.f, b.f, n);
            mica_store_f32(e->kernels, e->to, e->y + at * e->size, a.f, n);
        }
    } else {
        mica_load_i64(a.i, e->dtype, data[0], sa, n);
        mica_load_i64(b.i, e->dtype, data[1], sb, n);
        if (e->to == MICA_DTYPE_BOOL && e->op >= MICA_OP_EQUAL) {
            compare_i64(e->op, e->y + at, a.i, b.i, n);
        } else {
            binary_i64(e->op, a.i, b.i, n);
            mica_store_i64(e->to, e->y + at * e->size, a.i, n);
        }
    }
}

/* Elements [begin, end) of the output in C order. */
static void binary_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const elements *e = arg;
    bool whole = e->dtype == MICA_DTYPE_F32 && e->to == MICA_DTYPE_F32 && !e->stream;
    const unsigned char *data[3];
    while (begin < end) {
        size_t most = whole || end - begin < MICA_PIECE ? end - begin : MICA_PIECE;
        size_t n = mica_walk_at(&e->walk, begin, most, data);
        binary_row(e, begin, data, n);
        begin += n;
    }
}

/* In place, pieces that are gathered must not be read after they are written: an input at the
 * output's address has the output's strides, so each element is read just before. */
mica_status mica_cpu_run_binary(const mica_call *call)
{
    size_t count = (size_t)mica_view_count(mica_call_output(call));
    if (count == 0)
        return MICA_OK;
    elements e = elements_of(call, 2);
    mica_cpu_ranges(call->cpu, count, mica_cpu_grain(0), binary_range, &e);
    return MICA_OK;
}

/* ---- where ---- */

static void where_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const elements *e = arg;
    int inner = e->walk.rank - 1;
    const unsigned char *data[3];
    while (begin < end) {
        size_t n = mica_walk_at(&e->walk, begin, end - begin, data);
        int64_t step[3];
        unsigned char *y = e->y + begin * e->size;
        for (int k = 0; k < 3; k++)
            step[k] = e->walk.stride[k][inner] * (int64_t)e->walk.size[k];
        if (e->size == 4) /* the usual one: a constant size becomes a plain move */
            for (size_t i = 0; i < n; i++) {
                int k = data[0][(int64_t)i * step[0]] ? 1 : 2;
                memcpy(y + 4 * i, data[k] + (int64_t)i * step[k], 4);
            }
        else
            for (size_t i = 0; i < n; i++) {
                int k = data[0][(int64_t)i * step[0]] ? 1 : 2;
                memcpy(y + e->size * i, data[k] + (int64_t)i * step[k], e->size);
            }
        begin += n;
    }
}

mica_status mica_cpu_run_where(const mica_call *call)
{
    size_t count = (size_t)mica_view_count(mica_call_output(call));
    if (count == 0)
        return MICA_OK;
    elements e = elements_of(call, 3);
    mica_cpu_ranges(call->cpu, count, mica_cpu_grain(0), where_range, &e);
    return MICA_OK;
}
