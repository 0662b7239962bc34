/* SPDX-License-Identifier: MIT
 *
 * Sorting by compare and exchange, written once for every width of vector: each lane is a column of
 * its own, and all of them take the same steps (Batcher's bitonic merge sort). An instruction set's
 * sort.c includes its vector.h, then this, and calls sort_fill.
 *
 *   groups    of GROUP rows are sorted in registers
 *   merging   two sorted runs make one twice as long: rows are compared with their mirror images
 *             first, then at half the distance and so on; two of these steps at a time while they
 *             go through memory, the last of them, within a group, in registers
 */
#ifndef MICA_BACKENDS_CPU_SIMD_SORT_H
#define MICA_BACKENDS_CPU_SIMD_SORT_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd/math.h"

enum { GROUP = LANES }; /* as many registers as sort without spilling */

typedef void (*order_step)(keys *a, keys *b);

V_INLINE keys *row_at(void *rows, size_t i)
{
    return (keys *)rows + i;
}

/* Distances d, d / 2, ..., 1 within a group in registers. */
V_INLINE void settle(keys *r, const size_t distance, order_step order)
{
    V_UNROLL
    for (size_t d = distance; d > 0; d /= 2) {
        V_UNROLL
        for (size_t i = 0; i < GROUP; i++)
            if ((i & d) == 0)
                order(&r[i], &r[i + d]);
    }
}

V_INLINE void load_group(keys *r, void *rows)
{
    V_UNROLL
    for (size_t i = 0; i < GROUP; i++)
        r[i] = k_load(row_at(rows, i));
}

V_INLINE void store_group(void *rows, const keys *r)
{
    V_UNROLL
    for (size_t i = 0; i < GROUP; i++)
        k_store(row_at(rows, i), r[i]);
}

V_INLINE void sort_group(void *rows, order_step order)
{
    keys r[GROUP];
    load_group(r, rows);
    V_UNROLL
    for (size_t run = 2; run <= GROUP; run *= 2) {
        V_UNROLL
        for (size_t i = 0; i < GROUP; i++) {
            size_t mirror = i ^ (run - 1);
            if (i < mirror)
                order(&r[i], &r[mirror]);
        }
        settle(r, run / 4, order);
    }
    store_group(rows, r);
}

/* The exchange of rows a and b in memory. */
V_INLINE void exchange(void *rows, size_t a, size_t b, order_step order)
{
    keys x = k_load(row_at(rows, a)), y = k_load(row_at(rows, b));
    order(&x, &y);
    k_store(row_at(rows, a), x);
    k_store(row_at(rows, b), y);
}

/* Four rows: first w with z and x with y (or w with y, x with z), then w with x and y with z. */
V_INLINE void exchange_4(void *rows, size_t iw, size_t ix, size_t iy, size_t iz, bool mirrored,
                         order_step order)
{
    keys w = k_load(row_at(rows, iw)), x = k_load(row_at(rows, ix));
    keys y = k_load(row_at(rows, iy)), z = k_load(row_at(rows, iz));
    if (mirrored) {
        order(&w, &z);
        order(&x, &y);
    } else {
        order(&w, &y);
        order(&x, &z);
    }
    order(&w, &x);
    order(&y, &z);
    k_store(row_at(rows, iw), w);
    k_store(row_at(rows, ix), x);
    k_store(row_at(rows, iy), y);
    k_store(row_at(rows, iz), z);
}

/* Two sorted halves of `run` > GROUP rows become one run, but for the distances within groups. */
V_INLINE void merge_run(void *rows, size_t run, order_step order)
{
    size_t half = run / 2, d = run / 4;
    if (d < GROUP) {
        for (size_t i = 0; i < half; i++)
            exchange(rows, i, run - 1 - i, order);
        return;
    }
    for (size_t i = 0; i < d; i++)
        exchange_4(rows, i, i + d, run - 1 - i - d, run - 1 - i, true, order);
    for (d /= 2; d >= 2 * GROUP; d /= 4)
        for (size_t begin = 0; begin < run; begin += 2 * d)
            for (size_t i = begin; i < begin + d / 2; i++)
                exchange_4(rows, i, i + d / 2, i + d, i + d + d / 2, false, order);
    if (d >= GROUP)
        for (size_t begin = 0; begin < run; begin += 2 * d)
            for (size_t i = begin; i < begin + d; i++)
                exchange(rows, i, i + d, order);
}

/* Fewer rows than a group: all of it in memory. */
V_INLINE void sort_few(void *rows, size_t n, order_step order)
{
    for (size_t run = 2; run <= n; run *= 2) {
        for (size_t i = 0; i < n; i++)
            if (i < (i ^ (run - 1)))
                exchange(rows, i, i ^ (run - 1), order);
        for (size_t d = run / 4; d > 0; d /= 2)
            for (size_t i = 0; i < n; i++)
                if ((i & d) == 0)
                    exchange(rows, i, i + d, order);
    }
}

V_INLINE void sort_rows(void *rows, size_t n, order_step order)
{
    if (n < GROUP) {
        sort_few(rows, n, order);
        return;
    }
    for (size_t i = 0; i < n; i += GROUP)
        sort_group(row_at(rows, i), order);
    for (size_t run = 2 * GROUP; run <= n; run *= 2) {
        for (size_t i = 0; i < n; i += run)
            merge_run(row_at(rows, i), run, order);
        for (size_t i = 0; i < n; i += GROUP) {
            keys r[GROUP];
            load_group(r, row_at(rows, i));
            settle(r, GROUP / 2, order);
            store_group(row_at(rows, i), r);
        }
    }
}

static void k_sort_keys(int32_t *rows, size_t n)
{
    sort_rows(rows, n, k_order32);
}

static void k_sort_pairs(int64_t *rows, size_t n)
{
    sort_rows(rows, n, k_order64);
}

static void sort_fill(mica_kernels *kernels)
{
    kernels->sort.keys = k_sort_keys;
    kernels->sort.pairs = k_sort_pairs;
    kernels->sort.key_lanes = LANES;
    kernels->sort.pair_lanes = LANES / 2;
}

#endif
