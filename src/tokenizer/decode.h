/* SPDX-License-Identifier: MIT
 *
 * Decoders: the strings of ids in, text out.
 */
#ifndef MICA_TOKENIZER_DECODE_H
#define MICA_TOKENIZER_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "mica/json.h"

typedef enum mica_tok_decoder_kind {
    MICA_TOK_DECODER_NONE,     /* strings joined with ' ' */
    MICA_TOK_DECODER_WORDPIECE /* ' ' before each string that does not continue a word */
} mica_tok_decoder_kind;

typedef struct mica_tok_decoder {
    mica_tok_decoder_kind kind;
    const char *prefix; /* of strings that continue a word; in the tokenizer's arena */
    size_t prefix_size;
    bool cleanup;
} mica_tok_decoder;

mica_status mica_tok_decoder_wordpiece(mica_tok_decoder *out, mica_arena *arena, const char *prefix,
                                       size_t prefix_size, bool cleanup, mica_error *err);
/* From tokenizer.json; UNSUPPORTED by name for types that mica does not know. */
mica_status mica_tok_decoder_load(mica_tok_decoder *out, mica_arena *arena,
                                  const mica_json_value *json, mica_error *err);

#endif
