/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products with AVX2: 6 x 16, 12 of the 16 registers hold sums.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include <string.h>

#include "backends/cpu/simd/gemm_tile.h"

/* Two numbers from p on, in all pairs of lanes. */
static inline vec set_two(const float *p)
{
    double two;
    memcpy(&two, p, sizeof two);
    return _mm256_castpd_ps(_mm256_set1_pd(two));
}

/* One number, and 0 beside it. */
static inline vec set_one(const float *p)
{
    return _mm256_castpd_ps(_mm256_broadcastsd_pd(_mm_castps_pd(_mm_load_ss(p))));
}

/* Sums of neighbours: of the four pairs of a, then of b. */
static inline vec sum_pairs(vec a, vec b)
{
    __m256d sums = _mm256_castps_pd(_mm256_hadd_ps(a, b));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(sums, 0xd8));
}

#include "backends/cpu/simd/gemm_narrow.h"

/* The narrow product stays that of AVX2 at higher levels: its rows are 8 floats wide. */
void mica_k_gemm_init_avx2(mica_kernels *kernels)
{
    gemm_fill(kernels, 144, 2);
    kernels->gemm.narrow = k_narrow;
}
