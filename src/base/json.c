/* SPDX-License-Identifier: MIT
 *
 * JSON trees by cJSON, behind a strict check (json_check.c) and these rules:
 *
 * - a mica_json_value is a cJSON node; the length of a string is kept in its node's valuedouble,
 * which cJSON does not use for strings;
 * - cJSON's strings end at NUL, so each \u0000 is handed to it as the bytes C0 80, which valid
 * UTF-8 cannot hold, and turned into a NUL afterwards.
 */
#include "mica/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json_check.h"
#include "base/map.h"

struct mica_json {
    cJSON *root;
};

enum { SMALL_OBJECT = 16 }; /* members compared pairwise when looking for duplicate keys */

static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;

static void set_hooks(void)
{
    cJSON_Hooks hooks = {mica_alloc, mica_free};
    cJSON_InitHooks(&hooks);
}

static const cJSON *node(const mica_json_value *value)
{
    return (const cJSON *)(const void *)value;
}

static const mica_json_value *value_of(const cJSON *item)
{
    return (const mica_json_value *)(const void *)item;
}

/* A copy of `text` with every \u0000 as C0 80. The check has been passed: escapes are well formed.
 */
static char *mark_nuls(const char *text, size_t size, size_t *out_size)
{
    char *copy = mica_alloc(size);
    size_t n = 0;
    for (size_t i = 0; copy && i < size; i++) {
        if (text[i] != '\\') {
            copy[n++] = text[i];
        } else if (text[i + 1] == 'u' && memcmp(text + i + 2, "0000", 4) == 0) {
            copy[n++] = (char)0xc0;
            copy[n++] = (char)0x80;
            i += 5;
        } else {
            copy[n++] = text[i++];
            copy[n++] = text[i];
        }
    }
    *out_size = n;
    return copy;
}

/* Turns C0 80 back into NUL and keeps the length. */
static void finish_string(cJSON *item, bool has_nul)
{
    size_t length = strlen(item->valuestring);
    if (has_nul) {
        char *s = item->valuestring;
        size_t n = 0;
        for (size_t i = 0; i < length; i++) {
            if ((unsigned char)s[i] == 0xc0) {
                s[n++] = 0;
                i++;
            } else {
                s[n++] = s[i];
            }
        }
        s[n] = 0;
        length = n;
    }
    item->valuedouble = (double)length;
}

static mica_status check_keys(const cJSON *object, const char *name, mica_error *err)
{
    size_t count = 0;
    const cJSON *twice = NULL;
    for (const cJSON *a = object->child; a; a = a->next)
        count++;
    if (count <= SMALL_OBJECT) {
        for (const cJSON *a = object->child; a && !twice; a = a->next)
            for (const cJSON *b = a->next; b && !twice; b = b->next)
                if (strcmp(a->string, b->string) == 0)
                    twice = b;
    } else {
        mica_map *map = mica_map_create();
        mica_map_result result = map ? MICA_MAP_ADDED : MICA_MAP_NO_MEMORY;
        const cJSON *a = object->child;
        for (; a && result == MICA_MAP_ADDED; a = a->next) {
            result = mica_map_add(map, a->string, strlen(a->string), 0);
            if (result == MICA_MAP_EXISTS)
                twice = a;
        }
        mica_map_destroy(&map);
        if (result == MICA_MAP_NO_MEMORY)
            return mica_fail_memory(err, count, name);
    }
    if (twice)
        return mica_fail(err, MICA_STATUS_FORMAT, "%s: not valid JSON: the key \"%s\" stands twice",
                         name, twice->string);
    return MICA_OK;
}

/* Walks the tree (depth is bounded by the check): lengths of strings, duplicate keys. */
static mica_status finish_tree(cJSON *item, bool has_nul, const char *name, mica_error *err)
{
    mica_status status = MICA_OK;
    if (cJSON_IsString(item))
        finish_string(item, has_nul);
    else if (cJSON_IsObject(item))
        status = check_keys(item, name, err);
    for (cJSON *child = item->child; child && !status; child = child->next)
        status = finish_tree(child, has_nul, name, err);
    return status;
}

mica_status mica_json_parse(const char *text, size_t size, const char *name, mica_json **out,
                            mica_error *err)
{
    *out = NULL;
    bool has_nul = false;
    char *marked = NULL;
    mica_json *json = NULL;
    mica_status status = mica_json_check(text, size, name, &has_nul, err);
    if (status)
        return status;
    pthread_once(&hooks_once, set_hooks);
    if (has_nul) {
        marked = mark_nuls(text, size, &size);
        if (!marked) {
            status = mica_fail_memory(err, size, name);
            goto fail;
        }
        text = marked;
    }
    json = mica_calloc(1, sizeof *json);
    if (json)
        json->root = cJSON_ParseWithLength(text, size);
    if (!json || !json->root) {
        /* The text has passed the check, so what is missing is memory. */
        status = mica_fail_memory(err, size, name);
        goto fail;
    }
    status = finish_tree(json->root, has_nul, name, err);
    if (status)
        goto fail;
    mica_free(marked);
    *out = json;
    return MICA_OK;
fail:
    mica_free(marked);
    mica_json_destroy(&json);
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
    cJSON_Delete((*json)->root);
    mica_free(*json);
    *json = NULL;
}

const mica_json_value *mica_json_root(const mica_json *json)
{
    return json ? value_of(json->root) : NULL;
}

mica_json_type mica_json_get_type(const mica_json_value *value)
{
    const cJSON *item = node(value);
    if (cJSON_IsBool(item))
        return MICA_JSON_BOOL;
    if (cJSON_IsNumber(item))
        return MICA_JSON_NUMBER;
    if (cJSON_IsString(item))
        return MICA_JSON_STRING;
    if (cJSON_IsArray(item))
        return MICA_JSON_ARRAY;
    return cJSON_IsObject(item) ? MICA_JSON_OBJECT : MICA_JSON_NULL;
}

const char *mica_json_type_name(mica_json_type type)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    return (unsigned)type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

size_t mica_json_count(const mica_json_value *value)
{
    size_t count = 0;
    for (const mica_json_value *v = mica_json_first(value); v; v = mica_json_next(v))
        count++;
    return count;
}

const mica_json_value *mica_json_first(const mica_json_value *value)
{
    return value ? value_of(node(value)->child) : NULL;
}

const mica_json_value *mica_json_next(const mica_json_value *value)
{
    return value ? value_of(node(value)->next) : NULL;
}

const char *mica_json_key(const mica_json_value *value, size_t *size)
{
    const char *key = value ? node(value)->string : NULL;
    if (size)
        *size = key ? strlen(key) : 0;
    return key;
}

const mica_json_value *mica_json_get(const mica_json_value *object, const char *key)
{
    return cJSON_IsObject(node(object))
               ? value_of(cJSON_GetObjectItemCaseSensitive(node(object), key))
               : NULL;
}

bool mica_json_bool(const mica_json_value *value, bool *out)
{
    if (!cJSON_IsBool(node(value)))
        return false;
    *out = cJSON_IsTrue(node(value));
    return true;
}

bool mica_json_int64(const mica_json_value *value, int64_t *out)
{
    double number;
    if (!mica_json_double(value, &number) || number != floor(number) ||
        fabs(number) > 9007199254740992.0)
        return false;
    *out = (int64_t)number;
    return true;
}

bool mica_json_double(const mica_json_value *value, double *out)
{
    if (!cJSON_IsNumber(node(value)))
        return false;
    *out = node(value)->valuedouble;
    return true;
}

const char *mica_json_string(const mica_json_value *value, size_t *size)
{
    if (!cJSON_IsString(node(value)))
        return NULL;
    if (size)
        *size = (size_t)node(value)->valuedouble;
    return node(value)->valuestring;
}
