/* SPDX-License-Identifier: MIT
 *
 * The table of operations, made from mica/ops.def, and what the shape rules share.
 */
#include "graph/op.h"

#include <stdio.h>
#include <string.h>

#define SHAPE_POINTWISE(name) mica_shape_pointwise
#define SHAPE_BROADCAST(name) mica_shape_broadcast
#define SHAPE_COMPARE(name) mica_shape_compare
#define SHAPE_DENSE(name) mica_shape_##name
#define SHAPE_STRIDED(name) mica_shape_##name
#define SHAPE_VIEW(name) mica_shape_##name
#define SHAPE_FUSED(name) mica_shape_##name
#define SHAPE_FUSED_INPLACE(name) mica_shape_##name
#define COMPOSITE_POINTWISE(name) NULL
#define COMPOSITE_BROADCAST(name) NULL
#define COMPOSITE_COMPARE(name) NULL
#define COMPOSITE_DENSE(name) NULL
#define COMPOSITE_STRIDED(name) NULL
#define COMPOSITE_VIEW(name) NULL
#define COMPOSITE_FUSED(name) mica_composite_##name
#define COMPOSITE_FUSED_INPLACE(name) mica_composite_##name
enum { INPUTS_1 = 1, INPUTS_2, INPUTS_3, INPUTS_4, INPUTS_N = 0 };

static const mica_op_info table[MICA_OP_COUNT] = {
    [MICA_OP_NONE] = {.name = "none", .text = "no operation"},
    [MICA_OP_INPUT] = {.name = "input", .text = "an input of the program"},
    [MICA_OP_CONSTANT] = {.name = "constant", .text = "a constant"},
#define MICA_OP(NAME, name_, inputs_, KIND, text_)                                                 \
    [MICA_OP_##NAME] = {#name_,                                                                    \
                        text_,                                                                     \
                        INPUTS_##inputs_,                                                          \
                        0,                                                                         \
                        MICA_KIND_##KIND,                                                          \
                        SHAPE_##KIND(name_),                                                       \
                        COMPOSITE_##KIND(name_)},
#define MICA_OP_P(NAME, name_, inputs_, params_, KIND, text_)                                      \
    [MICA_OP_##NAME] = {#name_,                                                                    \
                        text_,                                                                     \
                        INPUTS_##inputs_,                                                          \
                        sizeof(params_),                                                           \
                        MICA_KIND_##KIND,                                                          \
                        SHAPE_##KIND(name_),                                                       \
                        COMPOSITE_##KIND(name_)},
#include "mica/ops.def"
#undef MICA_OP
#undef MICA_OP_P
};

const mica_op_info *mica_op_get(mica_op op)
{
    return &table[(unsigned)op < MICA_OP_COUNT ? op : MICA_OP_NONE];
}

bool mica_op_is_activation(mica_op op)
{
    const mica_op_info *info = mica_op_get(op);
    return info->kind == MICA_KIND_POINTWISE && info->params_size == 0;
}

bool mica_op_is_linear(mica_op op)
{
    return op == MICA_OP_LINEAR || op == MICA_OP_FUSED_LINEAR ||
           op == MICA_OP_LINEAR_ADD_LAYER_NORM;
}

bool mica_op_is_attention(mica_op op)
{
    return op == MICA_OP_ATTENTION || op == MICA_OP_RELATIVE_ATTENTION;
}

const char *mica_op_name(mica_op op)
{
    return mica_op_get(op)->name;
}

const char *mica_op_text(mica_op op)
{
    return mica_op_get(op)->text;
}

/* "float32, float16 or bfloat16" */
static mica_text dtypes_text(unsigned dtypes)
{
    mica_text text = {""};
    size_t at = 0;
    for (int i = 0; i < MICA_DTYPES; i++) {
        unsigned rest = dtypes >> (i + 1);
        if (!(dtypes >> i & 1u))
            continue;
        const char *join = rest == 0 ? "" : (rest & (rest - 1)) == 0 ? " or " : ", ";
        int n =
            snprintf(text.s + at, sizeof text.s - at, "%s%s", mica_dtype_name((mica_dtype)i), join);
        at += n > 0 ? (size_t)n : 0;
    }
    return text;
}

mica_status mica_args_check(const mica_shape_args *args, const mica_arg *rules, size_t n_rules,
                            mica_error *err)
{
    for (size_t i = 0; i < args->n; i++) {
        const mica_arg *rule = &rules[i < n_rules ? i : n_rules - 1];
        const mica_type *type = args->in[i];
        if (type == NULL) {
            if (rule->optional)
                continue;
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "%s: %s is missing",
                             mica_op_name(args->op), rule->name);
        }
        if (!(rule->dtypes >> type->dtype & 1u)) {
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "%s: %s is %s, it must be %s",
                             mica_op_name(args->op), mica_arg_text(args, i, rule->name).s,
                             mica_dtype_name(type->dtype), dtypes_text(rule->dtypes).s);
        }
    }
    return MICA_OK;
}

mica_status mica_args_same_dtype(const mica_shape_args *args, const mica_arg *rules, size_t i,
                                 size_t j, mica_error *err)
{
    if (args->in[i]->dtype == args->in[j]->dtype)
        return MICA_OK;
    return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                     "%s: %s is %s and %s is %s: they must be of one dtype (cast one)",
                     mica_op_name(args->op), mica_arg_text(args, i, rules[i].name).s,
                     mica_dtype_name(args->in[i]->dtype), mica_arg_text(args, j, rules[j].name).s,
                     mica_dtype_name(args->in[j]->dtype));
}

mica_text mica_arg_text(const mica_shape_args *args, size_t i, const char *name)
{
    mica_text text;
    mica_text dims = mica_dims_text(args->in[i]->dim, args->in[i]->rank);
    if (args->names[i] != NULL)
        snprintf(text.s, sizeof text.s, "%s '%.120s' %.200s", name, args->names[i], dims.s);
    else
        snprintf(text.s, sizeof text.s, "%s %.300s", name, dims.s);
    return text;
}

mica_status mica_axis_resolve(const mica_shape_args *args, int rank, int *axis, mica_error *err)
{
    if (*axis < -rank || *axis >= rank) {
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "%s: axis %d is out of range for %s, which has %d axes",
                         mica_op_name(args->op), *axis, mica_arg_text(args, 0, "x").s, rank);
    }
    if (*axis < 0)
        *axis += rank;
    return MICA_OK;
}

bool mica_dims_broadcast(const mica_type *a, const mica_type *b, int skip, mica_dim *out, int *rank)
{
    int na = a->rank - skip, nb = b->rank - skip;
    int n = na > nb ? na : nb;
    for (int i = 0; i < n; i++) {
        int ia = i - (n - na), ib = i - (n - nb);
        mica_dim da = ia >= 0 ? a->dim[ia] : mica_dim_fixed(1);
        mica_dim db = ib >= 0 ? b->dim[ib] : mica_dim_fixed(1);
        if (mica_dim_is(da, 1))
            out[i] = db;
        else if (mica_dim_is(db, 1) || mica_dim_equal(da, db))
            out[i] = da;
        else
            return false;
    }
    *rank = n;
    return true;
}
