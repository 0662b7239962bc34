/* SPDX-License-Identifier: MIT
 *
 * Sums over k by instructions that multiply matrices (FEAT_I8MM, FEAT_BF16): two rows of A by two
 * columns of B, two words of each, are added to four sums at once:
 *
 *              word p     word p + 1
 *   A   row i      [ a0 | a1 ]            sums  [ i j | i j' | i' j | i' j' ]
 *       row i'     [ a0'| a1']
 *   B   column j   [ b0 | b1 ]            two rows of a panel, word by word in turn
 *       column j'  [ b0'| b1']
 *
 * A file that includes this after vector.h has m_dot for what the words are made of. The numbers
 * that it adds to a sum do not depend on which of the four it is.
 */
#ifndef MICA_BACKENDS_CPU_ARM_MMLA_H
#define MICA_BACKENDS_CPU_ARM_MMLA_H

#include "backends/cpu/simd/gemm_tile.h"

enum { ROW_PAIRS = TILE_MR / 2, COLUMN_PAIRS = TILE_NR / 2 };

/* Row `pair` * 2 and the one after it, or itself if it is the last. */
V_TILE size_t second_row(const size_t m, size_t pair)
{
    return 2 * pair + 1 < m ? 2 * pair + 1 : 2 * pair;
}

/* Words p and p + 1 of a row, or p and zeros. */
V_TILE uint32x2_t words_of(const uint32_t *a, size_t row, size_t p, const bool two)
{
    const uint32_t *at = a + row * MICA_GEMM_A_STRIDE + p;
    return two ? vld1_u32(at) : vld1_lane_u32(at, vdup_n_u32(0), 0);
}

V_TILE void mmla_step(const size_t m, const uint32_t *a, size_t p, const uint32_t *b,
                      const bool two, float32x4_t sums[][COLUMN_PAIRS])
{
    uint32x4_t rows[ROW_PAIRS];
    V_UNROLL
    for (size_t r = 0; 2 * r < m; r++)
        rows[r] = vcombine_u32(words_of(a, 2 * r, p, two), words_of(a, second_row(m, r), p, two));
    V_UNROLL
    for (size_t j = 0; j < COLUMN_PAIRS; j += 2) {
        uint32x4_t x = vld1q_u32(b + 2 * j);
        uint32x4_t y = two ? vld1q_u32(b + TILE_NR + 2 * j) : vdupq_n_u32(0);
        uint32x4_t left = vzip1q_u32(x, y), right = vzip2q_u32(x, y);
        V_UNROLL
        for (size_t r = 0; 2 * r < m; r++) {
            sums[r][j] = m_dot(sums[r][j], rows[r], left);
            sums[r][j + 1] = m_dot(sums[r][j + 1], rows[r], right);
        }
    }
}

/* Four columns of two rows are two sums of four, and the reverse. */
V_TILE void pair_up(float32x4_t *x, float32x4_t *y)
{
    float64x2_t a = vreinterpretq_f64_f32(*x), b = vreinterpretq_f64_f32(*y);
    *x = vreinterpretq_f32_f64(vzip1q_f64(a, b));
    *y = vreinterpretq_f32_f64(vzip2q_f64(a, b));
}

V_TILE void mmla_sums(const size_t m, size_t k, const uint32_t *a, const uint32_t *b, vec acc[][2],
                      mica_ahead ahead)
{
    float32x4_t sums[ROW_PAIRS][COLUMN_PAIRS];
    size_t p = 0;
    V_UNROLL
    for (size_t r = 0; 2 * r < m; r++) {
        size_t other = second_row(m, r);
        V_UNROLL
        for (size_t v = 0; v < 2; v++) {
            float32x4_t *to = &sums[r][4 * v];
            to[0] = acc[2 * r][v].lo;
            to[1] = acc[other][v].lo;
            to[2] = acc[2 * r][v].hi;
            to[3] = acc[other][v].hi;
            pair_up(&to[0], &to[1]);
            pair_up(&to[2], &to[3]);
        }
    }
    for (; p + 2 <= k; p += 2, b += 2 * TILE_NR) {
        tile_ask(m, &ahead);
        tile_ask(m, &ahead);
        mmla_step(m, a, p, b, true, sums);
    }
    if (p < k)
        mmla_step(m, a, p, b, false, sums);
    V_UNROLL
    for (size_t r = 0; 2 * r < m; r++) {
        V_UNROLL
        for (size_t v = 0; v < 2; v++) {
            float32x4_t *from = &sums[r][4 * v];
            pair_up(&from[0], &from[1]);
            pair_up(&from[2], &from[3]);
            acc[second_row(m, r)][v] = (vec){from[1], from[3]};
            acc[2 * r][v] = (vec){from[0], from[2]};
        }
    }
}

#endif
