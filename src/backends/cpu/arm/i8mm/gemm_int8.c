/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with products of matrices (FEAT_I8MM).
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/arm/neon/integers.h"

static inline float32x4_t m_dot(float32x4_t sums, uint32x4_t a, uint32x4_t b)
{
    return of_bits(vmmlaq_s32(to_bits(sums), vreinterpretq_s8_u32(a), vreinterpretq_s8_u32(b)));
}

#include "backends/cpu/arm/mmla.h"

V_TILE void int8_sums(const size_t m, size_t k, const uint32_t *a, const int32_t *b, ivec acc[][2],
                      mica_ahead ahead)
{
    vec sums[TILE_MAX_ROWS][2];
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        sums[i][0] = i_bits(acc[i][0]);
        sums[i][1] = i_bits(acc[i][1]);
    }
    mmla_sums(m, k, a, (const uint32_t *)b, sums, ahead);
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        acc[i][0] = v_bits(sums[i][0]);
        acc[i][1] = v_bits(sums[i][1]);
    }
}

#include "backends/cpu/simd/gemm_int8.h"

void mica_k_gemm_int8_init_i8mm(mica_kernels *kernels)
{
    int8_fill(kernels, "NEON SMMLA");
}
