/* SPDX-License-Identifier: MIT
 *
 * Steps as a program runs them, for random shapes and strides, against loops in double precision:
 * at every level, with one thread and with several.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends/cpu/elements.h"
#include "kernels/common.h"
#include "tensor/convert.h"

enum { MOST = 1 << 16 };

static void check_pointwise(rig *r, uint64_t *seed)
{
    int64_t dims[2] = {(int64_t)random_below(seed, 80), (int64_t)random_below(seed, 800)};
    size_t n = (size_t)(dims[0] * dims[1]);
    float *x = random_floats(seed, 0, n), *y = guarded_floats(1, n, random_edge(seed));
    rig_begin(r, MICA_OP_SIGMOID, NULL);
    rig_input(r, MICA_DTYPE_F32, x, 2, dims);
    rig_output(r, MICA_DTYPE_F32, y, 2, dims);
    rig_run_ok(r);
    for (size_t i = 0; i < n; i++)
        check_near(y[i], 1 / (1 + exp(-(double)x[i])), 4, 0, "sigmoid", i);
}

static void test_pointwise(void **state)
{
    rig_each(check_pointwise, 6);
}

/* Strides of a view whose axes were permuted: what a transpose of a dense value gives. */
static void permute(mica_view *v, uint64_t *seed)
{
    for (int i = v->rank - 1; i > 0; i--) {
        int j = (int)random_below(seed, (size_t)i + 1);
        int64_t dim = v->dim[i], stride = v->stride[i];
        v->dim[i] = v->dim[j];
        v->stride[i] = v->stride[j];
        v->dim[j] = dim;
        v->stride[j] = stride;
    }
}

static float at(const mica_view *v, const int64_t *index, int rank)
{
    int64_t offset = 0;
    for (int i = 0; i < v->rank; i++) {
        int axis = i + rank - v->rank;
        offset += (v->dim[i] == 1 ? 0 : index[axis]) * v->stride[i];
    }
    return ((const float *)v->data)[offset];
}

static bool next_index(int64_t *index, const int64_t *dims, int rank)
{
    for (int i = rank - 1; i >= 0; i--) {
        if (++index[i] < dims[i])
            return true;
        index[i] = 0;
    }
    return false;
}

/* Output dims are chosen, inputs get some of them as 1 or lose leading ones; inputs may be
 * permuted. */
static void check_binary(rig *r, uint64_t *seed)
{
    int64_t dims[4], index[4] = {0};
    int rank = 1 + (int)random_below(seed, 4);
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)(dims[i] = 1 + (int64_t)random_below(seed, rank < 3 ? 150 : 12));
    mica_op op = MICA_OP_ADD + (mica_op)random_below(seed, MICA_BINARY_OPS);
    rig_begin(r, op, NULL);
    for (int k = 0; k < 2; k++) {
        int64_t own[4], count = 1;
        int lost = k && random_below(seed, 2) ? (int)random_below(seed, (size_t)rank) : 0;
        for (int i = lost; i < rank; i++)
            count *= own[i - lost] = k && random_below(seed, 3) == 0 ? 1 : dims[i];
        const float *x = random_floats(seed, k, (size_t)count);
        mica_view *v = rig_input(r, MICA_DTYPE_F32, x, rank - lost, own);
        if (random_below(seed, 3) == 0) {
            mica_view before = *v;
            permute(v, seed); /* keep only the strides that fit the dims */
            bool same = true;
            for (int i = 0; i < v->rank; i++)
                same = same && v->dim[i] == before.dim[i];
            if (!same)
                *v = before;
        }
    }
    float *y = guarded_floats(2, n, random_edge(seed));
    rig_output(r, MICA_DTYPE_F32, y, rank, dims);
    rig_run_ok(r);
    for (size_t i = 0; i < n; i++) {
        double a = (double)at(&r->views[0], index, rank), b = (double)at(&r->views[1], index, rank);
        double z = op == MICA_OP_ADD       ? a + b
                   : op == MICA_OP_SUB     ? a - b
                   : op == MICA_OP_MUL     ? a * b
                   : op == MICA_OP_DIV     ? a / b
                   : op == MICA_OP_MAXIMUM ? fmax(a, b)
                   : op == MICA_OP_MINIMUM ? fmin(a, b)
                   : op == MICA_OP_POW     ? pow(a, b)
                   : op == MICA_OP_PRELU   ? (a > 0 ? a : a * b)
                                           : a - b * floor(a / b);
        check_near(y[i], (double)(float)z, 0, op == MICA_OP_REMAINDER ? 1e-6 : 0, mica_op_name(op),
                   i);
        next_index(index, dims, rank);
    }
}

static void test_binary(void **state)
{
    rig_each(check_binary, 60);
}

static void check_matmul(rig *r, uint64_t *seed)
{
    int64_t m = (int64_t)random_below(seed, 40), n = (int64_t)random_below(seed, 70);
    if (random_below(seed, 2)) /* whole panels, which may be read where they lie */
        n = 16 * (1 + (int64_t)random_below(seed, 4));
    int64_t k = (int64_t)random_below(seed, 90), batch = 1 + (int64_t)random_below(seed, 3);
    bool a_turned = random_below(seed, 2), b_turned = random_below(seed, 2),
         shared = random_below(seed, 2);
    int64_t dims_a[3] = {batch, m, k}, dims_b[3] = {shared ? 1 : batch, k, n},
            dims[3] = {batch, m, n};
    const float *xa = random_floats(seed, 0, (size_t)(batch * m * k));
    const float *xb = random_floats(seed, 1, (size_t)(batch * n * k));
    float *y = guarded_floats(2, (size_t)(batch * m * n), random_edge(seed));
    rig_begin(r, MICA_OP_MATMUL, NULL);
    mica_view *a = rig_input(r, MICA_DTYPE_F32, xa, 3, dims_a);
    mica_view *b = rig_input(r, MICA_DTYPE_F32, xb, 3, dims_b);
    if (a_turned)
        a->stride[1] = 1, a->stride[2] = m;
    if (b_turned)
        b->stride[1] = 1, b->stride[2] = k;
    rig_output(r, MICA_DTYPE_F32, y, 3, dims);
    rig_run_ok(r);
    for (int64_t i = 0; i < batch * m * n; i++) {
        int64_t at_batch = i / (m * n), row = i / (n ? n : 1) % (m ? m : 1), column = i % n;
        double sum = 0;
        for (int64_t p = 0; p < k; p++)
            sum += (double)xa[at_batch * a->stride[0] + row * a->stride[1] + p * a->stride[2]] *
                   (double)xb[(shared ? 0 : at_batch) * b->stride[0] + p * b->stride[1] +
                              column * b->stride[2]];
        check_near(y[i], sum, 0, 1e-5, "matmul", (size_t)i);
    }
}

static void test_matmul(void **state)
{
    rig_each(check_matmul, 25);
}

/* Weights of any of the three dtypes: the numbers that are computed with, in `exact`. */
static void *random_weights(uint64_t *seed, int area, size_t n, mica_dtype dtype, float *exact)
{
    void *data = guarded(area, n * mica_dtype_size(dtype), random_edge(seed));
    for (size_t i = 0; i < n; i++) {
        exact[i] = random_float(seed, -1, 1);
        uint16_t half =
            dtype == MICA_DTYPE_F16 ? mica_f32_to_f16(exact[i]) : mica_f32_to_bf16(exact[i]);
        if (dtype == MICA_DTYPE_F32) {
            ((float *)data)[i] = exact[i];
            continue;
        }
        ((uint16_t *)data)[i] = half;
        exact[i] = dtype == MICA_DTYPE_F16 ? mica_f16_to_f32(half) : mica_bf16_to_f32(half);
    }
    return data;
}

/* Up to three linears side by side; weights constant or values of the run. */
static void check_linear(rig *r, uint64_t *seed)
{
    static float weights[3][MOST], biases[3][256];
    static const mica_dtype dtypes[] = {MICA_DTYPE_F32, MICA_DTYPE_F16, MICA_DTYPE_BF16};
    size_t count = 1 + random_below(seed, 3), total = 0, width[3];
    bool constant = random_below(seed, 3) > 0, gelu = random_below(seed, 2), has_bias[3];
    int64_t m = (int64_t)random_below(seed, 50),
            k = 1 + (int64_t)random_below(seed, random_below(seed, 3) ? 60 : 800);
    mica_fused_linear_params params = {gelu ? MICA_OP_GELU : MICA_OP_NONE};
    mica_tensor *tensors[6] = {NULL};
    const float *x = random_floats(seed, 0, (size_t)(m * k));
    int64_t x_dims[2] = {m, k};
    rig_begin(r, count == 1 && !gelu ? MICA_OP_LINEAR : MICA_OP_FUSED_LINEAR, &params);
    rig_input(r, MICA_DTYPE_F32, x, 2, x_dims);
    for (size_t l = 0; l < count; l++) {
        width[l] = 1 + random_below(seed, 75);
        mica_dtype dtype = dtypes[random_below(seed, 3)],
                   bias_dtype = dtypes[random_below(seed, 3)];
        int64_t dims[2] = {(int64_t)width[l], k};
        void *w = random_weights(seed, 1 + 2 * (int)l, width[l] * (size_t)k, dtype, weights[l]);
        void *b = random_weights(seed, 2 + 2 * (int)l, width[l], bias_dtype, biases[l]);
        has_bias[l] = random_below(seed, 3) > 0;
        total += width[l];
        if (constant) {
            assert_int_equal(
                mica_tensor_wrap(dtype, 2, dims, w, NULL, NULL, &tensors[2 * l], &r->err), MICA_OK);
            assert_int_equal(
                mica_tensor_wrap(bias_dtype, 1, dims, b, NULL, NULL, &tensors[2 * l + 1], &r->err),
                MICA_OK);
            rig_constant(r, tensors[2 * l], "w");
        } else {
            rig_input(r, dtype, w, 2, dims);
        }
        if (!has_bias[l])
            rig_no_input(r);
        else if (constant)
            rig_constant(r, tensors[2 * l + 1], "b");
        else
            rig_input(r, bias_dtype, b, 1, dims);
    }
    int64_t y_dims[2] = {m, (int64_t)total};
    float *y = guarded_floats(7, (size_t)m * total, random_edge(seed));
    rig_output(r, MICA_DTYPE_F32, y, 2, y_dims);
    rig_run_ok(r);
    for (size_t i = 0; i < (size_t)m; i++)
        for (size_t l = 0, column = 0; l < count; column += width[l++])
            for (size_t j = 0; j < width[l]; j++) {
                double sum = has_bias[l] ? (double)biases[l][j] : 0;
                for (int64_t p = 0; p < k; p++)
                    sum += (double)x[(int64_t)i * k + p] * (double)weights[l][(int64_t)j * k + p];
                if (gelu)
                    sum = 0.5 * sum * erfc(-sum * sqrt(0.5));
                check_near(y[i * total + column + j], sum, 0, 1e-6 + 6e-8 * (double)k, "linear",
                           i * total + column + j);
            }
    for (int i = 0; i < 6; i++)
        if (tensors[i])
            mica_tensor_release(&tensors[i]);
}

static void test_linear(void **state)
{
    rig_each(check_linear, 40);
}

static void check_softmax(rig *r, uint64_t *seed)
{
    int64_t dims[3], index;
    mica_axis_params params = {(int)random_below(seed, 3)};
    for (int i = 0; i < 3; i++)
        dims[i] = 1 + (int64_t)random_below(seed, 30);
    size_t n = (size_t)(dims[0] * dims[1] * dims[2]);
    int64_t inner = params.axis == 2 ? 1 : params.axis == 1 ? dims[2] : dims[1] * dims[2];
    const float *x = random_floats(seed, 0, n);
    float *y = guarded_floats(1, n, random_edge(seed));
    rig_begin(r, MICA_OP_SOFTMAX, &params);
    rig_input(r, MICA_DTYPE_F32, x, 3, dims);
    rig_output(r, MICA_DTYPE_F32, y, 3, dims);
    rig_run_ok(r);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        index = (int64_t)i / inner % dims[params.axis];
        for (int64_t j = 0; j < dims[params.axis]; j++)
            sum += exp((double)x[(int64_t)i + (j - index) * inner]);
        check_near(y[i], exp((double)x[i]) / sum, 0, 3e-7, "softmax", i);
    }
}

static void test_softmax(void **state)
{
    rig_each(check_softmax, 30);
}

static void check_reduce(rig *r, uint64_t *seed)
{
    static const mica_op ops[] = {MICA_OP_SUM, MICA_OP_MEAN, MICA_OP_MAX};
    mica_op op = ops[random_below(seed, 3)];
    int64_t dims[3], out[3] = {0}, index[3] = {0};
    int out_rank = 0;
    mica_reduce_params params = {.axis = (int)random_below(seed, 3),
                                 .all = random_below(seed, 3) == 0};
    for (int i = 0; i < 3; i++)
        dims[i] = 1 + (int64_t)random_below(seed, 40);
    size_t n = (size_t)(dims[0] * dims[1] * dims[2]);
    static double total[MOST];
    const float *x = random_floats(seed, 0, n);
    rig_begin(r, op, &params);
    mica_view *v = rig_input(r, MICA_DTYPE_F32, x, 3, dims);
    if (random_below(seed, 2))
        permute(v, seed);
    for (int i = 0; i < 3; i++)
        if (!params.all && i != params.axis)
            out[out_rank++] = v->dim[i];
    size_t count = params.all ? 1 : n / (size_t)v->dim[params.axis];
    float *y = guarded_floats(1, count, random_edge(seed));
    mica_view copy = *v;
    rig_output(r, MICA_DTYPE_F32, y, out_rank, out);
    rig_run_ok(r);
    for (size_t i = 0; i < count; i++)
        total[i] = op == MICA_OP_MAX ? -INFINITY : 0;
    do {
        size_t to = 0;
        for (int i = 0; i < 3 && !params.all; i++)
            if (i != params.axis)
                to = to * (size_t)copy.dim[i] + (size_t)index[i];
        double value = (double)at(&copy, index, 3);
        total[to] = op == MICA_OP_MAX ? fmax(total[to], value) : total[to] + value;
    } while (next_index(index, copy.dim, 3));
    for (size_t i = 0; i < count; i++)
        check_near(y[i], op == MICA_OP_MEAN ? total[i] * (double)count / (double)n : total[i], 2,
                   3e-5, mica_op_name(op), i);
}

static void test_reduce(void **state)
{
    rig_each(check_reduce, 60);
}

/* copy of a permuted view, and concat of copies. */
static void check_concat(rig *r, uint64_t *seed)
{
    static const mica_dtype dtypes[] = {MICA_DTYPE_F32, MICA_DTYPE_I64, MICA_DTYPE_U8,
                                        MICA_DTYPE_F16};
    mica_dtype dtype = dtypes[random_below(seed, 4)];
    size_t size = mica_dtype_size(dtype), parts = 1 + random_below(seed, 3), n = 0;
    mica_axis_params params = {(int)random_below(seed, 3)};
    int64_t dims[3], total[3], index[3] = {0};
    for (int i = 0; i < 3; i++)
        total[i] = dims[i] = 1 + (int64_t)random_below(seed, 14);
    total[params.axis] = 0;
    bool copy = parts == 1;
    rig_begin(r, copy ? MICA_OP_COPY : MICA_OP_CONCAT, &params);
    for (size_t p = 0; p < parts; p++) {
        dims[params.axis] = (int64_t)random_below(seed, 14);
        n = (size_t)(dims[0] * dims[1] * dims[2]);
        unsigned char *x = guarded((int)p, n * size, random_edge(seed));
        for (size_t i = 0; i < n * size; i++)
            x[i] = (unsigned char)random_below(seed, 256);
        mica_view *v = rig_input(r, dtype, x, 3, dims);
        if (random_below(seed, 2)) { /* as if it were the transpose of a dense value */
            v->stride[2] = dims[1];
            v->stride[1] = 1;
        }
        total[params.axis] += dims[params.axis];
    }
    n = (size_t)(total[0] * total[1] * total[2]);
    unsigned char *y = guarded(5, n * size, random_edge(seed));
    rig_output(r, dtype, y, 3, total);
    rig_run_ok(r);
    for (size_t i = 0; i < n; i++) {
        int64_t from[3] = {index[0], index[1], index[2]};
        size_t p = 0;
        while (from[params.axis] >= r->views[p].dim[params.axis])
            from[params.axis] -= r->views[p++].dim[params.axis];
        const mica_view *v = &r->views[p];
        int64_t offset = from[0] * v->stride[0] + from[1] * v->stride[1] + from[2] * v->stride[2];
        assert_memory_equal(y + i * size, (const unsigned char *)v->data + offset * (int64_t)size,
                            size);
        next_index(index, total, 3);
    }
}

static void test_concat(void **state)
{
    rig_each(check_concat, 60);
}

static void check_cast(rig *r, uint64_t *seed)
{
    int64_t dims[1] = {1 + (int64_t)random_below(seed, 5000)};
    size_t n = (size_t)dims[0];
    int64_t *x = guarded(0, n * sizeof *x, AT_END);
    float *y = guarded_floats(1, n, AT_END);
    int32_t *z = guarded(2, n * sizeof *z, AT_END);
    for (size_t i = 0; i < n; i++)
        x[i] = (int64_t)random_below(seed, 1000000) - 500000;
    mica_cast_params to_float = {MICA_DTYPE_F32}, to_int = {MICA_DTYPE_I32};
    rig_begin(r, MICA_OP_CAST, &to_float);
    rig_input(r, MICA_DTYPE_I64, x, 1, dims);
    rig_output(r, MICA_DTYPE_F32, y, 1, dims);
    rig_run_ok(r);
    y[0] = -2.75f;
    rig_begin(r, MICA_OP_CAST, &to_int);
    rig_input(r, MICA_DTYPE_F32, y, 1, dims);
    rig_output(r, MICA_DTYPE_I32, z, 1, dims);
    rig_run_ok(r);
    assert_int_equal(z[0], -2);
    for (size_t i = 1; i < n; i++)
        assert_true(z[i] == x[i] && y[i] == (float)x[i]);
    y[n / 2] = NAN;
    assert_int_equal(rig_run(r), MICA_STATUS_NOT_FINITE);
}

/* Numbers of a dtype: whole ones of any bits, floats that are small, at times with special ones. */
static void fill_dtype(uint64_t *seed, mica_dtype dtype, void *x, size_t n)
{
    static const double special[] = {
        0,   -0.0,   0.5,     -0.5,          -1,     255,     256,  -128.9, -129,    127.9, 65504,
        1e9, 0x1p31, -0x1p31, -0x1.00001p31, 0x1p63, -0x1p63, 1e30, NAN,    INFINITY};
    size_t size = mica_dtype_size(dtype);
    bool odd = random_below(seed, 3) == 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char *to = (unsigned char *)x + i * size;
        double number = (double)random_below(seed, 120);
        for (size_t k = 0; k < size; k++)
            to[k] = (unsigned char)random_below(seed, 256);
        if (dtype == MICA_DTYPE_BOOL)
            *to &= 1;
        if (odd && random_below(seed, 20) == 0)
            number = special[random_below(seed, sizeof special / sizeof special[0])];
        if (dtype == MICA_DTYPE_F64 || mica_is_float(dtype))
            assert_int_equal(mica_convert(MICA_DTYPE_F64, &number, dtype, to, 1, NULL), MICA_OK);
    }
}

/* Every pair of dtypes, against mica_convert; between whole numbers the bits that are left. */
static void check_cast_pairs(rig *r, uint64_t *seed)
{
    for (int from = 0; from < MICA_DTYPES; from++)
        for (int to = 0; to < MICA_DTYPES; to++) {
            int64_t dims[1] = {1 + (int64_t)random_below(seed, random_below(seed, 4) ? 40 : 40000)};
            size_t n = (size_t)dims[0], size = mica_dtype_size((mica_dtype)to);
            mica_cast_params params = {(mica_dtype)to};
            mica_error err = {0};
            unsigned char *x = guarded(0, n * mica_dtype_size((mica_dtype)from), AT_END);
            unsigned char *y = guarded(1, n * size, AT_END), *want = guarded(2, n * size, AT_END);
            bool whole = from >= MICA_DTYPE_I8 && to >= MICA_DTYPE_I8 && to != MICA_DTYPE_BOOL;
            fill_dtype(seed, (mica_dtype)from, x, n);
            mica_status status = mica_convert((mica_dtype)from, x, (mica_dtype)to, want, n, &err);
            rig_begin(r, MICA_OP_CAST, &params);
            rig_input(r, (mica_dtype)from, x, 1, dims);
            rig_output(r, (mica_dtype)to, y, 1, dims);
            assert_int_equal(rig_run(r), whole ? MICA_OK : status);
            if (status == MICA_OK)
                assert_memory_equal(y, want, n * size);
            else if (!whole)
                assert_non_null(strstr(r->err.message, err.message));
        }
}

static void test_cast(void **state)
{
    rig_each(check_cast, 3);
    rig_each(check_cast_pairs, 3);
}

static void check_embedding(rig *r, uint64_t *seed)
{
    static const mica_dtype dtypes[] = {MICA_DTYPE_F32, MICA_DTYPE_F16, MICA_DTYPE_BF16};
    static float exact[MOST];
    mica_dtype dtype = dtypes[random_below(seed, 3)];
    int64_t rows = 1 + (int64_t)random_below(seed, 50), width = (int64_t)random_below(seed, 200);
    int64_t dims[2] = {rows, width}, ids_dims[1] = {(int64_t)random_below(seed, 300)};
    int64_t y_dims[2] = {ids_dims[0], width};
    size_t n = (size_t)ids_dims[0];
    void *table = random_weights(seed, 0, (size_t)(rows * width), dtype, exact);
    int32_t *ids = guarded(1, n * sizeof *ids, AT_END);
    float *y = guarded_floats(2, n * (size_t)width, AT_END);
    for (size_t i = 0; i < n; i++)
        ids[i] = i == 0 ? (int32_t)rows - 1 : (int32_t)random_below(seed, (size_t)rows);
    rig_begin(r, MICA_OP_EMBEDDING, NULL);
    rig_input(r, dtype, table, 2, dims);
    rig_input(r, MICA_DTYPE_I32, ids, 1, ids_dims);
    rig_output(r, MICA_DTYPE_F32, y, 2, y_dims);
    rig_run_ok(r);
    for (size_t i = 0; i < n; i++)
        check_same_bits(y + i * (size_t)width, exact + ids[i] * width, (size_t)width, "embedding");
    if (n) {
        char expected[64];
        ids[n - 1] = random_below(seed, 2) ? (int32_t)rows : -1;
        r->names[0] = "word.embeddings";
        assert_int_equal(rig_run(r), MICA_STATUS_INVALID_ARGUMENT);
        snprintf(expected, sizeof expected, "element %zu of ids [%zu] is %d: ", n - 1, n,
                 (int)ids[n - 1]);
        assert_non_null(strstr(r->err.message, expected));
        snprintf(expected, sizeof expected, "'word.embeddings' [%lld, %lld]", (long long)rows,
                 (long long)width);
        assert_non_null(strstr(r->err.message, expected));
    }
}

static void test_embedding(void **state)
{
    rig_each(check_embedding, 20);
}

/* ---- ragged ---- */

enum { MOST_SEQUENCES = 12 };

static size_t random_starts(uint64_t *seed, int32_t *starts, size_t sequences, size_t longest)
{
    starts[0] = 0;
    for (size_t i = 0; i < sequences; i++)
        starts[i + 1] = starts[i] + (int32_t)random_below(seed, longest + 1);
    return (size_t)starts[sequences];
}

static size_t rounded; /* results further from the exact ones than those of float32 */

/* Of numbers that bfloat16 has, its products are as near as the weights are, which it rounds: by
 * 2^-9 of each, of numbers of at most 1. */
static void check_attention_in(rig *r, uint64_t *seed, mica_precision precision, double allowed)
{
    static const size_t head_dims[] = {64, 5, 24, 32, 100, 1, 33};
    int32_t starts[MOST_SEQUENCES + 1];
    size_t sequences = 1 + random_below(seed, 5), d = head_dims[random_below(seed, 7)];
    size_t heads = 1 + random_below(seed, 3), width = heads * d;
    size_t tokens = random_starts(seed, starts, sequences, random_below(seed, 8) ? 40 : 300);
    size_t row = random_below(seed, 2) ? 3 * width : width;
    mica_attention_params params = {(int)heads, 1.7f / sqrtf((float)d)};
    bool masked = random_below(seed, 2);
    uint8_t *mask = guarded(5, tokens, AT_END);
    for (size_t i = 0; i < tokens; i++)
        mask[i] = random_below(seed, 3) > 0;
    for (int32_t i = starts[0]; i < starts[1]; i++) /* the first sequence has no visible key */
        mask[i] = 0;
    mica_batch batch = {tokens, sequences, starts, masked ? mask : NULL};
    int64_t dims[2] = {(int64_t)tokens, (int64_t)width};
    if (tokens * row * 4 > 1000000 || tokens == 0)
        return;
    const float *x[3];
    size_t cells = (tokens - 1) * row + width;
    rig_begin(r, MICA_OP_ATTENTION, &params);
    r->step.precision = precision;
    for (int i = 0; i < 3; i++) {
        float *numbers = random_floats(seed, i, cells);
        for (size_t j = 0; precision != MICA_PRECISION_F32 && j < cells; j++)
            numbers[j] = mica_bf16_to_f32(mica_f32_to_bf16(numbers[j]));
        x[i] = numbers;
        rig_input(r, MICA_DTYPE_F32, x[i], 2, dims)->stride[0] = (int64_t)row;
    }
    float *y = guarded_floats(3, tokens * width, random_edge(seed));
    rig_output(r, MICA_DTYPE_F32, y, 2, dims);
    r->batch = &batch;
    rig_run_ok(r);
    r->batch = NULL;
    for (size_t s = 0; s < sequences; s++)
        for (int32_t t = starts[s]; t < starts[s + 1]; t++)
            for (size_t h = 0; h < heads; h++) {
                static double score[512];
                double best = -INFINITY, sum = 0;
                for (int32_t u = starts[s]; u < starts[s + 1]; u++) {
                    double dot = 0;
                    for (size_t p = 0; p < d; p++)
                        dot += (double)x[0][(size_t)t * row + h * d + p] *
                               (double)x[1][(size_t)u * row + h * d + p];
                    dot = masked && !mask[u] ? -(double)FLT_MAX : dot * (double)params.scale;
                    best = fmax(best, score[u - starts[s]] = dot);
                }
                for (int32_t u = 0; u < starts[s + 1] - starts[s]; u++)
                    sum += score[u] = exp(score[u] - best);
                for (size_t p = 0; p<d; p += d> 8 ? 7 : 1) {
                    double out = 0;
                    for (int32_t u = starts[s]; u < starts[s + 1]; u++)
                        out +=
                            score[u - starts[s]] / sum * (double)x[2][(size_t)u * row + h * d + p];
                    float found = y[(size_t)t * width + h * d + p];
                    check_near(found, out, 0, allowed, "attention", (size_t)t);
                    rounded += fabs((double)found - out) > 1e-5;
                }
            }
}

static void check_attention(rig *r, uint64_t *seed)
{
    check_attention_in(r, seed, MICA_PRECISION_F32, 3e-6);
}

static void test_attention(void **state)
{
    rig_each(check_attention, 30);
}

/* At levels that multiply bfloat16 faster than float32; elsewhere it is the same as float32. */
static void test_attention_bf16(void **state)
{
    bool there = false, tested[2] = {false, false};
    for (int level = 0; level < levels_here(); level++)
        for (size_t threads = 1; threads <= 3; threads += 2) {
            rig r;
            uint64_t seed = 777;
            rig_create(&r, level, threads);
            bool fast = ((mica_cpu *)r.backend)->kernels.bf16.fast;
            there = there || fast;
            for (int i = 0; fast && i < 60; i++) {
                rounded = 0;
                mica_precision asked = i % 2 ? MICA_PRECISION_INT8 : MICA_PRECISION_BF16;
                check_attention_in(&r, &seed, asked, 0x1p-9 + 3e-6);
                tested[i % 2] = tested[i % 2] || rounded > 0;
            }
            rig_destroy(&r);
        }
    assert_true(tested[0] == there && tested[1] == there);
    if (!there) {
        printf("skipped: attention in bfloat16: no instructions for it on this machine\n");
        skip();
    }
}

static double pooled(mica_pool_mode mode, const float *x, size_t n, size_t width)
{
    double sum = 0, best = -INFINITY, weighted = 0;
    for (size_t i = 0; i < n; i++) {
        double v = (double)x[i * width];
        sum += v;
        weighted += v * (double)(i + 1);
        best = fmax(best, v);
    }
    if (n == 0)
        return 0;
    switch (mode) {
    case MICA_POOL_FIRST:
        return (double)x[0];
    case MICA_POOL_LAST:
        return (double)x[(n - 1) * width];
    case MICA_POOL_MAX:
        return best;
    case MICA_POOL_MEAN:
        return sum / (double)n;
    case MICA_POOL_MEAN_SQRT_LEN:
        return sum / sqrt((double)n);
    default:
        return weighted / ((double)n * (double)(n + 1) / 2);
    }
}

static void check_segment_pool(rig *r, uint64_t *seed)
{
    int32_t starts[MOST_SEQUENCES + 1];
    size_t sequences = random_below(seed, MOST_SEQUENCES), width = 1 + random_below(seed, 150);
    size_t tokens = random_starts(seed, starts, sequences, 60);
    mica_batch batch = {tokens, sequences, starts, NULL};
    mica_segment_pool_params params = {(mica_pool_mode)random_below(seed, 6)};
    int64_t x_dims[2] = {(int64_t)tokens, (int64_t)width},
            y_dims[2] = {(int64_t)sequences, (int64_t)width};
    const float *x = random_floats(seed, 0, tokens * width);
    float *y = guarded_floats(1, sequences * width, random_edge(seed));
    rig_begin(r, MICA_OP_SEGMENT_POOL, &params);
    rig_input(r, MICA_DTYPE_F32, x, 2, x_dims);
    rig_output(r, MICA_DTYPE_F32, y, 2, y_dims);
    r->batch = &batch;
    rig_run_ok(r);
    r->batch = NULL;
    for (size_t s = 0; s < sequences; s++)
        for (size_t j = 0; j < width; j++)
            check_near(y[s * width + j],
                       pooled(params.mode, x + (size_t)starts[s] * width + j,
                              (size_t)(starts[s + 1] - starts[s]), width),
                       2, 1e-6, "segment_pool", s * width + j);
}

static void test_segment_pool(void **state)
{
    rig_each(check_segment_pool, 40);
}

static void check_norms(rig *r, uint64_t *seed)
{
    int64_t rows = (int64_t)random_below(seed, 60), n = 1 + (int64_t)random_below(seed, 500);
    int64_t dims[2] = {rows, n};
    mica_eps_params params = {1e-5f};
    float *x = random_floats(seed, 0, (size_t)(rows * n)),
          *s = random_floats(seed, 1, (size_t)(rows * n));
    const float *w = random_floats(seed, 2, (size_t)n), *b = random_floats(seed, 3, (size_t)n);
    static float sums[MOST];
    bool add = random_below(seed, 2);
    for (int64_t i = 0; i < rows * n; i++)
        sums[i] = add ? x[i] + s[i] : x[i];
    rig_begin(r, add ? MICA_OP_ADD_LAYER_NORM : MICA_OP_LAYER_NORM, &params);
    rig_input(r, MICA_DTYPE_F32, x, 2, dims);
    if (add)
        rig_input(r, MICA_DTYPE_F32, s, 2, dims);
    rig_input(r, MICA_DTYPE_F32, w, 1, dims + 1);
    rig_input(r, MICA_DTYPE_F32, b, 1, dims + 1);
    float *y = add ? s : x; /* in place */
    rig_output(r, MICA_DTYPE_F32, y, 2, dims);
    rig_run_ok(r);
    for (int64_t i = 0; i < rows; i++) {
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < n; j++)
            mean += (double)sums[i * n + j] / (double)n;
        for (int64_t j = 0; j < n; j++)
            variance += pow((double)sums[i * n + j] - mean, 2) / (double)n;
        for (int64_t j = 0; j < n; j++)
            check_near(y[i * n + j],
                       ((double)sums[i * n + j] - mean) / sqrt(variance + (double)params.eps) *
                               (double)w[j] +
                           (double)b[j],
                       0, 1e-5, "layer_norm", (size_t)(i * n + j));
    }
}

static void test_norms(void **state)
{
    rig_each(check_norms, 30);
}

/* Every operation that computes something is taken; a view is no work. */
static void test_supports(void **state)
{
    for (int level = 0; level < float_levels_here(); level++) {
        rig r;
        rig_create(&r, level, 1);
        for (int op = MICA_OP_CONSTANT + 1; op < MICA_OP_COUNT; op++)
            if (!r.backend->vtable->supports(r.backend, op))
                fail_msg("%s is not supported", mica_op_name(op));
        assert_false(r.backend->vtable->supports(r.backend, MICA_OP_COUNT));
        assert_false(r.backend->vtable->supports(r.backend, MICA_OP_INPUT));
        rig_destroy(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supports),  cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_binary),    cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_linear),    cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_reduce),    cmocka_unit_test(test_concat),
        cmocka_unit_test(test_cast),      cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_segment_pool),
        cmocka_unit_test(test_norms),     cmocka_unit_test(test_attention_bf16),
    };
    list_skipped_levels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
