/* SPDX-License-Identifier: MIT
 *
 * ASCII eight bytes at a time: where runs of letters end.
 */
#ifndef MICA_TOKENIZER_ASCII_H
#define MICA_TOKENIZER_ASCII_H

#include <stddef.h>

#include "base/bytes.h"

/* The high bit of each byte from `first` to `last`; bytes of `low` are below 128. */
static inline uint64_t mica_tok_in_range(uint64_t low, unsigned char first, unsigned char last)
{
    return (low + MICA_BYTES(0x80u - first)) & ~(low + MICA_BYTES(0x7Fu - last)) & MICA_BYTES(0x80);
}

/* The high bit of each byte that is no ASCII letter. */
static inline uint64_t mica_tok_no_letters(uint64_t word)
{
    uint64_t lower = (word & MICA_BYTES(0x7F)) | MICA_BYTES(0x20);

    return (~mica_tok_in_range(lower, 'a', 'z') | word) & MICA_BYTES(0x80);
}

/* The end of the ASCII letters from `at` on, or a place before it that is less than eight bytes
 * from `size`. */
static inline size_t mica_tok_skip_letters(const char *data, size_t at, size_t size)
{
    while (size - at >= 8) {
        uint64_t stop = mica_tok_no_letters(mica_load64(data + at));
        if (stop)
            return at + mica_lowest_byte(stop);
        at += 8;
    }
    return at;
}

/* The same of letters and digits. */
static inline size_t mica_tok_skip_alphanumeric(const char *data, size_t at, size_t size)
{
    while (size - at >= 8) {
        uint64_t word = mica_load64(data + at), low = word & MICA_BYTES(0x7F);
        uint64_t digits = mica_tok_in_range(low, '0', '9') & ~word;
        uint64_t stop = mica_tok_no_letters(word) & ~digits;
        if (stop)
            return at + mica_lowest_byte(stop);
        at += 8;
    }
    return at;
}

#endif
