/* SPDX-License-Identifier: MIT
 *
 * A small automaton over the tokens of RFC 8259. It keeps a stack of open brackets and whether a
 * value or a separator is due; strings and numbers are checked to the letter.
 */
#include "base/json_check.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json_number.h"
#include "base/utf8.h"

enum { MAX_DEPTH = 128 };

typedef struct reader {
    const char *begin, *at, *end;
    const char *name;
    mica_error *err;
    bool rewrite;         /* see json_check.h */
    size_t keys, bad_key; /* keys read so far; the one to complain about (0 = none) */
} reader;

static mica_status complain(const reader *r, const char *at, const char *what)
{
    size_t line = 1, column = 1;
    for (const char *p = r->begin; p < at; p++) {
        column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
        line += *p == '\n';
    }
    return mica_fail(r->err, MICA_STATUS_FORMAT, "%s:%zu:%zu: not valid JSON: %s", r->name, line,
                     column, what);
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool digits(reader *r)
{
    const char *start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > start;
}

static mica_status check_number(reader *r)
{
    const char *start = r->at;
    bool exponent = false;
    if (*r->at == '-')
        r->at++;
    const char *integer = r->at;
    if (!digits(r))
        return complain(r, start, "a number without digits");
    if (*integer == '0' && r->at - integer > 1)
        return complain(r, start, "a number that starts with 0");
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!digits(r))
            return complain(r, start, "a number that ends in a point");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        exponent = true;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!digits(r))
            return complain(r, start, "an exponent without digits");
    }
    size_t size = (size_t)(r->at - start);
    if (size > MICA_JSON_LONG_NUMBER)
        r->rewrite = true;
    /* Without an exponent it takes more than 300 digits to be too large. */
    if ((exponent || size > 300) && !isfinite(mica_json_read_number(start, size)))
        return complain(r, start, "a number too large for a double");
    return MICA_OK;
}

/* Four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static mica_status check_escape(reader *r, bool key)
{
    const char *start = r->at++; /* the backslash */
    char c = r->at < r->end ? *r->at++ : 0;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c) ? MICA_OK : complain(r, start, "an unknown escape");
    int32_t unit = hex4(r->at, r->end);
    if (unit < 0)
        return complain(r, start, "\\u without four hexadecimal digits");
    r->at += 4;
    if (unit == 0) {
        r->rewrite = true;
        return key ? complain(r, start, "a key that holds U+0000") : MICA_OK;
    }
    if (unit >= 0xdc00 && unit < 0xe000)
        return complain(r, start, "half of a surrogate pair");
    if (unit >= 0xd800 && unit < 0xdc00) {
        int32_t low = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u'
                          ? hex4(r->at + 2, r->end)
                          : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return complain(r, start, "half of a surrogate pair");
        r->at += 6;
    }
    return MICA_OK;
}

static mica_status check_string(reader *r, bool key)
{
    const char *start = r->at++;
    while (r->at < r->end && *r->at != '"') {
        if (*r->at == '\\') {
            mica_status status = check_escape(r, key);
            if (status)
                return status;
        } else if ((unsigned char)*r->at < 0x20) {
            return complain(r, r->at, "a control character in a string (write it as an escape)");
        } else {
            r->at++;
        }
    }
    if (r->at == r->end)
        return complain(r, start, "a string that does not end");
    r->at++;
    return MICA_OK;
}

static mica_status check_literal(reader *r)
{
    static const char *const words[] = {"null", "true", "false"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(r->end - r->at) >= n && memcmp(r->at, words[i], n) == 0) {
            r->at += n;
            return MICA_OK;
        }
    }
    return complain(r, r->at, "a value was expected here");
}

/* A key and its colon. */
static mica_status check_key(reader *r)
{
    skip_space(r);
    if (r->at == r->end || *r->at != '"')
        return complain(r, r->at, "a key in double quotes was expected here");
    const char *start = r->at;
    mica_status status = check_string(r, true);
    if (status)
        return status;
    if (++r->keys == r->bad_key) {
        char what[256];
        size_t length = (size_t)(r->at - start);
        snprintf(what, sizeof what, "the key %.*s%s stands twice in its object",
                 (int)(length < 200 ? length : 200), start, length < 200 ? "" : "...");
        return complain(r, start, what);
    }
    skip_space(r);
    if (r->at == r->end || *r->at != ':')
        return complain(r, r->at, "':' was expected here");
    r->at++;
    return MICA_OK;
}

static mica_status check_scalar(reader *r)
{
    if (*r->at == '"')
        return check_string(r, false);
    if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9'))
        return check_number(r);
    return check_literal(r);
}

static mica_status check_document(reader *r)
{
    char open[MAX_DEPTH]; /* the closing bracket of each open one */
    size_t depth = 0;
    for (;;) {
        /* A value is due. */
        skip_space(r);
        mica_status status = MICA_OK;
        bool opened = false;
        if (r->at == r->end)
            return complain(r, r->at, "the text ends where a value was expected");
        if (*r->at == '{' || *r->at == '[') {
            if (depth == MAX_DEPTH)
                return complain(r, r->at, "nested more than 128 deep");
            open[depth++] = *r->at++ == '{' ? '}' : ']';
            skip_space(r);
            opened = true;
        } else {
            status = check_scalar(r);
        }
        if (status)
            return status;
        bool empty = opened && r->at < r->end && *r->at == open[depth - 1];
        if (opened && !empty) {
            if (open[depth - 1] == '}' && (status = check_key(r)))
                return status;
            continue;
        }
        /* A value is complete (or an empty pair of brackets is about to close). */
        for (;;) {
            skip_space(r);
            if (depth == 0)
                return r->at == r->end ? MICA_OK
                                       : complain(r, r->at, "something after the document");
            if (r->at == r->end)
                return complain(r, r->at, "the text ends inside an array or object");
            if (*r->at == open[depth - 1]) {
                r->at++;
                depth--;
                continue;
            }
            if (*r->at != ',')
                return complain(r, r->at,
                                open[depth - 1] == '}' ? "',' or '}' was expected here"
                                                       : "',' or ']' was expected here");
            r->at++;
            if (open[depth - 1] == '}' && (status = check_key(r)))
                return status;
            break;
        }
    }
}

mica_status mica_json_check(const char *text, size_t size, const char *name, bool *rewrite,
                            mica_error *err)
{
    reader r = {text, text, text + size, name, err, false, 0, 0};
    size_t valid = mica_utf8_valid_prefix(text, size);
    *rewrite = false;
    if (valid < size) {
        char what[32];
        snprintf(what, sizeof what, "byte 0x%02x is not UTF-8", (unsigned char)text[valid]);
        return complain(&r, text + valid, what);
    }
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return complain(&r, text, "it starts with a byte order mark; save it as UTF-8 without one");
    skip_space(&r);
    if (r.at == r.end)
        return complain(&r, text, "the document is empty");
    mica_status status = check_document(&r);
    *rewrite = r.rewrite;
    return status;
}

mica_status mica_json_fail_at_key(const char *text, size_t size, const char *name, size_t key,
                                  mica_error *err)
{
    reader r = {text, text, text + size, name, err, false, 0, key};
    return check_document(&r);
}
