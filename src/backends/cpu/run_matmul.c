/* SPDX-License-Identifier: MIT
 *
 * Steps that are products of two values: matmul. Which of five ways is taken depends on shapes and
 * strides alone:
 *
 *   dots      b is one column: a's rows and b lie in a row: a dot product each
 *   rows      a has few rows: each goes past b as b lies, nothing is packed
 *   deep      C is small and k very long: k is cut into pieces of DEEP, whose results are added
 *             in order
 *   apart     many matrices: each on one thread, which packs its own b
 *   together  b is packed by all threads, and C cut into rectangles (gemm.h); matrices that share b
 *             are one, where a's rows lie evenly
 *
 * Narrow b of deep and apart, whole panels wide, are not packed: packing one costs as much as some
 * rows of a, and while the numbers of one matrix or piece are multiplied the next one's are
 * fetched.
 *
 * Scratch: for each thread a packed block of A and (apart, deep) panels of b; then (together) the
 * panels or (deep) the pieces' results.
 */
#include <string.h>

#include "backends/cpu/elements.h"
#include "backends/cpu/gemm.h"

enum { FEW_ROWS = 4, DEEP = 8 * MICA_GEMM_KC, NARROW = 64 };

typedef enum way { WAY_DOTS, WAY_ROWS, WAY_DEEP, WAY_APART, WAY_TOGETHER } way;

typedef struct matmul {
    const mica_kernels *kernels;
    size_t m, n, k, matrices;
    int64_t a_row, a_column, b_row, b_column;
    const float *a, *b;
    float *y;
    int lead; /* leading axes of the output, and their strides in a and b */
    size_t dim[MICA_MAX_RANK];
    int64_t lead_a[MICA_MAX_RANK], lead_b[MICA_MAX_RANK];
    way way;
    float *scratch;
    size_t worker_floats, pieces;
    bool stream;
    bool b_lies; /* apart, deep: b's rows are narrow and go on evenly, and it is not packed */
} matmul;

static size_t round_up(size_t floats)
{
    return (floats + 15) & ~(size_t)15;
}

/* Stride of axis `i` of `lead` leading axes in an input with `own` of them. */
static int64_t lead_stride(const mica_view *v, int own, int i, int lead)
{
    int axis = i - (lead - own);
    return axis < 0 || v->dim[axis] == 1 ? 0 : v->stride[axis];
}

static way choose(const matmul *t, size_t threads)
{
    bool deep = t->k >= 4 * DEEP && t->m * t->n <= 1 << 14;
    if (t->n == 1 && t->a_column == 1 && (t->b_row == 1 || t->k < 2))
        return WAY_DOTS;
    if (t->m <= FEW_ROWS && (t->b_column == 1 || t->n < 2) &&
        (t->matrices >= threads || t->n < 256))
        return WAY_ROWS;
    if (deep)
        return WAY_DEEP;
    return t->matrices > 1 && t->matrices >= threads ? WAY_APART : WAY_TOGETHER;
}

/* Matrices that share b become one of more rows, where a's rows go on evenly. */
static void join_rows(matmul *t)
{
    while (t->lead > 0 && t->lead_b[t->lead - 1] == 0 &&
           (t->lead_a[t->lead - 1] == t->a_row * (int64_t)t->m || t->m == 1)) {
        int last = --t->lead;
        if (t->m == 1)
            t->a_row = t->lead_a[last];
        t->m *= t->dim[last];
        t->matrices /= t->dim[last];
    }
}

static matmul matmul_of(const mica_call *call)
{
    const mica_view *a = mica_call_input(call, 0), *b = mica_call_input(call, 1);
    const mica_view *y = mica_call_output(call);
    matmul t = {.kernels = &call->cpu->kernels, .m = 1, .n = 1, .matrices = 1, .a_row = 1};
    int own_a = a->rank > 1 ? a->rank - 2 : 0, own_b = b->rank > 1 ? b->rank - 2 : 0;
    t.k = (size_t)a->dim[a->rank - 1];
    t.a_column = a->stride[a->rank - 1];
    t.b_row = b->stride[b->rank > 1 ? b->rank - 2 : 0];
    t.b_column = 1;
    if (a->rank > 1) {
        t.m = (size_t)a->dim[a->rank - 2];
        t.a_row = a->stride[a->rank - 2];
    }
    if (b->rank > 1) {
        t.n = (size_t)b->dim[b->rank - 1];
        t.b_column = b->stride[b->rank - 1];
    }
    int lead = own_a > own_b ? own_a : own_b;
    for (int i = 0; i < lead; i++) {
        if (y->dim[i] == 1)
            continue;
        t.dim[t.lead] = (size_t)y->dim[i];
        t.lead_a[t.lead] = lead_stride(a, own_a, i, lead);
        t.lead_b[t.lead++] = lead_stride(b, own_b, i, lead);
        t.matrices *= (size_t)y->dim[i];
    }
    if (mica_view_count(y) > 0)
        join_rows(&t);
    t.a = a->data;
    t.b = b->data;
    t.y = y->data;
    t.stream = mica_cpu_streams(y);
    t.way = choose(&t, mica_pool_threads(call->cpu->pool));
    t.pieces = t.way == WAY_DEEP ? (t.k + DEEP - 1) / DEEP : 0;
    t.worker_floats = mica_gemm_scratch_floats(t.kernels);
    t.b_lies = (t.way == WAY_APART || t.way == WAY_DEEP) && t.kernels->gemm.strip &&
               t.n <= NARROW && t.n % t.kernels->gemm.nr == 0 && t.b_column == 1 &&
               t.b_row == (int64_t)t.n;
    if ((t.way == WAY_APART || t.way == WAY_DEEP) && !t.b_lies)
        t.worker_floats += round_up(
            mica_gemm_panel_floats(t.kernels, t.n, t.way == WAY_DEEP ? (size_t)DEEP : t.k));
    return t;
}

size_t mica_cpu_scratch_matmul(const mica_call *call)
{
    matmul t = matmul_of(call);
    size_t floats = t.worker_floats * mica_pool_threads(call->cpu->pool);
    if (t.way == WAY_DOTS || t.way == WAY_ROWS)
        return 0;
    if (t.way == WAY_TOGETHER)
        floats += mica_gemm_panel_floats(t.kernels, t.n, t.k);
    return (floats + t.pieces * t.m * t.n) * sizeof(float);
}

static int64_t offset_of(const matmul *t, const int64_t *strides, size_t at)
{
    int64_t offset = 0;
    for (int i = t->lead - 1; i >= 0 && at > 0; i--) {
        offset += (int64_t)(at % t->dim[i]) * strides[i];
        at /= t->dim[i];
    }
    return offset;
}

/* Rows [begin, end) of all matrices. */
static void row_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const matmul *t = arg;
    for (size_t at = begin; at < end; at++) {
        size_t matrix = at / t->m, row = at % t->m;
        const float *a = t->a + offset_of(t, t->lead_a, matrix) + (int64_t)row * t->a_row;
        const float *b = t->b + offset_of(t, t->lead_b, matrix);
        if (t->way == WAY_DOTS) {
            t->y[at] = (float)t->kernels->dot(a, b, t->k);
            continue;
        }
        t->kernels->gemm.row(t->n, t->k, a, t->a_column, b, t->b_row, t->y + at * t->n);
    }
}

static void pack_panels(const matmul *t, float *panels, const float *b, size_t k, size_t begin,
                        size_t end)
{
    size_t nr = t->kernels->gemm.nr;
    for (size_t panel = begin; panel < end; panel++) {
        size_t column = panel * nr, columns = t->n - column < nr ? t->n - column : nr;
        mica_gemm_pack_panel(t->kernels, panels + panel * nr * k, b + (int64_t)column * t->b_column,
                             t->b_row, t->b_column, columns, k);
    }
}

static mica_gemm product(const matmul *t, const float *a, const float *panels, size_t k, float *y)
{
    mica_gemm g = {.kernels = t->kernels, .m = t->m, .n = t->n, .k = k, .a = a, .b = panels};
    g.a_row = t->a_row;
    g.a_column = t->a_column;
    g.c = y;
    g.ldc = t->n;
    g.stream = t->stream;
    return g;
}

/* Where matrix `at` begins, or piece `at` of k. */
static void find_sides(const matmul *t, size_t at, const float **a, const float **b)
{
    if (t->way == WAY_DEEP) {
        *a = t->a + (int64_t)(at * DEEP) * t->a_column;
        *b = t->b + (int64_t)(at * DEEP) * t->b_row;
    } else {
        *a = t->a + offset_of(t, t->lead_a, at);
        *b = t->b + offset_of(t, t->lead_b, at);
    }
}

/* Matrices [begin, end), or pieces of k of the only one. */
static void apart_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const matmul *t = arg;
    float *scratch = t->scratch + worker * t->worker_floats;
    float *panels = scratch + mica_gemm_scratch_floats(t->kernels);
    size_t n_panels = mica_gemm_panels(t->kernels, t->n);
    size_t count = t->way == WAY_DEEP ? t->pieces : t->matrices;
    const float *packed = NULL;
    for (size_t at = begin; at < end; at++) {
        const float *a, *b;
        size_t k = t->k;
        find_sides(t, at, &a, &b);
        if (t->way == WAY_DEEP)
            k = t->k - at * DEEP < DEEP ? t->k - at * DEEP : DEEP;
        if (b != packed && !t->b_lies) /* one that is broadcast is packed once */
            pack_panels(t, panels, b, k, 0, n_panels);
        packed = b;
        mica_gemm g = product(t, a, t->b_lies ? b : panels, k, t->y + at * t->m * t->n);
        g.b_lies = t->b_lies;
        if (at + 1 < count) /* most often this thread's */
            find_sides(t, at + 1, &g.next_a, &g.next_b);
        mica_gemm_part(&g, 0, t->m, 0, n_panels, scratch);
    }
}

typedef struct packing {
    const matmul *t;
    float *panels;
    const float *b;
} packing;

static void pack_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const packing *p = arg;
    pack_panels(p->t, p->panels, p->b, p->t->k, begin, end);
}

static void run_together(const mica_call *call, const matmul *t)
{
    const mica_cpu *cpu = call->cpu;
    float *panels = t->scratch + t->worker_floats * mica_pool_threads(cpu->pool);
    packing packed = {t, panels, NULL};
    for (size_t at = 0; at < t->matrices; at++) {
        const float *b = t->b + offset_of(t, t->lead_b, at);
        if (packed.b != b) { /* one that is broadcast is packed once */
            packed.b = b;
            mica_cpu_ranges(cpu, mica_gemm_panels(t->kernels, t->n),
                            mica_cpu_grain(t->k * t->kernels->gemm.nr), pack_range, &packed);
        }
        mica_gemm g =
            product(t, t->a + offset_of(t, t->lead_a, at), panels, t->k, t->y + at * t->m * t->n);
        mica_gemm_run(&g, cpu->pool, t->scratch);
    }
}

/* The pieces' results, one after another, are added in order. */
static void run_deep(const mica_call *call, const matmul *t)
{
    size_t count = t->m * t->n;
    float *pieces = t->scratch + t->worker_floats * mica_pool_threads(call->cpu->pool);
    matmul each = *t;
    each.y = pieces;
    mica_cpu_ranges(call->cpu, t->pieces, 1, apart_range, &each);
    for (size_t i = 0; i < count; i++) {
        double total = 0;
        for (size_t piece = 0; piece < t->pieces; piece++)
            total += (double)pieces[piece * count + i];
        t->y[i] = (float)total;
    }
}

mica_status mica_cpu_run_matmul(const mica_call *call)
{
    matmul t = matmul_of(call);
    t.scratch = (float *)(void *)call->run->scratch;
    if (t.m == 0 || t.n == 0 || t.matrices == 0)
        return MICA_OK;
    if (t.way == WAY_DOTS || t.way == WAY_ROWS)
        mica_cpu_ranges(call->cpu, t.matrices * t.m, mica_cpu_grain(t.k * t.n), row_range, &t);
    else if (t.way == WAY_DEEP)
        run_deep(call, &t);
    else if (t.way == WAY_APART)
        mica_cpu_ranges(call->cpu, t.matrices, mica_cpu_grain(t.m * t.n * t.k / 16), apart_range,
                        &t);
    else
        run_together(call, &t);
    return MICA_OK;
}
