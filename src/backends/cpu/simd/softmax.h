/* SPDX-License-Identifier: MIT
 *
 * Softmax of rows and down columns, written once for every width of vector: a part of columns.h.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_SOFTMAX_H
#define MICA_BACKENDS_CPU_SIMD_SOFTMAX_H

#include <float.h>
#include <math.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd/math.h"

/* Elements whose sum is made in float32. */
enum { BLOCK = 1024 };

/* n <= LANES elements; lanes that are not there are `other`. */
V_INLINE vec load_up_to(const float *p, size_t n, vec other)
{
    return n == LANES ? v_load(p) : v_load_n(p, n, other);
}

V_INLINE void store_up_to(float *p, vec x, size_t n)
{
    if (n == LANES)
        v_store(p, x);
    else
        v_store_n(p, x, n);
}

/* LANES elements, past the caches or not. */
V_INLINE void store_whole(float *p, vec x, const bool past)
{
    if (past)
        v_store_past(p, x);
    else
        v_store(p, x);
}

/* Floats from what is read to what is fetched: the next rows, while a row's exponentials are
 * computed. */
enum { AHEAD = 512, FAR_AHEAD = 4096 };

/* m rows, at most 4, of less than LANES numbers. A NaN may be lost from the maximum, but not from
 * the sum. */
V_INLINE void softmax_short(const size_t m, float *y, const float *x, size_t n)
{
    vec e[4], best[4], sum[4];
    V_UNROLL
    for (size_t k = 0; k < m; k++) {
        __builtin_prefetch(x + k * n + AHEAD);
        e[k] = v_load_n(x + k * n, n, v_set(-INFINITY));
        best[k] = v_set(v_largest(e[k]));
    }
    V_UNROLL
    for (size_t k = 0; k < m; k++)
        e[k] = v_keep_n(v_exp_below(v_sub(e[k], best[k])), n);
    V_UNROLL
    for (size_t k = 0; k < m; k++)
        sum[k] = v_set(v_sum(e[k]));
    V_UNROLL
    for (size_t k = 0; k < m; k++)
        v_store_n(y + k * n, v_div(e[k], sum[k]), n);
}

/* Squares of LANES rows of as many numbers. Each step takes what the one before it made of the
 * next square, so that none waits: exponentials of square i, the sums of the one before it, and the
 * division of the one before that. past: y is written past the caches. */
V_INLINE void softmax_squares(float *y, const float *x, size_t count, const bool past)
{
    enum { SQUARE = LANES * LANES };
    _Alignas(64) float best[LANES], by[LANES], e[2][SQUARE];
    v_store(best, v_across(x, v_max));
    for (size_t i = 0; i < count + 2; i++, x += SQUARE) {
        float *now = e[i & 1];
        for (size_t k = 0; k < SQUARE && i >= 2; k += LANES) {
            vec v = v_mul(v_load(now + k), v_set(by[k / LANES]));
            store_whole(y + k, v, past);
        }
        if (i >= 2)
            y += SQUARE;
        if (i >= 1)
            v_store(by, v_div(v_set(1.0f), v_across(e[(i + 1) & 1], v_add)));
        for (size_t k = 0; k < SQUARE && i < count; k += LANES) {
            __builtin_prefetch(x + k + FAR_AHEAD, 0, 2);
            v_store(now + k, v_exp_below(v_sub(v_load(x + k), v_set(best[k / LANES]))));
        }
        if (i + 1 < count)
            v_store(best, v_across(x + SQUARE, v_max));
    }
}

V_INLINE vec largest_of(const float *x, size_t n)
{
    vec a = v_set(-INFINITY), b = a;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        a = v_max(a, v_load(x + i));
        b = v_max(b, v_load(x + i + LANES));
    }
    for (; i < n; i += LANES) {
        size_t m = n - i < LANES ? n - i : LANES;
        a = v_max(a, load_up_to(x + i, m, v_set(x[0]))); /* x[0] changes no maximum */
    }
    return v_set(v_largest(v_max(a, b)));
}

/* y = exp(x - best); returns the sum: blocks in float32 lanes, then in double. What lies `ahead`
 * floats further on is fetched. */
V_INLINE double exp_less(float *y, const float *x, size_t n, vec best, size_t ahead)
{
    double total = 0;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        size_t end = n - begin < BLOCK ? n : begin + BLOCK, i = begin;
        vec sum = v_zero();
        for (; i + LANES <= end; i += LANES) {
            vec e = v_exp_below(v_sub(v_load(x + i), best));
            __builtin_prefetch(x + i + ahead);
            v_store(y + i, e);
            sum = v_add(sum, e);
        }
        if (i < end) {
            vec e = v_exp_below(v_sub(v_load_n(x + i, end - i, v_zero()), best));
            v_store_n(y + i, e, end - i);
            sum = v_add(sum, v_keep_n(e, end - i));
        }
        total += (double)v_sum(sum);
    }
    return total;
}

V_INLINE void scale_row(float *y, const float *e, size_t n, vec by, const bool past)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = v_mul(v_load(e + i), by);
        store_whole(y + i, v, past);
    }
    if (i < n)
        v_store_n(y + i, v_mul(v_load_n(e + i, n - i, v_zero()), by), n - i);
}

/* One row: the exponentials are kept in e, which may be y. */
V_INLINE void softmax_row(float *y, float *e, const float *x, size_t n, const bool past)
{
    double total = exp_less(e, x, n, largest_of(x, n), n < AHEAD ? AHEAD : n);
    scale_row(y, e, n, v_set((float)(1 / total)), past);
}

/* Many rows go through three steps: the maximum; the exponentials and their sum; the division.
 * Blocks of at most LANES rows follow one another two blocks apart, and one loop takes rows of
 * three blocks a step on, so that what is bound by loads, by arithmetic and by stores is done at
 * the same time. Meanwhile maxima and sums of the blocks between them come out of their lanes, for
 * all rows of a block at once. */
typedef struct softmax_pass {
    struct softmax_lanes { /* each in a line: what lies across two pages costs a row's time */
        _Alignas(64) float most[LANES * LANES], sums[LANES * LANES]; /* lanes of each row */
        double total[LANES];      /* of a row's BLOCKs before the last */
    } lanes[2];                   /* of two blocks: one is written, the other joined */
    float best[LANES], by[LANES]; /* of the rows that are computed, and of those that are stored */
    float *y, *kept; /* exponentials are kept in a ring of two blocks, or else (NULL) in y */
    const float *x;
    size_t n, rows, blocks; /* rows of a block */
} softmax_pass;

/* Rows of three blocks, and what they come with. */
typedef struct softmax_step {
    const float *next, *x, *before; /* numbers, numbers, exponentials */
    float *e, *y;
    vec most, best, sum, by;
} softmax_step;

/* LANES elements of each row, or n of them. */
V_INLINE void softmax_part(softmax_step *s, size_t i, size_t n, const bool past)
{
    s->most = v_max(s->most, load_up_to(s->next + i, n, s->most));
    vec e = v_exp_below(v_sub(load_up_to(s->x + i, n, v_zero()), s->best));
    vec y = v_mul(load_up_to(s->before + i, n, v_zero()), s->by);
    if (past)
        v_store_past(s->y + i, y);
    else
        store_up_to(s->y + i, y, n);
    store_up_to(s->e + i, e, n); /* now, as `before` or y may be in its place */
    s->sum = v_add(s->sum, n == LANES ? e : v_keep_n(e, n));
}

/* A row of each step; returns the sum of the BLOCKs of exponentials before the last one. */
V_INLINE double softmax_wave(softmax_step *s, size_t n, const bool past)
{
    double total = 0;
    size_t i = 0;
    s->most = v_set(-INFINITY);
    s->sum = v_zero();
    for (;;) {
        size_t end = n - i > BLOCK ? i + BLOCK : n;
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            __builtin_prefetch(s->next + i + AHEAD);
            __builtin_prefetch(s->next + i + FAR_AHEAD, 0, 2);
            softmax_part(s, i, LANES, past);
            softmax_part(s, i + LANES, LANES, past);
        }
        for (; i < end; i += LANES)
            softmax_part(s, i, end - i < LANES ? end - i : LANES, past);
        if (end == n)
            break;
        total += (double)v_sum(s->sum);
        s->sum = v_zero();
    }
    return total;
}

/* Block b is computed, the one two before it stored, the one two behind it looked through. Where
 * there is none, b is in its place: what is stored too early is written again later on. */
V_INLINE void softmax_block(softmax_pass *p, size_t b, const bool past)
{
    size_t n = p->n, size = p->rows * n, two = 2 * size;
    size_t forth = b + 2 < p->blocks ? two : 0, back = b >= 2 ? two : 0;
    const float *x = p->x + b * size;
    struct softmax_lanes *lanes = &p->lanes[b & 1];
    float *y = p->y + b * size, *e = past ? p->kept + (b & 1) * size : y;
    for (size_t k = 0; k < p->rows; k++, x += n, y += n, e += n) {
        softmax_step s = {.next = x + forth, .x = x, .e = e, .y = y - back};
        s.before = past ? e : s.y;
        s.best = v_set(p->best[k]);
        s.by = v_set(p->by[k]);
        double total = softmax_wave(&s, n, past);
        v_store(lanes->most + k * LANES, s.most);
        v_store(lanes->sums + k * LANES, s.sum);
        if (n > BLOCK)
            lanes->total[k] = total;
    }
}

/* The maxima of block b + 1 and the sums of block b - 1, as they were left before block b. */
V_INLINE void softmax_join(softmax_pass *p, size_t b)
{
    const struct softmax_lanes *lanes = &p->lanes[(b + 1) & 1];
    float sums[LANES];
    vec sum = v_across(lanes->sums, v_add);
    v_store(p->best, v_across(lanes->most, v_max));
    v_store(p->by, v_div(v_set(1.0f), sum));
    if (p->n > BLOCK) {
        v_store(sums, sum);
        for (size_t k = 0; k < LANES; k++)
            p->by[k] = (float)(1 / (lanes->total[k] + (double)sums[k]));
    }
}

/* Two blocks at least. */
V_INLINE void softmax_blocks(softmax_pass *p, const bool past)
{
    size_t n = p->n, size = p->rows * n;
    for (size_t k = 0; k < p->rows; k++) {
        p->best[k] = v_largest(largest_of(p->x + k * n, n));
        v_store(p->lanes[1].most + k * LANES, largest_of(p->x + size + k * n, n));
    }
    for (size_t b = 0; b < p->blocks + 2; b++) {
        if (b < p->blocks)
            softmax_block(p, b, past);
        else
            for (size_t k = 0; k < p->rows; k++) {
                float *y = p->y + (b - 2) * size + k * n;
                const float *e = past ? p->kept + (b & 1) * size + k * n : y;
                scale_row(y, e, n, v_set(p->by[k]), past);
            }
        softmax_join(p, b);
    }
}

/* Rows beyond the second cache, in pieces that stay in the first one: x is read once. A piece's
 * exponentials are those of the differences to the largest number so far, and make up for it in
 * the division, which goes along with the exponentials of the next row. They are kept in `kept`, a
 * row, or else (NULL) in y. */
V_INLINE void softmax_long(float *y, const float *x, size_t rows, size_t n, float *kept,
                           const bool past)
{
    enum { PIECES = 1024, PIECE = 2 * BLOCK };
    float best[PIECES], by[PIECES];
    size_t piece = (n + (size_t)PIECES * PIECE - 1) / ((size_t)PIECES * PIECE) * PIECE;
    for (size_t row = 0; row <= rows; row++, x += n, y += n) {
        float largest = -FLT_MAX; /* not -INFINITY, which a piece may be: x - best is no NaN */
        float *before = row > 0 ? y - n : y; /* where the row before this one goes */
        float *e = past ? kept : y, *last = past ? kept : before;
        double total = 0;
        vec most = row < rows ? largest_of(x, piece < n ? piece : n) : v_zero();
        for (size_t at = 0, k = 0, m; at < n; at += m, k++) {
            m = n - at < piece ? n - at : piece;
            if (row == rows) {
                scale_row(before + at, last + at, m, v_set(by[k]), past);
                continue;
            }
            float old = largest;
            largest = v_largest(v_max(v_set(largest), most));
            if (largest > old)
                total *= exp((double)old - (double)largest);
            best[k] = largest;
            size_t left = n - at - m, next = left < m ? left : m;
            if (row == 0) {
                total += exp_less(e + at, x + at, m, v_set(largest), AHEAD);
                most = left ? largest_of(x + at + m, next) : most;
                continue;
            }
            softmax_step s = {.next = left < m ? x + at : x + at + m, .x = x + at, .e = e + at};
            s.before = last + at;
            s.y = before + at;
            s.best = v_set(largest);
            s.by = v_set(by[k]);
            double sum = softmax_wave(&s, m, past);
            total += sum + (double)v_sum(s.sum);
            most = left && left < m ? largest_of(x + at + m, left) : v_set(v_largest(s.most));
        }
        for (size_t k = 0; k * piece < n && row < rows; k++)
            by[k] = (float)(exp((double)best[k] - (double)largest) / total);
    }
}

/* Rows of LANES numbers at least. A row's bits are the same by itself and among others. */
V_INLINE void softmax_rows(float *y, const float *x, size_t rows, size_t n, float *kept,
                           const bool past)
{
    enum { BLOCKS = 8 }; /* worth while from here on */
    if (n >= MICA_SOFTMAX_LONG) {
        softmax_long(y, x, rows, n, kept, past);
        return;
    }
    size_t block = n <= MICA_SOFTMAX_BLOCK / LANES ? LANES
                   : n < MICA_SOFTMAX_BLOCK        ? MICA_SOFTMAX_BLOCK / n
                                                   : 1;
    size_t blocks = rows / block, i = 0;
    if (n == LANES && blocks) {
        softmax_squares(y, x, blocks, past);
        i = blocks * block;
    } else if (blocks >= BLOCKS) {
        softmax_pass p = {.y = y, .kept = kept, .x = x, .n = n, .rows = block, .blocks = blocks};
        softmax_blocks(&p, past);
        i = blocks * block;
    }
    for (; i < rows; i++)
        softmax_row(y + i * n, past ? kept : y + i * n, x + i * n, n, past);
}

static void k_softmax(float *y, const float *x, size_t rows, size_t n)
{
    size_t i = 0;
    if (n >= LANES) {
        softmax_rows(y, x, rows, n, NULL, false);
        return;
    }
    for (; n > 0 && i + 4 <= rows; i += 4)
        softmax_short(4, y + i * n, x + i * n, n);
    for (; n > 0 && i < rows; i++)
        softmax_short(1, y + i * n, x + i * n, n);
}

static void k_softmax_past(float *y, const float *x, size_t rows, size_t n, float *kept)
{
    softmax_rows(y, x, rows, n, kept, true);
}

/* A vector of columns down n rows. */
V_INLINE void softmax_down(float *y, const float *x, size_t n, size_t stride, size_t columns)
{
    vec best = v_set(-INFINITY), nan = v_zero();
    for (size_t i = 0; i < n; i++) {
        vec v = load_up_to(x + i * stride, columns, v_zero());
        best = v_max(best, v);
        nan = v_where_nan(v, v, nan);
    }
    best = v_where_nan(nan, nan, best);
    double totals[LANES] = {0};
    vec sum = v_zero();
    for (size_t i = 0; i < n; i++) {
        vec e = v_exp_below(v_sub(load_up_to(x + i * stride, columns, v_zero()), best));
        store_up_to(y + i * stride, e, columns);
        sum = v_add(sum, e);
        if (i % BLOCK == BLOCK - 1) {
            v_add_double(totals, sum);
            sum = v_zero();
        }
    }
    v_add_double(totals, sum);
    float inverses[LANES];
    for (size_t j = 0; j < LANES; j++)
        inverses[j] = (float)(1 / totals[j]);
    vec by = v_load(inverses);
    for (size_t i = 0; i < n; i++)
        store_up_to(y + i * stride, v_mul(load_up_to(y + i * stride, columns, v_zero()), by),
                    columns);
}

static void k_softmax_columns(float *y, const float *x, size_t n, size_t stride, size_t columns)
{
    size_t j = 0;
    for (; j + LANES <= columns; j += LANES)
        softmax_down(y + j, x + j, n, stride, LANES);
    if (j < columns)
        softmax_down(y + j, x + j, n, stride, columns - j);
}

#endif
