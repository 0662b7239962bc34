/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int bench_folder_lock(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void bench_folder_remove(int fd, const char *path)
{
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            unlinkat(fd, entry->d_name, 0);
    rmdir(path);
    closedir(folder);
}

static bool is_named(const char *name, const char *begin, const char *end)
{
    size_t size = strlen(name), first = strlen(begin), last = strlen(end);
    return size >= first + last && memcmp(name, begin, first) == 0 &&
           strcmp(name + size - last, end) == 0;
}

void bench_folders_sweep(const char *place, const char *begin, const char *end)
{
    char path[4096];
    DIR *folder = opendir(place);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (is_named(entry->d_name, begin, end) &&
            (size_t)snprintf(path, sizeof path, "%s/%s", place, entry->d_name) < sizeof path)
            bench_folder_remove(bench_folder_lock(path), path);
    if (folder)
        closedir(folder);
}
