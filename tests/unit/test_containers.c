/* SPDX-License-Identifier: MIT
 *
 * Buffers, maps and UTF-8.
 */
#include "torture.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/utf8.h"

static void buffer_grows_and_ends_in_nul(void **state)
{
    mica_buf buf;
    mica_buf_init(&buf, 1 << 20);
    assert_string_equal(mica_buf_cstr(&buf), "");
    for (int i = 0; i < 1000; i++)
        assert_true(mica_buf_printf(&buf, "%d,", i));
    assert_int_equal(strlen(buf.data), buf.size);
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    size_t before = buf.size;
    assert_true(mica_buf_printf(&buf, "%s", longer)); /* longer than the formatting buffer */
    assert_int_equal(buf.size, before + sizeof longer - 1);
    size_t size;
    char *text = mica_buf_take(&buf, &size);
    assert_non_null(text);
    assert_int_equal(strlen(text), size);
    mica_free(text);
    assert_int_equal(buf.size, 0);
}

static void buffer_stops_at_its_maximum(void **state)
{
    mica_buf buf;
    mica_buf_init(&buf, 10);
    assert_true(mica_buf_append(&buf, "0123456789", 10));
    assert_false(mica_buf_char(&buf, 'x'));
    assert_true(buf.failed);
    assert_false(mica_buf_append(&buf, "", 0)); /* the error sticks */
    assert_null(mica_buf_take(&buf, NULL));
    mica_buf_free(&buf);
}

static void buffer_growth_is_bounded_by_its_maximum(void **state)
{
    mica_buf buf;
    mica_buf_init(&buf, 100000);
    uint64_t before = mica_alloc_count();
    for (int i = 0; i < 100000; i++)
        assert_true(mica_buf_char(&buf, 'x'));
    assert_true(mica_alloc_count() - before < 20); /* not one for each byte near the end */
    assert_true(buf.capacity <= 100001);
    mica_buf_free(&buf);
}

static void map_keeps_order_and_first_values(void **state)
{
    mica_map *map = mica_map_create();
    char key[32];
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(mica_map_add(map, key, (size_t)n, (uint64_t)i), MICA_MAP_ADDED);
    }
    assert_int_equal(mica_map_add(map, "key 7", 5, 99), MICA_MAP_EXISTS);
    assert_int_equal(mica_map_find(map, "key 7", 5)->value, 7);
    assert_int_equal(mica_map_set(map, "key 7", 5, 99), MICA_MAP_EXISTS);
    assert_int_equal(mica_map_find(map, "key 7", 5)->value, 99);
    assert_int_equal(mica_map_count(map), 20000);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key %d", i);
        assert_string_equal(mica_map_at(map, (size_t)i)->key, key);
        assert_ptr_equal(mica_map_find(map, key, strlen(key)), mica_map_at(map, (size_t)i));
    }
    assert_null(mica_map_find(map, "key", 3));
    assert_int_equal(mica_map_add(map, "", 0, 5), MICA_MAP_ADDED);
    assert_int_equal(mica_map_add(map, "a\0b", 3, 6), MICA_MAP_ADDED);
    assert_int_equal(mica_map_find(map, "a\0b", 3)->value, 6);
    assert_int_equal(mica_map_find(map, "", 0)->value, 5);
    assert_null(mica_map_find(map, "a\0c", 3));
    mica_map_destroy(&map);
    assert_null(map);
}

static mica_status fill_map(void *arg, mica_error *err)
{
    mica_map *map = mica_map_create();
    mica_status status = map ? MICA_OK : MICA_STATUS_OUT_OF_MEMORY;
    char key[32];
    for (int i = 0; i < 100 && !status; i++) {
        snprintf(key, sizeof key, "%d", i);
        if (mica_map_add(map, key, strlen(key), (uint64_t)i) == MICA_MAP_NO_MEMORY)
            status = MICA_STATUS_OUT_OF_MEMORY;
        for (int k = 0; k < i; k++) { /* what was there is there still */
            snprintf(key, sizeof key, "%d", k);
            assert_int_equal(mica_map_find(map, key, strlen(key))->value, k);
        }
    }
    mica_map_destroy(&map);
    return status ? mica_fail(err, status, "map") : MICA_OK;
}

static void map_survives_failing_allocations(void **state)
{
    assert_true(torture_run(fill_map, NULL) > 5);
}

/* Keys that all want the same slot under a map's first seed. (Under another this tests less, but it
 * tests.) */
static void colliding_keys_are_found(void **state)
{
    enum { CLASHES = 1000, MASK = 4095 };
    mica_map *map = mica_map_create();
    uint64_t next = 0;
    char key[32];
    uint64_t before = mica_alloc_count();
    for (int i = 0; i < CLASHES; i++, next++) {
        do
            snprintf(key, sizeof key, "%llu", (unsigned long long)++next);
        while ((mica_hash(key, strlen(key), 0) & MASK) != 7);
        assert_int_equal(mica_map_add(map, key, strlen(key), next), MICA_MAP_ADDED);
    }
    assert_true(mica_alloc_count() - before <
                100); /* it settles, and does not start over for each */
    for (size_t i = 0; i < mica_map_count(map); i++) {
        const mica_map_entry *entry = mica_map_at(map, i);
        assert_ptr_equal(mica_map_find(map, entry->key, entry->key_size), entry);
    }
    mica_map_destroy(&map);
}

static void utf8_round_trip(void **state)
{
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char bytes[4];
        uint32_t back = 0;
        size_t n = mica_utf8_encode(cp, bytes);
        if (cp >= 0xd800 && cp < 0xe000) {
            assert_int_equal(n, 0);
            continue;
        }
        if (mica_utf8_decode(bytes, bytes + n, &back) != n || back != cp)
            fail_msg("U+%04X", (unsigned)cp);
        if (n > 1 && mica_utf8_decode(bytes, bytes + n - 1, &back) != 0)
            fail_msg("U+%04X, cut short", (unsigned)cp);
    }
    char bytes[4];
    assert_int_equal(mica_utf8_encode(0x110000, bytes), 0);
}

static void utf8_refuses(void **state)
{
    static const struct {
        const char *text;
        size_t size, valid;
    } cases[] = {
        {"abc\xff", 4, 3},           {"\xc0\x80", 2, 0},
        {"\xc1\xbf", 2, 0},          {"\xe0\x80\x80", 3, 0},
        {"\xe0\x9f\xbf", 3, 0},      {"\xed\xa0\x80", 3, 0},
        {"\xf0\x80\x80\x80", 4, 0},  {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},  {"\x80", 1, 0},
        {"12345678\xe2\x82", 10, 8}, {"a\0b\xc3", 4, 3},
        {"\xc3\xa9\xc3", 3, 2},      {"12345678abcdefgh\xbf", 17, 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(mica_utf8_valid_prefix(cases[i].text, cases[i].size), cases[i].valid);
    assert_int_equal(mica_utf8_valid_prefix("gr\xc3\xbc\xc3\x9f", 6), 6);
    assert_int_equal(mica_utf8_count("gr\xc3\xbc\xc3\x9f", 6), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows_and_ends_in_nul),
        cmocka_unit_test(buffer_stops_at_its_maximum),
        cmocka_unit_test(buffer_growth_is_bounded_by_its_maximum),
        cmocka_unit_test(map_keeps_order_and_first_values),
        cmocka_unit_test(colliding_keys_are_found),
        cmocka_unit_test(map_survives_failing_allocations),
        cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(utf8_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
