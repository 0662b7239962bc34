/* SPDX-License-Identifier: MIT
 *
 * The strings are sorted, by radix on their first eight bytes and by a heap where those are equal;
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
#define SMALL_SORT 24 /* items */

/* A string on its way to its place. */
typedef struct sort_item {
    uint64_t key;         /* its first eight bytes, the first the highest */
    uint32_t index, size; /* where it stands; bytes */
} sort_item;

static uint64_t key_of(const char *data, size_t size)
{
    uint64_t key = 0;
    size_t n = size < KEY_BYTES ? size : KEY_BYTES;

    for (size_t i = 0; i < n; i++)
        key = key << 8 | (unsigned char)data[i];
    return n > 0 ? key << 8 * (KEY_BYTES - n) : 0;
}

static inline bool is_before(const mica_tok_key *strings, const sort_item *a, const sort_item *b)
{
    size_t size = a->size < b->size ? a->size : b->size;
    int order;

    if (a->key != b->key)
        return a->key < b->key;
    order = memcmp(strings[a->index].data, strings[b->index].data, size);
    if (order != 0)
        return order < 0;
    return a->size != b->size ? a->size < b->size : a->index < b->index;
}

static void insertion_sort(const mica_tok_key *strings, sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        sort_item item = items[i];
        size_t at = i;

        for (; at > 0 && is_before(strings, &item, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Lets an item sink from i to its place in a heap with the last one on top. */
static void sink(const mica_tok_key *strings, sort_item *items, size_t count, size_t i)
{
    sort_item item = items[i];

    for (size_t child = 2 * i + 1; child < count; child = 2 * i + 1) {
        if (child + 1 < count && is_before(strings, &items[child], &items[child + 1]))
            child++;
        if (!is_before(strings, &item, &items[child]))
            break;
        items[i] = items[child];
        i = child;
    }
    items[i] = item;
}

static void heap_sort(const mica_tok_key *strings, sort_item *items, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sink(strings, items, count, i);
    for (size_t n = count; n-- > 1;) {
        sort_item last = items[0];
        items[0] = items[n];
        items[n] = last;
        sink(strings, items, n, 0);
    }
}

static inline size_t byte_of(const sort_item *item, unsigned shift)
{
    return item->key >> shift & 255;
}

/* Puts every item among those with the same byte, in place: at[b] is where the next one with byte b
 * goes, up to ends[b]. */
static void distribute(sort_item *items, unsigned shift, size_t *at, const size_t *ends,
                       size_t first, size_t last)
{
    for (size_t b = first; b <= last; b++) {
        while (at[b] < ends[b]) {
            sort_item item = items[at[b]];

            for (size_t to = byte_of(&item, shift); to != b; to = byte_of(&item, shift)) {
                sort_item other = items[at[to]];
                items[at[to]++] = item;
                item = other;
            }
            items[at[b]++] = item;
        }
    }
}

/* By the bytes of the keys from `depth` on; those before are the same. */
static void radix_sort(const mica_tok_key *strings, sort_item *items, size_t count, unsigned depth)
{
    size_t at[256], ends[256], first = 255, last = 0, end = 0, begin = 0;
    unsigned shift = 8 * (KEY_BYTES - 1 - depth);

    if (count <= SMALL_SORT) {
        insertion_sort(strings, items, count);
        return;
    }
    if (depth == KEY_BYTES) {
        heap_sort(strings, items, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t b = byte_of(&items[i], shift);
        first = b < first ? b : first;
        last = b > last ? b : last;
    }
    memset(ends + first, 0, (last - first + 1) * sizeof *ends);
    for (size_t i = 0; i < count; i++)
        ends[byte_of(&items[i], shift)]++;
    for (size_t b = first; b <= last; b++) {
        at[b] = end;
        ends[b] = end += ends[b];
    }
    if (first < last)
        distribute(items, shift, at, ends, first, last);
    for (size_t b = first; b <= last; begin = ends[b++])
        if (ends[b] - begin > 1)
            radix_sort(strings, items + begin, ends[b] - begin, depth + 1);
}

/* The strings in order, freed by the caller; NULL = out of memory. They are put among those with
 * the same first byte on their way in. */
static sort_item *sort(const mica_tok_key *strings, size_t count)
{
    sort_item *items = mica_alloc_array(count, sizeof *items);
    size_t at[257] = {0};

    if (!items)
        return NULL;
    for (size_t i = 0; i < count; i++)
        at[(strings[i].size > 0 ? (unsigned char)strings[i].data[0] : 0) + 1]++;
    for (size_t b = 1; b <= 256; b++)
        at[b] += at[b - 1];
    for (size_t i = 0; i < count; i++) {
        uint64_t key = key_of(strings[i].data, strings[i].size);
        items[at[key >> 8 * (KEY_BYTES - 1)]++] = (sort_item){key, (uint32_t)i, strings[i].size};
    }
    for (size_t b = 0, begin = 0; b < 256; begin = at[b++])
        radix_sort(strings, items + begin, at[b] - begin, 1);
    return items;
}

/* ---- building ---- */

typedef struct builder {
    mica_tok_trie *trie;
    const mica_tok_key *strings;
    const sort_item *sorted;
    size_t count, capacity; /* of nodes */
    size_t tails_size, tails_capacity;
} builder;

static bool more_nodes(builder *b)
{
    size_t wanted = b->count + 1, n = b->capacity, bytes = n;

    if (wanted > UINT32_MAX || !mica_tok_grow((void **)&b->trie->bytes, &bytes, wanted, 1) ||
        !mica_tok_grow((void **)&b->trie->nodes, &n, wanted, sizeof *b->trie->nodes))
        return false;
    b->capacity = n;
    return true;
}

/* Until a node is expanded, it keeps the range of the strings below it in place of its first child
 * and its value. */
static bool add_node(builder *b, size_t begin, size_t end, unsigned char byte)
{
    if (b->count == b->capacity && !more_nodes(b))
        return false;
    b->trie->nodes[b->count] = (mica_tok_node){.first = (uint32_t)begin, .value = (int32_t)end};
    b->trie->bytes[b->count++] = byte;
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
    mica_tok_node *node = &b->trie->nodes[i];
    size_t begin = node->first, end = (size_t)node->value, first = b->count, rest;

    *node = (mica_tok_node){.value = -1};
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
    mica_free(sorted);
    if (!fine)
        mica_tok_trie_release(trie);
    return fine;
}
