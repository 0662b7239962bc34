/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with AMX. A is packed as it is for AVX-512.
 */
#include <immintrin.h>

#define TILES_DOT(c, a, b) _tile_dpbusd(c, a, b)
#include "backends/cpu/x86/amx/tiles.h"

#include "backends/cpu/simd/int8_tail.h"

static void tile(size_t m, size_t n, size_t k, const void *a, const void *b, float *c, size_t ldc,
                 bool add, const mica_int8_tail *tail, mica_ahead ahead)
{
    static const int32_t zeros[TILE_NR];
    int32_t part[ROWS][TILE_NR];
    bool lower = m > SIDE, whole = m == ROWS && n == TILE_NR;
    if (add && whole) {
        tiles_load_sums(lower, c, ldc);
    } else if (add) {
        tiles_copy(m, n, part, TILE_NR, c, ldc);
        tiles_load_sums(lower, part, TILE_NR);
    } else {
        tiles_load_sums(lower, zeros, 0);
    }
    tiles_products(m, n, k, a, b, c, ldc, ahead);
    if (whole && !tail) {
        tiles_store_sums(lower, c, ldc);
        return;
    }
    tiles_store_sums(lower, part, TILE_NR);
    if (!tail)
        tiles_copy(m, n, c, ldc, part, TILE_NR);
    for (size_t i = 0; tail && i < m; i++) {
        vec x0 = int8_result(i_load(part[i]), i, 0, tail);
        vec x1 = int8_result(i_load(part[i] + LANES), i, 1, tail);
        store_row(c + i * ldc, x0, x1, n, false, false, tail->bias);
    }
}

/* A's rows are brought to 8 bits for all of B at once: B comes from further away than the second
 * cache, at a small part of the rate at which it is multiplied. */
void mica_k_gemm_int8_init_amx(mica_kernels *kernels)
{
    tiles_fill(kernels);
    kernels->int8.tile = tile;
    kernels->int8.mr = ROWS;
    kernels->int8.a_floats = SIZE_MAX;
    kernels->int8.name = "AMX";
}
