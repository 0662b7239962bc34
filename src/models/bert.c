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
#include <string.h>

#include "models/blocks/encoder.h"

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

static const mica_layer_names layer = {
    .query = "encoder.layer.%d.attention.self.query",
    .key = "encoder.layer.%d.attention.self.key",
    .value = "encoder.layer.%d.attention.self.value",
    .output = "encoder.layer.%d.attention.output.dense",
    .attention_norm = "encoder.layer.%d.attention.output.LayerNorm",
    .up = "encoder.layer.%d.intermediate.dense",
    .down = "encoder.layer.%d.output.dense",
    .norm = "encoder.layer.%d.output.LayerNorm",
};

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
        x = mica_block_post_norm_layer(b, c, x, n, &layer, mica_none());
        e->states[n + 1] = x;
    }
    e->pooled = mica_block_pooler(b, c, x);
}

static mica_value build_head(mica_builder *b, const mica_model_config *c, mica_head head,
                             mica_value x)
{
    static const mica_masked_lm_names names = {
        "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
        "cls.predictions.decoder", "cls.predictions.bias", "embeddings.word_embeddings.weight"};

    if (head == MICA_HEAD_MASKED_LM)
        return mica_head_masked_lm(b, c, x, c->activation, &names);
    return head == MICA_HEAD_QUESTION_ANSWERING
               ? mica_head_linear(b, c, x, 2, "qa_outputs")
               : mica_head_linear(b, c, x, c->labels, "classifier");
}

static const char *const ignored[] = {"cls.*", "classifier.*", "qa_outputs.*", NULL};

const mica_family mica_family_bert = {
    .model_type = "bert",
    .class_prefix = "Bert",
    .prefix = "bert",
    .ignored = ignored,
    .configure = configure,
    .build = build,
    .build_head = build_head,
    .classifies_pooled = true,
};
