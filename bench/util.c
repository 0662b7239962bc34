/* SPDX-License-Identifier: MIT */
#include "util.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

mica_status bench_fail_memory(mica_error *err, const char *what)
{
    return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for %s", what);
}

mica_status bench_write_file(const char *path, const char *text, size_t size, const char *end,
                             mica_error *err)
{
    mica_writer *writer = NULL;
    mica_status status = mica_writer_open(path, &writer, err);
    if (!status)
        status = mica_writer_write(writer, text, size, err);
    if (!status)
        status = mica_writer_write(writer, end, strlen(end), err);
    if (!status)
        status = mica_writer_commit(&writer, err);
    mica_writer_abort(&writer);
    return status;
}

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

mica_status bench_read_all(FILE *file, const char *path, size_t most, char **out, size_t *size,
                           mica_error *err)
{
    size_t room = 1 << 16;
    char *data = NULL, *more;
    *out = NULL;
    *size = 0;
    do {
        room *= 2;
        more = realloc(data, room);
        if (!more)
            break;
        data = more;
        *size += fread(data + *size, 1, room - *size, file);
    } while (*size == room && room <= most);
    if (more && !ferror(file) && *size < room) {
        *out = data;
        return MICA_OK;
    }
    free(data);
    return more ? mica_fail(err, MICA_STATUS_IO, "'%.300s' cannot be read whole", path)
                : bench_fail_memory(err, "a file");
}

void bench_write_number(mica_json_writer *w, const char *key, double number)
{
    mica_json_write_key(w, key);
    mica_json_write_double(w, number);
}

void bench_write_int(mica_json_writer *w, const char *key, int64_t number)
{
    mica_json_write_key(w, key);
    mica_json_write_int(w, number);
}

void bench_write_bool(mica_json_writer *w, const char *key, bool flag)
{
    mica_json_write_key(w, key);
    mica_json_write_bool(w, flag);
}

static void write_scalar(mica_json_writer *w, const mica_json_value *value)
{
    bool flag = false;
    int64_t whole = 0;
    double number = 0;
    size_t size = 0;
    const char *text = mica_json_string(value, &size);
    if (text)
        mica_json_write_string(w, text, size);
    else if (mica_json_bool(value, &flag))
        mica_json_write_bool(w, flag);
    else if (mica_json_int64(value, &whole))
        mica_json_write_int(w, whole);
    else if (mica_json_double(value, &number))
        mica_json_write_double(w, number);
    else
        mica_json_write_null(w);
}

void bench_write_value(mica_json_writer *w, const mica_json_value *value)
{
    mica_json_type type = mica_json_get_type(value);
    if (type != MICA_JSON_OBJECT && type != MICA_JSON_ARRAY) {
        write_scalar(w, value);
        return;
    }
    if (type == MICA_JSON_OBJECT)
        mica_json_begin_object(w);
    else
        mica_json_begin_array(w);
    for (const mica_json_value *v = mica_json_first(value); v; v = mica_json_next(v)) {
        if (type == MICA_JSON_OBJECT)
            mica_json_write_key(w, mica_json_key(v, NULL));
        bench_write_value(w, v);
    }
    if (type == MICA_JSON_OBJECT)
        mica_json_end_object(w);
    else
        mica_json_end_array(w);
}

bool bench_same_value(const mica_json_value *a, const mica_json_value *b)
{
    mica_json_type type = mica_json_get_type(a);
    double x = 0, y = 0;
    bool p = false, q = false;
    size_t n = 0, m = 0;
    if (type != mica_json_get_type(b))
        return false;
    switch (type) {
    case MICA_JSON_NULL:
        return true;
    case MICA_JSON_BOOL:
        return mica_json_bool(a, &p) && mica_json_bool(b, &q) && p == q;
    case MICA_JSON_NUMBER:
        return mica_json_double(a, &x) && mica_json_double(b, &y) && !(x < y) && !(x > y);
    case MICA_JSON_STRING: {
        const char *s = mica_json_string(a, &n), *t = mica_json_string(b, &m);
        return n == m && memcmp(s, t, n) == 0;
    }
    case MICA_JSON_ARRAY:
    case MICA_JSON_OBJECT:
        break;
    }
    if (mica_json_count(a) != mica_json_count(b))
        return false;
    const mica_json_value *v = mica_json_first(a), *w = mica_json_first(b);
    for (; v && w; v = mica_json_next(v), w = mica_json_next(w))
        if (!bench_same_value(v, type == MICA_JSON_OBJECT ? mica_json_get(b, mica_json_key(v, NULL))
                                                          : w))
            return false;
    return true;
}

const char *bench_text(const mica_json_value *object, const char *key)
{
    const char *text = mica_json_string(mica_json_get(object, key), NULL);
    return text ? text : "";
}

double bench_number(const mica_json_value *object, const char *key, double otherwise)
{
    mica_json_double(mica_json_get(object, key), &otherwise);
    return otherwise;
}

bool bench_differ(double a, double b)
{
    return !isnan(a) && !isnan(b) && fabs(a - b) > 1e-9 * fabs(a);
}
