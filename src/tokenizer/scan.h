/* SPDX-License-Identifier: MIT
 *
 * Hand-written scanners for the patterns of the best known byte-level tokenizers, which are
 * recognised by their exact text. Each cuts any text into matches that follow one another without a
 * gap, as the regular expression does.
 */
#ifndef MICA_TOKENIZER_SCAN_H
#define MICA_TOKENIZER_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "tokenizer/text.h"
#include "tokenizer/unicode.h"

typedef enum mica_tok_scan {
    MICA_TOK_SCAN_NONE,
    MICA_TOK_SCAN_GPT2,
    MICA_TOK_SCAN_LLAMA3, /* and GPT-4: numbers of up to three digits */
    MICA_TOK_SCAN_QWEN    /* the same with single digits */
} mica_tok_scan;

/* The scanner of a pattern, or NONE. */
mica_tok_scan mica_tok_scan_of(const char *pattern, size_t size);
/* Adds the matches of [begin, end), which is looked at alone. False = out of memory. */
bool mica_tok_scan_pieces(mica_tok_scan scan, const mica_unicode *unicode, const char *data,
                          size_t begin, size_t end, mica_tok_pieces *pieces);
/* The end of the match that begins at `at` < size. */
size_t mica_tok_scan_next(mica_tok_scan scan, const mica_unicode *unicode, const char *data,
                          size_t at, size_t size);

#endif
