/* SPDX-License-Identifier: MIT
 *
 * A growable byte buffer with a stated maximum. Errors stick: append freely, then ask
 * mica_buf_failed once. There is always a NUL after the last byte, so `data` is a C string once
 * anything has been appended; use mica_buf_cstr where it may be empty.
 */
#ifndef MICA_BASE_BUF_H
#define MICA_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct mica_buf {
    char *data;
    size_t size, capacity, max;
    bool failed; /* out of memory, or over max */
} mica_buf;

void mica_buf_init(mica_buf *buf, size_t max);
void mica_buf_free(mica_buf *buf);
void mica_buf_clear(mica_buf *buf); /* keeps the memory, clears `failed` */
bool mica_buf_append(mica_buf *buf, const void *data, size_t size);
bool mica_buf_text(mica_buf *buf, const char *text);
bool mica_buf_char(mica_buf *buf, char c);
bool mica_buf_codepoint(mica_buf *buf, uint32_t cp); /* as UTF-8 */
bool mica_buf_printf(mica_buf *buf, const char *format, ...) MICA_PRINTF(2, 3);
bool mica_buf_reserve(mica_buf *buf, size_t extra);
const char *mica_buf_cstr(const mica_buf *buf); /* "" when empty */
/* Hands the bytes over (NUL-terminated, freed with mica_free); NULL if failed. Empties buf. */
char *mica_buf_take(mica_buf *buf, size_t *size);

#endif
