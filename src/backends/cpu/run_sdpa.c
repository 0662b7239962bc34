/* SPDX-License-Identifier: MIT
 *
 * scaled_dot_product_attention over whole arrays, any strides. A task is a block of at most QUERIES
 * queries of one head, as in run_attention.c: it packs the head's keys and values, and for ROWS
 * queries at a time computes scores, weights and their product with the values; scores stay in the
 * cache.
 *
 * Scratch of a worker: a packed block of A, panels of k', panels of v, scores, sums.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/gemm.h"

enum { QUERIES = 256, ROWS = 56 };

typedef struct sdpa {
    const mica_kernels *kernels;
    const mica_view *q, *k, *v, *mask; /* mask may be NULL */
    float *y;
    size_t queries, keys, width, value_width, heads, kv_heads, blocks;
    float scale;
    bool causal;
    float *scratch;
    size_t worker_floats;
} sdpa;

static size_t round_up(size_t floats)
{
    return (floats + 15) & ~(size_t)15;
}

static sdpa sdpa_of(const mica_call *call)
{
    const mica_sdpa_params *params = call->step->params;
    const mica_view *y = mica_call_output(call);
    sdpa t = {.kernels = &call->cpu->kernels, .heads = 1, .kv_heads = 1};
    t.q = mica_call_input(call, 0);
    t.k = mica_call_input(call, 1);
    t.v = mica_call_input(call, 2);
    t.mask = mica_call_input(call, 3);
    t.y = y->data;
    int rank = y->rank;
    t.queries = (size_t)t.q->dim[rank - 2];
    t.keys = (size_t)t.k->dim[rank - 2];
    t.width = (size_t)t.q->dim[rank - 1];
    t.value_width = (size_t)t.v->dim[rank - 1];
    if (rank > 2) {
        t.heads = (size_t)t.q->dim[rank - 3];
        t.kv_heads = (size_t)t.k->dim[rank - 3];
    }
    t.blocks = (t.queries + QUERIES - 1) / QUERIES;
    t.scale = params->scale != 0 ? params->scale
              : t.width > 0      ? (float)(1 / sqrt((double)t.width))
                                 : 1;
    t.causal = params->causal;
    t.worker_floats = mica_gemm_scratch_floats(t.kernels) +
                      round_up(mica_gemm_panel_floats(t.kernels, t.keys, t.width)) +
                      round_up(mica_gemm_panel_floats(t.kernels, t.value_width, t.keys)) +
                      ROWS * round_up(t.keys) + round_up(ROWS);
    return t;
}

size_t mica_cpu_scratch_sdpa(const mica_call *call)
{
    sdpa t = sdpa_of(call);
    return t.worker_floats * sizeof(float) * mica_pool_threads(call->cpu->pool);
}

/* Offset in elements of matrix `at` (in C order of the leading axes of q) of an input, whose heads
 * may be fewer and whose axes of size 1 repeat. */
static int64_t matrix_of(const sdpa *t, const mica_view *v, size_t at)
{
    int64_t offset = 0;
    int rank = t->q->rank, missing = rank - v->rank;
    for (int i = rank - 3; i >= 0; i--) {
        size_t dim = (size_t)t->q->dim[i], index = at % dim;
        at /= dim;
        int axis = i - missing;
        if (axis < 0)
            continue;
        if (i == rank - 3 && v != t->mask)
            index = index * (size_t)v->dim[axis] / dim;
        offset += v->dim[axis] == 1 ? 0 : (int64_t)index * v->stride[axis];
    }
    return offset;
}

static void pack(const mica_kernels *kernels, float *panels, const float *b, int64_t row,
                 int64_t column, size_t n, size_t k)
{
    size_t nr = kernels->gemm.nr;
    for (size_t j = 0; j < n; j += nr)
        mica_gemm_pack_panel(kernels, panels + j * k, b + (int64_t)j * column, row, column,
                             n - j < nr ? n - j : nr, k);
}

/* Scales and masks the scores of a query: n of its keys. */
static void mask_row(const sdpa *t, float *s, size_t n, size_t matrix, size_t query)
{
    int axis = t->mask->rank - 1;
    int64_t at = matrix_of(t, t->mask, matrix);
    int64_t step = axis < 0 || t->mask->dim[axis] == 1 ? 0 : t->mask->stride[axis];
    if (axis > 0 && t->mask->dim[axis - 1] > 1)
        at += (int64_t)query * t->mask->stride[axis - 1];
    const unsigned char *seen = (const unsigned char *)t->mask->data + at;
    const float *bias = (const float *)t->mask->data + at;
    if (t->mask->dtype == MICA_DTYPE_BOOL)
        for (size_t j = 0; j < n; j++)
            s[j] = seen[(int64_t)j * step] ? s[j] * t->scale : -INFINITY;
    else
        for (size_t j = 0; j < n; j++)
            s[j] = s[j] * t->scale + bias[(int64_t)j * step];
}

/* Scores become weights that add up to 1; to 0 where every key is hidden. */
static void weigh(const sdpa *t, float *s, size_t n, size_t all, size_t matrix, size_t query)
{
    float sum, scale = t->scale;
    if (t->mask) {
        mask_row(t, s, n, matrix, query);
        scale = 1;
    }
    if (n == 0 || (t->mask && t->kernels->max(s, n) == -INFINITY)) {
        memset(s, 0, all * sizeof *s);
        return;
    }
    t->kernels->exp_rows(s, 1, n, n, scale, &sum);
    t->kernels->binary[MICA_OP_DIV - MICA_OP_ADD][MICA_FORM_VS](s, s, &sum, n);
    memset(s + n, 0, (all - n) * sizeof *s);
}

/* Queries [first, first + count) of a matrix. */
static void attend(const sdpa *t, size_t matrix, size_t first, size_t count, float *scratch)
{
    const mica_kernels *kernels = t->kernels;
    int row = t->q->rank - 2, column = row + 1;
    size_t visible = t->causal && first + count < t->keys ? first + count : t->keys;
    size_t ld = round_up(t->keys), d = t->width, e = t->value_width;
    float *keys = scratch + mica_gemm_scratch_floats(kernels);
    float *values = keys + round_up(mica_gemm_panel_floats(kernels, t->keys, d));
    float *scores = values + round_up(mica_gemm_panel_floats(kernels, e, t->keys));
    const float *q = (const float *)t->q->data + matrix_of(t, t->q, matrix);
    pack(kernels, keys, (const float *)t->k->data + matrix_of(t, t->k, matrix),
         t->k->stride[column], t->k->stride[row], visible, d);
    pack(kernels, values, (const float *)t->v->data + matrix_of(t, t->v, matrix), t->v->stride[row],
         t->v->stride[column], e, visible);
    for (size_t at = first; at < first + count; at += ROWS) {
        size_t rows = first + count - at < ROWS ? first + count - at : ROWS;
        float *y = t->y + (matrix * t->queries + at) * e;
        mica_gemm qk = {.kernels = kernels, .m = rows, .n = visible, .k = d, .b = keys};
        qk.a = q + (int64_t)at * t->q->stride[row];
        qk.a_row = t->q->stride[row];
        qk.a_column = t->q->stride[column];
        qk.c = scores;
        qk.ldc = ld;
        mica_gemm_part(&qk, 0, rows, 0, mica_gemm_panels(kernels, visible), scratch);
        for (size_t i = 0; i < rows; i++) {
            size_t seen = t->causal && at + i + 1 < visible ? at + i + 1 : visible;
            weigh(t, scores + i * ld, seen, visible, matrix, at + i);
        }
        mica_gemm pv = {.kernels = kernels, .m = rows, .n = e, .k = visible, .b = values};
        pv.a = scores;
        pv.a_row = (int64_t)ld;
        pv.a_column = 1;
        pv.c = y;
        pv.ldc = e;
        mica_gemm_part(&pv, 0, rows, 0, mica_gemm_panels(kernels, e), scratch);
    }
}

static void sdpa_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const sdpa *t = arg;
    for (size_t task = begin; task < end; task++) {
        size_t block = task % t->blocks, matrix = task / t->blocks;
        size_t first = t->queries * block / t->blocks, last = t->queries * (block + 1) / t->blocks;
        attend(t, matrix, first, last - first, t->scratch + worker * t->worker_floats);
    }
}

mica_status mica_cpu_run_sdpa(const mica_call *call)
{
    sdpa t = sdpa_of(call);
    size_t matrices = 1;
    if (mica_view_count(mica_call_output(call)) == 0)
        return MICA_OK;
    for (int i = 0; i + 2 < t.q->rank; i++)
        matrices *= (size_t)t.q->dim[i];
    t.scratch = (float *)(void *)call->run->scratch;
    size_t work = t.queries * t.keys * (t.width + t.value_width) / 16;
    mica_cpu_ranges(call->cpu, matrices * t.blocks, mica_cpu_grain(work / t.blocks), sdpa_range,
                    &t);
    return MICA_OK;
}
