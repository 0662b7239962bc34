/* SPDX-License-Identifier: MIT
 *
 * PyTorch's format before torch 1.6: pickles one after another, then the storages.
 *
 *   | magic | 1001 | system info | the object | list of keys | count: i64, elements | count ... |
 *
 * The object comes before the data, so storages get their data when all of it has been read.
 */
#include <inttypes.h>
#include <string.h>

#include "checkpoint/torch.h"

#define PROTOCOL 1001

static mica_status read_prelude(mica_pickle *pickle, mica_error *err)
{
    mica_pickle_value *value;
    mica_status status = mica_pickle_run(pickle, &value, err); /* the magic: weights.c knew it */
    if (!status)
        status = mica_pickle_run(pickle, &value, err);
    if (status)
        return status;
    if (value->kind != MICA_PICKLE_INT || value->u.integer != PROTOCOL)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s': its protocol version is %" PRId64 ", supported is %d",
                         pickle->weights->path,
                         value->kind == MICA_PICKLE_INT ? value->u.integer : 0, PROTOCOL);
    status = mica_pickle_run(pickle, &value, err);
    if (status)
        return status;
    if (value->kind != MICA_PICKLE_DICT)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': its system info is %s, not a dict",
                         pickle->weights->path, mica_pickle_kind_name(value->kind));
    for (size_t i = 0; i + 1 < value->u.list.count; i += 2) {
        const mica_pickle_value *key = value->u.list.items[i], *flag = value->u.list.items[i + 1];
        if (key->kind == MICA_PICKLE_TEXT && key->u.text.size == 13 &&
            memcmp(key->u.text.data, "little_endian", 13) == 0 &&
            (flag->kind != MICA_PICKLE_BOOL || !flag->u.integer))
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "'%s' was written on a big-endian machine (little_endian is not true)",
                             pickle->weights->path);
    }
    return MICA_OK;
}

static size_t element_size(const mica_torch_storage *storage)
{
    return storage->type ? storage->type->size : 1;
}

/* key -> position in `roots`: the storages of the pickle, those of one key once. */
static mica_status index_storages(const mica_pickle *pickle, mica_map *keys,
                                  mica_torch_storage **roots, mica_error *err)
{
    for (mica_torch_storage *s = pickle->storages; s; s = s->next) {
        size_t position = mica_map_count(keys);
        mica_map_result result = mica_map_add(keys, s->key, s->key_size, position);
        if (result == MICA_MAP_NO_MEMORY)
            return mica_fail_memory(err, s->key_size, "the key of a storage");
        if (result == MICA_MAP_ADDED) {
            roots[position] = s;
            continue;
        }
        const mica_torch_storage *root = roots[mica_map_find(keys, s->key, s->key_size)->value];
        if (root->root_count != s->root_count || element_size(root) != element_size(s))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s': storage '%.*s' is described as %" PRId64 " and as %" PRId64
                             " elements",
                             pickle->weights->path, mica_torch_shown(s->key_size), s->key,
                             root->root_count, s->root_count);
    }
    return MICA_OK;
}

/* One storage's count and elements at pickle->at. `data` of a root is set to its own first element.
 */
static mica_status read_storage(mica_pickle *pickle, mica_torch_storage *root,
                                const unsigned char **data, mica_error *err)
{
    const char *path = pickle->weights->path;
    size_t left = pickle->size - pickle->at;
    uint64_t count = 0;
    for (int i = 7; i >= 0 && left >= 8; i--)
        count = count << 8 | pickle->data[pickle->at + (size_t)i];
    if (left < 8)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s' is truncated: storage '%.*s' has no count",
                         path, mica_torch_shown(root->key_size), root->key);
    if (count != (uint64_t)root->root_count)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': storage '%.*s' holds %" PRIu64 " elements, its description says "
                         "%" PRId64,
                         path, mica_torch_shown(root->key_size), root->key, count,
                         root->root_count);
    if (count > (left - 8) / element_size(root))
        return mica_fail(
            err, MICA_STATUS_FORMAT,
            "'%s' is truncated: storage '%.*s' should hold %" PRIu64 " elements of %zu "
            "bytes, but %zu bytes are left",
            path, mica_torch_shown(root->key_size), root->key, count, element_size(root), left - 8);
    *data = pickle->data + pickle->at + 8;
    pickle->at += 8 + (size_t)count * element_size(root);
    return MICA_OK;
}

static mica_status read_storages(mica_pickle *pickle, const mica_pickle_value *list,
                                 const mica_map *keys, mica_torch_storage **roots,
                                 const unsigned char **data, mica_error *err)
{
    const char *path = pickle->weights->path;
    for (size_t i = 0; i < list->u.list.count; i++) {
        const mica_pickle_value *key = list->u.list.items[i];
        if (key->kind != MICA_PICKLE_TEXT)
            return mica_fail(err, MICA_STATUS_FORMAT, "'%s': the key of storage %zu is %s", path, i,
                             mica_pickle_kind_name(key->kind));
        const mica_map_entry *entry = mica_map_find(keys, key->u.text.data, key->u.text.size);
        if (!entry || data[entry->value])
            return mica_fail(err, MICA_STATUS_FORMAT, "'%s': storage '%.*s' is %s", path,
                             mica_torch_shown(key->u.text.size), key->u.text.data,
                             entry ? "listed twice" : "listed, but belongs to no tensor");
        mica_status status = read_storage(pickle, roots[entry->value], &data[entry->value], err);
        if (status)
            return status;
    }
    for (mica_torch_storage *s = pickle->storages; s; s = s->next) {
        const unsigned char *root = data[mica_map_find(keys, s->key, s->key_size)->value];
        if (!root)
            return mica_fail(err, MICA_STATUS_FORMAT, "'%s': the data of storage '%.*s' is missing",
                             path, mica_torch_shown(s->key_size), s->key);
        s->data = root + (size_t)s->skip * element_size(s);
    }
    return MICA_OK;
}

static mica_status read_data(mica_pickle *pickle, const mica_pickle_value *list, mica_error *err)
{
    mica_arena *arena = &pickle->weights->arena;
    size_t count = 0;
    for (const mica_torch_storage *s = pickle->storages; s; s = s->next)
        count++;
    if (list->kind != MICA_PICKLE_LIST)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': its list of storages is %s",
                         pickle->weights->path, mica_pickle_kind_name(list->kind));
    mica_torch_storage **roots = mica_arena_array(arena, count + 1, sizeof(mica_torch_storage *));
    const unsigned char **data = mica_arena_array(arena, count + 1, sizeof(unsigned char *));
    mica_map *keys = mica_map_create();
    mica_status status = MICA_OK;
    if (!roots || !data || !keys)
        status = mica_fail_memory(err, count * sizeof *roots, "a list of storages");
    if (!status)
        status = index_storages(pickle, keys, roots, err);
    if (!status)
        status = read_storages(pickle, list, keys, roots, data, err);
    mica_map_destroy(&keys);
    return status;
}

mica_status mica_torch_legacy_read(mica_weights *weights, mica_error *err)
{
    mica_pickle pickle = {
        .weights = weights, .data = weights->data, .size = weights->size, .legacy = true};
    mica_pickle_value *object = NULL, *list = NULL;
    weights->kind = "legacy";
    mica_status status = read_prelude(&pickle, err);
    if (!status)
        status = mica_pickle_run(&pickle, &object, err);
    if (!status)
        status = mica_pickle_run(&pickle, &list, err);
    if (!status)
        status = read_data(&pickle, list, err);
    if (!status)
        status = mica_torch_collect(&pickle, object, err);
    if (!status && pickle.at < pickle.size)
        weights->notice = "bytes follow the last storage; they are ignored";
    mica_pickle_free(&pickle);
    return status;
}
