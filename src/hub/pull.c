/* SPDX-License-Identifier: MIT
 *
 * Making the files of a model be there. The order is what keeps a cache whole: the listing, then
 * the small files, then (if the caller accepts them) the weights, and only then the reference, so
 * that a pull that is interrupted leaves the branch at the commit that it was at.
 */
#include "hub/pull.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/ask.h"
#include "hub/batch.h"
#include "hub/cache.h"
#include "hub/files.h"
#include "hub/select.h"

enum { SMALL_MAX = 64 << 20 };

typedef struct puller {
    mica_hub *hub;
    mica_hub_id id;
    const mica_hub_pull_options *options;
    char *storage, *notes;    /* of the model; where the listing is kept */
    mica_hub_snapshot *local; /* what the cache has; NULL = nothing */
    mica_hub_snapshot *snapshot;
    mica_hub_batch *batch;
} puller;

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
        hub->settings.offline ? ", and offline mode is on: unset HF_HUB_OFFLINE to fetch it" : "",
        mica_buf_cstr(&near));
    mica_buf_free(&near);
    return status;
}

/* ---- what the cache has ---- */

/* Loads the commit that the cache has for the id, if it has one. */
static mica_status load_local(puller *p, mica_error *err)
{
    char commit[MICA_HUB_COMMIT_HEX + 1];
    bool found = false;
    mica_error problem = {0};
    mica_status status = mica_hub_cached_commit(p->hub, &p->id, commit, &found, err);
    if (status || !found)
        return status;
    status = mica_hub_snapshot_load(p->hub, &p->id, commit, p->options, &p->local, &problem);
    if (status == MICA_STATUS_NOT_CACHED)
        return MICA_OK;
    /* What the listing of a commit says stays true. Of a branch, the next commit may be better. */
    if (status && status != MICA_STATUS_OUT_OF_MEMORY && !p->id.commit && !p->hub->settings.offline)
        return MICA_OK;
    return status ? mica_fail(err, status, "%s", problem.message) : MICA_OK;
}

static bool local_is_whole(const puller *p)
{
    return p->local && !p->local->missing && !p->options->force;
}

/* Whether the cache's word is enough: a commit does not change, and a branch need not be followed.
 * A folder that leaves a doubt is not enough for a branch, so that the doubt is settled once. */
static bool needs_no_request(const puller *p)
{
    bool settled = p->id.commit || (p->options->as_cached && p->local && !p->local->doubt);
    bool unknown = p->local && !p->local->listing.complete &&
                   (p->options->include_count ||
                    (p->local->doubt && strcmp(p->local->doubt, "tokenizer.json") == 0));
    return settled && local_is_whole(p) && !unknown;
}

static void tell_doubt(const puller *p)
{
    if (p->local->doubt)
        mica_log_write(&p->hub->log, MICA_LOG_WARNING,
                       "%s: whether the repository has %s is not known from the cache '%s'; it is "
                       "used without",
                       p->id.repo, p->local->doubt, p->local->directory);
}

/* After a failure to reach the Hub: what the cache has is used, and the failure told. Refusals of a
 * proxy and "there is no such revision" are no such failures. */
static bool can_fall_back(const puller *p, mica_status status)
{
    return local_is_whole(p) && !p->options->dry_run &&
           (status == MICA_STATUS_NETWORK || status == MICA_STATUS_TLS ||
            status == MICA_STATUS_HUB || status == MICA_STATUS_UNAUTHORIZED ||
            status == MICA_STATUS_GATED || status == MICA_STATUS_NO_REPOSITORY);
}

/* ---- what the Hub has ---- */

/* The commit of the revision, by one HEAD. Where a folder does not tell whether there is a
 * modules.json, that is the file to ask for: the answer settles both. */
static mica_status ask_commit(puller *p, char commit[MICA_HUB_COMMIT_HEX + 1], bool *refused,
                              mica_error *err)
{
    const char *file = p->local && p->local->doubt && strcmp(p->local->doubt, "modules.json") == 0
                           ? "modules.json"
                           : "config.json";
    mica_hub_metadata metadata;
    *refused = false;
    if (p->id.commit) {
        memcpy(commit, p->id.revision, MICA_HUB_COMMIT_HEX + 1);
        return MICA_OK;
    }
    mica_status status =
        mica_hub_ask_file(p->hub, &p->id, file, !local_is_whole(p), &metadata, err);
    *refused = metadata.refused;
    if (status)
        return status;
    memcpy(commit, metadata.commit, MICA_HUB_COMMIT_HEX + 1);
    if (!metadata.exists && !p->options->dry_run)
        mica_hub_note_missing(p->storage, commit, file);
    if (!metadata.exists && p->local && strcmp(p->local->commit, commit) == 0 && p->local->doubt &&
        strcmp(p->local->doubt, file) == 0)
        p->local->doubt = NULL;
    return MICA_OK;
}

/* The listing of the commit: noted by an earlier pull, or from the Hub. */
static mica_status find_listing(puller *p, mica_error *err)
{
    mica_hub_snapshot *s = p->snapshot;
    bool known = false;
    mica_status status = mica_hub_note_read(p->hub, p->notes, s->commit, &s->listing, &known, err);
    if (!status && !known && p->options->local_dir)
        status = mica_hub_note_read(p->hub, p->storage, s->commit, &s->listing, &known, err);
    if (status || known)
        return status;
    status = mica_hub_ask_tree(p->hub, &p->id, s->commit, &s->listing, err);
    if (!status && !p->options->dry_run)
        status = mica_hub_note_write(p->notes, s->commit, &s->listing, err);
    return status;
}

/* ---- choosing and fetching ---- */

/* A small file's text: from disk, or, if it is not to be there (it is excluded, or nothing may be
 * written), from the Hub. */
static mica_status read_small(void *user, const mica_hub_entry *entry, char **text, size_t *size,
                              mica_error *err)
{
    puller *p = user;
    char *path = mica_path_join(p->snapshot->directory, entry->path);
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    bool ask = !p->hub->settings.offline && mica_hub_file_size(path) != entry->size;
    mica_status status =
        ask ? mica_hub_ask_text(p->hub, &p->id, p->snapshot->commit, entry, text, size, err)
            : mica_file_read(path, SMALL_MAX, text, size, err);
    mica_free(path);
    return status;
}

static mica_status choose_rest(puller *p, mica_error *err)
{
    const mica_hub_pull_options *o = p->options;
    mica_hub_reader reader = {read_small, p};
    mica_status status = MICA_OK;
    if (!o->include_count)
        status = mica_hub_select_rest(&p->snapshot->listing, &reader, !o->no_weights, err);
    if (status)
        mica_error_prefix(err, "%s: ", p->id.repo);
    mica_hub_select_exclude(&p->snapshot->listing, o->exclude, o->exclude_count);
    return status;
}

static bool wants(const mica_hub_listing *listing, mica_hub_need need)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->items[i].need == need)
            return true;
    return false;
}

static mica_status accept(puller *p, mica_error *err)
{
    char *config = mica_path_join(p->snapshot->directory, "config.json");
    mica_status status = config ? MICA_OK : mica_fail_memory(err, 0, "a path");
    if (!status && p->options->accept && mica_file_exists(config) &&
        wants(&p->snapshot->listing, MICA_HUB_NEED_WEIGHTS))
        status = p->options->accept(p->options->accept_user, p->snapshot->directory, err);
    mica_free(config);
    return status;
}

/* .cache/huggingface in the local folder gets what huggingface_hub puts there. */
static mica_status prepare_local(puller *p, mica_error *err)
{
    int folder = -1;
    const char *below = ".cache/huggingface";
    mica_status status = mica_hub_folder_open(p->options->local_dir, below, true, &folder, err);
    if (!status) {
        mica_hub_tag_folder(p->notes);
        if (faccessat(folder, ".gitignore", F_OK, 0) != 0)
            mica_hub_put(folder, folder, ".gitignore", "*", 1, NULL);
        close(folder);
    }
    return status;
}

static mica_status prepare(puller *p, mica_error *err)
{
    int folder = -1;
    char below[sizeof "snapshots/" + MICA_HUB_COMMIT_HEX];
    if (p->options->local_dir)
        return prepare_local(p, err);
    snprintf(below, sizeof below, "snapshots/%s", p->snapshot->commit);
    mica_status status = mica_hub_folder_open(p->storage, below, true, &folder, err);
    if (folder >= 0)
        close(folder);
    mica_hub_tag_folder(p->hub->settings.cache_dir);
    return status;
}

static mica_status fetch_files(puller *p, mica_error *err)
{
    mica_hub_listing *listing = &p->snapshot->listing;
    const mica_hub_pull_options *o = p->options;
    if (o->include_count)
        mica_hub_select_matching(listing, o->include, o->include_count);
    else
        mica_hub_select_small(listing);
    mica_hub_select_exclude(listing, o->exclude, o->exclude_count);
    mica_status status = mica_hub_batch_create(p->hub, p->snapshot, o, &p->batch, err);
    if (!status && !o->dry_run)
        status = mica_hub_batch_run(p->batch, MICA_HUB_NEED_SMALL, err);
    if (!status)
        status = choose_rest(p, err);
    if (!status && o->dry_run)
        return mica_hub_batch_look(p->batch, err);
    if (!status) /* what the modules of a sentence-transformers model have */
        status = mica_hub_batch_run(p->batch, MICA_HUB_NEED_SMALL, err);
    if (!status)
        status = accept(p, err);
    if (!status)
        status = mica_hub_batch_run(p->batch, MICA_HUB_NEED_WEIGHTS, err);
    return status;
}

/* Makes the snapshot of a commit and fetches what it lacks. */
static mica_status fetch_commit(puller *p, const char *commit, mica_error *err)
{
    const char *local = p->options->local_dir;
    char *directory =
        local ? mica_strdup(local) : mica_hub_storage_path(p->storage, "snapshots", commit);
    mica_status status =
        directory ? mica_hub_snapshot_create(&p->id, commit, directory, &p->snapshot, err)
                  : mica_fail_memory(err, 0, "a path");
    mica_free(directory);
    if (!status)
        status = find_listing(p, err);
    if (!status && !p->options->dry_run)
        status = prepare(p, err);
    if (!status)
        status = fetch_files(p, err);
    if (!status && !p->options->dry_run && !local)
        status = mica_hub_ref_write(p->storage, p->id.revision, commit, err);
    mica_hub_name_root(status, local ? local : p->storage, err);
    return status;
}

/* Online: asks, and fetches what is missing. */
static mica_status pull_online(puller *p, mica_error *err)
{
    char commit[MICA_HUB_COMMIT_HEX + 1];
    bool refused = false;
    mica_error problem = {0};
    mica_status status = mica_hub_check_cancel(p->hub, &problem);
    if (!status)
        status = ask_commit(p, commit, &refused, &problem);
    bool same = !status && p->local && strcmp(p->local->commit, commit) == 0;
    if (same && local_is_whole(p) && !p->local->doubt && !p->options->local_dir &&
        (p->local->listing.complete || !p->options->include_count)) {
        p->snapshot = p->local;
        p->local = NULL;
        return MICA_OK;
    }
    if (!status)
        status = fetch_commit(p, commit, &problem);
    if (status && can_fall_back(p, status) && !refused && !p->options->local_dir) {
        mica_log_write(&p->hub->log, MICA_LOG_WARNING, "%s: %s; what is in the cache is used",
                       p->id.repo, problem.message);
        mica_hub_snapshot_destroy(&p->snapshot);
        tell_doubt(p);
        p->snapshot = p->local;
        p->local = NULL;
        return MICA_OK;
    }
    bool unreachable =
        status == MICA_STATUS_NETWORK || status == MICA_STATUS_TLS || status == MICA_STATUS_HUB;
    if (unreachable && (!p->local || p->local->missing))
        return mica_fail(err, status, "%s (%s is not in the cache '%s')", problem.message,
                         p->local && p->local->missing ? p->local->missing : p->id.repo,
                         p->hub->settings.cache_dir);
    return status ? mica_fail(err, status, "%s", problem.message) : MICA_OK;
}

/* Offline, or a commit that is there: no request. Into a local folder the cache's files are copied.
 */
static mica_status pull_offline(puller *p, mica_error *err)
{
    if (p->hub->settings.offline && !local_is_whole(p))
        return mica_hub_fail_not_cached(
            p->hub, &p->id, p->local && p->local->missing ? p->local->missing : "config.json", err);
    tell_doubt(p);
    if (p->options->local_dir && !p->options->dry_run)
        return fetch_commit(p, p->local->commit, err);
    p->snapshot = p->local;
    p->local = NULL;
    return MICA_OK;
}

static mica_status check_options(const puller *p, mica_error *err)
{
    if (p->options->force && p->hub->settings.offline)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT,
                         "force does not go with offline mode (HF_HUB_OFFLINE)");
    if (p->options->local_dir && !*p->options->local_dir)
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the local folder has no name");
    return MICA_OK;
}

mica_status mica_hub_pull(mica_hub *hub, const char *text, const mica_hub_pull_options *options,
                          mica_hub_snapshot **out, mica_error *err)
{
    mica_hub_pull_options defaults;
    mica_hub_pull_options_defaults(&defaults);
    puller p = {.hub = hub, .options = options ? options : &defaults};
    *out = NULL;
    mica_status status = mica_hub_id_parse(text, &p.id, err);
    if (!status)
        status = check_options(&p, err);
    if (!status) {
        p.storage = mica_hub_storage(hub, p.id.repo);
        p.notes = p.options->local_dir ? mica_path_join(p.options->local_dir, ".cache/huggingface")
                                       : mica_hub_storage(hub, p.id.repo);
        if (!p.storage || !p.notes)
            status = mica_fail_memory(err, 0, "a path");
    }
    if (!status)
        status = load_local(&p, err);
    if (!status)
        status = hub->settings.offline || (needs_no_request(&p) && !p.options->local_dir)
                     ? pull_offline(&p, err)
                     : pull_online(&p, err);
    mica_hub_batch_destroy(&p.batch);
    mica_hub_snapshot_destroy(&p.local);
    if (status)
        mica_hub_snapshot_destroy(&p.snapshot);
    mica_free(p.storage);
    mica_free(p.notes);
    *out = p.snapshot;
    return status;
}

/* ---- one file ---- */

/* A pattern that matches one name and no other. */
static bool literal_pattern(const char *name, mica_buf *out)
{
    for (; *name; name++)
        if (strchr("*?[", *name))
            mica_buf_printf(out, "[%c]", *name);
        else
            mica_buf_char(out, *name);
    return !out->failed;
}

static mica_status fetch_one(mica_hub *hub, const char *id, const char *file,
                             mica_hub_snapshot **out, mica_error *err)
{
    mica_hub_pull_options options;
    mica_buf pattern;
    *out = NULL;
    if (!mica_hub_path_safe(file, strlen(file)))
        return mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "'%s' is no file name", file);
    mica_buf_init(&pattern, 1 << 16);
    mica_hub_pull_options_defaults(&options);
    mica_status status =
        literal_pattern(file, &pattern) ? MICA_OK : mica_fail_memory(err, 0, "a file name");
    options.include = (const char *const[]){pattern.data};
    options.include_count = 1;
    if (!status)
        status = mica_hub_pull(hub, id, &options, out, err);
    bool listed = !status && mica_hub_listing_find(&(*out)->listing, file);
    if (!status && !listed && !(*out)->listing.complete) /* nobody knows whether there is one */
        status = mica_hub_fail_not_cached(hub, &(*out)->id, file, err);
    else if (!status && !listed)
        status = mica_fail(err, MICA_STATUS_NO_ENTRY, "%s@%s has no file %s", (*out)->id.repo,
                           (*out)->id.revision, file);
    if (status)
        mica_hub_snapshot_destroy(out);
    mica_buf_free(&pattern);
    return status;
}

mica_status mica_hub_fetch(mica_hub *hub, const char *id, const char *file, char **out,
                           mica_error *err)
{
    mica_hub_snapshot *snapshot = NULL;
    *out = NULL;
    mica_status status = fetch_one(hub, id, file, &snapshot, err);
    if (!status && !(*out = mica_path_join(snapshot->directory, file)))
        status = mica_fail_memory(err, 0, "a path");
    mica_hub_snapshot_destroy(&snapshot);
    return status;
}
