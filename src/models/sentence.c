/* SPDX-License-Identifier: MIT */
#include "models/sentence.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "models/config.h"
#include "models/modules.h"
#include "models/pooling.h"

void mica_sentence_destroy(mica_sentence **sentence)
{
    mica_sentence *s = *sentence;

    if (!s)
        return;
    for (size_t i = 0; i < s->n_steps; i++)
        mica_sentence_step_free(&s->steps[i]);
    for (size_t i = 0; i < s->n_prompts; i++) {
        mica_free(s->prompts[i].name);
        mica_free(s->prompts[i].text);
    }
    mica_free(s->steps);
    mica_free(s->prompts);
    mica_free(s->default_prompt);
    mica_free(s->activation);
    mica_free(s->directory);
    mica_free(s);
    *sentence = NULL;
}

const char *mica_sentence_prompt(const mica_sentence *sentence, const char *name)
{
    for (size_t i = 0; i < sentence->n_prompts; i++)
        if (strcmp(sentence->prompts[i].name, name) == 0)
            return sentence->prompts[i].text;
    return strcmp(name, "query") == 0 || strcmp(name, "document") == 0 ? "" : NULL;
}

static mica_status copy_text(const char *text, char **out, mica_error *err)
{
    *out = mica_strdup(text);
    return *out ? MICA_OK : mica_fail_memory(err, strlen(text) + 1, "a text");
}

/* The members of the object `prompts`, each a text. */
static mica_status read_texts(const mica_json_value *prompts, const char *file, mica_sentence *s,
                              mica_error *err)
{
    mica_config_reader reader = {prompts, file, err, MICA_OK};
    size_t count = mica_json_count(prompts);

    if (count == 0)
        return MICA_OK;
    s->prompts = mica_calloc(count, sizeof *s->prompts);
    if (!s->prompts)
        return mica_fail_memory(err, count * sizeof *s->prompts, "prompts");
    for (const mica_json_value *v = mica_json_first(prompts); v; v = mica_json_next(v)) {
        mica_prompt *prompt = &s->prompts[s->n_prompts++];
        const char *name = mica_json_key(v, NULL);
        const char *text = mica_config_text(&reader, name, "");

        if (reader.status == MICA_OK)
            reader.status = copy_text(name, &prompt->name, err);
        if (reader.status == MICA_OK)
            reader.status = copy_text(text, &prompt->text, err);
        if (reader.status != MICA_OK)
            break;
    }
    return reader.status;
}

/* prompts, default_prompt_name and activation_fn of config_sentence_transformers.json */
static mica_status read_prompts(const char *path, mica_sentence *s, mica_error *err)
{
    static const char file[] = "config_sentence_transformers.json";
    mica_json *json = NULL;
    mica_config_reader reader = {NULL, file, err, MICA_OK};
    const mica_json_value *prompts;
    const char *name;

    reader.status = mica_config_load(path, file, &json, err);
    if (!json)
        return reader.status;
    reader.object = mica_json_root(json);
    prompts = mica_json_get(reader.object, "prompts");
    if (mica_json_get_type(prompts) == MICA_JSON_OBJECT)
        reader.status = read_texts(prompts, file, s, err);
    else if (mica_json_get_type(prompts) != MICA_JSON_NULL)
        mica_config_refuse(&reader, MICA_STATUS_FORMAT, "prompts is no object");
    name = mica_config_text(&reader, "default_prompt_name", NULL);
    if (name && reader.status == MICA_OK && !mica_sentence_prompt(s, name))
        mica_config_refuse(&reader, MICA_STATUS_FORMAT,
                           "default_prompt_name '%s' is not among the prompts", name);
    if (name && reader.status == MICA_OK)
        reader.status = copy_text(name, &s->default_prompt, err);
    name = mica_config_text(&reader, "activation_fn", NULL);
    if (name && reader.status == MICA_OK)
        reader.status = copy_text(name, &s->activation, err);
    mica_json_destroy(&json);
    return reader.status;
}

/* model_max_length among the arguments for the tokenizer, which wins over max_seq_length. */
static void read_tokenizer_arguments(mica_config_reader *reader, const char *key, mica_sentence *s)
{
    mica_config_reader arguments = {mica_json_get(reader->object, key), reader->file, reader->err,
                                    reader->status};

    if (mica_json_get_type(arguments.object) != MICA_JSON_OBJECT)
        return;
    s->max_length = (size_t)mica_config_int(&arguments, "model_max_length", (int64_t)s->max_length,
                                            1, INT32_MAX);
    reader->status = arguments.status;
}

/* sentence_bert_config.json beside the Transformer, or one of its older names. */
static mica_status read_transformer(mica_sentence *s, mica_error *err)
{
    static const char *const files[] = {
        "sentence_bert_config.json",       "sentence_roberta_config.json",
        "sentence_distilbert_config.json", "sentence_camembert_config.json",
        "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json",
    };
    mica_json *json = NULL;
    mica_config_reader reader = {NULL, NULL, err, MICA_OK};
    const char *task;

    for (size_t i = 0; i < sizeof files / sizeof *files && !json; i++) {
        reader.file = files[i];
        reader.status = mica_config_load(s->directory, files[i], &json, err);
        if (reader.status != MICA_OK)
            return reader.status;
    }
    if (!json)
        return MICA_OK;
    reader.object = mica_json_root(json);
    s->max_length = (size_t)mica_config_int(&reader, "max_seq_length", 0, 1, INT32_MAX);
    s->lower_case = mica_config_bool(&reader, "do_lower_case", false);
    read_tokenizer_arguments(&reader, "tokenizer_args", s);
    read_tokenizer_arguments(&reader, "processor_kwargs", s);
    task = mica_config_text(&reader, "transformer_task", "feature-extraction");
    if (s->lacks_pooling && strcmp(task, "sequence-classification") == 0)
        s->lacks_pooling = false;
    else if (strcmp(task, "feature-extraction") != 0)
        mica_config_refuse(&reader, MICA_STATUS_UNSUPPORTED, "transformer_task '%s'", task);
    mica_json_destroy(&json);
    return reader.status;
}

mica_status mica_sentence_open(const char *path, bool weights, mica_sentence **out, mica_error *err)
{
    mica_sentence *s = mica_calloc(1, sizeof *s);
    bool has_modules = false;
    mica_status status;

    *out = NULL;
    if (!s)
        return mica_fail_memory(err, sizeof *s, "a sentence model");
    s->include_prompt = true;
    s->only_described = !weights;
    status = mica_modules_read(path, s, &has_modules, err);
    s->lacks_pooling = has_modules && s->pooling.count == 0;
    if (status == MICA_OK && s->pooling.count == 0) {
        s->pooling.modes[0] = MICA_POOL_MEAN;
        s->pooling.count = 1;
    }
    if (status == MICA_OK && !s->directory)
        status = copy_text(path, &s->directory, err);
    if (status == MICA_OK && has_modules)
        status = read_prompts(path, s, err);
    if (status == MICA_OK && has_modules)
        status = read_transformer(s, err);
    if (status == MICA_OK && s->lacks_pooling)
        status = mica_fail(err, MICA_STATUS_UNSUPPORTED,
                           "modules.json of '%s' lists no Pooling module", path);
    if (status != MICA_OK) {
        mica_sentence_destroy(&s);
        return status;
    }
    *out = s;
    return MICA_OK;
}

mica_status mica_sentence_dimension(const mica_sentence *sentence, const mica_pooling *pooling,
                                    int64_t hidden, int64_t *out, mica_error *err)
{
    int64_t size = (int64_t)pooling->count * hidden;
    char text[256];

    for (size_t i = 0; i < sentence->n_steps; i++) {
        const mica_sentence_step *step = &sentence->steps[i];

        if (step->kind == MICA_SENTENCE_NORMALIZE)
            continue;
        if (step->in != size) {
            mica_pooling_text(pooling, text, sizeof text);
            return mica_fail(err, MICA_STATUS_SHAPE,
                             "module '%s' takes %" PRId64
                             " numbers, but pooling '%s' of hidden_size "
                             "%" PRId64 " gives it %" PRId64,
                             step->path, step->in, text, hidden, size);
        }
        size = step->out;
    }
    *out = size;
    return MICA_OK;
}

mica_value mica_sentence_build(const mica_sentence *sentence, mica_graph *graph, mica_value x)
{
    for (size_t i = 0; i < sentence->n_steps; i++)
        x = mica_sentence_step_build(&sentence->steps[i], graph, x);
    return x;
}
