/* SPDX-License-Identifier: MIT
 *
 * A context: the threads and the backend that work is done with, and where log lines go.
 *
 * One context may be used by any number of the caller's threads at once. Objects made from it
 * (models, programs) must be destroyed before it.
 */
#ifndef MICA_CONTEXT_H
#define MICA_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "mica/precision.h"
#include "mica/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_context mica_context;

typedef enum mica_log_severity {
    MICA_LOG_SEVERITY_DEBUG,
    MICA_LOG_SEVERITY_INFO,
    MICA_LOG_SEVERITY_WARNING
} mica_log_severity;

typedef struct mica_context_options {
    size_t threads; /* 0 (default): as many as affinity and cgroup quota allow, or MICA_THREADS */
    /* Gets one line of text without newline; may be called from any thread that calls the library.
     * NULL (default): nobody listens, the library never prints. */
    void (*log)(void *user, mica_log_severity severity, const char *line);
    void *log_user;
    unsigned reserved[8]; /* zero */
} mica_context_options;
MICA_API void mica_context_options_defaults(mica_context_options *options);

/* `options` NULL = defaults. The environment variable MICA_CPU (c, avx2, avx512, amx; on Arm c,
 * neon, dotprod, i8mm, bf16) lowers the instruction set that kernels use; an unknown name is
 * INVALID_ARGUMENT. */
MICA_API mica_status mica_context_create(const mica_context_options *options, mica_context **out,
                                         mica_error *err);
MICA_API void mica_context_destroy(mica_context **context);

/* Asks all work of this context to stop soon with CANCELLED; may be called from a signal handler or
 * another thread. Stays in force until cleared. */
MICA_API void mica_context_cancel(mica_context *context);
MICA_API void mica_context_clear_cancel(mica_context *context);

/* What was chosen and why, for people and for `mica doctor`. Texts live as long as the context. */
typedef struct mica_context_info {
    const char *cpu;          /* the processor's model name */
    const char *backend;      /* "cpu" */
    const char *kernels;      /* the level in use: "c", "avx2", "neon", ... */
    const char *kernels_best; /* the best level that chip and system offer */
    size_t threads;
    const char *threads_reason; /* "affinity", "cgroup quota", "MICA_THREADS", "options" */
    size_t processors_online, processors_affinity;
    double cgroup_quota;     /* in CPUs; 0 = none */
    const char *bf16, *int8; /* what multiplies numbers in bfloat16 and in 8 bits */
    bool bf16_is_fast;       /* faster than float32 */
} mica_context_info;
MICA_API void mica_context_get_info(const mica_context *context, mica_context_info *info);
/* What AUTO means on this machine; any other precision is itself. */
MICA_API mica_precision mica_context_precision(const mica_context *context,
                                               mica_precision precision);

#ifdef __cplusplus
}
#endif
#endif
