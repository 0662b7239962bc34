/* SPDX-License-Identifier: MIT
 *
 * What every command that computes needs: a context that Ctrl-C cancels, the model, a session.
 */
#include <stdlib.h>

#include "cli.h"

static bool verbose_log;

void log_line(void *user, mica_log_severity severity, const char *line)
{
    if (severity >= MICA_LOG_SEVERITY_WARNING || verbose_log)
        fprintf(stderr, "mica: %s%s\n", severity >= MICA_LOG_SEVERITY_WARNING ? "warning: " : "",
                line);
}

static void say_what_is_used(const engine *e)
{
    mica_context_info c;
    mica_model_info m;
    mica_context_get_info(e->context, &c);
    mica_model_get_info(e->model, &m);
    fprintf(stderr,
            "mica: %s (%s), %lld parameters from %s (%s); computing in %s, %s kernels, %zu threads "
            "(%s); pooling %s, %s, at most %zu tokens\n",
            m.path, m.model_type, (long long)m.parameters, m.weights, m.dtype,
            mica_precision_name(m.precision), c.kernels, c.threads, c.threads_reason,
            m.pooling ? m.pooling : "none", m.normalize ? "normalized" : "not normalized",
            m.max_length);
}

void engine_option_rows(engine_options *options, option *rows)
{
    rows[0] = (option){"dtype",
                       0,
                       OPTION_DTYPE,
                       &options->dtype,
                       "TYPE",
                       "compute in f32 (default), bf16, int8, or auto: the faster of f32 and bf16",
                       0,
                       0};
    rows[1] = (option){"threads",
                       't',
                       OPTION_NUMBER,
                       &options->threads,
                       "N",
                       "threads to use (default: all that are allowed)",
                       1,
                       1024};
    rows[2] =
        (option){"verbose", 'v', OPTION_FLAG, &options->verbose, NULL, "say what is used", 0, 0};
    rows[3] = (option){"packed-cache",
                       0,
                       OPTION_FLAG,
                       &options->packed_cache,
                       NULL,
                       "keep packed weights in ~/.cache/mica/packed, to start faster next time",
                       0,
                       0};
}

mica_status context_open(mica_context **out, int64_t threads, bool verbose, mica_error *err)
{
    mica_context_options options;
    mica_context_options_defaults(&options);
    options.threads = (size_t)threads;
    options.log = log_line;
    verbose_log = verbose;
    return mica_context_create(&options, out, err);
}

mica_status engine_open(engine *e, const char *model, const engine_options *options,
                        mica_error *err)
{
    mica_model_options settings;
    mica_model_options_defaults(&settings);
    settings.precision = options->dtype;
    settings.packed_cache = options->packed_cache;
    settings.once = options->once;
    mica_status status = context_open(&e->context, options->threads, options->verbose, err);
    if (!status)
        status = model_directory(model, e->context, e->quiet, &e->directory, err);
    if (!status) {
        interrupt_watch(e->context);
        status = mica_model_open_with(e->context, e->directory, &settings, &e->model, err);
    }
    if (!status)
        status = mica_session_create(e->model, &e->session, err);
    if (!status && options->verbose)
        say_what_is_used(e);
    return status;
}

void engine_close(engine *e)
{
    interrupt_forget();
    mica_session_destroy(&e->session);
    mica_model_destroy(&e->model);
    mica_context_destroy(&e->context);
    free(e->directory);
    e->directory = NULL;
}
