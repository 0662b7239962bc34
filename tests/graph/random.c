/* SPDX-License-Identifier: MIT
 *
 * Memory plans of random graphs, with the fake backend: the outputs of a plan that shares memory
 * must be those of a plan where every value is an output, which therefore shares nothing.
 */
#include "graph/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/fake.h"
#include "mica/program.h"

enum { GRAPHS = 150, TOKENS = 5 };

static mica_executor *run(mica_context *context, const random_graph *r, const mica_value *outputs,
                          size_t n, const float *x, mica_program **program)
{
    static const int32_t starts[] = {0, 2, 2, TOKENS};
    const mica_batch batch = {TOKENS, 3, starts, NULL};
    /* The hash tells plain from fused operations: compare plain ones only. */
    const mica_compile_options plain = {.no_rewrites = true};
    mica_executor *executor = NULL;
    mica_error err = {0};
    const void *inputs[] = {x};
    if (mica_program_compile(context, r->graph, outputs, n, &plain, program, &err) != MICA_OK ||
        mica_executor_create(*program, &executor, &err) != MICA_OK ||
        mica_executor_run(executor, &batch, inputs, 1, &err) != MICA_OK)
        fail_msg("%s", err.message);
    if (fake_complaint(context) != NULL)
        fail_msg("%s", fake_complaint(context));
    return executor;
}

static size_t bytes_of(const mica_executor *executor, size_t i)
{
    int rank;
    int64_t dims[MICA_MAX_RANK];
    assert_non_null(mica_executor_output(executor, i, &rank, dims));
    size_t bytes = sizeof(float);
    for (int axis = 0; axis < rank; axis++)
        bytes *= (size_t)dims[axis];
    return bytes;
}

static void sharing_memory_harms_nothing(void **state)
{
    float x[TOKENS * RANDOM_HIDDEN];
    mica_context *context = fake_context_create();
    size_t shared = 0, apart = 0;
    for (size_t i = 0; i < TOKENS * RANDOM_HIDDEN; i++)
        x[i] = (float)i;
    fake_set_scratch(context, 1000);
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r;
        mica_program *p = NULL, *q = NULL;
        random_graph_make(&r, seed, 30);
        const mica_value outputs[] = {r.values[r.count - 1], r.values[r.count / 2]};
        size_t last = r.count - 1, middle = r.count / 2;
        mica_executor *lean = run(context, &r, outputs, 2, x, &p);
        mica_executor *full = run(context, &r, r.values, r.count, x, &q);
        assert_int_equal(bytes_of(lean, 0), bytes_of(full, last));
        assert_memory_equal(mica_executor_output(lean, 0, NULL, NULL),
                            mica_executor_output(full, last, NULL, NULL), bytes_of(lean, 0));
        assert_memory_equal(mica_executor_output(lean, 1, NULL, NULL),
                            mica_executor_output(full, middle, NULL, NULL), bytes_of(lean, 1));
        shared += mica_executor_bytes(lean);
        apart += mica_executor_bytes(full);
        mica_executor_destroy(&lean);
        mica_executor_destroy(&full);
        mica_program_destroy(&p);
        mica_program_destroy(&q);
        random_graph_free(&r);
    }
    assert_true(shared < apart / 2);
    fake_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sharing_memory_harms_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
