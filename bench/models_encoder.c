/* SPDX-License-Identifier: MIT */
#include "models_encoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

/* What keys are called, and what a missing one means in transformers. */
typedef struct family {
    const char *name;
    int64_t vocabulary, layers, pad;
    bool positions_after_padding, has_types, has_buckets;
    const char *hidden, *depth, *heads, *intermediate, *activation;
} family;

#define KEYS                                                                                       \
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"
static const family families[] = {
    {"bert", 30522, 12, 0, false, true, false, KEYS},
    {"roberta", 50265, 12, 1, true, true, false, KEYS},
    {"xlm-roberta", 30522, 12, 1, true, true, false, KEYS},
    {"distilbert", 30522, 6, 0, false, false, false, "dim", "n_layers", "n_heads", "hidden_dim",
     "activation"},
    {"mpnet", 30527, 12, 1, true, false, true, KEYS},
};

/* ---- activations ---- */

static double clamp(double x, double least, double most)
{
    return fmin(fmax(x, least), most);
}

static double gelu(double x)
{
    return x * 0.5 * erfc(-x * 0.70710678118654752440);
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double gelu_10(double x)
{
    return clamp(gelu(x), -10, 10);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double quick_gelu(double x)
{
    return x * sigmoid(1.702 * x);
}

static double silu(double x)
{
    return x * sigmoid(x);
}

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double relu2(double x)
{
    return relu(x) * relu(x);
}

static double relu6(double x)
{
    return clamp(x, 0, 6);
}

static double leaky_relu(double x)
{
    return x > 0 ? x : 0.01 * x;
}

static double mish(double x)
{
    return x * tanh(x > 30 ? x : log1p(exp(x)));
}

static double hardswish(double x)
{
    return x * relu6(x + 3) / 6;
}

static double linear(double x)
{
    return x;
}

static const struct {
    const char *name;
    double (*function)(double x);
} activations[] = {
    {"gelu", gelu},
    {"gelu_python", gelu},
    {"gelu_new", gelu_tanh},
    {"gelu_accurate", gelu_tanh},
    {"gelu_fast", gelu_tanh},
    {"gelu_pytorch_tanh", gelu_tanh},
    {"gelu_python_tanh", gelu_tanh},
    {"gelu_10", gelu_10},
    {"quick_gelu", quick_gelu},
    {"silu", silu},
    {"swish", silu},
    {"relu", relu},
    {"relu2", relu2},
    {"relu6", relu6},
    {"leaky_relu", leaky_relu},
    {"tanh", tanh},
    {"sigmoid", sigmoid},
    {"mish", mish},
    {"hardswish", hardswish},
    {"linear", linear},
};

/* ---- config.json ---- */

static bool read_int(const mica_json_value *root, const char *key, int64_t otherwise, int64_t least,
                     int64_t *out)
{
    *out = otherwise;
    return !mica_json_get(root, key) ||
           (mica_json_int64(mica_json_get(root, key), out) && *out >= least && *out <= INT32_MAX);
}

static bool read_numbers(const mica_json_value *root, const family *f, bench_encoder *s)
{
    /* DistilBERT's is not in its configuration */
    s->eps = f->has_types || f->has_buckets ? bench_number(root, "layer_norm_eps", 1e-12) : 1e-12;
    s->pad = f->pad; /* MPNet's is always the same */
    return read_int(root, "vocab_size", f->vocabulary, 1, &s->vocabulary) &&
           read_int(root, f->hidden, 768, 1, &s->hidden) &&
           read_int(root, f->depth, f->layers, 0, &s->layers) &&
           read_int(root, f->heads, 12, 1, &s->heads) &&
           read_int(root, f->intermediate, 3072, 1, &s->intermediate) &&
           read_int(root, "max_position_embeddings", 512, 1, &s->positions) &&
           (!f->has_types || read_int(root, "type_vocab_size", 2, 1, &s->types)) &&
           (f->has_buckets ? read_int(root, "relative_attention_num_buckets", 32, 4, &s->buckets)
                           : read_int(root, "pad_token_id", f->pad, 0, &s->pad)) &&
           s->hidden % s->heads == 0;
}

static mica_status read_shape(const mica_json_value *root, const char *path, bench_encoder *s,
                              mica_error *err)
{
    const char *type = bench_text(root, "model_type");
    const char *architecture =
        mica_json_string(mica_json_first(mica_json_get(root, "architectures")), NULL);
    const family *f = NULL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(type, families[i].name) == 0)
            f = &families[i];
    if (!f)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%.600s': no reference for model_type '%.60s', only for bert, roberta, "
                         "xlm-roberta, distilbert and mpnet",
                         path, type);
    const char *activation = bench_text(root, f->activation);
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(activation[0] ? activation : "gelu", activations[i].name) == 0)
            s->activation = activations[i].function;
    if (!s->activation)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "'%.600s': no reference for %s '%.60s'",
                         path, f->activation, activation);
    snprintf(s->family, sizeof s->family, "%s", f->name);
    if (!read_numbers(root, f, s))
        return mica_fail(err, MICA_STATUS_FORMAT, "'%.600s' has sizes that make no encoder", path);
    s->first_position = f->positions_after_padding ? s->pad + 1 : 0;
    s->masked_lm = architecture && strstr(architecture, "ForMaskedLM");
    return s->first_position < s->positions
               ? MICA_OK
               : mica_fail(err, MICA_STATUS_FORMAT, "'%.600s' leaves no position for a token",
                           path);
}

mica_status bench_encoder_read(const char *directory, bench_encoder *out, mica_error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/config.json", directory) >= sizeof path)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the path is too long");
    return bench_encoder_read_config(path, out, err);
}

mica_status bench_encoder_read_config(const char *path, bench_encoder *out, mica_error *err)
{
    mica_json *json = NULL;
    memset(out, 0, sizeof *out);
    mica_status status = mica_json_parse_file(path, &json, err);
    if (!status)
        status = read_shape(mica_json_root(json), path, out, err);
    mica_json_destroy(&json);
    return status;
}

int64_t bench_encoder_weights(const bench_encoder *s, bool head)
{
    int64_t layer = 4 * s->hidden * s->hidden + 2 * s->hidden * s->intermediate;
    return s->layers * layer + (head ? s->hidden * (s->hidden + s->vocabulary) : 0);
}

double bench_encoder_flops(const bench_encoder *s, bool head, int64_t tokens)
{
    double attention = 4.0 * (double)s->hidden * (double)tokens * (double)s->layers;
    return (double)tokens * (2.0 * (double)bench_encoder_weights(s, head) + attention);
}

int64_t bench_encoder_parameters(const bench_encoder *s, bool head)
{
    int64_t h = s->hidden, layer = 4 * (h * h + h) + 2 * h * s->intermediate + s->intermediate + h;
    int64_t embeddings = (s->vocabulary + s->positions + s->types) * h + 2 * h;
    embeddings += s->buckets * s->heads;
    return embeddings + s->layers * (layer + 4 * h) + (head ? h * h + 3 * h + s->vocabulary : 0);
}
