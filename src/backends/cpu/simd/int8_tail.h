/* SPDX-License-Identifier: MIT
 *
 * From sums of 8-bit products to results. After the words of the instruction set: ivec.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_INT8_TAIL_H
#define MICA_BACKENDS_CPU_SIMD_INT8_TAIL_H

#include "backends/cpu/simd/gemm_tile.h"

/* Row i of the result, in vector v of the tile. */
V_TILE vec int8_result(ivec sum, size_t i, size_t v, const mica_int8_tail *tail)
{
    ivec zero = i_mul(i_set(tail->row_zero[i] - I_BIAS), i_load(tail->column_sum + v * LANES));
    vec scale = v_mul(v_set(tail->row_scale[i]), v_load(tail->column_scale + v * LANES));
    return v_mul(v_from_int(i_sub(sum, zero)), scale);
}

#endif
