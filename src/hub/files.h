/* SPDX-License-Identifier: MIT
 *
 * The file system, as the cache uses it: folders are entered one by one and no symbolic link below
 * a cache's (or a user's) folder is followed when something is written, files appear whole or not
 * at all, and locks are those of huggingface_hub.
 */
#ifndef MICA_HUB_FILES_H
#define MICA_HUB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Errors of files name them below their root; this puts the root before those (IO, DISK_FULL) that
 * do not name it, so that the user knows which folder or disk it is. */
void mica_hub_name_root(mica_status status, const char *root, mica_error *err);

/* Opens the folder `below` ("snapshots/abc/x"; "" = root itself) of `root`. With `create` both are
 * made if need be. Below the root a symbolic link is IO: nobody but us makes folders there. Without
 * `create` a folder that is not there is NOT_FOUND. */
mica_status mica_hub_folder_open(const char *root, const char *below, bool create, int *fd,
                                 mica_error *err);
/* The same for the folder of a file `path` below the root; *name is set to its last part. */
mica_status mica_hub_folder_of(const char *root, const char *path, bool create, int *fd,
                               const char **name, mica_error *err);

/* Writes a small file whole under its name. The temporary file lies in `scratch`, a folder of the
 * same file system: where whatever lies there has a meaning (refs/), that is another one. */
mica_status mica_hub_put(int scratch, int folder, const char *name, const void *data, size_t size,
                         mica_error *err);
/* Makes `name` a symbolic link to `target`, whatever it was. *unsupported: the file system has no
 * links, and nothing was done. */
mica_status mica_hub_point(int folder, const char *name, const char *target, bool *unsupported,
                           mica_error *err);
/* Copies a file's bytes to a new file that appears under its name when it is whole. */
mica_status mica_hub_copy(const char *from, int folder, const char *name, mica_error *err);
/* Writes all bytes at an offset. */
mica_status mica_hub_write_at(int fd, const void *data, size_t size, int64_t offset,
                              const char *path, mica_error *err);
/* Gives an open file the permissions that a new file in `folder` gets. */
void mica_hub_default_mode(int folder, int fd);
/* Eight hex digits that no other writer uses, and a NUL. */
void mica_hub_unique(char out[9]);

typedef enum mica_hub_lock_state {
    MICA_HUB_LOCK_HELD,
    MICA_HUB_LOCK_BUSY, /* another process has it: try again */
    MICA_HUB_LOCK_NONE  /* this file system has no locks */
} mica_hub_lock_state;
/* Tries to lock the file `path` below root, made if need be and never removed. *fd is -1 unless it
 * is held; closing it lets go. */
mica_status mica_hub_lock_try(const char *root, const char *path, int *fd,
                              mica_hub_lock_state *state, mica_error *err);

/* Bytes free for us where `path` is or will be; -1 = not known. */
int64_t mica_hub_disk_free(const char *path);
/* The size of a regular file (after symbolic links), or -1 if there is none. */
int64_t mica_hub_file_size(const char *path);

#endif
