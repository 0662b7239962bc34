/* SPDX-License-Identifier: MIT */
#include "tokenizer/text.h"

#include "base/alloc.h"

#define LARGE ((size_t)1 << 20) /* bytes */

bool mica_tok_grow(void **array, size_t *capacity, size_t needed, size_t size)
{
    size_t wanted;
    void *grown;

    if (needed <= *capacity)
        return true;
    if (!mica_mul_size(*capacity, 2, &wanted))
        return false;
    if (wanted < needed)
        wanted = needed < 16 ? 16 : needed;
    if (wanted > LARGE / size) {
        /* A new block comes in huge pages, an old one that is made larger in small ones. */
        grown = mica_alloc_array(wanted, size);
        if (!grown)
            return false;
        if (*capacity > 0)
            memcpy(grown, *array, *capacity * size);
        mica_free(*array);
    } else {
        grown = mica_realloc_array(*array, wanted, size);
        if (!grown)
            return false;
    }
    *array = grown;
    *capacity = wanted;
    return true;
}

void mica_tok_text_release(mica_tok_text *text)
{
    mica_free(text->buffer);
    mica_free(text->runs);
    memset(text, 0, sizeof *text);
}

void mica_tok_text_clear(mica_tok_text *text)
{
    text->data = text->buffer;
    text->size = 0;
    text->run_count = 0;
}

bool mica_tok_text_view(mica_tok_text *text, const char *data, size_t size, size_t from)
{
    text->data = data;
    text->size = 0;
    text->run_count = 0;
    if (!mica_tok_text_run(text, from, MICA_TOK_SAME))
        return false;
    text->size = size;
    return true;
}

bool mica_tok_text_grow(mica_tok_text *text, size_t extra)
{
    size_t needed;

    if (extra <= text->capacity - text->size && text->data == text->buffer)
        return true;
    if (!mica_add_size(text->size, extra, &needed))
        return false;
    if (!mica_tok_grow((void **)&text->buffer, &text->capacity, needed, 1))
        return false;
    text->data = text->buffer;
    return true;
}

bool mica_tok_text_put(mica_tok_text *text, const char *data, size_t size, size_t begin, size_t end)
{
    if (!mica_tok_text_reserve(text, size))
        return false;
    if (text->run_count > 0) {
        const mica_tok_run *last = &text->runs[text->run_count - 1];
        if (last->from != begin || last->span != end - begin)
            if (!mica_tok_text_run(text, begin, end - begin))
                return false;
    } else if (!mica_tok_text_run(text, begin, end - begin)) {
        return false;
    }
    memcpy(text->buffer + text->size, data, size);
    text->size += size;
    return true;
}

bool mica_tok_text_copy(mica_tok_text *text, const mica_tok_text *in, mica_tok_cursor *cursor,
                        size_t begin, size_t end)
{
    size_t run = cursor->run;

    if (begin >= end)
        return true;
    if (!mica_tok_text_reserve(text, end - begin))
        return false;
    while (run + 1 < in->run_count && in->runs[run + 1].at <= begin)
        run++;
    for (;; run++) {
        const mica_tok_run *from = &in->runs[run];
        size_t stop = run + 1 < in->run_count && from[1].at < end ? from[1].at : end;
        bool fine = from->span == MICA_TOK_SAME
                        ? mica_tok_text_same(text, from->from + (begin - from->at))
                        : mica_tok_text_run(text, from->from, from->span);
        if (!fine)
            return false;
        memcpy(text->buffer + text->size, in->data + begin, stop - begin);
        text->size += stop - begin;
        begin = stop;
        cursor->run = run;
        if (begin == end)
            return true;
    }
}

bool mica_tok_find(const char *data, size_t data_size, size_t at, const char *what, size_t size,
                   size_t *found)
{
    for (; size > 0 && data_size - at >= size; at++) {
        const char *first = memchr(data + at, what[0], data_size - at - size + 1);
        if (!first)
            return false;
        at = (size_t)(first - data);
        if (memcmp(first, what, size) == 0) {
            *found = at;
            return true;
        }
    }
    return false;
}
