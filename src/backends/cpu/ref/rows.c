/* SPDX-License-Identifier: MIT
 *
 * Operations on one row in plain C, sums in double precision: the truth for the other instruction
 * sets.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "backends/cpu/kernels.h"

static double sum(const float *x, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += (double)x[i];
    return total;
}

static float maximum(const float *x, size_t n)
{
    float best = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (x[i] > best || x[i] != x[i])
            best = x[i]; /* a NaN stays: nothing is larger */
    return best;
}

static float minimum(const float *x, size_t n)
{
    float best = INFINITY;
    for (size_t i = 0; i < n; i++)
        if (x[i] < best || x[i] != x[i])
            best = x[i];
    return best;
}

static float exp_row(float *x, size_t n, float scale)
{
    float best = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        float v = x[i] * scale;
        if (v > best || v != v)
            best = v;
    }
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double e = exp((double)(x[i] * scale) - (double)best);
        x[i] = (float)e;
        total += e;
    }
    return (float)total;
}

static void exp_rows(float *x, size_t rows, size_t n, size_t ld, float scale, float *sums)
{
    for (size_t i = 0; i < rows; i++)
        sums[i] = exp_row(x + i * ld, n, scale);
}

static void layer_norm(float *y, const float *x, const float *residual, const float *weight,
                       const float *bias, size_t n, float eps)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = residual ? x[i] + residual[i] : x[i];
        mean += (double)y[i];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = (double)y[i] - mean;
        variance += d * d;
    }
    double inverse = 1 / sqrt(variance / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++) {
        double normal = ((double)y[i] - mean) * inverse;
        y[i] = (float)(normal * (weight ? (double)weight[i] : 1) + (bias ? (double)bias[i] : 0));
    }
}

static void l2_normalize(float *y, const float *x, size_t n, float eps)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += (double)x[i] * (double)x[i];
    double norm = sqrt(total);
    if (norm < (double)eps)
        norm = eps;
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((double)x[i] / norm);
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void widen_bf16(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = from_bits((uint32_t)x[i] << 16);
}

static void widen_f16(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t sign = (uint32_t)(x[i] & 0x8000) << 16;
        uint32_t exponent = (x[i] >> 10) & 31, fraction = x[i] & 1023;
        if (exponent == 31) /* infinity, NaN (made quiet, as the processors do) */
            y[i] = from_bits(sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000u : 0));
        else if (exponent) /* 112 = 127 - 15, the difference of the biases */
            y[i] = from_bits(sign | (exponent + 112) << 23 | fraction << 13);
        else /* zero and subnormal: fraction * 2^-24, exactly */
            y[i] = (sign ? -0x1p-24f : 0x1p-24f) * (float)fraction;
    }
}

static void transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            y[c * ldy + r] = x[r * ldx + c];
}

void mica_k_rows_init_c(mica_kernels *kernels)
{
    kernels->sum = sum;
    kernels->max = maximum;
    kernels->min = minimum;
    kernels->exp_rows = exp_rows;
    kernels->layer_norm = layer_norm;
    kernels->l2_normalize = l2_normalize;
    kernels->widen_f16 = widen_f16;
    kernels->widen_bf16 = widen_bf16;
    kernels->transpose = transpose;
}
