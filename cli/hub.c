/* SPDX-License-Identifier: MIT
 *
 * Model arguments: a directory, or a Hub id that is fetched if need be. The one place where the
 * commands meet the Hub.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub.h"

static void log_below(void *user, int severity, const char *line)
{
    hub_client *h = user;
    transfer_erase(&h->display);
    log_line(NULL, (mica_log_severity)severity, line);
}

static void show_progress(void *user, const mica_hub_progress *state)
{
    transfer_show(&((hub_client *)user)->display, state);
}

mica_status hub_open(hub_client *h, bool quiet, mica_error *err)
{
    mica_hub_options options;
    mica_hub_info info;
    mica_hub_options_defaults(&options);
    options.log = log_below;
    options.log_user = h;
    options.progress = show_progress;
    options.progress_user = h;
    mica_status status = mica_hub_create(&options, &h->hub, err);
    if (status)
        return status;
    mica_hub_get_info(h->hub, &info);
    transfer_start(&h->display, quiet || info.progress_bars == 0);
    interrupt_watch_hub(h->hub);
    return MICA_OK;
}

void hub_close(hub_client *h)
{
    transfer_end(&h->display);
    interrupt_watch_hub(NULL);
    mica_hub_destroy(&h->hub);
}

/* What mica cannot run is refused before its weights are fetched. */
static mica_status accept_model(void *user, const char *directory, mica_error *err)
{
    mica_model *model = NULL;
    mica_status status = mica_model_describe(user, directory, &model, err);
    mica_model_destroy(&model);
    return status;
}

void hub_pull_options(mica_hub_pull_options *options, mica_context *context)
{
    mica_hub_pull_options_defaults(options);
    options->accept = accept_model;
    options->accept_user = context;
}

FILE *hub_open_extra(const char *model, const char *file)
{
    mica_hub_options options;
    mica_hub *hub = NULL;
    char *path = NULL;
    FILE *out = NULL;
    mica_hub_options_defaults(&options);
    options.retry_seconds = 0;
    if (mica_hub_create(&options, &hub, NULL))
        return NULL;
    interrupt_watch_hub(hub);
    if (!mica_hub_fetch(hub, model, file, &path, NULL))
        out = fopen(path, "r");
    interrupt_watch_hub(NULL);
    mica_hub_text_free(&path);
    mica_hub_destroy(&hub);
    return out;
}

void hub_say_interrupted(hub_client *h, const char *model)
{
    transfer_erase(&h->display);
    fprintf(stderr,
            "mica: interrupted; what was fetched of %.200s is kept, and the same command goes on "
            "from there\n",
            model);
}

static mica_status copy_path(const char *path, char **out, mica_error *err)
{
    *out = strdup(path);
    if (*out)
        return MICA_OK;
    err->status = MICA_STATUS_OUT_OF_MEMORY;
    snprintf(err->message, sizeof err->message, "out of memory for a path");
    return err->status;
}

/* Whoever meant a directory should not look for a repository. */
static void say_no_directory(mica_error *err)
{
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used,
             "; nor is there a directory of this name");
}

mica_status model_directory(const char *model, mica_context *context, bool quiet, char **out,
                            mica_error *err)
{
    hub_client h = {0};
    mica_hub_pull_options options;
    char *found = NULL;
    *out = NULL;
    if (access(model, F_OK) == 0) /* whatever the settings of the Hub are */
        return copy_path(model, out, err);
    mica_status status = hub_open(&h, quiet, err);
    hub_pull_options(&options, context);
    options.no_weights = !context;
    if (!status)
        status = mica_hub_resolve(h.hub, model, &options, &found, err);
    if (status == MICA_STATUS_CANCELLED)
        hub_say_interrupted(&h, model);
    if (status == MICA_STATUS_NO_REPOSITORY || status == MICA_STATUS_NOT_CACHED)
        say_no_directory(err);
    if (!status)
        status = copy_path(found, out, err);
    mica_hub_text_free(&found);
    hub_close(&h);
    return status;
}
