/* SPDX-License-Identifier: MIT
 *
 * The CPU backend: creation, the table of what it runs, and the loop over a program's steps.
 */
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/elements.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "graph/op.h"

typedef struct runner {
    mica_status (*run)(const mica_call *call); /* NULL: not run here */
    size_t (*scratch)(const mica_call *call);  /* NULL: none */
} runner;

/* Operations of kind VIEW compute nothing and are never steps; a pointwise, broadcasting or
 * comparing one is run by its kernels. */
static const runner runners[MICA_OP_COUNT] = {
    [MICA_OP_LOGICAL_NOT] = {mica_cpu_run_logical_not, NULL},
    [MICA_OP_WHERE] = {mica_cpu_run_where, NULL},
    [MICA_OP_MATMUL] = {mica_cpu_run_matmul, mica_cpu_scratch_matmul},
    [MICA_OP_LINEAR] = {mica_cpu_run_linear, mica_cpu_scratch_linear},
    [MICA_OP_FUSED_LINEAR] = {mica_cpu_run_linear, mica_cpu_scratch_linear},
    [MICA_OP_LINEAR_ADD_LAYER_NORM] = {mica_cpu_run_linear, mica_cpu_scratch_linear},
    [MICA_OP_CONV1D] = {mica_cpu_run_conv, mica_cpu_scratch_conv},
    [MICA_OP_CONV2D] = {mica_cpu_run_conv, mica_cpu_scratch_conv},
    [MICA_OP_SCALED_DOT_PRODUCT_ATTENTION] = {mica_cpu_run_sdpa, mica_cpu_scratch_sdpa},
    [MICA_OP_SOFTMAX] = {mica_cpu_run_softmax, mica_cpu_scratch_softmax},
    [MICA_OP_SUM] = {mica_cpu_run_reduce, mica_cpu_scratch_reduce},
    [MICA_OP_MEAN] = {mica_cpu_run_reduce, mica_cpu_scratch_reduce},
    [MICA_OP_MAX] = {mica_cpu_run_reduce, mica_cpu_scratch_reduce},
    [MICA_OP_MIN] = {mica_cpu_run_reduce, mica_cpu_scratch_reduce},
    [MICA_OP_PROD] = {mica_cpu_run_reduce, mica_cpu_scratch_reduce},
    [MICA_OP_ARGMAX] = {mica_cpu_run_arg, NULL},
    [MICA_OP_ARGMIN] = {mica_cpu_run_arg, NULL},
    [MICA_OP_SORT] = {mica_cpu_run_sort, mica_cpu_scratch_sort},
    [MICA_OP_ARGSORT] = {mica_cpu_run_sort, mica_cpu_scratch_sort},
    [MICA_OP_TOP_K] = {mica_cpu_run_sort, mica_cpu_scratch_sort},
    [MICA_OP_ARG_TOP_K] = {mica_cpu_run_sort, mica_cpu_scratch_sort},
    [MICA_OP_BINARY_CROSS_ENTROPY] = {mica_cpu_run_loss, mica_cpu_scratch_loss},
    [MICA_OP_L2_NORMALIZE] = {mica_cpu_run_l2_normalize, NULL},
    [MICA_OP_LAYER_NORM] = {mica_cpu_run_layer_norm, NULL},
    [MICA_OP_ADD_LAYER_NORM] = {mica_cpu_run_layer_norm, NULL},
    [MICA_OP_CAST] = {mica_cpu_run_cast, NULL},
    [MICA_OP_COPY] = {mica_cpu_run_copy, NULL},
    [MICA_OP_CONCAT] = {mica_cpu_run_concat, NULL},
    [MICA_OP_PAD] = {mica_cpu_run_pad, NULL},
    [MICA_OP_GATHER] = {mica_cpu_run_gather, mica_cpu_scratch_index},
    [MICA_OP_SCATTER] = {mica_cpu_run_scatter, mica_cpu_scratch_index},
    [MICA_OP_SCATTER_SUM] = {mica_cpu_run_scatter_join, mica_cpu_scratch_index},
    [MICA_OP_SCATTER_MAX] = {mica_cpu_run_scatter_join, mica_cpu_scratch_index},
    [MICA_OP_EMBEDDING] = {mica_cpu_run_embedding, NULL},
    [MICA_OP_ATTENTION] = {mica_cpu_run_attention, mica_cpu_scratch_attention},
    [MICA_OP_RELATIVE_ATTENTION] = {mica_cpu_run_attention, mica_cpu_scratch_attention},
    [MICA_OP_SEGMENT_POOL] = {mica_cpu_run_segment_pool, NULL},
};

static runner runner_of(const mica_cpu *cpu, mica_op op)
{
    runner none = {NULL, NULL};
    if ((unsigned)op >= MICA_OP_COUNT)
        return none;
    if (cpu->kernels.pointwise[op])
        return (runner){mica_cpu_run_pointwise, NULL};
    if (op >= MICA_OP_ADD && op <= MICA_OP_LOGICAL_OR)
        return (runner){mica_cpu_run_binary, NULL};
    return runners[op];
}

static bool is_view(mica_op op)
{
    return op == MICA_OP_RESHAPE || op == MICA_OP_TRANSPOSE || op == MICA_OP_SLICE ||
           op == MICA_OP_BROADCAST_TO;
}

/* ---- what steps share ---- */

const mica_view *mica_call_input(const mica_call *call, uint32_t i)
{
    const mica_step *step = call->step;
    if (i >= step->n_inputs || step->inputs[i] == MICA_NO_VALUE)
        return NULL;
    return &call->run->views[step->inputs[i]];
}

const mica_view *mica_call_output(const mica_call *call)
{
    return &call->run->views[call->step->output];
}

int64_t mica_view_count(const mica_view *view)
{
    uint64_t count = 1; /* of no elements the other axes may be of any size */
    for (int i = 0; i < view->rank; i++)
        count *= (uint64_t)view->dim[i];
    return (int64_t)count;
}

bool mica_view_contiguous(const mica_view *view)
{
    int64_t expected = 1;
    for (int i = view->rank - 1; i >= 0; i--) {
        if (view->dim[i] != 1 && view->stride[i] != expected)
            return false;
        expected *= view->dim[i];
    }
    return true;
}

mica_text mica_view_text(const mica_view *view)
{
    mica_dim dims[MICA_MAX_RANK];
    for (int i = 0; i < view->rank; i++)
        dims[i] = mica_dim_fixed(view->dim[i]);
    return mica_dims_text(dims, view->rank);
}

typedef struct ranges {
    mica_range fn;
    void *arg;
    size_t count, grain;
} ranges;

static void ranges_task(void *arg, size_t task, size_t worker)
{
    const ranges *r = arg;
    size_t begin = task * r->grain, left = r->count - begin;
    r->fn(r->arg, begin, begin + (left < r->grain ? left : r->grain), worker);
}

void mica_cpu_ranges(const mica_cpu *cpu, size_t count, size_t grain, mica_range fn, void *arg)
{
    ranges r = {fn, arg, count, grain};
    if (count == 0)
        return;
    if (count <= grain)
        fn(arg, 0, count, 0);
    else
        mica_pool_run(cpu->pool, (count - 1) / grain + 1, ranges_task, &r);
}

size_t mica_cpu_grain(size_t elements_per_item)
{
    size_t grain = ((size_t)1 << 14) / (elements_per_item + 1);
    return grain ? grain : 1;
}

/* ---- the vtable ---- */

static bool cpu_supports(const mica_backend *backend, mica_op op)
{
    return is_view(op) || runner_of((const mica_cpu *)backend, op).run;
}

/* What computes in float32 without bringing its inputs there itself. */
static bool cpu_takes_halves(const mica_backend *backend, mica_op op, size_t i)
{
    switch ((int)op) {
    case MICA_OP_LINEAR:
    case MICA_OP_FUSED_LINEAR:
        return i > 0; /* weights */
    case MICA_OP_LINEAR_ADD_LAYER_NORM:
        return i == 1 || i == 2;
    case MICA_OP_MATMUL:
    case MICA_OP_CONV1D:
    case MICA_OP_CONV2D:
    case MICA_OP_SCALED_DOT_PRODUCT_ATTENTION:
    case MICA_OP_SOFTMAX:
    case MICA_OP_BINARY_CROSS_ENTROPY:
    case MICA_OP_L2_NORMALIZE:
    case MICA_OP_LAYER_NORM:
    case MICA_OP_SCATTER_SUM:
    case MICA_OP_SCATTER_MAX:
        return false;
    default:
        return true;
    }
}

static mica_status cpu_prepare(mica_backend *backend, mica_step *step, mica_error *err)
{
    mica_cpu *cpu = (mica_cpu *)backend;
    step->prepared = NULL;
    if (!cpu_supports(backend, step->op))
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "the CPU backend does not run '%s'",
                         mica_op_name(step->op));
    if (mica_op_is_linear(step->op))
        return mica_cpu_prepare_linear(cpu, step, err);
    if (mica_op_is_attention(step->op))
        mica_cpu_prepare_attention(cpu, step);
    if (step->check_weights &&
        (step->op == MICA_OP_LAYER_NORM || step->op == MICA_OP_ADD_LAYER_NORM))
        return mica_cpu_check_constants(cpu, step, 0, err);
    return MICA_OK; /* a table of embeddings is not read whole: most of it is never used */
}

static void cpu_unprepare(mica_backend *backend, mica_step *step)
{
    if (mica_op_is_linear(step->op))
        mica_cpu_unprepare_linear((mica_cpu *)backend, step);
}

static size_t cpu_scratch(const mica_backend *backend, const mica_run *run)
{
    size_t most = 0;
    for (size_t i = 0; i < run->n_steps; i++) {
        mica_call call = {(mica_cpu *)(uintptr_t)backend, run, &run->steps[i], NULL};
        runner r = runner_of(call.cpu, call.step->op);
        size_t bytes = r.scratch ? r.scratch(&call) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static mica_step_cost cost_so_far(const mica_cpu *cpu)
{
    return (mica_step_cost){mica_clock_ns(), mica_pool_regions(cpu->pool)};
}

static mica_status cpu_run(mica_backend *backend, const mica_run *run, mica_error *err)
{
    for (size_t i = 0; i < run->n_steps; i++) {
        mica_call call = {(mica_cpu *)backend, run, &run->steps[i], err};
        if (run->context && mica_context_cancelled(run->context))
            return mica_fail(err, MICA_STATUS_CANCELLED, "cancelled at step %zu of %zu", i,
                             run->n_steps);
        if (is_view(call.step->op))
            continue;
        mica_step_cost before = run->costs ? cost_so_far(call.cpu) : (mica_step_cost){0, 0};
        mica_status status = runner_of(call.cpu, call.step->op).run(&call);
        if (status)
            return status;
        /* What was streamed by this thread is seen by others from here on (workers' is already). */
        if (mica_cpu_streams(mica_call_output(&call)))
            atomic_thread_fence(memory_order_seq_cst);
        if (run->costs) {
            mica_step_cost after = cost_so_far(call.cpu);
            run->costs[i] = (mica_step_cost){after.ns - before.ns, after.regions - before.regions};
        }
    }
    return MICA_OK;
}

static void cpu_destroy(mica_backend **backend)
{
    if (!backend || !*backend)
        return;
    mica_cpu *cpu = (mica_cpu *)*backend;
    pthread_mutex_destroy(&cpu->lock);
    mica_free(cpu);
    *backend = NULL;
}

void mica_backend_cpu_describe(const mica_backend *backend, mica_context_info *info)
{
    const mica_kernels *kernels = &((const mica_cpu *)backend)->kernels;
    info->bf16 = kernels->bf16.name;
    info->bf16_is_fast = kernels->bf16.fast;
    info->int8 = kernels->int8.name;
}

mica_status mica_backend_cpu_create(mica_pool *pool, int level, mica_backend **out, mica_error *err)
{
    static const mica_backend_vtable vtable = {
        .name = "cpu",
        .supports = cpu_supports,
        .takes_halves = cpu_takes_halves,
        .prepare = cpu_prepare,
        .unprepare = cpu_unprepare,
        .scratch = cpu_scratch,
        .run = cpu_run,
        .destroy = cpu_destroy,
    };
    *out = NULL;
    if (level < MICA_CPU_C || level >= MICA_CPU_LEVELS)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "%d is not a level of the CPU backend",
                         level);
    mica_cpu *cpu = mica_calloc(1, sizeof *cpu);
    if (!cpu || pthread_mutex_init(&cpu->lock, NULL)) {
        mica_free(cpu);
        return mica_fail_memory(err, sizeof *cpu, "the CPU backend");
    }
    cpu->base.vtable = &vtable;
    cpu->pool = pool;
    mica_kernels_init(&cpu->kernels, (mica_cpu_level)level);
    *out = &cpu->base;
    return MICA_OK;
}
