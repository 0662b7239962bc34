/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with AVX-512 VNNI.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

enum { INT8_A_WORDS = 1 };

static inline ivec i_dot(ivec sum, ivec a, ivec b)
{
    return _mm512_dpbusd_epi32(sum, a, b);
}

static inline void i_store_int8(char *y, ivec q)
{
    i_store_8(y, q);
}

#include "backends/cpu/x86/gemm_int8.h"

void mica_k_gemm_int8_init_avx512vnni(mica_kernels *kernels)
{
    int8_fill(kernels, "AVX-512 VNNI");
}
