/* SPDX-License-Identifier: MIT
 *
 * Steps that are products with weights: linear, fused_linear, linear_add_layer_norm. Where the
 * weights come from, in one layout, so that results are the same bits:
 *
 *   packed  constant: packed when the program was compiled
 *   kept    constant: packed by an earlier process, in a file whose panels are checked by the
 *           first run: each thread multiplies some panels, checks them in its caches, and goes on
 *   once    constant, in a program that runs once: each thread packs some panels into its caches,
 *           multiplies, and goes on; pages of a mapped file are let go as soon as they are read
 *   values  of this run: all threads pack them into scratch first
 *
 * Scratch: a packed block of A for each thread; (but packed) the linears side by side and their
 * bias; then (kept, once) panels for each thread or (values) all panels.
 */
#include <stdatomic.h>

#include "backends/cpu/elements.h"
#include "backends/cpu/gemm.h"
#include "base/alloc.h"
#include "graph/op.h"
#include "tensor/tensor.h"

typedef enum source { PACKED, KEPT, ONCE, VALUES } source;

static source source_of(const mica_step *step)
{
    const mica_packed *packed = step->prepared;
    if (packed)
        return atomic_load(&packed->unchecked) ? KEPT : PACKED;
    return step->once && mica_cpu_weights_constant(step) ? ONCE : VALUES;
}

static size_t aligned(size_t bytes)
{
    return (bytes + MICA_DATA_ALIGNMENT - 1) / MICA_DATA_ALIGNMENT * MICA_DATA_ALIGNMENT;
}

static size_t packed_a_bytes(const mica_cpu *cpu)
{
    return mica_gemm_scratch_floats(&cpu->kernels) * mica_pool_threads(cpu->pool) * sizeof(float);
}

static size_t rows_of(const mica_view *x)
{
    size_t rows = 1;
    for (int i = 0; i + 1 < x->rank; i++)
        rows *= (size_t)x->dim[i];
    return rows;
}

/* What a run packs: linears side by side, and panels of all of them or of a group. */
typedef struct sides {
    mica_side *linears;
    size_t count, n, k;
    bool has_bias;
    size_t sides_bytes, bias_bytes; /* of scratch */
    size_t panels, per, group;      /* kept, once: of the step, of a task, packed together */
    mica_packed entry;              /* as a group, or all: without its numbers */
    size_t entry_bytes;
} sides;

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Each thread has as many tasks. A task's weights take some megabytes, so that their pages are let
 * go in few calls; a group leaves room in the second cache. */
static void choose_groups(const mica_cpu *cpu, sides *s)
{
    enum { TASK_BYTES = 4 << 20, GROUP_BYTES = 1 << 19 };
    size_t nr = cpu->kernels.gemm.nr, panel_bytes = nr * (s->k + 1) * sizeof(float);
    size_t most = GROUP_BYTES / panel_bytes * mica_gemm_group(s->entry.precision);
    s->panels = mica_gemm_panels(&cpu->kernels, s->n);
    size_t share = ceil_div(s->panels, mica_pool_threads(cpu->pool));
    s->per = ceil_div(share, ceil_div(share * panel_bytes, TASK_BYTES));
    s->group = ceil_div(s->per, ceil_div(s->per, most ? most : 1));
    s->entry.n = s->group * nr;
}

static sides sides_of(const mica_call *call, source from)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    uint32_t inputs = mica_cpu_linear_inputs(call->step);
    sides s = {.count = inputs / 2};
    s.n = (size_t)y->dim[y->rank - 1];
    s.k = (size_t)x->dim[x->rank - 1];
    for (uint32_t i = 2; i < inputs; i += 2)
        s.has_bias = s.has_bias || mica_call_input(call, i);
    s.sides_bytes = aligned(s.count * sizeof(mica_side));
    s.bias_bytes = s.has_bias ? aligned(s.n * sizeof(float)) : 0;
    s.entry = (mica_packed){.precision = call->step->precision, .n = s.n, .k = s.k};
    if (from != VALUES && s.n > 0)
        choose_groups(call->cpu, &s);
    s.entry_bytes = mica_cpu_packed_bytes(call->cpu, &s.entry);
    return s;
}

/* What step `to` takes the result of step `from` in. */
static mica_precision passes(const mica_run *run, uint32_t from, uint32_t to)
{
    if (from == MICA_NO_STEP || to == MICA_NO_STEP)
        return MICA_PRECISION_F32;
    const mica_step *a = &run->steps[from], *b = &run->steps[to];
    const mica_packed *packed = a->prepared;
    if (!packed || a->op == MICA_OP_LINEAR_ADD_LAYER_NORM || a->precision == MICA_PRECISION_F32 ||
        packed->n % 4 != 0)
        return MICA_PRECISION_F32;
    bool linear = mica_op_is_linear(b->op) && b->prepared && b->precision == a->precision &&
                  b->fed == 1 && b->inputs[0] == a->output;
    return linear || mica_cpu_attention_takes_bf16(run, b, packed->n) ? b->precision
                                                                      : MICA_PRECISION_F32;
}

static uint32_t index_of(const mica_call *call)
{
    return (uint32_t)(call->step - call->run->steps);
}

mica_precision mica_cpu_comes_in(const mica_call *call)
{
    return passes(call->run, call->step->fed_by, index_of(call));
}

static mica_precision left_in(const mica_call *call)
{
    return passes(call->run, index_of(call), call->step->feeds);
}

/* What C's rows are computed in where the next product takes them narrow. */
static size_t room_bytes(const mica_call *call)
{
    const mica_packed *packed = call->step->prepared;
    mica_gemm g = {.kernels = &call->cpu->kernels, .precision = call->step->precision};
    g.c_precision = left_in(call);
    if (g.c_precision == MICA_PRECISION_F32)
        return 0;
    g.n = packed->n;
    g.k = packed->k;
    return mica_gemm_room_floats(&g) * mica_pool_threads(call->cpu->pool) * sizeof(float);
}

size_t mica_cpu_scratch_linear(const mica_call *call)
{
    size_t bytes = packed_a_bytes(call->cpu) + room_bytes(call), more;
    source from = source_of(call->step);
    if (from == PACKED)
        return bytes;
    sides s = sides_of(call, from);
    size_t times = from == VALUES ? 1 : mica_pool_threads(call->cpu->pool);
    return mica_mul_size(s.entry_bytes, times, &more) &&
                   mica_add_size(more, bytes + s.sides_bytes + s.bias_bytes, &bytes)
               ? bytes
               : SIZE_MAX;
}

/* Finds the linears and packs their bias; false if it is to be `check`ed and is not finite. */
static bool begin_sides(const mica_call *call, char *scratch, sides *s, float **bias, bool check)
{
    s->linears = (mica_side *)(void *)scratch;
    for (size_t i = 0; i < s->count; i++) {
        const mica_view *weight = mica_call_input(call, (uint32_t)(1 + 2 * i));
        const mica_view *b = mica_call_input(call, (uint32_t)(2 + 2 * i));
        s->linears[i] = (mica_side){.weight = weight->data,
                                    .weight_dtype = weight->dtype,
                                    .n = (size_t)weight->dim[0],
                                    .bias = b ? b->data : NULL,
                                    .bias_dtype = b ? b->dtype : MICA_DTYPE_F32};
    }
    *bias = s->has_bias ? (float *)(void *)(scratch + s->sides_bytes) : NULL;
    return !s->has_bias || mica_cpu_pack_bias(call->cpu, s->linears, s->count, *bias, check);
}

static void use_packed(mica_gemm *g, const mica_packed *packed)
{
    g->b = packed->panels;
    g->column_scale = packed->column_scale;
    g->column_sum = packed->column_sum;
}

/* ---- kept, once ---- */

typedef struct once {
    const mica_call *call;
    const mica_gemm *whole;
    const sides *sides;
    mica_packed *kept; /* or NULL */
    float *a;          /* for each thread */
    char *blocks;      /* of groups, for each thread */
    bool check;        /* weights that are not finite are an error */
    atomic_bool bad, damaged;
} once;

/* Rows [begin, end) of the linears side by side. */
static void drop_rows(const once *o, size_t begin, size_t end)
{
    size_t first = 0;
    for (size_t i = 0; i < o->sides->count; i++) {
        size_t n = o->sides->linears[i].n, from = begin > first ? begin - first : 0;
        size_t to = end > first ? end - first : 0;
        to = to < n ? to : n;
        if (from < to)
            mica_tensor_drop_rows(o->call->step->constants[1 + 2 * i], (int64_t)from, (int64_t)to);
        first += n;
    }
}

static void multiply(const once *o, const mica_gemm *whole, size_t first, size_t end, size_t worker)
{
    const mica_kernels *kernels = whole->kernels;
    size_t column = first * kernels->gemm.nr, past = end * kernels->gemm.nr;
    mica_gemm g = *whole;
    g.n = (past < g.n ? past : g.n) - column;
    g.c += column;
    g.bias = g.bias ? g.bias + column : NULL;
    mica_gemm_part(&g, 0, g.m, 0, end - first, o->a + worker * mica_gemm_scratch_floats(kernels));
}

/* With kept panels, which are checked when the product has brought them into a cache; false if they
 * are not what was kept. The last ones ask for those that follow. */
static bool multiply_kept(const once *o, size_t first, size_t end, size_t worker)
{
    const mica_cpu *cpu = o->call->cpu;
    const mica_packed *kept = o->kept;
    size_t column = first * cpu->kernels.gemm.nr;
    mica_gemm g = *o->whole;
    g.b = mica_cpu_panel(cpu, kept, first);
    g.next_b = end < o->sides->panels ? mica_cpu_panel(cpu, kept, end) : NULL;
    g.column_scale = kept->column_scale ? kept->column_scale + column : NULL;
    g.column_sum = kept->column_sum ? kept->column_sum + column : NULL;
    multiply(o, &g, first, end, worker);
    return mica_cpu_packed_intact(cpu, kept, first, end);
}

static void multiply_group(once *o, size_t first, size_t end, size_t worker)
{
    const mica_cpu *cpu = o->call->cpu;
    if (o->kept && multiply_kept(o, first, end, worker))
        return;
    if (o->kept)
        atomic_store(&o->damaged, true);
    mica_gemm g = *o->whole;
    mica_packed packed = {.precision = g.precision, .n = g.n, .k = g.k};
    mica_cpu_packed_use(cpu, &o->sides->entry, &packed, o->blocks + worker * o->sides->entry_bytes);
    if (!mica_cpu_pack_panels(cpu, o->sides->linears, &packed, first, end, o->check))
        atomic_store(&o->bad, true);
    use_packed(&g, &packed);
    multiply(o, &g, first, end, worker);
}

static void once_range(void *arg, size_t task, size_t tasks, size_t worker)
{
    once *o = arg;
    const sides *s = o->sides;
    size_t nr = o->call->cpu->kernels.gemm.nr;
    for (; task < tasks; task++) {
        size_t first = task * s->per, end = first + s->per < s->panels ? first + s->per : s->panels;
        for (size_t at = first; at < end; at += s->group)
            multiply_group(o, at, at + s->group < end ? at + s->group : end, worker);
        if (!o->kept)
            drop_rows(o, first * nr, end * nr);
    }
}

static void finish_range(void *arg, size_t begin, size_t end, size_t worker)
{
    mica_gemm_complete(arg, begin, end);
}

static mica_status run_once(const mica_call *call, source from, mica_gemm *g, char *scratch)
{
    float *bias;
    sides s = sides_of(call, from);
    once o = {.call = call, .whole = g, .sides = &s, .a = (float *)(void *)scratch};
    o.kept = from == KEPT ? call->step->prepared : NULL;
    o.check = mica_cpu_checks_weights(call->step);
    bool finite = begin_sides(call, scratch + packed_a_bytes(call->cpu), &s, &bias, o.check);
    g->bias = bias;
    o.blocks = scratch + packed_a_bytes(call->cpu) + s.sides_bytes + s.bias_bytes;
    if (s.n > 0)
        mica_cpu_ranges(call->cpu, ceil_div(s.panels, s.per), 1, once_range, &o);
    if (atomic_load(&o.damaged))
        mica_sidecar_reject(o.kept->sidecar);
    else if (o.kept)
        atomic_store(&o.kept->unchecked, false);
    if (!finite || atomic_load(&o.bad))
        return mica_cpu_check_constants(call->cpu, call->step, 0, call->err);
    if (g->finish || g->c_precision != MICA_PRECISION_F32)
        mica_cpu_ranges(call->cpu, g->m, mica_cpu_grain(g->n), finish_range, g);
    return MICA_OK;
}

/* ---- one column ---- */

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

static void norm_rows(const void *arg, size_t begin, size_t end)
{
    mica_cpu_norm_rows(arg, begin, end);
}

static mica_norm norm_of(const mica_call *call)
{
    const mica_view *y = mica_call_output(call);
    return (mica_norm){.kernel = call->cpu->kernels.layer_norm,
                       .x = y->data,
                       .residual = mica_call_input(call, 3)->data,
                       .weight = mica_call_input(call, 4)->data,
                       .bias = mica_call_input(call, 5)->data,
                       .y = y->data,
                       .n = (size_t)y->dim[y->rank - 1],
                       .eps = ((const mica_eps_params *)call->step->params)->eps};
}

/* The panels of the next linear, so that its threads do not begin by waiting for memory. */
static void ask_for_next(const mica_call *call, mica_gemm *g)
{
    size_t next = index_of(call) + 1;
    while (next < call->run->n_steps && !mica_op_is_linear(call->run->steps[next].op))
        next++;
    const mica_packed *packed = next < call->run->n_steps ? call->run->steps[next].prepared : NULL;
    if (!packed)
        return;
    g->then = mica_cpu_panel(call->cpu, packed, 0);
    g->then_panels = mica_gemm_panels(g->kernels, packed->n);
    g->then_floats = (size_t)((const float *)mica_cpu_panel(call->cpu, packed, 1) - g->then);
}

/* What has been a sum of rounded products, and is about to be rounded for the next, need not be as
 * exact. */
static mica_k_pointwise activation_of(const mica_cpu *cpu, mica_op op, mica_precision precision)
{
    bool coarse = op == MICA_OP_GELU && precision != MICA_PRECISION_F32;
    return coarse ? cpu->kernels.gelu_coarse : cpu->kernels.pointwise[op];
}

mica_status mica_cpu_run_linear(const mica_call *call)
{
    mica_norm norm;
    if (call->step->op == MICA_OP_LINEAR && mica_call_input(call, 1)->dim[0] == 1) {
        run_one_column(call);
        return MICA_OK;
    }
    const mica_cpu *cpu = call->cpu;
    const mica_packed *packed = call->step->prepared;
    source from = source_of(call->step);
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    char *scratch = (char *)call->run->scratch;
    mica_gemm g = {.kernels = &cpu->kernels, .precision = call->step->precision};
    g.m = rows_of(x);
    g.k = (size_t)x->dim[x->rank - 1];
    g.n = (size_t)y->dim[y->rank - 1];
    g.a = x->data;
    g.a_row = (int64_t)g.k;
    g.a_column = 1;
    g.c = y->data;
    g.ldc = g.n;
    g.stream = mica_cpu_streams(y);
    g.a_narrow = mica_cpu_comes_in(call) != MICA_PRECISION_F32;
    if (call->step->op == MICA_OP_FUSED_LINEAR) {
        const mica_fused_linear_params *params = call->step->params;
        g.activation = activation_of(cpu, params->activation, g.precision);
    }
    if (call->step->op == MICA_OP_LINEAR_ADD_LAYER_NORM) {
        norm = norm_of(call);
        g.finish = norm_rows;
        g.finish_arg = &norm;
        g.stream = false;
    }
    g.c_precision = left_in(call);
    if (g.c_precision != MICA_PRECISION_F32) {
        g.room = (float *)(void *)(scratch + packed_a_bytes(cpu));
        g.stream = false;
    }
    if (from == KEPT || from == ONCE)
        return run_once(call, from, &g, scratch);
    if (packed) {
        use_packed(&g, packed);
        g.bias = packed->bias;
        ask_for_next(call, &g);
    } else {
        sides s = sides_of(call, from);
        float *bias;
        char *block = scratch + packed_a_bytes(cpu);
        begin_sides(call, block, &s, &bias, false);
        mica_cpu_packed_use(cpu, &s.entry, &s.entry, block + s.sides_bytes + s.bias_bytes);
        mica_cpu_pack(cpu, s.linears, s.count, &s.entry, false);
        use_packed(&g, &s.entry);
        g.bias = bias;
    }
    mica_gemm_run(&g, cpu->pool, (float *)(void *)scratch);
    return MICA_OK;
}
