/* SPDX-License-Identifier: MIT
 *
 * What is computed: real English texts, cut to so many characters as the paper does, and tokenized
 * by the model's own tokenizer.
 */
#ifndef MICA_BENCH_MODELS_INPUTS_H
#define MICA_BENCH_MODELS_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "mica/model.h"
#include "models_encoder.h"

/* Paragraphs that are long enough for every length. */
typedef struct bench_texts {
    char *data;
    mica_text *items;
    size_t count;
    uint64_t digest; /* of the whole file */
} bench_texts;

/* `longest`: characters that a paragraph must have. Those of `first` characters come first, so that
 * texts of a length are the same whatever other lengths are asked for. NOT_FOUND: fewer than two.
 */
mica_status bench_texts_read(const char *path, size_t longest, size_t first, bench_texts *out,
                             mica_error *err);
void bench_texts_free(bench_texts *texts);
/* The first `characters` characters, or all if there are fewer. */
mica_text bench_text_cut(mica_text text, size_t characters);

/* A batch of texts: row i of `ids` is filled up with the padding id to the longest. */
typedef struct bench_batch {
    size_t sequences, longest, tokens; /* `tokens` without padding */
    size_t *lengths;                   /* in tokens, a text each */
    size_t truncated, different; /* texts cut to what the model takes; that are unlike others */
    int64_t *ids, *mask, *types; /* [sequences, longest] */
    double tokenize_seconds;     /* of all its texts, by mica */
} bench_batch;

/* Tokenizes; a text is cut to what the model takes. Rows are `least` long at least. */
mica_status bench_batch_create(const mica_tokenizer *tokenizer, const bench_encoder *encoder,
                               const mica_text *texts, size_t count, size_t least, bench_batch *out,
                               mica_error *err);
/* The same for a file alone, of whose output nobody asks more than the first row. */
mica_status bench_batch_save_texts(const mica_tokenizer *tokenizer, const bench_encoder *encoder,
                                   const mica_text *texts, size_t count, const char *path,
                                   mica_error *err);
/* Writes it for the arms, with the `row_count` rows of the flattened output that they give back. */
mica_status bench_batch_save(const bench_batch *batch, const int64_t *rows, size_t row_count,
                             const char *path, mica_error *err);
void bench_batch_free(bench_batch *batch);

#endif
