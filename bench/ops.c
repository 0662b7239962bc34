/* SPDX-License-Identifier: MIT */
#include "ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mica/program.h"
#include "ops_reference.h"
#include "peer.h"

static const char *const peer_arms[] = {"default", "best"};

/* On a machine that does other things the probes may miss the peak by some; by so much nobody
 * exceeds it who does the work. */
static const double tolerated = 1.25;

struct bench_ops {
    const bench_ops_options *options;
    mica_context *context;
    mica_context_info info;
    bench_peaks peaks;
    bench_peer *peer;
    char peer_text[256];
    char inputs_path[4096], output_path[4096];
    mica_json_writer *writer;
};

/* What the arms of a case work with. */
typedef struct bench {
    bench_ops *ops;
    bench_ops_result *result;
    mica_tensor *inputs[BENCH_INPUTS];
    bench_reference *reference;
    mica_program *program;
    mica_executor *executor;
} bench;

static mica_status fail(mica_error *err, mica_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- inputs ---- */

/* Normal deviates; probabilities for BCE; sums of positive numbers, so that nothing cancels and a
 * part that is left out shows; row numbers. */
static mica_status fill(const bench_case *c, int i, uint64_t seed, mica_tensor *tensor,
                        mica_error *err)
{
    if (c->index[i])
        return mica_tensor_fill_uniform(tensor, 0, (double)c->shapes[0].dims[0], seed, (uint64_t)i,
                                        err);
    if (c->op == BENCH_BCE || c->op == BENCH_SUM || c->op == BENCH_SUM_ALL)
        return mica_tensor_fill_uniform(tensor, 0, 1, seed, (uint64_t)i, err);
    return mica_tensor_fill_normal(tensor, 0, 1, seed, (uint64_t)i, err);
}

static mica_status make_inputs(bench *b, mica_error *err)
{
    static const char *const names[] = {"a", "b", "c"};
    const bench_case *c = &b->result->work;
    mica_named_tensor named[BENCH_INPUTS];
    mica_status status = MICA_OK;
    for (int i = 0; i < c->inputs && !status; i++) {
        status = mica_tensor_create(c->index[i] ? MICA_DTYPE_I64 : MICA_DTYPE_F32,
                                    c->shapes[i].rank, c->shapes[i].dims, &b->inputs[i], err);
        if (!status)
            status = fill(c, i, b->ops->options->plan.seed, b->inputs[i], err);
        named[i] = (mica_named_tensor){names[i], b->inputs[i]};
    }
    if (!status && b->ops->options->script)
        status = mica_tensors_save(b->ops->inputs_path, named, (size_t)c->inputs, err);
    return status;
}

/* ---- mica ---- */

static mica_status run_once(const bench *b, mica_error *err)
{
    const void *data[BENCH_INPUTS];
    size_t count = (size_t)b->result->work.inputs;
    for (size_t i = 0; i < count; i++)
        data[i] = mica_tensor_data(b->inputs[i]);
    return mica_executor_run(b->executor, NULL, data, count, err);
}

static bool run_mica(bench_arm *arm, size_t runs, double *seconds)
{
    const bench *b = arm->user;
    mica_error err = {0};
    double begin = now();
    for (size_t i = 0; i < runs; i++) {
        if (run_once(b, &err)) {
            bench_arm_fail(arm, BENCH_FAILED, err.message);
            return false;
        }
    }
    *seconds = now() - begin;
    return true;
}

static mica_status prepare_mica(bench *b, mica_error *err)
{
    mica_graph *graph = NULL;
    mica_status status = mica_graph_create(&graph, err);
    if (!status) {
        mica_value y = bench_case_build(&b->result->work, graph);
        status = mica_program_compile(b->ops->context, graph, &y, 1, NULL, &b->program, err);
    }
    mica_graph_destroy(&graph);
    if (!status)
        status = mica_executor_create(b->program, &b->executor, err);
    return status ? status : run_once(b, err);
}

/* Whatever goes wrong in mica is a result. */
static void add_mica(bench *b)
{
    bench_arm *arm = &b->result->arms[b->result->arm_count];
    double *worst = &b->result->worst[b->result->arm_count++];
    char reason[256];
    mica_error err = {0};
    int rank;
    int64_t dims[MICA_MAX_RANK];
    snprintf(arm->name, sizeof arm->name, "mica");
    arm->run = run_mica;
    arm->user = b;
    if (prepare_mica(b, &err)) {
        bench_arm_fail(arm, BENCH_FAILED, err.message);
        return;
    }
    const void *data = mica_executor_output(b->executor, 0, &rank, dims);
    mica_dtype dtype = b->result->work.op == BENCH_ARGMAX ? MICA_DTYPE_I32 : MICA_DTYPE_F32;
    if (!bench_reference_check(b->reference, dtype, rank, dims, data, worst, reason, sizeof reason))
        bench_arm_fail(arm, BENCH_WRONG, reason);
}

/* ---- the peer ---- */

static void fail_by_peer(bench_arm *arm, const bench_peer *peer)
{
    bool absent = bench_peer_state_of(peer) == BENCH_PEER_ABSENT;
    bench_arm_fail(arm, absent ? BENCH_ABSENT : BENCH_FAILED, bench_peer_reason(peer));
}

static bool run_peer(bench_arm *arm, size_t runs, double *seconds)
{
    bench *b = arm->user;
    char request[128];
    double begin = now();
    snprintf(request, sizeof request, "{\"do\": \"time\", \"arm\": \"%s\", \"runs\": %zu}",
             arm->what, runs);
    const mica_json_value *answer = bench_peer_ask(b->ops->peer, request, NULL);
    if (!answer) {
        fail_by_peer(arm, b->ops->peer);
        return false;
    }
    if (!mica_json_double(mica_json_get(answer, "seconds"), seconds) || !(*seconds > 0) ||
        *seconds > now() - begin) {
        bench_arm_fail(arm, BENCH_FAILED, "its time is no time that can have passed");
        return false;
    }
    return true;
}

/* "pytorch, torch 2.15.0, python 3.11.7, inference_mode=true" */
static void describe(const mica_json_value *hello, char *out, size_t size)
{
    static const char *const keys[] = {"versions", "settings"}, *const between[] = {" ", "="};
    const char *name = mica_json_string(mica_json_get(hello, "name"), NULL);
    size_t used = (size_t)snprintf(out, size, "%.60s", name ? name : "peer");
    for (int k = 0; k < 2; k++) {
        const mica_json_value *object = mica_json_get(hello, keys[k]);
        for (const mica_json_value *v = mica_json_first(object); v; v = mica_json_next(v)) {
            const char *value = mica_json_string(v, NULL);
            int n = snprintf(out + used, size - used, ", %s%s%s", mica_json_key(v, NULL),
                             between[k], value ? value : "?");
            used += n > 0 ? (size_t)n : 0;
            if (used >= size)
                return;
        }
    }
}

static bool ask_prepare(bench *b, mica_error *err)
{
    mica_json_writer *w = b->ops->writer;
    const bench_case *c = &b->result->work;
    const char *request;
    const char *const keys[] = {"do", "op", "inputs"}, *const values[] = {"prepare",
                                                                          bench_op_word(c->op),
                                                                          b->ops->inputs_path};
    mica_json_writer_reset(w);
    mica_json_begin_object(w);
    for (int i = 0; i < 3; i++) {
        mica_json_write_key(w, keys[i]);
        mica_json_write_text(w, values[i]);
    }
    mica_json_write_key(w, "axis");
    mica_json_write_int(w, c->axis);
    mica_json_write_key(w, "causal");
    mica_json_write_bool(w, c->causal);
    mica_json_write_key(w, "threads");
    mica_json_write_int(w, (int64_t)b->ops->info.threads);
    mica_json_end_object(w);
    return !mica_json_writer_text(w, &request, NULL, err) &&
           bench_peer_ask(b->ops->peer, request, NULL);
}

/* Opens what the peer wrote and holds it to the reference. */
static void check_output(bench *b, size_t i)
{
    bench_arm *arm = &b->result->arms[i];
    mica_tensor_file *file = NULL;
    mica_tensor *output = NULL;
    mica_error err = {0};
    char reason[256];
    mica_status status = mica_tensor_file_open(b->ops->output_path, &file, &err);
    if (!status)
        status = mica_tensor_file_get(file, "output", &output, &err);
    if (status)
        bench_arm_fail(arm, BENCH_FAILED, err.message);
    else if (!bench_reference_check(b->reference, mica_tensor_dtype(output),
                                    mica_tensor_rank(output), mica_tensor_dims(output),
                                    mica_tensor_data(output), &b->result->worst[i], reason,
                                    sizeof reason))
        bench_arm_fail(arm, BENCH_WRONG, reason);
    mica_tensor_release(&output);
    mica_tensor_file_close(&file);
}

static void check_peer_arm(bench *b, size_t i, mica_error *err)
{
    mica_json_writer *w = b->ops->writer;
    bench_arm *arm = &b->result->arms[i];
    const char *const keys[] = {"do", "arm", "output"}, *const values[] = {"check", arm->what,
                                                                           b->ops->output_path};
    const char *request, *way;
    unlink(b->ops->output_path); /* an output of before must not pass for this one */
    mica_json_writer_reset(w);
    mica_json_begin_object(w);
    for (int k = 0; k < 3; k++) {
        mica_json_write_key(w, keys[k]);
        mica_json_write_text(w, values[k]);
    }
    mica_json_end_object(w);
    const mica_json_value *answer = mica_json_writer_text(w, &request, NULL, err)
                                        ? NULL
                                        : bench_peer_ask(b->ops->peer, request, NULL);
    if (!answer) {
        fail_by_peer(arm, b->ops->peer);
        return;
    }
    way = mica_json_string(mica_json_get(answer, "way"), NULL);
    snprintf(b->result->how[i], sizeof b->result->how[i], "%s", way ? way : "");
    check_output(b, i);
    unlink(b->ops->output_path);
}

/* Starts the peer, or again one that has failed. */
static bool start_peer(bench_ops *ops)
{
    const bench_ops_options *o = ops->options;
    if (ops->peer && bench_peer_state_of(ops->peer) == BENCH_PEER_FAILED)
        bench_peer_stop(&ops->peer);
    if (!ops->peer)
        ops->peer = bench_peer_start(o->python, o->script, o->limit, o->show_errors);
    if (ops->peer && bench_peer_hello(ops->peer))
        describe(bench_peer_hello(ops->peer), ops->peer_text, sizeof ops->peer_text);
    return ops->peer != NULL;
}

static mica_status add_peer(bench *b, mica_error *err)
{
    bench_ops_result *r = b->result;
    size_t first = r->arm_count;
    if (!start_peer(b->ops))
        return fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for a peer");
    for (size_t i = 0; i < sizeof peer_arms / sizeof *peer_arms; i++) {
        bench_arm *arm = &r->arms[r->arm_count++];
        snprintf(arm->name, sizeof arm->name, "pytorch %s", peer_arms[i]);
        arm->what = peer_arms[i];
        arm->run = run_peer;
        arm->user = b;
    }
    bool ready = bench_peer_hello(b->ops->peer) && ask_prepare(b, err);
    for (size_t i = first; i < r->arm_count; i++) {
        if (ready)
            check_peer_arm(b, i, err);
        else
            fail_by_peer(&r->arms[i], b->ops->peer);
    }
    return MICA_OK;
}

/* ---- figures ---- */

bench_rates bench_ops_rates(const bench_ops_result *r, size_t arm, const bench_peaks *peaks)
{
    double seconds = r->arms[arm].summary.median, share;
    bench_rates rates = {r->work.flops / seconds, r->work.bytes / seconds, 0};
    rates.share = r->bandwidth > 0 ? rates.bytes / r->bandwidth : 0;
    share = peaks->flops > 0 ? rates.flops / peaks->flops : 0;
    rates.share = share > rates.share ? share : rates.share;
    return rates;
}

/* A figure above the peak says that the work was not done, or that the probes met a busy machine:
 * they are asked again first. */
static mica_status refuse_impossible(bench *b, mica_error *err)
{
    bench_ops_result *r = b->result;
    bench_ops *ops = b->ops;
    bool again = false;
    r->bandwidth = bench_peaks_bandwidth(&ops->peaks, r->work.bytes);
    for (size_t i = 0; i < r->arm_count; i++) {
        bench_arm *arm = &r->arms[i];
        if (arm->state != BENCH_OK || bench_ops_rates(r, i, &ops->peaks).share <= tolerated)
            continue;
        if (!again && !bench_peaks_measure(&ops->peaks, ops->info.kernels, ops->info.threads))
            return fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for probes");
        again = true;
        r->bandwidth = bench_peaks_bandwidth(&ops->peaks, r->work.bytes);
        bench_rates rates = bench_ops_rates(r, i, &ops->peaks);
        if (rates.share <= tolerated)
            continue;
        char reason[256];
        snprintf(reason, sizeof reason,
                 "%.4g GFLOP/s and %.4g GB/s are above the machine's peak (%.4g and %.4g): not "
                 "believed",
                 rates.flops * 1e-9, rates.bytes * 1e-9, ops->peaks.flops * 1e-9,
                 r->bandwidth * 1e-9);
        bench_arm_fail(arm, BENCH_WRONG, reason);
    }
    return MICA_OK;
}

/* ---- a run ---- */

mica_status bench_ops_open(const bench_ops_options *options, bench_ops **out, mica_error *err)
{
    mica_context_options context;
    bench_ops *ops = calloc(1, sizeof *ops);
    *out = NULL;
    if (!ops)
        return fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory");
    ops->options = options;
    mica_context_options_defaults(&context);
    context.threads = options->threads;
    mica_status status = mica_json_writer_create(&ops->writer, err);
    if (!status)
        status = mica_context_create(&context, &ops->context, err);
    if (!status &&
        ((size_t)snprintf(ops->inputs_path, sizeof ops->inputs_path, "%s/inputs.safetensors",
                          options->directory) >= sizeof ops->inputs_path ||
         (size_t)snprintf(ops->output_path, sizeof ops->output_path, "%s/output.safetensors",
                          options->directory) >= sizeof ops->output_path))
        status = fail(err, MICA_STATUS_INVALID_ARGUMENT, "the folder's path is too long");
    if (!status) {
        mica_context_get_info(ops->context, &ops->info);
        if (!bench_peaks_measure(&ops->peaks, ops->info.kernels, ops->info.threads))
            status = fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for probes");
    }
    if (status)
        bench_ops_close(&ops);
    *out = ops;
    return status;
}

void bench_ops_close(bench_ops **out)
{
    bench_ops *ops = *out;
    *out = NULL;
    if (!ops)
        return;
    bench_peer_stop(&ops->peer);
    mica_context_destroy(&ops->context);
    mica_json_writer_destroy(&ops->writer);
    free(ops);
}

const bench_peaks *bench_ops_peaks(const bench_ops *ops)
{
    return &ops->peaks;
}

const char *bench_ops_peer(const bench_ops *ops)
{
    return ops->peer_text;
}

size_t bench_ops_threads(const bench_ops *ops)
{
    return ops->info.threads;
}

static mica_status measure(bench *b, mica_error *err)
{
    const bench_ops_options *o = b->ops->options;
    bench_ops_result *r = b->result;
    mica_status status = make_inputs(b, err);
    if (status)
        return status;
    b->reference = bench_reference_create(&r->work, b->inputs, o->plan.seed);
    if (!b->reference)
        return fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for the reference");
    r->checked = bench_reference_count(b->reference);
    if (o->mica)
        add_mica(b);
    if (o->script)
        status = add_peer(b, err);
    if (!status && !bench_measure(r->arms, r->arm_count, &o->plan))
        status = o->plan.stop && o->plan.stop()
                     ? fail(err, MICA_STATUS_CANCELLED, "cancelled")
                     : fail(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for samples");
    return status ? status : refuse_impossible(b, err);
}

mica_status bench_ops_run(bench_ops *ops, const bench_case *work, bench_ops_result *out,
                          mica_error *err)
{
    bench b = {.ops = ops, .result = out};
    memset(out, 0, sizeof *out);
    out->work = *work;
    out->elements = (size_t)bench_shape_count(&work->output);
    mica_status status = measure(&b, err);
    mica_executor_destroy(&b.executor);
    mica_program_destroy(&b.program);
    bench_reference_destroy(&b.reference);
    for (int i = 0; i < BENCH_INPUTS; i++)
        mica_tensor_release(&b.inputs[i]);
    unlink(ops->inputs_path);
    unlink(ops->output_path);
    if (status)
        bench_ops_release(out);
    return status;
}

void bench_ops_release(bench_ops_result *result)
{
    for (size_t i = 0; i < result->arm_count; i++)
        bench_arm_release(&result->arms[i]);
}
