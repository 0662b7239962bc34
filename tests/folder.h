/* SPDX-License-Identifier: MIT
 *
 * The folder that a test works in.
 */
#ifndef MICA_TESTS_FOLDER_H
#define MICA_TESTS_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* Hidden ones do not count. */
static inline size_t files_in(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* With all that is in it; 0 if that could be done. */
static inline int remove_folder(const char *folder)
{
    char command[4200];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

#endif
