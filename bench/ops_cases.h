/* SPDX-License-Identifier: MIT
 *
 * The cases of `mica bench ops`: what each name stands for, and what it costs at least.
 */
#ifndef MICA_BENCH_OPS_CASES_H
#define MICA_BENCH_OPS_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/graph.h"

typedef enum bench_op {
    BENCH_ARGMAX,
    BENCH_BCE, /* of probabilities, mean */
    BENCH_CONCAT,
    BENCH_CONV1D,
    BENCH_CONV2D,
    BENCH_GATHER,
    BENCH_LEAKY_RELU, /* negative slope 0.01 */
    BENCH_LINEAR,
    BENCH_MATMUL,
    BENCH_PRELU,
    BENCH_RELU,
    BENCH_SCATTER,
    BENCH_SCATTER_SUM,
    BENCH_SCATTER_MAX,
    BENCH_SELU,
    BENCH_SIGMOID,
    BENCH_SOFTMAX,
    BENCH_SOFTPLUS,
    BENCH_SORT,
    BENCH_SUM,
    BENCH_SUM_ALL,
    BENCH_LAYER_NORM, /* eps 1e-5 */
    BENCH_ATTENTION,  /* scale 1 / sqrt(D) */
    BENCH_OPS
} bench_op;

enum { BENCH_INPUTS = 3, BENCH_RANK = 4 };
typedef struct bench_shape {
    int rank;
    int64_t dims[BENCH_RANK];
} bench_shape;

/* Where a case comes from. */
typedef enum bench_group {
    BENCH_GROUP_PAPER,    /* one of the 85 */
    BENCH_GROUP_ENCODERS, /* what encoders need */
    BENCH_GROUP_TINY,     /* data so small that what a run costs beside its work shows */
    BENCH_GROUPS
} bench_group;

typedef struct bench_case {
    const char *name;
    bench_group group;
    bench_op op;
    int inputs;
    bench_shape shapes[BENCH_INPUTS]; /* as the inputs are kept */
    bool index[BENCH_INPUTS];         /* int64 row numbers instead of float32 */
    bench_shape output;
    int axis; /* from the front; 0 if there is none */
    bool causal;
    bool indices;   /* sort: where the values came from, instead of the values */
    double flops;   /* multiplications and additions of a product; 0 = not what limits the others */
    double bytes;   /* that have to be read and written at least once */
    double written; /* of them */
} bench_case;

extern const size_t bench_case_count;
/* Reads case i's name. False = the row is no case (a test says that there is none such). */
bool bench_case_read(size_t i, bench_case *out);

const char *bench_group_name(bench_group group);

/* "Argmax" and the peer's word for it, "argmax". */
const char *bench_op_title(bench_op op);
const char *bench_op_word(bench_op op);

int64_t bench_shape_count(const bench_shape *shape);

/* Records the case: `inputs` become the graph's inputs, in order. */
mica_value bench_case_build(const bench_case *c, mica_graph *graph);

#endif
