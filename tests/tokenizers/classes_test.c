/* SPDX-License-Identifier: MIT
 *
 * Each tokenizer class from each kind of file: directories of
 * tests/fixtures/tokenizers/classes.jsonl, by tests/golden/tokenizer_classes.py. And what damaged
 * or missing files of theirs give.
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
#include "torture.h"

#define CLASSES MICA_TEST_DIR "/fixtures/tokenizers/classes.jsonl"

static char folder[64];

static void path_of(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *data, size_t size)
{
    char path[256];
    FILE *f;

    path_of(name, path);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *name)
{
    char path[256];

    path_of(name, path);
    remove(path);
}

/* Base64 in place of itself; returns the size. */
static size_t decode(char *text, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t out = 0;
    unsigned bits = 0, held = 0;

    for (size_t i = 0; i < size && text[i] != '='; i++) {
        const char *digit = strchr(digits, text[i]);

        assert_non_null(digit);
        bits = bits << 6 | (unsigned)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            text[out++] = (char)(bits >> held);
        }
    }
    return out;
}

/* Writes the files of a line, or removes them. */
static void put_files(const mica_json_value *line, bool there)
{
    for (const mica_json_value *v = mica_json_first(mica_json_get(line, "files")); v;
         v = mica_json_next(v)) {
        const mica_json_value *coded = mica_json_get(v, "base64");
        size_t size, name_size;
        const char *text = mica_json_string(coded ? coded : v, &size);
        const char *name = mica_json_key(v, &name_size);
        char *copy;

        if (!there) {
            remove_file(name);
            continue;
        }
        copy = malloc(size + 1);
        memcpy(copy, text, size + 1);
        write_file(name, copy, coded ? decode(copy, size) : size);
        free(copy);
    }
}

typedef struct fixture {
    char *file;
    size_t size;
    mica_json *line;
} fixture;

/* The next line; NULL after the last one. `at` starts as NULL. */
static char *next_line(fixture *f, char *at)
{
    mica_error err = {0};
    char *end;

    mica_json_destroy(&f->line);
    if (!at) {
        assert_int_equal(mica_file_read(CLASSES, 1 << 24, &f->file, &f->size, &err), MICA_OK);
        at = f->file;
    }
    if (at == f->file + f->size) {
        mica_free(f->file);
        return NULL;
    }
    end = memchr(at, '\n', (size_t)(f->file + f->size - at));
    assert_int_equal(mica_json_parse(at, (size_t)(end - at), "classes.jsonl", &f->line, &err),
                     MICA_OK);
    return end + 1;
}

static int64_t number(const mica_json_value *object, const char *key)
{
    int64_t n = -2;

    assert_true(mica_json_int64(mica_json_get(object, key), &n));
    return n;
}

static void check_decoded(const mica_tokenizer *tokenizer, const int64_t *ids, size_t count,
                          const mica_json_value *item, bool skip, const char *name)
{
    size_t size, want_size;
    const char *want =
        mica_json_string(mica_json_get(item, skip ? "skipped" : "decoded"), &want_size);
    mica_decode_options options;
    mica_error err = {0};
    char *text;

    mica_decode_options_defaults(&options);
    options.skip_special_tokens = skip;
    assert_int_equal(mica_tokenizer_decode(tokenizer, ids, count, &options, &text, &size, &err),
                     MICA_OK);
    if (size != want_size || memcmp(text, want, size) != 0)
        fail_msg("%s: decodes to '%s', not '%s'", name, text, want);
    mica_text_free(&text);
}

static void check_case(const mica_tokenizer *tokenizer, const mica_json_value *item,
                       const char *name, mica_encoding **encoding)
{
    const mica_json_value *b = mica_json_get(item, "b"), *crc = mica_json_get(item, "crc");
    const mica_json_value *id = mica_json_first(mica_json_get(item, "ids"));
    size_t count = mica_json_count(mica_json_get(item, "ids")), size;
    int64_t *ids = calloc(count + 1, sizeof *ids), limit;
    mica_encode_options options;
    mica_text first, second;
    mica_error err = {0};

    first.data = mica_json_string(mica_json_get(item, "a"), &first.size);
    second.data = mica_json_string(b, &second.size);
    mica_tokenizer_encode_options(tokenizer, &options);
    options.language = mica_json_string(mica_json_get(item, "language"), &size);
    if (mica_json_int64(mica_json_get(item, "max"), &limit))
        options.max_length = (size_t)limit;
    if (mica_tokenizer_encode(tokenizer, first, b ? &second : NULL, &options, encoding, &err) !=
        MICA_OK)
        fail_msg("%s: '%s': %s", name, first.data, err.message);
    for (size_t i = 0; id; id = mica_json_next(id), i++) {
        assert_true(mica_json_int64(id, &ids[i]));
        if (i >= mica_encoding_count(*encoding) || mica_encoding_ids(*encoding)[i] != ids[i])
            fail_msg("%s: '%s' differs from id %zu on", name, first.data, i);
    }
    assert_int_equal(count, mica_encoding_count(*encoding));
    if (crc && test_window_digest(*encoding, true) != (uint32_t)number(item, "crc"))
        fail_msg("%s: '%s': types, tokens or spans differ", name, first.data);
    for (size_t i = 0; i < count; i++) {
        mica_span span = mica_encoding_byte_spans(*encoding)[i];
        const mica_text *text = mica_encoding_sequence_ids(*encoding)[i] == 1 ? &second : &first;
        assert_true(span.begin <= span.end && span.end <= text->size);
    }
    check_decoded(tokenizer, ids, count, item, false, name);
    check_decoded(tokenizer, ids, count, item, true, name);
    free(ids);
}

static void test_classes(void **state)
{
    mica_encoding *encoding = NULL;
    fixture f = {0};
    int lines = 0;

    for (char *at = next_line(&f, NULL); at; at = next_line(&f, at), lines++) {
        const mica_json_value *line = mica_json_root(f.line), *item;
        size_t size;
        const char *name = mica_json_string(mica_json_get(line, "name"), &size);
        mica_encode_options options;
        mica_tokenizer *tokenizer;
        mica_error err = {0};
        bool flag;

        put_files(line, true);
        if (mica_tokenizer_open(folder, &tokenizer, &err) != MICA_OK)
            fail_msg("%s: %s", name, err.message);
        assert_int_equal(mica_tokenizer_pad_id(tokenizer), number(line, "pad"));
        assert_int_equal(mica_tokenizer_mask_id(tokenizer), number(line, "mask"));
        mica_tokenizer_encode_options(tokenizer, &options);
        assert_true(mica_json_bool(mica_json_get(line, "pad_left"), &flag));
        assert_int_equal(options.pad_left, flag);
        assert_true(mica_json_bool(mica_json_get(line, "truncate_left"), &flag));
        assert_int_equal(options.truncate_left, flag);
        item = mica_json_first(mica_json_get(line, "cases"));
        for (; item; item = mica_json_next(item))
            check_case(tokenizer, item, name, &encoding);
        mica_tokenizer_destroy(&tokenizer);
        put_files(line, false);
    }
    assert_true(lines >= 40);
    mica_encoding_destroy(&encoding);
}

/* The line with a name, its files written. */
static void put_directory(fixture *f, const char *name)
{
    for (char *at = next_line(f, NULL); at; at = next_line(f, at)) {
        size_t size;
        if (strcmp(mica_json_string(mica_json_get(mica_json_root(f->line), "name"), &size), name))
            continue;
        put_files(mica_json_root(f->line), true);
        mica_free(f->file);
        return;
    }
    fail_msg("there is no %s", name);
}

static void take_directory(fixture *f)
{
    put_files(mica_json_root(f->line), false);
    mica_json_destroy(&f->line);
}

static void refuse(mica_status want, const char *part)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};
    mica_status status = mica_tokenizer_open(folder, &tokenizer, &err);

    if (status != want || !strstr(err.message, part))
        fail_msg("%s '%s', not %s '%s'", mica_status_name(status), err.message,
                 mica_status_name(want), part);
    assert_null(tokenizer);
}

/* A file that is missing is named, and so is a class that needs one. */
static void test_missing(void **state)
{
    static const struct {
        const char *directory, *file, *part;
    } cases[] = {{"bert", "vocab.txt", "vocab.txt"},
                 {"roberta", "vocab.json", "vocab.json"},
                 {"roberta", "merges.txt", "merges.txt"},
                 {"llama", "tokenizer.model", "tokenizer.model"},
                 {"t5", "spiece.model", "spiece.model"},
                 {"m2m100", "vocab.json", "vocab.json"},
                 {"m2m100", "sentencepiece.bpe.model", "sentencepiece.bpe.model"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = {0};

        put_directory(&f, cases[i].directory);
        remove_file(cases[i].file);
        refuse(MICA_STATUS_NOT_FOUND, cases[i].part);
        take_directory(&f);
    }
    refuse(MICA_STATUS_NOT_FOUND, "neither tokenizer.json nor vocab.txt");
    write_file("tokenizer_config.json", "{\"tokenizer_class\":\"AlbertTokenizerFast\"}", 41);
    refuse(MICA_STATUS_UNSUPPORTED, "AlbertTokenizerFast");
    remove_file("tokenizer_config.json");
}

/* A file of a directory that is something else. */
static void damage(const char *directory, const char *file, const char *data, size_t size,
                   mica_status want, const char *part)
{
    fixture f = {0};

    put_directory(&f, directory);
    write_file(file, data, size);
    refuse(want, part);
    take_directory(&f);
}

static void test_damaged(void **state)
{
#define DAMAGE(directory, file, text, want, part)                                                  \
    damage(directory, file, text, sizeof text - 1, want, part)
    static const char model[] = "tokenizer.model";

    DAMAGE("roberta", "merges.txt", "#version: 0.2\nt h\nth e x\n", MICA_STATUS_FORMAT,
           "merges.txt: line 3 ('th e x')");
    DAMAGE("roberta", "merges.txt", "th\n", MICA_STATUS_FORMAT, "line 1 ('th')");
    DAMAGE("roberta", "merges.txt", "t h\n\n", MICA_STATUS_FORMAT, "line 2 ('')");
    DAMAGE("roberta", "merges.txt", "\xff x\n", MICA_STATUS_FORMAT, "UTF-8 at byte 0");
    DAMAGE("roberta", "merges.txt", "Q QQQQ\n", MICA_STATUS_FORMAT, "'QQQQ'");
    DAMAGE("roberta", "vocab.json", "[]", MICA_STATUS_FORMAT, "vocab");
    DAMAGE("roberta", "vocab.json", "{\"a\":\"b\"}", MICA_STATUS_FORMAT, "'a'");
    DAMAGE("roberta", "vocab.json", "{\"a\":0,\"b\":0}", MICA_STATUS_FORMAT, "id 0");
    DAMAGE("bert", "vocab.txt", "a\n\xc3(", MICA_STATUS_FORMAT, "UTF-8 at byte 2");
    DAMAGE("llama", model, "", MICA_STATUS_FORMAT, "no pieces");
    DAMAGE("llama", model, "\x0a", MICA_STATUS_FORMAT, "cut off");
    DAMAGE("llama", model, "\x0a\x7f", MICA_STATUS_FORMAT, "longer than what is left");
    DAMAGE("llama", model, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", MICA_STATUS_FORMAT,
           "too long");
    DAMAGE("llama", model, "\x0a\x03\x0a\x01\xff", MICA_STATUS_FORMAT,
           "piece 0 is not valid UTF-8");
    DAMAGE("llama", model, "\x0b", MICA_STATUS_FORMAT, "wire type");
    DAMAGE("llama", model, "\x02\x00", MICA_STATUS_FORMAT, "out of range");
    DAMAGE("llama", model, "IQ== 0\nIg== 1\n", MICA_STATUS_UNSUPPORTED, "tiktoken");
    DAMAGE("t5", "spiece.model", "\x0a\x08\x0a\x01g\x15\x00\x00\xc0\x7f", MICA_STATUS_FORMAT,
           "not finite");
    DAMAGE("m2m100", "sentencepiece.bpe.model",
           "\x0a\x03\x0a\x01g\x0a\x03\x0a\x01g\x12\x02\x18\x02", MICA_STATUS_FORMAT,
           "more than once");
    DAMAGE("m2m100", "sentencepiece.bpe.model", "\x0a\x03\x0a\x01g\x12\x02\x18\x04",
           MICA_STATUS_UNSUPPORTED, "CHAR");
    DAMAGE("m2m100", "vocab.json", "{\"g\":0}", MICA_STATUS_FORMAT, "unknown token");
#undef DAMAGE
}

static void test_languages(void **state)
{
    const mica_text text = {"free", 4};
    mica_encode_options options;
    mica_encoding *encoding = NULL;
    mica_tokenizer *tokenizer;
    mica_error err = {0};
    fixture f = {0};

    put_directory(&f, "m2m100");
    assert_int_equal(mica_tokenizer_open(folder, &tokenizer, &err), MICA_OK);
    assert_true(mica_tokenizer_language_id(tokenizer, "fr") >= 0);
    assert_int_equal(mica_tokenizer_language_id(tokenizer, "fr"),
                     mica_tokenizer_id(tokenizer, "__fr__", 6));
    assert_int_equal(mica_tokenizer_language_id(tokenizer, "xx"), -1);
    mica_tokenizer_encode_options(tokenizer, &options);
    options.language = "xx";
    assert_int_equal(mica_tokenizer_encode(tokenizer, text, NULL, &options, &encoding, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "'xx'"));
    mica_tokenizer_destroy(&tokenizer);
    take_directory(&f);
    put_directory(&f, "bert");
    assert_int_equal(mica_tokenizer_open(folder, &tokenizer, &err), MICA_OK);
    assert_int_equal(mica_tokenizer_language_id(tokenizer, "fr"), -1);
    assert_int_equal(mica_tokenizer_encode(tokenizer, text, NULL, &options, &encoding, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    mica_tokenizer_destroy(&tokenizer);
    mica_encoding_destroy(&encoding);
    take_directory(&f);
}

static mica_status open_and_encode(void *user, mica_error *err)
{
    const int64_t ids[] = {0, 5, 9, 30};
    const mica_text text = {"the <mask> rights \xe4\xba\xba", 21};
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    char *decoded;
    mica_status status = mica_tokenizer_open(user, &tokenizer, err);

    if (status == MICA_OK)
        status = mica_tokenizer_encode(tokenizer, text, NULL, NULL, &encoding, err);
    if (status == MICA_OK) {
        status = mica_tokenizer_decode(tokenizer, ids, 4, NULL, &decoded, NULL, err);
        mica_text_free(&decoded);
    }
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
    return status;
}

static void test_faults(void **state)
{
    static const char *const names[] = {"roberta",         "qwen2", "llama",  "xlm-roberta", "t5",
                                        "generic-renamed", "nllb",  "m2m100", "m2m100-none"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture f = {0};

        put_directory(&f, names[i]);
        assert_true(torture_run(open_and_encode, folder) > 40);
        take_directory(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_languages),
        cmocka_unit_test(test_faults),
    };
    int failed;

    snprintf(folder, sizeof folder, "%s", "tokenizer-classes-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
