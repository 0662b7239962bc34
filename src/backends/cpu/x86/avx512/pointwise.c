/* SPDX-License-Identifier: MIT
 *
 * Operations on elements with AVX-512.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/simd/pointwise.h"

void mica_k_pointwise_init_avx512(mica_kernels *kernels)
{
    pointwise_fill(kernels);
}
