/* SPDX-License-Identifier: MIT
 *
 * Checksums of what lies in the cache. A blob's name is its checksum; where a file is no link, the
 * listing of its commit has it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/map.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/files.h"
#include "hub/pull.h"

typedef struct verifier {
    mica_hub *hub;
    void (*report)(void *user, const mica_hub_check *check);
    void *user;
    const char *repo;
    char *storage;
    mica_map *seen; /* blob -> verdict: revisions share blobs, and each is read once */
    size_t bad, missing;
} verifier;

/* What the file's bytes should hash to: the last part of its link, or what the listing says. */
static void expected_of(const char *path, const mica_hub_entry *known, char out[129])
{
    char target[1024];
    ssize_t n = readlink(path, target, sizeof target - 1);
    out[0] = 0;
    if (n > 0) {
        target[n] = 0;
        const char *slash = strrchr(target, '/');
        const char *name = slash ? slash + 1 : target;
        if (mica_hub_hash_of(name) != MICA_HUB_HASH_NONE)
            snprintf(out, 129, "%.128s", name);
    }
    if (!out[0] && known)
        snprintf(out, 129, "%s", mica_hub_entry_etag(known));
}

/* Reads the file and compares. `actual` gets what it hashes to, or why it cannot be read. */
static mica_status compare(verifier *v, const char *path, mica_hub_check *check, char actual[256],
                           mica_error *err)
{
    mica_hub_digest *digest = NULL;
    mica_error problem = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        check->verdict = errno == ENOENT ? MICA_HUB_MISSING : MICA_HUB_UNREADABLE;
        snprintf(actual, 256, "%s", check->verdict == MICA_HUB_MISSING ? "" : strerror(errno));
        return MICA_OK;
    }
    mica_status status =
        mica_hub_digest_create(mica_hub_hash_of(check->expected), check->size, &digest, &problem);
    if (!status)
        status = mica_hub_digest_file(digest, fd, check->size, path, &v->hub->cancelled, &problem);
    if (!status && !mica_hub_digest_finish(digest, actual))
        status = mica_fail_memory(&problem, 0, "a checksum");
    mica_hub_digest_destroy(&digest);
    close(fd);
    if (status == MICA_STATUS_OUT_OF_MEMORY || status == MICA_STATUS_CANCELLED)
        return mica_fail(err, status, "%s", problem.message);
    check->verdict = status                                 ? MICA_HUB_UNREADABLE
                     : strcmp(actual, check->expected) == 0 ? MICA_HUB_GOOD
                                                            : MICA_HUB_BAD;
    if (status)
        snprintf(actual, 256, "%.255s", problem.message);
    return MICA_OK;
}

static mica_status check_file(verifier *v, const char *commit, const char *folder,
                              const mica_hub_entry *entry, const mica_hub_entry *known,
                              mica_error *err)
{
    char expected[129], actual[256] = "";
    mica_status status = MICA_OK;
    char *path = mica_path_join(folder, entry->path);
    if (!path)
        return mica_fail_memory(err, 0, "a path");
    expected_of(path, known, expected);
    mica_hub_check check = {v->repo,  commit, entry->path, path, entry->size, MICA_HUB_UNCHECKED,
                            expected, actual};
    const mica_map_entry *before = mica_map_find(v->seen, expected, strlen(expected));
    if (entry->size < 0) {
        check.verdict = MICA_HUB_MISSING;
    } else if (before && before->value == MICA_HUB_GOOD) {
        check.verdict = MICA_HUB_GOOD;
        snprintf(actual, sizeof actual, "%s", expected);
    } else if (mica_hub_hash_of(expected) != MICA_HUB_HASH_NONE) {
        status = compare(v, path, &check, actual, err);
        bool link = readlink(path, (char[1]){0}, 1) > 0;
        if (!status && link &&
            mica_map_set(v->seen, expected, strlen(expected), check.verdict) == MICA_MAP_NO_MEMORY)
            status = mica_fail_memory(err, 0, "the list of files");
    }
    v->bad += check.verdict == MICA_HUB_BAD;
    v->missing += check.verdict == MICA_HUB_MISSING;
    if (!status && v->report)
        v->report(v->user, &check);
    mica_free(path);
    return status;
}

static mica_status check_commit(verifier *v, const char *commit, mica_error *err)
{
    mica_hub_listing files, known;
    bool found = false;
    char *folder = mica_hub_storage_path(v->storage, "snapshots", commit);
    mica_hub_listing_init(&files);
    mica_hub_listing_init(&known);
    mica_status status = folder ? mica_hub_listing_scan(&files, folder, true, err)
                                : mica_fail_memory(err, 0, "a path");
    if (!status)
        status = mica_hub_listing_finish(&files, err);
    if (!status)
        status = mica_hub_note_read(v->hub, v->storage, commit, &known, &found, err);
    for (size_t i = 0; !status && i < files.count; i++)
        status = check_file(v, commit, folder, &files.items[i],
                            mica_hub_listing_find(&known, files.items[i].path), err);
    mica_hub_listing_free(&files);
    mica_hub_listing_free(&known);
    mica_free(folder);
    return status;
}

/* A model: all its commits, or one. */
static mica_status check_model(verifier *v, const char *repo, const char *commit, mica_error *err)
{
    v->repo = repo;
    v->storage = mica_hub_storage(v->hub, repo);
    v->seen = mica_map_create();
    char *folder = v->storage ? mica_path_join(v->storage, "snapshots") : NULL;
    mica_status status = folder && v->seen ? MICA_OK : mica_fail_memory(err, 0, "a path");
    DIR *dir = status || commit ? NULL : opendir(folder);
    if (!status && commit)
        status = check_commit(v, commit, err);
    for (struct dirent *e; !status && dir && (e = readdir(dir));)
        if (mica_hub_is_hex(e->d_name, MICA_HUB_COMMIT_HEX))
            status = check_commit(v, e->d_name, err);
    if (dir)
        closedir(dir);
    mica_map_destroy(&v->seen);
    mica_free(v->storage);
    mica_free(folder);
    return status;
}

static mica_status check_one(verifier *v, const char *text, mica_error *err)
{
    mica_hub_id id;
    char commit[MICA_HUB_COMMIT_HEX + 1], *folder = NULL;
    bool found = false;
    mica_status status = mica_hub_id_parse(text, &id, err);
    if (!status && id.revision_given)
        status = mica_hub_cached_commit(v->hub, &id, commit, &found, err);
    if (status)
        return status;
    char *storage = mica_hub_storage(v->hub, id.repo);
    if (storage)
        folder = mica_hub_storage_path(storage, "snapshots", found ? commit : "");
    if (!folder)
        status = mica_fail_memory(err, 0, "a path");
    else if ((id.revision_given && !found) || !mica_dir_exists(folder))
        status = mica_hub_fail_not_cached(v->hub, &id, NULL, err);
    else
        status = check_model(v, id.repo, found ? commit : NULL, err);
    mica_free(storage);
    mica_free(folder);
    return status;
}

static mica_status check_all(verifier *v, mica_error *err)
{
    char repo[MICA_HUB_REPO_MAX + 1];
    mica_status status = MICA_OK;
    DIR *dir = opendir(v->hub->settings.cache_dir);
    if (!dir && errno != ENOENT)
        return mica_fail_errno(err, errno, "cannot read the cache", v->hub->settings.cache_dir);
    for (struct dirent *e; !status && dir && (e = readdir(dir));)
        if (mica_hub_folder_repo(e->d_name, repo))
            status = check_model(v, repo, NULL, err);
    if (dir)
        closedir(dir);
    return status;
}

mica_status mica_hub_verify(mica_hub *hub, const char *id,
                            void (*report)(void *user, const mica_hub_check *check), void *user,
                            mica_error *err)
{
    verifier v = {.hub = hub, .report = report, .user = user};
    mica_status status = id ? check_one(&v, id, err) : check_all(&v, err);
    if (!status && (v.bad || v.missing))
        status = mica_fail(err, MICA_STATUS_CHECKSUM,
                           "%zu files are damaged and %zu are missing: remove their models and "
                           "pull them again, or pull with force",
                           v.bad, v.missing);
    return status;
}
