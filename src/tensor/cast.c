/* SPDX-License-Identifier: MIT
 *
 * Conversion of whole tensors. Every element goes through double, int64 or uint64,
 * whichever holds it exactly, and is rounded once.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "mica/tensor.h"
#include "tensor/convert.h"

/* A number of any dtype, exactly. */
typedef struct number {
    enum { REAL, SIGNED, UNSIGNED } kind;
    double real;
    int64_t whole;
    uint64_t natural;
} number;

static number load(mica_dtype dtype, const unsigned char *p)
{
    number n = {SIGNED, 0, 0, 0};
    union {
        float f32;
        double f64;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
    } x;
    memcpy(&x, p, mica_dtype_size(dtype));
    switch (dtype) {
    case MICA_DTYPE_F32:
        n.kind = REAL, n.real = (double)x.f32;
        break;
    case MICA_DTYPE_F64:
        n.kind = REAL, n.real = x.f64;
        break;
    case MICA_DTYPE_F16:
        n.kind = REAL, n.real = (double)mica_f16_to_f32(x.u16);
        break;
    case MICA_DTYPE_BF16:
        n.kind = REAL, n.real = (double)mica_bf16_to_f32(x.u16);
        break;
    case MICA_DTYPE_I8:
        n.whole = x.i8;
        break;
    case MICA_DTYPE_I16:
        n.whole = x.i16;
        break;
    case MICA_DTYPE_I32:
        n.whole = x.i32;
        break;
    case MICA_DTYPE_I64:
        n.whole = x.i64;
        break;
    case MICA_DTYPE_U8:
        n.whole = x.u8;
        break;
    case MICA_DTYPE_U16:
        n.whole = x.u16;
        break;
    case MICA_DTYPE_U32:
        n.whole = x.u32;
        break;
    case MICA_DTYPE_BOOL:
        n.whole = x.u8 != 0;
        break;
    case MICA_DTYPE_U64:
        n.kind = UNSIGNED, n.natural = x.u64;
        break;
    case MICA_DTYPES:
        break;
    }
    return n;
}

static double as_double(number n)
{
    return n.kind == REAL ? n.real : n.kind == SIGNED ? (double)n.whole : (double)n.natural;
}

/* The number in a double whose last bit is set if it is not exact (round to odd): rounding that
 * again to 51 bits or less gives what one rounding would have given. */
static double as_odd_double(number n)
{
    bool negative = n.kind == SIGNED && n.whole < 0;
    uint64_t m = n.kind == UNSIGNED ? n.natural : (uint64_t)n.whole;
    if (n.kind == REAL)
        return n.real;
    m = negative ? 0 - m : m;
    if (m >> 53) /* 53 bits stay, the lowest of them standing for all below it as well */
        m = (m & ~UINT64_C(0x7ff)) | ((m & 0x7ff) ? 0x800 : 0);
    return negative ? -(double)m : (double)m;
}

static float as_float(number n) /* one rounding from the exact value */
{
    return n.kind == REAL ? (float)n.real : n.kind == SIGNED ? (float)n.whole : (float)n.natural;
}

/* The same from double to float32, for formats with fewer bits than that. */
static float to_odd(double value)
{
    float f = (float)value;
    uint32_t bits = mica_f32_bits(f);
    if ((double)f == value || f != f || fabsf(f) > 3.4e38f)
        return f;
    if (fabs((double)f) > fabs(value))
        bits--; /* truncate */
    return mica_bits_f32(bits | 1);
}

/* Whether the number, without its fraction, lies in [low, high]. */
static bool in_range(number n, int64_t low, uint64_t high)
{
    if (n.kind == UNSIGNED)
        return n.natural <= high;
    if (n.kind == SIGNED)
        return n.whole >= low && (n.whole < 0 || (uint64_t)n.whole <= high);
    double t = trunc(n.real);
    return t >= (double)low && (high >= UINT64_C(1) << 53 ? t < (double)high : t <= (double)high);
}

static uint64_t as_bits(number n)
{
    if (n.kind == UNSIGNED)
        return n.natural;
    if (n.kind == SIGNED)
        return (uint64_t)n.whole;
    return n.real < 0 ? (uint64_t)(int64_t)n.real : (uint64_t)n.real;
}

/* Stores an integer of `size` bytes; false if it does not fit. */
static bool store_integer(number n, size_t size, bool is_signed, unsigned char *p)
{
    unsigned bits = (unsigned)size * 8;
    uint64_t high = is_signed    ? (UINT64_C(1) << (bits - 1)) - 1
                    : bits == 64 ? UINT64_MAX
                                 : (UINT64_C(1) << bits) - 1;
    int64_t low = is_signed ? -(int64_t)high - 1 : 0;
    if (!in_range(n, low, high))
        return false;
    uint64_t value = as_bits(n);
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    memcpy(p,
           size == 1   ? (void *)&u8
           : size == 2 ? (void *)&u16
           : size == 4 ? (void *)&u32
                       : (void *)&value,
           size);
    return true;
}

static bool store(mica_dtype dtype, number n, unsigned char *p)
{
    float f32;
    double f64;
    uint16_t half;
    uint8_t flag;
    switch (dtype) {
    case MICA_DTYPE_F32:
        f32 = as_float(n);
        memcpy(p, &f32, sizeof f32);
        return true;
    case MICA_DTYPE_F64:
        f64 = as_double(n);
        memcpy(p, &f64, sizeof f64);
        return true;
    case MICA_DTYPE_F16:
        half = mica_f32_to_f16(to_odd(as_odd_double(n)));
        memcpy(p, &half, sizeof half);
        return true;
    case MICA_DTYPE_BF16:
        half = mica_f32_to_bf16(to_odd(as_odd_double(n)));
        memcpy(p, &half, sizeof half);
        return true;
    case MICA_DTYPE_BOOL:
        flag = n.kind == REAL ? n.real != 0 : n.kind == SIGNED ? n.whole != 0 : n.natural != 0;
        memcpy(p, &flag, sizeof flag);
        return true;
    case MICA_DTYPE_I8:
    case MICA_DTYPE_I16:
    case MICA_DTYPE_I32:
    case MICA_DTYPE_I64:
        return store_integer(n, mica_dtype_size(dtype), true, p);
    default:
        return store_integer(n, mica_dtype_size(dtype), false, p);
    }
}

mica_status mica_convert(mica_dtype from, const void *src, mica_dtype to, void *dst, size_t n,
                         mica_error *err)
{
    const unsigned char *x = src;
    unsigned char *y = dst;
    if (to == MICA_DTYPE_F32) {
        mica_convert_to_f32(from, src, dst, n);
        return MICA_OK;
    }
    for (size_t i = 0; i < n; i++) {
        number one = load(from, x + i * mica_dtype_size(from));
        if (store(to, one, y + i * mica_dtype_size(to)))
            continue;
        double value = as_double(one);
        return mica_fail(
            err, isfinite(value) ? MICA_STATUS_INVALID_ARGUMENT : MICA_STATUS_NOT_FINITE,
            "element %zu is %.15g, which %s cannot hold", i, value, mica_dtype_name(to));
    }
    return MICA_OK;
}

bool mica_dtype_holds(mica_dtype dtype, double value)
{
    unsigned char one[8];
    if (!store(dtype, (number){REAL, value, 0, 0}, one))
        return false;
    number kept = load(dtype, one);
    return kept.kind == REAL ? !isfinite(value) || isfinite(kept.real) : as_double(kept) == value;
}

mica_status mica_tensor_cast(const mica_tensor *tensor, mica_dtype dtype, mica_tensor **out,
                             mica_error *err)
{
    mica_dtype from = mica_tensor_dtype(tensor);
    mica_status status =
        mica_tensor_create(dtype, mica_tensor_rank(tensor), mica_tensor_dims(tensor), out, err);
    if (status)
        return status;
    size_t count = (size_t)mica_tensor_count(tensor);
    const void *src = mica_tensor_data(tensor);
    void *dst = mica_tensor_data_mut(*out);
    if (from == dtype) {
        if (count)
            memcpy(dst, src, mica_tensor_bytes(tensor));
        return MICA_OK;
    }
    status = mica_convert(from, src, dtype, dst, count, err);
    if (status) {
        mica_error_prefix(err, "cast of %s to %s: ", mica_dtype_name(from), mica_dtype_name(dtype));
        mica_tensor_release(out);
    }
    return status;
}
