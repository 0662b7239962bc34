/* SPDX-License-Identifier: MIT
 *
 * Products with AMX: tiles are matrices of 16 rows of 16 words. Two by two of them hold the sums of
 * a tile as the driver has it, 32 x 32, and both operands are read as the driver packs them: a row
 * of A is 16 words of one row, a row of B's tile is one word of 16 columns.
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
 * Every tile has all of its rows: rows of A that are not there cost no more time than those that
 * are, and their sums go nowhere. B passes by: it is read with the hint that leaves the strip of A
 * in the first cache, where four products, of 16 cycles each, need four tiles of 16 lines.
 *
 * A file that includes this defines TILES_DOT(c, a, b), which adds to tile c the products of tiles
 * a and b. Tiles are numbered by constants, hence a macro.
 */
#ifndef MICA_BACKENDS_CPU_X86_AMX_TILES_H
#define MICA_BACKENDS_CPU_X86_AMX_TILES_H

#include <string.h>

#include "backends/cpu/x86/avx512/vector.h"

#include "backends/cpu/x86/avx512/integers.h"

#include "backends/cpu/simd/gemm_tile.h"

enum { SIDE = 16, ROWS = 2 * SIDE, LINE = 64 };

/* What was written to memory so far is there when tiles are loaded: compilers do not know which
 * memory these read. */
static inline void tiles_see_memory(void)
{
    __asm__ volatile("" ::: "memory");
}

static void tiles_enter(void)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.rows[i] = SIDE;
        shapes.row_bytes[i] = LINE;
    }
    _Static_assert(sizeof shapes == 64, "the processor reads 64 bytes");
    tiles_see_memory();
    _tile_loadconfig(&shapes);
}

/* The thread's switches cost no more than without tiles. */
static void tiles_leave(void)
{
    _tile_release();
}

/* The sums are set to what rows `stride` words apart hold: with a stride of 0 all to the same. */
V_INLINE void tiles_load_sums(bool lower, const void *rows, size_t stride)
{
    const uint32_t *at = rows;
    tiles_see_memory();
    _tile_loadd(0, at, stride * sizeof *at);
    _tile_loadd(1, at + SIDE, stride * sizeof *at);
    if (lower) {
        _tile_loadd(2, at + SIDE * stride, stride * sizeof *at);
        _tile_loadd(3, at + SIDE * stride + SIDE, stride * sizeof *at);
    }
}

V_INLINE void tiles_store_sums(bool lower, void *rows, size_t stride)
{
    uint32_t *at = rows;
    _tile_stored(0, at, stride * sizeof *at);
    _tile_stored(1, at + SIDE, stride * sizeof *at);
    if (lower) {
        _tile_stored(2, at + SIDE * stride, stride * sizeof *at);
        _tile_stored(3, at + SIDE * stride + SIDE, stride * sizeof *at);
    }
    tiles_see_memory();
}

/* 16 words of k; the stride is in words. */
V_INLINE void tiles_step(bool lower, const uint32_t *a, size_t a_stride, const uint32_t *b)
{
    _tile_stream_loadd(6, b, TILE_NR * sizeof *b);
    _tile_stream_loadd(7, b + SIDE, TILE_NR * sizeof *b);
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
    uint32_t a_rest[ROWS][SIDE], b_rest[SIDE][TILE_NR];
    memset(a_rest, 0, sizeof a_rest);
    memset(b_rest, 0, sizeof b_rest);
    for (size_t i = 0; i < m; i++)
        memcpy(a_rest[i], a + i * MICA_GEMM_A_STRIDE, k * sizeof *a);
    memcpy(b_rest, b, k * sizeof b_rest[0]);
    tiles_see_memory();
    tiles_step(m > SIDE, a_rest[0], SIDE, b_rest[0]);
}

/* Adds the products over k words to the sums. Meanwhile asks for what is wanted next, and for the
 * rows of c that will be written then, some at each step. */
V_INLINE void tiles_products(size_t m, size_t n, size_t k, const uint32_t *a, const uint32_t *b,
                             const float *c, size_t ldc, mica_ahead ahead)
{
    size_t steps = k / SIDE, rows = steps ? (m + steps - 1) / steps : m, row = 0;
    for (size_t s = 0; s < steps; s++) {
        const char *end = ahead.at + SIDE * ahead.step;
        for (; ahead.at < end; ahead.at += LINE)
            __builtin_prefetch(ahead.at, 0, 2);
        for (size_t last = row + rows < m ? row + rows : m; row < last; row++) {
            __builtin_prefetch(c + row * ldc, 1);
            __builtin_prefetch(c + row * ldc + n - 1, 1);
        }
        tiles_step(m > SIDE, a + s * SIDE, MICA_GEMM_A_STRIDE, b + s * SIDE * TILE_NR);
    }
    if (k % SIDE)
        tiles_rest(m, k % SIDE, a + steps * SIDE, b + steps * SIDE * TILE_NR);
}

/* n words of each of m rows. */
static __attribute__((noinline)) void tiles_copy(size_t m, size_t n, void *to, size_t to_stride,
                                                 const void *from, size_t stride)
{
    for (size_t i = 0; i < m; i++)
        memcpy((uint32_t *)to + i * to_stride, (const uint32_t *)from + i * stride,
               n * sizeof(uint32_t));
}

static void tiles_fill(mica_kernels *kernels)
{
    kernels->tiles.enter = tiles_enter;
    kernels->tiles.leave = tiles_leave;
    kernels->tiles.rows = SIDE;
}

#endif
