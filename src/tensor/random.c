/* SPDX-License-Identifier: MIT
 *
 * Normal deviates from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * 2011) by the Box-Muller transform. Element 2i and 2i+1 come from counter i under key `seed` and
 * `stream`, so a value depends on nothing else.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "mica/tensor.h"

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

mica_status mica_tensor_fill_normal(mica_tensor *tensor, double mean, double stddev, uint64_t seed,
                                    uint64_t stream, mica_error *err)
{
    float *data = mica_tensor_data_mut(tensor);
    if (!data || mica_tensor_dtype(tensor) != MICA_DTYPE_F32)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "random numbers fill float32 tensors made by mica_tensor_create only");
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
