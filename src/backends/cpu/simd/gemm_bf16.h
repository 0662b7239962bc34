/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers without an instruction for them, written once for every width of
 * vector. A is packed as float32; a word of B holds two numbers, which a shift and a mask bring to
 * float32:
 *
 *   word of B   [ odd k | even k ]     even: word << 16     odd: word & 0xffff0000
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_BF16_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_BF16_H

#include "backends/cpu/simd/gemm_tile.h"

/* Two rows or one take two panels at once: the two sums of a row in one panel are chains that leave
 * a processor idle for half of the time, since each step waits for the one before. */
enum { FEW_ROWS = 2, AT_ONCE = 2 };

/* Adds the products of m rows and one word of each column. */
V_TILE void bf16_step(const size_t m, const float *a, const float *b, vec acc[][2])
{
    vec b0 = v_even_bf16(v_load(b)), b1 = v_even_bf16(v_load(b + LANES));
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        vec x = v_factor(a + i * MICA_GEMM_A_STRIDE);
        acc[i][0] = v_fma_by(x, b0, acc[i][0]);
        acc[i][1] = v_fma_by(x, b1, acc[i][1]);
    }
    b0 = v_odd_bf16(v_load(b));
    b1 = v_odd_bf16(v_load(b + LANES));
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        vec x = v_factor(a + i * MICA_GEMM_A_STRIDE + 1);
        acc[i][0] = v_fma_by(x, b0, acc[i][0]);
        acc[i][1] = v_fma_by(x, b1, acc[i][1]);
    }
}

/* `panels` at once, the last of which has fewer columns where n says so. */
V_TILE void bf16_tile_of(const size_t m, const size_t panels, size_t n, size_t k, const float *a,
                         const float *b, size_t next_panel, float *c, size_t ldc, bool add,
                         const float *bias, mica_ahead ahead)
{
    vec acc[TILE_MAX_ROWS][2];
    mica_ahead ask[AT_ONCE];
    size_t last = n - (panels - 1) * TILE_NR;
    V_UNROLL
    for (size_t q = 0; q < panels; q++) {
        ask[q] = mica_ahead_by(ahead, q * next_panel * sizeof *b);
        tile_begin(m, c + q * TILE_NR, ldc, false, acc + q * m);
    }
    for (size_t p = 0; p < k; p++, a += 2, b += TILE_NR) {
        V_UNROLL
        for (size_t q = 0; q < panels; q++) {
            tile_ask(m, &ask[q]);
            bf16_step(m, a, b + q * next_panel, acc + q * m);
        }
    }
    V_UNROLL
    for (size_t q = 0; q < panels; q++)
        tile_end(m, q + 1 < panels ? TILE_NR : last, c + q * TILE_NR, ldc, acc + q * m, add, false,
                 bias ? bias + q * TILE_NR : NULL);
}

static void bf16_tile(size_t m, size_t n, size_t k, const void *a, const void *b, size_t next_panel,
                      float *c, size_t ldc, bool add, const float *bias, mica_ahead ahead)
{
    if (n <= TILE_NR) {
        TILE_OF_HEIGHT(m, bf16_tile_of, 1, n, k, a, b, next_panel, c, ldc, add, bias, ahead);
    } else if (m == 1) {
        bf16_tile_of(1, AT_ONCE, n, k, a, b, next_panel, c, ldc, add, bias, ahead);
    } else {
        bf16_tile_of(2, AT_ONCE, n, k, a, b, next_panel, c, ldc, add, bias, ahead);
    }
}

/* To bfloat16 and back. */
static void bf16_pack(void *to, const float *x, size_t n)
{
    float *y = to;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, v_round_bf16(v_load(x + i)));
    if (i < n)
        v_store_n(y + i, v_round_bf16(v_load_n(x + i, n - i, v_zero())), n - i);
    if (n % 2)
        y[n] = 0;
}

static void bf16_widen(float *y, const void *panel, size_t k)
{
    const float *b = panel;
    for (size_t p = 0; p < k; p++, b += TILE_NR, y += 2 * TILE_NR) {
        vec b0 = v_load(b), b1 = v_load(b + LANES);
        v_store(y, v_even_bf16(b0));
        v_store(y + LANES, v_even_bf16(b1));
        v_store(y + TILE_NR, v_odd_bf16(b0));
        v_store(y + TILE_NR + LANES, v_odd_bf16(b1));
    }
}

static void bf16_fill(mica_kernels *kernels)
{
    kernels->bf16.tile = bf16_tile;
    kernels->bf16.mr = TILE_MR;
    kernels->bf16.few = FEW_ROWS;
    kernels->bf16.pack = bf16_pack;
    kernels->bf16.widen = bf16_widen;
    kernels->bf16.a_words = 2;
    kernels->bf16.fast = false;
    kernels->bf16.name = "widened to float32";
}

#endif
