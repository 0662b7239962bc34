/* SPDX-License-Identifier: MIT
 *
 * Operations on rows with AVX2.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/simd/rows.h"

void mica_k_rows_init_avx2(mica_kernels *kernels)
{
    rows_fill(kernels);
}
