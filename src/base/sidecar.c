/* SPDX-License-Identifier: MIT */
#include "base/sidecar.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"

#define MAGIC "mica.sc\2"
#define BYTE_ORDER_MARK UINT64_C(0x0102030405060708)

enum { ALIGNMENT = MICA_DATA_ALIGNMENT, TEXT_MAX = 16 << 20, LEFT_OVER_SECONDS = 3600 };

typedef struct header {
    unsigned char magic[8];
    uint64_t byte_order;
    uint64_t file_size, table_size; /* the table and its text */
    uint64_t count;
    uint64_t unused[2]; /* 0 */
    uint64_t sum;       /* of the table and of the header before this */
} header;

typedef struct row {
    uint64_t offset, size, name; /* name: offset in the text */
} row;

typedef struct block {
    const char *name;
    const unsigned char *data;
    size_t size;
} block;

struct mica_sidecar {
    atomic_size_t references;
    mica_mapping *mapping; /* NULL: new, or in memory */
    bool is_new;
    mica_arena arena;
    char *path, *key; /* NULL: in memory; the key: of a new one */
    const mica_log_sink *log;
    atomic_bool rejected;
    block *blocks;
    size_t count, room;
};

static uint64_t sum_top(const header *h, const void *table, size_t size)
{
    return mica_hash(h, offsetof(header, sum), mica_hash(table, size, 0));
}

/* ---- reading ---- */

static mica_status make(mica_sidecar **out, mica_error *err)
{
    *out = mica_calloc(1, sizeof **out);
    if (!*out)
        return mica_fail_memory(err, sizeof **out, "a sidecar");
    atomic_init(&(*out)->references, 1);
    atomic_init(&(*out)->rejected, false);
    return MICA_OK;
}

static mica_status read_header(const unsigned char *data, size_t size, header *h, mica_error *err)
{
    if (size < sizeof *h)
        return mica_fail(err, MICA_STATUS_FORMAT, "it has %zu bytes, less than a header", size);
    memcpy(h, data, sizeof *h);
    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0 || h->byte_order != BYTE_ORDER_MARK)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "it is no sidecar of this version and byte order");
    if (h->file_size != size)
        return mica_fail(err, MICA_STATUS_FORMAT, "it has %zu bytes, but should have %llu", size,
                         (unsigned long long)h->file_size);
    if (h->table_size > size - sizeof *h || h->count > h->table_size / sizeof(row) ||
        h->table_size - h->count * sizeof(row) > TEXT_MAX || h->unused[0] != 0 || h->unused[1] != 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "its header holds impossible sizes");
    if (sum_top(h, data + sizeof *h, (size_t)h->table_size) != h->sum)
        return mica_fail(err, MICA_STATUS_FORMAT, "its header or table is damaged");
    return MICA_OK;
}

static mica_status read_rows(mica_sidecar *s, const unsigned char *data, const header *h,
                             const char *key, mica_error *err)
{
    const unsigned char *rows = data + sizeof *h;
    size_t count = (size_t)h->count, text_size = (size_t)h->table_size - count * sizeof(row);
    const char *text = (const char *)rows + count * sizeof(row);
    size_t end = sizeof *h + (size_t)h->table_size;
    if (text_size == 0 || text[text_size - 1] != 0)
        return mica_fail(err, MICA_STATUS_FORMAT, "its text has no end");
    if (strcmp(text, key) != 0)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "it was made from another file, or for another machine or version");
    s->blocks = mica_arena_array(&s->arena, count + 1, sizeof *s->blocks);
    if (!s->blocks)
        return mica_fail_memory(err, count * sizeof *s->blocks, "a sidecar");
    for (; s->count < count; s->count++) {
        row r;
        memcpy(&r, rows + s->count * sizeof r, sizeof r);
        if (r.name >= text_size || r.offset % ALIGNMENT != 0 || r.offset < end ||
            r.offset > h->file_size || r.size > h->file_size - r.offset)
            return mica_fail(err, MICA_STATUS_FORMAT, "row %zu of its table is impossible",
                             s->count);
        end = (size_t)(r.offset + r.size);
        s->blocks[s->count] = (block){text + r.name, data + r.offset, (size_t)r.size};
    }
    return MICA_OK;
}

mica_status mica_sidecar_parse(const void *data, size_t size, const char *key, mica_sidecar **out,
                               mica_error *err)
{
    header h;
    *out = NULL;
    mica_status status = read_header(data, size, &h, err);
    if (!status)
        status = make(out, err);
    if (!status)
        status = read_rows(*out, data, &h, key, err);
    if (status)
        mica_sidecar_release(out);
    return status;
}

/* A file that someone else could have made, or could change, is not used. */
static mica_status check_owner(const mica_mapping *mapping, mica_error *err)
{
    const mica_file_stamp *stamp = mica_mapping_stamp(mapping);
    if (stamp->owner != geteuid())
        return mica_fail(err, MICA_STATUS_FORMAT, "it belongs to user %u, not to this one (%u)",
                         (unsigned)stamp->owner, (unsigned)geteuid());
    if (stamp->mode & (S_IWGRP | S_IWOTH))
        return mica_fail(err, MICA_STATUS_FORMAT, "others may write to it (mode %03o)",
                         (unsigned)stamp->mode & 0777);
    return MICA_OK;
}

mica_status mica_sidecar_open(const char *path, const char *key, const mica_log_sink *log,
                              mica_sidecar **out, mica_error *err)
{
    mica_mapping *mapping = NULL;
    *out = NULL;
    mica_status status = mica_mapping_open(path, &mapping, err);
    if (status)
        return status;
    status = check_owner(mapping, err);
    if (!status)
        status = mica_sidecar_parse(mica_mapping_data(mapping), mica_mapping_size(mapping), key,
                                    out, err);
    if (status) {
        mica_error_prefix(err, "'%s': ", path);
        mica_mapping_release(&mapping);
        return status;
    }
    mica_mapping_expect(mapping, mica_mapping_data(mapping), mica_mapping_size(mapping));
    (*out)->mapping = mapping;
    (*out)->log = log;
    (*out)->path = mica_arena_text(&(*out)->arena, path, strlen(path));
    if ((*out)->path)
        return MICA_OK;
    mica_sidecar_release(out);
    return mica_fail_memory(err, strlen(path), "a sidecar");
}

mica_sidecar *mica_sidecar_retain(mica_sidecar *sidecar)
{
    atomic_fetch_add_explicit(&sidecar->references, 1, memory_order_relaxed);
    return sidecar;
}

void mica_sidecar_release(mica_sidecar **pointer)
{
    mica_sidecar *s = *pointer;
    *pointer = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
        return;
    if (s->is_new)
        mica_free(s->blocks);
    mica_arena_free(&s->arena);
    mica_mapping_release(&s->mapping);
    mica_free(s);
}

bool mica_sidecar_is_new(const mica_sidecar *sidecar)
{
    return sidecar->is_new;
}

void *mica_sidecar_find(const mica_sidecar *sidecar, const char *name, size_t size)
{
    for (size_t i = 0; !sidecar->is_new && i < sidecar->count; i++) {
        const block *b = &sidecar->blocks[i];
        if (b->size == size && strcmp(b->name, name) == 0)
            return (void *)b->data;
    }
    return NULL;
}

void mica_sidecar_reject(mica_sidecar *sidecar)
{
    if (atomic_exchange(&sidecar->rejected, true) || !sidecar->path)
        return;
    unlink(sidecar->path);
    mica_log_write(sidecar->log, MICA_LOG_WARNING,
                   "'%s' is damaged: it is removed, and what it held is computed again",
                   sidecar->path);
}

/* ---- writing ---- */

mica_status mica_sidecar_create(const char *path, const char *key, mica_sidecar **out,
                                mica_error *err)
{
    mica_status status = make(out, err);
    if (status)
        return status;
    (*out)->is_new = true;
    (*out)->path = mica_arena_text(&(*out)->arena, path, strlen(path));
    (*out)->key = mica_arena_text(&(*out)->arena, key, strlen(key));
    if ((*out)->path && (*out)->key)
        return MICA_OK;
    mica_sidecar_release(out);
    return mica_fail_memory(err, strlen(path) + strlen(key), "a sidecar");
}

mica_status mica_sidecar_add(mica_sidecar *s, const char *name, const void *data, size_t size,
                             mica_error *err)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        block *blocks = mica_realloc_array(s->blocks, room, sizeof *blocks);
        if (!blocks)
            return mica_fail_memory(err, room * sizeof *blocks, "a sidecar");
        s->blocks = blocks;
        s->room = room;
    }
    const char *copy = mica_arena_text(&s->arena, name, strlen(name));
    if (!copy)
        return mica_fail_memory(err, strlen(name), "a sidecar");
    s->blocks[s->count++] = (block){copy, data, size};
    return MICA_OK;
}

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Header and table, up to where the first block begins. */
static mica_status make_top(const mica_sidecar *s, mica_buf *top, mica_error *err)
{
    static const unsigned char zeros[ALIGNMENT];
    header h = {.magic = MAGIC, .byte_order = BYTE_ORDER_MARK, .count = s->count};
    uint64_t text = strlen(s->key) + 1;
    h.table_size = s->count * sizeof(row) + text;
    for (size_t i = 0; i < s->count; i++)
        h.table_size += strlen(s->blocks[i].name) + 1;
    h.file_size = sizeof h + h.table_size;
    mica_buf_append(top, &h, sizeof h);
    for (size_t i = 0; i < s->count; i++) {
        row r = {round_up(h.file_size), s->blocks[i].size, text};
        h.file_size = r.offset + r.size;
        text += strlen(s->blocks[i].name) + 1;
        mica_buf_append(top, &r, sizeof r);
    }
    mica_buf_append(top, s->key, strlen(s->key) + 1);
    for (size_t i = 0; i < s->count; i++)
        mica_buf_append(top, s->blocks[i].name, strlen(s->blocks[i].name) + 1);
    size_t size = top->size;
    mica_buf_append(top, zeros, (size_t)(round_up(size) - size));
    if (top->failed)
        return mica_fail_memory(err, (size_t)h.table_size, "a sidecar");
    h.sum = sum_top(&h, top->data + sizeof h, (size_t)h.table_size);
    memcpy(top->data, &h, sizeof h);
    return MICA_OK;
}

static mica_status write_all(const mica_sidecar *s, const mica_buf *top, mica_writer *writer,
                             mica_error *err)
{
    static const unsigned char zeros[ALIGNMENT];
    mica_status status = mica_writer_write(writer, top->data, top->size, err);
    for (size_t i = 0; i < s->count && !status; i++) {
        size_t size = s->blocks[i].size, pad = (size_t)(round_up(size) - size);
        status = mica_writer_write(writer, s->blocks[i].data, size, err);
        if (!status && i + 1 < s->count)
            status = mica_writer_write(writer, zeros, pad, err);
    }
    return status;
}

/* What was left in the folder of `path` by processes that were killed while they wrote. */
static void remove_left_overs(const char *path)
{
    static const char end[] = ".tmp";
    const char *slash = strrchr(path, '/');
    char *folder = mica_memdup_text(path, slash ? (size_t)(slash - path) : 0);
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t size = strlen(entry->d_name), tail = sizeof end - 1;
        char *file = size > tail && strcmp(entry->d_name + size - tail, end) == 0
                         ? mica_path_join(folder, entry->d_name)
                         : NULL;
        struct stat info;
        if (file && lstat(file, &info) == 0 && S_ISREG(info.st_mode) &&
            info.st_mtime + LEFT_OVER_SECONDS < time(NULL))
            unlink(file);
        mica_free(file);
    }
    if (dir)
        closedir(dir);
    mica_free(folder);
}

mica_status mica_sidecar_write(const mica_sidecar *sidecar, mica_error *err)
{
    mica_writer *writer = NULL;
    mica_buf top;
    mica_buf_init(&top, TEXT_MAX);
    mica_status status = make_top(sidecar, &top, err);
    if (!status) {
        remove_left_overs(sidecar->path);
        status = mica_writer_open_cache(sidecar->path, &writer, err);
    }
    if (!status)
        status = write_all(sidecar, &top, writer, err);
    if (!status)
        status = mica_writer_commit(&writer, err);
    mica_writer_abort(&writer);
    mica_buf_free(&top);
    return status;
}
