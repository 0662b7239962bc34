/* SPDX-License-Identifier: MIT
 *
 * The JSON writer: appends to a buffer and knows where a comma is due.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_number.h"
#include "base/utf8.h"
#include "mica/json.h"

struct mica_json_writer {
    mica_buf buf;
    bool comma; /* one is due before the next value or key */
};

mica_status mica_json_writer_create(mica_json_writer **out, mica_error *err)
{
    *out = mica_calloc(1, sizeof **out);
    if (!*out)
        return mica_fail_memory(err, sizeof **out, "a JSON writer");
    mica_buf_init(&(*out)->buf, (size_t)1 << 40);
    return MICA_OK;
}

void mica_json_writer_destroy(mica_json_writer **writer)
{
    if (*writer)
        mica_buf_free(&(*writer)->buf);
    mica_free(*writer);
    *writer = NULL;
}

static void separate(mica_json_writer *writer)
{
    if (writer->comma)
        mica_buf_char(&writer->buf, ',');
    writer->comma = true;
}

static void begin(mica_json_writer *writer, char bracket)
{
    separate(writer);
    mica_buf_char(&writer->buf, bracket);
    writer->comma = false;
}

static void end(mica_json_writer *writer, char bracket)
{
    mica_buf_char(&writer->buf, bracket);
    writer->comma = true;
}

void mica_json_begin_object(mica_json_writer *writer)
{
    begin(writer, '{');
}

void mica_json_end_object(mica_json_writer *writer)
{
    end(writer, '}');
}

void mica_json_begin_array(mica_json_writer *writer)
{
    begin(writer, '[');
}

void mica_json_end_array(mica_json_writer *writer)
{
    end(writer, ']');
}

static void quote(mica_buf *buf, const char *data, size_t size)
{
    const char *end = data + size, *plain = data;
    mica_buf_char(buf, '"');
    while (data < end) {
        unsigned char c = (unsigned char)*data;
        uint32_t cp = c;
        size_t length = c < 0x80 ? 1 : mica_utf8_decode(data, end, &cp);
        if (length > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            data += length;
            continue;
        }
        mica_buf_append(buf, plain, (size_t)(data - plain));
        if (c == '"' || c == '\\')
            mica_buf_printf(buf, "\\%c", c);
        else if (c == '\n')
            mica_buf_text(buf, "\\n");
        else if (c == '\t')
            mica_buf_text(buf, "\\t");
        else if (c == '\r')
            mica_buf_text(buf, "\\r");
        else if (length == 0)
            mica_buf_text(buf, "\xef\xbf\xbd"); /* not UTF-8: U+FFFD */
        else
            mica_buf_printf(buf, "\\u%04x", c);
        data++;
        plain = data;
    }
    mica_buf_append(buf, plain, (size_t)(data - plain));
    mica_buf_char(buf, '"');
}

void mica_json_write_key(mica_json_writer *writer, const char *key)
{
    separate(writer);
    quote(&writer->buf, key, strlen(key));
    mica_buf_char(&writer->buf, ':');
    writer->comma = false;
}

void mica_json_write_string(mica_json_writer *writer, const char *data, size_t size)
{
    separate(writer);
    quote(&writer->buf, data, size);
}

void mica_json_write_text(mica_json_writer *writer, const char *text)
{
    mica_json_write_string(writer, text, strlen(text));
}

void mica_json_write_int(mica_json_writer *writer, int64_t number)
{
    separate(writer);
    mica_buf_printf(&writer->buf, "%lld", (long long)number);
}

void mica_json_write_float(mica_json_writer *writer, float number)
{
    char text[MICA_JSON_NUMBER_ROOM] = "null";
    if (isfinite(number))
        mica_json_print_float(number, text);
    separate(writer);
    mica_buf_text(&writer->buf, text);
}

void mica_json_write_double(mica_json_writer *writer, double number)
{
    char text[MICA_JSON_NUMBER_ROOM] = "null";
    if (isfinite(number))
        mica_json_print_double(number, text);
    separate(writer);
    mica_buf_text(&writer->buf, text);
}

void mica_json_write_bool(mica_json_writer *writer, bool flag)
{
    separate(writer);
    mica_buf_text(&writer->buf, flag ? "true" : "false");
}

void mica_json_write_null(mica_json_writer *writer)
{
    separate(writer);
    mica_buf_text(&writer->buf, "null");
}

void mica_json_write_member(mica_json_writer *writer, const char *key, const char *text)
{
    mica_json_write_key(writer, key);
    if (text)
        mica_json_write_text(writer, text);
    else
        mica_json_write_null(writer);
}

mica_status mica_json_writer_text(mica_json_writer *writer, const char **text, size_t *size,
                                  mica_error *err)
{
    *text = NULL;
    if (writer->buf.failed)
        return mica_fail_memory(err, writer->buf.capacity, "a JSON text");
    *text = mica_buf_cstr(&writer->buf);
    if (size)
        *size = writer->buf.size;
    return MICA_OK;
}

void mica_json_writer_reset(mica_json_writer *writer)
{
    mica_buf_clear(&writer->buf);
    writer->comma = false;
}
