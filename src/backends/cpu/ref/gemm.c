/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products in plain C. A compiler turns the loops over j, whose length is a
 * constant, into what vectors the machine has.
 */
#include "backends/cpu/kernels.h"

enum { MR = 4, NR = 16 };

static void tile(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, size_t ldc,
                 bool add, const float *bias)
{
    for (size_t i = 0; i < m; i++) {
        float row[NR] = {0};
        for (size_t p = 0; p < k; p++) {
            float x = a[i * MICA_GEMM_A_STRIDE + p];
            for (size_t j = 0; j < NR; j++)
                row[j] += x * b[p * NR + j];
        }
        for (size_t j = 0; j < n; j++) {
            float value = add ? c[i * ldc + j] + row[j] : row[j];
            c[i * ldc + j] = bias ? value + bias[j] : value;
        }
    }
}

void mica_k_gemm_init_c(mica_kernels *kernels)
{
    kernels->gemm.tile = tile;
    kernels->gemm.mr = MR;
    kernels->gemm.nr = NR;
    kernels->gemm.mc = 64;
    kernels->gemm.nc = 8;
}
