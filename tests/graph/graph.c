/* SPDX-License-Identifier: MIT
 *
 * Building graphs: values, the first error that sticks, names of operations, failing allocations.
 */
#include "graph/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "torture.h"

static const int64_t two_by_three[] = {2, 3};
static const int64_t ragged[] = {MICA_DIM_TOKENS, 4};

static void values_know_their_types(void **state)
{
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = mica_input(g, "x", MICA_DTYPE_F32, 2, ragged);
    mica_value twice = mica_concat(g, (mica_value[]){x, x}, 2, (mica_axis_params){0});
    assert_int_equal(mica_value_rank(g, x), 2);
    assert_int_equal(mica_value_dim(g, x, 0), MICA_DIM_TOKENS);
    assert_int_equal(mica_value_dim(g, x, -1), 4);
    assert_int_equal(mica_value_dim(g, x, 2), 0);
    assert_int_equal(mica_value_dim(g, twice, 0), MICA_DIM_INFER);
    assert_int_equal(mica_value_dtype(g, mica_input(g, "i", MICA_DTYPE_I32, 0, NULL)),
                     MICA_DTYPE_I32);
    assert_int_equal(mica_value_rank(g, mica_scalar(g, 1.0f)), 0);
    assert_int_equal(mica_value_rank(g, mica_none()), -1);
    assert_int_equal(mica_value_rank(g, (mica_value){99}), -1);
    assert_int_equal(mica_graph_check(g, NULL), MICA_OK);
    mica_graph_destroy(&g);
    assert_null(g);
    mica_graph_destroy(&g);
}

static void the_first_error_sticks(void **state)
{
    mica_graph *g = NULL;
    mica_error err = {0};
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = mica_input(g, "x", MICA_DTYPE_F32, 2, two_by_three);
    mica_value bad = mica_add(g, x, mica_transpose(g, x, (mica_permutation_params){{1, 0}}));
    assert_int_equal(bad.id, 0);
    assert_int_equal(mica_gelu(g, bad).id, 0); /* says nothing of its own */
    assert_int_equal(mica_gelu(g, x).id, 0);
    assert_int_equal(mica_input(g, "y", MICA_DTYPE_F32, 2, two_by_three).id, 0);
    assert_int_equal(mica_scalar(g, 1.0f).id, 0);
    assert_int_equal(mica_graph_check(g, &err), MICA_STATUS_SHAPE);
    assert_string_equal(err.message,
                        "add: a 'x' [2, 3] and b [3, 2] do not broadcast: counted from "
                        "the right, dimensions must be equal or one of them 1");
    mica_graph_destroy(&g);
}

typedef void (*spoil_fn)(mica_graph *g);

static void bad_rank(mica_graph *g)
{
    mica_input(g, "rank", MICA_DTYPE_F32, 9, two_by_three);
}

static void bad_dtype(mica_graph *g)
{
    mica_input(g, "dtype", (mica_dtype)77, 2, two_by_three);
}

static void bad_dim(mica_graph *g)
{
    mica_input(g, "dim", MICA_DTYPE_F32, 2, (int64_t[]){3, -7});
}

static void bad_size(mica_graph *g)
{
    mica_input(g, "size", MICA_DTYPE_F32, 2, (int64_t[]){INT64_MAX / 2, 3});
}

static void bad_tensor(mica_graph *g)
{
    mica_constant(g, NULL, "w");
}

static void bad_value(mica_graph *g)
{
    mica_gelu(g, (mica_value){5});
}

static void bad_op(mica_graph *g)
{
    mica_value x = mica_input(g, NULL, MICA_DTYPE_F32, 2, two_by_three);
    mica_graph_apply(g, (mica_op)-3, &x, 1, NULL, 0);
}

static void no_inputs(mica_graph *g)
{
    mica_concat(g, NULL, 0, (mica_axis_params){0});
}

static void bad_calls_say_what(void **state)
{
    static const struct {
        spoil_fn spoil;
        mica_status status;
        const char *part;
    } cases[] = {
        {bad_rank, MICA_STATUS_INVALID_ARGUMENT, "'rank': dtype 0 or rank 9"},
        {bad_dtype, MICA_STATUS_INVALID_ARGUMENT, "'dtype': dtype 77"},
        {bad_dim, MICA_STATUS_SHAPE, "dimension 1 is -7"},
        {bad_size, MICA_STATUS_SHAPE, "'size'"},
        {bad_tensor, MICA_STATUS_INVALID_ARGUMENT, "constant 'w'"},
        {bad_value, MICA_STATUS_INVALID_ARGUMENT, "gelu: input 0 (value 5)"},
        {bad_op, MICA_STATUS_INVALID_ARGUMENT, "none"},
        {no_inputs, MICA_STATUS_INVALID_ARGUMENT, "concat: cannot be applied to 0 inputs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mica_graph *g = NULL;
        mica_error err = {0};
        assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
        cases[i].spoil(g);
        assert_int_equal(mica_graph_check(g, &err), cases[i].status);
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, cases[i].part);
        mica_graph_destroy(&g);
    }
    assert_int_equal(mica_graph_check(NULL, NULL), MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_gelu(NULL, mica_none()).id, 0);
}

static void constants_are_shared(void **state)
{
    mica_graph *g = NULL;
    mica_tensor *t = NULL;
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, two_by_three, &t, NULL), MICA_OK);
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value a = mica_constant(g, t, "a");
    const mica_node *node = mica_graph_node(g, a);
    assert_ptr_equal(node->constant, t);
    mica_tensor_release(&t);
    assert_int_equal(mica_tensor_dim(node->constant, 1), 3); /* the graph's reference holds it */
    mica_graph_destroy(&g);
}

static void operations_have_names_and_texts(void **state)
{
    assert_string_equal(mica_op_name(MICA_OP_LAYER_NORM), "layer_norm");
    assert_string_equal(mica_op_name(MICA_OP_COUNT), "none");
    assert_string_equal(mica_op_name((mica_op)-1), "none");
    for (int op = 0; op < MICA_OP_COUNT; op++) {
        assert_true(strlen(mica_op_name((mica_op)op)) > 0);
        assert_true(strlen(mica_op_text((mica_op)op)) > 0);
    }
    assert_true(mica_op_is_activation(MICA_OP_SILU));
    assert_false(mica_op_is_activation(MICA_OP_LEAKY_RELU));
    assert_false(mica_op_is_activation(MICA_OP_ADD));
}

static mica_status build(void *arg, mica_error *err)
{
    mica_graph *g = NULL;
    mica_value wide[12];
    mica_status status = mica_graph_create(&g, err);
    if (status != MICA_OK)
        return status;
    mica_value x = mica_input(g, "x", MICA_DTYPE_F32, 2, ragged);
    for (size_t i = 0; i < 12; i++)
        wide[i] = mica_mul(g, x, mica_scalar(g, (float)i));
    x = mica_concat(g, wide, 12, (mica_axis_params){-1});
    for (size_t i = 0; i < 200; i++)
        x = mica_leaky_relu(g, x, (mica_leaky_relu_params){0.1f});
    status = mica_graph_check(g, err);
    mica_graph_destroy(&g);
    return status;
}

static void building_survives_failing_allocations(void **state)
{
    assert_true(torture_run(build, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_know_their_types),
        cmocka_unit_test(the_first_error_sticks),
        cmocka_unit_test(bad_calls_say_what),
        cmocka_unit_test(constants_are_shared),
        cmocka_unit_test(operations_have_names_and_texts),
        cmocka_unit_test(building_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
