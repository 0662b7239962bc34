/* SPDX-License-Identifier: MIT */
#include "models_inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "util.h"

enum { TEXT_MAX = 1 << 26, TIMED = 3 };

/* ---- texts ---- */

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

mica_text bench_text_cut(mica_text text, size_t characters)
{
    size_t i = 0;
    for (; i < text.size; i++)
        if (begins_character(text.data[i]) && characters-- == 0)
            break;
    return (mica_text){text.data, i};
}

static bool has_characters(mica_text text, size_t characters)
{
    size_t n = 0;
    for (size_t i = 0; i < text.size && n < characters; i++)
        n += begins_character(text.data[i]);
    return n >= characters;
}

static mica_status read_text(const char *path, char **out, size_t *size, mica_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return mica_fail(err, errno == ENOENT ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO,
                         "cannot read '%.300s': %s", path, strerror(errno));
    mica_status status = bench_read_all(file, path, TEXT_MAX, out, size, err);
    fclose(file);
    return status;
}

/* Adds the lines of so many characters, but not those of `below`. */
static void add_lines(bench_texts *out, size_t size, size_t least, size_t below)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(out->data + at, '\n', size - at);
        size_t n = end ? (size_t)(end - out->data) - at : size - at;
        mica_text line = {out->data + at, n};
        if (has_characters(line, least) && !has_characters(line, below))
            out->items[out->count++] = line;
        at += n + 1;
    }
}

mica_status bench_texts_read(const char *path, size_t longest, size_t first, bench_texts *out,
                             mica_error *err)
{
    size_t size = 0, lines = 1;
    memset(out, 0, sizeof *out);
    mica_status status = read_text(path, &out->data, &size, err);
    if (status)
        return status;
    out->digest = bench_digest(out->data, size);
    for (size_t i = 0; i < size; i++)
        lines += out->data[i] == '\n';
    out->items = calloc(lines, sizeof *out->items);
    if (!out->items) {
        bench_texts_free(out);
        return bench_fail_memory(err, "texts");
    }
    first = first > longest ? first : longest;
    add_lines(out, size, first, SIZE_MAX);
    add_lines(out, size, longest, first);
    if (out->count >= 2)
        return MICA_OK;
    bench_texts_free(out);
    return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%.300s' has no two lines of %zu characters",
                     path, longest);
}

void bench_texts_free(bench_texts *texts)
{
    free(texts->data);
    free(texts->items);
    memset(texts, 0, sizeof *texts);
}

/* ---- batches ---- */

static mica_status encode_all(const mica_tokenizer *tokenizer, const mica_encode_options *options,
                              const mica_text *texts, size_t count, mica_encoding **encodings,
                              double *seconds, mica_error *err)
{
    double begin = bench_now();
    for (size_t i = 0; i < count; i++) {
        mica_status status =
            mica_tokenizer_encode(tokenizer, texts[i], NULL, options, &encodings[i], err);
        if (status)
            return status;
    }
    *seconds = bench_now() - begin;
    return MICA_OK;
}

static bool is_first(const mica_text *texts, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (texts[k].size == texts[i].size &&
            memcmp(texts[k].data, texts[i].data, texts[i].size) == 0)
            return false;
    return true;
}

static mica_status fill(const bench_encoder *encoder, mica_encoding *const *encodings,
                        bench_batch *b, mica_error *err)
{
    for (size_t i = 0; i < b->sequences; i++) {
        b->lengths[i] = mica_encoding_count(encodings[i]);
        b->tokens += b->lengths[i];
        b->truncated += mica_encoding_truncated(encodings[i]);
        b->longest = b->lengths[i] > b->longest ? b->lengths[i] : b->longest;
    }
    size_t n = b->sequences * b->longest;
    b->ids = malloc((n + 1) * sizeof *b->ids);
    b->mask = calloc(n + 1, sizeof *b->mask);
    b->types = calloc(n + 1, sizeof *b->types);
    if (!b->ids || !b->mask || !b->types)
        return bench_fail_memory(err, "a batch");
    for (size_t i = 0; i < n; i++)
        b->ids[i] = encoder->pad;
    for (size_t i = 0; i < b->sequences; i++)
        for (size_t k = 0; k < b->lengths[i]; k++) {
            int64_t id = mica_encoding_ids(encodings[i])[k];
            if (id < 0 || id >= encoder->vocabulary)
                return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                                 "the tokenizer gives id %lld, the model has %lld", (long long)id,
                                 (long long)encoder->vocabulary);
            b->ids[i * b->longest + k] = id;
            b->mask[i * b->longest + k] = 1;
        }
    return MICA_OK;
}

mica_status bench_batch_create(const mica_tokenizer *tokenizer, const bench_encoder *encoder,
                               const mica_text *texts, size_t count, size_t least, bench_batch *out,
                               mica_error *err)
{
    mica_encode_options options;
    mica_encoding **encodings = calloc(count, sizeof *encodings);
    mica_status status = MICA_OK;
    memset(out, 0, sizeof *out);
    out->sequences = count;
    out->longest = least;
    out->lengths = calloc(count, sizeof *out->lengths);
    mica_encode_options_defaults(&options);
    options.max_length = (size_t)(encoder->positions - encoder->first_position);
    if (!encodings || !out->lengths)
        status = bench_fail_memory(err, "a batch");
    for (int i = 0; i < TIMED && !status; i++) {
        double seconds = 0;
        status = encode_all(tokenizer, &options, texts, count, encodings, &seconds, err);
        if (i == 0 || seconds < out->tokenize_seconds)
            out->tokenize_seconds = seconds;
    }
    for (size_t i = 0; i < count; i++)
        out->different += is_first(texts, i);
    if (!status)
        status = fill(encoder, encodings, out, err);
    for (size_t i = 0; i < count && encodings; i++)
        mica_encoding_destroy(&encodings[i]);
    free(encodings);
    if (status)
        bench_batch_free(out);
    return status;
}

mica_status bench_batch_save(const bench_batch *b, const int64_t *rows, size_t row_count,
                             const char *path, mica_error *err)
{
    const int64_t dims[2] = {(int64_t)b->sequences, (int64_t)b->longest};
    const int64_t row_dims[1] = {(int64_t)row_count};
    mica_named_tensor named[] = {
        {"input_ids", NULL}, {"attention_mask", NULL}, {"token_type_ids", NULL}, {"rows", NULL}};
    const int64_t *const data[] = {b->ids, b->mask, b->types, rows};
    mica_status status = MICA_OK;
    for (int i = 0; i < 4 && !status; i++)
        status = mica_tensor_wrap(MICA_DTYPE_I64, i < 3 ? 2 : 1, i < 3 ? dims : row_dims, data[i],
                                  NULL, NULL, &named[i].tensor, err);
    if (!status)
        status = mica_tensors_save(path, named, 4, err);
    for (int i = 0; i < 4; i++)
        mica_tensor_release(&named[i].tensor);
    return status;
}

mica_status bench_batch_save_texts(const mica_tokenizer *tokenizer, const bench_encoder *encoder,
                                   const mica_text *texts, size_t count, const char *path,
                                   mica_error *err)
{
    bench_batch batch;
    const int64_t rows[1] = {0};
    mica_status status = bench_batch_create(tokenizer, encoder, texts, count, 0, &batch, err);
    if (!status)
        status = bench_batch_save(&batch, rows, 1, path, err);
    bench_batch_free(&batch);
    return status;
}

void bench_batch_free(bench_batch *b)
{
    free(b->lengths);
    free(b->ids);
    free(b->mask);
    free(b->types);
    memset(b, 0, sizeof *b);
}
