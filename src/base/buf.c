/* SPDX-License-Identifier: MIT
 *
 * Invariant: size < capacity once there is data, and data[size] is NUL.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

void mica_buf_init(mica_buf *buf, size_t max)
{
    memset(buf, 0, sizeof *buf);
    buf->max = max;
}

void mica_buf_free(mica_buf *buf)
{
    mica_free(buf->data);
    mica_buf_init(buf, buf->max);
}

void mica_buf_clear(mica_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = 0;
}

bool mica_buf_reserve(mica_buf *buf, size_t extra)
{
    size_t need;
    if (buf->failed || !mica_add_size(buf->size, extra, &need) || need > buf->max ||
        !mica_add_size(need, 1, &need)) {
        buf->failed = true;
        return false;
    }
    if (need <= buf->capacity)
        return true;
    /* Twice as much as before, so that n appends cost O(n), but never more than max needs. */
    size_t capacity = buf->capacity <= buf->max / 2 ? buf->capacity * 2 : buf->max;
    if (capacity < 64)
        capacity = 64;
    if (capacity < need)
        capacity = need;
    char *data = mica_realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool mica_buf_append(mica_buf *buf, const void *data, size_t size)
{
    if (!mica_buf_reserve(buf, size))
        return false;
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = 0;
    return true;
}

bool mica_buf_text(mica_buf *buf, const char *text)
{
    return mica_buf_append(buf, text, strlen(text));
}

bool mica_buf_char(mica_buf *buf, char c)
{
    return mica_buf_append(buf, &c, 1);
}

bool mica_buf_codepoint(mica_buf *buf, uint32_t cp)
{
    char bytes[4];
    return mica_buf_append(buf, bytes, mica_utf8_encode(cp, bytes));
}

bool mica_buf_printf(mica_buf *buf, const char *format, ...)
{
    char text[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(text, sizeof text, format, args);
    bool ok = n >= 0;
    if (ok && (size_t)n < sizeof text) {
        ok = mica_buf_append(buf, text, (size_t)n);
    } else if (ok) {
        ok = mica_buf_reserve(buf, (size_t)n);
        if (ok) {
            vsnprintf(buf->data + buf->size, (size_t)n + 1, format, again);
            buf->size += (size_t)n;
        }
    } else {
        buf->failed = true;
    }
    va_end(again);
    va_end(args);
    return ok;
}

const char *mica_buf_cstr(const mica_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *mica_buf_take(mica_buf *buf, size_t *size)
{
    char *data = NULL;
    if (!buf->failed && mica_buf_reserve(buf, 0)) {
        data = buf->data;
        data[buf->size] = 0;
        if (size)
            *size = buf->size;
        buf->data = NULL;
    }
    mica_buf_free(buf);
    return data;
}
