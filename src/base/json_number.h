/* SPDX-License-Identifier: MIT
 *
 * Numbers as JSON writes them, whatever the locale of the process has for a decimal point.
 */
#ifndef MICA_BASE_JSON_NUMBER_H
#define MICA_BASE_JSON_NUMBER_H

#include <stddef.h>

enum { MICA_JSON_NUMBER_ROOM = 64 };

/* The double nearest to a number of RFC 8259's form and of any length; infinite if too large. */
double mica_json_read_number(const char *text, size_t size);

/* The same as serde_json reads it, in which Hugging Face's tokenizers are written: the first
 * digits, as many as 64 bits hold, as a double, times or divided by a power of ten. With more than
 * 15 digits it may be a neighbour of the nearest double. */
double mica_json_read_by_serde(const char *text, size_t size);

/* The shortest decimal that reads back as the same finite number, NUL-terminated. */
void mica_json_print_float(float value, char out[MICA_JSON_NUMBER_ROOM]);
void mica_json_print_double(double value, char out[MICA_JSON_NUMBER_ROOM]);

#endif
