/* SPDX-License-Identifier: MIT
 *
 * Steps on whole rows along an axis: softmax, l2_normalize, layer_norm, add_layer_norm. Inputs are
 * contiguous.
 */
#include "backends/cpu/cpu.h"

typedef struct rows {
    const mica_kernels *kernels;
    const float *x, *residual, *weight, *bias;
    float *y;
    size_t n;     /* length of a row */
    size_t inner; /* distance of a row's elements */
    float eps;
    float *scratch; /* a row for each worker, where inner is not 1 */
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

static void softmax_row(const mica_kernels *kernels, float *y, const float *x, size_t n)
{
    float sum;
    kernels->exp_row(y, x, n, 1, &sum);
    kernels->binary[MICA_OP_DIV - MICA_OP_ADD][MICA_FORM_VS](y, y, &sum, n);
}

static void softmax_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const rows *r = arg;
    for (size_t row = begin; row < end; row++) {
        if (r->inner == 1) {
            softmax_row(r->kernels, r->y + row * r->n, r->x + row * r->n, r->n);
            continue;
        }
        size_t at = row / r->inner * r->n * r->inner + row % r->inner;
        float *line = r->scratch + worker * r->n;
        for (size_t i = 0; i < r->n; i++)
            line[i] = r->x[at + i * r->inner];
        softmax_row(r->kernels, line, line, r->n);
        for (size_t i = 0; i < r->n; i++)
            r->y[at + i * r->inner] = line[i];
    }
}

size_t mica_cpu_scratch_softmax(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0);
    const mica_axis_params *params = call->step->params;
    if (x->rank == 0 || inner_of(x, params->axis) == 1)
        return 0;
    return (size_t)x->dim[params->axis] * sizeof(float) * mica_pool_threads(call->cpu->pool);
}

mica_status mica_cpu_run_softmax(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    const mica_axis_params *params = call->step->params;
    rows r = {.kernels = &call->cpu->kernels, .x = x->data, .y = y->data};
    r.n = (size_t)x->dim[params->axis];
    r.inner = inner_of(x, params->axis);
    r.scratch = (float *)(void *)call->run->scratch;
    size_t count = outer_of(x, params->axis) * r.inner;
    if (r.n)
        mica_cpu_ranges(call->cpu, count, mica_cpu_grain(r.n), softmax_range, &r);
    return MICA_OK;
}

static void l2_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const rows *r = arg;
    for (size_t row = begin; row < end; row++)
        r->kernels->l2_normalize(r->y + row * r->n, r->x + row * r->n, r->n, r->eps);
}

static const float *data_or_null(const mica_view *view)
{
    return view ? view->data : NULL;
}

static void layer_norm_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const rows *r = arg;
    for (size_t row = begin; row < end; row++)
        r->kernels->layer_norm(r->y + row * r->n, r->x + row * r->n,
                               r->residual ? r->residual + row * r->n : NULL, r->weight, r->bias,
                               r->n, r->eps);
}

/* Runs fn over the rows along the last axis of the output. */
static void run_last_axis(const mica_call *call, rows *r, mica_range fn)
{
    const mica_view *y = mica_call_output(call);
    r->kernels = &call->cpu->kernels;
    r->y = y->data;
    r->n = (size_t)y->dim[y->rank - 1];
    r->eps = ((const mica_eps_params *)call->step->params)->eps;
    if (r->n)
        mica_cpu_ranges(call->cpu, outer_of(y, y->rank - 1), mica_cpu_grain(r->n), fn, r);
}

mica_status mica_cpu_run_l2_normalize(const mica_call *call)
{
    rows r = {.x = mica_call_input(call, 0)->data};
    run_last_axis(call, &r, l2_range);
    return MICA_OK;
}

mica_status mica_cpu_run_layer_norm(const mica_call *call)
{
    uint32_t next = 0;
    rows r = {.x = mica_call_input(call, next++)->data};
    if (call->step->op == MICA_OP_ADD_LAYER_NORM)
        r.residual = mica_call_input(call, next++)->data;
    r.weight = data_or_null(mica_call_input(call, next++));
    r.bias = data_or_null(mica_call_input(call, next));
    run_last_axis(call, &r, layer_norm_range);
    return MICA_OK;
}
