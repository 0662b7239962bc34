/* SPDX-License-Identifier: MIT
 *
 * Operations on many rows and down columns with AVX-512.
 */
#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

#include "backends/cpu/simd/columns.h"

void mica_k_columns_init_avx512(mica_kernels *kernels)
{
    columns_fill(kernels);
}
