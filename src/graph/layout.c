/* SPDX-License-Identifier: MIT
 *
 * From the rewritten graph to values and steps.
 *
 * A view operation becomes a view where strides allow, else a copy of its input that can be viewed.
 * A step that wants its inputs contiguous gets copies of those that are not (one copy serves all).
 * Outputs are contiguous, and in the executor's own memory.
 *
 * Strides are worked out as extents, so that what is found here holds for every batch.
 */
#include <string.h>

#include "graph/program.h"

typedef struct layout {
    mica_program *program;
    const mica_graph *graph;
    bool *needed;       /* by id */
    uint32_t *value_of; /* by id: its value, or MICA_NO_VALUE */
    uint32_t *copy_of;  /* by value: its contiguous copy, or MICA_NO_VALUE */
    bool out_of_memory;
} layout;

typedef struct strides {
    mica_extent at[MICA_MAX_RANK];
} strides;

static void *get_memory(layout *l, size_t count, size_t size)
{
    void *memory = mica_arena_array(&l->program->arena, count, size);
    if (memory == NULL)
        l->out_of_memory = true;
    return memory;
}

/* C order; false on overflow. */
static bool c_order(const mica_type *type, strides *out)
{
    mica_extent stride = {.k = 1};
    for (int i = type->rank - 1; i >= 0; i--) {
        out->at[i] = stride;
        if (!mica_extent_multiply(&stride, type->dim[i]))
            return false;
    }
    return true;
}

static bool strides_of(const mica_plan_value *value, strides *out)
{
    if (value->strides == NULL)
        return c_order(&value->type, out);
    memcpy(out->at, value->strides, (size_t)value->type.rank * sizeof out->at[0]);
    return true;
}

/* Whether elements so placed are in C order; the stride of an axis of size 1 does not matter. */
static bool is_c_order(const mica_type *type, const strides *have)
{
    strides want;
    mica_extent count;
    if (mica_extent_of(type->dim, type->rank, &count) && count.k == 0)
        return true;
    if (!c_order(type, &want))
        return false;
    for (int i = 0; i < type->rank; i++) {
        if (!mica_dim_is(type->dim[i], 1) && !mica_extent_equal(&want.at[i], &have->at[i]))
            return false;
    }
    return true;
}

static uint32_t new_value(layout *l, const mica_plan_value *value)
{
    uint32_t number = (uint32_t)l->program->n_values++;
    mica_plan_value *to = &l->program->values[number];
    *to = *value;
    if (to->source == MICA_SOURCE_VIEW)
        to->root = l->program->values[to->index].root;
    else
        to->root = number;
    l->copy_of[number] = MICA_NO_VALUE;
    l->program->symbolic |= mica_type_is_symbolic(&to->type);
    return number;
}

/* A step that gives a new value; `inputs` are numbers of values. */
static uint32_t new_step(layout *l, mica_op op, const void *params, const uint32_t *inputs,
                         size_t n_inputs, const mica_type *type)
{
    mica_program *program = l->program;
    uint32_t *numbers = get_memory(l, n_inputs, sizeof *numbers);
    mica_tensor **constants = get_memory(l, n_inputs, sizeof(mica_tensor *));
    const char **names = get_memory(l, n_inputs, sizeof(char *));
    size_t params_size = mica_op_get(op)->params_size;
    void *own_params = params_size != 0 ? get_memory(l, 1, params_size) : NULL;
    if (l->out_of_memory)
        return MICA_NO_VALUE;
    for (size_t i = 0; i < n_inputs; i++) {
        numbers[i] = inputs[i];
        if (inputs[i] != MICA_NO_VALUE) {
            constants[i] = program->values[inputs[i]].constant;
            names[i] = program->values[inputs[i]].name;
        }
    }
    if (params_size != 0)
        memcpy(own_params, params, params_size);
    const mica_plan_value result = {.type = *type, .source = MICA_SOURCE_SLOT};
    mica_step *step = &program->steps[program->n_steps++];
    *step = (mica_step){.op = op,
                        .params = own_params,
                        .n_inputs = (uint32_t)n_inputs,
                        .inputs = numbers,
                        .constants = constants,
                        .names = names,
                        .feeds = MICA_NO_STEP,
                        .fed_by = MICA_NO_STEP};
    step->output = new_value(l, &result);
    return step->output;
}

/* A contiguous copy of a value; one serves all who ask. */
static uint32_t copy(layout *l, uint32_t value)
{
    if (l->copy_of[value] == MICA_NO_VALUE) {
        const mica_type type = l->program->values[value].type;
        l->copy_of[value] = new_step(l, MICA_OP_COPY, NULL, &value, 1, &type);
    }
    return l->copy_of[value];
}

static uint32_t contiguous(layout *l, uint32_t value)
{
    return l->program->values[value].strides == NULL ? value : copy(l, value);
}

/* A view of `base` with these strides. */
static uint32_t new_view(layout *l, uint32_t base, const mica_type *type, const strides *have,
                         int axis, int64_t begin)
{
    mica_plan_value view = {.type = *type,
                            .source = MICA_SOURCE_VIEW,
                            .index = base,
                            .slice_axis = axis,
                            .slice_begin = begin};
    if (!is_c_order(type, have)) {
        mica_extent *kept = get_memory(l, (size_t)type->rank, sizeof *kept);
        if (kept == NULL)
            return MICA_NO_VALUE;
        memcpy(kept, have->at, (size_t)type->rank * sizeof *kept);
        view.strides = kept;
    }
    return new_value(l, &view);
}

/* The axes of a type that are not of size 1; returns how many. */
static int real_axes(const mica_type *type, int axes[MICA_MAX_RANK])
{
    int n = 0;
    for (int i = 0; i < type->rank; i++) {
        if (!mica_dim_is(type->dim[i], 1))
            axes[n++] = i;
    }
    return n;
}

/* Finds the smallest runs of axes of both types, from `f` and `t` on, that hold equally many
 * elements: [f, f_end) and [t, t_end). */
static bool next_group(const mica_type *from, const int *from_axes, int f, int n_from, int *f_end,
                       const mica_type *to, const int *to_axes, int t, int n_to, int *t_end)
{
    mica_extent a = {.k = 1};
    for (int i = f; i < n_from; i++) {
        mica_extent b = {.k = 1};
        if (!mica_extent_multiply(&a, from->dim[from_axes[i]]))
            return false;
        for (int j = t; j < n_to && mica_extent_multiply(&b, to->dim[to_axes[j]]); j++) {
            if (mica_extent_equal(&a, &b)) {
                *f_end = i + 1;
                *t_end = j + 1;
                return true;
            }
        }
    }
    return false;
}

/* Strides with which `have` on `from` reads as C order of `to`; false if there are none. Axes are
 * taken in groups of equally many elements; within a group the old axes must follow each other in
 * memory: [2, 3 | 4] -> [6 | 2, 2] needs stride(0) = 3 * stride(1) and nothing of axis 2. */
static bool reshaped(const mica_type *from, const strides *have, const mica_type *to, strides *out)
{
    int from_axes[MICA_MAX_RANK], to_axes[MICA_MAX_RANK];
    int n_from = real_axes(from, from_axes), n_to = real_axes(to, to_axes);
    int f = 0, t = 0;
    for (int i = 0; i < to->rank; i++)
        out->at[i] = (mica_extent){.k = 1};
    while (f < n_from && t < n_to) {
        int f_end, t_end;
        if (!next_group(from, from_axes, f, n_from, &f_end, to, to_axes, t, n_to, &t_end))
            return false;
        mica_extent stride = have->at[from_axes[f_end - 1]];
        for (int i = f_end - 2; i >= f; i--) {
            mica_extent want = have->at[from_axes[i + 1]];
            if (!mica_extent_multiply(&want, from->dim[from_axes[i + 1]]) ||
                !mica_extent_equal(&want, &have->at[from_axes[i]]))
                return false;
        }
        for (int i = t_end - 1; i >= t; i--) {
            out->at[to_axes[i]] = stride;
            if (!mica_extent_multiply(&stride, to->dim[to_axes[i]]))
                return false;
        }
        f = f_end;
        t = t_end;
    }
    return f == n_from && t == n_to;
}

static uint32_t reshape_view(layout *l, const mica_node *node, uint32_t base)
{
    strides have, out;
    const mica_plan_value *from = &l->program->values[base];
    if (from->strides != NULL &&
        !(strides_of(from, &have) && reshaped(&from->type, &have, &node->type, &out))) {
        base = copy(l, base);
        from = base != MICA_NO_VALUE ? &l->program->values[base] : NULL;
    }
    if (from == NULL || (from->strides == NULL && !c_order(&node->type, &out)))
        return MICA_NO_VALUE;
    return new_view(l, base, &node->type, &out, 0, 0);
}

static uint32_t transpose_view(layout *l, const mica_node *node, uint32_t base)
{
    strides have, out;
    const mica_permutation_params *params = node->params;
    if (!strides_of(&l->program->values[base], &have))
        return MICA_NO_VALUE;
    for (int i = 0; i < node->type.rank; i++)
        out.at[i] = have.at[params->axes[i]];
    return new_view(l, base, &node->type, &out, 0, 0);
}

static uint32_t slice_view(layout *l, const mica_node *node, uint32_t base)
{
    strides have;
    const mica_slice_params *params = node->params;
    if (!strides_of(&l->program->values[base], &have) ||
        !mica_extent_multiply(&have.at[params->axis], mica_dim_fixed(params->step)))
        return MICA_NO_VALUE;
    return new_view(l, base, &node->type, &have, params->axis, params->begin);
}

/* Axes that are new or of size 1 get the stride 0. */
static uint32_t broadcast_view(layout *l, const mica_node *node, uint32_t base)
{
    strides have, out = {0};
    const mica_type *from = &l->program->values[base].type;
    int added = node->type.rank - from->rank;
    if (!strides_of(&l->program->values[base], &have))
        return MICA_NO_VALUE;
    for (int i = 0; i < from->rank; i++) {
        if (mica_dim_equal(from->dim[i], node->type.dim[i + added]))
            out.at[i + added] = have.at[i];
    }
    return new_view(l, base, &node->type, &out, 0, 0);
}

typedef struct view_rule {
    mica_op op;
    uint32_t (*make)(layout *l, const mica_node *node, uint32_t base);
} view_rule;
static const view_rule view_rules[] = {{MICA_OP_RESHAPE, reshape_view},
                                       {MICA_OP_TRANSPOSE, transpose_view},
                                       {MICA_OP_SLICE, slice_view},
                                       {MICA_OP_BROADCAST_TO, broadcast_view}};

static uint32_t place_view(layout *l, const mica_node *node, mica_error *err)
{
    for (size_t i = 0; i < sizeof view_rules / sizeof view_rules[0]; i++) {
        if (view_rules[i].op != node->op)
            continue;
        uint32_t value = view_rules[i].make(l, node, l->value_of[node->inputs[0].id]);
        if (value == MICA_NO_VALUE && !l->out_of_memory)
            mica_fail(err, MICA_STATUS_SHAPE, "%s: %s has too many elements",
                      mica_op_name(node->op), mica_type_text(&node->type).s);
        return value;
    }
    mica_fail(err, MICA_STATUS_UNSUPPORTED, "%s: no way to view", mica_op_name(node->op));
    return MICA_NO_VALUE;
}

static uint32_t place_leaf(layout *l, const mica_node *node)
{
    mica_plan_value value = {.type = node->type, .source = MICA_SOURCE_INPUT};
    if (node->name != NULL) {
        value.name = mica_arena_text(&l->program->arena, node->name, strlen(node->name));
        if (value.name == NULL) {
            l->out_of_memory = true;
            return MICA_NO_VALUE;
        }
    }
    if (node->op == MICA_OP_CONSTANT) {
        value.source = MICA_SOURCE_CONSTANT;
        value.constant = mica_tensor_retain(node->constant);
        return new_value(l, &value);
    }
    value.index = (uint32_t)node->input;
    l->program->inputs[node->input] = new_value(l, &value);
    return l->program->inputs[node->input];
}

static uint32_t place_step(layout *l, const mica_node *node, mica_error *err)
{
    const mica_backend *backend = l->program->backend;
    mica_op_kind kind = mica_op_get(node->op)->kind;
    bool any_stride =
        kind == MICA_KIND_STRIDED || kind == MICA_KIND_BROADCAST || kind == MICA_KIND_COMPARE;
    if (!backend->vtable->supports(backend, node->op)) {
        mica_fail(err, MICA_STATUS_UNSUPPORTED, "the %s backend has no operation %s",
                  backend->vtable->name, mica_op_name(node->op));
        return MICA_NO_VALUE;
    }
    uint32_t *inputs = get_memory(l, node->n_inputs, sizeof *inputs);
    for (size_t i = 0; i < node->n_inputs && !l->out_of_memory; i++) {
        inputs[i] = l->value_of[node->inputs[i].id];
        if (inputs[i] != MICA_NO_VALUE && !any_stride)
            inputs[i] = contiguous(l, inputs[i]);
    }
    if (l->out_of_memory)
        return MICA_NO_VALUE;
    return new_step(l, node->op, node->params, inputs, node->n_inputs, &node->type);
}

static mica_status place_nodes(layout *l, mica_error *err)
{
    mica_error why = {0};
    for (size_t id = 1; id <= l->graph->n_nodes; id++) {
        const mica_node *node = l->graph->nodes[id - 1];
        mica_op_kind kind = mica_op_get(node->op)->kind;
        if (!l->needed[id])
            continue;
        if (kind == MICA_KIND_LEAF)
            l->value_of[id] = place_leaf(l, node);
        else if (kind == MICA_KIND_VIEW)
            l->value_of[id] = place_view(l, node, &why);
        else
            l->value_of[id] = place_step(l, node, &why);
        if (l->out_of_memory)
            return mica_fail_memory(err, sizeof(mica_step), "the plan of a program");
        if (l->value_of[id] == MICA_NO_VALUE) {
            if (err != NULL)
                *err = why;
            return why.status;
        }
    }
    return MICA_OK;
}

/* Outputs lie in the executor's memory: not in that of inputs or constants. */
static uint32_t place_output(layout *l, uint32_t value)
{
    const mica_plan_value *values = l->program->values;
    if (values[values[value].root].source != MICA_SOURCE_SLOT)
        return copy(l, value);
    return contiguous(l, value);
}

/* By value: how often its memory is read, outputs counted, and by which step last. */
typedef struct readers {
    uint32_t *count, *step;
} readers;

/* How many inputs, from the first on, lie in the memory of a value. */
static uint32_t first_inputs_of(const mica_program *program, const mica_step *step, uint32_t value)
{
    uint32_t n = 0;
    while (n < step->n_inputs && step->inputs[n] != MICA_NO_VALUE &&
           program->values[step->inputs[n]].root == value)
        n++;
    return n;
}

static void find_pairs(mica_program *program, readers *r)
{
    for (size_t i = 0; i < program->n_outputs; i++)
        r->count[program->values[program->outputs[i]].root]++;
    for (uint32_t s = 0; s < program->n_steps; s++) {
        const mica_step *step = &program->steps[s];
        for (uint32_t i = 0; i < step->n_inputs; i++) {
            if (step->inputs[i] == MICA_NO_VALUE)
                continue;
            uint32_t root = program->values[step->inputs[i]].root;
            r->count[root]++;
            r->step[root] = s;
        }
    }
    for (uint32_t s = 0; s < program->n_steps; s++) {
        mica_step *step = &program->steps[s];
        mica_step *reader = &program->steps[r->step[step->output]];
        uint32_t fed = first_inputs_of(program, reader, step->output);
        if (fed == 0 || fed != r->count[step->output])
            continue;
        step->feeds = r->step[step->output];
        reader->fed_by = s;
        reader->fed = fed;
    }
}

mica_status mica_plan_layout(mica_program *program, const mica_graph *graph,
                             const mica_value *outputs, mica_error *err)
{
    layout l = {.program = program, .graph = graph};
    mica_arena scratch = {0};
    /* A node gives a value at most, and a value a copy at most, which is contiguous. */
    size_t n = graph->n_nodes + 1, most = 2 * n;
    program->n_inputs = graph->n_inputs;
    program->inputs = get_memory(&l, graph->n_inputs + 1, sizeof *program->inputs);
    program->outputs = get_memory(&l, program->n_outputs, sizeof *program->outputs);
    program->values = get_memory(&l, most, sizeof *program->values);
    program->steps = get_memory(&l, most, sizeof *program->steps);
    l.needed = mica_arena_array(&scratch, n, sizeof *l.needed);
    l.value_of = mica_arena_array(&scratch, n, sizeof *l.value_of);
    l.copy_of = mica_arena_array(&scratch, most, sizeof *l.copy_of);
    readers r = {mica_arena_array(&scratch, most, sizeof *r.count),
                 mica_arena_array(&scratch, most, sizeof *r.step)};
    mica_status status = MICA_OK;
    if (l.out_of_memory || l.needed == NULL || l.value_of == NULL || l.copy_of == NULL ||
        r.count == NULL || r.step == NULL) {
        status = mica_fail_memory(err, most * sizeof *program->values, "the plan of a program");
        goto done;
    }
    for (size_t i = 0; i < program->n_inputs; i++)
        program->inputs[i] = MICA_NO_VALUE;
    for (size_t id = 0; id < n; id++)
        l.value_of[id] = MICA_NO_VALUE;
    for (size_t i = 0; i < program->n_outputs; i++)
        l.needed[outputs[i].id] = true;
    for (size_t id = graph->n_nodes; id > 0; id--) {
        const mica_node *node = graph->nodes[id - 1];
        for (size_t i = 0; l.needed[id] && i < node->n_inputs; i++)
            l.needed[node->inputs[i].id] = true;
    }
    status = place_nodes(&l, err);
    for (size_t i = 0; i < program->n_outputs && status == MICA_OK; i++) {
        program->outputs[i] = place_output(&l, l.value_of[outputs[i].id]);
        if (l.out_of_memory)
            status = mica_fail_memory(err, sizeof(mica_step), "the plan of a program");
    }
    if (status == MICA_OK)
        find_pairs(program, &r);
done:
    mica_arena_free(&scratch);
    return status;
}
