/* SPDX-License-Identifier: MIT
 *
 * The strict look at a JSON text before cJSON, which forgives too much, gets it.
 */
#ifndef MICA_BASE_JSON_CHECK_H
#define MICA_BASE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { MICA_JSON_LONG_NUMBER = 63 }; /* cJSON reads no more characters of a number */

/* Checks that `text` is one JSON document as RFC 8259 has it, in UTF-8, nested at most 128 deep.
 * *rewrite: whether it holds what cJSON cannot read, a \u0000 or a number longer than
 * MICA_JSON_LONG_NUMBER. Error texts start with NAME:LINE:COLUMN. */
mica_status mica_json_check(const char *text, size_t size, const char *name, bool *rewrite,
                            mica_error *err);

/* Fails at the n-th key (from 1, in the order of the text) of a text that has passed the check, as
 * one that stands twice in its object. */
mica_status mica_json_fail_at_key(const char *text, size_t size, const char *name, size_t key,
                                  mica_error *err);

#endif
