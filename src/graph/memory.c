/* SPDX-License-Identifier: MIT
 *
 * Which values share memory. Steps run in order, so a value lives from the step that makes it to
 * the last that reads it (through views too; outputs live to the end). Walking the steps, each new
 * value takes a slot that is free, or is written over an input that dies in the same step where the
 * operation allows it. Sizes depend on the batch: a slot is as large as the largest value in it,
 * for whatever batch is run. Which slot suits best is judged by a batch of medium size.
 */
#include "base/alloc.h"
#include "graph/program.h"

static const mica_sizes medium = {.tokens = 1024, .sequences = 32};
static const size_t never = SIZE_MAX; /* last use of outputs */

typedef struct slot_state {
    uint32_t owner; /* the value in it, or MICA_NO_VALUE if it is free */
    int64_t bytes;  /* for the medium batch */
} slot_state;

typedef struct memory {
    mica_program *program;
    size_t *last_use; /* by value: of roots, the last step that reads it */
    slot_state *slots;
} memory;

static int64_t medium_bytes(const mica_type *type)
{
    mica_extent extent;
    int64_t bytes;
    if (!mica_extent_of(type->dim, type->rank, &extent) ||
        !mica_extent_eval(&extent, &medium, &bytes) ||
        !mica_mul_i64(bytes, (int64_t)mica_dtype_size(type->dtype), &bytes))
        return INT64_MAX;
    return bytes;
}

static void find_last_uses(memory *m)
{
    const mica_program *p = m->program;
    for (size_t i = 0; i < p->n_steps; i++) {
        m->last_use[p->steps[i].output] = i;
        for (size_t j = 0; j < p->steps[i].n_inputs; j++) {
            if (p->steps[i].inputs[j] != MICA_NO_VALUE)
                m->last_use[p->values[p->steps[i].inputs[j]].root] = i;
        }
    }
    for (size_t i = 0; i < p->n_outputs; i++)
        m->last_use[p->values[p->outputs[i]].root] = never;
}

/* Whether `value` is all of its root, element for element. */
static bool is_whole(const mica_program *p, uint32_t value)
{
    const mica_plan_value *v = &p->values[value], *root = &p->values[v->root];
    mica_extent a, b;
    return v->strides == NULL && mica_extent_of(v->type.dim, v->type.rank, &a) &&
           mica_extent_of(root->type.dim, root->type.rank, &b) && mica_extent_equal(&a, &b);
}

/* Whether step i may write its output over its input j: that dies here, is of the output's type,
 * and no other input shows the same memory in another way. */
static bool may_replace(const memory *m, size_t i, size_t j)
{
    const mica_program *p = m->program;
    const mica_step *step = &p->steps[i];
    const mica_type *type = &p->values[step->output].type;
    uint32_t input = step->inputs[j];
    if (input == MICA_NO_VALUE)
        return false;
    uint32_t root = p->values[input].root;
    if (p->values[root].source != MICA_SOURCE_SLOT || m->last_use[root] != i)
        return false;
    for (size_t k = 0; k < step->n_inputs; k++) {
        uint32_t other = step->inputs[k];
        if (other == MICA_NO_VALUE || p->values[other].root != root)
            continue;
        if (!mica_type_equal(&p->values[other].type, type) || !is_whole(p, other))
            return false;
    }
    return true;
}

static bool is_inplace(mica_op op)
{
    mica_op_kind kind = mica_op_get(op)->kind;
    return kind == MICA_KIND_POINTWISE || kind == MICA_KIND_BROADCAST ||
           kind == MICA_KIND_FUSED_INPLACE;
}

/* The slot for the output of step i; n_slots for a new one. */
static size_t choose_slot(const memory *m, size_t i, int64_t bytes)
{
    const mica_program *p = m->program;
    const mica_step *step = &p->steps[i];
    for (size_t j = 0; is_inplace(step->op) && j < step->n_inputs && j < 2; j++) {
        if (may_replace(m, i, j))
            return p->values[p->values[step->inputs[j]].root].index;
    }
    /* The tightest that is large enough, or else the largest, which then grows. */
    size_t best = p->n_slots;
    for (size_t s = 0; s < p->n_slots; s++) {
        if (m->slots[s].owner != MICA_NO_VALUE)
            continue;
        if (best == p->n_slots) {
            best = s;
            continue;
        }
        int64_t old = m->slots[best].bytes, now = m->slots[s].bytes;
        if (now >= bytes ? old < bytes || now < old : now > old)
            best = s;
    }
    return best;
}

/* Notes that `slot` must hold values of this type; false if memory ends. */
static bool add_size(mica_program *p, size_t slot, const mica_type *type)
{
    mica_extent extent;
    size_t element = mica_dtype_size(type->dtype);
    if (!mica_extent_of(type->dim, type->rank, &extent))
        return false;
    for (mica_slot_size *s = p->slots[slot]; s != NULL; s = s->next) {
        if (s->element == element && mica_extent_equal(&s->extent, &extent))
            return true;
        if (s->extent.n > 0 || extent.n > 0)
            continue;
        /* Of sizes that no batch changes the largest will do. */
        if (s->extent.k * (int64_t)s->element < extent.k * (int64_t)element) {
            s->extent = extent;
            s->element = element;
        }
        return true;
    }
    mica_slot_size *size = mica_arena_alloc(&p->arena, sizeof *size);
    if (size == NULL)
        return false;
    *size = (mica_slot_size){extent, element, p->slots[slot]};
    p->slots[slot] = size;
    return true;
}

static void free_dead(memory *m, size_t i)
{
    const mica_program *p = m->program;
    const mica_step *step = &p->steps[i];
    for (size_t j = 0; j <= step->n_inputs; j++) {
        uint32_t value = j < step->n_inputs ? step->inputs[j] : step->output;
        if (value == MICA_NO_VALUE)
            continue;
        uint32_t root = p->values[value].root;
        if (p->values[root].source != MICA_SOURCE_SLOT || m->last_use[root] != i)
            continue;
        slot_state *slot = &m->slots[p->values[root].index];
        if (slot->owner == root) /* and not the output that has been written over it */
            slot->owner = MICA_NO_VALUE;
    }
}

mica_status mica_plan_memory(mica_program *program, mica_error *err)
{
    mica_arena scratch = {0};
    memory m = {.program = program};
    m.last_use = mica_arena_array(&scratch, program->n_values + 1, sizeof *m.last_use);
    m.slots = mica_arena_array(&scratch, program->n_steps + 1, sizeof *m.slots);
    program->slots =
        mica_arena_array(&program->arena, program->n_steps + 1, sizeof *program->slots);
    bool ok = m.last_use != NULL && m.slots != NULL && program->slots != NULL;
    if (ok)
        find_last_uses(&m);
    for (size_t i = 0; ok && i < program->n_steps; i++) {
        mica_plan_value *value = &program->values[program->steps[i].output];
        int64_t bytes = medium_bytes(&value->type);
        size_t slot = choose_slot(&m, i, bytes);
        if (slot == program->n_slots)
            program->n_slots++;
        ok = add_size(program, slot, &value->type);
        value->index = (uint32_t)slot;
        m.slots[slot].owner = program->steps[i].output;
        if (m.slots[slot].bytes < bytes)
            m.slots[slot].bytes = bytes;
        free_dead(&m, i);
    }
    mica_arena_free(&scratch);
    return ok ? MICA_OK
              : mica_fail_memory(err, program->n_steps * sizeof *m.slots, "a memory plan");
}
