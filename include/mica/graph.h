/* SPDX-License-Identifier: MIT
 *
 * The array engine: a graph of operations, built lazily.
 *
 * Calling an operation records it and computes nothing. A value is a small handle passed by value;
 * everything a graph holds is freed with the graph. The first error sticks: later calls on the
 * graph do nothing and return none, and the error, with its text, surfaces from mica_graph_check,
 * mica_program_compile or mica_eval. So model code reads like the equations.
 *
 * A dimension is a number or one of two symbols: the number of tokens and of sequences of the
 * ragged batch that the program is run on later. A graph is built by one thread at a time.
 */
#ifndef MICA_GRAPH_H
#define MICA_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"
#include "mica/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_graph mica_graph;
typedef struct mica_value {
    uint32_t id; /* 0 = none */
} mica_value;

/* Symbolic dimensions, and "whatever fits" for reshape. */
#define MICA_DIM_TOKENS (-1)
#define MICA_DIM_SEQUENCES (-2)
#define MICA_DIM_INFER (-3)

MICA_API mica_status mica_graph_create(mica_graph **out, mica_error *err);
MICA_API void mica_graph_destroy(mica_graph **graph);

/* The first error of the graph, or MICA_OK. */
MICA_API mica_status mica_graph_check(const mica_graph *graph, mica_error *err);

/* No value: an optional input that is left out, or the result of a failed operation. */
static inline mica_value mica_none(void)
{
    mica_value none = {0};
    return none;
}

/* An input, given anew for each run. Inputs are numbered in the order of these calls. `name` is
 * copied. dims may hold MICA_DIM_TOKENS and MICA_DIM_SEQUENCES. */
MICA_API mica_value mica_input(mica_graph *graph, const char *name, mica_dtype dtype, int rank,
                               const int64_t *dims);
/* A constant: the graph takes its own reference to the tensor. `name` (may be NULL) is copied and
 * used in error texts. */
MICA_API mica_value mica_constant(mica_graph *graph, mica_tensor *tensor, const char *name);
/* A float32 constant of rank 0. */
MICA_API mica_value mica_scalar(mica_graph *graph, float number);
/* A constant of rank 0 of any dtype; an error if that cannot hold the number: of whole numbers and
 * bool exactly, of floats rounded (a finite number does not become infinite). */
MICA_API mica_value mica_scalar_of(mica_graph *graph, mica_dtype dtype, double number);

/* What is known of a value; symbolic dimensions as MICA_DIM_*, and MICA_DIM_INFER for a size made
 * of them, such as twice the tokens. rank is -1 for none. */
MICA_API int mica_value_rank(const mica_graph *graph, mica_value value);
MICA_API int64_t mica_value_dim(const mica_graph *graph, mica_value value, int axis);
MICA_API mica_dtype mica_value_dtype(const mica_graph *graph, mica_value value);

#ifdef __cplusplus
}
#endif
#endif
