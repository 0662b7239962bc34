/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with what every 64-bit Arm has: products of 16 bits, of which two and
 * two are added, first in 16 bits (a pair of them is at least 2 * -128 * 127), then into the sums.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/arm/neon/integers.h"

static inline int32x4_t dot_half(int32x4_t sum, int8x16_t a, int8x16_t b)
{
    int16x8_t first = vmull_s8(vget_low_s8(a), vget_low_s8(b)), second = vmull_high_s8(a, b);
    return vpadalq_s16(sum, vpaddq_s16(first, second));
}

static inline ivec i_dot(ivec sum, ivec a, ivec b)
{
    int8x16_t factors = vreinterpretq_s8_s32(vdupq_laneq_s32(a.lo, 0));
    sum.lo = dot_half(sum.lo, factors, vreinterpretq_s8_s32(b.lo));
    sum.hi = dot_half(sum.hi, factors, vreinterpretq_s8_s32(b.hi));
    /* Added here and now: compilers like to multiply first, which takes the registers of the sums.
     */
    __asm__("" : "+w"(sum.lo), "+w"(sum.hi));
    return sum;
}

#include "backends/cpu/simd/gemm_int8_dot.h"

void mica_k_gemm_int8_init_neon(mica_kernels *kernels)
{
    int8_fill(kernels, "NEON");
}
