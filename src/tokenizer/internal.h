/* SPDX-License-Identifier: MIT
 *
 * A tokenizer is its parts in the order in which a text meets them; an encoding is what came out,
 * and the memory that the next text works in.
 */
#ifndef MICA_TOKENIZER_INTERNAL_H
#define MICA_TOKENIZER_INTERNAL_H

#include "base/arena.h"
#include "mica/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/decode.h"
#include "tokenizer/normalize.h"
#include "tokenizer/postprocess.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/sequence.h"
#include "tokenizer/unicode.h"
#include "tokenizer/vocab.h"
#include "tokenizer/wordpiece.h"

/* Written while it is loaded, only read afterwards. */
struct mica_tokenizer {
    mica_arena arena;
    mica_unicode unicode;
    mica_tok_added added;
    mica_tok_normalizer normalizer;
    mica_tok_pretokenizer pretokenizer;
    mica_tok_vocab vocab;
    mica_tok_wordpiece model;
    mica_tok_postprocessor postprocessor;
    mica_tok_decoder decoder;
    size_t id_limit;    /* every id, added ones included, is below it */
    size_t max_length;  /* 0 = none */
    int64_t pad_id;     /* -1 = none */
    bool clean_up;      /* decode: clean_up_tokenization_spaces */
    bool truncate_left; /* what tokenizer_config.json says about the options of encoding */
    bool split_special;
};

/* The text of a token that is not the model's string of its id. */
typedef struct mica_tok_token_text {
    const char *data; /* the tokenizer's, or NULL: in the encoding's pool at `offset` */
    size_t offset, size;
} mica_tok_token_text;

struct mica_encoding {
    const mica_tokenizer *tokenizer;
    size_t count, capacity;
    int32_t *ids, *type_ids;
    uint8_t *special;
    int8_t *sequence_ids;
    mica_span *byte_spans, *char_spans;
    int32_t *text_of; /* index into texts, or -1 */
    size_t full_count;
    bool truncated;
    mica_tok_token_text *texts;
    size_t text_count, text_capacity;
    char *pool;
    size_t pool_size, pool_capacity;
    /* Working memory. */
    mica_tok_normalize_work normalize;
    mica_tok_pieces pieces[2];
    mica_tok_sequence sequences[2];
};

/* The string of an id as decoding sees it: an added token's normalized form, else its content, else
 * the model's. NULL if there is none. */
const char *mica_tok_string(const mica_tokenizer *tokenizer, int64_t id, size_t *size);

#endif
