/* SPDX-License-Identifier: MIT */
#include "tokenizer/edit.h"

#include "base/utf8.h"

void mica_tok_edit_begin(mica_tok_edit *edit, const mica_tok_text *in, mica_tok_text *out,
                         size_t start)
{
    *edit = (mica_tok_edit){.in = in, .out = out, .start = start};
    mica_tok_text_clear(out);
}

/* Copies what stays; then something changes. The first time there is room made for all, and more
 * than that, as what is never touched costs nothing. */
static inline bool flush(mica_tok_edit *e)
{
    bool fine = e->changed || mica_tok_text_reserve(e->out, e->in->size + e->in->size / 2);

    fine =
        fine && (e->done == e->at || mica_tok_text_copy(e->out, e->in, &e->cursor, e->done, e->at));
    e->done = e->at;
    e->changed = true;
    return fine;
}

/* Where the character [begin, end) of `in` comes from. */
static void origin(mica_tok_edit *e, size_t begin, size_t end, size_t *from, size_t *to)
{
    mica_tok_text_origin(e->in, &e->cursor, begin, end, from, to);
}

static size_t char_size(const mica_tok_edit *e, size_t at)
{
    uint32_t c;
    return mica_tok_char(e->in->data + at, &c);
}

/* The origin of what is inserted. */
static void origin_before(mica_tok_edit *e, size_t *from, size_t *to)
{
    const char *data = e->in->data;
    size_t begin = e->at;
    mica_tok_cursor cursor = e->cursor;

    *from = *to = e->start;
    if (begin == 0)
        return;
    do
        begin--;
    while (((unsigned char)data[begin] & 0xC0) == 0x80);
    while (cursor.run > 0 && e->in->runs[cursor.run].at > begin)
        cursor.run--;
    mica_tok_text_origin(e->in, &cursor, begin, e->at, from, to);
}

bool mica_tok_edit_put(mica_tok_edit *edit, uint32_t c, size_t n)
{
    size_t from, to, size;
    char bytes[4];

    if (!flush(edit))
        return false;
    size = mica_utf8_encode(c, bytes);
    if (n == 0 || edit->at == edit->in->size) {
        origin_before(edit, &from, &to);
        return mica_tok_text_put(edit->out, bytes, size, from, to);
    }
    origin(edit, edit->at, edit->at + char_size(edit, edit->at), &from, &to);
    for (; n > 0 && edit->at < edit->in->size; n--)
        edit->at += char_size(edit, edit->at);
    edit->done = edit->at;
    if (size != to - from)
        return mica_tok_text_put(edit->out, bytes, size, from, to);
    if (!mica_tok_text_reserve(edit->out, size) || !mica_tok_text_same(edit->out, from))
        return false;
    memcpy(edit->out->buffer + edit->out->size, bytes, size);
    edit->out->size += size;
    return true;
}

bool mica_tok_edit_replace(mica_tok_edit *edit, size_t size, const char *by, size_t by_size)
{
    size_t from, to;

    if (size == 0 && by_size == 0)
        return true;
    if (!flush(edit))
        return false;
    edit->done = edit->at += size;
    if (by_size == 0)
        return true;
    origin_before(edit, &from, &to);
    return mica_tok_text_put(edit->out, by, by_size, from, to);
}

bool mica_tok_edit_remove(mica_tok_edit *edit, size_t size)
{
    return mica_tok_edit_replace(edit, size, "", 0);
}

bool mica_tok_edit_end(mica_tok_edit *edit, const mica_tok_text **result)
{
    *result = edit->in;
    if (!edit->changed)
        return true;
    edit->at = edit->in->size;
    *result = edit->out;
    return flush(edit);
}
