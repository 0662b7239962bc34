/* SPDX-License-Identifier: MIT
 *
 * What an encoder must give: float64 loops over the numbers of the checkpoint, one text at a time,
 * so that there is no padding; independent of mica's graph, kernels and readers of configurations.
 */
#ifndef MICA_BENCH_MODELS_REFERENCE_H
#define MICA_BENCH_MODELS_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "models_encoder.h"

typedef struct bench_model_reference bench_model_reference;

/* Of the weights of a directory, whatever files they lie in. `head`: the output is the logits of
 * the masked-LM head (BERT's only), else the last hidden state. */
mica_status bench_model_reference_open(const char *directory, const bench_encoder *encoder,
                                       bool head, size_t threads, bench_model_reference **out,
                                       mica_error *err);
void bench_model_reference_close(bench_model_reference **reference);
/* Numbers in a row of the output. */
size_t bench_model_reference_width(const bench_model_reference *reference);

/* The rows `rows` (positions of the text) of the output for a text, [row_count, width]; `types`
 * NULL = all 0. Kept for the next who asks for the same, valid until the reference is closed. */
mica_status bench_model_reference_rows(bench_model_reference *reference, const int64_t *ids,
                                       const int64_t *types, size_t count, const size_t *rows,
                                       size_t row_count, const double **out, mica_error *err);

/* How far `output` ([rows, width]) is from the reference. */
typedef struct bench_distance {
    double largest; /* difference of a value, over the largest value of the reference */
    double cosine;  /* the least of a row */
    double row;     /* the largest distance of a row, over the length of the row of the reference */
} bench_distance;
/* Adds to `distance`, which begins as {0, 1, 0}. A value that is no number makes it infinite. */
void bench_distance_add(bench_distance *distance, const float *output, const double *reference,
                        size_t rows, size_t width);

/* The bounds for a precision ("fp32", "bf16", "int8"). False: `reason` says how far outside. */
bool bench_distance_allowed(const bench_distance *distance, const char *precision, char *reason,
                            size_t size);

#endif
