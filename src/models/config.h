/* SPDX-License-Identifier: MIT
 *
 * Reading values of a configuration file (config.json and its kin), which is as hostile as any
 * other file: every value is checked for type and range here, and nowhere else. An absent key or a
 * null means the default that the caller names: the default of the class in transformers, since
 * config.json only holds what differs from it. The first error sticks; later calls return their
 * defaults.
 */
#ifndef MICA_MODELS_CONFIG_H
#define MICA_MODELS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "mica/json.h"

typedef struct mica_config_reader {
    const mica_json_value *object;
    const char *file; /* for error texts */
    mica_error *err;
    mica_status status;
} mica_config_reader;

/* An integer in [min, max]. A number like 12.0 counts as 12. */
int64_t mica_config_int(mica_config_reader *reader, const char *key, int64_t absent, int64_t min,
                        int64_t max);
/* A number in [min, max]. */
double mica_config_number(mica_config_reader *reader, const char *key, double absent, double min,
                          double max);
bool mica_config_bool(mica_config_reader *reader, const char *key, bool absent);
/* A string without NUL bytes; borrowed from the document. `absent` may be NULL. */
const char *mica_config_text(mica_config_reader *reader, const char *key, const char *absent);

/* Refuses the file with a reason; the first reason stays. */
void mica_config_refuse(mica_config_reader *reader, mica_status status, const char *format, ...)
    MICA_PRINTF(3, 4);

/* Reads and parses the JSON object in `dir`/`name`; *out is NULL and MICA_OK if there is no such
 * file. FORMAT if the document is no object. */
mica_status mica_config_load(const char *dir, const char *name, mica_json **out, mica_error *err);

/* The name of label `id` as `names`, the value of id2label, has it, freed with mica_free: a number
 * stands for its digits, and LABEL_0 is label 0 where there are no names (NULL, or no object). */
mica_status mica_config_label(const mica_json_value *names, size_t id, char **out, mica_error *err);

#endif
