/* SPDX-License-Identifier: MIT
 *
 * Regular expressions, by Oniguruma: the engine (and so the dialect) of Hugging Face's library.
 */
#ifndef MICA_TOKENIZER_REGEX_H
#define MICA_TOKENIZER_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct mica_tok_regex mica_tok_regex;

/* FORMAT with the engine's reason if the pattern (valid UTF-8) is none. A regex may be used by any
 * number of threads. */
mica_status mica_tok_regex_create(const char *pattern, size_t size, mica_tok_regex **out,
                                  mica_error *err);
void mica_tok_regex_destroy(mica_tok_regex **regex);

/* A search for one match after the other. Start with {0}, or one used before with `at` and `last`
 * set to 0; belongs to one thread. */
typedef struct mica_tok_regex_search {
    size_t at;    /* where to look next */
    size_t last;  /* 1 + end of the last match; 0 = none */
    void *engine; /* what the engine works with */
} mica_tok_regex_search;
void mica_tok_regex_search_release(mica_tok_regex_search *search);

/* The next match in `size` bytes of valid UTF-8; matches do not overlap, and an empty one does not
 * follow another directly. UNSUPPORTED if the engine gives up: a pattern that needs exponential
 * time. */
mica_status mica_tok_regex_next(const mica_tok_regex *regex, mica_tok_regex_search *search,
                                const char *data, size_t size, size_t *begin, size_t *end,
                                bool *found, mica_error *err);

#endif
