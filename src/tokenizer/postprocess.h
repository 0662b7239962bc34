/* SPDX-License-Identifier: MIT
 *
 * Post-processors: where the special tokens go, and whether offsets leave out white space. A
 * template is a list of pieces for a single text and one for a pair; a piece is one of the texts or
 * special tokens. BertProcessing and RobertaProcessing are such templates.
 */
#ifndef MICA_TOKENIZER_POSTPROCESS_H
#define MICA_TOKENIZER_POSTPROCESS_H

#include "base/arena.h"
#include "base/error.h"
#include "mica/json.h"
#include "tokenizer/unicode.h"
#include "tokenizer/vocab.h"

typedef struct mica_tok_special {
    int32_t id;
    const char *token; /* in the tokenizer's arena */
    size_t size;
} mica_tok_special;

typedef struct mica_tok_template_piece {
    int sequence; /* 0 or 1: a text; -1: special tokens */
    int32_t type_id;
    const mica_tok_special *tokens; /* of special tokens */
    size_t count;                   /* of special tokens; 0 for a text */
    bool language;                  /* they are the token of the text's language */
} mica_tok_template_piece;

typedef struct mica_tok_template {
    mica_tok_template_piece *pieces;
    size_t count;
    size_t special; /* how many special tokens it adds */
} mica_tok_template;

#define MICA_TOK_TRIMS_MAX 4

typedef struct mica_tok_postprocessor {
    mica_tok_template single, pair;
    bool has_template; /* other than the plain one */
    /* ByteLevel and RobertaProcessing take the white space of a token out of its offsets, once for
     * each of them. */
    bool trim_prefix_space[MICA_TOK_TRIMS_MAX]; /* add_prefix_space of each */
    size_t trims;
    uint8_t (*spaces)[2]; /* by id: white space at the start and the end of the model's string, up
                             to 255 characters; NULL = count it. In the arena */
} mica_tok_postprocessor;

/* The plain one: texts with types 0 and 1, no special tokens. */
mica_status mica_tok_postprocessor_none(mica_tok_postprocessor *out, mica_arena *arena,
                                        mica_error *err);
/* BERT's: cls A sep, and B sep with type 1. */
mica_status mica_tok_postprocessor_bert(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_tok_special *cls, const mica_tok_special *sep,
                                        mica_error *err);
/* <s> A </s>, and </s> B </s>, all of type 0; offsets are trimmed if `trim`. */
mica_status mica_tok_postprocessor_roberta(mica_tok_postprocessor *out, mica_arena *arena,
                                           const mica_tok_special *cls, const mica_tok_special *sep,
                                           bool trim, bool add_prefix_space, mica_error *err);
/* From tokenizer.json; UNSUPPORTED by name for types that mica does not know. */
mica_status mica_tok_postprocessor_load(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_json_value *json, mica_error *err);
/* Once the vocabulary is there: counts the white space of its strings, if offsets are trimmed. */
mica_status mica_tok_postprocessor_finish(mica_tok_postprocessor *out, mica_arena *arena,
                                          const mica_tok_vocab *vocab, const mica_unicode *unicode,
                                          size_t id_limit, mica_error *err);
/* White space (and the byte alphabet's space) at the start and the end of a token, in characters.
 */
void mica_tok_count_spaces(const mica_unicode *unicode, const char *text, size_t size, size_t *lead,
                           size_t *trail);

#endif
