/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products with AVX-512: 14 x 32, 28 of the 32 registers hold sums.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/gemm_tile.h"

static void tile(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, size_t ldc,
                 bool add, bool past, const float *bias)
{
    switch (m) {
    case 1:
        gemm_tile_of(1, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 2:
        gemm_tile_of(2, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 3:
        gemm_tile_of(3, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 4:
        gemm_tile_of(4, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 5:
        gemm_tile_of(5, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 6:
        gemm_tile_of(6, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 7:
        gemm_tile_of(7, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 8:
        gemm_tile_of(8, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 9:
        gemm_tile_of(9, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 10:
        gemm_tile_of(10, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 11:
        gemm_tile_of(11, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 12:
        gemm_tile_of(12, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 13:
        gemm_tile_of(13, n, k, a, b, c, ldc, add, past, bias);
        break;
    case 14:
        gemm_tile_of(14, n, k, a, b, c, ldc, add, past, bias);
        break;
    default:
        break;
    }
}

void mica_k_gemm_init_avx512(mica_kernels *kernels)
{
    kernels->gemm.tile = tile;
    kernels->gemm.row = gemm_row;
    kernels->gemm.mr = 14;
    kernels->gemm.nr = TILE_NR;
    kernels->gemm.mc = 224;
    kernels->gemm.nc = 8;
}
