/* SPDX-License-Identifier: MIT
 *
 * Packed weights: shared by the identity of tensors, refused when they are not finite, given back
 * when memory runs out; and what run() says when it is cancelled or asked for time.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "base/alloc.h"
#include "kernels/common.h"

static mica_tensor *tensor_of(int rank, int64_t n, int64_t k)
{
    int64_t dims[2] = {n, k};
    mica_tensor *tensor = NULL;
    assert_int_equal(mica_tensor_create(MICA_DTYPE_F32, rank, dims, &tensor, NULL), MICA_OK);
    fill_random(mica_tensor_data_mut(tensor), (size_t)mica_tensor_count(tensor), 9, -1, 1);
    return tensor;
}

static void set_step(rig *r, const float *x, float *y, mica_tensor *w, mica_tensor *b)
{
    static const mica_fused_linear_params params = {MICA_OP_NONE};
    int64_t x_dims[2] = {2, mica_tensor_dim(w, 1)}, y_dims[2] = {2, mica_tensor_dim(w, 0)};
    rig_begin(r, MICA_OP_FUSED_LINEAR, &params);
    r->step.check_weights = true;
    rig_input(r, MICA_DTYPE_F32, x, 2, x_dims);
    rig_constant(r, w, "layer.weight");
    if (b)
        rig_constant(r, b, "layer.bias");
    else
        rig_no_input(r);
    rig_output(r, MICA_DTYPE_F32, y, 2, y_dims);
}

static void test_sharing(void **state)
{
    rig r;
    float x[2 * 20] = {0}, y[2 * 10];
    mica_tensor *w = tensor_of(2, 10, 20), *b = tensor_of(1, 10, 0);
    rig_create(&r, (int)mica_cpu_detect(), 2);
    const mica_backend_vtable *v = r.backend->vtable;
    set_step(&r, x, y, w, b);
    mica_step first = r.step, second = r.step, other = r.step;
    assert_int_equal(v->prepare(r.backend, &first, NULL), MICA_OK);
    assert_int_equal(v->prepare(r.backend, &second, NULL), MICA_OK);
    assert_ptr_equal(first.prepared, second.prepared);
    r.constants[2] = NULL; /* the same weight without its bias is another product */
    r.inputs[2] = MICA_NO_VALUE;
    assert_int_equal(v->prepare(r.backend, &other, NULL), MICA_OK);
    assert_ptr_not_equal(first.prepared, other.prepared);
    v->unprepare(r.backend, &first);
    assert_null(first.prepared);
    v->unprepare(r.backend, &other);
    assert_ptr_equal(((mica_cpu *)r.backend)->packed, second.prepared);
    v->unprepare(r.backend, &second);
    assert_null(((mica_cpu *)r.backend)->packed);
    rig_destroy(&r);
    mica_tensor_release(&w);
    mica_tensor_release(&b);
}

static void check_not_finite(rig *r, const char *name, const char *where)
{
    assert_int_equal(rig_run(r), MICA_STATUS_NOT_FINITE);
    if (!strstr(r->err.message, name) || !strstr(r->err.message, where))
        fail_msg("'%s' does not name %s and %s", r->err.message, name, where);
    assert_null(r->step.prepared);
    assert_null(((mica_cpu *)r->backend)->packed);
}

static void test_not_finite(void **state)
{
    float x[2 * 20] = {0}, y[2 * 40];
    for (int level = 0; level < levels_here(); level++) {
        rig r;
        mica_tensor *w = tensor_of(2, 40, 20), *b = tensor_of(1, 40, 0);
        rig_create(&r, level, 2);
        set_step(&r, x, y, w, b);
        rig_run_ok(&r);
        ((float *)mica_tensor_data_mut(w))[777] = INFINITY;
        check_not_finite(&r, "'layer.weight'", "element 777 of 800 is inf");
        ((float *)mica_tensor_data_mut(w))[777] = 0;
        ((float *)mica_tensor_data_mut(b))[3] = NAN;
        check_not_finite(&r, "'layer.bias'", "element 3 of 40");
        rig_destroy(&r);
        mica_tensor_release(&w);
        mica_tensor_release(&b);
    }
}

/* Of a norm behind the product. */
static void test_norm_not_finite(void **state)
{
    float x[2 * 20] = {0}, residual[2 * 40] = {0}, y[2 * 40];
    mica_eps_params eps = {1e-5f};
    int64_t dims[2] = {2, 40};
    rig r;
    mica_tensor *w = tensor_of(2, 40, 20), *b = tensor_of(1, 40, 0), *n = tensor_of(1, 40, 0);
    rig_create(&r, (int)mica_cpu_detect(), 2);
    for (int last = 0; last < 2; last++) {
        set_step(&r, x, y, w, b);
        r.step.op = MICA_OP_LINEAR_ADD_LAYER_NORM;
        r.step.params = &eps;
        rig_input(&r, MICA_DTYPE_F32, residual, 2, dims);
        rig_constant(&r, last ? b : n, "norm.weight");
        rig_constant(&r, last ? n : b, "norm.bias");
        rig_output(&r, MICA_DTYPE_F32, y, 2, dims);
        ((float *)mica_tensor_data_mut(n))[39] = 0;
        rig_run_ok(&r);
        ((float *)mica_tensor_data_mut(n))[39] = NAN;
        check_not_finite(&r, last ? "'norm.bias'" : "'norm.weight'", "element 39 of 40");
    }
    rig_destroy(&r);
    mica_tensor_release(&w);
    mica_tensor_release(&b);
    mica_tensor_release(&n);
}

static bool countdown(void *user)
{
    int *left = user;
    return (*left)-- == 0;
}

/* Every allocation of creating a backend and preparing a step fails once. */
static void test_memory(void **state)
{
    float x[2 * 20] = {0}, y[2 * 10];
    mica_tensor *w = tensor_of(2, 10, 20), *b = tensor_of(1, 10, 0);
    bool done = false;
    for (int n = 0; !done; n++) {
        rig r;
        int left = n;
        rig_create(&r, MICA_CPU_C, 1);
        set_step(&r, x, y, w, b);
        mica_backend *extra = NULL;
        const mica_backend_vtable *v = r.backend->vtable;
        mica_set_fault_hook(countdown, &left);
        mica_status created = mica_backend_cpu_create(r.pool, MICA_CPU_C, &extra, &r.err);
        mica_status prepared = v->prepare(r.backend, &r.step, &r.err);
        mica_set_fault_hook(NULL, NULL);
        done = left >= 0;
        assert_int_equal(created == MICA_OK, extra != NULL);
        assert_int_equal(prepared == MICA_OK, r.step.prepared != NULL);
        if (!done)
            assert_true(created == MICA_STATUS_OUT_OF_MEMORY ||
                        prepared == MICA_STATUS_OUT_OF_MEMORY);
        v->unprepare(r.backend, &r.step);
        if (extra)
            v->destroy(&extra);
        rig_destroy(&r);
        assert_true(n < 100);
    }
    mica_tensor_release(&w);
    mica_tensor_release(&b);
}

static void test_levels(void **state)
{
    mica_pool *pool = NULL;
    mica_backend *backend = NULL;
    assert_int_equal(mica_pool_create(1, &pool, NULL), MICA_OK);
    assert_int_equal(mica_backend_cpu_create(pool, -1, &backend, NULL),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_backend_cpu_create(pool, MICA_CPU_LEVELS, &backend, NULL),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_null(backend);
    mica_pool_destroy(&pool);
}

static void test_cancel_and_time(void **state)
{
    mica_context *context = NULL;
    rig r;
    float x[4] = {1, 2, 3, 4};
    int64_t dims[1] = {4};
    mica_step_cost cost = {0, 0};
    assert_int_equal(mica_context_create(NULL, &context, NULL), MICA_OK);
    rig_create(&r, MICA_CPU_C, 1);
    rig_begin(&r, MICA_OP_NEG, NULL);
    rig_input(&r, MICA_DTYPE_F32, x, 1, dims);
    rig_output(&r, MICA_DTYPE_F32, x, 1, dims);
    mica_run run = {
        .steps = &r.step, .n_steps = 1, .views = r.views, .costs = &cost, .context = context};
    assert_int_equal(r.backend->vtable->run(r.backend, &run, &r.err), MICA_OK);
    assert_true(x[0] == -1 && cost.ns > 0 && cost.regions == 0);
    mica_context_cancel(context);
    assert_int_equal(r.backend->vtable->run(r.backend, &run, &r.err), MICA_STATUS_CANCELLED);
    assert_true(x[0] == -1);
    rig_destroy(&r);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sharing),         cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_norm_not_finite), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_levels),          cmocka_unit_test(test_cancel_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
