/* SPDX-License-Identifier: MIT */
#include "checkpoint/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "checkpoint/weights.h"

#define PATHS 8

static char *next_path(void)
{
    static char paths[PATHS][1024];
    static unsigned next;
    return paths[next++ % PATHS];
}

const char *fixture(const char *name)
{
    char *path = next_path();
    snprintf(path, 1024, "%s/fixtures/checkpoint/%s", MICA_TEST_DIR, name);
    return path;
}

const char *temporary(const char *name)
{
    char *path = next_path();
    snprintf(path, 1024, "%s/checkpoint-%ld-%s", MICA_TEST_TMP, (long)getpid(), name);
    return path;
}

const char *temporary_folder(const char *name)
{
    const char *path = temporary(name);
    mkdir(MICA_TEST_TMP, 0777);
    if (!mica_dir_exists(path))
        assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

void write_file(const char *path, const void *data, size_t size)
{
    FILE *f;
    mkdir(MICA_TEST_TMP, 0777);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

unsigned char *read_whole(const char *path, size_t *size)
{
    char *data;
    mica_error err = {0};
    if (mica_file_read(path, (size_t)1 << 24, &data, size, &err))
        fail_msg("%s", err.message);
    return (unsigned char *)data;
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void expect_tensor(const mica_tensor *tensor, const mica_json_value *expected)
{
    const char *name = mica_json_key(expected, NULL);
    const mica_json_value *shape = mica_json_get(expected, "shape");
    size_t size;
    const char *hex = mica_json_string(mica_json_get(expected, "hex"), &size);
    const unsigned char *data = mica_tensor_data(tensor);
    int axis = 0;
    assert_string_equal(mica_dtype_name(mica_tensor_dtype(tensor)),
                        mica_json_string(mica_json_get(expected, "dtype"), NULL));
    assert_int_equal(mica_tensor_rank(tensor), mica_json_count(shape));
    for (const mica_json_value *v = mica_json_first(shape); v; v = mica_json_next(v)) {
        int64_t dim;
        assert_true(mica_json_int64(v, &dim));
        assert_int_equal(mica_tensor_dim(tensor, axis++), dim);
    }
    assert_int_equal(mica_tensor_bytes(tensor), size / 2);
    for (size_t i = 0; i < size / 2; i++) {
        unsigned byte = hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]);
        if (data[i] != byte)
            fail_msg("tensor '%s', byte %zu: %02x instead of %02x", name, i, data[i], byte);
    }
}

void expect_contents(mica_checkpoint *checkpoint, const char *json_path)
{
    mica_json *json;
    mica_error err = {0};
    size_t count = 0;
    if (mica_json_parse_file(json_path, &json, &err))
        fail_msg("%s", err.message);
    const mica_json_value *root = mica_json_root(json);
    for (const mica_json_value *v = mica_json_first(root); v; v = mica_json_next(v)) {
        mica_tensor *tensor;
        if (mica_checkpoint_get(checkpoint, mica_json_key(v, NULL), NULL, &tensor, &err))
            fail_msg("%s", err.message);
        expect_tensor(tensor, v);
        mica_tensor_release(&tensor);
        count++;
    }
    assert_int_equal(mica_checkpoint_count(checkpoint), count);
    mica_json_destroy(&json);
}

void expect_error(mica_status status, const mica_error *err, mica_status expected, const char *part)
{
    if (status != expected || err->status != expected || !strstr(err->message, part))
        fail_msg("expected %s with '%s', got %s: %s", mica_status_name(expected), part,
                 mica_status_name(status), err->message);
}

void expect_refused(const char *path, mica_status expected, const char *part)
{
    mica_checkpoint *checkpoint = (mica_checkpoint *)&checkpoint;
    mica_error err = {0};
    mica_status status = mica_checkpoint_open_file(path, &checkpoint, &err);
    assert_null(checkpoint);
    expect_error(status, &err, expected, part);
}

void expect_memory_refused(const unsigned char *data, size_t size, const char *path)
{
    mica_weights *weights = (mica_weights *)&weights;
    mica_error err = {0};
    char *copy = mica_alloc(size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    mica_status status = mica_weights_open_memory(copy, size, path, &weights, &err);
    mica_free(copy);
    assert_null(weights);
    expect_error(status, &err, MICA_STATUS_FORMAT, path);
}

void put_le(mica_buf *buf, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        mica_buf_char(buf, i < 8 ? (char)(unsigned char)(value >> (8 * i)) : 0);
}

void build_safetensors(mica_buf *out, const char *header, size_t data_size)
{
    mica_buf_init(out, (size_t)1 << 24);
    put_le(out, strlen(header), 8);
    mica_buf_text(out, header);
    for (size_t i = 0; i < data_size; i++)
        mica_buf_char(out, (char)(i + 1));
    assert_false(out->failed);
}

static void put_central(mica_buf *out, const zip_entry *entry, size_t offset, const zip_options *o)
{
    put_le(out, 0x02014b50, 4);
    put_le(out, 45, 2);
    put_le(out, 45, 2);
    put_le(out, o->flags, 2);
    put_le(out, o->method, 2);
    put_le(out, 0, 8); /* time, date, crc */
    put_le(out, o->zip64 ? UINT32_MAX : entry->size, 4);
    put_le(out, o->zip64 ? UINT32_MAX : entry->size, 4);
    put_le(out, strlen(entry->name), 2);
    put_le(out, o->zip64 ? 28 + 5 : 0, 2);
    put_le(out, 0, 2 + 2 + 2 + 4);
    put_le(out, o->zip64 ? UINT32_MAX : offset, 4);
    mica_buf_text(out, entry->name);
    if (!o->zip64)
        return;
    put_le(out, 0x9999, 2); /* another field comes first */
    put_le(out, 1, 2);
    put_le(out, 0, 1);
    put_le(out, 1, 2);
    put_le(out, 24, 2);
    put_le(out, entry->size, 8);
    put_le(out, entry->size, 8);
    put_le(out, offset, 8);
}

void build_zip(mica_buf *out, const zip_entry *entries, size_t count, const zip_options *options)
{
    static const zip_options plain;
    const zip_options *o = options ? options : &plain;
    size_t offsets[64];
    assert_true(count <= 64);
    mica_buf_init(out, (size_t)1 << 24);
    for (size_t i = 0; i < count; i++) {
        offsets[i] = out->size;
        put_le(out, 0x04034b50, 4);
        put_le(out, 45, 2);
        put_le(out, o->flags | 8, 2); /* sizes are in the central directory only */
        put_le(out, o->method, 2);
        put_le(out, 0, 4 + 4 + 8);
        put_le(out, strlen(entries[i].name), 2);
        put_le(out, 5, 2);
        mica_buf_text(out, entries[i].name);
        mica_buf_append(out, "FB\001\000Z", 5);
        mica_buf_append(out, entries[i].data, entries[i].size);
    }
    size_t directory = out->size;
    for (size_t i = 0; i < count; i++)
        put_central(out, &entries[i], offsets[i], o);
    size_t size = out->size - directory, end = out->size;
    if (o->zip64) {
        put_le(out, 0x06064b50, 4);
        put_le(out, 44, 8);
        put_le(out, 45, 2);
        put_le(out, 45, 2);
        put_le(out, 0, 8);
        put_le(out, count, 8);
        put_le(out, count, 8);
        put_le(out, size, 8);
        put_le(out, directory, 8);
        put_le(out, 0x07064b50, 4);
        put_le(out, 0, 4);
        put_le(out, end, 8);
        put_le(out, 1, 4);
    }
    put_le(out, 0x06054b50, 4);
    put_le(out, 0, 4);
    put_le(out, o->zip64 ? UINT16_MAX : count, 2);
    put_le(out, o->zip64 ? UINT16_MAX : count, 2);
    put_le(out, o->zip64 ? UINT32_MAX : size, 4);
    put_le(out, o->zip64 ? UINT32_MAX : directory, 4);
    put_le(out, 0, 2);
    assert_false(out->failed);
}

void build_torch(mica_buf *out, const void *pickle, size_t pickle_size, const void *storage,
                 size_t storage_size)
{
    const zip_entry entries[] = {{"a/data.pkl", pickle, pickle_size},
                                 {"a/byteorder", "little", 6},
                                 {"a/data/0", storage, storage_size},
                                 {"a/version", "3\n", 2}};
    build_zip(out, entries, 4, NULL);
}

static void keep_line(void *user, int level, const char *line)
{
    captured *c = user;
    size_t size = strlen(c->text);
    snprintf(c->text + size, sizeof c->text - size, "%s\n", line);
    c->lines++;
}

mica_log_sink capture(captured *into)
{
    memset(into, 0, sizeof *into);
    return (mica_log_sink){keep_line, into};
}
