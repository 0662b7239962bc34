/* SPDX-License-Identifier: MIT
 *
 * embed with every family, with and without modules.json, held to sentence-transformers
 * (tests/golden/vectors.py).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/fixture.h"

static void check_case(mica_context *context, const mica_json *cases, const mica_json_value *c)
{
    opened o = open_made(context, cases, text_of(c, "model"));
    const mica_json_value *row = mica_json_first(mica_json_get(c, "output"));
    mica_embeddings *e = NULL;
    mica_text *texts;
    mica_error err = {0};
    size_t n = texts_of(mica_json_get(c, "inputs"), &texts);

    must(mica_embed(o.session, texts, n, NULL, &e, &err), &err);
    assert_int_equal(mica_json_count(mica_json_get(c, "output")), n);
    for (size_t i = 0; i < n; i++, row = mica_json_next(row)) {
        const mica_json_value *number = mica_json_first(row);
        float expected[64];

        assert_int_equal(mica_json_count(row), mica_embeddings_dimension(e));
        assert_true(mica_embeddings_dimension(e) <= 64);
        for (size_t k = 0; number; k++, number = mica_json_next(number))
            expected[k] = (float)number_of(number);
        expect_close(mica_embeddings_vector(e, i), expected, mica_embeddings_dimension(e), 1e-5,
                     text_of(c, "model"));
    }
    mica_embeddings_destroy(&e);
    free(texts);
    close_made(&o);
}

static void test_families(void **state)
{
    mica_context *context = new_context(0);
    mica_json *cases = open_cases("vectors.json");
    size_t done = 0;

    for (const mica_json_value *c = mica_json_first(mica_json_get(mica_json_root(cases), "cases"));
         c; c = mica_json_next(c), done++)
        check_case(context, cases, c);
    assert_int_equal(done, 10);
    mica_json_destroy(&cases);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
