/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with AVX-512 alone: as numbers of 16 bits.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

enum { INT8_A_WORDS = 2 };

static inline ivec i_dot(ivec sum, ivec a, ivec b)
{
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
    /* Added here and now: compilers like to add products to one another first, which takes the
     * registers of the sums. */
    __asm__("" : "+v"(sum));
    return sum;
}

static inline void i_store_int8(char *y, ivec q)
{
    i_store_16(y, q);
}

#include "backends/cpu/x86/gemm_int8.h"

void mica_k_gemm_int8_init_avx512(mica_kernels *kernels)
{
    int8_fill(kernels, "AVX-512, 16 bits");
}
