/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products, written once for every width of vector. A tile is `m` rows by two
 * vectors; its sums stay in registers over all of k:
 *
 *             b[p][0..1]            per step p: 2 loads of b, m broadcasts of a, 2 m fused
 *          +----+----+              multiply-adds
 *   a[0][p]| acc 0   |
 *   a[1][p]| acc 1   |
 *     ...  |  ...    |
 *
 * m is a constant where gemm_tile_of is inlined, so that the loops over rows unroll and `acc` lives
 * in registers. The sum of an element is the same chain of operations for every m and every place.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_TILE_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_TILE_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd/math.h"

/* V_TILE: what is unrolled for every height of tile. Checking the arithmetic of each of its indices
 * takes a sanitizer's build a minute a file; addresses are checked. */
#if defined(__clang__)
#define V_TILE V_INLINE __attribute__((no_sanitize("undefined")))
#else
#define V_TILE V_INLINE
#endif

/* Of 32 registers 28 hold sums, of 16 registers 12; of the 32 that are 16 pairs, 24. */
enum { TILE_NR = 2 * LANES, TILE_MAX_ROWS = 14, TILE_MR = LANES == 16 ? 14 : 6 };

/* A row of fewer columns than the tile has. A function of its own: inlined for every row of every
 * size of tile it makes a compiler's sanitizers take minutes. */
static __attribute__((noinline)) void store_part(float *c, vec x0, vec x1, size_t n, bool add,
                                                 const float *bias)
{
    size_t n0 = n < LANES ? n : LANES, n1 = n - n0;
    if (n0 == LANES) {
        x0 = add ? v_add(v_load(c), x0) : x0;
        x0 = bias ? v_add(x0, v_load(bias)) : x0;
        v_store(c, x0);
    } else {
        x0 = add ? v_add(v_load_n(c, n0, x0), x0) : x0;
        x0 = bias ? v_add(x0, v_load_n(bias, n0, x0)) : x0;
        v_store_n(c, x0, n0);
    }
    if (n1) {
        x1 = add ? v_add(v_load_n(c + LANES, n1, x1), x1) : x1;
        x1 = bias ? v_add(x1, v_load_n(bias + LANES, n1, x1)) : x1;
        v_store_n(c + LANES, x1, n1);
    }
}

/* Adds what is asked for and stores one row of the tile: n of its columns. */
V_TILE void store_row(float *c, vec x0, vec x1, size_t n, bool add, bool past, const float *bias)
{
    if (past) {
        v_store_past(c, bias ? v_add(x0, v_load(bias)) : x0);
        v_store_past(c + LANES, bias ? v_add(x1, v_load(bias + LANES)) : x1);
        return;
    }
    if (n == TILE_NR) {
        if (add) {
            x0 = v_add(v_load(c), x0);
            x1 = v_add(v_load(c + LANES), x1);
        }
        if (bias) {
            x0 = v_add(x0, v_load(bias));
            x1 = v_add(x1, v_load(bias + LANES));
        }
        v_store(c, x0);
        v_store(c + LANES, x1);
        return;
    }
    store_part(c, x0, x1, n, add, bias);
}

/* Sums from zero; C comes from far away: it is asked for now and used after the sums. (The end of a
 * row is most often the beginning of the next tile's.) */
V_TILE void tile_begin(const size_t m, const float *c, size_t ldc, bool past, vec acc[][2])
{
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        if (!past)
            __builtin_prefetch(c + i * ldc, 1);
        acc[i][0] = acc[i][1] = v_zero();
    }
}

V_TILE void ask_line(const char *at)
{
    __builtin_prefetch(at, 0, 2);
    if (LANES == 16)
        __builtin_prefetch(at + 64, 0, 2);
}

/* One step of k: into the second cache, since more comes than the first one holds. A step may be as
 * long as the row of a panel, which is two lines where vectors are one. Few rows ask again. */
V_TILE void tile_ask(const size_t m, mica_ahead *ahead)
{
    enum { FEW = LANES == 16 ? 8 : 4 };
    ask_line(ahead->at);
    ahead->at += ahead->step;
    if (m <= FEW) {
        ask_line(ahead->again);
        ahead->again += ahead->step;
        /* Both before B is loaded, and not where a compiler likes: among loads more are dropped. */
        __asm__ volatile("" ::: "memory");
    }
}

V_TILE void tile_end(const size_t m, size_t n, float *c, size_t ldc, vec acc[][2], bool add,
                     bool past, const float *bias)
{
    V_UNROLL
    for (size_t i = 0; i < m; i++)
        store_row(c + i * ldc, acc[i][0], acc[i][1], n, add, past, bias);
}

V_TILE void gemm_tile_of(const size_t m, const bool fetch, size_t n, size_t k,
                         const mica_gemm_sides *sides, float *c, size_t ldc, bool add, bool past,
                         const float *bias, mica_ahead ahead)
{
    enum { LINE = 16, BY = 3, BASES = (TILE_MAX_ROWS + BY - 1) / BY };
    const int64_t lda = sides->lda;
    const float *b = sides->b, *a[BASES];
    vec acc[TILE_MAX_ROWS][2];
    V_UNROLL
    for (size_t i = 0; i * BY < m; i++)
        a[i] = sides->a + (int64_t)(i * BY) * lda;
    tile_begin(m, c, ldc, past, acc);
    for (size_t p = 0; p < k; p++) {
        tile_ask(m, &ahead);
        vec b0 = v_load(b), b1 = v_load(b + LANES);
        if (fetch && p % LINE == 0) {
            V_UNROLL
            for (size_t i = 0; i < m; i++) {
                __builtin_prefetch(sides->next_a + (int64_t)i * sides->lda + p, 0, 2);
                __builtin_prefetch(sides->a + (int64_t)i * sides->lda + p + 2 * LINE);
            }
        }
        b += sides->ldb;
        V_UNROLL
        for (size_t i = 0; i < m; i++) {
            vec x = v_factor(a[i / BY] + (int64_t)(i % BY) * lda);
            acc[i][0] = v_fma_by(x, b0, acc[i][0]);
            acc[i][1] = v_fma_by(x, b1, acc[i][1]);
        }
        V_UNROLL
        for (size_t i = 0; i * BY < m; i++)
            a[i]++;
    }
    tile_end(m, n, c, ldc, acc, add, past, bias);
}

/* Calls `of` with the height as a constant. Heights that no tile of this width has are not
 * compiled. */
#define TILE_CASE(height, of, ...)                                                                 \
    case height:                                                                                   \
        if ((height) <= TILE_MR)                                                                   \
            of(height, __VA_ARGS__);                                                               \
        break;
#define TILE_OF_HEIGHT(m, of, ...)                                                                 \
    switch (m) {                                                                                   \
        TILE_CASE(1, of, __VA_ARGS__)                                                              \
        TILE_CASE(2, of, __VA_ARGS__)                                                              \
        TILE_CASE(3, of, __VA_ARGS__)                                                              \
        TILE_CASE(4, of, __VA_ARGS__)                                                              \
        TILE_CASE(5, of, __VA_ARGS__)                                                              \
        TILE_CASE(6, of, __VA_ARGS__)                                                              \
        TILE_CASE(7, of, __VA_ARGS__)                                                              \
        TILE_CASE(8, of, __VA_ARGS__)                                                              \
        TILE_CASE(9, of, __VA_ARGS__)                                                              \
        TILE_CASE(10, of, __VA_ARGS__)                                                             \
        TILE_CASE(11, of, __VA_ARGS__)                                                             \
        TILE_CASE(12, of, __VA_ARGS__)                                                             \
        TILE_CASE(13, of, __VA_ARGS__)                                                             \
        TILE_CASE(14, of, __VA_ARGS__)                                                             \
    default:                                                                                       \
        break;                                                                                     \
    }

static inline void gemm_tile(size_t m, size_t n, size_t k, const float *a, const float *b, float *c,
                             size_t ldc, bool add, const float *bias, mica_ahead ahead)
{
    const mica_gemm_sides packed = {a, NULL, MICA_GEMM_A_STRIDE, b, TILE_NR, 0};
    TILE_OF_HEIGHT(m, gemm_tile_of, false, n, k, &packed, c, ldc, add, false, bias, ahead);
}

/* Tiles side by side: from the last sum of one to the first of the next there is little to do but
 * to store, which goes on beside the sums. A is asked for along the first, from where the others
 * find it near. */
V_TILE void gemm_strip_of(const size_t m, size_t n, size_t k, const mica_gemm_sides *sides,
                          float *c, size_t ldc, bool add, bool past, const float *bias,
                          mica_ahead ahead, size_t ahead_panel)
{
    mica_gemm_sides at = *sides;
    size_t left = n;
    if (at.next_a && left >= TILE_NR) {
        gemm_tile_of(m, true, TILE_NR, k, &at, c, ldc, add, past, bias, ahead);
        left -= TILE_NR;
    }
    while (left > 0) {
        size_t done = n - left, panel = done / TILE_NR;
        const mica_ahead ask = mica_ahead_by(ahead, panel * ahead_panel);
        const float *more = bias ? bias + done : NULL;
        at.b = sides->b + panel * at.next_panel;
        if (left < TILE_NR) {
            gemm_tile_of(m, false, left, k, &at, c + done, ldc, add, false, more, ask);
            break;
        }
        gemm_tile_of(m, false, TILE_NR, k, &at, c + done, ldc, add, past, more, ask);
        left -= TILE_NR;
    }
}

static inline void gemm_strip(size_t m, size_t n, size_t k, const mica_gemm_sides *sides, float *c,
                              size_t ldc, bool add, bool past, const float *bias, mica_ahead ahead,
                              size_t ahead_panel)
{
    const mica_gemm_sides here = *sides;
    TILE_OF_HEIGHT(m, gemm_strip_of, n, k, &here, c, ldc, add, past, bias, ahead, ahead_panel);
}

/* `vectors` vectors of columns of one row, over a block of k, added to y. B is not packed. */
V_INLINE void gemm_row_of(const size_t vectors, size_t n, size_t k, const float *a, int64_t a_step,
                          const float *b, int64_t b_row, float *y, bool add)
{
    vec acc[8];
    V_UNROLL
    for (size_t i = 0; i < vectors; i++)
        acc[i] = v_zero();
    for (size_t p = 0; p < k; p++, a += a_step, b += b_row) {
        vec x = v_set(*a);
        V_UNROLL
        for (size_t i = 0; i < vectors; i++) {
            bool whole = (i + 1) * LANES <= n;
            vec v =
                whole ? v_load(b + i * LANES) : v_load_n(b + i * LANES, n - i * LANES, v_zero());
            acc[i] = v_fma(x, v, acc[i]);
        }
    }
    V_UNROLL
    for (size_t i = 0; i < vectors; i++) {
        float *to = y + i * LANES;
        size_t m = n - i * LANES;
        if (m >= LANES)
            v_store(to, add ? v_add(v_load(to), acc[i]) : acc[i]);
        else
            v_store_n(to, add ? v_add(v_load_n(to, m, v_zero()), acc[i]) : acc[i], m);
    }
}

static inline void gemm_row(size_t n, size_t k, const float *a, int64_t a_step, const float *b,
                            int64_t b_row, float *y)
{
    size_t blocks = k ? (k + MICA_GEMM_KC - 1) / MICA_GEMM_KC : 1;
    size_t most = (k + blocks - 1) / blocks, begin = 0;
    do {
        size_t kc = k - begin < most ? k - begin : most, j = 0;
        const float *ab = a + (int64_t)begin * a_step, *bb = b + (int64_t)begin * b_row;
        for (; j + 8 * LANES <= n; j += 8 * LANES)
            gemm_row_of(8, 8 * LANES, kc, ab, a_step, bb + j, b_row, y + j, begin > 0);
        for (; j < n; j += LANES) {
            size_t m = n - j < LANES ? n - j : LANES;
            if (m == LANES)
                gemm_row_of(1, LANES, kc, ab, a_step, bb + j, b_row, y + j, begin > 0);
            else
                gemm_row_of(1, m, kc, ab, a_step, bb + j, b_row, y + j, begin > 0);
        }
        begin += most;
    } while (begin < k);
}

/* Rows of A and panels of B that are taken together: see kernels.h. */
static inline void gemm_fill(mica_kernels *kernels, size_t mc, size_t nc)
{
    kernels->gemm.tile = gemm_tile;
    kernels->gemm.strip = gemm_strip;
    kernels->gemm.row = gemm_row;
    kernels->gemm.mr = TILE_MR;
    kernels->gemm.nr = TILE_NR;
    kernels->gemm.mc = mc;
    kernels->gemm.nc = nc;
}

#endif
