/* SPDX-License-Identifier: MIT
 *
 * "pre_tokenizer" of tokenizer.json. What mica does not know is UNSUPPORTED, by name; a field that
 * Hugging Face requires and that is missing is FORMAT.
 */
#include <string.h>

#include "base/alloc.h"
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

static mica_status lacks(mica_error *err, const char *type, const char *field)
{
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "pre_tokenizer %s: '%s' is missing or has the wrong type", type, field);
}

static mica_status load_behavior(const mica_json_value *json, const char *type,
                                 mica_tok_behavior *out, mica_error *err)
{
    static const char *const names[] = {[MICA_TOK_REMOVED] = "Removed",
                                        [MICA_TOK_ISOLATED] = "Isolated",
                                        [MICA_TOK_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [MICA_TOK_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [MICA_TOK_CONTIGUOUS] = "Contiguous"};
    const char *name = mica_tok_json_text(mica_json_get(json, "behavior"));

    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (mica_tok_behavior)i;
            return MICA_OK;
        }
    return lacks(err, type, "behavior");
}

/* A pattern that is a string or a regular expression. */
static mica_status load_pattern(const mica_json_value *json, mica_arena *arena,
                                mica_tok_pattern *out, mica_error *err)
{
    size_t size, regex_size;
    const char *string = mica_json_string(mica_json_get(json, "String"), &size);
    const char *regex = mica_json_string(mica_json_get(json, "Regex"), &regex_size);

    if (!string == !regex)
        return lacks(err, "Split", "pattern");
    if (string && size > 0) {
        out->kind = MICA_TOK_PATTERN_STRING;
        out->string = mica_arena_text(arena, string, size);
        out->size = size;
        return out->string ? MICA_OK : mica_fail_memory(err, size + 1, "a pattern");
    }
    out->scan = regex ? mica_tok_scan_of(regex, regex_size) : MICA_TOK_SCAN_NONE;
    out->kind = MICA_TOK_PATTERN_SCAN;
    if (out->scan != MICA_TOK_SCAN_NONE)
        return MICA_OK;
    out->kind = MICA_TOK_PATTERN_REGEX;
    return mica_tok_regex_create(regex ? regex : "", regex ? regex_size : 0, &out->regex, err);
}

static mica_status load_split(const mica_json_value *json, mica_arena *arena,
                              mica_tok_pretokenize_step *step, mica_error *err)
{
    mica_status status = load_behavior(json, "Split", &step->behavior, err);

    step->kind = MICA_TOK_STEP_SPLIT;
    if (status == MICA_OK && !mica_json_bool(mica_json_get(json, "invert"), &step->invert))
        status = lacks(err, "Split", "invert");
    return status == MICA_OK
               ? load_pattern(mica_json_get(json, "pattern"), arena, &step->pattern, err)
               : status;
}

static mica_status load_byte_level(const mica_json_value *json, mica_tok_pretokenize_step *step,
                                   mica_error *err)
{
    bool prefix, trim;

    if (!mica_json_bool(mica_json_get(json, "add_prefix_space"), &prefix))
        return lacks(err, "ByteLevel", "add_prefix_space");
    if (!mica_json_bool(mica_json_get(json, "trim_offsets"), &trim))
        return lacks(err, "ByteLevel", "trim_offsets");
    step->kind = MICA_TOK_STEP_BYTE_LEVEL;
    step->prepend = prefix ? MICA_TOK_ALWAYS : MICA_TOK_NEVER;
    step->split = mica_tok_json_flag(json, "use_regex", true);
    return MICA_OK;
}

static bool is_char(const char *text, size_t size)
{
    uint32_t c;
    return text && size > 0 && mica_tok_char(text, &c) == size;
}

static mica_status load_metaspace(const mica_json_value *json, mica_tok_pretokenize_step *step,
                                  mica_error *err)
{
    static const char *const schemes[] = {"never", "first", "always"};
    const mica_json_value *given = mica_json_get(json, "prepend_scheme");
    const char *scheme = given ? mica_tok_json_text(given) : "always", *replacement;
    int found = -1;

    step->kind = MICA_TOK_STEP_METASPACE;
    replacement = mica_json_string(mica_json_get(json, "replacement"), &step->replacement_size);
    if (!is_char(replacement, step->replacement_size))
        return lacks(err, "Metaspace", "replacement");
    memcpy(step->replacement, replacement, step->replacement_size);
    for (int i = 0; scheme && i < 3; i++)
        if (strcmp(scheme, schemes[i]) == 0)
            found = i;
    if (found < 0)
        return lacks(err, "Metaspace", "prepend_scheme");
    step->prepend = (mica_tok_prepend)found;
    if (!mica_tok_json_flag(json, "add_prefix_space", true)) {
        if (given && step->prepend != MICA_TOK_NEVER)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "pre_tokenizer Metaspace: add_prefix_space is false, but "
                             "prepend_scheme is '%s'",
                             scheme);
        step->prepend = MICA_TOK_NEVER;
    }
    step->split = mica_tok_json_flag(json, "split", true);
    return MICA_OK;
}

static void split_flags(mica_tok_pretokenize_step *step, unsigned flags, mica_tok_behavior behavior)
{
    step->kind = MICA_TOK_STEP_SPLIT;
    step->pattern.kind = MICA_TOK_PATTERN_FLAGS;
    step->pattern.flags = flags;
    step->behavior = behavior;
}

static mica_status load_punctuation(const mica_json_value *json, mica_tok_pretokenize_step *step,
                                    mica_error *err)
{
    mica_tok_behavior behavior = MICA_TOK_ISOLATED;

    if (mica_json_get(json, "behavior")) {
        mica_status status = load_behavior(json, "Punctuation", &behavior, err);
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

static mica_status load_delimiter(const mica_json_value *json, mica_arena *arena,
                                  mica_tok_pretokenize_step *step, mica_error *err)
{
    size_t size = 0;
    const char *delimiter = mica_json_string(mica_json_get(json, "delimiter"), &size);

    if (!is_char(delimiter, size))
        return lacks(err, "CharDelimiterSplit", "delimiter");
    step->kind = MICA_TOK_STEP_SPLIT;
    step->behavior = MICA_TOK_REMOVED;
    step->pattern.kind = MICA_TOK_PATTERN_STRING;
    step->pattern.size = size;
    step->pattern.string = mica_arena_text(arena, delimiter, size);
    return step->pattern.string ? MICA_OK : mica_fail_memory(err, size + 1, "a delimiter");
}

static mica_status load_step(const mica_json_value *json, const char *type, mica_arena *arena,
                             mica_tok_pretokenize_step *step, mica_error *err)
{
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
        if (!mica_json_bool(mica_json_get(json, "individual_digits"), &individual))
            return lacks(err, type, "individual_digits");
        split_flags(step, MICA_CHAR_NUMERIC, individual ? MICA_TOK_ISOLATED : MICA_TOK_CONTIGUOUS);
    } else if (strcmp(type, "FixedLength") == 0) {
        const mica_json_value *given = mica_json_get(json, "length");
        if (given && (!mica_json_int64(given, &length) || length < 1))
            return lacks(err, type, "length");
        step->kind = MICA_TOK_STEP_FIXED_LENGTH;
        step->length = (size_t)length;
    } else if (strcmp(type, "UnicodeScripts") == 0) {
        step->kind = MICA_TOK_STEP_SCRIPTS;
    } else if (strcmp(type, "Punctuation") == 0) {
        return load_punctuation(json, step, err);
    } else if (strcmp(type, "CharDelimiterSplit") == 0) {
        return load_delimiter(json, arena, step, err);
    } else if (strcmp(type, "ByteLevel") == 0) {
        return load_byte_level(json, step, err);
    } else if (strcmp(type, "Metaspace") == 0) {
        return load_metaspace(json, step, err);
    } else if (strcmp(type, "Split") == 0) {
        return load_split(json, arena, step, err);
    } else {
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "pre_tokenizer '%s' is not supported", type);
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
    const char *type = mica_tok_json_text(mica_json_get(json, "type"));
    const mica_json_value *list = mica_json_get(json, "pretokenizers");
    mica_tok_pretokenize_step *step = NULL;
    mica_status status = MICA_OK;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    if (!type)
        return mica_fail(err, MICA_STATUS_FORMAT, "pre_tokenizer: it has no type");
    if (strcmp(type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return lacks(err, type, "pretokenizers");
        for (json = mica_json_first(list); json && status == MICA_OK; json = mica_json_next(json))
            status = mica_tok_pretokenizer_load(out, arena, json, err);
        return status;
    }
    status = add_step(out, &step, err);
    if (status != MICA_OK)
        return status;
    status = load_step(json, type, arena, step, err);
    out->raw_bytes = step->kind == MICA_TOK_STEP_BYTE_LEVEL;
    return status;
}
