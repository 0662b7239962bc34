/* SPDX-License-Identifier: MIT
 *
 * SentencePiece's precompiled character map: strings and what replaces them. It comes out of files
 * ("precompiled_charsmap" of tokenizer.json, normalizer_spec of a SentencePiece model) as
 *
 *     4 bytes   size of the trie in bytes, little endian
 *     trie      units of 4 bytes, little endian: a double array as Darts-clone writes it
 *     pool      UTF-8; replacements, each with a closing NUL
 *
 * A unit of the trie: bits 0-7 the byte that leads to it, bit 8 "a string ends here", bits 10-30
 * how far its children lie (bit 9: times 256). A string's value, the place of its replacement in
 * the pool, is the unit at its children's base, and has bit 31 set.
 */
#ifndef MICA_TOKENIZER_CHARSMAP_H
#define MICA_TOKENIZER_CHARSMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A view of a map's bytes. */
typedef struct mica_tok_charsmap {
    const unsigned char *units;
    size_t count; /* of units */
    const char *pool;
    size_t pool_size;
} mica_tok_charsmap;

/* What a string is mapped to. */
typedef struct mica_tok_mapping {
    size_t matched;   /* bytes of the text */
    const char *data; /* in the map: valid UTF-8, may be empty */
    size_t size;
} mica_tok_mapping;

/* `data` must outlive the map; it may be anything. FORMAT if it is no such map, or if a replacement
 * in it lies outside the pool or is not UTF-8: what opens can be asked anything. */
mica_status mica_tok_charsmap_open(mica_tok_charsmap *map, const void *data, size_t size,
                                   mica_error *err);

/* The shortest string of the map that the text begins with, which is what Hugging Face looks for;
 * false = none. */
bool mica_tok_charsmap_first(const mica_tok_charsmap *map, const char *data, size_t size,
                             mica_tok_mapping *out);
/* The longest one, which is what SentencePiece looks for. */
bool mica_tok_charsmap_longest(const mica_tok_charsmap *map, const char *data, size_t size,
                               mica_tok_mapping *out);

/* Whether the map has a string that begins with these bytes, be it all of them, or less: then some
 * text that begins so is mapped. */
bool mica_tok_charsmap_touches(const mica_tok_charsmap *map, const char *data, size_t size);

#endif
