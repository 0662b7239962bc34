/* SPDX-License-Identifier: MIT
 *
 * Vectors of 8 numbers of 32 bits: the words of simd/gemm_int8.h and of digests. After vector.h.
 */
#ifndef MICA_BACKENDS_CPU_X86_AVX2_INTEGERS_H
#define MICA_BACKENDS_CPU_X86_AVX2_INTEGERS_H

typedef __m256i ivec;

static inline ivec i_zero(void)
{
    return _mm256_setzero_si256();
}

static inline ivec i_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}

/* A word of A as the first operand of i_dot. */
static inline ivec i_factor(const uint32_t *p)
{
    return i_set((int32_t)*p);
}

static inline ivec i_load(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline ivec i_add(ivec a, ivec b)
{
    return _mm256_add_epi32(a, b);
}

static inline ivec i_sub(ivec a, ivec b)
{
    return _mm256_sub_epi32(a, b);
}

static inline ivec i_mul(ivec a, ivec b)
{
    return _mm256_mullo_epi32(a, b);
}

static inline ivec i_min(ivec a, ivec b)
{
    return _mm256_min_epi32(a, b);
}

static inline ivec i_max(ivec a, ivec b)
{
    return _mm256_max_epi32(a, b);
}

/* To the nearest, a tie to even. */
static inline ivec i_round(vec x)
{
    return _mm256_cvtps_epi32(x);
}

static inline vec v_from_int(ivec x)
{
    return _mm256_cvtepi32_ps(x);
}

/* The same bits. */
static inline vec i_bits(ivec x)
{
    return _mm256_castsi256_ps(x);
}

static inline ivec v_bits(vec x)
{
    return _mm256_castps_si256(x);
}

/* The products of a's bytes without sign and b's with it, two by two, which must fit 16 bits, and
 * then these by two. */
static inline ivec i_add_pairs(ivec a, ivec b)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

/* Numbers in [0, 255] less I_BIAS as bytes. */
enum { I_BIAS = 0 };
static inline void i_store_bytes(char *y, ivec q)
{
    __m256i words = _mm256_packus_epi32(q, q), bytes = _mm256_packus_epi16(words, words);
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4));
    _mm_storel_epi64((__m128i *)(void *)y, _mm256_castsi256_si128(bytes));
}

/* Four times as many, each brought into [0, 255] first. */
static inline void i_store_four(char *y, const ivec q[4])
{
    /* Of each half of the four vectors in turn: words of four bytes change places. */
    const ivec places = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    ivec bytes =
        _mm256_packus_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    _mm256_storeu_si256((__m256i *)(void *)y, _mm256_permutevar8x32_epi32(bytes, places));
}

#endif
