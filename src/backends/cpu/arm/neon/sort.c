/* SPDX-License-Identifier: MIT
 *
 * Sorting with NEON.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/simd/sort.h"

void mica_k_sort_init_neon(mica_kernels *kernels)
{
    sort_fill(kernels);
}
