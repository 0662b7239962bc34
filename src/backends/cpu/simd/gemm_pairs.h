/* SPDX-License-Identifier: MIT
 *
 * What kernels with an instruction for bfloat16 share: packing A as pairs, and timing.
 *
 * Some processors run such an instruction at so low a rate that fused multiply-adds of float32 do
 * more: both are timed in registers, for some microseconds.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_PAIRS_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_PAIRS_H

#include <string.h>

#include "backends/cpu/simd/gemm_tile.h"
#include "base/clock.h"

/* `narrow` rounds a vector. */
V_INLINE void pack_pairs(void *to, const float *x, size_t n, void (*narrow)(uint16_t *, vec))
{
    uint16_t *y = to;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        narrow(y + i, v_load(x + i));
    if (i < n) {
        uint16_t rest[LANES];
        narrow(rest, v_load_n(x + i, n - i, v_zero()));
        memcpy(y + i, rest, (n - i + 1) / 2 * 4);
    }
}

enum { CHAINS = 12, STEPS = 600, ROUNDS = 7 };

/* Nanoseconds of a number of steps: every step is taken, and each chain is as long. */
V_INLINE uint64_t time_of(vec (*step)(vec))
{
    vec sum[CHAINS];
    V_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = v_set((float)i);
    uint64_t begin = mica_clock_ns();
    for (int s = 0; s < STEPS; s++) {
        V_UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = step(sum[i]);
    }
    return mica_clock_ns() - begin;
}

/* Whether `native`, which does the work of `times` plain steps, is the faster. `times` is to lie in
 * the middle between what processors do, so that noise does not change the answer. */
V_INLINE bool is_faster(vec (*native)(vec), vec (*plain)(vec), uint64_t times)
{
    uint64_t a = UINT64_MAX, b = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t one = time_of(native), other = time_of(plain);
        a = one < a ? one : a;
        b = other < b ? other : b;
    }
    return a < times * b;
}

static void pairs_fill(mica_kernels *kernels, mica_k_gemm_tile_bf16 tile, mica_k_pack_bf16 pack,
                       const char *name)
{
    kernels->bf16.tile = tile;
    kernels->bf16.pack = pack;
    kernels->bf16.widen = NULL;
    kernels->bf16.a_words = 1;
    kernels->bf16.fast = true;
    kernels->bf16.name = name;
}

#endif
