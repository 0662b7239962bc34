/* SPDX-License-Identifier: MIT
 *
 * What config.json says of an encoder, and what its work costs at least. Read here from the file
 * itself: the reference must not rest on what it is the reference of.
 */
#ifndef MICA_BENCH_MODELS_ENCODER_H
#define MICA_BENCH_MODELS_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include "mica/status.h"

typedef struct bench_encoder {
    char family[32]; /* "bert", "roberta", "xlm-roberta", "distilbert", "mpnet" */
    int64_t vocabulary, hidden, layers, heads, intermediate, positions, types; /* types 0: none */
    int64_t pad;            /* id of the padding token */
    int64_t first_position; /* of a text: RoBERTa's positions begin after the padding id */
    int64_t buckets;        /* of distances that MPNet's scores have a bias for; else 0 */
    double eps;
    double (*activation)(double x);
    bool masked_lm; /* the checkpoint has a masked-LM head */
} bench_encoder;

/* Of DIRECTORY/config.json. UNSUPPORTED: no family that the reference knows. */
mica_status bench_encoder_read(const char *directory, bench_encoder *out, mica_error *err);
/* Of a configuration by its own path. */
mica_status bench_encoder_read_config(const char *path, bench_encoder *out, mica_error *err);

/* Multiplications and additions of a text of so many tokens, as the equations have them. */
double bench_encoder_flops(const bench_encoder *shape, bool head, int64_t tokens);
/* Numbers in the matrices that every text goes through, and what they weigh. */
int64_t bench_encoder_weights(const bench_encoder *shape, bool head);
/* All numbers of the checkpoint. */
int64_t bench_encoder_parameters(const bench_encoder *shape, bool head);

#endif
