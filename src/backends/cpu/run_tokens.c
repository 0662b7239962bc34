/* SPDX-License-Identifier: MIT
 *
 * Steps that turn ids into rows and tokens into sequences: embedding, segment_pool.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/cpu.h"

typedef struct gathering {
    const mica_cpu *cpu;
    const unsigned char *table;
    mica_dtype dtype;
    const int32_t *ids;
    float *y;
    size_t width;
} gathering;

static void gather_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const gathering *g = arg;
    size_t row_bytes = g->width * mica_dtype_size(g->dtype);
    for (size_t i = begin; i < end; i++)
        mica_cpu_widen(&g->cpu->kernels, g->y + i * g->width,
                       g->table + (size_t)g->ids[i] * row_bytes, g->dtype, g->width);
}

mica_status mica_cpu_run_embedding(const mica_call *call)
{
    const mica_view *table = mica_call_input(call, 0), *ids = mica_call_input(call, 1);
    const mica_view *y = mica_call_output(call);
    gathering g = {call->cpu, table->data, table->dtype, ids->data, y->data, (size_t)table->dim[1]};
    size_t count = (size_t)mica_view_count(ids);
    for (size_t i = 0; i < count; i++) {
        if (g.ids[i] >= 0 && g.ids[i] < table->dim[0])
            continue;
        const char *name = call->step->names ? call->step->names[0] : NULL;
        mica_text of_table = mica_view_text(table), of_ids = mica_view_text(ids);
        return mica_fail(call->err, MICA_STATUS_INVALID_ARGUMENT,
                         "embedding: element %zu of ids %s is %d: table '%s' %s has %lld rows", i,
                         of_ids.s, (int)g.ids[i], name ? name : "(unnamed)", of_table.s,
                         (long long)table->dim[0]);
    }
    mica_cpu_ranges(call->cpu, count, mica_cpu_grain(g.width), gather_range, &g);
    return MICA_OK;
}

/* ---- segment_pool ---- */

typedef struct pooling {
    const mica_batch *batch;
    mica_pool_mode mode;
    const float *x;
    float *y;
    size_t width;
} pooling;

/* Columns that are added up beside one another, in double. */
enum { COLUMNS = 64 };

static void pool_columns(const pooling *p, const float *x, size_t tokens, float *y, size_t columns)
{
    double total[COLUMNS] = {0}, weights = 0;
    for (size_t i = 0; i < tokens; i++) {
        double weight = p->mode == MICA_POOL_WEIGHTED_MEAN ? (double)(i + 1) : 1;
        const float *row = x + i * p->width;
        weights += weight;
        for (size_t j = 0; j < columns; j++)
            total[j] += (double)row[j] * weight;
    }
    weights = weights > 1e-9 ? weights : 1e-9;
    if (p->mode == MICA_POOL_MEAN_SQRT_LEN)
        weights = sqrt(weights);
    for (size_t j = 0; j < columns; j++)
        y[j] = (float)(total[j] / weights);
}

static void pool_max(const pooling *p, const float *x, size_t tokens, float *y)
{
    memcpy(y, x, p->width * sizeof *y);
    for (size_t i = 1; i < tokens; i++) {
        const float *row = x + i * p->width;
        for (size_t j = 0; j < p->width; j++)
            y[j] = row[j] > y[j] || row[j] != row[j] ? row[j] : y[j];
    }
}

/* A sequence without tokens pools to zeros. */
static void pool_sequence(const pooling *p, size_t sequence)
{
    size_t begin = (size_t)p->batch->starts[sequence];
    size_t tokens = (size_t)p->batch->starts[sequence + 1] - begin;
    const float *x = p->x + begin * p->width;
    float *y = p->y + sequence * p->width;
    if (tokens == 0) {
        memset(y, 0, p->width * sizeof *y);
        return;
    }
    switch (p->mode) {
    case MICA_POOL_FIRST:
        memcpy(y, x, p->width * sizeof *y);
        break;
    case MICA_POOL_LAST:
        memcpy(y, x + (tokens - 1) * p->width, p->width * sizeof *y);
        break;
    case MICA_POOL_MAX:
        pool_max(p, x, tokens, y);
        break;
    default:
        for (size_t j = 0; j < p->width; j += COLUMNS)
            pool_columns(p, x + j, tokens, y + j, p->width - j < COLUMNS ? p->width - j : COLUMNS);
        break;
    }
}

static void pool_range(void *arg, size_t begin, size_t end, size_t worker)
{
    for (size_t sequence = begin; sequence < end; sequence++)
        pool_sequence(arg, sequence);
}

mica_status mica_cpu_run_segment_pool(const mica_call *call)
{
    const mica_segment_pool_params *params = call->step->params;
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    pooling p = {call->run->batch, params->mode, x->data, y->data, (size_t)x->dim[1]};
    if (!p.batch)
        return mica_fail(call->err, MICA_STATUS_INVALID_ARGUMENT, "segment_pool needs a batch");
    size_t mean_tokens = p.batch->sequences ? p.batch->tokens / p.batch->sequences + 1 : 1;
    if (p.width)
        mica_cpu_ranges(call->cpu, p.batch->sequences, mica_cpu_grain(p.width * mean_tokens),
                        pool_range, &p);
    return MICA_OK;
}
