/* SPDX-License-Identifier: MIT
 *
 * Decoders: the strings of ids in, text out. A decoder is a list of steps; each makes a list of
 * strings of the list before it, and the last list is joined.
 */
#ifndef MICA_TOKENIZER_DECODE_H
#define MICA_TOKENIZER_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "mica/json.h"
#include "mica/tokenizer.h"
#include "tokenizer/regex.h"

typedef enum mica_tok_decode_kind {
    MICA_TOK_DECODE_WORDPIECE,     /* ' ' before each string that does not continue a word */
    MICA_TOK_DECODE_BYTE_LEVEL,    /* all as one, out of GPT-2's alphabet of bytes */
    MICA_TOK_DECODE_METASPACE,     /* ' ' for `text` */
    MICA_TOK_DECODE_BPE,           /* ' ' for the suffix `text` */
    MICA_TOK_DECODE_CTC,           /* repeated strings once, without the padding `text` */
    MICA_TOK_DECODE_BYTE_FALLBACK, /* characters out of "<0xE4>" "<0xB8>" "<0xAD>" */
    MICA_TOK_DECODE_FUSE,          /* all as one */
    MICA_TOK_DECODE_STRIP,         /* up to `start` and `stop` characters `text` at the ends */
    MICA_TOK_DECODE_REPLACE        /* `to` for each `text`, or match of `regex` */
} mica_tok_decode_kind;

typedef struct mica_tok_decode_step {
    mica_tok_decode_kind kind;
    const char *text; /* in the tokenizer's arena, as is `to` */
    size_t size;
    const char *to; /* CTC: what ' ' replaces */
    size_t to_size;
    bool cleanup;    /* WordPiece, CTC: of spaces */
    bool drop_first; /* Metaspace: nothing for `text` in the first string */
    size_t start, stop;
    mica_tok_regex *regex;
} mica_tok_decode_step;

typedef struct mica_tok_decoder {
    bool present; /* else strings are joined with ' ' */
    mica_tok_decode_step *steps;
    size_t count, capacity;
} mica_tok_decoder;

/* Strings one after the other. */
typedef struct mica_tok_strings {
    mica_buf bytes;
    size_t *ends;
    size_t count, capacity;
} mica_tok_strings;

/* `max` = bytes that they may have. */
void mica_tok_strings_init(mica_tok_strings *strings, size_t max);
void mica_tok_strings_release(mica_tok_strings *strings);
/* Ends a string, of what has been appended to `bytes` since the last one. False = no memory, also
 * for the bytes. */
bool mica_tok_strings_end(mica_tok_strings *strings);

/* In place of what it was: "decoder" of tokenizer.json (decode_load.c). UNSUPPORTED by name for
 * types that mica does not know. */
mica_status mica_tok_decoder_load(mica_tok_decoder *out, mica_arena *arena,
                                  const mica_json_value *json, mica_error *err);
void mica_tok_decoder_release(mica_tok_decoder *decoder);
/* One more step, all zero. */
mica_status mica_tok_decoder_add(mica_tok_decoder *decoder, mica_tok_decode_kind kind,
                                 mica_tok_decode_step **step, mica_error *err);

/* Runs all steps; the result stands in strings[0]. strings[1] is to work with. */
mica_status mica_tok_decoder_run(const mica_tok_decoder *decoder, mica_tok_strings strings[2],
                                 mica_error *err);
/* Removes spaces before punctuation and English endings in what stands from `start` on, as the
 * WordPiece decoder does; " do not" only if asked. */
void mica_tok_clean_up(mica_buf *buf, size_t start, bool do_not);

#endif
