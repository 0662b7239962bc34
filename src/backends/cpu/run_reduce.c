/* SPDX-License-Identifier: MIT
 *
 * Steps that reduce along axes: sum, mean, max, min, prod; inputs with any strides.
 *
 * Axes that stay and axes that go are merged where the strides allow, which leaves one of three
 * ways to read x, each in the order in which it lies:
 *
 *   rows      the fastest axis goes: its rows are reduced by a kernel, one after another
 *   columns   the fastest axis stays: rows are taken into a strip of results
 *   steps     neither lies in a row: element by element
 *
 * Sums are added up in double, whole numbers in int64. Where there are few results (or strips) of
 * many elements, these are cut into blocks by their number alone, whose results are combined in
 * order: the same bits for any number of threads.
 */
#include <math.h>

#include "backends/cpu/elements.h"

/* Elements of a block of one result; results of a strip at most, elements of its blocks at least,
 * and how many blocks there are of all strips, more or less. */
enum { BLOCK = 1 << 14, COLUMNS = 2048, STRIP_BLOCK = 1 << 17, STRIP_BLOCKS = 64 };
/* Halves that are brought to float32 at once, as rows of a strip: some rows, in the first cache. */
enum { WIDE = 4 * COLUMNS };
/* Less than a vector of few results: better one by one. */
enum { FEW = 64, FEW_COLUMNS = 8 };

typedef struct axes {
    int n;
    size_t dim[MICA_MAX_RANK], count;
    int64_t stride[MICA_MAX_RANK];
} axes;

/* What a reduction over floats, or over whole numbers, has seen so far. */
typedef union total {
    double f;
    int64_t i;
} total;

typedef struct reduce {
    const mica_kernels *kernels;
    mica_op op;
    mica_dtype dtype, to;
    const unsigned char *x;
    unsigned char *y;
    size_t size; /* bytes of an element of x */
    axes kept, gone;
    bool columns;
    size_t strips;  /* columns: of results */
    size_t blocks;  /* per result or strip; 1: results are written, else partial ones */
    size_t per;     /* elements of a block that go into a result */
    total *partial; /* [kept.count][blocks], or of columns [blocks][kept.count] */
} reduce;

static void add_axis(axes *a, size_t dim, int64_t stride)
{
    a->count *= dim;
    if (dim == 1)
        return;
    if (a->n > 0 && a->stride[a->n - 1] == stride * (int64_t)dim) {
        a->dim[a->n - 1] *= dim;
        a->stride[a->n - 1] = stride;
        return;
    }
    a->dim[a->n] = dim;
    a->stride[a->n++] = stride;
}

static bool goes(const mica_reduce_params *p, int axis)
{
    bool listed = false;
    for (int i = 0; i < p->n_axes; i++)
        listed = listed || p->axes[i] == axis;
    return p->all || listed || (p->n_axes == 0 && p->axis == axis);
}

static int64_t offset_of(const axes *a, size_t at)
{
    int64_t offset = 0;
    for (int i = a->n - 1; i >= 0 && at > 0; i--) {
        offset += (int64_t)(at % a->dim[i]) * a->stride[i];
        at /= a->dim[i];
    }
    return offset;
}

static total start(const reduce *r)
{
    bool real = mica_is_float(r->dtype);
    total t;
    if (r->op == MICA_OP_PROD)
        return real ? (total){.f = 1} : (total){.i = 1};
    if (r->op == MICA_OP_MAX)
        return real ? (total){.f = -INFINITY} : (total){.i = INT64_MIN};
    if (r->op == MICA_OP_MIN)
        return real ? (total){.f = INFINITY} : (total){.i = INT64_MAX};
    t.i = 0; /* 0.0 as well */
    return t;
}

static double join_f(mica_op op, double a, double b)
{
    switch ((int)op) {
    case MICA_OP_MAX:
        return b > a || b != b ? b : a; /* a NaN stays: nothing is larger */
    case MICA_OP_MIN:
        return b < a || b != b ? b : a;
    case MICA_OP_PROD:
        return a * b;
    default:
        return a + b;
    }
}

static int64_t join_i(mica_op op, int64_t a, int64_t b)
{
    switch ((int)op) {
    case MICA_OP_MAX:
        return b > a ? b : a;
    case MICA_OP_MIN:
        return b < a ? b : a;
    case MICA_OP_PROD:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    default:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    }
}

static total join(const reduce *r, total a, total b)
{
    if (mica_is_float(r->dtype))
        return (total){.f = join_f(r->op, a.f, b.f)};
    return (total){.i = join_i(r->op, a.i, b.i)};
}

/* n whole numbers in a row. */
static int64_t join_run_i(mica_op op, int64_t t, const int64_t *x, size_t n)
{
    switch ((int)op) {
    case MICA_OP_MAX:
        for (size_t i = 0; i < n; i++)
            t = join_i(MICA_OP_MAX, t, x[i]);
        break;
    case MICA_OP_MIN:
        for (size_t i = 0; i < n; i++)
            t = join_i(MICA_OP_MIN, t, x[i]);
        break;
    case MICA_OP_PROD:
        for (size_t i = 0; i < n; i++)
            t = join_i(MICA_OP_PROD, t, x[i]);
        break;
    default:
        for (size_t i = 0; i < n; i++)
            t = join_i(MICA_OP_SUM, t, x[i]);
        break;
    }
    return t;
}

/* Four at a time, whose product a double holds whatever they are: less waits for the last one. */
static double product_run(double t, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        t *= (double)x[i] * (double)x[i + 1] * ((double)x[i + 2] * (double)x[i + 3]);
    for (; i < n; i++)
        t *= (double)x[i];
    return t;
}

/* n elements, `stride` apart. */
static total reduce_run(const reduce *r, const unsigned char *x, int64_t stride, size_t n)
{
    union {
        float f[MICA_PIECE];
        int64_t i[MICA_PIECE];
    } buffer;
    total t = start(r);
    bool real = mica_is_float(r->dtype), dense = r->dtype == MICA_DTYPE_F32 && stride == 1;
    if (dense && r->op != MICA_OP_PROD && n > 0) {
        const float *row = (const float *)(const void *)x;
        return (total){.f = r->op == MICA_OP_MAX   ? (double)r->kernels->max(row, n)
                            : r->op == MICA_OP_MIN ? (double)r->kernels->min(row, n)
                                                   : r->kernels->sum(row, n)};
    }
    for (size_t at = 0; at < n; at += MICA_PIECE) {
        size_t m = n - at < MICA_PIECE ? n - at : MICA_PIECE;
        const unsigned char *from = x + (int64_t)at * stride * (int64_t)r->size;
        if (real) {
            mica_load_f32(r->kernels, buffer.f, r->dtype, from, stride, m);
            if (r->op == MICA_OP_PROD)
                t.f = product_run(t.f, buffer.f, m);
            else
                t.f = join_f(r->op, t.f,
                             r->op == MICA_OP_MAX   ? (double)r->kernels->max(buffer.f, m)
                             : r->op == MICA_OP_MIN ? (double)r->kernels->min(buffer.f, m)
                                                    : r->kernels->sum(buffer.f, m));
        } else {
            mica_load_i64(buffer.i, r->dtype, from, stride, m);
            t.i = join_run_i(r->op, t.i, buffer.i, m);
        }
    }
    return t;
}

static void store(const reduce *r, size_t at, total t)
{
    if (!mica_is_float(r->dtype)) {
        mica_store_i64(r->to, r->y + at * mica_dtype_size(r->to), &t.i, 1);
        return;
    }
    float value = (float)(r->op == MICA_OP_MEAN ? t.f / (double)r->gone.count : t.f);
    mica_store_f32(r->kernels, r->to, r->y + at * mica_dtype_size(r->to), &value, 1);
}

/* Elements [begin, end) of those that go into result `at`. */
static total reduce_part(const reduce *r, size_t at, size_t begin, size_t end)
{
    const unsigned char *x = r->x + offset_of(&r->kept, at) * (int64_t)r->size;
    total t = start(r);
    bool first = true;
    size_t width = r->gone.n ? r->gone.dim[r->gone.n - 1] : 1;
    int64_t stride = r->gone.n ? r->gone.stride[r->gone.n - 1] : 1;
    while (begin < end) {
        size_t n = width - begin % width;
        n = n < end - begin ? n : end - begin;
        int64_t offset = offset_of(&r->gone, begin);
        total one = reduce_run(r, x + offset * (int64_t)r->size, stride, n);
        t = first ? one : join(r, t, one);
        first = false;
        begin += n;
    }
    return t;
}

/* Tasks count blocks, those of a result one after another. */
static void by_result(void *arg, size_t task, size_t end, size_t worker)
{
    const reduce *r = arg;
    for (; task < end; task++) {
        size_t at = task / r->blocks, block = task % r->blocks;
        size_t first = block * r->per, last = first + r->per;
        total t = reduce_part(r, at, first, last < r->gone.count ? last : r->gone.count);
        if (r->blocks == 1)
            store(r, at, t);
        else
            r->partial[task] = t;
    }
}

/* float32 in rows without gaps, one result each. */
static void by_rows(void *arg, size_t begin, size_t end, size_t worker)
{
    const reduce *r = arg;
    size_t n = r->gone.count;
    r->kernels->row_sums((float *)(void *)r->y + begin,
                         (const float *)(const void *)r->x + begin * n, end - begin, n,
                         r->op == MICA_OP_MEAN ? (double)n : 1);
}

/* Rows of n halves, `stride` apart, as rows of float32 behind one another. */
static void widen_rows(const reduce *r, float *to, const unsigned char *x, size_t stride,
                       size_t rows, size_t n)
{
    if (stride == n) { /* no gaps */
        n *= rows;
        rows = 1;
    }
    for (size_t i = 0; i < rows; i++)
        mica_cpu_widen(r->kernels, to + i * n, x + i * stride * r->size, r->dtype, n);
}

/* A row of n whole numbers. */
static void join_row_i(mica_op op, int64_t *totals, const int64_t *x, size_t n)
{
    switch ((int)op) {
    case MICA_OP_MAX:
        for (size_t j = 0; j < n; j++)
            totals[j] = join_i(MICA_OP_MAX, totals[j], x[j]);
        break;
    case MICA_OP_MIN:
        for (size_t j = 0; j < n; j++)
            totals[j] = join_i(MICA_OP_MIN, totals[j], x[j]);
        break;
    case MICA_OP_PROD:
        for (size_t j = 0; j < n; j++)
            totals[j] = join_i(MICA_OP_PROD, totals[j], x[j]);
        break;
    default:
        for (size_t j = 0; j < n; j++)
            totals[j] = join_i(MICA_OP_SUM, totals[j], x[j]);
        break;
    }
}

static void multiply_rows(double *totals, const float *x, size_t stride, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            totals[j] *= (double)x[i * stride + j];
}

/* What n results beside one another have seen so far: extremes of floats in `best`. */
typedef struct strip {
    union {
        _Alignas(64) double f[COLUMNS];
        int64_t i[COLUMNS];
    };
    _Alignas(64) float best[COLUMNS];
} strip;

/* Takes elements [i, end) of each of n results, x being where the first of all lies; those of
 * halves WIDE at a time. */
static void take_rows(const reduce *r, strip *s, const unsigned char *x, size_t i, size_t end,
                      size_t n)
{
    _Alignas(64) float wide[WIDE];
    bool half = mica_is_half(r->dtype);
    size_t rows = r->gone.dim[r->gone.n - 1], stride = (size_t)r->gone.stride[r->gone.n - 1];
    for (size_t m; i < end; i += m) {
        const unsigned char *data = x + offset_of(&r->gone, i) * (int64_t)r->size;
        const float *from = half ? wide : (const float *)(const void *)data;
        size_t apart = half ? n : stride;
        m = rows - i % rows < end - i ? rows - i % rows : end - i;
        if (half) {
            m = m < WIDE / n ? m : WIDE / n;
            widen_rows(r, wide, data, stride, m, n);
        }
        if (r->op == MICA_OP_MAX)
            r->kernels->max_rows(s->best, from, apart, m, n);
        else if (r->op == MICA_OP_MIN)
            r->kernels->min_rows(s->best, from, apart, m, n);
        else if (r->op == MICA_OP_PROD)
            multiply_rows(s->f, from, apart, m, n);
        else
            r->kernels->sum_rows(s->f, from, apart, m, n);
    }
}

/* The same of whole numbers, row by row. */
static void take_whole_rows(const reduce *r, strip *s, const unsigned char *x, size_t i, size_t end,
                            size_t n)
{
    int64_t row[COLUMNS];
    size_t rows = r->gone.dim[r->gone.n - 1];
    int64_t step = r->gone.stride[r->gone.n - 1] * (int64_t)r->size;
    while (i < end) {
        const unsigned char *from = x + offset_of(&r->gone, i) * (int64_t)r->size;
        size_t m = rows - i % rows < end - i ? rows - i % rows : end - i;
        for (size_t k = 0; k < m; k++) {
            mica_load_i64(row, r->dtype, from + (int64_t)k * step, 1, n);
            join_row_i(r->op, s->i, row, n);
        }
        i += m;
    }
}

/* Results [at, at + n), or what `block` adds to them. */
static void store_strip(const reduce *r, strip *s, size_t at, size_t block, size_t n)
{
    bool real = mica_is_float(r->dtype), extreme = r->op == MICA_OP_MAX || r->op == MICA_OP_MIN;
    double by = r->op == MICA_OP_MEAN ? (double)r->gone.count : 1;
    unsigned char *y = r->y + at * mica_dtype_size(r->to);
    if (r->blocks > 1) {
        total *partial = r->partial + block * r->kept.count + at;
        for (size_t j = 0; j < n && real; j++)
            partial[j].f = extreme ? (double)s->best[j] : s->f[j];
        for (size_t j = 0; j < n && !real; j++)
            partial[j].i = s->i[j];
        return;
    }
    bool direct = r->to == MICA_DTYPE_F32 && !extreme; /* not by way of `best` */
    float *sums = direct ? (float *)(void *)y : s->best;
    for (size_t j = 0; j < n && real && !extreme; j++)
        sums[j] = (float)(s->f[j] / by);
    if (real && !direct)
        mica_store_f32(r->kernels, r->to, y, s->best, n);
    else if (!real)
        mica_store_i64(r->to, y, s->i, n);
}

/* The fastest axis stays. Tasks count blocks, those of a strip one after another. */
static void by_columns(void *arg, size_t task, size_t last, size_t worker)
{
    const reduce *r = arg;
    size_t width = r->kept.dim[r->kept.n - 1], per_row = (width + COLUMNS - 1) / COLUMNS;
    bool real = mica_is_float(r->dtype);
    bool extreme = real && (r->op == MICA_OP_MAX || r->op == MICA_OP_MIN);
    total first = start(r);
    strip s;
    for (; task < last; task++) {
        size_t across = task / r->blocks, block = task % r->blocks;
        size_t column = across % per_row * COLUMNS, at = across / per_row * width + column;
        size_t n = width - column < COLUMNS ? width - column : COLUMNS, begin = block * r->per;
        size_t end = begin + r->per < r->gone.count ? begin + r->per : r->gone.count;
        const unsigned char *x = r->x + offset_of(&r->kept, at) * (int64_t)r->size;
        for (size_t j = 0; j < n && extreme; j++)
            s.best[j] = (float)first.f;
        for (size_t j = 0; j < n && real && !extreme; j++)
            s.f[j] = first.f;
        for (size_t j = 0; j < n && !real; j++)
            s.i[j] = first.i;
        if (real)
            take_rows(r, &s, x, begin, end, n);
        else
            take_whole_rows(r, &s, x, begin, end, n);
        store_strip(r, &s, at, block, n);
    }
}

/* Partial results, in order. */
static void join_blocks(const reduce *r)
{
    size_t next = r->columns ? r->kept.count : 1;
    for (size_t at = 0; at < r->kept.count; at++) {
        const total *partial = r->partial + at * (r->columns ? 1 : r->blocks);
        total t = partial[0];
        for (size_t i = 1; i < r->blocks; i++)
            t = join(r, t, partial[i * next]);
        store(r, at, t);
    }
}

/* Few results of many elements are cut into blocks. */
static void cut(reduce *r)
{
    r->blocks = 1;
    r->per = r->gone.count;
    if (r->columns) {
        size_t width = r->kept.dim[r->kept.n - 1], n = width < COLUMNS ? width : COLUMNS;
        r->strips = r->kept.count / width * ((width + COLUMNS - 1) / COLUMNS);
        size_t least = STRIP_BLOCK / n, most = STRIP_BLOCKS / r->strips;
        if (most < 2 || r->gone.count <= least)
            return;
        r->per = (r->gone.count + most - 1) / most;
        r->per = (r->per > least ? r->per : least) / 64 * 64 + 64; /* as kernels take them */
    } else if (r->kept.count < FEW && r->gone.count > BLOCK) {
        r->per = BLOCK;
    }
    if (r->per < r->gone.count)
        r->blocks = (r->gone.count + r->per - 1) / r->per;
}

static reduce reduce_of(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    const mica_reduce_params *params = call->step->params;
    reduce r = {.kernels = &call->cpu->kernels, .op = call->step->op, .x = x->data, .y = y->data};
    r.dtype = x->dtype;
    r.to = y->dtype;
    r.size = mica_dtype_size(x->dtype);
    r.kept = (axes){.count = 1};
    r.gone = (axes){.count = 1};
    for (int i = 0; i < x->rank; i++)
        add_axis(goes(params, i) ? &r.gone : &r.kept, (size_t)x->dim[i], x->stride[i]);
    r.columns = r.kept.n > 0 && r.kept.stride[r.kept.n - 1] == 1 && r.gone.n > 0 &&
                r.gone.stride[r.gone.n - 1] > 0 && r.gone.count > 0 && r.kept.count > 0 &&
                (r.kept.count >= FEW || r.kept.dim[r.kept.n - 1] >= FEW_COLUMNS);
    cut(&r);
    return r;
}

size_t mica_cpu_scratch_reduce(const mica_call *call)
{
    reduce r = reduce_of(call);
    return r.blocks > 1 ? r.blocks * r.kept.count * sizeof(total) : 0;
}

mica_status mica_cpu_run_reduce(const mica_call *call)
{
    reduce r = reduce_of(call);
    r.partial = (total *)(void *)call->run->scratch;
    bool sums = r.op == MICA_OP_SUM || r.op == MICA_OP_MEAN;
    size_t results = r.columns ? r.strips : r.kept.count;
    size_t elements = r.columns ? r.per * (r.kept.count / r.strips) / 4 : r.per;
    if (r.dtype == MICA_DTYPE_F32 && sums && r.blocks == 1 && r.kept.n <= 1 && r.gone.n == 1 &&
        r.gone.stride[0] == 1 && (r.kept.n == 0 || r.kept.stride[0] == (int64_t)r.gone.count))
        mica_cpu_ranges(call->cpu, r.kept.count, mica_cpu_grain(r.gone.count), by_rows, &r);
    else
        mica_cpu_ranges(call->cpu, results * r.blocks, mica_cpu_grain(elements),
                        r.columns ? by_columns : by_result, &r);
    if (r.blocks > 1)
        join_blocks(&r);
    return MICA_OK;
}
