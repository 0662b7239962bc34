/* SPDX-License-Identifier: MIT
 *
 * A commit as it is in the cache: which files the model needs and which of them are there.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/files.h"
#include "hub/select.h"

enum { SMALL_MAX = 64 << 20 }; /* of modules.json, config.json, an index */

mica_status mica_hub_snapshot_create(const mica_hub_id *id, const char *commit,
                                     const char *directory, mica_hub_snapshot **out,
                                     mica_error *err)
{
    mica_hub_snapshot *s = mica_calloc(1, sizeof *s);
    *out = NULL;
    if (!s || !(s->directory = mica_strdup(directory))) {
        mica_free(s);
        return mica_fail_memory(err, sizeof *s, "a snapshot");
    }
    s->id = *id;
    memcpy(s->commit, commit, strlen(commit) + 1);
    mica_hub_listing_init(&s->listing);
    *out = s;
    return MICA_OK;
}

void mica_hub_snapshot_destroy(mica_hub_snapshot **pointer)
{
    mica_hub_snapshot *s = pointer ? *pointer : NULL;
    if (!s)
        return;
    *pointer = NULL;
    mica_hub_listing_free(&s->listing);
    mica_free(s->files);
    mica_free(s->directory);
    mica_free(s);
}

const char *mica_hub_snapshot_id(const mica_hub_snapshot *snapshot)
{
    return snapshot->id.repo;
}

const char *mica_hub_snapshot_revision(const mica_hub_snapshot *snapshot)
{
    return snapshot->id.revision;
}

const char *mica_hub_snapshot_commit(const mica_hub_snapshot *snapshot)
{
    return snapshot->commit;
}

const char *mica_hub_snapshot_directory(const mica_hub_snapshot *snapshot)
{
    return snapshot->directory;
}

size_t mica_hub_snapshot_count(const mica_hub_snapshot *snapshot)
{
    return snapshot->listing.count;
}

const mica_hub_file *mica_hub_snapshot_file(const mica_hub_snapshot *snapshot, size_t i)
{
    return &snapshot->files[i];
}

const char *mica_hub_snapshot_missing(const mica_hub_snapshot *snapshot)
{
    return snapshot->missing;
}

mica_status mica_hub_snapshot_rows(mica_hub_snapshot *s, mica_error *err)
{
    if (!s->files && !(s->files = mica_calloc(s->listing.count + 1, sizeof *s->files)))
        return mica_fail_memory(err, s->listing.count * sizeof *s->files, "the list of files");
    for (size_t i = 0; i < s->listing.count; i++) {
        s->files[i].path = s->listing.items[i].path;
        s->files[i].size = s->listing.items[i].size;
        s->files[i].needed = s->listing.items[i].need != MICA_HUB_NEED_NOTHING;
    }
    return MICA_OK;
}

/* ---- loading ---- */

typedef struct loader {
    mica_hub_snapshot *snapshot;
    const char *absent; /* a file that the selection wanted to read and that is not there */
} loader;

static mica_status read_file(void *user, const mica_hub_entry *entry, char **text, size_t *size,
                             mica_error *err)
{
    loader *l = user;
    char *path = mica_path_join(l->snapshot->directory, entry->path);
    *text = NULL;
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    mica_status status = mica_file_read(path, SMALL_MAX, text, size, err);
    if (status == MICA_STATUS_NOT_FOUND)
        l->absent = entry->path;
    mica_free(path);
    return status;
}

/* Marks what is needed. What the selection cannot find makes the snapshot one with a file missing;
 * only in a listing of the whole repository is it an error of the repository's. */
static mica_status choose(loader *l, const mica_hub_pull_options *o, mica_error *err)
{
    mica_hub_snapshot *s = l->snapshot;
    mica_hub_reader reader = {read_file, l};
    mica_error problem = {0};
    mica_status status = MICA_OK;
    if (o->include_count) {
        mica_hub_select_matching(&s->listing, o->include, o->include_count);
    } else {
        mica_hub_select_small(&s->listing);
        status = mica_hub_select_rest(&s->listing, &reader, !o->no_weights, &problem);
    }
    mica_hub_select_exclude(&s->listing, o->exclude, o->exclude_count);
    if (status && l->absent)
        s->missing = l->absent;
    else if (status && !s->listing.complete && s->listing.lacks)
        s->missing = s->listing.lacks;
    else if (status)
        return mica_fail(err, status, "%s: %s", s->id.repo, problem.message);
    return MICA_OK;
}

/* Looks which files are there. One whose size is not the repository's counts as absent. */
static mica_status look(mica_hub_snapshot *s, mica_error *err)
{
    mica_status status = mica_hub_snapshot_rows(s, err);
    for (size_t i = 0; !status && i < s->listing.count; i++) {
        mica_hub_file *file = &s->files[i];
        char *path = mica_path_join(s->directory, file->path);
        if (!path)
            return mica_fail_memory(err, 0, "a path");
        int64_t size = mica_hub_file_size(path);
        file->cached = size >= 0 && (file->size < 0 || size == file->size);
        if (file->needed && !file->cached && !s->missing)
            s->missing = file->path;
        mica_free(path);
    }
    return status;
}

static bool has_tokenizer(const mica_hub_listing *listing)
{
    static const char *const names[] = {
        "tokenizer.json",          "vocab.txt",      "vocab.json", "spiece.model",
        "sentencepiece.bpe.model", "tokenizer.model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mica_hub_listing_find(listing, names[i]))
            return true;
    return mica_hub_listing_find(listing, "modules.json") != NULL; /* it may lie in a folder */
}

/* What a folder does not tell, and the repository might have. */
static void doubt(mica_hub_snapshot *s, const char *storage)
{
    if (s->listing.complete)
        return;
    if (!mica_hub_listing_find(&s->listing, "modules.json") &&
        !mica_hub_known_missing(storage, s->commit, "modules.json"))
        s->doubt = "modules.json";
    if (!has_tokenizer(&s->listing))
        s->doubt = "tokenizer.json";
}

mica_status mica_hub_snapshot_load(const mica_hub *hub, const mica_hub_id *id, const char *commit,
                                   const mica_hub_pull_options *options, mica_hub_snapshot **out,
                                   mica_error *err)
{
    bool known = false;
    mica_hub_snapshot *s = NULL;
    *out = NULL;
    char *storage = mica_hub_storage(hub, id->repo);
    char *folder = storage ? mica_hub_storage_path(storage, "snapshots", commit) : NULL;
    mica_status status = folder ? mica_hub_snapshot_create(id, commit, folder, &s, err)
                                : mica_fail_memory(err, 0, "a path");
    if (!status && !mica_dir_exists(folder))
        status = mica_fail(err, MICA_STATUS_NOT_CACHED, "%s@%s is not in the cache '%s'", id->repo,
                           id->revision, hub->settings.cache_dir);
    if (!status)
        status = mica_hub_note_read(hub, storage, commit, &s->listing, &known, err);
    if (!status && !known) {
        status = mica_hub_listing_scan(&s->listing, folder, false, err);
        if (!status)
            status = mica_hub_listing_finish(&s->listing, err);
    }
    loader l = {s, NULL};
    if (!status)
        status = choose(&l, options, err);
    if (!status)
        status = look(s, err);
    if (!status)
        doubt(s, storage);
    if (status)
        mica_hub_snapshot_destroy(&s);
    mica_free(storage);
    mica_free(folder);
    *out = s;
    return status;
}
