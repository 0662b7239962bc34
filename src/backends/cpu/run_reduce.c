/* SPDX-License-Identifier: MIT
 *
 * Steps that reduce: sum, mean, max over one axis or over all; inputs with any strides.
 *
 * Sums are added up in double. Over all axes, the input is cut into blocks of a fixed number of
 * elements in C order, whose results are combined in order: the same bits for any number of
 * threads.
 */
#include <math.h>

#include "backends/cpu/cpu.h"

/* Elements of a block, and columns that are reduced beside one another. */
enum { BLOCK = 1 << 14, COLUMNS = 64 };

typedef struct reduce {
    const mica_kernels *kernels;
    mica_op op;
    const mica_view *x;
    int axis;
    size_t n;     /* elements of the axis, or of x */
    size_t count; /* results */
    float *y;
    double *partial; /* per block */
} reduce;

static double begin_with(const reduce *r)
{
    return r->op == MICA_OP_MAX ? -INFINITY : 0;
}

static double join(const reduce *r, double a, double b)
{
    if (r->op != MICA_OP_MAX)
        return a + b;
    return b > a || b != b ? b : a; /* a NaN stays: nothing is larger */
}

static double reduce_dense(const reduce *r, const float *x, size_t n)
{
    return r->op == MICA_OP_MAX ? (double)r->kernels->max(x, n) : r->kernels->sum(x, n);
}

static float finish(const reduce *r, double value)
{
    return (float)(r->op == MICA_OP_MEAN ? value / (double)r->n : value);
}

/* Offset in x of the element with number `at` in C order over all axes but `axis` (-1: none). */
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

/* Results whose rows are dense: one after another. */
static void along_rows(void *arg, size_t begin, size_t end, size_t worker)
{
    const reduce *r = arg;
    for (size_t i = begin; i < end; i++) {
        const float *x = (const float *)r->x->data + offset_of(r->x, r->axis, i);
        r->y[i] = finish(r, reduce_dense(r, x, r->n));
    }
}

/* Results whose rows are not dense: some columns at a time, so that x is read as it lies. */
static void along_columns(void *arg, size_t begin, size_t end, size_t worker)
{
    const reduce *r = arg;
    int64_t step = r->x->stride[r->axis];
    for (size_t at = begin; at < end; at += COLUMNS) {
        const float *x[COLUMNS];
        double total[COLUMNS];
        size_t columns = end - at < COLUMNS ? end - at : COLUMNS;
        for (size_t j = 0; j < columns; j++) {
            x[j] = (const float *)r->x->data + offset_of(r->x, r->axis, at + j);
            total[j] = begin_with(r);
        }
        for (size_t i = 0; i < r->n; i++)
            for (size_t j = 0; j < columns; j++)
                total[j] = join(r, total[j], (double)x[j][(int64_t)i * step]);
        for (size_t j = 0; j < columns; j++)
            r->y[at + j] = finish(r, total[j]);
    }
}

static void over_all(void *arg, size_t begin, size_t end, size_t worker)
{
    const reduce *r = arg;
    const float *x = r->x->data;
    bool dense = mica_view_contiguous(r->x);
    for (size_t block = begin; block < end; block++) {
        size_t first = block * BLOCK, n = r->n - first < BLOCK ? r->n - first : BLOCK;
        double total = begin_with(r);
        if (dense)
            total = reduce_dense(r, x + first, n);
        else
            for (size_t i = 0; i < n; i++)
                total = join(r, total, (double)x[offset_of(r->x, -1, first + i)]);
        r->partial[block] = total;
    }
}

static size_t blocks_of(const mica_view *x)
{
    return ((size_t)mica_view_count(x) + BLOCK - 1) / BLOCK;
}

size_t mica_cpu_scratch_reduce(const mica_call *call)
{
    const mica_reduce_params *params = call->step->params;
    return params->all ? blocks_of(mica_call_input(call, 0)) * sizeof(double) : 0;
}

mica_status mica_cpu_run_reduce(const mica_call *call)
{
    const mica_reduce_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    reduce r = {&call->cpu->kernels, call->step->op, x, params->axis, 0, 0, y->data, NULL};
    r.count = (size_t)mica_view_count(y);
    if (params->all || x->rank == 0) {
        size_t blocks = blocks_of(x);
        double only, total = begin_with(&r);
        r.n = (size_t)mica_view_count(x);
        r.partial = params->all ? (double *)(void *)call->run->scratch : &only;
        mica_cpu_ranges(call->cpu, blocks, 1, over_all, &r);
        for (size_t i = 0; i < blocks; i++)
            total = join(&r, total, r.partial[i]);
        *r.y = finish(&r, total);
        return MICA_OK;
    }
    r.n = (size_t)x->dim[r.axis];
    bool dense = x->stride[r.axis] == 1 || r.n < 2;
    mica_cpu_ranges(call->cpu, r.count, mica_cpu_grain(r.n), dense ? along_rows : along_columns,
                    &r);
    return MICA_OK;
}
