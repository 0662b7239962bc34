/* SPDX-License-Identifier: MIT */
#include "models_flaws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

enum { ROUNDS_MAX = 16, TEN = 10, PATH_ROOM = 4096 };

/* Where the flawed figure comes from. */
typedef enum flaw_kind {
    ASKED,    /* the arm does it so */
    BEST_TEN, /* from the honest samples */
    FIRST,    /* the first call after loading */
    PADDED,   /* other inputs */
    HEADS     /* a model with a head */
} flaw_kind;

static const struct flaw {
    const char *name;
    flaw_kind kind;
    const char *says;
} flaws[] = {
    {"unevaluated", ASKED,
     "MLX returned an array that nobody evaluated: what was timed is the building of a graph."},
    {"copy_to_numpy", ASKED,
     "MLX copied its output to NumPy inside the timed call; PyTorch copied nothing."},
    {"no_inference_mode", ASKED,
     "PyTorch recorded a graph for gradients that nobody wanted, and kept the activations."},
    {"not_synchronized", ASKED,
     "The clock stopped when the work had been handed to the GPU, not when it was done."},
    {"best_ten", BEST_TEN,
     "The mean of the ten fastest of twelve runs was reported: the more runs, the lower the "
     "figure."},
    {"no_warm_up", FIRST,
     "The first call after loading counted: reading weights and compiling kernels are in it."},
    {"space_padded", PADDED,
     "Lengths were counted in characters and short texts filled up with spaces, which are no "
     "tokens: here a tenth of the text and spaces pass for all of it."},
    {"unlike_heads", HEADS,
     "BERT ran with its masked-LM head of a whole vocabulary, RoBERTa and XLM-R without one."},
};

/* An arm that is looked at. */
typedef struct looking {
    const bench_flaws_work *work;
    bench_model_arm *arm;
    bench_model_arm other;    /* the same with the other head */
    bench_cell whole, padded; /* the text; a tenth of it and spaces */
    char output[PATH_ROOM];
    double first_seconds;
    size_t runs; /* in a sample */
} looking;

/* ---- inputs ---- */

/* One text, in a file of that name in the run's folder. */
static mica_status save(const looking *l, mica_text text, size_t length, const char *file,
                        bench_cell *cell, mica_error *err)
{
    const bench_flaws_work *w = l->work;
    cell->length = length;
    cell->batch = 1;
    snprintf(cell->name, sizeof cell->name, "%.120s / 1 x %zu", w->model->source->name, length);
    snprintf(cell->inputs, sizeof cell->inputs, "%.4000s/%s", w->options->directory, file);
    mica_status status =
        bench_batch_create(w->tokenizer, &w->model->encoder, &text, 1, 0, &cell->data, err);
    return status ? status : bench_cell_prepare(cell, w->model->head, w->options->plan.seed, err);
}

/* A text of `length` characters, and a tenth of it with spaces after it. */
static mica_status make_inputs(looking *l, size_t length, mica_error *err)
{
    mica_text whole = bench_text_cut(l->work->texts->items[0], length);
    mica_text part = bench_text_cut(whole, length / 10 + 1);
    char *padded = malloc(whole.size + 1);
    if (!padded)
        return bench_fail_memory(err, "a text");
    memset(padded, ' ', whole.size);
    memcpy(padded, part.data, part.size);
    mica_status status = save(l, whole, length, "flaw.safetensors", &l->whole, err);
    if (!status)
        status =
            save(l, (mica_text){padded, whole.size}, length, "padded.safetensors", &l->padded, err);
    free(padded);
    return status;
}

/* ---- samples ---- */

static bool is_there(const bench_results *results, const char *flaw, const char *arm)
{
    for (size_t i = 1; i < results->count; i++) {
        const mica_json_value *line = bench_results_line(results, i);
        if (strcmp(bench_text(line, "flaw"), flaw) == 0 &&
            strcmp(bench_text(line, "arm"), arm) == 0)
            return true;
    }
    return false;
}

static bench_state run_flawed(looking *l, const struct flaw *flaw, double *seconds, char *reason)
{
    switch (flaw->kind) {
    case ASKED:
        return bench_model_arm_flaw(l->arm, flaw->name, l->whole.inputs, l->runs, seconds, reason);
    case PADDED:
        return bench_model_arm_time(l->arm, l->padded.inputs, l->runs, seconds, NULL, reason);
    case HEADS:
        return bench_model_arm_time(&l->other, l->whole.inputs, l->runs, seconds, NULL, reason);
    case BEST_TEN:
    case FIRST:
        break;
    }
    *seconds = 0;
    return BENCH_OK;
}

/* Honest and flawed samples in turn. False: the arm does not have this flaw, or failed. */
static bool sample(looking *l, const struct flaw *flaw, size_t rounds, bench_arm *honest,
                   bench_arm *flawed)
{
    char reason[512];
    double seconds = 0;
    bench_arm *const both[] = {honest, flawed};
    for (size_t i = 0; i < rounds; i++)
        for (int k = 0; k < 2; k++) {
            bench_state state = k == 0 ? bench_model_arm_time(l->arm, l->whole.inputs, l->runs,
                                                              &seconds, NULL, reason)
                                       : run_flawed(l, flaw, &seconds, reason);
            if (state != BENCH_OK)
                return false;
            both[k]->samples[both[k]->count++] = seconds / (double)l->runs;
        }
    for (int k = 0; k < 2; k++) {
        double sorted[ROUNDS_MAX];
        memcpy(sorted, both[k]->samples, rounds * sizeof *sorted);
        both[k]->summary = bench_summarize(sorted, rounds);
        both[k]->runs = l->runs;
    }
    return true;
}

static double mean_of_ten(const bench_arm *honest)
{
    double sorted[ROUNDS_MAX], sum = 0;
    memcpy(sorted, honest->samples, honest->count * sizeof *sorted);
    bench_summarize(sorted, honest->count); /* which sorts them */
    for (int i = 0; i < TEN; i++)
        sum += sorted[i];
    return sum / TEN;
}

static void write_flaw(const looking *l, const struct flaw *flaw, const bench_arm *honest,
                       const bench_arm *flawed)
{
    mica_json_writer *w = l->work->writer;
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "flaw");
    mica_json_write_member(w, "flaw", flaw->name);
    mica_json_write_member(w, "model", l->work->model->source->name);
    mica_json_write_member(w, "cell", l->whole.name);
    mica_json_write_member(w, "arm", l->arm->name);
    mica_json_write_key(w, "honest");
    mica_json_begin_object(w);
    bench_write_arm(w, honest);
    mica_json_end_object(w);
    mica_json_write_key(w, "flawed");
    mica_json_begin_object(w);
    if (flaw->kind == BEST_TEN)
        bench_write_number(w, "value", mean_of_ten(honest));
    else if (flaw->kind == FIRST)
        bench_write_number(w, "value", l->first_seconds);
    else
        bench_write_arm(w, flawed);
    mica_json_end_object(w);
    mica_json_write_member(w, "says", flaw->says);
    mica_json_end_object(w);
}

static mica_status look_at(looking *l, const struct flaw *flaw, mica_error *err)
{
    double samples[2][ROUNDS_MAX];
    bench_arm honest = {.samples = samples[0]}, flawed = {.samples = samples[1]};
    size_t rounds = l->work->options->plan.rounds;
    if (is_there(l->work->results, flaw->name, l->arm->name))
        return MICA_OK;
    rounds = flaw->kind == BEST_TEN ? TEN + 2 : rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX;
    snprintf(honest.name, sizeof honest.name, "%s", l->arm->name);
    snprintf(flawed.name, sizeof flawed.name, "%s", l->arm->name);
    bool sampled = sample(l, flaw, rounds, &honest, &flawed);
    mica_status status = bench_check_stop(&l->work->options->plan, err);
    if (status || !sampled) /* the arm does not do it, or cannot any more */
        return status;
    write_flaw(l, flaw, &honest, &flawed);
    return bench_results_add(l->work->results, l->work->writer, err);
}

/* ---- an arm ---- */

/* Whether an arm's output is right; its first run. */
static mica_status check(const looking *l, bench_model_arm *arm, const bench_cell *cell,
                         bench_model_reference *reference, bool *right, double *first,
                         mica_error *err)
{
    bench_cell_arm a = {.process = arm};
    mica_status status = bench_cell_check(cell, reference, l->output, &a, err);
    *right = !status && a.arm.state == BENCH_OK;
    *first = a.first_seconds;
    return status;
}

/* The same arm in another process, with the head if this one is without, ready to be timed. */
static mica_status load_other(looking *l, mica_error *err)
{
    bench_model_load load = *l->work->load;
    bench_model_reference *reference = NULL;
    bool right = false;
    double first;
    l->other = *l->arm;
    l->other.process = NULL;
    load.head = !load.head;
    mica_status status = bench_model_arm_load(&l->other, &load, err);
    if (!status && l->other.state == BENCH_OK)
        status = bench_model_reference_open(load.model, &l->work->model->encoder, load.head,
                                            load.threads, &reference, err);
    if (!status && l->other.state == BENCH_OK) {
        status = check(l, &l->other, &l->whole, reference, &right, &first, err);
        l->other.state = right ? l->other.state : BENCH_WRONG;
    }
    bench_model_reference_close(&reference);
    if (!status && l->other.state == BENCH_OK && load.head == false) { /* the honest one is this */
        bench_model_arm swap = *l->arm;
        *l->arm = l->other;
        l->other = swap;
    }
    return status;
}

static mica_status look_at_all(looking *l, mica_error *err)
{
    const bench_models_options *o = l->work->options;
    const bench_encoder *encoder = &l->work->model->encoder;
    bench_model_reference *reference = l->work->reference;
    char reason[512];
    double seconds = 0;
    bool right;
    mica_status status = check(l, l->arm, &l->whole, reference, &right, &l->first_seconds, err);
    if (!status && right)
        status = check(l, l->arm, &l->padded, reference, &right, &seconds, err);
    if (status || !right ||
        bench_model_arm_time(l->arm, l->whole.inputs, 1, &seconds, NULL, reason) != BENCH_OK)
        return status;
    l->runs = seconds < o->plan.min_time ? (size_t)(o->plan.min_time / seconds) + 1 : 1;
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws && !status; i++) {
        if (flaws[i].kind == HEADS) {
            if (!encoder->masked_lm || strcmp(encoder->family, "bert") != 0 ||
                is_there(l->work->results, flaws[i].name, l->arm->name))
                continue;
            status = load_other(l, err);
        }
        if (!status)
            status = look_at(l, &flaws[i], err);
    }
    return status;
}

mica_status bench_flaws_run(const bench_flaws_work *work, mica_error *err)
{
    const bench_models_options *o = work->options;
    size_t length = o->lengths[o->length_count > 1 ? 1 : 0];
    mica_status status = MICA_OK;
    for (size_t i = 0; i < work->arm_count && !status; i++) {
        looking l = {.work = work, .arm = &work->arms[i]};
        if (strcmp(l.arm->precision, "fp32") != 0 || strcmp(l.arm->config, "default") != 0 ||
            l.arm->as_published)
            continue;
        snprintf(l.output, sizeof l.output, "%.4000s/output.safetensors", o->directory);
        status = make_inputs(&l, length, err);
        if (!status)
            status = bench_model_arm_load(l.arm, work->load, err);
        if (!status && l.arm->state == BENCH_OK)
            status = look_at_all(&l, err);
        bench_model_arm_end(l.arm);
        bench_model_arm_end(&l.other);
        bench_cell_free(&l.whole);
        bench_cell_free(&l.padded);
    }
    return status;
}
