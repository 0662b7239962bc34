/* SPDX-License-Identifier: MIT
 *
 * The file names of transformers and sentence-transformers, in one place.
 */
#include "hub/select.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mica/json.h"

static const char *const small_files[] = {
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja",
    /* tokenizers */
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "tokenizer.model",
    "sentencepiece.bpe.model",
    /* sentence-transformers */
    "modules.json", "sentence_*_config.json", "config_sentence_transformers.json",
    /* indexes of sharded weights */
    "model.safetensors.index.json", "pytorch_model.bin.index.json"};

/* Best first. */
static const char *const weight_files[] = {"model.safetensors", "model.safetensors.index.json",
                                           "pytorch_model.bin", "pytorch_model.bin.index.json"};
enum { WEIGHT_FILES = 4, IS_INDEX = 1 };

/* Weights of other frameworks, for the text of an error. */
static const char *const other_weights[] = {"tf_model.h5",   "tf_model.h5.index.json",
                                            "model.ckpt*",   "flax_model.msgpack*",
                                            "rust_model.ot", "*.gguf",
                                            "onnx/*.onnx",   "*.onnx",
                                            "openvino/*",    "*.tflite",
                                            "*.mlmodel*"};

static bool is_small(const char *name)
{
    for (size_t i = 0; i < sizeof small_files / sizeof *small_files; i++)
        if (mica_hub_match(small_files[i], name))
            return strchr(small_files[i], '/') || !strchr(name, '/');
    return false;
}

/* The index that does not belong to the chosen weights is not fetched. */
static bool is_spare_index(const mica_hub_listing *listing, const char *prefix, const char *name)
{
    char path[MICA_HUB_PATH_MAX + 32];
    for (size_t i = 0; i < WEIGHT_FILES; i++) {
        snprintf(path, sizeof path, "%s%s", prefix, weight_files[i]);
        if (mica_hub_listing_find(listing, path))
            return strcmp(name, weight_files[i]) != 0 && strstr(name, ".index.json");
    }
    return false;
}

/* Marks the small files of a folder: `prefix` is "" or ends in "/". */
static void mark_small(mica_hub_listing *listing, const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < listing->count; i++) {
        mica_hub_entry *e = &listing->items[i];
        if (strncmp(e->path, prefix, length) != 0)
            continue;
        const char *name = e->path + length;
        if (is_small(name) && !is_spare_index(listing, prefix, name))
            e->need = MICA_HUB_NEED_SMALL;
    }
}

void mica_hub_select_small(mica_hub_listing *listing)
{
    mark_small(listing, "");
}

static bool matches(const char *path, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mica_hub_match(patterns[i], path))
            return true;
    return false;
}

/* What is fetched last: by its size, since any file may be asked for. */
static bool is_weighty(const char *path)
{
    static const char *const patterns[] = {"*.safetensors", "*.bin", "*.h5",  "*.msgpack", "*.onnx",
                                           "*.gguf",        "*.pt",  "*.pth", "*.ckpt*"};
    return matches(path, patterns, sizeof patterns / sizeof *patterns);
}

void mica_hub_select_matching(mica_hub_listing *listing, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < listing->count; i++)
        if (matches(listing->items[i].path, patterns, count))
            listing->items[i].need =
                is_weighty(listing->items[i].path) ? MICA_HUB_NEED_WEIGHTS : MICA_HUB_NEED_SMALL;
}

void mica_hub_select_exclude(mica_hub_listing *listing, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < listing->count; i++)
        if (matches(listing->items[i].path, patterns, count))
            listing->items[i].need = MICA_HUB_NEED_NOTHING;
}

/* Notes what is not there. */
static mica_status lacks(mica_hub_listing *listing, const char *path, mica_error *err)
{
    listing->lacks = mica_arena_text(&listing->arena, path, strlen(path));
    return listing->lacks ? MICA_OK : mica_fail_memory(err, strlen(path), "a path");
}

/* Reads and parses a small file of the repository. */
static mica_status read_json(const mica_hub_reader *reader, const mica_hub_entry *entry,
                             mica_json **out, mica_error *err)
{
    char *text = NULL;
    size_t size = 0;
    *out = NULL;
    mica_status status = reader->read(reader->user, entry, &text, &size, err);
    if (!status)
        status = mica_json_parse(text, size, entry->path, out, err);
    mica_free(text);
    return status;
}

/* The shards that an index names, which lie beside it. */
static mica_status mark_shards(mica_hub_listing *listing, const mica_hub_reader *reader,
                               const char *prefix, const mica_hub_entry *index, mica_error *err)
{
    mica_json *json;
    mica_status status = read_json(reader, index, &json, err);
    if (status)
        return status;
    const mica_json_value *map = mica_json_get(mica_json_root(json), "weight_map");
    if (mica_json_get_type(map) != MICA_JSON_OBJECT)
        status = mica_fail(err, MICA_STATUS_FORMAT, "%s has no object \"weight_map\"", index->path);
    const mica_json_value *v = mica_json_first(map);
    for (; v && !status; v = mica_json_next(v)) {
        char path[MICA_HUB_PATH_MAX + 32];
        size_t size = 0;
        const char *name = mica_json_string(v, &size);
        int n = name ? snprintf(path, sizeof path, "%s%s", prefix, name) : -1;
        mica_hub_entry *e = n > 0 && (size_t)n < sizeof path && mica_hub_path_safe(name, size)
                                ? mica_hub_listing_find(listing, path)
                                : NULL;
        if (!e) {
            const char *what = name ? name : mica_json_type_name(mica_json_get_type(v));
            status = lacks(listing, what, err);
            if (!status)
                status = mica_fail(err, MICA_STATUS_NO_ENTRY,
                                   "the repository has no file '%.200s', which %s names", what,
                                   index->path);
        } else if (e->need == MICA_HUB_NEED_NOTHING)
            e->need = MICA_HUB_NEED_WEIGHTS;
    }
    mica_json_destroy(&json);
    return status;
}

static mica_status mark_weight_file(mica_hub_listing *listing, const mica_hub_reader *reader,
                                    const char *prefix, mica_hub_entry *e, mica_error *err)
{
    size_t length = strlen(e->path);
    if (length < 11 || strcmp(e->path + length - 11, ".index.json") != 0) {
        e->need = MICA_HUB_NEED_WEIGHTS;
        return MICA_OK;
    }
    e->need = MICA_HUB_NEED_SMALL;
    return mark_shards(listing, reader, prefix, e, err);
}

/* The best weights of a folder; *found says whether there are any. */
static mica_status mark_weights(mica_hub_listing *listing, const mica_hub_reader *reader,
                                const char *prefix, bool *found, mica_error *err)
{
    char path[MICA_HUB_PATH_MAX + 32];
    for (size_t i = 0; i < WEIGHT_FILES; i++) {
        snprintf(path, sizeof path, "%s%s", prefix, weight_files[i]);
        mica_hub_entry *e = mica_hub_listing_find(listing, path);
        if (e) {
            *found = true;
            return mark_weight_file(listing, reader, prefix, e, err);
        }
    }
    return MICA_OK;
}

/* The file that transformers_weights in config.json names, if it does. */
static mica_status mark_named_weights(mica_hub_listing *listing, const mica_hub_reader *reader,
                                      bool *found, mica_error *err)
{
    mica_json *json;
    const mica_hub_entry *config = mica_hub_listing_find(listing, "config.json");
    if (!config)
        return MICA_OK;
    mica_status status = read_json(reader, config, &json, err);
    if (status)
        return status;
    const char *name =
        mica_json_string(mica_json_get(mica_json_root(json), "transformers_weights"), NULL);
    mica_hub_entry *e = name ? mica_hub_listing_find(listing, name) : NULL;
    if (e) {
        const char *slash = strrchr(name, '/');
        char prefix[MICA_HUB_PATH_MAX + 1];
        snprintf(prefix, sizeof prefix, "%.*s", slash ? (int)(slash - name) + 1 : 0, name);
        *found = true;
        status = mark_weight_file(listing, reader, prefix, e, err);
    }
    mica_json_destroy(&json);
    return status;
}

/* Models have some three modules; each is looked for in the whole listing. */
enum { MODULES_MAX = 64 };

/* The folders that modules.json names: [{"path": "1_Pooling", ...}]. */
static mica_status mark_modules(mica_hub_listing *listing, const mica_hub_reader *reader,
                                bool weights, bool *found, mica_error *err)
{
    mica_json *json;
    const mica_hub_entry *modules = mica_hub_listing_find(listing, "modules.json");
    if (!modules)
        return MICA_OK;
    mica_status status = read_json(reader, modules, &json, err);
    if (status)
        return status;
    const mica_json_value *v = mica_json_first(mica_json_root(json));
    for (size_t i = 0; v && !status; v = mica_json_next(v), i++) {
        char prefix[MICA_HUB_PATH_MAX + 2];
        size_t size = 0;
        if (i == MODULES_MAX) {
            status = mica_fail(err, MICA_STATUS_FORMAT, "modules.json names more than %d modules",
                               MODULES_MAX);
            break;
        }
        const char *path = mica_json_string(mica_json_get(v, "path"), &size);
        while (size && path[size - 1] == '/')
            size--;
        if (!size)
            continue;
        if (!mica_hub_path_safe(path, size)) {
            status = mica_fail(err, MICA_STATUS_FORMAT,
                               "modules.json: the path '%.200s' is no safe name", path);
            break;
        }
        snprintf(prefix, sizeof prefix, "%.*s/", (int)size, path);
        mark_small(listing, prefix);
        if (weights)
            status = mark_weights(listing, reader, prefix, found, err);
    }
    mica_json_destroy(&json);
    return status;
}

static mica_status no_weights(mica_hub_listing *listing, mica_error *err)
{
    mica_status status = lacks(listing, weight_files[0], err);
    if (status)
        return status;
    for (size_t k = 0; k < sizeof other_weights / sizeof *other_weights; k++)
        for (size_t i = 0; i < listing->count; i++)
            if (mica_hub_match(other_weights[k], listing->items[i].path))
                return mica_fail(err, MICA_STATUS_NO_WEIGHTS,
                                 "the repository has weights for other programs only (%s), and "
                                 "mica reads safetensors and PyTorch's .bin; is there a copy of "
                                 "the model in one of these, or a revision (refs/pr/N) with them?",
                                 listing->items[i].path);
    return mica_fail(err, MICA_STATUS_NO_WEIGHTS,
                     "the repository has no weights: looked for %s, %s, %s, %s", weight_files[0],
                     weight_files[1], weight_files[2], weight_files[3]);
}

mica_status mica_hub_select_rest(mica_hub_listing *listing, const mica_hub_reader *reader,
                                 bool weights, mica_error *err)
{
    bool found = false;
    mica_status status = MICA_OK;
    if (!mica_hub_listing_find(listing, "config.json") &&
        !mica_hub_listing_find(listing, "modules.json"))
        status = lacks(listing, "config.json", err);
    if (!status && listing->lacks)
        status = mica_fail(err, MICA_STATUS_NO_ENTRY,
                           "the repository has no config.json: it holds no transformers model");
    if (status)
        return status;
    status = mark_modules(listing, reader, weights, &found, err);
    if (status || !weights)
        return status;
    bool here = false;
    status = mark_named_weights(listing, reader, &here, err);
    if (!status && !here)
        status = mark_weights(listing, reader, "", &here, err);
    if (!status && !here && !found)
        status = no_weights(listing, err);
    return status;
}
