/* SPDX-License-Identifier: MIT
 *
 * The files of a model's directory, as those of a Hub's revision are listed.
 */
#ifndef MICA_CLI_FOLDER_H
#define MICA_CLI_FOLDER_H

#include "cli.h"

typedef struct folder {
    mica_hub_file *items; /* sorted by path; paths are owned */
    size_t count, room;
} folder;
/* Regular files at most three folders deep, no hidden ones; all count as needed. */
mica_status folder_read(const char *path, folder *out, mica_error *err);
void folder_free(folder *f);

#endif
