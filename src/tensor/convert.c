/* SPDX-License-Identifier: MIT
 *
 * Conversions too long for a header, and of whole arrays.
 */
#include "tensor/convert.h"

uint16_t mica_f32_to_f16(float value)
{
    uint32_t bits = mica_f32_bits(value);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00);
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000u) { /* below 2^-14: a multiple of 2^-24, rounded by the addition */
        float shifted = mica_bits_f32(magnitude) + 0.5f;
        return (uint16_t)(sign | (mica_f32_bits(shifted) - mica_f32_bits(0.5f)));
    }
    magnitude += 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (magnitude - 0x38000000u) >> 13);
}

/* One loop per source type; memcpy because `src` may be unaligned. */
#define MICA_CONVERT_LOOP(type, expression)                                                        \
    for (size_t i = 0; i < n; i++) {                                                               \
        type x;                                                                                    \
        memcpy(&x, p + i * sizeof x, sizeof x);                                                    \
        dst[i] = expression;                                                                       \
    }

void mica_convert_to_f32(mica_dtype from, const void *src, float *dst, size_t n)
{
    const unsigned char *p = src;
    switch (from) {
    case MICA_DTYPE_F32:
        if (n)
            memcpy(dst, src, n * sizeof *dst);
        break;
    case MICA_DTYPE_F16:
        MICA_CONVERT_LOOP(uint16_t, mica_f16_to_f32(x))
        break;
    case MICA_DTYPE_BF16:
        MICA_CONVERT_LOOP(uint16_t, mica_bf16_to_f32(x))
        break;
    case MICA_DTYPE_F64:
        MICA_CONVERT_LOOP(double, (float)x)
        break;
    case MICA_DTYPE_I8:
        MICA_CONVERT_LOOP(int8_t, (float)x)
        break;
    case MICA_DTYPE_I16:
        MICA_CONVERT_LOOP(int16_t, (float)x)
        break;
    case MICA_DTYPE_I32:
        MICA_CONVERT_LOOP(int32_t, (float)x)
        break;
    case MICA_DTYPE_I64:
        MICA_CONVERT_LOOP(int64_t, (float)x)
        break;
    case MICA_DTYPE_U8:
        MICA_CONVERT_LOOP(uint8_t, (float)x)
        break;
    case MICA_DTYPE_U16:
        MICA_CONVERT_LOOP(uint16_t, (float)x)
        break;
    case MICA_DTYPE_U32:
        MICA_CONVERT_LOOP(uint32_t, (float)x)
        break;
    case MICA_DTYPE_U64:
        MICA_CONVERT_LOOP(uint64_t, (float)x)
        break;
    case MICA_DTYPE_BOOL:
        MICA_CONVERT_LOOP(uint8_t, (float)(x != 0)) /* no branch */
        break;
    case MICA_DTYPES:
        break;
    }
}
