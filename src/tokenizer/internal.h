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
#include "tokenizer/model.h"
#include "tokenizer/normalize.h"
#include "tokenizer/postprocess.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/sequence.h"
#include "tokenizer/unicode.h"
#include "tokenizer/vocab.h"

/* The padding section of tokenizer.json, or the padding token alone. */
typedef struct mica_tok_padding {
    int32_t type_id;
    const char *token; /* in the arena; NULL: the string of the id */
    size_t size;
} mica_tok_padding;

/* Written while it is loaded, only read afterwards. */
struct mica_tokenizer {
    mica_arena arena;
    mica_unicode unicode;
    mica_tok_added added;
    mica_tok_normalizer normalizer;
    mica_tok_pretokenizer pretokenizer;
    mica_tok_vocab vocab;
    mica_tok_model model;
    mica_tok_postprocessor postprocessor;
    mica_tok_decoder decoder;
    size_t id_limit;              /* every id, added ones included, is below it */
    size_t max_length;            /* 0 = none */
    int64_t pad_id;               /* -1 = none */
    int64_t mask_id;              /* -1 = none */
    int64_t unknown_id, cls_id;   /* unk_token and cls_token; -1 = none */
    bool clean_up;                /* decode: clean_up_tokenization_spaces */
    bool clean_up_bpe;            /* also where the model is BPE, which it is not made for */
    const char *language_mark;    /* before and after a code in a language's token; NULL = none */
    mica_encode_options defaults; /* of encoding, as the files have them */
    mica_tok_padding padding;
};

struct mica_encoding {
    const mica_tokenizer *tokenizer;
    mica_tok_sequence tokens;
    int32_t *type_ids;
    uint8_t *special, *attention;
    int8_t *sequence_ids;
    size_t capacity; /* of these four */
    mica_tok_token_texts texts;
    size_t full_count;
    bool truncated;
    /* The texts' tokens, whole, and how windows are cut out of them. */
    mica_tok_sequence sequences[2];
    mica_text given[2];
    bool pair;
    bool ascii; /* both texts: spans in characters are those in bytes */
    bool moved; /* all of the first text is in the only window, whose tokens are its arrays */
    mica_encode_options options;
    mica_tok_special language; /* as the options have it, token NULL if they do not */
    size_t keep[2], windows[2];
    size_t pad_length; /* of all windows */
    size_t text_count; /* of texts: those of the sequences, before those of a window */
    /* Working memory. */
    mica_tok_normalize_work normalize;
    mica_tok_pretokenize_work pretokenize;
    mica_tok_model_work model;
};

/* The string of an id as decoding sees it: an added token's normalized form, else its content, else
 * the model's. NULL if there is none. */
const char *mica_tok_string(const mica_tokenizer *tokenizer, int64_t id, size_t *size);

/* Appends the text of strings of tokens to `out`, as transformers' convert_tokens_to_string gives
 * it. */
mica_status mica_tok_join(const mica_tokenizer *tokenizer, const mica_text *tokens, size_t count,
                          mica_buf *out, mica_error *err);

/* The text of ids where the model is SentencePiece's own (decode_sentencepiece.c). */
mica_status mica_tok_decode_sentencepiece(const mica_tokenizer *tokenizer, const int64_t *ids,
                                          size_t count, bool skip_special, mica_buf *out,
                                          mica_error *err);

/* The token of a language. INVALID_ARGUMENT if the tokenizer does not know it. */
mica_status mica_tok_find_language(const mica_tokenizer *tokenizer, const char *code,
                                   mica_tok_special *out, mica_error *err);

#endif
