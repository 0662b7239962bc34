/* SPDX-License-Identifier: MIT
 *
 * Embeddings held to those of sentence-transformers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "models/support.h"

static mica_context *context;

static int setup(void **state)
{
    context = new_context(0);
    return 0;
}

static int teardown(void **state)
{
    mica_context_destroy(&context);
    return 0;
}

/* The texts of a JSON list, owned by the document; *list is freed with free(). */
static size_t get_texts(const mica_json_value *array, mica_text **list)
{
    size_t n = 0;

    *list = calloc(mica_json_count(array), sizeof **list);
    assert_non_null(*list);
    for (const mica_json_value *v = mica_json_first(array); v; v = mica_json_next(v), n++)
        (*list)[n].data = mica_json_string(v, &(*list)[n].size);
    return n;
}

static mica_embeddings *embed(mica_session *session, const mica_text *texts, size_t n,
                              const mica_embed_options *options)
{
    mica_embeddings *e = NULL;
    mica_error err = {0};

    must(mica_embed(session, texts, n, options, &e, &err), &err);
    assert_int_equal(mica_embeddings_count(e), n);
    return e;
}

/* One call of encode, as cases.json has it. */
static void read_options(const mica_json_value *row, mica_embed_options *options)
{
    bool flag = false;
    int64_t number = 0;

    mica_embed_options_defaults(options);
    options->prompt = mica_json_string(mica_json_get(row, "prompt"), NULL);
    options->prompt_name = mica_json_string(mica_json_get(row, "prompt_name"), NULL);
    if (mica_json_bool(mica_json_get(row, "normalize_embeddings"), &flag) && flag)
        options->normalize = 1;
    if (mica_json_int64(mica_json_get(row, "truncate_dim"), &number))
        options->dimensions = (size_t)number;
}

static size_t check_cases(const char *dir)
{
    mica_json *json = NULL;
    mica_error err = {0};
    mica_text *texts;
    mica_model *model = open_model(context, dir);
    mica_session *session = new_session(model);
    mica_tensor_file *file = open_tensors(path_in(dir, "vectors.safetensors"));
    size_t cases = 0;

    must(mica_json_parse_file(path_in(dir, "cases.json"), &json, &err), &err);
    size_t n = get_texts(mica_json_get(mica_json_root(json), "texts"), &texts);
    const mica_json_value *row = mica_json_first(mica_json_get(mica_json_root(json), "cases"));
    for (; row; row = mica_json_next(row), cases++) {
        const char *name = mica_json_string(mica_json_get(row, "name"), NULL);
        mica_tensor *expected = get_tensor(file, name);
        mica_embed_options options;

        read_options(row, &options);
        mica_embeddings *e = embed(session, texts, n, &options);
        char what[200];
        snprintf(what, sizeof what, "%s: %s", dir, name);
        assert_int_equal(mica_embeddings_dimension(e), mica_tensor_dim(expected, 1));
        expect_close(mica_embeddings_vector(e, 0), mica_tensor_data(expected),
                     n * mica_embeddings_dimension(e), 1e-5, what);
        mica_embeddings_destroy(&e);
        mica_tensor_release(&expected);
    }
    free(texts);
    mica_json_destroy(&json);
    mica_tensor_file_close(&file);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    return cases;
}

static void test_cases(void **state)
{
    assert_int_equal(check_cases(fixture("st-plain")), 4);
    assert_int_equal(check_cases(fixture("st-modern")), 6);
    assert_int_equal(check_cases(fixture("st-old")), 1);
    assert_int_equal(check_cases(fixture("st-chain")), 2);
    assert_int_equal(check_cases(fixture("st-instruct")), 3);
}

/* A copy of st-activations for each activation of Dense. */
static void test_dense_activations(void **state)
{
    const char *origin = fixture("st-activations");
    mica_json *json = NULL;
    mica_error err = {0};
    mica_text *texts;
    mica_tensor_file *file = open_tensors(path_in(origin, "vectors.safetensors"));
    size_t cases = 0;

    must(mica_json_parse_file(path_in(origin, "cases.json"), &json, &err), &err);
    size_t n = get_texts(mica_json_get(mica_json_root(json), "texts"), &texts);
    const mica_json_value *row = mica_json_first(mica_json_get(mica_json_root(json), "cases"));
    for (; row; row = mica_json_next(row), cases++) {
        const char *name = mica_json_string(mica_json_get(row, "name"), NULL);
        const char *dir = copy_of("st-activations", "dense");
        mica_tensor *expected = get_tensor(file, name);

        edit(path_in(dir, "2_Dense/config.json"), "torch.nn.modules.activation.Tanh",
             mica_json_string(mica_json_get(row, "activation_function"), NULL));
        mica_model *model = open_model(context, dir);
        mica_session *session = new_session(model);
        mica_embeddings *e = embed(session, texts, n, NULL);
        expect_close(mica_embeddings_vector(e, 0), mica_tensor_data(expected),
                     n * mica_embeddings_dimension(e), 1e-5, name);
        mica_embeddings_destroy(&e);
        mica_session_destroy(&session);
        mica_model_destroy(&model);
        mica_tensor_release(&expected);
    }
    assert_int_equal(cases, 19);
    free(texts);
    mica_json_destroy(&json);
    mica_tensor_file_close(&file);
}

static const char *const words[] = {
    "the cat",
    "",
    "a dog sat on the mat",
    "hello world 你好",
    "what is this what is this what is this what is this what is this what is this",
    "x",
    "running"};
#define WORDS (sizeof words / sizeof *words)

static void make_texts(mica_text texts[WORDS])
{
    for (size_t i = 0; i < WORDS; i++)
        texts[i] = (mica_text){words[i], strlen(words[i])};
}

/* Alone, in any company, with any batch size and number of threads: the same bits. */
static void test_bit_identity(void **state)
{
    static const char *const models[] = {"st-modern", "st-chain", "st-instruct"};
    static const size_t limits[] = {0, 1, 12, 40};
    mica_context *contexts[2] = {new_context(1), new_context(2)};
    mica_text texts[WORDS];

    make_texts(texts);
    for (size_t m = 0; m < 3; m++) {
        mica_embeddings *first = NULL;

        for (size_t c = 0; c < 2; c++) {
            mica_model *model = open_model(contexts[c], fixture(models[m]));
            mica_session *session = new_session(model);
            mica_embed_options options;
            size_t row;

            mica_embed_options_defaults(&options);
            options.prompt_name = m == 1 ? NULL : "query";
            first = first ? first : embed(session, texts, WORDS, &options);
            row = mica_embeddings_dimension(first) * sizeof(float);
            for (size_t l = 0; l < 4; l++) {
                options.batch_tokens = limits[l];
                mica_embeddings *e = embed(session, texts, WORDS, &options);
                assert_memory_equal(mica_embeddings_vector(e, 0), mica_embeddings_vector(first, 0),
                                    WORDS * row);
                mica_embeddings_destroy(&e);
            }
            for (size_t i = 0; i < WORDS; i++) {
                mica_embeddings *e = embed(session, &texts[i], 1, &options);
                assert_memory_equal(mica_embeddings_vector(e, 0), mica_embeddings_vector(first, i),
                                    row);
                mica_embeddings_destroy(&e);
            }
            mica_session_destroy(&session);
            mica_model_destroy(&model);
        }
        mica_embeddings_destroy(&first);
    }
    mica_context_destroy(&contexts[0]);
    mica_context_destroy(&contexts[1]);
}

static void test_options(void **state)
{
    mica_model *model = open_model(context, fixture("st-modern"));
    mica_session *session = new_session(model);
    mica_embeddings *e = NULL;
    mica_embed_options options;
    mica_model_info info;
    mica_text texts[WORDS];
    mica_error err = {0};

    make_texts(texts);
    mica_model_get_info(model, &info);
    assert_string_equal(info.pooling, "mean");
    assert_true(info.normalize && info.has_tokenizer);
    assert_int_equal(info.max_length, 16);
    assert_int_equal(info.dimension, 24);
    assert_string_equal(info.default_prompt_name, "passage");

    e = embed(session, texts, WORDS, NULL);
    assert_string_equal(mica_embeddings_pooling(e), "mean");
    assert_true(mica_embeddings_normalized(e));
    for (size_t i = 0; i < WORDS; i++) {
        double length = 0;
        for (size_t k = 0; k < 24; k++)
            length += pow(mica_embeddings_vector(e, i)[k], 2);
        assert_true(fabs(length - 1) < 1e-6);
        assert_true(mica_embeddings_truncated(e, i) == (i == 4));
    }
    assert_int_equal(mica_embeddings_tokens(e, 4), 16);
    assert_true(mica_embeddings_tokens(e, 1) < 16);
    assert_true(fabs(mica_cosine(mica_embeddings_vector(e, 0), mica_embeddings_vector(e, 0), 24) -
                     1) < 1e-12);
    assert_true(mica_cosine((const float[]){1, INFINITY}, (const float[]){1, 1}, 2) == 0);
    assert_true(mica_cosine((const float[]){1, 1}, (const float[]){NAN, 1}, 2) == 0);
    assert_true(mica_cosine((const float[]){0, 0}, (const float[]){1, 1}, 2) == 0);

    mica_embed_options_defaults(&options);
    options.pooling = "cls+max+mean_sqrt_len";
    options.normalize = 0;
    options.dimensions = 60;
    must(mica_embed(session, texts, 2, &options, &e, &err), &err); /* reuses e */
    assert_int_equal(mica_embeddings_count(e), 2);
    assert_int_equal(mica_embeddings_dimension(e), 60);
    assert_string_equal(mica_embeddings_pooling(e), "cls+max+mean_sqrt_len");
    assert_false(mica_embeddings_normalized(e));
    assert_null(mica_embeddings_vector(e, 2));
    must(mica_embed(session, NULL, 0, NULL, &e, &err), &err);
    assert_int_equal(mica_embeddings_count(e), 0);

    options.pooling = "mean+middle";
    expect(mica_embed(session, texts, 2, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "'middle'");
    assert_int_equal(mica_embeddings_count(e), 0);
    mica_embeddings_destroy(&e);

    mica_embed_options_defaults(&options);
    options.prompt_name = "nobody";
    expect(mica_embed(session, texts, 2, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "'nobody'");
    assert_null(e);
    mica_embed_options_defaults(&options);
    options.dimensions = 25;
    expect(mica_embed(session, texts, 2, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "dimensions 25");
    mica_embed_options_defaults(&options);
    options.max_length = 33;
    expect(mica_embed(session, texts, 2, &options, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
           "max_length 33");
    options.max_length = 20; /* beyond max_seq_length, within the position table */
    options.no_truncate = true;
    options.prompt = "";
    must(mica_embed(session, texts, WORDS, &options, &e, &err), &err);
    assert_int_equal(mica_embeddings_tokens(e, 4), 20);
    mica_embeddings_destroy(&e);
    options.max_length = 19;
    expect(mica_embed(session, texts, WORDS, &options, &e, &err), &err, MICA_STATUS_TOO_LONG,
           "text 4: 20 tokens; at most 19");
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

static void test_bad_texts(void **state)
{
    static const char *const models[] = {"st-plain", "st-modern", "st-old"};

    for (size_t m = 0; m < 3; m++) {
        mica_model *model = open_model(context, fixture(models[m]));
        mica_session *session = new_session(model);
        mica_embeddings *e = NULL;
        mica_text texts[2] = {{"fine", 4}, {"ab\xff", 3}};
        mica_error err = {0};

        expect(mica_embed(session, texts, 2, NULL, &e, &err), &err, MICA_STATUS_INVALID_UTF8,
               "text 1: ");
        assert_non_null(strstr(err.message, m == 0 ? "byte 2" : "2"));
        assert_null(e);
        texts[1] = (mica_text){NULL, 3};
        expect(mica_embed(session, texts, 2, NULL, &e, &err), &err, MICA_STATUS_INVALID_ARGUMENT,
               "text 1: ");
        texts[1] = (mica_text){NULL, 0}; /* an empty text is a text */
        must(mica_embed(session, texts, 2, NULL, &e, &err), &err);
        mica_embeddings_destroy(&e);
        mica_session_destroy(&session);
        mica_model_destroy(&model);
    }
}

static void test_pooling_does_not_fit_dense(void **state)
{
    mica_model *model = open_model(context, fixture("st-old"));
    mica_session *session = new_session(model);
    mica_embeddings *e = NULL;
    mica_embed_options options;
    mica_text text = {"cat", 3};
    mica_error err = {0};

    mica_embed_options_defaults(&options);
    options.pooling = "mean";
    expect(mica_embed(session, &text, 1, &options, &e, &err), &err, MICA_STATUS_SHAPE,
           "module '2_Dense' takes 144 numbers, but pooling 'mean' of hidden_size 24 gives it 24");
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

static void test_no_tokenizer(void **state)
{
    mica_model *model = open_model(context, fixture("bert-base"));
    mica_session *session = new_session(model);
    mica_embeddings *e = NULL;
    mica_text text = {"cat", 3};
    mica_error err = {0};

    expect(mica_embed(session, &text, 1, NULL, &e, &err), &err, MICA_STATUS_NOT_FOUND, "tokenizer");
    assert_null(e);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

/* Below the high-water mark nothing is allocated. */
static void test_no_allocation(void **state)
{
    mica_model *model = open_model(context, fixture("st-chain"));
    mica_session *session = new_session(model);
    mica_text texts[WORDS];
    mica_embeddings *e = NULL;
    mica_error err = {0};
    uint64_t before;

    make_texts(texts);
    must(mica_embed(session, texts, WORDS, NULL, &e, &err), &err);
    before = mica_alloc_count();
    for (size_t n = WORDS; n > 0; n--)
        must(mica_embed(session, texts, n, NULL, &e, &err), &err);
    assert_int_equal(mica_alloc_count(), before);
    mica_embeddings_destroy(&e);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

static void test_minilm(void **state)
{
    const char *dir = minilm_folder(),
               *path = MICA_TEST_DIR "/fixtures/minilm/reference.safetensors";
    mica_json *json = NULL;
    mica_error err = {0};
    mica_text *texts;
    mica_difference *rows = NULL;
    size_t count = 0;

    if (!dir)
        skip();
    mica_model *model = open_model(context, dir);
    mica_session *session = new_session(model);
    must(mica_json_parse_file(MICA_TEST_DIR "/fixtures/minilm/sentences.json", &json, &err), &err);
    size_t n = get_texts(mica_json_root(json), &texts);
    mica_tensor_file *file = open_tensors(path);
    mica_tensor *expected = get_tensor(file, "embeddings");
    mica_embeddings *e = embed(session, texts, n, NULL);
    double largest = 0;

    assert_int_equal(mica_tensor_dim(expected, 0), n);
    assert_int_equal(mica_embeddings_dimension(e), 384);
    for (size_t i = 0; i < n * 384; i++) {
        double difference = fabs((double)mica_embeddings_vector(e, 0)[i] -
                                 ((const float *)mica_tensor_data(expected))[i]);
        if (!(difference <= largest))
            largest = difference;
    }
    printf("all-MiniLM-L6-v2: largest difference %.3g\n", largest);
    assert_true(largest <= 2e-6);
    for (size_t i = 0; i < n; i += 3) { /* alone: the same bits */
        mica_embeddings *one = embed(session, &texts[i], 1, NULL);
        assert_memory_equal(mica_embeddings_vector(one, 0), mica_embeddings_vector(e, i),
                            384 * sizeof(float));
        mica_embeddings_destroy(&one);
    }
    assert_true(mica_embeddings_truncated(e, n - 2));
    assert_int_equal(mica_embeddings_tokens(e, n - 2), 256);
    must(mica_verify(session, path, 0, &rows, &count, &err), &err);
    assert_int_equal(count, 2);
    mica_differences_free(&rows);
    mica_embeddings_destroy(&e);
    mica_tensor_release(&expected);
    mica_tensor_file_close(&file);
    free(texts);
    mica_json_destroy(&json);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_dense_activations),
        cmocka_unit_test(test_bit_identity), cmocka_unit_test(test_options),
        cmocka_unit_test(test_bad_texts),    cmocka_unit_test(test_pooling_does_not_fit_dense),
        cmocka_unit_test(test_no_tokenizer), cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_minilm),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
