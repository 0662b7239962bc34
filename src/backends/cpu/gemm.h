/* SPDX-License-Identifier: MIT
 *
 * Products: one driver for every instruction set. An instruction set brings a micro-kernel and
 * block sizes (kernels.h); the driver packs, cuts the work and runs the tiles.
 *
 *   C [m, n] = activation(A [m, k] times B [k, n] + bias)
 *
 * B comes in panels: columns j nr .. (j + 1) nr as [k][nr], one panel after another, the last one
 * filled with zeros. A's rows are copied in blocks of mc rows by at most MICA_GEMM_KC columns.
 *
 * An element of C is the sum over blocks of k, in order, of the block's sum in order of k; where
 * the blocks of k end depends on k alone. So its bits do not depend on m, n, its place, or the
 * threads.
 */
#ifndef MICA_BACKENDS_CPU_GEMM_H
#define MICA_BACKENDS_CPU_GEMM_H

#include <stdint.h>

#include "backends/cpu/kernels.h"
#include "base/pool.h"

typedef struct mica_gemm {
    const mica_kernels *kernels;
    size_t m, n, k;
    const float *a;
    int64_t a_row, a_column; /* strides of A in floats */
    /* If not NULL, in a's place: column p of row i is segments[p / segment][p % segment + i a_row]
     */
    const float *const *segments;
    size_t segment;
    const float *b;    /* panels, aligned to 64 bytes */
    const float *bias; /* n floats or NULL */
    float *c;
    size_t ldc;                  /* distance of C's rows in floats; a row is contiguous */
    mica_k_pointwise activation; /* applied in place, or NULL */
    const void *params;          /* the activation's */
    bool stream;                 /* C is large: where tiles allow, it is written past the caches */
} mica_gemm;

/* Panels of n columns, and the floats that they take for k rows. */
size_t mica_gemm_panels(const mica_kernels *kernels, size_t n);
size_t mica_gemm_panel_floats(const mica_kernels *kernels, size_t n, size_t k);

/* Floats of scratch for each worker; a multiple of 16. */
size_t mica_gemm_scratch_floats(const mica_kernels *kernels);

/* Packs one panel of `columns` <= nr columns: panel[p * nr + j] = b[p * row + j * column] (strides
 * in floats), and 0 for the columns that are not there. */
void mica_gemm_pack_panel(const mica_kernels *kernels, float *panel, const float *b, int64_t row,
                          int64_t column, size_t columns, size_t k);

/* Rows [row0, row1) of C in the columns of panels [panel0, panel1), on the calling thread. */
void mica_gemm_part(const mica_gemm *gemm, size_t row0, size_t row1, size_t panel0, size_t panel1,
                    float *scratch);

/* All of C, over the pool. `scratch` has mica_gemm_scratch_floats for each thread of the pool and
 * is aligned to 64 bytes. */
void mica_gemm_run(const mica_gemm *gemm, mica_pool *pool, float *scratch);

#endif
