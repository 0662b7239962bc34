/* SPDX-License-Identifier: MIT
 *
 * Results so large that they are written past the caches: every level against plain C, with one
 * thread and with three, which give the same bits.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "mica/program.h"

static mica_value random_value(mica_graph *g, int rank, const int64_t *dims, uint64_t stream)
{
    mica_tensor *t = NULL;
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &t, NULL), MICA_OK);
    assert_int_equal(mica_tensor_fill_uniform(t, -1, 1, 3, stream, NULL), MICA_OK);
    mica_value value = mica_constant(g, t, NULL);
    mica_tensor_release(&t);
    return value;
}

static mica_value large(mica_graph *g)
{
    return random_value(g, 2, (const int64_t[]){4107, 4128}, 1);
}

static mica_value make_relu(mica_graph *g)
{
    return mica_relu(g, large(g));
}

static mica_value make_add(mica_graph *g)
{
    return mica_add(g, large(g), random_value(g, 2, (const int64_t[]){4107, 1}, 2));
}

static mica_value make_concat(mica_graph *g)
{
    const mica_value parts[] = {large(g), random_value(g, 2, (const int64_t[]){4107, 33}, 2)};
    return mica_concat(g, parts, 2, (mica_axis_params){1});
}

static mica_value make_softmax(mica_graph *g)
{
    return mica_softmax(g, large(g), (mica_axis_params){1});
}

static mica_value make_gather(mica_graph *g)
{
    mica_value index = mica_argmax(g, random_value(g, 2, (const int64_t[]){270000, 9}, 4),
                                   (mica_reduce_params){.axis = 1});
    return mica_gather(g, random_value(g, 2, (const int64_t[]){9, 64}, 2), index,
                       (mica_axis_params){0});
}

static mica_value make_matmul(mica_graph *g)
{
    return mica_matmul(g, random_value(g, 2, (const int64_t[]){16399, 30}, 1),
                       random_value(g, 2, (const int64_t[]){30, 1040}, 2));
}

static mica_value make_linear(mica_graph *g)
{
    return mica_linear(g, random_value(g, 2, (const int64_t[]){16399, 30}, 1),
                       random_value(g, 2, (const int64_t[]){1040, 30}, 2),
                       random_value(g, 1, (const int64_t[]){1040}, 3));
}

static mica_value make_conv(mica_graph *g)
{
    return mica_conv2d(g, random_value(g, 4, (const int64_t[]){11, 440, 440, 2}, 1),
                       random_value(g, 4, (const int64_t[]){8, 2, 2, 2}, 2), mica_none(),
                       (mica_conv2d_params){.groups = 1});
}

static mica_tensor *run(const char *level, size_t threads, mica_value (*make)(mica_graph *g))
{
    mica_context *context = NULL;
    mica_graph *g = NULL;
    mica_tensor *result = NULL;
    mica_error err = {0};
    mica_context_options options;
    mica_context_options_defaults(&options);
    options.threads = threads;
    setenv("MICA_CPU", level, 1);
    assert_int_equal(mica_context_create(&options, &context, &err), MICA_OK);
    unsetenv("MICA_CPU");
    assert_int_equal(mica_graph_create(&g, NULL), MICA_OK);
    mica_value value = make(g);
    if (mica_eval(context, g, &value, 1, &result, &err) != MICA_OK)
        fail_msg("%s", err.message);
    mica_graph_destroy(&g);
    mica_context_destroy(&context);
    return result;
}

static void large_results(void **state)
{
    static mica_value (*const makers[])(mica_graph * g) = {make_relu,    make_add,    make_concat,
                                                           make_softmax, make_gather, make_matmul,
                                                           make_linear,  make_conv};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        mica_tensor *plain = run("c", 1, makers[i]);
        const float *a = mica_tensor_data(plain);
        size_t count = (size_t)mica_tensor_count(plain);
        assert_true(count * sizeof *a >= 64u << 20);
        for (int level = 1; level <= (int)mica_cpu_detect(); level++) {
            const char *name = mica_cpu_level_name((mica_cpu_level)level);
            mica_tensor *one = run(name, 1, makers[i]), *three = run(name, 3, makers[i]);
            const float *b = mica_tensor_data(one);
            assert_memory_equal(b, mica_tensor_data(three), count * sizeof *b);
            for (size_t k = 0; k < count; k++)
                if (!(fabsf(a[k] - b[k]) <= 1e-5f))
                    fail_msg("case %zu at level %s: element %zu is %g, in plain C %g", i, name, k,
                             (double)b[k], (double)a[k]);
            mica_tensor_release(&one);
            mica_tensor_release(&three);
        }
        mica_tensor_release(&plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(large_results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
