/* SPDX-License-Identifier: MIT
 *
 * Operations on one row, written once for every width of vector: an instruction set's rows.c
 * includes its vector.h, then this, and calls rows_fill.
 *
 * Sums run over blocks of 1024 elements in two vectors of lanes; blocks are added in double. So the
 * order depends on the row's length alone, and long rows do not lose precision.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_ROWS_H
#define MICA_BACKENDS_CPU_SIMD_ROWS_H

#include <math.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd/math.h"

/* Rows whose exponentials are computed together. */
enum { BLOCK = 1024, EXP_ROWS = 4 };

V_INLINE vec of_itself(vec x, vec centre)
{
    return x;
}

V_INLINE vec of_difference(vec x, vec centre)
{
    return v_sub(x, centre);
}

V_INLINE vec of_squared_difference(vec x, vec centre)
{
    vec d = v_sub(x, centre);
    return v_mul(d, d);
}

/* The sum of f(x[i], centre); f is a constant where this is called. */
V_INLINE double sum_of(const float *x, size_t n, float centre_at, vec (*f)(vec, vec))
{
    vec centre = v_set(centre_at);
    double total = 0;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        size_t end = n - begin < BLOCK ? n : begin + BLOCK, i = begin;
        vec a = v_zero(), b = v_zero();
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            a = v_add(a, f(v_load(x + i), centre));
            b = v_add(b, f(v_load(x + i + LANES), centre));
        }
        if (i + LANES <= end) {
            a = v_add(a, f(v_load(x + i), centre));
            i += LANES;
        }
        if (i < end)
            b = v_add(b, v_keep_n(f(v_load_n(x + i, end - i, v_zero()), centre), end - i));
        total += (double)v_sum(v_add(a, b));
    }
    return total;
}

static double k_sum(const float *x, size_t n)
{
    return sum_of(x, n, 0, of_itself);
}

static float k_max(const float *x, size_t n)
{
    vec best = v_set(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        best = v_where_nan(best, best, v_max(best, v_load(x + i)));
    if (i < n)
        best = v_where_nan(best, best, v_max(best, v_load_n(x + i, n - i, v_set(-INFINITY))));
    return v_any_nan(best) ? NAN : v_largest(best);
}

static float k_min(const float *x, size_t n)
{
    vec best = v_set(INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        best = v_where_nan(best, best, v_min(best, v_load(x + i)));
    if (i < n)
        best = v_where_nan(best, best, v_min(best, v_load_n(x + i, n - i, v_set(INFINITY))));
    return v_any_nan(best) ? NAN : v_smallest(best);
}

/* LANES elements of a row from i on, or those that there are; other lanes are the first of
 * the row, which changes no maximum. */
V_INLINE vec exp_load(const float *x, size_t i, size_t n)
{
    return n - i < LANES ? v_load_n(x + i, n - i, v_set(x[0])) : v_load(x + i);
}

/* m rows, whose chains of operations do not wait for one another. */
V_INLINE void exp_rows_of(const size_t m, float *x, size_t n, size_t ld, vec scale, float *sums)
{
    vec best[EXP_ROWS], sum[EXP_ROWS];
    size_t i = 0;
    V_UNROLL
    for (size_t k = 0; k < m; k++) {
        best[k] = v_set(-INFINITY);
        sum[k] = v_zero();
    }
    for (i = 0; i < n; i += LANES) {
        V_UNROLL
        for (size_t k = 0; k < m; k++)
            best[k] = v_max(best[k], v_mul(exp_load(x + k * ld, i, n), scale));
    }
    /* A NaN may be lost from the maximum, but not from the sum. */
    V_UNROLL
    for (size_t k = 0; k < m; k++)
        best[k] = v_set(v_largest(best[k]));
    for (i = 0; i + LANES <= n; i += LANES) {
        V_UNROLL
        for (size_t k = 0; k < m; k++) {
            float *at = x + k * ld + i;
            vec e = v_exp(v_sub(v_mul(v_load(at), scale), best[k]));
            v_store(at, e);
            sum[k] = v_add(sum[k], e);
        }
    }
    V_UNROLL
    for (size_t k = 0; k < m && i < n; k++) {
        float *at = x + k * ld + i;
        vec e = v_exp(v_sub(v_mul(v_load_n(at, n - i, v_zero()), scale), best[k]));
        v_store_n(at, e, n - i);
        sum[k] = v_add(sum[k], v_keep_n(e, n - i));
    }
    V_UNROLL
    for (size_t k = 0; k < m; k++)
        sums[k] = v_sum(sum[k]);
}

static void k_exp_rows(float *x, size_t rows, size_t n, size_t ld, float scale, float *sums)
{
    vec by = v_set(scale);
    size_t i = 0;
    for (; i + EXP_ROWS <= rows; i += EXP_ROWS)
        exp_rows_of(EXP_ROWS, x + i * ld, n, ld, by, sums + i);
    for (; i < rows; i++)
        exp_rows_of(1, x + i * ld, n, ld, by, sums + i);
}

/* One vector of the result: ((s - mean) * inverse + shift) * weight + bias. */
V_INLINE vec normalized(vec s, vec mean, vec inverse, vec shift, vec weight, vec bias)
{
    return v_fma(v_fma(v_sub(s, mean), inverse, shift), weight, bias);
}

static void k_layer_norm(float *y, const float *x, const float *residual, const float *weight,
                         const float *bias, size_t n, float eps)
{
    const float *s = x;
    size_t i = 0;
    if (residual) { /* the sum is kept in y between the passes */
        for (; i + LANES <= n; i += LANES)
            v_store(y + i, v_add(v_load(x + i), v_load(residual + i)));
        if (i < n)
            v_store_n(
                y + i,
                v_add(v_load_n(x + i, n - i, v_zero()), v_load_n(residual + i, n - i, v_zero())),
                n - i);
        s = y;
    }
    float mean_of = (float)(sum_of(s, n, 0, of_itself) / (double)n);
    double variance = sum_of(s, n, mean_of, of_squared_difference) / (double)n, off = 0;
    /* The mean is rounded, and so are the sums on the way to it: what it is off by counts where the
     * elements differ by far less than they are away from 0. */
    if (16 * variance < (double)mean_of * (double)mean_of) {
        off = sum_of(s, n, mean_of, of_difference) / (double)n;
        variance = fmax(0, variance - off * off);
    }
    double inverse_of = 1 / sqrt(variance + (double)eps);
    vec mean = v_set(mean_of), inverse = v_set((float)inverse_of);
    vec shift = v_set((float)(-off * inverse_of)), one = v_set(1.0f), zero = v_zero();
    for (i = 0; i + LANES <= n; i += LANES)
        v_store(y + i,
                normalized(v_load(s + i), mean, inverse, shift, weight ? v_load(weight + i) : one,
                           bias ? v_load(bias + i) : zero));
    if (i < n)
        v_store_n(y + i,
                  normalized(v_load_n(s + i, n - i, zero), mean, inverse, shift,
                             weight ? v_load_n(weight + i, n - i, zero) : one,
                             bias ? v_load_n(bias + i, n - i, zero) : zero),
                  n - i);
}

static void k_l2_normalize(float *y, const float *x, size_t n, float eps)
{
    double norm = sqrt(sum_of(x, n, 0, of_squared_difference));
    vec by = v_set(norm < (double)eps ? eps : (float)norm);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, v_div(v_load(x + i), by));
    if (i < n)
        v_store_n(y + i, v_div(v_load_n(x + i, n - i, v_zero()), by), n - i);
}

V_INLINE void widen(float *y, const uint16_t *x, size_t n, vec (*f)(const uint16_t *))
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, f(x + i));
    if (i < n) {
        uint16_t rest[LANES] = {0};
        for (size_t j = 0; i + j < n; j++)
            rest[j] = x[i + j];
        v_store_n(y + i, f(rest), n - i);
    }
}

static void k_widen_f16(float *y, const uint16_t *x, size_t n)
{
    widen(y, x, n, v_from_f16);
}

static void k_widen_bf16(float *y, const uint16_t *x, size_t n)
{
    widen(y, x, n, v_from_bf16);
}

/* The same of fewer rows than LANES, and LANES columns. */
static void transpose_few(float *y, size_t ldy, const float *x, size_t ldx, size_t rows)
{
    float from[LANES * LANES] = {0}, to[LANES * LANES];
    for (size_t r = 0; r < rows; r++)
        v_store(from + r * LANES, v_load(x + r * ldx));
    v_transpose(to, LANES, from, LANES);
    for (size_t c = 0; c < LANES; c++)
        v_store_n(y + c * ldy, v_load(to + c * LANES), rows);
}

static void k_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows,
                        size_t columns)
{
    size_t whole_rows = rows - rows % LANES, whole_columns = columns - columns % LANES;
    for (size_t r = 0; r < whole_rows; r += LANES)
        for (size_t c = 0; c < whole_columns; c += LANES)
            v_transpose(y + c * ldy + r, ldy, x + r * ldx + c, ldx);
    for (size_t c = 0; c < whole_columns && whole_rows < rows; c += LANES)
        transpose_few(y + c * ldy + whole_rows, ldy, x + whole_rows * ldx + c, ldx,
                      rows - whole_rows);
    for (size_t c = whole_columns; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            y[c * ldy + r] = x[r * ldx + c];
}

static void rows_fill(mica_kernels *kernels)
{
    kernels->sum = k_sum;
    kernels->max = k_max;
    kernels->min = k_min;
    kernels->exp_rows = k_exp_rows;
    kernels->layer_norm = k_layer_norm;
    kernels->l2_normalize = k_l2_normalize;
    kernels->widen_f16 = k_widen_f16;
    kernels->widen_bf16 = k_widen_bf16;
    kernels->transpose = k_transpose;
}

#endif
