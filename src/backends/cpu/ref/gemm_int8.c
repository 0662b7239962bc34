/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers in plain C: the left side without a sign, the right side with one.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/kernels.h"

enum { MR = 4, NR = 16, GROUP = 4 };

static void tile(size_t m, size_t n, size_t k, const void *packed, const void *panel, float *c,
                 size_t ldc, bool add, const mica_int8_tail *tail, mica_ahead ahead)
{
    for (size_t i = 0; i < m; i++) {
        const uint8_t *a = (const uint8_t *)packed + i * MICA_GEMM_A_STRIDE * GROUP;
        const int8_t *b = panel;
        int32_t row[NR] = {0};
        if (add)
            memcpy(row, c + i * ldc, n * sizeof *row);
        for (size_t p = 0; p < k; p++, a += GROUP, b += NR * GROUP)
            for (size_t j = 0; j < NR; j++)
                row[j] += a[0] * b[GROUP * j] + a[1] * b[GROUP * j + 1] + a[2] * b[GROUP * j + 2] +
                          a[3] * b[GROUP * j + 3];
        if (!tail) {
            memcpy(c + i * ldc, row, n * sizeof *row);
            continue;
        }
        for (size_t j = 0; j < n; j++) {
            int32_t sum = row[j] - tail->row_zero[i] * tail->column_sum[j];
            float value = (float)sum * (tail->row_scale[i] * tail->column_scale[j]);
            c[i * ldc + j] = tail->bias ? value + tail->bias[j] : value;
        }
    }
}

static void range(const float *x, size_t n, float *low, float *high)
{
    *low = *high = 0;
    for (size_t i = 0; i < n; i++) {
        *low = x[i] < *low || x[i] != x[i] ? x[i] : *low; /* a NaN stays: nothing is less */
        *high = x[i] > *high ? x[i] : *high;
    }
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static float largest_pair(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i += 2) {
        float next = i + 1 < n ? x[i + 1] : 0;
        most = larger(larger(x[i], 0) + larger(next, 0), most);
        most = larger(larger(-x[i], 0) + larger(-next, 0), most);
    }
    return most;
}

static void quantize(void *to, const float *x, size_t n, float inverse, int32_t zero)
{
    uint8_t *y = to;
    for (size_t i = 0; i < n; i++) {
        long q = lrintf(x[i] * inverse) + zero;
        y[i] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
    }
    for (; n % GROUP; n++)
        y[n] = 0;
}

void mica_k_gemm_int8_init_c(mica_kernels *kernels)
{
    kernels->int8.tile = tile;
    kernels->int8.mr = MR;
    kernels->int8.a_floats = 1 << 16;
    kernels->int8.range = range;
    kernels->int8.largest_pair = largest_pair;
    kernels->int8.quantize = quantize;
    kernels->int8.a_bias = 0;
    kernels->int8.name = "plain C";
}
