/* SPDX-License-Identifier: MIT
 *
 * Operations on rows with AVX-512.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/simd/rows.h"

void mica_k_rows_init_avx512(mica_kernels *kernels)
{
    rows_fill(kernels);
}
