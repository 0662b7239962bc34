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
