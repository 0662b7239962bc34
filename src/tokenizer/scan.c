/* SPDX-License-Identifier: MIT
 *
 * The patterns, alternative by alternative; the first that matches counts.
 *
 *     GPT-2    's|'t|'re|'ve|'m|'ll|'d | ?L+ | ?N+ | ?[^sLN]+ | s+(?!S) | s+
 *     Llama 3  the same endings in any case | [^\r\nLN]?L+ | N{1,3} | ?[^sLN]+[\r\n]* | s*[\r\n]+ |
 *              s+(?!S) | s+
 *     Qwen     as Llama 3 with N in place of N{1,3}
 *
 * where s is white space (S what is not), L a letter and N a number. s+(?!S) leaves the last white
 * space before a word to it.
 */
#include "tokenizer/scan.h"

#include <string.h>

#include "tokenizer/ascii.h"
#include "tokenizer/text.h"

#define SPACE MICA_CHAR_SPACE
#define LETTER MICA_CHAR_LETTER
#define NUMBER MICA_CHAR_NUMBER

mica_tok_scan mica_tok_scan_of(const char *pattern, size_t size)
{
    static const char *const patterns[] = {
        [MICA_TOK_SCAN_GPT2] =
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        [MICA_TOK_SCAN_LLAMA3] =
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
            "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        [MICA_TOK_SCAN_QWEN] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                               "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"};

    for (int scan = MICA_TOK_SCAN_GPT2; scan <= MICA_TOK_SCAN_QWEN; scan++)
        if (strlen(patterns[scan]) == size && memcmp(patterns[scan], pattern, size) == 0)
            return (mica_tok_scan)scan;
    return MICA_TOK_SCAN_NONE;
}

typedef struct scanner {
    const uint16_t *ascii;
    const mica_unicode *unicode;
    const char *data;
    size_t size;
} scanner;

static inline unsigned flags_at(const scanner *s, size_t at, size_t *length)
{
    unsigned char byte = (unsigned char)s->data[at];
    uint32_t c;

    if (byte < 128) {
        *length = 1;
        return s->ascii[byte];
    }
    *length = mica_tok_char(s->data + at, &c);
    return mica_unicode_flags(s->unicode, c);
}

/* The end of the characters from `at` on that have some of the flags `with`, and none of
 * `without`. */
static inline size_t run(const scanner *s, size_t at, unsigned with, unsigned without)
{
    while (at < s->size) {
        size_t length;
        unsigned flags = flags_at(s, at, &length);

        if ((with && !(flags & with)) || (flags & without))
            break;
        at += length;
    }
    return at;
}

/* The end of the letters from `at` on. */
static inline size_t letters(const scanner *s, size_t at)
{
    for (;;) {
        size_t length;

        at = mica_tok_skip_letters(s->data, at, s->size);
        if (at == s->size || !(flags_at(s, at, &length) & LETTER))
            return at;
        at += length;
    }
}

/* The end of 's, 't, 're, 've, 'm, 'll or 'd at the apostrophe `at`, or 0. In any case, U+017F is
 * an s. */
static size_t contraction(const scanner *s, size_t at, bool any_case)
{
    size_t left = s->size - at;
    unsigned char a = left > 1 ? (unsigned char)s->data[at + 1] : 0;
    unsigned char b = left > 2 ? (unsigned char)s->data[at + 2] : 0;

    if (any_case && a == 0xC5 && b == 0xBF)
        return at + 3;
    if (any_case) {
        a |= 0x20;
        b |= 0x20;
    }
    if (left > 1 && (a == 's' || a == 't' || a == 'm' || a == 'd'))
        return at + 2;
    if (left > 2 && ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')))
        return at + 3;
    return 0;
}

/* s+(?!S)|s+ from `at` on, whose character is white space and ends at `next`. */
static size_t white_space(const scanner *s, size_t at, size_t next)
{
    size_t last = at, end = next, length;

    while (end < s->size && (flags_at(s, end, &length) & SPACE)) {
        last = end;
        end += length;
    }
    return end == s->size || last == at ? end : last;
}

static inline size_t gpt2(const scanner *s, size_t at)
{
    size_t length, next, end;
    unsigned flags = flags_at(s, at, &length);

    next = at + length;
    if (flags & LETTER)
        return letters(s, next);
    if (s->data[at] == ' ' && next < s->size) {
        flags = flags_at(s, next, &length);
        if (flags & SPACE)
            return white_space(s, at, at + 1);
        next += length;
    } else if (s->data[at] == '\'' && (end = contraction(s, at, false)) > 0) {
        return end;
    }
    if (flags & LETTER)
        return letters(s, next);
    if (flags & NUMBER)
        return run(s, next, NUMBER, 0);
    if (flags & SPACE)
        return white_space(s, at, next);
    return run(s, next, 0, SPACE | LETTER | NUMBER);
}

static inline bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

static size_t line_ends(const scanner *s, size_t at)
{
    while (at < s->size && is_line_end(s->data[at]))
        at++;
    return at;
}

/* \s*[\r\n]+ where white space begins: up to the last line end in it, else as white_space. */
static size_t lines(const scanner *s, size_t at, size_t next)
{
    size_t last = at, end = at, lines_end = 0, length = next - at;

    while (end < s->size && (flags_at(s, end, &length) & SPACE)) {
        last = end;
        end += length;
        if (is_line_end(s->data[last]))
            lines_end = end;
    }
    if (lines_end > 0)
        return lines_end;
    return end == s->size || last == at ? end : last;
}

static inline size_t llama3(const scanner *s, size_t at, unsigned digits)
{
    size_t length, next, end;
    unsigned flags = flags_at(s, at, &length), following = 0;

    next = at + length;
    if (flags & LETTER)
        return letters(s, next);
    if (s->data[at] == '\'' && (end = contraction(s, at, true)) > 0)
        return end;
    if (flags & NUMBER) {
        for (; digits > 1 && next < s->size; digits--) {
            if (!(flags_at(s, next, &length) & NUMBER))
                break;
            next += length;
        }
        return next;
    }
    if (next < s->size)
        following = flags_at(s, next, &length);
    if (!is_line_end(s->data[at]) && (following & LETTER))
        return letters(s, next + length);
    if (s->data[at] == ' ' && next < s->size && !(following & (SPACE | LETTER | NUMBER)))
        return line_ends(s, run(s, next, 0, SPACE | LETTER | NUMBER));
    if (flags & SPACE)
        return lines(s, at, next);
    return line_ends(s, run(s, next, 0, SPACE | LETTER | NUMBER));
}

bool mica_tok_scan_pieces(mica_tok_scan scan, const mica_unicode *unicode, const char *data,
                          size_t begin, size_t end, mica_tok_pieces *pieces)
{
    const scanner s = {unicode->flags + (size_t)unicode->block[0] * 256, unicode, data, end};
    unsigned digits = scan == MICA_TOK_SCAN_LLAMA3 ? 3 : 1;

    while (begin < end) {
        size_t next = scan == MICA_TOK_SCAN_GPT2 ? gpt2(&s, begin) : llama3(&s, begin, digits);

        if (!mica_tok_pieces_add(pieces, begin, next))
            return false;
        begin = next;
    }
    return true;
}

size_t mica_tok_scan_next(mica_tok_scan scan, const mica_unicode *unicode, const char *data,
                          size_t at, size_t size)
{
    const scanner s = {unicode->flags + (size_t)unicode->block[0] * 256, unicode, data, size};

    if (scan == MICA_TOK_SCAN_GPT2)
        return gpt2(&s, at);
    return llama3(&s, at, scan == MICA_TOK_SCAN_LLAMA3 ? 3 : 1);
}
