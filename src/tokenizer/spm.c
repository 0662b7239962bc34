/* SPDX-License-Identifier: MIT
 *
 * ModelProto of sentencepiece_model.proto. A message is a list of fields; a field is a varint
 * (number << 3 | wire type) and a value. Fields that are not known are skipped by their wire type;
 * of a field that comes twice the last one counts, as protobuf has it.
 */
#include "tokenizer/spm.h"

#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "tokenizer/text.h"
#include "tokenizer/vocab.h"

typedef struct cursor {
    const char *start; /* of the file, for error texts */
    const unsigned char *at, *end;
    mica_error *err;
} cursor;

typedef struct field {
    uint32_t number;
    int wire;
    uint64_t value; /* of wire types 0, 1 and 5 */
    mica_text body; /* of wire type 2 */
} field;

#define WIRE_VARINT 0
#define WIRE_64 1
#define WIRE_BYTES 2
#define WIRE_32 5

static mica_status bad(const cursor *c, const char *what)
{
    return mica_fail(c->err, MICA_STATUS_FORMAT, "%s at byte %zu", what,
                     (size_t)((const char *)c->at - c->start));
}

static mica_status read_varint(cursor *c, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        unsigned char byte;

        if (c->at == c->end)
            return bad(c, "a number is cut off");
        byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        *out |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return MICA_OK;
    }
    return bad(c, "a number is too long");
}

static mica_status read_fixed(cursor *c, size_t size, uint64_t *out)
{
    *out = 0;
    if ((size_t)(c->end - c->at) < size)
        return bad(c, "a number is cut off");
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)c->at[i] << (8 * i);
    c->at += size;
    return MICA_OK;
}

/* The next field; only call where there is one. */
static mica_status read_field(cursor *c, field *out)
{
    uint64_t tag, size;
    mica_status status = read_varint(c, &tag);

    if (status != MICA_OK)
        return status;
    *out = (field){.number = (uint32_t)(tag >> 3), .wire = (int)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 >= (uint64_t)1 << 29)
        return bad(c, "a field has a number out of range");
    switch (out->wire) {
    case WIRE_VARINT:
        return read_varint(c, &out->value);
    case WIRE_64:
        return read_fixed(c, 8, &out->value);
    case WIRE_32:
        return read_fixed(c, 4, &out->value);
    case WIRE_BYTES:
        status = read_varint(c, &size);
        if (status != MICA_OK)
            return status;
        if (size > (uint64_t)(c->end - c->at))
            return bad(c, "a field is longer than what is left of its message");
        out->body = (mica_text){(const char *)c->at, (size_t)size};
        c->at += size;
        return MICA_OK;
    default:
        return bad(c, "a field has an unknown wire type");
    }
}

/* A message inside another. */
static cursor enter(const cursor *c, mica_text body)
{
    const unsigned char *at = (const unsigned char *)body.data;
    return (cursor){c->start, at, at + body.size, c->err};
}

static bool is(const field *f, uint32_t number, int wire)
{
    return f->number == number && f->wire == wire;
}

/* SentencePiece {1 piece, 2 score, 3 type} */
static mica_status read_piece(const cursor *outer, mica_text body, mica_tok_spm *spm)
{
    cursor c = enter(outer, body);
    mica_tok_spm_piece piece = {.data = "", .type = MICA_TOK_SPM_NORMAL};
    uint32_t bits;

    while (c.at < c.end) {
        field f;
        mica_status status = read_field(&c, &f);

        if (status != MICA_OK)
            return status;
        if (is(&f, 1, WIRE_BYTES)) {
            if (f.body.size >= UINT32_MAX)
                return bad(&c, "a piece is too long");
            piece.data = f.body.data;
            piece.size = (uint32_t)f.body.size;
        } else if (is(&f, 2, WIRE_32)) {
            bits = (uint32_t)f.value;
            memcpy(&piece.score, &bits, sizeof piece.score);
        } else if (is(&f, 3, WIRE_VARINT) && f.value >= MICA_TOK_SPM_NORMAL &&
                   f.value <= MICA_TOK_SPM_BYTE) {
            piece.type = (mica_tok_spm_type)f.value;
        }
    }
    if (piece.size > 0 && mica_utf8_valid_prefix(piece.data, piece.size) < piece.size)
        return mica_fail(c.err, MICA_STATUS_FORMAT, "piece %zu is not valid UTF-8", spm->count);
    if ((int64_t)spm->count >= MICA_TOK_ID_LIMIT)
        return mica_fail(c.err, MICA_STATUS_UNSUPPORTED, "more than %lld pieces are not supported",
                         (long long)MICA_TOK_ID_LIMIT);
    if (!mica_tok_grow((void **)&spm->pieces, &spm->capacity, spm->count + 1, sizeof piece))
        return mica_fail_memory(c.err, sizeof piece, "the pieces of a SentencePiece model");
    spm->pieces[spm->count++] = piece;
    return MICA_OK;
}

/* A text field of the trainer, where SentencePiece wants UTF-8 too. */
static mica_status take_text(const cursor *c, const field *f, mica_text *out)
{
    if (f->body.size > 0 && mica_utf8_valid_prefix(f->body.data, f->body.size) < f->body.size)
        return bad(c, "the name of a special piece is not valid UTF-8, before");
    *out = f->body;
    return MICA_OK;
}

static mica_status read_trainer(const cursor *outer, mica_text body, mica_tok_spm *spm)
{
    cursor c = enter(outer, body);
    mica_status status = MICA_OK;

    while (c.at < c.end && status == MICA_OK) {
        field f;

        status = read_field(&c, &f);
        if (status != MICA_OK)
            break;
        if (is(&f, 3, WIRE_VARINT) && f.value >= MICA_TOK_SPM_UNIGRAM &&
            f.value <= MICA_TOK_SPM_CHAR)
            spm->model = (mica_tok_spm_model)f.value;
        else if (is(&f, 24, WIRE_VARINT))
            spm->whitespace_as_suffix = f.value != 0;
        else if (is(&f, 35, WIRE_VARINT))
            spm->byte_fallback = f.value != 0;
        else if (is(&f, 40, WIRE_VARINT))
            spm->unk_id = (int32_t)(uint32_t)f.value;
        else if (is(&f, 41, WIRE_VARINT))
            spm->bos_id = (int32_t)(uint32_t)f.value;
        else if (is(&f, 42, WIRE_VARINT))
            spm->eos_id = (int32_t)(uint32_t)f.value;
        else if (is(&f, 44, WIRE_BYTES))
            status = take_text(&c, &f, &spm->unk_surface);
        else if (is(&f, 45, WIRE_BYTES))
            status = take_text(&c, &f, &spm->unk_piece);
        else if (is(&f, 46, WIRE_BYTES))
            status = take_text(&c, &f, &spm->bos_piece);
        else if (is(&f, 47, WIRE_BYTES))
            status = take_text(&c, &f, &spm->eos_piece);
    }
    return status;
}

static mica_status read_normalizer(const cursor *outer, mica_text body, mica_tok_spm *spm)
{
    cursor c = enter(outer, body);

    while (c.at < c.end) {
        field f;
        mica_status status = read_field(&c, &f);

        if (status != MICA_OK)
            return status;
        if (is(&f, 2, WIRE_BYTES))
            spm->charsmap = f.body;
        else if (is(&f, 3, WIRE_VARINT))
            spm->add_dummy_prefix = f.value != 0;
        else if (is(&f, 4, WIRE_VARINT))
            spm->remove_extra_whitespaces = f.value != 0;
        else if (is(&f, 5, WIRE_VARINT))
            spm->escape_whitespaces = f.value != 0;
    }
    return MICA_OK;
}

/* tiktoken's form: lines of a token in base64, a space, and its rank. */
static bool is_tiktoken(const char *data, size_t size)
{
    size_t i = 0;

    while (i < size && i < 1000 &&
           ((data[i] >= 'a' && data[i] <= 'z') || (data[i] >= 'A' && data[i] <= 'Z') ||
            (data[i] >= '0' && data[i] <= '9') || (data[i] && strchr("+/=", data[i]))))
        i++;
    return i >= 4 && i % 4 == 0 && i + 1 < size && data[i] == ' ' && data[i + 1] >= '0' &&
           data[i + 1] <= '9';
}

static mica_text text_of(const char *text)
{
    return (mica_text){text, strlen(text)};
}

mica_status mica_tok_spm_read(mica_tok_spm *out, const char *data, size_t size, mica_error *err)
{
    cursor c = {data, (const unsigned char *)data, (const unsigned char *)data + size, err};
    mica_status status = MICA_OK;

    *out = (mica_tok_spm){.model = MICA_TOK_SPM_UNIGRAM,
                          .bos_id = 1,
                          .eos_id = 2,
                          .unk_piece = text_of("<unk>"),
                          .bos_piece = text_of("<s>"),
                          .eos_piece = text_of("</s>"),
                          .unk_surface = text_of(" \u2047 "),
                          .add_dummy_prefix = true,
                          .remove_extra_whitespaces = true,
                          .escape_whitespaces = true};
    if (is_tiktoken(data, size))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "it is in tiktoken's form, which is not supported; mica needs a "
                         "tokenizer.json beside it");
    while (c.at < c.end && status == MICA_OK) {
        field f;

        status = read_field(&c, &f);
        if (status != MICA_OK)
            break;
        if (is(&f, 1, WIRE_BYTES))
            status = read_piece(&c, f.body, out);
        else if (is(&f, 2, WIRE_BYTES))
            status = read_trainer(&c, f.body, out);
        else if (is(&f, 3, WIRE_BYTES))
            status = read_normalizer(&c, f.body, out);
    }
    if (status == MICA_OK && out->count == 0)
        status = mica_fail(err, MICA_STATUS_FORMAT, "there are no pieces in it");
    if (status != MICA_OK)
        mica_tok_spm_release(out);
    return status;
}

void mica_tok_spm_release(mica_tok_spm *spm)
{
    mica_free(spm->pieces);
    *spm = (mica_tok_spm){0};
}
