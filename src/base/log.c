/* SPDX-License-Identifier: MIT */
#include "base/log.h"

void mica_log_write(const mica_log_sink *log, mica_log_level level, const char *format, ...)
{
    if (!log || !log->fn)
        return;
    mica_error line; /* the same rules for what may be printed as for an error text */
    va_list args;
    va_start(args, format);
    mica_fail_v(&line, MICA_OK, format, args);
    va_end(args);
    log->fn(log->user, (int)level, line.message);
}
