/* SPDX-License-Identifier: MIT
 *
 * Running a graph: compile it once into a program, then run the program on any batch.
 *
 *   program    the plan: fused steps, memory layout, packed weights. Immutable, shared by threads.
 *   executor   the memory of one run at a time. Each of the caller's threads has its own.
 *
 * For a computation that is done once, mica_eval does both.
 */
#ifndef MICA_PROGRAM_H
#define MICA_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/context.h"
#include "mica/graph.h"
#include "mica/ops.h"
#include "mica/precision.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_program mica_program;
typedef struct mica_executor mica_executor;

typedef struct mica_compile_options {
    bool no_rewrites;         /* keep plain operations as they are written; default false */
    bool check_finite;        /* an output that is not finite is NOT_FINITE; default false */
    mica_precision precision; /* of linears with constant weights; default F32 */
    bool once;                /* packed weights are not kept: a run packs what it comes to, with the
                                 same bits. For a program that is run once: nothing is cleared and
                                 written but what a layer takes. Default false */
    bool check_weights;       /* a constant weight, bias or input of linears and layer norms that is
                                 not finite is NOT_FINITE, by its name. Default false, as of any
                                 array; of linears in BF16 and INT8 always */
    unsigned reserved[4];     /* zero */
} mica_compile_options;
MICA_API void mica_compile_options_defaults(mica_compile_options *options);

/* Compiles what `outputs` need of the graph. The graph may be destroyed afterwards: the program
 * keeps references to the constants. `options` NULL = defaults. */
MICA_API mica_status mica_program_compile(mica_context *context, const mica_graph *graph,
                                          const mica_value *outputs, size_t count,
                                          const mica_compile_options *options, mica_program **out,
                                          mica_error *err);
MICA_API void mica_program_destroy(mica_program **program);

/* The steps of the plan, in the order in which they run: for tests and for the curious. */
MICA_API size_t mica_program_step_count(const mica_program *program);
MICA_API mica_op mica_program_step_op(const mica_program *program, size_t step);

/* The batch that the symbolic dimensions stand for: `sequences` runs of tokens, sequence i being
 * tokens [starts[i], starts[i+1]); starts has sequences + 1 entries, from 0 to `tokens`, not
 * falling. key_mask (may be NULL) has a byte for each token: 0 hides the token from attention as a
 * key; a sequence with no visible key attends to all its tokens alike. */
typedef struct mica_batch {
    size_t tokens, sequences;
    const int32_t *starts;
    const uint8_t *key_mask;
} mica_batch;

/* The program must outlive its executors. */
MICA_API mica_status mica_executor_create(mica_program *program, mica_executor **out,
                                          mica_error *err);
MICA_API void mica_executor_destroy(mica_executor **executor);

/* Runs the program. `inputs[i]` points to the data of input i (contiguous, its dtype), `count` is
 * the number of the graph's inputs; one that the outputs do not need may be NULL. `batch` may be
 * NULL if no dimension is symbolic. Below the high-water mark of earlier runs nothing is allocated.
 */
MICA_API mica_status mica_executor_run(mica_executor *executor, const mica_batch *batch,
                                       const void *const *inputs, size_t count, mica_error *err);

/* Output i of the last run: contiguous data, valid until the next run; rank and dims (may be NULL)
 * get its shape. */
MICA_API const void *mica_executor_output(const mica_executor *executor, size_t i, int *rank,
                                          int64_t dims[MICA_MAX_RANK]);
/* Bytes that the executor holds now: its high-water mark. */
MICA_API size_t mica_executor_bytes(const mica_executor *executor);

/* Compiles and runs a graph without symbolic dimensions or inputs, once: results[i] becomes a new
 * tensor with the value of outputs[i]. On failure all are NULL. */
MICA_API mica_status mica_eval(mica_context *context, const mica_graph *graph,
                               const mica_value *outputs, size_t count, mica_tensor **results,
                               mica_error *err);

#ifdef __cplusplus
}
#endif
#endif
