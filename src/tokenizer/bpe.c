/* SPDX-License-Identifier: MIT
 *
 * Short pieces are merged by looking for the smallest rank again and again; long ones with a heap
 * of (rank, symbol), in which entries that no longer hold are passed over.
 */
#include "tokenizer/bpe.h"

#include <stdio.h>

#include "base/alloc.h"
#include "tokenizer/byte_level.h"

#define NONE UINT32_MAX
#define SHORT_PIECE 48 /* symbols; the heap pays for itself above */
#define RANKS_MAX ((size_t)1 << 22)
#define PAIR_BITS 20

/* ---- the model ---- */

static mica_status copy_text(const char **text, size_t size, mica_error *err)
{
    if (!*text)
        return MICA_OK;
    *text = mica_memdup_text(*text, size);
    return *text ? MICA_OK : mica_fail_memory(err, size + 1, "a BPE model");
}

mica_status mica_tok_bpe_init(mica_tok_bpe *model, const mica_tok_vocab *vocab,
                              const mica_tok_bpe_options *options, mica_error *err)
{
    mica_tok_bpe_options *o = &model->options;
    mica_status status;
    char text[8];

    *model = (mica_tok_bpe){.vocab = vocab, .unknown = -1};
    *o = *options;
    o->unknown = o->prefix = o->suffix = NULL;
    if (options->prefix_size > 0)
        o->prefix = options->prefix;
    if (options->suffix_size > 0)
        o->suffix = options->suffix;
    o->unknown = options->unknown;
    status = copy_text(&o->unknown, o->unknown_size, err);
    if (status != MICA_OK)
        o->unknown = o->prefix = o->suffix = NULL;
    else if ((status = copy_text(&o->prefix, o->prefix_size, err)) != MICA_OK)
        o->prefix = o->suffix = NULL;
    else if ((status = copy_text(&o->suffix, o->suffix_size, err)) != MICA_OK)
        o->suffix = NULL;
    if (status != MICA_OK)
        return status;
    model->plain = !o->prefix && !o->suffix;
    if (o->unknown)
        model->unknown = mica_tok_vocab_find(vocab, o->unknown, o->unknown_size);
    for (int i = 0; i < 256; i++) {
        char byte = (char)i, spelled[2];
        size_t size = mica_tok_spell_bytes(&byte, 1, spelled);

        model->bytes[i] = mica_tok_vocab_find(vocab, spelled, size);
        if (i < 128)
            model->ascii[i] = mica_tok_vocab_find(vocab, &byte, 1);
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)i);
        model->byte_tokens[i] = mica_tok_vocab_find(vocab, text, 6);
    }
    return MICA_OK;
}

void mica_tok_bpe_release(mica_tok_bpe *model)
{
    mica_free((char *)model->options.unknown);
    mica_free((char *)model->options.prefix);
    mica_free((char *)model->options.suffix);
    mica_free(model->merges);
    mica_free(model->added);
    mica_free(model->pairs);
    mica_free(model->known);
    mica_free(model->byte_pairs);
    *model = (mica_tok_bpe){0};
}

bool mica_tok_bpe_takes_bytes(const mica_tok_bpe *model)
{
    for (int i = 0; i < 256; i++)
        if (model->bytes[i] < 0)
            return false;
    return model->plain;
}

/* ---- cutting long pieces ---- */

static inline uint32_t pair_bit(uint32_t a, uint32_t b)
{
    uint64_t key = ((uint64_t)a << 21 | b) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(key >> (64 - PAIR_BITS));
}

static inline bool has_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}

static inline void set_bit(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

/* Whether every character becomes some symbol. Otherwise those after a dropped one are said to
 * stand before where they do, up to the end of the piece, which must then be whole. */
static bool keeps_all(const mica_tok_bpe *model)
{
    for (int i = 0; i < 256 && !model->options.unknown; i++)
        if (!model->options.byte_fallback || model->byte_tokens[i] < 0)
            return false;
    return true;
}

mica_status mica_tok_bpe_finish(mica_tok_bpe *model, bool cut, mica_error *err)
{
    const mica_tok_vocab *vocab = model->vocab;
    mica_status status = mica_tok_bpe_build_merges(model, err);

    if (status != MICA_OK || !cut || !model->plain || model->options.ignore_merges ||
        !keeps_all(model))
        return status;
    model->pairs = mica_calloc(((size_t)1 << PAIR_BITS) / 64, sizeof *model->pairs);
    model->known = mica_calloc(0x110000 / 64, sizeof *model->known);
    if (!model->pairs || !model->known)
        return mica_fail_memory(err, 0x110000 / 8, "a BPE model");
    for (size_t i = 0; i < vocab->count; i++) {
        const mica_tok_entry *entry = &vocab->entries[i];
        const char *p = vocab->pool + entry->offset, *end = p + entry->size;
        uint32_t before = 0, c = 0;

        if (p == end)
            continue;
        p += mica_tok_char(p, &before);
        if (p == end)
            set_bit(model->known, before);
        for (; p < end; before = c) {
            p += mica_tok_char(p, &c);
            set_bit(model->pairs, pair_bit(before, c));
        }
    }
    return MICA_OK;
}

/* Between characters, of a piece of bytes. */
static size_t cut_bytes(const mica_tok_bpe *model, const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;

    for (size_t at = 1; at < size; at++)
        if ((bytes[at] & 0xC0) != 0x80 &&
            !has_bit(model->byte_pairs, (uint32_t)bytes[at - 1] << 8 | bytes[at]))
            return at;
    return size;
}

size_t mica_tok_bpe_cut(const mica_tok_bpe *model, const char *data, size_t size)
{
    uint32_t before, c;
    size_t at;

    if (model->raw_bytes)
        return cut_bytes(model, data, size);
    if (!model->pairs || size == 0)
        return size;
    at = mica_tok_char(data, &before);
    while (at < size) {
        size_t length = mica_tok_char(data + at, &c);
        if (!has_bit(model->pairs, pair_bit(before, c)) && has_bit(model->known, before) &&
            has_bit(model->known, c))
            return at;
        before = c;
        at += length;
    }
    return size;
}

/* ---- symbols ---- */

typedef struct splitter {
    const mica_tok_bpe *model;
    mica_tok_model_work *work;
    size_t count;        /* symbols */
    size_t at;           /* where the next symbol begins: sizes add up, as in the reference */
    size_t unknown_size; /* of an unknown token that waits for its end; 0 = none */
} splitter;

static inline void put_symbol(splitter *s, int32_t id, size_t size)
{
    mica_tok_symbol *symbol = &s->work->symbols[s->count++];

    symbol->id = id;
    symbol->begin = (uint32_t)s->at;
    s->at += size;
    symbol->end = (uint32_t)s->at;
}

static bool reserve_symbols(splitter *s, size_t more)
{
    return mica_tok_grow((void **)&s->work->symbols, &s->work->symbol_capacity, s->count + more,
                         sizeof *s->work->symbols);
}

static void flush_unknown(splitter *s)
{
    if (s->unknown_size > 0)
        put_symbol(s, s->model->unknown, s->unknown_size);
    s->unknown_size = 0;
}

/* The bytes of an unknown character as byte tokens, if there are all of them. */
static bool put_byte_tokens(splitter *s, const char *data, size_t size)
{
    if (!s->model->options.byte_fallback)
        return false;
    for (size_t i = 0; i < size; i++)
        if (s->model->byte_tokens[(unsigned char)data[i]] < 0)
            return false;
    for (size_t i = 0; i < size; i++)
        put_symbol(s, s->model->byte_tokens[(unsigned char)data[i]], 1);
    return true;
}

/* A character of `size` bytes of the piece, whose symbol is spelled `spelled`. */
static mica_status put_spelled(splitter *s, const char *spelled, size_t spelled_size, size_t size,
                               mica_error *err)
{
    const mica_tok_bpe *m = s->model;
    int32_t id;

    if (!reserve_symbols(s, spelled_size + 2))
        return mica_fail_memory(err, spelled_size * sizeof(mica_tok_symbol), "the symbols of BPE");
    if (spelled_size == 1 && (unsigned char)spelled[0] < 128)
        id = m->ascii[(unsigned char)spelled[0]];
    else
        id = mica_tok_vocab_find(m->vocab, spelled, spelled_size);
    if (id >= 0) {
        flush_unknown(s);
        put_symbol(s, id, size);
        return MICA_OK;
    }
    if (put_byte_tokens(s, spelled, spelled_size) || !m->options.unknown)
        return MICA_OK;
    if (m->unknown < 0)
        return mica_fail(
            err, MICA_STATUS_FORMAT, "the vocabulary has no unknown token '%s', which '%.*s' needs",
            m->options.unknown, (int)(spelled_size < 100 ? spelled_size : 100), spelled);
    if (!m->options.fuse_unknown)
        flush_unknown(s);
    s->unknown_size += size;
    return MICA_OK;
}

/* A character with the prefix and suffix that its place asks for. */
static mica_status put_affixed(splitter *s, const char *c, size_t size, bool first, bool last,
                               mica_error *err)
{
    const mica_tok_bpe_options *o = &s->model->options;
    size_t before = !first && o->prefix ? o->prefix_size : 0;
    size_t after = last && o->suffix ? o->suffix_size : 0;
    char *to;

    if (!mica_tok_grow((void **)&s->work->spelling, &s->work->spelling_capacity,
                       before + size + after, 1))
        return mica_fail_memory(err, before + size + after, "the symbols of BPE");
    to = s->work->spelling;
    if (before)
        memcpy(to, o->prefix, before);
    memcpy(to + before, c, size);
    if (after)
        memcpy(to + before + size, o->suffix, after);
    return put_spelled(s, to, before + size + after, size, err);
}

static mica_status split(splitter *s, const char *data, size_t size, mica_error *err)
{
    mica_status status = MICA_OK;

    if (s->model->raw_bytes) {
        if (!reserve_symbols(s, size))
            return mica_fail_memory(err, size * sizeof(mica_tok_symbol), "the symbols of BPE");
        for (size_t i = 0; i < size; i++)
            put_symbol(s, s->model->bytes[(unsigned char)data[i]], 1);
        return MICA_OK;
    }
    for (size_t i = 0; i < size && status == MICA_OK;) {
        uint32_t c;
        size_t length = mica_tok_char(data + i, &c);
        status = s->model->plain
                     ? put_spelled(s, data + i, length, length, err)
                     : put_affixed(s, data + i, length, i == 0, i + length == size, err);
        i += length;
    }
    if (status == MICA_OK) /* put_spelled has left room for it */
        flush_unknown(s);
    return status;
}

/* ---- merging ---- */

static inline void rank_symbol(const mica_tok_bpe *m, mica_tok_symbol *symbols, uint32_t i)
{
    mica_tok_symbol *s = &symbols[i];
    const mica_tok_merge *merge = NULL;

    if (s->next != NONE)
        merge = mica_tok_bpe_find_merge(m, s->id, symbols[s->next].id);
    s->rank = merge ? merge->rank : NONE;
    s->result = merge ? merge->result : -1;
}

/* Makes symbol i and the next one the result of their merge. */
static inline void merge_at(const mica_tok_bpe *m, mica_tok_symbol *symbols, uint32_t i)
{
    mica_tok_symbol *s = &symbols[i], *right = &symbols[s->next];

    s->id = s->result;
    s->end = right->end;
    s->next = right->next;
    right->id = -1;
    right->rank = NONE;
    if (s->next != NONE)
        symbols[s->next].previous = i;
    rank_symbol(m, symbols, i);
    if (s->previous != NONE)
        rank_symbol(m, symbols, s->previous);
}

static void merge_short(const mica_tok_bpe *m, mica_tok_symbol *symbols)
{
    for (;;) {
        uint32_t best = NONE, rank = NONE;

        for (uint32_t i = 0; i != NONE; i = symbols[i].next) {
            if (symbols[i].rank < rank) {
                rank = symbols[i].rank;
                best = i;
            }
        }
        if (best == NONE)
            return;
        merge_at(m, symbols, best);
    }
}

static bool heap_push(mica_tok_model_work *w, uint64_t entry)
{
    size_t i = w->heap_count;

    if (i == w->heap_capacity &&
        !mica_tok_grow((void **)&w->heap, &w->heap_capacity, i + 1, sizeof *w->heap))
        return false;
    w->heap_count++;
    while (i > 0 && w->heap[(i - 1) / 2] > entry) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = entry;
    return true;
}

static uint64_t heap_pop(mica_tok_model_work *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->heap_count];
    size_t i = 0, n = w->heap_count;

    for (size_t child = 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && w->heap[child + 1] < w->heap[child])
            child++;
        if (w->heap[child] >= last)
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* A list for each rank of the model, empty. */
static bool make_lists(const mica_tok_bpe *m, mica_tok_model_work *w)
{
    if (w->list_count < m->ranks) {
        mica_free(w->lists);
        mica_free(w->waits);
        w->list_count = 0;
        w->lists = mica_calloc(m->ranks, sizeof *w->lists);
        w->waits = mica_calloc(m->ranks / 64 + 1, sizeof *w->waits);
        if (!w->lists || !w->waits)
            return false;
        w->list_count = m->ranks;
    }
    w->link_count = 0;
    return true;
}

static bool list_push(mica_tok_model_work *w, uint32_t rank, uint32_t i)
{
    if (w->link_count == w->link_capacity &&
        !mica_tok_grow((void **)&w->links, &w->link_capacity, w->link_count + 1, sizeof *w->links))
        return false;
    w->links[w->link_count++] = (uint64_t)w->lists[rank] << 32 | i;
    w->lists[rank] = (uint32_t)w->link_count;
    set_bit(w->waits, rank);
    return true;
}

/* Lets symbol i's merge with the next one wait for its turn. */
static inline bool push_ranked(mica_tok_model_work *w, uint32_t i)
{
    uint32_t rank = i != NONE ? w->symbols[i].rank : NONE;

    if (rank == NONE)
        return true;
    return rank <= w->rank ? heap_push(w, (uint64_t)rank << 32 | i) : list_push(w, rank, i);
}

/* Takes the list of the next rank that has one: as a batch, if its symbols are in order, else into
 * the heap, which is empty. *more: there is one. False = out of memory. */
static bool next_list(mica_tok_model_work *w, bool *more)
{
    size_t word = w->rank / 64, count = 0;
    bool in_order = true;

    while (word <= w->list_count / 64 && w->waits[word] == 0)
        word++;
    *more = word <= w->list_count / 64;
    if (!*more)
        return true;
    w->rank = (uint32_t)word * 64;
    while (!has_bit(w->waits, w->rank))
        w->rank++;
    w->waits[word] &= ~(UINT64_C(1) << (w->rank & 63));
    for (uint32_t at = w->lists[w->rank]; at != 0; at = (uint32_t)(w->links[at - 1] >> 32))
        count++;
    if (!mica_tok_grow((void **)&w->batch, &w->batch_capacity, count, sizeof *w->batch))
        return false;
    w->batch_at = 0;
    w->batch_count = count;
    for (uint32_t at = w->lists[w->rank]; at != 0; at = (uint32_t)(w->links[at - 1] >> 32)) {
        w->batch[--count] = (uint32_t)w->links[at - 1];
        in_order =
            in_order && (count + 1 == w->batch_count || w->batch[count] <= w->batch[count + 1]);
    }
    w->lists[w->rank] = 0;
    for (; !in_order && w->batch_at < w->batch_count; w->batch_at++)
        if (!heap_push(w, (uint64_t)w->rank << 32 | w->batch[w->batch_at]))
            return false;
    return true;
}

/* The merge whose turn it is; *more: there is one. False = out of memory. */
static bool next_merge(mica_tok_model_work *w, bool lists, uint64_t *entry, bool *more)
{
    uint64_t batch;

    *more = true;
    if (w->heap_count == 0 && w->batch_at == w->batch_count) {
        *more = lists;
        if (!lists || !next_list(w, more))
            return !lists;
        if (!*more)
            return true;
    }
    batch =
        w->batch_at < w->batch_count ? (uint64_t)w->rank << 32 | w->batch[w->batch_at] : UINT64_MAX;
    if (w->heap_count > 0 && w->heap[0] < batch) {
        *entry = heap_pop(w);
    } else {
        *entry = batch;
        w->batch_at++;
    }
    return true;
}

/* With a heap of what can be merged. That of a very long piece would lie all over the memory: there
 * the heap has only the rank at hand, and whatever smaller ones come up meanwhile. */
static mica_status merge_long(const mica_tok_bpe *m, mica_tok_model_work *w, size_t count,
                              mica_error *err)
{
    bool lists = count > MICA_TOK_BPE_LONG && m->ranks <= RANKS_MAX, more = true;
    bool fine = !lists || make_lists(m, w);

    w->heap_count = w->batch_at = w->batch_count = 0;
    w->rank = NONE - 1; /* all into the heap */
    for (uint32_t i = 0; i < count && fine && !lists; i++)
        fine = push_ranked(w, i);
    for (uint32_t i = 0; i < count && fine && lists; i++)
        fine = w->symbols[i].rank == NONE || list_push(w, w->symbols[i].rank, i);
    if (lists)
        w->rank = 0;
    while (fine) {
        uint64_t entry = 0;
        uint32_t i;

        fine = next_merge(w, lists, &entry, &more);
        if (!fine || !more)
            break;
        i = (uint32_t)entry;
        if (w->symbols[i].id < 0 || w->symbols[i].rank != (uint32_t)(entry >> 32))
            continue;
        merge_at(m, w->symbols, i);
        fine = push_ranked(w, i) && push_ranked(w, w->symbols[i].previous);
    }
    if (!fine && w->list_count > 0) {
        memset(w->lists, 0, w->list_count * sizeof *w->lists);
        memset(w->waits, 0, (w->list_count / 64 + 1) * sizeof *w->waits);
    }
    return fine ? MICA_OK : mica_fail_memory(err, count * sizeof *w->heap, "the merges of a text");
}

/* The id of a piece that is one token whatever the merges say, or -1. */
static mica_status find_whole(const mica_tok_bpe *m, mica_tok_model_work *w, const char *data,
                              size_t size, int32_t *id, mica_error *err)
{
    *id = -1;
    if (!m->options.ignore_merges || size > m->vocab->longest)
        return MICA_OK;
    if (m->raw_bytes) {
        if (!mica_tok_grow((void **)&w->spelling, &w->spelling_capacity, 2 * size, 1))
            return mica_fail_memory(err, 2 * size, "a piece of a text");
        size = mica_tok_spell_bytes(data, size, w->spelling);
        data = w->spelling;
    }
    *id = mica_tok_vocab_find(m->vocab, data, size);
    return MICA_OK;
}

mica_status mica_tok_bpe_encode(const mica_tok_bpe *model, mica_tok_model_work *work,
                                const char *data, size_t size, mica_error *err)
{
    splitter s = {.model = model, .work = work};
    int32_t whole;
    mica_status status = find_whole(model, work, data, size, &whole, err);

    work->count = 0;
    if (status == MICA_OK && whole >= 0)
        return mica_tok_put_token(work, whole, 0, size, false)
                   ? MICA_OK
                   : mica_fail_memory(err, sizeof *work->tokens, "the tokens of a text");
    if (status == MICA_OK)
        status = split(&s, data, size, err);
    if (status != MICA_OK || s.count == 0)
        return status;
    for (size_t i = 0; i < s.count; i++) {
        work->symbols[i].previous = i > 0 ? (uint32_t)i - 1 : NONE;
        work->symbols[i].next = i + 1 < s.count ? (uint32_t)i + 1 : NONE;
    }
    for (size_t i = 0; i < s.count; i++)
        rank_symbol(model, work->symbols, (uint32_t)i);
    if (s.count <= SHORT_PIECE)
        merge_short(model, work->symbols);
    else
        status = merge_long(model, work, s.count, err);
    for (uint32_t i = 0; i != NONE && status == MICA_OK; i = work->symbols[i].next)
        if (!mica_tok_put_token(work, work->symbols[i].id, work->symbols[i].begin,
                                work->symbols[i].end, false))
            status = mica_fail_memory(err, sizeof *work->tokens, "the tokens of a text");
    return status;
}
