/* SPDX-License-Identifier: MIT
 *
 * The reader of precompiled character maps: both look-ups on a map built here, and damaged maps,
 * which are refused or harmless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tokenizer/charsmap.h"

#define UNITS 1024

/* A double array, the simple way: every node takes the first base at which its children's places
 * are free. */
typedef struct builder {
    uint32_t units[UNITS];
    bool used[UNITS], is_base[UNITS];
    const char *const (*strings)[2]; /* sorted by their bytes; string, replacement */
    size_t places[16];               /* of replacements in the pool */
} builder;

static bool is_free(const builder *b, size_t base, size_t first, size_t last, size_t depth)
{
    if (b->is_base[base])
        return false;
    for (size_t i = first; i < last; i++)
        if (b->used[base ^ (unsigned char)b->strings[i][0][depth]])
            return false;
    return true;
}

/* The node at `place`, of strings first..last-1, which are equal up to `depth`. */
static void build(builder *b, size_t place, size_t first, size_t last, size_t depth)
{
    size_t base = 256;

    while (!is_free(b, base, first, last, depth))
        base++;
    assert_true(base < UNITS - 256);
    b->is_base[base] = true;
    b->units[place] |= (uint32_t)(place ^ base) << 10;
    for (size_t i = first; i < last; i++)
        b->used[base ^ (unsigned char)b->strings[i][0][depth]] = true;
    for (size_t i = first, next; i < last; i = next) {
        unsigned char c = (unsigned char)b->strings[i][0][depth];

        for (next = i + 1; next < last && (unsigned char)b->strings[next][0][depth] == c; next++)
            ;
        if (c == 0) {
            b->units[base] = (uint32_t)b->places[i] | UINT32_C(0x80000000);
            b->units[place] |= 1u << 8;
        } else {
            b->units[base ^ c] |= c;
            build(b, base ^ c, i, next, depth + 1);
        }
    }
}

static void put_le32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

/* Strings of which some begin with others; one maps to nothing. */
static const char *const strings[][2] = {
    {"a", "A"}, {"ab", "[ab]"}, {"abcd", ""}, {"\xC3\xA9", "e"}, {"\xE3\x82\xAB", "\xE3\x82\xAB!"}};
#define STRINGS (sizeof strings / sizeof *strings)

static size_t make(unsigned char *blob)
{
    builder b = {.strings = strings};
    unsigned char *at = blob + 4 + 4 * UNITS;

    for (size_t i = 0; i < STRINGS; i++) {
        size_t size = strlen(strings[i][1]) + 1;
        b.places[i] = (size_t)(at - (blob + 4 + 4 * UNITS));
        memcpy(at, strings[i][1], size);
        at += size;
    }
    b.used[0] = true;
    build(&b, 0, 0, STRINGS, 0);
    put_le32(blob, 4 * UNITS);
    for (size_t i = 0; i < UNITS; i++)
        put_le32(blob + 4 + 4 * i, b.units[i]);
    return (size_t)(at - blob);
}

static void check(const mica_tok_charsmap *map, const char *text, size_t size, const char *first,
                  size_t first_size, const char *longest, size_t longest_size)
{
    mica_tok_mapping found;

    assert_int_equal(mica_tok_charsmap_first(map, text, size, &found), first != NULL);
    if (first) {
        assert_int_equal(found.matched, first_size);
        assert_int_equal(found.size, strlen(first));
        assert_memory_equal(found.data, first, found.size);
    }
    assert_int_equal(mica_tok_charsmap_longest(map, text, size, &found), longest != NULL);
    if (longest) {
        assert_int_equal(found.matched, longest_size);
        assert_int_equal(found.size, strlen(longest));
        assert_memory_equal(found.data, longest, found.size);
    }
}

static void test_lookups(void **state)
{
    unsigned char blob[4 + 4 * UNITS + 64];
    size_t size = make(blob);
    mica_tok_charsmap map;
    mica_error err = {0};

    if (mica_tok_charsmap_open(&map, blob, size, &err) != MICA_OK)
        fail_msg("%s", err.message);
    check(&map, "abcde", 5, "A", 1, "", 4);
    check(&map, "abcd", 4, "A", 1, "", 4);
    check(&map, "abc", 3, "A", 1, "[ab]", 2);
    check(&map, "abcd", 1, "A", 1, "A", 1);
    check(&map, "b", 1, NULL, 0, NULL, 0);
    check(&map, "", 0, NULL, 0, NULL, 0);
    check(&map, "\0a", 2, NULL, 0, NULL, 0);
    check(&map, "\xC3\xA9", 2, "e", 2, "e", 2);
    check(&map, "\xC3\xA9", 1, NULL, 0, NULL, 0);
    check(&map, "\xC3\xA8", 2, NULL, 0, NULL, 0);
    check(&map, "\xE3\x82\xAB\xE3\x82\x99", 6, "\xE3\x82\xAB!", 3, "\xE3\x82\xAB!", 3);
    assert_true(mica_tok_charsmap_touches(&map, "ac", 2));
    assert_true(mica_tok_charsmap_touches(&map, "\xE3\x82", 2));
    assert_false(mica_tok_charsmap_touches(&map, "\xE3\x83", 2));
}

static void refuse(const unsigned char *blob, size_t size, const char *why)
{
    mica_tok_charsmap map;
    mica_error err = {0};

    assert_int_equal(mica_tok_charsmap_open(&map, blob, size, &err), MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, why));
}

static void test_damaged(void **state)
{
    unsigned char blob[4 + 4 * UNITS + 64];
    size_t size = make(blob), pool = 4 + 4 * UNITS;

    refuse(blob, 0, "too few");
    refuse(blob, 3, "too few");
    refuse(blob, 4, "trie of");
    refuse(blob, pool - 1, "trie of");
    refuse(blob, pool, "maps to byte");
    put_le32(blob, 0);
    refuse(blob, size, "trie of 0 bytes");
    put_le32(blob, 4 * UNITS - 2);
    refuse(blob, size, "trie of");
    put_le32(blob, UINT32_MAX);
    refuse(blob, size, "trie of");
    size = make(blob);
    blob[pool] = 0xFF;
    refuse(blob, size, "not valid UTF-8 at byte 0 (0xFF)");
    size = make(blob);
    put_le32(blob + 4 + 4 * 5, 0x7FFFFC00u | 1u << 8); /* its value is far outside */
    refuse(blob, size, "the value of unit 5");
}

/* Any change of any byte: refused, or answers stay inside the map. */
static void test_mutations(void **state)
{
    static const char text[] = "abcd\xC3\xA9\xE3\x82\xAB";
    unsigned char blob[4 + 4 * UNITS + 64];
    size_t size = make(blob), opened = 0;
    uint32_t random = 1;

    for (int round = 0; round < 200000; round++) {
        size_t at = (random = random * 1664525u + 1013904223u) % size;
        unsigned char before = blob[at];
        mica_tok_charsmap map;

        random = random * 1664525u + 1013904223u;
        blob[at] = (unsigned char)(random >> 24);
        if (mica_tok_charsmap_open(&map, blob, size, NULL) == MICA_OK) {
            opened++;
            for (size_t i = 0; i < sizeof text - 1; i++) {
                mica_tok_mapping found;
                if (!mica_tok_charsmap_first(&map, text + i, sizeof text - 1 - i, &found))
                    continue;
                assert_true(found.matched > 0 && found.matched <= sizeof text - 1 - i);
                assert_true(found.data >= map.pool &&
                            found.data + found.size <= map.pool + map.pool_size);
                assert_true(mica_tok_charsmap_longest(&map, text + i, sizeof text - 1 - i, &found));
                assert_true(found.data >= map.pool &&
                            found.data + found.size <= map.pool + map.pool_size);
            }
        }
        blob[at] = before;
    }
    assert_true(opened > 1000 && opened < 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
