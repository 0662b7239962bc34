/* SPDX-License-Identifier: MIT */
#include "report_memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16, CLEAN_MAX = 600 };

struct report_block {
    struct report_block *next;
    size_t used, size;
    max_align_t data[];
};

void *report_alloc(report_pool *pool, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size) {
        pool->failed = true;
        return NULL;
    }
    size_t bytes = (count * size + sizeof(max_align_t)) / sizeof(max_align_t) * sizeof(max_align_t);
    report_block *b = pool->blocks;
    if (!b || b->size - b->used < bytes) {
        size_t room = bytes > BLOCK ? bytes : BLOCK;
        b = calloc(1, sizeof *b + room);
        if (!b) {
            pool->failed = true;
            return NULL;
        }
        b->size = room;
        b->next = pool->blocks;
        pool->blocks = b;
    }
    void *memory = (char *)b->data + b->used;
    b->used += bytes;
    return memory;
}

void *report_room(report_pool *pool, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    size_t more = *room ? *room * 2 : 8;
    void *larger = report_alloc(pool, more, size);
    if (!larger)
        return NULL;
    if (count)
        memcpy(larger, items, count * size);
    *room = more;
    return larger;
}

const char *report_print(report_pool *pool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : report_alloc(pool, (size_t)n + 1, 1);
    if (!text)
        return "";
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

/* U+0080 to U+009F, and U+200E, U+200F, U+202A to U+202E, U+2028, U+2029, U+2066 to U+2069, whose
 * bytes are replaced one for one. */
static size_t hidden(const unsigned char *s)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
        return 2;
    if (s[0] != 0xe2 || (s[1] != 0x80 && s[1] != 0x81))
        return 0;
    if (s[1] == 0x80)
        return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae) ? 3 : 0;
    return s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
}

const char *report_clean(report_pool *pool, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    bool cut = size > CLEAN_MAX;
    if (cut)
        for (size = CLEAN_MAX; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
            ;
    char *copy = report_alloc(pool, size + 4, 1);
    if (!copy)
        return "";
    if (size)
        memcpy(copy, text, size);
    for (size_t i = 0, n; i < size; i += n ? n : 1) {
        n = hidden((unsigned char *)copy + i);
        memset(copy + i, ' ', n);
    }
    if (cut)
        memcpy(copy + size, "...", 3);
    return copy;
}

void report_free(report_pool *pool)
{
    for (report_block *b = pool->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    pool->blocks = NULL;
}

/* ---- growing texts ---- */

static bool reserve(report_text *text, size_t size)
{
    if (text->failed || size >= SIZE_MAX / 4 - text->size) {
        text->failed = true;
        return false;
    }
    if (text->size + size + 1 <= text->room)
        return true;
    size_t room = (text->size + size + 1) * 2;
    char *data = realloc(text->data, room);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

void report_add(report_text *text, const char *data, size_t size)
{
    if (!reserve(text, size))
        return;
    if (size)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

void report_put(report_text *text, const char *data)
{
    report_add(text, data, strlen(data));
}

void report_addf(report_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !reserve(text, (size_t)n)) {
        text->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(text->data + text->size, (size_t)n + 1, format, args);
    va_end(args);
    text->size += (size_t)n;
}

void report_put_escaped(report_text *text, const char *data)
{
    static const char special[] = "&<>\"'";
    static const char *const written[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    while (*data) {
        size_t plain = strcspn(data, special);
        report_add(text, data, plain);
        data += plain;
        if (*data)
            report_put(text, written[strchr(special, *data++) - special]);
    }
}

void report_text_free(report_text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}

const char *report_ms(report_pool *pool, double seconds)
{
    double ms = seconds * 1e3;
    int digits = ms >= 1000 ? 0 : ms >= 100 ? 1 : ms >= 10 ? 2 : ms >= 1 ? 3 : ms >= 0.01 ? 4 : 5;
    return report_print(pool, "%.*f", digits, ms);
}
