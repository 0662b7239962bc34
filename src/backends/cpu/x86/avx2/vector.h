/* SPDX-License-Identifier: MIT
 *
 * Vectors of 8 floats: the words in which the kernels of simd/ are written. Only for files compiled
 * with AVX2, FMA and F16C.
 */
#ifndef MICA_BACKENDS_CPU_X86_AVX2_VECTOR_H
#define MICA_BACKENDS_CPU_X86_AVX2_VECTOR_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/cpu/simd/inline.h"

enum { LANES = 8 };
typedef __m256 vec;

static inline vec v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vec x)
{
    _mm256_storeu_ps(p, x);
}

static inline __m256i first_lanes(size_t n)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - n));
}

/* The first n < LANES lanes only; the others load as `other` and are not stored. */
static inline vec v_load_n(const float *p, size_t n, vec other)
{
    __m256i mask = first_lanes(n);
    return _mm256_blendv_ps(other, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}

static inline void v_store_n(float *p, vec x, size_t n)
{
    _mm256_maskstore_ps(p, first_lanes(n), x);
}

/* The first n lanes of x, the others 0. */
static inline vec v_keep_n(vec x, size_t n)
{
    return _mm256_and_ps(x, _mm256_castsi256_ps(first_lanes(n)));
}

static inline vec v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vec v_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vec v_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec v_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline vec v_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline vec v_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

static inline vec v_sqrt(vec a)
{
    return _mm256_sqrt_ps(a);
}

/* a * b + c and c - a * b, rounded once. */
static inline vec v_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec v_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_ps(a, b, c);
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
    return _mm256_max_ps(a, b);
}

static inline vec v_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec v_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline vec v_neg(vec a)
{
    return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a);
}

/* |a| with the sign of s. */
static inline vec v_copy_sign(vec a, vec s)
{
    return _mm256_or_ps(v_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), s));
}

static inline vec v_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a * 2^n for whole n, |n| < 250: in two steps, as 2^n itself may not be a float. The first is
 * exact for a near 1. */
static inline vec v_scale(vec a, vec n)
{
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half);
    __m256i bias = _mm256_set1_epi32(127);
    vec x = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    vec y = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(a, x), y);
}

/* Where x > limit (false for NaN): yes, else no. */
static inline vec v_where_greater(vec x, vec limit, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(x, limit, _CMP_GT_OQ));
}

/* Where x is NaN: yes, else no. */
static inline vec v_where_nan(vec x, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

/* Where x is larger than *best (least: smaller), or is the first NaN, *best and *place become x and
 * here. */
static inline void v_take(bool least, vec x, vec here, vec *best, vec *place)
{
    vec keeps = least ? _mm256_cmp_ps(x, *best, _CMP_GE_OQ) : _mm256_cmp_ps(x, *best, _CMP_LE_OQ);
    keeps = _mm256_or_ps(keeps, _mm256_cmp_ps(*best, *best, _CMP_UNORD_Q));
    *best = _mm256_blendv_ps(x, *best, keeps);
    *place = _mm256_blendv_ps(here, *place, keeps);
}

static inline bool v_any_nan(vec x)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)) != 0;
}

static inline float v_sum(vec x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

static inline float v_largest(vec x) /* without NaN */
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

static inline vec v_from_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline vec v_from_bf16(const uint16_t *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

/* The numbers in the lower and the upper halves of words of two bfloat16. */
static inline vec v_even_bf16(vec words)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(words), 16));
}

static inline vec v_odd_bf16(vec words)
{
    return _mm256_and_ps(words, _mm256_castsi256_ps(_mm256_set1_epi32(-65536)));
}

/* The words that have these in their halves. */
static inline vec v_join_bf16(vec even, vec odd)
{
    return _mm256_or_ps(_mm256_castsi256_ps(_mm256_srli_epi32(_mm256_castps_si256(even), 16)), odd);
}

/* The nearest bfloat16, to even on a tie; a NaN stays one. */
static inline vec v_round_bf16(vec x)
{
    __m256i bits = _mm256_castps_si256(x);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    vec nan = _mm256_or_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x400000)));
    return v_odd_bf16(v_where_nan(x, nan, _mm256_castsi256_ps(up)));
}

/* y[c * ldy + r] = x[r * ldx + c] for a square of LANES. */
static inline void v_transpose(float *y, size_t ldy, const float *x, size_t ldx)
{
    __m256 a[LANES], b[LANES];
    V_UNROLL
    for (int i = 0; i < LANES; i++)
        a[i] = _mm256_loadu_ps(x + (size_t)i * ldx);
    V_UNROLL
    for (int i = 0; i < LANES; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    V_UNROLL
    for (int i = 0; i < LANES; i += 4) {
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    V_UNROLL
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(y + (size_t)i * ldy, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(y + (size_t)(i + 4) * ldy, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

/* Lane r of the result is made of the lanes of x[r * LANES], joined by f in v_sum's order. */
V_INLINE vec v_across(const float *x, vec (*f)(vec, vec))
{
    __m256 a[4], b[2];
    V_UNROLL
    for (size_t i = 0; i < 4; i++) { /* four lanes of row i, and four of row i + 4 */
        __m256 p = v_load(x + i * LANES), q = v_load(x + (i + 4) * LANES);
        a[i] = f(_mm256_permute2f128_ps(p, q, 0x20), _mm256_permute2f128_ps(p, q, 0x31));
    }
    V_UNROLL
    for (int i = 0; i < 2; i++)
        b[i] = f(_mm256_shuffle_ps(a[2 * i], a[2 * i + 1], 0x44),
                 _mm256_shuffle_ps(a[2 * i], a[2 * i + 1], 0xee));
    return f(_mm256_shuffle_ps(b[0], b[1], 0x88), _mm256_shuffle_ps(b[0], b[1], 0xdd));
}

/* x = m * 2^e with m in [sqrt(1/2), sqrt(2)), for normal x > 0; the result is e. */
static inline vec v_split(vec x, vec *m)
{
    __m256i bits = _mm256_castps_si256(x);
    __m256i e = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f3504f3)), 23);
    *m = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(e, 23)));
    return _mm256_cvtepi32_ps(e);
}

static inline float v_smallest(vec x) /* without NaN */
{
    __m128 s = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_min_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_min_ss(s, _mm_shuffle_ps(s, s, 1)));
}

/* The bits of an integer in every lane: a vec may carry integers, as long as nothing computes with
 * them. */
static inline vec v_set_integer(int32_t x)
{
    return _mm256_castsi256_ps(_mm256_set1_epi32(x));
}

/* 2^n as a float, where the lowest bits of t are n + 127, the exponent as floats have it. */
static inline vec v_exponent_bits(vec t)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 23));
}

/* 2^(n / 8) as a float, where the lowest bits of t are n; 0 for n = -8 * 127. From the bits of
 * 2^(i / 8) the table takes i << 20, which n << 20 brings beside the exponent. */
#define V_POWERS_OF_EIGHTHS 1
static inline vec v_power_of_eighths(vec t)
{
    const __m256i table = _mm256_setr_epi32(0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7,
                                            0x3f7504f3, 0x3f75672a, 0x3f7744fd, 0x3f7ac0c7);
    __m256i bits = _mm256_castps_si256(t);
    __m256i power = _mm256_permutevar8x32_epi32(table, bits);
    return _mm256_castsi256_ps(_mm256_add_epi32(power, _mm256_slli_epi32(bits, 20)));
}

/* total[j] += x[j], in double. */
static inline void v_add_double(double *total, vec x)
{
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
    __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
    _mm256_storeu_pd(total, _mm256_add_pd(_mm256_loadu_pd(total), low));
    _mm256_storeu_pd(total + 4, _mm256_add_pd(_mm256_loadu_pd(total + 4), high));
}

/* To nearest, ties to even; NaN stays NaN. */
static inline void v_to_f16(uint16_t *p, vec x)
{
    _mm_storeu_si128((__m128i *)(void *)p,
                     _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline void v_to_bf16(uint16_t *p, vec x)
{
    __m256i bits = _mm256_castps_si256(x);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i nan = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i half = _mm256_srli_epi32(_mm256_blendv_epi8(up, nan, is_nan), 16);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(half, half), 0x08);
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(packed));
}

/* Past the caches; p is aligned to a vector. */
static inline void v_store_past(float *p, vec x)
{
    _mm256_stream_ps(p, x);
}

/* Keys of sorting: vectors of LANES int32 and of LANES / 2 int64. */
typedef __m256i keys;

static inline keys k_load(const void *p)
{
    return _mm256_load_si256((const __m256i *)p);
}

static inline void k_store(void *p, keys x)
{
    _mm256_store_si256((__m256i *)p, x);
}

static inline void k_order32(keys *a, keys *b)
{
    keys low = _mm256_min_epi32(*a, *b);
    *b = _mm256_max_epi32(*a, *b);
    *a = low;
}

static inline void k_order64(keys *a, keys *b)
{
    keys greater = _mm256_cmpgt_epi64(*a, *b);
    keys low = _mm256_blendv_epi8(*a, *b, greater);
    *b = _mm256_blendv_epi8(*b, *a, greater);
    *a = low;
}

#endif
