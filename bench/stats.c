/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at;
    if (low + 1 >= n)
        return sorted[n - 1];
    return sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]);
}

/* The median of |sorted[i] - centre|, which falls and then rises: the distances are taken in order
 * from both sides of the centre. */
static double median_distance(const double *sorted, size_t n, double centre)
{
    size_t right = 0, left;
    double before = 0, distance = 0;
    while (right < n && sorted[right] < centre)
        right++;
    left = right;
    for (size_t taken = 0; taken <= n / 2; taken++) {
        before = distance;
        if (right == n || (left > 0 && centre - sorted[left - 1] < sorted[right] - centre))
            distance = centre - sorted[--left];
        else
            distance = sorted[right++] - centre;
    }
    return n % 2 ? distance : (before + distance) / 2;
}

bench_summary bench_summarize(double *samples, size_t n)
{
    bench_summary s = {.n = n};
    qsort(samples, n, sizeof *samples, by_value);
    s.min = samples[0];
    s.max = samples[n - 1];
    s.p5 = bench_quantile(samples, n, 0.05);
    s.median = bench_quantile(samples, n, 0.5);
    s.p95 = bench_quantile(samples, n, 0.95);
    s.mad = median_distance(samples, n, s.median);
    return s;
}

bench_interval bench_median_interval(double *samples, size_t n, double level)
{
    bench_interval interval;
    qsort(samples, n, sizeof *samples, by_value);
    /* Each sample is below the median with probability 1/2: the interval from the k-th smallest to
     * the k-th largest misses it if fewer than k samples lie on one side. */
    double term = pow(0.5, (double)n), tail = term; /* P(none), P(fewer than k) with k = 1 */
    size_t k = 1;
    for (; 2 * (k + 1) <= n; k++) {
        term *= (double)(n - k + 1) / (double)k;
        if (1 - 2 * (tail + term) < level)
            break;
        tail += term;
    }
    interval.median = bench_quantile(samples, n, 0.5);
    interval.low = samples[k - 1];
    interval.high = samples[n - k];
    interval.level = n > 1 ? 1 - 2 * tail : 0;
    return interval;
}

bench_interval bench_ratio(const double *a, const double *b, size_t n, double level, double *ratios)
{
    for (size_t i = 0; i < n; i++)
        ratios[i] = b[i] / a[i];
    return bench_median_interval(ratios, n, level);
}

bench_interval bench_ratio_apart(double *a, size_t n, double *b, size_t m, double level)
{
    /* Either misses with at most half of what may miss. */
    bench_interval x = bench_median_interval(a, n, (1 + level) / 2);
    bench_interval y = bench_median_interval(b, m, (1 + level) / 2);
    double both = x.level + y.level - 1;
    return (bench_interval){y.median / x.median, y.low / x.high, y.high / x.low,
                            both > 0 ? both : 0};
}

double bench_geometric_mean(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(values[i]);
    return exp(sum / (double)n);
}
