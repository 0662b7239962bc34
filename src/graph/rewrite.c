/* SPDX-License-Identifier: MIT
 *
 * From the user's graph to the graph that is run. Walking the needed nodes in order, each is copied
 * with its inputs replaced by their copies, or a rule puts something else in its place:
 *
 *   side by side  linears over one x, whose results any stride suits -> fused_linear and slices
 *   activation    linear -> pointwise                                -> fused_linear
 *   residual      add -> layer_norm                                  -> add_layer_norm
 *                 linear -> add -> layer_norm                        -> linear_add_layer_norm
 *   composite     a fused operation that the backend declines        -> its plain operations
 *   halves        float16 or bfloat16 that the backend does not take -> casts around the operation
 *
 * A rule may only take the place of a value that nobody else sees: it has one use and is no output.
 * What a rule has made needless is left behind in the new graph; the layout pass drops it.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/program.h"

/* At most so many linears in one product: q, k and v, and one to spare. */
enum { SIDE_BY_SIDE = 4 };

typedef struct rewriter {
    const mica_graph *from;
    mica_graph *to;
    const mica_backend *backend;
    bool no_rewrites;
    uint32_t *uses;   /* by id: how many inputs of needed nodes it is */
    bool *needed;     /* by id */
    bool *is_output;  /* by id */
    bool *any_stride; /* by id: all users take it with any strides, views looked through */
    uint32_t *linear; /* by id: the first linear over it */
    uint32_t *beside; /* by id: of a linear, the next one over the same x */
    mica_value *map;  /* by id: its value in `to` */
} rewriter;

static const mica_node *node_of(const rewriter *r, mica_value value)
{
    return mica_graph_node(r->from, value);
}

static bool supports(const rewriter *r, mica_op op)
{
    return r->backend->vtable->supports(r->backend, op);
}

/* The node of `value` if it is an `op` that only one needed node sees. */
static const mica_node *sole(const rewriter *r, mica_value value, mica_op op)
{
    const mica_node *node = node_of(r, value);
    bool fits = node != NULL && node->op == op && r->uses[value.id] == 1 && !r->is_output[value.id];
    return fits ? node : NULL;
}

static void mark(rewriter *r, const mica_value *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        r->needed[outputs[i].id] = true;
        r->is_output[outputs[i].id] = true;
    }
    for (size_t id = 1; id <= r->from->n_nodes; id++)
        r->any_stride[id] = !r->is_output[id];
    /* Users stand behind their inputs: walking backwards, all users of a node have been seen. */
    for (size_t id = r->from->n_nodes; id > 0; id--) {
        const mica_node *node = r->from->nodes[id - 1];
        mica_op_kind kind = mica_op_get(node->op)->kind;
        bool takes_strides = kind == MICA_KIND_STRIDED || kind == MICA_KIND_BROADCAST ||
                             kind == MICA_KIND_COMPARE ||
                             (kind == MICA_KIND_VIEW && r->any_stride[id]);
        if (!r->needed[id])
            continue;
        if (node->op == MICA_OP_LINEAR) {
            uint32_t *first = &r->linear[node->inputs[0].id];
            r->beside[id] = *first;
            *first = (uint32_t)id;
        }
        for (size_t i = 0; i < node->n_inputs; i++) {
            uint32_t input = node->inputs[i].id;
            r->needed[input] = true;
            r->uses[input]++;
            r->any_stride[input] = r->any_stride[input] && takes_strides;
        }
    }
}

/* The copy of a value; a constant is copied when it is first asked for. */
static mica_value mapped(rewriter *r, mica_value value)
{
    const mica_node *node = node_of(r, value);
    if (node != NULL && node->op == MICA_OP_CONSTANT && r->map[value.id].id == 0)
        r->map[value.id] = mica_constant(r->to, node->constant, node->name);
    return r->map[value.id];
}

static bool is_constant(const rewriter *r, mica_value value)
{
    const mica_node *node = node_of(r, value);
    return node != NULL && node->op == MICA_OP_CONSTANT;
}

static bool constant_weights(const rewriter *r, const mica_node *linear)
{
    return is_constant(r, linear->inputs[1]) &&
           (linear->inputs[2].id == 0 || is_constant(r, linear->inputs[2]));
}

static bool is_linear_f32(const mica_node *node)
{
    return node->op == MICA_OP_LINEAR && node->type.dtype == MICA_DTYPE_F32;
}

/* Whether node `id` is a linear that may stand beside `first`, which is over the same x (or beside
 * others, if it is `first`). */
static bool may_stand_beside(const rewriter *r, size_t id, const mica_node *first)
{
    const mica_node *node = r->from->nodes[id - 1];
    return is_linear_f32(node) && r->any_stride[id] && r->map[id].id == 0 &&
           constant_weights(r, node) &&
           node_of(r, node->inputs[1])->type.dtype == node_of(r, first->inputs[1])->type.dtype;
}

static mica_value side_by_side(rewriter *r, uint32_t id)
{
    const mica_node *node = r->from->nodes[id - 1];
    uint32_t member[SIDE_BY_SIDE];
    size_t n = 0;
    if (!may_stand_beside(r, id, node) || !supports(r, MICA_OP_FUSED_LINEAR))
        return mica_none();
    for (uint32_t i = id; i != 0 && n < SIDE_BY_SIDE; i = r->beside[i]) {
        if (may_stand_beside(r, i, node))
            member[n++] = i;
    }
    if (n < 2)
        return mica_none();
    mica_value inputs[1 + 2 * SIDE_BY_SIDE];
    inputs[0] = mapped(r, node->inputs[0]);
    for (size_t i = 0; i < n; i++) {
        const mica_node *linear = r->from->nodes[member[i] - 1];
        inputs[1 + 2 * i] = mapped(r, linear->inputs[1]);
        inputs[2 + 2 * i] = mapped(r, linear->inputs[2]);
    }
    mica_fused_linear_params plain = {MICA_OP_NONE};
    mica_value all = mica_fused_linear(r->to, inputs, 1 + 2 * n, plain);
    int64_t begin = 0;
    for (size_t i = 0; i < n; i++) {
        const mica_type *type = &r->from->nodes[member[i] - 1]->type;
        int64_t end = begin + type->dim[type->rank - 1].c;
        r->map[member[i]] =
            mica_slice(r->to, all, (mica_slice_params){.axis = -1, .begin = begin, .end = end});
        begin = end;
    }
    return r->map[id];
}

static mica_value activation(rewriter *r, uint32_t id)
{
    const mica_node *node = r->from->nodes[id - 1];
    if (!mica_op_is_activation(node->op) || !supports(r, MICA_OP_FUSED_LINEAR))
        return mica_none();
    const mica_node *linear = sole(r, node->inputs[0], MICA_OP_LINEAR);
    if (linear == NULL || !is_linear_f32(linear) || !constant_weights(r, linear))
        return mica_none();
    const mica_value inputs[] = {mapped(r, linear->inputs[0]), mapped(r, linear->inputs[1]),
                                 mapped(r, linear->inputs[2])};
    return mica_fused_linear(r->to, inputs, 3, (mica_fused_linear_params){node->op});
}

/* The linear of constant weights that `value` is, if nobody else sees it and it was not put beside
 * others. */
static const mica_node *sole_product(const rewriter *r, mica_value value)
{
    const mica_node *linear = sole(r, value, MICA_OP_LINEAR);
    if (linear == NULL || !is_linear_f32(linear) || !constant_weights(r, linear) ||
        !supports(r, MICA_OP_LINEAR_ADD_LAYER_NORM))
        return NULL;
    const mica_node *copy = mica_graph_node(r->to, r->map[value.id]);
    return copy != NULL && copy->op == MICA_OP_LINEAR ? linear : NULL;
}

static mica_value residual(rewriter *r, uint32_t id)
{
    const mica_node *node = r->from->nodes[id - 1];
    if (node->op != MICA_OP_LAYER_NORM || !supports(r, MICA_OP_ADD_LAYER_NORM))
        return mica_none();
    const mica_node *add = sole(r, node->inputs[0], MICA_OP_ADD);
    if (add == NULL || add->type.dtype != MICA_DTYPE_F32 || node->inputs[1].id == 0 ||
        node->inputs[2].id == 0 ||
        !mica_type_equal(&node_of(r, add->inputs[0])->type, &add->type) ||
        !mica_type_equal(&node_of(r, add->inputs[1])->type, &add->type))
        return mica_none();
    const mica_eps_params *eps = node->params;
    for (size_t side = 0; side < 2; side++) {
        const mica_node *linear = sole_product(r, add->inputs[side]);
        if (linear == NULL)
            continue;
        const mica_value inputs[] = {mapped(r, linear->inputs[0]), mapped(r, linear->inputs[1]),
                                     mapped(r, linear->inputs[2]), mapped(r, add->inputs[1 - side]),
                                     mapped(r, node->inputs[1]),   mapped(r, node->inputs[2])};
        return mica_linear_add_layer_norm(r->to, inputs, 6, *eps);
    }
    return mica_add_layer_norm(r->to, mapped(r, add->inputs[0]), mapped(r, add->inputs[1]),
                               mapped(r, node->inputs[1]), mapped(r, node->inputs[2]), *eps);
}

typedef mica_value (*rewrite_rule)(rewriter *r, uint32_t id);
static const rewrite_rule rules[] = {side_by_side, activation, residual};

static bool is_half(mica_dtype dtype)
{
    return dtype == MICA_DTYPE_F16 || dtype == MICA_DTYPE_BF16;
}

/* Casts inputs of 16-bit floats that the backend does not take to float32; true if one was. */
static bool widen_inputs(rewriter *r, const mica_node *node, mica_value *inputs)
{
    const mica_backend *backend = r->backend;
    bool widened = false;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const mica_node *input = node_of(r, node->inputs[i]);
        if (input == NULL || !is_half(input->type.dtype) || backend->vtable->takes_halves == NULL ||
            backend->vtable->takes_halves(backend, node->op, i))
            continue;
        inputs[i] = mica_cast(r->to, inputs[i], (mica_cast_params){MICA_DTYPE_F32});
        widened = true;
    }
    return widened;
}

/* The node as it is, or its composite if the backend has no kernel for it. */
static mica_value copy_node(rewriter *r, const mica_node *node)
{
    const mica_op_info *info = mica_op_get(node->op);
    mica_value few[8], result = mica_none();
    mica_value *inputs = few;
    if (node->n_inputs > sizeof few / sizeof few[0])
        inputs = mica_arena_array(&r->to->arena, node->n_inputs, sizeof *inputs);
    if (inputs == NULL) {
        mica_fail_memory(&r->to->error, node->n_inputs * sizeof *inputs, "a list of inputs");
        return result;
    }
    for (size_t i = 0; i < node->n_inputs; i++)
        inputs[i] = mapped(r, node->inputs[i]);
    bool widened = widen_inputs(r, node, inputs);
    if (info->composite != NULL && !supports(r, node->op))
        result = info->composite(r->to, inputs, node->n_inputs, node->params);
    else
        result = mica_graph_apply(r->to, node->op, inputs, node->n_inputs, node->params,
                                  info->params_size);
    if (widened && is_half(node->type.dtype))
        result = mica_cast(r->to, result, (mica_cast_params){node->type.dtype});
    return result;
}

static void copy_input(rewriter *r, const mica_node *node, uint32_t id)
{
    int64_t dims[MICA_MAX_RANK];
    for (int i = 0; i < node->type.rank; i++)
        dims[i] = mica_dim_number(node->type.dim[i]);
    r->map[id] = mica_input(r->to, node->name, node->type.dtype, node->type.rank, dims);
}

static void rewrite_all(rewriter *r)
{
    for (uint32_t id = 1; id <= r->from->n_nodes && r->to->error.status == MICA_OK; id++) {
        const mica_node *node = r->from->nodes[id - 1];
        if (node->op ==
            MICA_OP_INPUT) /* also those that are not needed: inputs keep their numbers */
            copy_input(r, node, id);
        if (!r->needed[id] || node->op == MICA_OP_INPUT || r->map[id].id != 0)
            continue;
        if (node->op == MICA_OP_CONSTANT) {
            mapped(r, (mica_value){id});
            continue;
        }
        size_t n_rules = r->no_rewrites ? 0 : sizeof rules / sizeof rules[0];
        for (size_t i = 0; i < n_rules && r->map[id].id == 0; i++)
            r->map[id] = rules[i](r, id);
        if (r->map[id].id == 0)
            r->map[id] = copy_node(r, node);
    }
}

mica_status mica_plan_rewrite(const mica_graph *from, const mica_value *outputs, size_t count,
                              const mica_backend *backend, bool no_rewrites, mica_graph *to,
                              mica_value *new_outputs, mica_error *err)
{
    mica_arena arena = {0};
    size_t n = from->n_nodes + 1; /* by id, and id 0 is none */
    rewriter r = {.from = from, .to = to, .backend = backend, .no_rewrites = no_rewrites};
    r.uses = mica_arena_array(&arena, n, sizeof *r.uses);
    r.needed = mica_arena_array(&arena, n, sizeof *r.needed);
    r.is_output = mica_arena_array(&arena, n, sizeof *r.is_output);
    r.any_stride = mica_arena_array(&arena, n, sizeof *r.any_stride);
    r.linear = mica_arena_array(&arena, n, sizeof *r.linear);
    r.beside = mica_arena_array(&arena, n, sizeof *r.beside);
    r.map = mica_arena_array(&arena, n, sizeof *r.map);
    mica_status status = MICA_OK;
    if (r.uses == NULL || r.needed == NULL || r.is_output == NULL || r.any_stride == NULL ||
        r.linear == NULL || r.beside == NULL || r.map == NULL) {
        status = mica_fail_memory(err, n * 24, "rewriting a graph");
    } else {
        mark(&r, outputs, count);
        rewrite_all(&r);
        for (size_t i = 0; i < count; i++)
            new_outputs[i] = r.map[outputs[i].id];
        status = mica_graph_check(to, err);
    }
    mica_arena_free(&arena);
    return status;
}
