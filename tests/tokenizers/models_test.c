/* SPDX-License-Identifier: MIT
 *
 * Small random tokenizers against Hugging Face: models of every kind with every window of texts and
 * pairs (tests/fixtures/tokenizers/models.jsonl, by tests/golden/tokenizer_models.py),
 * pre-tokenizers (parts.jsonl, by tokenizer_parts.py) and normalizers (normalizers.jsonl, by
 * tokenizer_normalizers.py). An argument names another such file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "digest.h"
#include "mica/json.h"

static mica_text text_of(const mica_json_value *value)
{
    mica_text text;

    text.data = mica_json_string(value, &text.size);
    assert_non_null(text.data);
    return text;
}

/* 0 = equal. */
static int check_case(const mica_tokenizer *tokenizer, const mica_json_value *item, size_t line,
                      size_t n, mica_encoding **encoding)
{
    const mica_json_value *windows = mica_json_get(item, "windows"), *want;
    const mica_json_value *b = mica_json_get(item, "b");
    mica_text first = text_of(mica_json_get(item, "a")), second = b ? text_of(b) : first;
    mica_error err = {0};
    size_t i = 0;
    bool all = true;
    mica_status status =
        mica_tokenizer_encode(tokenizer, first, b ? &second : NULL, NULL, encoding, &err);

    if (!windows || status != MICA_OK) {
        if (!windows == (status != MICA_OK))
            return 0;
        print_error("line %zu, case %zu: %s%s\n", line, n,
                    windows ? "refused: " : "the reference refuses", err.message);
        return 1;
    }
    for (want = mica_json_first(windows); want; want = mica_json_next(want), i++) {
        int64_t crc = -1;

        assert_true(mica_json_int64(want, &crc));
        if (i < mica_encoding_window_count(*encoding))
            assert_int_equal(mica_encoding_window(*encoding, i, &err), MICA_OK);
        if (i >= mica_encoding_window_count(*encoding) ||
            test_window_digest(*encoding, i == 0) != (uint32_t)crc) {
            print_error("line %zu, case %zu: window %zu differs\n", line, n, i);
            return 1;
        }
    }
    assert_true(mica_json_bool(mica_json_get(item, "all"), &all));
    if (!all)
        return 0;
    assert_int_equal(i, mica_encoding_window_count(*encoding));
    assert_int_equal(mica_encoding_window(*encoding, i, &err), MICA_STATUS_INVALID_ARGUMENT);
    return 0;
}

static void check_file(const char *file_name)
{
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    char *file;
    size_t size, line = 0;
    int failures = 0;

    assert_int_equal(mica_file_read(file_name, 1 << 28, &file, &size, &err), MICA_OK);
    for (char *at = file; at < file + size; line++) {
        char *end = memchr(at, '\n', (size_t)(file + size - at)), *json, *cases;
        mica_json *document;
        const mica_json_value *item;
        mica_tokenizer *tokenizer;
        size_t n = 0;

        assert_int_equal(mica_json_parse(at, (size_t)(end - at), "models.jsonl", &document, &err),
                         MICA_OK);
        /* The tokenizer is the first member, and "cases" the second. */
        *end = '\0';
        json = at + strlen("{\"tokenizer\": ");
        cases = strstr(json, ", \"cases\": [{\"a\"");
        assert_non_null(cases);
        if (mica_tokenizer_parse(json, (size_t)(cases - json), NULL, 0, &tokenizer, &err) !=
            MICA_OK)
            fail_msg("line %zu: %s", line + 1, err.message);
        item = mica_json_first(mica_json_get(mica_json_root(document), "cases"));
        for (; item; item = mica_json_next(item))
            failures += check_case(tokenizer, item, line + 1, ++n, &encoding);
        mica_tokenizer_destroy(&tokenizer);
        mica_json_destroy(&document);
        at = end + 1;
    }
    assert_true(line >= 40);
    assert_int_equal(failures, 0);
    mica_encoding_destroy(&encoding);
    mica_free(file);
}

static void test_models(void **state)
{
    check_file(MICA_TEST_DIR "/fixtures/tokenizers/models.jsonl");
}

static void test_pretokenizers(void **state)
{
    check_file(MICA_TEST_DIR "/fixtures/tokenizers/parts.jsonl");
}

static void test_normalizers(void **state)
{
    check_file(MICA_TEST_DIR "/fixtures/tokenizers/normalizers.jsonl");
}

static void test_given(void **state)
{
    check_file(*state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_pretokenizers),
        cmocka_unit_test(test_normalizers),
    };
    const struct CMUnitTest given[] = {cmocka_unit_test_prestate(test_given, argv[argc - 1])};

    return argc > 1 ? cmocka_run_group_tests(given, NULL, NULL)
                    : cmocka_run_group_tests(tests, NULL, NULL);
}
