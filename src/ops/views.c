/* SPDX-License-Identifier: MIT
 *
 * The same elements seen otherwise, and moved: reshape, transpose, slice, broadcast_to,
 * copy, concat, pad.
 */
#include "graph/op.h"
#include "mica/graph.h"
#include "tensor/convert.h"

static const mica_arg any_rule[] = {{"x", MICA_ARG_ANY, false}};

static mica_status reshape_fail(const mica_shape_args *args, const mica_type *to, int infer,
                                mica_error *err)
{
    mica_text from = mica_arg_text(args, 0, "x"), dims = mica_dims_text(to->dim, to->rank);
    if (infer >= 0)
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "reshape: %s does not take the shape %s with dimension %d to be inferred: "
                         "no size gives as many elements",
                         from.s, dims.s, infer);
    bool unknown = mica_type_is_symbolic(to) && !mica_type_is_symbolic(args->in[0]);
    return mica_fail(err, MICA_STATUS_SHAPE,
                     "reshape: %s does not take the shape %s: it has another number of elements%s",
                     from.s, dims.s,
                     unknown ? " (a dimension that is to be inferred is MICA_DIM_INFER)" : "");
}

mica_status mica_shape_reshape(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const mica_shape_params *params = args->params;
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    if (params->rank < 0 || params->rank > MICA_MAX_RANK)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "reshape: rank %d is not in 0..%d",
                         params->rank, MICA_MAX_RANK);
    int infer = -1;
    out->dtype = x->dtype;
    out->rank = params->rank;
    for (int i = 0; i < params->rank; i++) {
        if (params->dims[i] == MICA_DIM_INFER && infer < 0) {
            infer = i;
            out->dim[i] = mica_dim_fixed(1);
        } else if (!mica_dim_from(params->dims[i], &out->dim[i])) {
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "reshape: dimension %d is %lld%s",
                             i, (long long)params->dims[i],
                             params->dims[i] == MICA_DIM_INFER
                                 ? ": only one may be MICA_DIM_INFER"
                                 : ", it must be at least 0 or a symbol");
        }
    }
    mica_extent have, want;
    if (!mica_extent_of(x->dim, x->rank, &have) || !mica_extent_of(out->dim, out->rank, &want))
        return reshape_fail(args, out, -1, err);
    if (infer >= 0 ? !mica_extent_divide(&have, &want, &out->dim[infer])
                   : !mica_extent_equal(&have, &want))
        return reshape_fail(args, out, infer, err);
    return MICA_OK;
}

mica_status mica_shape_transpose(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_permutation_params *params = args->params;
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    unsigned seen = 0;
    out->dtype = x->dtype;
    out->rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        status = mica_axis_resolve(args, x->rank, &params->axes[i], err);
        if (status != MICA_OK)
            return status;
        if (seen >> params->axes[i] & 1u)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "transpose: axis %d of %s comes twice in the permutation",
                             params->axes[i], mica_arg_text(args, 0, "x").s);
        seen |= 1u << params->axes[i];
        out->dim[i] = x->dim[params->axes[i]];
    }
    return MICA_OK;
}

mica_status mica_shape_slice(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_slice_params *params = args->params;
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status == MICA_OK)
        status = mica_axis_resolve(args, args->in[0]->rank, &params->axis, err);
    if (status != MICA_OK)
        return status;
    mica_dim dim = args->in[0]->dim[params->axis];
    if (!mica_dim_is_fixed(dim))
        return mica_fail(err, MICA_STATUS_SHAPE, "slice: axis %d of %s has no fixed size",
                         params->axis, mica_arg_text(args, 0, "x").s);
    if (params->begin < 0 || params->begin > params->end || params->end > dim.c)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "slice: [%lld, %lld) is not a range of axis %d of %s",
                         (long long)params->begin, (long long)params->end, params->axis,
                         mica_arg_text(args, 0, "x").s);
    if (params->step < 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "slice: the step %lld of %s is not above 0", (long long)params->step,
                         mica_arg_text(args, 0, "x").s);
    if (params->step == 0)
        params->step = 1;
    int64_t size = params->end - params->begin;
    *out = *args->in[0];
    out->dim[params->axis] = mica_dim_fixed(size / params->step + (size % params->step != 0));
    return MICA_OK;
}

mica_status mica_shape_broadcast_to(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const mica_shape_params *params = args->params;
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    mica_text from = mica_arg_text(args, 0, "x");
    if (params->rank < x->rank || params->rank > MICA_MAX_RANK)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "broadcast_to: %s does not take a shape of %d axes", from.s, params->rank);
    out->dtype = x->dtype;
    out->rank = params->rank;
    for (int i = 0; i < params->rank; i++) {
        if (!mica_dim_from(params->dims[i], &out->dim[i]))
            return mica_fail(err, MICA_STATUS_SHAPE,
                             "broadcast_to: %s does not take dimension %d of the shape, %lld: it "
                             "must be at least 0 or a symbol",
                             from.s, i, (long long)params->dims[i]);
    }
    for (int i = 0, axis = params->rank - x->rank; i < x->rank; i++, axis++) {
        if (!mica_dim_equal(x->dim[i], out->dim[axis]) && !mica_dim_is(x->dim[i], 1))
            return mica_fail(err, MICA_STATUS_SHAPE,
                             "broadcast_to: %s does not take the shape %s: dimension %d differs, "
                             "and is not 1",
                             from.s, mica_dims_text(out->dim, out->rank).s, axis);
    }
    return MICA_OK;
}

mica_status mica_shape_pad(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const mica_pad_params *params = args->params;
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status != MICA_OK)
        return status;
    *out = *args->in[0];
    if (!mica_dtype_holds(out->dtype, params->value))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "pad: x is %s, which cannot hold %.9g",
                         mica_dtype_name(out->dtype), params->value);
    for (int i = 0; i < out->rank; i++) {
        if (params->before[i] < 0 || params->after[i] < 0 ||
            !mica_dim_add(out->dim[i], mica_dim_fixed(params->before[i]), &out->dim[i]) ||
            !mica_dim_add(out->dim[i], mica_dim_fixed(params->after[i]), &out->dim[i]))
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "pad: %lld before and %lld after axis %d of %s: they must be from 0, "
                             "and the sum must fit",
                             (long long)params->before[i], (long long)params->after[i], i,
                             mica_arg_text(args, 0, "x").s);
    }
    return MICA_OK;
}

mica_status mica_shape_copy(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}

mica_status mica_shape_concat(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_axis_params *params = args->params;
    mica_status status = mica_args_check(args, any_rule, 1, err);
    if (status == MICA_OK)
        status = mica_axis_resolve(args, args->in[0]->rank, &params->axis, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0];
    *out = *x;
    for (size_t i = 1; i < args->n; i++) {
        const mica_type *y = args->in[i];
        bool fits = y->dtype == x->dtype && y->rank == x->rank;
        for (int axis = 0; fits && axis < x->rank; axis++)
            fits = axis == params->axis || mica_dim_equal(x->dim[axis], y->dim[axis]);
        if (!fits)
            return mica_fail(
                err, MICA_STATUS_SHAPE,
                "concat: input %zu, %s %s, does not fit input 0, %s %s: dtypes and all "
                "dimensions but that of axis %d must be equal",
                i, mica_dtype_name(y->dtype), mica_arg_text(args, i, "x").s,
                mica_dtype_name(x->dtype), mica_arg_text(args, 0, "x").s, params->axis);
        mica_dim *sum = &out->dim[params->axis];
        if (!mica_dim_add(*sum, y->dim[params->axis], sum))
            return mica_fail(err, MICA_STATUS_SHAPE, "concat: axis %d has too many elements",
                             params->axis);
    }
    return MICA_OK;
}
