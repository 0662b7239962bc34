/* SPDX-License-Identifier: MIT
 *
 * Models: a directory in Hugging Face layout (config.json, weights, tokenizer,
 * sentence-transformers modules), opened as published, and sessions that run it.
 *
 *   model    configuration, weights, tokenizer. Immutable once open: shared by any number of
 * threads. session  the working memory of one thread. Several sessions may use one model at once.
 *
 * Destroy sessions before their model, and models before their context.
 */
#ifndef MICA_MODEL_H
#define MICA_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/context.h"
#include "mica/precision.h"
#include "mica/profile.h"
#include "mica/tensor.h"
#include "mica/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_model mica_model;
typedef struct mica_session mica_session;

/* Opens the model in directory `path`. Errors: NOT_FOUND (no such directory, no config.json, no
 * weights, a weight is missing), FORMAT (a file is damaged), SHAPE (a weight has another shape than
 * the configuration says), UNSUPPORTED (architecture, activation, module ... by name), NOT_FINITE
 * (a weight holds NaN or infinity), OUT_OF_MEMORY. A Hub id ("org/name") is made a directory by
 * mica_hub_resolve (mica/hub.h). */
MICA_API mica_status mica_model_open(mica_context *context, const char *path, mica_model **out,
                                     mica_error *err);
typedef struct mica_model_options {
    mica_precision precision; /* of the encoder's linear layers; default F32. The head's are BF16
                                 with BF16, else F32 */
    /* Keeps packed weights in the folder mica/packed of $XDG_CACHE_HOME (or ~/.cache) and opens the
     * model from there the next time: in a fraction of the time and with the same bits, for as much
     * room on the disk as its linear layers take. False (default): only if the environment variable
     * MICA_PACKED_CACHE is 1. A file belongs to one state of the weight files, one level of kernels
     * and one precision; it is readable by its owner alone, and checked whole whenever it is used.
     * One that is damaged, stale or someone else's is replaced; if it cannot be written, that is a
     * warning in the log. Files may be removed at any time. */
    bool packed_cache;
    /* The model is opened for a text or two: weights are not packed when it is opened but in each
     * run, a layer at a time, and not kept. The first result comes in half the time, with the same
     * bits, and each later one takes as long again; weights that are not finite are found by a run.
     * Not with a packed cache. Default false. */
    bool once;
    unsigned reserved[7]; /* zero */
} mica_model_options;
MICA_API void mica_model_options_defaults(mica_model_options *options);
/* The same with options; NULL = defaults. */
MICA_API mica_status mica_model_open_with(mica_context *context, const char *path,
                                          const mica_model_options *options, mica_model **out,
                                          mica_error *err);
/* Reads what stands beside the weights (configuration, tokenizer, modules) and refuses what
 * mica_model_open would refuse of it, in no time: to say whether a model can be run before its
 * weights are fetched, and to show what it is. The functions below tell of it; no session can be
 * made of it. If the weights are there too, their names, shapes and types are looked at, but not
 * their numbers; if not, `weights` and `dtype` of the info are NULL, `parameters` is 0,
 * `has_pooler` is false, and the head is the one that the configuration promises. */
MICA_API mica_status mica_model_describe(mica_context *context, const char *path, mica_model **out,
                                         mica_error *err);
MICA_API void mica_model_destroy(mica_model **model);

/* What was found, for people. Texts live as long as the model; NULL where there is none. */
typedef struct mica_model_info {
    const char *path;
    const char *model_type;   /* "bert" */
    const char *architecture; /* architectures[0] of config.json, or NULL */
    const char *weights;      /* "model.safetensors" */
    const char *dtype;        /* of most weights in the file: "float32" */
    mica_precision precision; /* that is computed with: never AUTO */
    int64_t parameters;       /* numbers in the weights that are used */
    int64_t hidden_size, layers, vocab_size;
    size_t max_positions; /* the longest input that the position table takes */
    bool has_pooler;
    bool has_tokenizer;
    /* Sentence embedding: what `mica_embed` does by default. */
    const char *pooling; /* "mean", "cls", "mean+max" ... */
    bool normalize;      /* a Normalize module is there */
    size_t max_length;   /* texts are cut to so many tokens */
    int64_t dimension;   /* of an embedding */
    const char *default_prompt_name;
} mica_model_info;
MICA_API void mica_model_get_info(const mica_model *model, mica_model_info *info);

/* What stands on the base model: architectures[0] of config.json says it. */
typedef enum mica_head {
    MICA_HEAD_NONE, /* the base model alone */
    MICA_HEAD_MASKED_LM,
    MICA_HEAD_SEQUENCE_CLASSIFICATION,
    MICA_HEAD_TOKEN_CLASSIFICATION,
    MICA_HEAD_QUESTION_ANSWERING
} mica_head;
/* The head that can be run; NONE too if the checkpoint lacks its weights. */
MICA_API mica_head mica_model_head(const mica_model *model);
/* "masked language model" ... */
MICA_API const char *mica_head_name(mica_head head);
/* Labels of a classifier: id2label of config.json, in whatever order it lists them (a number as its
 * digits), "LABEL_0" ... where there is none. NULL if `id` is not below the count, which is 0 for
 * other heads. */
MICA_API size_t mica_model_label_count(const mica_model *model);
MICA_API const char *mica_model_label(const mica_model *model, size_t id);
/* problem_type of config.json: "regression", "single_label_classification" or
 * "multi_label_classification"; NULL if it says nothing. */
MICA_API const char *mica_model_problem_type(const mica_model *model);

/* Prompts by their names ("query"), in the order of config_sentence_transformers.json: the text of
 * prompt i, and *name (which may be NULL). NULL if `i` is not below the count. */
MICA_API size_t mica_model_prompt_count(const mica_model *model);
MICA_API const char *mica_model_prompt(const mica_model *model, size_t i, const char **name);

/* The model's tokenizer, or NULL if the directory has none. Lives as long as the model. */
MICA_API const mica_tokenizer *mica_model_tokenizer(const mica_model *model);

MICA_API mica_status mica_session_create(mica_model *model, mica_session **out, mica_error *err);
MICA_API void mica_session_destroy(mica_session **session);

/* Called by the thread that runs the session, after each run of a program that did not fail. */
typedef void (*mica_profile_fn)(void *user, const mica_executor *executor);
/* Measures the session's runs from now on; `fn` NULL: no more. A call of a task may run several
 * programs: the model for each batch, and what stands behind it. */
MICA_API void mica_session_set_profile(mica_session *session, mica_profile_fn fn, void *user);

/* Writes a checkpoint with random weights in Hugging Face layout: config.json (copied) and
 * model.safetensors (float32), initialised as transformers does (normal with initializer_range,
 * norm weights 1, biases 0, the padding row of an embedding 0). `config` is a config.json or a
 * directory with one; tokenizer files beside it are copied too. The same seed gives the same bytes
 * (with another C library the last bit of a number may differ). `directory` is made if need be;
 * existing weights are not overwritten unless `overwrite`. */
MICA_API mica_status mica_model_init(const char *config, const char *directory, uint64_t seed,
                                     bool overwrite, mica_error *err);

#ifdef __cplusplus
}
#endif
#endif
