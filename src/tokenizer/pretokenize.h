/* SPDX-License-Identifier: MIT
 *
 * Pre-tokenizers: a normalized text in, the pieces of it that the model sees out.
 */
#ifndef MICA_TOKENIZER_PRETOKENIZE_H
#define MICA_TOKENIZER_PRETOKENIZE_H

#include "base/error.h"
#include "tokenizer/text.h"
#include "tokenizer/unicode.h"

/* A step removes characters, and isolates others (each becomes a piece). */
typedef struct mica_tok_split {
    unsigned removed, isolated; /* MICA_CHAR_* */
} mica_tok_split;

#define MICA_TOK_SPLITS_MAX 16
typedef struct mica_tok_pretokenizer {
    mica_tok_split splits[MICA_TOK_SPLITS_MAX];
    size_t count; /* 0 = a text is one piece */
} mica_tok_pretokenizer;

/* Splits [begin, end) of `data`; the pieces are put in pieces[0] (pieces[1] is for its own use). */
mica_status mica_tok_pretokenize(const mica_tok_pretokenizer *pretokenizer,
                                 const mica_unicode *unicode, const char *data, size_t begin,
                                 size_t end, mica_tok_pieces pieces[2], mica_error *err);

#endif
