/* SPDX-License-Identifier: MIT
 *
 * The result of `mica bench models`: JSON lines, each on the disk before the next thing is
 * measured, so that a run that is interrupted at any moment goes on where it stopped.
 */
#ifndef MICA_BENCH_MODELS_RESULTS_H
#define MICA_BENCH_MODELS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "mica/json.h"

typedef struct bench_results {
    char path[4096]; /* "" = no file */
    FILE *file;
    bool stream;       /* no regular file: lines go there, and are not gone on with */
    mica_json **lines; /* the header first */
    size_t count, room;
    size_t kept; /* lines of an earlier run */
    /* Told of each line, those of an earlier run too. */
    void (*show)(void *user, const mica_json_value *line, bool kept);
    void *user;
} bench_results;

/* Before anything is measured: whether a run can begin, or go on. `path` NULL: nothing is written.
 * A file that is there already is gone on with if `resume`: settings, machine and peers of the
 * header that the writer holds (which is reset) must be the same, and a last line without its end
 * is dropped; else it is INVALID_ARGUMENT, as is one that another run writes. */
mica_status bench_results_open(bench_results *results, const char *path, bool resume,
                               mica_json_writer *header, mica_error *err);
/* Shows the lines that are there already; else begins with the header that the writer holds, which
 * is reset. */
mica_status bench_results_begin(bench_results *results, mica_json_writer *header, mica_error *err);
/* Adds the line that the writer holds, which is reset. */
mica_status bench_results_add(bench_results *results, mica_json_writer *line, mica_error *err);
/* When all is there: writes the file again, without the lines that only served to go on. */
mica_status bench_results_finish(bench_results *results, mica_error *err);
void bench_results_close(bench_results *results);

const mica_json_value *bench_results_line(const bench_results *results, size_t i);
/* The last line of this kind and model; of this cell, if `batch` is not 0 (`length` 0 = mixed), and
 * of this precision, if it is not NULL. */
const mica_json_value *bench_results_find(const bench_results *results, const char *kind,
                                          const char *model, const char *precision, size_t length,
                                          size_t batch);
/* Writes all that is there as one object: the header's members and "results", a list of the others.
 */
void bench_results_write(const bench_results *results, mica_json_writer *w);
/* The lines of a file, which need not be whole; FORMAT if it does not begin with a header. */
mica_status bench_results_read(bench_results *results, const char *path, mica_error *err);
/* Whether a line only serves to go on with a run. */
bool bench_results_is_part(const mica_json_value *line);

#endif
