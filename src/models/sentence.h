/* SPDX-License-Identifier: MIT
 *
 * What the files of sentence-transformers in a model's directory say: modules.json, the modules'
 * own configurations and weights, prompts. Semantics of sentence-transformers 6.2.
 *
 *   text -> [prompt] -> tokenizer -> Transformer -> Pooling -> Dense, LayerNorm, Normalize ...
 *                                                   pooling     steps                ends
 * normalised
 */
#ifndef MICA_MODELS_SENTENCE_H
#define MICA_MODELS_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "mica/ops.h"
#include "models/blocks/activation.h"

#define MICA_POOLINGS_MAX 16

/* One or more ways to make a row of the tokens' rows; the results stand side by side. */
typedef struct mica_pooling {
    mica_pool_mode modes[MICA_POOLINGS_MAX];
    size_t count;
} mica_pooling;

typedef enum mica_sentence_step_kind {
    MICA_SENTENCE_DENSE,      /* activation(x W' + b) [+ x, or + x R'] */
    MICA_SENTENCE_LAYER_NORM, /* eps 1e-5 */
    MICA_SENTENCE_NORMALIZE   /* to length 1 */
} mica_sentence_step_kind;

/* A module behind Pooling. */
typedef struct mica_sentence_step {
    mica_sentence_step_kind kind;
    int64_t in, out;
    mica_tensor *weight, *bias, *residual; /* bias and residual may be NULL */
    bool add_input;                        /* a residual connexion */
    mica_activation activation;
    char *path; /* of the module, for error texts */
} mica_sentence_step;

typedef struct mica_prompt {
    char *name, *text;
} mica_prompt;

typedef struct mica_sentence {
    char *directory; /* of the Transformer module: config.json, weights, tokenizer */
    mica_pooling pooling;
    bool include_prompt; /* prompt tokens take part in pooling */
    mica_sentence_step *steps;
    size_t n_steps; /* trailing Normalize modules are not among them: see below */
    bool normalize; /* the last module is Normalize */
    mica_prompt *prompts;
    size_t n_prompts;
    char *default_prompt; /* name of a prompt, or NULL */
    size_t max_length;    /* max_seq_length; 0 = not stated */
    bool lower_case;      /* do_lower_case */
    char *activation;     /* of a cross-encoder's scores: the path of a torch class, or NULL */
    bool only_described;  /* weights of modules are not read */
    bool lacks_pooling;   /* modules.json lists none: a cross-encoder's */
} mica_sentence;

/* Reads the directory `path`. Without modules.json: mean pooling, nothing else. Errors name the
 * file: UNSUPPORTED for a module, an activation or an option that is not known. Without `weights`
 * those of the modules are not read, and the steps cannot be built. */
mica_status mica_sentence_open(const char *path, bool weights, mica_sentence **out,
                               mica_error *err);
void mica_sentence_destroy(mica_sentence **sentence);

/* Numbers in an embedding of a model with `hidden` numbers a token under `pooling`. SHAPE if the
 * steps do not fit. */
mica_status mica_sentence_dimension(const mica_sentence *sentence, const mica_pooling *pooling,
                                    int64_t hidden, int64_t *out, mica_error *err);
/* The steps as a graph: x [sequences, in] to the embedding before the trailing Normalize. */
mica_value mica_sentence_build(const mica_sentence *sentence, mica_graph *graph, mica_value x);

/* "mean", "cls+max" ... to modes, and back. INVALID_ARGUMENT names the word and what is known. */
mica_status mica_pooling_parse(const char *text, mica_pooling *out, mica_error *err);
void mica_pooling_text(const mica_pooling *pooling, char *text, size_t size);
bool mica_pooling_equal(const mica_pooling *a, const mica_pooling *b);

/* The prompt of a name, or NULL. "query" and "document" are always there, empty unless set. */
const char *mica_sentence_prompt(const mica_sentence *sentence, const char *name);

#endif
