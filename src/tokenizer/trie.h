/* SPDX-License-Identifier: MIT
 *
 * A trie over bytes whose edges live in one hash table keyed by (node, byte): a step is one
 * look-up. A trie may have several roots.
 */
#ifndef MICA_TOKENIZER_TRIE_H
#define MICA_TOKENIZER_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mica_tok_edge {
    uint32_t key;   /* node << 8 | byte */
    uint32_t child; /* 0 = free slot: node 0 is nobody's child */
    int32_t value;  /* of the string that ends with this edge, or -1 */
} mica_tok_edge;

#define MICA_TOK_TRIE_NODES_MAX ((uint32_t)1 << 24)

typedef struct mica_tok_trie {
    mica_tok_edge *edges;
    uint32_t bits;  /* the table has 1 << bits slots, at most half of them taken */
    uint32_t nodes; /* node numbers handed out */
} mica_tok_trie;

void mica_tok_trie_release(mica_tok_trie *trie);
/* A new root, a number other than 0; 0 if the trie is full. */
uint32_t mica_tok_trie_root(mica_tok_trie *trie);
typedef enum { MICA_TOK_TRIE_OK, MICA_TOK_TRIE_FULL, MICA_TOK_TRIE_NO_MEMORY } mica_tok_trie_result;
/* Adds a string of at least one byte below a root; a value >= 0. The first value of a string stays.
 */
mica_tok_trie_result mica_tok_trie_add(mica_tok_trie *trie, uint32_t root, const char *data,
                                       size_t size, int32_t value);

static inline uint32_t mica_tok_trie_slot(const mica_tok_trie *trie, uint32_t key)
{
    return (key * UINT32_C(2654435769)) >> (32 - trie->bits);
}

/* The edge for a byte, or NULL. The trie has had a string added. */
static inline const mica_tok_edge *mica_tok_trie_step(const mica_tok_trie *trie, uint32_t node,
                                                      unsigned char byte)
{
    uint32_t key = node << 8 | byte;
    uint32_t mask = ((uint32_t)1 << trie->bits) - 1;

    for (uint32_t slot = mica_tok_trie_slot(trie, key);; slot = (slot + 1) & mask) {
        const mica_tok_edge *edge = &trie->edges[slot];
        if (edge->child == 0)
            return NULL;
        if (edge->key == key)
            return edge;
    }
}

/* The longest string below `root` that `data` starts with: returns its size (0 = none). */
static inline size_t mica_tok_trie_longest(const mica_tok_trie *trie, uint32_t root,
                                           const char *data, size_t size, int32_t *value)
{
    uint32_t node = root;
    size_t longest = 0;

    for (size_t i = 0; i < size; i++) {
        const mica_tok_edge *edge = mica_tok_trie_step(trie, node, (unsigned char)data[i]);
        if (!edge)
            break;
        node = edge->child;
        if (edge->value >= 0) {
            longest = i + 1;
            *value = edge->value;
        }
    }
    return longest;
}

#endif
