/* SPDX-License-Identifier: MIT
 *
 * Steps on whole rows along an axis: softmax, l2_normalize, layer_norm, add_layer_norm. Inputs are
 * contiguous.
 */
#include "backends/cpu/elements.h"

typedef struct rows {
    const mica_kernels *kernels;
    const float *x;
    float *y;
    size_t n;     /* length of a row */
    size_t inner; /* distance of a row's elements */
    float eps;
    float *scratch; /* for each worker, or NULL */
    size_t floats;  /* of a worker's */
    bool past;      /* softmax_past takes the rows, scratch is what it keeps */
} rows;

static size_t outer_of(const mica_view *x, int axis)
{
    size_t outer = 1;
    for (int i = 0; i < axis; i++)
        outer *= (size_t)x->dim[i];
    return outer;
}

static size_t inner_of(const mica_view *x, int axis)
{
    size_t inner = 1;
    for (int i = axis + 1; i < x->rank; i++)
        inner *= (size_t)x->dim[i];
    return inner;
}

/* Large results are written past the caches by softmax_past, or computed by groups of rows in
 * scratch, from where they are streamed. */
enum { GROUP_FLOATS = 4096, COLUMNS = 64, KEPT_MOST = 1 << 21 };

static void softmax_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const rows *r = arg;
    float *group = r->scratch ? r->scratch + worker * r->floats : NULL;
    if (r->past) {
        size_t at = begin * r->n;
        r->kernels->softmax_past(r->y + at, r->x + at, end - begin, r->n, group);
        return;
    }
    size_t most = r->scratch ? GROUP_FLOATS / r->n : end - begin;
    for (size_t row = begin; row < end; row += most) {
        size_t count = end - row < most ? end - row : most, at = row * r->n;
        r->kernels->softmax(r->scratch ? group : r->y + at, r->x + at, count, r->n);
        if (r->scratch)
            r->kernels->stream(r->y + at, group, count * r->n * sizeof *group);
    }
}

/* Tasks count blocks of columns, those of an outer index one after another. */
static void softmax_columns_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const rows *r = arg;
    size_t blocks = (r->inner + COLUMNS - 1) / COLUMNS;
    for (size_t task = begin; task < end; task++) {
        size_t column = task % blocks * COLUMNS;
        size_t at = task / blocks * r->n * r->inner + column;
        size_t columns = r->inner - column < COLUMNS ? r->inner - column : COLUMNS;
        r->kernels->softmax_columns(r->y + at, r->x + at, r->n, r->inner, columns);
    }
}

static bool softmax_goes_past(const mica_call *call)
{
    const mica_axis_params *params = call->step->params;
    const mica_kernels *kernels = &call->cpu->kernels;
    int64_t n = mica_call_output(call)->dim[params->axis];
    return kernels->softmax_past && n <= KEPT_MOST && n % (int64_t)kernels->softmax_lanes == 0;
}

/* What a worker needs of a result that streams. */
static size_t softmax_floats(const mica_call *call)
{
    const mica_axis_params *params = call->step->params;
    const mica_view *y = mica_call_output(call);
    if (y->rank == 0 || !mica_cpu_streams(y) || inner_of(y, params->axis) != 1)
        return 0;
    size_t n = (size_t)y->dim[params->axis];
    size_t kept = softmax_goes_past(call) ? mica_softmax_kept(n) : 0;
    size_t group = n <= GROUP_FLOATS / 2 ? GROUP_FLOATS : 0;
    return kept > group ? kept : group;
}

size_t mica_cpu_scratch_softmax(const mica_call *call)
{
    return softmax_floats(call) * sizeof(float) * mica_pool_threads(call->cpu->pool);
}

/* softmax_past wants many rows at once: of long ones all that a thread gets. */
static size_t softmax_grain(const mica_call *call, const rows *r, size_t outer)
{
    size_t threads = mica_pool_threads(call->cpu->pool);
    if (!r->past)
        return mica_cpu_grain(r->n);
    return r->n >= MICA_SOFTMAX_LONG ? (outer - 1) / threads + 1 : 16 * mica_cpu_grain(r->n);
}

mica_status mica_cpu_run_softmax(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    const mica_axis_params *params = call->step->params;
    rows r = {.kernels = &call->cpu->kernels, .x = x->data, .y = y->data};
    if (mica_view_count(y) == 0)
        return MICA_OK;
    r.n = (size_t)x->dim[params->axis];
    r.inner = inner_of(x, params->axis);
    r.floats = softmax_floats(call);
    r.past = r.floats && softmax_goes_past(call) && r.x != r.y && (uintptr_t)r.y % 64 == 0;
    if (r.past || (r.floats && r.n <= GROUP_FLOATS / 2))
        r.scratch = (float *)(void *)call->run->scratch;
    size_t outer = outer_of(x, params->axis);
    if (r.inner == 1)
        mica_cpu_ranges(call->cpu, outer, softmax_grain(call, &r, outer), softmax_range, &r);
    else
        mica_cpu_ranges(call->cpu, outer * ((r.inner + COLUMNS - 1) / COLUMNS),
                        mica_cpu_grain(r.n * COLUMNS), softmax_columns_range, &r);
    return MICA_OK;
}

static void l2_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const rows *r = arg;
    for (size_t row = begin; row < end; row++)
        r->kernels->l2_normalize(r->y + row * r->n, r->x + row * r->n, r->n, r->eps);
}

static size_t rows_of(const mica_view *y)
{
    return outer_of(y, y->rank - 1);
}

mica_status mica_cpu_run_l2_normalize(const mica_call *call)
{
    const mica_view *y = mica_call_output(call);
    rows r = {.kernels = &call->cpu->kernels, .x = mica_call_input(call, 0)->data, .y = y->data};
    r.n = (size_t)y->dim[y->rank - 1];
    r.eps = ((const mica_eps_params *)call->step->params)->eps;
    if (r.n)
        mica_cpu_ranges(call->cpu, rows_of(y), mica_cpu_grain(r.n), l2_range, &r);
    return MICA_OK;
}

void mica_cpu_norm_rows(const mica_norm *norm, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++) {
        size_t at = row * norm->n;
        norm->kernel(norm->y + at, norm->x + at, norm->residual ? norm->residual + at : NULL,
                     norm->weight, norm->bias, norm->n, norm->eps);
    }
}

static void layer_norm_range(void *arg, size_t begin, size_t end, size_t worker)
{
    mica_cpu_norm_rows(arg, begin, end);
}

static const float *data_or_null(const mica_view *view)
{
    return view ? view->data : NULL;
}

mica_status mica_cpu_run_layer_norm(const mica_call *call)
{
    const mica_view *y = mica_call_output(call);
    uint32_t next = 0;
    mica_norm norm = {.kernel = call->cpu->kernels.layer_norm, .y = y->data};
    norm.x = mica_call_input(call, next++)->data;
    if (call->step->op == MICA_OP_ADD_LAYER_NORM)
        norm.residual = mica_call_input(call, next++)->data;
    norm.weight = data_or_null(mica_call_input(call, next++));
    norm.bias = data_or_null(mica_call_input(call, next));
    norm.n = (size_t)y->dim[y->rank - 1];
    norm.eps = ((const mica_eps_params *)call->step->params)->eps;
    if (norm.n)
        mica_cpu_ranges(call->cpu, rows_of(y), mica_cpu_grain(norm.n), layer_norm_range, &norm);
    return MICA_OK;
}
