/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with products of matrices (FEAT_BF16). The instruction adds the
 * products of a word to the sum and then those of the next, so that one word more at the end is the
 * same chain.
 */
#include "backends/cpu/arm/neon/vector.h"

static inline float32x4_t m_dot(float32x4_t sums, uint32x4_t a, uint32x4_t b)
{
    return vbfmmlaq_f32(sums, vreinterpretq_bf16_u32(a), vreinterpretq_bf16_u32(b));
}

#include "backends/cpu/arm/mmla.h"

V_TILE void pairs_sums(const size_t m, size_t k, const uint32_t *a, const uint32_t *b, vec acc[][2],
                       mica_ahead ahead)
{
    mmla_sums(m, k, a, b, acc, ahead);
}

static inline void pairs_round(uint16_t *y, vec x)
{
    v_to_bf16(y, x);
}

#include "backends/cpu/simd/gemm_pairs.h"

static inline vec native_step(vec sum)
{
    uint32x4_t pair = vdupq_n_u32(0x3a803a80); /* twice 2^-10 */
    sum = (vec){m_dot(sum.lo, pair, pair), m_dot(sum.hi, pair, pair)};
    __asm__("" : "+w"(sum.lo), "+w"(sum.hi));
    return sum;
}

static inline vec plain_step(vec sum)
{
    sum = v_fma(v_set(0.001f), v_set(0.001f), sum);
    __asm__("" : "+w"(sum.lo), "+w"(sum.hi));
    return sum;
}

/* Four times the work of a multiply-add, and for three of them B is put in order once. */
void mica_k_gemm_bf16_init_bf16(mica_kernels *kernels, bool timed)
{
    if (!timed || is_faster(native_step, plain_step, 3))
        pairs_fill(kernels, "NEON BFMMLA");
}
