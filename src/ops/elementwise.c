/* SPDX-License-Identifier: MIT
 *
 * Operations element by element: pointwise, broadcast, comparing, choosing,
 * cast.
 */
#include "graph/op.h"

/* What an operation on elements takes. */
static unsigned dtypes_of(mica_op op)
{
    switch ((int)op) {
    case MICA_OP_NEG:
    case MICA_OP_ABS:
    case MICA_OP_SQUARE:
    case MICA_OP_RELU:
    case MICA_OP_SIGN:
    case MICA_OP_ADD:
    case MICA_OP_SUB:
    case MICA_OP_MUL:
    case MICA_OP_REMAINDER:
        return MICA_ARG_NUMBER;
    case MICA_OP_MAXIMUM:
    case MICA_OP_MINIMUM:
    case MICA_OP_EQUAL:
    case MICA_OP_NOT_EQUAL:
    case MICA_OP_LESS:
    case MICA_OP_LESS_EQUAL:
    case MICA_OP_GREATER:
    case MICA_OP_GREATER_EQUAL:
        return MICA_ARG_NUMBER | MICA_ARG_BOOL;
    case MICA_OP_LOGICAL_AND:
    case MICA_OP_LOGICAL_OR:
        return MICA_ARG_BOOL;
    default:
        return MICA_ARG_FLOAT;
    }
}

mica_status mica_shape_pointwise(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const mica_arg rules[] = {{"x", dtypes_of(args->op), false}};
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}

mica_status mica_shape_logical_not(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"x", MICA_ARG_BOOL, false}};
    mica_status status = mica_args_check(args, rules, 1, err);
    if (status == MICA_OK)
        *out = *args->in[0];
    return status;
}

mica_status mica_shape_broadcast(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    const unsigned dtypes = dtypes_of(args->op);
    const mica_arg rules[] = {{"a", dtypes, false}, {"b", dtypes, false}};
    mica_status status = mica_args_check(args, rules, 2, err);
    if (status == MICA_OK)
        status = mica_args_same_dtype(args, rules, 0, 1, err);
    if (status != MICA_OK)
        return status;
    out->dtype = args->in[0]->dtype;
    if (!mica_dims_broadcast(args->in[0], args->in[1], 0, out->dim, &out->rank)) {
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s and %s do not broadcast: counted from the right, dimensions must "
                         "be equal or one of them 1",
                         mica_op_name(args->op), mica_arg_text(args, 0, "a").s,
                         mica_arg_text(args, 1, "b").s);
    }
    return MICA_OK;
}

mica_status mica_shape_compare(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_status status = mica_shape_broadcast(args, out, err);
    if (status == MICA_OK)
        out->dtype = MICA_DTYPE_BOOL;
    return status;
}

mica_status mica_shape_where(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    static const mica_arg rules[] = {{"condition", MICA_ARG_BOOL, false},
                                     {"b", MICA_ARG_ANY, false},
                                     {"c", MICA_ARG_ANY, false}};
    mica_status status = mica_args_check(args, rules, 3, err);
    mica_type both = {0};
    if (status == MICA_OK)
        status = mica_args_same_dtype(args, rules, 1, 2, err);
    if (status != MICA_OK)
        return status;
    out->dtype = args->in[1]->dtype;
    if (!mica_dims_broadcast(args->in[1], args->in[2], 0, both.dim, &both.rank) ||
        !mica_dims_broadcast(args->in[0], &both, 0, out->dim, &out->rank)) {
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "where: %s, %s and %s do not broadcast: counted from the right, "
                         "dimensions must be equal or 1",
                         mica_arg_text(args, 0, "condition").s, mica_arg_text(args, 1, "b").s,
                         mica_arg_text(args, 2, "c").s);
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
