/* SPDX-License-Identifier: MIT
 *
 * Listings. All that comes from a server or a file is checked here: names that would leave their
 * folder, hashes that are none, sizes below zero, too many files.
 */
#include "hub/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/utf8.h"
#include "hub/files.h"
#include "mica/json.h"

enum { FILES_MAX = 200000, DEPTH_MAX = 32 };

void mica_hub_listing_init(mica_hub_listing *listing)
{
    memset(listing, 0, sizeof *listing);
}

void mica_hub_listing_free(mica_hub_listing *listing)
{
    mica_free(listing->items);
    mica_arena_free(&listing->arena);
    memset(listing, 0, sizeof *listing);
}

mica_status mica_hub_listing_add(mica_hub_listing *listing, const char *path, size_t size,
                                 mica_hub_entry **out, mica_error *err)
{
    if (!mica_hub_path_safe(path, size))
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "the repository has a file named '%.*s', which is no safe name: ask its "
                         "owner to rename it",
                         size < 200 ? (int)size : 200, path);
    if (listing->count >= FILES_MAX)
        return mica_fail(err, MICA_STATUS_UNSUPPORTED,
                         "the repository has more than %d files, too many for a model", FILES_MAX);
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 32;
        mica_hub_entry *items =
            mica_realloc_array(listing->items, capacity, sizeof *listing->items);
        if (!items)
            return mica_fail_memory(err, capacity * sizeof *items, "the list of files");
        listing->items = items;
        listing->capacity = capacity;
    }
    char *copy = mica_arena_text(&listing->arena, path, size);
    if (!copy)
        return mica_fail_memory(err, size, "the list of files");
    mica_hub_entry *entry = &listing->items[listing->count++];
    memset(entry, 0, sizeof *entry);
    entry->path = copy;
    entry->size = -1;
    *out = entry;
    return MICA_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const mica_hub_entry *)a)->path, ((const mica_hub_entry *)b)->path);
}

mica_status mica_hub_listing_finish(mica_hub_listing *listing, mica_error *err)
{
    if (listing->count)
        qsort(listing->items, listing->count, sizeof *listing->items, by_path);
    for (size_t i = 1; i < listing->count; i++)
        if (strcmp(listing->items[i - 1].path, listing->items[i].path) == 0)
            return mica_fail(err, MICA_STATUS_FORMAT, "the repository lists '%s' twice",
                             listing->items[i].path);
    return MICA_OK;
}

mica_hub_entry *mica_hub_listing_find(const mica_hub_listing *listing, const char *path)
{
    mica_hub_entry key = {.path = path};
    return listing->count ? bsearch(&key, listing->items, listing->count, sizeof key, by_path)
                          : NULL;
}

const char *mica_hub_entry_etag(const mica_hub_entry *entry)
{
    return entry->sha256[0] ? entry->sha256 : entry->blob_id;
}

/* ---- JSON ---- */

/* A hash under `key`, into out[digits + 1]; false if it is there and none. Absent or null: "". */
static bool read_hash(const mica_json_value *object, const char *key, size_t digits, char *out)
{
    const mica_json_value *value = mica_json_get(object, key);
    if (mica_json_get_type(value) == MICA_JSON_NULL)
        return true;
    const char *text = mica_json_string(value, NULL);
    if (!text || !mica_hub_is_hex(text, digits))
        return false;
    memcpy(out, text, digits + 1);
    return true;
}

/* Like read_hash for what only huggingface_hub uses: what is no hash is as if it were not there. */
static void read_xet_hash(const mica_json_value *object, const char *key, mica_hub_entry *entry)
{
    if (!read_hash(object, key, MICA_HUB_SHA256_HEX, entry->xet_hash))
        entry->xet_hash[0] = 0;
}

static bool read_size(const mica_json_value *object, const char *key, int64_t *out)
{
    return mica_json_int64(mica_json_get(object, key), out) && *out >= 0;
}

static mica_status bad_entry(mica_hub_entry *entry, const char *name, const char *what,
                             mica_error *err)
{
    return mica_fail(err, MICA_STATUS_FORMAT, "%s: the file '%s' has no good %s", name, entry->path,
                     what);
}

/* {"type":"file","path":...,"size":...,"oid":...,"lfs":{"oid":...,"size":...},"xetHash":...} */
static mica_status add_tree_entry(mica_hub_listing *listing, const mica_json_value *value,
                                  const char *name, mica_error *err)
{
    mica_hub_entry *entry;
    size_t size = 0;
    const char *type = mica_json_string(mica_json_get(value, "type"), NULL);
    const char *path = mica_json_string(mica_json_get(value, "path"), &size);
    if (!type || !path)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "%s: an entry of the list of files has no 'type' or no 'path'", name);
    if (strcmp(type, "file") != 0)
        return MICA_OK;
    mica_status status = mica_hub_listing_add(listing, path, size, &entry, err);
    if (status)
        return status;
    const mica_json_value *lfs = mica_json_get(value, "lfs");
    if (!read_size(value, "size", &entry->size))
        return bad_entry(entry, name, "size", err);
    if (!read_hash(value, "oid", MICA_HUB_COMMIT_HEX, entry->blob_id) || !entry->blob_id[0])
        return bad_entry(entry, name, "oid", err);
    if (mica_json_get_type(lfs) != MICA_JSON_NULL &&
        (!read_hash(lfs, "oid", MICA_HUB_SHA256_HEX, entry->sha256) || !entry->sha256[0] ||
         !read_size(lfs, "size", &entry->size)))
        return bad_entry(entry, name, "lfs", err);
    read_xet_hash(value, "xetHash", entry);
    return MICA_OK;
}

mica_status mica_hub_listing_page(mica_hub_listing *listing, const char *json, size_t size,
                                  const char *name, mica_error *err)
{
    mica_json *document = NULL;
    mica_status status = mica_json_parse(json, size, name, &document, err);
    if (status)
        return status;
    const mica_json_value *root = mica_json_root(document);
    if (mica_json_get_type(root) != MICA_JSON_ARRAY)
        status = mica_fail(err, MICA_STATUS_FORMAT, "%s: the list of files is %s, not an array",
                           name, mica_json_type_name(mica_json_get_type(root)));
    const mica_json_value *v = mica_json_first(root);
    for (; v && !status; v = mica_json_next(v))
        status = add_tree_entry(listing, v, name, err);
    mica_json_destroy(&document);
    return status;
}

static mica_status add_note_entry(mica_hub_listing *listing, const mica_json_value *value,
                                  const char *name, mica_error *err)
{
    mica_hub_entry *entry;
    size_t size = 0;
    const char *path = mica_json_key(value, &size);
    if (strlen(path) != size)
        return mica_fail(err, MICA_STATUS_FORMAT, "%s: the path '%s' holds U+0000 after that", name,
                         path);
    mica_status status = mica_hub_listing_add(listing, path, size, &entry, err);
    if (status)
        return status;
    if (!read_size(value, "size", &entry->size))
        return bad_entry(entry, name, "size", err);
    if (!read_hash(value, "blob_id", MICA_HUB_COMMIT_HEX, entry->blob_id) || !entry->blob_id[0])
        return bad_entry(entry, name, "blob_id", err);
    if (!read_hash(value, "lfs_sha256", MICA_HUB_SHA256_HEX, entry->sha256) ||
        (entry->sha256[0] && !read_size(value, "lfs_size", &entry->size)))
        return bad_entry(entry, name, "lfs_sha256", err);
    read_xet_hash(value, "xet_hash", entry);
    return MICA_OK;
}

mica_status mica_hub_listing_note(mica_hub_listing *listing, const char *json, size_t size,
                                  const char *name, bool *known, mica_error *err)
{
    mica_json *document = NULL;
    int64_t version = 0;
    *known = false;
    mica_status status = mica_json_parse(json, size, name, &document, err);
    if (status)
        return status;
    const mica_json_value *root = mica_json_root(document), *files = mica_json_get(root, "files");
    *known = mica_json_int64(mica_json_get(root, "format_version"), &version) && version == 1;
    if (*known && mica_json_get_type(files) != MICA_JSON_OBJECT)
        status = mica_fail(err, MICA_STATUS_FORMAT, "%s: 'files' is no object", name);
    const mica_json_value *v = *known ? mica_json_first(files) : NULL;
    for (; v && !status; v = mica_json_next(v))
        status = add_note_entry(listing, v, name, err);
    mica_json_destroy(&document);
    return status;
}

/* A JSON string as Python's json.dump writes it: ASCII only. */
static void write_string(mica_buf *out, const char *text)
{
    const char *end = text + strlen(text);
    mica_buf_char(out, '"');
    while (text < end) {
        uint32_t cp = 0;
        size_t n = mica_utf8_decode(text, end, &cp);
        text += n ? n : 1;
        if (cp == '"' || cp == '\\')
            mica_buf_printf(out, "\\%c", (char)cp);
        else if (cp >= ' ' && cp <= '~')
            mica_buf_char(out, (char)cp);
        else if (cp > 0xffff)
            mica_buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
                            (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
        else
            mica_buf_printf(out, "\\u%04x", (unsigned)cp);
    }
    mica_buf_char(out, '"');
}

bool mica_hub_listing_write(const mica_hub_listing *listing, mica_buf *out)
{
    mica_buf_text(out, "{\n \"format_version\": 1,\n \"files\": {");
    for (size_t i = 0; i < listing->count; i++) {
        const mica_hub_entry *e = &listing->items[i];
        mica_buf_text(out, i ? ",\n  " : "\n  ");
        write_string(out, e->path);
        mica_buf_printf(out, ": {\n   \"size\": %lld,\n   \"blob_id\": \"%s\"", (long long)e->size,
                        e->blob_id);
        if (e->sha256[0])
            mica_buf_printf(out, ",\n   \"lfs_sha256\": \"%s\",\n   \"lfs_size\": %lld", e->sha256,
                            (long long)e->size);
        if (e->xet_hash[0])
            mica_buf_printf(out, ",\n   \"xet_hash\": \"%s\"", e->xet_hash);
        mica_buf_text(out, "\n  }");
    }
    mica_buf_text(out, listing->count ? "\n }\n}" : "}\n}");
    return !out->failed;
}

/* ---- folders ---- */

typedef struct scanner {
    mica_hub_listing *listing;
    mica_buf below; /* the path from the folder where it started */
    bool dangling;
} scanner;

static mica_status scan(scanner *s, const char *folder, int depth, mica_error *err);

/* One name of a folder: a file is added, a folder gone into, anything else passed over. */
static mica_status scan_name(scanner *s, const char *folder, const char *name, int depth,
                             mica_error *err)
{
    struct stat info;
    size_t before = s->below.size;
    mica_hub_entry *entry;
    mica_status status = MICA_OK;
    char *path = mica_path_join(folder, name);
    if (!path || !mica_buf_text(&s->below, before ? "/" : "") || !mica_buf_text(&s->below, name)) {
        status = mica_fail_memory(err, strlen(folder), "the list of files");
    } else if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        if (depth < DEPTH_MAX)
            status = scan(s, path, depth + 1, err);
    } else if (mica_hub_path_safe(s->below.data, s->below.size)) {
        int64_t size = mica_hub_file_size(path);
        if (size >= 0 || (s->dangling && S_ISLNK(info.st_mode)))
            status = mica_hub_listing_add(s->listing, s->below.data, s->below.size, &entry, err);
        if (!status && size >= 0)
            entry->size = size;
    }
    mica_free(path);
    if (s->below.data) {
        s->below.size = before;
        s->below.data[before] = 0;
    }
    return status;
}

static mica_status scan(scanner *s, const char *folder, int depth, mica_error *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return mica_fail_errno(err, errno, "cannot read the folder", folder);
    mica_status status = MICA_OK;
    for (struct dirent *e; !status && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = scan_name(s, folder, e->d_name, depth, err);
    closedir(dir);
    return status;
}

mica_status mica_hub_listing_scan(mica_hub_listing *listing, const char *folder, bool dangling,
                                  mica_error *err)
{
    scanner s = {.listing = listing, .dangling = dangling};
    mica_buf_init(&s.below, 64 * 1024);
    mica_status status = scan(&s, folder, 0, err);
    mica_buf_free(&s.below);
    return status;
}
