/* SPDX-License-Identifier: MIT
 *
 * Every public function of models with every allocation failing once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/support.h"
#include "torture.h"

typedef struct work {
    mica_context *context;
    mica_model *model;
    const char *path;
} work;

static mica_status open_and_close(void *arg, mica_error *err)
{
    work *w = arg;
    mica_model *model = NULL;
    mica_status status = mica_model_open(w->context, w->path, &model, err);

    mica_model_destroy(&model);
    return status;
}

static void test_open(void **state)
{
    static const char *const names[] = {"bert-mlm", "bert-sharded", "bert-bin",
                                        "st-chain", "st-old",       "st-modern"};
    work w = {new_context(1), NULL, NULL};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        w.path = fixture(names[i]);
        assert_true(torture_run(open_and_close, &w) > 50);
    }
    mica_context_destroy(&w.context);
}

/* On a model of its own, so that the programs are compiled anew; failures leave it usable. */
static mica_status embed_work(void *arg, mica_error *err)
{
    work *w = arg;
    const mica_text texts[3] = {{"the cat", 7}, {"", 0}, {"hello W\xc3\x89rld", 12}};
    mica_embed_options options;
    mica_embeddings *e = NULL;
    mica_session *session = NULL;
    mica_status status = mica_session_create(w->model, &session, err);

    mica_embed_options_defaults(&options);
    options.prompt = "query: ";
    options.batch_tokens = 8;
    if (status == MICA_OK)
        status = mica_embed(session, texts, 3, &options, &e, err);
    if (status == MICA_OK)
        status = mica_embed(session, texts, 2, &options, &e, err);
    mica_embeddings_destroy(&e);
    mica_session_destroy(&session);
    return status;
}

static void test_embed(void **state)
{
    static const char *const names[] = {"st-chain", "st-instruct", "st-old"};
    work w = {new_context(1), NULL, NULL};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        w.model = open_model(w.context, fixture(names[i]));
        assert_true(torture_run(embed_work, &w) > 20);
        mica_model_destroy(&w.model);
    }
    mica_context_destroy(&w.context);
}

static mica_status forward_work(void *arg, mica_error *err)
{
    work *w = arg;
    const int32_t ids[5] = {1, 2, 3, 4, 5};
    const uint8_t mask[5] = {1, 1, 0, 1, 1};
    const mica_sequence sequences[2] = {{ids, NULL, NULL, 3}, {ids, mask, NULL, 5}};
    mica_forward_options options;
    mica_outputs *outputs = NULL;
    mica_session *session = NULL;
    mica_status status = mica_session_create(w->model, &session, err);

    mica_forward_options_defaults(&options);
    options.hidden_states = true;
    options.batch_tokens = 4;
    if (status == MICA_OK)
        status = mica_forward(session, sequences, 2, &options, &outputs, err);
    mica_outputs_destroy(&outputs);
    mica_session_destroy(&session);
    return status;
}

static void test_forward(void **state)
{
    work w = {new_context(1), NULL, NULL};

    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"bert-base", "mpnet-questionanswering",
                                            "roberta-sequenceclassification"};

        w.model = open_model(w.context, fixture(names[i]));
        assert_true(torture_run(forward_work, &w) > 20);
        mica_model_destroy(&w.model);
    }
    mica_context_destroy(&w.context);
}

static mica_status verify_work(void *arg, mica_error *err)
{
    work *w = arg;
    mica_difference *rows = NULL;
    size_t count = 0;
    mica_session *session = NULL;
    mica_status status = mica_session_create(w->model, &session, err);

    if (status == MICA_OK)
        status = mica_verify(session, w->path, 0, &rows, &count, err);
    mica_differences_free(&rows);
    mica_session_destroy(&session);
    return status;
}

static void test_verify(void **state)
{
    work w = {new_context(1), NULL, NULL};

    w.path = path_in(fixture("bert-base"), "reference.safetensors");
    w.model = open_model(w.context, fixture("bert-base"));
    assert_true(torture_run(verify_work, &w) > 20);
    mica_model_destroy(&w.model);
    mica_context_destroy(&w.context);
}

static mica_status init_work(void *arg, mica_error *err)
{
    work *w = arg;

    return mica_model_init(fixture("st-plain"), w->path, 1, true, err);
}

static void test_init(void **state)
{
    work w = {NULL, NULL, new_folder("init")};

    assert_true(torture_run(init_work, &w) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),   cmocka_unit_test(test_embed), cmocka_unit_test(test_forward),
        cmocka_unit_test(test_verify), cmocka_unit_test(test_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
