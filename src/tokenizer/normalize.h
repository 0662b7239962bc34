/* SPDX-License-Identifier: MIT
 *
 * Normalizers: text in, text out, with the origin of every byte. A normalizer is a list of steps;
 * "Sequence" of tokenizer.json is flattened into it.
 */
#ifndef MICA_TOKENIZER_NORMALIZE_H
#define MICA_TOKENIZER_NORMALIZE_H

#include "base/arena.h"
#include "base/error.h"
#include "mica/json.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/marks.h"
#include "tokenizer/regex.h"
#include "tokenizer/text.h"
#include "tokenizer/trie.h"
#include "tokenizer/unicode.h"

typedef enum mica_tok_normalize_kind {
    MICA_TOK_NORMALIZE_BERT, /* by its flags, in one walk; also Lowercase */
    MICA_TOK_NORMALIZE_FORM, /* NFC, NFD, NFKC, NFKD */
    MICA_TOK_NORMALIZE_STRIP_ACCENTS,
    MICA_TOK_NORMALIZE_NMT,
    MICA_TOK_NORMALIZE_STRIP,
    MICA_TOK_NORMALIZE_PREPEND, /* `to` */
    MICA_TOK_NORMALIZE_REPLACE, /* `to` for each `text`, or match of `regex` */
    MICA_TOK_NORMALIZE_BYTE_LEVEL,
    MICA_TOK_NORMALIZE_PRECOMPILED,
    MICA_TOK_NORMALIZE_SENTENCEPIECE
} mica_tok_normalize_kind;

/* In this order, as Hugging Face does them one after the other. */
typedef struct mica_tok_bert {
    bool clean;   /* drop control characters, make white space ' ' */
    bool chinese; /* a ' ' before and after each Chinese character */
    bool strip;   /* canonical decomposition and ordering (NFD), then drop non-spacing marks */
    bool lower;   /* lower case, character by character */
} mica_tok_bert;

/* SentencePiece's map, by Hugging Face's rule: a grapheme cluster of less than 6 bytes that begins
 * with a string of the map becomes what the shortest such string is mapped to; in other clusters
 * each character does. */
typedef struct mica_tok_precompiled {
    mica_tok_charsmap map;
    uint8_t *classes; /* of code points: mica_grapheme, and FREE = the map has it */
} mica_tok_precompiled;

/* What SentencePiece itself does: the longest string of its map, spaces as in its settings. */
typedef struct mica_tok_spm_rules {
    mica_tok_charsmap map;
    bool has_map;
    mica_tok_trie user_defined; /* pieces that stay as they are */
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces, whitespace_as_suffix;
} mica_tok_spm_rules;

typedef struct mica_tok_normalize_step {
    mica_tok_normalize_kind kind;
    mica_tok_bert bert;
    bool compatible, compose; /* FORM */
    bool left, right;         /* STRIP */
    const char *text, *to;    /* in the tokenizer's arena */
    size_t size, to_size;
    mica_tok_regex *regex;
    mica_tok_precompiled precompiled;
    const mica_tok_spm_rules *rules;
} mica_tok_normalize_step;

typedef struct mica_tok_normalizer {
    mica_tok_normalize_step *steps;
    size_t count, capacity; /* 0 = leaves texts as they are */
} mica_tok_normalizer;

void mica_tok_normalizer_release(mica_tok_normalizer *normalizer);
/* One more step, all zero. */
mica_status mica_tok_normalizer_add(mica_tok_normalizer *normalizer, mica_tok_normalize_kind kind,
                                    mica_tok_normalize_step **step, mica_error *err);
/* One more step: Precompiled, of a map's bytes, which must outlive the normalizer. FORMAT if they
 * are none. */
mica_status mica_tok_normalizer_add_precompiled(mica_tok_normalizer *normalizer, const void *data,
                                                size_t size, mica_error *err);
/* One more step: SentencePiece's, whose rules must outlive the normalizer. */
mica_status mica_tok_normalizer_add_sentencepiece(mica_tok_normalizer *normalizer,
                                                  const mica_tok_spm_rules *rules, mica_error *err);
/* Appends the steps of tokenizer.json's "normalizer" (normalize_load.c). */
mica_status mica_tok_normalizer_load(mica_tok_normalizer *out, mica_arena *arena,
                                     const mica_json_value *json, mica_error *err);

/* A mark that NFC could not make one with the character before it, or that others keep from it. */
typedef struct mica_tok_held {
    uint32_t c;
    size_t taken; /* characters whose place it takes */
} mica_tok_held;

/* What normalizing works in; kept from call to call. */
typedef struct mica_tok_normalize_work {
    mica_tok_text texts[2], view;
    mica_tok_marks marks;
    mica_tok_held *held;
    size_t held_count, held_capacity;
    mica_tok_regex_search search;
} mica_tok_normalize_work;

/* Whether a text may be cut before a space with ASCII letters before and behind it, and its parts
 * normalized one by one, which leaves such a place as it is but for the letters' case. */
bool mica_tok_normalizer_is_local(const mica_tok_normalizer *normalizer);

void mica_tok_normalize_release(mica_tok_normalize_work *work);

/* Normalizes `size` bytes of valid UTF-8 that stand at `from` in the original. *out is inside
 * `work` (or a view of `data`) and valid until the next call. */
mica_status mica_tok_normalize(const mica_tok_normalizer *normalizer, const mica_unicode *unicode,
                               const char *data, size_t size, size_t from,
                               mica_tok_normalize_work *work, const mica_tok_text **out,
                               mica_error *err);

#endif
