/* SPDX-License-Identifier: MIT
 *
 * Operations element by element: pointwise, broadcast, cast.
 */
#include "graph/op.h"

mica_status mica_shape_pointwise(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_F32, false}};
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}

mica_status mica_shape_broadcast(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"a", MICA_ARG_F32, false}, {"b", MICA_ARG_F32, false}};
    mica_status status = mica_args_check(args, rules, 2, err);
    if (status != MICA_OK)
        return status;
    out->dtype = MICA_DTYPE_F32;
    if (!mica_dims_broadcast(args->in[0], args->in[1], 0, out->dim, &out->rank)) {
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s and %s do not broadcast: counted from the right, dimensions must "
                         "be equal or one of them 1",
                         mica_op_name(args->op), mica_arg_text(args, 0, "a").s,
                         mica_arg_text(args, 1, "b").s);
    }
    return MICA_OK;
}

mica_status mica_shape_cast(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_ANY, false}};
    const mica_cast_params *params = args->params;
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status != MICA_OK)
        return status;
    if ((unsigned)params->dtype >= MICA_DTYPES)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "cast: %d is not a dtype",
                         (int)params->dtype);
    *out = *args->in[0];
    out->dtype = params->dtype;
    return MICA_OK;
}
