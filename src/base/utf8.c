/* SPDX-License-Identifier: MIT
 *
 * UTF-8 by the table of well-formed sequences (Unicode, 3.9, table 3-7).
 */
#include "base/utf8.h"

#include "base/bytes.h"

size_t mica_utf8_decode(const char *text, const char *end, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t left = (size_t)(end - text);
    uint32_t c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    if (c >= 0xc2 && c < 0xe0 && left >= 2 && (p[1] & 0xc0) == 0x80) {
        *cp = (c & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < length)
        return 0;
    c &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *cp = c;
    return length;
}

size_t mica_utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp >= 0xd800 && cp < 0xe000)
        return 0;
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    if (cp > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

size_t mica_utf8_valid_prefix(const char *data, size_t size)
{
    size_t i = 0, length;
    uint32_t cp;
    while (size - i >= 8) { /* eight bytes at once, as long as they are ASCII */
        uint64_t high = mica_load64(data + i) & MICA_BYTES(0x80);
        i += high ? mica_lowest_byte(high) : 8;
        if (!high)
            continue;
        length = mica_utf8_decode(data + i, data + size, &cp);
        if (length == 0)
            return i;
        i += length;
    }
    for (; i < size; i += length) {
        length = mica_utf8_decode(data + i, data + size, &cp);
        if (length == 0)
            return i;
    }
    return size;
}

size_t mica_utf8_count(const char *data, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)data[i] & 0xc0) != 0x80;
    return count;
}
