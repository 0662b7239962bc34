/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with AMX. A is packed as it is for AVX-512 BF16.
 */
#include <immintrin.h>

#define TILES_DOT(c, a, b) _tile_dpbf16ps(c, a, b)
#include "backends/cpu/x86/amx/tiles.h"

static __attribute__((noinline)) void add_bias(size_t m, size_t n, float part[][TILE_NR],
                                               const float *c, size_t ldc, const float *bias)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            part[i][j] = bias ? c[i * ldc + j] + bias[j] : c[i * ldc + j];
}

/* The sums start from what is added to the products. */
static void tile(size_t m, size_t n, size_t k, const void *a, const void *b, size_t next_panel,
                 float *c, size_t ldc, bool add, const float *bias, mica_ahead ahead)
{
    float part[ROWS][TILE_NR], row[TILE_NR] = {0};
    bool lower = m > SIDE, whole = m == ROWS && n == TILE_NR;
    if (add && whole && !bias) {
        tiles_load_sums(lower, c, ldc);
    } else if (add) {
        add_bias(m, n, part, c, ldc, bias);
        tiles_load_sums(lower, part, TILE_NR);
    } else if (bias && n == TILE_NR) {
        tiles_load_sums(lower, bias, 0);
    } else {
        if (bias)
            memcpy(row, bias, n * sizeof *bias);
        tiles_load_sums(lower, row, 0);
    }
    tiles_products(m, n, k, a, b, c, ldc, ahead);
    if (whole) {
        tiles_store_sums(lower, c, ldc);
    } else {
        tiles_store_sums(lower, part, TILE_NR);
        tiles_copy(m, n, c, ldc, part, TILE_NR);
    }
}

void mica_k_gemm_bf16_init_amx(mica_kernels *kernels)
{
    mica_k_gemm_bf16_init_avx512bf16(kernels, false);
    tiles_fill(kernels);
    kernels->bf16.tile = tile;
    kernels->bf16.mr = ROWS;
    kernels->bf16.name = "AMX";
}
