/* SPDX-License-Identifier: MIT
 *
 * Steps that move elements: copy, concat, pad, cast.
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/elements.h"
#include "tensor/convert.h"

/* A copy between two layouts of one shape, axes merged where both allow it. */
typedef struct moving {
    mica_k_stream stream; /* for lines without gaps; NULL: they are not streamed */
    const unsigned char *x;
    unsigned char *y;
    size_t size; /* bytes of an element */
    int rank;
    size_t dim[MICA_MAX_RANK];
    int64_t stride_x[MICA_MAX_RANK], stride_y[MICA_MAX_RANK]; /* in elements */
    size_t pieces, piece; /* of a line, so that few long lines are shared out as well */
    int turned;           /* an axis along which x lies in a row, while y does along the last; -1 */
    mica_k_transpose transpose;
} moving;

enum { LINE_PIECE = 1 << 15 };

static void add_axis(moving *t, size_t dim, int64_t stride_x, int64_t stride_y)
{
    int last = t->rank - 1;
    if (dim == 1)
        return;
    if (last >= 0 && t->stride_x[last] == stride_x * (int64_t)dim &&
        t->stride_y[last] == stride_y * (int64_t)dim) {
        t->dim[last] *= dim;
    } else {
        last = t->rank++;
        t->dim[last] = dim;
    }
    t->stride_x[last] = stride_x;
    t->stride_y[last] = stride_y;
}

static void move_line(unsigned char *y, int64_t stride_y, const unsigned char *x, int64_t stride_x,
                      size_t size, size_t n)
{
    if (stride_x == 1 && stride_y == 1) {
        memcpy(y, x, n * size);
        return;
    }
    if (stride_y == 1) {
        mica_pick(y, x, stride_x, size, n);
        return;
    }
    int64_t step_y = stride_y * (int64_t)size, step_x = stride_x * (int64_t)size;
    for (size_t i = 0; i < n; i++)
        memcpy(y + (int64_t)i * step_y, x + (int64_t)i * step_x, size);
}

/* Adds where place `at` of the axes but the last and the turned one lies. */
static void add_place(const moving *t, size_t at, int64_t *at_x, int64_t *at_y)
{
    for (int i = t->rank - 2; i >= 0; i--) {
        if (i == t->turned)
            continue;
        int64_t index = (int64_t)(at % t->dim[i]);
        at /= t->dim[i];
        *at_x += index * t->stride_x[i];
        *at_y += index * t->stride_y[i];
    }
}

static void move_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const moving *t = arg;
    int inner = t->rank - 1;
    for (size_t task = begin; task < end; task++) {
        size_t first = task % t->pieces * t->piece;
        size_t n = t->dim[inner] - first < t->piece ? t->dim[inner] - first : t->piece;
        int64_t at_x = (int64_t)first * t->stride_x[inner];
        int64_t at_y = (int64_t)first * t->stride_y[inner];
        add_place(t, task / t->pieces, &at_x, &at_y);
        unsigned char *y = t->y + at_y * (int64_t)t->size;
        const unsigned char *x = t->x + at_x * (int64_t)t->size;
        if (t->stream)
            t->stream(y, x, n * t->size);
        else
            move_line(y, t->stride_y[inner], x, t->stride_x[inner], t->size, n);
    }
}

enum { SIDE = 64 }; /* of the squares that are turned */

/* As the kernel does with float32: y [rows, n], its rows `line` bytes apart. Few lines of x at
 * once: those that lie a power of two apart meet in few lines of the cache. */
static void turn_square(unsigned char *y, size_t line, const unsigned char *x, int64_t stride,
                        size_t size, size_t n, size_t rows)
{
    enum { TOGETHER = 8 };
    for (size_t i = 0; i < n; i += TOGETHER)
        for (size_t r = 0; r < rows; r++)
            mica_pick(y + r * line + i * size, x + (int64_t)i * stride * (int64_t)size + r * size,
                      stride, size, n - i < TOGETHER ? n - i : TOGETHER);
}

/* Squares of the last axis and the turned one: so what is read and what is written stays in the
 * first cache until all of a line has been. */
static void turn_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const moving *t = arg;
    int inner = t->rank - 1;
    size_t across = (t->dim[inner] + SIDE - 1) / SIDE, down = (t->dim[t->turned] + SIDE - 1) / SIDE;
    for (size_t task = begin; task < end; task++) {
        size_t first = task % across * SIDE, row = task / across % down * SIDE;
        size_t n = t->dim[inner] - first < SIDE ? t->dim[inner] - first : SIDE;
        size_t rows = t->dim[t->turned] - row < SIDE ? t->dim[t->turned] - row : SIDE;
        int64_t at_x = (int64_t)first * t->stride_x[inner] + (int64_t)row;
        int64_t at_y = (int64_t)first + (int64_t)row * t->stride_y[t->turned];
        add_place(t, task / across / down, &at_x, &at_y);
        unsigned char *y = t->y + at_y * (int64_t)t->size;
        const unsigned char *x = t->x + at_x * (int64_t)t->size;
        size_t line = (size_t)t->stride_y[t->turned];
        if (t->size == sizeof(float))
            t->transpose((float *)(void *)y, line, (const float *)(const void *)x,
                         (size_t)t->stride_x[inner], n, rows);
        else
            turn_square(y, line * t->size, x, t->stride_x[inner], t->size, n, rows);
    }
}

/* The axis along which x lies in a row, where it is worth turning; -1: there is none. */
static int turned_axis(const moving *t)
{
    enum { WORTH = 8 };
    int inner = t->rank - 1;
    for (int i = 0; i < inner; i++)
        if (t->stride_x[i] == 1 && t->dim[i] >= WORTH && t->dim[inner] >= WORTH &&
            t->stride_x[inner] > 1 && t->stride_y[inner] == 1)
            return i;
    return -1;
}

/* Copies x to `to`, an address with the strides of y. */
static void move_view(const mica_call *call, const mica_view *x, unsigned char *to,
                      const int64_t *stride_y)
{
    moving t = {.x = x->data, .y = to, .size = mica_dtype_size(x->dtype)};
    size_t lines = 1;
    if (mica_view_count(x) == 0)
        return;
    for (int i = 0; i < x->rank; i++)
        add_axis(&t, (size_t)x->dim[i], x->stride[i], stride_y[i]);
    if (t.rank == 0) {
        t.rank = 1;
        t.dim[0] = 1;
        t.stride_x[0] = t.stride_y[0] = 1;
    }
    int inner = t.rank - 1;
    for (int i = 0; i < inner; i++)
        lines *= t.dim[i];
    t.turned = turned_axis(&t);
    if (t.turned >= 0) {
        size_t rows = t.dim[t.turned];
        t.transpose = call->cpu->kernels.transpose;
        mica_cpu_ranges(call->cpu,
                        lines / rows * ((rows + SIDE - 1) / SIDE) *
                            ((t.dim[inner] + SIDE - 1) / SIDE),
                        mica_cpu_grain(SIDE * SIDE), turn_range, &t);
        return;
    }
    t.pieces = (t.dim[inner] + LINE_PIECE - 1) / LINE_PIECE;
    t.piece = (t.dim[inner] + t.pieces - 1) / t.pieces;
    if (t.stride_x[inner] == 1 && t.stride_y[inner] == 1 && t.dim[inner] * t.size >= 128 &&
        mica_cpu_streams(mica_call_output(call)))
        t.stream = call->cpu->kernels.stream;
    mica_cpu_ranges(call->cpu, lines * t.pieces, mica_cpu_grain(t.piece), move_range, &t);
}

mica_status mica_cpu_run_copy(const mica_call *call)
{
    const mica_view *y = mica_call_output(call);
    move_view(call, mica_call_input(call, 0), y->data, y->stride);
    return MICA_OK;
}

static void copy_bytes(void *y, const void *x, size_t bytes)
{
    if (bytes)
        memcpy(y, x, bytes);
}

/* Inputs without gaps: row by row of the output, so that it is written from front to back. */
typedef struct joining {
    const mica_call *call;
    mica_k_stream copy;
    int axis;
    size_t row_bytes; /* of the output, from the axis on */
} joining;

static size_t bytes_from(const mica_view *x, int axis)
{
    size_t bytes = mica_dtype_size(x->dtype);
    for (int i = axis; i < x->rank; i++)
        bytes *= (size_t)x->dim[i];
    return bytes;
}

static void join_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const joining *j = arg;
    unsigned char *y = (unsigned char *)mica_call_output(j->call)->data + begin * j->row_bytes;
    for (size_t row = begin; row < end; row++)
        for (uint32_t i = 0; i < j->call->step->n_inputs; i++) {
            const mica_view *x = mica_call_input(j->call, i);
            size_t bytes = bytes_from(x, j->axis);
            j->copy(y, (const unsigned char *)x->data + row * bytes, bytes);
            y += bytes;
        }
}

mica_status mica_cpu_run_concat(const mica_call *call)
{
    const mica_axis_params *params = call->step->params;
    const mica_view *y = mica_call_output(call);
    unsigned char *to = y->data;
    bool dense = true;
    for (uint32_t i = 0; i < call->step->n_inputs; i++)
        dense = dense && mica_view_contiguous(mica_call_input(call, i));
    size_t row_bytes = bytes_from(y, params->axis), outer = 1;
    for (int i = 0; i < params->axis; i++)
        outer *= (size_t)y->dim[i];
    if (dense && outer > 1 && row_bytes < LINE_PIECE) {
        joining j = {call, call->cpu->kernels.stream, params->axis, row_bytes};
        if (!mica_cpu_streams(y) || row_bytes < 128)
            j.copy = copy_bytes;
        mica_cpu_ranges(call->cpu, outer, mica_cpu_grain(row_bytes / 4), join_range, &j);
        return MICA_OK;
    }
    for (uint32_t i = 0; i < call->step->n_inputs; i++) {
        const mica_view *x = mica_call_input(call, i);
        move_view(call, x, to, y->stride);
        to += x->dim[params->axis] * y->stride[params->axis] * (int64_t)mica_dtype_size(x->dtype);
    }
    return MICA_OK;
}

/* ---- pad ---- */

typedef struct filling {
    unsigned char *y;
    unsigned char pattern[256]; /* elements of the value */
    size_t size;
} filling;

static void fill_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const filling *f = arg;
    unsigned char *y = f->y + begin * f->size;
    size_t bytes = (end - begin) * f->size, n;
    for (; bytes > 0; bytes -= n, y += n) {
        n = bytes < sizeof f->pattern ? bytes : sizeof f->pattern;
        memcpy(y, f->pattern, n);
    }
}

mica_status mica_cpu_run_pad(const mica_call *call)
{
    const mica_pad_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    filling f = {.y = y->data, .size = mica_dtype_size(y->dtype)};
    mica_status status =
        mica_convert(MICA_DTYPE_F64, &params->value, y->dtype, f.pattern, 1, call->err);
    if (status)
        return status;
    for (size_t at = f.size; at < sizeof f.pattern; at += f.size)
        memcpy(f.pattern + at, f.pattern, f.size);
    mica_cpu_ranges(call->cpu, (size_t)mica_view_count(y), mica_cpu_grain(0), fill_range, &f);
    unsigned char *to = y->data;
    for (int i = 0; i < y->rank; i++)
        to += params->before[i] * y->stride[i] * (int64_t)f.size;
    move_view(call, x, to, y->stride);
    return MICA_OK;
}

/* ---- cast ---- */

typedef struct casting {
    const mica_kernels *kernels;
    const unsigned char *x;
    mica_dtype from, to;
    unsigned char *y;
    atomic_bool bad; /* a number that `to` cannot hold was met */
} casting;

/* To float32, and between floats. */
static void cast_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const casting *c = arg;
    size_t size_x = mica_dtype_size(c->from), size_y = mica_dtype_size(c->to);
    float buffer[MICA_PIECE];
    for (size_t at = begin; at < end; at += MICA_PIECE) {
        size_t n = end - at < MICA_PIECE ? end - at : MICA_PIECE;
        const unsigned char *x = c->x + at * size_x;
        float *wide = c->to == MICA_DTYPE_F32 ? (float *)(void *)c->y + at : buffer;
        if (mica_is_float(c->from))
            mica_cpu_widen(c->kernels, wide, x, c->from, n);
        else
            mica_convert_to_f32(c->from, x, wide, n);
        if (c->to != MICA_DTYPE_F32)
            mica_store_f32(c->kernels, c->to, c->y + at * size_y, wide, n);
    }
}

/* Between whole numbers: the lowest bits. */
static void wrap_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const casting *c = arg;
    size_t size_x = mica_dtype_size(c->from), size_y = mica_dtype_size(c->to);
    mica_dtype from = c->from == MICA_DTYPE_U64 ? MICA_DTYPE_I64 : c->from; /* the same bits */
    int64_t buffer[MICA_PIECE];
    for (size_t at = begin; at < end; at += MICA_PIECE) {
        size_t n = end - at < MICA_PIECE ? end - at : MICA_PIECE;
        mica_load_i64(buffer, from, c->x + at * size_x, 1, n);
        mica_store_i64(c->to, c->y + at * size_y, buffer, n);
    }
}

static bool is_whole(mica_dtype dtype)
{
    return !mica_is_float(dtype) && dtype != MICA_DTYPE_F64;
}

/* Between what a whole number must lie to be cut off to one of the dtype, without these two. */
static void ends_of(mica_dtype dtype, double *above, double *below)
{
    int bits = (int)mica_dtype_size(dtype) * 8;
    bool is_signed = mica_is_signed(dtype);
    *below = ldexp(1, is_signed ? bits - 1 : bits);
    *above = !is_signed ? -1 : bits == 64 ? nextafter(-*below, -INFINITY) : -*below - 1;
}

/* Floats to whole numbers but uint64, without their fraction. */
static void truncate_range(void *arg, size_t begin, size_t end, size_t worker)
{
    casting *c = arg;
    size_t size_x = mica_dtype_size(c->from), size_y = mica_dtype_size(c->to);
    float wide[MICA_PIECE];
    int64_t whole[MICA_PIECE];
    double above, below;
    bool bad = false;
    ends_of(c->to, &above, &below);
    for (size_t at = begin; at < end; at += MICA_PIECE) {
        size_t n = end - at < MICA_PIECE ? end - at : MICA_PIECE;
        mica_cpu_widen(c->kernels, wide, c->x + at * size_x, c->from, n);
        for (size_t i = 0; i < n; i++) {
            bool fits = (double)wide[i] > above && (double)wide[i] < below;
            whole[i] = fits ? (int64_t)wide[i] : 0;
            bad |= !fits;
        }
        mica_store_i64(c->to, c->y + at * size_y, whole, n);
    }
    if (bad)
        atomic_store(&c->bad, true);
}

/* Floats and whole numbers to whether they are not 0. */
static void truth_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const casting *c = arg;
    size_t size_x = mica_dtype_size(c->from);
    mica_dtype from = c->from == MICA_DTYPE_U64 ? MICA_DTYPE_I64 : c->from; /* the same bits */
    union {
        float f[MICA_PIECE];
        int64_t i[MICA_PIECE];
    } buffer;
    for (size_t at = begin; at < end; at += MICA_PIECE) {
        size_t n = end - at < MICA_PIECE ? end - at : MICA_PIECE;
        if (mica_is_float(from)) {
            mica_cpu_widen(c->kernels, buffer.f, c->x + at * size_x, from, n);
            for (size_t i = 0; i < n; i++)
                c->y[at + i] = buffer.f[i] != 0;
        } else {
            mica_load_i64(buffer.i, from, c->x + at * size_x, 1, n);
            for (size_t i = 0; i < n; i++)
                c->y[at + i] = buffer.i[i] != 0;
        }
    }
}

/* What remains is rare: float64, uint64 from floats, and bfloat16 from whole numbers. */
static void other_range(void *arg, size_t begin, size_t end, size_t worker)
{
    casting *c = arg;
    if (mica_convert(c->from, c->x + begin * mica_dtype_size(c->from), c->to,
                     c->y + begin * mica_dtype_size(c->to), end - begin, NULL))
        atomic_store(&c->bad, true);
}

static mica_range range_of(mica_dtype from, mica_dtype to)
{
    if (to == MICA_DTYPE_F32 || (mica_is_float(from) && mica_is_half(to)))
        return cast_range;
    if (is_whole(from) && to == MICA_DTYPE_F16) /* what float32 rounds is infinite in float16 */
        return cast_range;
    if (from == MICA_DTYPE_F64)
        return other_range;
    if (to == MICA_DTYPE_BOOL)
        return truth_range;
    if (is_whole(from) && is_whole(to))
        return wrap_range;
    return mica_is_float(from) && is_whole(to) && to != MICA_DTYPE_U64 ? truncate_range
                                                                       : other_range;
}

mica_status mica_cpu_run_cast(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    size_t count = (size_t)mica_view_count(y);
    if (count == 0)
        return MICA_OK;
    if (x->dtype == y->dtype) {
        memcpy(y->data, x->data, count * mica_dtype_size(x->dtype));
        return MICA_OK;
    }
    casting c = {&call->cpu->kernels, x->data, x->dtype, y->dtype, y->data, false};
    mica_cpu_ranges(call->cpu, count, mica_cpu_grain(0), range_of(c.from, c.to), &c);
    if (!atomic_load(&c.bad))
        return MICA_OK;
    mica_status status = mica_convert(c.from, c.x, c.to, c.y, count, call->err); /* says which */
    mica_error_prefix(call->err, "cast: x %s of %s: ", mica_view_text(x).s,
                      mica_dtype_name(c.from));
    return status;
}
