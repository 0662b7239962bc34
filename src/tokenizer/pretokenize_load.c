/* SPDX-License-Identifier: MIT
 *
 * "pre_tokenizer" of tokenizer.json. What mica does not know is UNSUPPORTED, by name; a field that
 * Hugging Face requires and that is missing is FORMAT.
 */
#include <string.h>

#include "base/alloc.h"
#include "tokenizer/fields.h"
#include "tokenizer/load.h"
#include "tokenizer/pretokenize.h"

#define STEPS_MAX 64

void mica_tok_pretokenizer_release(mica_tok_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->count; i++)
        mica_tok_regex_destroy(&pretokenizer->steps[i].pattern.regex);
    mica_free(pretokenizer->steps);
    *pretokenizer = (mica_tok_pretokenizer){0};
}

static mica_status load_behavior(const mica_tok_fields *f, mica_tok_behavior *out)
{
    static const char *const names[] = {[MICA_TOK_REMOVED] = "Removed",
                                        [MICA_TOK_ISOLATED] = "Isolated",
                                        [MICA_TOK_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [MICA_TOK_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [MICA_TOK_CONTIGUOUS] = "Contiguous"};
    const char *name = mica_tok_json_text(mica_json_get(f->json, "behavior"));

    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (mica_tok_behavior)i;
            return MICA_OK;
        }
    return mica_tok_fields_lack(f, "behavior");
}

/* A pattern that is a string or a regular expression. */
static mica_status load_pattern(const mica_tok_fields *f, mica_tok_pattern *out)
{
    const mica_json_value *pattern = mica_json_get(f->json, "pattern");
    size_t size, regex_size;
    const char *string = mica_json_string(mica_json_get(pattern, "String"), &size);
    const char *regex = mica_json_string(mica_json_get(pattern, "Regex"), &regex_size);

    if (!string == !regex)
        return mica_tok_fields_lack(f, "pattern");
    if (string && size > 0) {
        out->kind = MICA_TOK_PATTERN_STRING;
        return mica_tok_fields_keep(f, string, size, &out->string, &out->size);
    }
    out->scan = regex ? mica_tok_scan_of(regex, regex_size) : MICA_TOK_SCAN_NONE;
    out->kind = MICA_TOK_PATTERN_SCAN;
    if (out->scan != MICA_TOK_SCAN_NONE)
        return MICA_OK;
    out->kind = MICA_TOK_PATTERN_REGEX;
    return mica_tok_regex_create(regex ? regex : "", regex ? regex_size : 0, &out->regex, f->err);
}

static mica_status load_split(const mica_tok_fields *f, mica_tok_pretokenize_step *step)
{
    mica_status status = load_behavior(f, &step->behavior);

    step->kind = MICA_TOK_STEP_SPLIT;
    if (status == MICA_OK)
        status = mica_tok_fields_flag(f, "invert", &step->invert);
    return status == MICA_OK ? load_pattern(f, &step->pattern) : status;
}

static mica_status load_byte_level(const mica_tok_fields *f, mica_tok_pretokenize_step *step)
{
    bool prefix, trim;
    mica_status status = mica_tok_fields_flag(f, "add_prefix_space", &prefix);

    if (status == MICA_OK)
        status = mica_tok_fields_flag(f, "trim_offsets", &trim);
    if (status != MICA_OK)
        return status;
    step->kind = MICA_TOK_STEP_BYTE_LEVEL;
    step->prepend = prefix ? MICA_TOK_ALWAYS : MICA_TOK_NEVER;
    step->split = mica_tok_json_flag(f->json, "use_regex", true);
    return MICA_OK;
}

static bool is_char(const char *text, size_t size)
{
    uint32_t c;
    return text && size > 0 && mica_tok_char(text, &c) == size;
}

static mica_status load_metaspace(const mica_tok_fields *f, mica_tok_pretokenize_step *step)
{
    static const char *const schemes[] = {"never", "first", "always"};
    const mica_json_value *given = mica_json_get(f->json, "prepend_scheme");
    const char *scheme = given ? mica_tok_json_text(given) : "always", *replacement;
    int found = -1;

    step->kind = MICA_TOK_STEP_METASPACE;
    replacement = mica_json_string(mica_json_get(f->json, "replacement"), &step->replacement_size);
    if (!is_char(replacement, step->replacement_size))
        return mica_tok_fields_lack(f, "replacement");
    memcpy(step->replacement, replacement, step->replacement_size);
    for (int i = 0; scheme && i < 3; i++)
        if (strcmp(scheme, schemes[i]) == 0)
            found = i;
    if (found < 0)
        return mica_tok_fields_lack(f, "prepend_scheme");
    step->prepend = (mica_tok_prepend)found;
    if (!mica_tok_json_flag(f->json, "add_prefix_space", true)) {
        if (given && step->prepend != MICA_TOK_NEVER)
            return mica_fail(f->err, MICA_STATUS_FORMAT,
                             "pre_tokenizer Metaspace: add_prefix_space is false, but "
                             "prepend_scheme is '%s'",
                             scheme);
        step->prepend = MICA_TOK_NEVER;
    }
    step->split = mica_tok_json_flag(f->json, "split", true);
    return MICA_OK;
}

static void split_flags(mica_tok_pretokenize_step *step, unsigned flags, mica_tok_behavior behavior)
{
    step->kind = MICA_TOK_STEP_SPLIT;
    step->pattern.kind = MICA_TOK_PATTERN_FLAGS;
    step->pattern.flags = flags;
    step->behavior = behavior;
}

static mica_status load_punctuation(const mica_tok_fields *f, mica_tok_pretokenize_step *step)
{
    mica_tok_behavior behavior = MICA_TOK_ISOLATED;

    if (mica_json_get(f->json, "behavior")) {
        mica_status status = load_behavior(f, &behavior);
        if (status != MICA_OK)
            return status;
    }
    split_flags(step, MICA_CHAR_PUNCTUATION, behavior);
    if (behavior == MICA_TOK_ISOLATED) {
        step->kind = MICA_TOK_STEP_WORDS;
        step->isolated = MICA_CHAR_PUNCTUATION;
    }
    return MICA_OK;
}

static mica_status load_delimiter(const mica_tok_fields *f, mica_tok_pretokenize_step *step)
{
    size_t size = 0;
    const char *delimiter = mica_json_string(mica_json_get(f->json, "delimiter"), &size);

    if (!is_char(delimiter, size))
        return mica_tok_fields_lack(f, "delimiter");
    step->kind = MICA_TOK_STEP_SPLIT;
    step->behavior = MICA_TOK_REMOVED;
    step->pattern.kind = MICA_TOK_PATTERN_STRING;
    return mica_tok_fields_keep(f, delimiter, size, &step->pattern.string, &step->pattern.size);
}

static mica_status load_step(const mica_tok_fields *f, mica_tok_pretokenize_step *step)
{
    const char *type = f->type;
    bool individual;
    int64_t length = 5;

    if (strcmp(type, "BertPreTokenizer") == 0) {
        step->removed = MICA_CHAR_SPACE;
        step->isolated = MICA_CHAR_PUNCTUATION;
    } else if (strcmp(type, "WhitespaceSplit") == 0) {
        step->removed = MICA_CHAR_SPACE;
    } else if (strcmp(type, "Whitespace") == 0) {
        step->kind = MICA_TOK_STEP_SPLIT;
        step->pattern.kind = MICA_TOK_PATTERN_WORDS;
        step->behavior = MICA_TOK_REMOVED;
        step->invert = true;
    } else if (strcmp(type, "Digits") == 0) {
        mica_status status = mica_tok_fields_flag(f, "individual_digits", &individual);
        if (status != MICA_OK)
            return status;
        split_flags(step, MICA_CHAR_NUMERIC, individual ? MICA_TOK_ISOLATED : MICA_TOK_CONTIGUOUS);
    } else if (strcmp(type, "FixedLength") == 0) {
        const mica_json_value *given = mica_json_get(f->json, "length");
        if (given && (!mica_json_int64(given, &length) || length < 1))
            return mica_tok_fields_lack(f, "length");
        step->kind = MICA_TOK_STEP_FIXED_LENGTH;
        step->length = (size_t)length;
    } else if (strcmp(type, "UnicodeScripts") == 0) {
        step->kind = MICA_TOK_STEP_SCRIPTS;
    } else if (strcmp(type, "Punctuation") == 0) {
        return load_punctuation(f, step);
    } else if (strcmp(type, "CharDelimiterSplit") == 0) {
        return load_delimiter(f, step);
    } else if (strcmp(type, "ByteLevel") == 0) {
        return load_byte_level(f, step);
    } else if (strcmp(type, "Metaspace") == 0) {
        return load_metaspace(f, step);
    } else if (strcmp(type, "Split") == 0) {
        return load_split(f, step);
    } else {
        return mica_fail(f->err, MICA_STATUS_UNSUPPORTED, "pre_tokenizer '%s' is not supported",
                         type);
    }
    return MICA_OK;
}

static mica_status add_step(mica_tok_pretokenizer *out, mica_tok_pretokenize_step **step,
                            mica_error *err)
{
    if (out->count == STEPS_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "pre_tokenizer: more than %d in a sequence",
                         STEPS_MAX);
    if (!mica_tok_grow((void **)&out->steps, &out->capacity, out->count + 1, sizeof *out->steps))
        return mica_fail_memory(err, sizeof *out->steps, "a pre_tokenizer");
    *step = &out->steps[out->count++];
    **step = (mica_tok_pretokenize_step){0};
    return MICA_OK;
}

mica_status mica_tok_pretokenizer_load(mica_tok_pretokenizer *out, mica_arena *arena,
                                       const mica_json_value *json, mica_error *err)
{
    const mica_tok_fields f = {"pre_tokenizer", json,
                               mica_tok_json_text(mica_json_get(json, "type")), arena, err};
    const mica_json_value *list = mica_json_get(json, "pretokenizers");
    mica_tok_pretokenize_step *step = NULL;
    mica_status status = MICA_OK;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    if (!f.type)
        return mica_fail(err, MICA_STATUS_FORMAT, "pre_tokenizer: it has no type");
    if (strcmp(f.type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return mica_tok_fields_lack(&f, "pretokenizers");
        for (json = mica_json_first(list); json && status == MICA_OK; json = mica_json_next(json))
            status = mica_tok_pretokenizer_load(out, arena, json, err);
        return status;
    }
    status = add_step(out, &step, err);
    if (status != MICA_OK)
        return status;
    status = load_step(&f, step);
    out->raw_bytes = step->kind == MICA_TOK_STEP_BYTE_LEVEL;
    return status;
}
