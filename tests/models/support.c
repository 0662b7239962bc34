/* SPDX-License-Identifier: MIT */
#include "models/support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for a path, kept until the program ends: paths are passed around freely. */
static char *buffer(void)
{
    static struct room {
        struct room *next;
        char path[1024];
    } * rooms;
    struct room *room = calloc(1, sizeof *room);

    assert_non_null(room);
    room->next = rooms;
    rooms = room;
    return room->path;
}

const char *path_in(const char *dir, const char *name)
{
    char *path = buffer();

    snprintf(path, 1024, "%s/%s", dir, name);
    return path;
}

const char *fixture(const char *name)
{
    return path_in(MICA_TEST_DIR "/fixtures/models", name);
}

static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        char inner[1100];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        empty_folder(inner);
        remove(inner);
    }
    closedir(dir);
}

const char *new_folder(const char *name)
{
    char *path = buffer();

    snprintf(path, 1024, "%s/models-%ld-%s", MICA_TEST_TMP, (long)getpid(), name);
    empty_folder(path);
    remove(path);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

char *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data;
    long end;

    if (!file)
        fail_msg("cannot read %s", path);
    fseek(file, 0, SEEK_END);
    end = ftell(file);
    rewind(file);
    data = malloc((size_t)end + 1);
    assert_non_null(data);
    *size = fread(data, 1, (size_t)end, file);
    data[*size] = '\0';
    fclose(file);
    return data;
}

void write_bytes(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    if (!file)
        fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

void edit(const char *path, const char *from, const char *to)
{
    size_t size;
    char *text = read_whole(path, &size), *at = strstr(text, from);
    FILE *file;

    if (!at)
        fail_msg("%s does not hold '%s'", path, from);
    file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(text, 1, (size_t)(at - text), file);
    fputs(to, file);
    fputs(at + strlen(from), file);
    fclose(file);
    free(text);
}

static void copy_folder(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    struct dirent *entry;

    if (!dir)
        fail_msg("no folder %s", from);
    while ((entry = readdir(dir))) {
        char source[1100], target[1100];
        struct stat info;
        size_t size;
        char *data;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        assert_int_equal(stat(source, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            mkdir(target, 0777);
            copy_folder(source, target);
            continue;
        }
        data = read_whole(source, &size);
        write_bytes(target, data, size);
        free(data);
    }
    closedir(dir);
}

const char *copy_of(const char *fixture_name, const char *name)
{
    const char *folder = new_folder(name);

    copy_folder(fixture(fixture_name), folder);
    return folder;
}

void must(mica_status status, const mica_error *err)
{
    if (status != MICA_OK)
        fail_msg("%s: %s", mica_status_name(status), err->message);
}

void expect(mica_status status, const mica_error *err, mica_status expected, const char *part)
{
    if (status != expected)
        fail_msg("%s instead of %s: %s", mica_status_name(status), mica_status_name(expected),
                 status ? err->message : "(no error)");
    if (status != err->status)
        fail_msg("returned %s, but the error says %s", mica_status_name(status),
                 mica_status_name(err->status));
    if (!strstr(err->message, part))
        fail_msg("'%s' does not hold '%s'", err->message, part);
}

mica_context *new_context(size_t threads)
{
    mica_context_options options;
    mica_context *context = NULL;
    mica_error err = {0};

    mica_context_options_defaults(&options);
    options.threads = threads;
    must(mica_context_create(&options, &context, &err), &err);
    return context;
}

mica_model *open_model(mica_context *context, const char *path)
{
    mica_model *model = NULL;
    mica_error err = {0};

    must(mica_model_open(context, path, &model, &err), &err);
    return model;
}

mica_session *new_session(mica_model *model)
{
    mica_session *session = NULL;
    mica_error err = {0};

    must(mica_session_create(model, &session, &err), &err);
    return session;
}

void expect_same_outputs(mica_session *a, mica_session *b)
{
    static const int32_t ids[5] = {1, 2, 3, 4, 5};
    const mica_sequence sequence = {.ids = ids, .count = 5};
    mica_outputs *x = NULL, *y = NULL;
    mica_error err = {0};

    must(mica_forward(a, &sequence, 1, NULL, &x, &err), &err);
    must(mica_forward(b, &sequence, 1, NULL, &y, &err), &err);
    assert_true(mica_outputs_count(x) > 0);
    assert_int_equal(mica_outputs_count(x), mica_outputs_count(y));
    for (size_t i = 0; i < mica_outputs_count(x); i++) {
        mica_tensor *one = mica_outputs_tensor(x, i), *other = mica_outputs_tensor(y, i);
        assert_memory_equal(mica_tensor_data(one), mica_tensor_data(other), mica_tensor_bytes(one));
    }
    mica_outputs_destroy(&x);
    mica_outputs_destroy(&y);
}

mica_model *open_in(mica_context *context, const char *path, mica_precision precision)
{
    mica_model_options options;
    mica_model *model = NULL;
    mica_error err = {0};

    mica_model_options_defaults(&options);
    options.precision = precision;
    must(mica_model_open_with(context, path, &options, &model, &err), &err);
    return model;
}

mica_embeddings *embed_in(mica_context *context, const char *path, mica_precision precision,
                          const mica_text *texts, size_t n, size_t batch_tokens)
{
    mica_embed_options options;
    mica_embeddings *e = NULL;
    mica_error err = {0};
    mica_model *model = open_in(context, path, precision);
    mica_session *session = new_session(model);

    mica_embed_options_defaults(&options);
    options.batch_tokens = batch_tokens;
    must(mica_embed(session, texts, n, &options, &e, &err), &err);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    return e;
}

mica_tensor_file *open_tensors(const char *path)
{
    mica_tensor_file *file = NULL;
    mica_error err = {0};

    must(mica_tensor_file_open(path, &file, &err), &err);
    return file;
}

mica_tensor *get_tensor(const mica_tensor_file *file, const char *name)
{
    mica_tensor *tensor = NULL;
    mica_error err = {0};

    must(mica_tensor_file_get(file, name, &tensor, &err), &err);
    return tensor;
}

void expect_refused(const char *path, mica_status expected, const char *part)
{
    mica_context *context = new_context(1);
    mica_model *model = (mica_model *)&context;
    mica_error err = {0};
    mica_status status = mica_model_open(context, path, &model, &err);

    expect(status, &err, expected, part);
    assert_null(model);
    mica_context_destroy(&context);
}

void expect_close(const float *ours, const float *expected, size_t count, double tolerance,
                  const char *what)
{
    double largest = 0, scale = 0;

    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)ours[i] - expected[i]);
        if (!(difference <= largest))
            largest = difference;
        if (fabs((double)expected[i]) > scale)
            scale = fabs((double)expected[i]);
    }
    if (!(largest <= tolerance * scale))
        fail_msg("%s: differs by %g of %g", what, largest, scale);
}

void rewrite_weights(const char *path, const char *name, mica_tensor *tensor, mica_dtype dtype)
{
    mica_tensor_file *file = open_tensors(path);
    size_t count = mica_tensor_file_count(file), n = 0;
    mica_named_tensor *list = calloc(count, sizeof *list);
    char other[1100];
    mica_error err = {0};
    bool found = !name;

    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        const char *key = mica_tensor_file_name(file, i);
        mica_tensor *stored;

        found = found || strcmp(key, name) == 0;
        if (name && strcmp(key, name) == 0 && !tensor)
            continue;
        list[n].name = key;
        if (name && strcmp(key, name) == 0) {
            list[n++].tensor = mica_tensor_retain(tensor);
            continue;
        }
        stored = get_tensor(file, key);
        must(mica_tensor_cast(stored, dtype, &list[n++].tensor, &err), &err);
        mica_tensor_release(&stored);
    }
    assert_true(found);
    snprintf(other, sizeof other, "%s.new", path);
    must(mica_tensors_save(other, list, n, &err), &err);
    for (size_t i = 0; i < n; i++)
        mica_tensor_release(&list[i].tensor);
    free(list);
    mica_tensor_file_close(&file);
    assert_int_equal(rename(other, path), 0);
}

const char *minilm_folder(void)
{
    const char *dir = getenv("MICA_MINILM_DIR");
    FILE *file;

    if (!dir || !*dir)
        dir = MICA_TEST_DIR "/../build/models/all-MiniLM-L6-v2";
    file = fopen(path_in(dir, "model.safetensors"), "rb");
    if (!file) {
        printf("skipped: no all-MiniLM-L6-v2 in %s (MICA_MINILM_DIR names another place)\n", dir);
        return NULL;
    }
    fclose(file);
    return dir;
}
