/* SPDX-License-Identifier: MIT */
#include "tokenizer/model.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/utf8.h"

/* ---- the cache ---- */

#define CACHE_BITS 16
#define CACHE_WAYS 4
#define CACHE_POOL ((size_t)1 << 21)
#define CACHE_PIECE_MAX 128 /* longer pieces hardly come again */
#define CACHE_TOKENS_MAX 64
#define KEYS_AHEAD 4
#define KEY_SIZE 16 /* pieces up to this size are compared by two words */

/* A piece and its tokens. A short piece is its own key; of a longer one the key is a hash, and its
 * bytes stand in the pool in front of the tokens. */
typedef struct cache_entry {
    uint64_t key[2];
    uint32_t size;  /* of the piece; 0 = free */
    uint32_t count; /* of tokens, or CACHE_WHOLE: a short piece is one token */
    uint32_t at;    /* of the tokens in the pool; the id of a whole one */
} cache_entry;

#define CACHE_WHOLE UINT32_MAX

struct mica_tok_cache {
    cache_entry entries[(size_t)1 << CACHE_BITS];
    size_t pool_size;
    mica_tok_cache *next; /* in the model's list */
    _Alignas(mica_tok_token) char pool[CACHE_POOL];
};

typedef struct cache_key {
    uint64_t word[2];
    uint32_t slot; /* of the first way */
} cache_key;

/* Sixteen bytes that are set, then as many that are not: from byte 16 - n on, the mask of the first
 * n of sixteen bytes. */
static const unsigned char first_bytes[2 * KEY_SIZE] = {
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

/* Two words that, with the size, say what up to 16 bytes are: the bytes themselves. `left` is how
 * many there are to be read from `data` on. */
static inline cache_key key_of(const char *data, size_t size, size_t left)
{
    cache_key key;
    uint64_t h;

    if (size > KEY_SIZE) {
        key.word[0] = mica_tok_hash(data, size, UINT64_C(0x243F6A8885A308D3));
        key.word[1] = mica_tok_hash(data, size, UINT64_C(0x13198A2E03707344));
    } else {
        char end[KEY_SIZE] = {0};

        if (left < KEY_SIZE) {
            memcpy(end, data, size);
            data = end;
        }
        key.word[0] = mica_load64(data) & mica_load64(first_bytes + KEY_SIZE - size);
        key.word[1] = mica_load64(data + 8) & mica_load64(first_bytes + KEY_SIZE + 8 - size);
    }
    h = (key.word[0] ^ (uint64_t)size << 56) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 32 ^ key.word[1]) * UINT64_C(0xD6E8FEB86659FD93);
    key.slot = (uint32_t)(h >> (64 - CACHE_BITS)) & ~(uint32_t)(CACHE_WAYS - 1);
    return key;
}

static inline const cache_entry *cache_find(const mica_tok_cache *cache, const cache_key *key,
                                            const char *data, size_t size)
{
    for (uint32_t way = 0; way < CACHE_WAYS; way++) {
        const cache_entry *entry = &cache->entries[key->slot + way];
        if (entry->size == size && entry->key[0] == key->word[0] && entry->key[1] == key->word[1] &&
            (size <= KEY_SIZE || memcmp(cache->pool + entry->at - size, data, size) == 0))
            return entry;
    }
    return NULL;
}

static inline bool is_whole(const mica_tok_token *tokens, size_t count, size_t size)
{
    return count == 1 && size <= KEY_SIZE && !tokens[0].literal && tokens[0].begin == 0 &&
           tokens[0].end == size;
}

static void cache_put(mica_tok_cache *cache, const cache_key *key, const char *data, size_t size,
                      const mica_tok_token *tokens, size_t count)
{
    size_t key_bytes = size > KEY_SIZE ? size : 0, bytes = count * sizeof *tokens;
    size_t align = _Alignof(mica_tok_token), at;
    cache_entry *entry = &cache->entries[key->slot];

    if (count > CACHE_TOKENS_MAX)
        return;
    if (cache->pool_size + key_bytes + align + bytes > CACHE_POOL) {
        memset(cache->entries, 0, sizeof cache->entries);
        cache->pool_size = 0;
    }
    for (uint32_t way = 1; way < CACHE_WAYS && entry->size != 0; way++)
        entry++;
    *entry = (cache_entry){{key->word[0], key->word[1]}, (uint32_t)size, (uint32_t)count, 0};
    if (is_whole(tokens, count, size)) {
        entry->count = CACHE_WHOLE;
        entry->at = (uint32_t)tokens[0].id;
        return;
    }
    at = (cache->pool_size + key_bytes + align - 1) / align * align;
    if (key_bytes)
        memcpy(cache->pool + at - size, data, size);
    if (bytes)
        memcpy(cache->pool + at, tokens, bytes);
    entry->at = (uint32_t)at;
    cache->pool_size = at + bytes;
}

mica_tok_cache *mica_tok_cache_take(const mica_tok_model *model)
{
    mica_tok_model *m = (mica_tok_model *)model; /* only what the mutex guards is changed */
    mica_tok_cache *cache;

    pthread_mutex_lock(&m->mutex);
    cache = m->caches;
    if (cache)
        m->caches = cache->next;
    pthread_mutex_unlock(&m->mutex);
    if (!cache) {
        cache = mica_alloc(sizeof *cache); /* a large block: in huge pages, which look-ups need */
        if (cache) {
            memset(cache->entries, 0, sizeof cache->entries);
            cache->pool_size = 0;
        }
    }
    return cache;
}

void mica_tok_cache_give(const mica_tok_model *model, mica_tok_cache *cache)
{
    mica_tok_model *m = (mica_tok_model *)model;

    pthread_mutex_lock(&m->mutex);
    cache->next = m->caches;
    m->caches = cache;
    pthread_mutex_unlock(&m->mutex);
}

/* ---- the kinds ---- */

static mica_status init(mica_tok_model *model, mica_tok_model_kind kind,
                        const mica_tok_vocab *vocab, mica_error *err)
{
    model->kind = kind;
    model->vocab = vocab;
    if (!model->has_mutex && pthread_mutex_init(&model->mutex, NULL) != 0)
        return mica_fail_memory(err, 0, "a mutex");
    model->has_mutex = true;
    return MICA_OK;
}

mica_status mica_tok_model_wordpiece(mica_tok_model *model, const mica_tok_vocab *vocab,
                                     const char *unknown, size_t unknown_size, const char *prefix,
                                     size_t prefix_size, size_t max_chars, mica_error *err)
{
    mica_status status = init(model, MICA_TOK_WORDPIECE, vocab, err);

    model->marks_subwords = prefix_size > 0;
    return status == MICA_OK
               ? mica_tok_wordpiece_init(&model->wordpiece, vocab, unknown, unknown_size, prefix,
                                         prefix_size, max_chars, err)
               : status;
}

mica_status mica_tok_model_bpe(mica_tok_model *model, const mica_tok_vocab *vocab,
                               const mica_tok_bpe_options *options, mica_error *err)
{
    mica_status status = init(model, MICA_TOK_BPE, vocab, err);

    model->marks_subwords = options->prefix_size > 0;
    return status == MICA_OK ? mica_tok_bpe_init(&model->bpe, vocab, options, err) : status;
}

mica_status mica_tok_model_unigram(mica_tok_model *model, const mica_tok_vocab *vocab,
                                   const double *scores, size_t count, int64_t unknown,
                                   bool byte_fallback, mica_error *err)
{
    mica_status status = init(model, MICA_TOK_UNIGRAM, vocab, err);

    return status == MICA_OK ? mica_tok_unigram_init(&model->unigram, vocab, scores, count, unknown,
                                                     byte_fallback, err)
                             : status;
}

mica_status mica_tok_model_wordlevel(mica_tok_model *model, const mica_tok_vocab *vocab,
                                     const char *unknown, size_t unknown_size, mica_error *err)
{
    mica_status status = init(model, MICA_TOK_WORDLEVEL, vocab, err);

    if (status != MICA_OK)
        return status;
    model->unknown = mica_tok_vocab_find(vocab, unknown, unknown_size);
    model->unknown_token = mica_memdup_text(unknown, unknown_size);
    return model->unknown_token ? MICA_OK
                                : mica_fail_memory(err, unknown_size + 1, "a WordLevel model");
}

mica_status mica_tok_model_sentencepiece(mica_tok_model *model, const mica_tok_vocab *vocab,
                                         const mica_tok_spm *spm, int32_t unknown,
                                         mica_arena *arena, mica_error *err)
{
    mica_status status = init(model, MICA_TOK_SENTENCEPIECE, vocab, err);

    return status == MICA_OK
               ? mica_tok_sentencepiece_init(&model->sentencepiece, vocab, spm, unknown, arena, err)
               : status;
}

void mica_tok_model_release(mica_tok_model *model)
{
    while (model->caches) {
        mica_tok_cache *cache = model->caches;
        model->caches = cache->next;
        mica_free(cache);
    }
    if (model->has_mutex)
        pthread_mutex_destroy(&model->mutex);
    model->has_mutex = false;
    mica_tok_wordpiece_release(&model->wordpiece);
    mica_tok_bpe_release(&model->bpe);
    mica_tok_unigram_release(&model->unigram);
    mica_tok_sentencepiece_release(&model->sentencepiece);
    mica_free(model->unknown_token);
    model->unknown_token = NULL;
}

static mica_status encode_word(const mica_tok_model *m, mica_tok_model_work *work, const char *data,
                               size_t size, mica_error *err)
{
    int32_t id = mica_tok_vocab_find(m->vocab, data, size);

    work->count = 0;
    if (id < 0)
        id = m->unknown;
    if (id < 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "the vocabulary has no unknown token '%s', which '%.*s' needs",
                         m->unknown_token, (int)(size < 100 ? size : 100), data);
    return mica_tok_put_token(work, id, 0, size, false)
               ? MICA_OK
               : mica_fail_memory(err, sizeof *work->tokens, "the tokens of a text");
}

static mica_status encode_piece(const mica_tok_model *m, mica_tok_model_work *work,
                                const char *data, size_t size, mica_error *err)
{
    if (size > MICA_TOK_PIECE_MAX)
        return mica_fail(err, MICA_STATUS_TOO_LONG,
                         "%zu bytes that the tokenizer does not split are too long", size);
    switch (m->kind) {
    case MICA_TOK_WORDPIECE:
        return mica_tok_wordpiece_encode(&m->wordpiece, work, data, size, err);
    case MICA_TOK_BPE:
        return mica_tok_bpe_encode(&m->bpe, work, data, size, err);
    case MICA_TOK_UNIGRAM:
        return mica_tok_unigram_encode(&m->unigram, work, data, size, err);
    case MICA_TOK_SENTENCEPIECE:
        return mica_tok_sentencepiece_encode(&m->sentencepiece, work, data, size, err);
    case MICA_TOK_WORDLEVEL:
        break;
    }
    return encode_word(m, work, data, size, err);
}

/* ---- pieces to tokens ---- */

typedef struct encoder {
    const mica_tok_model *model;
    const mica_tok_model_state *state;
    const mica_tok_text *text;
    mica_tok_cursor cursor;
    bool widen; /* tokens may end inside a character */
    /* Bytes [plain_begin, plain_end) of the text stand for themselves, and `shift` further on in
     * the original (or before it: the sum wraps). */
    size_t plain_begin, plain_end, shift;
    mica_tok_sequence *out;
} encoder;

/* Where [begin, end), whole characters, comes from. */
static inline mica_span origin_of_chars(encoder *e, size_t begin, size_t end)
{
    mica_span span = {begin + e->shift, end + e->shift};
    const mica_tok_run *run;

    if (begin >= e->plain_begin && end <= e->plain_end)
        return span;
    mica_tok_text_origin(e->text, &e->cursor, begin, end, &span.begin, &span.end);
    run = &e->text->runs[e->cursor.run];
    if (run->span == MICA_TOK_SAME) {
        e->plain_begin = run->at;
        e->plain_end = e->cursor.run + 1 < e->text->run_count ? run[1].at : e->text->size;
        e->shift = run->from - run->at;
    }
    return span;
}

/* Where a token comes from: never a part of a character. */
static inline mica_span origin(encoder *e, size_t begin, size_t end)
{
    if (end > e->text->size) /* sizes of symbols with a suffix may add up to more */
        end = e->text->size;
    if (begin >= end)
        begin = end - (end > 0);
    if (e->widen) {
        const char *data = e->text->data;
        while (begin > 0 && ((unsigned char)data[begin] & 0xC0) == 0x80)
            begin--;
        while (end < e->text->size && ((unsigned char)data[end] & 0xC0) == 0x80)
            end++;
    }
    return origin_of_chars(e, begin, end);
}

/* A piece that is one token. */
static inline mica_status put_whole(encoder *e, size_t begin, size_t size, int32_t id,
                                    mica_error *err)
{
    mica_tok_sequence *out = e->out;
    size_t n = out->count;

    if (!mica_tok_sequence_reserve(out, 1))
        return mica_fail_memory(err, sizeof *out->spans, "the tokens of a text");
    out->ids[n] = id;
    out->texts[n] = -1;
    out->words[n] = out->word;
    out->spans[n] = origin_of_chars(e, begin, begin + size);
    out->count = n + 1;
    return MICA_OK;
}

static mica_status put_tokens(encoder *e, size_t begin, const mica_tok_token *tokens, size_t count,
                              mica_error *err)
{
    mica_tok_sequence *out = e->out;

    if (!mica_tok_sequence_reserve(out, count))
        return mica_fail_memory(err, count * sizeof *out->spans, "the tokens of a text");
    for (size_t i = 0; i < count; i++) {
        const mica_tok_token *token = &tokens[i];
        size_t n = out->count;

        out->ids[n] = token->id;
        out->texts[n] = -1;
        out->words[n] = out->word;
        if (token->literal &&
            !mica_tok_token_texts_keep(e->state->texts, e->text->data + begin + token->begin,
                                       (size_t)token->end - token->begin, &out->texts[n]))
            return mica_fail_memory(err, (size_t)token->end - token->begin, "a token's text");
        out->spans[n] = origin(e, begin + token->begin, begin + token->end);
        out->count++;
    }
    return MICA_OK;
}

/* The key of [begin, begin + size), whose place in the cache is fetched meanwhile. */
static inline cache_key key_ahead(const encoder *e, size_t begin, size_t size)
{
    cache_key key = key_of(e->text->data + begin, size, e->text->size - begin);

    mica_tok_prefetch(&e->state->cache->entries[key.slot]);
    mica_tok_prefetch(&e->state->cache->entries[key.slot + CACHE_WAYS / 2]);
    return key;
}

/* The tokens of [begin, begin + size), out of the cache or by the model. */
static inline mica_status put_piece(encoder *e, size_t begin, size_t size, const cache_key *key,
                                    mica_error *err)
{
    mica_tok_model_work *work = e->state->work;
    mica_tok_cache *cache = e->state->cache;
    const char *data = e->text->data + begin;
    mica_status status;

    if (size <= CACHE_PIECE_MAX) {
        const cache_entry *entry = cache_find(cache, key, data, size);

        if (entry && entry->count == CACHE_WHOLE)
            return put_whole(e, begin, size, (int32_t)entry->at, err);
        if (entry)
            return put_tokens(e, begin, (const mica_tok_token *)(cache->pool + entry->at),
                              entry->count, err);
    }
    status = encode_piece(e->model, work, data, size, err);
    if (status != MICA_OK)
        return status;
    if (size <= CACHE_PIECE_MAX)
        cache_put(cache, key, data, size, work->tokens, work->count);
    return put_tokens(e, begin, work->tokens, work->count, err);
}

/* Whether a piece of so many bytes is worth cutting. */
static bool is_cut(const mica_tok_model *model, size_t size)
{
    return model->kind == MICA_TOK_SENTENCEPIECE ||
           (model->kind == MICA_TOK_BPE && mica_tok_bpe_cuts(&model->bpe, size));
}

static size_t cut(const mica_tok_model *model, const char *data, size_t size)
{
    return model->kind == MICA_TOK_BPE
               ? mica_tok_bpe_cut(&model->bpe, data, size)
               : mica_tok_sentencepiece_cut(&model->sentencepiece, data, size);
}

/* A piece in parts between which there are no merges. */
static mica_status put_parts(encoder *e, size_t at, size_t end, mica_error *err)
{
    mica_status status = MICA_OK;

    while (at < end && status == MICA_OK) {
        size_t size = cut(e->model, e->text->data + at, end - at);
        cache_key key;

        if (size <= CACHE_PIECE_MAX)
            key = key_ahead(e, at, size);
        status = put_piece(e, at, size, &key, err);
        at += size;
    }
    return status;
}

mica_status mica_tok_model_encode(const mica_tok_model *model, const mica_tok_model_state *state,
                                  const mica_tok_text *text, const mica_tok_pieces *pieces,
                                  mica_tok_sequence *out, mica_error *err)
{
    encoder e = {.model = model, .state = state, .text = text, .out = out};
    bool bpe = model->kind == MICA_TOK_BPE,
         parts = model->kind == MICA_TOK_SENTENCEPIECE ||
                 (bpe && !model->bpe.raw_bytes && model->bpe.pairs);
    mica_status status = MICA_OK;
    cache_key keys[KEYS_AHEAD];

    e.widen = bpe;
    if (pieces->count > 0)
        e.cursor = mica_tok_text_seek(text, pieces->items[0].begin);
    for (size_t i = 0; i < pieces->count + KEYS_AHEAD && status == MICA_OK; i++) {
        cache_key *key = &keys[i % KEYS_AHEAD];

        if (i >= KEYS_AHEAD && i - KEYS_AHEAD < pieces->count) {
            mica_tok_piece p = pieces->items[i - KEYS_AHEAD];

            status = is_cut(model, p.end - p.begin)
                         ? put_parts(&e, p.begin, p.end, err)
                         : put_piece(&e, p.begin, p.end - p.begin, key, err);
            out->word++;
        }
        if (i < pieces->count && !parts) {
            mica_tok_piece p = pieces->items[i];

            if (p.end - p.begin <= CACHE_PIECE_MAX)
                *key = key_ahead(&e, p.begin, p.end - p.begin);
        }
    }
    return status;
}
