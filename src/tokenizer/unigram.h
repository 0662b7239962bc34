/* SPDX-License-Identifier: MIT
 *
 * The Unigram model: of all ways to cut a piece into strings of the vocabulary, the one with the
 * largest sum of scores, found place by place from the left (Viterbi). A character that no string
 * covers alone is unknown, at the price of the smallest score less 10.
 */
#ifndef MICA_TOKENIZER_UNIGRAM_H
#define MICA_TOKENIZER_UNIGRAM_H

#include "tokenizer/model_work.h"
#include "tokenizer/trie.h"
#include "tokenizer/vocab.h"

typedef struct mica_tok_unigram {
    const mica_tok_vocab *vocab;
    mica_tok_trie trie;
    size_t count;   /* of the list; strings may come twice in it */
    double *scores; /* by id */
    double unknown_score;
    int32_t unknown; /* id, or -1: unknown characters are an error */
    bool byte_fallback;
    int32_t byte_tokens[256]; /* ids of "<0x00>" to "<0xFF>", or -1 */
} mica_tok_unigram;

/* Takes a finished vocabulary, which must outlive it, and a score for each of `count` ids (copied).
 * FORMAT for a score that is not finite. */
mica_status mica_tok_unigram_init(mica_tok_unigram *model, const mica_tok_vocab *vocab,
                                  const double *scores, size_t count, int64_t unknown,
                                  bool byte_fallback, mica_error *err);
void mica_tok_unigram_release(mica_tok_unigram *model);

/* Encodes a piece into work->tokens. */
mica_status mica_tok_unigram_encode(const mica_tok_unigram *model, mica_tok_model_work *work,
                                    const char *data, size_t size, mica_error *err);

#endif
