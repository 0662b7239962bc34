/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHAINS = 12, STEPS = 20000, MOST_THREADS = 256, TRIES = 40 };
static volatile float sink;

/* The chains must live in registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

typedef double (*work_fn)(void);

/* ---- work: each returns how many operations it did ---- */

typedef float lanes __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) double multiply_add(void)
{
    lanes sum[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = (lanes){0} + (float)i; /* chains that differ: equal ones would be merged */
    for (int s = 0; s < STEPS; s++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * 0.999f + 0.001f;
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sink = sum[i][0];
    return 2.0 * 8 * CHAINS * STEPS;
}

static double multiply_add_plain(void)
{
    return multiply_add();
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double multiply_add_avx2(void)
{
    return multiply_add();
}

__attribute__((target("avx2"))) static double int8_avx2(void)
{
    __m256i x[CHAINS], b = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        x[i] = _mm256_set1_epi8((char)i);
    for (int s = 0; s < STEPS; s++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) {
            __m256i pairs = _mm256_maddubs_epi16(x[i], b);
            x[i] = _mm256_add_epi32(x[i], _mm256_madd_epi16(pairs, ones));
        }
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sink = (float)_mm256_extract_epi32(x[i], 0);
    return 2.0 * 32 * CHAINS * STEPS;
}

__attribute__((target("avx512f,avx512vnni"))) static double int8_vnni(void)
{
    __m512i sum[CHAINS], a = _mm512_set1_epi8(2), b = _mm512_set1_epi8(3);
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_epi32(i);
    for (int s = 0; s < STEPS; s++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sink = (float)_mm512_reduce_add_epi32(sum[i]);
    return 2.0 * 64 * CHAINS * STEPS;
}

__attribute__((target("avx512f,avx512bf16"))) static double bf16_avx512(void)
{
    __m512 sum[CHAINS];
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (int s = 0; s < STEPS; s++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_dpbf16_ps(sum[i], a, a);
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        sink = _mm512_reduce_add_ps(sum[i]);
    return 2.0 * 32 * CHAINS * STEPS;
}

/* Its matrix units are far above what can be probed here. */
static bool has_matrix_units(void)
{
    uint32_t a, b, c, d = 0;
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    return d >> 22 & 7; /* AMX: bfloat16, tiles, int8 */
}
#endif

static work_fn fp32_work(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return multiply_add_avx2;
#endif
    return multiply_add_plain;
}

static work_fn int8_work(void)
{
#if defined(__x86_64__)
    if (has_matrix_units())
        return NULL;
    if (__builtin_cpu_supports("avx512vnni"))
        return int8_vnni;
    if (__builtin_cpu_supports("avx2"))
        return int8_avx2;
#endif
    return NULL;
}

static work_fn bf16_work(void)
{
#if defined(__x86_64__)
    if (!has_matrix_units() && __builtin_cpu_supports("avx512bf16"))
        return bf16_avx512;
#endif
    return NULL;
}

/* ---- all threads at once ---- */

typedef struct share {
    work_fn work;
    double seconds, rate;
} share;

static void *run_share(void *user)
{
    share *s = user;
    double begin = bench_now(), done = 0, passed;
    do {
        done += s->work();
        passed = bench_now() - begin;
    } while (passed < s->seconds);
    s->rate = done / passed;
    return NULL;
}

static double run_shares(work_fn work, size_t threads, double seconds)
{
    share shares[MOST_THREADS];
    pthread_t others[MOST_THREADS];
    size_t count = threads < 1 ? 1 : threads < MOST_THREADS ? threads : MOST_THREADS, started = 1;
    double rate = 0;
    for (size_t i = 0; i < count; i++)
        shares[i] = (share){work, seconds, 0};
    for (; started < count; started++)
        if (pthread_create(&others[started], NULL, run_share, &shares[started]) != 0)
            break;
    run_share(&shares[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(others[i], NULL);
    for (size_t i = 0; i < started; i++)
        rate += shares[i].rate;
    return rate;
}

double bench_probe(size_t threads, double seconds)
{
    return run_shares(fp32_work(), threads, seconds);
}

static double best_of(work_fn work, size_t threads)
{
    double best = 0;
    for (int i = 0; i < TRIES && work; i++) {
        double rate = run_shares(work, threads, 0.0005);
        best = rate > best ? rate : best;
    }
    return best;
}

double bench_peak_int8(size_t threads)
{
    return best_of(int8_work(), threads);
}

double bench_peak_bf16(size_t threads)
{
    return best_of(bf16_work(), threads);
}
