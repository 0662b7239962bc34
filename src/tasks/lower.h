/* SPDX-License-Identifier: MIT
 *
 * do_lower_case of sentence-transformers: a Lowercase normalizer in front of the tokenizer's own.
 */
#ifndef MICA_TASKS_LOWER_H
#define MICA_TASKS_LOWER_H

#include <stddef.h>

#include "mica/tokenizer.h"

/* Writes the lower case of valid UTF-8 to `out`, which has room for 2 * size bytes; returns its
 * size. Added tokens that are looked for in the text as it is ("[MASK]") stay as they are. */
size_t mica_text_lower(const mica_tokenizer *tokenizer, const char *text, size_t size, char *out);

#endif
