/* SPDX-License-Identifier: MIT
 *
 * Attention over a ragged batch. A task is a head of a block of at most QUERIES tokens of one
 * sequence:
 *
 *   pack k' [head_dim, length] and v [length, head_dim] into panels
 *   for each ROWS of the block's queries:
 *       s = q k'                    scores [ROWS, length], which stay in the cache
 *       p = exp(scale s - max)      row by row, and the sum of each row
 *       out = p v, divided by the sums
 *
 * Products are those of gemm.h, on the task's own thread: of float32, or of bfloat16 where linears
 * are of less than float32 and the processor multiplies it faster. What a task computes depends on
 * its sequence alone, never on the rest of the batch or on where in the batch the sequence lies.
 *
 * Scratch of a worker: a packed block of A, panels of k', panels of v, scores, sums, and room for a
 * panel's rows in bfloat16, or for a row of zeros.
 */
#include <float.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/simd/inline.h"
#include "graph/op.h"

/* Queries that are taken at once: whole tiles, of 32 rows and of 14. */
enum { QUERIES = 256, ROWS = 64, ROWS_F32 = 56 };

typedef struct attention {
    const mica_cpu *cpu;
    const mica_batch *batch;
    const mica_view *q, *k, *v;
    float *y;
    bool bf16;   /* the products */
    bool narrow; /* q, k and v hold bfloat16 already */
    size_t heads, head_dim, width;
    size_t head_floats; /* from one head of q, k or v to the next */
    float scale;
    const mica_view *bias; /* [heads, 2 n + 1], or NULL */
    size_t longest;
    float *scratch;
    size_t worker_floats;
    size_t cost, tasks; /* of the whole batch, and the parts in which it is run */
} attention;

static size_t round_up(size_t floats)
{
    return (floats + 15) & ~(size_t)15;
}

static size_t longest_of(const mica_batch *batch)
{
    size_t longest = 0;
    for (size_t i = 0; i < batch->sequences; i++) {
        size_t length = (size_t)(batch->starts[i + 1] - batch->starts[i]);
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* Keys that scores meet values at, zeros among them: as many as whole tiles of bfloat16 take. */
static size_t steps_of(const mica_kernels *kernels, size_t length)
{
    size_t unit = 2 * kernels->tiles.rows;
    return (length + unit - 1) / unit * unit;
}

/* Floats from one row of scores to the next: whole panels, which tiles store fastest. */
static size_t score_floats(const mica_kernels *kernels, size_t steps)
{
    return round_up(mica_gemm_panels(kernels, steps) * kernels->gemm.nr);
}

static size_t room_floats(const mica_kernels *kernels, size_t head_dim)
{
    return kernels->gemm.nr * round_up(head_dim);
}

static size_t worker_floats(const mica_kernels *kernels, size_t longest, size_t head_dim)
{
    size_t steps = score_floats(kernels, steps_of(kernels, longest));
    return mica_gemm_scratch_floats(kernels) + mica_gemm_panel_floats(kernels, longest, head_dim) +
           mica_gemm_panel_floats(kernels, head_dim, steps) + ROWS * steps + ROWS +
           room_floats(kernels, head_dim) + 16;
}

size_t mica_cpu_scratch_attention(const mica_call *call)
{
    const mica_attention_params *params = call->step->params;
    size_t head_dim = (size_t)mica_call_output(call)->dim[1] / (size_t)params->heads;
    if (!call->run->batch)
        return 0;
    size_t floats = worker_floats(&call->cpu->kernels, longest_of(call->run->batch), head_dim);
    return round_up(floats) * sizeof(float) * mica_pool_threads(call->cpu->pool);
}

static const float *at_token(const attention *t, const mica_view *x, size_t token, size_t head)
{
    const float *data = (const float *)x->data + (int64_t)token * x->stride[0];
    if (t->narrow) /* of a row that begins where it did, columns are half as wide */
        data -= x->begin - x->begin / 2;
    return data + (int64_t)(head * t->head_floats) * x->stride[1];
}

/* Panels of a matrix [k, n] with the given strides. */
static void pack(const mica_kernels *kernels, float *panels, const float *b, int64_t row,
                 int64_t column, size_t n, size_t k)
{
    size_t nr = kernels->gemm.nr;
    for (size_t j = 0; j < n; j += nr)
        mica_gemm_pack_panel(kernels, panels + j * k, b + (int64_t)j * column, row, column,
                             n - j < nr ? n - j : nr, k);
}

/* Panels of bfloat16 of the transpose of x [n, k], whose rows are `row` floats apart. */
static void pack_transposed_bf16(const attention *t, float *panels, const float *x, int64_t row,
                                 size_t n, size_t k, float *room)
{
    const mica_kernels *kernels = &t->cpu->kernels;
    size_t nr = kernels->gemm.nr, words = (k + 1) / 2;
    for (size_t j = 0; j < n; j += nr) {
        size_t columns = n - j < nr ? n - j : nr;
        const float *rows = x + (int64_t)j * row;
        for (size_t i = 0; i < columns && !t->narrow; i++)
            kernels->bf16.pack(room + i * words, rows + (int64_t)i * row, k);
        mica_gemm_pack_panel(kernels, panels + j * words, t->narrow ? rows : room, 1,
                             t->narrow ? row : (int64_t)words, columns, words);
    }
}

/* Panels of bfloat16 of x [k, n], and of rows of zeros up to `steps`, an even number. */
static void pack_bf16(const attention *t, float *panels, const float *x, int64_t row, size_t n,
                      size_t k, size_t steps, float *room)
{
    const mica_kernels *kernels = &t->cpu->kernels;
    size_t nr = kernels->gemm.nr, words = steps / 2;
    memset(room, 0, n * sizeof *room);
    for (size_t p = 0; p < words; p++) {
        const float *even = 2 * p < k ? x + (int64_t)(2 * p) * row : room;
        const float *odd = 2 * p + 1 < k ? x + (int64_t)(2 * p + 1) * row : room;
        for (size_t j = 0; j < n; j += nr) {
            float *to = panels + j * words + p * nr;
            size_t columns = n - j < nr ? n - j : nr;
            if (t->narrow)
                kernels->bf16.zip(to, (const uint16_t *)(const void *)even + j,
                                  (const uint16_t *)(const void *)odd + j, columns);
            else
                kernels->bf16.join(to, even + j, odd + j, columns);
            memset(to + columns, 0, (nr - columns) * sizeof *to);
        }
    }
}

/* Scales the scores of query `at`, and adds the bias of each key's distance. */
static void add_bias(const attention *t, float *s, size_t n, size_t head, size_t at)
{
    size_t reach = (size_t)(t->bias->dim[1] - 1) / 2;
    const float *bias = (const float *)t->bias->data + (int64_t)head * t->bias->stride[0];
    for (size_t j = 0; j < n; j++) {
        size_t column = reach + j < at ? 0 : reach + j - at;
        column = column > 2 * reach ? 2 * reach : column;
        s[j] = s[j] * t->scale + bias[(int64_t)column * t->bias->stride[1]];
    }
}

/* Scores of the queries from `at` on become weights, up to `steps` with zeros. A hidden key's score
 * is the lowest number, as in the reference: beside any visible key it weighs nothing, among hidden
 * keys alone all weigh the same. */
static void weigh(const attention *t, float *scores, size_t rows, size_t n, size_t steps, size_t ld,
                  size_t head, size_t at, const uint8_t *mask, float *sums)
{
    float scale = t->scale;
    for (size_t i = 0; i < rows && t->bias; i++)
        add_bias(t, scores + i * ld, n, head, at + i);
    scale = t->bias ? 1 : scale;
    for (size_t i = 0; i < rows && mask; i++) {
        float *s = scores + i * ld;
        for (size_t j = 0; j < n; j++)
            s[j] = mask[j] ? s[j] * scale : -FLT_MAX;
    }
    scale = mask ? 1 : scale;
    t->cpu->kernels.exp_rows(scores, rows, n, ld, scale, sums);
    for (size_t i = 0; i < rows && steps > n; i++)
        memset(scores + i * ld + n, 0, (steps - n) * sizeof *scores);
}

/* Panels of a head's keys, transposed, and values. */
static void pack_head(const attention *t, size_t begin, size_t length, size_t head, float *keys,
                      float *values, float *room)
{
    const mica_kernels *kernels = &t->cpu->kernels;
    const float *k = at_token(t, t->k, begin, head), *v = at_token(t, t->v, begin, head);
    size_t d = t->head_dim;
    if (t->bf16) {
        pack_transposed_bf16(t, keys, k, t->k->stride[0], length, d, room);
        pack_bf16(t, values, v, t->v->stride[0], d, length, steps_of(kernels, length), room);
    } else {
        pack(kernels, keys, k, t->k->stride[1], t->k->stride[0], length, d);
        pack(kernels, values, v, t->v->stride[0], t->v->stride[1], d, length);
    }
}

/* Asks for the head after `head` of x at rows [first, first + rows), which lie far apart, while
 * this one is computed. Always inline: a call that does no more than that is left out by gcc. */
V_INLINE void ask_for_next(const attention *t, const mica_view *x, size_t first, size_t rows,
                           size_t head)
{
    enum { LINE = 16 };
    if (head + 1 == t->heads)
        return;
    for (size_t i = first; i < first + rows; i++) {
        const float *at = at_token(t, x, i, head + 1);
        for (size_t j = 0; j < t->head_floats; j += LINE)
            __builtin_prefetch(at + j, 0, 2);
    }
}

/* Head `head` of queries [first, first + count) of the sequence at tokens [begin, begin + length).
 */
static void attend(const attention *t, size_t begin, size_t length, size_t head, size_t first,
                   size_t count, float *scratch)
{
    const mica_kernels *kernels = &t->cpu->kernels;
    size_t d = t->head_dim, column = head * d, most = t->bf16 ? ROWS : ROWS_F32;
    size_t longest = score_floats(kernels, steps_of(kernels, t->longest));
    size_t steps = t->bf16 ? steps_of(kernels, length) : length, ld = score_floats(kernels, steps);
    const uint8_t *mask = t->batch->key_mask ? t->batch->key_mask + begin : NULL;
    float *keys = scratch + mica_gemm_scratch_floats(kernels);
    float *values = keys + mica_gemm_panel_floats(kernels, t->longest, d);
    float *scores = values + mica_gemm_panel_floats(kernels, d, longest);
    float *sums = scores + ROWS * longest, *room = sums + ROWS;
    pack_head(t, begin, length, head, keys, values, room);
    for (size_t at = first; at < first + count; at += most) {
        size_t rows = first + count - at < most ? first + count - at : most;
        float *y = t->y + (begin + at) * t->width + column;
        size_t panels = mica_gemm_panels(kernels, length);
        mica_gemm qk = {.kernels = kernels, .m = rows, .n = panels * kernels->gemm.nr, .k = d};
        qk.precision = t->bf16 ? MICA_PRECISION_BF16 : MICA_PRECISION_F32;
        qk.a = at_token(t, t->q, begin + at, head);
        qk.a_narrow = t->narrow;
        qk.a_row = t->q->stride[0];
        qk.a_column = t->q->stride[1];
        qk.b = keys;
        qk.c = scores;
        qk.ldc = ld;
        mica_gemm_part(&qk, 0, rows, 0, panels, scratch);
        ask_for_next(t, t->k, begin + at, rows, head);
        weigh(t, scores, rows, length, steps, ld, head, at, mask, sums);
        ask_for_next(t, t->v, begin + at, rows, head);
        mica_gemm pv = {.kernels = kernels, .m = rows, .n = d, .k = steps};
        pv.precision = qk.precision;
        pv.a = scores;
        pv.a_row = (int64_t)ld;
        pv.a_column = 1;
        pv.b = values;
        pv.c = y;
        pv.ldc = t->width;
        mica_gemm_part(&pv, 0, rows, 0, mica_gemm_panels(kernels, d), scratch);
        ask_for_next(t, t->q, begin + at, rows, head);
        for (size_t i = 0; i < rows; i++)
            kernels->binary[MICA_OP_DIV - MICA_OP_ADD][MICA_FORM_VS](y + i * t->width,
                                                                     y + i * t->width, sums + i, d);
    }
}

/* ---- the work, cut by what it costs ---- */

static size_t blocks_of(size_t length)
{
    return (length + QUERIES - 1) / QUERIES;
}

/* A head of a block of queries, in keys that are multiplied: its scores, its values, and packing
 * both, which costs as much as two queries do. */
static size_t block_cost(size_t length)
{
    size_t blocks = blocks_of(length), queries = blocks ? (length + blocks - 1) / blocks : 0;
    return length * (queries + 2);
}

static size_t sequence_length(const attention *t, size_t sequence)
{
    return (size_t)(t->batch->starts[sequence + 1] - t->batch->starts[sequence]);
}

static size_t total_cost(const attention *t)
{
    size_t cost = 0;
    for (size_t i = 0; i < t->batch->sequences; i++) {
        size_t length = sequence_length(t, i);
        cost += block_cost(length) * blocks_of(length) * t->heads;
    }
    return cost;
}

/* All blocks in the order of the sequences, heads within them, one after another, make a line as
 * long as their cost: a task is those that begin in its part of it. */
static void attention_task(void *arg, size_t task, size_t worker)
{
    const attention *t = arg;
    float *scratch = t->scratch + worker * t->worker_floats;
    size_t from = t->cost / t->tasks * task,
           to = task + 1 < t->tasks ? from + t->cost / t->tasks : t->cost;
    size_t before = 0;
    for (size_t i = 0; i < t->batch->sequences && before < to; i++) {
        size_t begin = (size_t)t->batch->starts[i], length = sequence_length(t, i);
        size_t blocks = blocks_of(length), count = blocks * t->heads, cost = block_cost(length);
        size_t at = from > before ? (from - before + cost - 1) / (cost ? cost : 1) : 0;
        for (; at < count && before + at * cost < to; at++) {
            size_t block = at % blocks, head = at / blocks;
            size_t first = length * block / blocks, last = length * (block + 1) / blocks;
            attend(t, begin, length, head, first, last - first, scratch);
        }
        before += count * cost;
    }
}

/* Where bfloat16 is only smaller there is nothing to gain. Beside what 8 bits round, it is exact.
 */
void mica_cpu_prepare_attention(const mica_cpu *cpu, mica_step *step)
{
    bool asked = step->precision != MICA_PRECISION_F32;
    step->precision = asked && cpu->kernels.bf16.fast ? MICA_PRECISION_BF16 : MICA_PRECISION_F32;
}

bool mica_cpu_attention_takes_bf16(const mica_run *run, const mica_step *step, size_t n)
{
    const mica_attention_params *params = step->params;
    bool takes =
        mica_op_is_attention(step->op) && step->precision == MICA_PRECISION_BF16 && step->fed == 3;
    for (size_t i = 0; i < 3 && takes; i++) {
        const mica_view *x = &run->views[step->inputs[i]];
        takes = x->stride[0] == (int64_t)n && x->stride[1] == 1 && x->begin % 2 == 0 &&
                x->begin + x->dim[1] <= (int64_t)n && x->dim[1] / params->heads % 2 == 0;
    }
    return takes;
}

mica_status mica_cpu_run_attention(const mica_call *call)
{
    const mica_attention_params *params = call->step->params;
    const mica_view *y = mica_call_output(call);
    attention t = {.cpu = call->cpu, .batch = call->run->batch, .y = y->data};
    if (!t.batch)
        return mica_fail(call->err, MICA_STATUS_INVALID_ARGUMENT, "attention needs a batch");
    t.q = mica_call_input(call, 0);
    t.k = mica_call_input(call, 1);
    t.v = mica_call_input(call, 2);
    t.bf16 = call->step->precision == MICA_PRECISION_BF16 && t.q->stride[1] == 1 &&
             t.k->stride[1] == 1 && t.v->stride[1] == 1;
    t.width = (size_t)y->dim[1];
    t.heads = (size_t)params->heads;
    t.head_dim = t.width / t.heads;
    t.narrow = mica_cpu_comes_in(call) != MICA_PRECISION_F32;
    t.head_floats = t.narrow ? t.head_dim / 2 : t.head_dim;
    t.scale = params->scale;
    t.bias = call->step->op == MICA_OP_RELATIVE_ATTENTION ? mica_call_input(call, 3) : NULL;
    t.longest = longest_of(t.batch);
    t.scratch = (float *)(void *)call->run->scratch;
    t.worker_floats = round_up(worker_floats(&call->cpu->kernels, t.longest, t.head_dim));
    t.cost = total_cost(&t);
    /* Below some tens of thousands of multiply-adds waking the others costs more than it gives. */
    t.tasks = t.cost * t.head_dim < 1 << 15 ? 1 : mica_pool_threads(call->cpu->pool);
    mica_pool_run(call->cpu->pool, t.tasks, attention_task, &t);
    return MICA_OK;
}
