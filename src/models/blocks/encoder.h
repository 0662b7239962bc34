/* SPDX-License-Identifier: MIT
 *
 * What BERT's relatives share: the post-norm layer, positions that step over padding, the pooler,
 * and the equations of their heads. Each family brings the names of its weights.
 */
#ifndef MICA_MODELS_BLOCKS_ENCODER_H
#define MICA_MODELS_BLOCKS_ENCODER_H

#include "models/family.h"

/* Names of a layer's weights, formats with its number. */
typedef struct mica_layer_names {
    const char *query, *key, *value, *output, *attention_norm; /* of attention */
    const char *up, *down, *norm;                              /* of the feed-forward part */
} mica_layer_names;

/* a = softmax(Q K' / sqrt(d) + bias + mask) V; x = LN(x + Wo a + b); x = LN(x + W2 act(W1 x + b1) +
 * b2). `bias` [heads, distances] may be none. */
mica_value mica_block_post_norm_layer(mica_builder *b, const mica_model_config *c, mica_value x,
                                      int n, const mica_layer_names *names, mica_value bias);

/* Biases of attention by distance, [heads, 2 max_distance + 1], from the weight `name` [buckets,
 * heads]: T5's bidirectional buckets. */
mica_value mica_block_distance_bias(mica_builder *b, int64_t heads, int64_t buckets,
                                    int max_distance, const char *name);

/* tanh(W x[0] + b), or none if the checkpoint has no pooler (saved from a class without one, such
 * as BertForMaskedLM). */
mica_value mica_block_pooler(mica_builder *b, const mica_model_config *c, mica_value x);

/* Positions of RoBERTa: padding + 1 + the number of tokens before that are not padding; padding
 * itself has the padding's position. */
void mica_positions_after_padding(int64_t padding, const int32_t *ids, size_t count, int32_t *out);

/* ---- heads ---- */

/* LN(act(W x + b)) E' + bias: names of the dense layer, the norm, the decoder, and the bias. The
 * decoder is the word embedding E unless the checkpoint has its own, and likewise its bias. */
typedef struct mica_masked_lm_names {
    const char *dense, *norm, *decoder, *bias, *embedding;
} mica_masked_lm_names;
mica_value mica_head_masked_lm(mica_builder *b, const mica_model_config *c, mica_value x,
                               mica_activation activation, const mica_masked_lm_names *names);
/* W x + b, `outputs` of them. */
mica_value mica_head_linear(mica_builder *b, const mica_model_config *c, mica_value x,
                            int64_t outputs, const char *name);
/* out_proj(tanh(dense(x))) below "classifier": RoBERTa's. */
mica_value mica_head_classifier(mica_builder *b, const mica_model_config *c, mica_value x);

#endif
