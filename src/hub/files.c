/* SPDX-License-Identifier: MIT
 *
 * Folders by descriptor (openat), so that what a hostile neighbour puts in the way is refused and
 * not followed.
 */
#include "hub/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"

void mica_hub_name_root(mica_status status, const char *root, mica_error *err)
{
    bool names = status == MICA_STATUS_IO || status == MICA_STATUS_DISK_FULL;
    if (names && err && !strstr(err->message, root))
        mica_error_prefix(err, "in '%s': ", root);
}

static mica_status make_root(const char *root, mica_error *err)
{
    char *path = mica_strdup(root);
    if (!path)
        return mica_fail_memory(err, strlen(root), "a path");
    int error = mica_make_folders(path, 0777);
    mica_status status =
        error ? mica_fail_errno(err, error, "cannot make the folder", path) : MICA_OK;
    mica_free(path);
    return status;
}

/* Enters one folder; closes `folder`. */
static mica_status enter(int folder, const char *part, bool create, int *out, mica_error *err)
{
    mica_status status = MICA_OK;
    int error = 0;
    if (create && mkdirat(folder, part, 0777) != 0 && errno != EEXIST)
        error = errno;
    *out = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*out < 0) {
        struct stat info;
        if (!error)
            error = errno;
        if (fstatat(folder, part, &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(info.st_mode))
            status = mica_fail(err, MICA_STATUS_IO, "'%s' is %s, where a folder should be", part,
                               S_ISLNK(info.st_mode) ? "a symbolic link" : "a file");
        else
            status = mica_fail_errno(
                err, error, create ? "cannot make the folder" : "cannot open the folder", part);
    }
    close(folder);
    return status;
}

mica_status mica_hub_folder_open(const char *root, const char *below, bool create, int *fd,
                                 mica_error *err)
{
    *fd = -1;
    mica_status status = create ? make_root(root, err) : MICA_OK;
    if (status)
        return status;
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return mica_fail_errno(err, errno, "cannot open the folder", root);
    while (*below) {
        char part[256];
        size_t size = strcspn(below, "/");
        if (size >= sizeof part) {
            close(folder);
            return mica_fail(err, MICA_STATUS_IO, "the name '%.80s...' is too long", below);
        }
        memcpy(part, below, size);
        part[size] = 0;
        below += size + (below[size] == '/');
        if (!size)
            continue;
        status = enter(folder, part, create, &folder, err);
        if (status) {
            mica_error_prefix(err, "in '%s': ", root);
            return status;
        }
    }
    *fd = folder;
    return MICA_OK;
}

mica_status mica_hub_folder_of(const char *root, const char *path, bool create, int *fd,
                               const char **name, mica_error *err)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    char *below = mica_memdup_text(path, slash ? (size_t)(slash - path) : 0);
    *fd = -1;
    if (!below)
        return mica_fail_memory(err, strlen(path), "a path");
    mica_status status = mica_hub_folder_open(root, below, create, fd, err);
    mica_free(below);
    return status;
}

void mica_hub_unique(char out[9])
{
    static atomic_uint counter;
    uint64_t seed[3] = {mica_clock_ns(), (uint64_t)getpid(), atomic_fetch_add(&counter, 1)};
    snprintf(out, 9, "%08x", (unsigned)(mica_hash(seed, sizeof seed, 7) & 0xffffffffu));
}

mica_status mica_hub_write_at(int fd, const void *data, size_t size, int64_t offset,
                              const char *path, mica_error *err)
{
    const char *p = data;
    while (size) {
        ssize_t n = pwrite(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return mica_fail_errno(err, n < 0 ? errno : ENOSPC, "cannot write", path);
        p += n;
        offset += n;
        size -= (size_t)n;
    }
    return MICA_OK;
}

void mica_hub_default_mode(int folder, int fd)
{
    char name[24] = "tmp_";
    struct stat info;
    mica_hub_unique(name + 4);
    int probe = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (probe < 0)
        return;
    if (fstat(probe, &info) == 0)
        (void)!fchmod(fd, info.st_mode & 07777);
    close(probe);
    unlinkat(folder, name, 0);
}

/* A new file in a folder, to be renamed to `name`. */
static mica_status open_temporary(int folder, const char *name, char *temporary, size_t room,
                                  int *fd, mica_error *err)
{
    for (int i = 0; i < 100; i++) {
        char unique[9];
        mica_hub_unique(unique);
        snprintf(temporary, room, "%.200s.%s.tmp", name, unique);
        *fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return MICA_OK;
        if (errno != EEXIST)
            break;
    }
    return mica_fail_errno(err, errno, "cannot write", name);
}

/* Syncs, closes and renames a temporary file, or removes it if `status` is a failure. */
static mica_status settle(int scratch, int folder, int fd, const char *temporary, const char *name,
                          mica_status status, mica_error *err)
{
    if (!status && fsync(fd) != 0 && errno != EINVAL)
        status = mica_fail_errno(err, errno, "cannot write", name);
    if (close(fd) != 0 && !status)
        status = mica_fail_errno(err, errno, "cannot write", name);
    if (!status && renameat(scratch, temporary, folder, name) != 0)
        status = mica_fail_errno(err, errno, "cannot write", name);
    if (status)
        unlinkat(scratch, temporary, 0);
    return status;
}

mica_status mica_hub_put(int scratch, int folder, const char *name, const void *data, size_t size,
                         mica_error *err)
{
    char temporary[256];
    int fd = -1;
    mica_status status = open_temporary(scratch, name, temporary, sizeof temporary, &fd, err);
    if (status)
        return status;
    status = mica_hub_write_at(fd, data, size, 0, name, err);
    return settle(scratch, folder, fd, temporary, name, status, err);
}

mica_status mica_hub_copy(const char *from, int folder, const char *name, mica_error *err)
{
    enum { BLOCK = 1 << 20 };
    char temporary[256], *block = NULL;
    int out = -1, in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return mica_fail_errno(err, errno, "cannot open", from);
    mica_status status = open_temporary(folder, name, temporary, sizeof temporary, &out, err);
    if (!status && !(block = mica_alloc(BLOCK)))
        status = mica_fail_memory(err, BLOCK, "copying a file");
    for (int64_t offset = 0; !status;) {
        ssize_t n = read(in, block, BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = mica_fail_errno(err, errno, "cannot read", from);
        if (n <= 0)
            break;
        status = mica_hub_write_at(out, block, (size_t)n, offset, name, err);
        offset += n;
    }
    close(in);
    mica_free(block);
    return out < 0 ? status : settle(folder, folder, out, temporary, name, status, err);
}

/* Whether the link `name` leads to `target` already. */
static bool points_to(int folder, const char *name, const char *target)
{
    char found[1024];
    ssize_t n = readlinkat(folder, name, found, sizeof found);
    return n == (ssize_t)strlen(target) && memcmp(found, target, (size_t)n) == 0;
}

mica_status mica_hub_point(int folder, const char *name, const char *target, bool *unsupported,
                           mica_error *err)
{
    *unsupported = false;
    for (int i = 0; i < 8; i++) {
        if (points_to(folder, name, target) || symlinkat(target, folder, name) == 0)
            return MICA_OK;
        if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOTSUP || errno == ENOSYS) {
            *unsupported = true;
            return MICA_OK;
        }
        if (errno != EEXIST || (unlinkat(folder, name, 0) != 0 && errno != ENOENT))
            break;
    }
    return mica_fail_errno(err, errno, "cannot make the link", name);
}

/* Opens a lock file as the Python package filelock does, with permissions for the group. */
static int open_lock(int folder, const char *name)
{
    int flags = O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(folder, name, flags | O_CREAT | O_EXCL, 0664);
    if (fd >= 0) {
        (void)!fchmod(fd, 0664);
        return fd;
    }
    if (errno != EEXIST)
        return -1;
    fd = openat(folder, name, flags);
    if (fd < 0 && errno == EACCES) /* another user's: reading is enough for flock */
        fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return fd;
}

mica_status mica_hub_lock_try(const char *root, const char *path, int *fd,
                              mica_hub_lock_state *state, mica_error *err)
{
    const char *name;
    int folder = -1;
    struct stat info;
    *fd = -1;
    *state = MICA_HUB_LOCK_BUSY;
    mica_status status = mica_hub_folder_of(root, path, true, &folder, &name, err);
    if (status)
        return status;
    int lock = open_lock(folder, name), error = errno;
    close(folder);
    if (lock < 0)
        return error == ENOENT ? MICA_OK /* removed meanwhile: try again */
                               : mica_fail_errno(err, error, "cannot open the lock", path);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        error = errno;
        close(lock);
        if (error != EWOULDBLOCK && error != EACCES && error != EINTR)
            *state = MICA_HUB_LOCK_NONE;
        return MICA_OK;
    }
    if (fstat(lock, &info) != 0 || info.st_nlink == 0) { /* the one we locked has lost its name */
        close(lock);
        return MICA_OK;
    }
    *fd = lock;
    *state = MICA_HUB_LOCK_HELD;
    return MICA_OK;
}

int64_t mica_hub_disk_free(const char *path)
{
    struct statvfs info;
    char *parent = mica_strdup(path);
    if (!parent)
        return -1;
    int known = statvfs(parent, &info);
    while (known != 0) {
        char *slash = strrchr(parent, '/');
        if (!slash || slash == parent) {
            known = statvfs(slash ? "/" : ".", &info);
            break;
        }
        *slash = 0;
        known = statvfs(parent, &info);
    }
    mica_free(parent);
    if (known != 0)
        return -1;
    uint64_t bytes = (uint64_t)info.f_bavail * (uint64_t)info.f_frsize;
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

int64_t mica_hub_file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
}
