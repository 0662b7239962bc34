/* SPDX-License-Identifier: MIT
 *
 * Eight bytes at a time, h = (h ^ word) K with the high half folded into the low one: as fast as a
 * file is read.
 */
#include "digest.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

enum { PATH_ROOM = 4096, CHUNK = 1 << 16 };

static uint64_t mix(uint64_t h, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof h) {
        uint64_t word = 0;
        memcpy(&word, data + i, size - i < sizeof word ? size - i : sizeof word);
        h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    return (h ^ size) * UINT64_C(0xBF58476D1CE4E5B9);
}

uint64_t bench_digest(const char *data, size_t size)
{
    return mix(1, data, size);
}

mica_status bench_digest_file(const char *path, uint64_t *out, mica_error *err)
{
    char data[CHUNK];
    uint64_t h = 1;
    FILE *file = fopen(path, "rb");
    for (size_t n; file && (n = fread(data, 1, sizeof data, file)) > 0;)
        h = mix(h, data, n);
    bool fine = file && !ferror(file);
    if (file)
        fclose(file);
    *out = h;
    return fine ? MICA_OK
                : mica_fail(err, MICA_STATUS_IO, "cannot read '%.700s': %s", path, strerror(errno));
}

static bool is_part(const char *name)
{
    static const char *const ends[] = {".json", ".txt", ".model", ".safetensors", ".bin"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (size > strlen(ends[i]) && strcmp(name + size - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

mica_status bench_digest_model(const char *directory, uint64_t *out, mica_error *err)
{
    char path[PATH_ROOM];
    DIR *open = opendir(directory);
    mica_status status = MICA_OK;
    *out = 0;
    if (!open)
        return mica_fail(err, MICA_STATUS_IO, "cannot read '%.700s': %s", directory,
                         strerror(errno));
    for (struct dirent *entry; !status && (entry = readdir(open));) {
        struct stat info;
        uint64_t h = 0;
        if (!is_part(entry->d_name))
            continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) >= sizeof path)
            status =
                mica_fail(err, MICA_STATUS_INVALID_ARGUMENT, "the path '%.700s' is too long", path);
        else if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
            status = bench_digest_file(path, &h, err);
        else
            continue;
        *out += mix(h, entry->d_name, strlen(entry->d_name)); /* in whatever order they come */
    }
    closedir(open);
    return status;
}
