/* SPDX-License-Identifier: MIT
 *
 * Vectors of 16 floats: the words in which the kernels of simd/ are written. Only for files
 * compiled with AVX-512.
 */
#ifndef MICA_BACKENDS_CPU_X86_AVX512_VECTOR_H
#define MICA_BACKENDS_CPU_X86_AVX512_VECTOR_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/cpu/simd/inline.h"

enum { LANES = 16 };
typedef __m512 vec;

static inline vec v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

/* The first n < LANES lanes only; the others load as `other` and are not stored. */
static inline vec v_load_n(const float *p, size_t n, vec other)
{
    return _mm512_mask_loadu_ps(other, first_lanes(n), p);
}

static inline void v_store_n(float *p, vec x, size_t n)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), x);
}

/* The first n lanes of x, the others 0. */
static inline vec v_keep_n(vec x, size_t n)
{
    return _mm512_maskz_mov_ps(first_lanes(n), x);
}

static inline vec v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec v_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vec v_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec v_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec v_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec v_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec v_sqrt(vec a)
{
    return _mm512_sqrt_ps(a);
}

/* a * b + c and c - a * b, rounded once. */
static inline vec v_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec v_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* *p as the first operand of v_fma_by, which is v_fma: the form that an instruction set likes for a
 * single number times many vectors. */
static inline vec v_factor(const float *p)
{
    return v_set(*p);
}

static inline vec v_fma_by(vec factor, vec b, vec c)
{
    return v_fma(factor, b, c);
}

/* The second if either is NaN. */
static inline vec v_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec v_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec v_abs(vec a)
{
    return _mm512_abs_ps(a);
}

static inline vec v_neg(vec a)
{
    return _mm512_castsi512_ps(
        _mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi32(INT32_MIN)));
}

/* |a| with the sign of s. */
static inline vec v_copy_sign(vec a, vec s)
{
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
        _mm512_set1_epi32(INT32_MIN), _mm512_castps_si512(s), _mm512_castps_si512(a), 0xca));
}

static inline vec v_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a * 2^n for whole n, |n| < 250. */
static inline vec v_scale(vec a, vec n)
{
    return _mm512_scalef_ps(a, n);
}

/* Where x > limit (false for NaN): yes, else no. */
static inline vec v_where_greater(vec x, vec limit, vec yes, vec no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, limit, _CMP_GT_OQ), no, yes);
}

/* Where x is NaN: yes, else no. */
static inline vec v_where_nan(vec x, vec yes, vec no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), no, yes);
}

/* Where x is larger than *best (least: smaller), or is the first NaN, *best and *place become x and
 * here. */
static inline void v_take(bool least, vec x, vec here, vec *best, vec *place)
{
    __mmask16 keeps =
        least ? _mm512_cmp_ps_mask(x, *best, _CMP_GE_OQ) : _mm512_cmp_ps_mask(x, *best, _CMP_LE_OQ);
    keeps = (__mmask16)(keeps | _mm512_cmp_ps_mask(*best, *best, _CMP_UNORD_Q));
    *best = _mm512_mask_blend_ps(keeps, x, *best);
    *place = _mm512_mask_blend_ps(keeps, here, *place);
}

static inline bool v_any_nan(vec x)
{
    return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q) != 0;
}

static inline float v_sum(vec x)
{
    return _mm512_reduce_add_ps(x);
}

static inline float v_largest(vec x) /* without NaN */
{
    return _mm512_reduce_max_ps(x);
}

static inline vec v_from_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline vec v_from_bf16(const uint16_t *p)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

/* The numbers in the lower and the upper halves of words of two bfloat16. */
static inline vec v_even_bf16(vec words)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(words), 16));
}

static inline vec v_odd_bf16(vec words)
{
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(words), _mm512_set1_epi32(-65536)));
}

/* The words that have these in their halves. */
static inline vec v_join_bf16(vec even, vec odd)
{
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(even), 16),
                                               _mm512_castps_si512(odd)));
}

/* The nearest bfloat16, to even on a tie; a NaN stays one. */
static inline vec v_round_bf16(vec x)
{
    __m512i bits = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __m512i nan = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    return v_odd_bf16(v_where_nan(x, _mm512_castsi512_ps(nan), _mm512_castsi512_ps(up)));
}

/* y[c * ldy + r] = x[r * ldx + c] for a square of LANES. */
static inline void v_transpose(float *y, size_t ldy, const float *x, size_t ldx)
{
    __m512 a[LANES], b[LANES];
    V_UNROLL
    for (int i = 0; i < LANES; i++)
        a[i] = _mm512_loadu_ps(x + (size_t)i * ldx);
    V_UNROLL
    for (int i = 0; i < LANES; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    /* Now groups of four rows: within each 128-bit lane, columns 0..3. */
    V_UNROLL
    for (int i = 0; i < LANES; i += 4) {
        a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    V_UNROLL
    for (int i = 0; i < 4; i++) {
        __m512 p = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
        __m512 q = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
        __m512 r = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
        __m512 s = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
        _mm512_storeu_ps(y + (size_t)i * ldy, _mm512_shuffle_f32x4(p, r, 0x88));
        _mm512_storeu_ps(y + (size_t)(i + 8) * ldy, _mm512_shuffle_f32x4(p, r, 0xdd));
        _mm512_storeu_ps(y + (size_t)(i + 4) * ldy, _mm512_shuffle_f32x4(q, s, 0x88));
        _mm512_storeu_ps(y + (size_t)(i + 12) * ldy, _mm512_shuffle_f32x4(q, s, 0xdd));
    }
}

/* Lane r of the result is made of the lanes of x[r * LANES], joined by f in v_sum's order. */
V_INLINE vec v_across(const float *x, vec (*f)(vec, vec))
{
    __m512 a[8], b[4], c[2];
    V_UNROLL
    for (size_t i = 0; i < 8; i++) { /* eight lanes of row r, and eight of row r + 4 */
        size_t r = i < 4 ? i : i + 4;
        __m512 p = v_load(x + r * LANES), q = v_load(x + (r + 4) * LANES);
        a[i] = f(_mm512_shuffle_f32x4(p, q, 0x44), _mm512_shuffle_f32x4(p, q, 0xee));
    }
    V_UNROLL
    for (int i = 0; i < 4; i++) /* four of each of rows i, i + 4, i + 8, i + 12 */
        b[i] = f(_mm512_shuffle_f32x4(a[i], a[i + 4], 0x88),
                 _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd));
    V_UNROLL
    for (int i = 0; i < 2; i++)
        c[i] = f(_mm512_shuffle_ps(b[2 * i], b[2 * i + 1], 0x44),
                 _mm512_shuffle_ps(b[2 * i], b[2 * i + 1], 0xee));
    return f(_mm512_shuffle_ps(c[0], c[1], 0x88), _mm512_shuffle_ps(c[0], c[1], 0xdd));
}

/* x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for normal x > 0; the result is e. */
static inline vec v_split(vec x, vec *m)
{
    __m512i bits = _mm512_castps_si512(x);
    __m512i e = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f3504f3)), 23);
    *m = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(e, 23)));
    return _mm512_cvtepi32_ps(e);
}

static inline float v_smallest(vec x) /* without NaN */
{
    return _mm512_reduce_min_ps(x);
}

/* The bits of an integer in every lane: a vec may carry integers, as long as nothing computes with
 * them. */
static inline vec v_set_integer(int32_t x)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32(x));
}

/* 2^n as a float, where the lowest bits of t are n + 127, the exponent as floats have it. */
static inline vec v_exponent_bits(vec t)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 23));
}

/* total[j] += x[j], in double. */
static inline void v_add_double(double *total, vec x)
{
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
    __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    _mm512_storeu_pd(total, _mm512_add_pd(_mm512_loadu_pd(total), low));
    _mm512_storeu_pd(total + 8, _mm512_add_pd(_mm512_loadu_pd(total + 8), high));
}

/* To nearest, ties to even; NaN stays NaN. */
static inline void v_to_f16(uint16_t *p, vec x)
{
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline void v_to_bf16(uint16_t *p, vec x)
{
    __m512i bits = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __m512i nan = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    __m512i all = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), up, nan);
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(all, 16)));
}

/* Past the caches; p is aligned to a vector. */
static inline void v_store_past(float *p, vec x)
{
    _mm512_stream_ps(p, x);
}

/* Keys of sorting: vectors of LANES int32 and of LANES / 2 int64. */
typedef __m512i keys;

static inline keys k_load(const void *p)
{
    return _mm512_load_si512(p);
}

static inline void k_store(void *p, keys x)
{
    _mm512_store_si512(p, x);
}

static inline void k_order32(keys *a, keys *b)
{
    keys low = _mm512_min_epi32(*a, *b);
    *b = _mm512_max_epi32(*a, *b);
    *a = low;
}

static inline void k_order64(keys *a, keys *b)
{
    keys low = _mm512_min_epi64(*a, *b);
    *b = _mm512_max_epi64(*a, *b);
    *a = low;
}

#endif
