/* SPDX-License-Identifier: MIT
 *
 * Steps that are products with weights: linear, fused_linear. Weights that are constant come
 * packed; other right sides are packed into scratch first, in the same layout, so that results are
 * the same bits.
 *
 * Scratch: a packed block of A for each thread, then the panels, then the bias.
 */
#include "backends/cpu/elements.h"
#include "backends/cpu/gemm.h"

static size_t round_up(size_t floats)
{
    return (floats + 15) & ~(size_t)15;
}

static size_t packed_a_floats(const mica_cpu *cpu)
{
    return mica_gemm_scratch_floats(&cpu->kernels) * mica_pool_threads(cpu->pool);
}

static size_t rows_of(const mica_view *x)
{
    size_t rows = 1;
    for (int i = 0; i + 1 < x->rank; i++)
        rows *= (size_t)x->dim[i];
    return rows;
}

size_t mica_cpu_scratch_linear(const mica_call *call)
{
    size_t floats = packed_a_floats(call->cpu);
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    if (!call->step->prepared) {
        size_t n = (size_t)y->dim[y->rank - 1], k = (size_t)x->dim[x->rank - 1];
        floats += mica_gemm_panel_floats(&call->cpu->kernels, n, k) + round_up(n);
    }
    return floats * sizeof(float);
}

/* Packs weights that are values of this run. */
static mica_status pack_now(const mica_call *call, const mica_packed *to)
{
    enum { MOST = 16 };
    mica_side linears[MOST] = {0};
    size_t count = call->step->n_inputs / 2;
    if (count > MOST)
        return mica_fail(call->err, MICA_STATUS_UNSUPPORTED,
                         "%s: %zu linears side by side whose weights are not constant, at most %d",
                         mica_op_name(call->step->op), count, MOST);
    for (size_t i = 0; i < count; i++) {
        const mica_view *weight = mica_call_input(call, (uint32_t)(1 + 2 * i));
        const mica_view *b = mica_call_input(call, (uint32_t)(2 + 2 * i));
        linears[i].weight = weight->data;
        linears[i].weight_dtype = weight->dtype;
        linears[i].n = (size_t)weight->dim[0];
        linears[i].bias = b ? b->data : NULL;
        linears[i].bias_dtype = b ? b->dtype : MICA_DTYPE_F32;
    }
    mica_cpu_pack(call->cpu, linears, count, to, false);
    return MICA_OK;
}

typedef struct dots {
    mica_k_dots kernel;
    const float *x, *weight;
    float bias, *y;
    size_t k;
} dots;

static void dot_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const dots *d = arg;
    d->kernel(d->y + begin, d->x + begin * d->k, end - begin, d->k, d->weight, d->bias);
}

static void run_one_column(const mica_call *call)
{
    const mica_kernels *kernels = &call->cpu->kernels;
    const mica_view *x = mica_call_input(call, 0), *weight = mica_call_input(call, 1);
    const mica_view *bias = mica_call_input(call, 2);
    dots d = {.kernel = kernels->dots, .x = x->data, .weight = weight->data};
    d.y = mica_call_output(call)->data;
    d.k = (size_t)x->dim[x->rank - 1];
    if (weight->dtype != MICA_DTYPE_F32) {
        float *wide = (float *)(void *)call->run->scratch;
        mica_cpu_widen(kernels, wide, weight->data, weight->dtype, d.k);
        d.weight = wide;
    }
    if (bias)
        mica_cpu_widen(kernels, &d.bias, bias->data, bias->dtype, 1);
    size_t grain = mica_cpu_grain(d.k), least = 4; /* rows that the kernel takes at once */
    mica_cpu_ranges(call->cpu, rows_of(x), grain < least ? least : grain, dot_range, &d);
}

mica_status mica_cpu_run_linear(const mica_call *call)
{
    if (call->step->op == MICA_OP_LINEAR && mica_call_input(call, 1)->dim[0] == 1) {
        run_one_column(call);
        return MICA_OK;
    }
    const mica_cpu *cpu = call->cpu;
    const mica_packed *packed = call->step->prepared;
    mica_packed now = {0};
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    mica_gemm g = {.kernels = &cpu->kernels};
    g.m = rows_of(x);
    g.k = (size_t)x->dim[x->rank - 1];
    g.n = (size_t)y->dim[y->rank - 1];
    g.a = x->data;
    g.a_row = (int64_t)g.k;
    g.a_column = 1;
    g.c = y->data;
    g.ldc = g.n;
    g.stream = mica_cpu_streams(y);
    float *scratch = (float *)(void *)call->run->scratch;
    if (!packed) {
        now.n = g.n;
        now.k = g.k;
        now.panels = scratch + packed_a_floats(cpu);
        now.bias = (float *)now.panels + mica_gemm_panel_floats(&cpu->kernels, g.n, g.k);
        mica_status status = pack_now(call, &now);
        if (status)
            return status;
        packed = &now;
    }
    g.precision = packed->precision;
    g.b = packed->panels;
    g.column_scale = packed->column_scale;
    g.column_sum = packed->column_sum;
    g.bias = packed->bias;
    if (call->step->op == MICA_OP_FUSED_LINEAR) {
        const mica_fused_linear_params *params = call->step->params;
        g.activation = cpu->kernels.pointwise[params->activation];
    }
    mica_gemm_run(&g, cpu->pool, scratch);
    return MICA_OK;
}
