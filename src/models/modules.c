/* SPDX-License-Identifier: MIT
 *
 * The modules of sentence-transformers. Only the last word of a module's type counts:
 * sentence_transformers.models.Pooling is ...sentence_transformer.modules.pooling.Pooling since
 * version 6. One table says what is read for each; what is not in it is refused by name.
 */
#include "models/modules.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/config.h"
#include "models/pooling.h"
#include "models/weights.h"

/* A module in the making. */
typedef struct module {
    const char *name;   /* last word of its type */
    const char *path;   /* as modules.json has it */
    char *directory;    /* its folder */
    const char *config; /* "2_Dense/config.json", for error texts */
} module;

void mica_sentence_step_free(mica_sentence_step *step)
{
    mica_tensor_release(&step->weight);
    mica_tensor_release(&step->bias);
    mica_tensor_release(&step->residual);
    mica_free(step->path);
    memset(step, 0, sizeof *step);
}

/* The module's config.json; an empty reader if it has none. */
static mica_config_reader open_config(const module *m, mica_json **json, mica_error *err)
{
    mica_config_reader reader = {NULL, m->config, err, MICA_OK};

    reader.status = mica_config_load(m->directory, "config.json", json, err);
    reader.object = mica_json_root(*json);
    return reader;
}

static void refuse_other_names(mica_config_reader *r)
{
    static const char *const keys[] = {"module_input_name", "module_output_name"};

    for (size_t i = 0; i < 2; i++) {
        const char *name = mica_config_text(r, keys[i], "sentence_embedding");
        if (strcmp(name, "sentence_embedding") != 0)
            mica_config_refuse(r, MICA_STATUS_UNSUPPORTED,
                               "%s '%s' is not supported, only 'sentence_embedding'", keys[i],
                               name);
    }
}

static mica_sentence_step *new_step(mica_sentence *s, const module *m, mica_error *err)
{
    mica_sentence_step *steps = mica_realloc_array(s->steps, s->n_steps + 1, sizeof *steps);
    mica_sentence_step *step;

    if (!steps) {
        mica_fail_memory(err, (s->n_steps + 1) * sizeof *steps, "modules");
        return NULL;
    }
    s->steps = steps;
    step = &steps[s->n_steps];
    memset(step, 0, sizeof *step);
    step->path = mica_strdup(m->path);
    if (!step->path) {
        mica_fail_memory(err, strlen(m->path) + 1, "a path");
        return NULL;
    }
    s->n_steps++;
    return step;
}

/* ---- Pooling ---- */

static void add_mode(mica_config_reader *r, mica_pooling *pooling, const mica_json_value *value)
{
    size_t size = 0;
    const char *name = mica_json_string(value, &size);
    mica_pool_mode mode;

    if (!name)
        mica_config_refuse(r, MICA_STATUS_FORMAT, "pooling_mode holds %s, not a string",
                           mica_json_type_name(mica_json_get_type(value)));
    else if (!mica_pooling_mode(name, size, &mode))
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED, "pooling_mode '%s' is not known", name);
    else if (pooling->count == MICA_POOLINGS_MAX)
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED, "more than %d pooling modes",
                           MICA_POOLINGS_MAX);
    else
        pooling->modes[pooling->count++] = mode;
}

static mica_status read_pooling(const module *m, mica_sentence *s, mica_error *err)
{
    mica_json *json = NULL;
    mica_config_reader r = open_config(m, &json, err);
    const mica_json_value *mode = mica_json_get(r.object, "pooling_mode");
    mica_pooling *pooling = &s->pooling;

    if (pooling->count > 0)
        mica_config_refuse(&r, MICA_STATUS_UNSUPPORTED, "more than one Pooling module");
    if (mica_json_get_type(mode) == MICA_JSON_ARRAY) {
        for (const mica_json_value *v = mica_json_first(mode); v; v = mica_json_next(v))
            add_mode(&r, pooling, v);
        if (mica_json_count(mode) == 0)
            mica_config_refuse(&r, MICA_STATUS_FORMAT, "pooling_mode is an empty list");
    } else if (mica_json_get_type(mode) != MICA_JSON_NULL) {
        add_mode(&r, pooling, mode);
    } else {
        for (const mica_pooling_name *row = mica_pooling_names; row->name; row++)
            if (mica_config_bool(&r, row->flag, false))
                pooling->modes[pooling->count++] = row->mode;
        if (pooling->count == 0)
            pooling->modes[pooling->count++] = MICA_POOL_MEAN;
    }
    s->include_prompt = mica_config_bool(&r, "include_prompt", true);
    mica_json_destroy(&json);
    return r.status;
}

/* ---- Dense, LayerNorm ---- */

/* The weight file of a module: model.safetensors, else pytorch_model.bin. */
static mica_status open_weights(const module *m, mica_checkpoint **out, mica_error *err)
{
    static const char *const files[] = {"model.safetensors", "pytorch_model.bin"};
    mica_status status = MICA_OK;

    *out = NULL;
    for (size_t i = 0; i < 2 && status == MICA_OK && !*out; i++) {
        char *path = mica_path_join(m->directory, files[i]);

        if (!path)
            status = mica_fail_memory(err, 0, "a path");
        else if (mica_file_exists(path))
            status = mica_checkpoint_open_file(path, out, err);
        mica_free(path);
    }
    if (status == MICA_OK && !*out)
        status =
            mica_fail(err, MICA_STATUS_NOT_FOUND,
                      "module '%s' has neither model.safetensors nor pytorch_model.bin", m->path);
    return status;
}

static mica_status get_weight(mica_stored_weights *weights, mica_weight_kind kind, int64_t rows,
                              int64_t columns, const char *name, mica_tensor **out, mica_error *err)
{
    int rank = kind == MICA_WEIGHT_LINEAR ? 2 : 1;
    mica_weight_spec spec = {name, kind, rank, {rows, columns}, -1, false};

    return weights->base.get(&weights->base, &spec, out, err);
}

/* The torch class of "torch.nn.modules.activation.Tanh". */
static void read_activation(mica_config_reader *r, mica_sentence_step *step)
{
    const mica_json_value *value = mica_json_get(r->object, "activation_function");
    const char *name = mica_config_text(r, "activation_function", NULL);
    const char *last = name ? strrchr(name, '.') : NULL;

    if (!name) /* absent: the class's default; null: none */
        step->activation = mica_activation_find_torch(value ? "Identity" : "Tanh");
    else if (strncmp(name, "torch.", 6) == 0 && last)
        step->activation = mica_activation_find_torch(last + 1);
    if (!step->activation)
        mica_config_refuse(r, MICA_STATUS_UNSUPPORTED, "activation_function '%s' is not supported",
                           name);
}

static mica_status read_dense(const module *m, mica_sentence *s, mica_error *err)
{
    mica_json *json = NULL;
    mica_checkpoint *checkpoint = NULL;
    mica_stored_weights weights;
    mica_config_reader r = open_config(m, &json, err);
    mica_sentence_step *step = new_step(s, m, err);
    bool bias;
    mica_status status = r.status;

    if (status == MICA_OK && !step)
        status = MICA_STATUS_OUT_OF_MEMORY;
    if (status != MICA_OK)
        goto done;
    step->kind = MICA_SENTENCE_DENSE;
    step->in = mica_config_int(&r, "in_features", 0, 1, 1 << 24);
    step->out = mica_config_int(&r, "out_features", 0, 1, 1 << 24);
    if (step->in == 0 || step->out == 0)
        mica_config_refuse(&r, MICA_STATUS_FORMAT, "in_features or out_features is missing");
    bias = mica_config_bool(&r, "bias", true);
    step->add_input = mica_config_bool(&r, "use_residual", false);
    read_activation(&r, step);
    refuse_other_names(&r);
    status = r.status;
    if (status == MICA_OK && !s->only_described)
        status = open_weights(m, &checkpoint, err);
    if (status != MICA_OK || s->only_described)
        goto done;
    mica_stored_weights_init(&weights, checkpoint, NULL);
    status = get_weight(&weights, MICA_WEIGHT_LINEAR, step->out, step->in, "linear.weight",
                        &step->weight, err);
    if (status == MICA_OK && bias)
        status =
            get_weight(&weights, MICA_WEIGHT_BIAS, step->out, 0, "linear.bias", &step->bias, err);
    if (status == MICA_OK && step->add_input && step->in != step->out)
        status = get_weight(&weights, MICA_WEIGHT_LINEAR, step->out, step->in, "residual.weight",
                            &step->residual, err);
    if (status != MICA_OK)
        mica_error_prefix(err, "module '%s': ", m->path);
done:
    mica_checkpoint_close(&checkpoint);
    mica_json_destroy(&json);
    return status;
}

static mica_status read_layer_norm(const module *m, mica_sentence *s, mica_error *err)
{
    mica_json *json = NULL;
    mica_checkpoint *checkpoint = NULL;
    mica_stored_weights weights;
    mica_config_reader r = open_config(m, &json, err);
    mica_sentence_step *step = new_step(s, m, err);
    mica_status status = r.status;

    if (status == MICA_OK && !step)
        status = MICA_STATUS_OUT_OF_MEMORY;
    if (status != MICA_OK)
        goto done;
    step->kind = MICA_SENTENCE_LAYER_NORM;
    step->in = step->out = mica_config_int(&r, "dimension", 0, 1, 1 << 24);
    if (step->in == 0)
        mica_config_refuse(&r, MICA_STATUS_FORMAT, "dimension is missing");
    status = r.status;
    if (status == MICA_OK && !s->only_described)
        status = open_weights(m, &checkpoint, err);
    if (status != MICA_OK || s->only_described)
        goto done;
    mica_stored_weights_init(&weights, checkpoint, NULL);
    status = get_weight(&weights, MICA_WEIGHT_NORM, step->in, 0, "norm.weight", &step->weight, err);
    if (status == MICA_OK)
        status =
            get_weight(&weights, MICA_WEIGHT_NORM_BIAS, step->in, 0, "norm.bias", &step->bias, err);
    if (status != MICA_OK)
        mica_error_prefix(err, "module '%s': ", m->path);
done:
    mica_checkpoint_close(&checkpoint);
    mica_json_destroy(&json);
    return status;
}

/* ---- Normalize, Dropout ---- */

static mica_status read_normalize(const module *m, mica_sentence *s, mica_error *err)
{
    mica_json *json = NULL;
    mica_config_reader r = open_config(m, &json, err);
    mica_sentence_step *step;
    mica_status status;

    refuse_other_names(&r);
    mica_json_destroy(&json);
    status = r.status;
    if (status != MICA_OK)
        return status;
    step = new_step(s, m, err);
    if (!step)
        return MICA_STATUS_OUT_OF_MEMORY;
    step->kind = MICA_SENTENCE_NORMALIZE;
    return MICA_OK;
}

static mica_status read_dropout(const module *m, mica_sentence *s, mica_error *err)
{
    return MICA_OK; /* does nothing outside training */
}

static mica_status read_transformer(const module *m, mica_sentence *s, mica_error *err)
{
    if (s->directory)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "modules.json: more than one Transformer module");
    s->directory = mica_strdup(m->directory);
    return s->directory ? MICA_OK : mica_fail_memory(err, strlen(m->directory) + 1, "a path");
}

static const struct {
    const char *name;
    bool after_pooling;
    mica_status (*read)(const module *m, mica_sentence *s, mica_error *err);
} kinds[] = {
    {"Transformer", false, read_transformer},
    {"Pooling", false, read_pooling},
    {"Dense", true, read_dense},
    {"LayerNorm", true, read_layer_norm},
    {"Normalize", true, read_normalize},
    {"Dropout", false, read_dropout},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- modules.json ---- */

/* A path out of modules.json must stay below the model's directory. */
static bool safe_path(const char *path)
{
    if (path[0] == '/' || strchr(path, '\\') || strchr(path, ':'))
        return false;
    for (const char *part = path; part;) {
        size_t size = strcspn(part, "/");
        if (size == 2 && part[0] == '.' && part[1] == '.')
            return false;
        part = part[size] ? part + size + 1 : NULL;
    }
    return true;
}

static mica_status read_kind(const module *m, mica_sentence *s, mica_error *err)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, m->name) != 0)
            continue;
        if (!s->directory && kinds[i].read != read_transformer)
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "modules.json: the first module is %s, not Transformer", m->name);
        if (kinds[i].after_pooling && s->pooling.count == 0)
            return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                             "modules.json: module %s ('%s') comes before Pooling", m->name,
                             m->path);
        return kinds[i].read(m, s, err);
    }
    return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                     "modules.json: module type '%s' is not supported", m->name);
}

static mica_status read_module(const char *root, const mica_json_value *entry, mica_sentence *s,
                               mica_error *err)
{
    mica_config_reader r = {entry, "modules.json", err, MICA_OK};
    const char *type = mica_config_text(&r, "type", NULL);
    const char *path = mica_config_text(&r, "path", "");
    const char *last = type ? strrchr(type, '.') : NULL;
    module m = {last ? last + 1 : type, path, NULL, NULL};
    mica_buf config;
    mica_status status;

    if (!type) {
        mica_config_refuse(&r, MICA_STATUS_FORMAT, "a module has no type");
        return r.status;
    }
    if (!safe_path(path))
        mica_config_refuse(&r, MICA_STATUS_FORMAT, "path '%s' leads out of the model's directory",
                           path);
    if (r.status != MICA_OK)
        return r.status;
    mica_buf_init(&config, 1 << 16);
    mica_buf_printf(&config, "%s%sconfig.json", path, path[0] ? "/" : "");
    m.config = mica_buf_cstr(&config);
    m.directory = path[0] ? mica_path_join(root, path) : mica_strdup(root);
    if (!m.directory || config.failed)
        status = mica_fail_memory(err, strlen(root) + strlen(path) + 2, "a path");
    else
        status = read_kind(&m, s, err);
    mica_free(m.directory);
    mica_buf_free(&config);
    return status;
}

mica_status mica_modules_read(const char *path, mica_sentence *s, bool *found, mica_error *err)
{
    char *file = mica_path_join(path, "modules.json");
    mica_json *json = NULL;
    mica_status status = MICA_OK;

    *found = false;
    if (!file)
        return mica_fail_memory(err, strlen(path) + 14, "a path");
    if (!mica_file_exists(file))
        goto done;
    *found = true;
    status = mica_json_parse_file(file, &json, err);
    if (status != MICA_OK)
        goto done;
    if (mica_json_get_type(mica_json_root(json)) != MICA_JSON_ARRAY) {
        status = mica_fail(err, MICA_STATUS_FORMAT, "'%s' holds no list of modules", file);
        goto done;
    }
    for (const mica_json_value *v = mica_json_first(mica_json_root(json)); v && status == MICA_OK;
         v = mica_json_next(v))
        status = read_module(path, v, s, err);
    while (status == MICA_OK && s->n_steps > 0 &&
           s->steps[s->n_steps - 1].kind == MICA_SENTENCE_NORMALIZE) {
        s->normalize = true;
        mica_sentence_step_free(&s->steps[--s->n_steps]);
    }
done:
    mica_json_destroy(&json);
    mica_free(file);
    return status;
}

/* ---- equations ---- */

/* A weight under the name "2_Dense/linear.weight"; none where there is no tensor. */
static mica_value constant(mica_graph *graph, const mica_sentence_step *step, mica_tensor *tensor,
                           const char *name)
{
    char full[256];

    if (!tensor)
        return mica_none();
    snprintf(full, sizeof full, "%s/%s", step->path, name);
    return mica_constant(graph, tensor, full);
}

static mica_value dense(const mica_sentence_step *step, mica_graph *graph, mica_value x)
{
    mica_value w = constant(graph, step, step->weight, "linear.weight");
    mica_value b = constant(graph, step, step->bias, "linear.bias");
    mica_value y = step->activation(graph, mica_linear(graph, x, w, b));

    if (step->residual)
        x = mica_linear(graph, x, constant(graph, step, step->residual, "residual.weight"),
                        mica_none());
    return step->add_input ? mica_add(graph, y, x) : y;
}

mica_value mica_sentence_step_build(const mica_sentence_step *step, mica_graph *graph, mica_value x)
{
    mica_value w, b;

    switch (step->kind) {
    case MICA_SENTENCE_NORMALIZE:
        return mica_l2_normalize(graph, x, (mica_eps_params){1e-12f});
    case MICA_SENTENCE_DENSE:
        return dense(step, graph, x);
    case MICA_SENTENCE_LAYER_NORM:
        w = constant(graph, step, step->weight, "norm.weight");
        b = constant(graph, step, step->bias, "norm.bias");
        return mica_layer_norm(graph, x, w, b, (mica_eps_params){1e-5f});
    }
    return mica_none();
}
