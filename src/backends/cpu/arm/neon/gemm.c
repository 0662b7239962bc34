/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products with NEON: 6 x 16, 24 of the 32 registers hold sums. A step of k is
 * 4 loads of B, 6 of A and 24 multiply-adds: cores with four units of 128 bits need no more than
 * two loads a cycle for it.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/simd/gemm_tile.h"

static inline vec set_two(const float *p)
{
    float32x4_t x = vcombine_f32(vld1_f32(p), vld1_f32(p));
    return (vec){x, x};
}

static inline vec set_one(const float *p)
{
    float32x2_t one = vld1_lane_f32(p, vdup_n_f32(0), 0);
    return (vec){vcombine_f32(one, one), vcombine_f32(one, one)};
}

static inline vec sum_pairs(vec a, vec b)
{
    return (vec){vpaddq_f32(a.lo, a.hi), vpaddq_f32(b.lo, b.hi)};
}

#include "backends/cpu/simd/gemm_narrow.h"

void mica_k_gemm_init_neon(mica_kernels *kernels)
{
    gemm_fill(kernels, 144, 2);
    kernels->gemm.narrow = k_narrow;
}
