/* SPDX-License-Identifier: MIT */
#include "tokenizer/postprocess.h"

#include <string.h>

#include "tokenizer/byte_level.h"
#include "tokenizer/load.h"
#include "tokenizer/text.h"

static mica_status no_memory(mica_error *err)
{
    return mica_fail_memory(err, 0, "a post-processor");
}

static bool template_alloc(mica_tok_template *out, mica_arena *arena, size_t count)
{
    out->pieces = mica_arena_array(arena, count ? count : 1, sizeof *out->pieces);
    out->count = count;
    out->special = 0;
    return out->pieces != NULL;
}

mica_status mica_tok_postprocessor_none(mica_tok_postprocessor *out, mica_arena *arena,
                                        mica_error *err)
{
    if (!template_alloc(&out->single, arena, 1) || !template_alloc(&out->pair, arena, 2))
        return no_memory(err);
    out->pair.pieces[1].sequence = 1;
    out->pair.pieces[1].type_id = 1;
    return MICA_OK;
}

/* A template of A, B, cls ("C") and sep ("S"), each with its type: "C0 A0 S0". */
static bool template_of(mica_tok_template *out, mica_arena *arena, const char *text,
                        const mica_tok_special *cls, const mica_tok_special *sep)
{
    size_t n = strlen(text) / 2;

    if (!template_alloc(out, arena, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        mica_tok_template_piece *piece = &out->pieces[i];
        char what = text[2 * i];

        piece->type_id = text[2 * i + 1] - '0';
        piece->sequence = what == 'A' ? 0 : what == 'B' ? 1 : -1;
        piece->tokens = what == 'C' ? cls : sep;
        piece->count = piece->sequence < 0;
        out->special += piece->count;
    }
    return true;
}

static mica_status cls_and_sep(mica_tok_postprocessor *out, mica_arena *arena,
                               const mica_tok_special *cls, const mica_tok_special *sep,
                               const char *single, const char *pair, mica_error *err)
{
    mica_tok_special *both = mica_arena_array(arena, 2, sizeof *both);

    if (!both)
        return no_memory(err);
    both[0] = *cls;
    both[1] = *sep;
    out->has_template = true;
    if (!template_of(&out->single, arena, single, &both[0], &both[1]) ||
        !template_of(&out->pair, arena, pair, &both[0], &both[1]))
        return no_memory(err);
    return MICA_OK;
}

mica_status mica_tok_postprocessor_bert(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_tok_special *cls, const mica_tok_special *sep,
                                        mica_error *err)
{
    return cls_and_sep(out, arena, cls, sep, "C0A0S0", "C0A0S0B1S1", err);
}

static mica_status add_trim(mica_tok_postprocessor *out, bool add_prefix_space, mica_error *err)
{
    if (out->trims == MICA_TOK_TRIMS_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "post_processor: offsets are trimmed more than %d times",
                         MICA_TOK_TRIMS_MAX);
    out->trim_prefix_space[out->trims++] = add_prefix_space;
    return MICA_OK;
}

mica_status mica_tok_postprocessor_roberta(mica_tok_postprocessor *out, mica_arena *arena,
                                           const mica_tok_special *cls, const mica_tok_special *sep,
                                           bool trim, bool add_prefix_space, mica_error *err)
{
    mica_status status = trim ? add_trim(out, add_prefix_space, err) : MICA_OK;

    return status == MICA_OK ? cls_and_sep(out, arena, cls, sep, "C0A0S0", "C0A0S0S0B0S0", err)
                             : status;
}

static mica_status bad(mica_error *err, const char *what)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "post_processor: %s", what);
}

/* The tokens behind a special token of a template: special_tokens[id].{ids, tokens}. */
static mica_status load_special(mica_tok_template_piece *piece, mica_arena *arena,
                                const mica_json_value *special_tokens, const char *id,
                                mica_error *err)
{
    const mica_json_value *entry = mica_json_get(special_tokens, id);
    const mica_json_value *ids = mica_json_get(entry, "ids"),
                          *tokens = mica_json_get(entry, "tokens");
    const mica_json_value *number = mica_json_first(ids), *token = mica_json_first(tokens);
    mica_tok_special *specials;
    size_t i = 0;

    if (mica_json_get_type(ids) != MICA_JSON_ARRAY ||
        mica_json_get_type(tokens) != MICA_JSON_ARRAY ||
        mica_json_count(ids) != mica_json_count(tokens))
        return mica_fail(
            err, MICA_STATUS_FORMAT,
            "post_processor: special_tokens has no ids and tokens, as many of each, for '%s'", id);
    piece->count = mica_json_count(ids);
    specials = mica_arena_array(arena, piece->count ? piece->count : 1, sizeof *specials);
    if (!specials)
        return no_memory(err);
    for (; number; number = mica_json_next(number), token = mica_json_next(token), i++) {
        const char *text = mica_json_string(token, &specials[i].size);
        int64_t value = -1;
        if (!mica_json_int64(number, &value) || value < 0 || value >= MICA_TOK_ID_LIMIT)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "post_processor: the id %lld of special token '%s' is out of range",
                             (long long)value, id);
        if (!text)
            return bad(err, "a token of special_tokens is no string");
        specials[i].id = (int32_t)value;
        specials[i].token = mica_arena_text(arena, text, specials[i].size);
        if (!specials[i].token)
            return no_memory(err);
    }
    piece->tokens = specials;
    return MICA_OK;
}

static mica_status load_piece(mica_tok_template_piece *piece, mica_arena *arena,
                              const mica_json_value *json, const mica_json_value *special_tokens,
                              mica_error *err)
{
    const mica_json_value *sequence = mica_json_get(json, "Sequence");
    const mica_json_value *special = mica_json_get(json, "SpecialToken");
    const mica_json_value *body = sequence ? sequence : special;
    const char *id = mica_tok_json_text(mica_json_get(body, "id"));
    int64_t type_id = 0;

    if (!id || !mica_json_int64(mica_json_get(body, "type_id"), &type_id) || type_id < 0 ||
        type_id > INT32_MAX)
        return bad(err, "a piece of a template is neither {\"Sequence\": {id, type_id}} nor "
                        "{\"SpecialToken\": {id, type_id}}");
    piece->type_id = (int32_t)type_id;
    if (!sequence) {
        piece->sequence = -1;
        return load_special(piece, arena, special_tokens, id, err);
    }
    if (strcmp(id, "A") != 0 && strcmp(id, "B") != 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "post_processor: a template names sequence '%s' (there are A and B)", id);
    piece->sequence = id[0] == 'B';
    return MICA_OK;
}

static mica_status load_template(mica_tok_template *out, mica_arena *arena,
                                 const mica_json_value *json, const char *which, mica_error *err)
{
    const mica_json_value *list = mica_json_get(json, which), *item = mica_json_first(list);
    const mica_json_value *special_tokens = mica_json_get(json, "special_tokens");
    bool single = strcmp(which, "single") == 0;

    if (mica_json_get_type(list) != MICA_JSON_ARRAY)
        return mica_fail(err, MICA_STATUS_FORMAT, "post_processor: '%s' is no list", which);
    if (!template_alloc(out, arena, mica_json_count(list)))
        return no_memory(err);
    for (size_t i = 0; item; i++, item = mica_json_next(item)) {
        mica_status status = load_piece(&out->pieces[i], arena, item, special_tokens, err);
        if (status != MICA_OK)
            return status;
        if (single && out->pieces[i].sequence == 1)
            return bad(err, "the template for a single text names sequence B");
        if (out->pieces[i].sequence < 0)
            out->special += out->pieces[i].count;
    }
    return MICA_OK;
}

/* ["[SEP]", 102] */
static mica_status load_pair(const mica_json_value *json, const char *key, mica_arena *arena,
                             mica_tok_special *out, mica_error *err)
{
    const mica_json_value *text = mica_json_first(mica_json_get(json, key)),
                          *number = text ? mica_json_next(text) : NULL;
    const char *token = mica_json_string(text, &out->size);
    int64_t id = -1;

    if (!token || !mica_json_int64(number, &id) || id < 0 || id >= MICA_TOK_ID_LIMIT)
        return mica_fail(err, MICA_STATUS_FORMAT, "post_processor: '%s' is no token and its id",
                         key);
    out->id = (int32_t)id;
    out->token = mica_arena_text(arena, token, out->size);
    return out->token ? MICA_OK : no_memory(err);
}

static mica_status load_cls_and_sep(mica_tok_postprocessor *out, mica_arena *arena,
                                    const mica_json_value *json, bool roberta, mica_error *err)
{
    mica_tok_special cls, sep;
    bool trim = true, prefix = true;
    mica_status status = load_pair(json, "cls", arena, &cls, err);

    if (status == MICA_OK)
        status = load_pair(json, "sep", arena, &sep, err);
    if (status != MICA_OK)
        return status;
    if (!roberta)
        return mica_tok_postprocessor_bert(out, arena, &cls, &sep, err);
    if (!mica_json_bool(mica_json_get(json, "trim_offsets"), &trim) ||
        !mica_json_bool(mica_json_get(json, "add_prefix_space"), &prefix))
        return bad(err, "RobertaProcessing needs trim_offsets and add_prefix_space");
    return mica_tok_postprocessor_roberta(out, arena, &cls, &sep, trim, prefix, err);
}

static mica_status load_byte_level(mica_tok_postprocessor *out, const mica_json_value *json,
                                   mica_error *err)
{
    bool trim, prefix;

    if (!mica_json_bool(mica_json_get(json, "trim_offsets"), &trim) ||
        !mica_json_bool(mica_json_get(json, "add_prefix_space"), &prefix))
        return bad(err, "ByteLevel needs trim_offsets and add_prefix_space");
    return trim ? add_trim(out, prefix, err) : MICA_OK;
}

static mica_status load_one(mica_tok_postprocessor *out, mica_arena *arena,
                            const mica_json_value *json, mica_error *err)
{
    const char *type = mica_tok_json_text(mica_json_get(json, "type"));
    const mica_json_value *list = mica_json_get(json, "processors");
    mica_status status = MICA_OK;

    if (!type)
        return bad(err, "it has no type");
    if (strcmp(type, "ByteLevel") == 0)
        return load_byte_level(out, json, err);
    if (strcmp(type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return bad(err, "Sequence has no list of processors");
        for (json = mica_json_first(list); json && status == MICA_OK; json = mica_json_next(json))
            status = load_one(out, arena, json, err);
        return status;
    }
    if (out->has_template)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "post_processor: '%s' after another that puts special tokens in", type);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return load_cls_and_sep(out, arena, json, type[0] == 'R', err);
    if (strcmp(type, "TemplateProcessing") != 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "post_processor '%s' is not supported",
                         type);
    out->has_template = true;
    status = load_template(&out->single, arena, json, "single", err);
    return status == MICA_OK ? load_template(&out->pair, arena, json, "pair", err) : status;
}

mica_status mica_tok_postprocessor_load(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_json_value *json, mica_error *err)
{
    mica_status status = mica_tok_postprocessor_none(out, arena, err);

    if (status != MICA_OK || mica_json_get_type(json) == MICA_JSON_NULL)
        return status;
    return load_one(out, arena, json, err);
}

/* ---- white space of tokens ---- */

static bool is_space(const mica_unicode *unicode, uint32_t c)
{
    return c == mica_tok_byte_char(' ') || (mica_unicode_flags(unicode, c) & MICA_CHAR_SPACE) != 0;
}

void mica_tok_count_spaces(const mica_unicode *unicode, const char *text, size_t size, size_t *lead,
                           size_t *trail)
{
    size_t run = 0;
    bool start = true;

    *lead = 0;
    for (size_t i = 0; i < size;) {
        uint32_t c;
        i += mica_tok_char(text + i, &c);
        run = is_space(unicode, c) ? run + 1 : 0;
        start = start && run > 0;
        if (start)
            *lead = run;
    }
    *trail = run;
}

mica_status mica_tok_postprocessor_finish(mica_tok_postprocessor *out, mica_arena *arena,
                                          const mica_tok_vocab *vocab, const mica_unicode *unicode,
                                          size_t id_limit, mica_error *err)
{
    if (out->trims == 0)
        return MICA_OK;
    out->spaces = mica_arena_array(arena, id_limit ? id_limit : 1, sizeof *out->spaces);
    if (!out->spaces)
        return no_memory(err);
    for (size_t i = 0; i < vocab->count; i++) {
        const mica_tok_entry *entry = &vocab->entries[i];
        uint8_t *spaces = out->spaces[entry->id];
        size_t lead, trail;

        mica_tok_count_spaces(unicode, vocab->pool + entry->offset, entry->size, &lead, &trail);
        spaces[0] = (uint8_t)(lead < UINT8_MAX ? lead : UINT8_MAX);
        spaces[1] = (uint8_t)(trail < UINT8_MAX ? trail : UINT8_MAX);
    }
    return MICA_OK;
}
