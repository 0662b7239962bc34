/* SPDX-License-Identifier: MIT
 *
 * Decoders against Hugging Face: random ones on random ids (tests/fixtures/tokenizers/
 * decoders.jsonl, by tests/golden/tokenizer_decoders.py; an argument names another such file), what
 * is refused, and every allocation failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "mica/json.h"
#include "mica/tokenizer.h"
#include "torture.h"

#define IDS_MAX 64

static int check_case(const mica_tokenizer *tokenizer, const mica_json_value *item, size_t line,
                      size_t n)
{
    const mica_json_value *id = mica_json_first(mica_json_get(item, "ids"));
    mica_decode_options options;
    int64_t ids[IDS_MAX];
    size_t count = 0, size, want_size;
    const char *want = mica_json_string(mica_json_get(item, "text"), &want_size);
    mica_error err = {0};
    char *text;
    int failed;

    mica_decode_options_defaults(&options);
    assert_true(mica_json_bool(mica_json_get(item, "skip"), &options.skip_special_tokens));
    for (; id; id = mica_json_next(id)) {
        assert_true(count < IDS_MAX);
        assert_true(mica_json_int64(id, &ids[count++]));
    }
    if (mica_tokenizer_decode(tokenizer, ids, count, &options, &text, &size, &err) != MICA_OK)
        fail_msg("line %zu, case %zu: %s", line, n, err.message);
    failed = size != want_size || memcmp(text, want, size) != 0;
    if (failed)
        print_error("line %zu, case %zu:\n  '%s'\n  instead of\n  '%s'\n", line, n, text, want);
    mica_text_free(&text);
    return failed;
}

static void check_file(const char *file_name)
{
    mica_error err = {0};
    char *file;
    size_t size, line = 0;
    int failures = 0;

    assert_int_equal(mica_file_read(file_name, 1 << 28, &file, &size, &err), MICA_OK);
    for (char *at = file; at < file + size; line++) {
        char *end = memchr(at, '\n', (size_t)(file + size - at)), *json, *cases;
        mica_json *document;
        mica_tokenizer *tokenizer;
        const mica_json_value *item;
        size_t n = 0;

        assert_int_equal(mica_json_parse(at, (size_t)(end - at), "decoders.jsonl", &document, &err),
                         MICA_OK);
        /* The tokenizer is the first member, and "cases" the second. */
        *end = '\0';
        json = at + strlen("{\"tokenizer\": ");
        cases = strstr(json, ", \"cases\": [");
        assert_non_null(cases);
        if (mica_tokenizer_parse(json, (size_t)(cases - json), NULL, 0, &tokenizer, &err) !=
            MICA_OK)
            fail_msg("line %zu: %s", line + 1, err.message);
        item = mica_json_first(mica_json_get(mica_json_root(document), "cases"));
        for (; item; item = mica_json_next(item))
            failures += check_case(tokenizer, item, line + 1, ++n);
        mica_tokenizer_destroy(&tokenizer);
        mica_json_destroy(&document);
        at = end + 1;
    }
    assert_true(line >= 40);
    assert_int_equal(failures, 0);
    mica_free(file);
}

static void test_fixtures(void **state)
{
    check_file(MICA_TEST_DIR "/fixtures/tokenizers/decoders.jsonl");
}

static void test_given(void **state)
{
    check_file(*state);
}

/* ---- small ones ---- */

static mica_status parse(const char *decoder, mica_tokenizer **out, mica_error *err)
{
    static const char before[] = "{\"version\":\"1.0\",\"decoder\":";
    static const char after[] =
        ",\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,\" \":1,"
        "\"\":2,\"  \":3,\"<0xE4>\":4,\"\xC4\xA0\xC3\xA4\":5,\"<0x41>\":6}}}";
    char json[8192];
    int size = snprintf(json, sizeof json, "%s%s%s", before, decoder, after);

    assert_true(size > 0 && (size_t)size < sizeof json);
    return mica_tokenizer_parse(json, (size_t)size, NULL, 0, out, err);
}

static void check_text(const char *decoder, const int64_t *ids, size_t count, const char *want)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};
    char *text;

    if (parse(decoder, &tokenizer, &err) != MICA_OK)
        fail_msg("%s: %s", decoder, err.message);
    assert_int_equal(mica_tokenizer_decode(tokenizer, ids, count, NULL, &text, NULL, &err),
                     MICA_OK);
    assert_string_equal(text, want);
    mica_text_free(&text);
    mica_tokenizer_destroy(&tokenizer);
}

/* The reference crashes on these. */
static void test_short_strip(void **state)
{
    const int64_t ids[] = {1, 2, 3, 0};

    check_text("{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":1}", ids, 4, "a");
    check_text("{\"type\":\"Strip\",\"content\":\" \",\"start\":0,\"stop\":9}", ids, 4, "a");
    check_text("{\"type\":\"Strip\",\"content\":\" \",\"start\":0,\"stop\":1}", ids, 0, "");
}

static void check_refused(const char *decoder, mica_status status, const char *part)
{
    mica_tokenizer *tokenizer = NULL;
    mica_error err = {0};

    if (parse(decoder, &tokenizer, &err) != status)
        fail_msg("%s: not refused with %s: %s", decoder, mica_status_name(status), err.message);
    assert_null(tokenizer);
    if (!strstr(err.message, part))
        fail_msg("%s: '%s' does not say '%s'", decoder, err.message, part);
}

static void test_refused(void **state)
{
    static const char *const lacking[][2] = {
        {"{}", "no type"},
        {"[]", "no type"},
        {"{\"type\":\"Sequence\"}", "'decoders'"},
        {"{\"type\":\"Sequence\",\"decoders\":[null]}", "no type"},
        {"{\"type\":\"WordPiece\",\"prefix\":\"##\"}", "'cleanup'"},
        {"{\"type\":\"WordPiece\",\"cleanup\":true}", "'prefix'"},
        {"{\"type\":\"ByteLevel\"}", "'add_prefix_space'"},
        {"{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", "'trim_offsets'"},
        {"{\"type\":\"Metaspace\"}", "'replacement'"},
        {"{\"type\":\"Metaspace\",\"replacement\":\"ab\"}", "'ab'"},
        {"{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"}",
         "'prepend_scheme'"},
        {"{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"always\","
         "\"add_prefix_space\":false}",
         "'always'"},
        {"{\"type\":\"BPEDecoder\"}", "'suffix'"},
        {"{\"type\":\"CTC\",\"pad_token\":\"a\",\"word_delimiter_token\":\"b\"}", "'cleanup'"},
        {"{\"type\":\"CTC\",\"pad_token\":\"a\",\"cleanup\":true}", "'word_delimiter_token'"},
        {"{\"type\":\"Strip\",\"content\":\"\",\"start\":0,\"stop\":0}", "'content'"},
        {"{\"type\":\"Strip\",\"content\":\"a\",\"start\":-1,\"stop\":0}", "'start'"},
        {"{\"type\":\"Strip\",\"content\":\"a\",\"start\":0}", "'stop'"},
        {"{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}}", "'content'"},
        {"{\"type\":\"Replace\",\"pattern\":\"a\",\"content\":\"\"}", "'pattern'"},
        {"{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\"}", "'('"},
    };
    char many[8192] = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"}";

    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++)
        check_refused(lacking[i][0], MICA_STATUS_FORMAT, lacking[i][1]);
    check_refused("{\"type\":\"Nope\"}", MICA_STATUS_UNSUPPORTED, "'Nope'");
    for (int i = 0; i < 100; i++)
        strcat(many, ",{\"type\":\"Fuse\"}");
    strcat(many, "]}");
    check_refused(many, MICA_STATUS_UNSUPPORTED, "in a sequence");
}

/* Steps that would blow a text up stop with an error. */
static void test_growth(void **state)
{
    const int64_t ids[] = {0, 0, 0, 0};
    char many[8192] = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"}";
    mica_tokenizer *tokenizer;
    mica_error err = {0};
    char *text;

    for (int i = 0; i < 60; i++)
        strcat(many, ",{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},"
                     "\"content\":\"aaaaaaaa\"}");
    strcat(many, "]}");
    assert_int_equal(parse(many, &tokenizer, &err), MICA_OK);
    assert_int_equal(mica_tokenizer_decode(tokenizer, ids, 4, NULL, &text, NULL, &err),
                     MICA_STATUS_OUT_OF_MEMORY);
    assert_null(text);
    mica_tokenizer_destroy(&tokenizer);
}

/* ---- failing allocations ---- */

static mica_status load_and_decode(void *arg, mica_error *err)
{
    const int64_t ids[] = {0, 1, 4, 4, 5, 2, 6, 3, 0};
    mica_tokenizer *tokenizer = NULL;
    char *text = NULL;
    mica_status status = parse(arg, &tokenizer, err);

    if (status == MICA_OK)
        status =
            mica_tokenizer_decode(tokenizer, ids, sizeof ids / sizeof *ids, NULL, &text, NULL, err);
    assert_true((status == MICA_OK) == (text != NULL));
    mica_text_free(&text);
    mica_tokenizer_destroy(&tokenizer);
    return status;
}

static void test_faults(void **state)
{
    char all[] = "{\"type\":\"Sequence\",\"decoders\":["
                 "{\"type\":\"Metaspace\",\"replacement\":\"_\"},"
                 "{\"type\":\"BPEDecoder\",\"suffix\":\"w\"},"
                 "{\"type\":\"ByteFallback\"},"
                 "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[a-z]\"},\"content\":\"b\"},"
                 "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"b\"},"
                 "{\"type\":\"CTC\",\"pad_token\":\"p\",\"word_delimiter_token\":\"|\","
                 "\"cleanup\":true},"
                 "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
                 "{\"type\":\"Strip\",\"content\":\"b\",\"start\":1,\"stop\":1},"
                 "{\"type\":\"Fuse\"},"
                 "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true}]}";

    assert_true(torture_run(load_and_decode, all) > 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_short_strip),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_growth),
        cmocka_unit_test(test_faults),
    };
    const struct CMUnitTest given[] = {cmocka_unit_test_prestate(test_given, argv[argc - 1])};

    return argc > 1 ? cmocka_run_group_tests(given, NULL, NULL)
                    : cmocka_run_group_tests(tests, NULL, NULL);
}
