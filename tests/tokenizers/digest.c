/* SPDX-License-Identifier: MIT */
#include "digest.h"

/* A table made at the first use would be a race between threads: a nibble's table is short enough
 * to be written down. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

uint32_t test_crc(const void *data, size_t size, uint32_t crc)
{
    const unsigned char *p = data;

    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = nibbles[(crc ^ p[i]) & 15] ^ (crc >> 4);
        crc = nibbles[(crc ^ (p[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

static uint32_t add(uint64_t number, uint32_t crc)
{
    unsigned char bytes[4];

    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    return test_crc(bytes, 4, crc);
}

static uint32_t digest(const mica_encoding *encoding, bool texts, bool words, uint32_t crc)
{
    size_t count = mica_encoding_count(encoding);

    crc = add(count, crc);
    for (size_t i = 0; i < count; i++) {
        int8_t sequence = mica_encoding_sequence_ids(encoding)[i];
        crc = add((uint32_t)mica_encoding_ids(encoding)[i], crc);
        crc = add(texts ? (uint32_t)mica_encoding_type_ids(encoding)[i] : 0, crc);
        crc = add(mica_encoding_special_mask(encoding)[i], crc);
        crc = add(!texts ? 0 : sequence < 0 ? 2 : (uint32_t)sequence, crc);
        crc = add(mica_encoding_char_spans(encoding)[i].begin, crc);
        crc = add(mica_encoding_char_spans(encoding)[i].end, crc);
    }
    for (size_t i = 0; i < count && words; i++)
        crc = add((uint32_t)mica_encoding_word_ids(encoding)[i], crc);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *token = mica_encoding_token(encoding, i, &size);
        crc = test_crc(token, size, crc);
        crc = test_crc("", 1, crc);
    }
    return crc;
}

uint32_t test_digest(const mica_encoding *encoding, uint32_t crc)
{
    return digest(encoding, true, false, crc);
}

uint32_t test_window_digest(const mica_encoding *encoding, bool first)
{
    return test_crc(mica_encoding_attention_mask(encoding), mica_encoding_count(encoding),
                    digest(encoding, first, true, 0));
}
