/* SPDX-License-Identifier: MIT
 *
 * JSON, read with limits and written by hand-over-hand appends. What mica's own front doors (the
 * program) use to read requests and write results; also how the library reads config.json.
 *
 * Reading: a document is parsed whole into a tree of immutable values. Nesting deeper than 128, a
 * duplicate key in an object, invalid UTF-8, a lone surrogate escape, a number that is not finite,
 * anything after the document, and whatever else RFC 8259 does not allow are errors that name the
 * place, and so is a text of more than 1 GiB. Strings and keys may hold U+0000.
 */
#ifndef MICA_JSON_H
#define MICA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mica/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mica_json mica_json;             /* a document: owns every value in it */
typedef struct mica_json_value mica_json_value; /* a value: valid as long as its document */

typedef enum mica_json_type {
    MICA_JSON_NULL,
    MICA_JSON_BOOL,
    MICA_JSON_NUMBER,
    MICA_JSON_STRING,
    MICA_JSON_ARRAY,
    MICA_JSON_OBJECT
} mica_json_type;

/* Parses `size` bytes (no closing NUL needed). The text may be freed afterwards. `name` is used in
 * error texts (a file name, "line 3 of stdin"). FORMAT on bad JSON. */
MICA_API mica_status mica_json_parse(const char *text, size_t size, const char *name,
                                     mica_json **out, mica_error *err);
/* Reads and parses a file of at most 1 GiB. */
MICA_API mica_status mica_json_parse_file(const char *path, mica_json **out, mica_error *err);
MICA_API void mica_json_destroy(mica_json **json);
MICA_API const mica_json_value *mica_json_root(const mica_json *json);

/* A NULL value counts as absent everywhere below: type NULL, count 0, no members. */
MICA_API mica_json_type mica_json_get_type(const mica_json_value *value);
MICA_API const char *mica_json_type_name(mica_json_type type);
/* Members of an array or object. */
MICA_API size_t mica_json_count(const mica_json_value *value);
/* First child, then the next sibling: walking is linear. */
MICA_API const mica_json_value *mica_json_first(const mica_json_value *value);
MICA_API const mica_json_value *mica_json_next(const mica_json_value *value);
/* The key under which a value stands in its object, or NULL. It may hold NUL, and is followed by
 * one. */
MICA_API const char *mica_json_key(const mica_json_value *value, size_t *size);
/* Member by key, or NULL if `object` is no object or has none. */
MICA_API const mica_json_value *mica_json_get(const mica_json_value *object, const char *key);

/* Typed access; false (and *out untouched) if the value is absent or of another type, for integers
 * also if it is not a whole number of at most 2^53 in size (larger ones are not exact in JSON). */
MICA_API bool mica_json_bool(const mica_json_value *value, bool *out);
MICA_API bool mica_json_int64(const mica_json_value *value, int64_t *out);
MICA_API bool mica_json_double(const mica_json_value *value, double *out);
/* Bytes are valid UTF-8, may hold NUL, and are followed by one. NULL if not a string. */
MICA_API const char *mica_json_string(const mica_json_value *value, size_t *size);

/* Writing: appends to a growing text. Commas are put where they belong. Errors stick (out of
 * memory) and surface in finish. */
typedef struct mica_json_writer mica_json_writer;
MICA_API mica_status mica_json_writer_create(mica_json_writer **out, mica_error *err);
MICA_API void mica_json_writer_destroy(mica_json_writer **writer);
MICA_API void mica_json_begin_object(mica_json_writer *writer);
MICA_API void mica_json_end_object(mica_json_writer *writer);
MICA_API void mica_json_begin_array(mica_json_writer *writer);
MICA_API void mica_json_end_array(mica_json_writer *writer);
MICA_API void mica_json_write_key(mica_json_writer *writer, const char *key);
MICA_API void mica_json_write_string(mica_json_writer *writer, const char *data, size_t size);
MICA_API void mica_json_write_text(mica_json_writer *writer, const char *text);
MICA_API void mica_json_write_int(mica_json_writer *writer, int64_t number);
/* Shortest decimal that reads back as the same float or double; a number that is not finite is
 * written as null. */
MICA_API void mica_json_write_float(mica_json_writer *writer, float number);
MICA_API void mica_json_write_double(mica_json_writer *writer, double number);
MICA_API void mica_json_write_bool(mica_json_writer *writer, bool flag);
MICA_API void mica_json_write_null(mica_json_writer *writer);
/* A member of the object that is open: its key and a text, or null where there is none (NULL). */
MICA_API void mica_json_write_member(mica_json_writer *writer, const char *key, const char *text);
/* The text so far (NUL-terminated, owned by the writer, valid until the next call on it); then
 * reset to write another document into the same memory. */
MICA_API mica_status mica_json_writer_text(mica_json_writer *writer, const char **text,
                                           size_t *size, mica_error *err);
MICA_API void mica_json_writer_reset(mica_json_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
