/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products with AVX2: 6 x 16, 12 of the 16 registers hold sums.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/x86/gemm_tile.h"

static void tile(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, size_t ldc,
                 bool add, const float *bias)
{
    switch (m) {
    case 1:
        gemm_tile_of(1, n, k, a, b, c, ldc, add, bias);
        break;
    case 2:
        gemm_tile_of(2, n, k, a, b, c, ldc, add, bias);
        break;
    case 3:
        gemm_tile_of(3, n, k, a, b, c, ldc, add, bias);
        break;
    case 4:
        gemm_tile_of(4, n, k, a, b, c, ldc, add, bias);
        break;
    case 5:
        gemm_tile_of(5, n, k, a, b, c, ldc, add, bias);
        break;
    case 6:
        gemm_tile_of(6, n, k, a, b, c, ldc, add, bias);
        break;
    default:
        break;
    }
}

void mica_k_gemm_init_avx2(mica_kernels *kernels)
{
    kernels->gemm.tile = tile;
    kernels->gemm.mr = 6;
    kernels->gemm.nr = TILE_NR;
    kernels->gemm.mc = 144;
    kernels->gemm.nc = 16;
}
