/* SPDX-License-Identifier: MIT
 *
 * "decoder" of tokenizer.json. What mica does not know is UNSUPPORTED, by name; a field that
 * Hugging Face requires and that is missing is FORMAT.
 */
#include <string.h>

#include "base/alloc.h"
#include "tokenizer/decode.h"
#include "tokenizer/fields.h"
#include "tokenizer/load.h"
#include "tokenizer/text.h"

#define STEPS_MAX 64

void mica_tok_decoder_release(mica_tok_decoder *decoder)
{
    for (size_t i = 0; i < decoder->count; i++)
        mica_tok_regex_destroy(&decoder->steps[i].regex);
    mica_free(decoder->steps);
    *decoder = (mica_tok_decoder){0};
}

mica_status mica_tok_decoder_add(mica_tok_decoder *decoder, mica_tok_decode_kind kind,
                                 mica_tok_decode_step **step, mica_error *err)
{
    if (decoder->count == STEPS_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "decoder: more than %d in a sequence",
                         STEPS_MAX);
    if (!mica_tok_grow((void **)&decoder->steps, &decoder->capacity, decoder->count + 1,
                       sizeof *decoder->steps))
        return mica_fail_memory(err, sizeof *decoder->steps, "a decoder");
    decoder->present = true;
    *step = &decoder->steps[decoder->count++];
    **step = (mica_tok_decode_step){.kind = kind, .text = "", .to = ""};
    return MICA_OK;
}

/* ---- fields ---- */

static mica_status read_char(const mica_tok_fields *f, const char *key, const char **out,
                             size_t *size)
{
    mica_status status = mica_tok_fields_text(f, key, out, size);
    uint32_t c;

    if (status == MICA_OK && (*size == 0 || mica_tok_char(*out, &c) != *size))
        status = mica_fail(f->err, MICA_STATUS_FORMAT,
                           "decoder %s: '%s' ('%.100s') is no character", f->type, key, *out);
    return status;
}

static mica_status read_count(const mica_tok_fields *f, const char *key, size_t *out)
{
    int64_t number;

    if (!mica_json_int64(mica_json_get(f->json, key), &number) || number < 0)
        return mica_tok_fields_lack(f, key);
    *out = (size_t)number;
    return MICA_OK;
}

/* ---- types ---- */

static mica_status load_wordpiece(const mica_tok_fields *f, mica_tok_decode_step *step)
{
    mica_status status = mica_tok_fields_text(f, "prefix", &step->text, &step->size);

    return status == MICA_OK ? mica_tok_fields_flag(f, "cleanup", &step->cleanup) : status;
}

static mica_status load_metaspace(const mica_tok_fields *f, mica_tok_decode_step *step)
{
    const mica_json_value *given = mica_json_get(f->json, "prepend_scheme");
    const char *scheme = given ? mica_tok_json_text(given) : "always";
    mica_status status = read_char(f, "replacement", &step->text, &step->size);

    if (status != MICA_OK)
        return status;
    if (!scheme || (strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 &&
                    strcmp(scheme, "never") != 0))
        return mica_tok_fields_lack(f, "prepend_scheme");
    step->drop_first = strcmp(scheme, "never") != 0;
    if (!mica_tok_json_flag(f->json, "add_prefix_space", true)) {
        if (given && step->drop_first)
            return mica_fail(f->err, MICA_STATUS_FORMAT,
                             "decoder Metaspace: add_prefix_space is false, but prepend_scheme is "
                             "'%s'",
                             scheme);
        step->drop_first = false;
    }
    return MICA_OK;
}

static mica_status load_byte_level(const mica_tok_fields *f)
{
    bool flag;
    mica_status status = mica_tok_fields_flag(f, "add_prefix_space", &flag);

    return status == MICA_OK ? mica_tok_fields_flag(f, "trim_offsets", &flag) : status;
}

static mica_status load_ctc(const mica_tok_fields *f, mica_tok_decode_step *step)
{
    mica_status status = mica_tok_fields_text(f, "pad_token", &step->text, &step->size);

    if (status == MICA_OK)
        status = mica_tok_fields_text(f, "word_delimiter_token", &step->to, &step->to_size);
    return status == MICA_OK ? mica_tok_fields_flag(f, "cleanup", &step->cleanup) : status;
}

static mica_status load_strip(const mica_tok_fields *f, mica_tok_decode_step *step)
{
    mica_status status = read_char(f, "content", &step->text, &step->size);

    if (status == MICA_OK)
        status = read_count(f, "start", &step->start);
    return status == MICA_OK ? read_count(f, "stop", &step->stop) : status;
}

static mica_status load_replace(const mica_tok_fields *f, mica_tok_decode_step *step)
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
    if (string)
        return mica_tok_fields_keep(f, string, size, &step->text, &step->size);
    status = mica_tok_regex_create(regex, regex_size, &step->regex, f->err);
    if (status != MICA_OK)
        mica_error_prefix(f->err, "decoder Replace: ");
    return status;
}

static mica_status load_step(const mica_tok_fields *f, mica_tok_decode_step *step)
{
    switch (step->kind) {
    case MICA_TOK_DECODE_WORDPIECE:
        return load_wordpiece(f, step);
    case MICA_TOK_DECODE_BYTE_LEVEL:
        return load_byte_level(f);
    case MICA_TOK_DECODE_METASPACE:
        return load_metaspace(f, step);
    case MICA_TOK_DECODE_BPE:
        return mica_tok_fields_text(f, "suffix", &step->text, &step->size);
    case MICA_TOK_DECODE_CTC:
        return load_ctc(f, step);
    case MICA_TOK_DECODE_STRIP:
        return load_strip(f, step);
    case MICA_TOK_DECODE_REPLACE:
        return load_replace(f, step);
    case MICA_TOK_DECODE_BYTE_FALLBACK:
    case MICA_TOK_DECODE_FUSE:
        break;
    }
    return MICA_OK;
}

static mica_status load(mica_tok_decoder *out, mica_arena *arena, const mica_json_value *json,
                        mica_error *err)
{
    static const char *const names[] = {[MICA_TOK_DECODE_WORDPIECE] = "WordPiece",
                                        [MICA_TOK_DECODE_BYTE_LEVEL] = "ByteLevel",
                                        [MICA_TOK_DECODE_METASPACE] = "Metaspace",
                                        [MICA_TOK_DECODE_BPE] = "BPEDecoder",
                                        [MICA_TOK_DECODE_CTC] = "CTC",
                                        [MICA_TOK_DECODE_BYTE_FALLBACK] = "ByteFallback",
                                        [MICA_TOK_DECODE_FUSE] = "Fuse",
                                        [MICA_TOK_DECODE_STRIP] = "Strip",
                                        [MICA_TOK_DECODE_REPLACE] = "Replace"};
    mica_tok_fields f = {"decoder", json, mica_tok_json_text(mica_json_get(json, "type")), arena,
                         err};
    const mica_json_value *list = mica_json_get(json, "decoders");
    mica_tok_decode_step *step;
    mica_status status = MICA_OK;

    if (!f.type)
        return mica_fail(err, MICA_STATUS_FORMAT, "decoder: it has no type");
    if (strcmp(f.type, "Sequence") == 0) {
        if (mica_json_get_type(list) != MICA_JSON_ARRAY)
            return mica_tok_fields_lack(&f, "decoders");
        for (json = mica_json_first(list); json && status == MICA_OK; json = mica_json_next(json))
            status = load(out, arena, json, err);
        return status;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(f.type, names[i]) == 0) {
            status = mica_tok_decoder_add(out, (mica_tok_decode_kind)i, &step, err);
            return status == MICA_OK ? load_step(&f, step) : status;
        }
    return mica_fail(err, MICA_STATUS_UNSUPPORTED, "decoder '%s' is not supported", f.type);
}

mica_status mica_tok_decoder_load(mica_tok_decoder *out, mica_arena *arena,
                                  const mica_json_value *json, mica_error *err)
{
    mica_tok_decoder_release(out);
    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    out->present = true;
    return load(out, arena, json, err);
}
