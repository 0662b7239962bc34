/* SPDX-License-Identifier: MIT
 *
 * A trie over bytes, built once from all its strings. Nodes are numbered level by level, so that
 * the children of a node stand together; where only one string goes on, its other bytes are kept as
 * a tail instead of a node each.
 *
 *     a, ab, acted     0 -a-> 1 (value of a) -b-> 2 (value of ab)
 *                                            -c-> 3 (tail "ted", value of acted)
 */
#ifndef MICA_TOKENIZER_TRIE_H
#define MICA_TOKENIZER_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct mica_tok_node {
    uint32_t first;    /* its first child; with a tail: where that stands in `tails` */
    int32_t value;     /* of the string that ends here, after the tail; -1 = none */
    uint16_t children; /* up to 256 */
    uint16_t tail;     /* bytes; 0 = none */
} mica_tok_node;

typedef struct mica_tok_trie {
    mica_tok_node *nodes; /* NULL: no strings */
    unsigned char *bytes; /* the byte that leads to each node; ascending among siblings */
    char *tails;
    uint32_t start[256]; /* the root's child for each byte, or 0 */
} mica_tok_trie;

typedef struct mica_tok_key {
    const char *data;
    uint32_t size;
    int32_t value; /* >= 0 */
} mica_tok_key;

/* Builds a trie of less than 2^31 strings of at least one byte (shorter ones are left out). Of
 * equal strings the first counts. False = out of memory. */
bool mica_tok_trie_build(mica_tok_trie *trie, const mica_tok_key *strings, size_t count);
void mica_tok_trie_release(mica_tok_trie *trie);

/* A walk along a text, from one string that it starts with to the next longer one. Start with {0}.
 */
typedef struct mica_tok_walk {
    size_t size; /* of the string found last */
    uint32_t node;
    bool over;
} mica_tok_walk;

static inline uint32_t mica_tok_trie_child(const mica_tok_trie *trie, const mica_tok_node *node,
                                           unsigned char byte)
{
    const unsigned char *bytes = trie->bytes + node->first;
    uint32_t low = 0, count = node->children;

    while (count > 4) {
        uint32_t half = count / 2;
        low = bytes[low + half - 1] < byte ? low + half : low;
        count -= half;
    }
    for (uint32_t i = low; i < low + count; i++)
        if (bytes[i] == byte)
            return node->first + i;
    return 0;
}

/* The next string that `data` starts with. False = there is no other. */
static inline bool mica_tok_trie_next(const mica_tok_trie *trie, mica_tok_walk *walk,
                                      const char *data, size_t size, int32_t *value)
{
    while (!walk->over && walk->size < size) {
        unsigned char byte = (unsigned char)data[walk->size];
        uint32_t child = walk->node == 0
                             ? trie->start[byte]
                             : mica_tok_trie_child(trie, &trie->nodes[walk->node], byte);
        const mica_tok_node *node;

        if (child == 0)
            break;
        node = &trie->nodes[child];
        walk->node = child;
        walk->size++;
        if (node->tail > 0) {
            if (size - walk->size < node->tail ||
                memcmp(trie->tails + node->first, data + walk->size, node->tail) != 0)
                break;
            walk->size += node->tail;
            walk->over = true;
        }
        if (node->value >= 0) {
            *value = node->value;
            return true;
        }
    }
    walk->over = true;
    return false;
}

/* The longest string that `data` starts with: returns its size (0 = none). */
static inline size_t mica_tok_trie_longest(const mica_tok_trie *trie, const char *data, size_t size,
                                           int32_t *value)
{
    mica_tok_walk walk = {0};
    size_t longest = 0;

    while (mica_tok_trie_next(trie, &walk, data, size, value))
        longest = walk.size;
    return longest;
}

#endif
