/* SPDX-License-Identifier: MIT
 *
 * The operations: for each row of mica/ops.def a builder
 *
 *   mica_value mica_<name>(mica_graph *graph, mica_value x, ..., mica_<...>_params params);
 *
 * which records the operation and returns its result, or mica_none() after an error (a shape or
 * dtype that does not fit, an axis out of range), which then sticks to the graph: see mica/graph.h.
 * Axes may be negative: -1 is the last. Float operations take float32; weights of linear and tables
 * of embedding may also be float16 or bfloat16 and are computed with in float32.
 */
#ifndef MICA_OPS_H
#define MICA_OPS_H

#include <stdbool.h>

#include "mica/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mica_op {
    MICA_OP_NONE,
    MICA_OP_INPUT,
    MICA_OP_CONSTANT,
#define MICA_OP(NAME, name, inputs, flags, text) MICA_OP_##NAME,
#define MICA_OP_P(NAME, name, inputs, params, flags, text) MICA_OP_##NAME,
#include "mica/ops.def"
#undef MICA_OP
#undef MICA_OP_P
    MICA_OP_COUNT
} mica_op;

typedef struct mica_leaky_relu_params {
    float negative_slope;
} mica_leaky_relu_params;

typedef struct mica_axis_params {
    int axis;
} mica_axis_params;

typedef struct mica_reduce_params {
    int axis;
    bool all;       /* over all axes; axis is ignored */
    bool keep_dims; /* reduced axes stay with size 1 */
} mica_reduce_params;

typedef struct mica_eps_params {
    float eps;
} mica_eps_params;

typedef struct mica_cast_params {
    mica_dtype dtype;
} mica_cast_params;

typedef struct mica_shape_params {
    int rank;
    int64_t dims[MICA_MAX_RANK]; /* may hold MICA_DIM_TOKENS, _SEQUENCES and one _INFER */
} mica_shape_params;

typedef struct mica_permutation_params {
    int axes[MICA_MAX_RANK]; /* as many as x has axes */
} mica_permutation_params;

typedef struct mica_slice_params {
    int axis;
    int64_t begin, end; /* 0 <= begin <= end <= size of the axis, which is not symbolic */
} mica_slice_params;

/* The activation is one of the pointwise operations without parameters, or MICA_OP_NONE. */
typedef struct mica_fused_linear_params {
    mica_op activation;
} mica_fused_linear_params;

typedef struct mica_attention_params {
    int heads;
    float scale; /* usually 1 / sqrt(head_dim) */
} mica_attention_params;

typedef enum mica_pool_mode {
    MICA_POOL_FIRST,         /* the first token (cls) */
    MICA_POOL_LAST,          /* the last token */
    MICA_POOL_MAX,           /* the largest, per column */
    MICA_POOL_MEAN,          /* sum / max(n, 1e-9) */
    MICA_POOL_MEAN_SQRT_LEN, /* sum / sqrt(max(n, 1e-9)) */
    MICA_POOL_WEIGHTED_MEAN  /* token i of n weighs i (from 1) */
} mica_pool_mode;

typedef struct mica_segment_pool_params {
    mica_pool_mode mode;
} mica_segment_pool_params;

/* Name of an operation ("layer_norm") and its one-line description from ops.def. */
MICA_API const char *mica_op_name(mica_op op);
MICA_API const char *mica_op_text(mica_op op);

#define MICA_OP_INPUTS_1 mica_value x
#define MICA_OP_INPUTS_2 mica_value a, mica_value b
#define MICA_OP_INPUTS_3 mica_value a, mica_value b, mica_value c
#define MICA_OP_INPUTS_4 mica_value a, mica_value b, mica_value c, mica_value d
#define MICA_OP_INPUTS_N const mica_value *inputs, size_t count
#define MICA_OP(NAME, name, inputs, flags, text)                                                   \
    MICA_API mica_value mica_##name(mica_graph *graph, MICA_OP_INPUTS_##inputs);
#define MICA_OP_P(NAME, name, inputs, params_type, flags, text)                                    \
    MICA_API mica_value mica_##name(mica_graph *graph, MICA_OP_INPUTS_##inputs, params_type params);
#include "mica/ops.def"
#undef MICA_OP
#undef MICA_OP_P

#ifdef __cplusplus
}
#endif
#endif
