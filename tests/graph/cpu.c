/* SPDX-License-Identifier: MIT
 *
 * Programs on the CPU backend: rewrites against the plain operations that they stand for, shared
 * memory against memory of one's own, threads, failing allocations, known results.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/program.h"
#include "graph/random_graph.h"
#include "torture.h"

enum { TOKENS = 23, SEQUENCES = 4, X = TOKENS * RANDOM_HIDDEN };

static const int32_t starts[SEQUENCES + 1] = {0, 1, 1, 12, TOKENS};
static const mica_batch batch = {TOKENS, SEQUENCES, starts, NULL};

static mica_context *create_context(size_t threads)
{
    mica_context *context = NULL;
    mica_context_options options;
    mica_error err = {0};
    mica_context_options_defaults(&options);
    options.threads = threads;
    if (mica_context_create(&options, &context, &err) != MICA_OK)
        fail_msg("%s", err.message);
    return context;
}

static void fill(float *x)
{
    for (size_t i = 0; i < X; i++)
        x[i] = sinf((float)i * 0.7f);
}

static mica_program *compile(mica_context *context, const mica_graph *graph,
                             const mica_value *outputs, size_t n, bool no_rewrites)
{
    mica_program *program = NULL;
    mica_error err = {0};
    const mica_compile_options options = {.no_rewrites = no_rewrites, .check_finite = true};
    if (mica_program_compile(context, graph, outputs, n, &options, &program, &err) != MICA_OK)
        fail_msg("%s", err.message);
    return program;
}

static mica_executor *run(mica_program *program, const float *x)
{
    mica_executor *executor = NULL;
    mica_error err = {0};
    const void *inputs[] = {x};
    if (mica_executor_create(program, &executor, &err) != MICA_OK ||
        mica_executor_run(executor, &batch, inputs, 1, &err) != MICA_OK)
        fail_msg("%s", err.message);
    return executor;
}

static bool has_fused(const mica_program *program)
{
    for (size_t i = 0; i < mica_program_step_count(program); i++) {
        if (mica_op_get(mica_program_step_op(program, i))->composite != NULL)
            return true;
    }
    return false;
}

/* Fused operations may round otherwise than their composites. */
static double largest_difference(const float *a, const float *b, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = fabs((double)a[i] - (double)b[i]) / (1 + fabs((double)b[i]));
        largest = difference > largest ? difference : largest;
    }
    return largest;
}

static void rewrites_and_shared_memory_change_nothing(void **state)
{
    mica_context *context = *state;
    float x[X];
    size_t with_fused = 0;
    fill(x);
    for (uint64_t seed = 0; seed < 120; seed++) {
        random_graph r;
        random_graph_make(&r, seed, 14);
        const mica_value last = r.values[r.count - 1];
        mica_program *fused = compile(context, r.graph, &last, 1, false);
        mica_program *plain = compile(context, r.graph, &last, 1, true);
        mica_program *apart = compile(context, r.graph, r.values, r.count, true);
        mica_executor *a = run(fused, x), *b = run(plain, x), *c = run(apart, x);
        const float *ya = mica_executor_output(a, 0, NULL, NULL);
        const float *yb = mica_executor_output(b, 0, NULL, NULL);
        const float *yc = mica_executor_output(c, r.count - 1, NULL, NULL);
        assert_memory_equal(yb, yc, X * sizeof(float)); /* the same steps: the same bits */
        double difference = largest_difference(ya, yb, X);
        if (difference > 2e-4)
            fail_msg("seed %d: rewrites change a result by %g", (int)seed, difference);
        with_fused += has_fused(fused);
        mica_executor_destroy(&a);
        mica_executor_destroy(&b);
        mica_executor_destroy(&c);
        mica_program_destroy(&fused);
        mica_program_destroy(&plain);
        mica_program_destroy(&apart);
        random_graph_free(&r);
    }
    assert_true(with_fused > 30);
}

static mica_value normal(mica_graph *g, int rank, int64_t rows, int64_t columns, uint64_t seed)
{
    mica_tensor *t = NULL;
    const int64_t dims[] = {rows, columns};
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &t, NULL), MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(t, 0, 0.2, seed, 1, NULL), MICA_OK);
    mica_value value = mica_constant(g, t, "w");
    mica_tensor_release(&t);
    return value;
}

/* x -> linear -> gelu -> linear -> linear, where the first two results may be left as the numbers
 * that the next product takes: unless `seen`, since somebody else looks at them. */
static mica_program *chain(mica_context *context, int64_t k, int64_t n, mica_precision precision,
                           bool seen)
{
    mica_graph *g = NULL;
    mica_program *program = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = mica_input(g, "x", MICA_DTYPE_F32, 2, (int64_t[]){MICA_DIM_TOKENS, k});
    mica_value one = mica_gelu(g, mica_linear(g, x, normal(g, 2, n, k, 1), mica_none()));
    mica_value two = mica_linear(g, one, normal(g, 2, 20, n, 2), mica_none());
    mica_value three = mica_linear(g, two, normal(g, 2, 3, 20, 3), normal(g, 1, 3, 0, 4));
    const mica_value outputs[] = {three, one, two};
    const mica_compile_options options = {.precision = precision};
    assert_int_equal(
        mica_program_compile(context, g, outputs, seen ? 3 : 1, &options, &program, NULL), MICA_OK);
    assert_int_equal(program->n_steps, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(program->steps[i].feeds, seen || i == 2 ? MICA_NO_STEP : i + 1);
        assert_int_equal(program->steps[i].fed_by, seen || i == 0 ? MICA_NO_STEP : i - 1);
    }
    mica_graph_destroy(&g);
    return program;
}

static const float *run_batch(mica_program *program, const float *x, const mica_batch *of,
                              mica_executor **executor)
{
    const void *inputs[] = {x};
    assert_int_equal(mica_executor_create(program, executor, NULL), MICA_OK);
    assert_int_equal(mica_executor_run(*executor, of, inputs, 1, NULL), MICA_OK);
    return mica_executor_output(*executor, 0, NULL, NULL);
}

/* Rows of zeros, rows that are not finite, and numbers too large for a product to stay finite. */
static void results_pass_between_products(void **state)
{
    enum { K = 12, MOST = 200 };
    static const int64_t widths[] = {4, 20, 22, 516, 2052};
    static const int32_t tokens[] = {1, 3, 13, 64, MOST};
    static float x[MOST * K];
    for (size_t i = 0; i < MOST * K; i++)
        x[i] = sinf((float)i * 0.7f) * (i / K % 7 == 3 ? 0 : 4);
    x[K] = NAN;
    x[2 * K + 5] = INFINITY;
    x[5 * K] = 3e38f;
    for (size_t threads = 1; threads <= 3; threads++) {
        mica_context *context = create_context(threads);
        for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
            for (int p = MICA_PRECISION_F32; p <= MICA_PRECISION_INT8; p++) {
                mica_program *passes = chain(context, K, widths[w], (mica_precision)p, false);
                mica_program *seen = chain(context, K, widths[w], (mica_precision)p, true);
                for (size_t t = 0; t < sizeof tokens / sizeof tokens[0]; t++) {
                    const int32_t from[] = {0, tokens[t]};
                    const mica_batch one = {(size_t)tokens[t], 1, from, NULL};
                    mica_executor *a, *b;
                    const float *ya = run_batch(passes, x, &one, &a);
                    const float *yb = run_batch(seen, x, &one, &b);
                    assert_memory_equal(ya, yb, (size_t)tokens[t] * 3 * sizeof *ya);
                    mica_executor_destroy(&a);
                    mica_executor_destroy(&b);
                }
                mica_program_destroy(&passes);
                mica_program_destroy(&seen);
            }
        mica_context_destroy(&context);
    }
}

/* x -> query, key and value side by side -> attention, which takes them in bfloat16 where it rounds
 * them to it: unless the value is `seen`, and stands apart. */
static mica_program *self_attention(mica_context *context, int64_t k, int64_t width, int heads,
                                    bool relative, mica_precision precision, bool seen)
{
    mica_graph *g = NULL;
    mica_program *program = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = mica_input(g, "x", MICA_DTYPE_F32, 2, (int64_t[]){MICA_DIM_TOKENS, k}), sides[3];
    for (uint64_t i = 0; i < 3; i++)
        sides[i] = mica_linear(g, x, normal(g, 2, width, k, i), normal(g, 1, width, 0, 10 + i));
    const mica_attention_params params = {heads, 0.3f};
    mica_value y = relative ? mica_relative_attention(g, sides[0], sides[1], sides[2],
                                                      normal(g, 2, heads, 7, 5), params)
                            : mica_attention(g, sides[0], sides[1], sides[2], params);
    const mica_value outputs[] = {y, sides[2]};
    const mica_compile_options options = {.precision = precision};
    assert_int_equal(
        mica_program_compile(context, g, outputs, seen ? 2 : 1, &options, &program, NULL), MICA_OK);
    for (size_t i = 1; i < program->n_steps; i++) {
        const mica_step *step = &program->steps[i];
        if (step->op == MICA_OP_ATTENTION || step->op == MICA_OP_RELATIVE_ATTENTION)
            assert_true(step->fed_by == 0 && (step->fed == 3) == !seen);
    }
    mica_graph_destroy(&g);
    return program;
}

/* Heads of an odd and of an even number of columns, rows that are not finite, and sequences of one
 * token to several blocks of queries. */
static void query_key_and_value_pass_to_attention(void **state)
{
    enum { K = 12, MOST = 600 };
    static const struct {
        int64_t width;
        int heads;
        bool relative;
    } shapes[] = {{768, 12, false}, {64, 4, true}, {36, 3, false}, {20, 4, false}, {18, 3, false}};
    static const int32_t bounds[][4] = {{0, 1, 1, 1}, {0, 3, 16, 80}, {0, 0, 300, 600}};
    static float x[MOST * K];
    for (size_t i = 0; i < MOST * K; i++)
        x[i] = sinf((float)i * 0.7f) * (i / K % 7 == 3 ? 0 : 4);
    x[20 * K] = NAN;
    x[21 * K + 5] = INFINITY;
    x[22 * K] = 3e38f;
    for (size_t threads = 1; threads <= 3; threads += 2) {
        mica_context *context = create_context(threads);
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            for (int p = MICA_PRECISION_F32; p <= MICA_PRECISION_INT8; p++) {
                int64_t width = shapes[s].width;
                mica_program *passes = self_attention(context, K, width, shapes[s].heads,
                                                      shapes[s].relative, (mica_precision)p, false);
                mica_program *seen = self_attention(context, K, width, shapes[s].heads,
                                                    shapes[s].relative, (mica_precision)p, true);
                for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
                    const mica_batch of = {(size_t)bounds[b][3], 3, bounds[b], NULL};
                    mica_executor *one, *other;
                    const float *y = run_batch(passes, x, &of, &one);
                    const float *z = run_batch(seen, x, &of, &other);
                    assert_memory_equal(y, z, of.tokens * (size_t)width * sizeof *y);
                    mica_executor_destroy(&one);
                    mica_executor_destroy(&other);
                }
                mica_program_destroy(&passes);
                mica_program_destroy(&seen);
            }
        mica_context_destroy(&context);
    }
}

/* Rewrites one at a time, held closer than whole graphs can be. */
static void each_rewrite_equals_its_composite(void **state)
{
    mica_context *context = *state;
    float x[X];
    fill(x);
    enum { H = RANDOM_HIDDEN };
    for (int which = 0; which < 3; which++) {
        mica_graph *g = NULL;
        assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
        mica_value in = mica_input(g, "x", MICA_DTYPE_F32, 2, (int64_t[]){MICA_DIM_TOKENS, H});
        mica_value one = mica_linear(g, in, normal(g, 2, H, H, 1), normal(g, 1, H, 0, 2));
        mica_value two = mica_linear(g, in, normal(g, 2, H, H, 3), mica_none());
        mica_value y = which == 0   ? mica_add(g, one, two)
                       : which == 1 ? mica_gelu(g, one)
                                    : mica_layer_norm(g, mica_add(g, in, mica_tanh(g, in)),
                                                      normal(g, 1, H, 0, 5), normal(g, 1, H, 0, 6),
                                                      (mica_eps_params){1e-5f});
        mica_program *fused = compile(context, g, &y, 1, false);
        mica_program *plain = compile(context, g, &y, 1, true);
        mica_executor *a = run(fused, x), *b = run(plain, x);
        assert_true(has_fused(fused));
        assert_false(has_fused(plain));
        double difference = largest_difference(mica_executor_output(a, 0, NULL, NULL),
                                               mica_executor_output(b, 0, NULL, NULL), X);
        if (difference > 2e-6)
            fail_msg("rewrite %d changes a result by %g", which, difference);
        mica_executor_destroy(&a);
        mica_executor_destroy(&b);
        mica_program_destroy(&fused);
        mica_program_destroy(&plain);
        mica_graph_destroy(&g);
    }
}

/* Weights that are packed by the run: the same bits as kept ones, in each precision, however many
 * linears are side by side. */
static void running_once_changes_nothing(void **state)
{
    enum { H = RANDOM_HIDDEN, SIDES = 20 };
    mica_context *context = *state;
    float x[X];
    fill(x);
    for (int p = 0; p < 2 * MICA_PRECISIONS; p++) {
        bool biases = p % 2;
        mica_graph *g = NULL;
        mica_program *kept = NULL, *once = NULL;
        assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
        mica_value in = mica_input(g, "x", MICA_DTYPE_F32, 2, (int64_t[]){MICA_DIM_TOKENS, H});
        mica_value sum = in;
        for (uint64_t i = 0; i < SIDES; i++) {
            mica_value bias = biases && i % 3 ? normal(g, 1, H, 0, 100 + i) : mica_none();
            sum = mica_add(g, sum, mica_linear(g, in, normal(g, 2, H, H, 1 + i), bias));
        }
        mica_compile_options options = {.precision = (mica_precision)(p / 2)};
        assert_int_equal(mica_program_compile(context, g, &sum, 1, &options, &kept, NULL), MICA_OK);
        options.once = true;
        assert_int_equal(mica_program_compile(context, g, &sum, 1, &options, &once, NULL), MICA_OK);
        mica_executor *a = run(kept, x), *b = run(once, x);
        assert_memory_equal(mica_executor_output(a, 0, NULL, NULL),
                            mica_executor_output(b, 0, NULL, NULL), X * sizeof(float));
        mica_executor_destroy(&a);
        mica_executor_destroy(&b);
        mica_program_destroy(&kept);
        mica_program_destroy(&once);
        mica_graph_destroy(&g);
    }
}

static mica_tensor *matrix(int64_t rows, int64_t columns, const float *data)
{
    mica_tensor *t = NULL;
    assert_int_equal(
        mica_tensor_wrap(MICA_DTYPE_F32, 2, (int64_t[]){rows, columns}, data, NULL, NULL, &t, NULL),
        MICA_OK);
    return t;
}

static void eval_computes(void **state)
{
    mica_context *context = *state;
    static const float a_data[] = {1, 2, 3, 4, 5, 6};
    mica_tensor *a = matrix(2, 3, a_data), *results[2] = {NULL, NULL};
    mica_graph *g = NULL;
    mica_error err = {0};
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value va = mica_constant(g, a, "a");
    mica_value at = mica_transpose(g, va, (mica_permutation_params){{1, 0}});
    const mica_value outputs[] = {
        mica_matmul(g, va, at),
        mica_slice(g, at, (mica_slice_params){.axis = 0, .begin = 1, .end = 3})};
    if (mica_eval(context, g, outputs, 2, results, &err) != MICA_OK)
        fail_msg("%s", err.message);
    static const float square[] = {14, 32, 32, 77}, rows[] = {2, 5, 3, 6};
    assert_memory_equal(mica_tensor_data(results[0]), square, sizeof square);
    assert_memory_equal(mica_tensor_data(results[1]), rows, sizeof rows);
    for (size_t i = 0; i < 2; i++)
        mica_tensor_release(&results[i]);
    mica_tensor_release(&a);
    mica_graph_destroy(&g);
}

static mica_value zeros(mica_graph *g, mica_dtype dtype, int rank, int64_t rows, int64_t columns)
{
    mica_tensor *t = NULL;
    const int64_t dims[] = {rows, columns};
    assert_int_equal(mica_tensor_create(dtype, rank, dims, &t, NULL), MICA_OK);
    mica_value value = mica_constant(g, t, "zeros");
    mica_tensor_release(&t);
    return value;
}

static void values_without_elements_do_no_harm(void **state)
{
    mica_context *context = *state;
    mica_graph *g = NULL;
    mica_tensor *results[20];
    mica_error err = {0};
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    const mica_permutation_params swap = {{1, 0}};
    const mica_reduce_params rows = {.axis = 0}, columns = {.axis = 1, .keep_dims = true};
    mica_value no_rows = zeros(g, MICA_DTYPE_F32, 2, 0, 3);
    mica_value no_columns = zeros(g, MICA_DTYPE_F32, 2, 3, 0);
    mica_value row = zeros(g, MICA_DTYPE_F32, 1, 3, 0), nothing = zeros(g, MICA_DTYPE_F32, 1, 0, 0);
    mica_value square = zeros(g, MICA_DTYPE_F32, 2, 3, 3);
    mica_value joined[] = {no_rows, square, no_rows};
    const mica_value outputs[] = {
        mica_linear(g, no_rows, square, row),
        mica_linear(g, no_columns, zeros(g, MICA_DTYPE_F32, 2, 5, 0), mica_none()),
        mica_linear(g, square, no_rows, nothing),
        mica_matmul(g, no_columns, no_rows),
        mica_matmul(g, no_rows, no_columns),
        mica_gelu(g, no_rows),
        mica_add(g, no_rows, row),
        mica_softmax(g, no_rows, (mica_axis_params){0}),
        mica_softmax(g, no_columns, (mica_axis_params){1}),
        mica_sum(g, no_rows, rows),
        mica_max(g, no_rows, columns),
        mica_layer_norm(g, no_rows, row, row, (mica_eps_params){1e-5f}),
        mica_layer_norm(g, no_columns, nothing, nothing, (mica_eps_params){1e-5f}),
        mica_l2_normalize(g, no_columns, (mica_eps_params){1e-5f}),
        mica_concat(g, joined, 3, (mica_axis_params){0}),
        mica_transpose(g, no_columns, swap),
        mica_slice(g, square, (mica_slice_params){.axis = 1, .begin = 3, .end = 3}),
        mica_embedding(g, square, zeros(g, MICA_DTYPE_I32, 2, 2, 0)),
        mica_cast(g, no_rows, (mica_cast_params){MICA_DTYPE_F16}),
        mica_mul(g, mica_scalar(g, 2), mica_sum(g, no_columns, (mica_reduce_params){.all = true})),
    };
    static const int64_t first[] = {0, 3, 3, 3, 0, 0, 0, 0, 3, 3, 0, 0, 3, 3, 3, 0, 3, 2, 0};
    if (mica_eval(context, g, outputs, 20, results, &err) != MICA_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < 19; i++)
        assert_int_equal(mica_tensor_dim(results[i], 0), first[i]);
    static const float none[9];
    assert_memory_equal(mica_tensor_data(results[1]), none, 9 * sizeof(float));
    assert_memory_equal(mica_tensor_data(results[3]), none, sizeof none);
    assert_memory_equal(mica_tensor_data(results[9]), none, 3 * sizeof(float));
    assert_memory_equal(mica_tensor_data(results[19]), none, sizeof(float));
    for (size_t i = 0; i < 20; i++)
        mica_tensor_release(&results[i]);
    mica_graph_destroy(&g);
}

static void an_id_out_of_range_is_named(void **state)
{
    mica_context *context = *state;
    mica_graph *g = NULL;
    mica_error err = {0};
    mica_executor *executor = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value ids = mica_input(g, "ids", MICA_DTYPE_I32, 1, (int64_t[]){3});
    mica_value y = mica_embedding(g, normal(g, 2, 7, 4, 1), ids);
    mica_program *program = compile(context, g, &y, 1, false);
    assert_int_equal(mica_executor_create(program, &executor, NULL), MICA_OK);
    static const int32_t good[] = {0, 6, 3}, large[] = {0, 7, 3}, negative[] = {0, 1, -2};
    const void *inputs[] = {good};
    assert_int_equal(mica_executor_run(executor, NULL, inputs, 1, &err), MICA_OK);
    inputs[0] = large;
    assert_int_not_equal(mica_executor_run(executor, NULL, inputs, 1, &err), MICA_OK);
    assert_non_null(strstr(err.message, "7"));
    inputs[0] = negative;
    assert_int_not_equal(mica_executor_run(executor, NULL, inputs, 1, &err), MICA_OK);
    assert_non_null(strstr(err.message, "-2"));
    assert_non_null(strstr(err.message, "7"));
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    mica_graph_destroy(&g);
}

static void steady_runs_allocate_nothing(void **state)
{
    mica_context *context = *state;
    float x[X];
    const void *inputs[] = {x};
    random_graph r;
    fill(x);
    random_graph_make(&r, 5, 40);
    mica_program *program = compile(context, r.graph, &r.values[r.count - 1], 1, false);
    mica_executor *executor = run(program, x);
    static const int32_t one[] = {0, TOKENS}; /* the longest sequence: most scratch for attention */
    const mica_batch longest = {TOKENS, 1, one, NULL};
    assert_int_equal(mica_executor_run(executor, &longest, inputs, 1, NULL), MICA_OK);
    uint64_t count = mica_alloc_count();
    for (int32_t tokens = TOKENS; tokens > 0; tokens--) {
        const int32_t two[] = {0, tokens / 2, tokens};
        const mica_batch smaller = {(size_t)tokens, 2, two, NULL};
        assert_int_equal(mica_executor_run(executor, &smaller, inputs, 1, NULL), MICA_OK);
    }
    assert_int_equal(mica_alloc_count(), count);
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    random_graph_free(&r);
}

typedef struct worker {
    mica_program *program;
    const float *x, *expected;
    bool same;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    mica_executor *executor = NULL;
    const void *inputs[] = {w->x};
    w->same = mica_executor_create(w->program, &executor, NULL) == MICA_OK;
    for (int i = 0; i < 20 && w->same; i++) {
        w->same = mica_executor_run(executor, &batch, inputs, 1, NULL) == MICA_OK &&
                  memcmp(mica_executor_output(executor, 0, NULL, NULL), w->expected,
                         X * sizeof(float)) == 0;
    }
    mica_executor_destroy(&executor);
    return NULL;
}

static void threads_share_a_program(void **state)
{
    mica_context *context = *state;
    float x[X], expected[X];
    random_graph r;
    fill(x);
    random_graph_make(&r, 8, 30);
    mica_program *program = compile(context, r.graph, &r.values[r.count - 1], 1, false);
    mica_executor *executor = run(program, x);
    memcpy(expected, mica_executor_output(executor, 0, NULL, NULL), sizeof expected);
    worker workers[3];
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        workers[i] = (worker){program, x, expected, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].same);
    }
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    random_graph_free(&r);
}

static mica_status everything(void *arg, mica_error *err)
{
    float x[X];
    const void *inputs[] = {x};
    const mica_context_options options = {.threads = 2};
    const random_graph *r = arg;
    mica_context *context = NULL;
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    fill(x);
    mica_status status = mica_context_create(&options, &context, err);
    if (status == MICA_OK)
        status = mica_program_compile(context, r->graph, &r->values[r->count - 1], 1, NULL,
                                      &program, err);
    if (status == MICA_OK)
        status = mica_executor_create(program, &executor, err);
    if (status == MICA_OK)
        status = mica_executor_run(executor, &batch, inputs, 1, err);
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    mica_context_destroy(&context);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    random_graph r;
    random_graph_make(&r, 4, 8);
    assert_true(torture_run(everything, &r) > 10);
    random_graph_free(&r);
}

static void log_line(void *user, mica_log_severity severity, const char *line)
{
    (*(int *)user)++;
}

static void contexts_check_their_options(void **state)
{
    mica_context *context = NULL;
    mica_context_options options;
    mica_context_info info;
    mica_error err = {0};
    int lines = 0;
    mica_context_options_defaults(&options);
    options.threads = 3;
    options.log = log_line;
    options.log_user = &lines;
    assert_int_equal(mica_context_create(&options, &context, &err), MICA_OK);
    mica_context_get_info(context, &info);
    assert_int_equal(info.threads, 3);
    assert_string_equal(info.threads_reason, "options");
    assert_string_equal(info.backend, "cpu");
    assert_non_null(info.cpu);
    assert_non_null(info.kernels_best);
    lines = 0;
    mica_log_write(mica_context_log(context), MICA_LOG_WARNING, "%d", 5);
    assert_int_equal(lines, 1);
    mica_context_destroy(&context);
    assert_null(context);
    options.threads = 100000;
    assert_int_equal(mica_context_create(&options, &context, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "100000 threads"));
    mica_context_options_defaults(&options);
    options.reserved[3] = 1;
    assert_int_equal(mica_context_create(&options, &context, &err), MICA_STATUS_INVALID_ARGUMENT);
    assert_null(context);
}

static void cancelling_holds_until_cleared(void **state)
{
    mica_context *context = *state;
    mica_graph *g = NULL;
    mica_error err = {0};
    mica_tensor *result = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value y = mica_relu(g, mica_scalar(g, 1.0f));
    mica_context_cancel(context);
    assert_int_equal(mica_eval(context, g, &y, 1, &result, &err), MICA_STATUS_CANCELLED);
    assert_null(result);
    mica_context_clear_cancel(context);
    assert_int_equal(mica_eval(context, g, &y, 1, &result, &err), MICA_OK);
    mica_tensor_release(&result);
    mica_graph_destroy(&g);
}

static int setup(void **state)
{
    *state = create_context(2);
    return 0;
}

static int teardown(void **state)
{
    mica_context *context = *state;
    mica_context_destroy(&context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_computes),
        cmocka_unit_test(rewrites_and_shared_memory_change_nothing),
        cmocka_unit_test(each_rewrite_equals_its_composite),
        cmocka_unit_test(results_pass_between_products),
        cmocka_unit_test(query_key_and_value_pass_to_attention),
        cmocka_unit_test(running_once_changes_nothing),
        cmocka_unit_test(values_without_elements_do_no_harm),
        cmocka_unit_test(an_id_out_of_range_is_named),
        cmocka_unit_test(steady_runs_allocate_nothing),
        cmocka_unit_test(threads_share_a_program),
        cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(contexts_check_their_options),
        cmocka_unit_test(cancelling_holds_until_cleared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
