/* SPDX-License-Identifier: MIT
 *
 * Reading an encoding, and its memory.
 */
#include "base/alloc.h"
#include "tokenizer/internal.h"

void mica_tok_sequence_release(mica_tok_sequence *sequence)
{
    mica_free(sequence->ids);
    mica_free(sequence->texts);
    mica_free(sequence->words);
    mica_free(sequence->spans);
    mica_free(sequence->chars);
    *sequence = (mica_tok_sequence){0};
}

bool mica_tok_sequence_grow(mica_tok_sequence *s, size_t needed)
{
    size_t a = s->capacity, b = a, c = a, w = a;

    if (needed <= s->capacity)
        return true;
    if (!mica_tok_grow((void **)&s->ids, &a, needed, sizeof *s->ids) ||
        !mica_tok_grow((void **)&s->texts, &b, needed, sizeof *s->texts) ||
        !mica_tok_grow((void **)&s->words, &w, needed, sizeof *s->words) ||
        !mica_tok_grow((void **)&s->spans, &c, needed, sizeof *s->spans))
        return false;
    s->capacity = a;
    return true;
}

bool mica_tok_sequence_grow_chars(mica_tok_sequence *s, size_t needed)
{
    return mica_tok_grow((void **)&s->chars, &s->chars_capacity, needed, sizeof *s->chars);
}

void mica_tok_token_texts_release(mica_tok_token_texts *texts)
{
    mica_free(texts->items);
    mica_free(texts->pool);
    *texts = (mica_tok_token_texts){0};
}

bool mica_tok_token_texts_refer(mica_tok_token_texts *texts, const char *data, size_t size,
                                int32_t *index)
{
    if (!mica_tok_grow((void **)&texts->items, &texts->capacity, texts->count + 1,
                       sizeof *texts->items))
        return false;
    texts->items[texts->count] = (mica_tok_token_text){data, 0, size};
    *index = (int32_t)texts->count++;
    return true;
}

bool mica_tok_token_texts_keep(mica_tok_token_texts *texts, const char *data, size_t size,
                               int32_t *index)
{
    if (!mica_tok_grow((void **)&texts->pool, &texts->pool_capacity, texts->pool_size + size + 1,
                       1) ||
        !mica_tok_token_texts_refer(texts, NULL, size, index))
        return false;
    memcpy(texts->pool + texts->pool_size, data, size);
    texts->pool[texts->pool_size + size] = '\0';
    texts->items[*index].offset = texts->pool_size;
    texts->pool_size += size + 1;
    return true;
}

void mica_tok_model_work_release(mica_tok_model_work *work)
{
    mica_free(work->tokens);
    mica_free(work->symbols);
    mica_free(work->heap);
    mica_free(work->lists);
    mica_free(work->waits);
    mica_free(work->links);
    mica_free(work->batch);
    mica_free(work->best);
    mica_free(work->spelling);
    mica_free(work->part);
    *work = (mica_tok_model_work){0};
}

void mica_encoding_destroy(mica_encoding **encoding)
{
    mica_encoding *e = encoding ? *encoding : NULL;

    if (!e)
        return;
    mica_tok_sequence_release(&e->tokens);
    mica_free(e->type_ids);
    mica_free(e->special);
    mica_free(e->attention);
    mica_free(e->sequence_ids);
    mica_tok_token_texts_release(&e->texts);
    mica_tok_model_work_release(&e->model);
    mica_tok_normalize_release(&e->normalize);
    mica_tok_pretokenize_work_release(&e->pretokenize);
    for (int i = 0; i < 2; i++)
        mica_tok_sequence_release(&e->sequences[i]);
    mica_free(e);
    *encoding = NULL;
}

size_t mica_encoding_count(const mica_encoding *encoding)
{
    return encoding->tokens.count;
}

const int32_t *mica_encoding_ids(const mica_encoding *encoding)
{
    return encoding->tokens.ids;
}

const int32_t *mica_encoding_type_ids(const mica_encoding *encoding)
{
    return encoding->type_ids;
}

const uint8_t *mica_encoding_special_mask(const mica_encoding *encoding)
{
    return encoding->special;
}

const uint8_t *mica_encoding_attention_mask(const mica_encoding *encoding)
{
    return encoding->attention;
}

const int8_t *mica_encoding_sequence_ids(const mica_encoding *encoding)
{
    return encoding->sequence_ids;
}

const int32_t *mica_encoding_word_ids(const mica_encoding *encoding)
{
    return encoding->tokens.words;
}

const mica_span *mica_encoding_byte_spans(const mica_encoding *encoding)
{
    return encoding->tokens.spans;
}

const mica_span *mica_encoding_char_spans(const mica_encoding *encoding)
{
    return encoding->ascii ? encoding->tokens.spans : encoding->tokens.chars;
}

size_t mica_encoding_full_count(const mica_encoding *encoding)
{
    return encoding->full_count;
}

bool mica_encoding_truncated(const mica_encoding *encoding)
{
    return encoding->truncated;
}

const char *mica_encoding_token(const mica_encoding *encoding, size_t i, size_t *size)
{
    const mica_tok_token_text *text;
    size_t length = 0;
    const char *data;

    if (i >= encoding->tokens.count) {
        data = NULL;
    } else if (encoding->tokens.texts[i] < 0) {
        data = mica_tok_vocab_string(&encoding->tokenizer->vocab, encoding->tokens.ids[i], &length);
    } else {
        text = &encoding->texts.items[encoding->tokens.texts[i]];
        data = text->data ? text->data : encoding->texts.pool + text->offset;
        length = text->size;
    }
    if (size)
        *size = length;
    return data;
}
