/* SPDX-License-Identifier: MIT */
#include "gemm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mica/profile.h"
#include "util.h"

/* Together the weights of a shape of few rows take as much memory as the largest probe of the
 * bandwidth. */
static const double far_bytes = (double)(1 << 28);
enum { FEW_ROWS = 256, MOST_WEIGHTS = 4096, SAMPLES = 512 };
/* A figure that is above the peak by more is not believed. */
static const double tolerated = 1.25;

struct bench_gemm {
    const bench_gemm_options *options;
    mica_context *context;
    mica_context_info info;
    mica_precision precision;
    bench_peaks peaks;
    bench_rate rate;
};

/* What runs: linears with equal weights, each in its turn. */
typedef struct turns {
    mica_program *program;
    mica_executor *executor;
    size_t weights;
} turns;

/* The shapes of one n and k. */
typedef struct group {
    bench_gemm *gemm;
    int64_t n, k;
    mica_tensor *x, *weight, *bias;
    turns far, near;
} group;

/* One of its shapes. */
typedef struct job {
    group *group;
    turns *turns;
    size_t m;
} job;

/* ---- the products ---- */

static mica_status random_tensor(int rank, int64_t a, int64_t b, double deviation, uint64_t seed,
                                 uint64_t stream, mica_tensor **out, mica_error *err)
{
    int64_t dims[2] = {a, b};
    mica_status status = mica_tensor_create(MICA_DTYPE_F32, rank, dims, out, err);
    return status ? status : mica_tensor_fill_normal(*out, 0, deviation, seed, stream, err);
}

/* Another weight of the same numbers: packed by itself, since it is another tensor. */
static mica_status same_again(const mica_tensor *weight, mica_tensor **out, mica_error *err)
{
    return mica_tensor_wrap(MICA_DTYPE_F32, 2, mica_tensor_dims(weight), mica_tensor_data(weight),
                            NULL, NULL, out, err);
}

/* One weight: its product is the output. Several: the first row of each, so that the products
 * follow one another in the same memory, as the layers of a model do. */
static mica_status add_linears(const group *g, mica_graph *graph, mica_value *outputs,
                               size_t weights, mica_error *err)
{
    int64_t dims[2] = {MICA_DIM_TOKENS, g->k};
    mica_value x = mica_input(graph, "x", MICA_DTYPE_F32, 2, dims);
    mica_value bias = mica_constant(graph, g->bias, "bias");
    for (size_t i = 0; i < weights; i++) {
        mica_tensor *weight = NULL;
        mica_status status = same_again(g->weight, &weight, err);
        if (status)
            return status;
        outputs[i] = mica_linear(graph, x, mica_constant(graph, weight, "weight"), bias);
        mica_tensor_release(&weight);
        if (weights > 1)
            outputs[i] =
                mica_segment_pool(graph, outputs[i], (mica_segment_pool_params){MICA_POOL_FIRST});
    }
    return MICA_OK;
}

static mica_status turns_create(const group *g, size_t weights, turns *out, mica_error *err)
{
    /* Rewriting would put linears over one x side by side. */
    mica_compile_options options = {.no_rewrites = true, .precision = g->gemm->precision};
    mica_graph *graph = NULL;
    mica_value *outputs = calloc(weights, sizeof *outputs);
    mica_status status = outputs ? mica_graph_create(&graph, err)
                                 : mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (!status)
        status = add_linears(g, graph, outputs, weights, err);
    if (!status)
        status = mica_program_compile(g->gemm->context, graph, outputs, weights, &options,
                                      &out->program, err);
    if (!status)
        status = mica_executor_create(out->program, &out->executor, err);
    if (!status)
        mica_executor_set_profile(out->executor, true);
    out->weights = weights;
    mica_graph_destroy(&graph);
    free(outputs);
    return status;
}

static void turns_destroy(turns *t)
{
    mica_executor_destroy(&t->executor);
    mica_program_destroy(&t->program);
}

static mica_status run_once(const job *j, mica_error *err)
{
    const int32_t starts[2] = {0, (int32_t)j->m};
    const mica_batch batch = {j->m, 1, starts, NULL};
    const void *inputs[1] = {mica_tensor_data(j->group->x)};
    return mica_executor_run(j->turns->executor, &batch, inputs, 1, err);
}

/* Of the linears alone, in the run that was. */
static double linear_seconds(const mica_executor *executor)
{
    mica_run_profile run;
    mica_step_profile step;
    double ns = 0;
    mica_executor_get_run(executor, &run);
    for (size_t i = 0; i < run.steps; i++)
        if (mica_executor_get_step(executor, i, &step) && step.op == MICA_OP_LINEAR)
            ns += (double)step.ns;
    return ns * 1e-9;
}

/* `runs` linears, rounded up to whole programs. */
static bool run_linears(bench_arm *arm, size_t runs, double *seconds)
{
    const job *j = arm->user;
    size_t passes = (runs - 1) / j->turns->weights + 1;
    mica_error err = {0};
    *seconds = 0;
    for (size_t i = 0; i < passes; i++) {
        if (run_once(j, &err)) {
            bench_arm_fail(arm, BENCH_FAILED, err.message);
            return false;
        }
        *seconds += linear_seconds(j->turns->executor);
    }
    *seconds *= (double)runs / (double)(passes * j->turns->weights);
    return true;
}

/* ---- right or wrong ---- */

/* How far rounding may take element (i, j) from `exact`, given the sum of the magnitudes added. */
static double allowance(const group *g, const float *x, const float *w, double magnitudes)
{
    double low = 0, high = 0, most = 0, sum = 0;
    switch (g->gemm->precision) {
    case MICA_PRECISION_BF16: /* 8 bits of each factor are kept */
        return magnitudes * (ldexp(1, -8) + ldexp(1, -18) + 1e-6);
    case MICA_PRECISION_INT8:
        for (int64_t p = 0; p < g->k; p++) {
            low = fmin(low, (double)x[p]);
            high = fmax(high, (double)x[p]);
            most = fmax(most, fabs((double)w[p]));
        }
        /* A step of the row's scale, and half a step of the weight's. */
        for (int64_t p = 0; p < g->k; p++)
            sum += (fabs((double)w[p]) + most / 254) * (high - low) / 255 +
                   fabs((double)x[p]) * most / 254;
        return sum + magnitudes * 1e-5;
    default:
        return magnitudes * 1e-6;
    }
}

/* Element (i, j) of the product, and how far off it is as a share of what is allowed. */
static double error_of(const group *g, const float *y, int64_t i, int64_t j)
{
    const float *x = (const float *)mica_tensor_data(g->x) + i * g->k;
    const float *w = (const float *)mica_tensor_data(g->weight) + j * g->k;
    double exact = (double)((const float *)mica_tensor_data(g->bias))[j];
    double magnitudes = fabs(exact), found = (double)y[i * g->n + j];
    for (int64_t p = 0; p < g->k; p++) {
        double product = (double)x[p] * (double)w[p];
        exact += product;
        magnitudes += fabs(product);
    }
    double share = fabs(found - exact) / allowance(g, x, w, magnitudes);
    return isfinite(share) ? share : INFINITY;
}

/* One element of each equal part of the product, at another place in each. */
static void check_product(const group *g, bench_gemm_result *r, const float *y)
{
    uint64_t total = (uint64_t)(r->shape.m * g->n);
    uint64_t count = total < SAMPLES ? total : SAMPLES, state = 1;
    for (uint64_t s = 0; s < count; s++) {
        uint64_t begin = total * s / count, size = total * (s + 1) / count - begin;
        state = state * UINT64_C(6364136223846793005) + 1;
        int64_t at = (int64_t)(begin + (state >> 33) % size);
        double error = error_of(g, y, at / g->n, at % g->n);
        r->worst = fmax(r->worst, error);
        r->checked++;
        if (error <= 1 || r->arm.state != BENCH_OK)
            continue;
        char reason[256];
        snprintf(reason, sizeof reason,
                 "element [%" PRId64 ", %" PRId64 "] is %.9g, %.3g times as far from the "
                 "reference as rounding allows",
                 at / g->n, at % g->n, (double)y[at], error);
        bench_arm_fail(&r->arm, BENCH_WRONG, reason);
    }
}

/* Runs the shape with one weight and looks at it; with several, each gives the same bits. */
static mica_status check(group *g, bench_gemm_result *r, const job *measured, mica_error *err)
{
    job one = {g, &g->near, measured->m};
    mica_status status = run_once(&one, err);
    if (status)
        return status;
    const float *y = mica_executor_output(g->near.executor, 0, NULL, NULL);
    check_product(g, r, y);
    if (measured->turns == &g->near)
        return MICA_OK;
    status = run_once(measured, err);
    for (size_t i = 0; !status && i < g->far.weights; i++) {
        const float *row = mica_executor_output(g->far.executor, i, NULL, NULL);
        if (memcmp(row, y, (size_t)g->n * sizeof *row) != 0)
            bench_arm_fail(&r->arm, BENCH_WRONG, "equal weights give different products");
    }
    return status;
}

/* ---- the machine ---- */

static mica_status measure_machine(bench_gemm *gemm, mica_error *err)
{
    if (!bench_peaks_measure(&gemm->peaks, gemm->info.kernels, gemm->info.threads))
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for probes");
    bench_rate rate = bench_measure_flops(gemm->info.kernels, gemm->precision, gemm->info.threads);
    if (rate.flops >= gemm->rate.flops)
        gemm->rate = rate;
    return MICA_OK;
}

bench_gemm_figures bench_gemm_figures_of(const bench_gemm *gemm, const bench_gemm_result *r)
{
    double seconds = r->arm.summary.median, read = bench_gemm_read(gemm);
    bench_gemm_figures f = {r->flops / seconds, r->weight_bytes / seconds, 0, 0, 0};
    if (gemm->options->cached)
        read = bench_peaks_bandwidth(&gemm->peaks, r->weight_bytes);
    f.of_peak = gemm->rate.flops > 0 ? f.flops / gemm->rate.flops : 0;
    f.of_read = f.bytes / read;
    f.floor = f.of_peak > 0 ? fmax(f.of_peak, f.of_read) * seconds : 0;
    return f;
}

/* Weights of many rows, one for all, may lie in a cache. */
static bool is_impossible(const bench_gemm *gemm, const bench_gemm_result *r)
{
    bench_gemm_figures f = bench_gemm_figures_of(gemm, r);
    return f.of_peak > tolerated || (r->weights > 1 && f.of_read > tolerated);
}

/* Above the peak: either the work was not done, or the probes met a busy machine and are asked
 * again. */
static mica_status refuse_impossible(bench_gemm *gemm, bench_gemm_result *results, size_t count,
                                     mica_error *err)
{
    bool again = false;
    for (size_t i = 0; i < count; i++) {
        bench_gemm_result *r = &results[i];
        if (r->arm.state != BENCH_OK || !is_impossible(gemm, r))
            continue;
        mica_status status = again ? MICA_OK : measure_machine(gemm, err);
        if (status)
            return status;
        again = true;
        if (!is_impossible(gemm, r))
            continue;
        char reason[256];
        bench_gemm_figures f = bench_gemm_figures_of(gemm, r);
        snprintf(reason, sizeof reason,
                 "%.4g GFLOP/s and %.4g GB/s are above the machine's peak (%.4g and %.4g): not "
                 "believed",
                 f.flops * 1e-9, f.bytes * 1e-9, gemm->rate.flops * 1e-9,
                 bench_gemm_read(gemm) * 1e-9);
        bench_arm_fail(&r->arm, BENCH_WRONG, reason);
    }
    return MICA_OK;
}

/* ---- a group ---- */

static double weight_size(mica_precision precision)
{
    return precision == MICA_PRECISION_INT8 ? 1 : precision == MICA_PRECISION_BF16 ? 2 : 4;
}

static size_t weights_for(const group *g, int64_t m)
{
    double bytes = (double)g->n * (double)g->k * weight_size(g->gemm->precision);
    if (g->gemm->options->cached || m > FEW_ROWS || bytes >= far_bytes)
        return 1;
    return far_bytes / bytes < MOST_WEIGHTS ? (size_t)(far_bytes / bytes) + 1 : MOST_WEIGHTS;
}

static void begin_result(const group *g, const bench_gemm_shape *shape, job *j,
                         bench_gemm_result *r)
{
    const bench_gemm *gemm = g->gemm;
    memset(r, 0, sizeof *r);
    r->shape = *shape;
    r->weights = weights_for(g, shape->m);
    r->flops = 2.0 * (double)shape->m * (double)g->n * (double)g->k;
    r->weight_bytes = (double)g->n * (double)g->k * weight_size(gemm->precision);
    snprintf(r->name, sizeof r->name, "%" PRId64 "x%" PRId64 "x%" PRId64 " %s%s", shape->m, g->n,
             g->k, mica_precision_name(gemm->precision), gemm->options->cached ? " cached" : "");
    snprintf(r->arm.name, sizeof r->arm.name, "mica");
    r->arm.run = run_linears;
    r->arm.user = j;
}

static mica_status prepare(group *g, const bench_gemm_shape *shapes, size_t count, mica_error *err)
{
    uint64_t seed = g->gemm->options->plan.seed;
    int64_t rows = 0, fewest = shapes[0].m;
    for (size_t i = 0; i < count; i++) {
        rows = shapes[i].m > rows ? shapes[i].m : rows;
        fewest = shapes[i].m < fewest ? shapes[i].m : fewest;
    }
    mica_status status = random_tensor(2, rows, g->k, 1, seed, 0, &g->x, err);
    if (!status)
        status = random_tensor(2, g->n, g->k, 1 / sqrt((double)g->k), seed, 1, &g->weight, err);
    if (!status)
        status = random_tensor(1, g->n, 0, 1, seed, 2, &g->bias, err);
    if (!status)
        status = turns_create(g, 1, &g->near, err);
    if (!status && weights_for(g, fewest) > 1)
        status = turns_create(g, weights_for(g, fewest), &g->far, err);
    return status;
}

static mica_status measure(group *g, bench_gemm_result *results, size_t count, bench_arm *arms,
                           mica_error *err)
{
    const bench_plan *plan = &g->gemm->options->plan;
    mica_status status = MICA_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = plan->stop && plan->stop() ? mica_fail(err, MICA_STATUS_CANCELLED, "cancelled")
                                            : check(g, &results[i], results[i].arm.user, err);
        arms[i] = results[i].arm;
    }
    if (!status && !bench_measure(arms, count, plan))
        status = plan->stop && plan->stop()
                     ? mica_fail(err, MICA_STATUS_CANCELLED, "cancelled")
                     : mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for samples");
    for (size_t i = 0; i < count; i++)
        results[i].arm = arms[i];
    return status ? status : refuse_impossible(g->gemm, results, count, err);
}

mica_status bench_gemm_run(bench_gemm *gemm, const bench_gemm_shape *shapes, size_t count,
                           bench_gemm_result *out, mica_error *err)
{
    group g = {.gemm = gemm, .n = shapes[0].n, .k = shapes[0].k};
    job *jobs = calloc(count, sizeof *jobs);
    bench_arm *arms = calloc(count, sizeof *arms);
    mica_status status = jobs && arms ? prepare(&g, shapes, count, err)
                                      : mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    if (jobs && arms)
        for (size_t i = 0; i < count; i++) {
            begin_result(&g, &shapes[i], &jobs[i], &out[i]);
            jobs[i] = (job){&g, out[i].weights > 1 ? &g.far : &g.near, (size_t)shapes[i].m};
            arms[i] = out[i].arm;
        }
    if (!status)
        status = measure(&g, out, count, arms, err);
    for (size_t i = 0; status && jobs && arms && i < count; i++)
        bench_gemm_release(&out[i]);
    turns_destroy(&g.far);
    turns_destroy(&g.near);
    mica_tensor_release(&g.x);
    mica_tensor_release(&g.weight);
    mica_tensor_release(&g.bias);
    free(arms);
    free(jobs);
    return status;
}

void bench_gemm_release(bench_gemm_result *result)
{
    bench_arm_release(&result->arm);
}

/* ---- opening ---- */

mica_status bench_gemm_open(const bench_gemm_options *options, bench_gemm **out, mica_error *err)
{
    mica_context_options context;
    bench_gemm *gemm = calloc(1, sizeof *gemm);
    *out = NULL;
    if (!gemm)
        return mica_fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    gemm->options = options;
    mica_context_options_defaults(&context);
    context.threads = options->threads;
    mica_status status = mica_context_create(&context, &gemm->context, err);
    if (!status) {
        mica_context_get_info(gemm->context, &gemm->info);
        gemm->precision = mica_context_precision(gemm->context, options->precision);
        status = measure_machine(gemm, err);
    }
    if (status)
        bench_gemm_close(&gemm);
    *out = gemm;
    return status;
}

void bench_gemm_close(bench_gemm **out)
{
    bench_gemm *gemm = *out;
    *out = NULL;
    if (!gemm)
        return;
    mica_context_destroy(&gemm->context);
    free(gemm);
}

const mica_context_info *bench_gemm_info(const bench_gemm *gemm)
{
    return &gemm->info;
}

mica_precision bench_gemm_precision(const bench_gemm *gemm)
{
    return gemm->precision;
}

const bench_rate *bench_gemm_rate(const bench_gemm *gemm)
{
    return &gemm->rate;
}

double bench_gemm_read(const bench_gemm *gemm)
{
    return gemm->peaks.bandwidth[BENCH_SIZES - 1].read;
}
