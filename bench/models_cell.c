/* SPDX-License-Identifier: MIT */
#include "models_cell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peaks.h"
#include "util.h"

enum { ROWS_WITH_HEAD = 8, RUNS_MAX = 1000000 };
static const double probe_seconds = 0.01;
static const double above_peak = 1.25; /* what measuring the peak may miss */
static const double slow_at_least = 1; /* second: below that nobody is too slow for all rounds */

/* ---- what is checked ---- */

static void draw_sampled(bench_cell *c, uint64_t seed)
{
    size_t last = c->batch - 1;
    c->sampled[c->sampled_count++] = 0;
    if (last > 1)
        c->sampled[c->sampled_count++] = 1 + (size_t)(seed * UINT64_C(2654435761) % (last - 1));
    if (last > 0)
        c->sampled[c->sampled_count++] = last;
}

mica_status bench_cell_prepare(bench_cell *c, bool head, uint64_t seed, mica_error *err)
{
    size_t most = head ? ROWS_WITH_HEAD : c->data.longest; /* rows of a text */
    c->rows = malloc((BENCH_SAMPLED * c->data.longest + 1) * sizeof *c->rows);
    if (!c->rows)
        return bench_fail_memory(err, "a cell");
    draw_sampled(c, seed);
    for (size_t i = 0; i < c->sampled_count; i++) {
        size_t text = c->sampled[i], tokens = c->data.lengths[text];
        size_t n = tokens < most ? tokens : most;
        for (size_t k = 0; k < n; k++)
            c->rows[c->row_count++] = (int64_t)(text * c->data.longest + k * tokens / n);
    }
    return bench_batch_save(&c->data, c->rows, c->row_count, c->inputs, err);
}

void bench_cell_free(bench_cell *c)
{
    if (c->inputs[0])
        unlink(c->inputs);
    bench_batch_free(&c->data);
    free(c->rows);
    memset(c, 0, sizeof *c);
}

/* Holds an output, [row_count, width], to the reference. */
static mica_status compare(const bench_cell *c, bench_model_reference *reference,
                           const mica_tensor *output, bench_cell_arm *a, mica_error *err)
{
    size_t width = bench_model_reference_width(reference), at = 0;
    char reason[256];
    size_t *positions = malloc((c->data.longest + 1) * sizeof *positions);
    mica_status status = positions ? MICA_OK : bench_fail_memory(err, "a cell");
    a->distance = (bench_distance){0, 1, 0};
    for (size_t i = 0; i < c->sampled_count && !status; i++) {
        size_t text = c->sampled[i], n = 0;
        const double *rows = NULL;
        for (; at + n < c->row_count && c->rows[at + n] / (int64_t)c->data.longest == (int64_t)text;
             n++)
            positions[n] = (size_t)(c->rows[at + n] % (int64_t)c->data.longest);
        status = bench_model_reference_rows(reference, c->data.ids + text * c->data.longest, NULL,
                                            c->data.lengths[text], positions, n, &rows, err);
        if (!status)
            bench_distance_add(&a->distance, (const float *)mica_tensor_data(output) + at * width,
                               rows, n, width);
        at += n;
    }
    free(positions);
    if (!status &&
        !bench_distance_allowed(&a->distance, a->process->precision, reason, sizeof reason))
        bench_arm_fail(&a->arm, BENCH_WRONG, reason);
    return status;
}

static mica_status check_output(const bench_cell *c, bench_model_reference *reference,
                                const char *path, bench_cell_arm *a, mica_error *err)
{
    mica_tensor_file *file = NULL;
    mica_tensor *output = NULL;
    mica_error why = {0};
    mica_status status = MICA_OK;
    int64_t rows = (int64_t)c->row_count, width = (int64_t)bench_model_reference_width(reference);
    if (mica_tensor_file_open(path, &file, &why) ||
        mica_tensor_file_get(file, "output", &output, &why))
        bench_arm_fail(&a->arm, BENCH_FAILED, why.message);
    else if (mica_tensor_dtype(output) != MICA_DTYPE_F32 || mica_tensor_rank(output) != 2 ||
             mica_tensor_dim(output, 0) != rows || mica_tensor_dim(output, 1) != width) {
        char reason[128];
        snprintf(reason, sizeof reason, "its output is no float32 tensor of shape [%lld, %lld]",
                 (long long)rows, (long long)width);
        bench_arm_fail(&a->arm, BENCH_WRONG, reason);
    } else {
        status = compare(c, reference, output, a, err);
    }
    mica_tensor_release(&output);
    mica_tensor_file_close(&file);
    unlink(path);
    return status;
}

mica_status bench_cell_check(const bench_cell *c, bench_model_reference *reference,
                             const char *output, bench_cell_arm *a, mica_error *err)
{
    char reason[512];
    bench_state state =
        bench_model_arm_check(a->process, c->inputs, output, &a->first_seconds, reason);
    if (state == BENCH_OK)
        return check_output(c, reference, output, a, err);
    bench_arm_fail(&a->arm, state, reason);
    return MICA_OK;
}

/* ---- timing ---- */

static bool is_possible(const bench_cell_plan *p, double seconds)
{
    for (int again = 0; again < 2; again++) {
        if (*p->rate <= 0 || p->flops / seconds <= above_peak * *p->rate)
            return true;
        if (again == 0)
            p->measure_rate(p->user);
    }
    return false;
}

/* Seconds of one run, or the arm has failed in this cell. */
static bool time_once(const bench_cell *c, bench_cell_arm *a, const bench_cell_plan *p, size_t runs,
                      double *seconds, double *joules)
{
    char reason[512];
    bench_state state = bench_model_arm_time(a->process, c->inputs, runs, seconds, joules, reason);
    if (state != BENCH_OK)
        bench_arm_fail(&a->arm, state, reason);
    else
        bench_arm_note(&a->arm, *seconds, a->process->passed);
    *seconds /= (double)runs;
    if (state == BENCH_OK && strcmp(a->process->device, "cpu") == 0 && !is_possible(p, *seconds)) {
        state = BENCH_WRONG;
        snprintf(reason, sizeof reason,
                 "%.3g s would be %.3g GFLOP/s, and the machine's peak is %.3g", *seconds,
                 p->flops / *seconds * 1e-9, *p->rate * 1e-9);
        bench_arm_fail(&a->arm, state, reason);
    }
    return state == BENCH_OK;
}

/* A run or two say how many make a sample. `mica`: seconds of mica's slowest arm; 0 = not known. */
static void calibrate(const bench_cell *c, bench_cell_arm *a, const bench_cell_plan *p,
                      double *mica)
{
    double seconds = 0;
    a->arm.runs = 1;
    for (int i = 0; i < 2; i++) {
        if (!time_once(c, a, p, 1, &seconds, NULL))
            return;
        if (seconds >= p->plan.min_time)
            break;
    }
    if (bench_model_arm_is_mica(a->process))
        *mica = fmax(*mica, seconds);
    else if (seconds > p->slow ||
             (seconds > slow_at_least && *mica > 0 && seconds > p->slow_times * *mica)) {
        a->slow = true;
        a->all[0] = seconds;
    }
    double runs = p->plan.min_time / seconds + 1;
    if (seconds < p->plan.min_time)
        a->arm.runs = runs < RUNS_MAX ? (size_t)runs : RUNS_MAX;
}

static mica_status run_round(const bench_cell *c, bench_cell_result *r, const bench_cell_plan *p,
                             const size_t *order, mica_error *err)
{
    bench_round *round = &r->rounds[r->round_count];
    round->before = r->round_count ? round[-1].after : bench_probe(p->threads, probe_seconds);
    for (size_t i = 0; i < r->arm_count; i++) {
        bench_cell_arm *a = &r->arms[order[i]];
        double seconds = 0, joules = NAN;
        mica_status status = bench_check_stop(&p->plan, err);
        if (status)
            return status;
        if (a->arm.state != BENCH_OK || a->slow ||
            !time_once(c, a, p, a->arm.runs, &seconds, &joules))
            continue;
        a->all[r->round_count] = seconds;
        a->energy[r->round_count] = joules;
    }
    round->after = bench_probe(p->threads, probe_seconds);
    *p->best_probe = fmax(*p->best_probe, fmax(round->before, round->after));
    round->disturbed = fmin(round->before, round->after) < p->calm * *p->best_probe;
    r->round_count++;
    return MICA_OK;
}

/* Rounds until enough were calm, or twice as many as are wanted. */
static mica_status run_rounds(const bench_cell *c, bench_cell_result *r, const bench_cell_plan *p,
                              size_t *order, mica_error *err)
{
    uint64_t random = p->plan.seed;
    size_t calm = 0, timed = 0;
    for (size_t i = 0; i < r->arm_count; i++) {
        order[i] = i;
        timed += r->arms[i].arm.state == BENCH_OK && !r->arms[i].slow;
    }
    while (timed && calm < p->plan.rounds && r->round_count < 2 * p->plan.rounds) {
        bench_shuffle(order, r->arm_count, &random);
        mica_status status = run_round(c, r, p, order, err);
        if (status)
            return status;
        calm += !r->rounds[r->round_count - 1].disturbed;
        if (p->progress)
            p->progress(p->user, (double)calm / (double)p->plan.rounds);
    }
    return bench_check_stop(&p->plan, err); /* an arm that was cut short has failed for it */
}

/* The calmest rounds count: as many as are wanted. */
static void choose_rounds(bench_cell_result *r, size_t wanted)
{
    for (size_t n = 0; n < wanted && n < r->round_count; n++) {
        bench_round *best = NULL;
        for (size_t i = 0; i < r->round_count; i++) {
            bench_round *round = &r->rounds[i];
            if (!round->counts &&
                (!best || best->disturbed > round->disturbed ||
                 (best->disturbed == round->disturbed && round->disturbed &&
                  fmin(round->before, round->after) > fmin(best->before, best->after))))
                best = round;
        }
        best->counts = true;
    }
    r->disturbed = r->round_count > wanted ? r->round_count - wanted : 0;
}

static void take_samples(const bench_cell *c, bench_cell_result *r, bench_cell_arm *a,
                         double *sorted)
{
    double joules = 0;
    a->joules = NAN;
    if (a->arm.state != BENCH_OK)
        return;
    if (a->slow)
        a->arm.samples[a->arm.count++] = a->all[0];
    for (size_t i = 0; i < r->round_count && !a->slow; i++) {
        if (!r->rounds[i].counts)
            continue;
        a->arm.samples[a->arm.count++] = a->all[i];
        joules += a->energy[i];
    }
    memcpy(sorted, a->arm.samples, a->arm.count * sizeof *sorted);
    a->arm.summary = bench_summarize(sorted, a->arm.count);
    if (!a->slow && joules > 0 && strcmp(a->process->device, "cpu") == 0) /* not a GPU's */
        a->joules =
            joules / ((double)a->arm.count * (double)a->arm.runs * (double)c->data.sequences);
}

/* ---- a cell ---- */

static mica_status make_room(bench_model_arm *const *arms, size_t count, size_t rounds,
                             bench_cell_result *r, mica_error *err)
{
    r->rounds = calloc(2 * rounds + 1, sizeof *r->rounds);
    r->arms = calloc(count + 1, sizeof *r->arms);
    if (!r->rounds || !r->arms)
        return bench_fail_memory(err, "samples");
    for (; r->arm_count < count; r->arm_count++) {
        bench_cell_arm *a = &r->arms[r->arm_count];
        a->process = arms[r->arm_count];
        a->distance = (bench_distance){NAN, NAN, NAN};
        a->first_seconds = NAN;
        snprintf(a->arm.name, sizeof a->arm.name, "%s", a->process->name);
        a->all = calloc(2 * rounds + 1, sizeof *a->all);
        a->energy = calloc(2 * rounds + 1, sizeof *a->energy);
        a->arm.samples = calloc(2 * rounds + 1, sizeof *a->arm.samples);
        if (!a->all || !a->energy || !a->arm.samples) {
            r->arm_count++;
            return bench_fail_memory(err, "samples");
        }
    }
    return MICA_OK;
}

/* mica's arms first: how slow is too slow is counted from them. */
static mica_status warm_up(const bench_cell *c, bench_cell_result *r,
                           bench_model_reference *reference, const char *output,
                           const bench_cell_plan *p, mica_error *err)
{
    double mica = 0;
    mica_status status = MICA_OK;
    for (int peers = 0; peers < 2; peers++)
        for (size_t i = 0; i < r->arm_count && !status; i++) {
            bench_cell_arm *a = &r->arms[i];
            if (bench_model_arm_is_mica(a->process) == (peers != 0))
                continue;
            status = bench_check_stop(&p->plan, err);
            if (!status)
                status = bench_cell_check(c, reference, output, a, err);
            if (!status && a->arm.state == BENCH_OK)
                calibrate(c, a, p, &mica);
        }
    return status;
}

mica_status bench_cell_measure(const bench_cell *c, bench_model_arm *const *arms, size_t count,
                               bench_model_reference *reference, const char *output,
                               const bench_cell_plan *plan, bench_cell_result *out, mica_error *err)
{
    size_t *order = calloc(count + 1, sizeof *order);
    double *sorted = calloc(2 * plan->plan.rounds + 1, sizeof *sorted);
    memset(out, 0, sizeof *out);
    mica_status status = make_room(arms, count, plan->plan.rounds, out, err);
    if (!status && (!order || !sorted))
        status = bench_fail_memory(err, "samples");
    if (!status)
        status = warm_up(c, out, reference, output, plan, err);
    if (!status)
        status = run_rounds(c, out, plan, order, err);
    if (!status) {
        choose_rounds(out, plan->plan.rounds);
        for (size_t i = 0; i < out->arm_count; i++)
            take_samples(c, out, &out->arms[i], sorted);
    }
    free(order);
    free(sorted);
    if (status)
        bench_cell_result_free(out);
    return status;
}

void bench_cell_result_free(bench_cell_result *r)
{
    for (size_t i = 0; i < r->arm_count && r->arms; i++) {
        free(r->arms[i].all);
        free(r->arms[i].energy);
        bench_arm_release(&r->arms[i].arm);
    }
    free(r->arms);
    free(r->rounds);
    memset(r, 0, sizeof *r);
}
