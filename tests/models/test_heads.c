/* SPDX-License-Identifier: MIT
 *
 * Every family with every head, held to the outputs of transformers (tests/golden/encoders.py);
 * labels; heads that cannot be used.
 */
#include <stdio.h>
#include <string.h>

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

static const char *const families[] = {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet"};

static const char *const heads[] = {
    [MICA_HEAD_NONE] = "model",
    [MICA_HEAD_MASKED_LM] = "maskedlm",
    [MICA_HEAD_SEQUENCE_CLASSIFICATION] = "sequenceclassification",
    [MICA_HEAD_TOKEN_CLASSIFICATION] = "tokenclassification",
    [MICA_HEAD_QUESTION_ANSWERING] = "questionanswering",
};

static const char *folder_of(size_t family, size_t head)
{
    char name[64];

    snprintf(name, sizeof name, "%s-%s", families[family], heads[head]);
    return fixture(name);
}

static void check_labels(const mica_model *model, const char *family, mica_head head)
{
    size_t count = mica_model_label_count(model);

    assert_int_equal(count > 0, head == MICA_HEAD_SEQUENCE_CLASSIFICATION ||
                                    head == MICA_HEAD_TOKEN_CLASSIFICATION);
    for (size_t i = 0; i < count; i++) { /* config.json lists them in another order */
        char label[64];

        snprintf(label, sizeof label, "%s %zu", family, i);
        assert_string_equal(mica_model_label(model, i), label);
    }
    assert_null(mica_model_label(model, count));
}

static void test_outputs(void **state)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
            const char *dir = folder_of(f, h);
            mica_model *model = open_model(context, dir);
            mica_session *session = new_session(model);
            mica_difference *rows = NULL;
            size_t count = 0, expected = 1;
            mica_error err = {0};

            if (h == MICA_HEAD_QUESTION_ANSWERING || (h == MICA_HEAD_NONE && f != 3))
                expected = 2; /* start and end; the last state and the pooler's output */
            assert_int_equal(mica_model_head(model), h);
            check_labels(model, families[f], (mica_head)h);
            must(
                mica_verify(session, path_in(dir, "reference.safetensors"), 0, &rows, &count, &err),
                &err);
            assert_int_equal(count, expected);
            for (size_t i = 0; i < count; i++) {
                assert_true(rows[i].ok);
                assert_true(rows[i].scale > 0.1);
            }
            mica_differences_free(&rows);
            mica_session_destroy(&session);
            mica_model_destroy(&model);
        }
}

/* A sequence's logits do not depend on what is computed beside it. */
static void test_alone(void **state)
{
    const int32_t a[] = {5, 9, 1, 13, 2}, b[] = {7, 8, 30, 31, 32, 33, 34, 35};
    const mica_sequence both[2] = {{a, NULL, NULL, 5}, {b, NULL, NULL, 8}};
    const mica_sequence turned[2] = {{b, NULL, NULL, 8}, {a, NULL, NULL, 5}};

    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        mica_model *model = open_model(context, folder_of(f, MICA_HEAD_SEQUENCE_CLASSIFICATION));
        mica_session *session = new_session(model);
        mica_outputs *first = NULL, *second = NULL;
        size_t labels = mica_model_label_count(model);
        const float *x, *y;
        mica_error err = {0};

        must(mica_forward(session, both, 2, NULL, &first, &err), &err);
        must(mica_forward(session, turned, 2, NULL, &second, &err), &err);
        x = mica_tensor_data(mica_outputs_find(first, "logits"));
        y = mica_tensor_data(mica_outputs_find(second, "logits"));
        assert_memory_equal(x, y + labels, labels * sizeof *x);
        assert_memory_equal(x + labels, y, labels * sizeof *x);
        mica_outputs_destroy(&first);
        mica_outputs_destroy(&second);
        mica_session_destroy(&session);
        mica_model_destroy(&model);
    }
}

/* The base model of a checkpoint can be used whatever is wrong with its head. */
static void check_no_head(const char *from, const char *was, const char *now)
{
    const char *dir = copy_of(from, "no-head");
    mica_model *model;

    edit(path_in(dir, "config.json"), was, now);
    model = open_model(context, dir);
    assert_int_equal(mica_model_head(model), MICA_HEAD_NONE);
    assert_int_equal(mica_model_label_count(model), 0);
    mica_model_destroy(&model);
}

static void test_unusable_heads(void **state)
{
    check_no_head("bert-tokenclassification", "ForTokenClassification", "ForMultipleChoice");
    check_no_head("bert-model", "BertModel", "BertForMaskedLM");
    check_no_head("roberta-tokenclassification", "\"0\": ", "\"zero\": ");
    check_no_head("roberta-tokenclassification", "\"0\": ", "\"77\": \"one more\", \"0\": ");
}

static void test_refused(void **state)
{
    const char *dir = copy_of("roberta-model", "relative");

    edit(path_in(dir, "config.json"), "\"hidden_act\"",
         "\"position_embedding_type\": \"relative_key\", \"hidden_act\"");
    expect_refused(dir, MICA_STATUS_UNSUPPORTED, "'relative_key'");
    dir = copy_of("mpnet-model", "heads");
    edit(path_in(dir, "config.json"),
         "\"num_attention_heads\": ", "\"num_attention_heads\": 7, \"other\": ");
    expect_refused(dir, MICA_STATUS_FORMAT, "num_attention_heads 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_unusable_heads),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
