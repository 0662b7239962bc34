/* SPDX-License-Identifier: MIT
 *
 * Where a measurement was made, and where its files are.
 */
#ifndef MICA_BENCH_ENVIRONMENT_H
#define MICA_BENCH_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "mica/json.h"

typedef struct bench_environment {
    char cpu[128], kernels[32], system[256], compiler[64], started[32];
    char commit[64]; /* of the source tree in which the program lies; "" = not known */
    size_t threads, processors;
    double memory;     /* bytes of the machine; NAN = not known */
    double load;       /* processes that wanted to run in the minute before; NAN = not known */
    char governor[32]; /* what chooses the processors' clock; "" = not known (virtual machines) */
} bench_environment;

/* Never fails: what is not known stays empty. */
void bench_environment_read(bench_environment *environment);
/* The members of an object that is open. */
void bench_environment_write(mica_json_writer *writer, const bench_environment *environment);

/* The path of this program. False = the system does not say. */
bool bench_find_self(char *path, size_t size);

/* Bytes of memory that a program can take without pushing others out, as far as the system tells
 * (on Linux what is available, within the limit of its cgroup; elsewhere half of what there is). */
double bench_memory_available(void);

/* Finds a file or directory of the benchmark, which belongs to a source tree (the program is at
 * build/PRESET/mica there) or was installed (at bin/mica): `in_tree` is counted from the tree's
 * root, `installed` from the prefix; either may be NULL. False = it is not there. */
bool bench_find(const char *in_tree, const char *installed, char *path, size_t size);

#endif
