/* SPDX-License-Identifier: MIT */
#include "checkpoint/npy.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

enum { HEADER_MAX = 1 << 16, ALIGNMENT = 64 };
static const char magic[] = "\x93NUMPY";

/* dtypes by kind and size; bfloat16 is not among them: NumPy has none. */
static const struct {
    char kind, size;
    mica_dtype dtype;
} kinds[] = {{'f', '4', MICA_DTYPE_F32}, {'f', '2', MICA_DTYPE_F16}, {'f', '8', MICA_DTYPE_F64},
             {'i', '1', MICA_DTYPE_I8},  {'i', '2', MICA_DTYPE_I16}, {'i', '4', MICA_DTYPE_I32},
             {'i', '8', MICA_DTYPE_I64}, {'u', '1', MICA_DTYPE_U8},  {'u', '2', MICA_DTYPE_U16},
             {'u', '4', MICA_DTYPE_U32}, {'u', '8', MICA_DTYPE_U64}, {'b', '1', MICA_DTYPE_BOOL}};

/* Reading the header's text: from `at` to `end`. */
typedef struct cursor {
    const char *start, *at, *end;
} cursor;

typedef struct header {
    bool has_descr, has_order, has_shape;
    bool fortran, big_endian;
    mica_dtype dtype;
    int rank;
    int64_t dims[MICA_MAX_RANK];
} header;

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t'))
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(cursor *c, char *out, size_t size)
{
    size_t n = 0;
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    char quote = *c->at++;
    while (c->at < c->end && *c->at != quote && *c->at != '\\' && n + 1 < size)
        out[n++] = *c->at++;
    out[n] = '\0';
    return take(c, quote);
}

static bool take_number(cursor *c, int64_t *out)
{
    int64_t value = 0;
    skip_blanks(c);
    const char *first = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (!mica_mul_i64(value, 10, &value) || !mica_add_i64(value, *c->at - '0', &value))
            return false;
    }
    *out = value;
    return c->at > first;
}

static bool take_descr(cursor *c, header *h)
{
    char text[16];
    if (!take_string(c, text, sizeof text) || strlen(text) != 3 || strchr("<>|=", text[0]) == NULL)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind != text[1] || kinds[i].size != text[2])
            continue;
        h->dtype = kinds[i].dtype;
        h->big_endian = text[0] == '>';
        h->has_descr = true;
        return true;
    }
    return false;
}

static bool take_shape(cursor *c, header *h)
{
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        if (h->rank == MICA_MAX_RANK || !take_number(c, &h->dims[h->rank]))
            return false;
        h->rank++;
        if (!take(c, ',')) {
            if (!take(c, ')'))
                return false;
            break;
        }
    }
    h->has_shape = true;
    return true;
}

static bool take_pair(cursor *c, header *h)
{
    char key[32];
    if (!take_string(c, key, sizeof key) || !take(c, ':'))
        return false;
    if (strcmp(key, "descr") == 0 && !h->has_descr)
        return take_descr(c, h);
    if (strcmp(key, "shape") == 0 && !h->has_shape)
        return take_shape(c, h);
    if (strcmp(key, "fortran_order") != 0 || h->has_order)
        return false;
    h->has_order = true;
    h->fortran = take_word(c, "True");
    return h->fortran || take_word(c, "False");
}

static mica_status parse_header(cursor *c, const char *path, header *h, mica_error *err)
{
    bool ok = take(c, '{');
    while (ok && !take(c, '}')) {
        ok = take_pair(c, h);
        if (ok && !take(c, ',')) {
            ok = take(c, '}');
            break;
        }
    }
    skip_blanks(c);
    if (ok && c->at == c->end && h->has_descr && h->has_order && h->has_shape)
        return MICA_OK;
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "'%s': its header is not a dictionary of a descr that mica has, a "
                     "fortran_order and a shape of at most %d axes (at character %zu: '%.*s')",
                     path, MICA_MAX_RANK, (size_t)(c->at - c->start),
                     (int)(c->end - c->at < 24 ? c->end - c->at : 24), c->at);
}

/* Where the header's text and the data begin. */
static mica_status find_header(const unsigned char *data, size_t size, const char *path, cursor *c,
                               mica_error *err)
{
    size_t prefix = sizeof magic - 1, length_size, length = 0;
    if (size < prefix + 4 || memcmp(data, magic, prefix) != 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s' is not a .npy file", path);
    unsigned major = data[prefix];
    if (major < 1 || major > 3)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s': version %u of the .npy format, mica reads 1 to 3", path, major);
    length_size = major == 1 ? 2 : 4;
    prefix += 2;
    for (size_t i = 0; i < length_size && prefix + i < size; i++)
        length |= (size_t)data[prefix + i] << (8 * i);
    prefix += length_size;
    if (prefix > size || length > HEADER_MAX || length > size - prefix)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': a header of %zu bytes in a file of %zu (at most %d)", path, length,
                         size, HEADER_MAX);
    c->start = c->at = (const char *)data + prefix;
    c->end = c->at + length;
    return MICA_OK;
}

/* One element, from big-endian bytes if `swap`; a bool becomes 0 or 1. */
static void copy_element(unsigned char *to, const unsigned char *from, size_t size, bool swap,
                         bool truth)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[swap ? size - 1 - i : i];
    if (truth)
        to[0] = to[0] != 0;
}

/* The data to C order. */
static void copy_data(const header *h, mica_tensor *tensor, const unsigned char *from)
{
    size_t size = mica_dtype_size(h->dtype), count = (size_t)mica_tensor_count(tensor);
    unsigned char *to = mica_tensor_data_mut(tensor);
    bool truth = h->dtype == MICA_DTYPE_BOOL, swap = h->big_endian && size > 1;
    if (!truth && !swap && (!h->fortran || h->rank < 2)) {
        if (count > 0)
            memcpy(to, from, count * size);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        if (h->fortran) { /* the first axis is the fastest */
            size_t rest = i, stride[MICA_MAX_RANK], step = 1;
            for (int axis = 0; axis < h->rank; axis++) {
                stride[axis] = step;
                step *= (size_t)h->dims[axis];
            }
            at = 0;
            for (int axis = h->rank - 1; axis >= 0; axis--) {
                at += rest % (size_t)h->dims[axis] * stride[axis];
                rest /= (size_t)h->dims[axis];
            }
        }
        copy_element(to + i * size, from + at * size, size, swap, truth);
    }
}

mica_status mica_npy_parse(const unsigned char *data, size_t size, const char *path,
                           mica_tensor **out, mica_error *err)
{
    cursor c;
    header h = {0};
    *out = NULL;
    mica_status status = find_header(data, size, path, &c, err);
    if (!status)
        status = parse_header(&c, path, &h, err);
    if (status)
        return status;
    size_t left = size - (size_t)(c.end - (const char *)data), bytes = mica_dtype_size(h.dtype);
    bool fits = true, empty = false;
    for (int i = 0; i < h.rank; i++)
        empty = empty || h.dims[i] == 0;
    for (int i = 0; i < h.rank && !empty && fits; i++)
        fits = (uint64_t)h.dims[i] <= SIZE_MAX && mica_mul_size(bytes, (size_t)h.dims[i], &bytes);
    bytes = empty ? 0 : bytes;
    if (!fits || bytes != left)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': %zu bytes of data, its shape and dtype (%s) ask for %s%zu", path,
                         left, mica_dtype_name(h.dtype), fits ? "" : "more than ",
                         fits ? bytes : SIZE_MAX);
    status = mica_tensor_create(h.dtype, h.rank, h.dims, out, err);
    if (status == MICA_STATUS_SHAPE) /* no elements, by one of its axes alone */
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': its shape has too many elements to count",
                         path);
    if (status)
        mica_error_prefix(err, "'%s': ", path);
    else
        copy_data(&h, *out, (const unsigned char *)c.end);
    return status;
}

mica_status mica_tensor_load_npy(const char *path, mica_tensor **out, mica_error *err)
{
    mica_mapping *mapping = NULL;
    *out = NULL;
    mica_status status = mica_mapping_open(path, &mapping, err);
    if (!status)
        status =
            mica_npy_parse(mica_mapping_data(mapping), mica_mapping_size(mapping), path, out, err);
    mica_mapping_release(&mapping);
    return status;
}

/* The header's text with blanks and a newline, so that the data is aligned; its length. */
static size_t make_header(const mica_tensor *tensor, char kind, char size, char *text, size_t room)
{
    char order = size == '1' ? '|' : '<';
    int n = snprintf(text, room, "{'descr': '%c%c%c', 'fortran_order': False, 'shape': (", order,
                     kind, size);
    size_t at = (size_t)n;
    for (int i = 0; i < mica_tensor_rank(tensor); i++)
        at +=
            (size_t)snprintf(text + at, room - at, "%lld,%s", (long long)mica_tensor_dim(tensor, i),
                             i + 1 < mica_tensor_rank(tensor) ? " " : "");
    at += (size_t)snprintf(text + at, room - at, "), }");
    while ((sizeof magic - 1 + 4 + at + 1) % ALIGNMENT != 0)
        text[at++] = ' ';
    text[at++] = '\n';
    return at;
}

mica_status mica_tensor_save_npy(const char *path, const mica_tensor *tensor, mica_error *err)
{
    enum { SHAPE_ROOM = 24 * MICA_MAX_RANK, ROOM = 64 + SHAPE_ROOM + ALIGNMENT };
    char text[ROOM];
    size_t kind = 0, n_kinds = sizeof kinds / sizeof kinds[0];
    while (kind < n_kinds && kinds[kind].dtype != mica_tensor_dtype(tensor))
        kind++;
    if (kind == n_kinds)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s': the .npy format has no %s; cast to float32, or save safetensors",
                         path, mica_dtype_name(mica_tensor_dtype(tensor)));
    size_t length = make_header(tensor, kinds[kind].kind, kinds[kind].size, text, sizeof text);
    const unsigned char start[] = {1, 0, (unsigned char)(length & 255),
                                   (unsigned char)(length >> 8)};
    mica_writer *writer = NULL;
    mica_status status = mica_writer_open(path, &writer, err);
    if (!status)
        status = mica_writer_write(writer, magic, sizeof magic - 1, err);
    if (!status)
        status = mica_writer_write(writer, start, sizeof start, err);
    if (!status)
        status = mica_writer_write(writer, text, length, err);
    if (!status)
        status =
            mica_writer_write(writer, mica_tensor_data(tensor), mica_tensor_bytes(tensor), err);
    if (!status)
        return mica_writer_commit(&writer, err);
    mica_writer_abort(&writer);
    return status;
}
