/* SPDX-License-Identifier: MIT
 *
 * DistilBERT: BERT's layers under other names, without token types and without a pooler.
 *
 *   masked LM:  LN(act(W x + b)) E' + bias
 *   classifier: W relu(W0 x[0] + b0) + b
 */
#include "models/blocks/encoder.h"

static void configure(mica_config_reader *r, mica_model_config *c)
{
    const char *activation = mica_config_text(r, "activation", "gelu");

    c->vocab_size = mica_config_int(r, "vocab_size", 30522, 1, INT32_MAX);
    c->hidden_size = mica_config_int(r, "dim", 768, 1, 1 << 20);
    c->layers = mica_config_int(r, "n_layers", 6, 0, 4096);
    c->heads = mica_config_int(r, "n_heads", 12, 1, 1 << 20);
    c->intermediate_size = mica_config_int(r, "hidden_dim", 3072, 1, 1 << 24);
    c->position_rows = mica_config_int(r, "max_position_embeddings", 512, 1, 1 << 24);
    c->pad_id = mica_config_int(r, "pad_token_id", 0, -1, INT32_MAX);
    c->norm_eps = 1e-12f; /* not in the configuration */
    c->initializer_range = mica_config_number(r, "initializer_range", 0.02, 0, 1e6);
    c->max_length = c->position_rows;
    c->activation = mica_activation_find(activation);
    if (!c->activation)
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED, "activation '%s' is not known", activation);
    if (c->hidden_size % c->heads != 0)
        mica_config_refuse(r, MICA_STATUS_FORMAT, "dim %lld is not a multiple of n_heads %lld",
                           (long long)c->hidden_size, (long long)c->heads);
}

static const mica_layer_names layer = {
    .query = "transformer.layer.%d.attention.q_lin",
    .key = "transformer.layer.%d.attention.k_lin",
    .value = "transformer.layer.%d.attention.v_lin",
    .output = "transformer.layer.%d.attention.out_lin",
    .attention_norm = "transformer.layer.%d.sa_layer_norm",
    .up = "transformer.layer.%d.ffn.lin1",
    .down = "transformer.layer.%d.ffn.lin2",
    .norm = "transformer.layer.%d.output_layer_norm",
};

static void build(mica_builder *b, const mica_model_config *c, mica_encoder *e)
{
    int64_t h = c->hidden_size;
    mica_value word =
        mica_block_embedding(b, e->ids, c->vocab_size, h, c->pad_id, "embeddings.word_embeddings");
    mica_value position = mica_block_embedding(b, e->positions, c->position_rows, h, -1,
                                               "embeddings.position_embeddings");
    mica_value x = mica_block_layer_norm(b, mica_add(b->graph, word, position), h, c->norm_eps,
                                         "embeddings.LayerNorm");

    e->states[0] = x;
    for (int n = 0; n < c->layers; n++) {
        x = mica_block_post_norm_layer(b, c, x, n, &layer, mica_none());
        e->states[n + 1] = x;
    }
}

static mica_value build_head(mica_builder *b, const mica_model_config *c, mica_head head,
                             mica_value x)
{
    static const mica_masked_lm_names names = {"vocab_transform", "vocab_layer_norm",
                                               "vocab_projector", "vocab_projector.bias",
                                               "embeddings.word_embeddings.weight"};

    if (head == MICA_HEAD_MASKED_LM)
        return mica_head_masked_lm(b, c, x, c->activation, &names);
    if (head == MICA_HEAD_SEQUENCE_CLASSIFICATION)
        x = mica_relu(b->graph, mica_head_linear(b, c, x, c->hidden_size, "pre_classifier"));
    return head == MICA_HEAD_QUESTION_ANSWERING
               ? mica_head_linear(b, c, x, 2, "qa_outputs")
               : mica_head_linear(b, c, x, c->labels, "classifier");
}

static const char *const ignored[] = {"vocab_*", "pre_classifier.*", "classifier.*", "qa_outputs.*",
                                      NULL};

const mica_family mica_family_distilbert = {
    .model_type = "distilbert",
    .class_prefix = "DistilBert",
    .prefix = "distilbert",
    .ignored = ignored,
    .configure = configure,
    .build = build,
    .build_head = build_head,
};
