/* SPDX-License-Identifier: MIT
 *
 * Along an axis: sum, mean, max, softmax.
 */
#include "graph/op.h"

static const mica_arg x_rule[] = {{"x", MICA_ARG_F32, false}};

static mica_status reduce(const mica_shape_args *args, bool of_nothing, mica_type *out,
                          mica_error *err)
{
    mica_reduce_params *params = args->params;
    mica_status status = mica_args_check(args, x_rule, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    if (params->all)
        params->axis = 0;
    else
        status = mica_axis_resolve(args, x->rank, &params->axis, err);
    if (status != MICA_OK)
        return status;
    out->dtype = x->dtype;
    out->rank = 0;
    for (int i = 0; i < x->rank; i++) {
        bool gone = params->all || i == params->axis;
        if (gone && !of_nothing && mica_dim_is(x->dim[i], 0))
            return mica_fail(err, MICA_STATUS_SHAPE, "%s: axis %d of %s has no elements",
                             mica_op_name(args->op), i, mica_arg_text(args, 0, "x").s);
        if (!gone)
            out->dim[out->rank++] = x->dim[i];
        else if (params->keep_dims)
            out->dim[out->rank++] = mica_dim_fixed(1);
    }
    return MICA_OK;
}

mica_status mica_shape_sum(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return reduce(args, true, out, err);
}

mica_status mica_shape_mean(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return reduce(args, false, out, err);
}

mica_status mica_shape_max(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return reduce(args, false, out, err);
}

mica_status mica_shape_softmax(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_axis_params *params = args->params;
    mica_status status = mica_args_check(args, x_rule, 1, err);
    if (status == MICA_OK)
        status = mica_axis_resolve(args, args->in[0]->rank, &params->axis, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}
