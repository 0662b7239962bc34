/* SPDX-License-Identifier: MIT
 *
 * Pre-tokenizers: a normalized text in, the pieces of it that the model sees out. Some rewrite the
 * text on the way (Metaspace, ByteLevel); origins are kept as everywhere (text.h).
 */
#ifndef MICA_TOKENIZER_PRETOKENIZE_H
#define MICA_TOKENIZER_PRETOKENIZE_H

#include "base/arena.h"
#include "base/error.h"
#include "mica/json.h"
#include "tokenizer/regex.h"
#include "tokenizer/scan.h"
#include "tokenizer/text.h"
#include "tokenizer/unicode.h"

typedef enum mica_tok_behavior {
    MICA_TOK_REMOVED,
    MICA_TOK_ISOLATED,
    MICA_TOK_MERGED_WITH_PREVIOUS,
    MICA_TOK_MERGED_WITH_NEXT,
    MICA_TOK_CONTIGUOUS
} mica_tok_behavior;

typedef enum mica_tok_pattern_kind {
    MICA_TOK_PATTERN_FLAGS,  /* characters with some of `flags` */
    MICA_TOK_PATTERN_STRING, /* `string`; empty = nothing */
    MICA_TOK_PATTERN_WORDS,  /* \w+|[^\w\s]+ */
    MICA_TOK_PATTERN_SCAN,   /* `scan` */
    MICA_TOK_PATTERN_REGEX
} mica_tok_pattern_kind;

typedef struct mica_tok_pattern {
    mica_tok_pattern_kind kind;
    unsigned flags;
    const char *string; /* in the arena */
    size_t size;
    mica_tok_scan scan;
    mica_tok_regex *regex;
} mica_tok_pattern;

typedef enum mica_tok_pretokenize_kind {
    MICA_TOK_STEP_WORDS, /* BERT's: `removed` characters go, `isolated` ones stand alone */
    MICA_TOK_STEP_SPLIT,
    MICA_TOK_STEP_BYTE_LEVEL,
    MICA_TOK_STEP_METASPACE,
    MICA_TOK_STEP_FIXED_LENGTH,
    MICA_TOK_STEP_SCRIPTS
} mica_tok_pretokenize_kind;

typedef enum mica_tok_prepend { MICA_TOK_NEVER, MICA_TOK_FIRST, MICA_TOK_ALWAYS } mica_tok_prepend;

typedef struct mica_tok_pretokenize_step {
    mica_tok_pretokenize_kind kind;
    unsigned removed, isolated; /* MICA_CHAR_* */
    mica_tok_pattern pattern;
    mica_tok_behavior behavior;
    bool invert;
    bool split;               /* ByteLevel: by GPT-2's pattern; Metaspace: at replacements */
    mica_tok_prepend prepend; /* a space, or the replacement */
    char replacement[4];
    size_t replacement_size;
    size_t length; /* FixedLength, in characters */
} mica_tok_pretokenize_step;

typedef struct mica_tok_pretokenizer {
    mica_tok_pretokenize_step *steps;
    size_t count, capacity; /* 0 = a text is one piece */
    /* The last step is ByteLevel, and leaves pieces as the bytes they are, unspelled. Set by
     * loading; whoever has a model that cannot take bytes takes it back. */
    bool raw_bytes;
} mica_tok_pretokenizer;

/* What pre-tokenizing works in; kept from call to call. */
typedef struct mica_tok_pretokenize_work {
    mica_tok_text texts[2];
    mica_tok_pieces pieces[2];
    mica_tok_regex_search search;
} mica_tok_pretokenize_work;
void mica_tok_pretokenize_work_release(mica_tok_pretokenize_work *work);

/* Appends the steps of tokenizer.json's "pre_tokenizer" (pretokenize_load.c). */
mica_status mica_tok_pretokenizer_load(mica_tok_pretokenizer *out, mica_arena *arena,
                                       const mica_json_value *json, mica_error *err);
void mica_tok_pretokenizer_release(mica_tok_pretokenizer *pretokenizer);
/* Whether texts come out in pieces of limited length, mostly. */
bool mica_tok_pretokenizer_splits(const mica_tok_pretokenizer *pretokenizer);

/* Whether no piece goes on where a space has letters before and behind it. */
bool mica_tok_pretokenizer_splits_spaces(const mica_tok_pretokenizer *pretokenizer);

/* Splits [begin, end) of a text. The pieces are those of *out: the text itself, or one in `work`
 * that was made of it; both are valid until the next call. */
mica_status mica_tok_pretokenize(const mica_tok_pretokenizer *pretokenizer,
                                 const mica_unicode *unicode, const mica_tok_text *text,
                                 size_t begin, size_t end, mica_tok_pretokenize_work *work,
                                 const mica_tok_text **out, const mica_tok_pieces **pieces,
                                 mica_error *err);

#endif
