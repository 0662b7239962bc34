/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with dot products (FEAT_DotProd).
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/arm/neon/integers.h"

static inline ivec i_dot(ivec sum, ivec a, ivec b)
{
    int8x16_t factors = vreinterpretq_s8_s32(a.lo);
    sum.lo = vdotq_laneq_s32(sum.lo, vreinterpretq_s8_s32(b.lo), factors, 0);
    sum.hi = vdotq_laneq_s32(sum.hi, vreinterpretq_s8_s32(b.hi), factors, 0);
    return sum;
}

#include "backends/cpu/simd/gemm_int8_dot.h"

void mica_k_gemm_int8_init_dotprod(mica_kernels *kernels)
{
    int8_fill(kernels, "NEON SDOT");
}
