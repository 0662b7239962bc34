/* SPDX-License-Identifier: MIT
 *
 * The strict look at a JSON text before cJSON, which forgives too much, gets it.
 */
#ifndef MICA_BASE_JSON_CHECK_H
#define MICA_BASE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Checks that `text` is one JSON document as RFC 8259 has it, in UTF-8, nested at most 128 deep.
 * *has_nul: whether a string holds \u0000. Error texts start with NAME:LINE:COLUMN. */
mica_status mica_json_check(const char *text, size_t size, const char *name, bool *has_nul,
                            mica_error *err);

#endif
