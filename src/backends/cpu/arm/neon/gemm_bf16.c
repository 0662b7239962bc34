/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with NEON.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/simd/gemm_bf16.h"

void mica_k_gemm_bf16_init_neon(mica_kernels *kernels)
{
    bf16_fill(kernels);
}
