/* SPDX-License-Identifier: MIT */
#include "tokenizer/byte_level.h"

/* Bytes that do not stand for themselves: 00-20, 7F-A0 and AD. */
uint32_t mica_tok_byte_char(unsigned char byte)
{
    if (byte <= 0x20)
        return 0x100u + byte;
    if (byte >= 0x7F && byte <= 0xA0)
        return 0x121u + (byte - 0x7Fu);
    if (byte == 0xAD)
        return 0x143;
    return byte;
}

int mica_tok_char_byte(uint32_t c)
{
    if (c >= 0x100 && c <= 0x120)
        return (int)(c - 0x100);
    if (c >= 0x121 && c <= 0x142)
        return (int)(c - 0x121 + 0x7F);
    if (c == 0x143)
        return 0xAD;
    if (c > 0xFF || c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD)
        return -1;
    return (int)c;
}

size_t mica_tok_spell_bytes(const char *data, size_t size, char *out)
{
    char *to = out;

    for (size_t i = 0; i < size; i++) {
        uint32_t c = mica_tok_byte_char((unsigned char)data[i]);
        if (c < 0x80) {
            *to++ = (char)c;
        } else { /* all of them have two bytes */
            *to++ = (char)(0xC0 | c >> 6);
            *to++ = (char)(0x80 | (c & 0x3F));
        }
    }
    return (size_t)(to - out);
}
