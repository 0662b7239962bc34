/* SPDX-License-Identifier: MIT
 *
 * Sorting with AVX-512.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/simd/sort.h"

void mica_k_sort_init_avx512(mica_kernels *kernels)
{
    sort_fill(kernels);
}
