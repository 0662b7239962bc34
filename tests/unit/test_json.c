/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_number.h"
#include "base/json_tree.h"
#include "mica/json.h"

static mica_status parse(const char *text, mica_json **out, mica_error *err)
{
    return mica_json_parse(text, strlen(text), "t", out, err);
}

static void valid_documents(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1.5e-3",
        "1E+2",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        " [ ] ",
        "\t\r\n{ \"a\" : [ 1 , { } , [ ] , \"x\" ] }\n",
        "\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"gr\xc3\xbc\xc3\x9f\"",
        "[[[[[[[[]]]]]]]]",
        "\"\x7f\"",
        "123456789012345678901234567890",
        "{\"\":0}",
        "[1,2,3]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        mica_error err = {0};
        mica_json *json = NULL;
        if (parse(texts[i], &json, &err))
            fail_msg("%s: %s", texts[i], err.message);
        mica_json_destroy(&json);
        assert_null(json);
    }
}

static void invalid_documents(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "empty"},
        {"  ", "empty"},
        {"[1,]", "t:1:4"},
        {"[,1]", "value"},
        {"{,}", "key"},
        {"{\"a\":1,}", "key"},
        {"{\"a\" 1}", "':'"},
        {"{\"a\":}", "value"},
        {"{1:2}", "key"},
        {"[1 2]", "','"},
        {"{\"a\":1 \"b\":2}", "','"},
        {"[1", "ends"},
        {"[", "ends"},
        {"{", "key"},
        {"]", "value"},
        {"[1}", "','"},
        {"{\"a\":1]", "','"},
        {"[1] 2", "after"},
        {"nul", "value"},
        {"True", "value"},
        {"NaN", "value"},
        {"-Infinity", "digits"},
        {"+1", "value"},
        {".5", "value"},
        {"01", "starts with 0"},
        {"-", "digits"},
        {"1.", "point"},
        {"1e", "exponent"},
        {"1e999", "too large"},
        {"0x10", "after"},
        {"'a'", "value"},
        {"\"a", "does not end"},
        {"\"\\", "escape"},
        {"\"\\x\"", "escape"},
        {"\"\\u12\"", "hexadecimal"},
        {"\"\\u00g0\"", "hexadecimal"},
        {"\"\\ud800\"", "surrogate"},
        {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"a\nb\"", "control"},
        {"\"\xff\"", "UTF-8"},
        {"\"\xed\xa0\x80\"", "UTF-8"},
        {"\xef\xbb\xbf{}", "byte order mark"},
        {"{\"a\":1,\"a\":2}", "\"a\" stands twice"},
        {"[{\"x\":{\"b\":1,\"c\":1,\"b\":2}}]", "\"b\" stands twice"},
        {"{\"\\u0061\":1,\"a\":2}", "stands twice"},
        {"// x\n1", "value"},
        {"[1]\n\n  x", "t:3:3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mica_error err = {0};
        mica_json *json = (mica_json *)&err;
        if (parse(cases[i].text, &json, &err) != MICA_STATUS_FORMAT || json)
            fail_msg("%s was taken", cases[i].text);
        if (!strstr(err.message, cases[i].part))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, err.message, cases[i].part);
    }
}

static void depth_is_bounded(void **state)
{
    char text[300];
    mica_error err = {0};
    mica_json *json = NULL;
    for (int depth = 127; depth <= 129; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = 0;
        assert_int_equal(parse(text, &json, &err), depth <= 128 ? MICA_OK : MICA_STATUS_FORMAT);
        mica_json_destroy(&json);
    }
}

static void a_text_cut_anywhere_is_an_error(void **state)
{
    const char text[] = "{\"a\": [1.5e3, true, null, \"x\\u00e9\\n\"], \"b\": {\"c\": -7}}";
    for (size_t n = 0; n + 1 < sizeof text; n++) {
        mica_error err = {0};
        mica_json *json = NULL;
        char *copy = malloc(n ? n : 1); /* no closing NUL: sanitizers see reads past the end */
        memcpy(copy, text, n);
        assert_int_equal(mica_json_parse(copy, n, "t", &json, &err),
                         n == sizeof text - 1 ? MICA_OK : MICA_STATUS_FORMAT);
        mica_json_destroy(&json);
        free(copy);
    }
}

static void values_are_read(void **state)
{
    mica_error err = {0};
    mica_json *json = NULL;
    assert_int_equal(
        parse("{\"i\": -12, \"d\": 0.1, \"b\": true, \"s\": \"a\\u0000b\\ud83d\\ude00\", "
              "\"n\": null, \"l\": [1, 2, 3], \"o\": {\"k\": \"v\"}, "
              "\"big\": 9007199254740993000, \"e\": 1e3, \"z\\u0000y\": 1}",
              &json, &err),
        MICA_OK);
    const mica_json_value *root = mica_json_root(json);
    int64_t i = 0;
    double d = 0;
    bool b = false;
    size_t size = 0;
    assert_true(mica_json_int64(mica_json_get(root, "i"), &i) && i == -12);
    assert_true(mica_json_int64(mica_json_get(root, "e"), &i) && i == 1000);
    assert_false(mica_json_int64(mica_json_get(root, "d"), &i));
    assert_false(mica_json_int64(mica_json_get(root, "big"), &i));
    assert_false(mica_json_int64(mica_json_get(root, "s"), &i));
    assert_true(mica_json_double(mica_json_get(root, "d"), &d) && d == 0.1);
    assert_true(mica_json_bool(mica_json_get(root, "b"), &b) && b);
    assert_false(mica_json_bool(mica_json_get(root, "i"), &b));
    const char *s = mica_json_string(mica_json_get(root, "s"), &size);
    assert_int_equal(size, 7);
    assert_memory_equal(s, "a\0b\xf0\x9f\x98\x80", 8);
    assert_null(mica_json_string(mica_json_get(root, "i"), &size));
    assert_int_equal(mica_json_get_type(mica_json_get(root, "n")), MICA_JSON_NULL);
    assert_int_equal(mica_json_get_type(mica_json_get(root, "l")), MICA_JSON_ARRAY);
    assert_int_equal(mica_json_count(mica_json_get(root, "l")), 3);
    int64_t sum = 0;
    for (const mica_json_value *v = mica_json_first(mica_json_get(root, "l")); v;
         v = mica_json_next(v)) {
        assert_true(mica_json_int64(v, &i));
        sum = sum * 10 + i;
    }
    assert_int_equal(sum, 123);
    assert_string_equal(mica_json_key(mica_json_first(mica_json_get(root, "o")), &size), "k");
    assert_int_equal(size, 1);
    assert_null(mica_json_get(root, "z")); /* the key goes on after its U+0000 */
    const mica_json_value *last = mica_json_get(root, "e");
    assert_memory_equal(mica_json_key(mica_json_next(last), &size), "z\0y", 4);
    assert_int_equal(size, 3);
    assert_null(mica_json_get(root, "none"));
    assert_null(mica_json_get(NULL, "none"));
    assert_int_equal(mica_json_count(NULL), 0);
    assert_int_equal(mica_json_get_type(NULL), MICA_JSON_NULL);
    mica_json_destroy(&json);
}

static void numbers_may_be_long(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"-0.000000000000000000000000000000000000000000000000000000000000000000000000000001",
         -1e-78},
        {"123456789012345678901234567890123456789012345678901234567890123456789012345678",
         123456789012345678901234567890123456789012345678901234567890123456789012345678.0},
        {"1000000000000000000000000000000000000000000000000000000000000000000000000000e-75", 1},
        {"0.00000000000000000000000000000000000000000000000000000000000000000000000000000", 0},
        {"1e-99999999999999999999999999999999999999999999999999999999999999999999999999", 0},
        {"0e99999999999999999999999999999999999999999999999999999999999999999999999999", 0},
        /* One above the middle between 1 and the next double: 1 + 2^-53 is exact in 53 digits. */
        {"1.000000000000000111022302462515654042363166809082031250000000000000000000000001",
         1 + DBL_EPSILON},
        {"1.000000000000000111022302462515654042363166809082031250000000000000000000000000", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        mica_error err = {0};
        mica_json *json = NULL;
        double value = -1;
        snprintf(text, sizeof text, "[\"1\\\"2\", %s, 7]", cases[i].text);
        if (parse(text, &json, &err))
            fail_msg("%s: %s", text, err.message);
        const mica_json_value *first = mica_json_first(mica_json_root(json));
        assert_string_equal(mica_json_string(first, NULL), "1\"2");
        assert_true(mica_json_double(mica_json_next(first), &value));
        if (value != cases[i].value)
            fail_msg("%s was read as %.17g", cases[i].text, value);
        assert_true(mica_json_double(mica_json_next(mica_json_next(first)), &value) && value == 7);
        mica_json_destroy(&json);
    }
    char digits[1001];
    memset(digits, '9', 1000);
    digits[1000] = 0; /* too large without an exponent */
    mica_error err = {0};
    mica_json *json = NULL;
    assert_int_equal(parse(digits, &json, &err), MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, "too large"));
}

/* Numbers of every length and with any number of decimals are the nearest doubles, ties included.
 */
static void numbers_are_the_nearest(void **state)
{
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        char text[80];
        int digits = 1 + i % 21, decimals = i / 21 % 30, n = 0;
        for (int k = digits; k < decimals + 1; k++)
            text[n++] = '0';
        for (int k = 0; k < digits; k++) {
            bits = bits * 6364136223846793005u + 1442695040888963407u;
            text[n++] = (char)('0' + (bits >> 33) % 10);
        }
        if (decimals > 0) {
            memmove(text + n - decimals + 1, text + n - decimals, (size_t)decimals);
            text[n++ - decimals] = '.';
        }
        if (i % 5 == 0) { /* half-way between two doubles */
            uint64_t whole = UINT64_C(1) << 52 | (bits >> 12);
            n = sprintf(text, "%llu.5", (unsigned long long)whole);
        }
        double value = mica_json_read_number(text, (size_t)n);
        text[n] = 0;
        if (value != strtod(text, NULL))
            fail_msg("%s was read as %.17g", text, value);
    }
    assert_true(signbit(mica_json_read_number("-0.00", 5)));
}

/* What serde_json makes of numbers, whose double roundings the scores of tokenizers keep. */
static void numbers_as_serde_reads_them(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"-2.0122928619384766", -0x1.0192d00000001p+1}, /* the nearest one ends in 0 */
        {"-3.9598512649536133", -0x1.fadc680000001p+1},
        {"-7.4974141120910645", -0x1.dfd5a1fffffffp+2},
        {"-13.5", -13.5},
        {"0.1", 0.1},
        {"123456789012345678901234567890", 12345678901234567890.0 * 1e10},
        {"1.2345678901234567890123", 12345678901234567890.0 / 1e19},
        {"25e-1", 2.5},
        {"-0.0", -0.0},
        {"1e-400", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mica_error err = {0};
        mica_json *json = NULL;
        double value = 7;
        assert_int_equal(parse(cases[i].text, &json, &err), MICA_OK);
        assert_true(mica_json_double_by_serde(mica_json_root(json), &value));
        if (value != cases[i].value)
            fail_msg("%s was read as %.17g (%a)", cases[i].text, value, value);
        assert_true(mica_json_double(mica_json_root(json), &value));
        assert_true(value == strtod(cases[i].text, NULL));
        mica_json_destroy(&json);
    }
}

static void an_escaped_backslash_is_no_nul(void **state)
{
    mica_error err = {0};
    mica_json *json = NULL;
    size_t size = 0;
    assert_int_equal(parse("[\"\\\\u0000\\u0000\", \"\\u0000\"]", &json, &err), MICA_OK);
    const mica_json_value *first = mica_json_first(mica_json_root(json));
    const char *text = mica_json_string(first, &size);
    assert_int_equal(size, 7);
    assert_memory_equal(text, "\\u0000\0", 8);
    text = mica_json_string(mica_json_next(first), &size);
    assert_int_equal(size, 1);
    assert_memory_equal(text, "\0", 2);
    mica_json_destroy(&json);
    const char last[] = {'[', '"', '\\', 'u', '0', '0', '0', '0', '\\', 'n', '"', ']'};
    char *exact = malloc(sizeof last); /* sanitizers see a look behind the text for digits */
    memcpy(exact, last, sizeof last);
    assert_int_equal(mica_json_parse(exact, sizeof last, "t", &json, &err), MICA_OK);
    text = mica_json_string(mica_json_first(mica_json_root(json)), &size);
    assert_int_equal(size, 2);
    assert_memory_equal(text, "\0\n", 3);
    mica_json_destroy(&json);
    free(exact);
}

/* A process may have a locale that writes 1,5: JSON has 1.5 all the same. */
static void the_locale_does_not_matter(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
    mica_error err = {0};
    mica_json *json = NULL;
    mica_json_writer *w = NULL;
    const char *text, *found = NULL;
    double value = 0;
    size_t size;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++)
        found = setlocale(LC_ALL, names[i]);
    if (!found) {
        print_message("skipped: no locale with a decimal comma is installed\n");
        skip();
    }
    assert_int_equal(parse("1.5", &json, &err), MICA_OK);
    assert_true(mica_json_double(mica_json_root(json), &value));
    assert_int_equal(mica_json_writer_create(&w, &err), MICA_OK);
    mica_json_write_double(w, -1.25e-30);
    assert_int_equal(mica_json_writer_text(w, &text, &size, &err), MICA_OK);
    setlocale(LC_ALL, "C");
    assert_true(value == 1.5);
    assert_string_equal(text, "-1.25e-30");
    mica_json_writer_destroy(&w);
    mica_json_destroy(&json);
}

static void errors_name_the_place(void **state)
{
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"", "t:1:1: "},
        {"{\"a\": 1,\n \"b\": {\"a\": 2},\n  \"a\": 3}", "t:3:3: "},
        {"[{\"a\": [{\"b\": 1}]},\n {\"c\": 1, \"b\": 1, \"b\": 2}]", "t:2:19: "},
        {"[\"gr\xc3\xbc\xc3\x9f\", x]", "t:1:10: "}, /* columns count characters */
        {"[1,\n\"\xc3\xbc\xff\"]", "t:2:3: "},
        {"{\"a\"", "t:1:5: "},
        {"{\"a\";1}", "t:1:5: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mica_error err = {0};
        mica_json *json = NULL;
        assert_int_equal(parse(cases[i].text, &json, &err), MICA_STATUS_FORMAT);
        if (strncmp(err.message, cases[i].place, strlen(cases[i].place)) != 0)
            fail_msg("%s: \"%s\" is not at %s", cases[i].text, err.message, cases[i].place);
    }
}

static void files_are_parsed(void **state)
{
    const char *path = MICA_TEST_DIR "/fuzz/corpus/json/object.json";
    mica_error err = {0};
    mica_json *json = NULL;
    assert_int_equal(mica_json_parse_file(path, &json, &err), MICA_OK);
    assert_int_equal(mica_json_get_type(mica_json_root(json)), MICA_JSON_OBJECT);
    mica_json_destroy(&json);
    assert_int_equal(mica_json_parse_file("/none/x.json", &json, &err), MICA_STATUS_NOT_FOUND);
    assert_null(json);
    assert_non_null(strstr(err.message, "/none/x.json"));
}

static void many_keys_are_no_burden(void **state)
{
    char *text = malloc(4000000), *at = text;
    at += sprintf(at, "{");
    for (int i = 0; i < 100000; i++)
        at += sprintf(at, "%s\"key%d\":%d", i ? "," : "", i, i);
    strcpy(at, "}");
    mica_error err = {0};
    mica_json *json = NULL;
    assert_int_equal(parse(text, &json, &err), MICA_OK);
    assert_int_equal(mica_json_count(mica_json_root(json)), 100000);
    mica_json_destroy(&json);
    strcpy(at, ",\"key5\":1}");
    assert_int_equal(parse(text, &json, &err), MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, "key5"));
    free(text);
}

static void writing(void **state)
{
    mica_error err = {0};
    mica_json_writer *w = NULL;
    const char *text;
    size_t size;
    assert_int_equal(mica_json_writer_create(&w, &err), MICA_OK);
    mica_json_begin_object(w);
    mica_json_write_key(w, "a\"");
    mica_json_begin_array(w);
    mica_json_write_int(w, INT64_MIN);
    mica_json_write_float(w, 0.1f);
    mica_json_write_double(w, 0.1);
    mica_json_write_float(w, NAN);
    mica_json_write_bool(w, true);
    mica_json_write_null(w);
    mica_json_begin_array(w);
    mica_json_end_array(w);
    mica_json_end_array(w);
    mica_json_write_key(w, "s");
    mica_json_write_string(w, "\"\\\n\x01\0\xff\xc3\xa9\x7f", 9);
    mica_json_write_member(w, "m", "t\"");
    mica_json_write_member(w, "n", NULL);
    mica_json_end_object(w);
    assert_int_equal(mica_json_writer_text(w, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "{\"a\\\"\":[-9223372036854775808,0.1,0.1,null,true,null,[]],"
                              "\"s\":\"\\\"\\\\\\n\\u0001\\u0000\xef\xbf\xbd\xc3\xa9\\u007f\","
                              "\"m\":\"t\\\"\",\"n\":null}");
    assert_int_equal(size, strlen(text));
    mica_json_writer_reset(w);
    mica_json_write_int(w, 1);
    assert_int_equal(mica_json_writer_text(w, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "1");
    mica_json_writer_destroy(&w);
}

static void numbers_read_back_as_written(void **state)
{
    mica_error err = {0};
    mica_json_writer *w = NULL;
    const char *text;
    size_t size;
    uint32_t bits = 12345;
    assert_int_equal(mica_json_writer_create(&w, &err), MICA_OK);
    for (int i = 0; i < 20000; i++) {
        float x;
        bits = bits * 1664525u + 1013904223u;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        mica_json_writer_reset(w);
        mica_json_write_float(w, x);
        mica_json_writer_text(w, &text, &size, &err);
        assert_true(strtof(text, NULL) == x);
        mica_json_writer_reset(w);
        mica_json_write_double(w, (double)x / 3);
        mica_json_writer_text(w, &text, &size, &err);
        assert_true(strtod(text, NULL) == (double)x / 3);
    }
    mica_json_writer_destroy(&w);
}

static void numbers_are_written_short(void **state)
{
    static const struct {
        float number;
        const char *text;
    } floats[] = {
        {1e-45f, "1e-45"},      {0, "0"},      {-0.0f, "-0"},    {1, "1"},
        {16777216, "16777216"}, {0.3f, "0.3"}, {1e20f, "1e+20"}, {1.1754944e-38f, "1.1754944e-38"}};
    static const struct {
        double number;
        const char *text;
    } doubles[] = {
        {5e-324, "5e-324"}, {0.1 + 0.2, "0.30000000000000004"}, {1e300, "1e+300"}, {0.3, "0.3"}};
    mica_error err = {0};
    mica_json_writer *w = NULL;
    const char *text;
    assert_int_equal(mica_json_writer_create(&w, &err), MICA_OK);
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        mica_json_writer_reset(w);
        mica_json_write_float(w, floats[i].number);
        assert_int_equal(mica_json_writer_text(w, &text, NULL, &err), MICA_OK);
        assert_string_equal(text, floats[i].text);
    }
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        mica_json_writer_reset(w);
        mica_json_write_double(w, doubles[i].number);
        assert_int_equal(mica_json_writer_text(w, &text, NULL, &err), MICA_OK);
        assert_string_equal(text, doubles[i].text);
    }
    mica_json_writer_destroy(&w);
}

static mica_status parse_and_write(void *arg, mica_error *err)
{
    mica_json *json = NULL;
    mica_json_writer *w = NULL;
    const char *text;
    size_t size;
    mica_status status =
        parse("{\"a\": [1, \"x\\u0000\", 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], \"b\": "
              "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,"
              "\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":10,\"k\":11,\"l\":12,"
              "\"m\":13,\"n\":14,\"o\":15,\"p\":16,\"q\":17}}",
              &json, err);
    mica_json_destroy(&json);
    if (!status)
        status = mica_json_writer_create(&w, err);
    if (!status) {
        for (int i = 0; i < 100; i++)
            mica_json_write_int(w, i);
        status = mica_json_writer_text(w, &text, &size, err);
    }
    mica_json_writer_destroy(&w);
    return status;
}

static void failing_allocations(void **state)
{
    assert_true(torture_run(parse_and_write, NULL) >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_documents),
        cmocka_unit_test(invalid_documents),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_text_cut_anywhere_is_an_error),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(numbers_may_be_long),
        cmocka_unit_test(numbers_are_the_nearest),
        cmocka_unit_test(numbers_as_serde_reads_them),
        cmocka_unit_test(an_escaped_backslash_is_no_nul),
        cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(files_are_parsed),
        cmocka_unit_test(many_keys_are_no_burden),
        cmocka_unit_test(writing),
        cmocka_unit_test(numbers_read_back_as_written),
        cmocka_unit_test(numbers_are_written_short),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
