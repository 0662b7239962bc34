/* SPDX-License-Identifier: MIT
 *
 * Most pieces are words of the vocabulary: those take one look-up in its hash table. The others
 * walk a trie, one step a byte; a step that fails ends a token at the last string that ended on the
 * way, so the work is bounded by the length of the piece times that of the longest string.
 */
#include "tokenizer/wordpiece.h"

#include "base/alloc.h"
#include "base/utf8.h"

static void release_tries(mica_tok_wordpiece_tries *tries)
{
    if (!tries)
        return;
    mica_tok_trie_release(&tries->start);
    mica_tok_trie_release(&tries->rest);
    mica_free(tries);
}

static bool fill_tries(const mica_tok_wordpiece *model, mica_tok_key *strings,
                       mica_tok_wordpiece_tries *tries)
{
    const mica_tok_vocab *vocab = model->vocab;
    size_t n = 0;

    for (size_t i = 0; i < vocab->count; i++)
        strings[i] = mica_tok_vocab_entry(vocab, i);
    if (!mica_tok_trie_build(&tries->start, strings, vocab->count))
        return false;
    for (size_t i = 0; i < vocab->count; i++) {
        mica_tok_key s = mica_tok_vocab_entry(vocab, i);

        if (s.size <= model->prefix_size || memcmp(s.data, model->prefix, model->prefix_size) != 0)
            continue;
        s.data += model->prefix_size;
        s.size -= (uint32_t)model->prefix_size;
        strings[n++] = s;
    }
    return mica_tok_trie_build(&tries->rest, strings, n);
}

/* The tries, built if they are not there yet; NULL = out of memory. Of several threads that build
 * them at once the first one's are kept. */
static const mica_tok_wordpiece_tries *tries_of(const mica_tok_wordpiece *model)
{
    mica_tok_wordpiece *m = (mica_tok_wordpiece *)model; /* only the atomic pointer is changed */
    mica_tok_wordpiece_tries *tries = atomic_load_explicit(&m->tries, memory_order_acquire);
    mica_tok_wordpiece_tries *first = NULL;
    size_t count = model->vocab->count;
    mica_tok_key *strings;

    if (tries)
        return tries;
    tries = mica_calloc(1, sizeof *tries);
    strings = mica_alloc_array(count ? count : 1, sizeof *strings);
    if (!tries || !strings || !fill_tries(model, strings, tries)) {
        release_tries(tries);
        tries = NULL;
    } else if (!atomic_compare_exchange_strong(&m->tries, &first, tries)) {
        release_tries(tries);
        tries = first;
    }
    mica_free(strings);
    return tries;
}

mica_status mica_tok_wordpiece_init(mica_tok_wordpiece *model, const mica_tok_vocab *vocab,
                                    const char *unknown, size_t unknown_size, const char *prefix,
                                    size_t prefix_size, size_t max_chars, mica_error *err)
{
    model->vocab = vocab;
    model->max_chars = max_chars;
    model->prefix_size = prefix_size;
    model->unknown = mica_tok_vocab_find(vocab, unknown, unknown_size);
    model->unknown_token = mica_memdup_text(unknown, unknown_size);
    model->prefix = mica_memdup_text(prefix, prefix_size);
    atomic_init(&model->tries, NULL);
    if (!model->unknown_token || !model->prefix)
        return mica_fail_memory(err, prefix_size + unknown_size, "a WordPiece model");
    return MICA_OK;
}

void mica_tok_wordpiece_release(mica_tok_wordpiece *model)
{
    release_tries(atomic_load_explicit(&model->tries, memory_order_acquire));
    atomic_store_explicit(&model->tries, NULL, memory_order_relaxed);
    mica_free(model->unknown_token);
    mica_free(model->prefix);
    model->unknown_token = model->prefix = NULL;
}

/* Cuts a piece that is not itself in the vocabulary. False = it cannot be cut; nothing is added.
 * The caller has made room for a token a byte. */
static bool cut(const mica_tok_wordpiece_tries *tries, mica_tok_model_work *work, const char *data,
                size_t size)
{
    const mica_tok_trie *trie = &tries->start;

    for (size_t begin = 0; begin < size;) {
        int32_t id = -1;
        size_t length = mica_tok_trie_longest(trie, data + begin, size - begin, &id);
        if (length == 0) {
            work->count = 0;
            return false;
        }
        mica_tok_put_token(work, id, begin, begin + length, false);
        begin += length;
        trie = &tries->rest;
    }
    return true;
}

mica_status mica_tok_wordpiece_encode(const mica_tok_wordpiece *model, mica_tok_model_work *work,
                                      const char *data, size_t size, mica_error *err)
{
    bool too_long = size > model->max_chars && mica_utf8_count(data, size) > model->max_chars;
    int32_t id = -1;

    work->count = 0;
    /* One token, or at worst one a byte (a long piece is unknown at once). */
    if (!mica_tok_grow((void **)&work->tokens, &work->capacity, too_long ? 1 : size,
                       sizeof *work->tokens))
        return mica_fail_memory(err, size * sizeof *work->tokens, "the tokens of a text");
    if (!too_long) {
        id = mica_tok_vocab_find(model->vocab, data, size);
        if (id < 0) {
            const mica_tok_wordpiece_tries *tries = tries_of(model);

            if (!tries)
                return mica_fail_memory(err, model->vocab->count * sizeof(mica_tok_key),
                                        "a WordPiece model");
            if (cut(tries, work, data, size))
                return MICA_OK;
        }
    }
    if (id < 0)
        id = model->unknown;
    if (id < 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "the vocabulary has no unknown token '%s', which '%.*s' needs",
                         model->unknown_token, (int)(size < 100 ? size : 100), data);
    mica_tok_put_token(work, id, 0, size, false);
    return MICA_OK;
}
