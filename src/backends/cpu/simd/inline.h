/* SPDX-License-Identifier: MIT
 *
 * What the kernels of simd/ and the vectors under them ask of a compiler.
 */
#ifndef MICA_BACKENDS_CPU_SIMD_INLINE_H
#define MICA_BACKENDS_CPU_SIMD_INLINE_H

#define V_INLINE static inline __attribute__((always_inline))

/* The loop behind it is unrolled, so that an array of vectors lives in registers. */
#if defined(__clang__)
#define V_UNROLL _Pragma("clang loop unroll(full)")
#else
#define V_UNROLL _Pragma("GCC unroll 16")
#endif

#endif
