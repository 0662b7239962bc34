/* SPDX-License-Identifier: MIT
 *
 * Results of `mica bench ops` and `mica bench models`, read into plain structs. The files come from
 * outside: whatever is missing in them is NAN, "" or NULL here, texts are made fit to be shown, and
 * what makes no sense is an error that names file, place and value.
 */
#ifndef MICA_BENCH_REPORT_RESULT_H
#define MICA_BENCH_REPORT_RESULT_H

#include <stdint.h>

#include "arms.h"
#include "mica/status.h"
#include "report_memory.h"

/* fp32, bf16 and int8, and what only the texts of the file call so. */
enum { REPORT_FP32, REPORT_BF16, REPORT_INT8, REPORT_PRECISIONS };
extern const char *const report_precisions[REPORT_PRECISIONS];

typedef struct report_arm {
    const char *name, *framework, *precision;
    bool gpu;
    bool as_published; /* with a flaw of the paper's programs: no peer to be compared with */
    bench_state state;
    const char *reason;
    const char *suspect; /* why its times are not to be trusted, or "" */
    double *samples;     /* seconds of one run; n of them; at least one if it is OK */
    size_t n;
    bench_interval time;
    double first, joules; /* seconds of the first call; of a text */
} report_arm;

/* A case of ops, or a model at a length and batch size. */
typedef struct report_cell {
    const char
        *name; /* as the paper's rows: "Argmax / dim=...", "MODEL / inputs-char-no=50 / ..." */
    const char *label;  /* for people: "MODEL, 16 texts of 50 characters"; of ops the name */
    const char *group;  /* the operation or the model */
    const char *set;    /* of the operations: "paper", "encoders", "tiny" */
    const char *length; /* "50", "mixed"; "" for ops */
    int64_t batch;      /* 0 for ops */
    bool paper;         /* one of its 85 operations; true for models */
    bool part;          /* of a run that was interrupted: not all of it is there */
    bool heads;         /* of a run with the heads of the paper */
    double flops, bytes;
    double sequences, tokenize;
    double tokens[REPORT_PRECISIONS], padded[REPORT_PRECISIONS]; /* of the arms of a precision */
    double truncated,
        different; /* texts: cut to what the model takes; unlike others of the batch */
    double floor[REPORT_PRECISIONS]; /* seconds */
    double probe_low, probe_high;    /* a second, of the rounds */
    double disturbed;                /* rounds that were repeated */
    report_arm *arms;
    size_t arm_count;
} report_cell;

typedef struct report_loading { /* an arm of a model */
    const char *name, *precision, *way, *kernels, *reason;
    bench_state state;
    bool as_published;
    double load, compile, resident, device; /* bytes: of the process, of a device's own memory */
} report_loading;

typedef struct report_model {
    const char *name, *source, *family, *tokenizer, *head;
    bool part, heads;                                                    /* as of a cell */
    double seed, layers, hidden, parameters, weights[REPORT_PRECISIONS]; /* bytes */
    report_loading *arms;
    size_t arm_count;
} report_model;

typedef struct report_failure { /* a model that was not measured */
    const char *model, *reason;
} report_failure;

typedef struct report_accuracy {
    const char *model, *arm, *precision, *reason;
    bench_state state;
    double texts, mean, least;
} report_accuracy;

typedef struct report_flaw {
    const char *name, *where, *arm, *says, *caught;
    bool ratio; /* the figures are ratios, not seconds */
    report_arm honest, flawed;
} report_flaw;

typedef struct report_pair {
    const char *key, *value;
} report_pair;

typedef struct report_peer {
    const char *name, *versions, *settings, *reason;
} report_peer;

enum { REPORT_BANDWIDTHS = 16 };
/* How a file was made. */
typedef struct report_run {
    const char *path, *bench;
    const char *cpu, *kernels, *system;
    report_pair *environment, *settings;
    size_t environment_count, settings_count;
    report_peer *peers;
    size_t peer_count;
    double threads, rounds;
    double flops, bf16_flops, int8_ops; /* peaks a second */
    struct {
        double bytes, read, copy;
    } bandwidth[REPORT_BANDWIDTHS];
    size_t bandwidth_count;
    bool as_published;  /* models with the heads of the paper */
    const char *cut;    /* what an interrupted run left: a sentence, or "" */
    size_t replaced;    /* cells that a later line or file gave again */
    size_t other_texts; /* cells of which other precisions have other texts, or another tokenizer */
    size_t other_models; /* cells given again of another model of the same name */
} report_run;

typedef struct report_results {
    report_pool pool;
    report_run *runs;
    report_cell *ops, *models; /* cells */
    report_model *loaded;
    report_failure *failures;
    report_accuracy *accuracy;
    report_flaw *flaws;
    size_t run_count, op_count, cell_count, loaded_count, failure_count, accuracy_count, flaw_count;
    size_t run_room, op_room, cell_room, loaded_room, failure_room, accuracy_room, flaw_room;
} report_results;

/* Adds what a file (or `size` bytes of one, called `path`) holds: one JSON object, or JSON lines of
 * which the last may be cut. What is there twice counts as the later one, but arms of precisions
 * that this does not have stay. A file of another machine than those before is INVALID_ARGUMENT.
 * Begin with zeros. */
mica_status report_read_file(report_results *results, const char *path, mica_error *err);
mica_status report_read(report_results *results, const char *data, size_t size, const char *path,
                        mica_error *err);
void report_results_free(report_results *results);

/* The run of "ops" or "models" that was read last, if there is one then one without the paper's
 * heads; or NULL. */
const report_run *report_run_of(const report_results *results, const char *bench);

#endif
