/* SPDX-License-Identifier: MIT
 *
 * What an architecture is to the rest of mica: one vtable, listed in models.def. Nothing else names
 * an architecture.
 */
#ifndef MICA_MODELS_FAMILY_H
#define MICA_MODELS_FAMILY_H

#include "mica/model.h"
#include "models/blocks/activation.h"
#include "models/blocks/blocks.h"
#include "models/config.h"

/* What encoders have in common, read from config.json. */
typedef struct mica_model_config {
    int64_t vocab_size, hidden_size, layers, heads, intermediate_size;
    int64_t position_rows;    /* rows of the position table */
    int64_t max_length;       /* the longest input in tokens */
    int64_t type_vocab_size;  /* 0: the family has no token types */
    int64_t pad_id;           /* -1 = none */
    int64_t labels;           /* outputs of a classifier: id2label, or num_labels */
    int64_t distance_buckets; /* of relative positions; 0: the family has none */
    bool tied;                /* tie_word_embeddings */
    bool pools;               /* the class of architectures[0] has a pooler */
    float norm_eps;
    double initializer_range;
    mica_activation activation;
} mica_model_config;

/* The graph of a base model. The inputs are given, int32 [tokens] each; build fills in the rest. */
typedef struct mica_encoder {
    mica_value ids, type_ids, positions;
    mica_value *states; /* layers + 1: the embeddings, then the output of each layer; the last one
                           is last_hidden_state. [tokens, hidden] */
    mica_value pooled;  /* [sequences, hidden], or none */
} mica_encoder;

typedef struct mica_family {
    const char *model_type;   /* of config.json: "bert" */
    const char *class_prefix; /* what the class names in `architectures` begin with: "Bert" */
    const char *prefix;       /* of the base model's tensors in a checkpoint with a head: "bert" */
    /* Tensors that are fine to find and not to use (mica_checkpoint_warn_unused). */
    const char *const *ignored;
    /* Reads the configuration; errors stick to the reader. */
    void (*configure)(mica_config_reader *reader, mica_model_config *config);
    /* Writes the equations down; errors stick to the builder and its graph. */
    void (*build)(mica_builder *b, const mica_model_config *config, mica_encoder *encoder);
    /* The position ids of a sequence; NULL = 0, 1, 2 ... */
    void (*positions)(const mica_model_config *config, const int32_t *ids, size_t count,
                      int32_t *out);
    /* The logits [rows, outputs] of a head from rows x [rows, hidden]: of the tokens, or, for
     * SEQUENCE_CLASSIFICATION, one of each sequence. none = transformers has no such class. */
    mica_value (*build_head)(mica_builder *b, const mica_model_config *config, mica_head head,
                             mica_value x);
    /* A classifier's row is pooler_output, not the first token's state. */
    bool classifies_pooled;
} mica_family;

#define MICA_FAMILY(symbol) extern const mica_family mica_family_##symbol;
#include "models/models.def"
#undef MICA_FAMILY

/* The family of a config.json: by model_type, or, where an old file has none, by architectures[0].
 * UNSUPPORTED names what was found and what is known; *architecture gets architectures[0] or NULL.
 */
mica_status mica_family_find(const mica_json_value *config, const char *file,
                             const mica_family **out, const char **architecture, mica_error *err);
/* The family's own values and those that all families share. */
/* The head of an architecture's name, below the family's prefix: "BertForMaskedLM". UNSUPPORTED
 * names one that is not known; "BertModel" is NONE. */
mica_status mica_family_head(const mica_family *family, const char *architecture, mica_head *out,
                             mica_error *err);
mica_status mica_family_configure(const mica_family *family, const mica_json_value *config,
                                  const char *file, mica_model_config *out, mica_error *err);

#endif
