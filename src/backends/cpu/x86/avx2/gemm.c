/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products with AVX2: 6 x 16, 12 of the 16 registers hold sums.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/x86/gemm_tile.h"

/* m rows of the narrow product, m at most 12: a vector of sums each. Rows are addressed from every
 * third by multiples of lda that the processor adds itself. */
V_INLINE void narrow_of(const size_t m, size_t n, size_t segments, size_t length,
                        const float *const *a, size_t first, size_t lda, const float *b, float *c,
                        size_t ldc, bool past, const float *bias)
{
    vec acc[12];
    V_UNROLL
    for (size_t i = 0; i < m; i++)
        acc[i] = v_zero();
    for (size_t s = 0; s < segments; s++) {
        const float *r0 = a[s] + first * lda, *r3 = r0 + 3 * lda, *r6 = r3 + 3 * lda;
        const float *r9 = r6 + 3 * lda;
        for (size_t p = 0; p < length; p++, b += MICA_NARROW_N) {
            vec x = v_load(b);
            V_UNROLL
            for (size_t i = 0; i < m; i++) {
                const float *row = i < 3 ? r0 : i < 6 ? r3 : i < 9 ? r6 : r9;
                acc[i] = v_fma(v_set(row[i % 3 * lda + p]), x, acc[i]);
            }
        }
    }
    V_UNROLL
    for (size_t i = 0; i < m; i++) {
        if (past)
            v_store_past(c + i * ldc, bias ? v_add(acc[i], v_load(bias)) : acc[i]);
        else if (n == MICA_NARROW_N)
            v_store(c + i * ldc, bias ? v_add(acc[i], v_load(bias)) : acc[i]);
        else
            v_store_n(c + i * ldc, bias ? v_add(acc[i], v_load_n(bias, n, v_zero())) : acc[i], n);
    }
}

static void narrow(size_t m, size_t n, size_t segments, size_t length, const float *const *a,
                   size_t lda, const float *b, float *c, size_t ldc, bool past, const float *bias)
{
    size_t i = 0;
    for (; i + 12 <= m; i += 12)
        narrow_of(12, n, segments, length, a, i, lda, b, c + i * ldc, ldc, past, bias);
    for (; i + 4 <= m; i += 4)
        narrow_of(4, n, segments, length, a, i, lda, b, c + i * ldc, ldc, past, bias);
    for (; i < m; i++)
        narrow_of(1, n, segments, length, a, i, lda, b, c + i * ldc, ldc, past, bias);
}

/* The narrow product stays that of AVX2 at higher levels: its rows are 8 floats wide. */
void mica_k_gemm_init_avx2(mica_kernels *kernels)
{
    kernels->gemm.tile = gemm_tile;
    kernels->gemm.row = gemm_row;
    kernels->gemm.narrow = narrow;
    kernels->gemm.mr = TILE_MR;
    kernels->gemm.nr = TILE_NR;
    kernels->gemm.mc = 144;
    kernels->gemm.nc = 2;
}
