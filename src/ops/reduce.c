/* SPDX-License-Identifier: MIT
 *
 * Along axes: sum, mean, max, min, prod, argmax, argmin, softmax.
 */
#include "graph/op.h"

/* The axes that a reduction goes over, as bits; checks them and writes them from the front. */
static mica_status reduced_axes(const mica_shape_args *args, unsigned *axes, mica_error *err)
{
    mica_reduce_params *params = args->params;
    int rank = args->in[0]->rank;
    *axes = 0;
    if (params->all) {
        params->axis = 0;
        *axes = (1u << rank) - 1;
        return MICA_OK;
    }
    if (params->n_axes < 0 || params->n_axes > MICA_MAX_RANK)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "%s: %d axes, at most %d",
                         mica_op_name(args->op), params->n_axes, MICA_MAX_RANK);
    for (int i = 0; i < params->n_axes || i < 1; i++) {
        int *axis = params->n_axes == 0 ? &params->axis : &params->axes[i];
        mica_status status = mica_axis_resolve(args, rank, axis, err);
        if (status != MICA_OK)
            return status;
        if (*axes >> *axis & 1u)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "%s: axis %d of %s comes twice",
                             mica_op_name(args->op), *axis, mica_arg_text(args, 0, "x").s);
        *axes |= 1u << *axis;
    }
    return MICA_OK;
}

static mica_status reduce(const mica_shape_args *args, unsigned dtypes, bool of_nothing,
                          mica_type *out, mica_error *err)
{
    const mica_arg rules[] = {{"x", dtypes, false}};
    const mica_reduce_params *params = args->params;
    unsigned axes = 0;
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        status = reduced_axes(args, &axes, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    out->dtype = x->dtype;
    out->rank = 0;
    for (int i = 0; i < x->rank; i++) {
        bool gone = axes >> i & 1u;
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

/* sum and prod: of whole numbers an int64. */
static mica_status accumulate(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_status status = reduce(args, MICA_ARG_NUMBER | MICA_ARG_BOOL, true, out, err);
    if (status == MICA_OK && !(MICA_ARG_FLOAT >> out->dtype & 1u))
        out->dtype = MICA_DTYPE_I64;
    return status;
}

mica_status mica_shape_sum(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return accumulate(args, out, err);
}

mica_status mica_shape_prod(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return accumulate(args, out, err);
}

mica_status mica_shape_mean(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return reduce(args, MICA_ARG_FLOAT, true, out, err);
}

mica_status mica_shape_max(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return reduce(args, MICA_ARG_NUMBER | MICA_ARG_BOOL, false, out, err);
}

mica_status mica_shape_min(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return reduce(args, MICA_ARG_NUMBER | MICA_ARG_BOOL, false, out, err);
}

static mica_status arg(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const mica_reduce_params *params = args->params;
    if (params->n_axes != 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: %d axes: it takes one, or all of x", mica_op_name(args->op),
                         params->n_axes);
    mica_status status = reduce(args, MICA_ARG_NUMBER | MICA_ARG_BOOL, false, out, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    mica_extent count;
    if (!mica_extent_of(x->dim + (params->all ? 0 : params->axis), params->all ? x->rank : 1,
                        &count) ||
        (count.n == 0 && count.k > INT32_MAX))
        return mica_fail(err, MICA_STATUS_SHAPE, "%s: %s has more elements than an int32 counts",
                         mica_op_name(args->op), mica_arg_text(args, 0, "x").s);
    out->dtype = MICA_DTYPE_I32;
    return MICA_OK;
}

mica_status mica_shape_argmax(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return arg(args, out, err);
}

mica_status mica_shape_argmin(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    return arg(args, out, err);
}

mica_status mica_shape_softmax(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_FLOAT, false}};
    mica_axis_params *params = args->params;
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        status = mica_axis_resolve(args, args->in[0]->rank, &params->axis, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}
