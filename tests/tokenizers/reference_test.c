/* SPDX-License-Identifier: MIT
 *
 * Against Hugging Face: ids, types, special mask, spans, tokens and decoded text of
 * tests/fixtures/tokenizers/, made by tests/golden/tokenizer.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/utf8.h"
#include "digest.h"
#include "mica/json.h"
#include "tokenizer/normalize.h"

#define FIXTURES MICA_TEST_DIR "/fixtures/tokenizers"
#define TOKENIZERS MICA_SHARED_DATA "/tokenizers"

static mica_json *expected;
static const mica_json_value *root;

static void check(mica_status status, const mica_error *err)
{
    if (status != MICA_OK)
        fail_msg("%s: %s", mica_status_name(status), err->message);
}

static mica_tokenizer *open_tokenizer(const char *path)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};

    check(mica_tokenizer_open(path, &tokenizer, &err), &err);
    return tokenizer;
}

static void encode(const mica_tokenizer *tokenizer, const char *data, size_t size,
                   mica_encoding **encoding)
{
    mica_encode_options options;
    mica_error err = {0};

    mica_encode_options_defaults(&options); /* whatever sections a tokenizer.json has */
    check(mica_tokenizer_encode(tokenizer, (mica_text){data, size}, NULL, &options, encoding, &err),
          &err);
}

static uint32_t number(const mica_json_value *value)
{
    int64_t n = -1;
    assert_true(mica_json_int64(value, &n));
    return (uint32_t)n;
}

/* Byte spans say the same as character spans. */
static void check_byte_spans(const mica_encoding *encoding, const char *data, size_t size)
{
    for (size_t i = 0; i < mica_encoding_count(encoding); i++) {
        mica_span bytes = mica_encoding_byte_spans(encoding)[i];
        mica_span chars = mica_encoding_char_spans(encoding)[i];
        assert_true(bytes.begin <= bytes.end && bytes.end <= size);
        assert_int_equal(mica_utf8_count(data, bytes.begin), chars.begin);
        assert_int_equal(mica_utf8_count(data, bytes.end), chars.end);
    }
}

static uint32_t decoded_digest(const mica_tokenizer *tokenizer, const mica_encoding *encoding)
{
    size_t count = mica_encoding_count(encoding);
    int64_t *ids = calloc(count + 1, sizeof *ids);
    uint32_t crc = 0;

    for (size_t i = 0; i < count; i++)
        ids[i] = mica_encoding_ids(encoding)[i];
    for (int way = 0; way < 4; way++) {
        mica_decode_options options;
        mica_error err = {0};
        char *text;
        size_t size;

        mica_decode_options_defaults(&options);
        options.skip_special_tokens = way >= 2;
        options.clean_up_tokenization_spaces = way % 2;
        check(mica_tokenizer_decode(tokenizer, ids, count, &options, &text, &size, &err), &err);
        assert_int_equal(strlen(text) <= size, 1);
        if (way > 0)
            crc = test_crc("", 1, crc);
        crc = test_crc(text, size, crc);
        mica_text_free(&text);
    }
    free(ids);
    return crc;
}

/* Every line of texts.jsonl. */
static void check_texts(const char *path, const char *name, bool decode)
{
    mica_tokenizer *tokenizer = open_tokenizer(path);
    const mica_json_value *want =
        mica_json_first(mica_json_get(mica_json_get(root, "texts"), name));
    const mica_json_value *want_decoded = mica_json_first(mica_json_get(root, "decoded"));
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    char *file;
    size_t size, n = 0;

    check(mica_file_read(FIXTURES "/texts.jsonl", 1 << 20, &file, &size, &err), &err);
    for (char *line = file; line < file + size; n++) {
        char *end = memchr(line, '\n', (size_t)(file + size - line));
        mica_json *json;
        const char *text;
        size_t text_size;

        check(mica_json_parse(line, (size_t)(end - line), "texts.jsonl", &json, &err), &err);
        text = mica_json_string(mica_json_root(json), &text_size);
        assert_non_null(text);
        assert_non_null(want);
        encode(tokenizer, text, text_size, &encoding);
        if (test_digest(encoding, 0) != number(want))
            fail_msg("%s: line %zu of texts.jsonl differs: %.*s", name, n + 1, (int)(end - line),
                     line);
        check_byte_spans(encoding, text, text_size);
        if (decode && decoded_digest(tokenizer, encoding) != number(want_decoded))
            fail_msg("%s: line %zu of texts.jsonl decodes differently", name, n + 1);
        mica_json_destroy(&json);
        want = mica_json_next(want);
        want_decoded = mica_json_next(want_decoded);
        line = end + 1;
    }
    assert_null(want);
    assert_true(n > 900);
    mica_free(file);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

static void test_texts_uncased(void **state)
{
    check_texts(FIXTURES "/bert-base-uncased", "bert-base-uncased", true);
    check_texts(FIXTURES "/bert-base-uncased/tokenizer.json", "bert-base-uncased", true);
}

static void test_texts_cased(void **state)
{
    check_texts(FIXTURES "/bert-base-cased", "bert-base-cased", false);
}

/* All characters, each between letters. */
static void check_sweep(const char *name)
{
    char path[512];
    mica_tokenizer *tokenizer;
    const mica_json_value *want =
        mica_json_first(mica_json_get(mica_json_get(root, "sweep"), name));
    mica_encoding *encoding = NULL;
    mica_buf text;

    snprintf(path, sizeof path, "%s/%s", FIXTURES, name);
    tokenizer = open_tokenizer(path);
    mica_buf_init(&text, 1 << 20);
    for (uint32_t first = 0; first < 0x110000; first += 0x1000, want = mica_json_next(want)) {
        uint32_t crc = 0;
        for (uint32_t block = first; block < first + 0x1000; block += 0x100) {
            mica_buf_clear(&text);
            for (uint32_t c = block; c < block + 0x100; c++)
                if (c < 0xD800 || c >= 0xE000) {
                    mica_buf_char(&text, 'a');
                    mica_buf_codepoint(&text, c);
                    mica_buf_text(&text, "B ");
                }
            encode(tokenizer, mica_buf_cstr(&text), text.size, &encoding);
            crc = test_digest(encoding, crc);
        }
        if (crc != number(want))
            fail_msg("%s: characters from U+%04X on differ", name, first);
    }
    mica_buf_free(&text);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

static void test_all_characters(void **state)
{
    check_sweep("bert-base-uncased");
    check_sweep("bert-base-cased");
}

/* The same numbers as in tokenizer.py. */
static uint32_t below(uint64_t *state, uint32_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % n);
}

static void random_string(uint64_t *state, mica_buf *out)
{
    static const uint32_t ranges[][2] = {
        {0x20, 0x7E},       {0xC0, 0x24F},      {0x300, 0x36F},     {0x370, 0x52F},
        {0x591, 0x5C7},     {0x900, 0xDFF},     {0xF70, 0xFBF},     {0x1100, 0x11FF},
        {0x1AB0, 0x1AFF},   {0x1DC0, 0x1FFF},   {0x2000, 0x206F},   {0x2100, 0x214F},
        {0x3000, 0x30FF},   {0xAC00, 0xAFFF},   {0xF900, 0xFB4F},   {0x11100, 0x1113F},
        {0x16FF0, 0x16FF1}, {0x1D15E, 0x1D1AD}, {0x2F800, 0x2FA1F}, {0, 0x10FFFF}};

    mica_buf_clear(out);
    for (uint32_t n = 1 + below(state, 30); n > 0; n--) {
        const uint32_t *range = ranges[below(state, 20)];
        uint32_t c = range[0] + below(state, range[1] - range[0] + 1);
        mica_buf_codepoint(out, c >= 0xD800 && c < 0xE000 ? ' ' : c);
    }
}

static uint32_t add_normalized(const mica_tok_normalize_step *step, const mica_unicode *unicode,
                               const mica_buf *text, mica_tok_normalize_work *work, uint32_t crc)
{
    mica_tok_normalize_step steps[] = {*step};
    mica_tok_normalizer normalizer = {steps, 1, 1};
    const mica_tok_text *out;
    mica_error err = {0};

    check(mica_tok_normalize(&normalizer, unicode, text->data, text->size, 0, work, &out, &err),
          &err);
    crc = test_crc(out->data, out->size, crc);
    return test_crc("", 1, crc);
}

static void test_normalizers(void **state)
{
    static const struct {
        const char *name;
        mica_tok_normalize_step step;
    } kinds[] = {{"uncased", {.kind = MICA_TOK_NORMALIZE_BERT, .bert = {true, true, true, true}}},
                 {"cased", {.kind = MICA_TOK_NORMALIZE_BERT, .bert = {true, true, false, false}}},
                 {"accents", {.kind = MICA_TOK_NORMALIZE_BERT, .bert = {.lower = true}}},
                 {"nfd", {.kind = MICA_TOK_NORMALIZE_FORM}},
                 {"lowercase", {.kind = MICA_TOK_NORMALIZE_BERT, .bert = {.lower = true}}}};
    mica_unicode *unicode = malloc(sizeof *unicode);
    mica_tok_normalize_work work = {0};
    mica_buf text;

    assert_true(mica_unicode_build(unicode));
    mica_buf_init(&text, 1 << 20);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const mica_tok_normalize_step *step = &kinds[k].step;
        const mica_json_value *want =
            mica_json_first(mica_json_get(mica_json_get(root, "normalized"), kinds[k].name));
        uint64_t random = 99;

        for (uint32_t first = 0; first < 0x110000; first += 0x1000, want = mica_json_next(want)) {
            uint32_t crc = 0;
            for (uint32_t block = first; block < first + 0x1000; block += 0x100) {
                mica_buf_clear(&text);
                mica_buf_text(&text, "");
                for (uint32_t c = block; c < block + 0x100; c++)
                    if (c < 0xD800 || c >= 0xE000) {
                        mica_buf_char(&text, 'q');
                        mica_buf_codepoint(&text, c);
                    }
                crc = add_normalized(step, unicode, &text, &work, crc);
            }
            if (crc != number(want))
                fail_msg("%s: characters from U+%04X on differ", kinds[k].name, first);
        }
        for (int i = 0; i < 20; i++, want = mica_json_next(want)) {
            uint32_t crc = 0;
            for (int j = 0; j < 1000; j++) {
                random_string(&random, &text);
                crc = add_normalized(step, unicode, &text, &work, crc);
            }
            if (crc != number(want))
                fail_msg("%s: random strings %d differ", kinds[k].name, i);
        }
        assert_null(want);
    }
    mica_buf_free(&text);
    mica_tok_normalize_release(&work);
    mica_unicode_release(unicode);
    free(unicode);
}

static void random_words(uint64_t *random, mica_buf *out)
{
    static const char *const words[] = {
        "the",  "unaffable", "na\u00efve", "\u4e2d", "[MASK]", ",", "\u00dcbergr\u00f6\u00dfen",
        "zzqq", "\u00e9"};
    uint32_t n = below(random, 12);

    mica_buf_clear(out);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            mica_buf_char(out, ' ');
        mica_buf_text(out, words[below(random, 9)]);
    }
}

/* Truncation of every kind, of single texts and pairs. */
static void test_pairs(void **state)
{
    mica_tokenizer *tokenizer = open_tokenizer(FIXTURES "/bert-base-uncased");
    const mica_json_value *want = mica_json_first(mica_json_get(root, "pairs"));
    mica_encoding *encoding = NULL;
    uint64_t random = 7;
    mica_buf a, b;
    int refused = 0, n = 0;

    mica_buf_init(&a, 1 << 20);
    mica_buf_init(&b, 1 << 20);
    while (want) {
        mica_encode_options options;
        mica_text first, second;
        mica_error err = {0};
        mica_status status;
        bool pair;

        mica_encode_options_defaults(&options);
        random_words(&random, &a);
        random_words(&random, &b);
        pair = below(&random, 4) > 0;
        options.add_special_tokens = below(&random, 4) > 0;
        options.truncate_left = below(&random, 2) == 1;
        options.truncation = (mica_truncation)below(&random, 3);
        options.max_length = 1 + below(&random, 24);
        first = (mica_text){mica_buf_cstr(&a), a.size};
        second = (mica_text){mica_buf_cstr(&b), b.size};
        status = mica_tokenizer_encode(tokenizer, first, pair ? &second : NULL, &options, &encoding,
                                       &err);
        if (options.add_special_tokens && options.max_length < (pair ? 3 : 2)) {
            if (status != MICA_OK)
                assert_int_equal(status, MICA_STATUS_INVALID_ARGUMENT);
            continue;
        }
        if (mica_json_get_type(want) == MICA_JSON_NULL) {
            assert_true(status == MICA_STATUS_TOO_LONG || status == MICA_STATUS_INVALID_ARGUMENT);
            refused++;
        } else {
            check(status, &err);
            assert_true(mica_encoding_count(encoding) <= options.max_length);
            assert_int_equal(mica_encoding_truncated(encoding),
                             mica_encoding_full_count(encoding) > options.max_length);
            if (test_digest(encoding, 0) != number(want))
                fail_msg("pair %d differs: '%s', '%s'", n, first.data, second.data);
        }
        want = mica_json_next(want);
        n++;
    }
    assert_int_equal(n, 1500);
    assert_true(refused > 50);
    mica_buf_free(&a);
    mica_buf_free(&b);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

static void check_decoded(const mica_tokenizer *tokenizer, const mica_json_value *item, bool skip)
{
    const mica_json_value *list = mica_json_get(item, "ids"), *v = mica_json_first(list);
    size_t count = mica_json_count(list), size, want_size;
    int64_t *ids = calloc(count + 1, sizeof *ids);
    const char *want =
        mica_json_string(mica_json_get(item, skip ? "skipped" : "decoded"), &want_size);
    mica_decode_options options;
    mica_error err = {0};
    char *text;

    for (size_t i = 0; v; v = mica_json_next(v))
        ids[i++] = number(v);
    mica_decode_options_defaults(&options);
    options.skip_special_tokens = skip;
    check(mica_tokenizer_decode(tokenizer, ids, count, &options, &text, &size, &err), &err);
    assert_string_equal(text, want);
    assert_int_equal(size, want_size);
    mica_text_free(&text);
    free(ids);
}

/* Directories as AutoTokenizer reads them. */
static void test_directories(void **state)
{
    const mica_json_value *dir = mica_json_first(mica_json_get(root, "dirs"));
    const char probe[] = "The Cats, unaffable!";
    const mica_text second = {probe, sizeof probe - 1};
    mica_encoding *encoding = NULL;
    mica_encode_options options;
    int n = 0;

    mica_encode_options_defaults(&options);
    for (; dir; dir = mica_json_next(dir), n++) {
        size_t size;
        const char *name = mica_json_key(dir, &size);
        const mica_json_value *item = mica_json_first(mica_json_get(dir, "cases"));
        mica_tokenizer *tokenizer;
        mica_error err = {0};
        char path[512];

        snprintf(path, sizeof path, "%s/dirs/%s", FIXTURES, name);
        tokenizer = open_tokenizer(path);
        for (; item; item = mica_json_next(item)) {
            mica_text text;

            text.data = mica_json_string(mica_json_get(item, "text"), &text.size);
            check(mica_tokenizer_encode(tokenizer, text, NULL, &options, &encoding, &err), &err);
            if (test_digest(encoding, 0) != number(mica_json_get(item, "digest")))
                fail_msg("%s: '%s' differs", name, text.data);
            check(mica_tokenizer_encode(tokenizer, text, &second, &options, &encoding, &err), &err);
            if (test_digest(encoding, 0) != number(mica_json_get(item, "pair")))
                fail_msg("%s: '%s' differs as a pair", name, text.data);
            check_decoded(tokenizer, item, false);
            check_decoded(tokenizer, item, true);
        }
        if ((uint32_t)mica_tokenizer_pad_id(tokenizer) != number(mica_json_get(dir, "pad_id")) ||
            mica_tokenizer_max_length(tokenizer) != number(mica_json_get(dir, "max_length")) ||
            mica_tokenizer_vocab_size(tokenizer) != number(mica_json_get(dir, "size")))
            fail_msg("%s: pad_id %lld, max_length %zu, size %zu", name,
                     (long long)mica_tokenizer_pad_id(tokenizer),
                     mica_tokenizer_max_length(tokenizer), mica_tokenizer_vocab_size(tokenizer));
        mica_tokenizer_destroy(&tokenizer);
    }
    assert_int_equal(n, 16);
    mica_encoding_destroy(&encoding);
}

/* Every line of one file, 500 lines a number. */
static void check_file(const mica_tokenizer *tokenizer, const mica_json_value *rows,
                       const char *file)
{
    const mica_json_value *want = mica_json_first(rows);
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    char path[512], *data;
    size_t size, lines = 0;
    uint32_t crc = 0;

    snprintf(path, sizeof path, "%s/text/%s", MICA_SHARED_DATA, file);
    check(mica_file_read(path, 1 << 30, &data, &size, &err), &err);
    for (char *line = data;; lines++) {
        size_t left = (size_t)(data + size - line);
        char *end = left ? memchr(line, '\n', left) : NULL;

        if (lines > 0 && lines % 500 == 0) {
            if (crc != number(want))
                fail_msg("%s: lines before %zu differ", file, lines);
            want = mica_json_next(want);
            crc = 0;
        }
        encode(tokenizer, line, end ? (size_t)(end - line) : left, &encoding);
        crc = test_digest(encoding, crc);
        if (!end)
            break;
        line = end + 1;
    }
    if (crc != number(want))
        fail_msg("%s: the last lines differ", file);
    assert_null(mica_json_next(want));
    mica_encoding_destroy(&encoding);
    mica_free(data);
}

static void check_files(const char *name)
{
    const mica_json_value *file =
        mica_json_first(mica_json_get(mica_json_get(root, "files"), name));
    mica_tokenizer *tokenizer;
    char path[512];
    int n = 0;

    snprintf(path, sizeof path, "%s/%s/tokenizer.json", TOKENIZERS, name);
    if (!mica_file_exists(path) || !mica_dir_exists(MICA_SHARED_DATA "/text")) {
        print_message("skipped: no shared data at %s\n", MICA_SHARED_DATA);
        skip();
    }
    check_texts(path, name, false);
    tokenizer = open_tokenizer(path);
    for (; file; file = mica_json_next(file), n++) {
        size_t size;
        const char *key = mica_json_key(file, &size);
        check_file(tokenizer, file, key);
    }
    assert_true(n > 60);
    mica_tokenizer_destroy(&tokenizer);
}

static void test_files_uncased(void **state)
{
    check_files("bert-base-uncased");
}

static void test_files_cased(void **state)
{
    check_files("bert-base-cased");
}

static void test_files_multilingual(void **state)
{
    check_files("bert-base-multilingual-cased");
}

static void test_files_minilm(void **state)
{
    check_files("all-minilm-l6-v2");
}

/* The lines of texts.jsonl, 50 a number. */
static void check_texts_by_50(const mica_tokenizer *tokenizer, const mica_json_value *rows,
                              const char *name)
{
    const mica_json_value *want = mica_json_first(rows);
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    char *file;
    size_t size, n = 0;
    uint32_t crc = 0;

    check(mica_file_read(FIXTURES "/texts.jsonl", 1 << 20, &file, &size, &err), &err);
    for (char *line = file; line < file + size; n++) {
        char *end = memchr(line, '\n', (size_t)(file + size - line));
        mica_json *json;
        const char *text;
        size_t text_size;

        if (n > 0 && n % 50 == 0) {
            if (crc != number(want))
                fail_msg("%s: lines before %zu of texts.jsonl differ", name, n);
            want = mica_json_next(want);
            crc = 0;
        }
        check(mica_json_parse(line, (size_t)(end - line), "texts.jsonl", &json, &err), &err);
        text = mica_json_string(mica_json_root(json), &text_size);
        encode(tokenizer, text, text_size, &encoding);
        crc = test_digest(encoding, crc);
        check_byte_spans(encoding, text, text_size);
        mica_json_destroy(&json);
        line = end + 1;
    }
    if (crc != number(want))
        fail_msg("%s: the last lines of texts.jsonl differ", name);
    assert_null(mica_json_next(want));
    mica_free(file);
    mica_encoding_destroy(&encoding);
}

/* Published tokenizers of every kind, which are not part of this repository. */
static void test_published(void **state)
{
    const mica_json_value *item;
    mica_json *json;
    mica_error err = {0};
    int n = 0, missing = 0;

    check(mica_json_parse_file(FIXTURES "/files.json", &json, &err), &err);
    for (item = mica_json_first(mica_json_root(json)); item; item = mica_json_next(item), n++) {
        const mica_json_value *file = mica_json_first(mica_json_get(item, "files"));
        size_t size;
        const char *name = mica_json_key(item, &size);
        mica_tokenizer *tokenizer;
        char path[512];

        snprintf(path, sizeof path, "%s/%s/tokenizer.json", TOKENIZERS, name);
        if (!mica_file_exists(path) || !mica_dir_exists(MICA_SHARED_DATA "/text")) {
            print_message("skipped: no shared data at %s\n", path);
            missing++;
            continue;
        }
        tokenizer = open_tokenizer(path);
        check_texts_by_50(tokenizer, mica_json_get(item, "texts"), name);
        for (; file; file = mica_json_next(file))
            check_file(tokenizer, file, mica_json_key(file, &size));
        mica_tokenizer_destroy(&tokenizer);
    }
    assert_true(n >= 10);
    mica_json_destroy(&json);
    if (missing == n)
        skip();
}

/* A reference made by someone else. */
static void test_other_reference(void **state)
{
    mica_tokenizer *tokenizer;
    const mica_json_value *v;
    mica_json *json;
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    mica_text text;
    size_t i = 1;

    if (!mica_file_exists(TOKENIZERS "/expected/bert_uncased_encoded.json")) {
        print_message("skipped: no shared data at %s\n", MICA_SHARED_DATA);
        skip();
    }
    check(mica_json_parse_file(TOKENIZERS "/expected/bert_uncased_encoded.json", &json, &err),
          &err);
    tokenizer = open_tokenizer(FIXTURES "/bert-base-uncased");
    text.data = mica_json_string(mica_json_get(mica_json_root(json), "text"), &text.size);
    assert_non_null(text.data);
    check(mica_tokenizer_encode(tokenizer, text, NULL, NULL, &encoding, &err), &err);
    v = mica_json_first(mica_json_get(mica_json_root(json), "bpe_tokens"));
    for (; v; v = mica_json_next(v), i++) {
        size_t size, want_size;
        const char *want = mica_json_string(v, &want_size);
        const char *token = mica_encoding_token(encoding, i, &size);
        assert_int_equal(size, want_size);
        assert_memory_equal(token, want, size);
    }
    assert_int_equal(i + 1, mica_encoding_count(encoding));
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
    mica_json_destroy(&json);
}

static int setup(void **state)
{
    mica_error err = {0};

    if (mica_json_parse_file(FIXTURES "/expected.json", &expected, &err) != MICA_OK) {
        print_error("%s\n", err.message);
        return -1;
    }
    root = mica_json_root(expected);
    return 0;
}

static int teardown(void **state)
{
    mica_json_destroy(&expected);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_uncased),
        cmocka_unit_test(test_texts_cased),
        cmocka_unit_test(test_all_characters),
        cmocka_unit_test(test_normalizers),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_files_uncased),
        cmocka_unit_test(test_files_cased),
        cmocka_unit_test(test_files_multilingual),
        cmocka_unit_test(test_files_minilm),
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_other_reference),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
