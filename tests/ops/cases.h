/* SPDX-License-Identifier: MIT
 *
 * Tables of cases for shape rules: inputs as text, and the type of the result or parts of the
 * error.
 */
#ifndef MICA_TESTS_OPS_CASES_H
#define MICA_TESTS_OPS_CASES_H

#include "graph/graph.h"

typedef struct op_case {
    mica_op op;
    /* "f32 t,384; i32 4; -": inputs one after another, dimensions t and s being symbolic, "-" left
     * out; "f32" alone has rank 0. A name may stand before a colon: "w:f32 3,4". */
    const char *inputs;
    const char *result;   /* "float32 [tokens, 384]", or NULL: the operation fails */
    const char *error[4]; /* parts of the message */
    mica_status status;
    union {
        mica_leaky_relu_params leaky_relu;
        mica_axis_params axis;
        mica_reduce_params reduce;
        mica_sort_params sort;
        mica_top_k_params top_k;
        mica_bce_params bce;
        mica_conv1d_params conv1d;
        mica_conv2d_params conv2d;
        mica_sdpa_params sdpa;
        mica_pad_params pad;
        mica_eps_params eps;
        mica_cast_params cast;
        mica_shape_params shape;
        mica_permutation_params permutation;
        mica_slice_params slice;
        mica_fused_linear_params fused_linear;
        mica_attention_params attention;
        mica_segment_pool_params segment_pool;
    } params;
} op_case;

/* Fails the cmocka test on the first case that does not hold. */
void run_op_cases(const op_case *cases, size_t count);

#define OK .status = MICA_OK
#define BAD_SHAPE .status = MICA_STATUS_SHAPE
#define BAD_ARGUMENT .status = MICA_STATUS_INVALID_ARGUMENT

#endif
