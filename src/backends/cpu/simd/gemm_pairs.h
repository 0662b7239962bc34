/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with an instruction for them. A is packed as pairs. A file that
 * includes this brings
 *
 *   pairs_sums   adds to acc[i] the products of row i of A with two vectors of B's columns over k
 *                words
 *   pairs_round  stores a vector as bfloat16
 *
 * Some processors run such an instruction at so low a rate that fused multiply-adds of float32 do
 * more: both are timed in registers, for some microseconds.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_PAIRS_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_PAIRS_H

#include <string.h>

#include "backends/cpu/simd/gemm_tile.h"
#include "base/clock.h"

V_TILE void pairs_tile_of(const size_t m, size_t n, size_t k, const uint32_t *a, const uint32_t *b,
                          float *c, size_t ldc, bool add, const float *bias, mica_ahead ahead)
{
    vec acc[TILE_MAX_ROWS][2];
    tile_begin(m, c, ldc, false, acc);
    pairs_sums(m, k, a, b, acc, ahead);
    tile_end(m, n, c, ldc, acc, add, false, bias);
}

static void pairs_tile(size_t m, size_t n, size_t k, const void *a, const void *b,
                       size_t next_panel, float *c, size_t ldc, bool add, const float *bias,
                       mica_ahead ahead)
{
    TILE_OF_HEIGHT(m, pairs_tile_of, n, k, a, b, c, ldc, add, bias, ahead);
}

static void pairs_pack(void *to, const float *x, size_t n)
{
    uint16_t *y = to;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        pairs_round(y + i, v_load(x + i));
    if (i < n) {
        uint16_t rest[LANES];
        pairs_round(rest, v_load_n(x + i, n - i, v_zero()));
        memcpy(y + i, rest, (n - i + 1) / 2 * 4);
    }
}

/* Two rows, which become the halves of words. */
static void pairs_join(void *to, const float *even, const float *odd, size_t n)
{
    float *y = to;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, v_join_bf16(v_round_bf16(v_load(even + i)), v_round_bf16(v_load(odd + i))));
    if (i < n) {
        vec e = v_load_n(even + i, n - i, v_zero()), o = v_load_n(odd + i, n - i, v_zero());
        v_store_n(y + i, v_join_bf16(v_round_bf16(e), v_round_bf16(o)), n - i);
    }
}

static void pairs_zip(void *to, const uint16_t *even, const uint16_t *odd, size_t n)
{
    float *y = to;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, v_join_bf16(v_from_bf16(even + i), v_from_bf16(odd + i)));
    if (i < n) {
        uint16_t rest[2][LANES] = {{0}};
        memcpy(rest[0], even + i, (n - i) * sizeof *even);
        memcpy(rest[1], odd + i, (n - i) * sizeof *odd);
        v_store_n(y + i, v_join_bf16(v_from_bf16(rest[0]), v_from_bf16(rest[1])), n - i);
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

static void pairs_fill(mica_kernels *kernels, const char *name)
{
    kernels->bf16.tile = pairs_tile;
    kernels->bf16.mr = TILE_MR;
    kernels->bf16.few = 0;
    kernels->bf16.pack = pairs_pack;
    kernels->bf16.join = pairs_join;
    kernels->bf16.zip = pairs_zip;
    kernels->bf16.widen = NULL;
    kernels->bf16.a_words = 1;
    kernels->bf16.fast = true;
    kernels->bf16.name = name;
}

#endif
