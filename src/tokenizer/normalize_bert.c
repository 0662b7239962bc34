/* SPDX-License-Identifier: MIT
 *
 * BertNormalizer in one walk: runs of ASCII go through a table of 128 bytes; other characters that
 * no operation touches (their flags say so) are copied; the rest takes the long way.
 *
 * Origins follow Hugging Face's NormalizedString: a character that replaces one has its origin; one
 * that is inserted has that of the character before. Ordering marks moves characters but not
 * origins: the n-th character that replaces takes the n-th origin.
 */
#include "base/utf8.h"
#include "tokenizer/normalize_steps.h"

#define ASCII_DROP 0xFF

typedef struct walk {
    mica_tok_bert how;
    const mica_unicode *unicode;
    mica_tok_marks *marks; /* those that wait */
    mica_tok_text *out;
    unsigned touched; /* flags of the characters that some operation changes */
    unsigned char ascii[128];
    size_t kept;                 /* waiting marks that will not be dropped */
    size_t last_begin, last_end; /* origin of the last character that replaced one */
} walk;

static void walk_init(walk *w, const mica_tok_step_run *run)
{
    const mica_tok_bert *how = &run->step->bert;

    *w = (walk){.how = *how, .unicode = run->unicode, .marks = &run->work->marks, .out = run->out};
    if (how->clean)
        w->touched |= MICA_CHAR_DROPPED | MICA_CHAR_SPACE;
    if (how->chinese)
        w->touched |= MICA_CHAR_CHINESE;
    if (how->strip)
        w->touched |= MICA_CHAR_DECOMPOSED | MICA_CHAR_COMBINING | MICA_CHAR_MARK;
    if (how->lower)
        w->touched |= MICA_CHAR_LOWER;
    for (unsigned c = 0; c < 128; c++) {
        unsigned flags = mica_unicode_flags(run->unicode, c) & w->touched;
        w->ascii[c] = (unsigned char)c;
        if (flags & MICA_CHAR_DROPPED)
            w->ascii[c] = ASCII_DROP;
        else if (flags & MICA_CHAR_SPACE)
            w->ascii[c] = ' ';
        else if (flags & MICA_CHAR_LOWER)
            w->ascii[c] = (unsigned char)(c + 32);
    }
    w->marks->count = 0;
    mica_tok_text_clear(run->out);
}

/* Appends the bytes of one character, which come from [begin, end) of the original. */
static bool put_same(walk *w, const char *data, size_t size, size_t begin, size_t end)
{
    if (size != end - begin)
        return mica_tok_text_put(w->out, data, size, begin, end);
    if (!mica_tok_text_reserve(w->out, size) || !mica_tok_text_same(w->out, begin))
        return false;
    memcpy(w->out->buffer + w->out->size, data, size);
    w->out->size += size;
    return true;
}

static bool put_char(walk *w, uint32_t c, size_t begin, size_t end)
{
    char bytes[4];
    size_t size = mica_utf8_encode(c, bytes);

    return put_same(w, bytes, size, begin, end);
}

/* The operations after the ordering: dropping of marks and lower case. */
static bool put_ordered(walk *w, uint32_t c, size_t begin, size_t end)
{
    unsigned flags = mica_unicode_flags(w->unicode, c) & w->touched;
    uint32_t lower[2];
    char bytes[8];
    size_t n, size;

    if (w->how.strip && (flags & MICA_CHAR_MARK))
        return true;
    if (!(flags & MICA_CHAR_LOWER))
        return put_char(w, c, begin, end);
    n = mica_unicode_to_lower(c, lower);
    if (n == 1)
        return put_char(w, lower[0], begin, end);
    size = mica_utf8_encode(lower[0], bytes);
    size += mica_utf8_encode(lower[1], bytes + size);
    return mica_tok_text_put(w->out, bytes, size, begin, end);
}

/* Puts the waiting marks in their order. Those that replace a character take the origins in the
 * order of the original; those that are inserted share the one before. */
static bool flush_marks(walk *w)
{
    const mica_tok_marks *marks = w->marks;
    size_t next = 0;

    if (marks->count == 0)
        return true;
    if (w->kept > 0) {
        if (!mica_tok_marks_sort(w->marks))
            return false;
        for (size_t i = 0; i < marks->count; i++) {
            const mica_tok_mark *mark = &marks->sorted[i];
            if (!mark->inserted) {
                while (marks->items[next].inserted)
                    next++;
                w->last_begin = marks->items[next].begin;
                w->last_end = marks->items[next].end;
                next++;
            }
            if (!put_ordered(w, mark->c, w->last_begin, w->last_end))
                return false;
        }
    }
    w->marks->count = 0;
    w->kept = 0;
    return true;
}

/* One character of the decomposed text. */
static bool order_char(walk *w, uint32_t c, bool inserted, size_t begin, size_t end)
{
    unsigned flags = mica_unicode_flags(w->unicode, c);

    if (!(flags & MICA_CHAR_COMBINING)) {
        if (!flush_marks(w))
            return false;
        w->last_begin = begin;
        w->last_end = end;
        return put_ordered(w, c, begin, end);
    }
    if (!(w->how.strip && (flags & MICA_CHAR_MARK)))
        w->kept++;
    return mica_tok_marks_add(w->marks, (mica_tok_mark){c, (uint8_t)mica_unicode_combining_class(c),
                                                        inserted, begin, end});
}

static bool decompose_char(walk *w, uint32_t c, unsigned flags, size_t begin, size_t end)
{
    uint32_t parts[MICA_UNICODE_DECOMPOSITION_MAX];
    size_t n;

    if (!w->how.strip)
        return put_ordered(w, c, begin, end);
    if (!(flags & MICA_CHAR_DECOMPOSED))
        return order_char(w, c, false, begin, end);
    n = mica_unicode_decompose(c, false, parts);
    for (size_t i = 0; i < n; i++)
        if (!order_char(w, parts[i], i > 0, begin, end))
            return false;
    return true;
}

/* A character that some operation touches, all the way. */
static bool walk_char(walk *w, uint32_t c, unsigned flags, size_t begin, size_t end)
{
    if (flags & MICA_CHAR_DROPPED)
        return true;
    if (flags & MICA_CHAR_SPACE)
        return flush_marks(w) && put_char(w, ' ', begin, end);
    if (flags & MICA_CHAR_CHINESE)
        return flush_marks(w) && mica_tok_text_put(w->out, " ", 1, begin, end) &&
               decompose_char(w, c, flags, begin, end) && flush_marks(w) &&
               mica_tok_text_put(w->out, " ", 1, begin, end);
    return decompose_char(w, c, flags, begin, end);
}

/* ASCII from p on; returns where it stops: at `end`, or at a character for walk_char. The caller
 * has made room for all of it. */
static const char *walk_ascii(walk *w, const char *p, const char *end)
{
    char *to = w->out->buffer + w->out->size;
    const char *start = p;

    while (p < end) {
        unsigned char c = (unsigned char)*p;
        if (c >= 128 || w->ascii[c] == ASCII_DROP)
            break;
        *to++ = (char)w->ascii[c];
        p++;
    }
    w->out->size += (size_t)(p - start);
    return p;
}

/* Bytes of one run of origins (text.h). */
static bool walk_bytes(walk *w, const char *p, size_t size, size_t from, size_t span)
{
    const char *start = p, *end = p + size;
    bool same = span == MICA_TOK_SAME;

    while (p < end) {
        size_t begin = from, length, stop;
        uint32_t c;
        unsigned flags;

        if (same && (unsigned char)*p < 128 && w->ascii[(unsigned char)*p] != ASCII_DROP) {
            if (!flush_marks(w) || !mica_tok_text_reserve(w->out, (size_t)(end - p)) ||
                !mica_tok_text_same(w->out, from + (size_t)(p - start)))
                return false;
            p = walk_ascii(w, p, end);
            w->last_end = from + (size_t)(p - start);
            w->last_begin = w->last_end - 1;
            continue;
        }
        length = mica_tok_char(p, &c);
        if (same)
            begin = from + (size_t)(p - start);
        stop = begin + (same ? length : span);
        flags = mica_unicode_flags(w->unicode, c) & w->touched;
        if (flags == 0) {
            if (!flush_marks(w) || !put_same(w, p, length, begin, stop))
                return false;
            w->last_begin = begin;
            w->last_end = stop;
        } else if (!walk_char(w, c, flags, begin, stop)) {
            return false;
        }
        p += length;
    }
    return true;
}

static bool walk_text(walk *w, const mica_tok_text *in)
{
    for (size_t r = 0; r < in->run_count; r++) {
        const mica_tok_run *run = &in->runs[r];
        size_t end = r + 1 < in->run_count ? in->runs[r + 1].at : in->size;
        if (!walk_bytes(w, in->data + run->at, end - run->at, run->from, run->span))
            return false;
    }
    return flush_marks(w);
}

bool mica_tok_step_bert(const mica_tok_step_run *run, const mica_tok_text **result)
{
    walk w;

    walk_init(&w, run);
    *result = w.touched ? run->out : run->in;
    return w.touched == 0 || walk_text(&w, run->in);
}
