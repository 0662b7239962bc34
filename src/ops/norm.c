/* SPDX-License-Identifier: MIT
 *
 * Normalising along the last axis: layer norm, with and without a residual or a product before it,
 * and the Euclidean norm.
 */
#include <math.h>

#include "graph/op.h"

static mica_status check_eps(const mica_shape_args *args, mica_error *err)
{
    const mica_eps_params *params = args->params;
    if (!(params->eps >= 0.0f) || isinf(params->eps))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: eps is %g, it must be a finite number from 0", mica_op_name(args->op),
                         (double)params->eps);
    return MICA_OK;
}

/* x (input 0) has a last axis, and inputs [from, from + 2) have one element for each of its columns
 */
static mica_status check_weights(const mica_shape_args *args, size_t from, mica_error *err)
{
    static const char *const names[] = {"weight", "bias"};
    const mica_type *x = args->in[0];
    if (x->rank < 1)
        return mica_fail(err, MICA_STATUS_SHAPE, "%s: %s must have at least 1 axis",
                         mica_op_name(args->op), mica_arg_text(args, 0, "x").s);
    for (size_t i = 0; i < 2; i++) {
        const mica_type *w = args->in[from + i];
        if (w == NULL)
            continue;
        if (w->rank != 1 || !mica_dim_equal(w->dim[0], x->dim[x->rank - 1]))
            return mica_fail(
                err, MICA_STATUS_SHAPE,
                "%s: %s does not fit %s: it must have one element for each column of x",
                mica_op_name(args->op), mica_arg_text(args, from + i, names[i]).s,
                mica_arg_text(args, 0, "x").s);
    }
    return MICA_OK;
}

mica_status mica_shape_l2_normalize(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_FLOAT, false}};
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        status = check_eps(args, err);
    if (status != MICA_OK)
        return status;
    if (args->in[0]->rank < 1)
        return mica_fail(err, MICA_STATUS_SHAPE, "l2_normalize: %s must have at least 1 axis",
                         mica_arg_text(args, 0, "x").s);
    *out = *args->in[0];
    return MICA_OK;
}

mica_status mica_shape_layer_norm(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_FLOAT, false},
                                     {"weight", MICA_ARG_FLOAT, true},
                                     {"bias", MICA_ARG_FLOAT, true}};
    mica_status status = mica_args_check(args, rules, 3, err);
    if (status == MICA_OK)
        status = check_eps(args, err);
    for (size_t i = 1; i < 3 && status == MICA_OK; i++) {
        if (args->in[i] != NULL)
            status = mica_args_same_dtype(args, rules, 0, i, err);
    }
    if (status == MICA_OK)
        status = check_weights(args, 1, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}

mica_status mica_shape_add_layer_norm(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_F32, false},
                                     {"residual", MICA_ARG_F32, false},
                                     {"weight", MICA_ARG_F32, false},
                                     {"bias", MICA_ARG_F32, false}};
    mica_status status = mica_args_check(args, rules, 4, err);
    if (status == MICA_OK)
        status = check_eps(args, err);
    if (status == MICA_OK)
        status = check_weights(args, 2, err);
    if (status != MICA_OK)
        return status;
    if (!mica_type_equal(args->in[0], args->in[1]))
        return mica_fail(err, MICA_STATUS_SHAPE, "%s: %s and %s must be of one shape",
                         mica_op_name(args->op), mica_arg_text(args, 0, "x").s,
                         mica_arg_text(args, 1, "residual").s);
    *out = *args->in[0];
    return MICA_OK;
}

mica_value mica_composite_add_layer_norm(mica_graph *graph, const mica_value *in, size_t n,
                                         const void *params)
{
    const mica_eps_params *eps = params;
    return mica_layer_norm(graph, mica_add(graph, in[0], in[1]), in[2], in[3], *eps);
}

mica_status mica_shape_linear_add_layer_norm(const mica_shape_args *args, mica_type *out,
                                             mica_error *err)
{
    mica_type product;
    if (args->n != 6)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "linear_add_layer_norm: %zu inputs: it takes x, weight, bias (or none), "
                         "residual, norm weight and norm bias",
                         args->n);
    const mica_shape_args linear = {args->op, 3, args->in, args->names, NULL};
    mica_status status = mica_shape_linear(&linear, &product, err);
    if (status != MICA_OK)
        return status;
    const mica_type *in[] = {&product, args->in[3], args->in[4], args->in[5]};
    const char *names[] = {NULL, args->names[3], args->names[4], args->names[5]};
    const mica_shape_args norm = {args->op, 4, in, names, args->params};
    return mica_shape_add_layer_norm(&norm, out, err);
}

mica_value mica_composite_linear_add_layer_norm(mica_graph *graph, const mica_value *in, size_t n,
                                                const void *params)
{
    const mica_value norm[] = {mica_linear(graph, in[0], in[1], in[2]), in[3], in[4], in[5]};
    return mica_composite_add_layer_norm(graph, norm, 4, params);
}
