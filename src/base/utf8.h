/* SPDX-License-Identifier: MIT
 *
 * UTF-8, strictly as Unicode defines it: no overlong forms, no surrogates, at most U+10FFFF.
 */
#ifndef MICA_BASE_UTF8_H
#define MICA_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at p (p < end). Returns its length 1..4, or 0 if it is not valid. */
size_t mica_utf8_decode(const char *p, const char *end, uint32_t *cp);
/* Writes 1..4 bytes; returns how many (0 for a value that is no scalar value). */
size_t mica_utf8_encode(uint32_t cp, char out[4]);
/* Offset of the first invalid byte, or `size` if all is valid. */
size_t mica_utf8_valid_prefix(const char *data, size_t size);
/* Number of code points of valid UTF-8. */
size_t mica_utf8_count(const char *data, size_t size);

#endif
