/* SPDX-License-Identifier: MIT */
#include "tokenizer/unigram.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"

#define NONE UINT32_MAX
#define UNKNOWN_PENALTY 10.0

static mica_status build_trie(mica_tok_unigram *model, mica_error *err)
{
    const mica_tok_vocab *vocab = model->vocab;
    mica_tok_key *strings = mica_alloc_array(vocab->count ? vocab->count : 1, sizeof *strings);
    bool fine = strings != NULL;

    for (size_t i = 0; fine && i < vocab->count; i++)
        strings[i] = mica_tok_vocab_entry(vocab, i);
    fine = fine && mica_tok_trie_build(&model->trie, strings, vocab->count);
    mica_free(strings);
    return fine ? MICA_OK
                : mica_fail_memory(err, vocab->count * sizeof *strings, "a Unigram model");
}

mica_status mica_tok_unigram_init(mica_tok_unigram *model, const mica_tok_vocab *vocab,
                                  const double *scores, size_t count, int64_t unknown,
                                  bool byte_fallback, mica_error *err)
{
    double smallest = INFINITY;
    char text[8];

    *model = (mica_tok_unigram){
        .vocab = vocab, .count = count, .unknown = -1, .byte_fallback = byte_fallback};
    if (unknown >= 0 && (uint64_t)unknown >= count)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "unk_id %lld is not in the vocabulary of %zu tokens", (long long)unknown,
                         count);
    model->unknown = (int32_t)(unknown < 0 ? -1 : unknown);
    model->scores = mica_alloc_array(count ? count : 1, sizeof *model->scores);
    if (!model->scores)
        return mica_fail_memory(err, count * sizeof *model->scores, "a Unigram model");
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(scores[i]))
            return mica_fail(err, MICA_STATUS_FORMAT, "the score of token %zu is not finite", i);
        model->scores[i] = scores[i];
        if (scores[i] < smallest)
            smallest = scores[i];
    }
    model->unknown_score = smallest - UNKNOWN_PENALTY;
    for (unsigned i = 0; i < 256; i++) {
        snprintf(text, sizeof text, "<0x%02X>", i);
        model->byte_tokens[i] = mica_tok_vocab_find(vocab, text, 6);
    }
    return build_trie(model, err);
}

void mica_tok_unigram_release(mica_tok_unigram *model)
{
    mica_tok_trie_release(&model->trie);
    mica_free(model->scores);
    *model = (mica_tok_unigram){0};
}

static inline void offer(mica_tok_best *best, double score, size_t begin, int32_t id)
{
    if (best->begin == NONE || score > best->score) {
        best->score = score;
        best->begin = (uint32_t)begin;
        best->id = id;
    }
}

/* Offers every token that begins at `at`; false = a character there is unknown and may not be. */
static bool offer_tokens(const mica_tok_unigram *m, mica_tok_best *best, const char *data,
                         size_t size, size_t at, size_t char_size)
{
    mica_tok_walk walk = {0};
    bool alone = false;
    int32_t id = -1;

    while (mica_tok_trie_next(&m->trie, &walk, data + at, size - at, &id)) {
        offer(&best[at + walk.size], m->scores[id] + best[at].score, at, id);
        alone = alone || walk.size == char_size;
    }
    if (alone)
        return true;
    /* In the reference a missing unk_id only counts where the unknown way would win. */
    if (m->unknown < 0) {
        const mica_tok_best *target = &best[at + char_size];
        return target->begin != NONE && m->unknown_score + best[at].score <= target->score;
    }
    offer(&best[at + char_size], m->unknown_score + best[at].score, at, m->unknown);
    return true;
}

/* Tokens of [begin, end), which were unknown: what the vocabulary has for all of them, byte tokens,
 * or the unknown token. */
static bool put_unknown(const mica_tok_unigram *m, mica_tok_model_work *work, const char *data,
                        size_t begin, size_t end)
{
    int32_t id = mica_tok_vocab_find(m->vocab, data + begin, end - begin);
    bool bytes = id < 0 && m->byte_fallback;

    for (size_t i = begin; i < end && bytes; i++)
        bytes = m->byte_tokens[(unsigned char)data[i]] >= 0;
    if (!bytes)
        return mica_tok_put_token(work, id < 0 ? m->unknown : id, begin, end, id < 0);
    for (size_t i = begin; i < end; i++)
        if (!mica_tok_put_token(work, m->byte_tokens[(unsigned char)data[i]], begin, end, false))
            return false;
    return true;
}

/* Follows the best way back from the end; the places on it are chained forward through `id`'s
 * neighbour `begin`: best[begin of a token] gets the token's end. */
static bool put_best(const mica_tok_unigram *m, mica_tok_model_work *work, const char *data,
                     size_t size)
{
    mica_tok_best *best = work->best;
    size_t end = size, unknown = SIZE_MAX;
    int32_t id = best[size].id;

    for (uint32_t begin = best[size].begin; end > 0;) {
        /* Turn the link round: the place where the token begins now says where it ends. */
        uint32_t next = begin > 0 ? best[begin].begin : 0;
        int32_t next_id = begin > 0 ? best[begin].id : -1;

        best[begin].begin = (uint32_t)end;
        best[begin].id = id;
        end = begin;
        begin = next;
        id = next_id;
    }
    for (size_t at = 0; at < size; at = end) {
        end = best[at].begin;
        if (best[at].id == m->unknown) {
            if (unknown == SIZE_MAX)
                unknown = at;
            continue;
        }
        if (unknown != SIZE_MAX && !put_unknown(m, work, data, unknown, at))
            return false;
        unknown = SIZE_MAX;
        if (!mica_tok_put_token(work, best[at].id, at, end, false))
            return false;
    }
    return unknown == SIZE_MAX || put_unknown(m, work, data, unknown, size);
}

mica_status mica_tok_unigram_encode(const mica_tok_unigram *model, mica_tok_model_work *work,
                                    const char *data, size_t size, mica_error *err)
{
    mica_tok_best *best;

    work->count = 0;
    if (size == 0)
        return MICA_OK;
    if (!mica_tok_grow((void **)&work->best, &work->best_capacity, size + 1, sizeof *work->best))
        return mica_fail_memory(err, (size + 1) * sizeof *work->best, "the search of Unigram");
    best = work->best;
    best[0] = (mica_tok_best){0, 0, -1};
    for (size_t i = 1; i <= size; i++)
        best[i].begin = NONE;
    for (size_t at = 0; at < size;) {
        uint32_t c;
        size_t length = mica_tok_char(data + at, &c);

        if (!offer_tokens(model, best, data, size, at, length))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%.*s' is unknown, and the model has no unk_id", (int)length,
                             data + at);
        at += length;
    }
    return put_best(model, work, data, size)
               ? MICA_OK
               : mica_fail_memory(err, sizeof *work->tokens, "the tokens of a text");
}
