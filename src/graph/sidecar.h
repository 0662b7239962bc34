/* SPDX-License-Identifier: MIT */
#ifndef MICA_GRAPH_SIDECAR_H
#define MICA_GRAPH_SIDECAR_H

#include "base/sidecar.h"
#include "mica/graph.h"

/* Weights that programs of this graph pack are taken from `sidecar`, or noted in it if it is new,
 * from now on (NULL: no more). It is borrowed. Constants of the graph that are not the same must
 * not have the same name. */
void mica_graph_use_sidecar(mica_graph *graph, mica_sidecar *sidecar);

#endif
