/* SPDX-License-Identifier: MIT
 *
 * Vectors of 16 numbers of 32 bits: the words of simd/gemm_int8.h and of digests. After vector.h.
 */
#ifndef MICA_BACKENDS_CPU_X86_AVX512_INTEGERS_H
#define MICA_BACKENDS_CPU_X86_AVX512_INTEGERS_H

typedef __m512i ivec;

static inline ivec i_zero(void)
{
    return _mm512_setzero_si512();
}

static inline ivec i_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

/* A word of A as the first operand of i_dot. */
static inline ivec i_factor(const uint32_t *p)
{
    return i_set((int32_t)*p);
}

static inline ivec i_load(const int32_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

static inline ivec i_add(ivec a, ivec b)
{
    return _mm512_add_epi32(a, b);
}

static inline ivec i_sub(ivec a, ivec b)
{
    return _mm512_sub_epi32(a, b);
}

static inline ivec i_mul(ivec a, ivec b)
{
    return _mm512_mullo_epi32(a, b);
}

static inline ivec i_min(ivec a, ivec b)
{
    return _mm512_min_epi32(a, b);
}

static inline ivec i_max(ivec a, ivec b)
{
    return _mm512_max_epi32(a, b);
}

/* To the nearest, a tie to even. */
static inline ivec i_round(vec x)
{
    return _mm512_cvtps_epi32(x);
}

static inline vec v_from_int(ivec x)
{
    return _mm512_cvtepi32_ps(x);
}

/* The same bits. */
static inline vec i_bits(ivec x)
{
    return _mm512_castsi512_ps(x);
}

static inline ivec v_bits(vec x)
{
    return _mm512_castps_si512(x);
}

/* The products of a's bytes without sign and b's with it, two by two, which must fit 16 bits, and
 * then these by two. */
static inline ivec i_add_pairs(ivec a, ivec b)
{
    return _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1));
}

/* Numbers in [0, 255] less I_BIAS as bytes. */
enum { I_BIAS = 0 };
static inline void i_store_bytes(char *y, ivec q)
{
    _mm_storeu_si128((__m128i *)(void *)y, _mm512_cvtepi32_epi8(q));
}

/* Four times as many, each brought into [0, 255] first. */
static inline void i_store_four(char *y, const ivec q[4])
{
    /* Of each quarter of the four vectors in turn: words of four bytes change places. */
    const ivec places = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    ivec bytes =
        _mm512_packus_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3]));
    _mm512_storeu_si512((void *)y, _mm512_permutexvar_epi32(places, bytes));
}

#endif
