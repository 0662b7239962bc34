/* SPDX-License-Identifier: MIT
 *
 * Order along an axis: sort, argsort, top_k, arg_top_k.
 */
#include "graph/op.h"

static const mica_arg rules[] = {{"x", MICA_ARG_NUMBER | MICA_ARG_BOOL, false}};

/* The axis, from the front; where indices come out its size must fit them. */
static mica_status order_axis(const mica_shape_args *args, int *axis, bool indices, mica_error *err)
{
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        status = mica_axis_resolve(args, args->in[0]->rank, axis, err);
    if (status != MICA_OK)
        return status;
    if (indices && args->in[0]->dim[*axis].c > INT32_MAX)
        return mica_fail(err, MICA_STATUS_SHAPE, "%s: axis %d of %s is longer than an int32 counts",
                         mica_op_name(args->op), *axis, mica_arg_text(args, 0, "x").s);
    return MICA_OK;
}

mica_status mica_shape_sort(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_sort_params *params = args->params;
    mica_status status = order_axis(args, &params->axis, false, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}

mica_status mica_shape_argsort(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_sort_params *params = args->params;
    mica_status status = order_axis(args, &params->axis, true, err);
    if (status != MICA_OK)
        return status;
    *out = *args->in[0];
    out->dtype = MICA_DTYPE_I32;
    return MICA_OK;
}

static mica_status top_k(const mica_shape_args *args, bool indices, mica_type *out, mica_error *err)
{
    mica_top_k_params *params = args->params;
    mica_status status = order_axis(args, &params->axis, indices, err);
    if (status != MICA_OK)
        return status;
    *out = *args->in[0];
    mica_dim dim = out->dim[params->axis];
    if (!mica_dim_is_fixed(dim) || params->k < 0 || params->k > dim.c)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: k is %lld, it must be from 0 to the size of axis %d of %s",
                         mica_op_name(args->op), (long long)params->k, params->axis,
                         mica_arg_text(args, 0, "x").s);
    out->dim[params->axis] = mica_dim_fixed(params->k);
    if (indices)
        out->dtype = MICA_DTYPE_I32;
    return MICA_OK;
}

mica_status mica_shape_top_k(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return top_k(args, false, out, err);
}

mica_status mica_shape_arg_top_k(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return top_k(args, true, out, err);
}
