/* SPDX-License-Identifier: MIT
 *
 * Random graphs over a ragged batch: views on views, in-place chains, values with many users, and
 * the patterns that rewrites look for. All values stay of a moderate size, so that results of two
 * plans can be compared.
 */
#ifndef MICA_TESTS_GRAPH_RANDOM_GRAPH_H
#define MICA_TESTS_GRAPH_RANDOM_GRAPH_H

#include "mica/graph.h"
#include "mica/ops.h"

enum { RANDOM_VALUES = 200, RANDOM_HIDDEN = 12 };

typedef struct random_graph {
    mica_graph *graph; /* one input: float32 [tokens, RANDOM_HIDDEN] */
    mica_value values[RANDOM_VALUES];
    size_t count;
    uint64_t state;
} random_graph;

/* About `operations` operations, the same for the same seed. */
void random_graph_make(random_graph *r, uint64_t seed, size_t operations);
void random_graph_free(random_graph *r);
uint32_t random_graph_next(random_graph *r, uint32_t below);

#endif
