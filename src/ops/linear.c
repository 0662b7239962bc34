/* SPDX-License-Identifier: MIT
 *
 * Products: matmul, linear, and linears side by side in one product.
 */
#include "graph/graph.h"

/* A vector as a matrix of one row or one column. */
static mica_type as_matrix(const mica_type *x, bool column)
{
    mica_type matrix = *x;
    if (x->rank == 1) {
        matrix.rank = 2;
        matrix.dim[column ? 0 : 1] = x->dim[0];
        matrix.dim[column ? 1 : 0] = mica_dim_fixed(1);
    }
    return matrix;
}

mica_status mica_shape_matmul(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"a", MICA_ARG_FLOAT, false}, {"b", MICA_ARG_FLOAT, false}};
    mica_status status = mica_args_check(args, rules, 2, err);
    if (status == MICA_OK)
        status = mica_args_same_dtype(args, rules, 0, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type a = as_matrix(args->in[0], false), b = as_matrix(args->in[1], true);
    const char *why = NULL;
    int lead = 0;
    if (a.rank < 1 || b.rank < 1)
        why = "both must have at least 1 axis";
    else if (!mica_dim_equal(a.dim[a.rank - 1], b.dim[b.rank - 2]))
        why = "the last dimension of a must be the last but one of b";
    else if (!mica_dims_broadcast(&a, &b, 2, out->dim, &lead))
        why = "the leading dimensions do not broadcast";
    if (why != NULL)
        return mica_fail(err, MICA_STATUS_SHAPE, "matmul: %s does not take %s: %s",
                         mica_arg_text(args, 0, "a").s, mica_arg_text(args, 1, "b").s, why);
    out->dtype = args->in[0]->dtype;
    out->rank = lead;
    if (args->in[0]->rank > 1)
        out->dim[out->rank++] = a.dim[a.rank - 2];
    if (args->in[1]->rank > 1)
        out->dim[out->rank++] = b.dim[b.rank - 1];
    return MICA_OK;
}

/* weight (input w) and bias (input w + 1, may be left out) against x (input 0) */
static mica_status check_weight(const mica_shape_args *args, size_t w, mica_error *err)
{
    const mica_type *x = args->in[0], *weight = args->in[w], *bias = args->in[w + 1];
    const char *op = mica_op_name(args->op);
    if (x->rank < 1 || weight->rank != 2 || !mica_dim_is_fixed(weight->dim[0]) ||
        !mica_dim_is_fixed(weight->dim[1])) {
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s must have 2 axes of fixed size and %s at least 1", op,
                         mica_arg_text(args, w, "weight").s, mica_arg_text(args, 0, "x").s);
    }
    if (!mica_dim_equal(weight->dim[1], x->dim[x->rank - 1])) {
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s does not take %s: its last dimension must be that of x", op,
                         mica_arg_text(args, w, "weight").s, mica_arg_text(args, 0, "x").s);
    }
    if (bias != NULL && (bias->rank != 1 || !mica_dim_equal(bias->dim[0], weight->dim[0]))) {
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s does not fit %s: it must have one element for each row of weight",
                         op, mica_arg_text(args, w + 1, "bias").s,
                         mica_arg_text(args, w, "weight").s);
    }
    return MICA_OK;
}

mica_status mica_shape_linear(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_FLOAT, false},
                                     {"weight", MICA_ARG_WEIGHT, false},
                                     {"bias", MICA_ARG_WEIGHT, true}};
    mica_status status = mica_args_check(args, rules, 3, err);
    if (status == MICA_OK)
        status = check_weight(args, 1, err);
    if (status != MICA_OK)
        return status;
    *out = *args->in[0];
    out->dim[out->rank - 1] = args->in[1]->dim[0];
    return MICA_OK;
}

mica_status mica_shape_fused_linear(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const mica_fused_linear_params *params = args->params;
    if (args->n % 2 != 1 || args->n < 3 || args->in[0] == NULL)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "fused_linear: %zu inputs: it takes x and then a weight and a bias (or "
                         "none) for each product",
                         args->n);
    if (params->activation != MICA_OP_NONE && !mica_op_is_activation(params->activation))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "fused_linear: %s (%d) is not a pointwise operation without parameters",
                         mica_op_name(params->activation), (int)params->activation);
    mica_dim columns = mica_dim_fixed(0);
    for (size_t w = 1; w < args->n; w += 2) {
        static const mica_arg rules[] = {{"x", MICA_ARG_FLOAT, false},
                                         {"weight", MICA_ARG_WEIGHT, false},
                                         {"bias", MICA_ARG_WEIGHT, true}};
        const mica_type *in[] = {args->in[0], args->in[w], args->in[w + 1]};
        const char *names[] = {args->names[0], args->names[w], args->names[w + 1]};
        const mica_shape_args one = {args->op, 3, in, names, NULL};
        mica_status status = mica_args_check(&one, rules, 3, err);
        if (status == MICA_OK)
            status = check_weight(&one, 1, err);
        if (status != MICA_OK)
            return status;
        if (!mica_dim_add(columns, in[1]->dim[0], &columns))
            return mica_fail(err, MICA_STATUS_SHAPE, "fused_linear: too many columns");
    }
    *out = *args->in[0];
    out->dim[out->rank - 1] = columns;
    return MICA_OK;
}

mica_value mica_composite_fused_linear(mica_graph *graph, const mica_value *in, size_t n,
                                       const void *params)
{
    const mica_fused_linear_params *fused = params;
    size_t products = n / 2;
    mica_value result = mica_none();
    /* Joined one after another: that needs no list of values. */
    for (size_t i = 0; i < products; i++) {
        mica_value one = mica_linear(graph, in[0], in[1 + 2 * i], in[2 + 2 * i]);
        if (fused->activation != MICA_OP_NONE)
            one = mica_graph_apply(graph, fused->activation, &one, 1, NULL, 0);
        const mica_value pair[] = {result, one};
        result = i == 0 ? one : mica_concat(graph, pair, 2, (mica_axis_params){-1});
    }
    return result;
}
