/* SPDX-License-Identifier: MIT
 *
 * What the parts of the benchmark share.
 */
#ifndef MICA_BENCH_UTIL_H
#define MICA_BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "mica/json.h"
#include "mica/status.h"

/* "out of memory for WHAT" */
mica_status bench_fail_memory(mica_error *err, const char *what);

/* Seconds of a clock that only goes forward. */
double bench_now(void);

/* The rest of an open file, `path`, of at most `most` bytes; to be freed. */
mica_status bench_read_all(FILE *file, const char *path, size_t most, char **out, size_t *size,
                           mica_error *err);

/* A file of a text and what ends it: there whole, or as it was before; a pipe or a device gets it
 * as it is. */
mica_status bench_write_file(const char *path, const char *text, size_t size, const char *end,
                             mica_error *err);

/* Members of the object that is open. Numbers that are not finite are null. */
void bench_write_number(mica_json_writer *w, const char *key, double number);
void bench_write_int(mica_json_writer *w, const char *key, int64_t number);
void bench_write_bool(mica_json_writer *w, const char *key, bool flag);
/* A value as it was read. */
void bench_write_value(mica_json_writer *w, const mica_json_value *value);
/* Whether two values say the same; members in any order. */
bool bench_same_value(const mica_json_value *a, const mica_json_value *b);

/* A text member, or "". */
const char *bench_text(const mica_json_value *object, const char *key);
/* A number member, or `otherwise`. */
double bench_number(const mica_json_value *object, const char *key, double otherwise);
/* Whether both numbers are known, and not the same. */
bool bench_differ(double a, double b);

#endif
