/* SPDX-License-Identifier: MIT
 *
 * Lines of the result: what docs/bench.md says of each.
 */
#ifndef MICA_BENCH_MODELS_WRITE_H
#define MICA_BENCH_MODELS_WRITE_H

#include "models.h"

/* What the run and a model have in common with all their lines. */
typedef struct bench_models_machine {
    bench_environment environment;
    char kernels[32]; /* mica's, of a context */
    bench_peaks peaks;
    double int8_ops, bf16_flops; /* a second; 0 = not known */
    char peaks_of[32];           /* when the run began that measured them; "" = this one */
    size_t threads;
} bench_models_machine;

typedef struct bench_models_model {
    const bench_source *source;
    bench_encoder encoder;
    bool head;
    uint64_t seed;
} bench_models_model;

/* What is looked at: sources and texts, with the digests of their files. */
typedef struct bench_models_subject {
    const bench_source *sources, *accuracy; /* options->model_count; NULL = none */
    uint64_t text, accuracy_text;
} bench_models_subject;

/* Multiplications and additions of a batch without its padding. */
double bench_model_flops(const bench_models_model *model, const bench_batch *batch);

void bench_write_models_header(mica_json_writer *w, const bench_models_options *options,
                               const bench_models_subject *subject,
                               const bench_models_machine *machine);
/* The peaks that a header has. False: it has none. */
bool bench_read_models_peaks(const mica_json_value *header, bench_models_machine *machine);
/* That a model could not be measured, and why. */
void bench_write_failed(mica_json_writer *w, const bench_source *source, const char *reason);
/* What a precision's arms did in a cell. */
void bench_write_part(mica_json_writer *w, const bench_models_model *model, const bench_cell *cell,
                      const char *precision, const bench_cell_result *result);
/* What loading a precision's arms took. */
void bench_write_group(mica_json_writer *w, const bench_models_model *model, const char *precision,
                       bench_model_arm *const *arms, size_t count);
/* Both, for all precisions together, from the lines above. */
void bench_write_model(mica_json_writer *w, const bench_models_model *model,
                       const bench_results *results);
void bench_write_cell(mica_json_writer *w, const bench_models_model *model, const bench_cell *cell,
                      const bench_models_machine *machine, const bench_results *results);

#endif
