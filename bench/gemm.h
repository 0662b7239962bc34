/* SPDX-License-Identifier: MIT
 *
 * The products of encoders by themselves: y [m, n] = x [m, k] W' + b, W and b constant and packed,
 * beside what the machine can do at most.
 *
 * In a model a weight is met once in a run and has left the caches when it is met again. So a shape
 * of few rows runs with as many equal weights as exceed them, one after another in one program;
 * with many rows arithmetic hides where weights come from, and one does.
 */
#ifndef MICA_BENCH_GEMM_H
#define MICA_BENCH_GEMM_H

#include "arms.h"
#include "mica/context.h"
#include "peaks.h"

typedef struct bench_gemm_shape {
    int64_t m, n, k; /* from 1 to BENCH_GEMM_MOST */
} bench_gemm_shape;
enum { BENCH_GEMM_MOST = 1 << 16 };

typedef struct bench_gemm_options {
    bench_plan plan;
    mica_precision precision;
    size_t threads; /* 0 = as mica chooses */
    bool cached;    /* one weight for all: it stays in the caches that hold it */
} bench_gemm_options;

typedef struct bench_gemm_result {
    bench_gemm_shape shape;
    char name[64]; /* "13x3072x768 f32" */
    bench_arm arm;
    size_t weights, checked; /* how many take turns; elements that were held to the reference */
    double worst;            /* the largest error, as a share of what rounding allows */
    double flops, weight_bytes;
} bench_gemm_result;

typedef struct bench_gemm bench_gemm;

/* Measures the machine. `options` must outlive it. */
mica_status bench_gemm_open(const bench_gemm_options *options, bench_gemm **out, mica_error *err);
void bench_gemm_close(bench_gemm **gemm);
const mica_context_info *bench_gemm_info(const bench_gemm *gemm);
mica_precision bench_gemm_precision(const bench_gemm *gemm); /* not AUTO */
const bench_rate *bench_gemm_rate(const bench_gemm *gemm);   /* the best seen so far */
double bench_gemm_read(const bench_gemm *gemm);              /* bytes a second from memory */

/* Measures shapes that have n and k in common, in rounds that are interleaved. A result that is
 * wrong, or faster than the machine, has no time. An error leaves nothing to compare: no memory,
 * CANCELLED. */
mica_status bench_gemm_run(bench_gemm *gemm, const bench_gemm_shape *shapes, size_t count,
                           bench_gemm_result *out, mica_error *err);
void bench_gemm_release(bench_gemm_result *result);

/* What an OK result reached. The floor is the longer of the arithmetic at the peak and the weights
 * at the bandwidth of where they lie; 0 = not known. */
typedef struct bench_gemm_figures {
    double flops, bytes; /* a second */
    double of_peak, of_read;
    double floor; /* seconds */
} bench_gemm_figures;
bench_gemm_figures bench_gemm_figures_of(const bench_gemm *gemm, const bench_gemm_result *result);

#endif
