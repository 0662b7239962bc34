/* SPDX-License-Identifier: MIT
 *
 * An arena: many small objects with one lifetime, freed together. Blocks double up to 1 MiB.
 */
#ifndef MICA_BASE_ARENA_H
#define MICA_BASE_ARENA_H

#include <stddef.h>

typedef struct mica_arena_block mica_arena_block;
typedef struct mica_arena {
    mica_arena_block *head; /* newest block; all zero is an empty arena */
} mica_arena;

/* Zeroed memory aligned to 16 bytes, or NULL. Valid until mica_arena_free. */
void *mica_arena_alloc(mica_arena *arena, size_t size);
void *mica_arena_array(mica_arena *arena, size_t count, size_t size); /* product checked */
void *mica_arena_copy(mica_arena *arena, const void *data, size_t size);
char *mica_arena_text(mica_arena *arena, const char *data, size_t size); /* copy + NUL */
void mica_arena_free(mica_arena *arena); /* leaves it empty and usable */

#endif
