/* SPDX-License-Identifier: MIT
 *
 * What the machine is worth at this moment: a short run of multiply-adds, of which the mean counts,
 * not the best, so that work of others shows. And the peaks of short numbers.
 */
#ifndef MICA_BENCH_PROBE_H
#define MICA_BENCH_PROBE_H

#include <stddef.h>

/* Multiplications and additions a second of `threads` threads together, over so many seconds. */
double bench_probe(size_t threads, double seconds);

/* The most multiplications and additions a second on numbers of 8 bits (summed in 32) and on
 * bfloat16, the best of many short tries. 0 = not known for this processor. */
double bench_peak_int8(size_t threads);
double bench_peak_bf16(size_t threads);

#endif
