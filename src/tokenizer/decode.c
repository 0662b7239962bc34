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

/* Bytes that a text may have at each step, and more for each byte of the strings: steps that
 * replace a little by much may make each other's results grow without end. */
#define DECODED_MAX ((size_t)256 << 20)
#define DECODED_MAX_PER_BYTE 16

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

void mica_tok_clean_up(mica_buf *buf, size_t start, bool do_not)
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

void mica_decode_options_defaults(mica_decode_options *options)
{
    *options = (mica_decode_options){.clean_up_tokenization_spaces = -1};
}

/* A string is special if an added token with this content ever was. */
static bool is_special(const mica_tokenizer *tokenizer, const char *string, size_t size)
{
    const mica_tok_added_token *token = mica_tok_added_find(&tokenizer->added, string, size);
    return token && token->ever_special;
}

/* The strings of the ids that count. */
static mica_status collect(const mica_tokenizer *tokenizer, const int64_t *ids, size_t count,
                           bool skip_special, mica_tok_strings *out, mica_error *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *string = mica_tok_string(tokenizer, ids[i], &length);

        if (ids[i] < 0 || (uint64_t)ids[i] >= tokenizer->id_limit)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "id %lld at position %zu is not in the vocabulary (of %zu)",
                             (long long)ids[i], i, tokenizer->id_limit);
        if (!string) /* a hole in the vocabulary: skipped, as Hugging Face does */
            continue;
        if (skip_special && is_special(tokenizer, string, length))
            continue;
        if (!tokenizer->decoder.present && out->count > 0)
            mica_buf_char(&out->bytes, ' ');
        mica_buf_append(&out->bytes, string, length);
        if (!mica_tok_strings_end(out))
            return mica_fail_memory(err, count * sizeof *out->ends, "the strings of a text");
    }
    return MICA_OK;
}

/* Runs the decoder on strings[0], where the result stands then; strings[1] is to work with. */
static mica_status run_decoder(const mica_tokenizer *tokenizer, mica_tok_strings strings[2],
                               mica_error *err)
{
    mica_buf *buf = &strings[0].bytes;

    if (buf->size < (SIZE_MAX / 2 - DECODED_MAX) / DECODED_MAX_PER_BYTE)
        buf->max = DECODED_MAX + DECODED_MAX_PER_BYTE * buf->size;
    strings[1].bytes.max = buf->max;
    return mica_tok_decoder_run(&tokenizer->decoder, strings, err);
}

mica_status mica_tok_join(const mica_tokenizer *tokenizer, const mica_text *tokens, size_t count,
                          mica_buf *out, mica_error *err)
{
    mica_tok_strings strings[2];
    mica_status status = MICA_OK;

    mica_tok_strings_init(&strings[0], SIZE_MAX / 2);
    mica_tok_strings_init(&strings[1], SIZE_MAX / 2);
    for (size_t i = 0; i < count && status == MICA_OK; i++) {
        if (!tokenizer->decoder.present && i > 0)
            mica_buf_char(&strings[0].bytes, ' ');
        mica_buf_append(&strings[0].bytes, tokens[i].data, tokens[i].size);
        if (!mica_tok_strings_end(&strings[0]))
            status = mica_fail_memory(err, count * sizeof(size_t), "the strings of a text");
    }
    if (status == MICA_OK)
        status = run_decoder(tokenizer, strings, err);
    if (status == MICA_OK &&
        !mica_buf_append(out, mica_buf_cstr(&strings[0].bytes), strings[0].bytes.size))
        status = mica_fail_memory(err, strings[0].bytes.size, "a decoded text");
    mica_tok_strings_release(&strings[0]);
    mica_tok_strings_release(&strings[1]);
    return status;
}

/* transformers does not clean up after a BPE model, even if asked, unless its files insist. */
static bool cleans_up(const mica_tokenizer *tokenizer, int asked)
{
    bool wanted = asked < 0 ? tokenizer->clean_up : asked != 0;

    return wanted && (tokenizer->model.kind != MICA_TOK_BPE || tokenizer->clean_up_bpe);
}

mica_status mica_tokenizer_decode(const mica_tokenizer *tokenizer, const int64_t *ids, size_t count,
                                  const mica_decode_options *options, char **out, size_t *size,
                                  mica_error *err)
{
    mica_decode_options defaults;
    mica_tok_strings strings[2];
    mica_buf *buf = &strings[0].bytes;
    mica_status status;

    *out = NULL;
    if (size)
        *size = 0;
    if (!options) {
        mica_decode_options_defaults(&defaults);
        options = &defaults;
    }
    mica_tok_strings_init(&strings[0], SIZE_MAX / 2);
    mica_tok_strings_init(&strings[1], SIZE_MAX / 2);
    if (tokenizer->model.kind == MICA_TOK_SENTENCEPIECE) {
        status = mica_tok_decode_sentencepiece(tokenizer, ids, count, options->skip_special_tokens,
                                               &strings[0].bytes, err);
    } else {
        status = collect(tokenizer, ids, count, options->skip_special_tokens, &strings[0], err);
        if (status == MICA_OK)
            status = run_decoder(tokenizer, strings, err);
    }
    if (status == MICA_OK) {
        if (cleans_up(tokenizer, options->clean_up_tokenization_spaces))
            mica_tok_clean_up(buf, 0, false);
        mica_buf_append(buf, "", 0);
        *out = !buf->failed && !buf->data ? mica_strdup("") : mica_buf_take(buf, size);
        if (!*out)
            status = mica_fail_memory(err, count, "a decoded text");
    }
    mica_tok_strings_release(&strings[0]);
    mica_tok_strings_release(&strings[1]);
    return status;
}

void mica_text_free(char **text)
{
    mica_free(*text);
    *text = NULL;
}
