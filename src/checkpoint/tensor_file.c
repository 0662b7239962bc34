/* SPDX-License-Identifier: MIT
 *
 * Named tensors of a file, or of all weight files of a model: see mica/tensor.h.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/weights.h"

/* One of them is not NULL. */
struct mica_tensor_file {
    mica_weights *weights;
    mica_checkpoint *checkpoint;
};

static mica_status create(mica_tensor_file **out, mica_error *err)
{
    *out = mica_calloc(1, sizeof **out);
    return *out ? MICA_OK : mica_fail_memory(err, sizeof **out, "a file of tensors");
}

mica_status mica_tensor_file_open(const char *path, mica_tensor_file **out, mica_error *err)
{
    mica_status status = create(out, err);
    if (!status)
        status = mica_weights_open_safetensors(path, &(*out)->weights, err);
    if (status)
        mica_tensor_file_close(out);
    return status;
}

/* The configuration may name the file, or say that its numbers mean nothing by themselves. */
static mica_status open_checkpoint(const char *directory, mica_checkpoint **out, mica_error *err)
{
    mica_json *config = NULL;
    mica_status status = MICA_OK;
    char *path = mica_path_join(directory, "config.json");
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    if (mica_file_exists(path))
        status = mica_json_parse_file(path, &config, err);
    if (!status)
        status = mica_checkpoint_open(directory, mica_json_root(config), NULL, out, err);
    mica_json_destroy(&config);
    mica_free(path);
    return status;
}

mica_status mica_tensor_file_open_model(const char *directory, mica_tensor_file **out,
                                        mica_error *err)
{
    mica_status status = create(out, err);
    if (!status)
        status = open_checkpoint(directory, &(*out)->checkpoint, err);
    if (status)
        mica_tensor_file_close(out);
    return status;
}

void mica_tensor_file_close(mica_tensor_file **file)
{
    if (!file || !*file)
        return;
    mica_weights_close(&(*file)->weights);
    mica_checkpoint_close(&(*file)->checkpoint);
    mica_free(*file);
    *file = NULL;
}

size_t mica_tensor_file_count(const mica_tensor_file *file)
{
    return file->checkpoint ? mica_checkpoint_count(file->checkpoint) : file->weights->count;
}

const char *mica_tensor_file_name(const mica_tensor_file *file, size_t i)
{
    if (file->checkpoint)
        return mica_checkpoint_name(file->checkpoint, i);
    return i < file->weights->count ? file->weights->items[i].name : NULL;
}

mica_status mica_tensor_file_get(const mica_tensor_file *file, const char *name, mica_tensor **out,
                                 mica_error *err)
{
    if (file->checkpoint)
        return mica_checkpoint_get(file->checkpoint, name, NULL, out, err);
    const mica_weight *weight = mica_weights_find(file->weights, name);
    *out = NULL;
    if (!weight)
        return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%s' has no tensor '%s' (it has %zu)",
                         file->weights->path, name, file->weights->count);
    return mica_weights_tensor(file->weights, weight, out, err);
}
