/* SPDX-License-Identifier: MIT
 *
 * The inside of a graph: nodes in an arena, in the order in which they were made, so that inputs
 * stand before their users. A value's id is the index of its node plus one.
 */
#ifndef MICA_GRAPH_GRAPH_H
#define MICA_GRAPH_GRAPH_H

#include "base/arena.h"
#include "graph/op.h"
#include "graph/sidecar.h"

typedef struct mica_node {
    mica_op op;
    mica_type type;
    size_t n_inputs;
    mica_value *inputs;
    void *params;          /* canonical; NULL if the op has none */
    const char *name;      /* of inputs and constants; may be NULL */
    mica_tensor *constant; /* CONSTANT: a reference */
    size_t input;          /* INPUT: its number */
} mica_node;

struct mica_graph {
    mica_arena arena;
    mica_node **nodes;
    size_t n_nodes, capacity;
    size_t n_inputs;
    mica_error error;      /* the first one */
    mica_sidecar *sidecar; /* borrowed, or NULL */
};

/* Records an operation: what all builders of mica/ops.h come down to. */
mica_value mica_graph_apply(mica_graph *graph, mica_op op, const mica_value *inputs,
                            size_t n_inputs, const void *params, size_t params_size);
/* The node of a value, or NULL for none and for ids that the graph does not have. */
const mica_node *mica_graph_node(const mica_graph *graph, mica_value value);

#endif
