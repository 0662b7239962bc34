/* SPDX-License-Identifier: MIT
 *
 * A text on its way through normalizers, which remembers where each byte came from, and the
 * growable arrays that tokenizers work in.
 *
 * Origins are kept as runs: a run covers the bytes from `at` to the next run's `at`. Each of its
 * bytes comes from all of [from, from + span) of the original; that may be nothing. Where the span
 * is MICA_TOK_SAME its bytes stand for themselves: byte `at + i` comes from byte `from + i` of the
 * original. ASCII text is one run.
 *
 *     original  N a ï v e            bytes 0 1 2-3 4 5
 *     text      n a i v e            bytes 0 1 2 3 4
 *     runs      {at 0, from 0, same}   {at 2, from 2, span 2}   {at 3, from 4, same}
 */
#ifndef MICA_TOKENIZER_TEXT_H
#define MICA_TOKENIZER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Makes room for `needed` elements of `size` bytes in an array that doubles. false = out of memory;
 * the array is then as it was. */
bool mica_tok_grow(void **array, size_t *capacity, size_t needed, size_t size);

#define MICA_TOK_SAME SIZE_MAX
typedef struct mica_tok_run {
    size_t at, from, span;
} mica_tok_run;

typedef struct mica_tok_text {
    const char *data; /* the bytes: `buffer`, or the caller's own text */
    size_t size;
    char *buffer;
    size_t capacity;
    mica_tok_run *runs; /* at least one when size > 0; the first is at 0 */
    size_t run_count, run_capacity;
} mica_tok_text;

void mica_tok_text_release(mica_tok_text *text);
/* Makes the text empty, with its own buffer. */
void mica_tok_text_clear(mica_tok_text *text);
/* Makes it a view of bytes that stand at `from` in the original. */
bool mica_tok_text_view(mica_tok_text *text, const char *data, size_t size, size_t from);
bool mica_tok_text_grow(mica_tok_text *text, size_t extra);

/* Room for `extra` more bytes in the buffer. */
static inline bool mica_tok_text_reserve(mica_tok_text *text, size_t extra)
{
    if (text->capacity - text->size < extra)
        return mica_tok_text_grow(text, extra);
    text->data = text->buffer;
    return true;
}

/* Starts a run at the present end. */
static inline bool mica_tok_text_run(mica_tok_text *text, size_t from, size_t span)
{
    if (text->run_count == text->run_capacity &&
        !mica_tok_grow((void **)&text->runs, &text->run_capacity, text->run_count + 1,
                       sizeof *text->runs))
        return false;
    text->runs[text->run_count++] = (mica_tok_run){text->size, from, span};
    return true;
}

/* Appends bytes that come from all of [begin, end) of the original. */
bool mica_tok_text_put(mica_tok_text *text, const char *data, size_t size, size_t begin,
                       size_t end);

/* From here on bytes stand for themselves, the next one for `from`. */
static inline bool mica_tok_text_same(mica_tok_text *text, size_t from)
{
    if (text->run_count > 0) {
        const mica_tok_run *last = &text->runs[text->run_count - 1];
        if (last->span == MICA_TOK_SAME && last->from + (text->size - last->at) == from)
            return true;
    }
    return mica_tok_text_run(text, from, MICA_TOK_SAME);
}

/* Finds `what` at or after byte `at`; false = it is not there. An empty `what` never is. */
bool mica_tok_find(const char *data, size_t data_size, size_t at, const char *what, size_t size,
                   size_t *found);

/* Asks for origins in increasing order. Start with {0}, or where
 * mica_tok_text_seek says. */
typedef struct mica_tok_cursor {
    size_t run;
} mica_tok_cursor;

/* Where the bytes [begin, end), begin < end, come from; both bounds may only grow from call to
 * call. */
static inline void mica_tok_text_origin(const mica_tok_text *text, mica_tok_cursor *cursor,
                                        size_t begin, size_t end, size_t *from, size_t *to)
{
    const mica_tok_run *runs = text->runs;
    size_t r = cursor->run;

    while (r + 1 < text->run_count && runs[r + 1].at <= begin)
        r++;
    *from = runs[r].from + (runs[r].span == MICA_TOK_SAME ? begin - runs[r].at : 0);
    cursor->run = r;
    while (r + 1 < text->run_count && runs[r + 1].at < end)
        r++;
    *to = runs[r].from + (runs[r].span == MICA_TOK_SAME ? end - runs[r].at : runs[r].span);
}

/* A cursor for offsets from `at` on. */
static inline mica_tok_cursor mica_tok_text_seek(const mica_tok_text *text, size_t at)
{
    size_t low = 0, high = text->run_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (text->runs[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return (mica_tok_cursor){low};
}

/* Appends [begin, end) of another text as it is, origins included; the cursor is one in that text.
 */
bool mica_tok_text_copy(mica_tok_text *text, const mica_tok_text *in, mica_tok_cursor *cursor,
                        size_t begin, size_t end);

/* A part of a text. */
typedef struct mica_tok_piece {
    size_t begin, end;
} mica_tok_piece;

typedef struct mica_tok_pieces {
    mica_tok_piece *items;
    size_t count, capacity;
} mica_tok_pieces;

static inline bool mica_tok_pieces_add(mica_tok_pieces *pieces, size_t begin, size_t end)
{
    if (pieces->count == pieces->capacity &&
        !mica_tok_grow((void **)&pieces->items, &pieces->capacity, pieces->count + 1,
                       sizeof *pieces->items))
        return false;
    pieces->items[pieces->count].begin = begin;
    pieces->items[pieces->count].end = end;
    pieces->count++;
    return true;
}

/* Decodes a character of valid UTF-8; returns its length. */
static inline size_t mica_tok_char(const char *data, uint32_t *c)
{
    const unsigned char *p = (const unsigned char *)data;

    if (p[0] < 0x80) {
        *c = p[0];
        return 1;
    }
    if (p[0] < 0xE0) {
        *c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
        return 2;
    }
    if (p[0] < 0xF0) {
        *c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        return 3;
    }
    *c = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    return 4;
}

#endif
