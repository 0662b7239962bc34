/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers by dot products. A file that includes this in place of gemm_int8.h
 * brings i_dot, which adds to each sum the four products of a word of A and a word of B.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_GEMM_INT8_DOT_H
#define MICA_BACKENDS_CPU_SIMD_GEMM_INT8_DOT_H

#include "backends/cpu/simd/gemm_tile.h"

V_TILE void int8_sums(const size_t m, size_t k, const uint32_t *a, const int32_t *b, ivec acc[][2],
                      mica_ahead ahead)
{
    for (size_t p = 0; p < k; p++, b += TILE_NR) {
        tile_ask(m, &ahead);
        ivec b0 = i_load(b), b1 = i_load(b + LANES);
        V_UNROLL
        for (size_t i = 0; i < m; i++) {
            ivec x = i_factor(a + i * MICA_GEMM_A_STRIDE + p);
            acc[i][0] = i_dot(acc[i][0], x, b0);
            acc[i][1] = i_dot(acc[i][1], x, b1);
        }
    }
}

#include "backends/cpu/simd/gemm_int8.h"

#endif
