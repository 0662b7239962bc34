/* SPDX-License-Identifier: MIT
 *
 * Each allocation fails once, for every n, under every function that allocates: an error, no leak
 * (the address sanitizer looks), and the next try works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "mica/tokenizer.h"

#define DIRS MICA_TEST_DIR "/fixtures/tokenizers/dirs/"

typedef struct countdown {
    long left;
    bool failed;
} countdown;

static bool fail_nth(void *user)
{
    countdown *c = user;

    if (c->left-- != 0)
        return false;
    c->failed = true;
    return true;
}

/* Runs `step` with the n-th allocation failing, n = 0, 1, ..., until none fails. */
static void torture(mica_status (*step)(void *user, mica_error *err), void *user, long at_least)
{
    for (long n = 0;; n++) {
        countdown c = {n, false};
        mica_error err = {0};
        mica_status status;

        mica_set_fault_hook(fail_nth, &c);
        status = step(user, &err);
        mica_set_fault_hook(NULL, NULL);
        if (!c.failed) {
            if (status != MICA_OK)
                fail_msg("%s", err.message);
            assert_true(n >= at_least);
            return;
        }
        if (status != MICA_STATUS_OUT_OF_MEMORY)
            fail_msg("allocation %ld fails: %s '%s'", n, mica_status_name(status), err.message);
    }
}

static mica_status open_step(void *user, mica_error *err)
{
    mica_tokenizer *tokenizer;
    mica_status status = mica_tokenizer_open(user, &tokenizer, err);

    assert_int_equal(status == MICA_OK, tokenizer != NULL);
    mica_tokenizer_destroy(&tokenizer);
    return status;
}

static void test_open(void **state)
{
    torture(open_step, (void *)(uintptr_t)DIRS "added", 40);
    torture(open_step, (void *)(uintptr_t)DIRS "legacy", 40);
    torture(open_step, (void *)(uintptr_t)DIRS "json-plain", 40);
    torture(open_step, (void *)(uintptr_t)DIRS "json-bert", 40);
}

static mica_status parse_step(void *user, mica_error *err)
{
    mica_tokenizer *tokenizer;
    const char config[] = "{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":false}";
    mica_status status =
        mica_tokenizer_parse(user, strlen(user), config, sizeof config - 1, &tokenizer, err);

    assert_int_equal(status == MICA_OK, tokenizer != NULL);
    mica_tokenizer_destroy(&tokenizer);
    return status;
}

static void test_parse(void **state)
{
    char *json;
    size_t size;
    mica_error err = {0};

    assert_int_equal(mica_file_read(DIRS "json/tokenizer.json", 1 << 20, &json, &size, &err),
                     MICA_OK);
    torture(parse_step, json, 40);
    mica_free(json);
}

static mica_status encode_step(void *user, mica_error *err)
{
    const char text[] =
        "The Cats [X] na\xC3\xAFve \xE4\xB8\xAD\xE6\x96\x87 zed \xE3\x80\xAE\xCC\x81 [MASK] <X>"
        " a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k";
    const mica_text both = {text, sizeof text - 1};
    mica_encoding *encoding = NULL;
    mica_status status = mica_tokenizer_encode(user, both, &both, NULL, &encoding, err);

    assert_int_equal(status == MICA_OK, encoding != NULL);
    mica_encoding_destroy(&encoding);
    return status;
}

/* A line of models.jsonl: its tokenizer is made, and encodes. */
static mica_status model_step(void *user, mica_error *err)
{
    static const char text[] =
        "abc \xC3\xA9\xE4\xB8\xAD dd <m> zz\xF0\x9F\x98\x80 aaaabbbbccccddddaaaabbb"
        "bccccddddaaaabbbbccccddddaaaabbbbccccdddd \xCC\x81";
    const mica_text *json = user, both = {text, sizeof text - 1};
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_status status = mica_tokenizer_parse(json->data, json->size, NULL, 0, &tokenizer, err);

    if (status == MICA_OK)
        status = mica_tokenizer_encode(tokenizer, both, NULL, NULL, &encoding, err);
    for (size_t i = 1; status == MICA_OK && i < mica_encoding_window_count(encoding); i++)
        status = mica_encoding_window(encoding, i, err);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
    return status;
}

/* The first tokenizer of a fixture that has each type. */
static void check_types(const char *file_name, const char *const *kinds, size_t kind_count)
{
    char *file;
    size_t size;
    mica_error err = {0};
    size_t found = 0;

    assert_int_equal(mica_file_read(file_name, 1 << 24, &file, &size, &err), MICA_OK);
    for (size_t k = 0; k < kind_count; k++)
        for (char *at = file, *end; at < file + size; at = end + 1) {
            static const char head[] = "{\"tokenizer\": ", tail[] = ", \"cases\": [{\"a\"";
            mica_text json = {at + sizeof head - 1, 0};
            char kind[64], *cases;

            end = memchr(at, '\n', (size_t)(file + size - at));
            *end = '\0';
            cases = strstr(at, tail);
            assert_non_null(cases);
            json.size = (size_t)(cases - json.data);
            snprintf(kind, sizeof kind, "\"type\": \"%s\"", kinds[k]);
            *end = '\n';
            if (memcmp(json.data, "{", 1) != 0 || !strstr(at, kind) || strstr(at, kind) > cases)
                continue;
            torture(model_step, &json, 20);
            found++;
            break;
        }
    assert_int_equal(found, kind_count);
    mica_free(file);
}

static void test_models(void **state)
{
    static const char *const kinds[] = {"BPE", "Unigram", "WordLevel", "WordPiece"};

    check_types(MICA_TEST_DIR "/fixtures/tokenizers/models.jsonl", kinds, 4);
}

static void test_normalizers(void **state)
{
    static const char *const kinds[] = {
        "BertNormalizer", "ByteLevel", "Lowercase", "NFC",         "NFD",
        "NFKC",           "NFKD",      "Nmt",       "Precompiled", "Prepend",
        "Replace",        "Sequence",  "Strip",     "StripAccents"};

    check_types(MICA_TEST_DIR "/fixtures/tokenizers/normalizers.jsonl", kinds, 14);
}

static mica_status decode_step(void *user, mica_error *err)
{
    const int64_t ids[] = {2, 5, 6, 7, 8, 4, 35, 36, 10, 11, 3};
    char *text;
    size_t size;
    mica_status status =
        mica_tokenizer_decode(user, ids, sizeof ids / sizeof *ids, NULL, &text, &size, err);

    assert_int_equal(status == MICA_OK, text != NULL);
    mica_text_free(&text);
    if (status == MICA_OK)
        status = mica_tokenizer_decode(user, NULL, 0, NULL, &text, &size, err);
    mica_text_free(&text);
    return status;
}

static void test_encode_decode(void **state)
{
    static const char *const dirs[] = {DIRS "added", DIRS "cased", DIRS "json-plain"};

    for (int i = 0; i < 3; i++) {
        mica_tokenizer *tokenizer;
        mica_error err = {0};

        if (mica_tokenizer_open(dirs[i], &tokenizer, &err) != MICA_OK)
            fail_msg("%s", err.message);
        torture(encode_step, tokenizer, 15);
        if (i == 0)
            torture(decode_step, tokenizer, 2);
        mica_tokenizer_destroy(&tokenizer);
    }
}

/* An encoding that failed half-way through can be used again. */
static void test_reuse_after_failure(void **state)
{
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    char text[4096];

    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof text; i += 2)
        text[i] = ' ';
    assert_int_equal(mica_tokenizer_open(DIRS "added", &tokenizer, &err), MICA_OK);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"a", 1}, NULL, NULL, &encoding, &err),
        MICA_OK);
    for (long n = 0;; n++) {
        countdown c = {n, false};
        mica_status status;

        mica_set_fault_hook(fail_nth, &c);
        status = mica_tokenizer_encode(tokenizer, (mica_text){text, sizeof text}, NULL, NULL,
                                       &encoding, &err);
        mica_set_fault_hook(NULL, NULL);
        assert_non_null(encoding);
        if (!c.failed) {
            assert_int_equal(status, MICA_OK);
            assert_int_equal(mica_encoding_count(encoding), 2 + sizeof text / 2);
            break;
        }
        assert_int_equal(status, MICA_STATUS_OUT_OF_MEMORY);
        assert_int_equal(mica_encoding_count(encoding), 0);
    }
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),          cmocka_unit_test(test_parse),
        cmocka_unit_test(test_models),        cmocka_unit_test(test_normalizers),
        cmocka_unit_test(test_encode_decode), cmocka_unit_test(test_reuse_after_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
