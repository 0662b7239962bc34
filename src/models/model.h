/* SPDX-License-Identifier: MIT
 *
 * What a mica_model holds, for the tasks.
 *
 * The graph of the base model is built once, when the model is opened, and never changes again.
 * What is run are programs compiled from it, one for each set of outputs that somebody asked for;
 * they are kept with the model and share the packed weights.
 */
#ifndef MICA_MODELS_MODEL_H
#define MICA_MODELS_MODEL_H

#include "mica/model.h"
#include "mica/program.h"
#include "models/family.h"
#include "models/sentence.h"

typedef enum mica_program_kind {
    MICA_PROGRAM_OUTPUTS, /* last_hidden_state, then pooler_output if there is a pooler */
    MICA_PROGRAM_STATES,  /* the same, then hidden_states.0 to .N */
    MICA_PROGRAM_TOKENS,  /* last_hidden_state */
    MICA_PROGRAM_POOLED,  /* a row per sequence for each pooling mode of the set, in order of the
                             enum */
    MICA_PROGRAM_POOLER,  /* pooler_output */
    MICA_PROGRAM_LOGITS,  /* the head: rows [n, hidden] in, logits [n, outputs] out */
    MICA_PROGRAM_STEPS    /* the modules behind Pooling: one input, one output [sequences, ...] */
} mica_program_kind;

/* Which modes are in a set for MICA_PROGRAM_POOLED: bit 1 << mode. */
typedef unsigned mica_pool_set;
#define MICA_POOL_MODES 6

/* Inputs of all kinds but LOGITS and STEPS, in this order: int32 [tokens] each. */
enum { MICA_INPUT_IDS, MICA_INPUT_TYPE_IDS, MICA_INPUT_POSITIONS, MICA_INPUTS };

mica_context *mica_model_context(const mica_model *model);
const mica_family *mica_model_family(const mica_model *model);
const mica_model_config *mica_model_configuration(const mica_model *model);
const mica_sentence *mica_model_sentence(const mica_model *model);
/* config.json. */
const mica_json_value *mica_model_config_json(const mica_model *model);

/* Whether it was opened to be run, not only described. */
bool mica_model_runs(const mica_model *model);

/* The tokenizer, or the reason why there is none. */
mica_status mica_model_need_tokenizer(const mica_model *model, const mica_tokenizer **out,
                                      mica_error *err);

/* Refuses a model whose head is not the one that a task needs; the text says what it has. */
mica_status mica_model_need_head(const mica_model *model, mica_head wanted, const char *task,
                                 mica_error *err);
/* Columns of the logits. */
size_t mica_model_logit_count(const mica_model *model);

/* The program of a kind (and a set, for POOLED), compiled the first time. Thread-safe; borrowed: it
 * lives as long as the model. */
mica_status mica_model_program(mica_model *model, mica_program_kind kind, mica_pool_set set,
                               mica_program **out, mica_error *err);

/* For an output that is not finite: NOT_FINITE with the name and the place of the first bad number
 * in an embedding table, or, where these are all finite, with `otherwise`. */
mica_status mica_model_explain_not_finite(const mica_model *model, const char *otherwise,
                                          mica_error *err);

#endif
