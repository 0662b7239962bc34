/* SPDX-License-Identifier: MIT
 *
 * Steps that take elements from places which parameters or indices name, for random shapes, against
 * loops that say the same: convolutions, gather, the scatters, top_k. At every level, with one
 * thread and with several. The planner gives these steps contiguous inputs.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/common.h"

enum { MOST = 1 << 16 };

static int64_t choose(uint64_t *seed, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(seed, (size_t)(high - low + 1));
}

static mica_dtype choose_dtype(uint64_t *seed, const mica_dtype *dtypes, size_t n)
{
    return dtypes[random_below(seed, n)];
}

static int64_t product(const int64_t *dims, int begin, int end)
{
    int64_t n = 1;
    for (int i = begin; i < end; i++)
        n *= dims[i];
    return n;
}

/* ---- convolutions ---- */

/* Both kinds as conv2d: conv1d has a height and a kernel height of 1. */
typedef struct window {
    int64_t x[4], w[4], y[4]; /* [N, H, W, C], [O, KH, KW, C / groups], [N, H', W', O] */
    int64_t stride[2], padding[2], dilation[2], groups;
} window;

static window random_window(uint64_t *seed, bool flat)
{
    window c = {.groups = choose(seed, 1, 3)};
    bool wide = random_below(seed, 4) == 0, narrow = random_below(seed, 2);
    c.w[3] = choose(seed, 1, wide ? 3 : 9);
    c.x[3] = c.w[3] * c.groups;
    c.y[3] = c.w[0] = c.groups * choose(seed, 1, narrow ? 8 : 40);
    c.x[0] = c.y[0] = choose(seed, 0, 2);
    for (int i = 0; i < 2; i++) {
        bool none = flat && i == 0;
        c.w[1 + i] = none ? 1 : choose(seed, 1, 4);
        c.stride[i] = none ? 1 : choose(seed, 1, 3);
        c.dilation[i] = none ? 1 : choose(seed, 1, 3);
        c.padding[i] = none ? 0 : choose(seed, 0, 3);
        c.x[1 + i] = none ? 1 : i == 0 ? choose(seed, 1, wide ? 3 : 14) : choose(seed, 1, 20);
        if (wide && i == 1)
            c.x[2] = choose(seed, 150, 600);
        int64_t reach = (c.w[1 + i] - 1) * c.dilation[i] + 1;
        while (c.x[1 + i] + 2 * c.padding[i] < reach)
            c.x[1 + i]++;
        c.y[1 + i] = (c.x[1 + i] + 2 * c.padding[i] - reach) / c.stride[i] + 1;
    }
    return c;
}

/* The sum that makes output o of a pixel, by the definition. */
static double pixel(const window *c, const float *x, const float *w, const int64_t at[4])
{
    double sum = 0;
    int64_t group = at[3] / (c->w[0] / c->groups);
    for (int64_t kh = 0; kh < c->w[1]; kh++)
        for (int64_t kw = 0; kw < c->w[2]; kw++) {
            int64_t row = at[1] * c->stride[0] + kh * c->dilation[0] - c->padding[0];
            int64_t column = at[2] * c->stride[1] + kw * c->dilation[1] - c->padding[1];
            if (row < 0 || row >= c->x[1] || column < 0 || column >= c->x[2])
                continue;
            const float *from =
                x + ((at[0] * c->x[1] + row) * c->x[2] + column) * c->x[3] + group * c->w[3];
            const float *by = w + ((at[3] * c->w[1] + kh) * c->w[2] + kw) * c->w[3];
            for (int64_t p = 0; p < c->w[3]; p++)
                sum += (double)from[p] * (double)by[p];
        }
    return sum;
}

/* Without the axis of height, where there is none. */
static const int64_t *shown(const int64_t dims[4], bool flat, int64_t to[3])
{
    to[0] = dims[0];
    to[1] = dims[2];
    to[2] = dims[3];
    return flat ? to : dims;
}

static void check_conv_of(rig *r, uint64_t *seed, bool flat)
{
    window c = random_window(seed, flat);
    mica_conv1d_params one = {c.stride[1], c.padding[1], c.dilation[1], c.groups};
    mica_conv2d_params two = {.groups = c.groups};
    memcpy(two.stride, c.stride, sizeof two.stride);
    memcpy(two.padding, c.padding, sizeof two.padding);
    memcpy(two.dilation, c.dilation, sizeof two.dilation);
    int64_t dims[3], at[4];
    int rank = flat ? 3 : 4;
    size_t count = (size_t)product(c.y, 0, 4);
    bool biased = random_below(seed, 2);
    if (count > MOST)
        return;
    const float *x = random_floats(seed, 0, (size_t)product(c.x, 0, 4));
    const float *w = random_floats(seed, 1, (size_t)product(c.w, 0, 4));
    const float *bias = random_floats(seed, 2, (size_t)c.w[0]);
    float *y = guarded_floats(3, count, random_edge(seed));
    rig_begin(r, flat ? MICA_OP_CONV1D : MICA_OP_CONV2D, flat ? (void *)&one : (void *)&two);
    rig_input(r, MICA_DTYPE_F32, x, rank, shown(c.x, flat, dims));
    rig_input(r, MICA_DTYPE_F32, w, rank, shown(c.w, flat, dims));
    if (biased)
        rig_input(r, MICA_DTYPE_F32, bias, 1, c.w);
    else
        rig_no_input(r);
    rig_output(r, MICA_DTYPE_F32, y, rank, shown(c.y, flat, dims));
    rig_run_ok(r);
    for (size_t i = 0; i < count; i++) {
        int64_t rest = (int64_t)i;
        for (int axis = 3; axis >= 0; axis--) {
            at[axis] = rest % c.y[axis];
            rest /= c.y[axis];
        }
        double expected = pixel(&c, x, w, at) + (biased ? (double)bias[at[3]] : 0);
        check_near(y[i], expected, 0, 1e-6 + 6e-8 * (double)product(c.w, 1, 4), "convolution", i);
    }
}

static void check_conv1d(rig *r, uint64_t *seed)
{
    check_conv_of(r, seed, true);
}

static void check_conv2d(rig *r, uint64_t *seed)
{
    check_conv_of(r, seed, false);
}

static void test_conv1d(void **state)
{
    rig_each(check_conv1d, 80);
}

static void test_conv2d(void **state)
{
    rig_each(check_conv2d, 80);
}

/* ---- numbers of several dtypes ---- */

static double number_at(mica_dtype dtype, const void *data, size_t i)
{
    switch ((int)dtype) {
    case MICA_DTYPE_F32:
        return (double)((const float *)data)[i];
    case MICA_DTYPE_I32:
        return ((const int32_t *)data)[i];
    case MICA_DTYPE_I64:
        return (double)((const int64_t *)data)[i];
    default:
        return ((const uint8_t *)data)[i];
    }
}

static void put(mica_dtype dtype, void *data, size_t i, double number)
{
    switch ((int)dtype) {
    case MICA_DTYPE_F32:
        ((float *)data)[i] = (float)number;
        break;
    case MICA_DTYPE_I32:
        ((int32_t *)data)[i] = (int32_t)number;
        break;
    case MICA_DTYPE_I64:
        ((int64_t *)data)[i] = (int64_t)number;
        break;
    default: /* wraps around */
        ((uint8_t *)data)[i] = (uint8_t)(int64_t)number;
        break;
    }
}

/* Few different whole numbers, so that there are ties, and with `odd` NaN and infinities. */
static void *random_numbers(uint64_t *seed, int area, size_t n, mica_dtype dtype, bool odd)
{
    void *data = guarded(area, n * mica_dtype_size(dtype), random_edge(seed));
    for (size_t i = 0; i < n; i++) {
        double number = (double)choose(seed, dtype == MICA_DTYPE_U8 ? 0 : -100, 100);
        if (dtype == MICA_DTYPE_F32 && odd && random_below(seed, 8) == 0)
            number = (const double[]){NAN, INFINITY, -INFINITY, -0.0}[random_below(seed, 4)];
        put(dtype, data, i, number);
    }
    return data;
}

/* ---- by indices ---- */

/* x is [outer, rows, inner] as the axis divides it, and the indices are `count` in all. */
typedef struct lookup {
    int64_t dims[3], indices[2], picked[4];
    int axis, index_rank;
    int64_t outer, rows, inner, count;
    mica_dtype index_dtype;
    void *index; /* negative ones count from the end */
    int64_t row[MOST];
} lookup;

static lookup *random_lookup(uint64_t *seed)
{
    static lookup l; /* large */
    int rank = 0;
    memset(&l, 0, sizeof l);
    l.axis = (int)random_below(seed, 3);
    l.index_rank = (int)random_below(seed, 3);
    l.index_dtype = random_below(seed, 2) ? MICA_DTYPE_I32 : MICA_DTYPE_I64;
    bool many = random_below(seed, 4) == 0; /* updates in parts */
    for (int i = 0; i < 3; i++)
        l.dims[i] = i == l.axis ? choose(seed, 1, 30) : choose(seed, many ? 2 : 0, many ? 5 : 18);
    for (int i = 0; i < l.index_rank; i++)
        l.indices[i] = choose(seed, 0, 9);
    if (many) {
        l.index_rank = 1;
        l.indices[0] = choose(seed, 2000, 5000);
    }
    l.outer = product(l.dims, 0, l.axis);
    l.rows = l.dims[l.axis];
    l.inner = product(l.dims, l.axis + 1, 3);
    l.count = product(l.indices, 0, l.index_rank);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; i == l.axis && j < l.index_rank; j++)
            l.picked[rank++] = l.indices[j];
        if (i != l.axis)
            l.picked[rank++] = l.dims[i];
    }
    size_t size = mica_dtype_size(l.index_dtype);
    l.index = guarded(7, (size_t)l.count * size, AT_END);
    for (int64_t i = 0; i < l.count; i++) {
        l.row[i] = choose(seed, 0, l.rows - 1);
        int64_t written = l.row[i] - (random_below(seed, 3) == 0 ? l.rows : 0);
        put(l.index_dtype, l.index, (size_t)i, (double)written);
    }
    return &l;
}

static void begin_lookup(rig *r, mica_op op, const mica_axis_params *params, const lookup *l,
                         mica_dtype dtype, const void *x)
{
    rig_begin(r, op, params);
    rig_input(r, dtype, x, 3, l->dims);
    rig_input(r, l->index_dtype, l->index, l->index_rank, l->indices);
}

/* One index outside is an error that names it. */
static void check_outside(rig *r, uint64_t *seed, const lookup *l)
{
    char expected[32];
    if (l->count == 0)
        return;
    double outside = (double)(random_below(seed, 2) ? l->rows : -l->rows - 1);
    put(l->index_dtype, l->index, random_below(seed, (size_t)l->count), outside);
    assert_int_equal(rig_run(r), MICA_STATUS_INVALID_ARGUMENT);
    snprintf(expected, sizeof expected, "is %.0f:", outside);
    assert_non_null(strstr(r->err.message, expected));
    assert_non_null(strstr(r->err.message, mica_op_name(r->step.op)));
}

static const mica_dtype all[] = {MICA_DTYPE_F32, MICA_DTYPE_I32, MICA_DTYPE_I64, MICA_DTYPE_U8};

static void check_gather(rig *r, uint64_t *seed)
{
    lookup *l = random_lookup(seed);
    mica_dtype dtype = choose_dtype(seed, all, 4);
    mica_axis_params params = {l->axis};
    size_t bytes = (size_t)l->inner * mica_dtype_size(dtype);
    const char *x = random_numbers(seed, 0, (size_t)product(l->dims, 0, 3), dtype, true);
    char *y = guarded(1, (size_t)(l->outer * l->count) * bytes, random_edge(seed));
    begin_lookup(r, MICA_OP_GATHER, &params, l, dtype, x);
    rig_output(r, dtype, y, 2 + l->index_rank, l->picked);
    rig_run_ok(r);
    for (int64_t outer = 0; outer < l->outer; outer++)
        for (int64_t i = 0; i < l->count; i++)
            assert_memory_equal(y + (size_t)(outer * l->count + i) * bytes,
                                x + (size_t)(outer * l->rows + l->row[i]) * bytes, bytes);
    check_outside(r, seed, l);
}

static void test_gather(void **state)
{
    rig_each(check_gather, 60);
}

/* Whole numbers of at most 100 add up exactly in float32, so that every order gives one sum. */
static void check_scatter(rig *r, uint64_t *seed)
{
    static const mica_op ops[] = {MICA_OP_SCATTER, MICA_OP_SCATTER_SUM, MICA_OP_SCATTER_MAX};
    static double expected[MOST];
    lookup *l = random_lookup(seed);
    mica_dtype dtype = choose_dtype(seed, all, 4);
    mica_op op = ops[random_below(seed, 3)];
    bool odd = op != MICA_OP_SCATTER_SUM;
    mica_axis_params params = {l->axis};
    size_t cells = (size_t)product(l->dims, 0, 3), size = mica_dtype_size(dtype);
    const void *x = random_numbers(seed, 0, cells, dtype, odd);
    const void *updates =
        random_numbers(seed, 1, (size_t)(l->outer * l->count * l->inner), dtype, odd);
    void *y = guarded(2, cells * size, random_edge(seed));
    begin_lookup(r, op, &params, l, dtype, x);
    rig_input(r, dtype, updates, 2 + l->index_rank, l->picked);
    rig_output(r, dtype, y, 3, l->dims);
    rig_run_ok(r);
    for (size_t i = 0; i < cells; i++)
        expected[i] = number_at(dtype, x, i);
    for (int64_t outer = 0; outer < l->outer; outer++)
        for (int64_t i = 0; i < l->count; i++)
            for (int64_t j = 0; j < l->inner; j++) {
                double *to = &expected[(outer * l->rows + l->row[i]) * l->inner + j];
                double u =
                    number_at(dtype, updates, (size_t)((outer * l->count + i) * l->inner + j));
                *to = op == MICA_OP_SCATTER       ? u
                      : op == MICA_OP_SCATTER_SUM ? *to + u
                      : isnan(*to) || isnan(u)    ? NAN
                      : *to > u                   ? *to
                                                  : u;
            }
    for (size_t i = 0; i < cells; i++) {
        unsigned char one[sizeof(int64_t)];
        put(dtype, one, 0, expected[i]);
        check_near((float)number_at(dtype, y, i), number_at(dtype, one, 0), 0, 0, mica_op_name(op),
                   i);
    }
    check_outside(r, seed, l);
}

static void test_scatter(void **state)
{
    rig_each(check_scatter, 120);
}

/* ---- top_k ---- */

/* Whether a comes before b among the largest; NaN is the largest. */
static bool before(double a, double b, bool smallest)
{
    if (isnan(a) || isnan(b))
        return smallest ? !isnan(a) : !isnan(b);
    return smallest ? a < b : a > b;
}

/* Takes the best of a line again and again, the first of equal ones. */
static void check_line(const rig *r, size_t first, size_t step, size_t out, size_t n, size_t k)
{
    static bool taken[MOST];
    const mica_top_k_params *params = r->step.params;
    const mica_view *x = &r->views[0], *y = &r->views[1];
    memset(taken, 0, n);
    for (size_t i = 0; i < k; i++) {
        size_t best = n;
        for (size_t j = 0; j < n; j++) {
            double number = number_at(x->dtype, x->data, first + j * step);
            if (!taken[j] &&
                (best == n || before(number, number_at(x->dtype, x->data, first + best * step),
                                     params->smallest)))
                best = j;
        }
        taken[best] = true;
        double found = number_at(y->dtype, y->data, out + i * step);
        if (r->step.op == MICA_OP_ARG_TOP_K)
            assert_int_equal((int64_t)found, (int64_t)best);
        else
            check_near((float)found, number_at(x->dtype, x->data, first + best * step), 0, 0,
                       "top_k", i);
    }
}

static void check_top_k(rig *r, uint64_t *seed)
{
    mica_dtype dtype = choose_dtype(seed, all, 4);
    bool indices = random_below(seed, 2), lengthy = random_below(seed, 8) == 0;
    int64_t dims[3], out[3];
    mica_top_k_params params = {.axis = (int)random_below(seed, 3),
                                .smallest = random_below(seed, 2)};
    for (int i = 0; i < 3; i++)
        out[i] = dims[i] = choose(seed, 0, lengthy ? 2 : 14);
    dims[params.axis] = lengthy ? choose(seed, 4000, 6000) : choose(seed, 0, 200);
    params.k = choose(seed, 0, lengthy ? 20 : dims[params.axis]);
    out[params.axis] = params.k;
    size_t outer = (size_t)product(dims, 0, params.axis), n = (size_t)dims[params.axis];
    size_t inner = (size_t)product(dims, params.axis + 1, 3), k = (size_t)params.k;
    mica_dtype given = indices ? MICA_DTYPE_I32 : dtype;
    const void *x = random_numbers(seed, 0, outer * n * inner, dtype, true);
    void *y = guarded(1, outer * k * inner * mica_dtype_size(given), random_edge(seed));
    rig_begin(r, indices ? MICA_OP_ARG_TOP_K : MICA_OP_TOP_K, &params);
    rig_input(r, dtype, x, 3, dims);
    rig_output(r, given, y, 3, out);
    rig_run_ok(r);
    for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++)
            check_line(r, i * n * inner + j, inner, i * k * inner + j, n, k);
}

static void test_top_k(void **state)
{
    rig_each(check_top_k, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv1d), cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_gather), cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_top_k),
    };
    list_skipped_levels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
