/* SPDX-License-Identifier: MIT
 *
 * Filling a mica_error. Every failing path of the library ends in one of these.
 */
#ifndef MICA_BASE_ERROR_H
#define MICA_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#include "mica/status.h"

#if defined(__GNUC__)
#define MICA_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MICA_PRINTF(fmt, args)
#endif

/* Copies `text` into out[size] (4 bytes at least), safe to print: control characters and invalid
 * UTF-8 become \xNN, and what does not fit is cut at a character boundary and ends in "...". */
void mica_copy_printable(char *out, size_t size, const char *text);

/* Writes status and text, made printable, into `err` (may be NULL) and returns `status`, so that a
 * caller can write `return mica_fail(err, ...)`. */
mica_status mica_fail(mica_error *err, mica_status status, const char *format, ...)
    MICA_PRINTF(3, 4);
mica_status mica_fail_v(mica_error *err, mica_status status, const char *format, va_list args);

/* "out of memory: N bytes for WHAT" */
mica_status mica_fail_memory(mica_error *err, size_t bytes, const char *what);

/* "WHAT 'PATH': strerror(errno_value)"; ENOENT gives NOT_FOUND, ENOMEM OUT_OF_MEMORY, ENOSPC and
 * EDQUOT DISK_FULL (and what to do about it), else IO. */
mica_status mica_fail_errno(mica_error *err, int errno_value, const char *what, const char *path);

/* Puts a text in front of an error that is already there ("model.safetensors: ..."). */
void mica_error_prefix(mica_error *err, const char *format, ...) MICA_PRINTF(2, 3);

#endif
