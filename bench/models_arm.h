/* SPDX-License-Identifier: MIT
 *
 * An arm of `mica bench models`: a framework in one precision and configuration, which has loaded a
 * model in a process of its own. It is stopped whenever it is not asked.
 */
#ifndef MICA_BENCH_MODELS_ARM_H
#define MICA_BENCH_MODELS_ARM_H

#include "arms.h"
#include "peer.h"

/* A program that has arms: a peer's, or this one. */
typedef struct bench_program {
    const char *arguments[4]; /* "mica bench worker", and NULL; a script's Python alone */
    const char *script;       /* for it; NULL = none */
    char name[64];            /* "pytorch" */
    double limit;             /* seconds that it may take for an answer */
    bool show_errors;
    bool (*stop)(void); /* ends waiting for its arms; may be NULL */
    bench_state state;  /* OK, ABSENT or FAILED */
    char reason[512];
    mica_json *hello; /* its first line; NULL if it is not OK */
} bench_program;

/* Starts it to hear what arms it has, and ends it. */
mica_status bench_program_ask(bench_program *program, mica_error *err);
void bench_program_free(bench_program *program);

typedef struct bench_model_arm {
    bench_program *program;
    char name[64], framework[32], precision[8], config[32], device[8];
    bool as_published; /* only there to show what the paper did */
    /* Once it is loaded: */
    bench_peer *process;
    bench_state state;
    char reason[512];
    char way[256], kernels[256];
    /* Of the last batch that was checked: its way, "" = as ever; the most of its device's own
     * memory (bytes; 0 = it has none, or does not say), and that of all batches. */
    char way_here[256];
    double device_bytes, peak_device;
    double load_seconds, compile_seconds;
    double passed; /* seconds that the last request for a time took in all */
    int64_t peak_resident;
} bench_model_arm;

/* Reads one of the hello's "arms". False: it is none. */
bool bench_model_arm_read(bench_program *program, const mica_json_value *value,
                          bench_model_arm *out);
bool bench_model_arm_is_mica(const bench_model_arm *arm);

typedef struct bench_model_load {
    const char *model, *cache, *calibration; /* directories, and a file or NULL */
    bool head;
    size_t threads;
    const int *processors;
    size_t processor_count;
    double weights, memory; /* bytes: of the weights in float32; that an arm may need, or 0 = what
                             * is available at the time */
} bench_model_load;

/* Starts its process and loads, if there is room; what goes wrong is in its state. */
mica_status bench_model_arm_load(bench_model_arm *arm, const bench_model_load *load,
                                 mica_error *err);
/* Weighs its process and ends it. */
void bench_model_arm_end(bench_model_arm *arm);

/* Asks; OK or why not, in `reason`, which has room for 512. An arm that says no can be asked
 * something else; one that has failed (its state says so) cannot. `joules` may be NULL. */
bench_state bench_model_arm_check(bench_model_arm *arm, const char *inputs, const char *output,
                                  double *first_seconds, char *reason);
bench_state bench_model_arm_time(bench_model_arm *arm, const char *inputs, size_t runs,
                                 double *seconds, double *joules, char *reason);
bench_state bench_model_arm_flaw(bench_model_arm *arm, const char *flaw, const char *inputs,
                                 size_t runs, double *seconds, char *reason);

#endif
