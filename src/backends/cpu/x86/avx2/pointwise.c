/* SPDX-License-Identifier: MIT
 *
 * Operations on elements with AVX2.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/simd/pointwise.h"

void mica_k_pointwise_init_avx2(mica_kernels *kernels)
{
    pointwise_fill(kernels);
}
