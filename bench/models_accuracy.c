/* SPDX-License-Identifier: MIT */
#include "models_accuracy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mica/embed.h"
#include "util.h"

enum { TEXTS = 1000, TEXTS_OF_BATCH = 40, CHARACTERS = 200, SHORTEST = 20, PATH_ROOM = 4096 };

/* Texts of one batch, and what the reference makes of them. */
typedef struct part {
    bench_batch batch;
    int64_t *rows; /* all tokens that are no padding */
    float *expected;
    char inputs[PATH_ROOM];
} part;

typedef struct looking {
    const bench_accuracy_work *work;
    bench_encoder encoder;
    bench_texts texts;
    mica_tokenizer *tokenizer;
    part *parts;
    size_t part_count, text_count, calibration_count; /* the first texts: part 0 */
    char output[PATH_ROOM];
} looking;

/* ---- what is expected ---- */

/* The mean of a text's rows of [rows, hidden]. */
static void pool(const double *rows, size_t count, size_t hidden, float *out)
{
    for (size_t k = 0; k < hidden; k++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += rows[i * hidden + k];
        out[k] = (float)(sum / (double)count);
    }
}

static mica_status expect(looking *l, bench_model_reference *reference, part *p, mica_error *err)
{
    size_t hidden = (size_t)l->encoder.hidden, longest = p->batch.longest, at = 0;
    size_t *positions = malloc((longest + 1) * sizeof *positions);
    mica_status status = MICA_OK;
    p->rows = malloc((p->batch.tokens + 1) * sizeof *p->rows);
    p->expected = malloc((p->batch.sequences * hidden + 1) * sizeof *p->expected);
    if (!positions || !p->rows || !p->expected)
        status = bench_fail_memory(err, "sentences");
    for (size_t i = 0; i < p->batch.sequences && !status; i++) {
        const double *rows;
        size_t n = p->batch.lengths[i];
        for (size_t k = 0; k < n; k++) {
            positions[k] = k;
            p->rows[at++] = (int64_t)(i * longest + k);
        }
        status = bench_model_reference_rows(reference, p->batch.ids + i * longest, NULL, n,
                                            positions, n, &rows, err);
        if (!status)
            pool(rows, n, hidden, p->expected + i * hidden);
    }
    free(positions);
    return status ? status : bench_batch_save(&p->batch, p->rows, at, p->inputs, err);
}

static mica_status make_batches(looking *l, mica_error *err)
{
    mica_text *cut = calloc(l->text_count, sizeof *cut);
    size_t longest = 0;
    mica_status status = cut ? MICA_OK : bench_fail_memory(err, "sentences");
    for (size_t i = 0; i < l->text_count && cut; i++)
        cut[i] = bench_text_cut(l->texts.items[i], CHARACTERS);
    /* All batches get one shape, for arms that compile for each: the longest of all. */
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < l->part_count && !status; i++) {
            part *p = &l->parts[i];
            size_t first = i ? l->calibration_count + (i - 1) * TEXTS_OF_BATCH : 0;
            size_t left = (i ? l->text_count : l->calibration_count) - first;
            bench_batch_free(&p->batch);
            status = bench_batch_create(l->tokenizer, &l->encoder, cut + first,
                                        left < TEXTS_OF_BATCH ? left : TEXTS_OF_BATCH, longest,
                                        &p->batch, err);
            longest = !status && p->batch.longest > longest ? p->batch.longest : longest;
        }
    free(cut);
    return status;
}

static mica_status prepare(looking *l, mica_error *err)
{
    const bench_accuracy_work *w = l->work;
    bench_model_reference *reference = NULL;
    mica_status status = bench_encoder_read(w->source->directory, &l->encoder, err);
    if (!status)
        status = bench_texts_read(w->texts, SHORTEST, SHORTEST, &l->texts, err);
    /* What arms choose their scales by is not what they are judged by. */
    l->text_count =
        l->texts.count < TEXTS + TEXTS_OF_BATCH ? l->texts.count : TEXTS + TEXTS_OF_BATCH;
    l->calibration_count = l->text_count / 2 < TEXTS_OF_BATCH ? l->text_count / 2 : TEXTS_OF_BATCH;
    l->part_count =
        1 + (l->text_count - l->calibration_count + TEXTS_OF_BATCH - 1) / TEXTS_OF_BATCH;
    l->parts = calloc(l->part_count + 1, sizeof *l->parts);
    if (!status && !l->parts)
        status = bench_fail_memory(err, "sentences");
    if (!status)
        status = mica_tokenizer_open(w->source->directory, &l->tokenizer, err);
    if (!status)
        status = make_batches(l, err);
    if (!status)
        status = bench_model_reference_open(w->source->directory, &l->encoder, false,
                                            w->load->threads, &reference, err);
    for (size_t i = 0; i < l->part_count && !status; i++) {
        snprintf(l->parts[i].inputs, PATH_ROOM, "%.4000s/sentences-%zu.safetensors",
                 w->options->directory, i);
        status = expect(l, reference, &l->parts[i], err);
        if (!status)
            status = bench_check_stop(&w->options->plan, err);
    }
    bench_model_reference_close(&reference);
    return status;
}

/* ---- an arm ---- */

typedef struct cosines {
    bench_state state;
    char reason[512];
    double sum, least;
    size_t count, bad; /* texts; those whose vectors are not finite */
} cosines;

static bool is_finite(const float *vector, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isfinite(vector[i]))
            return false;
    return true;
}

static bool compare(const looking *l, const part *p, const float *output, cosines *c)
{
    size_t hidden = (size_t)l->encoder.hidden, at = 0;
    double *rows = malloc((p->batch.longest * hidden + 1) * sizeof *rows);
    float *pooled = malloc((hidden + 1) * sizeof *pooled);
    bool fine = rows && pooled;
    for (size_t i = 0; i < p->batch.sequences && fine; i++) {
        size_t n = p->batch.lengths[i];
        for (size_t k = 0; k < n * hidden; k++)
            rows[k] = (double)output[at + k];
        at += n * hidden;
        pool(rows, n, hidden, pooled);
        c->count++;
        if (!is_finite(pooled, hidden)) {
            c->bad++;
            continue;
        }
        double cosine = mica_cosine(pooled, p->expected + i * hidden, hidden);
        c->sum += cosine;
        c->least = fmin(c->least, cosine);
    }
    free(rows);
    free(pooled);
    return fine;
}

static void run_part(const looking *l, bench_model_arm *arm, const part *p, cosines *c)
{
    mica_tensor_file *file = NULL;
    mica_tensor *output = NULL;
    mica_error err = {0};
    double seconds;
    c->state = bench_model_arm_check(arm, p->inputs, l->output, &seconds, c->reason);
    if (c->state != BENCH_OK)
        return;
    if (mica_tensor_file_open(l->output, &file, &err) ||
        mica_tensor_file_get(file, "output", &output, &err) ||
        mica_tensor_dtype(output) != MICA_DTYPE_F32 ||
        mica_tensor_count(output) != (int64_t)p->batch.tokens * l->encoder.hidden) {
        c->state = BENCH_FAILED;
        snprintf(c->reason, sizeof c->reason, "its output is not what was asked for");
    } else if (!compare(l, p, mica_tensor_data(output), c)) {
        c->state = BENCH_FAILED;
        snprintf(c->reason, sizeof c->reason, "out of memory for its output");
    }
    mica_tensor_release(&output);
    mica_tensor_file_close(&file);
    unlink(l->output);
}

static mica_status run_arm(const looking *l, bench_model_arm *arm, mica_error *err)
{
    const bench_accuracy_work *work = l->work;
    mica_json_writer *w = work->writer;
    bench_model_load load = *work->load;
    cosines c = {.least = 1};
    load.calibration = l->parts[0].inputs;
    mica_status status = bench_model_arm_load(arm, &load, err);
    c.state = arm->state;
    snprintf(c.reason, sizeof c.reason, "%s", arm->reason);
    for (size_t i = 1; i < l->part_count && !status && c.state == BENCH_OK; i++)
        run_part(l, arm, &l->parts[i], &c);
    if (c.state == BENCH_OK && c.bad > 0) {
        c.state = BENCH_WRONG;
        snprintf(c.reason, sizeof c.reason, "%zu of %zu vectors are not finite", c.bad, c.count);
    }
    if (!status)
        status = bench_check_stop(&work->options->plan, err);
    bench_model_arm_end(arm);
    if (status)
        return status;
    mica_json_begin_object(w);
    mica_json_write_member(w, "kind", "accuracy");
    mica_json_write_member(w, "model", work->source->name);
    mica_json_write_member(w, "arm", arm->name);
    mica_json_write_member(w, "precision", arm->precision);
    mica_json_write_member(w, "state", bench_state_name(c.state));
    mica_json_write_member(w, "reason", c.state == BENCH_OK ? NULL : c.reason);
    bench_write_int(w, "texts", (int64_t)c.count);
    bench_write_int(w, "calibration_texts", (int64_t)l->calibration_count);
    bench_write_int(w, "not_finite", (int64_t)c.bad);
    bench_write_number(w, "cosine_mean", c.state == BENCH_OK ? c.sum / (double)c.count : NAN);
    bench_write_number(w, "cosine_least", c.state == BENCH_OK ? c.least : NAN);
    mica_json_end_object(w);
    return bench_results_add(work->results, w, err);
}

static bool is_there(const bench_accuracy_work *work, const bench_model_arm *arm)
{
    for (size_t i = 1; i < work->results->count; i++) {
        const mica_json_value *line = bench_results_line(work->results, i);
        if (strcmp(bench_text(line, "kind"), "accuracy") == 0 &&
            strcmp(bench_text(line, "arm"), arm->name) == 0 &&
            strcmp(bench_text(line, "model"), work->source->name) == 0)
            return true;
    }
    return false;
}

mica_status bench_accuracy_run(const bench_accuracy_work *work, mica_error *err)
{
    looking l = {.work = work};
    bool ready = false;
    mica_status status = MICA_OK;
    snprintf(l.output, sizeof l.output, "%.4000s/output.safetensors", work->options->directory);
    for (size_t i = 0; i < work->arm_count && !status; i++) {
        bench_model_arm *arm = &work->arms[i];
        if (strcmp(arm->precision, "fp32") == 0 || is_there(work, arm))
            continue;
        if (!ready)
            status = prepare(&l, err);
        ready = true;
        if (!status)
            status = run_arm(&l, arm, err);
    }
    for (size_t i = 0; i < l.part_count && l.parts; i++) {
        unlink(l.parts[i].inputs);
        bench_batch_free(&l.parts[i].batch);
        free(l.parts[i].rows);
        free(l.parts[i].expected);
    }
    free(l.parts);
    mica_tokenizer_destroy(&l.tokenizer);
    bench_texts_free(&l.texts);
    return status;
}
