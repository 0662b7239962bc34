/* SPDX-License-Identifier: MIT
 *
 * Random numbers from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * 2011), as mica/tensor.h says exactly.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "mica/tensor.h"
#include "tensor/convert.h"

static void philox(uint32_t counter[4], uint64_t seed)
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53u * counter[0], b = (uint64_t)0xcd9e8d57u * counter[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ counter[1] ^ key0, (uint32_t)b,
                            (uint32_t)(a >> 32) ^ counter[3] ^ key1, (uint32_t)a};
        memcpy(counter, next, sizeof next);
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
}

/* Uniform in (0, 1]: 53 random bits. */
static double uniform(uint32_t high, uint32_t low)
{
    return ((double)((uint64_t)high << 21 | low >> 11) + 1) * 0x1p-53;
}

/* A number that the dtype can hold, to element i. */
static void put_number(mica_dtype dtype, void *data, size_t i, double value)
{
    size_t size = mica_dtype_size(dtype);
    unsigned char *to = (unsigned char *)data + i * size;
    if (dtype == MICA_DTYPE_F64) {
        memcpy(to, &value, sizeof value);
    } else if (dtype == MICA_DTYPE_F32) {
        float f32 = (float)value;
        memcpy(to, &f32, sizeof f32);
    } else if (dtype == MICA_DTYPE_F16 || dtype == MICA_DTYPE_BF16) {
        float f32 = (float)value;
        uint16_t half = dtype == MICA_DTYPE_F16 ? mica_f32_to_f16(f32) : mica_f32_to_bf16(f32);
        memcpy(to, &half, sizeof half);
    } else {
        uint64_t natural = value < 0 ? (uint64_t)(int64_t)value : (uint64_t)value;
        uint8_t u8 = (uint8_t)natural;
        uint16_t u16 = (uint16_t)natural;
        uint32_t u32 = (uint32_t)natural;
        memcpy(to,
               size == 1   ? (void *)&u8
               : size == 2 ? (void *)&u16
               : size == 4 ? (void *)&u32
                           : (void *)&natural,
               size);
    }
}

static bool is_real(mica_dtype dtype)
{
    return dtype == MICA_DTYPE_F32 || dtype == MICA_DTYPE_F64 || dtype == MICA_DTYPE_F16 ||
           dtype == MICA_DTYPE_BF16;
}

/* What a dtype holds: [least, most] of floats, [least, most) of whole numbers. */
static void range_of(mica_dtype dtype, double *least, double *most)
{
    bool is_signed = dtype == MICA_DTYPE_I8 || dtype == MICA_DTYPE_I16 || dtype == MICA_DTYPE_I32 ||
                     dtype == MICA_DTYPE_I64;
    double half = ldexp(1, (int)mica_dtype_size(dtype) * 8 - 1);
    if (is_real(dtype)) {
        *most = dtype == MICA_DTYPE_F64   ? DBL_MAX
                : dtype == MICA_DTYPE_F32 ? (double)FLT_MAX
                : dtype == MICA_DTYPE_F16 ? 65504
                                          : 0x1.fep127;
        *least = -*most;
        return;
    }
    *least = is_signed ? -half : 0;
    *most = is_signed ? half : 2 * half;
}

mica_status mica_tensor_fill_uniform(mica_tensor *tensor, double low, double high, uint64_t seed,
                                     uint64_t stream, mica_error *err)
{
    void *data = mica_tensor_data_mut(tensor);
    mica_dtype dtype = mica_tensor_dtype(tensor);
    double least, most;
    bool whole = !is_real(dtype);
    range_of(dtype, &least, &most);
    if (!data || dtype == MICA_DTYPE_BOOL)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "random numbers fill tensors made by mica_tensor_create only, and none of "
                         "bool");
    if (!(low < high) || !isfinite(high - low) || low < least || high > most ||
        (whole && (floor(low) != low || floor(high) != high)))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "random %s in [%g, %g): that is not a range of it", mica_dtype_name(dtype),
                         low, high);
    size_t count = (size_t)mica_tensor_count(tensor);
    double last = high - 1 < high ? high - 1 : nextafter(high, low); /* from 2^53 on, even ones */
    for (size_t i = 0; i < count; i++) {
        uint64_t pair = i / 2;
        uint32_t c[4] = {(uint32_t)pair, (uint32_t)(pair >> 32), (uint32_t)stream,
                         (uint32_t)(stream >> 32)};
        philox(c, seed);
        size_t at = i % 2 * 2;
        double u = (double)((uint64_t)c[at] << 21 | c[at + 1] >> 11) * 0x1p-53;
        double value = low + (high - low) * u;
        if (whole)
            value = floor(value) < high ? floor(value) : last;
        put_number(dtype, data, i, value);
    }
    return MICA_OK;
}

mica_status mica_tensor_fill_normal(mica_tensor *tensor, double mean, double stddev, uint64_t seed,
                                    uint64_t stream, mica_error *err)
{
    float *data = mica_tensor_data_mut(tensor);
    if (!data || mica_tensor_dtype(tensor) != MICA_DTYPE_F32)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "random numbers fill float32 tensors made by mica_tensor_create only");
    if (!(fabs(mean) + 9 * fabs(stddev) <= (double)FLT_MAX)) /* a deviate is below 8.6 */
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "random float32 of mean %g and standard deviation %g: they may leave its "
                         "range",
                         mean, stddev);
    size_t count = (size_t)mica_tensor_count(tensor);
    for (size_t i = 0; i < count; i += 2) {
        uint64_t pair = i / 2;
        uint32_t c[4] = {(uint32_t)pair, (uint32_t)(pair >> 32), (uint32_t)stream,
                         (uint32_t)(stream >> 32)};
        philox(c, seed);
        double radius = sqrt(-2 * log(uniform(c[0], c[1])));
        double angle = 6.283185307179586 * uniform(c[2], c[3]);
        data[i] = (float)(mean + stddev * radius * cos(angle));
        if (i + 1 < count)
            data[i + 1] = (float)(mean + stddev * radius * sin(angle));
    }
    return MICA_OK;
}
