/* SPDX-License-Identifier: MIT */
#include "graph/graph.h"

#include <string.h>

#include "base/alloc.h"
#include "tensor/convert.h"

mica_status mica_graph_create(mica_graph **out, mica_error *err)
{
    *out = mica_calloc(1, sizeof **out);
    if (*out == NULL)
        return mica_fail_memory(err, sizeof **out, "a graph");
    return MICA_OK;
}

void mica_graph_destroy(mica_graph **graph)
{
    if (graph == NULL || *graph == NULL)
        return;
    for (size_t i = 0; i < (*graph)->n_nodes; i++)
        mica_tensor_release(&(*graph)->nodes[i]->constant);
    mica_free((*graph)->nodes);
    mica_arena_free(&(*graph)->arena);
    mica_free(*graph);
    *graph = NULL;
}

mica_status mica_graph_check(const mica_graph *graph, mica_error *err)
{
    if (graph == NULL)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "graph is NULL");
    if (graph->error.status != MICA_OK && err != NULL)
        *err = graph->error;
    return graph->error.status;
}

const mica_node *mica_graph_node(const mica_graph *graph, mica_value value)
{
    if (graph == NULL || value.id == 0 || value.id > graph->n_nodes)
        return NULL;
    return graph->nodes[value.id - 1];
}

/* Whether the graph takes more nodes: it exists and has not failed. */
static bool usable(const mica_graph *graph)
{
    return graph != NULL && graph->error.status == MICA_OK;
}

/* A new node at the end of the graph, not yet counted; NULL and the graph's error if memory ends.
 */
static mica_node *new_node(mica_graph *graph)
{
    if (graph->n_nodes == UINT32_MAX - 1) {
        mica_fail(&graph->error, MICA_STATUS_UNSUPPORTED, "a graph of more than %u operations",
                  UINT32_MAX - 1);
        return NULL;
    }
    if (graph->n_nodes == graph->capacity) {
        size_t capacity = graph->capacity == 0 ? 64 : graph->capacity * 2;
        mica_node **nodes = mica_realloc_array(graph->nodes, capacity, sizeof *nodes);
        if (nodes == NULL) {
            mica_fail_memory(&graph->error, capacity * sizeof *nodes, "the list of operations");
            return NULL;
        }
        graph->nodes = nodes;
        graph->capacity = capacity;
    }
    mica_node *node = mica_arena_alloc(&graph->arena, sizeof *node);
    if (node == NULL)
        mica_fail_memory(&graph->error, sizeof *node, "an operation");
    return node;
}

static mica_value add_node(mica_graph *graph, mica_node *node)
{
    graph->nodes[graph->n_nodes++] = node;
    return (mica_value){(uint32_t)graph->n_nodes};
}

/* Copies `name` (may be NULL) to the arena; false, and the graph's error, if memory ends. */
static bool copy_name(mica_graph *graph, const char *name, const char **out)
{
    *out = NULL;
    if (name == NULL)
        return true;
    *out = mica_arena_text(&graph->arena, name, strlen(name));
    if (*out == NULL)
        mica_fail_memory(&graph->error, strlen(name) + 1, "a name");
    return *out != NULL;
}

mica_value mica_input(mica_graph *graph, const char *name, mica_dtype dtype, int rank,
                      const int64_t *dims)
{
    if (!usable(graph))
        return mica_none();
    const char *shown = name != NULL ? name : "";
    if ((unsigned)dtype >= MICA_DTYPES || rank < 0 || rank > MICA_MAX_RANK ||
        (rank > 0 && dims == NULL)) {
        mica_fail(&graph->error, MICA_STATUS_INVALID_ARGUMENT,
                  "input '%s': dtype %d or rank %d is not valid", shown, (int)dtype, rank);
        return mica_none();
    }
    mica_node *node = new_node(graph);
    if (node == NULL || !copy_name(graph, name, &node->name))
        return mica_none();
    node->op = MICA_OP_INPUT;
    node->type.dtype = dtype;
    node->type.rank = rank;
    for (int i = 0; i < rank; i++) {
        if (!mica_dim_from(dims[i], &node->type.dim[i])) {
            mica_fail(&graph->error, MICA_STATUS_SHAPE,
                      "input '%s': dimension %d is %lld, it must be at least 0 or one of "
                      "MICA_DIM_TOKENS and MICA_DIM_SEQUENCES",
                      shown, i, (long long)dims[i]);
            return mica_none();
        }
    }
    if (!mica_type_fits(&node->type)) {
        mica_fail(&graph->error, MICA_STATUS_SHAPE, "input '%s': %s has too many elements", shown,
                  mica_type_text(&node->type).s);
        return mica_none();
    }
    node->input = graph->n_inputs++;
    return add_node(graph, node);
}

void mica_graph_use_sidecar(mica_graph *graph, mica_sidecar *sidecar)
{
    graph->sidecar = sidecar;
}

mica_value mica_constant(mica_graph *graph, mica_tensor *tensor, const char *name)
{
    if (!usable(graph))
        return mica_none();
    if (tensor == NULL) {
        mica_fail(&graph->error, MICA_STATUS_INVALID_ARGUMENT, "constant '%s': tensor is NULL",
                  name != NULL ? name : "");
        return mica_none();
    }
    mica_node *node = new_node(graph);
    if (node == NULL || !copy_name(graph, name, &node->name))
        return mica_none();
    node->op = MICA_OP_CONSTANT;
    node->type.dtype = mica_tensor_dtype(tensor);
    node->type.rank = mica_tensor_rank(tensor);
    for (int i = 0; i < node->type.rank; i++)
        node->type.dim[i] = mica_dim_fixed(mica_tensor_dim(tensor, i));
    node->constant = mica_tensor_retain(tensor);
    return add_node(graph, node);
}

mica_value mica_scalar(mica_graph *graph, float number)
{
    return mica_scalar_of(graph, MICA_DTYPE_F32, (double)number);
}

mica_value mica_scalar_of(mica_graph *graph, mica_dtype dtype, double number)
{
    mica_tensor *exact = NULL, *tensor = NULL;
    mica_value value = mica_none();
    if (!usable(graph))
        return value;
    if ((unsigned)dtype >= MICA_DTYPES) {
        mica_fail(&graph->error, MICA_STATUS_INVALID_ARGUMENT, "scalar: %d is not a dtype",
                  (int)dtype);
        return value;
    }
    if (!mica_dtype_holds(dtype, number)) {
        mica_fail(&graph->error, MICA_STATUS_INVALID_ARGUMENT, "scalar: %s cannot hold %.9g",
                  mica_dtype_name(dtype), number);
        return value;
    }
    if (mica_tensor_wrap(MICA_DTYPE_F64, 0, NULL, &number, NULL, NULL, &exact, &graph->error) ==
            MICA_OK &&
        mica_tensor_cast(exact, dtype, &tensor, &graph->error) == MICA_OK)
        value = mica_constant(graph, tensor, NULL);
    else
        mica_error_prefix(&graph->error, "scalar: ");
    mica_tensor_release(&tensor);
    mica_tensor_release(&exact);
    return value;
}

int mica_value_rank(const mica_graph *graph, mica_value value)
{
    const mica_node *node = mica_graph_node(graph, value);
    return node != NULL ? node->type.rank : -1;
}

int64_t mica_value_dim(const mica_graph *graph, mica_value value, int axis)
{
    const mica_node *node = mica_graph_node(graph, value);
    if (node == NULL)
        return 0;
    int at = axis < 0 ? axis + node->type.rank : axis;
    return at >= 0 && at < node->type.rank ? mica_dim_number(node->type.dim[at]) : 0;
}

mica_dtype mica_value_dtype(const mica_graph *graph, mica_value value)
{
    const mica_node *node = mica_graph_node(graph, value);
    return node != NULL ? node->type.dtype : MICA_DTYPE_F32;
}

/* Runs the shape rule of a node whose inputs and params are set. */
static mica_status infer(mica_graph *graph, mica_node *node)
{
    enum { FEW = 8 }; /* most operations have no more inputs: no allocation for those */
    const mica_type *few_types[FEW];
    const char *few_names[FEW];
    const mica_type **types = few_types;
    const char **names = few_names;
    if (node->n_inputs > FEW) {
        types = mica_arena_array(&graph->arena, node->n_inputs, sizeof(mica_type *));
        names = mica_arena_array(&graph->arena, node->n_inputs, sizeof(char *));
        if (types == NULL || names == NULL)
            return mica_fail_memory(&graph->error, node->n_inputs * sizeof(char *), "a shape rule");
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        const mica_node *input = mica_graph_node(graph, node->inputs[i]);
        types[i] = input != NULL ? &input->type : NULL;
        names[i] = input != NULL ? input->name : NULL;
    }
    const mica_shape_args args = {node->op, node->n_inputs, types, names, node->params};
    mica_status status = mica_op_get(node->op)->shape(&args, &node->type, &graph->error);
    if (status == MICA_OK && !mica_type_fits(&node->type)) {
        return mica_fail(&graph->error, MICA_STATUS_SHAPE,
                         "%s: the result %s has too many elements", mica_op_name(node->op),
                         mica_type_text(&node->type).s);
    }
    return status;
}

mica_value mica_graph_apply(mica_graph *graph, mica_op op, const mica_value *inputs,
                            size_t n_inputs, const void *params, size_t params_size)
{
    if (!usable(graph))
        return mica_none();
    const mica_op_info *info = mica_op_get(op);
    if (info->shape == NULL || params_size != info->params_size || n_inputs == 0 ||
        inputs == NULL || (info->inputs != 0 && n_inputs != info->inputs)) {
        mica_fail(&graph->error, MICA_STATUS_INVALID_ARGUMENT,
                  "%s: cannot be applied to %zu inputs and %zu bytes of parameters", info->name,
                  n_inputs, params_size);
        return mica_none();
    }
    for (size_t i = 0; i < n_inputs; i++) {
        if (inputs[i].id > graph->n_nodes) {
            mica_fail(&graph->error, MICA_STATUS_INVALID_ARGUMENT,
                      "%s: input %zu (value %u) is not of this graph", info->name, i, inputs[i].id);
            return mica_none();
        }
    }
    mica_node *node = new_node(graph);
    if (node == NULL)
        return mica_none();
    node->op = op;
    node->n_inputs = n_inputs;
    node->inputs = mica_arena_array(&graph->arena, n_inputs, sizeof *inputs);
    if (params_size != 0)
        node->params = mica_arena_copy(&graph->arena, params, params_size);
    if (node->inputs == NULL || (params_size != 0 && node->params == NULL)) {
        mica_fail_memory(&graph->error, n_inputs * sizeof *inputs + params_size, "an operation");
        return mica_none();
    }
    memcpy(node->inputs, inputs, n_inputs * sizeof *inputs);
    if (infer(graph, node) != MICA_OK)
        return mica_none();
    return add_node(graph, node);
}
