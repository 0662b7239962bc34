/* SPDX-License-Identifier: MIT
 *
 * What the machine is worth at this moment: a short run of multiply-adds, of which the mean counts,
 * not the best, so that work of others shows.
 */
#ifndef MICA_BENCH_PROBE_H
#define MICA_BENCH_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Multiplications and additions a second of `threads` threads together, over so many seconds. */
double bench_probe(size_t threads, double seconds);

/* Whether the processor has units for matrices of short numbers (AMX), whose peak is far above that
 * of its vectors and is not known. */
bool bench_has_matrix_units(void);

#endif
