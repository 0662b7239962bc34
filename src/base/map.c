/* SPDX-License-Identifier: MIT
 *
 *   slots    power of two, each free (index 0) or the index + 1 of an entry, with the hash of its
 *            key; linear probing. The hash lets the table grow, and most probes pass by, without a
 *            look at the keys.
 *   entries  in insertion order; keys lie in an arena
 *
 * A hostile set of keys can make many collide under one seed, so a probe longer than max_probe
 * makes the table hash all keys anew under the next seed (and grow if that did not help). Should
 * even that not help, longer probes are allowed from then on: memory and time stay bounded.
 */
#include "base/map.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"

enum { MAX_PROBE = 128, MAX_SLOTS_PER_ENTRY = 32 };

typedef struct map_slot {
    uint32_t index, hash;
} map_slot;

struct mica_map {
    mica_map_entry *entries;
    map_slot *slots;
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
    for (; size >= 8; p += 8, size -= 8)
        h = mix(h, mica_load64(p));
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

static uint32_t key_hash(const mica_map *map, const char *key, size_t size)
{
    return (uint32_t)mica_hash(key, size, map->seed);
}

static bool same_key(const mica_map_entry *entry, const char *key, size_t size)
{
    return entry->key_size == size && (size == 0 || memcmp(entry->key, key, size) == 0);
}

/* The entry with `key`, or NULL. */
static mica_map_entry *find(const mica_map *map, const char *key, size_t size, uint32_t hash)
{
    if (map->count == 0)
        return NULL;
    for (size_t at = hash;; at++) {
        const map_slot *slot = &map->slots[at & (map->slot_count - 1)];
        if (slot->index == 0)
            return NULL;
        if (slot->hash == hash && same_key(&map->entries[slot->index - 1], key, size))
            return &map->entries[slot->index - 1];
    }
}

const mica_map_entry *mica_map_find(const mica_map *map, const char *key, size_t key_size)
{
    return find(map, key, key_size, key_hash(map, key, key_size));
}

/* Puts an entry that is not there yet into the first free slot; returns how many it passed by. */
static size_t place(map_slot *slots, size_t slot_count, map_slot slot)
{
    size_t probes = 0;
    while (slots[(slot.hash + probes) & (slot_count - 1)].index != 0)
        probes++;
    slots[(slot.hash + probes) & (slot_count - 1)] = slot;
    return probes;
}

/* Makes `slot_count` slots, under the next seed if so asked. *longest gets the longest probe. False
 * = no memory, and the map is as it was. */
static bool make_slots(mica_map *map, size_t slot_count, bool reseed, size_t *longest)
{
    map_slot *slots = mica_calloc(slot_count, sizeof *slots);
    if (!slots)
        return false;
    *longest = 0;
    if (reseed)
        map->seed = mica_hash("next", 4, map->seed);
    for (size_t i = 0; i < (reseed ? map->count : map->slot_count); i++) {
        map_slot slot;
        if (reseed)
            slot = (map_slot){(uint32_t)i + 1,
                              key_hash(map, map->entries[i].key, map->entries[i].key_size)};
        else
            slot = map->slots[i];
        if (slot.index == 0)
            continue;
        size_t probes = place(slots, slot_count, slot);
        *longest = probes > *longest ? probes : *longest;
    }
    mica_free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return true;
}

/* Tries seeds until no probe is long, and twice the slots when a few seeds did not help. Without
 * memory the map stays as it is, and right, only slower than it could be. */
static void reseed(mica_map *map)
{
    size_t longest, slot_count = map->slot_count;
    for (unsigned attempt = 1; attempt <= 16; attempt++) {
        if (attempt % 4 == 0 && slot_count / MAX_SLOTS_PER_ENTRY < map->count)
            slot_count *= 2;
        if (!make_slots(map, slot_count, true, &longest) || longest <= map->max_probe)
            return;
    }
    map->max_probe *= 2;
}

/* Makes room for one more entry. */
static bool grow(mica_map *map)
{
    size_t longest;
    if (map->count == INT32_MAX)
        return false;
    if (map->count == map->capacity) {
        size_t capacity = map->capacity ? map->capacity * 2 : 8;
        mica_map_entry *entries = mica_realloc_array(map->entries, capacity, sizeof *entries);
        if (!entries)
            return false;
        map->entries = entries;
        map->capacity = capacity;
    }
    return (map->count + 1) * 2 <= map->slot_count ||
           make_slots(map, map->slot_count ? map->slot_count * 2 : 16, false, &longest);
}

static mica_map_result add(mica_map *map, const char *key, size_t size, uint32_t hash,
                           uint64_t value)
{
    char *copy = grow(map) ? mica_arena_text(&map->keys, key, size) : NULL;
    if (!copy)
        return MICA_MAP_NO_MEMORY;
    map->entries[map->count++] = (mica_map_entry){copy, size, value};
    if (place(map->slots, map->slot_count, (map_slot){(uint32_t)map->count, hash}) > map->max_probe)
        reseed(map);
    return MICA_MAP_ADDED;
}

mica_map_result mica_map_add(mica_map *map, const char *key, size_t key_size, uint64_t value)
{
    uint32_t hash = key_hash(map, key, key_size);
    return find(map, key, key_size, hash) ? MICA_MAP_EXISTS : add(map, key, key_size, hash, value);
}

mica_map_result mica_map_set(mica_map *map, const char *key, size_t key_size, uint64_t value)
{
    uint32_t hash = key_hash(map, key, key_size);
    mica_map_entry *entry = find(map, key, key_size, hash);
    if (!entry)
        return add(map, key, key_size, hash, value);
    entry->value = value;
    return MICA_MAP_EXISTS;
}
