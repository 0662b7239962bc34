/* SPDX-License-Identifier: MIT
 *
 * Standard output, and what is said when something went wrong.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "cli.h"

static int write_error; /* errno of the first write that failed, 0 = none */

bool out_failed(void)
{
    return write_error != 0;
}

static void note_error(void)
{
    if (!write_error)
        write_error = errno ? errno : EIO;
}

void out_write(const void *data, size_t size)
{
    if (!write_error && size && fwrite(data, 1, size, stdout) != size)
        note_error();
}

void out_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!write_error && vprintf(format, args) < 0)
        note_error();
    va_end(args);
}

mica_status out_json(mica_json_writer *writer, mica_error *err)
{
    const char *text;
    size_t size;
    mica_status status = mica_json_writer_text(writer, &text, &size, err);
    if (!status)
        out_write(text, size);
    mica_json_writer_reset(writer);
    return status;
}

void out_flush(void)
{
    if (!write_error && fflush(stdout) != 0)
        note_error();
}

int out_close(const cli_command *command, int code)
{
    out_flush();
    if (!write_error)
        return code;
    if (write_error != EPIPE)
        fprintf(stderr, "mica: %s%scannot write to standard output: %s\n",
                command ? command->name : "", command ? ": " : "", strerror(write_error));
    return code ? code : EXIT_FAILURE_CODE;
}

int fail(const cli_command *command, const mica_error *err)
{
    fprintf(stderr, "mica: %s: %s\n", command->name,
            err->message[0] ? err->message : mica_status_text(err->status));
    return mica_status_exit_code(err->status);
}

int fail_text(const cli_command *command, mica_status status, const char *format, ...)
{
    va_list args;
    mica_error err;
    va_start(args, format);
    mica_fail_v(&err, status, format, args);
    va_end(args);
    return fail(command, &err);
}

bool format_read(const cli_command *command, const char *name, cli_format *out)
{
    static const char *const names[] = {"text", "json", "jsonl"};
    for (int i = 0; i < 3; i++) {
        if (!name || strcmp(name, names[i]) == 0) {
            *out = (cli_format)i;
            return true;
        }
    }
    usage_error(command, "--format is text, json or jsonl, not '%s'", name);
    return false;
}

printable_text printable(const char *text)
{
    printable_text out;
    mica_copy_printable(out.text, sizeof out.text, text);
    return out;
}

/* Columns that a terminal gives a character: nearly all East Asian wide and combining ones. */
static size_t columns_of(uint32_t c)
{
    static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                                       {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f))
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (c >= wide[i][0] && c <= wide[i][1])
            return 2;
    return 1;
}

/* The character at `at` of a text in UTF-8: its bytes, of which at least one. */
static size_t next_character(const char *text, size_t size, size_t at, uint32_t *c)
{
    const unsigned char *s = (const unsigned char *)text + at;
    size_t length = s[0] < 0xc0 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length > size - at)
        length = size - at;
    *c = length == 1 ? s[0] : s[0] & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; k++)
        *c = *c << 6 | (s[k] & 0x3f);
    return length;
}

/* A control character would act on the terminal. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

size_t text_columns(const char *text)
{
    size_t size = strlen(text), columns = 0;
    uint32_t c;
    for (size_t at = 0; at < size; columns += columns_of(c))
        at += next_character(text, size, at, &c);
    return columns;
}

size_t fit_text(const char *text, size_t width, char *out, size_t room)
{
    size_t size = strlen(text), all = text_columns(text), used = 0, columns = 0, at = 0, length;
    uint32_t c;
    if (all > width && width >= 2) {
        for (size_t gone = 0; at < size && all - gone > width - 2; gone += columns_of(c))
            at += next_character(text, size, at, &c);
        columns = used = (size_t)snprintf(out, room, "..");
    }
    for (; at < size; at += length) {
        length = next_character(text, size, at, &c);
        if (columns + columns_of(c) > width || used + length >= room)
            break;
        columns += columns_of(c);
        if (is_control(c)) {
            out[used++] = ' ';
        } else {
            memcpy(out + used, text + at, length);
            used += length;
        }
    }
    for (; columns < width && used + 1 < room; columns++)
        out[used++] = ' ';
    out[used] = 0;
    return used;
}

void out_label(const mica_text *text, size_t width)
{
    size_t used = 0, length;
    for (size_t i = 0; i < text->size; i += length) {
        uint32_t c;
        length = next_character(text->data, text->size, i, &c);
        if (used + columns_of(c) > width)
            break;
        used += columns_of(c);
        if (is_control(c))
            out_write(" ", 1);
        else
            out_write(text->data + i, length);
    }
    for (; used < width; used++)
        out_write(" ", 1);
}

void out_line(const char *text)
{
    const mica_text whole = {text, strlen(text)};
    out_label(&whole, text_columns(text));
    out_write("\n", 1);
}

void size_text(int64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double number = (double)bytes / 1000;
    size_t unit = 0;
    if (bytes < 0) {
        snprintf(text, size, "?");
        return;
    }
    if (bytes < 1000) {
        snprintf(text, size, "%d B", (int)bytes);
        return;
    }
    while (number >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
        number /= 1000;
        unit++;
    }
    snprintf(text, size, "%.1f %s", number, units[unit]);
}

void write_count(mica_json_writer *w, int64_t number)
{
    if (number < 0)
        mica_json_write_null(w);
    else
        mica_json_write_int(w, number);
}
