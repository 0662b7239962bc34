/* SPDX-License-Identifier: MIT
 *
 * Any bytes as JSON: parsed or refused; what was parsed is walked and written, and what was written
 * parses again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mica/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(mica_json_writer *w, const mica_json_value *value)
{
    size_t size = 0;
    double number = 0;
    bool flag = false;
    switch (mica_json_get_type(value)) {
    case MICA_JSON_OBJECT:
        mica_json_begin_object(w);
        for (const mica_json_value *v = mica_json_first(value); v; v = mica_json_next(v)) {
            mica_json_write_key(w, mica_json_key(v, &size));
            write_value(w, v);
        }
        mica_json_end_object(w);
        break;
    case MICA_JSON_ARRAY:
        mica_json_begin_array(w);
        for (const mica_json_value *v = mica_json_first(value); v; v = mica_json_next(v))
            write_value(w, v);
        mica_json_end_array(w);
        break;
    case MICA_JSON_STRING: {
        const char *text = mica_json_string(value, &size);
        mica_json_write_string(w, text, size);
        break;
    }
    case MICA_JSON_NUMBER:
        mica_json_double(value, &number);
        mica_json_write_double(w, number);
        break;
    case MICA_JSON_BOOL:
        mica_json_bool(value, &flag);
        mica_json_write_bool(w, flag);
        break;
    case MICA_JSON_NULL:
        mica_json_write_null(w);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mica_error err;
    mica_json *json = NULL, *again = NULL;
    mica_json_writer *w = NULL;
    const char *text = NULL;
    if (mica_json_parse((const char *)data, size, "fuzz", &json, &err))
        return 0;
    if (!mica_json_writer_create(&w, &err)) {
        write_value(w, mica_json_root(json));
        if (mica_json_writer_text(w, &text, &size, &err) ||
            mica_json_parse(text, size, "again", &again, &err))
            abort();
    }
    mica_json_destroy(&again);
    mica_json_writer_destroy(&w);
    mica_json_destroy(&json);
    return 0;
}
