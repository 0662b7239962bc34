/* SPDX-License-Identifier: MIT
 *
 * Products with AMX: tiles are matrices of at most 16 rows of 16 words. Two by two of them hold the
 * sums of a tile as the driver has it, 32 x 32, and both operands are read as the driver packs
 * them: a row of A is 16 words of one row, a row of B's tile is one word of 16 columns.
 *
 *                  B: 16 words of k
 *                  +---------+---------+
 *                  |  tmm6   |  tmm7   |
 *   A              +---------+---------+
 *   +---------+    +---------+---------+
 *   |  tmm4   |    |  tmm0   |  tmm1   |
 *   +---------+    +---------+---------+
 *   |  tmm5   |    |  tmm2   |  tmm3   |
 *   +---------+    +---------+---------+
 *
 * A file that includes this defines TILES_DOT(c, a, b), which adds to tile c the products of tiles
 * a and b. Tiles are numbered by constants, hence a macro. After a call a thread's tiles are as
 * they were, not in use: so there is nothing to set up for a thread, and its switches cost no more.
 */
#ifndef MICA_BACKENDS_CPU_X86_AMX_TILES_H
#define MICA_BACKENDS_CPU_X86_AMX_TILES_H

#include <string.h>

#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

#define TILE_ROWS 32
#include "backends/cpu/simd/gemm_tile.h"

enum { SIDE = 16 };

/* What was written to memory so far is there when tiles are loaded: compilers do not know which
 * memory these read. */
static inline void tiles_see_memory(void)
{
    __asm__ volatile("" ::: "memory");
}

/* The shapes of the tiles for m rows of A. A tile of no rows may not be used. */
static inline void tiles_configure(size_t m)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {.palette = 1};
    size_t upper = m < SIDE ? m : SIDE, lower = m - upper;
    const size_t rows[8] = {upper, upper, lower, lower, upper, lower, SIDE, SIDE};
    for (int i = 0; i < 8; i++) {
        shapes.rows[i] = (uint8_t)rows[i];
        shapes.row_bytes[i] = rows[i] ? 64 : 0;
    }
    _Static_assert(sizeof shapes == 64, "the processor reads 64 bytes");
    tiles_see_memory();
    _tile_loadconfig(&shapes);
}

/* 16 words of k; strides are in words. */
V_INLINE void tiles_step(bool lower, const uint32_t *a, size_t a_stride, const uint32_t *b)
{
    _tile_loadd(6, b, TILE_NR * sizeof *b);
    _tile_loadd(7, b + SIDE, TILE_NR * sizeof *b);
    _tile_loadd(4, a, a_stride * sizeof *a);
    TILES_DOT(0, 4, 6);
    TILES_DOT(1, 4, 7);
    if (lower) {
        _tile_loadd(5, a + SIDE * a_stride, a_stride * sizeof *a);
        TILES_DOT(2, 5, 6);
        TILES_DOT(3, 5, 7);
    }
}

/* The last words, fewer than 16: zeros follow them. */
static __attribute__((noinline)) void tiles_rest(size_t m, size_t k, const uint32_t *a,
                                                 const uint32_t *b)
{
    uint32_t a_rest[TILE_MAX_ROWS][SIDE], b_rest[SIDE][TILE_NR];
    memset(a_rest, 0, sizeof a_rest);
    memset(b_rest, 0, sizeof b_rest);
    for (size_t i = 0; i < m; i++)
        memcpy(a_rest[i], a + i * MICA_GEMM_A_STRIDE, k * sizeof *a);
    memcpy(b_rest, b, k * sizeof b_rest[0]);
    tiles_see_memory();
    tiles_step(m > SIDE, a_rest[0], SIDE, b_rest[0]);
}

/* Adds to sums [m][TILE_NR] the products over k words. */
static void tiles_sums(size_t m, size_t k, const uint32_t *a, const uint32_t *b, void *sums,
                       mica_ahead ahead)
{
    enum { STRIDE = TILE_NR * sizeof(float) };
    char *left = sums, *right = left + SIDE * sizeof(float);
    bool lower = m > SIDE;
    tiles_configure(m);
    _tile_loadd(0, left, STRIDE);
    _tile_loadd(1, right, STRIDE);
    if (lower) {
        _tile_loadd(2, left + SIDE * STRIDE, STRIDE);
        _tile_loadd(3, right + SIDE * STRIDE, STRIDE);
    }
    size_t p = 0;
    for (; p + SIDE <= k; p += SIDE) {
        for (size_t i = 0; i < SIDE; i++)
            tile_ask(&ahead);
        tiles_step(lower, a + p, MICA_GEMM_A_STRIDE, b + p * TILE_NR);
    }
    if (p < k)
        tiles_rest(m, k - p, a + p, b + p * TILE_NR);
    _tile_stored(0, left, STRIDE);
    _tile_stored(1, right, STRIDE);
    if (lower) {
        _tile_stored(2, left + SIDE * STRIDE, STRIDE);
        _tile_stored(3, right + SIDE * STRIDE, STRIDE);
    }
    _tile_release();
}

#endif
