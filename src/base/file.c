/* SPDX-License-Identifier: MIT
 *
 * Only regular files are mapped or read: a folder, a pipe or a device is named as what it is.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

struct mica_mapping {
    void *data;
    size_t size;
    mica_file_stamp stamp;
    atomic_size_t references;
    char path[];
};

static mica_file_stamp stamp_of(const struct stat *info)
{
#if defined(__APPLE__)
    const struct timespec *modified = &info->st_mtimespec, *changed = &info->st_ctimespec;
#else
    const struct timespec *modified = &info->st_mtim, *changed = &info->st_ctim;
#endif
    return (mica_file_stamp){.device = (uint64_t)info->st_dev,
                             .inode = (uint64_t)info->st_ino,
                             .size = (uint64_t)info->st_size,
                             .modified = *modified,
                             .changed = *changed,
                             .owner = info->st_uid,
                             .mode = info->st_mode};
}

/* Opens a regular file for reading; *size gets its length. */
static mica_status open_regular(const char *path, int *out, size_t *size, mica_file_stamp *stamp,
                                mica_error *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
    if (fd < 0)
        return mica_fail_errno(err, errno, "cannot open", path);
    if (fstat(fd, &info) != 0) {
        int error = errno;
        close(fd);
        return mica_fail_errno(err, error, "cannot examine", path);
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return mica_fail(err, MICA_STATUS_IO, "'%s' is %s, not a file", path,
                         S_ISDIR(info.st_mode) ? "a directory" : "a device or pipe");
    }
    if ((uintmax_t)info.st_size > SIZE_MAX / 2) {
        close(fd);
        return mica_fail(err, MICA_STATUS_IO, "'%s' is too large for this machine", path);
    }
    *out = fd;
    *size = (size_t)info.st_size;
    *stamp = stamp_of(&info);
    return MICA_OK;
}

mica_status mica_mapping_open(const char *path, mica_mapping **out, mica_error *err)
{
    *out = NULL;
    int fd = -1;
    size_t size = 0, length = strlen(path) + 1;
    mica_file_stamp stamp;
    mica_status status = open_regular(path, &fd, &size, &stamp, err);
    if (status)
        return status;
    mica_mapping *mapping = mica_calloc(1, sizeof *mapping + length);
    void *data = NULL;
    if (!mapping) {
        status = mica_fail_memory(err, sizeof *mapping + length, path);
    } else if (size > 0) {
        errno = ENOMEM; /* for the fault */
        data = mica_fault() ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = mica_fail_errno(err, errno, "cannot map", path);
    }
    close(fd);
    if (status) {
        mica_free(mapping);
        return status;
    }
    mapping->data = data;
    mapping->size = size;
    mapping->stamp = stamp;
    atomic_init(&mapping->references, 1);
    memcpy(mapping->path, path, length);
    *out = mapping;
    return MICA_OK;
}

mica_mapping *mica_mapping_retain(mica_mapping *mapping)
{
    atomic_fetch_add_explicit(&mapping->references, 1, memory_order_relaxed);
    return mapping;
}

void mica_mapping_release(mica_mapping **pointer)
{
    mica_mapping *mapping = *pointer;
    *pointer = NULL;
    if (!mapping || atomic_fetch_sub_explicit(&mapping->references, 1, memory_order_acq_rel) != 1)
        return;
    if (mapping->data)
        munmap(mapping->data, mapping->size);
    mica_free(mapping);
}

const unsigned char *mica_mapping_data(const mica_mapping *mapping)
{
    return mapping->data;
}

size_t mica_mapping_size(const mica_mapping *mapping)
{
    return mapping->size;
}

const char *mica_mapping_path(const mica_mapping *mapping)
{
    return mapping->path;
}

const mica_file_stamp *mica_mapping_stamp(const mica_mapping *mapping)
{
    return &mapping->stamp;
}

void mica_mapping_expect(const mica_mapping *mapping, const void *data, size_t size)
{
#ifdef MADV_HUGEPAGE
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)data / page * page;
    if (mapping->data && size > 0)
        madvise((void *)begin, (uintptr_t)data + size - begin, MADV_HUGEPAGE); /* a wish */
#else
    (void)mapping;
    (void)data;
    (void)size;
#endif
}

void mica_mapping_drop(const mica_mapping *mapping, const void *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) / page * page; /* whole pages inside */
    uintptr_t end = ((uintptr_t)data + size) / page * page;
    if (mapping->data && begin < end)
        madvise((void *)begin, end - begin,
                MADV_DONTNEED); /* read-only and private: no data lost */
}

mica_status mica_file_read(const char *path, size_t max, char **out, size_t *size, mica_error *err)
{
    *out = NULL;
    int fd = -1;
    size_t length = 0, done = 0;
    mica_file_stamp stamp;
    mica_status status = open_regular(path, &fd, &length, &stamp, err);
    if (status)
        return status;
    char *data = NULL;
    if (length > max) {
        status = mica_fail(err, MICA_STATUS_FORMAT,
                           "'%s' has %zu bytes, more than the %zu that such a file may have", path,
                           length, max);
        goto fail;
    }
    data = mica_alloc(length + 1);
    if (!data) {
        status = mica_fail_memory(err, length, path);
        goto fail;
    }
    while (done < length) {
        ssize_t n = read(fd, data + done, length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            status = mica_fail_errno(err, errno, "cannot read", path);
            goto fail;
        }
        if (n == 0)
            break; /* the file became shorter meanwhile */
        done += (size_t)n;
    }
    close(fd);
    data[done] = 0;
    *out = data;
    *size = done;
    return MICA_OK;
fail:
    close(fd);
    mica_free(data);
    return status;
}

bool mica_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool mica_dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int mica_make_folders(char *path, unsigned mode)
{
    struct stat info;
    if (stat(path, &info) == 0)
        return 0; /* what it is shows when it is opened */
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/')
            continue;
        bool last = !*p;
        *p = 0;
        if (mkdir(path, (mode_t)mode) != 0 && errno != EEXIST && (last || errno != EISDIR)) {
            int error = errno;
            if (stat(path, &info) != 0) /* a read-only system says EROFS of what exists */
                return error;
        }
        if (last)
            return 0;
        *p = '/';
    }
}

char *mica_path_join(const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    bool slash = a > 0 && dir[a - 1] != '/';
    char *path = mica_alloc(a + b + 2);
    if (path) {
        memcpy(path, dir, a);
        if (slash)
            path[a++] = '/';
        memcpy(path + a, name, b + 1);
    }
    return path;
}

struct mica_writer {
    FILE *file;
    char *path;
    char *temporary; /* NULL if the target is written directly */
    char *buffer;    /* that the file uses */
    bool sync;
};

/* What may be mapped later is written in pieces that begin at multiples of a huge page, so that the
 * system may keep it in such pages and map them at once. */
enum { BUFFER = 2 << 20 };

/* Pipes and devices are written directly, and so is all below /dev and /proc: /dev/stdout may lead
 * to a regular file, but must not be renamed over. Elsewhere a symbolic link is replaced by the
 * file, not followed: what it points to (a cache's blob) may belong to others as well. */
static bool written_directly(const char *path, const struct stat *info)
{
    return !S_ISREG(info->st_mode) || strncmp(path, "/dev/", 5) == 0 ||
           strncmp(path, "/proc/", 6) == 0;
}

static mica_status open_writer(const char *path, mode_t mode, bool cache, mica_writer **out,
                               mica_error *err)
{
    *out = NULL;
    struct stat info;
    size_t room = strlen(path) + 32;
    bool found = stat(path, &info) == 0;
    bool device = found && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode));
    bool direct = cache ? device : found && written_directly(path, &info);
    if (found && S_ISDIR(info.st_mode))
        return mica_fail(err, MICA_STATUS_IO, "'%s' is a directory, not a file", path);
    mica_writer *writer = mica_calloc(1, sizeof *writer);
    if (!writer || !(writer->path = mica_strdup(path)) || !(writer->buffer = mica_alloc(BUFFER)) ||
        (!direct && !(writer->temporary = mica_alloc(room)))) {
        mica_writer_abort(&writer);
        return mica_fail_memory(err, room, path);
    }
    int fd = -1;
    if (direct) {
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    } else {
        for (unsigned i = 0; i < 1000 && fd < 0; i++) {
            snprintf(writer->temporary, room, "%s.%ld.%u.tmp", path, (long)getpid(), i);
            fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
            if (fd < 0 && errno != EEXIST)
                break;
        }
        if (fd >= 0 && found && !cache) /* who may read what was there may read what replaces it */
            fchmod(fd, info.st_mode & 0777);
    }
    int error = errno;
    if (fd >= 0 && !(writer->file = mica_fault() ? NULL : fdopen(fd, "wb"))) {
        error = ENOMEM;
        close(fd);
    }
    if (!writer->file) {
        if (fd < 0) { /* nothing was made that abort should remove */
            mica_free(writer->temporary);
            writer->temporary = NULL;
        }
        mica_writer_abort(&writer);
        return mica_fail_errno(err, error, "cannot write", path);
    }
    setvbuf(writer->file, writer->buffer, _IOFBF, BUFFER);
    writer->sync = !cache;
    *out = writer;
    return MICA_OK;
}

mica_status mica_writer_open(const char *path, mica_writer **out, mica_error *err)
{
    return open_writer(path, 0666, false, out, err);
}

mica_status mica_writer_check(const char *path, mica_error *err)
{
    struct stat info;
    mica_writer *writer = NULL;
    bool found = stat(path, &info) == 0;
    if (found && written_directly(path, &info) && !S_ISDIR(info.st_mode))
        return access(path, W_OK) == 0 ? MICA_OK
                                       : mica_fail_errno(err, errno, "cannot write", path);
    mica_status status = mica_writer_open(path, &writer, err);
    mica_writer_abort(&writer);
    return status;
}

mica_status mica_writer_open_cache(const char *path, mica_writer **out, mica_error *err)
{
    return open_writer(path, 0600, true, out, err);
}

mica_status mica_writer_write(mica_writer *writer, const void *data, size_t size, mica_error *err)
{
    if (size && fwrite(data, 1, size, writer->file) != size)
        return mica_fail_errno(err, errno, "cannot write", writer->path);
    return MICA_OK;
}

mica_status mica_writer_commit(mica_writer **pointer, mica_error *err)
{
    mica_writer *writer = *pointer;
    mica_status status = MICA_OK;
    errno = EIO; /* in case an earlier write failed and went unheeded */
    bool ok = !ferror(writer->file) && fflush(writer->file) == 0;
    if (ok && writer->temporary && writer->sync)
        ok = fsync(fileno(writer->file)) == 0;
    int error = errno;
    if (fclose(writer->file) != 0 && ok) {
        ok = false;
        error = errno;
    }
    writer->file = NULL;
    if (ok && writer->temporary) {
        ok = rename(writer->temporary, writer->path) == 0;
        error = errno;
        if (ok) {
            mica_free(writer->temporary);
            writer->temporary = NULL;
        }
    }
    if (!ok)
        status = mica_fail_errno(err, error, "cannot write", writer->path);
    mica_writer_abort(pointer);
    return status;
}

void mica_writer_abort(mica_writer **pointer)
{
    mica_writer *writer = *pointer;
    *pointer = NULL;
    if (!writer)
        return;
    if (writer->file)
        fclose(writer->file);
    if (writer->temporary)
        unlink(writer->temporary);
    mica_free(writer->buffer);
    mica_free(writer->temporary);
    mica_free(writer->path);
    mica_free(writer);
}
