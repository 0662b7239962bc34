/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with AMX.
 */
#include <immintrin.h>

#define TILES_DOT(c, a, b) _tile_dpbf16ps(c, a, b)
#include "backends/cpu/x86/amx/tiles.h"

static inline void pairs_sums(size_t m, size_t k, const uint32_t *a, const uint32_t *b,
                              vec acc[][2], mica_ahead ahead)
{
    tiles_sums(m, k, a, b, acc, ahead);
}

static inline void pairs_round(uint16_t *y, vec x)
{
    _mm256_storeu_si256((__m256i *)(void *)y, (__m256i)_mm512_cvtneps_pbh(x));
}

#include "backends/cpu/simd/gemm_pairs.h"

void mica_k_gemm_bf16_init_amx(mica_kernels *kernels)
{
    pairs_fill(kernels, "AMX");
}
