/* SPDX-License-Identifier: MIT
 *
 * A cell of `mica bench models`: texts of one length in one batch, run by all arms of a precision.
 */
#ifndef MICA_BENCH_MODELS_CELL_H
#define MICA_BENCH_MODELS_CELL_H

#include "models_arm.h"
#include "models_inputs.h"
#include "models_reference.h"

enum { BENCH_SAMPLED = 3 };

typedef struct bench_cell {
    size_t length; /* characters; 0 = mixed */
    size_t batch;
    char name[192];    /* "bert-base-uncased / 16 x 500" */
    char inputs[4096]; /* the file that the arms read */
    bench_batch data;
    /* The texts that are checked, and the rows of the flattened output that they are. */
    size_t sampled[BENCH_SAMPLED], sampled_count;
    int64_t *rows;
    size_t row_count;
} bench_cell;

/* Draws the texts that are checked (first, last, one between), and writes the inputs' file. */
mica_status bench_cell_prepare(bench_cell *cell, bool head, uint64_t seed, mica_error *err);
void bench_cell_free(bench_cell *cell);

/* What an arm did in a cell. */
typedef struct bench_cell_arm {
    bench_arm arm; /* its samples are those of the rounds that count */
    bench_model_arm *process;
    double first_seconds;
    bench_distance distance;
    double joules;  /* of all runs in rounds that count; NAN = not known */
    bool slow;      /* so slow that one run must do */
    double *all;    /* a sample a round, whether it counts or not; of a slow one the first alone */
    double *energy; /* joules, likewise */
} bench_cell_arm;

typedef struct bench_round {
    double before, after; /* probes: multiply-adds a second */
    bool disturbed;       /* one of them is too low */
    bool counts;
} bench_round;

typedef struct bench_cell_result {
    bench_cell_arm *arms;
    size_t arm_count;
    bench_round *rounds;
    size_t round_count, disturbed; /* rounds that were measured again */
} bench_cell_result;

typedef struct bench_cell_plan {
    bench_plan plan;
    double calm;       /* share of the best probe that makes a calm round; 0 = all are calm */
    double slow;       /* seconds of a run that is not repeated */
    double slow_times; /* or so many times mica's, if it is more than a second */
    size_t threads;
    double *best_probe; /* of the whole run, so far */
    /* A time in which the processor cannot have done a run's operations is refused, after its rate
     * (a second; 0 = not known) has been measured once more. */
    double flops, *rate;
    void (*measure_rate)(void *user);
    void (*progress)(void *user, double share);
    void *user;
} bench_cell_plan;

/* An arm's first run of the cell, whose output is held to the reference: its state, and how far it
 * is. `output` is the file that it writes. CANCELLED, or no memory. */
mica_status bench_cell_check(const bench_cell *cell, bench_model_reference *reference,
                             const char *output, bench_cell_arm *arm, mica_error *err);
/* Checks every arm against the reference, then times them. CANCELLED, or no memory; what goes wrong
 * in arms is in them. */
mica_status bench_cell_measure(const bench_cell *cell, bench_model_arm *const *arms, size_t count,
                               bench_model_reference *reference, const char *output,
                               const bench_cell_plan *plan, bench_cell_result *out,
                               mica_error *err);
void bench_cell_result_free(bench_cell_result *result);

#endif
