/* SPDX-License-Identifier: MIT
 *
 * Reading safetensors (https://github.com/huggingface/safetensors, safetensors/src/tensor.rs).
 *
 * Every check that the reference makes is made here: a file is taken only if its tensors cover the
 * data exactly, without holes, overlaps or bytes left over. Neither order nor alignment of the
 * tensors is assumed.
 */
#include "checkpoint/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/weights.h"
#include "mica/json.h"

const mica_safetensors_type mica_safetensors_types[] = {
    {"BOOL", 8, true, MICA_DTYPE_BOOL},
    {"F4", 4, false, 0},
    {"F6_E2M3", 6, false, 0},
    {"F6_E3M2", 6, false, 0},
    {"U8", 8, true, MICA_DTYPE_U8},
    {"I8", 8, true, MICA_DTYPE_I8},
    {"F8_E5M2", 8, false, 0},
    {"F8_E4M3", 8, false, 0},
    {"F8_E8M0", 8, false, 0},
    {"F8_E4M3FNUZ", 8, false, 0},
    {"F8_E5M2FNUZ", 8, false, 0},
    {"I16", 16, true, MICA_DTYPE_I16},
    {"U16", 16, true, MICA_DTYPE_U16},
    {"F16", 16, true, MICA_DTYPE_F16},
    {"BF16", 16, true, MICA_DTYPE_BF16},
    {"I32", 32, true, MICA_DTYPE_I32},
    {"U32", 32, true, MICA_DTYPE_U32},
    {"F32", 32, true, MICA_DTYPE_F32},
    {"C64", 64, false, 0},
    {"F64", 64, true, MICA_DTYPE_F64},
    {"I64", 64, true, MICA_DTYPE_I64},
    {"U64", 64, true, MICA_DTYPE_U64},
};
const size_t mica_safetensors_type_count =
    sizeof mica_safetensors_types / sizeof *mica_safetensors_types;

/* A tensor of the header, before its place in the data is checked against the others'. */
typedef struct entry {
    mica_weight weight;
    const mica_safetensors_type *type;
    uint64_t begin, end; /* relative to the data */
} entry;

static uint64_t read_u64(const unsigned char *p)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static const mica_safetensors_type *find_type(const char *name, size_t size)
{
    for (size_t i = 0; i < mica_safetensors_type_count; i++)
        if (strlen(mica_safetensors_types[i].name) == size &&
            memcmp(mica_safetensors_types[i].name, name, size) == 0)
            return &mica_safetensors_types[i];
    return NULL;
}

static mica_status parse_header(const mica_weights *w, size_t *header, mica_json **json,
                                mica_error *err)
{
    if (w->size < 8)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s' is %zu bytes long; a safetensors file has at least 8", w->path,
                         w->size);
    uint64_t size = read_u64(w->data);
    if (size > MICA_SAFETENSORS_HEADER_MAX)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': its header would be %" PRIu64 " bytes long, more than the %zu that "
                         "safetensors allows; not a safetensors file?",
                         w->path, size, MICA_SAFETENSORS_HEADER_MAX);
    if (size > w->size - 8)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': its header is %" PRIu64 " bytes long, but the file ends after %zu "
                         "bytes; it is truncated or no safetensors file",
                         w->path, size, w->size);
    *header = (size_t)size;
    mica_error why = {0};
    mica_status status = mica_json_parse((const char *)w->data + 8, *header, "header", json, &why);
    if (status == MICA_STATUS_OUT_OF_MEMORY)
        return mica_fail(err, status, "'%s': %s", w->path, why.message);
    if (status)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': the safetensors header is not valid: %s",
                         w->path, why.message);
    mica_json_type type = mica_json_get_type(mica_json_root(*json));
    if (type != MICA_JSON_OBJECT)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': the safetensors header is not an object but %s", w->path,
                         mica_json_type_name(type));
    return MICA_OK;
}

static mica_status read_metadata(mica_weights *w, const mica_json_value *value, mica_error *err)
{
    if (mica_json_get_type(value) == MICA_JSON_NULL)
        return MICA_OK;
    if (mica_json_get_type(value) != MICA_JSON_OBJECT)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': __metadata__ is not an object but %s",
                         w->path, mica_json_type_name(mica_json_get_type(value)));
    for (const mica_json_value *v = mica_json_first(value); v; v = mica_json_next(v)) {
        size_t size;
        const char *text = mica_json_string(v, &size);
        const char *key = mica_json_key(v, NULL);
        if (!text)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s': __metadata__.%s is not a string but %s", w->path, key,
                             mica_json_type_name(mica_json_get_type(v)));
        if (strcmp(key, "format") != 0)
            continue;
        w->metadata_format = mica_arena_text(&w->arena, text, size);
        if (!w->metadata_format)
            return mica_fail_memory(err, size, "a safetensors header");
    }
    return MICA_OK;
}

/* A whole number >= 0 of the header. */
static mica_status read_count(const mica_weights *w, const char *tensor, const char *what,
                              const mica_json_value *value, int64_t *out, mica_error *err)
{
    double number = 0;
    if (mica_json_int64(value, out) && *out >= 0)
        return MICA_OK;
    if (mica_json_double(value, &number))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': %s holds %.17g, not a whole number from 0 to 2^53",
                         w->path, tensor, what, number);
    return mica_fail(err, MICA_STATUS_FORMAT, "'%s', tensor '%s': %s holds %s, not a number",
                     w->path, tensor, what, mica_json_type_name(mica_json_get_type(value)));
}

static mica_status read_shape(mica_weights *w, const mica_json_value *value, entry *e,
                              mica_error *err)
{
    const mica_json_value *shape = mica_json_get(value, "shape");
    if (mica_json_get_type(shape) != MICA_JSON_ARRAY)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s', tensor '%s': it has no list \"shape\"",
                         w->path, e->weight.name);
    e->weight.rank = mica_json_count(shape);
    int64_t *dims = mica_arena_array(&w->arena, e->weight.rank + 1, sizeof *dims);
    if (!dims)
        return mica_fail_memory(err, e->weight.rank * sizeof *dims, "a safetensors header");
    e->weight.dims = dims;
    size_t elements = 1, bits;
    bool fits = true;
    for (const mica_json_value *v = mica_json_first(shape); v; v = mica_json_next(v)) {
        mica_status status = read_count(w, e->weight.name, "shape", v, dims, err);
        if (status)
            return status;
        fits = fits && mica_mul_size(elements, (size_t)*dims++, &elements);
    }
    if (!fits || !mica_mul_size(elements, e->type->bits, &bits))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': the size of its %zu dimensions overflows", w->path,
                         e->weight.name, e->weight.rank);
    if (bits % 8 != 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': %zu elements of %s do not fill whole bytes", w->path,
                         e->weight.name, elements, e->type->name);
    e->weight.bytes = bits / 8;
    return MICA_OK;
}

static mica_status read_offsets(const mica_weights *w, const mica_json_value *value, entry *e,
                                mica_error *err)
{
    const mica_json_value *offsets = mica_json_get(value, "data_offsets");
    const char *name = e->weight.name;
    int64_t begin, end;
    if (mica_json_get_type(offsets) != MICA_JSON_ARRAY || mica_json_count(offsets) != 2)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': it has no list \"data_offsets\" of two numbers",
                         w->path, name);
    const mica_json_value *first = mica_json_first(offsets);
    mica_status status = read_count(w, name, "data_offsets", first, &begin, err);
    if (!status)
        status = read_count(w, name, "data_offsets", mica_json_next(first), &end, err);
    if (status)
        return status;
    e->begin = (uint64_t)begin;
    e->end = (uint64_t)end;
    return MICA_OK;
}

static mica_status read_entry(mica_weights *w, const mica_json_value *value, entry *e,
                              mica_error *err)
{
    size_t size;
    const char *key = mica_json_key(value, &size);
    if (strlen(key) != size)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': its name holds U+0000 after that", w->path, key);
    e->weight.name = mica_arena_text(&w->arena, key, size);
    if (!e->weight.name)
        return mica_fail_memory(err, size, "a safetensors header");
    if (mica_json_get_type(value) != MICA_JSON_OBJECT)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': its entry is not an object but %s", w->path, key,
                         mica_json_type_name(mica_json_get_type(value)));
    const char *dtype = mica_json_string(mica_json_get(value, "dtype"), &size);
    if (!dtype)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s', tensor '%s': it has no string \"dtype\"",
                         w->path, key);
    e->type = find_type(dtype, size);
    if (!e->type)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', tensor '%s': its dtype \"%s\" is none of safetensors", w->path, key,
                         dtype);
    e->weight.dtype = e->type->dtype;
    e->weight.refused = e->type->known ? NULL : e->type->name;
    mica_status status = read_shape(w, value, e, err);
    return status ? status : read_offsets(w, value, e, err);
}

/* By place in the data; an empty tensor comes before the one that begins where it lies. */
static int compare_entries(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return strcmp(a->weight.name, b->weight.name);
}

/* The sorted tensors must follow each other without holes and end where the file ends. */
static mica_status place_entries(mica_weights *w, size_t header, entry *entries, size_t count,
                                 mica_error *err)
{
    const uint64_t size = w->size - 8 - header;
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        entry *e = &entries[i];
        const char *name = e->weight.name;
        if (e->end < e->begin)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s', tensor '%s': data_offsets [%" PRIu64 ", %" PRIu64
                             "] run backwards",
                             w->path, name, e->begin, e->end);
        if (e->begin != at)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s', tensor '%s': data_offsets [%" PRIu64 ", %" PRIu64
                             "] %s; they should begin at %" PRIu64,
                             w->path, name, e->begin, e->end,
                             e->begin > at ? "leave a hole" : "overlap another tensor", at);
        if (e->end - e->begin != e->weight.bytes)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s', tensor '%s': data_offsets [%" PRIu64 ", %" PRIu64
                             "] hold %" PRIu64 " bytes, but its shape and dtype %s take %zu",
                             w->path, name, e->begin, e->end, e->end - e->begin, e->type->name,
                             e->weight.bytes);
        if (e->end > size)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s', tensor '%s': its data ends at byte %" PRIu64 " of %" PRIu64
                             "; the file is truncated",
                             w->path, name, e->end, size);
        e->weight.data = w->data + 8 + header + e->begin;
        w->items[i] = e->weight;
        at = e->end;
    }
    if (at != size)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': its tensors end at byte %" PRIu64 " of %" PRIu64
                         " bytes of data; the rest belongs to none",
                         w->path, at, size);
    return MICA_OK;
}

mica_status mica_safetensors_read(mica_weights *weights, mica_error *err)
{
    mica_json *json = NULL;
    entry *entries = NULL;
    size_t header = 0, count = 0;
    mica_status status = parse_header(weights, &header, &json, err);
    if (status)
        goto done;
    const mica_json_value *root = mica_json_root(json);
    size_t members = mica_json_count(root);
    entries = mica_calloc(members + 1, sizeof *entries);
    weights->items = mica_arena_array(&weights->arena, members + 1, sizeof *weights->items);
    if (!entries || !weights->items) {
        status = mica_fail_memory(err, members * sizeof *entries, "a safetensors header");
        goto done;
    }
    for (const mica_json_value *v = mica_json_first(root); v; v = mica_json_next(v)) {
        if (strcmp(mica_json_key(v, NULL), MICA_SAFETENSORS_METADATA) == 0)
            status = read_metadata(weights, v, err);
        else
            status = read_entry(weights, v, &entries[count++], err);
        if (status)
            goto done;
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    weights->kind = "safetensors";
    weights->count = count;
    status = place_entries(weights, header, entries, count, err);
done:
    mica_free(entries);
    mica_json_destroy(&json);
    return status;
}
