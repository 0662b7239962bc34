/* SPDX-License-Identifier: MIT
 *
 * Status names and error texts. See error.h and mica/status.h.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const struct {
    mica_status status;
    int exit_code;
    const char *name, *text;
} table[] = {
#define MICA_STATUS(name, value, exit_code, text) {MICA_STATUS_##name, exit_code, #name, text},
#include "mica/status.def"
#undef MICA_STATUS
};

static size_t row(mica_status status)
{
    size_t i = 0;
    while (i < sizeof table / sizeof table[0] && table[i].status != status)
        i++;
    return i;
}

const char *mica_status_name(mica_status status)
{
    size_t i = row(status);
    return i < sizeof table / sizeof table[0] ? table[i].name : "UNKNOWN";
}

const char *mica_status_text(mica_status status)
{
    size_t i = row(status);
    return i < sizeof table / sizeof table[0] ? table[i].text : "a status that mica does not know";
}

int mica_status_exit_code(mica_status status)
{
    size_t i = row(status);
    return i < sizeof table / sizeof table[0] ? table[i].exit_code : 1;
}

const char *mica_version(void)
{
    return MICA_VERSION;
}

void mica_copy_printable(char *out, size_t size, const char *text)
{
    const char *end = text + strlen(text);
    size_t used = 0, safe = 0; /* safe: the last place where "..." still fits */
    while (text < end) {
        uint32_t cp = 0;
        size_t length = mica_utf8_decode(text, end, &cp);
        char piece[8];
        bool plain = length > 0 && cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0) &&
                     cp != 0x2028 && cp != 0x2029;
        size_t need = length;
        if (plain) {
            memcpy(piece, text, length);
        } else {
            length = 1;
            need = (size_t)snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)*text);
        }
        if (used + need + 1 > size) {
            memcpy(out + safe, "...", 4);
            return;
        }
        memcpy(out + used, piece, need);
        used += need;
        text += length;
        if (used + 4 <= size)
            safe = used;
    }
    out[used] = 0;
}

mica_status mica_fail_v(mica_error *err, mica_status status, const char *format, va_list args)
{
    if (err) {
        char raw[4096];
        vsnprintf(raw, sizeof raw, format, args);
        err->status = status;
        mica_copy_printable(err->message, sizeof err->message, raw);
    }
    return status;
}

mica_status mica_fail(mica_error *err, mica_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mica_fail_v(err, status, format, args);
    va_end(args);
    return status;
}

mica_status mica_fail_memory(mica_error *err, size_t bytes, const char *what)
{
    return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory: %zu bytes for %s", bytes,
                     what);
}

mica_status mica_fail_errno(mica_error *err, int errno_value, const char *what, const char *path)
{
    if (errno_value == ENOSPC || errno_value == EDQUOT)
        return mica_fail(
            err, MICA_STATUS_DISK_FULL,
            "%s '%s': %s; remove what is not needed, or choose a place on another disk", what, path,
            errno_value == ENOSPC ? "the disk is full" : "the disk quota is used up");
    mica_status status = errno_value == ENOENT   ? MICA_STATUS_NOT_FOUND
                         : errno_value == ENOMEM ? MICA_STATUS_OUT_OF_MEMORY
                                                 : MICA_STATUS_IO;
    return mica_fail(err, status, "%s '%s': %s", what, path, strerror(errno_value));
}

void mica_error_prefix(mica_error *err, const char *format, ...)
{
    if (!err)
        return;
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof text)
        n = (int)sizeof text - 1;
    snprintf(text + n, sizeof text - (size_t)n, "%s", err->message);
    mica_copy_printable(err->message, sizeof err->message, text);
}
