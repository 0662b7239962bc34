/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <pthread.h>
#include <stdint.h>

#include "util.h"

enum { CHAINS = 12, STEPS = 20000, MOST_THREADS = 256 };
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
#endif

static work_fn fp32_work(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return multiply_add_avx2;
#endif
    return multiply_add_plain;
}

bool bench_has_matrix_units(void)
{
#if defined(__x86_64__)
    uint32_t a, b, c, d = 0;
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    return d >> 22 & 7; /* bfloat16, tiles, int8 */
#else
    return false;
#endif
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
