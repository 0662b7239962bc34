/* SPDX-License-Identifier: MIT
 *
 * Kernels over many rows, down columns, of losses, conversions, products without packing and of
 * sorting: every level against plain C, at the ends of memory, with special values.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/common.h"

static const float specials[] = {0.0f,      -0.0f, 1e-30f, 1e-40f, -2.5f, 1.0f,    FLT_MAX,
                                 -INFINITY, NAN,   88.0f,  -104.f, 3.0f,  INFINITY};
enum { SPECIALS = sizeof specials / sizeof specials[0] };

/* Calls `check` for each level beside plain C. */
static void for_each(void (*check)(const mica_kernels *c, const mica_kernels *k, uint64_t *seed),
                     int times)
{
    mica_kernels c, k;
    mica_kernels_init(&c, MICA_CPU_C);
    for (int level = 0; level < levels_here(); level++) {
        uint64_t seed = 99;
        mica_kernels_init(&k, level);
        for (int i = 0; i < times; i++)
            check(&c, &k, &seed);
    }
}

static float *floats(uint64_t *seed, int area, size_t n, float low, float high, bool special)
{
    float *x = guarded_floats(area, n, random_edge(seed));
    fill_random(x, n, *seed, low, high);
    random_below(seed, 2);
    for (size_t i = 0; special && i < 1 + n / 8 && n > 0; i++)
        x[random_below(seed, n)] = specials[random_below(seed, SPECIALS)];
    return x;
}

static void check_down(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t rows = random_below(seed, random_below(seed, 4) ? 30 : 400), n = random_below(seed, 70),
           stride = n + random_below(seed, 5);
    size_t count = rows ? (rows - 1) * stride + n : 0;
    bool special = random_below(seed, 2);
    const float *x = floats(seed, 0, count, -3, 3, special);
    double *a = guarded(1, n * sizeof *a, random_edge(seed));
    double *b = guarded(2, n * sizeof *b, random_edge(seed));
    for (size_t j = 0; j < n; j++)
        a[j] = b[j] = (double)j;
    c->sum_rows(a, x, stride, rows, n);
    k->sum_rows(b, x, stride, rows, n);
    for (size_t j = 0; j < n; j++)
        if (!special)
            check_near((float)b[j], a[j], 2, 3e-5, "sum_rows", j);
    for (int least = 0; least < 2; least++) {
        float *u = guarded_floats(3, n, random_edge(seed)),
              *v = guarded_floats(4, n, random_edge(seed));
        int32_t *p = guarded(5, n * sizeof *p, random_edge(seed));
        int32_t *q = guarded(6, n * sizeof *q, random_edge(seed));
        for (size_t j = 0; j < n; j++) {
            u[j] = v[j] = least ? INFINITY : -INFINITY;
            p[j] = q[j] = -1;
        }
        (least ? c->min_rows : c->max_rows)(u, x, stride, rows, n);
        (least ? k->min_rows : k->max_rows)(v, x, stride, rows, n);
        for (size_t j = 0; j < n; j++) {
            check_near(v[j], (double)u[j], 0, 0, "max_rows", j);
            u[j] = v[j] = least ? 2.0f : -2.0f;
        }
        c->arg_down(u, p, x, stride, rows, n, 7, least);
        size_t first = random_below(seed, rows + 1); /* the same in two calls */
        k->arg_down(v, q, x, stride, first, n, 7, least);
        k->arg_down(v, q, x + first * stride, stride, rows - first, n, 7 + (int32_t)first, least);
        for (size_t j = 0; j < n; j++) {
            check_near(v[j], (double)u[j], 0, 0, "arg_down", j);
            assert_int_equal(q[j], p[j]);
        }
    }
}

static void check_rows(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t rows = random_below(seed, 12),
           n = 1 + random_below(seed, random_below(seed, 4) ? 40 : 2500);
    bool special = random_below(seed, 2);
    float *x = floats(seed, 0, rows * n, -3, 3, special);
    for (size_t i = 0; random_below(seed, 2) && i < rows * n; i++)
        x[i] = roundf(x[i]); /* several of one size */
    float *u = guarded_floats(1, rows, AT_END), *v = guarded_floats(2, rows, random_edge(seed));
    c->row_sums(u, x, rows, n, 3);
    k->row_sums(v, x, rows, n, 3);
    for (size_t i = 0; i < rows && !special; i++)
        check_near(v[i], (double)u[i], 2, 1e-5, "row_sums", i);
    int32_t *p = guarded(3, rows * sizeof *p, AT_END), *q = guarded(4, rows * sizeof *q, AT_END);
    for (int least = 0; least < 2; least++) {
        (least ? c->argmin_rows : c->argmax_rows)(p, x, rows, n);
        (least ? k->argmin_rows : k->argmax_rows)(q, x, rows, n);
        for (size_t i = 0; i < rows; i++) {
            float of_c = (least ? c->min : c->max)(x + i * n, n);
            check_near((least ? k->min : k->max)(x + i * n, n), (double)of_c, 0, 0, "max", i);
            assert_int_equal(q[i], p[i]);
        }
    }
}

static void test_rows(void **state)
{
    for_each(check_rows, 300);
}

/* Of two extremes the first is found, wherever they are; infinities of both signs, whose sum is no
 * number, are numbers; the first of two NaNs wins. */
static void check_places(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t n = 1 + random_below(seed, 1100), a = random_below(seed, n), b = random_below(seed, n);
    float *x = floats(seed, 0, n, -3, 3, false);
    size_t first = a < b ? a : b;
    int32_t at = -1;
    for (int least = 0; least < 2; least++) {
        mica_k_arg_rows find = least ? k->argmin_rows : k->argmax_rows;
        x[a] = x[b] = least ? -4 : 4;
        find(&at, x, 1, n);
        assert_int_equal(at, first);
        x[a] = x[b] = least ? -INFINITY : INFINITY;
        if (a != 0 && b != 0)
            x[0] = -x[a];
        find(&at, x, 1, n);
        assert_int_equal(at, first);
        for (size_t i = 0; i < n; i++)
            x[i] = x[a];
        find(&at, x, 1, n);
        assert_int_equal(at, 0);
        fill_random(x, n, *seed, -3, 3);
    }
    x[a] = x[b] = NAN;
    k->argmax_rows(&at, x, 1, n);
    assert_int_equal(at, first);
}

static void test_places(void **state)
{
    for_each(check_places, 2000);
}

static void test_down(void **state)
{
    for_each(check_down, 200);
}

static void check_join(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t rows = 1 + random_below(seed, 9), n = random_below(seed, 40),
           count = random_below(seed, 30);
    const float *x = floats(seed, 0, count * n, -3, 3, random_below(seed, 2));
    float *u = guarded_floats(1, rows * n, AT_END), *v = guarded_floats(2, rows * n, AT_END);
    int32_t *at = guarded(3, count * sizeof *at, AT_END);
    for (size_t i = 0; i < count; i++)
        at[i] = (int32_t)random_below(seed, rows);
    for (int sum = 0; sum < 2; sum++) {
        fill_random(u, rows * n, 3, -1, 1);
        fill_random(v, rows * n, 3, -1, 1);
        (sum ? c->add_rows : c->raise_rows)(u, at, x, count, n);
        (sum ? k->add_rows : k->raise_rows)(v, at, x, count, n);
        for (size_t i = 0; i < rows * n; i++)
            check_near(v[i], (double)u[i], 0, 0, sum ? "add_rows" : "raise_rows", i);
    }
}

static void test_join(void **state)
{
    for_each(check_join, 200);
}

static void check_softmax(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t n = random_below(seed, 4) ? 1 + random_below(seed, 80) : 1 + random_below(seed, 3000);
    if (random_below(seed, 5) == 0) /* as many as a vector has lanes */
        n = (size_t)8 << random_below(seed, 2);
    size_t most = random_below(seed, 3) ? 40 : 300; /* many rows go by blocks */
    size_t rows = 1 + random_below(seed, n > 80 ? most / 8 : most), count = rows * n;
    const float *x = floats(seed, 0, count, -9, 9, random_below(seed, 3) == 0);
    float *a = guarded_floats(1, count, AT_END), *b = guarded_floats(2, count, random_edge(seed));
    float *d = guarded_floats(3, count, random_edge(seed));
    c->softmax(a, x, rows, n);
    k->softmax(b, x, rows, n);
    for (size_t i = 0; i < count; i++)
        check_near(b[i], (double)a[i], 16, 4e-7, "softmax", i);
    memcpy(d, x, count * sizeof *d);
    k->softmax(d, d, rows, n);
    for (size_t i = 0; i < count; i++)
        check_near(d[i], (double)b[i], 0, 0, "softmax in place", i);
    for (size_t row = 0; row < rows; row++) {
        k->softmax(d, x + row * n, 1, n);
        for (size_t i = 0; i < n; i++)
            check_near(d[i], (double)b[row * n + i], 0, 0, "softmax of one row", row * n + i);
    }
    c->softmax_columns(a, x, rows, n, n);
    k->softmax_columns(b, x, rows, n, n);
    for (size_t i = 0; i < count; i++)
        check_near(b[i], (double)a[i], 16, 4e-7, "softmax_columns", i);
}

/* Columns so long that their sums are taken to double on the way. */
static void check_long_columns(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t n = 1000 + random_below(seed, 2000), columns = 1 + random_below(seed, 40);
    size_t stride = columns + random_below(seed, 3), count = (n - 1) * stride + columns;
    const float *x = floats(seed, 0, count, -4, 4, false);
    float *a = guarded_floats(1, count, AT_END), *b = guarded_floats(2, count, random_edge(seed));
    c->softmax_columns(a, x, n, stride, columns);
    k->softmax_columns(b, x, n, stride, columns);
    for (size_t i = 0; i < count; i++)
        if (i % stride < columns)
            check_near(b[i], (double)a[i], 16, 4e-7, "softmax_columns", i);
}

static void test_softmax(void **state)
{
    for_each(check_softmax, 200);
    for_each(check_long_columns, 4);
}

/* Rows so long that they go by pieces; the largest number so far grows, and in the end jumps. */
static void test_long_softmax(void **state)
{
    enum { ROWS = 3, N = MICA_SOFTMAX_LONG + 77, COUNT = ROWS * N };
    mica_kernels c, k;
    float *x = guarded_floats(0, COUNT, AT_END), *a = guarded_floats(1, COUNT, AT_BEGIN);
    mica_kernels_init(&c, MICA_CPU_C);
    fill_random(x, COUNT, 5, -4, 4);
    for (size_t i = 0; i < 5000; i++)
        x[i] = -INFINITY;
    for (size_t i = 0; i < N; i++)
        x[N + i] += (float)i / 10000;
    x[2 * N + 100000] = 7; /* not so far that the rounding of differences counts */
    c.softmax(a, x, ROWS, N);
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels_init(&k, level);
        for (int edge_of_b = 0; edge_of_b < EDGES; edge_of_b++) {
            float *b = guarded_floats(2, COUNT, (edge)edge_of_b);
            k.softmax(b, x, ROWS, N);
            for (size_t i = 0; i < COUNT; i++)
                check_near(b[i], (double)a[i], 16, 0, "long softmax", i);
        }
        float *b = guarded_floats(2, COUNT, AT_END), *d = guarded_floats(3, COUNT, AT_END);
        for (size_t row = 0; row < ROWS; row++)
            k.softmax(b + row * N, x + row * N, 1, N);
        memcpy(d, x, COUNT * sizeof *d);
        k.softmax(d, d, ROWS, N);
        check_same_bits(d, b, COUNT, "long softmax in place, of one row");
    }
}

/* The same bits past the caches, for n times as many numbers as a vector holds. */
static void test_softmax_past(void **state)
{
    static const size_t shapes[][2] = {{1, 1},    {30, 1},   {333, 1},  {7, 3},
                                       {300, 3},  {263, 8},  {131, 9},  {40, 64},
                                       {5, 128},  {20, 130}, {12, 257}, {2, MICA_SOFTMAX_LONG / 16},
                                       {3, 16390}};
    for (int level = 0; level < levels_here(); level++) {
        mica_kernels k;
        mica_kernels_init(&k, level);
        for (size_t s = 0; k.softmax_past && s < sizeof shapes / sizeof shapes[0]; s++) {
            size_t rows = shapes[s][0], n = shapes[s][1] * k.softmax_lanes, count = rows * n;
            float *x = guarded_floats(0, count, AT_END), *a = guarded_floats(1, count, AT_END);
            float *b = guarded_floats(2, (count + 15) / 16 * 16, AT_END);
            float *kept = guarded_floats(3, mica_softmax_kept(n), AT_END);
            fill_random(x, count, s, -9, 9);
            k.softmax(a, x, rows, n);
            k.softmax_past(b, x, rows, n, kept);
            check_same_bits(b, a, count, "softmax past the caches");
        }
    }
}

static void check_loss(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t n = random_below(seed, 3) ? random_below(seed, 60) : random_below(seed, 2500);
    bool logits = random_below(seed, 2), special = random_below(seed, 3) == 0;
    mica_k_bce of_c = logits ? c->bce_logits : c->bce, of_k = logits ? k->bce_logits : k->bce;
    const float *x = floats(seed, 0, n, logits ? -60 : 0, logits ? 60 : 1, special);
    float *t = floats(seed, 1, n, 0, 1, false);
    float *a = guarded_floats(2, n, AT_END), *b = guarded_floats(3, n, random_edge(seed));
    for (size_t i = 0; random_below(seed, 2) && i < n; i++)
        t[i] = t[i] > 0.5f;
    double sum_c = of_c(a, x, t, n), sum_k = of_k(b, x, t, n), only = of_k(NULL, x, t, n);
    for (size_t i = 0; i < n; i++)
        check_near(b[i], (double)a[i], logits ? 8 : 4,
                   logits ? 1e-36 : 4e-7 + 3e-7 * fabs((double)a[i]),
                   logits ? "bce of logits" : "bce", i);
    if (!special)
        check_near((float)sum_k, sum_c, 0, 1e-6 * (1 + fabs(sum_c)), "sum of bce", n);
    check_near((float)only, (double)(float)sum_k, 0, 0, "sum alone", n);
}

static void test_loss(void **state)
{
    for_each(check_loss, 200);
}

static void check_conversions(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t n = random_below(seed, 100);
    float *x = floats(seed, 0, n, -3, 3, true);
    for (size_t i = 0; i < n; i++) { /* any bits */
        uint32_t bits = (uint32_t)random_below(seed, 1u << 31) ^ (uint32_t)random_below(seed, 2)
                                                                     << 31;
        if (random_below(seed, 2))
            memcpy(x + i, &bits, sizeof bits);
    }
    uint16_t *a = guarded(1, n * 2, AT_END), *b = guarded(2, n * 2, random_edge(seed));
    for (int half = 0; half < 2; half++) {
        (half ? c->narrow_f16 : c->narrow_bf16)(a, x, n);
        (half ? k->narrow_f16 : k->narrow_bf16)(b, x, n);
        for (size_t i = 0; i < n; i++) {
            unsigned exponent = half ? 0x7c00 : 0x7f80;
            if (isnan(x[i]))
                assert_true((b[i] & exponent) == exponent && (b[i] & ~exponent & 0x7fff) != 0);
            else
                assert_int_equal(b[i], a[i]);
        }
    }
    size_t at = random_below(seed, 9), bytes = 4 * n > at ? 4 * n - at : 0;
    unsigned char *y = guarded(3, bytes, random_edge(seed));
    k->stream(y, (unsigned char *)x, bytes);
    assert_memory_equal(y, x, bytes);
    const float *u = floats(seed, 4, 30 * n, -1, 1, false),
                *v = floats(seed, 5, 30 * n, -1, 1, false);
    check_near((float)k->dot(u, v, 30 * n), c->dot(u, v, 30 * n), 0, 1e-6 * (double)(1 + n), "dot",
               n);
}

static void check_stream_rows(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t bytes = 64 * random_below(seed, 6), rows = 1 + random_below(seed, 9);
    size_t count = random_below(seed, 30);
    const float *x = floats(seed, 0, rows * bytes / sizeof(float), -1, 1, false);
    int32_t *at = guarded(1, count * sizeof *at, AT_END);
    char *y = guarded(2, count * bytes, AT_END); /* whole lines up to the end of a page */
    for (size_t i = 0; i < count; i++)
        at[i] = (int32_t)random_below(seed, rows);
    k->stream_rows(y, x, at, count, bytes);
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(y + i * bytes, (const char *)x + (size_t)at[i] * bytes, bytes);
}

static void check_digest(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    enum { ROW = MICA_DIGEST_LANES * sizeof(uint32_t), SUMS = 2 * MICA_DIGEST_LANES };
    size_t rows = random_below(seed, 40), at;
    uint32_t *a = guarded(1, SUMS * sizeof *a, AT_END), *b = guarded(2, SUMS * sizeof *b, AT_END);
    unsigned char *x = guarded(0, rows * ROW, random_edge(seed));
    for (size_t i = 0; i < rows * ROW; i++)
        x[i] = (unsigned char)random_below(seed, 256);
    c->digest(a, x, rows);
    k->digest(b, x, rows);
    assert_memory_equal(a, b, SUMS * sizeof *a);
    if (rows == 0)
        return;
    at = random_below(seed, rows * ROW);
    x[at] ^= (unsigned char)(1 + random_below(seed, 255));
    k->digest(b, x, rows);
    assert_memory_not_equal(a, b, SUMS * sizeof *a);
}

static void test_digest(void **state)
{
    for_each(check_digest, 200);
}

static void check_dots(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t n = random_below(seed, 8) ? random_below(seed, 70) : 4000 + random_below(seed, 5000);
    size_t rows = random_below(seed, 11);
    float *x = floats(seed, 0, rows * n, -1, 1, false);
    const float *w = floats(seed, 1, n, -1, 1, false);
    if (rows && n && random_below(seed, 3) == 0)
        x[random_below(seed, rows * n)] = random_below(seed, 2) ? NAN : INFINITY;
    float *a = guarded_floats(2, rows, AT_END), *b = guarded_floats(3, rows, random_edge(seed)),
          *alone = guarded_floats(4, 1, AT_END);
    c->dots(a, x, rows, n, w, 0.25f);
    k->dots(b, x, rows, n, w, 0.25f);
    for (size_t i = 0; i < rows; i++) {
        check_near(b[i], (double)a[i], 2, 1e-6 * (double)(30 + n) / 30, "dots", i);
        k->dots(alone, x + i * n, 1, n, w, 0.25f);
        check_same_bits(alone, b + i, 1, "a row of dots, alone");
    }
}

static void test_dots(void **state)
{
    for_each(check_dots, 200);
}

static void test_stream_rows(void **state)
{
    for_each(check_stream_rows, 200);
}

static void test_conversions(void **state)
{
    for_each(check_conversions, 200);
}

static void check_products(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t m = random_below(seed, 30), n = 1 + random_below(seed, MICA_NARROW_N);
    size_t segments = 1 + random_below(seed, 4), length = random_below(seed, 20),
           lda = random_below(seed, 25);
    const float *a[4];
    size_t packed = mica_narrow_floats(segments, length);
    float *b = guarded_floats(4, packed, AT_END);
    const float *bias = random_below(seed, 2) ? floats(seed, 5, n, -1, 1, false) : NULL;
    float *u = guarded_floats(6, m * n, random_edge(seed)),
          *v = guarded_floats(7, m * n, random_edge(seed));
    b = (float *)(void *)((uintptr_t)b & ~(uintptr_t)63); /* as packed weights are */
    fill_random(b, packed, *seed, -1, 1);
    for (size_t s = 0; s < segments; s++)
        a[s] = floats(seed, (int)s, m && length ? (m - 1) * lda + length : 0, -1, 1, false);
    c->gemm.narrow(m, n, segments, length, a, lda, b, u, n, false, bias);
    k->gemm.narrow(m, n, segments, length, a, lda, b, v, n, false, bias);
    for (size_t i = 0; i < m * n; i++)
        check_near(v[i], (double)u[i], 0, 1e-5, "narrow", i);
    size_t columns = random_below(seed, 200),
           depth = random_below(seed, 3) ? random_below(seed, 40) : 1000;
    size_t row = columns + random_below(seed, 3), step = 1 + random_below(seed, 2);
    const float *x = floats(seed, 0, depth ? (depth - 1) * step + 1 : 0, -1, 1, false);
    const float *w = floats(seed, 1, depth ? (depth - 1) * row + columns : 0, -1, 1, false);
    float *p = guarded_floats(2, columns, random_edge(seed)),
          *q = guarded_floats(3, columns, random_edge(seed));
    c->gemm.row(columns, depth, x, (int64_t)step, w, (int64_t)row, p);
    k->gemm.row(columns, depth, x, (int64_t)step, w, (int64_t)row, q);
    for (size_t i = 0; i < columns; i++)
        check_near(q[i], (double)p[i], 0, 1e-4, "row of a product", i);
}

static void test_products(void **state)
{
    for_each(check_products, 150);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Every column comes out as qsort has it. */
static void check_sort(const mica_kernels *c, const mica_kernels *k, uint64_t *seed)
{
    size_t rows = (size_t)1 << random_below(seed, 12);
    if (k->sort.keys == NULL)
        return;
    for (int wide = 0; wide < 2; wide++) {
        size_t lanes = wide ? k->sort.pair_lanes : k->sort.key_lanes, size = wide ? 8 : 4;
        int64_t *expected = malloc(rows * lanes * sizeof *expected),
                *column = malloc(rows * sizeof *column);
        unsigned char *data = guarded(0, rows * lanes * size, AT_BEGIN);
        assert_true(expected != NULL && column != NULL);
        for (size_t i = 0; i < rows * lanes; i++) {
            int32_t key =
                (int32_t)((uint32_t)random_below(seed, 1u << 31) << random_below(seed, 2));
            expected[i] = wide ? (int64_t)key * 65536 + (int64_t)i : key >> random_below(seed, 24);
            if (wide)
                ((int64_t *)(void *)data)[i] = expected[i];
            else
                ((int32_t *)(void *)data)[i] = (int32_t)expected[i];
        }
        if (wide)
            k->sort.pairs((int64_t *)(void *)data, rows);
        else
            k->sort.keys((int32_t *)(void *)data, rows);
        for (size_t lane = 0; lane < lanes; lane++) {
            for (size_t i = 0; i < rows; i++)
                column[i] = expected[i * lanes + lane];
            qsort(column, rows, sizeof *column, compare_i64);
            for (size_t i = 0; i < rows; i++) {
                size_t at = i * lanes + lane;
                int64_t got = wide ? ((int64_t *)(void *)data)[at] : ((int32_t *)(void *)data)[at];
                if (got != column[i])
                    fail_msg("sort of %zu rows: row %zu is wrong", rows, i);
            }
        }
        free(expected);
        free(column);
    }
}

static void test_sort(void **state)
{
    for_each(check_sort, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_down),         cmocka_unit_test(test_rows),
        cmocka_unit_test(test_places),       cmocka_unit_test(test_join),
        cmocka_unit_test(test_softmax),      cmocka_unit_test(test_long_softmax),
        cmocka_unit_test(test_softmax_past), cmocka_unit_test(test_loss),
        cmocka_unit_test(test_dots),         cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_stream_rows),  cmocka_unit_test(test_digest),
        cmocka_unit_test(test_products),     cmocka_unit_test(test_sort),
    };
    list_skipped_levels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
