/* SPDX-License-Identifier: MIT
 *
 * Most pieces are words of the vocabulary: those take one look-up in its hash table. The others
 * walk a trie, one step a byte; a step that fails ends a token at the last string that ended on the
 * way, so the work is bounded by the length of the piece times that of the longest string.
 */
#include "tokenizer/wordpiece.h"

#include "base/alloc.h"
#include "base/utf8.h"

static bool build_tries(mica_tok_wordpiece *model, const char *prefix, size_t prefix_size)
{
    const mica_tok_vocab *vocab = model->vocab;
    mica_tok_key *strings = mica_alloc_array(vocab->count ? vocab->count : 1, sizeof *strings);
    size_t n = 0;
    bool fine;

    if (!strings)
        return false;
    for (size_t i = 0; i < vocab->count; i++)
        strings[i] = mica_tok_vocab_entry(vocab, i);
    fine = mica_tok_trie_build(&model->start, strings, vocab->count);
    for (size_t i = 0; i < vocab->count; i++) {
        mica_tok_key s = mica_tok_vocab_entry(vocab, i);

        if (s.size <= prefix_size || memcmp(s.data, prefix, prefix_size) != 0)
            continue;
        s.data += prefix_size;
        s.size -= (uint32_t)prefix_size;
        strings[n++] = s;
    }
    fine = fine && mica_tok_trie_build(&model->rest, strings, n);
    mica_free(strings);
    return fine;
}

mica_status mica_tok_wordpiece_init(mica_tok_wordpiece *model, const mica_tok_vocab *vocab,
                                    const char *unknown, size_t unknown_size, const char *prefix,
                                    size_t prefix_size, size_t max_chars, mica_error *err)
{
    *model = (mica_tok_wordpiece){.vocab = vocab, .max_chars = max_chars};
    model->unknown = mica_tok_vocab_find(vocab, unknown, unknown_size);
    model->unknown_token = mica_memdup_text(unknown, unknown_size);
    if (!model->unknown_token || !build_tries(model, prefix, prefix_size))
        return mica_fail_memory(err, vocab->count * sizeof(mica_tok_key), "a WordPiece model");
    return MICA_OK;
}

void mica_tok_wordpiece_release(mica_tok_wordpiece *model)
{
    mica_tok_trie_release(&model->start);
    mica_tok_trie_release(&model->rest);
    mica_free(model->unknown_token);
    model->unknown_token = NULL;
}

/* Cuts a piece that is not itself in the vocabulary. False = it cannot be cut; nothing is added.
 * The caller has made room for a token a byte. */
static bool cut(const mica_tok_wordpiece *model, mica_tok_model_work *work, const char *data,
                size_t size)
{
    const mica_tok_trie *trie = &model->start;

    for (size_t begin = 0; begin < size;) {
        int32_t id = -1;
        size_t length = mica_tok_trie_longest(trie, data + begin, size - begin, &id);
        if (length == 0) {
            work->count = 0;
            return false;
        }
        mica_tok_put_token(work, id, begin, begin + length, false);
        begin += length;
        trie = &model->rest;
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
        if (id < 0 && cut(model, work, data, size))
            return MICA_OK;
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
