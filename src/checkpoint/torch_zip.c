/* SPDX-License-Identifier: MIT
 *
 * PyTorch's zip container (torch >= 1.6): <root>/data.pkl describes the tensors, <root>/data/<key>
 * are their storages, stored without compression.
 *
 *   | local header, data | ... | central directory | zip64 end, locator | end of central directory
 * |
 *
 * Sizes and offsets come from the central directory (local headers may hold zeros); only where the
 * data begins is in the local header, whose extra field pads it to 64 bytes.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/torch.h"

#define END_SIZE 22
#define LOCATOR_SIZE 20
#define END64_SIZE 56
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30

typedef struct record {
    const unsigned char *data;
    size_t size;
} record;

typedef struct archive {
    mica_weights *weights;
    mica_map *names; /* name -> position in records */
    record *records;
    size_t count;
    const char *compressed; /* the first entry that is, or NULL; such have no data here */
    size_t compressed_size;
    unsigned method;  /* how it is */
    const char *root; /* what stands before the first '/' of every name, with it */
    size_t root_size;
} archive;

static uint32_t u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
    return (uint64_t)u32(p) | (uint64_t)u32(p + 4) << 32;
}

typedef struct directory {
    uint64_t offset, size, count;
} directory;

/* The end record lies before a comment of up to 64 KiB; the last one whose comment fills the file.
 */
static mica_status find_end(const mica_weights *w, size_t *out, mica_error *err)
{
    for (size_t back = END_SIZE; back <= w->size && back <= END_SIZE + 0xffff; back++) {
        const unsigned char *p = w->data + (w->size - back);
        if (u32(p) == 0x06054b50 && u16(p + 20) == back - END_SIZE) {
            *out = w->size - back;
            return MICA_OK;
        }
    }
    return mica_fail(err, MICA_STATUS_FORMAT,
                     "'%s' begins like a zip archive but has no end record; it is truncated",
                     w->path);
}

static mica_status find_directory(const mica_weights *w, directory *out, mica_error *err)
{
    size_t end = 0;
    mica_status status = find_end(w, &end, err);
    if (status)
        return status;
    const unsigned char *p = w->data + end;
    size_t limit = end;
    *out = (directory){u32(p + 16), u32(p + 12), u16(p + 10)};
    uint32_t disk = u16(p + 4) | u16(p + 6);
    if (end >= LOCATOR_SIZE && u32(p - LOCATOR_SIZE) == 0x07064b50) {
        uint64_t at = u64(p - LOCATOR_SIZE + 8);
        if (at > end - LOCATOR_SIZE || end - LOCATOR_SIZE - at < END64_SIZE ||
            u32(w->data + at) != 0x06064b50)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "'%s': the zip64 end record is not at byte %" PRIu64, w->path, at);
        const unsigned char *q = w->data + at;
        *out = (directory){u64(q + 48), u64(q + 40), u64(q + 32)};
        disk = u32(q + 16) | u32(q + 20);
        limit = (size_t)at;
    }
    if (disk != 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s' is one part of a zip archive in several", w->path);
    if (out->offset > limit || out->size > limit - out->offset)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': its zip directory (%" PRIu64 " bytes at %" PRIu64
                         ") does not lie inside the file",
                         w->path, out->size, out->offset);
    if (out->count > out->size / CENTRAL_SIZE)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': its zip directory of %" PRIu64 " bytes cannot hold %" PRIu64
                         " entries",
                         w->path, out->size, out->count);
    return MICA_OK;
}

/* A central entry's fields, with those that the zip64 extra field replaces. */
typedef struct central {
    const char *name;
    size_t name_size, total; /* total: bytes of the entry */
    uint64_t size, packed, offset;
    uint32_t flags, method;
} central;

static mica_status damaged(const mica_weights *w, const central *c, const char *what,
                           mica_error *err)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "'%s', zip entry '%.*s': %s", w->path,
                     mica_torch_shown(c->name_size), c->name, what);
}

/* Where 32 bits are not enough a field is all ones, and the zip64 extra field has the true value;
 * the values stand there in this order, those that are needed only. */
static mica_status read_zip64(const mica_weights *w, central *c, const unsigned char *extra,
                              size_t size, mica_error *err)
{
    uint64_t *fields[] = {&c->size, &c->packed, &c->offset};
    size_t wanted = 0;
    for (size_t i = 0; i < 3; i++)
        wanted += *fields[i] == UINT32_MAX;
    while (wanted && size >= 4) {
        size_t length = u16(extra + 2);
        if (length > size - 4)
            break;
        if (u16(extra) == 1) {
            if (length / 8 < wanted)
                break;
            const unsigned char *p = extra + 4;
            for (size_t i = 0; i < 3; i++) {
                if (*fields[i] != UINT32_MAX)
                    continue;
                *fields[i] = u64(p);
                p += 8;
            }
            return MICA_OK;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    return wanted ? damaged(w, c, "its zip64 field is missing or too short", err) : MICA_OK;
}

static mica_status read_central(const mica_weights *w, const unsigned char *p, size_t left,
                                central *c, mica_error *err)
{
    if (left < CENTRAL_SIZE || u32(p) != 0x02014b50)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': its zip directory is damaged at byte %zu",
                         w->path, (size_t)(p - w->data));
    size_t extra_size = u16(p + 30);
    *c = (central){.name = (const char *)p + CENTRAL_SIZE,
                   .name_size = u16(p + 28),
                   .size = u32(p + 24),
                   .packed = u32(p + 20),
                   .offset = u32(p + 42),
                   .flags = u16(p + 8),
                   .method = u16(p + 10)};
    c->total = CENTRAL_SIZE + c->name_size + extra_size + u16(p + 32);
    if (c->total > left)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': its zip directory is damaged at byte %zu",
                         w->path, (size_t)(p - w->data));
    return read_zip64(w, c, p + CENTRAL_SIZE + c->name_size, extra_size, err);
}

/* Where the entry's data lies, between the file's begin and the central directory. */
static mica_status locate(const mica_weights *w, const central *c, size_t limit, record *out,
                          mica_error *err)
{
    if (c->flags & 1)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED, "'%s', zip entry '%.*s': it is encrypted",
                         w->path, mica_torch_shown(c->name_size), c->name);
    if (c->size != c->packed)
        return damaged(w, c, "its two sizes differ", err);
    if (c->offset > limit || limit - c->offset < LOCAL_SIZE ||
        u32(w->data + c->offset) != 0x04034b50)
        return damaged(w, c, "its local header is not where the directory says", err);
    const unsigned char *local = w->data + c->offset;
    size_t name_size = u16(local + 26);
    size_t left = limit - (size_t)c->offset - LOCAL_SIZE, header = name_size + u16(local + 28);
    if (header > left || c->size > left - header)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s', zip entry '%.*s': its %" PRIu64 " bytes do not lie inside the file",
                         w->path, mica_torch_shown(c->name_size), c->name, c->size);
    if (name_size != c->name_size || memcmp(local + LOCAL_SIZE, c->name, name_size) != 0)
        return damaged(w, c, "its local header has another name", err);
    *out = (record){local + LOCAL_SIZE + header, (size_t)c->size};
    return MICA_OK;
}

static mica_status add_entry(archive *a, const central *c, size_t limit, mica_error *err)
{
    const mica_weights *w = a->weights;
    record *r = &a->records[a->count];
    *r = (record){0};
    if (c->method != 0 && !a->compressed) {
        a->compressed = c->name;
        a->compressed_size = c->name_size;
        a->method = c->method;
    }
    mica_status status = c->method == 0 ? locate(w, c, limit, r, err) : MICA_OK;
    if (status)
        return status;
    mica_map_result result = mica_map_add(a->names, c->name, c->name_size, a->count);
    if (result == MICA_MAP_NO_MEMORY)
        return mica_fail_memory(err, c->name_size, "a zip directory");
    if (result == MICA_MAP_EXISTS)
        return damaged(w, c, "there are two of this name", err);
    if (a->count == 0) {
        const char *slash = memchr(c->name, '/', c->name_size);
        a->root = c->name;
        a->root_size = slash ? (size_t)(slash - c->name) + 1 : 0;
    }
    return MICA_OK;
}

static mica_status read_entries(archive *a, const directory *d, mica_error *err)
{
    const mica_weights *w = a->weights;
    const unsigned char *p = w->data + d->offset;
    size_t left = (size_t)d->size;
    a->names = mica_map_create();
    a->records = mica_alloc_array((size_t)d->count + 1, sizeof *a->records);
    if (!a->names || !a->records)
        return mica_fail_memory(err, (size_t)d->count * sizeof *a->records, "a zip directory");
    for (; a->count < d->count; a->count++) {
        central c;
        mica_status status = read_central(w, p, left, &c, err);
        if (!status)
            status = add_entry(a, &c, (size_t)d->offset, err);
        if (status)
            return status;
        p += c.total;
        left -= c.total;
    }
    return MICA_OK;
}

/* The record <root>/<folder><name>, or NULL: if there is none, or (see *status) for want of memory.
 */
static const record *find_record(const archive *a, const char *folder, const char *name,
                                 size_t name_size, mica_status *status)
{
    size_t folder_size = strlen(folder), size = a->root_size + folder_size + name_size;
    char *full = mica_alloc(size + 1);
    *status = full ? MICA_OK : MICA_STATUS_OUT_OF_MEMORY;
    if (!full)
        return NULL;
    memcpy(full, a->root, a->root_size);
    memcpy(full + a->root_size, folder, folder_size);
    memcpy(full + a->root_size + folder_size, name, name_size);
    const mica_map_entry *entry = mica_map_find(a->names, full, size);
    mica_free(full);
    return entry ? &a->records[entry->value] : NULL;
}

/* A plain checkpoint of a version and byte order that we read? */
static mica_status check_kind(const archive *a, mica_error *err)
{
    const char *path = a->weights->path;
    mica_status status;
    const record *r = find_record(a, "", "constants.pkl", 13, &status);
    if (r)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s' is a TorchScript program (it holds constants.pkl), not weights; "
                         "save the state_dict, best as safetensors",
                         path);
    if (a->compressed)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s', zip entry '%.*s': it is compressed (method %u); PyTorch stores "
                         "without compression",
                         path, mica_torch_shown(a->compressed_size), a->compressed, a->method);
    const record *order = status ? NULL : find_record(a, "", "byteorder", 9, &status);
    const record *version = status ? NULL : find_record(a, "", "version", 7, &status);
    if (status)
        return mica_fail_memory(err, a->root_size, "the name of a zip entry");
    if (order && order->size == 3 && memcmp(order->data, "big", 3) == 0)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s' was written on a big-endian machine (byteorder is big)", path);
    if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': its byteorder is '%.*s'", path,
                         mica_torch_shown(order->size), (const char *)order->data);
    if (!version)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s' is a zip archive, but not of PyTorch: it has no %.*sversion", path,
                         mica_torch_shown(a->root_size), a->root);
    unsigned number = 0;
    size_t digits = 0;
    while (digits < version->size && digits < 3 && version->data[digits] >= '0' &&
           version->data[digits] <= '9')
        number = number * 10 + (version->data[digits++] - '0');
    bool clean =
        digits == version->size || (digits + 1 == version->size && version->data[digits] == '\n');
    if (!digits || !clean || number < 1 || number > 10)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "'%s': its version is '%.*s', supported are 1 to 10", path,
                         mica_torch_shown(version->size), (const char *)version->data);
    return MICA_OK;
}

static mica_status find_storage(void *user, mica_torch_storage *storage, mica_error *err)
{
    const archive *a = user;
    mica_status status;
    const record *r = find_record(a, "data/", storage->key, storage->key_size, &status);
    size_t element = storage->type ? storage->type->size : 1, bytes;
    if (status)
        return mica_fail_memory(err, storage->key_size, "the name of a zip entry");
    if (!r)
        return mica_fail(err, MICA_STATUS_FORMAT, "'%s': storage '%.*s' is not in the archive",
                         a->weights->path, mica_torch_shown(storage->key_size), storage->key);
    if (!mica_mul_size((size_t)storage->count, element, &bytes) || bytes > r->size)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s': storage '%.*s' should hold %" PRId64 " elements of %zu bytes, but "
                         "has %zu bytes",
                         a->weights->path, mica_torch_shown(storage->key_size), storage->key,
                         storage->count, element, r->size);
    storage->data = r->data;
    return MICA_OK;
}

static mica_status read_pickle(archive *a, mica_error *err)
{
    mica_status status;
    const record *r = find_record(a, "", "data.pkl", 8, &status);
    if (status)
        return mica_fail_memory(err, a->root_size, "the name of a zip entry");
    if (!r)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "'%s' is a zip archive, but not of PyTorch: it has no %.*sdata.pkl",
                         a->weights->path, mica_torch_shown(a->root_size), a->root);
    mica_pickle pickle = {
        .weights = a->weights, .data = r->data, .size = r->size, .find = find_storage, .user = a};
    mica_pickle_value *root;
    status = mica_pickle_run(&pickle, &root, err);
    if (!status)
        status = mica_torch_collect(&pickle, root, err);
    mica_pickle_free(&pickle);
    return status;
}

mica_status mica_torch_zip_read(mica_weights *weights, mica_error *err)
{
    archive a = {.weights = weights, .root = ""};
    directory d;
    weights->kind = "zip";
    mica_status status = find_directory(weights, &d, err);
    if (!status)
        status = read_entries(&a, &d, err);
    if (!status)
        status = check_kind(&a, err);
    if (!status)
        status = read_pickle(&a, err);
    mica_free(a.records);
    mica_map_destroy(&a.names);
    return status;
}
