/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH = 3, FILES_MAX = 10000, PATH_ROOM = 4400 };

static mica_status bad(mica_error *err, mica_status status, const char *what, const char *path)
{
    err->status = status;
    snprintf(err->message, sizeof err->message, "%s '%.600s'%s%s", what, path, errno ? ": " : "",
             errno ? strerror(errno) : "");
    return status;
}

static mica_status add(folder *f, const char *path, int64_t size, mica_error *err)
{
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 32;
        mica_hub_file *items = realloc(f->items, room * sizeof *items);
        if (!items)
            return bad(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for the files of", path);
        f->items = items;
        f->room = room;
    }
    char *copy = strdup(path);
    if (!copy)
        return bad(err, MICA_STATUS_OUT_OF_MEMORY, "out of memory for the files of", path);
    f->items[f->count++] = (mica_hub_file){copy, size, true, true, false};
    return MICA_OK;
}

/* The files below root/below ("" or "1_Pooling/"). */
static mica_status walk(const char *root, const char *below, int depth, folder *f, mica_error *err)
{
    char path[PATH_ROOM];
    struct stat info;
    mica_status status = MICA_OK;
    snprintf(path, sizeof path, "%s/%s", root, below);
    errno = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return bad(err,
                   errno == ENOENT || errno == ENOTDIR ? MICA_STATUS_NOT_FOUND : MICA_STATUS_IO,
                   "cannot list", path);
    for (struct dirent *e; !status && (e = readdir(dir)) && f->count < FILES_MAX;) {
        char name[PATH_ROOM / 2];
        if (e->d_name[0] == '.')
            continue;
        int n = snprintf(name, sizeof name, "%s%s", below, e->d_name);
        int all = snprintf(path, sizeof path, "%s/%s", root, name);
        if (n < 0 || (size_t)n + 1 >= sizeof name || all < 0 || (size_t)all >= sizeof path ||
            stat(path, &info) != 0)
            continue;
        if (S_ISREG(info.st_mode)) {
            status = add(f, name, (int64_t)info.st_size, err);
        } else if (S_ISDIR(info.st_mode) && depth < DEPTH) {
            name[n] = '/';
            name[n + 1] = 0;
            status = walk(root, name, depth + 1, f, err);
        }
    }
    closedir(dir);
    return status;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const mica_hub_file *)a)->path, ((const mica_hub_file *)b)->path);
}

mica_status folder_read(const char *path, folder *out, mica_error *err)
{
    mica_status status = walk(path, "", 0, out, err);
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, by_path);
    return status;
}

void folder_free(folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        free((char *)f->items[i].path);
    free(f->items);
    memset(f, 0, sizeof *f);
}
