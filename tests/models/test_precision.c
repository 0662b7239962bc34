/* SPDX-License-Identifier: MIT
 *
 * Models in bfloat16 and in 8 bits: the same bits in every batch. How near they come to float32:
 * test_accuracy.c.
 */
#include <string.h>

#include "models/support.h"
#include "torture.h"

static void test_names(void **state)
{
    mica_precision found;

    for (int p = 0; p < MICA_PRECISIONS; p++) {
        assert_true(mica_precision_find(mica_precision_name((mica_precision)p), &found));
        assert_int_equal(found, p);
    }
    assert_false(mica_precision_find("fp32", &found));
    assert_string_equal(mica_precision_name((mica_precision)-1), "unknown");
}

static void test_options(void **state)
{
    mica_context *context = new_context(1);
    mica_model_options options;
    mica_model *model = NULL;
    mica_error err = {0};
    mica_model_info info;

    mica_model_options_defaults(&options);
    options.precision = (mica_precision)7;
    expect(mica_model_open_with(context, fixture("bert-model"), &options, &model, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "7 is no precision");
    mica_model_options_defaults(&options);
    options.reserved[3] = 5;
    expect(mica_model_open_with(context, fixture("bert-model"), &options, &model, &err), &err,
           MICA_STATUS_INVALID_ARGUMENT, "reserved option 3 is 5");
    assert_null(model);
    for (int p = 0; p < MICA_PRECISIONS; p++) {
        model = open_in(context, fixture("bert-model"), (mica_precision)p);
        mica_model_get_info(model, &info);
        if (p == MICA_PRECISION_AUTO)
            assert_true(info.precision == MICA_PRECISION_F32 ||
                        info.precision == MICA_PRECISION_BF16);
        else
            assert_int_equal(info.precision, p);
        mica_model_destroy(&model);
    }
    mica_context_destroy(&context);
}

/* Alone, in any batch, with any number of threads. */
static void test_identity(void **state)
{
    static const mica_text texts[] = {{"the cat", 7},
                                      {"", 0},
                                      {"hello world, the cat and more", 29},
                                      {"a", 1},
                                      {"cat cat cat cat cat cat cat", 27}};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    mica_context *one = new_context(1), *three = new_context(3);

    for (int p = 0; p < MICA_PRECISIONS; p++) {
        mica_precision precision = (mica_precision)p;
        const char *path = fixture("st-modern");
        mica_embeddings *all = embed_in(one, path, precision, texts, TEXTS, 0);
        mica_embeddings *small = embed_in(three, path, precision, texts, TEXTS, 8);
        size_t bytes = mica_embeddings_dimension(all) * sizeof(float);

        for (size_t i = 0; i < TEXTS; i++) {
            mica_embeddings *alone = embed_in(three, path, precision, texts + i, 1, 0);
            const float *vector = mica_embeddings_vector(all, i);

            assert_memory_equal(mica_embeddings_vector(alone, 0), vector, bytes);
            assert_memory_equal(mica_embeddings_vector(small, i), vector, bytes);
            mica_embeddings_destroy(&alone);
        }
        mica_embeddings_destroy(&all);
        mica_embeddings_destroy(&small);
    }
    mica_context_destroy(&one);
    mica_context_destroy(&three);
}

static mica_model *open_once(mica_context *context, const char *path, mica_precision precision)
{
    mica_model_options options;
    mica_model *model = NULL;
    mica_error err = {0};

    mica_model_options_defaults(&options);
    options.precision = precision;
    options.once = true;
    must(mica_model_open_with(context, path, &options, &model, &err), &err);
    return model;
}

/* A model whose weights each run packs gives the same bits, each time, with a head or without. */
static void test_once(void **state)
{
    static const char *const names[] = {"st-modern", "bert-f16", "roberta-maskedlm"};
    mica_context *context = new_context(2);

    for (int p = 0; p < 3 * MICA_PRECISIONS; p++) {
        const char *path = fixture(names[p % 3]);
        mica_model *kept = open_in(context, path, (mica_precision)(p / 3));
        mica_model *once = open_once(context, path, (mica_precision)(p / 3));
        mica_session *a = new_session(kept), *b = new_session(once);

        for (int times = 0; times < 2; times++)
            expect_same_outputs(a, b);
        mica_session_destroy(&a);
        mica_session_destroy(&b);
        mica_model_destroy(&kept);
        mica_model_destroy(&once);
    }
    mica_context_destroy(&context);
}

static mica_status open_and_close(void *arg, mica_error *err)
{
    mica_model_options options;
    mica_model *model = NULL;
    mica_status status;

    mica_model_options_defaults(&options);
    options.precision = MICA_PRECISION_INT8;
    status =
        mica_model_open_with(arg, fixture("bert-sequenceclassification"), &options, &model, err);
    mica_model_destroy(&model);
    return status;
}

static void test_torture(void **state)
{
    mica_context *context = new_context(1);

    assert_true(torture_run(open_and_close, context) > 50);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_options),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_once),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
