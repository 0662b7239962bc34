/* SPDX-License-Identifier: MIT
 *
 * A vocabulary: strings with an id each, looked up both ways. Each string has one id (but see
 * `keeps_repeated`) and each id at most one string; ids may leave holes.
 */
#ifndef MICA_TOKENIZER_VOCAB_H
#define MICA_TOKENIZER_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "tokenizer/trie.h"

/* Ids are below this: a file that claims more would only make mica allocate. */
#define MICA_TOK_ID_LIMIT ((int64_t)1 << 24)

typedef struct mica_tok_entry {
    uint32_t offset, size; /* in the pool */
    int32_t id;
} mica_tok_entry;

/* Holds what a look-up needs, so that it touches two places: the slot and the string. */
typedef struct mica_tok_slot {
    uint32_t hash;         /* the upper half of the string's hash */
    uint32_t entry;        /* index + 1; 0 = free */
    uint32_t offset, size; /* as in the entry */
} mica_tok_slot;

typedef struct mica_tok_vocab {
    char *pool; /* the strings, each with a closing NUL */
    size_t pool_size, pool_capacity;
    mica_tok_entry *entries;
    size_t count, capacity;
    mica_tok_slot *slots; /* 1 << bits of them, at most half taken */
    uint32_t bits;
    uint64_t seed;
    uint32_t longest;    /* bytes of the longest string */
    bool keeps_repeated; /* set before finish: a string that is put again keeps its ids all the
                            same, of which it is found by the highest */
    uint32_t *by_id;     /* after finish: entry index + 1 of each id, 0 for a hole */
    size_t id_limit;     /* after finish: every id is below it */
} mica_tok_vocab;

void mica_tok_vocab_release(mica_tok_vocab *vocab);
/* Room for so many strings. */
mica_status mica_tok_vocab_reserve(mica_tok_vocab *vocab, size_t count, mica_error *err);
/* Gives a string its id; if it comes again it gets the later one (as lines of vocab.txt do). */
mica_status mica_tok_vocab_put(mica_tok_vocab *vocab, const char *data, size_t size, int64_t id,
                               mica_error *err);
/* After the last string, before the first look-up. FORMAT if two strings have the same id. */
mica_status mica_tok_vocab_finish(mica_tok_vocab *vocab, mica_error *err);

/* Asks for memory that will be read soon. */
static inline void mica_tok_prefetch(const void *at)
{
#if defined(__GNUC__)
    __builtin_prefetch(at);
#else
    (void)at;
#endif
}

static inline uint64_t mica_tok_hash(const char *data, size_t size, uint64_t seed)
{
    uint64_t h = seed ^ (uint64_t)size * UINT64_C(0x9E3779B97F4A7C15), w = 0;

    while (size >= 8) {
        memcpy(&w, data, 8);
        h = (h ^ w) * UINT64_C(0xD6E8FEB86659FD93);
        h ^= h >> 32;
        data += 8;
        size -= 8;
    }
    if (size >= 4) {
        uint32_t a, b;
        memcpy(&a, data, 4);
        memcpy(&b, data + size - 4, 4);
        w = (uint64_t)a << 32 | b;
    } else if (size > 0) {
        w = (uint64_t)(unsigned char)data[0] << 16 | (uint64_t)(unsigned char)data[size / 2] << 8 |
            (unsigned char)data[size - 1];
    } else {
        w = 0;
    }
    h = (h ^ w) * UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

/* memcmp for short strings, without the call. */
static inline bool mica_tok_equal(const char *a, const char *b, size_t size)
{
    uint64_t x, y;
    uint32_t u, v;

    if (size >= 8) {
        while (size > 8) {
            size_t step = size < 16 ? size - 8 : 8; /* the last 8 bytes may overlap those before */
            memcpy(&x, a, 8);
            memcpy(&y, b, 8);
            if (x != y)
                return false;
            a += step;
            b += step;
            size -= step;
        }
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        return x == y;
    }
    if (size >= 4) {
        memcpy(&u, a, 4);
        memcpy(&v, b, 4);
        if (u != v)
            return false;
        memcpy(&u, a + size - 4, 4);
        memcpy(&v, b + size - 4, 4);
        return u == v;
    }
    return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

/* The id of a string whose hash is known, or -1. */
static inline int32_t mica_tok_vocab_find_hashed(const mica_tok_vocab *vocab, const char *data,
                                                 size_t size, uint64_t hash)
{
    uint32_t mask = ((uint32_t)1 << vocab->bits) - 1;

    for (uint32_t i = (uint32_t)hash & mask; vocab->slots[i].entry != 0; i = (i + 1) & mask) {
        const mica_tok_slot *slot = &vocab->slots[i];
        if (slot->hash == (uint32_t)(hash >> 32) && slot->size == size &&
            mica_tok_equal(vocab->pool + slot->offset, data, size))
            return vocab->entries[slot->entry - 1].id;
    }
    return -1;
}

/* The id of a string, or -1. */
static inline int32_t mica_tok_vocab_find(const mica_tok_vocab *vocab, const char *data,
                                          size_t size)
{
    if (!vocab->slots || size > vocab->longest)
        return -1;
    return mica_tok_vocab_find_hashed(vocab, data, size, mica_tok_hash(data, size, vocab->seed));
}

/* Entry i of `count`, for a trie. */
static inline mica_tok_key mica_tok_vocab_entry(const mica_tok_vocab *vocab, size_t i)
{
    const mica_tok_entry *entry = &vocab->entries[i];
    return (mica_tok_key){vocab->pool + entry->offset, entry->size, entry->id};
}

/* The string of an id, or NULL. After finish. */
static inline const char *mica_tok_vocab_string(const mica_tok_vocab *vocab, int64_t id,
                                                size_t *size)
{
    const mica_tok_entry *entry;

    if (id < 0 || (uint64_t)id >= vocab->id_limit || vocab->by_id[id] == 0)
        return NULL;
    entry = &vocab->entries[vocab->by_id[id] - 1];
    *size = entry->size;
    return vocab->pool + entry->offset;
}

#endif
