/* SPDX-License-Identifier: MIT
 *
 * What the processor and the operating system offer, and how many threads the process may use.
 */
#ifndef MICA_BASE_CPU_H
#define MICA_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Instruction-set levels of this architecture in ascending order; each includes those below it. */
typedef enum mica_cpu_level {
    MICA_CPU_C, /* plain C, any machine */
#if defined(__aarch64__)
    MICA_CPU_NEON,    /* what every 64-bit Arm has */
    MICA_CPU_DOTPROD, /* + dot products of bytes */
    MICA_CPU_I8MM,    /* + products of matrices of bytes */
    MICA_CPU_BF16,    /* + products of matrices of bfloat16 */
#else
    MICA_CPU_AVX2,   /* AVX2 + FMA + F16C, and the OS saves YMM */
    MICA_CPU_AVX512, /* + AVX-512 F/BW/CD/DQ/VL, and the OS saves ZMM and masks */
    MICA_CPU_AMX,    /* + AMX with bfloat16 and bytes, AVX-512 BF16, and Linux lets us use tiles */
#endif
    MICA_CPU_LEVELS
} mica_cpu_level;

/* What some processors of a level have and others do not; none on Arm. */
typedef enum mica_cpu_feature {
    MICA_CPU_AVX_VNNI = 1,    /* beside AVX2 */
    MICA_CPU_AVX512_VNNI = 2, /* beside AVX-512 */
    MICA_CPU_AVX512_BF16 = 4  /* beside AVX-512 */
} mica_cpu_feature;
unsigned mica_cpu_features(void); /* a set of them, those whose level is there */

const char *mica_cpu_level_name(mica_cpu_level level); /* "c", "avx2", "neon", ... */
/* The best that chip and OS offer. Where tiles are, Linux is asked to let the process use them. */
mica_cpu_level mica_cpu_detect(void);
/* Detected level, lowered by the environment variable MICA_CPU if set. MICA_CPU can only lower: a
 * higher level than detected gives the detected one; an unknown name is INVALID_ARGUMENT. */
mica_status mica_cpu_choose(mica_cpu_level *out, mica_error *err);
const char *mica_cpu_model(void); /* "AMD EPYC ...", or "unknown" */

/* How many threads to use and why. The smaller of: CPUs in the affinity mask, cgroup v1/v2 CPU
 * quota rounded down (at least 1). MICA_THREADS overrides (1..1024, else INVALID_ARGUMENT). */
typedef struct mica_thread_choice {
    size_t threads;
    size_t online;      /* processors that are online */
    size_t affinity;    /* CPUs in this process's affinity mask */
    double quota;       /* cgroup quota in CPUs, 0 = none */
    const char *reason; /* "affinity", "cgroup quota", "MICA_THREADS" */
} mica_thread_choice;
mica_status mica_threads_choose(mica_thread_choice *out, mica_error *err);

#endif
