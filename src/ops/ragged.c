/* SPDX-License-Identifier: MIT
 *
 * Operations that look at the bounds of the sequences in a ragged batch: attention, segment_pool.
 */
#include <math.h>

#include "graph/op.h"
#include "mica/graph.h"

static mica_status check_attention(const mica_shape_args *args, size_t inputs, mica_type *out,
                                   mica_error *err)
{
    static const mica_arg rules[] = {{"q", MICA_ARG_F32, false},
                                     {"k", MICA_ARG_F32, false},
                                     {"v", MICA_ARG_F32, false},
                                     {"bias", MICA_ARG_F32, false}};
    const mica_attention_params *params = args->params;
    mica_status status = mica_args_check(args, rules, inputs, err);
    if (status != MICA_OK)
        return status;
    for (size_t i = 0; i < 3; i++) {
        const mica_type *x = args->in[i];
        if (x->rank != 2 || !mica_dim_is(x->dim[0], MICA_DIM_TOKENS) ||
            !mica_dim_is_fixed(x->dim[1]) || !mica_type_equal(x, args->in[0]))
            return mica_fail(
                err, MICA_STATUS_SHAPE,
                "attention: %s does not fit %s: all must be [tokens, heads * head_dim]",
                mica_arg_text(args, i, rules[i].name).s, mica_arg_text(args, 0, "q").s);
    }
    int64_t width = args->in[0]->dim[1].c;
    if (params->heads < 1 || width < 1 || width % params->heads != 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "attention: %s does not divide into %d heads",
                         mica_arg_text(args, 0, "q").s, params->heads);
    if (!isfinite(params->scale))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "attention: the scale %g is not finite",
                         (double)params->scale);
    *out = *args->in[0];
    return MICA_OK;
}

mica_status mica_shape_attention(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return check_attention(args, 3, out, err);
}

mica_status mica_shape_relative_attention(const mica_shape_args *args, mica_type *out,
                                          mica_error *err)
{
    const mica_attention_params *params = args->params;
    const mica_type *bias = args->in[3];
    mica_status status = check_attention(args, 4, out, err);

    if (status != MICA_OK)
        return status;
    if (bias->rank != 2 || !mica_dim_is_fixed(bias->dim[0]) || !mica_dim_is_fixed(bias->dim[1]) ||
        bias->dim[0].c != params->heads || bias->dim[1].c % 2 != 1)
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "relative_attention: %s must be [%d heads, an odd number of distances]",
                         mica_arg_text(args, 3, "bias").s, params->heads);
    return MICA_OK;
}

mica_status mica_shape_segment_pool(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_F32, false}};
    const mica_segment_pool_params *params = args->params;
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    if (x->rank != 2 || !mica_dim_is(x->dim[0], MICA_DIM_TOKENS))
        return mica_fail(err, MICA_STATUS_SHAPE, "segment_pool: %s must be [tokens, columns]",
                         mica_arg_text(args, 0, "x").s);
    if ((unsigned)params->mode > MICA_POOL_WEIGHTED_MEAN)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "segment_pool: %d is not a mode",
                         (int)params->mode);
    *out = *x;
    mica_dim_from(MICA_DIM_SEQUENCES, &out->dim[0]);
    return MICA_OK;
}
