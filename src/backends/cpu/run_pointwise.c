/* SPDX-License-Identifier: MIT
 *
 * Steps on elements: one input, or two that are broadcast.
 */
#include "backends/cpu/cpu.h"

typedef struct unary {
    mica_k_pointwise kernel;
    const void *params;
    const float *x;
    float *y;
} unary;

static void unary_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const unary *u = arg;
    u->kernel(u->y + begin, u->x + begin, end - begin, u->params);
}

mica_status mica_cpu_run_pointwise(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    unary u = {call->cpu->kernels.pointwise[call->step->op], call->step->params, x->data, y->data};
    mica_cpu_ranges(call->cpu, (size_t)mica_view_count(y), mica_cpu_grain(0), unary_range, &u);
    return MICA_OK;
}

/* ---- two inputs ---- */

/* Both inputs over the output's axes: a stride of 0 repeats. Axes that lie behind one another in
 * all three are merged, so that a row is as long as it can be. */
typedef struct binary {
    mica_k_binary const *kernels; /* by form */
    const float *a, *b;
    float *y;
    int rank;
    size_t dim[MICA_MAX_RANK];
    int64_t stride_a[MICA_MAX_RANK], stride_b[MICA_MAX_RANK];
} binary;

static int64_t broadcast_stride(const mica_view *v, int axis, int rank)
{
    axis -= rank - v->rank;
    return axis < 0 || v->dim[axis] == 1 ? 0 : v->stride[axis];
}

static void binary_axes(binary *t, const mica_view *a, const mica_view *b, const mica_view *y)
{
    t->rank = 0;
    for (int i = 0; i < y->rank; i++) {
        size_t dim = (size_t)y->dim[i];
        int64_t sa = broadcast_stride(a, i, y->rank), sb = broadcast_stride(b, i, y->rank);
        int last = t->rank - 1;
        if (dim == 1)
            continue;
        if (last >= 0 && t->stride_a[last] == sa * (int64_t)dim &&
            t->stride_b[last] == sb * (int64_t)dim) {
            t->dim[last] *= dim;
        } else {
            last = t->rank++;
            t->dim[last] = dim;
        }
        t->stride_a[last] = sa;
        t->stride_b[last] = sb;
    }
    if (t->rank == 0) {
        t->rank = 1;
        t->dim[0] = 1;
        t->stride_a[0] = t->stride_b[0] = 1;
    }
}

/* A piece of a row whose inputs may lie in any steps: those that are neither dense nor a single
 * number are gathered first. */
static void binary_piece(const binary *t, const float *a, int64_t sa, const float *b, int64_t sb,
                         float *y, size_t n)
{
    enum { PIECE = 256 };
    float gathered_a[PIECE], gathered_b[PIECE];
    if (sa == 1 && sb == 1) {
        t->kernels[MICA_FORM_VV](y, a, b, n);
        return;
    }
    if (sa == 1 && sb == 0) {
        t->kernels[MICA_FORM_VS](y, a, b, n);
        return;
    }
    if (sa == 0 && sb == 1) {
        t->kernels[MICA_FORM_SV](y, a, b, n);
        return;
    }
    for (size_t at = 0; at < n; at += PIECE) {
        size_t m = n - at < PIECE ? n - at : PIECE;
        for (size_t i = 0; i < m; i++) {
            gathered_a[i] = a[(int64_t)(at + i) * sa];
            gathered_b[i] = b[(int64_t)(at + i) * sb];
        }
        t->kernels[MICA_FORM_VV](y + at, gathered_a, gathered_b, m);
    }
}

/* Elements [begin, end) of the output in C order. */
static void binary_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const binary *t = arg;
    int inner = t->rank - 1;
    size_t width = t->dim[inner];
    while (begin < end) {
        size_t row = begin / width, column = begin % width, n = width - column;
        if (n > end - begin)
            n = end - begin;
        int64_t at_a = (int64_t)column * t->stride_a[inner];
        int64_t at_b = (int64_t)column * t->stride_b[inner];
        for (int i = inner - 1; i >= 0; i--) {
            int64_t index = (int64_t)(row % t->dim[i]);
            row /= t->dim[i];
            at_a += index * t->stride_a[i];
            at_b += index * t->stride_b[i];
        }
        binary_piece(t, t->a + at_a, t->stride_a[inner], t->b + at_b, t->stride_b[inner],
                     t->y + begin, n);
        begin += n;
    }
}

mica_status mica_cpu_run_binary(const mica_call *call)
{
    const mica_view *a = mica_call_input(call, 0), *b = mica_call_input(call, 1);
    const mica_view *y = mica_call_output(call);
    binary t = {.kernels = call->cpu->kernels.binary[call->step->op - MICA_OP_ADD],
                .a = a->data,
                .b = b->data,
                .y = y->data};
    size_t count = (size_t)mica_view_count(y);
    if (count == 0)
        return MICA_OK;
    binary_axes(&t, a, b, y);
    /* In place, pieces that are gathered must not be read after they are written: an input at the
     * output's address has the output's strides, so each element is read just before. */
    mica_cpu_ranges(call->cpu, count, mica_cpu_grain(0), binary_range, &t);
    return MICA_OK;
}
