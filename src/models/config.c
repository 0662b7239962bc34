/* SPDX-License-Identifier: MIT */
#include "models/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

void mica_config_refuse(mica_config_reader *reader, mica_status status, const char *format, ...)
{
    va_list args;

    if (reader->status != MICA_OK)
        return;
    va_start(args, format);
    reader->status = mica_fail_v(reader->err, status, format, args);
    va_end(args);
    mica_error_prefix(reader->err, "%s: ", reader->file);
}

/* The value under `key`, or NULL if it is absent, null or the reader has failed before. */
static const mica_json_value *find(const mica_config_reader *reader, const char *key)
{
    const mica_json_value *value = mica_json_get(reader->object, key);

    if (reader->status != MICA_OK || mica_json_get_type(value) == MICA_JSON_NULL)
        return NULL;
    return value;
}

static void wrong_type(mica_config_reader *reader, const char *key, const mica_json_value *value,
                       const char *wanted)
{
    size_t size = 0;
    const char *text = mica_json_string(value, &size);
    double number = 0;

    if (text)
        mica_config_refuse(reader, MICA_STATUS_FORMAT, "%s is the string \"%.*s\", not %s", key,
                           (int)(size < 100 ? size : 100), text, wanted);
    else if (mica_json_double(value, &number))
        mica_config_refuse(reader, MICA_STATUS_FORMAT, "%s is %.17g, not %s", key, number, wanted);
    else
        mica_config_refuse(reader, MICA_STATUS_FORMAT, "%s is %s, not %s", key,
                           mica_json_type_name(mica_json_get_type(value)), wanted);
}

int64_t mica_config_int(mica_config_reader *reader, const char *key, int64_t absent, int64_t min,
                        int64_t max)
{
    const mica_json_value *value = find(reader, key);
    int64_t number = 0;

    if (!value)
        return absent;
    if (!mica_json_int64(value, &number)) {
        wrong_type(reader, key, value, "an integer");
        return absent;
    }
    if (number < min || number > max) {
        mica_config_refuse(reader, MICA_STATUS_FORMAT,
                           "%s is %" PRId64 ", not in [%" PRId64 ", %" PRId64 "]", key, number, min,
                           max);
        return absent;
    }
    return number;
}

double mica_config_number(mica_config_reader *reader, const char *key, double absent, double min,
                          double max)
{
    const mica_json_value *value = find(reader, key);
    double number = 0;

    if (!value)
        return absent;
    if (!mica_json_double(value, &number)) {
        wrong_type(reader, key, value, "a number");
        return absent;
    }
    if (!(number >= min && number <= max)) {
        mica_config_refuse(reader, MICA_STATUS_FORMAT, "%s is %.17g, not in [%g, %g]", key, number,
                           min, max);
        return absent;
    }
    return number;
}

bool mica_config_bool(mica_config_reader *reader, const char *key, bool absent)
{
    const mica_json_value *value = find(reader, key);
    bool flag = absent;

    if (value && !mica_json_bool(value, &flag))
        wrong_type(reader, key, value, "true or false");
    return flag;
}

const char *mica_config_text(mica_config_reader *reader, const char *key, const char *absent)
{
    const mica_json_value *value = find(reader, key);
    const char *text;
    size_t size = 0;

    if (!value)
        return absent;
    text = mica_json_string(value, &size);
    if (!text) {
        wrong_type(reader, key, value, "a string");
        return absent;
    }
    if (memchr(text, '\0', size)) {
        mica_config_refuse(reader, MICA_STATUS_FORMAT, "%s holds a NUL character", key);
        return absent;
    }
    return text;
}

mica_status mica_config_load(const char *dir, const char *name, mica_json **out, mica_error *err)
{
    char *path = mica_path_join(dir, name);
    mica_status status = MICA_OK;

    *out = NULL;
    if (!path)
        return mica_fail_memory(err, strlen(dir) + strlen(name) + 2, "a path");
    if (!mica_file_exists(path))
        goto done;
    status = mica_json_parse_file(path, out, err);
    if (status == MICA_OK && mica_json_get_type(mica_json_root(*out)) != MICA_JSON_OBJECT) {
        status = mica_fail(err, MICA_STATUS_FORMAT, "'%s' holds %s, not an object", path,
                           mica_json_type_name(mica_json_get_type(mica_json_root(*out))));
        mica_json_destroy(out);
    }
done:
    mica_free(path);
    return status;
}

mica_status mica_config_label(const mica_json_value *names, size_t id, char **out, mica_error *err)
{
    char key[32];
    const mica_json_value *name;
    const char *text;
    int64_t number;

    snprintf(key, sizeof key, "%zu", id);
    name = mica_json_get(names, key);
    text = mica_json_string(name, NULL);
    if (mica_json_get_type(names) != MICA_JSON_OBJECT) {
        snprintf(key, sizeof key, "LABEL_%zu", id);
        text = key;
    } else if (!name) {
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "config.json: id2label has %zu labels, but none for id %zu",
                         mica_json_count(names), id);
    } else if (mica_json_int64(name, &number)) {
        snprintf(key, sizeof key, "%" PRId64, number);
        text = key;
    } else if (!text) {
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "config.json: id2label: the label of id %zu is %s, not a string", id,
                         mica_json_type_name(mica_json_get_type(name)));
    }
    *out = mica_strdup(text);
    return *out ? MICA_OK : mica_fail_memory(err, strlen(text) + 1, "a label");
}
