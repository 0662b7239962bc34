/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers with AVX-512 alone: two products are added in 16 bits.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

static inline ivec i_dot(ivec sum, ivec a, ivec b)
{
    sum = i_add(sum, i_add_pairs(a, b));
    /* Added here and now: compilers like to add products to one another first, which takes the
     * registers of the sums. */
    __asm__("" : "+v"(sum));
    return sum;
}

#include "backends/cpu/simd/gemm_int8_dot.h"

void mica_k_gemm_int8_init_avx512(mica_kernels *kernels)
{
    int8_fill(kernels, "AVX-512");
}
