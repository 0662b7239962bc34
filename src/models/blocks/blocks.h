/* SPDX-License-Identifier: MIT
 *
 * Layers that architectures share, each with its weights: what the equations of a model are written
 * with. A layer is named as in the checkpoint; the name is a printf format with the layer's number.
 *
 * The first failing weight sticks to the builder, as the first failing operation sticks to the
 * graph, so model code checks nothing.
 */
#ifndef MICA_MODELS_BLOCKS_BLOCKS_H
#define MICA_MODELS_BLOCKS_BLOCKS_H

#include "mica/ops.h"
#include "models/weights.h"

#define MICA_WEIGHT_NAME_MAX 128
#define MICA_TABLES_MAX 8

/* An embedding table, kept by name: tables are too large to be checked for NaN up front. */
typedef struct mica_table {
    char name[MICA_WEIGHT_NAME_MAX];
    mica_tensor *tensor;
} mica_table;

typedef struct mica_builder {
    mica_graph *graph;           /* borrowed */
    mica_weight_source *weights; /* borrowed */
    mica_table tables[MICA_TABLES_MAX];
    size_t n_tables;
    bool in_head; /* the weights asked for are a head's */
    mica_status status;
    mica_error *err;
} mica_builder;

void mica_builder_init(mica_builder *b, mica_graph *graph, mica_weight_source *weights,
                       mica_error *err);
/* Gives up the references to tables. */
void mica_builder_free(mica_builder *b);
/* The first error of weights or graph, or MICA_OK. */
mica_status mica_builder_check(const mica_builder *b);

/* A weight as a constant of the graph. `name` is whole. */
mica_value mica_block_weight(mica_builder *b, mica_weight_kind kind, int64_t rows, int64_t columns,
                             const char *name);

/* x [..., in] W' + b: [..., out]; weights name.weight [out, in] and name.bias [out]. */
mica_value mica_block_linear(mica_builder *b, mica_value x, int64_t in, int64_t out,
                             const char *name, ...) MICA_PRINTF(5, 6);
/* weights name.weight and name.bias [size] */
mica_value mica_block_layer_norm(mica_builder *b, mica_value x, int64_t size, float eps,
                                 const char *name, ...) MICA_PRINTF(5, 6);
/* Rows of name.weight [rows, size]; `padding_row` (-1 = none) is initialised to zero. */
mica_value mica_block_embedding(mica_builder *b, mica_value ids, int64_t rows, int64_t size,
                                int64_t padding_row, const char *name, ...) MICA_PRINTF(6, 7);
/* Whether the checkpoint has the weight of this whole name. */
bool mica_block_has(const mica_builder *b, const char *name);
/* The same of one that is made only where it must be: false while weights are made up. */
bool mica_block_has_own(const mica_builder *b, const char *name);

#endif
