/* SPDX-License-Identifier: MIT
 *
 * What operations do at their edges: errors that only a run can find, arrays without elements, long
 * lines, scatters in parts, and failing allocations.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "mica/program.h"
#include "torture.h"

static mica_context *create_context(size_t threads)
{
    mica_context *context = NULL;
    mica_context_options options;
    mica_context_options_defaults(&options);
    options.threads = threads;
    assert_int_equal(mica_context_create(&options, &context, NULL), MICA_OK);
    return context;
}

static mica_value filled(mica_graph *g, mica_dtype dtype, int rank, const int64_t *dims, double low,
                         double high, uint64_t stream)
{
    mica_tensor *t = NULL;
    mica_value value = mica_none();
    if (mica_tensor_create(dtype, rank, dims, &t, NULL) != MICA_OK)
        return value;
    if (mica_tensor_fill_uniform(t, low, high, 11, stream, NULL) == MICA_OK)
        value = mica_constant(g, t, NULL);
    mica_tensor_release(&t);
    return value;
}

static mica_value floats(mica_graph *g, int64_t rows, int64_t columns)
{
    return filled(g, MICA_DTYPE_F32, 2, (const int64_t[]){rows, columns}, -1, 1, 0);
}

static mica_value indices(mica_graph *g, int64_t n, double low, double high)
{
    return filled(g, MICA_DTYPE_I32, 1, &n, low, high, 1);
}

/* Evaluates and expects an error whose text has all of the parts. */
static void fails(mica_graph *g, mica_value value, const char *const *says)
{
    mica_context *context = create_context(2);
    mica_tensor *result = NULL;
    mica_error err = {0};
    assert_int_equal(mica_eval(context, g, &value, 1, &result, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_null(result);
    for (; *says != NULL; says++)
        if (strstr(err.message, *says) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, *says);
    mica_context_destroy(&context);
}

static void indices_out_of_range(void **state)
{
    mica_graph *g = NULL;
    const mica_axis_params rows = {0}, columns = {1};
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = floats(g, 6, 4), u = floats(g, 3, 4);
    mica_value high = indices(g, 3, 6, 7), low = indices(g, 3, -7, -6), good = indices(g, 3, -6, 6);
    fails(g, mica_gather(g, x, high, rows), (const char *[]){"gather", "[3]", "6", "[6, 4]", NULL});
    fails(g, mica_gather(g, x, high, columns), (const char *[]){"gather", "axis 1", NULL});
    fails(g, mica_scatter(g, x, low, u, rows), (const char *[]){"scatter", "-7", NULL});
    fails(g, mica_scatter_sum(g, x, high, u, rows), (const char *[]){"scatter_sum", NULL});
    fails(g, mica_scatter_max(g, x, high, u, rows), (const char *[]){"scatter_max", NULL});
    mica_value bytes = mica_cast(g, good, (mica_cast_params){MICA_DTYPE_BOOL});
    fails(g, mica_pad(g, bytes, (mica_pad_params){.before = {1}, .value = 0.5}),
          (const char *[]){"pad", "bool", "0.5", NULL});
    mica_graph_destroy(&g);
}

static mica_tensor *evaluate(mica_graph *g, mica_value value, size_t threads)
{
    mica_context *context = create_context(threads);
    mica_tensor *result = NULL;
    mica_error err = {0};
    if (mica_eval(context, g, &value, 1, &result, &err) != MICA_OK)
        fail_msg("%s", err.message);
    mica_context_destroy(&context);
    return result;
}

/* Everything takes arrays without elements. */
static void nothing(void **state)
{
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = floats(g, 0, 4), y = floats(g, 3, 0), none = indices(g, 0, 0, 1);
    const mica_axis_params rows = {0};
    const mica_value parts[] = {x, x};
    const mica_value values[] = {
        mica_sigmoid(g, x),
        mica_less(g, x, mica_scalar(g, 1)),
        mica_where(g, mica_less(g, y, y), y, mica_scalar(g, 2)),
        mica_sum(g, y, (mica_reduce_params){.axis = 1}),
        mica_prod(g, x, (mica_reduce_params){.all = true}),
        mica_max(g, x, (mica_reduce_params){.axis = 1}),
        mica_argmax(g, x, (mica_reduce_params){.axis = 1}),
        mica_softmax(g, x, (mica_axis_params){0}),
        mica_sort(g, y, (mica_sort_params){.axis = 1}),
        mica_argsort(g, x, (mica_sort_params){.axis = 0}),
        mica_top_k(g, floats(g, 2, 3), (mica_top_k_params){.k = 0}),
        mica_matmul(g, y, floats(g, 0, 5)),
        mica_matmul(g, x, floats(g, 4, 5)),
        mica_concat(g, parts, 2, (mica_axis_params){1}),
        mica_pad(g, x, (mica_pad_params){.before = {2}}),
        mica_gather(g, floats(g, 2, 3), none, rows),
        mica_scatter_sum(g, floats(g, 2, 3), none, floats(g, 0, 3), rows),
        mica_scatter(g, x, none, floats(g, 0, 4), rows),
        mica_binary_cross_entropy(g, x, x, (mica_bce_params){.reduction = MICA_REDUCTION_SUM}),
        mica_scaled_dot_product_attention(g, x, floats(g, 5, 4), floats(g, 5, 2), mica_none(),
                                          (mica_sdpa_params){0}),
        mica_scaled_dot_product_attention(g, floats(g, 5, 4), x, x, mica_none(),
                                          (mica_sdpa_params){0}),
        mica_broadcast_to(g, floats(g, 1, 4), (mica_shape_params){2, {0, 4}}),
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        mica_tensor *result = evaluate(g, values[i], 2);
        for (int64_t k = 0; k < mica_tensor_count(result); k++) /* sums of nothing, paddings */
            if (mica_tensor_dtype(result) == MICA_DTYPE_F32)
                assert_true(fabsf(((const float *)mica_tensor_data(result))[k]) <= 1);
        mica_tensor_release(&result);
    }
    mica_graph_destroy(&g);
}

/* The mean of no elements is NaN, of every dtype and way to reduce; results without elements are
 * none. */
static void means_of_nothing(void **state)
{
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = floats(g, 0, 40), y = floats(g, 40, 0);
    mica_value half = mica_cast(g, x, (mica_cast_params){MICA_DTYPE_F16});
    const mica_reduce_params rows = {.axis = 0}, columns = {.axis = 1}, all = {.all = true};
    const mica_bce_params logits = {.logits = true};
    const mica_value values[] = {
        mica_mean(g, x, rows),
        mica_mean(g, x, all),
        mica_mean(g, y, columns),
        mica_mean(g, mica_transpose(g, x, (mica_permutation_params){{1, 0}}), columns),
        mica_cast(g, mica_mean(g, half, rows), (mica_cast_params){MICA_DTYPE_F32}),
        mica_binary_cross_entropy(g, x, x, (mica_bce_params){.reduction = MICA_REDUCTION_MEAN}),
        mica_binary_cross_entropy(g, y, y, logits),
    };
    static const int64_t counts[] = {40, 1, 40, 40, 40, 1, 1};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        mica_tensor *result = evaluate(g, values[i], 2);
        assert_int_equal(mica_tensor_count(result), counts[i]);
        for (int64_t k = 0; k < counts[i]; k++)
            assert_true(isnan(((const float *)mica_tensor_data(result))[k]));
        mica_tensor_release(&result);
    }
    mica_tensor *none = evaluate(g, mica_mean(g, x, columns), 2);
    assert_int_equal(mica_tensor_count(none), 0);
    mica_tensor_release(&none);
    mica_graph_destroy(&g);
}

static mica_value constant(mica_graph *g, mica_dtype dtype, const void *data, int64_t n)
{
    mica_tensor *t = NULL;
    assert_int_equal(mica_tensor_wrap(dtype, 1, &n, data, NULL, NULL, &t, NULL), MICA_OK);
    mica_value value = mica_constant(g, t, NULL);
    mica_tensor_release(&t);
    return value;
}

/* Integers wrap around; of floats only what the integer holds is taken. */
static void casts_to_integers(void **state)
{
    static const int64_t whole[] = {300, -1, -129, 70000, (INT64_C(1) << 40) + 7, INT64_MIN};
    static const uint8_t u8[] = {44, 255, 127, 112, 7, 0};
    static const int8_t i8[] = {44, -1, 127, 112, 7, 0};
    static const int16_t i16[] = {300, -1, -129, 4464, 7, 0};
    static const int32_t i32[] = {300, -1, -129, 70000, 7, 0};
    static const uint32_t u32[] = {300, UINT32_MAX, UINT32_MAX - 128, 70000, 7, 0};
    static const uint64_t top[] = {UINT64_MAX, UINT64_C(1) << 63};
    static const int64_t back[] = {-1, INT64_MIN};
    static const uint8_t flags[] = {1, 1, 1, 1, 1, 1};
    static const struct {
        mica_dtype from, to;
        const void *x, *y;
        int64_t n;
    } good[] = {
        {MICA_DTYPE_I64, MICA_DTYPE_U8, whole, u8, 6},
        {MICA_DTYPE_I64, MICA_DTYPE_I8, whole, i8, 6},
        {MICA_DTYPE_I64, MICA_DTYPE_I16, whole, i16, 6},
        {MICA_DTYPE_I64, MICA_DTYPE_I32, whole, i32, 6},
        {MICA_DTYPE_I64, MICA_DTYPE_U32, whole, u32, 6},
        {MICA_DTYPE_U32, MICA_DTYPE_I32, u32, i32, 6},
        {MICA_DTYPE_U64, MICA_DTYPE_I64, top, back, 2},
        {MICA_DTYPE_I64, MICA_DTYPE_U64, back, top, 2},
        {MICA_DTYPE_I64, MICA_DTYPE_BOOL, whole, flags, 6},
    };
    static const float bad[] = {1, NAN}, large[] = {0, 0, 300};
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        mica_value x = constant(g, good[i].from, good[i].x, good[i].n);
        mica_tensor *result = evaluate(g, mica_cast(g, x, (mica_cast_params){good[i].to}), 2);
        assert_memory_equal(mica_tensor_data(result), good[i].y, mica_tensor_bytes(result));
        mica_tensor_release(&result);
    }
    mica_value x = constant(g, MICA_DTYPE_F32, large, 3), y = constant(g, MICA_DTYPE_F32, bad, 2);
    fails(g, mica_cast(g, x, (mica_cast_params){MICA_DTYPE_U8}),
          (const char *[]){"cast: x [3]", "float32", "element 2 is 300", "uint8", NULL});
    mica_context *context = create_context(1);
    mica_tensor *result = NULL;
    mica_error err = {0};
    y = mica_cast(g, y, (mica_cast_params){MICA_DTYPE_I32});
    assert_int_equal(mica_eval(context, g, &y, 1, &result, &err), MICA_STATUS_NOT_FINITE);
    assert_non_null(strstr(err.message, "cast: x [2]"));
    assert_non_null(strstr(err.message, "element 1 is nan"));
    mica_context_destroy(&context);
    mica_graph_destroy(&g);
}

/* A number for a dtype, of mica_scalar_of and of pad. */
static void numbers_of_dtypes(void **state)
{
    static const struct {
        mica_dtype dtype;
        double number;
        bool held;
    } rows[] = {
        {MICA_DTYPE_U8, 255, true},       {MICA_DTYPE_U8, 256, false},
        {MICA_DTYPE_U8, -1, false},       {MICA_DTYPE_I32, 1.5, false},
        {MICA_DTYPE_I32, NAN, false},     {MICA_DTYPE_I64, 0x1p63, false},
        {MICA_DTYPE_I64, -0x1p63, true},  {MICA_DTYPE_U64, 0x1p63, true},
        {MICA_DTYPE_U64, 0x1p64, false},  {MICA_DTYPE_BOOL, 1, true},
        {MICA_DTYPE_BOOL, 2, false},      {MICA_DTYPE_BOOL, 0.5, false},
        {MICA_DTYPE_F16, 65504, true},    {MICA_DTYPE_F16, 65520, false},
        {MICA_DTYPE_F16, 0.1, true},      {MICA_DTYPE_F32, 3.4e38, true},
        {MICA_DTYPE_F32, -1e300, false},  {MICA_DTYPE_BF16, 3.4e38, false},
        {MICA_DTYPE_F32, INFINITY, true}, {MICA_DTYPE_F16, NAN, true},
        {MICA_DTYPE_F64, 1e300, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int pads = 0; pads < 2; pads++) {
            mica_graph *g = NULL;
            mica_tensor *one = NULL;
            mica_error err = {0};
            assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
            assert_int_equal(mica_tensor_create(rows[i].dtype, 1, (const int64_t[]){1}, &one, NULL),
                             MICA_OK);
            mica_value x = mica_constant(g, one, NULL);
            mica_value y =
                pads ? mica_pad(g, x, (mica_pad_params){.after = {1}, .value = rows[i].number})
                     : mica_scalar_of(g, rows[i].dtype, rows[i].number);
            assert_int_equal(y.id != 0, rows[i].held);
            if (!rows[i].held) {
                assert_int_equal(mica_graph_check(g, &err), MICA_STATUS_INVALID_ARGUMENT);
                assert_non_null(strstr(err.message, pads ? "pad: " : "scalar: "));
                assert_non_null(strstr(err.message, mica_dtype_name(rows[i].dtype)));
            }
            mica_tensor_release(&one);
            mica_graph_destroy(&g);
        }
}

/* Copies whose axes change places, of elements of every size, against plain loops. */
static void turned_copies(void **state)
{
    static const mica_dtype dtypes[] = {MICA_DTYPE_U8, MICA_DTYPE_F16, MICA_DTYPE_I32,
                                        MICA_DTYPE_I64};
    static const int orders[][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const int64_t shapes[][3] = {
        {1, 8, 9}, {3, 64, 65}, {65, 7, 40}, {130, 2, 63}, {20, 70, 8}};
    static unsigned char data[8 * 130 * 2 * 70];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t test = 0; test < 4 * 5 * 5; test++) {
        const int *order = orders[test % 5];
        const int64_t *d = shapes[test / 5 % 5];
        mica_dtype dtype = dtypes[test / 25];
        size_t size = mica_dtype_size(dtype), at[3];
        mica_graph *g = NULL;
        mica_tensor *x = NULL, *y = NULL;
        mica_context *context = create_context(1 + test % 3);
        assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
        assert_int_equal(mica_tensor_wrap(dtype, 3, d, data, NULL, NULL, &x, NULL), MICA_OK);
        mica_permutation_params p = {{order[0], order[1], order[2]}};
        mica_value turned = mica_transpose(g, mica_constant(g, x, NULL), p);
        assert_int_equal(mica_eval(context, g, &turned, 1, &y, NULL), MICA_OK);
        const unsigned char *got = mica_tensor_data(y);
        for (at[0] = 0; at[0] < (size_t)d[order[0]]; at[0]++)
            for (at[1] = 0; at[1] < (size_t)d[order[1]]; at[1]++)
                for (at[2] = 0; at[2] < (size_t)d[order[2]]; at[2]++, got += size) {
                    size_t from[3] = {0};
                    for (int i = 0; i < 3; i++)
                        from[order[i]] = at[i];
                    size_t place = (from[0] * (size_t)d[1] + from[1]) * (size_t)d[2] + from[2];
                    assert_memory_equal(got, data + place * size, size);
                }
        mica_tensor_release(&y);
        mica_tensor_release(&x);
        mica_graph_destroy(&g);
        mica_context_destroy(&context);
    }
}

/* What is larger than any memory, but has no elements or takes few of them. */
static void sizes_that_do_not_matter(void **state)
{
    mica_graph *g = NULL;
    mica_tensor *result = NULL;
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    int64_t dims[MICA_MAX_RANK];
    float row[15];
    mica_context *context = create_context(1);
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    for (int i = 0; i < 15; i++)
        row[i] = (float)i;
    mica_value x =
        mica_reshape(g, constant(g, MICA_DTYPE_F32, row, 15), (mica_shape_params){3, {1, 5, 3}});
    mica_value w =
        mica_reshape(g, constant(g, MICA_DTYPE_F32, row, 6), (mica_shape_params){3, {1, 2, 3}});
    mica_value y = mica_conv1d(g, x, w, mica_none(), (mica_conv1d_params){.stride = INT32_MAX});
    assert_int_equal(mica_eval(context, g, &y, 1, &result, NULL), MICA_OK);
    assert_int_equal(mica_tensor_count(result), 1);
    assert_true(*(const float *)mica_tensor_data(result) == 55);
    mica_tensor_release(&result);
    const int64_t large = INT64_C(1) << 40;
    y = mica_exp(g,
                 mica_broadcast_to(
                     g, mica_slice(g, constant(g, MICA_DTYPE_F32, row, 1), (mica_slice_params){0}),
                     (mica_shape_params){3, {large, large, 0}}));
    assert_int_equal(mica_program_compile(context, g, &y, 1, NULL, &program, NULL), MICA_OK);
    assert_int_equal(mica_executor_create(program, &executor, NULL), MICA_OK);
    assert_int_equal(mica_executor_run(executor, NULL, NULL, 0, NULL), MICA_OK);
    assert_non_null(mica_executor_output(executor, 0, NULL, dims));
    assert_true(dims[0] == large && dims[1] == large && dims[2] == 0);
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    mica_context_destroy(&context);
    mica_graph_destroy(&g);
}

static mica_value matrix(mica_graph *g, const float *data, int64_t rows, int64_t columns)
{
    mica_tensor *t = NULL;
    const int64_t dims[] = {rows, columns};
    assert_int_equal(mica_tensor_wrap(MICA_DTYPE_F32, 2, dims, data, NULL, NULL, &t, NULL), 0);
    mica_value value = mica_constant(g, t, NULL);
    mica_tensor_release(&t);
    return value;
}

/* Whether the program refuses its constants, whenever it comes to look at them. */
static void refuses(mica_graph *g, mica_value y, mica_compile_options options)
{
    mica_context *context = create_context(2);
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    mica_error err = {0};
    mica_status status = mica_program_compile(context, g, &y, 1, &options, &program, &err);
    if (!status)
        status = mica_executor_create(program, &executor, &err);
    if (!status)
        status = mica_executor_run(executor, NULL, NULL, 0, &err);
    assert_int_equal(status, MICA_STATUS_NOT_FINITE);
    assert_non_null(strstr(err.message, "weight '"));
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    mica_context_destroy(&context);
}

/* A constant that is not finite is a number like any other, unless weights are to be checked: row 0
 * of the weight holds NaN, row 1 infinity, element 2 of the bias minus infinity. */
static void constants_that_are_not_finite(void **state)
{
    enum { K = 5, ROWS = 3, MOST = 40 };
    static const int64_t widths[] = {1, 2, MOST};
    const mica_eps_params eps = {1e-5f};
    float w[MOST * K], b[MOST] = {0, 0, -INFINITY}, x[ROWS * K] = {[K + 4] = INFINITY};
    for (size_t i = 0; i < MOST * K; i++)
        w[i] = i == 0 ? NAN : i == K ? INFINITY : 1;
    for (size_t i = 0; i < ROWS * K; i++)
        x[i] += 1;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        mica_graph *g = NULL;
        const int64_t n = widths[i];
        assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
        mica_value wv = matrix(g, w, n, K), xv = matrix(g, x, ROWS, K);
        mica_value y = mica_linear(g, xv, wv, constant(g, MICA_DTYPE_F32, b, (size_t)n));
        mica_value z = mica_layer_norm(g, xv, constant(g, MICA_DTYPE_F32, w, K), mica_none(), eps);
        mica_tensor *product = evaluate(g, y, 2), *norm = evaluate(g, z, 1);
        const float *p = mica_tensor_data(product), *q = mica_tensor_data(norm);
        for (int64_t row = 0; row < ROWS; row++, p += n, q += K) {
            assert_true(isnan(p[0]) && (n < 2 || p[1] == INFINITY));
            assert_true(n < 3 || (row == 1 ? isnan(p[2]) : p[2] == -INFINITY));
            assert_true(n < 3 || p[3] == (row == 1 ? INFINITY : K));
            assert_true(isnan(q[0]) && isnan(q[1]) == (row == 1));
        }
        refuses(g, y, (mica_compile_options){.check_weights = true});
        refuses(g, y, (mica_compile_options){.check_weights = true, .once = true});
        refuses(g, z, (mica_compile_options){.check_weights = true});
        if (n > 1) /* one row is multiplied as it lies */
            refuses(g, y, (mica_compile_options){.precision = MICA_PRECISION_BF16});
        mica_tensor_release(&product);
        mica_tensor_release(&norm);
        mica_graph_destroy(&g);
    }
}

/* Lines too long for the network, of every kind of key; values are what the indices pick. */
static void long_lines(void **state)
{
    static const mica_dtype dtypes[] = {MICA_DTYPE_F32, MICA_DTYPE_F16, MICA_DTYPE_I64,
                                        MICA_DTYPE_U32};
    const int64_t n = 9001;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        for (int descending = 0; descending < 2; descending++) {
            mica_graph *g = NULL;
            assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
            const mica_sort_params params = {0, descending != 0};
            mica_value x = filled(g, dtypes[i], 1, &n, 0, 3000, 5);
            mica_value sorted =
                mica_cast(g, mica_sort(g, x, params), (mica_cast_params){MICA_DTYPE_F32});
            mica_value order = mica_argsort(g, x, params);
            mica_value picked = mica_cast(g, mica_gather(g, x, order, (mica_axis_params){0}),
                                          (mica_cast_params){MICA_DTYPE_F32});
            mica_tensor *a = evaluate(g, sorted, 2), *b = evaluate(g, picked, 1);
            mica_tensor *c = evaluate(g, order, 2);
            const float *values = mica_tensor_data(a);
            const int32_t *at = mica_tensor_data(c);
            assert_memory_equal(values, mica_tensor_data(b), (size_t)n * sizeof *values);
            for (int64_t k = 1; k < n; k++) {
                assert_true(descending ? values[k] <= values[k - 1] : values[k] >= values[k - 1]);
                assert_true(values[k] != values[k - 1] || at[k] > at[k - 1]);
            }
            mica_tensor_release(&a);
            mica_tensor_release(&b);
            mica_tensor_release(&c);
            mica_graph_destroy(&g);
        }
}

/* x [2, n, width] of few different numbers, those of floats with both zeros, both infinities and
 * NaN.
 */
static mica_value with_ties(mica_graph *g, mica_dtype dtype, int64_t n, int64_t width,
                            uint64_t stream)
{
    static const float special[] = {NAN, -0.0F, 0, INFINITY, -INFINITY, -2, 2, 1, -1};
    enum { SPECIAL = sizeof special / sizeof special[0] };
    const int64_t shape[] = {2, n, width};
    if (dtype != MICA_DTYPE_F32 && dtype != MICA_DTYPE_F16 && dtype != MICA_DTYPE_BF16)
        return filled(g, dtype, 3, shape, 0, 50, stream);
    mica_value which = filled(g, MICA_DTYPE_I32, 3, shape, 0, SPECIAL, stream);
    mica_value picked =
        mica_gather(g, constant(g, MICA_DTYPE_F32, special, SPECIAL), which, (mica_axis_params){0});
    mica_value noise = filled(g, MICA_DTYPE_F32, 3, shape, -3, 3, stream + 1);
    if (stream % 2) /* few special ones, many others */
        picked = mica_where(g, mica_less(g, noise, mica_scalar(g, 2.9F)), noise, picked);
    if (stream % 3 == 0) { /* zeros, few of them of one sign */
        mica_value rare = mica_scalar(g, stream % 2 ? 2.9F : -2.9F);
        picked = mica_mul(g, mica_sub(g, noise, rare), mica_scalar(g, 0));
    }
    return mica_cast(g, picked, (mica_cast_params){dtype});
}

static void same_bytes(mica_graph *g, mica_value a, mica_value b)
{
    mica_tensor *one = evaluate(g, a, 2), *other = evaluate(g, b, 1);
    assert_int_equal(mica_tensor_bytes(one), mica_tensor_bytes(other));
    assert_memory_equal(mica_tensor_data(one), mica_tensor_data(other), mica_tensor_bytes(one));
    mica_tensor_release(&one);
    mica_tensor_release(&other);
}

/* The first k of lines of n elements, whichever way they are found: what a sorted line begins with,
 * and the same places. */
static void first_of(mica_dtype dtype, int64_t n, int64_t width, bool smallest, uint64_t stream)
{
    static const int64_t few[] = {1, 16, 17, 300, 1100};
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = with_ties(g, dtype, n, width, stream);
    const mica_sort_params params = {1, !smallest};
    mica_value sorted = mica_sort(g, x, params), order = mica_argsort(g, x, params);
    for (size_t k = 0; k < sizeof few / sizeof few[0] && few[k] <= n; k++) {
        const mica_top_k_params top = {few[k], 1, smallest};
        const mica_slice_params first = {.axis = 1, .end = few[k]};
        same_bytes(g, mica_top_k(g, x, top), mica_slice(g, sorted, first));
        same_bytes(g, mica_arg_top_k(g, x, top), mica_slice(g, order, first));
    }
    mica_graph_destroy(&g);
}

static void first_of_lines(void **state)
{
    static const mica_dtype dtypes[] = {MICA_DTYPE_F32, MICA_DTYPE_F16, MICA_DTYPE_BF16,
                                        MICA_DTYPE_I32, MICA_DTYPE_U8,  MICA_DTYPE_U32,
                                        MICA_DTYPE_I64};
    static const int64_t lines[] = {1, 130, 700, 5003, 9001};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        for (uint64_t line = 0; line < sizeof lines / sizeof lines[0]; line++)
            for (int way = 0; way < 4; way++)
                first_of(dtypes[i], lines[line], 1 + way / 2 * 2, way % 2 != 0,
                         line + (uint64_t)way);
}

/* Of column j of x [n, width]: the sum, the largest and the smallest element. */
typedef struct column {
    double sum;
    float most, least;
} column;
static column column_of(const float *x, int64_t n, int64_t width, int64_t j)
{
    column c = {0, -INFINITY, INFINITY};
    for (int64_t i = 0; i < n; i++) {
        float v = x[i * width + j];
        c.sum += (double)v;
        c.most = v > c.most ? v : c.most;
        c.least = v < c.least ? v : c.least;
    }
    return c;
}

/* Down the middle axis of x [shape]: the same bits by any number of threads, and what a loop in
 * order gives; sums as far as dtype's unit of rounding goes. */
static void down_columns(mica_dtype dtype, const int64_t shape[3], double unit)
{
    enum { RESULTS = 4 };
    const int64_t n = shape[1], width = shape[2];
    const mica_reduce_params down = {.axis = 1};
    const mica_cast_params wide = {MICA_DTYPE_F32};
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = mica_copy(g, filled(g, dtype, 3, shape, -3, 3, 5));
    mica_value results[RESULTS] = {
        mica_cast(g, mica_sum(g, x, down), wide), mica_cast(g, mica_max(g, x, down), wide),
        mica_cast(g, mica_min(g, x, down), wide), mica_argmax(g, x, down)};
    mica_tensor *data = evaluate(g, mica_cast(g, x, wide), 1), *one[RESULTS], *three[RESULTS];
    for (size_t k = 0; k < RESULTS; k++) {
        one[k] = evaluate(g, results[k], 1);
        three[k] = evaluate(g, results[k], 3);
        assert_memory_equal(mica_tensor_data(one[k]), mica_tensor_data(three[k]),
                            (size_t)(shape[0] * width) * sizeof(float));
    }
    for (int64_t at = 0; at < shape[0] * width; at++) {
        const float *matrix = (const float *)mica_tensor_data(data) + at / width * n * width;
        column c = column_of(matrix, n, width, at % width);
        float sum = ((const float *)mica_tensor_data(one[0]))[at];
        int32_t place = ((const int32_t *)mica_tensor_data(one[3]))[at];
        assert_true(fabs((double)sum - c.sum) <= 1e-5 * (double)n + unit * fabs(c.sum));
        assert_true(((const float *)mica_tensor_data(one[1]))[at] == c.most);
        assert_true(((const float *)mica_tensor_data(one[2]))[at] == c.least);
        assert_true(place >= 0 && place < n && matrix[place * width + at % width] == c.most);
        for (int32_t i = 0; i < place; i++)
            assert_true(matrix[i * width + at % width] < c.most);
    }
    for (size_t k = 0; k < RESULTS; k++) {
        mica_tensor_release(&one[k]);
        mica_tensor_release(&three[k]);
    }
    mica_tensor_release(&data);
    mica_graph_destroy(&g);
}

/* Long columns are cut into blocks, those of few results and of many, beside one another and in
 * matrices. */
static void long_columns(void **state)
{
    static const int64_t shapes[][3] = {{1, 9000, 40}, {3, 20001, 9}, {1, 700, 2500},
                                        {2, 66, 2049}, {70, 130, 17}, {1, 300000, 1},
                                        {1, 40000, 3}, {1, 17000, 16}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        down_columns(MICA_DTYPE_F32, shapes[s], 0);
        down_columns(MICA_DTYPE_F16, shapes[s], 1.0 / 2048);
        down_columns(MICA_DTYPE_BF16, shapes[s], 1.0 / 256);
    }
}

/* Along an axis of x [a, n, b] of whole numbers: exactly what a loop gives, sums and products
 * modulo 2^64. */
static void whole_down(mica_graph *g, mica_value x, const int64_t *data, const int64_t shape[3],
                       int axis)
{
    const mica_reduce_params down = {.axis = axis};
    const mica_cast_params wide = {MICA_DTYPE_I64};
    mica_value results[] = {mica_sum(g, x, down), mica_prod(g, x, down),
                            mica_cast(g, mica_max(g, x, down), wide),
                            mica_cast(g, mica_min(g, x, down), wide)};
    int64_t n = shape[axis], step = axis == 1 ? shape[2] : 1;
    for (size_t k = 0; k < sizeof results / sizeof results[0]; k++) {
        mica_tensor *t = evaluate(g, results[k], 1 + k % 2 * 2);
        const int64_t *got = mica_tensor_data(t);
        for (int64_t at = 0; at < shape[0] * shape[1] * shape[2] / n; at++) {
            const int64_t *from = data + at / step * n * step + at % step;
            int64_t want = from[0];
            for (int64_t i = 1; i < n; i++) {
                int64_t v = from[i * step];
                want = k == 0   ? (int64_t)((uint64_t)want + (uint64_t)v)
                       : k == 1 ? (int64_t)((uint64_t)want * (uint64_t)v)
                       : k == 2 ? (v > want ? v : want)
                                : (v < want ? v : want);
            }
            assert_true(got[at] == want);
        }
        mica_tensor_release(&t);
    }
}

static void whole_numbers(void **state)
{
    static const int64_t shapes[][3] = {{1, 9000, 40}, {3, 700, 9},  {2, 66, 2049},
                                        {70, 13, 17},  {1, 3000, 1}, {1, 20000, 16}};
    static const mica_dtype dtypes[] = {MICA_DTYPE_I32, MICA_DTYPE_U8, MICA_DTYPE_I16,
                                        MICA_DTYPE_I64, MICA_DTYPE_BOOL};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
            mica_graph *g = NULL;
            assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
            mica_value numbers = filled(g, MICA_DTYPE_I32, 3, shapes[s], -101, 100, s);
            mica_value x = mica_cast(g, numbers, (mica_cast_params){dtypes[i]});
            mica_tensor *t = evaluate(g, mica_cast(g, x, (mica_cast_params){MICA_DTYPE_I64}), 1);
            whole_down(g, x, mica_tensor_data(t), shapes[s], 1);
            whole_down(g, x, mica_tensor_data(t), shapes[s], 2);
            mica_tensor_release(&t);
            mica_graph_destroy(&g);
        }
}

/* Products of floats, along either axis, do not leave what a double holds on the way. */
static void products(void **state)
{
    static const float turns[] = {1e30F, 1e-30F, -1e38F, 1e-38F, 3, 0.5F, 0.7F};
    enum { TURNS = sizeof turns / sizeof turns[0], N = 700, WIDTH = 33 };
    mica_tensor *t = NULL, *result = NULL;
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, (const int64_t[]){N, WIDTH}, &t, NULL),
                     MICA_OK);
    float *x = mica_tensor_data_mut(t);
    for (size_t i = 0; i < (size_t)N * WIDTH; i++)
        x[i] = turns[(i / WIDTH + i % WIDTH) % TURNS];
    mica_value value = mica_constant(g, t, NULL);
    for (int axis = 0; axis < 2; axis++) {
        size_t n = axis ? WIDTH : N, step = axis ? 1 : WIDTH;
        result = evaluate(g, mica_prod(g, value, (mica_reduce_params){.axis = axis}), 2);
        for (size_t at = 0; at < (size_t)(axis ? N : WIDTH); at++) {
            double want = 1;
            for (size_t i = 0; i < n; i++)
                want *= (double)x[at * (axis ? WIDTH : 1) + i * step];
            float got = ((const float *)mica_tensor_data(result))[at];
            assert_true(fabs((double)got - want) <= 1e-6 * fabs(want) || got == (float)want);
        }
        mica_tensor_release(&result);
    }
    mica_tensor_release(&t);
    mica_graph_destroy(&g);
}

/* Updates in parts, by threads: the same bits as by one, and near the sum in order. */
static void scatters_in_parts(void **state)
{
    enum { COUNT = 40000, ROWS = 7, COLUMNS = 16 };
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = floats(g, ROWS, COLUMNS), u = floats(g, COUNT, COLUMNS);
    mica_value at = indices(g, COUNT, -ROWS, ROWS);
    mica_tensor *updates = evaluate(g, mica_copy(g, u), 1),
                *rows = evaluate(g, mica_copy(g, at), 1);
    mica_tensor *before = evaluate(g, mica_copy(g, x), 1);
    for (int max = 0; max < 2; max++) {
        mica_value y = max ? mica_scatter_max(g, x, at, u, (mica_axis_params){0})
                           : mica_scatter_sum(g, x, at, u, (mica_axis_params){0});
        mica_tensor *one = evaluate(g, y, 1), *three = evaluate(g, y, 3);
        double expected[ROWS][COLUMNS];
        for (int i = 0; i < ROWS * COLUMNS; i++)
            expected[i / COLUMNS][i % COLUMNS] =
                (double)((const float *)mica_tensor_data(before))[i];
        for (int i = 0; i < COUNT * COLUMNS; i++) {
            int32_t row = ((const int32_t *)mica_tensor_data(rows))[i / COLUMNS];
            double *to = &expected[row < 0 ? row + ROWS : row][i % COLUMNS];
            double v = (double)((const float *)mica_tensor_data(updates))[i];
            *to = max ? fmax(*to, v) : *to + v;
        }
        assert_memory_equal(mica_tensor_data(one), mica_tensor_data(three), mica_tensor_bytes(one));
        for (int i = 0; i < ROWS * COLUMNS; i++)
            assert_true(fabs((double)((const float *)mica_tensor_data(one))[i] -
                             expected[i / COLUMNS][i % COLUMNS]) < 1e-3);
        mica_tensor_release(&one);
        mica_tensor_release(&three);
    }
    mica_tensor_release(&updates);
    mica_tensor_release(&rows);
    mica_tensor_release(&before);
    mica_graph_destroy(&g);
}

/* A graph of many operations, from nothing to its results. */
static mica_status everything(void *arg, mica_error *err)
{
    mica_context *context = arg;
    mica_graph *g = NULL;
    mica_tensor *results[2] = {NULL, NULL};
    mica_status status = mica_graph_create(&g, err);
    if (status != MICA_OK)
        return status;
    mica_value image = mica_reshape(g, floats(g, 8, 18), (mica_shape_params){4, {2, 6, 6, 2}});
    mica_value kernel = mica_reshape(g, floats(g, 3, 8), (mica_shape_params){4, {3, 2, 2, 2}});
    mica_value y =
        mica_conv2d(g, image, kernel, mica_none(), (mica_conv2d_params){.padding = {1, 1}});
    y = mica_cast(g, mica_selu(g, y), (mica_cast_params){MICA_DTYPE_BF16});
    y = mica_softmax(g, y, (mica_axis_params){1});
    y = mica_sort(g, y, (mica_sort_params){.axis = 2});
    y = mica_pad(g, y, (mica_pad_params){.after = {1}});
    mica_value best = mica_argmax(g, y, (mica_reduce_params){.axis = -1});
    const mica_value outputs[] = {mica_gather(g, floats(g, 3, 4), best, (mica_axis_params){0}), y};
    /* A tensor of the graph that could not be made is none: the error to expect is that. */
    status = mica_eval(context, g, outputs, 2, results, err);
    if (status == MICA_STATUS_INVALID_ARGUMENT)
        status = mica_fail_memory(err, 0, "a constant");
    mica_tensor_release(&results[0]);
    mica_tensor_release(&results[1]);
    mica_graph_destroy(&g);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    mica_context *context = create_context(2);
    assert_true(torture_run(everything, context) > 20);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indices_out_of_range),
        cmocka_unit_test(nothing),
        cmocka_unit_test(means_of_nothing),
        cmocka_unit_test(casts_to_integers),
        cmocka_unit_test(numbers_of_dtypes),
        cmocka_unit_test(turned_copies),
        cmocka_unit_test(sizes_that_do_not_matter),
        cmocka_unit_test(constants_that_are_not_finite),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(first_of_lines),
        cmocka_unit_test(long_columns),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(products),
        cmocka_unit_test(scatters_in_parts),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
