/* SPDX-License-Identifier: MIT
 *
 * Decoding as SentencePiece does it (sentencepiece_processor.cc), between special tokens, which
 * stand in the text as they are: what transformers' tokenizer of M2M-100 does.
 */
#include <string.h>

#include "base/utf8.h"
#include "tokenizer/internal.h"

static const char visible[] = "\u2581", replacement[] = "\xEF\xBF\xBD";

typedef struct decoder {
    const mica_tokenizer *t;
    const mica_tok_sentencepiece *m;
    mica_buf *out;
    size_t start;     /* of what stands after the last special token */
    bool seen;        /* the last piece began with a space that does not count */
    char bytes[1024]; /* those of byte pieces */
    size_t byte_count;
} decoder;

/* Bytes as characters; those that are none become U+FFFD. `all`: no more of them follow. */
static void flush_bytes(decoder *d, bool all)
{
    size_t at = 0;

    while (at < d->byte_count && (all || d->byte_count - at >= 4)) {
        uint32_t c;
        size_t size = mica_utf8_decode(d->bytes + at, d->bytes + d->byte_count, &c);

        if (size > 0)
            mica_buf_append(d->out, d->bytes + at, size);
        else
            mica_buf_text(d->out, replacement);
        at += size > 0 ? size : 1;
    }
    d->byte_count -= at;
    memmove(d->bytes, d->bytes + at, d->byte_count);
}

/* A piece of text with its spaces. */
static void put_piece(decoder *d, const char *data, size_t size)
{
    const size_t mark = sizeof visible - 1;
    const mica_tok_spm_rules *rules = &d->m->rules;
    bool first = !d->seen && d->out->size == d->start;

    d->seen = false;
    if (first && (rules->add_dummy_prefix || rules->remove_extra_whitespaces) && size >= mark &&
        memcmp(data, visible, mark) == 0) {
        data += mark;
        size -= mark;
        /* One space does not count; if they are removed, no space before the first text does. */
        d->seen = !rules->remove_extra_whitespaces;
    }
    while (size > 0) {
        size_t found;

        if (!mica_tok_find(data, size, 0, visible, mark, &found))
            found = size;
        mica_buf_append(d->out, data, found);
        if (found < size) {
            mica_buf_char(d->out, ' ');
            found += mark;
        }
        data += found;
        size -= found;
    }
}

static void put_token(decoder *d, int64_t id, const char *string, size_t size)
{
    int kind = mica_tok_sentencepiece_kind(d->m, id);

    if (kind >= 0) {
        if (d->byte_count == sizeof d->bytes)
            flush_bytes(d, false);
        d->bytes[d->byte_count++] = (char)kind;
        return;
    }
    flush_bytes(d, true);
    switch (kind) {
    case MICA_TOK_PIECE_TEXT:
        put_piece(d, string, size);
        break;
    case MICA_TOK_PIECE_UNKNOWN:
        d->seen = false;
        mica_buf_append(d->out, d->m->unknown_surface.data, d->m->unknown_surface.size);
        break;
    case MICA_TOK_PIECE_OTHER:
        d->seen = false;
        mica_buf_append(d->out, string, size);
        break;
    default: /* control pieces stand for nothing */
        d->seen = false;
        break;
    }
}

/* White space to Python, at the start and the end of the text. */
static bool is_space(const mica_unicode *unicode, uint32_t c)
{
    return (c >= 0x1C && c <= 0x1F) || (mica_unicode_flags(unicode, c) & MICA_CHAR_SPACE) != 0;
}

static void strip(const mica_unicode *unicode, mica_buf *buf)
{
    size_t begin = 0, end = buf->size;
    uint32_t c;

    while (begin < end) {
        size_t size = mica_tok_char(buf->data + begin, &c);
        if (!is_space(unicode, c))
            break;
        begin += size;
    }
    while (end > begin) {
        size_t at = end - 1;
        while (((unsigned char)buf->data[at] & 0xC0) == 0x80)
            at--;
        mica_tok_char(buf->data + at, &c);
        if (!is_space(unicode, c))
            break;
        end = at;
    }
    if (begin > 0)
        memmove(buf->data, buf->data + begin, end - begin);
    buf->size = end - begin;
}

mica_status mica_tok_decode_sentencepiece(const mica_tokenizer *t, const int64_t *ids, size_t count,
                                          bool skip_special, mica_buf *out, mica_error *err)
{
    decoder d = {.t = t, .m = &t->model.sentencepiece, .out = out};

    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *string = mica_tok_string(t, ids[i], &size);
        const mica_tok_added_token *added;

        if (ids[i] < 0 || (uint64_t)ids[i] >= t->id_limit)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "id %lld at position %zu is not in the vocabulary (of %zu)",
                             (long long)ids[i], i, t->id_limit);
        if (!string) /* an id that was made up is unknown to the reference */
            string = mica_tok_string(t, d.m->unknown, &size);
        added = mica_tok_added_find(&t->added, string, size);
        if (!added || !added->ever_special) {
            put_token(&d, ids[i], string, size);
            continue;
        }
        if (skip_special)
            continue;
        flush_bytes(&d, true);
        mica_buf_append(out, string, size);
        d.start = out->size;
        d.seen = false;
    }
    flush_bytes(&d, true);
    if (out->failed)
        return mica_fail_memory(err, out->size, "a decoded text");
    if (out->size > 0)
        strip(&t->unicode, out);
    return MICA_OK;
}
