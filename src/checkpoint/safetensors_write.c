/* SPDX-License-Identifier: MIT
 *
 * Named tensors as a safetensors file: the writer.
 *
 * The file is byte for byte what the reference writes for the same tensors: wider types first, then
 * by name, the header padded with spaces to a multiple of 8.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/utf8.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/weights.h"
#include "mica/json.h"

/* A tensor to write and the place of its dtype in the order of the file. */
typedef struct item {
    const char *name;
    const mica_tensor *tensor;
    size_t type;
} item;

static size_t type_of(mica_dtype dtype)
{
    size_t i = 0;
    while (i < mica_safetensors_type_count &&
           !(mica_safetensors_types[i].known && mica_safetensors_types[i].dtype == dtype))
        i++;
    return i;
}

static int compare_items(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->type != b->type)
        return a->type > b->type ? -1 : 1;
    return strcmp(a->name, b->name);
}

static mica_status check_items(const char *path, const mica_named_tensor *tensors, size_t count,
                               item *items, mica_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = tensors[i].name;
        if (!name || !tensors[i].tensor)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "'%s': tensor %zu has no %s", path,
                             i, name ? "data" : "name");
        if (mica_utf8_valid_prefix(name, strlen(name)) != strlen(name) ||
            strcmp(name, MICA_SAFETENSORS_METADATA) == 0)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "'%s': a tensor cannot be named '%s'", path, name);
        items[i] = (item){name, tensors[i].tensor, type_of(mica_tensor_dtype(tensors[i].tensor))};
    }
    return MICA_OK;
}

/* Two tensors of one name need not be neighbours in the file's order: their dtypes may differ. */
static mica_status check_unique(const char *path, const item *items, size_t count, mica_error *err)
{
    mica_status status = MICA_OK;
    mica_map *names = mica_map_create();
    if (!names)
        return mica_fail_memory(err, 0, "names of tensors");
    for (size_t i = 0; i < count && !status; i++) {
        mica_map_result result = mica_map_add(names, items[i].name, strlen(items[i].name), i);
        if (result == MICA_MAP_NO_MEMORY)
            status = mica_fail_memory(err, 0, "names of tensors");
        else if (result == MICA_MAP_EXISTS)
            status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                               "'%s': two tensors are named '%s'", path, items[i].name);
    }
    mica_map_destroy(&names);
    return status;
}

static void write_entry(mica_json_writer *json, const item *it, size_t begin, size_t end)
{
    mica_json_write_key(json, it->name);
    mica_json_begin_object(json);
    mica_json_write_key(json, "dtype");
    mica_json_write_text(json, mica_safetensors_types[it->type].name);
    mica_json_write_key(json, "shape");
    mica_json_begin_array(json);
    for (int axis = 0; axis < mica_tensor_rank(it->tensor); axis++)
        mica_json_write_int(json, mica_tensor_dim(it->tensor, axis));
    mica_json_end_array(json);
    mica_json_write_key(json, "data_offsets");
    mica_json_begin_array(json);
    mica_json_write_int(json, (int64_t)begin);
    mica_json_write_int(json, (int64_t)end);
    mica_json_end_array(json);
    mica_json_end_object(json);
}

static mica_status make_header(const char *path, const item *items, size_t count,
                               mica_json_writer *json, const char **text, size_t *size,
                               mica_error *err)
{
    size_t at = 0;
    mica_json_begin_object(json);
    mica_json_write_key(json, MICA_SAFETENSORS_METADATA);
    mica_json_begin_object(json);
    mica_json_write_key(json, "format");
    mica_json_write_text(json, "pt");
    mica_json_end_object(json);
    for (size_t i = 0; i < count; i++) {
        size_t end;
        if (!mica_add_size(at, mica_tensor_bytes(items[i].tensor), &end) || end > INT64_MAX)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "'%s': its size overflows", path);
        write_entry(json, &items[i], at, end);
        at = end;
    }
    mica_json_end_object(json);
    mica_status status = mica_json_writer_text(json, text, size, err);
    if (!status && *size > MICA_SAFETENSORS_HEADER_MAX - 8)
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                           "'%s': its header would be %zu bytes long, more than safetensors allows",
                           path, *size);
    return status;
}

static mica_status write_file(const char *path, const item *items, size_t count, const char *header,
                              size_t size, mica_error *err)
{
    mica_writer *writer = NULL;
    mica_status status = mica_writer_open(path, &writer, err);
    size_t padding = (8 - size % 8) % 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)(size + padding) >> (8 * i));
    if (!status)
        status = mica_writer_write(writer, length, sizeof length, err);
    if (!status)
        status = mica_writer_write(writer, header, size, err);
    if (!status)
        status = mica_writer_write(writer, "       ", padding, err);
    for (size_t i = 0; i < count && !status; i++)
        status = mica_writer_write(writer, mica_tensor_data(items[i].tensor),
                                   mica_tensor_bytes(items[i].tensor), err);
    if (!status)
        return mica_writer_commit(&writer, err);
    mica_writer_abort(&writer);
    return status;
}

mica_status mica_tensors_save(const char *path, const mica_named_tensor *tensors, size_t count,
                              mica_error *err)
{
    mica_json_writer *json = NULL;
    const char *header = NULL;
    size_t size = 0;
    mica_status status;
    item *items = mica_calloc(count + 1, sizeof *items);
    if (!items)
        return mica_fail_memory(err, count * sizeof *items, "a list of tensors");
    status = check_items(path, tensors, count, items, err);
    if (!status)
        status = check_unique(path, items, count, err);
    if (!status)
        status = mica_json_writer_create(&json, err);
    if (!status) {
        qsort(items, count, sizeof *items, compare_items);
        status = make_header(path, items, count, json, &header, &size, err);
    }
    if (!status)
        status = write_file(path, items, count, header, size, err);
    mica_json_writer_destroy(&json);
    mica_free(items);
    return status;
}
