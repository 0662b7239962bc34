/* SPDX-License-Identifier: MIT
 *
 * Operations on many rows and down columns with NEON.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/arm/neon/integers.h"

#include "backends/cpu/simd/columns.h"

void mica_k_columns_init_neon(mica_kernels *kernels)
{
    columns_fill(kernels);
}
