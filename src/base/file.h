/* SPDX-License-Identifier: MIT
 *
 * Files: mapped read-only, read whole with a limit, written whole or not at all.
 */
#ifndef MICA_BASE_FILE_H
#define MICA_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"

/* A read-only mapping of a regular file, counted by references. */
typedef struct mica_mapping mica_mapping;
mica_status mica_mapping_open(const char *path, mica_mapping **out, mica_error *err);
mica_mapping *mica_mapping_retain(mica_mapping *mapping);
void mica_mapping_release(mica_mapping **mapping);
const unsigned char *mica_mapping_data(const mica_mapping *mapping); /* NULL if the file is empty */
size_t mica_mapping_size(const mica_mapping *mapping);
const char *mica_mapping_path(const mica_mapping *mapping);
/* What the system knew of the file when it was opened. */
typedef struct mica_file_stamp {
    uint64_t device, inode, size;
    struct timespec modified, changed; /* its bytes; its bytes or what is known of it */
    uint32_t owner, mode;
} mica_file_stamp;
const mica_file_stamp *mica_mapping_stamp(const mica_mapping *mapping);
/* All of [data, data + size) will be read: where the system has to fetch it from the disk it may do
 * so by large pages, which take a fraction of the time to come into each later process as well. */
void mica_mapping_expect(const mica_mapping *mapping, const void *data, size_t size);
/* The pages of [data, data + size) are not needed soon: let the system have them back. */
void mica_mapping_drop(const mica_mapping *mapping, const void *data, size_t size);

/* Reads a regular file of at most `max` bytes; *out is NUL-terminated, freed with mica_free. A file
 * over the limit is a FORMAT error that names both sizes. */
mica_status mica_file_read(const char *path, size_t max, char **out, size_t *size, mica_error *err);

bool mica_file_exists(const char *path); /* a regular file (after symbolic links) */
bool mica_dir_exists(const char *path);

/* "dir/name", freed with mica_free; NULL = out of memory. */
char *mica_path_join(const char *dir, const char *name);
/* Makes a folder and those above it; symbolic links are fine. 0, or the errno of what went wrong,
 * and then `path` ends with the folder that could not be made. */
int mica_make_folders(char *path, unsigned mode);

/* A file that appears under its name only when complete: writes go to a temporary file in the same
 * folder; commit flushes, syncs and renames; abort (also on any failure) removes it. Pipes, devices
 * and what lies in /dev or /proc are written as they are. */
typedef struct mica_writer mica_writer;
mica_status mica_writer_open(const char *path, mica_writer **out, mica_error *err);
/* Whether it could be opened now, for who writes at the end of long work: nothing is left behind. A
 * pipe is not opened: its reader would take that for the end. */
mica_status mica_writer_check(const char *path, mica_error *err);
/* mica_writer_open for what can be made again and is checked when it is read: for the owner alone
 * (mode 0600), and commit does not wait for the disk. All but devices is replaced: a pipe would be
 * waited for, and a file in /dev/shm may be mapped by another process. */
mica_status mica_writer_open_cache(const char *path, mica_writer **out, mica_error *err);
mica_status mica_writer_write(mica_writer *writer, const void *data, size_t size, mica_error *err);
mica_status mica_writer_commit(mica_writer **writer, mica_error *err); /* clears, also on failure */
void mica_writer_abort(mica_writer **writer);

#endif
