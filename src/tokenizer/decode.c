/* SPDX-License-Identifier: MIT */
#include "tokenizer/decode.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "tokenizer/internal.h"
#include "tokenizer/load.h"

typedef struct replacement {
    const char *from, *to; /* never grows */
} replacement;

/* What the WordPiece decoder does to each string, in this order; transformers' clean-up of the
 * whole text is the same without " do not". */
static const replacement replacements[] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};
#define DO_NOT 7

/* Replaces in place; returns the new size. */
static size_t replace_all(char *data, size_t size, const replacement *r)
{
    size_t from = strlen(r->from), to = strlen(r->to), out = 0, i = 0;

    while (i < size) {
        if (data[i] == ' ' && size - i >= from && memcmp(data + i, r->from, from) == 0) {
            memcpy(data + out, r->to, to);
            out += to;
            i += from;
        } else {
            data[out++] = data[i++];
        }
    }
    return out;
}

/* Cleans up what stands from `start` on. */
static void clean_up(mica_buf *buf, size_t start, bool do_not)
{
    size_t size = buf->size - start;

    if (buf->failed || size == 0 || !memchr(buf->data + start, ' ', size))
        return;
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++)
        if (do_not || i != DO_NOT)
            size = replace_all(buf->data + start, size, &replacements[i]);
    buf->size = start + size;
    buf->data[buf->size] = '\0';
}

mica_status mica_tok_decoder_wordpiece(mica_tok_decoder *out, mica_arena *arena, const char *prefix,
                                       size_t prefix_size, bool cleanup, mica_error *err)
{
    out->kind = MICA_TOK_DECODER_WORDPIECE;
    out->prefix = mica_arena_text(arena, prefix, prefix_size);
    out->prefix_size = prefix_size;
    out->cleanup = cleanup;
    return out->prefix ? MICA_OK : mica_fail_memory(err, prefix_size + 1, "a decoder");
}

mica_status mica_tok_decoder_load(mica_tok_decoder *out, mica_arena *arena,
                                  const mica_json_value *json, mica_error *err)
{
    const char *type = mica_tok_json_text(mica_json_get(json, "type")), *prefix;
    size_t prefix_size;
    bool cleanup;

    *out = (mica_tok_decoder){.kind = MICA_TOK_DECODER_NONE};
    if (mica_json_get_type(json) == MICA_JSON_NULL)
        return MICA_OK;
    if (!type)
        return mica_fail(err, MICA_STATUS_FORMAT, "decoder: it has no type");
    if (strcmp(type, "WordPiece") != 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "decoder '%s' is not supported", type);
    prefix = mica_json_string(mica_json_get(json, "prefix"), &prefix_size);
    if (!prefix || !mica_json_bool(mica_json_get(json, "cleanup"), &cleanup))
        return mica_fail(
            err, MICA_STATUS_FORMAT,
            "decoder: WordPiece needs 'prefix' (a string) and 'cleanup' (true or false)");
    return mica_tok_decoder_wordpiece(out, arena, prefix, prefix_size, cleanup, err);
}

void mica_decode_options_defaults(mica_decode_options *options)
{
    *options = (mica_decode_options){.clean_up_tokenization_spaces = -1};
}

/* Appends the n-th string. */
static void put_string(const mica_tok_decoder *decoder, mica_buf *buf, const char *string,
                       size_t size, size_t n)
{
    size_t start = buf->size;

    if (decoder->kind == MICA_TOK_DECODER_NONE) {
        if (n > 0)
            mica_buf_char(buf, ' ');
        mica_buf_append(buf, string, size);
        return;
    }
    if (n > 0) {
        if (size >= decoder->prefix_size &&
            memcmp(string, decoder->prefix, decoder->prefix_size) == 0) {
            string += decoder->prefix_size;
            size -= decoder->prefix_size;
        } else {
            mica_buf_char(buf, ' ');
        }
    }
    mica_buf_append(buf, string, size);
    if (decoder->cleanup)
        clean_up(buf, start, true);
}

/* A string is special if an added token with this content ever was. */
static bool is_special(const mica_tokenizer *tokenizer, const char *string, size_t size)
{
    const mica_tok_added_token *token = mica_tok_added_find(&tokenizer->added, string, size);
    return token && token->ever_special;
}

mica_status mica_tokenizer_decode(const mica_tokenizer *tokenizer, const int64_t *ids, size_t count,
                                  const mica_decode_options *options, char **out, size_t *size,
                                  mica_error *err)
{
    mica_decode_options defaults;
    mica_buf buf;
    size_t n = 0;
    bool clean;

    *out = NULL;
    if (size)
        *size = 0;
    if (!options) {
        mica_decode_options_defaults(&defaults);
        options = &defaults;
    }
    mica_buf_init(&buf, SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *string = mica_tok_string(tokenizer, ids[i], &length);

        if (ids[i] < 0 || (uint64_t)ids[i] >= tokenizer->id_limit) {
            mica_buf_free(&buf);
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "id %lld at position %zu is not in the vocabulary (of %zu)",
                             (long long)ids[i], i, tokenizer->id_limit);
        }
        if (!string) /* a hole in the vocabulary: skipped, as Hugging Face does */
            continue;
        if (options->skip_special_tokens && is_special(tokenizer, string, length))
            continue;
        put_string(&tokenizer->decoder, &buf, string, length, n++);
    }
    clean = options->clean_up_tokenization_spaces < 0 ? tokenizer->clean_up
                                                      : options->clean_up_tokenization_spaces != 0;
    if (clean)
        clean_up(&buf, 0, false);
    mica_buf_append(&buf, "", 0);
    if (!buf.failed && !buf.data)
        *out = mica_strdup("");
    else
        *out = mica_buf_take(&buf, size);
    if (!*out) {
        mica_buf_free(&buf);
        return mica_fail_memory(err, count, "a decoded text");
    }
    return MICA_OK;
}

void mica_text_free(char **text)
{
    mica_free(*text);
    *text = NULL;
}
