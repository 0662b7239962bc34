/* SPDX-License-Identifier: MIT */
#include "models/family.h"

#include <string.h>

#include "base/buf.h"

static const mica_family *const families[] = {
#define MICA_FAMILY(symbol) &mica_family_##symbol,
#include "models/models.def"
#undef MICA_FAMILY
    NULL,
};

static mica_status unsupported(const char *file, const char *what, const char *value,
                               mica_error *err)
{
    mica_buf known;
    mica_status status;

    mica_buf_init(&known, 4096);
    for (size_t i = 0; families[i]; i++)
        mica_buf_printf(&known, "%s%s", i ? ", " : "", families[i]->model_type);
    status = mica_fail(err, MICA_STATUS_UNSUPPORTED,
                       "%s: %s '%s' is not supported; supported model types: %s", file, what, value,
                       mica_buf_cstr(&known));
    mica_buf_free(&known);
    return status;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

mica_status mica_family_find(const mica_json_value *config, const char *file,
                             const mica_family **out, const char **architecture, mica_error *err)
{
    mica_config_reader reader = {config, file, err, MICA_OK};
    const char *model_type = mica_config_text(&reader, "model_type", NULL);
    const mica_json_value *names = mica_json_get(config, "architectures");
    const char *first = mica_json_string(mica_json_first(names), NULL);
    const mica_family *family = NULL;

    *out = NULL;
    *architecture = first;
    if (reader.status != MICA_OK)
        return reader.status;
    for (size_t i = 0; families[i] && !family; i++) {
        if (model_type ? strcmp(model_type, families[i]->model_type) == 0
                       : first && starts_with(first, families[i]->class_prefix))
            family = families[i];
    }
    if (!family && model_type)
        return unsupported(file, "model_type", model_type, err);
    if (!family && first)
        return unsupported(file, "architecture", first, err);
    if (!family)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "%s: no model_type: this is no configuration of a model", file);
    /* Code of its own in the repository hides behind a known model_type ("JinaBertForMaskedLM"). */
    if (first && !starts_with(first, family->class_prefix))
        return unsupported(file, "architecture", first, err);
    *out = family;
    return MICA_OK;
}

mica_status mica_family_head(const mica_family *family, const char *architecture, mica_head *out,
                             mica_error *err)
{
    static const struct {
        const char *name;
        mica_head head;
    } heads[] = {
        {"Model", MICA_HEAD_NONE},
        {"ForMaskedLM", MICA_HEAD_MASKED_LM},
        {"ForPreTraining", MICA_HEAD_MASKED_LM}, /* and another, which nothing here needs */
        {"ForSequenceClassification", MICA_HEAD_SEQUENCE_CLASSIFICATION},
        {"ForTokenClassification", MICA_HEAD_TOKEN_CLASSIFICATION},
        {"ForQuestionAnswering", MICA_HEAD_QUESTION_ANSWERING},
    };

    *out = MICA_HEAD_NONE;
    if (!architecture)
        return MICA_OK;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strcmp(architecture + strlen(family->class_prefix), heads[i].name) == 0) {
            *out = heads[i].head;
            return MICA_OK;
        }
    return mica_fail(err, MICA_STATUS_UNSUPPORTED, "the head of '%s' is not supported",
                     architecture);
}

mica_status mica_family_configure(const mica_family *family, const mica_json_value *config,
                                  const char *file, mica_model_config *out, mica_error *err)
{
    mica_config_reader reader = {config, file, err, MICA_OK};
    const mica_json_value *labels = mica_json_get(config, "id2label");

    memset(out, 0, sizeof *out);
    family->configure(&reader, out);
    out->tied = mica_config_bool(&reader, "tie_word_embeddings", true);
    out->labels = mica_config_int(&reader, "num_labels", 2, 1, 1 << 20);
    if (mica_json_get_type(labels) == MICA_JSON_OBJECT)
        out->labels = (int64_t)mica_json_count(labels);
    return reader.status;
}
