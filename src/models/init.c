/* SPDX-License-Identifier: MIT
 *
 * Checkpoints of random weights: the model's own equations are written down with a source that
 * makes each weight up, so names and shapes are those that loading asks for.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "mica/model.h"
#include "models/family.h"

/* A source that invents weights, and keeps them. */
typedef struct random_weights {
    mica_weight_source base;
    uint64_t seed;
    double stddev;
    const char *prefix; /* of names outside the head; NULL = none */
    mica_named_tensor *tensors;
    size_t count;
} random_weights;

static bool always(const mica_weight_source *source, const char *name)
{
    return true;
}

static mica_status fill(const random_weights *weights, const mica_weight_spec *spec,
                        mica_tensor *tensor, mica_error *err)
{
    float *data = mica_tensor_data_mut(tensor);
    int64_t count = mica_tensor_count(tensor), width = spec->dims[1];
    mica_status status = MICA_OK;

    switch (spec->kind) {
    case MICA_WEIGHT_BIAS:
    case MICA_WEIGHT_NORM_BIAS:
        break; /* zero, as created */
    case MICA_WEIGHT_NORM:
        for (int64_t i = 0; i < count; i++)
            data[i] = 1.0f;
        break;
    case MICA_WEIGHT_LINEAR:
    case MICA_WEIGHT_EMBEDDING:
        /* The stream is the weight's place in the order of the equations. */
        status = mica_tensor_fill_normal(tensor, 0.0, weights->stddev, weights->seed,
                                         weights->count, err);
        if (status == MICA_OK && spec->kind == MICA_WEIGHT_EMBEDDING && spec->padding_row >= 0 &&
            spec->padding_row < spec->dims[0])
            memset(data + spec->padding_row * width, 0, (size_t)width * sizeof *data);
        break;
    }
    return status;
}

/* "bert.embeddings...", or the name as it is. */
static char *full_name(const random_weights *weights, const mica_weight_spec *spec)
{
    size_t prefix = weights->prefix && !spec->in_head ? strlen(weights->prefix) + 1 : 0;
    char *name = mica_alloc(prefix + strlen(spec->name) + 1);

    if (name && prefix > 0) {
        memcpy(name, weights->prefix, prefix - 1);
        name[prefix - 1] = '.';
    }
    if (name)
        memcpy(name + prefix, spec->name, strlen(spec->name) + 1);
    return name;
}

static mica_status invent(mica_weight_source *base, const mica_weight_spec *spec, mica_tensor **out,
                          mica_error *err)
{
    random_weights *weights = (random_weights *)base;
    mica_named_tensor *tensors;
    mica_tensor *tensor = NULL;
    char *name = NULL;
    mica_status status;

    *out = NULL;
    status = mica_tensor_create(MICA_DTYPE_F32, spec->rank, spec->dims, &tensor, err);
    if (status == MICA_OK)
        status = fill(weights, spec, tensor, err);
    if (status != MICA_OK)
        goto fail;
    tensors = mica_realloc_array(weights->tensors, weights->count + 1, sizeof *tensors);
    if (tensors)
        weights->tensors = tensors;
    name = full_name(weights, spec);
    if (!tensors || !name) {
        status = mica_fail_memory(err, (weights->count + 1) * sizeof *tensors, "a list of weights");
        goto fail;
    }
    tensors[weights->count].name = name;
    tensors[weights->count].tensor = tensor;
    weights->count++;
    *out = mica_tensor_retain(tensor);
    return MICA_OK;

fail:
    mica_free(name);
    mica_tensor_release(&tensor);
    return status;
}

static void free_weights(random_weights *weights)
{
    for (size_t i = 0; i < weights->count; i++) {
        mica_free((char *)weights->tensors[i].name);
        mica_tensor_release(&weights->tensors[i].tensor);
    }
    mica_free(weights->tensors);
}

/* Writes down the model of `config`, filling `weights`. */
static mica_status build(const mica_family *family, const mica_model_config *config, mica_head head,
                         random_weights *weights, mica_error *err)
{
    const int64_t tokens = MICA_DIM_TOKENS, rows[2] = {MICA_DIM_TOKENS, config->hidden_size};
    mica_graph *graph = NULL;
    mica_encoder e = {0};
    mica_builder b;
    mica_status status = mica_graph_create(&graph, err);

    if (status != MICA_OK)
        return status;
    mica_builder_init(&b, graph, &weights->base, err);
    e.states = mica_calloc((size_t)config->layers + 1, sizeof *e.states);
    if (!e.states) {
        status = mica_fail_memory(err, sizeof *e.states, "a graph");
        goto done;
    }
    e.ids = mica_input(graph, "input_ids", MICA_DTYPE_I32, 1, &tokens);
    e.type_ids = mica_input(graph, "token_type_ids", MICA_DTYPE_I32, 1, &tokens);
    e.positions = mica_input(graph, "position_ids", MICA_DTYPE_I32, 1, &tokens);
    family->build(&b, config, &e);
    b.in_head = true;
    if (head != MICA_HEAD_NONE)
        family->build_head(&b, config, head, mica_input(graph, "rows", MICA_DTYPE_F32, 2, rows));
    status = mica_builder_check(&b);
done:
    mica_builder_free(&b);
    mica_free(e.states);
    mica_graph_destroy(&graph);
    return status;
}

static mica_status make_directory(const char *directory, mica_error *err)
{
    if (mica_dir_exists(directory) || mkdir(directory, 0777) == 0)
        return MICA_OK;
    return mica_fail_errno(err, errno, "cannot make the directory", directory);
}

static mica_status copy_file(const char *from, const char *to, mica_error *err)
{
    mica_writer *writer = NULL;
    char *data = NULL;
    size_t size = 0;
    mica_status status = mica_file_read(from, (size_t)1 << 30, &data, &size, err);

    if (status == MICA_OK)
        status = mica_writer_open(to, &writer, err);
    if (status == MICA_OK)
        status = mica_writer_write(writer, data, size, err);
    if (status == MICA_OK)
        status = mica_writer_commit(&writer, err);
    mica_writer_abort(&writer);
    mica_free(data);
    return status;
}

/* Copies `from`/name to `to`/name; a file that is not there, or already there, is no error. */
static mica_status copy_beside(const char *from, const char *to, const char *name, mica_error *err)
{
    char *source = mica_path_join(from, name), *target = mica_path_join(to, name);
    struct stat a, b;
    mica_status status = MICA_OK;

    if (!source || !target)
        status = mica_fail_memory(err, strlen(from) + strlen(to) + 2 * strlen(name), "a path");
    else if (mica_file_exists(source) && !(stat(source, &a) == 0 && stat(target, &b) == 0 &&
                                           a.st_dev == b.st_dev && a.st_ino == b.st_ino))
        status = copy_file(source, target, err);
    mica_free(source);
    mica_free(target);
    return status;
}

/* Where config.json lies: `config` itself, or the folder of the file that it names. */
static mica_status split_config(const char *config, char **dir, char **file, mica_error *err)
{
    const char *slash = strrchr(config, '/');

    *file = NULL;
    if (mica_dir_exists(config)) {
        *dir = mica_strdup(config);
        *file = mica_path_join(config, "config.json");
    } else {
        *dir = slash ? mica_memdup_text(config, (size_t)(slash - config) + 1) : mica_strdup(".");
        *file = mica_strdup(config);
    }
    if (!*dir || !*file)
        return mica_fail_memory(err, strlen(config) + 16, "a path");
    if (!mica_file_exists(*file))
        return mica_fail(err, MICA_STATUS_NOT_FOUND, "no configuration '%s'", *file);
    return MICA_OK;
}

static mica_status refuse_existing(const char *directory, bool overwrite, mica_error *err)
{
    static const char *const files[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    mica_status status = MICA_OK;

    for (size_t i = 0; i < sizeof files / sizeof *files && status == MICA_OK; i++) {
        char *path = mica_path_join(directory, files[i]);

        if (!path)
            status = mica_fail_memory(err, strlen(directory) + 32, "a path");
        /* model.safetensors is replaced; another form would be found beside it and is never right.
         */
        else if (mica_file_exists(path) && !(overwrite && i == 0))
            status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "'%s' is there already%s", path,
                               i == 0 ? " (overwrite it explicitly)" : "");
        mica_free(path);
    }
    return status;
}

static mica_status write_all(const char *from, const char *config, const char *directory,
                             const random_weights *weights, mica_error *err)
{
    static const char *const beside[] = {
        "tokenizer.json",    "tokenizer_config.json",
        "vocab.txt",         "special_tokens_map.json",
        "added_tokens.json", "vocab.json",
        "merges.txt",        "sentencepiece.bpe.model",
        "spiece.model",
    };
    char *target = mica_path_join(directory, "config.json");
    char *file = mica_path_join(directory, "model.safetensors");
    struct stat a, b;
    mica_status status = MICA_OK;

    if (!target || !file)
        status = mica_fail_memory(err, strlen(directory) + 32, "a path");
    else if (!(stat(config, &a) == 0 && stat(target, &b) == 0 && a.st_dev == b.st_dev &&
               a.st_ino == b.st_ino))
        status = copy_file(config, target, err);
    for (size_t i = 0; i < sizeof beside / sizeof *beside && status == MICA_OK; i++)
        status = copy_beside(from, directory, beside[i], err);
    if (status == MICA_OK)
        status = mica_tensors_save(file, weights->tensors, weights->count, err);
    mica_free(target);
    mica_free(file);
    return status;
}

mica_status mica_model_init(const char *config, const char *directory, uint64_t seed,
                            bool overwrite, mica_error *err)
{
    random_weights weights = {{true, always, invent}, seed, 0, NULL, NULL, 0};
    mica_head head;
    mica_model_config values;
    const mica_family *family;
    const char *architecture;
    char *from = NULL, *file = NULL;
    mica_json *json = NULL;
    mica_status status;

    if (!config || !directory)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "mica_model_init: no configuration or directory");
    status = split_config(config, &from, &file, err);
    if (status == MICA_OK)
        status = refuse_existing(directory, overwrite, err);
    if (status == MICA_OK)
        status = mica_json_parse_file(file, &json, err);
    if (status == MICA_OK)
        status = mica_family_find(mica_json_root(json), file, &family, &architecture, err);
    if (status == MICA_OK)
        status = mica_family_configure(family, mica_json_root(json), file, &values, err);
    if (status == MICA_OK)
        status = mica_family_head(family, architecture, &head, err);
    if (status == MICA_OK) {
        weights.stddev = values.initializer_range;
        weights.prefix = head != MICA_HEAD_NONE ? family->prefix : NULL;
        values.pools = head == MICA_HEAD_NONE ||
                       (head == MICA_HEAD_SEQUENCE_CLASSIFICATION && family->classifies_pooled);
        status = build(family, &values, head, &weights, err);
    }
    if (status == MICA_OK)
        status = make_directory(directory, err);
    if (status == MICA_OK)
        status = write_all(from, file, directory, &weights, err);
    free_weights(&weights);
    mica_json_destroy(&json);
    mica_free(from);
    mica_free(file);
    return status;
}
