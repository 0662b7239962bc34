/* SPDX-License-Identifier: MIT
 *
 * The narrow product, for vectors as wide as its rows. A file that includes this after vector.h has
 *
 *   set_two    two numbers from p on, in all pairs of lanes
 *   set_one    one number, and 0 beside it
 *   sum_pairs  sums of neighbours: of the four pairs of a, then of b
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_NARROW_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_NARROW_H

#include "backends/cpu/simd/gemm_tile.h"

_Static_assert((int)LANES == (int)MICA_NARROW_N, "a row of the narrow product is a vector");
_Static_assert(TILE_MR == 6, "a tile's rows are addressed from two of them");

/* A call of the narrow product. */
typedef struct narrow {
    size_t n, segments, length, lda;
    const float *const *a;
    const float *b;
    float *c;
    size_t ldc;
    bool past;
    const float *bias;
    size_t ahead; /* floats of the next rows to be fetched for each pair of steps */
} narrow;

/* Rows [first, first + m). Two steps of k lie beside one another in a vector, for 4 columns: so a
 * load of two numbers of a row serves two multiply-adds, and 12 of these need 8 loads. (With one
 * step in a vector of 8 columns they need 13, and loads are the limit.) Rows are addressed from
 * every third, by multiples of lda that processors add themselves. */
V_INLINE void narrow_of(const size_t m, const bool fetch, const narrow *t, size_t first)
{
    vec low[TILE_MR], high[TILE_MR];
    const float *b = t->b;
    V_UNROLL
    for (size_t i = 0; i < m; i++)
        low[i] = high[i] = v_zero();
    for (size_t s = 0; s < t->segments; s++) {
        const float *r0 = t->a[s] + first * t->lda, *r3 = r0 + (m > 3 ? 3 * t->lda : 0);
        const float *next = r0 + m * t->lda;
        size_t p = 0;
        for (; p + 2 <= t->length; p += 2, b += 2 * MICA_NARROW_N) {
            vec u = v_load(b), v = v_load(b + LANES);
            if (fetch) {
                __builtin_prefetch(next);
                next += t->ahead;
            }
            V_UNROLL
            for (size_t i = 0; i < m; i++) {
                vec x = set_two((i < 3 ? r0 : r3) + i % 3 * t->lda + p);
                low[i] = v_fma(x, u, low[i]);
                high[i] = v_fma(x, v, high[i]);
            }
        }
        if (p == t->length)
            continue;
        vec u = v_load(b), v = v_load(b + LANES);
        V_UNROLL
        for (size_t i = 0; i < m; i++) {
            vec x = set_one((i < 3 ? r0 : r3) + i % 3 * t->lda + p);
            low[i] = v_fma(x, u, low[i]);
            high[i] = v_fma(x, v, high[i]);
        }
        b += 2 * MICA_NARROW_N;
    }
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        float *c = t->c + (first + i) * t->ldc;
        vec sum = sum_pairs(low[i], high[i]);
        if (t->n < MICA_NARROW_N) {
            v_store_n(c, t->bias ? v_add(sum, v_load_n(t->bias, t->n, v_zero())) : sum, t->n);
            continue;
        }
        sum = t->bias ? v_add(sum, v_load(t->bias)) : sum;
        if (t->past)
            v_store_past(c, sum);
        else
            v_store(c, sum);
    }
}

V_INLINE void narrow_rows(size_t rows, const bool fetch, const narrow *t, size_t first)
{
    TILE_OF_HEIGHT(rows, narrow_of, fetch, t, first);
}

/* Tiles as equal as can be: two of 4 rows are as fast as they can be, 6 and 2 are not. Long
 * segments come from far away: the next tile's are fetched. */
static void k_narrow(size_t m, size_t n, size_t segments, size_t length, const float *const *a,
                     size_t lda, const float *b, float *c, size_t ldc, bool past, const float *bias)
{
    enum { LONG = 32 };
    narrow t = {n, segments, length, lda, a, b, c, ldc, past, bias, 0};
    size_t tiles = (m + TILE_MR - 1) / TILE_MR;
    size_t least = m ? m / tiles : 0, larger = m - least * tiles; /* tiles of a row more */
    t.ahead = length ? (2 * TILE_MR * lda + length - 1) / length : 0;
    for (size_t i = 0, rows; i<m; i += rows, larger -= larger> 0) {
        rows = least + (larger > 0);
        if (length >= LONG)
            narrow_rows(rows, true, &t, i);
        else
            narrow_rows(rows, false, &t, i);
    }
}

#endif
