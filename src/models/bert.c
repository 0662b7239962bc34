/* SPDX-License-Identifier: MIT
 *
 * BERT: a post-norm encoder with learned absolute positions.
 *
 *   x = LN(word[id] + type[t] + position[p])
 *   each layer:  a = softmax(Q K' / sqrt(d) + mask) V
 *                x = LN(x + Wo a + b)
 *                x = LN(x + W2 act(W1 x + b1) + b2)
 *   pooler:      tanh(W x[0] + b)
 */
#include <math.h>
#include <string.h>

#include "models/family.h"

static void configure(mica_config_reader *r, mica_model_config *c)
{
    const char *activation = mica_config_text(r, "hidden_act", "gelu");
    const char *positions = mica_config_text(r, "position_embedding_type", "absolute");

    c->vocab_size = mica_config_int(r, "vocab_size", 30522, 1, INT32_MAX);
    c->hidden_size = mica_config_int(r, "hidden_size", 768, 1, 1 << 20);
    c->layers = mica_config_int(r, "num_hidden_layers", 12, 0, 4096);
    c->heads = mica_config_int(r, "num_attention_heads", 12, 1, 1 << 20);
    c->intermediate_size = mica_config_int(r, "intermediate_size", 3072, 1, 1 << 24);
    c->position_rows = mica_config_int(r, "max_position_embeddings", 512, 1, 1 << 24);
    c->type_vocab_size = mica_config_int(r, "type_vocab_size", 2, 1, 1 << 24);
    c->pad_id = mica_config_int(r, "pad_token_id", 0, -1, INT32_MAX);
    c->norm_eps = (float)mica_config_number(r, "layer_norm_eps", 1e-12, 0, 1);
    c->initializer_range = mica_config_number(r, "initializer_range", 0.02, 0, 1e6);
    c->max_length = c->position_rows;
    c->activation = mica_activation_find(activation);
    if (!c->activation)
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED, "hidden_act '%s' is not known", activation);
    if (strcmp(positions, "absolute") != 0)
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED,
                           "position_embedding_type '%s' is not supported, only 'absolute'",
                           positions);
    if (c->hidden_size % c->heads != 0)
        mica_config_refuse(r, MICA_STATUS_FORMAT,
                           "hidden_size %lld is not a multiple of num_attention_heads %lld",
                           (long long)c->hidden_size, (long long)c->heads);
    if (mica_config_bool(r, "is_decoder", false))
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED,
                           "is_decoder is true: BERT as a decoder is not supported");
    if (mica_config_bool(r, "add_cross_attention", false))
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED,
                           "add_cross_attention is true: cross attention is not supported");
}

static mica_value attention(mica_builder *b, const mica_model_config *c, mica_value x, int n)
{
    int64_t h = c->hidden_size, d = h / c->heads;
    mica_attention_params params = {(int)c->heads, (float)(1.0 / sqrt((double)d))};
    mica_value q = mica_block_linear(b, x, h, h, "encoder.layer.%d.attention.self.query", n);
    mica_value k = mica_block_linear(b, x, h, h, "encoder.layer.%d.attention.self.key", n);
    mica_value v = mica_block_linear(b, x, h, h, "encoder.layer.%d.attention.self.value", n);
    mica_value a = mica_attention(b->graph, q, k, v, params);

    a = mica_block_linear(b, a, h, h, "encoder.layer.%d.attention.output.dense", n);
    return mica_block_layer_norm(b, mica_add(b->graph, a, x), h, c->norm_eps,
                                 "encoder.layer.%d.attention.output.LayerNorm", n);
}

static mica_value feed_forward(mica_builder *b, const mica_model_config *c, mica_value x, int n)
{
    int64_t h = c->hidden_size, i = c->intermediate_size;
    mica_value y = mica_block_linear(b, x, h, i, "encoder.layer.%d.intermediate.dense", n);

    y = mica_block_linear(b, c->activation(b->graph, y), i, h, "encoder.layer.%d.output.dense", n);
    return mica_block_layer_norm(b, mica_add(b->graph, y, x), h, c->norm_eps,
                                 "encoder.layer.%d.output.LayerNorm", n);
}

static mica_value pooler(mica_builder *b, const mica_model_config *c, mica_value x)
{
    mica_segment_pool_params first = {MICA_POOL_FIRST};
    mica_value y;

    if (!mica_block_has(b, "pooler.dense.weight"))
        return mica_none(); /* saved from a class that has none, such as BertForMaskedLM */
    y = mica_segment_pool(b->graph, x, first);
    return mica_tanh(b->graph,
                     mica_block_linear(b, y, c->hidden_size, c->hidden_size, "pooler.dense"));
}

static void build(mica_builder *b, const mica_model_config *c, mica_encoder *e)
{
    int64_t h = c->hidden_size;
    mica_value word =
        mica_block_embedding(b, e->ids, c->vocab_size, h, c->pad_id, "embeddings.word_embeddings");
    mica_value type = mica_block_embedding(b, e->type_ids, c->type_vocab_size, h, -1,
                                           "embeddings.token_type_embeddings");
    mica_value position = mica_block_embedding(b, e->positions, c->position_rows, h, -1,
                                               "embeddings.position_embeddings");
    mica_value x = mica_add(b->graph, mica_add(b->graph, word, type), position);

    x = mica_block_layer_norm(b, x, h, c->norm_eps, "embeddings.LayerNorm");
    e->states[0] = x;
    for (int n = 0; n < c->layers; n++) {
        x = feed_forward(b, c, attention(b, c, x, n), n);
        e->states[n + 1] = x;
    }
    e->pooled = pooler(b, c, x);
}

static const char *const ignored[] = {"cls.*", "classifier.*", "qa_outputs.*", NULL};

const mica_family mica_family_bert = {
    .model_type = "bert",
    .class_prefix = "Bert",
    .prefix = "bert",
    .ignored = ignored,
    .configure = configure,
    .build = build,
};
