/* SPDX-License-Identifier: MIT
 *
 * Names of files in the cache and in local folders (_local_folder.py and file_download.py of
 * huggingface_hub).
 */
#include "hub/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/files.h"

#define NOTES ".cache/huggingface/download/"

mica_status mica_hub_place_init(const mica_hub *hub, const mica_hub_snapshot *snapshot,
                                const char *local_dir, mica_hub_place *out, mica_error *err)
{
    *out = (mica_hub_place){hub, snapshot->commit, snapshot->id.repo, NULL, local_dir};
    out->storage = mica_hub_storage(hub, snapshot->id.repo);
    return out->storage ? MICA_OK : mica_fail_memory(err, 0, "a path");
}

void mica_hub_place_free(mica_hub_place *place)
{
    mica_free(place->storage);
    place->storage = NULL;
}

const char *mica_hub_place_root(const mica_hub_place *place)
{
    return place->local_dir ? place->local_dir : place->storage;
}

const char *mica_hub_place_lock_root(const mica_hub_place *place)
{
    return place->local_dir ? place->local_dir : place->hub->settings.cache_dir;
}

/* A printf into memory of its own. */
static char *text(const char *format, ...) MICA_PRINTF(1, 2);
static char *text(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *out = n < 0 ? NULL : mica_alloc((size_t)n + 1);
    if (out)
        vsnprintf(out, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return out;
}

char *mica_hub_place_lock(const mica_hub_place *place, const char *path, const char *etag)
{
    char folder[MICA_HUB_FOLDER_MAX];
    if (place->local_dir)
        return text(NOTES "%s.lock", path);
    mica_hub_folder_name(place->repo, folder);
    return text(".locks/%s/%s.lock", folder, etag);
}

char *mica_hub_place_partial(const mica_hub_place *place, const char *path, const char *etag,
                             const char *unique)
{
    const char *dot = unique ? "." : "";
    unique = unique ? unique : "";
    if (!place->local_dir)
        return text("blobs/%s%s%s.incomplete", etag, dot, unique);
    char hash[29];
    const char *slash = strrchr(path, '/');
    char *note = text("%s.metadata", slash ? slash + 1 : path), *out = NULL;
    if (note && mica_hub_short_hash(note, hash))
        out = text(NOTES "%.*s%s.%s%s%s.incomplete", slash ? (int)(slash - path) + 1 : 0, path,
                   hash, etag, dot, unique);
    mica_free(note);
    return out;
}

/* ---- notes on files of a local folder ---- */

/* "<commit>\n<etag>\n<seconds since 1970>\n" */
static mica_status write_note(const mica_hub_place *place, const char *path, const char *etag,
                              mica_error *err)
{
    struct timespec now;
    const char *name;
    int folder = -1;
    clock_gettime(CLOCK_REALTIME, &now);
    char *below = text(NOTES "%s.metadata", path);
    char *note = text("%s\n%s\n%lld.%06ld\n", place->commit, etag, (long long)now.tv_sec,
                      now.tv_nsec / 1000);
    mica_status status =
        below && note ? mica_hub_folder_of(place->local_dir, below, true, &folder, &name, err)
                      : mica_fail_memory(err, 0, "a note");
    if (!status)
        status = mica_hub_put(folder, folder, name, note, strlen(note), err);
    if (folder >= 0)
        close(folder);
    mica_free(below);
    mica_free(note);
    return status;
}

/* Whether the note of a file says that it has this checksum, and is not older than the file. */
static bool note_says(const mica_hub_place *place, const char *path, const char *etag,
                      const struct stat *info)
{
    char *below = text(NOTES "%s.metadata", path), *note = NULL;
    char *full = below ? mica_path_join(place->local_dir, below) : NULL;
    size_t size = 0;
    bool says = false;
    if (full && mica_file_read(full, 4096, &note, &size, NULL) == MICA_OK) {
        char *second = strchr(note, '\n'), *third = second ? strchr(second + 1, '\n') : NULL;
        if (third) {
            *third++ = 0;
            double seconds = strtod(third, NULL);
            says = strcmp(second + 1, etag) == 0 && (double)info->st_mtime - 1 <= seconds;
        }
    }
    mica_free(below);
    mica_free(full);
    mica_free(note);
    return says;
}

/* Whether a file's bytes have the checksum. */
static mica_status has_checksum(const mica_hub_place *place, const char *path, const char *etag,
                                int64_t size, bool *has, mica_error *err)
{
    char actual[MICA_HUB_SHA256_HEX + 1];
    mica_hub_digest *digest = NULL;
    mica_hub_hash kind = mica_hub_hash_of(etag);
    *has = false;
    int fd = kind == MICA_HUB_HASH_NONE ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return MICA_OK;
    mica_status status = mica_hub_digest_create(kind, size, &digest, err);
    if (!status)
        status = mica_hub_digest_file(digest, fd, size, path, &place->hub->cancelled, err);
    if (!status)
        *has = mica_hub_digest_finish(digest, actual) && strcmp(actual, etag) == 0;
    mica_hub_digest_destroy(&digest);
    close(fd);
    return status;
}

static mica_status local_ready(const mica_hub_place *place, const char *path, const char *etag,
                               int64_t size, bool *ready, mica_error *err)
{
    struct stat info;
    char *full = mica_path_join(place->local_dir, path);
    mica_status status = full ? MICA_OK : mica_fail_memory(err, 0, "a path");
    *ready = false;
    if (!status && stat(full, &info) == 0 && S_ISREG(info.st_mode) &&
        (int64_t)info.st_size == size) {
        *ready = note_says(place, path, etag, &info);
        if (!*ready)
            status = has_checksum(place, full, etag, size, ready, err);
    }
    mica_free(full);
    return status;
}

mica_status mica_hub_place_ready(const mica_hub_place *place, const char *path, const char *etag,
                                 int64_t size, bool *ready, mica_error *err)
{
    if (place->local_dir)
        return local_ready(place, path, etag, size, ready, err);
    char *folder = mica_hub_storage_path(place->storage, "snapshots", place->commit);
    char *full = folder ? mica_path_join(folder, path) : NULL;
    *ready = full && mica_hub_file_size(full) == size;
    mica_free(folder);
    mica_free(full);
    return full ? MICA_OK : mica_fail_memory(err, 0, "a path");
}

/* ---- the snapshot's side ---- */

/* snapshots/<commit>/<path> gets the blob: as a link, or where there are none as the file itself,
 * moved if the blob is `fresh` (nobody else has it), else copied. */
static mica_status point_at(const mica_hub_place *place, const char *path, const char *etag,
                            bool fresh, mica_error *err)
{
    const char *name;
    int folder = -1, blobs = -1;
    bool unsupported = !place->hub->settings.symlinks;
    mica_buf target;
    mica_buf_init(&target, 1 << 16);
    for (const char *p = path; p; p = (p = strchr(p, '/')) ? p + 1 : NULL)
        mica_buf_text(&target, "../");
    mica_buf_printf(&target, "../blobs/%s", etag);
    char *below = text("snapshots/%s/%s", place->commit, path);
    char *blob = mica_hub_storage_path(place->storage, "blobs", etag);
    mica_status status = below && blob && !target.failed
                             ? mica_hub_folder_of(place->storage, below, true, &folder, &name, err)
                             : mica_fail_memory(err, 0, "a path");
    if (!status && !unsupported)
        status = mica_hub_point(folder, name, target.data, &unsupported, err);
    if (!status && unsupported && fresh) {
        status = mica_hub_folder_open(place->storage, "blobs", false, &blobs, err);
        if (!status && renameat(blobs, etag, folder, name) != 0)
            status = mica_fail_errno(err, errno, "cannot write", below);
    } else if (!status && unsupported) {
        status = mica_hub_copy(blob, folder, name, err);
    }
    if (folder >= 0)
        close(folder);
    if (blobs >= 0)
        close(blobs);
    mica_free(below);
    mica_free(blob);
    mica_buf_free(&target);
    return status;
}

/* A copy of the blob in the local folder. */
static mica_status copy_out(const mica_hub_place *place, const char *path, const char *etag,
                            mica_error *err)
{
    const char *name;
    int folder = -1;
    char *blob = mica_hub_storage_path(place->storage, "blobs", etag);
    mica_status status = blob
                             ? mica_hub_folder_of(place->local_dir, path, true, &folder, &name, err)
                             : mica_fail_memory(err, 0, "a path");
    if (!status)
        status = mica_hub_copy(blob, folder, name, err);
    if (folder >= 0)
        close(folder);
    mica_free(blob);
    return status;
}

mica_status mica_hub_place_cached(const mica_hub_place *place, const char *etag, int64_t size,
                                  bool *there, mica_error *err)
{
    char *blob = mica_hub_storage_path(place->storage, "blobs", etag);
    mica_status status = blob ? MICA_OK : mica_fail_memory(err, 0, "a path");
    *there = blob && mica_hub_file_size(blob) == size;
    mica_free(blob);
    return status;
}

mica_status mica_hub_place_reuse(const mica_hub_place *place, const char *path, const char *etag,
                                 int64_t size, bool *reused, mica_error *err)
{
    bool ready = false, there = false;
    *reused = false;
    mica_status status = mica_hub_place_ready(place, path, etag, size, &ready, err);
    if (!status && ready && !place->local_dir) {
        *reused = true;
        return MICA_OK;
    }
    if (!status)
        status = mica_hub_place_cached(place, etag, size, &there, err);
    if (!status && !ready && there)
        status = place->local_dir ? copy_out(place, path, etag, err)
                                  : point_at(place, path, etag, false, err);
    *reused = !status && (ready || there);
    if (*reused && place->local_dir)
        status = write_note(place, path, etag, err);
    return status;
}

mica_status mica_hub_place_publish(const mica_hub_place *place, const char *path, const char *etag,
                                   int folder, const char *name, mica_error *err)
{
    const char *last = etag;
    int target = -1;
    mica_status status = place->local_dir
                             ? mica_hub_folder_of(place->local_dir, path, true, &target, &last, err)
                             : MICA_OK;
    if (!status && renameat(folder, name, target >= 0 ? target : folder, last) != 0)
        status = mica_fail_errno(err, errno, "cannot write", path);
    if (target >= 0)
        close(target);
    if (!status)
        status = place->local_dir ? write_note(place, path, etag, err)
                                  : point_at(place, path, etag, true, err);
    return status;
}
