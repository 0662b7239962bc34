/* SPDX-License-Identifier: MIT
 *
 * What short numbers cost in accuracy: embeddings of real sentences by a trained model,
 * mean-pooled, beside those of the float64 reference.
 */
#ifndef MICA_BENCH_MODELS_ACCURACY_H
#define MICA_BENCH_MODELS_ACCURACY_H

#include "models_write.h"

typedef struct bench_accuracy_work {
    const bench_models_options *options;
    const bench_model_load *load; /* of that model, but for the calibration */
    const char *texts;            /* a file: a sentence a line */
    const bench_source
        *source;           /* a sentence-embedding model of a family that the reference knows */
    bench_model_arm *arms; /* those of bf16 and int8 are looked at */
    size_t arm_count;
    bench_results *results;
    mica_json_writer *writer;
} bench_accuracy_work;

/* Adds a line for each arm that the results do not have yet. */
mica_status bench_accuracy_run(const bench_accuracy_work *work, mica_error *err);

#endif
