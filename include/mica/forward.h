/* SPDX-License-Identifier: MIT
 *
 * The bare model: ids in, tensors out, as Hugging Face transformers' forward() gives them; and
 * comparing them with stored outputs of the reference.
 */
#ifndef MICA_FORWARD_H
#define MICA_FORWARD_H

#include "mica/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One sequence of ids. attention_mask: 0 hides a token from the others; NULL = all visible.
 * type_ids: NULL = all 0. Position i of the arrays is position i of the model. */
typedef struct mica_sequence {
    const int32_t *ids;
    const uint8_t *attention_mask;
    const int32_t *type_ids;
    size_t count;
} mica_sequence;

typedef struct mica_forward_options {
    bool hidden_states;   /* also hidden_states.0 (embeddings) to hidden_states.N; default false */
    bool no_logits;       /* leave out what the model's head gives; default false */
    size_t batch_tokens;  /* tokens computed at once; 0 = default */
    unsigned reserved[4]; /* zero */
} mica_forward_options;
MICA_API void mica_forward_options_defaults(mica_forward_options *options);

/* Named float32 tensors: last_hidden_state [n, longest, hidden], pooler_output [n, hidden] if the
 * model has a pooler, hidden_states.i; and of the model's head logits [n, longest, vocabulary or
 * labels], or [n, labels] for sequence classification, or start_logits and end_logits [n, longest]
 * for question answering. Rows of shorter sequences are right-padded with zeros. *out is written
 * without being read (NULL on failure): what was in it before is the caller's to destroy. */
typedef struct mica_outputs mica_outputs;
MICA_API mica_status mica_forward(mica_session *session, const mica_sequence *sequences, size_t n,
                                  const mica_forward_options *options, mica_outputs **out,
                                  mica_error *err);
MICA_API void mica_outputs_destroy(mica_outputs **outputs);
MICA_API size_t mica_outputs_count(const mica_outputs *outputs);
MICA_API const char *mica_outputs_name(const mica_outputs *outputs, size_t i);
/* Borrowed: lives as long as the outputs unless retained. */
MICA_API mica_tensor *mica_outputs_tensor(const mica_outputs *outputs, size_t i);
MICA_API mica_tensor *mica_outputs_find(const mica_outputs *outputs, const char *name);

/* Compares with a safetensors file that holds input_ids [n, s] (any integer dtype), optionally
 * attention_mask and token_type_ids of the same shape, and outputs of the reference under the names
 * above (any float dtype), or sentence_embedding (of the ids, as mica_embed gives them). Positions
 * that the mask hides are not compared. */
typedef struct mica_difference {
    char name[128];
    double largest;   /* largest |ours - reference| */
    double scale;     /* largest |reference| */
    double tolerance; /* allowed: largest <= tolerance * scale */
    bool ok;
} mica_difference;
/* *out: an array of *count rows, freed with mica_differences_free. `tolerance` 0 = 1e-5. Returns
 * MISMATCH if a tensor differs (*out is still given), NOT_FOUND if the file has nothing to compare.
 */
MICA_API mica_status mica_verify(mica_session *session, const char *reference, double tolerance,
                                 mica_difference **out, size_t *count, mica_error *err);
MICA_API void mica_differences_free(mica_difference **differences);

#ifdef __cplusplus
}
#endif
#endif
