/* SPDX-License-Identifier: MIT
 *
 * Tokenizers of the Hugging Face Hub, with the same ids, tokens and offsets as the Python library
 * `tokenizers`. A library of its own (libmica-tokenizer): no engine, no network.
 *
 * A tokenizer is immutable once loaded: any number of threads may encode and decode with it at
 * once. Texts are pointer + length in UTF-8; a NUL byte is a byte like any other. Text that is not
 * valid UTF-8 is refused with INVALID_UTF8 and the offset of the first bad byte.
 */
#ifndef MICA_TOKENIZER_H
#define MICA_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A text of the caller: `size` bytes at `data`, not necessarily NUL-terminated. */
typedef struct mica_text {
    const char *data;
    size_t size;
} mica_text;

typedef struct mica_tokenizer mica_tokenizer;
typedef struct mica_encoding mica_encoding;

/* Loads the tokenizer of a directory in Hugging Face layout as transformers' AutoTokenizer does:
 * tokenizer.json, vocab.txt, vocab.json with merges.txt, or a SentencePiece model, by the class
 * that tokenizer_config.json or config.json names (docs/tokenizers.md lists classes and files, and
 * what else counts). `path` may also name a tokenizer.json file itself, which then counts as
 * written.
 * NOT_FOUND if there is nothing to load, FORMAT if a file is damaged, UNSUPPORTED (by name) for a
 * kind that mica does not know. */
MICA_API mica_status mica_tokenizer_open(const char *path, mica_tokenizer **out, mica_error *err);
/* From the bytes of a tokenizer.json; `config` (may be NULL) are those of a tokenizer_config.json.
 */
MICA_API mica_status mica_tokenizer_parse(const char *json, size_t size, const char *config,
                                          size_t config_size, mica_tokenizer **out,
                                          mica_error *err);
MICA_API void mica_tokenizer_destroy(mica_tokenizer **tokenizer);

/* Number of ids, added tokens included: every id is below it. */
MICA_API size_t mica_tokenizer_vocab_size(const mica_tokenizer *tokenizer);
/* The token of an id, valid as long as the tokenizer; NULL if there is none. */
MICA_API const char *mica_tokenizer_token(const mica_tokenizer *tokenizer, int64_t id,
                                          size_t *size);
/* The id of a token, or -1. */
MICA_API int64_t mica_tokenizer_id(const mica_tokenizer *tokenizer, const char *token, size_t size);
/* model_max_length of tokenizer_config.json; 0 if it is absent or "very large" (1e30 in files). */
MICA_API size_t mica_tokenizer_max_length(const mica_tokenizer *tokenizer);
/* How many special tokens a single text (or a pair) gets. */
MICA_API size_t mica_tokenizer_special_count(const mica_tokenizer *tokenizer, bool pair);
/* Id of the padding token, or -1. */
MICA_API int64_t mica_tokenizer_pad_id(const mica_tokenizer *tokenizer);
/* Id of the token of a language ("fr" of M2M-100, "fra_Latn" of NLLB), with which a translation
 * into it begins; -1 if there is none. */
MICA_API int64_t mica_tokenizer_language_id(const mica_tokenizer *tokenizer, const char *code);
/* Id of the mask token, or -1. */
MICA_API int64_t mica_tokenizer_mask_id(const mica_tokenizer *tokenizer);
/* Ids of the tokens that tokenizer_config.json calls unk_token and cls_token, or -1. */
MICA_API int64_t mica_tokenizer_unknown_id(const mica_tokenizer *tokenizer);
MICA_API int64_t mica_tokenizer_cls_id(const mica_tokenizer *tokenizer);

typedef enum mica_truncation {
    MICA_TRUNCATION_LONGEST_FIRST, /* from the longer text of a pair */
    MICA_TRUNCATION_ONLY_FIRST,
    MICA_TRUNCATION_ONLY_SECOND
} mica_truncation;

typedef struct mica_encode_options {
    bool add_special_tokens;    /* default true */
    size_t max_length;          /* in tokens, special ones counted; 0 (default) = no limit */
    mica_truncation truncation; /* what is cut when the limit is passed; default LONGEST_FIRST */
    bool truncate_left;         /* cut the start of the text instead of its end; default false */
    size_t stride;              /* tokens that neighbouring windows of a cut text share: see
                                   mica_encoding_window */
    bool split_special_tokens;  /* special tokens written in the text are text; default false */
    bool pad;                   /* fill up with padding tokens; default false */
    size_t pad_length;          /* to so many tokens; 0 = those of the first window */
    size_t pad_to_multiple_of; /* or the next multiple of this; 0 and 1 = any length. Texts that are
                                  longer stay as they are. */
    bool pad_left;             /* in front of the text; default false */
    const char *language;      /* of the text, for tokenizers that put its token beside it: "fr"
                                  (M2M-100), "fra_Latn" (NLLB). Default NULL: src_lang of
                                  tokenizer_config.json, else English */
    unsigned reserved[6];      /* zero */
} mica_encode_options;
MICA_API void mica_encode_options_defaults(mica_encode_options *options);
/* The same with what the tokenizer's files say: of a directory, truncate_left and
 * split_special_tokens of tokenizer_config.json, as transformers has it; of a tokenizer.json alone,
 * its truncation and padding sections, as the library `tokenizers` has it. */
MICA_API void mica_tokenizer_encode_options(const mica_tokenizer *tokenizer,
                                            mica_encode_options *options);

/* Encodes one text, or a pair (second may be NULL). `options` NULL =
 * mica_tokenizer_encode_options. The encoding is the
 * caller's; *out may be an earlier encoding, which is then reused without allocating below its
 * high-water mark, or NULL. On failure *out keeps an earlier encoding (emptied), else is NULL. */
MICA_API mica_status mica_tokenizer_encode(const mica_tokenizer *tokenizer, mica_text first,
                                           const mica_text *second,
                                           const mica_encode_options *options, mica_encoding **out,
                                           mica_error *err);
MICA_API void mica_encoding_destroy(mica_encoding **encoding);

/* What an encoding holds: arrays of `count` entries, valid until it is reused or destroyed. */
MICA_API size_t mica_encoding_count(const mica_encoding *encoding);
MICA_API const int32_t *mica_encoding_ids(const mica_encoding *encoding);
MICA_API const int32_t *mica_encoding_type_ids(const mica_encoding *encoding);
MICA_API const uint8_t *mica_encoding_special_mask(const mica_encoding *encoding);
/* Which text a token comes from: 0 or 1, or -1 for special tokens put in by the template. */
MICA_API const int8_t *mica_encoding_sequence_ids(const mica_encoding *encoding);
/* Which word of its text a token belongs to, counted from 0: a piece of the pre-tokenizer, or an
 * added token. -1 for special tokens put in by the template. */
MICA_API const int32_t *mica_encoding_word_ids(const mica_encoding *encoding);
/* Half-open spans in the token's text; (0,0) for special tokens put in by the template. */
typedef struct mica_span {
    size_t begin, end;
} mica_span;
MICA_API const mica_span *mica_encoding_byte_spans(const mica_encoding *encoding);
/* The same in code points, as Hugging Face's Python API counts them. */
MICA_API const mica_span *mica_encoding_char_spans(const mica_encoding *encoding);
/* 0 for padding tokens, 1 for all others. */
MICA_API const uint8_t *mica_encoding_attention_mask(const mica_encoding *encoding);
/* Tokens without truncation and padding (special ones counted); truncated is whether that exceeded
 * max_length.
 */
MICA_API size_t mica_encoding_full_count(const mica_encoding *encoding);
MICA_API bool mica_encoding_truncated(const mica_encoding *encoding);
/* The text of token i ("##ing", "[CLS]"): what Hugging Face's Encoding.tokens holds.
 * NUL-terminated, valid until the encoding is reused or destroyed, or the tokenizer destroyed. */
MICA_API const char *mica_encoding_token(const mica_encoding *encoding, size_t i, size_t *size);

/* A text that max_length cuts makes several windows of max_length tokens, each `stride` tokens back
 * from the end of the one before (Hugging Face's overflowing tokens): how many there are; 1 if
 * nothing was cut. Where both texts of a pair are cut, each window of the first meets each of the
 * second. */
MICA_API size_t mica_encoding_window_count(const mica_encoding *encoding);
/* Makes the encoding hold window i; mica_tokenizer_encode leaves window 0. The texts that were
 * encoded must still be there. INVALID_ARGUMENT if there is no such window. */
MICA_API mica_status mica_encoding_window(mica_encoding *encoding, size_t i, mica_error *err);

typedef struct mica_decode_options {
    bool skip_special_tokens;         /* default false */
    int clean_up_tokenization_spaces; /* 1, 0, or -1 (default): as tokenizer_config.json says */
    unsigned reserved[4];             /* zero */
} mica_decode_options;
MICA_API void mica_decode_options_defaults(mica_decode_options *options);

/* Text of ids, as transformers' tokenizer.decode gives it. *out is NUL-terminated and freed with
 * mica_text_free. An id outside the vocabulary is INVALID_ARGUMENT. */
MICA_API mica_status mica_tokenizer_decode(const mica_tokenizer *tokenizer, const int64_t *ids,
                                           size_t count, const mica_decode_options *options,
                                           char **out, size_t *size, mica_error *err);
MICA_API void mica_text_free(char **text);

#ifdef __cplusplus
}
#endif
#endif
