/* SPDX-License-Identifier: MIT
 *
 * Making the files of a model be there.
 */
#include "hub/pull.h"

#include <string.h>

#include "base/alloc.h"
#include "hub/cache.h"

mica_status mica_hub_cached_commit(const mica_hub *hub, const mica_hub_id *id,
                                   char commit[MICA_HUB_COMMIT_HEX + 1], bool *found,
                                   mica_error *err)
{
    if (id->commit) {
        memcpy(commit, id->revision, MICA_HUB_COMMIT_HEX + 1);
        *found = true;
        return MICA_OK;
    }
    char *storage = mica_hub_storage(hub, id->repo);
    mica_status status = storage ? mica_hub_ref_read(storage, id->revision, commit, found, err)
                                 : mica_fail_memory(err, 0, "a path");
    mica_free(storage);
    return status;
}

mica_status mica_hub_fail_not_cached(const mica_hub *hub, const mica_hub_id *id, const char *file,
                                     mica_error *err)
{
    mica_buf near;
    mica_buf_init(&near, 4096);
    mica_hub_nearest(hub, id->repo, &near);
    mica_status status = mica_fail(
        err, MICA_STATUS_NOT_CACHED, "%s%s%s@%s is not in the cache '%s'%s%s", file ? file : "",
        file ? " of " : "", id->repo, id->revision, hub->settings.cache_dir,
        hub->settings.offline ? ", and offline mode is on (HF_HUB_OFFLINE)" : "",
        mica_buf_cstr(&near));
    mica_buf_free(&near);
    return status;
}

mica_status mica_hub_pull(mica_hub *hub, const char *text, const mica_hub_pull_options *options,
                          mica_hub_snapshot **out, mica_error *err)
{
    mica_hub_id id;
    mica_hub_pull_options defaults;
    mica_hub_snapshot *local = NULL;
    char commit[MICA_HUB_COMMIT_HEX + 1];
    bool found = false;
    *out = NULL;
    mica_hub_pull_options_defaults(&defaults);
    const mica_hub_pull_options *o = options ? options : &defaults;
    mica_status status = mica_hub_id_parse(text, &id, err);
    if (!status)
        status = mica_hub_cached_commit(hub, &id, commit, &found, err);
    if (!status && found) {
        status = mica_hub_snapshot_load(hub, &id, commit, o, &local, err);
        if (status == MICA_STATUS_NOT_CACHED)
            status = MICA_OK;
    }
    if (!status && (!local || local->missing))
        status =
            hub->settings.offline
                ? mica_hub_fail_not_cached(hub, &id, local ? local->missing : NULL, err)
                : mica_fail(err, MICA_STATUS_UNSUPPORTED,
                            "%s is not in the cache, and downloading is not built yet", id.repo);
    if (!status) {
        *out = local;
        return MICA_OK;
    }
    mica_hub_snapshot_destroy(&local);
    return status;
}

mica_status mica_hub_fetch(mica_hub *hub, const char *id, const char *file, char **out,
                           mica_error *err)
{
    *out = NULL;
    return mica_fail(err, MICA_STATUS_UNSUPPORTED, "downloading is not built yet");
}
