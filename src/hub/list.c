/* SPDX-License-Identifier: MIT
 *
 * What is in the cache: a row for each revision of each model.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/map.h"
#include "hub/cache.h"
#include "hub/files.h"

struct mica_hub_cache {
    mica_arena arena;
    mica_hub_cached *rows;
    size_t count, capacity;
    int64_t size;
};

void mica_hub_cache_destroy(mica_hub_cache **pointer)
{
    mica_hub_cache *cache = pointer ? *pointer : NULL;
    if (!cache)
        return;
    *pointer = NULL;
    mica_arena_free(&cache->arena);
    mica_free(cache->rows);
    mica_free(cache);
}

size_t mica_hub_cache_count(const mica_hub_cache *cache)
{
    return cache->count;
}

const mica_hub_cached *mica_hub_cache_row(const mica_hub_cache *cache, size_t i)
{
    return &cache->rows[i];
}

int64_t mica_hub_cache_size(const mica_hub_cache *cache)
{
    return cache->size;
}

/* A model whose rows are being made. */
typedef struct lister {
    const mica_hub *hub;
    mica_hub_cache *cache;
    char *storage;
    const char *repo;
    mica_hub_listing refs; /* its files are the names of branches and tags */
    int64_t leftovers;
} lister;

static const char *keep(lister *l, const char *text)
{
    return mica_arena_text(&l->cache->arena, text, strlen(text));
}

static mica_hub_cached *add_row(lister *l)
{
    mica_hub_cache *c = l->cache;
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 16;
        mica_hub_cached *rows = mica_realloc_array(c->rows, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        c->rows = rows;
        c->capacity = capacity;
    }
    mica_hub_cached *row = &c->rows[c->count];
    memset(row, 0, sizeof *row);
    row->commit = row->revisions = "";
    row->leftovers = l->leftovers;
    row->id = keep(l, l->repo);
    if (!row->id)
        return NULL;
    c->count++;
    return row;
}

/* "main, v1.0": the references that are at a commit. */
static const char *references(lister *l, const char *commit)
{
    mica_buf names;
    mica_buf_init(&names, 1 << 20);
    for (size_t i = 0; i < l->refs.count; i++) {
        char at[MICA_HUB_COMMIT_HEX + 1];
        bool found = false;
        mica_hub_ref_read(l->storage, l->refs.items[i].path, at, &found, NULL);
        if (found && strcmp(at, commit) == 0)
            mica_buf_printf(&names, "%s%s", names.size ? ", " : "", l->refs.items[i].path);
    }
    const char *out = names.failed ? NULL : keep(l, mica_buf_cstr(&names));
    mica_buf_free(&names);
    return out;
}

/* Adds what a file of the revision weighs, each blob once, and when it was used. */
static mica_status add_file(mica_hub_cached *row, const char *folder, const char *path,
                            mica_map *seen, mica_error *err)
{
    struct stat info;
    char key[64], *full = mica_path_join(folder, path);
    bool there = full && stat(full, &info) == 0;
    mica_free(full);
    if (!full)
        return mica_fail_memory(err, 0, "a path");
    if (!there)
        return MICA_OK;
    int n = snprintf(key, sizeof key, "%llu:%llu", (unsigned long long)info.st_dev,
                     (unsigned long long)info.st_ino);
    mica_map_result result = mica_map_add(seen, key, (size_t)n, 0);
    if (result == MICA_MAP_NO_MEMORY)
        return mica_fail_memory(err, sizeof key, "the list of models");
    if (result == MICA_MAP_ADDED)
        row->size += (int64_t)info.st_size;
    if ((int64_t)info.st_atime > row->last_used)
        row->last_used = (int64_t)info.st_atime;
    if ((int64_t)info.st_mtime > row->last_modified)
        row->last_modified = (int64_t)info.st_mtime;
    row->files++;
    return MICA_OK;
}

static mica_status fill_row(mica_hub_cached *row, const char *folder, mica_error *err)
{
    mica_hub_listing files;
    mica_map *seen = mica_map_create();
    mica_hub_listing_init(&files);
    mica_status status = seen ? mica_hub_listing_scan(&files, folder, false, err)
                              : mica_fail_memory(err, 0, "the list of models");
    for (size_t i = 0; !status && i < files.count; i++)
        status = add_file(row, folder, files.items[i].path, seen, err);
    mica_map_destroy(&seen);
    mica_hub_listing_free(&files);
    return status;
}

/* Whether the model could run from this revision. What is no model is whole if its listing says so
 * of nothing, so it is not. */
static mica_status is_whole(lister *l, const char *commit, bool *whole, mica_error *err)
{
    mica_hub_id id;
    mica_hub_pull_options options;
    mica_hub_snapshot *snapshot = NULL;
    mica_error problem = {0};
    mica_hub_pull_options_defaults(&options);
    mica_status status = mica_hub_id_parse(l->repo, &id, err);
    if (status)
        return status;
    status = mica_hub_snapshot_load(l->hub, &id, commit, &options, &snapshot, &problem);
    *whole = !status && !snapshot->missing;
    mica_hub_snapshot_destroy(&snapshot);
    return status == MICA_STATUS_OUT_OF_MEMORY ? mica_fail(err, status, "%s", problem.message)
                                               : MICA_OK;
}

static mica_status add_revision(lister *l, const char *commit, mica_error *err)
{
    char *folder = mica_hub_storage_path(l->storage, "snapshots", commit);
    mica_hub_cached *row = folder ? add_row(l) : NULL;
    mica_status status = MICA_OK;
    if (row) {
        row->commit = keep(l, commit);
        row->directory = keep(l, folder);
        row->revisions = references(l, commit);
    }
    if (!row || !row->commit || !row->directory || !row->revisions)
        status = mica_fail_memory(err, 0, "the list of models");
    if (!status)
        status = fill_row(row, folder, err);
    if (!status)
        status = is_whole(l, commit, &row->whole, err);
    mica_free(folder);
    return status;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What lies in blobs/: leftovers, and what counts to the size of the cache. */
static mica_status weigh(lister *l, mica_error *err)
{
    struct stat info;
    char *folder = mica_path_join(l->storage, "blobs");
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *path = mica_path_join(folder, e->d_name);
        bool there = path && lstat(path, &info) == 0 && S_ISREG(info.st_mode);
        mica_free(path);
        if (there && ends_in(e->d_name, ".incomplete"))
            l->leftovers += (int64_t)info.st_size;
        else if (there)
            l->cache->size += (int64_t)info.st_size;
    }
    if (dir)
        closedir(dir);
    mica_free(folder);
    return folder ? MICA_OK : mica_fail_memory(err, 0, "a path");
}

/* Files that are no links, where the system has none, weigh too. */
static mica_status weigh_copies(lister *l, const char *folder, const mica_hub_listing *files,
                                mica_error *err)
{
    struct stat info;
    for (size_t i = 0; i < files->count; i++) {
        char *path = mica_path_join(folder, files->items[i].path);
        if (!path)
            return mica_fail_memory(err, 0, "a path");
        if (lstat(path, &info) == 0 && S_ISREG(info.st_mode))
            l->cache->size += (int64_t)info.st_size;
        mica_free(path);
    }
    return MICA_OK;
}

static mica_status read_refs(lister *l, mica_error *err)
{
    char *folder = mica_path_join(l->storage, "refs");
    if (!folder)
        return mica_fail_memory(err, 0, "a path");
    mica_status status =
        mica_dir_exists(folder) ? mica_hub_listing_scan(&l->refs, folder, false, err) : MICA_OK;
    if (!status)
        status = mica_hub_listing_finish(&l->refs, err);
    mica_free(folder);
    return status;
}

static mica_status add_snapshots(lister *l, mica_error *err)
{
    size_t before = l->cache->count;
    char *folder = mica_path_join(l->storage, "snapshots");
    DIR *dir = folder ? opendir(folder) : NULL;
    mica_status status = folder ? MICA_OK : mica_fail_memory(err, 0, "a path");
    for (struct dirent *e; !status && dir && (e = readdir(dir));) {
        if (!mica_hub_is_hex(e->d_name, MICA_HUB_COMMIT_HEX))
            continue;
        mica_hub_listing files;
        char *path = mica_path_join(folder, e->d_name);
        mica_hub_listing_init(&files);
        status = path ? mica_hub_listing_scan(&files, path, false, err)
                      : mica_fail_memory(err, 0, "a path");
        if (!status)
            status = weigh_copies(l, path, &files, err);
        if (!status)
            status = add_revision(l, e->d_name, err);
        mica_hub_listing_free(&files);
        mica_free(path);
    }
    if (dir)
        closedir(dir);
    mica_free(folder);
    if (!status && l->cache->count == before && l->leftovers) {
        mica_hub_cached *row = add_row(l);
        if (!row || !(row->directory = keep(l, l->storage)))
            status = mica_fail_memory(err, 0, "the list of models");
    }
    return status;
}

static mica_status add_model(const mica_hub *hub, mica_hub_cache *cache, const char *repo,
                             mica_error *err)
{
    lister l = {.hub = hub, .cache = cache, .repo = repo};
    mica_hub_listing_init(&l.refs);
    l.storage = mica_hub_storage(hub, repo);
    mica_status status = l.storage ? read_refs(&l, err) : mica_fail_memory(err, 0, "a path");
    if (!status)
        status = weigh(&l, err);
    if (!status)
        status = add_snapshots(&l, err);
    mica_hub_listing_free(&l.refs);
    mica_free(l.storage);
    return status;
}

static int by_id(const void *a, const void *b)
{
    const mica_hub_cached *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : strcmp(x->commit, y->commit);
}

mica_status mica_hub_list(mica_hub *hub, mica_hub_cache **out, mica_error *err)
{
    char repo[MICA_HUB_REPO_MAX + 1];
    *out = NULL;
    mica_hub_cache *cache = mica_calloc(1, sizeof *cache);
    if (!cache)
        return mica_fail_memory(err, sizeof *cache, "the list of models");
    mica_status status = MICA_OK;
    DIR *dir = opendir(hub->settings.cache_dir);
    if (!dir && errno != ENOENT)
        status = mica_fail_errno(err, errno, "cannot read the cache", hub->settings.cache_dir);
    for (struct dirent *e; !status && dir && (e = readdir(dir));) {
        mica_error problem = {0};
        if (mica_hub_folder_repo(e->d_name, repo))
            status = add_model(hub, cache, repo, &problem);
        if (status == MICA_STATUS_OUT_OF_MEMORY) {
            mica_fail(err, status, "%s", problem.message);
        } else if (status) { /* the others can be listed all the same */
            mica_log_write(&hub->log, MICA_LOG_WARNING, "passed over: %s", problem.message);
            status = MICA_OK;
        }
        if (!status)
            status = mica_hub_check_cancel(hub, err);
    }
    if (dir)
        closedir(dir);
    if (status)
        mica_hub_cache_destroy(&cache);
    else if (cache->count)
        qsort(cache->rows, cache->count, sizeof *cache->rows, by_id);
    *out = cache;
    return status;
}
