/* SPDX-License-Identifier: MIT
 *
 * Running programs on the fake backend: batches and inputs are checked, outputs have the batch's
 * shapes, memory grows to the high-water mark and is then enough, failures leave the executor
 * usable.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "graph/fake.h"
#include "graph/program.h"
#include "graph/random_graph.h"
#include "torture.h"

typedef struct fixture {
    mica_context *context;
    random_graph r;
    mica_program *program;
    mica_executor *executor;
    mica_value outputs[2];
    float *x;
} fixture;

enum { MOST_TOKENS = 600 };

static void compile(fixture *f, const mica_compile_options *options)
{
    mica_error err = {0};
    mica_executor_destroy(&f->executor);
    mica_program_destroy(&f->program);
    if (mica_program_compile(f->context, f->r.graph, f->outputs, 2, options, &f->program, &err) !=
            MICA_OK ||
        mica_executor_create(f->program, &f->executor, &err) != MICA_OK)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.context = fake_context_create()};
    f.x = calloc(MOST_TOKENS * RANDOM_HIDDEN, sizeof *f.x);
    random_graph_make(&f.r, 3, 30);
    f.outputs[0] = f.r.values[f.r.count - 1];
    f.outputs[1] =
        mica_segment_pool(f.r.graph, f.outputs[0], (mica_segment_pool_params){MICA_POOL_MEAN});
    compile(&f, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mica_executor_destroy(&f->executor);
    mica_program_destroy(&f->program);
    random_graph_free(&f->r);
    fake_context_destroy(&f->context);
    free(f->x);
    return 0;
}

static mica_status run(fixture *f, size_t tokens, mica_error *err)
{
    const int32_t starts[] = {0, (int32_t)(tokens / 2), (int32_t)tokens};
    const mica_batch batch = {tokens, 2, starts, NULL};
    const void *inputs[] = {f->x};
    return mica_executor_run(f->executor, &batch, inputs, 1, err);
}

static void outputs_have_the_shape_of_the_batch(void **state)
{
    fixture *f = *state;
    int rank = -1;
    int64_t dims[MICA_MAX_RANK];
    assert_null(mica_executor_output(f->executor, 0, &rank, dims));
    static const size_t sizes[] = {5, 17, 1, 0, 17};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(run(f, sizes[i], NULL), MICA_OK);
        assert_non_null(mica_executor_output(f->executor, 0, &rank, dims));
        assert_int_equal(rank, 2);
        assert_int_equal(dims[0], sizes[i]);
        assert_int_equal(dims[1], RANDOM_HIDDEN);
        assert_non_null(mica_executor_output(f->executor, 1, &rank, dims));
        assert_int_equal(dims[0], 2);
        assert_null(mica_executor_output(f->executor, 2, NULL, NULL));
    }
    assert_null(fake_complaint(f->context));
}

static void below_the_high_water_mark_nothing_is_allocated(void **state)
{
    fixture *f = *state;
    fake_set_scratch(f->context, 5000);
    assert_int_equal(mica_executor_bytes(f->executor), 0);
    assert_int_equal(run(f, MOST_TOKENS, NULL), MICA_OK);
    size_t bytes = mica_executor_bytes(f->executor);
    assert_true(bytes >= MOST_TOKENS * RANDOM_HIDDEN * sizeof(float));
    uint64_t count = mica_alloc_count();
    for (size_t tokens = 0; tokens <= MOST_TOKENS; tokens += 37)
        assert_int_equal(run(f, tokens, NULL), MICA_OK);
    assert_int_equal(run(f, MOST_TOKENS, NULL), MICA_OK);
    assert_int_equal(mica_alloc_count(), count);
    assert_int_equal(mica_executor_bytes(f->executor), bytes);
}

static void growing_slowly_allocates_seldom(void **state)
{
    fixture *f = *state;
    assert_int_equal(run(f, 50, NULL), MICA_OK);
    uint64_t count = mica_alloc_count();
    for (size_t tokens = 51; tokens <= MOST_TOKENS; tokens++)
        assert_int_equal(run(f, tokens, NULL), MICA_OK);
    assert_true(mica_alloc_count() - count < 20);
    count = mica_alloc_count();
    fake_set_scratch(f->context, 1 << 20); /* the same batch, more scratch */
    assert_int_equal(run(f, MOST_TOKENS, NULL), MICA_OK);
    assert_int_equal(mica_alloc_count(), count + 1);
    assert_null(fake_complaint(f->context));
}

static void bad_batches_are_refused(void **state)
{
    fixture *f = *state;
    static const int32_t good[] = {0, 3, 5}, late[] = {1, 3, 5}, falling[] = {0, 4, 3},
                         negative[] = {0, -1, 5}, none[] = {0};
    static const struct {
        mica_batch batch;
        const char *part;
    } cases[] = {
        {{5, 2, NULL, NULL}, "starts is NULL"},
        {{5, 2, late, NULL}, "starts[0] is 1"},
        {{3, 2, falling, NULL}, "starts[2] is 3, less than starts[1], which is 4"},
        {{5, 2, negative, NULL}, "starts[1] is -1"},
        {{6, 2, good, NULL}, "starts[2] is 5, it must be the number of tokens, 6"},
        {{1, 0, none, NULL}, "starts[0] is 0, it must be the number of tokens, 1"},
        {{(size_t)INT32_MAX + 1, 2, good, NULL}, "2147483648 tokens"},
    };
    const void *inputs[] = {f->x};
    mica_error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(mica_executor_run(f->executor, &cases[i].batch, inputs, 1, &err),
                         MICA_STATUS_INVALID_ARGUMENT);
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, cases[i].part);
    }
    assert_int_equal(mica_executor_run(f->executor, NULL, inputs, 1, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    const mica_batch empty = {0, 0, none, NULL};
    assert_int_equal(mica_executor_run(f->executor, &empty, inputs, 1, &err), MICA_OK);
}

static void bad_inputs_are_refused(void **state)
{
    fixture *f = *state;
    static const int32_t starts[] = {0, 5};
    const mica_batch batch = {5, 1, starts, NULL}, empty = {0, 0, starts, NULL};
    const void *inputs[] = {NULL, NULL};
    mica_error err = {0};
    assert_int_equal(mica_executor_run(f->executor, &batch, inputs, 1, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "input 0 ('x') is NULL"));
    assert_int_equal(mica_executor_run(f->executor, &batch, inputs, 2, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "2 inputs given, it has 1"));
    assert_int_equal(mica_executor_run(f->executor, &batch, NULL, 1, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_executor_run(f->executor, &empty, inputs, 1, &err), MICA_OK);
}

static void a_batch_too_large_is_an_error(void **state)
{
    fixture *f = *state;
    static const int32_t starts[] = {0, INT32_MAX};
    const mica_batch batch = {INT32_MAX, 1, starts, NULL};
    const void *inputs[] = {f->x};
    mica_error err = {0};
    mica_value x = mica_input(f->r.graph, "y", MICA_DTYPE_F32, 3,
                              (int64_t[]){MICA_DIM_TOKENS, MICA_DIM_TOKENS, MICA_DIM_TOKENS});
    f->outputs[1] = mica_relu(f->r.graph, x);
    compile(f, NULL);
    const void *both[] = {f->x, f->x};
    (void)inputs;
    assert_int_equal(mica_executor_run(f->executor, &batch, both, 2, &err), MICA_STATUS_SHAPE);
    assert_non_null(strstr(err.message, "2147483647 tokens in 1 sequences"));
    assert_null(mica_executor_output(f->executor, 0, NULL, NULL));
}

static void what_is_not_finite_is_found(void **state)
{
    fixture *f = *state;
    mica_error err = {0};
    fake_set_poison(f->context, NAN);
    assert_int_equal(run(f, 9, &err), MICA_OK); /* not asked for */
    compile(f, &(mica_compile_options){.check_finite = true});
    assert_int_equal(run(f, 9, &err), MICA_STATUS_NOT_FINITE);
    assert_non_null(strstr(err.message, "output 1 is not finite in row 0, column 0"));
    assert_null(mica_executor_output(f->executor, 0, NULL, NULL));
    fake_set_poison(f->context, -INFINITY);
    assert_int_equal(run(f, 9, &err), MICA_STATUS_NOT_FINITE);
    fake_set_poison(f->context, 1.0f);
    assert_int_equal(run(f, 9, &err), MICA_OK);
}

static void finite_looks_at_every_element(void **state)
{
    fixture *f = *state;
    mica_pool *pool = mica_context_pool(f->context);
    static const size_t counts[] = {1, 63, 64, 65, 1000, 200001};
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    float *x = malloc(200001 * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        size_t n = counts[i], at = 0;
        for (size_t j = 0; j < n; j++)
            x[j] = j % 2 ? 3.4e38f : -1e-42f;
        assert_true(mica_all_finite(pool, MICA_DTYPE_F32, x, n, &at));
        for (size_t j = 0; j < n; j += 1 + n / 7) {
            float kept = x[j];
            x[j] = bad[j % 4];
            assert_false(mica_all_finite(pool, MICA_DTYPE_F32, x, n, &at));
            assert_int_equal(at, j);
            x[j] = kept;
        }
    }
    const uint16_t f16[] = {0x7bff, 0xfbff, 0x7c00}, bf16[] = {0x7f7f, 0xff7f, 0xff80};
    const double f64[] = {1e308, -1e-310, -(double)INFINITY};
    size_t at = 0;
    assert_true(mica_all_finite(pool, MICA_DTYPE_F16, f16, 2, &at));
    assert_false(mica_all_finite(pool, MICA_DTYPE_F16, f16, 3, &at));
    assert_true(mica_all_finite(pool, MICA_DTYPE_BF16, bf16, 2, &at));
    assert_false(mica_all_finite(pool, MICA_DTYPE_BF16, bf16, 3, &at));
    assert_true(mica_all_finite(pool, MICA_DTYPE_F64, f64, 2, &at));
    assert_false(mica_all_finite(pool, MICA_DTYPE_F64, f64, 3, &at));
    assert_int_equal(at, 2);
    assert_true(mica_all_finite(pool, MICA_DTYPE_F32, x, 0, &at));
    free(x);
}

static void cancelling_stops_a_run(void **state)
{
    fixture *f = *state;
    mica_error err = {0};
    mica_context_cancel(f->context);
    assert_int_equal(run(f, 9, &err), MICA_STATUS_CANCELLED);
}

/* The fake backend says that step i took i + 1 ns and two regions. */
static void a_profile_has_every_step_of_the_last_run(void **state)
{
    fixture *f = *state;
    size_t steps = mica_program_step_count(f->program);
    mica_run_profile whole;
    mica_step_profile step;
    assert_int_equal(run(f, 9, NULL), MICA_OK);
    assert_false(mica_executor_get_run(f->executor, &whole));
    assert_false(mica_executor_get_step(f->executor, 0, &step));
    mica_executor_set_profile(f->executor, true);
    assert_int_equal(run(f, 9, NULL), MICA_OK);
    assert_int_equal(run(f, 3, NULL), MICA_OK);
    assert_true(mica_executor_get_run(f->executor, &whole));
    assert_int_equal(whole.steps, steps);
    assert_int_equal(whole.tokens, 3);
    assert_int_equal(whole.sequences, 2);
    assert_true(whole.ns > 0);
    assert_true(whole.value_bytes > 0);
    for (size_t i = 0; i < steps; i++) {
        assert_true(mica_executor_get_step(f->executor, i, &step));
        assert_int_equal(step.op, mica_program_step_op(f->program, i));
        assert_int_equal(step.ns, i + 1);
        assert_int_equal(step.regions, 2);
        assert_true(step.bytes > 0);
        assert_null(mica_executor_weight_name(f->executor, i, step.inputs));
    }
    assert_false(mica_executor_get_step(f->executor, steps, &step));
    assert_int_equal(step.ns, 0);
    assert_null(mica_executor_weight_name(f->executor, steps, 0));
    mica_executor_set_profile(f->executor, false);
    assert_int_equal(run(f, 3, NULL), MICA_OK);
    assert_false(mica_executor_get_step(f->executor, 0, &step));
    mica_executor_set_profile(f->executor, true);
    assert_int_equal(run(f, 3, NULL), MICA_OK);
    mica_context_cancel(f->context);
    assert_int_equal(run(f, 3, NULL), MICA_STATUS_CANCELLED);
    assert_false(mica_executor_get_run(f->executor, &whole));
}

static void the_graph_may_go_before_its_program(void **state)
{
    fixture *f = *state;
    assert_int_equal(run(f, 9, NULL), MICA_OK);
    float first[9 * RANDOM_HIDDEN];
    memcpy(first, mica_executor_output(f->executor, 0, NULL, NULL), sizeof first);
    mica_graph_destroy(&f->r.graph);
    assert_int_equal(run(f, 9, NULL), MICA_OK);
    assert_memory_equal(mica_executor_output(f->executor, 0, NULL, NULL), first, sizeof first);
}

static void eval_gives_tensors(void **state)
{
    fixture *f = *state;
    mica_graph *g = NULL;
    mica_tensor *results[2] = {NULL, NULL};
    mica_error err = {0};
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value a = mica_scalar(g, 2.5f), b = mica_reshape(g, a, (mica_shape_params){2, {1, 1}});
    const mica_value outputs[] = {b, mica_copy(g, a)};
    assert_int_equal(mica_eval(f->context, g, outputs, 2, results, &err), MICA_OK);
    assert_int_equal(mica_tensor_rank(results[0]), 2);
    assert_true(*(const float *)mica_tensor_data(results[1]) == 2.5f);
    mica_tensor_release(&results[0]);
    mica_tensor_release(&results[1]);
    assert_int_equal(mica_eval(f->context, f->r.graph, f->outputs, 2, results, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "inputs"));
    assert_null(results[0]);
    mica_graph_destroy(&g);
}

static mica_status everything(void *arg, mica_error *err)
{
    fixture *f = arg;
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    static const int32_t starts[] = {0, 4};
    const mica_batch batch = {4, 1, starts, NULL};
    const void *inputs[] = {f->x};
    mica_status status =
        mica_program_compile(f->context, f->r.graph, f->outputs, 2, NULL, &program, err);
    if (status == MICA_OK)
        status = mica_executor_create(program, &executor, err);
    if (status == MICA_OK)
        status = mica_executor_run(executor, &batch, inputs, 1, err);
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    return status;
}

static mica_status evaluate(void *arg, mica_error *err)
{
    fixture *f = arg;
    mica_graph *g = NULL;
    mica_tensor *results[2];
    mica_status status = mica_graph_create(&g, err);
    if (status != MICA_OK)
        return status;
    mica_value a = mica_scalar(g, 2.0f);
    const mica_value outputs[] = {mica_relu(g, mica_add(g, a, a)), a};
    status = mica_eval(f->context, g, outputs, 2, results, err);
    assert_true((results[0] != NULL) == (status == MICA_OK));
    assert_true((results[1] != NULL) == (status == MICA_OK));
    mica_tensor_release(&results[0]);
    mica_tensor_release(&results[1]);
    mica_graph_destroy(&g);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    fixture *f = *state;
    assert_true(torture_run(everything, f) > 5);
    assert_true(torture_run(evaluate, f) > 5);
}

static bool always_fails(void *user)
{
    return true;
}

static void an_executor_outlives_a_failed_run(void **state)
{
    fixture *f = *state;
    mica_error err = {0};
    assert_int_equal(run(f, 4, NULL), MICA_OK);
    mica_set_fault_hook(always_fails, NULL);
    mica_status status = run(f, 400, &err);
    mica_set_fault_hook(NULL, NULL);
    assert_int_equal(status, MICA_STATUS_OUT_OF_MEMORY);
    assert_null(mica_executor_output(f->executor, 0, NULL, NULL));
    assert_int_equal(mica_executor_bytes(f->executor), 0);
    assert_int_equal(run(f, 400, &err), MICA_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(outputs_have_the_shape_of_the_batch),
        TEST(below_the_high_water_mark_nothing_is_allocated),
        TEST(growing_slowly_allocates_seldom),
        TEST(bad_batches_are_refused),
        TEST(bad_inputs_are_refused),
        TEST(a_batch_too_large_is_an_error),
        TEST(what_is_not_finite_is_found),
        TEST(finite_looks_at_every_element),
        TEST(cancelling_stops_a_run),
        TEST(a_profile_has_every_step_of_the_last_run),
        TEST(the_graph_may_go_before_its_program),
        TEST(eval_gives_tensors),
        TEST(failing_allocations_are_survived),
        TEST(an_executor_outlives_a_failed_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
