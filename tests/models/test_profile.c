/* SPDX-License-Identifier: MIT
 *
 * Profiles of a session: every run of every program once, while they are asked for, and no result
 * that differs for it.
 */
#include <stdio.h>
#include <string.h>

#include "models/support.h"

static const mica_text texts[3] = {{"the cat", 7}, {"hello world", 11}, {"a dog sat on", 12}};

typedef struct seen {
    size_t runs, tokens, layers[8]; /* named steps by the number of their layer */
} seen;

static void look(void *user, const mica_executor *executor)
{
    seen *s = user;
    mica_run_profile run;
    mica_step_profile step;
    uint64_t ns = 0;

    assert_true(mica_executor_get_run(executor, &run));
    assert_true(run.steps > 0);
    s->runs++;
    s->tokens += run.tokens;
    for (size_t i = 0; i < run.steps; i++) {
        assert_true(mica_executor_get_step(executor, i, &step));
        ns += step.ns;
        for (size_t k = 0; k < step.inputs; k++) {
            const char *name = mica_executor_weight_name(executor, i, k);
            int layer;

            if (name && sscanf(name, "encoder.layer.%d.", &layer) == 1 && layer < 8) {
                s->layers[layer]++;
                break;
            }
        }
    }
    assert_true(ns > 0 && ns <= run.ns);
}

static void test_session(void **state)
{
    mica_context *context = new_context(2);
    mica_model *model = open_model(context, fixture("st-plain"));
    mica_session *session = new_session(model);
    mica_embeddings *before = NULL, *e = NULL;
    mica_model_info info;
    mica_error err = {0};
    seen s = {0};
    size_t bytes;

    mica_model_get_info(model, &info);
    assert_true(info.layers > 0 && info.layers < 8);
    must(mica_embed(session, texts, 3, NULL, &before, &err), &err);
    bytes = 3 * mica_embeddings_dimension(before) * sizeof(float);
    mica_session_set_profile(session, look, &s);
    must(mica_embed(session, texts, 3, NULL, &e, &err), &err);
    assert_int_equal(s.runs, 1);
    assert_int_equal(s.tokens, mica_embeddings_tokens(e, 0) + mica_embeddings_tokens(e, 1) +
                                   mica_embeddings_tokens(e, 2));
    /* q, k and v in one; the output with its norm; up with its activation; down with its norm */
    for (int64_t layer = 0; layer < info.layers; layer++)
        assert_int_equal(s.layers[layer], 4);
    assert_int_equal(s.layers[info.layers], 0);
    assert_memory_equal(mica_embeddings_vector(e, 0), mica_embeddings_vector(before, 0), bytes);
    mica_session_set_profile(session, NULL, NULL);
    must(mica_embed(session, texts, 3, NULL, &e, &err), &err);
    assert_int_equal(s.runs, 1);
    mica_embeddings_destroy(&before);
    mica_embeddings_destroy(&e);
    mica_session_destroy(&session);
    mica_model_destroy(&model);
    mica_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_session)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
