/* SPDX-License-Identifier: MIT
 *
 * Products: one driver for every instruction set. An instruction set brings a micro-kernel and
 * block sizes (kernels.h); the driver packs, cuts the work and runs the tiles.
 *
 *   C [m, n] = activation(A [m, k] times B [k, n] + bias)
 *
 * A is float32. B comes in panels: columns j nr .. (j + 1) nr as [k / group][nr] words, one panel
 * after another, the last one filled with zeros; its numbers are float32, bfloat16 or int8, and A's
 * rows are brought to the like when they are packed, in blocks of mc rows by MICA_GEMM_KC words.
 *
 * An element of C is the sum over blocks of k, in order, of the block's sum in order of k (with
 * AMX's bfloat16 one sum that goes on from block to block, from the bias); where the blocks of k
 * end depends on k alone (and on the instruction set). So its bits do not depend on m, n, its
 * place, or the threads.
 */
#ifndef MICA_BACKENDS_CPU_GEMM_H
#define MICA_BACKENDS_CPU_GEMM_H

#include <stdint.h>

#include "backends/cpu/kernels.h"
#include "base/pool.h"
#include "mica/precision.h"

/* k of an int8 product at most: above it a sum could leave int32. */
enum { MICA_GEMM_INT8_MOST_K = INT32_MAX / (255 * 127) };

typedef struct mica_gemm {
    const mica_kernels *kernels;
    mica_precision precision; /* of the panels; not AUTO */
    size_t m, n, k;
    const float *a;
    int64_t a_row, a_column; /* strides of A in floats; a_column is 1 unless F32 */
    bool a_narrow;           /* its rows are what mica_gemm_narrow left of them; not F32 */
    /* If not NULL, in a's place (F32): column p of row i is
     * segments[p / segment][p % segment + i a_row] */
    const float *const *segments;
    size_t segment;
    const void *b;                /* panels, aligned to 64 bytes */
    bool b_lies;                  /* F32: b is [k, n] instead; gemm.strip, and n % nr is 0 */
    const float *next_a, *next_b; /* of the next product like this on the thread, or NULL: their
                                   * first rows are fetched towards the end */
    /* By mica_gemm_run, or NULL: the panels, then_floats apart, of the product that follows on
     * these threads; they are fetched in the place of next_b, each thread those it will begin with.
     */
    const float *then;
    size_t then_panels, then_floats;
    const float *column_scale; /* INT8: of each column of the panels, and the sum of its numbers */
    const int32_t *column_sum;
    const float *bias; /* n floats or NULL */
    float *c;
    size_t ldc;                  /* distance of C's rows in floats; a row is contiguous */
    mica_k_pointwise activation; /* applied in place, or NULL */
    const void *params;          /* the activation's */
    bool stream;                 /* C is large: where tiles allow, it is written past the caches */
    /* By mica_gemm_run, for each of C's rows once, when it is complete, by the thread that
     * completed it: finish is called, or NULL. */
    void (*finish)(const void *arg, size_t row0, size_t row1);
    const void *finish_arg;
    /* Or, unless F32, a row is left as mica_gemm_narrow leaves it in that precision (n is a
     * multiple of 4). It is computed in `room`, which each thread has mica_gemm_room_floats of, and
     * stays in its caches. */
    mica_precision c_precision;
    float *room;
} mica_gemm;

/* Panels of n columns, and the floats that they take for k rows (in F32). */
size_t mica_gemm_panels(const mica_kernels *kernels, size_t n);
size_t mica_gemm_panel_floats(const mica_kernels *kernels, size_t n, size_t k);

/* Numbers in a word of 4 bytes of a panel: 1, 2 or 4. */
size_t mica_gemm_group(mica_precision precision);

/* Floats of scratch for each worker; a multiple of 16. */
size_t mica_gemm_scratch_floats(const mica_kernels *kernels);

/* Packs one panel of `columns` <= nr columns: panel[p * nr + j] = b[p * row + j * column] (strides
 * in floats), and 0 for the columns that are not there. */
void mica_gemm_pack_panel(const mica_kernels *kernels, float *panel, const float *b, int64_t row,
                          int64_t column, size_t columns, size_t k);

/* Turns rows of k floats into the numbers that a product of `precision` (not F32) makes of them:
 * for a later product's A, as `a_narrow`. Rows are x_ld floats apart in x and ld in `to`, which may
 * be x. k is a multiple of 4. */
void mica_gemm_narrow(const mica_kernels *kernels, mica_precision precision, float *to, size_t ld,
                      const float *x, size_t x_ld, size_t rows, size_t k);

/* Floats of room for each worker, if C is narrow; a multiple of 16. */
size_t mica_gemm_room_floats(const mica_gemm *gemm);

/* What is to be done with rows [row0, row1) of C that are complete. */
void mica_gemm_complete(const mica_gemm *gemm, size_t row0, size_t row1);

/* Rows [row0, row1) of C in the columns of panels [panel0, panel1), on the calling thread. */
void mica_gemm_part(const mica_gemm *gemm, size_t row0, size_t row1, size_t panel0, size_t panel1,
                    float *scratch);

/* All of C, over the pool. `scratch` has mica_gemm_scratch_floats for each thread of the pool and
 * is aligned to 64 bytes. */
void mica_gemm_run(const mica_gemm *gemm, mica_pool *pool, float *scratch);

#endif
