/* SPDX-License-Identifier: MIT */
#include "models_encoder.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

/* What a missing key means in transformers. */
typedef struct family {
    const char *name;
    int64_t vocabulary, pad;
    bool positions_after_padding;
} family;

static const family families[] = {
    {"bert", 30522, 0, false},
    {"roberta", 50265, 1, true},
    {"xlm-roberta", 30522, 1, true},
};

static const struct {
    const char *name;
    bench_activation activation;
} activations[] = {
    {"gelu", BENCH_GELU}, {"gelu_new", BENCH_GELU_TANH}, {"gelu_pytorch_tanh", BENCH_GELU_TANH},
    {"relu", BENCH_RELU}, {"silu", BENCH_SILU},          {"swish", BENCH_SILU},
};

static bool read_int(const mica_json_value *root, const char *key, int64_t otherwise, int64_t least,
                     int64_t *out)
{
    *out = otherwise;
    return !mica_json_get(root, key) ||
           (mica_json_int64(mica_json_get(root, key), out) && *out >= least && *out <= INT32_MAX);
}

static bool read_numbers(const mica_json_value *root, const family *f, bench_encoder *s)
{
    s->eps = bench_number(root, "layer_norm_eps", 1e-12);
    return read_int(root, "vocab_size", f->vocabulary, 1, &s->vocabulary) &&
           read_int(root, "hidden_size", 768, 1, &s->hidden) &&
           read_int(root, "num_hidden_layers", 12, 0, &s->layers) &&
           read_int(root, "num_attention_heads", 12, 1, &s->heads) &&
           read_int(root, "intermediate_size", 3072, 1, &s->intermediate) &&
           read_int(root, "max_position_embeddings", 512, 1, &s->positions) &&
           read_int(root, "type_vocab_size", 2, 1, &s->types) &&
           read_int(root, "pad_token_id", f->pad, 0, &s->pad) && s->hidden % s->heads == 0;
}

static mica_status read_shape(const mica_json_value *root, const char *path, bench_encoder *s,
                              mica_error *err)
{
    const char *type = bench_text(root, "model_type");
    const char *activation = bench_text(root, "hidden_act");
    const char *architecture =
        mica_json_string(mica_json_first(mica_json_get(root, "architectures")), NULL);
    const family *f = NULL;
    bool known = false;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(type, families[i].name) == 0)
            f = &families[i];
    if (!f)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s': no reference for model_type '%.60s', only for bert, roberta and "
                         "xlm-roberta",
                         path, type);
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(activation[0] ? activation : "gelu", activations[i].name) == 0) {
            s->activation = activations[i].activation;
            known = true;
        }
    if (!known)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "'%s': no reference for hidden_act '%.60s'",
                         path, activation);
    snprintf(s->family, sizeof s->family, "%s", f->name);
    if (!read_numbers(root, f, s))
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s' has sizes that make no encoder", path);
    s->first_position = f->positions_after_padding ? s->pad + 1 : 0;
    s->masked_lm = architecture && strstr(architecture, "ForMaskedLM");
    return MICA_OK;
}

mica_status bench_encoder_read(const char *directory, bench_encoder *out, mica_error *err)
{
    char path[4096];
    mica_json *json = NULL;
    memset(out, 0, sizeof *out);
    if ((size_t)snprintf(path, sizeof path, "%s/config.json", directory) >= sizeof path)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the path is too long");
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
    return embeddings + s->layers * (layer + 4 * h) + (head ? h * h + 3 * h + s->vocabulary : 0);
}
