/* SPDX-License-Identifier: MIT
 *
 * SentencePiece's own way of encoding, for the tokenizers that transformers leaves to it. Its
 * pieces are looked up in a vocabulary of another order by their strings.
 *
 * It differs from the models of Hugging Face: only pieces of text match text (not "<s>"),
 * user-defined ones always do, Unigram's sums have the precision of float, and BPE merges by the
 * score of the result, the leftmost pair first.
 */
#ifndef MICA_TOKENIZER_SENTENCEPIECE_H
#define MICA_TOKENIZER_SENTENCEPIECE_H

#include "base/arena.h"
#include "tokenizer/bpe.h"
#include "tokenizer/model_work.h"
#include "tokenizer/normalize.h"
#include "tokenizer/spm.h"
#include "tokenizer/trie.h"
#include "tokenizer/vocab.h"

/* What a token is in decoding; a byte piece is its byte, 0 to 255. */
enum {
    MICA_TOK_PIECE_TEXT = -1,
    MICA_TOK_PIECE_CONTROL = -2,
    MICA_TOK_PIECE_UNKNOWN = -3, /* the unknown piece itself */
    MICA_TOK_PIECE_OTHER = -4    /* no piece at all */
};

typedef struct mica_tok_sentencepiece {
    const mica_tok_vocab *vocab; /* what pieces are looked up in */
    mica_tok_spm_rules rules;
    int32_t unknown;    /* id in vocab */
    bool byte_fallback; /* unknown characters become pieces of their bytes */
    bool bpe;
    size_t count; /* of pieces */
    int32_t *ids; /* in vocab, of pieces; unknown if it lacks one. For BPE, those of characters that
                     are no pieces follow: -1 */
    int32_t bytes[256];
    /* Decoding: what vocab's tokens are, and what the unknown piece becomes. */
    int16_t *kinds; /* by id in vocab: below */
    size_t kind_count;
    mica_text unknown_surface; /* in the arena */
    /* Unigram */
    mica_tok_trie trie;
    double *scores;
    double unknown_score;
    /* BPE */
    mica_tok_vocab symbols;
    mica_tok_bpe merges;
} mica_tok_sentencepiece;

/* Takes a finished vocabulary, which must outlive the model, as must the character map (in the
 * arena). FORMAT for pieces that come twice and scores that are not finite, UNSUPPORTED for kinds
 * other than Unigram and BPE. */
mica_status mica_tok_sentencepiece_init(mica_tok_sentencepiece *model, const mica_tok_vocab *vocab,
                                        const mica_tok_spm *spm, int32_t unknown, mica_arena *arena,
                                        mica_error *err);
void mica_tok_sentencepiece_release(mica_tok_sentencepiece *model);

/* What the token with this id in vocab is. */
static inline int mica_tok_sentencepiece_kind(const mica_tok_sentencepiece *model, int64_t id)
{
    return id >= 0 && (uint64_t)id < model->kind_count ? model->kinds[id] : MICA_TOK_PIECE_OTHER;
}

/* Where the first part of a text ends that may be encoded alone. */
size_t mica_tok_sentencepiece_cut(const mica_tok_sentencepiece *model, const char *data,
                                  size_t size);
/* Encodes a normalized text into work->tokens. */
mica_status mica_tok_sentencepiece_encode(const mica_tok_sentencepiece *model,
                                          mica_tok_model_work *work, const char *data, size_t size,
                                          mica_error *err);

/* Calls `put` for each way to make piece `whole` of two pieces, in the order of pieces, then of the
 * left part's length. Of equal pieces only the last one counts. Linear in the bytes of pieces and
 * the calls. */
typedef mica_status (*mica_tok_put_merge)(void *user, size_t whole, size_t left, size_t right,
                                          mica_error *err);
mica_status mica_tok_spm_each_merge(const mica_tok_spm_piece *pieces, size_t count,
                                    mica_tok_put_merge put, void *user, mica_error *err);

#endif
