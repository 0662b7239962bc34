/* SPDX-License-Identifier: MIT
 *
 * What the machine can do at most: multiply-adds in registers, and bytes read and copied.
 */
#ifndef MICA_BENCH_PEAKS_H
#define MICA_BENCH_PEAKS_H

#include <stdbool.h>
#include <stddef.h>

#include "mica/precision.h"

/* Multiplications and additions a second in registers, of `threads` threads together: the fastest
 * that a kernel level ("avx512", "avx2") has for numbers of a precision (not AUTO). In 8 bits sums
 * may saturate: it is the rate that no kernel exceeds, not one that is exact. 0 = not known. */
typedef struct bench_rate {
    double flops;
    const char *with; /* the instruction */
} bench_rate;
bench_rate bench_measure_flops(const char *level, mica_precision precision, size_t threads);

/* What the machine is worth at this moment: float32 multiplications and additions a second of
 * `threads` threads together, over so many seconds. The mean counts, not the best, so that work of
 * others shows. */
double bench_probe(size_t threads, double seconds);

/* Whether the processor has units for matrices of short numbers (AMX), whose peak is far above that
 * of its vectors and is not known. */
bool bench_has_matrix_units(void);

/* Bytes a second that `threads` threads read, write, and read and write while copying, going again
 * and again through memory of their own: the smaller it is, the nearer is the cache that holds it.
 * Writes are the better of plain and streaming stores. */
enum { BENCH_SIZES = 6 };
typedef struct bench_bandwidth {
    double bytes; /* of all threads together */
    double read, write, copy;
} bench_bandwidth;

typedef struct bench_peaks {
    double flops;
    bench_bandwidth bandwidth[BENCH_SIZES]; /* sizes rise */
} bench_peaks;

/* Measures, and keeps what is larger than what is there: begin with zeros. False = out of memory.
 * Takes about a second. */
bool bench_peaks_measure(bench_peaks *peaks, const char *level, size_t threads);

/* The bandwidth that work on so many bytes cannot exceed, whether it reads or copies: that of the
 * largest size that is not larger. */
double bench_peaks_bandwidth(const bench_peaks *peaks, double bytes);

/* Measures with memory of bandwidth->bytes, or with the nearest that is not below 64 kB nor above
 * 256 MB; what is larger than what is there stays. Some processors move zeros more than twice as
 * fast as other bytes: the bandwidth for numbers is that of bytes that are not zero, and with zeros
 * it is what no work at all can exceed. False = out of memory. */
typedef enum bench_content { BENCH_NUMBERS, BENCH_ZEROS } bench_content;
bool bench_bandwidth_measure(bench_bandwidth *bandwidth, size_t threads, bench_content content);

/* What work that reads and writes so many bytes reaches at that bandwidth: as many bytes as are
 * both read and written are copied, the rest is read or written alone. */
double bench_bandwidth_of(const bench_bandwidth *bandwidth, double read, double written);

#endif
