/* SPDX-License-Identifier: MIT
 *
 * Encoders beside other frameworks: the models, lengths and batches of the paper; every arm in a
 * process of its own, held to a float64 reference before anything is timed. Arms of a precision
 * are loaded together and take turns in every round; one precision after the other, so that a
 * machine needs room for some of them only.
 */
#ifndef MICA_BENCH_MODELS_H
#define MICA_BENCH_MODELS_H

#include "arms.h"
#include "environment.h"
#include "models_arm.h"
#include "models_cell.h"
#include "models_results.h"
#include "models_source.h"
#include "peaks.h"

enum { BENCH_PRECISIONS = 3, BENCH_SIZES_MAX = 16, BENCH_PROCESSORS_MAX = 1024 };
extern const char *const bench_precisions[BENCH_PRECISIONS]; /* "fp32", "bf16", "int8" */

typedef struct bench_models_options {
    const char *const *models;
    size_t model_count;
    bench_source_options source;
    size_t lengths[BENCH_SIZES_MAX], batches[BENCH_SIZES_MAX]; /* rise */
    size_t length_count, batch_count;
    bool precisions[BENCH_PRECISIONS];
    const char *const *arms; /* names of arms, or what they begin with; none = all */
    size_t arm_count;
    bool (*wants)(void *user, const char *cell); /* by its name */
    const char *filter; /* what `wants` goes by, for the result; NULL = all are wanted */
    bool as_published;
    bench_plan plan;
    double calm, slow, slow_times; /* as bench_cell_plan has them */
    size_t threads;                /* of everyone; 0 = as mica chooses */
    double memory;                 /* bytes that an arm may need; 0 = what is available */
    bench_program *programs;       /* mica's first */
    size_t program_count;
    const char *text;      /* the file with the texts */
    const char *directory; /* for the files of a run */
    const char *output;    /* the result's file, or NULL */
    const char *peaks;     /* a result whose peaks hold here, too; NULL = they are measured */
    bool resume;
    const char *accuracy;                       /* a sentence-embedding model; NULL = none */
    const char *accuracy_texts;                 /* a file of sentences */
    void (*progress)(void *user, double share); /* of the whole */
    void (*show)(void *user, const mica_json_value *line, bool kept);
    void *user;
} bench_models_options;

typedef struct bench_models bench_models;

/* Asks the peers what they have and measures the machine; finds the models. `options` must outlive
 * it. */
mica_status bench_models_open(const bench_models_options *options, bench_models **out,
                              mica_error *err);
void bench_models_close(bench_models **models);

/* What would be run, for people: cells and arms. */
typedef struct bench_models_plan {
    size_t model_count, cell_count, arm_count, text_count; /* texts that are long enough */
    const bench_source *sources;
    const bench_model_arm *arms;
} bench_models_plan;
void bench_models_get_plan(const bench_models *models, bench_models_plan *out);
/* The names of a model's cells that are wanted, one by one, in order. */
bool bench_models_cell(const bench_models *models, size_t model, size_t i, char *name, size_t size);

/* Measures everything that the result does not have yet. Failures of arms are in the result; an
 * error is what leaves nothing to compare, or CANCELLED: what was measured is kept. */
mica_status bench_models_run(bench_models *models, mica_error *err);
const bench_results *bench_models_results(const bench_models *models);

#endif
