/* SPDX-License-Identifier: MIT
 *
 * Operations on many rows or down columns, and losses, in plain C: the truth for the other
 * instruction sets.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/kernels.h"
#include "tensor/convert.h"

static void sum_rows(double *total, const float *x, size_t stride, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            total[j] += (double)x[i * stride + j];
}

static void row_sums(float *y, const float *x, size_t rows, size_t n, double by)
{
    for (size_t i = 0; i < rows; i++) {
        double total = 0;
        for (size_t j = 0; j < n; j++)
            total += (double)x[i * n + j];
        y[i] = (float)(total / by);
    }
}

static void arg_rows(int32_t *at, const float *x, size_t rows, size_t n, bool least)
{
    for (size_t i = 0; i < rows; i++, x += n) {
        size_t best = 0;
        for (size_t j = 0; j < n && x[best] == x[best]; j++)
            if ((least ? x[j] < x[best] : x[j] > x[best]) || x[j] != x[j])
                best = j;
        at[i] = (int32_t)best;
    }
}

static void argmax_rows(int32_t *at, const float *x, size_t rows, size_t n)
{
    arg_rows(at, x, rows, n, false);
}

static void argmin_rows(int32_t *at, const float *x, size_t rows, size_t n)
{
    arg_rows(at, x, rows, n, true);
}

static void max_rows(float *best, const float *x, size_t stride, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            float v = x[i * stride + j];
            best[j] = v > best[j] || v != v ? v : best[j];
        }
}

static void min_rows(float *best, const float *x, size_t stride, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            float v = x[i * stride + j];
            best[j] = v < best[j] || v != v ? v : best[j];
        }
}

static void arg_down(float *best, int32_t *at, const float *x, size_t stride, size_t rows, size_t n,
                     int32_t row, bool least)
{
    for (size_t i = 0; i < rows; i++, x += stride)
        for (size_t j = 0; j < n; j++) {
            bool better = least ? x[j] < best[j] : x[j] > best[j];
            if (!better && !(x[j] != x[j] && best[j] == best[j]))
                continue;
            best[j] = x[j];
            at[j] = row + (int32_t)i;
        }
}

static void add_rows(float *y, const int32_t *at, const float *x, size_t count, size_t n)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < n; j++)
            y[(size_t)at[i] * n + j] += x[i * n + j];
}

static void raise_rows(float *y, const int32_t *at, const float *x, size_t count, size_t n)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < n; j++) {
            float *to = y + (size_t)at[i] * n + j, v = x[i * n + j];
            *to = *to != *to || *to > v ? *to : v;
        }
}

static void softmax_line(float *y, const float *x, size_t n, size_t stride)
{
    double best = -INFINITY, total = 0;
    for (size_t i = 0; i < n; i++) {
        double v = x[i * stride];
        best = v > best || v != v ? v : best;
    }
    for (size_t i = 0; i < n; i++)
        total += exp((double)x[i * stride] - best);
    for (size_t i = 0; i < n; i++)
        y[i * stride] = (float)(exp((double)x[i * stride] - best) / total);
}

static void softmax(float *y, const float *x, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        softmax_line(y + i * n, x + i * n, n, 1);
}

static void softmax_columns(float *y, const float *x, size_t n, size_t stride, size_t columns)
{
    for (size_t j = 0; j < columns; j++)
        softmax_line(y + j, x + j, n, stride);
}

/* A log not below -100; NaN stays. */
static double clamped(double log_of)
{
    return log_of < -100 ? -100 : log_of;
}

static double bce(float *y, const float *x, const float *t, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double p = x[i], target = t[i];
        double one = -(target * clamped(log(p)) + (1 - target) * clamped(log1p(-p)));
        total += one;
        if (y)
            y[i] = (float)one;
    }
    return total;
}

/* max(x, 0) - x t + log(1 + exp(-|x|)), of which the first two are one product: nothing cancels. */
static double bce_logits(float *y, const float *x, const float *t, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double v = x[i], target = t[i];
        double one = (v < 0 ? -target : 1 - target) * v + log1p(exp(-fabs(v)));
        total += one;
        if (y)
            y[i] = (float)one;
    }
    return total;
}

static void narrow_f16(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = mica_f32_to_f16(x[i]);
}

static void narrow_bf16(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = mica_f32_to_bf16(x[i]);
}

static void stream(void *y, const void *x, size_t bytes)
{
    if (bytes)
        memcpy(y, x, bytes);
}

static void stream_rows(void *y, const void *x, const int32_t *at, size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        memcpy((char *)y + i * bytes, (const char *)x + (size_t)at[i] * bytes, bytes);
}

static void digest(uint32_t sums[2 * MICA_DIGEST_LANES], const void *x, size_t rows)
{
    uint32_t words[MICA_DIGEST_LANES];
    memset(sums, 0, 2 * sizeof words);
    for (size_t i = 0; i < rows; i++) {
        memcpy(words, (const char *)x + i * sizeof words, sizeof words);
        for (size_t k = 0; k < MICA_DIGEST_LANES; k++)
            sums[MICA_DIGEST_LANES + k] += sums[k] += words[k];
    }
}

static double dot(const float *a, const float *b, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += (double)a[i] * (double)b[i];
    return total;
}

static void dots(float *y, const float *x, size_t rows, size_t n, const float *w, float bias)
{
    for (size_t i = 0; i < rows; i++)
        y[i] = (float)dot(x + i * n, w, n) + bias;
}

void mica_k_columns_init_c(mica_kernels *kernels)
{
    kernels->sum_rows = sum_rows;
    kernels->row_sums = row_sums;
    kernels->argmax_rows = argmax_rows;
    kernels->argmin_rows = argmin_rows;
    kernels->max_rows = max_rows;
    kernels->min_rows = min_rows;
    kernels->arg_down = arg_down;
    kernels->add_rows = add_rows;
    kernels->raise_rows = raise_rows;
    kernels->softmax = softmax;
    kernels->softmax_columns = softmax_columns;
    kernels->bce = bce;
    kernels->bce_logits = bce_logits;
    kernels->narrow_f16 = narrow_f16;
    kernels->narrow_bf16 = narrow_bf16;
    kernels->stream = stream;
    kernels->stream_rows = stream_rows;
    kernels->digest = digest;
    kernels->dot = dot;
    kernels->dots = dots;
}
