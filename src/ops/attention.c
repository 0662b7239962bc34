/* SPDX-License-Identifier: MIT
 *
 * Attention over whole arrays: scaled_dot_product_attention. (That over the sequences of a ragged
 * batch is in ragged.c.)
 */
#include <math.h>

#include "graph/op.h"

static const mica_arg rules[] = {{"q", MICA_ARG_FLOAT, false},
                                 {"k", MICA_ARG_FLOAT, false},
                                 {"v", MICA_ARG_FLOAT, false},
                                 {"mask", MICA_ARG_FLOAT | MICA_ARG_BOOL, true}};

/* Input i beside q, or beside q and k. */
static mica_status fail_fit(const mica_shape_args *args, size_t i, const char *why, mica_error *err)
{
    mica_text k = mica_arg_text(args, 1, rules[1].name);
    return mica_fail(err, MICA_STATUS_SHAPE, "%s: %s does not fit %s%s%s: %s",
                     mica_op_name(args->op), mica_arg_text(args, i, rules[i].name).s,
                     mica_arg_text(args, 0, "q").s, i > 1 ? " and " : "", i > 1 ? k.s : "", why);
}

/* k or v (input i) beside q: leading dimensions, and heads that divide those of q. */
static mica_status check_heads(const mica_shape_args *args, size_t i, mica_error *err)
{
    const mica_type *q = args->in[0], *x = args->in[i], *k = args->in[1];
    if (x->rank != q->rank)
        return fail_fit(args, i, "q, k and v must have as many axes", err);
    for (int axis = 0; axis + 2 < q->rank; axis++) {
        bool heads = axis == q->rank - 3;
        bool divides = heads && mica_dim_is_fixed(q->dim[axis]) &&
                       mica_dim_is_fixed(x->dim[axis]) && x->dim[axis].c > 0 &&
                       q->dim[axis].c % x->dim[axis].c == 0;
        if (!mica_dim_equal(q->dim[axis], x->dim[axis]) && !divides)
            return fail_fit(args, i,
                            heads ? "its heads must divide those of q"
                                  : "leading dimensions must be equal",
                            err);
        if (!mica_dim_equal(k->dim[axis], x->dim[axis]))
            return fail_fit(args, i, "k and v must have as many heads", err);
    }
    return MICA_OK;
}

mica_status mica_shape_scaled_dot_product_attention(const mica_shape_args *args, mica_type *out,
                                                    mica_error *err)
{
    const mica_sdpa_params *params = args->params;
    mica_status status = mica_args_check(args, rules, 4, err);
    for (size_t i = 1; i < 4 && status == MICA_OK; i++) {
        if (args->in[i] != NULL && args->in[i]->dtype != MICA_DTYPE_BOOL)
            status = mica_args_same_dtype(args, rules, 0, i, err);
    }
    if (status != MICA_OK)
        return status;
    const mica_type *q = args->in[0], *k = args->in[1], *v = args->in[2], *mask = args->in[3];
    int rank = q->rank;
    if (rank < 2)
        return fail_fit(args, 1, "q, k and v must have at least 2 axes", err);
    for (size_t i = 1; i < 3 && status == MICA_OK; i++)
        status = check_heads(args, i, err);
    if (status != MICA_OK)
        return status;
    if (!mica_dim_equal(k->dim[rank - 1], q->dim[rank - 1]))
        return fail_fit(args, 1, "the last dimension must be that of q", err);
    if (!mica_dim_equal(v->dim[rank - 2], k->dim[rank - 2]))
        return fail_fit(args, 2, "v must have as many rows as k", err);
    if (!isfinite(params->scale))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "scaled_dot_product_attention: the scale %g is not finite",
                         (double)params->scale);
    mica_type scores = *q, both = {0};
    scores.dim[rank - 1] = k->dim[rank - 2];
    if (mask != NULL) {
        if (!mica_dims_broadcast(&scores, mask, 0, both.dim, &both.rank) || both.rank != rank)
            return fail_fit(args, 3, "it must broadcast to [..., heads, queries, keys]", err);
        both.dtype = scores.dtype;
        if (!mica_type_equal(&both, &scores))
            return fail_fit(args, 3, "it must broadcast to [..., heads, queries, keys]", err);
    }
    *out = *q;
    out->dim[rank - 1] = v->dim[rank - 1];
    return MICA_OK;
}
