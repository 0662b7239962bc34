/* SPDX-License-Identifier: MIT
 *
 * The model of a tokenizer: pieces of text in, tokens out. Which kind it is, is known here alone.
 *
 * Words come again and again, so what a piece became is remembered in a cache, which belongs to one
 * thread at a time. Results do not depend on it.
 */
#ifndef MICA_TOKENIZER_MODEL_H
#define MICA_TOKENIZER_MODEL_H

#include <pthread.h>

#include "tokenizer/bpe.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/sequence.h"
#include "tokenizer/unigram.h"
#include "tokenizer/wordpiece.h"

typedef enum mica_tok_model_kind {
    MICA_TOK_WORDPIECE,
    MICA_TOK_BPE,
    MICA_TOK_UNIGRAM,
    MICA_TOK_WORDLEVEL,
    MICA_TOK_SENTENCEPIECE /* as SentencePiece itself does it */
} mica_tok_model_kind;

typedef struct mica_tok_cache mica_tok_cache;

typedef struct mica_tok_model {
    mica_tok_model_kind kind;
    const mica_tok_vocab *vocab;
    bool marks_subwords; /* tokens inside a word begin with a prefix (continuing_subword_prefix) */
    mica_tok_wordpiece wordpiece;
    mica_tok_bpe bpe;
    mica_tok_unigram unigram;
    mica_tok_sentencepiece sentencepiece;
    /* WordLevel: a piece is a token, or unknown. */
    int32_t unknown;
    char *unknown_token;
    /* Caches that no thread is using. */
    pthread_mutex_t mutex;
    bool has_mutex;
    mica_tok_cache *caches;
} mica_tok_model;

/* Each takes a finished vocabulary, which must outlive the model. */
mica_status mica_tok_model_wordpiece(mica_tok_model *model, const mica_tok_vocab *vocab,
                                     const char *unknown, size_t unknown_size, const char *prefix,
                                     size_t prefix_size, size_t max_chars, mica_error *err);
/* Followed by merges on model->bpe, and mica_tok_bpe_finish. */
mica_status mica_tok_model_bpe(mica_tok_model *model, const mica_tok_vocab *vocab,
                               const mica_tok_bpe_options *options, mica_error *err);
mica_status mica_tok_model_unigram(mica_tok_model *model, const mica_tok_vocab *vocab,
                                   const double *scores, size_t count, int64_t unknown,
                                   bool byte_fallback, mica_error *err);
mica_status mica_tok_model_wordlevel(mica_tok_model *model, const mica_tok_vocab *vocab,
                                     const char *unknown, size_t unknown_size, mica_error *err);
/* `unknown`: an id. */
mica_status mica_tok_model_sentencepiece(mica_tok_model *model, const mica_tok_vocab *vocab,
                                         const mica_tok_spm *spm, int32_t unknown,
                                         mica_arena *arena, mica_error *err);
void mica_tok_model_release(mica_tok_model *model);

/* How many tokens it has: of a Unigram list all entries, of other vocabularies all strings. */
static inline size_t mica_tok_model_size(const mica_tok_model *model)
{
    return model->kind == MICA_TOK_UNIGRAM ? model->unigram.count : model->vocab->count;
}

/* A cache for one thread; NULL if there is no memory for a new one. */
mica_tok_cache *mica_tok_cache_take(const mica_tok_model *model);
void mica_tok_cache_give(const mica_tok_model *model, mica_tok_cache *cache);

/* What encoding works with. */
typedef struct mica_tok_model_state {
    mica_tok_model_work *work;
    mica_tok_cache *cache;
    mica_tok_token_texts *texts;
} mica_tok_model_state;

/* Appends the tokens of pieces of a text. FORMAT if an unknown token is needed and there is none.
 */
mica_status mica_tok_model_encode(const mica_tok_model *model, const mica_tok_model_state *state,
                                  const mica_tok_text *text, const mica_tok_pieces *pieces,
                                  mica_tok_sequence *out, mica_error *err);

#endif
