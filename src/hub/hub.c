/* SPDX-License-Identifier: MIT
 *
 * The client itself, and model arguments.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "hub/cache.h"
#include "hub/pull.h"
#include "hub/transport.h"

void mica_hub_options_defaults(mica_hub_options *options)
{
    memset(options, 0, sizeof *options);
    options->offline = -1;
    options->retry_seconds = 1;
}

void mica_hub_pull_options_defaults(mica_hub_pull_options *options)
{
    memset(options, 0, sizeof *options);
}

mica_status mica_hub_create(const mica_hub_options *options, mica_hub **out, mica_error *err)
{
    mica_hub_options defaults;
    mica_hub_options_defaults(&defaults);
    const mica_hub_options *o = options ? options : &defaults;
    *out = NULL;
    if (!(o->retry_seconds >= 0 && o->retry_seconds <= 3600) || o->parallel > 256)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "retry_seconds %g or parallel %zu is out of range", o->retry_seconds,
                         o->parallel);
    mica_hub *hub = mica_calloc(1, sizeof *hub);
    if (!hub)
        return mica_fail_memory(err, sizeof *hub, "the Hub's client");
    mica_status status = mica_hub_settings_read(o->cache_dir, o->endpoint, o->token, o->offline,
                                                &hub->settings, err);
    if (status) {
        mica_free(hub);
        return status;
    }
    hub->parallel = o->parallel ? o->parallel : 8;
    hub->retry_seconds = o->retry_seconds;
    hub->log = (mica_log_sink){o->log, o->log_user};
    hub->progress = o->progress;
    hub->progress_user = o->progress_user;
    atomic_init(&hub->cancelled, 0);
    *out = hub;
    return MICA_OK;
}

void mica_hub_destroy(mica_hub **hub)
{
    if (!hub || !*hub)
        return;
    mica_hub_transport_destroy(&(*hub)->transport);
    mica_hub_settings_free(&(*hub)->settings);
    mica_free(*hub);
    *hub = NULL;
}

void mica_hub_cancel(mica_hub *hub)
{
    atomic_store(&hub->cancelled, 1);
}

mica_status mica_hub_check_cancel(mica_hub *hub, mica_error *err)
{
    return atomic_load(&hub->cancelled) ? mica_fail(err, MICA_STATUS_CANCELLED, "cancelled")
                                        : MICA_OK;
}

void mica_hub_get_info(const mica_hub *hub, mica_hub_info *info)
{
    *info =
        (mica_hub_info){hub->settings.cache_dir, hub->settings.endpoint, hub->settings.token_source,
                        hub->settings.offline, hub->settings.progress_bars};
}

mica_status mica_hub_check_id(const char *model, mica_error *err)
{
    mica_hub_id id;
    return mica_hub_id_parse(model, &id, err);
}

void mica_hub_text_free(char **text)
{
    if (text) {
        mica_free(*text);
        *text = NULL;
    }
}

/* What can only be meant as a path. */
static bool looks_like_path(const char *model)
{
    const char *slash = strchr(model, '/');
    return model[0] == '.' || model[0] == '/' || model[0] == '~' ||
           (slash && strchr(slash + 1, '/') && !strchr(model, '@'));
}

mica_status mica_hub_resolve(mica_hub *hub, const char *model, const mica_hub_pull_options *options,
                             char **out, mica_error *err)
{
    struct stat info;
    mica_hub_snapshot *snapshot = NULL;
    mica_hub_pull_options as_cached;
    *out = NULL;
    if (options && (options->local_dir || options->dry_run))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "local_dir and dry_run do not go with a model argument");
    if (!*model)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the model's name is empty");
    bool here = stat(model, &info) == 0;
    if (!here && looks_like_path(model))
        return mica_fail(err, MICA_STATUS_NOT_FOUND, "'%s' is neither a directory nor a Hub id",
                         model);
    mica_hub_pull_options_defaults(&as_cached);
    if (options)
        as_cached = *options;
    as_cached.as_cached = true;
    mica_status status = here ? MICA_OK : mica_hub_pull(hub, model, &as_cached, &snapshot, err);
    if (!status && !(*out = mica_strdup(here ? model : snapshot->directory)))
        status = mica_fail_memory(err, 0, "a path");
    mica_hub_snapshot_destroy(&snapshot);
    return status;
}

mica_status mica_hub_inspect(mica_hub *hub, const char *text, mica_hub_snapshot **out,
                             mica_error *err)
{
    mica_hub_id id;
    mica_hub_pull_options options;
    char commit[MICA_HUB_COMMIT_HEX + 1];
    bool found = false;
    *out = NULL;
    mica_hub_pull_options_defaults(&options);
    mica_status status = mica_hub_id_parse(text, &id, err);
    if (!status)
        status = mica_hub_cached_commit(hub, &id, commit, &found, err);
    if (!status && !found)
        return mica_hub_fail_not_cached(hub, &id, NULL, err);
    if (!status)
        status = mica_hub_snapshot_load(hub, &id, commit, &options, out, err);
    if (status == MICA_STATUS_NO_ENTRY || status == MICA_STATUS_NO_WEIGHTS) {
        options.no_weights = true; /* it is no model, but there it is */
        options.include = (const char *const[]){"*"};
        options.include_count = 1;
        status = mica_hub_snapshot_load(hub, &id, commit, &options, out, err);
    }
    return status;
}
