/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers, written once for every width of vector. A file that includes this
 * brings int8_sums, which adds to acc[i] the products of row i of A with two vectors of B's columns
 * over k words: gemm_int8_dot.h has it for dot products.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_INT8_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_INT8_H

#include <math.h>
#include <string.h>

#include "backends/cpu/simd/int8_tail.h"

/* Sums so far of a row of fewer columns than the tile has; out of line as store_part is. */
static __attribute__((noinline)) void int8_load_part(const float *c, size_t n, vec x[2])
{
    bool whole = n >= LANES;
    x[0] = whole ? v_load(c) : v_load_n(c, n, v_zero());
    x[1] = n > LANES ? v_load_n(c + LANES, n - LANES, v_zero()) : v_zero();
}

/* What the sums of a row start from. */
V_TILE void int8_start(const float *c, size_t n, bool add, ivec acc[2])
{
    acc[0] = acc[1] = i_zero();
    if (add && n == TILE_NR) {
        acc[0] = v_bits(v_load(c));
        acc[1] = v_bits(v_load(c + LANES));
    } else if (add) {
        vec x[2];
        int8_load_part(c, n, x);
        acc[0] = v_bits(x[0]);
        acc[1] = v_bits(x[1]);
    } else {
        __builtin_prefetch(c);
        __builtin_prefetch(c + n - 1);
    }
}

V_TILE void int8_tile_of(const size_t m, size_t n, size_t k, const uint32_t *a, const int32_t *b,
                         float *c, size_t ldc, bool add, const mica_int8_tail *tail,
                         mica_ahead ahead)
{
    ivec acc[TILE_MAX_ROWS][2];
    V_UNROLL
    for (size_t i = 0; i < m; i++)
        int8_start(c + i * ldc, n, add, acc[i]);
    int8_sums(m, k, a, b, acc, ahead);
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        vec x0 = tail ? int8_result(acc[i][0], i, 0, tail) : i_bits(acc[i][0]);
        vec x1 = tail ? int8_result(acc[i][1], i, 1, tail) : i_bits(acc[i][1]);
        store_row(c + i * ldc, x0, x1, n, false, false, tail ? tail->bias : NULL);
    }
}

static void int8_tile(size_t m, size_t n, size_t k, const void *a, const void *b, float *c,
                      size_t ldc, bool add, const mica_int8_tail *tail, mica_ahead ahead)
{
    TILE_OF_HEIGHT(m, int8_tile_of, n, k, a, b, c, ldc, add, tail, ahead);
}

/* The least and the largest so far, and a NaN if there was one. Chains of several are shorter. */
typedef struct int8_extremes {
    vec least, most, bad;
} int8_extremes;

V_INLINE void int8_take(int8_extremes *e, vec v)
{
    e->bad = v_where_nan(v, v, e->bad);
    e->least = v_min(e->least, v);
    e->most = v_max(e->most, v);
}

static void int8_range(const float *x, size_t n, float *low, float *high)
{
    enum { CHAINS = 4 };
    const int8_extremes none = {v_zero(), v_zero(), v_zero()};
    int8_extremes e[CHAINS] = {none, none, none, none};
    size_t i = 0;
    for (; i + CHAINS * LANES <= n; i += CHAINS * LANES) {
        V_UNROLL
        for (size_t c = 0; c < CHAINS; c++)
            int8_take(&e[c], v_load(x + i + c * LANES));
    }
    for (; i < n; i += LANES)
        int8_take(&e[0], n - i < LANES ? v_load_n(x + i, n - i, v_zero()) : v_load(x + i));
    V_UNROLL
    for (size_t c = 1; c < CHAINS; c++) {
        e[0].bad = v_where_nan(e[c].bad, e[c].bad, e[0].bad);
        e[0].least = v_min(e[0].least, e[c].least);
        e[0].most = v_max(e[0].most, e[c].most);
    }
    *low = v_any_nan(e[0].bad) ? NAN : -v_largest(v_neg(e[0].least));
    *high = v_largest(e[0].most);
}

/* Each number with the next one, of which every other sum counts. */
static float int8_largest_pair(const float *x, size_t n)
{
    float first[LANES];
    for (size_t k = 0; k < LANES; k++)
        first[k] = k % 2 == 0;
    vec count = v_load(first), most = v_zero();
    for (size_t i = 0; i < n; i += LANES) {
        size_t left = n - i;
        vec a = left < LANES ? v_load_n(x + i, left, v_zero()) : v_load(x + i);
        vec b = left <= LANES ? v_load_n(x + i + 1, left - 1, v_zero()) : v_load(x + i + 1);
        vec above = v_add(v_max(v_zero(), a), v_max(v_zero(), b));
        vec below = v_add(v_max(v_zero(), v_neg(a)), v_max(v_zero(), v_neg(b)));
        most = v_max(most, v_mul(v_max(above, below), count));
    }
    return v_largest(most);
}

V_INLINE ivec int8_steps(vec x, vec by, ivec zero)
{
    return i_add(i_round(v_mul(x, by)), zero);
}

static void int8_quantize(void *to, const float *x, size_t n, float inverse, int32_t zero)
{
    enum { MANY = 4 };
    vec by = v_set(inverse);
    ivec at = i_set(zero);
    char *y = to;
    size_t i = 0;
    for (; i + MANY * LANES <= n; i += MANY * LANES) {
        ivec q[MANY];
        V_UNROLL
        for (size_t k = 0; k < MANY; k++)
            q[k] = int8_steps(v_load(x + i + k * LANES), by, at);
        i_store_four(y + i, q);
    }
    for (; i < n; i += LANES) {
        size_t left = n - i;
        vec v = left < LANES ? v_load_n(x + i, left, v_zero()) : v_load(x + i);
        ivec q = i_max(i_zero(), i_min(i_set(255), int8_steps(v, by, at)));
        if (left >= LANES) {
            i_store_bytes(y + i, q);
        } else { /* what is beyond the row meets zeros of B, but must not be read from nowhere */
            char rest[LANES];
            i_store_bytes(rest, q);
            memcpy(y + i, rest, (left + 3) / 4 * 4);
        }
    }
}

static void int8_fill(mica_kernels *kernels, const char *name)
{
    kernels->int8.tile = int8_tile;
    kernels->int8.mr = TILE_MR;
    kernels->int8.a_floats = 1 << 16; /* half of a second cache */
    kernels->int8.range = int8_range;
    kernels->int8.largest_pair = int8_largest_pair;
    kernels->int8.quantize = int8_quantize;
    kernels->int8.a_bias = I_BIAS;
    kernels->int8.name = name;
}

#endif
