/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products with AVX-512: 14 x 32, 28 of the 32 registers hold sums.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/simd/gemm_tile.h"

void mica_k_gemm_init_avx512(mica_kernels *kernels)
{
    gemm_fill(kernels, 224, 4);
}
