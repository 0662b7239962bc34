/* SPDX-License-Identifier: MIT
 *
 * Convolutions: conv1d, conv2d. Channels last.
 */
#include "base/alloc.h"
#include "graph/op.h"

static const mica_arg rules[] = {{"x", MICA_ARG_FLOAT, false},
                                 {"weight", MICA_ARG_FLOAT, false},
                                 {"bias", MICA_ARG_FLOAT, true}};

/* Numbers that stand for 1 when they are 0, and must not be negative. */
static mica_status one_by_default(const mica_shape_args *args, const char *what, int64_t *number,
                                  mica_error *err)
{
    if (*number < 0 || *number > INT32_MAX)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: %s is %lld, it must be from 1 to %d (0 counts as 1)",
                         mica_op_name(args->op), what, (long long)*number, INT32_MAX);
    if (*number == 0)
        *number = 1;
    return MICA_OK;
}

/* Ranks, dtypes, channels and groups of x, weight and bias. */
static mica_status check_inputs(const mica_shape_args *args, int spatial, int64_t *groups,
                                mica_error *err)
{
    mica_status status = mica_args_check(args, rules, 3, err);
    for (size_t i = 1; i < 3 && status == MICA_OK; i++) {
        if (args->in[i] != NULL)
            status = mica_args_same_dtype(args, rules, 0, i, err);
    }
    if (status == MICA_OK)
        status = one_by_default(args, "groups", groups, err);
    if (status != MICA_OK)
        return status;
    const mica_type *x = args->in[0], *w = args->in[1], *bias = args->in[2];
    const char *op = mica_op_name(args->op), *why = NULL;
    int rank = spatial + 2;
    mica_type fixed = *x;
    fixed.dim[0] = mica_dim_fixed(1); /* the batch may be symbolic, the rest not */
    if (x->rank != rank || w->rank != rank)
        why = spatial == 1 ? "x is [N, L, C] and weight [O, K, C / groups]"
                           : "x is [N, H, W, C] and weight [O, KH, KW, C / groups]";
    else if (mica_type_is_symbolic(&fixed) || mica_type_is_symbolic(w))
        why = "their dimensions must be fixed, but for the first of x";
    else if (x->dim[rank - 1].c % *groups != 0 || w->dim[0].c % *groups != 0)
        why = "the channels of x and the rows of weight must divide into the groups";
    else if (w->dim[rank - 1].c != x->dim[rank - 1].c / *groups)
        why = "the last dimension of weight must be the channels of x divided by the groups";
    if (why != NULL)
        return mica_fail(err, MICA_STATUS_SHAPE, "%s: %s does not take %s with %lld groups: %s", op,
                         mica_arg_text(args, 1, "weight").s, mica_arg_text(args, 0, "x").s,
                         (long long)*groups, why);
    if (bias != NULL && (bias->rank != 1 || !mica_dim_equal(bias->dim[0], w->dim[0])))
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s does not fit %s: it must have one element for each row of weight",
                         op, mica_arg_text(args, 2, "bias").s, mica_arg_text(args, 1, "weight").s);
    return MICA_OK;
}

/* The size of axis `axis` of the result; writes stride and dilation as they count. */
static mica_status slide(const mica_shape_args *args, int axis, int64_t *stride, int64_t padding,
                         int64_t *dilation, mica_dim *out, mica_error *err)
{
    mica_status status = one_by_default(args, "stride", stride, err);
    if (status == MICA_OK)
        status = one_by_default(args, "dilation", dilation, err);
    if (status != MICA_OK)
        return status;
    int64_t size = args->in[0]->dim[axis].c, kernel = args->in[1]->dim[axis].c, reach, padded;
    if (padding < 0 || padding > INT32_MAX || !mica_add_i64(size, 2 * padding, &padded))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: padding is %lld, it must be from 0 to %d", mica_op_name(args->op),
                         (long long)padding, INT32_MAX);
    if (kernel < 1 || !mica_mul_i64(kernel - 1, *dilation, &reach) || reach >= padded)
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "%s: %s with dilation %lld and padding %lld does not fit axis %d of %s",
                         mica_op_name(args->op), mica_arg_text(args, 1, "weight").s,
                         (long long)*dilation, (long long)padding, axis,
                         mica_arg_text(args, 0, "x").s);
    *out = mica_dim_fixed((padded - reach - 1) / *stride + 1);
    return MICA_OK;
}

mica_status mica_shape_conv1d(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_conv1d_params *p = args->params;
    mica_status status = check_inputs(args, 1, &p->groups, err);
    if (status != MICA_OK)
        return status;
    *out = *args->in[0];
    out->dim[2] = args->in[1]->dim[0];
    return slide(args, 1, &p->stride, p->padding, &p->dilation, &out->dim[1], err);
}

mica_status mica_shape_conv2d(const mica_shape_args *args, mica_type *out, mica_error *err)
{
    mica_conv2d_params *p = args->params;
    mica_status status = check_inputs(args, 2, &p->groups, err);
    if (status != MICA_OK)
        return status;
    *out = *args->in[0];
    out->dim[3] = args->in[1]->dim[0];
    for (int i = 0; i < 2 && status == MICA_OK; i++)
        status = slide(args, 1 + i, &p->stride[i], p->padding[i], &p->dilation[i], &out->dim[1 + i],
                       err);
    return status;
}
