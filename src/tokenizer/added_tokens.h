/* SPDX-License-Identifier: MIT
 *
 * Added tokens: strings with an id of their own that are cut out of a text before the model sees
 * it. Those that are not `normalized` are looked for in the text as it is, the others, themselves
 * normalized, in the normalized text. The rules are those of Hugging Face's AddedVocabulary.
 */
#ifndef MICA_TOKENIZER_ADDED_TOKENS_H
#define MICA_TOKENIZER_ADDED_TOKENS_H

#include "base/map.h"
#include "tokenizer/normalize.h"
#include "tokenizer/trie.h"
#include "tokenizer/vocab.h"

typedef struct mica_tok_added_flags {
    bool single_word; /* matches only where no word character stands beside it */
    bool lstrip;      /* takes the white space before it along */
    bool rstrip;      /* and that after it */
    bool normalized;
    bool special;
} mica_tok_added_flags;

typedef struct mica_tok_added_token {
    char *content;
    size_t size;
    char *normalized; /* what it decodes to and is looked for as, if that differs; else NULL */
    size_t normalized_size;
    int32_t id;
    mica_tok_added_flags flags;
    bool live;         /* false if a later token took its id */
    bool ever_special; /* once special, skipped by skip_special_tokens for good */
} mica_tok_added_token;

/* One of the two searches. */
typedef struct mica_tok_matcher {
    mica_tok_trie trie;
    bool first[256];
    int only; /* the only first byte, or -1 if there are none or several */
} mica_tok_matcher;

typedef struct mica_tok_added {
    mica_tok_added_token *tokens;
    size_t count, capacity;
    mica_map *by_content; /* index into tokens */
    mica_map *by_id;      /* the live one of an id (4 bytes) */
    int64_t next_id;
    mica_tok_matcher raw, normalized;
} mica_tok_added;

mica_status mica_tok_added_init(mica_tok_added *added, mica_error *err);
void mica_tok_added_release(mica_tok_added *added);

/* Starts a batch of additions: new ids are handed out from `first` on, and behind those added
 * before. */
void mica_tok_added_begin(mica_tok_added *added, size_t first);
/* Adds a token. Its id is the one it has already, else the vocabulary's, else the next one. An
 * empty content is ignored. */
mica_status mica_tok_added_add(mica_tok_added *added, const mica_tok_vocab *vocab,
                               const mica_tok_normalizer *normalizer, const mica_unicode *unicode,
                               const char *content, size_t size, mica_tok_added_flags flags,
                               mica_error *err);
/* Makes the matchers, after the last addition. */
mica_status mica_tok_added_finish(mica_tok_added *added, mica_error *err);

/* NULL if there is none. */
const mica_tok_added_token *mica_tok_added_find(const mica_tok_added *added, const char *content,
                                                size_t size);
const mica_tok_added_token *mica_tok_added_by_id(const mica_tok_added *added, int64_t id);

/* A search through one text; start with {0}. */
typedef struct mica_tok_search {
    size_t scan;                   /* where to look next */
    size_t done;                   /* what earlier matches have taken */
    size_t space_begin, space_end; /* the last white space that an rstrip walked over */
} mica_tok_search;

typedef struct mica_tok_match {
    const mica_tok_added_token *token;
    size_t begin, end;
} mica_tok_match;

/* The next match in a text; false = no more, match->begin is then `size`. The text between
 * search->done (before the call) and match->begin, if any, belongs to no added token. */
bool mica_tok_added_next(const mica_tok_added *added, const mica_tok_matcher *matcher,
                         const mica_unicode *unicode, const char *data, size_t size,
                         bool split_special, mica_tok_search *search, mica_tok_match *match);

#endif
