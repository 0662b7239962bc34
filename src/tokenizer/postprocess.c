/* SPDX-License-Identifier: MIT */
#include "tokenizer/postprocess.h"

#include <string.h>

#include "tokenizer/load.h"
#include "tokenizer/vocab.h"

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

mica_status mica_tok_postprocessor_bert(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_tok_special *cls, const mica_tok_special *sep,
                                        mica_error *err)
{
    mica_tok_special *both = mica_arena_array(arena, 2, sizeof *both);

    if (!both || !template_alloc(&out->single, arena, 3) || !template_alloc(&out->pair, arena, 5))
        return no_memory(err);
    both[0] = *cls;
    both[1] = *sep;
    for (size_t i = 0; i < 5; i++) {
        mica_tok_template_piece piece = {.sequence = -1, .type_id = i > 2, .count = 1};
        if (i == 1 || i == 3)
            piece.sequence = i == 3;
        else
            piece.tokens = &both[i > 0];
        out->pair.pieces[i] = piece;
        if (i < 3)
            out->single.pieces[i] = piece;
    }
    out->single.special = 2;
    out->pair.special = 3;
    return MICA_OK;
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

mica_status mica_tok_postprocessor_load(mica_tok_postprocessor *out, mica_arena *arena,
                                        const mica_json_value *json, mica_error *err)
{
    const char *type = mica_tok_json_text(mica_json_get(json, "type"));
    mica_status status;

    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return mica_tok_postprocessor_none(out, arena, err);
    if (!type)
        return bad(err, "it has no type");
    if (strcmp(type, "TemplateProcessing") != 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "post_processor '%s' is not supported",
                         type);
    status = load_template(&out->single, arena, json, "single", err);
    return status == MICA_OK ? load_template(&out->pair, arena, json, "pair", err) : status;
}
