/* SPDX-License-Identifier: MIT
 *
 * What the published harness did, and what it does to a figure: each of its flaws beside the honest
 * time of the same arm, in the same rounds.
 */
#ifndef MICA_BENCH_MODELS_FLAWS_H
#define MICA_BENCH_MODELS_FLAWS_H

#include "models_write.h"

typedef struct bench_flaws_work {
    const bench_models_options *options;
    const bench_models_model *model;
    const bench_model_load *load;
    bench_model_reference *reference;
    const bench_texts *texts;
    const mica_tokenizer *tokenizer;
    bench_model_arm *arms; /* those of fp32 in the default configuration are looked at */
    size_t arm_count;
    bench_results *results;
    mica_json_writer *writer;
} bench_flaws_work;

/* Adds a line for each flaw of each arm that the results do not have yet. An arm whose output is
 * wrong has no times, and so no lines. */
mica_status bench_flaws_run(const bench_flaws_work *work, mica_error *err);

#endif
