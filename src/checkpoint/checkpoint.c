/* SPDX-License-Identifier: MIT
 *
 * Checkpoints: which file of a directory, what is refused as a whole, and tensors by the model's
 * names. One file is treated as one shard.
 */
#include "checkpoint/checkpoint.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "checkpoint/names.h"
#include "checkpoint/sharded.h"
#include "checkpoint/weights.h"

typedef struct item {
    const char *name; /* modern */
    const mica_weights *file;
    const mica_weight *weight;
    bool used;
} item;

struct mica_checkpoint {
    mica_shards shards;
    mica_arena arena;
    const char *path; /* of the file or index */
    const char *source;
    item *items;
    size_t count;
    mica_map *index; /* modern name -> position in items */
};

static const char *const candidates[] = {"model.safetensors", "model.safetensors.index.json",
                                         "pytorch_model.bin", "pytorch_model.bin.index.json"};
#define CANDIDATES (sizeof candidates / sizeof *candidates)

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

/* -- Quantised weights: their numbers mean nothing without the scheme -- */

static mica_status check_config(const char *dir, const mica_json_value *config, mica_error *err)
{
    static const char *const keys[] = {"quantization_config", "quantization", "compression_config"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const mica_json_value *scheme = mica_json_get(config, keys[i]);
        if (mica_json_get_type(scheme) == MICA_JSON_NULL)
            continue;
        const char *method = mica_json_string(mica_json_get(scheme, "quant_method"), NULL);
        bool flag = false;
        if (!method && ((mica_json_bool(mica_json_get(scheme, "load_in_8bit"), &flag) && flag) ||
                        (mica_json_bool(mica_json_get(scheme, "load_in_4bit"), &flag) && flag)))
            method = "bitsandbytes";
        if (!method)
            method = strcmp(keys[i], "quantization") == 0 ? "mlx" : "not named";
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s': the weights are quantised (config.json has %s, quant_method %s); "
                         "only plain weights are supported",
                         dir, keys[i], method);
    }
    return MICA_OK;
}

static mica_status refuse_quantised(const item *it, const char *what, mica_error *err)
{
    return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                     "'%s': the weights are quantised (tensor '%s' is a sign of %s); only plain "
                     "weights are supported",
                     it->file->path, it->name, what);
}

static mica_status check_items(mica_checkpoint *c, mica_error *err)
{
    static const char tail[] = ".scales";
    for (size_t i = 0; i < c->count; i++) {
        const item *it = &c->items[i];
        const char *what = mica_names_quantised(it->name);
        if (what)
            return refuse_quantised(it, what, err);
        if (!ends_with(it->name, tail))
            continue;
        /* MLX: packed x.weight beside x.scales */
        size_t stem = strlen(it->name) - (sizeof tail - 1);
        char *name = mica_arena_alloc(&c->arena, stem + sizeof ".weight");
        if (!name)
            return mica_fail_memory(err, stem + sizeof ".weight", "a name");
        memcpy(name, it->name, stem);
        memcpy(name + stem, ".weight", sizeof ".weight");
        const mica_map_entry *entry = mica_map_find(c->index, name, strlen(name));
        if (!entry)
            continue;
        const mica_weight *weight = c->items[entry->value].weight;
        if (!weight->refused && weight->dtype == MICA_DTYPE_U32)
            return refuse_quantised(it, "MLX quantisation", err);
    }
    return MICA_OK;
}

/* -- The tensors of all files under their modern names -- */

/* A tensor's item, unless another shard is said to own its name. */
static mica_status add_item(mica_checkpoint *c, size_t file, const mica_weight *weight,
                            mica_error *err)
{
    const mica_map *owner = c->shards.owner;
    const mica_map_entry *entry =
        owner ? mica_map_find(owner, weight->name, strlen(weight->name)) : NULL;
    if (entry && entry->value != file)
        return MICA_OK;
    item *it = &c->items[c->count];
    *it = (item){.file = c->shards.files[file], .weight = weight};
    it->name = mica_names_modern(&c->arena, weight->name);
    if (!it->name)
        return mica_fail_memory(err, strlen(weight->name), "a name");
    c->count++;
    if (it->name != weight->name) /* added later: names that were modern come first */
        return MICA_OK;
    mica_map_result result = mica_map_add(c->index, it->name, strlen(it->name), c->count - 1);
    if (result == MICA_MAP_NO_MEMORY)
        return mica_fail_memory(err, strlen(it->name), "an index of tensors");
    if (result == MICA_MAP_EXISTS) {
        const mica_map_entry *first = mica_map_find(c->index, it->name, strlen(it->name));
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': tensor '%s' is both in '%s' and in '%s', and the index names "
                         "neither",
                         c->path, it->name, c->items[first->value].file->path, it->file->path);
    }
    return MICA_OK;
}

/* Where a checkpoint has both spellings of a name, the old one keeps its own: it is not asked for,
 * and the warning about unused tensors tells of it. */
static mica_status index_renamed(mica_checkpoint *c, mica_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        item *it = &c->items[i];
        if (it->name == it->weight->name)
            continue;
        mica_map_result result = mica_map_add(c->index, it->name, strlen(it->name), i);
        if (result == MICA_MAP_EXISTS) {
            it->name = it->weight->name;
            result = mica_map_add(c->index, it->name, strlen(it->name), i);
        }
        if (result == MICA_MAP_NO_MEMORY)
            return mica_fail_memory(err, strlen(it->name), "an index of tensors");
        if (result == MICA_MAP_EXISTS)
            return mica_fail(err, MICA_STATUS_FORMAT, "'%s': tensor '%s' is there twice", c->path,
                             it->name);
    }
    return MICA_OK;
}

static mica_status index_items(mica_checkpoint *c, mica_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < c->shards.count; i++)
        total += c->shards.files[i]->count;
    c->items = mica_arena_array(&c->arena, total + 1, sizeof *c->items);
    c->index = mica_map_create();
    if (!c->items || !c->index)
        return mica_fail_memory(err, total * sizeof *c->items, "an index of tensors");
    for (size_t i = 0; i < c->shards.count; i++) {
        const mica_weights *file = c->shards.files[i];
        for (size_t k = 0; k < file->count; k++) {
            mica_status status = add_item(c, i, &file->items[k], err);
            if (status)
                return status;
        }
    }
    return index_renamed(c, err);
}

/* -- Opening -- */

static mica_status open_single(const char *path, mica_shards *out, mica_error *err)
{
    out->files = mica_calloc(1, sizeof(mica_weights *));
    if (!out->files)
        return mica_fail_memory(err, sizeof(mica_weights *), "a list of weight files");
    mica_status status = mica_weights_open(path, &out->files[0], err);
    if (!status)
        out->count = 1;
    return status;
}

static mica_status describe(mica_checkpoint *c, const char *path, bool sharded, mica_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *kind = sharded ? NULL : c->shards.files[0]->kind;
    mica_buf text;
    mica_buf_init(&text, strlen(name) + 64);
    if (sharded)
        mica_buf_printf(&text, "%s (%zu files)", name, c->shards.count);
    else if (strcmp(kind, "safetensors") == 0)
        mica_buf_text(&text, name);
    else
        mica_buf_printf(&text, "%s (%s)", name, kind);
    if (!text.failed)
        c->source = mica_arena_text(&c->arena, mica_buf_cstr(&text), text.size);
    mica_buf_free(&text);
    return c->source ? MICA_OK : mica_fail_memory(err, strlen(name), "the name of a file");
}

static mica_status open_path(const char *path, mica_checkpoint **out, mica_error *err)
{
    bool sharded = ends_with(path, ".index.json");
    mica_status status = MICA_OK;
    mica_checkpoint *c = mica_calloc(1, sizeof *c);
    if (!c)
        return mica_fail_memory(err, sizeof *c, "a checkpoint");
    c->path = mica_arena_text(&c->arena, path, strlen(path));
    if (!c->path)
        status = mica_fail_memory(err, strlen(path), "a path");
    if (!status)
        status =
            sharded ? mica_shards_open(path, &c->shards, err) : open_single(path, &c->shards, err);
    if (!status)
        status = index_items(c, err);
    if (!status)
        status = check_items(c, err);
    if (!status)
        status = describe(c, path, sharded, err);
    if (status)
        mica_checkpoint_close(&c);
    *out = c;
    return status;
}

/* The file that config.json names itself. */
static mica_status explicit_file(const char *dir, const mica_json_value *value, char **path,
                                 mica_error *err)
{
    size_t size;
    const char *name = mica_json_string(value, &size);
    if (!name || !mica_names_safe_path(name, size))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': transformers_weights in config.json is %s%s%s, which is not a path "
                         "below the folder",
                         dir, name ? "'" : "",
                         name ? name : mica_json_type_name(mica_json_get_type(value)),
                         name ? "'" : "");
    *path = mica_path_join(dir, name);
    if (!*path)
        return mica_fail_memory(err, size, "a path");
    if (mica_file_exists(*path))
        return MICA_OK;
    mica_status status =
        mica_fail(err, MICA_STATUS_NOT_FOUND,
                  "'%s': config.json names the weight file '%s' (transformers_weights), which is "
                  "not there",
                  dir, name);
    mica_free(*path);
    *path = NULL;
    return status;
}

/* 1 there, 0 not, -1 out of memory. *path is set (and the caller's) only if it is there. */
static int look(const char *dir, const char *name, char **path)
{
    *path = mica_path_join(dir, name);
    if (!*path)
        return -1;
    if (mica_file_exists(*path))
        return 1;
    mica_free(*path);
    *path = NULL;
    return 0;
}

static mica_status no_weights(const char *dir, mica_error *err)
{
    static const char *const others[] = {"tf_model.h5", "tf_model.h5.index.json",
                                         "model.ckpt.index", "flax_model.msgpack",
                                         "flax_model.msgpack.index.json"};
    if (!mica_dir_exists(dir))
        return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%s' is not a folder", dir);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *path;
        int there = look(dir, others[i], &path);
        if (there < 0)
            return mica_fail_memory(err, 0, "a path");
        mica_free(path);
        if (there)
            return mica_fail(err, MICA_STATUS_NOT_FOUND,
                             "'%s': only TensorFlow/Flax weights found (%s); load them with "
                             "transformers (from_tf or from_flax) and save_pretrained them as "
                             "safetensors",
                             dir, others[i]);
    }
    return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%s' has no weights: looked for %s, %s, %s, %s",
                     dir, candidates[0], candidates[1], candidates[2], candidates[3]);
}

static mica_status find_file(const char *dir, const mica_json_value *config, char **path,
                             mica_error *err)
{
    const mica_json_value *named = mica_json_get(config, "transformers_weights");
    *path = NULL;
    if (mica_json_get_type(named) != MICA_JSON_NULL)
        return explicit_file(dir, named, path, err);
    for (size_t i = 0; i < CANDIDATES; i++) {
        int there = look(dir, candidates[i], path);
        if (there < 0)
            return mica_fail_memory(err, 0, "a path");
        if (there)
            return MICA_OK;
    }
    return no_weights(dir, err);
}

mica_status mica_checkpoint_open(const char *dir, const mica_json_value *config,
                                 const mica_log_sink *log, mica_checkpoint **out, mica_error *err)
{
    char *path = NULL;
    *out = NULL;
    mica_status status = check_config(dir, config, err);
    if (!status)
        status = find_file(dir, config, &path, err);
    if (!status)
        status = open_path(path, out, err);
    mica_free(path);
    if (status)
        return status;
    for (size_t i = 0; i < (*out)->shards.count; i++) {
        const mica_weights *file = (*out)->shards.files[i];
        if (file->notice)
            mica_log_write(log, MICA_LOG_WARNING, "'%s': %s", file->path, file->notice);
    }
    return MICA_OK;
}

mica_status mica_checkpoint_open_file(const char *path, mica_checkpoint **out, mica_error *err)
{
    *out = NULL;
    return open_path(path, out, err);
}

void mica_checkpoint_close(mica_checkpoint **checkpoint)
{
    if (!checkpoint || !*checkpoint)
        return;
    mica_map_destroy(&(*checkpoint)->index);
    mica_shards_close(&(*checkpoint)->shards);
    mica_arena_free(&(*checkpoint)->arena);
    mica_free(*checkpoint);
    *checkpoint = NULL;
}

/* -- Lookup -- */

size_t mica_checkpoint_count(const mica_checkpoint *checkpoint)
{
    return checkpoint->count;
}

const char *mica_checkpoint_name(const mica_checkpoint *checkpoint, size_t i)
{
    return i < checkpoint->count ? checkpoint->items[i].name : NULL;
}

bool mica_checkpoint_has(const mica_checkpoint *checkpoint, const char *name, const char *prefix)
{
    return mica_names_find(checkpoint->index, name, prefix) != NULL;
}

mica_status mica_checkpoint_get(mica_checkpoint *checkpoint, const char *name, const char *prefix,
                                mica_tensor **out, mica_error *err)
{
    const mica_map_entry *entry = mica_names_find(checkpoint->index, name, prefix);
    *out = NULL;
    if (!entry) {
        bool with = prefix && *prefix;
        return mica_fail(err, MICA_STATUS_NOT_FOUND,
                         "'%s' has no tensor '%s'%s%s%s (it has %zu tensors)", checkpoint->path,
                         name, with ? ", with or without '" : "", with ? prefix : "",
                         with ? ".'" : "", checkpoint->count);
    }
    item *it = &checkpoint->items[entry->value];
    it->used = true;
    return mica_weights_tensor(it->file, it->weight, out, err);
}

static bool is_ignored(const char *name, const char *const *ignored)
{
    for (; ignored && *ignored; ignored++)
        if (mica_names_match(*ignored, name))
            return true;
    return mica_names_harmless(name);
}

void mica_checkpoint_warn_unused(const mica_checkpoint *checkpoint, const char *const *ignored,
                                 const mica_log_sink *log)
{
    size_t unused = 0;
    mica_buf names;
    mica_buf_init(&names, 4096);
    for (size_t i = 0; i < checkpoint->count; i++) {
        const item *it = &checkpoint->items[i];
        if (it->used || is_ignored(it->name, ignored))
            continue;
        if (unused++ < 5)
            mica_buf_printf(&names, "%s%s", names.size ? ", " : "", it->name);
    }
    if (unused)
        mica_log_write(log, MICA_LOG_WARNING, "%s: %zu tensors are not used: %s%s",
                       checkpoint->source, unused, mica_buf_cstr(&names),
                       unused > 5 ? ", ..." : "");
    mica_buf_free(&names);
}

const char *mica_checkpoint_source(const mica_checkpoint *checkpoint)
{
    return checkpoint->source;
}

size_t mica_checkpoint_file_count(const mica_checkpoint *checkpoint)
{
    return checkpoint->shards.count;
}

const char *mica_checkpoint_file(const mica_checkpoint *checkpoint, size_t i,
                                 mica_file_stamp *stamp)
{
    const mica_weights *file = checkpoint->shards.files[i];
    *stamp = *mica_mapping_stamp(file->mapping);
    return file->path;
}
