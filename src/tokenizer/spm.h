/* SPDX-License-Identifier: MIT
 *
 * A SentencePiece model file: a protobuf message with the pieces, how they were trained and how
 * texts are normalized. What is read are views into the file's bytes.
 */
#ifndef MICA_TOKENIZER_SPM_H
#define MICA_TOKENIZER_SPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "mica/tokenizer.h"

typedef enum mica_tok_spm_type {
    MICA_TOK_SPM_NORMAL = 1,
    MICA_TOK_SPM_UNKNOWN,
    MICA_TOK_SPM_CONTROL, /* stands for no text */
    MICA_TOK_SPM_USER_DEFINED,
    MICA_TOK_SPM_UNUSED,
    MICA_TOK_SPM_BYTE
} mica_tok_spm_type;

typedef enum mica_tok_spm_model {
    MICA_TOK_SPM_UNIGRAM = 1,
    MICA_TOK_SPM_BPE,
    MICA_TOK_SPM_WORD,
    MICA_TOK_SPM_CHAR
} mica_tok_spm_model;

/* A piece; its text is valid UTF-8. */
typedef struct mica_tok_spm_piece {
    const char *data;
    uint32_t size;
    float score;
    mica_tok_spm_type type;
} mica_tok_spm_piece;

typedef struct mica_tok_spm {
    mica_tok_spm_piece *pieces;
    size_t count, capacity;
    mica_tok_spm_model model;
    bool byte_fallback;
    int32_t unk_id, bos_id, eos_id; /* negative = none */
    mica_text unk_piece, bos_piece, eos_piece;
    mica_text unk_surface; /* what the unknown piece decodes to */
    mica_text charsmap;    /* size 0 = none */
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces;
    bool whitespace_as_suffix;
} mica_tok_spm;

/* FORMAT if the bytes are no such message, UNSUPPORTED (by name) if they are tiktoken's form.
 * `data` must outlive the result. */
mica_status mica_tok_spm_read(mica_tok_spm *out, const char *data, size_t size, mica_error *err);
void mica_tok_spm_release(mica_tok_spm *spm);

#endif
