/* SPDX-License-Identifier: MIT */
#include "models/blocks/encoder.h"

#include <math.h>
#include <stdio.h>

static mica_value attention(mica_builder *b, const mica_model_config *c, mica_value x, int n,
                            const mica_layer_names *names, mica_value bias)
{
    int64_t h = c->hidden_size, d = h / c->heads;
    mica_attention_params params = {(int)c->heads, (float)(1.0 / sqrt((double)d))};
    mica_value q = mica_block_linear(b, x, h, h, names->query, n);
    mica_value k = mica_block_linear(b, x, h, h, names->key, n);
    mica_value v = mica_block_linear(b, x, h, h, names->value, n);
    mica_value a = bias.id ? mica_relative_attention(b->graph, q, k, v, bias, params)
                           : mica_attention(b->graph, q, k, v, params);

    a = mica_block_linear(b, a, h, h, names->output, n);
    return mica_block_layer_norm(b, mica_add(b->graph, a, x), h, c->norm_eps, names->attention_norm,
                                 n);
}

mica_value mica_block_post_norm_layer(mica_builder *b, const mica_model_config *c, mica_value x,
                                      int n, const mica_layer_names *names, mica_value bias)
{
    int64_t h = c->hidden_size, i = c->intermediate_size;
    mica_value y;

    x = attention(b, c, x, n, names, bias);
    y = mica_block_linear(b, x, h, i, names->up, n);
    y = mica_block_linear(b, c->activation(b->graph, y), i, h, names->down, n);
    return mica_block_layer_norm(b, mica_add(b->graph, y, x), h, c->norm_eps, names->norm, n);
}

/* The bucket of a key that stands `distance` after the query. As in the reference, the logarithm is
 * taken in float32. */
static int64_t bucket_of(int distance, int64_t buckets, int max_distance)
{
    int64_t half = buckets / 2, exact = half / 2, n = distance < 0 ? -distance : distance, far;

    if (n < exact)
        return (distance > 0 ? half : 0) + n;
    far =
        exact + (int64_t)(logf((float)n / (float)exact) /
                          (float)log((double)max_distance / (double)exact) * (float)(half - exact));
    return (distance > 0 ? half : 0) + (far < half - 1 ? far : half - 1);
}

mica_value mica_block_distance_bias(mica_builder *b, int64_t heads, int64_t buckets,
                                    int max_distance, const char *name)
{
    mica_weight_spec spec = {name, MICA_WEIGHT_EMBEDDING, 2, {buckets, heads}, -1, b->in_head};
    const int64_t dims[2] = {heads, 2 * max_distance + 1};
    mica_tensor *stored = NULL, *table = NULL, *single = NULL;
    mica_value value = mica_none();

    if (b->status == MICA_OK)
        b->status = b->weights->get(b->weights, &spec, &stored, b->err);
    if (b->status == MICA_OK)
        b->status = mica_weight_check_finite(stored, name, b->err);
    if (b->status == MICA_OK)
        b->status = mica_tensor_cast(stored, MICA_DTYPE_F32, &single, b->err);
    if (b->status == MICA_OK)
        b->status = mica_tensor_create(MICA_DTYPE_F32, 2, dims, &table, b->err);
    if (b->status == MICA_OK) {
        const float *from = mica_tensor_data(single);
        float *to = mica_tensor_data_mut(table);

        for (int64_t h = 0; h < heads; h++)
            for (int d = -max_distance; d <= max_distance; d++)
                *to++ = from[bucket_of(d, buckets, max_distance) * heads + h];
        value = mica_constant(b->graph, table, name);
    }
    mica_tensor_release(&stored);
    mica_tensor_release(&single);
    mica_tensor_release(&table);
    return value;
}

mica_value mica_block_pooler(mica_builder *b, const mica_model_config *c, mica_value x)
{
    mica_segment_pool_params first = {MICA_POOL_FIRST};
    mica_value y;

    if (!mica_block_has(b, "pooler.dense.weight") || (b->weights->invents && !c->pools))
        return mica_none();
    y = mica_segment_pool(b->graph, x, first);
    return mica_tanh(b->graph,
                     mica_block_linear(b, y, c->hidden_size, c->hidden_size, "pooler.dense"));
}

void mica_positions_after_padding(int64_t padding, const int32_t *ids, size_t count, int32_t *out)
{
    int32_t position = (int32_t)padding;

    for (size_t i = 0; i < count; i++)
        out[i] = ids[i] == padding ? (int32_t)padding : ++position;
}

/* ---- heads ---- */

mica_value mica_head_masked_lm(mica_builder *b, const mica_model_config *c, mica_value x,
                               mica_activation activation, const mica_masked_lm_names *names)
{
    char weight[MICA_WEIGHT_NAME_MAX], bias[MICA_WEIGHT_NAME_MAX];
    mica_value w, y;

    snprintf(weight, sizeof weight, "%s.weight", names->decoder);
    snprintf(bias, sizeof bias, "%s.bias", names->decoder);
    y = mica_block_linear(b, x, c->hidden_size, c->hidden_size, "%s", names->dense);
    y = mica_block_layer_norm(b, activation(b->graph, y), c->hidden_size, c->norm_eps, "%s",
                              names->norm);
    if (c->tied && b->weights->invents) { /* there already: only the bias is new */
        mica_block_weight(b, MICA_WEIGHT_BIAS, c->vocab_size, 0, names->bias);
        return mica_none();
    }
    if (c->tied && !mica_block_has_own(b, weight)) {
        b->in_head = false; /* the table is the base model's */
        w = mica_block_weight(b, MICA_WEIGHT_LINEAR, c->vocab_size, c->hidden_size,
                              names->embedding);
        b->in_head = true;
    } else {
        w = mica_block_weight(b, MICA_WEIGHT_LINEAR, c->vocab_size, c->hidden_size, weight);
    }
    return mica_linear(b->graph, y, w,
                       mica_block_weight(b, MICA_WEIGHT_BIAS, c->vocab_size, 0,
                                         mica_block_has_own(b, bias) ? bias : names->bias));
}

mica_value mica_head_linear(mica_builder *b, const mica_model_config *c, mica_value x,
                            int64_t outputs, const char *name)
{
    return mica_block_linear(b, x, c->hidden_size, outputs, "%s", name);
}

mica_value mica_head_classifier(mica_builder *b, const mica_model_config *c, mica_value x)
{
    mica_value y =
        mica_block_linear(b, x, c->hidden_size, c->hidden_size, "%s", "classifier.dense");

    return mica_head_linear(b, c, mica_tanh(b->graph, y), c->labels, "classifier.out_proj");
}
