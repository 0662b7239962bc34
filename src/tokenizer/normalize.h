/* SPDX-License-Identifier: MIT
 *
 * Normalizers: text in, text out, with the origin of every byte.
 *
 * One kind of step covers what BERT's family needs: a walk over the characters with the operations
 * below switched on or off, done in this order as Hugging Face does them one after the other.
 * BertNormalizer, Lowercase and NFD are such steps; Sequence is a list of steps.
 */
#ifndef MICA_TOKENIZER_NORMALIZE_H
#define MICA_TOKENIZER_NORMALIZE_H

#include "base/error.h"
#include "tokenizer/text.h"
#include "tokenizer/unicode.h"

typedef struct mica_tok_step {
    bool clean;     /* drop control characters, make white space ' ' */
    bool chinese;   /* a ' ' before and after each Chinese character */
    bool decompose; /* canonical decomposition and ordering (NFD) */
    bool strip;     /* then drop non-spacing marks; only with decompose */
    bool lower;     /* lower case, character by character */
} mica_tok_step;

#define MICA_TOK_STEPS_MAX 16
typedef struct mica_tok_normalizer {
    mica_tok_step steps[MICA_TOK_STEPS_MAX];
    size_t count; /* 0 = leaves texts as they are */
} mica_tok_normalizer;

/* A mark waiting for its place in the canonical order. */
typedef struct mica_tok_mark {
    uint32_t c;
    uint8_t combining_class;
    bool inserted; /* came out of a decomposition, after the first character */
    size_t begin, end;
} mica_tok_mark;

/* What normalizing works in; kept from call to call. */
typedef struct mica_tok_normalize_work {
    mica_tok_text texts[2];
    mica_tok_mark *marks, *sorted;
    size_t mark_capacity, sorted_capacity;
} mica_tok_normalize_work;

void mica_tok_normalize_release(mica_tok_normalize_work *work);

/* Normalizes `size` bytes of valid UTF-8 that stand at `from` in the original. *out is inside
 * `work` (or a view of `data`) and valid until the next call. */
mica_status mica_tok_normalize(const mica_tok_normalizer *normalizer, const mica_unicode *unicode,
                               const char *data, size_t size, size_t from,
                               mica_tok_normalize_work *work, const mica_tok_text **out,
                               mica_error *err);

#endif
