/* SPDX-License-Identifier: MIT
 *
 * MPNet: BERT's layers without token types, RoBERTa's positions (whose padding is always 1) and
 * heads, and a bias on the scores by the distance of key and query, which all layers share.
 *
 *   bias[head, distance] = relative_attention_bias[bucket(distance), head]
 *   bucket: half of the buckets for each sign; of these half for the distances below, one each, and
 *   the others for distances up to 128 by their logarithm (T5's, bidirectional)
 */
#include "models/blocks/encoder.h"

#define PADDING 1
#define MAX_DISTANCE 128 /* from here on all distances are in the last bucket */

static void configure(mica_config_reader *r, mica_model_config *c)
{
    const char *activation = mica_config_text(r, "hidden_act", "gelu");

    c->vocab_size = mica_config_int(r, "vocab_size", 30527, 1, INT32_MAX);
    c->hidden_size = mica_config_int(r, "hidden_size", 768, 1, 1 << 20);
    c->layers = mica_config_int(r, "num_hidden_layers", 12, 0, 4096);
    c->heads = mica_config_int(r, "num_attention_heads", 12, 1, 1 << 20);
    c->intermediate_size = mica_config_int(r, "intermediate_size", 3072, 1, 1 << 24);
    c->position_rows = mica_config_int(r, "max_position_embeddings", 512, 1, 1 << 24);
    c->pad_id = PADDING;
    c->norm_eps = (float)mica_config_number(r, "layer_norm_eps", 1e-12, 0, 1);
    c->initializer_range = mica_config_number(r, "initializer_range", 0.02, 0, 1e6);
    c->distance_buckets = mica_config_int(r, "relative_attention_num_buckets", 32, 4, 4096);
    c->max_length = c->position_rows - PADDING - 1;
    c->activation = mica_activation_find(activation);
    if (!c->activation)
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED, "hidden_act '%s' is not known", activation);
    if (c->hidden_size % c->heads != 0)
        mica_config_refuse(r, MICA_STATUS_FORMAT,
                           "hidden_size %lld is not a multiple of num_attention_heads %lld",
                           (long long)c->hidden_size, (long long)c->heads);
    if (c->max_length < 1)
        mica_config_refuse(r, MICA_STATUS_FORMAT,
                           "max_position_embeddings %lld leaves no position after the padding's",
                           (long long)c->position_rows);
}

static const mica_layer_names layer = {
    .query = "encoder.layer.%d.attention.attn.q",
    .key = "encoder.layer.%d.attention.attn.k",
    .value = "encoder.layer.%d.attention.attn.v",
    .output = "encoder.layer.%d.attention.attn.o",
    .attention_norm = "encoder.layer.%d.attention.LayerNorm",
    .up = "encoder.layer.%d.intermediate.dense",
    .down = "encoder.layer.%d.output.dense",
    .norm = "encoder.layer.%d.output.LayerNorm",
};

static void build(mica_builder *b, const mica_model_config *c, mica_encoder *e)
{
    int64_t h = c->hidden_size;
    mica_value word =
        mica_block_embedding(b, e->ids, c->vocab_size, h, PADDING, "embeddings.word_embeddings");
    mica_value position = mica_block_embedding(b, e->positions, c->position_rows, h, PADDING,
                                               "embeddings.position_embeddings");
    mica_value x = mica_block_layer_norm(b, mica_add(b->graph, word, position), h, c->norm_eps,
                                         "embeddings.LayerNorm");
    mica_value bias = mica_block_distance_bias(b, c->heads, c->distance_buckets, MAX_DISTANCE,
                                               "encoder.relative_attention_bias.weight");

    e->states[0] = x;
    for (int n = 0; n < c->layers; n++) {
        x = mica_block_post_norm_layer(b, c, x, n, &layer, bias);
        e->states[n + 1] = x;
    }
    e->pooled = mica_block_pooler(b, c, x);
}

static void positions(const mica_model_config *c, const int32_t *ids, size_t count, int32_t *out)
{
    mica_positions_after_padding(PADDING, ids, count, out);
}

static mica_value build_head(mica_builder *b, const mica_model_config *c, mica_head head,
                             mica_value x)
{
    static const mica_masked_lm_names names = {"lm_head.dense", "lm_head.layer_norm",
                                               "lm_head.decoder", "lm_head.bias",
                                               "embeddings.word_embeddings.weight"};

    if (head == MICA_HEAD_MASKED_LM)
        return mica_head_masked_lm(b, c, x, mica_gelu, &names);
    if (head == MICA_HEAD_SEQUENCE_CLASSIFICATION)
        return mica_head_classifier(b, c, x);
    return head == MICA_HEAD_QUESTION_ANSWERING
               ? mica_head_linear(b, c, x, 2, "qa_outputs")
               : mica_head_linear(b, c, x, c->labels, "classifier");
}

static const char *const ignored[] = {"lm_head.*", "classifier.*", "qa_outputs.*", NULL};

const mica_family mica_family_mpnet = {
    .model_type = "mpnet",
    .class_prefix = "MPNet",
    .prefix = "mpnet",
    .ignored = ignored,
    .configure = configure,
    .build = build,
    .positions = positions,
    .build_head = build_head,
};
