/* SPDX-License-Identifier: MIT
 *
 * What a model works in, and where it puts the tokens of a piece.
 */
#ifndef MICA_TOKENIZER_MODEL_WORK_H
#define MICA_TOKENIZER_MODEL_WORK_H

#include "base/error.h"
#include "tokenizer/text.h"

/* A token of a piece: its bytes [begin, end) there. */
typedef struct mica_tok_token {
    int32_t id;
    uint32_t begin;
    uint32_t end : 31;
    uint32_t literal : 1; /* its text is that of the piece, not the vocabulary's */
} mica_tok_token;

/* Pieces are shorter than this: a token's bounds have 31 bits. */
#define MICA_TOK_PIECE_MAX ((size_t)1 << 30)

/* A symbol of BPE. */
typedef struct mica_tok_symbol {
    int32_t id; /* -1 = merged into the one before */
    uint32_t begin, end;
    uint32_t previous, next; /* indices; UINT32_MAX = none */
    uint32_t rank;           /* of the merge with the next one; UINT32_MAX = none */
    int32_t result;          /* of that merge */
} mica_tok_symbol;

/* The best way to a place of a piece, in Unigram's search. */
typedef struct mica_tok_best {
    double score;
    uint32_t begin; /* of the last token on that way; UINT32_MAX = no way yet */
    int32_t id;
} mica_tok_best;

typedef struct mica_tok_model_work {
    mica_tok_token *tokens;
    size_t count, capacity;
    mica_tok_symbol *symbols;
    size_t symbol_capacity;
    uint64_t *heap; /* rank << 32 | symbol */
    size_t heap_count, heap_capacity;
    /* Of very long pieces: merges of greater rank than the one at hand wait in lists, one a rank.
     */
    uint32_t *lists; /* 1 + the place of a rank's last link; all 0 between pieces */
    uint64_t *waits; /* a bit for each rank that has a list */
    uint64_t *links; /* the one before (as in lists) << 32 | symbol */
    uint32_t *batch; /* symbols of the rank at hand, in order, from batch_at on */
    size_t list_count, link_count, link_capacity, batch_at, batch_count, batch_capacity;
    uint32_t rank; /* at hand */
    mica_tok_best *best;
    size_t best_capacity;
    char *spelling;
    size_t spelling_capacity;
    mica_tok_token *part; /* the tokens of a part of a piece */
    size_t part_capacity;
} mica_tok_model_work;

void mica_tok_model_work_release(mica_tok_model_work *work);

static inline bool mica_tok_put_token(mica_tok_model_work *work, int32_t id, size_t begin,
                                      size_t end, bool literal)
{
    mica_tok_token *token;

    if (work->count == work->capacity && !mica_tok_grow((void **)&work->tokens, &work->capacity,
                                                        work->count + 1, sizeof *work->tokens))
        return false;
    token = &work->tokens[work->count++];
    token->id = id;
    token->begin = (uint32_t)begin;
    token->end = (uint32_t)end & 0x7FFFFFFFu;
    token->literal = literal;
    return true;
}

#endif
