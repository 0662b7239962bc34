/* SPDX-License-Identifier: MIT
 *
 * Standard output, and what is said when something went wrong.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

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
    va_start(args, format);
    fprintf(stderr, "mica: %s: ", command->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    return mica_status_exit_code(status);
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

void out_label(const mica_text *text, size_t width)
{
    size_t used = 0, length;
    for (size_t i = 0; i < text->size; i += length) {
        const unsigned char *s = (const unsigned char *)text->data + i;
        length = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        if (i + length > text->size)
            break;
        uint32_t c = length == 1 ? s[0] : s[0] & (0xffu >> (length + 1));
        for (size_t k = 1; k < length; k++)
            c = c << 6 | (s[k] & 0x3f);
        size_t columns = columns_of(c);
        if (used + columns > width)
            break;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* a control character would act on the terminal */
            out_write(" ", 1);
        else
            out_write(s, length);
        used += columns;
    }
    for (; used < width; used++)
        out_write(" ", 1);
}
