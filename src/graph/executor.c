/* SPDX-License-Identifier: MIT
 *
 * The memory of one run at a time: one block that holds the slots and the backend's scratch.
 *
 *   block: | slot 0 | slot 1 | ... | scratch |     each at a multiple of MICA_DATA_ALIGNMENT
 *
 * A batch of other dimensions than the last makes the executor evaluate shapes and offsets anew
 * (`bind`); addresses are filled in for each run. The block grows when a batch needs more than any
 * before and never shrinks; nothing else is allocated by a run.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "graph/program.h"

struct mica_executor {
    const mica_program *program;
    mica_view *views;     /* by value */
    size_t *slot_offsets; /* n_slots */
    size_t slots_bytes;
    unsigned char *block;
    size_t capacity;
    mica_step_cost *costs; /* n_steps */
    mica_sizes sizes;      /* what shapes and offsets were evaluated for, if `bound` */
    bool bound;
    bool ready;             /* outputs of a run are there */
    bool profile, profiled; /* runs are to be measured; the last one was */
    uint64_t run_ns;        /* of the last measured one */
    double pairs;           /* see mica_step_work */
    size_t scratch_bytes;
};

mica_status mica_executor_create(mica_program *program, mica_executor **out, mica_error *err)
{
    *out = NULL;
    mica_executor *e = mica_calloc(1, sizeof *e);
    if (e == NULL)
        return mica_fail_memory(err, sizeof *e, "an executor");
    e->program = program;
    /* One more of each: an array of none would do as well, but may not be told from failure. */
    e->views = mica_calloc(program->n_values + 1, sizeof *e->views);
    e->slot_offsets = mica_calloc(program->n_slots + 1, sizeof *e->slot_offsets);
    e->costs = mica_calloc(program->n_steps + 1, sizeof *e->costs);
    if (e->views == NULL || e->slot_offsets == NULL || e->costs == NULL) {
        mica_executor_destroy(&e);
        return mica_fail_memory(err, program->n_values * sizeof *e->views, "an executor");
    }
    *out = e;
    return MICA_OK;
}

void mica_executor_destroy(mica_executor **executor)
{
    if (executor == NULL || *executor == NULL)
        return;
    mica_executor *e = *executor;
    mica_free(e->views);
    mica_free(e->slot_offsets);
    mica_free(e->costs);
    mica_free_data(e->block);
    mica_free(e);
    *executor = NULL;
}

static mica_status check_batch(const mica_batch *batch, mica_error *err)
{
    if (batch == NULL || batch->starts == NULL)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "running a program on tokens: batch%s is NULL",
                         batch == NULL ? "" : " starts");
    if (batch->tokens > INT32_MAX || batch->sequences > INT32_MAX)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "batch: %zu tokens and %zu sequences, at most %d each", batch->tokens,
                         batch->sequences, INT32_MAX);
    if (batch->starts[0] != 0)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "batch: starts[0] is %d, it must be 0",
                         (int)batch->starts[0]);
    for (size_t i = 0; i < batch->sequences; i++) {
        if (batch->starts[i + 1] < batch->starts[i])
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "batch: starts[%zu] is %d, less than starts[%zu], which is %d", i + 1,
                             (int)batch->starts[i + 1], i, (int)batch->starts[i]);
    }
    if ((size_t)batch->starts[batch->sequences] != batch->tokens)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "batch: starts[%zu] is %d, it must be the number of tokens, %zu",
                         batch->sequences, (int)batch->starts[batch->sequences], batch->tokens);
    return MICA_OK;
}

/* Shape and strides of a value; false if it is too large for memory. */
static bool bind_value(mica_view *view, const mica_plan_value *value, const mica_sizes *sizes)
{
    int rank = value->type.rank;
    int64_t count = 1;
    bool empty = false, fits = true;
    view->dtype = value->type.dtype;
    view->rank = rank;
    for (int i = 0; i < rank; i++) {
        if (!mica_dim_eval(value->type.dim[i], sizes, &view->dim[i]))
            return false;
        empty = empty || view->dim[i] == 0;
    }
    for (int i = rank - 1; i >= 0; i--) {
        view->stride[i] = count;
        /* With no elements at all, products that do not fit do not matter. */
        if (fits && !mica_mul_i64(count, view->dim[i], &count))
            fits = false;
    }
    if (value->strides != NULL) {
        for (int i = 0; i < rank; i++) {
            if (!mica_extent_eval(&value->strides[i], sizes, &view->stride[i]))
                return false;
        }
    }
    int64_t bytes;
    return empty || (fits && mica_mul_i64(count, (int64_t)mica_dtype_size(view->dtype), &bytes) &&
                     (uint64_t)bytes <= PTRDIFF_MAX);
}

static bool is_empty(const mica_view *view)
{
    for (int i = 0; i < view->rank; i++) {
        if (view->dim[i] == 0)
            return true;
    }
    return false;
}

/* Where a view of this base begins. */
static int64_t view_begin(const mica_view *base, const mica_plan_value *value)
{
    if (value->slice_begin == 0 || is_empty(base))
        return base->begin;
    return base->begin + value->slice_begin * base->stride[value->slice_axis];
}

static bool align_up(size_t size, size_t *out)
{
    if (!mica_add_size(size, MICA_DATA_ALIGNMENT - 1, out))
        return false;
    *out -= *out % MICA_DATA_ALIGNMENT;
    return true;
}

/* Sizes of the slots, and where they begin. */
static bool bind_slots(mica_executor *e, const mica_sizes *sizes)
{
    const mica_program *p = e->program;
    size_t at = 0;
    for (size_t i = 0; i < p->n_slots; i++) {
        size_t largest = 0;
        for (const mica_slot_size *s = p->slots[i]; s != NULL; s = s->next) {
            int64_t count;
            size_t bytes;
            if (!mica_extent_eval(&s->extent, sizes, &count) || (uint64_t)count > SIZE_MAX ||
                !mica_mul_size((size_t)count, s->element, &bytes))
                return false;
            largest = bytes > largest ? bytes : largest;
        }
        e->slot_offsets[i] = at;
        if (!align_up(largest, &largest) || !mica_add_size(at, largest, &at))
            return false;
    }
    e->slots_bytes = at;
    return true;
}

static mica_status bind(mica_executor *e, const mica_sizes *sizes, mica_error *err)
{
    const mica_program *p = e->program;
    if (e->bound && e->sizes.tokens == sizes->tokens && e->sizes.sequences == sizes->sequences)
        return MICA_OK;
    e->bound = false;
    bool fits = bind_slots(e, sizes);
    for (size_t i = 0; fits && i < p->n_values; i++) {
        const mica_plan_value *value = &p->values[i];
        fits = bind_value(&e->views[i], value, sizes);
        if (fits && value->source == MICA_SOURCE_VIEW)
            e->views[i].begin = view_begin(&e->views[value->index], value);
    }
    if (!fits)
        return mica_fail(err, MICA_STATUS_SHAPE,
                         "a batch of %lld tokens in %lld sequences is too large for this program",
                         (long long)sizes->tokens, (long long)sizes->sequences);
    e->sizes = *sizes;
    e->bound = true;
    return MICA_OK;
}

/* Makes the block hold `bytes`. One that grows again gets a quarter more than it needs, so that
 * batches of slowly growing size do not allocate each time. */
static mica_status reserve(mica_executor *e, size_t bytes, mica_error *err)
{
    if (e->block != NULL && bytes <= e->capacity)
        return MICA_OK;
    size_t want = bytes > MICA_DATA_ALIGNMENT ? bytes : MICA_DATA_ALIGNMENT;
    if (e->block != NULL && want <= PTRDIFF_MAX / 2)
        want += want / 4;
    mica_free_data(e->block); /* first: nothing in it is needed, and both may not fit */
    e->capacity = 0;
    e->block = mica_alloc_data(want);
    if (e->block == NULL)
        return mica_fail_memory(err, want, "the values of a program");
    e->capacity = want;
    return MICA_OK;
}

/* Addresses of all values; bases stand before their views. */
static void resolve(mica_executor *e, const void *const *inputs)
{
    const mica_program *p = e->program;
    for (size_t i = 0; i < p->n_values; i++) {
        const mica_plan_value *value = &p->values[i];
        mica_view *view = &e->views[i];
        switch (value->source) {
        case MICA_SOURCE_CONSTANT: /* steps read their inputs only */
            view->data = (void *)(uintptr_t)mica_tensor_data(value->constant);
            break;
        case MICA_SOURCE_INPUT:
            view->data = (void *)(uintptr_t)inputs[value->index];
            break;
        case MICA_SOURCE_SLOT:
            view->data = e->block + e->slot_offsets[value->index];
            break;
        case MICA_SOURCE_VIEW:
            view->data = e->views[value->root].data;
            if (view->begin != 0 && view->data != NULL)
                view->data = (unsigned char *)view->data +
                             (size_t)view->begin * mica_dtype_size(view->dtype);
            break;
        }
    }
}

/* The shapes must have been bound. */
static mica_status check_inputs(const mica_executor *e, const void *const *inputs, size_t count,
                                mica_error *err)
{
    const mica_program *p = e->program;
    if (count != p->n_inputs || (count > 0 && inputs == NULL))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "running a program: %zu inputs given, it has %zu",
                         inputs == NULL ? 0 : count, p->n_inputs);
    for (size_t i = 0; i < count; i++) {
        uint32_t value = p->inputs[i];
        if (value == MICA_NO_VALUE || inputs[i] != NULL || is_empty(&e->views[value]))
            continue;
        const char *name = p->values[value].name;
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "running a program: input %zu ('%s') is NULL", i,
                         name != NULL ? name : "");
    }
    return MICA_OK;
}

static mica_status check_outputs(const mica_executor *e, mica_error *err)
{
    const mica_program *p = e->program;
    for (size_t i = 0; i < p->n_outputs; i++) {
        const mica_view *view = &e->views[p->outputs[i]];
        size_t count = 1, at;
        for (int axis = 0; axis < view->rank; axis++)
            count *= (size_t)view->dim[axis];
        if (mica_all_finite(mica_context_pool(p->context), view->dtype, view->data, count, &at))
            continue;
        size_t columns = view->rank > 0 ? (size_t)view->dim[view->rank - 1] : 1;
        return mica_fail(err, MICA_STATUS_NOT_FINITE,
                         "output %zu is not finite in row %zu, column %zu", i, at / columns,
                         at % columns);
    }
    return MICA_OK;
}

/* All of a run but what measuring it takes. */
static mica_status run(mica_executor *e, const mica_batch *batch, const void *const *inputs,
                       size_t count, mica_error *err)
{
    const mica_program *p = e->program;
    mica_sizes sizes = {0, 0};
    mica_status status = MICA_OK;
    e->ready = false;
    if (p->symbolic || batch != NULL)
        status = check_batch(batch, err);
    if (status != MICA_OK)
        return status;
    if (p->symbolic) {
        sizes.tokens = (int64_t)batch->tokens;
        sizes.sequences = (int64_t)batch->sequences;
    }
    status = bind(e, &sizes, err);
    if (status == MICA_OK)
        status = check_inputs(e, inputs, count, err);
    if (status != MICA_OK)
        return status;
    mica_run in_progress = {.steps = p->steps,
                            .n_steps = p->n_steps,
                            .views = e->views,
                            .batch = batch,
                            .costs = e->profile ? e->costs : NULL,
                            .context = p->context};
    size_t scratch = p->backend->vtable->scratch(p->backend, &in_progress), total;
    if (!align_up(scratch, &scratch) || !mica_add_size(e->slots_bytes, scratch, &total))
        return mica_fail_memory(err, SIZE_MAX, "the values of a program");
    status = reserve(e, total, err);
    if (status != MICA_OK)
        return status;
    in_progress.scratch = e->block + e->slots_bytes;
    in_progress.scratch_bytes = e->capacity - e->slots_bytes;
    e->scratch_bytes = scratch;
    resolve(e, inputs);
    if (mica_context_cancelled(p->context))
        return mica_fail(err, MICA_STATUS_CANCELLED, "cancelled");
    status = p->backend->vtable->run(p->backend, &in_progress, err);
    if (status == MICA_OK && p->options.check_finite)
        status = check_outputs(e, err);
    e->ready = status == MICA_OK;
    return status;
}

/* The sum of the squares of the sequences' lengths. */
static double count_pairs(const mica_batch *batch)
{
    double pairs = 0;
    for (size_t i = 0; batch != NULL && i < batch->sequences; i++) {
        double length = (double)(batch->starts[i + 1] - batch->starts[i]);
        pairs += length * length;
    }
    return pairs;
}

mica_status mica_executor_run(mica_executor *executor, const mica_batch *batch,
                              const void *const *inputs, size_t count, mica_error *err)
{
    executor->profiled = false;
    if (!executor->profile)
        return run(executor, batch, inputs, count, err);
    uint64_t begin = mica_clock_ns();
    memset(executor->costs, 0, executor->program->n_steps * sizeof *executor->costs);
    mica_status status = run(executor, batch, inputs, count, err);
    executor->run_ns = mica_clock_ns() - begin;
    executor->profiled = status == MICA_OK;
    if (executor->profiled)
        executor->pairs = count_pairs(batch);
    return status;
}

const void *mica_executor_output(const mica_executor *executor, size_t i, int *rank,
                                 int64_t dims[MICA_MAX_RANK])
{
    if (!executor->ready || i >= executor->program->n_outputs)
        return NULL;
    const mica_view *view = &executor->views[executor->program->outputs[i]];
    if (rank != NULL)
        *rank = view->rank;
    for (int axis = 0; dims != NULL && axis < view->rank; axis++)
        dims[axis] = view->dim[axis];
    return view->data;
}

void mica_executor_set_profile(mica_executor *executor, bool on)
{
    executor->profile = on;
}

bool mica_executor_get_run(const mica_executor *executor, mica_run_profile *out)
{
    const mica_executor *e = executor;
    *out = (mica_run_profile){0};
    if (!e->profiled)
        return false;
    out->steps = e->program->n_steps;
    out->tokens = (size_t)e->sizes.tokens;
    out->sequences = (size_t)e->sizes.sequences;
    out->ns = e->run_ns;
    out->value_bytes = e->slots_bytes;
    out->scratch_bytes = e->scratch_bytes;
    return true;
}

bool mica_executor_get_step(const mica_executor *executor, size_t i, mica_step_profile *step)
{
    const mica_program *p = executor->program;
    *step = (mica_step_profile){0};
    if (!executor->profiled || i >= p->n_steps)
        return false;
    mica_step_work(&p->steps[i], executor->views, executor->pairs, step);
    step->ns = executor->costs[i].ns;
    step->regions = executor->costs[i].regions;
    return true;
}

const char *mica_executor_weight_name(const mica_executor *executor, size_t i, size_t input)
{
    const mica_program *p = executor->program;
    if (i >= p->n_steps || input >= p->steps[i].n_inputs || p->steps[i].constants[input] == NULL)
        return NULL;
    return p->steps[i].names[input];
}

size_t mica_executor_bytes(const mica_executor *executor)
{
    return executor->capacity;
}
