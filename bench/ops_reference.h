/* SPDX-License-Identifier: MIT
 *
 * What is right: the outputs of a case in float64, by plain loops that share nothing with the
 * kernels of any arm. All elements where that is quick, else a random sample spread over all of
 * the output.
 */
#ifndef MICA_BENCH_OPS_REFERENCE_H
#define MICA_BENCH_OPS_REFERENCE_H

#include "mica/tensor.h"
#include "ops_cases.h"

typedef struct bench_reference bench_reference;

/* The inputs must outlive it. NULL = out of memory. */
bench_reference *bench_reference_create(const bench_case *c, mica_tensor *const *inputs,
                                        uint64_t seed);
void bench_reference_destroy(bench_reference **reference);
/* How many elements of the output it knows. */
size_t bench_reference_count(const bench_reference *reference);

/* Where those elements stand in the output, counted through it in C order: as many numbers. */
void bench_reference_positions(const bench_reference *reference, int64_t *positions);

/* An output, contiguous: float32, or int32 or int64 for indices. `sampled`: data are only the
 * elements at the reference's positions, in their order, of an output of this shape. */
typedef struct bench_output {
    mica_dtype dtype;
    int rank;
    const int64_t *dims;
    const void *data;
    bool sampled;
} bench_output;

/* Compares. *worst becomes the largest difference. False after saying in `reason` what is wrong. */
bool bench_reference_check(const bench_reference *reference, const bench_output *output,
                           double *worst, char *reason, size_t size);

#endif
