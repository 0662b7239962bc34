/* SPDX-License-Identifier: MIT
 *
 * Operations on elements with NEON.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/simd/pointwise.h"

void mica_k_pointwise_init_neon(mica_kernels *kernels)
{
    pointwise_fill(kernels);
}
