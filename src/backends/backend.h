/* SPDX-License-Identifier: MIT
 *
 * The interface between the engine and a backend: what a program is to the one that runs it, and
 * the vtable that a backend fills. The graph part calls backends through this header only.
 *
 * A program is a list of steps over numbered slots ("values"). Before a run the engine resolves
 * every value to a view (address, shape, strides); a backend sees numbers only, no symbols.
 */
#ifndef MICA_BACKENDS_BACKEND_H
#define MICA_BACKENDS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/sidecar.h"
#include "mica/context.h"
#include "mica/ops.h"
#include "mica/precision.h"
#include "mica/program.h"
#include "mica/tensor.h"

/* Where a value lies during a run. Strides are in elements; a contiguous value has C order. */
typedef struct mica_view {
    void *data;
    int64_t begin; /* of a part of another value: elements of that one before data; else 0 */
    mica_dtype dtype;
    int rank;
    int64_t dim[MICA_MAX_RANK];
    int64_t stride[MICA_MAX_RANK];
} mica_view;

#define MICA_NO_VALUE UINT32_MAX
#define MICA_NO_STEP UINT32_MAX

/* One operation of the plan. Inputs that are left out are MICA_NO_VALUE. `constants[i]` is the
 * tensor of input i where that is a constant, else NULL; `names[i]` its name or NULL. */
typedef struct mica_step {
    mica_op op;
    const void *params; /* the op's struct of mica/ops.h */
    uint32_t n_inputs;
    const uint32_t *inputs; /* numbers of values */
    mica_tensor *const *constants;
    const char *const *names;
    uint32_t output;
    /* The only step that reads the output, as its inputs from 0 on (or views of them), where nobody
     * else sees it; the step whose `feeds` this one is, and how many inputs that gives. Else
     * MICA_NO_STEP. Such a pair may agree on what the memory of the value holds. */
    uint32_t feeds, fed_by, fed;
    mica_precision precision; /* that the program is compiled for; prepare() puts what is used */
    bool once;                /* weights are packed by each run, and not kept */
    bool check_weights;       /* constants that are not finite are an error */
    void *prepared;           /* the backend's own: packed weights and the like */
    mica_sidecar *sidecar;    /* during prepare(): where packed weights are kept, or NULL */
} mica_step;

/* What a step has cost. */
typedef struct mica_step_cost {
    uint64_t ns;
    uint64_t regions; /* of the pool */
} mica_step_cost;

/* A run in progress. */
typedef struct mica_run {
    const mica_step *steps;
    size_t n_steps;
    const mica_view *views;  /* by number of value */
    const mica_batch *batch; /* NULL if the program has no symbolic dimension */
    unsigned char *scratch;  /* what scratch() asked for, aligned to 64 bytes */
    size_t scratch_bytes;
    mica_step_cost *costs; /* NULL, or to be filled in per step */
    mica_context *context; /* for cancelling */
} mica_run;

typedef struct mica_backend mica_backend;

typedef struct mica_backend_vtable {
    const char *name;
    /* Whether the backend runs this operation itself. The planner asks before it makes a fused one,
     * and puts the composite of a fused one that is declined in its place. */
    bool (*supports)(const mica_backend *backend, mica_op op);
    /* Whether it takes float16 and bfloat16 as input i of this operation; if not, the planner
     * widens that input to float32 and narrows the result. NULL: it takes them everywhere. */
    bool (*takes_halves)(const mica_backend *backend, mica_op op, size_t i);
    /* Once per step, when a program is compiled: packs constants. A weight that several programs
     * use is packed once: the backend shares what it packed by the identity of the tensors. With
     * check_weights, and in smaller numbers than float32, weights that are not finite are
     * NOT_FINITE, with the tensor's name. */
    mica_status (*prepare)(mica_backend *backend, mica_step *step, mica_error *err);
    void (*unprepare)(mica_backend *backend, mica_step *step);
    /* Bytes of scratch that a run with these views needs (largest step). */
    size_t (*scratch)(const mica_backend *backend, const mica_run *run);
    mica_status (*run)(mica_backend *backend, const mica_run *run, mica_error *err);
    void (*destroy)(mica_backend **backend);
} mica_backend_vtable;

struct mica_backend {
    const mica_backend_vtable *vtable;
};

/* What a context holds, for the parts of the library. */
mica_backend *mica_context_backend(mica_context *context);
mica_pool *mica_context_pool(mica_context *context);
const mica_log_sink *mica_context_log(const mica_context *context);
bool mica_context_cancelled(const mica_context *context);

/* The CPU backend at a level of base/cpu.h. `pool` is borrowed and outlives it. */
mica_status mica_backend_cpu_create(mica_pool *pool, int level, mica_backend **out,
                                    mica_error *err);
/* Fills in what multiplies in each precision. */
void mica_backend_cpu_describe(const mica_backend *backend, mica_context_info *info);

#endif
