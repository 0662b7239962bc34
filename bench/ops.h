/* SPDX-License-Identifier: MIT
 *
 * Array operations beside PyTorch's: the same inputs from one file, every output held to a float64
 * reference before anything is timed, and no figure above what the machine can do.
 */
#ifndef MICA_BENCH_OPS_H
#define MICA_BENCH_OPS_H

#include "arms.h"
#include "mica/context.h"
#include "ops_cases.h"
#include "peaks.h"

/* mica first; then the peer's. */
enum { BENCH_OPS_ARMS = 3 };

typedef struct bench_ops_options {
    bench_plan plan;
    const char *python, *script; /* NULL script = no peer */
    double limit;                /* seconds that the peer may take for an answer */
    bool show_errors;            /* of the peer */
    bool mica;                   /* false: the peer alone */
    size_t threads;              /* of everyone; 0 = as mica chooses */
    const char *directory;       /* for the files of a run */
} bench_ops_options;

typedef struct bench_ops_result {
    bench_case work;
    size_t elements, checked; /* of the output */
    double bandwidth;         /* bytes a second that this case cannot exceed */
    bench_arm arms[BENCH_OPS_ARMS];
    double worst[BENCH_OPS_ARMS]; /* the largest difference from the reference */
    char how[BENCH_OPS_ARMS][64]; /* which of its ways an arm took; "" = there is one */
    size_t arm_count;
} bench_ops_result;

typedef struct bench_ops bench_ops;

/* Measures the machine. `options` must outlive it. */
mica_status bench_ops_open(const bench_ops_options *options, bench_ops **out, mica_error *err);
void bench_ops_close(bench_ops **ops);
const bench_peaks *bench_ops_peaks(const bench_ops *ops);
/* The peer's name, versions and settings, once it has been started; "" = not yet, or there is none.
 */
const char *bench_ops_peer(const bench_ops *ops);
size_t bench_ops_threads(const bench_ops *ops);

/* Measures a case. Failures of arms, mica's too, are in the arms; an error is what leaves nothing
 * to compare: no memory, no room for files, CANCELLED. */
mica_status bench_ops_run(bench_ops *ops, const bench_case *work, bench_ops_result *out,
                          mica_error *err);
void bench_ops_release(bench_ops_result *result);

/* What an arm reached, of an OK one: 0 = the case has no such figure. `share` is of the peak that
 * it is nearest to. */
typedef struct bench_rates {
    double flops, bytes; /* a second */
    double share;
} bench_rates;
bench_rates bench_ops_rates(const bench_ops_result *result, size_t arm, const bench_peaks *peaks);

#endif
