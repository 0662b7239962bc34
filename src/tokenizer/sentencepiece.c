/* SPDX-License-Identifier: MIT */
#include "tokenizer/sentencepiece.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

#define NONE UINT32_MAX
#define UNKNOWN_PENALTY 10.0f

/* ---- making it ---- */

static bool matches_text(const mica_tok_spm_piece *piece)
{
    return piece->size > 0 &&
           (piece->type == MICA_TOK_SPM_NORMAL || piece->type == MICA_TOK_SPM_USER_DEFINED ||
            piece->type == MICA_TOK_SPM_UNUSED);
}

/* A trie of the pieces of one type, or of those of text that are used. */
static mica_status build_trie(mica_tok_trie *trie, const mica_tok_spm *spm, bool user_defined,
                              mica_error *err)
{
    mica_tok_key *keys = mica_alloc_array(spm->count, sizeof *keys);
    size_t n = 0;
    bool fine = keys != NULL;

    for (size_t i = 0; fine && i < spm->count; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];
        bool wanted = user_defined ? piece->type == MICA_TOK_SPM_USER_DEFINED
                                   : piece->type != MICA_TOK_SPM_UNUSED;
        if (matches_text(piece) && wanted)
            keys[n++] = (mica_tok_key){piece->data, piece->size, (int32_t)i};
    }
    fine = fine && mica_tok_trie_build(trie, keys, n);
    mica_free(keys);
    return fine ? MICA_OK : mica_fail_memory(err, spm->count * sizeof *keys, "a trie of pieces");
}

/* The pieces of text; their ids are their places. */
static mica_status put_symbols(mica_tok_sentencepiece *m, const mica_tok_spm *spm, mica_error *err)
{
    mica_status status = mica_tok_vocab_reserve(&m->symbols, spm->count, err);

    for (size_t i = 0; i < spm->count && status == MICA_OK; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];

        if (!isfinite(piece->score))
            return mica_fail(err, MICA_STATUS_FORMAT, "the score of piece %zu is not finite", i);
        if (matches_text(piece))
            status = mica_tok_vocab_put(&m->symbols, piece->data, piece->size, (int64_t)i, err);
    }
    return status;
}

/* After the last symbol. */
static mica_status finish_symbols(mica_tok_sentencepiece *m, mica_error *err)
{
    size_t count = m->symbols.count;
    mica_status status = mica_tok_vocab_finish(&m->symbols, err);

    if (status == MICA_OK && m->symbols.count < count)
        status = mica_fail(err, MICA_STATUS_FORMAT, "%zu pieces come more than once",
                           count - m->symbols.count);
    return status;
}

static mica_status init_unigram(mica_tok_sentencepiece *m, const mica_tok_spm *spm, mica_error *err)
{
    float smallest = FLT_MAX, largest = FLT_MIN; /* not -FLT_MAX: as in the reference */
    mica_status status = finish_symbols(m, err);

    if (status != MICA_OK)
        return status;
    m->scores = mica_alloc_array(spm->count, sizeof *m->scores);
    if (!m->scores)
        return mica_fail_memory(err, spm->count * sizeof *m->scores, "a Unigram model");
    for (size_t i = 0; i < spm->count; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];
        if (piece->type != MICA_TOK_SPM_NORMAL)
            continue;
        smallest = piece->score < smallest ? piece->score : smallest;
        largest = piece->score > largest ? piece->score : largest;
    }
    m->unknown_score = (double)(smallest - UNKNOWN_PENALTY);
    for (size_t i = 0; i < spm->count; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];
        m->scores[i] = piece->type == MICA_TOK_SPM_USER_DEFINED
                           ? (double)((float)piece->size * largest) - 0.1
                           : (double)piece->score;
    }
    return build_trie(&m->trie, spm, false, err);
}

/* ---- BPE's merges ---- */

typedef struct merger {
    mica_tok_sentencepiece *model;
    const uint32_t *ranks; /* by piece */
} merger;

typedef struct ranked {
    float score;
    uint32_t piece;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->piece < y->piece ? -1 : x->piece > y->piece;
}

/* The largest score has rank 0; equal scores have equal ranks. */
static bool rank_pieces(const mica_tok_spm *spm, uint32_t *ranks)
{
    ranked *list = mica_alloc_array(spm->count, sizeof *list);
    uint32_t rank = 0;

    if (!list)
        return false;
    for (size_t i = 0; i < spm->count; i++)
        list[i] = (ranked){spm->pieces[i].score, (uint32_t)i};
    qsort(list, spm->count, sizeof *list, by_score);
    for (size_t i = 0; i < spm->count; i++) {
        rank += i > 0 && list[i].score != list[i - 1].score;
        ranks[list[i].piece] = rank;
    }
    mica_free(list);
    return true;
}

static mica_status put_merge(void *user, size_t whole, size_t left, size_t right, mica_error *err)
{
    const merger *m = user;

    return mica_tok_bpe_add_merge(&m->model->merges, (int32_t)left, (int32_t)right, (int32_t)whole,
                                  m->ranks[whole], err);
}

/* Marks a character; false if it was marked. */
static bool mark(uint64_t *marks, uint32_t c)
{
    bool marked = marks[c >> 6] >> (c & 63) & 1;

    marks[c >> 6] |= UINT64_C(1) << (c & 63);
    return !marked;
}

/* All pieces, those that are no text with size 0, and `marks` for characters that are pieces. */
static bool copy_pieces(const mica_tok_spm *spm, mica_tok_spm_piece **all, uint64_t *marks)
{
    *all = mica_alloc_array(spm->count, sizeof **all);
    for (size_t i = 0; *all && i < spm->count; i++) {
        mica_tok_spm_piece *piece = &(*all)[i];
        uint32_t c;

        *piece = spm->pieces[i];
        if (!matches_text(piece))
            piece->size = 0;
        else if (mica_tok_char(piece->data, &c) == piece->size)
            mark(marks, c);
    }
    return *all != NULL;
}

/* Texts begin as characters, be they pieces or not: those that stand in pieces become symbols
 * behind them. *all = all symbols. */
static mica_status put_characters(mica_tok_sentencepiece *m, const mica_tok_spm *spm,
                                  mica_tok_spm_piece **all, mica_error *err)
{
    uint64_t *marks = mica_calloc(0x110000 / 64, sizeof *marks);
    size_t capacity = spm->count;
    mica_status status = MICA_OK;

    if (!marks || !copy_pieces(spm, all, marks))
        status = mica_fail_memory(err, capacity * sizeof **all, "a BPE model");
    for (size_t i = 0; i < spm->count && status == MICA_OK; i++) {
        const char *data = spm->pieces[i].data;
        size_t end = (*all)[i].size;

        for (size_t at = 0; at < end && status == MICA_OK;) {
            uint32_t c;
            size_t size = mica_tok_char(data + at, &c);

            if (mark(marks, c)) {
                if (!mica_tok_grow((void **)all, &capacity, m->count + 1, sizeof **all)) {
                    status = mica_fail_memory(err, sizeof **all, "a BPE model");
                    break;
                }
                (*all)[m->count] =
                    (mica_tok_spm_piece){data + at, (uint32_t)size, 0, MICA_TOK_SPM_UNKNOWN};
                status = mica_tok_vocab_put(&m->symbols, data + at, size, (int64_t)m->count, err);
                m->count++;
            }
            at += size;
        }
    }
    mica_free(marks);
    return status;
}

static mica_status init_bpe(mica_tok_sentencepiece *m, const mica_tok_spm *spm, mica_error *err)
{
    /* The unknown symbol is one that no text has: the empty one. */
    mica_tok_bpe_options options = {.unknown = "", .unknown_size = 0};
    mica_tok_spm_piece *all = NULL;
    uint32_t *ranks = mica_alloc_array(spm->count, sizeof *ranks);
    merger user = {m, ranks};
    mica_status status = MICA_OK;

    if (!ranks || !rank_pieces(spm, ranks))
        status = mica_fail_memory(err, spm->count * sizeof *ranks, "a BPE model");
    for (size_t i = 0; i < spm->count && status == MICA_OK; i++)
        if (spm->pieces[i].type == MICA_TOK_SPM_UNUSED)
            status = mica_fail(err, MICA_STATUS_UNSUPPORTED,
                               "piece %zu is UNUSED, which is not supported in a BPE model", i);
    if (status == MICA_OK)
        status = put_characters(m, spm, &all, err);
    if (status == MICA_OK)
        status = mica_tok_vocab_put(&m->symbols, "", 0, (int64_t)m->count, err);
    if (status == MICA_OK)
        status = finish_symbols(m, err);
    if (status == MICA_OK)
        status = mica_tok_bpe_init(&m->merges, &m->symbols, &options, err);
    if (status == MICA_OK)
        status = mica_tok_spm_each_merge(all, m->count, put_merge, &user, err);
    if (status == MICA_OK)
        status = mica_tok_bpe_finish(&m->merges, true, err);
    /* Runs of unknown characters are one token: no cut between those. */
    for (size_t i = spm->count; status == MICA_OK && i < m->count; i++) {
        uint32_t c;
        mica_tok_char(all[i].data, &c);
        m->merges.known[c >> 6] &= ~(UINT64_C(1) << (c & 63));
    }
    mica_free(all);
    mica_free(ranks);
    return status;
}

/* ---- ids ---- */

static mica_status find_ids(mica_tok_sentencepiece *m, const mica_tok_spm *spm, mica_error *err)
{
    m->ids = mica_alloc_array(m->count + 1, sizeof *m->ids);
    if (!m->ids)
        return mica_fail_memory(err, m->count * sizeof *m->ids, "a SentencePiece model");
    for (size_t i = 0; i <= m->count; i++)
        m->ids[i] = -1;
    for (size_t i = 0; i < spm->count; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];
        int32_t id = mica_tok_vocab_find(m->vocab, piece->data, piece->size);
        m->ids[i] = id < 0 ? m->unknown : id;
    }
    for (unsigned i = 0; i < 256; i++) {
        char text[8];
        int32_t id;

        snprintf(text, sizeof text, "<0x%02X>", i);
        id = mica_tok_vocab_find(m->vocab, text, 6);
        m->bytes[i] = id < 0 ? m->unknown : id;
    }
    return MICA_OK;
}

/* The byte of a byte piece: "<0x41>". */
static int16_t byte_of(const mica_tok_spm_piece *piece)
{
    unsigned value;
    char text[7] = "";

    if (piece->size != 6)
        return MICA_TOK_PIECE_OTHER;
    memcpy(text, piece->data, 6);
    return sscanf(text, "<0x%2X>", &value) == 1 && value < 256 ? (int16_t)value
                                                               : MICA_TOK_PIECE_OTHER;
}

static mica_status find_kinds(mica_tok_sentencepiece *m, const mica_tok_spm *spm, mica_arena *arena,
                              mica_error *err)
{
    mica_text surface = spm->unk_surface;

    m->kind_count = m->vocab->id_limit;
    m->kinds = mica_alloc_array(m->kind_count ? m->kind_count : 1, sizeof *m->kinds);
    m->unknown_surface.data = mica_arena_text(arena, surface.data, surface.size);
    m->unknown_surface.size = surface.size;
    if (!m->kinds || !m->unknown_surface.data)
        return mica_fail_memory(err, m->kind_count * sizeof *m->kinds, "a SentencePiece model");
    for (size_t i = 0; i < m->kind_count; i++)
        m->kinds[i] = MICA_TOK_PIECE_OTHER;
    for (size_t i = 0; i < spm->count; i++) {
        const mica_tok_spm_piece *piece = &spm->pieces[i];
        int32_t id = mica_tok_vocab_find(m->vocab, piece->data, piece->size);

        if (id < 0)
            continue;
        m->kinds[id] = piece->type == MICA_TOK_SPM_CONTROL   ? MICA_TOK_PIECE_CONTROL
                       : piece->type == MICA_TOK_SPM_UNKNOWN ? MICA_TOK_PIECE_UNKNOWN
                       : piece->type == MICA_TOK_SPM_BYTE    ? byte_of(piece)
                                                             : MICA_TOK_PIECE_TEXT;
    }
    return MICA_OK;
}

static mica_status init_rules(mica_tok_spm_rules *rules, const mica_tok_spm *spm, mica_arena *arena,
                              mica_error *err)
{
    mica_status status = MICA_OK;

    rules->add_dummy_prefix = spm->add_dummy_prefix;
    rules->remove_extra_whitespaces = spm->remove_extra_whitespaces;
    rules->escape_whitespaces = spm->escape_whitespaces;
    rules->whitespace_as_suffix = spm->whitespace_as_suffix;
    rules->has_map = spm->charsmap.size > 0;
    if (rules->has_map) {
        const void *copy = mica_arena_copy(arena, spm->charsmap.data, spm->charsmap.size);

        if (!copy)
            return mica_fail_memory(err, spm->charsmap.size, "a character map");
        status = mica_tok_charsmap_open(&rules->map, copy, spm->charsmap.size, err);
    }
    return status == MICA_OK ? build_trie(&rules->user_defined, spm, true, err) : status;
}

mica_status mica_tok_sentencepiece_init(mica_tok_sentencepiece *model, const mica_tok_vocab *vocab,
                                        const mica_tok_spm *spm, int32_t unknown, mica_arena *arena,
                                        mica_error *err)
{
    mica_status status;

    *model = (mica_tok_sentencepiece){.vocab = vocab,
                                      .unknown = unknown,
                                      .byte_fallback = spm->byte_fallback,
                                      .bpe = spm->model == MICA_TOK_SPM_BPE,
                                      .count = spm->count};
    if (spm->model != MICA_TOK_SPM_BPE && spm->model != MICA_TOK_SPM_UNIGRAM)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "SentencePiece's model type %s is not supported",
                         spm->model == MICA_TOK_SPM_WORD ? "WORD" : "CHAR");
    status = init_rules(&model->rules, spm, arena, err);
    if (status == MICA_OK)
        status = put_symbols(model, spm, err);
    if (status == MICA_OK)
        status = model->bpe ? init_bpe(model, spm, err) : init_unigram(model, spm, err);
    if (status == MICA_OK)
        status = find_ids(model, spm, err);
    return status == MICA_OK ? find_kinds(model, spm, arena, err) : status;
}

void mica_tok_sentencepiece_release(mica_tok_sentencepiece *model)
{
    mica_tok_trie_release(&model->rules.user_defined);
    mica_tok_trie_release(&model->trie);
    mica_tok_vocab_release(&model->symbols);
    mica_tok_bpe_release(&model->merges);
    mica_free(model->scores);
    mica_free(model->ids);
    mica_free(model->kinds);
    *model = (mica_tok_sentencepiece){0};
}

/* ---- tokens ---- */

typedef struct encoder {
    const mica_tok_sentencepiece *m;
    mica_tok_model_work *work;
    const char *data;
    size_t unknown; /* where a run of unknown characters begins; SIZE_MAX = none */
} encoder;

/* The end of a run of unknown characters: one token, which the vocabulary may have all the same, or
 * one a byte. */
static bool flush(encoder *e, size_t end)
{
    const mica_tok_sentencepiece *m = e->m;
    size_t begin = e->unknown;
    int32_t id;

    e->unknown = SIZE_MAX;
    if (begin == SIZE_MAX)
        return true;
    if (!m->byte_fallback) {
        id = mica_tok_vocab_find(m->vocab, e->data + begin, end - begin);
        return mica_tok_put_token(e->work, id < 0 ? m->unknown : id, begin, end, true);
    }
    while (begin < end) {
        uint32_t c;
        size_t size = mica_tok_char(e->data + begin, &c);

        for (size_t i = 0; i < size; i++)
            if (!mica_tok_put_token(e->work, m->bytes[(unsigned char)e->data[begin + i]], begin,
                                    begin + size, false))
                return false;
        begin += size;
    }
    return true;
}

/* A piece, or an unknown character (-1). */
static bool put(encoder *e, int32_t piece, size_t begin, size_t end)
{
    if (piece < 0) {
        if (e->unknown == SIZE_MAX)
            e->unknown = begin;
        return true;
    }
    /* Its text is the piece also where the vocabulary lacks it. */
    return flush(e, begin) && mica_tok_put_token(e->work, e->m->ids[piece], begin, end,
                                                 e->m->ids[piece] == e->m->unknown);
}

/* ---- Unigram ---- */

/* Compared in double, kept in float: as the reference does it. */
static inline void offer(mica_tok_best *best, double score, size_t begin, int32_t piece)
{
    if (best->begin == NONE || score > best->score) {
        best->score = (double)(float)score;
        best->begin = (uint32_t)begin;
        best->id = piece;
    }
}

static void search(const mica_tok_sentencepiece *m, mica_tok_best *best, const char *data,
                   size_t size)
{
    for (size_t at = 0; at < size;) {
        uint32_t c;
        size_t length = mica_tok_char(data + at, &c);
        mica_tok_walk walk = {0};
        bool alone = false;
        int32_t piece = -1;

        while (mica_tok_trie_next(&m->trie, &walk, data + at, size - at, &piece)) {
            offer(&best[at + walk.size], m->scores[piece] + best[at].score, at, piece);
            alone = alone || walk.size == length;
        }
        if (!alone)
            /* The reference adds this one in float. */
            offer(&best[at + length], (double)(float)(m->unknown_score + best[at].score), at, -1);
        at += length;
    }
}

static mica_status encode_unigram(encoder *e, size_t size, mica_error *err)
{
    mica_tok_model_work *w = e->work;
    size_t end = size;
    mica_tok_best *best;

    if (!mica_tok_grow((void **)&w->best, &w->best_capacity, size + 1, sizeof *w->best))
        return mica_fail_memory(err, (size + 1) * sizeof *w->best, "the search of Unigram");
    best = w->best;
    best[0] = (mica_tok_best){0, NONE, -1};
    for (size_t i = 1; i <= size; i++)
        best[i].begin = NONE;
    search(e->m, best, e->data, size);
    /* Turn the links round: where a token begins now says where it ends. */
    for (uint32_t begin = best[size].begin; end > 0;) {
        uint32_t before = begin > 0 ? best[begin].begin : 0;
        best[begin].begin = (uint32_t)end;
        end = begin;
        begin = before;
    }
    for (size_t at = 0; at < size; at = end) {
        end = best[at].begin;
        if (!put(e, best[end].id, at, end))
            return mica_fail_memory(err, sizeof *w->tokens, "the tokens of a text");
    }
    return MICA_OK;
}

/* ---- BPE ---- */

/* A part without user-defined pieces. */
static mica_status encode_part(encoder *e, size_t begin, size_t end, mica_error *err)
{
    mica_tok_model_work *w = e->work;
    const mica_tok_bpe *bpe = &e->m->merges;
    mica_status status = MICA_OK;

    while (begin < end && status == MICA_OK) {
        size_t size = mica_tok_bpe_cut(bpe, e->data + begin, end - begin), done = w->count;
        mica_tok_token *kept = w->tokens;
        size_t kept_capacity = w->capacity;

        /* The tokens of this part come into an array of their own. */
        w->tokens = w->part;
        w->capacity = w->part_capacity;
        status = mica_tok_bpe_encode(bpe, w, e->data + begin, size, err);
        w->part = w->tokens;
        w->part_capacity = w->capacity;
        w->tokens = kept;
        w->capacity = kept_capacity;
        kept_capacity = w->count;
        w->count = done;
        for (size_t i = 0; i < kept_capacity && status == MICA_OK; i++) {
            const mica_tok_token *t = &w->part[i];
            int32_t piece = t->id < (int32_t)e->m->count && e->m->ids[t->id] >= 0 ? t->id : -1;

            if (!put(e, piece, begin + t->begin, begin + t->end))
                status = mica_fail_memory(err, sizeof *w->tokens, "the tokens of a text");
        }
        begin += size;
    }
    return status;
}

static mica_status encode_bpe(encoder *e, size_t size, mica_error *err)
{
    const mica_tok_trie *fixed = &e->m->rules.user_defined;
    size_t begin = 0;
    mica_status status = MICA_OK;

    for (size_t at = 0; fixed->nodes && at < size && status == MICA_OK;) {
        int32_t piece = -1;
        uint32_t c;
        size_t matched = mica_tok_trie_longest(fixed, e->data + at, size - at, &piece);

        if (matched == 0) {
            at += mica_tok_char(e->data + at, &c);
            continue;
        }
        status = encode_part(e, begin, at, err);
        if (status == MICA_OK && !put(e, piece, at, at + matched))
            status = mica_fail_memory(err, sizeof *e->work->tokens, "the tokens of a text");
        begin = at += matched;
    }
    return status == MICA_OK ? encode_part(e, begin, size, err) : status;
}

size_t mica_tok_sentencepiece_cut(const mica_tok_sentencepiece *model, const char *data,
                                  size_t size)
{
    return model->bpe && !model->rules.user_defined.nodes
               ? mica_tok_bpe_cut(&model->merges, data, size)
               : size;
}

mica_status mica_tok_sentencepiece_encode(const mica_tok_sentencepiece *model,
                                          mica_tok_model_work *work, const char *data, size_t size,
                                          mica_error *err)
{
    encoder e = {.m = model, .work = work, .data = data, .unknown = SIZE_MAX};
    mica_status status;

    work->count = 0;
    if (size == 0)
        return MICA_OK;
    status = model->bpe ? encode_bpe(&e, size, err) : encode_unigram(&e, size, err);
    if (status == MICA_OK && !flush(&e, size))
        status = mica_fail_memory(err, sizeof *work->tokens, "the tokens of a text");
    return status;
}
