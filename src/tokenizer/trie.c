/* SPDX-License-Identifier: MIT
 *
 * The strings are sorted, by radix on their first eight bytes and by merging where those are equal;
 * then each node is a range of them.
 */
#include "tokenizer/trie.h"

#include "base/alloc.h"
#include "tokenizer/text.h"

void mica_tok_trie_release(mica_tok_trie *trie)
{
    mica_free(trie->nodes);
    mica_free(trie->bytes);
    mica_free(trie->tails);
    *trie = (mica_tok_trie){0};
}

/* ---- sorting ---- */

#define KEY_BYTES 8

static uint64_t key_of(const char *data, size_t size)
{
    uint64_t key = 0;

    for (size_t i = 0; i < KEY_BYTES; i++)
        key = key << 8 | (i < size ? (unsigned char)data[i] : 0);
    return key;
}

static bool is_after(const mica_tok_key *a, const mica_tok_key *b)
{
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->data, b->data, size);

    return order != 0 ? order > 0 : a->size > b->size;
}

/* Stable; `other` is as long as `items`. */
static void merge_sort(mica_tok_key *items, mica_tok_key *other, size_t count)
{
    size_t half = count / 2, i = 0, j = half;

    if (count < 2)
        return;
    merge_sort(items, other, half);
    merge_sort(items + half, other, count - half);
    for (size_t n = 0; n < count; n++)
        if (j == count || (i < half && !is_after(&items[i], &items[j])))
            other[n] = items[i++];
        else
            other[n] = items[j++];
    memcpy(items, other, count * sizeof *items);
}

/* Sorts by key, the last byte first. Returns which of the two arrays holds the result. */
static mica_tok_key *radix_sort(mica_tok_key *items, mica_tok_key *other, size_t count)
{
    for (unsigned shift = 0; shift < 8 * KEY_BYTES; shift += 8) {
        size_t counts[256] = {0}, at = 0;
        mica_tok_key *swap = items;

        for (size_t i = 0; i < count; i++)
            counts[items[i].key >> shift & 255]++;
        if (counts[items[0].key >> shift & 255] == count)
            continue;
        for (size_t b = 0; b < 256; b++) {
            size_t n = counts[b];
            counts[b] = at;
            at += n;
        }
        for (size_t i = 0; i < count; i++)
            other[counts[items[i].key >> shift & 255]++] = items[i];
        items = other;
        other = swap;
    }
    return items;
}

static mica_tok_key *sort(mica_tok_key *items, mica_tok_key *other, size_t count)
{
    mica_tok_key *sorted, *free_one;

    for (size_t i = 0; i < count; i++)
        items[i].key = key_of(items[i].data, items[i].size);
    sorted = radix_sort(items, other, count);
    free_one = sorted == items ? other : items;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && sorted[end].key == sorted[i].key;)
            end++;
        merge_sort(sorted + i, free_one, end - i);
    }
    return sorted;
}

/* ---- building ---- */

typedef struct node_range {
    uint32_t begin, end;
} node_range;

typedef struct builder {
    mica_tok_trie *trie;
    const mica_tok_key *strings;
    node_range *ranges; /* the strings below each node */
    size_t count, nodes_capacity, bytes_capacity, ranges_capacity;
    size_t tails_size, tails_capacity;
} builder;

static bool add_node(builder *b, size_t begin, size_t end, unsigned char byte)
{
    if (b->count >= UINT32_MAX ||
        !mica_tok_grow((void **)&b->trie->nodes, &b->nodes_capacity, b->count + 1,
                       sizeof *b->trie->nodes) ||
        !mica_tok_grow((void **)&b->trie->bytes, &b->bytes_capacity, b->count + 1, 1) ||
        !mica_tok_grow((void **)&b->ranges, &b->ranges_capacity, b->count + 1, sizeof *b->ranges))
        return false;
    b->trie->nodes[b->count] = (mica_tok_node){.value = -1};
    b->trie->bytes[b->count] = byte;
    b->ranges[b->count++] = (node_range){(uint32_t)begin, (uint32_t)end};
    return true;
}

static bool add_tail(builder *b, mica_tok_node *node, const char *data, size_t size)
{
    if (!mica_tok_grow((void **)&b->trie->tails, &b->tails_capacity, b->tails_size + size, 1))
        return false;
    memcpy(b->trie->tails + b->tails_size, data, size);
    node->first = (uint32_t)b->tails_size;
    node->tail = (uint16_t)size;
    b->tails_size += size;
    return true;
}

/* Node i stands for `depth` bytes: its value, and its children or its tail. */
static bool expand(builder *b, size_t i, size_t depth)
{
    const mica_tok_key *strings = b->strings;
    size_t begin = b->ranges[i].begin, end = b->ranges[i].end, first = b->count, rest;
    mica_tok_node *node = &b->trie->nodes[i];

    for (; begin < end && strings[begin].size == depth; begin++)
        if (node->value < 0 && depth > 0)
            node->value = strings[begin].value;
    if (begin == end)
        return true;
    rest = strings[begin].size - depth;
    if (end - begin == 1 && node->value < 0 && depth > 0 && rest <= UINT16_MAX &&
        b->tails_size + rest <= UINT32_MAX) {
        node->value = strings[begin].value;
        return add_tail(b, node, strings[begin].data + depth, rest);
    }
    while (begin < end) {
        unsigned char byte = (unsigned char)strings[begin].data[depth];
        size_t next = begin + 1;

        while (next < end && (unsigned char)strings[next].data[depth] == byte)
            next++;
        if (!add_node(b, begin, next, byte))
            return false;
        begin = next;
    }
    node = &b->trie->nodes[i]; /* they may have moved */
    node->first = (uint32_t)first;
    node->children = (uint16_t)(b->count - first);
    return true;
}

bool mica_tok_trie_build(mica_tok_trie *trie, mica_tok_key *strings, size_t count)
{
    mica_tok_key *other;
    builder b = {.trie = trie};
    bool fine;

    *trie = (mica_tok_trie){0};
    if (count == 0)
        return true;
    other = mica_alloc_array(count, sizeof *other);
    if (!other)
        return false;
    b.strings = sort(strings, other, count);
    fine = add_node(&b, 0, count, 0);
    for (size_t i = 0, depth = 0, level = 1; fine && i < b.count; i++) {
        if (i == level) {
            depth++;
            level = b.count;
        }
        fine = expand(&b, i, depth);
    }
    for (uint32_t i = 0; fine && i < trie->nodes[0].children; i++)
        trie->start[trie->bytes[trie->nodes[0].first + i]] = trie->nodes[0].first + i;
    mica_free(b.ranges);
    mica_free(other);
    if (!fine)
        mica_tok_trie_release(trie);
    return fine;
}
