/* SPDX-License-Identifier: MIT
 *
 * JSON trees: parsing is in json_parse.c, writing in json_write.c.
 */
#include "mica/json.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json_tree.h"

mica_status mica_json_parse(const char *text, size_t size, const char *name, mica_json **out,
                            mica_error *err)
{
    mica_json *json = mica_calloc(1, sizeof *json);
    mica_status status = json ? mica_json_read(json, text, size, name, err)
                              : mica_fail_memory(err, sizeof *json, name);
    if (status)
        mica_json_destroy(&json);
    *out = json;
    return status;
}

mica_status mica_json_parse_file(const char *path, mica_json **out, mica_error *err)
{
    *out = NULL;
    char *text = NULL;
    size_t size = 0;
    mica_status status = mica_file_read(path, (size_t)1 << 30, &text, &size, err);
    if (!status)
        status = mica_json_parse(text, size, path, out, err);
    mica_free(text);
    return status;
}

void mica_json_destroy(mica_json **json)
{
    if (!*json)
        return;
    mica_free((*json)->more);
    mica_free((*json)->block);
    mica_free(*json);
    *json = NULL;
}

const mica_json_value *mica_json_root(const mica_json *json)
{
    return json ? json->nodes : NULL;
}

mica_json_type mica_json_get_type(const mica_json_value *value)
{
    return value ? value->type : MICA_JSON_NULL;
}

const char *mica_json_type_name(mica_json_type type)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    return (unsigned)type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

size_t mica_json_count(const mica_json_value *value)
{
    bool members = value && (value->type == MICA_JSON_ARRAY || value->type == MICA_JSON_OBJECT);
    return members ? value->size : 0;
}

const mica_json_value *mica_json_first(const mica_json_value *value)
{
    return mica_json_count(value) > 0 ? value + 1 : NULL;
}

const mica_json_value *mica_json_next(const mica_json_value *value)
{
    return value && value->next > 0 ? value + value->next : NULL;
}

const char *mica_json_key(const mica_json_value *value, size_t *size)
{
    if (size)
        *size = value ? value->key_size : 0;
    return value ? value->key : NULL;
}

const mica_json_value *mica_json_get(const mica_json_value *object, const char *key)
{
    size_t size = strlen(key);
    if (mica_json_get_type(object) != MICA_JSON_OBJECT)
        return NULL;
    for (const mica_json_value *v = mica_json_first(object); v; v = mica_json_next(v))
        if (v->key_size == size && memcmp(v->key, key, size) == 0)
            return v;
    return NULL;
}

bool mica_json_bool(const mica_json_value *value, bool *out)
{
    if (mica_json_get_type(value) != MICA_JSON_BOOL)
        return false;
    *out = value->as.flag;
    return true;
}

bool mica_json_int64(const mica_json_value *value, int64_t *out)
{
    double number;
    if (!mica_json_double(value, &number) || fabs(number) > 9007199254740992.0 ||
        (double)(int64_t)number != number)
        return false;
    *out = (int64_t)number;
    return true;
}

bool mica_json_double(const mica_json_value *value, double *out)
{
    if (mica_json_get_type(value) != MICA_JSON_NUMBER)
        return false;
    *out = value->as.number;
    return true;
}

bool mica_json_double_by_serde(const mica_json_value *value, double *out)
{
    int64_t bits;
    if (!mica_json_double(value, out))
        return false;
    memcpy(&bits, out, sizeof bits);
    bits += (int32_t)value->size; /* how many doubles further from 0 */
    memcpy(out, &bits, sizeof bits);
    return true;
}

const char *mica_json_string(const mica_json_value *value, size_t *size)
{
    if (mica_json_get_type(value) != MICA_JSON_STRING)
        return NULL;
    if (size)
        *size = value->size;
    return value->as.text;
}
