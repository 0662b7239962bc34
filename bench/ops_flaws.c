/* SPDX-License-Identifier: MIT */
#include "ops_flaws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static const struct {
    const char *name, *backend, *what, *honest, *says; /* backend NULL: of figures */
} rows[] = {
#define BENCH_FLAW(name, backend, what, honest, says) {name, backend, what, honest, says},
#define BENCH_FLAW_OF_FIGURES(name, what, says) {name, NULL, what, "", says},
#include "ops_flaws.def"
#undef BENCH_FLAW
#undef BENCH_FLAW_OF_FIGURES
};
const size_t bench_flaw_count = sizeof rows / sizeof rows[0];

enum { MEANS = 10, NINE = 9 };

/* Measures the case of that name. */
static mica_status run_case(bench_ops *ops, const char *name, const bench_ops_choice *choices,
                            size_t count, const bench_plan *plan, bench_ops_result *out,
                            mica_error *err)
{
    bench_case work;
    for (size_t i = 0; i < bench_case_count; i++)
        if (bench_case_read(i, &work) && strcmp(work.name, name) == 0)
            return bench_ops_run(ops, &work, choices, count, plan, out, err);
    return mica_fail(err, MICA_STATUS_NOT_FOUND, "there is no case '%s'", name);
}

/* The number of a backend, if it is wanted. */
static bool find_backend(const bench_ops_options *o, const char *name, int *out)
{
    *out = BENCH_OPS_MICA;
    if (strcmp(name, "mica") == 0)
        return o->mica;
    for (size_t i = 0; i < o->peer_count; i++) {
        *out = (int)i;
        if (strcmp(o->peers[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Takes an arm out of a result. */
static void take(bench_ops_result *r, size_t i, bench_arm *out)
{
    *out = r->arms[i];
    r->arms[i].samples = NULL;
}

/* The honest arm and the flawed one, interleaved. */
static mica_status show_work(bench_ops *ops, size_t i, int backend, bench_flaw *out,
                             mica_error *err)
{
    bench_ops_result *r = malloc(sizeof *r);
    const bench_ops_choice choices[2] = {
        {.backend = backend, .what = rows[i].honest[0] ? rows[i].honest : NULL},
        {.backend = backend, .what = rows[i].name, .flawed = true}};
    if (!r)
        return bench_fail_memory(err, "samples");
    mica_status status =
        run_case(ops, rows[i].what, choices, 2, &bench_ops_options_of(ops)->plan, r, err);
    if (!status) {
        take(r, 0, &out->honest);
        take(r, 1, &out->flawed);
        snprintf(out->caught, sizeof out->caught, "%s", r->caught[1]);
        snprintf(out->arm, sizeof out->arm, "%s", out->honest.name);
        bench_ops_release(r);
    }
    free(r);
    return status;
}

/* Single runs of the first arm; the flawed samples are means of nine of them in their order. */
static mica_status show_means(bench_ops *ops, size_t i, bench_flaw *out, mica_error *err)
{
    bench_ops_choice choices[BENCH_OPS_ARMS];
    bench_plan plan = bench_ops_options_of(ops)->plan;
    bench_ops_result *r = malloc(sizeof *r);
    double sorted[MEANS];
    plan.rounds = MEANS * NINE;
    plan.min_time = 0;
    plan.min_runs = 0;
    plan.max_time = 0;
    if (!r)
        return bench_fail_memory(err, "samples");
    bench_ops_arms(bench_ops_options_of(ops), choices);
    mica_status status = run_case(ops, rows[i].what, choices, 1, &plan, r, err);
    if (!status)
        take(r, 0, &out->honest);
    free(r);
    if (status)
        return status;
    out->flawed = out->honest;
    out->flawed.samples = NULL;
    snprintf(out->arm, sizeof out->arm, "%s", out->honest.name);
    if (out->honest.state != BENCH_OK)
        return MICA_OK;
    out->flawed.samples = calloc(MEANS, sizeof *out->flawed.samples);
    if (!out->flawed.samples)
        return bench_fail_memory(err, "samples");
    for (size_t k = 0; k < MEANS * NINE; k++)
        out->flawed.samples[k / NINE] += out->honest.samples[k] / NINE;
    memcpy(sorted, out->flawed.samples, sizeof sorted);
    out->flawed.count = MEANS;
    out->flawed.runs = NINE;
    out->flawed.summary = bench_summarize(sorted, MEANS);
    return MICA_OK;
}

/* The cases of the operation with mica and the default arm of the first peer. */
static mica_status show_averages(bench_ops *ops, size_t i, bench_flaw *out, mica_error *err)
{
    double ratios[16], sums[2] = {0};
    size_t n = 0;
    bench_case work;
    bench_ops_result *r = malloc(sizeof *r);
    const bench_ops_choice choices[2] = {{.backend = BENCH_OPS_MICA},
                                         {.backend = 0, .what = "default"}};
    mica_status status = r ? MICA_OK : bench_fail_memory(err, "samples");
    for (size_t k = 0; k < bench_case_count && !status && n < 16; k++) {
        if (!bench_case_read(k, &work) || work.group != BENCH_GROUP_PAPER ||
            strcmp(bench_op_title(work.op), rows[i].what) != 0)
            continue;
        status = bench_ops_run(ops, &work, choices, 2, &bench_ops_options_of(ops)->plan, r, err);
        if (status)
            break;
        if (r->arms[0].state == BENCH_OK && r->arms[1].state == BENCH_OK) {
            sums[0] += r->arms[0].summary.median;
            sums[1] += r->arms[1].summary.median;
            ratios[n++] = r->arms[1].summary.median / r->arms[0].summary.median;
        }
        snprintf(out->arm, sizeof out->arm, "%s", r->arms[1].name);
        bench_ops_release(r);
    }
    free(r);
    out->is_ratio = true;
    if (n > 0) {
        out->values[0] = bench_geometric_mean(ratios, n);
        out->values[1] = sums[1] / sums[0];
    }
    return status;
}

static bool is_of_one_arm(size_t i)
{
    return strcmp(rows[i].name, "mean_of_nine") == 0;
}

/* `backend` is set if it is the flaw of one. */
static bool is_wanted(const bench_ops_options *o, size_t i, int *backend)
{
    *backend = BENCH_OPS_MICA;
    if (rows[i].backend)
        return find_backend(o, rows[i].backend, backend);
    return is_of_one_arm(i) || (o->mica && o->peer_count > 0);
}

bool bench_flaw_describe(const bench_ops_options *o, size_t i, const char **name, const char **what,
                         const char **whom)
{
    int backend;
    *name = rows[i].name;
    *what = rows[i].what;
    *whom = rows[i].backend     ? rows[i].backend
            : o->mica           ? "mica"
            : o->peer_count > 0 ? o->peers[0].name
                                : "";
    return is_wanted(o, i, &backend);
}

mica_status bench_flaw_run(bench_ops *ops, size_t i, bool *shown, bench_flaw *out, mica_error *err)
{
    int backend;
    memset(out, 0, sizeof *out);
    out->name = rows[i].name;
    out->what = rows[i].what;
    out->says = rows[i].says;
    *shown = is_wanted(bench_ops_options_of(ops), i, &backend);
    if (!*shown)
        return MICA_OK;
    if (rows[i].backend)
        return show_work(ops, i, backend, out, err);
    return is_of_one_arm(i) ? show_means(ops, i, out, err) : show_averages(ops, i, out, err);
}

void bench_flaw_release(bench_flaw *flaw)
{
    bench_arm_release(&flaw->honest);
    bench_arm_release(&flaw->flawed);
}
