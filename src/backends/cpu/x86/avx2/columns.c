/* SPDX-License-Identifier: MIT
 *
 * Operations on many rows and down columns with AVX2.
 */
#include "backends/cpu/x86/avx2/vector.h"

#include "backends/cpu/x86/avx2/integers.h"

#include "backends/cpu/simd/columns.h"

void mica_k_columns_init_avx2(mica_kernels *kernels)
{
    columns_fill(kernels);
}
