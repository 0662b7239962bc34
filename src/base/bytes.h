/* SPDX-License-Identifier: MIT
 *
 * Eight bytes at a time, in the order of memory on every machine: the first byte is the lowest.
 */
#ifndef MICA_BASE_BYTES_H
#define MICA_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

/* A byte of every byte of a word. */
#define MICA_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t mica_load64(const void *data)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return word;
#else
    const unsigned char *p = data;
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return word;
#endif
}

/* Which byte holds the lowest bit that is set; word != 0. */
static inline unsigned mica_lowest_byte(uint64_t word)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(word) / 8;
#else
    unsigned byte = 0;
    for (; !(word & 255); word >>= 8)
        byte++;
    return byte;
#endif
}

#endif
