/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with AVX2.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/simd/gemm_bf16.h"

void mica_k_gemm_bf16_init_avx2(mica_kernels *kernels)
{
    bf16_fill(kernels);
}
