/* SPDX-License-Identifier: MIT
 *
 * Operations on rows with NEON.
 */
#include "backends/cpu/arm/neon/vector.h"

#include "backends/cpu/simd/rows.h"

void mica_k_rows_init_neon(mica_kernels *kernels)
{
    rows_fill(kernels);
}
