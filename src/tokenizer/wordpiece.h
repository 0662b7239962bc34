/* SPDX-License-Identifier: MIT
 *
 * The WordPiece model: a piece is cut greedily into the longest strings of the vocabulary, those
 * after the first with a prefix; a piece that cannot be cut so is one unknown token.
 */
#ifndef MICA_TOKENIZER_WORDPIECE_H
#define MICA_TOKENIZER_WORDPIECE_H

#include <stdatomic.h>

#include "tokenizer/model_work.h"
#include "tokenizer/trie.h"
#include "tokenizer/vocab.h"

/* Built when the first word has to be cut, by whichever thread is first: most words of most texts
 * are whole in the vocabulary, and building takes as long as all the rest of loading. */
typedef struct mica_tok_wordpiece_tries {
    mica_tok_trie start, rest; /* all strings; what follows the prefix in some */
} mica_tok_wordpiece_tries;

typedef struct mica_tok_wordpiece {
    const mica_tok_vocab *vocab;
    _Atomic(mica_tok_wordpiece_tries *) tries; /* NULL = not built yet */
    char *prefix;
    size_t prefix_size;
    int32_t unknown; /* id, or -1 if the vocabulary lacks it */
    char *unknown_token;
    size_t max_chars; /* longer pieces are unknown */
} mica_tok_wordpiece;

/* Takes a finished vocabulary, which must outlive it. */
mica_status mica_tok_wordpiece_init(mica_tok_wordpiece *model, const mica_tok_vocab *vocab,
                                    const char *unknown, size_t unknown_size, const char *prefix,
                                    size_t prefix_size, size_t max_chars, mica_error *err);
void mica_tok_wordpiece_release(mica_tok_wordpiece *model);

/* Encodes a piece into work->tokens. FORMAT if an unknown token is needed and there is none. */
mica_status mica_tok_wordpiece_encode(const mica_tok_wordpiece *model, mica_tok_model_work *work,
                                      const char *data, size_t size, mica_error *err);

#endif
