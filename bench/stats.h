/* SPDX-License-Identifier: MIT
 *
 * What samples say: medians and how far they can be trusted. No distribution is assumed.
 */
#ifndef MICA_BENCH_STATS_H
#define MICA_BENCH_STATS_H

#include <stddef.h>

typedef struct bench_summary {
    size_t n;
    double min, p5, median, p95, max;
    double mad; /* the median of the distances from the median; not scaled */
} bench_summary;

/* Of n >= 1 samples, which it sorts. */
bench_summary bench_summarize(double *samples, size_t n);

/* The value below which a share q (0 to 1) of n >= 1 sorted samples lies, linear between them. */
double bench_quantile(const double *sorted, size_t n, double q);

/* A median with an interval that holds the true one with probability `level`: the samples of two
 * ranks, exact for samples of any distribution. Few samples reach no high level: then the interval
 * is from the smallest to the largest, and `level` says what it is worth. */
typedef struct bench_interval {
    double median, low, high, level;
} bench_interval;

/* Of n >= 1 samples, which it sorts, for at least `level` (0.95) where n allows it. */
bench_interval bench_median_interval(double *samples, size_t n, double level);

/* How many times as long b takes as a: of the ratios b[i] / a[i] of rounds, which share what the
 * machine did at the time. `ratios` has room for n. */
bench_interval bench_ratio(const double *a, const double *b, size_t n, double level,
                           double *ratios);

/* How many times as long b takes as a, of samples from two runs that share nothing: the ratio of
 * the medians, and an interval from those of each median, wide enough for both to hold together.
 * Sorts both, of n >= 1 and m >= 1. */
bench_interval bench_ratio_apart(double *a, size_t n, double *b, size_t m, double level);

/* exp of the mean of logarithms of n >= 1 positive numbers. */
double bench_geometric_mean(const double *values, size_t n);

#endif
