/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with AMX.
 */
#include <immintrin.h>

#define TILES_DOT(c, a, b) _tile_dpbusd(c, a, b)
#include "backends/cpu/x86/amx/tiles.h"

static inline void int8_sums(size_t m, size_t k, const uint32_t *a, const int32_t *b, ivec acc[][2],
                             mica_ahead ahead)
{
    tiles_sums(m, k, a, (const uint32_t *)b, acc, ahead);
}

#include "backends/cpu/simd/gemm_int8.h"

void mica_k_gemm_int8_init_amx(mica_kernels *kernels)
{
    int8_fill(kernels, "AMX");
}
