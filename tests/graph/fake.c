/* SPDX-License-Identifier: MIT */
#include "graph/fake.h"

#include <stdlib.h>
#include <string.h>

#include "graph/op.h"

typedef struct fake_backend {
    mica_backend base;
    bool declined[MICA_OP_COUNT];
    size_t scratch, prepared;
    float poison;
    const char *complaint;
} fake_backend;

struct mica_context {
    fake_backend backend;
    mica_pool *pool;
    mica_log_sink log;
    bool cancelled;
};

static bool fake_supports(const mica_backend *backend, mica_op op)
{
    return !((const fake_backend *)backend)->declined[op];
}

static mica_status fake_prepare(mica_backend *backend, mica_step *step, mica_error *err)
{
    ((fake_backend *)backend)->prepared++;
    return MICA_OK;
}

static void fake_unprepare(mica_backend *backend, mica_step *step)
{
    ((fake_backend *)backend)->prepared--;
}

static size_t fake_scratch(const mica_backend *backend, const mica_run *run)
{
    return ((const fake_backend *)backend)->scratch;
}

static size_t count_of(const mica_view *view)
{
    size_t count = 1;
    for (int i = 0; i < view->rank; i++)
        count *= (size_t)view->dim[i];
    return count;
}

/* Element i of a view, counted in C order. */
static unsigned char *element(const mica_view *view, size_t i)
{
    int64_t at = 0;
    for (int axis = view->rank - 1; axis >= 0; axis--) {
        at += (int64_t)(i % (size_t)view->dim[axis]) * view->stride[axis];
        i /= (size_t)view->dim[axis];
    }
    return (unsigned char *)view->data + (size_t)at * mica_dtype_size(view->dtype);
}

static bool is_contiguous(const mica_view *view)
{
    int64_t stride = 1;
    for (int i = view->rank - 1; i >= 0; i--) {
        if (view->stride[i] != stride)
            return false;
        stride *= view->dim[i];
    }
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_view(uint64_t hash, const mica_view *view)
{
    size_t count = count_of(view), size = mica_dtype_size(view->dtype);
    for (int i = 0; i < view->rank; i++)
        hash = mix(hash, (uint64_t)view->dim[i]);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, element(view, i), size);
        hash = mix(hash, bits);
    }
    return hash;
}

static const char *check_input(const mica_run *run, const mica_step *step, uint32_t i)
{
    const mica_view *in = &run->views[step->inputs[i]], *out = &run->views[step->output];
    mica_op_kind kind = mica_op_get(step->op)->kind;
    size_t in_size = mica_dtype_size(in->dtype), out_bytes = count_of(out);
    out_bytes *= mica_dtype_size(out->dtype);
    if (kind != MICA_KIND_STRIDED && kind != MICA_KIND_BROADCAST && !is_contiguous(in))
        return "an input is not contiguous";
    bool may = (kind == MICA_KIND_POINTWISE || kind == MICA_KIND_BROADCAST ||
                kind == MICA_KIND_FUSED_INPLACE) &&
               in->data == out->data && is_contiguous(in) && count_of(in) == count_of(out);
    for (size_t n = 0, count = count_of(in); n < count && !may; n++) {
        const unsigned char *e = element(in, n), *begin = out->data;
        if (e + in_size > begin && e < begin + out_bytes)
            return "an output lies over an input";
    }
    return NULL;
}

static void run_step(fake_backend *fake, const mica_run *run, const mica_step *step)
{
    const mica_view *out = &run->views[step->output];
    size_t count = count_of(out), size = mica_dtype_size(out->dtype);
    uint64_t hash = mix(1, (uint64_t)step->op);
    if (!is_contiguous(out))
        fake->complaint = "an output is not contiguous";
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        if (step->inputs[i] == MICA_NO_VALUE)
            continue;
        const char *complaint = check_input(run, step, i);
        if (complaint != NULL)
            fake->complaint = complaint;
        hash = hash_view(hash, &run->views[step->inputs[i]]);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char *to = (unsigned char *)out->data + i * size;
        uint64_t bits = mix(hash, i);
        float number = (float)(bits >> 40) / (float)(1 << 24);
        if (step->op == MICA_OP_COPY)
            memcpy(to, element(&run->views[step->inputs[0]], i), size);
        else if (out->dtype == MICA_DTYPE_F32)
            memcpy(to, &number, sizeof number);
        else
            memset(to, (int)(bits & 1), size);
    }
}

static mica_status fake_run(mica_backend *backend, const mica_run *run, mica_error *err)
{
    fake_backend *fake = (fake_backend *)backend;
    if (run->scratch_bytes < fake->scratch)
        fake->complaint = "too little scratch";
    for (size_t i = 0; i < run->n_steps; i++) {
        if (fake->scratch > 0)
            memset(run->scratch, 0xEE, fake->scratch);
        run_step(fake, run, &run->steps[i]);
        if (run->costs != NULL)
            run->costs[i] = (mica_step_cost){i + 1, 2};
    }
    if (fake->poison != 0 && run->n_steps > 0)
        memcpy(run->views[run->steps[run->n_steps - 1].output].data, &fake->poison, sizeof(float));
    return MICA_OK;
}

static const mica_backend_vtable fake_vtable = {
    .name = "fake",
    .supports = fake_supports,
    .prepare = fake_prepare,
    .unprepare = fake_unprepare,
    .scratch = fake_scratch,
    .run = fake_run,
};

mica_context *fake_context_create(void)
{
    mica_context *context = calloc(1, sizeof *context);
    if (context != NULL)
        context->backend.base.vtable = &fake_vtable;
    if (context != NULL && mica_pool_create(2, &context->pool, NULL) != MICA_OK) {
        free(context);
        return NULL;
    }
    return context;
}

void fake_context_destroy(mica_context **context)
{
    mica_pool_destroy(&(*context)->pool);
    free(*context);
    *context = NULL;
}

void fake_decline(mica_context *context, mica_op op)
{
    context->backend.declined[op] = true;
}

void fake_set_scratch(mica_context *context, size_t bytes)
{
    context->backend.scratch = bytes;
}

void fake_set_poison(mica_context *context, float number)
{
    context->backend.poison = number;
}

size_t fake_prepared(const mica_context *context)
{
    return context->backend.prepared;
}

const char *fake_complaint(const mica_context *context)
{
    return context->backend.complaint;
}

mica_backend *mica_context_backend(mica_context *context)
{
    return &context->backend.base;
}

mica_pool *mica_context_pool(mica_context *context)
{
    return context->pool;
}

const mica_log_sink *mica_context_log(const mica_context *context)
{
    return &context->log;
}

bool mica_context_cancelled(const mica_context *context)
{
    return context->cancelled;
}

void mica_context_cancel(mica_context *context)
{
    context->cancelled = true;
}
