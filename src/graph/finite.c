/* SPDX-License-Identifier: MIT
 *
 * Whether numbers are finite, by their exponent bits: all ones means infinity or NaN. Adding one to
 * the exponent field then carries into the place of the sign, which has been cleared; the sums are
 * gathered with OR, so the loops have no branch and become vector code.
 */
#include <stdatomic.h>
#include <string.h>

#include "graph/program.h"

enum { GROUP = 64, CHUNK = 1 << 16 };

/* f32: sign 1, exponent 8, fraction 23; `n` <= CHUNK */
static bool finite_f32(const unsigned char *data, size_t n)
{
    uint32_t carry[GROUP] = {0}, bits[GROUP];
    for (; n >= GROUP; n -= GROUP, data += sizeof bits) {
        memcpy(bits, data, sizeof bits);
        for (int i = 0; i < GROUP; i++)
            carry[i] |= (bits[i] & 0x7fffffffu) + 0x00800000u;
    }
    memcpy(bits, data, n * sizeof bits[0]);
    for (size_t i = 0; i < n; i++)
        carry[0] |= (bits[i] & 0x7fffffffu) + 0x00800000u;
    for (int i = 1; i < GROUP; i++)
        carry[0] |= carry[i];
    return carry[0] >> 31 == 0;
}

/* f16 (exponent from bit 10) and bf16 (from bit 7) */
static bool finite_16(const unsigned char *data, size_t n, uint32_t one)
{
    uint32_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        carry |= (bits & 0x7fffu) + one;
    }
    return (carry & 0x8000u) == 0;
}

static bool finite_f64(const unsigned char *data, size_t n)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        carry |= (bits & (UINT64_MAX >> 1)) + (UINT64_C(1) << 52);
    }
    return carry >> 63 == 0;
}

static bool finite(mica_dtype dtype, const unsigned char *data, size_t n)
{
    switch (dtype) {
    case MICA_DTYPE_F32:
        return finite_f32(data, n);
    case MICA_DTYPE_F16:
        return finite_16(data, n, 1u << 10);
    case MICA_DTYPE_BF16:
        return finite_16(data, n, 1u << 7);
    case MICA_DTYPE_F64:
        return finite_f64(data, n);
    default:
        return true;
    }
}

typedef struct search {
    mica_dtype dtype;
    const unsigned char *data;
    size_t count, element;
    atomic_bool found;
} search;

static void search_chunk(void *arg, size_t task, size_t worker)
{
    search *s = arg;
    size_t begin = task * CHUNK, n = s->count - begin < CHUNK ? s->count - begin : CHUNK;
    if (!finite(s->dtype, s->data + begin * s->element, n))
        atomic_store_explicit(&s->found, true, memory_order_relaxed);
}

bool mica_all_finite(mica_pool *pool, mica_dtype dtype, const void *data, size_t count, size_t *at)
{
    search s = {.dtype = dtype, .data = data, .count = count, .element = mica_dtype_size(dtype)};
    atomic_init(&s.found, false);
    size_t chunks = count / CHUNK + (count % CHUNK != 0);
    if (pool)
        mica_pool_run(pool, chunks, search_chunk, &s);
    for (size_t chunk = 0; chunk < chunks && !pool; chunk++)
        search_chunk(&s, chunk, 0);
    if (!atomic_load_explicit(&s.found, memory_order_relaxed))
        return true;
    size_t i = 0;
    while (i < count && finite(dtype, s.data + i * s.element, 1))
        i++;
    *at = i;
    return false;
}
