/* SPDX-License-Identifier: MIT
 *
 * Real tokenizers from every kind of file on whole corpora, against the digests of
 * tests/fixtures/tokenizers/corpora.json, by tests/golden/tokenizer_corpora.py. Skipped where the
 * shared data is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "digest.h"
#include "mica/json.h"

#define CORPORA MICA_TEST_DIR "/fixtures/tokenizers/corpora.json"

static char folder[64];

static void put(const char *name, const char *data, size_t size)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Writes the files of a tokenizer (those of the shared data are copied), or removes them. */
static void put_files(const mica_json_value *tokenizer, bool there)
{
    static const char *const kinds[] = {"links", "files"};

    for (int k = 0; k < 2; k++)
        for (const mica_json_value *v = mica_json_first(mica_json_get(tokenizer, kinds[k])); v;
             v = mica_json_next(v)) {
            size_t size, name_size;
            const char *name = mica_json_key(v, &name_size), *text = mica_json_string(v, &size);
            mica_error err = {0};
            char path[512], *data;

            snprintf(path, sizeof path, "%s/%s", folder, name);
            if (!there) {
                remove(path);
            } else if (k == 1) {
                put(name, text, size);
            } else {
                snprintf(path, sizeof path, "%s/tokenizers/%s", MICA_SHARED_DATA, text);
                assert_int_equal(mica_file_read(path, (size_t)1 << 30, &data, &size, &err),
                                 MICA_OK);
                put(name, data, size);
                mica_free(data);
            }
        }
}

static uint32_t ids_digest(const mica_encoding *encoding, uint32_t crc)
{
    size_t count = mica_encoding_count(encoding);

    for (size_t i = 0; i <= count; i++) {
        uint32_t n = i ? (uint32_t)mica_encoding_ids(encoding)[i - 1] : (uint32_t)count;
        unsigned char bytes[4] = {(unsigned char)n, (unsigned char)(n >> 8),
                                  (unsigned char)(n >> 16), (unsigned char)(n >> 24)};
        crc = test_crc(bytes, 4, crc);
    }
    return crc;
}

static void check_file(const mica_tokenizer *tokenizer, const mica_json_value *want, bool ids_only,
                       const char *name, mica_encoding **encoding)
{
    size_t size, key_size;
    const char *file = mica_json_key(want, &key_size);
    mica_error err = {0};
    char path[512], *data;
    uint32_t crc = 0;
    int64_t number;

    snprintf(path, sizeof path, "%s/text/%s", MICA_SHARED_DATA, file);
    assert_int_equal(mica_file_read(path, (size_t)1 << 30, &data, &size, &err), MICA_OK);
    for (char *line = data;;) {
        size_t left = (size_t)(data + size - line);
        char *end = left ? memchr(line, '\n', left) : NULL;
        mica_text text = {line, end ? (size_t)(end - line) : left};

        if (mica_tokenizer_encode(tokenizer, text, NULL, NULL, encoding, &err) != MICA_OK)
            fail_msg("%s: %s: %s", name, file, err.message);
        crc = ids_only ? ids_digest(*encoding, crc) : test_digest(*encoding, crc);
        if (!end)
            break;
        line = end + 1;
    }
    assert_true(mica_json_int64(want, &number));
    if (crc != (uint32_t)number)
        fail_msg("%s: %s differs", name, file);
    mica_free(data);
}

static void test_corpora(void **state)
{
    const mica_json_value *v;
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    mica_json *json;
    int tokenizers = 0;

    if (!mica_dir_exists(MICA_SHARED_DATA "/text")) {
        print_message("skipped: no shared data at %s\n", MICA_SHARED_DATA);
        skip();
    }
    assert_int_equal(mica_json_parse_file(CORPORA, &json, &err), MICA_OK);
    v = mica_json_first(mica_json_get(mica_json_root(json), "tokenizers"));
    for (; v; v = mica_json_next(v), tokenizers++) {
        const mica_json_value *file = mica_json_first(mica_json_get(v, "digests"));
        size_t size;
        const char *name = mica_json_key(v, &size);
        mica_tokenizer *tokenizer;
        bool ids_only = false;
        int files = 0;

        put_files(v, true);
        if (mica_tokenizer_open(folder, &tokenizer, &err) != MICA_OK)
            fail_msg("%s: %s", name, err.message);
        put_files(v, false);
        assert_true(mica_json_bool(mica_json_get(v, "ids_only"), &ids_only));
        for (; file; file = mica_json_next(file), files++)
            check_file(tokenizer, file, ids_only, name, &encoding);
        assert_true(files > 60);
        mica_tokenizer_destroy(&tokenizer);
    }
    assert_true(tokenizers >= 15);
    mica_encoding_destroy(&encoding);
    mica_json_destroy(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpora)};
    int failed;

    snprintf(folder, sizeof folder, "%s", "tokenizer-corpora-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
