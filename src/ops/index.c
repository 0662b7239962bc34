/* SPDX-License-Identifier: MIT
 *
 * Picking elements by number: embedding, gather, and the scatters.
 */
#include "graph/op.h"

mica_status mica_shape_embedding(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"table", MICA_ARG_WEIGHT, false},
                                     {"ids", MICA_ARG_I32, false}};
    mica_status status = mica_args_check(args, rules, 2, err);
    if (status != MICA_OK)
        return status;
    const mica_type *table = args->in[0], *ids = args->in[1];
    if (table->rank != 2 || ids->rank >= MICA_MAX_RANK)
        return mica_fail(
            err, MICA_STATUS_SHAPE, "embedding: %s must have 2 axes, and %s at most %d",
            mica_arg_text(args, 0, "table").s, mica_arg_text(args, 1, "ids").s, MICA_MAX_RANK - 1);
    *out = *ids;
    out->dtype = MICA_DTYPE_F32;
    out->dim[out->rank++] = table->dim[1];
    return MICA_OK;
}

/* The type that gather gives: the axis of x replaced by the axes of the indices. */
static mica_status gathered(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_axis_params *params = args->params;
    const mica_type *x = args->in[0], *indices = args->in[1];
    mica_status status = mica_axis_resolve(args, x->rank, &params->axis, err);
    if (status != MICA_OK)
        return status;
    if (x->rank - 1 + indices->rank > MICA_MAX_RANK)
        return mica_fail(err, MICA_STATUS_SHAPE, "%s: %s by %s has more than %d axes",
                         mica_op_name(args->op), mica_arg_text(args, 0, "x").s,
                         mica_arg_text(args, 1, "indices").s, MICA_MAX_RANK);
    out->dtype = x->dtype;
    out->rank = 0;
    for (int i = 0; i < x->rank; i++) {
        for (int j = 0; i == params->axis && j < indices->rank; j++)
            out->dim[out->rank++] = indices->dim[j];
        if (i != params->axis)
            out->dim[out->rank++] = x->dim[i];
    }
    return MICA_OK;
}

mica_status mica_shape_gather(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_ANY, false},
                                     {"indices", MICA_ARG_INDEX, false}};
    mica_status status = mica_args_check(args, rules, 2, err);
    return status == MICA_OK ? gathered(args, out, err) : status;
}

static mica_status scatter(const mica_shape_args *args, unsigned dtypes, mica_type *out,
                           mica_error *err)
{
    const mica_arg rules[] = {
        {"x", dtypes, false}, {"indices", MICA_ARG_INDEX, false}, {"updates", dtypes, false}};
    mica_type wanted;
    mica_status status = mica_args_check(args, rules, 3, err);
    if (status == MICA_OK)
        status = mica_args_same_dtype(args, rules, 0, 2, err);
    if (status == MICA_OK)
        status = gathered(args, &wanted, err);
    if (status != MICA_OK)
        return status;
    if (!mica_type_equal(args->in[2], &wanted))
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s does not fit %s by %s along axis %d: it must be %s",
                         mica_op_name(args->op), mica_arg_text(args, 2, "updates").s,
                         mica_arg_text(args, 0, "x").s, mica_arg_text(args, 1, "indices").s,
                         ((const mica_axis_params *)args->params)->axis,
                         mica_dims_text(wanted.dim, wanted.rank).s);
    *out = *args->in[0];
    return MICA_OK;
}

mica_status mica_shape_scatter(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return scatter(args, MICA_ARG_ANY, out, err);
}

mica_status mica_shape_scatter_sum(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return scatter(args, MICA_ARG_NUMBER, out, err);
}

mica_status mica_shape_scatter_max(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return scatter(args, MICA_ARG_NUMBER | MICA_ARG_BOOL, out, err);
}
