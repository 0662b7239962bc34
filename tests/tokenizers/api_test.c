/* SPDX-License-Identifier: MIT
 *
 * The contract of include/mica/tokenizer.h beyond what Hugging Face's results show: errors and
 * their texts, damaged files, reuse of an encoding, long texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "mica/tokenizer.h"

#define FIXTURES MICA_TEST_DIR "/fixtures/tokenizers"

static mica_tokenizer *uncased(void)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};

    if (mica_tokenizer_open(FIXTURES "/bert-base-uncased", &tokenizer, &err) != MICA_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

/* A tokenizer.json around a vocabulary and the rest of its parts. */
#define FIELDS                                                                                     \
    "\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":"   \
    "100,"
#define MODEL(vocab)                                                                               \
    "{\"version\":\"1.0\",\"model\":{\"type\":\"WordPiece\"," FIELDS "\"vocab\":" vocab "}}"
#define WITH(part)                                                                                 \
    "{" part ",\"model\":{\"type\":\"WordPiece\"," FIELDS "\"vocab\":{\"[UNK]\":0,\"a\":1}}}"

static mica_status parse(const char *json, const char *config, mica_tokenizer **out,
                         mica_error *err)
{
    return mica_tokenizer_parse(json, strlen(json), config, config ? strlen(config) : 0, out, err);
}

static void refused(const char *json, const char *config, mica_status want, const char *text)
{
    mica_tokenizer *tokenizer = (mica_tokenizer *)&tokenizer;
    mica_error err = {0};
    mica_status status = parse(json, config, &tokenizer, &err);

    if (status != want || !strstr(err.message, text))
        fail_msg("%.100s: %s '%s', not %s '%s'", json, mica_status_name(status), err.message,
                 mica_status_name(want), text);
    assert_int_equal(err.status, want);
    assert_null(tokenizer);
}

static void test_damaged_files(void **state)
{
    refused("{", NULL, MICA_STATUS_FORMAT, "tokenizer.json");
    refused("[]", NULL, MICA_STATUS_FORMAT, "no JSON object");
    refused("{}", NULL, MICA_STATUS_FORMAT, "model");
    refused("{\"model\":7}", NULL, MICA_STATUS_FORMAT, "model");
    refused(MODEL("7"), NULL, MICA_STATUS_FORMAT, "vocab");
    refused(MODEL("{\"a\":\"b\"}"), NULL, MICA_STATUS_FORMAT, "'a' is no integer");
    refused(MODEL("{\"a\":1.5}"), NULL, MICA_STATUS_FORMAT, "'a' is no integer");
    refused(MODEL("{\"a\":-1}"), NULL, MICA_STATUS_FORMAT, "id -1 of token 'a'");
    refused(MODEL("{\"a\":4294967296}"), NULL, MICA_STATUS_FORMAT, "id 4294967296 of token 'a'");
    refused(MODEL("{\"a\":1,\"b\":1}"), NULL, MICA_STATUS_FORMAT, "id 1 belongs to two tokens");
    refused(WITH("\"version\":\"2.0\""), NULL, MICA_STATUS_UNSUPPORTED, "'2.0'");
    refused(WITH("\"version\":1"), NULL, MICA_STATUS_UNSUPPORTED, "version");
    refused("{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"a\",\"continuing_subword_prefix\":"
            "\"##\","
            "\"vocab\":{\"a\":0}}}",
            NULL, MICA_STATUS_FORMAT, "max_input_chars_per_word");
    refused(
        "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"a\",\"max_input_chars_per_word\":-1,"
        "\"continuing_subword_prefix\":\"##\",\"vocab\":{\"a\":0}}}",
        NULL, MICA_STATUS_FORMAT, "max_input_chars_per_word");
    refused(WITH("\"added_tokens\":{}"), NULL, MICA_STATUS_FORMAT, "added_tokens");
    refused(WITH("\"added_tokens\":[7]"), NULL, MICA_STATUS_FORMAT, "content");
    refused(WITH("\"added_tokens\":[{\"content\":\"x\",\"id\":2}]"), NULL, MICA_STATUS_FORMAT,
            "single_word");
    refused(WITH("\"normalizer\":{\"type\":\"BertNormalizer\"}"), NULL, MICA_STATUS_FORMAT,
            "clean_text");
    refused(WITH("\"normalizer\":{}"), NULL, MICA_STATUS_FORMAT, "type");
    refused(WITH("\"decoder\":{\"type\":\"WordPiece\"}"), NULL, MICA_STATUS_FORMAT, "prefix");
    refused(
        WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
             "{\"id\":\"[CLS]\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}"),
        NULL, MICA_STATUS_FORMAT, "[CLS]");
    refused(WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":"
                 "{\"id\":\"B\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}"),
            NULL, MICA_STATUS_FORMAT, "sequence B");
    refused(WITH("\"x\":0"), "{\"added_tokens_decoder\":{\"z\":{\"content\":\"a\"}}}",
            MICA_STATUS_FORMAT, "\"z\"");
    refused(WITH("\"x\":0"), "nonsense", MICA_STATUS_FORMAT, "tokenizer_config.json");
}

#define NORMALIZER(fields) WITH("\"normalizer\":{" fields "}")
#define CHARSMAP(base64)                                                                           \
    NORMALIZER("\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" base64 "\"")

static void test_damaged_normalizers(void **state)
{
    refused(NORMALIZER("\"type\":\"Strip\",\"strip_left\":true"), NULL, MICA_STATUS_FORMAT,
            "strip_right");
    refused(NORMALIZER("\"type\":\"Prepend\""), NULL, MICA_STATUS_FORMAT, "'prepend'");
    refused(NORMALIZER("\"type\":\"Replace\",\"content\":\"\""), NULL, MICA_STATUS_FORMAT,
            "'pattern'");
    refused(NORMALIZER("\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}"), NULL,
            MICA_STATUS_FORMAT, "'content'");
    refused(NORMALIZER("\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\""), NULL,
            MICA_STATUS_FORMAT, "normalizer Replace: the pattern '('");
    refused(NORMALIZER("\"type\":\"Sequence\""), NULL, MICA_STATUS_FORMAT, "'normalizers'");
    refused(NORMALIZER("\"type\":\"Sequence\",\"normalizers\":[null]"), NULL, MICA_STATUS_FORMAT,
            "'normalizers'");
    refused(NORMALIZER("\"type\":\"Precompiled\""), NULL, MICA_STATUS_FORMAT,
            "'precompiled_charsmap'");
    refused(CHARSMAP(""), NULL, MICA_STATUS_FORMAT, "0 bytes are too few");
    refused(CHARSMAP("AAA"), NULL, MICA_STATUS_FORMAT, "not base64");
    refused(CHARSMAP("AAAA\\n"), NULL, MICA_STATUS_FORMAT, "not base64");
    refused(CHARSMAP("A==="), NULL, MICA_STATUS_FORMAT, "not base64");
    refused(CHARSMAP("AB=="), NULL, MICA_STATUS_FORMAT, "not base64");
    refused(CHARSMAP("AA==AAAA"), NULL, MICA_STATUS_FORMAT, "not base64");
    refused(CHARSMAP("/////wAA"), NULL, MICA_STATUS_FORMAT, "a trie of 4294967295 bytes");
}

/* What the reference cannot do either: nothing that maps characters may follow an insertion at the
 * start of a text. */
static void test_inserted_at_start(void **state)
{
    static const char json[] =
        NORMALIZER("\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":"
                   "{\"Regex\":\"^\"},\"content\":\"x\"},{\"type\":\"Lowercase\"}]");
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};

    if (mica_tokenizer_parse(json, sizeof json - 1, NULL, 0, &tokenizer, &err) != MICA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"A", 1}, NULL, NULL, &encoding, &err),
        MICA_STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "inserts text at the start"));
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"", 0}, NULL, NULL, &encoding, &err), MICA_OK);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

/* Of a tokenizer.json alone, these sections count. */
static void test_damaged_sections(void **state)
{
#define CUT(fields) WITH("\"truncation\":{" fields "}")
#define PAD(fields) WITH("\"padding\":{" fields "}")
#define FILL "\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"a\""
    refused(CUT("\"max_length\":3,\"stride\":0"), NULL, MICA_STATUS_FORMAT, "strategy");
    refused(CUT("\"strategy\":\"OnlyFirst\",\"stride\":0"), NULL, MICA_STATUS_FORMAT, "max_length");
    refused(CUT("\"strategy\":\"OnlyFirst\",\"max_length\":0,\"stride\":0"), NULL,
            MICA_STATUS_FORMAT, "max_length 0");
    refused(CUT("\"strategy\":\"OnlyFirst\",\"max_length\":3,\"stride\":-1"), NULL,
            MICA_STATUS_FORMAT, "stride");
    refused(CUT("\"strategy\":\"OnlyFirst\",\"max_length\":3,\"stride\":0,\"direction\":\"Up\""),
            NULL, MICA_STATUS_FORMAT, "direction");
    refused(PAD(FILL ",\"strategy\":7,\"direction\":\"Left\""), NULL, MICA_STATUS_FORMAT,
            "strategy");
    refused(PAD(FILL ",\"strategy\":\"BatchLongest\""), NULL, MICA_STATUS_FORMAT, "direction");
    refused(PAD("\"strategy\":{\"Fixed\":9},\"direction\":\"Left\",\"pad_id\":-2"), NULL,
            MICA_STATUS_FORMAT, "pad_id");
#undef CUT
#undef PAD
#undef FILL
}

static void test_damaged_pretokenizers(void **state)
{
#define STEP(fields) WITH("\"pre_tokenizer\":{\"type\":" fields "}")
    refused(STEP("7"), NULL, MICA_STATUS_FORMAT, "no type");
    refused(STEP("\"Sequence\""), NULL, MICA_STATUS_FORMAT, "pretokenizers");
    refused(STEP("\"ByteLevel\",\"trim_offsets\":true"), NULL, MICA_STATUS_FORMAT,
            "add_prefix_space");
    refused(STEP("\"ByteLevel\",\"add_prefix_space\":true"), NULL, MICA_STATUS_FORMAT,
            "trim_offsets");
    refused(STEP("\"Metaspace\",\"replacement\":\"ab\""), NULL, MICA_STATUS_FORMAT, "replacement");
    refused(STEP("\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\""), NULL,
            MICA_STATUS_FORMAT, "prepend_scheme");
    refused(STEP("\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"first\","
                 "\"add_prefix_space\":false"),
            NULL, MICA_STATUS_FORMAT, "'first'");
    refused(STEP("\"Digits\""), NULL, MICA_STATUS_FORMAT, "individual_digits");
    refused(STEP("\"FixedLength\",\"length\":0"), NULL, MICA_STATUS_FORMAT, "length");
    refused(STEP("\"Punctuation\",\"behavior\":\"Gone\""), NULL, MICA_STATUS_FORMAT, "behavior");
    refused(STEP("\"CharDelimiterSplit\",\"delimiter\":\"\""), NULL, MICA_STATUS_FORMAT,
            "delimiter");
    refused(STEP("\"Split\",\"behavior\":\"Removed\",\"pattern\":{\"String\":\"a\"}"), NULL,
            MICA_STATUS_FORMAT, "invert");
    refused(STEP("\"Split\",\"behavior\":\"Removed\",\"invert\":false,\"pattern\":{}"), NULL,
            MICA_STATUS_FORMAT, "pattern");
    refused(
        STEP("\"Split\",\"behavior\":\"Removed\",\"invert\":false,\"pattern\":{\"Regex\":\"(a\"}"),
        NULL, MICA_STATUS_FORMAT, "'(a' is not valid: end pattern with unmatched parenthesis");
#undef STEP
}

/* A pattern that needs exponential time is an error, not a wait. */
static void test_exploding_pattern(void **state)
{
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};

    assert_int_equal(
        parse(WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Removed\","
                   "\"invert\":false,\"pattern\":{\"Regex\":\"(a|aa)+(a|aa)+[0-9]\"}}"),
              NULL, &tokenizer, &err),
        MICA_OK);
    assert_int_equal(mica_tokenizer_encode(
                         tokenizer, (mica_text){"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 40},
                         NULL, NULL, &encoding, &err),
                     MICA_STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "retry-limit"));
    mica_tokenizer_destroy(&tokenizer);
}

static void test_unknown_kinds(void **state)
{
    refused("{\"model\":{\"type\":\"Morfessor\"}}", NULL, MICA_STATUS_UNSUPPORTED,
            "model 'Morfessor'");
    refused("{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{},\"merges\":[]}}", NULL,
            MICA_STATUS_UNSUPPORTED, "dropout 0.1");
    refused(WITH("\"normalizer\":{\"type\":\"NFKE\"}"), NULL, MICA_STATUS_UNSUPPORTED, "'NFKE'");
    refused(WITH("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Nnt\"}]}"),
            NULL, MICA_STATUS_UNSUPPORTED, "'Nnt'");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Other\"}"), NULL, MICA_STATUS_UNSUPPORTED,
            "'Other'");
    refused(WITH("\"post_processor\":{\"type\":\"Other\"}"), NULL, MICA_STATUS_UNSUPPORTED,
            "'Other'");
    refused(WITH("\"decoder\":{\"type\":\"Fuses\"}"), NULL, MICA_STATUS_UNSUPPORTED, "'Fuses'");
    refused(WITH("\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                 "\"handle_chinese_chars\":true,\"lowercase\":true},\"added_tokens\":[{\"id\":2,"
                 "\"content\":\"\xCC\x81\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                 "\"normalized\":true,\"special\":false}]"),
            NULL, MICA_STATUS_UNSUPPORTED, "leaves nothing");
}

static void test_not_found(void **state)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};

    assert_int_equal(mica_tokenizer_open(FIXTURES "/nowhere", &tokenizer, &err),
                     MICA_STATUS_NOT_FOUND);
    assert_null(tokenizer);
    assert_int_equal(mica_tokenizer_open(MICA_TEST_DIR, &tokenizer, &err), MICA_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "vocab.txt"));
    assert_null(tokenizer);
}

/* As Hugging Face: a vocabulary may lack its unknown token until one is needed. */
static void test_no_unknown_token(void **state)
{
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};

    assert_int_equal(parse(MODEL("{\"a\":0,\"##b\":1}"), NULL, &tokenizer, &err), MICA_OK);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"ab", 2}, NULL, NULL, &encoding, &err),
        MICA_OK);
    assert_int_equal(mica_encoding_count(encoding), 2);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"ax", 2}, NULL, NULL, &encoding, &err),
        MICA_STATUS_FORMAT);
    assert_non_null(strstr(err.message, "[UNK]"));
    assert_non_null(encoding);
    assert_int_equal(mica_encoding_count(encoding), 0);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
    assert_null(tokenizer);
}

static void test_empty_vocabulary(void **state)
{
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};

    assert_int_equal(parse(MODEL("{}"), NULL, &tokenizer, &err), MICA_OK);
    assert_int_equal(mica_tokenizer_vocab_size(tokenizer), 0);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"", 0}, NULL, NULL, &encoding, &err), MICA_OK);
    assert_int_equal(mica_encoding_count(encoding), 0);
    mica_encoding_destroy(&encoding);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"a", 1}, NULL, NULL, &encoding, &err),
        MICA_STATUS_FORMAT);
    assert_null(encoding);
    mica_tokenizer_destroy(&tokenizer);
}

static void test_holes(void **state)
{
    mica_tokenizer *tokenizer;
    mica_error err = {0};
    const int64_t ids[] = {1, 5, 9};
    const int64_t beyond[] = {1, 10}, negative[] = {-1};
    char *text;
    size_t size;

    assert_int_equal(parse(MODEL("{\"a\":1,\"b\":9}"), NULL, &tokenizer, &err), MICA_OK);
    assert_int_equal(mica_tokenizer_vocab_size(tokenizer), 10);
    assert_null(mica_tokenizer_token(tokenizer, 5, &size));
    assert_int_equal(mica_tokenizer_id(tokenizer, "b", 1), 9);
    assert_int_equal(mica_tokenizer_id(tokenizer, "c", 1), -1);
    assert_int_equal(mica_tokenizer_decode(tokenizer, ids, 3, NULL, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "a b");
    mica_text_free(&text);
    assert_int_equal(mica_tokenizer_decode(tokenizer, beyond, 2, NULL, &text, &size, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_null(text);
    assert_non_null(strstr(err.message, "id 10 at position 1"));
    assert_int_equal(mica_tokenizer_decode(tokenizer, negative, 1, NULL, &text, &size, &err),
                     MICA_STATUS_INVALID_ARGUMENT);
    assert_int_equal(mica_tokenizer_decode(tokenizer, NULL, 0, NULL, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "");
    mica_text_free(&text);
    mica_tokenizer_destroy(&tokenizer);
}

static void test_invalid_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        const char *at;
    } cases[] = {{"ab\xFF", 3, "byte 2 (0xFF)"},
                 {"\xC3", 1, "byte 0"},
                 {"a\xED\xA0\x80", 4, "byte 1"},
                 {"\xC0\x80", 2, "byte 0"},
                 {"\xF4\x90\x80\x80", 4, "byte 0"}};
    mica_tokenizer *tokenizer = uncased();
    mica_encoding *encoding = NULL;
    const mica_text fine = {"fine", 4};
    mica_error err = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mica_text bad = {cases[i].text, cases[i].size};
        assert_int_equal(mica_tokenizer_encode(tokenizer, bad, NULL, NULL, &encoding, &err),
                         MICA_STATUS_INVALID_UTF8);
        assert_non_null(strstr(err.message, cases[i].at));
        assert_null(encoding);
        assert_int_equal(mica_tokenizer_encode(tokenizer, fine, &bad, NULL, &encoding, &err),
                         MICA_STATUS_INVALID_UTF8);
        assert_non_null(strstr(err.message, "second text"));
    }
    mica_tokenizer_destroy(&tokenizer);
}

static void test_bad_options(void **state)
{
    mica_tokenizer *tokenizer = uncased();
    mica_encoding *encoding = NULL;
    mica_encode_options options;
    mica_error err = {0};

    mica_encode_options_defaults(&options);
    options.max_length = 1;
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"a", 1}, NULL, &options, &encoding, &err),
        MICA_STATUS_INVALID_ARGUMENT);
    options.max_length = 2;
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){"a", 1}, NULL, &options, &encoding, &err),
        MICA_OK);
    assert_int_equal(mica_encoding_count(encoding), 2);
    assert_int_equal(mica_encoding_full_count(encoding), 3);
    assert_true(mica_encoding_truncated(encoding));
    mica_encoding_destroy(&encoding);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){NULL, 3}, NULL, NULL, &encoding, &err),
        MICA_STATUS_INVALID_ARGUMENT);
    mica_tokenizer_destroy(&tokenizer);
}

/* An encoding used again allocates nothing while texts get no longer, and leaves nothing behind. */
static void test_reuse(void **state)
{
    mica_tokenizer *tokenizer = uncased();
    const char *const texts[] = {
        "na\xC3\xAFve \xE4\xB8\xAD\xE6\x96\x87 unaffable [MASK] a\xCC\x81\xCC\xA3 x", "plain words",
        "", "\xE3\x80\xAE\xCC\x81\xE3\x80\xAF b"};
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    uint64_t count = 0;

    for (int round = 0; round < 3; round++) {
        if (round == 1)
            count = mica_alloc_count();
        for (size_t i = 0; i < 4; i++) {
            mica_text text = {texts[i], strlen(texts[i])};
            assert_int_equal(mica_tokenizer_encode(tokenizer, text, &text, NULL, &encoding, &err),
                             MICA_OK);
        }
    }
    assert_int_equal(mica_alloc_count(), count);
    mica_tokenizer_encode(tokenizer, (mica_text){"", 0}, NULL, NULL, &encoding, &err);
    assert_int_equal(mica_encoding_count(encoding), 2);
    assert_false(mica_encoding_truncated(encoding));
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

/* Long texts of the kinds that make a careless tokenizer quadratic; a minute would be the limit of
 * the whole test, this takes less than a second. */
static void test_long_texts(void **state)
{
    static const char *const units[] = {
        "a",         " ",    "[", "[MASK]", "\xCC\x81", "\xE3\x80\xAE", "#", "\n", "\xE4\xB8\xAD",
        "\xC3\xA9 ", "[MASK"};
    mica_tokenizer *tokenizer = uncased();
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    size_t size = 1 << 21;
    char *text = malloc(size + 8);

    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t unit = strlen(units[u]), n = 0;
        while (n + unit <= size) {
            memcpy(text + n, units[u], unit);
            n += unit;
        }
        assert_int_equal(
            mica_tokenizer_encode(tokenizer, (mica_text){text, n}, NULL, NULL, &encoding, &err),
            MICA_OK);
    }
    free(text);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

/* Long texts are taken in blocks: a line repeated gives its tokens repeated, wherever blocks end.
 */
static void test_blocks(void **state)
{
    static const char *const lines[] = {" Unaffable words, and more of them: na\xC3\xAFve "
                                        "a\xCC\x81\xCC\xA3x \xE4\xB8\xAD\xE6\x96\x87",
                                        " plain words only, [MASK] of unaffability;"};
    mica_tokenizer *tokenizer = uncased();
    mica_encode_options options;
    mica_error err = {0};
    size_t copies = 4000;

    mica_encode_options_defaults(&options);
    for (size_t u = 0; u < sizeof lines / sizeof *lines; u++) {
        size_t size = strlen(lines[u]), n, words;
        char *text = malloc(copies * size);
        mica_encoding *one = NULL, *all = NULL;

        for (size_t i = 0; i < copies; i++)
            memcpy(text + i * size, lines[u], size);
        options.add_special_tokens = false;
        assert_int_equal(mica_tokenizer_encode(tokenizer, (mica_text){lines[u], size}, NULL,
                                               &options, &one, &err),
                         MICA_OK);
        options.add_special_tokens = true;
        assert_int_equal(mica_tokenizer_encode(tokenizer, (mica_text){text, copies * size}, NULL,
                                               &options, &all, &err),
                         MICA_OK);
        n = mica_encoding_count(one);
        words = (size_t)mica_encoding_word_ids(one)[n - 1] + 1;
        assert_int_equal(mica_encoding_count(all), copies * n + 2);
        assert_int_equal(mica_encoding_ids(all)[0], 101);
        assert_int_equal(mica_encoding_ids(all)[copies * n + 1], 102);
        for (size_t i = 0; i < copies * n; i++) {
            mica_span want = mica_encoding_byte_spans(one)[i % n];
            mica_span got = mica_encoding_byte_spans(all)[i + 1];

            assert_int_equal(mica_encoding_ids(all)[i + 1], mica_encoding_ids(one)[i % n]);
            assert_int_equal(mica_encoding_word_ids(all)[i + 1],
                             i / n * words + (size_t)mica_encoding_word_ids(one)[i % n]);
            assert_int_equal(got.begin, i / n * size + want.begin);
            assert_int_equal(got.end, i / n * size + want.end);
        }
        mica_encoding_destroy(&one);
        mica_encoding_destroy(&all);
        free(text);
    }
    mica_tokenizer_destroy(&tokenizer);
}

/* A limit on the characters of a word that limits nothing. */
static void test_huge_words(void **state)
{
    static const char json[] =
        "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":"
        "\"##\","
        "\"max_input_chars_per_word\":9007199254740991,\"vocab\":{\"[UNK]\":0,\"a\":1,\"##a\":2,"
        "\"##aaaaaaaa\":3,\"##aaaaaaaab\":4}}}";
    mica_tokenizer *tokenizer;
    mica_encoding *encoding = NULL;
    mica_error err = {0};
    size_t size = 1 << 20;
    char *text = malloc(size);

    memset(text, 'a', size);
    assert_int_equal(parse(json, NULL, &tokenizer, &err), MICA_OK);
    assert_int_equal(
        mica_tokenizer_encode(tokenizer, (mica_text){text, size}, NULL, NULL, &encoding, &err),
        MICA_OK);
    assert_int_equal(mica_encoding_count(encoding), 1 + (size - 1) / 8 + (size - 1) % 8);
    free(text);
    mica_encoding_destroy(&encoding);
    mica_tokenizer_destroy(&tokenizer);
}

static void test_vocabulary(void **state)
{
    mica_tokenizer *tokenizer = uncased();
    size_t size;

    assert_int_equal(mica_tokenizer_vocab_size(tokenizer), 30522);
    assert_int_equal(mica_tokenizer_max_length(tokenizer), 512);
    assert_int_equal(mica_tokenizer_pad_id(tokenizer), 0);
    assert_int_equal(mica_tokenizer_special_count(tokenizer, false), 2);
    assert_int_equal(mica_tokenizer_special_count(tokenizer, true), 3);
    assert_int_equal(mica_tokenizer_id(tokenizer, "[MASK]", 6), 103);
    assert_string_equal(mica_tokenizer_token(tokenizer, 103, &size), "[MASK]");
    assert_int_equal(size, 6);
    assert_null(mica_tokenizer_token(tokenizer, -1, &size));
    assert_null(mica_tokenizer_token(tokenizer, 30522, &size));
    for (int64_t id = 0; id < 30522; id++) {
        const char *token = mica_tokenizer_token(tokenizer, id, &size);
        assert_non_null(token);
        assert_int_equal(mica_tokenizer_id(tokenizer, token, size), id);
    }
    mica_tokenizer_destroy(&tokenizer);
    mica_tokenizer_destroy(&tokenizer);
    mica_encoding_destroy(NULL);
}

/* A Unigram list may have a string twice: it is found by its last id and has the score of that; the
 * other id still has its string. */
static void test_repeated_string(void **state)
{
    static const char json[] = "{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>"
                               "\",0],[\"ab\",-1],[\"a\",-2],"
                               "[\"b\",-2],[\"ab\",-9],[\"c\",-1],[\"c\",-2],[\"c\",-3]]}}";
    static const int64_t ids[] = {1, 4, 5, 6, 7};
    static const int32_t want[] = {2, 3, 7};
    mica_tokenizer *tokenizer;
    mica_encoding *e = NULL;
    mica_error err = {0};
    size_t size;
    char *text;

    assert_int_equal(parse(json, NULL, &tokenizer, &err), MICA_OK);
    assert_int_equal(mica_tokenizer_vocab_size(tokenizer), 8);
    assert_string_equal(mica_tokenizer_token(tokenizer, 1, &size), "ab");
    assert_string_equal(mica_tokenizer_token(tokenizer, 4, &size), "ab");
    assert_int_equal(mica_tokenizer_id(tokenizer, "ab", 2), 4);
    assert_int_equal(mica_tokenizer_id(tokenizer, "c", 1), 7);
    assert_int_equal(mica_tokenizer_encode(tokenizer, (mica_text){"abc", 3}, NULL, NULL, &e, &err),
                     MICA_OK);
    assert_int_equal(mica_encoding_count(e), 3);
    assert_memory_equal(mica_encoding_ids(e), want, sizeof want);
    assert_int_equal(mica_tokenizer_decode(tokenizer, ids, 5, NULL, &text, &size, &err), MICA_OK);
    assert_string_equal(text, "ab ab c c c");
    mica_text_free(&text);
    mica_encoding_destroy(&e);
    mica_tokenizer_destroy(&tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_damaged_normalizers),
        cmocka_unit_test(test_inserted_at_start),
        cmocka_unit_test(test_damaged_sections),
        cmocka_unit_test(test_damaged_pretokenizers),
        cmocka_unit_test(test_exploding_pattern),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_no_unknown_token),
        cmocka_unit_test(test_empty_vocabulary),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_huge_words),
        cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_repeated_string),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
