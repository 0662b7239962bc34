/* SPDX-License-Identifier: MIT
 *
 * "normalizer" of tokenizer.json. What mica does not know is UNSUPPORTED, by name; a field that
 * Hugging Face requires and that is missing is FORMAT.
 */
#include <string.h>

#include "tokenizer/fields.h"
#include "tokenizer/load.h"
#include "tokenizer/normalize.h"

/* ---- base64 ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strictly: padded to whole groups, nothing else than the alphabet, unused bits 0. Returns the
 * number of bytes, or SIZE_MAX; `out` has room for 3 bytes a group. */
static size_t decode_base64(const char *text, size_t size, unsigned char *out)
{
    size_t padding = 0, n = 0;
    signed char sextets[256];

    if (size % 4 != 0)
        return SIZE_MAX;
    for (int c = 0; c < 256; c++)
        sextets[c] = (signed char)sextet((char)c);
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < size; i += 4) {
        size_t missing = i + 4 == size ? padding : 0;
        uint32_t bits = 0;

        for (size_t k = 0; k < 4; k++) {
            int six = k >= 4 - missing ? 0 : sextets[(unsigned char)text[i + k]];
            if (six < 0)
                return SIZE_MAX;
            bits = bits << 6 | (uint32_t)six;
        }
        if (bits & ((1u << (8 * missing)) - 1))
            return SIZE_MAX;
        for (size_t k = 0; k < 3 - missing; k++)
            out[n++] = (unsigned char)(bits >> (16 - 8 * k));
    }
    return n;
}

/* ---- types ---- */

static mica_status load_bert(const mica_tok_fields *f, mica_tok_bert *bert)
{
    const mica_json_value *strip = mica_json_get(f->json, "strip_accents");
    mica_status status = mica_tok_fields_flag(f, "clean_text", &bert->clean);

    if (status == MICA_OK)
        status = mica_tok_fields_flag(f, "handle_chinese_chars", &bert->chinese);
    if (status == MICA_OK)
        status = mica_tok_fields_flag(f, "lowercase", &bert->lower);
    bert->strip = bert->lower;
    if (status == MICA_OK && mica_json_get_type(strip) != MICA_JSON_NULL)
        status = mica_tok_fields_flag(f, "strip_accents", &bert->strip);
    return status;
}

static mica_status load_strip(const mica_tok_fields *f, mica_tok_normalize_step *step)
{
    mica_status status = mica_tok_fields_flag(f, "strip_left", &step->left);

    return status == MICA_OK ? mica_tok_fields_flag(f, "strip_right", &step->right) : status;
}

/* An empty string is found where an empty pattern is. */
static mica_status load_replace(const mica_tok_fields *f, mica_tok_normalize_step *step)
{
    const mica_json_value *pattern = mica_json_get(f->json, "pattern");
    size_t size, regex_size;
    const char *string = mica_json_string(mica_json_get(pattern, "String"), &size);
    const char *regex = mica_json_string(mica_json_get(pattern, "Regex"), &regex_size);
    mica_status status = mica_tok_fields_text(f, "content", &step->to, &step->to_size);

    if (status != MICA_OK)
        return status;
    if (!string == !regex)
        return mica_tok_fields_lack(f, "pattern");
    if (string && size > 0)
        return mica_tok_fields_keep(f, string, size, &step->text, &step->size);
    status =
        mica_tok_regex_create(regex ? regex : "", regex ? regex_size : 0, &step->regex, f->err);
    if (status != MICA_OK)
        mica_error_prefix(f->err, "normalizer Replace: ");
    return status;
}

static mica_status load_precompiled(const mica_tok_fields *f, mica_tok_normalizer *out)
{
    size_t size;
    const char *text = mica_json_string(mica_json_get(f->json, "precompiled_charsmap"), &size);
    unsigned char *blob;
    mica_status status;

    if (!text)
        return mica_tok_fields_lack(f, "precompiled_charsmap");
    blob = mica_arena_alloc(f->arena, size / 4 * 3 + 1);
    if (!blob)
        return mica_fail_memory(f->err, size / 4 * 3, "a charsmap");
    size = decode_base64(text, size, blob);
    if (size == SIZE_MAX)
        return mica_fail(f->err, MICA_STATUS_FORMAT,
                         "normalizer Precompiled: precompiled_charsmap is not base64");
    status = mica_tok_normalizer_add_precompiled(out, blob, size, f->err);
    if (status != MICA_OK)
        mica_error_prefix(f->err, "normalizer Precompiled: ");
    return status;
}

static mica_status load_step(const mica_tok_fields *f, mica_tok_normalize_step *step)
{
    switch (step->kind) {
    case MICA_TOK_NORMALIZE_BERT:
        return step->bert.lower ? MICA_OK : load_bert(f, &step->bert); /* Lowercase has no fields */
    case MICA_TOK_NORMALIZE_STRIP:
        return load_strip(f, step);
    case MICA_TOK_NORMALIZE_PREPEND:
        return mica_tok_fields_text(f, "prepend", &step->to, &step->to_size);
    case MICA_TOK_NORMALIZE_REPLACE:
        return load_replace(f, step);
    case MICA_TOK_NORMALIZE_FORM:
    case MICA_TOK_NORMALIZE_STRIP_ACCENTS:
    case MICA_TOK_NORMALIZE_NMT:
    case MICA_TOK_NORMALIZE_BYTE_LEVEL:
    case MICA_TOK_NORMALIZE_PRECOMPILED:
    case MICA_TOK_NORMALIZE_SENTENCEPIECE:
        break;
    }
    return MICA_OK;
}

/* Types and what their steps are; Sequence and Precompiled are elsewhere. */
static const struct {
    const char *type;
    mica_tok_normalize_step step;
} types[] = {
    {"BertNormalizer", {.kind = MICA_TOK_NORMALIZE_BERT}},
    {"ByteLevel", {.kind = MICA_TOK_NORMALIZE_BYTE_LEVEL}},
    {"Lowercase", {.kind = MICA_TOK_NORMALIZE_BERT, .bert = {.lower = true}}},
    {"NFC", {.kind = MICA_TOK_NORMALIZE_FORM, .compose = true}},
    {"NFD", {.kind = MICA_TOK_NORMALIZE_FORM}},
    {"NFKC", {.kind = MICA_TOK_NORMALIZE_FORM, .compose = true, .compatible = true}},
    {"NFKD", {.kind = MICA_TOK_NORMALIZE_FORM, .compatible = true}},
    {"Nmt", {.kind = MICA_TOK_NORMALIZE_NMT}},
    {"Prepend", {.kind = MICA_TOK_NORMALIZE_PREPEND}},
    {"Replace", {.kind = MICA_TOK_NORMALIZE_REPLACE}},
    {"Strip", {.kind = MICA_TOK_NORMALIZE_STRIP}},
    {"StripAccents", {.kind = MICA_TOK_NORMALIZE_STRIP_ACCENTS}},
};

/* The reference takes a part without a type, or of one that it does not know, by its fields. */
static const char *type_by_fields(const mica_json_value *json)
{
    static const char *const known[][2] = {
        {"clean_text", "BertNormalizer"}, {"strip_left", "Strip"},
        {"normalizers", "Sequence"},      {"precompiled_charsmap", "Precompiled"},
        {"pattern", "Replace"},           {"prepend", "Prepend"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (mica_json_get(json, known[i][0]))
            return known[i][1];
    return NULL;
}

static mica_status load_type(const mica_tok_fields *f, mica_tok_normalizer *out, bool *known)
{
    const mica_json_value *list = mica_json_get(f->json, "normalizers"), *item;
    mica_status status = MICA_OK;

    *known = true;
    if (strcmp(f->type, "Precompiled") == 0)
        return load_precompiled(f, out);
    if (strcmp(f->type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return mica_tok_fields_lack(f, "normalizers");
        for (item = mica_json_first(list); item && status == MICA_OK; item = mica_json_next(item))
            status = mica_json_get_type(item) == MICA_JSON_OBJECT
                         ? mica_tok_normalizer_load(out, f->arena, item, f->err)
                         : mica_tok_fields_lack(f, "normalizers");
        return status;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(f->type, types[i].type) == 0) {
            mica_tok_normalize_step *step;

            status = mica_tok_normalizer_add(out, types[i].step.kind, &step, f->err);
            if (status != MICA_OK)
                return status;
            step->bert = types[i].step.bert;
            step->compose = types[i].step.compose;
            step->compatible = types[i].step.compatible;
            return load_step(f, step);
        }
    *known = false;
    return MICA_OK;
}

mica_status mica_tok_normalizer_load(mica_tok_normalizer *out, mica_arena *arena,
                                     const mica_json_value *json, mica_error *err)
{
    mica_tok_fields f = {"normalizer", json, mica_tok_json_text(mica_json_get(json, "type")), arena,
                         err};
    const char *given = f.type;
    bool known = false;
    mica_status status = MICA_OK;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    if (f.type)
        status = load_type(&f, out, &known);
    if (!known && status == MICA_OK) {
        f.type = type_by_fields(json);
        if (f.type)
            status = load_type(&f, out, &known);
    }
    if (known || status != MICA_OK)
        return status;
    if (!given)
        return mica_fail(err, MICA_STATUS_FORMAT, "normalizer: it has no type");
    return mica_fail(err, MICA_STATUS_UNSUPPORTED, "normalizer '%s' is not supported", given);
}
