/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with AVX-512 BF16: an instruction that adds the products of two
 * pairs to a float32.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/simd/gemm_tile.h"

V_INLINE vec dot(vec sum, __m512i a, __m512i b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

V_TILE void pairs_sums(const size_t m, size_t k, const uint32_t *a, const uint32_t *b, vec acc[][2],
                       mica_ahead ahead)
{
    for (size_t p = 0; p < k; p++, b += TILE_NR) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + LANES);
        tile_ask(m, &ahead);
        V_UNROLL
        for (size_t i = 0; i < m; i++) {
            __m512i x = _mm512_set1_epi32((int)a[i * MICA_GEMM_A_STRIDE + p]);
            acc[i][0] = dot(acc[i][0], x, b0);
            acc[i][1] = dot(acc[i][1], x, b1);
        }
    }
}

static inline void pairs_round(uint16_t *y, vec x)
{
    _mm256_storeu_si256((__m256i *)(void *)y, (__m256i)_mm512_cvtneps_pbh(x));
}

#include "backends/cpu/simd/gemm_pairs.h"

static inline vec native_step(vec sum)
{
    __m512i pair = _mm512_set1_epi32(0x3a803a80); /* twice 2^-10 */
    sum = dot(sum, pair, pair);
    __asm__("" : "+v"(sum));
    return sum;
}

static inline vec plain_step(vec sum)
{
    sum = v_fma(v_set(0.001f), v_set(0.001f), sum);
    __asm__("" : "+v"(sum));
    return sum;
}

/* Sapphire Rapids takes it at half the rate of fused multiply-adds (32 operations a core and
 * cycle), Zen 4 and 5 at twice: as much below and above twice their work as can be. */
void mica_k_gemm_bf16_init_avx512bf16(mica_kernels *kernels, bool timed)
{
    if (!timed || is_faster(native_step, plain_step, 2))
        pairs_fill(kernels, "AVX-512 BF16");
}
