/* SPDX-License-Identifier: MIT */
#include "tasks/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

mica_json *open_cases(const char *name)
{
    mica_json *json = NULL;
    mica_error err = {0};

    must(mica_json_parse_file(path_in(MICA_TEST_DIR "/fixtures/tasks", name), &json, &err), &err);
    return json;
}

static void copy_files(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    struct dirent *entry;

    if (!dir)
        fail_msg("no folder %s", from);
    while ((entry = readdir(dir))) {
        size_t size;
        char *data;

        if (entry->d_name[0] == '.')
            continue;
        data = read_whole(path_in(from, entry->d_name), &size);
        write_bytes(path_in(to, entry->d_name), data, size);
        free(data);
    }
    closedir(dir);
}

const char *make_model(const mica_json_value *cases, const char *name)
{
    const mica_json_value *model = mica_json_get(mica_json_get(cases, "models"), name);
    const char *config = new_folder("config"), *folder = new_folder(name);
    mica_error err = {0};

    copy_files(path_in(MICA_TEST_DIR "/fixtures", text_of(model, "tokenizer")), config);
    write_text(path_in(config, "config.json"), text_of(model, "config"));
    must(mica_model_init(config, folder, (uint64_t)integer_or(model, "seed", 0), true, &err), &err);
    for (const mica_json_value *v = mica_json_first(mica_json_get(model, "files")); v;
         v = mica_json_next(v)) {
        const char *file = mica_json_key(v, NULL), *slash = strchr(file, '/');
        char sub[64];

        snprintf(sub, sizeof sub, "%.*s", slash ? (int)(slash - file) : 0, file);
        if (slash && mkdir(path_in(folder, sub), 0777) != 0 && errno != EEXIST)
            fail_msg("no folder %s in %s", sub, folder);
        write_text(path_in(folder, file), mica_json_string(v, NULL));
    }
    return folder;
}

opened open_made(mica_context *context, const mica_json *cases, const char *name)
{
    opened o = {open_model(context, make_model(mica_json_root(cases), name)), NULL};

    o.session = new_session(o.model);
    return o;
}

void close_made(opened *o)
{
    mica_session_destroy(&o->session);
    mica_model_destroy(&o->model);
}

const char *text_of(const mica_json_value *object, const char *key)
{
    const char *text = mica_json_string(mica_json_get(object, key), NULL);

    if (!text)
        fail_msg("no text '%s'", key);
    return text;
}

double number_of(const mica_json_value *value)
{
    double number = 0;

    assert_true(mica_json_double(value, &number));
    return number;
}

int64_t integer_or(const mica_json_value *object, const char *key, int64_t absent)
{
    int64_t number = absent;

    mica_json_int64(mica_json_get(object, key), &number);
    return number;
}

bool flag_of(const mica_json_value *object, const char *key)
{
    bool flag = false;

    mica_json_bool(mica_json_get(object, key), &flag);
    return flag;
}

mica_text as_text(const mica_json_value *value)
{
    mica_text text = {NULL, 0};

    text.data = mica_json_string(value, &text.size);
    assert_non_null(text.data);
    return text;
}

size_t texts_of(const mica_json_value *array, mica_text **out)
{
    size_t n = 0;

    *out = calloc(mica_json_count(array) + 1, sizeof **out);
    assert_non_null(*out);
    for (const mica_json_value *v = mica_json_first(array); v; v = mica_json_next(v))
        (*out)[n++] = as_text(v);
    return n;
}

void same_score(double ours, double expected, double largest)
{
    if (!(fabs(ours - expected) <= 1e-5 * largest))
        fail_msg("score %.9g, expected %.9g", ours, expected);
}

void same_text(const char *data, size_t size, const mica_json_value *expected)
{
    mica_text text = as_text(expected);

    if (size != text.size || memcmp(data, text.data, size) != 0)
        fail_msg("'%.*s', expected '%.*s'", (int)size, data, (int)text.size, text.data);
}
