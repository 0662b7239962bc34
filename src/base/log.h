/* SPDX-License-Identifier: MIT
 *
 * The library never prints. It hands a line of text to the caller's sink, or to nobody.
 */
#ifndef MICA_BASE_LOG_H
#define MICA_BASE_LOG_H

#include "base/error.h"

typedef enum mica_log_level { MICA_LOG_DEBUG, MICA_LOG_INFO, MICA_LOG_WARNING } mica_log_level;
typedef void (*mica_log_fn)(void *user, int level, const char *line);
typedef struct mica_log_sink {
    mica_log_fn fn; /* NULL = nobody listens */
    void *user;
} mica_log_sink;

/* `log` may be NULL. The line is made safe to print like an error text. */
void mica_log_write(const mica_log_sink *log, mica_log_level level, const char *format, ...)
    MICA_PRINTF(3, 4);

#endif
