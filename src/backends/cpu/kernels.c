/* SPDX-License-Identifier: MIT
 *
 * Filling the table of kernels: plain C, then better instruction sets in ascending order.
 */
#include "backends/cpu/kernels.h"

#include <string.h>

void mica_kernels_init(mica_kernels *kernels, mica_cpu_level level)
{
    mica_kernels_init_with(kernels, level, mica_cpu_features());
}

void mica_kernels_init_with(mica_kernels *kernels, mica_cpu_level level, unsigned features)
{
    memset(kernels, 0, sizeof *kernels);
    kernels->level = MICA_CPU_C;
    mica_k_pointwise_init_c(kernels);
    mica_k_rows_init_c(kernels);
    mica_k_columns_init_c(kernels);
    mica_k_gemm_init_c(kernels);
    mica_k_gemm_bf16_init_c(kernels);
    mica_k_gemm_int8_init_c(kernels);
#if defined(__x86_64__)
    if (level >= MICA_CPU_AVX2) {
        kernels->level = MICA_CPU_AVX2;
        mica_k_pointwise_init_avx2(kernels);
        mica_k_rows_init_avx2(kernels);
        mica_k_gemm_init_avx2(kernels);
        mica_k_columns_init_avx2(kernels);
        mica_k_sort_init_avx2(kernels);
        mica_k_gemm_bf16_init_avx2(kernels);
        mica_k_gemm_int8_init_avx2(kernels);
        if (features & MICA_CPU_AVX_VNNI)
            mica_k_gemm_int8_init_avxvnni(kernels);
    }
    if (level >= MICA_CPU_AVX512) {
        kernels->level = MICA_CPU_AVX512;
        mica_k_pointwise_init_avx512(kernels);
        mica_k_rows_init_avx512(kernels);
        mica_k_gemm_init_avx512(kernels);
        mica_k_columns_init_avx512(kernels);
        mica_k_sort_init_avx512(kernels);
        mica_k_gemm_bf16_init_avx512(kernels);
        mica_k_gemm_int8_init_avx512(kernels);
        if (features & MICA_CPU_AVX512_VNNI)
            mica_k_gemm_int8_init_avx512vnni(kernels);
        if (features & MICA_CPU_AVX512_BF16)
            mica_k_gemm_bf16_init_avx512bf16(kernels, !(features & MICA_KERNELS_UNTIMED));
    }
    if (level >= MICA_CPU_AMX) {
        kernels->level = MICA_CPU_AMX;
        mica_k_gemm_bf16_init_amx(kernels);
        mica_k_gemm_int8_init_amx(kernels);
    }
#elif defined(__aarch64__)
    if (level >= MICA_CPU_NEON) {
        kernels->level = level;
        mica_k_pointwise_init_neon(kernels);
        mica_k_rows_init_neon(kernels);
        mica_k_gemm_init_neon(kernels);
        mica_k_columns_init_neon(kernels);
        mica_k_sort_init_neon(kernels);
        mica_k_gemm_bf16_init_neon(kernels);
        mica_k_gemm_int8_init_neon(kernels);
    }
    if (level >= MICA_CPU_DOTPROD)
        mica_k_gemm_int8_init_dotprod(kernels);
    if (level >= MICA_CPU_I8MM)
        mica_k_gemm_int8_init_i8mm(kernels);
    if (level >= MICA_CPU_BF16)
        mica_k_gemm_bf16_init_bf16(kernels, !(features & MICA_KERNELS_UNTIMED));
#else
    (void)level;
    (void)features;
#endif
}
