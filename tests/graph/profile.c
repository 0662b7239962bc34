/* SPDX-License-Identifier: MIT
 *
 * Profiles of programs on the CPU backend: every step once, with the work that its formula has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "graph/program.h"

enum { TOKENS = 23, SEQUENCES = 4 };

static const int32_t starts[SEQUENCES + 1] = {0, 1, 1, 12, TOKENS};
static const mica_batch batch = {TOKENS, SEQUENCES, starts, NULL};

static mica_context *new_context(size_t threads)
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

/* y = gelu(x W' + b) W2' in a batch of sequences of 1, 0, 11 and 11 tokens, attention over parts of
 * it, and a row of each sequence. */
static mica_program *compile_layer(mica_context *context, mica_precision precision)
{
    int64_t dims[2] = {MICA_DIM_TOKENS, 48}, up[2] = {96, 48}, down[2] = {48, 96};
    mica_graph *graph = NULL;
    mica_tensor *w = NULL, *b = NULL, *w2 = NULL;
    mica_program *program = NULL;
    mica_error err = {0};
    mica_compile_options options = {.precision = precision};
    assert_int_equal(mica_graph_create(&graph, &err), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, up, &w, &err), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 1, up, &b, &err), MICA_OK);
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, 2, down, &w2, &err), MICA_OK);
    mica_value x = mica_input(graph, "x", MICA_DTYPE_F32, 2, dims);
    mica_value y = mica_linear(graph, x, mica_constant(graph, w, "layer.7.up.weight"),
                               mica_constant(graph, b, "layer.7.up.bias"));
    y = mica_linear(graph, mica_gelu(graph, y), mica_constant(graph, w2, "layer.7.down.weight"),
                    mica_none());
    y = mica_attention(graph, y, x, x, (mica_attention_params){.heads = 4, .scale = 0.25f});
    y = mica_segment_pool(graph, y, (mica_segment_pool_params){MICA_POOL_FIRST});
    if (mica_program_compile(context, graph, &y, 1, &options, &program, &err) != MICA_OK)
        fail_msg("%s", err.message);
    mica_tensor_release(&w);
    mica_tensor_release(&b);
    mica_tensor_release(&w2);
    mica_graph_destroy(&graph);
    return program;
}

static void steps_say_what_they_did(void **state)
{
    enum { WIDE = 48, UP = 96, PAIRS = 1 + 11 * 11 + 11 * 11, FLOAT = 4 };
    static const struct {
        mica_precision precision;
        double weight;
    } kept[] = {{MICA_PRECISION_F32, 4}, {MICA_PRECISION_BF16, 2}, {MICA_PRECISION_INT8, 1}};
    float x[TOKENS * WIDE] = {0};
    const void *inputs[] = {x};
    mica_context *context = new_context(2);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        mica_program *program = compile_layer(context, kept[i].precision);
        mica_executor *executor = NULL;
        mica_run_profile whole;
        mica_step_profile s[4];
        uint64_t ns = 0;
        assert_int_equal(mica_executor_create(program, &executor, NULL), MICA_OK);
        mica_executor_set_profile(executor, true);
        assert_int_equal(mica_executor_run(executor, &batch, inputs, 1, NULL), MICA_OK);
        assert_true(mica_executor_get_run(executor, &whole));
        assert_int_equal(whole.steps, 4);
        for (size_t k = 0; k < 4; k++) {
            assert_true(mica_executor_get_step(executor, k, &s[k]));
            assert_true(s[k].ns > 0);
            ns += s[k].ns;
        }
        assert_true(ns <= whole.ns);
        assert_int_equal(s[0].op, MICA_OP_FUSED_LINEAR);
        assert_int_equal(s[0].activation, MICA_OP_GELU);
        assert_int_equal(s[0].rows, TOKENS);
        assert_int_equal(s[0].columns, UP);
        assert_int_equal(s[0].depth, WIDE);
        assert_true(s[0].flops == 2.0 * TOKENS * UP * WIDE);
        assert_true(s[0].weight_bytes == UP * WIDE * kept[i].weight + UP * FLOAT);
        assert_true(s[0].bytes == s[0].weight_bytes + TOKENS * (WIDE + UP) * FLOAT);
        assert_string_equal(mica_executor_weight_name(executor, 0, 1), "layer.7.up.weight");
        assert_null(mica_executor_weight_name(executor, 0, 0)); /* x is no weight */
        assert_int_equal(s[0].precision, kept[i].precision);
        assert_int_equal(s[1].op, MICA_OP_LINEAR);
        assert_int_equal(s[1].activation, MICA_OP_NONE);
        assert_true(s[1].flops == 2.0 * TOKENS * UP * WIDE);
        assert_true(s[1].weight_bytes == UP * WIDE * kept[i].weight);
        assert_int_equal(s[2].op, MICA_OP_ATTENTION);
        assert_true(s[2].flops == 4.0 * PAIRS * WIDE);
        assert_true(s[2].weight_bytes == 0);
        bool narrow = kept[i].precision != MICA_PRECISION_F32 &&
                      mica_context_precision(context, MICA_PRECISION_AUTO) == MICA_PRECISION_BF16;
        assert_int_equal(s[2].precision, narrow ? MICA_PRECISION_BF16 : MICA_PRECISION_F32);
        assert_int_equal(s[3].op, MICA_OP_SEGMENT_POOL);
        assert_true(s[3].flops == 0);
        assert_true(s[3].bytes == 2.0 * SEQUENCES * WIDE * FLOAT);
        mica_executor_destroy(&executor);
        mica_program_destroy(&program);
    }
    mica_context_destroy(&context);
}

static mica_step_profile profile_of(mica_context *context, mica_graph *graph, mica_value y)
{
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    mica_step_profile step;
    mica_error err = {0};
    if (mica_program_compile(context, graph, &y, 1, NULL, &program, &err) != MICA_OK ||
        mica_executor_create(program, &executor, &err) != MICA_OK)
        fail_msg("%s", err.message);
    mica_executor_set_profile(executor, true);
    assert_int_equal(mica_executor_run(executor, NULL, NULL, 0, &err), MICA_OK);
    assert_true(mica_executor_get_step(executor, mica_program_step_count(program) - 1, &step));
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    return step;
}

static mica_value zeros(mica_graph *graph, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    int64_t dims[4] = {a, b, c, d};
    mica_tensor *tensor = NULL;
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &tensor, NULL), MICA_OK);
    mica_value value = mica_constant(graph, tensor, NULL);
    mica_tensor_release(&tensor);
    return value;
}

static void products_of_every_kind_are_counted(void **state)
{
    mica_context *context = new_context(1);
    mica_graph *g = NULL;
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value x = zeros(g, 3, 5, 20, 6, 0), y = zeros(g, 3, 5, 6, 7, 0);
    assert_true(profile_of(context, g, mica_matmul(g, x, y)).flops == 2.0 * 5 * 20 * 7 * 6);
    mica_value none = mica_none();
    mica_value w = zeros(g, 3, 9, 3, 6, 0); /* 9 outputs, 18 places are left of 20 */
    mica_conv1d_params plain = {0};
    assert_true(profile_of(context, g, mica_conv1d(g, x, w, none, plain)).flops ==
                2.0 * 5 * 18 * 9 * 3 * 6);
    mica_value q = zeros(g, 4, 2, 3, 10, 8), k = zeros(g, 4, 2, 3, 12, 8);
    assert_true(
        profile_of(context, g,
                   mica_scaled_dot_product_attention(g, q, k, k, none, (mica_sdpa_params){0}))
            .flops == 2.0 * 2 * 3 * 10 * 12 * (8 + 8));
    mica_step_profile sum = profile_of(context, g, mica_add(g, x, zeros(g, 1, 6, 0, 0, 0)));
    assert_true(sum.flops == 0);
    assert_true(sum.bytes == (2 * 5 * 20 * 6 + 6) * 4.0);
    mica_graph_destroy(&g);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_say_what_they_did),
        cmocka_unit_test(products_of_every_kind_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
