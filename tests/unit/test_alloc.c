/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <string.h>

#include "base/arena.h"

static void checked_arithmetic(void **state)
{
    size_t s;
    int64_t i;
    assert_true(mica_mul_size(0, SIZE_MAX, &s) && s == 0);
    assert_true(mica_mul_size(SIZE_MAX / 2, 2, &s));
    assert_false(mica_mul_size(SIZE_MAX / 2 + 1, 2, &s));
    assert_true(mica_add_size(SIZE_MAX - 1, 1, &s) && s == SIZE_MAX);
    assert_false(mica_add_size(SIZE_MAX, 1, &s));
    assert_true(mica_mul_i64(3, 5, &i) && i == 15);
    assert_false(mica_mul_i64(INT64_MAX, 2, &i));
    assert_false(mica_mul_i64(-1, 2, &i));
    assert_true(mica_add_i64(INT64_MAX, 0, &i) && i == INT64_MAX);
    assert_false(mica_add_i64(INT64_MAX, 1, &i));
}

static void sizes_that_overflow_fail(void **state)
{
    assert_null(mica_calloc(SIZE_MAX, 2));
    assert_null(mica_alloc_array(SIZE_MAX / 2, 3));
    assert_null(mica_alloc_data(SIZE_MAX - 3));
    void *p = mica_alloc(8);
    assert_null(mica_realloc_array(p, SIZE_MAX, 16));
    mica_free(p);
}

static void data_is_aligned(void **state)
{
    size_t sizes[] = {0, 1, 63, 4096, 5u << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *p = mica_alloc_data(sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % MICA_DATA_ALIGNMENT, 0);
        memset(p, 1, sizes[i]);
        mica_free_data(p);
    }
}

static bool always(void *user)
{
    return true;
}

static void the_hook_makes_each_kind_fail(void **state)
{
    void *p = mica_alloc(1);
    mica_arena arena = {0};
    mica_set_fault_hook(always, NULL);
    assert_null(mica_alloc(1));
    assert_null(mica_calloc(1, 1));
    assert_null(mica_realloc(p, 100));
    assert_null(mica_alloc_data(1));
    assert_null(mica_strdup("x"));
    assert_null(mica_arena_alloc(&arena, 1));
    assert_true(mica_fault());
    mica_set_fault_hook(NULL, NULL);
    assert_false(mica_fault());
    mica_free(p);
}

static void allocations_are_counted(void **state)
{
    uint64_t before = mica_alloc_count();
    mica_free(mica_alloc(1));
    mica_free_data(mica_alloc_data(1));
    assert_int_equal(mica_alloc_count() - before, 2);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    mica_arena arena = {0};
    for (size_t i = 0; i < 5000; i++) {
        unsigned char *p = mica_arena_alloc(&arena, i % 300);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i % 300; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, i % 300);
    }
    assert_non_null(mica_arena_alloc(&arena, 3u << 20)); /* larger than any block */
    assert_null(mica_arena_alloc(&arena, SIZE_MAX));
    assert_null(mica_arena_array(&arena, SIZE_MAX, 2));
    char *text = mica_arena_text(&arena, "abc\0d", 5);
    assert_memory_equal(text, "abc\0d", 6);
    mica_arena_free(&arena);
    assert_null(arena.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(sizes_that_overflow_fail),
        cmocka_unit_test(data_is_aligned),
        cmocka_unit_test(the_hook_makes_each_kind_fail),
        cmocka_unit_test(allocations_are_counted),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
