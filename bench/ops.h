/* SPDX-License-Identifier: MIT
 *
 * Array operations beside other frameworks': the same inputs from one file, every output held to a
 * float64 reference before anything is timed, and no figure above what the machine can do.
 */
#ifndef MICA_BENCH_OPS_H
#define MICA_BENCH_OPS_H

#include "arms.h"
#include "mica/context.h"
#include "ops_cases.h"
#include "peaks.h"

/* A peer has two arms: `default` and `best`. */
enum { BENCH_OPS_PEERS = 2, BENCH_OPS_ARMS = 1 + 2 * BENCH_OPS_PEERS, BENCH_OPS_FACTS = 16 };

typedef struct bench_ops_options {
    bench_plan plan;
    const char *python;
    struct {
        const char *name;   /* "pytorch": what its arms' names begin with */
        const char *script; /* its program */
    } peers[BENCH_OPS_PEERS];
    size_t peer_count;
    double limit;          /* seconds that a peer may take for an answer */
    bool show_errors;      /* of peers */
    bool mica;             /* false: peers alone */
    size_t threads;        /* of everyone; 0 = as mica chooses */
    double memory;         /* bytes that a case may need; 0 = what is available at the time */
    const char *directory; /* for the files of a run */
} bench_ops_options;

/* What a peer has said of itself, when it was started first. */
typedef struct bench_ops_peer {
    bench_state state; /* OK, ABSENT or FAILED */
    char reason[512];
    struct {
        char key[32], value[96];
        bool setting; /* else a version */
    } facts[BENCH_OPS_FACTS];
    size_t fact_count;
} bench_ops_peer;

/* An arm that is wanted. */
enum { BENCH_OPS_MICA = -1 };
typedef struct bench_ops_choice {
    int backend; /* BENCH_OPS_MICA or the number of a peer */
    const char
        *what;   /* a peer's "default" or "best", or the name of a flaw; NULL = mica as it is */
    bool flawed; /* `what` is a flaw: it is timed whatever its output is */
} bench_ops_choice;

typedef struct bench_ops_result {
    bench_case work;
    size_t elements, checked; /* of the output */
    double bandwidth;         /* bytes a second that memory of the case's size has */
    bench_arm arms[BENCH_OPS_ARMS];
    bench_ops_choice choices[BENCH_OPS_ARMS];
    double worst[BENCH_OPS_ARMS];     /* the largest difference from the reference */
    char how[BENCH_OPS_ARMS][64];     /* which of its ways an arm took; "" = there is one */
    char caught[BENCH_OPS_ARMS][256]; /* what would have stopped a flawed arm; "" = nothing */
    size_t arm_count;
} bench_ops_result;

typedef struct bench_ops bench_ops;

/* Measures the machine and starts the peers. `options` must outlive it. */
mica_status bench_ops_open(const bench_ops_options *options, bench_ops **out, mica_error *err);
void bench_ops_close(bench_ops **ops);
const bench_peaks *bench_ops_peaks(const bench_ops *ops);
const bench_ops_peer *bench_ops_peer_of(const bench_ops *ops, size_t i);
size_t bench_ops_threads(const bench_ops *ops);
const bench_ops_options *bench_ops_options_of(const bench_ops *ops);

/* All arms without a flaw, mica first; returns how many. */
size_t bench_ops_arms(const bench_ops_options *options, bench_ops_choice choices[BENCH_OPS_ARMS]);

/* Measures a case with `count` arms by a plan, that of the options or another. Failures of arms,
 * mica's too, are in the arms; an error is what leaves nothing to compare: no memory, no room for
 * files, CANCELLED. Where all arms' outputs together would be large, they are in memory one at a
 * time. */
mica_status bench_ops_run(bench_ops *ops, const bench_case *work, const bench_ops_choice *choices,
                          size_t count, const bench_plan *plan, bench_ops_result *out,
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
