/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with AVX-512 VNNI.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

static inline ivec i_dot(ivec sum, ivec a, ivec b)
{
    return _mm512_dpbusd_epi32(sum, a, b);
}

#include "backends/cpu/simd/gemm_int8_dot.h"

void mica_k_gemm_int8_init_avx512vnni(mica_kernels *kernels)
{
    int8_fill(kernels, "AVX-512 VNNI");
}
