/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 numbers in plain C. A is packed as float32 whose lower halves are zero.
 */
#include "backends/cpu/kernels.h"
#include "tensor/convert.h"

enum { MR = 4, NR = 16 };

static void tile(size_t m, size_t n, size_t k, const void *packed, const void *panel,
                 size_t next_panel, float *c, size_t ldc, bool add, const float *bias,
                 mica_ahead ahead)
{
    const float *a = packed;
    const uint16_t *b = panel;
    for (size_t i = 0; i < m; i++) {
        float row[NR] = {0};
        for (size_t p = 0; p < k; p++) {
            float even = a[i * MICA_GEMM_A_STRIDE + 2 * p];
            float odd = a[i * MICA_GEMM_A_STRIDE + 2 * p + 1];
            const uint16_t *pairs = b + p * 2 * NR;
            for (size_t j = 0; j < NR; j++) {
                row[j] += even * mica_bf16_to_f32(pairs[2 * j]);
                row[j] += odd * mica_bf16_to_f32(pairs[2 * j + 1]);
            }
        }
        for (size_t j = 0; j < n; j++) {
            float value = add ? c[i * ldc + j] + row[j] : row[j];
            c[i * ldc + j] = bias ? value + bias[j] : value;
        }
    }
}

static void pack(void *to, const float *x, size_t n)
{
    float *y = to;
    for (size_t i = 0; i < n; i++)
        y[i] = mica_bf16_to_f32(mica_f32_to_bf16(x[i]));
    if (n % 2)
        y[n] = 0;
}

static void widen(float *y, const void *panel, size_t k)
{
    const uint16_t *pairs = panel;
    for (size_t p = 0; p < k; p++)
        for (size_t j = 0; j < NR; j++) {
            y[2 * p * NR + j] = mica_bf16_to_f32(pairs[2 * (p * NR + j)]);
            y[(2 * p + 1) * NR + j] = mica_bf16_to_f32(pairs[2 * (p * NR + j) + 1]);
        }
}

void mica_k_gemm_bf16_init_c(mica_kernels *kernels)
{
    kernels->bf16.tile = tile;
    kernels->bf16.mr = MR;
    kernels->bf16.few = 0;
    kernels->bf16.pack = pack;
    kernels->bf16.widen = widen;
    kernels->bf16.a_words = 2;
    kernels->bf16.fast = false;
    kernels->bf16.name = "widened to float32";
}
