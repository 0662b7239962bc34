/* SPDX-License-Identifier: MIT
 *
 * A JSON document in memory: its values in one array, in the order of the text, and its strings in
 * another.
 *
 *     {"a": [1, 2], "b": "c"}
 *
 *     nodes    object (2)   a: array (2)   1          2          b: "c"
 *     next     0            3              1          0          0
 *     strings  a\0 b\0 c\0
 *
 * The first member of an array or object stands right behind it; `next` leads from one member to
 * the one after it.
 */
#ifndef MICA_BASE_JSON_TREE_H
#define MICA_BASE_JSON_TREE_H

#include "base/error.h"
#include "mica/json.h"

struct mica_json_value {
    union {
        double number;
        const char *text; /* of a string, with a closing NUL */
        bool flag;
    } as;
    const char *key;   /* in an object: with a closing NUL, which it does not hold; else NULL */
    uint32_t size;     /* bytes of a string, members of an array or object; of a number see
                          mica_json_double_by_serde */
    uint32_t key_size; /* bytes */
    uint32_t next;     /* how many nodes on; 0 = there is none */
    mica_json_type type;
};

struct mica_json {
    mica_json_value *nodes;
    size_t count, capacity;
    void *block;           /* of the strings, and of the nodes as long as they fit behind them */
    mica_json_value *more; /* of the nodes afterwards */
};

/* The number as serde_json reads it (json_number.h). False = it is no number. */
bool mica_json_double_by_serde(const mica_json_value *value, double *out);

/* Fills an empty document (which the caller destroys, also on failure). Error texts start with
 * NAME:LINE:COLUMN. */
mica_status mica_json_read(mica_json *json, const char *text, size_t size, const char *name,
                           mica_error *err);

#endif
