/* SPDX-License-Identifier: MIT
 *
 * The index of a sharded checkpoint. metadata.total_size is not looked at: it is often wrong. A
 * tensor that a shard holds and the index does not name is taken all the same.
 */
#include "checkpoint/sharded.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/names.h"
#include "mica/json.h"

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static mica_status check_shard_name(const char *path, const mica_json_value *value,
                                    const char **name, size_t *size, mica_error *err)
{
    *name = mica_json_string(value, size);
    if (!*name)
        return mica_fail(
            err, MICA_STATUS_FORMAT, "'%s': weight_map gives tensor '%s' %s, not a file name", path,
            mica_json_key(value, NULL), mica_json_type_name(mica_json_get_type(value)));
    if (!mica_names_safe_path(*name, *size))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': weight_map gives tensor '%s' the file '%s', which is not a path "
                         "below the index's folder",
                         path, mica_json_key(value, NULL), *name);
    return MICA_OK;
}

/* The files that the map names, each once, sorted; names belong to `seen`. */
static mica_status list_files(const char *path, const mica_json_value *map, mica_map *seen,
                              const char ***out, mica_error *err)
{
    for (const mica_json_value *v = mica_json_first(map); v; v = mica_json_next(v)) {
        const char *name;
        size_t size;
        mica_status status = check_shard_name(path, v, &name, &size, err);
        if (status)
            return status;
        if (mica_map_add(seen, name, size, 0) == MICA_MAP_NO_MEMORY)
            return mica_fail_memory(err, size, "a list of weight files");
    }
    size_t count = mica_map_count(seen);
    const char **names = mica_alloc_array(count + 1, sizeof *names);
    if (!names)
        return mica_fail_memory(err, count * sizeof *names, "a list of weight files");
    for (size_t i = 0; i < count; i++)
        names[i] = mica_map_at(seen, i)->key;
    qsort(names, count, sizeof *names, compare_names);
    *out = names;
    return MICA_OK;
}

static mica_status open_file(const char *index_path, const char *name, mica_weights **out,
                             mica_error *err)
{
    const char *slash = strrchr(index_path, '/');
    size_t folder = slash ? (size_t)(slash - index_path) + 1 : 0, size = strlen(name);
    char *path = mica_alloc(folder + size + 1);
    if (!path)
        return mica_fail_memory(err, folder + size + 1, "a path");
    memcpy(path, index_path, folder);
    memcpy(path + folder, name, size + 1);
    mica_status status;
    if (mica_file_exists(path))
        status = mica_weights_open(path, out, err);
    else
        status = mica_fail(err, MICA_STATUS_NOT_FOUND,
                           "'%s' names the weight file '%s', which is not there", index_path, name);
    mica_free(path);
    return status;
}

static mica_status open_files(const char *path, const char *const *names, size_t count,
                              mica_map *seen, mica_shards *out, mica_error *err)
{
    out->files = mica_calloc(count + 1, sizeof(mica_weights *));
    if (!out->files)
        return mica_fail_memory(err, count * sizeof(mica_weights *), "a list of weight files");
    for (; out->count < count; out->count++) {
        const char *name = names[out->count];
        mica_status status = open_file(path, name, &out->files[out->count], err);
        if (status)
            return status;
        if (mica_map_set(seen, name, strlen(name), out->count) == MICA_MAP_NO_MEMORY) {
            out->count++; /* this one is open */
            return mica_fail_memory(err, 0, "a list of weight files");
        }
    }
    return MICA_OK;
}

static mica_status assign_tensors(const char *path, const mica_json_value *map,
                                  const mica_map *seen, mica_shards *out, mica_error *err)
{
    out->owner = mica_map_create();
    if (!out->owner)
        return mica_fail_memory(err, 0, "an index of tensors");
    for (const mica_json_value *v = mica_json_first(map); v; v = mica_json_next(v)) {
        size_t key_size, size;
        const char *key = mica_json_key(v, &key_size), *name = mica_json_string(v, &size);
        size_t file = (size_t)mica_map_find(seen, name, size)->value;
        if (!mica_weights_find(out->files[file], key))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s': tensor '%s' should be in '%s', but is not there", path, key,
                             name);
        if (mica_map_add(out->owner, key, key_size, file) == MICA_MAP_NO_MEMORY)
            return mica_fail_memory(err, key_size, "an index of tensors");
    }
    return MICA_OK;
}

/* A git-lfs pointer is no JSON; say what it is instead of where it is wrong. */
static mica_status parse_index(const char *path, mica_json **out, mica_error *err)
{
    mica_mapping *mapping = NULL;
    mica_status status = mica_mapping_open(path, &mapping, err);
    if (status)
        return status;
    const unsigned char *data = mica_mapping_data(mapping);
    size_t size = mica_mapping_size(mapping);
    status = mica_weights_check_pointer(data, size, path, err);
    if (!status)
        status = mica_json_parse(data ? (const char *)data : "", size, path, out, err);
    mica_mapping_release(&mapping);
    return status;
}

mica_status mica_shards_open(const char *index_path, mica_shards *out, mica_error *err)
{
    mica_json *json = NULL;
    mica_map *seen = NULL;
    const char **names = NULL;
    *out = (mica_shards){0};
    mica_status status = parse_index(index_path, &json, err);
    if (status)
        return status;
    const mica_json_value *map = mica_json_get(mica_json_root(json), "weight_map");
    seen = mica_map_create();
    if (!seen)
        status = mica_fail_memory(err, 0, "a list of weight files");
    else if (mica_json_get_type(map) != MICA_JSON_OBJECT)
        status =
            mica_fail(err, MICA_STATUS_FORMAT, "'%s' has no object \"weight_map\"", index_path);
    else
        status = list_files(index_path, map, seen, &names, err);
    if (!status)
        status = open_files(index_path, names, mica_map_count(seen), seen, out, err);
    if (!status)
        status = assign_tensors(index_path, map, seen, out, err);
    if (status)
        mica_shards_close(out);
    mica_free(names);
    mica_map_destroy(&seen);
    mica_json_destroy(&json);
    return status;
}

void mica_shards_close(mica_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++)
        mica_weights_close(&shards->files[i]);
    mica_free(shards->files);
    mica_map_destroy(&shards->owner);
    *shards = (mica_shards){0};
}
