/* SPDX-License-Identifier: MIT */
#include "kernels/common.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/cpu/cpu.h"
#include "base/alloc.h"

enum { AREA_BYTES = 4 << 20 };

void *guarded(int area, size_t bytes, edge at)
{
    static unsigned char *areas[AREAS];
    assert_true(bytes <= AREA_BYTES);
    if (!areas[area]) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        unsigned char *map =
            mmap(NULL, AREA_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(map != MAP_FAILED);
        assert_int_equal(mprotect(map + page, AREA_BYTES, PROT_READ | PROT_WRITE), 0);
        areas[area] = map + page;
    }
    unsigned char *data = at == AT_BEGIN ? areas[area] : areas[area] + AREA_BYTES - bytes;
    if (bytes)
        memset(data, 0xff, bytes);
    return data;
}

float *guarded_floats(int area, size_t n, edge at)
{
    return guarded(area, n * sizeof(float), at);
}

static uint32_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 32);
}

float random_float(uint64_t *seed, float low, float high)
{
    return low + (high - low) * (float)(next(seed) >> 8) * 0x1p-24f;
}

size_t random_below(uint64_t *seed, size_t n)
{
    return next(seed) % n;
}

void fill_random(float *x, size_t n, uint64_t seed, float low, float high)
{
    for (size_t i = 0; i < n; i++)
        x[i] = random_float(&seed, low, high);
}

edge random_edge(uint64_t *seed)
{
    return random_below(seed, 2) ? AT_BEGIN : AT_END;
}

float *random_floats(uint64_t *seed, int area, size_t n)
{
    float *x = guarded_floats(area, n, random_edge(seed));
    fill_random(x, n, *seed, -1, 1);
    random_below(seed, 2);
    return x;
}

int levels_here(void)
{
    return (int)mica_cpu_detect() + 1;
}

int float_levels_here(void)
{
    int level = 1;
    while (level < levels_here() && !same_products_below(level, MICA_PRECISION_F32))
        level++;
    return level;
}

/* All kernels of a level that this machine has. */
static void fill_table(mica_kernels *kernels, int level)
{
    mica_kernels_init_with(kernels, (mica_cpu_level)level,
                           mica_cpu_features() | MICA_KERNELS_UNTIMED);
}

bool same_products_below(int level, mica_precision precision)
{
    mica_kernels k, below;
    if (level == 0)
        return false;
    fill_table(&k, level);
    fill_table(&below, level - 1);
    if (precision == MICA_PRECISION_INT8)
        return k.int8.tile == below.int8.tile;
    bool same = k.gemm.tile == below.gemm.tile;
    return precision == MICA_PRECISION_F32 ? same : same && k.bf16.tile == below.bf16.tile;
}

void list_skipped_levels(void)
{
    for (int level = levels_here(); level < MICA_CPU_LEVELS; level++)
        printf("skipped: level %s: not on this machine\n", mica_cpu_level_name(level));
}

void check_near(float actual, double expected, double ulps, double absolute, const char *what,
                size_t at)
{
    float rounded = (float)expected;
    if ((isnan(expected) && isnan(actual)) || actual == rounded)
        return;
    double ulp = (double)nextafterf(fabsf(rounded), INFINITY) - (double)fabsf(rounded);
    double allowed = fmax(ulps * ulp, absolute);
    if (fabs((double)actual - expected) <= allowed)
        return;
    fail_msg("%s: element %zu is %.9g, expected %.9g (allowed %.3g)", what, at, (double)actual,
             expected, allowed);
}

void check_same_bits(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0)
            fail_msg("%s: element %zu is %.9g here and %.9g there", what, i, (double)a[i],
                     (double)b[i]);
}

/* ---- one step ---- */

void rig_create(rig *r, int level, size_t threads)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(mica_pool_create(threads, &r->pool, &r->err), MICA_OK);
    assert_int_equal(mica_backend_cpu_create(r->pool, level, &r->backend, &r->err), MICA_OK);
    fill_table(&((mica_cpu *)r->backend)->kernels, level);
}

void rig_destroy(rig *r)
{
    r->backend->vtable->destroy(&r->backend);
    mica_pool_destroy(&r->pool);
}

void rig_begin(rig *r, mica_op op, const void *params)
{
    r->n_views = 0;
    memset(&r->step, 0, sizeof r->step);
    r->step.op = op;
    r->step.feeds = r->step.fed_by = MICA_NO_STEP;
    r->step.params = params;
    r->step.inputs = r->inputs;
    r->step.constants = r->constants;
    r->step.names = r->names;
}

static mica_view *add_view(rig *r, mica_dtype dtype, const void *data, int rank,
                           const int64_t *dims)
{
    assert_true(r->n_views < RIG_VALUES);
    mica_view *view = &r->views[r->n_views++];
    int64_t stride = 1;
    view->data = (void *)(uintptr_t)data;
    view->dtype = dtype;
    view->rank = rank;
    for (int i = rank - 1; i >= 0; i--) {
        view->dim[i] = dims[i];
        view->stride[i] = stride;
        stride *= dims[i];
    }
    return view;
}

mica_view *rig_input(rig *r, mica_dtype dtype, const void *data, int rank, const int64_t *dims)
{
    uint32_t i = r->step.n_inputs++;
    r->inputs[i] = r->n_views;
    r->constants[i] = NULL;
    r->names[i] = NULL;
    return add_view(r, dtype, data, rank, dims);
}

void rig_constant(rig *r, mica_tensor *tensor, const char *name)
{
    uint32_t i = r->step.n_inputs;
    rig_input(r, mica_tensor_dtype(tensor), mica_tensor_data(tensor), mica_tensor_rank(tensor),
              mica_tensor_dims(tensor));
    r->constants[i] = tensor;
    r->names[i] = name;
}

void rig_no_input(rig *r)
{
    uint32_t i = r->step.n_inputs++;
    r->inputs[i] = MICA_NO_VALUE;
    r->constants[i] = NULL;
    r->names[i] = NULL;
}

mica_view *rig_output(rig *r, mica_dtype dtype, void *data, int rank, const int64_t *dims)
{
    r->step.output = r->n_views;
    return add_view(r, dtype, data, rank, dims);
}

mica_status rig_run(rig *r)
{
    const mica_backend_vtable *v = r->backend->vtable;
    memset(&r->err, 0, sizeof r->err);
    mica_status status = v->prepare(r->backend, &r->step, &r->err);
    if (status)
        return status;
    mica_run run = {.steps = &r->step, .n_steps = 1, .views = r->views, .batch = r->batch};
    run.scratch_bytes = v->scratch(r->backend, &run);
    run.scratch = mica_alloc_data(run.scratch_bytes);
    assert_non_null(run.scratch);
    memset(run.scratch, 0xff, run.scratch_bytes);
    uint64_t before = mica_alloc_count();
    status = v->run(r->backend, &run, &r->err);
    if (!status)
        assert_int_equal(mica_alloc_count(), before);
    mica_free_data(run.scratch);
    v->unprepare(r->backend, &r->step);
    return status;
}

void rig_run_ok(rig *r)
{
    mica_status status = rig_run(r);
    if (status)
        fail_msg("%s: %s", mica_op_name(r->step.op), r->err.message);
}

void rig_each(void (*check)(rig *r, uint64_t *seed), int times)
{
    for (int level = 0; level < float_levels_here(); level++)
        for (size_t threads = 1; threads <= 3; threads++) {
            rig r;
            uint64_t seed = 12345;
            rig_create(&r, level, threads);
            for (int i = 0; i < times; i++)
                check(&r, &seed);
            rig_destroy(&r);
        }
}
