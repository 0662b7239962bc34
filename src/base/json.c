/* SPDX-License-Identifier: MIT
 *
 * JSON trees by cJSON, behind a strict check (json_check.c) and these rules:
 *
 * - A mica_json_value is a cJSON node; the length of a string is kept in its node's valuedouble,
 *   which cJSON does not use for strings.
 * - cJSON's strings end at NUL, so each \u0000 is handed to it as the bytes C0 80, which valid
 *   UTF-8 cannot hold, and turned into a NUL afterwards.
 * - cJSON reads numbers of at most 63 characters, so longer ones are handed to it with the 17
 * digits that decide a double.
 */
#include "mica/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json_check.h"
#include "base/json_number.h"
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

/* Appends the string that starts at p with every \u0000 as C0 80; returns what follows it. */
static const char *rewrite_string(const char *p, mica_buf *out)
{
    const char *plain = p++;
    for (; *p != '"'; p++) {
        if (*p != '\\')
            continue;
        if (p[1] != 'u' || memcmp(p + 2, "0000", 4) != 0) {
            p++; /* whatever is escaped is no end of the string */
            continue;
        }
        mica_buf_append(out, plain, (size_t)(p - plain));
        mica_buf_text(out, "\xc0\x80");
        plain = p + 6;
        p += 5;
    }
    mica_buf_append(out, plain, (size_t)(p + 1 - plain));
    return p + 1;
}

/* Appends the number that starts at p, shortened if need be; returns what follows it. */
static const char *rewrite_number(const char *p, const char *end, mica_buf *out)
{
    const char *start = p;
    while (p < end && (strchr("+-.eE", *p) || (*p >= '0' && *p <= '9')))
        p++;
    size_t size = (size_t)(p - start);
    char number[MICA_JSON_NUMBER_ROOM];
    if (size > MICA_JSON_LONG_NUMBER) {
        mica_json_print_double(mica_json_read_number(start, size), number);
        mica_buf_text(out, number);
    } else {
        mica_buf_append(out, start, size);
    }
    return p;
}

/* The text as cJSON can read it (see the head). It has passed the check, so tokens are whole. */
static void rewrite(const char *text, size_t size, mica_buf *out)
{
    const char *p = text, *end = text + size;
    while (p < end && !out->failed) {
        if (*p == '"')
            p = rewrite_string(p, out);
        else if (*p == '-' || (*p >= '0' && *p <= '9'))
            p = rewrite_number(p, end, out);
        else
            mica_buf_char(out, *p++);
    }
}

/* Turns C0 80 back into NUL and keeps the length. */
static void finish_string(cJSON *item, bool rewritten)
{
    size_t length = strlen(item->valuestring);
    if (rewritten) {
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

/* *twice gets a member whose key stands before it too, or NULL. False = out of memory. */
static bool find_duplicate(const cJSON *object, const cJSON **twice)
{
    size_t count = 0;
    *twice = NULL;
    for (const cJSON *a = object->child; a; a = a->next)
        count++;
    if (count <= SMALL_OBJECT) {
        for (const cJSON *a = object->child; a && !*twice; a = a->next)
            for (const cJSON *b = a->next; b && !*twice; b = b->next)
                if (strcmp(a->string, b->string) == 0)
                    *twice = b;
        return true;
    }
    mica_map *map = mica_map_create();
    mica_map_result result = map ? MICA_MAP_ADDED : MICA_MAP_NO_MEMORY;
    for (const cJSON *a = object->child; a && result == MICA_MAP_ADDED; a = a->next) {
        result = mica_map_add(map, a->string, strlen(a->string), 0);
        if (result == MICA_MAP_EXISTS)
            *twice = a;
    }
    mica_map_destroy(&map);
    return result != MICA_MAP_NO_MEMORY;
}

/* Walks the tree (depth is bounded by the check): lengths of strings, duplicate keys. *twice gets a
 * member with a duplicate key. False = out of memory. */
static bool finish_tree(cJSON *item, bool rewritten, const cJSON **twice)
{
    bool ok = true;
    if (cJSON_IsString(item))
        finish_string(item, rewritten);
    else if (cJSON_IsObject(item))
        ok = find_duplicate(item, twice);
    for (cJSON *child = item->child; child && ok && !*twice; child = child->next)
        ok = finish_tree(child, rewritten, twice);
    return ok;
}

/* Counts the keys up to and with that of `last`, in the order of the text; true once it is there.
 */
static bool count_keys(const cJSON *item, const cJSON *last, size_t *keys)
{
    for (const cJSON *child = item->child; child; child = child->next) {
        *keys += child->string != NULL;
        if (child == last || count_keys(child, last, keys))
            return true;
    }
    return false;
}

mica_status mica_json_parse(const char *text, size_t size, const char *name, mica_json **out,
                            mica_error *err)
{
    *out = NULL;
    bool rewritten = false, ok = false;
    mica_json *json = NULL;
    const cJSON *twice = NULL;
    mica_status status = mica_json_check(text, size, name, &rewritten, err);
    if (status)
        return status;
    pthread_once(&hooks_once, set_hooks);
    mica_buf buf; /* stays empty if the text can be read as it is */
    mica_buf_init(&buf, SIZE_MAX);
    if (rewritten)
        rewrite(text, size, &buf);
    if (!buf.failed)
        json = mica_calloc(1, sizeof *json);
    if (json)
        json->root =
            cJSON_ParseWithLength(rewritten ? buf.data : text, rewritten ? buf.size : size);
    mica_buf_free(&buf);
    if (json && json->root)
        ok = finish_tree(json->root, rewritten, &twice);
    if (!ok) {
        /* The text has passed the check, so what is missing is memory. */
        status = mica_fail_memory(err, size, name);
    } else if (twice) {
        size_t keys = 0;
        count_keys(json->root, twice, &keys);
        status = mica_json_fail_at_key(text, size, name, keys, err);
    }
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
