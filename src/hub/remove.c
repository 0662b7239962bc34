/* SPDX-License-Identifier: MIT
 *
 * Removing models and revisions. References go first, then names, then bytes: what is interrupted
 * leaves bytes without a name, never a name without bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/map.h"
#include "hub/cache.h"
#include "hub/files.h"
#include "hub/pull.h"

typedef struct remover {
    mica_hub *hub;
    char *storage;
    bool dry_run;
    mica_hub_removal *counts;
} remover;

/* Removes what `name` is in an open folder: a file, a link (not what it leads to), or a folder with
 * all that is in it. What is not there is fine. */
static mica_status remove_tree(remover *r, int folder, const char *name, int depth,
                               mica_error *err);

static mica_status remove_inside(remover *r, int folder, const char *name, int depth,
                                 mica_error *err)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return mica_fail_errno(err, error, "cannot read the folder", name);
    }
    mica_status status = MICA_OK;
    for (struct dirent *e; !status && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = remove_tree(r, dirfd(dir), e->d_name, depth + 1, err);
    closedir(dir);
    return status;
}

static mica_status remove_tree(remover *r, int folder, const char *name, int depth, mica_error *err)
{
    struct stat info;
    mica_status status = mica_hub_check_cancel(r->hub, err);
    if (status)
        return status;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? MICA_OK : mica_fail_errno(err, errno, "cannot examine", name);
    bool is_folder = S_ISDIR(info.st_mode);
    if (is_folder && depth > 64)
        return mica_fail(err, MICA_STATUS_IO, "folders are nested too deep at '%s'", name);
    if (is_folder)
        status = remove_inside(r, folder, name, depth, err);
    if (!status && !r->dry_run && unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0) != 0 &&
        errno != ENOENT)
        status = mica_fail_errno(err, errno, "cannot remove", name);
    if (!status && S_ISREG(info.st_mode)) {
        r->counts->files++;
        r->counts->bytes += (int64_t)info.st_size;
    }
    return status;
}

/* The same for a path below the storage; a folder on the way that is not there is fine. */
static mica_status remove_path(remover *r, const char *path, mica_error *err)
{
    const char *name;
    int folder = -1;
    mica_error problem = {0};
    mica_status status = mica_hub_folder_of(r->storage, path, false, &folder, &name, &problem);
    if (status)
        return status == MICA_STATUS_NOT_FOUND ? MICA_OK
                                               : mica_fail(err, status, "%s", problem.message);
    status = remove_tree(r, folder, name, 0, err);
    close(folder);
    return status;
}

static mica_status remove_model(remover *r, mica_error *err)
{
    static const char *const order[] = {"refs", "snapshots", ".no_exist", "trees", "blobs"};
    mica_status status = MICA_OK;
    for (size_t i = 0; !status && i < sizeof order / sizeof *order; i++)
        status = remove_path(r, order[i], err);
    if (status || r->dry_run || rmdir(r->storage) == 0 || errno == ENOTEMPTY || errno == ENOENT)
        return status;
    int error = errno; /* ENOTDIR: the user has it on another disk, and a link here */
    if (error != ENOTDIR || unlink(r->storage) != 0)
        status = mica_fail_errno(err, error, "cannot remove", r->storage);
    return status;
}

/* ---- one revision ---- */

/* The last part of the link at snapshots/<commit>/<path>, if it leads into blobs/. */
static char *blob_of(const char *storage, const char *commit, const char *path)
{
    char target[1024], *out = NULL;
    char *folder = mica_hub_storage_path(storage, "snapshots", commit);
    char *full = folder ? mica_path_join(folder, path) : NULL;
    ssize_t n = full ? readlink(full, target, sizeof target - 1) : -1;
    if (n > 0) {
        target[n] = 0;
        const char *slash = strrchr(target, '/');
        if (slash && slash - target >= 5 && memcmp(slash - 5, "blobs", 5) == 0)
            out = mica_strdup(slash + 1);
    }
    mica_free(folder);
    mica_free(full);
    return out;
}

/* Adds the blobs of a commit to a set. */
static mica_status add_blobs(remover *r, const char *commit, mica_map *set, mica_error *err)
{
    mica_hub_listing files;
    char *folder = mica_hub_storage_path(r->storage, "snapshots", commit);
    mica_hub_listing_init(&files);
    mica_status status = folder ? mica_hub_listing_scan(&files, folder, true, err)
                                : mica_fail_memory(err, 0, "a path");
    for (size_t i = 0; !status && i < files.count; i++) {
        char *blob = blob_of(r->storage, commit, files.items[i].path);
        if (blob && mica_map_add(set, blob, strlen(blob), 0) == MICA_MAP_NO_MEMORY)
            status = mica_fail_memory(err, 0, "the list of files");
        mica_free(blob);
    }
    mica_hub_listing_free(&files);
    mica_free(folder);
    return status;
}

/* The blobs of all other commits; *others says how many there are. */
static mica_status add_other_blobs(remover *r, const char *commit, mica_map *set, size_t *others,
                                   mica_error *err)
{
    char *folder = mica_path_join(r->storage, "snapshots");
    DIR *dir = folder ? opendir(folder) : NULL;
    mica_status status = folder ? MICA_OK : mica_fail_memory(err, 0, "a path");
    for (struct dirent *e; !status && dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, commit) == 0)
            continue;
        ++*others;
        status = add_blobs(r, e->d_name, set, err);
    }
    if (dir)
        closedir(dir);
    mica_free(folder);
    return status;
}

static mica_status remove_refs(remover *r, const char *commit, mica_error *err)
{
    mica_hub_listing refs;
    char *folder = mica_path_join(r->storage, "refs");
    mica_hub_listing_init(&refs);
    mica_status status = folder ? MICA_OK : mica_fail_memory(err, 0, "a path");
    if (!status && mica_dir_exists(folder))
        status = mica_hub_listing_scan(&refs, folder, false, err);
    for (size_t i = 0; !status && i < refs.count; i++) {
        char at[MICA_HUB_COMMIT_HEX + 1], path[MICA_HUB_PATH_MAX + 8];
        bool found = false;
        snprintf(path, sizeof path, "refs/%s", refs.items[i].path);
        status = mica_hub_ref_read(r->storage, refs.items[i].path, at, &found, err);
        if (!status && found && strcmp(at, commit) == 0)
            status = remove_path(r, path, err);
    }
    mica_hub_listing_free(&refs);
    mica_free(folder);
    return status;
}

static mica_status remove_names(remover *r, const char *commit, mica_error *err)
{
    static const struct {
        const char *folder, *end;
    } names[] = {{"snapshots", ""}, {".no_exist", ""}, {"trees", ".json"}};
    mica_status status = remove_refs(r, commit, err);
    for (size_t i = 0; !status && i < sizeof names / sizeof *names; i++) {
        char path[32 + MICA_HUB_COMMIT_HEX];
        snprintf(path, sizeof path, "%s/%s%s", names[i].folder, commit, names[i].end);
        status = remove_path(r, path, err);
    }
    return status;
}

static mica_status remove_revision(remover *r, const char *commit, mica_error *err)
{
    size_t others = 0;
    mica_map *mine = mica_map_create(), *kept = mica_map_create();
    mica_status status = mine && kept ? MICA_OK : mica_fail_memory(err, 0, "the list of files");
    if (!status)
        status = add_blobs(r, commit, mine, err);
    if (!status)
        status = add_other_blobs(r, commit, kept, &others, err);
    if (!status && !others) {
        status = remove_model(r, err);
    } else if (!status) {
        status = remove_names(r, commit, err);
        for (size_t i = 0; !status && i < mica_map_count(mine); i++) {
            const mica_map_entry *blob = mica_map_at(mine, i);
            char path[1100];
            snprintf(path, sizeof path, "blobs/%s", blob->key);
            if (!mica_map_find(kept, blob->key, blob->key_size))
                status = remove_path(r, path, err);
        }
    }
    mica_map_destroy(&mine);
    mica_map_destroy(&kept);
    return status;
}

static size_t count_revisions(const char *storage)
{
    size_t count = 0;
    char *folder = mica_path_join(storage, "snapshots");
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        count += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    mica_free(folder);
    return count;
}

mica_status mica_hub_remove(mica_hub *hub, const char *text, bool dry_run, mica_hub_removal *out,
                            mica_error *err)
{
    mica_hub_id id;
    char commit[MICA_HUB_COMMIT_HEX + 1];
    bool found = false;
    remover r = {hub, NULL, dry_run, out};
    memset(out, 0, sizeof *out);
    mica_status status = mica_hub_id_parse(text, &id, err);
    if (status)
        return status;
    r.storage = mica_hub_storage(hub, id.repo);
    if (!r.storage)
        return mica_fail_memory(err, 0, "a path");
    if (!mica_dir_exists(r.storage)) {
        status = mica_hub_fail_not_cached(hub, &id, NULL, err);
    } else if (!id.revision_given) {
        out->revisions = count_revisions(r.storage);
        status = remove_model(&r, err);
    } else {
        status = mica_hub_cached_commit(hub, &id, commit, &found, err);
        char *folder = found ? mica_hub_storage_path(r.storage, "snapshots", commit) : NULL;
        if (!status && found && !folder)
            status = mica_fail_memory(err, 0, "a path");
        else if (!status && (!found || !mica_dir_exists(folder)))
            status = mica_hub_fail_not_cached(hub, &id, NULL, err);
        out->revisions = 1;
        if (!status)
            status = remove_revision(&r, commit, err);
        mica_free(folder);
    }
    mica_hub_name_root(status, r.storage, err);
    mica_free(r.storage);
    return status;
}
