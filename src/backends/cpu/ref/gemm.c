/* SPDX-License-Identifier: MIT
 *
 * The micro-kernel of products in plain C. A compiler turns the loops over j, whose length is a
 * constant, into what vectors the machine has.
 */
#include "backends/cpu/kernels.h"

enum { MR = 4, NR = 16 };

static void tile(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, size_t ldc,
                 bool add, const float *bias, mica_ahead ahead)
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

static void narrow(size_t m, size_t n, size_t segments, size_t length, const float *const *a,
                   size_t lda, const float *b, float *c, size_t ldc, bool past, const float *bias)
{
    for (size_t i = 0; i < m; i++) {
        float row[MICA_NARROW_N] = {0};
        for (size_t s = 0; s < segments; s++)
            for (size_t p = 0; p < length; p++) {
                float x = a[s][i * lda + p];
                for (size_t j = 0; j < MICA_NARROW_N; j++)
                    row[j] += x * b[mica_narrow_at(length, s, p, j)];
            }
        for (size_t j = 0; j < n; j++)
            c[i * ldc + j] = bias ? row[j] + bias[j] : row[j];
    }
}

static void one_row(size_t n, size_t k, const float *a, int64_t a_step, const float *b,
                    int64_t b_row, float *y)
{
    size_t blocks = (k + MICA_GEMM_KC - 1) / MICA_GEMM_KC,
           most = blocks ? (k + blocks - 1) / blocks : 0;
    for (size_t j = 0; j < n; j += NR) {
        float total[NR] = {0};
        size_t columns = n - j < NR ? n - j : NR;
        for (size_t begin = 0; begin < k; begin += most) {
            float row[NR] = {0};
            size_t end = k - begin < most ? k : begin + most;
            for (size_t p = begin; p < end; p++)
                for (size_t i = 0; i < columns; i++)
                    row[i] += a[(int64_t)p * a_step] * b[(int64_t)p * b_row + (int64_t)(j + i)];
            for (size_t i = 0; i < columns; i++)
                total[i] = begin ? total[i] + row[i] : row[i];
        }
        for (size_t i = 0; i < columns; i++)
            y[j + i] = total[i];
    }
}

void mica_k_gemm_init_c(mica_kernels *kernels)
{
    kernels->gemm.tile = tile;
    kernels->gemm.narrow = narrow;
    kernels->gemm.row = one_row;
    kernels->gemm.mr = MR;
    kernels->gemm.nr = NR;
    kernels->gemm.mc = 64;
    kernels->gemm.nc = 8;
    kernels->tiles.rows = 1;
}
