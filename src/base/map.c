/* SPDX-License-Identifier: MIT
 *
 *   slots    power of two, each 0 (free) or index + 1 of an entry; linear probing
 *   entries  in insertion order; keys lie in an arena
 *
 * A hostile set of keys can make many collide under one seed, so a probe longer than MAX_PROBE
 * makes the table hash itself anew under the next seed (and grow if that did not help). Should even
 * that not help, longer probes are allowed from then on: memory and time stay bounded.
 */
#include "base/map.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"

enum { MAX_PROBE = 128, MAX_SLOTS_PER_ENTRY = 32 };

struct mica_map {
    mica_map_entry *entries;
    uint32_t *slots;
    size_t count, capacity; /* of entries */
    size_t slot_count;
    size_t max_probe;
    uint64_t seed;
    mica_arena keys;
};

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}

uint64_t mica_hash(const void *data, size_t size, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ (0x9e3779b97f4a7c15u + size), word;
    for (; size >= 8; p += 8, size -= 8) {
        word = 0;
        for (size_t i = 0; i < 8; i++) /* little-endian on every machine */
            word |= (uint64_t)p[i] << 8 * i;
        h = mix(h, word);
    }
    word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)p[i] << 8 * i;
    if (size > 0)
        h = mix(h, word);
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    return h ^ h >> 33;
}

mica_map *mica_map_create(void)
{
    mica_map *map = mica_calloc(1, sizeof *map);
    if (map)
        map->max_probe = MAX_PROBE;
    return map;
}

void mica_map_destroy(mica_map **map)
{
    if (!*map)
        return;
    mica_arena_free(&(*map)->keys);
    mica_free((*map)->entries);
    mica_free((*map)->slots);
    mica_free(*map);
    *map = NULL;
}

size_t mica_map_count(const mica_map *map)
{
    return map->count;
}

const mica_map_entry *mica_map_at(const mica_map *map, size_t index)
{
    return &map->entries[index];
}

/* The slot where `key` stands or would stand; *probes says how far that is from its hash. */
static size_t locate(const mica_map *map, const char *key, size_t size, size_t *probes)
{
    size_t slot = (size_t)mica_hash(key, size, map->seed) & (map->slot_count - 1);
    for (*probes = 0;; ++*probes, slot = (slot + 1) & (map->slot_count - 1)) {
        uint32_t index = map->slots[slot];
        if (index == 0)
            return slot;
        const mica_map_entry *entry = &map->entries[index - 1];
        if (entry->key_size == size && (size == 0 || memcmp(entry->key, key, size) == 0))
            return slot;
    }
}

static mica_map_entry *find(const mica_map *map, const char *key, size_t size)
{
    if (map->count == 0)
        return NULL;
    size_t probes, slot = locate(map, key, size, &probes);
    return map->slots[slot] ? &map->entries[map->slots[slot] - 1] : NULL;
}

const mica_map_entry *mica_map_find(const mica_map *map, const char *key, size_t key_size)
{
    return find(map, key, key_size);
}

/* Puts all entries into empty slots; returns the longest probe. */
static size_t fill(mica_map *map)
{
    size_t longest = 0;
    for (size_t i = 0; i < map->count; i++) {
        size_t probes;
        size_t slot = locate(map, map->entries[i].key, map->entries[i].key_size, &probes);
        map->slots[slot] = (uint32_t)i + 1;
        longest = probes > longest ? probes : longest;
    }
    return longest;
}

/* Builds the slots anew, trying seeds until no probe is long, and twice the slots when a few seeds
 * did not help. On failure (no memory) the map is as it was; a later attempt that finds no memory
 * is no failure, the map is only slower than it could be. */
static bool rehash(mica_map *map, size_t slot_count)
{
    for (unsigned attempt = 0; attempt < 16; attempt++) {
        if (attempt > 0 && attempt % 4 == 0 && slot_count / MAX_SLOTS_PER_ENTRY < map->count)
            slot_count *= 2;
        uint32_t *slots = mica_calloc(slot_count, sizeof *slots);
        if (!slots)
            return attempt > 0;
        mica_free(map->slots);
        map->slots = slots;
        map->slot_count = slot_count;
        map->seed = mica_hash(&attempt, sizeof attempt, map->seed);
        if (fill(map) <= map->max_probe)
            return true;
    }
    map->max_probe *= 2;
    return true;
}

static bool grow(mica_map *map)
{
    if (map->count == UINT32_MAX - 1)
        return false;
    if (map->count == map->capacity) {
        size_t capacity = map->capacity ? map->capacity * 2 : 8;
        mica_map_entry *entries = mica_realloc_array(map->entries, capacity, sizeof *entries);
        if (!entries)
            return false;
        map->entries = entries;
        map->capacity = capacity;
    }
    if ((map->count + 1) * 2 > map->slot_count)
        return rehash(map, map->slot_count ? map->slot_count * 2 : 16);
    return true;
}

mica_map_result mica_map_add(mica_map *map, const char *key, size_t key_size, uint64_t value)
{
    if (find(map, key, key_size))
        return MICA_MAP_EXISTS;
    if (!grow(map))
        return MICA_MAP_NO_MEMORY;
    char *copy = mica_arena_text(&map->keys, key, key_size);
    if (!copy)
        return MICA_MAP_NO_MEMORY;
    size_t probes, slot = locate(map, key, key_size, &probes);
    map->entries[map->count] = (mica_map_entry){copy, key_size, value};
    map->slots[slot] = (uint32_t)++map->count;
    if (probes > map->max_probe)
        rehash(map, map->slot_count); /* without memory for it the map stays as it is, and right */
    return MICA_MAP_ADDED;
}

mica_map_result mica_map_set(mica_map *map, const char *key, size_t key_size, uint64_t value)
{
    mica_map_entry *entry = find(map, key, key_size);
    if (entry) {
        entry->value = value;
        return MICA_MAP_EXISTS;
    }
    return mica_map_add(map, key, key_size, value);
}
