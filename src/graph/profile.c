/* SPDX-License-Identifier: MIT
 *
 * What the work of a step amounts to: multiplications and additions of products, and bytes that
 * cannot be avoided. An operation that is not named below multiplies nothing that counts,
 * and reads all of its inputs once.
 */
#include "graph/program.h"

/* A step with its views. */
typedef struct work {
    const mica_step *step;
    const mica_view *views, *out;
    double pairs; /* of tokens of one sequence */
} work;

static const mica_view *input(const work *w, uint32_t i)
{
    bool there = i < w->step->n_inputs && w->step->inputs[i] != MICA_NO_VALUE;
    return there ? &w->views[w->step->inputs[i]] : NULL;
}

static double count(const mica_view *view)
{
    double n = 1;
    for (int i = 0; i < view->rank; i++)
        n *= (double)view->dim[i];
    return n;
}

/* Of the elements that are there: along an axis of stride 0 there is one. */
static double bytes_of(const mica_view *view)
{
    double n = (double)mica_dtype_size(view->dtype);
    for (int i = 0; i < view->rank; i++)
        n *= view->dim[i] != 0 && view->stride[i] == 0 ? 1 : (double)view->dim[i];
    return n;
}

static double last(const mica_view *view)
{
    return view->rank > 0 ? (double)view->dim[view->rank - 1] : 1;
}

/* ---- multiplications and additions ---- */

/* Each element of the result is a sum over the last axis of input 0. */
static double product_flops(const work *w)
{
    return 2 * count(w->out) * last(input(w, 0));
}

/* The weight is [outputs, kernel..., channels of a group]. */
static double conv_flops(const work *w)
{
    const mica_view *weight = input(w, 1);
    return weight->dim[0] > 0 ? 2 * count(w->out) * count(weight) / (double)weight->dim[0] : 0;
}

/* Scores, and the weighted sum of values: over all pairs of tokens of a sequence and all columns of
 * all heads. */
static double attention_flops(const work *w)
{
    return 4 * w->pairs * last(w->out);
}

/* The same for [..., queries, D] against [..., keys, D] and [..., keys, Dv]. */
static double sdpa_flops(const work *w)
{
    const mica_view *q = input(w, 0), *k = input(w, 1);
    return 2 * (count(q) + count(w->out)) * (double)k->dim[k->rank - 2];
}

static double flops_of(const work *w)
{
    switch ((int)w->step->op) {
    case MICA_OP_LINEAR:
    case MICA_OP_FUSED_LINEAR:
    case MICA_OP_LINEAR_ADD_LAYER_NORM:
    case MICA_OP_MATMUL:
        return product_flops(w);
    case MICA_OP_CONV1D:
    case MICA_OP_CONV2D:
        return conv_flops(w);
    case MICA_OP_ATTENTION:
    case MICA_OP_RELATIVE_ATTENTION:
        return attention_flops(w);
    case MICA_OP_SCALED_DOT_PRODUCT_ATTENTION:
        return sdpa_flops(w);
    default:
        return 0;
    }
}

/* ---- bytes ---- */

/* Whether only some rows of input 0 are read, as many as come out. */
static bool picks_rows(const mica_step *step)
{
    if (step->op == MICA_OP_SEGMENT_POOL) {
        mica_pool_mode mode = ((const mica_segment_pool_params *)step->params)->mode;
        return mode == MICA_POOL_FIRST || mode == MICA_POOL_LAST;
    }
    return step->op == MICA_OP_EMBEDDING || step->op == MICA_OP_GATHER;
}

static double weight_size(mica_precision precision)
{
    return precision == MICA_PRECISION_INT8 ? 1 : precision == MICA_PRECISION_BF16 ? 2 : 4;
}

/* Weights lie packed in their precision if they are constants; attention has its own; everything
 * else is float32. */
static mica_precision precision_of(const mica_step *step)
{
    bool packed = mica_op_is_linear(step->op) && step->constants[1] != NULL;
    bool own = packed || mica_op_is_attention(step->op);
    return own ? step->precision : MICA_PRECISION_F32;
}

/* Constant matrices of a linear are its weights. */
static double input_bytes(const work *w, uint32_t i)
{
    const mica_view *view = input(w, i);
    if (view->rank == 2 && mica_op_is_linear(w->step->op) && w->step->constants[i] != NULL)
        return count(view) * weight_size(precision_of(w->step));
    if (i == 0 && picks_rows(w->step))
        return count(w->out) * (double)mica_dtype_size(view->dtype);
    return bytes_of(view);
}

void mica_step_work(const mica_step *step, const mica_view *views, double pairs,
                    mica_step_profile *out)
{
    const work w = {step, views, &views[step->output], pairs};
    *out = (mica_step_profile){
        .op = step->op, .inputs = step->n_inputs, .precision = precision_of(step)};
    out->flops = flops_of(&w);
    out->bytes = bytes_of(w.out);
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        if (input(&w, i) == NULL)
            continue;
        double bytes = input_bytes(&w, i);
        out->bytes += bytes;
        if (step->constants[i] != NULL)
            out->weight_bytes += bytes;
    }
    if (step->op == MICA_OP_FUSED_LINEAR)
        out->activation = ((const mica_fused_linear_params *)step->params)->activation;
    if (!mica_op_is_linear(step->op))
        return;
    out->columns = (int64_t)last(w.out);
    out->depth = (int64_t)last(input(&w, 0));
    out->rows = out->columns > 0 ? (int64_t)count(w.out) / out->columns : 0;
}
