/* SPDX-License-Identifier: MIT
 *
 * Between floating-point formats, exactly as IEEE 754 (and bfloat16 as the upper half of a float32)
 * has them: subnormals, infinities and NaN included; narrowing rounds to nearest, ties to even.
 */
#ifndef MICA_TENSOR_CONVERT_H
#define MICA_TENSOR_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mica/tensor.h"

static inline uint32_t mica_f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float mica_bits_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float mica_bf16_to_f32(uint16_t half)
{
    return mica_bits_f32((uint32_t)half << 16);
}

static inline uint16_t mica_f32_to_bf16(float value)
{
    uint32_t bits = mica_f32_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40); /* NaN stays NaN */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

static inline float mica_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1f;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 0x1f) /* infinity or NaN */
        return mica_bits_f32(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24 is exact */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return mica_bits_f32(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t mica_f32_to_f16(float value);

/* `n` elements at `src` (need not be aligned) as float32. C99 double rounding does not occur:
 * float64 is rounded once. `from` is any dtype; integers are converted, bool gives 0 or 1. */
void mica_convert_to_f32(mica_dtype from, const void *src, float *dst, size_t n);

/* `n` elements at `src` as another dtype at `dst`, as mica_tensor_cast has them. The error says
 * which element and which number `to` cannot hold; what was to be converted the caller adds. */
mica_status mica_convert(mica_dtype from, const void *src, mica_dtype to, void *dst, size_t n,
                         mica_error *err);

/* Whether `dtype` holds the number: whole numbers and bool exactly, floats rounded, but nothing
 * finite as an infinity. */
bool mica_dtype_holds(mica_dtype dtype, double number);

#endif
