/* SPDX-License-Identifier: MIT
 *
 * The same bits: a row's result does not depend on the other rows, on where it stands, or on the
 * number of threads. At every level.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/common.h"

enum { THREADS = 3, HEADS = 3 };

static float *numbers(size_t n, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    fill_random(x, n, seed, -1, 1);
    return x;
}

/* Linear with an activation, or with a residual (unless that is NULL) and a norm: rows [first,
 * first + m) of x alone. */
static void linear(rig *r, mica_precision precision, const float *x, const float *residual,
                   size_t first, size_t m, mica_tensor *w, mica_tensor *b, float *y)
{
    mica_fused_linear_params gelu = {MICA_OP_GELU};
    mica_eps_params eps = {1e-5f};
    int64_t n = mica_tensor_dim(w, 0), k = mica_tensor_dim(w, 1);
    int64_t x_dims[2] = {(int64_t)m, k}, y_dims[2] = {(int64_t)m, n};
    if (residual)
        rig_begin(r, MICA_OP_LINEAR_ADD_LAYER_NORM, &eps);
    else
        rig_begin(r, MICA_OP_FUSED_LINEAR, &gelu);
    r->step.precision = precision;
    rig_input(r, MICA_DTYPE_F32, x + (int64_t)first * k, 2, x_dims);
    rig_constant(r, w, "w");
    rig_constant(r, b, "b");
    if (residual) {
        rig_input(r, MICA_DTYPE_F32, residual + (int64_t)first * n, 2, y_dims);
        rig_constant(r, b, "norm weight");
        rig_constant(r, b, "norm bias");
    }
    rig_output(r, MICA_DTYPE_F32, y, 2, y_dims);
    rig_run_ok(r);
}

static void check_linear(int level, mica_precision precision, int64_t n, int64_t k, size_t m,
                         bool norm)
{
    int64_t dims[2] = {n, k};
    mica_tensor *w = NULL, *b = NULL;
    rig rigs[THREADS];
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, dims, &w, NULL), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, dims, &b, NULL), MICA_OK);
    fill_random(mica_tensor_data_mut(w), (size_t)(n * k), 1, -1, 1);
    fill_random(mica_tensor_data_mut(b), (size_t)n, 2, -1, 1);
    float *residual = norm ? numbers(m * (size_t)n, 4) : NULL;
    float *x = numbers(m * (size_t)k, 3), *whole = numbers(m * (size_t)n, 0),
          *y = numbers(m * (size_t)n, 0);
    for (size_t t = 0; t < THREADS; t++)
        rig_create(&rigs[t], level, t + 1);
    linear(&rigs[0], precision, x, residual, 0, m, w, b, whole);
    for (size_t t = 1; t < THREADS; t++) {
        linear(&rigs[t], precision, x, residual, 0, m, w, b, y);
        check_same_bits(y, whole, m * (size_t)n, "linear with more threads");
    }
    for (size_t first = 0; first < m; first += 1 + first / 3) /* one row, some rows */
        for (size_t rows = 1; first + rows <= m; rows += rows + 4) {
            linear(&rigs[rows % THREADS], precision, x, residual, first, rows, w, b, y);
            check_same_bits(y, whole + first * (size_t)n, rows * (size_t)n, "linear, some rows");
        }
    for (size_t t = 0; t < THREADS; t++)
        rig_destroy(&rigs[t]);
    mica_tensor_release(&w);
    mica_tensor_release(&b);
    free(x);
    free(y);
    free(whole);
    free(residual);
}

static void test_linear(void **state)
{
    static const mica_precision precisions[] = {MICA_PRECISION_F32, MICA_PRECISION_BF16,
                                                MICA_PRECISION_INT8, MICA_PRECISION_AUTO};
    list_skipped_levels();
    for (int level = 0; level < levels_here(); level++)
        for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
            if (same_products_below(level, precisions[p]))
                continue;
            for (int norm = 0; norm < 2; norm++) {
                check_linear(level, precisions[p], 100, 77, 61, norm);
                check_linear(level, precisions[p], 96, 1601, 300, norm);
                check_linear(level, precisions[p], 5, 384, 33, norm);
                check_linear(level, precisions[p], 333, 385, 16, norm);
            }
        }
}

/* Attention over sequences [first, last) of the batch alone. */
static void attention(rig *r, mica_precision precision, const float *qkv, const mica_batch *batch,
                      size_t first, size_t last, size_t d, float *y)
{
    mica_attention_params params = {HEADS, 0.3f};
    size_t width = HEADS * d, begin = (size_t)batch->starts[first];
    int32_t starts[16];
    for (size_t i = first; i <= last; i++)
        starts[i - first] = batch->starts[i] - (int32_t)begin;
    mica_batch part = {(size_t)starts[last - first], last - first, starts,
                       batch->key_mask ? batch->key_mask + begin : NULL};
    int64_t dims[2] = {(int64_t)part.tokens, (int64_t)width};
    rig_begin(r, MICA_OP_ATTENTION, &params);
    r->step.precision = precision;
    for (size_t i = 0; i < 3; i++)
        rig_input(r, MICA_DTYPE_F32, qkv + begin * 3 * width + i * width, 2, dims)->stride[0] =
            3 * (int64_t)width;
    rig_output(r, MICA_DTYPE_F32, y, 2, dims);
    r->batch = &part;
    rig_run_ok(r);
    r->batch = NULL;
}

static void check_attention(int level, mica_precision precision, size_t d, bool masked)
{
    static const int32_t starts[] = {0, 1, 14, 14, 71, 188, 500, 1290};
    enum { SEQUENCES = sizeof starts / sizeof starts[0] - 1, TOKENS = 1290 };
    static uint8_t mask[TOKENS];
    size_t width = HEADS * d;
    uint64_t seed = d;
    rig rigs[THREADS];
    for (size_t i = 0; i < TOKENS; i++)
        mask[i] = random_below(&seed, 3) > 0;
    mica_batch batch = {TOKENS, SEQUENCES, starts, masked ? mask : NULL};
    float *x = numbers(TOKENS * width * 3, d), *whole = numbers(TOKENS * width, 0),
          *y = numbers(TOKENS * width, 0);
    for (size_t t = 0; t < THREADS; t++)
        rig_create(&rigs[t], level, t + 1);
    attention(&rigs[0], precision, x, &batch, 0, SEQUENCES, d, whole);
    for (size_t t = 1; t < THREADS; t++) {
        attention(&rigs[t], precision, x, &batch, 0, SEQUENCES, d, y);
        check_same_bits(y, whole, TOKENS * width, "attention with more threads");
    }
    for (size_t first = 0; first < SEQUENCES; first++)
        for (size_t last = first + 1; last <= SEQUENCES && last < first + 3; last++) {
            attention(&rigs[last % THREADS], precision, x, &batch, first, last, d, y);
            check_same_bits(y, whole + (size_t)starts[first] * width,
                            (size_t)(starts[last] - starts[first]) * width,
                            "attention, some sequences");
        }
    for (size_t t = 0; t < THREADS; t++)
        rig_destroy(&rigs[t]);
    free(x);
    free(y);
    free(whole);
}

static void test_attention(void **state)
{
    static const mica_precision precisions[] = {MICA_PRECISION_F32, MICA_PRECISION_BF16};
    for (int level = 0; level < levels_here(); level++)
        for (size_t p = 0; p < 2; p++) {
            if (same_products_below(level, precisions[p]))
                continue;
            check_attention(level, precisions[p], 64, false);
            check_attention(level, precisions[p], 5, true);
            check_attention(level, precisions[p], 24, true);
        }
}

/* All hidden, or none: a mask of ones changes no bit. */
static void test_mask_of_ones(void **state)
{
    enum { TOKENS = 50, D = 16 };
    static const int32_t starts[] = {0, 20, TOKENS};
    static uint8_t ones[TOKENS];
    memset(ones, 1, sizeof ones);
    for (int level = 0; level < float_levels_here(); level++) {
        rig r;
        mica_batch with = {TOKENS, 2, starts, ones}, without = {TOKENS, 2, starts, NULL};
        float *x = numbers(TOKENS * HEADS * D * 3, 5), a[TOKENS * HEADS * D], b[TOKENS * HEADS * D];
        rig_create(&r, level, 2);
        attention(&r, MICA_PRECISION_F32, x, &with, 0, 2, D, a);
        attention(&r, MICA_PRECISION_F32, x, &without, 0, 2, D, b);
        check_same_bits(a, b, TOKENS * HEADS * D, "mask of ones");
        rig_destroy(&r);
        free(x);
    }
}

/* Steps on rows, and a reduction over everything: any number of threads. */
static void test_threads(void **state)
{
    static const mica_op ops[] = {MICA_OP_LAYER_NORM, MICA_OP_SOFTMAX, MICA_OP_SUM, MICA_OP_GELU,
                                  MICA_OP_SEGMENT_POOL};
    enum { ROWS = 301, N = 77 };
    static const int32_t starts[] = {0, 3, 150, ROWS};
    mica_batch batch = {ROWS, 3, starts, NULL};
    float *x = numbers(ROWS * N, 1), *w = numbers(N, 2), *y[THREADS];
    int64_t dims[2] = {ROWS, N}, pooled_dims[2] = {3, N};
    union {
        mica_eps_params eps;
        mica_axis_params axis;
        mica_reduce_params reduce;
        mica_segment_pool_params pool;
    } params;
    for (size_t t = 0; t < THREADS; t++)
        y[t] = numbers(ROWS * N, 0);
    for (int level = 0; level < float_levels_here(); level++)
        for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++)
            for (size_t t = 0; t < THREADS; t++) {
                rig r;
                rig_create(&r, level, t + 1);
                if (ops[o] == MICA_OP_SUM)
                    params.reduce = (mica_reduce_params){.all = true};
                else if (ops[o] == MICA_OP_SOFTMAX)
                    params.axis = (mica_axis_params){1};
                else if (ops[o] == MICA_OP_SEGMENT_POOL)
                    params.pool = (mica_segment_pool_params){MICA_POOL_MEAN};
                else
                    params.eps = (mica_eps_params){1e-12f};
                rig_begin(&r, ops[o], &params);
                rig_input(&r, MICA_DTYPE_F32, x, 2, dims);
                if (ops[o] == MICA_OP_LAYER_NORM) {
                    rig_input(&r, MICA_DTYPE_F32, w, 1, dims + 1);
                    rig_input(&r, MICA_DTYPE_F32, w, 1, dims + 1);
                }
                bool pool = ops[o] == MICA_OP_SEGMENT_POOL, sum = ops[o] == MICA_OP_SUM;
                rig_output(&r, MICA_DTYPE_F32, y[t], sum ? 0 : 2, pool ? pooled_dims : dims);
                r.batch = &batch;
                rig_run_ok(&r);
                check_same_bits(y[t], y[0],
                                sum    ? 1
                                : pool ? 3 * N
                                       : ROWS * N,
                                mica_op_name(ops[o]));
                rig_destroy(&r);
            }
    for (size_t t = 0; t < THREADS; t++)
        free(y[t]);
    free(x);
    free(w);
}

/* What a product reads where it lies, and what it packs: b has rows that are `gap` numbers apart,
 * and a is turned or not. The sums are near those in double. */
static void check_matmul(int level, int64_t matrices, int64_t m, int64_t k, int64_t n)
{
    enum { GAP = 3 };
    size_t cells = (size_t)(matrices * m * n), count_a = (size_t)(matrices * m * k);
    int64_t a_dims[3] = {matrices, m, k}, b_dims[3] = {matrices, k, n}, dims[3] = {matrices, m, n};
    float *a = numbers(count_a, 1), *turned = numbers(count_a, 1);
    float *b = numbers((size_t)(matrices * k * (n + GAP)), 2), *plain = numbers(cells, 0);
    float *y = numbers(cells, 0), *dense = numbers((size_t)(matrices * k * n), 0);
    for (int64_t i = 0; i < matrices * k; i++)
        memcpy(dense + i * n, b + i * (n + GAP), (size_t)n * sizeof *b);
    for (int64_t i = 0; i < matrices * m * k; i++)
        turned[i / (m * k) * m * k + i % k * m + i / k % m] = a[i];
    for (size_t way = 0; way < 4 * THREADS; way++) {
        rig r;
        rig_create(&r, level, 1 + way / 4);
        rig_begin(&r, MICA_OP_MATMUL, NULL);
        mica_view *left = rig_input(&r, MICA_DTYPE_F32, way & 1 ? turned : a, 3, a_dims);
        mica_view *right = rig_input(&r, MICA_DTYPE_F32, way & 2 ? b : dense, 3, b_dims);
        if (way & 1)
            left->stride[1] = 1, left->stride[2] = m;
        if (way & 2)
            right->stride[0] = k * (n + GAP), right->stride[1] = n + GAP;
        rig_output(&r, MICA_DTYPE_F32, way ? y : plain, 3, dims);
        rig_run_ok(&r);
        if (way)
            check_same_bits(y, plain, cells, "matmul");
        rig_destroy(&r);
    }
    for (size_t i = 0; i < cells; i += 1 + cells / 999) {
        size_t matrix = i / (size_t)(m * n), row = i / (size_t)n, column = i % (size_t)n;
        double sum = 0;
        for (size_t p = 0; p < (size_t)k; p++)
            sum += (double)a[row * (size_t)k + p] *
                   (double)dense[(matrix * (size_t)k + p) * (size_t)n + column];
        check_near(plain[i], sum, 0, 1e-6 * (double)(k + 10), "matmul", i);
    }
    free(a);
    free(turned);
    free(b);
    free(dense);
    free(plain);
    free(y);
}

static void test_matmul(void **state)
{
    static const int64_t shapes[][4] = {
        {3, 64, 342, 32}, {5, 7, 385, 16},  {4, 65, 1025, 64},  {3, 149, 769, 32},  {3, 5, 0, 32},
        {2, 31, 100, 48}, {1, 70, 500, 32}, {1, 13, 13000, 32}, {1, 30, 12289, 32},
    };
    for (int level = 0; level < levels_here(); level++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            check_matmul(level, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
}

typedef struct conv_case {
    int64_t width, channels, outputs, kernel;
    mica_conv1d_params params;
} conv_case;

/* The same bits from one image and from two, on any number of threads; they are near the sums in
 * double. */
static void check_conv(int level, const conv_case *c)
{
    const mica_conv1d_params *p = &c->params;
    int64_t reach = (c->kernel - 1) * p->dilation + 1;
    int64_t out_width = (c->width + 2 * p->padding - reach) / p->stride + 1, group = c->channels;
    int64_t x_dims[3] = {2, c->width, c->channels}, w_dims[3] = {c->outputs, c->kernel, group};
    int64_t y_dims[3] = {2, out_width, c->outputs};
    size_t image = (size_t)(c->width * c->channels), cells = (size_t)(out_width * c->outputs);
    size_t k = (size_t)(c->kernel * group);
    float *x = numbers(2 * image, 1), *w = numbers((size_t)c->outputs * k, 2);
    float *bias = numbers((size_t)c->outputs, 3), *whole = numbers(2 * cells, 0);
    float *y = numbers(2 * cells, 0);
    for (size_t way = 0; way < 2 * THREADS; way++) {
        bool second = way & 1; /* alone */
        rig r;
        rig_create(&r, level, 1 + way / 2);
        rig_begin(&r, MICA_OP_CONV1D, p);
        x_dims[0] = y_dims[0] = second ? 1 : 2;
        rig_input(&r, MICA_DTYPE_F32, x + (second ? image : 0), 3, x_dims);
        rig_input(&r, MICA_DTYPE_F32, w, 3, w_dims);
        rig_input(&r, MICA_DTYPE_F32, bias, 1, &c->outputs);
        rig_output(&r, MICA_DTYPE_F32, way ? y : whole, 3, y_dims);
        rig_run_ok(&r);
        if (way)
            check_same_bits(y, second ? whole + cells : whole, second ? cells : 2 * cells, "conv");
        rig_destroy(&r);
    }
    for (size_t i = 0; i < cells; i += 1 + cells / 999) {
        int64_t pixel = (int64_t)i / c->outputs, j = (int64_t)i % c->outputs;
        double sum = (double)bias[j];
        for (int64_t q = 0; q < (int64_t)k; q++) {
            int64_t at = pixel * p->stride + q / group * p->dilation - p->padding;
            if (at >= 0 && at < c->width)
                sum += (double)x[at * group + q % group] * (double)w[j * (int64_t)k + q];
        }
        check_near(whole[i], sum, 0, 1e-6 * (double)(k + 10), "conv", i);
    }
    free(x);
    free(w);
    free(bias);
    free(whole);
    free(y);
}

static void test_conv(void **state)
{
    static const conv_case cases[] = {
        {200, 3, 128, 11, {1, 0, 1, 1}}, /* windows of a short k, ... */
        {30, 80, 300, 11, {1, 5, 1, 1}}, /* of several blocks of k, with zeros around */
        {40, 1024, 33, 3, {1, 1, 1, 1}}, /* whole pages apart, a panel that is not full */
        {400, 20, 70, 5, {2, 0, 1, 1}},  /* two places at once */
        {100, 16, 64, 3, {3, 0, 1, 1}},  /* no overlap */
        {100, 16, 40, 3, {1, 2, 2, 1}},  /* no window */
        {7, 5, 9, 7, {1, 0, 1, 1}},      /* one pixel */
    };
    for (int level = 0; level < levels_here(); level++)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
            check_conv(level, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),         cmocka_unit_test(test_linear),
        cmocka_unit_test(test_matmul),       cmocka_unit_test(test_attention),
        cmocka_unit_test(test_mask_of_ones), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
