/* SPDX-License-Identifier: MIT */
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "ops_arms.h"
#include "util.h"

/* On a machine that does other things the probes may miss the peak by some; by so much nobody
 * exceeds it who does the work. */
static const double tolerated = 1.25;

/* An output of which not every arm may keep one. */
static const double large_output = 0x1p28;

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
    if (!status && b->ops->options->peer_count > 0)
        status = mica_tensors_save(b->ops->inputs_path, named, (size_t)c->inputs, err);
    return status;
}

/* ---- room ---- */

/* Bytes that a case needs at once: the inputs of mica, in the file, and of every peer; the output
 * of one arm or of all; and as much as an input for what the peers make on the way. */
static double needed(const bench *b)
{
    const bench_case *c = &b->result->work;
    double inputs = 0, largest = 0, peers = (double)b->ops->options->peer_count;
    for (int i = 0; i < c->inputs; i++) {
        double bytes = (c->index[i] ? 8 : 4) * (double)bench_shape_count(&c->shapes[i]);
        inputs += bytes;
        largest = bytes > largest ? bytes : largest;
    }
    return inputs * (peers > 0 ? 2 + peers : 1) +
           c->written * (b->in_turn ? 1 : (double)b->result->arm_count) + largest;
}

/* Whether there is room; else every arm says why it has not been run. */
static bool has_room(bench *b)
{
    double need = needed(b), memory = b->ops->options->memory;
    bench_ops_result *r = b->result;
    char reason[128];
    if (memory <= 0)
        memory = bench_memory_available();
    if (memory <= 0 || need <= memory)
        return true;
    snprintf(reason, sizeof reason, "needs %.2f GB of memory, and %.2f GB are there", need * 1e-9,
             memory * 1e-9);
    for (size_t i = 0; i < r->arm_count; i++)
        bench_arm_fail(&r->arms[i], BENCH_NOT_RUN, reason);
    return false;
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

/* The bandwidth for the case's size and its mixture of reads and writes, from memory of that size:
 * a figure between those of two sizes would be wrong on both sides of a cache's end. */
static bool measure_bandwidth(bench *b, bench_bandwidth *probe, bench_content content)
{
    const bench_case *c = &b->result->work;
    probe->bytes = c->bytes;
    if (!bench_bandwidth_measure(probe, b->ops->info.threads, content))
        return false;
    b->result->bandwidth = bench_bandwidth_of(probe, c->bytes - c->written, c->written);
    return true;
}

static bool is_possible(const bench *b, size_t i)
{
    return bench_ops_rates(b->result, i, &b->ops->peaks).share <= tolerated;
}

static void refuse(bench *b, size_t i)
{
    bench_ops_result *r = b->result;
    bench_rates rates = bench_ops_rates(r, i, &b->ops->peaks);
    char reason[256];
    snprintf(reason, sizeof reason,
             "%.4g GFLOP/s and %.4g GB/s are above the machine's peak (%.4g and %.4g): not "
             "believed",
             rates.flops * 1e-9, rates.bytes * 1e-9, b->ops->peaks.flops * 1e-9,
             r->bandwidth * 1e-9);
    if (!r->choices[i].flawed)
        bench_arm_fail(&r->arms[i], BENCH_WRONG, reason);
    else if (!r->caught[i][0])
        snprintf(r->caught[i], sizeof r->caught[i], "%s", reason);
}

/* A figure above the peak says that the work was not done, or that the probes met a busy machine,
 * or that a processor was spared moving zeros: they are asked again first, for zeros too. */
static mica_status refuse_impossible(bench *b, mica_error *err)
{
    bench_ops *ops = b->ops;
    bench_ops_result *r = b->result;
    bench_bandwidth probe = {0};
    bool again = false, fine = measure_bandwidth(b, &probe, BENCH_NUMBERS);
    for (size_t i = 0; i < r->arm_count && fine; i++) {
        if (r->arms[i].state != BENCH_OK || is_possible(b, i))
            continue;
        if (!again)
            fine = bench_peaks_measure(&ops->peaks, ops->info.kernels, ops->info.threads) &&
                   measure_bandwidth(b, &probe, BENCH_NUMBERS) &&
                   measure_bandwidth(b, &probe, BENCH_ZEROS);
        again = true;
        if (fine && !is_possible(b, i))
            refuse(b, i);
    }
    return fine ? MICA_OK : bench_fail_memory(err, "probes");
}

/* ---- a run ---- */

static bool set_path(char path[4096], const char *directory, const char *name)
{
    return snprintf(path, 4096, "%s/%s.safetensors", directory, name) < 4096;
}

mica_status bench_ops_open(const bench_ops_options *options, bench_ops **out, mica_error *err)
{
    mica_context_options context;
    bench_ops *ops = calloc(1, sizeof *ops);
    *out = NULL;
    if (!ops)
        return bench_fail_memory(err, "a run");
    ops->options = options;
    mica_context_options_defaults(&context);
    context.threads = options->threads;
    mica_status status = mica_json_writer_create(&ops->writer, err);
    if (!status)
        status = mica_context_create(&context, &ops->context, err);
    if (!status && (!set_path(ops->inputs_path, options->directory, "inputs") ||
                    !set_path(ops->output_path, options->directory, "output") ||
                    !set_path(ops->positions_path, options->directory, "positions")))
        status = mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the folder's path is too long");
    if (!status) {
        mica_context_get_info(ops->context, &ops->info);
        if (!bench_peaks_measure(&ops->peaks, ops->info.kernels, ops->info.threads))
            status = bench_fail_memory(err, "probes");
        else if (!bench_ops_start_peers(ops))
            status = bench_fail_memory(err, "a peer");
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
    for (size_t i = 0; i < BENCH_OPS_PEERS; i++)
        bench_peer_stop(&ops->peers[i]);
    mica_context_destroy(&ops->context);
    mica_json_writer_destroy(&ops->writer);
    free(ops);
}

const bench_peaks *bench_ops_peaks(const bench_ops *ops)
{
    return &ops->peaks;
}

const bench_ops_peer *bench_ops_peer_of(const bench_ops *ops, size_t i)
{
    return &ops->said[i];
}

size_t bench_ops_threads(const bench_ops *ops)
{
    return ops->info.threads;
}

const bench_ops_options *bench_ops_options_of(const bench_ops *ops)
{
    return ops->options;
}

size_t bench_ops_arms(const bench_ops_options *options, bench_ops_choice choices[BENCH_OPS_ARMS])
{
    static const char *const peer_arms[] = {"default", "best"};
    size_t count = 0;
    if (options->mica)
        choices[count++] = (bench_ops_choice){.backend = BENCH_OPS_MICA};
    for (size_t i = 0; i < options->peer_count; i++)
        for (int k = 0; k < 2; k++)
            choices[count++] = (bench_ops_choice){.backend = (int)i, .what = peer_arms[k]};
    return count;
}

/* "pytorch best" */
static void name_arm(const bench_ops_options *o, const bench_ops_choice *choice, bench_arm *arm)
{
    const char *name = choice->backend == BENCH_OPS_MICA ? "mica" : o->peers[choice->backend].name;
    const char *what = choice->what;
    snprintf(arm->name, sizeof arm->name, "%s%s%s", name, what ? " " : "", what ? what : "");
}

static mica_status measure(bench *b, const bench_plan *plan, mica_error *err)
{
    bench_ops_result *r = b->result;
    if (!bench_ops_start_peers(b->ops))
        return bench_fail_memory(err, "a peer");
    if (!has_room(b))
        return MICA_OK;
    mica_status status = make_inputs(b, err);
    if (status)
        return status;
    b->reference = bench_reference_create(&r->work, b->inputs, plan->seed);
    if (!b->reference)
        return bench_fail_memory(err, "the reference");
    r->checked = bench_reference_count(b->reference);
    b->sampled = r->checked < r->elements;
    status = bench_ops_prepare_arms(b, err);
    if (!status && !bench_measure(r->arms, r->arm_count, plan))
        status = plan->stop && plan->stop() ? mica_fail(err, MICA_STATUS_CANCELLED, "cancelled")
                                            : bench_fail_memory(err, "samples");
    bench_ops_rest(b);
    return status ? status : refuse_impossible(b, err);
}

mica_status bench_ops_run(bench_ops *ops, const bench_case *work, const bench_ops_choice *choices,
                          size_t count, const bench_plan *plan, bench_ops_result *out,
                          mica_error *err)
{
    bench b = {.ops = ops, .result = out};
    memset(out, 0, sizeof *out);
    out->work = *work;
    out->elements = (size_t)bench_shape_count(&work->output);
    for (size_t i = 0; i < count; i++) {
        out->choices[i] = choices[i];
        name_arm(ops->options, &choices[i], &out->arms[i]);
    }
    out->arm_count = count;
    b.in_turn = work->written > large_output;
    mica_status status = measure(&b, plan, err);
    for (size_t i = 0; i < BENCH_OPS_ARMS; i++) {
        mica_executor_destroy(&b.executor[i]);
        mica_program_destroy(&b.program[i]);
    }
    bench_reference_destroy(&b.reference);
    for (int i = 0; i < BENCH_INPUTS; i++)
        mica_tensor_release(&b.inputs[i]);
    unlink(ops->inputs_path);
    unlink(ops->output_path);
    unlink(ops->positions_path);
    if (status)
        bench_ops_release(out);
    return status;
}

void bench_ops_release(bench_ops_result *result)
{
    for (size_t i = 0; i < result->arm_count; i++)
        bench_arm_release(&result->arms[i]);
}
