/* SPDX-License-Identifier: MIT
 *
 * Sorting with AVX2.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/simd/sort.h"

void mica_k_sort_init_avx2(mica_kernels *kernels)
{
    sort_fill(kernels);
}
