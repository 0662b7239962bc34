/* SPDX-License-Identifier: MIT
 *
 * What the planner makes of a graph: the steps that are left, which values are views, which copies
 * are put in, which slots are shared. Results of the fake backend show whether a value was harmed.
 */
#include "graph/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/fake.h"

typedef struct fixture {
    mica_context *context;
    mica_graph *g;
    mica_program *program;
    mica_value x; /* [tokens, 8] */
} fixture;

static mica_value weight(mica_graph *g, const char *name, int rank, int64_t rows, int64_t columns)
{
    mica_tensor *t = NULL;
    const int64_t dims[] = {rows, columns};
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &t, NULL), MICA_OK);
    mica_value value = mica_constant(g, t, name);
    mica_tensor_release(&t);
    return value;
}

static mica_value linear(fixture *f, mica_value x, int64_t n)
{
    int64_t k = mica_value_dim(f->g, x, -1);
    return mica_linear(f->g, x, weight(f->g, "w", 2, n, k), weight(f->g, "b", 1, n, 0));
}

static mica_value layer_norm(fixture *f, mica_value x)
{
    int64_t k = mica_value_dim(f->g, x, -1);
    return mica_layer_norm(f->g, x, weight(f->g, "lw", 1, k, 0), weight(f->g, "lb", 1, k, 0),
                           (mica_eps_params){1e-5f});
}

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.context = fake_context_create()};
    assert_non_null(f.context);
    assert_int_equal(mica_graph_create(&f.g, NULL), MICA_OK);
    f.x = mica_input(f.g, "x", MICA_DTYPE_F32, 2, (int64_t[]){MICA_DIM_TOKENS, 8});
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mica_program_destroy(&f->program);
    mica_graph_destroy(&f->g);
    assert_int_equal(fake_prepared(f->context), 0);
    fake_context_destroy(&f->context);
    return 0;
}

/* Compiles and holds the plan to these steps, ended by MICA_OP_NONE. */
static void expect_plan(fixture *f, const mica_value *outputs, size_t n, bool no_rewrites,
                        const mica_op *ops)
{
    mica_error err = {0};
    mica_compile_options options;
    mica_compile_options_defaults(&options);
    options.no_rewrites = no_rewrites;
    mica_program_destroy(&f->program);
    mica_status status =
        mica_program_compile(f->context, f->g, outputs, n, &options, &f->program, &err);
    if (status != MICA_OK)
        fail_msg("compile: %s", err.message);
    size_t count = mica_program_step_count(f->program);
    for (size_t i = 0; i < count || ops[i] != MICA_OP_NONE; i++) {
        mica_op got = mica_program_step_op(f->program, i);
        if (got != ops[i])
            fail_msg("step %zu is %s, not %s", i, mica_op_name(got), mica_op_name(ops[i]));
        if (ops[i] == MICA_OP_NONE)
            break;
    }
    assert_int_equal(fake_prepared(f->context), count);
}

#define EXPECT(f, value, ...)                                                                      \
    expect_plan(f, &(value), 1, false, (const mica_op[]){__VA_ARGS__, MICA_OP_NONE})
#define EXPECT_PLAIN(f, value, ...)                                                                \
    expect_plan(f, &(value), 1, true, (const mica_op[]){__VA_ARGS__, MICA_OP_NONE})

static const mica_attention_params heads = {2, 0.5f};

static void qkv_is_one_product(void **state)
{
    fixture *f = *state;
    mica_value q = linear(f, f->x, 8), k = linear(f, f->x, 8), v = linear(f, f->x, 8);
    mica_value y = mica_attention(f->g, q, k, v, heads);
    EXPECT(f, y, MICA_OP_FUSED_LINEAR, MICA_OP_ATTENTION);
    const mica_step *attention = &f->program->steps[1];
    for (size_t i = 0; i < 3; i++) {
        const mica_plan_value *view = &f->program->values[attention->inputs[i]];
        assert_int_equal(view->source, MICA_SOURCE_VIEW);
        assert_non_null(view->strides);
        assert_int_equal(view->slice_begin, 8 * i);
    }
    assert_string_equal(f->program->steps[0].names[1], "w");
    assert_non_null(f->program->steps[0].constants[2]);
    EXPECT_PLAIN(f, y, MICA_OP_LINEAR, MICA_OP_LINEAR, MICA_OP_LINEAR, MICA_OP_ATTENTION);
    fake_decline(f->context, MICA_OP_FUSED_LINEAR);
    EXPECT(f, y, MICA_OP_LINEAR, MICA_OP_LINEAR, MICA_OP_LINEAR, MICA_OP_ATTENTION);
}

static void linears_stay_apart_where_strides_do_not_suit(void **state)
{
    fixture *f = *state;
    mica_value q = linear(f, f->x, 8), k = linear(f, f->x, 8), v = linear(f, f->x, 8);
    mica_value y = mica_attention(f->g, q, k, mica_softmax(f->g, v, (mica_axis_params){1}), heads);
    EXPECT(f, y, MICA_OP_FUSED_LINEAR, MICA_OP_LINEAR, MICA_OP_SOFTMAX, MICA_OP_ATTENTION);
    /* q is an output too: it stays, and k and v go together */
    y = mica_attention(f->g, q, k, v, heads);
    const mica_value outputs[] = {y, q};
    expect_plan(f, outputs, 2, false,
                (const mica_op[]){MICA_OP_LINEAR, MICA_OP_FUSED_LINEAR, MICA_OP_ATTENTION, 0});
}

static void linear_of_a_weight_that_is_no_constant_stays(void **state)
{
    fixture *f = *state;
    mica_value w = mica_input(f->g, "w", MICA_DTYPE_F32, 2, (int64_t[]){8, 8});
    mica_value a = mica_linear(f->g, f->x, w, mica_none());
    mica_value y = mica_gelu(f->g, a);
    EXPECT(f, y, MICA_OP_LINEAR, MICA_OP_GELU);
}

static void activation_joins_its_linear(void **state)
{
    fixture *f = *state;
    mica_value a = linear(f, f->x, 16), y = mica_gelu(f->g, a);
    EXPECT(f, y, MICA_OP_FUSED_LINEAR);
    const mica_fused_linear_params *params = f->program->steps[0].params;
    assert_int_equal(params->activation, MICA_OP_GELU);
    EXPECT_PLAIN(f, y, MICA_OP_LINEAR, MICA_OP_GELU);
    /* Not if the linear's own result is an output or has another user, nor with parameters. */
    const mica_value both[] = {y, a};
    expect_plan(f, both, 2, false, (const mica_op[]){MICA_OP_LINEAR, MICA_OP_GELU, 0});
    mica_value sum = mica_add(f->g, y, a);
    EXPECT(f, sum, MICA_OP_LINEAR, MICA_OP_GELU, MICA_OP_ADD);
    mica_value leaky = mica_leaky_relu(f->g, a, (mica_leaky_relu_params){0.2f});
    EXPECT(f, leaky, MICA_OP_LINEAR, MICA_OP_LEAKY_RELU);
    fake_decline(f->context, MICA_OP_FUSED_LINEAR);
    EXPECT(f, y, MICA_OP_LINEAR, MICA_OP_GELU);
}

static void residual_joins_its_norm(void **state)
{
    fixture *f = *state;
    mica_value a = linear(f, f->x, 8), sum = mica_add(f->g, a, f->x), y = layer_norm(f, sum);
    EXPECT(f, y, MICA_OP_LINEAR_ADD_LAYER_NORM);
    mica_value turned = layer_norm(f, mica_add(f->g, f->x, a));
    EXPECT(f, turned, MICA_OP_LINEAR_ADD_LAYER_NORM);
    EXPECT_PLAIN(f, y, MICA_OP_LINEAR, MICA_OP_ADD, MICA_OP_LAYER_NORM);
    const mica_value both[] = {sum, y};
    expect_plan(f, both, 2, false,
                (const mica_op[]){MICA_OP_LINEAR, MICA_OP_ADD, MICA_OP_LAYER_NORM, 0});
    mica_value twice = mica_mul(f->g, y, sum);
    EXPECT(f, twice, MICA_OP_LINEAR, MICA_OP_ADD, MICA_OP_LAYER_NORM, MICA_OP_MUL);
    mica_value broadcast = layer_norm(f, mica_add(f->g, a, weight(f->g, "row", 1, 8, 0)));
    EXPECT(f, broadcast, MICA_OP_LINEAR, MICA_OP_ADD, MICA_OP_LAYER_NORM);
    mica_value two[] = {y, a};
    expect_plan(f, two, 2, false, (const mica_op[]){MICA_OP_LINEAR, MICA_OP_ADD_LAYER_NORM, 0});
    mica_value w = mica_input(f->g, "w", MICA_DTYPE_F32, 2, (int64_t[]){8, 8});
    mica_value given = layer_norm(f, mica_add(f->g, mica_linear(f->g, f->x, w, mica_none()), f->x));
    EXPECT(f, given, MICA_OP_LINEAR, MICA_OP_ADD_LAYER_NORM);
    /* One of two that are put side by side is no product of its own. */
    mica_value b = linear(f, f->x, 8),
               pair = mica_add(f->g, layer_norm(f, mica_add(f->g, a, f->x)), b);
    EXPECT(f, pair, MICA_OP_FUSED_LINEAR, MICA_OP_COPY, MICA_OP_ADD_LAYER_NORM, MICA_OP_ADD);
    fake_decline(f->context, MICA_OP_LINEAR_ADD_LAYER_NORM);
    EXPECT(f, y, MICA_OP_LINEAR, MICA_OP_ADD_LAYER_NORM);
    fake_decline(f->context, MICA_OP_ADD_LAYER_NORM);
    EXPECT(f, y, MICA_OP_LINEAR, MICA_OP_ADD, MICA_OP_LAYER_NORM);
}

static void declined_fused_operations_fall_back(void **state)
{
    fixture *f = *state;
    mica_value w = weight(f->g, "w", 2, 4, 8), v = weight(f->g, "v", 2, 3, 8);
    const mica_value in[] = {f->x, w, weight(f->g, "b", 1, 4, 0), v, mica_none()};
    mica_value fused = mica_fused_linear(f->g, in, 5, (mica_fused_linear_params){MICA_OP_RELU});
    mica_value row = weight(f->g, "n", 1, 8, 0);
    mica_value norm = mica_add_layer_norm(f->g, f->x, f->x, row, row, (mica_eps_params){0});
    EXPECT_PLAIN(f, fused, MICA_OP_FUSED_LINEAR);
    EXPECT_PLAIN(f, norm, MICA_OP_ADD_LAYER_NORM);
    const mica_value six[] = {f->x, weight(f->g, "sq", 2, 8, 8), row, f->x, row, row};
    mica_value both = mica_linear_add_layer_norm(f->g, six, 6, (mica_eps_params){0});
    EXPECT_PLAIN(f, both, MICA_OP_LINEAR_ADD_LAYER_NORM);
    fake_decline(f->context, MICA_OP_LINEAR_ADD_LAYER_NORM);
    fake_decline(f->context, MICA_OP_FUSED_LINEAR);
    fake_decline(f->context, MICA_OP_ADD_LAYER_NORM);
    EXPECT(f, fused, MICA_OP_LINEAR, MICA_OP_RELU, MICA_OP_LINEAR, MICA_OP_RELU, MICA_OP_CONCAT);
    EXPECT(f, norm, MICA_OP_ADD, MICA_OP_LAYER_NORM);
    EXPECT(f, both, MICA_OP_LINEAR, MICA_OP_ADD, MICA_OP_LAYER_NORM);
}

static void a_plain_operation_that_is_declined_is_an_error(void **state)
{
    fixture *f = *state;
    mica_error err = {0};
    mica_value y = mica_gelu(f->g, f->x);
    fake_decline(f->context, MICA_OP_GELU);
    assert_int_equal(mica_program_compile(f->context, f->g, &y, 1, NULL, &f->program, &err),
                     MICA_STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "gelu"));
    assert_null(f->program);
}

static void needless_nodes_are_dropped(void **state)
{
    fixture *f = *state;
    mica_value y = mica_relu(f->g, f->x);
    mica_tanh(f->g, linear(f, y, 3));
    mica_input(f->g, "unused", MICA_DTYPE_I32, 1, (int64_t[]){MICA_DIM_SEQUENCES});
    EXPECT(f, y, MICA_OP_RELU);
    assert_int_equal(f->program->n_inputs, 2);
    assert_int_equal(f->program->inputs[1], MICA_NO_VALUE);
    assert_int_equal(f->program->n_values, 2);
}

static void copies_stand_only_where_strides_do_not_do(void **state)
{
    fixture *f = *state;
    mica_value h = mica_relu(f->g, f->x);
    mica_value part = mica_slice(f->g, h, (mica_slice_params){.axis = 1, .begin = 2, .end = 6});
    mica_value y = mica_add(f->g, part, part);
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_ADD);
    y = mica_softmax(f->g, part, (mica_axis_params){1}); /* dense: one copy for both users */
    y = mica_add(f->g, y, mica_tanh(f->g, part));
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_COPY, MICA_OP_SOFTMAX, MICA_OP_TANH, MICA_OP_ADD);
    EXPECT(f, part, MICA_OP_RELU, MICA_OP_COPY); /* an output is contiguous */
    EXPECT(f, f->x, MICA_OP_COPY);               /* and not the caller's memory */
}

static void rows_of_a_constant_stay_contiguous(void **state)
{
    fixture *f = *state;
    mica_value table = mica_relu(f->g, weight(f->g, "table", 2, 10, 8));
    mica_value rows = mica_slice(f->g, table, (mica_slice_params){.axis = 0, .begin = 3, .end = 7});
    mica_value y = mica_tanh(f->g, rows);
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_TANH);
    mica_value row = mica_slice(f->g, rows, (mica_slice_params){.axis = 0, .begin = 1, .end = 2});
    mica_value cell = mica_slice(
        f->g, row, (mica_slice_params){.axis = 1, .begin = 2, .end = 5}); /* [1, 3]: in a row */
    y = mica_tanh(f->g, cell);
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_TANH);
}

static void reshape_is_a_view_where_it_can_be(void **state)
{
    fixture *f = *state;
    const mica_shape_params split = {3, {MICA_DIM_TOKENS, 2, 2}}, flat = {1, {MICA_DIM_INFER}};
    mica_value h = mica_relu(f->g, f->x);
    mica_value part = mica_slice(f->g, h, (mica_slice_params){.axis = 1, .begin = 4, .end = 8});
    mica_value y = mica_sum(f->g, mica_reshape(f->g, part, split), (mica_reduce_params){.axis = 1});
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_SUM);
    y = mica_sum(f->g, mica_reshape(f->g, part, flat), (mica_reduce_params){.axis = 0});
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_COPY, MICA_OP_SUM);
    y = mica_tanh(f->g, mica_reshape(f->g, h, flat));
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_TANH);
    /* Heads to the front and back again is no change. */
    const mica_permutation_params swap = {{1, 0, 2}};
    mica_value t = mica_transpose(f->g, mica_reshape(f->g, part, split), swap);
    y = mica_sum(f->g, t, (mica_reduce_params){.axis = 0});
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_SUM);
    mica_value back = mica_transpose(
        f->g,
        mica_transpose(f->g, mica_reshape(f->g, h, (mica_shape_params){3, {MICA_DIM_TOKENS, 4, 2}}),
                       swap),
        swap);
    y = mica_tanh(f->g, back);
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_TANH);
}

static void memory_is_shared(void **state)
{
    fixture *f = *state;
    mica_value y = linear(f, f->x, 8);
    for (int i = 0; i < 20; i++)
        y = mica_softmax(f->g, y, (mica_axis_params){1}); /* dense: never in place */
    expect_plan(f, &y, 1, true,
                (const mica_op[]){MICA_OP_LINEAR,
#define FIVE MICA_OP_SOFTMAX, MICA_OP_SOFTMAX, MICA_OP_SOFTMAX, MICA_OP_SOFTMAX, MICA_OP_SOFTMAX
                                  FIVE, FIVE, FIVE, FIVE, 0});
#undef FIVE
    assert_int_equal(f->program->n_slots, 2);
    y = mica_relu(f->g, f->x);
    for (int i = 0; i < 4; i++)
        y = mica_add(f->g, mica_tanh(f->g, y), f->x);
    mica_compile_options plain = {.no_rewrites = true};
    mica_program_destroy(&f->program);
    assert_int_equal(mica_program_compile(f->context, f->g, &y, 1, &plain, &f->program, NULL), 0);
    assert_int_equal(f->program->n_slots, 1); /* all in place */
}

static void in_place_only_where_nothing_else_shows_the_memory(void **state)
{
    fixture *f = *state;
    const mica_permutation_params swap = {{1, 0}};
    mica_value square = mica_relu(f->g, weight(f->g, "square", 2, 4, 4));
    mica_value y = mica_add(f->g, square, mica_transpose(f->g, square, swap));
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_ADD);
    assert_int_equal(f->program->n_slots, 2);
    y = mica_add(f->g, square, square);
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_ADD);
    assert_int_equal(f->program->n_slots, 1);
    const mica_value both[] = {mica_tanh(f->g, square), square}; /* square lives on */
    expect_plan(f, both, 2, false, (const mica_op[]){MICA_OP_RELU, MICA_OP_TANH, 0});
    assert_int_equal(f->program->n_slots, 2);
    mica_value row = mica_relu(f->g, weight(f->g, "row", 2, 1, 4)); /* smaller than the result */
    y = mica_add(f->g, row, weight(f->g, "m", 2, 4, 4));
    EXPECT(f, y, MICA_OP_RELU, MICA_OP_ADD);
    assert_int_equal(f->program->n_slots, 2);
}

static void an_output_may_be_given_twice_and_as_a_view(void **state)
{
    fixture *f = *state;
    mica_value y = mica_relu(f->g, f->x);
    mica_value z = mica_reshape(f->g, y, (mica_shape_params){1, {MICA_DIM_INFER}});
    const mica_value outputs[] = {y, z, y};
    expect_plan(f, outputs, 3, false, (const mica_op[]){MICA_OP_RELU, 0});
}

static void bad_arguments_of_compile(void **state)
{
    fixture *f = *state;
    mica_error err = {0};
    mica_value y = mica_relu(f->g, f->x), none = mica_none(), far = {1000};
    mica_compile_options odd = {.reserved = {0, 7}};
    assert_int_equal(mica_program_compile(f->context, f->g, &y, 0, NULL, &f->program, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_program_compile(f->context, f->g, &none, 1, NULL, &f->program, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_program_compile(f->context, f->g, &far, 1, NULL, &f->program, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "1000"));
    assert_int_equal(mica_program_compile(NULL, f->g, &y, 1, NULL, &f->program, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_program_compile(f->context, f->g, &y, 1, &odd, &f->program, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    mica_add(f->g, y, mica_none());
    assert_int_equal(mica_program_compile(f->context, f->g, &y, 1, NULL, &f->program, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_string_equal(err.message, "add: b is missing");
    assert_null(f->program);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(qkv_is_one_product),
        TEST(linears_stay_apart_where_strides_do_not_suit),
        TEST(linear_of_a_weight_that_is_no_constant_stays),
        TEST(activation_joins_its_linear),
        TEST(residual_joins_its_norm),
        TEST(declined_fused_operations_fall_back),
        TEST(a_plain_operation_that_is_declined_is_an_error),
        TEST(needless_nodes_are_dropped),
        TEST(copies_stand_only_where_strides_do_not_do),
        TEST(rows_of_a_constant_stay_contiguous),
        TEST(reshape_is_a_view_where_it_can_be),
        TEST(memory_is_shared),
        TEST(in_place_only_where_nothing_else_shows_the_memory),
        TEST(an_output_may_be_given_twice_and_as_a_view),
        TEST(bad_arguments_of_compile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
