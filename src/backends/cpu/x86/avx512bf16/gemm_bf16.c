/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers with AVX-512 BF16: an instruction that adds the products of two
 * pairs to a float32. A is packed as pairs.
 *
 * Some processors run it at half the rate of fused multiply-adds (Sapphire Rapids: 32 operations a
 * core and cycle), others at twice (Zen 4 and 5): both are timed in registers.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include <string.h>

#include "backends/cpu/x86/gemm_tile.h"
#include "base/clock.h"

V_INLINE vec dot(vec sum, __m512i a, __m512i b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

V_TILE void native_tile_of(const size_t m, size_t n, size_t k, const uint32_t *a, const float *b,
                           float *c, size_t ldc, bool add, const float *bias, mica_ahead ahead)
{
    vec acc[TILE_MAX_ROWS][2];
    tile_begin(m, n, c, ldc, false, acc);
    for (size_t p = 0; p < k; p++, b += TILE_NR) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + LANES);
        tile_ask(&ahead);
        V_UNROLL
        for (size_t i = 0; i < m; i++) {
            __m512i x = _mm512_set1_epi32((int)a[i * MICA_GEMM_A_STRIDE + p]);
            acc[i][0] = dot(acc[i][0], x, b0);
            acc[i][1] = dot(acc[i][1], x, b1);
        }
    }
    tile_end(m, n, c, ldc, acc, add, false, bias);
}

static void native_tile(size_t m, size_t n, size_t k, const void *a, const void *b, float *c,
                        size_t ldc, bool add, const float *bias, mica_ahead ahead)
{
    TILE_OF_HEIGHT(m, native_tile_of, n, k, a, b, c, ldc, add, bias, ahead);
}

static void native_pack(void *to, const float *x, size_t n)
{
    uint16_t *y = to;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_si256((__m256i *)(void *)(y + i), (__m256i)_mm512_cvtneps_pbh(v_load(x + i)));
    if (i < n) {
        uint16_t rest[LANES];
        _mm256_storeu_si256((__m256i *)(void *)rest,
                            (__m256i)_mm512_cvtneps_pbh(v_load_n(x + i, n - i, v_zero())));
        memcpy(y + i, rest, (n - i + 1) / 2 * 4);
    }
}

/* ---- which is faster ---- */

enum { CHAINS = 12, STEPS = 600, ROUNDS = 7 };

/* Nanoseconds of the same number of instructions of either kind, each chain as long. */
static uint64_t time_of(bool native)
{
    vec sum[CHAINS], b = v_set(0.001f);
    __m512i pair = _mm512_set1_epi32(0x3a803a80); /* twice 2^-10 */
    V_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = v_set((float)i);
    uint64_t begin = mica_clock_ns();
    for (int s = 0; s < STEPS; s++) {
        V_UNROLL
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = native ? dot(sum[i], pair, pair) : v_fma(b, b, sum[i]);
            __asm__("" : "+v"(sum[i])); /* every step is taken */
        }
    }
    return mica_clock_ns() - begin;
}

/* The instruction does twice the work of a multiply-add: it may take less than twice the time. What
 * processors do is far from that limit on either side, so noise does not change the answer. */
static bool is_faster(void)
{
    uint64_t native = UINT64_MAX, plain = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = time_of(true), b = time_of(false);
        native = a < native ? a : native;
        plain = b < plain ? b : plain;
    }
    return native < 2 * plain;
}

void mica_k_gemm_bf16_init_avx512bf16(mica_kernels *kernels)
{
    if (!is_faster())
        return;
    kernels->bf16.tile = native_tile;
    kernels->bf16.pack = native_pack;
    kernels->bf16.widen = NULL;
    kernels->bf16.a_words = 1;
    kernels->bf16.fast = true;
    kernels->bf16.name = "AVX-512 BF16";
}
