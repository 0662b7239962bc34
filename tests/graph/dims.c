/* SPDX-License-Identifier: MIT
 *
 * Symbolic sizes: products in normal form, division, evaluation, overflow, texts.
 */
#include "graph/dims.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mica/graph.h"

static const mica_dim tokens = {0, 1, 0}, sequences = {0, 0, 1};

static void equal_products_are_equal(void **state)
{
    const mica_dim a[] = {tokens, {12, 0, 0}, {32, 0, 0}, sequences};
    const mica_dim b[] = {{0, 0, 384}, tokens};
    const mica_dim c[] = {{0, 384, 0}, tokens};
    const mica_dim mixed[] = {{2, 4, 6}}, factored[] = {{2, 0, 0}, {1, 2, 3}};
    mica_extent ea, eb, ec, em, ef;
    assert_true(mica_extent_of(a, 4, &ea) && mica_extent_of(b, 2, &eb) &&
                mica_extent_of(c, 2, &ec));
    assert_true(mica_extent_of(mixed, 1, &em) && mica_extent_of(factored, 2, &ef));
    assert_true(mica_extent_equal(&ea, &eb));
    assert_false(mica_extent_equal(&ea, &ec));
    assert_true(mica_extent_equal(&em, &ef));
}

static void a_zero_makes_all_zero(void **state)
{
    const mica_dim dims[] = {{INT64_MAX, 0, 0}, {INT64_MAX, 0, 0}, tokens, {0, 0, 0}};
    mica_extent extent;
    const mica_sizes sizes = {5, 2};
    int64_t value = -1;
    assert_true(mica_extent_of(dims, 4, &extent));
    assert_true(mica_extent_eval(&extent, &sizes, &value));
    assert_int_equal(value, 0);
}

static void overflow_is_found(void **state)
{
    const mica_dim dims[] = {{INT64_MAX / 2, 0, 0}, {3, 0, 0}};
    mica_extent extent;
    const mica_sizes sizes = {INT32_MAX, 1};
    int64_t value;
    assert_false(mica_extent_of(dims, 2, &extent));
    const mica_dim large[] = {tokens, tokens, tokens};
    assert_true(mica_extent_of(large, 3, &extent));
    assert_false(mica_extent_eval(&extent, &sizes, &value));
    assert_false(mica_dim_eval((mica_dim){0, INT64_MAX / 2, 0}, &sizes, &value));
    mica_dim sum;
    assert_false(mica_dim_add(dims[0], (mica_dim){INT64_MAX, 0, 0}, &sum));
}

static void division(void **state)
{
    const mica_dim whole_dims[] = {tokens, {384, 0, 0}}, part_dims[] = {{12, 0, 0}, {32, 0, 0}};
    mica_extent whole, part, by_tokens, five;
    mica_dim dim;
    assert_true(mica_extent_of(whole_dims, 2, &whole) && mica_extent_of(part_dims, 2, &part));
    assert_true(mica_extent_of(&tokens, 1, &by_tokens));
    five = (mica_extent){.k = 5};
    assert_true(mica_extent_divide(&whole, &part, &dim));
    assert_true(mica_dim_equal(dim, tokens));
    assert_true(mica_extent_divide(&whole, &by_tokens, &dim));
    assert_true(mica_dim_equal(dim, mica_dim_fixed(384)));
    assert_false(mica_extent_divide(&whole, &five, &dim));
    assert_false(mica_extent_divide(&by_tokens, &whole, &dim));
    const mica_extent zero = {0};
    assert_false(mica_extent_divide(&whole, &zero, &dim));
    assert_true(mica_extent_divide(&zero, &part, &dim));
    assert_true(mica_dim_is(dim, 0));
}

static void texts(void **state)
{
    const mica_dim dims[] = {tokens, sequences, {7, 0, 0}, {1, 2, 3}, {0, 0, 0}};
    assert_string_equal(mica_dims_text(dims, 5).s,
                        "[tokens, sequences, 7, 2 tokens + 3 sequences + 1, 0]");
    assert_string_equal(mica_dims_text(dims, 0).s, "[]");
    const mica_type type = {MICA_DTYPE_I32, 1, {tokens}};
    assert_string_equal(mica_type_text(&type).s, "int32 [tokens]");
}

static void numbers_of_the_api(void **state)
{
    mica_dim dim;
    assert_true(mica_dim_from(MICA_DIM_TOKENS, &dim) && mica_dim_equal(dim, tokens));
    assert_true(mica_dim_from(MICA_DIM_SEQUENCES, &dim) && mica_dim_equal(dim, sequences));
    assert_false(mica_dim_from(MICA_DIM_INFER, &dim));
    assert_false(mica_dim_from(-4, &dim));
    assert_int_equal(mica_dim_number((mica_dim){0, 2, 0}), MICA_DIM_INFER);
    assert_int_equal(mica_dim_number((mica_dim){9, 0, 0}), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_products_are_equal),
        cmocka_unit_test(a_zero_makes_all_zero),
        cmocka_unit_test(overflow_is_found),
        cmocka_unit_test(division),
        cmocka_unit_test(texts),
        cmocka_unit_test(numbers_of_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
