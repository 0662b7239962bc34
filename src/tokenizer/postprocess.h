/* SPDX-License-Identifier: MIT
 *
 * Post-processors: where the special tokens go. TemplateProcessing is a list of pieces for a single
 * text and one for a pair; a piece is one of the texts or special tokens.
 */
#ifndef MICA_TOKENIZER_POSTPROCESS_H
#define MICA_TOKENIZER_POSTPROCESS_H

#include "base/arena.h"
#include "base/error.h"
#include "mica/json.h"

typedef struct mica_tok_special {
    int32_t id;
    const char *token; /* in the tokenizer's arena */
    size_t size;
} mica_tok_special;

typedef struct mica_tok_template_piece {
    int sequence; /* 0 or 1: a text; -1: special tokens */
    int32_t type_id;
    const mica_tok_special *tokens; /* of special tokens */
    size_t count;
} mica_tok_template_piece;

typedef struct mica_tok_template {
    mica_tok_template_piece *pieces;
    size_t count;
    size_t special; /* how many special tokens it adds */
} mica_tok_template;

typedef struct mica_tok_postprocessor {
    mica_tok_template single, pair;
} mica_tok_postprocessor;

/* The plain one: texts with types 0 and 1, no special tokens. */
mica_status mica_tok_postprocessor_none(mica_tok_postprocessor *out, mica_arena *arena,
                                        mica_error *err);
/* BERT's: cls A sep, and B sep with type 1. */
mica_status mica_tok_postprocessor_bert(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_tok_special *cls, const mica_tok_special *sep,
                                        mica_error *err);
/* From tokenizer.json; UNSUPPORTED by name for types that mica does not know. */
mica_status mica_tok_postprocessor_load(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_json_value *json, mica_error *err);

#endif
