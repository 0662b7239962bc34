/* SPDX-License-Identifier: MIT */
#include "models/blocks/blocks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mica_builder_init(mica_builder *b, mica_graph *graph, mica_weight_source *weights,
                       mica_error *err)
{
    memset(b, 0, sizeof *b);
    b->graph = graph;
    b->weights = weights;
    b->err = err;
}

void mica_builder_free(mica_builder *b)
{
    for (size_t i = 0; i < b->n_tables; i++)
        mica_tensor_release(&b->tables[i].tensor);
    b->n_tables = 0;
}

mica_status mica_builder_check(const mica_builder *b)
{
    return b->status != MICA_OK ? b->status : mica_graph_check(b->graph, b->err);
}

/* A weight's name: `format` with its arguments, then `suffix`. */
static const char *full_name(char name[MICA_WEIGHT_NAME_MAX], const char *format, va_list args,
                             const char *suffix)
{
    int used = vsnprintf(name, MICA_WEIGHT_NAME_MAX, format, args);

    if (used >= 0 && used < MICA_WEIGHT_NAME_MAX)
        snprintf(name + used, MICA_WEIGHT_NAME_MAX - (size_t)used, "%s", suffix);
    return name;
}

static void keep_table(mica_builder *b, const char *name, mica_tensor *tensor)
{
    mica_table *table = &b->tables[b->n_tables];

    if (b->n_tables == MICA_TABLES_MAX)
        return;
    snprintf(table->name, sizeof table->name, "%s", name);
    table->tensor = mica_tensor_retain(tensor);
    b->n_tables++;
}

static mica_value constant(mica_builder *b, const mica_weight_spec *spec)
{
    mica_tensor *tensor = NULL;
    mica_value value;

    if (b->status != MICA_OK)
        return mica_none();
    b->status = b->weights->get(b->weights, spec, &tensor, b->err);
    if (b->status != MICA_OK)
        return mica_none();
    if (spec->kind == MICA_WEIGHT_EMBEDDING)
        keep_table(b, spec->name, tensor);
    value = mica_constant(b->graph, tensor, spec->name);
    mica_tensor_release(&tensor);
    return value;
}

mica_value mica_block_weight(mica_builder *b, mica_weight_kind kind, int64_t rows, int64_t columns,
                             const char *name)
{
    bool matrix = kind == MICA_WEIGHT_LINEAR || kind == MICA_WEIGHT_EMBEDDING;
    mica_weight_spec spec = {name, kind, matrix ? 2 : 1, {rows, columns}, -1, b->in_head};

    return constant(b, &spec);
}

mica_value mica_block_linear(mica_builder *b, mica_value x, int64_t in, int64_t out,
                             const char *name, ...)
{
    char weight[MICA_WEIGHT_NAME_MAX], bias[MICA_WEIGHT_NAME_MAX];
    mica_value w, c;
    va_list args;

    va_start(args, name);
    full_name(weight, name, args, ".weight");
    va_end(args);
    va_start(args, name);
    full_name(bias, name, args, ".bias");
    va_end(args);
    w = mica_block_weight(b, MICA_WEIGHT_LINEAR, out, in, weight);
    c = mica_block_weight(b, MICA_WEIGHT_BIAS, out, 0, bias);
    return mica_linear(b->graph, x, w, c);
}

mica_value mica_block_layer_norm(mica_builder *b, mica_value x, int64_t size, float eps,
                                 const char *name, ...)
{
    char weight[MICA_WEIGHT_NAME_MAX], bias[MICA_WEIGHT_NAME_MAX];
    mica_eps_params params = {eps};
    mica_value w, c;
    va_list args;

    va_start(args, name);
    full_name(weight, name, args, ".weight");
    va_end(args);
    va_start(args, name);
    full_name(bias, name, args, ".bias");
    va_end(args);
    w = mica_block_weight(b, MICA_WEIGHT_NORM, size, 0, weight);
    c = mica_block_weight(b, MICA_WEIGHT_NORM_BIAS, size, 0, bias);
    return mica_layer_norm(b->graph, x, w, c, params);
}

mica_value mica_block_embedding(mica_builder *b, mica_value ids, int64_t rows, int64_t size,
                                int64_t padding_row, const char *name, ...)
{
    char weight[MICA_WEIGHT_NAME_MAX];
    mica_weight_spec spec = {weight,       MICA_WEIGHT_EMBEDDING, 2,
                             {rows, size}, padding_row,           b->in_head};
    va_list args;

    va_start(args, name);
    full_name(weight, name, args, ".weight");
    va_end(args);
    return mica_embedding(b->graph, constant(b, &spec), ids);
}

bool mica_block_has(const mica_builder *b, const char *name)
{
    return b->weights->has(b->weights, name);
}

bool mica_block_has_own(const mica_builder *b, const char *name)
{
    return !b->weights->invents && mica_block_has(b, name);
}
