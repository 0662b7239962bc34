/* SPDX-License-Identifier: MIT
 *
 * A hash map from byte strings to pointer-sized values. Open addressing, insertion order kept in
 * a dense entry array (so iteration is deterministic). The hash is seeded per process run only in
 * the sense of a fixed strong mix: hostile keys cannot make it quadratic (probes are bounded by
 * re-hashing with another seed).
 */
#ifndef MICA_BASE_MAP_H
#define MICA_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mica_map_entry {
    const char *key; /* owned by the map, NUL-terminated copy */
    size_t key_size;
    uint64_t value;
} mica_map_entry;

typedef struct mica_map mica_map;

mica_map *mica_map_create(void); /* NULL = out of memory */
void mica_map_destroy(mica_map **map);
size_t mica_map_count(const mica_map *map);
const mica_map_entry *mica_map_at(const mica_map *map, size_t index); /* insertion order */
const mica_map_entry *mica_map_find(const mica_map *map, const char *key, size_t key_size);

typedef enum { MICA_MAP_ADDED, MICA_MAP_EXISTS, MICA_MAP_NO_MEMORY } mica_map_result;
/* Adds key -> value; if the key is there already, leaves it as it is and says so. */
mica_map_result mica_map_add(mica_map *map, const char *key, size_t key_size, uint64_t value);
/* Adds or replaces. */
mica_map_result mica_map_set(mica_map *map, const char *key, size_t key_size, uint64_t value);

/* 64-bit hash of bytes (also used for checks of identity of files in tests). */
uint64_t mica_hash(const void *data, size_t size, uint64_t seed);

#endif
