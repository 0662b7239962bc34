/* SPDX-License-Identifier: MIT
 *
 * Vectors of 16 numbers of 32 bits: the words of x86/gemm_int8.h. After vector.h.
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

/* Bytes 0 and 2, or 1 and 3, of each word as two numbers of 16 bits with sign. */
static inline ivec i_even_bytes(ivec x)
{
    return _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
}

static inline ivec i_odd_bytes(ivec x)
{
    return _mm512_srai_epi16(x, 8);
}

/* Numbers in [0, 255] as bytes. */
static inline void i_store_8(char *y, ivec q)
{
    _mm_storeu_si128((__m128i *)(void *)y, _mm512_cvtepi32_epi8(q));
}

/* As 16 bits; of each four, in the order 0 2 1 3. */
static inline void i_store_16(char *y, ivec q)
{
    const __m512i first = _mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6);
    __m512i pairs = _mm512_shuffle_epi32(q, 0x0e);
    pairs = _mm512_or_si512(q, _mm512_slli_epi32(pairs, 16));
    pairs = _mm512_permutexvar_epi64(first, pairs);
    _mm256_storeu_si256((__m256i *)(void *)y, _mm512_castsi512_si256(pairs));
}

#endif
