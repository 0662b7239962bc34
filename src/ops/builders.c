/* SPDX-License-Identifier: MIT
 *
 * The builders that mica/ops.h declares, one for each row of mica/ops.def.
 */
#include "graph/graph.h"

#define GIVEN_1 (const mica_value[]){x}, 1
#define GIVEN_2 (const mica_value[]){a, b}, 2
#define GIVEN_3 (const mica_value[]){a, b, c}, 3
#define GIVEN_4 (const mica_value[]){a, b, c, d}, 4
#define GIVEN_N inputs, count

#define MICA_OP(NAME, name, inputs_, KIND, text)                                                   \
    mica_value mica_##name(mica_graph *graph, MICA_OP_INPUTS_##inputs_)                            \
    {                                                                                              \
        return mica_graph_apply(graph, MICA_OP_##NAME, GIVEN_##inputs_, NULL, 0);                  \
    }
#define MICA_OP_P(NAME, name, inputs_, params_type, KIND, text)                                    \
    mica_value mica_##name(mica_graph *graph, MICA_OP_INPUTS_##inputs_, params_type params)        \
    {                                                                                              \
        return mica_graph_apply(graph, MICA_OP_##NAME, GIVEN_##inputs_, &params, sizeof params);   \
    }
#include "mica/ops.def"
