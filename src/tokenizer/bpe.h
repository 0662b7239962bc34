/* SPDX-License-Identifier: MIT
 *
 * The BPE model: a piece begins as one symbol a character (or a byte), and the neighbours whose
 * merge has the smallest rank become one symbol, the leftmost first, until no merge applies. The
 * rules are those of Hugging Face's BPE.
 */
#ifndef MICA_TOKENIZER_BPE_H
#define MICA_TOKENIZER_BPE_H

#include "tokenizer/model_work.h"
#include "tokenizer/vocab.h"

/* Pieces of more bytes are very long. */
#define MICA_TOK_BPE_LONG 4096

typedef struct mica_tok_bpe_options {
    const char *unknown; /* the unknown token, or NULL: unknown characters are left out */
    size_t unknown_size;
    const char *prefix; /* of symbols after the first of a piece, or NULL */
    size_t prefix_size;
    const char *suffix; /* of the last symbol of a piece, or NULL */
    size_t suffix_size;
    bool fuse_unknown;  /* neighbours that are unknown become one token */
    bool byte_fallback; /* unknown characters become the tokens "<0x00>" of their bytes */
    bool ignore_merges; /* a piece that is itself in the vocabulary is one token */
} mica_tok_bpe_options;

typedef struct mica_tok_merge {
    uint32_t left, right;
    int32_t result; /* -1 = free slot */
    uint32_t rank;
} mica_tok_merge;

/* A merge by its strings, on its way: what it needs is being fetched into the cache. */
typedef struct mica_tok_merge_text {
    const char *parts[2];
    size_t sizes[2];
    uint64_t hashes[2];
    uint32_t rank;
} mica_tok_merge_text;
#define MICA_TOK_MERGES_AHEAD 16

typedef struct mica_tok_bpe {
    const mica_tok_vocab *vocab;
    mica_tok_bpe_options options; /* its strings are copies */
    int32_t unknown;              /* id, or -1 */
    mica_tok_merge *merges;       /* after finish: 1 << bits slots, at most two thirds taken */
    uint32_t bits;
    size_t ranks; /* every rank is below it */
    uint64_t seed;
    /* While merges are added: all of them, and those that are on their way. */
    mica_tok_merge *added;
    size_t added_count, added_capacity;
    mica_tok_merge_text ahead[MICA_TOK_MERGES_AHEAD];
    size_t pushed, resolved;
    size_t last_entry;        /* of the vocabulary: what the last merge made */
    int32_t ascii[128];       /* ids of ASCII characters alone, or -1 */
    int32_t bytes[256];       /* ids of the characters of GPT-2's alphabet, or -1 */
    int32_t byte_tokens[256]; /* ids of "<0x00>" to "<0xFF>", or -1 */
    bool raw_bytes;           /* pieces are bytes that stand for characters of the alphabet */
    bool plain;               /* no prefix, no suffix: a symbol depends on its character alone */
    /* Where a text may be cut without changing the result (mica_tok_bpe_cut), or NULL. */
    uint64_t *pairs; /* a bit for the hash of each two characters that stand together in the result
                        of some merge */
    uint64_t *known; /* a bit for each character that is a symbol */
    uint64_t *byte_pairs; /* a bit for each two bytes between which some merge joins; NULL if pieces
                             cannot be bytes */
} mica_tok_bpe;

/* Takes a finished vocabulary, which must outlive it. */
mica_status mica_tok_bpe_init(mica_tok_bpe *model, const mica_tok_vocab *vocab,
                              const mica_tok_bpe_options *options, mica_error *err);
void mica_tok_bpe_release(mica_tok_bpe *model);
/* Room for so many merges. */
mica_status mica_tok_bpe_reserve(mica_tok_bpe *model, size_t merges, mica_error *err);
/* `left` and `right` become `result`. A pair that comes again gets the later rank. Merges of equal
 * rank: the leftmost first. */
mica_status mica_tok_bpe_add_merge(mica_tok_bpe *model, int32_t left, int32_t right, int32_t result,
                                   uint32_t rank, mica_error *err);
/* Adds a merge by its strings, which must stay until mica_tok_bpe_finish. FORMAT, perhaps not
 * before finish, if one of them or what they make is not in the vocabulary. */
mica_status mica_tok_bpe_add_merge_text(mica_tok_bpe *model, const char *left, size_t left_size,
                                        const char *right, size_t right_size, uint32_t rank,
                                        mica_error *err);
/* The table of all merges that were added (bpe_merges.c); part of finish. */
mica_status mica_tok_bpe_build_merges(mica_tok_bpe *model, mica_error *err);
/* After the last merge. `cut`: texts will come in pieces of any length. */
mica_status mica_tok_bpe_finish(mica_tok_bpe *model, bool cut, mica_error *err);

static inline uint32_t mica_tok_bpe_merge_slot(const mica_tok_bpe *model, uint32_t left,
                                               uint32_t right)
{
    uint64_t key = ((uint64_t)left << 32 | right) ^ model->seed;

    key *= UINT64_C(0x9E3779B97F4A7C15);
    key ^= key >> 29;
    key *= UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)(key >> (64 - model->bits));
}

/* The merge of two symbols, or NULL. */
static inline const mica_tok_merge *mica_tok_bpe_find_merge(const mica_tok_bpe *model, int32_t left,
                                                            int32_t right)
{
    uint32_t mask = ((uint32_t)1 << model->bits) - 1;
    uint32_t i = mica_tok_bpe_merge_slot(model, (uint32_t)left, (uint32_t)right);

    for (;; i = (i + 1) & mask) {
        const mica_tok_merge *merge = &model->merges[i];
        if (merge->result < 0)
            return NULL;
        if (merge->left == (uint32_t)left && merge->right == (uint32_t)right)
            return merge;
    }
}

/* Whether pieces may come as raw bytes: every byte is a symbol, whatever stands beside it. */
bool mica_tok_bpe_takes_bytes(const mica_tok_bpe *model);

/* Whether a piece of so many bytes is worth cutting. */
static inline bool mica_tok_bpe_cuts(const mica_tok_bpe *model, size_t size)
{
    if (!model->raw_bytes)
        return model->pairs != NULL;
    return size > MICA_TOK_BPE_LONG && model->byte_pairs &&
           !(model->options.ignore_merges && size <= model->vocab->longest);
}

/* Where the first part of a piece ends that may be encoded alone: there is no merge across. */
size_t mica_tok_bpe_cut(const mica_tok_bpe *model, const char *data, size_t size);

/* Encodes a piece into work->tokens. */
mica_status mica_tok_bpe_encode(const mica_tok_bpe *model, mica_tok_model_work *work,
                                const char *data, size_t size, mica_error *err);

#endif
