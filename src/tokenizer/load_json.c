/* SPDX-License-Identifier: MIT
 *
 * tokenizer.json: each part by its type. What mica does not know is UNSUPPORTED, by name; a part
 * that lacks a field that Hugging Face requires is FORMAT.
 */
#include <string.h>

#include "tokenizer/internal.h"
#include "tokenizer/load.h"

static mica_status unsupported(mica_error *err, const char *part, const char *type)
{
    return mica_fail(err, MICA_STATUS_UNSUPPORTED, "%s '%s' is not supported", part, type);
}

static mica_status lacks(mica_error *err, const char *part, const char *field)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "%s: '%s' is missing or has the wrong type", part,
                     field);
}

/* A boolean that must be there. */
static mica_status flag(const mica_json_value *json, const char *part, const char *key, bool *out,
                        mica_error *err)
{
    return mica_json_bool(mica_json_get(json, key), out) ? MICA_OK : lacks(err, part, key);
}

static mica_status load_bert_normalizer(const mica_json_value *json, mica_tok_step *step,
                                        mica_error *err)
{
    const mica_json_value *strip = mica_json_get(json, "strip_accents");
    mica_status status = flag(json, "normalizer", "clean_text", &step->clean, err);

    if (status == MICA_OK)
        status = flag(json, "normalizer", "handle_chinese_chars", &step->chinese, err);
    if (status == MICA_OK)
        status = flag(json, "normalizer", "lowercase", &step->lower, err);
    step->strip = step->lower;
    if (status == MICA_OK && mica_json_get_type(strip) != MICA_JSON_NULL)
        status = flag(json, "normalizer", "strip_accents", &step->strip, err);
    step->decompose = step->strip;
    return status;
}

static mica_status load_normalizer(const mica_json_value *json, mica_tok_normalizer *out,
                                   mica_error *err)
{
    const char *type = mica_tok_json_text(mica_json_get(json, "type"));
    const mica_json_value *list = mica_json_get(json, "normalizers");
    mica_tok_step step = {0};
    mica_status status = MICA_OK;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    if (!type)
        return lacks(err, "normalizer", "type");
    if (strcmp(type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return lacks(err, "normalizer", "normalizers");
        for (json = mica_json_first(list); json && status == MICA_OK; json = mica_json_next(json))
            status = load_normalizer(json, out, err);
        return status;
    }
    if (strcmp(type, "BertNormalizer") == 0)
        status = load_bert_normalizer(json, &step, err);
    else if (strcmp(type, "Lowercase") == 0)
        step.lower = true;
    else if (strcmp(type, "NFD") == 0)
        step.decompose = true;
    else
        return unsupported(err, "normalizer", type);
    if (out->count == MICA_TOK_STEPS_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "normalizer: more than %d in a sequence",
                         MICA_TOK_STEPS_MAX);
    out->steps[out->count++] = step;
    return status;
}

static mica_status load_pretokenizer(const mica_json_value *json, mica_tok_pretokenizer *out,
                                     mica_error *err)
{
    const char *type = mica_tok_json_text(mica_json_get(json, "type"));
    const char *behavior = mica_tok_json_text(mica_json_get(json, "behavior"));
    const mica_json_value *list = mica_json_get(json, "pretokenizers");
    mica_tok_split split = {0};
    mica_status status = MICA_OK;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    if (!type)
        return lacks(err, "pre_tokenizer", "type");
    if (strcmp(type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return lacks(err, "pre_tokenizer", "pretokenizers");
        for (json = mica_json_first(list); json && status == MICA_OK; json = mica_json_next(json))
            status = load_pretokenizer(json, out, err);
        return status;
    }
    if (strcmp(type, "BertPreTokenizer") == 0)
        split = (mica_tok_split){MICA_CHAR_SPACE, MICA_CHAR_PUNCTUATION};
    else if (strcmp(type, "WhitespaceSplit") == 0)
        split.removed = MICA_CHAR_SPACE;
    else if (strcmp(type, "Punctuation") == 0 && (!behavior || strcmp(behavior, "Isolated") == 0))
        split.isolated = MICA_CHAR_PUNCTUATION;
    else if (strcmp(type, "Punctuation") == 0)
        return unsupported(err, "pre_tokenizer Punctuation with behavior", behavior);
    else
        return unsupported(err, "pre_tokenizer", type);
    if (out->count == MICA_TOK_SPLITS_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "pre_tokenizer: more than %d in a sequence",
                         MICA_TOK_SPLITS_MAX);
    out->splits[out->count++] = split;
    return status;
}

/* The model's type; old files do not say it, but each type has a field that the others lack. */
static const char *model_type(const mica_json_value *model)
{
    const mica_json_value *type = mica_json_get(model, "type");

    if (type)
        return mica_tok_json_text(type);
    if (mica_json_get(model, "merges"))
        return "BPE";
    if (mica_json_get(model, "max_input_chars_per_word"))
        return "WordPiece";
    if (mica_json_get_type(mica_json_get(model, "vocab")) == MICA_JSON_ARRAY)
        return "Unigram";
    return "WordLevel";
}

mica_status mica_tok_load_json_vocab(mica_tokenizer *tokenizer, const mica_json_value *json,
                                     mica_error *err)
{
    const mica_json_value *model = mica_json_get(json, "model"), *vocab, *item;
    const char *type = mica_json_get_type(model) == MICA_JSON_OBJECT ? model_type(model) : NULL;
    mica_status status;

    if (!type)
        return lacks(err, "tokenizer.json", "model");
    if (strcmp(type, "WordPiece") != 0)
        return unsupported(err, "model", type);
    vocab = mica_json_get(model, "vocab");
    if (mica_json_get_type(vocab) != MICA_JSON_OBJECT)
        return lacks(err, "model", "vocab");
    for (item = mica_json_first(vocab); item; item = mica_json_next(item)) {
        size_t size;
        const char *token = mica_json_key(item, &size);
        int64_t id;

        if (!mica_json_int64(item, &id))
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "model: the id of token '%.100s' is no integer", token);
        status = mica_tok_vocab_put(&tokenizer->vocab, token, size, id, err);
        if (status != MICA_OK)
            goto fail;
    }
    status = mica_tok_vocab_finish(&tokenizer->vocab, err);
    if (status == MICA_OK)
        return MICA_OK;
fail:
    mica_error_prefix(err, "model: ");
    return status;
}

static mica_status load_model(mica_tokenizer *tokenizer, const mica_json_value *json,
                              mica_error *err)
{
    const mica_json_value *model = mica_json_get(json, "model");
    size_t unknown_size, prefix_size;
    const char *unknown, *prefix;
    int64_t max_chars;
    mica_status status = mica_tok_load_json_vocab(tokenizer, json, err);

    if (status != MICA_OK)
        return status;
    unknown = mica_json_string(mica_json_get(model, "unk_token"), &unknown_size);
    if (!unknown)
        return lacks(err, "model", "unk_token");
    prefix = mica_json_string(mica_json_get(model, "continuing_subword_prefix"), &prefix_size);
    if (!prefix)
        return lacks(err, "model", "continuing_subword_prefix");
    if (!mica_json_int64(mica_json_get(model, "max_input_chars_per_word"), &max_chars) ||
        max_chars < 0)
        return lacks(err, "model", "max_input_chars_per_word");
    return mica_tok_wordpiece_init(&tokenizer->model, &tokenizer->vocab, unknown, unknown_size,
                                   prefix, prefix_size, (size_t)max_chars, err);
}

mica_status mica_tok_load_added_flags(const mica_json_value *json, bool required,
                                      mica_tok_added_flags *out, mica_error *err)
{
    static const char *const names[] = {"single_word", "lstrip", "rstrip", "special", "normalized"};
    bool *const flags[] = {&out->single_word, &out->lstrip, &out->rstrip, &out->special,
                           &out->normalized};

    *out = (mica_tok_added_flags){0};
    for (size_t i = 0; i < 5; i++) {
        if (i == 4)
            out->normalized = !out->special; /* Python's default */
        if (!mica_json_bool(mica_json_get(json, names[i]), flags[i]) && required)
            return lacks(err, "added_tokens", names[i]);
    }
    return MICA_OK;
}

static mica_status load_added(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    const mica_json_value *list = mica_json_get(json, "added_tokens"), *item;

    if (list && mica_json_get_type(list) != MICA_JSON_ARRAY)
        return lacks(err, "tokenizer.json", "added_tokens");
    mica_tok_added_begin(&t->added, &t->vocab);
    for (item = mica_json_first(list); item; item = mica_json_next(item)) {
        mica_tok_added_flags flags;
        size_t size;
        const char *content = mica_json_string(mica_json_get(item, "content"), &size);
        int64_t id;
        mica_status status;

        if (!content)
            return lacks(err, "added_tokens", "content");
        if (!mica_json_int64(mica_json_get(item, "id"), &id) || id < 0)
            return lacks(err, "added_tokens", "id");
        status = mica_tok_load_added_flags(item, true, &flags, err);
        if (status == MICA_OK)
            status = mica_tok_added_add(&t->added, &t->vocab, &t->normalizer, &t->unicode, content,
                                        size, flags, err);
        if (status != MICA_OK)
            return status;
    }
    return MICA_OK;
}

mica_status mica_tok_load_json(mica_tokenizer *t, const mica_json_value *json, mica_error *err)
{
    const mica_json_value *version = mica_json_get(json, "version");
    const char *text = mica_tok_json_text(version);
    mica_status status;

    if (mica_json_get_type(json) != MICA_JSON_OBJECT)
        return mica_fail(err, MICA_STATUS_FORMAT, "tokenizer.json is no JSON object");
    if (version && (!text || strcmp(text, "1.0") != 0))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "tokenizer.json has version '%s' (mica knows 1.0)", text ? text : "?");
    status = load_normalizer(mica_json_get(json, "normalizer"), &t->normalizer, err);
    if (status == MICA_OK)
        status = load_pretokenizer(mica_json_get(json, "pre_tokenizer"), &t->pretokenizer, err);
    if (status == MICA_OK)
        status = mica_tok_postprocessor_load(&t->postprocessor, &t->arena,
                                             mica_json_get(json, "post_processor"), err);
    if (status == MICA_OK)
        status = mica_tok_decoder_load(&t->decoder, &t->arena, mica_json_get(json, "decoder"), err);
    if (status == MICA_OK)
        status = load_model(t, json, err);
    return status == MICA_OK ? load_added(t, json, err) : status;
}
