/* SPDX-License-Identifier: MIT
 *
 * Vectors of 8 numbers of 32 bits: the words of x86/gemm_int8.h. After vector.h.
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

/* Bytes 0 and 2, or 1 and 3, of each word as two numbers of 16 bits with sign. */
static inline ivec i_even_bytes(ivec x)
{
    return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
}

static inline ivec i_odd_bytes(ivec x)
{
    return _mm256_srai_epi16(x, 8);
}

/* Numbers in [0, 255] as bytes. */
static inline void i_store_8(char *y, ivec q)
{
    __m256i words = _mm256_packus_epi32(q, q), bytes = _mm256_packus_epi16(words, words);
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4));
    _mm_storel_epi64((__m128i *)(void *)y, _mm256_castsi256_si128(bytes));
}

/* As 16 bits; of each four, in the order 0 2 1 3. */
static inline void i_store_16(char *y, ivec q)
{
    __m256i pairs = _mm256_or_si256(q, _mm256_slli_epi32(_mm256_shuffle_epi32(q, 0x0e), 16));
    pairs = _mm256_permute4x64_epi64(pairs, 0x08);
    _mm_storeu_si128((__m128i *)(void *)y, _mm256_castsi256_si128(pairs));
}

#endif
