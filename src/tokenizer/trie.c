/* SPDX-License-Identifier: MIT */
#include "tokenizer/trie.h"

#include "base/alloc.h"

void mica_tok_trie_release(mica_tok_trie *trie)
{
    mica_free(trie->edges);
    *trie = (mica_tok_trie){0};
}

uint32_t mica_tok_trie_root(mica_tok_trie *trie)
{
    if (trie->nodes + 1 >= MICA_TOK_TRIE_NODES_MAX)
        return 0;
    return ++trie->nodes;
}

static mica_tok_edge *free_slot(mica_tok_trie *trie, uint32_t key)
{
    uint32_t mask = ((uint32_t)1 << trie->bits) - 1;
    uint32_t slot = mica_tok_trie_slot(trie, key);

    while (trie->edges[slot].child != 0)
        slot = (slot + 1) & mask;
    return &trie->edges[slot];
}

static bool grow(mica_tok_trie *trie)
{
    mica_tok_trie bigger = {.bits = trie->edges ? trie->bits + 1 : 8, .nodes = trie->nodes};
    size_t slots = trie->edges ? (size_t)1 << trie->bits : 0;

    bigger.edges = mica_calloc((size_t)1 << bigger.bits, sizeof *bigger.edges);
    if (!bigger.edges)
        return false;
    for (size_t i = 0; i < slots; i++)
        if (trie->edges[i].child != 0)
            *free_slot(&bigger, trie->edges[i].key) = trie->edges[i];
    mica_free(trie->edges);
    *trie = bigger;
    return true;
}

mica_tok_trie_result mica_tok_trie_add(mica_tok_trie *trie, uint32_t root, const char *data,
                                       size_t size, int32_t value)
{
    uint32_t node = root;

    for (size_t i = 0; i < size; i++) {
        const mica_tok_edge *found =
            trie->edges ? mica_tok_trie_step(trie, node, (unsigned char)data[i]) : NULL;
        mica_tok_edge *edge;

        if (found) {
            edge = &trie->edges[found - trie->edges];
        } else {
            uint32_t key = node << 8 | (unsigned char)data[i];
            if (trie->nodes + 1 >= MICA_TOK_TRIE_NODES_MAX)
                return MICA_TOK_TRIE_FULL;
            if (!trie->edges || (size_t)trie->nodes * 2 >= (size_t)1 << trie->bits)
                if (!grow(trie))
                    return MICA_TOK_TRIE_NO_MEMORY;
            edge = free_slot(trie, key);
            *edge = (mica_tok_edge){.key = key, .child = ++trie->nodes, .value = -1};
        }
        node = edge->child;
        if (i + 1 == size && edge->value < 0)
            edge->value = value;
    }
    return MICA_TOK_TRIE_OK;
}
