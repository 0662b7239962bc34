/* SPDX-License-Identifier: MIT
 *
 * Steps that move elements: copy, concat, cast.
 */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "tensor/convert.h"

/* A copy between two layouts of one shape, axes merged where both allow it. */
typedef struct moving {
    const unsigned char *x;
    unsigned char *y;
    size_t size; /* bytes of an element */
    int rank;
    size_t dim[MICA_MAX_RANK];
    int64_t stride_x[MICA_MAX_RANK], stride_y[MICA_MAX_RANK]; /* in elements */
} moving;

static void add_axis(moving *t, size_t dim, int64_t stride_x, int64_t stride_y)
{
    int last = t->rank - 1;
    if (dim == 1)
        return;
    if (last >= 0 && t->stride_x[last] == stride_x * (int64_t)dim &&
        t->stride_y[last] == stride_y * (int64_t)dim) {
        t->dim[last] *= dim;
    } else {
        last = t->rank++;
        t->dim[last] = dim;
    }
    t->stride_x[last] = stride_x;
    t->stride_y[last] = stride_y;
}

static void move_line(unsigned char *y, int64_t stride_y, const unsigned char *x, int64_t stride_x,
                      size_t size, size_t n)
{
    if (stride_x == 1 && stride_y == 1) {
        memcpy(y, x, n * size);
        return;
    }
    int64_t step_y = stride_y * (int64_t)size, step_x = stride_x * (int64_t)size;
    if (size == 4) { /* the usual one: a constant size becomes a plain move */
        for (size_t i = 0; i < n; i++)
            memcpy(y + (int64_t)i * step_y, x + (int64_t)i * step_x, 4);
        return;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(y + (int64_t)i * step_y, x + (int64_t)i * step_x, size);
}

static void move_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const moving *t = arg;
    int inner = t->rank - 1;
    for (size_t line = begin; line < end; line++) {
        int64_t at_x = 0, at_y = 0;
        size_t rest = line;
        for (int i = inner - 1; i >= 0; i--) {
            int64_t index = (int64_t)(rest % t->dim[i]);
            rest /= t->dim[i];
            at_x += index * t->stride_x[i];
            at_y += index * t->stride_y[i];
        }
        move_line(t->y + at_y * (int64_t)t->size, t->stride_y[inner],
                  t->x + at_x * (int64_t)t->size, t->stride_x[inner], t->size, t->dim[inner]);
    }
}

/* Copies x to `to`, an address with the strides of y. */
static void move_view(const mica_call *call, const mica_view *x, unsigned char *to,
                      const int64_t *stride_y)
{
    moving t = {.x = x->data, .y = to, .size = mica_dtype_size(x->dtype)};
    size_t lines = 1;
    if (mica_view_count(x) == 0)
        return;
    for (int i = 0; i < x->rank; i++)
        add_axis(&t, (size_t)x->dim[i], x->stride[i], stride_y[i]);
    if (t.rank == 0) {
        t.rank = 1;
        t.dim[0] = 1;
        t.stride_x[0] = t.stride_y[0] = 1;
    }
    for (int i = 0; i + 1 < t.rank; i++)
        lines *= t.dim[i];
    mica_cpu_ranges(call->cpu, lines, mica_cpu_grain(t.dim[t.rank - 1]), move_range, &t);
}

mica_status mica_cpu_run_copy(const mica_call *call)
{
    const mica_view *y = mica_call_output(call);
    move_view(call, mica_call_input(call, 0), y->data, y->stride);
    return MICA_OK;
}

mica_status mica_cpu_run_concat(const mica_call *call)
{
    const mica_axis_params *params = call->step->params;
    const mica_view *y = mica_call_output(call);
    unsigned char *to = y->data;
    for (uint32_t i = 0; i < call->step->n_inputs; i++) {
        const mica_view *x = mica_call_input(call, i);
        move_view(call, x, to, y->stride);
        to += x->dim[params->axis] * y->stride[params->axis] * (int64_t)mica_dtype_size(x->dtype);
    }
    return MICA_OK;
}

typedef struct casting {
    const unsigned char *x;
    mica_dtype from;
    float *y;
} casting;

static void cast_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const casting *c = arg;
    mica_convert_to_f32(c->from, c->x + begin * mica_dtype_size(c->from), c->y + begin,
                        end - begin);
}

/* To dtypes other than float32, as mica_tensor_cast does it; these are rare, and it allocates. */
static mica_status cast_other(const mica_call *call, const mica_view *x, const mica_view *y)
{
    mica_tensor *from = NULL, *to = NULL;
    mica_status status =
        mica_tensor_wrap(x->dtype, x->rank, x->dim, x->data, NULL, NULL, &from, call->err);
    if (!status)
        status = mica_tensor_cast(from, y->dtype, &to, call->err);
    if (!status && mica_tensor_bytes(to))
        memcpy(y->data, mica_tensor_data(to), mica_tensor_bytes(to));
    if (from)
        mica_tensor_release(&from);
    if (to)
        mica_tensor_release(&to);
    return status;
}

mica_status mica_cpu_run_cast(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    size_t count = (size_t)mica_view_count(y);
    if (count == 0)
        return MICA_OK;
    if (x->dtype == y->dtype) {
        memcpy(y->data, x->data, count * mica_dtype_size(x->dtype));
        return MICA_OK;
    }
    if (y->dtype != MICA_DTYPE_F32)
        return cast_other(call, x, y);
    casting c = {x->data, x->dtype, y->data};
    mica_cpu_ranges(call->cpu, count, mica_cpu_grain(0), cast_range, &c);
    return MICA_OK;
}
