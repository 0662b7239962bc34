/* SPDX-License-Identifier: MIT
 *
 * The alphabet of byte-level tokenizers (GPT-2's): a visible character for each byte. Bytes that
 * are printable in Latin-1 stand for themselves, the other 68 are U+0100 upwards, in order.
 */
#ifndef MICA_TOKENIZER_BYTE_LEVEL_H
#define MICA_TOKENIZER_BYTE_LEVEL_H

#include <stddef.h>
#include <stdint.h>

/* The character of a byte. */
uint32_t mica_tok_byte_char(unsigned char byte);
/* The byte of a character, or -1. */
int mica_tok_char_byte(uint32_t c);
/* Spells bytes in the alphabet; `out` has room for 2 * size bytes. Returns the size. */
size_t mica_tok_spell_bytes(const char *data, size_t size, char *out);

#endif
