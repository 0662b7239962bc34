/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "backends/backend.h"
#include "base/alloc.h"
#include "base/cpu.h"

enum { MOST_THREADS = 1024 };

struct mica_context {
    mica_pool *pool;
    mica_backend *backend;
    mica_log_sink log;
    mica_context_options options;
    mica_context_info info;
    atomic_bool cancelled; /* lock-free, so a signal handler may set it */
};

void mica_context_options_defaults(mica_context_options *options)
{
    *options = (mica_context_options){0};
}

static void forward_log(void *user, int level, const char *line)
{
    static const mica_log_severity severities[] = {[MICA_LOG_DEBUG] = MICA_LOG_SEVERITY_DEBUG,
                                                   [MICA_LOG_INFO] = MICA_LOG_SEVERITY_INFO,
                                                   [MICA_LOG_WARNING] = MICA_LOG_SEVERITY_WARNING};
    const mica_context *context = user;
    context->options.log(context->options.log_user, severities[level], line);
}

static mica_status choose_threads(mica_context *context, mica_error *err)
{
    mica_context_info *info = &context->info;
    mica_thread_choice choice;
    mica_status status = mica_threads_choose(&choice, err);
    if (status != MICA_OK)
        return status;
    info->threads = choice.threads;
    info->threads_reason = choice.reason;
    info->processors_online = choice.online;
    info->processors_affinity = choice.affinity;
    info->cgroup_quota = choice.quota;
    if (context->options.threads != 0) {
        info->threads = context->options.threads;
        info->threads_reason = "options";
    }
    return MICA_OK;
}

static mica_status check_options(const mica_context_options *options, mica_error *err)
{
    if (options->threads > MOST_THREADS)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "context: %zu threads asked for, at most %d", options->threads,
                         MOST_THREADS);
    for (size_t i = 0; i < sizeof options->reserved / sizeof options->reserved[0]; i++) {
        if (options->reserved[i] != 0)
            return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                             "context: reserved option %zu is %u, it must be 0", i,
                             options->reserved[i]);
    }
    return MICA_OK;
}

mica_status mica_context_create(const mica_context_options *options, mica_context **out,
                                mica_error *err)
{
    mica_cpu_level level = MICA_CPU_C;
    *out = NULL;
    mica_status status = options != NULL ? check_options(options, err) : MICA_OK;
    if (status != MICA_OK)
        return status;
    mica_context *context = mica_calloc(1, sizeof *context);
    if (context == NULL)
        return mica_fail_memory(err, sizeof *context, "a context");
    atomic_init(&context->cancelled, false);
    if (options != NULL)
        context->options = *options;
    if (context->options.log != NULL)
        context->log = (mica_log_sink){forward_log, context};
    status = choose_threads(context, err);
    if (status == MICA_OK)
        status = mica_cpu_choose(&level, err);
    if (status == MICA_OK)
        status = mica_pool_create(context->info.threads, &context->pool, err);
    if (status == MICA_OK)
        status = mica_backend_cpu_create(context->pool, (int)level, &context->backend, err);
    if (status != MICA_OK) {
        mica_context_destroy(&context);
        return status;
    }
    context->info.cpu = mica_cpu_model();
    context->info.backend = context->backend->vtable->name;
    context->info.kernels = mica_cpu_level_name(level);
    mica_backend_cpu_describe(context->backend, &context->info);
    context->info.kernels_best = mica_cpu_level_name(mica_cpu_detect());
    *out = context;
    return MICA_OK;
}

void mica_context_destroy(mica_context **context)
{
    if (context == NULL || *context == NULL)
        return;
    if ((*context)->backend != NULL)
        (*context)->backend->vtable->destroy(&(*context)->backend);
    mica_pool_destroy(&(*context)->pool);
    mica_free(*context);
    *context = NULL;
}

void mica_context_cancel(mica_context *context)
{
    atomic_store_explicit(&context->cancelled, true, memory_order_relaxed);
}

void mica_context_clear_cancel(mica_context *context)
{
    atomic_store_explicit(&context->cancelled, false, memory_order_relaxed);
}

bool mica_context_cancelled(const mica_context *context)
{
    return atomic_load_explicit(&context->cancelled, memory_order_relaxed);
}

mica_backend *mica_context_backend(mica_context *context)
{
    return context->backend;
}

mica_pool *mica_context_pool(mica_context *context)
{
    return context->pool;
}

const mica_log_sink *mica_context_log(const mica_context *context)
{
    return &context->log;
}

void mica_context_get_info(const mica_context *context, mica_context_info *info)
{
    *info = context->info;
}

mica_precision mica_context_precision(const mica_context *context, mica_precision precision)
{
    if (precision != MICA_PRECISION_AUTO)
        return precision;
    return context->info.bf16_is_fast ? MICA_PRECISION_BF16 : MICA_PRECISION_F32;
}
