/* SPDX-License-Identifier: MIT
 *
 * Filling the table of kernels: plain C, then better instruction sets in ascending order.
 */
#include "backends/cpu/kernels.h"

#include <string.h>

void mica_kernels_init(mica_kernels *kernels, mica_cpu_level level)
{
    memset(kernels, 0, sizeof *kernels);
    kernels->level = MICA_CPU_C;
    mica_k_pointwise_init_c(kernels);
    mica_k_rows_init_c(kernels);
    mica_k_columns_init_c(kernels);
    mica_k_gemm_init_c(kernels);
#if defined(__x86_64__)
    if (level >= MICA_CPU_AVX2) {
        kernels->level = MICA_CPU_AVX2;
        mica_k_pointwise_init_avx2(kernels);
        mica_k_rows_init_avx2(kernels);
        mica_k_gemm_init_avx2(kernels);
        mica_k_columns_init_avx2(kernels);
        mica_k_sort_init_avx2(kernels);
    }
    if (level >= MICA_CPU_AVX512) {
        kernels->level = MICA_CPU_AVX512;
        mica_k_pointwise_init_avx512(kernels);
        mica_k_rows_init_avx512(kernels);
        mica_k_gemm_init_avx512(kernels);
        mica_k_columns_init_avx512(kernels);
        mica_k_sort_init_avx512(kernels);
    }
#else
    (void)level;
#endif
}
