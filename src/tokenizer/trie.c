/* SPDX-License-Identifier: MIT
 *
 * The strings are sorted, by radix on their first eight bytes and by merging where those are equal;
 * then each node is a range of them. Strings are moved with their first eight bytes: most
 * are never looked at where they stand.
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
#define SMALL_SORT 24 /* strings */

/* A string on its way to its place. */
typedef struct sort_item {
    uint64_t key;         /* its first eight bytes, the first the highest */
    uint32_t index, size; /* where it stands; bytes */
} sort_item;

typedef struct sorter {
    const mica_tok_key *strings;
    sort_item *other; /* as long as what is sorted */
} sorter;

static uint64_t key_of(const char *data, size_t size)
{
    uint64_t key = 0;

    for (size_t i = 0; i < KEY_BYTES; i++)
        key = key << 8 | (i < size ? (unsigned char)data[i] : 0);
    return key;
}

static inline bool is_before(const sorter *s, const sort_item *a, const sort_item *b)
{
    size_t size = a->size < b->size ? a->size : b->size;
    int order;

    if (a->key != b->key)
        return a->key < b->key;
    order = memcmp(s->strings[a->index].data, s->strings[b->index].data, size);
    return order != 0 ? order < 0 : a->size < b->size;
}

/* Stable. */
static void merge_sort(const sorter *s, sort_item *items, size_t count)
{
    size_t half = count / 2, i = 0, j = half;

    if (count < 2)
        return;
    merge_sort(s, items, half);
    merge_sort(s, items + half, count - half);
    for (size_t n = 0; n < count; n++)
        if (j == count || (i < half && !is_before(s, &items[j], &items[i])))
            s->other[n] = items[i++];
        else
            s->other[n] = items[j++];
    memcpy(items, s->other, count * sizeof *items);
}

static void insertion_sort(const sorter *s, sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        sort_item item = items[i];
        size_t at = i;

        for (; at > 0 && is_before(s, &item, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Stable; the strings have their first `depth` bytes in common. */
static void radix_sort(const sorter *s, sort_item *items, size_t count, unsigned depth)
{
    size_t starts[257] = {0}, at[256];
    unsigned shift = 8 * (KEY_BYTES - 1 - depth);

    if (count <= SMALL_SORT) {
        insertion_sort(s, items, count);
        return;
    }
    if (depth == KEY_BYTES) {
        merge_sort(s, items, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        starts[(items[i].key >> shift & 255) + 1]++;
    if (starts[(items[0].key >> shift & 255) + 1] == count) {
        radix_sort(s, items, count, depth + 1);
        return;
    }
    for (size_t b = 0; b < 256; b++) {
        starts[b + 1] += starts[b];
        at[b] = starts[b];
    }
    for (size_t i = 0; i < count; i++)
        s->other[at[items[i].key >> shift & 255]++] = items[i];
    memcpy(items, s->other, count * sizeof *items);
    for (size_t b = 0; b < 256; b++)
        if (starts[b + 1] - starts[b] > 1)
            radix_sort(s, items + starts[b], starts[b + 1] - starts[b], depth + 1);
}

/* The strings in order, freed by the caller; NULL = out of memory. */
static sort_item *sort(const mica_tok_key *strings, size_t count)
{
    sort_item *items = mica_alloc_array(count, sizeof *items);
    sorter s = {strings, mica_alloc_array(count, sizeof *items)};

    for (size_t i = 0; i < count && items && s.other; i++)
        items[i] =
            (sort_item){key_of(strings[i].data, strings[i].size), (uint32_t)i, strings[i].size};
    if (items && s.other) {
        radix_sort(&s, items, count, 0);
    } else {
        mica_free(items);
        items = NULL;
    }
    mica_free(s.other);
    return items;
}

/* ---- building ---- */

typedef struct node_range {
    uint32_t begin, end;
} node_range;

typedef struct builder {
    mica_tok_trie *trie;
    const mica_tok_key *strings;
    const sort_item *sorted;
    node_range *ranges; /* the strings below each node */
    size_t count, capacity;
    size_t tails_size, tails_capacity;
} builder;

static bool more_nodes(builder *b)
{
    size_t wanted = b->count + 1, n = b->capacity, bytes = n, ranges = n;

    if (wanted > UINT32_MAX || !mica_tok_grow((void **)&b->trie->bytes, &bytes, wanted, 1) ||
        !mica_tok_grow((void **)&b->ranges, &ranges, wanted, sizeof *b->ranges) ||
        !mica_tok_grow((void **)&b->trie->nodes, &n, wanted, sizeof *b->trie->nodes))
        return false;
    b->capacity = n;
    return true;
}

static bool add_node(builder *b, size_t begin, size_t end, unsigned char byte)
{
    if (b->count == b->capacity && !more_nodes(b))
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

static inline unsigned char byte_at(const builder *b, size_t i, size_t depth)
{
    const sort_item *item = &b->sorted[i];

    return (unsigned char)(depth < KEY_BYTES ? item->key >> 8 * (KEY_BYTES - 1 - depth)
                                             : (unsigned char)b->strings[item->index].data[depth]);
}

/* Node i stands for `depth` bytes: its value, and its children or its tail. */
static bool expand(builder *b, size_t i, size_t depth)
{
    const sort_item *sorted = b->sorted;
    size_t begin = b->ranges[i].begin, end = b->ranges[i].end, first = b->count, rest;
    mica_tok_node *node = &b->trie->nodes[i];

    for (; begin < end && sorted[begin].size == depth; begin++)
        if (node->value < 0 && depth > 0)
            node->value = b->strings[sorted[begin].index].value;
    if (begin == end)
        return true;
    rest = sorted[begin].size - depth;
    if (end - begin == 1 && node->value < 0 && depth > 0 && rest <= UINT16_MAX &&
        b->tails_size + rest <= UINT32_MAX) {
        const mica_tok_key *only = &b->strings[sorted[begin].index];

        node->value = only->value;
        return add_tail(b, node, only->data + depth, rest);
    }
    while (begin < end) {
        unsigned char byte = byte_at(b, begin, depth);
        size_t next = begin + 1;

        while (next < end && byte_at(b, next, depth) == byte)
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

bool mica_tok_trie_build(mica_tok_trie *trie, const mica_tok_key *strings, size_t count)
{
    sort_item *sorted;
    builder b = {.trie = trie, .strings = strings};
    bool fine;

    *trie = (mica_tok_trie){0};
    if (count == 0)
        return true;
    b.sorted = sorted = sort(strings, count);
    fine = sorted && add_node(&b, 0, count, 0);
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
    mica_free(sorted);
    if (!fine)
        mica_tok_trie_release(trie);
    return fine;
}
