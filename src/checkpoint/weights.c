/* SPDX-License-Identifier: MIT
 *
 * Weight files: which reader a file needs, and tensors out of what the readers found.
 */
#include "checkpoint/weights.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "tensor/tensor.h"

/* A tensor that is not in C order (transposed, sliced, expanded) is copied out, and an expanded one
 * (stride 0) can be far larger than its file. What a copy may take at most: this, or this many
 * times the size of the file, whichever is more. */
#define COPY_FLOOR ((size_t)64 << 20)
#define COPY_FACTOR 64

mica_status mica_weights_check_pointer(const unsigned char *data, size_t size, const char *path,
                                       mica_error *err)
{
    if (size >= 8 && memcmp(data, "version ", 8) == 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s' is a git-lfs pointer, not the weights; run git lfs pull", path);
    return MICA_OK;
}

static bool begins_with(const mica_weights *w, const void *text, size_t size)
{
    return w->size >= size && memcmp(w->data, text, size) == 0;
}

/* The legacy format begins with the pickle of a number, of whatever protocol: PROTO, in protocol 4
 * and up FRAME, LONG1 of ten bytes, STOP. */
static bool begins_legacy(const mica_weights *w)
{
    static const unsigned char magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                          0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};
    size_t at = 2;
    if (w->size <= at || w->data[0] != 0x80)
        return false;
    if (w->data[at] == 0x95)
        at += 9;
    return w->size >= at + sizeof magic && memcmp(w->data + at, magic, sizeof magic) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && memcmp(text + size - tail, end, tail) == 0;
}

/* Layouts differ between frameworks (TensorFlow stores linear weights transposed), so a file that
 * says it was written by another one is not read. */
static mica_status check_format(const mica_weights *w, mica_error *err)
{
    const char *format = w->metadata_format;
    if (!format || strcmp(format, "pt") == 0 || strcmp(format, "mlx") == 0)
        return MICA_OK;
    if (strcmp(format, "tf") == 0 || strcmp(format, "flax") == 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s' holds weights in the layout of %s (__metadata__.format is \"%s\"); "
                         "load them with transformers and save them from PyTorch as safetensors",
                         w->path, format[0] == 't' ? "TensorFlow" : "Flax", format);
    return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                     "'%s': __metadata__.format is \"%s\", not one of pt, mlx", w->path, format);
}

static mica_status read_torch(mica_weights *w, mica_error *err)
{
    if (begins_with(w, "PK\003\004", 4))
        return mica_torch_zip_read(w, err);
    if (begins_legacy(w))
        return mica_torch_legacy_read(w, err);
    if (begins_with(w, "PYTORCH1", 8))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s' is in PyTorch's preview format (PYTORCH1), which is not supported; "
                         "convert it to safetensors",
                         w->path);
    if (w->size >= 262 && memcmp(w->data + 257, "ustar", 5) == 0)
        return mica_fail(
            err, MICA_STATUS_UNSUPPORTED,
            "'%s' is in PyTorch's oldest format (tar), which is not supported; convert "
            "it to safetensors",
            w->path);
    if (w->size >= 9 && w->data[8] == '{') {
        mica_status status = mica_safetensors_read(w, err);
        return status ? status : check_format(w, err);
    }
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "'%s' (%zu bytes) is not a weight file: it begins like none of safetensors, "
                     "PyTorch zip and PyTorch legacy files",
                     w->path, w->size);
}

static mica_status read_any(mica_weights *w, mica_error *err)
{
    mica_status status = mica_weights_check_pointer(w->data, w->size, w->path, err);
    if (status)
        return status;
    /* By its name first: whoever says safetensors wants no pickle to be looked at. */
    if (!ends_with(w->path, ".safetensors"))
        return read_torch(w, err);
    status = mica_safetensors_read(w, err);
    return status ? status : check_format(w, err);
}

static mica_status build_index(mica_weights *w, mica_error *err)
{
    w->index = mica_map_create();
    if (!w->index)
        return mica_fail_memory(err, 0, "the index of tensors");
    for (size_t i = 0; i < w->count; i++) {
        const char *name = w->items[i].name;
        mica_map_result result = mica_map_add(w->index, name, strlen(name), i);
        if (result == MICA_MAP_NO_MEMORY)
            return mica_fail_memory(err, 0, "the index of tensors");
        if (result == MICA_MAP_EXISTS)
            return mica_fail(err, MICA_STATUS_FORMAT, "'%s' holds tensor '%s' twice", w->path,
                             name);
    }
    return MICA_OK;
}

/* Reads with `reader`; takes the reference to `mapping` over, also on failure. */
static mica_status open_with(mica_status (*reader)(mica_weights *, mica_error *),
                             mica_mapping *mapping, const void *data, size_t size, const char *path,
                             mica_weights **out, mica_error *err)
{
    mica_status status;
    mica_weights *w = mica_calloc(1, sizeof *w);
    if (!w) {
        mica_mapping_release(&mapping);
        return mica_fail_memory(err, sizeof *w, "a weight file");
    }
    w->mapping = mapping;
    w->data = data;
    w->size = size;
    w->path = mica_arena_text(&w->arena, path, strlen(path));
    if (!w->path)
        status = mica_fail_memory(err, strlen(path), "a path");
    else
        status = reader(w, err);
    if (!status)
        status = build_index(w, err);
    if (status) {
        mica_weights_close(&w);
        return status;
    }
    *out = w;
    return MICA_OK;
}

static mica_status open_path(mica_status (*reader)(mica_weights *, mica_error *), const char *path,
                             mica_weights **out, mica_error *err)
{
    mica_mapping *mapping = NULL;
    *out = NULL;
    mica_status status = mica_mapping_open(path, &mapping, err);
    if (status)
        return status;
    return open_with(reader, mapping, mica_mapping_data(mapping), mica_mapping_size(mapping), path,
                     out, err);
}

mica_status mica_weights_open(const char *path, mica_weights **out, mica_error *err)
{
    return open_path(read_any, path, out, err);
}

static mica_status read_safetensors(mica_weights *w, mica_error *err)
{
    mica_status status = mica_weights_check_pointer(w->data, w->size, w->path, err);
    return status ? status : mica_safetensors_read(w, err);
}

mica_status mica_weights_open_safetensors(const char *path, mica_weights **out, mica_error *err)
{
    return open_path(read_safetensors, path, out, err);
}

mica_status mica_weights_open_memory(const void *data, size_t size, const char *path,
                                     mica_weights **out, mica_error *err)
{
    *out = NULL;
    return open_with(read_any, NULL, data, size, path, out, err);
}

void mica_weights_close(mica_weights **weights)
{
    mica_weights *w = *weights;
    if (!w)
        return;
    mica_map_destroy(&w->index);
    mica_arena_free(&w->arena);
    mica_mapping_release(&w->mapping);
    mica_free(w);
    *weights = NULL;
}

const mica_weight *mica_weights_find(const mica_weights *weights, const char *name)
{
    const mica_map_entry *entry = mica_map_find(weights->index, name, strlen(name));
    return entry ? &weights->items[entry->value] : NULL;
}

static mica_status check_bools(const mica_weights *w, const mica_weight *weight,
                               const unsigned char *data, mica_error *err)
{
    for (size_t i = 0; i < weight->bytes; i++)
        if (data[i] > 1)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s', tensor '%s': element %zu is %u, but a bool is 0 or 1", w->path,
                             weight->name, i, data[i]);
    return MICA_OK;
}

/* Copies elements of `size` bytes out of strided data; every dimension is > 0 and rank > 0. The
 * reader has checked that all of them lie inside the file. */
static void copy_strided(unsigned char *out, const mica_weight *weight, size_t size)
{
    int64_t at[MICA_MAX_RANK] = {0};
    size_t last = weight->rank - 1;
    size_t step = (size_t)weight->strides[last] * size;
    size_t row = 0; /* offset of the current row's first element; wraps and comes back */
    for (;;) {
        size_t from = row;
        for (int64_t i = 0; i < weight->dims[last]; i++) {
            memcpy(out, weight->data + from, size);
            out += size;
            from += step;
        }
        size_t axis = last;
        while (axis > 0) {
            axis--;
            row += (size_t)weight->strides[axis] * size;
            if (++at[axis] < weight->dims[axis])
                break;
            row -= (size_t)weight->strides[axis] * size * (size_t)weight->dims[axis];
            at[axis] = 0;
            if (axis == 0)
                return;
        }
        if (last == 0)
            return;
    }
}

static mica_status copy_tensor(const mica_weights *w, const mica_weight *weight, mica_tensor **out,
                               mica_error *err)
{
    size_t most = COPY_FLOOR;
    if (w->size > COPY_FLOOR / COPY_FACTOR)
        most = w->size > SIZE_MAX / COPY_FACTOR ? SIZE_MAX : w->size * COPY_FACTOR;
    if (weight->strides && weight->bytes > most)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': it would take %zu bytes, but the file has only %zu; "
                         "at most %zu are taken for a tensor that is expanded",
                         w->path, weight->name, weight->bytes, w->size, most);
    mica_status status =
        mica_tensor_create(weight->dtype, (int)weight->rank, weight->dims, out, err);
    if (status) {
        mica_error_prefix(err, "'%s', tensor '%s': ", w->path, weight->name);
        return status;
    }
    if (weight->bytes == 0)
        return MICA_OK;
    if (weight->strides)
        copy_strided(mica_tensor_data_mut(*out), weight, mica_dtype_size(weight->dtype));
    else
        memcpy(mica_tensor_data_mut(*out), weight->data, weight->bytes);
    return MICA_OK;
}

static void release_mapping(void *user)
{
    mica_mapping *mapping = user;
    mica_mapping_release(&mapping);
}

static void tell_pages(void *user, const void *data, size_t size, mica_pages what)
{
    if (what == MICA_PAGES_EXPECT)
        mica_mapping_expect(user, data, size);
    else
        mica_mapping_drop(user, data, size);
}

static mica_status view_tensor(const mica_weights *w, const mica_weight *weight, mica_tensor **out,
                               mica_error *err)
{
    mica_mapping *mapping = w->mapping ? mica_mapping_retain(w->mapping) : NULL;
    mica_status status =
        mica_tensor_wrap(weight->dtype, (int)weight->rank, weight->dims, weight->data,
                         mapping ? release_mapping : NULL, mapping, out, err);
    if (status) {
        mica_mapping_release(&mapping);
        mica_error_prefix(err, "'%s', tensor '%s': ", w->path, weight->name);
        return status;
    }
    if (mapping)
        mica_tensor_set_pages(*out, tell_pages);
    return MICA_OK;
}

mica_status mica_weights_tensor(const mica_weights *weights, const mica_weight *weight,
                                mica_tensor **out, mica_error *err)
{
    *out = NULL;
    if (weight->refused)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s', tensor '%s': its type %s cannot be computed with", weights->path,
                         weight->name, weight->refused);
    if (weight->rank > MICA_MAX_RANK)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s', tensor '%s': it has %zu dimensions, at most %d are supported",
                         weights->path, weight->name, weight->rank, MICA_MAX_RANK);
    size_t alignment = mica_dtype_size(weight->dtype);
    bool view = weight->bytes > 0 && !weight->strides && (uintptr_t)weight->data % alignment == 0;
    mica_status status =
        view ? view_tensor(weights, weight, out, err) : copy_tensor(weights, weight, out, err);
    if (!status && weight->dtype == MICA_DTYPE_BOOL)
        status = check_bools(weights, weight, mica_tensor_data(*out), err);
    if (status)
        mica_tensor_release(out);
    return status;
}
