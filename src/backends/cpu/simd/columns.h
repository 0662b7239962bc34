/* SPDX-License-Identifier: MIT
 *
 * Operations on many rows or down columns, and losses, written once for every width of vector: an
 * instruction set's columns.c includes its vector.h, then this, and calls columns_fill.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_COLUMNS_H
#define MICA_BACKENDS_CPU_SIMD_COLUMNS_H

#include <math.h>
#include <string.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd/math.h"
#include "backends/cpu/simd/softmax.h"

/* ---- reductions down columns ---- */

V_INLINE void add_double(double *total, vec x, size_t n)
{
    if (n == LANES) {
        v_add_double(total, x);
        return;
    }
    double some[LANES] = {0};
    memcpy(some, total, n * sizeof *total);
    v_add_double(some, x);
    memcpy(total, some, n * sizeof *total);
}

/* Sums down columns: rows are added in float32, one after another and at most ROWS of them, before
 * they go to the totals. Extremes: rows are taken in one after another. Rows that lie behind one
 * another are read as they lie, as processors guess best. Of rows far apart eight are read at once,
 * and the next eight are asked for: with one at a time a new run begins too often, and what lies a
 * power of two apart meets in few lines of the first cache, so the second is where they are
 * brought. */
enum { TOGETHER = 2048, ROWS = 64, AT_ONCE = 8, LINE = 16 };

/* What becomes of a number when a row is taken in: the sum, the larger, the smaller; extremes stay
 * NaN. */
typedef enum how { SUM, MOST, LEAST } how;

V_INLINE vec taken(const how f, vec y, vec x)
{
    if (f == SUM)
        return v_add(y, x);
    return v_where_nan(y, y, f == MOST ? v_max(y, x) : v_min(y, x));
}

/* Takes columns [j, j + n) of `rows` rows into `into`, n <= LANES. */
V_INLINE void take_rows(float *into, const float *x, size_t stride, const size_t rows, size_t j,
                        size_t n, const how f)
{
    vec y = load_up_to(into + j, n, v_zero());
    V_UNROLL
    for (size_t i = 0; i < rows; i++)
        y = taken(f, y, load_up_to(x + i * stride + j, n, v_zero()));
    store_up_to(into + j, y, n);
}

V_INLINE void take_eight(float *into, const float *x, const float *next, size_t stride, size_t n,
                         const how f)
{
    size_t whole = n - n % LINE, j = 0;
    for (; j < whole; j += LINE) {
        for (size_t i = 0; i < AT_ONCE; i++)
            __builtin_prefetch(next + i * stride + j, 0, 2);
        for (size_t k = 0; k < LINE; k += LANES)
            take_rows(into, x, stride, AT_ONCE, j + k, LANES, f);
    }
    for (; j < n; j += LANES)
        take_rows(into, x, stride, AT_ONCE, j, n - j < LANES ? n - j : LANES, f);
}

V_INLINE void take_one(float *into, const float *x, size_t n, const how f)
{
    size_t whole = n - n % LANES;
    for (size_t j = 0; j < whole; j += LANES)
        take_rows(into, x, 0, 1, j, LANES, f);
    if (whole < n)
        take_rows(into, x, 0, 1, whole, n - whole, f);
}

/* At most TOGETHER columns of rows that are `apart` or behind one another. */
V_INLINE void take_block(float *into, const float *x, size_t stride, size_t rows, size_t n,
                         bool apart, const how f)
{
    size_t i = 0;
    for (; (apart || n <= LINE) && i + AT_ONCE <= rows; i += AT_ONCE) {
        bool last = i + 2 * AT_ONCE > rows; /* then the columns beside these */
        take_eight(into, x + i * stride, last ? x + n : x + (i + AT_ONCE) * stride, stride, n, f);
    }
    for (; i < rows; i++)
        take_one(into, x + i * stride, n, f);
}

/* At most ROWS rows of at most TOGETHER columns. */
static void sum_block(double *total, const float *x, size_t stride, size_t rows, size_t n,
                      bool apart)
{
    _Alignas(64) float sums[TOGETHER]; /* what crosses lines takes twice as long */
    memset(sums, 0, n * sizeof *sums);
    take_block(sums, x, stride, rows, n, apart, SUM);
    for (size_t j = 0; j < n; j += LANES) {
        size_t m = n - j < LANES ? n - j : LANES;
        add_double(total + j, load_up_to(sums + j, m, v_zero()), m);
    }
}

static void k_sum_rows(double *total, const float *x, size_t stride, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i += ROWS)
        for (size_t j = 0; j < n; j += TOGETHER)
            sum_block(total + j, x + i * stride + j, stride, rows - i < ROWS ? rows - i : ROWS,
                      n - j < TOGETHER ? n - j : TOGETHER, stride != n);
}

V_INLINE vec better(vec a, vec b, bool least)
{
    return least ? v_min(a, b) : v_max(a, b);
}

/* The extreme of n >= LANES elements; each is added to *sum, which a NaN makes one. */
V_INLINE float extreme_of(const float *x, size_t n, bool least, vec *sum)
{
    vec best[4], s[4];
    V_UNROLL
    for (size_t k = 0; k < 4; k++) {
        best[k] = v_load(x);
        s[k] = v_zero();
    }
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        V_UNROLL
        for (size_t k = 0; k < 4; k++) {
            vec v = v_load(x + i + k * LANES);
            best[k] = better(best[k], v, least);
            s[k] = v_add(s[k], v);
        }
    }
    for (; i < n; i += LANES) {
        vec v = v_load(x + (i + LANES <= n ? i : n - LANES)); /* some of them twice */
        best[0] = better(best[0], v, least);
        s[0] = v_add(s[0], v);
    }
    *sum = v_add(*sum, v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
    vec all = better(better(best[0], best[1], least), better(best[2], best[3], least), least);
    return least ? v_smallest(all) : v_largest(all);
}

/* The first place of the extreme among n >= LANES elements. Places are counted in floats, and no
 * branch depends on where it is. */
V_INLINE size_t place_of(const float *x, size_t n, float extreme, bool least)
{
    static const float lanes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const vec value = v_set(extreme), none = v_set((float)n);
    vec at[2] = {none, none}, here = v_load(lanes);
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        V_UNROLL
        for (size_t k = 0; k < 2; k++) {
            vec v = v_load(x + i + k * LANES), low = least ? value : v, high = least ? v : value;
            at[k] = v_min(at[k], v_where_greater(high, low, none, here));
            here = v_add(here, v_set((float)LANES));
        }
    }
    for (; i < n; i += LANES) {
        size_t from = i + LANES <= n ? i : n - LANES;
        vec v = v_load(x + from), low = least ? value : v, high = least ? v : value;
        here = v_add(v_load(lanes), v_set((float)from));
        at[0] = v_min(at[0], v_where_greater(high, low, none, here));
    }
    return (size_t)v_smallest(v_min(at[0], at[1]));
}

/* The first index of the extreme of a row, or of its first NaN: of pieces of the row the first with
 * the extreme, and then its place in there. */
V_INLINE int32_t arg_of_row(const float *x, size_t n, bool least)
{
    enum { PIECE = 256 };
    if (n < LANES) { /* too short for a vector */
        size_t at = 0;
        for (size_t i = 0; i < n && x[at] == x[at]; i++)
            if ((least ? x[i] < x[at] : x[i] > x[at]) || x[i] != x[i])
                at = i;
        return (int32_t)at;
    }
    size_t first = 0, length = n < 2 * PIECE ? n : PIECE;
    vec sum = v_zero();
    float extreme = extreme_of(x, length, least, &sum);
    for (size_t i = length, m; i < n; i += m) {
        m = n - i < 2 * PIECE ? n - i : PIECE;
        float value = extreme_of(x + i, m, least, &sum);
        if (least ? value < extreme : value > extreme) {
            extreme = value;
            first = i;
            length = m;
        }
    }
    if (v_any_nan(sum)) /* a NaN, or infinities of both signs */
        for (size_t i = 0; i < n; i++)
            if (x[i] != x[i])
                return (int32_t)i;
    return (int32_t)(first + place_of(x + first, length, extreme, least));
}

static void k_argmax_rows(int32_t *at, const float *x, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        at[i] = arg_of_row(x + i * n, n, false);
}

static void k_argmin_rows(int32_t *at, const float *x, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        at[i] = arg_of_row(x + i * n, n, true);
}

static void k_row_sums(float *y, const float *x, size_t rows, size_t n, double by)
{
    for (size_t row = 0; row < rows; row++, x += n) {
        double total = 0;
        for (size_t begin = 0; begin < n; begin += BLOCK) {
            size_t end = n - begin < BLOCK ? n : begin + BLOCK, i = begin;
            vec s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
            for (; i + 4 * LANES <= end; i += 4 * LANES) {
                V_UNROLL
                for (size_t k = 0; k < 4; k++)
                    s[k] = v_add(s[k], v_load(x + i + k * LANES));
            }
            for (; i < end; i += LANES) {
                size_t m = end - i < LANES ? end - i : LANES;
                s[0] = v_add(s[0], load_up_to(x + i, m, v_zero()));
            }
            total += (double)v_sum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
        }
        y[row] = (float)(by == 1 ? total : total / by);
    }
}

V_INLINE void best_rows(float *best, const float *x, size_t stride, size_t rows, size_t n,
                        const how f)
{
    for (size_t j = 0; j < n; j += TOGETHER)
        take_block(best + j, x + j, stride, rows, n - j < TOGETHER ? n - j : TOGETHER, stride != n,
                   f);
}

static void k_max_rows(float *best, const float *x, size_t stride, size_t rows, size_t n)
{
    best_rows(best, x, stride, rows, n, MOST);
}

static void k_min_rows(float *best, const float *x, size_t stride, size_t rows, size_t n)
{
    best_rows(best, x, stride, rows, n, LEAST);
}

/* Columns [j, j + n) take in `rows` rows, of which x is the first, n <= LANES. */
V_INLINE void arg_rows_to(float *best, int32_t *at, const float *x, size_t stride,
                          const size_t rows, size_t n, int32_t row, bool least)
{
    float *places = (float *)(void *)at; /* integers in the lanes of a vec */
    vec b = load_up_to(best, n, v_zero()), a = load_up_to(places, n, v_zero());
    V_UNROLL
    for (size_t i = 0; i < rows; i++)
        v_take(least, load_up_to(x + i * stride, n, v_zero()), v_set_integer(row + (int32_t)i), &b,
               &a);
    store_up_to(best, b, n);
    store_up_to(places, a, n);
}

/* Two rows far apart, while those like `next` are asked for. */
V_INLINE void arg_two(float *best, int32_t *at, const float *x, const float *next, size_t stride,
                      size_t n, int32_t row, bool least)
{
    size_t whole = n - n % LINE, j = 0;
    for (; j < whole; j += LINE) {
        __builtin_prefetch(next + j, 0, 2);
        __builtin_prefetch(next + stride + j, 0, 2);
        for (size_t k = j; k < j + LINE; k += LANES)
            arg_rows_to(best + k, at + k, x + k, stride, 2, LANES, row, least);
    }
    for (; j < n; j += LANES)
        arg_rows_to(best + j, at + j, x + j, stride, 2, n - j < LANES ? n - j : LANES, row, least);
}

V_INLINE void arg_one(float *best, int32_t *at, const float *x, size_t n, int32_t row, bool least)
{
    size_t whole = n - n % LANES;
    for (size_t j = 0; j < whole; j += LANES)
        arg_rows_to(best + j, at + j, x + j, 0, 1, LANES, row, least);
    if (whole < n)
        arg_rows_to(best + whole, at + whole, x + whole, 0, 1, n - whole, row, least);
}

/* As for sums: rows that lie behind one another one by one, others together. */
V_INLINE void arg_down(float *best, int32_t *at, const float *x, size_t stride, size_t rows,
                       size_t n, int32_t row, bool least)
{
    size_t i = 0;
    for (; stride != n && i + 2 <= rows; i += 2) {
        bool last = i + 4 > rows; /* then the columns beside these */
        arg_two(best, at, x + i * stride, last ? x + n : x + (i + 2) * stride, stride, n,
                row + (int32_t)i, least);
    }
    for (; i < rows; i++)
        arg_one(best, at, x + i * stride, n, row + (int32_t)i, least);
}

static void k_arg_down(float *best, int32_t *at, const float *x, size_t stride, size_t rows,
                       size_t n, int32_t row, bool least)
{
    if (least)
        arg_down(best, at, x, stride, rows, n, row, true);
    else
        arg_down(best, at, x, stride, rows, n, row, false);
}

/* ---- rows joined with rows ---- */

V_INLINE void join_rows(float *y, const int32_t *at, const float *x, size_t count, size_t n,
                        const how f)
{
    for (size_t i = 0; i < count; i++, x += n) {
        float *to = y + (size_t)at[i] * n;
        size_t j = 0;
        for (; j + LANES <= n; j += LANES)
            v_store(to + j, taken(f, v_load(to + j), v_load(x + j)));
        if (j < n)
            v_store_n(to + j,
                      taken(f, v_load_n(to + j, n - j, v_zero()), v_load_n(x + j, n - j, v_zero())),
                      n - j);
    }
}

static void k_add_rows(float *y, const int32_t *at, const float *x, size_t count, size_t n)
{
    join_rows(y, at, x, count, n, SUM);
}

static void k_raise_rows(float *y, const int32_t *at, const float *x, size_t count, size_t n)
{
    join_rows(y, at, x, count, n, MOST);
}

/* ---- losses ---- */

/* Logs not below -100; NaN stays, as the second operand. */
V_INLINE vec of_bce(vec p, vec t)
{
    const vec least = v_set(-100.0f), one = v_set(1.0f);
    vec w = v_sub(one, p), rounded = v_sub(v_sub(one, w), p);
    vec yes = v_max(least, v_log(p));
    vec no = v_max(least, v_add(v_log(w), v_where_greater(w, v_zero(), rounded, v_zero())));
    return v_neg(v_fma(t, yes, v_mul(v_sub(one, t), no)));
}

/* -t x + log(1 + exp(x)) below 0, else (1 - t) x + log(1 + exp(-x)): nothing cancels. */
V_INLINE vec of_bce_logits(vec x, vec t)
{
    vec rest = v_where_greater(v_zero(), x, v_neg(t), v_sub(v_set(1.0f), t));
    return v_fma(rest, x, v_log1p_small(v_exp_below(v_neg(v_abs(x)))));
}

V_INLINE double loss(float *y, const float *x, const float *t, size_t n, vec (*f)(vec, vec))
{
    double total = 0;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        size_t end = n - begin < BLOCK ? n : begin + BLOCK, i = begin;
        vec sum = v_zero();
        for (; i + LANES <= end; i += LANES) {
            vec one = f(v_load(x + i), v_load(t + i));
            if (y)
                v_store(y + i, one);
            sum = v_add(sum, one);
        }
        if (i < end) {
            vec half = v_set(0.5f);
            vec one = f(v_load_n(x + i, end - i, half), v_load_n(t + i, end - i, half));
            if (y)
                v_store_n(y + i, one, end - i);
            sum = v_add(sum, v_keep_n(one, end - i));
        }
        total += (double)v_sum(sum);
    }
    return total;
}

static double k_bce(float *y, const float *x, const float *t, size_t n)
{
    return loss(y, x, t, n, of_bce);
}

static double k_bce_logits(float *y, const float *x, const float *t, size_t n)
{
    return loss(y, x, t, n, of_bce_logits);
}

enum { DOT_BLOCK = 4096 };

static double k_dot(const float *a, const float *b, size_t n)
{
    double total = 0;
    for (size_t begin = 0; begin < n; begin += DOT_BLOCK) {
        size_t end = n - begin < DOT_BLOCK ? n : begin + DOT_BLOCK, i = begin;
        vec s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
        for (; i + 4 * LANES <= end; i += 4 * LANES) {
            V_UNROLL
            for (size_t k = 0; k < 4; k++)
                s[k] = v_fma(v_load(a + i + k * LANES), v_load(b + i + k * LANES), s[k]);
        }
        for (; i < end; i += LANES) {
            size_t m = end - i < LANES ? end - i : LANES;
            s[0] = v_fma(load_up_to(a + i, m, v_zero()), load_up_to(b + i, m, v_zero()), s[0]);
        }
        total += (double)v_sum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
    }
    return total;
}

/* m rows at once, at most 4: as many streams from memory, and w is loaded once. */
V_INLINE void dots_of(const size_t m, float *y, const float *x, size_t n, const float *w,
                      float bias)
{
    double totals[4] = {0};
    for (size_t begin = 0; begin < n; begin += DOT_BLOCK) {
        size_t end = n - begin < DOT_BLOCK ? n : begin + DOT_BLOCK, i = begin;
        vec a[4], b[4];
        V_UNROLL
        for (size_t k = 0; k < m; k++)
            a[k] = b[k] = v_zero();
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            vec u = v_load(w + i), v = v_load(w + i + LANES);
            V_UNROLL
            for (size_t k = 0; k < m; k++) {
                a[k] = v_fma(v_load(x + k * n + i), u, a[k]);
                b[k] = v_fma(v_load(x + k * n + i + LANES), v, b[k]);
            }
        }
        for (; i < end; i += LANES) {
            size_t some = end - i < LANES ? end - i : LANES;
            vec u = load_up_to(w + i, some, v_zero());
            V_UNROLL
            for (size_t k = 0; k < m; k++)
                a[k] = v_fma(load_up_to(x + k * n + i, some, v_zero()), u, a[k]);
        }
        V_UNROLL
        for (size_t k = 0; k < m; k++)
            totals[k] += (double)v_sum(v_add(a[k], b[k]));
    }
    for (size_t k = 0; k < m; k++)
        y[k] = (float)totals[k] + bias;
}

static void k_dots(float *y, const float *x, size_t rows, size_t n, const float *w, float bias)
{
    size_t i = 0;
    for (; i + 4 <= rows; i += 4)
        dots_of(4, y + i, x + i * n, n, w, bias);
    for (; i < rows; i++)
        dots_of(1, y + i, x + i * n, n, w, bias);
}

/* ---- conversions, streams ---- */

V_INLINE void narrow(uint16_t *y, const float *x, size_t n, void (*f)(uint16_t *, vec))
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        f(y + i, v_load(x + i));
    if (i < n) {
        uint16_t rest[LANES];
        f(rest, v_load_n(x + i, n - i, v_zero()));
        memcpy(y + i, rest, (n - i) * sizeof *y);
    }
}

static void k_narrow_f16(uint16_t *y, const float *x, size_t n)
{
    narrow(y, x, n, v_to_f16);
}

static void k_narrow_bf16(uint16_t *y, const float *x, size_t n)
{
    narrow(y, x, n, v_to_bf16);
}

V_INLINE void stream_line(void *y, const void *x)
{
    for (size_t k = 0; k < 64 / sizeof(float); k += LANES)
        v_store_past((float *)y + k, v_load((const float *)x + k));
}

static void k_stream_rows(void *y, const void *x, const int32_t *at, size_t count, size_t bytes)
{
    char *to = y;
    for (size_t i = 0; i < count; i++) {
        const char *from = (const char *)x + (size_t)at[i] * bytes;
        for (size_t k = 0; k < bytes; k += 64)
            stream_line(to + k, from + k);
        to += bytes;
    }
}

/* Whole cache lines go past the caches, what is before and after them through. */
static void k_stream(void *to, const void *from, size_t bytes)
{
    unsigned char *y = to;
    const unsigned char *x = from;
    size_t head = (64 - (uintptr_t)y % 64) % 64;
    if (bytes < head + 64 || (uintptr_t)y % sizeof(float) != 0) {
        memcpy(y, x, bytes);
        return;
    }
    if (head > 0)
        memcpy(y, x, head);
    size_t i = head;
    for (; i + 64 <= bytes; i += 64)
        stream_line(y + i, x + i);
    if (i < bytes)
        memcpy(y + i, x + i, bytes - i);
}

static void k_digest(uint32_t sums[2 * MICA_DIGEST_LANES], const void *x, size_t rows)
{
    enum { VECTORS = MICA_DIGEST_LANES / LANES };
    const int32_t *words = x;
    ivec a[VECTORS], b[VECTORS];
    for (size_t k = 0; k < VECTORS; k++)
        a[k] = b[k] = i_zero();
    for (size_t i = 0; i < rows; i++, words += MICA_DIGEST_LANES) {
        V_UNROLL
        for (size_t k = 0; k < VECTORS; k++) {
            a[k] = i_add(a[k], i_load(words + k * LANES));
            b[k] = i_add(b[k], a[k]);
        }
    }
    for (size_t k = 0; k < VECTORS; k++) {
        v_store((float *)(void *)sums + k * LANES, i_bits(a[k]));
        v_store((float *)(void *)sums + MICA_DIGEST_LANES + k * LANES, i_bits(b[k]));
    }
}

static void columns_fill(mica_kernels *kernels)
{
    kernels->sum_rows = k_sum_rows;
    kernels->row_sums = k_row_sums;
    kernels->argmax_rows = k_argmax_rows;
    kernels->argmin_rows = k_argmin_rows;
    kernels->max_rows = k_max_rows;
    kernels->min_rows = k_min_rows;
    kernels->arg_down = k_arg_down;
    kernels->add_rows = k_add_rows;
    kernels->raise_rows = k_raise_rows;
    kernels->softmax = k_softmax;
    kernels->softmax_past = k_softmax_past;
    kernels->softmax_lanes = LANES;
    kernels->softmax_columns = k_softmax_columns;
    kernels->bce = k_bce;
    kernels->bce_logits = k_bce_logits;
    kernels->narrow_f16 = k_narrow_f16;
    kernels->narrow_bf16 = k_narrow_bf16;
    kernels->stream = k_stream;
    kernels->stream_rows = k_stream_rows;
    kernels->digest = k_digest;
    kernels->dot = k_dot;
    kernels->dots = k_dots;
}

#endif
