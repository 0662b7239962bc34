/* SPDX-License-Identifier: MIT
 *
 * Folders of one process, locked while it lives: those that nobody holds were left by processes
 * that were killed, and are removed by the next one.
 */
#ifndef MICA_BENCH_FOLDER_H
#define MICA_BENCH_FOLDER_H

/* Locks a folder of ours until the result is closed, or the process ends. -1: it is not ours, in
 * use, or not there. */
int bench_folder_lock(const char *path);
/* The files of a folder, and the folder unless it holds something else. Closes `fd`, its lock or
 * another descriptor; -1: does nothing. */
void bench_folder_remove(int fd, const char *path);
/* Removes the folders in `place` whose names begin and end so, and that nobody holds. */
void bench_folders_sweep(const char *place, const char *begin, const char *end);

#endif
