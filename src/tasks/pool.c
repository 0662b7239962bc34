/* SPDX-License-Identifier: MIT */
#include "tasks/pool.h"

#include <math.h>
#include <string.h>

static void pool_max(const float *x, const uint8_t *mask, size_t count, size_t hidden, float *out)
{
    for (size_t h = 0; h < hidden; h++)
        out[h] = -INFINITY;
    for (size_t i = 0; i < count; i++)
        for (size_t h = 0; mask[i] && h < hidden; h++)
            if (!(x[i * hidden + h] <= out[h])) /* NaN too */
                out[h] = x[i * hidden + h];
}

static void pool_mean(mica_pool_mode mode, const float *x, const uint8_t *mask, size_t count,
                      size_t hidden, size_t first, float *out)
{
    double total = 0;

    for (size_t i = 0; i < count; i++)
        if (mask[i])
            total += mode == MICA_POOL_WEIGHTED_MEAN ? (double)(i - first + 1) : 1.0;
    total = total > 1e-9 ? total : 1e-9;
    if (mode == MICA_POOL_MEAN_SQRT_LEN)
        total = sqrt(total);
    for (size_t h = 0; h < hidden; h++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            if (mask[i])
                sum += x[i * hidden + h] *
                       (mode == MICA_POOL_WEIGHTED_MEAN ? (double)(i - first + 1) : 1.0);
        out[h] = (float)(sum / total);
    }
}

void mica_pool_masked(mica_pool_mode mode, const float *x, const uint8_t *mask, size_t count,
                      size_t hidden, size_t first, float *out)
{
    size_t i = 0;

    switch (mode) {
    case MICA_POOL_FIRST:
        while (i < count && !mask[i])
            i++;
        memcpy(out, x + (i < count ? i : 0) * hidden, hidden * sizeof *out);
        break;
    case MICA_POOL_LAST:
        i = count;
        while (i > 0 && !mask[i - 1])
            i--;
        if (i > 0)
            memcpy(out, x + (i - 1) * hidden, hidden * sizeof *out);
        else
            memset(out, 0, hidden * sizeof *out);
        break;
    case MICA_POOL_MAX:
        pool_max(x, mask, count, hidden, out);
        break;
    case MICA_POOL_MEAN:
    case MICA_POOL_MEAN_SQRT_LEN:
    case MICA_POOL_WEIGHTED_MEAN:
        pool_mean(mode, x, mask, count, hidden, first, out);
        break;
    }
}
