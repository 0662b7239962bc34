/* SPDX-License-Identifier: MIT
 *
 * The steps of decoders, with the results of Hugging Face's. Where the reference crashes (Strip on
 * a string that is shorter than what it may cut), the string becomes empty.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/decode.h"
#include "tokenizer/text.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

void mica_tok_strings_init(mica_tok_strings *strings, size_t max)
{
    *strings = (mica_tok_strings){0};
    mica_buf_init(&strings->bytes, max);
}

void mica_tok_strings_release(mica_tok_strings *strings)
{
    mica_buf_free(&strings->bytes);
    mica_free(strings->ends);
    *strings = (mica_tok_strings){0};
}

bool mica_tok_strings_end(mica_tok_strings *strings)
{
    if (strings->bytes.failed || !mica_tok_grow((void **)&strings->ends, &strings->capacity,
                                                strings->count + 1, sizeof *strings->ends))
        return false;
    strings->ends[strings->count++] = strings->bytes.size;
    return true;
}

static mica_text string_at(const mica_tok_strings *strings, size_t i)
{
    size_t begin = i > 0 ? strings->ends[i - 1] : 0;

    return (mica_text){mica_buf_cstr(&strings->bytes) + begin, strings->ends[i] - begin};
}

/* ---- replacing ---- */

/* Appends s with `to` for each `from`; an empty `from` stands between all characters and at both
 * ends. */
static void put_replaced(mica_buf *buf, mica_text s, mica_text from, mica_text to)
{
    size_t done = 0, at = 0;

    if (from.size == 0) {
        mica_buf_append(buf, to.data, to.size);
        while (at < s.size) {
            uint32_t c;
            size_t length = mica_tok_char(s.data + at, &c);

            mica_buf_append(buf, s.data + at, length);
            mica_buf_append(buf, to.data, to.size);
            at += length;
        }
        return;
    }
    while (s.size - at >= from.size) {
        const char *first = memchr(s.data + at, from.data[0], s.size - at - from.size + 1);

        if (!first)
            break;
        at = (size_t)(first - s.data);
        if (memcmp(first, from.data, from.size) != 0) {
            at++;
            continue;
        }
        mica_buf_append(buf, s.data + done, at - done);
        mica_buf_append(buf, to.data, to.size);
        at += from.size;
        done = at;
    }
    mica_buf_append(buf, s.data + done, s.size - done);
}

static mica_status put_matched(mica_buf *buf, const mica_tok_decode_step *step,
                               mica_tok_regex_search *search, mica_text s, mica_error *err)
{
    size_t done = 0, begin, end;
    bool found;

    search->at = search->last = 0;
    for (;;) {
        mica_status status =
            mica_tok_regex_next(step->regex, search, s.data, s.size, &begin, &end, &found, err);

        if (status != MICA_OK)
            return status;
        if (!found)
            break;
        mica_buf_append(buf, s.data + done, begin - done);
        mica_buf_append(buf, step->to, step->to_size);
        done = end;
    }
    mica_buf_append(buf, s.data + done, s.size - done);
    return MICA_OK;
}

/* ---- one string ---- */

static void put_wordpiece(mica_buf *buf, const mica_tok_decode_step *step, mica_text s, size_t i)
{
    size_t start = buf->size;

    if (i > 0) {
        if (s.size >= step->size && memcmp(s.data, step->text, step->size) == 0) {
            s.data += step->size;
            s.size -= step->size;
        } else {
            mica_buf_char(buf, ' ');
        }
    }
    mica_buf_append(buf, s.data, s.size);
    if (step->cleanup)
        mica_tok_clean_up(buf, start, true);
}

static void put_stripped(mica_buf *buf, const mica_tok_decode_step *step, mica_text s)
{
    for (size_t n = 0; n < step->start && s.size >= step->size; n++) {
        if (memcmp(s.data, step->text, step->size) != 0)
            break;
        s.data += step->size;
        s.size -= step->size;
    }
    for (size_t n = 0; n < step->stop && s.size >= step->size; n++) {
        if (memcmp(s.data + s.size - step->size, step->text, step->size) != 0)
            break;
        s.size -= step->size;
    }
    mica_buf_append(buf, s.data, s.size);
}

/* Without padding, cleaned up; what is then empty is no string. */
static bool put_ctc(mica_tok_strings *out, const mica_tok_decode_step *step, mica_text s,
                    mica_tok_strings *work)
{
    size_t start = out->bytes.size;
    mica_text space = {" ", 1}, padding = {step->text, step->size},
              delimiter = {step->to, step->to_size};

    if (!step->cleanup) {
        put_replaced(&out->bytes, s, padding, (mica_text){"", 0});
    } else {
        mica_buf_clear(&work->bytes);
        put_replaced(&work->bytes, s, padding, (mica_text){"", 0});
        mica_tok_clean_up(&work->bytes, 0, true);
        if (work->bytes.failed)
            return false;
        s = (mica_text){mica_buf_cstr(&work->bytes), work->bytes.size};
        put_replaced(&out->bytes, s, delimiter, space);
    }
    return out->bytes.failed ? false : out->bytes.size == start || mica_tok_strings_end(out);
}

static bool same_string(const mica_tok_strings *in, size_t i, mica_text s)
{
    mica_text other = string_at(in, i);

    return other.size == s.size && (s.size == 0 || memcmp(other.data, s.data, s.size) == 0);
}

/* ---- bytes ---- */

/* The bytes that the characters of a string stand for; itself if one of them stands for none. */
static void put_bytes(mica_buf *buf, mica_text s)
{
    size_t start = buf->size, at = 0;

    if (!mica_buf_reserve(buf, s.size))
        return;
    while (at < s.size) {
        uint32_t c;
        int byte;

        at += mica_tok_char(s.data + at, &c);
        byte = mica_tok_char_byte(c);
        if (byte < 0) {
            buf->size = start;
            mica_buf_append(buf, s.data, s.size);
            return;
        }
        buf->data[buf->size++] = (char)byte;
    }
    if (buf->data)
        buf->data[buf->size] = '\0';
}

/* How many of the bytes at p begin a character that does not go on: at least 1. */
static size_t broken_size(const unsigned char *p, size_t size)
{
    unsigned low = 0x80, high = 0xBF;
    size_t needed = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2, n = 1;

    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 1;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    while (n < needed && n < size && p[n] >= low && p[n] <= high) {
        low = 0x80;
        high = 0xBF;
        n++;
    }
    return n;
}

/* U+FFFD for each broken character. */
static void put_lossy(mica_buf *buf, const char *data, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t valid = mica_utf8_valid_prefix(data + at, size - at);

        mica_buf_append(buf, data + at, valid);
        at += valid;
        if (at == size)
            return;
        mica_buf_text(buf, REPLACEMENT);
        at += broken_size((const unsigned char *)data + at, size - at);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The byte of "<0xHH>", or -1. The reference's parser of numbers takes a sign. */
static int byte_token(mica_text s)
{
    int high, low;

    if (s.size != 6 || memcmp(s.data, "<0x", 3) != 0 || s.data[5] != '>')
        return -1;
    high = s.data[3] == '+' ? 0 : hex_digit(s.data[3]);
    low = hex_digit(s.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* The run of bytes that stands at the end of out: one string if it is valid, else a U+FFFD for each
 * byte. */
static bool end_bytes(mica_tok_strings *out, size_t start)
{
    mica_buf *buf = &out->bytes;
    size_t count = buf->size - start;

    if (buf->failed)
        return false;
    if (count == 0 || mica_utf8_valid_prefix(buf->data + start, count) == count)
        return count == 0 || mica_tok_strings_end(out);
    buf->size = start;
    while (count-- > 0) {
        mica_buf_text(buf, REPLACEMENT);
        if (!mica_tok_strings_end(out))
            return false;
    }
    return true;
}

/* ---- all strings ---- */

static bool run_byte_level(const mica_tok_strings *in, mica_tok_strings *out)
{
    mica_buf bytes;
    bool ok;

    mica_buf_init(&bytes, in->bytes.max);
    for (size_t i = 0; i < in->count; i++)
        put_bytes(&bytes, string_at(in, i));
    if (!bytes.failed)
        put_lossy(&out->bytes, mica_buf_cstr(&bytes), bytes.size);
    ok = !bytes.failed && mica_tok_strings_end(out);
    mica_buf_free(&bytes);
    return ok;
}

static bool run_byte_fallback(const mica_tok_strings *in, mica_tok_strings *out)
{
    size_t start = 0; /* of the run of bytes */

    for (size_t i = 0; i < in->count; i++) {
        mica_text s = string_at(in, i);
        int byte = byte_token(s);

        if (byte >= 0) {
            mica_buf_char(&out->bytes, (char)byte);
            continue;
        }
        if (!end_bytes(out, start))
            return false;
        mica_buf_append(&out->bytes, s.data, s.size);
        if (!mica_tok_strings_end(out))
            return false;
        start = out->bytes.size;
    }
    return end_bytes(out, start);
}

static bool run_ctc(const mica_tok_decode_step *step, const mica_tok_strings *in,
                    mica_tok_strings *out)
{
    mica_tok_strings work;
    bool ok = true;

    mica_tok_strings_init(&work, in->bytes.max);
    for (size_t i = 0; i < in->count && ok; i++) {
        mica_text s = string_at(in, i);

        if (i == 0 || !same_string(in, i - 1, s))
            ok = put_ctc(out, step, s, &work);
    }
    mica_tok_strings_release(&work);
    return ok;
}

/* Steps that make one string of each. */
static mica_status run_each(const mica_tok_decode_step *step, const mica_tok_strings *in,
                            mica_tok_strings *out, mica_error *err)
{
    mica_text text = {step->text, step->size}, to = {step->to, step->to_size};
    mica_text space = {" ", 1}, nothing = {"", 0};
    mica_tok_regex_search search = {0};
    mica_status status = MICA_OK;

    for (size_t i = 0; i < in->count && status == MICA_OK; i++) {
        mica_text s = string_at(in, i);

        if (step->kind == MICA_TOK_DECODE_WORDPIECE)
            put_wordpiece(&out->bytes, step, s, i);
        else if (step->kind == MICA_TOK_DECODE_STRIP)
            put_stripped(&out->bytes, step, s);
        else if (step->kind == MICA_TOK_DECODE_METASPACE)
            put_replaced(&out->bytes, s, text, i == 0 && step->drop_first ? nothing : space);
        else if (step->kind == MICA_TOK_DECODE_BPE)
            put_replaced(&out->bytes, s, text, i + 1 == in->count ? nothing : space);
        else if (step->regex && s.size > 0)
            status = put_matched(&out->bytes, step, &search, s, err);
        else if (s.size > 0) /* the reference finds nothing, not even "", in an empty string */
            put_replaced(&out->bytes, s, text, to);
        if (status == MICA_OK && !mica_tok_strings_end(out))
            status = mica_fail_memory(err, out->bytes.size, "a decoded text");
    }
    mica_tok_regex_search_release(&search);
    return status;
}

static mica_status run_step(const mica_tok_decode_step *step, const mica_tok_strings *in,
                            mica_tok_strings *out, mica_error *err)
{
    bool ok = true;

    switch (step->kind) {
    case MICA_TOK_DECODE_BYTE_LEVEL:
        ok = run_byte_level(in, out);
        break;
    case MICA_TOK_DECODE_BYTE_FALLBACK:
        ok = run_byte_fallback(in, out);
        break;
    case MICA_TOK_DECODE_CTC:
        ok = run_ctc(step, in, out);
        break;
    case MICA_TOK_DECODE_FUSE:
        mica_buf_append(&out->bytes, mica_buf_cstr(&in->bytes), in->bytes.size);
        ok = mica_tok_strings_end(out);
        break;
    case MICA_TOK_DECODE_WORDPIECE:
    case MICA_TOK_DECODE_METASPACE:
    case MICA_TOK_DECODE_BPE:
    case MICA_TOK_DECODE_STRIP:
    case MICA_TOK_DECODE_REPLACE:
        return run_each(step, in, out, err);
    }
    return ok ? MICA_OK : mica_fail_memory(err, out->bytes.size, "a decoded text");
}

mica_status mica_tok_decoder_run(const mica_tok_decoder *decoder, mica_tok_strings strings[2],
                                 mica_error *err)
{
    mica_status status = MICA_OK;

    for (size_t i = 0; i < decoder->count && status == MICA_OK; i++) {
        mica_tok_strings swap = strings[0];

        mica_buf_clear(&strings[1].bytes);
        strings[1].count = 0;
        status = run_step(&decoder->steps[i], &swap, &strings[1], err);
        strings[0] = strings[1];
        strings[1] = swap;
    }
    return status;
}
