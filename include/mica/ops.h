/* SPDX-License-Identifier: MIT
 *
 * The operations: for each row of mica/ops.def a builder
 *
 *   mica_value mica_<name>(mica_graph *graph, mica_value x, ..., mica_<...>_params params);
 *
 * which records the operation and returns its result, or mica_none() after an error (a shape or
 * dtype that does not fit, an axis out of range), which then sticks to the graph: see mica/graph.h.
 * Axes may be negative: -1 is the last. Inputs may be views with any strides, and have dimensions
 * of size 0 and 1.
 *
 * Dtypes: "floats" are float32, float16 and bfloat16. The two halves are computed with in float32
 * and rounded once, to nearest even, when a result is stored. Nothing is promoted: inputs that are
 * combined must be of one dtype (mica_cast makes them so, mica_scalar_of makes a number of any),
 * but weights of linear and tables of embedding, which may be of any float beside a float32 x. An
 * operation that says nothing of dtypes takes floats; integers are int8 to int64 and uint8 to
 * uint32, computed with in int64. Operations that only move elements take every dtype.
 *
 * Where NumPy, PyTorch and MLX agree, so does mica; where they differ the row of mica/ops.def or
 * the parameters below say whom it follows. Indices that come out are int32, those that go in int32
 * or int64. NaN is the largest number to sort, and goes through maximum, minimum, max and min.
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
    bool all;                /* over all axes; axis is ignored */
    bool keep_dims;          /* reduced axes stay with size 1 */
    int n_axes;              /* if > 0, over these instead of `axis`; not for argmax and argmin */
    int axes[MICA_MAX_RANK]; /* in any order, none twice */
} mica_reduce_params;

typedef struct mica_sort_params {
    int axis;
    bool descending;
} mica_sort_params;

typedef struct mica_top_k_params {
    int64_t k; /* from 0 to the size of the axis */
    int axis;
    bool smallest; /* the k smallest, smallest first */
} mica_top_k_params;

typedef enum mica_reduction {
    MICA_REDUCTION_MEAN,
    MICA_REDUCTION_SUM,
    MICA_REDUCTION_NONE
} mica_reduction;

typedef struct mica_bce_params {
    bool logits; /* the input is x with p = 1 / (1 + exp(-x)) */
    mica_reduction reduction;
} mica_bce_params;

/* Of a stride, a dilation and the number of groups 0 counts as 1: {0} is the plain convolution. No
 * flipping (it is a correlation). padding zeros stand at both ends. */
typedef struct mica_conv1d_params {
    int64_t stride, padding, dilation;
    int64_t groups; /* divides the channels and the outputs; group g sees its own channels only */
} mica_conv1d_params;

typedef struct mica_conv2d_params {
    int64_t stride[2], padding[2], dilation[2]; /* of height and width */
    int64_t groups;
} mica_conv2d_params;

/* The mask is bool (true: may attend) or of q's dtype (added to the scores). causal hides keys
 * behind the query's own number, counted from the first of both, as in PyTorch (MLX counts from the
 * last). A query that sees no key gives zeros. heads is a multiple of kv heads: each of those
 * serves as many in a row. */
typedef struct mica_sdpa_params {
    float scale; /* 0: 1 / sqrt(D) */
    bool causal;
} mica_sdpa_params;

typedef struct mica_pad_params {
    int64_t before[MICA_MAX_RANK], after[MICA_MAX_RANK]; /* >= 0, as many as x has axes */
    double value; /* an error if the dtype cannot hold it: see mica_scalar_of */
} mica_pad_params;

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
    int64_t step;       /* > 0; 0 counts as 1 */
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
