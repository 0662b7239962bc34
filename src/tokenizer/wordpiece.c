/* SPDX-License-Identifier: MIT
 *
 * Most pieces are words of the vocabulary: those take one look-up in its hash table. The others
 * walk a trie, one step a byte; a step that fails ends a token at the last string that ended on the
 * way, so the work is bounded by the length of the piece times that of the longest string.
 */
#include "tokenizer/wordpiece.h"

#include "base/alloc.h"
#include "base/utf8.h"

mica_status mica_tok_wordpiece_init(mica_tok_wordpiece *model, const mica_tok_vocab *vocab,
                                    const char *unknown, size_t unknown_size, const char *prefix,
                                    size_t prefix_size, size_t max_chars, mica_error *err)
{
    mica_tok_trie_result result = MICA_TOK_TRIE_OK;

    *model = (mica_tok_wordpiece){.vocab = vocab, .max_chars = max_chars};
    model->unknown = mica_tok_vocab_find(vocab, unknown, unknown_size);
    model->unknown_token = mica_memdup_text(unknown, unknown_size);
    if (!model->unknown_token)
        return mica_fail_memory(err, unknown_size + 1, "a WordPiece model");
    model->start = mica_tok_trie_root(&model->trie);
    model->rest = prefix_size > 0 ? mica_tok_trie_root(&model->trie) : model->start;
    for (size_t i = 0; i < vocab->count && result == MICA_TOK_TRIE_OK; i++) {
        const mica_tok_entry *entry = &vocab->entries[i];
        const char *string = vocab->pool + entry->offset;

        result = mica_tok_trie_add(&model->trie, model->start, string, entry->size, entry->id);
        if (result == MICA_TOK_TRIE_OK && prefix_size > 0 && entry->size > prefix_size &&
            memcmp(string, prefix, prefix_size) == 0)
            result = mica_tok_trie_add(&model->trie, model->rest, string + prefix_size,
                                       entry->size - prefix_size, entry->id);
    }
    if (result == MICA_TOK_TRIE_FULL)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "the vocabulary is too large");
    if (result == MICA_TOK_TRIE_NO_MEMORY)
        return mica_fail_memory(err, vocab->pool_size * sizeof(mica_tok_edge), "a WordPiece model");
    return MICA_OK;
}

void mica_tok_wordpiece_release(mica_tok_wordpiece *model)
{
    mica_tok_trie_release(&model->trie);
    mica_free(model->unknown_token);
    model->unknown_token = NULL;
}

/* Adds a token of [begin, end) of the text. */
static inline void put(mica_tok_sequence *out, const mica_tok_text *text, mica_tok_cursor *cursor,
                       size_t begin, size_t end, int32_t id)
{
    size_t n = out->count++;

    out->ids[n] = id;
    out->texts[n] = -1;
    mica_tok_text_origin(text, cursor, begin, end, &out->spans[n].begin, &out->spans[n].end);
}

/* Cuts a piece that is not itself in the vocabulary. False = it cannot be cut; nothing is added.
 * The caller has made room for a token a byte. */
static bool cut(const mica_tok_wordpiece *model, const mica_tok_text *text, mica_tok_cursor *cursor,
                size_t begin, size_t end, mica_tok_sequence *out)
{
    mica_tok_cursor saved = *cursor;
    size_t count = out->count;
    uint32_t root = model->start;

    if (!model->trie.edges)
        return false;
    while (begin < end) {
        int32_t id = -1;
        size_t size =
            mica_tok_trie_longest(&model->trie, root, text->data + begin, end - begin, &id);
        if (size == 0) {
            out->count = count;
            *cursor = saved;
            return false;
        }
        put(out, text, cursor, begin, begin + size, id);
        begin += size;
        root = model->rest;
    }
    return true;
}

mica_status mica_tok_wordpiece_encode(const mica_tok_wordpiece *model, const mica_tok_text *text,
                                      mica_tok_cursor *cursor, const mica_tok_pieces *pieces,
                                      mica_tok_sequence *out, mica_error *err)
{
    for (size_t i = 0; i < pieces->count; i++) {
        size_t begin = pieces->items[i].begin, end = pieces->items[i].end, size = end - begin;
        const char *data = text->data + begin;
        bool too_long = size > model->max_chars && mica_utf8_count(data, size) > model->max_chars;
        int32_t id = -1;

        /* One token, or at worst one a byte (a long piece is unknown at once). */
        if (!mica_tok_sequence_reserve(out, too_long ? 1 : size))
            return mica_fail_memory(err, size * sizeof *out->spans, "the tokens of a text");
        if (!too_long) {
            id = mica_tok_vocab_find(model->vocab, data, size);
            if (id < 0 && cut(model, text, cursor, begin, end, out))
                continue;
        }
        if (id < 0)
            id = model->unknown;
        if (id < 0)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "the vocabulary has no unknown token '%s', which '%.*s' needs",
                             model->unknown_token, (int)(size < 100 ? size : 100), data);
        put(out, text, cursor, begin, end, id);
    }
    return MICA_OK;
}
