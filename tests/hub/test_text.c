/* SPDX-License-Identifier: MIT
 *
 * Ids, names, patterns and headers: what is taken and what is refused. The expectations are what
 * huggingface_hub's own functions give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "hub/settings.h"
#include "hub/text.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static void ids_are_taken_apart(void **state)
{
    mica_hub_id id;
    mica_error err = {0};
    assert_int_equal(mica_hub_id_parse("bert-base-uncased", &id, &err), MICA_OK);
    assert_string_equal(id.repo, "bert-base-uncased");
    assert_string_equal(id.revision, "main");
    assert_false(id.commit || id.revision_given);
    assert_int_equal(mica_hub_id_parse("BAAI/bge-small-en-v1.5@refs/pr/7", &id, &err), MICA_OK);
    assert_string_equal(id.repo, "BAAI/bge-small-en-v1.5");
    assert_string_equal(id.revision, "refs/pr/7");
    assert_true(id.revision_given && !id.commit);
    assert_int_equal(mica_hub_id_parse("a/b@" COMMIT, &id, &err), MICA_OK);
    assert_true(id.commit);
    assert_int_equal(mica_hub_id_parse("a/b@0123456789ABCDEF0123456789ABCDEF01234567", &id, &err),
                     MICA_OK);
    assert_false(id.commit); /* capitals: a name like any other */
    assert_int_equal(mica_hub_id_parse("foo-_.bar123/_x_", &id, &err), MICA_OK);
}

static void bad_ids_are_refused(void **state)
{
    static const char *const bad[] = {
        "",         "/",          "a/",           "/a",       "a/b/c",         "a//b",
        "a--b/c",   "a/b--c",     "a/b..c",       ".a/b",     "a/.b",          "a/b.",
        "a/b-",     "-a",         "a b",          "a/b.git",  "caf\xc3\xa9/x", "a/b@",
        "a/b@..",   "a/b@x/../y", "a/b@/x",       "a/b@x//y", "a/b@x ",        "a/b@x:y",
        "a/b@x\\y", "a/b@x~1",    "a/b@x^",       "a/b@x\n",  "a/b@x.",        "a/b@x..y",
        "../b",     "a/..",       "datasets/a/b", "a\\b",     "a/b@\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mica_hub_id id;
        mica_error err = {0};
        if (mica_hub_id_parse(bad[i], &id, &err) != MICA_STATUS_INVALID_ARGUMENT)
            fail_msg("'%s' was taken", bad[i]);
        assert_true(err.message[0] != 0);
    }
    char longest[300];
    mica_hub_id id;
    memset(longest, 'a', sizeof longest);
    longest[96] = 0;
    assert_int_equal(mica_hub_id_parse(longest, &id, NULL), MICA_OK);
    longest[96] = 'a';
    longest[97] = 0;
    assert_int_equal(mica_hub_id_parse(longest, &id, NULL), MICA_STATUS_INVALID_ARGUMENT);
}

static void paths_stay_inside(void **state)
{
    static const char *const good[] = {
        "config.json", "1_Pooling/config.json", "a/b/c/d", "..a", "a..", "...", "\xc3\xa9.txt",
        "a b",         ".gitattributes",        "a\\b"};
    static const char *const bad[] = {
        "",         "/etc/passwd", "..",    "../x",  "a/../b", "a/..",  ".",    "./a",
        "a/./b",    "a//b",        "a/",    "C:\\x", "C:x",    "a/D:b", "\\x",  "\\\\h\\s",
        "a\\..\\b", "..\\x",       "a/\\b", "a\nb",  "a\x7f",  "\xff",  "x\\.."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!mica_hub_path_safe(good[i], strlen(good[i])))
            fail_msg("'%s' was refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (mica_hub_path_safe(bad[i], strlen(bad[i])))
            fail_msg("'%s' was taken", bad[i]);
    assert_false(mica_hub_path_safe("a\0b", 3));
    char part[257];
    memset(part, 'x', sizeof part);
    assert_true(mica_hub_path_safe(part, 255));
    assert_false(mica_hub_path_safe(part, 256));
}

static void etags_are_cut(void **state)
{
    char out[MICA_HUB_ETAG_MAX + 1];
    assert_true(mica_hub_etag("\"" COMMIT "\"", out));
    assert_string_equal(out, COMMIT);
    assert_true(mica_hub_etag("W/\"" COMMIT "\"", out));
    assert_string_equal(out, COMMIT);
    assert_true(mica_hub_etag("abc-1", out));
    assert_false(mica_hub_etag("\"\"", out));
    assert_false(mica_hub_etag("", out));
    assert_false(mica_hub_etag("\"../x\"", out));
    assert_false(mica_hub_etag("\"a/b\"", out));
    assert_false(mica_hub_etag("\".x\"", out));
    char huge[1000];
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    assert_false(mica_hub_etag(huge, out));
    assert_true(mica_hub_is_hex(COMMIT, 40));
    assert_false(mica_hub_is_hex(COMMIT "0", 40));
    assert_false(mica_hub_is_hex("0123", 40));
}

static void texts_are_quoted(void **state)
{
    mica_buf out;
    mica_buf_init(&out, 1000);
    assert_true(mica_hub_quote(&out, "refs/pr/1", false));
    assert_string_equal(out.data, "refs%2Fpr%2F1");
    mica_buf_clear(&out);
    assert_true(mica_hub_quote(&out, "a b/\xc3\xa9~_.-#?%", true));
    assert_string_equal(out.data, "a%20b/%C3%A9~_.-%23%3F%25");
    mica_buf_free(&out);
}

static void patterns_match_as_in_python(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool match;
    } cases[] = {{"*.json", "config.json", true},
                 {"*.json", "1_Pooling/config.json", true}, /* a star matches a slash */
                 {"*.json", "config.jsonl", false},
                 {"config.json", "config.json", true},
                 {"config.json", "Config.json", false},
                 {"onnx/", "onnx/model.onnx", true},
                 {"onnx/", "onnx", false},
                 {"onnx\\*", "onnx/model.onnx", true},
                 {"model-????1-of-*", "model-00001-of-00002.safetensors", true},
                 {"?", "\xc3\xa9", true},
                 {"?", "ab", false},
                 {"[abc].txt", "b.txt", true},
                 {"[!abc].txt", "b.txt", false},
                 {"[!abc].txt", "d.txt", true},
                 {"[a-c]*", "cx", true},
                 {"[a-c]*", "dx", false},
                 {"[]]", "]", true},
                 {"[", "[", true},
                 {"[x", "[x", true},
                 {"[^a]", "a", true}, /* "^" is a character like any other */
                 {"[^a]", "^", true},
                 {"[^a]", "b", false},
                 {"*a*b*c", "xxaxxbxxc", true},
                 {"*a*b*c", "xxaxxcxxb", false},
                 {"**", "x/y", true},
                 {"*", "x", true},
                 {"", "x", false},
                 {"a*/", "ab/c", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mica_hub_match(cases[i].pattern, cases[i].path) != cases[i].match)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].path);
}

static void assert_next(const char *header, const char *url)
{
    size_t size = 0;
    const char *found = mica_hub_next_link(header, &size);
    if (!url) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(size, strlen(url));
    assert_memory_equal(found, url, size);
}

static void links_are_read(void **state)
{
    assert_next("<https://h/x?cursor=a%3D>; rel=\"next\"", "https://h/x?cursor=a%3D");
    assert_next("<http://a>; rel=\"prev\", <http://b>; rel=\"next\"", "http://b");
    assert_next("<http://b>;rel=next", "http://b");
    assert_next("<http://b>; title=\"a,;b\"; rel=\"next\"", "http://b");
    assert_next("<http://b>; rel=\"last next\"", "http://b");
    assert_next("<http://b>; rel=\"nextish\"", NULL);
    assert_next("<http://b", NULL);
    assert_next("<>; rel=next", NULL);
    assert_next("", NULL);
    assert_next("rel=next", NULL);
}

static void waits_are_read(void **state)
{
    assert_int_equal(mica_hub_rate_limit("\"api\";r=0;t=55"), 55);
    assert_int_equal(mica_hub_rate_limit("\"api\" ; r = 0 ; t = 7"), 7);
    assert_int_equal(mica_hub_rate_limit("\"api\";r=3;t=55"), -1);
    assert_int_equal(mica_hub_rate_limit("nonsense"), -1);
    assert_int_equal(mica_hub_rate_limit("\"\";r=0;t=1"), -1);
    assert_int_equal(mica_hub_retry_after("120"), 120);
    assert_int_equal(mica_hub_retry_after(" 5 "), 5);
    assert_int_equal(mica_hub_retry_after("99999999999999999999"), 1000000000);
    assert_int_equal(mica_hub_retry_after("-1"), -1);
    assert_int_equal(mica_hub_retry_after("5x"), -1);
    assert_int_equal(mica_hub_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), -1);
}

static void tokens_are_cleaned(void **state)
{
    bool failed;
    char *token = mica_hub_clean_token(" \thf_\nabc\r\n", 11, &failed);
    assert_string_equal(token, "hf_abc");
    mica_free(token);
    assert_null(mica_hub_clean_token(" \r\n", 3, &failed));
    assert_false(failed);
}

static void paths_are_expanded(void **state)
{
    static const char *const cases[][2] = {{"~/x", "/home/me/x"},
                                           {"~", "/home/me"},
                                           {"a~", "a~"},
                                           {"$A/b", "one/b"},
                                           {"${A}b", "oneb"},
                                           {"$NONE/${NONE}", "$NONE/${NONE}"},
                                           {"$", "$"},
                                           {"${A", "${A"},
                                           {"$$A", "$one"},
                                           {"$B", "$A"},
                                           {"~nobody-of-that-name/x", "~nobody-of-that-name/x"}};
    setenv("HOME", "/home/me/", 1);
    setenv("A", "one", 1);
    setenv("B", "$A", 1); /* what a variable holds is not expanded again */
    unsetenv("NONE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = mica_hub_expand(cases[i][0]);
        assert_string_equal(path, cases[i][1]);
        mica_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_taken_apart), cmocka_unit_test(bad_ids_are_refused),
        cmocka_unit_test(paths_stay_inside),   cmocka_unit_test(etags_are_cut),
        cmocka_unit_test(texts_are_quoted),    cmocka_unit_test(patterns_match_as_in_python),
        cmocka_unit_test(links_are_read),      cmocka_unit_test(waits_are_read),
        cmocka_unit_test(tokens_are_cleaned),  cmocka_unit_test(paths_are_expanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
