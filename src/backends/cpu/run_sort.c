/* SPDX-License-Identifier: MIT
 *
 * Steps that order: sort, argsort, top_k, arg_top_k. x is [outer, n, inner]; a line is n elements
 * along the axis.
 *
 * Elements become keys, whole numbers whose order is that of the elements (descending: reversed).
 * Where indices are asked for, and for long lines, an item is the key with the index below it: all
 * items differ, so any way to sort is stable.
 *
 *   network   lines of at most NETWORK elements, as many side by side as a vector has lanes:
 *             compare and exchange whole vectors, the same steps whatever the numbers are
 *   radix     longer lines of 32-bit keys: three passes of 11 bits
 *   few       the first few of a line: only what may be among them is gathered and sorted
 *   merge     int64
 */
#include <string.h>

#include "backends/cpu/elements.h"
#include "tensor/convert.h"

enum { NETWORK = 4096, INSERTION = 48, RADIX_BITS = 11, MOST_LANES = 16 };
/* The first few of a line: of lines that the network takes FEW of at least FEW_LINE elements at
 * most, of longer ones a FEW_OF-th at most. Elements that are looked at together, and items that
 * are gathered beside many first ones before they are sorted. */
enum { FEW = INSERTION / 3, FEW_LINE = 512, FEW_OF = 16, SELECT = 64, SELECT_ROOM = 1024 };

typedef struct order {
    const mica_kernels *kernels;
    mica_dtype dtype;
    size_t outer, n, inner, k;     /* k: elements of a line of the result */
    bool descending, indices, few; /* few: k is so small that the others need no order */
    const unsigned char *x;
    unsigned char *y;
    size_t size;  /* bytes of an element of x */
    size_t rows;  /* of the network: n, up to a power of two */
    size_t lanes; /* lines of a task: 1 without a network */
    unsigned char *scratch;
    size_t worker_bytes;
} order;

typedef struct wide_item {
    int64_t key;
    int32_t index;
} wide_item;

static size_t round_up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static order order_of(const mica_call *call)
{
    const mica_view *x = mica_call_input(call, 0), *y = mica_call_output(call);
    mica_op op = call->step->op;
    bool top = op == MICA_OP_TOP_K || op == MICA_OP_ARG_TOP_K;
    const mica_top_k_params *top_k = call->step->params;
    const mica_sort_params *sort = call->step->params;
    int axis = top ? top_k->axis : sort->axis;
    order o = {.kernels = &call->cpu->kernels, .dtype = x->dtype, .outer = 1, .inner = 1};
    o.indices = op == MICA_OP_ARGSORT || op == MICA_OP_ARG_TOP_K;
    o.descending = top ? !top_k->smallest : sort->descending;
    o.x = x->data;
    o.y = y->data;
    o.size = mica_dtype_size(x->dtype);
    o.n = (size_t)x->dim[axis];
    o.k = (size_t)y->dim[axis];
    for (int i = 0; i < axis; i++)
        o.outer *= (size_t)x->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        o.inner *= (size_t)x->dim[i];
    /* The network is quick with values alone, and with columns. */
    bool narrow = o.n > NETWORK ? o.k <= o.n / FEW_OF
                                : o.n >= FEW_LINE && o.k <= FEW && o.indices && o.inner == 1;
    o.few = narrow && o.dtype != MICA_DTYPE_I64;
    o.lanes = 1;
    if (o.kernels->sort.keys && !o.few && o.n <= NETWORK && o.dtype != MICA_DTYPE_I64) {
        o.lanes = o.indices ? o.kernels->sort.pair_lanes : o.kernels->sort.key_lanes;
        for (o.rows = 1; o.rows < o.n; o.rows *= 2) {
        }
    }
    /* Keys of a task's lines, and the network's block or the items twice. */
    size_t item = o.dtype == MICA_DTYPE_I64 ? sizeof(wide_item) : sizeof(int64_t);
    o.worker_bytes =
        round_up(o.lanes * o.n * sizeof(int32_t)) +
        (o.rows ? round_up(o.lanes * o.rows * sizeof(int64_t)) : 2 * round_up(o.n * item));
    return o;
}

size_t mica_cpu_scratch_sort(const mica_call *call)
{
    order o = order_of(call);
    return o.worker_bytes * mica_pool_threads(call->cpu->pool);
}

/* ---- keys ---- */

/* Floats by their bits: those of negative ones are reversed. NaN is the largest. */
static void float_keys(int32_t *keys, const float *x, size_t n, bool one_zero)
{
    for (size_t i = 0; i < n; i++) {
        int32_t bits = (int32_t)mica_f32_bits(x[i]), key = bits ^ ((bits >> 31) & INT32_MAX);
        key = x[i] != x[i] ? 0x7fc00000 : key;
        keys[i] = one_zero && x[i] == 0 ? 0 : key;
    }
}

/* Keys of n elements in a row. */
static void load_keys(const order *o, int32_t *keys, const unsigned char *x, size_t n)
{
    if (o->dtype == MICA_DTYPE_F32) {
        float_keys(keys, (const float *)(const void *)x, n, o->indices);
    } else {
        for (size_t at = 0; at < n; at += MICA_PIECE) {
            size_t m = n - at < MICA_PIECE ? n - at : MICA_PIECE;
            union {
                float f[MICA_PIECE];
                int64_t i[MICA_PIECE];
            } buffer;
            if (mica_is_float(o->dtype)) {
                mica_load_f32(o->kernels, buffer.f, o->dtype, x + at * o->size, 1, m);
                float_keys(keys + at, buffer.f, m, o->indices);
                continue;
            }
            mica_load_i64(buffer.i, o->dtype, x + at * o->size, 1, m);
            int64_t less = o->dtype == MICA_DTYPE_U32 ? INT64_C(1) << 31 : 0;
            for (size_t i = 0; i < m; i++)
                keys[at + i] = (int32_t)(buffer.i[i] - less);
        }
    }
    for (size_t i = 0; o->descending && i < n; i++)
        keys[i] = ~keys[i];
}

/* The reverse; keys are overwritten. */
static void store_keys(const order *o, unsigned char *y, int32_t *keys, size_t n)
{
    for (size_t i = 0; o->descending && i < n; i++)
        keys[i] = ~keys[i];
    if (mica_is_float(o->dtype)) {
        for (size_t i = 0; i < n; i++)
            keys[i] ^= (keys[i] >> 31) & INT32_MAX;
        mica_store_f32(o->kernels, o->dtype, y, (const float *)(const void *)keys, n);
        return;
    }
    int64_t more = o->dtype == MICA_DTYPE_U32 ? INT64_C(1) << 31 : 0;
    for (size_t i = 0; i < n; i++) {
        int64_t value = keys[i] + more;
        mica_store_i64(o->dtype, y + i * o->size, &value, 1);
    }
}

/* ---- the network ---- */

/* Keys of `lines` lines as the columns of a block [n][lanes]: adjacent columns of x, or rows. */
static void load_block(const order *o, int32_t *block, int32_t *keys, const unsigned char *x,
                       size_t lines)
{
    if (o->inner > 1) {
        for (size_t i = 0; i < o->n; i++)
            load_keys(o, block + i * o->lanes, x + i * o->inner * o->size, lines);
        return;
    }
    load_keys(o, keys, x, lines * o->n);
    o->kernels->transpose((float *)(void *)block, o->lanes, (const float *)(const void *)keys, o->n,
                          lines, o->n);
}

static void store_block(const order *o, unsigned char *y, int32_t *block, int32_t *keys,
                        size_t lines)
{
    size_t size = o->indices ? sizeof(int32_t) : o->size;
    if (o->inner == 1)
        o->kernels->transpose((float *)(void *)keys, o->k, (const float *)(const void *)block,
                              o->lanes, o->k, lines);
    if (o->inner == 1 && o->indices)
        memcpy(y, keys, lines * o->k * size);
    else if (o->inner == 1)
        store_keys(o, y, keys, lines * o->k);
    for (size_t i = 0; o->inner > 1 && i < o->k; i++) {
        if (o->indices)
            memcpy(y + i * o->inner * size, block + i * o->lanes, lines * size);
        else
            store_keys(o, y + i * o->inner * size, block + i * o->lanes, lines);
    }
}

static void sort_values(const order *o, int32_t *block)
{
    for (size_t i = o->n * o->lanes; i < o->rows * o->lanes; i++)
        block[i] = INT32_MAX;
    o->kernels->sort.keys(block, o->rows);
}

/* Keys in the lower half of the block's memory become items in all of it, and indices again. */
static void sort_items(const order *o, int32_t *keys)
{
    int64_t *items = (int64_t *)(void *)keys;
    for (size_t i = o->rows; i-- > 0;)
        for (size_t lane = o->lanes; lane-- > 0;) {
            size_t at = i * o->lanes + lane;
            uint64_t key = (uint32_t)(i < o->n ? keys[at] : INT32_MAX);
            int64_t item = (int64_t)(key << 32 | i);
            memcpy(&items[at], &item, sizeof item);
        }
    o->kernels->sort.pairs(items, o->rows);
    for (size_t at = 0; at < o->n * o->lanes; at++) {
        int64_t item;
        memcpy(&item, &items[at], sizeof item);
        int32_t index = (int32_t)(item & INT32_MAX);
        memcpy(&keys[at], &index, sizeof index);
    }
}

/* Tasks count groups of at most `lanes` lines; those of one `outer` after another, where inner > 1.
 */
static void network_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const order *o = arg;
    size_t across = (o->inner + o->lanes - 1) / o->lanes;
    int32_t *keys = (int32_t *)(void *)(o->scratch + worker * o->worker_bytes);
    int32_t *block =
        (int32_t *)(void *)((unsigned char *)keys + round_up(o->lanes * o->n * sizeof *keys));
    for (size_t task = begin; task < end; task++) {
        size_t line = o->inner > 1 ? task / across : task * o->lanes; /* an `outer` */
        size_t column = o->inner > 1 ? task % across * o->lanes : 0;
        size_t lines = o->inner > 1 ? o->inner - column : o->outer - line;
        lines = lines < o->lanes ? lines : o->lanes;
        if (lines < o->lanes)
            memset(block, 0, o->n * o->lanes * sizeof *block);
        load_block(o, block, keys, o->x + (line * o->n * o->inner + column) * o->size, lines);
        if (o->indices)
            sort_items(o, block);
        else
            sort_values(o, block);
        size_t size = o->indices ? sizeof(int32_t) : o->size;
        store_block(o, o->y + (line * o->k * o->inner + column) * size, block, keys, lines);
    }
}

/* ---- longer lines, and without a network ---- */

static void insertion(uint64_t *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t item = items[i];
        size_t j = i;
        for (; j > 0 && items[j - 1] > item; j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

/* Items, by the key: those with equal ones as they were made, by the index. */
static uint64_t item_of(int32_t key, size_t index)
{
    return (uint64_t)((uint32_t)key ^ 0x80000000u) << 32 | (uint32_t)index;
}

static int32_t key_of(uint64_t item)
{
    return (int32_t)((uint32_t)(item >> 32) ^ 0x80000000u);
}

/* By the upper 32 bits; items that are equal there keep their order. Returns where they end up. */
static uint64_t *radix(uint64_t *items, uint64_t *other, size_t n)
{
    enum { BUCKETS = 1 << RADIX_BITS };
    for (unsigned shift = 32; shift < 64; shift += RADIX_BITS) {
        size_t from[BUCKETS + 1] = {0};
        for (size_t i = 0; i < n; i++)
            from[(items[i] >> shift & (BUCKETS - 1)) + 1]++;
        for (size_t b = 0; b < BUCKETS; b++)
            from[b + 1] += from[b];
        for (size_t i = 0; i < n; i++)
            other[from[items[i] >> shift & (BUCKETS - 1)]++] = items[i];
        uint64_t *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

/* Items of one line that lie by index. Returns where they end up. */
static uint64_t *sort_row(uint64_t *items, uint64_t *other, size_t n)
{
    if (n > INSERTION)
        return radix(items, other, n);
    insertion(items, n);
    return items;
}

/* Whether any of n elements in a row may have a key up to `limit`: floats by their extreme, which
 * is quickly found; a NaN hides it. */
static bool may_reach(const order *o, const unsigned char *x, size_t n, int32_t limit)
{
    float buffer[SELECT], best;
    const float *from = buffer;
    int32_t key;
    if (!mica_is_float(o->dtype))
        return true;
    if (o->dtype == MICA_DTYPE_F32)
        from = (const float *)(const void *)x;
    else
        mica_load_f32(o->kernels, buffer, o->dtype, x, 1, n);
    best = o->descending ? o->kernels->max(from, n) : o->kernels->min(from, n);
    if (best != best)
        return true;
    if (best == 0) /* of zeros of both signs the one that comes first */
        best = o->descending ? 0.0F : -0.0F;
    float_keys(&key, &best, 1, o->indices);
    return (o->descending ? ~key : key) <= limit;
}

/* The first k items of the line at x, in order; returns where they are. Elements that may be among
 * them are gathered until there is no room, then all but the best k go, and from there on only what
 * comes before the last of these is gathered: of equal keys the earlier ones are there already. */
static uint64_t *select_items(const order *o, uint64_t *items, uint64_t *other,
                              const unsigned char *x)
{
    _Alignas(64) unsigned char picked[SELECT * sizeof(int32_t)];
    int32_t keys[SELECT], limit = INT32_MAX;
    size_t more = o->k <= FEW ? FEW : o->k > SELECT_ROOM ? o->k : SELECT_ROOM, count = 0;
    for (size_t at = 0; at < o->n; at += SELECT) {
        size_t m = o->n - at < SELECT ? o->n - at : SELECT;
        const unsigned char *from = x + at * o->inner * o->size;
        if (o->inner > 1) {
            mica_pick(picked, from, (int64_t)o->inner, o->size, m);
            from = picked;
        }
        if (!may_reach(o, from, m, limit))
            continue;
        load_keys(o, keys, from, m);
        for (size_t i = 0; i < m; i++) {
            if (keys[i] > limit)
                continue;
            items[count++] = item_of(keys[i], at + i);
            if (count < o->k + more)
                continue;
            uint64_t *sorted = sort_row(items, other, count);
            other = sorted == items ? other : items;
            items = sorted;
            count = o->k;
            limit = key_of(items[count - 1]);
            limit -= limit > INT32_MIN;
        }
    }
    return sort_row(items, other, count);
}

static uint64_t *sort_items_of(const order *o, int32_t *keys, uint64_t *items, uint64_t *other,
                               const unsigned char *x)
{
    if (o->inner == 1)
        load_keys(o, keys, x, o->n);
    for (size_t i = 0; o->inner > 1 && i < o->n; i++)
        load_keys(o, keys + i, x + i * o->inner * o->size, 1);
    for (size_t i = 0; i < o->n; i++)
        items[i] = item_of(keys[i], i);
    return sort_row(items, other, o->n);
}

static void sort_line(const order *o, int32_t *keys, uint64_t *items, uint64_t *other, size_t line)
{
    size_t to = line / o->inner * o->k * o->inner + line % o->inner;
    const unsigned char *x = o->x + (line / o->inner * o->n * o->inner + line % o->inner) * o->size;
    items = o->few ? select_items(o, items, other, x) : sort_items_of(o, keys, items, other, x);
    for (size_t i = 0; i < o->k; i++) {
        size_t at = to + i * o->inner;
        int32_t key = key_of(items[i]);
        if (o->indices)
            ((int32_t *)(void *)o->y)[at] = (int32_t)(items[i] & INT32_MAX);
        else
            store_keys(o, o->y + at * o->size, &key, 1);
    }
}

static void merge(wide_item *to, const wide_item *a, size_t n_a, const wide_item *b, size_t n_b)
{
    while (n_a > 0 && n_b > 0) {
        if (b->key < a->key) {
            *to++ = *b++;
            n_b--;
        } else {
            *to++ = *a++;
            n_a--;
        }
    }
    memcpy(to, n_a > 0 ? a : b, (n_a + n_b) * sizeof *to);
}

static void sort_wide(const order *o, wide_item *items, wide_item *other, size_t line)
{
    size_t first = line / o->inner * o->n * o->inner + line % o->inner;
    size_t to = line / o->inner * o->k * o->inner + line % o->inner;
    const int64_t *x = (const int64_t *)(const void *)o->x + first;
    for (size_t i = 0; i < o->n; i++)
        items[i] = (wide_item){o->descending ? ~x[i * o->inner] : x[i * o->inner], (int32_t)i};
    for (size_t width = 1; width < o->n; width *= 2) {
        for (size_t at = 0; at < o->n; at += 2 * width) {
            size_t n_a = o->n - at < width ? o->n - at : width;
            size_t n_b = o->n - at - n_a < width ? o->n - at - n_a : width;
            merge(other + at, items + at, n_a, items + at + n_a, n_b);
        }
        wide_item *swap = items;
        items = other;
        other = swap;
    }
    for (size_t i = 0; i < o->k; i++) {
        size_t at = to + i * o->inner;
        if (o->indices)
            ((int32_t *)(void *)o->y)[at] = items[i].index;
        else
            ((int64_t *)(void *)o->y)[at] = o->descending ? ~items[i].key : items[i].key;
    }
}

static void line_range(void *arg, size_t begin, size_t end, size_t worker)
{
    const order *o = arg;
    unsigned char *keys = o->scratch + worker * o->worker_bytes;
    unsigned char *items = keys + round_up(o->n * sizeof(int32_t));
    size_t item = o->dtype == MICA_DTYPE_I64 ? sizeof(wide_item) : sizeof(int64_t);
    unsigned char *other = items + round_up(o->n * item);
    for (size_t line = begin; line < end; line++) {
        if (o->dtype == MICA_DTYPE_I64)
            sort_wide(o, (wide_item *)(void *)items, (wide_item *)(void *)other, line);
        else
            sort_line(o, (int32_t *)(void *)keys, (uint64_t *)(void *)items,
                      (uint64_t *)(void *)other, line);
    }
}

mica_status mica_cpu_run_sort(const mica_call *call)
{
    order o = order_of(call);
    o.scratch = call->run->scratch;
    size_t lines = o.outer * o.inner;
    if (o.n > INT32_MAX)
        return mica_fail(call->err, MICA_STATUS_UNSUPPORTED,
                         "%s: a line of %zu elements, at most %d", mica_op_name(call->step->op),
                         o.n, INT32_MAX);
    if (o.k == 0 || lines == 0)
        return MICA_OK;
    if (o.rows > 0)
        mica_cpu_ranges(call->cpu,
                        o.inner > 1 ? o.outer * ((o.inner + o.lanes - 1) / o.lanes)
                                    : (o.outer + o.lanes - 1) / o.lanes,
                        mica_cpu_grain(o.n * o.lanes), network_range, &o);
    else
        mica_cpu_ranges(call->cpu, lines, mica_cpu_grain(o.n), line_range, &o);
    return MICA_OK;
}
