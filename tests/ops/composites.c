/* SPDX-License-Identifier: MIT
 *
 * Every fused operation, run by the CPU backend, against its composite of plain operations.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/graph.h"
#include "mica/program.h"

enum { MOST_INPUTS = 7 };

typedef struct composite_case {
    mica_op op;
    size_t n;
    int64_t dims[MOST_INPUTS][2]; /* {0, 0}: left out; {n, 0}: rank 1 */
    union {
        mica_fused_linear_params fused_linear;
        mica_eps_params eps;
    } params;
} composite_case;

static const composite_case cases[] = {
    {MICA_OP_FUSED_LINEAR, 3, {{5, 19}, {33, 19}, {33, 0}}, {{MICA_OP_NONE}}},
    {MICA_OP_FUSED_LINEAR, 3, {{1, 8}, {4, 8}, {0, 0}}, {{MICA_OP_GELU}}},
    {MICA_OP_FUSED_LINEAR,
     7,
     {{17, 40}, {24, 40}, {24, 0}, {3, 40}, {0, 0}, {50, 40}, {50, 0}},
     {{MICA_OP_TANH}}},
    {MICA_OP_FUSED_LINEAR, 5, {{65, 300}, {7, 300}, {0, 0}, {9, 300}, {0, 0}}, {{MICA_OP_SILU}}},
    {MICA_OP_ADD_LAYER_NORM, 4, {{9, 37}, {9, 37}, {37, 0}, {37, 0}}, {.eps = {1e-12f}}},
    {MICA_OP_ADD_LAYER_NORM, 4, {{1, 1}, {1, 1}, {1, 0}, {1, 0}}, {.eps = {1e-5f}}},
    {MICA_OP_ADD_LAYER_NORM, 4, {{130, 768}, {130, 768}, {768, 0}, {768, 0}}, {.eps = {1e-5f}}},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     6,
     {{9, 30}, {37, 30}, {0, 0}, {9, 37}, {37, 0}, {37, 0}},
     {.eps = {1e-5f}}},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     6,
     {{700, 50}, {192, 50}, {192, 0}, {700, 192}, {192, 0}, {192, 0}},
     {.eps = {1e-12f}}},
    {MICA_OP_LINEAR_ADD_LAYER_NORM,
     6,
     {{3, 7}, {1, 7}, {1, 0}, {3, 1}, {1, 0}, {1, 0}},
     {.eps = {1e-5f}}},
};

static mica_value random_input(mica_graph *g, const int64_t *dims, uint64_t stream)
{
    mica_tensor *t = NULL;
    if (dims[0] == 0)
        return mica_none();
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, dims[1] == 0 ? 1 : 2, dims, &t, NULL),
                     MICA_OK);
    assert_int_equal(mica_tensor_fill_normal(t, 0.1, 0.5, 7, stream, NULL), MICA_OK);
    mica_value value = mica_constant(g, t, "input");
    mica_tensor_release(&t);
    return value;
}

static void run_case(mica_context *context, const composite_case *c)
{
    mica_graph *g = NULL;
    mica_value in[MOST_INPUTS];
    mica_error err = {0};
    const mica_op_info *info = mica_op_get(c->op);
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    for (size_t i = 0; i < c->n; i++)
        in[i] = random_input(g, c->dims[i], i);
    mica_value fused = mica_graph_apply(g, c->op, in, c->n, &c->params, info->params_size);
    const mica_value outputs[] = {fused, info->composite(g, in, c->n, &c->params)};
    mica_program *program = NULL;
    mica_executor *executor = NULL;
    const mica_compile_options plain = {.no_rewrites = true};
    if (mica_program_compile(context, g, outputs, 2, &plain, &program, &err) != MICA_OK ||
        mica_executor_create(program, &executor, &err) != MICA_OK ||
        mica_executor_run(executor, NULL, NULL, 0, &err) != MICA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mica_program_step_op(program, 0), c->op);
    int rank;
    int64_t dims[MICA_MAX_RANK];
    const float *a = mica_executor_output(executor, 0, &rank, dims);
    const float *b = mica_executor_output(executor, 1, NULL, NULL);
    assert_int_equal(rank, 2);
    for (int64_t i = 0; i < dims[0] * dims[1]; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= 2e-6 * (1 + fabs((double)b[i]))))
            fail_msg("%s: element %d is %g, of the composite %g", info->name, (int)i, (double)a[i],
                     (double)b[i]);
    }
    mica_executor_destroy(&executor);
    mica_program_destroy(&program);
    mica_graph_destroy(&g);
}

static void fused_operations_equal_their_composites(void **state)
{
    mica_context *context = NULL;
    mica_error err = {0};
    bool seen[MICA_OP_COUNT] = {false};
    if (mica_context_create(NULL, &context, &err) != MICA_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_case(context, &cases[i]);
        seen[cases[i].op] = true;
    }
    for (int op = 0; op < MICA_OP_COUNT; op++) {
        if (mica_op_get((mica_op)op)->composite != NULL && !seen[op])
            fail_msg("%s has no case here", mica_op_name((mica_op)op));
    }
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fused_operations_equal_their_composites)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
