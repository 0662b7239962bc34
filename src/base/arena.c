/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

struct mica_arena_block {
    mica_arena_block *next; /* the block filled before this one */
    size_t used, size;
    max_align_t data[];
};

enum { ALIGNMENT = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

void *mica_arena_alloc(mica_arena *arena, size_t size)
{
    size_t need;
    if (!mica_add_size(size ? size : 1, ALIGNMENT - 1, &need))
        return NULL;
    need -= need % ALIGNMENT;
    mica_arena_block *block = arena->head;
    if (!block || block->size - block->used < need) {
        size_t capacity = block ? block->size * 2 : FIRST_BLOCK;
        if (capacity > LARGEST_BLOCK)
            capacity = LARGEST_BLOCK;
        if (capacity < need)
            capacity = need;
        size_t bytes;
        block = mica_add_size(capacity, sizeof *block, &bytes) ? mica_calloc(1, bytes) : NULL;
        if (!block)
            return NULL;
        block->size = capacity;
        block->next = arena->head;
        arena->head = block;
    }
    void *result = (unsigned char *)block->data + block->used;
    block->used += need;
    return result;
}

void *mica_arena_array(mica_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return mica_mul_size(count, size, &bytes) ? mica_arena_alloc(arena, bytes) : NULL;
}

void *mica_arena_copy(mica_arena *arena, const void *data, size_t size)
{
    void *copy = mica_arena_alloc(arena, size);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *mica_arena_text(mica_arena *arena, const char *data, size_t size)
{
    size_t bytes;
    char *copy = mica_add_size(size, 1, &bytes) ? mica_arena_alloc(arena, bytes) : NULL;
    if (copy && size)
        memcpy(copy, data, size); /* the closing NUL is there: arena memory is zeroed */
    return copy;
}

void mica_arena_free(mica_arena *arena)
{
    while (arena->head) {
        mica_arena_block *next = arena->head->next;
        mica_free(arena->head);
        arena->head = next;
    }
}
