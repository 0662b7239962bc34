/* SPDX-License-Identifier: MIT
 *
 * Steps that go by indices: gather, scatter, scatter_sum, scatter_max.
 *
 * x is [outer, rows, inner], the indices name rows; c (updates) and what gather gives are
 * [outer, indices, inner]. Indices are read once, checked and written to scratch as int32 rows.
 *
 * scatter: only the last update of a row matters, so those are found first and nothing else moves.
 * scatter_sum and scatter_max: the updates are cut into parts by their number alone. Each part has
 * a private copy of the rows, the first one x itself; copies are joined in order.
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/elements.h"

/* Parts of the updates, at most; a private copy may have as many bytes. */
enum { PARTS = 8, PART_ELEMENTS = 1 << 15, COPY_BYTES = 1 << 20 };

typedef struct indexed {
    const mica_kernels *kernels;
    mica_op op;
    mica_dtype dtype;
    size_t outer, rows, inner, count; /* count: indices */
    size_t bytes;                     /* of a row */
    const int32_t *at;                /* a row for each index */
    const unsigned char *from;
    unsigned char *y;
    size_t parts;
    unsigned char *copies; /* parts - 1 of them */
    bool stream;
} indexed;

static indexed indexed_of(const mica_call *call)
{
    const mica_axis_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0);
    indexed d = {.kernels = &call->cpu->kernels, .op = call->step->op, .dtype = x->dtype};
    d.outer = d.inner = 1;
    for (int i = 0; i < params->axis; i++)
        d.outer *= (size_t)x->dim[i];
    for (int i = params->axis + 1; i < x->rank; i++)
        d.inner *= (size_t)x->dim[i];
    d.rows = (size_t)x->dim[params->axis];
    d.count = (size_t)mica_view_count(mica_call_input(call, 1));
    d.bytes = d.inner * mica_dtype_size(x->dtype);
    d.y = mica_call_output(call)->data;
    return d;
}

static size_t round_up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* Private copies pay where they are small beside the updates. */
static size_t parts_of(const indexed *d)
{
    size_t updates = d->outer * d->count * d->inner, copy = d->outer * d->rows * d->bytes;
    size_t parts = updates / PART_ELEMENTS;
    parts = parts < PARTS ? parts : PARTS;
    bool scatters = d->op == MICA_OP_SCATTER_SUM || d->op == MICA_OP_SCATTER_MAX;
    return scatters && parts > 1 && copy <= COPY_BYTES &&
                   copy * parts <= updates * mica_dtype_size(d->dtype)
               ? parts
               : 1;
}

size_t mica_cpu_scratch_index(const mica_call *call)
{
    indexed d = indexed_of(call);
    size_t bytes = round_up(d.count * sizeof(int32_t));
    if (d.op == MICA_OP_SCATTER)
        bytes += round_up(d.rows * sizeof(int32_t));
    return bytes + (parts_of(&d) - 1) * round_up(d.outer * d.rows * d.bytes);
}

static mica_status fail_index(const mica_call *call, size_t i, int64_t index)
{
    const mica_axis_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0), *indices = mica_call_input(call, 1);
    mica_text of_x = mica_view_text(x), of_indices = mica_view_text(indices);
    return mica_fail(call->err, MICA_STATUS_INVALID_ARGUMENT,
                     "%s: element %zu of indices %s is %lld: axis %d of x %s has %lld elements",
                     mica_op_name(call->step->op), i, of_indices.s, (long long)index, params->axis,
                     of_x.s, (long long)x->dim[params->axis]);
}

typedef struct reading {
    const mica_view *view;
    int64_t rows;
    int32_t *at;
    atomic_bool bad;
} reading;

static int64_t index_at(const mica_view *view, size_t i)
{
    return view->dtype == MICA_DTYPE_I32 ? ((const int32_t *)view->data)[i]
                                         : ((const int64_t *)view->data)[i];
}

static void read_range(void *arg, size_t begin, size_t end, size_t worker)
{
    reading *r = arg;
    bool bad = false;
    for (size_t i = begin; i < end; i++) {
        int64_t index = index_at(r->view, i), row = index < 0 ? index + r->rows : index;
        bad |= row < 0 || row >= r->rows;
        r->at[i] = (int32_t)row;
    }
    if (bad)
        atomic_store(&r->bad, true);
}

/* Reads the indices to scratch. */
static mica_status read_indices(const mica_call *call, indexed *d)
{
    enum { GRAIN = 1 << 14 };
    reading r = {mica_call_input(call, 1), (int64_t)d->rows, NULL, false};
    if (d->rows > INT32_MAX || d->count > INT32_MAX)
        return mica_fail(call->err, MICA_STATUS_UNSUPPORTED,
                         "%s: an axis of %zu elements and %zu indices, at most %d each",
                         mica_op_name(call->step->op), d->rows, d->count, INT32_MAX);
    r.at = (int32_t *)(void *)call->run->scratch;
    mica_cpu_ranges(call->cpu, d->count, GRAIN, read_range, &r);
    for (size_t i = 0; atomic_load(&r.bad) && i < d->count; i++) {
        int64_t index = index_at(r.view, i);
        if (index < -r.rows || index >= r.rows)
            return fail_index(call, i, index);
    }
    d->at = r.at;
    return MICA_OK;
}

/* ---- gather ---- */

static void gather_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const indexed *d = arg;
    size_t bytes = d->bytes, n;
    for (size_t i = begin; i < end; i += n) { /* as many as are of one outer index */
        size_t outer = i / d->count, first = i % d->count;
        n = d->count - first < end - i ? d->count - first : end - i;
        const unsigned char *x = d->from + outer * d->rows * bytes;
        unsigned char *y = d->y + i * bytes;
        if (d->stream)
            d->kernels->stream_rows(y, x, d->at + first, n, bytes);
        else
            for (size_t k = 0; k < n; k++)
                memcpy(y + k * bytes, x + (size_t)d->at[first + k] * bytes, bytes);
    }
}

mica_status mica_cpu_run_gather(const mica_call *call)
{
    indexed d = indexed_of(call);
    mica_status status = read_indices(call, &d);
    if (status || d.bytes == 0)
        return status;
    d.from = mica_call_input(call, 0)->data;
    d.stream =
        mica_cpu_streams(mica_call_output(call)) && d.bytes % 64 == 0 && (uintptr_t)d.y % 64 == 0;
    mica_cpu_ranges(call->cpu, d.outer * d.count, mica_cpu_grain(d.bytes / 4), gather_range, &d);
    return MICA_OK;
}

/* ---- scatter ---- */

typedef struct copying {
    unsigned char *y;
    const unsigned char *x;
} copying;

static void copy_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const copying *c = arg;
    memcpy(c->y + begin, c->x + begin, end - begin);
}

static void copy_x(const mica_call *call, const indexed *d)
{
    copying c = {d->y, mica_call_input(call, 0)->data};
    mica_cpu_ranges(call->cpu, d->outer * d->rows * d->bytes, 1 << 18, copy_range, &c);
}

mica_status mica_cpu_run_scatter(const mica_call *call)
{
    indexed d = indexed_of(call);
    mica_status status = read_indices(call, &d);
    if (status || d.bytes == 0)
        return status;
    int32_t *last = (int32_t *)(void *)(call->run->scratch + round_up(d.count * sizeof *last));
    copy_x(call, &d);
    for (size_t row = 0; row < d.rows; row++)
        last[row] = -1;
    for (size_t i = 0; i < d.count; i++)
        last[d.at[i]] = (int32_t)i;
    d.from = mica_call_input(call, 2)->data;
    for (size_t outer = 0; outer < d.outer; outer++)
        for (size_t row = 0; row < d.rows; row++)
            if (last[row] >= 0)
                memcpy(d.y + (outer * d.rows + row) * d.bytes,
                       d.from + (outer * d.count + (size_t)last[row]) * d.bytes, d.bytes);
    return MICA_OK;
}

/* ---- scatter_sum, scatter_max ---- */

/* y = y joined with x, n elements. */
static void join_row(const indexed *d, unsigned char *y, const unsigned char *x, size_t n)
{
    bool sum = d->op == MICA_OP_SCATTER_SUM;
    if (d->dtype == MICA_DTYPE_F32) {
        float *to = (float *)(void *)y;
        const float *from = (const float *)(const void *)x;
        d->kernels->binary[(sum ? MICA_OP_ADD : MICA_OP_MAXIMUM) - MICA_OP_ADD][MICA_FORM_VV](
            to, to, from, n);
        return;
    }
    size_t size = mica_dtype_size(d->dtype);
    for (size_t at = 0; at < n; at += MICA_PIECE) {
        size_t m = n - at < MICA_PIECE ? n - at : MICA_PIECE;
        int64_t a[MICA_PIECE], b[MICA_PIECE];
        mica_load_i64(a, d->dtype, y + at * size, 1, m);
        mica_load_i64(b, d->dtype, x + at * size, 1, m);
        for (size_t i = 0; i < m; i++)
            a[i] = sum ? (int64_t)((uint64_t)a[i] + (uint64_t)b[i]) : a[i] > b[i] ? a[i] : b[i];
        mica_store_i64(d->dtype, y + at * size, a, m);
    }
}

/* Updates [first, last) of one outer index. */
static void join_updates(const indexed *d, unsigned char *y, const unsigned char *x, size_t first,
                         size_t last)
{
    if (d->dtype == MICA_DTYPE_F32) {
        mica_k_join_rows join =
            d->op == MICA_OP_SCATTER_SUM ? d->kernels->add_rows : d->kernels->raise_rows;
        join((float *)(void *)y, d->at + first, (const float *)(const void *)(x + first * d->bytes),
             last - first, d->inner);
        return;
    }
    for (size_t i = first; i < last; i++)
        join_row(d, y + (size_t)d->at[i] * d->bytes, x + i * d->bytes, d->inner);
}

/* What joining leaves as it is. */
static void fill_neutral(const indexed *d, unsigned char *y, size_t n)
{
    static const int64_t lowest[] = {
        [1] = INT8_MIN, [2] = INT16_MIN, [4] = INT32_MIN, [8] = INT64_MIN};
    size_t size = mica_dtype_size(d->dtype);
    if (d->op == MICA_OP_SCATTER_SUM || (d->dtype != MICA_DTYPE_F32 && !mica_is_signed(d->dtype))) {
        memset(y, 0, n * size);
    } else if (d->dtype == MICA_DTYPE_F32) {
        for (size_t i = 0; i < n; i++)
            ((float *)(void *)y)[i] = -INFINITY;
    } else {
        for (size_t i = 0; i < n; i++)
            mica_store_i64(d->dtype, y + i * size, &lowest[size], 1);
    }
}

static void scatter_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const indexed *d = arg;
    size_t copy = round_up(d->outer * d->rows * d->bytes);
    for (size_t part = begin; part < end; part++) {
        unsigned char *y = part == 0 ? d->y : d->copies + (part - 1) * copy;
        if (part > 0)
            fill_neutral(d, y, d->outer * d->rows * d->inner);
        size_t first = d->count * part / d->parts, last = d->count * (part + 1) / d->parts;
        for (size_t outer = 0; outer < d->outer; outer++)
            join_updates(d, y + outer * d->rows * d->bytes, d->from + outer * d->count * d->bytes,
                         first, last);
    }
}

mica_status mica_cpu_run_scatter_join(const mica_call *call)
{
    indexed d = indexed_of(call);
    mica_status status = read_indices(call, &d);
    if (status || d.bytes == 0)
        return status;
    d.parts = parts_of(&d);
    d.copies = call->run->scratch + round_up(d.count * sizeof(int32_t));
    d.from = mica_call_input(call, 2)->data;
    copy_x(call, &d);
    mica_cpu_ranges(call->cpu, d.parts, 1, scatter_range, &d);
    size_t copy = round_up(d.outer * d.rows * d.bytes);
    for (size_t part = 1; part < d.parts; part++)
        join_row(&d, d.y, d.copies + (part - 1) * copy, d.outer * d.rows * d.inner);
    return MICA_OK;
}
