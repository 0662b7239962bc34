/* SPDX-License-Identifier: MIT */
#include "tokenizer/charsmap.h"

#include <string.h>

#include "base/utf8.h"

#define LEAF (1u << 8)
#define VALUE (1u << 31)

static uint32_t read_le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t unit_at(const mica_tok_charsmap *map, size_t i)
{
    return read_le32(map->units + 4 * i);
}

/* From a unit's place to the base of its children. */
static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* Every value lies inside the pool, at a character. Units that no string leads to are looked at
 * too: Darts-clone leaves them without a value. */
static mica_status check_values(const mica_tok_charsmap *map, mica_error *err)
{
    for (size_t i = 0; i < map->count; i++) {
        uint32_t unit = unit_at(map, i);
        size_t leaf = i ^ offset_of(unit), value;

        if ((unit & VALUE) || !(unit & LEAF))
            continue;
        if (leaf >= map->count)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "charsmap: the value of unit %zu is unit %zu of %zu", i, leaf,
                             map->count);
        value = unit_at(map, leaf) & ~VALUE;
        if (value >= map->pool_size)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "charsmap: unit %zu maps to byte %zu of %zu bytes of replacements", i,
                             value, map->pool_size);
        if (((unsigned char)map->pool[value] & 0xC0) == 0x80)
            return mica_fail(err, MICA_STATUS_FORMAT,
                             "charsmap: unit %zu maps to byte %zu, which is inside a character", i,
                             value);
    }
    return MICA_OK;
}

mica_status mica_tok_charsmap_open(mica_tok_charsmap *map, const void *data, size_t size,
                                   mica_error *err)
{
    const unsigned char *bytes = data;
    size_t trie, valid;

    *map = (mica_tok_charsmap){0};
    if (size < 4)
        return mica_fail(err, MICA_STATUS_FORMAT, "charsmap: %zu bytes are too few", size);
    trie = read_le32(bytes);
    if (trie == 0 || trie % 4 != 0 || trie > size - 4)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "charsmap: a trie of %zu bytes in the %zu bytes after its size", trie,
                         size - 4);
    map->units = bytes + 4;
    map->count = trie / 4;
    map->pool = (const char *)bytes + 4 + trie;
    map->pool_size = size - 4 - trie;
    valid = map->pool_size ? mica_utf8_valid_prefix(map->pool, map->pool_size) : 0;
    if (valid < map->pool_size)
        return mica_fail(err, MICA_STATUS_FORMAT,
                         "charsmap: the replacements are not valid UTF-8 at byte %zu (0x%02X)",
                         valid, (unsigned char)map->pool[valid]);
    return check_values(map, err);
}

/* A way down the trie. */
typedef struct descent {
    size_t base;   /* of the children of where it stands */
    bool is_value; /* a string ends here */
} descent;

/* One byte down; false = nothing there. */
static bool descend(const mica_tok_charsmap *map, descent *d, unsigned char byte)
{
    size_t place = d->base ^ byte;
    uint32_t unit;

    if (byte == 0 || place >= map->count)
        return false;
    unit = unit_at(map, place);
    if ((unit & (VALUE | 0xFF)) != byte)
        return false;
    d->base = place ^ offset_of(unit);
    d->is_value = (unit & LEAF) != 0;
    return true;
}

static descent from_root(const mica_tok_charsmap *map)
{
    return (descent){offset_of(unit_at(map, 0)), false};
}

static void set_mapping(const mica_tok_charsmap *map, const descent *d, size_t matched,
                        mica_tok_mapping *out)
{
    size_t value = unit_at(map, d->base) & ~VALUE;
    const char *data = map->pool + value, *end = memchr(data, '\0', map->pool_size - value);

    out->matched = matched;
    out->data = data;
    out->size = end ? (size_t)(end - data) : map->pool_size - value;
}

bool mica_tok_charsmap_first(const mica_tok_charsmap *map, const char *data, size_t size,
                             mica_tok_mapping *out)
{
    descent d = from_root(map);

    for (size_t i = 0; i < size && descend(map, &d, (unsigned char)data[i]); i++)
        if (d.is_value) {
            set_mapping(map, &d, i + 1, out);
            return true;
        }
    return false;
}

bool mica_tok_charsmap_longest(const mica_tok_charsmap *map, const char *data, size_t size,
                               mica_tok_mapping *out)
{
    descent d = from_root(map), last = d;
    size_t matched = 0;

    for (size_t i = 0; i < size && descend(map, &d, (unsigned char)data[i]); i++)
        if (d.is_value) {
            last = d;
            matched = i + 1;
        }
    if (matched > 0)
        set_mapping(map, &last, matched, out);
    return matched > 0;
}

bool mica_tok_charsmap_touches(const mica_tok_charsmap *map, const char *data, size_t size)
{
    descent d = from_root(map);

    for (size_t i = 0; i < size; i++) {
        if (!descend(map, &d, (unsigned char)data[i]))
            return false;
        if (d.is_value)
            return true;
    }
    return true;
}
